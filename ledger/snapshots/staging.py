"""Taking a snapshot in: checked chunks gather in a database beside the ledger, which then takes its place.

    folder/                 the ledger that is there, whole, until the switch
    folder.incoming/db      what has been taken in so far; a restart goes on with it
    folder.ready            the same, complete: from here on it counts
    folder.replaced         the ledger that it took the place of, on its way out
    folder.before-1000      the same for good, if it held blocks that the new one does not

`take_…` checks a chunk and puts its rows and the note that they are there in one batch, so what
is noted is there. `finish` adds what makes it a store, with the promises of the old one, and the
durable mark, all synced; then three renames: incoming → ready, folder → replaced, ready → folder.
The old ledger is removed, or kept under a name of its own: it may be the last to hold old blocks.
Whenever the process dies, `settle` at the next start finds either the old ledger or the new one
whole: before the first rename nothing has happened to the old one, after it the rest is made up for.

Only rows of a store are written, but for those that begin with `p` (what is there) and `q`
(histories whose records are still to come: key, count, head), which are gone in the end.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any, Self

from ledger import codec, shape
from ledger.blocks.block import verify_header_signature
from ledger.blocks.genesis import GenesisBlock
from ledger.errors import StoreError, TallyError, VerificationError, store_error
from ledger.limits import DIGEST_BYTES, MAX_VALIDITY_MS
from ledger.members.membership import IN_FORCE_KEY
from ledger.merkle import Accumulator, peak_positions
from ledger.proofs.handover import Followed, MembershipChain
from ledger.snapshots.snapshot import Manifest, check_block, check_recent, check_state, decode_records
from ledger.state.history import count_and_head
from ledger.state.root import SUBTREES
from ledger.storage import durable
from ledger.storage.database import Rows, StoreLocked, open_database
from ledger.storage.mark import Mark, MarkFile
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
    NUMBER_BYTES,
    OWNER_KEY,
    RECORD,
    STATE,
    beyond,
    location_row,
    node_key,
    number,
    recent_row,
)
from ledger.storage.store import MARK_FILE, HardState

INCOMING, READY, REPLACED, BEFORE = ".incoming", ".ready", ".replaced", ".before-"
KEPT_AS_FILE = "replaced-ledger"
"""In a ledger that began with a snapshot: the name that the one before it is kept under, or nothing."""

_MANIFEST_KEY = b"pmanifest"
_MEMBERSHIPS_KEY = b"pmemberships"
_BLOCK_KEY = b"pblock"
_RECENT_KEY = b"platest"
_STATE_TAKEN = b"pstate"
_TO_COME = b"q"
_NOTES = b"p"
_NO_MORE = -1


@dataclass(frozen=True, slots=True)
class HistoryPart:
    """Histories whose keys lie in [first, stop), all of them when `stop` is empty; `left` records to come.

    `end` is the number of records to come in the first one, if some of it are there; 0 if none are.
    """

    first: bytes
    stop: bytes
    end: int
    left: int


class Staging(Rows):
    """A snapshot being taken in; used by one thread at a time."""

    def __init__(self, ledger: Path, db: Any, manifest: Manifest, trust: Followed) -> None:
        super().__init__(db)
        self._ledger = ledger
        self.manifest = manifest
        self.trust = trust

    @classmethod
    def begin(cls, ledger: Path, manifest: Manifest, trust: Followed) -> Self:
        """Start to take a verified snapshot in; one of another height that was begun is thrown away.

        `trust` knows the memberships up to the height.

        Raises:
            StoreError: the disk refuses.
        """
        staging = cls.resume(ledger, trust)
        if staging is not None:
            if staging.manifest.header == manifest.header:
                return staging
            staging.close()
        discard(ledger)
        folder = _beside(ledger, INCOMING)
        try:
            folder.mkdir(parents=True)
        except OSError as error:
            raise store_error("the folder cannot be made", f"{folder}: {error.strerror}") from None
        return cls.on(ledger, open_database(folder, create=True), manifest, trust)

    @classmethod
    def on(cls, ledger: Path, db: Any, manifest: Manifest, trust: Followed) -> Self:
        """Start on an empty database.

        Raises:
            StoreError: the disk refuses.
        """
        staging = cls(ledger, db, manifest, trust)
        batch = staging.batch(sync=True)
        batch.put(FORMAT_KEY, FORMAT_VALUE)
        batch.put(_MANIFEST_KEY, manifest.encode())
        batch.put(_MEMBERSHIPS_KEY, trust.chain.encode())
        below = manifest.header
        batch.put(_RECENT_KEY, codec.encode((below.height - 1, below.previous)))
        staging.write(batch)
        return staging

    @classmethod
    def resume(cls, ledger: Path, genesis: GenesisBlock) -> Self | None:
        """Go on with what was begun before a restart; None if there is nothing sound to go on with.

        Raises:
            StoreError: the disk refuses.
        """
        folder = _beside(ledger, INCOMING)
        if not (folder / "db" / "CURRENT").exists():
            return None
        try:
            db = open_database(folder, create=False)
        except StoreLocked:
            raise
        except StoreError:
            discard(ledger)
            return None
        staging = cls.found_on(ledger, db, genesis)
        if staging is None:
            db.close()
            discard(ledger)
        return staging

    @classmethod
    def found_on(cls, ledger: Path, db: Any, genesis: GenesisBlock) -> Self | None:
        """What was begun on a database; None if that is nothing sound."""
        rows = Rows(db)
        try:
            if rows.get(FORMAT_KEY) != FORMAT_VALUE:
                return None
            memberships = MembershipChain.decode(rows.get(_MEMBERSHIPS_KEY) or b"")
            trust = Followed.of(genesis).extended(memberships.handovers)
            manifest = Manifest.decode(rows.get(_MANIFEST_KEY) or b"")
            manifest.verify(trust)
        except TallyError:
            return None
        return cls(ledger, db, manifest, trust)

    @property
    def height(self) -> int:
        """The height that is taken in."""
        return self.manifest.height

    def take_block(self, data: bytes) -> None:
        """The block of the height.

        Raises:
            Malformed, VerificationError, BlockInvalid: it is not that block.
            StoreError: the disk refuses.
        """
        block = check_block(self.manifest, data)
        verify_header_signature(block.header, block.signature, self.trust.proposing(block.header))
        batch = self.batch()
        batch.put(BLOCK + number(block.height), data)
        _put_locations(batch, block.height, [transaction.id for transaction in block.transactions])
        batch.put(_BLOCK_KEY, b"")
        self.write(batch)

    def take_state(self, first: int, end: int, data: bytes) -> int:
        """Entries of the subtrees [first, end) or the first of them; where the chunk ends.

        Raises:
            Malformed, VerificationError: they are not those of the state.
            StoreError: the disk refuses.
        """
        chunk = check_state(self.manifest, first, end, data)
        batch = self.batch()
        for key, value in chunk.entries:
            batch.put(STATE + key, value)
        for record in chunk.hashes:
            batch.put(ENTRY + record[:DIGEST_BYTES], record[DIGEST_BYTES:])
        for key, count, head in chunk.histories:
            batch.put(_TO_COME + key, number(count) + head)
        batch.put(_STATE_TAKEN + first.to_bytes(2, "big"), chunk.end.to_bytes(2, "big"))
        self.write(batch)
        return chunk.end

    def take_recent(self, data: bytes) -> None:
        """Headers and ids of the blocks below those taken before.

        Raises:
            Malformed, VerificationError: they are not those of the chain.
            StoreError: the disk refuses.
        """
        height, block_hash = self.recent_left() or (_NO_MORE, b"")
        if height == _NO_MORE:
            return
        batch = self.batch()
        for block in check_recent(height, block_hash, data):
            _put_locations(batch, block.header.height, block.ids)
            if block.header.height > 0:
                batch.put(*recent_row(block.header.height, block.header.data, block.leaves))
            is_last = block.header.height == 0 or (
                block.header.time_ms + MAX_VALIDITY_MS < self.manifest.header.time_ms
            )
            height, block_hash = block.header.height - 1, block.header.previous
            if is_last:
                height = _NO_MORE
                break
        batch.put(_RECENT_KEY, codec.encode((height, block_hash)))
        self.write(batch)

    def take_records(self, part: HistoryPart, data: bytes) -> HistoryPart | None:
        """Records of the first histories of a part; what is left of it.

        Raises:
            Malformed, VerificationError: they are not those of the histories.
            StoreError: the disk refuses.
        """
        runs = decode_records(data)
        batch = self.batch()
        to_come = list(islice(self._to_come(part.first, part.stop), len(runs)))
        if len(to_come) < len(runs):
            raise VerificationError("records of a history that was not asked for", field="records.key")
        for place, (run, (row, left)) in enumerate(zip(runs, to_come, strict=True)):
            count = int.from_bytes(left[:NUMBER_BYTES], "big")
            for sequence, head in run.check(row[1:], count, left[NUMBER_BYTES:]):
                batch.put(HEAD + run.key + number(sequence), head)
            for sequence, record in enumerate(run.records, run.first):
                batch.put(RECORD + run.key + number(sequence), record)
            if run.first == 0:
                batch.delete(row)
            elif place == len(runs) - 1:
                batch.put(row, number(run.first) + run.head_before)
            else:
                raise VerificationError("a part of a history before others", field="records.first")
        self.write(batch)
        left_over = max(part.left - sum(len(run.records) for run in runs), 1)
        for row, left in self._to_come(part.first, part.stop):
            return HistoryPart(row[1:], part.stop, self._begun(row[1:], left), left_over)
        return None

    def take_memberships(self, trust: Followed) -> None:
        """More changes of the members than were known when the snapshot was begun.

        Raises:
            StoreError: the disk refuses.
        """
        batch = self.batch()
        batch.put(_MEMBERSHIPS_KEY, trust.chain.encode())
        self.write(batch)
        self.trust = trust

    def changes_left(self) -> bool:
        """Whether changes of the members before the height are still to come; known once the state is there.

        Where members left and came back, the manifest verifies without the changes in between.
        """
        count, *_ = shape.array(codec.decode(self.get(STATE + IN_FORCE_KEY) or b""), 3, "membership.in_force")
        return bool(count != sum(0 < height <= self.height for height in self.trust.heights))

    def block_left(self) -> bool:
        """Whether the block is still to come."""
        return self.get(_BLOCK_KEY) is None

    def recent_left(self) -> tuple[int, bytes] | None:
        """(height, hash) of the next earlier block to come; None when they are all there."""
        data = self.get(_RECENT_KEY)
        height, block_hash = shape.array(codec.decode(data or b""), 2, "recent")
        return None if height == _NO_MORE else (height, block_hash)

    def state_left(self) -> list[tuple[int, int]]:
        """The ranges of subtrees still to come, ascending."""
        left, position = [], 0
        for row, value in self.rows(_STATE_TAKEN, _STATE_TAKEN + b"\xff\xff\xff"):
            first, end = int.from_bytes(row[len(_STATE_TAKEN) :], "big"), int.from_bytes(value, "big")
            if first > position:
                left.append((position, first))
            position = end
        if position < SUBTREES:
            left.append((position, SUBTREES))
        return left

    def records_left(self, most: int) -> list[HistoryPart]:
        """The records still to come, in parts of about `most`; known once the state is there."""
        parts: list[HistoryPart] = []
        first, end, left = b"", 0, 0
        for row, value in self._to_come(b"", b""):
            if left >= most:
                parts.append(HistoryPart(first, row[1:], end, left))
                first, left = b"", 0
            if not first:
                first, end = row[1:], self._begun(row[1:], value)
            left += int.from_bytes(value[:NUMBER_BYTES], "big")
        if first:
            parts.append(HistoryPart(first, b"", end, left))
        return parts

    def _to_come(self, first: bytes, stop: bytes) -> Iterator[tuple[bytes, bytes]]:
        return self.rows(_TO_COME + first, _TO_COME + stop if stop else beyond(_TO_COME))

    def _begun(self, key: bytes, left: bytes) -> int:
        """How many records of a history are to come, if some of it are there; else 0."""
        entry = count_and_head(self.get(STATE + key) or b"")
        assert entry is not None, "its entry was taken in first"
        count = int.from_bytes(left[:NUMBER_BYTES], "big")
        return count if count != entry[0] else 0

    def finish(self, owner: bytes, hard: HardState, *, keep_old: bool) -> None:
        """Make it a store with these promises, durable and ready; the folder's own store is closed.

        `hard` must be what the folder's own store held last, or more: a node keeps its promises.
        With `keep_old` the old ledger stays beside the new one, for its blocks.

        Raises:
            StoreError: something is still to come, or the disk refuses; the old ledger stands.
        """
        block = self.make_store(owner, hard)
        folder = _beside(self._ledger, INCOMING)
        _write(folder / KEPT_AS_FILE, f"{self._ledger.name}{BEFORE}{self.height}" if keep_old else "")
        (folder / MARK_FILE).unlink(missing_ok=True)
        mark = MarkFile.create(folder / MARK_FILE, _marks_of(self._ledger))
        try:
            mark.write(self.mark_of(block, hard))
        finally:
            mark.close()
        _rename(folder, _beside(self._ledger, READY))

    def make_store(self, owner: bytes, hard: HardState) -> bytes:
        """Add what makes these rows a store, synced, and close the database; the block of the height.

        Raises:
            StoreError: something is still to come, or the disk refuses.
        """
        if self.block_left() or self.state_left() or self.recent_left() or self.records_left(1):
            raise StoreError("the snapshot is not complete", found=f"height {self.height}")
        if self.changes_left():
            raise StoreError("the snapshot is not complete", found=f"height {self.height}")
        header = self.manifest.header
        block = self.get(BLOCK + number(header.height))
        assert block is not None, "taken and noted in one batch"
        batch = self.batch(sync=True)
        batch.put(BLOCK + number(0), self.trust.block.data)
        for (level, index), peak in zip(peak_positions(header.height), self.manifest.peaks, strict=True):
            batch.put(node_key(level, index), peak)
        for level, index, node in Accumulator(header.height, self.manifest.peaks).append(header.leaf):
            batch.put(node_key(level, index), node)
        for handover in self.trust.chain.handovers:
            if handover.height <= header.height:
                batch.put(HANDOVER + number(handover.height), codec.encode(handover.to_value()))
        if self.manifest.certified.via is None:
            certificate = self.manifest.certified.certificate
            batch.put(CERTIFICATE + number(header.height), codec.encode(certificate.to_value()))
        batch.put(OWNER_KEY, owner)
        batch.put(HARD_KEY, codec.encode(hard))
        for key in (BASE_KEY, APPLIED_KEY):
            batch.put(key, number(header.height))
        for row, _ in self.rows(_NOTES, _TO_COME):
            batch.delete(row)
        self.write(batch)
        self.close()
        return block

    def mark_of(self, block: bytes, hard: HardState) -> Mark:
        """The durable mark of the store that this becomes."""
        return Mark(self.height, sha256(block).digest(), *hard)


def settle(ledger: Path) -> bool:
    """Put a complete snapshot in the ledger's place, wherever that was left off; whether one was.

    Call it before the ledger is opened, with no store open on either.

    Raises:
        StoreError: the disk refuses; calling it again goes on.
    """
    ready, replaced = _beside(ledger, READY), _beside(ledger, REPLACED)
    kept_as = ledger / KEPT_AS_FILE
    switched = ready.exists()
    if switched:
        if ledger.exists():
            _remove(replaced)
            _rename(ledger, replaced)
        _rename(ready, ledger)
    elif replaced.exists() and not ledger.exists():
        _rename(replaced, ledger)
    if replaced.exists():
        name = kept_as.read_text(encoding="utf-8") if kept_as.exists() else ""
        if name and not ledger.with_name(name).exists():
            _rename(replaced, ledger.with_name(name))
    _remove(replaced)
    return switched


def _marks_of(ledger: Path) -> int:
    """How many marks the ledger has that is to be replaced, so that those of the new one count on."""
    if not (ledger / MARK_FILE).exists():
        return 0
    file = MarkFile.open(ledger / MARK_FILE)
    file.close()
    return file.sequence


def discard(ledger: Path) -> None:
    """Throw away what has been taken in so far.

    Raises:
        StoreError: the disk refuses.
    """
    _remove(_beside(ledger, INCOMING))


def _put_locations(batch: Any, height: int, ids: Sequence[bytes]) -> None:
    for index, identity in enumerate(ids):
        batch.put(*location_row(identity, height, index))


def _beside(ledger: Path, suffix: str) -> Path:
    return ledger.with_name(ledger.name + suffix)


def _write(path: Path, text: str) -> None:
    try:
        durable.write_file(path, text.encode())
    except OSError as error:
        raise store_error("a file cannot be written", f"{path}: {error.strerror}") from None


def _rename(source: Path, target: Path) -> None:
    try:
        durable.rename(source, target)
    except OSError as error:
        raise store_error("a folder cannot be renamed", f"{source}: {error.strerror}") from None


def _remove(folder: Path) -> None:
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return
    except OSError as error:
        raise store_error("a folder cannot be removed", f"{folder}: {error.strerror}") from None
