"""CR-61: who was removed is not heard on terms, whatever links it has, and says that it was removed."""

from __future__ import annotations

from pathlib import Path

import pytest
from node_network import Cluster, run

from consensus.messages import Heartbeat
from consensus.raft import Raft
from consensus.wire import to_value
from node.problem import lost_data


def test_cr61_who_was_removed_deposes_no_leader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster.make(tmp_path)

    async def scenario() -> None:
        leader = await cluster.up()
        node, term = leader.settings.node, leader.driver.raft.term
        (liar, *_) = [name for name in cluster.nodes if name != node]
        lie = ("raft", to_value(Heartbeat(liar, node, term + 9, 1 << 50, 0, None)))
        monkeypatch.setattr(Raft, "has_left", lambda _, name: name == liar)
        leader.driver.on_message(liar, lie)
        assert (leader.driver.raft.term, leader.driver.leads()) == (term, True)
        assert leader.driver.raft.dropped["message of a member that has left"] == 1
        monkeypatch.undo()
        leader.driver.on_message(liar, lie)
        assert leader.driver.raft.term == term + 9, "a member's word moves the term"
        await cluster.stop()

    run(scenario)


def test_cr61_who_was_removed_for_its_lost_disk_asks_no_more_to_be_readmitted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = Cluster.make(tmp_path)

    async def scenario() -> None:
        leader = await cluster.up()
        driver = next(node.driver for node in cluster.nodes.values() if node is not leader)
        driver.problem = lost_data(driver.node)
        driver._sweep(0.0)
        assert driver.problem.code == "lost_data"
        monkeypatch.setattr(Raft, "has_left", lambda _, name: name == driver.node)
        for was_set_back in (False, True, True):
            driver.raft.was_set_back = was_set_back
            driver._sweep(0.0)
            assert driver.problem.code == "removed"
        assert not driver.problem.sentence.endswith(f"readmit {driver.node}")
        monkeypatch.undo()
        driver._sweep(0.0)
        assert driver.problem.code == "lost_data", "it is a member again"
        await cluster.stop()

    run(scenario)


def test_a_voter_that_becomes_a_learner_is_removed_for_a_moment_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CR-61: it leaves with one change, and returns with the next."""
    cluster = Cluster.make(tmp_path)

    async def scenario() -> None:
        leader = await cluster.up()
        driver = next(node.driver for node in cluster.nodes.values() if node is not leader)
        monkeypatch.setattr(Raft, "has_left", lambda _, name: name == driver.node)
        driver._sweep(0.0)
        assert driver.problem is not None
        assert driver.problem.code == "removed"
        monkeypatch.undo()
        driver._sweep(0.0)
        assert driver.problem is None
        await cluster.stop()

    run(scenario)
