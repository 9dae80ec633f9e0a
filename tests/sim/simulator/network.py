"""The network between nodes: it loses, delays, reorders, doubles, cuts, replays and forges.

A link is one way. Whatever is on a link when it is cut is lost. Senders are authenticated (in
the node by TLS), so nobody forges the lies of an honest member: what is forged is what a
broken or hostile transport and peers can produce without holding the members' keys; and whatever
those say who were members once, and have kept their keys.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from consensus.messages import (
    Append,
    AppendReply,
    Certificate,
    Entry,
    Heartbeat,
    Message,
    PreVote,
    Snapshot,
    Vote,
    VoteReply,
)
from simulator.plan import Link

if TYPE_CHECKING:
    from simulator.world import World

STRANGER = "zz"
MAX_REMEMBERED = 400
MAX_REMEMBERED_VOTES = 40
CALM_DELAY_US = 200


class Network:
    """Takes messages and delivers some of them, some time."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._plan = world.plan
        self._draw = world.stream("network")
        self.cuts: Counter[Link] = Counter()
        """How many partitions cut a link at the moment."""
        plan = world.plan
        disturbances = (
            plan.replay_ppm,
            plan.forge_ppm,
            plan.poses_ppm,
            plan.loss_ppm,
            plan.duplicate_ppm,
        )
        self._is_plain = not any(disturbances)
        """Whether nothing is done to messages but that they take time."""
        self._last: dict[Link, int] = {}
        self._remembered: list[Message] = []
        self._remembered_votes: list[Message] = []
        """Requests for votes, which are few, apart: as many replays are of them."""

    def send(self, message: Message) -> None:
        """Take a message; the rest is chance."""
        link = (message.sender, message.target)
        counted = self._world.counted
        counted["messages"] += 1
        is_calm = self._world.is_calm
        if not is_calm and self.cuts.get(link):
            counted["cut off"] += 1
            return
        if is_calm or self._is_plain:
            self._schedule(message, link)
            return
        plan, chance = self._plan, self._draw.random
        if plan.replay_ppm:
            self._remember(message)
            if chance() * 1_000_000 < plan.replay_ppm:
                counted["replayed"] += 1
                old = self._recall()
                self._schedule(old, (old.sender, old.target))
        if plan.forge_ppm and chance() * 1_000_000 < plan.forge_ppm:
            counted["forged"] += 1
            self._forge(message)
        if plan.poses_ppm and chance() * 1_000_000 < plan.poses_ppm:
            self._pose(message)
        if plan.loss_ppm and chance() * 1_000_000 < plan.loss_ppm:
            counted["lost"] += 1
            return
        self._schedule(message, link)
        if plan.duplicate_ppm and chance() * 1_000_000 < plan.duplicate_ppm:
            counted["doubled"] += 1
            self._schedule(message, link)

    def delay_us(self) -> int:
        """How long something takes on its way."""
        plan = self._plan
        if self._world.is_calm:
            return CALM_DELAY_US + int(self._draw.random() * CALM_DELAY_US)
        delay = plan.delay_us + int(self._draw.random() * plan.spread_us)
        if plan.late_ppm and self._draw.random() * 1_000_000 < plan.late_ppm:
            self._world.counted["late"] += 1
            delay += int(self._draw.random() * plan.late_us)
        return delay

    def _schedule(self, message: Message, link: Link) -> None:
        delay = self.delay_us()
        if self._plan.in_order:
            arrival = max(self._world.now + delay, self._last.get(link, 0))
            self._last[link] = arrival
            delay = arrival - self._world.now
        self._world.carry(delay, message)

    def _remember(self, message: Message) -> None:
        is_vote = isinstance(message, Vote)
        kept = self._remembered_votes if is_vote else self._remembered
        if len(kept) < (MAX_REMEMBERED_VOTES if is_vote else MAX_REMEMBERED):
            kept.append(message)
        else:
            kept[self._draw.randrange(len(kept))] = message

    def _recall(self) -> Message:
        votes, others = self._remembered_votes, self._remembered
        kept = votes if votes and (not others or self._draw.random() < 0.5) else others
        return kept[self._draw.randrange(len(kept))]

    def _forge(self, message: Message) -> None:
        """Something like this message that must change nothing, or no more than this message would."""
        kind = self._draw.randrange(4)
        if kind == 0:
            self._world.carry_absurd(self.delay_us(), self._absurd(message))
        elif kind == 1 and isinstance(message, AppendReply) and message.acks:
            place = self._draw.randrange(len(message.acks))
            index, signature = message.acks[place]
            bad = (index, signature[:-1] + bytes([signature[-1] ^ 1]))
            acks = (*message.acks[:place], bad, *message.acks[place + 1 :])
            self._world.carry(self.delay_us(), replace(message, acks=acks))
        elif kind == 2 and isinstance(message, VoteReply) and message.granted:
            bad_vote = bytes([message.signature[0] ^ 1]) + message.signature[1:]
            self._world.carry(self.delay_us(), replace(message, signature=bad_vote))
        elif isinstance(message, Append | Heartbeat) and message.certificate is not None:
            void = self._void(message.certificate)
            self._world.carry(self.delay_us(), replace(message, certificate=void))
        elif not isinstance(message, Append | Heartbeat | Snapshot | PreVote | Vote):
            self._world.carry_absurd(
                self.delay_us(), replace(message, sender=STRANGER, term=message.term + 3)
            )

    def _pose(self, message: Message) -> None:
        """Somebody speaks of the next term, who may have left the members by then."""
        everyone = self._plan.everyone
        sender = everyone[self._draw.randrange(len(everyone))]
        if sender != message.target and not isinstance(message, PreVote):
            posed = replace(message, sender=sender, term=message.term + 1)
            self._world.carry_posed(self.delay_us(), posed)

    def _absurd(self, message: Message) -> Message:
        """A message that is addressed wrongly or holds what cannot be."""
        if isinstance(message, Append) and self._draw.random() < 0.6:
            wrong = (
                replace(message, prev_index=-1),
                replace(message, prev_term=message.term + 1),
                replace(message, commit=2**60),
                replace(message, entries=(Entry(message.prev_index + 2, message.term, b"h", b""),)),
                replace(
                    message,
                    entries=(Entry(message.prev_index + 1, message.term + 1, b"h", b""),),
                ),
            )
            return wrong[self._draw.randrange(len(wrong))]
        if isinstance(message, AppendReply) and message.ok and self._draw.random() < 0.6:
            return replace(message, match=2**60, acks=())
        if isinstance(message, Vote | PreVote) and self._draw.random() < 0.6:
            return replace(message, last_term=message.term, last_index=message.last_index + 9)
        choice = self._draw.randrange(4)
        if choice == 0:
            return replace(message, term=2**63)
        if choice == 1:
            return replace(message, term=-1)
        if choice == 2:
            return replace(message, sender=message.target, term=message.term + 1)
        return replace(message, id=-5)

    def _void(self, good: Certificate) -> Certificate:
        """A certificate that proves nothing, as close to a good one as can be."""
        kind = self._draw.randrange(5)
        node, signature = good.acks[0]
        if kind == 0:
            return replace(good, acks=good.acks[1:])
        if kind == 1:
            return replace(good, acks=((node, bytes(len(signature))), *good.acks[1:]))
        if kind == 2:
            return replace(good, acks=(*good.acks[:-1], (STRANGER, good.acks[-1][1])))
        if kind == 3:
            return replace(good, hash=bytes(len(good.hash)))
        return replace(good, term=max(1, good.term - 1), hash=good.hash[::-1])
