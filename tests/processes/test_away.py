"""A member that was away while everybody else was replaced comes back by itself, in real processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tally_process import wait_until

from clients import network
from clients.network import Network, NodeProcess, membership
from clients.profile import Profile
from clients.sdk import Session
from clients.trust import changes_file

HOSTS = ("anchor", "lender", "bank")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "net"
    try:
        yield folder
    finally:
        if (folder / "network.json").exists():
            network.down(Network.load(folder))


def _session(folder: Path, organisation: str) -> Session:
    return Session(Profile.load(folder / "profiles" / f"{organisation}.json"))


def _status(folder: Path, node: str) -> dict[str, Any]:
    listed = network.status(Network.load(folder))
    return next(entry["status"] or {} for entry in listed if entry["id"] == node)


def _replace(folder: Path, node: str, fresh: str) -> None:
    """Another node, on ports of its own, takes a voter's place; the voter runs until it has left."""
    known = Network.load(folder)
    old = known.node(node)
    peers = {each.id: each.peer for each in known.nodes}
    home = membership.new_home(old.config, fresh, old.organisation, ports=network.free_ports(), peers=peers)
    change = membership.replacement(node, home, known.channel)
    with _session(folder, old.organisation) as session:
        proposed = membership.propose(session, f"replace-{node}", change)
    for organisation in HOSTS:
        if organisation != old.organisation and not proposed.is_adopted:
            with _session(folder, organisation) as session:
                proposed = membership.approve(session, f"replace-{node}")
    entry = NodeProcess(
        fresh,
        old.organisation,
        0,
        home.api,
        home.address,
        home.folder / membership.DATA,
        home.folder / "node.log",
        home.config,
    )
    network.start(network.join(known, entry), only={fresh})

    def has_left() -> bool:
        stands = _status(folder, fresh)
        return bool(
            stands
            and fresh in stands["voters"]
            and node not in (*stands["voters"], *stands["outgoing"])
            and stands["ready"]
            and stands["applied_height"] == stands["last_height"]
        )

    wait_until(has_left, f"{fresh} in the place of {node}")
    network.down(Network.load(folder), only={node})


def test_a_voter_that_knows_no_member_any_more_levels_without_a_command(folder: Path) -> None:
    """CR-61: its trust stops at members who are all gone; those who came hand it proofs of the changes."""
    known = network.up(folder, nodes=3, timing="lan")
    away = known.node("n3")
    network.down(known, only={"n3"})
    _replace(folder, "n1", "n4")
    _replace(folder, "n2", "n5")
    assert sorted(_status(folder, "n4")["voters"]) == ["n3", "n4", "n5"]
    changes_file(folder / "genesis.block").unlink()  # of the clients here: n3 is not helped by it
    settings = away.config.read_text(encoding="utf-8")
    assert "n4" not in settings, "n3 has no address of a new member either"

    network.start(Network.load(folder), only={"n3"})
    ahead = _status(folder, "n4")["applied_height"]
    wait_until(
        lambda: bool((stands := _status(folder, "n3")).get("ready")) and stands["applied_height"] >= ahead,
        "n3 ready and level",
    )

    def is_linked() -> bool:
        others = {each["node"]: each for each in _status(folder, "n3")["peers"]}
        return all(others[node]["sending"] and others[node]["hearing"] for node in ("n4", "n5"))

    wait_until(is_linked, "n3 found where the new members are, and is found")
    network.down(Network.load(folder), only={"n4"})
    wait_until(lambda: _status(folder, "n3").get("leader") in ("n3", "n5"), "n3 votes with n5")
