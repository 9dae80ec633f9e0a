"""A node's disk with the real store on it: on a model of LevelDB, or on LevelDB itself.

    LedgerDisk    the real `Store` on a `Device`, which models what a crash leaves
    FolderDisk    the real `Store` on a real LevelDB in a folder; a crash cuts its log's tail

The interface is that of `simulator.disk.Disk`: synced steps are submitted and complete some time
later; a crash in between leaves the disk at any of the points between the store's own writes.
`entries` is what the disk must hold, for the checks; the core reads through the store.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

from consensus import Certificate, Configuration, Entry, HardState, SnapshotPoint
from ledger import codec
from ledger.blocks import certificate as ledger_certificate
from ledger.errors import StoreError
from ledger.storage.mark import Mark, MarkFile
from ledger.storage.store import Store
from simulator.device import Device, PowerCut, open_store
from simulator.disk import FOR_EVER, Work
from simulator.violation import Violation

MAX_POINTS = 6
"""Effects on the disk of one append, at most: mark, batch, sync, mark, and between them."""
Parse = Callable[[bytes], Entry]
"""The entry that a block's bytes are."""


class LedgerDisk:
    """The durable image of one node under real blocks, also the core's `LogReader`."""

    def __init__(self, parse: Parse) -> None:
        self._parse = parse
        self.device = Device()
        self.store: Store
        self.boot = 0
        self.entries: list[Entry] = []
        self.hard = HardState()
        self.mute_until: int | None = None
        self.snapshot: SnapshotPoint | None = None
        self.certificates: dict[int, Certificate] = {}
        self._promised: HardState | None = None
        self.counted: dict[str, int] = {}
        """What crashes did to this disk."""
        self._group: list[Work] | None = None
        self.incoming: Device | None = None
        """Where a snapshot is being taken in."""
        self.ready: Device | None = None
        """A whole one, which takes the ledger's place at the next open."""
        self.below: list[Entry] = []
        """What stands below the first block of a ledger that began with a snapshot; only for the checks."""
        self.was_installed = False
        self._start: Configuration | None = None

    def open(self) -> None:
        """Open what is there; a fresh one is empty.

        Raises:
            StoreError: the disk does not hold what it held.
        """
        if self.ready is not None:
            self.device, self.ready = self.ready, None
            self.was_installed = True
        self.store = self._open()
        self.hard = HardState(*self.store.hard_state)
        first = self.store.base_height
        self.entries = self.below[:first]
        self.entries += [self._read(height) for height in range(first, self.store.last_height + 1)]

    def _open(self) -> Store:
        return open_store(self.device)

    def opened(self, start: Configuration | None) -> None:
        """The chain has been opened on the store: a fresh one holds the genesis block now.

        `start` are the members at the first block, if that is not the genesis block.
        """
        self._start = start
        if self._promised is not None:
            self.store.append(hard=_plain(self._promised))
            self._promised = None
        self.hard = HardState(*self.store.hard_state)
        if not self.entries:
            self.entries = [self._read(0)]

    def _read(self, height: int) -> Entry:
        data = self.store.block(height)
        assert data is not None, "within the log"
        return self._parse(data)

    @property
    def first_index(self) -> int:
        """The genesis block, or that of the snapshot with which this ledger began."""
        return self.store.base_height

    def configurations(self) -> list[tuple[int, Configuration]]:
        """The changes of the members above the genesis block."""
        found = [(entry.index, entry.configuration) for entry in self.entries[self.first_index + 1 :]]
        return [(index, members) for index, members in found if members is not None]

    @property
    def start_configuration(self) -> Configuration | None:
        """The members at the first block; None for those of the genesis block."""
        return self._start

    def compact(self, point: SnapshotPoint) -> None:
        """Nothing is compacted."""

    @property
    def last_index(self) -> int:
        """The newest durable index."""
        return self.store.last_height

    @property
    def applied(self) -> int:
        """Height of the applied ledger."""
        return self.store.applied_height

    def term(self, index: int) -> int | None:
        """The term of a durable entry."""
        entry = self.entry(index)
        return None if entry is None else entry.term

    def entry(self, index: int) -> Entry | None:
        """A durable entry, as the store reads it."""
        data = self.store.block(index) if index >= self.first_index else None
        return None if data is None else self._parse(data)

    def certificate(self, index: int) -> Certificate | None:
        """The certificate of exactly this height."""
        data = self.store.certificate(index)
        if data is None:
            return None
        kept = ledger_certificate.Certificate.from_value(codec.decode(data))
        return Certificate(kept.term, kept.height, kept.block_hash, kept.acks)

    def submit(self, group: list[Work]) -> None:
        """A synced write begins."""
        self._group = group

    def complete(self, group: list[Work]) -> None:
        """The write has ended, and with it everything before it is durable.

        Raises:
            StoreError: the disk refuses.
        """
        self._group = None
        self._append(group)
        truncate_from = group[0].truncate_from
        if truncate_from is not None:
            del self.entries[truncate_from:]
        for work in group:
            self.entries.extend(work.stored)
        if len(self.entries) != self.store.last_height + 1:
            raise Violation("storage_order", f"the log ends at {self.store.last_height}")
        self.hard = HardState(*self.store.hard_state)

    def _append(self, group: list[Work]) -> None:
        """`node.loop.appender.Appender._write`."""
        hard = next((work.hard for work in reversed(group) if work.hard is not None), None)
        blocks = [(entry.index, entry.data) for work in group for entry in work.stored]
        truncate_from = group[0].truncate_from
        if hard is not None or blocks or truncate_from is not None:
            self.store.append(blocks, truncate_from, None if hard is None else _plain(hard))

    def commit(self, certificate: Certificate) -> None:
        """The chain writes its commits itself."""

    def crash(self, draw: Random) -> None:
        """The process ends, with the power or without; a part of what was not durable stays."""
        group, self._group = self._group, None
        if group is not None:
            self.device.cut_after = draw.randrange(MAX_POINTS)
            try:
                self._append(group)
            except PowerCut:
                self._count("crash amid an append")
            except StoreError:
                self._count("crash after a failed write")
        found = self.device.lose_power(draw)
        if found is not None:
            self._count(found)
        self.store.close()
        if self.incoming is not None and self.incoming.lose_power(draw) is not None:
            self._count("incoming snapshot cut")

    def fail(self) -> None:
        """Syncs fail until the next open."""
        self.device.fails = True

    @property
    def is_failing(self) -> bool:
        """Whether syncs fail."""
        return self.device.fails

    def flip_bit(self, draw: Random) -> None:
        """Change one bit of what is durable."""
        self._count(f"bit flipped in {self.device.flip_bit(draw)}")

    def wipe(self) -> None:
        """The disk is replaced by an empty one; the operator says so when the node starts."""
        self.device = Device()
        self.incoming = self.ready = None
        self.below = []
        self.mute_until = FOR_EVER

    def lose_tail(self, draw: Random) -> None:
        """Lose a batch that was durable; the mark tells."""
        device = self.device
        if device.synced:
            device.log[device.synced - 1].damage = 1
            self._count("durable entries lost")

    def rewind(self, draw: Random) -> None:
        """Lose what is not applied, and hide that it was ever there."""
        try:
            store = open_store(self.device)
        except StoreError:
            return
        end, applied = store.last_height, store.applied_height
        kept = draw.randrange(max(applied, 0), end + 1) if end >= 0 else end
        if kept < end:
            store.append(truncate_from=kept + 1)
            self._count("acknowledged blocks forgotten")

    def repair(self) -> None:
        """What a damaged disk held is fetched again from the others: only the durable mark is kept."""
        mark = self.mark
        muted = self.mute_until or 0
        self.wipe()
        self.mute_until = max(mark.height, muted)
        self._promised = HardState(mark.term, mark.vote, mark.accepted)

    @property
    def mark(self) -> Mark:
        """The durable mark."""
        return self.device.slots[self.device.newest]

    def close(self) -> None:
        """The run is over."""

    def _count(self, what: str) -> None:
        self.counted[what] = self.counted.get(what, 0) + 1


def _plain(hard: HardState) -> tuple[int, str | None, int]:
    return (hard.term, hard.vote, hard.accepted)


class FolderDisk(LedgerDisk):
    """The same on LevelDB in a folder. Nothing is synced there by the machine: crashes cut files."""

    def __init__(self, parse: Parse, folder: Path) -> None:
        super().__init__(parse)
        self._folder = folder
        self._synced: dict[str, int] = {}
        """The log's files and how many bytes of them are durable."""
        self._is_open = False

    def _open(self) -> Store:
        self.close()
        opened = Store.open(self._folder)
        self._is_open = True
        self._note_synced()
        return opened

    def opened(self, start: Configuration | None) -> None:
        super().opened(start)
        self._note_synced()

    def _note_synced(self) -> None:
        logs = (self._folder / "db").glob("*.log")
        self._synced = {log.name: log.stat().st_size for log in logs}

    def complete(self, group: list[Work]) -> None:
        if self.device.fails:
            raise StoreError("the database cannot be written", found="no space left on device")
        super().complete(group)
        self._note_synced()

    def crash(self, draw: Random) -> None:
        group, self._group = self._group, None
        if group is not None and not self.device.fails and draw.random() < 0.5:
            self._append_but_mark(group, draw)
        self.device.fails = False
        self.close()
        for log in (self._folder / "db").glob("*.log"):
            durable, size = self._synced.get(log.name, 0), log.stat().st_size
            kept = draw.randrange(durable, size + 1)
            if kept < size:
                self._count("log file cut")
                with log.open("r+b") as file:
                    file.truncate(kept)

    def _append_but_mark(self, group: list[Work], draw: Random) -> None:
        """The power goes before the durable mark is written, or only then."""

        def cut(_mark: Mark) -> None:
            raise PowerCut

        try:
            if draw.random() < 0.5:
                self.store._write_mark = cut  # type: ignore[method-assign]
            self._append(group)
            self._note_synced()
        except PowerCut:
            self._count("crash amid an append")

    def flip_bit(self, draw: Random) -> None:
        files = sorted([*(self._folder / "db").glob("*.log"), *(self._folder / "db").glob("*.ldb")])
        files = [file for file in files if file.stat().st_size]
        if not files:
            return
        chosen = files[draw.randrange(len(files))]
        place = draw.randrange(chosen.stat().st_size)
        with chosen.open("r+b") as file:
            file.seek(place)
            byte = file.read(1)[0]
            file.seek(place)
            file.write(bytes([byte ^ (1 << draw.randrange(8))]))
        self._count(f"bit flipped in {chosen.suffix}")

    def wipe(self) -> None:
        self.close()
        shutil.rmtree(self._folder)
        self._synced.clear()
        self.mute_until = FOR_EVER

    def lose_tail(self, draw: Random) -> None:
        """Cut the log's file below what was synced."""
        for log in (self._folder / "db").glob("*.log"):
            with log.open("r+b") as file:
                file.truncate(draw.randrange(log.stat().st_size + 1))
            self._count("durable entries lost")

    @property
    def mark(self) -> Mark:
        file = MarkFile.open(self._folder / "mark")
        file.close()
        return file.mark

    def close(self) -> None:
        if self._is_open:
            self._is_open = False
            self.store.close()
