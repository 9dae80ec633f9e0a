"""Rates by obligor, programme and period: how much of what fell due was paid late, not at all, or lost.

A period is a cohort: everything that fell due in it, wherever it stands today. So every rate is a share of
one whole, and no write-off of an old debt is measured against new business.

| rate | is |
|---|---|
| late | (paid late + overdue + written off) / fallen due |
| overdue | open past its due day / fallen due |
| default | (paid 90 days late or more + open and in default + written off) / fallen due |
| bad debt | (written off - recovered) / fallen due |

What is not due yet stands beside it and in no rate. An obligation counts under the programme by which its
invoice was financed last; in the sheet of obligors all count.
"""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

from contracts.disclosure.ageing import share
from contracts.disclosure.obligation import Obligation, obligations, reconciled
from contracts.disclosure.sheet import Count, Disclosure, Minor, Ppm, Sheet
from contracts.disclosure.source import Source
from contracts.finance.claim import Lien
from contracts.trade.relationship_sums import DEFAULT_DAYS
from ledger.dates import iso_from_day

MONTH, QUARTER, YEAR = "month", "quarter", "year"
PERIODS = (MONTH, QUARTER, YEAR)


_Cohort = tuple[str, str, str, str]
"""(obligor, programme, currency, period)"""


class RateRow(NamedTuple):
    """What fell due in one period, and what became of it."""

    obligor: str
    programme: str
    currency: str
    period: str
    obligations: Count
    fallen_due: Minor
    on_time: Minor
    late_1_30: Minor
    late_31_89: Minor
    late_90: Minor
    overdue: Minor
    written_off: Minor
    recovered: Minor
    late_ppm: Ppm
    overdue_ppm: Ppm
    default_ppm: Ppm
    bad_debt_ppm: Ppm
    not_due: Minor


def period_of(day: int, length: str) -> str:
    """ "2026-11", "2026-Q4" or "2026"."""
    year, month, _ = iso_from_day(day).split("-")
    if length == YEAR:
        return year
    return f"{year}-{month}" if length == MONTH else f"{year}-Q{(int(month) + 2) // 3}"


def rates(source: Source, period: str = QUARTER, obligor: str = "") -> Disclosure:
    """The rates of every obligor, or of one."""
    assert period in PERIODS
    every = obligations(source)
    reconciled(source, every)
    found = [owed for owed in every if obligor in ("", owed.obligor)]
    financed = {
        (supplier, number): Lien._make(claim).programme
        for supplier, number, claim in source.claims
        if Lien._make(claim).funded
    }
    by_obligor: dict[_Cohort, list[Obligation]] = defaultdict(list)
    by_programme: dict[_Cohort, list[Obligation]] = defaultdict(list)
    for owed in found:
        label = period_of(owed.due_day, period)
        by_obligor[owed.obligor, "", owed.currency, label].append(owed)
        programme = "" if owed.is_certificate else financed.get((owed.supplier, owed.document), "")
        if programme:
            by_programme["", programme, owed.currency, label].append(owed)
    sheets = [
        Sheet.of(name, title, RateRow, [_row(key, groups[key], source.day) for key in sorted(groups)])
        for name, title, groups in (
            ("obligors", "by obligor, currency and period of the due day", by_obligor),
            ("programmes", "by programme, currency and period of the due day", by_programme),
        )
    ]
    return Disclosure(
        "rates",
        "Overdue, default and bad-debt rates",
        source.day,
        {"period": period},
        (
            "A period holds what fell due in it, wherever it stands today; what is not due yet is apart.",
            f"In default is what is {DEFAULT_DAYS} days past due, was declared so, or was paid as late.",
            "What remains open by the histories was checked against what the state says is outstanding.",
        ),
        tuple(sheets),
    )


def _row(key: _Cohort, group: list[Obligation], day: int) -> RateRow:
    past = [owed for owed in group if owed.due_day < day]

    def total(name: str) -> int:
        return sum(getattr(owed, name) for owed in past)

    fallen_due, overdue, written_off = total("due"), total("open"), total("written_off")
    late_1_30, late_31_89, late_90 = total("late_1_30"), total("late_31_89"), total("late_90")
    in_default = sum(owed.open for owed in past if owed.is_defaulted or day - owed.due_day >= DEFAULT_DAYS)
    late = late_1_30 + late_31_89 + late_90 + overdue + written_off
    return RateRow(
        *key,
        len(past),
        fallen_due,
        total("on_time"),
        late_1_30,
        late_31_89,
        late_90,
        overdue,
        written_off,
        total("recovered"),
        share(late, fallen_due),
        share(overdue, fallen_due),
        share(late_90 + in_default + written_off, fallen_due),
        share(written_off - total("recovered"), fallen_due),
        sum(owed.open for owed in group if owed.due_day >= day),
    )
