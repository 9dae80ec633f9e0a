"""The work of `scripts/fraud-drill`: years of trade with every fraud in it, screened as a lender would.

Honest trade, frauds and honest near-misses run through the contracts that a node runs, day by day, each case
between parties of its own that also trade honestly. Each quarter everything known by then is screened
(`clients.screening`). A case of fraud is prevented if the ledger refused each of its wrongful steps, detected
if a finding of a check that is meant for it names one of its invoices or its parties, else missed. An alarm
about a near-miss, or about nothing but honest trade, is a false positive.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

from _fraud_cases import NOTHING, RULE, SCREENING, Case, Scheme  # noqa: E402
from _fraud_honest import DAYS_A_YEAR, Habits, call_offs, deals, fees, usage  # noqa: E402
from _fraud_near import NEAR_MISSES  # noqa: E402
from _fraud_schemes import FRAUDS  # noqa: E402
from _fraud_world import FIRST_DAY, World  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: E402
from rich.table import Table  # noqa: E402

from clients.screening import ALARM, Facts, Finding, Trade, screen  # noqa: E402
from ledger import codec  # noqa: E402

QUARTER_DAYS = 91
"""A lender screens each quarter."""

SETTLING_DAYS = 150
"""Days at the end in which nothing new is tried, so that what was tried can show."""

HISTORY_DAYS = 150
"""Days of honest trade before the first case."""

BOTH = ("buyer", "supplier")

HONEST = (deals, call_offs, fees, usage)


@dataclass(slots=True)
class Score:
    """How the cases of one scheme went."""

    scheme: Scheme
    attempts: int = 0
    untried: int = 0
    """Cases that never came to it, since no lender would finance the supplier: its dilution prices it out."""
    prevented: int = 0
    detected: int = 0
    missed: int = 0
    alarms: int = 0
    """Near-misses about which there was an alarm."""
    refused: int = 0
    """Near-misses of which the ledger refused a step."""
    codes: Counter[str] = field(default_factory=Counter)
    checks: Counter[str] = field(default_factory=Counter)

    def as_dict(self) -> dict[str, Any]:
        """The score for JSON."""
        counts: dict[str, Any] = {"fraud": self.scheme.fraud, "way": self.scheme.way, "cases": self.attempts}
        counts["untried"] = self.untried
        if self.scheme.is_honest:
            return {**counts, "refused": self.refused, "alarms": self.alarms, "checks": dict(self.checks)}
        return {
            **counts,
            "met_by": self.scheme.meets,
            "prevented": self.prevented,
            "detected": self.detected,
            "missed": self.missed,
            "codes": dict(self.codes),
            "checks": dict(self.checks),
        }


@dataclass(frozen=True, slots=True)
class Result:
    """What one drill found."""

    seed: int
    years: int
    frauds: tuple[Score, ...]
    near_misses: tuple[Score, ...]
    honest_invoices: int
    honest_alarms: Counter[str]
    """By check: alarms about nothing but honest trade."""
    operations: int
    examples: dict[str, Finding]
    """One finding of each check."""

    def as_dict(self) -> dict[str, Any]:
        """The result for JSON."""
        return {
            "seed": self.seed,
            "years": self.years,
            "operations": self.operations,
            "frauds": [score.as_dict() for score in self.frauds],
            "near_misses": [score.as_dict() for score in self.near_misses],
            "honest": {"invoices": self.honest_invoices, "alarms": dict(self.honest_alarms)},
            "examples": {check: finding.as_dict() for check, finding in sorted(self.examples.items())},
        }


class Drill:
    """One seed's world and its cases."""

    def __init__(self, seed: int, years: int, cases: int, pairs: int) -> None:
        """`cases` of each scheme, and `pairs` of parties that only trade honestly, of each kind of trade."""
        self.seed, self.years = seed, years
        self.last_day = FIRST_DAY + years * DAYS_A_YEAR
        self._chance = Random(seed)
        self.cases = [
            self._case(scheme, f"{place:03}-{turn}")
            for place, scheme in enumerate((*FRAUDS, *NEAR_MISSES))
            for turn in range(cases)
        ]
        self._honest = [(f"{kind.__name__}-{turn}", kind) for kind in HONEST for turn in range(pairs)]
        names = [name for case in self.cases for name in (case.supplier, case.buyer, case.third)]
        names += [f"{side}-{name}" for name, _ in self._honest for side in ("seller", "buyer")]
        self.world = World(dict.fromkeys(names, BOTH))
        self.world.publish_programmes(names)
        self._begin()

    def _case(self, scheme: Scheme, name: str) -> Case:
        habits = Habits.draw(self._chance, f"seller-{name}", f"buyer-{name}")
        return Case(scheme, habits, f"third-{name}")

    def _own(self) -> Random:
        """Chance of its own, so that one process does not change another."""
        return Random(self._chance.getrandbits(64))

    def _begin(self) -> None:
        for name, kind in self._honest:
            habits = Habits.draw(self._chance, f"seller-{name}", f"buyer-{name}")
            self.world.start(kind(self.world, self._own(), habits), self._chance.randrange(1, 20))
        latest = self.years * DAYS_A_YEAR - SETTLING_DAYS
        for case in self.cases:
            if case.scheme.trades:
                self.world.start(deals(self.world, self._own(), case.habits), self._chance.randrange(1, 20))
            play = case.scheme.play(self.world, self._own(), case)
            self.world.start(play, self._chance.randrange(HISTORY_DAYS, max(latest, HISTORY_DAYS + 1)))

    def days(self) -> Iterator[int]:
        """Let the quarters go by; the day after each."""
        for day in range(FIRST_DAY + QUARTER_DAYS, self.last_day + QUARTER_DAYS, QUARTER_DAYS):
            self.world.run_until(day)
            yield day

    def screened(self) -> tuple[Finding, ...]:
        """What a lender that sees all histories finds today."""
        histories = [
            (supplier, buyer, 0, [record for _, record in records])
            for (supplier, buyer), records in sorted(self.world.histories.items())
        ]
        entries = {codec.decode(key): value for key, value in self.world.state.items()}
        return screen(Trade.of(histories, self.world.day), Facts(entries))


def play(drill: Drill, progress: Callable[[int], None] = lambda _: None) -> Result:
    """Play a drill to its end; `progress` is called with a day's number after each quarter."""
    found: dict[tuple[str, str, tuple[str, ...], tuple[str, ...]], Finding] = {}
    for day in drill.days():
        for finding in drill.screened():
            documents = () if finding.check == "related_party" else finding.documents
            found.setdefault((finding.check, finding.grade, finding.parties, documents), finding)
        progress(day)
    return _scored(drill, list(found.values()))


def _scored(drill: Drill, findings: list[Finding]) -> Result:
    scores: dict[int, Score] = {}
    by_document = {number: case for case in drill.cases for number in case.documents}
    by_parties = {case.parties: case for case in drill.cases}
    hits: dict[int, set[str]] = {}
    honest: Counter[str] = Counter()
    examples: dict[str, Finding] = {}
    for finding in findings:
        cases = {
            id(by_document[number]): by_document[number]
            for number in finding.documents
            if number in by_document
        }
        if not cases and finding.check == "related_party":
            case = by_parties.get(frozenset(finding.parties))
            cases = {} if case is None else {id(case): case}
        for identity, case in cases.items():
            if finding.grade == ALARM:
                hits.setdefault(identity, set()).add(finding.check)
            if finding.check in case.scheme.checks:
                examples.setdefault(finding.check, finding)
        if not cases and finding.grade == ALARM:
            honest[finding.check] += 1
    for case in drill.cases:
        score = scores.setdefault(id(case.scheme), Score(case.scheme))
        _count(score, case, hits.get(id(case), set()))
    bills = sum(
        record[1] == "invoice" and record[2] not in by_document
        for records in drill.world.histories.values()
        for _, record in records
    )
    ordered = list(scores.values())
    return Result(
        drill.seed,
        drill.years,
        tuple(score for score in ordered if not score.scheme.is_honest),
        tuple(score for score in ordered if score.scheme.is_honest),
        bills,
        honest,
        drill.world.operations,
        examples,
    )


def _count(score: Score, case: Case, hits: set[str]) -> None:
    if not (case.refusals or case.applied):
        score.untried += 1
        return
    score.attempts += 1
    score.codes.update(case.refusals)
    if case.scheme.is_honest:
        score.refused += bool(case.refusals)
        score.alarms += bool(hits)
        score.checks.update(hits)
        return
    meant = hits & set(case.scheme.checks)
    score.checks.update(meant)
    if case.refusals and not case.applied:
        score.prevented += 1
    elif meant:
        score.detected += 1
    else:
        score.missed += 1


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="scripts/fraud-drill",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="examples:\n  scripts/fraud-drill\n  scripts/fraud-drill --seed 7 --years 3 --cases 10 --json",
    )
    parser.add_argument("--seed", type=int, default=1, help="all chance follows from it")
    parser.add_argument("--years", type=int, choices=range(1, 11), default=2, help="years of trade")
    parser.add_argument("--cases", type=int, default=4, help="cases of each scheme, at least 1")
    parser.add_argument("--pairs", type=int, default=4, help="honest pairs of each kind of trade")
    parser.add_argument("--json", action="store_true", help="one JSON document on standard output")
    chosen = parser.parse_args()
    if chosen.cases < 1 or chosen.pairs < 0:
        parser.error("--cases is at least 1, --pairs at least 0")
    return chosen


def main() -> int:
    """0 if every fraud that should be met was met."""
    chosen = arguments()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[day]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=chosen.json) as bar:
        quarters = -(-chosen.years * DAYS_A_YEAR // QUARTER_DAYS)
        task = bar.add_task("trading and screening", total=quarters, day="")

        def progress(day: int) -> None:
            bar.update(task, advance=1, day=f"day {day - FIRST_DAY}")

        result = play(Drill(chosen.seed, chosen.years, chosen.cases, chosen.pairs), progress)
    if chosen.json:
        print(json.dumps(result.as_dict()))
    else:
        show(result)
    unmet = [
        score
        for score in result.frauds
        if (score.scheme.meets == RULE and score.prevented < score.attempts)
        or (score.scheme.meets == SCREENING and score.missed)
    ]
    return 1 if unmet else 0


def show(result: Result) -> None:
    """The result as people read it."""
    console = Console(soft_wrap=not sys.stdout.isatty(), width=None if sys.stdout.isatty() else 200)
    table = Table("fraud", "way", "cases", "prevented", "detected", "missed", "by", title="Frauds")
    for score in result.frauds:
        by = [f"{name} {count}" for name, count in (*score.codes.items(), *score.checks.items())]
        counts = (score.attempts, score.prevented, score.detected, score.missed)
        style = "" if not score.missed else "dim" if score.scheme.meets == NOTHING else "red"
        table.add_row(score.scheme.fraud, score.scheme.way, *map(str, counts), ", ".join(by), style=style)
    console.print(table)
    table = Table("fraud", "honest near-miss", "cases", "refused", "alarms", "by", title="Near-misses")
    for score in result.near_misses:
        by = [f"{name} {count}" for name, count in (*score.codes.items(), *score.checks.items())]
        counts = (score.attempts, score.refused, score.alarms)
        style = "yellow" if score.refused or score.alarms else ""
        table.add_row(score.scheme.fraud, score.scheme.way, *map(str, counts), ", ".join(by), style=style)
    console.print(table)
    untried = sum(score.untried for score in (*result.frauds, *result.near_misses))
    if untried:
        console.print(f"{untried} cases never came to it: no lender would finance their supplier.")
    alarms = sum(result.honest_alarms.values())
    rate = 1_000 * alarms / max(1, result.honest_invoices)
    by = ", ".join(f"{check} {count}" for check, count in sorted(result.honest_alarms.items()))
    console.print(
        f"Honest trade: {result.honest_invoices:,} invoices, {alarms} alarms ({rate:.1f} of 1,000): "
        f"{by or 'none'}.\n"
        f"{result.operations:,} operations in {result.years} years, seed {result.seed}."
    )


if __name__ == "__main__":
    sys.exit(main())
