"""Payee redirections: "from now on pay my invoices to this account", said by the supplier to one buyer.

    ("redirection", supplier, buyer, currency) -> Redirection

The supplier proposes an account, the lender whom it serves agrees to exactly that account, and the buyer says
that it has seen it. From the lender's signature on it stands: the supplier alone cannot take it back, the
lender alone can. So the money of a sold receivable is asked for where its owner wants it.

A payment that a bank attests on another account than the one expected is taken, since the money is there, and
recorded as `astray` in the history of the relationship: *the seller collects*. What is expected on the day of
its booking is the account of the redirection that stood, else the supplier's payee account, else nothing.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from pydantic import Field

from contracts.context import Context
from contracts.errors import refuse
from contracts.fields import Account, Currency, Operation, OrganisationId, Reason
from contracts.lifecycle import LifeCycle, Transition
from contracts.parties import payee
from contracts.parties.identity import BUYER, LENDER
from ledger.state.overlay import Reader, state_key

STATUS = LifeCycle(
    "redirection",
    "status",
    ("Proposed", "Agreed", "Seen", "Declined", "Ended"),
    (
        Transition("redirection.agree", "Proposed", "Agreed"),
        Transition("redirection.decline", "Proposed", "Declined"),
        Transition("redirection.acknowledge", "Agreed", "Seen"),
        Transition("redirection.end", "Agreed", "Ended"),
        Transition("redirection.end", "Seen", "Ended"),
    ),
)
PROPOSED, AGREED, SEEN, DECLINED, ENDED = range(5)
STANDING = (AGREED, SEEN)


class Redirection(NamedTuple):
    """State value of the newest redirection of a supplier's invoices to a buyer in one currency."""

    number: int
    """How many there have been, this one included."""
    status: int
    """Place in `STATUS.states`."""
    lender: str
    account: str
    proposed: int
    """Business day, days since 1970."""
    agreed: int
    """Business day, 0 before."""
    seen: int
    """Business day on which the buyer said so, 0 before."""
    ended: int = 0
    """Business day on which the lender ended it, 0 before."""

    def stood_on(self, day: int) -> bool:
        """Whether the buyer was to pay to its account on a business day."""
        return 0 < self.agreed <= day and (self.status in STANDING or day < self.ended)


class RedirectionPropose(Operation):
    """A supplier proposes that a buyer pays its invoices to another account, for a lender."""

    op: Literal["redirection.propose"]
    buyer: OrganisationId
    currency: Currency
    lender: OrganisationId = Field(description="lender for whom it is, whose signature it needs")
    account: Account


class RedirectionAgree(Operation):
    """A lender agrees to the account that a supplier proposed: from now on the buyer pays there."""

    op: Literal["redirection.agree"]
    supplier: OrganisationId
    buyer: OrganisationId
    currency: Currency
    account: Account


class RedirectionDecline(Operation):
    """A lender declines the account that a supplier proposed."""

    op: Literal["redirection.decline"]
    supplier: OrganisationId
    buyer: OrganisationId
    currency: Currency
    reason: Reason


class RedirectionAcknowledge(Operation):
    """A buyer says that it has seen to which account it pays from now on."""

    op: Literal["redirection.acknowledge"]
    supplier: OrganisationId
    currency: Currency
    account: Account


class RedirectionEnd(Operation):
    """A lender ends a redirection: the buyer pays to the supplier's own account again."""

    op: Literal["redirection.end"]
    supplier: OrganisationId
    buyer: OrganisationId
    currency: Currency
    reason: Reason


def redirection_key(supplier: str, buyer: str, currency: str) -> bytes:
    """State key of the newest redirection."""
    return state_key("redirection", supplier, buyer, currency)


def read_redirection(state: Reader, supplier: str, buyer: str, currency: str) -> Redirection | None:
    """The newest redirection, if there was one."""
    value = state.get(redirection_key(supplier, buyer, currency))
    return None if value is None else Redirection._make(value)


def expected_account(state: Reader, supplier: str, buyer: str, currency: str, day: int) -> str:
    """Where a buyer is to pay a supplier's invoices on a business day; empty if nobody has said.

    That of the newest redirection if it stood on that day, else the supplier's payee account.
    """
    found = read_redirection(state, supplier, buyer, currency)
    if found is not None and found.stood_on(day):
        return found.account
    return payee.account_of(state, supplier, currency, day)


def propose(context: Context, operation: RedirectionPropose) -> None:
    """Proposed by the supplier; it replaces its own proposal, never what a lender has agreed to."""
    supplier, buyer, currency = context.actor, operation.buyer, operation.currency
    context.require_organisation(buyer, BUYER, "buyer")
    context.require_organisation(operation.lender, LENDER, "lender")
    before = read_redirection(context.state, supplier, buyer, currency)
    if before is not None and before.status in STANDING:
        raise refuse(
            "redirection_stands",
            "a lender's redirection stands",
            field="buyer",
            found=f"{before.account} for {before.lender}",
            expected="none: its lender ends it first",
        )
    number = 1 if before is None else before.number + 1
    proposed = Redirection(number, PROPOSED, operation.lender, operation.account, context.day, 0, 0)
    context.put(redirection_key(supplier, buyer, currency), tuple(proposed))


def agree(context: Context, operation: RedirectionAgree) -> None:
    """Agreed to by its lender, by naming the account: it stands."""
    supplier, buyer, currency = operation.supplier, operation.buyer, operation.currency
    found = _lenders(context, supplier, buyer, currency)
    _check_account(found, operation.account)
    agreed = found._replace(status=STATUS.after(found.status, operation.op), agreed=context.day)
    _step(context, (supplier, buyer, currency), agreed)


def decline(context: Context, operation: RedirectionDecline) -> None:
    """Declined by its lender: nothing has changed."""
    supplier, buyer, currency = operation.supplier, operation.buyer, operation.currency
    found = _lenders(context, supplier, buyer, currency)
    declined = found._replace(status=STATUS.after(found.status, operation.op))
    context.put(redirection_key(supplier, buyer, currency), tuple(declined))


def acknowledge(context: Context, operation: RedirectionAcknowledge) -> None:
    """Seen by the buyer, by naming the account."""
    supplier, currency = operation.supplier, operation.currency
    found = _known(context, supplier, context.actor, currency)
    _check_account(found, operation.account)
    seen = found._replace(status=STATUS.after(found.status, operation.op), seen=context.day)
    _step(context, (supplier, context.actor, currency), seen)


def end(context: Context, operation: RedirectionEnd) -> None:
    """Ended by its lender."""
    supplier, buyer, currency = operation.supplier, operation.buyer, operation.currency
    found = _lenders(context, supplier, buyer, currency)
    ended = found._replace(status=STATUS.after(found.status, operation.op), ended=context.day)
    _step(context, (supplier, buyer, currency), ended)


def _step(context: Context, place: tuple[str, str, str], after: Redirection) -> None:
    supplier, buyer, currency = place
    context.put(redirection_key(supplier, buyer, currency), tuple(after))
    status = STATUS.states[after.status]
    context.record(supplier, buyer, ("redirect", after.account, currency, after.lender, status))


def _known(context: Context, supplier: str, buyer: str, currency: str) -> Redirection:
    found = read_redirection(context.state, supplier, buyer, currency)
    if found is None:
        raise refuse(
            "unknown_redirection",
            "no redirection",
            field="supplier",
            found=f"{supplier}, {buyer}, {currency}",
        )
    return found


def _lenders(context: Context, supplier: str, buyer: str, currency: str) -> Redirection:
    found = _known(context, supplier, buyer, currency)
    if found.lender != context.actor:
        raise refuse("not_party", "for another lender", field="signer", found=context.actor)
    return found


def _check_account(found: Redirection, account: str) -> None:
    if account != found.account:
        raise refuse(
            "account_differs",
            "not the account of the redirection",
            field="account",
            found=account,
            expected=found.account,
        )
