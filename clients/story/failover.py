"""The leader is killed (-9) while clients submit; what was acknowledged is asked of every node.

The clients send made-up invoices between the parties of the e-invoice, so that the real
trade stays as it is.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from dataclasses import dataclass, field, replace
from itertools import pairwise

from clients import data, network
from clients.errors import NetworkError, NodeProblem
from clients.network import NodeProcess
from clients.sdk import AsyncSession, Recorded
from clients.story.einvoice import CUSTOMER, SELLER
from clients.story.stage import LENDER, Facts, Stage
from clients.wording import counted
from ledger.errors import VerificationError

CLIENTS = 4
PACE_S = 0.03
"""Pause of a client between two invoices: this is a check of safety, not of speed."""

BEFORE_KILL = 30
AFTER_KILL = 30
ASKED_AT_ONCE = 16
DEADLINE_S = 45.0
SAME_HEAD_S = 30.0
POLL_S = 0.05

SEE_LOGS = "`tally network status` shows the nodes; what keeps them stands in their logs."


@dataclass(slots=True)
class _Stream:
    """What the clients have seen so far."""

    run: str
    next_number: int = 0
    is_over: bool = False
    recorded: list[Recorded] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    """When each acknowledgement came, seconds on the monotonic clock."""

    def operation(self) -> Facts:
        """The next made-up invoice."""
        self.next_number += 1
        number = f"DRILL-{self.run}-{self.next_number:05d}"
        return {
            "op": "invoice.submit",
            "invoice": number,
            "buyer": CUSTOMER,
            "currency": "DKK",
            "issue_date": data.UBL_INVOICE_DATE,
            "due_date": "2013-06-09",
            "order": "",
            "lines": ({"line": f"{self.run}-{self.next_number}", "quantity": 1, "amount": 25_000},),
            "tax": 0,
            "gross": 25_000,
            "document": b"",
        }


def play(stage: Stage) -> Facts:
    """Kill, watch, restart, compare, ask."""
    with stage.chapter("Failover: the leader is killed while clients submit") as facts:
        lender = stage.session(LENDER)
        before = lender.history(SELLER, CUSTOMER).count
        leader = _leader(stage)
        stream = _Stream(f"{int(time.time()):x}")
        killed_at = asyncio.run(_run(stage, stream, leader))
        pause_ms = _longest_pause_ms(stream.times)
        until_then = sum(moment < killed_at for moment in stream.times)
        stage.done(
            f"{leader.id} of {leader.organisation}, the leader, killed with -9 "
            f"after {until_then} of {len(stream.recorded)} acknowledged invoices"
        )
        stage.done(f"the clients saw no error, only a pause of {pause_ms:.0f} ms")
        stage.net = network.start(stage.net, only={leader.id})
        stage.ours.add(leader.id)
        network.wait_ready(stage.net, only={leader.id})
        heads = _same_head(stage)
        stage.done(
            f"{leader.id} is back; all {counted(len(heads['nodes']), 'node')}: height {heads['height']}, "
            f"head {heads['head'][:16]}…, state root {heads['state_root'][:16]}…"
        )
        asyncio.run(_ask_every_node(stage, stream.recorded))
        added = lender.history(SELLER, CUSTOMER).count - before
        if added != len(stream.recorded):
            raise VerificationError(
                "the history has not one record for each acknowledged invoice",
                found=added,
                expected=len(stream.recorded),
            )
        stage.done(
            f"each of {len(stream.recorded)} acknowledged invoices is on each node, at its place; "
            "none is missing, none is there twice"
        )
        facts |= {
            "killed": leader.id,
            "pause_ms": round(pause_ms),
            "acknowledged": len(stream.recorded),
            "missing": 0,
            "doubled": 0,
            **heads,
        }
    return facts


def _leader(stage: Stage) -> NodeProcess:
    for entry in network.status(stage.net):
        if entry["status"] is not None and entry["status"]["role"] == "leader":
            return stage.net.node(entry["id"])
    raise NetworkError("no node says that it leads", code="not_ready", remedy=SEE_LOGS)


async def _run(stage: Stage, stream: _Stream, leader: NodeProcess) -> float:
    """Stream invoices, kill the leader on the way; the moment of the kill.

    Raises:
        NetworkError: the clients do not get through again.
    """
    profile = stage.net.profile(SELLER)
    async with AsyncSession(profile) as session:
        clients = [asyncio.create_task(_submit(session, stream)) for _ in range(CLIENTS)]
        try:
            async with asyncio.timeout(DEADLINE_S):
                await _until_acknowledged(stream, clients, BEFORE_KILL)
                os.kill(leader.pid, signal.SIGKILL)
                killed_at = time.monotonic()
                await _until_acknowledged(stream, clients, len(stream.times) + CLIENTS + AFTER_KILL)
                stream.is_over = True
                await asyncio.gather(*clients)
        except TimeoutError:
            raise NetworkError(
                f"the clients did not get through within {DEADLINE_S:.0f} s",
                code="not_ready",
                remedy=SEE_LOGS,
                found=f"{len(stream.times)} acknowledgements",
            ) from None
        finally:
            for client in clients:
                client.cancel()
    return killed_at


async def _submit(session: AsyncSession, stream: _Stream) -> None:
    while not stream.is_over:
        recorded = await session.submit(stream.operation())
        stream.recorded.append(recorded)
        stream.times.append(time.monotonic())
        await asyncio.sleep(PACE_S)


async def _until_acknowledged(stream: _Stream, clients: list[asyncio.Task[None]], count: int) -> None:
    while len(stream.times) < count:
        for client in clients:
            if client.done():
                client.result()
        await asyncio.sleep(POLL_S / 5)


def _longest_pause_ms(times: list[float]) -> float:
    return 1_000 * max(later - earlier for earlier, later in pairwise(times))


def _same_head(stage: Stage) -> Facts:
    """Wait until all nodes stand at the same block.

    Raises:
        NetworkError: they do not get there.
    """
    deadline = time.monotonic() + SAME_HEAD_S
    while True:
        statuses = [entry["status"] for entry in network.status(stage.net)]
        if None not in statuses:
            heads = {(s["applied_height"], s["head"], s["state_root"]) for s in statuses}
            if len(heads) == 1:
                ((height, head, root),) = heads
                return {
                    "height": height,
                    "head": head,
                    "state_root": root,
                    "nodes": [s["node"] for s in statuses],
                }
        if time.monotonic() > deadline:
            raise NetworkError(
                "the nodes do not reach the same head",
                code="not_ready",
                found=str(statuses)[:300],
                remedy=SEE_LOGS,
            )
        time.sleep(POLL_S)


async def _ask_every_node(stage: Stage, recorded: list[Recorded]) -> None:
    """Each node must know each transaction at the place that its receipt proves.

    Raises:
        VerificationError: one does not.
    """
    profile = stage.net.profile(SELLER)
    gate = asyncio.Semaphore(ASKED_AT_ONCE)

    async def ask(session: AsyncSession, node: str, outcome: Recorded) -> None:
        async with gate:
            try:
                found = await session.view(f"/transactions/{outcome.id.hex()}")
            except NodeProblem as problem:
                found = {"status": problem.code}
        place = (found.get("status"), found.get("height"), found.get("index"))
        if place != ("committed", outcome.height, outcome.index):
            raise VerificationError(
                f"{node} does not hold an acknowledged transaction at its place",
                field=outcome.id.hex(),
                found=str(place),
                expected=f"committed at height {outcome.height}, place {outcome.index}",
            )

    for node in stage.net.nodes:
        async with AsyncSession(replace(profile, nodes=(node.api,))) as session:
            await asyncio.gather(*(ask(session, node.id, outcome) for outcome in recorded))
