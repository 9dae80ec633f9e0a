"""A blocking HTTP client whose calls end in time, however slowly a node speaks.

httpx bounds the silence between two pieces of an answer. A node that sends a byte of a head now and then, or
one 100 Continue after the other, is never silent and never done, and httpx gives nothing back until a head is
whole. So the connections themselves know until when the thread that uses them may wait:

    client = bounded_client(limits)
    with ends_by(time.monotonic() + 8):
        client.get(…)                       raises TooSlow then

The asyncio client needs none of this: `asyncio.timeout` ends it anywhere.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import httpx

_WRITE_BYTES = 16_384
"""What is handed over at once: between two pieces the time is looked at."""


class TooSlow(httpx.TimeoutException):
    """A call is not done in the time that it has."""

    def __init__(self) -> None:
        super().__init__("not done in the time that it has")


class _Thread(threading.local):
    until_s: float | None = None
    """Time of `time.monotonic`."""


_thread = _Thread()


@contextmanager
def ends_by(until_s: float) -> Iterator[None]:
    """What this thread sends and hears in here ends by this time of `time.monotonic`.

    Raises:
        TooSlow: from the call that is under way then.
    """
    before, _thread.until_s = _thread.until_s, until_s
    try:
        yield
    finally:
        _thread.until_s = before


@contextmanager
def begun(
    client: httpx.Client, until_s: float, method: str, url: str, **options: Any
) -> Iterator[httpx.Response]:
    """An answer whose head is there by then; how long the rest may take is for its reader to say.

    Raises:
        TooSlow: it is not.
    """
    with ExitStack() as answers:
        with ends_by(until_s):
            response = answers.enter_context(client.stream(method, url, **options))
        yield response


def bounded_client(limits: httpx.Limits) -> httpx.Client:
    """A client to whose calls `ends_by` applies."""
    transport = httpx.HTTPTransport(limits=limits, trust_env=False)
    # The pool takes another network backend; httpx has no argument for it.
    pool: Any = transport._pool
    pool._network_backend = _Backend(pool._network_backend)
    return httpx.Client(transport=transport, trust_env=False)


class _Backend:
    """Makes connections that know the time."""

    def __init__(self, backend: Any) -> None:
        self._backend = backend

    def connect_tcp(self, *args: Any, **options: Any) -> _Stream:
        """A connection to a host and a port."""
        return _Stream(self._backend.connect_tcp(*args, **options))


class _Stream:
    """A connection: what httpcore calls a `NetworkStream`."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Some bytes."""
        data: bytes = self._stream.read(max_bytes, _left(timeout))
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write all of it."""
        for start in range(0, len(buffer), _WRITE_BYTES):
            self._stream.write(buffer[start : start + _WRITE_BYTES], _left(timeout))

    def start_tls(self, *args: Any, **options: Any) -> _Stream:
        """The same connection, encrypted."""
        return _Stream(self._stream.start_tls(*args, **options))

    def close(self) -> None:
        """Close it."""
        self._stream.close()

    def get_extra_info(self, info: str) -> Any:
        """What httpcore asks about it."""
        return self._stream.get_extra_info(info)


def _left(timeout_s: float | None) -> float | None:
    """How long one wait may be."""
    if _thread.until_s is None:
        return timeout_s
    left_s = _thread.until_s - time.monotonic()
    if left_s <= 0:
        raise TooSlow
    return left_s if timeout_s is None else min(timeout_s, left_s)
