"""Histories: what a relationship or a party has been through, provably complete.

    entry   = [count, head, aggregates]                      the state entry of the history
    head 0  = 32 zero bytes
    head n  = digest(0x06, head n-1 || record bytes n-1)     records are numbered from 0

One state entry holds the number of records, the head of a hash chain over them and
aggregates that the contract keeps. Whoever has the entry proved and the records in hand
recomputes the chain: a record that is missing, added, altered or moved leads to another
head (`ledger.proofs.history`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from ledger import codec, shape
from ledger.hashing import HISTORY, ZERO
from ledger.limits import DIGEST_BYTES
from ledger.state.overlay import Overlay

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
