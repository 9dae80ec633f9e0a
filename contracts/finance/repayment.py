"""Repayment: a supplier gives a lender its money back, and with the last of it the title is free again.

The release of a pledge (`contracts.finance.release`) and recourse (`contracts.finance.recourse`) both end
here. Cash and title move in one operation: out of the supplier's deposit, or on a bank's word that the money
has moved.
"""

from __future__ import annotations

from typing import NamedTuple

from contracts import invariants
from contracts.cash import bank, deposit
from contracts.context import Context
from contracts.errors import refuse
from contracts.finance.claim import (
    Lien,
    accrued,
    close_claim,
    expose_less,
    paid_back_at_most_once,
    repaid_whole,
    to_lenders,
)
from contracts.holdings import book
from contracts.trade.invoice import RELEASED, TITLE, live_invoice, release_restores, write_invoice
from ledger.money import Money


class Parts(NamedTuple):
    """What a supplier pays a lender, minor units."""

    costs: int
    interest: int
    principal: int


class Booking(NamedTuple):
    """A bank's word about money that has moved: account, entry reference, booking day, minor units."""

    account: str
    entry: str
    day: int
    amount: int


def whole(lien: Lien, day: int) -> Parts:
    """What repays a claim as a whole on a day."""
    return Parts(lien.costs_due, accrued(lien, day), lien.principal)


def _check_amount(amount: int, parts: Parts, currency: str) -> None:
    if amount != sum(parts):
        costs, interest, principal = (Money(part, currency) for part in parts)
        raise refuse(
            "amount_mismatch",
            "not what is due today",
            field="amount",
            found=Money(amount, currency),
            expected=f"{Money(sum(parts), currency)}: costs {costs}, interest {interest}, "
            f"principal {principal}",
        )


def from_deposit(
    context: Context, supplier: str, number: str, lien: Lien, parts: Parts, bank_id: str, amount: int
) -> None:
    """The supplier, who has signed, pays the lender out of its deposit."""
    _check_amount(amount, parts, lien.currency)
    deposit.pay(
        context,
        bank_id=bank_id,
        payer=supplier,
        currency=lien.currency,
        payees=tuple([(payee, part) for payee, _, _, part in to_lenders(lien, *parts)]),
        purpose=deposit.Purpose(bank.REPAYMENT, supplier, number),
    )
    _post(context, supplier, lien, parts)


def from_bank(
    context: Context, supplier: str, number: str, lien: Lien, parts: Parts, booking: Booking
) -> None:
    """The bank, which has signed, attests that the supplier's money has reached the lender."""
    bank.check_unused(context, booking.account, booking.entry, bank.REPAYMENT)
    context.require_past(booking.day, "date")
    if booking.day < lien.funded:
        raise refuse("date_order", "repaid before it was paid out", field="date")
    _check_amount(booking.amount, parts, lien.currency)
    evidence = bank.BankEntry(
        context.actor, bank.REPAYMENT, supplier, number, lien.currency, booking.amount, booking.day
    )
    bank.consume(context, booking.account, booking.entry, evidence)
    _post(context, supplier, lien, parts)


def _post(context: Context, supplier: str, lien: Lien, parts: Parts) -> None:
    received = to_lenders(lien, *parts)
    invariants.allocation_is_complete(sum(parts), [part for _, _, _, part in received])
    context.post(((supplier, "repayments", lien.currency, -sum(parts)), *received))


def give_back(context: Context, supplier: str, number: str, lien: Lien, day: int) -> None:
    """End a claim that was repaid as a whole on a day: owner and amount are as before (26)."""
    invoice = live_invoice(context, supplier, number)
    after = repaid_whole(lien, day)
    paid_back_at_most_once(after)
    expose_less(context, supplier, lien, lien.principal)
    book.received(context, supplier, number, lien, whole(lien, day), by_buyer=False)
    book.ended(context, supplier, number, after)
    close_claim(context, supplier, number, after)
    released = invoice._replace(title=TITLE.after(invoice.title, RELEASED))
    release_restores(invoice, released)
    write_invoice(context, supplier, number, released)
