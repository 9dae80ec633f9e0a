"""A follower cuts only what an election excludes: transcripts with liars, and with honest leaders.

The argument stands in `consensus/exclusion.py`.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest
from harness import (
    Cluster,
    Disk,
    Node,
    append,
    certificate,
    configuration,
    elected_log,
    election,
    entry,
    heartbeat,
    log_of_terms,
    lone,
)
from test_raft_elections import answers

from consensus.messages import Append, AppendReply, ElectionCertificate
from consensus.quorum import Configuration
from consensus.state import HardState, Role, SnapshotPoint

MEMBERS = {
    "stable": Configuration.of("abc", 2),
    "even": Configuration.of("abcd", 3),
    "joint": Configuration(("a", "b", "d"), 2, ("a", "b", "c"), 2),
    "replaced": Configuration(("d", "e", "f"), 2, ("a", "b", "c"), 3),
}


def refused(node: Node, message: Append) -> int:
    """The append is refused and cuts nothing; the term that the follower keeps."""
    before = list(node.disk.entries)
    (reply,) = answers(node, message)
    assert isinstance(reply, AppendReply)
    assert not reply.ok
    assert (reply.prev_index, reply.hint_index) == (message.prev_index, message.prev_index)
    assert node.disk.entries == before
    assert all(ready.truncate_from is None for ready in node.readies)
    return reply.keeps


def taken(node: Node, message: Append) -> None:
    (reply,) = answers(node, message)
    assert isinstance(reply, AppendReply)
    assert (reply.ok, reply.match) == (True, message.entries[-1].index)
    assert node.disk.entries[-1] == message.entries[-1]


def test_cr24_the_word_of_a_leader_cuts_nothing() -> None:
    """CR-24, CR-70: it is refused, and the leader learns what is asked for."""
    node = lone((1, 1, 1))
    assert refused(node, append(2, (1, 1), entry(2, 2), sender="n3")) == 1
    assert dict(node.raft.dropped) == {"cut without a proof": 1}
    assert (node.raft.term, node.raft.leader) == (2, "n3"), "as any leader it is heard"


@pytest.mark.parametrize(
    ("what", "shown"),
    [
        ("one vote", election(2, "n3", n3=(1, 1))),
        ("votes of a learner and of a stranger", election(2, "n3", n3=(1, 1), n4=(0, 0), n9=(0, 0))),
        ("a voter that holds it", election(2, "n3", n2=(1, 2), n3=(1, 1))),
        ("a voter that may hold it", election(3, "n3", n2=(2, 2), n3=(1, 1))),
        ("voters of its own term", election(1, "n3", n2=(0, 0), n3=(0, 0))),
    ],
)
def test_cr24_what_excludes_nothing_cuts_nothing(what: str, shown: ElectionCertificate) -> None:
    """CR-24: a majority, in a later term, from before the entry; no less."""
    node = lone((1, 1), voters="n1 n2 n3")
    assert refused(node, append(3, (1, 1), entry(2, 3), sender="n3", shown=shown)) == 1, what


def test_cr24_forged_votes_count_for_nothing() -> None:
    """CR-24: neither another's signature, nor an own one under another statement."""
    node = lone((1, 1))
    good = election(2, "n3", n2=(1, 1), n3=(1, 1))
    forged = (
        replace(good, votes=(replace(good.votes[0], signature=b"bad"), good.votes[1])),
        replace(good, votes=(replace(good.votes[1], node="n2"), good.votes[1])),
        replace(good, candidate="n2"),
        replace(good, term=3),
        election(2, "n3", n2=(1, 2), n3=(1, 1)),
    )
    for shown in forged:
        assert refused(node, append(3, (1, 1), entry(2, 3), sender="n3", shown=shown)) == 1
    taken(node, append(3, (1, 1), entry(2, 3), sender="n3", shown=good))


def test_cr24_a_candidate_that_lied_of_its_position_cuts_nothing_of_its_voters() -> None:
    """CR-24, CR-70: it was elected by an honest vote, which states what its voter holds."""
    node = lone((1, 1))
    shown = election(3, "n3", n1=(1, 2), n3=(2, 9))
    assert refused(node, append(3, (1, 1), entry(2, 3), sender="n3", shown=shown)) == 1


def test_cr24_an_election_of_another_than_the_sender_serves_as_well() -> None:
    """CR-24: what counts is that nobody has the entry certified, not who says so."""
    node = lone((1, 1))
    shown = election(4, "n2", n2=(1, 1), n3=(1, 1))
    taken(node, append(6, (1, 1), entry(2, 6), sender="n3", shown=shown))


def test_cr24_each_term_that_is_cut_needs_an_election() -> None:
    """CR-24: asked for one by one, from the newest on, and kept until all are there."""
    node = lone((1, 2, 3))
    new = [entry(1, 4), entry(2, 4)]
    assert refused(node, append(6, (0, 0), *new, shown=election(6, "n2", n2=(2, 2), n3=(1, 1)))) == 2
    assert refused(node, append(6, (0, 0), *new, shown=election(5, "n2", n2=(1, 1), n3=(1, 1)))) == 1
    taken(node, append(6, (0, 0), *new, shown=election(4, "n2", n2=(0, 0), n3=(0, 0))))


@pytest.mark.parametrize("restarts", [False, True])
def test_cr33_what_was_shown_is_forgotten_with_the_term_and_by_a_restart(restarts: bool) -> None:
    """CR-05, CR-33: nothing of it is on the disk; the leader shows it again."""
    node = lone((1, 2))
    new = entry(1, 4)
    assert refused(node, append(6, (0, 0), new, shown=election(6, "n2", n2=(1, 1), n3=(1, 1)))) == 1
    if restarts:
        node = Node(node.raft.config, node.disk)
    else:
        answers(node, heartbeat(7, sender="n3"))
    assert refused(node, append(7, (0, 0), new, sender="n3")) == 2


def test_cr57_a_half_of_the_governing_members_is_enough_and_the_union_is_not() -> None:
    """CR-57: a certificate needs a quorum of each half, so a majority of one is in its way."""
    joint = Configuration(("n1", "n4", "n5"), 2, ("n1", "n2", "n3"), 2)
    for voters, is_enough in (({"n2", "n3"}, True), ({"n4", "n5"}, True), ({"n2", "n4"}, False)):
        first, second = log_of_terms(1, 1)
        node = Node(
            configuration("n1", "n1 n2 n3"), Disk([replace(first, configuration=joint), second], HardState(1))
        )
        shown = election(2, "n2", **dict.fromkeys(voters, (1, 1)))
        message = append(2, (1, 1), entry(2, 2), shown=shown)
        if is_enough:
            taken(node, message)
        else:
            assert refused(node, message) == 1


@pytest.mark.parametrize("name", MEMBERS)
def test_cr57_who_excludes_shares_a_voter_with_every_certificate(name: str) -> None:
    """CR-57, CR-71: whatever the members; and where votes do not exclude, a certificate is possible."""
    members = MEMBERS[name]
    everyone = members.electorate
    sets = [set(some) for size in range(len(everyone) + 1) for some in combinations(everyone, size)]
    quorums = [signers for signers in sets if members.has_quorum(signers)]
    for voters in sets:
        if members.has_majority_of_a_half(voters):
            assert all(voters & signers for signers in quorums)


def test_cr70_a_member_that_poses_as_leader_cannot_lose_a_certified_block() -> None:
    """CR-41, CR-70: one follower has acknowledged it, its certificate is with the leader, which dies."""
    cluster = Cluster()
    leader = cluster.elect("n1")
    cluster.isolate("n3")
    cluster.loses = lambda message: message.target == "n2" and getattr(message, "commit", 0) > 1
    block = cluster.propose("n1")
    assert (leader.raft.commit, cluster["n2"].raft.commit) == (block.index, 1), "certified, and not heard of"
    pose = append(9, (1, 1), entry(2, 9, b"pose"), sender="n3", target="n2")
    own = election(9, "n3", n3=(1, 1))
    for message in (pose, replace(pose, election=own, id=pose.id + 1)):
        cluster.deliver(message)
    cluster.crash("n1")
    cluster.heal()
    cluster.loses = lambda message: False
    cluster.tick(200)
    assert len(cluster.leaders) == 1
    for name in ("n2", "n3"):
        assert cluster[name].disk.entries[block.index].hash == block.hash
        assert cluster[name].raft.commit > block.index


def test_cr28_a_leader_shows_the_first_election_after_what_is_kept() -> None:
    """CR-28, CR-45: its own at first; the same request again waits for the next heartbeat."""
    cluster = Cluster()
    cluster.crash("n1")
    node = cluster.start("n1", Disk(elected_log(1, 3, 3, 5), HardState(5)))
    cluster.loses = lambda message: isinstance(message, Append)
    cluster.elect("n1")
    assert "n1>n2 Append t6 after 5/4 5..5 commit 0 elected 6 LOST" in cluster.said
    place = (5, 4)
    for kept, first in ((4, 5), (2, 3)):
        out = answers(node, kept_entries(node, place, kept))
        (again,) = [each for each in out if isinstance(each, Append)]
        assert (again.prev_index, again.election is not None) == (place[1], True)
        assert again.election is not None
        assert again.election.term == first
        assert answers(node, kept_entries(node, place, kept)) == []


def kept_entries(node: Node, place: tuple[int, int], term: int) -> AppendReply:
    (peer,) = [each for each in node.raft.status().peers if each.node == "n2"]
    assert peer.next == place[1] + 1
    return AppendReply(
        "n2", "n1", node.raft.term, 2**41 + 7, 0, False, place[1], 0, *place, (), 0, False, term
    )


def test_cr50_a_voter_that_was_away_while_the_members_were_replaced_comes_back() -> None:
    """CR-28, CR-50, CR-53: it holds an uncommitted entry of its days, and knows none of today's voters."""
    cluster = Cluster()
    leader = cluster.elect("n1")
    cluster.propose("n1")
    cluster.isolate("n1")
    mine = leader.propose(b"never committed")
    cluster.run()
    cluster.crash("n1")
    cluster.heal()
    cluster.tick(100)
    leader = cluster[cluster.leaders[0]]
    for name in ("n4", "n5"):
        cluster.names.append(name)
        cluster.start(name)
    old, new = ("n1", "n2", "n3"), ("n1", "n4", "n5")
    for members in (
        Configuration(old, 2, learners=("n4", "n5")),
        Configuration(new, 2, old, 2),
        Configuration(new, 2),
    ):
        leader.propose(members=members)
        cluster.tick(8)
    cluster.crash("n2")
    cluster.crash("n3")
    cluster.tick(100)
    leader = cluster[cluster.leaders[0]]
    elected = leader.raft._elected
    assert elected is not None
    assert [vote.node for vote in elected.votes] == ["n4", "n5"]
    cluster.said.clear()
    returned = cluster.start("n1")
    assert returned.disk.entries[mine.index] == mine
    cluster.tick(100)
    assert returned.raft.commit == leader.raft.commit
    assert returned.disk.entries[mine.index] != mine
    shown = [line for line in cluster.heard("Append") if ">n1 " in line and "elected" in line]
    terms = dict.fromkeys(int(line.split()[-1]) for line in shown)
    assert list(terms) == [leader.raft.term, mine.term + 1]


def test_cr12_a_learner_follows_a_lone_voter_by_its_own_vote() -> None:
    """CR-12: the voter is the majority; nobody else's vote takes its place."""
    disk = Disk(log_of_terms(1, 1), HardState(1))
    start = replace(configuration("n1", "n2"), start=Configuration(("n2",), 1, learners=("n1", "n3")))
    node = Node(start, disk)
    others = election(2, "n3", n1=(1, 1), n3=(1, 1))
    assert refused(node, append(2, (1, 1), entry(2, 2), shown=others)) == 1
    taken(node, append(2, (1, 1), entry(2, 2), shown=election(2, "n2", n2=(1, 1))))


def test_cr67_a_certified_snapshot_needs_no_election() -> None:
    """CR-67: it is proved by a certificate, which is how a follower goes on that can judge no election."""
    node = lone((1, 1))
    assert refused(node, append(5, (1, 1), entry(2, 4), sender="n3")) == 1
    point = SnapshotPoint(3, 5, entry(3, 5).hash, node.raft.configuration)
    assert node.raft.lacks(point)
    node.disk.entries = [node.disk.entries[0], *log_of_terms(1, 4, 5)]
    node.disk.compacted = 3
    node.raft.snapshot_installed(point)
    assert (node.raft.commit, node.raft.last_index) == (3, 3)
    held = entry(4, 5)
    taken(node, append(5, (5, 3), held, sender="n3", commit=4, proof=certificate("n2 n3", held)))


def test_cr82_who_was_handed_the_leadership_shows_its_election_too() -> None:
    """CR-14, CR-82: an election past stickiness is one like any other."""
    cluster = Cluster()
    old = cluster.elect("n3")
    cluster.isolate("n3")
    stray = old.propose(b"stray")
    cluster.run()
    cluster.tick(100, "n1", "n2")
    (name,) = set(cluster.leaders) - {"n3"}
    heir = "n2" if name == "n1" else "n1"
    cluster[name].raft.transfer(heir)
    cluster.run()
    assert cluster[heir].raft.role is Role.LEADER
    cluster.heal()
    cluster.tick(40)
    assert old.raft.commit == cluster[heir].raft.commit
    assert old.disk.entries[stray.index] != stray
