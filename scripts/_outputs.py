"""What a command writes when its work is done, tried before, or the work may be done for nothing."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Collection
from pathlib import Path

from rich.console import Console

from clients.cli.exits import INTERRUPTED, USAGE
from ledger.errors import TallyError


def ended(work: Callable[[Console], int]) -> int:
    """Do the work of a command that writes at its end alone; its exit code.

    What files and their system refuse ends it with a sentence, and so does Ctrl-C.
    """
    console = Console(stderr=True, soft_wrap=True)
    try:
        return work(console)
    except TallyError as error:
        console.print(f"{error}. {error.remedy}".rstrip(), style="red", markup=False)
    except OSError as error:
        console.print(str(error), style="red", markup=False)
    except KeyboardInterrupt:
        console.print("Interrupted.")
        return INTERRUPTED
    return USAGE


def require_writable(*paths: Path, apart_from: Collection[Path] = ()) -> None:
    """Refuse a place that nothing can be written to; a file that is there stays as it is.

    Args:
        paths: what is going to be written.
        apart_from: what is read, each a file that is there: it is not written over.

    Raises:
        OSError: why not, with the path, and what to do.
    """
    if len({path.resolve() for path in paths}) < len(paths):
        raise OSError(f"{paths[0]} is named twice: each of what is written needs a file of its own")
    for path in paths:
        is_new = not path.exists()
        if not is_new and any(path.samefile(read) for read in apart_from):
            raise OSError(f"{path} is read: it cannot be what is written too; name another file")
        try:
            path.open("ab").close()
            if is_new:
                path.unlink()
        except OSError as error:
            raise OSError(
                f"cannot write to {path}: {error.strerror}; name a file in a folder that is there and that "
                "you may write to"
            ) from None


def say(text: str) -> None:
    """Write text to standard output; whoever stopped reading it wants no more.

    Raises:
        OSError: it takes nothing.
    """
    try:
        print(text, flush=True)
    except OSError as error:
        # What the buffer still holds would be written, and refused, once more at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        if not isinstance(error, BrokenPipeError):
            raise OSError(
                f"cannot write to standard output: {error.strerror}; check its free space"
            ) from None
