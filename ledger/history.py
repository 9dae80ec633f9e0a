"""Histories: what a relationship or a party has been through, provably complete.

    entry   = [count, head, aggregates]                      the state entry of the history
    head 0  = 32 zero bytes
    head n  = digest(0x06, head n-1 || record bytes n-1)     records are numbered from 0

One state entry holds the number of records, the head of a hash chain over them and
aggregates that the contract keeps. Whoever has the entry proved and the records in hand
recomputes the chain: a record that is missing, added, altered or moved leads to another
head. The newest records alone are proved with the head before them.

    file = ["history", 1, key, first, head before, [record bytes, …], state proof, certified]

| part | meaning |
|---|---|
| key | state key of the entry |
| first | number of the first record in the file: 0 in a complete history |
| head before | the chain's head before that record |
| state proof | proves the entry (or that there is none) under the certified header's state root |
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from ledger import codec, proof, shape
from ledger.certificate import CertifiedHeader
from ledger.errors import Malformed, VerificationError
from ledger.genesis import GenesisBlock
from ledger.hashing import HISTORY, ZERO
from ledger.limits import (
    DIGEST_BYTES,
    MAX_HISTORY_RECORDS,
    MAX_RECORD_BYTES,
    MAX_STATE_KEY_BYTES,
)
from ledger.state import Overlay
from ledger.state_tree import StateProof

NO_RECORDS = ZERO
"""The head of a history without records."""


@dataclass(frozen=True, slots=True)
class HistoryEntry:
    """The state entry of a history."""

    count: int
    head: bytes
    aggregates: codec.Value

    def to_value(self) -> codec.Value:
        """The state value."""
        return (self.count, self.head, self.aggregates)

    @classmethod
    def from_value(cls, value: codec.Value) -> HistoryEntry:
        """Read a state value.

        Raises:
            Malformed: it is not that of a history.
        """
        count, head, aggregates = shape.array(value, 3, "history entry")
        return cls(
            shape.integer(count, "history entry.count", least=1),
            shape.octets(head, DIGEST_BYTES, "history entry.head"),
            aggregates,
        )


def count_and_head(value: bytes) -> tuple[int, bytes] | None:
    """Count and head of a history, from the canonical bytes of its state value; None if it is none.

    A state value is a history's entry if and only if it has that form; the chain sees to it.
    """
    if value[:1] != b"\x93":  # an array of three
        return None
    first = value[1:2]
    width = _INTEGER_BYTES.get(first)
    if width is None:
        return (first[0], value[4:36]) if b"\0" < first < b"\x80" and value[2:4] == b"\xc4\x20" else None
    end = 2 + width
    if value[end : end + 2] != b"\xc4\x20":  # 32 bytes
        return None
    return int.from_bytes(value[2:end], "big"), value[end + 2 : end + 34]


_INTEGER_BYTES = {b"\xcc": 1, b"\xcd": 2, b"\xce": 4, b"\xcf": 8}
"""Width of an integer from 128 on, by the byte that it begins with."""


def next_head(head: bytes, record: bytes) -> bytes:
    """The chain's head after one more record."""
    return sha256(HISTORY + head + record).digest()


def chain(head: bytes, records: Iterable[bytes]) -> bytes:
    """The chain's head after these records."""
    for record in records:
        head = sha256(HISTORY + head + record).digest()
    return head


def append(state: Overlay, key: bytes, record: codec.Value, aggregates: codec.Value) -> int:
    """Add a record to the history at `key` and replace its aggregates; the record's number."""
    return append_to(state, key, state.get(key), record, aggregates)


def append_to(
    state: Overlay, key: bytes, entry: codec.Value | None, record: codec.Value, aggregates: codec.Value
) -> int:
    """`append`, for whoever has just read the history's entry."""
    count, head = (0, NO_RECORDS) if entry is None else entry[:2]
    after = add(state, key, count, head, record)
    state.put(key, (count + 1, after, aggregates))
    return int(count)


def add(state: Overlay, key: bytes, count: int, head: bytes, record: codec.Value) -> bytes:
    """Add a record to the history at `key`, which has so many and this head; the head after it.

    The entry is the caller's to write, once after all records that it adds.
    """
    data = codec.encode(record)
    after = sha256(HISTORY + head + data).digest()
    state.record(key, count, data, head, after)
    return after


@dataclass(frozen=True, slots=True)
class ProvedHistory:
    """Records that are proved to be the last ones of a history at a height.

    `entry` is None when it is proved that there is no record at all.
    """

    key: bytes
    height: int
    time_ms: int
    block_hash: bytes
    entry: HistoryEntry | None
    first: int
    records: tuple[codec.Value, ...]

    @property
    def count(self) -> int:
        """Records that the history has in all."""
        return 0 if self.entry is None else self.entry.count

    @property
    def is_complete(self) -> bool:
        """Whether these are all records, not only the newest."""
        return self.first == 0


@dataclass(frozen=True, slots=True)
class History:
    """Records of a history with their proof; `verify` says whether it proves them."""

    key: bytes
    first: int
    head_before: bytes
    records: tuple[bytes, ...]
    state: StateProof
    certified: CertifiedHeader

    def to_value(self) -> codec.Value:
        """The canonical array of the file."""
        return (
            proof.HISTORY,
            proof.VERSION,
            self.key,
            self.first,
            self.head_before,
            self.records,
            self.state.to_value(),
            self.certified.to_value(),
        )

    def encode(self) -> bytes:
        """The bytes of the file."""
        return codec.encode(self.to_value())

    @classmethod
    def decode(cls, data: bytes) -> History:
        """Read a history file; nothing is proved by its form.

        Raises:
            Malformed, NonCanonical, TooLarge: with the field that is wrong.
        """
        return cls.from_value(proof.read(data))

    @classmethod
    def from_value(cls, value: codec.Value) -> History:
        """Read the array of a history file.

        Raises:
            Malformed, NonCanonical, TooLarge: with the field that is wrong.
        """
        key, first, head_before, records, state, certified = proof.parts(value, proof.HISTORY, 6)
        for record in shape.sequence(records, MAX_HISTORY_RECORDS, "history.records"):
            shape.octets_within(record, MAX_RECORD_BYTES, "history.records", least=1)
        return cls(
            shape.octets_within(key, MAX_STATE_KEY_BYTES, "history.key", least=1),
            shape.integer(first, "history.first"),
            shape.octets(head_before, DIGEST_BYTES, "history.head_before"),
            records,
            StateProof.from_value(state),
            CertifiedHeader.from_value(certified),
        )

    def verify(self, genesis: GenesisBlock) -> ProvedHistory:
        """What the file proves.

        The numbers are those of docs/protocol.md, section "Verifying a history". Whether the
        aggregates follow from the records is the contracts' to recompute.

        Raises:
            VerificationError: with the step that failed.
        """
        # 1. The block is committed.
        header = self.certified.verify(genesis)
        # 2. The state after it holds this entry under this key, or provably none.
        proved = self.state.verify(header.state_root)
        if set(proved) != {self.key}:
            raise VerificationError("the state proof is for another key", field="state")
        try:
            entry = None if proved[self.key] is None else HistoryEntry.from_value(proved[self.key])
        except Malformed as error:
            raise VerificationError(
                "the key is not that of a history", field="key", found=str(error)
            ) from None
        count, head = (0, NO_RECORDS) if entry is None else (entry.count, entry.head)
        # 3. The records reach from `first` to the newest one.
        if self.first + len(self.records) != count:
            raise VerificationError(
                "records are missing or left over",
                field="records",
                found=f"{len(self.records)} from number {self.first} on",
                expected=f"all up to the count of {count}",
            )
        # 4. Nothing comes before the first record.
        if self.first == 0 and self.head_before != NO_RECORDS:
            raise VerificationError("a head before the first record", field="head_before", expected="zeros")
        # 5. The chain over the records leads to the head.
        if chain(self.head_before, self.records) != head:
            raise VerificationError("the records do not lead to the head of the history", field="records")
        # 6. Each record can be read.
        try:
            records = tuple([codec.decode(record, MAX_RECORD_BYTES) for record in self.records])
        except Malformed as error:
            raise VerificationError("a record cannot be read", field="records", found=str(error)) from None
        return ProvedHistory(self.key, header.height, header.time_ms, header.hash, entry, self.first, records)
