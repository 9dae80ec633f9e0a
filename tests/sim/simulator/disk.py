"""A node's disk: what survives a crash, and the writes that may or may not.

One write-ahead log orders everything that a node writes:

    step     (hard, truncate_from, entries)   synced: reported when it and all before is durable
    commit   (index, certificate)             not synced: rides on the next synced step

A crash keeps a prefix of what was not yet durable, of any length. A step is atomic.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from random import Random

from consensus import Certificate, Entry, HardState
from consensus.messages import BLOCK, Message
from ledger.errors import StoreError
from simulator.violation import Violation

GENESIS = Entry(0, 0, b"genesis", BLOCK, b"")


@dataclass(slots=True)
class Work:
    """One Ready on its way to the disk (`node/appender.py`)."""

    hard: HardState | None
    truncate_from: int | None
    entries: tuple[Entry, ...]
    send_after: tuple[Message, ...]
    stored: list[Entry] = field(default_factory=list)

    @property
    def writes(self) -> bool:
        """Whether anything of it goes to the disk."""
        return self.hard is not None or self.truncate_from is not None or bool(self.stored)


class Disk:
    """The durable image, also the core's `LogReader`."""

    def __init__(self) -> None:
        self.entries: list[Entry] = [GENESIS]
        self.hard = HardState(0, None)
        self.applied = 0
        self.boot = 0
        self.counted: dict[str, int] = {}
        self.certificates: dict[int, Certificate] = {}
        """Of applied heights; those above `applied` are written and not yet durable."""
        self._unsynced: deque[Work | int] = deque()
        self._fails = False

    def open(self) -> None:
        """What is there can be read at once."""

    @property
    def first_index(self) -> int:
        """Nothing is compacted yet."""
        return 0

    @property
    def last_index(self) -> int:
        """The newest durable index."""
        return len(self.entries) - 1

    def term(self, index: int) -> int | None:
        """The term of a durable entry."""
        return self.entries[index].term if 0 <= index < len(self.entries) else None

    def entry(self, index: int) -> Entry | None:
        """A durable entry."""
        return self.entries[index] if 0 <= index < len(self.entries) else None

    def certificate(self, index: int) -> Certificate | None:
        """The certificate of exactly this height."""
        return self.certificates.get(index)

    def submit(self, group: list[Work]) -> None:
        """A synced write begins."""
        self._unsynced.extend(group)

    def complete(self, group: list[Work]) -> None:
        """The write has ended, and with it everything before it is durable.

        Raises:
            StoreError: the disk refuses.
        """
        if self._fails:
            raise StoreError("no space left on device")
        last = group[-1]
        while True:
            op = self._unsynced.popleft()
            self._make_durable(op)
            if op is last:
                return

    def commit(self, certificate: Certificate) -> None:
        """A commit batch is written, unsynced."""
        self.certificates[certificate.index] = certificate
        self._unsynced.append(certificate.index)

    @property
    def unsynced(self) -> int:
        """Operations that a crash may lose."""
        return len(self._unsynced)

    def crash(self, draw: Random) -> None:
        """Lose what was not durable but for a part of it, from the oldest on."""
        self.lose_all_but(draw.randrange(self.unsynced + 1))

    def lose_all_but(self, survivors: int) -> None:
        """Lose what was not durable but for the first `survivors` operations."""
        self._fails = False
        for _ in range(survivors):
            self._make_durable(self._unsynced.popleft())
        self._unsynced.clear()
        for index in [index for index in self.certificates if index > self.applied]:
            del self.certificates[index]

    def fail(self) -> None:
        """Syncs fail until the next start."""
        self._fails = True

    def flip_bit(self, draw: Random) -> None:
        """Opaque entries have no bits."""

    def wipe(self) -> None:
        """The disk is replaced by an empty one."""
        boot = self.boot
        Disk.__init__(self)
        self.boot = boot

    def close(self) -> None:
        """The run is over."""

    def _make_durable(self, op: Work | int) -> None:
        if isinstance(op, int):
            self.applied = op
            return
        if op.truncate_from is not None:
            if op.truncate_from <= self.applied:
                raise Violation("committed_truncated", f"the disk is told to drop {op.truncate_from}")
            del self.entries[op.truncate_from :]
        for entry in op.stored:
            if entry.index != len(self.entries):
                raise Violation(
                    "storage_order", f"entry {entry.index} is stored where {len(self.entries)} is next"
                )
            self.entries.append(entry)
        if op.hard is not None:
            self.hard = op.hard
