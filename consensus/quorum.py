"""Who counts, and when it is enough.

A Configuration answers every question of the form "are these nodes enough?", so that
votes, CheckQuorum, read confirmations and certificates cannot count differently. Elections,
CheckQuorum and reads need a majority; a certificate needs `quorum` voters, which is at least
a majority. Any certificate therefore shares a voter with any election: majority + quorum > n.

While the voters change, the configuration is *joint* (Ongaro's thesis, section 4.3): it has
the old voters as `outgoing` beside the new ones, and each half must be enough by itself; the
union's majority never is (CR-57). Every change of voters passes through a joint
configuration, also that of a single one. So whoever trusts the old voters can follow the
change from outside: nothing is decided in it without a quorum of theirs.

    from        to            when                                        changes
    stable      stable        learners come or go                         learners
    stable      joint         the voters are to change                    outgoing = the old voters
    joint       stable        the joint one is committed                  outgoing dropped

A learner gets the log and counts for nothing. Nodes that are no voters count for nothing,
wherever they come from (CR-07, CR-20).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from consensus.limits import MAX_LEARNERS, MAX_NODE_BYTES, MAX_VOTERS


@dataclass(frozen=True, slots=True)
class Configuration:
    """The members of one stretch of the log; each of the three sets ascending by name."""

    voters: tuple[str, ...]
    quorum: int
    outgoing: tuple[str, ...] = ()
    """The old voters while joint, else empty."""
    outgoing_quorum: int = 0
    learners: tuple[str, ...] = ()
    _voters: frozenset[str] = field(init=False, repr=False, compare=False)
    _outgoing: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _check_half("voters", self.voters, self.quorum)
        if self.outgoing:
            _check_half("outgoing voters", self.outgoing, self.outgoing_quorum)
        elif self.outgoing_quorum != 0:
            raise ValueError("a quorum of outgoing voters, but none of them")
        if len(self.learners) > MAX_LEARNERS or list(self.learners) != sorted(set(self.learners)):
            raise ValueError(f"learners: at most {MAX_LEARNERS} names, ascending, none twice")
        if any(not 0 < len(name.encode()) <= MAX_NODE_BYTES for name in self.learners):
            raise ValueError(f"a learner's name has 1 to {MAX_NODE_BYTES} bytes")
        object.__setattr__(self, "_voters", frozenset(self.voters))
        object.__setattr__(self, "_outgoing", frozenset(self.outgoing))
        if not (self._voters | self._outgoing).isdisjoint(self.learners):
            raise ValueError("a learner is no voter")

    @classmethod
    def of(cls, voters: Collection[str], quorum: int) -> Configuration:
        """A stable configuration without learners."""
        return cls(tuple(sorted(voters)), quorum)

    @property
    def majority(self) -> int:
        """Incoming voters that make more than half."""
        return len(self.voters) // 2 + 1

    @property
    def is_joint(self) -> bool:
        """Whether the voters are changing."""
        return bool(self.outgoing)

    @property
    def electorate(self) -> tuple[str, ...]:
        """All who have a vote, in either half, ascending."""
        return tuple(sorted(self._voters | self._outgoing)) if self.outgoing else self.voters

    @property
    def members(self) -> tuple[str, ...]:
        """All who get the log, ascending."""
        if not self.learners and not self.outgoing:
            return self.voters
        return tuple(sorted(self._voters | self._outgoing | frozenset(self.learners)))

    def is_voter(self, node: str) -> bool:
        """Whether this node's vote and acknowledgement count in one of the halves."""
        return node in self._voters or node in self._outgoing

    def is_member(self, node: str) -> bool:
        """Whether this node gets the log."""
        return node in self._voters or node in self._outgoing or node in self.learners

    def has_majority(self, nodes: Collection[str]) -> bool:
        """Enough for an election, for a read, and to go on leading."""
        return _is_more_than_half(self._voters, nodes) and (
            not self._outgoing or _is_more_than_half(self._outgoing, nodes)
        )

    def has_majority_of_a_half(self, nodes: Collection[str]) -> bool:
        """Whether no certificate can do without all of them: it needs a quorum of each half."""
        return _is_more_than_half(self._voters, nodes) or (
            bool(self._outgoing) and _is_more_than_half(self._outgoing, nodes)
        )

    def has_quorum(self, nodes: Collection[str]) -> bool:
        """Enough for a certificate (CR-71)."""
        return len(self._voters.intersection(nodes)) >= self.quorum and (
            not self._outgoing or len(self._outgoing.intersection(nodes)) >= self.outgoing_quorum
        )

    def can_still_win(self, refused: Collection[str]) -> bool:
        """Whether those that did not refuse make a majority (CR-08)."""
        return self.has_majority((self._voters | self._outgoing).difference(refused))

    def objection_to(self, following: Configuration) -> str | None:
        """Why `following` may not come right after this configuration, or None (CR-56, CR-58)."""
        if following == self:
            return "nothing changes"
        if self.is_joint:
            left = Configuration(self.voters, self.quorum, (), 0, self.learners)
            return None if following == left else "a joint configuration is only left, for its new voters"
        if following.is_joint:
            if (following.outgoing, following.outgoing_quorum) != (self.voters, self.quorum):
                return "the outgoing voters are not those who vote now"
            if (following.voters, following.quorum) == (self.voters, self.quorum):
                return "a joint configuration that changes no voter"
            for voter in following.voters:
                if not self.is_member(voter):
                    return f"{voter} was no learner before"
            return None
        if (following.voters, following.quorum) != (self.voters, self.quorum):
            return "voters change only through a joint configuration"
        return None


def _check_half(what: str, names: tuple[str, ...], quorum: int) -> None:
    if not 0 < len(names) <= MAX_VOTERS or list(names) != sorted(set(names)):
        raise ValueError(f"{what}: 1 to {MAX_VOTERS} names, ascending, none twice")
    if any(not 0 < len(name.encode()) <= MAX_NODE_BYTES for name in names):
        raise ValueError(f"a voter's name has 1 to {MAX_NODE_BYTES} bytes")
    majority = len(names) // 2 + 1
    if not majority <= quorum <= len(names):
        raise ValueError(f"quorum {quorum}: at least the majority {majority}, at most all {what}")


def _is_more_than_half(half: frozenset[str], nodes: Collection[str]) -> bool:
    return 2 * len(half.intersection(nodes)) > len(half)


class Tally:
    """The answers to one campaign; each node's first answer counts, once (CR-07)."""

    __slots__ = ("_answers", "_configuration")

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._answers: dict[str, bool] = {}

    def record(self, node: str, granted: bool) -> None:
        """Take down an answer."""
        self._answers.setdefault(node, granted)

    def granted(self, node: str) -> bool:
        """Whether this node's answer was a grant."""
        return self._answers.get(node, False)

    @property
    def is_won(self) -> bool:
        """A majority granted."""
        return self._configuration.has_majority([node for node, granted in self._answers.items() if granted])

    @property
    def is_lost(self) -> bool:
        """So many refused that no majority is left."""
        return not self._configuration.can_still_win(
            [node for node, granted in self._answers.items() if not granted]
        )
