"""S: snapshots made, snapshots installed, and what compaction leaves."""

from __future__ import annotations

from consensus.conformance.events import Event
from consensus.conformance.family import Family
from consensus.conformance.model import Node, Run


class Snapshots(Family):
    """S1 to S4."""

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self._open: list[Event] = []
        """Installed snapshots of blocks that nobody was seen to commit yet."""
        self.rules = {
            "snapshot_create": self._create,
            "compact": self._compact,
            "snapshot_install": self._install,
        }

    def _create(self, node: Node, event: Event) -> None:
        run = self.run
        index = event["index"]
        if not run.holds("S1", index <= node.applied):
            run.broken("S1", event, f"a snapshot of {index}", f"at most {node.applied}, which is applied")
            return
        held = node.log.at(index)
        same = held is None or (held.term, held.hash) == (event["block_term"], event["hash"])
        if held is not None and not run.holds("S1", same):
            found = f"{event['hash']} of term {event['block_term']}"
            run.broken("S1", event, found, f"{held.hash} of term {held.term}, which the log holds")

    def _compact(self, node: Node, event: Event) -> None:
        if not self.run.holds("S2", event["upto"] <= node.snapshot):
            expected = f"at most {node.snapshot}, the newest snapshot"
            self.run.broken("S2", event, f"compaction up to {event['upto']}", expected)

    def _install(self, node: Node, event: Event) -> None:
        run = self.run
        index, entry_hash = event["index"], event["hash"]
        if not run.holds("S3", event["commit"] >= max(node.commit, index)):
            expected = f"at least {max(node.commit, index)}"
            run.broken("S3", event, f"commit {event['commit']}", expected, "commit")
        known = run.committed.get(index)
        if known is None:
            self._open.append(event)
        elif not run.holds("S3", known.hash == entry_hash):
            run.broken("S3", event, f"{entry_hash} at {index}", f"{known.hash}, which was committed")
        held = node.log.at(index)
        if held is None or (held.term, held.hash) != (event["block_term"], entry_hash):
            return
        if not run.holds("S4", tuple(event["last"]) == node.log.last):
            expected = f"{list(node.log.last)}: the log matches the snapshot and is kept"
            run.broken("S4", event, f"last {event['last']}", expected, "last")

    def at_the_end(self) -> None:
        """S3: snapshots of blocks that nobody ever committed."""
        run = self.run
        for event in self._open:
            known = run.committed.get(event["index"])
            if known is None and run.unobserved():
                continue
            if not run.holds("S3", known is not None and known.hash == event["hash"]):
                run.broken("S3", event, f"{event['hash']} at {event['index']}", "a block that was committed")
