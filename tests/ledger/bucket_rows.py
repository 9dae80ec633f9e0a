"""What a store keeps of a state tree, in memory: a value hash for each key hash."""

from __future__ import annotations

from collections.abc import Mapping

from ledger.state.root import bucket_of


class BucketRows:
    """The hashes of settled changes, read as the buckets that they make."""

    def __init__(self) -> None:
        self._hashes: dict[bytes, bytes] = {}

    def put(self, hashes: Mapping[bytes, bytes]) -> None:
        """Keep what settled changes set, and drop what they took away."""
        for key_hash, value_hash in hashes.items():
            self._hashes[key_hash] = value_hash
            if not value_hash:
                del self._hashes[key_hash]

    def bucket(self, bucket: int) -> bytes:
        """Contents of a bucket; empty for none."""
        return self.buckets().get(bucket, b"")

    def buckets(self) -> dict[int, bytes]:
        """Contents of every bucket that is not empty."""
        contents: dict[int, bytes] = {}
        for key_hash, value_hash in sorted(self._hashes.items()):
            bucket = bucket_of(key_hash)
            contents[bucket] = contents.get(bucket, b"") + key_hash + value_hash
        return contents
