"""Committed state values at hand, so that the store is seldom asked.

What has been read is kept as a value, and so is what replaces it: the entry of a relationship is read for
each of its invoices. What was written and not read since is kept as its bytes. Most of that, an invoice or
a fingerprint, is not asked for soon, and it is one object then instead of a dozen: for memory, and for the
collector of cycles, which looks at each array of a value and not into bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

from ledger import codec
from ledger.limits import READ_VALUES_KEPT, WRITTEN_VALUES_KEPT


class ValueCache:
    """State key to its newest committed value; the oldest eighth makes room when a bound is passed."""

    __slots__ = ("_read", "_written", "read_before")

    def __init__(self) -> None:
        self._read: dict[bytes, codec.Value] = {}
        self._written: dict[bytes, bytes] = {}
        self.read_before: Callable[[bytes], codec.Value | None] = self._read.get
        """The value of a key that has been read; None for any other."""

    def __len__(self) -> int:
        return len(self._read) + len(self._written)

    def get(self, key: bytes) -> codec.Value | None:
        """The value of a key; None where it is not kept."""
        value = self._read.get(key)
        if value is None:
            data = self._written.pop(key, None)
            if data is not None:
                value = codec.trusted(data)
                self.keep_read(key, value)
        return value

    def keep_read(self, key: bytes, value: codec.Value) -> None:
        """Keep a value that was read."""
        self._read[key] = value
        bound(self._read, READ_VALUES_KEPT)

    def keep_written(
        self, changes: Mapping[bytes, bytes | None], values: Mapping[bytes, codec.Value | None]
    ) -> None:
        """Keep what a block wrote: its changes as bytes, and the same as values; None for a deleted entry."""
        read, written = self._read, self._written
        for key, data in changes.items():
            if data is None:
                read.pop(key, None)
                written.pop(key, None)
            elif key in read:
                read[key] = values[key]
            else:
                written[key] = data
        bound(written, WRITTEN_VALUES_KEPT)


def bound(cache: dict[Any, Any], most: int) -> None:
    """Let the oldest eighth of a cache go once it holds more than its bound."""
    if len(cache) > most:
        for key in list(islice(cache, len(cache) - most * 7 // 8)):
            del cache[key]
