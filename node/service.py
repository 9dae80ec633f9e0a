"""What a node offers to its API: submission, reads at the applied height, status, events.

The API never touches consensus or the pool; it sees this class, the chain's reads and the
statistics.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import structlog

from consensus.state import Role
from ledger import codec
from ledger.blocks.block import Block
from ledger.blocks.transaction import Transaction
from ledger.chain.chain import Chain
from ledger.errors import TallyError
from ledger.members import node_certificate
from ledger.members.leadership import HandOverOrder
from node.accountability.evidence import EvidenceStore
from node.errors import NotAdmitted, shutting_down
from node.identity import Identity
from node.intake.admission import Admission
from node.intake.mempool import Entry, LoneSubmission, Pool, Submission
from node.intake.outcome import Outcome, Status
from node.limits import HAND_OVER_TIMEOUT_MS, MAX_SUBSCRIBERS, READ_TIMEOUT_MS
from node.loop.driver import Driver
from node.loop.leadership import check_order
from node.peering.neighbours import Neighbourhood
from node.peering.peers import Peers
from node.readiness import NotReady, Reach, Standing, not_ready
from node.statistics import Statistics

log = structlog.get_logger(component="service")

__all__ = ["BlockSummary", "Envelope", "Outcome", "Service", "Status"]


@dataclass(frozen=True, slots=True)
class BlockSummary:
    """An applied block, as subscribers get it."""

    height: int
    hash: bytes
    term: int
    time_ms: int
    proposer: str
    transactions: tuple[bytes, ...]
    """Ids in the order of the block."""
    results: tuple[codec.Value, ...]
    state_root: bytes

    @classmethod
    def of(cls, block: Block) -> BlockSummary:
        """The summary of a block."""
        header = block.header
        return cls(
            header.height,
            header.hash,
            header.term,
            header.time_ms,
            header.proposer,
            tuple([transaction.id for transaction in block.transactions]),
            block.results,
            header.state_root,
        )


Envelope = bytes | tuple[bytes, bytes]
"""A transaction as it is submitted: its canonical bytes, or the array [body, signature] already decoded."""


class Service:
    """One channel's ledger as this node serves it."""

    def __init__(
        self,
        *,
        identity: Identity,
        chain: Chain,
        pool: Pool,
        admission: Admission,
        driver: Driver,
        peers: Peers,
        neighbourhood: Neighbourhood,
        evidence: EvidenceStore,
        statistics: Statistics,
        submit_timeout_ms: int,
    ) -> None:
        self.chain = chain
        self.evidence = evidence
        self.statistics = statistics
        self._identity = identity
        self._pool = pool
        self._admission = admission
        self._driver = driver
        self._peers = peers
        self._neighbourhood = neighbourhood
        self._submit_timeout_ms = submit_timeout_ms
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._subscribers = 0
        self._ended = False
        self._waiting_reads: dict[asyncio.Future[None], int] = {}
        """Reads that wait for a height, at most one of each connection."""

    @property
    def ready(self) -> bool:
        """Whether a client that comes now can expect its transaction to be committed."""
        return self.not_ready is None

    @property
    def not_ready(self) -> NotReady | None:
        """Why not, if so."""
        driver, node = self._driver, self._identity.node
        problem, membership = driver.problem, self.chain.membership
        return not_ready(
            Standing(
                closed=self._admission.closed,
                problem=None if problem is None else (problem.code, problem.sentence),
                leader=driver.leader,
                is_leader=driver.leader == node,
                leads=driver.leads(),
                behind_blocks=driver.behind_blocks,
                applied_height=self.chain.applied.height,
                followed_height=self._neighbourhood.followed_height,
                is_gone=self._neighbourhood.has_lost(node),
                majority=membership.majority,
                is_voter=membership.is_voter(node),
                is_mute=driver.raft.is_mute,
                silent_ms=driver.silent_voters_ms,
                others=[
                    Reach(peer.node, peer.sending and peer.hearing, peer.problem, peer.is_met)
                    for peer in self._peers.status()
                    if membership.is_voter(peer.node)
                ],
            )
        )

    @property
    def node(self) -> str:
        """The id of this node."""
        return self._identity.node

    @property
    def leadership(self) -> tuple[str | None, int]:
        """The leader that this node knows, and its term."""
        return self._driver.raft.leader, self._driver.raft.term

    async def submit(
        self, envelopes: Sequence[Envelope], *, wait: bool = True, timeout_ms: int | None = None
    ) -> list[Outcome]:
        """Take transactions in and, with `wait`, see them on the ledger; outcomes in the order given.

        The same bytes again give the same place on the ledger. Never raises for a bad
        transaction: its outcome says "refused" with the error.
        """
        self.statistics.submitted += len(envelopes)
        outcomes: list[Outcome | None] = [None] * len(envelopes)
        async with self._admission.turn(len(envelopes)):
            waiting = await self._admit(envelopes, outcomes)
        if waiting:
            self._driver.submitted()
            if wait:
                await self._wait(outcomes, waiting, timeout_ms)
        for place, entry in waiting:
            if outcomes[place] is None:
                outcomes[place] = _unknown(entry.id) if wait else Outcome(entry.id, "accepted")
        return [outcome for outcome in outcomes if outcome is not None]

    async def _admit(
        self, envelopes: Sequence[Envelope], outcomes: list[Outcome | None]
    ) -> list[tuple[int, Entry]]:
        """Decode and admit: place and entry of what is on its way; the others have their outcome."""
        transactions: list[Transaction] = []
        places: list[int] = []
        for place, envelope in enumerate(envelopes):
            try:
                if type(envelope) is bytes:
                    transactions.append(Transaction.decode(envelope))
                else:
                    transactions.append(Transaction.from_parts(envelope))
                places.append(place)
            except TallyError as error:
                self.statistics.not_admitted[error.code] += 1
                outcomes[place] = Outcome(b"", "refused", error=error)
        waiting: list[tuple[int, Entry]] = []
        for place, answer in zip(places, await self._admission.admit(transactions, own=True), strict=True):
            if isinstance(answer, Entry):
                waiting.append((place, answer))
            else:
                outcomes[place] = answer
        return waiting

    def submit_one(self, envelope: bytes, told: Callable[[Outcome], None]) -> None:
        """`submit` of one transaction that is waited for, without a task; `told` is called in a later turn.

        Many clients that each send one transaction are the dearest kind of load.
        """
        self.statistics.submitted += 1
        try:
            transaction = Transaction.decode(envelope)
        except TallyError as error:
            self.statistics.not_admitted[error.code] += 1
            self._loop.call_soon(told, Outcome(b"", "refused", error=error))
            return
        answer = self._admission.admit_one(transaction, own=True)
        if isinstance(answer, Outcome):
            self._loop.call_soon(told, answer)
            return
        LoneSubmission(answer, told, _unknown, self._submit_timeout_ms / 1_000)
        self._pool.adopt(answer)
        self._driver.submitted()

    async def _wait(
        self, outcomes: list[Outcome | None], waiting: list[tuple[int, Entry]], timeout_ms: int | None
    ) -> None:
        """Until every one of `waiting` has an outcome, or the time is up."""
        limit_ms = self._submit_timeout_ms if timeout_ms is None else min(timeout_ms, self._submit_timeout_ms)
        submission = Submission(outcomes, len(waiting))
        for place, entry in waiting:
            entry.waiters.append((submission, place))
            self._pool.adopt(entry)
        timer = self._loop.call_later(limit_ms / 1_000, submission.give_up)
        try:
            await submission.done
        finally:
            timer.cancel()
            if submission.remaining:
                for _, entry in waiting:
                    entry.waiters = [waiter for waiter in entry.waiters if waiter[0] is not submission]

    def outcome(self, transaction_id: bytes) -> Outcome | None:
        """Where a transaction stands on the ledger, "accepted" if it is on its way, None if unknown here."""
        found = self.chain.outcome(transaction_id)
        if found is not None:
            height, index, result = found
            return Outcome(transaction_id, "committed", height, index, result)
        if transaction_id in self._pool or self.chain.knows(transaction_id):
            return Outcome(transaction_id, "accepted")
        return None

    async def reach(self, *, linearizable: bool, at_least: int) -> None:
        """Wait until this node may answer a read of the level asked for.

        Raises:
            NotAdmitted: no leader confirms it, or the height is not reached, in time.
        """
        loop = self._loop
        deadline_s = loop.time() + READ_TIMEOUT_MS / 1_000
        if linearizable:
            await self._driver.leadership.confirm_read(READ_TIMEOUT_MS)
        if self.chain.applied.height >= at_least:
            return
        reached = loop.create_future()
        self._waiting_reads[reached] = at_least
        try:
            await asyncio.wait_for(reached, deadline_s - loop.time())
        except TimeoutError:
            raise NotAdmitted(
                "not_reached",
                "this node has not applied that height in time",
                field="at_least",
                found=self.chain.applied.height,
                expected=at_least,
            ) from None
        finally:
            del self._waiting_reads[reached]

    async def hand_over(self, order: HandOverOrder) -> str:
        """Hand the leadership over to another voter, as an operator of this node orders; who leads then.

        Raises:
            NotAdmitted: the order is not one of this node's operator for this term, or it does not lead.
            LeadershipStays: it goes on leading.
        """
        check_order(order, self.chain, self._identity.node, self._admission.identify)
        raft = self._driver.raft
        if raft.role is Role.LEADER and order.term != raft.term:
            raise NotAdmitted(
                "stale_order",
                "the order is for another term",
                field="term",
                found=order.term,
                expected=raft.term,
            )
        return await self._driver.leadership.hand_over(order.to or None, HAND_OVER_TIMEOUT_MS)

    def block(self, height: int) -> bytes | None:
        """The bytes of an applied block."""
        block = self.chain.block(height)
        return None if block is None else block.data

    def status(self) -> dict[str, Any]:
        """Node, role, term, leader, heights, head hash, state root, peers, and what is wrong."""
        raft = self._driver.raft.status()
        problem = self._driver.problem
        applied, reason = self.chain.applied, self.not_ready
        member = self.chain.membership.member(self._identity.node)
        lasts = node_certificate.valid_until(self._identity.certificate) - datetime.now(UTC)
        recovers = self.chain.genesis.genesis.recovers
        return {
            "node": self._identity.node,
            "organisation": "" if member is None else member.organisation,
            "channel": self.chain.channel.hex(),
            "role": str(raft.role),
            "term": raft.term,
            "leader": raft.leader,
            "last_height": raft.last_index,
            "committed_height": raft.commit,
            "applied_height": applied.height,
            "first_height": self.chain.first_height,
            "goes_on_from": None
            if recovers is None
            else {"channel": recovers.channel.hex(), "height": recovers.height},
            "head": applied.hash.hex(),
            "state_root": applied.state_root.hex(),
            "ready": reason is None,
            "not_ready": None if reason is None else reason.as_dict(),
            "problem": None if problem is None else {"code": problem.code, "sentence": problem.sentence},
            "pool_transactions": len(self._pool),
            "pool_bytes": self._pool.size_bytes,
            "in_flight_blocks": raft.last_index - raft.commit,
            "quorum": self.chain.membership.quorum,
            "voters": list(raft.configuration.voters),
            "outgoing": list(raft.configuration.outgoing),
            "learners": list(raft.configuration.learners),
            "transferee": raft.transferee,
            "promises": not raft.is_mute,
            "silent_voters_ms": self._driver.silent_voters_ms,
            "certificate_days_left": lasts.days,
            "clocks_ahead_ms": dict(sorted(self._driver.clocks.ahead_ms.items())),
            "peers": [asdict(peer) for peer in self._peers.status()],
            "followers": [asdict(peer) for peer in raft.peers],
            "evidence": [f"{kept.kind} by {kept.against}: {kept.detail}" for kept in raft.evidence],
            "dropped": dict(raft.dropped),
        }

    async def subscribe(self, after_height: int) -> AsyncIterator[BlockSummary]:
        """Applied blocks above a height, in order, without gaps, until the node stops.

        A subscriber reads from the ledger at its own pace: one that is slow costs nothing.

        Raises:
            NotAdmitted: too many subscribers.
        """
        if self._subscribers >= MAX_SUBSCRIBERS:
            raise NotAdmitted(
                "busy", "too many subscribers", found=self._subscribers, expected=MAX_SUBSCRIBERS
            )
        self._subscribers += 1
        height = after_height
        try:
            while not self._ended:
                news = self._news
                while height < self.chain.applied.height:
                    height += 1
                    block = self.chain.block(height)
                    assert block is not None, "blocks up to the applied height are there"
                    yield BlockSummary.of(block)
                await news.wait()
        finally:
            self._subscribers -= 1

    def on_applied(self) -> None:
        """Blocks were applied: tell subscribers, and reads that wait for their height."""
        height = self.chain.applied.height
        for reached, wanted in self._waiting_reads.items():
            if wanted <= height and not reached.done():
                reached.set_result(None)
        if self._subscribers:
            self._news.set()
            self._news = asyncio.Event()

    async def drain(self, timeout_ms: int) -> None:
        """Take nothing new in, and wait for what was."""
        self._admission.closed = shutting_down()
        loop = self._loop
        deadline_s = loop.time() + timeout_ms / 1_000
        while self._pool.own and loop.time() < deadline_s and self._driver.problem is None:
            await asyncio.sleep(0.01)
        if self._driver.leads() and self._driver.problem is None:
            left_ms = max(1, int((deadline_s - loop.time()) * 1_000))
            try:
                heir = await self._driver.leadership.hand_over(None, min(left_ms, HAND_OVER_TIMEOUT_MS))
                log.info("handed_over", leader=heir)
            except TallyError as error:
                log.warning("not_handed_over", **error.as_dict())

    def end(self) -> None:
        """Let go of everybody who waits: subscribers, reads, and submissions, whose outcome is unknown."""
        self._ended = True
        self._news.set()
        self._driver.leadership.close()
        for reached in self._waiting_reads:
            if not reached.done():
                reached.set_exception(shutting_down())
        for entry in self._pool:
            entry.settle(_unknown(entry.id))


def _unknown(transaction_id: bytes) -> Outcome:
    error = NotAdmitted("outcome_unknown", "taken in, but not seen on the ledger within the time allowed")
    return Outcome(transaction_id, "unknown", error=error)
