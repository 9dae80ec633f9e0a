"""Handing over, linearizable reads, snapshots, signed votes, lost disks (CR-62 to CR-85 in part)."""

from __future__ import annotations

import pytest
from harness import (
    GENESIS,
    Cluster,
    Disk,
    Mac,
    Node,
    answer_vote,
    append,
    ask_pre_vote,
    ask_vote,
    certificate,
    election,
    entry,
    fresh_id,
    heartbeat,
    log_of_terms,
    lone,
)
from test_raft_elections import answers, candidate, leading

from consensus.errors import ChangeRefused, Moving, NotLeader, TransferRefused
from consensus.messages import (
    Append,
    AppendReply,
    Certificate,
    Heartbeat,
    HeartbeatReply,
    ReadIndexReply,
    Snapshot,
    SnapshotReply,
    TimeoutNow,
    VoteReply,
)
from consensus.quorum import Configuration
from consensus.state import HardState, Role, SnapshotPoint

MEMBERS = Configuration(("n1", "n2", "n3"), 2)


def read_results(node: Node) -> tuple[list[int], list[int]]:
    """Numbers of reads that were answered, and of those that failed, so far."""
    good = [number for ready in node.readies for number, _ in ready.reads]
    return good, [number for ready in node.readies for number in ready.reads_failed]


# --- handing over ---------------------------------------------------------------------------


def test_cr82_the_target_is_caught_up_before_it_is_told_to_campaign() -> None:
    """CR-82: new proposals are refused with "moving", and the log is brought over first."""
    cluster = Cluster()
    leader = cluster.elect("n1")
    cluster.cut("n1", "n2")
    cluster.propose("n1")
    leader.raft.transfer("n2")
    with pytest.raises(Moving):
        leader.propose()
    cluster.run()
    assert cluster.heard("TimeoutNow") == []
    cluster.heal()
    cluster.tick(6, "n1")
    assert cluster.heard("TimeoutNow") == ["n1>n2 TimeoutNow t1"]
    assert cluster.leaders == ["n2"]
    assert (cluster["n2"].raft.term, cluster["n2"].raft.last_index) == (2, 3)
    assert len(cluster.heard("PreVote")) == 2, "those of n1's own election"


def test_cr83_a_transfer_in_vain_ends_after_an_election_timeout() -> None:
    cluster = Cluster()
    leader = cluster.elect("n1")
    cluster.crash("n2")
    cluster.propose("n1")
    leader.raft.transfer("n2")
    cluster.tick(leader.raft.config.election_ticks - 1)
    assert leader.raft.transferee == "n2"
    cluster.tick(1)
    assert (leader.raft.transferee, leader.raft.role) == (None, Role.LEADER)
    before = leader.raft.commit
    cluster.propose("n1")
    assert leader.raft.commit == before + 1


def test_cr83_the_target_is_not_demoted_while_leadership_goes_to_it() -> None:
    """CR-82, CR-83: no change of the members is made meanwhile; once it has ended, it is."""
    cluster = Cluster()
    leader = cluster.elect("n1")
    cluster.tick(4)
    cluster.crash("n2")
    leader.raft.transfer("n2")
    without = Configuration(("n1", "n3"), 2, ("n1", "n2", "n3"), 2)
    with pytest.raises(Moving):
        leader.propose(b"members", without)
    assert not leader.raft.may_reconfigure()
    cluster.tick(leader.raft.config.election_ticks)
    assert leader.raft.transferee is None
    leader.propose(b"members", without)
    cluster.run()
    with pytest.raises(ChangeRefused):
        leader.propose(b"members", without)
    assert leader.raft.commit == leader.raft.last_index


def test_cr83_the_flag_is_cleared_when_leadership_ends_otherwise() -> None:
    """CR-83: on every path."""
    cluster = Cluster()
    leader = cluster.elect("n1")
    cluster.cut("n1", "n2")
    cluster.propose("n1")
    leader.raft.transfer("n2")
    answers(leader, heartbeat(5, sender="n3"))
    assert leader.raft.transferee is None


def test_cr84_whom_leadership_may_go_to() -> None:
    cluster = Cluster()
    leader = cluster.elect("n1")
    with pytest.raises(TransferRefused, match="already"):
        leader.raft.transfer("n1")
    with pytest.raises(TransferRefused, match="no voter"):
        leader.raft.transfer("n9")
    with pytest.raises(NotLeader):
        cluster["n2"].raft.transfer("n1")
    cluster.isolate("n2")
    cluster.propose("n1")
    leader.raft.transfer("n2")
    leader.raft.transfer("n2")
    assert leader.raft.transferee == "n2"
    leader.raft.transfer("n3")
    cluster.run()
    assert cluster.leaders == ["n3"]


def test_cr84_to_ask_again_for_the_same_target_changes_nothing() -> None:
    """CR-84: the time in which it must succeed is not drawn out either."""
    cluster = Cluster()
    leader = cluster.elect("n1")
    cluster.crash("n2")
    leader.raft.transfer("n2")
    for _ in range(leader.raft.config.election_ticks):
        assert leader.raft.transferee == "n2"
        leader.raft.transfer("n2")
        cluster.tick(1)
    assert leader.raft.transferee is None


def test_cr85_the_most_advanced_voter_is_the_successor() -> None:
    cluster = Cluster("n1 n2 n3 n4 n5")
    leader = cluster.elect("n1")
    for name in ("n2", "n3", "n5"):
        cluster.cut("n1", name)
    cluster.propose("n1")
    assert leader.raft.successor() == "n4"
    cluster.heal()
    cluster.tick(8, "n1")
    assert leader.raft.successor() == "n5", "all are level"
    cluster.isolate("n5")
    cluster.tick(leader.raft.config.election_ticks, "n1")
    assert leader.raft.successor() == "n4", "n5 was not heard lately"


def test_cr13_cr84_only_a_voter_that_hears_its_leader_obeys_it() -> None:
    """CR-13, CR-84: a learner, or one told by another node, does not campaign."""
    node = lone(voters="n2 n3", term=1)
    answers(node, heartbeat(1))
    answers(node, TimeoutNow("n2", "n1", 1, fresh_id()))
    assert node.raft.role is Role.FOLLOWER
    voter = lone(term=1)
    answers(voter, heartbeat(1))
    answers(voter, TimeoutNow("n3", "n1", 1, fresh_id()))
    assert voter.raft.role is Role.FOLLOWER
    answers(voter, TimeoutNow("n2", "n1", 1, fresh_id()))
    assert (voter.raft.role, voter.raft.term) == (Role.CANDIDATE, 2)


# --- linearizable reads ----------------------------------------------------------------------


def test_cr78_a_leader_that_has_not_committed_in_its_term_lets_reads_wait() -> None:
    node = leading()
    number = node.raft.read()
    answers(node, HeartbeatReply("n2", "n1", node.raft.term, fresh_id(), 2**61, 0))
    assert read_results(node) == ([], [])
    office = node.disk.entries[1]
    signature = Mac("n2").mac("n2", office.term, 1, office.hash)
    answers(node, AppendReply("n2", "n1", 1, fresh_id(), 1, True, 0, 1, 0, 0, ((1, signature),), 0))
    beats = [each for ready in node.readies for each in ready.send_now if isinstance(each, Heartbeat)]
    answers(node, HeartbeatReply("n2", "n1", 1, fresh_id(), beats[-1].id, 1))
    assert read_results(node) == ([number], [])


def test_cr79_only_answers_to_requests_sent_afterwards_confirm() -> None:
    """CR-79: a heartbeat that was under way when the read came says nothing."""
    cluster = Cluster()
    leader = cluster.elect("n1")
    cluster.tick(4)
    leader.raft.tick()
    for _ in range(leader.raft.config.heartbeat_ticks):
        leader.raft.tick()
    earlier = [each for each in leader.drain() if isinstance(each, Heartbeat)]
    assert earlier
    number = leader.raft.read()
    for beat in earlier:
        reply = HeartbeatReply(beat.target, "n1", beat.term, fresh_id(), beat.id, leader.raft.commit)
        leader.raft.step(reply)
    sent = leader.drain()
    assert read_results(leader) == ([], [])
    later = [each for each in sent if isinstance(each, Heartbeat)]
    assert {beat.target for beat in later} == {"n2", "n3"}
    beat = later[0]
    answers(leader, HeartbeatReply(beat.target, "n1", beat.term, fresh_id(), beat.id, leader.raft.commit))
    assert read_results(leader) == ([number], [])


def test_cr79_the_index_is_that_of_the_moment_when_the_read_was_taken() -> None:
    """CR-79: not of an earlier moment; and it is served once that index is applied here."""
    cluster = Cluster()
    leader = cluster.elect("n1")
    cluster.tick(4)
    leader.disk_is_held = True
    new = leader.propose()
    cluster.run()
    assert (leader.raft.commit, leader.disk.applied) == (new.index, new.index - 1)
    number = leader.raft.read()
    cluster.run()
    cluster.tick(8, "n1")
    assert read_results(leader) == ([], []), "confirmed, but not applied"
    cluster.network.extend(leader.settle())
    cluster.run()
    (served,) = [read for ready in leader.readies for read in ready.reads]
    assert served == (number, new.index)


@pytest.mark.parametrize("is_moving", [False, True])
def test_cr81_no_answer_of_the_past_is_a_lease(is_moving: bool) -> None:
    """CR-81: all followers answered this very tick, and still a read is confirmed by a round of its own."""
    cluster = Cluster()
    leader = cluster.elect("n1")
    cluster.tick(8)
    if is_moving:
        cluster.loses = lambda message: isinstance(message, TimeoutNow)
        leader.raft.transfer("n2")
        cluster.run()
    cluster.said.clear()
    number = leader.raft.read()
    sent = leader.drain()
    assert read_results(leader) == ([], [])
    assert {message.target for message in sent if isinstance(message, Heartbeat)} == {"n2", "n3"}
    cluster.network.extend(sent)
    cluster.run()
    assert read_results(leader) == ([number], [])


def test_cr80_one_round_confirms_all_and_a_step_down_fails_all() -> None:
    cluster = Cluster()
    leader = cluster.elect("n1")
    cluster.tick(4)
    cluster.said.clear()
    numbers = [leader.raft.read() for _ in range(50)]
    cluster.run()
    assert read_results(leader) == (numbers, [])
    assert len(cluster.heard("Heartbeat")) == 2
    waiting = [leader.raft.read() for _ in range(3)]
    leader.drain()
    answers(leader, heartbeat(9, sender="n3"))
    assert read_results(leader) == (numbers, waiting)


@pytest.mark.parametrize("is_early", [False, True], ids=["for a majority", "for the first commit"])
@pytest.mark.parametrize("how", ["a later term", "too few are heard"])
def test_cr80_who_asked_a_leader_that_steps_down_is_told_at_once(how: str, is_early: bool) -> None:
    cluster = Cluster()
    leader = cluster.elect("n1")
    cluster.tick(4)
    follower = cluster["n2"]
    number = follower.raft.read()
    (ask,) = follower.drain()
    if is_early:
        leader.raft._office = leader.raft.commit + 1  # as before its first commit
    leader.raft.step(ask)
    leader.drain()
    if how == "a later term":
        leader.raft.step(heartbeat(9, sender="n3"))
    else:
        for _ in range(2 * leader.raft.config.election_ticks + 1):
            leader.raft.tick()
    told = [each for each in leader.drain() if isinstance(each, ReadIndexReply)]
    assert [(each.target, each.rid, each.ok, each.term) for each in told] == [
        ("n2", ask.rid, False, leader.raft.term)
    ]
    assert read_results(follower) == ([], [])
    answers(follower, told[0])
    assert read_results(follower) == ([], [number])


def test_cr80_a_follower_asks_and_serves_after_applying() -> None:
    cluster = Cluster()
    cluster.elect("n1")
    cluster.tick(4)
    cluster.propose("n1")
    follower = cluster["n2"]
    number = follower.raft.read()
    cluster.run()
    (served,) = [read for ready in follower.readies for read in ready.reads]
    assert served == (number, cluster["n1"].raft.commit)
    assert follower.disk.applied >= served[1]


def test_cr80_a_followers_reads_fail_when_another_leads() -> None:
    """CR-80: at once, not only after an election timeout."""
    node = lone(term=1)
    answers(node, heartbeat(1))
    numbers = [node.raft.read() for _ in range(3)]
    node.drain()
    answers(node, heartbeat(2, sender="n3"))
    assert read_results(node) == ([], numbers)


def test_cr80_a_read_that_nobody_answers_fails_after_an_election_timeout() -> None:
    node = lone(term=1)
    answers(node, heartbeat(1))
    number = node.raft.read()
    (ask,) = node.drain()
    for _ in range(node.raft.config.election_ticks):
        answers(node, heartbeat(1))
        node.raft.tick()
        node.drain()
    assert read_results(node) == ([], [number])
    late = ReadIndexReply("n2", "n1", 1, fresh_id(), ask.id, number, True, 0)
    answers(node, late)
    assert read_results(node) == ([], [number])


def test_cr21_a_leader_that_was_paused_confirms_nothing_by_itself() -> None:
    """CR-21: after the pause others lead; the old one's reads fail or wait."""
    cluster = Cluster()
    leader = cluster.elect("n1")
    cluster.tick(4)
    cluster.isolate("n1")
    cluster.tick(60, "n2", "n3")
    assert len(cluster.leaders) == 2
    number = leader.raft.read()
    leader.drain()
    assert read_results(leader) == ([], [])
    cluster.heal()
    cluster.tick(8)
    good, failed = read_results(leader)
    assert (number in good, number in failed) == (False, True)


# --- snapshots --------------------------------------------------------------------------------


def point(held: object) -> SnapshotPoint:
    return SnapshotPoint(held.index, held.term, held.hash, MEMBERS)  # type: ignore[attr-defined]


def offer(index: int, term: int, held: bytes, leader_term: int = 3) -> Snapshot:
    return Snapshot("n2", "n1", leader_term, fresh_id(), index, term, held, MEMBERS)


@pytest.mark.parametrize(("previous", "accepted"), [(4, True), (5, True), (6, False)])
def test_cr63_a_log_that_begins_with_a_snapshot(previous: int, accepted: bool) -> None:
    """CR-63: at i - 1 everything is committed and the same, at i its term is known, at i + 1 nothing is."""
    disk = Disk(log_of_terms(1, 1, 2, 2, 2), HardState(2))
    disk.compacted = disk.applied = 5
    seed = lone()
    node = Node(seed.raft.config, disk)
    assert (node.raft.commit, node.raft.last_index, node.raft.last_term) == (5, 5, 2)
    new = entry(previous + 1, 2)
    sent = append(3, (2, previous), new) if previous != 4 else append(3, (2, 4), disk.entries[5])
    (reply,) = [each for each in answers(node, sent) if isinstance(each, AppendReply)]
    assert reply.ok is accepted
    assert reply.match == (previous + 1 if accepted else 0)
    assert node.raft.commit == 5


def test_cr63_an_append_that_reaches_below_the_start_is_taken_from_there_on() -> None:
    """CR-63: what is below the start is committed, and so the same."""
    held = log_of_terms(1, 1, 2, 2, 2)
    disk = Disk(held, HardState(2))
    disk.compacted = disk.applied = 5
    node = Node(lone().raft.config, disk)
    (reply,) = answers(node, append(3, (1, 2), *held[2:], entry(6, 3)))
    assert (reply.ok, reply.match, node.raft.halted) == (True, 6, None)  # type: ignore[union-attr]
    assert disk.entries[-1].term == 3


def test_cr63_the_term_of_the_place_where_the_log_begins_is_known() -> None:
    """CR-25, CR-63: a leader that has another term there denies what is committed."""
    disk = Disk(log_of_terms(1, 1, 2, 2, 2), HardState(2))
    disk.compacted = disk.applied = 5
    node = Node(lone().raft.config, disk)
    assert answers(node, append(3, (1, 5), entry(6, 3))) == []
    assert [kept.kind for kept in node.raft.evidence] == ["committed_conflict"]
    assert (node.raft.leader, node.raft.last_index) == (None, 5)


def test_cr28_a_hint_below_the_start_crashes_nobody() -> None:
    disk = Disk(log_of_terms(1, 1, 2, 2, 2), HardState(2))
    disk.compacted = disk.applied = 5
    node = Node(lone().raft.config, disk)
    for previous in ((1, 1), (1, 2), (7, 3)):
        answers(node, append(9, previous, entry(previous[1] + 1, 9)))
    assert (node.raft.halted, node.raft.commit) == (None, 5)


def test_cr64_what_is_held_is_kept_and_what_is_committed_is_answered() -> None:
    node = lone((1, 1, 2, 2), applied=1)
    held = node.disk.entries
    (reply,) = answers(node, offer(1, 1, held[1].hash))
    assert (reply.ok, reply.match) == (True, 1)  # type: ignore[union-attr]
    (reply,) = answers(node, offer(3, 2, held[3].hash))
    assert (reply.ok, reply.match) == (True, 3)  # type: ignore[union-attr]
    assert node.raft.last_index == 4
    assert all(ready.snapshot is None for ready in node.readies)


def test_cr64_a_snapshot_below_the_start_of_the_log_is_answered() -> None:
    """CR-64: and otherwise ignored, though the log cannot say what stood there."""
    disk = Disk(log_of_terms(1, 1, 2, 2, 2), HardState(2))
    disk.compacted = disk.applied = 5
    node = Node(lone().raft.config, disk)
    (reply,) = answers(node, offer(3, 2, disk.entries[3].hash))
    assert (reply.ok, reply.match) == (True, 5)  # type: ignore[union-attr]
    assert all(ready.snapshot is None for ready in node.readies)


def test_cr64_cr67_a_snapshot_takes_the_place_of_a_log_that_differs() -> None:
    """CR-64, CR-67: the caller fetches and verifies; its members govern, and the log goes on from it."""
    node = lone((1, 1))
    distant = entry(9, 2)
    wider = Configuration(("n1", "n2", "n3"), 2, ("n1", "n2", "n4"), 2, ("n5",))
    assert answers(node, Snapshot("n2", "n1", 3, fresh_id(), 9, 2, distant.hash, wider)) == []
    (wanted,) = [ready.snapshot for ready in node.readies if ready.snapshot is not None]
    assert wanted == SnapshotPoint(9, 2, distant.hash, wider)
    assert node.raft.hard.accepted == 3, "durable before anything is replaced"
    assert answers(node, Snapshot("n2", "n1", 3, fresh_id(), 9, 2, distant.hash, wider)) == []
    node.disk.entries = [GENESIS, *log_of_terms(1, 1, 1, 1, 1, 1, 1, 1), distant]
    node.disk.compacted = node.disk.applied = 9
    node.raft.snapshot_installed(wanted)
    (reply,) = node.drain()
    assert isinstance(reply, SnapshotReply)
    assert (reply.ok, reply.match) == (True, 9)
    assert (node.raft.commit, node.raft.last_index, node.raft.configuration) == (9, 9, wider)
    (reply_,) = answers(node, append(3, (2, 9), entry(10, 3)))
    assert reply_.match == 10  # type: ignore[union-attr]


def test_cr48_cr65_a_far_follower_is_offered_the_snapshot_and_no_appends_meanwhile() -> None:
    cluster = Cluster(snapshot_lag=3)
    leader = cluster.elect("n1")
    cluster.isolate("n3")
    for _ in range(8):
        cluster.propose("n1")
    held = leader.disk.entries[7]
    leader.raft.snapshot_available(point(held))
    cluster.heal()
    cluster.said.clear()
    cluster.tick(8, "n1")
    assert len(cluster.heard("Snapshot")) == 1
    after = cluster.said.index(cluster.heard("Snapshot")[0])
    assert not [line for line in cluster.said[after:] if line.startswith("n1>n3 Append")]
    follower = cluster["n3"]
    follower.disk.entries = leader.disk.entries[:8]
    follower.disk.compacted = follower.disk.applied = 7
    follower.raft.snapshot_installed(point(held))
    cluster.run()
    assert follower.raft.last_index == leader.raft.last_index
    assert follower.raft.commit == leader.raft.commit


def test_cr65_when_the_snapshot_cannot_be_had_the_log_serves() -> None:
    cluster = Cluster(snapshot_lag=3)
    leader = cluster.elect("n1")
    cluster.isolate("n3")
    for _ in range(8):
        cluster.propose("n1")
    leader.raft.snapshot_available(point(leader.disk.entries[7]))
    cluster.heal()
    cluster.tick(8, "n1")
    cluster["n3"].raft.snapshot_failed()
    cluster.run()
    cluster.tick(8, "n1")
    assert cluster["n3"].raft.commit == leader.raft.commit


def test_cr65_success_at_an_older_snapshot_than_the_newest_counts() -> None:
    """CR-65: the one before was fetched when the newer was offered; the log goes on from there."""
    cluster = Cluster(snapshot_lag=3)
    leader = cluster.elect("n1")
    cluster.isolate("n3")
    for _ in range(12):
        cluster.propose("n1")
    older, newer = leader.disk.entries[7], leader.disk.entries[8]
    leader.raft.snapshot_available(point(older))
    cluster.heal()
    cluster.tick(8, "n1")
    leader.raft.snapshot_available(point(newer))
    cluster.loses = lambda message: isinstance(message, Snapshot)
    cluster.tick(leader.raft.config.election_ticks + 4, "n1")
    assert any(line.endswith("LOST") for line in cluster.heard("Snapshot")), "the newer one was offered"
    cluster.loses = lambda message: False
    follower = cluster["n3"]
    follower.disk.entries = leader.disk.entries[:8]
    follower.disk.compacted = follower.disk.applied = 7
    cluster.said.clear()
    follower.raft.snapshot_installed(point(older))
    cluster.run()
    assert follower.raft.commit == leader.raft.commit == 13
    assert cluster.heard("Snapshot") == []


def test_cr65_a_lost_offer_is_made_again() -> None:
    cluster = Cluster(snapshot_lag=3)
    leader = cluster.elect("n1")
    cluster.isolate("n3")
    for _ in range(8):
        cluster.propose("n1")
    leader.raft.snapshot_available(point(leader.disk.entries[7]))
    cluster.heal()
    cluster.loses = lambda message: isinstance(message, Snapshot)
    cluster.tick(8, "n1")
    assert all(ready.snapshot is None for ready in cluster["n3"].readies)
    cluster.loses = lambda message: False
    cluster.tick(2 * leader.raft.config.election_ticks, "n1")
    assert any(ready.snapshot is not None for ready in cluster["n3"].readies)


# --- signed votes -----------------------------------------------------------------------------


def test_cr70_a_vote_states_the_last_leader_that_was_followed() -> None:
    """CR-70: a later leader sent older entries again; the voter lawfully cut off what it acknowledged."""
    node = lone((1, 1))
    mine = entry(3, 2)
    answers(node, append(2, (1, 2), mine))
    assert (2, 3, mine.hash) in node.authority.signed
    shown = election(3, "n3", n2=(1, 3), n3=(1, 3))
    answers(node, append(3, (1, 2), entry(3, 1), sender="n3", shown=shown))
    assert node.raft.hard == HardState(3, None, 3)
    again = Node(node.raft.config, node.disk)
    (reply,) = [each for each in answers(again, ask_vote(4, (2, 9))) if isinstance(each, VoteReply)]
    assert reply.granted
    assert (reply.accepted_term, reply.last_term, reply.last_index) == (3, 1, 3)
    assert (reply.accepted_term, reply.last_index) >= (2, 3), "it denies no acknowledgement"
    assert again.authority.verify_vote("n1", reply.ballot, reply.signature)


def test_cr70_the_votes_that_elect_become_the_certificate() -> None:
    node, _ = candidate(voters="n1 n2 n3 n4 n5")
    answers(node, answer_vote(node.raft.term, sender="n3", signature=b"forged"))
    answers(node, answer_vote(node.raft.term, sender="n4"))
    assert node.raft.role is Role.CANDIDATE
    assert dict(node.raft.dropped)["vote that does not verify"] == 1
    answers(node, answer_vote(node.raft.term, sender="n3"))
    assert node.raft.role is Role.LEADER
    (elected,) = [ready.took_office for ready in node.readies if ready.took_office is not None]
    assert (elected.term, elected.candidate) == (1, "n1")
    assert [vote.node for vote in elected.votes] == ["n1", "n3", "n4"]


# --- a node that lost its disk ----------------------------------------------------------------


def test_cr76_a_node_that_lost_data_neither_votes_nor_campaigns_nor_signs() -> None:
    node = lone((), mute_until=3)
    assert answers(node, ask_vote(5, (4, 9))) == []
    assert answers(node, ask_pre_vote(6, (4, 9))) == []
    held = log_of_terms(1, 1, 1, 1)
    (reply,) = answers(node, append(5, (0, 0), *held[:2]))
    assert (reply.ok, reply.match, reply.acks) == (True, 2, ())  # type: ignore[union-attr]
    for _ in range(100):
        node.raft.tick()
        node.drain()
    assert (node.raft.role, node.raft.term, node.authority.signed) == (Role.FOLLOWER, 5, [])


def test_cr76_it_takes_part_again_once_it_holds_what_it_may_have_signed() -> None:
    node = lone((), mute_until=3)
    held = [*log_of_terms(1, 1, 1), entry(4, 5)]
    answers(node, append(5, (0, 0), *held))
    assert node.authority.signed == []
    answers(node, heartbeat(5, commit=4, proof=certificate("n2 n3", held[3])))
    assert (node.raft.commit, node.raft.is_mute) == (4, False)
    fifth = entry(5, 5)
    (reply,) = [each for each in answers(node, append(5, (5, 4), fifth)) if isinstance(each, AppendReply)]
    assert [index for index, _ in reply.acks] == [5]


def test_cr76_an_older_copy_of_the_disk_is_found_out() -> None:
    """CR-76: it holds less than it signed, as a certificate shows; from then on the node promises nothing."""
    node = lone((1,), applied=1)
    held = log_of_terms(1, 1, 1)
    proof = certificate("n1 n2", held[2])
    answers(node, append(1, (1, 1), *held[1:], commit=3, proof=proof))
    assert node.raft.was_set_back
    assert node.raft.is_mute
    (reply,) = [
        each for each in answers(node, append(1, (1, 3), entry(4, 1))) if isinstance(each, AppendReply)
    ]
    assert (reply.match, reply.acks) == (4, ())
    assert answers(node, ask_vote(5, (4, 9))) == []

    honest = lone((1,), applied=1)
    answers(honest, append(1, (1, 1), *held[1:]))
    answers(honest, append(1, (1, 3), entry(4, 1), commit=3, proof=proof))
    assert not honest.raft.was_set_back
    forged = Certificate(1, 9, b"x" * 32, (("n1", b"forged"), ("n2", b"forged")))
    answers(honest, heartbeat(1, commit=9, proof=forged))
    assert not honest.raft.was_set_back


def test_cr76_a_leader_does_not_count_on_it() -> None:
    """CR-72, CR-76: it holds the log, and without its signature nothing commits by it."""
    node = leading()
    office = node.disk.entries[1]
    answers(node, AppendReply("n2", "n1", 1, fresh_id(), 1, True, 0, 1, 0, 0, (), 0))
    assert node.raft.commit == 0
    signature = Mac("n3").mac("n3", 1, 1, office.hash)
    answers(node, AppendReply("n3", "n1", 1, fresh_id(), 1, True, 0, 1, 0, 0, ((1, signature),), 0))
    assert node.raft.commit == 1
    assert isinstance(append(1, (0, 0)), Append)
