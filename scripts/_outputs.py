"""Files that a command writes when its work is done: tried before, or the work may be done for nothing."""

from __future__ import annotations

from pathlib import Path


def require_writable(*paths: Path) -> None:
    """Refuse a place that nothing can be written to; a file that is there stays as it is.

    Raises:
        OSError: why not, with the path.
    """
    for path in paths:
        is_new = not path.exists()
        path.open("ab").close()
        if is_new:
            path.unlink()
