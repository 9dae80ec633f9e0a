"""Reports, the order of events, and `scripts/check-trace` as a person runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from trace_script import Script, begun, confirm, entry, replicate

from consensus.conformance import RULES, Checker, Event, merge

COMMAND = Path(__file__).parents[3] / "scripts" / "_check_trace.py"


def test_a_torn_last_line_is_legal_and_a_broken_rule_is_named(tmp_path: Path) -> None:
    script, n1, n2, n3 = begun()
    replicate(n1, [n2, n3], entry(2, 1))
    files = _write(tmp_path, script)
    with files[0].open("a") as file:
        file.write('{"v":1,"ev":"se')
    ended = _run(*files)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "No rule was broken." in ended.stdout
    assert "Not tested by this run: " in ended.stdout

    n2.commits(3)
    ended = _run(*_write(tmp_path, script))
    assert ended.returncode == 1
    assert "C1 at n2 boot 1 seq" in ended.stdout


def test_the_report_as_json_counts_how_often_each_rule_was_exercised(tmp_path: Path) -> None:
    script, *_ = begun()
    ended = _run(*_write(tmp_path, script), "--json")
    assert ended.returncode == 0
    report = json.loads(ended.stdout)
    assert (report["ok"], report["events"]) == (True, len(script.events))
    assert set(report["exercised"]) == set(RULES)
    assert report["exercised"]["T7"] == 1
    assert report["exercised"]["S1"] == 0


def test_one_file_for_all_nodes_is_read_in_any_order(tmp_path: Path) -> None:
    script, *_ = begun()
    merged = tmp_path / "merged.jsonl"
    merged.write_text("".join(json.dumps(event) + "\n" for event in script.events))
    assert _run(merged).returncode == 0
    joined = tmp_path / "joined.jsonl"
    joined.write_text("".join(path.read_text() for path in reversed(_write(tmp_path, script))))
    assert _run(joined).returncode == 0


def test_a_file_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    ended = _run(tmp_path / "none.jsonl")
    assert ended.returncode == 2
    assert "none.jsonl" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_line_that_is_no_event_is_rule_e3(tmp_path: Path) -> None:
    script, *_ = begun()
    (path, *others) = _write(tmp_path, script)
    path.write_text("not JSON\n" + path.read_text())
    ended = _run(path, *others, "--json")
    assert json.loads(ended.stdout)["broken"] == {"E3": 1}


def test_what_an_unobserved_member_sent_is_not_held_against_anybody() -> None:
    script, n1, n2, _ = begun()
    n1.emits("read_start", rid="n2.1.r", index=1)
    n2.emits("read_ready", rid="n2.1.r", index=1)
    checker = Checker()
    for event in script.events:
        if event["node"] != "n1":
            checker.feed(event)
    report = checker.finish()
    assert report.ok, [str(each) for each in report.violations]
    assert report.unobserved == ["n1"]


@pytest.mark.parametrize("told", [True, False])
def test_what_a_node_did_while_its_trace_had_ended_is_not_held_against_anybody(told: bool) -> None:
    script, n1, n2, n3 = begun()
    seen = len(script.events)
    n1.emits("read_start", rid="n2.1.r", index=1)
    replicate(n1, [n2, n3], entry(2, 1))
    n2.emits("read_ready", rid="n2.1.r", index=1)
    script.events[seen:] = [event for event in script.events[seen:] if event["node"] != "n1"]
    n1.boots(**({"gap": True} if told else {}))
    report = script.judge()
    assert set(report.broken) == (set() if told else {"G1", "R2"})
    assert report.unobserved == (["n1"] if told else [])


def test_of_events_of_one_instant_a_message_is_sent_before_it_is_received() -> None:
    script, *_ = begun()
    streams: dict[str, list[Event]] = {}
    for event in script.events:
        streams.setdefault(event["node"], []).append({**event, "t": 7})
    seen: set[str] = set()
    for event in merge(streams.values()):
        if event["ev"] == "send":
            seen.add(event["msg"]["id"])
        elif event["ev"] == "recv":
            assert event["msg"]["id"] in seen


@pytest.mark.parametrize("node", ["n1", "n2", "n3"])
def test_a_node_may_be_killed_after_any_of_its_events(node: str) -> None:
    script, n1, n2, n3 = begun()
    replicate(n1, [n2, n3], entry(2, 1))
    confirm(n1, n2)
    for cut in range(1, script.writers[node].seq):
        checker = Checker()
        left = cut
        for event in script.events:
            if event["node"] == node:
                left -= 1
                if left < 0:
                    continue
            checker.feed(event)
        broken = set(checker.finish().broken)
        assert broken <= {"G1", "Q4"}, "others heard what the file does not tell, and nothing else is wrong"


def test_files_without_an_event_are_no_run_that_broke_no_rule(tmp_path: Path) -> None:
    empty, torn, deep = (tmp_path / name for name in ("empty", "torn", "deep"))
    empty.touch()
    torn.write_text('{"v":1,"ev":"bo')
    for files in ((empty,), (torn,), (empty, torn)):
        ended = _run(*files)
        assert ended.returncode == 2
        assert "nothing was judged" in ended.stderr
        assert not ended.stdout
    deep.write_text("[" * 100_000 + "\n")
    ended = _run(empty, deep)
    assert ended.returncode == 1
    assert "Broken: E3" in ended.stdout


def _write(folder: Path, script: Script) -> list[Path]:
    paths = []
    for name in script.writers:
        path = folder / f"trace-{name}.jsonl"
        lines = [json.dumps(event) + "\n" for event in script.events if event["node"] == name]
        path.write_text("".join(lines))
        paths.append(path)
    return paths


def _run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(COMMAND), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
