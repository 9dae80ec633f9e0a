"""Who counts, and when it is enough.

A Configuration answers every question of the form "are these nodes enough?", so that
votes, CheckQuorum and certificates cannot count differently. Elections and
CheckQuorum need a majority; a certificate needs `quorum` voters, which is at least a
majority. Any certificate therefore shares a voter with any election: majority + quorum > n.

Nodes that are no voters count for nothing, wherever they come from (CR-07, CR-20). A
joint configuration will be a second tuple of voters that each method also asks.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field

from consensus.limits import MAX_NODE_BYTES, MAX_VOTERS


@dataclass(frozen=True, slots=True)
class Configuration:
    """The voters of one stretch of the log, ascending by name."""

    voters: tuple[str, ...]
    quorum: int
    _set: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if not 0 < len(self.voters) <= MAX_VOTERS or list(self.voters) != sorted(set(self.voters)):
            raise ValueError(f"voters: 1 to {MAX_VOTERS} names, ascending, none twice")
        if any(not 0 < len(voter.encode()) <= MAX_NODE_BYTES for voter in self.voters):
            raise ValueError(f"a voter's name has 1 to {MAX_NODE_BYTES} bytes")
        if not self.majority <= self.quorum <= len(self.voters):
            raise ValueError(
                f"quorum {self.quorum}: at least the majority {self.majority}, at most all voters"
            )
        object.__setattr__(self, "_set", frozenset(self.voters))

    @property
    def majority(self) -> int:
        """Voters that make more than half."""
        return len(self.voters) // 2 + 1

    def is_voter(self, node: str) -> bool:
        """Whether this node's vote and acknowledgement count."""
        return node in self._set

    def is_member(self, node: str) -> bool:
        """Whether messages of this node are read at all (learners will be members too)."""
        return node in self._set

    def has_majority(self, nodes: Collection[str]) -> bool:
        """Enough for an election, and to go on leading."""
        return len(self._set.intersection(nodes)) >= self.majority

    def has_quorum(self, nodes: Collection[str]) -> bool:
        """Enough for a certificate (CR-71)."""
        return len(self._set.intersection(nodes)) >= self.quorum

    def can_still_win(self, refused: Collection[str]) -> bool:
        """Whether the voters that did not refuse make a majority (CR-08)."""
        return len(self.voters) - len(self._set.intersection(refused)) >= self.majority


class Tally:
    """The answers to one campaign; each node's first answer counts, once (CR-07)."""

    __slots__ = ("_answers", "_configuration")

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._answers: dict[str, bool] = {}

    def record(self, node: str, granted: bool) -> None:
        """Take down an answer."""
        self._answers.setdefault(node, granted)

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
