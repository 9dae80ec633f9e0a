"""What a judgement comes to: how often each rule was exercised, and where it was broken."""

from __future__ import annotations

from dataclasses import dataclass, field

from consensus.conformance.rules import RULES

MAX_VIOLATIONS = 1_000
"""Kept with their text; more are only counted."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One event that breaks one rule."""

    rule: str
    node: str
    boot: int
    seq: int
    kind: str
    """The event's."""
    found: str
    expected: str

    def __str__(self) -> str:
        where = f"{self.node} boot {self.boot} seq {self.seq} ({self.kind})"
        return f"{self.rule} at {where}: found {self.found}; expected {self.expected}. {RULES[self.rule]}"

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(slots=True)
class Disk:
    """A disk that did not hold what its node had made durable, as the node itself says.

    That is no step of the protocol: an older copy took its place, or an empty one.
    """

    node: str
    boot: int
    seq: int
    found: str
    expected: str
    broken: dict[str, int] = field(default_factory=dict)
    """Rules that the node broke before it knew: the disk broke its promise, not the protocol."""

    def __str__(self) -> str:
        said = f"{self.node} boot {self.boot} seq {self.seq}: found {self.found}; expected {self.expected}"
        rules = " ".join(f"{rule} ({count})" for rule, count in self.broken.items())
        return f"The disk of {said}." + (f" Until then it broke {rules}." if rules else "")

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(slots=True)
class Report:
    """The judgement of a whole run."""

    events: int = 0
    exercised: dict[str, int] = field(default_factory=lambda: dict.fromkeys(RULES, 0))
    """How often a rule had something to judge: 0 means that the run says nothing about it."""
    broken: dict[str, int] = field(default_factory=dict)
    violations: list[Violation] = field(default_factory=list)
    disks: list[Disk] = field(default_factory=list)
    """Disks that were set back or lost."""
    nodes: list[str] = field(default_factory=list)
    unobserved: list[str] = field(default_factory=list)
    """Members without a trace of their own: what they sent and signed could not be looked up."""

    @property
    def ok(self) -> bool:
        """Whether no rule was broken."""
        return not self.broken

    @property
    def has_broken_disks(self) -> bool:
        """Whether a node broke a rule because its disk had lost what it promised."""
        return any(disk.broken for disk in self.disks)

    @property
    def vacuous(self) -> list[str]:
        """Rules that had nothing to judge."""
        return [rule for rule, count in self.exercised.items() if not count]

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "ok": self.ok,
            "events": self.events,
            "nodes": self.nodes,
            "unobserved": self.unobserved,
            "exercised": self.exercised,
            "broken": self.broken,
            "violations": [violation.as_dict() for violation in self.violations],
            "disks": [disk.as_dict() for disk in self.disks],
        }
