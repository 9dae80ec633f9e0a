"""The log as the core sees it: durable entries on disk, the newest ones in memory.

    index   start … base | base+1 … persisted … last
            LogReader    | memory

Whatever is not durable is in memory, and so is whatever replaced something durable, so
the reader is never asked about a place that is being rewritten. `base` only moves up by
dropping durable entries from memory, and down by a truncation.

Writes. Storage works through what it was handed strictly in order, so each handed-out
write is remembered until its completion. When one completes, the entries it covered are
durable only below anything that a *later* write, or one not yet handed out, truncates:
the completion of an overwritten entry must not count for the one that took its place, not
even if that has the same index and the same hash (CR-30).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from consensus.limits import LOG_CACHE_BYTES, LOG_CACHE_ENTRIES, MAX_UNDURABLE_BYTES, MAX_UNDURABLE_ENTRIES
from consensus.messages import Certificate, Entry
from consensus.storage import LogReader


@dataclass(slots=True)
class Write:
    """One step of the storage: drop from `truncate_from`, then append `entries`."""

    truncate_from: int | None
    entries: tuple[Entry, ...]

    def holds(self, index: int, entry_hash: bytes) -> bool:
        """Whether it writes exactly this entry."""
        entries = self.entries
        if not entries or not entries[0].index <= index <= entries[-1].index:
            return False
        return entries[index - entries[0].index].hash == entry_hash


class Log:
    """Entries by index, the durable mark, and the writes that are under way."""

    __slots__ = (
        "_base",
        "_bytes",
        "_handed",
        "_reader",
        "_tail",
        "_truncate_from",
        "_writes",
        "last_index",
        "last_term",
        "persisted",
    )

    def __init__(self, reader: LogReader) -> None:
        self._reader = reader
        self._base = reader.last_index
        self._tail: list[Entry] = []
        self._bytes = 0
        self._handed = self._base
        self._truncate_from: int | None = None
        self._writes: deque[Write] = deque()
        self.last_index = self._base
        self.last_term = self.term(self._base) or 0
        self.persisted = self._base
        """Everything up to here is durable and reproduced."""

    @property
    def start(self) -> int:
        """The genesis, or the block of the snapshot that the log goes on from."""
        return self._reader.first_index

    def term(self, index: int) -> int | None:
        """The term at `index`, None where nothing is held."""
        place = index - self._base - 1
        if place >= 0:
            return self._tail[place].term if place < len(self._tail) else None
        if index <= 0:
            return 0 if index == 0 else None
        return self._reader.term(index)

    def entry(self, index: int) -> Entry | None:
        """The entry at `index`, None where nothing is held."""
        place = index - self._base - 1
        if place >= 0:
            return self._tail[place] if place < len(self._tail) else None
        return self._reader.entry(index) if index > 0 else None

    @property
    def last_hash(self) -> bytes:
        """The hash of the last entry, or of the start of an empty log."""
        last = self._tail[-1] if self._tail else self._reader.entry(self.last_index)
        return last.hash if last is not None else b""

    def recent(self, index: int) -> Entry | None:
        """The entry at `index` if memory holds it."""
        place = index - self._base - 1
        return self._tail[place] if 0 <= place < len(self._tail) else None

    @property
    def has_room(self) -> bool:
        """Whether no more waits for the disk than may."""
        waiting = self.last_index - self.persisted
        if waiting >= MAX_UNDURABLE_ENTRIES:
            return False
        first = max(self.persisted - self._base, 0)
        return sum([len(entry.data) for entry in self._tail[first:]]) < MAX_UNDURABLE_BYTES

    def run(self, first: int, most_entries: int, most_bytes: int) -> tuple[Entry, ...] | None:
        """Entries from `first` on within the bounds, at least one if there is one (CR-43).

        None if one of them cannot be read.
        """
        chosen: list[Entry] = []
        room = most_bytes
        for index in range(first, min(self.last_index, first + most_entries - 1) + 1):
            entry = self.entry(index)
            if entry is None:
                return None
            room -= len(entry.data)
            if room < 0 and chosen:
                break
            chosen.append(entry)
        return tuple(chosen)

    def last_agreeing(self, index: int, term: int) -> int:
        """The highest index ≤ `index` whose term is ≤ `term`: where two logs may still agree.

        Terms never decrease along a log, so this is a binary search. 0 (the genesis) always
        qualifies; the start of what is held, on disk or in memory, ends the search there.
        """
        low = min(self._reader.first_index, self._base)
        high = min(index, self.last_index)
        if high <= low:
            return max(high, 0)
        while low < high:
            middle = (low + high + 1) // 2
            held = self.term(middle)
            if held is not None and held <= term:
                low = middle
            else:
                high = middle - 1
        return low

    def restart(self, index: int, term: int) -> None:
        """A snapshot at `index` took the place of everything; the reader holds it already."""
        self._base = self._handed = self.last_index = self.persisted = index
        self.last_term = term
        self._tail.clear()
        self._bytes = 0
        self._truncate_from = None
        self._writes.clear()

    def append(self, entry: Entry) -> None:
        """Put an entry at the end."""
        assert entry.index == self.last_index + 1, "indices without gaps"
        assert entry.term >= self.last_term, "terms never decrease along the log"
        self._tail.append(entry)
        self._bytes += len(entry.data)
        self.last_index = entry.index
        self.last_term = entry.term

    def truncate(self, start: int) -> None:
        """Drop everything from `start` on."""
        assert 0 < start <= self.last_index, "truncation of what is held"
        keep = max(start - self._base - 1, 0)
        self._bytes -= sum(len(entry.data) for entry in self._tail[keep:])
        del self._tail[keep:]
        self._base = min(self._base, start - 1)
        self.last_index = start - 1
        self.last_term = self.term(start - 1) or 0
        self.persisted = min(self.persisted, start - 1)
        if start <= self._handed:
            self._handed = start - 1
            self._truncate_from = start if self._truncate_from is None else min(start, self._truncate_from)

    @property
    def has_write(self) -> bool:
        """Whether there is something to hand to the storage."""
        return self._handed < self.last_index or self._truncate_from is not None

    def hand_out(self) -> Write:
        """The next step of the storage; it counts as under way from now on."""
        entries = tuple(self._tail[self._handed - self._base :]) if self._handed < self.last_index else ()
        write = Write(self._truncate_from, entries)
        self._writes.append(write)
        self._truncate_from = None
        self._handed = self.last_index
        return write

    def completed(self, index: int, entry_hash: bytes) -> bool:
        """The storage reports this entry, and all before it, durable. Whether the mark moved."""
        if not any(write.holds(index, entry_hash) for write in self._writes):
            return False
        while not self._writes[0].holds(index, entry_hash):
            self._writes.popleft()
        done = self._writes[0]
        if done.entries[-1].index == index:
            self._writes.popleft()
        mark = index
        for write in self._writes:
            if write is not done and write.truncate_from is not None:
                mark = min(mark, write.truncate_from - 1)
        if self._truncate_from is not None:
            mark = min(mark, self._truncate_from - 1)
        if mark <= self.persisted:
            return False
        self.persisted = mark
        self._shrink()
        return True

    def forget_write(self, index: int, entry_hash: bytes) -> None:
        """The caller did not store this entry nor what followed it in its write (CR-77)."""
        for write in self._writes:
            if write.holds(index, entry_hash):
                write.entries = write.entries[: index - write.entries[0].index]
                return

    def _shrink(self) -> None:
        """Leave durable entries to the reader, a good many at a time."""
        if len(self._tail) < 2 * LOG_CACHE_ENTRIES and self._bytes < 2 * LOG_CACHE_BYTES:
            return
        spare = min(self.persisted, self._handed) - self._base
        drop = 0
        while drop < spare and (len(self._tail) - drop > LOG_CACHE_ENTRIES or self._bytes > LOG_CACHE_BYTES):
            self._bytes -= len(self._tail[drop].data)
            drop += 1
        del self._tail[:drop]
        self._base += drop

    def certificate_within(self, first: int, last: int, signer: str) -> Certificate | None:
        """The newest stored certificate with first ≤ index ≤ last; rather one that `signer` has signed.

        A node that lacks what it has signed learns by it that its disk was set back (CR-76).
        """
        newest = None
        for index in range(last, first - 1, -1):
            found = self._reader.certificate(index)
            if found is not None and any(node == signer for node, _ in found.acks):
                return found
            newest = newest or found
        return newest
