"""The portfolio report and a quote's chart in a real browser: legible on a phone and on a desk."""

from __future__ import annotations

from html import escape
from pathlib import Path

import pytest
from chromium import BROWSER, NEEDS, Measure, measured
from test_portfolio_report import basis, bought, examples

from clients.cli.pricing.quote_story import LATENESS_WORDS
from clients.models.model_report import fared
from clients.reports import chart
from clients.reports.chart import Bar, Section
from clients.reports.portfolio_page import page
from clients.reports.portfolio_report import Calibration, report
from contracts.pricing.model import shrinkage
from ledger.dates import day_from_iso

pytestmark = pytest.mark.skipif(BROWSER is None, reason=NEEDS)

PHONE, TABLET, DESK = 360, 768, 1280
LEAST_TEXT_PX = 10
"""The least height of a drawing's text on a phone, where such a pixel is two or three of the screen's."""


def test_the_report_fits_every_screen_and_asks_for_nothing(tmp_path: Path) -> None:
    """A large book: twelve months, many names, amounts of billions."""
    first = day_from_iso("2025-05-05")
    records = tuple(
        bought(
            first + 7 * week, f"I{week}", 10 ** (7 + week % 5), f"buyer-of-a-long-name-{week % 12}", currency
        )
        for week in range(51)
        for currency in ("EUR", "JPY")
    )
    figures = fared(examples(400), shrinkage)
    shown = page(report(basis(records, Calibration("ab" * 32, first, 400, 40, figures))))
    assert shown.count("<svg ") >= 17
    for at in legible(shown, tmp_path):
        assert at.across == at.width, "it does not scroll sideways"
        assert at.beyond == []
        assert at.dangling == []


def test_a_quotes_chart_shows_every_word_of_its_reasons(tmp_path: Path) -> None:
    """In a file by itself title and note are part of it, and a note has a hash of 64 letters."""
    known = LATENESS_WORDS.values()
    reasons = tuple(
        Bar(words, 100 * place, "-123,456,789.00 EUR"[place % 12 :]) for place, words in enumerate(known)
    )
    title = "Invoice RE/2024-00017-B of a-supplier-of-a-long-name to another-of-that-kind under early-pay"
    drawing = chart.bars(
        title, [Section("Why it is expected so many days late", reasons)], f"block {'ab' * 32}"
    )
    drawn = drawing.svg()
    legible(f"<!DOCTYPE html><body style='margin:0'>{drawn}</body>", tmp_path, widths=(drawing.framed.width,))
    for words in known:
        assert escape(words) in drawn, "no label is shortened"


def test_what_is_wrong_with_a_page_is_measured(tmp_path: Path) -> None:
    """Else a page could pass because nobody looked."""
    wrong = (
        "<!DOCTYPE html><body style='margin:0'><div style='width:900px'>wide</div><a href='#none'>on</a>"
        "<img src='http://127.0.0.1:47123/missing.png'><svg viewBox='0 0 100 100' width='50'>"
        "<text x='0' y='20' font-size='10'>one</text><text x='2' y='20' font-size='10'>other</text>"
        "<text x='80' y='60' font-size='10'>beyond it</text></svg><script>console.error('said')</script>"
    )
    (at,), console = measured(wrong, (PHONE,), tmp_path)
    assert (at.width, at.across) == (PHONE, 900)
    assert at.beyond == ["wide"]
    assert (at.cut, at.meeting) == (["beyond it"], ["one | other"])
    assert at.smallest == 5
    assert [name.rsplit("/", 1)[-1] for name in at.requests] == ["missing.png"]
    assert at.dangling == ["#none"]
    assert "said" in console


def legible(shown: str, folder: Path, widths: tuple[int, ...] = (PHONE, TABLET, DESK)) -> list[Measure]:
    """What was measured, of a page whose drawings can be read whole at each width."""
    found, console = measured(shown, widths, folder)
    assert console == ""
    for at in found:
        assert at.requests == []
        assert (at.cut, at.meeting) == ([], []), at.width
        assert at.smallest >= LEAST_TEXT_PX, at.width
    return found
