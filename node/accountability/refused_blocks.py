"""Blocks of a leader that could not be reproduced: kept beside the ledger, as evidence (CR-77)."""

from __future__ import annotations

from pathlib import Path

from consensus.messages import Entry
from node.limits import MAX_REFUSED_BLOCKS

REFUSED_FOLDER = "refused"
"""Of the data folder."""


def keep(data_dir: Path, entry: Entry) -> str:
    """Write the block's bytes, if there is room; the name of the file, or why there is none, for people."""
    folder = data_dir / REFUSED_FOLDER
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if sum(1 for _ in folder.iterdir()) >= MAX_REFUSED_BLOCKS:
            return "no (the folder is full)"
        path = folder / f"{entry.index}-{entry.hash.hex()[:16]}.block"
        path.write_bytes(entry.data)
    except OSError as error:
        return f"no ({error.strerror})"
    return path.name
