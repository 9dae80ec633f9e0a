"""The pool of a payables programme: money that a funder sets aside, out of which suppliers are paid at once.

    ("hold", "payables", funder, programme) -> Hold (`contracts.cash.deposit`)

The funder signs once, when it sets the money aside; after that an approval or a request moves title and cash
in one operation (invariant 12), without another signature of the funder. What is not used it takes back.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from contracts.cash import bank, deposit
from contracts.context import Context
from contracts.errors import refuse
from contracts.fields import Operation, OrganisationId, PositiveAmount, ProgrammeId
from contracts.finance import funding
from contracts.finance.claim import Lien
from contracts.finance.programme import own_programme
from contracts.pricing import ProgrammeTerms
from ledger.errors import Refusal
from ledger.money import Money

POOL = "payables"
"""What money is called that a funder has set aside for its programme."""


class PayablesReserve(Operation):
    """A funder sets money of its deposit aside, out of which approved invoices are paid at once."""

    op: Literal["payables.reserve"]
    programme: ProgrammeId
    bank: OrganisationId = Field(description="settlement bank at which funder and suppliers have deposits")
    amount: PositiveAmount = Field(description="minor units of the programme's currency")


class PayablesRelease(Operation):
    """A funder takes back money that it has set aside and that has paid for nothing."""

    op: Literal["payables.release"]
    programme: ProgrammeId
    amount: PositiveAmount = Field(description="at most what is set aside; minor units")


def purpose_of(lender: str, programme: str) -> deposit.Purpose:
    """What a funder sets money aside for."""
    return deposit.Purpose(POOL, lender, programme)


def reserve(context: Context, operation: PayablesReserve) -> None:
    """Set aside by the funder, beside what it has set aside at this bank."""
    published = own_programme(context, operation.programme)
    published.require_payables()
    currency = ProgrammeTerms.from_value(published.terms).currency
    purpose = purpose_of(context.actor, operation.programme)
    held = deposit.read_hold(context.state, purpose)
    if held is not None and (held.bank, held.currency) != (operation.bank, currency):
        raise refuse(
            "pool_elsewhere",
            "money is set aside elsewhere",
            field="bank",
            found=f"{operation.bank}, {currency}",
            expected=f"{held.bank}, {held.currency}",
        )
    deposit.hold(
        context,
        bank_id=operation.bank,
        owner=context.actor,
        currency=currency,
        amount=operation.amount,
        purpose=purpose,
    )


def release(context: Context, operation: PayablesRelease) -> None:
    """Taken back by the funder."""
    published = own_programme(context, operation.programme)
    purpose = purpose_of(context.actor, operation.programme)
    held = deposit.read_hold(context.state, purpose)
    left = 0 if held is None else held.amount
    if operation.amount > left:
        currency = ProgrammeTerms.from_value(published.terms).currency
        raise refuse(
            "nothing_held",
            "more than is set aside",
            field="amount",
            found=Money(operation.amount, currency),
            expected=f"at most {Money(left, currency)}",
        )
    deposit.release(context, purpose, operation.amount)


def pay_out(context: Context, supplier: str, number: str, lien: Lien, bank_id: str) -> None:
    """Pay for an accepted reservation at the supplier's bank; without enough of it the funder pays later."""
    purpose = purpose_of(lien.lender, lien.programme)
    held = deposit.read_hold(context.state, purpose)
    if held is None or (held.bank, held.currency) != (bank_id, lien.currency):
        return
    if held.amount < lien.paid_out:
        return
    before = context.state.savepoint()
    try:
        evidence = deposit.pay_held(
            context,
            payees=((supplier, lien.paid_out),),
            purpose=purpose,
            paid_for=deposit.Purpose(bank.PAYOUT, supplier, number),
        )
        leg = funding.CashLeg(*evidence, lien.paid_out, context.day)
        funding.deliver(context, supplier, number, lien, leg)
    except Refusal:  # an account that the bank has closed or blocked: the reservation stands
        context.state.rollback(before)
