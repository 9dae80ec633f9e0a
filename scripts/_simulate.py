"""Seeded simulations of whole clusters of the real consensus core, with every rule checked at each step.

Each seed chooses a cluster, its settings, and a mix of lost, late, reordered, doubled, replayed
and forged messages, one-way and partial cuts, crashes between any two effects, slow and failing
disks, late reports, skewed clocks, and blocks that a node cannot reproduce. Then everything
heals and the cluster must agree. A failure prints its seed and a smaller plan that fails by the
same rule, as Python to paste into a test; the same seed and options play the same run again,
step for step.

    scripts/simulate                          1,000 seeds
    scripts/simulate --seed 4711 --seeds 1    one seed again
    scripts/simulate --minutes 10 --steps 8000
    scripts/simulate --speed                  how much faster than real time a cluster runs
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from time import monotonic

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "sim"))

from simulator.campaign import Campaign, describe, describe_plan, measure_speed, run_campaign  # noqa: E402
from simulator.plan import Plan  # noqa: E402
from simulator.shrink import shrink  # noqa: E402
from simulator.world import Outcome, World  # noqa: E402

MAX_FAILURES = 5
"""A campaign ends after this many failing seeds."""


def main() -> int:
    """0 if no rule was broken."""
    arguments = _arguments()
    if arguments.speed:
        return _print_speed(arguments.json)
    deadline = monotonic() + arguments.minutes * 60
    failures = 0

    def seen(outcome: Outcome) -> bool:
        nonlocal failures
        if arguments.digests:
            print(f"{outcome.plan.seed} {outcome.digest}")
        if outcome.violation is not None:
            failures += 1
            print(describe(outcome), flush=True)
            if arguments.shrink:
                smaller = shrink(outcome, _play)
                print(f"Made smaller, {describe(smaller)}\n{describe_plan(smaller.plan)}\n", flush=True)
        return failures < MAX_FAILURES and monotonic() < deadline

    seeds = range(arguments.seed, arguments.seed + arguments.seeds)
    campaign = run_campaign(seeds, steps=arguments.steps, nodes=arguments.nodes, seen=seen)
    summary = _summary(campaign)
    if arguments.json:
        print(json.dumps(summary))
    else:
        _print(campaign, arguments)
    return 1 if campaign.failures else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/simulate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=1, help="the first seed (default 1)")
    parser.add_argument("--seeds", type=int, default=1_000, help="how many (default 1,000)")
    parser.add_argument(
        "--steps", type=int, default=4_000, help="disturbed steps of each run (default 4,000)"
    )
    parser.add_argument(
        "--nodes",
        type=_nodes,
        default=(3, 7),
        metavar="N or N..M",
        help="size of the clusters (default 3..7)",
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="at most this long (default 10)")
    parser.add_argument(
        "--no-shrink", dest="shrink", action="store_false", help="do not make failures smaller"
    )
    parser.add_argument("--digests", action="store_true", help="print each run's digest")
    parser.add_argument("--speed", action="store_true", help="measure a healthy cluster of five instead")
    parser.add_argument("--json", action="store_true", help="the summary as one line of JSON")
    return parser.parse_args()


def _nodes(text: str) -> tuple[int, int]:
    least, _, greatest = text.partition("..")
    bounds = (int(least), int(greatest or least))
    if not 3 <= bounds[0] <= bounds[1] <= 7:
        raise argparse.ArgumentTypeError("from 3 to 7 nodes")
    return bounds


def _play(plan: Plan) -> Outcome:
    return World(plan).run()


def _summary(campaign: Campaign) -> dict[str, object]:
    return {
        "seeds": campaign.seeds,
        "failing_seeds": [outcome.plan.seed for outcome in campaign.failures],
        "steps": campaign.steps,
        "steps_per_cpu_s": round(campaign.steps / max(campaign.cpu_s, 1e-9)),
        "simulated_s": round(campaign.simulated_us / 1e6, 1),
        "cpu_s": round(campaign.cpu_s, 1),
        "blocks_committed": campaign.committed,
        "transactions_acknowledged": campaign.acknowledged,
        "counted": dict(sorted(campaign.counted.items())),
    }


def _print(campaign: Campaign, arguments: argparse.Namespace) -> None:
    if not campaign.seeds:
        return
    last = arguments.seed + campaign.seeds - 1
    print(
        f"Seeds {arguments.seed} to {last}: {campaign.steps:,} steps, "
        f"{campaign.simulated_us / 1e6:,.0f} simulated seconds in {campaign.cpu_s:.1f} s of CPU, "
        f"{campaign.steps / max(campaign.cpu_s, 1e-9):,.0f} steps/s."
    )
    print(f"{campaign.committed:,} blocks committed, {campaign.acknowledged:,} transactions acknowledged.")
    print("Events: " + ", ".join(f"{name} {count:,}" for name, count in sorted(campaign.counted.items())))
    if campaign.failures:
        print(
            f"{len(campaign.failures)} seeds break a rule: {[each.plan.seed for each in campaign.failures]}"
        )
    else:
        print("No rule was broken.")


def _print_speed(as_json: bool) -> int:
    speeds = [
        measure_speed("idle", 10**9, 600.0, judged=False),
        measure_speed("100 proposals/s", 10_000, 60.0, judged=False),
        measure_speed("100 proposals/s", 10_000, 60.0, judged=True),
    ]
    for speed in speeds:
        if as_json:
            print(
                json.dumps(
                    {
                        "load": speed.load,
                        "judged": speed.judged,
                        "simulated_per_cpu_s": round(speed.ratio),
                        "steps_per_cpu_s": round(speed.steps / speed.cpu_s),
                    }
                )
            )
        else:
            checks = "with" if speed.judged else "without"
            print(
                f"Five nodes, {speed.load}, {checks} checks: {speed.ratio:,.0f} simulated seconds a second"
                f" of CPU ({speed.steps / speed.cpu_s:,.0f} steps/s)"
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
