"""Votes and election certificates: who is elected, and what makes a certificate void."""

from __future__ import annotations

import dataclasses

import pytest
from elections import ballot_at, elect, vote
from hypothesis import given, settings
from hypothesis import strategies as st
from small_chain import NODES, SmallChain, seed_key

from ledger import codec
from ledger.blocks.vote import Ballot, ElectionCertificate, Vote, sign_vote, verify_vote
from ledger.errors import Malformed, VerificationError

KEYS = {node: seed_key(node) for node in NODES}
CHAIN = SmallChain()
GENESIS = CHAIN.genesis
CHANNEL = GENESIS.channel
HEAD = CHAIN.seal().header
A, B, C = NODES


def certificate(*votes: Vote, term: int = 4, candidate: str = A) -> ElectionCertificate:
    return ElectionCertificate.of(term, candidate, votes)


def ballot(**changes: object) -> Ballot:
    return dataclasses.replace(ballot_at(HEAD, 4, A, 2), **changes)  # type: ignore[arg-type]


def cast(node: str, **changes: object) -> Vote:
    return vote(KEYS[node], CHANNEL, node, ballot(**changes))


def test_vote_is_good_for_its_channel_and_ballot_only():
    signature = sign_vote(KEYS[A], CHANNEL, ballot())
    assert verify_vote(KEYS[A].public, CHANNEL, ballot(), signature)
    assert not verify_vote(KEYS[A].public, bytes(32), ballot(), signature)
    assert not verify_vote(KEYS[B].public, CHANNEL, ballot(), signature)
    for field, value in (
        ("term", 5),
        ("candidate", B),
        ("accepted_term", 3),
        ("last_term", 0),
        ("last_height", 2),
        ("last_hash", bytes(32)),
    ):
        assert not verify_vote(KEYS[A].public, CHANNEL, ballot(**{field: value}), signature), field


def test_majority_of_votes_elects_the_candidate_at_its_own_position():
    election = elect(KEYS, CHANNEL, HEAD, 4, A, [B])
    own = election.verify(CHANNEL, GENESIS.membership)
    assert own == ballot_at(HEAD, 4, A)
    assert ElectionCertificate.from_value(codec.decode(codec.encode(election.to_value()))) == election


def test_voters_behind_the_candidate_count():
    behind = cast(B, accepted_term=0, last_term=0, last_height=0, last_hash=GENESIS.block.hash)
    assert certificate(cast(A), behind).verify(CHANNEL, GENESIS.membership).last_height == 1


@pytest.mark.parametrize(
    ("votes", "sentence"),
    [
        ([cast(A)], "too few votes"),
        ([cast(A), cast(A)], "twice"),
        ([cast(B), cast(C)], "did not vote for itself"),
        ([cast(A), cast(B, term=5)], "another term"),
        ([cast(A), cast(B, candidate=B)], "another candidate"),
        ([cast(A), dataclasses.replace(cast(B), node=C)], "did not sign"),
        ([cast(A), dataclasses.replace(cast(B), node="node-x")], "has none"),
        ([cast(A), cast(B, accepted_term=4)], "contradicts itself"),
        ([cast(A), cast(B, accepted_term=0)], "contradicts itself"),
        ([cast(A), cast(B, last_height=2)], "further than the candidate"),
        ([cast(A), cast(B, last_term=2)], "further than the candidate"),
    ],
)
def test_void_certificate_says_why(votes: list[Vote], sentence: str):
    with pytest.raises(VerificationError, match=sentence) as caught:
        certificate(*votes).verify(CHANNEL, GENESIS.membership)
    assert caught.value.code == "not_elected"


def test_one_bad_vote_makes_the_certificate_void_also_if_enough_are_good():
    bad = dataclasses.replace(cast(C), signature=bytes(64))
    with pytest.raises(VerificationError, match="did not sign"):
        certificate(cast(A), cast(B), bad).verify(CHANNEL, GENESIS.membership)


def test_certificate_is_void_for_another_channel():
    with pytest.raises(VerificationError, match="did not sign"):
        certificate(cast(A), cast(B)).verify(bytes(32), GENESIS.membership)


def test_votes_out_of_order_have_no_form():
    election = certificate(cast(A), cast(B)).to_value()
    with pytest.raises(Malformed, match="out of order"):
        ElectionCertificate.from_value((election[0], election[1], election[2][::-1]))
    with pytest.raises(Malformed, match="out of order"):
        ElectionCertificate.from_value((election[0], election[1], election[2][:1] * 2))


@settings(max_examples=60)
@given(st.integers(0, 10_000), st.integers(0, 7))
def test_certificate_with_a_changed_bit_is_void(place: int, bit: int):
    """Every bit counts (CR-07): a changed certificate elects nobody, or has no form."""
    data = bytearray(codec.encode(certificate(cast(A), cast(B)).to_value()))
    data[place % len(data)] ^= 1 << bit
    try:
        changed = ElectionCertificate.from_value(codec.decode(bytes(data)))
    except Malformed:
        return
    with pytest.raises(VerificationError):
        changed.verify(CHANNEL, GENESIS.membership)
