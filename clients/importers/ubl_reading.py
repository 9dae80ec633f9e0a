"""A UBL 2.1 tree to the semantic model of EN 16931, with a problem for each term that is missing or wrong.

Reading does not stop at the first problem: a sender corrects a document once. The rule
numbers in the codes are those of EN 16931 (BR-02 is `br_02`). Paths in messages are
those of the document itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction

from clients.importers.en16931 import Amount, Invoice, InvoiceLine, Party, Totals, VatCategory
from clients.importers.errors import ImportProblem, quoted
from clients.importers.limits import MAX_XML_TEXT_CHARACTERS
from clients.importers.xml_document import PREFIXES, Element, Place, path_of, step_name
from ledger.dates import day_from_iso
from ledger.errors import TallyError
from ledger.identifiers import checked_identifier
from ledger.money import CURRENCIES, MAX_AMOUNT

_UBL = "urn:oasis:names:specification:ubl:schema:xsd:"
_ROOTS = {f"{{{_UBL}Invoice-2}}Invoice": "380", f"{{{_UBL}CreditNote-2}}CreditNote": "381"}
_NAMESPACES = {prefix: namespace for namespace, prefix in PREFIXES.items()}
_DECIMAL = re.compile(r"([+-]?)([0-9]{0,18})(?:\.([0-9]{0,18}))?")
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


class _Reader:
    def __init__(self, root: Element, *, is_credit: bool) -> None:
        self.root = root
        self.kind = "CreditNote" if is_credit else "Invoice"
        self.quantity_name = "cbc:CreditedQuantity" if is_credit else "cbc:InvoicedQuantity"
        self.problems: list[ImportProblem] = []
        self.currency = _FALLBACK_CURRENCY

    def invoice(self, type_code: str) -> Invoice:
        self._check_type(type_code)
        self.currency = self._currency()
        due_path = "cac:PaymentMeans/cbc:PaymentDueDate" if type_code == "381" else "cbc:DueDate"
        return Invoice(
            place=Place(self.root),
            number=self._identifier(self.root, "cbc:ID", "br_02"),
            issue_date=self._date(self.root, "cbc:IssueDate", "br_03"),
            type_code=type_code,
            currency=self.currency,
            due_date=self._date(self.root, due_path, ""),
            order=self._identifier(self.root, "cac:OrderReference/cbc:ID", ""),
            preceding=tuple(
                dict.fromkeys(
                    self._text(reference)
                    for reference in _all(
                        self.root, "cac:BillingReference/cac:InvoiceDocumentReference/cbc:ID"
                    )
                )
            ),
            seller=self._party("cac:AccountingSupplierParty/cac:Party", "br_06"),
            buyer=self._party("cac:AccountingCustomerParty/cac:Party", "br_07"),
            allowances=self._allowances("false"),
            charges=self._allowances("true"),
            totals=self._totals(),
            vat=self._vat_categories(),
            lines=self._lines(),
        )

    def _check_type(self, type_code: str) -> None:
        element = _first(self.root, f"cbc:{self.kind}TypeCode")
        if element is None:
            self._missing(self.root, f"cbc:{self.kind}TypeCode", "br_04")
        elif self._text(element) != type_code:
            self._add(
                "document_type",
                "a type of document that is not imported",
                element,
                found=self._text(element),
                expected=f"{type_code} in a {self.kind}",
            )

    def _currency(self) -> str:
        element = _first(self.root, "cbc:DocumentCurrencyCode")
        if element is None:
            self._missing(self.root, "cbc:DocumentCurrencyCode", "br_05")
            named = _first(self.root, "cac:LegalMonetaryTotal/*")
            code = str(named.get("currencyID", "")) if named is not None else ""
            return code if code in CURRENCIES else _FALLBACK_CURRENCY
        code = self._text(element)
        if code not in CURRENCIES:
            self._add(
                "unknown_currency", "unknown currency", element, found=code, expected="an ISO 4217 code"
            )
            return _FALLBACK_CURRENCY
        return code

    def _totals(self) -> Totals:
        total = _first(self.root, "cac:LegalMonetaryTotal")
        if total is None:
            self._missing(self.root, "cac:LegalMonetaryTotal", "br_12")
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
            for total in _all(self.root, "cac:TaxTotal")
            if (amount := _first(total, "cbc:TaxAmount")) is None
            or amount.get("currencyID", self.currency) == self.currency
        ]

    def _vat_total(self) -> Amount | None:
        totals = self._tax_totals()
        amounts = [amount for total in totals if (amount := self._amount(total, "cbc:TaxAmount", ""))]
        if len({amount.value for amount in amounts}) > 1:
            self._add(
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
                self._number(subtotal, "cac:TaxCategory/cbc:Percent", ""),
                self._optional_text(subtotal, "cac:TaxCategory/cbc:ID"),
            )
            for total in self._tax_totals()
            for subtotal in _all(total, "cac:TaxSubtotal")
        )

    def _allowances(self, indicator: str) -> tuple[Amount, ...]:
        rule = "br_31" if indicator == "false" else "br_36"
        amounts: list[Amount] = []
        for group in _all(self.root, "cac:AllowanceCharge"):
            element = _first(group, "cbc:ChargeIndicator")
            written = self._text(element).lower() if element is not None else ""
            if {"0": "false", "1": "true"}.get(written, written) != indicator:
                continue
            amount = self._amount(group, "cbc:Amount", rule)
            if amount is not None:
                amounts.append(amount)
        return tuple(amounts)

    def _lines(self) -> tuple[InvoiceLine, ...]:
        elements = _all(self.root, f"cac:{self.kind}Line")
        if not elements:
            self._missing(self.root, f"cac:{self.kind}Line", "br_16")
        return tuple(
            InvoiceLine(
                id=self._required_text(element, "cbc:ID", "br_21"),
                order_line=self._optional_text(element, "cac:OrderLineReference/cbc:LineID"),
                quantity=self._number(element, self.quantity_name, "br_22"),
                net=self._amount(element, "cbc:LineExtensionAmount", "br_24"),
                category=self._optional_text(element, "cac:Item/cac:ClassifiedTaxCategory/cbc:ID"),
                percent=self._number(element, "cac:Item/cac:ClassifiedTaxCategory/cbc:Percent", ""),
                place=Place(element),
            )
            for element in elements
        )

    def _party(self, path: str, name_rule: str) -> Party | None:
        party = _first(self.root, path)
        if party is None:
            self._missing(self.root, path, name_rule)
            return None
        identifiers = [
            (element.get("schemeID") or "", self._text(element))
            for step in (
                "cac:PartyIdentification/cbc:ID",
                "cac:PartyLegalEntity/cbc:CompanyID",
                "cbc:EndpointID",
            )
            for element in _all(party, step)
        ]
        for scheme in _all(party, "cac:PartyTaxScheme"):
            number = self._optional_text(scheme, "cbc:CompanyID")
            if number and self._optional_text(scheme, "cac:TaxScheme/cbc:ID").upper() == "VAT":
                identifiers.append(("VAT", number))
        registered = self._required_text(party, "cac:PartyLegalEntity/cbc:RegistrationName", name_rule)
        traded = self._optional_text(party, "cac:PartyName/cbc:Name")
        names = tuple(dict.fromkeys(name for name in (registered, traded) if name))
        return Party(tuple(pair for pair in identifiers if pair[1]), names, Place(party))

    def _text(self, element: Element) -> str:
        text = " ".join("".join(element.itertext()).split())
        if len(text) > MAX_XML_TEXT_CHARACTERS:
            self._add(
                "text_too_long",
                "text too long",
                element,
                found=f"{len(text)} characters",
                expected=f"at most {MAX_XML_TEXT_CHARACTERS}",
            )
            return ""
        return text

    def _optional_text(self, parent: Element, path: str) -> str:
        element = _first(parent, path)
        return self._text(element) if element is not None else ""

    def _required_text(self, parent: Element, path: str, rule: str) -> str:
        text = self._optional_text(parent, path)
        if not text:
            self._missing(parent, path, rule)
        return text

    def _identifier(self, parent: Element, path: str, rule: str) -> str:
        """A document's number; a missing one is a problem if there is a rule that asks for it."""
        text = self._required_text(parent, path, rule) if rule else self._optional_text(parent, path)
        if not text:
            return ""
        try:
            return checked_identifier(text, path)
        except TallyError as error:
            self._add(error.code, error.message, _first(parent, path), found=text, expected=error.expected)
            return ""

    def _date(self, parent: Element, path: str, rule: str) -> str:
        text = self._required_text(parent, path, rule) if rule else self._optional_text(parent, path)
        if not text:
            return ""
        try:
            day_from_iso(text)
        except TallyError:
            self._add("date", "not a date", _first(parent, path), found=text, expected="a day as YYYY-MM-DD")
            return ""
        return text

    def _number(self, parent: Element, path: str, rule: str) -> Fraction | None:
        """An exact decimal."""
        element = _first(parent, path)
        if element is None:
            if rule:
                self._missing(parent, path, rule)
            return None
        text = self._text(element)
        match = _DECIMAL.fullmatch(text)
        if match is None or not (match[2] or match[3]):
            self._add("number", "not a number", element, found=text, expected="a decimal such as 12.5")
            return None
        whole, part = match[2] or "0", match[3] or ""
        value = Fraction(int(whole + part), 10 ** len(part))
        return -value if match[1] == "-" else value

    def _amount(self, parent: Element, path: str, rule: str) -> Amount | None:
        number = self._number(parent, path, rule)
        if number is None:
            return None
        element = _first(parent, path)
        currency = element.get("currencyID") if element is not None else None
        if currency != self.currency:
            self._add(
                "currency_mismatch",
                "an amount in another currency than the document's",
                element,
                found=str(currency),
                expected=self.currency,
            )
        minor = number * 10 ** CURRENCIES[self.currency]
        if minor.denominator != 1:
            self._add(
                "amount_digits",
                "more decimals than the currency has",
                element,
                found=self._text(element),
                expected=f"at most {CURRENCIES[self.currency]} decimals for {self.currency}",
            )
            return None
        if abs(minor) > MAX_AMOUNT:
            self._add(
                "amount_overflow",
                "amount too large",
                element,
                found=self._text(element),
                expected=f"at most {MAX_AMOUNT} minor units",
            )
            return None
        return Amount(int(minor), Place(element))

    def _missing(self, parent: Element, path: str, rule: str) -> None:
        self.problems.append(
            ImportProblem(
                rule,
                "a mandatory term is missing",
                line=parent.sourceline or 0,
                column=f"{path_of(parent)}/{path}",
                found="nothing",
                expected=f"a value (rule {rule.upper().replace('_', '-')} of EN 16931)",
            )
        )

    def _add(self, code: str, message: str, element: Element | None, *, found: str, expected: object) -> None:
        place = Place(element if element is not None else self.root)
        self.problems.append(
            ImportProblem(
                code, message, line=place.line, column=place.path, found=quoted(found), expected=expected
            )
        )


def _first(parent: Element, path: str) -> Element | None:
    return parent.find(path, _NAMESPACES)


def _all(parent: Element, path: str) -> list[Element]:
    found: list[Element] = parent.findall(path, _NAMESPACES)
    return found
