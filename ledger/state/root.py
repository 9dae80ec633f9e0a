"""The state root: how a set of entries leads to one hash, whatever their history.

    key hash   = SHA-256(key)                        value hash = digest(0x0a, value bytes)
    bucket     = the first 20 bits of the key hash: 2^20 buckets
    leaf       = digest(0x04, key hash || value hash || …, ascending by key hash); zeros when empty
    inner node = digest(0x05, its 16 children);      zeros when all 16 are zeros
    root       = the node above five levels of nodes; zeros for the empty state

The shape never changes: no rotation, no split, no memory of the order of insertion.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from struct import Struct

from ledger.hashing import STATE_BUCKET, STATE_NODE, STATE_VALUE, ZERO
from ledger.limits import BUCKET_BITS, DIGEST_BYTES, NODE_FANOUT_BITS, SNAPSHOT_TREE_LEVEL

DEPTH = BUCKET_BITS // NODE_FANOUT_BITS
FANOUT = 1 << NODE_FANOUT_BITS
BUCKETS = 1 << BUCKET_BITS
RECORD_BYTES = 2 * DIGEST_BYTES
"""Of an entry in its bucket."""
SUBTREE_SHIFT = SNAPSHOT_TREE_LEVEL * NODE_FANOUT_BITS
SUBTREES = BUCKETS >> SUBTREE_SHIFT
"""Subtrees that a whole state is checked in, each by itself, where it is handed over."""

SPAN = FANOUT * DIGEST_BYTES
ZEROS = bytes(SPAN)
"""16 children, joined, of which there are none."""

first_bits = Struct(">I").unpack_from
BUCKET_SHIFT = 32 - BUCKET_BITS

assert 0 <= BUCKET_SHIFT < 32, "four bytes of a key hash hold the bucket's number"

Changes = Mapping[bytes, bytes | None]
"""State key to its new canonical value bytes, or None for a deleted entry."""


def value_hash(value: bytes) -> bytes:
    """What a bucket holds for a value's canonical bytes."""
    return sha256(STATE_VALUE + value).digest()


def bucket_of(key_hash: bytes) -> int:
    """The bucket that a key hash belongs to."""
    number: int = first_bits(key_hash)[0]
    return number >> BUCKET_SHIFT


def bucket_of_key(key: bytes) -> int:
    """The bucket that a state key belongs to."""
    return bucket_of(sha256(key).digest())


def subtree_of(key: bytes) -> int:
    """The subtree that holds a state key."""
    return bucket_of_key(key) >> SUBTREE_SHIFT


def leaf_hash(content: bytes) -> bytes:
    """Hash of a bucket's contents."""
    return sha256(STATE_BUCKET + content).digest() if content else ZERO


def place_in(content: bytes, key_hash: bytes) -> int:
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


def is_bucket(bucket: int, content: bytes) -> bool:
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


def with_entry(content: bytes, key_hash: bytes, value: bytes | None) -> bytes:
    """A bucket's contents with one entry set, or taken away."""
    place = place_in(content, key_hash)
    end = place + RECORD_BYTES if content[place : place + DIGEST_BYTES] == key_hash else place
    record = b"" if value is None else key_hash + value_hash(value)
    return content[:place] + record + content[end:]


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
        leaves[offset : offset + DIGEST_BYTES] = leaf_hash(content)
    return _over(bytes(leaves))


def _over(nodes: bytes) -> bytes:
    """The one node above a run of nodes."""
    while len(nodes) > DIGEST_BYTES:
        nodes = b"".join([node_hash(nodes[start : start + SPAN]) for start in range(0, len(nodes), SPAN)])
    return nodes


def node_hash(children: bytes) -> bytes:
    """Hash of an inner node."""
    return sha256(STATE_NODE + children).digest() if children != ZEROS else ZERO
