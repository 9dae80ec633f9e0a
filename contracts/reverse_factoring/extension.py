"""Extension: a buyer puts off the payment of an invoice that its funder has paid, and pays for the days.

How far, and at which rate, the programme said on the day of the approval. The charge is up(principal · rate
· days / day count); it leaves the buyer's deposit in the operation that moves the due date. The supplier,
who has its money, is not touched by it. An extension is a record of the history: later lenders see that the
buyer took more time.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from contracts.cash import bank, deposit
from contracts.context import Context
from contracts.errors import refuse
from contracts.fields import MAX_TERM_DAYS, Amount, Date, InvoiceNumber, Operation, OrganisationId
from contracts.finance.claim import Lien, held_lien, put_claim
from contracts.holdings import book
from contracts.pricing import formulae
from contracts.reverse_factoring.approval import Approval, read_approval
from contracts.trade.confirmation import buyers_invoice
from contracts.trade.invoice import Invoice, write_invoice
from ledger.dates import iso_from_day
from ledger.money import Money


class PayablesExtend(Operation):
    """A buyer puts off the payment of a financed invoice, and pays for the days out of its deposit."""

    op: Literal["payables.extend"]
    supplier: OrganisationId
    invoice: InvoiceNumber
    due_date: Date = Field(description="new due date, after the present one; ISO text YYYY-MM-DD")
    bank: OrganisationId = Field(description="settlement bank at which buyer and funder have deposits")
    charge: Amount = Field(description="what the days cost at the programme's rate; minor units")


def charge(approved: Approval, lien: Lien, days: int) -> int:
    """What so many days more cost the buyer, up; minor units."""
    return formulae.simple_discount(lien.principal, approved.extension_rate_ppm, days, lien.day_count)


def extend(context: Context, operation: PayablesExtend) -> None:
    """Put off by the buyer: the funder has its charge and the due date moves, in one operation."""
    supplier, number = operation.supplier, operation.invoice
    invoice = buyers_invoice(context, supplier, number)
    lien = held_lien(context, supplier, number)
    approved = read_approval(context.state, supplier, number)
    if approved is None or not lien.arrangement:
        raise refuse("not_approved", "not financed as an approved one", field="invoice", found=number)
    _check_extension(context, invoice, approved, operation.due_date)
    due = charge(approved, lien, operation.due_date - invoice.due_day)
    if operation.charge != due:
        raise refuse(
            "quote_stale",
            "not what the days cost",
            field="charge",
            found=Money(operation.charge, lien.currency),
            expected=Money(due, lien.currency),
        )
    if due:
        _pay_charge(context, operation, lien, due)
        book.received(context, supplier, number, lien, (0, due, 0), by_buyer=True)
    put_claim(context, supplier, number, lien._replace(interest_from=operation.due_date))
    book.rescheduled(context, supplier, number, lien, operation.due_date)
    write_invoice(context, supplier, number, invoice._replace(due_day=operation.due_date))
    dates = (operation.due_date, invoice.due_day)
    context.record(supplier, invoice.buyer, ("extend", number, invoice.currency, invoice.outstanding, *dates))


def _check_extension(context: Context, invoice: Invoice, approved: Approval, due: int) -> None:
    if context.day > invoice.due_day or invoice.defaulted:
        raise refuse(
            "past_due",
            "the due date has passed",
            field="invoice",
            found=iso_from_day(invoice.due_day),
            expected=f"{iso_from_day(context.day)} or later",
        )
    latest = min(approved.extend_until, context.day + MAX_TERM_DAYS)
    if not invoice.due_day < due <= latest:
        raise refuse(
            "extension_out_of_range",
            "not a day to which the payment may be put off",
            field="due_date",
            found=iso_from_day(due),
            expected=f"after {iso_from_day(invoice.due_day)}, at most {iso_from_day(latest)}",
        )


def _pay_charge(context: Context, operation: PayablesExtend, lien: Lien, amount: int) -> None:
    deposit.pay(
        context,
        bank_id=operation.bank,
        payer=context.actor,
        currency=lien.currency,
        payees=((lien.lender, amount),),
        purpose=deposit.Purpose(bank.EXTENSION, operation.supplier, operation.invoice),
    )
    context.post(
        (
            (context.actor, "extensions paid", lien.currency, -amount),
            (lien.lender, "extensions", lien.currency, amount),
        )
    )
