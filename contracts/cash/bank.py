"""Bank entries: money that a settlement bank attests, each entry consumed once (invariant 11).

    ("account", account)           -> (bank, client): the bank that keeps it; the client of a custody account
    ("bank_entry", account, entry) -> BankEntry

`entry` is the bank's own reference, a text; or, where a deposit on the ledger pays, the number of the line in
that deposit's statement, an integer: the two can never be mistaken for each other.

An account belongs to the bank that first attested on it, or that opened it for a client's custody. On a
custody account only money of its client is booked, and only as deposits (`contracts.cash.deposit`).
"""

from __future__ import annotations

from typing import NamedTuple

from contracts import invariants
from contracts.context import Context
from contracts.errors import refuse
from ledger.money import Money
from ledger.state.overlay import Reader, state_key

PAYMENT, PAYOUT = "payment", "payout"
"""A buyer's money for an invoice; a lender's money for its title."""
MINT, REDEMPTION = "mint", "redemption"
"""A client's money that became a deposit; a deposit that was paid out."""
REFUND = "refund"
"""What a buyer paid beyond what it owed, gone back to it."""
REPAYMENT = "repayment"
"""A supplier's money that repays a lender: the release of a pledge, or recourse."""
LEAF_SALE, LEAF_REPAYMENT = "leaf sale", "leaf repayment"
"""A lender's money for a leaf of a certificate, or on a pledge of it; what frees the pledge."""
LEAF_MATURITY = "leaf maturity"
"""An obligor's money for a certificate that has matured."""
CERTIFICATE_REFUND = "certificate refund"
"""What an obligor paid beyond the face, gone back to it."""
HELD, RETURN = "held", "return"
"""A lender's money that a bank holds until a title moves; the same money gone back."""
PREMIUM, INDEMNITY, CESSION = "premium", "indemnity", "cession"
"""An assured's money for cover; an insurer's for a loss; the insurer's part of what came in after it."""

RESALE = "resale"
"""A lender's money for a claim that it takes over from another lender."""
EXTENSION = "extension"
"""What a buyer pays a funder for more time: see `contracts.reverse_factoring.payables`."""

CUSTODY_KINDS = (MINT, REDEMPTION)
"""What a bank may attest on a custody account."""


class BankEntry(NamedTuple):
    """State value of a consumed bank entry."""

    bank: str
    kind: str
    party: str
    """Organisation whose document it is about: the supplier of the invoice, the client of the deposit."""
    document: str
    """Number of that document; empty for a mint."""
    currency: str
    amount: int
    """Minor units."""
    day: int
    """Booking day."""


def account_key(account: str) -> bytes:
    """State key of a bank account, written without spaces."""
    return state_key("account", account)


def entry_key(account: str, entry: str | int) -> bytes:
    """State key of a bank entry."""
    return state_key("bank_entry", account, entry)


def read_entry(state: Reader, account: str, entry: str | int) -> BankEntry | None:
    """The consumed bank entry, if it was consumed."""
    value = state.get(entry_key(account, entry))
    return None if value is None else BankEntry._make(value)


def check_unused(context: Context, account: str, entry: str, kind: str) -> None:
    """Refuse an entry consumed before, an account of another bank, or one that is not for this kind."""
    owner = context.get(account_key(account))
    bank, client = owner or (context.actor, "")
    if bank != context.actor:
        raise refuse("account_of_other_bank", "account of another bank", field="account", found=account)
    if client and kind not in CUSTODY_KINDS:
        raise refuse(
            "custody_account",
            "a client's custody account",
            field="account",
            found=f"{account}, custody of {client}",
            expected="an account that is nobody's custody",
        )
    used = read_entry(context.state, account, entry)
    if used is not None:
        raise refuse(
            "bank_entry_used",
            "bank entry consumed before",
            field="entry",
            found=f"{entry} on {account}",
            expected=f"unused; it is a {used.kind} of {Money(used.amount, used.currency)} "
            f"for {used.document or used.party}",
        )


def consume(context: Context, account: str, entry: str | int, consumed: BankEntry) -> None:
    """Write a bank entry that `check_unused` let pass, or that the ledger itself has numbered."""
    key = entry_key(account, entry)
    invariants.entry_is_unused(context.get(key))
    if context.get(account_key(account)) is None:
        context.put(account_key(account), (context.actor, ""))
    context.put(key, tuple(consumed))
