"""Whether a data folder still holds what its node promised.

A node id belongs to one disk. Whoever votes or acknowledges binds itself for the future, and a
node that has forgotten what it promised can break that promise without knowing it: a vote
given twice, an acknowledged block denied. So a folder says of itself where it stands:

| the folder holds | means |
|---|---|
| `fresh` | prepared for a node that has never run, and used by none yet |
| `boot` and `ledger/` | the node has run here, and its ledger is here |
| `lost` | the node has run somewhere under this id, and what it signed then is not here |
| anything else | as `lost`: nobody prepared this folder, or something was taken out of it |

`tally network up` and `tally network add-node` prepare a folder once. A node on a `lost` folder
takes the log and serves reads, but neither votes nor acknowledges, for ever (CR-76). It comes
back under a new id: `tally network readmit`.
"""

from __future__ import annotations

import os
from pathlib import Path

from node.errors import SettingsError
from node.raft_storage import has_booted

FRESH, LOST = "fresh", "lost"
LEDGER_FOLDER = "ledger"
"""Of the data folder."""


def prepare(data_dir: Path) -> None:
    """Make a folder for a node that has never run; one that exists is not touched.

    Raises:
        FileExistsError: it exists.
    """
    data_dir.mkdir(parents=True)
    _write(data_dir / FRESH, "")


def has_lost_data(data_dir: Path) -> bool:
    """Whether the node of this folder may have promised what is not here; the answer is kept.

    Raises:
        SettingsError: the folder cannot be read or written.
    """
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        if (data_dir / LOST).exists():
            return True
        if has_booted(data_dir):
            is_lost = not (data_dir / LEDGER_FOLDER).exists()
        else:
            is_lost = not (data_dir / FRESH).exists() or (data_dir / LEDGER_FOLDER).exists()
        if is_lost:
            _write(data_dir / LOST, "what this node signed is not in this folder\n")
    except OSError as error:
        raise SettingsError(
            f"cannot use {data_dir}", field="data_dir", found=error.strerror or str(error)
        ) from None
    return is_lost


def begin(data_dir: Path) -> None:
    """The node runs from now on: the folder is fresh no more. After the start was counted durably."""
    (data_dir / FRESH).unlink(missing_ok=True)


def _write(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
