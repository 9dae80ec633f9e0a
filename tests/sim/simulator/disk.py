"""A node's disk: what survives a crash, and the writes that may or may not.

One write-ahead log orders everything that a node writes:

    step     (hard, truncate_from, entries)   synced: reported when it and all before is durable
    commit   (index, certificate)             not synced: rides on the next synced step
    compact  a snapshot and the start of the log at it, in one: not synced either
    install  a snapshot of another node in place of log and state: synced, in one

A crash keeps a prefix of what was not yet durable, of any length. A step is atomic.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from random import Random

from consensus import Certificate, Configuration, Entry, HardState, SnapshotPoint
from ledger.errors import StoreError
from simulator.violation import Violation

GENESIS = Entry(0, 0, b"genesis", b"")
FOR_EVER = 2**60
"""The index until which a node is mute that lost all it had promised."""


@dataclass(slots=True)
class Work:
    """One Ready on its way to the disk (`node/loop/appender.py`)."""

    hard: HardState | None
    truncate_from: int | None
    entries: tuple[Entry, ...]
    stored: list[Entry] = field(default_factory=list)

    @property
    def writes(self) -> bool:
        """Whether anything of it goes to the disk."""
        return self.hard is not None or self.truncate_from is not None or bool(self.stored)


class Disk:
    """The durable image, also the core's `LogReader`.

    `entries` goes back to the genesis also where the log does not: what lies before the start
    stands for the state of the snapshot.
    """

    def __init__(self) -> None:
        self.entries: list[Entry] = [GENESIS]
        self.hard = HardState()
        self.applied = 0
        self.snapshot: SnapshotPoint | None = None
        """The newest snapshot that this node can serve; its log begins there."""
        self._durable_snapshot: SnapshotPoint | None = None
        self.mute_until: int | None = None
        """What the node knows to have lost; see `consensus.Config`."""
        self.boot = 0
        self.counted: dict[str, int] = {}
        self.certificates: dict[int, Certificate] = {}
        """Of applied heights; those above `applied` are written and not yet durable."""
        self._unsynced: deque[Work | int | SnapshotPoint] = deque()
        self._fails = False

    def open(self) -> None:
        """What is there can be read at once."""

    @property
    def first_index(self) -> int:
        """The start of the log."""
        return 0 if self.snapshot is None else self.snapshot.index

    @property
    def last_index(self) -> int:
        """The newest durable index."""
        return len(self.entries) - 1

    def term(self, index: int) -> int | None:
        """The term of a durable entry."""
        return self.entries[index].term if self.first_index <= index < len(self.entries) else None

    def entry(self, index: int) -> Entry | None:
        """A durable entry."""
        return self.entries[index] if self.first_index <= index < len(self.entries) else None

    def certificate(self, index: int) -> Certificate | None:
        """The certificate of exactly this height."""
        return self.certificates.get(index)

    def configurations(self) -> list[tuple[int, Configuration]]:
        """The changes of the members above the start."""
        return [
            (entry.index, entry.configuration)
            for entry in self.entries[self.first_index + 1 :]
            if entry.configuration is not None
        ]

    @property
    def start_configuration(self) -> Configuration | None:
        """The members at the start, where that is a snapshot."""
        return None if self.snapshot is None else self.snapshot.configuration

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

    def compact(self, point: SnapshotPoint) -> None:
        """A snapshot is made, and the log begins there from now on."""
        self.snapshot = point
        self._unsynced.append(point)

    def install(
        self, point: SnapshotPoint, entries: list[Entry], certificates: dict[int, Certificate]
    ) -> None:
        """The state of another node takes the place of everything here, at once and durably.

        Raises:
            StoreError: the disk refuses.
        """
        if self._fails:
            raise StoreError("no space left on device")
        while self._unsynced:
            self._make_durable(self._unsynced.popleft())
        self.entries = entries[: point.index + 1]
        self.certificates = {at: each for at, each in certificates.items() if at <= point.index}
        self.applied = point.index
        self.snapshot = self._durable_snapshot = point

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
        self.snapshot = self._durable_snapshot
        for index in [index for index in self.certificates if index > self.applied]:
            del self.certificates[index]

    def fail(self) -> None:
        """Syncs fail until the next start."""
        self._fails = True

    @property
    def is_failing(self) -> bool:
        """Whether syncs fail."""
        return self._fails

    def flip_bit(self, draw: Random) -> None:
        """Opaque entries have no bits."""

    def wipe(self) -> None:
        """The disk is replaced by an empty one; the operator says so when the node starts."""
        boot, counted = self.boot, self.counted
        Disk.__init__(self)
        self.boot, self.counted = boot, counted
        self.mute_until = FOR_EVER

    def lose_tail(self, draw: Random) -> None:
        """Lose something durable; the durable mark, apart from it, says what there was."""
        end = self.last_index
        kept = draw.randrange(self.first_index, end + 1)
        if kept == end:
            return
        self.mute_until = max(self.mute_until or 0, end)
        del self.entries[kept + 1 :]
        self.applied = min(self.applied, kept)
        for index in [index for index in self.certificates if index > self.applied]:
            del self.certificates[index]
        self.counted["durable entries lost"] = self.counted.get("durable entries lost", 0) + 1

    def rewind(self, draw: Random) -> None:
        """Only liars do that, and they have real blocks."""

    def repair(self) -> None:
        """Opaque disks are not damaged; they lose."""

    def close(self) -> None:
        """The run is over."""

    def _make_durable(self, op: Work | int | SnapshotPoint) -> None:
        if isinstance(op, int):
            self.applied = op
            return
        if isinstance(op, SnapshotPoint):
            self._durable_snapshot = op
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
