"""The log, commit and flow control: CR-23 to CR-52."""

from __future__ import annotations

from random import Random

import pytest
from harness import (
    Cluster,
    Disk,
    Mac,
    Node,
    append,
    ask_vote,
    certificate,
    configuration,
    elected_log,
    election,
    entry,
    fresh_id,
    heartbeat,
    log_of_terms,
    lone,
)
from test_raft_elections import answers, leading, win

from consensus.errors import Busy, ChangeRefused, ContractBroken, NotLeader
from consensus.log import Log
from consensus.messages import (
    Append,
    AppendReply,
    Entry,
    Heartbeat,
    HeartbeatReply,
    Message,
)
from consensus.quorum import Configuration
from consensus.state import HardState, Role


def reply_of(out: list[Message]) -> AppendReply:
    """The one answer to an append."""
    (reply,) = [message for message in out if isinstance(message, AppendReply)]
    return reply


def ack(node: Node, upto: Entry, *, sender: str = "n2", good: bool = True, re: int = 0) -> AppendReply:
    """A follower's answer that acknowledges this entry."""
    mac = Mac(sender).mac(sender, upto.term, upto.index, upto.hash)
    signature = mac if good else b"?" * 32
    acks = ((upto.index, signature),) if upto.term == node.raft.term else ()
    return AppendReply(
        sender, "n1", node.raft.term, fresh_id(), re, True, upto.index - 1, upto.index, 0, 0, acks, 0
    )


def refusal(node: Node, prev_index: int, hint: tuple[int, int], *, sender: str = "n2") -> AppendReply:
    return AppendReply(
        sender, "n1", node.raft.term, fresh_id(), 0, False, prev_index, 0, hint[0], hint[1], (), 0
    )


def appends(out: list[Message], target: str = "n2") -> list[Append]:
    return [message for message in out if isinstance(message, Append) and message.target == target]


def progress(node: Node, name: str = "n2") -> tuple[int, int, str]:
    """(match, next, pacing) of a follower as its leader sees it."""
    (peer,) = [peer for peer in node.raft.status().peers if peer.node == name]
    return peer.match, peer.next, peer.pacing


def entries(*terms: int) -> list[Entry]:
    return log_of_terms(*terms)


def test_cr23_an_append_after_something_else_is_refused_with_a_hint() -> None:
    """CR-23: nothing changes in the log, whether the place is missing or of another term."""
    node = lone((1, 1, 2), term=3)
    missing = reply_of(answers(node, append(3, (3, 9), entry(10, 3))))
    other = reply_of(answers(node, append(3, (1, 3), entry(4, 3))))
    assert (missing.ok, missing.prev_index, (missing.hint_term, missing.hint_index)) == (False, 9, (2, 3))
    assert (other.ok, other.prev_index, (other.hint_term, other.hint_index)) == (False, 3, (1, 2))
    assert (node.raft.last_index, node.raft.last_term) == (3, 2)


def test_cr24_a_late_or_doubled_append_truncates_nothing() -> None:
    """CR-24: also when it covers only a part of what is held."""
    node = lone()
    one, two, three = entries(1, 1, 1)
    first = append(1, (0, 0), one)
    answers(node, first)
    answers(node, append(1, (1, 1), two, three))
    assert reply_of(answers(node, first)).match == 1
    assert node.raft.last_index == 3
    assert node.disk.last_index == 3
    assert all(ready.truncate_from is None for ready in node.readies)


def test_cr24_only_an_entry_of_another_term_is_removed_with_all_after_it() -> None:
    """CR-24."""
    node = lone((1, 1, 1, 1), term=2)
    two, three = entry(2, 1), entry(3, 2)
    shown = election(2, "n2", n2=(1, 2), n3=(1, 2))
    reply = reply_of(answers(node, append(2, (1, 1), two, three, shown=shown)))
    assert (reply.ok, reply.match) == (True, 3)
    assert [held.term for held in node.disk.entries] == [0, 1, 1, 2]
    assert [ready.truncate_from for ready in node.readies if ready.entries] == [3]


def test_cr25_a_leader_that_denies_what_is_committed_is_not_followed_and_stops_nobody() -> None:
    """CR-25: nothing committed is removed, both sides are kept; one peer's word is no proof of a fork."""
    node = lone((1, 1, 1), applied=2)
    conflicting = entry(2, 3)
    assert answers(node, append(3, (1, 1), conflicting)) == []
    status = node.raft.status()
    assert (status.halted, status.leader, status.commit) == (None, None, 2)
    (kept,) = status.evidence
    assert (kept.kind, kept.against, kept.second) == ("committed_conflict", "n2", conflicting)
    assert "index 2" in kept.detail
    assert node.disk.entries[2].term == 1
    assert answers(node, append(3, (1, 3), entry(4, 3))) == [], "nor later in this term"
    assert answers(node, heartbeat(3)) == []
    assert node.raft.leader is None
    assert dict(status.dropped)["committed_conflict"] == 1


def test_cr25_who_only_poses_as_a_leader_keeps_nobody_from_the_real_one() -> None:
    node = lone((1, 1, 1), applied=2)
    assert answers(node, append(3, (1, 1), entry(2, 3))) == []
    reply = reply_of(answers(node, append(3, (1, 3), entry(4, 3), sender="n3")))
    assert (reply.ok, reply.match, node.raft.leader) == (True, 4, "n3")


def test_cr25_a_leader_that_was_followed_and_then_denies_has_no_other_beside_it() -> None:
    """CR-25: what it has brought is of this term, so another one's entries would only be taken for a lie."""
    node = lone((1, 1, 1), applied=2)
    assert reply_of(answers(node, append(3, (1, 3), entry(4, 3)))).ok
    assert answers(node, append(3, (1, 1), entry(2, 2))) == []
    assert answers(node, append(3, (3, 4), entry(5, 3), sender="n3")) == []
    assert (node.raft.halted, node.raft.leader) == (None, None)
    assert reply_of(answers(node, append(4, (3, 4), entry(5, 4), sender="n3"))).ok, (
        "the next term begins anew"
    )


def test_cr25_cr74_a_certificate_for_the_other_block_stops_the_node() -> None:
    node = lone((1, 1, 1), applied=2)
    other = entry(2, 3)
    proof = certificate("n2 n3", other)
    assert answers(node, append(3, (1, 1), other, commit=2, proof=proof)) == []
    status = node.raft.status()
    assert status.halted is not None
    assert [kept.kind for kept in status.evidence] == ["committed_conflict", "two_certificates"]
    assert answers(node, ask_vote(9, (8, 80))) == []


@pytest.mark.parametrize("index", [1, 2])
def test_cr25_a_leader_that_denies_a_committed_place_is_not_followed(index: int) -> None:
    """CR-25: it names the place only as the one before its entries."""
    node = lone((1, 1, 1), applied=2)
    assert answers(node, append(5, (4, index), entry(index + 1, 5))) == []
    status = node.raft.status()
    assert (status.halted, status.leader) == (None, None)
    assert [kept.kind for kept in status.evidence] == ["committed_conflict"]
    assert [held.term for held in node.disk.entries] == [0, 1, 1, 1]


def test_cr26_an_answer_reaches_as_far_as_its_request_proved() -> None:
    """CR-26: not to the end of a log that has an unproved suffix."""
    node = lone((1, 1, 1, 1, 1), term=2)
    reply = reply_of(answers(node, append(2, (1, 1), entry(2, 1))))
    assert (reply.ok, reply.match, node.raft.last_index) == (True, 2, 5)
    assert node.raft.confirmed == 2


def test_cr27_a_late_refusal_undoes_nothing() -> None:
    """CR-27: match never changes, next never falls to it."""
    node = leading()
    held = [node.disk.entries[1], node.propose(), node.propose()]
    node.drain()
    answers(node, ack(node, held[2]))
    assert progress(node) == (3, 4, "replicate")
    for prev_index in (0, 1, 2, 3):
        answers(node, refusal(node, prev_index, (0, 0)))
    assert progress(node) == (3, 4, "replicate")


def test_cr27_a_refusal_while_pipelining_moves_only_what_was_a_guess() -> None:
    """CR-27: match stays, next falls to the place right after it, and what was open is sent again."""
    node = leading()
    held = [node.disk.entries[1], *[node.propose() for _ in range(4)]]
    node.drain()
    answers(node, ack(node, held[2]))
    assert progress(node) == (3, 6, "replicate")
    (probe,) = appends(answers(node, refusal(node, 4, (0, 0))))
    assert progress(node) == (3, 4, "probe")
    assert (probe.prev_index, [each.index for each in probe.entries]) == (3, [4, 5])


def test_cr27_a_refusal_in_probing_counts_only_for_the_last_probe() -> None:
    """CR-27."""
    node = leading(terms=(1, 1, 2, 2))
    assert progress(node) == (0, 5, "probe")
    answers(node, refusal(node, 3, (0, 0)))
    assert progress(node) == (0, 5, "probe")
    out = answers(node, refusal(node, 4, (1, 2)))
    assert progress(node) == (0, 3, "probe")
    assert (appends(out)[0].prev_term, appends(out)[0].prev_index) == (1, 2)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ([1] * 3 + [2] * 200 + [4] * 200, [1] * 3 + [3] * 200 + [5] * 200),
        ([1] * 3 + [4] * 200, [1] * 3 + [3] * 200 + [5]),
        ([1] * 3 + [2] * 200, [1] * 3 + [5] * 200),
    ],
)
def test_cr28_one_round_trip_for_each_differing_term(theirs: list[int], ours: list[int]) -> None:
    """CR-28: not one for each entry, whichever side has the long run."""
    cluster = Cluster()
    for name, terms in (("n1", ours), ("n2", theirs), ("n3", ours)):
        cluster.crash(name)
        cluster.start(name, Disk(elected_log(*terms), HardState(6, None)))
    cluster.elect("n1")
    cluster.tick(10)
    refusals = [line for line in cluster.said if line.startswith("n2>n1") and "refused" in line]
    assert 1 <= len(refusals) <= 4
    assert cluster.logs()["n2"] == cluster.logs()["n1"]


def test_cr28_a_hint_below_a_compacted_log_crashes_nobody() -> None:
    """CR-28, CR-48: nothing is invented for a term that is not known."""
    node = leading(terms=(1, 1, 2, 2))
    node.disk.compacted = 4
    answers(node, refusal(node, 4, (1, 1)))
    assert node.raft.role is Role.LEADER
    (peer,) = [peer for peer in node.raft.status().peers if peer.node == "n2"]
    assert peer.needs_snapshot or peer.next >= 4


def test_cr29_what_is_not_durable_is_not_acknowledged() -> None:
    """CR-29: on a follower."""
    node = lone()
    answers(node, heartbeat(1))
    node.disk_is_held = True
    assert answers(node, append(1, (0, 0), *entries(1))) == []
    assert node.authority.signed == []
    reply = reply_of(node.settle())
    assert (reply.ok, reply.match, [index for index, _ in reply.acks]) == (True, 1, [1])


def test_cr29_the_leaders_own_share_counts_when_it_is_durable() -> None:
    """CR-29: the append leaves before, and two others are enough without it."""
    node = leading(voters="n1 n2 n3 n4 n5")
    node.disk_is_held = True
    new = node.propose()
    assert len(appends(node.drain())) == 0
    office = node.disk.entries[1]
    for name in ("n2", "n3", "n4", "n5"):
        answers(node, ack(node, office, sender=name))
    assert node.raft.commit == 1
    answers(node, ack(node, new, sender="n2"))
    answers(node, ack(node, new, sender="n3"))
    assert node.raft.commit == 1
    node.sync()
    assert node.raft.commit == 2


def test_cr29_cr51_the_fastest_quorum_commits_and_apply_waits_for_the_own_disk() -> None:
    """CR-29, CR-42, CR-51: a leader with a slow disk commits, and applies when it is durable."""
    node = leading()
    office = node.disk.entries[1]
    answers(node, ack(node, office, sender="n2"))
    node.disk_is_held = True
    new = node.propose()
    answers(node, ack(node, new, sender="n2"))
    assert node.raft.commit == 1
    answers(node, ack(node, new, sender="n3"))
    assert node.raft.commit == 2
    node.drain()
    assert [index for index, _ in node.applied] == [1]
    node.sync()
    node.drain()
    assert [index for index, _ in node.applied] == [1, 2]


def test_cr30_the_completion_of_an_overwritten_entry_marks_nothing_durable() -> None:
    """CR-30."""
    node = lone()
    answers(node, heartbeat(1))
    node.disk_is_held = True
    answers(node, append(1, (0, 0), *entries(1, 1)))
    shown = election(2, "n3", n2=(0, 0), n3=(0, 0))
    answers(node, append(2, (0, 0), entry(1, 2), sender="n3", shown=shown))
    node.settle(1)
    assert node.raft.log.persisted == 0
    assert reply_of(node.settle(1)).match == 1
    assert node.raft.log.persisted == 1


def test_cr30_not_even_if_the_same_entry_came_back() -> None:
    """CR-30: A, B, A at one index; the first completion is not the third's (ABA)."""
    node = lone()
    answers(node, heartbeat(1))
    node.disk_is_held = True
    (back,) = entries(1)
    answers(node, append(1, (0, 0), back))
    n2, n3 = election(2, "n3", n2=(0, 0), n3=(0, 0)), election(3, "n2", n2=(1, 1), n3=(1, 1))
    answers(node, append(2, (0, 0), entry(1, 2), sender="n3", shown=n2))
    answers(node, append(3, (0, 0), back, shown=n3))
    assert node.raft.log.entry(1) == back
    node.settle(1)
    assert node.raft.log.persisted == 0
    node.settle(1)
    assert node.raft.log.persisted == 0
    node.settle(1)
    assert node.raft.log.persisted == 1


def test_cr30_a_truncation_that_the_storage_has_not_seen_yet_counts_too() -> None:
    """CR-30: the completion arrives between the message and the next Ready."""
    log = Log(Disk())
    log.append(entry(1, 1))
    log.hand_out()
    log.truncate(1)
    log.append(entry(1, 2))
    assert not log.completed(1, entry(1, 1).hash)
    assert log.persisted == 0


def test_cr29_what_is_not_durable_stays_in_memory() -> None:
    """CR-29: however much it is, the reader is never asked for it."""
    log = Log(Disk())
    held = entries(*[1] * 3_000)
    for each in held[:10]:
        log.append(each)
    log.hand_out()
    for each in held[10:]:
        log.append(each)
    assert log.completed(10, held[9].hash)
    assert [log.entry(index) for index in range(11, 3_001)] == held[10:]


def test_cr31_two_blocks_of_one_term_and_index_are_evidence_not_a_crash() -> None:
    """CR-31."""
    node = lone()
    (one,) = entries(1)
    answers(node, append(1, (0, 0), one))
    assert answers(node, append(1, (0, 0), entry(1, 1, b"other"))) == []
    assert node.raft.status().evidence[0].kind == "two_blocks"
    assert node.disk.entries[1] == one
    assert node.raft.halted is None


@pytest.mark.parametrize("wrong", [entry(3, 1), entry(1, 1), entry(2, 2)])
def test_cr32_a_leader_appends_only_what_continues_its_own_term(wrong: Entry) -> None:
    """CR-32: indices without gaps, its own term."""
    node = leading()
    with pytest.raises(ContractBroken):
        node.raft.propose((wrong,))
    assert node.raft.last_index == 1


def test_cr33_answers_and_completions_of_an_old_term_count_for_nothing() -> None:
    """CR-33: after losing office and winning again."""
    node = leading()
    node.disk_is_held = True
    old = node.propose()
    node.drain()
    late = ack(node, old, sender="n2")
    answers(node, heartbeat(5, sender="n3"))
    node.settle()
    assert node.raft.commit == 0
    assert answers(node, late) == []
    assert (node.raft.commit, node.raft.role) == (0, Role.FOLLOWER)


def test_cr33_what_waited_for_the_disk_is_not_answered_to_the_next_leader() -> None:
    """CR-33: nor does what the last leader proved bind the next one."""
    node = lone()
    answers(node, heartbeat(1))
    node.disk_is_held = True
    answers(node, append(1, (0, 0), *entries(1, 1, 1)))
    answers(node, heartbeat(2, sender="n3"))
    assert [type(message) for message in node.settle()] == [HeartbeatReply]
    node.disk_is_held = False
    shown = election(2, "n3", n2=(1, 1), n3=(1, 1))
    reply = reply_of(answers(node, append(2, (1, 1), entry(2, 2), sender="n3", shown=shown)))
    assert (reply.ok, reply.match, node.raft.evidence) == (True, 2, [])


def test_cr33_a_leader_again_counts_nothing_of_its_earlier_term() -> None:
    """CR-33: an acknowledgement of its first term comes while it leads its second."""
    node = leading()
    old = node.propose()
    node.drain()
    late = ack(node, old, sender="n2")
    answers(node, heartbeat(5, sender="n3"))
    win(node)
    assert node.raft.term == 6
    assert answers(node, late) == []
    assert (node.raft.commit, progress(node)[0]) == (0, 0)


def test_cr34_messages_for_others_and_of_strangers_are_dropped_and_counted() -> None:
    """CR-34."""
    node = lone((1,))
    before = node.raft.hard
    for message in (
        heartbeat(9, target="n2"),
        HeartbeatReply("n9", "n1", 9, fresh_id(), 0, 0),
        heartbeat(9, sender="n1"),
        ask_vote(9, (1, 1), sender="n9"),
    ):
        assert answers(node, message) == []
    assert node.raft.hard == before
    assert sum(count for _, count in node.raft.status().dropped) == 4


def test_cr36_a_failed_sync_ends_acknowledging_voting_and_leading() -> None:
    """CR-36: and the write is not tried again."""
    node = leading()
    node.disk_is_held = True
    node.propose()
    node.drain()
    node.raft.storage_failed("EIO")
    out = node.drain()
    assert out == []
    assert (node.raft.role, node.losses) == (Role.FOLLOWER, 1)
    with pytest.raises(NotLeader):
        node.propose()
    assert answers(node, heartbeat(1)) == []
    assert answers(node, ask_vote(9, (8, 80))) == []
    for _ in range(200):
        node.raft.tick()
    assert node.drain() == []
    assert node.raft.status().halted == "storage failed: EIO"


def test_cr36_what_waited_for_the_failed_sync_never_leaves() -> None:
    """CR-36."""
    node = lone()
    node.raft.step(ask_vote(1, (0, 0)))
    node.raft.storage_failed("ENOSPC")
    assert node.drain() == []


def figure_eight() -> Node:
    """n1 leads term 4 with an entry of term 2 that n2 holds too."""
    node = leading(terms=(1, 2), term=3)
    assert node.raft.term == 4
    return node


def test_cr37_entries_of_earlier_terms_are_not_committed_by_counting() -> None:
    """CR-37: figure 8 of the paper."""
    node = figure_eight()
    old, own = node.disk.entries[2], node.disk.entries[3]
    for name in ("n2", "n3"):
        signed = ((2, Mac(name).mac(name, 4, 2, old.hash)),)
        for acks in ((), signed):
            answers(node, AppendReply(name, "n1", 4, fresh_id(), 0, True, 0, 2, 0, 0, acks, 0))
    assert (old.term, node.raft.commit) == (2, 0)
    answers(node, ack(node, own))
    assert node.raft.commit == 3
    node.drain()
    assert [index for index, _ in node.applied] == [1, 2, 3]


def test_cr38_commit_moves_in_one_step_to_what_a_quorum_stores() -> None:
    """CR-38."""
    node = leading(voters="n1 n2 n3 n4 n5")
    held = [node.disk.entries[1], *[node.propose() for _ in range(5)]]
    node.drain()
    for name, upto in (("n2", 3), ("n3", 5)):
        mac = Mac(name)
        acks = tuple((each.index, mac.mac(name, each.term, each.index, each.hash)) for each in held[:upto])
        answers(node, AppendReply(name, "n1", 1, fresh_id(), 0, True, 0, upto, 0, 0, acks, 0))
    assert node.raft.commit == 3
    assert [index for index, _ in node.applied] == [1, 2, 3]


def test_cr39_a_heartbeat_commits_no_unconfirmed_suffix() -> None:
    """CR-39: even with a valid certificate, until this leader has proved the place."""
    node = lone((1, 1, 1), term=2)
    held = node.disk.entries[3]
    answers(node, heartbeat(2, commit=3, proof=certificate("n2 n3", held)))
    assert node.raft.commit == 0
    reply = reply_of(answers(node, append(2, (1, 3), commit=3)))
    assert (reply.match, reply.commit, node.raft.commit) == (3, 3, 3)


def test_cr39_commit_waits_until_the_entry_is_durable_here() -> None:
    """CR-39, CR-42."""
    node = lone()
    answers(node, heartbeat(1))
    node.disk_is_held = True
    (new,) = entries(1)
    answers(node, append(1, (0, 0), new, commit=1, proof=certificate("n2 n3", new)))
    assert node.raft.commit == 0
    node.sync()
    node.drain()
    assert node.applied == [(1, new.hash)]


def test_cr40_commit_never_moves_back_and_a_restart_keeps_what_was_applied() -> None:
    """CR-40."""
    cluster = Cluster()
    cluster.elect("n1")
    for _ in range(5):
        cluster.propose("n1")
    cluster.tick(8)
    assert cluster.commits() == {"n1": 6, "n2": 6, "n3": 6}
    cluster.crash("n2")
    node = cluster.start("n2")
    assert node.raft.commit == 6
    cluster.tick(8)
    assert node.raft.confirmed == 6
    old = node.disk.certificates[2]
    answers(node, heartbeat(1, sender="n1", target="n2", commit=2, proof=old))
    assert node.raft.commit == 6


def test_cr41_a_node_without_the_committed_entries_is_not_elected() -> None:
    """CR-41."""
    cluster = Cluster()
    cluster.elect("n1")
    cluster.isolate("n3")
    committed = cluster.propose("n1")
    cluster.crash("n1")
    cluster.crash("n2")
    cluster.start("n2")  # and so it has heard of no leader lately
    cluster.heal()
    cluster.tick(60, "n3")
    assert "n2>n3 PreVoteReply t1 refused" in cluster.said
    assert cluster.leaders == []
    cluster.elect("n2")
    cluster.tick(10)
    assert committed.hash in [applied for _, applied in cluster["n3"].applied]


def test_cr42_applied_in_order_once_and_durable_first() -> None:
    """CR-42: over a crash; the harness asserts durability at each step."""
    cluster = Cluster()
    cluster.elect("n1")
    for _ in range(4):
        cluster.propose("n1")
    cluster.crash("n2")
    for _ in range(4):
        cluster.propose("n1")
    cluster.start("n2")
    cluster.tick(12)
    assert [index for index, _ in cluster["n1"].applied] == list(range(1, 10))
    assert [index for index, _ in cluster["n2"].applied][-4:] == list(range(6, 10))


def test_cr43_catching_up_is_paged_and_a_huge_entry_passes_alone() -> None:
    """CR-43: nothing is skipped or repeated."""
    cluster = Cluster(max_append_bytes=100, max_append_entries=3)
    cluster.elect("n1")
    cluster.isolate("n3")
    sizes = [40, 40, 40, 1_000, 1, 1, 1, 1, 1, 99, 2]
    for size in sizes:
        cluster.propose("n1", b"z" * size)
    cluster.heal()
    cluster.tick(12)
    assert cluster.logs()["n3"] == cluster.logs()["n1"]
    pages = [
        line.split()[5] for line in cluster.said if line.startswith("n1>n3 Append") and "LOST" not in line
    ]
    assert "5..5" in pages
    assert all(int(page.split("..")[1]) - int(page.split("..")[0]) < 3 for page in pages if ".." in page)


def test_cr44_a_follower_whose_commit_lags_is_told_when_the_leader_is_idle() -> None:
    """CR-44: the notice of the commit was lost, and then the follower restarted."""
    cluster = Cluster()
    cluster.elect("n1")
    cluster.loses = lambda message: message.target == "n3" and isinstance(message, Heartbeat)
    cluster.propose("n1")
    assert cluster.commits() == {"n1": 2, "n2": 2, "n3": 1}
    cluster.loses = lambda message: False
    cluster.tick(9)
    assert cluster.commits()["n3"] == 2

    cluster.crash("n3")
    cluster.down["n3"].applied = 0
    cluster.start("n3")
    cluster.tick(9)
    assert cluster.commits()["n3"] == 2


def test_cr44_a_commit_that_waited_for_the_leaders_disk_is_told_at_once() -> None:
    """CR-44: no tick is needed."""
    cluster = Cluster()
    cluster.elect("n1")
    cluster.crash("n3")
    cluster.tick(8)
    cluster["n1"].disk_is_held = True
    cluster.propose("n1")
    assert cluster.commits() == {"n1": 1, "n2": 1}
    cluster.network.extend(cluster["n1"].settle())
    cluster.run()
    assert cluster.commits() == {"n1": 2, "n2": 2}


def test_cr44_a_leader_that_proposes_again_tells_the_commit_with_that_append() -> None:
    """CR-44: no heartbeat and no answer of its own; and at once when nothing follows after all."""
    cluster = Cluster()
    cluster.elect("n1")
    told = len(cluster.heard("Heartbeat"))
    cluster["n1"].expects_more = True
    cluster.propose("n1")
    assert cluster.commits() == {"n1": 2, "n2": 1, "n3": 1}
    cluster.propose("n1")
    assert cluster.commits() == {"n1": 3, "n2": 2, "n3": 2}
    assert len(cluster.heard("Heartbeat")) == told
    cluster["n1"].expects_more = False
    cluster.network.extend(cluster["n1"].drain())
    cluster.run()
    assert cluster.commits() == {"n1": 3, "n2": 3, "n3": 3}


def test_cr45_one_append_is_in_flight_to_a_probed_follower() -> None:
    """CR-45: until an answer, and after the first success it is pipelined."""
    node = leading()
    for _ in range(3):
        node.propose()
    assert appends(node.drain()) == []
    out = answers(node, ack(node, node.disk.entries[1]))
    assert [(each.prev_index, len(each.entries)) for each in appends(out)] == [(1, 3)]
    node.propose()
    node.propose()
    assert [each.prev_index for each in appends(node.drain())] == [4, 5]


def test_cr45_an_answer_to_a_heartbeat_older_than_the_probe_says_nothing() -> None:
    """CR-45: the office entry went out after that heartbeat."""
    node = leading()
    (beat, *_) = [
        message
        for ready in node.readies
        for message in ready.send_now
        if isinstance(message, Heartbeat) and message.target == "n2"
    ]
    assert appends(answers(node, HeartbeatReply("n2", "n1", 1, fresh_id(), beat.id, 0))) == []


def test_cr45_a_heartbeats_answer_lets_the_next_probe_go() -> None:
    """CR-45: the first was lost."""
    node = leading()
    for _ in range(4):
        node.raft.tick()
    (beat,) = [each for each in node.drain() if isinstance(each, Heartbeat) and each.target == "n2"]
    out = answers(node, HeartbeatReply("n2", "n1", 1, fresh_id(), beat.id, 0))
    assert [(each.prev_index, len(each.entries)) for each in appends(out)] == [(0, 1)]


def test_cr46_a_full_window_stops_sending_but_for_an_empty_append() -> None:
    """CR-46: and acknowledgements free exactly what they cover, doubled ones nothing."""
    node = leading(max_inflight=3)
    answers(node, ack(node, node.disk.entries[1]))
    held = [node.propose() for _ in range(6)]
    assert [each.prev_index for each in appends(node.drain())] == [1, 2, 3]
    for _ in range(4):
        node.raft.tick()
    beats = [each for each in node.drain() if isinstance(each, Heartbeat) and each.target == "n2"]
    (probe,) = appends(answers(node, HeartbeatReply("n2", "n1", 1, fresh_id(), beats[0].id, 0)))
    assert (probe.entries, probe.prev_index) == ((), 4)

    once = ack(node, held[0])
    assert [(each.prev_index, len(each.entries)) for each in appends(answers(node, once))] == [(4, 3)]
    assert appends(answers(node, once)) == []


def test_cr46_one_acknowledgement_frees_all_that_it_covers() -> None:
    """CR-46."""
    node = leading(max_inflight=3)
    answers(node, ack(node, node.disk.entries[1]))
    held = [node.propose() for _ in range(3)]
    assert len(appends(node.drain())) == 3
    answers(node, ack(node, held[1]))
    node.propose()
    node.propose()
    node.propose()
    assert len(appends(node.drain())) == 2


def test_cr46_the_window_is_bounded_in_bytes_and_entries_too() -> None:
    """CR-46."""
    wide = leading(max_inflight_bytes=250)
    answers(wide, ack(wide, wide.disk.entries[1]))
    for _ in range(6):
        wide.propose(b"z" * 100)
    assert len(appends(wide.drain())) == 3

    short = leading(max_inflight_entries=4)
    answers(short, ack(short, short.disk.entries[1]))
    for _ in range(9):
        short.propose()
    assert len(appends(short.drain())) == 4


def test_cr46_one_lost_append_does_not_silence_a_follower() -> None:
    """CR-46."""
    cluster = Cluster(max_inflight=2)
    cluster.elect("n1")
    cluster.loses = lambda message: isinstance(message, Append) and message.target == "n3"
    for _ in range(5):
        cluster.propose("n1")
    cluster.loses = lambda message: False
    cluster.tick(9)
    assert set(cluster.commits().values()) == {6}


def test_cr46_a_lost_acknowledgement_of_the_last_entry_is_asked_for_again() -> None:
    """CR-46: with only two of three alive the entry commits only with that signature."""
    cluster = Cluster()
    cluster.elect("n1")
    cluster.crash("n3")
    cluster.loses = lambda message: isinstance(message, AppendReply)
    cluster.propose("n1")
    cluster.loses = lambda message: False
    assert cluster.commits()["n1"] == 1
    cluster.tick(9)
    assert cluster.commits() == {"n1": 2, "n2": 2}


def test_cr46_a_follower_that_restarts_before_it_acknowledges_signs_on_the_next_probe() -> None:
    """CR-46, CR-69: what it stored in this term is signed once this leader proves the place."""
    cluster = Cluster()
    cluster.elect("n1")
    cluster.crash("n3")
    cluster.loses = lambda message: isinstance(message, AppendReply)
    cluster.propose("n1")
    cluster.crash("n2")
    cluster.start("n2")
    cluster.loses = lambda message: False
    cluster.tick(9)
    assert cluster.commits() == {"n1": 2, "n2": 2}


def test_cr47_a_caught_up_follower_returns_to_pipelining() -> None:
    """CR-47."""
    cluster = Cluster()
    cluster.elect("n1")
    peer = cluster["n1"].raft._peers["n2"]
    peer.refused(peer.match + 1, 0)
    assert progress(cluster["n1"])[2] == "probe"
    cluster.tick(5)
    assert progress(cluster["n1"])[2] == "replicate"


@pytest.mark.parametrize("agreed", [1, 2, 3])
def test_cr48_an_entry_that_cannot_be_read_is_not_replaced_by_an_invention(agreed: int) -> None:
    """CR-48: neither an entry nor the term of the place before it."""
    node = leading(terms=(1, 1, 1, 1))
    node.disk.compacted = 4
    assert appends(answers(node, refusal(node, 4, (1, agreed)))) == []
    (peer,) = [peer for peer in node.raft.status().peers if peer.node == "n2"]
    assert (peer.next, peer.needs_snapshot) == (agreed + 1, True)


def test_cr49_too_much_uncommitted_is_busy_and_the_count_returns_to_zero() -> None:
    """CR-49: a huge one alone passes, configurations pass, empty ones pass."""
    node = leading(max_uncommitted_bytes=100)
    office = node.disk.entries[1]
    answers(node, ack(node, office))
    assert node.raft.uncommitted_bytes == 0
    huge = node.propose(b"z" * 500)
    with pytest.raises(Busy):
        node.propose(b"z")
    assert node.raft.last_index == 2
    node.propose(b"")
    start = node.raft.configuration
    learner = Configuration(start.voters, start.quorum, learners=("n9",))
    with pytest.raises(ChangeRefused):
        node.propose(b"zz" * 60, Configuration.of(("n1",), 1))
    node.propose(b"zz" * 60, learner)
    node.drain()
    answers(node, ack(node, huge))
    answers(node, ack(node, node.disk.entries[4]))
    assert node.raft.uncommitted_bytes == 0
    node.propose(b"z" * 60)
    answers(node, heartbeat(7, sender="n3"))
    assert node.raft.uncommitted_bytes == 0


def test_cr49_the_number_of_uncommitted_entries_is_bounded_too() -> None:
    """CR-49: the blocks that a node holds open fit its store."""
    node = leading(max_uncommitted_entries=4)
    for _ in range(3):
        node.propose()
    with pytest.raises(Busy):
        node.propose()


def test_cr51_a_dead_minority_slows_nobody_and_costs_bounded_memory() -> None:
    """CR-51."""
    cluster = Cluster(max_inflight=4)
    cluster.elect("n1")
    cluster.crash("n3")
    for _ in range(200):
        new = cluster.propose("n1")
        assert cluster["n1"].raft.commit == new.index
    (peer,) = [peer for peer in cluster["n1"].raft.status().peers if peer.node == "n3"]
    assert peer.inflight <= 4
    cluster.start("n3")
    cluster.tick(40)
    assert cluster.commits()["n3"] == cluster.commits()["n1"]


def test_cr52_deaf_mute_and_bridged_nodes_leave_one_lasting_leader() -> None:
    """CR-52: where a majority hears each other, a leader exists there and stays."""
    cuts: dict[str, list[tuple[str, str]]] = {
        "deaf leader": [("n2", "n1"), ("n3", "n1")],
        "mute leader": [("n1", "n2"), ("n1", "n3")],
        "bridge n2": [("n1", "n3"), ("n3", "n1")],
        "deaf follower": [("n1", "n3"), ("n2", "n3")],
    }
    for name, ways in cuts.items():
        cluster = Cluster(seed=3)
        cluster.elect("n1")
        for sender, target in ways:
            cluster.cut_way(sender, target)
        cluster.tick(300)
        term = max(node.raft.term for node in cluster.nodes.values())
        (leader,) = [each for each in cluster.leaders if cluster[each].raft.term == term]
        commit = cluster[leader].raft.commit
        new = cluster.propose(leader)
        assert cluster[leader].raft.commit == new.index > commit, name
        cluster.tick(300)
        assert cluster[leader].raft.role is Role.LEADER, name


@pytest.mark.parametrize("seed", range(20))
def test_cr50_whatever_was_lost_doubled_or_reordered_all_converge_afterwards(seed: int) -> None:
    """CR-50: the large campaigns are the simulator's; here a small one in each run."""
    random = Random(seed)
    cluster = Cluster("n1 n2 n3 n4 n5", seed=seed)
    for _ in range(120):
        for node in cluster.nodes.values():
            if random.random() < 0.5:
                node.raft.tick()
            if node.raft.role is Role.LEADER and random.random() < 0.5 and node.raft._office:
                node.propose(b"%d" % random.randrange(100))
        cluster.collect()
        waiting = list(cluster.network)
        random.shuffle(waiting)
        cluster.network.clear()
        for message in waiting:
            if random.random() < 0.2:
                continue
            if random.random() < 0.2:
                cluster.network.append(message)
            if random.random() < 0.3:
                cluster.network.append(message)
                continue
            cluster.deliver(message)
    cluster.tick(200)
    assert len(cluster.leaders) == 1
    cluster.propose(cluster.leaders[0])
    cluster.tick(10)
    logs = list(cluster.logs().values())
    assert all(log == logs[0] for log in logs)
    applied = [node.applied for node in cluster.nodes.values()]
    assert all(each == applied[0] for each in applied)
    assert all(not node.raft.status().evidence for node in cluster.nodes.values())


def test_a_follower_far_behind_commits_as_it_catches_up() -> None:
    """CR-43, CR-51: the stored certificates go along, so that it never holds much open."""
    cluster = Cluster(max_append_entries=4, max_inflight=1)
    cluster.elect("n1")
    cluster.crash("n3")
    for _ in range(60):
        cluster.propose("n1")
    node = cluster.start("n3")
    most_open = 0
    for _ in range(12):
        cluster.collect()
        cluster.tick()
        most_open = max(most_open, node.raft.last_index - node.raft.commit)
    open_at_replies = [line for line in cluster.said if line.startswith("n1>n3 Append") and "cert" in line]
    assert len(open_at_replies) >= 10
    assert most_open <= 4
    assert node.raft.commit == 61
    assert [index for index, _ in node.applied] == list(range(2, 62))


def test_entries_older_than_the_memory_are_read_from_the_log() -> None:
    """A long history is replicated to a node with an empty disk."""
    cluster = Cluster(max_uncommitted_entries=200)
    held = entries(*[1] * 3_000)
    for name in ("n1", "n2"):
        cluster.crash(name)
        cluster.start(name, Disk(held, HardState(1, None)))
    cluster.elect("n1")
    cluster.tick(20)
    assert cluster.logs()["n3"] == cluster.logs()["n1"]
    for node in cluster.nodes.values():
        assert len(node.raft.log._tail) < 2_000


def test_an_append_of_a_leader_leaves_before_its_own_sync() -> None:
    """CR-87: `send_now` holds it."""
    node = leading()
    answers(node, ack(node, node.disk.entries[1]))
    node.disk_is_held = True
    node.propose()
    assert len(appends(node.drain())) == 1
    ready = node.readies[-1]
    assert (len(ready.entries), len(ready.send_now)) == (1, 1)


def test_configuration_refuses_nonsense() -> None:
    for voters, quorum in (("n1 n2 n3", 1), ("n1 n2 n3", 4)):
        with pytest.raises(ValueError, match="quorum"):
            Node(configuration("n1", voters, quorum=quorum))
