"""Judge a run by the traces of its nodes: every rule of consensus, on every event.

Give the files of all nodes of one run: one a node, or one for all. A torn last line is
legal, as a killed node leaves one. The counts say how often each rule had something to
judge; a rule with 0 was not tested by this run.

    scripts/check-trace net/nodes/*/trace-*.jsonl
    scripts/check-trace run.jsonl --json

A node whose disk was set back, or lost, says so in its trace. Then the disk is named, and what the
node broke because of it is held against the disk and not against a rule.

The exit code is 0 if no rule was broken, 1 if one was, 2 if a file cannot be read or none has an
event, 3 if no step of the protocol but a disk that was set back broke one.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from consensus.conformance import RULES, Checker, Event, Judge, Report, merge

BROKEN, UNREADABLE, BROKEN_DISK = 1, 2, 3
MAX_SHOWN = 20
"""Violations printed in full."""


class OutOfOrder(Exception):
    """Events of several nodes in one file that are not in the order of time."""


def main() -> int:
    """The exit code."""
    arguments = _arguments()
    try:
        report = judge(arguments.files)
    except (OSError, UnicodeDecodeError) as error:
        print(f"cannot read a trace: {error}", file=sys.stderr)
        return UNREADABLE
    if not report.events:
        print("no event in any of these files: nothing was judged", file=sys.stderr)
        return UNREADABLE
    if arguments.json:
        print(json.dumps(report.as_dict()))
    else:
        _print(report)
    if not report.ok:
        return BROKEN
    return BROKEN_DISK if report.has_broken_disks else 0


def judge(files: list[Path]) -> Report:
    """The judgement of all files together.

    Files in the order of time are read side by side, a line at a time. Others, such as the traces
    of several nodes one after the other in one file, are read whole first.
    """
    streaming = Judge()
    try:
        for event in merge([_in_order(_events(path), path) for path in files]):
            streaming.feed(event)
        return streaming.finish()
    except OutOfOrder:
        checker = Checker()
        for path in files:
            for event in _events(path):
                checker.feed(event)
        return checker.finish()


def _events(path: Path) -> Iterator[Event]:
    """The events of a file, without a torn last line. A line that is no event is judged as one (E3)."""
    with path.open("rb") as file:
        for line in file:
            try:
                event: Any = json.loads(line)
            except (ValueError, RecursionError):
                if not line.endswith(b"\n"):
                    return
                event = {"ev": "not JSON", "found": repr(line[:80])}
            yield event


def _in_order(events: Iterator[Event], path: Path) -> Iterator[Event]:
    """The same events.

    Raises:
        OutOfOrder: one of another node than before is older.
    """
    last, node = -1, None
    for event in events:
        t = event.get("t") if isinstance(event, dict) else None
        if isinstance(t, int):
            if t < last and event.get("node") != node:
                raise OutOfOrder(str(path))
            last, node = t, event.get("node")
        yield event


def _print(report: Report) -> None:
    for violation in report.violations[:MAX_SHOWN]:
        print(violation)
    hidden = sum(report.broken.values()) - len(report.violations[:MAX_SHOWN])
    if hidden > 0:
        print(f"… and {hidden} more")
    print(f"{report.events:,} events of {len(report.nodes)} nodes: {' '.join(report.nodes)}")
    for rule, sentence in RULES.items():
        broken = report.broken.get(rule, 0)
        state = f"BROKEN {broken:,}" if broken else ""
        print(f"{rule}  {report.exercised[rule]:>9,}  {state:<13} {sentence}")
    if report.vacuous:
        print(f"Not tested by this run: {' '.join(report.vacuous)}")
    if report.unobserved:
        names = " ".join(report.unobserved)
        print(f"No whole trace of {names}: what they sent and signed could not be looked up.")
    for disk in report.disks:
        print(disk)
    print("No rule was broken." if report.ok else f"Broken: {' '.join(report.broken)}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/check-trace",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help="traces, JSON lines")
    parser.add_argument("--json", action="store_true", help="the report as one line of JSON")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
