"""Links between nodes: frames of canonical MessagePack over mutually authenticated TLS 1.3.

Each node dials every other one and sends on the link that it dialled; what it hears comes
on the links that others dialled. So there is nothing to agree on when two nodes dial each
other at once, and a half-dead link stops one direction only.

    frame = length (4 bytes, big endian) || canonical value

| first frames | by | value |
|---|---|---|
| hello | dialler | ["hello", 1, channel, own node id, the other's node id] |
| welcome | acceptor | ["welcome", 1] |
| refused | acceptor | ["refused", code, sentence], then it closes |

Trust. The TLS context trusts exactly the certificates in the membership, and looks at no
date. When the handshake is done the key in the other side's certificate must be the one
that the membership has for the node dialled or for the node named in hello: a member
cannot speak as another member.

A link loses messages when it breaks or when its queue is full. Consensus repairs that, and
the pool forwards again.
"""

from __future__ import annotations

import asyncio
import random
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import structlog

from ledger import codec, node_certificate
from ledger.errors import Malformed, TallyError
from ledger.membership import Membership
from node.errors import PeerRefused
from node.limits import (
    HANDSHAKE_TIMEOUT_MS,
    MAX_FRAME_BYTES,
    MAX_HELLO_BYTES,
    MAX_INCOMING_LINKS,
    MAX_LINK_QUEUE_BYTES,
    RECONNECT_FIRST_MS,
    RECONNECT_MOST_MS,
    SILENT_LINK_MS,
)
from node.statistics import Statistics

VERSION = 1
_LENGTH_BYTES = 4
_NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL, which Python's ssl module does not name."""

Handler = Callable[[str, codec.Value], None]
"""Gets the sender's node id and one message; called in the loop, must not block."""

log = structlog.get_logger(component="peers")


def tls_context(
    membership: Membership, key_file: Path, certificate_file: Path, *, server: bool
) -> ssl.SSLContext:
    """A context that trusts exactly the members' certificates, whatever their dates."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    flags = int(ssl.VerifyFlags.VERIFY_X509_TRUSTED_FIRST) | int(ssl.VerifyFlags.VERIFY_X509_PARTIAL_CHAIN)
    context.verify_flags = ssl.VerifyFlags(flags | _NO_CHECK_TIME)
    context.load_verify_locations(cadata=b"".join(member.certificate for member in membership.members))
    context.load_cert_chain(certificate_file, key_file)
    if server:
        context.num_tickets = 0
    return context


def frame(value: codec.Value) -> bytes:
    """The bytes of one message on a link."""
    data = codec.encode(value)
    assert len(data) <= MAX_FRAME_BYTES, "what we send, the other side takes"
    return len(data).to_bytes(_LENGTH_BYTES, "big") + data


class _FrameProtocol(asyncio.Protocol):
    """Cuts the byte stream into frames and checks the other side's key; shared by both directions."""

    def __init__(self, peers: Peers) -> None:
        self.peers = peers
        self.transport: asyncio.Transport | None = None
        self.node: str | None = None
        self.limit_bytes = MAX_HELLO_BYTES
        self._buffer = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        _tune(transport.get_extra_info("socket"))

    def peer_key(self) -> bytes:
        """The key in the certificate that the other side proved to hold.

        Raises:
            PeerRefused: no certificate.
        """
        assert self.transport is not None
        der = self.transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
        if der is None:
            raise PeerRefused("no certificate", code="peer_without_certificate")
        return node_certificate.public_key(der)

    def check_key(self, node: str) -> None:
        """Check that the other side holds the key of this member.

        Raises:
            PeerRefused: unknown node, or another key.
        """
        member = self.peers.membership.member(node)
        if member is None:
            raise PeerRefused("not a member", code="unknown_node", found=node)
        found = self.peer_key()
        if found != member.key:
            raise PeerRefused(
                f"the key is not that of {node}",
                code="wrong_key",
                found=found.hex(),
                expected=member.key.hex(),
            )

    def data_received(self, data: bytes) -> None:
        self.peers.statistics.peer_bytes_received += len(data)
        buffer = self._buffer
        buffer += data
        at = 0
        try:
            while len(buffer) - at >= _LENGTH_BYTES:
                start = at + _LENGTH_BYTES
                length = int.from_bytes(buffer[at:start], "big")
                if length > self.limit_bytes:
                    raise PeerRefused(
                        "frame too large",
                        code="frame_too_large",
                        found=f"{length} bytes",
                        expected=f"at most {self.limit_bytes}",
                    )
                if len(buffer) - start < length:
                    break
                at = start + length
                self.received(codec.decode(bytes(buffer[start:at]), MAX_FRAME_BYTES))
                if self.transport is None or self.transport.is_closing():
                    return
        except TallyError as error:
            self.refuse(error)
            return
        if at:
            del buffer[:at]

    def received(self, value: codec.Value) -> None:
        raise NotImplementedError

    def refuse(self, error: TallyError) -> None:
        """Close a link that broke the rules, and say so in the log."""
        self.peers.statistics.peer_handshakes_refused += 1
        log.warning("peer_refused", peer=self.node, **error.as_dict())
        self.abort()

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()


class _Incoming(_FrameProtocol):
    """A link that another node dialled: hello first, then its messages."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if not self.peers.admit(self):
            self.abort()
            return
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(HANDSHAKE_TIMEOUT_MS / 1_000, self._hello_missing)

    def _hello_missing(self) -> None:
        if self.node is None:
            self.refuse(PeerRefused("no hello in time", code="hello_missing"))

    def received(self, value: codec.Value) -> None:
        if self.node is not None:
            self.peers.statistics.peer_messages_received += 1
            self.peers.handler(self.node, value)
            return
        assert self.transport is not None
        try:
            node = self._read_hello(value)
        except TallyError as error:
            self.transport.write(frame(("refused", error.code, error.message)))
            self.peers.statistics.peer_handshakes_refused += 1
            log.warning("peer_refused", **error.as_dict())
            self.transport.close()
            return
        self.node = node
        self.limit_bytes = MAX_FRAME_BYTES
        self._timer.cancel()
        self.transport.write(frame(("welcome", VERSION)))
        self.peers.arrived(self)

    def _read_hello(self, value: codec.Value) -> str:
        if type(value) is not tuple or len(value) != 5 or value[0] != "hello":
            raise Malformed("not a hello", field="hello")
        _, version, channel, node, target = value
        if version != VERSION or type(version) is not int:
            raise PeerRefused(
                "unknown protocol version", code="peer_version", found=version, expected=VERSION
            )
        if channel != self.peers.channel:
            raise PeerRefused("another channel", code="wrong_channel", expected=self.peers.channel.hex())
        if type(node) is not str:
            raise Malformed("hello without a node id", field="node")
        if target != self.peers.node:
            raise PeerRefused("dialled for another node", code="wrong_target", expected=self.peers.node)
        self.check_key(node)
        return node

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 (asyncio's signature)
        self.transport = None
        self.peers.departed(self)


class _Outgoing(_FrameProtocol):
    """A link that this node dialled: it sends here, and hears only welcome or refused."""

    def __init__(self, peers: Peers, target: str) -> None:
        super().__init__(peers)
        self.target = target
        self.queue: list[bytes] = []
        self.queued_bytes = 0
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.welcome = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert self.transport is not None
        try:
            self.check_key(self.target)
        except TallyError as error:
            self.refuse(error)
            return
        self.node = self.target
        self.transport.write(frame(("hello", VERSION, self.peers.channel, self.peers.node, self.target)))

    def received(self, value: codec.Value) -> None:
        if value == ("welcome", VERSION) and not self.welcome:
            self.welcome = True
            self.peers.connected(self)
            return
        if type(value) is tuple and len(value) == 3 and value[0] == "refused":
            raise PeerRefused(
                f"{self.target} refuses this node", found=str(value[1])[:64], expected=str(value[2])[:200]
            )
        raise Malformed("unexpected frame on an outgoing link", found=str(value)[:64])

    def refuse(self, error: TallyError) -> None:
        self.peers.problem(self.target, error)
        super().refuse(error)

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 (asyncio's signature)
        self.transport = None
        self.queue.clear()
        self.queued_bytes = 0
        if not self.lost.done():
            self.lost.set_result(None)


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


class Peers:
    """The links of one node in one channel."""

    def __init__(
        self,
        *,
        node: str,
        channel: bytes,
        membership: Membership,
        key_file: Path,
        certificate_file: Path,
        addresses: dict[str, tuple[str, int]],
        handler: Handler,
        linked: Callable[[str], None],
        statistics: Statistics,
    ) -> None:
        self.node = node
        self.channel = channel
        self.membership = membership
        self.addresses = {peer: address for peer, address in addresses.items() if peer != node}
        self.handler = handler
        self.statistics = statistics
        self._linked = linked
        self._server_context = tls_context(membership, key_file, certificate_file, server=True)
        self._client_context = tls_context(membership, key_file, certificate_file, server=False)
        self._server: asyncio.Server | None = None
        self._outgoing: dict[str, _Outgoing] = {}
        self._incoming: dict[str, _Incoming] = {}
        self._accepted: set[_Incoming] = set()
        self._dialling: list[asyncio.Task[None]] = []
        self._problems: dict[str, str] = {}
        self._to_flush: set[str] = set()
        self._closing = False

    async def listen(self, host: str, port: int) -> int:
        """Accept links; the port that was taken.

        Raises:
            OSError: the address cannot be used.
        """
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _Incoming(self),
            host,
            port,
            ssl=self._server_context,
            ssl_handshake_timeout=HANDSHAKE_TIMEOUT_MS / 1_000,
        )
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    def dial(self) -> None:
        """Connect to every known address, and again whenever a link is lost."""
        for peer in self.addresses:
            self._dialling.append(asyncio.create_task(self._keep_dialling(peer), name=f"dial {peer}"))

    async def close(self) -> None:
        """Send what is queued, then give up all links."""
        self._closing = True
        self._flush()
        for task in self._dialling:
            task.cancel()
        await asyncio.gather(*self._dialling, return_exceptions=True)
        if self._server is not None:
            self._server.close()
        for link in (*self._accepted, *self._outgoing.values()):
            if link.transport is not None:
                link.transport.close()

    def send(self, peer: str, message: codec.Value) -> bool:
        """Queue a message; all of a loop turn leave in one write. False: dropped (link down or full)."""
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
        if not self._to_flush:
            asyncio.get_running_loop().call_soon(self._flush)
        self._to_flush.add(peer)
        return True

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
            )
            for peer, (host, port) in sorted(self.addresses.items())
        ]

    def admit(self, link: _Incoming) -> bool:
        """Whether one more accepted link fits; counts it if so."""
        if self._closing or len(self._accepted) >= MAX_INCOMING_LINKS:
            return False
        self._accepted.add(link)
        return True

    def arrived(self, link: _Incoming) -> None:
        """A peer proved who it is; its newest link replaces an older one."""
        assert link.node is not None
        before = self._incoming.get(link.node)
        self._incoming[link.node] = link
        if before is not None:
            before.abort()
        log.info("peer_arrived", peer=link.node)

    def departed(self, link: _Incoming) -> None:
        """An accepted link is gone."""
        self._accepted.discard(link)
        if link.node is not None and self._incoming.get(link.node) is link:
            del self._incoming[link.node]
            log.info("peer_departed", peer=link.node)

    def problem(self, peer: str, error: TallyError) -> None:
        """Keep for the status page why there is no link to a peer."""
        self._problems[peer] = str(error)

    def connected(self, link: _Outgoing) -> None:
        """A dialled peer took us in."""
        self._outgoing[link.target] = link
        self._problems.pop(link.target, None)
        log.info("peer_connected", peer=link.target)
        self._linked(link.target)

    def _flush(self) -> None:
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

    async def _keep_dialling(self, peer: str) -> None:
        host, port = self.addresses[peer]
        loop = asyncio.get_running_loop()
        pause_ms = RECONNECT_FIRST_MS
        while True:
            link = _Outgoing(self, peer)
            try:
                await loop.create_connection(
                    lambda link=link: link,  # type: ignore[misc]
                    host,
                    port,
                    ssl=self._client_context,
                    server_hostname="",
                    ssl_handshake_timeout=HANDSHAKE_TIMEOUT_MS / 1_000,
                )
                await link.lost
            except OSError as error:
                self._problems[peer] = f"cannot connect: {error.strerror or error}"
            finally:
                link.abort()
            if link.welcome:
                del self._outgoing[peer]
                log.info("peer_lost", peer=peer)
                pause_ms = RECONNECT_FIRST_MS
            await asyncio.sleep(pause_ms * random.uniform(0.5, 1.0) / 1_000)  # noqa: S311 (spreads load, no secret)
            pause_ms = min(2 * pause_ms, RECONNECT_MOST_MS)


def _tune(sock: socket.socket) -> None:
    """No delay for small frames; a link whose other end is silently gone is noticed."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    seconds = max(1, SILENT_LINK_MS // 1_000)
    for name, value in (
        ("TCP_USER_TIMEOUT", SILENT_LINK_MS),
        ("TCP_KEEPIDLE", seconds),
        ("TCP_KEEPINTVL", seconds),
        ("TCP_KEEPCNT", 2),
    ):
        option = getattr(socket, name, None)
        if option is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)
