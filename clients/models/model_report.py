"""How models fare on a ledger: calibration, figures and drift, computed from the rows of a verified export.

Pure functions of examples (`contracts.pricing.training`) and models. The champion made the prices; the
challenger and the default that needs no training are scored on the same descriptions beside it and decide
nothing.

| figure | of | unit |
|---|---|---|
| AUC | probability that a late invoice got the higher probability than a punctual one; ties half | ppm |
| Brier | mean squared error of the probability of late payment | ppm |
| MAE | mean absolute error of the median of the days late | centidays |
| DBT ratio | days beyond terms, predicted to realised | ppm |
| interval | Wilson's of the share late in a band, 5 % to 95 %, as if invoices were independent | ppm |
| PSI | population stability index: Σ (q - p)·ln(q / p) over bands of a feature, p before, q since | ppm |
| by chance | what a PSI stays below in 95 of 100 cases where nothing moved: χ²·(1/n + 1/m) | ppm |

Only paid and written-off invoices have an outcome; those still open are left out and counted, so a report
on a short history after its start flatters late payers. As is usual, a PSI below 0.1 is called stable, from
0.25 on drifted; but one that chance alone may give is stable, however large (B. Yurdakul and J. Naranjo,
Statistical properties of the population stability index, 2020; as if invoices were independent). Counts of
what is there by now, and ages, grow with every ledger: that they did is no drift.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from math import isqrt, log
from typing import Any, NamedTuple

from contracts.pricing.lateness import FEATURES
from contracts.pricing.model import Lateness
from contracts.pricing.training import Example
from contracts.trade.habit_entry import MOST_BEYOND_DAYS
from ledger.money import PPM, divide_down, divide_half_away, divide_up

BANDS = 10
STABLE_PPM, DRIFTED_PPM = 100_000, 250_000
CHI_SQUARED_PPM = (
    *(0, 3_841_459, 5_991_465, 7_814_728, 9_487_729),
    *(11_070_498, 12_591_587, 14_067_140, 15_507_313, 16_918_978),
)
"""95th percentile of χ² by degrees of freedom, one fewer than bands."""
assert len(CHI_SQUARED_PPM) == BANDS, "as many bands as a feature may have"
GROWING = frozenset(
    {
        *("count", "weekday_weight", "same_amount_count", "tenure", "tenure_elsewhere"),
        *("open_invoices", "buyer_open", "supplier_open"),
    }
)
"""Features that are larger in later rows, whatever buyers do."""
assert set(FEATURES) >= GROWING, "each is one"
SQUARED_QUANTILE_PPM = 2_705_543
"""z² of the 95th percentile of the normal distribution: intervals leave 5 % out on either side."""

Says = Callable[[Sequence[int]], Lateness]


class Band(NamedTuple):
    """Invoices whose predictions are neighbours."""

    invoices: int
    predicted_ppm: int
    """Mean of the predicted probabilities."""
    late_ppm: int
    """Share that was late."""
    low_ppm: int
    high_ppm: int
    """Interval of that share, see `interval`."""


class Figures(NamedTuple):
    """How good one model's predictions were."""

    invoices: int
    late: int
    auc_ppm: int | None
    """None if all were late, or none."""
    brier_ppm: int
    mae_centidays: int
    dbt_ratio_ppm: int | None
    """None if nothing was late."""
    bands: tuple[Band, ...]
    """By predicted probability, ascending, of as equal sizes as there are."""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**self._asdict(), "bands": [band._asdict() for band in self.bands]}


class Drift(NamedTuple):
    """How one feature's distribution moved."""

    feature: str
    psi_ppm: int
    chance_ppm: int
    """See the table above; 0 of a feature that is the same everywhere."""

    @property
    def verdict(self) -> str:
        """stable, moved, drifted; or grows, of what can do nothing else."""
        if self.psi_ppm < max(STABLE_PPM, self.chance_ppm):
            return "stable"
        if self.feature in GROWING:
            return "grows"
        return "moved" if self.psi_ppm < DRIFTED_PPM else "drifted"


def fared(examples: Sequence[Example], says: Says) -> Figures:
    """The figures of a model on examples with an outcome; at least one."""
    scored = sorted(
        [(says(example.description), example.days_late) for example in examples],
        key=lambda pair: pair[0].late_ppm,
    )
    count = len(scored)
    late = sum(days > 0 for _, days in scored)
    squared = sum((found.late_ppm - PPM * (days > 0)) ** 2 for found, days in scored)
    missed = sum(abs(found.days_centidays - 100 * days) for found, days in scored)
    realised = sum(100 * max(0, min(MOST_BEYOND_DAYS, days)) for _, days in scored)
    predicted = sum(found.beyond_centidays for found, _ in scored)
    return Figures(
        count,
        late,
        _auc([(found.late_ppm, days > 0) for found, days in scored]),
        divide_half_away(squared, count * PPM),
        divide_half_away(missed, count),
        divide_half_away(predicted * PPM, realised) if realised else None,
        bands([(found.late_ppm, days > 0) for found, days in scored]),
    )


def _auc(ordered: Sequence[tuple[int, bool]]) -> int | None:
    """Of (probability, was late), ascending: the rank statistic, exact but for the last rounding."""
    late = sum(was for _, was in ordered)
    punctual = len(ordered) - late
    if not late or not punctual:
        return None
    twice, below, start = 0, 0, 0
    while start < len(ordered):
        end = start
        while end < len(ordered) and ordered[end][0] == ordered[start][0]:
            end += 1
        late_here = sum(was for _, was in ordered[start:end])
        punctual_here = end - start - late_here
        twice += late_here * (2 * below + punctual_here)
        below += punctual_here
        start = end
    return divide_half_away(twice * PPM, 2 * late * punctual)


def bands(foretold: Iterable[tuple[int, bool]]) -> tuple[Band, ...]:
    """Tenths of (probability in ppm, was late) by the probability, ascending, of sizes as equal as can be."""
    scored = sorted(foretold, key=lambda pair: pair[0])
    edges = [len(scored) * place // BANDS for place in range(BANDS + 1)]
    found = []
    for start, end in pairwise(edges):
        part = scored[start:end]
        if part:
            late = sum(was_late for _, was_late in part)
            mean = divide_half_away(sum(late_ppm for late_ppm, _ in part), len(part))
            share = divide_half_away(late * PPM, len(part))
            found.append(Band(len(part), mean, share, *interval(late, len(part))))
    return tuple(found)


def interval(hits: int, count: int) -> tuple[int, int]:
    """(low, high) in ppm between which the share behind `hits` of `count` lies, from 5 % to 95 %.

    E. Wilson, Probable inference, the law of succession, and statistical inference, 1927: never beyond 0
    and 1, and sound for few. Invoices of one buyer are not independent, so the truth is wider.
    """
    assert 0 <= hits <= count
    assert count
    centre = 2 * hits * PPM + SQUARED_QUANTILE_PPM
    root = isqrt(SQUARED_QUANTILE_PPM * (4 * hits * (count - hits) * PPM // count + SQUARED_QUANTILE_PPM))
    whole = 2 * (count * PPM + SQUARED_QUANTILE_PPM)
    low, high = divide_down((centre - root) * PPM, whole), divide_up((centre + root) * PPM, whole)
    return max(0, low), min(PPM, high)


def drift(before: Sequence[Example], since: Sequence[Example]) -> tuple[Drift, ...]:
    """The drift of every feature, greatest first, those that grow last; both sides hold at least one example.

    Bands are the tenths of `before`, fewer where values repeat, and none that holds no row of either side. A
    band counts half an invoice more on each side, so that an empty one has a logarithm.
    """
    found = [
        Drift(name, *_psi([row.description[at] for row in before], [row.description[at] for row in since]))
        for at, name in enumerate(FEATURES)
    ]
    return tuple(sorted(found, key=lambda entry: (entry.feature in GROWING, -entry.psi_ppm, entry.feature)))


def _psi(before: Sequence[int], since: Sequence[int]) -> tuple[int, int]:
    ordered = sorted(before)
    edges = sorted({ordered[len(ordered) * place // BANDS] for place in range(1, BANDS)})
    held = [Counter(bisect_left(edges, value) for value in values) for values in (before, since)]
    bands = sorted(held[0] | held[1])
    counts = [[side[band] + 0.5 for band in bands] for side in held]
    shares = [[count / sum(side) for count in side] for side in counts]
    index: float = sum((q - p) * log(q / p) for p, q in zip(*shares, strict=True))
    rows = len(before) * len(since)
    return round(PPM * index), CHI_SQUARED_PPM[len(bands) - 1] * (len(before) + len(since)) // rows
