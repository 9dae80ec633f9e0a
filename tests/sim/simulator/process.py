"""One node: the real core, and a caller that does what `node/loop/driver.py` and `node/loop/appender.py` do.

    message, tick, submission, report -> core -> turn: ready: send now / put / apply -> seal -> …

    put(ready) -> reproduce -> write -> report       strictly in order, each step with a delay
                  entry by     group     hard_persisted, persisted
                  entry        commit

Between any two effects stands a *point* at which the node can be killed; the effects after
it do not happen. What had been given to the disk survives in part (`disk.py`), what had been
given to the network is on its way.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from consensus import (
    Ballot,
    Busy,
    Certificate,
    Config,
    Configuration,
    ElectionCertificate,
    Message,
    NotLeader,
    ProposalRefused,
    Raft,
    Ready,
    Role,
    SnapshotPoint,
    TransferRefused,
)
from ledger.errors import StoreError
from simulator.blocks import AnyDisk, NotReproduced
from simulator.device import PowerCut
from simulator.disk import Work
from simulator.late_clock import LateClock
from simulator.ledger_blocks import LedgerApplication, seed_key
from simulator.ledger_disk import LedgerDisk
from simulator.snapshots import Transfer
from simulator.violation import Killed

if TYPE_CHECKING:
    from simulator.world import World

CALM_WRITE_US = 300
CLOCK_TOLD_TICKS = 5


class Process:
    """A node from one start to the next crash; its disk outlives it."""

    def __init__(self, world: World, name: str, disk: AnyDisk, core: type[Raft]) -> None:
        """Start on what the disk holds.

        Raises:
            StoreError: the disk does not hold what it held.
        """
        self.world = world
        self.name = name
        self.disk = disk
        disk.boot += 1
        self.boot = disk.boot
        plan = world.plan
        self._plan = plan
        self._draw = world.stream(f"disk {name} {self.boot}")
        self._reports_at = 0
        self._to_report: deque[list[Work]] = deque()
        self.slow = 1
        """How many times slower than usual the disk is."""
        self.armed: tuple[str, int] | None = None
        """The point at which this node is to be killed, and after how many passages."""
        self.fails_next_write = False

        self._to_reproduce: deque[Work] = deque()
        self._current: Work | None = None
        self._place = 0
        self._to_store: deque[Work] = deque()
        self._writing: list[Work] | None = None
        self._storing = 0
        self.turn_is_due = False
        self.stopped = False
        """The disk failed: nothing is written any more."""

        self._reads: dict[int, int] = {}
        """Reads under way, and the height that each must see at least."""
        self._wanted: SnapshotPoint | None = None
        """A snapshot that is being fetched."""
        self._transfer: Transfer | None = None
        """How far that is, with real blocks."""
        self._settled: tuple[int, object, object] | None = None
        """Where the members come from, and those that were wanted, when there was nothing to change."""
        self._tried = 0
        """Length of the log at which a change was tried that may not be made yet."""
        self.pool: dict[int, None] = {}
        self._office: int | None = None
        self._gathers = (0, 0)
        """The height that a leader saw committed last, and until when it holds the news of it back."""
        self.refused: set[bytes] = set()
        self.refusing = False
        """The core is being told of a refusal; it cuts its log for no leader's sake."""
        disk.open()
        self.app = world.blocks.application(name, disk, self._wall_ms)
        self._liar = world.liar_of(self)
        self.raft = core(
            Config(
                node=name,
                start=disk.start_configuration or Configuration(plan.names, plan.quorum),
                boot=self.boot,
                election_ticks=plan.election_ticks,
                heartbeat_ticks=plan.heartbeat_ticks,
                max_append_entries=plan.max_append_entries,
                max_append_bytes=plan.max_append_bytes,
                max_inflight=plan.max_inflight,
                max_inflight_entries=plan.max_inflight_entries,
                max_inflight_bytes=plan.max_inflight_bytes,
                max_uncommitted_entries=plan.max_uncommitted_entries,
                max_uncommitted_bytes=plan.max_uncommitted_bytes,
                promotion_lag=plan.promotion_lag,
                snapshot_lag=plan.snapshot_lag,
                mute_until=disk.mute_until,
            ),
            disk.hard,
            disk,
            disk.applied,
            world.blocks.authority(name, self),
            world.draws(name, self.boot),
            world.tracer,
        )
        self._clock = LateClock(self) if plan.sleeps else None
        if disk.snapshot is not None:
            self.raft.snapshot_available(disk.snapshot)

    def hear(self, message: Message) -> None:
        """A message has arrived; of members that have left the core hears only questions, as in a node."""
        if self._plan.poses_ppm and self.raft.is_presumed(message):
            self.raft.drop("message of a member that has left")
        else:
            self.raft.step(message)
        self.world.checks.after(self)

    def tick(self) -> None:
        """A tick of this node's clock, or the ring of one that counts late."""
        if self._clock is None:
            self.world.after(self.world.tick_us(self.name), "tick", self)
            self.raft.tick()
            self.world.checks.after(self)
        elif not self._clock.rings():
            return
        self.turn()
        if self._clock is None:
            self._tell_clock(1)
        if self._liar is not None:
            for message in self._liar.ticked():
                self._let_go(message)

    def count(self) -> None:
        """Ticks that are counted late are counted before anything else is said to the core."""
        ticks = 0 if self._clock is None else self._clock.count(self.world.tick_us(self.name))
        if ticks:
            self.world.checks.after(self)
            self._tell_clock(ticks)

    def _tell_clock(self, ticks: int) -> None:
        """Now and then the others hear what this node's wall clock has reached; so many ticks passed."""
        if isinstance(self.app, LedgerApplication) and self.raft.now % CLOCK_TOLD_TICKS < ticks:
            self.world.tell_clock(self, self.app.reading())

    def submit(self, transaction: int) -> None:
        """A client hands in a transaction, or a follower passes it on."""
        height = self.app.height_of(transaction)
        if height is not None and height <= self.app.applied:
            self.world.clients.applied(self.name, [transaction])
        if height is not None or transaction in self.pool:
            return
        self.pool[transaction] = None
        self.wake()

    def wake(self) -> None:
        """Have a turn soon."""
        if self._plan.turn_us == 0 or self.world.is_calm:
            self.turn()
        elif not self.turn_is_due:
            self.turn_is_due = True
            self.world.after(self._draw.randrange(self._plan.turn_us + 1), "turn", self)

    def turn(self) -> None:
        """Take all that the core has to say and carry it out."""
        self.turn_is_due = False
        if self._clock is not None:
            self.count()
        while True:
            ready = self.raft.ready(expects_more=self._plan.gathers_us > 0 and self._expects_more())
            if ready is not None:
                self._carry_out(ready)
            elif not self._seal() and not self._change_members():
                break
        leader = self.raft.leader
        if self.pool and leader is not None and leader != self.name:
            self.world.forward(self.name, leader, list(self.pool))
            self.pool.clear()
        if self._clock is not None:
            self._clock.set(self.world.tick_us(self.name))

    def _expects_more(self) -> bool:
        """For a moment after each commit: clients that were answered may have more to send."""
        raft = self.raft
        if self._office != raft.term or raft.role is not Role.LEADER or raft.transferee is not None:
            return False
        if self._gathers[0] != raft.commit:
            self._gathers = (raft.commit, self.world.now + self._plan.gathers_us)
            self.world.after(self._plan.gathers_us, "turn", self)
            self.world.counted["news of a commit held back"] += 1
        return self.world.now < self._gathers[1]

    def _carry_out(self, ready: Ready) -> None:
        self.world.checks.handed(self, ready)
        for message in ready.send_now:
            self._send(message)
        if ready.hard or ready.entries or ready.truncate_from is not None:
            self._put(Work(ready.hard, ready.truncate_from, ready.entries))
            self.point("handed to the disk")
        if ready.certificate is not None:
            self._apply(ready.certificate)
            self.point("applied")
        if ready.reads or ready.reads_failed:
            self._serve(ready)
        if ready.lost_office:
            self._office = None
        if ready.took_office is not None:
            self.world.checks.took_office(self, ready.took_office)
            if self.world.court is not None:
                self.world.court.took_office(ready.took_office)
            if self.raft.last_index > self.raft.commit:
                self.world.counted["elected over uncommitted blocks"] += 1
            if self.raft.configuration.is_joint:
                self.world.counted["elected while joint"] += 1
            self._office = ready.took_office.term
            self._propose([], self._office, ready.took_office)
        if ready.snapshot is not None:
            self._wanted = ready.snapshot
            self.world.after(self.world.network.delay_us(), "fetched", self)

    def _send(self, message: Message) -> None:
        self.world.checks.sent(self, message)
        if self._liar is None:
            self._let_go(message)
        else:
            for said in self._liar.says(message):
                self._let_go(said)
        self.point("amid sending")

    def _let_go(self, message: Message) -> None:
        if self.world.court is not None:
            self.world.court.sent(message)
        self.world.network.send(message)

    def _apply(self, certificate: Certificate) -> None:
        self.world.checks.applies(self, certificate)
        self._count_commit(certificate)
        for block, numbers in self.app.apply(certificate):
            self.world.checks.applied(self, block)
            if block.configuration is not None:
                self.world.followed(self)
            self.world.clients.applied(self.name, numbers)
        self.world.checks.pictured(self)
        every, made = self._plan.snapshot_every, self.disk.snapshot
        if isinstance(self.app, LedgerApplication):
            self._pin_now_and_then(self.app, every)
        elif every and self.app.applied - (0 if made is None else made.index) >= every:
            self.make_snapshot()

    def _count_commit(self, certificate: Certificate) -> None:
        counted, above = self.world.counted, certificate.index - self.app.applied
        if above > 1:
            counted["committed several at once"] += 1
            if self.disk.entries[certificate.index - 1].term < certificate.term:
                counted["committed by a later block"] += 1
        if self.raft.configuration_at(certificate.index).is_joint:
            counted["certified while joint"] += 1

    def _serve(self, ready: Ready) -> None:
        """Reads that are confirmed see what is applied now."""
        for rid, index in ready.reads:
            self.world.checks.read(self, self._reads.pop(rid), index)
            self.world.clients.read(self.name)
        for rid in ready.reads_failed:
            del self._reads[rid]
            self.world.counted["reads failed"] += 1

    def read(self) -> None:
        """A client asks for a linearizable read."""
        try:
            rid = self.raft.read()
        except NotLeader:
            self.world.counted["reads without a leader"] += 1
            return
        except Busy:
            self.world.counted["reads refused as busy"] += 1
            return
        self._reads[rid] = self.world.checks.read_floor
        self.world.checks.after(self)
        self.wake()

    def transfer(self, target: str) -> None:
        """The operator asks this leader to hand over."""
        try:
            self.raft.transfer(target)
        except TransferRefused:
            self.world.counted["transfers refused"] += 1
        except NotLeader:
            return
        self.world.checks.after(self)
        self.wake()

    def make_snapshot(self) -> None:
        """Keep the state at the applied height, and the log only from there on."""
        disk, height = self.disk, self.app.applied
        if isinstance(self.app, LedgerApplication):
            return
        if height == 0 or height <= disk.first_index or self.stopped:
            return
        entry = disk.entries[height]
        point = SnapshotPoint(height, entry.term, entry.hash, self.raft.configuration_at(height))
        disk.compact(point)
        self.raft.snapshot_available(point)
        self.world.counted["snapshots made"] += 1

    def _pin_now_and_then(self, app: LedgerApplication, every: int) -> None:
        """Give the state at every so manieth height away; the log stays as long as it is."""
        held = 0 if app.pinned is None else app.pinned.height
        if every and app.applied - held >= every:
            self._offer(app)

    def _offer(self, app: LedgerApplication) -> None:
        header = app.pin().header
        members = self.raft.configuration_at(header.height)
        self.raft.snapshot_available(SnapshotPoint(header.height, header.term, header.hash, members))
        self.world.counted["snapshots made"] += 1

    def note_installed(self) -> None:
        """At a start: is this the first one on a snapshot of others? Who begins with one can give one."""
        disk, app = self.disk, self.app
        if not isinstance(disk, LedgerDisk) or not isinstance(app, LedgerApplication):
            return
        first = disk.first_index
        if disk.was_installed:
            disk.was_installed = False
            entry = disk.entries[first]
            members = self.raft.configuration_at(first)
            self.world.checks.installs(self, SnapshotPoint(first, entry.term, entry.hash, members))
            self.world.counted["snapshots installed"] += 1
            self.world.counted["real snapshots installed"] += 1
            self.world.checks.pictured(self)
        if first:
            self._offer(app)

    def _fetch_on(self, point: SnapshotPoint, app: LedgerApplication, disk: LedgerDisk) -> None:
        """Some chunks more of a real snapshot; what came is on the disk."""
        transfer = self._transfer
        if transfer is None:
            transfer = self._transfer = Transfer(self, app, disk, point.index)
        transfer.round()
        header = transfer.taken.header
        overtaken = header is not None and not self._lacks(header.height, header.hash)
        if overtaken or transfer.is_hopeless:
            self._transfer = self._wanted = None
            disk.incoming = None
            self.world.counted["snapshots given up"] += 1
            self.raft.snapshot_failed()
            self.world.checks.after(self)
            self.wake()
        elif transfer.is_through and self._is_idle:
            self._install(transfer, disk)
        else:
            self.turn()
            self.world.after(self.world.network.delay_us() + 1, "fetched", self)

    def _lacks(self, index: int, block_hash: bytes) -> bool:
        """`node.loop.driver.Driver.lacks`."""
        held = self.raft.log.entry(index)
        return self.raft.commit < index and (held is None or held.hash != block_hash)

    def _install(self, transfer: Transfer, disk: LedgerDisk) -> None:
        header = transfer.taken.header
        assert header is not None, "all of it is there"
        below = self.world.entries_below(header.height, header.hash)
        if self.armed is not None and self.armed[0] == "snapshot stored" and disk.incoming is not None:
            disk.incoming.cut_after = self._draw.randrange(8)
        try:
            transfer.taken.finish(seed_key(self.name).public, disk.store.hard_state, keep_old=False)
        except PowerCut:
            self.world.counted["crash amid the end of a snapshot"] += 1
            raise Killed(self.name) from None
        disk.below = below
        self.point("snapshot stored")
        self.world.renew(self)

    def fetched(self) -> None:
        """A snapshot was fetched from another node, or could not be; it is installed between two writes."""
        point = self._wanted
        if point is None or self.stopped:
            return
        if isinstance(self.app, LedgerApplication) and isinstance(self.disk, LedgerDisk):
            self._fetch_on(point, self.app, self.disk)
            return
        self.turn()
        if not self._is_idle:
            self.world.after(CALM_WRITE_US, "fetched", self)
            return
        self._wanted = None
        source = self.world.source_of(self.name, point)
        if source is None or not self.raft.lacks(point):
            self.world.counted["snapshots given up"] += 1
            self.raft.snapshot_failed()
        else:
            self.point("snapshot fetched")
            self.disk.install(point, list(source.entries), dict(source.certificates))
            self.point("snapshot stored")
            self.app = self.world.blocks.application(self.name, self.disk, self._wall_ms)
            self.world.checks.installs(self, point)
            self.raft.snapshot_installed(point)
            self.raft.snapshot_available(point)
            self.world.counted["snapshots installed"] += 1
        self.world.checks.after(self)
        self.wake()

    @property
    def _is_idle(self) -> bool:
        """Whether everything that the core handed out is done."""
        waits = self._current is not None or self._to_reproduce or self._to_store or self._writing is not None
        return not waits and not self._storing

    def _change_members(self) -> bool:
        """Propose the next step towards the members that are wanted, if it is time for one."""
        raft = self.raft
        if self._office is None or self._office != raft.term or raft.role is not Role.LEADER:
            return False
        if self._settled == (raft.configuration_index, self.world.wanted, self._head_matters):
            return False
        if not raft.may_reconfigure():
            if raft.last_index == self._tried or self._draw.random() > 0.02:
                return False
            self._tried = raft.last_index
            if not 0 < raft._office <= raft.commit:
                self.world.counted["change tried before a commit"] += 1
        following = self._next_members()
        if following is not None:
            if raft.may_reconfigure() and raft.objection_to(following) is not None:
                return False
            leaves = raft.configuration.is_joint and raft.node not in following.voters
            if leaves and raft.may_reconfigure() and not getattr(raft, "removes_itself", False):
                heir = raft.successor()  # as a node's driver does: a voter that stays leads first
                if heir is not None:
                    raft.transfer(heir)
                    self.world.counted["hands over before it leaves"] += 1
                return False
            return self._propose([], raft.term, None, following)
        now = raft.configuration
        if self.world.is_real or (
            (now.voters, now.quorum, now.learners) == self.world.wanted and not now.is_joint
        ):
            self._settled = (raft.configuration_index, self.world.wanted, self._head_matters)
        return False

    @property
    def _head_matters(self) -> tuple[int, int]:
        """With real blocks the chain says who is wanted, and what is committed of it."""
        return (self.app.head.index, self.app.applied) if self.world.is_real else (0, 0)

    def _next_members(self) -> Configuration | None:
        now = self.raft.configuration
        if self.world.is_real:
            return self.app.due_members()
        if now.is_joint:
            return Configuration(now.voters, now.quorum, (), 0, now.learners)
        voters, quorum, learners = self.world.wanted
        missing = [name for name in voters if not now.is_member(name)]
        if missing:
            return Configuration(now.voters, now.quorum, (), 0, tuple(sorted([*now.learners, *missing])))
        if (voters, quorum) != (now.voters, now.quorum):
            left = tuple(name for name in now.learners if name not in voters)
            return Configuration(voters, quorum, now.voters, now.quorum, left)
        if learners != now.learners:
            return Configuration(now.voters, now.quorum, (), 0, learners)
        return None

    def _seal(self) -> bool:
        """Propose what waits, if this node leads and the window has room."""
        raft = self.raft
        if not self.pool or raft.role is not Role.LEADER or self._office != raft.term:
            return False
        if not raft.configuration.is_voter(self.name):
            return False  # a leader that is about to leave seals no more
        if raft.transferee is not None or raft.last_index - raft.commit >= self._plan.window:
            return False
        chosen = list(self.pool)[: self._plan.block_transactions]
        for number in chosen:
            del self.pool[number]
        chosen = [number for number in chosen if self.app.height_of(number) is None]
        return bool(chosen) and self._propose(chosen, raft.term)

    def _propose(
        self,
        transactions: list[int],
        term: int,
        election: ElectionCertificate | None = None,
        members: Configuration | None = None,
    ) -> bool:
        self.world.checks.seals(self)
        previous = self.app.head.hash
        entry = self.app.seal(transactions, term, self._plan.payload_bytes, election, members)
        try:
            self.raft.propose((entry,))
        except ProposalRefused as refusal:
            self.app.cut(entry.index)
            self.world.counted[f"refused as {type(refusal).__name__}"] += 1
            return False
        except StoreError:
            self.world.checks.sealed(entry, previous, transactions)
            raise
        self.world.checks.sealed(entry, previous, transactions)
        self.world.checks.after(self)
        self.world.counted["blocks proposed" if members is None else "changes proposed"] += 1
        if members is not None and members.is_joint:
            self.world.counted["joint members proposed"] += 1
            if not set(members.voters) <= set(members.outgoing):
                self.world.counted["learner promoted"] += 1
        return True

    def _put(self, work: Work) -> None:
        if work.truncate_from is not None and not self._is_idle:
            self.world.counted["rewritten while being written"] += 1
        if self._current is not None:
            self._to_reproduce.append(work)
        elif work.truncate_from is None and all(self.app.holds(entry) for entry in work.entries):
            work.stored.extend(work.entries)
            self._hand_to_storage(work)
        else:
            self._to_reproduce.append(work)
            self._next_to_reproduce()

    def _next_to_reproduce(self) -> None:
        while self._to_reproduce:
            work = self._to_reproduce.popleft()
            if work.truncate_from is not None and work.truncate_from <= self.app.head.index:
                self.app.cut(work.truncate_from)
            if work.entries:
                self._current = work
                self._place = 0
                self.world.after(self._reproduction_us(), "reproduced", self)
                return
            self._hand_to_storage(work)

    def _reproduction_us(self) -> int:
        return 1 if self.world.is_calm else self._draw.randrange(self._plan.reproduce_us) + 1

    def reproduced(self) -> None:
        """The application is through with one entry of a follower."""
        work = self._current
        assert work is not None, "only while something is being reproduced"
        entry = work.entries[self._place] if self._place < len(work.entries) else None
        if entry is not None:
            try:
                if not self.app.holds(entry):
                    self.app.accept(entry, is_twisted=self.world.refuses(self.name, entry))
            except NotReproduced as refusal:
                if self.world.court is not None and not self.world.refuses(self.name, entry):
                    self.world.court.refused(self, entry)
                work.entries = work.entries[: self._place]
                self._forget_from(entry.index)
                self.world.counted["blocks refused"] += 1
                self.refused.add(entry.hash)
                self.refusing = True
                self.raft.refuse(entry.index, entry.hash, str(refusal))
                self.world.checks.after(self)
                self.refusing = False
                self.wake()
            else:
                work.stored.append(entry)
                self._place += 1
        if self._place < len(work.entries):
            self.world.after(self._reproduction_us(), "reproduced", self)
            return
        self._current = None
        self._hand_to_storage(work)
        self._next_to_reproduce()

    def _forget_from(self, index: int) -> None:
        """What follows a refused block is not looked at; what replaces it is."""
        for work in self._to_reproduce:
            if work.truncate_from is not None and work.truncate_from <= index:
                return
            work.entries = tuple([entry for entry in work.entries if entry.index < index])

    def _hand_to_storage(self, work: Work) -> None:
        if self.stopped:
            return
        self._storing += 1
        if self._storing == 1 and not work.writes:
            self._report_later([work])
            return
        self._to_store.append(work)
        if self._writing is None:
            self._write_next()

    def _write_next(self) -> None:
        group = [self._to_store.popleft()]
        while self._to_store and self._to_store[0].truncate_from is None:
            if sum(len(work.stored) for work in group) >= self._plan.group:
                break
            group.append(self._to_store.popleft())
        self._writing = group
        self.disk.submit(group)
        plan = self._plan
        duration = (plan.disk_us + self._draw.randrange(plan.disk_spread_us)) * self.slow
        if self.world.is_calm:
            duration = CALM_WRITE_US
        self.world.after(duration, "written", self)

    def written(self) -> None:
        """The disk has done what it was told."""
        group = self._writing
        assert group is not None, "only while something is being written"
        self._writing = None
        if self.fails_next_write:
            self.disk.fail()
        self.disk.complete(group)
        self._report_later(group)
        if self._to_store:
            self._write_next()
        self.point("durable")

    def disk_failed(self, reason: str) -> None:
        """A write, a sync or a read failed: nothing is acknowledged from here on (CR-36)."""
        self.stopped = True
        self.world.counted["disk failures"] += 1
        self.raft.storage_failed(reason)
        self.world.checks.after(self)
        self.turn()

    def _report_later(self, group: list[Work]) -> None:
        late = 0 if self.world.is_calm else self._draw.randrange(self._plan.report_us + 1)
        self._reports_at = max(self._reports_at, self.world.now + late)
        self._to_report.append(group)
        self.world.after(self._reports_at - self.world.now, "reported", self)

    def reported(self) -> None:
        """The core learns what is durable, and what waited for it leaves."""
        group = self._to_report.popleft()
        self._storing -= len(group)
        for work in group:
            if work.hard is not None:
                self.raft.hard_persisted(work.hard)
                self.world.checks.after(self)
                self.point("hard reported")
            self.point("sent")
            if work.stored:
                last = work.stored[-1]
                self.raft.persisted(last.index, last.hash)
                self.world.checks.after(self)
                self.point("reported")
        self.turn()

    def point(self, name: str) -> None:
        """A place at which this node can be killed.

        Raises:
            Killed: now.
        """
        if self.armed is None or self.armed[0] != name:
            return
        self.world.counted[f"point: {name}"] += 1
        if self.armed[1] > 1:
            self.armed = (name, self.armed[1] - 1)
            return
        raise Killed(self.name)

    def _wall_ms(self) -> int:
        return self.world.wall_ms(self.name)

    def acknowledges(self, term: int, index: int, entry_hash: bytes) -> None:
        """The authority is about to sign an acknowledgement."""
        self.world.counted["acknowledgements"] += 1
        if self.world.court is not None:
            self.world.court.signs(self.name, term, index, entry_hash)
        self.world.checks.signs(self, term, index, entry_hash)

    def votes(self, ballot: Ballot) -> None:
        """The authority is about to sign a vote."""
        self.world.counted["votes signed"] += 1
        self.world.checks.votes(self, ballot)
