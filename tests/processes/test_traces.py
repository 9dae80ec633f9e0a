"""A real network writes its traces, and they break no rule: CI's judgement of what really runs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from tally_process import Tally, wait_until

from clients import network

CHECK = Path(__file__).parents[2] / "scripts" / "_check_trace.py"


@pytest.fixture
def tally(tmp_path: Path) -> Iterator[Tally]:
    yield Tally(tmp_path)
    if (tmp_path / "net" / "network.json").exists():
        network.down(network.Network.load(tmp_path / "net"))


def test_the_traces_of_a_network_whose_leader_is_killed_break_no_rule(tally: Tally, tmp_path: Path) -> None:
    tally.run("network", "up", "--nodes", 3, "--dir", "net", "--trace", "--detach")
    _invoice(tally, 1)
    nodes = tally.json("network", "status", "--dir", "net")["nodes"]
    leader = next(node for node in nodes if node["status"]["role"] == "leader")
    os.kill(leader["pid"], signal.SIGKILL)
    _invoice(tally, 2)
    tally.run("node", "start", leader["id"], "--dir", "net")
    _invoice(tally, 3)
    wait_until(lambda: len(_heights(tmp_path)) == 1, "the same height on every node")
    tally.run("network", "down", "--dir", "net")

    files = sorted((tmp_path / "net" / "nodes").glob("*/trace-*.jsonl"))
    assert [path.name for path in files] == ["trace-n1.jsonl", "trace-n2.jsonl", "trace-n3.jsonl"]
    ended = subprocess.run(
        [sys.executable, str(CHECK), "--json", *map(str, files)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    report = json.loads(ended.stdout)
    assert (ended.returncode, report["violations"]) == (0, [])
    assert (report["nodes"], report["unobserved"]) == (["n1", "n2", "n3"], [])
    missing = {rule for rule, count in report["exercised"].items() if not count}
    assert {rule for rule in missing if rule[0] not in "SMR"} <= {"L4", "L6", "L7"}


def test_a_node_run_by_hand_writes_the_trace_that_it_is_told_to(tally: Tally, tmp_path: Path) -> None:
    network.create(
        tmp_path / "net",
        nodes=1,
        base_port=None,
        organisations=network.DEFAULT_ORGANISATIONS,
        parameters=None,
        name="one",
    )
    config = tmp_path / "net" / "nodes" / "n1" / "node.toml"
    running = tally.start("node", "run", "--config", config, "--trace", "mine.jsonl")
    try:
        trace = tmp_path / "mine.jsonl"
        wait_until(lambda: trace.exists() and '"ev":"commit"' in trace.read_text(), "its first commit")
    finally:
        running.terminate()
        running.communicate(timeout=60)
    ended = subprocess.run([sys.executable, str(CHECK), str(trace)], capture_output=True, check=False)
    assert ended.returncode == 0, ended.stdout


def _invoice(tally: Tally, number: int) -> None:
    tally.run(
        *("invoice", "submit", f"R-{number}", "--buyer", "anchor", "--issued", "2024-01-01", "--due"),
        *("2024-02-01", "--line", f"1:1:{number}.00 EUR", "--profile", "net/profiles/supplier.json"),
    )


def _heights(folder: Path) -> set[object]:
    found = [entry["status"] for entry in network.status(network.Network.load(folder / "net"))]
    return {(status["applied_height"], status["head"]) if status else () for status in found}
