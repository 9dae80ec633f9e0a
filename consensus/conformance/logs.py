"""L: the log. What is appended, what is cut, what a restart finds."""

from __future__ import annotations

from typing import Any

from consensus.conformance.events import Event
from consensus.conformance.family import Family, position
from consensus.conformance.model import Entry, Kept, Node, Run, Written


class Logs(Family):
    """L1 to L6."""

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self.rules = {
            "boot": self._boot,
            "append": self._append,
            "truncate": self._truncate,
            "snapshot_install": self._snapshot_install,
        }

    def _boot(self, node: Node, event: Event) -> None:
        start, term, entry_hash = event["snap"]
        found = {entry[0]: entry for entry in event["tail"]}
        self._write(event, start, term, entry_hash, None)
        before = (term, entry_hash)
        for index, entry in found.items():
            self._write(event, index, entry[1], entry[2], before)
            before = (entry[1], entry[2])
        if not node.observed_from or event.get("wiped") or event.get("gap"):
            return
        run = self.run
        lacks = [_lacking(kept, event["snap"], found) for kept in node.kept]
        if not run.holds("L5", None in lacks):
            index = lacks[0] or 0
            held = node.log.at(index)
            there = event["snap"] if index == start else found.get(index)
            expected = f"what was durable, {held.hash if held else ''} of term {held.term if held else 0}"
            run.broken("L5", event, f"{there} at index {index}", expected)

    def _append(self, node: Node, event: Event) -> None:
        run = self.run
        term, index = node.log.last
        before = node.log.at(index)
        for entry in event["entries"]:
            in_order = entry[0] == index + 1 and term <= entry[1] <= node.term
            if not run.holds("L1", in_order):
                run.broken(
                    "L1",
                    event,
                    position(entry[1], entry[0]),
                    f"index {index + 1}, of a term from {term} to {node.term}",
                )
            if node.role == "leader" and not run.holds("L2", entry[1] == node.term):
                run.broken("L2", event, f"an entry of term {entry[1]}", f"a leader's own term {node.term}")
            previous = None if before is None else (before.term, before.hash)
            self._write(event, entry[0], entry[1], entry[2], previous)
            index, term = entry[0], entry[1]
            before = Entry(entry[1], entry[2], entry[3])

    def _truncate(self, node: Node, event: Event) -> None:
        run = self.run
        start = event["from"]
        if node.role == "leader":
            run.holds("L2", False)
            run.broken("L2", event, f"a leader truncates from {start}", "only appends")
            return
        if not run.holds("L4", node.commit < start <= node.log.last_index):
            expected = f"an index from {node.commit + 1} to {node.log.last_index}"
            run.broken("L4", event, f"a truncation from {start}", expected)
            return
        if is_refused(node, event):
            return
        if not run.holds("L6", conflicts(node, start)):
            held, asked = node.log.at(start), _asked_at(node, start)
            expected = f"an append whose entry at {start} is of another term than {held.term if held else 0}"
            run.broken("L6", event, f"{asked} in the request that came last", expected)

    def _snapshot_install(self, _node: Node, event: Event) -> None:
        self._write(event, event["index"], event["block_term"], event["hash"], None)

    def _write(
        self, event: Event, index: int, term: int, entry_hash: str, before: tuple[int, str] | None
    ) -> None:
        known = self.run.written.get((index, term))
        if known is None:
            self.run.written[index, term] = Written(entry_hash, before)
            return
        same = known.hash == entry_hash and (before is None or known.before in (None, before))
        if not self.run.holds("L3", same):
            expected = f"{known.hash} after {known.before}"
            found = f"{entry_hash} after {before} at {position(term, index)}"
            self.run.broken("L3", event, found, expected)
        elif known.before is None:
            known.before = before


def _lacking(kept: Kept, snap: list[Any], found: dict[int, list[Any]]) -> int | None:
    """The first index that was durable and is not there now, or is another entry; None if all are."""
    start = snap[0]
    for index in range(max(kept.log.start, start), kept.durable + 1):
        held = kept.log.at(index)
        there = snap if index == start else found.get(index)
        if held is None or there is None or (there[1], there[2]) != (held.term, held.hash):
            return index
    return None


def conflicts(node: Node, index: int) -> bool:
    """Whether the request that came in last has an entry of another term where the log has one."""
    held, asked = node.log.at(index), _asked_at(node, index)
    return held is not None and asked is not None and asked[1] != held.term


def _asked_at(node: Node, index: int) -> list[object] | None:
    """What the request that came in last holds at an index."""
    request = node.request
    if request is None or request["type"] != "append" or request["term"] != node.term:
        return None
    return next((entry for entry in request["entries"] if entry[0] == index), None)


def is_refused(node: Node, event: Event) -> bool:
    """Whether the entry is cut because this node could not reproduce it: it then never was durable."""
    held = node.log.at(event["from"])
    return held is not None and event.get("refused") == held.hash and event["from"] > node.durable
