"""The membership: which nodes vote, with which keys, and how many acknowledgements commit a block.

    membership = [1, [[node, organisation, key, certificate], …], [quorum, [node, …]], [quorum, [node, …]]]
    hash       = digest(0x07, encode(membership))

First all members, ascending by node; then the quorum and the names of the voters; then those of the
outgoing voters, `[0, []]` unless the membership is *joint*. A member that is in neither list is a
learner: it holds the ledger and counts for nothing. So no node can be voter and learner at once, and
each has one key.

Every block header names the hash of the membership that governs it, itself included: a certificate
can only be checked against the right keys. A quorum is at least a majority: any two quorums then
share a node, which is what keeps two blocks of one height from both committing. In a joint membership
each half counts by itself, a node of both in both; the union's majority is never enough (CR-57).

A membership changes in steps, one block each. Whoever trusts the membership before a step can check
the step and the certificate of its block alone, so a stranger follows all of them from the genesis:

| from | step | to |
|---|---|---|
| settled | learners | the same voters and quorum; other learners |
| settled | enter | joint: outgoing = the voters and quorum until now; voters = new ones, members already; |
|  |  | the learners that are left |
| joint | leave | settled: outgoing dropped, nothing else; who was only outgoing leaves the membership |

No other step is legal (`step`), a member never changes its organisation, key or certificate, and a
change of the quorum alone takes the same way as one of voters. What the steps lead to is the
*target*, a settled membership that governance has adopted and that stands in the contract state.
`next_membership` is the one step that may come next on the way there:

| membership | what the target asks for | next step |
|---|---|---|
| joint | anything | leave |
| settled | other learners, or voters that are no members yet: they learn first | learners |
| settled | other voters or another quorum | enter |
| settled | nothing else | none: the target is in force |

A voter that the target lists as a learner leaves with the outgoing ones and is then taken in again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from ledger import codec, shape
from ledger.errors import BlockInvalid, Malformed
from ledger.hashing import MEMBERSHIP, digest
from ledger.limits import (
    MAX_CERTIFICATE_DER_BYTES,
    MAX_MEMBERS,
    MAX_MEMBERSHIP_BYTES,
    PUBLIC_KEY_BYTES,
)
from ledger.state.overlay import state_key

VERSION = 1

TARGET_KEY = state_key("membership", "target")
"""State key of the adopted target: a membership's canonical array."""

IN_FORCE_KEY = state_key("membership", "in_force")
"""State key of what governs: [number of changes, height of the last one, a membership's canonical array].

The ledger writes it, not the contracts, at the beginning of each block that changes the membership: so
governance knows what is in force, a state proof shows it, and a snapshot of the state holds it.
"""

LEARNERS, ENTER, LEAVE = "learners", "enter", "leave"
MAX_STEPS = 4
"""Steps from any settled membership to any target: learners, enter, leave, learners."""


@dataclass(frozen=True, slots=True)
class Member:
    """A node of the membership.

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
    """Voters, outgoing voters and learners of a channel at a height, each ascending by node id."""

    quorum: int
    voters: tuple[Member, ...]
    outgoing_quorum: int = 0
    outgoing: tuple[Member, ...] = ()
    learners: tuple[Member, ...] = ()
    members: tuple[Member, ...] = field(init=False, repr=False, compare=False)
    """All of them, each once, ascending."""
    hash: bytes = field(init=False, repr=False, compare=False)
    _by_node: dict[str, Member] = field(init=False, repr=False, compare=False)
    _voters: frozenset[str] = field(init=False, repr=False, compare=False)
    _outgoing: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_node = {member.node: member for member in (*self.outgoing, *self.voters, *self.learners)}
        object.__setattr__(self, "_by_node", by_node)
        object.__setattr__(self, "members", tuple([by_node[node] for node in sorted(by_node)]))
        object.__setattr__(self, "_voters", frozenset([member.node for member in self.voters]))
        object.__setattr__(self, "_outgoing", frozenset([member.node for member in self.outgoing]))
        object.__setattr__(self, "hash", digest(MEMBERSHIP, codec.encode(self.to_value())))

    @classmethod
    def of(
        cls,
        quorum: int,
        voters: Iterable[Member],
        *,
        outgoing_quorum: int = 0,
        outgoing: Iterable[Member] = (),
        learners: Iterable[Member] = (),
    ) -> Membership:
        """A membership in canonical order.

        Raises:
            Malformed: no voter, too many members, a doubled node or key, or a quorum below a majority.
        """
        membership = cls(quorum, _ordered(voters), outgoing_quorum, _ordered(outgoing), _ordered(learners))
        _check_lists(membership)
        _check_quorum(quorum, len(membership.voters), "quorum")
        if membership.outgoing or outgoing_quorum:
            _check_quorum(outgoing_quorum, len(membership.outgoing), "outgoing.quorum")
        size = len(codec.encode(membership.to_value()))
        if size > MAX_MEMBERSHIP_BYTES:
            raise Malformed(
                "membership too large",
                field="members",
                found=f"{size} bytes",
                expected=f"at most {MAX_MEMBERSHIP_BYTES}",
            )
        return membership

    @property
    def is_joint(self) -> bool:
        """Whether it is on its way from the outgoing voters to the others."""
        return bool(self.outgoing)

    @property
    def majority(self) -> int:
        """The smallest number of voters that is more than half of them; outgoing ones not counted."""
        return len(self.voters) // 2 + 1

    def member(self, node: str) -> Member | None:
        """The member with this node id."""
        return self._by_node.get(node)

    def is_member(self, node: str) -> bool:
        """Whether the node is a voter, an outgoing voter or a learner."""
        return node in self._by_node

    def is_voter(self, node: str) -> bool:
        """Whether the node's vote and acknowledgement count, in either half."""
        return node in self._voters or node in self._outgoing

    def has_majority(self, nodes: Collection[str]) -> bool:
        """Whether these nodes are more than half of the voters, and of the outgoing ones if there are any."""
        return self._counts(nodes, self.majority, len(self.outgoing) // 2 + 1)

    def has_quorum(self, nodes: Collection[str]) -> bool:
        """Whether acknowledgements of these nodes commit a block: a quorum in each half."""
        return self._counts(nodes, self.quorum, self.outgoing_quorum)

    def _counts(self, nodes: Collection[str], enough: int, enough_outgoing: int) -> bool:
        if len(self._voters.intersection(nodes)) < enough:
            return False
        return not self.outgoing or len(self._outgoing.intersection(nodes)) >= enough_outgoing

    def to_value(self) -> codec.Value:
        """The canonical array."""
        return (
            VERSION,
            tuple([member.to_value() for member in self.members]),
            (self.quorum, tuple([member.node for member in self.voters])),
            (self.outgoing_quorum, tuple([member.node for member in self.outgoing])),
        )

    @classmethod
    def from_value(cls, value: codec.Value) -> Membership:
        """Read a membership.

        Raises:
            Malformed: with the field that is wrong, or members out of order.
        """
        version, members, voters, outgoing = shape.array(value, 4, "membership")
        shape.integer(version, "membership.version", least=VERSION, most=VERSION)
        shape.sequence(members, MAX_MEMBERS, "members", least=1)
        read = tuple([Member.from_value(member, f"members[{at}]") for at, member in enumerate(members)])
        by_node = {member.node: member for member in read}
        quorum, voting = _half(voters, by_node, "voters", least=1)
        outgoing_quorum, leaving = _half(outgoing, by_node, "outgoing", least=0)
        counted = {member.node for member in (*voting, *leaving)}
        membership = cls.of(
            quorum,
            voting,
            outgoing_quorum=outgoing_quorum,
            outgoing=leaving,
            learners=[member for member in read if member.node not in counted],
        )
        if membership.members != read or (membership.voters, membership.outgoing) != (voting, leaving):
            raise Malformed(
                "members out of order", field="members", expected="ascending by node id, each once"
            )
        return membership


def step(before: Membership, after: Membership) -> str:
    """Which legal step leads from one membership to another: `learners`, `enter` or `leave`.

    Raises:
        BlockInvalid: none does; the code says why.
    """
    for member in after.members:
        known = before.member(member.node)
        if known is not None and known != member:
            raise _illegal(
                "membership_identity", "a member changes its organisation, key or certificate", member.node
            )
    if before.is_joint:
        if after != _settled(before):
            raise _illegal("membership_in_transition", "a joint membership is only left, as it stands")
        return LEAVE
    if after.is_joint:
        return _check_enter(before, after)
    if (after.voters, after.quorum) != (before.voters, before.quorum):
        raise _illegal("membership_not_joint", "voters or quorum change without a joint membership")
    if after.learners == before.learners:
        raise _illegal("membership_unchanged", "a step that changes nothing")
    return LEARNERS


def next_membership(current: Membership, target: Membership) -> Membership | None:
    """The next step from the current membership to a settled target; None when it is reached.

    Raises:
        Malformed: the step would be no membership: too many members, or a node with two keys.
    """
    if current.is_joint:
        return _settled(current)
    learners = tuple([member for member in target.members if not current.is_voter(member.node)])
    if learners != current.learners:
        return Membership.of(current.quorum, current.voters, learners=learners)
    if (target.voters, target.quorum) == (current.voters, current.quorum):
        return None
    return Membership.of(
        target.quorum,
        target.voters,
        outgoing_quorum=current.quorum,
        outgoing=current.voters,
        learners=_without(current.learners, target.voters),
    )


def steps_to(current: Membership, target: Membership) -> list[Membership]:
    """Every step from the current membership to a settled target, in order; at most MAX_STEPS, and a
    leave before them.

    Raises:
        Malformed: one of them would be no membership.
    """
    steps: list[Membership] = []
    step_to = next_membership(current, target)
    while step_to is not None:
        steps.append(step_to)
        assert len(steps) <= MAX_STEPS + 1, "each step brings the target nearer"
        step_to = next_membership(step_to, target)
    return steps


def check_step(before: Membership, after: Membership, target: Membership | None) -> str:
    """Which legal step leads from one to the other; it must be the one that the adopted target asks for.

    Raises:
        BlockInvalid: no legal step, or not the next one to the target; the code says why.
    """
    kind = step(before, after)
    if kind == LEAVE:
        return kind
    if target is None:
        raise _illegal("membership_not_adopted", "the membership changes, and governance adopted nothing")
    if next_membership(before, target) != after:
        raise _illegal("membership_other_target", "not the step to the membership that governance adopted")
    return kind


def _settled(joint: Membership) -> Membership:
    return Membership.of(joint.quorum, joint.voters, learners=joint.learners)


def _without(members: tuple[Member, ...], others: tuple[Member, ...]) -> tuple[Member, ...]:
    left_out = {member.node for member in others}
    return tuple([member for member in members if member.node not in left_out])


def _check_enter(before: Membership, after: Membership) -> str:
    if (after.outgoing, after.outgoing_quorum) != (before.voters, before.quorum):
        raise _illegal(
            "membership_outgoing", "the outgoing half is not the voters and the quorum of the block before"
        )
    if (after.voters, after.quorum) == (before.voters, before.quorum):
        raise _illegal("membership_unchanged", "a joint membership of two equal halves")
    for voter in after.voters:
        if not before.is_member(voter.node):
            raise _illegal("membership_stranger", "a voter that was no member before", voter.node)
    if after.learners != _without(before.learners, after.voters):
        raise _illegal("membership_learners", "learners change together with voters")
    return ENTER


def _illegal(code: str, message: str, found: object = None) -> BlockInvalid:
    return BlockInvalid(message, code=code, field="preamble.membership", found=found)


def _ordered(members: Iterable[Member]) -> tuple[Member, ...]:
    return tuple(sorted(members, key=lambda member: member.node))


def _half(
    value: codec.Value, members: dict[str, Member], place: str, *, least: int
) -> tuple[int, tuple[Member, ...]]:
    quorum, names = shape.array(value, 2, place)
    half = []
    for name in shape.sequence(names, MAX_MEMBERS, place, least=least):
        member = members.get(shape.name(name, place))
        if member is None:
            raise Malformed("not one of the members", field=place, found=name)
        half.append(member)
    return shape.integer(quorum, f"{place}.quorum", most=MAX_MEMBERS), tuple(half)


def _check_lists(membership: Membership) -> None:
    """No node twice in one list, one entry and one key for each node, learners that count for nothing."""
    for members in (membership.voters, membership.outgoing, membership.learners):
        for before, after in pairwise(members):
            if before.node == after.node:
                raise Malformed("node listed twice", field="members", found=before.node)
    everybody = {*membership.voters, *membership.outgoing, *membership.learners}
    names = {member.node for member in everybody}
    if not 1 <= len(names) <= MAX_MEMBERS:
        raise Malformed(
            "too few or too many members",
            field="members",
            found=len(names),
            expected=f"1 to {MAX_MEMBERS} nodes",
        )
    if len(everybody) != len(names):
        raise Malformed("a node with two entries", field="members", expected="one entry for each node")
    if len({member.key for member in everybody}) != len(everybody):
        raise Malformed("one key for two nodes", field="members", expected="a key of its own for each node")
    for learner in membership.learners:
        if membership.is_voter(learner.node):
            raise Malformed("a voter among the learners", field="learners", found=learner.node)


def _check_quorum(quorum: int, voters: int, place: str) -> None:
    majority = voters // 2 + 1
    if type(quorum) is not int or not majority <= quorum <= voters:
        raise Malformed(
            "not a possible quorum",
            field=place,
            found=quorum,
            expected=f"an integer from {majority} to {voters}",
        )
