"""Disclosures as documents: JSON, CSV and one HTML page, from the sheets of `contracts.disclosure`.

Amounts are minor units in JSON, as everywhere; in CSV and on the page they are decimal numbers beside their
currency. Days are ISO text; shares are ppm in JSON and CSV, percent on the page. A text that a spreadsheet
would take for a formula gets a quote in front. The page needs nothing else: no script, no font, no request.
"""

from __future__ import annotations

import csv
from html import escape
from io import StringIO
from typing import Any

from clients.verification.export_file import Proved
from clients.wording import counted
from contracts.disclosure import Column, Disclosure, Sheet
from ledger.dates import iso_from_day
from ledger.money import Money, Rate

_FORMULA = ("=", "+", "-", "@", "\t", "\r")

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:75rem;padding:0 1rem;color:#1b1f24}
h1{font-size:1.5rem}h2{font-size:1.1rem;margin-top:2rem}table{border-collapse:collapse;width:100%}
th,td{padding:.3rem .6rem;border-bottom:1px solid #d8dee4;text-align:left;font-size:13px}
th{background:#f3f5f7}
.n{text-align:right;font-variant-numeric:tabular-nums}code{font-size:12px;word-break:break-all}
.s{overflow-x:auto}@media(prefers-color-scheme:dark){body{background:#15181c;color:#e3e6ea}
th{background:#22262c}td,th{border-color:#333a42}}"""


def proof_facts(proved: Proved) -> dict[str, Any]:
    """From which ledger, at which height the figures are."""
    header = proved.certified.header
    return {
        "scope": proved.scope or None,
        "channel": proved.trust.channel.hex(),
        "height": header.height,
        "block": header.hash.hex(),
        "state_root": header.state_root.hex(),
        "time_ms": header.time_ms,
        "entries": proved.entries,
        "histories": proved.histories,
        "records": proved.records,
    }


def document(disclosure: Disclosure, proved: Proved) -> dict[str, Any]:
    """The disclosure for JSON; amounts in minor units, days as ISO text."""
    return {
        "disclosure": disclosure.name,
        "title": disclosure.title,
        "business_date": iso_from_day(disclosure.day),
        "proved": True,
        **proof_facts(proved),
        "assumptions": disclosure.assumptions,
        "notes": list(disclosure.notes),
        "sheets": {sheet.name: _rows(sheet) for sheet in disclosure.sheets},
    }


def _rows(sheet: Sheet) -> list[dict[str, Any]]:
    return [
        {
            column.name: _day(value) if column.unit == "day" else value
            for column, value in zip(sheet.columns, row, strict=True)
        }
        for row in sheet.rows
    ]


def cell(column: Column, value: Any, currency: str) -> str:
    """One value as people read it, without its currency."""
    if column.unit == "minor":
        return Money(value, currency).decimal
    if column.unit == "ppm":
        return str(Rate(value))
    return _day(value) if column.unit == "day" else str(value)


def cells(sheet: Sheet, row: tuple[Any, ...]) -> list[str]:
    """A row as people read it."""
    names = [column.name for column in sheet.columns]
    currency = row[names.index("currency")]
    return [cell(column, value, currency) for column, value in zip(sheet.columns, row, strict=True)]


def heading(column: Column) -> str:
    """What stands above a column that people read."""
    return column.name.removesuffix("_ppm").replace("_", " ")


def shown_columns(sheet: Sheet) -> list[int]:
    """Places of the columns that say something in at least one row; all of a sheet without rows."""
    places = range(len(sheet.columns))
    return [place for place in places if not sheet.rows or any(row[place] != "" for row in sheet.rows)]


def as_csv(sheet: Sheet) -> str:
    """One sheet as CSV (RFC 4180)."""
    text = StringIO()
    writer = csv.writer(text)
    writer.writerow([column.name for column in sheet.columns])
    for row in sheet.rows:
        writer.writerow(
            [
                _written(column, value, shown)
                for column, value, shown in zip(sheet.columns, row, cells(sheet, row), strict=True)
            ]
        )
    return text.getvalue()


def as_page(disclosure: Disclosure, proved: Proved) -> str:
    """The disclosure as one HTML page."""
    facts = proof_facts(proved)
    parts = [
        "<!doctype html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{escape(disclosure.title)}</title>',
        '<meta name="viewport" content="width=device-width"><style>' + _STYLE + "</style></head><body>",
        f"<h1>{escape(disclosure.title)}</h1>",
        f"<p>As of {iso_from_day(disclosure.day)}, height {facts['height']}: every figure follows from the "
        f"{_extent(proved)} then ({counted(facts['entries'], 'entry')}, "
        f"{counted(facts['records'], 'record')}), whose state root is <code>{facts['state_root']}</code> "
        f"in block <code>{facts['block']}</code> of channel <code>{facts['channel']}</code>.</p>",
        "<ul>" + "".join(f"<li>{escape(note)}</li>" for note in disclosure.notes) + "</ul>",
    ]
    if disclosure.assumptions:
        listed = "; ".join(f"{name}: {value}" for name, value in disclosure.assumptions.items())
        parts.append(f"<p>Assumed: {escape(listed)}</p>")
    parts += [_table(sheet) for sheet in disclosure.sheets]
    return "\n".join([*parts, "</body></html>\n"])


def _extent(proved: Proved) -> str:
    return f"whole book of {escape(proved.scope)}" if proved.scope else "whole ledger"


def _table(sheet: Sheet) -> str:
    title = f"<h2>{escape(sheet.name.capitalize())}: {escape(sheet.title)}</h2>"
    if not sheet.rows:
        return title + "<p>None.</p>"
    places = shown_columns(sheet)
    classes = ["" if sheet.columns[place].unit == "text" else ' class="n"' for place in places]
    titles = [heading(sheet.columns[place]) for place in places]
    head = "".join(f"<th{of}>{escape(title)}</th>" for of, title in zip(classes, titles, strict=True))
    body = []
    for row in sheet.rows:
        shown = cells(sheet, row)
        body.append(
            "<tr>"
            + "".join(
                f"<td{of}>{escape(shown[place])}</td>" for of, place in zip(classes, places, strict=True)
            )
            + "</tr>"
        )
    return f'{title}<div class="s"><table><tr>{head}</tr>\n' + "\n".join(body) + "</table></div>"


def _day(day: int) -> str:
    return iso_from_day(day) if day else ""


def _written(column: Column, value: Any, shown: str) -> str:
    """One value for CSV."""
    if column.unit == "ppm":
        return str(value)
    return "'" + shown if column.unit == "text" and shown.startswith(_FORMULA) else shown
