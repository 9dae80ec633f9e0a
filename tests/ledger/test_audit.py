"""The audit of a chain: every link, signature, window and certificate is checked, block by block."""

from dataclasses import replace

import pytest
from small_chain import GENESIS_MS, NODES, SUPPLIER, SmallChain, seed_key

from ledger.blocks.block import Block
from ledger.blocks.transaction import Transaction
from ledger.errors import VerificationError
from ledger.limits import MAX_VALIDITY_MS
from ledger.merkle import Accumulator
from ledger.proofs.audit import ChainAudit

CHAIN = SmallChain()
for number in range(6):
    CHAIN.seal([CHAIN.transaction(number)], term=1 + number // 3, proposer=NODES[number // 3])


def audited(upto):
    audit = ChainAudit(CHAIN.genesis)
    for block in CHAIN.blocks[1 : upto + 1]:
        audit.take(Block.decode(block.data))
    return audit


def test_sound_chain_passes_and_certificates_raise_what_is_proved():
    audit = ChainAudit(CHAIN.genesis)
    for height, block in enumerate(CHAIN.blocks[1:], 1):
        audit.take(block, CHAIN.certificate(height) if height in (2, 5) else None)
        assert audit.certified == (0, 0, 2, 2, 2, 5, 5)[height]
    assert audit.head == CHAIN.blocks[-1].header
    assert audit.transactions == 6


def forged(key=None, **changed):
    """The block at height 3 with other parts, soundly signed by its proposer."""
    block = CHAIN.blocks[3]
    header = block.header
    accumulator = Accumulator()
    for before in CHAIN.blocks[:3]:
        accumulator.append(before.header.leaf)
    parts = {
        "key": key or seed_key(NODES[0]),
        "channel": header.channel,
        "height": 3,
        "term": 1,
        "previous": header.previous,
        "time_ms": header.time_ms,
        "proposer": NODES[0],
        "transactions": block.transactions,
        "state_root": header.state_root,
        "history_root": accumulator.root(),
        "membership": header.membership,
        "contract_version": 1,
        "preamble": block.preamble,
    } | changed
    return Block.assemble(results=[()] * len(parts["transactions"]), **parts)


def transaction(valid_until_ms=GENESIS_MS + 60_000, channel=None):
    return Transaction.sign(
        SUPPLIER,
        channel=channel or CHAIN.channel,
        operations=[{"op": "note"}],
        valid_until_ms=valid_until_ms,
        nonce=b"audit...",
    )


TIME = CHAIN.blocks[3].header.time_ms
ONE = transaction()
WRONG = {
    "a block left out": (CHAIN.blocks[4], "missing or out of order"),
    "a block again": (CHAIN.blocks[2], "missing or out of order"),
    "another block before": (forged(previous=b"p" * 32), "does not follow"),
    "another channel": (forged(channel=b"c" * 32), "another channel"),
    "another membership": (forged(membership=b"m" * 32), "membership that we do not know"),
    "term backwards": (forged(term=0), "term runs backwards"),
    "time backwards": (forged(time_ms=TIME - 11), "time runs backwards"),
    "another past": (forged(history_root=b"h" * 32), "history root"),
    "a stranger": (forged(proposer="node-x"), "not a voter"),
    "another leader": (forged(key=seed_key(NODES[1]), proposer=NODES[1]), "another proposer"),
    "a term without an election": (forged(term=2), "without an election"),
    "another's key": (forged(key=seed_key(NODES[1])), "not signed by its proposer"),
    "transaction of another channel": (
        forged(transactions=[transaction(channel=b"c" * 32)]),
        "another channel",
    ),
    "transaction too late": (forged(transactions=[transaction(TIME - 1)]), "validity window"),
    "transaction too early": (
        forged(transactions=[transaction(TIME + MAX_VALIDITY_MS + 1)]),
        "validity window",
    ),
    "transaction twice in a block": (forged(transactions=[ONE, ONE]), "on the ledger twice"),
    "transaction of an earlier block": (
        forged(transactions=CHAIN.blocks[1].transactions),
        "on the ledger twice",
    ),
    "transaction not signed": (
        forged(transactions=[Transaction.from_parts((ONE.body, bytes(64)))]),
        "did not sign",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_unsound_block_stops_the_audit_with_its_reason_and_changes_nothing(case):
    block, sentence = WRONG[case]
    audit = audited(2)
    with pytest.raises(VerificationError, match=sentence):
        audit.take(block)
    assert audit.head == CHAIN.blocks[2].header
    audit.take(CHAIN.blocks[3])


@pytest.mark.parametrize("until", [TIME, TIME + MAX_VALIDITY_MS])
def test_validity_window_includes_both_ends(until):
    audited(2).take(forged(transactions=[transaction(until)]))


def test_certificate_must_be_the_blocks_own():
    certificate = CHAIN.certificate(3)
    for wrong, sentence in (
        (CHAIN.certificate(2), "another block"),
        (replace(certificate, term=2), "another block"),
        (replace(certificate, acks=certificate.acks[:1]), "too few"),
    ):
        audit = audited(2)
        with pytest.raises(VerificationError, match=sentence):
            audit.take(CHAIN.blocks[3], wrong)
        assert audit.certified == 0
        audit.take(CHAIN.blocks[3], certificate)
        assert audit.certified == 3
