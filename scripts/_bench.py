"""Whole-path measurements of a real network, each beside a limit of the machine taken in the same run.

Starts three nodes of three organisations with `tally network up` (separate processes, mutual
TLS between them, synced LevelDB), enters orders and goods receipts for a few suppliers, and
then submits invoices that really pass the three-way match. The load generator is one process
of its own; its connections are closed loops: each sends a request, waits for the receipt,
sends the next. It signs every transaction while the clock runs and decodes every answer;
its CPU counts.

Shapes: (a) one signed invoice a request; (b) bundles of 100 individually signed
transactions; (c) one signature over 100 invoices.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import _bench_consensus
import _bench_contracts
import _bench_core
import uvloop
from _bench_limits import signature_checks_per_second, synced_writes_per_second
from _bench_load import (
    Invoices,
    disk_bytes,
    drive,
    enter_trade,
    leader_of,
    resident_bytes,
    running,
    shapes,
)
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from clients import network
from clients.cli.exits import INTERRUPTED
from clients.network import Network
from clients.sdk import Session

CLIENTS = (1, 16, 64, 256)

# ---------------------------------------------------------------- reads


def reads(net: Network, records: int) -> dict[str, Any]:
    """Time until a verified history of `records` records and a verified quote are in hand."""
    lender = Session(net.profile("lender"))
    anchor = Session(net.profile("anchor"))
    supplier = Session(net.profile("supplier0"))
    terms = {
        "currency": "USD",
        "limits": [{"obligor": "anchor", "limit": 10**9}],
        "discount_rate_ppm": 72_000,
        "fee_ppm": 2_500,
    }
    programme = {"op": "programme.publish", "programme": "bench", "terms": terms}
    lender.submit(programme)
    invoice = {
        **Invoices(b"", [], "anchor", "quoted").operation(0),
        "invoice": "QUOTED-1",
        "document": b"q" * 32,
    }
    supplier.submit(invoice)
    anchor.submit(
        {
            "op": "invoice.confirm",
            "invoice": "QUOTED-1",
            "supplier": "supplier0",
            "net": 1000,
            "due_date": "2024-05-30",
        }
    )
    histories = []
    for _ in range(10):
        begun = time.perf_counter()
        history = lender.history("supplier0", "anchor", last=records)
        histories.append(1000 * (time.perf_counter() - begun))
        if len(history.records) != records:
            raise SystemExit(f"wanted a history of {records} records, got {len(history.records)}")
    quotes = []
    for _ in range(50):
        begun = time.perf_counter()
        lender.quote(programme["programme"], "supplier0", "QUOTED-1")
        quotes.append(1000 * (time.perf_counter() - begun))
    for session in (lender, anchor, supplier):
        session.close()
    return {
        "history_records": records,
        "verified_history_p50_ms": round(statistics.median(histories), 2),
        "verified_quote_p50_ms": round(statistics.median(quotes), 2),
    }


# ---------------------------------------------------------------- report


def report(result: dict[str, Any], console: Console) -> None:
    """The result as tables."""
    limits = result["limits"]
    console.print(
        f"Machine: {result['machine']['cpus']} cores, {limits['signature_checks_per_second']:,.0f} signature "
        f"checks/s a core, {limits['synced_writes_per_second']:,.0f} synced writes/s"
    )
    table = Table(title="Committed transactions, from submission to receipt")
    for column in (
        "shape",
        "clients",
        "tx/s",
        "op/s",
        "p50 ms",
        "p99 ms",
        "CPU ms/tx",
        "tx/block",
        "÷ checks/s",
    ):
        table.add_column(column, justify="left" if column == "shape" else "right")
    for cell in result["cells"]:
        table.add_row(
            cell["shape"],
            str(cell["clients"]),
            f"{cell['transactions_per_second']:,.0f}",
            f"{cell['operations_per_second']:,.0f}",
            f"{cell['p50_ms']:.1f}",
            f"{cell['p99_ms']:.1f}",
            f"{cell['cpu_ms_per_transaction']:.3f}",
            f"{cell['transactions_per_block']:.1f}",
            f"{cell['ratio_to_signature_checks']:.3f}",
        )
    console.print(table)
    memory = ", ".join(f"{name} {size / 2**20:.0f} MiB" for name, size in result["resident_bytes"].items())
    disk = result["disk"]["bytes_per_transaction"]
    console.print(f"Disk: {disk:,.0f} bytes a transaction over all nodes; memory: {memory}")
    if "reads" in result:
        shown = result["reads"]
        history, quote = shown["verified_history_p50_ms"], shown["verified_quote_p50_ms"]
        console.print(
            f"Verified history of {shown['history_records']:,} records: p50 {history} ms; "
            f"verified quote: p50 {quote} ms"
        )


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure to FILE")
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0, help="length of each measurement")
    parser.add_argument("--clients", type=int, nargs="+", default=CLIENTS)
    parser.add_argument("--shapes", default="abc", help="which of a, b, c")
    parser.add_argument("--records", type=int, default=1000, help="records of the history that is read")
    parser.add_argument("--no-reads", action="store_true", help="leave out history and quote")
    parser.add_argument("--dir", type=Path, help="where the network lives (default: a temporary folder)")
    parser.add_argument("--no-consensus", action="store_true", help="leave out the measures of consensus")
    parser.add_argument(
        "--consensus",
        nargs="*",
        choices=_bench_consensus.MEASURES,
        metavar="MEASURE",
        help=f"only measures of consensus: all, or some of {', '.join(_bench_consensus.MEASURES)}",
    )
    parser.add_argument(
        "--core", action="store_true", help="only what an operation costs by stage, in one process"
    )
    parser.add_argument("--core-blocks", type=int, default=40, help="blocks of each shape for --core")
    parser.add_argument(
        "--instructions", action="store_true", help="with --core: count instructions too, under valgrind"
    )
    parser.add_argument(
        "--kills", type=int, default=_bench_consensus.KILLS, help="of the leader, for failover"
    )
    parser.add_argument(
        "--join-transactions",
        type=int,
        default=1_000_000,
        help="on the ledger that a node joins by snapshot; below some 150,000 the log is shorter",
    )
    _bench_contracts.add_arguments(parser)
    parser.add_argument("--memory-minutes", type=float, default=12.0, help="of load while memory is watched")
    arguments = parser.parse_args()
    console = Console(stderr=True)
    network.interrupt_on_sigterm()
    folder = Path(tempfile.mkdtemp(prefix="tallystick-bench-", dir=arguments.dir))
    try:
        if arguments.core:
            result = {"core": _measure_core(arguments, folder)}
        elif _bench_contracts.is_wanted(arguments):
            result = _bench_contracts.measure(folder, console, arguments)
        else:
            result = {} if arguments.consensus is not None else measure(arguments, folder, console)
        is_partial = arguments.core or _bench_contracts.is_wanted(arguments)
        if not (is_partial or arguments.no_consensus):
            result["consensus"] = _bench_consensus.measure(
                folder,
                kills=arguments.kills,
                memory_minutes=arguments.memory_minutes,
                join_transactions=arguments.join_transactions,
                only=arguments.consensus or _bench_consensus.MEASURES,
                note=lambda said: console.print(said, highlight=False),
            )
    except KeyboardInterrupt:
        console.print("Interrupted.")
        raise SystemExit(INTERRUPTED) from None
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    _bench_contracts.report(result, Console())
    if "core" in result:
        Console().print(_bench_core.table(result["core"]))
    if "cells" in result:
        report(result, Console())
    for line in _bench_consensus.lines(result.get("consensus", {})):
        Console().print(line, highlight=False)
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2) + "\n")


def _measure_core(arguments: argparse.Namespace, folder: Path) -> dict[str, Any]:
    result = _bench_core.measure(folder, arguments.shapes, arguments.core_blocks)
    if arguments.instructions:
        for shape in arguments.shapes:
            counted = folder / f"instructions-{shape}"
            counted.mkdir()
            blocks = max(1, 1_000 // result[shape]["operations_per_block"])
            result[shape]["instructions"] = _bench_core.count_instructions(counted, shape, blocks)
    return result


def measure(arguments: argparse.Namespace, folder: Path, console: Console) -> dict[str, Any]:
    """Everything, in one run on one machine."""
    limits = {
        "signature_checks_per_second": round(signature_checks_per_second()),
        "synced_writes_per_second": round(synced_writes_per_second(folder)),
    }
    result: dict[str, Any] = {
        "machine": {
            "cpus": os.cpu_count(),
            "python": platform.python_version(),
            "system": platform.platform(),
        },
        "nodes": arguments.nodes,
        "limits": limits,
        "cells": [],
    }
    with running(folder, arguments.nodes) as net:
        suppliers = enter_trade(net)
        pids = {node.id: node.pid for node in net.nodes}
        channel = net.channel.hex()
        invoices = Invoices(net.channel, suppliers, "anchor", "B")
        data_folders = [node.data for node in net.nodes]
        disk_before = sum(disk_bytes(path) for path in data_folders)
        wanted = [shape for shape in shapes(invoices, channel) if shape.name in arguments.shapes]
        sizes = {shape.name: len(shape.make(0)) for shape in wanted}
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        ) as progress:
            task = progress.add_task("measuring", total=len(wanted) * len(arguments.clients))
            total = 0
            for shape in wanted:
                for clients in arguments.clients:
                    progress.update(task, description=f"({shape.name}) {shape.title}, {clients} clients")
                    cell = uvloop.run(drive(shape, clients, arguments.seconds, leader_of(net), pids))
                    result["cells"].append(cell.figures(limits))
                    total += cell.operations if shape.name == "c" else cell.transactions
                    progress.advance(task)
        result["request_bytes"] = sizes
        result["disk"] = {
            "transactions": total,
            "bytes_per_transaction": round(
                (sum(disk_bytes(path) for path in data_folders) - disk_before) / total, 1
            ),
        }
        result["resident_bytes"] = {name: resident_bytes(pid) for name, pid in pids.items()}
        if not arguments.no_reads:
            result["reads"] = reads(net, arguments.records)
    return result


if __name__ == "__main__":
    main()
