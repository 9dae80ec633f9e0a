"""Nodes that come back or come late, as the simulator found them stranded."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace

import pytest
from harness import (
    Cluster,
    Disk,
    Node,
    append,
    ask_vote,
    configuration,
    election,
    entry,
    heartbeat,
    log_of_terms,
    lone,
)
from test_raft_elections import answers

from consensus.limits import MAX_CAST_REMEMBERED
from consensus.messages import HeartbeatReply, VoteReply
from consensus.quorum import Configuration
from consensus.state import Role


def test_cr61_a_leader_that_joined_meanwhile_is_heard() -> None:
    """CR-34, CR-61: who was away for long learns the members of today from nobody else."""
    node = lone((1,))
    (answer,) = answers(node, heartbeat(9, sender="n9"))
    assert isinstance(answer, HeartbeatReply)
    assert (node.raft.leader, node.raft.term) == ("n9", 9)


def test_cr76_a_node_that_lost_its_data_gets_the_log_again_from_the_same_leader() -> None:
    """CR-27, CR-76: what a boot proved does not hold for the next one."""
    cluster = Cluster()
    cluster.elect("n1")
    for _ in range(3):
        cluster.propose("n1")
    assert cluster["n2"].raft.last_index == 4
    cluster.crash("n2")
    wiped = Disk()
    wiped.boot = cluster.down.pop("n2").boot
    cluster.settings["mute_until"] = 2**60
    cluster.start("n2", wiped)
    cluster.tick(10)
    assert cluster["n2"].raft.is_mute
    assert (cluster["n2"].raft.last_index, cluster["n2"].raft.commit) == (4, 4)
    assert cluster["n1"].raft.term == 1, "without an election"


def test_cr13_who_is_to_leave_does_not_campaign_and_one_more_node_frees_the_rest() -> None:
    """CR-13, CR-57, CR-60: its log may be longer, but no block of a node without a vote is taken."""
    cluster = Cluster()
    leader = cluster.elect("n2")
    cluster.propose("n2")
    old, new = ("n1", "n2", "n3"), ("n3",)
    leader.propose(members=Configuration(new, 1, old, 2))
    cluster.run()
    cluster.isolate("n2")
    leader.propose(members=Configuration(new, 1))
    cluster.run()
    cluster.crash("n1")
    cluster.crash("n2")
    cluster.start("n2")
    cluster.heal()
    assert cluster["n2"].raft.configuration.voters == new, "no voter by its own log"
    cluster.tick(300)
    assert cluster.leaders == []
    cluster.start("n1")
    cluster.tick(300)
    assert cluster["n3"].raft.role is Role.LEADER


def test_cr60_who_is_to_leave_is_told_once_that_is_committed() -> None:
    """CR-13, CR-57, CR-60: until then the others may need its vote, which it would refuse to shorter logs."""
    cluster = Cluster("n1 n2 n3 n4 n5")
    leader = cluster.elect("n2")
    cluster.propose("n2")
    old, new = ("n1", "n2", "n3", "n4", "n5"), ("n2", "n5")
    leader.propose(members=Configuration(new, 2, old, 3))
    cluster.run()
    cluster.cut("n2", "n5")
    left = leader.propose(members=Configuration(new, 2))
    cluster.tick(8)
    assert {cluster[name].raft.last_index for name in ("n1", "n3", "n4")} == {left.index - 1}
    cluster.crash("n2")
    cluster.tick(300)
    cluster.start("n2")
    cluster.heal()
    cluster.tick(100)
    assert len(cluster.leaders) == 1
    assert not cluster[cluster.leaders[0]].raft.configuration.is_joint


def test_cr70_a_wrong_block_in_place_of_an_acknowledged_one_frames_nobody() -> None:
    """CR-70, CR-77: the vote names the leader for whose sake the block was cut, also after a crash."""
    first = log_of_terms(1, 1)
    node = lone((1,))
    answers(node, append(1, (1, 1), first[1]))
    wrong = replace(first[1], term=2, hash=b"w" * 32, data=b"wrong")
    node.refuses.add(b"wrong")
    shown = election(2, "n3", n2=(1, 1), n3=(1, 1))
    answers(node, append(2, (1, 1), wrong, sender="n3", shown=shown))
    assert (node.raft.last_index, node.raft.refusal is not None) == (1, True)
    assert node.disk.hard.accepted == 2, "durable with the cut"
    restarted = Node(configuration("n1", "n1 n2 n3"), node.disk)
    (vote,) = answers(restarted, ask_vote(3, (2, 9)))
    assert isinstance(vote, VoteReply)
    assert (vote.granted, vote.accepted_term, vote.last_index) == (True, 2, 1)


def test_cr75_a_late_answer_of_an_earlier_boot_changes_nothing() -> None:
    """CR-75."""
    cluster = Cluster()
    leader = cluster.elect("n1")
    cluster.propose("n1")
    late: list[HeartbeatReply] = []
    cluster.loses = lambda message: isinstance(message, HeartbeatReply) and not late.append(message)
    cluster.tick(8, "n1")
    cluster.loses = lambda message: False
    cluster.crash("n2")
    cluster.start("n2")
    cluster.tick(10)
    old = next(message for message in late if message.sender == "n2")
    before = leader.raft.status().peers
    assert answers(leader, replace(old, commit=0)) == []
    assert leader.raft.status().peers == before


def test_cr76_a_disk_set_back_together_with_its_count_of_starts_is_found_out() -> None:
    """CR-75, CR-76: its answers look like late ones, until nothing of the later boot came for long."""
    cluster = Cluster()
    cluster.elect("n1")
    cluster.propose("n1")
    cluster.crash("n2")
    copy = deepcopy(cluster.down["n2"])
    for _ in range(3):
        cluster.start("n2")
        cluster.propose("n1")
        cluster.crash("n2")
    del cluster.down["n2"]
    older = cluster.start("n2", copy)
    cluster.tick(40)
    assert older.raft.was_set_back
    assert older.raft.is_mute
    assert older.raft.commit == cluster["n1"].raft.commit
    assert cluster["n1"].raft.term == 1, "without an election"


def test_cr76_who_comes_for_blocks_is_shown_its_own_signature_on_one_of_them() -> None:
    """CR-76: the newest certificate is of others, who went on without it; an older one has its own."""
    cluster = Cluster()
    cluster.elect("n1")
    cluster.propose("n1")
    cluster.crash("n2")
    copy = deepcopy(cluster.down["n2"])
    cluster.start("n2")
    cluster.isolate("n3")
    signed = cluster.propose("n1")
    cluster.crash("n2")
    cluster.heal()
    for _ in range(3):
        cluster.propose("n1")
    leader = cluster["n1"]
    assert {node for node, _ in leader.raft.certificate.acks} == {"n1", "n3"}  # type: ignore[union-attr]
    assert signed is not None
    del cluster.down["n2"]
    older = cluster.start("n2", copy)
    cluster.tick(40)
    assert older.raft.was_set_back
    assert older.raft.commit == leader.raft.commit


def test_cr76_a_vote_that_the_disk_has_forgotten_is_found_in_the_election_that_it_made() -> None:
    """CR-03, CR-76: no certificate needs to hold an acknowledgement of this node."""
    cluster = Cluster()
    cluster.elect("n1")
    cluster.propose("n1")
    cluster.isolate("n1")
    cluster.crash("n2")
    copy = deepcopy(cluster.down["n2"])
    cluster.start("n2")
    cluster.elect("n3")
    assert cluster["n2"].raft.vote == "n3"
    cluster.crash("n2")
    del cluster.down["n2"]
    older = cluster.start("n2", copy)
    assert older.raft.term < cluster["n3"].raft.term
    cluster.tick(40)
    assert older.raft.was_set_back
    assert any("the vote of term" in reason for reason in older.raft.dropped)


@pytest.mark.parametrize("restarts", [False, True])
def test_cr76_own_votes_that_are_remembered_accuse_no_disk(restarts: bool) -> None:
    """CR-76: of this boot, of the one before, and those too old to tell; nor do forged ones."""
    node = lone((1,))
    for term in range(2, 2 + MAX_CAST_REMEMBERED + 3):
        (vote,) = answers(node, ask_vote(term, (1, 9)))
        assert isinstance(vote, VoteReply)
        assert vote.granted
    last = term
    if restarts:
        node = Node(node.raft.config, node.disk)
    for term in (2, last - 1, last):
        shown = election(term, "n2", n1=(1, 1), n2=(1, 9))
        answers(node, append(last, (1, 1), entry(2, last), shown=shown))
    assert not node.raft.was_set_back
    real = election(last + 1, "n2", n1=(1, 1), n2=(1, 9))
    forged = replace(real, votes=tuple(replace(each, signature=b"forged") for each in real.votes))
    answers(node, append(last + 1, (1, 1), shown=forged))
    assert not node.raft.was_set_back
    answers(node, append(last + 1, (1, 1), shown=real))
    assert node.raft.was_set_back


def test_cr76_a_disk_set_back_to_the_start_before_is_found_out() -> None:
    """CR-76: it counts to the same start, so nothing but its refusals tells it from what it was."""
    cluster = Cluster()
    cluster.elect("n1")
    cluster.propose("n1")
    cluster.crash("n2")
    copy = deepcopy(cluster.down["n2"])
    cluster.start("n2")
    for _ in range(3):
        cluster.propose("n1")
    cluster.crash("n2")
    del cluster.down["n2"]
    older = cluster.start("n2", copy)
    cluster.tick(20)
    cluster.propose("n1")
    cluster.tick(40)
    assert older.raft.commit == cluster["n1"].raft.commit
    assert cluster["n1"].raft.term == 1, "without an election"
