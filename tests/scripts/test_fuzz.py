"""`scripts/fuzz`: what tried nothing does not end as if nothing had been found."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "scripts"))

import _fuzz  # noqa: E402


@pytest.mark.parametrize(
    ("arguments", "code"), [(["--cases", "0"], 2), (["--minutes", "0"], 2), (["--cases", "1"], 0)]
)
def test_a_run_without_a_case_is_told_from_one_without_a_finding(
    arguments: list[str], code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["scripts/fuzz", "--target", "value", *arguments])
    assert _fuzz.main() == code
    assert ("nothing was tried" in capsys.readouterr().err) == (code == 2)
