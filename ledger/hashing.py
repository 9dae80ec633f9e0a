"""SHA-256 with a domain tag for each kind of thing that is hashed.

    digest(tag, part, part, …) = SHA-256(tag || part || part …)

The tag is one byte, so that bytes of one kind can never be read as another kind. Leaves
and nodes of Merkle trees use the tags of RFC 6962 section 2.1, so that its test vectors
apply as they are.
"""

from __future__ import annotations

from hashlib import sha256

MERKLE_LEAF = b"\x00"
MERKLE_NODE = b"\x01"
TRANSACTION = b"\x02"
HEADER = b"\x03"
STATE_BUCKET = b"\x04"
STATE_NODE = b"\x05"
HISTORY = b"\x06"
MEMBERSHIP = b"\x07"
COMMITMENT = b"\x08"
PREAMBLE = b"\x09"
STATE_VALUE = b"\x0a"
FINGERPRINT = b"\x0b"
LINES = b"\x0c"
BID = b"\x0d"
QUOTE_TERMS = b"\x0e"

ZERO = bytes(32)
"""Stands for: nothing before this, nothing in this subtree."""

EMPTY_TREE = sha256(b"").digest()
"""Root of a Merkle tree without leaves (RFC 6962 section 2.1)."""


def digest(tag: bytes, *parts: bytes) -> bytes:
    """32 bytes: SHA-256 over the tag and the parts, joined without separators."""
    return sha256(tag + b"".join(parts)).digest()


SHOWN_HEX = 16
"""Digits by which a hash is told from others where people read it."""


def short(value: bytes) -> str:
    """A hash as people are shown it: its first digits."""
    return f"{value.hex()[:SHOWN_HEX]}…"
