"""The Merkle tree over contract state: one root for a set of entries, whatever their history.

    key hash   = SHA-256(key)                        value hash = digest(0x0a, value bytes)
    bucket     = the first 20 bits of the key hash: 2^20 buckets
    leaf       = digest(0x04, key hash || value hash || …, ascending by key hash); zeros when empty
    inner node = digest(0x05, its 16 children);      zeros when all 16 are zeros
    root       = the node above five levels of nodes; zeros for the empty state

The shape never changes: no rotation, no split, no memory of the order of insertion. An
update costs a hash per touched bucket and one for each touched inner node *of a whole
block*, so it stays near flat while a bucket grows from no record to ten (10 million
keys). Node hashes live in memory (34 MiB, paged in as they are touched); the records of a
bucket, 64 bytes each, are rows of the store, and a bounded part of the buckets is cached.

Blocks in flight are applied to the tree at once, because their headers name the root.
Each `update` is remembered as a `Change` with everything that it replaced. Readers are
only ever shown the *settled* tree: what a pending change replaced, oldest first, and the
live tree where none did. `undo` takes the newest change back, `settle` lets go of the
oldest ones once the store has them.

A proof shows the whole bucket of each key, so it proves presence and absence alike. For
every touched parent, from the leaves up and ascending, it lists the children that cannot
be computed: a 16-bit mask of those that are not zeros, then their hashes.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from itertools import pairwise
from struct import Struct

from ledger import codec, shape
from ledger.errors import Malformed, StoreError, VerificationError
from ledger.hashing import STATE_BUCKET, STATE_NODE, STATE_VALUE, ZERO
from ledger.limits import (
    BUCKET_BITS,
    DIGEST_BYTES,
    MAX_PROOF_BYTES,
    MAX_PROOF_ENTRIES,
    MAX_STATE_KEY_BYTES,
    MAX_STATE_VALUE_BYTES,
    NODE_FANOUT_BITS,
    SNAPSHOT_TREE_LEVEL,
)
from ledger.state.bucket_cache import BucketCache

DEPTH = BUCKET_BITS // NODE_FANOUT_BITS
FANOUT = 1 << NODE_FANOUT_BITS
BUCKETS = 1 << BUCKET_BITS
RECORD_BYTES = 2 * DIGEST_BYTES
SUBTREE_SHIFT = SNAPSHOT_TREE_LEVEL * NODE_FANOUT_BITS
SUBTREES = BUCKETS >> SUBTREE_SHIFT
"""Subtrees that a whole state is checked in, each by itself, where it is handed over."""

_SPAN = FANOUT * DIGEST_BYTES
_ZEROS = bytes(_SPAN)
_PARTS = tuple([slice(start, start + DIGEST_BYTES) for start in range(0, _SPAN, DIGEST_BYTES)])
"""Where each child stands among 16 that are joined."""
_first_bits = Struct(">I").unpack_from
_BUCKET_SHIFT = 32 - BUCKET_BITS
_MASK_BYTES = FANOUT // 8

assert 0 <= _BUCKET_SHIFT < 32, "four bytes of a key hash hold the bucket's number"

Changes = Mapping[bytes, bytes | None]
"""State key to its new canonical value bytes, or None for a deleted entry."""


def value_hash(value: bytes) -> bytes:
    """What a bucket holds for a value's canonical bytes."""
    return sha256(STATE_VALUE + value).digest()


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
            if bucket >= BUCKETS or not content or not _is_bucket(bucket, content):
                raise StoreError("damaged bucket of the state tree", found=f"bucket {bucket}")
            offset = bucket * DIGEST_BYTES
            leaves[offset : offset + DIGEST_BYTES] = _leaf(content)
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
                bucket = _first_bits(key_hash)[0] >> _BUCKET_SHIFT
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
                place = _place(content, key_hash)
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
        bucket = _first_bits(key_hash)[0] >> _BUCKET_SHIFT
        offset = bucket * DIGEST_BYTES
        is_empty = self._levels[0][offset : offset + DIGEST_BYTES] == ZERO
        content = b"" if is_empty else self._content(bucket)
        self._asked[key] = key_hash, bucket, content  # what is asked for is often written next
        if not content:
            return True
        if key_hash not in content:
            return True
        place = _place(content, key_hash)
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
            siblings += [_siblings(children_of(level, parent), own) for parent, own in families.items()]
            known = families
        return StateProof(entries, tuple([content_of(bucket) for bucket in buckets]), tuple(siblings))

    def _hash_above(self, touched: Iterable[int]) -> list[dict[int, bytes]]:
        """Recompute every inner node above touched leaves, each once; the hashes replaced, by level."""
        replaced_levels = []
        for below, level in pairwise(self._levels):
            touched = {index >> NODE_FANOUT_BITS for index in touched}
            replaced: dict[int, bytes] = {}
            for index in touched:
                start = index * _SPAN
                children = below[start : start + _SPAN]
                node = sha256(STATE_NODE + children).digest() if children != _ZEROS else ZERO
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
            if leaf != _leaf(content):
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
        offset = parent * _SPAN
        return self._levels[level][offset : offset + _SPAN]

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


@dataclass(frozen=True, slots=True)
class StateProof:
    """Entries of the state at one root, present or absent (value None), with the way to the root.

    [[[key, value bytes or nil], …], [bucket contents, …], [mask || hashes, …]]
    """

    entries: tuple[tuple[bytes, bytes | None], ...]
    buckets: tuple[bytes, ...]
    siblings: tuple[bytes, ...]

    def to_value(self) -> codec.Value:
        """The canonical array."""
        return (self.entries, self.buckets, self.siblings)

    @classmethod
    def from_value(cls, value: codec.Value, most: int = MAX_PROOF_ENTRIES) -> StateProof:
        """Read a proof of at most so many entries; nothing is proved by its form.

        Raises:
            Malformed: with the field that is wrong.
        """
        entries, buckets, siblings = shape.array(value, 3, "state_proof")
        read = []
        for entry in shape.sequence(entries, most, "state_proof.entries", least=1):
            key, data = shape.array(entry, 2, "state_proof.entry")
            shape.octets_within(key, MAX_STATE_KEY_BYTES, "state_proof.key", least=1)
            if data is not None:
                shape.octets_within(data, MAX_STATE_VALUE_BYTES, "state_proof.value", least=1)
            read.append((key, data))
        for content in shape.sequence(buckets, most, "state_proof.buckets", least=1):
            shape.octets_within(content, MAX_PROOF_BYTES, "state_proof.bucket")
        for hashes in shape.sequence(siblings, most * DEPTH, "state_proof.siblings", least=DEPTH):
            shape.octets_within(hashes, _MASK_BYTES + _SPAN, "state_proof.sibling", least=_MASK_BYTES)
        return cls(tuple(read), buckets, siblings)

    def verify(self, root: bytes) -> dict[bytes, codec.Value | None]:
        """The entries, after checking that the state with this root holds exactly them.

        A value of None means proved absence. The steps are those of docs/protocol.md.

        Raises:
            VerificationError: the proof does not prove it.
        """
        # 1. The keys are ascending, so that none is listed twice.
        keys = [key for key, _ in self.entries]
        if any(a >= b for a, b in pairwise(keys)) or not keys:
            raise VerificationError("keys of a state proof are not ascending")
        # 2. There is one bucket for each bucket number that the keys have, and no other.
        hashes = [sha256(key).digest() for key in keys]
        numbers = sorted({bucket_of(key_hash) for key_hash in hashes})
        if len(self.buckets) != len(numbers):
            raise VerificationError(
                "buckets missing or left over", found=len(self.buckets), expected=len(numbers)
            )
        buckets = dict(zip(numbers, self.buckets, strict=True))
        # 3. Each bucket has the one form that its records can have.
        for number, content in buckets.items():
            if not _is_bucket(number, content):
                raise VerificationError("a bucket is not in its canonical form", found=f"bucket {number}")
        # 4. Each entry stands in its bucket with its value, or its key does not stand there at all.
        for (key, data), key_hash in zip(self.entries, hashes, strict=True):
            content = buckets[bucket_of(key_hash)]
            place = _place(content, key_hash)
            present = content[place : place + DIGEST_BYTES] == key_hash
            if data is None and present:
                raise VerificationError("an entry said to be absent is present", field=key.hex())
            if data is not None and not present:
                raise VerificationError("an entry said to be present is absent", field=key.hex())
            if data is not None and content[place + DIGEST_BYTES : place + RECORD_BYTES] != value_hash(data):
                raise VerificationError("an entry's value is not the one in the state", field=key.hex())
        # 5. Buckets and siblings lead to the root.
        if self._root(buckets) != root:
            raise VerificationError("state proof does not lead to the state root")
        try:
            return {key: None if data is None else codec.decode(data) for key, data in self.entries}
        except Malformed as error:
            raise VerificationError("a proved value cannot be read", found=str(error)) from None

    def root_after(self, changes: Changes) -> bytes:
        """Root of the state after these changes to entries of a proof that has been verified.

        Raises:
            VerificationError: a changed key is none of the proof's.
        """
        keys = {key for key, _ in self.entries}
        buckets = dict(zip(sorted({_bucket_of_key(key) for key in keys}), self.buckets, strict=True))
        for key, value in changes.items():
            if key not in keys:
                raise VerificationError("a changed entry is not in the state proof", field=key.hex())
            number = _bucket_of_key(key)
            buckets[number] = _changed(buckets[number], sha256(key).digest(), value)
        return self._root(buckets)

    def _root(self, buckets: Mapping[int, bytes]) -> bytes:
        nodes = {number: _leaf(content) for number, content in buckets.items()}
        position = 0
        for _ in range(DEPTH):
            families: dict[int, dict[int, bytes]] = {}
            for index, node in nodes.items():
                families.setdefault(index >> NODE_FANOUT_BITS, {})[index % FANOUT] = node
            nodes = {}
            for parent, children in families.items():
                if position >= len(self.siblings):
                    raise VerificationError("state proof with too few siblings")
                joined = _join(children, self.siblings[position])
                nodes[parent] = sha256(STATE_NODE + joined).digest() if joined != _ZEROS else ZERO
                position += 1
        if position != len(self.siblings):
            raise VerificationError("state proof with too many siblings")
        return nodes[0]


def _siblings(children: bytes, computed: Iterable[int]) -> bytes:
    """The children of a node that a proof must give: a mask, and the hashes that are not zeros.

    `computed` are the places of those that follow from what lies below, ascending.
    """
    left_out = list(computed)
    if ZERO in children:
        left_out += [place for place, part in enumerate(_PARTS) if children[part] == ZERO]
    mask = (1 << FANOUT) - 1
    kept = bytearray(children)
    for place in sorted(set(left_out), reverse=True):
        del kept[_PARTS[place]]
        mask ^= 1 << place
    return mask.to_bytes(_MASK_BYTES, "big") + kept


def root_above(level: int, nodes: bytes) -> bytes:
    """Root of the tree that has these nodes at a level, joined."""
    assert len(nodes) == DIGEST_BYTES << (BUCKET_BITS - level * NODE_FANOUT_BITS), "a whole level"
    return _over(nodes)


def subtree_root(level: int, index: int, contents: Mapping[int, bytes]) -> bytes:
    """The node at (level, index) above these buckets, which are all of its own that are not empty."""
    width = 1 << level * NODE_FANOUT_BITS
    leaves = bytearray(width * DIGEST_BYTES)
    for bucket, content in contents.items():
        offset = (bucket - index * width) * DIGEST_BYTES
        assert 0 <= offset < len(leaves), "buckets of this subtree"
        leaves[offset : offset + DIGEST_BYTES] = _leaf(content)
    return _over(bytes(leaves))


def bucket_of(key_hash: bytes) -> int:
    """The bucket that a key hash belongs to."""
    number: int = _first_bits(key_hash)[0]
    return number >> _BUCKET_SHIFT


def subtree_of(key: bytes) -> int:
    """The subtree that holds a state key."""
    return _bucket_of_key(key) >> SUBTREE_SHIFT


def _bucket_of_key(key: bytes) -> int:
    return bucket_of(sha256(key).digest())


def _changed(content: bytes, key_hash: bytes, value: bytes | None) -> bytes:
    """A bucket's contents with one entry set, or taken away."""
    place = _place(content, key_hash)
    end = place + RECORD_BYTES if content[place : place + DIGEST_BYTES] == key_hash else place
    record = b"" if value is None else key_hash + value_hash(value)
    return content[:place] + record + content[end:]


def _over(nodes: bytes) -> bytes:
    """The one node above a run of nodes."""
    while len(nodes) > DIGEST_BYTES:
        nodes = b"".join([_node(nodes[start : start + _SPAN]) for start in range(0, len(nodes), _SPAN)])
    return nodes


def _node(children: bytes) -> bytes:
    """Hash of an inner node."""
    return sha256(STATE_NODE + children).digest() if children != _ZEROS else ZERO


def _join(computed: Mapping[int, bytes], siblings: bytes) -> bytes:
    """All 16 children of a node: the computed ones and those that the proof gives."""
    mask = int.from_bytes(siblings[:_MASK_BYTES], "big")
    given = _places_in(mask)
    if len(siblings) != _MASK_BYTES + DIGEST_BYTES * len(given):
        raise VerificationError("siblings do not fit their mask")
    children = [ZERO] * FANOUT
    for place, node in computed.items():
        if mask >> place & 1:
            raise VerificationError("a sibling given for a node that is computed")
        children[place] = node
    position = _MASK_BYTES
    for place in given:
        node = children[place] = siblings[position : position + DIGEST_BYTES]
        if node == ZERO:
            raise VerificationError("a sibling of zeros that the mask should leave out")
        position += DIGEST_BYTES
    return b"".join(children)


@lru_cache(maxsize=8_192)
def _places_in(mask: int) -> tuple[int, ...]:
    """The bits of a mask, ascending."""
    return tuple([place for place in range(FANOUT) if mask >> place & 1])


def _leaf(content: bytes) -> bytes:
    """Hash of a bucket's contents."""
    return sha256(STATE_BUCKET + content).digest() if content else ZERO


def _place(content: bytes, key_hash: bytes) -> int:
    """Offset of the first record whose key hash is not below `key_hash`."""
    low, high = 0, len(content) // RECORD_BYTES
    while low < high:
        middle = (low + high) >> 1
        offset = middle * RECORD_BYTES
        if content[offset : offset + DIGEST_BYTES] < key_hash:
            low = middle + 1
        else:
            high = middle
    return low * RECORD_BYTES


def _is_bucket(bucket: int, content: bytes) -> bool:
    """Whether these are whole records, strictly ascending, all of this bucket."""
    if len(content) % RECORD_BYTES:
        return False
    before = b""
    for offset in range(0, len(content), RECORD_BYTES):
        key_hash = content[offset : offset + DIGEST_BYTES]
        if key_hash <= before or bucket_of(key_hash) != bucket:
            return False
        before = key_hash
    return True
