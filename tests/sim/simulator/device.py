"""A model of the disk under a store: LevelDB's write-ahead log and tables, and the durable mark.

`ledger.storage.store.Store`, the real one, works on a `Level` and a `MarkSlots` as it does on LevelDB
and `MarkFile`. What LevelDB does that matters here:

    write        a batch is added to the log, whole; a synced one makes all before it durable
    open         the log is replayed and becomes tables
    lost tail    batches after the last synced one may be missing after a power cut, without a word
    torn tail    the first missing one may be there in part: an open that is strict refuses
    lenient      drops what is damaged, and more after it, and goes on with what follows
    checksums    a damaged row of a table is an error when it is read with its checksum, and is
                 handed out wrong without

Between any two effects on the disk the power may go (`PowerCut`), and a sync may fail.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from types import TracebackType
from typing import Self

from ledger.errors import StoreError
from ledger.storage import database
from ledger.storage.mark import NOTHING, Mark
from ledger.storage.store import Store

_level_errors = database.plyvel

MAX_DROPPED_AFTER_DAMAGE = 3
"""Batches that a lenient open loses after a damaged one: those in the same 32 KiB of the log."""


class PowerCut(BaseException):
    """The power went between two effects on the disk; the process does not see it."""


@dataclass(slots=True)
class Batch:
    """One atomic write in the log."""

    ops: list[tuple[bytes, bytes | None]]
    damage: int = 0
    """0 for none; else one more than the number of batches after it that go with it."""


class Device:
    """What one node's disk holds; it outlives the process."""

    def __init__(self) -> None:
        self.rows: dict[bytes, bytes] = {}
        self.bad: dict[bytes, bytes] = {}
        """Rows whose bytes on the disk are not what was written."""
        self.log: list[Batch] = []
        self.synced = 0
        """So many batches of the log are durable."""
        self.slots = [NOTHING, NOTHING]
        self.newest = 0
        self.aside = False
        """A lenient open has not proved harmless yet (the folder `log-set-aside`)."""
        self.cut_after: int | None = None
        self.fails = False
        """The next sync fails, and so does everything after it until the next open."""

    def effect(self) -> None:
        """Something durable is about to happen.

        Raises:
            PowerCut: it does not.
        """
        if self.cut_after is None:
            return
        if self.cut_after == 0:
            raise PowerCut
        self.cut_after -= 1

    def lose_power(self, draw: Random) -> str | None:
        """Keep a part of what was not durable, or all of it (the process alone was killed)."""
        self.cut_after = None
        self.fails = False
        unsynced = len(self.log) - self.synced
        kept = draw.randrange(unsynced + 1)
        torn = kept < unsynced and draw.random() < 0.3
        end = self.synced + kept
        if torn:
            self.log[end].damage = 1 + draw.randrange(MAX_DROPPED_AFTER_DAMAGE)
            del self.log[end + 1 :]
        else:
            del self.log[end:]
        self.synced = len(self.log)
        return "torn batch" if torn else "lost batches" if kept < unsynced else None

    def flip_bit(self, draw: Random) -> str:
        """Change one bit of what is durable; says where."""
        durable = [batch for batch in self.log[: self.synced] if batch.ops]
        if durable and draw.random() < 0.3:
            batch = durable[draw.randrange(len(durable))]
            batch.damage = 1 + draw.randrange(MAX_DROPPED_AFTER_DAMAGE)
            return "log"
        kinds = sorted({key[:1] for key in self.rows})
        if not kinds:
            return "nothing"
        kind = kinds[draw.randrange(len(kinds))] if draw.random() < 0.5 else b"b"
        keys = sorted(key for key in self.rows if key[:1] == kind)
        key = keys[draw.randrange(len(keys))]
        value = self.rows[key]
        place = draw.randrange(max(len(value), 1))
        flipped = value[place : place + 1] or b"\0"
        self.bad[key] = value[:place] + bytes([flipped[0] ^ (1 << draw.randrange(8))]) + value[place + 1 :]
        return kind.decode()

    def recover(self) -> bool:
        """Replay the log into the tables, as an open does; whether it had to be the lenient way."""
        lenient = any(batch.damage for batch in self.log)
        skipped = 0
        for batch in self.log:
            if batch.damage:
                skipped = batch.damage
            if skipped:
                skipped -= 1
                continue
            for key, value in batch.ops:
                self.put(key, value)
        self.log.clear()
        self.synced = 0
        self.aside |= lenient
        return self.aside

    def put(self, key: bytes, value: bytes | None) -> None:
        """Write a row of a table."""
        self.bad.pop(key, None)
        if value is None:
            self.rows.pop(key, None)
        else:
            self.rows[key] = value


class Level:
    """`plyvel.DB` as far as the store uses it, on a device; made anew by each open."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self._fresh: dict[bytes, bytes | None] = {}
        self._keys = sorted(device.rows)

    def get(self, key: bytes, *, verify_checksums: bool = False) -> bytes | None:
        """The value of a row."""
        if key in self._fresh:
            return self._fresh[key]
        damaged = self._device.bad.get(key)
        if damaged is None:
            return self._device.rows.get(key)
        if verify_checksums:
            raise _level_errors.CorruptionError(b"block checksum mismatch")
        return damaged

    def iterator(
        self, *, start: bytes, stop: bytes, reverse: bool = False, verify_checksums: bool = False
    ) -> _Rows:
        """Rows from `start` up to before `stop`, as they are now."""
        keys = self._keys[bisect_left(self._keys, start) : bisect_left(self._keys, stop)]
        if reverse:
            keys.reverse()
        return _Rows(self, keys, verify_checksums)

    def snapshot(self) -> _Frozen:
        """The rows as they are now."""
        return _Frozen(self)

    def write_batch(self, *, sync: bool = False) -> _WriteBatch:
        """An empty batch."""
        return _WriteBatch(self, sync)

    def close(self) -> None:
        """Nothing is written by closing."""

    def write(self, ops: list[tuple[bytes, bytes | None]], sync: bool) -> None:
        """Add a batch to the log, and sync it if asked for."""
        device = self._device
        device.effect()
        if device.fails and not sync:
            raise _level_errors.IOError(b"input/output error")
        device.log.append(Batch(ops))
        for key, value in ops:
            self._show(key, value)
        if not sync:
            return
        device.effect()
        if device.fails:
            raise _level_errors.IOError(b"no space left on device")
        device.synced = len(device.log)
        device.effect()

    def _show(self, key: bytes, value: bytes | None) -> None:
        place = bisect_left(self._keys, key)
        is_there = place < len(self._keys) and self._keys[place] == key
        if value is None and is_there:
            del self._keys[place]
        elif value is not None and not is_there:
            insort(self._keys, key)
        self._fresh[key] = value


class _Frozen:
    """A snapshot of LevelDB: damage shows in it as in the tables."""

    def __init__(self, level: Level) -> None:
        self._rows: dict[bytes, bytes | None] = {}
        self._keys = list(level._keys)
        for key in self._keys:
            try:
                self._rows[key] = level.get(key, verify_checksums=True)
            except _level_errors.CorruptionError:
                continue

    def get(self, key: bytes, *, verify_checksums: bool = False) -> bytes | None:
        """The value of a row."""
        return self._rows.get(key)

    def iterator(
        self, *, start: bytes, stop: bytes, reverse: bool = False, verify_checksums: bool = False
    ) -> _Rows:
        """Rows from `start` up to before `stop`."""
        keys = self._keys[bisect_left(self._keys, start) : bisect_left(self._keys, stop)]
        if reverse:
            keys.reverse()
        return _Rows(self, keys, verify_checksums)

    def close(self) -> None:
        """Nothing is held open."""


class _Rows:
    """An iterator of LevelDB: used with `with`, then run through."""

    def __init__(self, level: Level | _Frozen, keys: list[bytes], verify: bool) -> None:
        self._level = level
        self._keys = keys
        self._verify = verify

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return

    def __iter__(self) -> Iterator[tuple[bytes, bytes]]:
        for key in self._keys:
            value = self._level.get(key, verify_checksums=self._verify)
            if value is not None:
                yield key, value


class _WriteBatch:
    """A batch of LevelDB."""

    def __init__(self, level: Level, sync: bool) -> None:
        self._level = level
        self._sync = sync
        self._ops: list[tuple[bytes, bytes | None]] = []

    def put(self, key: bytes, value: bytes) -> None:
        self._ops.append((key, value))

    def delete(self, key: bytes) -> None:
        self._ops.append((key, None))

    def write(self) -> None:
        self._level.write(self._ops, self._sync)


class MarkSlots:
    """`ledger.storage.mark.MarkFile` on a device: a torn write destroys only the slot that is written."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self.mark: Mark = device.slots[device.newest]

    def write(self, mark: Mark) -> None:
        """Replace the mark, durably."""
        device = self._device
        device.effect()
        if device.fails:
            raise StoreError("cannot write the durable mark", found="no space left on device")
        device.newest ^= 1
        device.slots[device.newest] = mark
        self.mark = mark
        device.effect()

    def close(self) -> None:
        """Nothing is held open."""


def open_store(device: Device) -> Store:
    """`Store.open` on a device: replay, lenient if it must be, then the checks of the real store.

    Raises:
        StoreError: the disk does not hold what it held.
    """
    lenient = device.recover()
    opened = Store(Level(device), MarkSlots(device))  # type: ignore[arg-type]
    opened._load()
    if lenient:
        opened._check_whole()
        device.aside = False
    return opened
