"""HTTP connections with bounds: how many, how long a head, how long until a request is whole.

uvicorn bounds none of these by itself: a head without end fills the memory, and a client that
never finishes its request keeps its place for ever. What is refused before the application
sees it is refused as everywhere else: by a problem document.

| code | HTTP status | when |
|---|---|---|
| busy | 503 | more than `most_connections` are open |
| head_too_large | 431 | request line and headers go beyond `MAX_HEAD_BYTES` |
| request_too_slow | 408 | the request is not whole `REQUEST_TIMEOUT_S` after it began, or after connecting |
| not_http | 400 | what came is not HTTP/1.1 |
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from ledger.errors import TallyError
from node.api import problems
from node.api.problems import Problem
from node.errors import NotAdmitted
from node.limits import MAX_API_CONNECTIONS, MAX_HEAD_BYTES, REQUEST_TIMEOUT_S


class BoundedProtocol(HttpToolsProtocol):
    """One HTTP connection."""

    most_connections: ClassVar[int] = MAX_API_CONNECTIONS
    request_timeout_s: ClassVar[float] = REQUEST_TIMEOUT_S

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._head_bytes = 0
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
        super().data_received(data)
        cycle = self.cycle
        if cycle is not None and cycle.scope is self.scope:
            self._head_bytes = 0
            if not cycle.more_body:
                self._stop_timer()
                return
        else:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._refuse(
                    Problem(
                        "request line and headers too large",
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
            status, body, retry_after = problems.render(error)
            lines = [
                f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
                f"content-type: {problems.PROBLEM_MEDIA_TYPE}",
                f"content-length: {len(body)}",
                "connection: close",
                *([] if retry_after is None else [f"retry-after: {retry_after}"]),
            ]
            self.transport.write("\r\n".join([*lines, "", ""]).encode() + body)
        self.transport.close()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
