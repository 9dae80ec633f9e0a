"""Evidence files: each kind proves what it says, offline; whatever is off proves nothing (CR-70, CR-74)."""

from __future__ import annotations

import dataclasses

import pytest
from elections import ballot_at
from hypothesis import given, settings
from hypothesis import strategies as st
from small_chain import NODES, SmallChain, seed_key

from ledger import codec, proof_file
from ledger.blocks.certificate import Certificate, CertifiedHeader, sign_ack
from ledger.blocks.vote import Ballot, sign_vote
from ledger.errors import Malformed, VerificationError
from ledger.faults.evidence import GROUNDS, KINDS, Evidence, Proved
from ledger.faults.fault import (
    DeniedAck,
    Fault,
    SignedAck,
    SignedBallot,
    SignedHeader,
    TwoAcks,
    TwoCertificates,
    TwoHeaders,
    TwoVotes,
    denies,
)
from ledger.proofs import verify

A, B, C = NODES
KEYS = {node: seed_key(node) for node in NODES}


def fork() -> tuple[SmallChain, SmallChain]:
    """Two chains that share their genesis block and differ from height 1 on, in one term."""
    one, other = SmallChain(), SmallChain()
    for number, chain in enumerate((one, other)):
        chain.seal([chain.transaction(number)], term=3)
    return one, other


ONE, OTHER = fork()
GENESIS = ONE.genesis
CHANNEL = GENESIS.channel
FIRST, SECOND = ONE.blocks[1], OTHER.blocks[1]


def ack(node: str, term: int, height: int, block_hash: bytes) -> SignedAck:
    return SignedAck(term, height, block_hash, sign_ack(KEYS[node], CHANNEL, term, height, block_hash))


def vote(node: str, ballot: Ballot) -> SignedBallot:
    return SignedBallot(ballot, sign_vote(KEYS[node], CHANNEL, ballot))


def certified(chain: SmallChain, signers: tuple[str, ...]) -> CertifiedHeader:
    return CertifiedHeader(chain.blocks[1].header, None, chain.certificate(1, signers))


def headers() -> TwoHeaders:
    return TwoHeaders.of(
        SignedHeader(FIRST.header, FIRST.signature), SignedHeader(SECOND.header, SECOND.signature)
    )


def acks() -> TwoAcks:
    return TwoAcks.of(ack(B, 3, 1, FIRST.hash), ack(B, 3, 1, SECOND.hash))


def denial() -> DeniedAck:
    return DeniedAck(ack(B, 3, 1, FIRST.hash), vote(B, ballot_at(GENESIS.block.header, 4, C)))


def votes() -> TwoVotes:
    ballot = ballot_at(FIRST.header, 5, A)
    return TwoVotes.of(vote(B, ballot), vote(B, dataclasses.replace(ballot, candidate=C)))


def certificates() -> TwoCertificates:
    return TwoCertificates.of(certified(ONE, (A, B)), certified(OTHER, (B, C)))


CASES = [(A, headers()), (B, acks()), (B, denial()), (B, votes()), ("", certificates())]


def refused(node: str, fault: Fault) -> VerificationError:
    with pytest.raises(VerificationError) as caught:
        Evidence(node, fault).verify(GENESIS)
    return caught.value


def test_every_kind_has_its_grounds():
    """The table says for each kind why it proves, what looks alike, and which requirements it serves."""
    assert set(GROUNDS) == set(KINDS) == {fault.kind for _, fault in CASES} | {"wrong_block"}
    for grounds in GROUNDS.values():
        assert grounds.statements
        assert grounds.honest
        assert grounds.alike
        assert grounds.requirements


@pytest.mark.parametrize(("node", "fault"), CASES, ids=lambda value: getattr(value, "kind", ""))
def test_file_proves_its_fault_offline_and_names_one_node(node: str, fault: Fault):
    data = Evidence(node, fault).encode()
    assert proof_file.read(data)[0] == "evidence"
    read = Evidence.decode(data)
    assert read.encode() == data
    proved = read.verify(GENESIS)
    assert proved == verify.verify_file(data, GENESIS)
    assert (proved.kind, proved.nodes) == (fault.kind, (node or B,))
    assert proved.nodes[0] in proved.says
    assert Evidence.decode(data).id == read.id


@pytest.mark.parametrize(("node", "fault"), CASES, ids=lambda value: getattr(value, "kind", ""))
def test_nobody_else_can_be_accused_with_it(node: str, fault: Fault):
    for other in (*NODES, "node-x", ""):
        if other != node:
            assert refused(other, fault).code in ("not_guilty", "unknown_node")


@pytest.mark.parametrize(("node", "fault"), CASES, ids=lambda value: getattr(value, "kind", ""))
def test_every_changed_byte_proves_nothing_or_still_names_the_same(node: str, fault: Fault):
    data = Evidence(node, fault).encode()
    guilty = Evidence(node, fault).verify(GENESIS).nodes
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 1 << place % 8
        try:
            proved = Evidence.decode(bytes(changed)).verify(GENESIS)
        except (Malformed, VerificationError):
            continue
        else:
            assert proved.nodes == guilty


@settings(max_examples=60)
@given(st.binary(max_size=200))
def test_noise_is_no_evidence(data: bytes):
    with pytest.raises((Malformed, VerificationError)):
        Evidence.decode(data).verify(GENESIS)


def test_unknown_kind_is_told_apart():
    data = codec.encode(("evidence", 1, "three_headers", A, ()))
    with pytest.raises(VerificationError) as caught:
        Evidence.decode(data)
    assert caught.value.code == "unknown_evidence"


@pytest.mark.parametrize("kind", KINDS)
def test_body_of_no_form_is_malformed(kind: str):
    for body in ((), 7, ((), ()), (b"", b"", None, None), ((1, 2, 3, 4), (1, 2, 3, 4))):
        with pytest.raises(Malformed):
            Evidence.decode(codec.encode(("evidence", 1, kind, A, body)))


def test_two_headers_must_be_two_of_one_term_and_height_signed_by_one_leader():
    first = SignedHeader(FIRST.header, FIRST.signature)
    assert "ascending" in str(refused(A, TwoHeaders(first, first)))
    pair = headers()
    assert "ascending" in str(refused(A, TwoHeaders(pair.second, pair.first)))
    forged = dataclasses.replace(pair.second, signature=bytes(64))
    assert "did not sign" in str(refused(A, TwoHeaders(pair.first, forged)))
    later = SmallChain().seal(term=4)
    lawful = TwoHeaders.of(first, SignedHeader(later.header, later.signature))
    assert "two terms" in str(refused(A, lawful)), "a later term may overwrite what is not committed"


def test_acks_of_one_height_in_two_terms_are_honest():
    """CR-70: Raft lawfully overwrites uncommitted blocks in a later term."""
    assert "contradict nothing" in str(refused(B, TwoAcks(*sorted_acks(3, 4))))
    assert "did not sign" in str(refused(C, acks()))


def sorted_acks(first_term: int, second_term: int) -> tuple[SignedAck, SignedAck]:
    pair = TwoAcks.of(ack(B, first_term, 1, FIRST.hash), ack(B, second_term, 1, SECOND.hash))
    return pair.first, pair.second


@pytest.mark.parametrize(
    ("accepted", "last_term", "last_height", "other_block", "is_denial"),
    [
        (2, 2, 9, False, True),  # followed nobody since before it acknowledged
        (3, 3, 4, False, True),  # ends before it
        (3, 3, 5, True, True),  # another block in its place
        (3, 2, 7, False, True),  # followed the same leader, whose blocks are gone
        (3, 3, 5, False, False),  # exactly there
        (3, 3, 8, True, False),  # further
        (4, 3, 5, False, False),  # a later leader, nothing cut
        (4, 2, 1, True, False),  # a later leader cut the log
        (4, 4, 2, True, False),  # and wrote anew
    ],
)
def test_denial_is_measured_by_the_last_leader_followed(
    accepted: int, last_term: int, last_height: int, other_block: bool, is_denial: bool
):
    """CR-70: a ballot denies an acknowledgement of term 3, height 5 only if no later leader explains it."""
    given = ack(B, 3, 5, FIRST.hash)
    last_hash = SECOND.hash if other_block else FIRST.hash
    ballot = Ballot(6, C, accepted, last_term, last_height, last_hash)
    assert denies(ballot, given) == is_denial
    fault = DeniedAck(given, vote(B, ballot))
    if is_denial:
        assert Evidence(B, fault).verify(GENESIS).nodes == (B,)
    else:
        assert "does not deny" in str(refused(B, fault))


@pytest.mark.parametrize("term", [1, 2, 3])
def test_votes_of_the_acknowledging_term_or_before_deny_nothing(term: int):
    ballot = Ballot(term, C, 0, 0, 0, GENESIS.block.hash)
    assert not denies(ballot, ack(B, 3, 5, FIRST.hash))


def test_same_candidate_may_be_granted_again_from_another_position():
    """CR-03."""
    ballot = ballot_at(FIRST.header, 5, A)
    again = dataclasses.replace(ballot, last_height=2)
    assert "two candidates" in str(refused(B, TwoVotes(vote(B, ballot), vote(B, again))))
    later = dataclasses.replace(ballot, term=6, candidate=C)
    assert "two terms" in str(refused(B, TwoVotes(vote(B, ballot), vote(B, later))))


def test_two_certificates_name_who_signed_both_in_one_term_only():
    """CR-74: the quorum rule is broken; acknowledgements of different terms alone accuse nobody."""
    assert Evidence("", certificates()).verify(GENESIS) == Proved(
        "two_certificates", (B,), 3, 1, Evidence("", certificates()).verify(GENESIS).says
    )
    later = SmallChain()
    later.seal(term=4)
    in_two_terms = TwoCertificates.of(certified(ONE, (A, B)), certified(later, (B, C)))
    assert Evidence("", in_two_terms).verify(GENESIS).nodes == ()
    same = TwoCertificates.of(certified(ONE, (A, B)), certified(ONE, (B, C)))
    assert "ascending" in str(refused("", same))
    void = Certificate.of(3, 1, SECOND.hash, [(B, ack(B, 3, 1, SECOND.hash).signature)])
    few = TwoCertificates.of(certified(ONE, (A, B)), CertifiedHeader(SECOND.header, None, void))
    assert "too few" in str(refused("", few))
