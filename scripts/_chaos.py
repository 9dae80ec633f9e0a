"""A network of real processes under faults, with clients that submit throughout.

Real sockets, TLS, LevelDB and `kill -9`. Nodes are killed and stopped, links between them cut,
silenced and slowed in one direction or both, disks filled and torn. After each fault: nothing that
a client was told is lost, nothing is there twice, no linearizable read was stale, all nodes hold the
same chain. Reports how long commits paused for each kind of fault.

    scripts/chaos                               ten minutes on three nodes
    scripts/chaos --nodes 5 --minutes 60 --seed 7 --json chaos.json
    scripts/chaos --only "kill leader" bridge   some faults, round after round
    scripts/chaos --list
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "processes"))

from chaos import Broken, Played, in_rounds, play, possible, running  # noqa: E402
from chaos.campaign import DEFAULT_SECONDS  # noqa: E402
from chaos.every import FAULTS  # noqa: E402

from clients import network  # noqa: E402
from clients.cli.exits import INTERRUPTED  # noqa: E402


def main() -> int:
    """0 if every promise held."""
    arguments = _arguments()
    console = Console(stderr=True)
    if arguments.list:
        for fault in FAULTS:
            print(f"{fault.name:24} {(fault.play.__doc__ or '').strip().splitlines()[0]}")
        return 0
    if arguments.dir:
        arguments.dir.mkdir(parents=True, exist_ok=True)
    network.interrupt_on_sigterm()
    folder = Path(tempfile.mkdtemp(prefix="tallystick-chaos-", dir=arguments.dir))
    try:
        report = asyncio.run(_campaign(arguments, folder, console))
    except KeyboardInterrupt:
        shutil.rmtree(folder, ignore_errors=True)
        console.print("Interrupted.")
        return INTERRUPTED
    if report["broken"] is None:
        shutil.rmtree(folder, ignore_errors=True)
    _print(report, Console(width=max(110, console.width)))
    if arguments.json:
        arguments.json.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    if report["broken"] is not None:
        print(f"BROKEN: {report['broken']}\nSeed {arguments.seed}; the network's folder is kept: {folder}")
        return 1
    return 0


async def _campaign(arguments: argparse.Namespace, folder: Path, console: Console) -> dict[str, Any]:
    wanted = [fault for fault in FAULTS if not arguments.only or fault.name in arguments.only]
    faults = [fault for fault in possible(wanted, arguments.nodes) if not (arguments.trace and fault.forgets)]
    if not faults:
        raise SystemExit("none of these faults can be played here; see --list")
    left_out = sorted({fault.name for fault in wanted} - {fault.name for fault in faults})
    dice = random.Random(arguments.seed)
    played: list[Played] = []
    broken: str | None = None
    begun = time.monotonic()
    async with running(folder, nodes=arguments.nodes, clients=arguments.clients, trace=arguments.trace) as (
        cluster,
        load,
        chains,
    ):
        rounds = in_rounds(faults, dice)
        deadline = time.monotonic() + 60 * arguments.minutes
        try:
            while not played or time.monotonic() < deadline:
                fault = next(rounds)
                done = await play(fault, cluster, load, chains, dice, arguments.seconds)
                played.append(done)
                console.print(
                    f"{len(played):4} {done.fault:22} {done.detail:20.20} pause {done.pause_ms:6.0f} ms, "
                    f"{done.acknowledged:5} acks, {done.terms} elections, whole in {done.whole_ms:.0f} ms",
                    highlight=False,
                    soft_wrap=True,
                )
        except Broken as error:
            broken = str(error)
            if not isinstance(error.__cause__, Broken):
                console.print_exception()
    told = load.told
    judged = cluster.judged() if arguments.trace else None
    if judged is not None and judged["broken"]:
        broken = broken or f"rules of the consensus: {judged['violations'][0]}"
    return {
        "nodes": arguments.nodes,
        "seed": arguments.seed,
        "minutes": round((time.monotonic() - begun) / 60, 1),
        "clients": arguments.clients,
        "faults": len(played),
        "left_out": left_out,
        "sent": told.sent,
        "sent_twice_at_once": told.twice,
        "sent_again_without_outcome": told.unknown,
        "acknowledged": len(told.acknowledged),
        "linearizable_reads": told.reads,
        "reads_unanswered": told.reads_unanswered,
        "blocks_compared": chains.blocks,
        "transactions_on_chain": chains.transactions,
        "lost": 0 if broken is None else None,
        "doubled": 0 if broken is None else None,
        "stale_reads": 0 if broken is None else None,
        "broken": broken,
        "trace": judged and {name: judged[name] for name in ("events", "exercised", "broken")},
        "by_fault": _by_fault(played),
        "played": [done.as_dict() for done in played],
    }


def _by_fault(played: list[Played]) -> list[dict[str, Any]]:
    rows = []
    for name in dict.fromkeys(done.fault for done in played):
        same = [done for done in played if done.fault == name]
        pauses = sorted(done.pause_ms for done in same)
        rows.append(
            {
                "fault": name,
                "times": len(same),
                "is_tolerated": same[0].is_tolerated,
                "pause_p50_ms": pauses[(len(pauses) - 1) // 2],
                "pause_max_ms": pauses[-1],
                "elections": sum(done.terms for done in same),
                "acknowledged": sum(done.acknowledged for done in same),
                "whole_max_ms": max(done.whole_ms for done in same),
            }
        )
    return rows


def _print(report: dict[str, Any], console: Console) -> None:
    table = Table(title=f"{report['nodes']} nodes, {report['minutes']} minutes, seed {report['seed']}")
    for column in (
        "fault",
        "times",
        "commits",
        "p50 ms",
        "max ms",
        "elections",
        "acknowledged",
        "whole, max ms",
    ):
        table.add_column(column, justify="left" if column in ("fault", "commits") else "right")
    for row in sorted(report["by_fault"], key=lambda row: (not row["is_tolerated"], row["fault"])):
        table.add_row(
            row["fault"],
            str(row["times"]),
            "go on" if row["is_tolerated"] else "stop",
            f"{row['pause_p50_ms']:,.0f}",
            f"{row['pause_max_ms']:,.0f}",
            str(row["elections"]),
            f"{row['acknowledged']:,}",
            f"{row['whole_max_ms']:,.0f}",
        )
    console.print(table)
    console.print(
        "Commits that go on: the longest time without one while the fault lasted. Commits that stop: from "
        "healing (processes started again) to the first one. Whole: from healing until every node held the "
        "same chain and every client had its outcome; the most."
    )
    console.print(
        f"{report['acknowledged']:,} acknowledged of {report['sent']:,} sent "
        f"({report['sent_twice_at_once']:,} by two clients at once, "
        f"{report['sent_again_without_outcome']:,} times again without an outcome); "
        f"{report['linearizable_reads']:,} linearizable reads; "
        f"{report['blocks_compared']:,} blocks compared on all nodes"
    )
    if report["trace"]:
        exercised = sum(1 for times in report["trace"]["exercised"].values() if times)
        console.print(
            f"{report['trace']['events']:,} traced events judged by {exercised} of "
            f"{len(report['trace']['exercised'])} rules; broken: {len(report['trace']['broken'])}"
        )
    if report["left_out"]:
        console.print(f"Left out: {', '.join(report['left_out'])}")
    if report["broken"] is None:
        console.print("Nothing lost, nothing doubled, no stale read, identical chains.")


def _arguments() -> argparse.Namespace:
    about, _, examples = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(
        prog="scripts/chaos",
        description=about,
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--minutes", type=float, default=10.0, help="begin no further fault after this time")
    parser.add_argument("--nodes", type=int, default=3, choices=(3, 5, 7))
    parser.add_argument("--seed", type=int, default=1, help="chooses the order of faults and their victims")
    parser.add_argument("--clients", type=int, default=6)
    parser.add_argument("--seconds", type=float, default=DEFAULT_SECONDS, help="how long most faults last")
    parser.add_argument("--only", nargs="+", metavar="FAULT", help="only these faults")
    parser.add_argument("--list", action="store_true", help="say which faults there are")
    parser.add_argument(
        "--trace", action="store_true", help="trace every node, and judge the traces at the end"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure to FILE")
    parser.add_argument("--dir", type=Path, help="where the network lives (default: a temporary folder)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
