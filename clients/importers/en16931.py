"""The semantic model of a European invoice (EN 16931-1), as far as the ledger needs it, and its sums.

Amounts are integers of minor units: lines are rounded to the minor unit by whoever wrote the
invoice, and from there on everything adds up exactly. VAT alone has a tolerance.

| rule | says |
|---|---|
| BR-CO-10 | Σ line net amounts (BT-131) = sum of line net (BT-106) |
| BR-CO-11 | Σ document allowances (BT-92) = BT-107 |
| BR-CO-12 | Σ document charges (BT-99) = BT-108 |
| BR-CO-13 | total without VAT (BT-109) = BT-106 − BT-107 + BT-108 |
| BR-CO-14 | total VAT (BT-110) = Σ category VAT (BT-117) |
| BR-CO-15 | total with VAT (BT-112) = BT-109 + BT-110 |
| BR-CO-16 | amount due (BT-115) = BT-112 − paid (BT-113) + rounding (BT-114) |
| BR-CO-17 | category VAT (BT-117) = taxable (BT-116) × rate (BT-119), to one unit of the currency |

The tolerance of BR-CO-17 is that of the official EN 16931 validation artefacts for UBL: less than 1.00. Those
for the Cross Industry Invoice let 1.00 pass as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from clients.importers.errors import ImportProblem
from clients.importers.xml_document import Place
from ledger.money import Money, currency_digits


@dataclass(frozen=True, slots=True)
class Amount:
    """Minor units as written, with the place."""

    value: int
    place: Place


@dataclass(frozen=True, slots=True)
class Terms:
    """Where a syntax has the terms of the standard: paths from the root, or from the group that is named.

    CEN/TS 16931-3-2 binds them to UBL 2.1, CEN/TS 16931-3-3 to the Cross Industry Invoice.
    """

    number: str
    """BT-1."""
    issue_date: str
    """BT-2."""
    type_code: str
    """BT-3."""
    currency: str
    """BT-5."""
    due_date: str
    """BT-9."""
    order: str
    """BT-13."""
    preceding: str
    """BT-25."""
    seller: str
    """BG-4."""
    buyer: str
    """BG-7."""
    party_name: str
    """BT-27, BT-44, of the party."""
    payee: str
    """BT-59."""
    adjustment: str
    """BG-20 and BG-21, allowances and charges of the document."""
    is_charge: str
    """Of the adjustment: true for a charge."""
    adjustment_amount: str
    """BT-92, BT-99, of the adjustment."""
    totals: str
    """BG-22."""
    lines_total: str
    """BT-106, of the totals, as the next seven."""
    allowances_total: str
    """BT-107."""
    charges_total: str
    """BT-108."""
    without_vat: str
    """BT-109."""
    with_vat: str
    """BT-112."""
    paid: str
    """BT-113."""
    rounding: str
    """BT-114."""
    due: str
    """BT-115."""
    vat_total: str
    """BT-110 from the root; BT-111 in another currency."""
    taxable: str
    """BT-116, of the VAT category (BG-23), as the next three."""
    tax: str
    """BT-117."""
    category: str
    """BT-118."""
    percent: str
    """BT-119."""
    line: str
    """BG-25."""
    line_id: str
    """BT-126, of the line, as all that follow."""
    order_line: str
    """BT-132."""
    quantity: str
    """BT-129."""
    net: str
    """BT-131."""
    line_category: str
    """BT-151."""
    line_percent: str
    """BT-152."""


@dataclass(frozen=True, slots=True)
class InvoiceLine:
    """BG-25: one line."""

    id: str
    """BT-126."""
    order_line: str
    """BT-132, empty where the line does not name one."""
    quantity: Fraction | None
    """BT-129."""
    net: Amount | None
    """BT-131."""
    category: str
    """BT-151, empty where it is left out."""
    percent: Fraction | None
    """BT-152."""
    place: Place


@dataclass(frozen=True, slots=True)
class VatCategory:
    """BG-23: one row of the VAT breakdown."""

    taxable: Amount | None
    """BT-116."""
    tax: Amount | None
    """BT-117."""
    percent: Fraction | None
    """BT-119; None where the category has no rate."""
    category: str
    """BT-118, empty where it is left out."""


@dataclass(frozen=True, slots=True)
class Party:
    """BG-4 seller or BG-7 buyer."""

    identifiers: tuple[tuple[str, str], ...]
    """(scheme, value): BT-29, BT-30, BT-31, BT-34 and their twins of the buyer."""
    names: tuple[str, ...]
    """BT-27 and BT-28."""
    place: Place


@dataclass(frozen=True, slots=True)
class Totals:
    """BG-22: document totals; what the document leaves out is None. Four are mandatory."""

    lines: Amount | None
    """BT-106."""
    allowances: Amount | None
    """BT-107."""
    charges: Amount | None
    """BT-108."""
    without_vat: Amount | None
    """BT-109."""
    vat: Amount | None
    """BT-110."""
    with_vat: Amount | None
    """BT-112."""
    paid: Amount | None
    """BT-113."""
    rounding: Amount | None
    """BT-114."""
    due: Amount | None
    """BT-115."""


@dataclass(frozen=True, slots=True)
class Invoice:
    """An invoice or a credit note, as written: what is left out is empty or None."""

    place: Place
    terms: Terms
    """Where its syntax has what it says, or leaves out."""
    number: str
    """BT-1."""
    issue_date: str
    """BT-2."""
    type_code: str
    """BT-3: 380 invoice, 381 credit note."""
    currency: str
    """BT-5."""
    due_date: str
    """BT-9; empty where the document has none."""
    order: str
    """BT-13; empty for none."""
    preceding: tuple[str, ...]
    """BT-25: the invoices that a credit note corrects."""
    seller: Party | None
    buyer: Party | None
    payee: str
    """BT-59, empty for none: who is to be paid in the seller's place."""
    allowances: tuple[Amount, ...]
    """BT-92."""
    charges: tuple[Amount, ...]
    """BT-99."""
    totals: Totals
    vat: tuple[VatCategory, ...]
    lines: tuple[InvoiceLine, ...]


def check_sums(invoice: Invoice) -> Iterator[ImportProblem]:
    """The rules of the table that the invoice breaks; a rule without its total is not looked at."""
    totals = invoice.totals
    net = sum(line.net.value for line in invoice.lines if line.net is not None)
    rules: tuple[tuple[str, str, Amount | None, int | None], ...] = (
        ("br_co_10", "sum of the line net amounts", totals.lines, net),
        ("br_co_11", "sum of the document's allowances", totals.allowances, _sum(invoice.allowances)),
        ("br_co_12", "sum of the document's charges", totals.charges, _sum(invoice.charges)),
        (
            "br_co_13",
            "lines less allowances plus charges",
            totals.without_vat,
            _combined(totals.lines, minus=totals.allowances, plus=totals.charges),
        ),
        (
            "br_co_14",
            "sum of the VAT categories",
            totals.vat,
            _sum(tuple(category.tax for category in invoice.vat if category.tax is not None)),
        ),
        (
            "br_co_15",
            "total without VAT plus VAT",
            totals.with_vat,
            _combined(totals.without_vat, plus=totals.vat),
        ),
        (
            "br_co_16",
            "total with VAT less what is paid plus rounding",
            totals.due,
            _combined(totals.with_vat, minus=totals.paid, plus=totals.rounding),
        ),
    )
    for code, rule, found, expected in rules:
        if expected is not None and (found is not None or code in _ZERO_IF_LEFT_OUT):
            yield from _check_equal(code, rule, found, expected, invoice)
    for category in invoice.vat:
        yield from _check_vat(category, invoice.currency)


_ZERO_IF_LEFT_OUT = frozenset({"br_co_11", "br_co_12"})
"""Totals that may be left out where there is nothing to add up."""


def _sum(amounts: tuple[Amount, ...]) -> int:
    return sum(amount.value for amount in amounts)


def _combined(base: Amount | None, *, minus: Amount | None = None, plus: Amount | None = None) -> int | None:
    if base is None:
        return None
    return base.value - (minus.value if minus else 0) + (plus.value if plus else 0)


def _check_equal(
    code: str, rule: str, found: Amount | None, expected: int, invoice: Invoice
) -> Iterator[ImportProblem]:
    if (found.value if found is not None else 0) == expected:
        return
    place = found.place if found is not None else invoice.place
    yield ImportProblem(
        code,
        f"the total is not the {rule}",
        line=place.line,
        column=place.path,
        found=Money(found.value, invoice.currency).decimal if found is not None else "no total",
        expected=Money(expected, invoice.currency).decimal,
        remedy="Ask the sender for a corrected invoice; sums are not repaired here.",
    )


def _check_vat(category: VatCategory, currency: str) -> Iterator[ImportProblem]:
    if category.taxable is None or category.tax is None or category.percent is None:
        return
    unit = 10 ** currency_digits(currency)
    exact = category.taxable.value * category.percent / 100
    if abs(category.tax.value - exact) < unit:
        return
    yield ImportProblem(
        "br_co_17",
        "the VAT is not the rate of the taxable amount",
        line=category.tax.place.line,
        column=category.tax.place.path,
        found=Money(category.tax.value, currency).decimal,
        expected=f"{Money(round(exact), currency).decimal}, less than one unit off",
        remedy="Ask the sender for a corrected invoice.",
    )
