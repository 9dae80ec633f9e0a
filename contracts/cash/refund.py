"""Refund: what a buyer has paid beyond what it owed goes back to it, the last stage of the waterfall.

    ("unapplied", supplier, invoice) -> minor units of the invoice's currency; absent if nothing is

A bank attests what arrived (`contracts.cash.payment`); what is more than owed is the buyer's, and stands on
the supplier's account "unapplied" until it is paid back: out of the supplier's deposit, or on a bank's word.
It never was part of what the invoice owes, so a refund changes nothing on the invoice (invariant 1).
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from contracts.cash import bank, deposit
from contracts.context import Context
from contracts.errors import refuse
from contracts.fields import (
    Account,
    BookingDay,
    EntryNumber,
    InvoiceNumber,
    Operation,
    OrganisationId,
    PositiveAmount,
)
from contracts.trade.invoice import Invoice, live_invoice
from ledger.money import Money, checked_total
from ledger.state.overlay import Reader, state_key


class RefundPay(Operation):
    """A supplier pays back out of its deposit what a buyer has paid beyond what it owed."""

    op: Literal["refund.pay"]
    invoice: InvoiceNumber
    bank: OrganisationId = Field(description="settlement bank at which supplier and buyer have deposits")
    amount: PositiveAmount = Field(description="at most what is unapplied on the invoice; minor units")


class RefundAttest(Operation):
    """A settlement bank attests that what a buyer paid beyond what it owed has gone back to it."""

    op: Literal["refund.attest"]
    account: Account = Field(description="account from which the money left")
    entry: EntryNumber
    date: BookingDay
    supplier: OrganisationId
    invoice: InvoiceNumber
    amount: PositiveAmount = Field(description="amount paid back; minor units of the invoice's currency")


def unapplied_key(supplier: str, invoice: str) -> bytes:
    """State key of what was paid on an invoice beyond what it owed."""
    return state_key("unapplied", supplier, invoice)


def read_unapplied(state: Reader, supplier: str, invoice: str) -> int:
    """What was paid on an invoice beyond what it owed and has not gone back; minor units."""
    return int(state.get(unapplied_key(supplier, invoice)) or 0)


def keep(context: Context, supplier: str, number: str, amount: int) -> None:
    """Keep what a payment brought beyond what was owed; the caller posts it to "unapplied"."""
    if amount:
        kept = checked_total(read_unapplied(context.state, supplier, number) + amount)
        context.put(unapplied_key(supplier, number), kept)


def pay(context: Context, operation: RefundPay) -> None:
    """Signed by the supplier: the buyer has its money in its deposit."""
    supplier, number, amount = context.actor, operation.invoice, operation.amount
    invoice = live_invoice(context, supplier, number)
    _take(context, supplier, number, invoice, amount)
    deposit.pay(
        context,
        bank_id=operation.bank,
        payer=supplier,
        currency=invoice.currency,
        payees=((invoice.buyer, amount),),
        purpose=deposit.Purpose(bank.REFUND, supplier, number),
    )


def attest(context: Context, operation: RefundAttest) -> None:
    """Attested by the bank: the entry is consumed, and so much less is unapplied."""
    supplier, number, amount = operation.supplier, operation.invoice, operation.amount
    bank.check_unused(context, operation.account, operation.entry, bank.REFUND)
    context.require_past(operation.date, "date")
    invoice = live_invoice(context, supplier, number)
    _take(context, supplier, number, invoice, amount)
    evidence = bank.BankEntry(
        context.actor, bank.REFUND, supplier, number, invoice.currency, amount, operation.date
    )
    bank.consume(context, operation.account, operation.entry, evidence)


def _take(context: Context, supplier: str, number: str, invoice: Invoice, amount: int) -> None:
    """Take an amount of at most what is unapplied off it, and post it as the buyer's."""
    left = read_unapplied(context.state, supplier, number) - amount
    if left < 0:
        raise refuse(
            "exceeds_unapplied",
            "more than was paid beyond what was owed",
            field="amount",
            found=Money(amount, invoice.currency),
            expected=f"at most {Money(left + amount, invoice.currency)}",
        )
    if left:
        context.put(unapplied_key(supplier, number), left)
    else:
        context.state.delete(unapplied_key(supplier, number))
    context.post(
        (
            (supplier, "unapplied", invoice.currency, -amount),
            (invoice.buyer, "refunds", invoice.currency, amount),
        )
    )
