"""The Merkle tree over contract state as a node holds it, with the changes of blocks in flight on top.

An update costs a hash per touched bucket and one for each touched inner node *of a whole
block*, so it stays near flat while a bucket grows from no record to ten (10 million
keys). Node hashes live in memory (34 MiB, paged in as they are touched); the records of a
bucket, 64 bytes each, are rows of the store, and a bounded part of the buckets is cached.

Blocks in flight are applied to the tree at once, because their headers name the root.
Each `update` is remembered as a `Change` with everything that it replaced. Readers are
only ever shown the *settled* tree: what a pending change replaced, oldest first, and the
live tree where none did. `undo` takes the newest change back, `settle` lets go of the
oldest ones once the store has them.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise

from ledger.errors import StoreError
from ledger.hashing import STATE_BUCKET, STATE_NODE, STATE_VALUE, ZERO
from ledger.limits import BUCKET_BITS, DIGEST_BYTES, NODE_FANOUT_BITS
from ledger.state.bucket_cache import BucketCache
from ledger.state.proof import StateProof, siblings_of
from ledger.state.root import (
    BUCKET_SHIFT,
    BUCKETS,
    DEPTH,
    FANOUT,
    RECORD_BYTES,
    SPAN,
    ZEROS,
    Changes,
    bucket_of,
    first_bits,
    is_bucket,
    leaf_hash,
    place_in,
)


@dataclass(frozen=True, slots=True)
class Change:
    """One update: the contents of the touched buckets, and the hashes that it replaced by level."""

    hashes: dict[bytes, bytes]
    """Key hash to value hash of the entries that it set; empty for those it took away."""
    before: dict[int, bytes]
    after: dict[int, bytes]
    nodes: tuple[dict[int, bytes], ...]


class StateTree:
    """The tree, with the changes of the blocks in flight on top.

    `read(bucket)` gives the stored contents of a bucket; empty for none. It is only asked
    for buckets that no pending change has touched.
    """

    __slots__ = ("_asked", "_cache", "_levels", "_read", "pending")

    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read
        self._cache = BucketCache()
        self._asked: dict[bytes, tuple[bytes, int, bytes]] = {}
        """Key hash, bucket and its newest contents, of keys that were asked for since the newest change."""
        # Anonymous mappings: the kernel gives zero pages on first touch, so a small ledger stays small.
        self._levels = tuple(
            mmap.mmap(-1, DIGEST_BYTES << (BUCKET_BITS - level * NODE_FANOUT_BITS), flags=mmap.MAP_PRIVATE)
            for level in range(DEPTH + 1)
        )
        self.pending: list[Change] = []

    @property
    def root(self) -> bytes:
        """Root after the newest change."""
        return self._levels[DEPTH][:]

    @property
    def settled_root(self) -> bytes:
        """Root that readers may be shown: before every pending change."""
        return self._settled_node(DEPTH, 0)

    def load(self, rows: Iterable[tuple[int, bytes]]) -> None:
        """Fill the empty tree with the store's buckets.

        Raises:
            StoreError: a row that cannot be a bucket's.
        """
        leaves = self._levels[0]
        loaded = []
        for bucket, content in rows:
            if bucket >= BUCKETS or not content or not is_bucket(bucket, content):
                raise StoreError("damaged bucket of the state tree", found=f"bucket {bucket}")
            offset = bucket * DIGEST_BYTES
            leaves[offset : offset + DIGEST_BYTES] = leaf_hash(content)
            loaded.append(bucket)
            self._cache.keep({bucket: content})  # or a node that has started would read it again
        self._hash_above(loaded)

    def update(self, changes: Changes) -> Change:
        """Apply a block's changes on top; the change stays pending until it is settled or undone.

        Raises:
            StoreError: a bucket cannot be read; the tree is as before.
        """
        hashes: dict[bytes, bytes] = {}
        before: dict[int, bytes] = {}
        after: dict[int, bytes] = {}
        asked = self._asked
        for key, value in changes.items():
            known = asked.get(key)
            if known is None:
                key_hash = sha256(key).digest()
                bucket = first_bits(key_hash)[0] >> BUCKET_SHIFT
                content = None
            else:
                key_hash, bucket, content = known
            if bucket in after:
                content = after[bucket]
            else:
                if content is None:
                    content = self._content(bucket)
                before[bucket] = content
            if value is None:
                record = hashes[key_hash] = b""
            else:
                hashed = hashes[key_hash] = sha256(STATE_VALUE + value).digest()
                record = key_hash + hashed
            if content:
                place = place_in(content, key_hash)
                end = place + RECORD_BYTES if content[place : place + DIGEST_BYTES] == key_hash else place
                after[bucket] = content[:place] + record + content[end:]
            else:
                after[bucket] = record
        asked.clear()
        leaves = self._levels[0]
        replaced: dict[int, bytes] = {}
        for bucket, content in after.items():
            offset = bucket * DIGEST_BYTES
            end = offset + DIGEST_BYTES
            replaced[bucket] = leaves[offset:end]
            leaves[offset:end] = sha256(STATE_BUCKET + content).digest() if content else ZERO
        change = Change(hashes, before, after, (replaced, *self._hash_above(after)))
        self._cache.keep(after)
        self.pending.append(change)
        return change

    def lacks(self, key: bytes) -> bool:
        """Whether the newest state has no entry of this key; reads the key's bucket if it is not in memory.

        Raises:
            StoreError: the bucket cannot be read, or is damaged.
        """
        key_hash = sha256(key).digest()
        bucket = first_bits(key_hash)[0] >> BUCKET_SHIFT
        offset = bucket * DIGEST_BYTES
        is_empty = self._levels[0][offset : offset + DIGEST_BYTES] == ZERO
        content = b"" if is_empty else self._content(bucket)
        self._asked[key] = key_hash, bucket, content  # what is asked for is often written next
        if not content:
            return True
        if key_hash not in content:
            return True
        place = place_in(content, key_hash)
        return content[place : place + DIGEST_BYTES] != key_hash

    def undo(self) -> None:
        """Take back the newest pending change."""
        change = self.pending.pop()
        self._asked.clear()
        for level, replaced in zip(self._levels, change.nodes, strict=True):
            for index, node in replaced.items():
                offset = index * DIGEST_BYTES
                level[offset : offset + DIGEST_BYTES] = node
        self._cache.keep(change.before)

    def hashes(self, count: int) -> Mapping[bytes, bytes]:
        """Key hash to value hash, or to nothing, after the `count` oldest pending changes: what to store."""
        if count == 1:
            return self.pending[0].hashes
        merged: dict[bytes, bytes] = {}
        for change in self.pending[:count]:
            merged.update(change.hashes)
        return merged

    def settle(self, count: int) -> None:
        """Forget the `count` oldest pending changes: their rows are in the store now."""
        assert count <= len(self.pending), "only what is pending can be settled"
        del self.pending[:count]

    def settled_level(self, level: int) -> bytes:
        """All settled nodes of one level, joined."""
        nodes = bytearray(self._levels[level][:])
        for change in reversed(self.pending):
            for index, node in change.nodes[level].items():
                offset = index * DIGEST_BYTES
                nodes[offset : offset + DIGEST_BYTES] = node
        return bytes(nodes)

    def prove(self, entries: Iterable[tuple[bytes, bytes | None]], *, newest: bool = False) -> StateProof:
        """The proof of these entries, (key, stored value bytes or None): settled ones, or the newest."""
        content_of = self._content if newest else self._settled_content
        children_of = self._newest_children if newest else self._settled_children
        entries = tuple(sorted(dict(entries).items()))
        buckets = sorted({bucket_of(sha256(key).digest()) for key, _ in entries})
        siblings = []
        known: Iterable[int] = buckets
        for level in range(DEPTH):
            families: dict[int, list[int]] = {}
            for index in known:
                families.setdefault(index >> NODE_FANOUT_BITS, []).append(index % FANOUT)
            siblings += [siblings_of(children_of(level, parent), own) for parent, own in families.items()]
            known = families
        return StateProof(entries, tuple([content_of(bucket) for bucket in buckets]), tuple(siblings))

    def _hash_above(self, touched: Iterable[int]) -> list[dict[int, bytes]]:
        """Recompute every inner node above touched leaves, each once; the hashes replaced, by level."""
        replaced_levels = []
        for below, level in pairwise(self._levels):
            touched = {index >> NODE_FANOUT_BITS for index in touched}
            replaced: dict[int, bytes] = {}
            for index in touched:
                start = index * SPAN
                children = below[start : start + SPAN]
                node = sha256(STATE_NODE + children).digest() if children != ZEROS else ZERO
                start = index * DIGEST_BYTES
                end = start + DIGEST_BYTES
                replaced[index] = level[start:end]
                level[start:end] = node
            replaced_levels.append(replaced)
        return replaced_levels

    def _content(self, bucket: int) -> bytes:
        """Newest contents of a bucket."""
        offset = bucket * DIGEST_BYTES
        leaf = self._levels[0][offset : offset + DIGEST_BYTES]
        if leaf == ZERO:
            return b""
        content = self._cache.get(bucket)
        if content is None:
            for change in reversed(self.pending):
                content = change.after.get(bucket)
                if content is not None:
                    return content
            content = self._read(bucket)
            if leaf != leaf_hash(content):
                raise StoreError("a bucket of the state tree is damaged", found=f"bucket {bucket}")
            self._cache.keep({bucket: content})
        return content

    def _settled_content(self, bucket: int) -> bytes:
        for change in self.pending:
            content = change.before.get(bucket)
            if content is not None:
                return content
        return self._content(bucket)

    def _settled_node(self, level: int, index: int) -> bytes:
        for change in self.pending:
            node = change.nodes[level].get(index)
            if node is not None:
                return node
        offset = index * DIGEST_BYTES
        return self._levels[level][offset : offset + DIGEST_BYTES]

    def _newest_children(self, level: int, parent: int) -> bytes:
        """The 16 nodes of a level below one of the next, joined."""
        offset = parent * SPAN
        return self._levels[level][offset : offset + SPAN]

    def _settled_children(self, level: int, parent: int) -> bytes:
        children = self._newest_children(level, parent)
        first = parent << NODE_FANOUT_BITS
        for change in reversed(self.pending):
            replaced = change.nodes[level]
            for place in range(FANOUT):
                node = replaced.get(first + place)
                if node is not None:
                    at = place * DIGEST_BYTES
                    children = children[:at] + node + children[at + DIGEST_BYTES :]
        return children
