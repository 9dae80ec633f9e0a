"""The cache of buckets keeps what it says, within its bound, and counts the memory that it takes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.limits import BUCKET_BITS, CACHED_BUCKET_BYTES
from ledger.state import bucket_cache
from ledger.state.bucket_cache import BucketCache

BOUND = 10 * (CACHED_BUCKET_BYTES + 64)


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bucket_cache, "BUCKET_CACHE_BYTES", BOUND)


@settings(max_examples=60)
@given(
    st.lists(
        st.dictionaries(
            st.integers(0, 20), st.integers(0, 5).map(lambda count: bytes(64 * count)), max_size=9
        ),
        max_size=12,
    )
)
def test_it_keeps_the_newest_contents_and_never_more_than_its_bound(kept: list[dict[int, bytes]]) -> None:
    cache, newest = BucketCache(), dict[int, bytes]()
    for contents in kept:
        cache.keep(contents)
        newest |= contents
        found = {bucket: content for bucket in range(21) if (content := cache.get(bucket)) is not None}
        assert found.items() <= newest.items(), "what is kept is the newest"
        assert cache.size_bytes == sum(CACHED_BUCKET_BYTES + len(content) for content in found.values())
        assert cache.size_bytes <= BOUND
    assert len(cache) == sum(cache.get(bucket) is not None for bucket in range(21))


def test_buckets_make_room_in_turn_and_no_more_of_them_than_must() -> None:
    cache = BucketCache()
    for bucket in range(11):
        cache.keep({bucket: bytes(64)})
    assert [cache.get(bucket) for bucket in range(11)] == [None, *[bytes(64)] * 10]
    cache.keep({0: bytes(64), (1 << BUCKET_BITS) - 1: bytes(64)})
    assert (cache.get(0), cache.get(1), cache.get(2)) == (bytes(64), None, None), (
        "the turn has passed the first"
    )
    cache.keep({bucket: bytes(128) for bucket in range(3, 10)})
    assert (len(cache), cache.get(0)) == (7, bytes(64))
    cache.keep({5: bytes(10 * 64 + 9 * CACHED_BUCKET_BYTES)})
    assert (len(cache), cache.get(5)) == (1, bytes(10 * 64 + 9 * CACHED_BUCKET_BYTES)), "all others, round"
    cache.clear()
    assert (len(cache), cache.size_bytes, cache.get(10)) == (0, 0, None)
