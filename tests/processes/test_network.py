"""Promises of a three-node network, checked from outside with real processes, real disks and kill -9."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tally_process import Tally, wait_until

from clients import network
from clients.errors import NetworkError
from ledger.keys import SigningKey
from ledger.storage.store import Store
from node.problem import lost_data

SCRIPTS = Path(__file__).parents[2] / "scripts"
INVOICES = 400
KILL_AFTER = 100


@pytest.fixture
def tally(tmp_path: Path) -> Iterator[Tally]:
    yield Tally(tmp_path)
    if (tmp_path / "net" / "network.json").exists():
        network.down(network.Network.load(tmp_path / "net"))


def _two_nodes(tally: Tally) -> network.Network:
    """A network of two nodes that was made and never ran."""
    return network.create(
        tally.folder / "net",
        nodes=2,
        base_port=None,
        organisations=network.DEFAULT_ORGANISATIONS,
        parameters=None,
        name="two",
    )


def _invoices(path: Path) -> set[str]:
    """A file of invoices, each over another amount; their numbers."""
    numbers = [f"R-{number:04d}" for number in range(INVOICES)]
    rows = [
        f"{number},supplier,anchor,EUR,2023-12-20,2024-02-01,1,1,{place + 1}.00,{place + 1}.00"
        for place, number in enumerate(numbers)
    ]
    header = "invoice,supplier,buyer,currency,issue_date,due_date,line,quantity,amount,gross"
    path.write_text("\n".join([header, *rows]) + "\n")
    return set(numbers)


def _leader(tally: Tally) -> Any:
    nodes = tally.json("network", "status", "--dir", "net")["nodes"]
    return next(node for node in nodes if node["status"]["role"] == "leader")


def _heads(folder: Path) -> set[tuple[Any, ...]]:
    """Where the nodes stand; several places, or none at all, until they have caught up."""
    found = [entry["status"] for entry in network.status(network.Network.load(folder / "net"))]
    return {(s["applied_height"], s["head"], s["state_root"]) if s else () for s in found}


def _index(folder: Path) -> list[dict[str, str]]:
    path = folder / "receipts" / "index.csv"
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_killing_the_leader_mid_stream_loses_and_doubles_nothing(tally: Tally, tmp_path: Path) -> None:
    told = tally.run("network", "up", "--nodes", 3, "--dir", "net", "--detach").stderr
    assert f"export TALLY_PROFILE={tmp_path / 'net/profiles/anchor.json'}; then tally" in told
    leader = _leader(tally)
    assert leader["organisation"] in ("anchor", "lender", "bank")
    numbers = _invoices(tmp_path / "invoices.csv")
    supplier = "net/profiles/supplier.json"

    importing = tally.start("import", "invoices.csv", "--profile", supplier, "--json")
    wait_until(lambda: len(_index(tmp_path)) >= KILL_AFTER, "the first receipts")
    os.kill(leader["pid"], signal.SIGKILL)
    out, err = importing.communicate(timeout=120)
    assert importing.returncode == 0, (out, err)
    summary = json.loads(out)
    assert (summary["sent"], summary["applied"], summary["refused"]) == (INVOICES, INVOICES, [])

    # Two of three are enough, and status says who is missing.
    found = tally.json("network", "status", "--dir", "net", code=3)
    assert [node["id"] for node in found["nodes"] if not node["running"]] == [leader["id"]]
    tally.run("node", "start", leader["id"], "--dir", "net")
    wait_until(lambda: len(_heads(tmp_path)) == 1, "the same head on every node")

    listed = tally.json("invoice", "list", "supplier", "--limit", 10_000, "--profile", supplier)["invoices"]
    assert len(listed) == INVOICES
    assert {entry["invoice"] for entry in listed} == numbers
    history = tally.json("history", "supplier", "anchor", "--profile", supplier, "--out", "trade.history")
    assert history["complete"] is True
    assert sorted(record["number"] for record in history["records"]) == sorted(numbers)

    # What was acknowledged before the kill is still proved, and every node serves it.
    rows = _index(tmp_path)
    assert len({row["id"] for row in rows}) == INVOICES
    receipts = [f"receipts/{row['receipt']}" for row in (rows[0], rows[KILL_AFTER - 1], rows[-1])]
    tally.run("verify", *receipts, "trade.history", "--genesis", "net/genesis.block")
    audited = tally.json("audit", "--node", leader["api"], "--genesis", "net/genesis.block")
    assert audited["transactions"] == INVOICES
    asked = ("evidence", "list", "--api", leader["api"], "--genesis", "net/genesis.block")
    assert tally.json(*asked)["evidence"] == [], "nobody lied, and the node says so"
    _check_tampered_files(tally, tmp_path, receipts[0])
    stands = _heads(tmp_path)

    # Orderly stop, then the killed node's disk: everything computed again.
    assert sorted(tally.json("network", "down", "--dir", "net")["stopped"]) == ["n1", "n2", "n3"]
    audited = tally.json("audit", "--data", leader["data"], "--genesis", "net/genesis.block")
    assert (audited["transactions"], audited["refused"], audited["records"]) == (INVOICES, 0, INVOICES + 2)
    ((height, _, state_root),) = stands
    assert audited["height"] >= height, "who leads hands over before it stops: a term's first block is empty"
    assert audited["state_root"] == state_root


def _check_tampered_files(tally: Tally, folder: Path, receipt: str) -> None:
    """One byte changed anywhere in a proof file: exit code 1, and a sentence that says why."""
    changed = []
    for name in (receipt, "trade.history"):
        content = bytearray((folder / name).read_bytes())
        content[len(content) // 3] ^= 0x20
        changed.append(folder / f"changed-{len(changed)}")
        changed[-1].write_bytes(content)
    answer = tally.json("verify", *changed, "--genesis", "net/genesis.block", code=1)
    assert [entry["proved"] for entry in answer["files"]] == [False, False]
    assert all(entry["error"]["message"] for entry in answer["files"])


def test_a_foreground_network_stops_its_nodes_on_sigterm_and_loses_nothing(
    tally: Tally, tmp_path: Path
) -> None:
    up = tally.start("network", "up", "--nodes", 3, "--dir", "net", "--json")
    try:
        assert up.stdout is not None
        described = json.loads(up.stdout.readline())
        profile = described["profiles"]["supplier"]
        tally.run(
            *("invoice", "submit", "R-1", "--buyer", "anchor", "--issued", "2024-01-01", "--due"),
            *("2024-02-01", "--line", "1:1:100.00 EUR", "--profile", profile, "--receipt", "R-1.receipt"),
        )
        # Another `up` finds everything running, and starts nothing.
        again = tally.json("network", "up", "--dir", "net", "--detach")
        assert [node["pid"] for node in again["nodes"]] == [node["pid"] for node in described["nodes"]]
        up.send_signal(signal.SIGTERM)
        _, err = up.communicate(timeout=60)
        assert up.returncode == 0, err
        assert "Traceback" not in err
    finally:
        up.kill()
    assert not any(node.is_running for node in network.Network.load(tmp_path / "net").nodes)
    for node in described["nodes"]:
        assert '"stopping"' in Path(node["log"]).read_text()
    data = described["nodes"][0]["data"]
    assert tally.json("audit", "--data", data, "--genesis", "net/genesis.block")["transactions"] == 1
    tally.run("verify", "R-1.receipt", "--genesis", "net/genesis.block")


def test_nodes_of_a_foreground_network_stop_in_order_when_it_is_killed_and_the_next_one_starts_them(
    tally: Tally, tmp_path: Path
) -> None:
    """Whoever kills the command that holds the nodes finds none of them left, and nothing to clean up."""
    first = tally.start("network", "up", "--nodes", 3, "--dir", "net", "--json")
    next_one = None
    try:
        assert first.stdout is not None
        described = json.loads(first.stdout.readline())
        # A node that another command started again belongs to the network as before, and outlives it.
        tally.run("node", "stop", "n3", "--dir", "net")
        started = tally.json("node", "start", "n3", "--dir", "net")
        first.kill()
        first.communicate(timeout=60)
        next_one = tally.start("network", "up", "--dir", "net", "--json")
        assert next_one.stdout is not None
        again = json.loads(next_one.stdout.readline())
        pids = {node["id"]: node["pid"] for node in again["nodes"]}
        assert pids["n3"] == started["pid"]
        assert all(pids[node["id"]] != node["pid"] for node in described["nodes"])
        for node in described["nodes"][:2]:
            assert '"whoever started this node is gone"' in Path(node["log"]).read_text()
        # Started again under another number, it is still one of those that Ctrl-C stops.
        tally.run("node", "stop", "n1", "--dir", "net")
        tally.run("node", "start", "n1", "--dir", "net")
        next_one.send_signal(signal.SIGINT)
        _, err = next_one.communicate(timeout=60)
        assert next_one.returncode == 0, err
        running = [node.id for node in network.Network.load(tmp_path / "net").nodes if node.is_running]
        assert running == ["n3"]
    finally:
        first.kill()
        if next_one is not None:
            next_one.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize(
    "script",
    [
        ("_bench.py", "--no-consensus", "--no-reads", "--shapes", "a", "--clients", "1", "--seconds", "300"),
        ("_chaos.py", "--minutes", "5", "--only", "kill follower"),
    ],
    ids=["bench", "chaos"],
)
def test_a_script_that_is_ended_leaves_no_nodes_behind(
    tmp_path: Path, script: tuple[str, ...], number: signal.Signals
) -> None:
    name, *options = script
    command = [sys.executable, str(SCRIPTS / name), *options, "--dir", str(tmp_path)]
    runs = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    nodes: list[network.NodeProcess] = []

    def all_run() -> bool:
        nodes[:] = [
            node
            for file in tmp_path.rglob("network.json")
            for node in network.Network.load(file.parent).nodes
        ]
        return len(nodes) == 3 and all((node.data / "addresses.json").exists() for node in nodes)

    try:
        wait_until(all_run, "three nodes")
        runs.send_signal(number)
        said, _ = runs.communicate(timeout=60)
    finally:
        runs.kill()
    wait_until(lambda: not any(node.is_running for node in nodes), "no nodes", 30)
    if number != signal.SIGKILL:
        assert runs.returncode == 130, said
        assert "Traceback" not in said
        assert list(tmp_path.iterdir()) == []


def test_a_node_that_is_stopped_ends_as_well_when_whoever_started_it_is_killed(tally: Tally) -> None:
    """It cannot notice by itself: the system wakes it."""
    runs = tally.start("network", "up", "--nodes", 3, "--dir", "net")
    try:
        wait_until(lambda: "Running" in _said(runs), "the network runs")
        nodes = network.Network.load(tally.folder / "net").nodes
        for node in nodes[:2]:
            os.kill(node.pid, signal.SIGSTOP)
    finally:
        runs.kill()
        runs.wait()
    wait_until(lambda: not any(node.is_running for node in nodes), "no nodes", 30)


def _said(process: subprocess.Popen[str]) -> str:
    """The next line that a command notes."""
    assert process.stderr is not None
    return process.stderr.readline()


def test_a_node_that_does_not_start_is_named_with_its_reason_and_the_others_are_stopped(tally: Tally) -> None:
    _two_nodes(tally)
    (tally.folder / "net" / "nodes" / "n2" / "node.key").unlink()
    error = tally.json("network", "up", "--dir", "net", "--detach", code=3)["error"]
    assert error["code"] == "node_ended"
    assert "n2" in error["message"]
    assert "node.key" in error["found"]
    known = network.Network.load(tally.folder / "net")
    assert not any(node.is_running for node in known.nodes)

    # Who has joined is not ready for long: it is enough that it answers, and it is told if it cannot run.
    started = network.start(known, only={"n1"})
    network.wait_answering(started, {"n1"})
    with pytest.raises(NetworkError) as ended:
        network.wait_answering(network.start(started, only={"n2"}), {"n2"})
    assert ended.value.code == "node_ended"
    assert "node.key" in str(ended.value.found)
    network.down(started)


def test_a_node_that_does_not_start_any_more_leaves_the_others_running(tally: Tally) -> None:
    tally.run("network", "up", "--nodes", 3, "--dir", "net", "--detach")
    tally.run("network", "down", "--dir", "net")
    (tally.folder / "net" / "nodes" / "n2" / "node.key").unlink()
    error = tally.json("network", "up", "--dir", "net", "--detach", code=3)["error"]
    assert "n2" in error["message"]
    stands = tally.json("network", "status", "--dir", "net", code=3)["nodes"]
    assert [node["id"] for node in stands if node["running"]] == ["n1", "n3"]


def test_nodes_that_wait_in_vain_for_one_that_lost_its_disk_say_so(tally: Tally) -> None:
    made = _two_nodes(tally)
    (made.nodes[1].data / "fresh").unlink()
    started = network.start(made)
    network.wait_answering(started, {"n1", "n2"})
    with pytest.raises(NetworkError) as late:
        network.wait_ready(started, timeout_s=1)
    assert late.value.message.startswith("node n1 is not ready after 1 s: no leader is known")
    assert late.value.message.endswith("; n2: " + lost_data("n2").sentence)
    network.down(started)


def test_the_ledger_of_another_node_is_not_repaired_but_named(tally: Tally) -> None:
    made = _two_nodes(tally)
    n1, n2 = made.nodes
    store = Store.open(n1.data / "ledger")
    store.claim(SigningKey.load(n2.config.with_name("node.key")).public)
    store.close()
    said = tally.run("node", "repair", "--config", n1.config, code=2)
    assert said.stderr.startswith("the folder holds the ledger of another node")
    assert not said.stdout


def test_no_outgoing_connection_takes_the_ports_of_a_node_that_is_away() -> None:
    ports = [port for _ in range(50) for port in network.free_ports()]
    with socket.create_server(("127.0.0.1", 0)) as given:
        assert max(ports) < given.getsockname()[1], "the system gives ports of its own above ours"
    assert all(port in network.PORTS for port in ports)


def test_a_reader_that_goes_away_is_no_error(tally: Tally, tmp_path: Path) -> None:
    genesis = Path(__file__).parent.parent / "data" / "protocol" / "genesis.block"
    receipt = genesis.with_name("receipt.tally")
    for options in ((), ("--json",)):
        reading = tally.start("verify", receipt, "--genesis", genesis, *options)
        assert reading.stdout is not None
        reading.stdout.close()
        assert reading.stderr is not None
        assert reading.stderr.read() == ""
        assert reading.wait(60) == 0


def test_leadership_is_handed_over_and_a_network_with_a_lost_disk_starts(
    tally: Tally, tmp_path: Path
) -> None:
    """CR-76, CR-82: one node lost its folder; the others run, and everybody is told what to do."""
    tally.run("network", "up", "--nodes", 3, "--dir", "net", "--detach")
    before = _leader(tally)["id"]
    target = next(name for name in ("n1", "n2", "n3") if name != before)
    assert tally.json("node", "hand-over", target, "--dir", "net") == {"leader": target}
    assert _leader(tally)["id"] == target
    assert tally.json("node", "hand-over", "--dir", "net")["leader"] != target
    refused = tally.run("node", "hand-over", "n9", "--dir", "net", code=2)
    assert "n9 is no voter" in refused.stderr

    tally.run("network", "down", "--dir", "net")
    data = tmp_path / "net" / "nodes" / "n2" / "data"
    shutil.rmtree(data)
    data.mkdir()
    told = tally.run("network", "up", "--dir", "net", "--detach")
    assert "tally network readmit n2" in told.stdout + told.stderr
    stands = {
        node["id"]: node["status"]
        for node in tally.json("network", "status", "--dir", "net", code=3)["nodes"]
    }
    assert (stands["n2"]["ready"], stands["n2"]["promises"]) == (False, False)
    assert all(stands[name]["ready"] for name in ("n1", "n3"))
    shown = tally.run("network", "status", "--dir", "net", code=3).stdout
    reason = stands["n2"]["not_ready"]
    assert reason["code"] == "lost_data"
    assert f"n2: {reason['sentence'].rstrip('.')} (lost_data). {reason['remedy']}" in " ".join(shown.split())
    assert "n1: " not in shown, "a node that is ready needs no reason"
    refused = tally.run("node", "start", "n2", "--dir", "net", code=3)
    assert "n2 runs and is not ready" in refused.stderr
    assert "tally network readmit n2" in " ".join(refused.stderr.split())
