"""What the buyer says to an invoice: confirmed, disputed or rejected, by its own key.

`contracts.trade.invoice.VALIDITY` is the table. A dispute before the confirmation is resolved by a
confirmation (whole or lower), a rejection, or its withdrawal. After the confirmation the buyer owes already:
a dispute only contests an amount, which stops new finance until it confirms less or withdraws. It takes off
no more than it contests: supplier, lender and insurer have seen that amount, and rely on the rest.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from contracts.context import Context
from contracts.errors import refuse
from contracts.fields import Date, InvoiceNumber, Operation, OrganisationId, Part, PositiveAmount, Reason
from contracts.finance import collection
from contracts.reverse_factoring import approval
from contracts.trade.invoice import (
    CONFIRMED,
    VALIDITY,
    Invoice,
    live_invoice,
    require_unpaid,
    withdraw,
    write_invoice,
    wrong_state,
)
from ledger.dates import iso_from_day
from ledger.errors import Refusal
from ledger.money import Money

MAX_CONFIRMED_AT_ONCE = 500
"""Invoices of one `invoice.confirm_many`; a bigger file takes several."""


class InvoiceConfirm(Operation):
    """A buyer confirms that it owes the net by the due date; below the gross, the rest is credited."""

    op: Literal["invoice.confirm"]
    invoice: InvoiceNumber
    supplier: OrganisationId
    net: PositiveAmount = Field(description="amount that the buyer will pay in all; minor units")
    due_date: Date = Field(description="day on which payment is due; ISO text YYYY-MM-DD")


class ConfirmedInvoice(Part):
    """One of many invoices that a buyer confirms together."""

    invoice: InvoiceNumber
    net: PositiveAmount = Field(description="amount that the buyer will pay in all; minor units")
    due_date: Date = Field(description="day on which payment is due; ISO text YYYY-MM-DD")


class InvoiceConfirmMany(Operation):
    """A buyer confirms many invoices of one supplier in one operation: all of them or none."""

    op: Literal["invoice.confirm_many"]
    supplier: OrganisationId
    invoices: Annotated[
        tuple[ConfirmedInvoice, ...], Field(min_length=1, max_length=MAX_CONFIRMED_AT_ONCE)
    ] = Field(description="what is confirmed")


class InvoiceDispute(Operation):
    """A buyer contests an amount of an invoice; a confirmation, a rejection or its withdrawal ends it."""

    op: Literal["invoice.dispute"]
    invoice: InvoiceNumber
    supplier: OrganisationId
    amount: PositiveAmount = Field(description="amount in dispute; minor units")
    reason: Reason


class DisputeWithdraw(Operation):
    """A buyer takes back its dispute: the invoice is as it was before."""

    op: Literal["dispute.withdraw"]
    invoice: InvoiceNumber
    supplier: OrganisationId
    reason: Reason


class InvoiceReject(Operation):
    """A buyer rejects an invoice that it has not confirmed: it owes nothing."""

    op: Literal["invoice.reject"]
    invoice: InvoiceNumber
    supplier: OrganisationId
    reason: Reason


def buyers_invoice(context: Context, supplier: str, number: str) -> Invoice:
    """The live invoice that the signer is the buyer of, under an approver of its own (invariant 17)."""
    invoice = live_invoice(context, supplier, number)
    if invoice.buyer != context.actor:
        raise refuse("not_party", "not the buyer of the invoice", field="signer", found=context.actor)
    context.require_independent(supplier, invoice.supplier_approver)
    return invoice


def confirm(context: Context, operation: InvoiceConfirm) -> None:
    """Confirmed by the buyer; after a dispute this resolves it, possibly lower."""
    confirm_one(context, operation.supplier, operation)


def confirm_many(context: Context, operation: InvoiceConfirmMany) -> None:
    """Confirmed by the buyer one after the other; a refusal of one names it, and refuses all."""
    for place, confirmed in enumerate(operation.invoices):
        try:
            confirm_one(context, operation.supplier, confirmed)
        except Refusal as refusal:
            raise refusal_of(place, confirmed, refusal) from None


def refusal_of(place: int, said: ConfirmedInvoice, refusal: Refusal) -> Refusal:
    """The refusal of one of many invoices, with its number and place."""
    return refuse(
        refusal.code,
        f"invoice {said.invoice}: {refusal.message}",
        field=f"invoices[{place}].{refusal.field}",
        found=refusal.found,
        expected=refusal.expected,
    )


def confirm_one(context: Context, supplier: str, said: InvoiceConfirm | ConfirmedInvoice) -> None:
    """Confirm one invoice of the signer's, for a net and a due date."""
    number = said.invoice
    invoice = buyers_invoice(context, supplier, number)
    was_confirmed = invoice.validity == CONFIRMED
    if was_confirmed and not invoice.contested:
        raise wrong_state(invoice, "Submitted, Disputed or contested")
    validity = VALIDITY.after(invoice.validity, "invoice.confirm")
    _check_net(invoice, said.net)
    _check_due(invoice, said.due_date)
    outstanding = said.net - invoice.paid - invoice.offset - invoice.written_off
    reduction = invoice.outstanding - outstanding
    if was_confirmed:
        _check_contested(invoice, reduction)
        invoice = collection.before_change(context, supplier, number, invoice, reduction)
        collection.rescheduled(context, supplier, number, invoice, said.due_date)
    confirmed = invoice._replace(
        validity=validity,
        due_day=said.due_date,
        net=said.net,
        contested=0,
        credited=invoice.credited + reduction,
        outstanding=outstanding,
        buyer_approver=context.stored_approver,
    )
    confirmed = collection.after_change(context, supplier, number, confirmed)
    write_invoice(context, supplier, number, confirmed)
    context.record(
        supplier,
        invoice.buyer,
        (
            "confirm",
            number,
            invoice.currency,
            said.net,
            said.due_date,
            reduction,
            outstanding,
            invoice.due_day if was_confirmed else 0,
            invoice.outstanding if was_confirmed else 0,
            *confirmed.paid_as,
        ),
    )


def _check_net(invoice: Invoice, net: int) -> None:
    most = invoice.gross - invoice.credited
    if net > most:
        raise refuse(
            "exceeds_gross",
            "more than is left of the gross",
            field="net",
            found=Money(net, invoice.currency),
            expected=f"at most {Money(most, invoice.currency)}",
        )
    least = invoice.paid + invoice.offset + invoice.written_off
    if net < least:
        raise refuse(
            "below_paid",
            "less than was paid",
            field="net",
            found=Money(net, invoice.currency),
            expected=f"at least {Money(least, invoice.currency)}",
        )


def _check_contested(invoice: Invoice, reduction: int) -> None:
    """Refuse to take more off what was confirmed than is in dispute: others hold the buyer to the rest."""
    if reduction > invoice.contested:
        raise refuse(
            "exceeds_contested",
            "more taken off than is in dispute",
            field="net",
            found=Money(reduction, invoice.currency),
            expected=f"at most {Money(invoice.contested, invoice.currency)}",
        )


def _check_due(invoice: Invoice, due: int) -> None:
    if due > invoice.due_day:
        raise refuse(
            "due_date_later",
            "later than the invoice says",
            field="due_date",
            found=iso_from_day(due),
            expected=f"at most {iso_from_day(invoice.due_day)}",
        )
    if due < invoice.issue_day:
        raise refuse("date_order", "due before it was issued", field="due_date", found=iso_from_day(due))


def dispute(context: Context, operation: InvoiceDispute) -> None:
    """Disputed by the buyer; after a confirmation this freezes new finance and voids an open offer."""
    supplier, number = operation.supplier, operation.invoice
    invoice = buyers_invoice(context, supplier, number)
    approval.check_not_approved(context.state, supplier, number)
    if invoice.contested:
        raise refuse(
            "already_disputed",
            "a dispute is open",
            field="invoice",
            found=Money(invoice.contested, invoice.currency),
        )
    validity = VALIDITY.after(invoice.validity, operation.op)
    if operation.amount > invoice.outstanding:
        raise refuse(
            "exceeds_outstanding",
            "more than is outstanding",
            field="amount",
            found=Money(operation.amount, invoice.currency),
            expected=f"at most {Money(invoice.outstanding, invoice.currency)}",
        )
    invoice = collection.before_change(context, supplier, number, invoice, 0)
    disputed = invoice._replace(validity=validity, contested=operation.amount)
    write_invoice(context, supplier, number, disputed)
    context.record(supplier, invoice.buyer, ("dispute", number, invoice.currency, operation.amount))


def withdraw_dispute(context: Context, operation: DisputeWithdraw) -> None:
    """Taken back by the buyer; what credit notes and payments have done since stays."""
    supplier, number = operation.supplier, operation.invoice
    invoice = buyers_invoice(context, supplier, number)
    validity = VALIDITY.after(invoice.validity, operation.op)
    if validity == CONFIRMED and not invoice.contested:
        raise wrong_state(invoice, "Disputed or contested")
    undisputed = invoice._replace(validity=validity, contested=0)
    write_invoice(context, supplier, number, undisputed)
    context.record(supplier, invoice.buyer, ("undispute", number, invoice.currency, invoice.contested))


def reject(context: Context, operation: InvoiceReject) -> None:
    """Rejected by the buyer, before it confirmed or paid anything."""
    supplier, number = operation.supplier, operation.invoice
    invoice = buyers_invoice(context, supplier, number)
    validity = VALIDITY.after(invoice.validity, operation.op)
    require_unpaid(invoice)
    rejected = invoice._replace(buyer_approver=context.stored_approver)
    withdraw(context, supplier, number, rejected, validity)
    context.record(supplier, invoice.buyer, ("reject", number, invoice.currency, invoice.gross))
