"""Giving snapshots to other nodes, beside everything else that a node does.

    question -> loop: manifest at once; else which snapshot -> thread: read, wait -> answer

One thread reads and sorts, and rests after each piece for so long that it takes no more than
its share of a core. Commits never wait for it. A snapshot is closed by that thread, so that
nothing is read from one that is gone.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Generator
from pathlib import Path
from queue import Empty, SimpleQueue
from time import perf_counter, thread_time

import structlog

from ledger import codec
from ledger.blocks.block import Header
from ledger.chain.chain import Chain
from ledger.chain.committed import NotCertified
from ledger.errors import StoreError
from ledger.limits import MAX_SNAPSHOT_CHUNK_BYTES, MAX_SNAPSHOT_MANIFEST_BYTES
from ledger.proofs.handover import Handover, MembershipChain
from ledger.snapshots.source import NotKept, NotReady, PinnedState, Shelf
from node.limits import (
    MAX_SNAPSHOT_ASKS,
    SNAPSHOT_ASIDE_S,
    SNAPSHOT_HOLD_S,
    SNAPSHOT_SERVE_IDLE_SHARE,
    SNAPSHOT_SERVE_SHARE,
)
from node.pace import Pace
from node.snapshots.snapshot_asks import (
    BLOCK,
    GIVEN,
    MANIFEST,
    NOT_KEPT,
    NOT_READY,
    RECENT,
    STATE,
    Ask,
    answer,
    read_ask,
)

log = structlog.get_logger(component="snapshots")

Send = Callable[[str, codec.Value], bool]
"""(peer, message): whether it was queued."""

CallSoon = Callable[..., object]
"""Have a function called in the loop, from another thread."""

SERVE_PACE = Pace(SNAPSHOT_SERVE_SHARE, SNAPSHOT_SERVE_IDLE_SHARE)

_Job = tuple[str, int, PinnedState, Ask] | PinnedState | None
"""A question to be answered, a snapshot to be closed, or the end."""


class SnapshotServer:
    """The snapshots of one node; everything but the thread belongs to the loop."""

    def __init__(
        self,
        *,
        chain: Chain,
        folder: Path,
        send: Send,
        call_soon: CallSoon,
        available: Callable[[Header], None],
        clock_s: Callable[[], float],
        pace: Pace = SERVE_PACE,
    ) -> None:
        self.chunks_given = 0
        self.bytes_given = 0
        self._chain = chain
        self._folder = folder
        self._send = send
        self._call_soon = call_soon
        self._available = available
        self._clock_s = clock_s
        self._pace = pace
        self._shelf = Shelf()
        self._asked_s: dict[int, float] = {}
        self._pinned_s = -SNAPSHOT_ASIDE_S
        self._waiting: Counter[str] = Counter()
        self._jobs: SimpleQueue[_Job] = SimpleQueue()
        self._sorting: tuple[PinnedState, Generator[None, None, None]] | None = None
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._work, name="snapshots", daemon=True)
        self._thread.start()
        chain.at_boundary = self.put

    @property
    def heights(self) -> list[int]:
        """The heights whose snapshots can be had here, ascending."""
        return [state.height for state in self._shelf.states]

    def put(self, state: PinnedState) -> None:
        """A newer snapshot; older ones go, unless they are being fetched."""
        newest = self._shelf.newest()
        if newest is not None and newest.height >= state.height:
            self._jobs.put(state)
            return
        for gone in self._shelf.put(state, self._in_use()):
            self._jobs.put(gone)
        self._available(state.header)

    def offer_applied(self) -> None:
        """Make a snapshot of the applied state, unless there is one or nothing to be given away."""
        newest = self._shelf.newest()
        height = self._chain.applied.height
        if height > 0 and (newest is None or newest.height < height):
            self.put(self._chain.pin())

    def take_in(self, peer: str, content: codec.Value) -> None:
        """A question of a peer.

        Raises:
            Malformed: one that no honest node asks.
        """
        number, ask = read_ask(content)
        if self._waiting[peer] >= MAX_SNAPSHOT_ASKS:
            self._answer(peer, number, NOT_READY)
            return
        try:
            if ask.kind == MANIFEST:
                self._answer(peer, number, GIVEN, self._manifest(ask))
                return
            state = self._state(ask.height)
        except NotKept:
            self._answer(peer, number, NOT_KEPT)
            return
        except (NotReady, NotCertified):
            self._answer(peer, number, NOT_READY)
            return
        self._asked_s[state.height] = self._clock_s()
        self._waiting[peer] += 1
        self._jobs.put((peer, number, state, ask))

    def close(self) -> None:
        """End the thread and give all snapshots up; the store is closed after this."""
        self._chain.at_boundary = None
        self._ending.set()
        self._jobs.put(None)
        self._thread.join()
        if self._sorting is not None:
            self._sorting[1].close()
        for state in self._shelf.clear():
            state.close()
        while True:
            try:
                job = self._jobs.get_nowait()
            except Empty:
                return
            if isinstance(job, PinnedState):
                job.close()

    def _in_use(self) -> frozenset[int]:
        now_s = self._clock_s()
        self._asked_s = {
            height: asked_s for height, asked_s in self._asked_s.items() if now_s - asked_s < SNAPSHOT_HOLD_S
        }
        return frozenset(self._asked_s)

    def _state(self, height: int) -> PinnedState:
        """The snapshot of a height; made now if that is the applied one, so that an idle network has one."""
        try:
            return self._shelf.at(height)
        except NotKept:
            if self._chain.applied.height != height:
                raise
            return self._pin()

    def _pin(self) -> PinnedState:
        newest = self._shelf.newest()
        if newest is not None and newest.height == self._chain.applied.height:
            return newest
        now_s = self._clock_s()
        if self._chain.applied.height == 0:
            raise NotKept("nothing but the genesis block yet")
        if now_s - self._pinned_s < SNAPSHOT_ASIDE_S:
            raise NotReady("another one was made a moment ago")
        self._pinned_s = now_s
        state = self._chain.pin()
        self.put(state)
        return state

    def _manifest(self, ask: Ask) -> bytes:
        newest = self._shelf.newest()
        if newest is None or newest.height < ask.height:
            if self._chain.applied.height < ask.height:
                raise NotKept("not that far yet", found=self._chain.applied.height)
            newest = self._pin()
        chunk = manifest_chunk(self._chain, newest, ask)
        self._asked_s[newest.height] = self._clock_s()
        return chunk

    def _answer(self, peer: str, number: int, code: str, chunk: bytes = b"") -> None:
        if self._send(peer, ("snapshot!", answer(number, code, chunk))) and chunk:
            self.chunks_given += 1
            self.bytes_given += len(chunk)

    def _served(self, peer: str, number: int, code: str, chunk: bytes) -> None:
        self._waiting[peer] -= 1
        if not self._ending.is_set():
            self._answer(peer, number, code, chunk)

    def _work(self) -> None:
        """The thread: answer what is asked, sort while nothing is, rest in between."""
        while True:
            try:
                job = self._jobs.get(block=self._sorting is None)
            except Empty:
                began_s, used_s = perf_counter(), thread_time()
                self._sort_on()
            else:
                if job is None:
                    return
                began_s, used_s = perf_counter(), thread_time()
                if isinstance(job, PinnedState):
                    self._close(job)
                else:
                    self._serve(*job)
            if self._ending.wait(self._pace.rest_s(thread_time() - used_s, perf_counter() - began_s)):
                return

    def _serve(self, peer: str, number: int, state: PinnedState, ask: Ask) -> None:
        code, chunk = GIVEN, b""
        try:
            chunk = chunk_of(state, ask)
        except NotReady:
            code = NOT_READY
            if self._sorting is None:
                self._sorting = (state, state.sort(self._folder))
        except NotKept:
            code = NOT_KEPT
        except StoreError as error:
            code = NOT_KEPT
            log.error("snapshot_unreadable", height=state.height, **error.as_dict())
        self._call_soon(self._served, peer, number, code, chunk)

    def _sort_on(self) -> None:
        assert self._sorting is not None, "called while something is being sorted"
        state, steps = self._sorting
        try:
            next(steps)
        except StopIteration:
            self._sorting = None
            log.info("snapshot_sorted", height=state.height)
        except StoreError as error:
            self._sorting = None
            log.error("snapshot_unreadable", height=state.height, **error.as_dict())

    def _close(self, state: PinnedState) -> None:
        if self._sorting is not None and self._sorting[0] is state:
            self._sorting[1].close()
            self._sorting = None
        state.close()


def manifest_chunk(chain: Chain, state: PinnedState, ask: Ask) -> bytes:
    """The answer to a question for the manifest of this snapshot.

    Raises:
        NotCertified: no certificate covers it, or a change of the members before it, yet.
    """
    manifest = state.manifest(chain.certified(state.height)).encode()
    changes: list[Handover] = []
    room = MAX_SNAPSHOT_CHUNK_BYTES - MAX_SNAPSHOT_MANIFEST_BYTES
    for height in chain.changes():
        if ask.first < height <= state.height and room > 0:
            handover = chain.handover(height)
            room -= len(codec.encode(handover.to_value()))
            if room > 0:
                changes.append(handover)
    return codec.encode((MembershipChain(tuple(changes)).to_value(), manifest))


def chunk_of(state: PinnedState, ask: Ask) -> bytes:
    """The answer to a question for any other part.

    Raises:
        NotReady: the state is not sorted yet.
        NotKept: a block before the beginning of this log.
        StoreError: the disk refuses.
    """
    if ask.kind == BLOCK:
        return state.block()
    if ask.kind == STATE:
        return state.state(ask.first, ask.end)
    if ask.kind == RECENT:
        return state.recent(ask.first)
    return state.records(ask.key, ask.end, ask.stop)
