"""The newest contents of buckets of the state tree, kept in memory up to a bound in bytes.

A block touches buckets at random: whatever was touched before is as likely to be touched next as anything
else. So no order is worth keeping, and what counts is how many buckets the memory holds. A list with a place
for each bucket (8 MiB) takes half of what a map takes beside the contents. A bucket that is not here costs a
read of the store, which looks through several files: more than everything else that the tree does for a key.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ledger.limits import BUCKET_BITS, BUCKET_CACHE_BYTES, CACHED_BUCKET_BYTES


class BucketCache:
    """Bucket to contents; where the bound is passed, buckets make room in turn by their numbers."""

    __slots__ = ("_contents", "_turn", "get", "size_bytes")

    def __init__(self) -> None:
        self._contents: list[bytes | None] = [None] * (1 << BUCKET_BITS)
        self.get: Callable[[int], bytes | None] = self._contents.__getitem__
        """Contents of a bucket; None where they are not kept."""
        self._turn = 0
        """The bucket that makes room next."""
        self.size_bytes = 0
        """Memory taken, with `CACHED_BUCKET_BYTES` for each bucket beside its contents."""

    def __len__(self) -> int:
        return len(self._contents) - self._contents.count(None)

    def keep(self, contents: Mapping[int, bytes]) -> None:
        """Keep newest contents, and let go of others if that is too much."""
        kept, size = self._contents, self.size_bytes
        for bucket, content in contents.items():
            before = kept[bucket]
            size += CACHED_BUCKET_BYTES + len(content) if before is None else len(content) - len(before)
            kept[bucket] = content
        while size > BUCKET_CACHE_BYTES:
            content_in_turn = kept[self._turn]
            if content_in_turn is not None:
                size -= CACHED_BUCKET_BYTES + len(content_in_turn)
                kept[self._turn] = None
            self._turn = (self._turn + 1) % len(kept)
        self.size_bytes = size

    def clear(self) -> None:
        """Let go of everything."""
        self._contents[:] = [None] * len(self._contents)
        self.size_bytes = 0
