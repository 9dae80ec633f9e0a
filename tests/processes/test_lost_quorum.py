"""A network that has lost a quorum of its disks: another one goes on from what is left."""

from __future__ import annotations

import re
import shlex
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tally_process import Tally

from clients import network
from clients.network import Network
from clients.profile import Profile
from clients.sdk import Session
from contracts.parties.recovery import verify
from ledger.blocks.genesis import read_genesis


@pytest.fixture
def tally(tmp_path: Path) -> Iterator[Tally]:
    yield Tally(tmp_path)
    for folder in ("net", "next"):
        if (tmp_path / folder / network.DESCRIPTION).exists():
            network.down(Network.load(tmp_path / folder))


def session(tally: Tally, folder: str, organisation: str = "anchor") -> Session:
    return Session(Profile.load(tally.folder / folder / "profiles" / f"{organisation}.json"))


def order(tally: Tally, folder: str, number: str) -> Path:
    """Issue an order; its receipt."""
    fields = {
        "op": "order.issue",
        "order": number,
        "supplier": "supplier",
        "currency": "EUR",
        "date": "2024-01-01",
        "lines": [{"line": "1", "item": "unit", "quantity": 10, "price_micros": 500 * 10**6}],
    }
    receipt = tally.folder / f"{number}.receipt"
    with session(tally, folder) as opened:
        opened.submit(fields).save(receipt)
    return receipt


def orders(tally: Tally, folder: str) -> list[str]:
    with session(tally, folder) as opened:
        return sorted(entry["order"] for entry in opened.orders("supplier", "anchor"))


def lose(tally: Tally, folder: str, *nodes: str) -> None:
    """Stop everything, and lose these nodes' disks, keys included."""
    net = Network.load(tally.folder / folder)
    network.down(net)
    for node in nodes:
        shutil.rmtree(net.node(node).config.parent)


def test_a_network_goes_on_from_the_one_disk_that_is_left(tally: Tally, tmp_path: Path) -> None:
    tally.run("network", "up", "--nodes", 3, "--dir", "old net", "--detach")
    early = order(tally, "old net", "PO-1")
    refused = tally.run("network", "recover", "--dir", "old net", "--to", "next", code=2)
    assert "nodes_run" in refused.stderr
    stop = shlex.split(refused.stderr.rpartition("Stop them: tally ")[2])
    assert stop == ["network", "down", "--dir", "old net"]
    tally.run(*stop)
    refused = tally.run("network", "recover", "--dir", "old net", "--to", "next", code=2)
    assert "quorum_left" in refused.stderr
    lose(tally, "old net", "n2", "n3")
    made = tally.json("network", "recover", "--dir", "old net", "--to", "next")
    assert made["channel"] != Network.load(tmp_path / "old net").channel.hex()
    assert made["recovered"]["approved_by"] == ["anchor", "bank", "lender"]
    assert [node["id"] for node in made["nodes"]] == ["n4", "n5", "n6"]
    for again in (("recover", "--dir", "old net", "--to", "third"), ("up", "--dir", "old net", "--detach")):
        assert "recovered_before" in tally.run("network", *again, code=2).stderr
    reasons = {each["node"]: each["reason"] for each in made["survivors"]}
    assert reasons == {"n1": "", "n2": "its ledger is gone", "n3": "its ledger is gone"}

    tally.run("network", "up", "--dir", "next", "--detach")
    late = order(tally, "next", "PO-2")
    assert orders(tally, "next") == ["PO-1", "PO-2"]

    tally.run("recovery", "verify", "next/genesis.block", "--genesis", "old net/genesis.block")
    tally.run("verify", early, "--genesis", "old net/genesis.block")
    tally.run("verify", early, "--genesis", "next/genesis.block", code=1)
    proved = tally.json("verify", late, "--genesis", "next/genesis.block")
    assert [each["organisation"] for each in proved["transactions"]] == ["anchor"]
    tally.run("verify", late, "--genesis", "old net/genesis.block", code=1)
    audited = tally.json("audit", "--profile", "next/profiles/anchor.json")
    assert audited["goes_on_from"].startswith(f"height {made['recovered']['height']} of ")

    shown = tally.json("network", "members", "--dir", "next")["goes_on_from"]
    assert shown["channel"] == Network.load(tmp_path / "old net").channel.hex()
    assert shown["height"] == made["recovered"]["height"]
    assert network.status_at(made["nodes"][0]["api"])["goes_on_from"] == shown
    added = tally.json("network", "add-node", "n7", "--dir", "next", "--as", "lender")
    assert added["proposal"] == "add-n7"
    assert tally.json("network", "approve", "add-n7", "--dir", "next", "--as", "bank")["adopted"]
    tally.run("node", "start", "n7", "--dir", "next")
    tally.run("network", "down", "--dir", "next")
    tally.run("audit", "--data", Network.load(tmp_path / "next").nodes[0].data, "-g", "next/genesis.block")


def test_only_a_voter_of_the_old_network_gives_one_of_the_new(tally: Tally) -> None:
    """A learner had no vote, and a node that was removed may have been so for its lies."""
    tally.run("network", "up", "--nodes", 1, "--dir", "net", "--detach")
    for node in ("n2", "n3"):
        assert tally.json("network", "add-node", node, "--dir", "net", "--as", "anchor")["adopted"]
        tally.run("node", "start", node, "--dir", "net")
    assert tally.json("network", "remove", "n3", "--dir", "net", "--as", "anchor")["adopted"]
    tally.run("network", "down", "--dir", "net")
    left = tally.run("network", "recover", "--dir", "net", "--to", "next", code=2).stderr
    assert re.findall(r"\bn\d\b", left) == ["n1"]
    lose(tally, "net", "n1")
    made = tally.json("network", "recover", "--dir", "net", "--to", "next")
    assert [(node["id"], node["organisation"]) for node in made["nodes"]] == [("n4", "anchor")]


def test_organisations_recover_with_a_key_each_and_a_majority_of_them(tally: Tally, tmp_path: Path) -> None:
    """Nobody has another's key: homes, certificates and one genesis block go from hand to hand."""
    tally.run("network", "up", "--nodes", 3, "--dir", "net", "--detach")
    order(tally, "net", "PO-1")
    lose(tally, "net", "n1", "n3")
    old = ("--genesis", "net/genesis.block")
    tally.run("export", "--out", "last.export", "--data", "net/nodes/n2/data", *old)
    voters: list[Any] = []
    for number, organisation in enumerate(("anchor", "lender", "bank"), 4):
        home = tally.json(
            "recovery", "node", f"n{number}", "-c", "net/nodes/n2/node.toml", "--as", organisation
        )
        voters += ["--node", f"n{number}={organisation}={home['certificate']}"]
    reused = [*voters[:-1], voters[-1].replace("n6=", "n2=")]
    said = tally.run("recovery", "draft", "b", "--from", "last.export", *old, *reused, code=2).stderr
    assert "node_id_used" in said
    tally.run("recovery", "draft", "new.block", "--from", "last.export", *old, *voters)

    shown = tally.json("recovery", "check", "new.block", "--from", "last.export", *old)
    assert [(each["node"], each["organisation"]) for each in shown["nodes"]] == [
        ("n4", "anchor"),
        ("n5", "lender"),
        ("n6", "bank"),
    ]
    assert (shown["proved"], shown["quorum"]) == (False, 2)
    approving = ("recovery", "approve", "new.block", "--from", "last.export", *old, "--profile")
    said = tally.run(*approving, "net/profiles/supplier.json", code=2).stderr
    assert "runs_no_voter" in said
    for organisation, is_enough in (("anchor", False), ("anchor", False), ("bank", True)):
        tally.run(*approving, f"net/profiles/{organisation}.json")
        ended = tally.run("recovery", "verify", "new.block", *old, code=0 if is_enough else 1)
        assert is_enough or "recovery_not_approved" in ended.stderr
    new, trust = (read_genesis((tmp_path / path).read_bytes()) for path in ("new.block", "net/genesis.block"))
    assert verify(new, trust).approved_by == ("anchor", "bank")
    assert new.channel != trust.channel

    node = tmp_path / "net" / "nodes" / "n4"
    shutil.copy(tmp_path / "new.block", node / "genesis.block")
    missing = tally.run("node", "run", "--config", node / "node.toml", code=2).stderr
    assert "inheritance_missing" in missing or "export is not there" in missing
