"""The charts of a portfolio report, by name: drawings that a page shows and a file holds alone.

Each says in its note from which proved height it is. Months of purchase are vintages: of the share paid back
the newest four that are old enough are drawn, up to the age that all of their claims have reached, so that a
curve never falls; the page's table has the others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from clients.models.model_report import Band
from clients.reports import chart
from clients.reports.chart import Bar, Judged, Section, Series
from clients.reports.drawing import SERIES, Drawing
from clients.reports.portfolio_report import SHOWN_NAMES, Calibration, Distribution, Names, Part, Report
from clients.wording import short_percent
from contracts.holdings.vintage import AGES
from ledger.dates import iso_from_day
from ledger.money import PPM, Money

CALIBRATION = "calibration"
TITLES = {
    "yields": "Yield at purchase",
    "discounts": "Discount and fee on the advance",
    "expected-lateness": "Expected days late",
    "lateness": "Days late, expected and realised",
    "as-priced": "Share late, as priced and realised",
    "paid-back": "Paid back, by month of purchase",
    "ageing": "Ageing of the principal",
    "obligors": "Principal by obligor",
    "suppliers": "Principal by supplier",
    CALIBRATION: "Predicted and realised share late",
}
"""What each chart is called; those of one currency before the one of all."""

WELL_AGED = AGES.index(30)
"""A vintage is drawn once all of its claims have reached this age; if none has, those that are due."""
MOST_MONTHS = 12
LEAST_BINS = 7


def charts(report: Report, part: Part) -> dict[str, Drawing]:
    """The charts of one currency that have something to show."""
    note = provenance(report)
    currency = part.currency
    found = {
        "yields": _histogram(part.yields, "yields", short_percent, "yield a year", note),
        "discounts": _histogram(part.discounts, "discounts", short_percent, "share of the advance", note),
        "expected-lateness": _histogram(part.lateness, "expected-lateness", str, "days", note),
        "lateness": _lateness(part, note),
        "as-priced": _curve("as-priced", part.as_priced, note),
        "paid-back": _paid_back(part, note),
        "ageing": _ageing(part, note),
        "obligors": _names(part.obligors, "obligors", currency, note),
        "suppliers": _names(part.suppliers, "suppliers", currency, note),
    }
    return {name: drawing for name, drawing in found.items() if drawing is not None}


def provenance(report: Report) -> str:
    """From what, as of which day."""
    source = report.source
    return (
        f"{report.lender}, {iso_from_day(report.day)}; {source.kind} proved at height {source.height}, "
        f"block {source.block[:16]}…"
    )


def _histogram(
    found: Distribution, name: str, shown: Callable[[int], str], of: str, note: str
) -> Drawing | None:
    if not found.counts:
        return None
    wide = _widened(found)
    return chart.columns(TITLES[name], [shown(edge) for edge in wide.edges], wide.counts, of, "claims", note)


def _widened(found: Distribution) -> Distribution:
    """With empty bins on both sides, so that few bins make no wall; none below zero that was not there."""
    before = after = max(0, LEAST_BINS - len(found.counts) + 1) // 2
    if found.first >= 0:
        before = min(before, found.first // found.width)
    counts = (*[0] * before, *found.counts, *[0] * after)
    return found._replace(first=found.first - before * found.width, counts=counts)


def _lateness(part: Part, note: str) -> Drawing | None:
    months = [one for one in part.vintages if one.fared.claims][-MOST_MONTHS:]
    if not months:
        return None
    places = [(float(place), one.month) for place, one in enumerate(months)]
    series = (
        Series("expected", tuple(one.fared.expected_centidays / 100 for one in months)),
        Series("realised", tuple(one.fared.realised_centidays / 100 for one in months)),
    )
    across, up = "month of purchase", "days late, weighted by the advance"
    return chart.curves(TITLES["lateness"], places, series, lambda days: f"{days:g}", across, up, note=note)


def _paid_back(part: Part, note: str) -> Drawing | None:
    shown = [one for one in part.vintages if one.aged[WELL_AGED].claims == one.kept > 0] or [
        one for one in part.vintages if one.aged[0].claims == one.kept > 0
    ]
    if not shown:
        return None
    series = [
        Series(
            one.month,
            tuple((aged.paid_ppm or 0) / PPM if aged.claims == one.kept else None for aged in one.aged),
        )
        for one in shown[-len(SERIES) :]
    ]
    places = [(float(age), str(age)) for age in AGES]
    across, up = "days past the due date at purchase", "share of the advance"
    title = TITLES["paid-back"]
    return chart.curves(title, places, series, chart.in_percent, across, up, most=1.0, note=note)


def _ageing(part: Part, note: str) -> Drawing | None:
    rows = tuple(
        Bar(
            f"{bucket.name} ({bucket.claims})",
            bucket.principal,
            f"{Money(bucket.principal, part.currency)}, {short_percent(bucket.share_ppm, 1)}",
        )
        for bucket in part.ageing
    )
    if not any(row.value for row in rows):
        return None
    return chart.bars(TITLES["ageing"], (Section("", rows),), note)


def _names(found: Names, name: str, currency: str, note: str) -> Drawing | None:
    rows = tuple(
        Bar(
            group.name,
            group.principal,
            f"{Money(group.principal, currency)}, {short_percent(group.share_ppm, 1)}",
        )
        for group in found.groups[:SHOWN_NAMES]
        if group.principal
    )
    return chart.bars(TITLES[name], (Section("", rows),), note) if rows else None


def calibration(found: Calibration | None, note: str) -> Drawing | None:
    """The calibration curve; None without an invoice that has an outcome."""
    return None if found is None or found.figures is None else _curve(CALIBRATION, found.figures.bands, note)


def _curve(name: str, bands: Sequence[Band], note: str) -> Drawing | None:
    judged = [
        Judged(*(ppm / PPM for ppm in (band.predicted_ppm, band.late_ppm, band.low_ppm, band.high_ppm)))
        for band in bands
    ]
    return chart.calibration(TITLES[name], judged, note) if judged else None
