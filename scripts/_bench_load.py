"""The load of `scripts/bench`: networks that are put up for a measurement, and what is sent to them.

The load generator's connections are closed loops: each sends a request, waits for the
receipt, sends the next. It signs every transaction while the clock runs and decodes every answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from clients import network
from clients.network import Network
from clients.sdk import Session
from ledger import codec
from ledger.blocks.transaction import Transaction
from ledger.codec import MEDIA_TYPE
from ledger.keys import SigningKey

BUNDLE = 100
SUPPLIERS = 8
QUANTITY = 10**6
"""Ordered, shipped and accepted per order: enough for any run to invoice one unit each."""
PAGE_SIZE = os.sysconf("SC_PAGE_SIZE")
CLOCK_TICK = os.sysconf("SC_CLK_TCK")
ORGANISATIONS = (
    {"id": "anchor", "name": "Anchor buyer", "roles": ["buyer"]},
    {"id": "lender", "name": "Lender", "roles": ["lender"]},
    {"id": "bank", "name": "Settlement bank", "roles": ["settlement_bank"]},
    {"id": "operator", "name": "Operator", "roles": ["operator"]},
)


# ---------------------------------------------------------------- what the processes use


def cpu_seconds(pid: int) -> float:
    """User and system time of a process and its threads so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICK


def resident_bytes(pid: int) -> int:
    """Resident memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE_SIZE


def anonymous_bytes(pid: int) -> int:
    """Resident memory that is the process's own: without mapped files, whose pages the system takes back."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return 1_024 * int(line.split()[1])
    return resident_bytes(pid)


def disk_bytes(folder: Path) -> int:
    """Bytes of all files below a folder."""
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            if path.is_file():
                total += path.stat().st_size
    return total


# ---------------------------------------------------------------- load


class Connection(asyncio.Protocol):
    """One keep-alive HTTP/1.1 connection: a request, its whole answer, the next request."""

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._waiting: asyncio.Future[tuple[int, bytes]] | None = None
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def connection_lost(self, error: Exception | None) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_exception(error or ConnectionError("the node closed the connection"))

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head = self._buffer.find(b"\r\n\r\n")
        if head < 0 or self._waiting is None:
            return
        lowered = bytes(self._buffer[:head]).lower()
        at = lowered.find(b"content-length:")
        end = lowered.find(b"\r\n", at)
        length = int(lowered[at + 15 : end if end > 0 else None])
        if len(self._buffer) < head + 4 + length:
            return
        body = bytes(self._buffer[head + 4 : head + 4 + length])
        status = int(lowered[9:12])
        self._buffer.clear()
        self._waiting.set_result((status, body))

    def ask(self, request: bytes) -> asyncio.Future[tuple[int, bytes]]:
        """Send a request; the future gives status and body."""
        assert self.transport is not None
        self._waiting = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        return self._waiting

    def close(self) -> None:
        """Nothing more is asked."""
        assert self.transport is not None
        self.transport.close()


@dataclass
class Shape:
    """A kind of request, how many transactions and operations it carries, and how to make one."""

    name: str
    title: str
    path: str
    transactions: int
    operations: int
    make: Callable[[int], bytes]


@dataclass
class Cell:
    """What one combination of shape and client count gave."""

    shape: str
    clients: int
    seconds: float
    transactions: int
    operations: int
    latencies_ms: list[float] = field(repr=False)
    cpu_seconds: dict[str, float] = field(default_factory=dict)
    blocks: int = 0
    busy: int = 0

    def figures(self, limits: dict[str, float]) -> dict[str, Any]:
        """The cell as numbers with units in their names."""
        per_second = self.transactions / self.seconds
        cpu = sum(self.cpu_seconds.values())
        ordered = sorted(self.latencies_ms)
        return {
            "shape": self.shape,
            "clients": self.clients,
            "seconds": round(self.seconds, 2),
            "transactions": self.transactions,
            "transactions_per_second": round(per_second, 1),
            "operations_per_second": round(self.operations / self.seconds, 1),
            "p50_ms": round(statistics.median(ordered), 2),
            "p99_ms": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))], 2),
            "cpu_ms_per_transaction": round(1000 * cpu / self.transactions, 3),
            "cpu_ms_per_operation": round(1000 * cpu / self.operations, 3),
            "cores_used": {name: round(used / self.seconds, 2) for name, used in self.cpu_seconds.items()},
            "transactions_per_block": round(self.transactions / max(1, self.blocks), 1),
            "busy_answers": self.busy,
            "ratio_to_signature_checks": round(per_second / limits["signature_checks_per_second"], 4),
            "ratio_to_synced_writes": round(per_second / limits["synced_writes_per_second"], 4),
        }


class Invoices:
    """Makes signed invoice transactions of the bench's suppliers."""

    def __init__(self, channel: bytes, suppliers: list[tuple[str, SigningKey]], buyer: str, run: str) -> None:
        self._channel = channel
        self._suppliers = suppliers
        self._buyer = buyer
        self._run = run
        self._next = 0

    def operation(self, number: int) -> dict[str, Any]:
        """One invoice of one unit."""
        return {  # in the order of the canonical bytes, so that it need not be sorted to be signed
            "buyer": self._buyer,
            "currency": "USD",
            "document": b"",
            "due_date": "2024-05-30",
            "gross": 1000 + number,
            "invoice": f"{self._run}-{number}",
            "issue_date": "2024-03-01",
            "lines": ({"amount": 1000 + number, "line": "1", "quantity": 1},),
            "op": "invoice.submit",
            "order": "PO-1",
            "tax": 0,
        }

    def sign(self, client: int, operations: int) -> Transaction:
        """A fresh transaction of this client's supplier."""
        first = self._next
        self._next += operations
        key = self._suppliers[client % len(self._suppliers)][1]
        return Transaction.sign(
            key,
            channel=self._channel,
            operations=[self.operation(first + offset) for offset in range(operations)],
            valid_until_ms=int(time.time() * 1000) + 600_000,
            nonce=(first + 1).to_bytes(8, "big"),
        )


def shapes(invoices: Invoices, channel: str) -> list[Shape]:
    """The three shapes of the performance table."""
    base = f"/v1/channels/{channel}"
    return [
        Shape(
            "a",
            "one signed invoice a request",
            f"{base}/transactions?wait=committed",
            1,
            1,
            lambda client: invoices.sign(client, 1).envelope,
        ),
        Shape(
            "b",
            f"bundles of {BUNDLE} signed transactions",
            f"{base}/bundles?wait=committed",
            BUNDLE,
            BUNDLE,
            lambda client: codec.encode(tuple(invoices.sign(client, 1).parts for _ in range(BUNDLE))),
        ),
        Shape(
            "c",
            f"one signature over {BUNDLE} invoices",
            f"{base}/transactions?wait=committed",
            1,
            BUNDLE,
            lambda client: invoices.sign(client, BUNDLE).envelope,
        ),
    ]


async def connect(url: str) -> Connection:
    """A connection to a node's API."""
    address = urlsplit(url)
    assert address.hostname is not None
    assert address.port is not None
    loop = asyncio.get_running_loop()
    return (await loop.create_connection(Connection, address.hostname, address.port))[1]


async def drive(shape: Shape, clients: int, seconds: float, url: str, pids: dict[str, int]) -> Cell:
    """Run closed loops against one node for some seconds."""
    address = urlsplit(url)
    head = (
        f"POST {shape.path} HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Type: {MEDIA_TYPE}\r\n"
        f"Accept: {MEDIA_TYPE}\r\nContent-Length: "
    ).encode()
    connections = [await connect(url) for _ in range(clients)]
    latencies: list[float] = []
    done = busy = 0
    first_height = applied_height(url)
    before = {name: cpu_seconds(pid) for name, pid in pids.items()}
    own = time.process_time()
    begun = time.perf_counter()
    deadline = begun + seconds

    async def loop_of(number: int, connection: Connection) -> None:
        nonlocal done, busy
        while time.perf_counter() < deadline:
            body = shape.make(number)
            request = b"%b%d\r\n\r\n%b" % (head, len(body), body)
            sent = time.perf_counter()
            status, answer = await connection.ask(request)
            while not _is_applied(status, answer):
                busy += 1
                await asyncio.sleep(0.02)
                status, answer = await connection.ask(request)
            latencies.append(1000 * (time.perf_counter() - sent))
            done += 1

    await asyncio.gather(*(loop_of(number, connection) for number, connection in enumerate(connections)))
    elapsed = time.perf_counter() - begun
    used = {name: cpu_seconds(pid) - before[name] for name, pid in pids.items()}
    used["load"] = time.process_time() - own
    for connection in connections:
        if connection.transport is not None:
            connection.transport.close()
    return Cell(
        shape.name,
        clients,
        elapsed,
        done * shape.transactions,
        done * shape.operations,
        latencies,
        used,
        applied_height(url) - first_height,
        busy,
    )


class Stream:
    """A load on one node that goes on until it is stopped, and counts what was answered.

    Closed: each connection sends, waits for the receipt, sends the next. Open, with `per_second`:
    requests become due at that rate whatever the node does; one for which no connection is free
    waits, and its latency counts from the moment that it was due.
    """

    def __init__(self, shape: Shape, connections: int, url: str, per_second: float | None = None) -> None:
        self.shape = shape
        self.per_second = per_second
        self.done = 0
        self.latencies_ms: list[float] = []
        self._connections = connections
        self._url = url
        self._is_over = False
        self._next_s = 0.0

    def stop(self) -> None:
        """Send nothing new; `run` returns when everything is answered."""
        self._is_over = True

    async def run(self) -> None:
        """Send until stopped."""
        self._next_s = time.perf_counter()
        await asyncio.gather(*(self._send_on(number) for number in range(self._connections)))

    async def _send_on(self, number: int) -> None:
        head = (
            f"POST {self.shape.path} HTTP/1.1\r\nHost: {urlsplit(self._url).netloc}\r\n"
            f"Content-Type: {MEDIA_TYPE}\r\nAccept: {MEDIA_TYPE}\r\nContent-Length: "
        ).encode()
        connection = await connect(self._url)
        while not self._is_over:
            due_s = await self._due_s()
            body = self.shape.make(number)
            request = b"%b%d\r\n\r\n%b" % (head, len(body), body)
            while not _is_applied(*await connection.ask(request)):
                await asyncio.sleep(0.02)
            self.latencies_ms.append(1_000 * (time.perf_counter() - due_s))
            self.done += 1

    async def _due_s(self) -> float:
        """When the next request is due, after waiting for it."""
        now_s = time.perf_counter()
        if self.per_second is None:
            return now_s
        due_s = self._next_s
        self._next_s += 1 / self.per_second
        if due_s > now_s:
            await asyncio.sleep(due_s - now_s)
        return due_s


def nearest_rank(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of them does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def applied_height(url: str) -> int:
    """Height that a node has applied."""
    return int(httpx.get(f"{url}/v1/status", timeout=5).json()["applied_height"])


def _is_applied(status: int, answer: bytes) -> bool:
    """Whether everything is on the ledger; False if some of it must be sent again: the node was too busy."""
    if status in (429, 503):
        return False
    if status != 200:
        raise SystemExit(f"a node answered {status}: {answer[:400]!r}")
    decoded = codec.decode(answer)
    for outcome in decoded.get("outcomes", (decoded,)):
        if (outcome.get("error") or {}).get("code") in ("busy", "too_many_in_flight", "outcome_unknown"):
            return False
        if outcome["status"] != "committed" or not outcome["result"]["applied"]:
            raise SystemExit(f"not applied: {outcome}")
    return True


# ---------------------------------------------------------------- the network


def leader_of(net: Network) -> str:
    """API of the node that leads, as any client learns it from the status page."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for node in net.nodes:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{node.api}/v1/status", timeout=5).json()["role"] == "leader":
                    return node.api
        time.sleep(0.1)
    raise SystemExit(f"no leader within 30 s; see the logs in {net.folder}")


@contextlib.contextmanager
def running(folder: Path, nodes: int, timing: str = "default") -> Iterator[Network]:
    """A fresh network of so many nodes; taken down at the end."""
    suppliers = [
        {"id": f"supplier{number}", "name": f"Supplier {number}", "roles": ["supplier"]}
        for number in range(SUPPLIERS)
    ]
    net = network.up(
        folder / "network",
        nodes=nodes,
        organisations=[*ORGANISATIONS, *suppliers],
        parameters={"business_date": "2024-03-01"},
        timing=timing,
    )
    try:
        yield net
    finally:
        network.down(Network.load(net.folder))


def enter_trade(net: Network) -> list[tuple[str, SigningKey]]:
    """Orders, shipments and goods receipts that the invoices will match."""
    suppliers = []
    anchor = Session(net.profile("anchor"))
    for number in range(SUPPLIERS):
        name = f"supplier{number}"
        profile = net.profile(name)
        session = Session(profile)
        suppliers.append((name, profile.signing_key()))
        order = {"order": "PO-1", "currency": "USD", "date": "2024-01-01"}
        lines = [{"line": "1", "item": "unit", "quantity": QUANTITY, "price_micros": 10**14}]
        anchor.submit({"op": "order.issue", "supplier": name, "lines": lines, **order})
        moved = {"line": "1", "quantity": QUANTITY}
        session.submit(
            {
                "op": "shipment.dispatch",
                "shipment": "S-1",
                "order": "PO-1",
                "buyer": "anchor",
                "date": "2024-01-02",
                "lines": [moved],
                "units": [],
                "scheduled": "2024-01-10",
            }
        )
        accepted = {"line": "1", "accepted": QUANTITY, "rejected": 0}
        anchor.submit(
            {
                "op": "goods.receive",
                "shipment": "S-1",
                "supplier": name,
                "date": "2024-01-10",
                "lines": [accepted],
            }
        )
        session.close()
    anchor.close()
    return suppliers
