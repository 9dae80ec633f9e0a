"""How good predictions were, on rows whose outcome is known: figures with intervals, in plain Python.

Intervals are the 5th and 95th percentile over resamples of *customers*, with replacement: invoices of one
customer are not independent, and a resample of rows would promise too much.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import numpy as np
from _pricing_rows import Row

from clients.wording import counted

RESAMPLES = 200
SEED = 7


@dataclass(frozen=True, slots=True)
class Outcome:
    """One scored invoice with what became of it."""

    customer: str
    amount: int
    p_late: float
    days: float
    beyond: float
    days_late: int


def outcomes(rows: Sequence[Row], predictions: Sequence[tuple[float, float, float]]) -> list[Outcome]:
    """The rows that were paid, with their predictions."""
    return [
        Outcome(row.customer, row.amount, p, days, beyond, row.cleared - row.due)
        for row, (p, days, beyond) in zip(rows, predictions, strict=True)
        if row.cleared is not None
    ]


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1, ties at their mean."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    return ((ends - counts + 1 + ends) / 2)[inverse]


def _auc(score: np.ndarray, hit: np.ndarray) -> float:
    hits = int(hit.sum())
    misses = len(hit) - hits
    if not hits or not misses:
        return float("nan")
    return float((_ranks(score)[hit].sum() - hits * (hits + 1) / 2) / (hits * misses))


def _spearman(a: np.ndarray, b: np.ndarray) -> float:
    if len(a) < 2 or np.ptp(a) == 0 or np.ptp(b) == 0:
        return float("nan")
    return float(np.corrcoef(_ranks(a), _ranks(b))[0, 1])


FIGURES = (
    "AUC",
    "Brier",
    "MAE, days",
    "Spearman of dbt",
    "AUC > 15 days",
    "cost in top decile",
    "dbt ratio",
)


def figures(found: np.ndarray) -> dict[str, float]:
    """The figures of `FIGURES`; columns: p_late, days, dbt, days late, amount."""
    p, days, beyond, late, amount = found.T
    realised = np.maximum(late, 0)
    cost = amount * realised
    worst = np.argsort(-beyond * amount, kind="stable")[: max(1, len(found) // 10)]
    total = realised.sum()
    return dict(
        zip(
            FIGURES,
            (
                _auc(p, late > 0),
                float(((p - (late > 0)) ** 2).mean()),
                float(np.abs(days - late).mean()),
                _spearman(beyond, realised),
                _auc(beyond, late > 15),
                float(cost[worst].sum() / cost.sum()) if cost.sum() else float("nan"),
                float(beyond.sum() / total) if total else float("nan"),
            ),
            strict=True,
        )
    )


def _table(found: Sequence[Outcome]) -> list[str]:
    by_customer: dict[str, list[tuple[float, ...]]] = defaultdict(list)
    for row in found:
        by_customer[row.customer].append(
            (row.p_late, row.days, row.beyond, float(row.days_late), float(row.amount))
        )
    parts = [np.array(rows) for _, rows in sorted(by_customer.items())]
    measured = figures(np.concatenate(parts))
    random = Random(SEED)
    samples = [figures(np.concatenate(random.choices(parts, k=len(parts)))) for _ in range(RESAMPLES)]
    lines = []
    for name in FIGURES:
        finite = [sample[name] for sample in samples if np.isfinite(sample[name])] or [float("nan")]
        low, high = np.percentile(finite, [5, 95])
        lines.append(f"  {name:<20}{measured[name]:>9.4f}   [{low:.4f}, {high:.4f}]")
    return lines


def report(found: Sequence[Outcome], unpaid: int = 0) -> str:
    """The figures over all customers, then without the one that has most rows.

    Args:
        found: the scored rows that were paid.
        unpaid: how many others there are: figures of what was paid alone leave out the slowest payers.
    """
    if not found:
        return "No scored row has a clear date: there is nothing to compare with."
    largest = Counter(row.customer for row in found).most_common(1)[0][0]
    rest = [row for row in found if row.customer != largest]
    lines = [f"all: {len(found)} rows, {len({row.customer for row in found})} customers", *_table(found)]
    if rest:
        lines += [f"without the largest customer: {len(rest)} rows", *_table(rest)]
    if unpaid:
        lines.append(
            f"left out: {counted(unpaid, 'scored row')} without a clear date; who pays last is among those"
        )
    lines.append(f"intervals: 5 % to 95 % of {RESAMPLES} resamples of customers")
    return "\n".join(lines)
