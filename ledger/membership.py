"""The membership: which nodes vote, with which keys, and how many acknowledgements commit a block.

    membership = [1, quorum, [[node, organisation, key, certificate], …]]    ascending by node
    hash       = digest(0x07, encode(membership))

Every block header names the hash of the membership that governs it, so a certificate can
only be checked against the right keys. The commit quorum is at least a majority: any two
quorums then share a node, which is what keeps two blocks of one height from both
committing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from ledger import codec, shape
from ledger.errors import Malformed
from ledger.hashing import MEMBERSHIP, digest
from ledger.limits import MAX_CERTIFICATE_DER_BYTES, MAX_MEMBERS, PUBLIC_KEY_BYTES

VERSION = 1


@dataclass(frozen=True, slots=True)
class Member:
    """A voting node.

    `key` signs blocks and acknowledgements; `certificate` is the X.509 certificate (DER)
    that the node shows on its links to other nodes.
    """

    node: str
    organisation: str
    key: bytes
    certificate: bytes

    def to_value(self) -> codec.Value:
        """The element of a membership's array."""
        return (self.node, self.organisation, self.key, self.certificate)

    @classmethod
    def from_value(cls, value: codec.Value, place: str = "member") -> Member:
        """Read a member.

        Raises:
            Malformed: with the field that is wrong.
        """
        node, organisation, key, certificate = shape.array(value, 4, place)
        return cls(
            shape.name(node, f"{place}.node"),
            shape.name(organisation, f"{place}.organisation"),
            shape.octets(key, PUBLIC_KEY_BYTES, f"{place}.key"),
            shape.octets_within(certificate, MAX_CERTIFICATE_DER_BYTES, f"{place}.certificate"),
        )


@dataclass(frozen=True, slots=True)
class Membership:
    """The voters of a channel at a height, ascending by node id."""

    quorum: int
    members: tuple[Member, ...]
    hash: bytes = field(init=False, repr=False, compare=False)
    _by_node: dict[str, Member] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "hash", digest(MEMBERSHIP, codec.encode(self.to_value())))
        object.__setattr__(self, "_by_node", {member.node: member for member in self.members})

    @classmethod
    def of(cls, quorum: int, members: Iterable[Member]) -> Membership:
        """A membership in canonical order.

        Raises:
            Malformed: no member, a doubled node or key, or a quorum below a majority.
        """
        ordered = tuple(sorted(members, key=lambda member: member.node))
        if not 1 <= len(ordered) <= MAX_MEMBERS:
            raise Malformed(
                "too few or too many members",
                field="members",
                found=len(ordered),
                expected=f"1 to {MAX_MEMBERS} nodes",
            )
        for before, after in pairwise(ordered):
            if before.node == after.node:
                raise Malformed("node listed twice", field="members", found=before.node)
        if len({member.key for member in ordered}) != len(ordered):
            raise Malformed(
                "one key for two nodes", field="members", expected="a key of its own for each node"
            )
        majority = len(ordered) // 2 + 1
        if type(quorum) is not int or not majority <= quorum <= len(ordered):
            raise Malformed(
                "not a possible quorum",
                field="quorum",
                found=quorum,
                expected=f"an integer from {majority} to {len(ordered)}",
            )
        return cls(quorum, ordered)

    @property
    def majority(self) -> int:
        """The smallest number of nodes that is more than half of them."""
        return len(self.members) // 2 + 1

    def is_voter(self, node: str) -> bool:
        """Whether the node's votes and acknowledgements count."""
        return node in self._by_node

    def has_majority(self, nodes: Iterable[str]) -> bool:
        """Whether these nodes are enough to elect a leader."""
        return len(set(nodes) & self._by_node.keys()) >= self.majority

    def member(self, node: str) -> Member | None:
        """The member with this node id."""
        return self._by_node.get(node)

    def to_value(self) -> codec.Value:
        """The canonical array."""
        return (VERSION, self.quorum, tuple(member.to_value() for member in self.members))

    @classmethod
    def from_value(cls, value: codec.Value) -> Membership:
        """Read a membership.

        Raises:
            Malformed: with the field that is wrong, or members out of order.
        """
        version, quorum, members = shape.array(value, 3, "membership")
        shape.integer(version, "membership.version", least=VERSION, most=VERSION)
        shape.sequence(members, MAX_MEMBERS, "members", least=1)
        read = tuple(Member.from_value(member, f"members[{index}]") for index, member in enumerate(members))
        membership = cls.of(quorum, read)
        if membership.members != read:
            raise Malformed("members out of order", field="members", expected="ascending by node id")
        return membership
