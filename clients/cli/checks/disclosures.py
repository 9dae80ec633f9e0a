"""`tally disclose`: figures for regulators, auditors and accountants, from a verified export alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clients.cli.amounts import percent, read_day, read_percent
from clients.cli.exits import DONE, REFUSED, UsageProblem
from clients.cli.options import GenesisFile, Json, ProfileFile, read_bytes, save, trusted_genesis
from clients.cli.screen import BAD, FAINT, GOOD, STRONG, Screen, examples
from clients.importers.camt_reading import read_camt
from clients.importers.errors import Problems
from clients.importers.limits import MAX_XML_BYTES
from clients.importers.xml_document import parse_xml
from clients.reports.disclosed import as_csv, as_page, cells, document, heading, shown_columns
from clients.verification.export_file import Proved, read_source
from contracts.disclosure import Disclosure, Sheet, Source
from contracts.disclosure.ageing import BUCKETS, ageing
from contracts.disclosure.arrangement import ias7
from contracts.disclosure.concentration import CAP_PPM, concentration
from contracts.disclosure.rates import PERIODS, QUARTER, rates
from contracts.disclosure.segregation import Closing, custody
from contracts.disclosure.stages import MATRIX_PPM, ifrs9
from ledger.dates import day_from_iso, iso_from_day

ExportFile = Annotated[Path, typer.Option("--from", help="Export or extract, as `tally export` writes it.")]
Holder = Annotated[str, typer.Option(help="Only what this organisation holds.")]
AsCsv = Annotated[bool, typer.Option("--csv", help="One sheet as CSV; --sheet says which.")]
AsPage = Annotated[bool, typer.Option("--html", help="One HTML page.")]
SheetName = Annotated[str, typer.Option(help="Only this sheet; the first one if not given with --csv.")]
Out = Annotated[Path | None, typer.Option("--out", "-o", help="Write it here, not on standard output.")]

_FROM = "--from ledger.export --genesis net/genesis.block"

app = typer.Typer(
    name="disclose", help="Regulator's figures, computed from a verified export.", no_args_is_help=True
)


@app.command(
    name="ifrs9",
    epilog=examples(
        f"tally disclose ifrs9 {_FROM}",
        f"tally disclose ifrs9 {_FROM} --holder loan --loss 0.3,1.6,3.6,6.6,25 --html --out ifrs9.html",
    ),
)
def show_ifrs9(
    from_: ExportFile,
    holder: Holder = "",
    loss: Annotated[
        str,
        typer.Option(help=f"Loss rates in percent, for {'; '.join(BUCKETS)} days past due; an assumption."),
    ] = ",".join(percent(rate).removesuffix(" %") for rate in MATRIX_PPM),
    sheet: SheetName = "",
    csv: AsCsv = False,
    html: AsPage = False,
    out: Out = None,
    genesis: GenesisFile = None,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """Stages and expected loss by IFRS 9: by holder, obligor and programme.

    Stage 2 is more than 30 days past due, stage 3 is 90 days past due or declared in default. The loss is
    that of a provision matrix whose rates you name.
    """
    rates_ppm = read_rates(loss)
    proved, source = _read(from_, genesis, profile)
    _show(
        ifrs9(source, within(source, holder, "--holder"), rates_ppm),
        proved,
        sheet,
        csv=csv,
        html=html,
        out=out,
        json=json,
    )


def read_rates(text: str) -> tuple[int, ...]:
    """Loss rates of the buckets in percent, as ppm.

    Raises:
        UsageProblem: not one for each bucket, or no percentage.
    """
    parts = text.split(",")
    if len(parts) != len(BUCKETS):
        raise UsageProblem(
            "not one loss rate for each bucket",
            code="loss_rates",
            field="--loss",
            found=f"{len(parts)} rates",
            expected=f"{len(BUCKETS)}, for {'; '.join(BUCKETS)} days past due",
        )
    return tuple([read_percent(part, "--loss") for part in parts])


@app.command(
    name="ageing",
    epilog=examples(
        f"tally disclose ageing {_FROM}", f"tally disclose ageing {_FROM} --csv --sheet obligors"
    ),
)
def show_ageing(
    from_: ExportFile,
    holder: Holder = "",
    sheet: SheetName = "",
    csv: AsCsv = False,
    html: AsPage = False,
    out: Out = None,
    genesis: GenesisFile = None,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """Ageing of everything that is held: by holder, obligor and programme."""
    proved, source = _read(from_, genesis, profile)
    _show(
        ageing(source, within(source, holder, "--holder")),
        proved,
        sheet,
        csv=csv,
        html=html,
        out=out,
        json=json,
    )


@app.command(
    name="rates",
    epilog=examples(
        f"tally disclose rates {_FROM} --period month",
        f"tally disclose rates {_FROM} --obligor anchor --json",
    ),
)
def show_rates(
    from_: ExportFile,
    period: Annotated[str, typer.Option(help=f"Length of a period: {', '.join(PERIODS)}.")] = QUARTER,
    obligor: Annotated[str, typer.Option(help="Only what this organisation owes.")] = "",
    sheet: SheetName = "",
    csv: AsCsv = False,
    html: AsPage = False,
    out: Out = None,
    genesis: GenesisFile = None,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """Overdue, default and bad-debt rates by obligor, programme and period of the due day."""
    if period not in PERIODS:
        raise UsageProblem(
            "no such period", code="period", field="--period", found=period[:40], expected=", ".join(PERIODS)
        )
    proved, source = _read(from_, genesis, profile)
    if source.is_lenders:
        raise _outside(source, "rates of a lender's obligors", "--from")
    _show(rates(source, period, obligor), proved, sheet, csv=csv, html=html, out=out, json=json)


@app.command(
    name="ias7",
    epilog=examples(
        f"tally disclose ias7 {_FROM} --buyer anchor",
        f"tally disclose ias7 {_FROM} --buyer anchor --since 2026-01-01 --html --out ias7.html",
    ),
)
def show_ias7(
    from_: ExportFile,
    buyer: Annotated[str, typer.Option(help="Only what this organisation owes.")] = "",
    since: Annotated[str, typer.Option(help="First day of the non-cash changes, YYYY-MM-DD.")] = "",
    until: Annotated[str, typer.Option(help="Last day of them; the business date if not given.")] = "",
    sheet: SheetName = "",
    csv: AsCsv = False,
    html: AsPage = False,
    out: Out = None,
    genesis: GenesisFile = None,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """Supplier finance arrangements of a buyer (IAS 7 44H): amounts, paid to suppliers, terms, changes."""
    first = day_from_iso(read_day(since, "--since")) if since else 0
    last = day_from_iso(read_day(until, "--until")) if until else None
    proved, source = _read(from_, genesis, profile)
    _show(
        ias7(source, within(source, buyer, "--buyer"), first, last),
        proved,
        sheet,
        csv=csv,
        html=html,
        out=out,
        json=json,
    )


@app.command(
    name="concentration",
    epilog=examples(f"tally disclose concentration {_FROM} --holder loan --cap 25"),
)
def show_concentration(
    from_: ExportFile,
    holder: Holder = "",
    cap: Annotated[str, typer.Option(help="Cap for one obligor or supplier, percent of the book.")] = percent(
        CAP_PPM
    ).removesuffix(" %"),
    sheet: SheetName = "",
    csv: AsCsv = False,
    html: AsPage = False,
    out: Out = None,
    genesis: GenesisFile = None,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """How much hangs on one obligor or supplier, and what passes a cap."""
    cap_ppm = read_percent(cap, "--cap")
    proved, source = _read(from_, genesis, profile)
    _show(
        concentration(source, within(source, holder, "--holder"), cap_ppm),
        proved,
        sheet,
        csv=csv,
        html=html,
        out=out,
        json=json,
    )


@app.command(
    name="custody",
    epilog=examples(
        f"tally disclose custody {_FROM}",
        f"tally disclose custody {_FROM} --statement bank.xml --statement giro.xml",
    ),
)
def show_custody(
    from_: ExportFile,
    bank: Annotated[str, typer.Option(help="Only what this settlement bank keeps.")] = "",
    statement: Annotated[
        list[Path] | None, typer.Option(help="camt.053 of a bank, to be compared; may be repeated.")
    ] = None,
    sheet: SheetName = "",
    csv: AsCsv = False,
    html: AsPage = False,
    out: Out = None,
    genesis: GenesisFile = None,
    profile: ProfileFile = None,
    json: Json = False,
) -> int:
    """Segregation of client money, and every bank's books against the ledger.

    Exit code 1 if money is pooled, a deposit is not covered, or a bank's books differ.
    """
    closings = [closing for path in statement or () for closing in read_closings(path)]
    proved, source = _read(from_, genesis, profile)
    if source.scope:
        raise _outside(source, "custody", "--from")
    found = custody(source, bank, closings)
    _show(found, proved, sheet, csv=csv, html=html, out=out, json=json)
    return REFUSED if found.sheet("findings").rows else DONE


def read_closings(path: Path) -> list[Closing]:
    """The closing balances of a bank's statement.

    Raises:
        Malformed: not a camt.053.
        UsageProblem: it cannot be read, or gives no closing balance.
    """
    data = read_bytes(path, "statement", MAX_XML_BYTES)
    closing = read_camt(parse_xml(data), Problems(path.name)).closing
    if not closing:
        raise UsageProblem(
            f"{path} gives no closing balance",
            code="no_closing_balance",
            field="--statement",
            expected="a camt.053 with booked closing balances",
        )
    return [
        Closing(found.account, found.balance.currency, found.balance.amount, day_from_iso(found.date))
        for found in closing
    ]


def within(source: Source, asked: str, option: str) -> str:
    """Whose figures are computed: those asked for, or of the organisation whose file it is.

    Raises:
        UsageProblem: `out_of_scope`.
    """
    if source.scope and asked not in ("", source.scope):
        raise _outside(source, asked, option)
    return source.scope or asked


def _outside(source: Source, asked: str, option: str) -> UsageProblem:
    return UsageProblem(
        "the file holds what belongs to one organisation only",
        code="out_of_scope",
        field=option,
        found=asked,
        expected=source.scope,
        remedy="Compute it from a whole export.",
    )


def _read(path: Path, genesis: Path | None, profile: Path | None) -> tuple[Proved, Source]:
    return read_source(path, trusted_genesis(genesis, profile))


def _show(
    found: Disclosure,
    proved: Proved,
    name: str,
    *,
    csv: bool,
    html: bool,
    out: Path | None,
    json: bool,
) -> None:
    """Show a disclosure as it was asked for."""
    if csv + html + json > 1:
        raise UsageProblem("more than one form", code="form", expected="one of --json, --csv, --html")
    screen = Screen(json)
    sheets = _chosen(found, name)
    if screen.answer(document(found, proved)):
        return
    if csv or html:
        text = as_csv(sheets[0]) if csv else as_page(found, proved)
        if out is None:
            screen.text(text)
        else:
            save(text.encode(), out, "disclosure")
            screen.note(f"written to {out}")
        return
    screen.line(f"{found.title}, as of {iso_from_day(found.day)}", STRONG)
    extent = f"what belongs to {proved.scope}" if proved.scope else "the whole ledger"
    height = proved.certified.header.height
    screen.line(f"computed from {extent} at height {height}, proved complete", GOOD)
    for sheet in sheets:
        _table(screen, sheet)
    for label, value in found.assumptions.items():
        screen.note(f"assumed: {label} {value}")
    for note in found.notes:
        screen.note(note)


def _chosen(found: Disclosure, name: str) -> list[Sheet]:
    """The sheets that are to be shown.

    Raises:
        UsageProblem: it has no sheet of that name.
    """
    chosen = [sheet for sheet in found.sheets if name in ("", sheet.name)]
    if not chosen:
        raise UsageProblem(
            "no such sheet",
            code="sheet",
            field="--sheet",
            found=name[:40],
            expected=", ".join(sheet.name for sheet in found.sheets),
        )
    return chosen


def _table(screen: Screen, sheet: Sheet) -> None:
    screen.line()
    if not sheet.rows:
        screen.line(f"{sheet.name}: none", FAINT)
        return
    places = shown_columns(sheet)
    names = [heading(sheet.columns[place]) for place in places]
    is_text = [sheet.columns[place].unit == "text" for place in places]
    screen.table(
        names,
        [[shown[place] for place in places] for shown in (cells(sheet, row) for row in sheet.rows)],
        title=f"{sheet.name}: {sheet.title}",
        right=[name for name, text in zip(names, is_text, strict=True) if not text],
        styles=[BAD] * len(sheet.rows) if sheet.name == "findings" else (),
    )
