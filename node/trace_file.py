"""A node's consensus trace in a file: one JSON object a line, for `scripts/check-trace`.

Each line is handed to the system before the core goes on, so what a killed node did is in its
file before anybody hears of it. Events get `t`, the clock that all processes of a machine share.
A file goes on where the last process ended; a line that it left torn is cut off first.

A trace that can no longer be written ends there, and the node goes on: it serves the operator,
not the ledger. The next start says so in its first event (`gap`), so that nobody is blamed for what
is not told; a file beside the trace keeps that in mind.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from time import monotonic_ns
from typing import IO

import structlog

from consensus.trace import Event
from node.errors import SettingsError

log = structlog.get_logger(component="trace")

GAP_SUFFIX = ".gap"
"""Of the file beside a trace that ended before its process did."""
READ_BYTES = 65_536
"""How much of a file's end is read at a time in search of its last whole line."""


class TraceFile:
    """The tracer of one node."""

    def __init__(self, path: Path) -> None:
        """Open a file to go on with.

        Raises:
            SettingsError: it cannot be written.
        """
        self.path = path
        self._gap_file = path.with_name(path.name + GAP_SUFFIX)
        self._is_after_gap = self._gap_file.exists()
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: IO[bytes] | None = path.open("ab", buffering=0)
            os.truncate(path, _end_of_whole_lines(path))
        except OSError as error:
            raise SettingsError(f"cannot write {path}", field="trace_file", found=error.strerror) from None

    def __call__(self, event: Event) -> None:
        """Write an event down."""
        file = self._file
        if file is None:
            return
        if self._is_after_gap:
            event = {**event, "gap": True}
        line = json.dumps({**event, "t": monotonic_ns()}, separators=(",", ":")).encode() + b"\n"
        try:
            written = file.write(line)
        except OSError as error:
            self._give_up(error.strerror)
            return
        if written != len(line):
            self._give_up("only a part of a line was written")
        elif self._is_after_gap:
            self._is_after_gap = False
            self._gap_file.unlink(missing_ok=True)

    def close(self) -> None:
        """Write nothing any more."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _give_up(self, reason: str | None) -> None:
        log.error("trace_ended", file=str(self.path), error=reason)
        with suppress(OSError):  # where not even an empty file can be made, the gap is not told of
            self._gap_file.touch()
        self.close()


def _end_of_whole_lines(path: Path) -> int:
    """Where the last whole line of a file ends."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        while end > 0:
            start = max(end - READ_BYTES, 0)
            file.seek(start)
            found = file.read(end - start).rfind(b"\n")
            if found >= 0:
                return start + found + 1
            end = start
    return 0
