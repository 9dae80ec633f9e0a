"""An invoice in XML to the semantic model of EN 16931, with a problem for each term that is missing or wrong.

Where the terms stand is the syntax's own (`Terms`); what is asked of them is the standard's, and stands here
once. Reading does not stop at the first problem: a sender corrects a document once. The rule numbers in the
codes are those of EN 16931 (BR-02 is `br_02`). Paths in messages are those of the document itself.
"""

from __future__ import annotations

from abc import abstractmethod

from clients.importers.en16931 import Amount, Invoice, InvoiceLine, Party, Terms, Totals, VatCategory
from clients.importers.xml_document import Element, Place
from clients.importers.xml_terms import TermReader, every, first
from ledger.money import CURRENCIES, MAX_AMOUNT

_FALLBACK_CURRENCY = "EUR"
"""For finding further problems in a document whose currency is one."""


class InvoiceReader(TermReader):
    """Reads one invoice or credit note; each syntax says what only it can know."""

    are_amounts_labelled = True
    """Whether every amount names its currency; where only some do, one without is in the document's."""

    def __init__(self, root: Element, terms: Terms, types: tuple[str, ...]) -> None:
        """`types` are the type codes that the document may have."""
        super().__init__(root)
        self.terms = terms
        self.types = types
        self.currency = _FALLBACK_CURRENCY

    @abstractmethod
    def party(self, element: Element) -> Party:
        """Identifiers and names of a party, none of which it must have."""

    @abstractmethod
    def vat_groups(self) -> list[Element]:
        """BG-23: the VAT categories in the document's currency."""

    def invoice(self) -> Invoice:
        """The document's terms; sums are checked elsewhere."""
        terms = self.terms
        type_code = self._type_code()
        self.currency = self._currency()
        adjustments = self._adjustments()
        return Invoice(
            place=Place(self.root),
            terms=terms,
            number=self.identifier(self.root, terms.number, "br_02"),
            issue_date=self.date(self.root, terms.issue_date, "br_03"),
            type_code=type_code,
            currency=self.currency,
            due_date=self.date(self.root, terms.due_date, ""),
            order=self.identifier(self.root, terms.order, ""),
            preceding=tuple(
                dict.fromkeys(self.text(reference) for reference in every(self.root, terms.preceding))
            ),
            seller=self._named_party(terms.seller, "br_06"),
            buyer=self._named_party(terms.buyer, "br_07"),
            payee=self.optional_text(self.root, terms.payee),
            allowances=tuple(adjustments["false"]),
            charges=tuple(adjustments["true"]),
            totals=self._totals(),
            vat=self._vat_categories(),
            lines=self._lines(),
        )

    def _type_code(self) -> str:
        element = self.only(self.root, self.terms.type_code)
        if element is None:
            self.missing(self.root, self.terms.type_code, "br_04")
            return self.types[0]
        found = self.text(element)
        if found not in self.types:
            self.add(
                "document_type",
                "a type of document that is not imported",
                element,
                found=found,
                expected=" or ".join(self.types),
            )
            return self.types[0]
        return found

    def _currency(self) -> str:
        element = self.only(self.root, self.terms.currency)
        if element is None:
            self.missing(self.root, self.terms.currency, "br_05")
            named = first(self.root, f"{self.terms.totals}/*[@currencyID]")
            code = str(named.get("currencyID", "")) if named is not None else ""
            return code if code in CURRENCIES else _FALLBACK_CURRENCY
        code = self.text(element)
        if code not in CURRENCIES:
            self.add("unknown_currency", "unknown currency", element, found=code, expected="an ISO 4217 code")
            return _FALLBACK_CURRENCY
        return code

    def _totals(self) -> Totals:
        terms = self.terms
        total = self.only(self.root, terms.totals)
        if total is None:
            self.missing(self.root, terms.totals, "br_12")
            return Totals(None, None, None, None, self._vat_total(), None, None, None, None)
        return Totals(
            lines=self._amount(total, terms.lines_total, "br_12"),
            allowances=self._amount(total, terms.allowances_total, ""),
            charges=self._amount(total, terms.charges_total, ""),
            without_vat=self._amount(total, terms.without_vat, "br_13"),
            vat=self._vat_total(),
            with_vat=self._amount(total, terms.with_vat, "br_14"),
            paid=self._amount(total, terms.paid, ""),
            rounding=self._amount(total, terms.rounding, ""),
            due=self._amount(total, terms.due, "br_15"),
        )

    def is_in_currency(self, amount: Element | None) -> bool:
        """Whether an amount is in the document's currency: BT-111 repeats the VAT in another."""
        return amount is None or amount.get("currencyID", self.currency) == self.currency

    def _vat_total(self) -> Amount | None:
        found = [each for each in every(self.root, self.terms.vat_total) if self.is_in_currency(each)]
        amounts = [amount for each in found if (amount := self._amount_of(each))]
        if len({amount.value for amount in amounts}) > 1:
            self.add(
                "br_co_15",
                "two totals of VAT in the document's currency",
                found[1],
                found=f"{len(amounts)} totals",
                expected="one",
            )
        return amounts[0] if amounts else None

    def _vat_categories(self) -> tuple[VatCategory, ...]:
        terms = self.terms
        return tuple(
            VatCategory(
                self._amount(group, terms.taxable, "br_45"),
                self._amount(group, terms.tax, "br_46"),
                self.number(group, terms.percent, ""),
                self.optional_text(group, terms.category),
            )
            for group in self.vat_groups()
        )

    def _adjustments(self) -> dict[str, list[Amount]]:
        """The document's allowances under "false" and its charges under "true"."""
        found: dict[str, list[Amount]] = {"false": [], "true": []}
        for group in every(self.root, self.terms.adjustment):
            written = self.optional_text(group, self.terms.is_charge)
            is_charge = {"0": "false", "1": "true"}.get(written, written.lower())
            if is_charge not in found:
                self.add(
                    "charge_indicator",
                    "neither an allowance nor a charge",
                    group,
                    found=written,
                    expected="true for a charge, false for an allowance",
                )
                continue
            rule = "br_36" if is_charge == "true" else "br_31"
            amount = self._amount(group, self.terms.adjustment_amount, rule)
            if amount is not None:
                found[is_charge].append(amount)
        return found

    def _lines(self) -> tuple[InvoiceLine, ...]:
        terms = self.terms
        elements = every(self.root, terms.line)
        if not elements:
            self.missing(self.root, terms.line, "br_16")
        return tuple(
            InvoiceLine(
                id=self.required_text(element, terms.line_id, "br_21"),
                order_line=self.optional_text(element, terms.order_line),
                quantity=self.number(element, terms.quantity, "br_22"),
                net=self._amount(element, terms.net, "br_24"),
                category=self.optional_text(element, terms.line_category),
                percent=self.number(element, terms.line_percent, ""),
                place=Place(element),
            )
            for element in elements
        )

    def _named_party(self, path: str, name_rule: str) -> Party | None:
        element = self.only(self.root, path)
        if element is None:
            self.missing(self.root, path, name_rule)
            return None
        name = first(element, self.terms.party_name)
        if name is None or not "".join(name.itertext()).strip():
            self.missing(element, self.terms.party_name, name_rule)
        return self.party(element)

    def _amount(self, parent: Element, path: str, rule: str) -> Amount | None:
        element = self.only(parent, path)
        if element is None:
            if rule:
                self.missing(parent, path, rule)
            return None
        return self._amount_of(element)

    def _amount_of(self, element: Element) -> Amount | None:
        number = self.number_of(element)
        if number is None:
            return None
        currency = element.get("currencyID", None if self.are_amounts_labelled else self.currency)
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
