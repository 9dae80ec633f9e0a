"""The file that a node's consensus trace goes to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from node.errors import SettingsError
from node.trace_file import READ_BYTES, TraceFile


def test_events_are_in_the_file_before_the_core_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "trace-n1.jsonl"
    trace = TraceFile(path)
    trace({"ev": "boot", "seq": 1})
    trace({"ev": "send", "seq": 2})
    first, second = map(json.loads, path.read_text().splitlines())
    assert (first["seq"], second["seq"]) == (1, 2)
    assert 0 < first["t"] <= second["t"]
    trace.close()
    trace({"ev": "send", "seq": 3})
    assert len(path.read_text().splitlines()) == 2


@pytest.mark.parametrize("torn", ["", "{", '{"ev":"se', "x" * (2 * READ_BYTES + 5)])
@pytest.mark.parametrize("whole", ["", '{"seq":1}\n', '{"seq":1}\n{"seq":2}\n'])
def test_a_torn_line_is_cut_off_and_the_file_goes_on(tmp_path: Path, whole: str, torn: str) -> None:
    path = tmp_path / "trace.jsonl"
    path.write_text(whole + torn)
    TraceFile(path)({"seq": 9})
    lines = path.read_text().splitlines()
    assert lines[:-1] == whole.splitlines()
    assert json.loads(lines[-1])["seq"] == 9


def test_a_file_that_cannot_be_written_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as refused:
        TraceFile(tmp_path)
    assert refused.value.field == "trace_file"


def test_a_full_disk_ends_the_trace_and_not_the_node(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    path = tmp_path / "trace.jsonl"
    trace = TraceFile(path)
    trace._file = Path("/dev/full").open("ab", buffering=0)  # noqa: SIM115 (the trace closes it)
    trace({"seq": 1})
    trace({"seq": 2})
    assert trace._file is None


def test_the_start_after_a_trace_that_ended_says_that_there_is_a_gap(tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    path = tmp_path / "trace.jsonl"
    trace = TraceFile(path)
    trace({"ev": "boot", "boot": 1, "seq": 1})
    trace._file = Path("/dev/full").open("ab", buffering=0)  # noqa: SIM115 (the trace closes it)
    trace({"ev": "drop", "boot": 1, "seq": 2})
    for boot in (2, 3):
        again = TraceFile(path)
        again({"ev": "boot", "boot": boot, "seq": 1})
        again({"ev": "drop", "boot": boot, "seq": 2})
        again.close()
    events = [json.loads(line) for line in path.read_text().splitlines()]
    assert [(event["boot"], event["seq"]) for event in events if event.get("gap")] == [(2, 1)]
