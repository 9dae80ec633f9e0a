"""The rows of a store: what there is, and under which key it stands.

| row | key | value |
|---|---|---|
| block | `b` height | block bytes |
| certificate | `c` height | certificate bytes, where one block was certified by name |
| state | `s` state key | value bytes |
| entry of the state tree | `t` key hash | value hash |
| record | `r` state key, sequence | record bytes of the history at that key |
| head | `k` state key, sequence | head of the chain before that record, every 64th |
| location | `x` first 16 bytes of a transaction id | height, index (2 bytes) |
| recent | `e` height | header, ids and signatures of a block of the last hour before the base |
| handover | `h` height | proof of the membership change at that height, once another has followed |
| node | `n` level (1 byte), index | complete node of the tree over header hashes |
| meta | `m` name | format, owner, term and vote, applied height, base height |

Heights, sequences and indexes are 5 bytes, big-endian. No state key begins another, so
records of one history are contiguous. So are the key hashes of one bucket of the state tree: a
new key costs a row, where rows of whole buckets were written again for each of their keys. A bucket
is read by an iterator. LevelDB counts the files that a read of a single key has to look into, and
merges those where it often looked in vain, however large: at random keys that is all of them.
"""

from __future__ import annotations

from ledger import codec

BLOCK, CERTIFICATE, STATE, ENTRY, RECORD = b"b", b"c", b"s", b"t", b"r"
HEAD, LOCATION, RECENT, HANDOVER, NODE = b"k", b"x", b"e", b"h", b"n"

FORMAT = 2
FORMAT_KEY, FORMAT_VALUE = b"mformat", codec.encode(FORMAT)
HARD_KEY = b"mhard"
APPLIED_KEY = b"mapplied"
OWNER_KEY = b"mowner"
BASE_KEY = b"mbase"

NUMBER_BYTES = 5
ID_BYTES = 16
"""Of a transaction id, in the key of its location."""


def number(number: int) -> bytes:
    """A height, sequence or index, as it stands in keys."""
    return number.to_bytes(NUMBER_BYTES, "big")


def beyond(prefix: bytes) -> bytes:
    """The first byte string after all those that begin with `prefix`."""
    kept = prefix.rstrip(b"\xff")
    return kept[:-1] + bytes((kept[-1] + 1,))


def location_row(identity: bytes, height: int, index: int) -> tuple[bytes, bytes]:
    """The row that tells where a transaction stands."""
    return LOCATION + identity[:ID_BYTES], number(height) + index.to_bytes(2, "big")


def recent_row(height: int, header: bytes, leaves: bytes) -> tuple[bytes, bytes]:
    """The row that tells of a block before the base: its header, and ids and signatures joined."""
    return RECENT + number(height), codec.encode((header, leaves))


def node_key(level: int, index: int) -> bytes:
    """The key of a complete node of the tree over header hashes."""
    return NODE + level.to_bytes(1, "big") + number(index)
