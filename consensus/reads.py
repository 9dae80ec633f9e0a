"""Linearizable reads by ReadIndex: an answer that no later leader can have overtaken.

    a leader takes a read on        index = its commit index of that moment
    a majority answers requests     it led until then: whatever was acknowledged anywhere
    that were sent *afterwards*     before the read began is at or below the index (CR-79)
    the index is applied here       the read may be served

A leader that has not committed in its own term does not know yet what is committed, and
keeps the read until it does (CR-78). One round of heartbeats confirms every read that was
taken on before it, and the next round begins when it is confirmed; so the cost of a read
falls as their number grows (CR-80).

A follower asks the leader for the index and serves the read itself, once it has applied it.
When leadership ends, when the leader changes, or when no answer comes within an election
timeout, the waiting reads fail; one that was confirmed stays good. Leases are not offered:
no clock is trusted (CR-81).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from consensus.core import Core
from consensus.errors import Busy, NotLeader
from consensus.limits import MAX_READS
from consensus.messages import ReadIndex, ReadIndexReply
from consensus.progress import Progress
from consensus.state import Role
from consensus.trace import message_id


@dataclass(frozen=True, slots=True)
class _Read:
    """A read that a leader took on."""

    rid: int
    origin: str
    """Who asked: this node or another one."""
    request: int
    """Id of the other node's message; 0 for a read of this node."""
    index: int
    after: int
    """Only answers to requests with higher ids confirm it."""


class Reads(Core):
    """Reads of this node, and those that it takes on as a leader."""

    _peers: dict[str, Progress]
    _office: int
    _reads: deque[_Read]
    """A leader's reads that wait for a majority, in order."""
    _early_reads: deque[tuple[int, str, int]]
    """(rid, origin, request) of reads that wait for the first commit of the leader's term."""
    _asked_reads: dict[int, int]
    """Own reads that wait for the leader's answer: rid to the tick at which they fail."""
    _confirmed_reads: deque[tuple[int, int]]
    """Own reads that wait until their index is applied: (rid, index)."""
    _failed_reads: list[int]
    _refused_reads: list[tuple[str, int, int]]
    """(origin, request, rid) of others' reads that a step-down ended: told when role and term are new."""
    _newest_asked: dict[str, int]
    """The highest read number that each other node has asked with: an older one is a message that
    came twice, or so late that its asker may have given it up."""
    _read_round: int
    """The newest id when the last round of heartbeats for reads was sent."""

    def _start_reading(self) -> None:
        self._reads = deque()
        self._early_reads = deque()
        self._asked_reads = {}
        self._confirmed_reads = deque()
        self._failed_reads = []
        self._refused_reads = []
        self._newest_asked = {}
        self._read_round = 0

    def read(self) -> int:
        """Begin a linearizable read; its number comes back in `Ready.reads` or `Ready.reads_failed`.

        Raises:
            NotLeader: no leader is known to ask, or this node is halted.
            Busy: too many reads wait.
        """
        if self.halted is not None or self.leader is None:
            raise NotLeader(None)
        self._check_reads_room()
        rid = self.new_id()
        if self.role is Role.LEADER:
            self._begin_read(rid, self.node, 0)
        else:
            self._asked_reads[rid] = self.now + self.config.election_ticks
            self.emit(ReadIndex(self.node, self.leader, self.term, self.new_id(), rid))
        return rid

    def _check_reads_room(self) -> None:
        waiting = len(self._reads) + len(self._early_reads) + len(self._asked_reads)
        if waiting + len(self._confirmed_reads) >= MAX_READS:
            raise Busy(f"{waiting} reads wait")

    def _begin_read(self, rid: int, origin: str, request: int) -> None:
        if not 0 < self._office <= self.commit:
            self._early_reads.append((rid, origin, request))
            return
        if self._tracer is not None:
            self.trace("read_start", rid=message_id(origin, rid), index=self.commit)
        self._reads.append(_Read(rid, origin, request, self.commit, self._next_id))
        self._confirm_reads()

    def _release_reads(self) -> None:
        """The leader has committed in its own term: reads that waited for it begin now."""
        while self._early_reads and 0 < self._office <= self.commit:
            self._begin_read(*self._early_reads.popleft())

    def _confirm_reads(self) -> None:
        """Reads that a majority confirms by now are answered."""
        while self._reads:
            read = self._reads[0]
            confirming = [node for node, peer in self._peers.items() if peer.answered > read.after]
            if not self.configuration.has_majority([self.node, *confirming]):
                return
            self._reads.popleft()
            if read.origin == self.node:
                self._confirmed_reads.append((read.rid, read.index))
            else:
                self._answer_read(read.origin, read.request, read.rid, read.index)

    @property
    def _read_round_is_due(self) -> bool:
        """Whether the oldest waiting read, which there is, needs heartbeats that were not sent yet."""
        return self._reads[0].after >= self._read_round

    def _note_read_round(self) -> None:
        self._read_round = self._next_id + 1

    def _take_reads(self) -> tuple[tuple[int, int], ...]:
        """Reads whose index has been handed out for applying."""
        waiting = self._confirmed_reads
        if not waiting:
            return ()
        done = tuple([read for read in waiting if read[1] <= self._applied])
        if done:
            self._confirmed_reads = deque([read for read in waiting if read[1] > self._applied])
            if self._tracer is not None:
                for rid, index in done:
                    self.trace("read_ready", rid=message_id(self.node, rid), index=index)
        return done

    def _take_failed_reads(self) -> tuple[int, ...]:
        failed = tuple(self._failed_reads)
        self._failed_reads.clear()
        return failed

    def _answer_read(self, origin: str, request: int, rid: int, index: int | None) -> None:
        answer = (request, rid, index is not None, index or 0)
        self.emit(ReadIndexReply(self.node, origin, self.term, self.new_id(), *answer))

    def _on_read_index(self, message: ReadIndex) -> None:
        waiting = len(self._reads) + len(self._early_reads)
        if self.role is not Role.LEADER or message.term != self.term or waiting >= MAX_READS:
            self._answer_read(message.sender, message.id, message.rid, None)
            return
        if message.rid <= self._newest_asked.get(message.sender, 0):
            self.drop("read asked for again")
            return
        self._newest_asked[message.sender] = message.rid
        self._begin_read(message.rid, message.sender, message.id)

    def _on_read_index_reply(self, message: ReadIndexReply) -> None:
        if message.sender != self.leader or self._asked_reads.pop(message.rid, None) is None:
            return
        if message.ok:
            self._confirmed_reads.append((message.rid, message.index))
        else:
            self._failed_reads.append(message.rid)

    def _fail_taken_reads(self) -> None:
        """Leadership ended: what was taken on cannot be confirmed any more (CR-80)."""
        taken = [(read.rid, read.origin, read.request) for read in self._reads]
        for rid, origin, request in [*taken, *self._early_reads]:
            if origin == self.node:
                self._failed_reads.append(rid)
            else:
                self._refused_reads.append((origin, request, rid))
        self._reads.clear()
        self._early_reads.clear()

    def _tell_refused_reads(self) -> None:
        """Whoever asked a leader that stepped down need not wait for its timeout (CR-80)."""
        for origin, request, rid in self._refused_reads:
            self._answer_read(origin, request, rid, None)
        self._refused_reads.clear()

    def _fail_asked_reads(self) -> None:
        """The leader that was asked leads no more."""
        self._failed_reads.extend(self._asked_reads)
        self._asked_reads.clear()

    def _ticks_to_failed_read(self, otherwise: int) -> int:
        """Until the first of the asked reads fails; they were asked in the order of their ends."""
        for end in self._asked_reads.values():
            return end - self.now
        return otherwise

    def _tick_reads(self) -> None:
        if self._asked_reads:
            for rid in [rid for rid, end in self._asked_reads.items() if self.now >= end]:
                del self._asked_reads[rid]
                self._failed_reads.append(rid)
