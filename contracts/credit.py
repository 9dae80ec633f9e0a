"""Credit notes: Issued (supplier) -> Accepted and applied (buyer) | Rejected (buyer).

("credit", supplier, credit) -> CreditNote
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from pydantic import Field

from contracts import finance
from contracts.context import Context
from contracts.errors import refuse
from contracts.fields import Date, Number, Operation, OrganisationId, PositiveAmount, Reason
from contracts.invoice import CONFIRMED, Invoice, live_invoice, write_invoice
from ledger.money import CurrencyMismatch
from ledger.state import Reader, state_key

ISSUED, APPLIED, REJECTED = range(3)
STATUSES = ("Issued", "Applied", "Rejected")


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
    """Place in `STATUSES`; acceptance applies it at once."""
    supplier_approver: str


class CreditIssue(Operation):
    """A supplier grants a credit on one invoice."""

    op: Literal["credit.issue"]
    credit: Number = Field(description="credit note number, as the supplier writes it")
    invoice: Number = Field(description="invoice number, as the supplier writes it")
    amount: PositiveAmount = Field(description="minor units of the invoice's currency")
    date: Date = Field(description="day of issue; ISO text YYYY-MM-DD")


class CreditAccept(Operation):
    """A buyer accepts a credit note: what it owes on the invoice falls by the amount."""

    op: Literal["credit.accept"]
    credit: Number = Field(description="credit note number, as the supplier writes it")
    supplier: OrganisationId


class CreditReject(Operation):
    """A buyer refuses a credit note: nothing changes on the invoice."""

    op: Literal["credit.reject"]
    credit: Number = Field(description="credit note number, as the supplier writes it")
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
    _check_outstanding(invoice, operation.amount)
    credit = CreditNote(
        invoice.buyer,
        operation.invoice,
        invoice.currency,
        operation.amount,
        operation.date,
        ISSUED,
        context.stored_approver,
    )
    context.put(credit_key(supplier, operation.credit), tuple(credit))


def accept(context: Context, operation: CreditAccept) -> None:
    """Accepted by the buyer and applied: what is outstanding falls; finance is told first."""
    supplier = operation.supplier
    credit = _issued_credit(context, supplier, operation.credit)
    invoice = live_invoice(context, supplier, credit.invoice)
    _check_outstanding(invoice, credit.amount)
    if credit.currency != invoice.currency:
        raise CurrencyMismatch(credit.currency, invoice.currency)
    is_confirmed = invoice.validity == CONFIRMED
    invoice = finance.before_change(context, supplier, credit.invoice, invoice, credit.amount)
    outstanding = invoice.outstanding - credit.amount
    credited = invoice._replace(
        credited=invoice.credited + credit.amount,
        net=max(0, invoice.net - credit.amount),
        contested=min(invoice.contested, outstanding),
        outstanding=outstanding,
    )
    credited = finance.after_change(context, supplier, credit.invoice, credited)
    write_invoice(context, supplier, credit.invoice, credited)
    context.put(credit_key(supplier, operation.credit), tuple(credit._replace(status=APPLIED)))
    context.record(
        supplier,
        credit.buyer,
        (
            "credit",
            operation.credit,
            credit.currency,
            credit.amount,
            invoice.due_day,
            credit.amount if is_confirmed else 0,
            credit.invoice,
            int(outstanding == 0),
        ),
    )


def reject(context: Context, operation: CreditReject) -> None:
    """Rejected by the buyer: the note is over, nothing changes on the invoice."""
    credit = _issued_credit(context, operation.supplier, operation.credit)
    context.put(credit_key(operation.supplier, operation.credit), tuple(credit._replace(status=REJECTED)))


def _issued_credit(context: Context, supplier: str, number: str) -> CreditNote:
    """The credit note that waits for the signer, its buyer, under an approver of its own (invariant 17)."""
    credit = read_credit(context.state, supplier, number)
    if credit is None:
        raise refuse("unknown_credit", "no such credit note", field="credit", found=number)
    if credit.buyer != context.actor:
        raise refuse("not_party", "not the buyer of the invoice", field="signer", found=context.actor)
    context.require_independent(supplier, credit.supplier_approver)
    if credit.status != ISSUED:
        raise refuse(
            "wrong_state",
            "credit note decided before",
            field="credit",
            found=STATUSES[credit.status],
            expected="Issued",
        )
    return credit


def _check_outstanding(invoice: Invoice, amount: int) -> None:
    if amount > invoice.outstanding:
        raise refuse(
            "exceeds_outstanding",
            "more than is outstanding",
            field="amount",
            found=amount,
            expected=f"at most {invoice.outstanding}",
        )
