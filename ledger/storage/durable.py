"""Files that are on the disk when the call returns; what they raise is the system's own OSError.

A file is durable once its bytes are synced *and* the folder that names it is: after a crash the
name of a file that was made, renamed or removed may otherwise be gone, or there again.
"""

from __future__ import annotations

import os
from pathlib import Path


def sync_folder(folder: Path) -> None:
    """Make what was made, renamed or removed in a folder durable.

    Raises:
        OSError: the disk refuses.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_file(path: Path, data: bytes) -> None:
    """Write a file, durably; a crash may leave part of it.

    Raises:
        OSError: the disk refuses.
    """
    _write(path, data)
    sync_folder(path.parent)


def replace_file(path: Path, data: bytes) -> None:
    """Write a file, durably: after a crash it is the new one, or as it was before.

    Raises:
        OSError: the disk refuses.
    """
    unfinished = path.with_suffix(".new")
    _write(unfinished, data)
    unfinished.replace(path)
    sync_folder(path.parent)


def rename(source: Path, target: Path) -> None:
    """Rename a file or folder within its folder, durably.

    Raises:
        OSError: the disk refuses.
    """
    source.rename(target)
    sync_folder(target.parent)


def _write(path: Path, data: bytes) -> None:
    with path.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
