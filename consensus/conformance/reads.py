"""R: linearizable reads. What is served is at least as new as anything committed when it began."""

from __future__ import annotations

from typing import NamedTuple

from consensus.conformance.events import Event
from consensus.conformance.family import Family
from consensus.conformance.model import Node, Run


class Read(NamedTuple):
    """A read that a leader took on."""

    leader: str
    boot: int
    term: int
    seq: int
    at: int
    """The read index."""
    committed: int
    """The highest commit of any node before it began."""


class Reads(Family):
    """R1 to R4."""

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self._reads: dict[str, Read] = {}
        """Taken on and not served, by id."""
        self._untold: list[Event] = []
        """Reads that were served by followers, and that no leader was seen to take on."""
        self._confirmed: set[str] = set()
        """Of these, those that a majority has answered for."""
        self._waiting: dict[str, list[str]] = {}
        """By leader, those that still may be confirmed."""
        self._commit = 0
        """The highest commit of any node, at the time of the newest commit."""
        self._commit_before = 0
        self._commit_t = 0
        """`_commit` was reached then; `_commit_before` held up to then."""
        self.rules = {
            "boot": self._boot,
            "commit": self._committed,
            "read_start": self._start,
            "read_ready": self._ready,
            "send": self._send,
        }

    def before(self, node: Node, event: Event) -> None:
        """First what the events before have confirmed, then what this one asks."""
        waiting = self._waiting.get(node.name)
        if waiting:
            if node.role == "leader":
                waiting[:] = [rid for rid in waiting if not self._is_over(node, rid)]
            else:
                waiting.clear()
        super().before(node, event)

    def _boot(self, _node: Node, event: Event) -> None:
        self._raise(event["commit"], event["t"])

    def _committed(self, _node: Node, event: Event) -> None:
        self._raise(event["to"], event["t"])

    def _raise(self, commit: int, t: int) -> None:
        if commit > self._commit:
            if t > self._commit_t:
                self._commit_before, self._commit_t = self._commit, t
            self._commit = commit

    def _start(self, node: Node, event: Event) -> None:
        run = self.run
        index, rid = event["index"], event["rid"]
        held = node.log.at(node.commit)
        leads = node.role == "leader" and held is not None and held.term == node.term
        if not run.holds("R2", leads):
            found = f"a {node.role} of term {node.term} whose commit is of term {held.term if held else 0}"
            run.broken("R2", event, found, "a leader that committed in its own term")
        committed = self._commit if event["t"] > self._commit_t else self._commit_before
        self._waiting.setdefault(node.name, []).append(rid)
        self._confirmed.discard(rid)
        self._reads[rid] = Read(node.name, node.boot, node.term, event["seq"], index, committed)

    def _ready(self, node: Node, event: Event) -> None:
        run = self.run
        index, rid = event["index"], event["rid"]
        if not run.holds("R1", index <= node.applied):
            run.broken("R1", event, f"read at {index} is served", f"at most {node.applied}, which is applied")
        read = self._reads.get(rid)
        if read is None:
            if node.role == "leader":
                self._was_not_taken_on(event)
            else:
                self._untold.append(event)
            return
        if not run.holds("R3", index >= read.committed):
            expected = f"at least {read.committed}, which was committed when it began"
            run.broken("R3", event, f"read index {index}", expected)
        elif not run.holds("R2", index >= read.at):
            run.broken("R2", event, f"read index {index}", f"{read.at}, which the leader gave")
        self._leads(node, event, rid)
        self._reads.pop(rid)
        self._confirmed.discard(rid)

    def _was_not_taken_on(self, event: Event) -> None:
        self.run.holds("R2", False)
        self.run.broken("R2", event, f"read {event['rid']} is served", "one that a leader took on")

    def at_the_end(self) -> None:
        """R2: reads that nobody took on, unless who led may be the one without a whole trace."""
        if not self.run.unobserved():
            for event in self._untold:
                self._was_not_taken_on(event)

    def _send(self, node: Node, event: Event) -> None:
        message = event["msg"]
        if message["type"] != "read_index_resp" or message.get("ok") is False:
            return
        run = self.run
        read = self._reads.get(message["rid"])
        if not run.holds("R2", read is not None and read.leader == node.name):
            run.broken("R2", event, f"an index for read {message['rid']}", "a read that this leader took on")
            return
        assert read is not None, "R2 holds"
        if not run.holds("R2", message["index"] == read.at):
            run.broken("R2", event, f"read index {message['index']}", f"{read.at}, taken when it began")
        self._leads(node, event, message["rid"])

    def _leads(self, node: Node, event: Event, rid: str) -> None:
        """R4: at some time since the read began, while its leader led."""
        if not self.run.holds("R4", rid in self._confirmed):
            answered = [name for name, seq in node.answered.items() if seq > self._reads[rid].seq]
            found = f"answers of {' '.join(sorted(answered)) or 'nobody'} to requests after the read began"
            expected = f"a majority of {node.configuration} in term {self._reads[rid].term}"
            self.run.broken("R4", event, found, expected)

    def _is_over(self, node: Node, rid: str) -> bool:
        """Whether a majority has answered for a read of this leader by now, or never will in its term."""
        read = self._reads.get(rid)
        if read is None or (read.boot, read.term) != (node.boot, node.term):
            return True
        answered = [name for name, seq in node.answered.items() if seq > read.seq]
        if not node.configuration.has_majority([*answered, node.name]):
            return False
        self._confirmed.add(rid)
        return True
