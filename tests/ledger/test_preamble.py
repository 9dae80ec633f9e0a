"""What a block carries besides transactions, and that its proposer was in office."""

from __future__ import annotations

import dataclasses

import pytest
from elections import elect
from small_chain import NODES, SmallChain, seed_key

from ledger import codec
from ledger.blocks.block import Header
from ledger.blocks.preamble import NOTHING, Preamble, check_office
from ledger.blocks.vote import ElectionCertificate
from ledger.errors import BlockInvalid, Malformed

KEYS = {node: seed_key(node) for node in NODES}
A, B, C = NODES
CHAIN = SmallChain()
PARENT = CHAIN.seal(term=3, proposer=C).header
MEMBERSHIP = CHAIN.genesis.membership
ELECTION = elect(KEYS, CHAIN.channel, PARENT, 5, A, [B])


def header(**changes: object) -> Header:
    return dataclasses.replace(
        PARENT,
        height=2,
        term=5,
        proposer=A,
        previous=PARENT.hash,
        **changes,  # type: ignore[arg-type]
    )


def test_preamble_reads_back():
    for preamble in (NOTHING, Preamble(ELECTION), Preamble(None, MEMBERSHIP), Preamble(ELECTION, MEMBERSHIP)):
        assert Preamble.decode(preamble.encode()) == preamble
    assert NOTHING.encode() == b""


@pytest.mark.parametrize(
    "value", [{}, (), 7, {"election": None}, {"elections": 1}, {"membership": ()}, {"a": 1, "election": 2}]
)
def test_anything_else_is_no_preamble(value: codec.Value):
    with pytest.raises(Malformed):
        Preamble.decode(codec.encode(value))


def test_elected_proposer_is_in_office():
    """CR-11: the first block of a term proves the election that put its proposer into office."""
    check_office(header(), PARENT, ELECTION, MEMBERSHIP)


def test_blocks_within_a_term_carry_no_election_and_keep_the_proposer():
    first = header()
    second = dataclasses.replace(first, height=3, previous=first.hash)
    check_office(second, first, None, MEMBERSHIP)
    with pytest.raises(BlockInvalid, match="does not begin a term"):
        check_office(second, first, ELECTION, MEMBERSHIP)
    with pytest.raises(BlockInvalid, match="another proposer"):
        check_office(dataclasses.replace(second, proposer=B), first, None, MEMBERSHIP)


@pytest.mark.parametrize(
    ("begun", "election", "sentence"),
    [
        (header(), None, "without an election certificate"),
        (dataclasses.replace(header(), term=6), ELECTION, "another term"),
        (dataclasses.replace(header(), proposer=B), ELECTION, "somebody else"),
        (header(), ElectionCertificate.of(5, A, ELECTION.votes[:1]), "too few votes"),
        (header(), elect(KEYS, CHAIN.channel, CHAIN.genesis.block.header, 5, A, [B]), "another place"),
    ],
)
def test_proposer_without_office_is_refused(
    begun: Header, election: ElectionCertificate | None, sentence: str
):
    with pytest.raises(BlockInvalid, match=sentence) as caught:
        check_office(begun, PARENT, election, MEMBERSHIP)
    assert caught.value.code == "no_office"
