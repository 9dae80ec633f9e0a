"""Whose disk broke its promise, rather than whose step broke a rule.

A trace alone cannot tell a node that forgets what it made durable from one whose folder an
operator has set back to an older copy: both begin with less than was there (T1, L5), count the
same start again (E1) and send messages of the same ids (G1). So the node says it, where it knows:

| event | says |
|---|---|
| `boot` with `wiped` | at the start: T1 and L5 are not asked, and the node promises nothing from then on |
| `drop` with `set_back` | later, by a signature of its own that it was shown: it promises nothing any more |

In the second case what the node broke since it started, and only of the rules that a forgetful disk
breaks, is held against its disk. What that led others to do, such as two leaders of one term,
is not: there the network's promise is broken, whoever began it.
"""

from __future__ import annotations

from consensus.conformance.events import Event
from consensus.conformance.family import Family, position
from consensus.conformance.model import Node, Run
from consensus.conformance.report import Disk

OF_A_DISK = frozenset({"E1", "E2", "T1", "T2", "L5", "G1", "Q1", "Q3", "Q4", "Q7"})
"""What a node breaks that goes on from an older copy of its disk."""


class Disks(Family):
    """No rule of its own."""

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self._told: dict[str, tuple[int, Disk]] = {}
        """By node, the life in which it found out, and what the report says of it."""
        self.rules = {"boot": self._boot, "drop": self._drop}

    def _boot(self, node: Node, event: Event) -> None:
        if not node.observed_from or not event.get("wiped"):
            return
        term, _ = node.durable_hard
        durable = node.log.at(node.durable)
        held = (event["term"], tuple(event["last"]))
        if durable is None or (event["term"] >= term and held[1] >= (durable.term, node.durable)):
            return
        found = f"term {event['term']} and {position(*event['last'])}"
        expected = f"term {term} and {position(durable.term, node.durable)}, which were durable"
        self.run.report.disks.append(Disk(node.name, event["boot"], event["seq"], found, expected))

    def _drop(self, node: Node, event: Event) -> None:
        if event.get("set_back") is not True or node.name in self._told:
            return
        disk = Disk(node.name, event["boot"], event["seq"], event["reason"], "all that it signed")
        self._told[node.name] = (self.run.lives[node.name], disk)
        self.run.report.disks.append(disk)

    def settle(self) -> None:
        """What is held against a disk, and what against a rule."""
        run = self.run
        for accused, count in run.accused.items():
            disk = self._disk_of(accused.rule, accused.node, accused.life)
            broken = run.report.broken if disk is None else disk.broken
            broken[accused.rule] = broken.get(accused.rule, 0) + count
        run.report.violations = [
            violation
            for violation, accused in zip(run.report.violations, run.by, strict=True)
            if self._disk_of(accused.rule, accused.node, accused.life) is None
        ]

    def _disk_of(self, rule: str, node: str, life: int) -> Disk | None:
        told = self._told.get(node)
        return told[1] if told is not None and life >= told[0] and rule in OF_A_DISK else None
