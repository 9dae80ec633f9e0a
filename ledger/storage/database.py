"""LevelDB: opening a database, reading and writing its rows. The only module that uses it.

What LevelDB cannot read or write is a `StoreError` that says so; after a failed write nothing more is
written, because what the disk holds is no longer known.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ledger.errors import StoreError, TallyError, store_error
from ledger.limits import (
    LEVELDB_BLOCK_BYTES,
    LEVELDB_BLOOM_BITS,
    LEVELDB_CACHE_BYTES,
    LEVELDB_FILE_BYTES,
    LEVELDB_OPEN_FILES,
    LEVELDB_WRITE_BUFFER_BYTES,
)

if sys.version_info >= (3, 13):  # plyvel has wheels up to 3.12; plyvel-next carries it on, with one interface
    import plyvel_next as plyvel
else:
    import plyvel

LOG_ASIDE = "log-set-aside"
"""Of the folder: copies of a log whose torn tail was cut off, until what is left proves whole."""

_RESTART = "Check free space and the disk's health, then restart the node; it resumes from its log."


class StoreLocked(TallyError):
    """Another process has this folder open."""

    code = "store_locked"
    remedy = "A node is already running on this folder; stop it first, or use another folder."


class Rows:
    """Reading and writing rows of a database, or reading those of a snapshot of one."""

    def __init__(self, db: Any) -> None:
        self._db = db
        self._failed = False

    def close(self) -> None:
        """Give up the handle."""
        self._db.close()

    def get(self, key: bytes) -> bytes | None:
        """The value of one row.

        Raises:
            StoreError: the disk refuses, or holds something else than was written.
        """
        try:
            value: bytes | None = self._db.get(key, verify_checksums=True)
        except plyvel.Error as error:
            raise store_error("the database cannot be read", _said(error)) from None
        return value

    def rows(
        self, start: bytes, stop: bytes, *, reverse: bool = False, check: bool = True
    ) -> Iterator[tuple[bytes, bytes]]:
        """The rows with start <= key < stop, ascending unless reversed.

        Raises:
            StoreError: the disk refuses, or holds something else than was written.
        """
        try:
            with self._db.iterator(start=start, stop=stop, reverse=reverse, verify_checksums=check) as rows:
                yield from rows
        except plyvel.Error as error:
            raise store_error("the database cannot be read", _said(error)) from None

    def batch(self, *, sync: bool = False) -> Any:
        """A batch to be put together, for `write`."""
        return self._db.write_batch(sync=sync)

    def write(self, batch: Any) -> None:
        """Write a batch; after a failed write nothing more is written.

        Raises:
            StoreError: the disk refuses.
        """
        self._check_sound()
        try:
            batch.write()
        except (plyvel.Error, OSError) as error:
            self._failed = True
            raise store_error("the database cannot be written", _said(error), remedy=_RESTART) from None

    def _check_sound(self) -> None:
        if self._failed:
            raise StoreError("the store stopped after a failed write", remedy=_RESTART)


def open_database(folder: Path, *, create: bool) -> Any:
    """Open LevelDB; a torn tail of its log is cut off, with a copy set aside until it proves harmless.

    A power cut may leave the commits after the last sync torn. LevelDB then refuses to open
    strictly. Opened leniently, it goes on without the torn batches, durable ones included if
    the damage is older: `Store.open` finds that out by the mark and by `_check_whole`.
    """
    try:
        try:
            return _leveldb(folder, create=create, strict=True)
        except plyvel.CorruptionError:
            (folder / LOG_ASIDE).mkdir(exist_ok=True)
            for log in (folder / "db").glob("*.log"):
                shutil.copy2(log, folder / LOG_ASIDE / log.name)
            _leveldb(folder, create=False, strict=False).close()
            return _leveldb(folder, create=False, strict=True)
    except plyvel.Error as error:
        if "lock" in str(error):
            raise StoreLocked("the folder is in use", found=str(folder)) from None
        raise store_error("the database cannot be opened", _said(error)) from None


def _leveldb(folder: Path, *, create: bool, strict: bool) -> Any:
    return plyvel.DB(
        str(folder / "db"),
        create_if_missing=create,
        paranoid_checks=strict,
        write_buffer_size=LEVELDB_WRITE_BUFFER_BYTES,
        max_open_files=LEVELDB_OPEN_FILES,
        max_file_size=LEVELDB_FILE_BYTES,
        lru_cache_size=LEVELDB_CACHE_BYTES,
        block_size=LEVELDB_BLOCK_BYTES,
        bloom_filter_bits=LEVELDB_BLOOM_BITS,
        compression=None,  # much of a row is hashes, and compressing costs more processor than writing
    )


def _said(error: Exception) -> str:
    """What LevelDB said: its errors hold bytes."""
    said = error.args[0] if error.args else ""
    return (said.decode(errors="replace") if isinstance(said, bytes) else str(error))[:200]
