"""Conditional delivery: a title is held on the ledger while its cash is held in a bank.

    ("settlement", lender, settlement) -> Settlement

Where cash is not on the ledger nothing can be atomic: a bank's word connects the two. The lender opens a
settlement on its offer and names the bank; the supplier's acceptance holds the title; the bank attests that
the lender's money is held (camt.054); the bank pays the supplier (pain.001), attests the booked entry by
`finance.fund`, and in that operation the title moves. If the reservation ends before that, both are released:
the title at once, the money by the bank, which attests the return.

An offer that is accepted and funded without a settlement is the simplest form: the bank holds nothing and
attests only the payout.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from pydantic import Field

from contracts.cash import bank
from contracts.context import Context
from contracts.errors import refuse
from contracts.fields import (
    Account,
    BookingDay,
    EntryNumber,
    InvoiceNumber,
    Number,
    Operation,
    OrganisationId,
    PositiveAmount,
)
from contracts.lifecycle import LifeCycle, Transition
from ledger.money import Money
from ledger.state.overlay import Reader, state_key

ENDS = "reservation ends"
"""The event by which a claim that is released ends its settlement."""

STATUS = LifeCycle(
    "settlement",
    "status",
    ("Created", "AssetHeld", "CashHeld", "Settled", "Expired", "Returned"),
    (
        Transition("finance.accept", "Created", "AssetHeld"),
        Transition("settlement.attest", "AssetHeld", "CashHeld"),
        Transition("finance.fund", "CashHeld", "Settled", "one operation moves the title"),
        Transition(ENDS, "Created", "Expired"),
        Transition(ENDS, "AssetHeld", "Expired"),
        Transition(ENDS, "CashHeld", "Expired", "the bank owes the money back"),
        Transition("settlement.return", "Expired", "Returned", "if cash was held"),
    ),
)
CREATED, ASSET_HELD, CASH_HELD, SETTLED, EXPIRED, RETURNED = range(6)


class Settlement(NamedTuple):
    """State value of a settlement. Amount in minor units."""

    status: int
    """Place in `STATUS.states`."""
    bank: str
    supplier: str
    invoice: str
    currency: str
    amount: int
    """What is paid out for the title."""
    account: str
    """Bank account and entry of the money that is held; empty before."""
    entry: str
    return_account: str
    """Bank account and entry of the money's return; empty if there was none."""
    return_entry: str


class SettlementCreate(Operation):
    """A lender has the payment of its offer held by a bank until the title moves."""

    op: Literal["settlement.create"]
    settlement: Number = Field(description="number of the settlement, as the lender writes it")
    supplier: OrganisationId
    invoice: InvoiceNumber
    bank: OrganisationId = Field(description="settlement bank that holds the cash")


class SettlementAttest(Operation):
    """A settlement bank attests that the lender's money for a settlement is held."""

    op: Literal["settlement.attest"]
    settlement: Number = Field(description="number of the settlement, as the lender writes it")
    lender: OrganisationId
    account: Account = Field(description="account on which the money was booked")
    entry: EntryNumber
    date: BookingDay
    amount: PositiveAmount = Field(description="amount held; minor units of the invoice's currency")


class SettlementReturn(Operation):
    """A settlement bank attests that it returned the money of an expired settlement."""

    op: Literal["settlement.return"]
    settlement: Number = Field(description="number of the settlement, as the lender writes it")
    lender: OrganisationId
    account: Account = Field(description="account on which the return was booked")
    entry: EntryNumber
    date: BookingDay
    amount: PositiveAmount = Field(description="amount returned; minor units of the invoice's currency")


def settlement_key(lender: str, number: str) -> bytes:
    """State key of a settlement."""
    return state_key("settlement", lender, number)


def read_settlement(state: Reader, lender: str, number: str) -> Settlement | None:
    """The settlement, if there is one."""
    value = state.get(settlement_key(lender, number))
    return None if value is None else Settlement._make(value)


def open_settlement(context: Context, number: str, terms: Settlement, *, is_accepted: bool) -> None:
    """Write the signer's new settlement, on an offer that `contracts.finance.offer` has looked up."""
    if read_settlement(context.state, context.actor, number) is not None:
        raise refuse("duplicate_number", "settlement number used", field="settlement", found=number)
    if is_accepted:
        terms = terms._replace(status=STATUS.after(terms.status, "finance.accept"))
    context.put(settlement_key(context.actor, number), tuple(terms))


def step(context: Context, lender: str, number: str, by: str) -> None:
    """Move the settlement of a claim on, if it has one (`number` is not empty)."""
    if not number:
        return
    found = _found(context, lender, number)
    if by == "finance.fund" and found.bank != context.actor:
        raise refuse(
            "not_party",
            "another bank holds the cash",
            field="signer",
            found=context.actor,
            expected=found.bank,
        )
    moved = found._replace(status=STATUS.after(found.status, by))
    context.put(settlement_key(lender, number), tuple(moved))


def _found(context: Context, lender: str, number: str) -> Settlement:
    found = read_settlement(context.state, lender, number)
    if found is None:
        raise refuse("unknown_settlement", "no such settlement", field="settlement", found=number)
    return found


def attest(context: Context, operation: SettlementAttest) -> None:
    """Attested by the bank: the money is held."""
    found = _attested(context, operation, bank.HELD)
    held = found._replace(account=operation.account, entry=operation.entry)
    context.put(settlement_key(operation.lender, operation.settlement), tuple(held))


def return_cash(context: Context, operation: SettlementReturn) -> None:
    """Attested by the bank: the money has gone back to the lender."""
    found = _attested(context, operation, bank.RETURN)
    returned = found._replace(return_account=operation.account, return_entry=operation.entry)
    context.put(settlement_key(operation.lender, operation.settlement), tuple(returned))


def _attested(context: Context, operation: SettlementAttest | SettlementReturn, kind: str) -> Settlement:
    """The settlement after the step that the bank attests, with its entry consumed; not written yet."""
    lender, number = operation.lender, operation.settlement
    found = _found(context, lender, number)
    if found.bank != context.actor:
        raise refuse(
            "not_party", "another bank's settlement", field="signer", found=context.actor, expected=found.bank
        )
    status = STATUS.after(found.status, operation.op)
    if kind == bank.RETURN and not found.entry:
        raise refuse("nothing_held", "no cash was held", field="settlement", found=number)
    if operation.amount != found.amount:
        raise refuse(
            "amount_mismatch",
            "not the amount of the settlement",
            field="amount",
            found=Money(operation.amount, found.currency),
            expected=Money(found.amount, found.currency),
        )
    bank.check_unused(context, operation.account, operation.entry, kind)
    context.require_past(operation.date, "date")
    evidence = bank.BankEntry(
        context.actor, kind, lender, number, found.currency, found.amount, operation.date
    )
    bank.consume(context, operation.account, operation.entry, evidence)
    return found._replace(status=status)
