"""What a handler is given: the state, who signed, and the business date.

A handler sees nothing else. It reads with `get`, writes with `put` and `delete`, and emits with `record`
(a line in the relationship's history) and `post` (cash). The executor makes one context per transaction.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Protocol

from contracts import invariants
from contracts.errors import refuse
from contracts.parameters import read_parameter
from contracts.trade import relationship
from ledger.codec import Value
from ledger.money import checked_total
from ledger.state.overlay import Overlay, Reader, state_key

BUSINESS_DATE = state_key("param", "business_date")
Posting = tuple[str, str, str, int]
"""(organisation, account, currency, amount in minor units); the parts of one operation sum to zero."""


@lru_cache(maxsize=4_096)
def organisation_key(organisation: str) -> bytes:
    """State key of an organisation."""
    return state_key("org", organisation)


@lru_cache(maxsize=4_096)
def signer_key(public: bytes) -> bytes:
    """State key of a public key."""
    return state_key("key", public)


def journal_key(organisation: str, account: str, currency: str) -> bytes:
    """State key of a cash account's balance."""
    return state_key("journal", organisation, account, currency)


class Context:
    """One transaction's view of the ledger."""

    __slots__ = (
        "_parameters",
        "actor",
        "approver",
        "changed",
        "channel",
        "day",
        "get",
        "put",
        "roles",
        "signer",
        "state",
        "time_ms",
    )

    def __init__(
        self,
        state: Overlay,
        signer: bytes,
        actor: str,
        approver: str,
        roles: tuple[str, ...],
        channel: bytes,
        time_ms: int,
    ) -> None:
        self.state = state
        self.get = state.get
        """The value of a state key, or None."""
        self.put = state.put
        """Write a state value."""
        self.changed: dict[tuple[str, str], tuple[Value, ...]] = {}
        """Invoices that the operation has written again, or whose claim, as they were: `market.standing`."""
        self.channel = channel
        """Channel of the transaction, which is that of the ledger."""
        self.signer = signer
        """Public key that signed."""
        self.actor = actor
        """Organisation whose key signed."""
        self.approver = approver
        """Organisation that approved that key: see `contracts.parties.identity`."""
        self.roles = roles
        self.day = business_day(state)
        """Business date, days since 1970."""
        self.time_ms = time_ms
        """Block time, milliseconds since 1970: never decreasing, and the same on every node."""
        self._parameters = state.fixed

    def parameter(self, name: str) -> int:
        """A parameter of `contracts.parameters`, which no operation changes."""
        value = self._parameters.get(name)
        if value is None:
            value = self._parameters[name] = read_parameter(self.state, name)
        return value

    def require_organisation(self, organisation: str, role: str, field: str) -> None:
        """Refuse unless the organisation exists and has the role."""
        entry = self.state.get(organisation_key(organisation))
        if entry is None or role not in entry[2]:
            raise refuse(
                "unknown_organisation",
                f"no such {role}",
                field=field,
                found=organisation,
                expected=f"an organisation with the role {role}",
            )
        if organisation == self.actor:
            raise refuse("same_party", "a document with oneself", field=field, found=organisation)

    def require_past(self, day: int, field: str) -> None:
        """Refuse a declared date after the business date."""
        if day > self.day:
            raise refuse(
                "date_in_future",
                "date after the business date",
                field=field,
                found=f"{day - self.day} days ahead",
                expected="at most the business date",
            )

    def require_independent(self, other: str, other_approver: str) -> None:
        """Refuse unless the signer's key and the other party's were approved by different organisations.

        Invariant 17. `other_approver` is as documents store it: empty if the party approved itself.
        """
        if self.approver == (other_approver or other):
            raise refuse(
                "same_approver",
                "both halves would hang on one approver",
                field="signer",
                found=self.approver,
                expected=f"an approver other than that of {other}",
            )

    @property
    def stored_approver(self) -> str:
        """The approver as documents store it: empty if the organisation approved its own key."""
        return "" if self.approver == self.actor else self.approver

    def record(self, supplier: str, buyer: str, record: tuple[Value, ...]) -> None:
        """Append (kind, number, currency, …) to the relationship's history, under the business date."""
        relationship.append(self.state, supplier, buyer, (self.day, *record))

    def post(self, postings: tuple[Posting, ...]) -> None:
        """Move cash between accounts; the postings sum to zero in each currency."""
        invariants.postings_sum_to_zero(postings)
        for organisation, account, currency, amount in postings:
            if amount:
                key = journal_key(organisation, account, currency)
                balance = checked_total(amount + (self.state.get(key) or 0))
                self.state.put(key, balance)


class Run(Protocol):
    """Operations of one kind that follow one another in an atomic transaction.

    They have the results that they would have one by one. What they share may be read once and written
    once: nobody else reads or writes in between, and if one is refused, the whole transaction is taken back.
    """

    def take(self, operation: Any) -> None:
        """Handle one more.

        Raises:
            Refusal: as its handler would.
        """
        ...

    def close(self) -> None:
        """Write what is still to be written."""
        ...


def business_day(state: Reader) -> int:
    """The business date, days since 1970."""
    return int(state.get(BUSINESS_DATE) or 0)
