"""Receipts: they prove what they say, and no byte of one can change unnoticed."""

import copy
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_chain import GENESIS_MS, NODES, SUPPLIER, SmallChain

from ledger import codec, proof_file
from ledger.blocks.block import APPLIED
from ledger.blocks.transaction import Transaction
from ledger.errors import Malformed, VerificationError
from ledger.proofs.receipt import Receipt
from ledger.proofs.verify import verify_file, verify_receipt

REFUSED = ((0, "already_financed", "an active lien stands on this invoice"),)

CHAIN = SmallChain()
CHAIN.seal([CHAIN.transaction(100)])
BLOCK = CHAIN.seal([CHAIN.transaction(number) for number in range(13)], [*[APPLIED] * 12, REFUSED])
CHAIN.seal(term=2, proposer=NODES[1])
GENESIS = CHAIN.genesis


@given(st.data(), st.sampled_from([None, 3]))
@settings(max_examples=40)
def test_receipt_proves_every_transaction_of_its_run(data, via):
    first = data.draw(st.integers(0, 12))
    count = data.draw(st.integers(1, 13 - first))
    receipt = Receipt.decode(CHAIN.receipt(2, first, count, via).encode())
    outcomes = receipt.verify(GENESIS)
    assert [outcome.transaction.id for outcome in outcomes] == [
        transaction.id for transaction in BLOCK.transactions[first : first + count]
    ]
    assert [outcome.index for outcome in outcomes] == list(range(first, first + count))
    assert {outcome.height for outcome in outcomes} == {2}
    assert {outcome.block_hash for outcome in outcomes} == {BLOCK.hash}
    assert {outcome.time_ms for outcome in outcomes} == {BLOCK.header.time_ms}
    assert [outcome.is_applied for outcome in outcomes] == [outcome.index != 12 for outcome in outcomes]


def test_refusal_is_proved_like_an_application():
    (outcome,) = verify_receipt(CHAIN.receipt(2, 12).encode(), GENESIS)
    assert outcome.result == REFUSED
    assert not outcome.is_applied


@pytest.mark.parametrize(("first", "count", "via"), [(4, 1, None), (11, 2, 3)])
def test_flip_of_any_single_byte_is_refused_with_a_sentence(first, count, via):
    data = CHAIN.receipt(2, first, count, via).encode()
    for position in range(len(data)):
        changed = bytearray(data)
        changed[position] ^= 1 << position % 8
        refused(bytes(changed))


@given(st.data())
@settings(max_examples=200)
def test_any_other_byte_anywhere_a_cut_or_an_addition_is_refused(data):
    encoded = RECEIPT.encode()
    position = data.draw(st.integers(0, len(encoded) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != encoded[position]))
    refused(encoded[:position] + bytes([other]) + encoded[position + 1 :])
    refused(encoded[:position])
    refused(encoded + data.draw(st.binary(min_size=1, max_size=5)))
    refused(encoded[:position] + bytes([other]) + encoded[position:])


def refused(data):
    with pytest.raises((VerificationError, Malformed)) as caught:
        verify_file(data, GENESIS)
    assert len(caught.value.message.split()) >= 2
    assert caught.value.remedy


RECEIPT = CHAIN.receipt(2, 4, 3, 3)
STRANGER = CHAIN.transaction(77)
UNSIGNED = Transaction.from_parts((RECEIPT.transactions[0].body, bytes(64)))
ELSEWHERE = Transaction.sign(
    SUPPLIER,
    channel=b"c" * 32,
    operations=[{"op": "note"}],
    valid_until_ms=GENESIS_MS,
    nonce=bytes(8),
)
WRONG = {
    "another position": (replace(RECEIPT, first=5), "not in the block|path"),
    "outside the block": (replace(RECEIPT, first=11), "outside its tree"),
    "another transaction": (
        replace(RECEIPT, transactions=(STRANGER, *RECEIPT.transactions[1:])),
        "not in the block",
    ),
    "another channel": (
        replace(RECEIPT, transactions=(ELSEWHERE, *RECEIPT.transactions[1:])),
        "another channel",
    ),
    "not signed": (replace(RECEIPT, transactions=(UNSIGNED, *RECEIPT.transactions[1:])), "did not sign"),
    "order changed": (replace(RECEIPT, transactions=RECEIPT.transactions[::-1]), "not in the block"),
    "transaction left out": (replace(RECEIPT, transactions=RECEIPT.transactions[:2]), "not one result"),
    "run shortened": (
        replace(RECEIPT, transactions=RECEIPT.transactions[:2], results=RECEIPT.results[:2]),
        "not in the block|path",
    ),
    "result changed": (
        replace(RECEIPT, results=(REFUSED, *RECEIPT.results[1:])),
        "results are not in the block",
    ),
    "path cut": (replace(RECEIPT, transactions_proof=RECEIPT.transactions_proof[:-1]), "too short"),
    "path too long": (replace(RECEIPT, results_proof=(*RECEIPT.results_proof, bytes(32))), "too long"),
    "proofs exchanged": (
        replace(RECEIPT, transactions_proof=RECEIPT.results_proof, results_proof=RECEIPT.transactions_proof),
        "not in the block",
    ),
    "another block": (replace(RECEIPT, certified=CHAIN.certified(1)), "outside its tree"),
    "not committed": (
        replace(RECEIPT, certified=replace(RECEIPT.certified, certificate=CHAIN.certificate(3, NODES[:1]))),
        "too few",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_receipt_that_proves_nothing_is_refused_with_the_step_that_failed(case):
    receipt, sentence = WRONG[case]
    with pytest.raises(VerificationError, match=sentence):
        receipt.verify(GENESIS)
    with pytest.raises(VerificationError, match=sentence):
        verify_file(receipt.encode(), GENESIS)


def test_known_headers_and_signatures_are_not_checked_again_but_everything_else_is():
    uncertified = replace(
        RECEIPT, certified=replace(RECEIPT.certified, certificate=CHAIN.certificate(3, NODES[:1]))
    )
    with pytest.raises(VerificationError):
        uncertified.verify(GENESIS)
    assert len(uncertified.verify(GENESIS, proved={BLOCK.hash})) == 3
    signed = {transaction.parts for transaction in RECEIPT.transactions}
    assert RECEIPT.verify(GENESIS, signed=signed) == RECEIPT.verify(GENESIS)
    with pytest.raises(VerificationError, match="not in the block"):
        WRONG["another transaction"][0].verify(GENESIS, proved={BLOCK.hash}, signed=signed)
    with pytest.raises(VerificationError, match="did not sign"):
        WRONG["not signed"][0].verify(GENESIS, proved={BLOCK.hash}, signed=signed)


VALUE = codec.decode(RECEIPT.encode())


@pytest.mark.parametrize(
    ("place", "value", "field"),
    [
        (0, "recipe", "kind"),
        (0, "quote", "kind"),
        (1, 2, "receipt.version"),
        (2, -1, "receipt.first"),
        (2, 1_000, "receipt.first"),
        (3, (), "receipt.transactions"),
        (3, VALUE[3][:1] * 501, "receipt.transactions"),
        (3, (b"x",), "envelope"),
        (4, (), "receipt.results"),
        (4, (None,), "receipt.results"),
        (5, (bytes(31),), "receipt.transactions_proof"),
        (5, (bytes(32),) * 97, "receipt.transactions_proof"),
        (6, None, "receipt.results_proof"),
        (7, (), "certified"),
    ],
)
def test_receipt_of_another_form_is_malformed_and_names_the_part(place, value, field):
    changed = list(copy.copy(VALUE))
    changed[place] = value
    with pytest.raises(Malformed) as caught:
        Receipt.decode(codec.encode(tuple(changed)))
    assert caught.value.field == field


@pytest.mark.parametrize("data", [b"", b"\x90", b"\xc0", b"\x92\xa5other\x01", b"\x91\xa7receipt", b"\x80"])
def test_files_that_are_no_proofs_are_malformed(data):
    with pytest.raises(Malformed):
        proof_file.read(data)


@given(st.binary(max_size=100))
def test_arbitrary_bytes_prove_nothing(data):
    with pytest.raises((Malformed, VerificationError)):
        verify_file(data, GENESIS)
