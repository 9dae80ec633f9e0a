"""The store: log, state and indexes of one channel in one LevelDB (`rows` has what stands where).

Two atomic batches and no third:

* `append` puts blocks, cuts an overwritten tail, and sets term and vote. It is synced, and
  the durable mark (`ledger.storage.mark`) follows. Only then may the node vote or acknowledge. A term and a
  vote without blocks are put into the mark alone, so that a vote waits for one sync and not for two.
* `commit` puts what a run of committed blocks changed, with the new applied height. It is
  not synced: one write-ahead log orders it after its blocks, and a lost commit is redone
  from the log.

A log that was begun from a snapshot has a *base*: of the blocks below it only the genesis
block is held, and of the tree over header hashes only what later proofs need. What the snapshot told
of the last hour before it stays until the log covers an hour by itself, so that the node can give a
snapshot away from the beginning.

Threads: `append` runs in one storage thread; everything else, `commit` included, in the
main one. LevelDB orders concurrent writes; `last_height` is set after the log is durable.
After a failed write nothing more is written: what the disk holds is no longer known.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby, islice
from pathlib import Path
from typing import Any, Self

from ledger import codec, shape
from ledger.errors import StoreError, store_error
from ledger.limits import BUCKET_BITS, HISTORY_HEAD_INTERVAL
from ledger.storage.database import LOG_ASIDE, Rows, open_database
from ledger.storage.mark import Mark, MarkFile, mark_lost
from ledger.storage.rows import (
    APPLIED_KEY,
    BASE_KEY,
    BLOCK,
    CERTIFICATE,
    ENTRY,
    FORMAT_KEY,
    FORMAT_VALUE,
    HANDOVER,
    HARD_KEY,
    HEAD,
    ID_BYTES,
    LOCATION,
    NODE,
    NUMBER_BYTES,
    OWNER_KEY,
    RECENT,
    RECORD,
    STATE,
    beyond,
    location_row,
    node_key,
    number,
)

HardState = tuple[int, str | None, int]
"""(term, node voted for in it or None, term of the last leader that was followed)"""

LEDGER_FOLDER = "ledger"
"""Where a node keeps its store, of its data folder."""

MARK_FILE = "mark"
"""Of the folder: the durable mark."""

_BUCKET_SHIFT = 3 * 8 - BUCKET_BITS
"""Bits of a key hash's first three bytes that are not the bucket's number."""


@dataclass(frozen=True, slots=True)
class CommitBatch:
    """What a run of committed blocks changes, up to and including `height`."""

    height: int
    state: Mapping[bytes, bytes | None]
    hashes: Mapping[bytes, bytes]
    """Key hash to value hash of the changed entries; empty where the entry is gone."""
    records: Sequence[tuple[bytes, int, bytes]] = ()
    heads: Sequence[tuple[bytes, int, bytes]] = ()
    transactions: Sequence[tuple[bytes, int, int]] = ()
    nodes: Sequence[tuple[int, int, bytes]] = ()
    certificate: bytes | None = None
    handovers: Sequence[tuple[int, bytes]] = ()


class Store(Rows):
    """One channel's folder: `db/` (LevelDB) and `mark`."""

    def __init__(self, db: Any, mark: MarkFile) -> None:
        super().__init__(db)
        self._mark = mark
        self._base = 0
        self._last = -1
        self._applied = -1
        self._hard: HardState = (0, None, 0)
        self._tail: dict[int, bytes] = {}

    @classmethod
    def open(cls, path: Path | str, after: int = 0) -> Self:
        """Open the folder, or make it if it does not exist; checks the log against the mark.

        `after` is the number of the last mark of a ledger that was set aside, where one was.

        Raises:
            StoreLocked: another process has it open.
            StoreError: the disk does not hold what it held.
        """
        folder = Path(path)
        mark_path, db_path = folder / MARK_FILE, folder / "db"
        if mark_path.exists():
            mark = MarkFile.open(mark_path)
        elif (db_path / "CURRENT").exists():
            raise mark_lost("the durable mark is missing", mark_path)
        else:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise store_error("the folder cannot be made", f"{folder}: {error.strerror}") from None
            mark = MarkFile.create(mark_path, after)
        try:
            db = open_database(folder, create=mark.mark.height < 0)
        except BaseException:
            mark.close()
            raise
        store = cls(db, mark)
        try:
            store._load()
            if (folder / LOG_ASIDE).exists():
                store._check_whole()
                shutil.rmtree(folder / LOG_ASIDE)
        except BaseException:
            store.close()
            raise
        return store

    def claim(self, owner: bytes) -> None:
        """Bind the folder to the key that signs for what it holds; a fresh folder takes the first.

        Term, vote and acknowledged blocks are one node's promises: another node that went on
        from them would break its own.

        Raises:
            StoreError: wrong_owner.
        """
        found = self.get(OWNER_KEY)
        if found is None:
            batch = self._db.write_batch(sync=True)
            self.write(_put(batch, OWNER_KEY, owner))
        elif found != owner:
            raise StoreError(
                "the folder holds the ledger of another node",
                code="wrong_owner",
                field="data_dir",
                found=f"the ledger of the node with the key {found.hex()}",
                expected=f"that of the key {owner.hex()}",
                remedy="Give each node its own data folder; never copy one from another node.",
            )

    def close(self) -> None:
        """Close the files; the folder can be opened again."""
        self._db.close()
        self._mark.close()

    @property
    def last_height(self) -> int:
        """Height of the newest durable block; -1 for an empty log."""
        return self._last

    @property
    def applied_height(self) -> int:
        """Height up to which state and indexes are; -1 before the genesis block is applied."""
        return self._applied

    @property
    def base_height(self) -> int:
        """Height that the log begins at after the genesis block; 0 for a whole log."""
        return self._base

    @property
    def hard_state(self) -> HardState:
        """Term and vote, as last made durable."""
        return self._hard

    @property
    def marks(self) -> int:
        """The number of the newest durable mark: of two states of one node's ledger the later has more."""
        return self._mark.sequence

    def append(
        self,
        blocks: Sequence[tuple[int, bytes]] = (),
        truncate_from: int | None = None,
        hard: HardState | None = None,
    ) -> None:
        """Make blocks, the cut before them, and term and vote durable, in one atomic step.

        `blocks` are (height, bytes), ascending without holes from the end of the log, after
        everything from `truncate_from` on has been cut away. Returns when all is on the disk.

        Raises:
            StoreError: the disk refuses, or the cut would reach into applied blocks.
        """
        end = self._last if truncate_from is None else min(self._last, truncate_from - 1)
        if end < self._applied:
            raise StoreError("refused to cut applied blocks off the log", found=end, expected=self._applied)
        if [height for height, _ in blocks] != list(range(end + 1, end + 1 + len(blocks))):
            raise StoreError(
                "blocks do not continue the log", found=[height for height, _ in blocks][:3], expected=end + 1
            )
        if blocks or truncate_from is not None or (hard is not None and hard[2] != self._hard[2]):
            self._append_to_log(end, blocks, hard)
        if hard is not None:
            self._hard = hard
        digest = sha256(blocks[-1][1]).digest() if blocks else self._block_digest(self._last)
        self._write_mark(Mark(self._last, digest, *self._hard))

    def _append_to_log(self, end: int, blocks: Sequence[tuple[int, bytes]], hard: HardState | None) -> None:
        """Cut what lies above `end` off the log, and put these blocks in its place, synced."""
        before = self._mark.mark
        if end < before.height:
            self._write_mark(Mark(end, self._block_digest(end), before.term, before.vote, before.accepted))
        batch = self._db.write_batch(sync=True)
        for height in range(end + 1, self._last + 1):
            self._tail.pop(height, None)
            batch.delete(BLOCK + number(height))
        self._last = end  # from now on nobody looks for the blocks that are cut
        for height, data in blocks:
            batch.put(BLOCK + number(height), data)
        if hard is not None:
            batch.put(HARD_KEY, codec.encode(hard))
        self.write(batch)
        self._last = end + len(blocks)
        self._tail.update(blocks)

    def commit(self, changed: CommitBatch) -> None:
        """Put what committed blocks changed, atomically; not synced.

        Raises:
            StoreError: the disk refuses, or the height is not above the applied one.
        """
        if not self._applied < changed.height <= self._last:
            raise StoreError(
                "commit out of order", found=changed.height, expected=f"{self._applied + 1} to {self._last}"
            )
        batch = self._db.write_batch()
        put = batch.put
        state, hashes = changed.state, changed.hashes
        for key in sorted(state):  # neighbours find their place sooner
            value = state[key]
            if value is None:
                batch.delete(STATE + key)
            else:
                put(STATE + key, value)
        for key_hash in sorted(hashes):
            value_hash = hashes[key_hash]
            if value_hash:
                put(ENTRY + key_hash, value_hash)
            else:
                batch.delete(ENTRY + key_hash)
        for key, sequence, record in changed.records:
            put(RECORD + key + number(sequence), record)
        for key, sequence, head in changed.heads:
            put(HEAD + key + number(sequence), head)
        for identity, height, index in changed.transactions:
            put(*location_row(identity, height, index))
        for level, index, node in changed.nodes:
            put(node_key(level, index), node)
        for height, handover in changed.handovers:
            put(HANDOVER + number(height), handover)
        if changed.certificate is not None:
            put(CERTIFICATE + number(changed.height), changed.certificate)
        put(APPLIED_KEY, number(changed.height))
        self.write(batch)
        for height in range(self._applied + 1, changed.height + 1):
            self._tail.pop(height, None)
        self._applied = changed.height

    def holds(self, height: int, data: bytes) -> bool:
        """Whether exactly this block is durable at a height: not one that it is about to replace."""
        known = self._tail.get(height)
        return (self.block(height) if known is None else known) == data

    def block(self, height: int) -> bytes | None:
        """Bytes of the block at a height; None beyond the end of the log, or before its base.

        Raises:
            StoreError: a block that the log must hold is missing or damaged.
        """
        if not 0 <= height <= self._last or 0 < height < self._base:
            return None
        data = self.get(BLOCK + number(height))
        if data is None:
            raise StoreError("a block is missing from the log", found=f"height {height}")
        return data

    def forget_recent(self) -> None:
        """Delete what a snapshot told of the blocks before the base; not synced.

        Raises:
            StoreError: the disk refuses.
        """
        for key, _ in self.rows(RECENT, beyond(RECENT)):
            batch = self._db.write_batch()
            for height in range(int.from_bytes(key[1:], "big"), self._base):
                batch.delete(RECENT + number(height))
            self.write(batch)
            break

    def certificate(self, height: int) -> bytes | None:
        """The certificate kept for exactly this height, if one is."""
        return self.get(CERTIFICATE + number(height))

    def next_certificate(self, height: int) -> tuple[int, bytes] | None:
        """The first certificate kept for this height or a later one."""
        for key, value in self.rows(CERTIFICATE + number(height), beyond(CERTIFICATE)):
            return int.from_bytes(key[1:], "big"), value
        return None

    def handover(self, height: int) -> bytes | None:
        """The kept proof of the membership change at a height, if there is one."""
        return self.get(HANDOVER + number(height))

    def handovers(self) -> Iterator[tuple[int, bytes]]:
        """(height, proof) of every kept membership change, ascending."""
        for key, value in self.rows(HANDOVER, beyond(HANDOVER)):
            yield int.from_bytes(key[1:], "big"), value

    def state(self, key: bytes) -> bytes | None:
        """Value bytes of a state entry."""
        return self.get(STATE + key)

    def state_from(self, prefix: bytes, after: bytes | None, limit: int) -> list[tuple[bytes, bytes]]:
        """Up to `limit` state entries whose key begins with `prefix`, ascending, after a key."""
        start = STATE + (prefix if after is None else max(prefix, after + b"\0"))
        rows = self.rows(start, beyond(STATE + prefix))
        return [(key[1:], value) for key, value in islice(rows, limit)]

    def bucket(self, bucket: int) -> bytes:
        """Contents of a bucket of the state tree; empty for none.

        Not checked here: the tree compares them with the hash that it holds for the bucket.
        """
        first = bucket << _BUCKET_SHIFT
        last = (first | (1 << _BUCKET_SHIFT) - 1).to_bytes(3, "big")
        rows = self.rows(ENTRY + first.to_bytes(3, "big"), beyond(ENTRY + last), check=False)
        return b"".join([key[1:] + value for key, value in rows])

    def buckets(self) -> Iterator[tuple[int, bytes]]:
        """Every bucket that is not empty, ascending."""
        rows = self.rows(ENTRY, beyond(ENTRY))
        for first, found in groupby(
            rows, key=lambda row: int.from_bytes(row[0][1:4], "big") >> _BUCKET_SHIFT
        ):
            yield first, b"".join([key[1:] + value for key, value in found])

    def records(self, key: bytes, first: int, count: int) -> list[bytes]:
        """Records of a history, `count` from sequence number `first`.

        Raises:
            StoreError: one of them is missing.
        """
        prefix = RECORD + key
        rows = list(self.rows(prefix + number(first), prefix + number(first + count)))
        if len(rows) != count:
            raise StoreError("records of a history are missing", found=len(rows), expected=count)
        return [record for _, record in rows]

    def head(self, key: bytes, sequence: int) -> bytes | None:
        """Head of a history's chain before a record whose number divides by HISTORY_HEAD_INTERVAL."""
        assert sequence % HISTORY_HEAD_INTERVAL == 0, "heads are kept at regular distances"
        return self.get(HEAD + key + number(sequence))

    def locate(self, identity: bytes) -> tuple[int, int] | None:
        """(height, index) of a committed transaction, by the first bytes of its id."""
        found = self.get(LOCATION + identity[:ID_BYTES])
        if found is None:
            return None
        return int.from_bytes(found[:NUMBER_BYTES], "big"), int.from_bytes(found[NUMBER_BYTES:], "big")

    def identities(self) -> Iterator[bytes]:
        """The first bytes of the id of every committed transaction, ascending."""
        for key, _ in self.rows(LOCATION, beyond(LOCATION)):
            yield key[1:]

    def node(self, level: int, index: int) -> bytes:
        """A complete node of the tree over the header hashes of applied blocks.

        Raises:
            StoreError: it is missing.
        """
        node = self.get(node_key(level, index))
        if node is None:
            raise StoreError("a node of the history tree is missing", found=f"level {level}, index {index}")
        return node

    def pin(self) -> Rows:
        """The rows as they are now, to be read in any thread while commits go on; close it in time."""
        return Rows(self._db.snapshot())

    def _load(self) -> None:
        """Read the meta rows, find the end of the log, and compare it with the mark."""
        self._check_format()
        applied, hard, base = (self.get(key) for key in (APPLIED_KEY, HARD_KEY, BASE_KEY))
        if base is not None:
            self._base = int.from_bytes(base, "big")
        if applied is not None:
            self._applied = int.from_bytes(applied, "big")
        if hard is not None:
            term, vote, accepted = shape.array(codec.decode(hard), 3, "hard state")
            self._hard = (term, vote, accepted)
        for key, _ in self.rows(BLOCK, beyond(BLOCK), reverse=True):
            self._last = int.from_bytes(key[1:], "big")
            break
        self._check_mark()

    def _check_format(self) -> None:
        version = self.get(FORMAT_KEY)
        if version is None and self._mark.mark.height < 0:
            self.write(_put(self._db.write_batch(), FORMAT_KEY, FORMAT_VALUE))
        elif version is None:
            raise StoreError("the database has lost the format of its rows", field="format")
        elif version != FORMAT_VALUE:
            raise StoreError(
                "the ledger is in the format of other software",
                code="other_format",
                field="format",
                found=version.hex(),
                expected=FORMAT_VALUE.hex(),
                remedy="Nothing is damaged, so repair nothing: start the node with the software that wrote "
                "it. To run this software, it joins under a new id while a quorum of others has the ledger: "
                "`tally network readmit`.",
            )

    def _check_mark(self) -> None:
        mark = self._mark.mark
        if self._last < mark.height:
            raise StoreError(
                "the log ends before a block that was made durable",
                code="log_truncated",
                found=f"height {self._last}",
                expected=f"at least {mark.height}",
            )
        if mark.height >= 0 and self._block_digest(mark.height) != mark.block:
            raise StoreError("the log holds another block than the one made durable", found=mark.height)
        term, vote, accepted = self._hard
        if accepted < mark.accepted or (term == mark.term and vote and mark.vote and vote != mark.vote):
            raise StoreError(
                "the log has forgotten whom this node followed, or votes as the mark does not",
                code="log_truncated",
                found=f"term {term}, vote {vote}, leader of term {accepted} followed",
                expected=f"term {mark.term}, vote {mark.vote}, leader of term {mark.accepted} followed",
            )
        if (mark.term, mark.vote or "") > (term, vote or ""):
            self._hard = (mark.term, mark.vote, accepted)
        if self._applied > self._last:
            raise StoreError("state is ahead of the log", found=self._applied, expected=self._last)

    def read_all(self) -> None:
        """Read every row, and so the checksum of every part of the database's files.

        Raises:
            StoreError: the disk refuses, or holds something else than was written.
        """
        for _ in self.rows(b"", b"\xff"):  # each key begins with a letter
            pass

    def _check_whole(self) -> None:
        """Check that no batch was lost in the middle: each append left a block, each commit a leaf."""
        for prefix, last, name in (
            (BLOCK, self._last, "an append"),
            (NODE + b"\0", self._applied, "a commit"),
        ):
            expected = self._base
            for key, _ in self.rows(prefix + number(self._base), beyond(prefix)):
                if key != prefix + number(expected):
                    break
                expected += 1
            if expected != last + 1:
                raise StoreError(
                    f"the log has lost a batch in its middle: {name}", found=f"height {expected}"
                )

    def _block_digest(self, height: int) -> bytes:
        data = self.block(height)
        return b"" if data is None else sha256(data).digest()

    def _write_mark(self, mark: Mark) -> None:
        self._check_sound()
        try:
            self._mark.write(mark)
        except StoreError:
            self._failed = True
            raise


def _put(batch: Any, key: bytes, value: bytes) -> Any:
    batch.put(key, value)
    return batch
