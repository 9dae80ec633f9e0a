"""State transfer of one node: giving snapshots to others, and fetching one when the log is too far ahead.

    fetch(least) -> questions to several peers -> chunks -> thread: check, keep -> …
                 -> complete(height): the node stops its inner parts, calls `install`, and opens again

Nothing of the ledger in use is touched until `install`. A transfer that is given up, or whose
process ends, leaves what it has beside the ledger, and the next one goes on with it if the
peers still have that snapshot.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from time import perf_counter, thread_time, time_ns

import structlog

from ledger import codec
from ledger.blocks.block import Header
from ledger.chain.chain import Chain
from ledger.errors import StoreError, TallyError, VerificationError
from ledger.proofs.handover import Followed
from ledger.snapshots.staging import discard, settle
from ledger.storage.store import HardState
from node.limits import SNAPSHOT_IMPORT_IDLE_SHARE, SNAPSHOT_IMPORT_SHARE, SWEEP_MS
from node.pace import Pace
from node.snapshots.snapshot_asks import GIVEN, Ask, read_answer
from node.snapshots.snapshot_fetch import SnapshotFetch
from node.snapshots.snapshot_import import WRONG, SnapshotImport
from node.snapshots.snapshot_server import SERVE_PACE, Send, SnapshotServer

log = structlog.get_logger(component="snapshots")


IMPORT_PACE = Pace(SNAPSHOT_IMPORT_SHARE, SNAPSHOT_IMPORT_IDLE_SHARE)

_REMEDY = "Ask whoever runs that node: its disk or its software is damaged, or it lies."


@dataclass(frozen=True, slots=True)
class Reports:
    """Whom a transfer tells; all are called in the loop."""

    complete: Callable[[Header], None]
    """All of the snapshot of this block is there and checked: stop, `install`, open again."""
    failed: Callable[[str], None]
    """Given up, and why; the ledger is as it was."""
    refused: Callable[[str, TallyError], None]
    """This peer sent something wrong."""
    available: Callable[[Header], None]
    """This node can give away the state of this block from now on, which is the applied one just now."""


@dataclass(slots=True)
class _Work:
    fetch: SnapshotFetch
    number: int
    ask: Ask
    data: bytes


class StateTransfer:
    """One node's part in handing states on; belongs to the running loop.

    `peers()` names whom to ask, the leader last: it has the most to do.
    """

    def __init__(
        self,
        *,
        chain: Chain,
        ledger: Path,
        send: Send,
        peers: Callable[[], list[str]],
        reports: Reports,
        serve_pace: Pace = SERVE_PACE,
        import_pace: Pace = IMPORT_PACE,
    ) -> None:
        self.chunks_taken = 0
        self.bytes_taken = 0
        self.chunks_refused = 0
        self.chunks_unasked = 0
        self._chain = chain
        self._ledger = ledger
        self._send = send
        self._peers = peers
        self._reports = reports
        self._pace = import_pace
        self._loop = asyncio.get_running_loop()
        self._server = SnapshotServer(
            chain=chain,
            folder=ledger.parent,
            send=send,
            call_soon=self._in_loop,
            available=reports.available,
            clock_s=self._loop.time,
            pace=serve_pace,
        )
        self._taken: SnapshotImport | None = None
        self._fetch: SnapshotFetch | None = None
        self._began_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._works: SimpleQueue[_Work | Callable[[], list[Ask]] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._is_complete = False

    @property
    def is_fetching(self) -> bool:
        """Whether a transfer is under way."""
        return self._taken is not None and not self._is_complete

    def is_overtaken(self, commit: int) -> bool:
        """Whether the log has brought this node as far as the snapshot that is being fetched."""
        return self.is_fetching and self._taken is not None and 0 < (self._taken.height or 0) <= commit

    @property
    def complete(self) -> Header | None:
        """The block whose snapshot is all there and waits for `install`."""
        return self._taken.header if self._taken is not None and self._is_complete else None

    @property
    def heights(self) -> list[int]:
        """The heights whose snapshots this node gives away."""
        return self._server.heights

    def on_message(self, peer: str, kind: str, content: codec.Value) -> None:
        """A message of kind `snapshot?` or `snapshot!`.

        Raises:
            Malformed: something that no honest node says; its link is closed.
        """
        if kind == "snapshot?":
            self._server.take_in(peer, content)
        else:
            self._take_answer(peer, content)

    def fetch(self, least: int) -> None:
        """Fetch the state of this height or a later one, unless one is being fetched already."""
        if self._taken is not None:
            return
        log.info("snapshot_wanted", height=least, applied_height=self._chain.applied.height)
        self._taken = SnapshotImport(self._ledger, self._trust(), least)
        self._began_s = perf_counter()
        self._stopping.clear()
        self._thread = threading.Thread(target=self._work, name="snapshot import", daemon=True)
        self._thread.start()
        self._works.put(self._taken.begin)

    def offer_applied(self) -> None:
        """Have the applied state ready to be given away: at a start, until the next boundary comes."""
        self._server.offer_applied()

    def drop(self) -> None:
        """Forget the transfer and all that came: the log has caught up by itself."""
        if self._taken is not None:
            self._end_thread()
            self._taken.close()
            self._taken = self._fetch = None
            self._is_complete = False
        discard(self._ledger)

    def give_up(self, reason: str) -> None:
        """End the transfer; what came stays for the next one."""
        if self._taken is None:
            return
        log.warning("snapshot_given_up", reason=reason, **self._progress())
        self._end_thread()
        self._taken.close()
        self._taken = self._fetch = None
        self._is_complete = False
        self._reports.failed(reason)

    def install(self, owner: bytes, hard: HardState) -> None:
        """Put the complete snapshot in the ledger's place; a ledger that held blocks is kept beside it.

        The node's own store is closed, `hard` is what it held last (or more), `owner` the key that
        it is bound to. Takes the time of
        a few synced writes; a crash leaves one of the two whole.

        Raises:
            StoreError: the disk refuses; `ledger.snapshots.staging.settle` at the next start decides.
        """
        assert self._taken is not None, "a complete snapshot"
        assert self._is_complete, "a complete snapshot"
        self._taken.finish(owner, hard, keep_old=self._chain.applied.height > 0)
        settle(self._ledger)
        self._taken = None

    def close(self) -> None:
        """End the threads; before the store is closed. What was fetched stays, complete or not."""
        self._end_thread()
        self._server.close()
        if self._taken is not None and not self._is_complete:
            self._taken.close()
            self._taken = self._fetch = None

    def _trust(self) -> Followed:
        """The genesis block, and the membership changes that this node's own ledger proves."""
        return Followed.of(self._chain.genesis).extended(self._chain.proved_changes())

    def _take_answer(self, peer: str, content: codec.Value) -> None:
        number, code, chunk = read_answer(content)
        fetch = self._fetch
        if fetch is None or not fetch.is_asked(peer, number):
            self.chunks_unasked += 1
            return
        ask = fetch.answered(peer, number, code, self._loop.time())
        if ask is not None and code == GIVEN:
            self._works.put(_Work(fetch, number, ask, chunk))
        self._turn()

    def _turn(self) -> None:
        """Ask what can be asked; see whether it is over."""
        fetch = self._fetch
        if fetch is None:
            return
        if fetch.is_through:
            self._complete()
            return
        now_s = self._loop.time()
        peers = self._peers()
        if peers and all(peer in fetch.struck for peer in peers):
            self.give_up("every peer sent something wrong")
        elif fetch.has_stalled(now_s):
            self.give_up("nothing comes any more")
        elif fetch.is_lost(peers, now_s):
            self._start_anew()
        else:
            for peer, number, ask in fetch.to_ask(peers, now_s):
                self._send(peer, ("snapshot?", ask.to_value(number)))
        if self._timer is None and self._fetch is not None:
            self._timer = self._loop.call_later(SWEEP_MS / 1_000, self._timed)

    def _timed(self) -> None:
        self._timer = None
        self._turn()

    def _start_anew(self) -> None:
        """Nobody has that snapshot any more: begin with the newest one."""
        assert self._taken is not None, "called while fetching"
        log.info("snapshot_gone", height=self._taken.height)
        self._fetch = None
        self._works.put(self._taken.start_anew)

    def _complete(self) -> None:
        assert self._taken is not None, "called while fetching"
        header = self._taken.header
        assert header is not None, "a manifest came first"
        self._is_complete = True
        log.info(
            "snapshot_fetched",
            height=header.height,
            seconds=perf_counter() - self._began_s,
            **self._progress(),
        )
        self._end_thread()
        self._fetch = None
        self._reports.complete(header)

    def _progress(self) -> dict[str, object]:
        fetch = self._fetch
        return {
            "chunks": self.chunks_taken,
            "bytes": self.bytes_taken,
            "from_peers": {} if fetch is None else dict(fetch.chunks),
            "struck_off": {} if fetch is None else fetch.struck,
        }

    def _end_thread(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._thread is not None:
            self._stopping.set()
            self._works.put(None)
            self._thread.join()
            self._thread = None
            self._works = SimpleQueue()

    def _work(self) -> None:
        """The thread: check and keep what came, rest in between."""
        taken, works = self._taken, self._works
        assert taken is not None, "started by fetch"
        while not self._stopping.is_set():
            work = works.get()
            if work is None:
                return
            began_s, used_s = perf_counter(), thread_time()
            try:
                if isinstance(work, _Work):
                    self._check(taken, work)
                else:
                    self._in_loop(self._begun, work())
            except StoreError as error:
                self._in_loop(self.give_up, f"the disk refuses: {error}")
                return
            except Exception as bug:
                log.critical("snapshot_bug", exc_info=bug)
                self._in_loop(self.give_up, f"a bug of this node: {bug!r}")
                return
            self._stopping.wait(self._pace.rest_s(thread_time() - used_s, perf_counter() - began_s))

    def _check(self, taken: SnapshotImport, work: _Work) -> None:
        try:
            follow = taken.take(work.ask, work.data)
        except WRONG as error:
            self._in_loop(self._was_wrong, work, error)
        else:
            self._in_loop(self._was_right, work, follow)

    def _in_loop(self, function: Callable[..., None], *arguments: object) -> None:
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(function, *arguments)

    def _begun(self, asks: list[Ask]) -> None:
        if self._taken is not None:
            # Numbers of an earlier life of this process must not come again: a late answer is no lie.
            self._fetch = SnapshotFetch(asks, time_ns() >> 4, self._loop.time())
            self._turn()

    def _was_right(self, work: _Work, follow: list[Ask]) -> None:
        self.chunks_taken += 1
        self.bytes_taken += len(work.data)
        if work.fetch is self._fetch:
            work.fetch.accepted(work.number, follow, self._loop.time())
            self._turn()

    def _was_wrong(self, work: _Work, error: TallyError) -> None:
        self.chunks_refused += 1
        if work.fetch is not self._fetch:
            return
        known = len(work.fetch.struck)
        peer = work.fetch.refused(work.number, str(error), self._loop.time())
        if len(work.fetch.struck) > known:
            message = f"a wrong part of a snapshot ({work.ask.kind})"
            self._reports.refused(
                peer, VerificationError(message, code="bad_snapshot", found=str(error), remedy=_REMEDY)
            )
        self._turn()
