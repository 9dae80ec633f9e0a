"""The core as such: determinism, the order of outputs, absurd messages, the trace. CR-86 to CR-88."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from harness import (
    Cluster,
    Disk,
    Node,
    answer_vote,
    append,
    ask_pre_vote,
    ask_vote,
    certificate,
    configuration,
    elected_log,
    election,
    entry,
    fresh_id,
    heartbeat,
    log_of_terms,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from test_raft_elections import answers, leading

from consensus.errors import ProtocolError
from consensus.messages import (
    Append,
    AppendReply,
    Certificate,
    Heartbeat,
    HeartbeatReply,
    Message,
    PreVote,
    PreVoteReply,
    Vote,
)
from consensus.raft import Raft
from consensus.state import HardState, Role
from consensus.wire import check, from_value, to_value

SAMPLES: list[Message] = [
    ask_pre_vote(3, (2, 5)),
    PreVoteReply("n2", "n1", 3, fresh_id(), 7, True),
    ask_vote(3, (2, 5)),
    answer_vote(3, granted=False),
    answer_vote(3, position=(2, 5)),
    append(3, (2, 5), entry(6, 2), entry(7, 3), commit=4, proof=certificate("n2 n3", entry(4, 2))),
    append(3, (0, 0)),
    append(3, (0, 0), *elected_log(1, 2), shown=election(2, "n2", n2=(1, 4), n3=(0, 0))),
    AppendReply("n2", "n1", 3, fresh_id(), 7, False, 5, 0, 2, 5, (), 5, False, 2),
    AppendReply("n2", "n1", 3, fresh_id(), 7, True, 5, 7, 0, 0, ((6, b"s"), (7, b"t")), 5),
    AppendReply("n2", "n1", 3, fresh_id(), 7, False, 5, 0, 2, 4, (), 5),
    heartbeat(3, commit=4, proof=certificate("n2 n3", entry(4, 2))),
    HeartbeatReply("n2", "n1", 3, fresh_id(), 7, 4),
]


def test_cr88_votes_of_an_election_ascend_and_none_comes_twice() -> None:
    """CR-88: another order would be another spelling."""
    good = election(2, "n2", n2=(0, 0), n3=(0, 0))
    for votes in (good.votes[::-1], (good.votes[0], good.votes[0])):
        with pytest.raises(ProtocolError, match="ascending"):
            from_value(to_value(append(3, (0, 0), shown=replace(good, votes=votes))))


@pytest.mark.parametrize("message", SAMPLES, ids=lambda message: type(message).__name__)
def test_the_plain_form_of_a_message_is_read_back(message: Message) -> None:
    value = to_value(message)
    assert from_value(value) == message
    assert check(message) is None


def scripted(seed: int) -> list[str]:
    """A cluster under a fixed storm; everything that it put out."""
    random = Random(seed)
    cluster = Cluster("n1 n2 n3", seed=seed, traced=True)
    for _ in range(150):
        for name in cluster.names:
            if random.random() < 0.6:
                cluster[name].raft.tick()
            if cluster[name].raft.role is Role.LEADER and cluster[name].raft._office:
                cluster[name].propose()
        cluster.collect()
        for _ in range(len(cluster.network)):
            message = cluster.network.popleft()
            if random.random() < 0.8:
                cluster.deliver(message)
    return [repr(event) for event in cluster.events] + [
        repr(ready) for node in cluster.nodes.values() for ready in node.readies
    ]


def test_cr86_equal_inputs_give_equal_outputs_byte_for_byte() -> None:
    """CR-86."""
    assert scripted(1) == scripted(1)
    assert scripted(1) != scripted(2)


def test_cr87_what_depends_on_the_disk_is_apart_from_what_does_not() -> None:
    """CR-87: the term is durable here, so the answer to the leader may leave at once."""
    node = Node(configuration("n1", "n1 n2 n3"))
    node.raft.step(heartbeat(1))
    first = node.raft.ready()
    assert first is not None
    assert (first.hard, len(first.send_now)) == (HardState(1, None), 0)
    node.raft.hard_persisted(HardState(1, None))
    node.raft.step(heartbeat(1))
    second = node.raft.ready()
    assert second is not None
    assert (second.hard, len(second.send_now)) == (None, 2)
    assert node.raft.ready() is None


def test_cr01_nothing_leaves_in_the_name_of_a_term_that_the_node_has_left() -> None:
    """CR-01, CR-02: an answer that waits for the disk is withdrawn when a higher term is seen."""
    node = Node(configuration("n1", "n1 n2 n3"))
    node.raft.step(heartbeat(1))
    first = node.raft.ready()
    assert first is not None
    node.raft.step(heartbeat(2))
    node.raft.hard_persisted(HardState(1, None))
    second = node.raft.ready()
    assert second is not None
    assert (second.hard, second.send_now) == (HardState(2, None), ())
    node.raft.hard_persisted(HardState(2, None))
    third = node.raft.ready()
    assert third is not None
    assert [message.term for message in third.send_now] == [2]


def test_cr87_without_the_report_messages_only_wait_longer() -> None:
    """CR-87: a caller that never calls `hard_persisted` is safe."""
    node = Node(configuration("n1", "n1 n2 n3"))
    node.raft.step(heartbeat(1))
    ready = node.raft.ready()
    assert ready is not None
    assert (ready.hard, ready.send_now) == (HardState(1, None), ())
    for _ in range(3):
        node.raft.step(heartbeat(1))
        assert node.raft.ready() is None
    node.raft.hard_persisted(HardState(1, None))
    ready = node.raft.ready()
    assert ready is not None
    assert len(ready.send_now) == 4


@pytest.mark.parametrize(
    "absurd",
    [
        append(2**60, (0, 0)),
        append(2**48, (0, 0)),
        ask_vote(2**40, (0, 0)),
        append(0, (0, 0)),
        append(1, (0, -1)),
        append(1, (2, 1)),
        append(1, (0, 1)),
        append(1, (0, 0), entry(2, 1)),
        append(1, (0, 0), entry(1, 1), entry(3, 1)),
        append(2, (0, 0), entry(1, 2), entry(2, 1)),
        append(1, (0, 0), entry(1, 2)),
        append(1, (0, 0), entry(1, 0)),
        append(1, (0, 0), commit=-1),
        append(1, (0, 0), commit=2**63),
        append(1, (0, 0), *[entry(index, 1) for index in range(1, 400)]),
        append(1, (0, 0), replace(entry(1, 1), election=election(2, "n2", n2=(0, 0)))),
        append(1, (0, 0), shown=election(2, "n2", n2=(0, 0))),
        append(1, (0, 0), shown=election(0, "n2", n2=(0, 0))),
        AppendReply("n2", "n1", 1, fresh_id(), 1, False, 0, 0, 0, 0, (), 0, False, 2),
        AppendReply("n2", "n1", 1, fresh_id(), 1, True, 0, 0, 0, 0, (), 0, False, 1),
        heartbeat(1, commit=1, proof=certificate("n2 n3", entry(2, 1))),
        heartbeat(1, commit=5, proof=certificate("n2 n3", entry(2, 3))),
        heartbeat(1, commit=1, proof=Certificate(1, 1, b"h", (("n3", b"s"), ("n2", b"s")))),
        ask_vote(1, (1, 1)),
        ask_vote(3, (0, 4)),
        ask_pre_vote(3, (1, 0)),
        AppendReply("n2", "n1", 1, fresh_id(), 1, True, 0, 3, 0, 0, ((3, b"s"), (2, b"t")), 0),
        AppendReply("n2", "n1", 1, fresh_id(), 1, True, 0, 1, 0, 0, ((2, b"s"),), 0),
        AppendReply("n2", "n1", 1, fresh_id(), 1, False, 2, 0, 9, 9, (), 0),
        AppendReply("n2", "n1", 1, fresh_id(), 1, True, 4, 2, 0, 0, (), 0),
        HeartbeatReply("n2", "n1", 1, -1, 1, 0),
        HeartbeatReply("n2", "n1", 1, fresh_id(), 1, 2**62),
    ],
)
def test_cr88_an_absurd_message_changes_nothing_and_is_counted(absurd: Message) -> None:
    """CR-88."""
    node = Node(configuration("n1", "n1 n2 n3"))
    before = node.raft.status()
    assert answers(node, absurd) == []
    after = node.raft.status()
    assert [count for _, count in after.dropped] == [1]
    assert after.dropped[0][0].startswith("absurd: ")
    assert (after.term, after.vote, after.role, after.last_index) == (
        before.term,
        before.vote,
        before.role,
        before.last_index,
    )


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**65), 2**65) | st.text(max_size=80) | st.binary(max_size=80),
    lambda inner: st.lists(inner, max_size=12).map(tuple) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=20,
)


@settings(max_examples=300)
@given(VALUES)
def test_cr88_random_values_are_no_messages(value: Any) -> None:
    """CR-88: one error type, whatever comes."""
    try:
        message = from_value(value)
    except ProtocolError:
        return
    assert from_value(to_value(message)) == message


ODD_PARTS: list[Any] = [0, 1, -1, 2, 3, 6, 7, 2**48, 2**63, True, None, "", "n2", "n9", b"", b"x" * 32, ()]


def mutate(draw: Any, value: Any) -> Any:
    """The value with one part somewhere replaced, dropped or doubled."""
    if type(value) is not tuple or not value or draw(st.integers(0, 3)) == 0:
        return draw(st.sampled_from(ODD_PARTS))
    place = draw(st.integers(0, len(value) - 1))
    way = draw(st.sampled_from(["change", "change", "change", "drop", "double"]))
    if way == "drop":
        return value[:place] + value[place + 1 :]
    if way == "double":
        return (*value[:place], value[place], *value[place:])
    return (*value[:place], mutate(draw, value[place]), *value[place + 1 :])


@st.composite
def mutated(draw: Any) -> Any:
    value = to_value(draw(st.sampled_from(SAMPLES)))
    for _ in range(draw(st.integers(0, 2))):
        value = mutate(draw, value)
    return value


TERMS = st.integers(0, 6)
INDICES = st.integers(0, 8)
NODES = st.sampled_from(["n1", "n2", "n3", "n4"])


@st.composite
def plausible(draw: Any) -> Message:
    """A message that any confused or lying node might send, well formed or nearly so."""
    term, sender = draw(TERMS), draw(NODES)
    kind = draw(st.integers(0, 7))
    position = (draw(TERMS), draw(INDICES))
    if kind == 0:
        return PreVote(sender, "n1", term, fresh_id(), *position)
    if kind == 1:
        return PreVoteReply(sender, "n1", term, fresh_id(), 1, draw(st.booleans()))
    if kind == 2:
        return Vote(sender, "n1", term, fresh_id(), *position, draw(st.booleans()))
    if kind == 3:
        return answer_vote(term, granted=draw(st.booleans()), sender=sender, position=position)
    proof = None
    if draw(st.booleans()):
        proven = entry(draw(st.integers(1, 6)), draw(st.integers(1, 5)), draw(st.sampled_from([b"x", b"y"])))
        proof = certificate("n2 n3", proven)
    if kind == 4:
        return Heartbeat(sender, "n1", term, fresh_id(), draw(INDICES), proof)
    if kind == 5:
        return HeartbeatReply(sender, "n1", term, fresh_id(), draw(st.integers(0, 2**50)), draw(INDICES))
    if kind == 6:
        terms = sorted(draw(st.lists(st.integers(1, 6), max_size=4)))
        data = draw(st.sampled_from([b"x", b"y"]))
        new = [entry(position[1] + 1 + place, each, data) for place, each in enumerate(terms)]
        shown = None
        if draw(st.booleans()):
            stood = (draw(st.integers(0, 3)), draw(INDICES))
            shown = election(draw(st.integers(1, 6)), sender, n2=stood, n3=stood)
        return Append(sender, "n1", term, fresh_id(), *position, tuple(new), draw(INDICES), proof, shown)
    acks = tuple((index, b"s") for index in sorted(draw(st.sets(st.integers(1, 8), max_size=3))))
    ok = draw(st.booleans())
    return AppendReply(
        sender, "n1", term, fresh_id(), 1, ok, draw(INDICES), draw(INDICES), *position, acks if ok else (), 0
    )


def check_node(node: Node, before: tuple[int, int, dict[int, bytes]]) -> tuple[int, int, dict[int, bytes]]:
    """What must hold after any input at all."""
    raft: Raft = node.raft
    term, commit, committed = before
    assert raft.term >= term
    assert raft.commit >= commit
    assert raft.log.persisted <= raft.last_index
    assert raft.last_term <= raft.term
    assert node.disk.applied <= raft.commit <= raft.last_index
    for index, known in committed.items():
        held = raft.log.entry(index)
        assert held is not None
        assert held.hash == known
    found = {index: raft.log.entry(index) for index in range(1, raft.commit + 1)}
    return raft.term, raft.commit, {index: held.hash for index, held in found.items() if held is not None}


INPUTS = st.one_of(
    plausible(),
    plausible(),
    st.tuples(st.just("plain"), mutated()),
    st.sampled_from(["tick", "elapse", "propose", "hold", "sync", "refuse"]),
)


@settings(max_examples=400)
@given(st.lists(INPUTS, max_size=40), st.sampled_from([(), (1, 1, 2)]))
def test_cr88_no_input_breaks_the_node(inputs: list[Any], terms: tuple[int, ...]) -> None:
    """CR-88: random and mutated messages between ticks, proposals and slow syncs.

    The node never raises, never loses what it committed, never goes back, and never sends
    anything that another node would find absurd.
    """
    node = Node(configuration("n1", "n1 n2 n3"), Disk(log_of_terms(*terms)))
    node.refuses.add(b"y")
    state = check_node(node, (0, 0, {}))
    for given_input in inputs:
        out: list[Message] = []
        if given_input == "tick":
            node.raft.tick()
        elif given_input == "elapse":
            for _ in range(41):
                node.raft.tick()
        elif given_input == "propose":
            if node.raft.role is Role.LEADER and node.raft.last_index < 20:
                node.propose()
        elif given_input == "hold":
            node.disk_is_held = not node.disk_is_held
        elif given_input == "sync":
            out += node.sync(min(1, len(node.writes)))
        elif given_input == "refuse":
            node.raft.refuse(node.raft.last_index + 1, b"unknown", "no")
        elif isinstance(given_input, tuple):
            try:
                node.raft.step(from_value(given_input[1]))
            except ProtocolError:
                continue
        else:
            node.raft.step(given_input)
        out += node.drain()
        for message in out:
            assert check(message) is None, message
            assert message.target != "n1"
            assert from_value(to_value(message)) == message
        state = check_node(node, state)


def test_a_status_shows_peers_of_a_leader() -> None:
    node = leading()
    assert [peer.node for peer in node.raft.status().peers] == ["n2", "n3"]


@pytest.mark.parametrize("seed", range(6))
def test_the_ticks_before_something_is_due_change_nothing_that_anybody_sees(seed: int) -> None:
    """Whoever counts ticks later, all together, misses nothing but when a leader gives up (CR-20)."""
    random = Random(seed)
    cluster = Cluster("n1 n2 n3", seed=seed)
    cluster.loses = lambda message: random.random() < 0.2
    quiet = 0
    for step in range(400):
        for node in cluster.nodes.values():
            due, role = node.raft.quiet_ticks, node.raft.role
            assert due >= 1
            node.raft.tick()
            messages = node.drain()
            cluster.network.extend(messages)
            if due > 1:
                quiet += 1
                assert not messages
                assert node.raft.role is role or role is Role.LEADER
        cluster.run()
        for name in cluster.leaders:
            if cluster[name].raft._office and random.random() < 0.1:
                cluster.propose(name)
        if step % 50 == 0:
            cluster.isolate(random.choice(cluster.names))
        elif step % 50 == 40:
            cluster.heal()
    assert quiet > 400


def test_cr86_ticks_that_are_counted_together_do_what_they_do_one_by_one() -> None:
    """CR-86: as many as `quiet_ticks` allows; elections, heartbeats and resignations included."""
    random = Random(7)
    one_by_one, together = (Cluster("n1 n2 n3", seed=7) for _ in range(2))
    for step in range(600):
        for name in one_by_one.names:
            ticks = random.randrange(one_by_one[name].raft.quiet_ticks) + 1
            for _ in range(ticks):
                one_by_one[name].raft.tick()
            together[name].raft.tick(ticks)
        for cluster in (one_by_one, together):
            for name in cluster.names:
                cluster.network.extend(cluster[name].drain())
            cluster.run()
        for name in one_by_one.names:
            assert one_by_one[name].raft.status() == together[name].raft.status()
        if step % 100 == 50:
            cut = random.choice(one_by_one.names)
            one_by_one.isolate(cut)
            together.isolate(cut)
        elif step % 100 == 90:
            one_by_one.heal()
            together.heal()
    assert one_by_one.said == together.said
    assert one_by_one[one_by_one.names[0]].raft.term > 3, "leaders changed"


def test_a_core_is_quiet_when_an_input_has_left_nothing_to_do() -> None:
    cluster = Cluster("n1 n2 n3")
    leader = cluster.elect("n1")
    cluster.run()
    raft = leader.raft
    while raft.quiet_ticks > 1:
        raft.tick()
    assert raft.is_quiet
    raft.tick()
    assert not raft.is_quiet
    cluster.network.extend(leader.drain())
    assert raft.is_quiet
    beats = [message for message in cluster.network if isinstance(message, Heartbeat)]
    assert len(beats) == 2
    for beat in beats:
        raft.step(HeartbeatReply(beat.target, "n1", raft.term, beat.id, beat.id, raft.commit))
        assert raft.is_quiet
    follower = cluster[beats[0].target].raft
    follower.step(beats[0])
    assert not follower.is_quiet, "it answers"
    raft.read()
    assert not raft.is_quiet


def traced_run(seed: int) -> list[dict[str, Any]]:
    random = Random(seed)
    cluster = Cluster("n1 n2 n3", seed=seed, traced=True)
    cluster.loses = lambda message: random.random() < 0.1
    for step in range(300):
        cluster.tick()
        for name in cluster.leaders:
            if cluster[name].raft._office and random.random() < 0.5:
                cluster.propose(name)
        if step in (100, 200):
            name = random.choice(sorted(cluster.nodes))
            cluster.crash(name)
            cluster.start(name)
    return cluster.events


OWN_FIELDS = {
    "boot": {"snap", "tail", "applied", "voters", "outgoing", "learners"},
    "become_follower": {"leader"},
    "become_precandidate": set(),
    "become_candidate": set(),
    "become_leader": set(),
    "vote": {"to", "pre", "granted", "cand_last"},
    "send": {"msg"},
    "recv": {"msg"},
    "append": {"entries"},
    "truncate": {"from"},
    "persist": {"upto", "hard"},
    "ack": {"index", "hash", "block_term"},
    "cert": {"index", "hash", "cert_term", "signers"},
    "commit": {"to", "by"},
    "apply": {"index", "hash"},
    "drop": {"reason"},
}
COMMON = {"v", "ev", "node", "boot", "seq", "term", "vote", "role", "commit", "last"}


@pytest.mark.parametrize("seed", range(4))
def test_the_trace_is_whole_and_says_only_what_happened(  # noqa: C901 (one branch a kind of event)
    seed: int,
) -> None:
    """Rules E1, E3, T1, T4, L1, C1, A1, A3, Q1–Q4, G1, G2 of trace-schema.md on traced runs."""
    events = traced_run(seed)
    sent: dict[str, Any] = {}
    durable: dict[str, list[Any]] = defaultdict(lambda: [0, None])
    upto: dict[str, int] = defaultdict(int)
    sequence: dict[tuple[str, int], int] = defaultdict(int)
    newest: dict[tuple[str, int], dict[str, Any]] = {}
    signed: dict[tuple[str, int, int], str] = {}
    logs: dict[str, list[list[Any]]] = {}
    kinds = set()
    for event in events:
        name, kind = event["node"], event["ev"]
        kinds.add(kind)
        assert set(event) >= COMMON | OWN_FIELDS[kind], event
        boot = (name, event["boot"])
        sequence[boot] += 1
        assert event["seq"] == sequence[boot]
        before = newest.get(boot)
        if before is not None:
            assert event["term"] >= before["term"]
            assert event["commit"] >= before["commit"]
            assert event["role"] == before["role"] or kind.startswith("become_") or kind == "recv"
            assert event["last"] == before["last"] or kind in ("append", "truncate")
        newest[boot] = event
        if kind == "boot":
            logs[name] = list(event["tail"])
            upto[name] = len(event["tail"])
            durable[name] = [event["term"], event["vote"]]
        elif kind == "append":
            logs[name] += event["entries"]
            assert [each[0] for each in logs[name]] == list(range(1, len(logs[name]) + 1))
        elif kind == "truncate":
            assert event["from"] > event["commit"]
            del logs[name][event["from"] - 1 :]
            upto[name] = min(upto[name], event["from"] - 1)
        elif kind == "persist":
            durable[name], upto[name] = event["hard"], event["upto"]
        elif kind == "send":
            message = event["msg"]
            assert message["from"] == name
            assert message["id"] not in sent
            sent[message["id"]] = message
            if not (
                message["type"] == "pre_vote" or (message["type"] == "pre_vote_resp" and message["granted"])
            ):
                assert durable[name][0] >= message["term"], event
            if message["type"] == "vote_resp" and message["granted"]:
                assert durable[name] == [message["term"], message["to"]]
        elif kind == "recv":
            assert sent[event["msg"]["id"]] == event["msg"]
        elif kind == "ack":
            assert event["block_term"] == event["term"]
            assert event["index"] <= upto[name]
            assert logs[name][event["index"] - 1][2] == event["hash"]
            key = (name, event["block_term"], event["index"])
            assert signed.setdefault(key, event["hash"]) == event["hash"]
        elif kind == "cert":
            assert len(set(event["signers"])) >= 2
            for signer in event["signers"]:
                assert signed[(signer, event["cert_term"], event["index"])] == event["hash"]
        elif kind == "apply":
            assert event["index"] <= min(event["commit"], upto[name])
            assert logs[name][event["index"] - 1][2] == event["hash"]
        if logs[name]:
            assert event["last"] == [logs[name][-1][1], logs[name][-1][0]]
    assert {"boot", "become_leader", "vote", "append", "persist", "ack", "cert", "commit", "apply"} <= kinds
