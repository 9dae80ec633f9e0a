"""The links between nodes, each of which can be cut, silenced or slowed, in one direction alone.

A node speaks to a peer over the connection that it dialled, so every directed pair of nodes
has a listener of its own here, and each node is configured with these in place of its
peers' addresses. What passes is TCP payload: TLS runs from node to node, through here.

| condition | what is sent over the link |
|---|---|
| open | passes at once |
| slow | passes in order after a delay |
| silent | is held; when the link opens again it arrives late, as after lost packets |
| cut | connections break, and new ones break at once |

The listeners run in a thread with a loop of its own: what its user does meanwhile delays nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Self, cast

Pair = tuple[str, str]
"""(node that sends, node that hears)"""

MAX_HELD_BYTES = 1_048_576
"""Held of one direction of one connection before its sender's own buffers fill."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What a link does to what is sent over it."""

    is_cut: bool = False
    is_silent: bool = False
    delay_ms: int = 0


OPEN = Condition()
CUT = Condition(is_cut=True)
SILENT = Condition(is_silent=True)


def slow(delay_ms: int) -> Condition:
    """A link on which everything takes this much longer."""
    return Condition(delay_ms=delay_ms)


class _Half(asyncio.Protocol):
    """One of the two connections that make up a passage: what it receives goes out at the other."""

    def __init__(self, link: _Link) -> None:
        self.link = link
        self.other: _Half | None = None
        self.transport: asyncio.Transport | None = None
        self._held: deque[tuple[float, bytes]] = deque()
        self._held_bytes = 0
        self._is_full = False
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        due_s = self.link.loop.time() + self.link.condition.delay_ms / 1_000
        self._held.append((due_s, data))
        self._held_bytes += len(data)
        self.pump()
        if self._held_bytes > MAX_HELD_BYTES and not self._is_full and self.transport is not None:
            self._is_full = True
            self.transport.pause_reading()

    def pump(self) -> None:
        """Pass on what is due."""
        if self.link.condition.is_silent or self.other is None or self.other.transport is None:
            return
        now_s = self.link.loop.time()
        while self._held and self._held[0][0] <= now_s:
            _, data = self._held.popleft()
            self._held_bytes -= len(data)
            self.other.transport.write(data)
        if self._is_full and self._held_bytes <= MAX_HELD_BYTES and self.transport is not None:
            self._is_full = False
            self.transport.resume_reading()
        if self._held and self._timer is None:
            self._timer = self.link.loop.call_at(self._held[0][0], self._due)

    def _due(self) -> None:
        self._timer = None
        self.pump()

    def connection_lost(self, error: Exception | None) -> None:
        self.transport = None
        if self._timer is not None:
            self._timer.cancel()
        self.link.passages.discard(self)
        if self.other is not None:
            self.other.give_up()

    def give_up(self) -> None:
        """Break the connection."""
        if self.transport is not None:
            self.transport.abort()


class _Incoming(_Half):
    """The sender's connection; dials the hearer once the link lets anything through."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self.link.condition.is_cut:
            self.give_up()
            return
        self.link.passages.add(self)
        self._dialling = self.link.loop.create_task(self._dial())

    async def _dial(self) -> None:
        loop, port = self.link.loop, self.link.target_port
        try:
            _, onward = await loop.create_connection(lambda: _Half(self.link), "127.0.0.1", port)
        except OSError:
            self.give_up()
            return
        if self.transport is None:
            onward.give_up()
            return
        self.other, onward.other = onward, self
        self.link.passages.add(onward)
        self.pump()


class _Link:
    """One directed pair."""

    def __init__(self, loop: asyncio.AbstractEventLoop, target_port: int) -> None:
        self.loop = loop
        self.target_port = target_port
        self.condition = OPEN
        self.passages: set[_Half] = set()
        self.server: asyncio.Server | None = None

    async def listen(self) -> int:
        self.server = await self.loop.create_server(lambda: _Incoming(self), "127.0.0.1", 0)
        port: int = self.server.sockets[0].getsockname()[1]
        return port

    def change(self, condition: Condition) -> None:
        self.condition = condition
        for half in list(self.passages):
            if condition.is_cut:
                half.give_up()
            else:
                half.pump()


class Links:
    """All links of a network; `ports` says where a sender finds a hearer."""

    def __init__(self, targets: Mapping[Pair, int]) -> None:
        """`targets` has the hearer's own port for each pair."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="links", daemon=True)
        self._thread.start()
        self._links = {pair: _Link(self._loop, port) for pair, port in targets.items()}
        self.ports: dict[Pair, int] = {
            pair: asyncio.run_coroutine_threadsafe(link.listen(), self._loop).result()
            for pair, link in self._links.items()
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def set(self, pairs: Iterable[Pair], condition: Condition) -> None:
        """Put links into a condition; done when it returns."""
        chosen = [self._links[pair] for pair in pairs]

        async def change() -> None:
            for link in chosen:
                link.change(condition)

        asyncio.run_coroutine_threadsafe(change(), self._loop).result()

    def set_all(self, condition: Condition) -> None:
        """Put all links into a condition."""
        self.set(self._links, condition)

    def reset(self, pairs: Iterable[Pair]) -> None:
        """Break the connections of links once; new ones are made."""
        halves = [self._links[pair].passages for pair in pairs]

        async def give_up() -> None:
            for half in [half for of_link in halves for half in of_link]:
                half.give_up()

        asyncio.run_coroutine_threadsafe(give_up(), self._loop).result()

    def close(self) -> None:
        """Break everything and end the thread."""
        if not self._thread.is_alive():
            return

        async def end() -> None:
            for link in self._links.values():
                if link.server is not None:
                    link.server.close()
                for half in list(link.passages):
                    half.give_up()
            await asyncio.sleep(0)

        with contextlib.suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(end(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()
