"""CSV bytes as numbered lines of named cells.

RFC 4180 with what real files bring: a byte order mark, CR LF, LF or CR line ends, quoted line
breaks, and the semicolon as delimiter where the header has semicolons and no commas.
UTF-8 only, because a guess at another encoding would change names silently. A syntax
error in a quoted cell ends the reading, since no later line can be trusted to start where it seems to.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from clients.importers.errors import ImportProblem, Problems, from_error, quoted
from clients.importers.limits import (
    MAX_CELL_CHARACTERS,
    MAX_CSV_BYTES,
    MAX_CSV_COLUMNS,
    MAX_CSV_ROWS,
    MAX_PRICE_DIGITS,
)
from contracts.fields import MAX_PRICE_MICROS, MAX_QUANTITY
from ledger.dates import day_from_iso, iso_from_day
from ledger.errors import TallyError
from ledger.identifiers import checked_identifier, checked_name
from ledger.money import MAX_AMOUNT, currency_digits

T = TypeVar("T")

_BOM = b"\xef\xbb\xbf"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_DECIMAL = re.compile(r"(-?)([0-9]{1,18})(?:\.([0-9]{1,18}))?")
_WHOLE = re.compile(r"[0-9]{1,18}")
_SHORT_DATE = re.compile(r"([0-9]{1,2})-([A-Za-z]{3})-([0-9]{2}|[0-9]{4})")
_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTHS = {name: place for place, name in enumerate(_MONTH_NAMES, 1)}
_CENTURY_TURN = 70
"""d-Mon-yy: 70 to 99 are 19yy, 00 to 69 are 20yy."""


@dataclass(frozen=True, slots=True)
class Table:
    """The header and the lines of a file."""

    file: str
    columns: tuple[str, ...]
    lines: tuple[Line, ...]
    is_whole: bool
    """Whether every row became a line: one that was left out may belong to any document."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line; every reading of a cell returns its value or raises the problem with its place."""

    file: str
    number: int
    cells: Mapping[str, str]
    decimal_comma: bool

    def raw(self, column: str) -> str:
        """The cell's text without the spaces around it; empty where the column is missing."""
        return self.cells.get(column, "").strip()

    def problem(
        self, code: str, message: str, column: str, *, expected: object, remedy: str = ""
    ) -> ImportProblem:
        """A problem in this cell."""
        return ImportProblem(
            code,
            message,
            file=self.file,
            line=self.number,
            column=column,
            found=quoted(self.raw(column)),
            expected=expected,
            remedy=remedy,
        )

    def text(self, column: str, *, default: str = "", is_optional: bool = False) -> str:
        """Printable text."""
        text = self.raw(column) or default
        if not text and not is_optional:
            message = "empty cell" if column in self.cells else "no such column, and this row needs it"
            raise self.problem("missing_value", message, column, expected="a value")
        if _CONTROL.search(text) or "\n" in text or "\t" in text:
            raise self.problem("control_character", "control character", column, expected="printable text")
        return text

    def identifier(self, column: str, *, is_optional: bool = False) -> str:
        """The number of a document."""
        text = self.text(column, is_optional=is_optional)
        return self.checked(column, lambda: checked_identifier(text, column)) if text else text

    def name(self, column: str, *, default: str = "") -> str:
        """The id of an organisation."""
        text = self.text(column, default=default)
        return self.checked(column, lambda: checked_name(text, column))

    def currency(self, column: str = "currency", *, default: str = "") -> str:
        """An ISO 4217 code."""
        text = self.text(column, default=default)
        self.checked(column, lambda: currency_digits(text, column))
        return text

    def amount(self, column: str, currency: str, *, default: str = "") -> int:
        """Minor units, from 0; exactly what is written."""
        return self._fixed_point(column, currency_digits(currency), MAX_AMOUNT, currency, default)

    def price_micros(self, column: str, currency: str) -> int:
        """Minor units × 10^6 for one unit of goods."""
        digits = currency_digits(currency) + MAX_PRICE_DIGITS
        return self._fixed_point(column, digits, MAX_PRICE_MICROS, currency, "")

    def quantity(self, column: str, *, least: int = 1, default: str = "") -> int:
        """A whole number of units."""
        text = self.text(column, default=default)
        if _WHOLE.fullmatch(text) is None or not least <= int(text) <= MAX_QUANTITY:
            raise self.problem(
                "quantity",
                "not a quantity",
                column,
                expected=f"a whole number from {least} to {MAX_QUANTITY}",
            )
        return int(text)

    def date(self, column: str, *, is_optional: bool = False) -> str:
        """A day as "YYYY-MM-DD", from that form or from d-Mon-yy ("2-Jun-06")."""
        text = self.text(column, is_optional=is_optional)
        if not text:
            return text
        match = _SHORT_DATE.fullmatch(text)
        if match is not None and match[2].lower() in _MONTHS:
            year = int(match[3])
            if len(match[3]) == 2:
                year += 1900 if year >= _CENTURY_TURN else 2000
            iso = f"{year:04d}-{_MONTHS[match[2].lower()]:02d}-{int(match[1]):02d}"
        else:
            iso = text
        try:
            return iso_from_day(day_from_iso(iso, column))
        except TallyError:
            raise self.problem(
                "date", "not a date", column, expected="a day as 2012-03-31 or 31-Mar-12"
            ) from None

    def one_of(self, column: str, choices: tuple[str, ...]) -> str:
        """One of a few words, in any case."""
        text = self.text(column).lower()
        if text not in choices:
            raise self.problem("choice", "unknown word", column, expected="one of " + ", ".join(choices))
        return text

    def _fixed_point(self, column: str, digits: int, most: int, currency: str, default: str) -> int:
        text = self.text(column, default=default)
        if self.decimal_comma:
            if "." in text:
                raise self.problem(
                    "decimal_point",
                    "a point in an amount of a file with decimal commas",
                    column,
                    expected="such as 1234,50",
                )
            text = text.replace(",", ".", 1)
        elif "," in text:
            raise self.problem(
                "decimal_comma",
                "a comma in an amount",
                column,
                expected="such as 1234.50",
            )
        match = _DECIMAL.fullmatch(text)
        if match is None:
            raise self.problem("amount", "not an amount", column, expected="such as 1234.50")
        sign, whole, fraction = match.groups(default="")
        if sign:
            raise self.problem("negative_amount", "amount below zero", column, expected="at least 0")
        if len(fraction) > digits:
            raise self.problem(
                "amount_digits",
                "more decimals than the currency has",
                column,
                expected=f"at most {digits} decimals for {currency}",
                remedy="If the sign was meant to group thousands, leave it out.",
            )
        value = int(whole + fraction.ljust(digits, "0"))
        if value > most:
            raise self.problem(
                "amount_overflow", "amount too large", column, expected=f"at most {most} minor units"
            )
        return value

    def checked(self, column: str, parse: Callable[[], T]) -> T:
        """What `parse` returns; what it refuses becomes a problem in this cell."""
        try:
            return parse()
        except TallyError as error:
            problem = from_error(error, file=self.file, line=self.number, column=column)
            raise problem from None


def read_table(data: bytes, file: str, *, decimal_comma: bool, problems: Problems) -> Table | None:
    """The file's lines; None if it has no readable header. Bad lines go to `problems` and are left out."""
    try:
        text = _decoded(data)
        delimiter = _delimiter(text)
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        columns = _header(reader)
    except ImportProblem as problem:
        problems.add(problem)
        return None
    lines: list[Line] = []
    known_problems = len(problems)
    for number, cells in _rows(reader, problems):
        if len(lines) == MAX_CSV_ROWS:
            problems.add(
                ImportProblem(
                    "too_many_rows",
                    "file too long",
                    line=number,
                    found="another row",
                    expected=f"at most {MAX_CSV_ROWS} rows",
                )
            )
            break
        misshapen = _row_problem(cells, columns)
        if misshapen is not None:
            problems.add(misshapen.at(file, number))
            continue
        lines.append(Line(file, number, dict(zip(columns, cells, strict=True)), decimal_comma))
    return Table(file, columns, tuple(lines), len(problems) == known_problems)


def _decoded(data: bytes) -> str:
    if len(data) > MAX_CSV_BYTES:
        raise ImportProblem(
            "file_too_large",
            "file too large",
            found=f"{len(data)} bytes",
            expected=f"at most {MAX_CSV_BYTES}",
        )
    body = data.removeprefix(_BOM)
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ImportProblem(
            "not_utf8",
            "not UTF-8",
            line=body.count(b"\n", 0, error.start) + 1,
            found=f"byte 0x{body[error.start]:02x}",
            expected="UTF-8 text",
        ) from None
    if not text.strip():
        raise ImportProblem(
            "empty_file", "nothing in the file", found="nothing", expected="a header line and rows"
        )
    return text


def _delimiter(text: str) -> str:
    first = next((line for line in text.splitlines() if line.strip()), "")
    return ";" if ";" in first and "," not in first else ","


def _header(reader: Iterator[list[str]]) -> tuple[str, ...]:
    try:
        cells = next((row for row in reader if any(cell.strip() for cell in row)), [])
    except csv.Error as error:
        raise ImportProblem(
            "csv_syntax", "not CSV", line=1, found=str(error), expected="a header line of names"
        ) from None
    columns = tuple(cell.strip().lower().replace(" ", "_") for cell in cells)
    if len(columns) > MAX_CSV_COLUMNS:
        raise ImportProblem(
            "too_many_columns",
            "too many columns",
            line=1,
            found=len(columns),
            expected=f"at most {MAX_CSV_COLUMNS}",
        )
    for place, column in enumerate(columns):
        if not column or len(column) > MAX_CELL_CHARACTERS:
            raise ImportProblem(
                "header", "column without a name", line=1, found=f"column {place + 1}", expected="a name"
            )
        if column in columns[:place]:
            raise ImportProblem(
                "duplicate_column",
                "column named twice",
                line=1,
                column=column,
                found=f"column {place + 1}",
                expected="each name once",
            )
    return columns


def _rows(reader: Iterator[list[str]], problems: Problems) -> Iterator[tuple[int, list[str]]]:
    """Number of the first physical line and cells of each row that is not blank."""
    while True:
        number = reader.line_num + 1  # type: ignore[attr-defined]
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            problems.add(
                ImportProblem(
                    "csv_syntax",
                    "not CSV; the rest of the file was not read",
                    line=number,
                    found=str(error),
                    expected="cells in double quotes closed before the next delimiter",
                )
            )
            return
        if any(cell.strip() for cell in cells):
            yield number, cells


def _row_problem(cells: list[str], columns: tuple[str, ...]) -> ImportProblem | None:
    if len(cells) != len(columns):
        return ImportProblem(
            "cell_count",
            "not as many cells as the header has",
            found=f"{len(cells)} cells",
            expected=f"{len(columns)} cells",
        )
    for column, cell in zip(columns, cells, strict=True):
        if len(cell) > MAX_CELL_CHARACTERS:
            return ImportProblem(
                "cell_too_long",
                "cell too long",
                column=column,
                found=f"{len(cell)} characters",
                expected=f"at most {MAX_CELL_CHARACTERS}",
            )
    return None
