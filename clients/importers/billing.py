"""An invoice (380) or credit note (381) to an operation, by the terms of EN 16931, whatever its syntax.

Reading takes three steps: the bytes become a tree (`xml_document`), the tree becomes the semantic model
(`invoice_reading`, with the terms of `ubl` or `cii`), whose sums are checked (`en16931`), and the model
becomes one operation here. A document with any problem gives none.

| operation field | from |
|---|---|
| invoice / credit | BT-1 |
| supplier (the signer), buyer | BG-4, BG-7 through the directory of organisations |
| issue_date, due_date | BT-2, BT-9; without BT-9 the agreed term, if there is one |
| order | BT-13, if invoices are linked to orders |
| lines | BG-25: BT-132 or BT-126, BT-129, BT-131 |
| tax | BT-110 |
| taxes | BT-118, BT-119, BT-117, and the lines' BT-151, BT-152; left out if one does not fit |
| gross (credit: amount) | BT-115, the amount due |
| prepaid, rounding | BT-113, BT-114 |
| allowances, charges | BT-107, BT-108, and what the lines that are left out come to |
| document | SHA-256 of the file, of the PDF where the invoice is inside one |

The ledger counts whole units, under short numbers. Where an invoice has no order to be matched with, nothing
depends on either: a line with a fraction of a unit is one unit, a line whose number the ledger cannot take,
or that another line has, is numbered by its place ("#3"), and a line below zero is left to allowances. A note
says each. Where it has an order, such a line is a problem.

A credit note takes units off what is billed where one of its lines names a line of the order (BT-132) and
credits whole units of it at exactly the price at which the invoice on the ledger bills them: then they are
billed no more, whether they went back or not. Any other line lowers the price, as far as a document can tell:
it credits money, and a note says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from fractions import Fraction
from typing import NamedTuple

from pydantic import ValidationError

from clients.importers.en16931 import Invoice, InvoiceLine, Party, check_sums
from clients.importers.errors import ImportProblem, Problems
from clients.importers.imported import NOTHING, Billed, Entry, ImportContext, Outcome
from contracts.fields import MAX_LINE_ID_LENGTH, MAX_LINES, MAX_QUANTITY
from contracts.trade.invoice import InvoiceSubmit
from contracts.trade.totals import tax_totals
from ledger.blocks.transaction import Operation
from ledger.errors import TallyError
from ledger.money import Money

_SHOWN_CHARACTERS = 80
"""Of a name in a note."""
_ONLY_MONEY = (
    "lines credit money and no units: not units of a billed line at its price; "
    "for goods that went back: tally credit issue --line LINE:QUANTITY"
)


def submitted(
    invoice: Invoice,
    found: Sequence[ImportProblem],
    document: bytes,
    context: ImportContext,
    problems: Problems,
) -> Outcome:
    """The operation that submits an invoice or credit note, which was read with these problems.

    `document` is the SHA-256 of the file that was sent.
    """
    for broken in (*found, *check_sums(invoice), *_check_fit(invoice, context)):
        problems.add(broken)
    if invoice.seller is None or invoice.buyer is None:
        return NOTHING
    try:
        supplier = organisation_of(invoice.seller, "supplier", context.supplier, context)
        buyer = organisation_of(invoice.buyer, "buyer", context.buyer, context)
    except ImportProblem as problem:
        problems.add(problem)
        return NOTHING
    if supplier == buyer:
        place = invoice.buyer.place
        problems.add(
            ImportProblem(
                "same_party",
                "seller and buyer are the same organisation",
                line=place.line,
                column=place.path,
                found=buyer,
                expected="another than the seller",
            )
        )
    if len(problems):
        return NOTHING
    if context.organisation not in ("", supplier):
        return Outcome((), 1, 0, 1, (f"{supplier} signs this document, not {context.organisation}",))
    if invoice.type_code == "381":
        note, told = _credit_note(invoice, supplier, context)
        return Outcome((Entry(supplier, invoice.issue_date, note, 1),), 1, 0, 0, told)
    operation, notes = _invoice(invoice, buyer, document, context)
    return Outcome((Entry(supplier, invoice.issue_date, operation, 1),), 1, 0, 0, notes)


def organisation_of(party: Party, role: str, given: str, context: ImportContext) -> str:
    """The id that the directory finds; the given one where it finds none, never against it."""
    try:
        found = context.directory.find(party.identifiers, party.names, role)
    except ImportProblem as problem:
        if problem.code == "unknown_party" and given:
            return context.directory.checked_id(given, role)
        raise problem.at("", party.place.line, party.place.path) from None
    if given and given != found:
        raise ImportProblem(
            "contradiction",
            f"the document names another {role} than the one given when importing",
            line=party.place.line,
            column=party.place.path,
            found=found,
            expected=given,
        )
    return found


def _check_fit(invoice: Invoice, context: ImportContext) -> Iterator[ImportProblem]:
    """What EN 16931 allows and an operation cannot hold."""
    due = invoice.totals.due
    if due is not None and due.value <= 0:
        yield ImportProblem(
            "nothing_due",
            "nothing is due on this document",
            line=due.place.line,
            column=due.place.path,
            found=Money(due.value, invoice.currency).decimal,
            expected="an amount above zero",
        )
    elif invoice.lines and all(line.net is not None and line.net.value < 0 for line in invoice.lines):
        yield ImportProblem(
            "nothing_billed",
            "no line with an amount from zero",
            line=invoice.place.line,
            column=invoice.place.path,
            found=f"{len(invoice.lines)} lines below zero",
            expected="a line that bills something",
        )
    if invoice.type_code == "381":
        if len(invoice.preceding) != 1:
            yield ImportProblem(
                "preceding_invoice",
                "a credit note on the ledger reduces one invoice",
                line=invoice.place.line,
                column=f"{invoice.place.path}/{invoice.terms.preceding}",
                found=", ".join(invoice.preceding)[:200] or "none",
                expected="one preceding invoice (BT-25)",
            )
        return
    if not invoice.due_date and context.term_days <= 0:
        yield ImportProblem(
            "due_date",
            "no due date",
            line=invoice.place.line,
            column=f"{invoice.place.path}/{invoice.terms.due_date}",
            found="nothing",
            expected="a day, or a term of payment given when importing",
        )
    if invoice.totals.vat is not None and invoice.totals.vat.value < 0:
        yield ImportProblem(
            "negative_amount",
            "VAT below zero on an invoice",
            line=invoice.totals.vat.place.line,
            column=invoice.totals.vat.place.path,
            found=Money(invoice.totals.vat.value, invoice.currency).decimal,
            expected="at least 0",
        )
    if invoice.order and context.link_orders:
        yield from _check_matchable(invoice)


def _check_matchable(invoice: Invoice) -> Iterator[ImportProblem]:
    """Every line of an invoice with an order must be one that the ledger can match."""
    seen: set[str] = set()
    for line in invoice.lines:
        number = line.order_line or line.id
        if not _is_whole(line, number) or number in seen:
            yield ImportProblem(
                "unmatchable_line",
                "a line that cannot be matched with the order",
                line=line.place.line,
                column=line.place.path,
                found=f"line {number[:40]}, quantity {line.quantity}",
                expected="whole units above zero, an amount from zero, and each order line once",
            )
        seen.add(number)
    if len(invoice.lines) > MAX_LINES:
        yield ImportProblem(
            "too_many_lines",
            "document too long",
            line=invoice.lines[MAX_LINES].place.line,
            column=invoice.lines[MAX_LINES].place.path,
            found=len(invoice.lines),
            expected=f"at most {MAX_LINES} lines",
        )


def _is_whole(line: InvoiceLine, number: str) -> bool:
    """Whether an operation can hold the line as it is, under this number."""
    return _is_billable(line) and _is_units(line.quantity) and _is_line_number(number)


def _is_billable(line: InvoiceLine) -> bool:
    return line.net is not None and line.net.value >= 0


def _is_units(quantity: Fraction | None) -> bool:
    return quantity is not None and quantity.denominator == 1 and 1 <= quantity <= MAX_QUANTITY


def _is_line_number(number: str) -> bool:
    return 0 < len(number) <= MAX_LINE_ID_LENGTH and all("!" <= character <= "~" for character in number)


class _Billed(NamedTuple):
    """A line as the operation has it."""

    line: InvoiceLine
    number: str
    quantity: int
    amount: int
    """Minor units."""


def _billed(invoice: Invoice, order: str) -> tuple[tuple[_Billed, ...], tuple[str, ...]]:
    """The lines that the operation holds, and notes on those that it holds otherwise, or not."""
    kept: dict[str, _Billed] = {}
    fractions = renumbered = 0
    for place, line in enumerate(invoice.lines, 1):
        if not _is_billable(line) or line.net is None or len(kept) == MAX_LINES:
            continue
        number = (line.order_line if order else "") or line.id
        if not _is_line_number(number) or number in kept:
            number = f"#{place}"
            renumbered += 1
        quantity = 1
        if line.quantity is not None and _is_units(line.quantity):
            quantity = int(line.quantity)
        else:
            fractions += 1
        kept[number] = _Billed(line, number, quantity, line.net.value)
    of = f"of {len(invoice.lines)} lines"
    counted = (
        (len(invoice.lines) - len(kept), f"{of} are in charges or allowances: below zero, or too many"),
        (fractions, f"{of} are one unit each: not a number of whole units"),
        (renumbered, f"{of} are numbered by their places: too long a number, or one that another has"),
    )
    return tuple(kept.values()), tuple(f"{count} {what}" for count, what in counted if count)


def _invoice(
    invoice: Invoice, buyer: str, document: bytes, context: ImportContext
) -> tuple[Operation, tuple[str, ...]]:
    order = invoice.order if context.link_orders else ""
    kept, told = _billed(invoice, order)
    tax = invoice.totals.vat.value if invoice.totals.vat else 0
    gross = invoice.totals.due.value if invoice.totals.due else 0
    due_date = invoice.due_date
    if not due_date:
        due_date = (date.fromisoformat(invoice.issue_date) + timedelta(days=context.term_days)).isoformat()
    operation: Operation = {
        "op": "invoice.submit",
        "invoice": invoice.number,
        "buyer": buyer,
        "currency": invoice.currency,
        "issue_date": invoice.issue_date,
        "due_date": due_date,
        "order": order,
        "lines": tuple({"line": one.number, "quantity": one.quantity, "amount": one.amount} for one in kept),
        "tax": tax,
        **_adjustments(invoice, gross - tax - sum(one.amount for one in kept)),
        "gross": gross,
        "document": document,
    }
    notes = list(told)
    if invoice.order and not order:
        notes.append(f"not linked to order {invoice.order}")
    if not invoice.due_date:
        notes.append(f"due date from the agreed term of {context.term_days} days")
    if invoice.payee and invoice.seller is not None and invoice.payee not in invoice.seller.names:
        payee = invoice.payee[:_SHOWN_CHARACTERS]
        notes.append(f"to be paid to {payee} and not to the seller: ask whether it is sold already")
    taxed = _with_taxes(operation, invoice, {one.number: one.line for one in kept})
    if taxed is None and tax:
        notes.append("VAT by category is left out: it does not fit to one minor unit")
    return taxed or operation, tuple(notes)


_PPM_PER_PERCENT = 10_000


def _with_taxes(operation: Operation, invoice: Invoice, kept: dict[str, InvoiceLine]) -> Operation | None:
    """The operation with its VAT by category, as the ledger will check it; None where that does not fit.

    What a category's taxable amount holds beyond the lines that are kept is its share of charges and
    allowances.
    """
    places = {number: _tax_place(line.category, line.percent) for number, line in kept.items()}
    taxes = []
    for row in invoice.vat:
        if row.taxable is None or row.tax is None:
            return None
        category, rate_ppm = _tax_place(row.category, row.percent)
        net = sum(
            line["amount"] for line in operation["lines"] if places[line["line"]] == (category, rate_ppm)
        )
        taxes.append(
            {
                "category": category,
                "rate_ppm": rate_ppm,
                "adjustment": row.taxable.value - net,
                "amount": row.tax.value,
            }
        )
    lines = [
        {**line, "category": places[line["line"]][0], "rate_ppm": places[line["line"]][1]}
        for line in operation["lines"]
    ]
    taxed = {**operation, "lines": tuple(lines), "taxes": tuple(taxes)}
    try:
        billed = InvoiceSubmit.model_validate(taxed)
        return taxed if tax_totals(billed) else None
    except (ValidationError, TallyError):
        return None


def _tax_place(category: str, percent: Fraction | None) -> tuple[str, int]:
    """(category, rate in ppm) as an operation has them; a rate finer than that fits no category."""
    rate = (percent or 0) * _PPM_PER_PERCENT
    return (category, int(rate)) if rate.denominator == 1 else ("", 0)


def _adjustments(invoice: Invoice, difference: int) -> Operation:
    """What lies between the lines with their tax and the amount due; minor units.

    Prepayment and rounding are as the document states them. The rest is charges less allowances: its own, and
    the lines that are left out.
    """
    totals = invoice.totals
    prepaid = totals.paid.value if totals.paid else 0
    rounding = totals.rounding.value if totals.rounding else 0
    charges = totals.charges.value if totals.charges else 0
    allowances = charges - (difference + prepaid - rounding)
    if allowances < 0:
        charges, allowances = charges - allowances, 0
    return {"allowances": allowances, "charges": charges, "prepaid": prepaid, "rounding": rounding}


def _credit_note(
    invoice: Invoice, supplier: str, context: ImportContext
) -> tuple[Operation, tuple[str, ...]]:
    due = invoice.totals.due
    operation: Operation = {
        "op": "credit.issue",
        "credit": invoice.number,
        "invoice": invoice.preceding[0],
        "amount": due.value if due else 0,
        "date": invoice.issue_date,
    }
    if not context.link_orders:
        return operation, ()
    known = context.trade.invoice(supplier, invoice.preceding[0])
    if not (invoice.order if known is None else known.order):
        return operation, ()
    units = {} if known is None else _units_credited(invoice.lines, known)
    if units:
        operation["lines"] = tuple({"line": line, "quantity": units[line]} for line in units)
    money = len(invoice.lines) - len(units)
    return operation, (f"{money} of {len(invoice.lines)} {_ONLY_MONEY}",) if money else ()


def _units_credited(lines: Sequence[InvoiceLine], known: Billed) -> dict[str, int]:
    """Units that the lines of a credit note take off what is billed, by line."""
    units: dict[str, int] = {}
    for line in lines:
        billed = known.lines.get(line.order_line)
        if billed is None or line.net is None or line.quantity is None or not _is_units(line.quantity):
            continue
        is_at_its_price = line.net.value * billed.quantity == billed.amount * line.quantity
        if is_at_its_price and line.quantity <= billed.left and line.order_line not in units:
            units[line.order_line] = int(line.quantity)
    return units
