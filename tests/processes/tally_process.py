"""`tally` as a user runs it: a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

TIMEOUT_S = 120
POLL_S = 0.05


class Tally:
    """Runs commands in one folder, without the settings of whoever runs the tests."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith("TALLY_")
        }
        self.environment["TALLY_TIMEOUT_S"] = "60"

    def command(self, *arguments: object) -> list[str]:
        return [sys.executable, "-m", "clients.cli", *map(str, arguments)]

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: object, code: int = 0) -> subprocess.CompletedProcess[str]:
        ended = subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        assert ended.returncode == code, (arguments, ended.returncode, ended.stdout, ended.stderr)
        assert "Traceback" not in ended.stdout + ended.stderr
        return ended

    def json(self, *arguments: object, code: int = 0) -> Any:
        (line,) = self.run(*arguments, "--json", code=code).stdout.splitlines()
        return json.loads(line)


def wait_until(is_so: Callable[[], bool], what: str, timeout_s: float = TIMEOUT_S) -> None:
    deadline = time.monotonic() + timeout_s
    while not is_so():
        assert time.monotonic() < deadline, f"never: {what}"
        time.sleep(POLL_S)
