"""From the core's hands to the disk: reproduce, store, report, strictly in order.

    put(ready) -> reproduce -> storage thread -> report
                  (loop)       (one thread)      (loop)

A follower's entries are decoded, their signatures checked and the blocks executed on top of
the chain before anything of them is stored. A leader's own blocks were executed when they
were sealed, and pass. Whatever waits when the storage thread is free goes to the disk in
one synced write (group commit); a cut of the log begins a write of its own. A node that executes
what the network has committed long ago rests in between, so that others have the processor.

What is stored has been reproduced, and what is reported durable has been stored: a block
that cannot be reproduced is told to the core at once, and neither it nor anything that
follows it is written.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from time import perf_counter

from consensus.messages import Entry
from consensus.ready import Ready
from consensus.state import HardState
from ledger.blocks.block import Block
from ledger.chain.chain import Chain, VerifiedBlock
from ledger.errors import BlockInvalid, Malformed, StoreError, TallyError
from ledger.storage.store import Store
from node.limits import CATCH_UP_SHARE, MAX_GROUP_BLOCKS
from node.pace import Yielding
from node.raft_storage import entry_of
from node.statistics import Statistics


@dataclass(slots=True)
class Work:
    """One Ready on its way to the disk."""

    hard: HardState | None
    truncate_from: int | None
    entries: tuple[Entry, ...]
    stored: list[Entry] = field(default_factory=list)

    @property
    def writes(self) -> bool:
        """Whether anything of it goes to the disk."""
        return self.hard is not None or self.truncate_from is not None or bool(self.stored)


@dataclass(frozen=True, slots=True)
class Reports:
    """Whom the appender tells; all are called in the loop."""

    durable: Callable[[list[Work]], None]
    """These are on the disk, in this order."""
    accepted: Callable[[Block], None]
    """This block of another node was reproduced, and will be stored."""
    refused: Callable[[Entry, TallyError], None]
    """This block cannot be reproduced here."""
    dropped: Callable[[], None]
    """Blocks were taken back from the chain."""
    failed: Callable[[Exception], None]
    """The disk failed; nothing more will be stored."""
    broken: Callable[[BaseException], None]
    """A bug of ours: the process must stop rather than guess."""


class Appender:
    """The way of log entries to the disk of one node."""

    def __init__(
        self,
        *,
        chain: Chain,
        store: Store,
        verify: Callable[[Block], Awaitable[VerifiedBlock]],
        reports: Reports,
        may_yield: Callable[[int], bool],
        statistics: Statistics,
    ) -> None:
        """`may_yield` says whether nobody waits for this node after the block of this height."""
        self._may_yield = may_yield
        self._pace = Yielding(CATCH_UP_SHARE)
        self._chain = chain
        self._store = store
        self._verify = verify
        self._reports = reports
        self._statistics = statistics
        self._loop = asyncio.get_running_loop()
        self._to_reproduce: deque[Work] = deque()
        self._reproducing: asyncio.Task[None] | None = None
        self._to_store: SimpleQueue[Work | None] = SimpleQueue()
        self._storing = 0
        self._stopped = False
        self._thread = threading.Thread(target=self._store_all, name="storage", daemon=True)
        self._thread.start()

    @property
    def is_reproducing(self) -> bool:
        """Whether blocks of others are being reproduced."""
        return self._reproducing is not None

    @property
    def is_busy(self) -> bool:
        """Whether something is on its way through here.

        A task that is done is taken notice of later, perhaps after the last work was reported.
        """
        is_reproducing = self._reproducing is not None and not self._reproducing.done()
        return is_reproducing or self._storing > 0

    def put(self, ready: Ready) -> None:
        """Take over what a Ready asks to be stored."""
        work = Work(ready.hard, ready.truncate_from, ready.entries)
        if self._reproducing is not None:
            self._to_reproduce.append(work)
        elif self._is_own(work):
            self._hand_to_storage(work)
        else:
            self._to_reproduce.append(work)
            self._start_reproducing()

    def close(self) -> None:
        """Let the thread finish what it has, and end."""
        self._stopped = True
        if self._reproducing is not None:
            self._reproducing.cancel()
        self._to_store.put(None)
        self._thread.join()

    def _is_own(self, work: Work) -> bool:
        """Whether it needs no reproducing: nothing is cut, and this node sealed what is to be stored."""
        if work.truncate_from is not None:
            return False
        for entry in work.entries:
            block = self._chain.pending_block(entry.index)
            if block is None or block.hash != entry.hash:
                return False
        work.stored.extend(work.entries)
        return True

    def _start_reproducing(self) -> None:
        self._reproducing = self._loop.create_task(self._reproduce_all(), name="reproduce")
        self._reproducing.add_done_callback(self._reproduced_all)

    async def _reproduce_all(self) -> None:
        """Reproduce until nothing waits; ends then, so that an idle node has no task.

        Between two blocks the loop has a turn: whoever leads hears that this node is there.
        """
        is_first = True
        while self._to_reproduce:
            work = self._to_reproduce.popleft()
            if work.truncate_from is not None:
                self._cut(work.truncate_from)
            for entry in work.entries:
                if not is_first:
                    await asyncio.sleep(0)
                is_first = False
                self._pace.begin()
                try:
                    await self._reproduce(entry)
                except (BlockInvalid, Malformed) as error:
                    self._forget_from(entry.index)
                    self._reports.refused(entry, error)
                    break
                work.stored.append(entry)
                rest_s = self._pace.end()
                if rest_s and self._may_yield(entry.index):
                    await asyncio.sleep(rest_s)
            self._hand_to_storage(work)

    def _reproduced_all(self, task: asyncio.Task[None]) -> None:
        self._reproducing = None
        error = None if task.cancelled() else task.exception()
        if isinstance(error, StoreError):
            self._fail(error)
        elif error is not None:
            self._reports.broken(error)
        elif self._to_reproduce and not self._stopped:
            self._start_reproducing()

    def _forget_from(self, height: int) -> None:
        """What follows a refused block is not looked at; what replaces it is."""
        for work in self._to_reproduce:
            if work.truncate_from is not None and work.truncate_from <= height:
                return
            work.entries = tuple([entry for entry in work.entries if entry.index < height])

    def _cut(self, height: int) -> None:
        if height <= self._chain.head.height:
            self._chain.drop_from(height)
            self._reports.dropped()

    async def _reproduce(self, entry: Entry) -> None:
        held = self._chain.pending_block(entry.index)
        if held is not None and held.hash == entry.hash:
            return
        block = Block.decode(entry.data)
        if (block.height, block.header.term, block.hash) != (entry.index, entry.term, entry.hash):
            raise BlockInvalid(
                "the block is not the one that its entry names", field="entry", found=block.hash.hex()
            )
        if entry_of(block) != entry:
            raise BlockInvalid(
                "the block changes the members, or shows an election, otherwise than its entry says",
                field="entry",
            )
        self._chain.accept(await self._verify(block))
        self._reports.accepted(block)

    def _hand_to_storage(self, work: Work) -> None:
        if self._stopped:
            return
        if self._storing == 0 and not work.writes:
            self._loop.call_soon(self._report, [work], 0.0)
            self._storing += 1
            return
        self._storing += 1
        self._to_store.put(work)

    def _store_all(self) -> None:
        """The storage thread: groups of work to the disk until told to end."""
        group: list[Work] = []
        while True:
            work = group[0] if group else self._to_store.get()
            if work is None:
                return
            group, rest = self._next_group(work)
            began = perf_counter()
            try:
                self._write(group)
            except Exception as error:
                self._call(self._fail, error)
                return
            self._call(self._report, group, perf_counter() - began)
            if rest is _END:
                return
            group = [rest] if isinstance(rest, Work) else []

    def _next_group(self, first: Work) -> tuple[list[Work], Work | object | None]:
        """What goes to the disk together, and what was taken from the queue but must wait."""
        group = [first]
        blocks = len(first.stored)
        while blocks < MAX_GROUP_BLOCKS:
            try:
                work = self._to_store.get_nowait()
            except Empty:
                return group, None
            if work is None:
                return group, _END
            if work.truncate_from is not None:
                return group, work
            group.append(work)
            blocks += len(work.stored)
        return group, None

    def _write(self, group: list[Work]) -> None:
        hard = next((work.hard for work in reversed(group) if work.hard is not None), None)
        blocks = [(entry.index, entry.data) for work in group for entry in work.stored]
        truncate_from = group[0].truncate_from
        if hard is None and not blocks and truncate_from is None:
            return
        self._store.append(
            blocks, truncate_from, None if hard is None else (hard.term, hard.vote, hard.accepted)
        )

    def _call(self, function: Callable[..., None], *arguments: object) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function, *arguments)

    def _report(self, group: list[Work], seconds: float) -> None:
        self._storing -= len(group)
        if seconds:
            self._statistics.synced_writes += 1
            self._statistics.sync_latency.add(seconds * 1_000)
        self._reports.durable(group)

    def _fail(self, error: Exception) -> None:
        self._stopped = True
        self._reports.failed(error)


_END = object()
