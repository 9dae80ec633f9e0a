"""Bank entries: money that a settlement bank attests, each entry consumed once (invariant 11).

("account", account)           -> bank, that of the first attestation on it
("bank_entry", account, entry) -> BankEntry
"""

from __future__ import annotations

from typing import NamedTuple

from contracts import invariants
from contracts.context import Context
from contracts.errors import refuse
from ledger.state import Reader, state_key

PAYMENT, PAYOUT = "payment", "payout"
"""A buyer's money that arrived; a lender's money that left."""


class BankEntry(NamedTuple):
    """State value of a consumed bank entry."""

    bank: str
    kind: str
    supplier: str
    invoice: str
    currency: str
    amount: int
    """Minor units."""
    day: int
    """Booking day."""


def account_key(account: str) -> bytes:
    """State key of a bank account, written without spaces."""
    return state_key("account", account)


def entry_key(account: str, entry: str) -> bytes:
    """State key of a bank entry."""
    return state_key("bank_entry", account, entry)


def read_entry(state: Reader, account: str, entry: str) -> BankEntry | None:
    """The consumed bank entry, if it was consumed."""
    value = state.get(entry_key(account, entry))
    return None if value is None else BankEntry._make(value)


def check_unused(context: Context, account: str, entry: str) -> None:
    """Refuse an entry consumed before, or an account of another bank."""
    owner = context.get(account_key(account))
    if owner is not None and owner != context.actor:
        raise refuse("account_of_other_bank", "account of another bank", field="account", found=account)
    used = read_entry(context.state, account, entry)
    if used is not None:
        raise refuse(
            "bank_entry_used",
            "bank entry consumed before",
            field="entry",
            found=f"{entry} on {account}",
            expected=f"unused; it is a {used.kind} of {used.amount} {used.currency} for {used.invoice}",
        )


def consume(context: Context, account: str, entry: str, consumed: BankEntry) -> None:
    """Write a bank entry that `check_unused` let pass."""
    key = entry_key(account, entry)
    invariants.entry_is_unused(context.get(key))
    if context.get(account_key(account)) is None:
        context.put(account_key(account), context.actor)
    context.put(key, tuple(consumed))
