"""Sessions on a local channel, with nodes that die, hang, lie or lag as a test wants."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
from local_node import ROLES, LocalNetwork, key_of

from clients.profile import Profile
from clients.sdk import AsyncSession, Session
from node.api import create_app

Misbehaviour = Callable[[httpx.Request, Callable[[], Awaitable[httpx.Response]]], Awaitable[httpx.Response]]


class NodeTransport(httpx.AsyncBaseTransport):
    """A node's API in this process; `misbehave` stands between it and the client."""

    def __init__(self, app: Any) -> None:
        self._inner = httpx.ASGITransport(app)
        self.misbehave: Misbehaviour | None = None
        self.requests: list[tuple[str, str, bytes]] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.requests.append((request.method, request.url.path, await request.aread()))

        async def ask() -> httpx.Response:
            answer = await self._inner.handle_async_request(request)
            await answer.aread()
            return answer

        return await (ask() if self.misbehave is None else self.misbehave(request, ask))


class SyncBridge(httpx.BaseTransport):
    """The same nodes for a blocking client."""

    def __init__(self, transport: NodeTransport) -> None:
        self._transport = transport

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        async def ask() -> httpx.Response:
            copied = httpx.Request(
                request.method, request.url, headers=request.headers, content=request.read()
            )
            answer = await self._transport.handle_async_request(copied)
            return httpx.Response(answer.status_code, headers=answer.headers, content=await answer.aread())

        return asyncio.run(ask())


class Channel:
    """A local channel with a transport and an URL for each node."""

    def __init__(
        self,
        folder: Path,
        members: tuple[str, ...] = ("n1", "n2", "n3"),
        roles: dict[str, list[str]] = ROLES,
    ) -> None:
        self.folder = folder
        self.network = LocalNetwork(folder, members, roles)
        self.nodes = {
            name: NodeTransport(create_app(service)) for name, service in self.network.nodes.items()
        }

    def profile(self, organisation: str) -> Profile:
        key = self.folder / f"{organisation}.pem"
        if not key.exists():
            key_of(organisation).save(key)
        urls = tuple(f"http://{name}" for name in self.nodes)
        return Profile(organisation, organisation, key, self.network.genesis_path, self.network.channel, urls)

    def session(self, organisation: str, deadline_s: float = 20.0) -> AsyncSession:
        client = httpx.AsyncClient(mounts={f"http://{name}": node for name, node in self.nodes.items()})
        return AsyncSession(self.profile(organisation), client=client, deadline_s=deadline_s)

    def client(self) -> httpx.Client:
        """A blocking client whose requests go to the nodes."""
        return httpx.Client(mounts={f"http://{name}": SyncBridge(node) for name, node in self.nodes.items()})

    def blocking_session(self, organisation: str, deadline_s: float = 20.0) -> Session:
        return Session(self.profile(organisation), client=self.client(), deadline_s=deadline_s)

    def close(self) -> None:
        self.network.close()


async def refuse_connections(request: httpx.Request, _ask: Any) -> httpx.Response:
    raise httpx.ConnectError("refused", request=request)


async def die_after_recording(
    request: httpx.Request, ask: Callable[[], Awaitable[httpx.Response]]
) -> httpx.Response:
    await ask()
    raise httpx.RemoteProtocolError("the connection was closed", request=request)


async def be_silent(request: httpx.Request, _ask: Any) -> httpx.Response:
    raise httpx.ReadTimeout("no answer", request=request)


def answer_with(status: int, headers: dict[str, str] | None = None, content: bytes = b"{}") -> Misbehaviour:
    async def misbehave(request: httpx.Request, _ask: Any) -> httpx.Response:
        return httpx.Response(status, headers=headers, content=content, request=request)

    return misbehave


def times(count: int, misbehaviour: Misbehaviour) -> Misbehaviour:
    """Misbehave the first so many times only."""
    left = [count]

    async def misbehave(
        request: httpx.Request, ask: Callable[[], Awaitable[httpx.Response]]
    ) -> httpx.Response:
        if left[0]:
            left[0] -= 1
            return await misbehaviour(request, ask)
        return await ask()

    return misbehave


def rewriting(change: Callable[[bytes], bytes], path: str = "") -> Misbehaviour:
    """Answer as the node does, with other bytes."""

    async def misbehave(
        request: httpx.Request, ask: Callable[[], Awaitable[httpx.Response]]
    ) -> httpx.Response:
        answer = await ask()
        if path not in request.url.path:
            return answer
        headers = {name: value for name, value in answer.headers.items() if name != "content-length"}
        return httpx.Response(
            answer.status_code, headers=headers, content=change(answer.content), request=request
        )

    return misbehave
