"""CR-61: a member that was removed for its lies still has links; what it says of terms is not heard."""

from __future__ import annotations

from pathlib import Path

import pytest
from node_network import Cluster, run

from consensus.messages import Heartbeat, to_value
from consensus.raft import Raft


def test_cr61_who_was_removed_deposes_no_leader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster.make(tmp_path)

    async def scenario() -> None:
        await cluster.start()
        await cluster.ready()
        leader = await cluster.leader()
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
