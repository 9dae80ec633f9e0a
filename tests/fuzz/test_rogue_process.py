"""A rogue at the ports of real node processes: the network goes on, memory stays flat, all is counted.

n1 and n2 run; the attacker owns n3's key, and where it says so none.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import httpx
import pytest
from mutation import any_value, mutated_bytes, mutated_value
from node_network import NodeFiles, membership_of, node_files, run
from test_processes import Processes, processes

from consensus.messages import HeartbeatReply, PreVote
from consensus.wire import to_value
from node.limits import MAX_FRAME_BYTES
from node.peering.frames import frame
from node.peering.tls import tls_context

pytestmark = pytest.mark.processes

MAX_GROWTH_KIB = 96 * 1_024
"""More than buffers, caches and the allocator's reserve; far less than what is thrown at a node."""
BAD_HTTP = (
    b"GET /v1/status HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n",
    b"POST /v1/channels/00/transactions HTTP/1.1\r\nHost: x\r\nContent-Type: application/msgpack\r\n"
    b"Content-Length: 5\r\n\r\n\x92\xc4\x01a\xc4",
    b"POST /v1/channels/00/bundles HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"5\r\nabcde\r\n0\r\n\r\n",
)


Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class Rogue:
    """Somebody who reaches a node's ports."""

    def __init__(self, network: Processes, victim: str, chance: Random) -> None:
        self.network = network
        self.victim = victim
        self.chance = chance
        self.files = network.files
        self.api_port = int(network.api[victim].rsplit(":", 1)[1])
        settings = json.loads((network.folder / victim / "node.json").read_text())
        self.peer_port = settings["peer_port"]

    def hello(self, node: str = "n3", version: int = 1) -> bytes:
        return frame(("hello", version, self.network.channel, node, self.victim))

    @asynccontextmanager
    async def link(self, files: NodeFiles) -> AsyncIterator[Streams]:
        """TLS with these files, which trusts whatever answers."""
        context = tls_context(
            membership_of(*self.files.values()), files.key_file, files.certificate_file, server=False
        )
        async with self.connection(self.peer_port, context) as both:
            yield both

    @asynccontextmanager
    async def connection(self, port: int, context: ssl.SSLContext | None = None) -> AsyncIterator[Streams]:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=context, server_hostname="" if context else None
        )
        try:
            yield reader, writer
        finally:
            writer.transport.abort()

    async def shout(self, port: int, data: bytes) -> None:
        """Bytes without TLS; whatever is answered is read."""
        with contextlib.suppress(OSError, TimeoutError):
            async with self.connection(port) as (reader, writer), asyncio.timeout(2):
                writer.write(data)
                writer.write_eof()
                while await reader.read(65_536):
                    pass

    async def say(self, *frames: bytes, files: NodeFiles | None = None) -> None:
        """On a fresh link, until the other side closes or all is taken."""
        with contextlib.suppress(OSError, TimeoutError):
            async with self.link(files or self.files["n3"]) as (reader, writer), asyncio.timeout(5):
                writer.write(b"".join(frames))
                await writer.drain()
                while await reader.read(65_536):
                    pass

    async def without_a_key(self, impostor: NodeFiles) -> None:
        for size in (1, 100, 70_000):
            await self.shout(self.peer_port, self.chance.randbytes(size))
        await self.say(self.hello(), files=impostor)
        for _ in range(15):
            data = self.chance.randbytes(300) if self.chance.random() < 0.3 else b""
            await self.shout(self.api_port, data or mutated_bytes(self.chance, self.chance.choice(BAD_HTTP)))

    async def with_a_key(self) -> None:
        bomb = b"\xdd" + (MAX_FRAME_BYTES - 5).to_bytes(4, "big") + b"\x80" * (MAX_FRAME_BYTES - 5)
        await self.say(self.hello("n1" if self.victim == "n2" else "n2"))
        await self.say(self.hello(version=2))
        await self.say(self.hello(), (2**32 - 1).to_bytes(4, "big"))
        for _ in range(3):
            await self.say(self.hello(), len(bomb).to_bytes(4, "big") + bomb)
        stranger = HeartbeatReply("n1", self.victim, 1, 1, 1, 0)
        await self.say(self.hello(), frame(("raft", to_value(stranger))))
        honest = ("raft", to_value(PreVote("n3", self.victim, 2, 1, 0, 0)))
        for _ in range(25):
            value = (
                mutated_value(self.chance, honest) if self.chance.random() < 0.6 else any_value(self.chance)
            )
            with contextlib.suppress(OSError, TimeoutError):
                async with self.link(self.files["n3"]) as (_, writer), asyncio.timeout(5):
                    writer.write(self.hello() + frame(value))
                    await writer.drain()
        good = [self.network.transaction() for _ in range(200)]
        forged = tuple([(each.body, bytes(64)) for each in good])
        async with self.link(self.files["n3"]) as (reader, writer):
            writer.write(self.hello() + frame(("forward", forged)))
            await reader.readuntil(b"welcome\1")
            await asyncio.sleep(0.5)

    async def flood(self, seconds: float) -> int:
        """Stale messages as fast as they are taken; bytes written."""
        stale = frame(("raft", to_value(HeartbeatReply("n3", self.victim, 0, 1, 1, 0)))) * 3_000
        written = 0
        with contextlib.suppress(OSError, TimeoutError):
            async with self.link(self.files["n3"]) as (_, writer), asyncio.timeout(seconds):
                writer.write(self.hello())
                while True:
                    writer.write(stale)
                    await writer.drain()
                    written += len(stale)
        return written


def resident_kib(process_id: int) -> int:
    for line in Path(f"/proc/{process_id}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise AssertionError("no VmRSS")


def counted(metrics: str) -> dict[str, float]:
    """Refusals by reason."""
    start = 'tally_peer_refused_total{reason="'
    lines = [line.removeprefix(start) for line in metrics.splitlines() if line.startswith(start)]
    return {line.split('"')[0]: float(line.split()[-1]) for line in lines}


def test_a_rogue_changes_nothing_for_the_others(tmp_path: Path) -> None:
    """CR-88, over the wire: what comes is refused and counted, the node lives, its memory is flat."""
    with processes(tmp_path) as network:
        gone = network.running.pop("n3")
        gone.kill()
        gone.wait()
        network.api.pop("n3")

        async def scenario() -> None:
            async with httpx.AsyncClient(timeout=30) as client:
                await network.ready(client)
                impostor = node_files(tmp_path / "impostor", "n3")
                committed = 0

                async def work() -> None:
                    nonlocal committed
                    while True:
                        await network.submit(client, network.transaction())
                        committed += 1

                worker = asyncio.create_task(work())
                rogues = [Rogue(network, name, Random(name)) for name in network.api]
                for rogue in rogues:
                    await rogue.say(rogue.hello(), frame(("warm", "up")))
                before = {name: resident_kib(process.pid) for name, process in network.running.items()}
                await asyncio.gather(*[rogue.without_a_key(impostor) for rogue in rogues])
                await asyncio.gather(*[rogue.with_a_key() for rogue in rogues])
                began = committed
                written = sum(await asyncio.gather(*[rogue.flood(2.0) for rogue in rogues]))
                assert written > 0
                assert committed > began, "commits go on during a flood"
                assert not worker.done()
                worker.cancel()
                await network.ready(client)
                await network.submit(client, network.transaction())
                for name, process in network.running.items():
                    assert process.poll() is None
                    assert resident_kib(process.pid) - before[name] < MAX_GROWTH_KIB
                    found = counted((await client.get(f"{network.api[name]}/metrics")).text)
                    expected = {"tls_failed", "wrong_key", "peer_version", "frame_too_large", "malformed"}
                    expected |= {"too_many_elements", "wrong_sender"}
                    assert expected <= set(found), found
                    assert "other" not in found
                    status = await network.status(client, name)
                    peers = {peer["node"]: peer["refused"] for peer in status["peers"]}  # type: ignore[attr-defined]
                    assert peers["n3"]["too_many_elements"] == 3
                    lines = (tmp_path / name / "node.log").read_text().count("peer_refused")
                    assert lines < 60, "logged once for each kind"

        run(scenario, limit_s=150)
