"""Random operations over the whole contract set, every law checked after each, against a plain second ledger.

Operations are drawn over every row of the operation table: most as a user would send them, some wrong on
purpose. After each the invariants of `contracts.state_check` hold over the whole state, documents have moved
along their tables, and the ledger shows what the books of `tests/contracts/campaign` say: rights, numbers,
goods, invoices, claims with their shares, demands, certificates, policies, insured losses, deposits. Each
refusal has a code with a remedy and changes nothing. Every few hundred operations the ledger is played again
from its bytes and must be the same; then a fresh one begins, with the next seed and the next theme.

A failure prints its seed, and the shortest list of operations found that fails in the same way.

    scripts/contract-campaign                              100,000 operations from seed 1
    scripts/contract-campaign --seed 4711 --operations 400 one ledger
    scripts/contract-campaign --operations 1000000 --json
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "contracts")]

from campaign.episodes import Coverage, Failed, run_campaign  # noqa: E402
from campaign.shrink import describe, shrink  # noqa: E402

from contracts.errors import REMEDIES  # noqa: E402
from contracts.registry import OPERATIONS  # noqa: E402

LONG_RUN = 100_000
"""From so many operations on, one that was never taken is a failure: of the players, or of the contracts."""


def main() -> int:
    """0 if no law was broken and a long run has covered every operation."""
    arguments = _arguments()
    console = Console(stderr=True)
    begun = time.perf_counter()
    try:
        coverage = _play(arguments, console)
    except Failed as failed:
        _report(failed, arguments)
        return 1
    seconds = time.perf_counter() - begun
    if arguments.json:
        print(json.dumps(_figures(coverage, arguments.seed, seconds), indent=2))
    else:
        _print(coverage, arguments.seed, seconds)
    is_long = coverage.operations >= LONG_RUN
    return 1 if is_long and coverage.never_applied else 0


def _play(arguments: argparse.Namespace, console: Console) -> Coverage:
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    ) as progress:
        task = progress.add_task("operations", total=arguments.operations)
        return run_campaign(
            arguments.seed,
            arguments.operations,
            lambda coverage: progress.update(task, completed=coverage.operations),
        )


def _report(failed: Failed, arguments: argparse.Namespace) -> None:
    short = failed.script if arguments.no_shrink else shrink(failed.parameters, failed.script, failed.cause)
    if arguments.json:
        steps = describe(short).splitlines()
        print(json.dumps({"seed": failed.seed, "failure": str(failed), "steps": steps}, indent=2))
        return
    print(f"FAILED: {failed}")
    print(f"Parameters of the ledger: {failed.parameters}. {len(short)} steps that fail in the same way:")
    print(describe(short))
    print(f"scripts/contract-campaign --seed {failed.seed} --operations 400 plays it again.")


def _figures(coverage: Coverage, seed: int, seconds: float) -> dict[str, Any]:
    return {
        "seed": seed,
        "operations": coverage.operations,
        "seconds": round(seconds, 1),
        "applied": {name: coverage.applied[name] for name in OPERATIONS},
        "refused": {name: sum(coverage.refused_of(name).values()) for name in OPERATIONS},
        "codes": dict(sorted(coverage.codes.items())),
        "malformed": coverage.malformed.total(),
        "never_applied": coverage.never_applied,
        "codes_never_given": sorted(REMEDIES.keys() - coverage.codes.keys()),
    }


def _print(coverage: Coverage, seed: int, seconds: float) -> None:
    console = Console()
    table = Table(title="Operations, by how often each was taken")
    for column in ("operation", "taken", "refused", "code given most"):
        table.add_column(column, justify="left" if column in ("operation", "code given most") else "right")
    for name in sorted(OPERATIONS, key=lambda name: coverage.applied[name]):
        codes = coverage.refused_of(name)
        most = max(codes, key=lambda code: codes[code], default="")
        table.add_row(name, f"{coverage.applied[name]:,}", f"{sum(codes.values()):,}", most)
    console.print(table)
    console.print(
        f"{coverage.operations:,} operations from seed {seed} in {seconds:,.0f} s: "
        f"{coverage.applied.total():,} taken, {coverage.refused.total():,} refused with "
        f"{len(coverage.codes)} of {len(REMEDIES)} codes, {coverage.malformed.total():,} without form. "
        "Every law held after each; every ledger replayed to the same state.",
        highlight=False,
    )
    if coverage.never_applied:
        console.print(f"Never taken: {', '.join(coverage.never_applied)}", highlight=False)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/contract-campaign",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seed", type=int, default=1, help="of the first ledger; the next have the next")
    parser.add_argument(
        "--operations", type=int, default=LONG_RUN, metavar="N", help=f"how many (default {LONG_RUN:,})"
    )
    parser.add_argument("--no-shrink", action="store_true", help="print a failing sequence as it is")
    parser.add_argument("--json", action="store_true", help="write the coverage as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
