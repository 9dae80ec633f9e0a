"""A node that lost its disk comes back by one command, in real processes; then everybody is replaced."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tally_process import Tally, wait_until

from clients import network
from clients.profile import Profile
from clients.sdk import Session


@pytest.fixture
def tally(tmp_path: Path) -> Iterator[Tally]:
    yield Tally(tmp_path)
    if (tmp_path / "net" / "network.json").exists():
        network.down(network.Network.load(tmp_path / "net"))


def _order(tally: Tally, number: str) -> None:
    line = {"line": "1", "item": "unit", "quantity": 10, "price_micros": 500 * 10**6}
    order = {
        "order": number,
        "supplier": "supplier",
        "currency": "EUR",
        "date": "2024-01-01",
        "lines": [line],
    }
    with Session(Profile.load(tally.folder / "net" / "profiles" / "anchor.json")) as session:
        session.submit({"op": "order.issue", **order}).save(tally.folder / f"{number}.receipt")


def _members(tally: Tally) -> Any:
    with Session(Profile.load(tally.folder / "net" / "profiles" / "bank.json")) as session:
        view = session.view("/membership")
        return {**view, "proved": session.follow().newest.hash.hex() == view["hash"]}


def _is_settled(tally: Tally, node: str, gone: str) -> bool:
    """Whether one node has left for the other's sake, and that is as far as the others and ready.

    Whoever answers may itself lag behind, and then knows of no change at all: so the one that is
    gone must be named.
    """
    shown = _members(tally)
    stands = {
        entry["id"]: entry["status"]
        for entry in network.status(network.Network.load(tally.folder / "net"))
        if entry["status"]
    }
    return bool(
        gone in shown["former"]
        and shown["target"] is None
        and shown["proved"]
        and node in stands
        and stands[node]["ready"]
        and stands[node]["applied_height"] >= shown["since_height"]
    )


def _readmit(tally: Tally, node: str, *others: str) -> str:
    """Lose a node's disk, bring it back; its new id."""
    listed = network.Network.load(tally.folder / "net").node(node)
    network.down(network.Network.load(tally.folder / "net"), only={node})
    shutil.rmtree(listed.data)
    shown = tally.json("network", "readmit", node, "--dir", "net")
    adopted = shown["adopted"]
    for organisation in others:
        if not adopted:
            approval = tally.json(
                "network", "approve", shown["proposal"], "--dir", "net", "--as", organisation
            )
            adopted = approval["adopted"]
    assert adopted
    fresh: str = shown["node"]
    wait_until(lambda: _is_settled(tally, fresh, node), f"{fresh} in the place of {node}")
    return fresh


def test_every_disk_is_lost_once_and_old_and_new_proofs_hold(tally: Tally, tmp_path: Path) -> None:
    """CR-53 to CR-62: after three replacements no node of the genesis block is left."""
    tally.run("network", "up", "--nodes", 3, "--dir", "net", "--detach")
    _order(tally, "PO-0")
    for number, node in enumerate(("n1", "n2", "n3"), 1):
        others = [name for name in ("anchor", "lender", "bank") if name != _host(tmp_path, node)]
        assert _readmit(tally, node, *others) == f"{node}-2"
        _order(tally, f"PO-{number}")
    shown = _members(tally)
    assert [(each["node"], each["role"]) for each in shown["members"]] == [
        ("n1-2", "voter"),
        ("n2-2", "voter"),
        ("n3-2", "voter"),
    ]
    assert shown["former"] == ["n1", "n2", "n3"]
    alone = tmp_path / "alone"
    alone.mkdir()
    shutil.copy(tmp_path / "net" / "genesis.block", alone / "genesis.block")
    for number in range(4):
        tally.run("verify", f"PO-{number}.receipt", "--genesis", "alone/genesis.block")
    _, node = network.Network.load(tmp_path / "net").nodes[:2]
    tally.run("audit", "--node", node.api, "--genesis", "alone/genesis.block")
    _is_left_out_for_good(tally, "n3-2")


def _is_left_out_for_good(tally: Tally, node: str) -> None:
    """CR-61: a member that is removed says so, also when it is started again, and stops nobody."""
    proposed = tally.json("network", "remove", node, "--dir", "net", "--as", "anchor")
    for organisation in ("lender", "bank"):
        if not proposed["adopted"]:
            proposed = tally.json(
                "network", "approve", proposed["proposal"], "--dir", "net", "--as", organisation
            )
    net = network.Network.load(tally.folder / "net")
    wait_until(
        lambda: network.wait_ready(net, only={node}).get(node, {}).get("code") == "removed",
        f"{node} knows that it was removed",
    )
    tally.run("network", "down", "--dir", "net")
    config = net.node(node).config
    founders = config.read_text(encoding="utf-8").replace("joining = true\n", "")
    config.write_text(founders, encoding="utf-8")
    told = tally.run("network", "up", "--dir", "net", "--detach")
    assert f"{node} runs and is not ready: {node} is no member of the channel any more" in told.stderr
    _is_listed_no_more(tally, node)


def _is_listed_no_more(tally: Tally, node: str) -> None:
    forget = ["network", "forget", node, "--dir", "net"]
    assert tally.json(*forget, code=2)["error"]["code"] == "node_running"
    tally.run("node", "stop", node, "--dir", "net")
    first, second = [
        known.id for known in network.Network.load(tally.folder / "net").nodes if known.id != node
    ]
    assert tally.json("network", "forget", first, "--dir", "net", code=2)["error"]["code"] == "still_member"
    gone = network.Network.load(tally.folder / "net").node(node)
    left = tally.json(*forget)
    assert [entry["id"] for entry in left["nodes"]] == [first, second]
    assert tally.json("network", "status", "--dir", "net")["ready"]
    for organisation in left["profiles"]:
        nodes = network.Network.load(tally.folder / "net").profile(organisation).nodes
        assert sorted(nodes) == sorted(entry["api"] for entry in left["nodes"]), "nobody is asked in vain"
    assert gone.data.exists()


def _host(folder: Path, node: str) -> str:
    return network.Network.load(folder / "net").node(node).organisation


def test_a_readmitted_node_that_waits_for_its_approval_is_refused_by_nobody(
    tally: Tally, tmp_path: Path
) -> None:
    """An alarm on what is refused is for others: it listens elsewhere than the lost one, dialled still."""
    tally.run("network", "up", "--nodes", 3, "--dir", "net", "--detach")
    lost = network.Network.load(tmp_path / "net").node("n2")
    network.down(network.Network.load(tmp_path / "net"), only={"n2"})
    shutil.rmtree(lost.data)
    assert not tally.json("network", "readmit", "n2", "--dir", "net")["adopted"]
    nodes = network.Network.load(tmp_path / "net").nodes
    wait_until(lambda: all(_is_tried_in_vain(node) for node in nodes), "everybody has tried to link")
    assert [node.id for node in nodes if _refused(node)] == []


def _is_tried_in_vain(node: network.NodeProcess) -> bool:
    """Whether a member found nobody at the lost one's address; or the new one introduced itself."""
    peers = {peer["node"]: peer for peer in network.status_at(node.api)["peers"]}
    if node.id == "n2-2":
        return bool(peers["n1"]["is_met"] and peers["n3"]["is_met"])
    return "cannot connect" in peers["n2"]["problem"]


def _refused(node: network.NodeProcess) -> list[str]:
    metrics = httpx.get(f"{node.api}/metrics").text.splitlines()
    return [line for line in metrics if line.startswith("tally_peer_refused_total{")]
