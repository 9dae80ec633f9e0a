"""Many seeds, one after the other: what was disturbed, what was found, how fast it went."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field, fields
from time import process_time
from typing import Any

from consensus import Entry, Message, Raft, Ready
from simulator.checks import Checks
from simulator.plan import OPAQUE, Fault, Plan, lying_plan_of, plan_of, restricted
from simulator.process import Process
from simulator.world import Outcome, World


@dataclass(slots=True)
class Campaign:
    """The sum of many runs."""

    seeds: int = 0
    steps: int = 0
    simulated_us: int = 0
    cpu_s: float = 0.0
    committed: int = 0
    acknowledged: int = 0
    counted: Counter[str] = field(default_factory=Counter)
    failures: list[Outcome] = field(default_factory=list)

    def add(self, outcome: Outcome) -> None:
        """One more run."""
        self.seeds += 1
        self.steps += outcome.steps
        self.simulated_us += outcome.simulated_us
        self.committed += outcome.committed
        self.acknowledged += outcome.acknowledged
        self.counted.update(outcome.counted)
        if outcome.violation is not None:
            self.failures.append(outcome)


def run_campaign(
    seeds: Iterable[int],
    *,
    steps: int,
    nodes: tuple[int, int] = (3, 7),
    blocks: Callable[[int], str] = lambda seed: OPAQUE,
    kinds: Collection[str] | None = None,
    liars: bool = False,
    core: type[Raft] = Raft,
    only: Collection[str] | None = None,
    seen: Callable[[Outcome], bool] = lambda outcome: True,
    tracer: Callable[[dict[str, Any]], None] | None = None,
) -> Campaign:
    """Play these seeds; `seen` gets each outcome and says whether to go on."""
    campaign = Campaign()
    began = process_time()
    for seed in seeds:
        if liars:
            plan = lying_plan_of(seed, steps=steps, nodes=nodes)
        else:
            plan = plan_of(seed, steps=steps, nodes=nodes, blocks=blocks(seed))
        if kinds is not None:
            plan = restricted(plan, kinds)
        outcome = World(plan, core=core, only=only, tracer=tracer).run()
        campaign.add(outcome)
        if not seen(outcome):
            break
    campaign.cpu_s = process_time() - began
    return campaign


def describe_plan(plan: Plan) -> str:
    """A plan as Python that makes it again, without what is as by default."""
    given = [
        f"{each.name}={getattr(plan, each.name)!r}"
        for each in fields(Plan)
        if each.name != "faults" and getattr(plan, each.name) != each.default
    ]
    faults = "".join([f"\n    {_describe_fault(fault)}," for fault in plan.faults])
    return f"Plan({', '.join(given)}, faults=({faults}\n))"


def _describe_fault(fault: Fault) -> str:
    given = [
        f"{each.name}={getattr(fault, each.name)!r}"
        for each in fields(Fault)
        if getattr(fault, each.name) != each.default
    ]
    return f"Fault({', '.join(given)})"


def describe(outcome: Outcome) -> str:
    """A failure as a person needs it: the rule, the seed, and how far it came."""
    lines = [
        f"seed {outcome.plan.seed}: {outcome.violation} (after {outcome.steps} steps, "
        f"{outcome.simulated_us / 1e6:.3f} s, digest {outcome.digest})"
    ]
    if outcome.trace:
        lines.append(outcome.trace.rstrip())
    return "\n".join(lines)


class Unjudged(Checks):
    """No checks in the hot path: for measuring the core and its caller alone."""

    def after(self, node: Process) -> None:
        """Nothing."""

    def signs(self, node: Process, term: int, index: int, entry_hash: bytes) -> None:
        """Nothing."""

    def sent(self, node: Process, message: Message) -> None:
        """Nothing."""

    def handed(self, node: Process, ready: Ready) -> None:
        """Nothing."""

    def applied(self, node: Process, block: Entry) -> None:
        """Nothing."""

    def acknowledged(self, number: int, node: str) -> None:
        """Nothing."""

    def deep(self, node: Process) -> None:
        """Nothing."""


@dataclass(frozen=True, slots=True)
class Speed:
    """How much faster than the world a simulated cluster runs."""

    load: str
    judged: bool
    simulated_s: float
    cpu_s: float
    steps: int
    acknowledged: int

    @property
    def ratio(self) -> float:
        """Simulated seconds for each second of CPU."""
        return self.simulated_s / self.cpu_s


def measure_speed(load: str, client_us: int, simulated_s: float, *, judged: bool, nodes: int = 5) -> Speed:
    """Run a healthy cluster with a node's usual settings (ticks of 25 ms, 500 ms to an election)."""
    plan = Plan(
        1, nodes=nodes, quorum=nodes // 2 + 1, tick_us=25_000, client_us=client_us, leader_ppm=1_000_000
    )
    world = World(plan, judge=Checks if judged else Unjudged, observes=judged)
    world.run_for(4 * plan.timeout_us)
    steps, before = world.steps, len(world.clients.acknowledged)
    began = process_time()
    world.run_for(int(simulated_s * 1_000_000))
    cpu_s = process_time() - began
    acknowledged = len(world.clients.acknowledged) - before
    return Speed(load, judged, simulated_s, cpu_s, world.steps - steps, acknowledged)
