"""The reference model: who may sign, what was used up, and a plain second ledger of everything else.

It reads no contract. It is told which operations were taken, in order; it says which must not have been, and
what the ledger must show afterwards (`compare`).

| book | an entry | rises and falls with |
|---|---|---|
| rights | organisation: roles; key: organisation, in force | genesis, key.add, key.revoke |
| numbers | (owner, kind, number) that was used | whatever creates a document |
| entries | (account, entry) that was consumed | whatever a bank attests |
| `plain` | goods, invoices, claims, demands, offers, certificates, policies, deposits | see there |
"""

from __future__ import annotations

from typing import Any

from campaign.draw import EVERYBODY
from campaign.ledger import signing_key
from campaign.plain import standing
from campaign.plain.arithmetic import MILLION, day_of, up
from campaign.plain.comparing import compare
from campaign.plain.operations import FUNCTIONS
from campaign.plain.world import World
from contracts.finance.claim import Lien
from contracts.registry import OPERATIONS
from contracts.trade.trade_check import Kinds

Operation = dict[str, Any]

NEW_NUMBERS = {
    "shipment.create": ("shipment", True),
    "shipment.dispatch": ("shipment", True),
    "invoice.submit": ("invoice", True),
    "credit.issue": ("credit", True),
    "redemption.request": ("redemption", True),
    "settlement.create": ("settlement", True),
    "auction.open": ("auction", True),
    "exchange.request": ("exchange", True),
    "recourse.demand": ("recourse", True),
    "resale.offer": ("resale", True),
    "finance.request": ("request", True),
    "certificate.issue": ("certificate", True),
    "policy.quote": ("policy", True),
    "claim.notify": ("claim", True),
    "membership.propose": ("proposal", False),
}
"""The field with the number of what an operation creates, and whether numbers are its signer's own."""


class Books:
    """All the books of one ledger."""

    def __init__(self, business_date: str) -> None:
        self.keys = {signing_key(name).public: True for name in EVERYBODY}
        """Key → whether it is in force."""
        self.numbers: set[tuple[str, str, str]] = set()
        self.entries: set[tuple[str, str]] = set()
        self.world = World(day_of(business_date))

    def forbids(self, key: str, operation: Operation) -> str | None:
        """Why the ledger must refuse this, by who signs and what was used up."""
        signer, op = _owner(key), operation["op"]
        if not self.keys.get(signing_key(key).public, False):
            return "the key is not in force"
        roles = OPERATIONS[op].roles
        if roles and not set(roles) & set(EVERYBODY[signer]):
            return "not the role that signs this"
        if op == "date.advance" and day_of(operation["date"]) <= self.world.day:
            return "the date does not move on"
        if op in NEW_NUMBERS and self._number(signer, operation) in self.numbers:
            return "the number was used"
        if "entry" in operation and (_account(operation), operation["entry"]) in self.entries:
            return "invariant 11: the bank entry was consumed"
        return None

    def take(self, key: str, operation: Operation, kinds: Kinds) -> None:
        """Book an operation that the ledger has taken; `kinds` is what it shows after the transaction.

        Raises:
            AssertionError: it must not have been taken.
        """
        signer, op = _owner(key), operation["op"]
        why = self.forbids(key, operation)
        assert why is None, f"{op} of {signer} was taken: {why}"
        if op in NEW_NUMBERS:
            self.numbers.add(self._number(signer, operation))
        if "entry" in operation:
            self.entries.add((_account(operation), operation["entry"]))
        if op in ("key.add", "key.revoke"):
            self.keys[operation["key"]] = op == "key.add"
        if op not in FUNCTIONS:
            return
        if op == "finance.offer":
            operation = {**operation, "advance_rate_ppm": _advance_rate_ppm(operation, kinds)}
        try:
            FUNCTIONS[op](self.world, signer, operation)
            standing.after_each(self.world)
        except (AssertionError, LookupError) as cause:
            raise AssertionError(f"{op} of {signer} was taken: {cause}") from cause

    def _number(self, signer: str, operation: Operation) -> tuple[str, str, str]:
        name, is_own = NEW_NUMBERS[operation["op"]]
        return (signer if is_own else "", name, operation[name])

    def compare(self, kinds: Kinds) -> None:
        """The ledger shows what the books say.

        Raises:
            AssertionError: it does not, and which of them.
        """
        consumed = {parts for parts in kinds["bank_entry"] if isinstance(parts[1], str)}
        assert consumed == self.entries, f"bank entries consumed: {consumed ^ self.entries}"
        compare(self.world, kinds)


def _advance_rate_ppm(operation: Operation, kinds: Kinds) -> int:
    """The advance rate that the ledger has given an offer; of one that is over by now, one that fits."""
    value = kinds["lien"].get((operation["supplier"], operation["invoice"]))
    if value is not None:
        return Lien._make(value).advance_rate_ppm
    return up(operation["terms"]["advance"] * MILLION, operation["terms"]["net"])


def _owner(key: str) -> str:
    """The organisation of a key, by the key's name."""
    return key.split("+", maxsplit=1)[0]


def _account(operation: Operation) -> str:
    """An account as the ledger has it: spaces do not tell accounts apart."""
    return str(operation["account"]).replace(" ", "")
