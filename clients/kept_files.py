"""Writing what a client keeps beside its genesis file: whole or not at all, whoever else writes it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from threading import get_ident


def keep(file: Path, data: bytes) -> None:
    """Replace the file; a folder that cannot be written keeps nothing, and nothing half written stays."""
    draft = file.with_name(f"{file.name}.{os.getpid()}.{get_ident()}")
    try:
        draft.write_bytes(data)
        draft.replace(file)
    except OSError:
        with suppress(OSError):
            draft.unlink(missing_ok=True)
