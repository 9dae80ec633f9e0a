"""A network of real node processes whose links, processes and disks can be harmed.

Made by `clients.network`; each node's peers are then replaced by the links of `chaos.links`,
so that whatever one node says to another passes where it can be cut.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

import httpx

import clients
from chaos.links import OPEN, Links, Pair
from clients import network
from clients.errors import NetworkError

SHIFTED = Path(__file__).with_name("shifted")
"""On PYTHONPATH it lets a node's wall clock be set."""
CHECK_TRACE = Path(clients.__file__).resolve().parents[1] / "scripts" / "_check_trace.py"
STATUS_TIMEOUT_S = 2.0
READY_S = 60.0
HAND_OVER_S = 10.0
POLL_S = 0.02
PORT_TRIES = 40
"""A port of a node that is down may be in passing use by somebody else's connection."""

BUYER = "anchor"
ORGANISATIONS = (
    {"id": BUYER, "name": "Anchor buyer", "roles": ["buyer"]},
    {"id": "lender", "name": "Lender", "roles": ["lender"]},
    {"id": "bank", "name": "Settlement bank", "roles": ["settlement_bank"]},
    {"id": "operator", "name": "Operator", "roles": ["operator"]},
    {"id": "insurer", "name": "Insurer", "roles": ["insurer"]},
)


class Broken(AssertionError):
    """A promise that did not hold."""


class Start(StrEnum):
    """What comes of starting a node whose disk was harmed."""

    READY = "recovered"
    REFUSED = "refused"
    MUTE = "mute"
    """It runs, and neither votes nor acknowledges: what it signed is gone (CR-76)."""


Status = dict[str, Any]
T = TypeVar("T")


class Cluster:
    """The nodes; all that can be done to them, and what they say."""

    def __init__(
        self,
        folder: Path,
        *,
        nodes: int,
        suppliers: Sequence[str],
        settings: Mapping[str, int] | None = None,
        through_links: bool = True,
        trace: bool = False,
    ) -> None:
        """Make the network; nothing runs yet. `settings` go into every node's configuration.

        Without `through_links` nodes speak to each other directly, and no link can be harmed.
        With `trace` each writes the trace of its consensus, for `judged`.
        """
        self.net = network.create(
            folder,
            nodes=nodes,
            base_port=None,
            organisations=[
                *ORGANISATIONS,
                *({"id": name, "name": name.title(), "roles": ["supplier"]} for name in suppliers),
            ],
            parameters={"business_date": "2024-03-01"},
            name="chaos",
        )
        self.names = tuple(node.id for node in self.net.nodes)
        self.suppliers = tuple(suppliers)
        self.paused: set[str] = set()
        self._http = httpx.AsyncClient(timeout=STATUS_TIMEOUT_S, trust_env=False)
        ports = {node.id: int(node.peer.rpartition(":")[2]) for node in self.net.nodes}
        self.links = Links({pair: ports[pair[1]] for pair in self.pairs()} if through_links else {})
        for node in self.net.nodes:
            self._configure(node.id, settings or {})
            self.set_clock(node.id, 0)
            if trace:
                node.trace.touch()

    def _configure(self, node: str, settings: Mapping[str, int]) -> None:
        config = self.net.node(node).config
        lines = config.read_text(encoding="utf-8").splitlines()
        table = lines.index("[peers]") + 1
        peers = [f'{b} = "127.0.0.1:{port}"' for (a, b), port in self.links.ports.items() if a == node]
        given = [f"{name} = {value}" for name, value in settings.items()]
        lines = [*given, *lines[:table], *(peers or lines[table:])]
        config.write_text("\n".join(lines) + "\n", encoding="utf-8")

    @property
    def most_down(self) -> int:
        """How many nodes may be away without stopping the others."""
        return (len(self.names) - 1) // 2

    def others(self, *nodes: str) -> list[str]:
        """All nodes but these."""
        return [name for name in self.names if name not in nodes]

    def pairs(self) -> list[Pair]:
        """All directed links."""
        return [(a, b) for a in self.names for b in self.names if a != b]

    def between(self, one: Iterable[str], other: Iterable[str]) -> list[Pair]:
        """The links between two groups, in both directions."""
        sides = (list(one), list(other))
        return [pair for a in sides[0] for b in sides[1] if a != b for pair in ((a, b), (b, a))]

    async def start(self, *nodes: str) -> None:
        """Start nodes that do not run (all if none is named); does not wait for readiness."""
        for tries in range(PORT_TRIES):
            try:
                self.net = await asyncio.to_thread(
                    network.start, self.net, nodes or None, environment={"PYTHONPATH": str(SHIFTED)}
                )
                return
            except NetworkError as error:
                if error.code != "port_in_use" or tries == PORT_TRIES - 1:
                    raise
                await asyncio.sleep(0.25)

    async def wait_ready(self, *nodes: str, timeout_s: float = READY_S) -> None:
        """Until these nodes (all if none is named) say that they are ready.

        Raises:
            Broken: one ended, or is not ready in time.
        """
        deadline = time.monotonic() + timeout_s
        for node in nodes or self.names:
            while not await self._is_ready(node):
                if not self.is_running(node):
                    raise Broken(f"{node} has ended: {self.last_words(node)}")
                if time.monotonic() > deadline:
                    raise Broken(f"{node} is not ready after {timeout_s:.0f} s: {await self.status(node)}")
                await asyncio.sleep(POLL_S)

    async def _is_ready(self, node: str) -> bool:
        with contextlib.suppress(httpx.HTTPError):
            return (await self._http.get(f"{self.net.node(node).api}/readyz")).status_code == 200
        return False

    async def came_out(self, node: str, timeout_s: float = READY_S) -> Start:
        """Wait for a start to come out one way or another.

        Raises:
            Broken: it does not in time.
        """
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if not self.is_running(node):
                return Start.REFUSED
            if await self._is_ready(node):
                return Start.READY
            said = await self.status(node)
            if said is not None and (said["problem"] or {}).get("code") == "lost_data":
                return Start.MUTE
            await asyncio.sleep(POLL_S)
        raise Broken(f"{node} neither ends nor is ready: {await self.status(node)}")

    async def wait_answers(self, node: str, timeout_s: float = READY_S) -> None:
        """Until a node that was started says where it stands, or has ended.

        Raises:
            Broken: it does neither in time.
        """
        deadline = time.monotonic() + timeout_s
        while self.is_running(node) and await self.status(node) is None:
            if time.monotonic() > deadline:
                raise Broken(f"{node} neither ends nor answers after {timeout_s:.0f} s")
            await asyncio.sleep(POLL_S)

    def is_running(self, node: str) -> bool:
        """Whether its process lives."""
        process = self.net.node(node)
        if process.pid:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(process.pid, os.WNOHANG)
        return process.is_running

    def signal(self, number: signal.Signals, *nodes: str) -> None:
        """Send a signal to nodes, as close together as can be."""
        for node in nodes:
            process = self.net.node(node)
            if process.is_running:
                os.kill(process.pid, number)

    def set_clock(self, node: str, off_s: int) -> None:
        """Set a node's wall clock so far ahead of ours, or behind; at once, whether it runs or not."""
        offset = self.net.node(node).config.with_name("clock-offset")
        with offset.open("r+b" if offset.exists() else "xb") as file:
            file.write(struct.pack("<q", off_s * 1_000_000_000))

    def kill(self, *nodes: str) -> None:
        """kill -9, and wait until they are gone."""
        self.signal(signal.SIGKILL, *nodes)
        self.paused.difference_update(nodes)
        for node in nodes:
            while self.is_running(node):
                time.sleep(0.001)

    def pause(self, *nodes: str) -> None:
        """SIGSTOP."""
        self.paused.update(nodes)
        self.signal(signal.SIGSTOP, *nodes)

    def resume(self, *nodes: str) -> None:
        """SIGCONT."""
        self.signal(signal.SIGCONT, *nodes)
        self.paused.difference_update(nodes)

    async def heal(self) -> None:
        """Open all links, resume and start all nodes."""
        self.links.set_all(OPEN)
        self.resume(*self.paused)
        await self.start()

    async def close(self) -> None:
        """End everything, whatever state it is in."""
        for node in self.names:
            self.signal(signal.SIGCONT, node)
            self.signal(signal.SIGKILL, node)
        for node in self.names:
            while self.is_running(node):
                await asyncio.sleep(POLL_S)
        self.links.close()
        await self._http.aclose()

    def judged(self) -> dict[str, Any]:
        """What `scripts/check-trace` says of the traces of all nodes, once they have ended."""
        command = [sys.executable, str(CHECK_TRACE), *(str(node.trace) for node in self.net.nodes), "--json"]
        ended = subprocess.run(command, capture_output=True, text=True, check=False)
        if not ended.stdout:
            raise Broken(f"the traces cannot be judged: {ended.stderr[-1_000:]}")
        return dict(json.loads(ended.stdout))

    async def status(self, node: str) -> Status | None:
        """What a node says of itself; None if it does not."""
        if node in self.paused:
            return None
        with contextlib.suppress(httpx.HTTPError, ValueError):
            answer = await self._http.get(f"{self.net.node(node).api}/v1/status")
            if answer.status_code == 200:
                return dict(answer.json())
        return None

    async def statuses(self) -> dict[str, Status | None]:
        """What each node says of itself."""
        said = await asyncio.gather(*(self.status(node) for node in self.names))
        return dict(zip(self.names, said, strict=True))

    async def term(self) -> int:
        """The greatest term that any node knows."""
        return max((int(said["term"]) for said in (await self.statuses()).values() if said), default=0)

    async def leader(self, timeout_s: float = READY_S) -> str:
        """The node that leads in the greatest term, once one does and has begun its term."""
        return await self._found(self._leader, "a leader", timeout_s)

    async def _leader(self) -> str | None:
        said = {node: status for node, status in (await self.statuses()).items() if status}
        leading = [(s["term"], node) for node, s in said.items() if s["role"] == "leader" and s["ready"]]
        return max(leading)[1] if leading else None

    async def hand_over(self, leader: str, target: str) -> bool:
        """Ask the leader to make another node leader; whether it did."""
        node = self.net.node(leader)
        path = f"{node.api}/v1/channels/{self.net.channel.hex()}/leader"
        said = await self.status(leader)
        if said is None:
            return False
        body = network.hand_over_body(said, self.net.profile(node.organisation), target)
        with contextlib.suppress(httpx.HTTPError):
            return (await self._http.post(path, json=body, timeout=HAND_OVER_S)).status_code == 200
        return False

    async def same_head(self, timeout_s: float = READY_S) -> Status:
        """The status that all nodes agree in, once they do: height, head, state root."""

        async def agreed() -> Status | None:
            said = list((await self.statuses()).values())
            stands = {
                (s["applied_height"], s["last_height"], s["head"], s["state_root"]) if s else None
                for s in said
            }
            return said[0] if len(stands) == 1 else None

        return await self._found(agreed, "the same head on all nodes", timeout_s)

    async def _found(self, look: Callable[[], Awaitable[T | None]], what: str, timeout_s: float) -> T:
        deadline = time.monotonic() + timeout_s
        while True:
            found = await look()
            if found is not None:
                return found
            if time.monotonic() > deadline:
                shown = {
                    node: said
                    and {
                        k: said[k]
                        for k in ("role", "term", "last_height", "applied_height", "head", "not_ready")
                    }
                    for node, said in (await self.statuses()).items()
                }
                raise Broken(f"never within {timeout_s:.0f} s: {what}; {shown}")
            await asyncio.sleep(POLL_S)

    def last_words(self, node: str, lines: int = 3) -> str:
        """The end of a node's log."""
        text = self.net.node(node).log.read_text(encoding="utf-8", errors="replace")
        return " | ".join(text.splitlines()[-lines:])[-1_500:]
