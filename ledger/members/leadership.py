"""An order to hand leadership over, signed by an operator's key.

    order = Ed25519("tallystick/hand-over/1\\0" || encode([channel, node, term, to]))

`node` is the leader that is asked, `term` the one that it leads in, `to` the voter that is to lead
next, empty for the most advanced one. So an order is worth nothing at another node or in another term:
who repeats one achieves what was asked for, once.
"""

from __future__ import annotations

from dataclasses import dataclass

from ledger import codec, keys


@dataclass(frozen=True, slots=True)
class HandOverOrder:
    """What is asked for, by the holder of `key`."""

    node: str
    term: int
    to: str
    key: bytes
    signature: bytes

    @classmethod
    def sign(cls, key: keys.SigningKey, channel: bytes, node: str, term: int, to: str) -> HandOverOrder:
        """An order of this key."""
        signature = key.sign(keys.HAND_OVER_DOMAIN, _signed(channel, node, term, to))
        return cls(node, term, to, key.public, signature)

    def is_signed(self, channel: bytes) -> bool:
        """Whether the holder of the key gave this order in this channel."""
        signed = _signed(channel, self.node, self.term, self.to)
        return keys.verify(self.key, keys.HAND_OVER_DOMAIN, signed, self.signature)


def _signed(channel: bytes, node: str, term: int, to: str) -> bytes:
    return codec.encode((channel, node, term, to))
