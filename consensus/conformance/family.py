"""What the rule families have in common."""

from __future__ import annotations

from collections.abc import Callable

from consensus.conformance.events import Event
from consensus.conformance.model import Node, Run

Rule = Callable[[Node, Event], None]


class Family:
    """Rules about one thing. `before` is asked before an event changes its node, `at_the_end` once."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.rules: dict[str, Rule] = {}
        """What is judged at each kind of event."""

    def before(self, node: Node, event: Event) -> None:
        """Judge an event against what the events before it imply."""
        rule = self.rules.get(event["ev"])
        if rule is not None:
            rule(node, event)

    def at_the_end(self) -> None:
        """Judge what only the whole run can tell."""


def position(term: int, index: int) -> str:
    """A position as people read it."""
    return f"index {index} of term {term}"
