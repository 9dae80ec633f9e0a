"""A UBL 2.1 tree to the semantic model of EN 16931, with a problem for each term that is missing or wrong.

Reading does not stop at the first problem: a sender corrects a document once. The rule
numbers in the codes are those of EN 16931 (BR-02 is `br_02`). Paths in messages are
those of the document itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from clients.importers.en16931 import Amount, Invoice, InvoiceLine, Party, Totals, VatCategory
from clients.importers.errors import ImportProblem
from clients.importers.ubl_terms import TermReader, every, first
from clients.importers.xml_document import UBL, Element, Place, step_name
from ledger.money import CURRENCIES, MAX_AMOUNT

_ROOTS = {f"{{{UBL}Invoice-2}}Invoice": "380", f"{{{UBL}CreditNote-2}}CreditNote": "381"}
_REGISTRATION_NAME = "cac:PartyLegalEntity/cbc:RegistrationName"
_FALLBACK_CURRENCY = "EUR"
"""For finding further problems in a document whose currency is one."""


def read_invoice(root: Element) -> tuple[Invoice, Sequence[ImportProblem]]:
    """The document's terms and what is wrong with them one by one; sums are checked elsewhere.

    Raises:
        ImportProblem: codes `not_ubl` and `document_type`: not an invoice that is known here at all.
    """
    type_code = _ROOTS.get(root.tag)
    if type_code is None:
        raise ImportProblem(
            "not_ubl",
            "not a UBL 2.1 invoice or credit note",
            line=root.sourceline or 0,
            column="/" + step_name(root.tag),
            found=str(root.tag),
            expected="Invoice or CreditNote in UBL's namespaces",
        )
    reader = _Reader(root, is_credit=type_code == "381")
    return reader.invoice(type_code), reader.problems


class _Reader(TermReader):
    def __init__(self, root: Element, *, is_credit: bool) -> None:
        super().__init__(root)
        self.kind = "CreditNote" if is_credit else "Invoice"
        self.quantity_name = "cbc:CreditedQuantity" if is_credit else "cbc:InvoicedQuantity"
        self.currency = _FALLBACK_CURRENCY

    def invoice(self, type_code: str) -> Invoice:
        self._check_type(type_code)
        self.currency = self._currency()
        due_path = "cac:PaymentMeans/cbc:PaymentDueDate" if type_code == "381" else "cbc:DueDate"
        return Invoice(
            place=Place(self.root),
            number=self.identifier(self.root, "cbc:ID", "br_02"),
            issue_date=self.date(self.root, "cbc:IssueDate", "br_03"),
            type_code=type_code,
            currency=self.currency,
            due_date=self.date(self.root, due_path, ""),
            order=self.identifier(self.root, "cac:OrderReference/cbc:ID", ""),
            preceding=tuple(
                dict.fromkeys(
                    self.text(reference)
                    for reference in every(
                        self.root, "cac:BillingReference/cac:InvoiceDocumentReference/cbc:ID"
                    )
                )
            ),
            seller=self._named_party("cac:AccountingSupplierParty/cac:Party", "br_06"),
            buyer=self._named_party("cac:AccountingCustomerParty/cac:Party", "br_07"),
            allowances=self._allowances("false"),
            charges=self._allowances("true"),
            totals=self._totals(),
            vat=self._vat_categories(),
            lines=self._lines(),
        )

    def _check_type(self, type_code: str) -> None:
        element = first(self.root, f"cbc:{self.kind}TypeCode")
        if element is None:
            self.missing(self.root, f"cbc:{self.kind}TypeCode", "br_04")
        elif self.text(element) != type_code:
            self.add(
                "document_type",
                "a type of document that is not imported",
                element,
                found=self.text(element),
                expected=f"{type_code} in a {self.kind}",
            )

    def _currency(self) -> str:
        element = first(self.root, "cbc:DocumentCurrencyCode")
        if element is None:
            self.missing(self.root, "cbc:DocumentCurrencyCode", "br_05")
            named = first(self.root, "cac:LegalMonetaryTotal/*")
            code = str(named.get("currencyID", "")) if named is not None else ""
            return code if code in CURRENCIES else _FALLBACK_CURRENCY
        code = self.text(element)
        if code not in CURRENCIES:
            self.add("unknown_currency", "unknown currency", element, found=code, expected="an ISO 4217 code")
            return _FALLBACK_CURRENCY
        return code

    def _totals(self) -> Totals:
        total = first(self.root, "cac:LegalMonetaryTotal")
        if total is None:
            self.missing(self.root, "cac:LegalMonetaryTotal", "br_12")
            return Totals(None, None, None, None, self._vat_total(), None, None, None, None)
        return Totals(
            lines=self._amount(total, "cbc:LineExtensionAmount", "br_12"),
            allowances=self._amount(total, "cbc:AllowanceTotalAmount", ""),
            charges=self._amount(total, "cbc:ChargeTotalAmount", ""),
            without_vat=self._amount(total, "cbc:TaxExclusiveAmount", "br_13"),
            vat=self._vat_total(),
            with_vat=self._amount(total, "cbc:TaxInclusiveAmount", "br_14"),
            paid=self._amount(total, "cbc:PrepaidAmount", ""),
            rounding=self._amount(total, "cbc:PayableRoundingAmount", ""),
            due=self._amount(total, "cbc:PayableAmount", "br_15"),
        )

    def _tax_totals(self) -> list[Element]:
        """BT-110's groups: those in the document's currency (BT-111 repeats the total in another)."""
        return [
            total
            for total in every(self.root, "cac:TaxTotal")
            if (amount := first(total, "cbc:TaxAmount")) is None
            or amount.get("currencyID", self.currency) == self.currency
        ]

    def _vat_total(self) -> Amount | None:
        totals = self._tax_totals()
        amounts = [amount for total in totals if (amount := self._amount(total, "cbc:TaxAmount", ""))]
        if len({amount.value for amount in amounts}) > 1:
            self.add(
                "br_co_15",
                "two totals of VAT in the document's currency",
                totals[1],
                found=f"{len(amounts)} totals",
                expected="one",
            )
        return amounts[0] if amounts else None

    def _vat_categories(self) -> tuple[VatCategory, ...]:
        return tuple(
            VatCategory(
                self._amount(subtotal, "cbc:TaxableAmount", "br_45"),
                self._amount(subtotal, "cbc:TaxAmount", "br_46"),
                self.number(subtotal, "cac:TaxCategory/cbc:Percent", ""),
                self.optional_text(subtotal, "cac:TaxCategory/cbc:ID"),
            )
            for total in self._tax_totals()
            for subtotal in every(total, "cac:TaxSubtotal")
        )

    def _allowances(self, indicator: str) -> tuple[Amount, ...]:
        rule = "br_31" if indicator == "false" else "br_36"
        amounts: list[Amount] = []
        for group in every(self.root, "cac:AllowanceCharge"):
            element = first(group, "cbc:ChargeIndicator")
            written = self.text(element).lower() if element is not None else ""
            if {"0": "false", "1": "true"}.get(written, written) != indicator:
                continue
            amount = self._amount(group, "cbc:Amount", rule)
            if amount is not None:
                amounts.append(amount)
        return tuple(amounts)

    def _lines(self) -> tuple[InvoiceLine, ...]:
        elements = every(self.root, f"cac:{self.kind}Line")
        if not elements:
            self.missing(self.root, f"cac:{self.kind}Line", "br_16")
        return tuple(
            InvoiceLine(
                id=self.required_text(element, "cbc:ID", "br_21"),
                order_line=self.optional_text(element, "cac:OrderLineReference/cbc:LineID"),
                quantity=self.number(element, self.quantity_name, "br_22"),
                net=self._amount(element, "cbc:LineExtensionAmount", "br_24"),
                category=self.optional_text(element, "cac:Item/cac:ClassifiedTaxCategory/cbc:ID"),
                percent=self.number(element, "cac:Item/cac:ClassifiedTaxCategory/cbc:Percent", ""),
                place=Place(element),
            )
            for element in elements
        )

    def _named_party(self, path: str, name_rule: str) -> Party | None:
        element = first(self.root, path)
        if element is None:
            self.missing(self.root, path, name_rule)
            return None
        name = first(element, _REGISTRATION_NAME)
        if name is None or not "".join(name.itertext()).strip():
            self.missing(element, _REGISTRATION_NAME, name_rule)
        return self.party(element)

    def _amount(self, parent: Element, path: str, rule: str) -> Amount | None:
        number = self.number(parent, path, rule)
        if number is None:
            return None
        element = first(parent, path)
        currency = element.get("currencyID") if element is not None else None
        if currency != self.currency:
            self.add(
                "currency_mismatch",
                "an amount in another currency than the document's",
                element,
                found=str(currency),
                expected=self.currency,
            )
        minor = number * 10 ** CURRENCIES[self.currency]
        if minor.denominator != 1:
            self.add(
                "amount_digits",
                "more decimals than the currency has",
                element,
                found=self.text(element),
                expected=f"at most {CURRENCIES[self.currency]} decimals for {self.currency}",
            )
            return None
        if abs(minor) > MAX_AMOUNT:
            self.add(
                "amount_overflow",
                "amount too large",
                element,
                found=self.text(element),
                expected=f"at most {MAX_AMOUNT} minor units",
            )
            return None
        return Amount(int(minor), Place(element))
