"""Whole clusters of the real core under seeded disturbances, and the simulator's own promises.

The seeds here are a short campaign; `scripts/simulate` plays longer ones. The rules that are
judged after every step stand in `simulator/checks.py` with their CR numbers.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from simulator import Plan, World, plan_of
from simulator.campaign import describe, describe_plan, run_campaign
from simulator.coverage import exercised
from simulator.disk import Disk, Work
from simulator.mutants import VotesForBehind
from simulator.plan import CRASH, CUT, OPAQUE, REAL, Fault, from_json, restricted, to_json
from simulator.shrink import shrink
from simulator.violation import Violation

from consensus import Certificate, Entry, HardState
from consensus.conformance import Checker

STEPS = 1_500
HERE = Path(__file__).resolve().parent


@pytest.mark.parametrize("first", range(1, 81, 20))
def test_no_seed_breaks_a_rule(first: int) -> None:
    """CR-01 to CR-50, CR-68 to CR-77, CR-86 to CR-88: safety at every step, then liveness after healing."""
    campaign = run_campaign(range(first, first + 20), steps=STEPS)
    assert not campaign.failures, "\n".join(describe(outcome) for outcome in campaign.failures)
    assert campaign.committed > 40
    assert campaign.acknowledged > 40


def test_a_campaign_disturbs_in_every_way_and_still_elects_and_commits() -> None:
    campaign = run_campaign(range(1_000, 1_050), steps=STEPS)
    assert not campaign.failures, "\n".join(describe(outcome) for outcome in campaign.failures)
    expected = (
        "lost|late|doubled|replayed|forged|cut|pause|crash|crashes|elections|messages|cut off|logs cut|"
        "crash at a point|killed at a point|slow disk|disk failures|blocks refused|refused as Busy|"
        "change of members|changes proposed|transfer|snapshots made|snapshots installed|"
        "reads served|reads failed|wiped disk|durable entries lost|ticks counted together|"
        "news of a commit held back|posed by a member that has left"
    )
    names = expected.split("|")
    assert [name for name in names if campaign.counted[name] == 0] == []
    assert campaign.counted["elections"] > 2 * campaign.seeds, "leaders change"
    assert campaign.counted["logs cut"] > campaign.seeds // 4, "logs diverge and are repaired"


@pytest.mark.parametrize("nodes", [3, 4, 5, 6, 7])
def test_clusters_of_every_size_hold(nodes: int) -> None:
    campaign = run_campaign(range(2_000, 2_003), steps=STEPS, nodes=(nodes, nodes))
    assert not campaign.failures, "\n".join(describe(outcome) for outcome in campaign.failures)


def test_a_long_run_holds() -> None:
    outcome = World(plan_of(31, steps=12_000, nodes=(5, 5))).run()
    assert outcome.violation is None, describe(outcome)
    assert outcome.steps > 12_000


@pytest.mark.parametrize("seed", [70_018, 70_801, 71_133, 71_211])
def test_cr60_clusters_that_their_leader_is_to_leave_go_on(seed: int) -> None:
    """CR-53, CR-60: a leader that removed itself was left with a longer log than those who stayed."""
    outcome = World(plan_of(seed, steps=2_500, driven=False)).run()
    assert outcome.violation is None, outcome.violation


def test_cr86_a_seed_replays_step_for_step_in_another_process() -> None:
    """The digest covers every step; the order in which Python hashes text is different there."""
    seeds = range(3_000, 3_006)
    program = (
        "from simulator import World, plan_of\n"
        f"for seed in range({seeds.start}, {seeds.stop}):\n"
        f"    print(World(plan_of(seed, steps={STEPS})).run().digest)\n"
    )
    path = os.pathsep.join([str(HERE), str(HERE.parent.parent)])
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": "4711"}
    there = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    ).stdout.split()
    here = [World(plan_of(seed, steps=STEPS)).run().digest for seed in seeds]
    assert here == there
    assert len(set(here)) == len(here), "different seeds are different runs"


def test_judging_and_tracing_change_nothing() -> None:
    """The checks look on from outside; so does the tracer."""
    events: list[dict[str, Any]] = []
    plan = plan_of(3_100, steps=STEPS)
    judged = World(plan).run()
    assert World(plan, only=frozenset()).run().digest == judged.digest
    assert World(plan, tracer=events.append).run().digest == judged.digest
    assert {event["node"] for event in events} == set(plan.everyone)
    assert [event["t"] for event in events] == sorted(event["t"] for event in events)


@pytest.mark.parametrize("blocks", [OPAQUE, REAL])
def test_traces_of_simulated_runs_pass_the_checker(blocks: str) -> None:
    """The checker shares no code with the core nor with the rules that are judged here."""
    for seed in range(3_500, 3_505):
        checker = Checker()
        outcome = World(plan_of(seed, steps=800, blocks=blocks), tracer=checker.feed).run()
        assert outcome.violation is None, describe(outcome)
        report = checker.finish()
        assert report.ok, report.violations[:3]


def test_a_failure_is_made_smaller_and_its_plan_can_be_pasted() -> None:
    def play(plan: Plan) -> Any:
        return World(plan, core=VotesForBehind).run()

    failing = next(
        outcome
        for outcome in (play(plan_of(seed, steps=STEPS)) for seed in range(1, 100))
        if outcome.violation is not None and len(outcome.plan.faults) > 12
    )
    assert failing.violation is not None
    smaller = shrink(failing, play)
    assert smaller.violation is not None
    assert smaller.violation.rule == failing.violation.rule
    assert smaller.plan.steps <= failing.steps
    assert len(smaller.plan.faults) < len(failing.plan.faults) // 2
    pasted = eval(describe_plan(smaller.plan), {"Plan": Plan, "Fault": Fault})
    assert pasted == smaller.plan
    assert play(pasted).digest == smaller.digest
    assert World(pasted).run().violation is None, "the real core passes the same plan"


def test_a_plan_goes_through_json_and_replays() -> None:
    for seed in range(3_200, 3_210):
        plan = plan_of(seed, steps=300, blocks=REAL if seed % 3 == 0 else OPAQUE)
        again = from_json(json.loads(json.dumps(to_json(plan))))
        assert again == plan
    assert World(plan).run().digest == World(again).run().digest


def test_a_campaign_can_be_restricted_to_some_kinds_of_faults() -> None:
    plan = restricted(plan_of(3_300, steps=STEPS), [CUT, "loss"])
    assert {fault.kind for fault in plan.faults} <= {CUT}
    assert (plan.duplicate_ppm, plan.forge_ppm, plan.read_us, plan.refuse_ppm) == (0, 0, 0, 0)
    outcome = World(plan).run()
    assert outcome.violation is None, describe(outcome)
    assert outcome.counted.get("crashes", 0) == 0


def test_the_situations_of_nearly_every_requirement_come_up() -> None:
    campaign = run_campaign(range(3_400, 3_440), steps=STEPS)
    assert not campaign.failures, "\n".join(describe(outcome) for outcome in campaign.failures)
    never = {number for number, count in exercised(campaign.counted).items() if count == 0}
    rare = {"CR-19", "CR-27", "CR-30", "CR-53", "CR-60", "CR-65", "CR-66", "CR-67", "CR-71", "CR-72", "CR-84"}
    with_disks = {"CR-35", "CR-81"}
    assert never <= rare | with_disks


def test_a_plan_without_disturbances_elects_once_and_answers_every_client() -> None:
    outcome = World(Plan(7, nodes=5, quorum=3, steps=4_000)).run()
    assert outcome.violation is None, describe(outcome)
    assert outcome.counted["elections"] == 1
    assert outcome.counted.get("logs cut", 0) == 0
    assert outcome.acknowledged > 50


def test_idle_nodes_that_count_their_ticks_late_keep_their_leader_and_miss_a_dead_one() -> None:
    """CR-20, CR-52: as in a node, whose clock sleeps while there is nothing to do."""
    idle = Plan(11, nodes=5, quorum=3, client_us=10**9, sleeps=True, gathers_us=2_000)
    cut_at = 40 * idle.timeout_us
    cut = Fault(cut_at, CUT, ("n1",), 10**12, links_of("mute", idle.names), hits_leader=True)
    world = World(replace(idle, faults=(cut,)))
    world.run_for(cut_at)
    assert world.checks.elections == 1
    assert world.counted["ticks counted together"] > 100
    world.run_for(3 * idle.timeout_us)
    assert world.checks.elections == 2


def test_a_cut_majority_commits_nothing_and_the_rest_goes_on_after_healing() -> None:
    names = ("n1", "n2", "n3")
    every = tuple((one, other) for one in names for other in names if one != other)
    cut = Plan(8, steps=3_000, faults=(Fault(0, CUT, ("n1",), 10**9, links=every),))
    outcome = World(cut).run()
    assert outcome.violation is None, describe(outcome)
    assert outcome.counted["elections"] == 1, "only after healing"
    assert outcome.acknowledged > 0


def links_of(shape: str, names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Cuts around the first node: it does not hear, is not heard, or alone joins two halves."""
    first, *others = names
    half = len(others) // 2
    if shape == "deaf":
        return tuple((other, first) for other in others)
    if shape == "mute":
        return tuple((first, other) for other in others)
    left, right = others[:half], others[half:]
    return tuple(link for one in left for other in right for link in ((one, other), (other, one)))


@pytest.mark.parametrize("nodes", [3, 5])
@pytest.mark.parametrize("shape", ["deaf", "mute", "bridge"])
@pytest.mark.parametrize("hits_leader", [True, False])
def test_cr52_a_leader_exists_and_stays_where_a_quorum_is_connected(
    nodes: int, shape: str, hits_leader: bool
) -> None:
    """CR-52, CR-20: within ten timeouts of an asymmetric cut that never ends."""
    quiet = Plan(5, nodes=nodes, quorum=nodes // 2 + 1, client_us=40_000)
    cut_at = 3 * quiet.timeout_us
    cut = Fault(cut_at, CUT, ("n1",), 10**12, links_of(shape, quiet.names), hits_leader=hits_leader)
    world = World(replace(quiet, faults=(cut,)))
    world.run_for(cut_at + 10 * quiet.timeout_us)
    elections, committed = world.checks.elections, len(world.checks.committed)
    world.run_for(10 * quiet.timeout_us)
    assert world.checks.elections == elections, "the leader stays"
    assert len(world.checks.committed) > committed + 20


def test_all_nodes_crash_together_and_what_was_acknowledged_is_there() -> None:
    faults = tuple(Fault(at, CRASH, ("n1", "n2", "n3"), 20_000) for at in range(800_000, 3_000_000, 300_000))
    outcome = World(Plan(9, steps=6_000, faults=faults, report_us=3_000)).run()
    assert outcome.violation is None, describe(outcome)
    assert outcome.counted["crashes"] > 6
    assert outcome.counted["elections"] > 2


def entries(*terms: int) -> list[Entry]:
    return [Entry(index, term, b"%d/%d" % (term, index), b"") for index, term in enumerate(terms, 1)]


def step(hard: HardState | None, truncate_from: int | None, stored: list[Entry]) -> Work:
    return Work(hard, truncate_from, tuple(stored), stored)


@pytest.mark.parametrize("survivors", [0, 1, 2, 3])
def test_a_crash_keeps_a_prefix_of_what_was_not_synced(survivors: int) -> None:
    one, two, other = entries(1, 1, 2)
    replaced = Entry(2, 2, b"2/2", b"")
    disk = Disk()
    first = step(HardState(1, "n1"), None, [one])
    disk.submit([first])
    disk.complete([first])
    disk.submit([step(None, None, [two]), step(HardState(2, None), 2, [replaced]), step(None, None, [other])])
    disk.lose_all_but(survivors)
    logs = [[one], [one, two], [one, replaced], [one, replaced, other]]
    assert disk.entries[1:] == logs[survivors]
    assert disk.hard == (HardState(1, "n1") if survivors < 2 else HardState(2, None))


def test_a_commit_is_durable_with_the_next_synced_step_and_lost_before() -> None:
    one, two = entries(1, 1)
    disk = Disk()
    first = step(HardState(1, "n1"), None, [one, two])
    disk.submit([first])
    disk.complete([first])
    disk.commit(Certificate(1, 1, one.hash, ()))
    second = step(HardState(2, None), None, [])
    disk.submit([second])
    disk.complete([second])
    disk.commit(Certificate(1, 2, two.hash, ()))
    assert disk.certificate(2) is not None, "readable at once"
    disk.lose_all_but(0)
    assert (disk.applied, disk.certificate(2)) == (1, None)
    assert disk.certificate(1) is not None


def test_the_disk_refuses_to_drop_what_is_applied() -> None:
    one, two = entries(1, 1)
    disk = Disk()
    first = step(HardState(1, "n1"), None, [one, two])
    disk.submit([first])
    disk.commit(Certificate(1, 2, two.hash, ()))
    disk.lose_all_but(2)
    disk.submit([step(None, 2, [])])
    with pytest.raises(Violation, match="committed_truncated"):
        disk.lose_all_but(1)
