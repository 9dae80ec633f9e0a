"""A lender's portfolio report: what it paid, what it expected, what came of it; figures only.

    report(basis) -> Report          pure, integers, the same to whoever holds the same proved book
    document(report) -> JSON         amounts in minor units, rates and shares in ppm, lateness in centidays

| part | of | from |
|---|---|---|
| prices | yield at purchase, discount and fee on the advance, expected days late: distributions | book |
| lateness, vintages | `contracts.holdings.vintage` | book |
| loss | expected by the terms of the programmes as they stand, and realised | book, proved state |
| as priced | probability of late payment at purchase and realised share late, in tenths | book |
| ageing | principal by days past due, the buckets of `contracts.disclosure.ageing` | book |
| concentration | principal by obligor and supplier, and the sum of the squared shares (Herfindahl) | book |
| calibration | predicted and realised share late of its invoices, `clients.models.model_report` | export |

Everything is by currency but the calibration: amounts of two currencies never meet. What the calibration
scores is each invoice as the ledger knew it on the day of its confirmation
(`contracts.pricing.training`), by the model that is in force, on invoices confirmed after its training, or by
shrinkage where no model is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from clients.models.model_report import Band, Figures, bands
from contracts.disclosure.ageing import BUCKETS, bucket_of, share
from contracts.holdings import portfolio, portfolio_views, vintage
from contracts.holdings.book import Totals
from contracts.holdings.portfolio import Group, Performance, Position
from contracts.holdings.vintage import Claim, Fared, LossOf, Vintage
from ledger import codec
from ledger.dates import iso_from_day
from ledger.money import PPM, divide_down, divide_half_away

MAX_BINS = 15
"""Bins of a distribution."""

LEAST_RATE_PPM = 1_000
"""Width of a bin of rates, at least: a tenth of a percent."""

SHOWN_NAMES = 10
"""Obligors or suppliers that a page and a chart name; JSON has all."""


class Source(NamedTuple):
    """What the figures are computed from, and where that is proved."""

    kind: str
    """ "book" or "export"."""
    height: int
    block: str
    """Hash of the block after which this was the state, hex."""
    records: int
    """Of the book: all of them."""
    losses_at: int | None
    """Height of the oldest state that gave the programmes' terms; None without them."""


class Calibration(NamedTuple):
    """How predictions of late payment fared on the invoices of a book."""

    model: str
    """Hash of the model in force, hex; empty where shrinkage holds."""
    since: int
    """First day of confirmation that counts: the one after the model's training, days since 1970."""
    invoices: int
    """Of the book, confirmed since then."""
    open: int
    """Those of them without an outcome."""
    figures: Figures | None
    """None if none of them has an outcome."""


class Basis(NamedTuple):
    """What a report is computed from."""

    lender: str
    day: int
    """Business day, days since 1970."""
    source: Source
    records: tuple[codec.Value, ...]
    """The whole book."""
    totals: Mapping[str, Totals]
    leaves: Mapping[tuple[str, str, str], int]
    """(obligor, certificate, currency) -> minor units held of certificates."""
    loss_of: LossOf
    calibration: Calibration | None
    """None without an export, which alone shows what the ledger knew of every payment."""


class Distribution(NamedTuple):
    """How often a figure lies where: bins of one width, from `first` on; each without its upper edge."""

    first: int
    width: int
    counts: tuple[int, ...]
    mean: int | None
    """Weighted by the advance, half away; None of nothing."""

    @property
    def edges(self) -> tuple[int, ...]:
        """The edges of the bins, one more than there are bins."""
        return tuple(self.first + self.width * place for place in range(len(self.counts) + 1))


class Bucket(NamedTuple):
    """Principal of so many days past due."""

    name: str
    claims: int
    principal: int
    share_ppm: int


class Names(NamedTuple):
    """How the principal is spread over obligors, or over suppliers."""

    groups: tuple[Group, ...]
    """Greatest principal first."""
    index_ppm: int
    """Σ of the squared shares: all of one name is 1,000,000."""


class Part(NamedTuple):
    """The report of one currency; minor units."""

    currency: str
    totals: Totals
    expected_yield_ppm: int
    """Of open claims, at purchase."""
    overdue: int
    months: tuple[Performance, ...]
    rolling: Performance
    yields: Distribution
    """ppm a year on what was paid out."""
    discounts: Distribution
    """Discount and fee in ppm of the advance."""
    lateness: Distribution
    """Expected days late."""
    fared: Fared
    as_priced: tuple[Band, ...]
    """Judged claims by the probability of late payment for which they were priced."""
    vintages: tuple[Vintage, ...]
    ageing: tuple[Bucket, ...]
    obligors: Names
    suppliers: Names


class Report(NamedTuple):
    """A lender's portfolio report."""

    lender: str
    day: int
    source: Source
    parts: tuple[Part, ...]
    """By currency."""
    leaves: tuple[tuple[str, str, str, int], ...]
    """(obligor, certificate, currency, minor units)."""
    calibration: Calibration | None


def report(basis: Basis) -> Report:
    """The figures."""
    claims = vintage.claims(basis.records)
    parts = []
    for currency in sorted(basis.totals):
        own = [claim for claim in claims if claim.position.currency == currency]
        parts.append(_part(basis, currency, own))
    leaves = tuple([(*key, amount) for key, amount in sorted(basis.leaves.items())])
    return Report(basis.lender, basis.day, basis.source, tuple(parts), leaves, basis.calibration)


def _part(basis: Basis, currency: str, claims: Sequence[Claim]) -> Part:
    held, day = [claim.position for claim in claims], basis.day
    flows, spans = portfolio.flows(basis.records, currency), portfolio.months(day)
    at_risk = [position for position in held if position.principal]
    return Part(
        currency,
        basis.totals[currency],
        portfolio.expected_yield([position for position in held if position.is_open]),
        sum(position.principal for position in at_risk if position.days_past_due(day)),
        tuple([portfolio.performance(flows, held, currency, *span) for span in spans]),
        portfolio.performance(flows, held, currency, spans[0][0], spans[-1][1]),
        distribution(held, lambda one: portfolio.expected_yield((one,)), LEAST_RATE_PPM),
        distribution(
            held, lambda one: divide_half_away(one.charges * PPM, one.sums.advanced), LEAST_RATE_PPM
        ),
        distribution(held, vintage.expected_late, 1),
        vintage.fared(held, day, basis.loss_of),
        bands(vintage.foretold(held, day)),
        vintage.vintages(claims, day, basis.loss_of),
        _ageing(at_risk, day),
        _names(held, "obligor", day),
        _names(held, "supplier", day),
    )


def distribution(
    held: Iterable[Position], figure: Callable[[Position], int], least_width: int
) -> Distribution:
    """How a figure of claims is spread, in at most `MAX_BINS` bins of a round width of at least so much."""
    found = [(figure(position), position.sums.advanced) for position in held if position.sums.advanced]
    if not found:
        return Distribution(0, least_width, (), None)
    least, most = min(value for value, _ in found), max(value for value, _ in found)
    width = _width(most - least, least_width)
    first = divide_down(least, width) * width
    counts = Counter((value - first) // width for value, _ in found)
    weight = sum(amount for _, amount in found)
    mean = divide_half_away(sum(value * amount for value, amount in found), weight)
    return Distribution(first, width, tuple(counts[place] for place in range(max(counts) + 1)), mean)


def _width(span: int, least: int) -> int:
    """The smallest of 1, 2, 5, 10 … times `least`, a power of ten, by which `MAX_BINS` cover the span."""
    power = least
    while True:
        for factor in (1, 2, 5):
            if span // (power * factor) + 2 <= MAX_BINS:
                return power * factor
        power *= 10


def _ageing(at_risk: Sequence[Position], day: int) -> tuple[Bucket, ...]:
    counts, sums = [0] * len(BUCKETS), [0] * len(BUCKETS)
    for position in at_risk:
        place = bucket_of(position.days_past_due(day))
        counts[place] += 1
        sums[place] += position.principal
    whole = sum(sums)
    rows = zip(BUCKETS, counts, sums, strict=True)
    return tuple([Bucket(name, count, amount, share(amount, whole)) for name, count, amount in rows])


def _names(held: Sequence[Position], by: str, day: int) -> Names:
    groups = portfolio.groups(held, by, day)
    whole = sum(group.principal for group in groups)
    squares = sum(group.principal**2 for group in groups)
    return Names(groups, divide_half_away(squares * PPM, whole * whole) if whole else 0)


# the JSON twin


def document(found: Report) -> dict[str, Any]:
    """The report for JSON: every figure of the page, and what it is computed from."""
    return {
        "lender": found.lender,
        "business_date": iso_from_day(found.day),
        "proved": True,
        "source": found.source._asdict(),
        "currencies": {part.currency: _part_document(part) for part in found.parts},
        "certificates": [
            {"obligor": obligor, "certificate": certificate, "currency": currency, "amount": amount}
            for obligor, certificate, currency, amount in found.leaves
        ],
        "calibration": None if found.calibration is None else _calibration_document(found.calibration),
    }


def _part_document(part: Part) -> dict[str, Any]:
    return {
        "totals": part.totals._asdict(),
        "expected_yield_ppm": part.expected_yield_ppm,
        "overdue": part.overdue,
        "months": [portfolio_views.performance_view(month) for month in part.months],
        "rolling": portfolio_views.performance_view(part.rolling),
        "prices": {
            "yield_ppm": _distribution_document(part.yields),
            "discount_ppm": _distribution_document(part.discounts),
            "expected_days_late": _distribution_document(part.lateness),
        },
        "fared": _fared_document(part.fared),
        "as_priced": [band._asdict() for band in part.as_priced],
        "vintages": [
            {
                "month": one.month,
                "claims": one.claims,
                "kept": one.kept,
                "advanced": one.advanced,
                "fared": _fared_document(one.fared),
                "paid_back": [{**aged._asdict(), "paid_ppm": aged.paid_ppm} for aged in one.aged],
            }
            for one in part.vintages
        ],
        "ageing": [bucket._asdict() for bucket in part.ageing],
        "obligors": _names_document(part.obligors),
        "suppliers": _names_document(part.suppliers),
    }


def _distribution_document(found: Distribution) -> dict[str, Any]:
    return {"edges": list(found.edges), "claims": list(found.counts), "mean": found.mean}


def _fared_document(found: Fared) -> dict[str, Any]:
    return {**found._asdict(), "late_ppm": found.late_ppm, "ratio_ppm": found.ratio_ppm}


def _names_document(found: Names) -> dict[str, Any]:
    groups = [portfolio_views.group_view(group) for group in found.groups]
    return {"index_ppm": found.index_ppm, "groups": groups}


def _calibration_document(found: Calibration) -> dict[str, Any]:
    figures = None if found.figures is None else found.figures.as_dict()
    return {**found._asdict(), "since": iso_from_day(found.since), "figures": figures}
