"""Transcripts that a review of the core wrote down: each one broke a promise before."""

from __future__ import annotations

from dataclasses import replace

import pytest
from harness import (
    GENESIS,
    Cluster,
    Disk,
    Node,
    append,
    ask_pre_vote,
    ask_vote,
    certificate,
    election,
    entry,
    heartbeat,
    log_of_terms,
    lone,
)
from test_raft_elections import answers
from test_raft_leadership import MEMBERS, offer, point, read_results

from consensus.messages import Append, AppendReply, Snapshot, SnapshotReply
from consensus.quorum import Configuration
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
    assert node.raft.lacks(replace(wanted, term=3)), "another block at that place"


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


def test_cr13_a_voter_that_was_away_answers_a_candidate_that_joined_meanwhile() -> None:
    """CR-13, CR-50: two of three voters are there; the log of one ends before the other came."""
    cluster = Cluster()
    leader = cluster.elect("n2")
    cluster.propose("n2")
    for name in ("n4", "n5"):
        cluster.names.append(name)
        cluster.start(name)
    cluster.isolate("n1")
    old, new = ("n1", "n2", "n3"), ("n1", "n4", "n5")
    steps = (
        Configuration(old, 2, learners=("n4", "n5")),
        Configuration(new, 2, old, 2),
        Configuration(new, 2),
    )
    for members in steps:
        leader.propose(members=members)
        cluster.run()
        cluster.tick(4)
    assert cluster["n4"].raft.configuration == steps[-1]
    for name in ("n2", "n3", "n4", "n5"):
        cluster.crash(name)
    cluster.start("n4")
    cluster.heal()
    cluster.tick(300)
    assert cluster.leaders == ["n4"]
    assert cluster["n1"].raft.commit == cluster["n4"].raft.commit > 5


def test_cr14_cr34_a_stranger_neither_disturbs_nor_gets_a_vote_for_an_old_log() -> None:
    """CR-14, CR-34: only who holds more than this node may know more; no stranger speaks for the leader."""
    node = lone((1, 1))
    for message in (ask_pre_vote(6, (1, 2), sender="n9"), ask_vote(6, (1, 2), sender="n9")):
        assert answers(node, message) == []
    answers(node, heartbeat(1))
    for message in (ask_pre_vote(6, (5, 9), sender="n9"), ask_vote(6, (5, 9), sender="n9", transfer=True)):
        assert answers(node, message) == []
    assert (node.raft.term, node.raft.vote, node.raft.leader) == (1, None, "n2")


@pytest.mark.parametrize("restarts", [False, True])
def test_cr76_who_is_made_to_cut_what_it_signed_is_not_taken_for_an_old_disk(restarts: bool) -> None:
    """CR-70, CR-76: liars that elect one another must not make the others mute for ever."""
    node = lone((1, 1))
    mine = entry(3, 1)
    (reply,) = answers(node, append(1, (1, 2), mine))
    assert [index for index, _ in reply.acks] == [3]  # type: ignore[union-attr]
    node.refuses.add(b"posing")
    shown = election(2, "n3", n2=(1, 2), n3=(1, 2))  # n2 denies what it acknowledged
    answers(node, append(2, (1, 2), entry(3, 2, b"posing"), sender="n3", shown=shown))
    assert (node.raft.last_index, node.raft.hard.accepted) == (2, 2)
    if restarts:
        node = Node(node.raft.config, node.disk)
    answers(node, heartbeat(3, commit=3, proof=certificate("n1 n2", mine)))
    answers(node, append(3, (1, 2), mine, entry(4, 3), commit=3, proof=certificate("n1 n2", mine)))
    assert (node.raft.was_set_back, node.raft.is_mute, node.raft.commit) == (False, False, 3)


def test_cr35_cr76_a_repaired_node_that_meets_its_own_signatures_is_mute_only_for_a_time() -> None:
    """CR-35, CR-76: that its disk lacks what it signed is known already, and how much it is."""
    node = lone((), mute_until=3)
    held = log_of_terms(1, 1, 1)
    answers(node, append(1, (0, 0), held[0], commit=3, proof=certificate("n1 n2", held[2])))
    answers(node, append(1, (1, 1), *held[1:], commit=3))
    assert (node.raft.commit, node.raft.was_set_back, node.raft.is_mute) == (3, False, False)
