"""Identities of a small network, with their files, and a loop to run it in."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import uvloop
from key_value import KeyValue, set_pair

from contracts import Contracts
from ledger.blocks.executor import make_genesis_block
from ledger.blocks.genesis import Genesis, read_genesis
from ledger.blocks.transaction import Transaction
from ledger.chain.chain import Chain
from ledger.codec import Value
from ledger.keys import SigningKey
from ledger.members import node_certificate
from ledger.members.membership import Member, Membership
from node.disk import FRESH
from node.intake.admission import Identify
from node.node import Node
from node.settings import Settings


@dataclass(frozen=True)
class NodeFiles:
    """A node's key and certificate, and where they lie."""

    node: str
    key: SigningKey
    certificate: bytes
    key_file: Path
    certificate_file: Path

    @property
    def member(self) -> Member:
        return Member(self.node, f"org-{self.node}", self.key.public, self.certificate)


def prepare(data_dir: Path) -> None:
    """Make a folder for a node that has never run, as `tally network` does."""
    data_dir.mkdir(parents=True)
    (data_dir / FRESH).touch()


def node_files(
    folder: Path,
    node: str,
    key: SigningKey | None = None,
    *,
    not_after: datetime = node_certificate.NO_END,
) -> NodeFiles:
    """Fresh identity files of a node."""
    key = key or SigningKey.generate()
    certificate = node_certificate.issue(key, node, not_after=not_after)
    folder.mkdir(parents=True, exist_ok=True)
    key_file, certificate_file = folder / f"{node}.key", folder / f"{node}.crt"
    key.save(key_file)
    certificate_file.write_text(node_certificate.to_pem(certificate))
    return NodeFiles(node, key, certificate, key_file, certificate_file)


def membership_of(*nodes: NodeFiles) -> Membership:
    return Membership.of(len(nodes) // 2 + 1, [node.member for node in nodes])


def run(scenario: Callable[[], Coroutine[Any, Any, None]], *, limit_s: float = 150.0) -> None:
    """Run a scenario on the loop that nodes use."""

    async def limited() -> None:
        await asyncio.wait_for(scenario(), limit_s)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(limited())


async def until(condition: Callable[[], object], what: str = "condition") -> None:
    """Wait for a condition, looking often; the scenario's limit ends a vain wait."""
    for _ in range(6_000):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError(f"never came true: {what}")


def free_ports(count: int) -> list[int]:
    """Ports that are free now, below the range from which the system takes those of outgoing links."""
    chance = random.SystemRandom()
    with contextlib.ExitStack() as held:
        ports: list[int] = []
        while len(ports) < count:
            each = held.enter_context(socket.socket())
            with contextlib.suppress(OSError):
                each.bind(("127.0.0.1", chance.randrange(12_000, 32_000)))
                ports.append(each.getsockname()[1])
        return ports


@dataclass
class Cluster:
    """Nodes with the key-value rules in one process, on real disks and real links."""

    folder: Path
    files: list[NodeFiles]
    genesis_file: Path
    client: SigningKey
    executors: dict[str, KeyValue] = field(default_factory=dict)
    nodes: dict[str, Node] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    identify: Callable[[Chain], Identify] = lambda _: bytes.hex

    @classmethod
    def make(cls, folder: Path, count: int = 3) -> Cluster:
        """Identities and a genesis block; nothing runs yet."""
        files = [node_files(folder / "keys", f"n{number + 1}") for number in range(count)]
        client = SigningKey.generate()
        document = {
            "version": 1,
            "name": "test",
            "time_ms": 1_700_000_000_000,
            "contract_version": Contracts.version,
            "quorum": count // 2 + 1,
            "nodes": [
                {
                    "id": each.node,
                    "organisation": "operator",
                    "key": each.key.public,
                    "certificate": each.certificate,
                }
                for each in files
            ],
            "organisations": [
                {
                    "id": "operator",
                    "name": "Operator",
                    "lei": "",
                    "roles": ["operator"],
                    "identifiers": [],
                    "keys": [{"key": client.public, "name": "client", "enrolled_by": "operator"}],
                }
            ],
            "parameters": {},
        }
        genesis_file = folder / "genesis.block"
        genesis_file.write_bytes(make_genesis_block(KeyValue(), Genesis.from_document(document)).data)
        ports = dict(zip([each.node for each in files], free_ports(count), strict=True))
        return cls(folder, files, genesis_file, client, ports=ports)

    async def up(self) -> Node:
        """Start all nodes and wait until they are ready; who leads."""
        await self.start()
        await self.ready()
        return await self.leader()

    async def start(self, *names: str) -> None:
        """Open nodes and let them take part; all that are named, or all."""
        wanted = [each for each in self.files if not names or each.node in names]
        for each in wanted:
            if each.node not in self.executors:
                prepare(self.folder / each.node)
            executor = self.executors.setdefault(each.node, KeyValue())
            settings = Settings(
                node=each.node,
                data_dir=self.folder / each.node,
                genesis_file=self.genesis_file,
                key_file=each.key_file,
                certificate_file=each.certificate_file,
                peer_port=self.ports[each.node],
                peers={name: f"127.0.0.1:{port}" for name, port in self.ports.items()},
                tick_ms=10,
            )
            node = Node(settings, executor, self.identify)
            self.nodes[each.node] = node
            await node.listen()
            node.start()

    async def stop(self, *names: str) -> None:
        """Close nodes; all that are named, or all."""
        for name in names or list(self.nodes):
            await self.nodes.pop(name).close()

    @property
    def channel(self) -> bytes:
        return read_genesis(self.genesis_file.read_bytes()).channel

    def transaction(self, name: str, value: Value, **options: Any) -> Transaction:
        return set_pair(self.channel, self.client, name, value, **options)

    async def leader(self) -> Node:
        """The leader, once there is one that all running nodes follow and whose term has begun."""

        def find() -> Node | None:
            known = {node.driver.leader for node in self.nodes.values()}
            if len(known) != 1:
                return None
            leader = self.nodes.get(known.pop() or "")
            return leader if leader is not None and leader.driver.leads() else None

        await until(find, "a leader")
        found = find()
        assert found is not None
        return found

    async def ready(self) -> None:
        await until(lambda: all(node.service.ready for node in self.nodes.values()), "all ready")

    async def level(self) -> None:
        """Wait until all running nodes have applied the same block and nothing is under way."""

        def is_level() -> bool:
            heads = {node.chain.applied.hash for node in self.nodes.values()}
            return len(heads) == 1 and all(node.driver.in_flight == 0 for node in self.nodes.values())

        await until(is_level, "same heads")
