"""How a member that was away learns who the members are now.

Nobody whom it knows may be a member any more, so nobody's word counts: what is handed over are
handovers (`ledger.proofs.handover`), each proved by the ones before, down to the genesis block.

    memberships = [channel, height, [handover, …], [[node, "host:port"], …]]

| part | is |
|---|---|
| height | of the last change of the membership that the sender can prove |
| handovers | those above the height that the other side said before, ascending; one page of them |
| addresses | where the sender finds the members that it knows: hints, links trust keys |

It goes two ways. Members that are linked tell each other their height whenever a link begins, and
whoever is ahead sends what the other lacks. Where no link comes about, because one side does not know
the other's key yet, the dialler opens one more connection without a certificate (`links.Stranger`),
on which nothing else can be said; there both sides take turns until they are level:

    dialler    height 0, nothing
    acceptor   height 9, changes 3 and 9                the dialler was behind: it has caught up
    or
    acceptor   height 0, nothing
    dialler    height 9, changes 3 and 9                the acceptor was behind

What is proved cannot be a lie, whoever says it; a stranger that makes no use of the changes that it
was handed, or claims a height for which it has no proof, is refused (`bad_memberships`). So a talk is
over after as many messages as there are pages, whatever is said.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from ledger import codec, shape
from ledger.errors import Malformed, VerificationError
from ledger.limits import MAX_MEMBERS
from ledger.proofs.handover import Handover
from node.errors import PeerRefused
from node.limits import MAX_ADDRESS_BYTES, MAX_INTRODUCED_HANDOVERS, MAX_INTRODUCTION_BYTES
from node.peering.neighbours import Address, Neighbourhood, read_address

INTRODUCTION = "memberships"
"""The first word of what strangers say, and the kind of the same message on a link."""
MOST_ADDRESSES = 3 * MAX_MEMBERS
"""Of the members of three memberships, as `neighbours` has them."""

log = structlog.get_logger(component="peers")


@dataclass(frozen=True, slots=True)
class Introduction:
    """What one side says of the members; nothing of it is proved yet."""

    channel: bytes
    height: int
    handovers: tuple[Handover, ...]
    addresses: tuple[tuple[str, Address], ...]

    @classmethod
    def from_value(cls, value: codec.Value) -> Introduction:
        """Read one.

        Raises:
            Malformed: with the field that is wrong.
        """
        channel, height, handovers, addresses = shape.array(value, 4, "memberships")
        shape.sequence(handovers, MAX_INTRODUCED_HANDOVERS, "handovers")
        shape.sequence(addresses, MOST_ADDRESSES, "addresses")
        found = []
        for each in addresses:
            node, said = shape.array(each, 2, "address")
            address = read_address(shape.text(said, MAX_ADDRESS_BYTES, "address"))
            if address is None:
                raise Malformed("not an address", field="address", found=said, expected="host:port")
            found.append((shape.name(node, "address.node"), address))
        return cls(
            shape.octets(channel, 32, "channel"),
            shape.integer(height, "height"),
            tuple([Handover.from_value(handover) for handover in handovers]),
            tuple(found),
        )


@dataclass(slots=True)
class Talk:
    """One exchange with one other side: where both stood when it last spoke."""

    stood: tuple[int, int] | None = None
    """(its height, ours)"""
    handed: int = 0
    """The last change of the page that it was handed then."""

    def leads_on(self, theirs: int, ours: int) -> bool:
        """Whether the side that was behind has come as far as it was helped to, where both take turns."""
        before, self.stood = self.stood, (theirs, ours)
        if before is None:
            return True
        was_behind = before[0] < before[1]
        return theirs >= self.handed if was_behind else ours > before[1]

    def goes_on(self, theirs: int, ours: int) -> bool:
        """Whether either side has come further since it last spoke."""
        before, self.stood = self.stood, (theirs, ours)
        return before is None or theirs > before[0] or ours > before[1]


class Introductions:
    """What this node says and hears of the members."""

    def __init__(self, channel: bytes, neighbourhood: Neighbourhood, learned: Callable[[], None]) -> None:
        """`learned` is called when this node knows of newer members, or of a new address of one."""
        self._channel = channel
        self._neighbourhood = neighbourhood
        self._learned = learned
        self._talks: dict[str, Talk] = {}
        """With the members that are linked."""

    def opening(self) -> codec.Value:
        """What is said first to somebody who does not know this node yet: how far it knows the members."""
        return (self._channel, self._neighbourhood.known().heights[-1], (), ())

    def greeting(self, peer: str) -> codec.Value:
        """What is said first on a link with a member."""
        self._talks[peer] = Talk()
        return self._said(())

    def answer(self, height: int) -> codec.Value:
        """What is said to a side that knows the changes up to this height."""
        return self._said(tuple([value for _, value in self._page(height)]))

    def _page(self, height: int) -> list[tuple[int, codec.Value]]:
        """The first changes above this height, and where each is."""
        page: list[tuple[int, codec.Value]] = []
        size = 0
        for handover in self._neighbourhood.known().chain.handovers:
            if handover.height <= height:
                continue
            value = handover.to_value()
            size += len(codec.encode(value))
            if page and (len(page) == MAX_INTRODUCED_HANDOVERS or size > MAX_INTRODUCTION_BYTES):
                break
            page.append((handover.height, value))
        return page

    def hear_stranger(self, content: codec.Value, talk: Talk) -> tuple[bool, codec.Value]:
        """Take what anybody said: whether both sides are level now, and what to answer.

        Raises:
            Malformed: of no form.
            PeerRefused: wrong_channel; bad_memberships: it is not proved, or leads nowhere.
        """
        theirs, ours = self._hear(content, None)
        if theirs != ours and not talk.leads_on(theirs, ours):
            raise _bad(
                f"height {theirs}, after changes up to {talk.handed}, and none that leads beyond {ours}"
            )
        page = self._page(theirs)
        talk.handed = page[-1][0] if page else 0
        return theirs == ours, self._said(tuple([value for _, value in page]))

    def hear_member(self, content: codec.Value, peer: str) -> codec.Value | None:
        """Take what a member said on its link; what to answer, None if nothing.

        Its first words and ours may cross, so that one that repeats itself is not answered, and no more.

        Raises:
            Malformed, PeerRefused: as `hear_stranger`.
        """
        theirs, ours = self._hear(content, peer)
        if theirs == ours or not self._talks.setdefault(peer, Talk()).goes_on(theirs, ours):
            return None
        return self.answer(theirs)

    def _hear(self, content: codec.Value, peer: str | None) -> tuple[int, int]:
        """The height that the other side knows, and the one that we know now."""
        said = Introduction.from_value(content)
        if said.channel != self._channel:
            raise PeerRefused("another channel", code="wrong_channel", expected=self._channel.hex())
        before = self._neighbourhood.known().heights[-1]
        try:
            ours = self._neighbourhood.follow(said.handovers)
        except VerificationError as error:
            raise _bad(str(error)) from None
        if ours > before:
            log.info("members_followed", peer=peer or "a stranger", height=ours, before=before)
        if self._neighbourhood.hint(said.addresses, peer) or ours > before:
            self._learned()
        return said.height, ours

    def _said(self, handovers: tuple[codec.Value, ...]) -> codec.Value:
        places = []
        for node, (host, port) in sorted(self._neighbourhood.located().items()):
            place = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            if len(place.encode()) <= MAX_ADDRESS_BYTES:
                places.append((node, place))
        height = self._neighbourhood.known().heights[-1]
        return (self._channel, height, handovers, tuple(places[:MOST_ADDRESSES]))


def _bad(what: str) -> PeerRefused:
    return PeerRefused(
        "what it says of the members is not proved, or leads nowhere",
        code="bad_memberships",
        found=what[:200],
        expected="the changes of the membership, each proved by those before",
    )
