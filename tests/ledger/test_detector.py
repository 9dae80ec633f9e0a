"""The detector finds every lie that two statements show, and frames nobody (CR-70)."""

from __future__ import annotations

import dataclasses
from random import Random
from typing import Any

import pytest
from elections import ballot_at, elect
from honest_node import DEVIATIONS, Node
from hypothesis import given, settings
from hypothesis import strategies as st
from small_chain import NODES, SmallChain, seed_key
from test_evidence import CASES, CHANNEL, FIRST, GENESIS, KEYS, ONE, OTHER, SECOND, ack, certified, vote

from ledger.blocks.block import Header
from ledger.faults import detector as module
from ledger.faults.detector import Detector
from ledger.faults.evidence import Evidence
from ledger.faults.fault import SignedAck, SignedBallot, SignedHeader
from ledger.keys import HEADER_DOMAIN

A, B, C = NODES


class Template:
    """Headers of the channel that differ as asked."""

    channel = CHANNEL

    def __call__(self, **changes: Any) -> Header:
        return dataclasses.replace(FIRST.header, **changes)


def watched(node: Node, draw: Random) -> list[Evidence]:
    """What a detector finds that is shown the node's statements in any order."""
    detector = Detector(GENESIS)
    statements = list(node.statements)
    draw.shuffle(statements)
    found = []
    for statement in statements:
        if isinstance(statement, SignedAck):
            found += detector.saw_ack(node.name, statement)
        elif isinstance(statement, SignedBallot):
            found += detector.saw_ballot(node.name, statement)
        else:
            found += detector.saw_header(statement)
    return found


@settings(max_examples=150)
@given(st.integers(0, 2**32))
def test_no_honest_history_frames_anybody(seed: int):
    """CR-70: terms, cut logs, crashes, lying leaders, two of them in one term: no pair is a proof."""
    draw = Random(seed)
    node = Node(A, KEYS[A], Template(), draw)
    node.steps(60)
    assert watched(node, draw) == []


@pytest.mark.parametrize("deviation", DEVIATIONS)
def test_each_deviation_is_found_and_named(deviation: str):
    """The same model with one rule broken: some history proves it, and always of that node."""
    caught = 0
    for seed in range(200):
        draw = Random(seed)
        node = Node(A, KEYS[A], Template(), draw, deviation)
        node.steps(60)
        for evidence in watched(node, draw):
            assert evidence.verify(GENESIS).nodes == (A,)
            caught += 1
        if caught > 2:
            return
    pytest.fail(f"a node that {deviation} was never caught")


def test_each_lie_is_told_once():
    detector = Detector(GENESIS)
    assert detector.saw_ack(B, ack(B, 3, 1, FIRST.hash)) == []
    assert detector.saw_ack(B, ack(B, 3, 1, FIRST.hash)) == []
    (evidence,) = detector.saw_ack(B, ack(B, 3, 1, SECOND.hash))
    assert evidence.verify(GENESIS).kind == "two_acks"
    assert detector.saw_ack(B, ack(B, 3, 1, SECOND.hash)) == []


@pytest.mark.parametrize("is_ack_first", [True, False])
def test_denial_is_found_in_either_order(is_ack_first: bool):
    detector = Detector(GENESIS)
    given_ack, given_vote = ack(B, 3, 1, FIRST.hash), vote(B, ballot_at(GENESIS.block.header, 4, C))
    steps = [lambda: detector.saw_ack(B, given_ack), lambda: detector.saw_ballot(B, given_vote)]
    first, second = steps if is_ack_first else steps[::-1]
    assert first() == []
    assert [evidence.verify(GENESIS).kind for evidence in second()] == ["denied_ack"]


def test_election_certificates_show_votes_and_end_doubts():
    """CR-70: a stated term in between must be one that had an election; until it shows, there is a doubt."""
    detector = Detector(GENESIS)
    detector.saw_ack(B, ack(B, 3, 1, FIRST.hash))
    claim = dataclasses.replace(ballot_at(GENESIS.block.header, 6, C), accepted_term=5)
    assert detector.saw_ballot(B, vote(B, claim)) == []
    (doubt,) = detector.doubts
    assert (doubt.node, doubt.accepted_term) == (B, 5)
    election = elect(KEYS, CHANNEL, GENESIS.block.header, 5, C, [A])
    assert detector.saw_election(election) == []
    assert detector.doubts == ()
    assert detector.saw_ballot(B, vote(B, dataclasses.replace(claim, term=7))) == []
    assert detector.doubts == ()


def test_two_elections_of_one_term_name_the_double_voter():
    detector = Detector(GENESIS)
    head = GENESIS.block.header
    assert detector.saw_election(elect(KEYS, CHANNEL, head, 5, A, [B])) == []
    (evidence,) = detector.saw_election(elect(KEYS, CHANNEL, head, 5, C, [B]))
    assert evidence.verify(GENESIS).nodes == (B,)
    assert evidence.fault.kind == "two_votes"


def test_two_certified_blocks_of_one_height_raise_the_alarm_and_name_the_signer_of_both():
    """CR-74."""
    detector = Detector(GENESIS)
    assert detector.saw_certified(certified(ONE, (A, B))) == []
    found = detector.saw_certified(certified(OTHER, (B, C)))
    assert [(evidence.fault.kind, evidence.node) for evidence in found] == [
        ("two_acks", B),
        ("two_certificates", ""),
    ]
    assert detector.saw_certified(certified(OTHER, (B, C))) == []


def test_forged_statements_accuse_nobody_and_hide_nothing():
    """A forgery that came first gives way to the real one."""
    detector = Detector(GENESIS)
    forged = SignedAck(3, 1, bytes(32), bytes(64))
    assert detector.saw_ack(B, forged) == []
    assert detector.saw_ack(B, ack(B, 3, 1, FIRST.hash)) == []
    assert len(detector.saw_ack(B, ack(B, 3, 1, SECOND.hash))) == 1

    assert detector.saw_header(SignedHeader(FIRST.header, bytes(64))) == []
    other = dataclasses.replace(FIRST.header, state_root=b"\1" * 32)
    signed = SignedHeader(other, KEYS[A].sign(HEADER_DOMAIN, other.data))
    assert detector.saw_header(SignedHeader(FIRST.header, FIRST.signature)) == []
    assert len(detector.saw_header(signed)) == 1
    detector = Detector(GENESIS)
    assert detector.saw_header(SignedHeader(other, bytes(64))) == []
    assert detector.saw_header(signed) == []
    assert len(detector.saw_header(SignedHeader(SECOND.header, SECOND.signature))) == 1

    ballot = ballot_at(FIRST.header, 5, A)
    assert detector.saw_ballot(C, SignedBallot(dataclasses.replace(ballot, candidate=B), bytes(64))) == []
    assert detector.saw_ballot(C, vote(C, ballot)) == []
    assert len(detector.saw_ballot(C, vote(C, dataclasses.replace(ballot, candidate=C)))) == 1


def test_strangers_leave_no_trace():
    detector = Detector(GENESIS)
    for height in range(1, 50):
        assert detector.saw_ack(f"node-{height}", ack(B, 3, height, FIRST.hash)) == []
    stranger = dataclasses.replace(FIRST.header, proposer="node-x")
    assert detector.saw_header(SignedHeader(stranger, bytes(64))) == []
    assert detector._acks == {}
    assert detector._headers == {}


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch):
    """The newest statements are kept."""
    monkeypatch.setattr(module, "MAX_STATEMENTS_SEEN", 8)
    detector = Detector(GENESIS)
    for height in range(1, 40):
        detector.saw_ack(B, SignedAck(3, height, FIRST.hash, bytes(64)))
    assert [height for _, height in detector._acks[B]] == list(range(32, 40))


@pytest.mark.parametrize(("node", "fault"), CASES, ids=lambda value: getattr(value, "kind", ""))
def test_detector_gives_out_files_that_verify(node: str, fault: Any):
    """What it proves is what the cases prove, whichever statement comes first."""
    detector = Detector(GENESIS)
    found = []
    for statement in statements_of(fault):
        if isinstance(statement, SignedAck):
            found += detector.saw_ack(node, statement)
        elif isinstance(statement, SignedBallot):
            found += detector.saw_ballot(node, statement)
        elif isinstance(statement, SignedHeader):
            found += detector.saw_header(statement)
        else:
            found += detector.saw_certified(statement)
    assert Evidence(node, fault) in found


def statements_of(fault: Any) -> list[Any]:
    return [getattr(fault, name.name) for name in dataclasses.fields(fault)]


def test_detector_is_cheap_while_nobody_lies(monkeypatch: pytest.MonkeyPatch):
    """No signature is looked at unless two statements contradict each other."""

    def never(*_: object) -> bool:
        raise AssertionError("a signature was checked")

    monkeypatch.setattr(module, "verify_ack", never)
    monkeypatch.setattr(module, "verify_vote", never)
    monkeypatch.setattr(module, "verify", never)
    chain = SmallChain()
    detector = Detector(GENESIS)
    for _ in range(5):
        block = chain.seal()
        detector.saw_header(SignedHeader(block.header, block.signature))
        detector.saw_certificate(chain.certificate(block.height))
    assert seed_key(A).public == KEYS[A].public
