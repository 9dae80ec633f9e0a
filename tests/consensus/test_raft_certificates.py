"""Signed acknowledgements, certificates, contradictions, refused blocks: CR-68 to CR-77."""

from __future__ import annotations

import pytest
from harness import (
    Cluster,
    Mac,
    Node,
    append,
    ask_vote,
    certificate,
    election,
    entry,
    fresh_id,
    heartbeat,
    lone,
)
from test_raft_elections import answers, leading
from test_raft_replication import ack, entries, reply_of

from consensus.certificates import void_because
from consensus.messages import AppendReply, Certificate
from consensus.quorum import Configuration
from consensus.state import Role

VOTERS = Configuration(("n1", "n2", "n3", "n4", "n5"), 3)
HELD = entry(7, 4)
GOOD = certificate("n1 n3 n4", HELD)


def test_cr68_an_acknowledgement_names_term_index_and_hash() -> None:
    """CR-68: and is made only in the entry's own term."""
    node = lone((1, 1), term=2)
    answers(node, append(2, (1, 2), entry(3, 2)))
    (signed,) = node.authority.signed
    assert signed == (2, 3, node.disk.entries[3].hash)


def test_cr69_older_entries_are_stored_but_not_signed() -> None:
    """CR-69: nobody signs in a term below its own."""
    node = lone()
    reply = reply_of(answers(node, append(5, (0, 0), *entries(1, 2, 5, 5))))
    assert (reply.match, [index for index, _ in reply.acks]) == (4, [3, 4])
    assert [term for term, _, _ in node.authority.signed] == [5, 5]


def test_cr69_nothing_is_signed_after_a_newer_term_was_adopted() -> None:
    """CR-69: although the sync of the old term's entry completes."""
    node = lone()
    answers(node, heartbeat(1))
    node.disk_is_held = True
    answers(node, append(1, (0, 0), *entries(1)))
    answers(node, ask_vote(2, (1, 1), sender="n3", transfer=True))
    node.settle()
    assert node.raft.log.persisted == 1
    assert node.authority.signed == []


def test_cr69_one_hash_for_a_term_and_index_over_a_restart() -> None:
    """CR-69: a leader that sends two blocks for one place gets one signature."""
    node = lone()
    (one,) = entries(1)
    answers(node, append(1, (0, 0), one))
    restarted = Node(node.raft.config, node.disk)
    answers(restarted, append(1, (0, 0), entry(1, 1, b"other")))
    answers(restarted, append(1, (0, 0), one))
    assert {held for _, _, held in restarted.authority.signed} == {one.hash}


def test_cr70_acknowledging_another_block_in_a_later_term_is_honest() -> None:
    """CR-70: an uncommitted entry is lawfully replaced, and nobody is accused."""
    node = lone()
    answers(node, append(1, (0, 0), *entries(1)))
    answers(node, append(2, (0, 0), entry(1, 2), sender="n3", shown=election(2, "n3", n2=(0, 0), n3=(0, 0))))
    assert [(term, index) for term, index, _ in node.authority.signed] == [(1, 1), (2, 1)]
    assert node.raft.status().evidence == ()


def changed(**fields: object) -> Certificate:
    parts = {name: getattr(GOOD, name) for name in ("term", "index", "hash", "acks")} | fields
    return Certificate(**parts)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("what", "proof"),
    [
        ("another term", changed(term=5)),
        ("another index", changed(index=8)),
        ("another hash", changed(hash=b"x" * 32)),
        ("too few", changed(acks=GOOD.acks[:2])),
        ("one twice", changed(acks=(GOOD.acks[0], GOOD.acks[0], GOOD.acks[1]))),
        ("one twice in surplus", changed(acks=(GOOD.acks[0], *GOOD.acks))),
        ("a stranger", certificate("n1 n3 n9", HELD)),
        ("a stranger in surplus", certificate("n1 n3 n4 n9", HELD)),
        ("one bad in surplus", changed(acks=(*GOOD.acks, ("n5", b"bad")))),
        ("signatures exchanged", changed(acks=(("n1", GOOD.acks[1][1]), *GOOD.acks[1:]))),
        ("another chain", certificate("n1 n3 n4", HELD, channel=b"other")),
    ],
)
def test_cr71_one_thing_wrong_makes_a_certificate_void(what: str, proof: Certificate) -> None:
    """CR-71."""
    assert void_because(GOOD, VOTERS, Mac("n1")) is None
    assert void_because(proof, VOTERS, Mac("n1")) is not None, what


@pytest.mark.parametrize("proof", [certificate("n2", entry(1, 1)), certificate("n2 n9", entry(1, 1))])
def test_cr71_a_follower_does_not_commit_by_a_void_certificate(proof: Certificate) -> None:
    """CR-71: and it stays ready for a good one."""
    node = lone()
    answers(node, append(1, (0, 0), entry(1, 1), commit=1, proof=proof))
    assert node.raft.commit == 0
    answers(node, heartbeat(1, commit=1, proof=certificate("n2 n3", entry(1, 1))))
    assert node.raft.commit == 1


def test_cr71_a_higher_quorum_than_a_majority_is_kept_everywhere() -> None:
    """CR-71: four of five, as a genesis may ask."""
    cluster = Cluster("n1 n2 n3 n4 n5", quorum=4)
    cluster.elect("n1")
    cluster.crash("n5")
    assert cluster.propose("n1").index == cluster["n1"].raft.commit
    assert cluster["n1"].raft.certificate is not None
    assert len(cluster["n1"].raft.certificate.acks) == 4
    cluster.crash("n4")
    cluster.propose("n1")
    assert cluster["n1"].raft.commit == 2


def test_cr72_a_bad_signature_neither_commits_nor_moves_match() -> None:
    """CR-72: dropped and counted; a good one afterwards counts."""
    node = leading()
    office = node.disk.entries[1]
    answers(node, ack(node, office, good=False))
    assert node.raft.commit == 0
    assert node.raft.status().peers[0].match == 0
    assert dict(node.raft.status().dropped)["acknowledgement that does not verify"] == 1
    answers(node, ack(node, office))
    assert node.raft.commit == 1


def test_cr72_an_acknowledgement_of_a_hash_that_the_leader_does_not_hold_is_dropped() -> None:
    """CR-72."""
    node = leading()
    answers(node, ack(node, entry(1, 1, b"something else")))
    assert (node.raft.commit, node.raft.status().peers[0].match) == (0, 0)


def test_cr72_another_nodes_signature_does_not_count_for_the_sender() -> None:
    """CR-72."""
    node = leading()
    office = node.disk.entries[1]
    stolen = ack(node, office, sender="n3").acks
    answers(node, AppendReply("n2", "n1", 1, fresh_id(), 0, True, 0, 1, 0, 0, stolen, 0))
    assert (node.raft.commit, node.raft.status().peers[0].match) == (0, 0)


def test_cr72_a_bad_signature_below_a_good_one_does_not_enter_a_certificate() -> None:
    """CR-72: signatures that are checked late are checked all the same."""
    node = leading(voters="n1 n2 n3 n4 n5")
    one, two = node.disk.entries[1], node.propose()
    node.drain()
    good = ack(node, two, sender="n2").acks[0]
    answers(node, AppendReply("n2", "n1", 1, fresh_id(), 0, True, 0, 2, 0, 0, ((1, b"bad"), good), 0))
    answers(node, ack(node, one, sender="n3"))
    assert node.raft.commit == 0
    assert dict(node.raft.status().dropped)["acknowledgement that does not verify"] == 1
    answers(node, ack(node, one, sender="n4"))
    assert node.raft.commit == 1
    assert node.raft.certificate is not None
    assert [signer for signer, _ in node.raft.certificate.acks] == ["n1", "n3", "n4"]


def test_cr72_every_commit_of_a_leader_has_a_certificate_of_its_own_term() -> None:
    """CR-72."""
    cluster = Cluster()
    cluster.elect("n1")
    cluster.propose("n1")
    cluster.crash("n1")
    cluster.tick(60)
    (leader,) = cluster.leaders
    node = cluster[leader]
    assert node.raft.certificate is not None
    assert (node.raft.certificate.term, node.raft.certificate.index) == (node.raft.term, node.raft.commit)
    assert void_because(node.raft.certificate, node.raft.configuration, node.authority) is None


def test_cr73_an_older_entry_is_not_certified_in_a_newer_term() -> None:
    """CR-73: not even by a node that signs it so."""
    node = leading(terms=(1, 2), term=3)
    old = node.disk.entries[2]
    wrong = Mac("n2").mac("n2", node.raft.term, old.index, old.hash)
    answers(node, AppendReply("n2", "n1", 4, fresh_id(), 0, True, 1, 2, 0, 0, ((2, wrong),), 0))
    assert (node.raft.commit, node.raft.status().peers[0].match) == (0, 2)


def test_cr73_an_older_entry_is_proved_by_what_stands_above_it() -> None:
    """CR-73: acknowledgements of different terms are never joined."""
    node = leading(terms=(1, 2), term=3)
    own = node.disk.entries[3]
    answers(node, ack(node, own))
    ready = [each for each in node.readies if each.certificate is not None]
    assert [(each.certificate.term, each.certificate.index) for each in ready if each.certificate] == [(4, 3)]


def test_cr74_two_certified_entries_at_one_index_halt_the_node() -> None:
    """CR-74: it keeps both and picks neither."""
    node = lone()
    one, other = entry(1, 1), entry(1, 1, b"other")
    answers(node, append(1, (0, 0), one, commit=1, proof=certificate("n2 n3", one)))
    assert node.raft.commit == 1
    answers(node, heartbeat(1, commit=1, proof=certificate("n2 n3", other)))
    status = node.raft.status()
    assert status.halted == "two certified entries at index 1"
    assert status.evidence[0].first == one
    assert status.commit == 1


def test_cr74_a_certificate_against_what_the_leader_proved_halts_the_node() -> None:
    """CR-74: nothing is committed."""
    node = lone()
    answers(node, append(1, (0, 0), entry(1, 1)))
    answers(node, heartbeat(1, commit=1, proof=certificate("n2 n3", entry(1, 1, b"other"))))
    assert (node.raft.halted is not None, node.raft.commit) == (True, 0)


def test_cr75_replayed_and_reordered_acknowledgements_count_once() -> None:
    """CR-75."""
    node = leading(voters="n1 n2 n3 n4 n5")
    one, two = node.disk.entries[1], node.propose()
    node.drain()
    first, second = ack(node, one), ack(node, two)
    for message in (second, first, second, first, first):
        answers(node, message)
    assert (node.raft.commit, node.raft.status().peers[0].match) == (0, 2)
    answers(node, ack(node, one, sender="n3"))
    assert node.raft.commit == 1


def test_cr75_an_acknowledgement_of_an_earlier_term_does_not_count_in_the_next() -> None:
    """CR-75: the same node leads again, and an answer of its first term arrives."""
    node = leading()
    stale = ack(node, node.disk.entries[1])
    answers(node, heartbeat(2, sender="n3"))
    for _ in range(60):
        node.raft.tick()
    assert node.raft.role is Role.PRECANDIDATE
    node.drain()
    assert answers(node, stale) == []
    assert (node.raft.commit, node.raft.role) == (0, Role.PRECANDIDATE)


def test_cr77_a_block_that_cannot_be_reproduced_is_not_acknowledged() -> None:
    """CR-77: the leader is not followed any more, and the others go on."""
    cluster = Cluster()
    cluster.elect("n1")
    cluster.propose("n1", b"good")
    cluster["n3"].refuses.add(b"bad")
    bad = cluster.propose("n1", b"bad")
    node = cluster["n3"]
    status = node.raft.status()
    assert status.refusal is not None
    assert (status.refusal.index, status.refusal.hash, status.refusal.leader) == (bad.index, bad.hash, "n1")
    assert status.refusal.reason == "state root differs"
    assert bad.hash not in [held for _, _, held in node.authority.signed]
    assert (status.last_index, status.leader, status.halted) == (2, None, None)

    for _ in range(3):
        cluster.propose("n1")
    cluster.tick(100)
    assert cluster.leaders == ["n1"]
    assert cluster.commits() == {"n1": 6, "n2": 6, "n3": 2}
    assert (node.disk.last_index, node.raft.role) in [(2, Role.FOLLOWER), (2, Role.PRECANDIDATE)]
    assert cluster["n1"].raft.status().peers[1].match == 2


def test_cr77_what_came_before_the_bad_block_in_the_same_append_is_kept() -> None:
    """CR-77."""
    node = lone()
    node.refuses.add(b"bad")
    good, bad, after = entry(1, 1, b"good"), entry(2, 1, b"bad"), entry(3, 1, b"after")
    answers(node, append(1, (0, 0), good, bad, after))
    assert (node.raft.last_index, node.raft.log.persisted, node.disk.last_index) == (1, 1, 1)
    assert answers(node, append(1, (1, 1), bad)) == []
    assert answers(node, heartbeat(1)) == []
    assert (node.raft.last_index, node.raft.leader) == (1, None)
    assert len(answers(node, heartbeat(2))) == 1


def test_cr77_a_block_of_a_later_leader_is_looked_at_afresh() -> None:
    """CR-77: a correct block in its place is taken."""
    node = lone()
    node.refuses.add(b"bad")
    answers(node, append(1, (0, 0), entry(1, 1, b"bad")))
    reply = reply_of(answers(node, append(2, (0, 0), entry(1, 2, b"good"), sender="n3")))
    assert (reply.ok, reply.match, node.raft.leader) == (True, 1, "n3")


def test_cr77_a_block_refused_once_is_acknowledged_when_it_can_be_reproduced() -> None:
    """CR-77: the same block comes again under a later leader."""
    node = lone()
    node.refuses.add(b"bad")
    good, bad = entry(1, 1, b"good"), entry(2, 1, b"bad")
    answers(node, append(1, (0, 0), good, bad))
    node.refuses.clear()
    reply = reply_of(answers(node, append(2, (1, 1), bad, sender="n3")))
    assert (reply.ok, reply.match, node.raft.log.persisted) == (True, 2, 2)


def test_cr77_a_refusal_of_what_was_replaced_meanwhile_changes_nothing() -> None:
    """CR-77: the report comes late."""
    node = lone()
    answers(node, heartbeat(1))
    node.disk_is_held = True
    old = entry(1, 1, b"bad")
    answers(node, append(1, (0, 0), old))
    shown = election(2, "n3", n2=(0, 0), n3=(0, 0))
    answers(node, append(2, (0, 0), entry(1, 2, b"good"), sender="n3", shown=shown))
    node.raft.refuse(1, old.hash, "late")
    assert (node.raft.last_index, node.raft.leader, node.raft.refusal) == (1, "n3", None)


def test_only_the_signatures_that_matter_are_verified() -> None:
    """A follower's own signature and acknowledgements of what is committed cost nothing."""
    cluster = Cluster()
    cluster.elect("n1")
    cluster.tick(8)
    before = {name: cluster[name].authority.verified for name in cluster.names}
    cluster.propose("n1")
    spent = {name: cluster[name].authority.verified - before[name] for name in cluster.names}
    assert spent == {"n1": 1, "n2": 1, "n3": 2}
