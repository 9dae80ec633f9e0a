"""Credit notes: issued by the supplier, accepted or rejected by the buyer, applied to what the buyer owes.

    ("credit", supplier, credit) -> CreditNote

Accepting applies a note to its own invoice as far as something is outstanding there, and takes the units that
it names off what is billed. What is left over (the invoice was paid before the goods went back, or the buyer
has undertaken to pay it in full) stays the buyer's credit, which it applies to other invoices of the same
supplier.
"""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple, Self

from pydantic import Field, model_validator

from contracts.context import Context
from contracts.errors import refuse
from contracts.fields import (
    MAX_LINES,
    Amount,
    CreditNumber,
    Date,
    InvoiceNumber,
    LineId,
    Number,
    Operation,
    OrganisationId,
    Part,
    PositiveAmount,
    PositiveQuantity,
    Reason,
)
from contracts.finance import collection
from contracts.lifecycle import LifeCycle, Transition
from contracts.reverse_factoring.approval import check_not_approved, is_approved
from contracts.trade.invoice import (
    CONFIRMED,
    HELD,
    Invoice,
    credit_said,
    credited_over,
    live_invoice,
    over_key,
    unbill,
    write_invoice,
)
from contracts.trade.order import check_lines_once
from ledger.money import CurrencyMismatch, Money
from ledger.state.overlay import Reader, state_key

ISSUED, ACCEPTED, APPLIED, REJECTED = range(4)
LIFE = LifeCycle(
    "credit",
    "decision",
    ("Issued", "Accepted", "Applied", "Rejected"),
    (
        Transition("credit.accept", "Issued", "Accepted", "more than its invoice owes: the rest waits"),
        Transition("credit.accept", "Issued", "Applied", "its invoice owes as much"),
        Transition("credit.apply", "Accepted", "Accepted", "a part of what is left"),
        Transition("credit.apply", "Accepted", "Applied", "all that is left"),
        Transition("credit.reject", "Issued", "Rejected"),
    ),
)


class CreditNote(NamedTuple):
    """State value of a credit note."""

    buyer: str
    invoice: str
    currency: str
    """That of the invoice."""
    amount: int
    """Minor units."""
    day: int
    status: int
    """Place in the states of `LIFE`."""
    supplier_approver: str
    applied: int
    """Minor units that have reduced what the buyer owes."""
    lines: tuple[tuple[str, int], ...]
    """(line of the invoice, units) that are no longer billed."""


class CreditedLine(Part):
    """Units of an invoice's line that are credited."""

    line: LineId = Field(description="line of the invoice")
    quantity: PositiveQuantity


class CreditIssue(Operation):
    """A supplier grants a credit on one invoice."""

    op: Literal["credit.issue"]
    credit: CreditNumber
    invoice: InvoiceNumber
    amount: Amount = Field(
        description="minor units of the invoice's currency; 0 for units once all that it bills is credited"
    )
    date: Date = Field(description="day of issue; ISO text YYYY-MM-DD")
    lines: Annotated[tuple[CreditedLine, ...], Field(max_length=MAX_LINES)] = Field(
        (), description="units that are no longer billed, such as those returned; none for a price credit"
    )

    @model_validator(mode="after")
    def _grants_something(self) -> Self:
        if not self.amount and not self.lines:
            raise ValueError("an amount above zero, or units of lines")
        return self


class CreditAccept(Operation):
    """A buyer accepts a credit note: what it owes on the invoice falls by the amount."""

    op: Literal["credit.accept"]
    credit: CreditNumber
    supplier: OrganisationId


class CreditApply(Operation):
    """A buyer sets what is left of an accepted credit note off against another invoice of the supplier."""

    op: Literal["credit.apply"]
    credit: CreditNumber
    supplier: OrganisationId
    invoice: Number = Field(description="invoice that it pays, as the supplier writes it")
    amount: PositiveAmount = Field(description="minor units of the credit note's currency")


class CreditReject(Operation):
    """A buyer refuses a credit note: nothing changes on the invoice."""

    op: Literal["credit.reject"]
    credit: CreditNumber
    supplier: OrganisationId
    reason: Reason


def credit_key(supplier: str, credit: str) -> bytes:
    """State key of a credit note."""
    return state_key("credit", supplier, credit)


def read_credit(state: Reader, supplier: str, credit: str) -> CreditNote | None:
    """The credit note, if there is one."""
    value = state.get(credit_key(supplier, credit))
    return None if value is None else CreditNote._make(value)


def issue(context: Context, operation: CreditIssue) -> None:
    """Issued by the supplier; nothing changes on the invoice yet."""
    supplier = context.actor
    invoice = live_invoice(context, supplier, operation.invoice)
    context.require_past(operation.date, "date")
    if operation.date < invoice.issue_day:
        raise refuse("date_order", "before the invoice", field="date")
    if read_credit(context.state, supplier, operation.credit) is not None:
        raise refuse("duplicate_number", "credit note number used", field="credit", found=operation.credit)
    lines = tuple([(line.line, line.quantity) for line in operation.lines])
    check_lines_once(tuple([line for line, _ in lines]))
    _check_fits(invoice, credited_over(context.state, supplier, operation.invoice), operation.amount, lines)
    credit = CreditNote(
        invoice.buyer,
        operation.invoice,
        invoice.currency,
        operation.amount,
        operation.date,
        ISSUED,
        context.stored_approver,
        0,
        lines,
    )
    context.put(credit_key(supplier, operation.credit), tuple(credit))


def accept(context: Context, operation: CreditAccept) -> None:
    """Accepted by the buyer and applied as far as its invoice owes; finance is told first.

    Nothing is taken off an approved invoice: all of it is left to be applied to others.
    """
    supplier, number = operation.supplier, operation.credit
    credit = _buyers_credit(context, supplier, number)
    status = LIFE.after(credit.status, operation.op, APPLIED)
    invoice = live_invoice(context, supplier, credit.invoice)
    over = credited_over(context.state, supplier, credit.invoice)
    _check_fits(invoice, over, credit.amount, credit.lines)
    applied = min(credit.amount, invoice.outstanding)
    if is_approved(context.state, supplier, credit.invoice):
        applied = 0
    if applied < credit.amount:
        status = LIFE.after(credit.status, operation.op, ACCEPTED)
        context.put(over_key(supplier, credit.invoice), over + credit.amount - applied)
    if credit.lines and invoice.order:
        unbill(context, supplier, invoice, dict(credit.lines))
    is_confirmed = invoice.validity == CONFIRMED
    if applied:
        invoice = collection.before_change(context, supplier, credit.invoice, invoice, applied)
    outstanding = invoice.outstanding - applied
    credited = invoice._replace(
        credited=invoice.credited + applied,
        net=max(0, invoice.net - applied),
        contested=min(invoice.contested, outstanding),
        outstanding=outstanding,
        credited_units=_joined(invoice.credited_units, credit.lines),
    )
    if applied:
        credited = collection.after_change(context, supplier, credit.invoice, credited)
    write_invoice(context, supplier, credit.invoice, credited)
    context.put(credit_key(supplier, number), tuple(credit._replace(status=status, applied=applied)))
    _record(context, supplier, number, (credit.invoice, credited), (applied, is_confirmed))


def _joined(
    before: tuple[tuple[str, int], ...], more: tuple[tuple[str, int], ...]
) -> tuple[tuple[str, int], ...]:
    units = dict(before)
    for line, quantity in more:
        units[line] = units.get(line, 0) + quantity
    return tuple(units.items())


def apply(context: Context, operation: CreditApply) -> None:
    """Applied by the buyer to an invoice that nobody has bought: what it owes there falls."""
    supplier, number = operation.supplier, operation.credit
    credit = _buyers_credit(context, supplier, number)
    applied = credit.applied + operation.amount
    status = LIFE.after(credit.status, operation.op, APPLIED if applied == credit.amount else ACCEPTED)
    invoice = live_invoice(context, supplier, operation.invoice)
    if invoice.buyer != credit.buyer:
        raise refuse("not_party", "invoice of another buyer", field="invoice", found=operation.invoice)
    if invoice.currency != credit.currency:
        raise CurrencyMismatch(credit.currency, invoice.currency, "invoice")
    if invoice.title in HELD:
        raise refuse("title_not_free", "a lender holds it", field="invoice", found=operation.invoice)
    check_not_approved(context.state, supplier, operation.invoice)
    left = min(credit.amount - credit.applied, invoice.outstanding)
    if operation.amount > left:
        raise refuse(
            "exceeds_outstanding",
            "more than is left of the credit, or of the invoice",
            field="amount",
            found=Money(operation.amount, invoice.currency),
            expected=f"at most {Money(left, invoice.currency)}",
        )
    invoice = collection.before_change(context, supplier, operation.invoice, invoice, 0)
    outstanding = invoice.outstanding - operation.amount
    offset = invoice._replace(
        offset=invoice.offset + operation.amount,
        contested=min(invoice.contested, outstanding),
        outstanding=outstanding,
    )
    write_invoice(context, supplier, operation.invoice, offset)
    context.put(credit_key(supplier, number), tuple(credit._replace(status=status, applied=applied)))
    is_confirmed = invoice.validity == CONFIRMED
    _record(context, supplier, number, (operation.invoice, offset), (operation.amount, is_confirmed))


def _record(
    context: Context, supplier: str, number: str, reduced: tuple[str, Invoice], taken: tuple[int, bool]
) -> None:
    """Record what of a credit note reduced an invoice; nothing did where that was settled before."""
    bill, invoice = reduced
    amount, is_confirmed = taken
    if amount:
        said = credit_said(bill, invoice, amount, amount if is_confirmed else 0)
        context.record(supplier, invoice.buyer, ("credit", number, invoice.currency, *said))


def reject(context: Context, operation: CreditReject) -> None:
    """Rejected by the buyer: the note is over, nothing changes on the invoice."""
    credit = _buyers_credit(context, operation.supplier, operation.credit)
    rejected = credit._replace(status=LIFE.after(credit.status, operation.op))
    context.put(credit_key(operation.supplier, operation.credit), tuple(rejected))


def _buyers_credit(context: Context, supplier: str, number: str) -> CreditNote:
    """The credit note to the signer, under an approver of its own (invariant 17)."""
    credit = read_credit(context.state, supplier, number)
    if credit is None:
        raise refuse("unknown_credit", "no such credit note", field="credit", found=number)
    if credit.buyer != context.actor:
        raise refuse("not_party", "not the buyer of the invoice", field="signer", found=context.actor)
    context.require_independent(supplier, credit.supplier_approver)
    return credit


def _check_fits(invoice: Invoice, over: int, amount: int, lines: tuple[tuple[str, int], ...]) -> None:
    """Refuse to credit more money or units than the invoice bills and was not credited yet.

    `over` is what was credited beyond what it owed: it is no part of `Invoice.credited`. What was written off
    is not credited: the buyer has not paid it, and would have it off what else it owes.
    """
    most = max(0, invoice.gross - invoice.credited - invoice.written_off - over)
    if amount > most:
        raise refuse(
            "exceeds_gross",
            "more than is left of the gross",
            field="amount",
            found=Money(amount, invoice.currency),
            expected=f"at most {Money(most, invoice.currency)}",
        )
    if not amount and most:
        raise refuse(
            "amount_mismatch",
            "units without their price",
            field="amount",
            found=Money(0, invoice.currency),
            expected=f"above zero, at most {Money(most, invoice.currency)}",
        )
    if not lines:
        return
    billed = invoice.billed_units
    for line, quantity in lines:
        if quantity > billed.get(line, 0):
            raise refuse(
                "exceeds_billed",
                "more units than the invoice bills",
                field="lines.quantity",
                found=f"line {line}: {quantity}",
                expected=f"at most {billed.get(line, 0)}",
            )
