"""Rows of payment history, from plain or gzipped CSV with the columns of the known data sets."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

from contracts.cash.payment import MAX_PREPAYMENT_DAYS
from contracts.fields import MAX_TERM_DAYS
from ledger.dates import LAST_DAY
from ledger.errors import TallyError
from ledger.money import CURRENCIES, MAX_AMOUNT

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


class RowError(TallyError):
    """A file or row that cannot be read, or that no ledger takes: which, and what is wrong."""

    code = "rows"


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
        RowError: a file cannot be read or is no CSV, a column is missing, a cell cannot be read or lies
            beyond what a ledger takes; with file and line.
    """
    return [row for path in paths for row in _read_file(path)]


def _read_file(path: Path) -> list[Row]:
    reader = csv.DictReader(io.StringIO(_text(path)), restval="")
    try:
        return _rows(path, reader)
    except csv.Error as error:
        raise RowError(f"{path}, line {reader.line_num}: no CSV: {error}") from None


def _rows(path: Path, reader: csv.DictReader[str]) -> list[Row]:
    present = [name.strip() for name in reader.fieldnames or ()]
    reader.fieldnames = present
    columns = {
        meaning: next((name for name in names if name in present), None) for meaning, names in NAMES.items()
    }
    for meaning in REQUIRED:
        if columns[meaning] is None:
            raise RowError(
                f"{path}: no column for {meaning}; expected one of {', '.join(NAMES[meaning])}, "
                f"with commas between columns; found {','.join(present)[:160] or 'nothing'}"
            )
    for name in columns.values():
        if present.count(name) > 1:
            raise RowError(f"{path}: {present.count(name)} columns are named {name}; leave one of them")
    rows = []
    for cells in reader:
        try:
            rows.append(
                _row({meaning: cells[name].strip() if name else "" for meaning, name in columns.items()})
            )
        except ValueError as error:
            raise RowError(f"{path}, line {reader.line_num}: {error}") from None
    return rows


def _text(path: Path) -> str:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise RowError(
            f"cannot read {path}: {error.strerror}; name a file that is there and that you may read"
        ) from None
    try:
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
        return data.decode("utf-8-sig")
    except (gzip.BadGzipFile, zlib.error, EOFError, UnicodeDecodeError) as error:
        raise RowError(f"{path}: neither CSV in UTF-8 nor that gzipped: {error}") from None


def _row(cell: dict[str, str]) -> Row:
    """One row.

    Raises:
        ValueError: what is wrong with it.
    """
    for named in ("invoice", "customer"):
        if not cell[named]:
            raise ValueError(f"no {named}: a row without one cannot be told from another")
    currency = cell["currency"] or DEFAULT_CURRENCY
    if currency not in CURRENCIES:
        raise ValueError(f"{currency} is no currency of a ledger; expected three capitals, as in ISO 4217")
    issued, due = _day(cell["issued"]), _day(cell["due"])
    if issued < 1:
        raise ValueError(f"issued on {cell['issued']}, a ledger begins on 1970-01-02")
    if due - issued > MAX_TERM_DAYS:
        raise ValueError(f"due {due - issued} days after its issue, a ledger takes {MAX_TERM_DAYS}")
    cleared = _day(cell["cleared"]) if cell["cleared"] else None
    if cleared is not None and cleared < 1:
        raise ValueError(f"paid on {cell['cleared']}, a ledger begins on 1970-01-02")
    if cleared is not None and cleared < issued - MAX_PREPAYMENT_DAYS:
        early_days = issued - cleared
        raise ValueError(f"paid {early_days} days before its issue, a ledger takes {MAX_PREPAYMENT_DAYS}")
    if max(issued, due, cleared or 0) > LAST_DAY:
        raise ValueError("a day after the year 2999")
    units = int(_amount(cell["amount"]).scaleb(CURRENCIES[currency]).to_integral_value())
    if units > MAX_AMOUNT:
        raise ValueError(f"an amount of {cell['amount']}, a ledger takes {MAX_AMOUNT} minor units")
    if units < 1:
        raise ValueError(
            f"an amount of {cell['amount']}, an invoice is over one minor unit of {currency} or more; "
            "leave out the row of a credit note or of nothing"
        )
    return Row(cell["invoice"], cell["customer"], issued, due, cleared, units, currency)


def _amount(text: str) -> Decimal:
    try:
        found = Decimal(text)
    except InvalidOperation:
        found = Decimal("nan")
    if not found.is_finite() or not -MAX_AMOUNT <= found <= MAX_AMOUNT:
        raise ValueError(f"{text!r} is no amount that a ledger takes")
    return found


def _day(text: str) -> int:
    try:
        return (datetime.fromisoformat(text).date() - _EPOCH).days
    except ValueError as error:
        raise ValueError(f"{text!r} is no day, expected YYYY-MM-DD: {error}") from None
