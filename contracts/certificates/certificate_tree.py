"""The tree of a certificate from its history alone, as whoever holds the proved records computes it.

The ledger keeps each leaf under a key of its own; the history says how each came about. `replay` gives the
same leaves but for what no record says: terms of an offer or of a pledge, and the bank entry of its cash leg.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from contracts.certificates.leaf import (
    DISHONOURED,
    HELD,
    ISSUED,
    PLEDGED,
    REDEEMED_LATE,
    RESERVED,
    SOLD,
    SPLIT,
    STATUS,
    TRANSFER_PENDING,
    VOID,
    WRITTEN_OFF,
    Leaf,
)
from ledger.codec import Value


class Issued(NamedTuple):
    """What the first record says of the promise. Amounts in minor units, days since 1970."""

    payee: str
    face: int
    currency: str
    maturity: int
    cut_off: int
    smallest: int
    highest_tier: int
    invoice: str


class Tree(NamedTuple):
    """A certificate with all its leaves by number."""

    issued: Issued
    leaves: tuple[Leaf, ...]


def replay(records: Iterable[Value]) -> Tree:
    """The tree after all records of a certificate's history, from the first.

    Raises:
        ValueError: they are not those of one certificate.
    """
    issued: Issued | None = None
    leaves: list[Leaf] = []
    for record in records:
        _, kind, number, parent, party, amount, *said = record
        if kind == "issue" and issued is None:
            issued = Issued(party, amount, *said)
            leaves.append(Leaf(ISSUED, party, amount, 1, -1))
        elif kind == "mint" and number == len(leaves) and 0 <= parent < number:
            leaves.append(Leaf(HELD, party, amount, leaves[parent].tier, parent))
        elif kind in _CHANGES and 0 <= number < len(leaves):
            leaves[number] = _CHANGES[kind](leaves[number], party, amount)
        else:
            raise ValueError(f"a record that does not follow: {kind} of leaf {number}")
    if issued is None:
        raise ValueError("no certificate was issued")
    return Tree(issued, tuple(leaves))


def _accepted(leaf: Leaf, party: str, _: int) -> Leaf:
    deeper = int(leaf.status == TRANSFER_PENDING)
    return leaf._replace(status=HELD, holder=party, tier=leaf.tier + deeper, offered_to="")


def _released(leaf: Leaf, _party: str, _: int) -> Leaf:
    return leaf._replace(status=HELD if leaf.status == PLEDGED else leaf.status, lender="")


def _redeemed(leaf: Leaf, _party: str, amount: int) -> Leaf:
    paid = leaf._replace(redeemed=leaf.redeemed + amount)
    return (
        paid if paid.left else paid._replace(status=STATUS.after(leaf.status, "certificate.redeem"), frozen=0)
    )


def _recovered(leaf: Leaf, _party: str, amount: int) -> Leaf:
    paid = leaf._replace(redeemed=leaf.redeemed + amount, written_off=leaf.written_off - amount)
    return paid if paid.owed else paid._replace(status=REDEEMED_LATE)


def _written_off(leaf: Leaf, _party: str, amount: int) -> Leaf:
    return leaf._replace(status=WRITTEN_OFF, written_off=leaf.written_off + amount, frozen=0)


_CHANGES: dict[str, Callable[[Leaf, str, int], Leaf]] = {
    "accept": _accepted,
    "void": lambda leaf, _party, _: leaf._replace(status=VOID, frozen=0),
    "burn": lambda leaf, _party, _: leaf._replace(status=SPLIT),
    "transfer": lambda leaf, party, _: leaf._replace(status=TRANSFER_PENDING, offered_to=party),
    "reserve": lambda leaf, party, _: leaf._replace(status=RESERVED, offered_to=party),
    "back": lambda leaf, _party, _: leaf._replace(status=HELD, offered_to=""),
    "sold": lambda leaf, party, _: leaf._replace(status=SOLD, holder=party, offered_to=""),
    "pledged": lambda leaf, party, _: leaf._replace(status=PLEDGED, lender=party, offered_to=""),
    "release": _released,
    "redeem": _redeemed,
    "dishonour": lambda leaf, _party, _: leaf._replace(status=DISHONOURED),
    "write_off": _written_off,
    "recover": _recovered,
    "freeze": lambda leaf, _party, _: leaf._replace(frozen=1),
    "unfreeze": lambda leaf, _party, _: leaf._replace(frozen=0),
}


def held_by(tree: Tree, party: str) -> tuple[tuple[int, Leaf], ...]:
    """The leaves that a party holds and is still owed on, by number."""
    return tuple(
        [(number, leaf) for number, leaf in enumerate(tree.leaves) if leaf.holder == party and leaf.live]
    )
