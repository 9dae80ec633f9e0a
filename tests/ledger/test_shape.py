"""Reading decoded values: what each reader takes, and what it says about the rest."""

import pytest
from canonical_values import VALUES
from hypothesis import given

from ledger import shape
from ledger.errors import Malformed

READERS = {
    "array": (lambda value: shape.array(value, 2, "place"), lambda v: type(v) is tuple and len(v) == 2),
    "sequence": (
        lambda value: shape.sequence(value, 3, "place", least=1),
        lambda v: type(v) is tuple and 1 <= len(v) <= 3,
    ),
    "octets": (lambda value: shape.octets(value, 4, "place"), lambda v: type(v) is bytes and len(v) == 4),
    "octets_within": (
        lambda value: shape.octets_within(value, 4, "place", least=1),
        lambda v: type(v) is bytes and 1 <= len(v) <= 4,
    ),
    "integer": (
        lambda value: shape.integer(value, "place", least=-5, most=5),
        lambda v: type(v) is int and -5 <= v <= 5,
    ),
    "text": (
        lambda value: shape.text(value, 4, "place", least_bytes=1),
        lambda v: type(v) is str and 1 <= len(v.encode()) <= 4,
    ),
    "record": (
        lambda value: shape.record(value, ("a",), "place"),
        lambda v: type(v) is dict and set(v) == {"a"},
    ),
}


@pytest.mark.parametrize("reader", READERS)
@given(value=VALUES)
def test_reader_returns_what_fits_and_names_the_place_of_what_does_not(reader, value):
    read, fits = READERS[reader]
    if fits(value):
        assert read(value) == value
    else:
        with pytest.raises(Malformed) as caught:
            read(value)
        assert caught.value.field.startswith("place")
        assert len(str(caught.value)) < 300


GOOD = {
    "array": [(1, 2)],
    "sequence": [(1,), (1, 2, 3)],
    "octets": [b"1234"],
    "octets_within": [b"1", b"1234"],
    "integer": [-5, 5],
    "text": ["a", "abcd", "éé"],
    "record": [{"a": None}],
}


@pytest.mark.parametrize(
    ("reader", "value"), [(name, value) for name, values in GOOD.items() for value in values]
)
def test_reader_takes_values_at_its_bounds(reader, value):
    assert READERS[reader][0](value) == value


@pytest.mark.parametrize(
    ("reader", "value"),
    [("integer", True), ("integer", 6), ("text", "ééé"), ("octets", "1234"), ("record", {"a": 1, "b": 2})],
)
def test_near_misses_are_malformed(reader, value):
    with pytest.raises(Malformed):
        READERS[reader][0](value)


@pytest.mark.parametrize("name", ["a", "node-1", "acme.eu", "0_9", "a" * 64])
def test_names_that_are_safe_in_paths_pass(name):
    assert shape.name(name, "place") == name


@pytest.mark.parametrize(
    "name", ["", ".", "..", "-a", "A", "a/b", "a b", "é", "a" * 65, "a\n", "a\0", 5, None, b"a"]
)
def test_other_names_are_malformed(name):
    with pytest.raises(Malformed) as caught:
        shape.name(name, "place")
    assert caught.value.field == "place"
