"""The cache of state values has the newest of what was read or written, within its bounds."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import codec
from ledger.chain import value_cache
from ledger.chain.value_cache import ValueCache

READ, WRITTEN = 4, 8
NAMES = st.integers(0, 15).map(lambda number: bytes((number,)))
VALUES = st.none() | st.integers(0, 9) | st.tuples(st.text(max_size=2), st.tuples(st.binary(max_size=2)))


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(value_cache, "READ_VALUES_KEPT", READ)
    monkeypatch.setattr(value_cache, "WRITTEN_VALUES_KEPT", WRITTEN)


@settings(max_examples=100)
@given(
    st.lists(st.tuples(st.dictionaries(NAMES, VALUES, max_size=12), st.lists(NAMES, max_size=6)), max_size=8)
)
def test_it_has_the_newest_value_or_none_and_never_more_than_its_bounds(
    blocks: list[tuple[dict[bytes, codec.Value], list[bytes]]],
) -> None:
    cache, newest = ValueCache(), dict[bytes, codec.Value]()
    for written, asked in blocks:
        changes = {key: None if value is None else codec.encode(value) for key, value in written.items()}
        cache.keep_written(changes, written)
        newest |= written
        for key in asked:
            assert cache.get(key) in (None, newest.get(key))
        assert len(cache) <= READ + WRITTEN


def test_what_was_written_is_at_hand_as_bytes_until_it_is_read_and_as_a_value_from_then_on() -> None:
    cache = ValueCache()
    cache.keep_written({b"k": codec.encode((1, "one"))}, {b"k": (1, "one")})
    assert cache.read_before(b"k") is None
    assert cache.get(b"k") == (1, "one")
    assert cache.read_before(b"k") == (1, "one")
    newer = (2, "two")
    cache.keep_written({b"k": codec.encode(newer)}, {b"k": newer})
    assert cache.read_before(b"k") is newer
    cache.keep_written({b"k": None}, {b"k": None})
    assert cache.read_before(b"k") is cache.get(b"k") is None
