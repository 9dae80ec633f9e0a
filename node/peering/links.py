"""One link: a TLS connection that is cut into frames, says hello, and keeps to its share.

    Link       what both directions do: frames, share of time, trust in the key
    Incoming   dialled by another node: hello, then its messages
    Outgoing   dialled by this node: hello, then ours
    Stranger   dialled by this node, without a certificate: who the members are, and nothing else

The formats stand in `peers`. A link takes at most its share of the node's time: what it says
beyond that waits in its socket, and with it the sender. The rest of a turn is put off so
that other links, the clock and the disk are heard in between.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from time import perf_counter
from typing import Protocol, cast

from ledger import codec
from ledger.errors import Malformed, TallyError
from ledger.members import node_certificate
from node.errors import COMPARE_CERTIFICATES, PeerRefused
from node.limits import (
    HANDSHAKE_TIMEOUT_MS,
    LINK_CREDIT_S,
    LINK_SHARE,
    LINK_TURN_S,
    MAX_FRAME_BYTES,
    MAX_HELLO_BYTES,
    MAX_STRANGER_BYTES,
    SILENT_LINK_MS,
)
from node.peering.frames import FrameReader, frame, read
from node.peering.introductions import INTRODUCTION, Introductions, Talk
from node.peering.tls import Members
from node.statistics import Statistics

VERSION = 1
"""Of the protocol between nodes: hello, welcome, frames and the messages in them."""
_SENTENCE_CHARACTERS = 400


Handler = Callable[[str, codec.Value], None]
"""Gets the sender's node id and one message; called in the loop, must not block."""


class Owner(Protocol):
    """What a link needs of whoever holds the links of a node: `peers`."""

    is_closing: bool
    """Whether no link is wanted any more."""

    @property
    def node(self) -> str:
        """This node's id."""
        ...

    @property
    def channel(self) -> bytes:
        """The channel's id."""
        ...

    @property
    def membership(self) -> Members:
        """Whom links are made with."""
        ...

    @property
    def introductions(self) -> Introductions:
        """What is said to and heard of those who may know other members."""
        ...

    @property
    def statistics(self) -> Statistics:
        """Where traffic is counted."""
        ...

    @property
    def handler(self) -> Handler:
        """Who gets the messages."""
        ...

    def arrived(self, link: Incoming, /) -> None:
        """A peer proved who it is."""
        ...

    def departed(self, link: Incoming, /) -> None:
        """An accepted link is gone."""
        ...

    def connected(self, link: Outgoing, /) -> None:
        """A dialled peer took us in."""
        ...

    def refused(self, peer: str | None, error: TallyError, /) -> None:
        """Something of a peer, or of a stranger, was refused."""
        ...

    def problem(self, peer: str, error: TallyError, /) -> None:
        """Why there is no link to a peer."""
        ...


class Link(asyncio.Protocol):
    """One TLS connection: cuts the stream into frames, keeps to its share; both directions share it."""

    def __init__(self, peers: Owner) -> None:
        self.peers = peers
        self.transport: asyncio.Transport | None = None
        self.node: str | None = None
        self.reader = FrameReader(MAX_HELLO_BYTES)
        self._timer: asyncio.TimerHandle | None = None
        self._again: asyncio.Handle | None = None
        self._credit_s = LINK_CREDIT_S
        self._credited_at_s = perf_counter()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        _tune(transport.get_extra_info("socket"))
        self._timer = asyncio.get_running_loop().call_later(HANDSHAKE_TIMEOUT_MS / 1_000, self.too_slow)

    def connection_lost(self, error: Exception | None) -> None:  # noqa: ARG002 (asyncio's signature)
        self.transport = None
        self.stop_timer()
        if self._again is not None:
            self._again.cancel()
            self._again = None

    def peer_key(self) -> bytes:
        """The key in the certificate that the other side proved to hold.

        Raises:
            PeerRefused: no certificate.
        """
        assert self.transport is not None
        der = self.transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
        if der is None:
            raise PeerRefused("no certificate", code="tls_failed")
        return node_certificate.public_key(der)

    def check_key(self, node: str) -> None:
        """Check that the other side holds the key of this member.

        Raises:
            PeerRefused: unknown node, or another key.
        """
        member = self.peers.membership.member(node)
        if member is None:
            raise PeerRefused(
                "not a member", code="unknown_node", found=node[:64], remedy=COMPARE_CERTIFICATES
            )
        found = self.peer_key()
        if found != member.key:
            raise PeerRefused(
                f"the key is not that of {node}",
                code="wrong_key",
                found=found.hex(),
                expected=member.key.hex(),
                remedy=COMPARE_CERTIFICATES,
            )

    def data_received(self, data: bytes) -> None:
        self.peers.statistics.peer_bytes_received += len(data)
        self.reader.feed(data)
        if self._again is None:
            self._have_turn()

    def _have_turn(self) -> None:
        """Take whole frames until there are none, the turn is over or the credit is used up."""
        began_s = now_s = perf_counter()
        more = False
        try:
            while (content := self.reader.take()) is not None:
                self.received(read(content))
                if self.transport is None or self.transport.is_closing():
                    return
                now_s = perf_counter()
                if now_s - began_s > LINK_TURN_S:
                    more = True
                    break
        except TallyError as error:
            self.refuse(error)
            return
        credit_s = self._credit_s + (began_s - self._credited_at_s) * LINK_SHARE
        self._credit_s = min(credit_s, LINK_CREDIT_S) - (now_s - began_s)
        self._credited_at_s = began_s
        if self._credit_s < 0:
            self._rest(-self._credit_s / LINK_SHARE)
        elif more:
            self._rest(0)

    def _rest(self, pause_s: float) -> None:
        """Let the others have their turn; meanwhile nothing more is read."""
        assert self.transport is not None
        self.transport.pause_reading()
        self._again = asyncio.get_running_loop().call_later(pause_s, self._end_rest)

    def _end_rest(self) -> None:
        self._again = None
        if self.transport is None or self.transport.is_closing():
            return
        self._have_turn()
        if self._again is None and self.transport is not None and not self.transport.is_closing():
            self.transport.resume_reading()

    def received(self, value: codec.Value) -> None:
        raise NotImplementedError

    def too_slow(self) -> None:
        raise NotImplementedError

    def refuse(self, error: TallyError) -> None:
        """Close a link that broke the rules; count it, and say so in the log now and then."""
        self.peers.refused(self.node, error)
        self.abort()

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    def stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Incoming(Link):
    """A link that another node dialled: hello first, then its messages."""

    def __init__(self, peers: Owner) -> None:
        super().__init__(peers)
        self._talk: Talk | None = None
        """With a stranger."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self.peers.is_closing:
            self.abort()

    def too_slow(self) -> None:
        self.refuse(PeerRefused("no hello in time", code="hello_missing"))

    def received(self, value: codec.Value) -> None:
        if self.node is not None:
            self.peers.statistics.peer_messages_received += 1
            self.peers.handler(self.node, value)
            return
        assert self.transport is not None
        if self._talk is not None or is_introduction(value):
            self._hear_stranger(value)
            return
        if self._has_no_certificate():
            raise PeerRefused("no certificate", code="tls_failed")
        try:
            node = self._read_hello(value)
        except TallyError as error:
            sentence = f"{error}. {error.remedy}"[:_SENTENCE_CHARACTERS]
            self.transport.write(frame(("refused", error.code, sentence)))
            self.peers.refused(None, error)
            self.transport.close()
            return
        self.node = node
        self.reader.limit_bytes = MAX_FRAME_BYTES
        self.stop_timer()
        self.transport.write(frame(("welcome", VERSION)))
        self.peers.arrived(self)

    def _has_no_certificate(self) -> bool:
        assert self.transport is not None
        return not self.transport.get_extra_info("ssl_object").getpeercert(binary_form=True)

    def _hear_stranger(self, value: codec.Value) -> None:
        """Who does not know us, or whom we do not know, says how far it knows the members."""
        assert self.transport is not None
        self._talk = self._talk or Talk()
        self.reader.limit_bytes = MAX_STRANGER_BYTES
        is_level, answer = self.peers.introductions.hear_stranger(_introduction(value), self._talk)
        self.transport.write(frame((INTRODUCTION, VERSION, answer)))
        if is_level:
            self.transport.close()

    def _read_hello(self, value: codec.Value) -> str:
        if type(value) is not tuple or len(value) < 2 or value[0] != "hello" or type(value[1]) is not int:
            raise Malformed("not a hello", field="hello")
        if value[1] != VERSION:
            raise _other_version(value[1])
        if len(value) != 5:
            raise Malformed("not a hello", field="hello", found=f"{len(value)} parts", expected="5 parts")
        _, _, channel, node, target = value
        if channel != self.peers.channel:
            raise PeerRefused("another channel", code="wrong_channel", expected=self.peers.channel.hex())
        if type(node) is not str:
            raise Malformed("hello without a node id", field="node")
        if target != self.peers.node:
            raise PeerRefused("dialled for another node", code="wrong_target", expected=self.peers.node)
        self.check_key(node)
        return node

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self.peers.departed(self)


class Outgoing(Link):
    """A link that this node dialled: it sends here, and hears only welcome or refused."""

    def __init__(self, peers: Owner, target: str) -> None:
        super().__init__(peers)
        self.target = target
        self.queue: list[bytes] = []
        self.queued_bytes = 0
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.welcome = False
        self.was_met = False
        """Whether somebody answered there."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert self.transport is not None
        self.was_met = True
        try:
            self.check_key(self.target)
        except TallyError as error:
            self.refuse(error)
            return
        self.node = self.target
        self.transport.write(frame(("hello", VERSION, self.peers.channel, self.peers.node, self.target)))

    def too_slow(self) -> None:
        self.refuse(PeerRefused("neither welcome nor refusal in time", code="hello_missing"))

    def received(self, value: codec.Value) -> None:
        kind, *parts = value if type(value) is tuple and value else ("",)
        if kind == "welcome" and not self.welcome and len(parts) == 1 and type(parts[0]) is int:
            if parts[0] != VERSION:
                raise _other_version(parts[0])
            self.welcome = True
            self.stop_timer()
            self.peers.connected(self)
            return
        if kind == "refused" and [type(part) for part in parts] == [str, str]:
            code, sentence = parts
            raise PeerRefused(
                f"{self.target} refuses this node",
                code="refused_by_peer",
                found=f"{code[:64]}: {sentence[:_SENTENCE_CHARACTERS]}",
                remedy="",
            )
        raise Malformed("unexpected frame on an outgoing link", found=str(value)[:64])

    def refuse(self, error: TallyError) -> None:
        self.peers.problem(self.target, error)
        self.node = self.target
        super().refuse(error)

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self.queue.clear()
        self.queued_bytes = 0
        if not self.lost.done():
            self.lost.set_result(None)


class Stranger(Link):
    """A link that this node dialled without a certificate: both sides level what they know of the members."""

    def __init__(self, peers: Owner) -> None:
        super().__init__(peers)
        self._talk = Talk()
        self.reader.limit_bytes = MAX_STRANGER_BYTES
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert self.transport is not None
        self.transport.write(frame((INTRODUCTION, VERSION, self.peers.introductions.opening())))

    def too_slow(self) -> None:
        self.abort()

    def received(self, value: codec.Value) -> None:
        assert self.transport is not None
        is_level, answer = self.peers.introductions.hear_stranger(_introduction(value), self._talk)
        if is_level:
            self.transport.close()
        else:
            self.transport.write(frame((INTRODUCTION, VERSION, answer)))

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        if not self.lost.done():
            self.lost.set_result(None)


def is_introduction(value: codec.Value) -> bool:
    """Whether a first frame is a stranger's, rather than a hello."""
    return type(value) is tuple and bool(value) and value[0] == INTRODUCTION


def _introduction(value: codec.Value) -> codec.Value:
    """The content of a stranger's frame.

    Raises:
        Malformed, PeerRefused: another frame, or of another version.
    """
    if not is_introduction(value) or len(value) < 2 or type(value[1]) is not int:
        raise Malformed("neither a hello nor what strangers say", field="hello")
    if value[1] != VERSION:
        raise _other_version(value[1])
    if len(value) != 3:
        raise Malformed("not what strangers say", field="hello", found=f"{len(value)} parts")
    return value[2]


def _other_version(found: int) -> PeerRefused:
    newer, older = ("the other node", "this node") if found > VERSION else ("this node", "the other node")
    return PeerRefused(
        "the nodes speak different versions of the protocol between nodes",
        code="peer_version",
        found=f"version {found} there",
        expected=f"version {VERSION} here",
        remedy=f"Install on {older} the release that {newer} runs; docs/threat-model.md says what goes over.",
    )


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
