"""Who may be on the way in: connections that have not yet proved whose they are.

A handshake costs a connection, some memory and about a millisecond, and anybody who reaches
the port can begin one. So there is a bound on how many are under way, and when it is
reached the oldest one of the address that has the most of them has to go: a flood from one
place displaces itself, and an honest node, done within a few milliseconds, passes. One
address may also begin only so many in a second.

Addresses of the same IPv6 network of 64 bits count as one, as one customer has them all.
"""

from __future__ import annotations

from collections import Counter
from typing import Generic, TypeVar

from node.errors import PeerRefused
from node.limits import MAX_CONNECTS_PER_SECOND, MAX_UNPROVED_LINKS

Guest = TypeVar("Guest")


class Gate(Generic[Guest]):
    """The unproved connections of one node, in the order in which they came."""

    def __init__(
        self, most: int = MAX_UNPROVED_LINKS, most_per_second: int = MAX_CONNECTS_PER_SECOND
    ) -> None:
        self._most = most
        self._most_per_second = most_per_second
        self._guests: dict[Guest, str] = {}
        self._second = -1
        self._begun: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._guests)

    def admit(self, guest: Guest, host: str, now_s: float) -> Guest | None:
        """Let a guest in; who has to go for it, if anybody.

        Raises:
            PeerRefused: too_many_connections: this address begins too many.
        """
        address = network_of(host)
        if int(now_s) != self._second:
            self._second = int(now_s)
            self._begun.clear()
        self._begun[address] += 1
        if self._begun[address] > self._most_per_second:
            raise PeerRefused(
                "too many connections in one second",
                code="too_many_connections",
                found=f"more than {self._most_per_second} from {address}",
                expected=f"at most {self._most_per_second}",
            )
        displaced = self._oldest_of_the_crowd() if len(self._guests) >= self._most else None
        if displaced is not None:
            del self._guests[displaced]
        self._guests[guest] = address
        return displaced

    def leave(self, guest: Guest) -> None:
        """A guest has proved who it is, or is gone."""
        self._guests.pop(guest, None)

    def _oldest_of_the_crowd(self) -> Guest:
        ((crowd, _),) = Counter(self._guests.values()).most_common(1)
        return next(guest for guest, address in self._guests.items() if address == crowd)


def network_of(host: str) -> str:
    """The address itself, or the first half of an IPv6 address."""
    if ":" not in host or host.startswith("::"):
        return host
    return ":".join(host.split("%", maxsplit=1)[0].split(":")[:4])
