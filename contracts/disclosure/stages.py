"""Stages and expected loss by IFRS 9.

| stage | positions | IFRS 9 |
|---|---|---|
| 1 | at most 30 days past due | 5.5.5 |
| 2 | more than 30 days past due | 5.5.11 |
| 3 | in default: 90 days past due, or declared by the holder | B5.5.37, appendix A |

The expected loss is that of a provision matrix (5.5.15, B5.5.35): a loss rate for each bucket of the ageing,
applied to what stands in it, rounded up for each bucket. What was declared in default counts in the last
bucket whatever its age. The rates are the reader's: the ledger's own experience is in `rates`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from contracts.disclosure.ageing import (
    BUCKETS,
    UNITS,
    aged,
    days_past_due,
    grouped,
    scope_of,
    share,
    unconfirmed,
)
from contracts.disclosure.position import Position, positions
from contracts.disclosure.sheet import Disclosure, Minor, Ppm, Sheet
from contracts.disclosure.source import Source
from contracts.pricing.formulae import provision
from contracts.trade.relationship_sums import DEFAULT_DAYS

INCREASED_RISK_DAYS = 30
"""More than so many days past due is a significant increase in credit risk (5.5.11)."""

MATRIX_PPM = (3_000, 16_000, 36_000, 66_000, 250_000)
"""Loss rates of the buckets unless the reader names others: an example, not an experience."""

assert len(MATRIX_PPM) == len(BUCKETS)


class StageRow(NamedTuple):
    """What one holder has of one asset, by stage, and its expected loss."""

    holder: str
    asset: str
    obligor: str
    programme: str
    currency: str
    stage_1: Minor
    stage_2: Minor
    stage_3: Minor
    total: Minor
    expected_loss: Minor
    coverage_ppm: Ppm
    unconfirmed: Minor
    """Not confirmed by the obligor, and in no stage."""


class MatrixRow(NamedTuple):
    """One bucket of the provision matrix, in one currency, over all holders in the sheet."""

    holder: str
    asset: str
    currency: str
    bucket: str
    amount: Minor
    loss_ppm: Ppm
    expected_loss: Minor


def stage_of(position: Position, day: int) -> int:
    """1, 2 or 3."""
    days = days_past_due(position, day)
    if position.is_defaulted or days >= DEFAULT_DAYS:
        return 3
    return 2 if days > INCREASED_RISK_DAYS else 1


def matrix(found: Iterable[Position], day: int) -> tuple[int, ...]:
    """Confirmed amounts by bucket of the matrix, minor units: as aged, but what is in default in the last."""
    kept = list(found)
    in_default = [position for position in kept if position.is_confirmed and stage_of(position, day) == 3]
    sums = list(aged([position for position in kept if stage_of(position, day) < 3], day))
    sums[-1] += sum(position.amount for position in in_default)
    return tuple(sums)


def ifrs9(source: Source, holder: str = "", rates_ppm: tuple[int, ...] = MATRIX_PPM) -> Disclosure:
    """Stages and expected loss of everything that is held, or of one holder's."""
    assert len(rates_ppm) == len(BUCKETS), "one rate for each bucket"
    found = [position for position in positions(source) if holder in ("", position.holder)]
    sheets = [_sheet(found, source.day, unit, rates_ppm) for unit in UNITS]
    return Disclosure(
        "ifrs9",
        "Stages and expected loss (IFRS 9)",
        source.day,
        {f"loss_ppm {bucket}": rate for bucket, rate in zip(BUCKETS, rates_ppm, strict=True)},
        (
            f"Stage 2 is more than {INCREASED_RISK_DAYS} days past due (5.5.11); stage 3 is {DEFAULT_DAYS} "
            "days past due (B5.5.37), or a default or dishonour that the holder has declared.",
            "The expected loss is that of a provision matrix (B5.5.35), each bucket rounded up; its rates "
            "are an assumption.",
            "The reserve of a purchase is the supplier's: it falls due with the invoice.",
        ),
        (*sheets, _matrix_sheet(found, source.day, rates_ppm)),
    )


def _sheet(found: list[Position], day: int, unit: str, rates_ppm: tuple[int, ...]) -> Sheet:
    rows = []
    for key, group in grouped(found, unit).items():
        stages = [0, 0, 0]
        for position in group:
            if position.is_confirmed:
                stages[stage_of(position, day) - 1] += position.amount
        loss = provision(list(zip(matrix(group, day), rates_ppm, strict=True)))
        total = sum(stages)
        row = (*key, *stages, total, loss, share(loss, total), unconfirmed(group))
        rows.append(StageRow._make(row))
    return Sheet.of(f"{unit}s", f"by holder, asset{scope_of(unit)} and currency", StageRow, rows)


def _matrix_sheet(found: list[Position], day: int, rates_ppm: tuple[int, ...]) -> Sheet:
    rows = [
        MatrixRow(holder, asset, currency, bucket, amount, rate, provision([(amount, rate)]))
        for (holder, asset, _, _, currency), group in grouped(found, "holder").items()
        for bucket, amount, rate in zip(BUCKETS, matrix(group, day), rates_ppm, strict=True)
    ]
    return Sheet.of("matrix", "the provision matrix", MatrixRow, rows)
