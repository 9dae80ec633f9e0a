"""The transaction envelope: what round-trips, and each bound with its own code."""

import pytest
from canonical_values import TEXTS, VALUES
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import codec, keys
from ledger.blocks.transaction import MAX_BODY_BYTES, Transaction
from ledger.errors import Malformed, NonCanonical, TooLarge
from ledger.hashing import TRANSACTION, digest
from ledger.keys import SigningKey
from ledger.limits import (
    MAX_BYTES_LENGTH,
    MAX_OPERATIONS,
    MAX_PRIVATE_FIELDS,
    MAX_STRING_BYTES,
    MAX_TRANSACTION_BYTES,
)

KEY = SigningKey.from_seed(bytes(32))
CHANNEL = b"c" * 32
BODY = (1, CHANNEL, KEY.public, 1_000, b"nonce123", True, (), ({"op": "note"},))
FIELDS = ("version", "channel", "signer", "valid_until_ms", "nonce", "atomic", "private", "operations")


def signed(**changed):
    fields = {
        "channel": CHANNEL,
        "operations": [{"op": "note"}],
        "valid_until_ms": 1_000,
        "nonce": b"nonce123",
    }
    return Transaction.sign(KEY, **(fields | changed))


def body_with(field, value):
    fields = list(BODY)
    fields[FIELDS.index(field)] = value
    return codec.encode(tuple(fields))


def from_body(body):
    return Transaction.from_parts((body, KEY.sign(keys.TRANSACTION_DOMAIN, body)))


@given(
    st.lists(st.dictionaries(TEXTS, VALUES, max_size=4), min_size=1, max_size=4),
    st.integers(1, 2**62),
    st.binary(min_size=8, max_size=16),
    st.booleans(),
)
def test_signed_transaction_survives_the_way_over_the_wire(operations, valid_until_ms, nonce, atomic):
    operations = [{**operation, "op": "note"} for operation in operations]
    made = signed(operations=operations, valid_until_ms=valid_until_ms, nonce=nonce, atomic=atomic)
    read = Transaction.decode(made.envelope)
    assert read == made
    assert read.operations == tuple(operations)
    assert read.signature_ok()
    assert read.envelope == made.envelope


def test_id_is_the_tagged_hash_of_the_signed_bytes_alone():
    made = signed()
    assert made.id == digest(TRANSACTION, made.body)
    assert Transaction.from_parts((made.body, bytes(64))).id == made.id
    assert not Transaction.from_parts((made.body, bytes(64))).signature_ok()


def test_equal_intents_with_another_nonce_are_two_transactions():
    assert signed(nonce=b"nonce123").id != signed(nonce=b"nonce124").id


@given(st.data())
@settings(max_examples=300)
def test_changed_envelope_is_refused_or_no_longer_signed(data):
    envelope = bytearray(signed(operations=[{"op": "note", "text": "abc", "amount": 5}]).envelope)
    position = data.draw(st.integers(0, len(envelope) - 1))
    envelope[position] ^= data.draw(st.integers(1, 255))
    try:
        read = Transaction.decode(bytes(envelope))
    except Malformed:
        return
    assert not read.signature_ok()


WRONG = [
    ("version", 2),
    ("version", True),
    ("version", "1"),
    ("channel", b"c" * 31),
    ("channel", "c" * 32),
    ("signer", b"s" * 33),
    ("signer", None),
    ("valid_until_ms", 0),
    ("valid_until_ms", -1),
    ("valid_until_ms", True),
    ("valid_until_ms", "1000"),
    ("nonce", b"short"),
    ("nonce", b"n" * 17),
    ("nonce", 12345678),
    ("atomic", 1),
    ("atomic", None),
    ("private", None),
    ("private", 0),
    ("private", {}),
    ("private", ((0, "field"),)),
    ("private", ((1, "field", b"c" * 32),)),
    ("private", ((-1, "field", b"c" * 32),)),
    ("private", ((0, b"field", b"c" * 32),)),
    ("private", ((0, "field", b"c" * 31),)),
    ("private", ((0, "b", b"c" * 32), (0, "a", b"c" * 32))),
    ("private", ((0, "a", b"c" * 32), (0, "a", b"d" * 32))),
    ("private", ((False, "a", b"c" * 32),)),
    ("operations", ()),
    ("operations", {"op": "note"}),
    ("operations", ("note",)),
    ("operations", ({},)),
    ("operations", ({"op": 1},)),
]


@pytest.mark.parametrize(("field", "value"), WRONG, ids=str)
def test_wrong_field_is_malformed_and_named(field, value):
    with pytest.raises(Malformed) as caught:
        from_body(body_with(field, value))
    assert caught.value.code == "malformed"
    assert field in caught.value.field
    assert len(caught.value.message.split()) >= 2
    assert caught.value.expected is not None


@pytest.mark.parametrize("count", [0, 7, 9])
def test_body_of_another_length_is_malformed(count):
    with pytest.raises(Malformed, match="8 elements"):
        from_body(codec.encode((*BODY, 0)[:count]))


@pytest.mark.parametrize(
    "parts",
    [(), (b"body",), (b"body", b"s" * 64, b""), ("body", b"s" * 64), b"body", None, {"body": b""}],
    ids=str,
)
def test_what_is_not_an_envelope_is_malformed(parts):
    with pytest.raises(Malformed) as caught:
        Transaction.from_parts(parts)
    assert caught.value.field == "envelope"


@pytest.mark.parametrize("signature", [b"", b"s" * 63, b"s" * 65, "s" * 64, None], ids=str)
def test_signature_of_another_form_is_malformed(signature):
    with pytest.raises(Malformed) as caught:
        Transaction.from_parts((codec.encode(BODY), signature))
    assert caught.value.field == "signature"


def test_body_in_a_second_spelling_is_non_canonical():
    body = codec.encode(BODY)
    assert body[:2] == b"\x98\x01"
    with pytest.raises(NonCanonical) as caught:
        from_body(b"\x98\xcc" + body[1:])
    assert caught.value.code == "non_canonical"


def test_largest_transaction_passes_and_one_byte_more_has_its_code():
    filling = [{"op": "note", **{f"f{i:02}": b"x" * MAX_BYTES_LENGTH for i in range(3)}}]
    spare = MAX_BODY_BYTES - len(signed(operations=[{**filling[0], "g": b"x" * 300}]).body) + 300
    largest = signed(operations=[{**filling[0], "g": b"x" * spare}])
    assert len(largest.body) == MAX_BODY_BYTES
    assert len(largest.envelope) <= MAX_TRANSACTION_BYTES
    assert Transaction.decode(largest.envelope) == largest
    with pytest.raises(TooLarge) as caught:
        signed(operations=[{**filling[0], "g": b"x" * (spare + 1)}])
    assert caught.value.code == "transaction_too_large"
    with pytest.raises(TooLarge) as caught:
        Transaction.decode(bytes(MAX_TRANSACTION_BYTES + 1))
    assert caught.value.code == "transaction_too_large"
    with pytest.raises(TooLarge) as caught:
        Transaction.from_parts((bytes(MAX_BODY_BYTES + 1), bytes(64)))
    assert caught.value.code == "transaction_too_large"


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ({"op": "note", "text": "x" * (MAX_STRING_BYTES + 1)}, "text_too_long"),
        ({"op": "note", "text": "é" * (MAX_STRING_BYTES // 2 + 1)}, "text_too_long"),
        ({"op": "note", "lines": [{"text": "x" * (MAX_STRING_BYTES + 1)}]}, "text_too_long"),
        ({"op": "note", "x" * (MAX_STRING_BYTES + 1): 1}, "text_too_long"),
        ({"op": "note", "data": b"x" * (MAX_BYTES_LENGTH + 1)}, "bytes_too_long"),
        ({"op": "note", "lines": [[b"x" * (MAX_BYTES_LENGTH + 1)]]}, "bytes_too_long"),
    ],
    ids=["text", "text by bytes", "text inside", "name", "bytes", "bytes inside"],
)
def test_long_text_and_bytes_are_refused_at_any_depth(operation, code):
    with pytest.raises(TooLarge) as caught:
        signed(operations=[operation])
    assert caught.value.code == code
    assert caught.value.expected.startswith("at most")
    assert len(caught.value.field) <= 64


def test_text_and_bytes_at_their_bounds_pass():
    operation = {"op": "note", "text": "x" * MAX_STRING_BYTES, "data": b"x" * MAX_BYTES_LENGTH}
    assert signed(operations=[operation]).operations == (operation,)


def test_operations_are_bounded():
    assert len(signed(operations=[{"op": "note"}] * MAX_OPERATIONS).operations) == MAX_OPERATIONS
    with pytest.raises(TooLarge) as caught:
        signed(operations=[{"op": "note"}] * (MAX_OPERATIONS + 1))
    assert caught.value.code == "too_many_operations"


def test_private_fields_are_bounded():
    entries = [(0, f"{i:04}", bytes(32)) for i in range(MAX_PRIVATE_FIELDS + 1)]
    assert len(signed(private=entries[:-1]).private) == MAX_PRIVATE_FIELDS
    with pytest.raises(Malformed) as caught:
        signed(private=entries)
    assert caught.value.field == "private"


@pytest.mark.parametrize("lines", [[{"line": "1", "amount": 5}], ({"amount": 5, "line": "1"},)])
def test_a_signed_transaction_is_the_one_that_is_read_whatever_becomes_of_what_it_was_made_of(lines) -> None:
    operation = {"data": b"", "lines": lines, "op": "note"}
    made = signed(operations=[operation])
    read = Transaction.decode(made.envelope)
    operation["data"] = b"changed"
    lines[0]["amount"] = 6
    assert repr(made) == repr(read)
