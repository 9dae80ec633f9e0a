"""C: commit. Who may move it, how far, and that all agree on what lies below it."""

from __future__ import annotations

from bisect import insort
from typing import NamedTuple

from consensus.conformance.events import Event
from consensus.conformance.family import Family
from consensus.conformance.model import Committed, Entry, Node, Run


class Office(NamedTuple):
    """The log of a leader when it was elected, above what it knew to be committed."""

    term: int
    leader: str
    commit: int
    rest: tuple[Entry, ...]


class Commits(Family):
    """C1 to C6."""

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self.offices: list[Office] = []
        """By term."""
        self.rules = {
            "boot": self._boot,
            "commit": self._commit,
            "become_leader": self._become_leader,
            "snapshot_install": self._snapshot_install,
        }

    def before(self, node: Node, event: Event) -> None:
        """C1 at every event, then what its kind asks."""
        if event["ev"] not in ("boot", "commit", "snapshot_install") and event["commit"] < node.commit:
            self.run.holds("C1", False)
            self.run.broken("C1", event, f"commit {event['commit']}", f"at least {node.commit}", "commit")
        super().before(node, event)

    def _boot(self, _node: Node, event: Event) -> None:
        start, _, entry_hash = event["snap"]
        ends = start + len(event["tail"])
        if not self.run.holds("C1", start <= event["commit"] <= ends):
            self.run.broken("C1", event, f"commit {event['commit']}", f"from {start} to {ends}")
            return
        self._settle(event, start, entry_hash, event["term"])
        for index, _, found, *_ in event["tail"]:
            if index <= event["commit"]:
                self._settle(event, index, found, event["term"])

    def _commit(self, node: Node, event: Event) -> None:
        run = self.run
        to = event["to"]
        if not run.holds("C1", node.commit < to <= node.log.last_index):
            expected = f"from {node.commit + 1} to the log's end, {node.log.last_index}"
            run.broken("C1", event, f"commit {to}", expected, "commit")
            return
        if event["by"] == "quorum":
            self._by_quorum(node, event, to)
        else:
            self._by_leader(node, event, to)
        for index in range(node.commit + 1, to + 1):
            held = node.log.at(index)
            assert held is not None, "the log reaches to its end"
            self._settle(event, index, held.hash, event["term"])

    def _by_quorum(self, node: Node, event: Event, to: int) -> None:
        run = self.run
        held = node.log.at(to)
        assert held is not None, "C1 holds"
        counts = node.role == "leader" and held.term == node.term
        if not run.holds("C2", counts):
            found = f"a {node.role} of term {node.term} counts an entry of term {held.term}"
            run.broken("C2", event, found, "a leader, and an entry of its own term")
        storing = [name for name, upto in node.voters_storing.items() if upto >= to]
        if not run.holds("C3", node.configuration.has_majority(storing)):
            found = f"index {to} stored by {' '.join(sorted(storing)) or 'nobody'}"
            run.broken("C3", event, found, f"a majority of {node.configuration}")

    def _by_leader(self, node: Node, event: Event, to: int) -> None:
        node.confirm()
        limit = min(node.heard_commit, node.confirmed)
        if not self.run.holds("C4", node.role != "leader" and to <= limit):
            found = f"a {node.role} commits {to}"
            expected = (
                f"at most {limit}: the leader of term {node.term} called {node.heard_commit} committed, "
                f"and {node.confirmed} is confirmed to match"
            )
            self.run.broken("C4", event, found, expected)

    def _become_leader(self, node: Node, event: Event) -> None:
        places = range(node.commit + 1, node.log.last_index + 1)
        rest = tuple([entry for index in places if (entry := node.log.at(index)) is not None])
        office = Office(node.term, node.name, node.commit, rest)
        insort(self.offices, office, key=lambda held: held.term)
        for index in range(node.commit + 1, self.run.highest_committed + 1):
            known = self.run.committed.get(index)
            if known is not None and known.term < node.term:
                self._complete(event, office, index, known.hash)
        self.run.holds("C6", True)

    def _complete(self, event: Event, office: Office, index: int, entry_hash: str) -> None:
        place = index - office.commit - 1
        if place < 0:
            return
        held = office.rest[place].hash if place < len(office.rest) else "nothing"
        if not self.run.holds("C6", held == entry_hash):
            found = f"{held} at index {index} of {office.leader}, elected in term {office.term}"
            self.run.broken("C6", event, found, f"{entry_hash}, committed in an earlier term")

    def _snapshot_install(self, _node: Node, event: Event) -> None:
        """A snapshot shows what was committed; that somebody committed it is rule S3."""
        known = self.run.committed.get(event["index"])
        if known is not None and not self.run.holds("C5", known.hash == event["hash"]):
            found = f"{event['hash']} at index {event['index']}"
            self.run.broken("C5", event, found, f"{known.hash}, committed before")

    def _settle(self, event: Event, index: int, entry_hash: str, term: int) -> None:
        """An index counts as committed from now on; `term` is the one in which it was."""
        run = self.run
        known = run.committed.get(index)
        if known is None:
            run.committed[index] = Committed(entry_hash, term)
            run.highest_committed = max(run.highest_committed, index)
        else:
            if not run.holds("C5", known.hash == entry_hash):
                run.broken("C5", event, f"{entry_hash} at index {index}", f"{known.hash}, committed before")
                return
            known.term = min(known.term, term)
        for office in reversed(self.offices):
            if office.term <= term:
                break
            self._complete(event, office, index, entry_hash)
