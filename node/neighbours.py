"""Whom a node links with, and where they are.

| links with | because |
|---|---|
| members of the newest membership in the log | they take part |
| members of the one before, until the next change | one that left learns of it, and still answers (CR-61) |
| members of the changes kept beside the genesis file, | a node that begins hears those who lead now |
| until its own ledger reaches them |  |

Addresses come from the configuration; where it names none, from what the organisations have said
on the ledger (`node.locate`). A wrong address reaches nobody: links trust keys.
"""

from __future__ import annotations

from pathlib import Path

from contracts.membership import address_key
from ledger.chain import Chain
from ledger.errors import TallyError
from ledger.genesis import GenesisBlock
from ledger.handover import Followed, MembershipChain
from ledger.limits import MAX_PROOF_BYTES
from ledger.membership import Member, Membership
from node.errors import SettingsError

Address = tuple[str, int]


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
        self._now = chain.membership
        self._before = self._now

    def neighbours(self) -> Neighbours:
        """Whom to link with now."""
        newest = self._chain.membership
        if newest.hash != self._now.hash:
            self._before, self._now = self._now, newest
        if self._followed.heights[-1] > self._chain.applied.height:
            return Neighbours(self._now, self._before, self._followed.newest)
        return Neighbours(self._now, self._before)

    def addresses(self, neighbours: Neighbours) -> dict[str, Address]:
        """Where they are; a node of which nobody said that dials us, and we cannot dial it."""
        found = {}
        for member in neighbours.members:
            said = self._chain.get(address_key(member.node))
            place = self._configured.get(member.node) or (None if said is None else _address(said))
            if place is not None:
                found[member.node] = place
        return found


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


def _address(said: str) -> Address | None:
    """host:port as an organisation said it; the contract has checked its form but not the number."""
    host, _, port = said.rpartition(":")
    return (host.strip("[]"), int(port)) if host and 0 < int(port) <= 65_535 else None
