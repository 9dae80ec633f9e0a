"""Blocks: header and body fit, or the block is refused with the part that does not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_chain import NODES, SmallChain, seed_key

from ledger import codec, merkle
from ledger.blocks.block import (
    APPLIED,
    Block,
    Header,
    check_result,
    preamble_hash,
    result_leaf,
    transaction_leaf,
    verify_header_signature,
)
from ledger.errors import BlockInvalid, Malformed, NonCanonical, TooLarge
from ledger.hashing import EMPTY_TREE, HEADER, PREAMBLE, ZERO, digest
from ledger.limits import MAX_BLOCK_BYTES, MAX_BLOCK_OPERATIONS, MAX_BLOCK_TRANSACTIONS

REFUSED = ((0, "already_financed", "an active lien stands on this invoice"),)

CHAIN = SmallChain()
BLOCK = CHAIN.seal([CHAIN.transaction(number) for number in range(5)], [APPLIED, REFUSED, (), (), REFUSED])
HEADER_FIELDS = [
    "version",
    "channel",
    "height",
    "term",
    "previous",
    "time_ms",
    "proposer",
    "preamble",
    "transaction_count",
    "transactions_root",
    "results_root",
    "state_root",
    "history_root",
    "membership",
    "contract_version",
]


def assembled(transactions=(), results=None, preamble=b""):
    return Block.assemble(
        key=seed_key(NODES[0]),
        channel=CHAIN.channel,
        height=1,
        term=1,
        previous=ZERO,
        time_ms=1,
        proposer=NODES[0],
        transactions=transactions,
        results=[()] * len(transactions) if results is None else results,
        state_root=ZERO,
        history_root=ZERO,
        membership=ZERO,
        contract_version=1,
        preamble=preamble,
    )


@pytest.mark.parametrize("preamble", [b"", b"election certificate"])
@pytest.mark.parametrize("count", [0, 1, 2, 3, 8, 33])
def test_block_survives_its_bytes(count, preamble):
    made = assembled([CHAIN.transaction(number) for number in range(count)], preamble=preamble)
    read = Block.decode(made.data)
    assert read.header == made.header
    assert read.hash == made.header.hash == digest(HEADER, made.header.data)
    assert [t.id for t in read.transactions] == [t.id for t in made.transactions]
    assert (read.results, read.preamble, read.signature) == (made.results, preamble, made.signature)
    assert read.transaction_levels() == made.transaction_levels()
    assert read.result_levels() == made.result_levels()


def test_roots_are_those_of_the_documented_leaves():
    leaves = [merkle.leaf_hash(t.id + t.signature) for t in BLOCK.transactions]
    assert leaves == [transaction_leaf(t) for t in BLOCK.transactions]
    assert BLOCK.header.transactions_root == merkle.root(leaves)
    leaves = [merkle.leaf_hash(codec.encode(result)) for result in BLOCK.results]
    assert leaves == [result_leaf(result) for result in BLOCK.results]
    assert BLOCK.header.results_root == merkle.root(leaves)
    assert assembled().header.transactions_root == EMPTY_TREE
    assert preamble_hash(b"") == ZERO
    assert preamble_hash(b"x") == digest(PREAMBLE, b"x")


def test_header_lists_its_fields_in_the_documented_order():
    values = codec.decode(BLOCK.header.data)
    assert values[0] == 1
    assert values[1:] == tuple(getattr(BLOCK.header, name) for name in HEADER_FIELDS[1:])


def with_part(place, value):
    parts = list(codec.decode(BLOCK.data))
    parts[place] = value
    return codec.encode(tuple(parts))


def with_header(**changed):
    fields = dict(zip(HEADER_FIELDS, codec.decode(BLOCK.header.data), strict=True)) | changed
    return with_part(0, codec.encode(tuple(fields.values())))


@pytest.mark.parametrize(
    ("changed", "error", "field"),
    [
        ({"version": 2}, Malformed, "header.version"),
        ({"channel": b"c" * 31}, Malformed, "header.channel"),
        ({"height": -1}, Malformed, "header.height"),
        ({"height": "1"}, Malformed, "header.height"),
        ({"term": -1}, Malformed, "header.term"),
        ({"previous": None}, Malformed, "header.previous"),
        ({"time_ms": -1}, Malformed, "header.time_ms"),
        ({"proposer": b"node-a"}, Malformed, "header.proposer"),
        ({"proposer": "n" * 65}, Malformed, "header.proposer"),
        ({"preamble": b"p" * 32}, BlockInvalid, "header.preamble"),
        ({"preamble": b""}, Malformed, "header.preamble"),
        ({"transaction_count": 4}, BlockInvalid, "header.transaction_count"),
        ({"transaction_count": MAX_BLOCK_TRANSACTIONS + 1}, Malformed, "header.transaction_count"),
        ({"transactions_root": b"r" * 32}, BlockInvalid, "header.transactions_root"),
        ({"results_root": b"r" * 32}, BlockInvalid, "header.results_root"),
        ({"state_root": b"r" * 33}, Malformed, "header.state_root"),
        ({"history_root": "r" * 32}, Malformed, "header.history_root"),
        ({"membership": b""}, Malformed, "header.membership"),
        ({"contract_version": 0}, Malformed, "header.contract_version"),
    ],
    ids=str,
)
def test_damaged_header_field_is_refused_and_named(changed, error, field):
    with pytest.raises(error) as caught:
        Block.decode(with_header(**changed))
    assert caught.value.field == field


@pytest.mark.parametrize("name", ["channel", "previous", "state_root", "history_root", "membership"])
def test_header_field_that_the_body_cannot_check_breaks_the_signature(name):
    block = Block.decode(with_header(**{name: b"x" * 32}))
    with pytest.raises(BlockInvalid, match="not signed by its proposer"):
        verify_header_signature(block.header, block.signature, CHAIN.genesis.membership)


BODIES = [transaction.parts for transaction in BLOCK.transactions]


@pytest.mark.parametrize(
    ("place", "value", "error", "field"),
    [
        (0, BLOCK.header.data[:-1], Malformed, None),
        (0, bytes(2_000), Malformed, "header"),
        (1, bytes(63), Malformed, "block.signature"),
        (2, b"preamble", BlockInvalid, "header.preamble"),
        (2, "preamble", Malformed, "block.preamble"),
        (3, BODIES[:4], BlockInvalid, "header.transaction_count"),
        (3, [*BODIES[:4], BODIES[0]], BlockInvalid, "header.transactions_root"),
        (3, [BODIES[1], BODIES[0], *BODIES[2:]], BlockInvalid, "header.transactions_root"),
        (3, [(BODIES[0][0], bytes(64)), *BODIES[1:]], BlockInvalid, "header.transactions_root"),
        (3, [b"body", *BODIES[1:]], Malformed, "envelope"),
        (3, None, Malformed, "block.transactions"),
        (4, [(), REFUSED, (), ()], BlockInvalid, "header.transaction_count"),
        (4, [(), (), (), (), REFUSED], BlockInvalid, "header.results_root"),
        (4, [(), REFUSED, (), (), ((0, "code"),)], Malformed, "block.results[4]"),
        (4, [(), REFUSED, (), (), None], Malformed, "block.results[4]"),
    ],
)
def test_damaged_body_is_refused_and_named(place, value, error, field):
    with pytest.raises(error) as caught:
        Block.decode(with_part(place, value))
    if field is not None:
        assert caught.value.field == field


@given(st.data())
@settings(max_examples=250)
def test_no_changed_byte_of_a_block_passes_as_a_signed_block(data):
    changed = bytearray(BLOCK.data)
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises((Malformed, BlockInvalid)):
        checked(bytes(changed))


def checked(data):
    block = Block.decode(data)
    verify_header_signature(block.header, block.signature, CHAIN.genesis.membership)


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_never_a_block(data):
    with pytest.raises((Malformed, BlockInvalid)):
        Block.decode(data)
    with pytest.raises(Malformed):
        Header.decode(data)


def test_header_in_a_second_spelling_is_refused():
    data = BLOCK.header.data
    assert data[:2] == b"\x9f\x01"
    with pytest.raises(NonCanonical):
        Header.decode(b"\x9f\xcc" + data[1:])


def test_header_of_a_stranger_is_refused():
    with pytest.raises(BlockInvalid, match="not a voter"):
        verify_header_signature(
            CHAIN.genesis.block.header, CHAIN.genesis.block.signature, CHAIN.genesis.membership
        )
    verify_header_signature(BLOCK.header, BLOCK.signature, CHAIN.genesis.membership)


def test_block_is_bounded_in_transactions_operations_and_bytes():
    one = CHAIN.transaction()
    assert assembled([one] * MAX_BLOCK_TRANSACTIONS).header.transaction_count == MAX_BLOCK_TRANSACTIONS
    with pytest.raises(TooLarge, match="transactions"):
        assembled([one] * (MAX_BLOCK_TRANSACTIONS + 1))
    many = one._replace(operations=one.operations * 250)
    with pytest.raises(TooLarge, match="operations"):
        assembled([many] * (MAX_BLOCK_OPERATIONS // 250 + 1))
    heavy = CHAIN.transaction(1, a=b"x" * 16_000, b=b"x" * 16_000, c=b"x" * 16_000)
    with pytest.raises(TooLarge, match="block too large"):
        assembled([heavy] * (MAX_BLOCK_BYTES // 48_000 + 1))
    with pytest.raises(TooLarge):
        Block.decode(bytes(MAX_BLOCK_BYTES + 1))


@pytest.mark.parametrize("result", [APPLIED, REFUSED, ((0, "a", ""), (3, "b", "detail"))], ids=str)
def test_results_of_the_documented_form_pass(result):
    check_result(result)


@pytest.mark.parametrize(
    "result",
    [
        None,
        False,
        [],
        {},
        ((0, "a"),),
        ((-1, "a", ""),),
        ((0, "", ""),),
        ((0, "a", None),),
        ((1, "a", ""), (1, "a", "")),
    ],
    ids=str,
)
def test_other_results_are_malformed(result):
    with pytest.raises(Malformed):
        check_result(result)
