"""The clocks of the voters, as far as this node has heard of them.

    every second, and every four at rest: our signed reading -> all peers
    theirs -> the newest of each is kept -> the next block of this node shows what a quorum has reached

The ledger's time follows from readings (`ledger.blocks.clock`), never from one node's clock. The one that was
told last counts, not the highest: a clock that was far ahead and has been set right must not make up
a quorum with the next one that is wrong. It does not fade, so that of a node that is gone still
counts for the time that it showed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import structlog

from ledger import codec
from ledger.blocks.clock import Reading, shown_by, time_of
from ledger.chain.chain import Chain
from ledger.errors import Malformed
from ledger.keys import SigningKey
from ledger.members.membership import Membership
from node.limits import CLOCK_DIFFERENCE_WARNED_MS

log = structlog.get_logger(component="clocks")

_UNSIGNED = b""
"""The signature of a reading that is only compared with others."""


class Clocks:
    """One node's view of the voters' clocks in one channel."""

    def __init__(self, *, node: str, key: SigningKey, chain: Chain, clock_ms: Callable[[], int]) -> None:
        self._node = node
        self._key = key
        self._chain = chain
        self._clock_ms = clock_ms
        self._newest: dict[str, Reading] = {}
        self._looked: tuple[int, Membership, int | None] | None = None
        """This node's clock, who counts, and what was found then: many ask within one millisecond."""
        self.ahead_ms: dict[str, int] = {}
        """How far each member's clock lay ahead of this node's when it was heard last; negative: behind."""
        self._differs: set[str] = set()
        self._times: Counter[str] = Counter()
        """How often each member's clock has begun to differ."""

    def own(self) -> Reading | None:
        """A reading of this node's clock; None if nobody counts it, as this node has no vote."""
        if not self._chain.membership.is_voter(self._node):
            return None
        return Reading.sign(self._key, self._chain.channel, self._node, self._clock_ms())

    def take(self, peer: str, content: codec.Value) -> None:
        """A peer tells what its clock has reached.

        Raises:
            Malformed: it is not the peer's own, signed reading.
        """
        reading = Reading.from_value(content)
        if reading.node != peer:
            raise Malformed(
                "a clock reading in another node's name", field="reading.node", found=reading.node
            )
        membership = self._chain.membership
        member = membership.member(peer)
        if member is None:
            return
        if not reading.is_signed_by(member.key, self._chain.channel):
            raise Malformed("a clock reading that its node did not sign", field="reading.signature")
        self._looked = None
        self._forget_strangers()
        self._note_difference(peer, reading.time_ms - self._clock_ms())
        self._newest[peer] = reading

    def readings(self) -> list[Reading]:
        """The newest reading of each voter, this node's of now included."""
        own = self.own()
        return [*self._newest.values(), *([] if own is None else [own])]

    def readings_after(self, time_ms: int) -> list[Reading]:
        """The readings if together they show a later time than this one, which is seldom; none otherwise.

        Times are compared before anything is signed: a block that has its parent's time needs no reading.
        """
        shown_ms = self._shown_ms()
        return [] if shown_ms is None or shown_ms <= time_ms else self.readings()

    def now_ms(self) -> int:
        """The time as a quorum of the voters sees it; this node's clock while too few were heard."""
        shown_ms = self._shown_ms()
        return self._clock_ms() if shown_ms is None else shown_ms

    def _shown_ms(self) -> int | None:
        """What a quorum of the voters' clocks have reached, this node's of now included; None if too few."""
        own_ms, membership = self._clock_ms(), self._chain.membership
        looked = self._looked
        if looked is not None and looked[0] == own_ms and looked[1] is membership:
            return looked[2]
        heard = list(self._newest.values())
        if membership.is_voter(self._node):
            heard.append(Reading(self._node, own_ms, _UNSIGNED))
        shown = shown_by(heard, membership)
        shown_ms = time_of(shown) if shown else None
        self._looked = (own_ms, membership, shown_ms)
        return shown_ms

    def _forget_strangers(self) -> None:
        """Who is no member any more is neither counted nor shown."""
        member = self._chain.membership.is_member
        for node in [node for node in self.ahead_ms if not member(node)]:
            self._newest.pop(node, None)
            del self.ahead_ms[node]
            self._differs.discard(node)
            self._times.pop(node, None)

    def _note_difference(self, peer: str, ahead_ms: int) -> None:
        self.ahead_ms[peer] = ahead_ms
        if abs(ahead_ms) <= CLOCK_DIFFERENCE_WARNED_MS:
            self._differs.discard(peer)
        elif peer not in self._differs:
            self._differs.add(peer)
            self._times[peer] += 1
            times = self._times[peer]
            if times.bit_count() == 1:  # a member may say right and wrong by turns as often as it likes
                log.warning("clocks_differ", peer=peer, ahead_ms=ahead_ms, times=times)
