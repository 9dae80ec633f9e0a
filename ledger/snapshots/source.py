"""Giving a snapshot away: chunks read from a pinned view of the database while commits go on.

A `PinnedState` is taken in the main thread, which costs a copy of 4,096 hashes and keeps
LevelDB from forgetting what it overwrites; everything else may run in another thread. The
`Shelf` keeps the newest ones.

State rows are ordered by key, subtrees by key hash. So before the first state chunk is
given, one pass over all entries sorts them into a *spool*: runs of each subtree, in a file
without a name that is gone when the process ends, or in memory while they are few. The pass
is a generator, so that whoever runs it decides how much of it happens when.
"""

from __future__ import annotations

import os
import tempfile
from array import array
from collections.abc import Generator, Iterator
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

from ledger import codec
from ledger.blocks.block import Header
from ledger.blocks.certificate import CertifiedHeader
from ledger.errors import StoreError, TallyError
from ledger.hashing import TRANSACTION
from ledger.limits import (
    HISTORY_HEAD_INTERVAL,
    MAX_SNAPSHOT_CHUNK_BYTES,
    SNAPSHOT_CHUNK_BYTES,
    SPOOL_BUFFER_BYTES,
)
from ledger.snapshots.snapshot import Manifest, RecordRun, encode_recent, encode_records, encode_state
from ledger.state.history import NO_RECORDS
from ledger.state.root import SUBTREES, subtree_of
from ledger.storage.database import Rows
from ledger.storage.rows import BLOCK, HEAD, NUMBER_BYTES, RECENT, RECORD, STATE, beyond, number

SPOOL_STEP_ENTRIES = 500
"""Entries that one step of the spool sorts."""

_KEPT = 2
"""Newest snapshots on the shelf."""
_HEADER_AT, _TRANSACTIONS_AT = 0, 3
"""Places of the parts of a block that are read here."""


class NotKept(TallyError):
    """A snapshot that this node does not have, or not any more."""

    code = "snapshot_not_kept"
    remedy = "Ask for the manifest again: a newer snapshot is there, or will be soon."


class NotReady(TallyError):
    """A chunk that is being prepared."""

    code = "snapshot_not_ready"
    remedy = "Ask for another chunk first, and for this one again a little later."


class PinnedState:
    """The ledger at one height, for reading; `close` lets the database forget it."""

    __slots__ = ("_spool", "_view", "header", "nodes", "peaks")

    def __init__(self, header: Header, nodes: bytes, peaks: tuple[bytes, ...], view: Rows) -> None:
        self.header = header
        self.nodes = nodes
        self.peaks = peaks
        self._view = view
        self._spool: Spool | None = None

    @property
    def height(self) -> int:
        """The height that it is the state of."""
        return self.header.height

    def close(self) -> None:
        """Give up the view and the spool; reading fails from now on."""
        self._view.close()
        if self._spool is not None:
            self._spool.close()

    def manifest(self, certified: CertifiedHeader) -> Manifest:
        """The manifest, with the proof that its height is committed."""
        assert certified.header == self.header, "the proof is for this height"
        return Manifest(certified, self.nodes, self.peaks)

    def sort(self, folder: Path) -> Generator[None, None, None]:
        """Prepare the state chunks, a little with each step; the spool's file goes into `folder`.

        Raises:
            StoreError: the disk refuses.
        """
        if self._spool is not None:
            self._spool.close()
        self._spool = Spool(folder)
        yield from self._spool.fill(self._view.rows(STATE, beyond(STATE)))

    def entries(self) -> Iterator[tuple[bytes, bytes]]:
        """Every state entry in the order of the keys, as canonical bytes.

        Raises:
            StoreError: the disk refuses.
        """
        for row, value in self._view.rows(STATE, beyond(STATE)):
            yield row[1:], value

    def records_in_order(self) -> Iterator[tuple[bytes, bytes]]:
        """(state key of its history, record bytes) of every record, in the order of the keys and numbers.

        Raises:
            StoreError: the disk refuses.
        """
        for row, record in self._view.rows(RECORD, beyond(RECORD)):
            yield row[1:-NUMBER_BYTES], record

    def block(self) -> bytes:
        """The chunk of the block of this height.

        Raises:
            StoreError: the disk refuses.
        """
        return self._block(self.height)

    def state(self, first: int, end: int) -> bytes:
        """A chunk of subtrees from `first` on, at most up to `end`.

        Raises:
            NotReady: `sort` is not through.
            StoreError: the disk refuses.
        """
        if self._spool is None or not self._spool.is_complete:
            raise NotReady("the state is being sorted")
        subtrees: list[list[bytes]] = []
        size = 0
        for index in range(first, min(end, SUBTREES)):
            runs = self._spool.runs(index)
            added = sum(len(run) + 8 for run in runs) + 8
            if subtrees and size + added > MAX_SNAPSHOT_CHUNK_BYTES // 2:
                break
            subtrees.append(runs)
            size += added
            if size >= SNAPSHOT_CHUNK_BYTES:
                break
        return encode_state(first, subtrees)

    def records(self, key: bytes, end: int, stop: bytes) -> bytes:
        """A chunk of the histories from `key` on and below the key `stop` (none for empty).

        `end` 0 asks for each history whole. Another `end` asks for the last records before that
        number, of the history at `key` alone. So does a first history that no chunk can hold.

        Raises:
            StoreError: the disk refuses, or the records are not there.
        """
        runs = [] if end else self._whole_histories(key, stop)
        return encode_records(runs or [self._newest_records(key, end)])

    def recent(self, height: int) -> bytes:
        """A chunk of headers and transaction ids from a height downwards.

        Raises:
            NotKept: neither the log nor what a snapshot told of the time before it reaches that far back.
            StoreError: the disk refuses.
        """
        blocks: list[tuple[bytes, bytes]] = []
        size = 0
        while height >= 0 and size < SNAPSHOT_CHUNK_BYTES:
            recent = self._recent(height)
            if recent is None:
                break
            blocks.append(recent)
            size += len(recent[0]) + len(recent[1])
            height -= 1
        if not blocks:
            raise NotKept("a block before the beginning of this log", found=height)
        return encode_recent(blocks)

    def _recent(self, height: int) -> tuple[bytes, bytes] | None:
        """Header, and ids and signatures joined, of a block of the log or shortly before it."""
        data = self._view.get(BLOCK + number(height))
        if data is None:
            told = self._view.get(RECENT + number(height))
            return None if told is None else codec.trusted(told)
        block = codec.trusted(data)
        leaves = [
            sha256(TRANSACTION + body).digest() + signature for body, signature in block[_TRANSACTIONS_AT]
        ]
        return block[_HEADER_AT], b"".join(leaves)

    def _block(self, height: int) -> bytes:
        data = self._view.get(BLOCK + number(height))
        if data is None:
            raise StoreError("a block is missing from the log", found=f"height {height}")
        return data

    def _whole_histories(self, key: bytes, stop: bytes) -> list[RecordRun]:
        """Whole histories from `key` on, as many as fit; none if the first is too long."""
        runs: list[RecordRun] = []
        current: list[bytes] = []
        name, size = key, 0
        for row, record in self._view.rows(RECORD + key, RECORD + stop if stop else beyond(RECORD)):
            of = row[1:-NUMBER_BYTES]
            if of != name:
                if current:
                    runs.append(RecordRun(name, 0, NO_RECORDS, tuple(current)))
                    if size >= SNAPSHOT_CHUNK_BYTES:
                        return runs
                name, current = of, []
                size += len(of) + DIGEST_AND_HEADS
            current.append(record)
            size += len(record) + 3
            if size > 2 * SNAPSHOT_CHUNK_BYTES:
                return runs
        if current:
            runs.append(RecordRun(name, 0, NO_RECORDS, tuple(current)))
        return runs

    def _newest_records(self, key: bytes, end: int) -> RecordRun:
        """The last records before `end` (0: of all), back to where a head is kept."""
        prefix = RECORD + key
        stop = prefix + (number(end) if end else b"\xff" * (NUMBER_BYTES + 1))
        records: list[bytes] = []
        size = first = 0
        for row, record in self._view.rows(prefix, stop, reverse=True):
            if len(row) != len(prefix) + NUMBER_BYTES:
                break
            records.append(record)
            size += len(record) + 3
            first = int.from_bytes(row[-NUMBER_BYTES:], "big")
            if size >= SNAPSHOT_CHUNK_BYTES and first % HISTORY_HEAD_INTERVAL == 0:
                break
        if not records:
            raise StoreError("records of a history are missing", field=key.hex(), found=end)
        head = self._view.get(HEAD + key + number(first)) if first else NO_RECORDS
        if head is None:
            raise StoreError("a head of a history is missing", field=key.hex(), found=first)
        return RecordRun(key, first, head, tuple(reversed(records)))


DIGEST_AND_HEADS = 48
"""What a run adds to a chunk besides key and records, in bytes, roughly."""


class Spool:
    """State entries sorted by subtree: runs of [key, value, …] at places in a file."""

    __slots__ = ("_buffers", "_file", "_folder", "_places", "_size", "is_complete")

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._buffers: list[list[bytes]] = [[] for _ in range(SUBTREES)]
        self._places: list[array[int]] = [array("Q") for _ in range(SUBTREES)]
        self._file: int | None = None
        self._size = 0
        self.is_complete = False

    def fill(self, rows: Iterator[tuple[bytes, bytes]]) -> Generator[None, None, None]:
        """Take all state rows in, a bounded number with each step.

        Raises:
            StoreError: the disk refuses.
        """
        buffers = self._buffers
        size = 0
        for count, (row, value) in enumerate(rows, 1):
            key = row[1:]
            buffers[subtree_of(key)] += (key, value)
            size += len(row) + len(value)
            if count % SPOOL_STEP_ENTRIES == 0:
                yield
            if size >= SPOOL_BUFFER_BYTES:
                yield from self._flush()
                size = 0
        if self._file is not None:
            yield from self._flush()
        self.is_complete = True

    def runs(self, subtree: int) -> list[bytes]:
        """The runs of one subtree.

        Raises:
            StoreError: the disk refuses.
        """
        if self._file is None:
            held = self._buffers[subtree]
            return [codec.encode(tuple(held))] if held else []
        places = self._places[subtree]
        try:
            return [
                os.pread(self._file, length, start)
                for start, length in zip(places[::2], places[1::2], strict=True)
            ]
        except OSError as error:
            raise StoreError("the spool cannot be read", found=error.strerror) from None

    def close(self) -> None:
        """Give up the file."""
        self.is_complete = False
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _flush(self) -> Generator[None, None, None]:
        """Write what is buffered, as one run of each subtree."""
        pieces: list[bytes] = []
        end = self._size
        for subtree, held in enumerate(self._buffers):
            if held:
                run = codec.encode(tuple(held))
                held.clear()
                self._places[subtree].extend((end, len(run)))
                pieces.append(run)
                end += len(run)
            if subtree % SPOOL_STEP_ENTRIES == 0:
                yield
        try:
            if self._file is None:
                with tempfile.TemporaryFile(dir=self._folder, buffering=0) as file:
                    self._file = os.dup(file.fileno())
            for piece in pieces:
                if os.pwrite(self._file, piece, self._size) != len(piece):
                    raise StoreError("the spool cannot be written", found="a write that was cut short")
                self._size += len(piece)
        except OSError as error:
            raise StoreError("the spool cannot be written", found=error.strerror) from None


class Shelf:
    """The snapshots that a node can give away, oldest first; belongs to the main thread.

    The newest ones are kept, and those *in use*: whoever is fetching one should be able to end.
    """

    __slots__ = ("_most_in_use", "states")

    def __init__(self, most_in_use: int = 2) -> None:
        self._most_in_use = most_in_use
        self.states: list[PinnedState] = []

    def put(self, state: PinnedState, in_use: frozenset[int] = frozenset()) -> list[PinnedState]:
        """Add a newer one; those that are kept no more, for the caller to close when nobody reads them."""
        assert not self.states or state.height > self.states[-1].height, "snapshots in a row"
        self.states.append(state)
        return self.sweep(in_use)

    def sweep(self, in_use: frozenset[int] = frozenset()) -> list[PinnedState]:
        """Take away what is neither new nor in use."""
        spare = self.states[:-_KEPT]
        held = [state for state in spare if state.height in in_use][-self._most_in_use :]
        gone = [state for state in spare if state not in held]
        self.states = held + self.states[-_KEPT:]
        assert all(a.height < b.height for a, b in pairwise(self.states)), "ascending"
        return gone

    def at(self, height: int) -> PinnedState:
        """The snapshot of a height.

        Raises:
            NotKept: there is none.
        """
        for state in self.states:
            if state.height == height:
                return state
        raise NotKept("no snapshot of this height", found=height)

    def newest(self) -> PinnedState | None:
        """The newest one."""
        return self.states[-1] if self.states else None

    def clear(self) -> list[PinnedState]:
        """Take all away."""
        gone, self.states = self.states, []
        return gone
