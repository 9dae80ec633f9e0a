"""Custody accounts: one account of one client in one currency at one settlement bank, never pooled.

    ("custody", bank, client, currency) -> Custody

The bank opens the account and names the account number in its own books under which it keeps the client's
money; a number serves one client in one currency. Where the bank opens one for itself, its own money is kept
apart in the same way. `contracts.cash.deposit` has the money.

Money leaves the ledger only to the payout account. To change that takes two keys and time: the client
nominates, the bank approves, and the new account is used from `payout_cooling_days` business days later.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from pydantic import Field

from contracts.cash import bank
from contracts.context import Context, organisation_key
from contracts.errors import refuse
from contracts.fields import Account, Currency, Operation, OrganisationId, Reason
from contracts.lifecycle import LifeCycle, Transition
from ledger.dates import iso_from_day
from ledger.state.overlay import Reader, state_key

STATUS = LifeCycle(
    "custody account",
    "status",
    ("Open", "Blocked", "Closed"),
    (
        Transition("custody.block", "Open", "Blocked"),
        Transition("custody.unblock", "Blocked", "Open"),
        Transition("custody.close", "Open", "Closed", "nothing is on it"),
    ),
)
"""A blocked account takes money in and lets none out; a closed one does neither."""
OPEN, BLOCKED, CLOSED = range(3)


class Custody(NamedTuple):
    """State value of a custody account."""

    status: int
    """Place in `STATUS.states`."""
    account: str
    """Account number under which the bank keeps this money, and nothing else."""
    opened: int
    """Business day, days since 1970."""
    payout: str
    """Account to which redemptions are paid."""
    nominated: str
    """The payout account that is to come, empty for none."""
    from_day: int
    """First business day on which the nominated account is the payout account; 0 until the bank approves."""


class CustodyOpen(Operation):
    """A settlement bank opens a custody account for one client in one currency."""

    op: Literal["custody.open"]
    client: OrganisationId
    currency: Currency
    account: Account = Field(
        description="account number in the bank's books, used for this client and currency alone"
    )
    payout: Account = Field(description="the client's account, anywhere, to which redemptions are paid")


class CustodyBlock(Operation):
    """A settlement bank blocks a custody account: nothing leaves it."""

    op: Literal["custody.block"]
    client: OrganisationId
    currency: Currency
    reason: Reason


class CustodyUnblock(Operation):
    """A settlement bank lifts the block of a custody account."""

    op: Literal["custody.unblock"]
    client: OrganisationId
    currency: Currency


class CustodyClose(Operation):
    """A settlement bank closes an empty custody account for good."""

    op: Literal["custody.close"]
    client: OrganisationId
    currency: Currency


class CustodyNominate(Operation):
    """A client nominates another payout account for its custody account."""

    op: Literal["custody.nominate"]
    bank: OrganisationId
    currency: Currency
    payout: Account = Field(description="the client's account, anywhere, to which redemptions are to be paid")


class CustodyApprove(Operation):
    """A settlement bank approves the payout account that a client nominated; it is used after a wait."""

    op: Literal["custody.approve"]
    client: OrganisationId
    currency: Currency
    payout: Account = Field(description="the account that the client nominated")


def custody_key(bank_id: str, client: str, currency: str) -> bytes:
    """State key of a custody account."""
    return state_key("custody", bank_id, client, currency)


def read_custody(state: Reader, bank_id: str, client: str, currency: str) -> Custody | None:
    """The custody account, if the bank opened it."""
    value = state.get(custody_key(bank_id, client, currency))
    return None if value is None else Custody._make(value)


def account_of(context: Context, bank_id: str, client: str, currency: str, field: str = "client") -> Custody:
    """The client's account at the bank, whatever its status; refused if there is none."""
    found = read_custody(context.state, bank_id, client, currency)
    if found is None:
        raise refuse(
            "no_deposit",
            "no custody account",
            field=field,
            found=f"{client}, {currency}, {bank_id}",
            expected="an account that the bank has opened",
        )
    return found


def check_open(custody: Custody, client: str, *, leaves: bool) -> None:
    """Refuse money that a closed account takes or gives, or that leaves a blocked one."""
    if custody.status == CLOSED or (leaves and custody.status == BLOCKED):
        raise refuse(
            "custody_not_open",
            "the custody account does not allow it",
            field="client",
            found=f"{client}: {STATUS.states[custody.status]}",
            expected="Open" if leaves else "Open or Blocked",
        )


def payout_account(custody: Custody, day: int) -> str:
    """Where redemptions are paid on a business day."""
    return custody.nominated if custody.from_day and custody.from_day <= day else custody.payout


def open_account(context: Context, operation: CustodyOpen) -> None:
    """Opened by the bank, under an account number that nothing else uses."""
    client, currency = operation.client, operation.currency
    if context.get(organisation_key(client)) is None:
        raise refuse("unknown_organisation", "no such organisation", field="client", found=client)
    key = custody_key(context.actor, client, currency)
    if context.get(key) is not None:
        raise refuse("duplicate_custody", "the client has such an account", field="client", found=client)
    if context.get(bank.account_key(operation.account)) is not None:
        raise refuse(
            "account_used",
            "account number in use",
            field="account",
            found=operation.account,
            expected="a number for this client and currency alone: client money is not pooled",
        )
    context.put(bank.account_key(operation.account), (context.actor, client))
    context.put(key, tuple(Custody(OPEN, operation.account, context.day, operation.payout, "", 0)))


def block(context: Context, operation: CustodyBlock) -> None:
    """Blocked by the bank."""
    _step(context, operation)


def unblock(context: Context, operation: CustodyUnblock) -> None:
    """Unblocked by the bank."""
    _step(context, operation)


def _step(context: Context, operation: CustodyBlock | CustodyUnblock | CustodyClose) -> None:
    custody = account_of(context, context.actor, operation.client, operation.currency)
    status = STATUS.after(custody.status, operation.op)
    context.put(
        custody_key(context.actor, operation.client, operation.currency),
        tuple(custody._replace(status=status)),
    )


def close_empty(context: Context, operation: CustodyClose) -> None:
    """Close an account on which `contracts.cash.deposit` found nothing."""
    _step(context, operation)


def nominate(context: Context, operation: CustodyNominate) -> None:
    """Nominated by the client; it replaces a nomination that is not in force yet."""
    custody = account_of(context, operation.bank, context.actor, operation.currency, "bank")
    check_open(custody, context.actor, leaves=False)
    changed = custody._replace(
        payout=payout_account(custody, context.day), nominated=operation.payout, from_day=0
    )
    context.put(custody_key(operation.bank, context.actor, operation.currency), tuple(changed))


def approve(context: Context, operation: CustodyApprove) -> None:
    """Approved by the bank, which has asked the client by another way."""
    client, currency = operation.client, operation.currency
    custody = account_of(context, context.actor, client, currency)
    check_open(custody, client, leaves=False)
    if custody.nominated != operation.payout or custody.from_day:
        raise refuse(
            "no_nomination",
            "the client has not nominated this account",
            field="payout",
            found=operation.payout,
            expected="in force from " + iso_from_day(custody.from_day)
            if custody.from_day
            else custody.nominated or "a nomination by the client",
        )
    from_day = context.day + context.parameter("payout_cooling_days")
    context.put(
        custody_key(context.actor, client, currency),
        tuple(custody._replace(from_day=from_day)),
    )
