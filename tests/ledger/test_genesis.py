"""Genesis: the document's checks, and the block from which a channel has its id."""

import copy

import pytest
from small_chain import document, seed_key

from ledger import codec
from ledger.blocks.block import Block
from ledger.blocks.genesis import Genesis, genesis_block, read_genesis
from ledger.errors import BlockInvalid, Malformed, TallyError, TooLarge, VerificationError
from ledger.hashing import ZERO
from ledger.limits import MAX_GENESIS_BYTES
from ledger.proofs.verify import trust

STATE_ROOT = b"r" * 32


def test_document_survives_the_genesis_block():
    genesis = Genesis.from_document(document())
    block = genesis_block(genesis, STATE_ROOT)
    read = read_genesis(block.data)
    assert read.genesis == genesis
    assert read.channel == block.header.hash
    assert read.membership == genesis.membership
    assert read.block.header.state_root == STATE_ROOT
    assert (block.header.channel, block.header.previous, block.header.height) == (ZERO, ZERO, 0)
    assert Genesis.from_document(genesis.document()) == genesis


def test_order_of_lists_in_a_document_does_not_change_the_channel():
    shuffled = document()
    for name in ("nodes", "organisations"):
        shuffled[name] = shuffled[name][::-1]
    for organisation in shuffled["organisations"]:
        organisation["roles"] = organisation["roles"][::-1]
    first, second = (genesis_block(Genesis.from_document(d), ZERO) for d in (document(), shuffled))
    assert first.data == second.data


def test_organisation_is_found_by_its_id():
    genesis = Genesis.from_document(document())
    assert genesis.organisation("bank").roles == ("lender", "operator")
    assert genesis.organisation("nobody") is None


WRONG = [
    (("version",), 2),
    (("name",), ""),
    (("name",), "n" * 257),
    (("time_ms",), 0),
    (("time_ms",), "now"),
    (("contract_version",), 0),
    (("quorum",), 1),
    (("quorum",), 4),
    (("nodes",), []),
    (("nodes", 0, "id"), "node b"),
    (("nodes", 0, "id"), "node-b"),
    (("nodes", 0, "organisation"), "nobody"),
    (("nodes", 0, "key"), b"short"),
    (("nodes", 0, "key"), seed_key("node-b").public),
    (("nodes", 0, "certificate"), "pem"),
    (("organisations",), []),
    (("organisations", 0, "id"), "bank"),
    (("organisations", 0, "id"), "../etc"),
    (("organisations", 0, "name"), ""),
    (("organisations", 0, "lei"), "5493001KJTIIGC8Y1R13"),
    (("organisations", 0, "roles"), ["a", "a"]),
    (("organisations", 0, "roles"), [1]),
    (("organisations", 0, "identifiers"), [["VAT"]]),
    (("organisations", 0, "identifiers"), [["VAT", ""]]),
    (("organisations", 0, "identifiers"), [["VAT", "X"], ["VAT", "X"]]),
    (("organisations", 0, "keys", 0, "key"), seed_key("bank clerk").public),
    (("organisations", 0, "keys", 0, "key"), b"short"),
    (("organisations", 0, "keys", 0, "name"), None),
    (("organisations", 0, "keys", 0, "enrolled_by"), "nobody"),
    (("parameters",), [["a", 1]]),
    (("parameters",), {"a": b"bytes"}),
    (("parameters",), {"a": None}),
    (("parameters",), {"": 1}),
]


@pytest.mark.parametrize(("path", "value"), WRONG, ids=str)
def test_wrong_entry_of_a_document_is_malformed(path, value):
    changed = copy.deepcopy(document())
    place = changed
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(Malformed) as caught:
        Genesis.from_document(changed)
    assert caught.value.field


@pytest.mark.parametrize(
    "path", [("name",), ("nodes", 0, "key"), ("organisations", 0, "keys", 0, "name")], ids=str
)
def test_missing_and_unknown_fields_are_malformed(path):
    missing, surplus = document(), document()
    for changed, act in ((missing, lambda d: d.pop(path[-1])), (surplus, lambda d: d.update(colour="red"))):
        place = changed
        for step in path[:-1]:
            place = place[step]
        act(place)
        with pytest.raises(Malformed) as caught:
            Genesis.from_document(changed)
        assert ("missing" if changed is missing else "unknown") in str(caught.value)


def test_organisation_listed_twice_is_malformed():
    changed = document()
    changed["organisations"].append(changed["organisations"][0] | {"keys": []})
    with pytest.raises(Malformed, match="organisation listed twice"):
        Genesis.from_document(changed)


def test_document_beyond_its_bound_is_too_large():
    with pytest.raises(TooLarge):
        Genesis.from_document(document() | {"name": "n" * MAX_GENESIS_BYTES})


def test_lei_with_good_check_digits_is_taken():
    changed = document()
    changed["organisations"][0]["lei"] = "5493001KJTIIGC8Y1R12"
    assert Genesis.from_document(changed).organisation("acme").lei == "5493001KJTIIGC8Y1R12"


def test_no_byte_of_a_genesis_file_can_change_without_changing_the_channel_or_being_refused():
    data = genesis_block(Genesis.from_document(document()), STATE_ROOT).data
    channel = read_genesis(data).channel
    for position in range(len(data)):
        changed = bytearray(data)
        changed[position] ^= 1
        with pytest.raises(VerificationError) as caught:
            trust(bytes(changed), channel)
        assert caught.value.message
    assert trust(data, channel).channel == channel
    assert trust(data).channel == channel


def test_genesis_block_carries_no_signature_and_nothing_but_its_document():
    block = genesis_block(Genesis.from_document(document()), STATE_ROOT)
    parts = list(codec.decode(block.data))
    parts[1] = b"s" * 64
    with pytest.raises(BlockInvalid, match="no signature"):
        read_genesis(codec.encode(tuple(parts)))
    other = document() | {"time_ms": 1, "name": "another"}
    forged = Block.assemble(
        key=None,
        channel=ZERO,
        height=0,
        term=0,
        previous=ZERO,
        time_ms=block.header.time_ms,
        proposer="",
        transactions=(),
        results=(),
        state_root=STATE_ROOT,
        history_root=block.header.history_root,
        membership=block.header.membership,
        contract_version=1,
        preamble=codec.encode(Genesis.from_document(other).document()),
    )
    with pytest.raises(BlockInvalid, match="not the genesis block of its document"):
        read_genesis(forged.data)


def test_document_in_another_order_inside_a_genesis_block_is_refused():
    genesis = Genesis.from_document(document())
    disordered = genesis.document()
    disordered["nodes"] = disordered["nodes"][::-1]
    header = genesis_block(genesis, STATE_ROOT).header
    forged = Block.assemble(
        key=None,
        channel=ZERO,
        height=0,
        term=0,
        previous=ZERO,
        time_ms=header.time_ms,
        proposer="",
        transactions=(),
        results=(),
        state_root=STATE_ROOT,
        history_root=header.history_root,
        membership=header.membership,
        contract_version=1,
        preamble=codec.encode(disordered),
    )
    with pytest.raises(TallyError, match="not the genesis block of its document"):
        read_genesis(forged.data)
