"""Clients that submit throughout, and remember what they sent and what they were told.

Each client is a session of the SDK that verifies every receipt. A transaction without an
outcome is sent again, as the same bytes, until it has one; every few transactions a second
client sends the same bytes to another node at the same time. Both must be told the same place.

Beside them readers ask every node, at the level `linearizable`, for the newest invoice that
any client was told of before the question was put: an answer without it is stale.
"""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import httpx

from chaos.cluster import BUYER, Broken, Cluster
from clients.errors import Unavailable
from clients.sdk import AsyncSession, NotAdmitted, OutcomeUnknown, Recorded
from clients.sdk.transport import Nodes
from ledger.blocks.transaction import Transaction

ATTEMPT_S = 8.0
"""How long a session tries before its client is told that the outcome is unknown."""
PACE_S = 0.01
"""Pause of a client between two transactions: this checks safety, not speed."""
TWICE_EVERY = 7
"""Every so manyth transaction is sent by two clients at once."""
READ_PACE_S = 0.05
READ_TIMEOUT_S = 6.0
"""Longer than a node is ever paused."""
SETTLE_S = 60.0
"""How long after healing every transaction that was ever sent must have its outcome."""


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """One transaction that a client was told is on the ledger, with a receipt that was verified."""

    id: bytes
    supplier: str
    invoice: str
    height: int
    index: int
    sent_s: float
    told_s: float
    """When it was first sent and when the receipt was verified; seconds on the monotonic clock."""


@dataclass(slots=True)
class Told:
    """What all clients together know."""

    acknowledged: list[Acknowledged] = field(default_factory=list)
    sent: int = 0
    twice: int = 0
    unknown: int = 0
    """Attempts that ended without an outcome, and were repeated with the same bytes."""
    reads: int = 0
    """Linearizable reads that were answered, none of them stale."""
    reads_unanswered: int = 0

    def pause_ms(self, from_s: float, until_s: float) -> float:
        """The longest time without an acknowledgement in a span, up to the first one after it."""
        times = [ack.told_s for ack in self.acknowledged if from_s < ack.told_s <= until_s]
        after = next((ack.told_s for ack in self.acknowledged if ack.told_s > until_s), until_s)
        return 1_000 * max(later - earlier for earlier, later in pairwise([from_s, *times, after]))

    def first_after(self, moment_s: float, *, sent_s: float = 0.0) -> float | None:
        """When the first acknowledgement after a moment came, of a transaction sent after another."""
        for ack in self.acknowledged:
            if ack.told_s > moment_s and ack.sent_s >= sent_s:
                return ack.told_s
        return None


class Load:
    """The clients of one network; they submit between `resume` and `settle`."""

    def __init__(self, cluster: Cluster, *, clients: int, run: str = "C", pace_s: float = PACE_S) -> None:
        self.told = Told()
        self._cluster = cluster
        self._run = run
        self._pace_s = pace_s
        self._number = 0
        self._gate = asyncio.Event()
        self._busy = 0
        self._beside: set[asyncio.Task[Recorded]] = set()
        self._second_tries: set[asyncio.Task[None]] = set()
        self._sessions = {
            (supplier, first): AsyncSession(self._profile(supplier, first), deadline_s=ATTEMPT_S)
            for supplier in cluster.suppliers
            for first in range(len(cluster.names))
        }
        self._http = httpx.AsyncClient(timeout=READ_TIMEOUT_S, trust_env=False)
        self._tasks = [
            *(
                asyncio.create_task(self._client(number), name=f"client {number}")
                for number in range(clients)
            ),
            *(asyncio.create_task(self._reader(node), name=f"reader of {node}") for node in cluster.names),
        ]

    def _profile(self, supplier: str, first: int) -> Any:
        """A supplier's profile whose first node is another one for each client."""
        profile = self._cluster.net.profile(supplier)
        return replace(profile, nodes=profile.nodes[first:] + profile.nodes[:first])

    def _session(self, number: int, shift: int = 0) -> tuple[str, AsyncSession]:
        suppliers, nodes = self._cluster.suppliers, len(self._cluster.names)
        supplier = suppliers[number % len(suppliers)]
        return supplier, self._sessions[supplier, (number + shift) % nodes]

    def resume(self) -> None:
        """Let the clients submit, spread over all nodes again."""
        for (supplier, first), session in self._sessions.items():
            session.conversation.nodes = Nodes(self._profile(supplier, first).nodes)
        self._gate.set()

    async def settle(self, timeout_s: float = SETTLE_S) -> None:
        """Begin nothing new, and wait until everything that was sent has its outcome.

        Raises:
            Broken: something has none in time.
        """
        self._gate.clear()
        deadline = time.monotonic() + timeout_s
        while self._busy:
            self.check()
            if time.monotonic() > deadline:
                raise Broken(f"{self._busy} transactions have no outcome {timeout_s:.0f} s after healing")
            await asyncio.sleep(0.01)
        self.check()

    def check(self) -> None:
        """Raise what made a client end, if one has."""
        for task in [*self._tasks, *self._second_tries]:
            if task.done():
                task.result()
                self._second_tries.discard(task)

    async def wait_for(self, acknowledged: int, timeout_s: float) -> None:
        """Until this many more acknowledgements have come.

        Raises:
            Broken: they do not come in time.
        """
        wanted = len(self.told.acknowledged) + acknowledged
        deadline = time.monotonic() + timeout_s
        while len(self.told.acknowledged) < wanted:
            self.check()
            if time.monotonic() > deadline:
                raise Broken(f"not {acknowledged} acknowledgements within {timeout_s:.0f} s")
            await asyncio.sleep(0.005)

    async def close(self) -> None:
        """End the clients."""
        tasks = [*self._tasks, *self._second_tries, *self._beside]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for session in self._sessions.values():
            await session.close()
        await self._http.aclose()

    async def _client(self, number: int) -> None:
        supplier, session = self._session(number)
        _, second = self._session(number, shift=1)
        while True:
            await self._gate.wait()
            self._number += 1
            self._busy += 1
            try:
                await self._submit(supplier, self._number, session, second)
            finally:
                self._busy -= 1
            await asyncio.sleep(self._pace_s)

    async def _submit(self, supplier: str, number: int, session: AsyncSession, second: AsyncSession) -> None:
        invoice = f"{self._run}-{number:06d}"
        transaction = session.sign(_invoice(invoice, number))
        sent_s = time.monotonic()
        self.told.sent += 1
        again = number % TWICE_EVERY == 0
        if again:
            self.told.twice += 1
        beside = asyncio.create_task(self._carry(second, transaction)) if again else None
        if beside is not None:
            self._beside.add(beside)
            beside.add_done_callback(self._beside.discard)
        first = await self._carry(session, transaction)
        if beside is not None:
            self._busy += 1
            task = asyncio.create_task(self._compare(invoice, first, beside))
            self._second_tries.add(task)
        if not first.is_applied:
            raise Broken(f"{invoice} was refused: {first.refusals}")
        self.told.acknowledged.append(
            Acknowledged(
                transaction.id, supplier, invoice, first.height, first.index, sent_s, time.monotonic()
            )
        )

    async def _compare(self, invoice: str, first: Recorded, beside: asyncio.Future[Recorded]) -> None:
        """What the second client was told must be the same place."""
        try:
            again = await beside
        finally:
            self._busy -= 1
        places = (first.height, first.index), (again.height, again.index)
        if places[0] != places[1]:
            raise Broken(f"{invoice} is at two places: {places}")

    async def _carry(self, session: AsyncSession, transaction: Transaction) -> Recorded:
        """Send the same bytes until there is an outcome."""
        while True:
            try:
                (recorded,) = await session.record([transaction])
                return recorded
            except (OutcomeUnknown, Unavailable):
                self.told.unknown += 1
            except NotAdmitted as problem:
                if not problem.passes:
                    raise
                self.told.unknown += 1

    async def _reader(self, node: str) -> None:
        """Read at one node; the requests that wait in a stopped node's socket count too."""
        channel = self._cluster.net.channel.hex()
        while True:
            await self._gate.wait()
            await asyncio.sleep(READ_PACE_S * random.uniform(0.5, 1.5))
            if not self.told.acknowledged:
                continue
            newest = self.told.acknowledged[-1]
            base = f"{self._cluster.net.node(node).api}/v1/channels/{channel}/invoices"
            try:
                answer = await self._http.get(
                    f"{base}/{newest.supplier}/{newest.invoice}", params={"level": "linearizable"}
                )
            except httpx.HTTPError:
                self.told.reads_unanswered += 1
                continue
            if answer.status_code == 404:
                raise Broken(f"a stale read: {node} does not know {newest.invoice} at height {newest.height}")
            if answer.status_code == 200:
                self.told.reads += 1
            else:
                self.told.reads_unanswered += 1


def _invoice(invoice: str, number: int) -> dict[str, Any]:
    return {
        "op": "invoice.submit",
        "invoice": invoice,
        "buyer": BUYER,
        "currency": "EUR",
        "issue_date": "2024-03-01",
        "due_date": "2024-05-30",
        "order": "",
        "lines": ({"line": "1", "quantity": 1, "amount": 10_000 + number},),
        "tax": 0,
        "gross": 10_000 + number,
        "document": b"",
    }
