"""Terms, votes and elections: CR-01 to CR-22."""

from __future__ import annotations

from itertools import pairwise

import pytest
from harness import (
    Cluster,
    Disk,
    Node,
    answer_vote,
    append,
    ask_pre_vote,
    ask_vote,
    configuration,
    fresh_id,
    heartbeat,
    lone,
)

from consensus.errors import ContractBroken, DiskDisagrees, NotLeader
from consensus.messages import (
    Append,
    AppendReply,
    Entry,
    Heartbeat,
    HeartbeatReply,
    Message,
    PreVote,
    PreVoteReply,
    Vote,
    VoteReply,
)
from consensus.quorum import Configuration
from consensus.state import Config, HardState, Role


def answers(node: Node, message: Message) -> list[Message]:
    node.raft.step(message)
    return node.drain()


def grant(ask: Message, *, granted: bool = True) -> Message:
    """The answer of the node that was asked."""
    if isinstance(ask, PreVote):
        return PreVoteReply(
            ask.target, ask.sender, ask.term if granted else ask.term - 1, fresh_id(), ask.id, granted
        )
    assert isinstance(ask, Vote)
    return answer_vote(ask.term, granted=granted, sender=ask.target, target=ask.sender, request=ask.id)


def campaigning(node: Node) -> list[Message]:
    """Tick until it asks for pre-votes."""
    for _ in range(3 * node.raft.config.election_ticks):
        node.raft.tick()
        if out := node.drain():
            return out
    raise AssertionError("it never campaigned")


def candidate(**given: object) -> tuple[Node, list[Message]]:
    """n1 as a candidate, and its requests for votes."""
    node = lone(**given)  # type: ignore[arg-type]
    asks = campaigning(node)
    while not any(isinstance(ask, Vote) for ask in asks):
        asks = [more for ask in asks for more in answers(node, grant(ask))]
    return node, asks


def win(node: Node) -> Node:
    """Let its timeout pass, and grant whatever it asks for until it leads."""
    asks = campaigning(node)
    while node.raft.role is not Role.LEADER:
        assert asks, "a candidate asks"
        asks = [more for ask in asks for more in answers(node, grant(ask))]
    return node


def leading(**given: object) -> Node:
    """n1 as leader of n1 n2 n3 whose peers are played by the test."""
    return win(lone(**given))  # type: ignore[arg-type]


def test_cr01_a_higher_term_is_adopted_before_anything_else() -> None:
    """CR-01: also one in a message that is refused for another reason."""
    node = lone((1, 1), vote="n1")
    out = answers(node, append(7, (6, 90)))
    assert (node.raft.term, node.raft.vote, node.raft.role) == (7, None, Role.FOLLOWER)
    assert isinstance(out[0], AppendReply)
    assert (out[0].term, out[0].ok) == (7, False)


def test_cr01_a_leader_that_sees_a_higher_term_follows() -> None:
    """CR-01."""
    node = leading()
    answers(node, HeartbeatReply("n2", "n1", 9, fresh_id(), 1, 0))
    assert (node.raft.role, node.raft.term, node.losses) == (Role.FOLLOWER, 9, 1)


@pytest.mark.parametrize(
    "message", [append(2, (0, 0)), heartbeat(2), ask_vote(2, (1, 9)), ask_pre_vote(2, (1, 9))]
)
def test_cr02_a_stale_sender_is_told_the_newer_term_and_changes_nothing(message: Message) -> None:
    """CR-02, CR-19."""
    node = lone((1,), term=5, vote="n3")
    before = node.raft.status()
    out = answers(node, message)
    assert node.raft.status() == before
    assert [reply.term for reply in out] == [5]


def test_cr02_a_stale_answer_changes_nothing() -> None:
    """CR-02: a grant of an earlier term elects nobody."""
    node, asks = candidate()
    first = asks[0]
    node.raft.step(ask_vote(node.raft.term + 1, (0, 0), sender="n3"))
    term = node.raft.term
    assert answers(node, grant(first)) == [] or node.raft.role is Role.FOLLOWER
    assert (node.raft.term, node.raft.role) == (term, Role.FOLLOWER)


def test_cr03_one_vote_a_term_and_the_same_candidate_is_granted_again() -> None:
    """CR-03, over a restart too."""
    node = lone()
    (first,) = answers(node, ask_vote(1, (0, 0), sender="n2"))
    (again,) = answers(node, ask_vote(1, (0, 0), sender="n2"))
    (other,) = answers(node, ask_vote(1, (0, 0), sender="n3"))
    assert [reply.granted for reply in (first, again, other)] == [True, True, False]  # type: ignore[union-attr]

    restarted = Node(configuration("n1", "n1 n2 n3"), node.disk)
    (refused,) = answers(restarted, ask_vote(1, (0, 0), sender="n3"))
    (granted,) = answers(restarted, ask_vote(1, (0, 0), sender="n2"))
    assert isinstance(refused, VoteReply)
    assert isinstance(granted, VoteReply)
    assert (refused.granted, granted.granted) == (False, True)


@pytest.mark.parametrize(
    ("position", "granted"),
    [((2, 3), True), ((2, 4), True), ((3, 1), True), ((2, 2), False), ((1, 9), False)],
)
def test_cr04_only_an_up_to_date_candidate_gets_the_vote(position: tuple[int, int], granted: bool) -> None:
    """CR-04: term first, length only between equal terms; for pre-votes alike."""
    (reply,) = answers(lone((1, 2, 2)), ask_vote(9, position))
    (pre,) = answers(lone((1, 2, 2)), ask_pre_vote(9, position))
    assert isinstance(reply, VoteReply)
    assert isinstance(pre, PreVoteReply)
    assert (reply.granted, pre.granted) == (granted, granted)


def test_cr05_a_vote_leaves_only_after_it_is_durable() -> None:
    """CR-05: and a crash in between votes for nobody else."""
    node = lone()
    node.disk_is_held = True
    assert answers(node, ask_vote(1, (0, 0))) == []
    ready = node.readies[-1]
    assert (ready.hard, ready.send_now) == (HardState(1, "n2"), ())
    assert node.disk.hard == HardState(0, None)

    (reply,) = node.settle()
    assert isinstance(reply, VoteReply)
    assert reply.granted
    assert node.disk.hard == HardState(1, "n2")


def test_cr05_a_vote_that_was_not_durable_was_never_given() -> None:
    """CR-05: killed before the sync, the node may vote for another, for nobody heard of the first."""
    node = lone()
    node.disk_is_held = True
    assert answers(node, ask_vote(1, (0, 0), sender="n2")) == []
    restarted = Node(configuration("n1", "n1 n2 n3"), node.disk)
    (reply,) = answers(restarted, ask_vote(1, (0, 0), sender="n3"))
    assert isinstance(reply, VoteReply)
    assert reply.granted


def test_cr05_every_message_of_a_term_that_is_not_durable_waits() -> None:
    """CR-05: a refusal in a fresh term depends on it too, and later ones do not wait."""
    node = lone((1,))
    node.disk_is_held = True
    assert answers(node, append(4, (3, 9))) == []
    assert answers(node, heartbeat(4)) == []
    assert len(node.settle()) == 2
    assert len(answers(node, heartbeat(4))) == 1


def test_cr05_a_candidate_asks_only_after_its_own_vote_is_durable() -> None:
    """CR-05."""
    node = lone()
    asks = campaigning(node)
    node.disk_is_held = True
    assert [more for ask in asks for more in answers(node, grant(ask))] == []
    assert node.raft.role is Role.CANDIDATE
    assert {type(message) for message in node.settle()} == {Vote}
    assert node.disk.hard == HardState(1, "n1")


def test_cr06_a_disk_with_a_term_behind_its_log_is_refused() -> None:
    """CR-06."""
    disk = Disk(lone((1, 3)).disk.entries[1:], HardState(2, None))
    with pytest.raises(DiskDisagrees):
        Node(configuration("n1", "n1 n2 n3"), disk)


def test_cr06_a_restart_finds_term_vote_and_log() -> None:
    """CR-06."""
    cluster = Cluster()
    cluster.elect("n1")
    cluster.propose("n1")
    before = (cluster["n2"].raft.term, cluster["n2"].raft.vote, cluster.logs()["n2"])
    cluster.crash("n2")
    cluster.start("n2")
    assert (cluster["n2"].raft.term, cluster["n2"].raft.vote, cluster.logs()["n2"]) == before


def test_cr07_only_a_majority_of_distinct_voters_elects() -> None:
    """CR-07: repeated grants count once, grants of strangers never."""
    node, asks = candidate(voters="n1 n2 n3 n4 n5")
    answers(node, grant(asks[0]))
    answers(node, grant(asks[0]))
    stranger = answer_vote(node.raft.term, sender="n9", request=asks[1].id)
    answers(node, stranger)
    assert node.raft.role is Role.CANDIDATE
    answers(node, grant(asks[1]))
    assert node.raft.role is Role.LEADER


def test_cr07_a_learners_grant_is_no_vote() -> None:
    """CR-07: nor does it stand in the election certificate, which it would make void for everybody."""
    members = Configuration(("n1", "n2", "n3"), 2, learners=("n4",))
    node = Node(Config("n1", members))
    asks = campaigning(node)
    assert [ask.target for ask in asks] == ["n2", "n3"]
    answers(node, PreVoteReply("n4", "n1", 1, fresh_id(), asks[0].id, True))
    assert node.raft.role is Role.PRECANDIDATE
    answers(node, grant(asks[0]))
    answers(node, answer_vote(1, sender="n4"))
    assert node.raft.role is Role.CANDIDATE
    answers(node, answer_vote(1, sender="n2"))
    (elected,) = [ready.took_office for ready in node.readies if ready.took_office is not None]
    assert [vote.node for vote in elected.votes] == ["n1", "n2"]


def test_cr08_a_majority_of_refusals_ends_the_campaign_in_the_same_term() -> None:
    """CR-08: and the next one starts a fresh timeout later, in a higher term."""
    node, asks = candidate()
    term = node.raft.term
    for ask in asks:
        answers(node, grant(ask, granted=False))
    assert (node.raft.role, node.raft.term, node.raft.elapsed) == (Role.FOLLOWER, term, 0)
    asks = campaigning(node)
    assert [ask.term for ask in asks] == [term + 1, term + 1]


def test_cr08_a_majority_of_refused_pre_votes_ends_the_attempt() -> None:
    """CR-08: nothing was entered, nothing is left."""
    node = lone((1,))
    for ask in campaigning(node):
        answers(node, grant(ask, granted=False))
    assert (node.raft.role, node.raft.term, node.raft.vote) == (Role.FOLLOWER, 1, None)
    assert node.raft.elapsed == 0


def test_cr08_a_tie_is_decided_in_a_higher_term() -> None:
    """CR-08."""
    cluster = Cluster("n1 n2 n3 n4")
    for name in ("n1", "n2"):
        while cluster[name].raft.role is Role.FOLLOWER:
            cluster[name].raft.tick()
    cluster.collect()
    cluster.loses = lambda message: isinstance(message, Vote) and message.target in ("n1", "n2")
    cluster.run()
    cluster.loses = lambda message: False
    cluster.tick(200)
    assert len(cluster.leaders) == 1


@pytest.mark.parametrize("heard", [heartbeat(1, sender="n3"), append(1, (0, 0), sender="n3")])
def test_cr09_a_candidate_follows_the_leader_of_its_term(heard: Message) -> None:
    """CR-09."""
    node, _ = candidate()
    answers(node, heard)
    assert (node.raft.role, node.raft.leader, node.raft.term) == (Role.FOLLOWER, "n3", 1)


def test_cr09_a_leader_keeps_evidence_of_a_second_leader_in_its_term() -> None:
    """CR-09."""
    node = leading()
    assert answers(node, heartbeat(1, sender="n3")) == []
    assert node.raft.role is Role.LEADER
    assert node.raft.status().evidence[0].kind == "two_leaders"


def test_cr10_timeouts_are_drawn_from_a_twofold_range() -> None:
    """CR-10: and anew for each campaign."""
    seen = set()
    for seed in range(200):
        raft = Node(configuration("n1", "n1 n2 n3"), seed=seed).raft
        seen.add(raft.timeout)
    assert min(seen) == 20
    assert max(seen) == 40


def test_cr10_each_campaign_waits_another_time() -> None:
    """CR-10: a node that nobody answers draws anew for each attempt."""
    node = lone()
    began = []
    for tick in range(2_000):
        node.raft.tick()
        if node.drain():
            began.append(tick)
    waits = [later - earlier for earlier, later in pairwise(began)]
    assert set(waits) <= set(range(20, 41))
    assert len(set(waits)) > 8


def test_cr10_five_restarted_nodes_elect_within_a_few_timeouts() -> None:
    """CR-10: in every one of 1 000 seeds."""
    slowest = 0
    for seed in range(1_000):
        cluster = Cluster("n1 n2 n3 n4 n5", seed=seed)
        ticks = 0
        while not cluster.leaders:
            cluster.tick()
            ticks += 1
        slowest = max(slowest, ticks)
    assert slowest <= 5 * 20


def test_cr11_a_new_leader_first_appends_an_entry_of_its_own_term() -> None:
    """CR-11: the caller is told before it can propose anything else."""
    cluster = Cluster()
    cluster.elect("n1")
    assert cluster["n1"].offices == [1]
    assert cluster["n1"].disk.entries[1].data == b"office"
    cluster.propose("n1", b"client")
    assert [held.data for held in cluster["n2"].disk.entries[1:]] == [b"office", b"client"]


@pytest.mark.parametrize("members", [None, Configuration(("n1", "n2", "n3"), 2, learners=("n4",))])
def test_cr11_a_term_begins_with_one_entry_that_changes_no_member(members: Configuration | None) -> None:
    """CR-11: clients' proposals and changes of the members come after it."""
    node, asks = candidate()
    node.proposes_in_office = False
    for ask in asks:
        answers(node, grant(ask))
    first = Entry(1, 1, b"h" * 32, b"office", members)
    batch = (first,) if members is not None else (first, Entry(2, 1, b"i" * 32, b"client"))
    with pytest.raises(ContractBroken):
        node.raft.propose(batch)
    assert node.raft.last_index == 0
    node.propose(b"office")
    assert node.raft.last_index == 1


def test_cr12_a_learner_beside_a_lone_voter_changes_nothing() -> None:
    """CR-12: it is not asked, not waited for, and still gets the log."""
    node = Node(Config("n1", Configuration(("n1",), 1, learners=("n2",))))
    sent: list[Message] = []
    for _ in range(41):
        node.raft.tick()
        sent += node.drain()
    assert (node.raft.role, node.raft.commit) == (Role.LEADER, 1)
    assert {type(message) for message in sent} == {Append, Heartbeat}
    new = node.propose()
    node.drain()
    assert node.applied[-1] == (2, new.hash)


def test_cr12_a_lone_voter_elects_itself_and_commits_on_its_own_disk() -> None:
    """CR-12, CR-05: without a message, and not before the syncs of its vote and of its entry."""
    node = lone(voters="n1")
    node.disk_is_held = True
    node.proposes_in_office = False
    while node.raft.role is not Role.CANDIDATE:
        node.raft.tick()
        assert node.drain() == []
    assert node.settle() == []
    assert node.raft.role is Role.LEADER
    new = node.propose()
    assert node.drain() == []
    assert node.raft.commit == 0
    assert node.sync() == []
    node.drain()
    assert node.applied == [(1, new.hash)]


def test_cr13_a_node_that_is_no_voter_never_campaigns_but_answers() -> None:
    """CR-13."""
    node = Node(configuration("n1", "n2 n3 n4"))
    for _ in range(500):
        node.raft.tick()
    assert node.drain() == []
    assert node.raft.role is Role.FOLLOWER
    (reply,) = answers(node, ask_vote(1, (0, 0)))
    assert isinstance(reply, VoteReply)
    assert reply.granted


def test_cr14_a_request_is_ignored_while_a_leader_is_heard() -> None:
    """CR-14: term included; a transfer passes, and silence of a timeout opens the ears."""
    node = lone((1,))
    answers(node, heartbeat(1, sender="n3"))
    assert answers(node, ask_vote(8, (7, 70))) == []
    assert answers(node, ask_pre_vote(8, (7, 70))) == []
    assert node.raft.term == 1

    for _ in range(19):
        node.raft.tick()
    assert answers(node, ask_pre_vote(8, (7, 70))) == []
    node.raft.tick()
    (pre,) = answers(node, ask_pre_vote(8, (7, 70)))
    assert isinstance(pre, PreVoteReply)
    assert pre.granted

    answers(node, heartbeat(1, sender="n3"))
    (reply,) = answers(node, ask_vote(8, (7, 70), transfer=True))
    assert isinstance(reply, VoteReply)
    assert reply.granted


def test_cr15_a_pre_vote_changes_no_term_no_vote_and_no_timer() -> None:
    """CR-15: on either side."""
    voter = lone((1,))
    for _ in range(15):
        voter.raft.tick()
    before = (voter.raft.hard, voter.raft.elapsed, voter.raft.timeout, voter.raft.leader)
    (reply,) = answers(voter, ask_pre_vote(2, (1, 1)))
    assert isinstance(reply, PreVoteReply)
    assert (reply.granted, reply.term) == (True, 2)
    assert (voter.raft.hard, voter.raft.elapsed, voter.raft.timeout, voter.raft.leader) == before

    asker = lone((1,))
    campaigning(asker)
    assert (asker.raft.term, asker.raft.vote, asker.raft.role) == (1, None, Role.PRECANDIDATE)


@pytest.mark.parametrize("is_behind", [False, True])
def test_cr16_a_returning_node_does_not_disturb_the_leader(is_behind: bool) -> None:
    """CR-16."""
    cluster = Cluster()
    cluster.elect("n1")
    cluster.isolate("n3")
    if is_behind:
        cluster.propose("n1")
    cluster.tick(300)
    cluster.heal()
    cluster.tick(100)
    assert cluster.leaders == ["n1"]
    assert {node.raft.term for node in cluster.nodes.values()} == {1}
    assert len(set(cluster.commits().values())) == 1


def test_cr17_longer_log_with_lower_term_and_shorter_log_with_higher_term_elect() -> None:
    """CR-17: neither waits on the other for ever."""
    cluster = Cluster("n1 n2 n3")
    cluster.crash("n3")
    for name, terms, term in (("n1", (1, 1, 1), 3), ("n2", (1,), 9)):
        cluster.crash(name)
        held = lone(terms).disk.entries[1:]
        cluster.start(name, Disk(held, HardState(term, None)))
    cluster.tick(400)
    assert cluster.leaders == ["n1"]
    assert cluster["n1"].raft.term > 9


def test_cr17_a_refused_pre_vote_carries_the_refusers_term() -> None:
    """CR-17: and the asker adopts it."""
    refuser = lone((1,), term=6)
    (reply,) = answers(refuser, ask_pre_vote(3, (2, 9)))
    assert isinstance(reply, PreVoteReply)
    assert (reply.granted, reply.term) == (False, 6)

    asker = lone((1,))
    campaigning(asker)
    answers(asker, PreVoteReply("n2", "n1", 6, fresh_id(), 1, False))
    assert (asker.raft.term, asker.raft.role) == (6, Role.FOLLOWER)


def test_cr18_two_pre_candidates_can_grant_each_other() -> None:
    """CR-18: a pre-candidate forgets its leader."""
    node = lone((1,))
    answers(node, heartbeat(1, sender="n3"))
    campaigning(node)
    assert node.raft.leader is None
    (reply,) = answers(node, ask_pre_vote(2, (1, 1)))
    assert isinstance(reply, PreVoteReply)
    assert reply.granted


def test_cr19_a_node_stuck_at_a_higher_term_is_freed() -> None:
    """CR-19: its answer to the leader's append carries the term, and the leader steps down."""
    cluster = Cluster()
    cluster.elect("n1")
    cluster.crash("n3")
    cluster.down["n3"].hard = HardState(7, None)
    cluster.start("n3")
    cluster.tick(200)
    assert len(cluster.leaders) == 1
    assert {node.raft.term for node in cluster.nodes.values()} == {cluster[cluster.leaders[0]].raft.term}
    assert cluster["n3"].raft.term > 7
    cluster.propose(cluster.leaders[0])
    assert len(set(cluster.commits().values())) == 1


def test_cr20_a_leader_without_answers_of_a_majority_steps_down() -> None:
    """CR-20: after one election timeout, and an answer in time keeps it."""
    node = leading()
    for _ in range(19):
        node.raft.tick()
    answers(node, HeartbeatReply("n2", "n1", 1, fresh_id(), 1, 0))
    for _ in range(19):
        node.raft.tick()
    assert node.raft.role is Role.LEADER
    node.raft.tick()
    assert node.raft.role is Role.FOLLOWER
    node.drain()
    assert node.losses == 1


def test_cr20_answers_of_strangers_do_not_keep_a_leader() -> None:
    """CR-20."""
    node = leading()
    for _ in range(20):
        answers(node, HeartbeatReply("n9", "n1", 1, fresh_id(), 1, 0))
        node.raft.tick()
    assert node.raft.role is Role.FOLLOWER


def test_cr21_a_leader_that_slept_learns_of_the_next_one_before_it_commits() -> None:
    """CR-21: its ticks stood still, the others elected, and then it wakes."""
    cluster = Cluster()
    cluster.elect("n1")
    cluster.isolate("n1")
    cluster.tick(100, "n2", "n3")
    cluster.heal()
    assert "n1" in cluster.leaders
    old = cluster["n1"].propose(b"old")
    cluster.run()
    assert cluster["n1"].raft.role is Role.FOLLOWER
    assert old.hash not in [applied for name in cluster.names for _, applied in cluster[name].applied]


def test_cr21_a_leader_asleep_behind_a_cut_commits_nothing() -> None:
    """CR-21."""
    cluster = Cluster()
    cluster.elect("n1")
    cluster.isolate("n1")
    cluster.tick(100, "n2", "n3")
    assert "n1" in cluster.leaders
    old = cluster["n1"].propose(b"old")
    cluster.run()
    assert cluster["n1"].raft.commit < old.index
    cluster.heal()
    cluster.tick(20)
    assert len(cluster.leaders) == 1
    assert "n1" not in cluster.leaders
    assert cluster["n1"].losses == 1


def test_cr22_losing_office_is_told_once_and_the_proposal_is_not_called_failed() -> None:
    """CR-22: an entry in the log of a former leader may yet commit."""
    cluster = Cluster()
    cluster.elect("n1")
    cluster.loses = lambda message: isinstance(message, AppendReply)
    entry = cluster.propose("n1")
    cluster.loses = lambda message: message.target == "n1" or message.sender == "n1"
    cluster.tick(20, "n1")
    assert (cluster["n1"].raft.role, cluster["n1"].losses) == (Role.FOLLOWER, 1)
    with pytest.raises(NotLeader):
        cluster["n1"].propose()
    cluster.loses = lambda message: False
    cluster.elect("n2")
    cluster.tick(10)
    assert entry.hash in [applied for _, applied in cluster["n1"].applied]


def test_a_node_whose_log_is_not_durable_leaves_the_election_to_others() -> None:
    """What a candidate claims as its position it really holds."""
    node = lone()
    node.disk_is_held = True
    answers(node, append(1, (0, 0), lone((1,)).disk.entries[1]))
    for _ in range(100):
        node.raft.tick()
    assert node.drain() == []
    assert node.raft.role is Role.FOLLOWER
    node.sync()
    node.raft.tick()
    assert node.raft.role is Role.PRECANDIDATE


def test_voters_that_do_not_answer_are_known_until_one_does_or_somebody_leads() -> None:
    """CR-76: a mute voter says nothing to a candidate; whom to call is seen at the candidate."""
    node = lone()
    timeout = node.raft.config.election_ticks
    asked = campaigning(node)
    asked_at = node.raft.now
    assert node.raft.silent_voters == (), "just asked"
    while node.raft.now < asked_at + timeout:
        node.raft.tick()
        node.drain()
    assert node.raft.silent_voters == (("n2", timeout), ("n3", timeout))
    assert node.raft.status().silent_voters == node.raft.silent_voters
    answers(node, grant(next(ask for ask in asked if ask.target == "n3"), granted=False))
    assert node.raft.silent_voters == (("n2", timeout),), "a refusal is an answer"
    for _ in range(5 * timeout):
        node.raft.tick()
        node.drain()
    assert dict(node.raft.silent_voters)["n2"] == 6 * timeout, "counted from the first request on"
    answers(node, heartbeat(node.raft.term + 1, sender="n3"))
    assert (node.raft.leader, node.raft.silent_voters) == ("n3", ())
