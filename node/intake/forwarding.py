"""Carrying transactions to the leader, and taking in those that other nodes carry here.

    ["forward", [[body, signature], …]]             follower to leader
    ["forwarded", [[id, code, sentence], …]]        leader to follower: only those not taken in

A forwarded transaction stays in the pool of the node that its client chose, until that
node sees it on its own ledger. Nothing is lost with a leader: after a change, after a
broken link, or when no outcome came for a while, it is forwarded again; the leader takes
an id once.

What a leader refuses for now (it is full, or leads no more) waits and is offered again, to
another leader at once. What it refuses for good is told to the client only if no other leader
was ever offered the transaction: one that was may have put it into a block that survives. And
only the leader that it was offered to can refuse it.

A forwarding node answers for what it forwards: it has checked signatures by the rule that the
leader checks them by, so a bad one is counted against the node. Each node has a share
of its own in what waits for admission, and all shares are admitted together: one that
floods fills its own.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from ledger import codec
from ledger.blocks.transaction import Transaction
from ledger.errors import Malformed, TallyError
from ledger.limits import DIGEST_BYTES
from node.errors import KINDS, NotAdmitted, PeerRefused
from node.intake.admission import Admission
from node.intake.mempool import FORWARDED, Entry, Pool
from node.intake.outcome import Outcome
from node.limits import (
    BUSY_PAUSE_MS,
    MAX_FORWARD_TRANSACTIONS,
    MAX_FORWARD_WAITING,
    MAX_FORWARD_WAITING_BYTES,
    SEAL_BYTES,
)
from node.peering.peers import Peers
from node.statistics import Statistics

NOT_LEADING = "not_leading"
_FOR_NOW = {code for code, kind in KINDS.items() if kind.passes} | {NOT_LEADING}
"""Refusals that pass by themselves."""
_OWN_FAULT = frozenset({"bad_signature"})
"""Refusals of what no honest node forwards."""
_SENTENCE_CHARACTERS = 500
_REFUSED_BY_LEADER = "refused_by_leader"
"""How a leader's refusals are counted whose code this node does not know."""

log = structlog.get_logger(component="forwarding")


@dataclass(slots=True)
class _Waiting:
    """What one node has forwarded and is not admitted yet."""

    batches: list[list[Transaction]] = field(default_factory=list)
    transactions: int = 0
    size_bytes: int = 0


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
        self._pause: tuple[str, float] = ("", 0.0)
        """The leader that is offered nothing for now, and until when (loop time)."""
        self._offered_to: str | None = None
        """The leader that holds what this node has forwarded last."""
        self._arrived: dict[str, _Waiting] = {}
        self._under_way: dict[str, _Waiting] = {}
        self._admitting: asyncio.Task[None] | None = None

    def forward(self, leader: str) -> None:
        """Send everything that waits in the pool to the leader, in frames of bounded size."""
        pool = self._pool
        now_s = self._loop.time()
        if (leader == self._pause[0] and now_s < self._pause[1]) or not self._peers.can_reach(leader):
            return
        while pool.waiting:
            entries = pool.take(MAX_FORWARD_TRANSACTIONS, SEAL_BYTES)
            envelopes = tuple([entry.prepared.transaction.parts for entry in entries])
            if not self._peers.send(leader, ("forward", envelopes)):
                pool.put_back(entries)
                self._spare(leader, now_s)
                return
            self._offered_to = leader
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
        size_bytes = sum([transaction.size for transaction in transactions])
        if not self._has_room(node, len(transactions), size_bytes) or not self._leads():
            code, sentence = (
                ("busy", "too much is forwarded")
                if self._leads()
                else (NOT_LEADING, "this node does not lead")
            )
            refused = tuple([(transaction.id, code, sentence) for transaction in transactions])
            self._peers.send(node, ("forwarded", refused))
            return
        waiting = self._arrived.setdefault(node, _Waiting())
        waiting.batches.append(transactions)
        waiting.transactions += len(transactions)
        waiting.size_bytes += size_bytes
        if self._admitting is None:
            self._start_admitting()

    def _has_room(self, node: str, transactions: int, size_bytes: int) -> bool:
        """Whether so much more fits the share of this node."""
        for waiting in (self._arrived.get(node), self._under_way.get(node)):
            if waiting is not None:
                transactions += waiting.transactions
                size_bytes += waiting.size_bytes
        return transactions <= MAX_FORWARD_WAITING and size_bytes <= MAX_FORWARD_WAITING_BYTES

    def refused(self, node: str, refusals: codec.Value) -> None:
        """A leader tells what it did not take in.

        What another node says of transactions that it was not offered, or no longer holds, is
        counted and left.

        Raises:
            Malformed: not a list of refusals, each of another transaction.
        """
        if type(refusals) is not tuple or len(refusals) > MAX_FORWARD_TRANSACTIONS:
            raise Malformed("forwarded", field="forwarded", expected="refusals")
        read = [_read_refusal(refusal) for refusal in refusals]
        if len({identity for identity, _, _ in read}) != len(read):
            raise Malformed("forwarded", field="forwarded", expected="each transaction once")
        if node != self._offered_to:
            self._peers.refused(
                node, PeerRefused("refuses what it was not offered", code="wrong_answer", found=len(read))
            )
            return
        put_back: list[Entry] = []
        for identity, code, sentence in read:
            entry = self._pool.entry(identity)
            if entry is None or entry.state is not FORWARDED:
                continue
            if code in _FOR_NOW:
                put_back.append(entry)
            elif entry.offered == 1:
                self._pool.remove(identity)
                error = NotAdmitted(code, sentence) if code in KINDS else TallyError(sentence, code=code)
                self._statistics.not_admitted[code if code in KINDS else _REFUSED_BY_LEADER] += 1
                entry.settle(Outcome(identity, "refused", error=error))
        if put_back:
            self._pool.put_back(put_back)
            self._spare(node, self._loop.time())

    async def close(self) -> None:
        """Stop admitting."""
        if self._admitting is not None:
            self._admitting.cancel()
            await asyncio.gather(self._admitting, return_exceptions=True)

    def _spare(self, leader: str, now_s: float) -> None:
        """It takes nothing in for now; whoever leads after it may."""
        pause_s = BUSY_PAUSE_MS / 1_000
        self._pause = (leader, now_s + pause_s)
        self._loop.call_later(pause_s, self._wake)

    def _start_admitting(self) -> None:
        self._admitting = self._loop.create_task(self._admit_all(), name="admit forwarded")
        self._admitting.add_done_callback(self._admitted_all)

    async def _admit_all(self) -> None:
        """Admit what arrived, in the order of arrival; what came meanwhile is taken together."""
        while self._arrived:
            self._under_way, self._arrived = self._arrived, {}
            batches = [(node, each) for node, waiting in self._under_way.items() for each in waiting.batches]
            refused: dict[tuple[bytes, bytes], TallyError] = {}
            for distinct in _rounds([transaction for _, part in batches for transaction in part]):
                answers = await self._admission.admit(distinct, own=False)
                for transaction, answer in zip(distinct, answers, strict=True):
                    if isinstance(answer, Outcome) and answer.error is not None:
                        refused[transaction.parts] = answer.error
                await asyncio.sleep(0)
            self._under_way = {}
            if refused:
                self._tell(batches, refused)
            self._wake()

    def _tell(
        self,
        batches: list[tuple[str, list[Transaction]]],
        refused: dict[tuple[bytes, bytes], TallyError],
    ) -> None:
        for node, transactions in batches:
            told = []
            for transaction in transactions:
                error = refused.get(transaction.parts)
                if error is None:
                    continue
                told.append((transaction.id, error.code, str(error)[:_SENTENCE_CHARACTERS]))
                if error.code in _OWN_FAULT:
                    self._peers.refused(
                        node, PeerRefused("forwarded what it had to refuse", code="bad_forward", found=error)
                    )
            if told:
                self._peers.send(node, ("forwarded", tuple(told)))

    def _admitted_all(self, task: asyncio.Task[None]) -> None:
        self._admitting = None
        if not task.cancelled() and (bug := task.exception()) is not None:
            log.error("admitting_forwarded_failed", exc_info=bug)
            self._arrived.clear()
            self._under_way.clear()
        elif self._arrived and not task.cancelled():
            self._start_admitting()


def _rounds(transactions: list[Transaction]) -> list[list[Transaction]]:
    """Each envelope once, and each id once in a round.

    An id does not cover the signature: a bad signature that one node forwards must not stand
    for the good one of another node.
    """
    rounds: list[list[Transaction]] = []
    seen: Counter[bytes] = Counter()
    for transaction in {transaction.parts: transaction for transaction in transactions}.values():
        if seen[transaction.id] == len(rounds):
            rounds.append([])
        rounds[seen[transaction.id]].append(transaction)
        seen[transaction.id] += 1
    return rounds


def _read_refusal(refusal: codec.Value) -> tuple[bytes, str, str]:
    if (
        type(refusal) is not tuple
        or [type(part) for part in refusal] != [bytes, str, str]
        or len(refusal[0]) != DIGEST_BYTES
        or not 0 < len(refusal[1]) <= DIGEST_BYTES
        or len(refusal[2]) > _SENTENCE_CHARACTERS
    ):
        raise Malformed("forwarded", field="forwarded", expected="[id, code, sentence]")
    identity, code, sentence = refusal
    return identity, code, sentence
