"""Measurement of `scripts/bench`: a new node joins a long ledger by snapshot while the network works.

Two voters of two organisations hold the ledger; the node that comes is a new one, taken in as a
learner by governance, with an empty folder. It runs three times, each time with a fresh node:

| load | what is offered | on which cores | what is to be seen |
|---|---|---|---|
| saturated | all that two voters take | voters one half, others the other | what it costs the voters |
| shared | the same | all of them | what the new node's own work takes from voters beside it |
| paced | an open loop of a part of that | all of them | whether clients notice the join at all |

In a real network each node has cores of its own, which the first is for. Where all share them, what the
new node takes counts against the network; that is why a node that is behind yields to others. One stream
of load runs through *before*, *transfer* (until the new node has opened again on the snapshot), *catch-up*
(until it is ready) and *after*.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import statistics
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import uvloop
from _bench_load import (
    Invoices,
    Shape,
    Stream,
    cpu_seconds,
    drive,
    enter_trade,
    leader_of,
    nearest_rank,
    running,
    shapes,
)

from clients import network
from clients.network import Network, NodeProcess, membership
from clients.sdk import Session
from clients.trust import keep_changes

Note = Callable[[str], None]

CONNECTIONS = 16
PACED_CONNECTIONS = 64
LOAD_SLICE_S = 10.0
LOADED_S = 1_800.0
"""The ledger is what has been loaded by then; the result says how much that is."""
BEFORE_S = 20.0
WARM_S = 3.0
POLL_S = 0.25
JOINED_S = 1_500.0
PACED_SHARE = 0.4
"""Of what the voters did on all cores before the join: less than three nodes can do on the same two cores."""
BAR_PERCENT = 80


@dataclass(frozen=True, slots=True)
class _Phase:
    """What happened between two moments of the stream."""

    seconds: float
    transactions: int
    latencies_ms: list[float]
    cpu_seconds: dict[str, float]

    @property
    def per_second(self) -> float:
        return self.transactions / self.seconds

    def figures(self) -> dict[str, Any]:
        """As numbers with units in their names."""
        ordered = self.latencies_ms or [0.0]
        return {
            "seconds": round(self.seconds, 1),
            "transactions_per_second": round(self.per_second, 1),
            "p50_ms": round(statistics.median(ordered), 1),
            "p99_ms": round(nearest_rank(ordered, 0.99), 1),
            "cores_used": {name: round(used / self.seconds, 2) for name, used in self.cpu_seconds.items()},
        }


class _Meter:
    """Cuts a stream into phases."""

    def __init__(self, stream: Stream, pids: dict[str, int]) -> None:
        self.pids = pids
        self._stream = stream
        self._mark = self._look()

    def cut(self) -> _Phase:
        """What happened since the last cut."""
        before, self._mark = self._mark, self._look()
        now_s, done, answered, used = self._mark
        return _Phase(
            now_s - before[0],
            (done - before[1]) * self._stream.shape.transactions,
            self._stream.latencies_ms[before[2] : answered],
            {name: spent - before[3].get(name, 0.0) for name, spent in used.items()},
        )

    def _look(self) -> tuple[float, int, int, dict[str, float]]:
        used = {name: cpu_seconds(pid) for name, pid in self.pids.items()}
        used["load"] = time.process_time()
        return time.perf_counter(), self._stream.done, len(self._stream.latencies_ms), used


def join(folder: Path, *, transactions: int, note: Note) -> dict[str, Any]:
    """A ledger of so many transactions, and a node that joins it under each kind of load."""
    with running(folder, 2) as made:
        suppliers = enter_trade(made)
        invoices = Invoices(made.channel, suppliers, "anchor", "J")
        bundles = next(shape for shape in shapes(invoices, made.channel.hex()) if shape.name == "b")
        begun = time.monotonic()
        loaded = _load(made, bundles, transactions, note)
        loaded_s = time.monotonic() - begun
        with _apart([node.pid for node in made.nodes]):
            saturated = _join(made, "n3", bundles, None, note)
        note(f"join: {_one_line('saturated', saturated)}")
        shared = _join(made, "n4", bundles, None, note)
        note(f"join: {_one_line('shared', shared)}")
        rate = PACED_SHARE * shared["before"]["transactions_per_second"] / bundles.transactions
        paced = _join(made, "n5", bundles, rate, note)
    return {
        "transactions": loaded,
        "load_seconds": round(loaded_s, 1),
        "asked_for": transactions,
        "saturated": saturated,
        "shared": shared,
        "paced": paced,
        "bar_kept_percent": BAR_PERCENT,
    }


@contextlib.contextmanager
def _apart(voters: Collection[int]) -> Iterator[None]:
    """The voters on one half of the cores, this process and what it starts on the other; all on all after."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise SystemExit("join: voters and the new node on cores of their own need two cores")
    half = len(cores) // 2
    try:
        for pid in voters:
            _bind(pid, cores[:half])
        _bind(os.getpid(), cores[half:])
        yield
    finally:
        for pid in (*voters, os.getpid()):
            _bind(pid, cores)


def _bind(pid: int, cores: Collection[int]) -> None:
    """Keep a process to these cores: the threads that it has, and with them those that they start."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(int(thread.name), cores)


def _load(net: Network, bundles: Shape, transactions: int, note: Note) -> int:
    """Bundles until there are enough transactions, or the time for it is up; how many there are."""
    leader = leader_of(net)
    loaded = 0
    deadline = time.monotonic() + LOADED_S
    while loaded < transactions and time.monotonic() < deadline:
        cell = uvloop.run(drive(bundles, CONNECTIONS, LOAD_SLICE_S, leader, {}))
        loaded += cell.transactions
        note(f"join: {loaded:,} of {transactions:,} transactions, {cell.transactions / cell.seconds:,.0f}/s")
    return loaded


def _join(net: Network, node: str, bundles: Shape, per_second: float | None, note: Note) -> dict[str, Any]:
    entry = _take_in(net, node)
    leader = leader_of(net)
    connections = CONNECTIONS if per_second is None else PACED_CONNECTIONS
    stream = Stream(bundles, connections, leader, per_second)
    try:
        return uvloop.run(_measure(Network.load(net.folder), entry, stream, note))
    finally:
        network.down(Network.load(net.folder), only={node})


def _take_in(net: Network, node: str) -> NodeProcess:
    """A new node of the first host, adopted as a learner, listed and not started."""
    first = net.nodes[0]
    peers = {each.id: each.peer for each in net.nodes}
    home = membership.new_home(
        first.config, node, first.organisation, ports=network.free_ports(), peers=peers
    )
    with Session(net.profile(first.organisation)) as session:
        change = membership.addition(home, net.channel)
        proposed = membership.propose(session, f"add-{node}", change)
    for organisation in {each.organisation for each in net.nodes} - {first.organisation}:
        if not proposed.is_adopted:
            with Session(net.profile(organisation)) as session:
                proposed = membership.approve(session, f"add-{node}")
    with Session(net.profile(first.organisation)) as session:
        deadline = time.monotonic() + 60
        while node not in [each["node"] for each in session.view("/membership")["members"]]:
            if time.monotonic() > deadline:
                raise SystemExit(f"{node} was not taken in within 60 s")
            time.sleep(POLL_S)
        keep_changes(home.genesis_file, session.follow())
    data, log = home.folder / membership.DATA, home.folder / "node.log"
    entry = NodeProcess(node, home.organisation, 0, home.api, home.address, data, log, home.config)
    network.join(Network.load(net.folder), entry)
    return entry


async def _measure(net: Network, joiner: NodeProcess, stream: Stream, note: Note) -> dict[str, Any]:
    running_load = asyncio.create_task(stream.run())
    pids = {node.id: node.pid for node in net.nodes if node.is_running}
    phases: dict[str, _Phase] = {}
    try:
        await asyncio.sleep(WARM_S)
        meter = _Meter(stream, pids)
        await asyncio.sleep(BEFORE_S)
        phases["before"] = meter.cut()
        started = await asyncio.to_thread(network.start, net, {joiner.id})
        meter.pids[joiner.id] = started.node(joiner.id).pid
        begun = await _until(
            joiner, lambda status: status["first_height"] > 0 or status["ready"], running_load, note
        )
        if begun["first_height"] == 0:
            raise SystemExit(f"{joiner.id} came by the log: the ledger is too short for a snapshot")
        phases["transfer"] = meter.cut()
        await _until(joiner, lambda status: status["ready"], running_load, note)
        phases["catch-up"] = meter.cut()
        await asyncio.sleep(BEFORE_S)
        phases["after"] = meter.cut()
    finally:
        stream.stop()
        await running_load
    return _figures(phases, stream, joiner, begun["first_height"])


async def _until(
    joiner: NodeProcess, holds: Callable[[dict[str, Any]], bool], load: asyncio.Task[None], note: Note
) -> dict[str, Any]:
    """The first status of the new node of which this holds."""
    deadline = time.monotonic() + JOINED_S
    told_s = time.monotonic()
    status: dict[str, Any] = {}
    async with httpx.AsyncClient(timeout=10, trust_env=False) as client:
        while time.monotonic() < deadline:
            if load.done():
                await load
            try:
                status = (await client.get(f"{joiner.api}/v1/status")).json()
                if holds(status):
                    return status
            except httpx.HTTPError:
                pass
            if time.monotonic() - told_s > LOAD_SLICE_S:
                told_s = time.monotonic()
                note(f"join: {joiner.id} {_stand(status)}")
            await asyncio.sleep(POLL_S)
    raise SystemExit(f"{joiner.id} has not joined within {JOINED_S:.0f} s: {status}")


def _stand(status: dict[str, Any]) -> str:
    if "applied_height" not in status:
        return "does not answer yet"
    trouble = status["not_ready"] or {"sentence": "ready"}
    return f"has applied block {status['applied_height']}: {trouble['sentence']}"


def _figures(
    phases: dict[str, _Phase], stream: Stream, joiner: NodeProcess, first_height: int
) -> dict[str, Any]:
    fetched = logged(joiner.log, "snapshot_fetched")
    joining = [phases["transfer"], phases["catch-up"]]
    seconds = sum([phase.seconds for phase in joining])
    during = sum([phase.transactions for phase in joining]) / seconds
    latencies = [latency for phase in joining for latency in phase.latencies_ms]
    return {
        "offered_per_second": None
        if stream.per_second is None
        else round(stream.per_second * stream.shape.transactions, 1),
        "first_height": first_height,
        "snapshot_bytes": fetched["bytes"],
        "snapshot_seconds": round(fetched["seconds"], 1),
        "snapshots_fetched": joiner.log.read_text(encoding="utf-8").count('"snapshot_fetched"'),
        "from_peers": fetched["from_peers"],
        "join_seconds": round(seconds, 1),
        "joiner_cpu_seconds": round(sum([phase.cpu_seconds[joiner.id] for phase in joining]), 1),
        **{name: phase.figures() for name, phase in phases.items()},
        "meanwhile_per_second": round(during, 1),
        "meanwhile_p99_ms": round(nearest_rank(latencies or [0.0], 0.99), 1),
        "kept_percent": round(100 * during / phases["before"].per_second, 1),
        "kept_percent_transfer": round(100 * joining[0].per_second / phases["before"].per_second, 1),
        "kept_percent_catch_up": round(100 * joining[1].per_second / phases["before"].per_second, 1),
        "kept_percent_after": round(100 * phases["after"].per_second / phases["before"].per_second, 1),
    }


def logged(path: Path, event: str) -> dict[str, Any]:
    """The last line of a node's log that tells this event."""
    for line in reversed(path.read_text(encoding="utf-8").splitlines()):
        if f'"{event}"' in line:
            found: dict[str, Any] = json.loads(line)
            return found
    raise SystemExit(f"no {event} in {path}")


def join_line(found: dict[str, Any]) -> str:
    """The result in a sentence or two."""
    said = [f"{found['transactions']:,} transactions (loaded in {found['load_seconds']:,.0f} s)"]
    said += [_one_line(name, found[name]) for name in ("saturated", "shared", "paced")]
    return "; ".join(said) + f" (bar: {found['bar_kept_percent']} %)"


def _one_line(name: str, one: dict[str, Any]) -> str:
    before, transfer, catch_up = one["before"], one["transfer"], one["catch-up"]
    return (
        f"{name}: {one['snapshot_bytes'] / 2**20:,.0f} MiB in {one['snapshot_seconds']} s, level after "
        f"{one['join_seconds']} s ({transfer['seconds']} s transfer, {catch_up['seconds']} s catch-up; "
        f"{one['joiner_cpu_seconds']} s CPU); the network meanwhile {one['meanwhile_per_second']:,.0f} "
        f"of {before['transactions_per_second']:,.0f} tx/s, {one['kept_percent']} % (transfer "
        f"{one['kept_percent_transfer']} %, catch-up {one['kept_percent_catch_up']} %, afterwards with "
        f"three {one['kept_percent_after']} %), p99 {one['meanwhile_p99_ms']:,.0f} ms against "
        f"{before['p99_ms']:,.0f}"
    )
