"""The demonstration, played as a newcomer plays it, twice in one folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tally_process import Tally

from clients import network
from clients.cli.exits import USAGE
from clients.story import run
from clients.story.stage import Stage

TIMEOUT_S = 150


def _play(folder: Path) -> tuple[dict[str, Any], str]:
    ended = subprocess.run(
        [sys.executable, "-m", "clients.story", "--once", "--json", "--dir", str(folder)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        env={name: value for name, value in os.environ.items() if not name.startswith("TALLY_")},
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "Traceback" not in ended.stdout + ended.stderr
    return json.loads(ended.stdout.splitlines()[-1]), ended.stdout


@pytest.mark.timeout(2 * TIMEOUT_S)
def test_the_story_is_told_whole_and_can_be_told_again(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    summary, told = _play(folder)
    chapters = summary["chapters"]
    assert summary["ok"] is True
    assert [node["organisation"] for node in summary["nodes"]] == ["scms", "meridian-bank", "scf-operator"]
    assert "SIMULATED" in told
    assert "simulated" in chapters["trade"]["payments"]
    assert chapters["trade"]["operations"]["order.issue"] == 279
    assert chapters["finance"]["history"]["complete"] is True
    assert [refusal["code"] for refusal in chapters["finance"]["refusals"]] == [
        "already_financed",
        "duplicate_invoice",
    ]
    assert chapters["e_invoice"]["gross"] == 467_500
    assert chapters["failover"]["acknowledged"] >= 60
    assert chapters["failover"]["missing"] == chapters["failover"]["doubled"] == 0
    assert chapters["tampering"]["exit_code"] == 1
    assert len(chapters["tampering"]["files"]) == 3
    assert not any(node.is_running for node in network.Network.load(folder).nodes)

    # Every receipt of a party is a proof that it can use without any node.
    receipts = sorted((folder / "receipts" / "aurobindo").glob("*.receipt"))[:20]
    assert receipts
    tally = Tally(tmp_path)
    tally.run("verify", *receipts, "--genesis", folder / "genesis.block")

    again, _ = _play(folder)
    assert again["reused"] is True
    assert again["channel"] == summary["channel"]
    assert again["chapters"]["trade"]["transactions"] == 0
    assert again["chapters"]["finance"]["financed"] == chapters["finance"]["financed"]
    assert again["chapters"]["failover"]["height"] > chapters["failover"]["height"]


def test_a_file_that_is_missing_ends_the_story_with_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def miss(_stage: object) -> None:
        (tmp_path / "invoice.quote").read_bytes()

    monkeypatch.setattr(run, "_play", miss)
    monkeypatch.setattr(run.signal, "signal", lambda *_: None)
    assert run.main(["--dir", str(tmp_path), "--once", "--json"]) == USAGE
    shown = capsys.readouterr()
    error = json.loads(shown.out.splitlines()[-1])["error"]
    assert (error["code"], error["found"]) == ("system", "No such file or directory")
    assert "invoice.quote" in error["message"] + shown.err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_whoever_asks_twice_for_the_end_still_gets_it_in_order(number: signal.Signals) -> None:
    """A second Ctrl-C while the nodes are stopping: they are waited for, and no trace is shown."""
    notes: list[str] = []

    class Stopping:
        screen = SimpleNamespace(note=notes.append)

        def close(self) -> list[str]:
            os.kill(os.getpid(), number)
            return ["n1"]

    before = [(each, signal.getsignal(each)) for each in (signal.SIGINT, signal.SIGTERM)]
    try:
        run._close(cast(Stage, Stopping()))
    finally:
        for each, handler in before:
            signal.signal(each, handler)
    assert notes == ["Stopped n1."]
