"""Structured logs: one JSON object a line, to a file or to the standard error output."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import TextIO

import structlog

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
        stream = file.open("a", encoding="utf-8", buffering=1)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.WriteLoggerFactory(file=stream),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(node=node)
    handler = _ToStructlog(level=max(_LEVELS[level], logging.WARNING))
    logging.basicConfig(handlers=[handler], level=handler.level, force=True)


class _ToStructlog(logging.Handler):
    """Warnings of libraries in the same form as ours."""

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger(component=record.name).log(
            record.levelno, "library", message=record.getMessage(), exc_info=record.exc_info
        )
