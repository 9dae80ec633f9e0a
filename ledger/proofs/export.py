"""Exports: the whole state at one height with every record of every history, as one file that proves itself.

    file  = magic || frame …
    frame = length of 4 bytes, big-endian || canonical array

| frame | holds |
|---|---|
| ["export", 1, memberships file, certified] | the header and the proof of its commit |
| ["state", [key, value bytes, …]] | entries, keys ascending over all such frames |
| ["records", key, [record bytes, …]] | records of a history, in the order of the keys, then of the numbers |
| ["end"] | nothing follows |

Completeness needs no trust. The state root depends on the entries alone, so that one entry that is left out,
altered or added leads to another root; and a state value that is a history's entry names count and head of
its records. Who reads a whole export therefore knows that there is nothing else on the ledger at that height.

Checking takes 64 bytes of memory for each entry. What a sink is given before `verify` has returned is not
proved yet: it is thrown away if `verify` raises.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import BinaryIO, Protocol

from ledger import codec, shape
from ledger.blocks.block import Header
from ledger.blocks.certificate import CertifiedHeader
from ledger.blocks.genesis import GenesisBlock
from ledger.errors import Malformed, VerificationError
from ledger.hashing import ZERO
from ledger.limits import (
    DIGEST_BYTES,
    MAX_EXPORT_FRAME_BYTES,
    MAX_PROOF_BYTES,
    MAX_RECORD_BYTES,
    MAX_STATE_KEY_BYTES,
    MAX_STATE_VALUE_BYTES,
    SNAPSHOT_CHUNK_BYTES,
    SNAPSHOT_TREE_LEVEL,
)
from ledger.proofs.handover import Followed, MembershipChain
from ledger.state.history import NO_RECORDS, count_and_head, next_head
from ledger.state.root import (
    RECORD_BYTES,
    SUBTREE_SHIFT,
    SUBTREES,
    bucket_of,
    root_above,
    subtree_root,
    value_hash,
)

MAGIC = b"tally export 1\n"
"""What every export begins with, and no proof file does."""

HEAD, STATE, RECORDS, END = "export", "state", "records", "end"
_VERSION = 1
_LENGTH_BYTES = 4


class Source(Protocol):
    """The ledger at one height, read in the order of the keys, as canonical bytes."""

    header: Header

    def entries(self) -> Iterator[tuple[bytes, bytes]]:
        """Every state entry: key and value."""
        ...

    def records_in_order(self) -> Iterator[tuple[bytes, bytes]]:
        """Every record of every history: the state key of the history, and the record."""
        ...


class Sink(Protocol):
    """Who takes what an export holds, as it is read."""

    def entry(self, key: bytes, value: bytes) -> None:
        """A state entry, canonical bytes."""
        ...

    def record(self, key: bytes, record: bytes) -> None:
        """The next record of the history whose entry stands at `key`."""
        ...


class Nothing:
    """A sink that keeps nothing: for whoever only checks."""

    def entry(self, key: bytes, value: bytes) -> None:
        """Not kept."""

    def record(self, key: bytes, record: bytes) -> None:
        """Not kept."""


@dataclass(frozen=True, slots=True)
class ProvedExport:
    """What an export is proved to be: everything that stood on the ledger at a height."""

    header: Header
    certified: CertifiedHeader
    trust: GenesisBlock
    """The genesis block with the membership changes that came along."""
    entries: int
    histories: int
    records: int


def frames(
    state: Source, certified: CertifiedHeader, changes: MembershipChain
) -> Generator[bytes, None, None]:
    """The bytes of the export of what stands on the ledger at a height, piece by piece.

    Raises:
        StoreError: the disk refuses.
    """
    assert certified.header == state.header, "the proof is for this height"
    yield MAGIC + framed((HEAD, _VERSION, changes.encode(), certified.to_value()))
    parts: list[bytes] = []
    size = 0
    for key, value in state.entries():
        parts += (key, value)
        size += len(key) + len(value)
        if size >= SNAPSHOT_CHUNK_BYTES:
            yield framed((STATE, tuple(parts)))
            parts, size = [], 0
    if parts:
        yield framed((STATE, tuple(parts)))
    yield from record_frames(state.records_in_order())
    yield framed((END,))


def record_frames(rows: Iterator[tuple[bytes, bytes]]) -> Iterator[bytes]:
    """Frames of (state key of its history, record bytes), in the order of the keys."""
    current, size = b"", 0
    records: list[bytes] = []
    for key, record in rows:
        if records and (key != current or size >= SNAPSHOT_CHUNK_BYTES):
            yield framed((RECORDS, current, tuple(records)))
            records, size = [], 0
        current = key
        records.append(record)
        size += len(record)
    if records:
        yield framed((RECORDS, current, tuple(records)))


def framed(value: codec.Value) -> bytes:
    """A value as a frame."""
    data = codec.encode(value)
    return len(data).to_bytes(_LENGTH_BYTES, "big") + data


def verify(file: BinaryIO, genesis: GenesisBlock, sink: Sink) -> ProvedExport:
    """What an export proves, while the sink takes what it holds.

    The numbers are those of docs/protocol.md, section "Verifying an export".

    Raises:
        Malformed, NonCanonical, TooLarge: not an export.
        VerificationError: with the step that failed.
    """
    # 1. The block is committed.
    changes, certified = _head(file)
    trust = Followed.of(genesis).extended(changes.handovers) if changes.handovers else genesis
    header = certified.verify(trust)
    entries, records = _content(file, header, sink)
    return ProvedExport(header, certified, trust, entries.count, len(entries.histories), records.count)


def verify_at(file: BinaryIO, block_hash: bytes, sink: Sink) -> Header:
    """The header of an export that is known to be of this block, while the sink takes what it holds.

    For whoever knows the block by other means than its certificate, such as a genesis block that names it.

    Raises:
        Malformed, NonCanonical, TooLarge: not an export.
        VerificationError: of another block, or not what stood on the ledger after it.
    """
    _, certified = _head(file)
    header = certified.header
    if header.hash != block_hash:
        raise VerificationError(
            "an export of another block",
            code="other_export",
            field="certified",
            found=f"{header.hash.hex()} at height {header.height}",
            expected=block_hash.hex(),
        )
    _content(file, header, sink)
    return header


def _content(file: BinaryIO, header: Header, sink: Sink) -> tuple[_Entries, Records]:
    """What follows the head, checked against the block's header."""
    # 2. The entries are all that stand under its state root.
    entries = _Entries(sink)
    kind, parts = next_frame(file)
    while kind == STATE:
        entries.take(parts)
        kind, parts = next_frame(file)
    root = entries.root()
    if root != header.state_root:
        raise VerificationError(
            "entries are missing, altered or left over: they do not lead to the state root",
            field="state",
            found=root.hex(),
            expected=header.state_root.hex(),
        )
    # 3. Each history among them has all its records, and there are no others.
    records = Records(entries.histories, sink)
    while kind == RECORDS:
        records.take(parts)
        kind, parts = next_frame(file)
    records.end()
    # 4. Nothing follows.
    if kind != END or parts or file.read(1):
        raise Malformed("something else than the end of an export", field="end", found=kind)
    return entries, records


def _head(file: BinaryIO) -> tuple[MembershipChain, CertifiedHeader]:
    """The membership changes that came along, and the header with the proof of its commit; not checked."""
    if file.read(len(MAGIC)) != MAGIC:
        raise Malformed(
            "not an export",
            field="magic",
            expected=MAGIC.decode().strip(),
            remedy="`tally export --out FILE` writes one.",
        )
    fields = shape.array(codec.decode(read_frame(file, MAX_PROOF_BYTES), MAX_PROOF_BYTES), 4, "export")
    kind, version, changes, certified = fields
    if kind != HEAD:
        raise Malformed("not an export", field="export", found=str(kind)[:40], expected=HEAD)
    shape.integer(version, "export.version", least=_VERSION, most=_VERSION)
    chain = MembershipChain.decode(shape.octets_within(changes, MAX_PROOF_BYTES, "export.memberships"))
    return chain, CertifiedHeader.from_value(certified)


def next_frame(file: BinaryIO) -> tuple[str, tuple[codec.Value, ...]]:
    """Kind and parts of the next frame after the first.

    Raises:
        Malformed, NonCanonical, TooLarge: it is none.
    """
    value = codec.decode(read_frame(file, MAX_EXPORT_FRAME_BYTES), MAX_EXPORT_FRAME_BYTES)
    kind, *parts = shape.sequence(value, 3, "frame", least=1)
    if type(kind) is not str:
        raise Malformed("a frame of no kind", field="frame")
    return kind, tuple(parts)


def read_frame(file: BinaryIO, most_bytes: int) -> bytes:
    """The bytes of the next frame.

    Raises:
        Malformed: too long, or cut off.
    """
    length = file.read(_LENGTH_BYTES)
    size = int.from_bytes(length, "big")
    if len(length) == _LENGTH_BYTES and size > most_bytes:
        raise Malformed("a frame too long", field="frame", found=size, expected=f"at most {most_bytes} bytes")
    data = file.read(size)
    if len(length) != _LENGTH_BYTES or len(data) != size:
        raise Malformed("cut off", field="frame", expected="a whole export, up to its end frame")
    return data


class _Entries:
    """The state entries of an export: their root, and the histories among them."""

    def __init__(self, sink: Sink) -> None:
        self.count = 0
        self.histories: dict[bytes, tuple[int, bytes]] = {}
        """Count of records and head by state key."""
        self._sink = sink
        self._last = b""
        self._subtrees: dict[int, bytearray] = {}

    def take(self, parts: tuple[codec.Value, ...]) -> None:
        (pairs,) = shape.array(parts, 1, "state")
        pieces = shape.sequence(pairs, MAX_EXPORT_FRAME_BYTES, "state", least=2)
        if len(pieces) % 2:
            raise Malformed("a key without a value", field="state")
        for key, value in zip(pieces[::2], pieces[1::2], strict=True):
            shape.octets_within(key, MAX_STATE_KEY_BYTES, "state.key", least=1)
            shape.octets_within(value, MAX_STATE_VALUE_BYTES, "state.value", least=1)
            if key <= self._last:
                raise Malformed("keys that do not ascend", field="state.key", found=key.hex())
            self._last = key
            self._keep(key, value)

    def _keep(self, key: bytes, value: bytes) -> None:
        key_hash = sha256(key).digest()
        held = self._subtrees.setdefault(bucket_of(key_hash) >> SUBTREE_SHIFT, bytearray())
        held += key_hash + value_hash(value)
        history = count_and_head(value)
        if history is not None:
            self.histories[key] = history
        self.count += 1
        self._sink.entry(key, value)

    def root(self) -> bytes:
        """The state root over exactly these entries."""
        nodes = [
            subtree_root(SNAPSHOT_TREE_LEVEL, index, _buckets(held)) if held is not None else ZERO
            for index, held in ((index, self._subtrees.get(index)) for index in range(SUBTREES))
        ]
        return root_above(SNAPSHOT_TREE_LEVEL, b"".join(nodes))


def _buckets(held: bytearray) -> dict[int, bytes]:
    """Contents of the buckets that hold these records."""
    contents: dict[int, list[bytes]] = {}
    for record in sorted(bytes(held[at : at + RECORD_BYTES]) for at in range(0, len(held), RECORD_BYTES)):
        contents.setdefault(bucket_of(record[:DIGEST_BYTES]), []).append(record)
    return {bucket: b"".join(records) for bucket, records in contents.items()}


class Records:
    """Records as they come, history by history, against count and head of each."""

    def __init__(self, histories: dict[bytes, tuple[int, bytes]], sink: Sink) -> None:
        self.count = 0
        self._histories = histories
        self._sink = sink
        self._complete = 0
        self._key, self._taken, self._head = b"", 0, NO_RECORDS

    def take(self, parts: tuple[codec.Value, ...]) -> None:
        """The next frame of records."""
        key, records = shape.array(parts, 2, "records")
        shape.octets_within(key, MAX_STATE_KEY_BYTES, "records.key", least=1)
        if key != self._key:
            if key < self._key:
                raise Malformed("histories that do not ascend", field="records.key", found=key.hex())
            self.close()
            self._key, self._taken, self._head = key, 0, NO_RECORDS
        for record in shape.sequence(records, MAX_EXPORT_FRAME_BYTES, "records.records", least=1):
            shape.octets_within(record, MAX_RECORD_BYTES, "records.record", least=1)
            self._head = next_head(self._head, record)
            self._taken += 1
            self._sink.record(key, record)

    def close(self) -> None:
        """The history that has just ended has all its records.

        Raises:
            VerificationError: it has not.
        """
        if not self._key:
            return
        if self._histories.get(self._key) != (self._taken, self._head):
            raise VerificationError(
                "records that are not those of their history",
                field="records",
                found=f"{self._taken} records of {self._key.hex()}",
            )
        self._complete += 1
        self.count += self._taken

    def end(self) -> None:
        """No history is left without its records.

        Raises:
            VerificationError: one is.
        """
        self.close()
        if self._complete != len(self._histories):
            raise VerificationError(
                "a history without its records",
                field="records",
                found=f"{self._complete} histories",
                expected=f"{len(self._histories)}",
            )
