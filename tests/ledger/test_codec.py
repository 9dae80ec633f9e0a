"""Canonical MessagePack: one spelling of each value, and only typed errors."""

import math
import struct

import msgpack
import pytest
from canonical_values import VALUES
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ledger import codec
from ledger.errors import Malformed, NonCanonical, TallyError, TooLarge
from ledger.limits import INT_MAX, INT_MIN, MAX_DEPTH


@given(VALUES)
def test_decoding_gives_back_what_was_encoded(value):
    data = codec.encode(value)
    again = codec.decode(data)
    assert again == value
    assert codec.encode(again) == data


def as_lists(value):
    if type(value) is tuple:
        return [as_lists(item) for item in value]
    return {key: as_lists(item) for key, item in value.items()} if type(value) is dict else value


def backwards(value):
    if type(value) is tuple:
        return tuple([backwards(item) for item in value])
    if type(value) is dict:
        return {key: backwards(item) for key, item in reversed(value.items())}
    return value


@given(VALUES, st.sampled_from([lambda value: value, as_lists, backwards]))
def test_a_settled_value_is_in_every_way_the_one_that_readers_of_its_bytes_have(value, form):
    data, settled = codec.settle(form(codec.decode(codec.encode(value))))
    assert data == codec.encode(value)
    assert repr(settled) == repr(codec.decode(data)) == repr(codec.trusted(data))


@given(st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), st.integers(0, 9)), st.randoms())
def test_order_in_which_a_map_was_filled_does_not_show(value, chance):
    items = list(value.items())
    chance.shuffle(items)
    assert codec.encode(dict(items)) == codec.encode(value)


@given(VALUES, st.data())
@settings(max_examples=300)
def test_changed_bytes_decode_to_another_value_or_raise_a_typed_error(value, data):
    encoded = bytearray(codec.encode(value))
    position = data.draw(st.integers(0, len(encoded) - 1))
    encoded[position] ^= data.draw(st.integers(1, 255))
    try:
        again = codec.decode(bytes(encoded))
    except Malformed:
        return
    assert codec.encode(again) == bytes(encoded)


@given(st.binary(max_size=60))
@example(b"")
@example(b"\xc1")
@example(b"\xdf\xff\xff\xff\xff")
@example(b"\xdd\xff\xff\xff\xff")
@example(b"\xc6\xff\xff\xff\xff")
@example(b"\xd6\xff\x00\x00\x00\x00")
@example(b"\xd7\xff" + b"\xff" * 8)
@example(b"\xa1\xff")
@example(b"\x81\xa1\xff\x00")
@settings(max_examples=500)
def test_arbitrary_bytes_are_a_value_with_these_bytes_or_a_typed_error(data):
    try:
        value = codec.decode(data)
    except Malformed:
        return
    assert codec.encode(value) == data


SECOND_SPELLINGS = {
    "integer in two bytes that fits one": b"\xcc\x01",
    "integer in nine bytes": b"\xcf" + bytes(7) + b"\x01",
    "positive integer in a signed form": b"\xd3" + bytes(7) + b"\x01",
    "negative integer too long": b"\xd1\xff\xff",
    "text with a longer length": b"\xd9\x01a",
    "bytes with a longer length": b"\xc5\x00\x01a",
    "array with a longer length": b"\xdc\x00\x01\x01",
    "map with a longer length": b"\xde\x00\x01\xa1a\x01",
    "map keys descending": b"\x82\xa1b\x01\xa1a\x01",
    "map key twice": b"\x82\xa1a\x01\xa1a\x01",
    "map key that is bytes": b"\x81\xc4\x01a\x01",
    "float": b"\xcb" + struct.pack(">d", 1.0),
    "short float": b"\xca" + struct.pack(">f", 1.0),
    "not a number": b"\xcb" + struct.pack(">d", math.nan),
    "timestamp": b"\xd6\xff\x00\x00\x00\x01",
    "extension type": b"\xd4\x05\x00",
    "integer above 63 bits": b"\xcf" + b"\xff" * 8,
}


@pytest.mark.parametrize("name", SECOND_SPELLINGS)
@pytest.mark.parametrize("around", [b"", b"\x91", b"\x81\xa1k"])
def test_second_spelling_is_refused_at_any_place(name, around):
    with pytest.raises(NonCanonical) as caught:
        codec.decode(around + SECOND_SPELLINGS[name])
    assert caught.value.code == "non_canonical"
    assert caught.value.remedy


@pytest.mark.parametrize(
    "data",
    [b"", b"\x92\x01", b"\x01\x01", b"\xa2a", b"\xc1", b"\xa1\xff", b"\x81\x01\x01", b"\xd9"],
    ids=["empty", "cut", "left over", "cut text", "reserved byte", "not UTF-8", "number as key", "no length"],
)
def test_bytes_that_are_not_one_whole_value_are_malformed(data):
    with pytest.raises(Malformed) as caught:
        codec.decode(data)
    assert caught.value.code == "malformed"


def test_keys_are_ordered_by_their_utf_8_bytes():
    keys = ["", "B", "a", "ab", "é", "ﬀ", "😀"]
    assert sorted(keys) == sorted(keys, key=str.encode)
    assert list(codec.decode(codec.encode(dict.fromkeys(reversed(keys), 1)))) == keys


@pytest.mark.parametrize("number", [INT_MIN, -1, 0, 127, 128, 2**32, INT_MAX])
def test_integers_of_64_bits_round_trip(number):
    assert codec.decode(codec.encode(number)) == number


@pytest.mark.parametrize("number", [INT_MIN - 1, INT_MAX + 1, 2**64 - 1, 2**64, 10**40, -(10**40)])
def test_integers_beyond_64_bits_are_refused(number):
    with pytest.raises(NonCanonical, match="64 bits"):
        codec.encode([1, number])


@pytest.mark.parametrize(
    "value", [1.0, {1, 2}, {1: 2}, {b"a": 1}, {"a": 1, 2: 3}, object(), bytearray(b"a"), 1j]
)
def test_types_without_canonical_form_are_refused(value):
    with pytest.raises(NonCanonical):
        codec.encode(value)
    with pytest.raises(NonCanonical):
        codec.encode({"inside": [value]})


def test_text_that_utf_8_cannot_express_is_refused_and_leaves_nothing_behind():
    with pytest.raises(NonCanonical, match="UTF-8"):
        codec.encode(("before", "\ud800"))
    assert codec.encode(("after",)) == msgpack.packb(["after"])


def nested(levels, inner=()):
    value = inner
    for _ in range(levels - 1):
        value = (value,)
    return value


def test_nesting_is_bounded_for_both_directions():
    assert codec.decode(codec.encode(nested(MAX_DEPTH))) == nested(MAX_DEPTH)
    with pytest.raises(NonCanonical, match="deeply"):
        codec.encode(nested(MAX_DEPTH + 1))
    with pytest.raises(NonCanonical, match="deeply"):
        codec.decode(msgpack.packb(nested(MAX_DEPTH + 1)))
    with pytest.raises(NonCanonical, match="deeply"):
        codec.encode(nested(MAX_DEPTH + 1, {}))


@pytest.mark.parametrize("head", [b"\x91", b"\x81\xa1a"])
def test_absurd_nesting_is_a_typed_error(head):
    with pytest.raises(Malformed):
        codec.decode(head * 100_000 + b"\x01")


def test_length_bound_names_what_was_found_and_expected():
    with pytest.raises(TooLarge) as caught:
        codec.decode(bytes(11), 10)
    assert (caught.value.found, caught.value.expected) == ("11 bytes", "at most 10")
    assert issubclass(TooLarge, TallyError)


def _with_claims(claimed: int, depth: int, size: int) -> bytes:
    """Arrays in arrays, each of which claims more than ever comes."""
    return ((b"\xdd" + claimed.to_bytes(4, "big")) * depth).ljust(size, b"\xc0")[:size]


def test_elements_that_never_come_are_refused_before_room_is_made_for_them():
    with pytest.raises(TooLarge) as refused:
        codec.decode(_with_claims(60_000, 1_000, 65_536))
    assert refused.value.code == "too_many_elements"


def test_many_small_elements_are_refused_by_the_callers_bound():
    data = b"\xdd" + (1_000_000).to_bytes(4, "big") + b"\x80" * 1_000_000
    with pytest.raises(TooLarge) as refused:
        codec.decode(data, elements=1_000)
    assert refused.value.code == "too_many_elements"
    assert len(codec.decode(codec.encode([b"\xdd" * 40] * 300), elements=301)) == 300
    with pytest.raises(TooLarge):
        codec.decode(codec.encode([b"\xdd" * 40] * 300), elements=300)


@given(VALUES)
@settings(max_examples=300)
def test_heads_are_counted_as_they_are(value):
    def count(part):
        if isinstance(part, dict):
            return 1 + sum(1 + count(each) for each in part.values())
        if isinstance(part, list | tuple):
            return 1 + sum(count(each) for each in part)
        return 1

    data = codec.encode(value)
    total = count(value)
    codec._check_elements(data, total)
    if total > 1:
        with pytest.raises(TooLarge):
            codec._check_elements(data, total - 1)


def test_an_order_of_keys_that_was_seen_does_not_excuse_another() -> None:
    ascending = {"amount": 1, "line": "1", "quantity": 2}
    data = codec.encode(ascending)
    for _ in range(2):
        assert codec.decode(data) == ascending
        for other in (["line", "amount", "quantity"], ["quantity", "line", "amount"]):
            with pytest.raises(NonCanonical, match="out of order"):
                codec.decode(msgpack.packb({key: ascending[key] for key in other}))
            assert codec.encode({key: ascending[key] for key in other}) == data


def test_what_is_remembered_of_maps_is_bounded() -> None:
    for number in range(3_000):
        codec.encode({f"key {number}": 1})
    assert len(codec._known_orders) <= 1_024
    for keys in ([f"{number:02}" for number in range(33)], ["a" * 513]):
        codec.encode(dict.fromkeys(keys, 1))
        assert tuple(keys) not in codec._known_orders


def test_a_value_that_was_written_does_not_excuse_another_of_its_kind() -> None:
    assert codec.encode(("a", 1, b"c")) == b"\x93\xa1a\x01\xc4\x01c"
    for row in (("a", 1.0, b"c"), ("a", 2**63, b"c"), ("a", 1, [1.0]), (2**64, 2**63), (0, 0, {"k": 2**63})):
        with pytest.raises(NonCanonical):
            codec.encode(row)
    with pytest.raises(NonCanonical, match="64 bits"):
        codec.decode(b"\x93\xa1a\xcf" + bytes((128,)) + bytes(7) + b"\xc4\x01c")


@pytest.mark.parametrize("part", [None, True, 1.0, (), {}, [], 2**63, -(2**63) - 1])
def test_a_state_key_has_texts_integers_and_byte_strings_only(part: object) -> None:
    with pytest.raises(NonCanonical):
        codec.encode_key(("kind", part))  # type: ignore[arg-type]
