"""Proof of possession: whoever proposes a node's key for the membership shows that the node has it.

    possession = Ed25519("tallystick/node/1\\0" || encode([channel, node, organisation, key, certificate]))

Without it somebody could enter another's key under a node id of their own, and two nodes of one key
would answer for each other.
"""

from __future__ import annotations

from ledger import codec, keys
from ledger.members.membership import Member

_KEY_INFO = bytes.fromhex("302a300506032b6570032100")
"""What stands before an Ed25519 key in a certificate (RFC 8410 section 4)."""


def possession_bytes(channel: bytes, member: Member) -> bytes:
    """What the node's key signs: worth nothing for another channel, node, organisation or certificate."""
    return codec.encode((channel, *member.to_value()))


def sign_possession(key: keys.SigningKey, channel: bytes, member: Member) -> bytes:
    """The node's statement that it holds the member's key, 64 bytes."""
    return key.sign(keys.NODE_DOMAIN, possession_bytes(channel, member))


def verify_possession(channel: bytes, member: Member, signature: bytes) -> bool:
    """Whether the holder of the member's key made this statement about exactly this member."""
    return keys.verify(member.key, keys.NODE_DOMAIN, possession_bytes(channel, member), signature)


def certificate_names_key(member: Member) -> bool:
    """Whether the member's key stands as an Ed25519 key in its certificate.

    Bytes are compared, nothing is parsed: every node must give the same answer, whatever its library.
    """
    return _KEY_INFO + member.key in member.certificate
