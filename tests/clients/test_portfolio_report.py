"""The portfolio report of a small book by hand; its page is well-formed, escaped, and needs nothing else."""

from __future__ import annotations

import json
import re
from io import BytesIO
from typing import Any

import pytest
from lxml import etree

from clients.models.model_report import fared, interval
from clients.reports import chart, portfolio_charts, raster
from clients.reports.chart import Bar, Judged, Section, Series
from clients.reports.drawing import LIGHT, Drawing
from clients.reports.portfolio_page import page
from clients.reports.portfolio_report import (
    Basis,
    Calibration,
    Distribution,
    Report,
    Source,
    distribution,
    document,
    report,
)
from contracts.holdings import book
from contracts.holdings.book import Totals
from contracts.holdings.portfolio import positions
from contracts.pricing.lateness import FEATURES
from contracts.pricing.model import shrinkage
from contracts.pricing.training import PAID, Example
from ledger import codec
from ledger.dates import day_from_iso

JANUARY = day_from_iso("2026-01-05")
DAY = day_from_iso("2026-04-30")
NASTY = "<script>alert('x')</script> & \"co\""
SVG = "{http://www.w3.org/2000/svg}"


def record(day: int, kind: str, invoice: str, currency: str = "EUR", **places: int | str) -> codec.Value:
    names = book.RECORD_FIELDS[kind]
    return (day, kind, currency, "acme", invoice, *(places.get(name, 0) for name in names))


def bought(day: int, invoice: str, advance: int, buyer: str = "mega", currency: str = "EUR") -> codec.Value:
    """For 30 days and 2 expected late ones, at 1 % of the advance."""
    terms = {"buyer": buyer, "programme": "prime", "net": advance, "tenor_days": 32, "due_date": day + 30}
    terms["expected_date"] = day + 32
    return record(day, "buy", invoice, currency, advance=advance, discount=advance // 100, **terms)


RECORDS = (
    bought(JANUARY, "A", 100_000_00),
    bought(JANUARY + 1, "B", 300_000_00, NASTY),
    record(JANUARY + 28, "collect", "A", principal=100_000_00),
    record(JANUARY + 28, "end", "A"),
    bought(DAY - 10, "C", 50_000_00),
    bought(DAY - 5, "Y", 9_000, "nova", "JPY"),
)
"""On the day A is paid two days early, B is 84 days past due, C not due; yen have no minor unit."""


def examples(count: int) -> list[Example]:
    """Invoices of which the first half is predicted to be late with a fifth, the others with four fifths."""
    place = FEATURES.index("weekday_late")
    found = []
    for number in range(count):
        description = [0] * len(FEATURES)
        description[place] = 200_000 if number < count // 2 else 800_000
        late = number % 5 == 0 if number < count // 2 else number % 5 != 0
        found.append(
            Example(
                "acme", "mega", str(number), "EUR", 1, 1, 1, 1, tuple(description), PAID, 3 if late else -1, 9
            )
        )
    return found


def basis(records: tuple[codec.Value, ...] = RECORDS, calibration: Calibration | None = None) -> Basis:
    totals: Any = book.EMPTY
    for one in records:
        totals = book.fold(totals, one)
    return Basis(
        "fund & sons",
        DAY,
        Source("export", 77, "ab" * 32, len(records), 77),
        records,
        {currency: Totals._make(sums) for currency, sums in totals.items()},
        {(NASTY, "C-1", "EUR"): 500_00},
        lambda position: position.sums.advanced // 1_000,
        calibration,
    )


@pytest.fixture
def found() -> Report:
    return report(basis(calibration=Calibration("", 0, 44, 4, fared(examples(40), shrinkage))))


def test_the_figures_are_those_of_the_book(found: Report) -> None:
    euro, yen = found.parts
    assert (euro.currency, yen.currency) == ("EUR", "JPY")
    assert (euro.totals.open, euro.totals.claims, euro.totals.principal) == (2, 3, 350_000_00)
    assert euro.overdue == 300_000_00
    assert [(one.name, one.claims, one.principal) for one in euro.ageing] == [
        ("not due", 1, 50_000_00),
        ("1-30", 0, 0),
        ("31-60", 0, 0),
        ("61-89", 1, 300_000_00),
        ("90 and more", 0, 0),
    ]
    assert euro.ageing[3].share_ppm == 857_143
    """Expected 2 days of both; realised (100·0 + 300·84) / 400 = 63 days."""
    assert (euro.fared.claims, euro.fared.late, euro.fared.open) == (2, 1, 1)
    assert (euro.fared.expected_centidays, euro.fared.realised_centidays) == (200, 6_300)
    assert (euro.fared.expected_loss, euro.fared.realised_loss) == (400_00, 0)
    """(300² + 50²) / 350² = 0.755102"""
    assert [group.name for group in euro.obligors.groups] == [NASTY, "mega"]
    assert euro.obligors.index_ppm == 755_102
    assert yen.suppliers.index_ppm == 1_000_000
    """1 % of the advance for 32 days on 99 %: 365 / 32 / 99."""
    assert euro.discounts == Distribution(10_000, 1_000, (3,), 10_000)
    assert euro.yields.mean == 115_215
    assert [one.month for one in euro.vintages] == ["2026-01", "2026-04"]


def test_json_has_every_figure_of_the_page_and_what_it_follows_from(found: Report) -> None:
    shown = document(found)
    assert json.loads(json.dumps(shown)) == shown, "plain values only"
    assert shown["source"] == {
        "kind": "export",
        "height": 77,
        "block": "ab" * 32,
        "records": len(RECORDS),
        "losses_at": 77,
    }
    euro = shown["currencies"]["EUR"]
    assert euro["totals"]["principal"] == 350_000_00
    assert euro["vintages"][0]["paid_back"][0]["paid_ppm"] == 250_000
    assert euro["prices"]["expected_days_late"] == {"edges": [2, 3], "claims": [3], "mean": 2}
    assert shown["calibration"]["figures"]["bands"][0]["invoices"] == 4
    assert shown["business_date"] == "2026-04-30"


def test_the_page_is_well_formed_escaped_and_needs_nothing_else(found: Report) -> None:
    text = page(found)
    root = etree.fromstring(text.encode(), etree.XMLParser(resolve_entities=False, no_network=True))
    assert root.tag == "html"
    assert not re.search(r"https?:|url\(|@import|\bsrc\b|\bhref=\"(?!#)|<link|javascript", text)
    assert {node.tag for node in root.iter()}.isdisjoint({"script", "iframe", "img", "object", "link"})
    assert NASTY not in text
    shown = "".join(root.itertext())
    assert NASTY in shown
    for figure in ("350,000.00 EUR", "9,000 JPY", "300,000.00", "63.00 d", "75.5 %", "Principal by obligor"):
        assert figure in shown
    captions = [node for node in root.iter("figcaption") if "height 77" not in "".join(node.itertext())]
    assert len(captions) == 1, "all but the legend of the tenths say from which height they are"
    assert text.count("<svg ") == text.count("</svg>") >= 9


def test_the_page_rounds_as_the_terminal_does_and_names_no_yield_of_nothing() -> None:
    """1 of 400 overdue: 2,500 ppm are 0.3 %, half away from zero."""
    late, rest = bought(JANUARY, "A", 1_00, "nova"), bought(DAY - 1, "B", 399_00)
    assert "1.00 (0.3 %)" in page(report(basis((late, rest))))
    over = (late, record(DAY, "collect", "A", principal=1_00), record(DAY, "end", "A"))
    shown = page(report(basis(over)))
    assert "<dt>expected yield, open claims</dt><dd>–</dd>" in shown
    assert "that buyers, suppliers and insurers had paid" in shown


def test_a_page_without_claims_or_predictions_says_so() -> None:
    empty = page(report(basis(())._replace(leaves={})))
    assert "has paid for no claim" in empty
    assert "export of the whole ledger" in empty
    unknown = report(basis(calibration=Calibration("ab" * 32, JANUARY, 5, 5, None)))
    assert "5 of them open" in page(unknown)
    assert portfolio_charts.calibration(unknown.calibration, "") is None


def test_every_drawing_is_svg_by_itself(found: Report) -> None:
    note = portfolio_charts.provenance(found)
    drawings = portfolio_charts.charts(found, found.parts[0])
    curve = portfolio_charts.calibration(found.calibration, note)
    assert curve is not None
    assert {*drawings, portfolio_charts.CALIBRATION} == portfolio_charts.TITLES.keys()
    for drawing in (*drawings.values(), curve):
        text = drawing.svg()
        root = etree.fromstring(text.encode())
        assert root.tag == f"{SVG}svg"
        assert "height 77" in "".join(root.itertext())
        assert not re.search(r"https?:", text.replace("http://www.w3.org/2000/svg", ""))
        for node in root.iter(f"{SVG}rect", f"{SVG}circle", f"{SVG}text"):
            across = float(node.get("x") or node.get("cx") or 0)
            down = float(node.get("y") or node.get("cy") or 0)
            assert 0 <= across <= float(root.get("width"))
            assert 0 <= down <= float(root.get("height"))
    assert len(etree.fromstring(curve.svg().encode()).findall(f".//{SVG}circle")) == 10


def test_a_vintage_of_which_a_part_was_sold_is_drawn_by_what_was_kept() -> None:
    sale = record(JANUARY + 20, "sell", "B", to_lender="other", price=299_000_00, principal=300_000_00)
    shown = report(basis((*RECORDS[:2], sale, *RECORDS[2:])))
    month = shown.parts[0].vintages[0]
    assert (month.claims, month.kept) == (2, 1)
    assert [(aged.claims, aged.paid_ppm) for aged in month.aged[:2]] == [(1, 1_000_000)] * 2
    assert "paid-back" in portfolio_charts.charts(shown, shown.parts[0])
    assert "% of 1" not in page(shown)


def test_few_bins_are_no_wall_and_count_in_whole_claims(found: Report) -> None:
    drawn = portfolio_charts.charts(found, found.parts[1])
    (column,) = _rects(drawn["yields"])
    assert float(column["width"]) < 80
    shown = [node.text for node in etree.fromstring(drawn["yields"].inline()).iter("text")]
    assert "0.5" not in shown
    assert shown[:2] == ["0", "1"]
    days = [node.text for node in etree.fromstring(drawn["expected-lateness"].inline()).iter("text")]
    assert "0" in days
    assert not any(text.startswith("-") for text in days)


def test_a_drawing_is_a_png_of_its_size() -> None:
    image = pytest.importorskip("PIL.Image", reason="Pillow comes with the extra `portfolio`")
    drawing = chart.bars("Title", (Section("", (Bar("whole", 10, "10"), Bar("half", -5, "-5"))),), "note")
    picture = image.open(BytesIO(raster.png(drawing))).convert("RGB")
    framed = drawing.framed
    assert picture.size == (framed.width * raster.SCALE, framed.height * raster.SCALE)
    colours = {f"#{red:02x}{green:02x}{blue:02x}" for _, (red, green, blue) in picture.getcolors(10**6)}
    assert {LIGHT["ground"], LIGHT["first"], LIGHT["below"]} <= colours


def test_bars_and_columns_have_lengths_in_proportion() -> None:
    drawing = chart.bars("Title", (Section("", (Bar("whole", 10, "10"), Bar("half", -5, "-5"))),))
    whole, half = _rects(drawing)
    assert (whole["width"], half["width"]) == ("380.0", "190.0")
    assert (whole["class"], half["class"]) == ("f-first", "f-below")
    first, second = _rects(chart.columns("Title", ("0", "1", "2"), (4, 2), "across", "up"))
    assert float(first["height"]) == 2 * float(second["height"])


def test_a_curve_breaks_where_there_is_no_figure() -> None:
    places = [(float(at), str(at)) for at in range(5)]
    drawing = chart.curves("Title", places, [Series("a", (1, 2, None, 3, None))], str, "across", "up")
    root = etree.fromstring(drawing.svg().encode())
    lines = [node for node in root.iter(f"{SVG}polyline") if node.get("class") == "s-first"]
    assert [len(line.get("points").split()) for line in lines] == [2]
    assert len(list(root.iter(f"{SVG}circle"))) == 3


def test_a_right_prediction_stands_on_the_dashed_line() -> None:
    root = etree.fromstring(chart.calibration("Title", [Judged(0.5, 0.5, 0.4, 0.6)]).svg().encode())
    (dashed,) = [node for node in root.iter(f"{SVG}polyline") if node.get("stroke-dasharray")]
    (x0, y0), (x1, y1) = [tuple(map(float, place.split(","))) for place in dashed.get("points").split()]
    (dot,) = root.iter(f"{SVG}circle")
    assert (float(dot.get("cx")), float(dot.get("cy"))) == ((x0 + x1) / 2, (y0 + y1) / 2)


def _rects(drawing: Drawing) -> list[dict[str, str]]:
    root = etree.fromstring(drawing.inline())
    return [dict(node.attrib) for node in root.iter("rect")]


@pytest.mark.parametrize(
    ("least", "step"), [(1, 1), (1.1, 2), (3, 5), (7, 10), (40, 50), (0.3, 0.5), (0.02, 0.02)]
)
def test_steps_of_an_axis_are_round(least: float, step: float) -> None:
    assert chart.round_step(least) == pytest.approx(step)


def test_a_distribution_has_every_claim_once_in_bins_of_a_round_width() -> None:
    """0, 7 and 29 days in bins of 5 would be six; of 2 they would be 16, which are too many."""
    records = [
        record(JANUARY, "buy", str(late), advance=100, tenor_days=30 + late, due_date=JANUARY + 30, net=100)
        for late in (0, 7, 29)
    ]
    found = distribution(positions(records), lambda one: one.tenor_days - 30, 1)
    assert found == Distribution(0, 5, (1, 1, 0, 0, 0, 1), 12)
    assert found.edges == (0, 5, 10, 15, 20, 25, 30)
    assert distribution((), lambda _: 0, 10) == Distribution(0, 10, (), None)
    narrow = distribution(positions(records), lambda one: one.tenor_days, 1_000)
    assert (narrow.first, narrow.width, narrow.counts) == (0, 1_000, (3,))
    wide = [record(JANUARY, "buy", "X", advance=100, discount=cost) for cost in (-3, 10**12)]
    assert sum(distribution(positions(wide), lambda one: one.charges, 1).counts) == 2


@pytest.mark.parametrize(
    ("hits", "count", "low", "high"),
    [(0, 10, 0, 0.2129), (10, 10, 0.7871, 1), (5, 10, 0.2693, 0.7307), (81, 263, 0.2633, 0.3566)],
)
def test_the_interval_of_a_share_is_wilson_s(hits: int, count: int, low: float, high: float) -> None:
    """Against (p + z²/2n ± z √(p(1 - p)/n + z²/4n²)) / (1 + z²/n) in floating point, z = 1.644854."""
    z, p = 1.6448536269514722, hits / count
    middle, half = p + z * z / 2 / count, z * (p * (1 - p) / count + z * z / 4 / count**2) ** 0.5
    exact = [(middle + sign * half) / (1 + z * z / count) for sign in (-1, 1)]
    found = [ppm / 1e6 for ppm in interval(hits, count)]
    assert found == pytest.approx(exact, abs=3e-6)
    assert found == pytest.approx([low, high], abs=1e-4)


def test_the_tenths_of_a_calibration_say_what_happened_to_them() -> None:
    figures = fared(examples(100), shrinkage)
    assert [band.predicted_ppm for band in figures.bands] == [200_000] * 5 + [800_000] * 5
    assert [band.late_ppm for band in figures.bands] == [200_000] * 5 + [800_000] * 5
    assert all(band.low_ppm < band.late_ppm < band.high_ppm for band in figures.bands)
