"""The links of nodes without the nodes, and raw connections to them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from node_network import NodeFiles

from ledger import codec
from ledger.blocks.genesis import GenesisBlock
from ledger.members.membership import Membership
from node.peering.frames import frame
from node.peering.introductions import INTRODUCTION, Introductions
from node.peering.neighbours import Neighbourhood
from node.peering.peers import Peers
from node.peering.tls import stranger_context, tls_context
from node.statistics import Statistics

CHANNEL = bytes(range(32))


def neighbourhood(
    now: Membership, channel: bytes = CHANNEL, genesis: GenesisBlock | None = None
) -> Neighbourhood:
    """That of a node whose own ledger knows of no change."""
    bare: Any = SimpleNamespace(block=None, genesis=None, channel=channel, membership=now)
    chain: Any = SimpleNamespace(
        membership=now,
        genesis=genesis or bare,
        applied=SimpleNamespace(height=0),
        changes=list,
        get=lambda _: None,
    )
    return Neighbourhood(chain, Path("nowhere", "genesis.block"), {})


class Node:
    """The links of one node, and what came over them."""

    def __init__(
        self,
        files: NodeFiles,
        membership: Membership,
        channel: bytes = CHANNEL,
        genesis: GenesisBlock | None = None,
    ) -> None:
        """`genesis` is where the members that it follows begin; links are made with `membership`."""
        self.heard: list[tuple[str, codec.Value]] = []
        """All but what is said of the members."""
        self.neighbourhood = neighbourhood(membership, channel, genesis)
        self.learned = 0
        self.linked: list[str] = []
        self.statistics = Statistics()
        self.peers = Peers(
            node=files.node,
            channel=channel,
            membership=membership,
            key_file=files.key_file,
            certificate_file=files.certificate_file,
            addresses={},
            handler=self._hear,
            linked=self.linked.append,
            introductions=Introductions(channel, self.neighbourhood, self._learn),
            statistics=self.statistics,
        )
        self.port = 0

    def _hear(self, peer: str, value: codec.Value) -> None:
        if type(value) is not tuple or value[0] != INTRODUCTION:
            self.heard.append((peer, value))
            return
        answer = self.peers.introductions.hear_member(value[1], peer)
        if answer is not None:
            self.peers.send(peer, (INTRODUCTION, answer))

    def _learn(self) -> None:
        self.learned += 1

    def problem(self, peer: str) -> str:
        return next(status.problem for status in self.peers.status() if status.node == peer)


@asynccontextmanager
async def network(*nodes: Node) -> AsyncIterator[None]:
    """Let the nodes listen, and dial each other."""
    for node in nodes:
        node.port = await node.peers.listen("127.0.0.1", 0)
    for node in nodes:
        node.peers.addresses = {
            other.peers.node: ("127.0.0.1", other.port) for other in nodes if other is not node
        }
        node.peers.dial()
    try:
        yield
    finally:
        for node in nodes:
            await node.peers.close()


@asynccontextmanager
async def raw_link(
    server: Node, files: NodeFiles, membership: Membership
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    context = tls_context(membership, files.key_file, files.certificate_file, server=False)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, ssl=context, server_hostname="")
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


@asynccontextmanager
async def stranger(port: int) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection of somebody without a certificate."""
    context = stranger_context()
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname="")
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


def hello(node: str, target: str, version: int = 1) -> bytes:
    """The first frame of a link."""
    return frame(("hello", version, CHANNEL, node, target))
