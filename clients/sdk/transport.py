"""Carrying one call to an answer, over several nodes.

The decisions are a generator without I/O (`exchange`): it yields what to do next and is
sent what came of it, so that the sync and the async client run the very same code.

| what came back | next |
|---|---|
| an answer below 500, other than 429 | done |
| 429: this organisation has enough in flight there | wait for Retry-After, then the same node |
| 502, 503, 504: this node cannot now | the next node at once; after a whole round, wait |
| no connection, cut off, silent for too long | the next node at once; after a whole round, wait |
| any other 5xx | done: the caller raises it |

An answer that has begun has half of the time that is left, so that another node has its turn; if there is no
other, all of it. None comes compressed: a small answer could then be one of any size.

The wait after a round is the shortest Retry-After that a node of it gave; if none did, it
doubles from `FIRST_PAUSE_S` to `MOST_PAUSE_S`, with jitter. Every attempt carries the same bytes, so a
call that arrives twice is one transaction. The first node that worked is kept until it fails.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import httpx

from clients.errors import BrokenAnswer, NodeProblem, Unavailable
from clients.sdk.deadlines import TooSlow, bounded_client, ends_by
from ledger.limits import MAX_PROOF_BYTES

T = TypeVar("T")

FIRST_PAUSE_S = 0.02
MOST_PAUSE_S = 0.5
CONNECT_TIMEOUT_S = 2.0
ANSWER_TIMEOUT_S = 8.0
"""Silence of a node after which the next one is asked; waiting submissions ask for less."""
MAX_RETRY_AFTER_S = 30.0
MAX_ANSWER_BYTES = MAX_PROOF_BYTES
MAX_CONNECTIONS = 100

PASSING_STATUS = (429, 502, 503, 504)
PLAIN = {"accept-encoding": "identity"}
"""The header of every request."""

MISDIRECTED = 421
"""The node does not hold what is asked for, such as a block before the snapshot that it began from."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request, whichever node it goes to."""

    method: str
    path: str
    query: Mapping[str, str | int] = field(default_factory=dict)
    body: bytes | None = None
    content_type: str = "application/msgpack"
    accept: str = "application/json"
    answer_timeout_s: float = ANSWER_TIMEOUT_S


@dataclass(frozen=True, slots=True)
class Send:
    """Step: send this call to this node."""

    node: str
    call: Call
    most_s: float
    """Until the answer is whole."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Step: wait."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Reply:
    """A node's answer."""

    node: str
    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Unreachable:
    """No whole answer came; the request may have arrived all the same."""

    node: str
    reason: str
    was_sent: bool


Steps = Generator[Send | Pause, Reply | Unreachable | None, T]


class Nodes:
    """The nodes of a channel, and which one is in use."""

    def __init__(self, urls: Sequence[str]) -> None:
        self.urls = tuple(urls)
        self._current = 0

    @property
    def current(self) -> str:
        """The node that the next call goes to."""
        return self.urls[self._current]

    def leave(self, node: str) -> None:
        """Use the next node, if `node` is still the one in use."""
        if self.urls[self._current] == node:
            self._current = (self._current + 1) % len(self.urls)


def exchange(nodes: Nodes, call: Call, deadline: float, clock: Callable[[], float]) -> Steps[Reply]:
    """Carry a call until a node answers it or the deadline passes.

    That a node does not hold what is asked for is the answer only if no other node has it.

    Raises:
        Unavailable: no node answered in time; says what each one did last.
    """
    pause_s = FIRST_PAUSE_S
    was_sent = False
    while True:
        failed: dict[str, str] = {}
        hints: list[float] = []
        misdirected: Reply | None = None
        for _ in nodes.urls:
            node = nodes.current
            left_s = (deadline - clock()) / (1 if len(nodes.urls) == 1 else 2)
            came = yield Send(node, call, max(left_s, call.answer_timeout_s))
            if isinstance(came, Reply) and came.status == MISDIRECTED:
                misdirected = came
            elif isinstance(came, Reply):
                if came.status not in PASSING_STATUS:
                    return came
                failed[node] = f"answered {came.status}"
                was_sent = True
                hint = retry_after_s(came.headers)
                if hint is not None:
                    hints.append(hint)
                if came.status == 429:
                    break
            elif came is not None:
                failed[node] = came.reason
                was_sent = was_sent or came.was_sent
            nodes.leave(node)
            if clock() >= deadline:
                break
        wait_s = min(hints) if hints else pause_s * (0.5 + random.random() / 2)  # noqa: S311
        is_over = clock() + wait_s >= deadline
        if misdirected is not None and (is_over or not failed):
            return misdirected
        if is_over:
            raise _unavailable(failed, was_sent)
        yield Pause(wait_s)
        pause_s = min(2 * pause_s, MOST_PAUSE_S)


def _unavailable(failed: Mapping[str, str], was_sent: bool) -> Unavailable:
    shown = "; ".join(f"{node} {reason}" for node, reason in failed.items())
    return Unavailable("no node answered before the deadline", found=shown[:400], was_sent=was_sent)


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds of a Retry-After header, bounded; None if there is none that counts seconds."""
    given = headers.get("retry-after", "")
    if given.isascii() and given.isdigit() and len(given) < 10:
        return min(float(given), MAX_RETRY_AFTER_S)
    return None


def problem_of(reply: Reply) -> NodeProblem:
    """The problem document of an answer that is not a success."""
    try:
        document = json.loads(reply.body)
    except (ValueError, RecursionError):
        document = {}
    return NodeProblem.of(document if isinstance(document, dict) else {}, reply.status, reply.node)


def broken(reply: Reply, found: str) -> BrokenAnswer:
    """The error of an answer that is not what the protocol says."""
    return BrokenAnswer(f"{reply.node} answers something else than the protocol says", found=found)


def _timeout(call: Call) -> httpx.Timeout:
    return httpx.Timeout(call.answer_timeout_s, connect=CONNECT_TIMEOUT_S)


def _headers(call: Call) -> dict[str, str]:
    headers = {"accept": call.accept, **PLAIN}
    if call.body is not None:
        headers["content-type"] = call.content_type
    return headers


def check_plain(response: httpx.Response, node: str) -> None:
    """Refuse what would grow when it is read.

    Raises:
        BrokenAnswer: it is compressed.
    """
    found = response.headers.get("content-encoding", "identity")
    if found.lower() != "identity":
        raise BrokenAnswer(f"{node} answers compressed", found=ascii(found)[:80], expected="plain bytes")


class _Body:
    """What has come of an answer, within its bounds."""

    def __init__(self, response: httpx.Response, step: Send) -> None:
        check_plain(response, step.node)
        self._node = step.node
        self._until = time.monotonic() + step.most_s
        self._chunks: list[bytes] = []
        self._size_bytes = 0

    def take(self, chunk: bytes) -> None:
        """One more piece.

        Raises:
            BrokenAnswer: too many.
            TooSlow: too late.
        """
        self._size_bytes += len(chunk)
        if self._size_bytes > MAX_ANSWER_BYTES:
            raise BrokenAnswer(
                f"{self._node} answers without end", expected=f"at most {MAX_ANSWER_BYTES} bytes"
            )
        if time.monotonic() > self._until:
            raise TooSlow
        self._chunks.append(chunk)

    def whole(self) -> bytes:
        """All of it."""
        return b"".join(self._chunks)


class SyncTransport:
    """Runs steps with blocking I/O; may be shared by threads."""

    def __init__(self, client: httpx.Client | None = None) -> None:
        limits = httpx.Limits(max_connections=MAX_CONNECTIONS, max_keepalive_connections=MAX_CONNECTIONS)
        self.client = client or bounded_client(limits)

    def run(self, steps: Steps[T]) -> T:
        """Carry the steps out and give what they return."""
        came: Reply | Unreachable | None = None
        while True:
            try:
                step = steps.send(came)
            except StopIteration as stop:
                result: T = stop.value
                return result
            came = None
            if isinstance(step, Pause):
                time.sleep(step.seconds)
            else:
                came = self._send(step)

    def _send(self, step: Send) -> Reply | Unreachable:
        call = step.call
        try:
            with (
                ends_by(time.monotonic() + step.most_s),
                self.client.stream(
                    call.method,
                    step.node + call.path,
                    params=dict(call.query) or None,
                    content=call.body,
                    headers=_headers(call),
                    timeout=_timeout(call),
                ) as response,
            ):
                body = _Body(response, step)
                for chunk in response.iter_bytes():
                    body.take(chunk)
                return Reply(step.node, response.status_code, response.headers, body.whole())
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError, TooSlow) as error:
            return _unreachable(step.node, error)

    def close(self) -> None:
        """Close the connections."""
        self.client.close()


class AsyncTransport:
    """Runs steps on the event loop."""

    def __init__(self, client: httpx.AsyncClient | None = None) -> None:
        limits = httpx.Limits(max_connections=MAX_CONNECTIONS, max_keepalive_connections=MAX_CONNECTIONS)
        self.client = client or httpx.AsyncClient(limits=limits, trust_env=False)

    async def run(self, steps: Steps[T]) -> T:
        """Carry the steps out and give what they return."""
        came: Reply | Unreachable | None = None
        while True:
            try:
                step = steps.send(came)
            except StopIteration as stop:
                result: T = stop.value
                return result
            came = None
            if isinstance(step, Pause):
                await asyncio.sleep(step.seconds)
            else:
                came = await self._send(step)

    async def _send(self, step: Send) -> Reply | Unreachable:
        call = step.call
        try:
            async with (
                asyncio.timeout(step.most_s),
                self.client.stream(
                    call.method,
                    step.node + call.path,
                    params=dict(call.query) or None,
                    content=call.body,
                    headers=_headers(call),
                    timeout=_timeout(call),
                ) as response,
            ):
                body = _Body(response, step)
                async for chunk in response.aiter_bytes():
                    body.take(chunk)
                return Reply(step.node, response.status_code, response.headers, body.whole())
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError, TimeoutError, TooSlow) as error:
            return _unreachable(step.node, error)

    async def close(self) -> None:
        """Close the connections."""
        await self.client.aclose()


def _unreachable(node: str, error: Exception) -> Unreachable:
    if isinstance(error, httpx.InvalidURL | UnicodeError):
        return Unreachable(node, "is no address that can be looked up", was_sent=False)
    if isinstance(error, httpx.ConnectTimeout | httpx.ConnectError | httpx.PoolTimeout):
        return Unreachable(node, "does not take connections", was_sent=False)
    if isinstance(error, TooSlow | TimeoutError):
        return Unreachable(node, "is too slow", was_sent=True)
    if isinstance(error, httpx.TimeoutException):
        return Unreachable(node, "is silent", was_sent=True)
    return Unreachable(node, f"broke off ({type(error).__name__})", was_sent=True)
