"""Certificates (CR-68, CR-71, CR-73): what proves a commit, and everything that does not."""

from dataclasses import replace

import pytest
from small_chain import NODES, SmallChain, seed_key

from ledger import codec, keys
from ledger.blocks.certificate import (
    Certificate,
    CertifiedHeader,
    HistoryLink,
    ack_bytes,
    sign_ack,
    verify_ack,
)
from ledger.errors import Malformed, VerificationError

CHAIN = SmallChain()
for term in (1, 1, 2, 2, 2):
    CHAIN.seal([CHAIN.transaction(len(CHAIN.blocks))], term=term)
GENESIS = CHAIN.genesis
MEMBERSHIP = GENESIS.membership
GOOD = CHAIN.certificate(3)


def test_quorum_of_acknowledgements_proves_the_commit():
    GOOD.verify(CHAIN.channel, MEMBERSHIP)
    CHAIN.certificate(3, NODES).verify(CHAIN.channel, MEMBERSHIP)
    assert Certificate.from_value(codec.decode(codec.encode(GOOD.to_value()))) == GOOD
    assert Certificate.of(GOOD.term, 3, GOOD.block_hash, reversed(GOOD.acks)) == GOOD


def test_acknowledgement_is_for_one_channel_term_height_and_block():
    """CR-68."""
    key = seed_key("node-a")
    arguments = (CHAIN.channel, 2, 3, b"h" * 32)
    signature = sign_ack(key, *arguments)
    assert verify_ack(key.public, *arguments, signature)
    others = [(b"c" * 32, 2, 3, b"h" * 32), (CHAIN.channel, 1, 3, b"h" * 32)]
    others += [(CHAIN.channel, 2, 4, b"h" * 32), (CHAIN.channel, 2, 3, b"i" * 32)]
    for other in others:
        assert not verify_ack(key.public, *other, signature)
        assert ack_bytes(*other) != ack_bytes(*arguments)
    assert not keys.verify(key.public, keys.HEADER_DOMAIN, ack_bytes(*arguments), signature)


BAD = {
    "too few": (replace(GOOD, acks=GOOD.acks[:1]), "too few"),
    "nobody": (replace(GOOD, acks=()), "too few"),
    "one node twice": (replace(GOOD, acks=(GOOD.acks[0], GOOD.acks[0])), "twice"),
    "a stranger": (replace(GOOD, acks=(*GOOD.acks, ("node-x", GOOD.acks[0][1]))), "no voter"),
    "another's signature": (replace(GOOD, acks=(GOOD.acks[0], ("node-c", GOOD.acks[1][1]))), "did not sign"),
    "a bad one beside a quorum": (replace(GOOD, acks=(*GOOD.acks, ("node-c", bytes(64)))), "did not sign"),
    "another term": (replace(GOOD, term=1), "did not sign"),
    "another height": (replace(GOOD, height=4), "did not sign"),
    "another block": (replace(GOOD, block_hash=b"h" * 32), "did not sign"),
}


@pytest.mark.parametrize("case", BAD)
def test_certificate_with_one_failing_acknowledgement_is_void(case):
    """CR-71."""
    certificate, sentence = BAD[case]
    with pytest.raises(VerificationError, match=sentence) as caught:
        certificate.verify(CHAIN.channel, MEMBERSHIP)
    assert caught.value.remedy


def test_certificate_of_another_channel_is_void():
    with pytest.raises(VerificationError, match="did not sign"):
        GOOD.verify(b"c" * 32, MEMBERSHIP)


VALUE = GOOD.to_value()


@pytest.mark.parametrize(
    "value",
    [
        (),
        (-1, *VALUE[1:]),
        ("2", *VALUE[1:]),
        (2, 0, *VALUE[2:]),
        (2, 3, b"short", VALUE[3]),
        (*VALUE[:3], ()),
        (*VALUE[:3], VALUE[3][::-1]),
        (*VALUE[:3], (VALUE[3][0], VALUE[3][0])),
        (*VALUE[:3], (("node-a", bytes(63)),)),
        (*VALUE[:3], (("Node A", bytes(64)),)),
        (*VALUE[:3], tuple((f"n{i:03}", bytes(64)) for i in range(65))),
    ],
)
def test_certificate_of_another_form_is_malformed(value):
    with pytest.raises(Malformed) as caught:
        Certificate.from_value(value)
    assert caught.value.field.startswith("certificate")


@pytest.mark.parametrize(("height", "via"), [(3, None), (3, 4), (3, 5), (1, 3), (1, 2), (0, 5), (0, 1)])
def test_block_is_proved_by_its_own_certificate_or_a_later_blocks(height, via):
    """CR-73: blocks of term 1 by a certificate of term 2."""
    certified = CHAIN.certified(height, via)
    assert CertifiedHeader.from_value(codec.decode(codec.encode(certified.to_value()))) == certified
    assert certified.verify(GENESIS) == CHAIN.blocks[height].header


LINKED = CHAIN.certified(2, 4)
OTHER_CHANNEL = replace(LINKED.via.header, channel=b"c" * 32)
OTHER_MEMBERSHIP = replace(LINKED.via.header, membership=b"m" * 32)
WRONG = {
    "certificate of another block": (replace(LINKED, certificate=CHAIN.certificate(5)), "another block"),
    "own certificate beside a link": (replace(LINKED, certificate=CHAIN.certificate(2)), "another block"),
    "certificate in another term": (
        replace(LINKED, certificate=replace(LINKED.certificate, term=9)),
        "another term or height",
    ),
    "void certificate": (
        replace(LINKED, certificate=replace(LINKED.certificate, acks=LINKED.certificate.acks[:1])),
        "too few",
    ),
    "path cut": (replace(LINKED, via=replace(LINKED.via, path=LINKED.via.path[:-1])), "too short"),
    "path too long": (
        replace(LINKED, via=replace(LINKED.via, path=(*LINKED.via.path, bytes(32)))),
        "too long",
    ),
    "path of another block": (
        replace(LINKED, via=replace(LINKED.via, path=CHAIN.certified(1, 4).via.path)),
        "does not lead to the root",
    ),
    "header of another block": (replace(LINKED, header=CHAIN.blocks[1].header), "does not lead to the root"),
    "link to itself": (
        CertifiedHeader(LINKED.via.header, LINKED.via, LINKED.certificate),
        "not a later one",
    ),
    "link backwards": (
        CertifiedHeader(CHAIN.blocks[5].header, LINKED.via, LINKED.certificate),
        "not a later one",
    ),
    "another channel": (replace(LINKED, via=replace(LINKED.via, header=OTHER_CHANNEL)), "another channel"),
    "another membership": (
        replace(LINKED, via=replace(LINKED.via, header=OTHER_MEMBERSHIP)),
        "membership that we do not know",
    ),
    "genesis itself": (
        CertifiedHeader(GENESIS.block.header, None, CHAIN.certificate(1)),
        "another channel",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_certified_header_that_proves_nothing_is_refused_with_a_sentence(case):
    certified, sentence = WRONG[case]
    with pytest.raises(VerificationError, match=sentence):
        certified.verify(GENESIS)


def test_certified_header_is_worth_nothing_under_another_genesis():
    other = SmallChain()
    changed = replace(other.genesis, channel=b"c" * 32)
    with pytest.raises(VerificationError, match="another channel"):
        CHAIN.certified(3).verify(changed)


@pytest.mark.parametrize(
    "value",
    [(), (b"", None), (b"\x90", None, VALUE), (CHAIN.blocks[1].header.data, (), VALUE), (None, None, VALUE)],
)
def test_certified_header_of_another_form_is_malformed(value):
    with pytest.raises(Malformed):
        CertifiedHeader.from_value(value)


def test_link_with_an_absurd_path_is_malformed():
    value = (LINKED.header.data, ((bytes(32),) * 49, LINKED.via.header.data), VALUE)
    with pytest.raises(Malformed) as caught:
        CertifiedHeader.from_value(value)
    assert caught.value.field == "certified.link.path"
    assert isinstance(LINKED.via, HistoryLink)
