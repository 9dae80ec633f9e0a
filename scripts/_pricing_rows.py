"""Rows of payment history, from plain or gzipped CSV with the columns of the known data sets."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path

from ledger.money import CURRENCIES

_EPOCH = date(1970, 1, 1)
NAMES = {
    "invoice": ("invoice_id", "document_id", "invoice_number"),
    "customer": ("customer_id",),
    "issued": ("issue_date_est", "issue_date", "posting_date", "invoice_date", "baseline_date"),
    "due": ("due_date",),
    "cleared": ("clear_date", "settled_date"),
    "amount": ("amount", "invoice_amount"),
    "currency": ("currency",),
}
"""Columns by what they mean; of several that a file has, the first."""
REQUIRED = ("invoice", "customer", "issued", "due", "amount")
DEFAULT_CURRENCY = "USD"


class RowError(Exception):
    """A row that cannot be read: which, and what is wrong."""


@dataclass(frozen=True, slots=True)
class Row:
    """One invoice; days since 1970, minor units."""

    invoice: str
    customer: str
    issued: int
    due: int
    cleared: int | None
    """None while it is open."""
    amount: int
    currency: str


def read_rows(paths: Iterable[Path]) -> list[Row]:
    """All rows of the files, in their order.

    Raises:
        RowError: a column is missing or a cell cannot be read; with file and line.
    """
    return [row for path in paths for row in _read_file(path)]


def _read_file(path: Path) -> list[Row]:
    data = path.read_bytes()
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig")))
    present = set(reader.fieldnames or ())
    columns = {
        meaning: next((name for name in names if name in present), None) for meaning, names in NAMES.items()
    }
    for meaning in REQUIRED:
        if columns[meaning] is None:
            raise RowError(f"{path}: no column for {meaning}; expected one of {', '.join(NAMES[meaning])}")
    rows = []
    for line, cells in enumerate(reader, 2):
        try:
            rows.append(_row({meaning: cells[name] if name else "" for meaning, name in columns.items()}))
        except (ValueError, InvalidOperation, KeyError) as error:
            raise RowError(f"{path}, line {line}: {error}") from None
    return rows


def _row(cell: dict[str, str]) -> Row:
    currency = cell["currency"] or DEFAULT_CURRENCY
    cleared = cell["cleared"]
    amount = Decimal(cell["amount"]).scaleb(CURRENCIES[currency])
    return Row(
        cell["invoice"],
        cell["customer"],
        _day(cell["issued"]),
        _day(cell["due"]),
        _day(cleared) if cleared else None,
        max(1, int(amount.to_integral_value())),
        currency,
    )


def _day(text: str) -> int:
    return (date.fromisoformat(text[:10]) - _EPOCH).days
