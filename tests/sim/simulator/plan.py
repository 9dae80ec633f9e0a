"""A run before it happens: everything about it follows from a `Plan`, and a plan from a seed.

Swarm testing: each seed switches every kind of fault on or off by its own coin and draws its
strength, and draws small windows and page sizes of the core as well. A run with a few faults
in strength finds what a run with all of them at once drowns.

Disturbances of two kinds:

    ambient    probabilities and spreads that hold for the whole run (loss, delay, slow disks,
               clock rates, late reports, forged messages, blocks that are refused)
    faults     single events at a time (`Fault`): crashes, cuts, pauses, disks that
               fail. They are a plain list, so that a failing plan can be shrunk by leaving
               some of them out.

Times are microseconds of the simulated clock, probabilities parts per million.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, fields, replace
from random import Random
from typing import Any

TICK_US = 10_000
FORKS, WRONG_ROOT, DOUBLE_VOTE, DOUBLE_ACK, USURPS, WITHHOLDS, FORGETS = LIES = (
    "forks",
    "wrong root",
    "double vote",
    "double ack",
    "usurps",
    "withholds",
    "forgets",
)
"""What a lying node does; see `adversary.py`."""

OPAQUE, REAL, LEVELDB = "opaque", "real", "leveldb"
"""What blocks are: opaque; real on the model of a disk; real on LevelDB in a folder."""

(
    CRASH,
    CRASH_AT,
    CUT,
    PAUSE,
    DISK_FAILURE,
    SLOW_DISK,
    BIT_FLIP,
    CLOCK_JUMP,
    WIPE,
    LOST_TAIL,
    CHANGE,
    TRANSFER,
    SNAPSHOT,
) = (
    "crash",
    "crash at a point",
    "cut",
    "pause",
    "disk failure",
    "slow disk",
    "bit flip",
    "clock jump",
    "wiped disk",
    "durable entries lost",
    "change of members",
    "transfer",
    "snapshot",
)
SMALL_JUMP_US = 25_000_000
LARGE_JUMP_US = 200_000_000
"""Further than any two honest clocks are apart; with several of them a quorum of clocks is wrong."""
MAX_FAR_JUMPS = 4
POINTS = (
    "amid sending",
    "handed to the disk",
    "durable",
    "hard reported",
    "sent",
    "reported",
    "applied",
    "snapshot fetched",
    "snapshot stored",
)
"""Places between two effects of a node at which it can be killed; see `process.py`."""

Link = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that happens, and how long it lasts."""

    at_us: int
    kind: str
    nodes: tuple[str, ...] = ()
    lasts_us: int = 0
    links: tuple[Link, ...] = ()
    point: str = ""
    count: int = 0
    """The how-manieth passage of `point` kills the node; the microseconds of a jump."""
    hits_leader: bool = False
    """The leader of that moment and the first node named change places in this fault."""
    learners: tuple[str, ...] = ()
    """Of a change, whose voters are `nodes` and whose quorum is `count`."""


@dataclass(frozen=True, slots=True)
class Plan:
    """All that a run depends on."""

    seed: int
    nodes: int = 3
    quorum: int = 2
    """Acknowledgements that commit: from a majority to all nodes but one."""
    spares: int = 0
    """Nodes that are no members at first."""
    steps: int = 2_000
    """Steps with disturbances; healing comes after them."""

    blocks: str = OPAQUE
    victims: tuple[str, ...] = ()
    """Nodes whose disks may be damaged; without them the others are still a quorum."""

    liar: str = ""
    """A node that lies, and how (`adversary.py`)."""
    lies: tuple[str, ...] = ()

    loss_ppm: int = 0
    duplicate_ppm: int = 0
    delay_us: int = 400
    spread_us: int = 400
    late_ppm: int = 0
    late_us: int = 0
    """Some messages are this much later."""
    replay_ppm: int = 0
    """A message sent at any time before comes again."""
    forge_ppm: int = 0
    in_order: bool = False
    """Links keep the order of messages, as TCP does."""
    through_bytes: bool = False
    """Messages pass through their plain form."""

    timeouts: int = 0
    """How many different election timeouts are drawn; few make split votes. 0: the core's range."""
    tick_us: int = TICK_US
    skew_ppm: int = 0
    """Clocks run faster or slower by up to this."""
    wall_us: int = 0
    """Wall clocks differ from each other by up to twice this."""
    disk_us: int = 300
    disk_spread_us: int = 300
    report_us: int = 0
    """Durable writes are reported up to this much later."""
    reproduce_us: int = 50
    group: int = 16
    """Most entries in one write."""
    turn_us: int = 0
    """Inputs of this stretch are taken in before output is asked for."""
    sleeps: bool = False
    """Idle nodes count their ticks late (`late_clock.py`)."""
    gathers_us: int = 0
    """For so long after a commit a leader holds the news of it back, for the next block to tell it."""
    poses_ppm: int = 0
    """Who has left the members never returns, and is believed no more, whatever it says (CR-61); with 0
    anybody may return."""
    refuse_ppm: int = 0
    """Blocks that a node cannot reproduce, by node and block."""

    client_us: int = 4_000
    """Between two proposals."""
    leader_ppm: int = 0
    """Proposals that go straight to a node that takes itself for the leader."""
    read_us: int = 0
    """Between two linearizable reads; 0 for none."""
    snapshot_every: int = 0
    """Applied blocks between two snapshots that a node makes by itself; 0 for none."""
    snapshot_fails_ppm: int = 0
    snapshot_lag: int = 2_000
    promotion_lag: int = 64
    window: int = 16
    block_transactions: int = 3
    payload_bytes: int = 16

    election_ticks: int = 20
    heartbeat_ticks: int = 4
    max_append_entries: int = 16
    max_append_bytes: int = 1_000_000
    max_inflight: int = 32
    max_inflight_entries: int = 32
    max_inflight_bytes: int = 1_000_000
    max_uncommitted_entries: int = 48
    max_uncommitted_bytes: int = 1_000_000

    faults: tuple[Fault, ...] = field(default=())

    @property
    def names(self) -> tuple[str, ...]:
        """The nodes that are members from the start."""
        return tuple(f"n{number}" for number in range(1, self.nodes + 1))

    @property
    def everyone(self) -> tuple[str, ...]:
        """All nodes, members and others."""
        return tuple(f"n{number}" for number in range(1, self.nodes + self.spares + 1))

    @property
    def timeout_us(self) -> int:
        """The longest election timeout."""
        return 2 * self.election_ticks * self.tick_us


def plan_of(
    seed: int,
    *,
    steps: int = 2_000,
    nodes: tuple[int, int] = (3, 7),
    blocks: str = OPAQUE,
    driven: bool = True,
) -> Plan:
    """The plan that a seed stands for; `nodes` is the least and the greatest number of them.

    Without what a driver adds (`driven`) a seed is what it was when there was nothing of that.
    """
    draw = Random(f"plan {seed}")

    def on(share: float = 0.5) -> bool:
        return draw.random() < share

    def upto(most: int, share: float = 0.5) -> int:
        """0 or, by chance, from a hundredth of `most` to all of it."""
        return int(most * 10 ** (-2 * draw.random())) if on(share) else 0

    sizes = [size for size in (3, 3, 3, 5, 5, 4, 6, 7) if nodes[0] <= size <= nodes[1]]
    count = draw.choice(sizes or [nodes[0]])
    majority = count // 2 + 1
    quorum = majority if on(0.8) else draw.randint(majority, count - 1 if count > 2 else count)
    small = on(0.4)
    election = draw.choice((3, 4, 6, 10))
    timeout_us = election * TICK_US

    def part(*shares: float) -> int:
        """One of these shares of the shortest election timeout, in microseconds."""
        return max(int(timeout_us * draw.choice(shares)), 1)

    plan = Plan(
        seed,
        nodes=count,
        quorum=quorum,
        steps=steps,
        loss_ppm=upto(300_000),
        duplicate_ppm=upto(200_000),
        delay_us=part(0.002, 0.01, 0.05),
        spread_us=part(0, 0.02, 0.1, 0.3),
        late_ppm=upto(100_000),
        late_us=part(0.5, 2, 10),
        replay_ppm=upto(50_000, 0.4),
        forge_ppm=upto(100_000, 0.4),
        in_order=on(0.3),
        through_bytes=on(0.25),
        timeouts=draw.choice((0, 0, 0, 1, 2)),
        skew_ppm=upto(400_000),
        disk_us=part(0.002, 0.01, 0.05),
        disk_spread_us=part(0, 0.02, 0.1, 0.3),
        report_us=upto(timeout_us // 4),
        reproduce_us=part(0, 0.01, 0.05),
        group=draw.choice((1, 4, 16)),
        turn_us=draw.choice((0, 0, part(0.01, 0.05))),
        refuse_ppm=upto(50_000, 0.2),
        client_us=part(0.02, 0.1, 0.3),
        leader_ppm=draw.choice((0, 300_000, 900_000)),
        window=draw.choice((1, 4, 16, 60)),
        block_transactions=draw.choice((1, 3)),
        payload_bytes=draw.choice((1, 16, 120)),
        election_ticks=election,
        heartbeat_ticks=draw.choice((1, 1, election // 2)),
        max_append_entries=draw.choice((1, 2, 4)) if small else 16,
        max_append_bytes=draw.choice((1, 200)) if small else 1_000_000,
        max_inflight=draw.choice((1, 2, 5)) if small else 32,
        max_inflight_entries=draw.choice((1, 3, 8)) if small else 32,
        max_inflight_bytes=draw.choice((50, 500)) if small else 1_000_000,
        max_uncommitted_entries=draw.choice((2, 8, 48)),
        max_uncommitted_bytes=draw.choice((300, 1_000_000)),
    )
    plan = _with_faults(_with_operations(_with_blocks(plan, blocks)), draw)
    return _as_driven(plan) if driven else plan


def _with_blocks(plan: Plan, blocks: str) -> Plan:
    if blocks == OPAQUE:
        return plan
    draw = Random(f"blocks {plan.seed}")
    return replace(
        plan,
        blocks=blocks,
        wall_us=draw.choice((0, 1_000, 1_000_000, SMALL_JUMP_US)),
    )


def _with_operations(plan: Plan) -> Plan:
    """What operators and readers do."""
    draw = Random(f"operations {plan.seed}")
    chosen = replace(
        plan,
        victims=plan.names[: draw.randrange(plan.nodes - plan.quorum + 1)],
        read_us=int(plan.client_us * draw.choice((0.5, 2, 5))) if draw.random() < 0.5 else 0,
        promotion_lag=draw.choice((1, 4, 64)),
    )
    spares = draw.choice((0, 0, 1, 2)) if plan.nodes < 7 else 0
    if plan.blocks != OPAQUE:
        return _with_real_snapshots(replace(chosen, spares=spares if plan.blocks == REAL else 0))
    return replace(
        chosen,
        spares=spares,
        snapshot_every=draw.choice((3, 10, 40)) if draw.random() < 0.4 else 0,
        snapshot_fails_ppm=draw.choice((0, 0, 300_000)),
        snapshot_lag=draw.choice((1, 5, 20, 2_000)),
    )


def _with_real_snapshots(plan: Plan) -> Plan:
    draw = Random(f"real snapshots {plan.seed}")
    if plan.blocks != REAL or draw.random() < 0.5:
        return plan
    return replace(
        plan,
        snapshot_every=draw.choice((3, 10, 40)),
        snapshot_fails_ppm=draw.choice((0, 0, 100_000)),
        snapshot_lag=draw.choice((1, 5, 20)),
    )


def _with_faults(plan: Plan, draw: Random) -> Plan:
    kinds = [kind for kind in (CRASH, CRASH_AT, CRASH_AT, CUT, CUT, PAUSE) if draw.random() < 0.55]
    kinds += [kind for kind in (DISK_FAILURE, SLOW_DISK) if draw.random() < 0.25]
    apart = Random(f"faults {plan.seed}")
    kinds += [kind for kind in (TRANSFER,) if apart.random() < 0.3]
    if plan.blocks != LEVELDB:
        kinds += [kind for kind in (CHANGE, CHANGE) if apart.random() < 0.3]
    if plan.blocks == OPAQUE:
        kinds += [kind for kind in (SNAPSHOT,) if apart.random() < 0.3]
    kinds += [kind for kind in (WIPE, LOST_TAIL) if plan.victims and apart.random() < 0.2]
    if plan.blocks != OPAQUE:
        kinds += [kind for kind in (BIT_FLIP,) if plan.victims and draw.random() < 0.7]
        kinds += [kind for kind in (CLOCK_JUMP,) if draw.random() < 0.4]
    gap_us = int(plan.timeout_us * draw.choice((0.2, 0.5, 1.0)))
    faults: list[Fault] = []
    at_us = draw.randrange(2 * gap_us)
    if CHANGE in kinds:  # who is mute for ever may be the one that a change waits for
        kinds = [kind for kind in kinds if kind not in (WIPE, LOST_TAIL, BIT_FLIP)]
    while kinds and len(faults) < plan.steps // 20:
        faults.append(_fault(plan, draw, draw.choice(kinds), at_us))
        at_us += 1 + draw.randrange(2 * gap_us)
    if CLOCK_JUMP in kinds:
        faults += _far_jumps(plan, at_us)
    return replace(plan, faults=tuple(faults))


def _far_jumps(plan: Plan, until_us: int) -> list[Fault]:
    """Clocks of several nodes that are far off at once, ahead or behind, in half of the plans."""
    draw = Random(f"far jumps {plan.seed}")
    if draw.random() < 0.5:
        return []
    return [
        Fault(
            draw.randrange(until_us),
            CLOCK_JUMP,
            (draw.choice(plan.everyone),),
            count=draw.choice((-LARGE_JUMP_US, LARGE_JUMP_US)),
        )
        for _ in range(draw.randint(1, MAX_FAR_JUMPS))
    ]


def _fault(plan: Plan, draw: Random, kind: str, at_us: int) -> Fault:
    names = plan.everyone
    lasts = int(plan.timeout_us * draw.choice((0.02, 0.4, 0.8, 1.6)) * (0.5 + draw.random()))
    leader = draw.random() < 0.5
    order = draw.sample(names, len(names))
    if kind == CUT:
        links = _links(order, draw)
        return Fault(at_us, kind, tuple(order[:1]), lasts, links=links, hits_leader=leader)
    if kind == CRASH:
        together = draw.choice((1, 1, 1, 2, len(names)))
        return Fault(at_us, kind, tuple(order[:together]), lasts, hits_leader=leader)
    if kind in (BIT_FLIP, WIPE, LOST_TAIL):
        return Fault(at_us, kind, (draw.choice(plan.victims),), lasts)
    if kind == CLOCK_JUMP:
        far = draw.random() < 0.2
        jump = LARGE_JUMP_US if far else draw.randint(-SMALL_JUMP_US, SMALL_JUMP_US)
        return Fault(at_us, kind, (order[0],), lasts, count=jump)
    if kind == CHANGE:
        return _change(plan, draw, at_us)
    if kind == TRANSFER:
        return Fault(at_us, kind, (draw.choice(plan.everyone),))
    point = draw.choice(POINTS) if kind == CRASH_AT else ""
    count = draw.choice((1, 1, 2, 5)) if kind == CRASH_AT else 0
    return Fault(at_us, kind, tuple(order[:1]), lasts, point=point, count=count, hits_leader=leader)


def _change(plan: Plan, draw: Random, at_us: int) -> Fault:
    """Other voters: few or many changed at once. Those whose disks may be damaged can all be missing."""
    everyone = list(plan.everyone)
    draw.shuffle(everyone)
    sound = [name for name in everyone if name not in plan.victims]
    while True:
        voters = everyone[: draw.randint(1, min(7, len(everyone)))]
        quorum = len(voters) // 2 + 1
        if len(voters) > 2 and draw.random() < 0.2:
            quorum = len(voters) - 1
        if len([name for name in voters if name in sound]) >= quorum:
            break
        draw.shuffle(everyone)
    others = [name for name in everyone if name not in voters]
    learners = draw.sample(others, draw.randint(0, len(others)))
    return Fault(at_us, CHANGE, tuple(sorted(voters)), count=quorum, learners=tuple(sorted(learners)))


def _as_driven(plan: Plan) -> Plan:
    """What a node's driver does beside carrying out what the core says, each in half of the plans."""
    draw = Random(f"driver {plan.seed}")
    plan = replace(
        plan,
        sleeps=draw.random() < 0.5,
        gathers_us=int(plan.timeout_us * draw.choice((0.001, 0.01, 0.1))) if draw.random() < 0.5 else 0,
    )
    is_changed = any(fault.kind == CHANGE for fault in plan.faults)
    return _departing(plan, draw.choice((5_000, 50_000))) if is_changed and draw.random() < 0.5 else plan


def _departing(plan: Plan, poses_ppm: int) -> Plan:
    """The plan, but that nobody who was left out of a change is in a later one."""
    members, gone = set(plan.names), set[str]()
    faults: list[Fault] = []
    for fault in plan.faults:
        if fault.kind == CHANGE:
            voters = tuple(name for name in fault.nodes if name not in gone)
            sound = [name for name in voters if name not in plan.victims]
            quorum = max(len(voters) // 2 + 1, min(fault.count, len(voters) - 1))
            if len(sound) < quorum:
                continue
            learners = tuple(name for name in fault.learners if name not in gone)
            gone |= members.difference(voters, learners)
            members = {*voters, *learners}
            fault = replace(fault, nodes=voters, count=quorum, learners=learners)
        faults.append(fault)
    return replace(plan, poses_ppm=poses_ppm, faults=tuple(faults))


def _links(shuffled: list[str], draw: Random) -> tuple[Link, ...]:
    """What a partition cuts: whole halves, one node, one way only, a bridge, single links."""
    names = shuffled
    shape = draw.randrange(6)
    if shape == 0:
        half = draw.randrange(1, len(names))
        return _between(shuffled[:half], shuffled[half:])
    if shape == 1:
        return _between(shuffled[:1], shuffled[1:])
    if shape == 2:
        return tuple((shuffled[0], other) for other in shuffled[1:])
    if shape == 3:
        return tuple((other, shuffled[0]) for other in shuffled[1:])
    if shape == 4:
        middle = len(names) // 2
        return _between(shuffled[:middle], shuffled[middle + 1 :])
    every = [(one, other) for one in names for other in names if one != other]
    return tuple(draw.sample(every, draw.randrange(1, len(every))))


def lying_plan_of(seed: int, *, steps: int = 2_000, nodes: tuple[int, int] = (3, 7)) -> Plan:
    """A seed's plan with real blocks and one node that lies in ways of its own choice."""
    plan = plan_of(seed, steps=steps, nodes=nodes, blocks=REAL)
    draw = Random(f"lies {seed}")
    lies = tuple(lie for lie in LIES if draw.random() < 0.35) or (draw.choice(LIES),)
    sound = [name for name in plan.names if name not in plan.victims]
    faults = tuple(fault for fault in plan.faults if fault.kind != CHANGE)
    return replace(plan, liar=draw.choice(sound), lies=lies, refuse_ppm=0, faults=faults)


AMBIENT: dict[str, dict[str, int | bool]] = {
    "loss": {"loss_ppm": 0},
    "duplicates": {"duplicate_ppm": 0},
    "delay": {"late_ppm": 0, "spread_us": 1},
    "reordering": {"in_order": True},
    "replay": {"replay_ppm": 0},
    "forgery": {"forge_ppm": 0},
    "skew": {"skew_ppm": 0, "wall_us": 0},
    "late reports": {"report_us": 0, "turn_us": 0},
    "refusals": {"refuse_ppm": 0},
    "former members": {"poses_ppm": 0},
    "late ticks": {"sleeps": False},
    "late news": {"gathers_us": 0},
    "reads": {"read_us": 0},
    "snapshot": {"snapshot_every": 0, "snapshot_fails_ppm": 0},
}
"""Disturbances that hold for a whole run, and what is set where they are off."""
KINDS = tuple(
    sorted(
        {
            *AMBIENT,
            *(CRASH, CRASH_AT, CUT, PAUSE, DISK_FAILURE, SLOW_DISK, BIT_FLIP, CLOCK_JUMP),
            *(WIPE, LOST_TAIL, CHANGE, TRANSFER, SNAPSHOT),
        }
    )
)


def restricted(plan: Plan, kinds: Collection[str]) -> Plan:
    """The plan with only these kinds of faults."""
    changes: dict[str, Any] = {}
    for kind, off in AMBIENT.items():
        if kind not in kinds:
            changes.update(off)
    faults = tuple(fault for fault in plan.faults if fault.kind in kinds)
    return replace(plan, **changes, faults=faults)


def to_json(plan: Plan) -> dict[str, Any]:
    """A plan as a value for JSON, without what is as by default."""
    value = {each.name: getattr(plan, each.name) for each in fields(Plan)}
    value = {each.name: value[each.name] for each in fields(Plan) if value[each.name] != each.default}
    value["faults"] = [
        {
            each.name: getattr(fault, each.name)
            for each in fields(Fault)
            if getattr(fault, each.name) != each.default
        }
        for fault in plan.faults
    ]
    return value


def from_json(value: dict[str, Any]) -> Plan:
    """The plan that a value of JSON stands for."""
    given = {name: tuple(each) if isinstance(each, list) else each for name, each in value.items()}
    given["faults"] = tuple(_fault_from(each) for each in value.get("faults", []))
    return Plan(**given)


def _fault_from(value: dict[str, Any]) -> Fault:
    given = {name: tuple(each) if isinstance(each, list) else each for name, each in value.items()}
    given["links"] = tuple((one, other) for one, other in value.get("links", []))
    return Fault(**given)


def _between(left: list[str], right: list[str]) -> tuple[Link, ...]:
    return tuple(link for one in left for other in right for link in ((one, other), (other, one)))
