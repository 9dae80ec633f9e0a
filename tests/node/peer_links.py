"""The links of nodes without the nodes, and raw connections to them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from node_network import NodeFiles

from ledger import codec
from ledger.membership import Membership
from node.frames import frame
from node.links import tls_context
from node.peers import Peers
from node.statistics import Statistics

CHANNEL = bytes(range(32))


class Node:
    """The links of one node, and what came over them."""

    def __init__(self, files: NodeFiles, membership: Membership, channel: bytes = CHANNEL) -> None:
        self.heard: list[tuple[str, codec.Value]] = []
        self.linked: list[str] = []
        self.statistics = Statistics()
        self.peers = Peers(
            node=files.node,
            channel=channel,
            membership=membership,
            key_file=files.key_file,
            certificate_file=files.certificate_file,
            addresses={},
            handler=lambda node, value: self.heard.append((node, value)),
            linked=self.linked.append,
            statistics=self.statistics,
        )
        self.port = 0

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


def hello(node: str, target: str, version: int = 1) -> bytes:
    """The first frame of a link."""
    return frame(("hello", version, CHANNEL, node, target))
