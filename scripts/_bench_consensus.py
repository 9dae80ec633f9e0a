"""Measurements of `scripts/bench` of what an operator waits for, and of what a network costs at rest.

| measure | from | until |
|---|---|---|
| failover | the leader is killed (-9) | a client holds a verified receipt of a block of a later term |
| transfer | the leader is asked to hand over | clients are answered by the next leader; no request fails |
| reads | | linearizable reads a second, at all nodes, beside local ones |
| catch-up | a node that was away answers again | it has applied what the others have |
| join | a new node starts | it is level with the network, by a snapshot (`_bench_join`) |
| idle | | CPU of all nodes while nothing is submitted |
| memory | | memory of each node while its state grows, and while it does not (`_bench_memory`) |

Clients are sessions of the SDK that verify every receipt; what it costs them counts.
"""

from __future__ import annotations

import asyncio
import json
import random
import statistics
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import uvloop
from _bench_join import join, join_line
from _bench_load import (
    Invoices,
    Shape,
    applied_height,
    connect,
    cpu_seconds,
    drive,
    enter_trade,
    leader_of,
    nearest_rank,
    running,
    shapes,
)
from _bench_memory import memory, memory_line

from clients import network
from clients.network import Network, NodeProcess
from clients.sdk import Session
from ledger.codec import MEDIA_TYPE

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "processes"))

import chaos
from chaos.cluster import Cluster
from chaos.load import Load

Note = Callable[[str], None]

MEASURES = ("idle", "failover", "transfer", "reads", "catch-up", "join", "memory")
KILLS = 30
BEFORE_KILL = 12
"""Acknowledgements before each kill: every client has one under way."""
FAILOVER_CLIENTS = 6
FAILED_OVER_S = 20.0
TRANSFERS = 100
TRANSFER_CONNECTIONS = 6
BETWEEN_TRANSFERS_S = 0.8
TRANSFER_BAR_MS = 50
READ_S = 5.0
READ_CONNECTIONS = 48
SETTLE_S = 4.0
"""Before idleness is measured: links are up, logs written, nothing is being caught up."""
IDLE_S = 20.0
AWAY_S = 8.0
CAUGHT_UP_S = 120.0
POLL_S = 0.01

FAILOVER_BAR_MS = {"default": 1_500, "lan": 600}
IDLE_BAR_PERCENT = 2.0


def measure(
    folder: Path,
    *,
    kills: int,
    memory_minutes: float,
    join_transactions: int,
    only: Sequence[str],
    note: Note,
) -> dict[str, Any]:
    """The measures that are asked for, each in a network of its own; one that fails says so in its place."""
    timings = network.TIMINGS
    measures: dict[str, Callable[[Path], dict[str, Any]]] = {
        **{f"idle, {name}": partial(idle, timing=name) for name in timings},
        **{f"failover, {name}": partial(failover, timing=name, kills=kills, note=note) for name in timings},
        "transfer": transfer,
        "reads": reads,
        "catch-up": catch_up,
        "join": partial(join, transactions=join_transactions, note=note),
        "memory": partial(memory, minutes=memory_minutes, note=note),
    }
    result: dict[str, Any] = {}
    for number, (name, action) in enumerate(measures.items()):
        if name.partition(",")[0] not in only:
            continue
        note(name)
        try:
            result[name] = action(folder / f"consensus-{number}")
        except (Exception, SystemExit) as error:
            result[name] = {"failed": f"{type(error).__name__}: {error}"[:1_000]}
            note(traceback.format_exc())
    return result


# ---------------------------------------------------------------- failover


def failover(folder: Path, *, timing: str, kills: int, note: Note) -> dict[str, Any]:
    """Kill the leader again and again; each time a client waits for its first new receipt."""
    return asyncio.run(_failovers(folder, timing, kills, note))


async def _failovers(folder: Path, timing: str, kills: int, note: Note) -> dict[str, Any]:
    settings = network.TIMINGS[timing]
    pauses: list[float] = []
    terms: list[int] = []
    dice = random.Random(1)
    async with chaos.running(
        folder, nodes=3, clients=FAILOVER_CLIENTS, settings=settings, through_links=False
    ) as (cluster, load, chains):
        for number in range(kills):
            if number % 10 == 0:
                note(f"failover, {timing}: {number} of {kills} kills")
            before = await cluster.term()
            pauses.append(await _fail_over(cluster, load, dice))
            terms.append(await cluster.term() - before)
        await load.settle()
        await chains.check(load.told.acknowledged)
        acknowledged, sent = len(load.told.acknowledged), load.told.sent
    return {
        "settings": dict(settings),
        "kills": kills,
        "p50_ms": round(statistics.median(pauses), 1),
        "p99_ms": round(nearest_rank(pauses, 0.99), 1),
        "least_ms": round(min(pauses), 1),
        "terms_a_kill": round(statistics.mean(terms), 2),
        "all_ms": [round(pause, 1) for pause in pauses],
        "bar_p99_ms": FAILOVER_BAR_MS[timing],
        "sent": sent,
        "acknowledged": acknowledged,
        "lost": 0,
        "doubled": 0,
    }


async def _fail_over(cluster: Cluster, load: Load, dice: random.Random) -> float:
    """One kill; milliseconds until a client holds a receipt from the new leader's term."""
    load.resume()
    await load.wait_for(BEFORE_KILL, FAILED_OVER_S)
    leader = await cluster.leader()
    term = await cluster.term()
    await asyncio.sleep(dice.uniform(0.0, 0.3))
    known = len(load.told.acknowledged)
    killed_s = time.monotonic()
    cluster.kill(leader)
    told_s = await _first_of_later_term(cluster, load, known, killed_s, term, cluster.others(leader)[0])
    await load.settle()
    await cluster.start(leader)
    await cluster.wait_ready()
    await cluster.same_head()
    return 1_000 * (told_s - killed_s)


async def _first_of_later_term(
    cluster: Cluster, load: Load, known: int, killed_s: float, term: int, node: str
) -> float:
    """When the first receipt of a block of a later term was told; what the old leader left is older."""
    terms: dict[int, int] = {}
    base = f"{cluster.net.node(node).api}/v1/channels/{cluster.net.channel.hex()}/blocks"
    async with httpx.AsyncClient(trust_env=False) as client:
        while time.monotonic() - killed_s < FAILED_OVER_S:
            for ack in load.told.acknowledged[known:]:
                known += 1
                if ack.height not in terms:
                    answer = await client.get(f"{base}/{ack.height}")
                    if answer.status_code != 200:
                        known -= 1
                        break
                    terms[ack.height] = answer.json()["header"]["term"]
                if terms[ack.height] > term:
                    return ack.told_s
            load.check()
            await asyncio.sleep(POLL_S / 2)
    raise SystemExit(f"no commit within {FAILED_OVER_S:.0f} s of the leader's death")


# ---------------------------------------------------------------- handing over


def transfer(folder: Path) -> dict[str, Any]:
    """Hand leadership from node to node while connections submit to all of them."""
    with running(folder, 3) as net:
        suppliers = enter_trade(net)
        invoices = Invoices(net.channel, suppliers, "anchor", "T")
        single = next(shape for shape in shapes(invoices, net.channel.hex()) if shape.name == "a")
        return uvloop.run(_transfers(net, single))


async def _transfers(net: Network, shape: Shape) -> dict[str, Any]:
    answers: list[tuple[float, int]] = []
    is_over = False

    async def submit(number: int) -> None:
        api = net.nodes[number % len(net.nodes)].api
        head = f"POST {shape.path} HTTP/1.1\r\nHost: {urlsplit(api).netloc}\r\nContent-Type: {MEDIA_TYPE}\r\n"
        connection = await connect(api)
        while not is_over:
            body = shape.make(number)
            status, _ = await connection.ask(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            answers.append((time.monotonic(), status))

    submitting = [asyncio.create_task(submit(number)) for number in range(TRANSFER_CONNECTIONS)]
    moments: list[tuple[float, float]] = []
    async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
        for number in range(TRANSFERS):
            await asyncio.sleep(BETWEEN_TRANSFERS_S)
            said = (await client.get(f"{net.nodes[0].api}/v1/status")).json()
            others = [node.id for node in net.nodes if node.id != said["leader"]]
            leader = net.node(said["leader"])
            led = {"node": leader.id, "term": said["term"]}
            to = others[number % len(others)]
            order = json.dumps(network.hand_over_body(led, net.profile(leader.organisation), to))
            head = (
                f"POST /v1/channels/{net.channel.hex()}/leader HTTP/1.1\r\n"
                f"Host: {urlsplit(leader.api).netloc}\r\nContent-Type: application/json\r\n"
                f"Content-Length: {len(order)}\r\n\r\n"
            )
            connection = await connect(leader.api)
            asked_s = time.monotonic()
            status, answer = await connection.ask((head + order).encode())
            moments.append((asked_s, time.monotonic()))
            connection.close()
            if status != 200:
                raise SystemExit(f"leadership was not handed over: {answer.decode()}")
    await asyncio.sleep(BETWEEN_TRANSFERS_S)
    is_over = True
    await asyncio.gather(*submitting)
    took = [1_000 * (done_s - asked_s) for asked_s, done_s in moments]
    pauses = [_longest_gap_ms(answers, asked_s, asked_s + BETWEEN_TRANSFERS_S) for asked_s, _ in moments]
    quiet = [_longest_gap_ms(answers, asked_s - BETWEEN_TRANSFERS_S / 2, asked_s) for asked_s, _ in moments]
    return {
        "transfers": TRANSFERS,
        "handed_over_p50_ms": round(statistics.median(took), 1),
        "handed_over_p99_ms": round(nearest_rank(took, 0.99), 1),
        "handed_over_max_ms": round(max(took), 1),
        "all_ms": [round(each, 1) for each in took],
        "over_the_bar": sum(each > TRANSFER_BAR_MS for each in took),
        "pause_p50_ms": round(statistics.median(pauses), 1),
        "pause_max_ms": round(max(pauses), 1),
        "pause_without_transfer_p50_ms": round(statistics.median(quiet), 1),
        "requests": len(answers),
        "failed_requests": sum(status != 200 for _, status in answers),
        "bar_ms": TRANSFER_BAR_MS,
    }


def _longest_gap_ms(answers: Sequence[tuple[float, int]], from_s: float, until_s: float) -> float:
    times = [moment for moment, status in answers if from_s < moment <= until_s and status == 200]
    return 1_000 * max(later - earlier for earlier, later in pairwise([from_s, *times, until_s]))


# ---------------------------------------------------------------- reads


def reads(folder: Path) -> dict[str, Any]:
    """Reads of one invoice a second, over all nodes, at both levels."""
    with running(folder, 3) as net:
        suppliers = enter_trade(net)
        invoices = Invoices(net.channel, suppliers, "anchor", "R")
        with Session(net.profile(suppliers[0][0])) as session:
            session.record([invoices.sign(0, 1)])
        path = f"/v1/channels/{net.channel.hex()}/invoices/{suppliers[0][0]}/R-0"
        return {
            level: uvloop.run(_read(net, f"{path}?level={level}", connections))
            for level, connections in (("linearizable", READ_CONNECTIONS), ("local", READ_CONNECTIONS))
        } | {"one_connection": uvloop.run(_read(net, f"{path}?level=linearizable", 1))}


async def _read(net: Network, path: str, connections: int) -> dict[str, float]:
    latencies: list[float] = []
    begun = time.monotonic()

    async def ask(number: int) -> None:
        api = net.nodes[(number + 1) % len(net.nodes)].api
        request = f"GET {path} HTTP/1.1\r\nHost: {urlsplit(api).netloc}\r\n\r\n".encode()
        connection = await connect(api)
        while time.monotonic() < begun + READ_S:
            asked = time.monotonic()
            status, body = await connection.ask(request)
            if status != 200:
                raise SystemExit(f"a read was answered {status}: {body[:300]!r}")
            latencies.append(1_000 * (time.monotonic() - asked))

    await asyncio.gather(*(ask(number) for number in range(connections)))
    seconds = time.monotonic() - begun
    return {
        "connections": connections,
        "reads_per_second": round(len(latencies) / seconds, 1),
        "p50_ms": round(statistics.median(latencies), 2),
        "p99_ms": round(nearest_rank(latencies, 0.99), 2),
    }


# ---------------------------------------------------------------- at rest


def idle(folder: Path, *, timing: str) -> dict[str, Any]:
    """CPU of three nodes to which nobody says anything."""
    with running(folder, 3, timing) as net:
        pids = {node.id: node.pid for node in net.nodes}
        time.sleep(SETTLE_S)
        before = {name: cpu_seconds(pid) for name, pid in pids.items()}
        wakes = {name: _switches(pid) for name, pid in pids.items()}
        begun = time.monotonic()
        time.sleep(IDLE_S)
        seconds = time.monotonic() - begun
        used = {name: cpu_seconds(pid) - before[name] for name, pid in pids.items()}
        woken = {name: (_switches(pid) - wakes[name]) / seconds for name, pid in pids.items()}
    return {
        "seconds": round(seconds, 1),
        "cpu_percent_of_a_core": round(100 * sum(used.values()) / seconds, 2),
        "cpu_percent_by_node": {name: round(100 * spent / seconds, 2) for name, spent in used.items()},
        "wakes_per_second": {name: round(rate, 1) for name, rate in woken.items()},
        "bar_percent_of_a_core": IDLE_BAR_PERCENT if timing == "default" else None,
    }


def _switches(pid: int) -> int:
    """How often the threads of a process have gone to sleep."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        for line in (task / "status").read_text().splitlines():
            if line.startswith("voluntary_ctxt_switches"):
                total += int(line.split()[1])
    return total


# ---------------------------------------------------------------- catching up


def catch_up(folder: Path) -> dict[str, Any]:
    """Blocks a second of a node that comes back to a network that has gone on without it."""
    with running(folder, 3) as made:
        net = made
        suppliers = enter_trade(net)
        leader = leader_of(net)
        away = next(node for node in reversed(net.nodes) if node.api != leader)
        pids = {node.id: node.pid for node in net.nodes}
        network.down(net, only={away.id})
        invoices = Invoices(net.channel, suppliers, "anchor", "A")
        single = next(shape for shape in shapes(invoices, net.channel.hex()) if shape.name == "a")
        alive = {name: pid for name, pid in pids.items() if name != away.id}
        missed = uvloop.run(drive(single, 64, AWAY_S, leader, alive))
        target = applied_height(leader)
        net = network.start(net, only={away.id})
        first, began, height = _first_height(net.node(away.id))
        spent = cpu_seconds(net.node(away.id).pid)
        deadline = time.monotonic() + CAUGHT_UP_S
        with httpx.Client(timeout=5) as client:
            while height < target:
                time.sleep(POLL_S)
                height = int(client.get(f"{away.api}/v1/status").json()["applied_height"])
                if time.monotonic() > deadline:
                    raise SystemExit(f"{away.id} has not caught up within {CAUGHT_UP_S:.0f} s")
        seconds = time.monotonic() - began
        spent = cpu_seconds(net.node(away.id).pid) - spent
        network.wait_ready(net, only={away.id})
    blocks = target - first
    return {
        "blocks": blocks,
        "transactions": missed.transactions,
        "seconds": round(seconds, 2),
        "blocks_per_second": round(blocks / seconds, 1),
        "transactions_per_second": round(missed.transactions * blocks / max(1, missed.blocks) / seconds, 1),
        "cpu_seconds": round(spent, 2),
        "cpu_ms_per_block": round(1_000 * spent / max(1, blocks), 3),
    }


def _first_height(node: NodeProcess) -> tuple[int, float, int]:
    """(applied height, moment, applied height) of a starting node's first answer."""
    deadline = time.monotonic() + CAUGHT_UP_S
    with httpx.Client(timeout=5) as client:
        while time.monotonic() < deadline:
            try:
                height = int(client.get(f"{node.api}/v1/status").json()["applied_height"])
            except httpx.HTTPError:
                time.sleep(POLL_S)
                continue
            return height, time.monotonic(), height
    raise SystemExit(f"{node.id} does not answer within {CAUGHT_UP_S:.0f} s of its start")


# ---------------------------------------------------------------- report


def lines(result: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The result in sentences."""
    return [
        f"{name}: FAILED, {found['failed']}"
        if "failed" in found
        else f"{name}: {_SENTENCES[name.partition(',')[0]](found)}"
        for name, found in result.items()
    ]


def _failover_line(found: Mapping[str, Any]) -> str:
    return (
        f"p50 {found['p50_ms']:,.0f} ms, p99 {found['p99_ms']:,.0f} ms over {found['kills']} kills "
        f"(bar: p99 under {found['bar_p99_ms']:,} ms), {found['terms_a_kill']} terms each; "
        f"{found['acknowledged']:,} acknowledged, none lost, none doubled"
    )


def _transfer_line(found: Mapping[str, Any]) -> str:
    return (
        f"{found['transfers']} times, p50 {found['handed_over_p50_ms']} ms, p99 "
        f"{found['handed_over_p99_ms']} ms, max {found['handed_over_max_ms']} ms "
        f"({found['over_the_bar']} over the bar of {found['bar_ms']} ms); longest time without an answer "
        f"p50 {found['pause_p50_ms']} ms, max {found['pause_max_ms']} ms "
        f"(without a transfer p50 {found['pause_without_transfer_p50_ms']} ms); "
        f"{found['failed_requests']} of {found['requests']:,} requests failed"
    )


def _reads_line(found: Mapping[str, Any]) -> str:
    many, local, one = (found[name] for name in ("linearizable", "local", "one_connection"))
    return (
        f"{many['reads_per_second']:,.0f} linearizable ones a second over {many['connections']} connections "
        f"(p50 {many['p50_ms']} ms), local ones {local['reads_per_second']:,.0f}; "
        f"a lone linearizable one p50 {one['p50_ms']} ms"
    )


def _catch_up_line(found: Mapping[str, Any]) -> str:
    return (
        f"{found['blocks']:,} blocks in {found['seconds']} s: {found['blocks_per_second']:,.0f} blocks/s, "
        f"{found['transactions_per_second']:,.0f} tx/s, {found['cpu_ms_per_block']} ms CPU a block"
    )


def _idle_line(found: Mapping[str, Any]) -> str:
    bar = found["bar_percent_of_a_core"]
    return f"three nodes take {found['cpu_percent_of_a_core']} % of a core" + (
        "" if bar is None else f" (bar: {bar} %)"
    )


_SENTENCES: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "idle": _idle_line,
    "failover": _failover_line,
    "transfer": _transfer_line,
    "reads": _reads_line,
    "catch-up": _catch_up_line,
    "join": join_line,
    "memory": memory_line,
}
assert tuple(_SENTENCES) == MEASURES, "every measure has its sentence"
