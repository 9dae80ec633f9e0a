"""What a run is stopped by."""

from __future__ import annotations


class Violation(Exception):
    """A rule that did not hold; `rule` is its short name, the rest says where."""

    def __init__(self, rule: str, detail: str) -> None:
        super().__init__(f"{rule}: {detail}")
        self.rule = rule
        self.detail = detail


class Killed(Exception):
    """A node was killed at the point it had reached."""
