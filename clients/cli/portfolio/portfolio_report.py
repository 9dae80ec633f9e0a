"""`tally portfolio report`: a lender's portfolio as one page, single charts, or figures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from clients.cli.amounts import money
from clients.cli.exits import UsageProblem
from clients.cli.options import (
    GenesisFile,
    Json,
    ProfileFile,
    load_profile,
    open_session,
    save,
    trusted_genesis,
)
from clients.cli.portfolio.books import AsOf, BookFile, Lender, open_holdings
from clients.cli.screen import GOOD, Screen, examples
from clients.errors import PORTFOLIO_EXTRA
from clients.reports import portfolio_basis, portfolio_charts, raster
from clients.reports.drawing import Drawing
from clients.reports.portfolio_charts import CALIBRATION, TITLES
from clients.reports.portfolio_page import page
from clients.reports.portfolio_report import Basis, Report, document, report
from clients.wording import counted, short_percent
from ledger.dates import iso_from_day

PAGE, SVG, PNG = ".html", ".svg", ".png"
KINDS = (PAGE, SVG, PNG)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        name="report",
        epilog=examples(
            "tally portfolio report --out fund.html --profile net/profiles/fund.json",
            "tally portfolio report --from ledger.export --out fund.html --profile net/profiles/fund.json",
            "tally portfolio report --from ledger.export --lender fund --genesis genesis.block --json",
            "tally portfolio report --from ledger.export --chart calibration --out calibration.svg \\",
            "    --profile net/profiles/fund.json",
            "tally portfolio report --book fund.book --date 2026-03-31 --genesis genesis.block \\",
            "    --chart paid-back --currency EUR --out paid-back.png",
        ),
    )(show_report)


def show_report(
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="Page (.html), or with --chart one drawing (.svg, .png)."),
    ] = None,
    chart: Annotated[str, typer.Option(help=f"One drawing: {', '.join(TITLES)}.")] = "",
    currency: Annotated[
        str, typer.Option("--currency", "-c", help="Of the drawing; needed if there are several.")
    ] = "",
    from_: Annotated[
        Path | None,
        typer.Option("--from", help="Export of the whole ledger: the only source of the calibration."),
    ] = None,
    lender: Lender = None,
    book: BookFile = None,
    date: AsOf = None,
    genesis: GenesisFile = None,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """Prices, lateness and loss expected and realised, ageing, vintages, concentration, calibration.

    Computed here from a complete, proved book; each figure says from which height, and `--json` has all of
    them. A page by itself needs nothing else. From a node or a saved book it has no calibration: that needs
    what the ledger knew of every payment, so an export of the whole ledger.
    """
    kind = _kind(out, chart)
    screen = Screen(json)
    found = report(_basis(screen, from_, lender, book, date, genesis, profile))
    if out is not None:
        data = page(found).encode() if kind == PAGE else _drawn(found, chart, currency, kind)
        save(data, out, "report")
    shown = document(found)
    if screen.answer(shown | {"file": None if out is None else str(out)}):
        return
    _show(screen, found)
    if out is not None:
        screen.note(f"saved in {out}")
    else:
        screen.note("The whole of it as a page: --out report.html; all figures: --json.")


def _kind(out: Path | None, chart: str) -> str:
    """What the file is to be; refuses what does not go together before anything is asked for."""
    if chart and chart not in TITLES:
        raise UsageProblem(
            "no such drawing", code="chart", field="--chart", found=chart[:40], expected=", ".join(TITLES)
        )
    if out is None:
        if chart:
            raise UsageProblem(
                "a drawing needs a file",
                code="chart",
                field="--out",
                expected="a name that ends in .svg or .png",
            )
        return ""
    kind = out.suffix.lower()
    if kind not in KINDS:
        raise UsageProblem(
            "not a kind of file that a report is written as",
            code="file_kind",
            field="--out",
            found=out.name[-40:],
            expected=f"a name that ends in {', '.join(KINDS)}",
        )
    if (kind == PAGE) == bool(chart):
        raise UsageProblem(
            "a page has all drawings, a picture has one",
            code="chart",
            field="--chart",
            found=chart or "none",
            expected="none with .html" if chart else f"one of {', '.join(TITLES)}",
        )
    if kind == PNG and not raster.can_raster():
        raise UsageProblem(
            "PNG needs Pillow", code="no_pillow", field="--out", expected="Pillow", remedy=PORTFOLIO_EXTRA
        )
    return kind


def _basis(
    screen: Screen,
    from_: Path | None,
    lender: str | None,
    book: Path | None,
    date: str | None,
    genesis: Path | None,
    profile: Path | None,
) -> Basis:
    if from_ is None:
        held = open_holdings(lender, book, date, genesis, profile)
        if book is not None:
            return portfolio_basis.of_book(held.book, held.day)
        with open_session(profile) as session:
            return portfolio_basis.of_session(session, held.book, held.day, held.leaves)
    if book is not None or date is not None:
        raise UsageProblem(
            "an export has the book and the day in it",
            code="two_sources",
            field="--from",
            expected="neither --book nor --date with it",
        )
    whose = lender or load_profile(profile).organisation
    with screen.progress("records", None) as advance:
        return portfolio_basis.of_export(from_, trusted_genesis(genesis, profile), whose, advance)


def _drawn(found: Report, name: str, currency: str, kind: str) -> bytes:
    """One drawing as a file.

    Raises:
        UsageProblem: several currencies and none named, or nothing to draw.
    """
    drawing = _drawing(found, name, currency)
    if drawing is None:
        raise UsageProblem(
            "there is nothing to draw",
            code="empty_chart",
            field="--chart",
            found=name,
            expected="a book with such claims"
            if name != CALIBRATION
            else "an export, with --from, in which a bought invoice has ended",
        )
    return drawing.svg().encode() if kind == SVG else raster.png(drawing)


def _drawing(found: Report, name: str, currency: str) -> Drawing | None:
    if name == CALIBRATION:
        return portfolio_charts.calibration(found.calibration, portfolio_charts.provenance(found))
    parts = {part.currency: part for part in found.parts}
    if currency not in parts and (currency or len(parts) > 1):
        raise UsageProblem(
            "which currency is not said" if not currency else "nothing in this currency",
            code="currency",
            field="--currency",
            found=currency or None,
            expected=" or ".join(parts) or "a book with claims",
        )
    if not parts:
        return None
    part = parts[currency] if currency else next(iter(parts.values()))
    return portfolio_charts.charts(found, part).get(name)


def _show(screen: Screen, found: Report) -> None:
    source = found.source
    screen.line(
        f"Portfolio of {found.lender} on {iso_from_day(found.day)}: {counted(source.records, 'record')}, "
        f"complete, {source.kind} proved at height {source.height}",
        GOOD,
    )
    for part in found.parts:
        known = part.fared
        loss = "-" if known.expected_loss is None else money(known.expected_loss, part.currency)
        expected, realised = (
            f"{late / 100:.2f}" if known.claims else "-"
            for late in (known.expected_centidays, known.realised_centidays)
        )
        facts: list[tuple[str, Any]] = [
            ("claims", f"{part.totals.open} open of {part.totals.claims}"),
            ("principal", money(part.totals.principal, part.currency)),
            ("overdue", money(part.overdue, part.currency)),
            ("realised yield, 12 months", _rate(part.rolling.yield_ppm)),
            ("days late, expected", expected),
            ("days late, realised", f"{realised} over {known.claims} that fell due"),
            ("loss, expected", loss),
            ("loss, realised", money(known.realised_loss, part.currency)),
        ]
        screen.facts(facts, title=f"In {part.currency}")
        screen.table(
            ("days past due", "claims", "principal", "share"),
            [
                (one.name, one.claims, money(one.principal, part.currency), short_percent(one.share_ppm, 1))
                for one in part.ageing
            ],
            right=("claims", "principal", "share"),
        )
    figures = None if found.calibration is None else found.calibration.figures
    if figures is not None:
        screen.table(
            ("tenth", "invoices", "predicted late", "late", "5 % to 95 %"),
            [
                (
                    place,
                    band.invoices,
                    short_percent(band.predicted_ppm, 1),
                    short_percent(band.late_ppm, 1),
                    f"{short_percent(band.low_ppm, 1)} to {short_percent(band.high_ppm, 1)}",
                )
                for place, band in enumerate(figures.bands, 1)
            ],
            right=("invoices", "predicted late", "late", "5 % to 95 %"),
        )


def _rate(ppm: int | None) -> str:
    return "-" if ppm is None else short_percent(ppm)
