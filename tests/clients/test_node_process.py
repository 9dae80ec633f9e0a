"""Whether a recorded process is the node: at its beginning, in its life and after its end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from clients.network import NodeProcess


def node(pid: int, config: Path) -> NodeProcess:
    return NodeProcess("n1", "operator", pid, "", "", config.parent, config.parent, config)


def test_a_process_is_the_node_that_its_arguments_name(tmp_path: Path) -> None:
    config = tmp_path / "node.toml"
    process = subprocess.Popen([sys.executable, "-c", "input()", str(config)], stdin=subprocess.PIPE)
    assert node(process.pid, config).is_running, "also in the moment before it has its arguments"
    while not Path(f"/proc/{process.pid}/cmdline").read_bytes():
        continue
    assert node(process.pid, config).is_running
    assert not node(process.pid, tmp_path / "other.toml").is_running, "a stranger got its number"
    process.communicate(b"\n")
    assert not node(process.pid, config).is_running


def test_a_process_without_arguments_runs_if_it_has_a_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "read_bytes", lambda _: b"")
    assert node(os.getpid(), tmp_path / "node.toml").is_running, "as while it begins it"


def test_a_process_that_ended_and_was_not_waited_for_does_not_run(tmp_path: Path) -> None:
    config = tmp_path / "node.toml"
    process = subprocess.Popen([sys.executable, "-c", "", str(config)])
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert Path(f"/proc/{process.pid}/cmdline").read_bytes() == b""
    assert not node(process.pid, config).is_running
    process.wait()
