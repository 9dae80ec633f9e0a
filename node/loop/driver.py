"""The only loop around the consensus core; its clock is `tick_clock`.

Everything that happens to a node enters the core as one of four calls: a message of a peer,
a tick, a proposal, a report that something is durable. After a loop turn in which any of
them came, one *turn* of the driver takes all that the core has to say and carries it out:

    messages, tick, durable, submission
        -> turn: seal? -> ready: send now / to the disk / commit -> … until nothing is left
                 -> forward what waits to the leader

so that everything that arrived together is sealed into one block, answered in one message
and written in one write to each peer.

When a block is sealed, and of how much, is `sealing`; how it is made, `proposer`; what a commit means for
those who wait, `committed`.

The driver knows what is in which state; the core knows what is safe; the chain knows what
is true. Only the core decides that something may be sent, stored or applied.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from time import time_ns

import structlog

from consensus import messages, wire
from consensus.errors import ProtocolError
from consensus.messages import Certificate, ElectionCertificate, Entry
from consensus.raft import Raft
from consensus.ready import Ready
from consensus.state import Role, SnapshotPoint
from ledger import codec
from ledger.blocks.block import Block, Header
from ledger.blocks.executor import Executor, Prepared
from ledger.chain.chain import Chain, VerifiedBlock
from ledger.errors import BlockInvalid, Malformed, StoreError, TallyError
from ledger.keys import SigningKey
from ledger.storage.store import Store
from node import disk
from node.accountability import refused_blocks
from node.accountability.watch import Watch
from node.errors import NotAdmitted
from node.intake.admission import Admission
from node.intake.forwarding import Forwarder
from node.intake.mempool import Pool
from node.intake.outcome import Outcome
from node.intake.signatures import SignatureChecker
from node.limits import (
    CALM_CLOCK_TOLD_MS,
    CALM_SWEEP_MS,
    CLOCK_TOLD_MS,
    GOSSIP_MS,
    NO_LEADER_GRACE_MS,
    REFORWARD_AFTER_MS,
    SWEEP_MS,
)
from node.loop.appender import Appender, Reports, Work
from node.loop.catch_up import CatchUp
from node.loop.clocks import Clocks
from node.loop.committed import tell_committed
from node.loop.leadership import Leadership
from node.loop.member_changes import MemberChanges
from node.loop.proposer import Proposer
from node.loop.sealing import Sealing
from node.loop.tick_clock import TickClock
from node.peering.introductions import INTRODUCTION
from node.peering.peers import Peers
from node.problem import Problem, lost_data
from node.raft_storage import certificate_of, configuration_of, election_of
from node.snapshots.state_transfer import StateTransfer
from node.statistics import Statistics

log = structlog.get_logger(component="driver")


def clock_ms() -> int:
    """The wall clock, milliseconds since 1970."""
    return time_ns() // 1_000_000


class _Guard:
    """A disk that cannot be read is a failed disk; any other exception is our own bug."""

    __slots__ = ("_on_bug", "_on_storage_failed")

    def __init__(
        self, on_storage_failed: Callable[[Exception], None], on_bug: Callable[[BaseException], None]
    ) -> None:
        self._on_storage_failed = on_storage_failed
        self._on_bug = on_bug

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: object, error: BaseException | None, traceback: object) -> bool:
        if not isinstance(error, Exception):
            return False
        if isinstance(error, StoreError):
            self._on_storage_failed(error)
        else:
            self._on_bug(error)
        return True


class Driver:
    """One node's part in one channel."""

    def __init__(
        self,
        *,
        node: str,
        key: SigningKey,
        chain: Chain,
        store: Store,
        executor: Executor,
        raft: Raft,
        pool: Pool,
        checker: SignatureChecker,
        statistics: Statistics,
        tick_ms: int,
        data_dir: Path,
        stop: Callable[[], None],
        note: Callable[[], None],
        meet: Callable[[], None],
        renew: Callable[[], None],
        problem: Problem | None,
    ) -> None:
        """`note` is called when something is durable, before anybody hears of it; `meet` now and then, to
        link with whom the newest membership has; `renew` when the node is to be closed and opened again, on
        a snapshot that takes its ledger's place."""
        self.node = node
        self._note = note
        self._meet = meet
        self.raft = raft
        self.problem: Problem | None = problem
        self._before_removal: Problem | None = None
        self._renew = renew
        self._chain = chain
        self._executor = executor
        self._pool = pool
        self._checker = checker
        self._statistics = statistics
        self._data_dir = data_dir
        self._stop = stop
        self._loop = asyncio.get_running_loop()
        self._guarded = _Guard(self._on_storage_failed, self._on_bug)
        self._catch_up = CatchUp(self._loop.time)
        self._appender = Appender(
            chain=chain,
            store=store,
            verify=self._verify,
            reports=Reports(
                self._on_durable,
                self._on_accepted,
                self._on_refused,
                self._on_dropped,
                self._on_storage_failed,
                self._on_bug,
            ),
            may_yield=self._catch_up.may_yield,
            statistics=statistics,
        )
        self._tick_ms = tick_ms
        self._clock = TickClock(raft, tick_ms, self._turn, statistics.turn_delay)
        self.leadership = Leadership(raft, self._count_ticks, self.wake)
        self.clocks = Clocks(node=node, key=key, chain=chain, clock_ms=clock_ms)
        self._peers: Peers
        self._transfer: StateTransfer
        self._watch: Watch
        self._admission: Admission
        self._forwarder: Forwarder
        self._applied: Callable[[], None]
        self._turn_is_due = False
        self._sealing = Sealing(pool, self._loop, statistics, self._wake_once_read)
        self._proposer = Proposer(
            node=node,
            key=key,
            chain=chain,
            raft=raft,
            pool=pool,
            clocks=self.clocks,
            sealing=self._sealing,
            statistics=statistics,
            clock_s=self._loop.time,
        )
        self._members = MemberChanges(
            node=node, raft=raft, chain=chain, proposer=self._proposer, wake=self.wake
        )
        self._running = False
        self._leader: tuple[int, str | None] = (raft.term, raft.leader)
        self._leaderless_since_s = self._loop.time()
        """Since when the leader is the one that was noted."""
        self._due: Certificate | None = None
        """Of what is committed and not applied yet: the blocks that it came with are acknowledged first."""
        self._office: int | None = None
        self._was_set_back = False
        """Whether this start has found out that the data folder is an older copy."""
        self._owes = raft.is_mute
        """Whether this node has yet to commit as far as it had promised, or never will."""
        self._denials = 0
        """How often leaders have denied what is committed, as it was logged last."""
        self._swept_s = self._gossiped_s = self._clock_told_s = self._loop.time()
        self._swept_height = -1

    def start(
        self,
        *,
        peers: Peers,
        admission: Admission,
        forwarder: Forwarder,
        transfer: StateTransfer,
        watch: Watch,
        applied: Callable[[], None],
    ) -> None:
        """Begin to tick; messages may arrive from now on. `applied` is called after each commit."""
        self._applied = applied
        self._peers = peers
        self._admission = admission
        self._forwarder = forwarder
        self._transfer = transfer
        self._watch = watch
        self._running = True
        transfer.offer_applied()
        self._clock.set(is_idle=False)

    def close(self) -> None:
        """Stop; what is on its way to the disk gets there."""
        self._running = False
        self._clock.stop()
        self.leadership.close()
        self._appender.close()

    @property
    def leader(self) -> str | None:
        """The leader that this node knows."""
        return self.raft.leader

    def leads(self) -> bool:
        """Whether this node leads and has begun its term."""
        return (
            self._office is not None
            and self._office == self.raft.term
            and self.raft.role is Role.LEADER
            and self._chain.membership.is_voter(self.node)  # whoever sealed its own removal seals no more
        )

    @property
    def behind_blocks(self) -> int:
        """How many blocks the leader has committed that are not applied here; 0 while they are few."""
        return 0 if self.leads() else self._catch_up.lag(self._chain.applied.height)

    @property
    def in_flight(self) -> int:
        """Blocks in the log that are not committed."""
        return self.raft.last_index - self.raft.commit

    @property
    def _is_idle(self) -> bool:
        """Whether there is a leader, everything in the log is committed, and nothing waits."""
        raft = self.raft
        return raft.leader is not None and raft.last_index == raft.commit and not self._pool.waiting

    def linked(self, peer: str) -> None:
        """The link to a peer is up: a leader that is elected next knows this node's clock by then."""
        reading = self.clocks.own()
        if reading is not None:
            self._peers.send(peer, ("clock", reading.to_value()))
        self._watch.tell_forks(lambda proof: self._peers.send(peer, proof))
        self.wake()

    def wake(self) -> None:
        """Something may have to be done: have a turn at the end of this loop turn."""
        if not self._turn_is_due:
            self._turn_is_due = True
            self._loop.call_soon(self._turn)

    def submitted(self) -> None:
        """Something waits in the pool: have a turn, unless a leader would only find that it waits for more.

        Sixteen clients come in nearly as many turns of the loop; the commit, or the time for them, wakes it.
        """
        if not self.leads() or self._sealing.is_time(self.raft.commit, self.in_flight):
            self.wake()

    def _wake_once_read(self) -> None:
        """Have a turn, but look first at what came while this process waited for the processor."""
        self._loop.call_soon(self.wake)

    def on_message(self, peer: str, value: codec.Value) -> None:
        """A peer says something.

        Raises:
            Malformed: something that no honest node says; its link is closed.
        """
        if not self._running:
            return
        if type(value) is not tuple or len(value) != 2:
            raise Malformed("unknown message", field="message")
        kind, content = value
        if kind == "raft":
            try:
                message = wire.from_value(content)
            except ProtocolError as error:
                raise Malformed("not a message of the consensus", found=str(error)) from None
            if message.sender != peer:
                raise Malformed(
                    "a message in another node's name",
                    code="wrong_sender",
                    field="sender",
                    found=message.sender,
                )
            with self._guarded:
                self._clock.count()
                self._watch.saw_message(message, self.raft.log.recent)
                if self.raft.is_presumed(message):
                    self.raft.drop("message of a member that has left")
                else:
                    self.raft.step(message)
            if isinstance(message, messages.Append | messages.Heartbeat) and peer == self.raft.leader:
                self._catch_up.committed = message.commit
            if not self._clock.sleeps:
                self.wake()
            elif not self.raft.is_quiet:
                self._turn()
        elif kind == "forward":
            self._forwarder.take_in(peer, content)
        elif kind == "forwarded":
            self._forwarder.refused(peer, content)
        else:
            try:
                if kind in ("snapshot?", "snapshot!"):
                    self._transfer.on_message(peer, kind, content)
                else:
                    self._on_gossip(peer, kind, content)
            except StoreError as error:
                self._on_storage_failed(error)

    def _on_gossip(self, peer: str, kind: codec.Value, content: codec.Value) -> None:
        """What nodes tell each other beside the consensus."""
        if kind == "evidence":
            self._watch.take_evidence(content)
        elif kind in ("proof", "proof?", "proof!"):
            self._watch.take_proof_message(peer, kind, content)
        elif kind == "header":
            self._watch.take_header(content)
        elif kind == "clock":
            self.clocks.take(peer, content)
        elif kind == INTRODUCTION:
            answer = self._peers.introductions.hear_member(content, peer)
            if answer is not None:
                self._peers.send(peer, (INTRODUCTION, answer))
        else:
            raise Malformed("unknown message", field="message", found=str(kind)[:32])

    def _count_ticks(self) -> None:
        with self._guarded:
            self._clock.count()

    def _on_offer(self, height: int) -> None:
        if self._catch_up.prefers_log(height, self._chain.applied.height, self.raft.term):
            self._leave_it_to_the_log()
        else:
            self._transfer.fetch(height)

    @property
    def _is_calm(self) -> bool:
        """Whether nothing has happened since this node looked about last, and nothing is to come of it."""
        is_known = self._swept_height == self._chain.applied.height
        return is_known and self._is_idle and self._members.waits_for is None

    def _sweep_is_due(self, now_s: float) -> bool:
        """Whether to look again after `SWEEP_MS`: where nothing has happened there is hardly a reason to."""
        return not self._is_calm or now_s - self._swept_s >= CALM_SWEEP_MS / 1_000

    def _sweep(self, now_s: float) -> None:
        """Now and then: a core that halted, transactions in vain or expired, a leader missed for long."""
        clock_told_ms = CALM_CLOCK_TOLD_MS if self._is_calm else CLOCK_TOLD_MS
        self._swept_s, self._swept_height = now_s, self._chain.applied.height
        denials = self.raft.dropped.get("committed_conflict", 0)
        if denials != self._denials:
            self._denials = denials
            shown = [kept for kept in self.raft.evidence if kept.kind == "committed_conflict"]
            log.error("committed_block_denied", times=denials, against=[kept.against for kept in shown])
        if self.raft.halted is not None and self.problem is None:
            log.critical("halted", reason=self.raft.halted)
            self.problem = Problem("halted", self.raft.halted)
        if len(self._pool):
            self._pool.requeue_overdue(now_s - REFORWARD_AFTER_MS / 1_000, self._chain.knows)
            for entry in self._pool.expire(self._chain.applied.time_ms):
                error = NotAdmitted("expired", "block time has passed the transaction's validity")
                entry.settle(Outcome(entry.id, "refused", error=error))
        if self.raft.was_set_back and not self._was_set_back:
            self._was_set_back = True
            self._on_set_back()
        self._look_whether_removed()
        if self.leads():
            self._members.step()
        self._meet()
        if now_s - self._clock_told_s >= clock_told_ms / 1_000:
            self._clock_told_s = now_s
            self._tell_clock()
        if now_s - self._gossiped_s >= GOSSIP_MS / 1_000:
            self._gossiped_s = now_s
            self._watch.tell_header()
        if self._transfer.is_overtaken(self.raft.commit):
            self._transfer.drop()
            self._leave_it_to_the_log()
        closed = self._admission.closed
        has_none = self._leader[1] is None  # as of that moment: the core may have lost it just now
        if has_none and now_s - self._leaderless_since_s > NO_LEADER_GRACE_MS / 1_000:
            if closed is None or closed.code == "no_leader":
                silent = ", ".join(self.silent_voters_ms)
                said = f"; these voters do not answer when asked for a vote: {silent}" if silent else ""
                self._admission.closed = NotAdmitted("no_leader", f"no leader is known{said}")
        elif closed is not None and closed.code == "no_leader":
            self._admission.closed = None

    def _look_whether_removed(self) -> None:
        """A member whose disk is lost is removed for that in the end, and cannot be readmitted then.

        A voter that is to become a learner leaves, and returns with the next change
        (`ledger.members.membership`).
        """
        code = None if self.problem is None else self.problem.code
        has_left = self.raft.has_left(self.node)
        if has_left and code in (None, "lost_data"):
            self._before_removal = self.problem
            self.problem = Problem(
                "removed",
                f"{self.node} is no member of the channel any more, since block "
                f"{self.raft.configuration_index}",
            )
        elif code == "removed" and not has_left:
            self.problem = self._before_removal

    @property
    def silent_voters_ms(self) -> dict[str, int]:
        """While there is no leader: voters that do not answer requests for a vote, and for how long, ms."""
        return {node: ticks * self._tick_ms for node, ticks in self.raft.silent_voters}

    def _tell_clock(self) -> None:
        reading = self.clocks.own()
        if reading is not None:
            for peer in self._peers.reachable:
                self._peers.send(peer, ("clock", reading.to_value()))

    def _on_set_back(self) -> None:
        """The data folder is an older copy: promise nothing any more, after restarts neither (CR-76)."""
        self.problem = lost_data(self.node)
        log.critical("set_back", reason=self.problem.sentence)
        try:
            disk.set_back(self._data_dir)
        except OSError as error:
            self._on_storage_failed(error)

    def _turn(self) -> None:
        self._turn_is_due = False
        if not self._running:
            return
        with self._guarded:
            self._clock.count()
            self.leadership.look()
            self.leadership.begin_reads()
            now_s = self._loop.time()
            if now_s - self._swept_s >= SWEEP_MS / 1_000 and self._sweep_is_due(now_s):
                self._sweep(now_s)
            self._carry_out_all()
            if self._is_time_to_seal() and self._proposer.seal():
                self._carry_out_all()
                if self._pool.waiting:
                    self.wake()  # the next block after the loop has heard the others
            leader = self.raft.leader
            if self._pool.waiting and leader is not None and leader != self.node:
                self._forwarder.forward(leader)
            self._peers.flush()
            if not self._appender.is_busy:
                self._commit_due()
        if self._running:
            self._clock.set(is_idle=self._is_idle)

    def _carry_out_all(self) -> None:
        while (ready := self.raft.ready(expects_more=self._expects_more())) is not None:
            self._carry_out(ready)

    def _expects_more(self) -> bool:
        """Whether this node is about to propose a block after those that are committed."""
        may_seal = self.leads() and self.raft.transferee is None
        return may_seal and self._sealing.expects_more(self.raft.commit)

    def _carry_out(self, ready: Ready) -> None:
        if self._owes and not self.raft.is_mute:
            self._owes = False
            try:
                disk.kept(self._data_dir)
            except OSError as error:
                self._on_storage_failed(error)
                return
        for message in ready.send_now:
            self._peers.queue(message.target, ("raft", wire.to_value(message)))
        if ready.send_now and (ready.entries or ready.certificate is not None):
            self._peers.flush()  # the others begin while this node stores or applies
        if ready.hard or ready.entries or ready.truncate_from is not None:
            self._appender.put(ready)
        if ready.certificate is not None:
            self._commit_due()
            self._due = ready.certificate
            if not (ready.entries and self._appender.is_reproducing):
                self._commit_due()
        if ready.reads or ready.reads_failed:
            self._commit_due()
            self.leadership.answered(ready)
        if ready.lost_office:
            self._office = None
            log.info("office_lost", term=self.raft.term)
        if ready.snapshot is not None:
            self._on_offer(ready.snapshot.index)
        if ready.took_office is not None:
            self._take_office(ready.took_office)
        if ready.soft is not None:
            self._note_leader()

    def _note_leader(self) -> None:
        now = (self.raft.term, self.raft.leader)
        if now == self._leader:
            return
        self._leader = now
        self._leaderless_since_s = self._loop.time()
        if now[1] is not None:
            self._statistics.leader_changes += 1
        log.info("leader", term=now[0], leader=now[1])
        self._requeue()

    def _requeue(self) -> None:
        """What the chain does not hold waits again, for whoever leads now."""
        leading = self.raft.role is Role.LEADER
        self._pool.requeue(self._chain.knows, lambda entry: entry.own or leading)

    def _take_office(self, elected: ElectionCertificate) -> None:
        """Begin the term with a block of its own, before any client's transaction.

        Who leads the others hear first, so that they pass on what waits while the block is sealed.
        """
        self._peers.flush()
        self._sealing.begin()
        term = elected.term
        block = self._proposer.propose([], term, election=election_of(elected))
        if block is not None:
            self._office = term
            self._statistics.elections_won += 1
            log.info("office_taken", term=term, height=block.height)

    def _is_time_to_seal(self) -> bool:
        is_in_office = self.leads() and self.raft.transferee is None
        return is_in_office and self._sealing.is_time(self.raft.commit, self.in_flight)

    async def _verify(self, block: Block) -> VerifiedBlock:
        """Everything about a block of another node that can be checked without state.

        Raises:
            BlockInvalid: with what is wrong.
        """
        checked: dict[bytes, Prepared] = {}
        unknown = []
        for transaction in block.transactions:
            prepared = self._pool.prepared(transaction.id)
            if prepared is not None and prepared.transaction.signature == transaction.signature:
                checked[transaction.id] = prepared
            else:
                unknown.append(transaction)
        verdicts = await self._checker.check(unknown)
        for transaction, is_good in zip(unknown, verdicts, strict=True):
            if is_good:
                try:
                    checked[transaction.id] = self._executor.prepare(transaction)
                except Malformed as error:
                    raise BlockInvalid("operations of no form", found=error) from None
        return self._chain.check(block, checked)

    def _commit_due(self) -> None:
        """Apply what is committed."""
        certificate, self._due = self._due, None
        if certificate is not None:
            self._commit(certificate)

    def _commit(self, certificate: Certificate) -> None:
        try:
            blocks = self._chain.commit(certificate_of(certificate))
        except StoreError as error:
            self._on_storage_failed(error)
            return
        tell_committed(blocks, self._pool, self._statistics, self._loop.time())
        if blocks:
            problem = self.problem
            if problem is not None and problem.height is not None and problem.height <= blocks[-1].height:
                log.warning("problem_over", code=problem.code, height=problem.height)
                self.problem = None
            log.debug("committed", height=blocks[-1].height, block=blocks[-1].hash.hex(), blocks=len(blocks))
            self._applied()

    def _on_durable(self, group: list[Work]) -> None:
        if not self._running:
            return
        self._note()
        with self._guarded:
            for work in group:
                if work.hard is not None:
                    self.raft.hard_persisted(work.hard)
                if work.stored:
                    last = work.stored[-1]
                    self.raft.persisted(last.index, last.hash)
        if self._due is not None or not self.raft.is_quiet:
            self._turn()

    def _on_accepted(self, block: Block) -> None:
        self._watch.saw_block(block)

    def on_fork(self, sentence: str) -> None:
        """Two certified blocks at one height: nothing is written any more until people decide (CR-74)."""
        log.critical("forked", reason=sentence)
        self.problem = Problem("forked", sentence)
        self._admission.closed = NotAdmitted("forked", "the channel has two histories", found=sentence)
        self.raft.halt(sentence)
        self.wake()

    def on_snapshot_complete(self, header: Header) -> None:
        """A whole snapshot is there: the node opens again on it, unless the log holds its block by now."""
        if self.lacks(header):
            log.info("renewing", height=header.height)
            self._renew()
        else:
            self._transfer.drop()
            self._leave_it_to_the_log()

    def lacks(self, header: Header) -> bool:
        """Whether the log does not hold this block, so that a snapshot of it may take its place.

        What the log has beyond that block may have been acknowledged, and stays (CR-64). Until
        the node is closed the log goes on, so this is asked again right before it is replaced.
        """
        held = self.raft.log.entry(header.height)
        return self.raft.commit < header.height and (held is None or held.hash != header.hash)

    def on_snapshot_failed(self, reason: str) -> None:
        """It could not be fetched; the leader may have the log."""
        log.warning("snapshot_failed", reason=reason)
        self._leave_it_to_the_log()

    def _leave_it_to_the_log(self) -> None:
        """No snapshot comes: the leader is told, and may send the log."""
        self.raft.snapshot_failed()
        self.wake()

    def on_snapshot_available(self, header: Header) -> None:
        """This node can give away the state after the block that was applied just now."""
        members = configuration_of(self._chain.applied_membership)
        self.raft.snapshot_available(SnapshotPoint(header.height, header.term, header.hash, members))

    def _on_dropped(self) -> None:
        self._requeue()
        self.wake()

    def _on_refused(self, entry: Entry, error: TallyError) -> None:
        """A block that this node cannot reproduce: keep it, say so, and do not acknowledge it (CR-77)."""
        self._statistics.unreproducible_blocks += 1
        leader = self.raft.leader
        kept = refused_blocks.keep(self._data_dir, entry)
        self._watch.saw_refused(entry.data)
        log.error(
            "block_refused",
            height=entry.index,
            block=entry.hash.hex(),
            term=entry.term,
            leader=leader,
            kept=kept,
            **error.as_dict(),
        )
        self.problem = Problem(
            "unreproducible_block",
            f"block {entry.index} ({entry.hash.hex()[:16]}) of {leader} cannot be reproduced: {error};"
            f" kept: {kept}",
            entry.index,
        )
        self.raft.refuse(entry.index, entry.hash, str(error))
        self.wake()

    def _on_storage_failed(self, error: Exception) -> None:
        """The disk failed: acknowledge nothing any more, and serve again only from a fresh start (CR-36)."""
        if self.problem is not None and self.problem.code == "storage_failed":
            return
        log.critical("storage_failed", error=str(error))
        self.problem = Problem("storage_failed", str(error))
        self._admission.closed = NotAdmitted("storage_failed", "this node's disk failed", found=str(error))
        self.raft.storage_failed(str(error))
        self.wake()

    def _on_bug(self, bug: BaseException) -> None:
        """Our own invariants do not hold: stop rather than corrupt the ledger."""
        log.critical("stopped_by_a_bug", exc_info=bug)
        self.problem = Problem("bug", str(bug))
        self._running = False
        self._stop()
