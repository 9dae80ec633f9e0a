"""Payee accounts: where an organisation is paid outside the ledger. To change one takes two keys and time.

    ("payee", organisation, currency) -> Payee

One key of the organisation nominates an account, another approves exactly that account, and it is used from
`payout_cooling_days` of the business date later; until then the account before it stands. Whoever nominates
anew ends a change that is not in force yet.

Both keys must have been enrolled as many days before they sign: whoever has stolen one key can enrol another
with it, but none with a past, and the organisation has had the time to see it and to revoke it.

Where an account is in force, a bank's attestation of a payout names it (`contracts.finance.funding`), and a
buyer's payment that arrived elsewhere is recorded as astray (`contracts.trade.redirection`). What counts is
the day on which the money was booked: a bank attests what it booked before.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from contracts.context import Context, signer_key
from contracts.errors import refuse
from contracts.fields import Account, Currency, Operation
from ledger.codec import Value
from ledger.dates import iso_from_day
from ledger.state.overlay import Reader, state_key


class Payee(NamedTuple):
    """State value of a payee account."""

    account: str
    """The account in force before the nominated one, empty for none."""
    nominated: str
    """The account that is to come, empty for none."""
    nominated_by: bytes
    """Public key that nominated it."""
    from_day: int
    """First business day on which the nominated account is in force; 0 until it is approved."""


class PayeeNominate(Operation):
    """An organisation nominates the account to which it is paid in one currency; another key approves it."""

    op: Literal["payee.nominate"]
    currency: Currency
    account: Account


class PayeeApprove(Operation):
    """Another key of the organisation approves the account that was nominated; it is used after a wait."""

    op: Literal["payee.approve"]
    currency: Currency
    account: Account


def payee_key(organisation: str, currency: str) -> bytes:
    """State key of a payee account."""
    return state_key("payee", organisation, currency)


def read_payee(state: Reader, organisation: str, currency: str) -> Payee | None:
    """The payee account with its changes, if the organisation has ever nominated one."""
    value = state.get(payee_key(organisation, currency))
    return None if value is None else Payee._make(value)


def in_force(payee: Payee, day: int) -> str:
    """The account of a business day, empty for none."""
    return payee.nominated if payee.from_day and payee.from_day <= day else payee.account


def account_of(state: Reader, organisation: str, currency: str, day: int) -> str:
    """Where an organisation is to be paid on a business day, empty if it has not said."""
    payee = read_payee(state, organisation, currency)
    return "" if payee is None else in_force(payee, day)


def check_paid_to(context: Context, organisation: str, currency: str, account: str | None, day: int) -> None:
    """Refuse a payout that did not go to the account in force on the day on which it was booked; none is
    needed where there was none.

    Raises:
        Refusal: `wrong_payee`.
    """
    expected = account_of(context.state, organisation, currency, day)
    if expected and account != expected:
        raise refuse(
            "wrong_payee",
            "not the account to which the organisation is paid",
            field="payee",
            found=account or "nothing",
            expected=expected,
        )


def nominate(context: Context, operation: PayeeNominate) -> None:
    """Nominated by one key; the account in force stays so."""
    _check_key_has_a_past(context)
    before = account_of(context.state, context.actor, operation.currency, context.day)
    nominated = Payee(before, operation.account, context.signer, 0)
    context.put(payee_key(context.actor, operation.currency), tuple(nominated))


def approve(context: Context, operation: PayeeApprove) -> None:
    """Approved by another key of the same organisation: in force after the wait."""
    payee = read_payee(context.state, context.actor, operation.currency)
    if payee is None or payee.nominated != operation.account or payee.from_day:
        raise refuse(
            "no_nomination",
            "this account was not nominated",
            field="account",
            found=operation.account,
            expected=_expected(payee),
        )
    if payee.nominated_by == context.signer:
        raise refuse(
            "same_key",
            "the key that nominated it",
            field="signer",
            found=context.signer.hex(),
            expected="another key of the organisation",
        )
    _check_key_has_a_past(context)
    approved = payee._replace(from_day=context.day + _cooling_days(context))
    context.put(payee_key(context.actor, operation.currency), tuple(approved))


def _expected(payee: Payee | None) -> str:
    if payee is None or not payee.nominated:
        return "a nomination by another key"
    return f"in force from {iso_from_day(payee.from_day)}" if payee.from_day else payee.nominated


def _cooling_days(context: Context) -> int:
    return context.parameter("payout_cooling_days")


def _check_key_has_a_past(context: Context) -> None:
    """Refuse a key that was enrolled less than the wait ago; those of the genesis document were long ago."""
    entry: Value = context.get(signer_key(context.signer))
    enrolled, wait = entry[4], _cooling_days(context)
    if enrolled and context.day < enrolled + wait:
        raise refuse(
            "key_too_new",
            "the key was enrolled too short a time ago",
            field="signer",
            found=iso_from_day(enrolled),
            expected=f"enrolled {wait} days before it decides about an account",
        )
