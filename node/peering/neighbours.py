"""Whom a node links with, and where they are.

| links with | because |
|---|---|
| members of the newest membership in the log | they take part |
| members of the one before, until the next change | one that left learns of it, and still answers (CR-61) |
| members of the newest change that is proved, until | a node that begins, or was away, hears those who |
| its own ledger reaches it | lead now |

Changes are proved by the file beside the genesis file, by the ledger, or by what others hand over
(`introductions`). Addresses come from the configuration; where it names none, from what the
organisations have said on the ledger (`node.locate`); where that names none, from what others say.
A wrong address reaches nobody: links trust keys.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import structlog

from contracts.parties.membership import address_key
from ledger.blocks.genesis import GenesisBlock
from ledger.chain.chain import Chain
from ledger.chain.committed import NotCertified
from ledger.errors import TallyError, VerificationError
from ledger.limits import MAX_PROOF_BYTES
from ledger.members.membership import Member, Membership
from ledger.proofs.handover import Followed, Handover, MembershipChain
from node.errors import SettingsError

Address = tuple[str, int]

_STRANGER, _MEMBER, _SELF = range(3)
"""Weight of a word about where a node is."""

log = structlog.get_logger(component="neighbours")


class Neighbours:
    """Members of several memberships by node id; the first that has a node says who it is."""

    def __init__(self, *memberships: Membership) -> None:
        self._by_node: dict[str, Member] = {}
        keys: set[bytes] = set()
        for membership in memberships:
            for member in membership.members:
                if member.node not in self._by_node and member.key not in keys:
                    self._by_node[member.node] = member
                    keys.add(member.key)
        self.members: tuple[Member, ...] = tuple([self._by_node[node] for node in sorted(self._by_node)])

    def member(self, node: str) -> Member | None:
        """The neighbour with this id."""
        return self._by_node.get(node)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Neighbours) and self.members == other.members

    __hash__ = None  # type: ignore[assignment]


class Neighbourhood:
    """The neighbours of one node as its chain changes."""

    def __init__(self, chain: Chain, genesis_file: Path, configured: dict[str, Address]) -> None:
        self._chain = chain
        self._configured = configured
        self._followed = followed_beside(genesis_file, chain.genesis)
        self._changes: list[int] = []
        """The changes of our own ledger that are followed."""
        self._hints: dict[str, tuple[Address, int]] = {}
        """Where others say that a neighbour is, and the weight of their word."""
        self._now = chain.membership
        self._before = self._now

    def neighbours(self) -> Neighbours:
        """Whom to link with now."""
        newest = self._chain.membership
        if newest.hash != self._now.hash:
            self._before, self._now = self._now, newest
        if self.is_behind:
            return Neighbours(self._followed.newest, self._now, self._before)
        return Neighbours(self._now, self._before)

    @property
    def is_behind(self) -> bool:
        """Whether a change of the members is proved that this node's own ledger has not reached."""
        return self._followed.heights[-1] > self._chain.applied.height

    @property
    def followed_height(self) -> int:
        """Height of the last change of the members that is proved here."""
        return self._followed.heights[-1]

    def has_lost(self, node: str) -> bool:
        """Whether a change that our own ledger has not reached has left out a node that was a member."""
        newest = self._followed.newest
        return (
            self.is_behind
            and not newest.is_joint
            and not newest.is_member(node)
            and self._chain.membership.is_member(node)
        )

    def known(self) -> Followed:
        """Every change of the membership that this node can prove, its own ledger's included."""
        changes = self._chain.changes()
        if changes != self._changes:
            for height in changes:
                if height <= self._followed.heights[-1]:
                    continue
                try:
                    self._followed = self._followed.extended([self._chain.handover(height)])
                except NotCertified:
                    return self._followed
                except VerificationError as error:  # others have proved other changes: a fork, for `watch`
                    log.error("members_differ", **error.as_dict())
                    break
            self._changes = changes
        return self._followed

    def follow(self, handovers: Iterable[Handover]) -> int:
        """Take changes that somebody hands over; the height of the last one that is proved then.

        Raises:
            VerificationError: one of them is not proved; none of them is taken.
        """
        self._followed = self.known().extended(handovers)
        return self._followed.heights[-1]

    def hint(self, addresses: Iterable[tuple[str, Address]], peer: str | None) -> bool:
        """Take hints where members are, from a member or a stranger; whether they say anything new.

        A node's word of itself displaces what other members say of it, theirs what strangers say;
        a stranger displaces nothing.
        """
        is_new = False
        neighbours = self.neighbours()
        for node, address in addresses:
            weight = _STRANGER if peer is None else _SELF if peer == node else _MEMBER
            held, held_weight = self._hints.get(node, (None, _STRANGER))
            if neighbours.member(node) is None or (held is not None and weight < max(held_weight, _MEMBER)):
                continue
            is_new = is_new or address != held
            self._hints[node] = (address, weight)
        for node in [node for node in self._hints if neighbours.member(node) is None]:
            del self._hints[node]
        return is_new

    def addresses(self, neighbours: Neighbours) -> dict[str, Address]:
        """Where they are; a node of which nobody said that dials us, and we cannot dial it."""
        found = {}
        for member in neighbours.members:
            place = (
                self._configured.get(member.node)
                or self._said_on_ledger(member.node)
                or self._hints.get(member.node, (None, 0))[0]
            )
            if place is not None:
                found[member.node] = place
        return found

    def _said_on_ledger(self, node: str) -> Address | None:
        said = self._chain.get(address_key(node))
        return None if said is None else read_address(said)

    def located(self) -> dict[str, Address]:
        """Where the neighbours are, as others may be told."""
        return self.addresses(self.neighbours())


def followed_beside(genesis_file: Path, genesis: GenesisBlock) -> Followed:
    """The membership changes kept beside a genesis file: `genesis.memberships`, as clients keep it.

    Raises:
        SettingsError: a file that does not prove them.
    """
    beside = genesis_file.with_suffix(".memberships")
    trust = Followed.of(genesis)
    try:
        with beside.open("rb") as file:
            data = file.read(MAX_PROOF_BYTES + 1)
    except FileNotFoundError:
        return trust
    except OSError as error:
        raise SettingsError(f"cannot read {beside}", field="genesis_file", found=error.strerror) from None
    try:
        return trust.extended(MembershipChain.decode(data).handovers)
    except TallyError as error:
        raise SettingsError(
            f"{beside} does not prove how the membership changed",
            field="genesis_file",
            found=str(error)[:200],
            remedy="Delete it; `tally network members` fetches it again.",
        ) from None


def read_address(said: str) -> Address | None:
    """host:port as somebody said it; None if it is none."""
    host, _, port = said.rpartition(":")
    if not host or not port.isascii() or not port.isdecimal() or len(port) > 5 or not 0 < int(port) <= 65_535:
        return None
    return host.strip("[]"), int(port)
