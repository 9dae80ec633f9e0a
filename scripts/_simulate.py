"""Seeded simulations of whole clusters of the real consensus core, with every rule checked at each step.

Each seed chooses a cluster, its settings, and a mix of its own of lost, late, reordered, doubled,
replayed and forged messages, one-way and partial cuts, crashes between any two effects, slow,
failing, torn, damaged and lost disks, skewed and jumping clocks, blocks that a node cannot reproduce,
changes of the members, hand-overs of leadership, linearizable reads, and snapshots. Then everything
heals and the cluster must agree. A share of the seeds runs with real blocks: the real chain and store
on a model of the disk, and a few on LevelDB in a temporary folder.

A failure prints its seed and writes a smaller plan that fails by the same rule to a file; that file
replays it step for step.

    scripts/simulate                          1,000 seeds
    scripts/simulate --seed 4711              one seed
    scripts/simulate --seed 1 --seeds 100 --faults cut,crash --nodes 5
    scripts/simulate --liars --seeds 200      one node lies in each seed; no honest one may be named
    scripts/simulate --replay simulation-4711.json --trace 4711.jsonl
    scripts/simulate --minutes 10 --steps 8000
    scripts/simulate --mutants                deliberate bugs of the core: what finds each, and how soon
    scripts/simulate --speed                  how much faster than real time a cluster runs
"""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import ExitStack
from pathlib import Path
from time import monotonic, process_time
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "sim")]

from simulator.campaign import Campaign, describe, describe_plan, measure_speed, run_campaign  # noqa: E402
from simulator.coverage import exercised  # noqa: E402
from simulator.mutants import AMONG_LIARS, MUTANTS  # noqa: E402
from simulator.plan import KINDS, LEVELDB, OPAQUE, REAL, Plan, from_json, to_json  # noqa: E402
from simulator.shrink import shrink  # noqa: E402
from simulator.world import Outcome, World  # noqa: E402

MAX_FAILURES = 5
"""A campaign ends after this many failing seeds."""
MIXED = "mixed"
REAL_EVERY, LEVELDB_EVERY = 4, 20
"""In a mixed campaign, one seed in so many has real blocks, and is on LevelDB."""
MUTANT_STEPS = 1_500
MUTANT_SEEDS = 1_000
MUTANTS_FILE = ROOT / "tests" / "sim" / "MUTANTS.md"


def main() -> int:
    """0 if no rule was broken."""
    arguments = _arguments()
    if arguments.speed:
        return _print_speed(arguments.json)
    if arguments.mutants:
        return _find_mutants(arguments)
    if arguments.replay is not None:
        return _replay(arguments)
    return _campaign(arguments)


def _campaign(arguments: argparse.Namespace) -> int:
    deadline = monotonic() + arguments.minutes * 60
    failures = 0

    def seen(outcome: Outcome) -> bool:
        nonlocal failures
        if arguments.digests:
            print(f"{outcome.plan.seed} {outcome.digest}")
        if outcome.violation is not None:
            failures += 1
            _report(outcome, arguments)
        return failures < MAX_FAILURES and monotonic() < deadline

    count = arguments.seeds
    if count is None:
        count = 1_000 if arguments.seed is None else 1
    first = 1 if arguments.seed is None else arguments.seed
    with ExitStack() as stack:
        tracer = _tracer(arguments.trace, stack)
        campaign = run_campaign(
            range(first, first + count),
            steps=arguments.steps,
            nodes=arguments.nodes,
            blocks=lambda seed: _blocks(arguments.blocks, seed),
            kinds=arguments.faults,
            liars=arguments.liars,
            seen=seen,
            tracer=tracer,
        )
    if arguments.json:
        print(json.dumps(_summary(campaign)))
    else:
        _print(campaign, first)
    return 1 if campaign.failures else 0


def _report(outcome: Outcome, arguments: argparse.Namespace) -> None:
    """Say what was found, and write the plan that shows it."""
    stream = sys.stderr if arguments.json else sys.stdout
    print(describe(outcome), file=stream, flush=True)
    if arguments.shrink:
        outcome = shrink(outcome, _play)
        print(f"Made smaller, {describe(outcome)}\n{describe_plan(outcome.plan)}", file=stream, flush=True)
    assert outcome.violation is not None, "only failures are reported"
    arguments.save.mkdir(parents=True, exist_ok=True)
    path = arguments.save / f"simulation-{outcome.plan.seed}.json"
    record = {"rule": outcome.violation.rule, "digest": outcome.digest, "plan": to_json(outcome.plan)}
    path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    print(f"scripts/simulate --replay {path} plays it again.\n", file=stream, flush=True)


def _replay(arguments: argparse.Namespace) -> int:
    plan, digest = arguments.replay
    with ExitStack() as stack:
        tracer = _tracer(arguments.trace, stack)
        outcome = World(plan, tracer=tracer).run()
    same = outcome.digest == digest
    if arguments.json:
        found = None if outcome.violation is None else outcome.violation.rule
        print(json.dumps({"rule": found, "digest": outcome.digest, "same": same}))
    else:
        print(describe(outcome))
        print(
            "The run is the recorded one, step for step."
            if same
            else "The run is another than the recorded one."
        )
    return 1 if outcome.violation is not None else 0


def _tracer(path: Path | None, stack: ExitStack) -> Any:
    """Writes each event as a line of JSON."""
    if path is None:
        return None
    file = stack.enter_context(path.open("w", encoding="utf-8"))
    return lambda event: file.write(json.dumps(event, separators=(",", ":")) + "\n")


def _find_mutants(arguments: argparse.Namespace) -> int:
    """Look for each deliberate bug and write the table."""
    rows = []
    for mutant, what in MUTANTS.items():
        began = process_time()
        campaign = run_campaign(
            range(1, MUTANT_SEEDS + 1),
            steps=MUTANT_STEPS,
            liars=mutant in AMONG_LIARS,
            core=mutant,
            seen=lambda outcome: outcome.violation is None,
        )
        found = campaign.failures[0] if campaign.failures else None
        rule = "not found" if found is None or found.violation is None else found.violation.rule
        rows.append((mutant.__name__, what, rule, campaign.seeds, process_time() - began))
        print(f"{mutant.__name__:<26} {rule:<24} {campaign.seeds:>5} seeds {rows[-1][4]:>6.1f} s", flush=True)
    missed = [row for row in rows if row[2] == "not found"]
    lines = [
        "# Deliberate bugs that the simulator finds",
        "",
        f"Written by `scripts/simulate --mutants`: seeds from 1 on, of {MUTANT_STEPS:,} steps, with opaque",
        "blocks (one that only a liar can take advantage of: with real blocks and a liar), until a rule of",
        f"`simulator/checks.py` breaks; at most {MUTANT_SEEDS:,} seeds. The numbers shift when the core",
        "changes.",
        "",
        "| mutant | what it does | rule that caught it | seeds needed |",
        "|---|---|---|---|",
        *[f"| {name} | {what} | {rule} | {seeds:,} |" for name, what, rule, seeds, _ in rows],
        "",
        f"{len(rows) - len(missed)} of {len(rows)} found.",
    ]
    if arguments.write:
        MUTANTS_FILE.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(lines[-1])
    return 1 if missed else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/simulate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, help="the first seed (default 1)")
    parser.add_argument("--seeds", type=_count, help="how many (default 1,000, or 1 if --seed is given)")
    parser.add_argument(
        "--steps", type=_count, default=4_000, help="disturbed steps of each run (default 4,000)"
    )
    parser.add_argument(
        "--nodes",
        type=_nodes,
        default=(3, 7),
        metavar="N or N..M",
        help="voters at the start (default 3..7)",
    )
    parser.add_argument(
        "--faults",
        type=_kinds,
        metavar="all or KIND,KIND,…",
        help=f"only these, of which each seed picks its own: {', '.join(KINDS)} (default all)",
    )
    parser.add_argument(
        "--blocks",
        choices=(MIXED, OPAQUE, REAL, LEVELDB),
        default=MIXED,
        help="opaque entries (fast), real blocks on a model of the disk, real blocks on LevelDB, or "
        f"one seed in {REAL_EVERY} real and one in {LEVELDB_EVERY} of all on LevelDB (default)",
    )
    parser.add_argument(
        "--liars",
        action="store_true",
        help="real blocks, and in each seed one node that lies: who is named, and who is not",
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="at most this long (default 10)")
    parser.add_argument(
        "--trace", type=_new_file, metavar="FILE", help="write every node's trace, a line an event"
    )
    parser.add_argument("--replay", type=_failure, metavar="FILE", help="play a failure again")
    parser.add_argument(
        "--save",
        type=Path,
        default=Path(),
        metavar="FOLDER",
        help="where plans of failures go (default here)",
    )
    parser.add_argument(
        "--no-shrink", dest="shrink", action="store_false", help="do not make failures smaller"
    )
    parser.add_argument("--digests", action="store_true", help="print each run's digest")
    parser.add_argument("--mutants", action="store_true", help="look for deliberate bugs of the core instead")
    parser.add_argument(
        "--no-write", dest="write", action="store_false", help="with --mutants: leave MUTANTS.md as it is"
    )
    parser.add_argument("--speed", action="store_true", help="measure a healthy cluster of five instead")
    parser.add_argument("--json", action="store_true", help="the summary as one line of JSON")
    return parser.parse_args()


def _count(text: str) -> int:
    if int(text) < 1:
        raise argparse.ArgumentTypeError("at least 1, or nothing is tried")
    return int(text)


def _new_file(text: str) -> Path:
    path = Path(text)
    if path.is_dir() or not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"no file can be written at {text}")
    return path


def _failure(text: str) -> tuple[Plan, str]:
    """The plan and the digest of a run that was written to a file."""
    try:
        record = json.loads(Path(text).read_text(encoding="utf-8"))
        return from_json(record["plan"]), str(record["digest"])
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise argparse.ArgumentTypeError(f"{text} is no failure that a simulation wrote: {error}") from None


def _nodes(text: str) -> tuple[int, int]:
    least, _, greatest = text.partition("..")
    bounds = (int(least), int(greatest or least))
    if not 3 <= bounds[0] <= bounds[1] <= 7:
        raise argparse.ArgumentTypeError("from 3 to 7 nodes")
    return bounds


def _kinds(text: str) -> tuple[str, ...] | None:
    if text == "all":
        return None
    kinds = tuple(kind.strip() for kind in text.split(",") if kind.strip())
    for kind in kinds:
        if kind not in KINDS:
            raise argparse.ArgumentTypeError(f"{kind} is none of {', '.join(KINDS)}")
    return kinds


def _blocks(wanted: str, seed: int) -> str:
    if wanted != MIXED:
        return wanted
    if seed % LEVELDB_EVERY == 0:
        return LEVELDB
    return REAL if seed % REAL_EVERY == 0 else OPAQUE


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
        "requirements": exercised(campaign.counted),
    }


def _print(campaign: Campaign, first: int) -> None:
    if not campaign.seeds:
        return
    print(
        f"Seeds {first} to {first + campaign.seeds - 1}: {campaign.steps:,} steps, "
        f"{campaign.simulated_us / 1e6:,.0f} simulated seconds in {campaign.cpu_s:.1f} s of CPU, "
        f"{campaign.steps / max(campaign.cpu_s, 1e-9):,.0f} steps/s."
    )
    print(f"{campaign.committed:,} blocks committed, {campaign.acknowledged:,} transactions acknowledged.\n")
    _print_table("What happened", campaign.counted)
    requirements = exercised(campaign.counted)
    _print_table("How often the situations of each requirement came up", requirements)
    never = [number for number, count in requirements.items() if count == 0]
    print(f"Never: {', '.join(never)}\n" if never else "Each of them came up.\n")
    if campaign.failures:
        print(
            f"{len(campaign.failures)} seeds break a rule: {[each.plan.seed for each in campaign.failures]}"
        )
    else:
        print("No rule was broken.")


def _print_table(title: str, counted: dict[str, int]) -> None:
    """Two columns of names and counts."""
    cells = [f"{name[:46]:<46} {count:>10,}" for name, count in sorted(counted.items())]
    print(f"{title}:")
    height = (len(cells) + 1) // 2
    for row in range(height):
        print("  " + "   ".join(cells[row::height]))
    print()


def _print_speed(as_json: bool) -> int:
    speeds = [
        measure_speed("idle", 10**9, 600.0, judged=False),
        measure_speed("20 proposals/s", 50_000, 120.0, judged=False),
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
