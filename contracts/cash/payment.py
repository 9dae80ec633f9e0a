"""Payments of a buyer towards one invoice: attested by a settlement bank, or out of the buyer's deposit.

A bank's entry is consumed once (`contracts.cash.bank`). On a Free invoice the money is the supplier's; on one
that a lender holds it runs down the waterfall of `contracts.finance.claim`: that is the settlement. What is
more than owed stays unapplied until it goes back to the buyer (`contracts.cash.refund`).
Out of a deposit the claim falls and its holders have the cash in one operation, or neither.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from contracts import invariants
from contracts.cash import bank, deposit, refund
from contracts.context import Context, Posting
from contracts.errors import refuse
from contracts.fields import (
    Account,
    BookingDay,
    Currency,
    EntryNumber,
    InvoiceNumber,
    Operation,
    OrganisationId,
    PositiveAmount,
)
from contracts.finance import collection
from contracts.trade import redirection
from contracts.trade.invoice import CONFIRMED, HELD, Invoice, live_invoice, write_invoice
from ledger.money import CurrencyMismatch, Money

MAX_PREPAYMENT_DAYS = 366
"""Days before an invoice's issue on which it may have been paid."""


class PaymentAttest(Operation):
    """A settlement bank attests that the buyer paid towards an invoice."""

    op: Literal["payment.attest"]
    account: Account = Field(description="account on which the money arrived, IBAN or the bank's own form")
    entry: EntryNumber
    date: BookingDay
    currency: Currency
    payer: OrganisationId = Field(description="organisation id of the buyer that paid")
    amount: PositiveAmount = Field(description="amount that arrived; minor units")
    invoice: InvoiceNumber
    supplier: OrganisationId


class PaymentMake(Operation):
    """A buyer pays an invoice out of its deposit, to whoever holds the claim."""

    op: Literal["payment.make"]
    invoice: InvoiceNumber
    supplier: OrganisationId
    bank: OrganisationId = Field(description="settlement bank at which buyer and payees have deposits")
    currency: Currency
    amount: PositiveAmount = Field(description="amount to pay, at most what is outstanding; minor units")


def attest(context: Context, operation: PaymentAttest) -> None:
    """Attested by the bank: what is outstanding falls, and the money goes to whom it belongs."""
    supplier, number = operation.supplier, operation.invoice
    bank.check_unused(context, operation.account, operation.entry, bank.PAYMENT)
    context.require_past(operation.date, "date")
    invoice = live_invoice(context, supplier, number)
    _check_fits(invoice, operation)
    applied = min(operation.amount, _owed(invoice))
    unapplied = operation.amount - applied
    shares = _apply(context, supplier, number, applied, operation.date)
    invariants.allocation_is_complete(operation.amount, [*(share[3] for share in shares), unapplied])
    refund.keep(context, supplier, number, unapplied)
    _consume(context, operation)
    _record_if_astray(context, operation, invoice.buyer)
    context.post(
        (
            (invoice.buyer, "payments", invoice.currency, -operation.amount),
            *shares,
            (supplier, "unapplied", invoice.currency, unapplied),
        )
    )


def _record_if_astray(context: Context, operation: PaymentAttest, buyer: str) -> None:
    """Keep that the money arrived on another account than the one that the buyer is to pay to."""
    supplier, currency = operation.supplier, operation.currency
    expected = redirection.expected_account(context.state, supplier, buyer, currency, operation.date)
    if not expected or expected == operation.account:
        return
    amount, date, account = operation.amount, operation.date, operation.account
    context.record(supplier, buyer, ("astray", operation.invoice, currency, amount, date, account, expected))


def make(context: Context, operation: PaymentMake) -> None:
    """Paid by the buyer: its deposit pays the holders of the claim, by the same waterfall."""
    supplier, number, amount = operation.supplier, operation.invoice, operation.amount
    invoice = live_invoice(context, supplier, number)
    if invoice.buyer != context.actor:
        raise refuse("not_party", "not the buyer of the invoice", field="signer", found=context.actor)
    if operation.currency != invoice.currency:
        raise CurrencyMismatch(operation.currency, invoice.currency, "currency")
    if amount > _owed(invoice):
        raise refuse(
            "exceeds_outstanding",
            "more than is outstanding",
            field="amount",
            found=Money(amount, invoice.currency),
            expected=f"at most {Money(_owed(invoice), invoice.currency)}",
        )
    shares = _apply(context, supplier, number, amount, context.day)
    deposit.pay(
        context,
        bank_id=operation.bank,
        payer=invoice.buyer,
        currency=invoice.currency,
        payees=tuple([(payee, share) for payee, _, _, share in shares]),
        purpose=deposit.Purpose(bank.PAYMENT, supplier, number),
    )
    context.post(((invoice.buyer, "payments", invoice.currency, -amount), *shares))


def _apply(context: Context, supplier: str, number: str, applied: int, day: int) -> tuple[Posting, ...]:
    """Take an amount of at most what is owed off an invoice; who gets what of it.

    After a write-off it is a recovery.
    """
    invoice = live_invoice(context, supplier, number)
    invoice = collection.before_change(context, supplier, number, invoice, 0)
    is_confirmed = invoice.validity == CONFIRMED
    if invoice.title in HELD:
        shares = collection.collect(context, supplier, number, applied, day)
    else:
        shares = ((supplier, "collections", invoice.currency, applied),)
    if invoice.written_off:
        recovered = invoice._replace(paid=invoice.paid + applied, written_off=invoice.written_off - applied)
        recovered = collection.after_change(context, supplier, number, recovered)
        write_invoice(context, supplier, number, recovered)
        place = ("recovery", number, invoice.currency, applied, day, invoice.due_day)
        context.record(supplier, invoice.buyer, place)
        return shares
    outstanding = invoice.outstanding - applied
    paid = invoice._replace(
        paid=invoice.paid + applied,
        contested=min(invoice.contested, outstanding),
        outstanding=outstanding,
        last_paid=max(day, invoice.last_paid),
    )
    paid = collection.after_change(context, supplier, number, paid)
    write_invoice(context, supplier, number, paid)
    context.record(
        supplier,
        invoice.buyer,
        (
            "payment",
            number,
            invoice.currency,
            applied,
            day,
            invoice.due_day,
            applied if is_confirmed else 0,
            int(outstanding == 0),
            invoice.issue_day,
            invoice.gross,
            invoice.credited,
        ),
    )
    return shares


def _owed(invoice: Invoice) -> int:
    """What the buyer may still pay: outstanding, or written off and to be recovered."""
    return invoice.outstanding + invoice.written_off


def _check_fits(invoice: Invoice, operation: PaymentAttest) -> None:
    if operation.payer != invoice.buyer:
        raise refuse(
            "payer_mismatch",
            "not the buyer of the invoice",
            field="payer",
            found=operation.payer,
            expected=invoice.buyer,
        )
    if operation.currency != invoice.currency:
        raise CurrencyMismatch(operation.currency, invoice.currency, "currency")
    if operation.date < invoice.issue_day - MAX_PREPAYMENT_DAYS:
        raise refuse("date_order", "paid long before the invoice was issued", field="date")
    if not _owed(invoice):
        raise refuse(
            "nothing_outstanding", "the invoice is settled", field="invoice", found=operation.invoice
        )


def _consume(context: Context, operation: PaymentAttest) -> None:
    bank.consume(
        context,
        operation.account,
        operation.entry,
        bank.BankEntry(
            context.actor,
            bank.PAYMENT,
            operation.supplier,
            operation.invoice,
            operation.currency,
            operation.amount,
            operation.date,
        ),
    )
