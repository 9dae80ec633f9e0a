"""Carrying transactions to the leader, and taking in those that other nodes carry here.

    ["forward", [[body, signature], …]]             follower to leader
    ["forwarded", [[id, code, sentence], …]]        leader to follower: only those not taken in

A forwarded transaction stays in the pool of the node that its client chose, until that
node sees it on its own ledger. Nothing is lost with a leader: after a change, after a
broken link, or when no outcome came for a while, it is forwarded again; the leader takes
an id once.

What a leader refuses for now (it is full, or leads no more) waits and is offered again.
What it refuses for good is told to the client only if no other leader was ever offered the
transaction: one that was may have put it into a block that survives.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog

from ledger import codec
from ledger.errors import Malformed, TallyError
from ledger.limits import DIGEST_BYTES
from ledger.transaction import Transaction
from node.errors import KINDS, NotAdmitted
from node.limits import BUSY_PAUSE_MS, MAX_FORWARD_TRANSACTIONS, MAX_FORWARD_WAITING, SEAL_BYTES
from node.mempool import FORWARDED, Entry, Pool
from node.outcome import Outcome
from node.statistics import Statistics

if TYPE_CHECKING:
    from node.admission import Admission
    from node.peers import Peers

NOT_LEADING = "not_leading"
_FOR_NOW = {code for code, kind in KINDS.items() if kind.passes} | {NOT_LEADING}
"""Refusals that pass by themselves."""

log = structlog.get_logger(component="forwarding")


class Forwarder:
    """Both directions of forwarding, for one node."""

    def __init__(
        self,
        *,
        pool: Pool,
        peers: Peers,
        admission: Admission,
        leads: Callable[[], bool],
        wake: Callable[[], None],
        statistics: Statistics,
    ) -> None:
        self._pool = pool
        self._peers = peers
        self._admission = admission
        self._leads = leads
        self._wake = wake
        self._statistics = statistics
        self._loop = asyncio.get_running_loop()
        self._pause_until_s = 0.0
        self._arrived: deque[tuple[str, list[Transaction]]] = deque()
        self._arrived_transactions = 0
        self._admitting: asyncio.Task[None] | None = None

    def forward(self, leader: str) -> None:
        """Send everything that waits in the pool to the leader, in frames of bounded size."""
        pool = self._pool
        now_s = self._loop.time()
        if now_s < self._pause_until_s or not self._peers.can_reach(leader):
            return
        while pool.waiting:
            entries = pool.take(MAX_FORWARD_TRANSACTIONS, SEAL_BYTES)
            envelopes = tuple([entry.prepared.transaction.parts for entry in entries])
            if not self._peers.send(leader, ("forward", envelopes)):
                pool.put_back(entries)
                self._pause(now_s)
                return
            for entry in entries:
                entry.state = FORWARDED
                entry.offered += 1
                entry.forwarded_s = now_s
            self._statistics.forwarded += len(entries)

    def take_in(self, node: str, envelopes: codec.Value) -> None:
        """A node forwards transactions to us.

        Raises:
            Malformed: not a list of transactions; an honest node checks that.
        """
        if type(envelopes) is not tuple or len(envelopes) > MAX_FORWARD_TRANSACTIONS:
            raise Malformed(
                "forward", field="forward", expected=f"at most {MAX_FORWARD_TRANSACTIONS} envelopes"
            )
        transactions = [Transaction.from_parts(parts) for parts in envelopes]
        full = self._arrived_transactions + len(transactions) > MAX_FORWARD_WAITING
        if full or not self._leads():
            code, sentence = (
                ("busy", "too much is forwarded") if full else (NOT_LEADING, "this node does not lead")
            )
            refused = tuple([(transaction.id, code, sentence) for transaction in transactions])
            self._peers.send(node, ("forwarded", refused))
            return
        self._arrived.append((node, transactions))
        self._arrived_transactions += len(transactions)
        if self._admitting is None:
            self._start_admitting()

    def refused(self, refusals: codec.Value) -> None:
        """The leader tells what it did not take in.

        Raises:
            Malformed: not a list of refusals.
        """
        if type(refusals) is not tuple or len(refusals) > MAX_FORWARD_TRANSACTIONS:
            raise Malformed("forwarded", field="forwarded", expected="refusals")
        put_back: list[Entry] = []
        for refusal in refusals:
            identity, code, sentence = _read_refusal(refusal)
            entry = self._pool.entry(identity)
            if entry is None or entry.state is not FORWARDED:
                continue
            if code in _FOR_NOW:
                put_back.append(entry)
            elif entry.offered == 1:
                self._pool.remove(identity)
                error = NotAdmitted(code, sentence) if code in KINDS else TallyError(sentence, code=code)
                self._statistics.not_admitted[code] += 1
                entry.settle(Outcome(identity, "refused", error=error))
        if put_back:
            self._pool.put_back(put_back)
            self._pause(self._loop.time())

    async def close(self) -> None:
        """Stop admitting."""
        if self._admitting is not None:
            self._admitting.cancel()
            await asyncio.gather(self._admitting, return_exceptions=True)

    def _pause(self, now_s: float) -> None:
        pause_s = BUSY_PAUSE_MS / 1_000
        self._pause_until_s = now_s + pause_s
        self._loop.call_later(pause_s, self._wake)

    def _start_admitting(self) -> None:
        self._admitting = self._loop.create_task(self._admit_all(), name="admit forwarded")
        self._admitting.add_done_callback(self._admitted_all)

    async def _admit_all(self) -> None:
        """Admit what arrived, in the order of arrival; what came meanwhile is taken together."""
        while self._arrived:
            batch = list(self._arrived)
            self._arrived.clear()
            transactions = [transaction for _, part in batch for transaction in part]
            distinct = list({transaction.id: transaction for transaction in transactions}.values())
            answers = await self._admission.admit(distinct, own=False)
            self._arrived_transactions -= len(transactions)
            refused = {
                answer.id: answer.error
                for answer in answers
                if isinstance(answer, Outcome) and answer.error is not None
            }
            if refused:
                self._tell(batch, refused)
            self._wake()

    def _tell(self, batch: list[tuple[str, list[Transaction]]], refused: dict[bytes, TallyError]) -> None:
        for node, transactions in batch:
            told = tuple(
                [
                    (transaction.id, refused[transaction.id].code, str(refused[transaction.id])[:500])
                    for transaction in transactions
                    if transaction.id in refused
                ]
            )
            if told:
                self._peers.send(node, ("forwarded", told))

    def _admitted_all(self, task: asyncio.Task[None]) -> None:
        self._admitting = None
        if not task.cancelled() and (bug := task.exception()) is not None:
            log.error("admitting_forwarded_failed", exc_info=bug)
            self._arrived.clear()
            self._arrived_transactions = 0
        elif self._arrived and not task.cancelled():
            self._start_admitting()


def _read_refusal(refusal: codec.Value) -> tuple[bytes, str, str]:
    if (
        type(refusal) is not tuple
        or [type(part) for part in refusal] != [bytes, str, str]
        or len(refusal[0]) != DIGEST_BYTES
        or len(refusal[1]) > DIGEST_BYTES
    ):
        raise Malformed("forwarded", field="forwarded", expected="[id, code, sentence]")
    identity, code, sentence = refusal
    return identity, code, sentence
