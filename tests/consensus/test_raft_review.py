"""Transcripts that a review of the core wrote down: each one broke a promise before."""

from __future__ import annotations

import pytest
from harness import (
    GENESIS,
    Cluster,
    Disk,
    Node,
    append,
    entry,
    log_of_terms,
    lone,
)
from test_raft_elections import answers
from test_raft_leadership import MEMBERS, offer, point, read_results

from consensus.errors import ContractBroken
from consensus.messages import Append, AppendReply, Snapshot, SnapshotReply
from consensus.state import SnapshotPoint


def test_cr06_a_snapshot_of_a_later_term_brings_the_term_along() -> None:
    """CR-06, CR-67: it was fetched from peers who follow a leader that this node has not heard of yet."""
    node = lone((1, 1), term=2)
    later = entry(9, 4)
    answers(node, offer(8, 2, entry(8, 2).hash, leader_term=2))
    node.disk.entries = [GENESIS, *log_of_terms(1, 1, 1, 1, 1, 1, 1, 1), later]
    node.disk.compacted = node.disk.applied = 9
    node.raft.snapshot_installed(SnapshotPoint(9, 4, later.hash, MEMBERS))
    node.drain()
    assert (node.raft.term, node.raft.leader) == (4, None)
    answers(node, append(2, (1, 2), *[entry(index, 2) for index in range(3, 12)]))
    assert (node.raft.halted, node.raft.evidence) == (None, []), "the former leader is only late"
    again = Node(node.raft.config, node.disk)
    assert again.raft.term == 4


def test_cr64_a_snapshot_that_the_log_has_reached_is_not_installed() -> None:
    """CR-64, CR-70: a new leader brought the log over meanwhile, and it was acknowledged."""
    node = lone((1, 1), term=2)
    held = [*log_of_terms(1, 1), *[entry(index, 2) for index in range(3, 8)], entry(8, 3)]
    answers(node, offer(6, 2, held[5].hash, leader_term=2))
    (reply,) = answers(node, append(3, (1, 2), *held[2:], sender="n3"))
    assert isinstance(reply, AppendReply)
    assert [index for index, _ in reply.acks] == [8]
    wanted = point(held[5])
    assert not node.raft.lacks(wanted)
    with pytest.raises(ContractBroken):
        node.raft.snapshot_installed(wanted)


def test_cr76_cr79_a_node_that_lost_its_data_confirms_no_read() -> None:
    """CR-76, CR-79: it has forgotten that it voted for a later leader, and what it acknowledged to it."""
    cluster = Cluster()
    old = cluster.elect("n1")
    cluster.propose("n1")
    cluster.isolate("n1")
    cluster.tick(60, "n2", "n3")
    (leader,) = [name for name in cluster.leaders if name != "n1"]
    cluster.propose(leader, b"written meanwhile")
    assert cluster[leader].raft.commit > old.raft.commit
    (other,) = {"n2", "n3"} - {leader}
    cluster.crash(leader)
    cluster.crash(other)
    wiped = Disk()
    wiped.boot = cluster.down.pop(other).boot + 1000
    cluster.settings["mute_until"] = 2**60
    cluster.start(other, wiped)
    cluster.heal()
    number = old.raft.read()
    cluster.run()
    cluster.tick(4, "n1")
    assert number not in read_results(old)[0]
    assert old.raft.status().peers, "it leads on, but knows nothing for sure"


def test_cr65_a_follower_whose_log_passed_the_snapshot_gets_appends_again() -> None:
    """CR-50, CR-65: it holds what the snapshot stands for, but has not heard that it is committed."""
    cluster = Cluster(snapshot_lag=2)
    leader = cluster.elect("n1")
    cluster.tick(4)
    late: list[Append] = []
    cluster.loses = lambda message: (
        isinstance(message, Append) and message.target == "n2" and not late.append(message)
    )
    for _ in range(6):
        leader.propose()
    cluster.run()
    assert [message.prev_index for message in late] == [1, 2, 3, 4, 5, 6]
    cluster.loses = lambda message: isinstance(message, Snapshot | SnapshotReply)
    leader.raft.snapshot_available(point(leader.disk.entries[4]))
    cluster.cut("n1", "n2")
    cluster.cuts.remove(("n2", "n1"))
    for message in (late[3], *late):  # out of order, and one of them twice
        for reply in answers(cluster["n2"], message):
            cluster.deliver(reply)
    cluster.propose("n1")
    cluster.heal()
    cluster.loses = lambda message: False
    cluster.tick(4 * leader.raft.config.election_ticks, "n1")
    assert cluster["n2"].raft.commit == leader.raft.commit == 8
