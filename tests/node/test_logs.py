"""A log whose disk is full loses lines, and stops nothing."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from node.limits import MAX_LOGGED_KINDS, REFUSAL_LOG_S
from node.logs import Lossy, ToStructlog


class Full:
    """A stream whose disk is full for a while."""

    def __init__(self) -> None:
        self.is_full = False
        self.text = ""

    def write(self, text: str) -> int:
        if self.is_full:
            self.text += text[: len(text) // 2]
            raise OSError(28, "No space left on device")
        self.text += text
        return len(text)

    def flush(self) -> None:
        pass


def test_lines_that_found_no_room_are_counted_and_told_of() -> None:
    stream = Full()
    log = Lossy(stream)  # type: ignore[arg-type]
    log.write('{"event":"one"}\n')
    stream.is_full = True
    log.write('{"event":"two"}\n')
    log.write('{"event":"three"}\n')
    stream.is_full = False
    log.write('{"event":"four"}\n')
    log.write('{"event":"five"}\n')
    lines = [line for line in stream.text.splitlines() if line.endswith("}")]
    assert [json.loads(line) for line in lines] == [
        {"event": "one"},
        {"event": "log_lines_lost", "lines": 2, "level": "error"},
        {"event": "four"},
        {"event": "five"},
    ]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_process_logs_to_a_full_disk_without_an_error() -> None:
    program = (
        "import structlog; from pathlib import Path; from node import logs;"
        "logs.configure('n1', Path('/dev/full'), 'info');"
        "[structlog.get_logger(component='x').error('said', n=n) for n in range(3)]; print('went on')"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout) == (0, "went on\n"), ended.stderr


def test_a_warning_of_a_library_that_strangers_cause_is_written_once_a_minute() -> None:
    now_s = [100.0]
    handler = ToStructlog(logging.WARNING, lambda: now_s[0])

    def said(message: str, *values: object) -> None:
        handler.handle(logging.LogRecord("uvicorn.error", logging.WARNING, "", 0, message, values, None))

    with capture_logs() as written:
        for number in range(1_000):
            said("Invalid HTTP request received.")
            said("of %s", number)
        now_s[0] += REFUSAL_LOG_S
        said("Invalid HTTP request received.")
    assert [(line["message"], line["times"]) for line in written] == [
        ("Invalid HTTP request received.", 1),
        ("of 0", 1),
        ("Invalid HTTP request received.", 1_000),
    ]
    with capture_logs() as written:
        for number in range(2 * MAX_LOGGED_KINDS):
            said(f"another {number}")
    assert len(handler._said) <= MAX_LOGGED_KINDS
