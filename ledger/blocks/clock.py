"""The ledger's time: what a quorum of the voters' clocks have reached.

    reading = Ed25519("tallystick/clock/1\\0" || encode([channel, node, time_ms]))
    shown   = [[node, time_ms, reading], …]     ascending by node; the field `clocks` of a preamble

A reading says "my clock has reached this time". It stays true for ever, so it needs no freshness:
an old one only shows an earlier time.

A block either has its parent's time, or shows a later one: by readings, each at that time or after
it, of a quorum of the voters of the membership that governs the parent. No clock is asked whether a
block may be taken, neither that of its proposer nor that of whoever takes it. So

- a clock that is fast or slow moves nothing unless a quorum of clocks is;
- whoever has a block can have the next one too, today or in ten years: time never blocks the log;
- a proposer that lies cannot bring the time beyond the fastest honest clock, unless as many voters lie
  as make a quorum. That is what the bound is for: time ends the validity of transactions.

It can hold time back, as it can leave transactions out.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from ledger import codec, keys, shape
from ledger.blocks.block import Header
from ledger.errors import BlockInvalid, Malformed
from ledger.limits import MAX_MEMBERS, SIGNATURE_BYTES
from ledger.members.membership import Membership


@dataclass(frozen=True, slots=True)
class Reading:
    """A node's signed word for what its clock has reached, milliseconds since 1970."""

    node: str
    time_ms: int
    signature: bytes

    @classmethod
    def sign(cls, key: keys.SigningKey, channel: bytes, node: str, time_ms: int) -> Reading:
        """A reading of a node's own clock."""
        return cls(node, time_ms, key.sign(keys.CLOCK_DOMAIN, _signed(channel, node, time_ms)))

    def is_signed_by(self, public: bytes, channel: bytes) -> bool:
        """Whether the node of this key made it, for this channel."""
        return keys.verify(
            public, keys.CLOCK_DOMAIN, _signed(channel, self.node, self.time_ms), self.signature
        )

    def to_value(self) -> codec.Value:
        """The canonical array."""
        return (self.node, self.time_ms, self.signature)

    @classmethod
    def from_value(cls, value: codec.Value, place: str = "reading") -> Reading:
        """Read one; `is_signed_by` says whether it says anything.

        Raises:
            Malformed: with the field that is wrong.
        """
        node, time_ms, signature = shape.array(value, 3, place)
        return cls(
            shape.name(node, f"{place}.node"),
            shape.integer(time_ms, f"{place}.time_ms", least=1),
            shape.octets(signature, SIGNATURE_BYTES, f"{place}.signature"),
        )


def readings_of(value: codec.Value, place: str) -> tuple[Reading, ...]:
    """The readings in a preamble.

    Raises:
        Malformed: with the field that is wrong, or readings out of order.
    """
    listed = shape.sequence(value, MAX_MEMBERS, place, least=1)
    readings = tuple([Reading.from_value(each, place) for each in listed])
    for before, after in pairwise(readings):
        if before.node >= after.node:
            raise Malformed("readings out of order", field=place, expected="ascending, no node twice")
    return readings


def shown_by(readings: Iterable[Reading], membership: Membership) -> tuple[Reading, ...]:
    """The readings that show the latest time which a quorum has reached, ascending by node; none if none do.

    That time is the earliest among them. Their signatures are not looked at.
    """
    chosen: list[Reading] = []
    latest_first = sorted(readings, key=lambda each: (-each.time_ms, each.node))
    for reading in latest_first:
        if membership.is_voter(reading.node):
            chosen.append(reading)
            if membership.has_quorum([each.node for each in chosen]):
                return tuple(sorted(chosen, key=lambda each: each.node))
    return ()


def time_of(shown: Iterable[Reading]) -> int:
    """The time that these readings show: all have reached it."""
    return min(reading.time_ms for reading in shown)


def check_time(header: Header, parent: Header, shown: tuple[Reading, ...], membership: Membership) -> None:
    """Check that a block has its parent's time, or that a quorum's clocks have reached its own.

    `membership` is the one that governs the parent.

    Raises:
        BlockInvalid: with what is missing.
    """
    if header.time_ms < parent.time_ms:
        raise _not_shown("the time runs backwards", header.time_ms, f"at least {parent.time_ms}")
    if not shown:
        if header.time_ms != parent.time_ms:
            raise _not_shown("a later time that no clock shows", header.time_ms, parent.time_ms)
        return
    if header.time_ms == parent.time_ms:
        raise _not_shown("clock readings in a block of its parent's time")
    for reading in shown:
        if reading.time_ms < header.time_ms:
            raise _not_shown("a clock that has not reached it", reading.node, f"at least {header.time_ms}")
        member = membership.member(reading.node)
        if member is None or not membership.is_voter(reading.node):
            raise _not_shown("a clock reading of no voter", reading.node)
        if not reading.is_signed_by(member.key, header.channel):
            raise _not_shown("a clock reading that its node did not sign", reading.node)
    if not membership.has_quorum([reading.node for reading in shown]):
        raise _not_shown("too few clocks show it", len(shown), "a quorum of the voters")


def _not_shown(message: str, found: object = None, expected: object = None) -> BlockInvalid:
    return BlockInvalid(
        message, code="time_not_shown", field="header.time_ms", found=found, expected=expected
    )


def _signed(channel: bytes, node: str, time_ms: int) -> bytes:
    return codec.encode((channel, node, time_ms))
