"""The newest contents of buckets of the state tree, kept in memory up to a bound in bytes.

A block touches buckets at random: whatever was touched before is as likely to be touched next as anything
else. So no order is worth keeping, and what counts is how many buckets the memory holds. A bucket that is not
here costs a read of the store, which looks through several files: more than everything else that the tree
does for a key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import islice

from ledger.limits import BUCKET_CACHE_BYTES, CACHED_BUCKET_BYTES


class BucketCache:
    """Bucket to contents; the oldest eighth makes room when the bound is passed."""

    __slots__ = ("_contents", "get", "size_bytes")

    def __init__(self) -> None:
        self._contents: dict[int, bytes] = {}
        self.get: Callable[[int], bytes | None] = self._contents.get
        """Contents of a bucket; None where they are not kept."""
        self.size_bytes = 0
        """Memory taken, with `CACHED_BUCKET_BYTES` for each bucket beside its contents."""

    def __len__(self) -> int:
        return len(self._contents)

    def keep(self, contents: Mapping[int, bytes]) -> None:
        """Keep newest contents, and let go of what was kept first if that is too much."""
        known_of, known = self.get, self._contents
        grown = 0
        for bucket, content in contents.items():
            before = known_of(bucket)
            grown += CACHED_BUCKET_BYTES + len(content) if before is None else len(content) - len(before)
        known.update(contents)
        self.size_bytes += grown
        while self.size_bytes > BUCKET_CACHE_BYTES:
            for bucket in list(islice(known, len(known) // 8 + 1)):
                self.size_bytes -= CACHED_BUCKET_BYTES + len(known.pop(bucket))

    def clear(self) -> None:
        """Let go of everything."""
        self._contents.clear()
        self.size_bytes = 0
