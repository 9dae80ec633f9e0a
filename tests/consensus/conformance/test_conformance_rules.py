"""Every rule of the trace schema, broken once: the checker names it, and names no other."""

from __future__ import annotations

import pytest
from trace_script import (
    Script,
    Writer,
    answer,
    begun,
    campaign,
    confirm,
    entry,
    offer,
    replicate,
    settle,
    store,
)

from consensus.conformance import RULES


def outsider(script: Script, name: str, *others: str) -> Writer:
    """A node whose fellow voters are not observed: what they did is not known."""
    script[name].boots(voters=[name, *others])
    return script[name]


def follow_unobserved(node: Writer, leader: str, term: int, *entries: list[object], commit: int = 0) -> None:
    """The node takes entries from a leader without a trace."""
    message = {
        "id": f"{leader}.1.{term}",
        "type": "append",
        "from": leader,
        "to": node.name,
        "term": term,
        "prev": [0, 0],
        "entries": [list(each) for each in entries],
        "commit": commit,
    }
    node.receives(message)
    node.follows(leader)
    node.appends(*entries)
    node.persists()


def elect_by_unobserved(node: Writer, voter: str) -> None:
    node.tries()
    node.campaigns()
    node.persists()
    ask = node.sends("vote", voter, last=node.last)
    reply = {"type": "vote_resp", "from": voter, "to": node.name, "term": node.term}
    node.receives({"id": f"{voter}.1.{node.term}", **reply, "granted": True, "re": ask["id"]})
    node.leads()


def e1() -> Script:
    script, _, n2, _ = begun()
    n2.seq += 1
    n2.emits("drop", reason="one event before this one is missing")
    return script


def e2() -> Script:
    script, _, n2, _ = begun()
    n2.emits("drop", {"vote": "n3"}, reason="a vote that no event tells of")
    return script


def e3() -> Script:
    script, _, n2, _ = begun()
    del n2.emits("persist", upto=1, hard=[1, "n1"])["hard"]
    return script


def t1() -> Script:
    script, _, n2, _ = begun()
    n2.emits("drop", {"term": 0, "vote": None}, reason="the term went back")
    return script


def t1_restart() -> Script:
    script, _, n2, n3 = begun()
    campaign(n3, n2)
    n2.term, n2.vote = 1, "n1"
    n2.boots()
    return script


def t2() -> Script:
    script = Script()
    n1, n2, n3 = script.start("n1", "n2", "n3")
    for candidate in (n1, n3):
        candidate.tries()
        candidate.campaigns()
        candidate.persists()
        ask = candidate.sends("vote", "n2", last=[0, 0])
        n2.receives(ask)
        n2.votes(ask)
    return script


def t2_restart() -> Script:
    script, _, n2, _ = begun()
    n2.vote = "n3"
    n2.boots()
    return script


def t3() -> Script:
    script = Script()
    n1, n2, n3 = script.start("n1", "n2", "n3")
    campaign(n1, n2, n3)
    replicate(n1, [n2], entry(1, 1))
    n3.tries()
    ask = n3.sends("pre_vote", "n2", last=[0, 0])
    n2.receives(ask)
    n2.votes(ask)
    return script


def t4() -> Script:
    script = Script()
    n1, n2, _ = script.start("n1", "n2", "n3")
    n1.tries()
    n1.campaigns()
    n1.persists()
    ask = n1.sends("vote", "n2", last=[0, 0])
    n2.receives(ask)
    n2.votes(ask)
    n2.sends("vote_resp", "n1", granted=True, re=ask["id"])
    return script


def t5() -> Script:
    script, _, n2, _ = begun()
    n2.role = "precandidate"
    n2.emits("become_precandidate", {"term": 2})
    return script


def t6() -> Script:
    script = Script()
    n1, _, _ = script.start("n1", "n2", "n3")
    n1.tries()
    n1.campaigns()
    n1.persists()
    n1.leads()
    return script


def t7() -> Script:
    script, *_ = begun()
    elect_by_unobserved(outsider(script, "n4", "n8", "n9"), "n9")
    return script


def t8() -> Script:
    script, _, n2, _ = begun()
    n2.role = "candidate"
    n2.campaigns()
    return script


def t8_learner() -> Script:
    script, *_ = begun()
    script["n4"].boots(learners=["n4"])
    script["n4"].tries()
    return script


def l1() -> Script:
    script, _, n2, _ = begun()
    n2.appends(entry(2, 0))
    return script


def l2() -> Script:
    script, _, n2, n3 = begun()
    campaign(n2, n3)
    n2.appends(entry(2, 1))
    return script


def l2_truncates() -> Script:
    script, n1, *_ = begun()
    n1.appends(entry(2, 1))
    n1.truncates(2)
    return script


def l3() -> Script:
    script, n1, n2, _ = begun()
    n1.appends(entry(2, 1))
    n2.appends(entry(2, 1, hash="another"))
    return script


def l3_predecessor() -> Script:
    script = Script()
    n4, n5 = (outsider(script, name, "n9") for name in ("n4", "n5"))
    follow_unobserved(n4, "n9", 2, entry(1, 1), entry(2, 2))
    follow_unobserved(n5, "n9", 3, entry(1, 2), entry(2, 2))
    return script


def l4() -> Script:
    script, _, n2, n3 = begun()
    campaign(n2, n3)
    script["n1"].receives(n2.sends("heartbeat", "n1", commit=1))
    script["n1"].truncates(1)
    return script


def l5() -> Script:
    script, n1, n2, _ = begun()
    n1.appends(entry(2, 1))
    store(n1, n2, entry(2, 1))
    n2.boots(tail=[entry(1, 1)])
    return script


def l6() -> Script:
    script, n1, n2, _ = begun()
    n1.appends(entry(2, 1), entry(3, 1))
    store(n1, n2, entry(2, 1), entry(3, 1))
    offer(n1, n2, entry(2, 1))
    n2.truncates(2)
    return script


def l7() -> Script:
    """A node that is a cluster of its own speaks to another one, where nobody voted for it."""
    script, n1, n2, _ = begun()
    n1.appends(entry(2, 1))
    store(n1, n2, entry(2, 1))
    n9 = script["n9"]
    n9.term = 1
    n9.boots(voters=["n9"], tail=[entry(1, 1)])
    n9.tries()
    n9.campaigns()
    n9.persists()
    n9.leads()
    n9.appends(entry(2, 2))
    offer(n9, n2, entry(2, 2))
    n2.truncates(2)
    return script


def c1() -> Script:
    script, _, n2, _ = begun()
    n2.commits(0)
    return script


def c1_beyond() -> Script:
    script, _, n2, _ = begun()
    n2.commits(2)
    return script


def c2() -> Script:
    """Raft, figure 8. A certificate of this term at that index cannot be had, so Q6 breaks with it."""
    script, n1, n2, n3 = begun()
    n1.appends(entry(2, 1))
    store(n1, n2, entry(2, 1))
    campaign(n2, n3)
    store(n2, n3, entry(2, 1), signs=False)
    n2.commits(2, "quorum")
    return script


def c3() -> Script:
    script, n1, n2, _ = begun()
    n1.appends(entry(2, 1))
    n1.persists()
    offer(n1, n2, entry(2, 1))
    n2.appends(entry(2, 1))
    n2.persists()
    n2.acks(2)
    n1.acks(2)
    n1.certifies(2, ["n1", "n2"])
    n1.commits(2, "quorum")
    return script


def c4() -> Script:
    script, n1, n2, _ = begun()
    n1.appends(entry(2, 1))
    store(n1, n2, entry(2, 1))
    n2.commits(2)
    return script


def c4_unconfirmed() -> Script:
    """What the leader called committed, but did not prove to be the same here."""
    script, n1, n2, n3 = begun()
    n1.appends(entry(2, 1))
    n1.persists()
    store(n1, n2, entry(2, 1))
    n2.boots()
    store(n1, n3, entry(2, 1))
    settle(n1, n3)
    n2.receives(n1.sends("heartbeat", "n2", commit=2))
    n2.commits(2)
    return script


def c5() -> Script:
    script = Script()
    for name, term in (("n4", 5), ("n5", 6)):
        node = outsider(script, name, "n9")
        follow_unobserved(node, "n9", term, entry(1, term), commit=1)
        node.commits(1)
    return script


def c6() -> Script:
    script, *_ = begun()
    late = outsider(script, "n4", "n8", "n9")
    late.term = 1
    late.boots(voters=["n4", "n8", "n9"], wiped=True)
    elect_by_unobserved(late, "n9")
    return script


def a1() -> Script:
    script, n1, n2, n3 = begun()
    n1.appends(entry(2, 1), entry(3, 1))
    n1.persists()
    for node in (n2, n3):
        store(n1, node, entry(2, 1), entry(3, 1))
    n1.acks(3)
    n1.certifies(3, ["n1", "n2", "n3"])
    n1.commits(3, "quorum")
    n1.applies(3)
    return script


def a2() -> Script:
    script, n1, n2, _ = begun()
    n1.appends(entry(2, 1))
    n1.persists()
    store(n1, n2, entry(2, 1))
    n1.acks(2)
    n1.certifies(2, ["n1", "n2"])
    n1.commits(2, "quorum")
    n1.applies(2, hash="another")
    return script


def a3() -> Script:
    script, n1, n2, n3 = begun()
    n1.appends(entry(2, 1))
    for node in (n2, n3):
        store(n1, node, entry(2, 1))
    n1.certifies(2, ["n2", "n3"])
    n1.commits(2, "quorum")
    n1.applies(2)
    return script


def q1() -> Script:
    """Only one of the two can be in the log, so Q2 breaks with it."""
    script, _, n2, _ = begun()
    n2.acks(1, hash="another")
    return script


def q2() -> Script:
    script, n1, n2, _ = begun()
    n1.appends(entry(2, 1))
    offer(n1, n2, entry(2, 1))
    n2.appends(entry(2, 1))
    n2.acks(2)
    return script


def q3() -> Script:
    script, n1, n2, n3 = begun()
    n1.appends(entry(2, 1))
    n1.persists()
    campaign(n2, n3)
    n1.receives(n2.sends("heartbeat", "n1", commit=1))
    n1.acks(2)
    return script


def q4() -> Script:
    script, n1, *_ = begun()
    n1.appends(entry(2, 1))
    n1.persists()
    n1.acks(2)
    n1.certifies(2, ["n1"])
    return script


def q4_unsigned() -> Script:
    script, n1, *_ = begun()
    n1.appends(entry(2, 1))
    n1.persists()
    n1.acks(2)
    n1.certifies(2, ["n1", "n2"])
    return script


def q4_twice() -> Script:
    script, n1, n2, _ = begun()
    n1.appends(entry(2, 1))
    n1.persists()
    store(n1, n2, entry(2, 1))
    n1.acks(2)
    n1.certifies(2, ["n1", "n2", "n2"])
    return script


def q5() -> Script:
    script, *_ = begun()
    other = outsider(script, "n4", "n8", "n9")
    follow_unobserved(other, "n9", 6, entry(1, 6))
    other.certifies(1, ["n8", "n9"])
    return script


def q6() -> Script:
    script, n1, n2, _ = begun()
    n1.appends(entry(2, 1))
    n1.persists()
    store(n1, n2, entry(2, 1))
    n1.commits(2, "quorum")
    return script


def q7() -> Script:
    script, _, n2, n3 = begun()
    n2.log, n2.term, n2.vote, n2.commit = [], 0, None, 0
    n2.boots(wiped=True)
    campaign(n3, n2)
    return script


def q8() -> Script:
    script = Script()
    node = outsider(script, "n4", "n8", "n9")
    follow_unobserved(node, "n9", 6, entry(1, 6))
    node.certifies(1, ["n8", "n9"], cert_term=5)
    return script


def s1() -> Script:
    script, n1, *_ = begun()
    n1.appends(entry(2, 1))
    n1.snapshots(2)
    return script


def s1_hash() -> Script:
    script, n1, *_ = begun()
    n1.snapshots(1, hash="another")
    return script


def s2() -> Script:
    script, n1, *_ = begun()
    n1.compacts(1)
    return script


def s3() -> Script:
    script, _, n2, _ = begun()
    n2.installs(1, 1, "1@1", commit=0)
    return script


def s3_uncommitted() -> Script:
    script, n1, n2, _ = begun()
    n1.appends(entry(2, 1))
    n2.installs(2, 1, "2@1")
    return script


def s4() -> Script:
    script, n1, n2, _ = begun()
    n1.appends(entry(2, 1))
    store(n1, n2, entry(2, 1))
    n2.installs(1, 1, "1@1", last=[1, 1])
    return script


def m1() -> Script:
    script, n1, *_ = begun()
    n1.appends(entry(2, 1, "config"))
    n1.appends(entry(3, 1, "config"))
    return script


def m2() -> Script:
    script, _, n2, n3 = begun()
    campaign(n2, n3)
    n2.appends(entry(2, 2, "config"))
    return script


def m3() -> Script:
    script, n1, *_ = begun()
    n1.appends(entry(2, 1, "config"))
    n1.counts(2, ["n1", "n4", "n5"])
    return script


def m3_joint() -> Script:
    """Out of the joint configuration only into its new half."""
    script, n1, n2, n3 = begun()
    script["n4"].boots()
    n1.appends(entry(2, 1, "config"))
    n1.counts(2, ["n1", "n2", "n4"], outgoing=["n1", "n2", "n3"])
    n1.persists()
    for node in (n2, n3):
        store(n1, node, entry(2, 1, "config"))
    settle(n1, n2, n3)
    n1.appends(entry(3, 1, "config"))
    n1.counts(3, ["n1", "n2", "n3"])
    return script


def m4() -> Script:
    script, n1, *_ = begun()
    n1.appends(entry(2, 1, "config"))
    n1.counts(2, ["n1", "n2", "n3"], learners=["n3"])
    return script


def r1() -> Script:
    script, n1, n2, _ = begun()
    n1.emits("read_start", rid="n1.1.r", index=2)
    confirm(n1, n2)
    n1.emits("read_ready", rid="n1.1.r", index=2)
    return script


def r2() -> Script:
    script, _, n2, n3 = begun()
    campaign(n2, n3)
    n2.emits("read_start", rid="n2.1.r", index=1)
    return script


def r3() -> Script:
    script, n1, n2, _ = begun()
    n1.emits("read_start", rid="n1.1.r", index=0)
    confirm(n1, n2)
    n1.emits("read_ready", rid="n1.1.r", index=0)
    return script


def r4() -> Script:
    """The heartbeat was under way when the read began (CR-79)."""
    script, n1, n2, _ = begun()
    beat = n1.sends("heartbeat", "n2", commit=1)
    n1.emits("read_start", rid="n1.1.r", index=1)
    n2.receives(beat)
    n1.receives(n2.sends("heartbeat_resp", "n1", re=beat["id"]))
    n1.emits("read_ready", rid="n1.1.r", index=1)
    return script


def g1() -> Script:
    script, n1, n2, _ = begun()
    n2.receives({**n1.sends("heartbeat", "n2", commit=0), "commit": 1})
    return script


def g1_unsent() -> Script:
    script, _, n2, _ = begun()
    forged = {"id": "n1.1.99", "type": "heartbeat", "from": "n1", "to": "n2", "term": 1, "commit": 1}
    n2.receives(forged)
    return script


def g2() -> Script:
    script, n1, n2, _ = begun()
    beat = n1.sends("heartbeat", "n2", commit=1)
    n2.receives(beat)
    n2.sends("heartbeat_resp", "n1", re=beat["id"], term=0)
    return script


def g3() -> Script:
    """An acknowledgement of the log's end, which the request did not prove (CR-26)."""
    script, n1, n2, _ = begun()
    n1.appends(entry(2, 1))
    store(n1, n2, entry(2, 1))
    answer(n2, offer(n1, n2, entry(1, 1)), match=2)
    return script


def g3_not_durable() -> Script:
    script, n1, n2, _ = begun()
    n1.appends(entry(2, 1))
    ask = offer(n1, n2, entry(2, 1))
    n2.appends(entry(2, 1))
    answer(n2, ask)
    return script


def g4() -> Script:
    script, _, n2, _ = begun()
    n2.sends("heartbeat", "n3", commit=1)
    return script


def g4_not_held() -> Script:
    """An invented previous term (CR-48)."""
    script, n1, *_ = begun()
    n1.sends("append", "n2", prev=[0, 1], entries=[], commit=1)
    return script


TOGETHER = {"C2": {"C2", "Q6"}, "Q1": {"Q1", "Q2"}}
"""Rules that cannot be broken alone."""
CASES = {
    name: case
    for name, case in list(globals().items())
    if name.split("_", maxsplit=1)[0].upper() in RULES and callable(case)
}


@pytest.mark.parametrize("name", sorted(CASES))
def test_a_broken_rule_is_named_and_no_other(name: str) -> None:
    rule = name.split("_", maxsplit=1)[0].upper()
    report = CASES[name]().judge()
    assert set(report.broken) == TOGETHER.get(rule, {rule}), [str(each) for each in report.violations]
    found = next(each for each in report.violations if each.rule == rule)
    assert found.seq > 0
    assert found.found
    assert found.expected
    assert report.exercised[rule] > 0


def test_a_log_that_begins_with_the_first_entry_may_be_sent_from_the_genesis_on() -> None:
    """G4, CR-48: what stands before the first entry is known to all, so nothing of it is invented."""
    script, n1, *_ = begun()
    n1.snapshots(1)
    n1.compacts(1)
    n1.sends("append", "n2", prev=[0, 0], entries=[entry(1, 1)], commit=1)
    report = script.judge()
    assert report.ok, [str(each) for each in report.violations]
    n1.sends("append", "n2", prev=[0, 0], entries=[entry(1, 2)], commit=1)
    assert script.broken() == {"G4"}


def test_every_rule_has_a_case() -> None:
    assert {name.split("_", maxsplit=1)[0].upper() for name in CASES} == set(RULES)


def test_what_every_case_starts_from_breaks_nothing() -> None:
    script, n1, n2, n3 = begun()
    replicate(n1, [n2, n3], entry(2, 1), entry(3, 1))
    assert script.broken() == set()


def test_snapshots_and_compaction_that_break_nothing() -> None:
    """CR-63, CR-64: what matches is kept, else the log is replaced."""
    script, n1, n2, n3 = begun()
    replicate(n1, [n2], entry(2, 1), entry(3, 1))
    n1.snapshots(3)
    n1.compacts(2)
    n1.compacts(3)
    offered = n1.sends("snapshot", "n3", index=3, block_term=1, hash="3@1")
    n3.receives(offered)
    n3.installs(3, 1, "3@1")
    n1.receives(n3.sends("snapshot_resp", "n1", ok=True, match=3, re=offered["id"]))
    n2.installs(2, 1, "2@1")
    assert n2.last == [1, 3]
    replicate(n1, [n2, n3], entry(4, 1))
    n3.boots()
    report = script.judge()
    assert report.ok, [str(each) for each in report.violations]
    assert {rule for rule in ("S1", "S2", "S3", "S4") if not report.exercised[rule]} == set()
