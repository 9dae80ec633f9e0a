"""The measures of `scripts/bench` that are about the contracts, with their progress and their tables."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from _bench_mixed import ROUNDS, mixed
from _bench_operations import operations
from _bench_quotes import TREES, quotes
from _bench_sizes import MEASURED, state_sizes
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

SIZES = (10_000, 100_000, 1_000_000)
QUOTED_INVOICES = 1_000_000
"""On the ledger of `--quotes`."""


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that ask for these measures."""
    parser.add_argument(
        "--operations", action="store_true", help="only what executing each operation costs, in one process"
    )
    parser.add_argument(
        "--mixed", action="store_true", help="only a mixed business beside plain invoices, on three nodes"
    )
    parser.add_argument(
        "--quotes",
        type=int,
        nargs="?",
        const=QUOTED_INVOICES,
        metavar="INVOICES",
        help="only single quotes and a book of them, on a ledger with so many invoices of 10,000 "
        f"relationships (default {QUOTED_INVOICES}, which takes some minutes to fill)",
    )
    parser.add_argument(
        "--state-sizes",
        type=int,
        nargs="*",
        metavar="INVOICES",
        help="only the cost of an invoice on ledgers of these sizes, in one process "
        f"(default {' '.join(map(str, SIZES))})",
    )


def is_wanted(arguments: argparse.Namespace) -> bool:
    """Whether one of them is asked for."""
    asked = (arguments.state_sizes, arguments.quotes)
    return arguments.operations or arguments.mixed or any(one is not None for one in asked)


def measure(folder: Path, console: Console, arguments: argparse.Namespace) -> dict[str, Any]:
    """What was asked for, one after the other."""
    result: dict[str, Any] = {}
    with _progress(console) as progress:
        if arguments.operations:
            task = progress.add_task("operations with enough samples", total=None)
            result["operations"] = operations(
                folder, seen=lambda done, of: progress.update(task, completed=done, total=of)
            )
        if arguments.mixed:
            turns = progress.add_task("plain and mixed, in turn", total=2 * ROUNDS)
            result["mixed"] = mixed(folder, seconds=arguments.seconds, seen=lambda: progress.advance(turns))
        if arguments.state_sizes is not None:
            sizes = arguments.state_sizes or SIZES
            grown = progress.add_task("invoices", total=max(sizes) + MEASURED)
            result["state_sizes"] = state_sizes(
                folder, sizes, seen=lambda count: progress.update(grown, completed=count)
            )
        if arguments.quotes is not None:
            entered = progress.add_task("invoices to quote on", total=arguments.quotes)
            result["quotes"] = quotes(
                folder, arguments.quotes, seen=lambda count: progress.update(entered, completed=count)
            )
    return result


def report(result: dict[str, Any], console: Console) -> None:
    """The result as tables."""
    if "operations" in result:
        _report_operations(result["operations"], console)
    if "mixed" in result:
        found = result["mixed"]
        rates = found["transactions_per_second"]
        each = ", ".join(f"{value} {name}" for name, value in found["proportions"].items())
        console.print(
            f"Mixed business {rates['mixed']:,} transactions/s, plain invoices {rates['plain']:,}: "
            f"{found['ratio']:.0%} (bar {found['bar']:.0%}); for one invoice: {each}",
            highlight=False,
        )
    if "state_sizes" in result:
        _report_sizes(result["state_sizes"], console)
    if "quotes" in result:
        _report_quotes(result["quotes"], console)


def _report_operations(found: dict[str, Any], console: Console) -> None:
    table = Table(title="Execution of one operation")
    for column in ("operation", "samples", "µs", "p90", "read", "written", "bytes", "tx bytes"):
        table.add_column(column, justify="left" if column == "operation" else "right")
    for name, figures in found["operations"].items():
        table.add_row(name, *[f"{value:,}" for value in figures.values()])
    console.print(table)
    if found["never_taken"]:
        console.print(f"Not set up: {', '.join(found['never_taken'])}", highlight=False)


def _report_sizes(found: dict[str, Any], console: Console) -> None:
    table = Table(title=f"{found['measured']:,} invoices at each size, blocks of {found['invoices_a_block']}")
    for column in ("live invoices", "invoices/s", "µs", "CPU µs", "merging µs", "disk bytes each", "MiB"):
        table.add_column(column, justify="right")
    for row in found["sizes"]:
        table.add_row(*[f"{value:,}" for value in row.values()])
    console.print(table)


def _report_quotes(found: dict[str, Any], console: Console) -> None:
    table = Table(
        title=f"Prices on {found['invoices']:,} invoices of {found['relationships']:,} relationships, "
        "each recomputed from its proof"
    )
    for column in ("", "quotes", "p50 ms", "p90 ms", "a minute", "node CPU ms", "client CPU ms", "bytes"):
        table.add_column(column, justify="right" if column else "left")
    for rules in ("shrinkage", "trees"):
        for name, row in found[rules].items():
            figures = ("quotes", "p50_ms", "p90_ms", "a_minute", "node_cpu_ms", "client_cpu_ms", "bytes")
            shown = [f"{row[figure]:,}" if figure in row else "" for figure in figures]
            table.add_row(f"{name}, {rules}", *shown)
    console.print(table)
    console.print(
        f"µs of CPU: {found['feature_update_us']} for the features of a payment, "
        f"{found['confirmation_update_us']} for those of a confirmation, {found['trees_us']} for "
        f"{sum(TREES)} trees, {found['trees_with_reasons_us']} with their reasons",
        highlight=False,
    )
    console.print(
        f"{found['signature_check_us']} µs of CPU for a signature check; {found['resident_mib']:,} MiB of "
        f"memory, {found['disk_bytes_per_invoice']:,} bytes of disk an invoice",
        highlight=False,
    )
