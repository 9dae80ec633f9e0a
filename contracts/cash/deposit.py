"""Tokenised deposits: a settlement bank's debt to a client, which moves by the client's signature.

    ("deposit", bank, client, currency) -> [lines, head, (available, held)]: the statement
    ("hold", kind, party, document)     -> Hold: what is set aside for one purpose
    ("issued", bank, currency)          -> (minted, redeemed)

Amounts are minor units. The statement is a history (`ledger.state.history`): one line for each movement, so
that an account's statement is provably complete and its balance is the sum of its lines.

| movement | signed by | postings |
|---|---|---|
| mint | the bank, on a booked credit of the custody account | client + , bank's debt - |
| transfer, pay | the owner | payer - , payee + |
| hold, release | the owner; the other side of what it is for | available -+ , held +- |
| burn | the bank, on a booked debit of the custody account | held - , bank's debt + |

Cash of one operation moves between accounts at one bank, or not at all. Other contracts move cash by `pay`,
and set it aside by `hold`, `release` and `pay_held`. Money leaves an account by its owner's signature only,
or out of a hold that the owner has signed.

For every bank and currency: Σ available + Σ held = minted - redeemed (`state_check.custody_reconciles`).
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from pydantic import Field

from contracts import invariants
from contracts.cash import bank, custody
from contracts.cash.custody import CustodyClose, account_of, check_open
from contracts.context import Context
from contracts.errors import refuse
from contracts.fields import (
    Account,
    BookingDay,
    Currency,
    EntryNumber,
    Operation,
    OptionalNumber,
    OrganisationId,
    PositiveAmount,
)
from ledger import codec
from ledger.money import Money, checked_total
from ledger.state import history
from ledger.state.overlay import Reader, state_key

DEBT = "deposits"
"""The bank's journal account of what it owes to the holders of deposits: never above zero."""

LINE_FIELDS = ("kind", "time_ms", "available", "held", "other", "document")
"""A line of a statement after its business date: changes in minor units, and who and what it was with."""


class Balance(NamedTuple):
    """The aggregates of a statement, minor units."""

    available: int
    held: int


class Purpose(NamedTuple):
    """What cash moves or is set aside for: shown in statements, and kept as evidence."""

    kind: str
    party: str
    """Organisation whose document it is."""
    document: str


class Hold(NamedTuple):
    """State value of money set aside."""

    bank: str
    owner: str
    currency: str
    amount: int


class Evidence(NamedTuple):
    """The bank entry that a payment out of a deposit has made: as good as one that a bank attests."""

    account: str
    entry: int


class DepositMint(Operation):
    """A settlement bank attests money that arrived for a client: it becomes the client's deposit."""

    op: Literal["deposit.mint"]
    account: Account = Field(description="custody account on which the money was booked")
    entry: EntryNumber
    date: BookingDay
    client: OrganisationId
    currency: Currency
    amount: PositiveAmount = Field(description="amount booked; minor units")


class DepositTransfer(Operation):
    """The owner of a deposit pays another client of the same bank."""

    op: Literal["deposit.transfer"]
    bank: OrganisationId
    payee: OrganisationId
    currency: Currency
    amount: PositiveAmount
    reference: OptionalNumber = Field(description="what it is for, shown in both statements; empty for none")


def deposit_key(bank_id: str, client: str, currency: str) -> bytes:
    """State key of a deposit: the entry of its statement."""
    return state_key("deposit", bank_id, client, currency)


def hold_key(purpose: Purpose) -> bytes:
    """State key of what is set aside for one purpose."""
    return state_key("hold", *purpose)


def read_hold(state: Reader, purpose: Purpose) -> Hold | None:
    """What is set aside for a purpose, if anything is."""
    value = state.get(hold_key(purpose))
    return None if value is None else Hold._make(value)


def issued_key(bank_id: str, currency: str) -> bytes:
    """State key of a bank's sums of mints and redemptions."""
    return state_key("issued", bank_id, currency)


def read_balance(state: Reader, bank_id: str, client: str, currency: str) -> Balance:
    """What a client has at a bank; nothing if it has no account."""
    entry = state.get(deposit_key(bank_id, client, currency))
    return Balance(0, 0) if entry is None else Balance._make(entry[2])


def fold(balance: codec.Value, line: codec.Value) -> codec.Value:
    """The balance after one more line of the statement; begins at (0, 0)."""
    return (balance[0] + line[3], balance[1] + line[4])


def _book(
    context: Context, bank_id: str, currency: str, client: str, change: Balance, purpose: Purpose
) -> int:
    """Write one line of a client's statement, with its postings to follow; the line's number.

    Raises:
        Refusal: `insufficient_funds`.
    """
    before = read_balance(context.state, bank_id, client, currency)
    after = Balance(before.available + change.available, before.held + change.held)
    if after.available < 0:
        raise refuse(
            "insufficient_funds",
            "not enough available",
            field="amount",
            found=f"{client} has {Money(before.available, currency)} available at {bank_id}",
            expected=f"at least {Money(-change.available, currency)}",
        )
    invariants.deposit_is_covered(*after)
    checked_total(after.available)
    line = (context.day, purpose.kind, context.time_ms, *change, purpose.party, purpose.document)
    return history.append(context.state, deposit_key(bank_id, client, currency), line, tuple(after))


def _available(bank_id: str) -> str:
    return f"deposit at {bank_id}"


def _held(bank_id: str) -> str:
    return f"held at {bank_id}"


def _issue(context: Context, bank_id: str, currency: str, minted: int, redeemed: int) -> None:
    key = issued_key(bank_id, currency)
    before = context.get(key) or (0, 0)
    context.put(key, (checked_total(before[0] + minted), checked_total(before[1] + redeemed)))


def mint(context: Context, operation: DepositMint) -> None:
    """Attested by the bank: the entry is consumed, the client's deposit and the bank's debt rise."""
    client, currency, amount = operation.client, operation.currency, operation.amount
    bank.check_unused(context, operation.account, operation.entry, bank.MINT)
    context.require_past(operation.date, "date")
    account = account_of(context, context.actor, client, currency)
    check_custody_account(account, operation.account)
    check_open(account, client, leaves=False)
    evidence = bank.BankEntry(context.actor, bank.MINT, client, "", currency, amount, operation.date)
    bank.consume(context, operation.account, operation.entry, evidence)
    _issue(context, context.actor, currency, amount, 0)
    purpose = Purpose(bank.MINT, context.actor, operation.entry)
    _book(context, context.actor, currency, client, Balance(amount, 0), purpose)
    context.post(
        ((context.actor, DEBT, currency, -amount), (client, _available(context.actor), currency, amount))
    )


def check_custody_account(account: custody.Custody, number: str) -> None:
    """Refuse an account number that is not the one of this client and currency."""
    if account.account != number:
        raise refuse(
            "not_custody_account",
            "not the custody account of this client and currency",
            field="account",
            found=number,
            expected=account.account,
        )


def transfer(context: Context, operation: DepositTransfer) -> None:
    """Signed by the owner; both accounts at one bank."""
    if operation.payee == context.actor:
        raise refuse("same_party", "a transfer to oneself", field="payee", found=operation.payee)
    amount, currency = operation.amount, operation.currency
    reference = operation.reference
    _leave(
        context,
        operation.bank,
        currency,
        context.actor,
        amount,
        Purpose("transfer", operation.payee, reference),
    )
    _arrive(
        context,
        operation.bank,
        currency,
        operation.payee,
        amount,
        Purpose("transfer", context.actor, reference),
    )
    context.post(
        (
            (context.actor, _available(operation.bank), currency, -amount),
            (operation.payee, _available(operation.bank), currency, amount),
        )
    )


def _leave(
    context: Context, bank_id: str, currency: str, payer: str, amount: int, about: Purpose
) -> tuple[str, int]:
    """Take available money off an account; (account number, line of the statement)."""
    account = account_of(context, bank_id, payer, currency, "bank")
    check_open(account, payer, leaves=True)
    return account.account, _book(context, bank_id, currency, payer, Balance(-amount, 0), about)


def _arrive(context: Context, bank_id: str, currency: str, payee: str, amount: int, about: Purpose) -> None:
    account = account_of(context, bank_id, payee, currency, "payee")
    check_open(account, payee, leaves=False)
    _book(context, bank_id, currency, payee, Balance(amount, 0), about)


def pay(
    context: Context,
    *,
    bank_id: str,
    payer: str,
    currency: str,
    payees: tuple[tuple[str, int], ...],
    purpose: Purpose,
) -> Evidence:
    """Pay out of the signer's deposit to one or several clients of the same bank: the cash leg of a delivery.

    `payees` are (client, minor units); a share of zero is left out, and one for the payer itself stays where
    it is. The payment is kept as a bank entry of the payer's custody account, numbered by the ledger.

    Raises:
        Refusal: `not_party` if the signer is not the payer, `no_deposit`, `custody_not_open`,
            `insufficient_funds`.
    """
    _check_owner(context, payer)
    total = _total(payees)
    account, line = _leave(context, bank_id, currency, payer, total, purpose)
    _pay_out(context, bank_id, currency, (payer, _available(bank_id), total), payees, purpose)
    return _keep_evidence(context, bank_id, currency, (account, line), total, purpose)


def pay_held(
    context: Context,
    *,
    payees: tuple[tuple[str, int], ...],
    purpose: Purpose,
    paid_for: Purpose | None = None,
) -> Evidence:
    """Pay out of what the owner has set aside for this purpose; otherwise like `pay`.

    `paid_for`: what the payment is kept as evidence of, if not of what it was set aside for.

    Raises:
        Refusal: `no_deposit`, `custody_not_open`.
    """
    held = _take_hold(context, purpose, _total(payees))
    account = account_of(context, held.bank, held.owner, held.currency, "bank")
    check_open(account, held.owner, leaves=True)
    paid = paid_for or purpose
    line = _book(context, held.bank, held.currency, held.owner, Balance(0, -held.amount), paid)
    source = (held.owner, _held(held.bank), held.amount)
    _pay_out(context, held.bank, held.currency, source, payees, paid)
    return _keep_evidence(context, held.bank, held.currency, (account.account, line), held.amount, paid)


def _check_owner(context: Context, owner: str) -> None:
    if context.actor != owner:
        raise refuse("not_party", "only the owner spends a deposit", field="signer", found=context.actor)


def _total(payees: tuple[tuple[str, int], ...]) -> int:
    total = sum(amount for _, amount in payees)
    assert total > 0, "a payment moves something"
    assert min(amount for _, amount in payees) >= 0, "no payee pays"
    return total


def _pay_out(
    context: Context,
    bank_id: str,
    currency: str,
    source: tuple[str, str, int],
    payees: tuple[tuple[str, int], ...],
    purpose: Purpose,
) -> None:
    """Book the payees' sides, and the postings of all: `source` is (payer, journal account, total)."""
    payer, account, total = source
    for payee, amount in payees:
        if amount:
            _arrive(context, bank_id, currency, payee, amount, purpose)
    arrived = tuple([(payee, _available(bank_id), currency, amount) for payee, amount in payees])
    context.post(((payer, account, currency, -total), *arrived))


def _keep_evidence(
    context: Context, bank_id: str, currency: str, place: tuple[str, int], total: int, purpose: Purpose
) -> Evidence:
    bank.consume(context, *place, bank.BankEntry(bank_id, *purpose, currency, total, context.day))
    return Evidence(*place)


def hold(context: Context, *, bank_id: str, owner: str, currency: str, amount: int, purpose: Purpose) -> None:
    """Set aside money of the signer for one purpose, beside what is set aside for it on this account.

    Raises:
        Refusal: `not_party`, `no_deposit`, `custody_not_open`, `insufficient_funds`.
    """
    _check_owner(context, owner)
    check_open(account_of(context, bank_id, owner, currency, "bank"), owner, leaves=True)
    held = read_hold(context.state, purpose) or Hold(bank_id, owner, currency, 0)
    assert held[:3] == (bank_id, owner, currency), "a purpose has one hold"
    context.put(hold_key(purpose), tuple(held._replace(amount=held.amount + amount)))
    _shift(context, bank_id, owner, currency, amount, purpose._replace(kind="hold"))


def release(context: Context, purpose: Purpose, amount: int | None = None) -> None:
    """Give back what was set aside for a purpose, or an amount of it; also on a blocked account."""
    held = _take_hold(context, purpose, amount)
    _shift(context, *held[:3], -held.amount, purpose._replace(kind="release"))


def _shift(context: Context, bank_id: str, owner: str, currency: str, amount: int, about: Purpose) -> None:
    """Move an amount from available to held, or back if it is below zero."""
    _book(context, bank_id, currency, owner, Balance(-amount, amount), about)
    context.post(((owner, _available(bank_id), currency, -amount), (owner, _held(bank_id), currency, amount)))


def _take_hold(context: Context, purpose: Purpose, amount: int | None = None) -> Hold:
    """What is taken of a hold: an amount of it, or all; what is left stays set aside."""
    held = read_hold(context.state, purpose)
    assert held is not None, "a hold that is used or released was made"
    taken = held.amount if amount is None else amount
    assert 0 < taken <= held.amount, "no more is taken than was set aside"
    if taken < held.amount:
        context.put(hold_key(purpose), tuple(held._replace(amount=held.amount - taken)))
    else:
        context.state.delete(hold_key(purpose))
    return held._replace(amount=taken)


def burn(context: Context, purpose: Purpose) -> None:
    """Take money that was set aside off the ledger: the bank has paid it out."""
    bank_id, owner, currency, amount = _take_hold(context, purpose)
    _issue(context, bank_id, currency, 0, amount)
    _book(context, bank_id, currency, owner, Balance(0, -amount), purpose)
    context.post(((owner, _held(bank_id), currency, -amount), (bank_id, DEBT, currency, amount)))


def close(context: Context, operation: CustodyClose) -> None:
    """Closed by the bank, once nothing is on the account."""
    balance = read_balance(context.state, context.actor, operation.client, operation.currency)
    if any(balance):
        raise refuse(
            "deposit_not_empty",
            "money is on the account",
            field="client",
            found=f"{Money(balance.available, operation.currency)} available, "
            f"{Money(balance.held, operation.currency)} held",
            expected="nothing",
        )
    custody.close_empty(context, operation)
