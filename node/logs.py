"""Structured logs: one JSON object a line, to a file or to the standard error output.

A log serves the operator, not the ledger: where its disk is full, lines are lost, and nothing else.
Once there is room again `log_lines_lost` says how many.
"""

from __future__ import annotations

import io
import json
import logging
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO, cast

import structlog

from ledger.chain.value_cache import bound
from node.limits import MAX_LOGGED_KINDS, REFUSAL_LOG_S

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


def configure(node: str, file: Path | None, level: str) -> None:
    """Send all logs of this process, those of libraries included, to one place.

    Raises:
        OSError: the file cannot be written.
    """
    if file is None:
        stream: TextIO = sys.stderr
    else:
        file.parent.mkdir(parents=True, exist_ok=True)
        unbuffered = cast(Any, file.open("ab", buffering=0))
        stream = io.TextIOWrapper(unbuffered, encoding="utf-8", write_through=True)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(file=cast(TextIO, Lossy(stream))),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(node=node)
    handler = ToStructlog(level=max(_LEVELS[level], logging.WARNING))
    logging.basicConfig(handlers=[handler], level=handler.level, force=True)


class Lossy:
    """A stream of lines that never raises: what cannot be written is counted."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.lost = 0

    def write(self, line: str) -> None:
        """A whole line, or nothing."""
        if self.lost:
            said = json.dumps({"event": "log_lines_lost", "lines": self.lost, "level": "error"})
            line = f"\n{said}\n{line}"  # the last line may be torn
        try:
            self._stream.write(line)
            self._stream.flush()
        except OSError:
            self.lost += 1
        else:
            self.lost = 0

    def flush(self) -> None:
        """Every line is flushed as it is written."""


class ToStructlog(logging.Handler):
    """Warnings of libraries in the same form as ours.

    Strangers cause some of them, as often as they like: what is said again within `REFUSAL_LOG_S` is counted,
    and told with the next line of its kind.
    """

    def __init__(self, level: int, clock_s: Callable[[], float] = time.monotonic) -> None:
        super().__init__(level)
        self._clock_s = clock_s
        self._said: dict[tuple[str, str], tuple[float, int]] = {}
        """By logger and form of the message: when it was written last, and how often it was said since."""

    def emit(self, record: logging.LogRecord) -> None:
        kind, now_s = (record.name, str(record.msg)), self._clock_s()
        written_s, unwritten = self._said.get(kind, (-REFUSAL_LOG_S, 0))
        if now_s - written_s < REFUSAL_LOG_S:
            self._said[kind] = (written_s, unwritten + 1)
            return
        self._said[kind] = (now_s, 0)
        bound(self._said, MAX_LOGGED_KINDS)
        structlog.get_logger(component=record.name).log(
            record.levelno,
            "library",
            message=record.getMessage(),
            times=unwritten + 1,
            exc_info=record.exc_info,
        )
