"""Files that a command writes when its work is done: tried before, or the work may be done for nothing."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path


def require_writable(*paths: Path, apart_from: Collection[Path] = ()) -> None:
    """Refuse a place that nothing can be written to; a file that is there stays as it is.

    Args:
        paths: what is going to be written.
        apart_from: what is read, each a file that is there: it is not written over.

    Raises:
        OSError: why not, with the path.
    """
    if len({path.resolve() for path in paths}) < len(paths):
        raise OSError(f"{paths[0]} is named twice: each of what is written needs a file of its own")
    for path in paths:
        is_new = not path.exists()
        if not is_new and any(path.samefile(read) for read in apart_from):
            raise OSError(f"{path} is read: it cannot be what is written too; name another file")
        path.open("ab").close()
        if is_new:
            path.unlink()
