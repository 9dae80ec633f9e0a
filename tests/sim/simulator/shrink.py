"""A failing plan made smaller while it fails by the same rule.

Three passes, each bounded: end the disturbances right where it failed; switch off each kind of
ambient disturbance; leave out faults, halves first (delta debugging). The parts of the world
draw from streams of their own, so most of what does not matter can go.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from simulator.plan import Plan
from simulator.world import Outcome

MAX_RUNS = 120
_CALM: tuple[dict[str, int | bool], ...] = (
    {"forge_ppm": 0},
    {"replay_ppm": 0},
    {"duplicate_ppm": 0},
    {"late_ppm": 0},
    {"loss_ppm": 0},
    {"refuse_ppm": 0},
    {"skew_ppm": 0},
    {"timeouts": 0},
    {"report_us": 0},
    {"turn_us": 0},
    {"through_bytes": False},
    {"disk_spread_us": 1},
    {"spread_us": 1},
    {"reproduce_us": 1},
    {"max_append_entries": 16, "max_append_bytes": 1_000_000},
    {"max_inflight": 32, "max_inflight_entries": 32, "max_inflight_bytes": 1_000_000},
    {"max_uncommitted_entries": 48, "max_uncommitted_bytes": 1_000_000},
)


def shrink(outcome: Outcome, run: Callable[[Plan], Outcome], most: int = MAX_RUNS) -> Outcome:
    """The smallest failing run found within `most` runs; `run` plays a plan."""
    assert outcome.violation is not None, "only a failing run can be shrunk"
    rule = outcome.violation.rule
    best = outcome
    left = most

    def fails(plan: Plan) -> bool:
        nonlocal best, left
        if left == 0:
            return False
        left -= 1
        found = run(plan)
        if found.violation is None or found.violation.rule != rule:
            return False
        best = found
        return True

    fails(replace(best.plan, steps=min(best.plan.steps, best.steps)))
    for change in _CALM:
        if any(getattr(best.plan, name) != value for name, value in change.items()):
            fails(replace(best.plan, **change))  # type: ignore[arg-type]
    happened = tuple(fault for fault in best.plan.faults if fault.at_us <= best.simulated_us)
    if happened != best.plan.faults:
        fails(replace(best.plan, faults=happened))
    size = max(len(best.plan.faults) // 2, 1)
    while left and best.plan.faults:
        start = 0
        smaller = False
        while start < len(best.plan.faults):
            faults = best.plan.faults
            if fails(replace(best.plan, faults=faults[:start] + faults[start + size :])):
                smaller = True
            else:
                start += size
        if size == 1 and not smaller:
            break
        size = max(size // 2, 1)
    fails(replace(best.plan, steps=min(best.plan.steps, best.steps)))
    return best
