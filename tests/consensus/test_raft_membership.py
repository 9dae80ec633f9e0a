"""Members that come and go: joint configurations, learners, removal (CR-53 to CR-62)."""

from __future__ import annotations

from typing import Any

import pytest
from harness import (
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
    heartbeat,
    log_of_terms,
    lone,
)
from test_raft_elections import answers, leading, win

from consensus.certificates import void_because
from consensus.errors import ChangeRefused, TransferRefused
from consensus.messages import (
    AppendReply,
    Certificate,
    Entry,
    Heartbeat,
    HeartbeatReply,
    Message,
    PreVote,
    TimeoutNow,
)
from consensus.quorum import Configuration
from consensus.state import HardState, Role

THREE = ("n1", "n2", "n3")


def joint(old: str, new: str, learners: str = "") -> Configuration:
    """From these voters to those."""
    before, after = tuple(old.split()), tuple(new.split())
    sides = (after, len(after) // 2 + 1, before, len(before) // 2 + 1)
    return Configuration(*sides, tuple(learners.split()))


def stable(voters: str, learners: str = "") -> Configuration:
    names = tuple(voters.split())
    return Configuration(names, len(names) // 2 + 1, learners=tuple(learners.split()))


def with_members(index: int, term: int, members: Configuration) -> Entry:
    plain = entry(index, term, b"members")
    return Entry(index, term, plain.hash, plain.data, members)


def grown() -> tuple[Cluster, Node]:
    """n1 leads n1 n2 n3, and n4 runs and is a learner."""
    cluster = Cluster("n1 n2 n3")
    cluster.names.append("n4")
    cluster.start("n4")
    leader = cluster.elect("n1")
    leader.propose(b"learner", stable("n1 n2 n3", "n4"))
    cluster.run()
    cluster.tick(4)
    return cluster, leader


def change(cluster: Cluster, leader: Node, *steps: Configuration) -> None:
    """Take these steps one after the other, each committed before the next."""
    for step in steps:
        leader.propose(b"members", step)
        cluster.run()
        cluster.tick(4)


def test_cr53_a_configuration_governs_from_the_moment_it_is_in_the_log() -> None:
    """CR-53: uncommitted, and a restart finds the same; cut off, the one before governs again."""
    node = lone()
    wider = stable("n1 n2 n3", "n4")
    answers(node, append(1, (0, 0), entry(1, 1), with_members(2, 1, wider)))
    assert (node.raft.commit, node.raft.configuration, node.raft.configuration_index) == (0, wider, 2)
    again = Node(node.raft.config, node.disk)
    assert (again.raft.configuration, again.raft.configuration_index) == (wider, 2)
    shown = election(2, "n3", n2=(1, 1), n3=(1, 1))
    answers(again, append(2, (1, 1), entry(2, 2), sender="n3", shown=shown))
    assert (again.raft.configuration, again.raft.configuration_index) == (stable("n1 n2 n3"), 0)
    assert Node(again.raft.config, again.disk).raft.configuration == stable("n1 n2 n3")


def test_cr54_a_second_change_waits_for_the_first() -> None:
    """CR-54: also a new leader that inherited one waits for it."""
    cluster, leader = grown()
    for name in ("n2", "n3", "n4"):
        cluster.isolate(name)
    leader.propose(b"members", joint("n1 n2 n3", "n1 n2 n3 n4"))
    with pytest.raises(ChangeRefused, match="not yet committed"):
        leader.propose(b"members", stable("n1 n2 n3 n4"))
    assert not leader.raft.may_reconfigure()

    held = [*log_of_terms(1), with_members(2, 1, stable("n1 n2 n3", "n4"))]
    heir = win(Node(lone(voters="n1 n2 n3").raft.config, Disk(held, HardState(1))))
    assert (heir.raft.configuration.learners, heir.raft.last_index) == (("n4",), 3)
    for following in (stable("n1 n2 n3"), joint("n1 n2 n3", "n1 n2", "n4")):
        with pytest.raises(ChangeRefused, match="not yet committed"):
            heir.propose(b"members", following)
    assert not heir.raft.may_reconfigure()
    answers(heir, _ack(heir, heir.disk.entries[3]))
    assert heir.raft.may_reconfigure()
    heir.propose(b"members", stable("n1 n2 n3"))


def test_cr55_a_new_leader_first_commits_in_its_own_term() -> None:
    """CR-55: the published bug of single-server changes."""
    node = leading()
    with pytest.raises(ChangeRefused, match="own term"):
        node.propose(b"members", stable("n1 n2 n3", "n4"))
    assert node.raft.last_index == 1
    assert not node.raft.may_reconfigure()
    answers(node, _ack(node, node.disk.entries[1]))
    assert node.raft.may_reconfigure()
    node.propose(b"members", stable("n1 n2 n3", "n4"))


@pytest.mark.parametrize(
    ("following", "objection"),
    [
        (stable("n1 n2 n3 n4"), "joint"),
        (stable("n1 n2"), "joint"),
        (Configuration(THREE, 3), "joint"),
        (joint("n1 n2", "n1 n2 n3"), "outgoing"),
        (Configuration(THREE, 2, THREE, 2, ()), "no voter"),
        (joint("n1 n2 n3", "n1 n2 n9"), "no learner"),
        (stable("n1 n2 n3"), "nothing changes"),
    ],
)
def test_cr56_cr58_only_legal_steps_are_taken(following: Configuration, objection: str) -> None:
    """CR-56: voters change only through a joint configuration; CR-58: the log shows only legal changes."""
    cluster = Cluster("n1 n2 n3")
    leader = cluster.elect("n1")
    cluster.tick(4)
    before = leader.raft.last_index
    with pytest.raises(ChangeRefused, match=objection):
        leader.propose(b"members", following)
    assert leader.raft.last_index == before


def test_cr56_a_joint_configuration_is_only_left() -> None:
    """CR-56: for its new voters, by whoever leads, and once."""
    cluster, leader = grown()
    change(cluster, leader, joint("n1 n2 n3", "n2 n3 n4"))
    for other in (stable("n1 n2 n3"), stable("n2 n3 n4", "n1"), joint("n2 n3 n4", "n1 n2 n3")):
        with pytest.raises(ChangeRefused, match="only left"):
            leader.propose(b"members", other)
    cluster.isolate("n1")
    cluster.tick(20, "n3", "n4")
    heir = cluster.elect("n2")
    cluster.tick(4)
    assert heir.raft.may_reconfigure()
    assert heir.raft.configuration.is_joint
    change(cluster, heir, stable("n2 n3 n4"))
    assert {name: cluster[name].raft.configuration for name in ("n2", "n3", "n4")} == dict.fromkeys(
        ("n2", "n3", "n4"), stable("n2 n3 n4")
    )
    with pytest.raises(ChangeRefused, match="nothing changes"):
        heir.propose(b"members", stable("n2 n3 n4"))


def test_cr57_each_half_needs_its_own_majority() -> None:
    """CR-57: votes, CheckQuorum, reads and certificates; the union's majority is never enough."""
    members = joint("n1 n2 n3", "n3 n4 n5")
    assert members.electorate == ("n1", "n2", "n3", "n4", "n5")
    for nodes, enough in (("n1 n2 n3", False), ("n3 n4 n5", False), ("n1 n4 n5 ", False), ("n1 n3 n4", True)):
        assert members.has_majority(nodes.split()) is enough
        assert members.has_quorum(nodes.split()) is enough
    assert members.can_still_win(["n1", "n5"])
    assert not members.can_still_win(["n4", "n5"])
    held = entry(1, 1)
    reason = void_because(certificate("n1 n2 n3", held), members, Mac(""))
    assert reason == "no quorum of signers"
    assert void_because(certificate("n1 n3 n4", held), members, Mac("")) is None


def test_cr57_an_election_in_a_joint_configuration_needs_both_halves() -> None:
    members = joint("n1 n2 n3", "n1 n4 n5")
    held = [entry(1, 1), with_members(2, 1, members)]
    seed = lone()
    node = Node(seed.raft.config, Disk(held, HardState(1)))
    while node.raft.role is not Role.PRECANDIDATE:
        node.raft.tick()
        asks = node.drain()
    assert sorted(ask.target for ask in asks) == ["n2", "n3", "n4", "n5"]
    for ask in asks[:2]:
        answers(node, _pre_grant(ask))
    assert node.raft.role is Role.PRECANDIDATE
    answers(node, _pre_grant(asks[2]))
    assert node.raft.role is Role.CANDIDATE
    position: dict[str, Any] = {"position": (1, 2)}
    answers(node, answer_vote(2, sender="n2", **position))
    answers(node, answer_vote(2, sender="n3", **position))
    assert node.raft.role is Role.CANDIDATE
    answers(node, answer_vote(2, sender="n5", **position))
    assert node.raft.role is Role.LEADER


def _pre_grant(ask: object) -> Message:
    from test_raft_elections import grant  # noqa: PLC0415 (used here alone)

    assert isinstance(ask, PreVote)
    return grant(ask)


def test_cr57_a_leader_commits_in_a_joint_configuration_with_both_halves() -> None:
    """CR-38, CR-57: up to where both halves store it, and no further."""
    cluster, leader = grown()
    cluster.cut("n1", "n4")
    cluster.cut("n1", "n3")
    leader.propose(b"members", joint("n1 n2 n3", "n1 n3 n4"))
    cluster.run()
    at = leader.raft.last_index
    assert leader.raft.commit < at
    cluster.heal()
    cluster.cut("n1", "n2")
    cluster.tick(8)
    assert leader.raft.commit >= at
    proof = leader.disk.certificates[max(leader.disk.certificates)]
    assert leader.raft.configuration.has_quorum([node for node, _ in proof.acks])
    cluster.heal()
    cluster.tick(8)
    cluster.cut("n1", "n2")
    cluster.cut("n1", "n3")
    new = cluster.propose("n1")
    assert cluster["n4"].raft.last_index == new.index, "n1 and n4 are enough of the new half"
    assert leader.raft.commit < new.index, "but not of the old one"


def test_cr59_a_learner_far_behind_is_not_promoted() -> None:
    """CR-59: within a bounded distance first."""
    cluster = Cluster("n1 n2 n3", promotion_lag=4)
    leader = cluster.elect("n1")
    for _ in range(6):
        cluster.propose("n1")
    leader.propose(b"learner", stable("n1 n2 n3", "n4"))
    cluster.run()
    cluster.tick(4)
    with pytest.raises(ChangeRefused, match="lacks more than 4"):
        leader.propose(b"members", joint("n1 n2 n3", "n1 n2 n3 n4"))
    cluster.names.append("n4")
    cluster.start("n4")
    cluster.tick(12)
    change(cluster, leader, joint("n1 n2 n3", "n1 n2 n3 n4"), stable("n1 n2 n3 n4"))
    assert cluster["n4"].raft.configuration == stable("n1 n2 n3 n4")


def test_cr59_acknowledgements_of_a_learner_count_for_nothing_until_it_votes() -> None:
    cluster, leader = grown()
    cluster.cut("n1", "n2")
    cluster.cut("n1", "n3")
    before = leader.raft.commit
    leader.propose()
    cluster.run()
    at = leader.raft.last_index
    assert cluster["n4"].raft.last_index == at
    assert leader.raft.commit == before
    cluster.heal()
    cluster.tick(8)
    assert leader.raft.commit >= at
    assert all("n4" not in dict(proof.acks) for proof in leader.disk.certificates.values())


def test_cr59_a_promoted_voters_acknowledgement_counts_at_once() -> None:
    """CR-59: already for the entry that gives it a vote, and for what it acknowledged as a learner below."""
    cluster, leader = grown()
    cluster.crash("n3")
    plain = leader.propose(b"plain")
    members = leader.propose(b"members", joint("n1 n2 n3", "n1 n2 n3 n4"))
    cluster.run()
    assert leader.raft.commit == members.index > plain.index
    proof = leader.disk.certificates[members.index]
    assert [node for node, _ in proof.acks] == ["n1", "n2", "n4"]


def test_cr07_cr20_learners_elect_nobody_and_keep_no_leader_in_office() -> None:
    """CR-07, CR-20: neither their grants nor their answers count."""
    cluster, leader = grown()
    cluster.cut("n1", "n2")
    cluster.cut("n1", "n3")
    cluster.tick(30, "n1")
    assert leader.raft.role is not Role.LEADER


def test_cr13_a_learner_never_campaigns_but_answers() -> None:
    """CR-13: the asker may know a newer configuration in which it has a vote."""
    held = [entry(1, 1), with_members(2, 1, stable("n2 n3", "n1"))]
    seed = lone(voters="n2 n3")
    node = Node(seed.raft.config, Disk(held, HardState(1)))
    for _ in range(100):
        node.raft.tick()
        assert node.drain() == []
    answers(node, ask_pre_vote(2, (1, 2)))
    (reply,) = answers(node, ask_vote(2, (1, 2)))
    assert reply.granted  # type: ignore[union-attr]


def test_cr60_a_removed_leader_finishes_and_leaves() -> None:
    """CR-60: it does not count itself, replicates until its removal is committed, and then goes."""
    cluster, leader = grown()
    change(cluster, leader, joint("n1 n2 n3", "n2 n3 n4"))
    assert leader.raft.role is Role.LEADER
    leader.propose(b"members", stable("n2 n3 n4"))
    at = leader.raft.last_index
    cluster.run()
    assert leader.raft.role is not Role.LEADER
    proof = leader.disk.certificates[at]
    assert "n1" not in dict(proof.acks)
    assert [line.split()[1] for line in cluster.heard("TimeoutNow")] == ["TimeoutNow"]
    (heir,) = cluster.leaders
    cluster.tick(8)
    assert heir in ("n2", "n3", "n4")
    assert all(cluster[name].raft.commit > at for name in ("n2", "n3", "n4"))


def test_cr61_a_removed_node_disturbs_nobody_and_learns_of_it() -> None:
    """CR-61: CR-14 keeps it from disturbing; when it next reaches a member it learns."""
    cluster, leader = grown()
    cluster.isolate("n3")
    change(cluster, leader, joint("n1 n2 n3", "n1 n2 n4"), stable("n1 n2 n4"))
    cluster.tick(4 * leader.raft.config.election_ticks)
    assert "n3" not in [peer.node for peer in leader.raft.status().peers], "given up as silent"
    term = leader.raft.term
    assert cluster["n3"].raft.configuration == stable("n1 n2 n3", "n4")
    cluster.heal()
    cluster.tick(80)
    assert (leader.raft.role, leader.raft.term) == (Role.LEADER, term)
    assert cluster["n3"].raft.configuration == stable("n1 n2 n4")
    cluster.tick(120)
    for name in ("n1", "n2", "n4"):
        out = answers(cluster[name], ask_vote(99, (98, 99), sender="n3", target=name))
        assert {type(message) for message in out} <= {Heartbeat}, "at most told what it missed"
    assert {cluster[name].raft.term for name in cluster.names} == {term}
    assert leader.raft.role is Role.LEADER


def test_cr61_a_removed_node_that_is_there_hears_of_its_removal() -> None:
    """CR-61: it gets the log until it knows, without asking, and then is followed no more."""
    cluster, leader = grown()
    change(cluster, leader, joint("n1 n2 n3", "n1 n2 n4"), stable("n1 n2 n4"))
    removed = cluster["n3"].raft
    assert (removed.configuration, removed.commit) == (stable("n1 n2 n4"), leader.raft.commit)
    cluster.tick(8)
    assert "n3" not in [peer.node for peer in leader.raft.status().peers]
    assert not [line for line in cluster.said if line.startswith("n3>") and "PreVote " in line]


def test_cr61_what_a_removed_member_has_no_part_in_is_told_apart() -> None:
    """CR-34, CR-61: a liar is removed to be rid of it; its key still speaks until its links are closed."""
    cluster, leader = grown()
    change(cluster, leader, joint("n1 n2 n3", "n1 n2 n4"), stable("n1 n2 n4"))
    cluster.tick(8)
    term, later = leader.raft.term, leader.raft.term + 7
    end = (term, leader.raft.last_index)
    for name in ("n1", "n2", "n4"):
        raft = cluster[name].raft
        for sender, is_lie in (("n3", True), ("n2" if name == "n1" else "n1", False)):
            said: list[Message] = [
                heartbeat(later, sender=sender, target=name),
                append(later, end, sender=sender, target=name),
                ask_vote(later, (later, 99), sender=sender, target=name, transfer=True),
                answer_vote(later, granted=False, sender=sender, target=name),
                HeartbeatReply(sender, name, later, 10**9, 1, 0),
                TimeoutNow(sender, name, later, 10**9),
                heartbeat(term, sender=sender, target=name),
                append(term, end, sender=sender, target=name),
            ]
            assert [raft.is_presumed(message) for message in said] == [is_lie] * len(said)
        answered: list[Message] = [
            ask_pre_vote(later, (later, 99), sender="n3", target=name),
            HeartbeatReply("n3", name, term, 10**9, 1, 0),
        ]
        assert not any(map(raft.is_presumed, answered))


def test_cr60_a_leader_is_heard_until_its_own_removal_is_committed_and_others_lead() -> None:
    """CR-60: it goes on replicating, and tells what it has committed."""
    cluster, leader = grown()
    change(cluster, leader, joint("n1 n2 n3", "n2 n3 n4"))
    leader.propose(b"members", stable("n2 n3 n4"))
    follower = cluster["n2"].raft
    while follower.commit < leader.raft.last_index:
        for name in cluster.names:
            for message in cluster[name].drain():
                assert not cluster[message.target].raft.is_presumed(message)
                cluster[message.target].raft.step(message)
    assert follower.configuration == stable("n2 n3 n4")


def test_cr84_a_learner_is_not_made_the_leader() -> None:
    """CR-84."""
    _, leader = grown()
    with pytest.raises(TransferRefused, match="no voter"):
        leader.raft.transfer("n4")
    assert leader.raft.transferee is None


def test_cr71_a_certificate_is_checked_under_the_configuration_of_its_own_height() -> None:
    """CR-71: an old certificate by voters that have gone since stays good, and the reverse does not."""
    members = stable("n4 n5 n6")
    first, second = entry(1, 1), with_members(2, 1, joint("n1 n2 n3", "n4 n5 n6"))
    third = with_members(3, 1, members)
    node = lone()
    answers(node, append(1, (0, 0), first, second, third, commit=1, proof=certificate("n2 n3", first)))
    assert node.raft.commit == 1
    answers(node, heartbeat(1, commit=2, proof=certificate("n4 n5", second)))
    assert node.raft.commit == 1
    answers(node, heartbeat(1, commit=2, proof=certificate("n2 n3 n4 n5", second)))
    assert node.raft.commit == 2
    answers(node, heartbeat(1, commit=3, proof=certificate("n2 n3 n4", third)))
    assert node.raft.commit == 2
    answers(node, heartbeat(1, commit=3, proof=certificate("n4 n6", third)))
    assert node.raft.commit == 3


def test_cr38_nothing_below_a_change_is_certified_any_more() -> None:
    """CR-38: each certificate is counted by one configuration; what is below is committed by it."""
    node = leading()
    office = node.disk.entries[1]
    answers(node, _ack(node, office))
    plain = node.propose(b"plain")
    node.drain()
    changed = node.propose(b"members", stable("n1 n2 n3", "n4"))
    node.drain()
    answers(node, _ack(node, plain))
    assert node.raft.commit == 1
    answers(node, _ack(node, changed))
    assert node.raft.commit == 3


def _ack(node: Node, held: Entry, sender: str = "n2") -> AppendReply:
    signature = Mac(sender).mac(sender, held.term, held.index, held.hash)
    before = held.index - 1
    acks = ((held.index, signature),)
    return AppendReply(sender, "n1", node.raft.term, 10**9, 1, True, before, held.index, 0, 0, acks, 0)


def test_configurations_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="quorum"):
        Configuration(THREE, 1)
    with pytest.raises(ValueError, match="outgoing"):
        Configuration(THREE, 2, (), 2)
    with pytest.raises(ValueError, match="learner"):
        Configuration(THREE, 2, learners=("n1",))
    assert isinstance(certificate("n1 n2", entry(1, 1)), Certificate)
