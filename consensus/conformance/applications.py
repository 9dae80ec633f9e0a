"""A: what is handed to the application."""

from __future__ import annotations

from consensus.conformance.events import Event
from consensus.conformance.family import Family
from consensus.conformance.model import Node, Run


class Applications(Family):
    """A1 to A3."""

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self.rules = {"apply": self._apply}

    def _apply(self, node: Node, event: Event) -> None:
        run = self.run
        index = event["index"]
        if not run.holds("A1", index == node.applied + 1 and index <= node.commit):
            expected = f"index {node.applied + 1}, and at most commit {node.commit}"
            run.broken("A1", event, f"index {index} is applied", expected)
        held = node.log.at(index)
        if held is not None and not run.holds("A2", held.hash == event["hash"]):
            run.broken("A2", event, event["hash"], f"{held.hash}, which the log holds at {index}")
        if not run.holds("A3", index <= node.durable):
            run.broken("A3", event, f"index {index} is applied", f"at most {node.durable}, which is durable")
