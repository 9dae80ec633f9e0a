"""The simulated world: one clock, one queue of events, and everything that is done to a cluster.

A *step* is one event at a node. Everything that happens follows from the plan: each part of the world
draws from a stream of its own, so that leaving one fault out of a plan disturbs the rest
little. `digest` covers every step, its time and the state of its node after it; equal plans
give equal digests, in any process.
"""

from __future__ import annotations

import traceback
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from hashlib import blake2b
from heapq import heappop, heappush
from random import Random
from struct import pack
from typing import Any

from consensus import Configuration, Entry, Message, Raft, Role, SnapshotPoint
from consensus.messages import Vote
from consensus.wire import from_value, to_value
from ledger.blocks.clock import Reading
from ledger.errors import StoreError
from simulator.adversary import Liar
from simulator.application import OpaqueBlocks
from simulator.blocks import Blocks
from simulator.checks import AMONG_LIARS, Checks
from simulator.clients import Clients
from simulator.court import Court
from simulator.coverage import add_dropped, observe
from simulator.ledger_blocks import GENESIS_MS, LedgerApplication, LedgerBlocks
from simulator.network import Network
from simulator.plan import (
    BIT_FLIP,
    CHANGE,
    CLOCK_JUMP,
    CRASH,
    CRASH_AT,
    CUT,
    DISK_FAILURE,
    FORGETS,
    LEVELDB,
    LOST_TAIL,
    OPAQUE,
    PAUSE,
    SLOW_DISK,
    SNAPSHOT,
    TRANSFER,
    USURPS,
    WIPE,
    Fault,
    Plan,
)
from simulator.process import Process
from simulator.violation import Killed, Violation

DEEP_EVERY = 512
"""Steps between two comparisons of whole logs."""
RECORDED_NUMBERS = 4_096
FIRST_CHANGE = 10_000_000
"""Numbers of transactions that adopt other members begin here."""
CALM_CLIENT_US = 1_500
NEVER_US = 2**63
HEALING_TIMEOUTS = 30
"""Longest election timeouts within which a healed cluster must agree and go on."""
_KINDS = {
    "message": 0,
    "absurd": 1,
    "tick": 2,
    "turn": 3,
    "reproduced": 4,
    "written": 5,
    "reported": 6,
    "client": 7,
    "forward": 8,
    "restart": 9,
    "mend": 10,
    "unpause": 11,
    "fast": 12,
    "fetched": 13,
    "reader": 14,
    "read": 15,
    "transfer": 16,
    "clock": 17,
    "posed": 18,
}
Event = tuple[int, int, str, str, int, Any]
_OWN: dict[str, Callable[[Process], None]] = {
    "turn": Process.turn,
    "tick": Process.tick,
    "reproduced": Process.reproduced,
    "written": Process.written,
    "reported": Process.reported,
    "fetched": Process.fetched,
    "read": Process.read,
}
"""Events of one life of a node that say no more than that it is time."""
_TOLD_OF_TICKS = frozenset({"message", "absurd", "posed", "read", "transfer"})
"""Events before which a node counts the ticks that it has not counted yet."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a run."""

    plan: Plan
    violation: Violation | None
    trace: str
    """Where the core raised, if it did."""
    steps: int
    simulated_us: int
    digest: str
    counted: dict[str, int]
    committed: int
    acknowledged: int
    healing_timeouts: float
    """How long the healed cluster took to agree, in its longest election timeouts."""


class World:
    """A cluster, its surroundings, and time."""

    def __init__(
        self,
        plan: Plan,
        *,
        core: type[Raft] = Raft,
        only: Collection[str] | None = None,
        judge: type[Checks] = Checks,
        tracer: Callable[[dict[str, Any]], None] | None = None,
        observes: bool = True,
    ) -> None:
        self.plan = plan
        self.observes = observes
        """Whether situations are counted, for the coverage of the requirements."""
        self.core = core
        self._emit = tracer
        self.now = 0
        self.steps = 0
        self.counted: Counter[str] = Counter()
        self._events: list[Event] = []
        self._sequence = 0
        self._digest = blake2b(digest_size=16)
        self._recorded: list[int] = []
        """Numbers that the digest is yet to cover."""
        self._number = {name: number for number, name in enumerate(plan.everyone)}
        self.blocks = _blocks_of(plan)
        self.checks = judge(plan, self.blocks, AMONG_LIARS if plan.liar else only)
        self.court: Court | None = None
        if isinstance(self.blocks, LedgerBlocks):
            liars = [plan.liar] if plan.liar else []
            self.court = Court(self.blocks, liars, self.checks.fail)
        self.network = Network(self)
        self.clients = Clients(self)
        self.is_calm = False
        """Healed: nothing is disturbed any more, and nothing slow."""
        self._faults = sorted(plan.faults, key=lambda fault: fault.at_us)
        self._next_fault = 0
        self._strikes_us = 0
        """When the next fault happens."""
        self._crash_draw = self.stream("crashes")
        rates = self.stream("clocks")
        self._tick_us = {
            name: plan.tick_us + plan.tick_us * rates.randint(-plan.skew_ppm, plan.skew_ppm) // 1_000_000
            for name in plan.everyone
        }
        wall = self.stream("wall clocks")
        self._wall_us = {name: wall.randint(-plan.wall_us, plan.wall_us) for name in plan.everyone}
        self._healed_at = 0
        self._paused: dict[str, int] = {}
        self._snapshot_draw = self.stream("snapshots")
        self._changes = 0
        self.is_real = isinstance(self.blocks, LedgerBlocks)
        self.wanted = (plan.names, plan.quorum, ())
        """The voters, their quorum, and the learners that the operators want."""
        self.disks = {name: self.blocks.disk(name) for name in plan.everyone}
        self.processes: dict[str, Process] = {}
        for name in plan.everyone:
            self._start(name)
        self._push(plan.client_us, "client", "", 0, None)
        if plan.read_us:
            self._push(plan.read_us, "reader", "", 0, None)

    def stream(self, name: str) -> Random:
        """A source of chance of its own for one part of the world."""
        return Random(f"{self.plan.seed} {name}")

    @property
    def tracer(self) -> Callable[[dict[str, Any]], None] | None:
        """The core's tracer; it adds the clock that all nodes share."""
        emit = self._emit
        if emit is None:
            return None
        return lambda event: emit({**event, "t": self.now * 1_000})

    @property
    def up(self) -> list[str]:
        """The nodes that run."""
        return [name for name in self._number if name in self.processes]

    @property
    def leaders(self) -> list[str]:
        """The nodes that take themselves for the leader."""
        return [name for name in self.up if self.processes[name].raft.role is Role.LEADER]

    def after(self, delay_us: int, kind: str, node: Process, value: Any = None) -> None:
        """Something will happen to this life of a node."""
        self._push(delay_us, kind, node.name, node.boot, value)

    def carry(self, delay_us: int, message: Message) -> None:
        """A message will arrive."""
        self._push(delay_us, "message", message.target, 0, message)

    def carry_absurd(self, delay_us: int, message: Message) -> None:
        """A message will arrive that must change nothing."""
        self._push(delay_us, "absurd", message.target, 0, message)

    def carry_posed(self, delay_us: int, message: Message) -> None:
        """A message will arrive that must change nothing if its sender has left the members by then."""
        self._push(delay_us, "posed", message.target, 0, message)

    def forward(self, sender: str, target: str, transactions: list[int]) -> None:
        """A follower passes transactions on to the leader."""
        if not self.network.cuts[sender, target]:
            self._push(self.network.delay_us(), "forward", target, 0, transactions)

    def tell_clock(self, node: Process, reading: Reading) -> None:
        """A node tells all others what its clock has reached, as far as links are whole."""
        for other in self.plan.everyone:
            if other != node.name and not self.network.cuts[node.name, other]:
                self._push(self.network.delay_us(), "clock", other, 0, reading)

    def submit(self, name: str, transaction: int) -> None:
        """A client hands in a transaction."""
        self._push(0, "forward", name, 0, [transaction])

    def liar_of(self, node: Process) -> Liar | None:
        """What a node says instead of the truth, if it lies."""
        if node.name != self.plan.liar or not isinstance(self.blocks, LedgerBlocks):
            return None
        return Liar(node, self.blocks, self.plan.lies)

    def followed(self, node: Process) -> None:
        """A node applied a change of the members."""
        if self.court is not None and isinstance(node.app, LedgerApplication):
            self.court.follow(node.app)

    def ask(self, name: str) -> None:
        """A client asks for a read."""
        self._push(0, "read", name, 0, None)

    def draws(self, name: str, boot: int) -> Callable[[int], int]:
        """The core's source of chance for one life of a node."""
        fair = self.stream(f"core {name} {boot}").randrange
        few = self.plan.timeouts
        if not few:
            return fair
        return lambda bound: fair(bound if self.is_calm else min(bound, few))

    def source_of(self, name: str, point: SnapshotPoint) -> Any:
        """The disk of another node that has the state at this point; None if the fetch fails."""
        fails_ppm = 0 if self.is_calm else self.plan.snapshot_fails_ppm
        if self._snapshot_draw.random() * 1_000_000 < fails_ppm:
            return None
        for other in self.up:
            disk = self.disks[other]
            if other == name or self.network.cuts[other, name]:
                continue
            if (
                self.processes[other].app.applied >= point.index
                and disk.entries[point.index].hash == point.hash
            ):
                return disk
        return None

    def entries_below(self, height: int, block_hash: bytes) -> list[Entry]:
        """The blocks before this one, from a disk that holds it."""
        for disk in self.disks.values():
            if len(disk.entries) > height and disk.entries[height].hash == block_hash:
                return list(disk.entries[:height])
        raise Violation("state_machine_safety", f"a snapshot of {height}, which no disk holds")

    def spoils_chunk(self) -> bool:
        """Whether a peer sends something else than the snapshot's chunk."""
        fails_ppm = 0 if self.is_calm else self.plan.snapshot_fails_ppm
        return self._snapshot_draw.random() * 1_000_000 < fails_ppm

    def renew(self, node: Process) -> None:
        """A node closes, and opens again on the snapshot that it has taken in."""
        name = node.name
        add_dropped(self.counted, self.processes.pop(name))
        self._paused.pop(name, None)
        self.disks[name].store.close()
        self._push(1, "restart", name, self.disks[name].boot, None)

    def tick_us(self, name: str) -> int:
        """How long a tick of this node's clock lasts at the moment."""
        return self.plan.tick_us if self.is_calm else self._tick_us[name]

    def wall_ms(self, name: str) -> int:
        """A node's wall clock, which no timeout looks at."""
        return GENESIS_MS + (self.now + self._wall_us[name]) // 1_000

    def refuses(self, name: str, entry: Entry) -> bool:
        """Whether this node cannot reproduce this block; the answer is always the same."""
        if not self.plan.refuse_ppm or self.is_calm:
            return False
        draw = blake2b(entry.hash + name.encode(), digest_size=4).digest()
        return int.from_bytes(draw, "big") % 1_000_000 < self.plan.refuse_ppm

    def _push(self, delay_us: int, kind: str, name: str, boot: int, value: Any) -> None:
        self._sequence += 1
        heappush(self._events, (self.now + delay_us, self._sequence, kind, name, boot, value))

    def run(self) -> Outcome:
        """Disturb, heal, and judge; a violation ends the run."""
        violation = None
        trace = ""
        try:
            while self.steps < self.plan.steps:
                if self.now >= self._strikes_us:
                    self._strike()
                self._step()
            if self.plan.liar:
                self._judge_lies()
            else:
                self._heal()
        except Violation as found:
            violation = found
        except Exception as error:
            violation = Violation("core_raised", f"{type(error).__name__}: {error}")
            trace = traceback.format_exc()
            if self.checks.ignores("core_raised"):
                violation = None
        finally:
            self._count_disks()
            self.close()
        self.counted["elections"] = self.checks.elections
        self.counted["logs cut"] = self.checks.cuts
        return Outcome(
            self.plan,
            violation,
            trace,
            self.steps,
            self.now,
            self._digest_recorded(),
            dict(self.counted),
            len(self.checks.committed) - 1,
            len(self.clients.acknowledged),
            (self.now - self._healed_at) / self.plan.timeout_us,
        )

    def close(self) -> None:
        """Leave nothing behind."""
        for disk in self.disks.values():
            disk.close()
        self.blocks.close()

    def _count_disks(self) -> None:
        for disk in self.disks.values():
            self.counted.update(disk.counted)
        for node in self.processes.values():
            add_dropped(self.counted, node)
        self.counted["members truncated"] = self.checks.members_cut

    def run_for(self, simulated_us: int) -> None:
        """Play on until this much time has passed, without healing."""
        end = self.now + simulated_us
        while self.now < end:
            if self.now >= self._strikes_us:
                self._strike()
            self._step()

    def _step(self) -> None:
        """One event."""
        time, _, kind, name, boot, value = heappop(self._events)
        if time > self.now:
            self.now = time
        node = self.processes.get(name)
        if name and (node is None or (boot and boot != node.boot)):
            if kind in ("restart", "mend", "unpause", "fast"):
                self._mend(kind, name, boot, value)
            return
        if self._paused and name in self._paused and kind not in ("unpause", "mend", "fast"):
            self._push(max(self._paused[name] - self.now, 1), kind, name, boot, value)
            return
        if name:
            self.steps += 1
        try:
            self._dispatch(kind, name, boot, node, value)
        except Killed:
            self.counted["killed at a point"] += 1
            lasts = 1 + int(self.plan.timeout_us * self._crash_draw.random() ** 4)
            self._crash(name, lasts)
        except StoreError as error:
            self._disk_failed(name, error)
        self._record(kind, name)
        if name and self.steps % DEEP_EVERY == 0:
            for each in self.processes.values():
                self.checks.deep(each)

    def _dispatch(self, kind: str, name: str, boot: int, node: Process | None, value: Any) -> None:
        if node is None:
            if kind == "client":
                self.clients.act(more=not self.is_calm)
                self._push(CALM_CLIENT_US if self.is_calm else self.plan.client_us, "client", "", 0, None)
            elif kind == "reader":
                self.clients.ask()
                self._push(CALM_CLIENT_US if self.is_calm else self.plan.read_us, "reader", "", 0, None)
            else:
                self._mend(kind, name, boot, value)
            return
        if self.plan.sleeps and kind in _TOLD_OF_TICKS:
            node.count()
        if kind == "message":
            self._deliver(node, value)
        elif kind in _OWN:
            _OWN[kind](node)
        elif kind == "forward":
            for transaction in value:
                node.submit(transaction)
        elif kind == "clock":
            node.app.heard_clock(value)
        elif kind == "absurd":
            self._tell_in_vain(node, value, node.raft.step)
        elif kind == "posed":
            if node.raft.has_left(value.sender):
                self.counted["posed by a member that has left"] += 1
                self._tell_in_vain(node, value, node.hear)
        elif kind == "transfer":
            node.transfer(value)
        else:
            self._mend(kind, name, boot, value)

    def _disk_failed(self, name: str, error: StoreError) -> None:
        """A write or a read failed: the node stops, and is started again some time later."""
        node = self.processes.get(name)
        if node is None or node.stopped:
            return
        self.counted[f"found: {error.message}"] += 1
        node.disk_failed(str(error))
        lasts = 1 + int(self.plan.timeout_us * self._crash_draw.random())
        self._push(lasts, "fast", name, 0, "restart" if self.disks[name].is_failing else "repair")

    def _deliver(self, node: Process, message: Message) -> None:
        if self.plan.through_bytes:
            message = from_value(to_value(message))
        if self.observes:
            observe(self.counted, node, message)
        if isinstance(message, Vote):
            before = node.raft.vote == message.sender and node.raft.term == message.term
            node.hear(message)
            self.checks.answered(node, message, before)
        else:
            node.hear(message)
        node.wake()

    def _tell_in_vain(self, node: Process, message: Message, tell: Callable[[Message], None]) -> None:
        before = self._visible(node)
        tell(message)
        self.checks.obeyed(node, before, self._visible(node))
        self.checks.after(node)
        node.wake()

    @staticmethod
    def _visible(node: Process) -> tuple[object, ...]:
        raft = node.raft
        return (raft.hard, raft.role, raft.leader, raft.commit, raft.last_index, raft.last_term, raft.elapsed)

    def _record(self, kind: str, name: str) -> None:
        node = self.processes.get(name)
        event = _KINDS[kind] * 32 + self._number.get(name, 31)
        if node is None:
            self._recorded += (self.now, event)
        else:
            raft = node.raft
            log = raft.log
            self._recorded += (
                self.now, event, raft.hard.term, raft.commit, log.last_index, log.persisted
            )  # fmt: skip
        if len(self._recorded) > RECORDED_NUMBERS:
            self._digest_recorded()

    def _digest_recorded(self) -> str:
        self._digest.update(pack(f"<{len(self._recorded)}Q", *self._recorded))
        self._recorded.clear()
        return self._digest.hexdigest()

    def _strike(self) -> None:
        """Let the faults happen whose step has come."""
        while self._next_fault < len(self._faults) and self._faults[self._next_fault].at_us <= self.now:
            fault = self._faults[self._next_fault]
            self._next_fault += 1
            self.counted[fault.kind] += 1
            self._carry_out(fault)
        is_over = self._next_fault == len(self._faults)
        self._strikes_us = NEVER_US if is_over else self._faults[self._next_fault].at_us

    def _carry_out(self, fault: Fault) -> None:
        lasts = max(fault.lasts_us, 1)
        change = self._change_of_places(fault)
        if fault.kind == CUT:
            links = [(change.get(one, one), change.get(other, other)) for one, other in fault.links]
            for link in links:
                self.network.cuts[link] += 1
            self._push(lasts, "mend", "", 0, links)
            return
        if fault.kind == CHANGE:
            if isinstance(self.blocks, LedgerBlocks):
                if self.plan.poses_ppm and any(number > FIRST_CHANGE for number in self.clients.waiting):
                    return  # adopted the other way round, the earlier one could bring somebody back
                self._changes += 1
                self.blocks.adopt(FIRST_CHANGE + self._changes, fault.nodes, fault.count, fault.learners)
                self.clients.adopt(FIRST_CHANGE + self._changes)
            else:
                self.wanted = (fault.nodes, fault.count, fault.learners)
            return
        if fault.kind == TRANSFER:
            for name in self.leaders[-1:]:
                self._push(0, "transfer", name, 0, fault.nodes[0])
            return
        for name in [change.get(name, name) for name in fault.nodes]:
            if name in self.processes:
                self._hit(fault, self.processes[name], lasts)

    def _hit(self, fault: Fault, node: Process, lasts: int) -> None:
        """One node has this fault."""
        name = node.name
        if fault.kind == CRASH:
            self._crash(name, lasts)
        elif fault.kind == CRASH_AT:
            node.armed = (fault.point, fault.count)
        elif fault.kind == PAUSE:
            self._paused[name] = self.now + lasts
            self._push(lasts, "unpause", name, 0, None)
        elif fault.kind == DISK_FAILURE:
            node.fails_next_write = True
            self._push(lasts, "fast", name, 0, "restart")
        elif fault.kind == SLOW_DISK:
            node.slow = 50
            self._push(lasts, "fast", name, 0, None)
        elif fault.kind == CLOCK_JUMP:
            self._wall_us[name] = fault.count
        elif fault.kind == SNAPSHOT:
            node.make_snapshot()
        elif fault.kind == BIT_FLIP:
            self.disks[name].flip_bit(self._crash_draw)
            self._push(lasts, "fast", name, 0, "reopen")
        elif fault.kind in (WIPE, LOST_TAIL):
            self._crash(name, lasts)
            if fault.kind == WIPE:
                self.disks[name].wipe()
                self.checks.wiped(name)
            else:
                self.disks[name].lose_tail(self._crash_draw)

    def _change_of_places(self, fault: Fault) -> dict[str, str]:
        leaders = self.leaders
        if not fault.hits_leader or not leaders or not fault.nodes:
            return {}
        return {fault.nodes[0]: leaders[-1], leaders[-1]: fault.nodes[0]}

    def _mend(self, kind: str, name: str, boot: int, value: Any) -> None:
        node = self.processes.get(name)
        if kind == "restart" and node is None and self.disks[name].boot == boot:
            self._start(name)
        elif kind == "mend" and not self.is_calm:
            for link in value:
                self.network.cuts[link] -= 1
        elif kind == "unpause" and self._paused.get(name, self.now + 1) <= self.now:
            del self._paused[name]
        elif kind == "fast" and node is not None:
            node.slow = 1
            if (value in ("restart", "repair") and node.stopped) or value == "reopen":
                self._crash(name, 1)
                if value == "repair":
                    self._repair(name)

    def _crash(self, name: str, lasts_us: int) -> None:
        """A process ends at once; a part of what its disk was told survives."""
        self.counted["crashes"] += 1
        add_dropped(self.counted, self.processes.pop(name))
        self._paused.pop(name, None)
        disk = self.disks[name]
        disk.crash(self._crash_draw)
        if name == self.plan.liar and FORGETS in self.plan.lies:
            disk.rewind(self._crash_draw)
        self._push(lasts_us, "restart", name, disk.boot, None)

    def _start(self, name: str) -> None:
        try:
            node = Process(self, name, self.disks[name], self.core)
        except StoreError as error:
            self.counted["damage found at start"] += 1
            self.checks.damaged(name, str(error))
            self._repair(name)
            node = Process(self, name, self.disks[name], self.core)
        self.processes[name] = node
        node.note_installed()
        if node.raft.last_index > node.raft.commit > 0:
            self.counted["started above what is applied"] += 1
        self.checks.started(node)
        self.after(self._crash_draw.randrange(self.plan.tick_us), "tick", node)

    def _repair(self, name: str) -> None:
        """The operator lets a node begin anew whose disk is damaged."""
        self.disks[name].repair()
        self.counted["repaired"] += 1

    def _heal(self) -> None:
        """End all disturbances; the cluster must agree and go on within bounded time."""
        self.is_calm = True
        self._healed_at = self.now
        self.network.cuts.clear()
        self._paused.clear()
        self._wall_us = dict.fromkeys(self.plan.everyone, 0)
        self.clients.reads.clear()
        for name in self.plan.everyone:
            node = self.processes.get(name)
            if node is not None and node.stopped and not self.disks[name].is_failing:
                self._crash(name, 1)
                self._repair(name)
            elif node is not None and (
                node.stopped or node.fails_next_write or node.raft.refusal is not None
            ):
                self._crash(name, 1)
            elif node is not None:
                node.slow = 1
                node.armed = None
        for name in self.plan.everyone:
            if name not in self.processes:
                self._start(name)
        deadline = self.now + HEALING_TIMEOUTS * self.plan.timeout_us + 2 * self.plan.late_us
        check_at = self.now
        while not (self.now >= check_at and self._agrees()):
            if self.now >= check_at:
                check_at = self.now + self.plan.timeout_us // 4
                if self.now > deadline:
                    self.checks.fail("liveness", self._disagreement())
                    return
            self._step()
        for name in self.processes[self.leaders[0]].raft.configuration.members:
            node = self.processes[name]
            self.checks.deep(node)
            try:
                if self.court is not None:
                    self.court.at_the_end(())
                self.checks.at_the_end(node, self.clients.acknowledged)
            except StoreError:
                self.counted["damage found at the end"] += 1

    def _judge_lies(self) -> None:
        """Nothing heals among liars; what counts is who is named."""
        court = self.court
        assert court is not None, "lies are told about real blocks"
        broken = {"state_machine_safety", "lost", "doubled", "committed_truncated"} & set(self.checks.ignored)
        court.at_the_end(broken, had_usurper=USURPS in self.plan.lies)
        self.counted["runs that broke a promise"] += bool(broken)
        self.counted.update({f"lie: {kind}": count for (kind, _), count in court.lies.items()})
        self.counted.update({f"proved: {kind}": count for (kind, _), count in court.proved.items()})

    def _agrees(self) -> bool:
        """One leader, the members that are wanted, equal logs wholly committed, and nobody waits."""
        leaders = self.leaders
        if self.clients.waiting or len(leaders) != 1:
            return False
        lead = self.processes[leaders[0]]
        members = lead.raft.configuration
        if members != self._wanted_by(lead):
            return False
        if any(name not in self.processes for name in members.members):
            return False
        if self.plan.read_us and any(not self.clients.reads.get(name) for name in members.members):
            return False
        nodes = [self.processes[name] for name in members.members]
        end = (lead.raft.term, lead.name, lead.raft.last_index, lead.raft.last_index, lead.raft.last_index)
        return all(
            (node.raft.term, node.raft.leader, node.raft.last_index, node.raft.commit, node.app.applied)
            == end
            for node in nodes
        )

    def _wanted_by(self, lead: Process) -> Configuration:
        if isinstance(lead.app, LedgerApplication):
            return lead.app.wanted_members()
        voters, quorum, learners = self.wanted
        return Configuration(voters, quorum, (), 0, learners)

    def _disagreement(self) -> str:
        lines = [f"{len(self.clients.waiting)} clients wait"]
        for name, node in self.processes.items():
            raft = node.raft
            lines.append(
                f"{name} {raft.role} of term {raft.term}, leader {raft.leader}, log {raft.last_term}/"
                f"{raft.last_index}, persisted {raft.log.persisted}, commit {raft.commit}, "
                f"applied {node.app.applied}, reads {self.clients.reads.get(name, 0)}, "
                f"members {' '.join(raft.configuration.voters)} - {' '.join(raft.configuration.outgoing)} - "
                f"{' '.join(raft.configuration.learners)} from {raft.configuration_index}"
                f"{', mute' if raft.is_mute else ''}"
            )
        return "; ".join(lines)


def _blocks_of(plan: Plan) -> Blocks:
    if plan.blocks == OPAQUE:
        return OpaqueBlocks()
    return LedgerBlocks(plan.names, plan.quorum, plan.everyone, on_disk=plan.blocks == LEVELDB)
