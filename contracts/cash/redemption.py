"""Redemptions: a client's deposit leaves the ledger as a credit transfer of its bank.

    ("redemption", client, redemption) -> Redemption

The client asks, and the amount is held. The bank pays it to the client's payout account (a pain.001 made
from the redemption) and attests the booked debit of the custody account: the deposit is burnt. Or it
declines, with a reason, and the amount is available again.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from pydantic import Field

from contracts.cash import bank, deposit
from contracts.cash.custody import account_of, check_open, payout_account
from contracts.cash.deposit import Purpose, check_custody_account
from contracts.context import Context
from contracts.errors import refuse
from contracts.fields import (
    Account,
    BookingDay,
    Currency,
    EntryNumber,
    Number,
    Operation,
    OrganisationId,
    PositiveAmount,
    Reason,
)
from contracts.lifecycle import LifeCycle, Transition
from ledger.money import Money
from ledger.state.overlay import Reader, state_key

STATUS = LifeCycle(
    "redemption",
    "status",
    ("Requested", "Paid", "Declined"),
    (
        Transition("redemption.pay", "Requested", "Paid"),
        Transition("redemption.decline", "Requested", "Declined"),
    ),
)
REQUESTED, PAID, DECLINED = range(3)


class Redemption(NamedTuple):
    """State value of a redemption. Amount in minor units, days since 1970."""

    status: int
    """Place in `STATUS.states`."""
    bank: str
    currency: str
    amount: int
    payout: str
    """Account to which it is paid: the payout account on the day of the request."""
    day: int
    account: str
    """Custody account and entry of the booked debit, empty before."""
    entry: str
    reason: str
    """Why it was declined, empty otherwise."""


class RedemptionRequest(Operation):
    """A client asks its bank to pay out a part of its deposit; the amount is held."""

    op: Literal["redemption.request"]
    redemption: Number = Field(description="number of the redemption, as the client writes it")
    bank: OrganisationId
    currency: Currency
    amount: PositiveAmount


class RedemptionPay(Operation):
    """A settlement bank attests that a redemption was paid and booked: the deposit is burnt."""

    op: Literal["redemption.pay"]
    redemption: Number = Field(description="number of the redemption, as the client writes it")
    client: OrganisationId
    account: Account = Field(description="custody account on which the debit was booked")
    entry: EntryNumber
    date: BookingDay
    currency: Currency
    amount: PositiveAmount = Field(description="amount booked; minor units")


class RedemptionDecline(Operation):
    """A settlement bank declines a redemption: the amount is available again."""

    op: Literal["redemption.decline"]
    redemption: Number = Field(description="number of the redemption, as the client writes it")
    client: OrganisationId
    reason: Reason


def redemption_key(client: str, number: str) -> bytes:
    """State key of a redemption."""
    return state_key("redemption", client, number)


def read_redemption(state: Reader, client: str, number: str) -> Redemption | None:
    """The redemption, if there is one."""
    value = state.get(redemption_key(client, number))
    return None if value is None else Redemption._make(value)


def _purpose(client: str, number: str) -> Purpose:
    return Purpose(bank.REDEMPTION, client, number)


def request(context: Context, operation: RedemptionRequest) -> None:
    """Asked by the client: the amount is set aside."""
    client, number = context.actor, operation.redemption
    if read_redemption(context.state, client, number) is not None:
        raise refuse("duplicate_number", "redemption number used", field="redemption", found=number)
    account = account_of(context, operation.bank, client, operation.currency, "bank")
    deposit.hold(
        context,
        bank_id=operation.bank,
        owner=client,
        currency=operation.currency,
        amount=operation.amount,
        purpose=_purpose(client, number),
    )
    asked = Redemption(
        REQUESTED,
        operation.bank,
        operation.currency,
        operation.amount,
        payout_account(account, context.day),
        context.day,
        "",
        "",
        "",
    )
    context.put(redemption_key(client, number), tuple(asked))


def _banks_redemption(context: Context, client: str, number: str) -> Redemption:
    found = read_redemption(context.state, client, number)
    if found is None:
        raise refuse("unknown_redemption", "no such redemption", field="redemption", found=number)
    if found.bank != context.actor:
        raise refuse(
            "not_party",
            "another bank's redemption",
            field="signer",
            found=context.actor,
            expected=found.bank,
        )
    return found


def pay(context: Context, operation: RedemptionPay) -> None:
    """Attested by the bank: the entry is consumed, the held deposit and the bank's debt fall."""
    client, number = operation.client, operation.redemption
    found = _banks_redemption(context, client, number)
    status = STATUS.after(found.status, operation.op)
    _check_fits(found, operation)
    account = account_of(context, context.actor, client, found.currency)
    check_custody_account(account, operation.account)
    check_open(account, client, leaves=True)
    bank.check_unused(context, operation.account, operation.entry, bank.REDEMPTION)
    context.require_past(operation.date, "date")
    purpose = _purpose(client, number)
    evidence = bank.BankEntry(context.actor, *purpose, found.currency, found.amount, operation.date)
    bank.consume(context, operation.account, operation.entry, evidence)
    deposit.burn(context, purpose)
    paid = found._replace(status=status, account=operation.account, entry=operation.entry)
    context.put(redemption_key(client, number), tuple(paid))


def _check_fits(found: Redemption, operation: RedemptionPay) -> None:
    if (operation.currency, operation.amount) != (found.currency, found.amount):
        raise refuse(
            "amount_mismatch",
            "not the amount of the redemption",
            field="amount",
            found=str(Money(operation.amount, operation.currency)),
            expected=str(Money(found.amount, found.currency)),
        )
    if operation.date < found.day:
        raise refuse("date_order", "booked before it was asked for", field="date")


def decline(context: Context, operation: RedemptionDecline) -> None:
    """Declined by the bank: what was set aside is available again."""
    client, number = operation.client, operation.redemption
    found = _banks_redemption(context, client, number)
    status = STATUS.after(found.status, operation.op)
    deposit.release(context, _purpose(client, number))
    declined = found._replace(status=status, reason=operation.reason)
    context.put(redemption_key(client, number), tuple(declined))
