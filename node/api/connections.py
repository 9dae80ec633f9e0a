"""HTTP connections with bounds: how many, how long a head, how long until a request is whole.

uvicorn bounds none of these by itself: a head without end fills the memory, and a client that
never finishes its request keeps its place for ever. What is refused before the application
sees it is refused as everywhere else: by a problem document.

| code | HTTP status | when |
|---|---|---|
| busy | 503 | more than `most_connections` are open |
| head_too_large | 431 | request line and headers, or trailers, go beyond `MAX_HEAD_BYTES` |
| request_too_slow | 408 | the request is not whole `REQUEST_TIMEOUT_S` after it began, or after connecting |
| not_http | 400 | what came is not HTTP/1.1 |

A submission of one transaction as most clients send it is taken here as soon as it is whole, and answered
in one write. Whatever is unusual about a request sends it the long way, where all is understood. A client
begins its requests with the same bytes each time: a head that was read once is not parsed again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Protocol

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ledger.errors import TallyError
from node.api import bodies
from node.api.problems import Problem
from node.api.wire import Answer
from node.errors import NotAdmitted
from node.limits import (
    MAX_API_CONNECTIONS,
    MAX_HEAD_BYTES,
    MAX_KNOWN_HEAD_BYTES,
    MAX_KNOWN_HEADS,
    REQUEST_TIMEOUT_S,
)

_MSGPACK = bodies.MSGPACK.encode()
_LOOKED_AT = frozenset((b"content-type", b"accept", b"content-length", b"transfer-encoding"))


class Direct(Protocol):
    """What takes whole requests from a connection."""

    @property
    def limit_bytes(self) -> int:
        """Of a body."""
        ...

    def take(self, body: bytes, told: Callable[[Answer], None], /) -> None:
        """Answer a POST of this MessagePack with MessagePack, by calling `told` once."""
        ...


Heads = dict[bytes, tuple[Direct, int]]
"""By request line and headers of a submission: who takes it, and the length of its body."""
_HEAD_END = b"\r\n\r\n"


class Exchange:
    """One request that is taken directly, and its answer; stands where the server has its cycle."""

    __slots__ = (
        "_protocol",
        "body",
        "direct",
        "disconnected",
        "keep_alive",
        "more_body",
        "response_complete",
        "response_started",
        "scope",
    )
    message_event = asyncio.Event()
    """The server sets it when a connection is lost; nobody waits for it."""

    def __init__(self, protocol: BoundedProtocol, direct: Direct) -> None:
        self.direct = direct
        self._protocol = protocol
        self.scope = protocol.scope
        self.body = b""
        self.more_body = True
        self.response_started = self.response_complete = self.disconnected = False
        self.keep_alive = True
        """False once the server is to stop."""

    def begin(self) -> None:
        """The request is whole."""
        self.more_body = False
        self.direct.take(self.body, self._told)

    def _told(self, answer: Answer) -> None:
        self.response_started = self.response_complete = True
        self._protocol.answer(answer, closes=not self.keep_alive)


class BoundedProtocol(HttpToolsProtocol):
    """One HTTP connection."""

    cycle: Any
    """The request in hand: the server's cycle, or an `Exchange`."""
    most_connections: ClassVar[int] = MAX_API_CONNECTIONS
    request_timeout_s: ClassVar[float] = REQUEST_TIMEOUT_S

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._direct: Mapping[bytes, Direct] = getattr(self.app, "direct", {})
        self._heads: Heads = getattr(self.app, "heads", {})
        self._head_bytes = 0
        """Since the last of a request that was more than a part of its head or its trailers."""
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, or turn it away."""
        super().connection_made(transport)
        if len(self.connections) > self.most_connections:
            self._refuse(
                NotAdmitted(
                    "busy",
                    "too many connections are open",
                    found=len(self.connections),
                    expected=f"at most {self.most_connections}",
                )
            )
            return
        self._timer = self.loop.call_later(self.request_timeout_s, self._too_slow)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._stop_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, and see that what has begun comes to an end."""
        if self.transport.is_closing():
            return
        begins = self._is_between_requests()
        if begins and self._take_known(data):
            return
        self._head_bytes += len(data)
        super().data_received(data)
        cycle = self.cycle
        if begins and type(cycle) is Exchange:
            self._know(data, cycle)
        if cycle is not None and cycle.scope is self.scope and not cycle.more_body:
            self._stop_timer()
            return
        if self._head_bytes > MAX_HEAD_BYTES:
            self._refuse(
                Problem(
                    "request line, headers or trailers too large",
                    code="head_too_large",
                    field="headers",
                    found=f"{self._head_bytes} bytes without an end",
                    expected=f"at most {MAX_HEAD_BYTES} bytes",
                    remedy="Send fewer and shorter headers; what is long belongs into the body.",
                )
            )
            return
        if self._timer is None:
            self._timer = self.loop.call_later(self.request_timeout_s, self._too_slow)

    def _is_between_requests(self) -> bool:
        """Whether the next byte begins a request, and all before it are answered."""
        cycle = self.cycle
        if cycle is None:
            return self._head_bytes == 0
        return cycle.response_complete and not cycle.more_body and cycle.scope is self.scope

    def _take_known(self, data: bytes) -> bool:
        """Take a whole request whose head is known; whether it was one."""
        head, _, body = data.partition(_HEAD_END)
        direct, length = self._heads.get(head, (None, 0))
        if direct is None or length != len(body) or self.flow.write_paused:
            return False
        self._unset_keepalive_if_required()
        self.cycle = exchange = Exchange(self, direct)
        exchange.body = body
        exchange.begin()
        return True

    def _know(self, data: bytes, exchange: Exchange) -> None:
        """Keep the head of a request that was read whole, and nothing beyond it."""
        head, _, body = data.partition(_HEAD_END)
        if exchange.body == body and not exchange.more_body and len(head) <= MAX_KNOWN_HEAD_BYTES:
            if len(self._heads) >= MAX_KNOWN_HEADS:
                self._heads.clear()
            self._heads[head] = (exchange.direct, len(body))

    def on_headers_complete(self) -> None:
        """Begin to serve the request."""
        self._head_bytes = 0
        direct = self._direct.get(self.url)
        if direct is None or not self._is_plain(direct):
            super().on_headers_complete()
        else:
            self.cycle = Exchange(self, direct)

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        self._head_bytes = 0
        if type(self.cycle) is Exchange:
            self.cycle.body += body
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        self._head_bytes = 0
        if type(self.cycle) is Exchange:
            self.cycle.begin()
        else:
            super().on_message_complete()

    def _is_plain(self, direct: Direct) -> bool:
        """Whether a request asks for nothing that has to be arranged: one at a time, of known length."""
        parser = self.parser
        if (
            parser.get_method() != b"POST"
            or parser.get_http_version() != "1.1"
            or not parser.should_keep_alive()
            or parser.should_upgrade()
            or self.expect_100_continue
            or self.flow.write_paused
            or (self.cycle is not None and not self.cycle.response_complete)
        ):
            return False
        found: dict[bytes, bytes] = {}
        for name, value in self.headers:
            if name in _LOOKED_AT:
                if name in found or name == b"transfer-encoding":
                    return False
                found[name] = value
        length = found.get(b"content-length", b"")
        return (
            found.get(b"content-type") == _MSGPACK
            and found.get(b"accept") == _MSGPACK
            and length.isdigit()
            and int(length[:20]) <= direct.limit_bytes
        )

    def answer(self, answer: Answer, *, closes: bool) -> None:
        """Write the answer to the request that was taken directly, and go on with the next."""
        if self.transport.is_closing():
            return
        self.transport.write(answer.encode(closes=closes))
        if closes:
            self.transport.close()
        self.on_response_complete()

    def send_400_response(self, msg: str) -> None:
        """What the parser cannot read."""
        self._refuse(
            Problem(
                "not an HTTP/1.1 request",
                code="not_http",
                field="request",
                found=msg,
                expected="HTTP/1.1 without TLS",
                remedy="Use an http:// URL and an HTTP/1.1 client; GET /v1/openapi.json describes the API.",
            )
        )

    def _unsupported_upgrade_warning(self) -> None:
        """Nobody asked for advice on packages: the request is answered without the upgrade."""

    def _too_slow(self) -> None:
        self._timer = None
        self._refuse(
            Problem(
                "the request did not become whole in time",
                code="request_too_slow",
                field="request",
                found=f"incomplete after {self.request_timeout_s:g} s",
                expected=f"a whole request within {self.request_timeout_s:g} s",
                remedy="Send the request without pauses, in smaller parts if the line is slow.",
            )
        )

    def _refuse(self, error: TallyError) -> None:
        """Answer, unless an answer has begun, and close."""
        if self.transport.is_closing():
            return
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            self.transport.write(Answer.problem(error).encode(closes=True))
        self.transport.close()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
