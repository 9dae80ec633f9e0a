"""State as the contracts see it: keys, and an overlay that remembers how to take writes back.

A state key is the canonical array [kind, part, part, …]; a state value is any canonical
value but nil, which stands for "no entry". An `Overlay` collects the writes of one block
over whatever lies below (committed state, or the blocks in flight). Contracts read their
own writes; `savepoint` and `rollback` undo what a refused operation or a refused atomic
transaction had already written.

Values are shared, not copied: what `get` returns must never be changed in place.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Protocol, TypeVar

from ledger import codec
from ledger.limits import MAX_RECORD_BYTES, MAX_STATE_KEY_BYTES

Record = tuple[bytes, int, bytes]
"""(state key of the history entry, sequence number from 0, record bytes)"""


class Reader(Protocol):
    """Anything that state can be read from."""

    def get(self, key: bytes, /) -> codec.Value | None:
        """The value of a key, or None when there is no entry."""
        ...


def state_key(kind: str, *parts: str | int | bytes) -> bytes:
    """The key of a state entry; no two lists of parts give the same key, none begins another."""
    return codec.encode_key((kind, *parts))


Entry = TypeVar("Entry", bound=tuple[Any, ...])


def reading(kind: type[Entry]) -> Callable[[codec.Value], Entry]:
    """What reads a state value as a named tuple of this kind: its `_make`, in half the time.

    The number of its parts is not checked: it was right when the value was written.
    """
    return partial(tuple.__new__, kind)


def _unfit(key: bytes, value: codec.Value) -> ValueError:
    if value is None:
        return ValueError("None is not a state value; use delete")
    return ValueError(f"state key of {len(key)} bytes, at most {MAX_STATE_KEY_BYTES}")


_NEVER_SEEN = object()


class Overlay:
    """Writes and history records of one block, not yet part of the state below.

    `writes` maps each key to its newest value, None for a deleted entry; `chained` has the heads of
    its history's chain before and after each record. What lies below is read
    once for each key: it does not change while a block is executed.
    """

    __slots__ = ("_below", "_newest", "_undo", "chained", "fixed", "records", "writes")

    def __init__(self, below: Reader) -> None:
        self._below = below
        self._newest: dict[bytes, codec.Value | None] = {}
        """What was written, and what was read of what lies below."""
        self._undo: list[tuple[bytes, bool, codec.Value]] = []
        """(key, whether it had been written, what was known of it before) of each write."""
        self.writes: dict[bytes, codec.Value | None] = {}
        self.records: list[Record] = []
        self.chained: list[tuple[bytes, bytes]] = []
        self.fixed: dict[str, int] = {}
        """What the rules have read and no operation can change, by names of theirs."""

    def get(self, key: bytes) -> codec.Value | None:
        """The newest value of a key, or None when there is no entry."""
        value = self._newest.get(key, _NEVER_SEEN)
        if value is _NEVER_SEEN:
            value = self._newest[key] = self._below.get(key)
        return value

    def put(self, key: bytes, value: codec.Value) -> None:
        """Set the value of a key.

        Raises:
            ValueError: nil, or a key beyond its bound: the contract should have refused it.
        """
        if value is None or not key or len(key) > MAX_STATE_KEY_BYTES:
            raise _unfit(key, value)
        writes, newest = self.writes, self._newest
        self._undo.append((key, key in writes, newest.get(key, _NEVER_SEEN)))
        writes[key] = newest[key] = value

    def delete(self, key: bytes) -> None:
        """Remove the entry of a key, if there is one."""
        self._undo.append((key, key in self.writes, self._newest.get(key, _NEVER_SEEN)))
        self.writes[key] = self._newest[key] = None

    def record(self, key: bytes, sequence: int, record: bytes, before: bytes, after: bytes) -> None:
        """Add a record to the history whose entry stands at `key`, with its chain's head before and after.

        Raises:
            ValueError: a record beyond its bound: the contract should have refused it.
        """
        if len(record) > MAX_RECORD_BYTES:
            raise ValueError(f"history record of {len(record)} bytes, at most {MAX_RECORD_BYTES}")
        self.records.append((key, sequence, record))
        self.chained.append((before, after))

    def keep(self) -> None:
        """Let what is written so far stay: savepoints taken before are void.

        What was replaced is let go at once, so that the next writes find its memory free and warm.
        """
        self._undo.clear()

    def savepoint(self) -> int:
        """A mark of everything written so far, for `rollback`."""
        return len(self.records) << 32 | len(self._undo)

    def rollback(self, savepoint: int) -> None:
        """Take back everything written since `savepoint`; savepoints taken later are void."""
        undo, kept = self._undo, savepoint & 0xFFFFFFFF
        assert kept <= len(undo), "a savepoint of writes that were not kept since"
        while len(undo) > kept:
            key, was_written, before = undo.pop()
            if was_written:
                self.writes[key] = before
            else:
                del self.writes[key]
            if before is _NEVER_SEEN:
                del self._newest[key]
            else:
                self._newest[key] = before
        del self.records[savepoint >> 32 :], self.chained[savepoint >> 32 :]
