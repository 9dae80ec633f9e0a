"""`scripts/replay-ledgers`: what it says of ledgers that come out as they did, and of one that does not."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests" / "contracts")]

import _replay_ledgers as script  # noqa: E402
import recorded  # noqa: E402


def run(monkeypatch: pytest.MonkeyPatch, ledgers: tuple[recorded.Recorded, ...], *arguments: str) -> int:
    """The script's exit code, on these ledgers instead of all."""
    version, _ = recorded.read()
    monkeypatch.setattr(recorded, "read", lambda: (version, ledgers))
    monkeypatch.setattr(sys, "argv", ["replay-ledgers", *arguments])
    return script.main()


def test_it_names_the_first_step_that_comes_out_otherwise(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, (first, second, *_) = recorded.read()
    assert run(monkeypatch, (first, second)) == 0
    assert capsys.readouterr().out.startswith("0 of 2 ledgers (")
    marks = bytes(recorded.MARK_BYTES) + second.marks[recorded.MARK_BYTES :]
    assert run(monkeypatch, (first, second._replace(marks=marks))) == 1
    out = capsys.readouterr().out
    assert f"ledger 1, step 0: {second.steps[0][3][0]['op']}" in out  # type: ignore[index]
    assert "1 of 2 ledgers (" in out


def test_a_ledger_of_a_campaign_is_recorded_beside_the_others(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (version, (first, *_)), file = recorded.read(), tmp_path / "ledgers.bin"
    read, write = recorded.read, recorded.write
    monkeypatch.setattr(recorded, "write", lambda ledgers: write(ledgers, file))
    assert run(monkeypatch, (first,), "--add", "7") == 0
    found, ledgers = read(file)
    assert (found, ledgers[0]) == (version, first)
    assert len(ledgers) == 2
    assert len(ledgers[1].marks) == recorded.MARK_BYTES * len(ledgers[1].steps) > 1_000
    assert list(recorded.differences(ledgers)) == []
