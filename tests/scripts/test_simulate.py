"""`scripts/simulate`: what would try nothing is refused, and never reported as a run that broke no rule."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "scripts"))

import _simulate  # noqa: E402
from simulator.plan import plan_of, to_json  # noqa: E402
from simulator.world import World  # noqa: E402


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--seeds", "0"], "nothing is tried"),
        (["--steps", "0"], "nothing is tried"),
        (["--steps", "-5"], "nothing is tried"),
        (["--nodes", "2"], "from 3 to 7"),
        (["--faults", "gravity"], "gravity is none of"),
        (["--trace", "nowhere/trace.jsonl"], "no file can be written"),
        (["--replay", "nowhere.json"], "is no failure"),
        (["--replay", "junk"], "is no failure"),
        (["--replay", "list.json"], "is no failure"),
        (["--replay", "other.json"], "is no failure"),
    ],
)
def test_what_tries_nothing_is_refused(
    arguments: list[str],
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("junk").write_bytes(b"\xff\xfe")
    Path("list.json").write_text("[1]")
    Path("other.json").write_text('{"plan": {"soil": 1}, "digest": ""}')
    monkeypatch.setattr(sys, "argv", ["scripts/simulate", *arguments])
    with pytest.raises(SystemExit) as ended:
        _simulate.main()
    assert ended.value.code == 2
    assert said in " ".join(capsys.readouterr().err.split())


def test_a_written_run_is_played_again_step_for_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = plan_of(3, steps=40)
    written = tmp_path / "run.json"
    digest = World(plan).run().digest
    written.write_text(json.dumps({"rule": "none", "digest": digest, "plan": to_json(plan)}))
    monkeypatch.setattr(sys, "argv", ["scripts/simulate", "--replay", str(written), "--json"])
    assert _simulate.main() == 0
    assert json.loads(capsys.readouterr().out) == {"rule": None, "digest": digest, "same": True}
