"""Links between nodes: frames of canonical MessagePack over mutually authenticated TLS 1.3.

Each node dials every other one and sends on the link that it dialled; what it hears comes
on the links that others dialled. So there is nothing to agree on when two nodes dial each
other at once, and a half-dead link stops one direction only.

| first frames | by | value |
|---|---|---|
| hello | dialler | ["hello", 1, channel, own node id, the other's node id] |
| welcome | acceptor | ["welcome", 1] |
| refused | acceptor | ["refused", code, sentence], then it closes |
| memberships | both | ["memberships", 1, what `introductions` says], in place of a hello |

Trust. The TLS context trusts exactly the certificates in the membership, and looks at no
date. When the handshake is done the key in the other side's certificate must be the one
that the membership has for the node dialled or for the node named in hello: a member
cannot speak as another member.

Where somebody answers and no link comes about, the two may know different members: the dialler then
comes once as a stranger, without a certificate, and both hand over what proves the members they
know. Nothing else is heard of a stranger.

The second part of hello is the version of this protocol, in every version of it. A node
that meets another version says so and closes; it reads nothing else.

A link loses messages when it breaks or when its queue is full. Consensus repairs that, and
the pool forwards again.

Peers are not trusted. What they achieve against these links, and what not, stands in
docs/threat-model.md; the bounds in `limits`. A link takes at most its share of the node's
time: what it says beyond that waits in its socket, and with it the sender.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import ssl
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import structlog

from ledger import codec
from ledger.errors import TallyError
from node.errors import COMPARE_CERTIFICATES, PeerRefused
from node.limits import (
    HANDSHAKE_TIMEOUT_MS,
    MAX_LINK_QUEUE_BYTES,
    MOVE_LOG_S,
    RECONNECT_FIRST_MS,
    RECONNECT_MOST_MS,
)
from node.peering.frames import frame
from node.peering.gate import Gate
from node.peering.introductions import INTRODUCTION, Introductions
from node.peering.links import Handler, Incoming, Outgoing, Stranger
from node.peering.refusals import Refusals
from node.peering.tls import Members, stranger_context, tls_context
from node.statistics import Statistics

_BACKLOG = 128
_NO_FILES_PAUSE_S = 0.1
"""How long nothing is accepted after the system had no room for one more connection."""

log = structlog.get_logger(component="peers")


@dataclass(frozen=True, slots=True)
class PeerStatus:
    """What the status page shows of one peer."""

    node: str
    address: str
    sending: bool
    """Our link to it is up."""
    hearing: bool
    """Its link to us is up."""
    problem: str
    is_met: bool
    """Somebody answers there, and no link comes about."""
    refused: dict[str, int]
    """How often something of it was refused, by reason."""


class Peers:
    """The links of one node in one channel."""

    def __init__(
        self,
        *,
        node: str,
        channel: bytes,
        membership: Members,
        key_file: Path,
        certificate_file: Path,
        addresses: dict[str, tuple[str, int]],
        handler: Handler,
        linked: Callable[[str], None],
        introductions: Introductions,
        statistics: Statistics,
    ) -> None:
        self.node = node
        self.channel = channel
        self.membership = membership
        self.addresses = {peer: address for peer, address in addresses.items() if peer != node}
        self.handler = handler
        self.introductions = introductions
        self.statistics = statistics
        self._linked = linked
        self._files = (key_file, certificate_file)
        self._make_contexts()
        self._loop = asyncio.get_running_loop()
        self._listeners: list[socket.socket] = []
        self._accepting: list[asyncio.Task[None]] = []
        self._gate: Gate[Incoming] = Gate()
        self._handshakes: dict[Incoming, socket.socket] = {}
        """TLS handshakes under way, and what they run over."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._outgoing: dict[str, Outgoing] = {}
        self._incoming: dict[str, Incoming] = {}
        self._accepted: set[Incoming] = set()
        self._dialling: dict[str, asyncio.Task[None]] = {}
        self._problems: dict[str, str] = {}
        self._met: set[str] = set()
        """Where somebody answered at the last attempt, and no link came about."""
        self._arrivals: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._to_flush: set[str] = set()
        self._flush_is_due = False
        self.is_closing = False
        self.refusals = Refusals(statistics.peer_refused, self._loop.time)
        self._moves = SeldomLog(self._loop.time)

    async def listen(self, host: str, port: int) -> int:
        """Accept links; the port that was taken.

        Raises:
            OSError: the address cannot be used.
        """
        found = await self._loop.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        try:
            for family, address in sorted({(family, address) for family, _, _, _, address in found}):
                self._listeners.append(_listener(family, (address[0], port, *address[2:])))
                port = self._listeners[0].getsockname()[1]
        except OSError:
            self._stop_listening()
            raise
        for listener in self._listeners:
            self._accepting.append(self._loop.create_task(self._accept_all(listener), name="accept peers"))
        return port

    def dial(self) -> None:
        """Connect to every known address, and again whenever a link is lost."""
        for peer in self.addresses:
            if peer not in self._dialling:
                task = asyncio.create_task(self._keep_dialling(peer), name=f"dial {peer}")
                self._dialling[peer] = task

    def follow(self, membership: Members, addresses: dict[str, tuple[str, int]]) -> None:
        """Link with these members from now on, at these addresses; links with others end.

        A link that is up proves by its key that it ends where it should: a new address is for the next one.
        """
        members_changed = membership.members != self.membership.members
        before, self.membership = self.addresses, membership
        self.addresses = {peer: address for peer, address in addresses.items() if peer != self.node}
        if members_changed:
            self._make_contexts()
        moved = [peer for peer in self._dialling if before.get(peer) != self.addresses.get(peer)]
        for peer in moved:
            if peer not in self.addresses or peer not in self._outgoing:
                self._dialling.pop(peer).cancel()
        for peer in [peer for peer in self._incoming if membership.member(peer) is None]:
            self._incoming[peer].abort()
        self.dial()

    def _make_contexts(self) -> None:
        self._server_context = tls_context(self.membership, *self._files, server=True)
        self._client_context = tls_context(self.membership, *self._files, server=False)
        self._stranger_context = stranger_context()

    async def close(self) -> None:
        """Send what is queued, then give up all links."""
        self.is_closing = True
        self.flush()
        tasks = [*self._accepting, *self._dialling.values(), *self._tasks]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._stop_listening()
        for link in (*self._accepted, *self._outgoing.values()):
            if link.transport is not None:
                link.transport.close()

    def send(self, peer: str, message: codec.Value) -> bool:
        """Send a message at the end of the loop turn. False: dropped (link down or full)."""
        is_queued = self.queue(peer, message)
        if is_queued and not self._flush_is_due:
            self._flush_is_due = True
            self._loop.call_soon(self._flush_due)
        return is_queued

    def queue(self, peer: str, message: codec.Value) -> bool:
        """Queue a message for the next `flush`, all in one write. False: dropped (link down or full)."""
        link = self._outgoing.get(peer)
        if link is None or link.transport is None:
            self.statistics.dropped_messages += 1
            return False
        data = frame(message)
        waiting = link.queued_bytes + link.transport.get_write_buffer_size()
        if waiting + len(data) > MAX_LINK_QUEUE_BYTES:
            self.statistics.dropped_messages += 1
            self.statistics.dropped_bytes += len(data)
            return False
        link.queue.append(data)
        link.queued_bytes += len(data)
        self._to_flush.add(peer)
        return True

    @property
    def reachable(self) -> list[str]:
        """The peers whose link is up, ascending."""
        return sorted(self._outgoing)

    def can_reach(self, peer: str) -> bool:
        """Whether the link to this peer is up."""
        return peer in self._outgoing

    def status(self) -> list[PeerStatus]:
        """The links as they are, ascending by node."""
        return [
            PeerStatus(
                peer,
                f"{host}:{port}",
                peer in self._outgoing,
                peer in self._incoming,
                self._problems.get(peer, ""),
                peer in self._met,
                self.refusals.of(peer),
            )
            for peer, (host, port) in sorted(self.addresses.items())
        ]

    def refused(self, peer: str | None, error: TallyError) -> None:
        """Something of a peer, or of a stranger, was refused: count it, and log it now and then."""
        self.refusals.add(peer or "", error)

    def arrived(self, link: Incoming) -> None:
        """A peer proved who it is; its newest link replaces an older one."""
        assert link.node is not None
        self._gate.leave(link)
        before = self._incoming.get(link.node)
        self._incoming[link.node] = link
        if before is not None:
            before.abort()
        self._arrivals[link.node].set()
        self._moves.info("peer_arrived", link.node)

    def departed(self, link: Incoming) -> None:
        """An accepted link is gone."""
        self._gate.leave(link)
        self._accepted.discard(link)
        if link.node is not None and self._incoming.get(link.node) is link:
            del self._incoming[link.node]
            self._moves.info("peer_departed", link.node)

    def problem(self, peer: str, error: TallyError) -> None:
        """Keep for the status page why there is no link to a peer."""
        self._problems[peer] = str(error)

    def connected(self, link: Outgoing) -> None:
        """A dialled peer took us in."""
        self._outgoing[link.target] = link
        self._problems.pop(link.target, None)
        self._met.discard(link.target)
        self._moves.info("peer_connected", link.target)
        self.send(link.target, (INTRODUCTION, self.introductions.greeting(link.target)))
        self._linked(link.target)

    def flush(self) -> None:
        """Write what is queued."""
        for peer in self._to_flush:
            link = self._outgoing.get(peer)
            if link is None or link.transport is None or not link.queue:
                continue
            self.statistics.peer_messages_sent += len(link.queue)
            self.statistics.peer_bytes_sent += link.queued_bytes
            link.transport.write(link.queue[0] if len(link.queue) == 1 else b"".join(link.queue))
            link.queue.clear()
            link.queued_bytes = 0
        self._to_flush.clear()

    def _flush_due(self) -> None:
        self._flush_is_due = False
        self.flush()

    async def _accept_all(self, listener: socket.socket) -> None:
        """Take connections as they come, one a loop turn; which of them, the gate says."""
        while True:
            try:
                connection, address = await self._loop.sock_accept(listener)
            except OSError as error:
                log.error("cannot_accept", error=error.strerror)
                await asyncio.sleep(_NO_FILES_PAUSE_S)
                continue
            link = Incoming(self)
            try:
                displaced = self._gate.admit(link, address[0], self._loop.time())
            except PeerRefused as error:
                connection.close()
                self.refused(None, error)
                continue
            if displaced is not None:
                self._displace(displaced)
            self._accepted.add(link)
            self._handshakes[link] = connection
            task = self._loop.create_task(self._shake_hands(link, connection), name="handshake")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _displace(self, link: Incoming) -> None:
        self.refused(
            None, PeerRefused("displaced by newer connections before its hello", code="too_many_connections")
        )
        connection = self._handshakes.get(link)
        if connection is None:
            link.abort()
            return
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)

    async def _shake_hands(self, link: Incoming, connection: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(
                lambda: link,
                connection,
                ssl=self._server_context,
                ssl_handshake_timeout=HANDSHAKE_TIMEOUT_MS / 1_000,
            )
        except OSError as error:
            reason = getattr(error, "reason", None) or str(error) or type(error).__name__
            self.refused(
                None,
                PeerRefused("no handshake", code="tls_failed", found=reason, remedy=COMPARE_CERTIFICATES),
            )
        finally:
            del self._handshakes[link]
            if link.transport is None:
                connection.close()
                self.departed(link)

    def _stop_listening(self) -> None:
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()

    async def _keep_dialling(self, peer: str) -> None:
        pause_ms = RECONNECT_FIRST_MS
        while True:
            host, port = self.addresses[peer]
            is_member = self.membership.member(self.node) is not None
            link = await self._dial(peer, host, port) if is_member else None
            self._met.discard(peer)
            if link is None:
                self._problems[peer] = "this node is no member yet"
            if link is None or (link.was_met and not link.welcome):
                if await self._meet_as_stranger(host, port) or link is not None:
                    self._met.add(peer)
            elif link.welcome:
                self._moves.info("peer_lost", peer)
                pause_ms = RECONNECT_FIRST_MS
            await self._pause(peer, pause_ms * random.uniform(0.5, 1.0) / 1_000)  # noqa: S311 (spreads load, no secret)
            pause_ms = min(2 * pause_ms, RECONNECT_MOST_MS)

    async def _dial(self, peer: str, host: str, port: int) -> Outgoing:
        """One attempt to link with a peer, and the link for as long as it lasts."""
        link = Outgoing(self, peer)
        try:
            await self._loop.create_connection(
                lambda: link,
                host,
                port,
                ssl=self._client_context,
                server_hostname="",
                ssl_handshake_timeout=HANDSHAKE_TIMEOUT_MS / 1_000,
            )
            await link.lost
        except (OSError, ValueError) as error:  # ValueError: no name of a host, says whoever said it
            self._problems[peer] = f"cannot connect: {getattr(error, 'strerror', None) or error}"
            link.was_met = isinstance(error, ssl.SSLError | ConnectionResetError)
        finally:
            link.abort()
            if self._outgoing.get(peer) is link:
                del self._outgoing[peer]
        return link

    async def _meet_as_stranger(self, host: str, port: int) -> bool:
        """Whoever is there may not know this node, or not be known here: compare who the members are.

        True if somebody answered. A node that knows that it is no member comes in no other way: its
        certificate would be refused, and counted as what an attacker shows.
        """
        link = Stranger(self)
        try:
            await self._loop.create_connection(
                lambda: link,
                host,
                port,
                ssl=self._stranger_context,
                server_hostname="",
                ssl_handshake_timeout=HANDSHAKE_TIMEOUT_MS / 1_000,
            )
            await link.lost
        except (OSError, ValueError):
            return False
        finally:
            link.abort()
        return True

    async def _pause(self, peer: str, seconds: float) -> None:
        """Wait before the next attempt, or until the peer dials us: then it is up again."""
        arrival = self._arrivals[peer]
        arrival.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(arrival.wait(), seconds)


class SeldomLog:
    """Links that come and go: logged at once, but for one event of one peer only so often."""

    def __init__(self, clock_s: Callable[[], float]) -> None:
        self._clock_s = clock_s
        self._last: dict[tuple[str, str], tuple[float, int]] = {}

    def info(self, event: str, peer: str) -> None:
        """Log it, or count it for the next time."""
        now_s = self._clock_s()
        at_s, untold = self._last.get((event, peer), (-MOVE_LOG_S, 0))
        if now_s - at_s < MOVE_LOG_S:
            self._last[event, peer] = (at_s, untold + 1)
            return
        log.info(event, peer=peer, times=untold + 1)
        self._last[event, peer] = (now_s, 0)


def _listener(family: int, address: tuple[object, ...]) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener
