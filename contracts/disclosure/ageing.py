"""Ageing: how much of what is held is how many days past due.

| bucket | days past due |
|---|---|
| not due | none; the due day itself counts as not past due |
| 1-30, 31-60, 61-89 | so many |
| 90 and more | in default by age (IFRS 9 B5.5.37) |

Days are counted from the due day to the business date of the export.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from contracts.disclosure.position import Position, positions
from contracts.disclosure.sheet import Count, Disclosure, Minor, Ppm, Sheet
from contracts.disclosure.source import Source
from contracts.trade.relationship_sums import DEFAULT_DAYS
from ledger.money import PPM, divide_half_away

FIRST_DAYS = (0, 1, 31, 61, DEFAULT_DAYS)
"""First day past due of each bucket; ascending."""
BUCKETS = ("not due", "1-30", "31-60", "61-89", "90 and more")

assert len(BUCKETS) == len(FIRST_DAYS)
assert list(FIRST_DAYS) == sorted(FIRST_DAYS)

UNITS = ("holder", "obligor", "programme")
"""What rows are of: the holder alone, or the holder's part on each obligor or under each programme."""


Group = tuple[str, str, str, str, str]
"""(holder, asset, obligor, programme, currency)"""


class AgeingRow(NamedTuple):
    """What one holder has of one asset, by days past due."""

    holder: str
    asset: str
    obligor: str
    programme: str
    currency: str
    positions: Count
    not_due: Minor
    days_1_30: Minor
    days_31_60: Minor
    days_61_89: Minor
    days_90: Minor
    total: Minor
    past_due_ppm: Ppm
    unconfirmed: Minor
    """Not confirmed by the obligor, and in no other column."""


def days_past_due(position: Position, day: int) -> int:
    """Days since the due day, 0 if it has not passed."""
    return max(0, day - position.due_day)


def bucket_of(days: int) -> int:
    """Place in `BUCKETS` of so many days past due."""
    return bisect_right(FIRST_DAYS, days) - 1


def grouped(found: Iterable[Position], unit: str) -> dict[Group, list[Position]]:
    """Positions by their group, of whose places the unit leaves out some: ""."""
    groups: dict[Group, list[Position]] = defaultdict(list)
    for position in found:
        obligor = position.obligor if unit == "obligor" else ""
        programme = position.programme if unit == "programme" else ""
        groups[position.holder, position.asset, obligor, programme, position.currency].append(position)
    return dict(sorted(groups.items()))


def aged(found: Iterable[Position], day: int) -> tuple[int, ...]:
    """Confirmed amounts by bucket, minor units; all of one currency."""
    sums = [0] * len(BUCKETS)
    for position in found:
        if position.is_confirmed:
            sums[bucket_of(days_past_due(position, day))] += position.amount
    return tuple(sums)


def unconfirmed(found: Iterable[Position]) -> int:
    """What no obligor has confirmed; minor units, all of one currency."""
    return sum(position.amount for position in found if not position.is_confirmed)


def share(part: int, whole: int) -> int:
    """part / whole in ppm, half away from zero; 0 of nothing."""
    return divide_half_away(part * PPM, whole) if whole else 0


def ageing(source: Source, holder: str = "") -> Disclosure:
    """Ageing of everything that is held, or of one holder's."""
    found = [position for position in positions(source) if holder in ("", position.holder)]
    sheets = [_sheet(found, source.day, unit) for unit in UNITS]
    return Disclosure(
        "ageing",
        "Ageing of receivables",
        source.day,
        {},
        (
            "Days past due are counted from the due day that the obligor confirmed to the business date.",
            "Amounts that no obligor has confirmed stand in their own column and in no bucket.",
            "A pledged receivable is an asset of its supplier and an advance of its lender: "
            "do not add up across holders.",
        ),
        tuple(sheets),
    )


def _sheet(found: list[Position], day: int, unit: str) -> Sheet:
    rows = []
    for key, group in grouped(found, unit).items():
        not_due, *late = aged(group, day)
        total = not_due + sum(late)
        row = (*key, len(group), not_due, *late, total, share(sum(late), total), unconfirmed(group))
        rows.append(AgeingRow._make(row))
    return Sheet.of(f"{unit}s", f"by holder, asset{scope_of(unit)} and currency", AgeingRow, rows)


def scope_of(unit: str) -> str:
    """What the title of a sheet of this unit says beside holder and asset."""
    return "" if unit == "holder" else f", {unit}"
