"""L7: what is cut for a leader's sake, nobody has certified or ever will (`consensus/exclusion.py`)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from consensus.conformance.events import Event
from consensus.conformance.family import Family, position
from consensus.conformance.logs import conflicts, is_refused
from consensus.conformance.model import Configuration, Node, Run


@dataclass(frozen=True, slots=True)
class Open:
    """An entry that was cut, and so far too few are known to have voted from before it."""

    event: Event
    at: tuple[int, int]
    governing: Configuration
    behind: frozenset[str]


class Cuts(Family):
    """L7, which only the votes of all nodes can judge."""

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self._ballots: dict[str, list[tuple[int, tuple[int, int]]]] = {}
        """By node, the terms that it voted in, and from which (term, index)."""
        self._open: list[Open] = []
        self.rules = {
            "vote": self._vote,
            "become_candidate": self._votes,
            "truncate": self._truncate,
        }

    def _vote(self, node: Node, event: Event) -> None:
        if event["granted"] and not event["pre"]:
            self._votes(node, event)

    def _votes(self, node: Node, event: Event) -> None:
        self._ballots.setdefault(node.name, []).append((event["term"], node.log.last))

    def _truncate(self, node: Node, event: Event) -> None:
        start = event["from"]
        if node.role == "leader" or start <= node.commit or not conflicts(node, start):
            return  # L2, L4 and L6 say so
        if is_refused(node, event):
            return
        for index in range(max(start, node.log.start + 1), node.log.last_index + 1):
            held = node.log.at(index)
            assert held is not None, "within the log"
            at = (held.term, index)
            governing = next(each for each in reversed(node.configurations) if each.index <= index)
            behind = frozenset([name for name in self._ballots if self._is_behind(name, at)])
            if self.run.holds("L7", _is_in_the_way(behind, governing)):
                continue
            self._open.append(Open(event, at, governing, behind))
            return

    def _is_behind(self, name: str, at: tuple[int, int]) -> bool:
        return any(term > at[0] and stood < at for term, stood in self._ballots[name])

    def at_the_end(self) -> None:
        """Those whose votes no event tells of may have voted."""
        unobserved = self.run.unobserved()
        for cut in self._open:
            if not _is_in_the_way(cut.behind.union(unobserved), cut.governing):
                found = f"{position(*cut.at)} is cut"
                expected = (
                    f"later votes from before it by more than {' '.join(sorted(cut.behind)) or 'nobody'}"
                )
                self.run.broken("L7", cut.event, found, expected)


def _is_in_the_way(nodes: Collection[str], governing: Configuration) -> bool:
    """Whether no certificate can do without all of these: they are a majority of a half."""
    halves = (governing.voters, governing.outgoing)
    return any(2 * len(half.intersection(nodes)) > len(half) for half in halves if half)
