"""One way in: a file of any supported kind becomes operations.

    import_file(path, "auto", ImportContext(organisation="cipla")) -> Imported

The kind "auto" looks at the content: XML is UBL (an invoice, an Invoice Response, an advice of goods),
a Cross Industry Invoice or camt, a PDF has an invoice in XML inside, JSON is EPCIS, and a CSV header belongs
to the one kind whose required columns it has. Whatever is in the file, the answer is an `Imported`; problems
are listed in it, not raised.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from clients.importers import (
    camt,
    cii,
    csv_confirmations,
    csv_invoices,
    csv_orders,
    csv_payments,
    csv_receipts,
    csv_shipments,
    epcis,
    invoice_response,
    pdf,
    ubl,
    ubl_goods,
)
from clients.importers.camt_reading import MARK
from clients.importers.errors import ImportProblem, Problems, from_error
from clients.importers.imported import KINDS, Entry, ImportContext, Imported, Outcome, Summary
from clients.importers.limits import MAX_CSV_BYTES, MAX_PDF_BYTES, MAX_XML_BYTES
from clients.importers.table import Table, read_table
from clients.importers.xml_document import UBL
from contracts import registry
from ledger.errors import TallyError


@dataclass(frozen=True, slots=True)
class Layout:
    """One kind of CSV file."""

    kind: str
    required: tuple[str, ...]
    optional: tuple[str, ...]
    read: Callable[[Table, ImportContext, Problems], Outcome]


LAYOUTS = {
    layout.kind: layout
    for layout in (
        Layout("orders", csv_orders.REQUIRED, csv_orders.OPTIONAL, csv_orders.read_orders),
        Layout("shipments", csv_shipments.REQUIRED, csv_shipments.OPTIONAL, csv_shipments.read_shipments),
        Layout("receipts", csv_receipts.REQUIRED, csv_receipts.OPTIONAL, csv_receipts.read_receipts),
        Layout("invoices", csv_invoices.REQUIRED, csv_invoices.OPTIONAL, csv_invoices.read_invoices),
        Layout(
            "confirmations",
            csv_confirmations.REQUIRED,
            csv_confirmations.OPTIONAL,
            csv_confirmations.read_confirmations,
        ),
        Layout("payments", csv_payments.REQUIRED, csv_payments.OPTIONAL, csv_payments.read_payments),
    )
}

assert (*LAYOUTS, "ubl", "cii", "camt", "epcis", "response", "advice") == KINDS, "every kind has its reader"

_LOOKED_AT_BYTES = 2_000
"""Of a file from its first element on, for its namespace."""
_PROLOGUE = re.compile(rb"\s*(?:<\?.*?\?>|<!--.*?-->)", re.DOTALL)
_MAX_PROLOGUES = 16
"""Declarations and comments that are passed over: examples begin with one of their licence."""
_MAX_FILE_BYTES = max(MAX_CSV_BYTES, MAX_PDF_BYTES, MAX_XML_BYTES)
_XML_STARTS = (b"<", b"\xfe\xff", b"\xff\xfe", b"\x00")
"""Also the marks of UTF-16 and UTF-32, so that the XML reader says what is wrong with them."""


@dataclass(frozen=True, slots=True)
class Content:
    """What is in a file, read once: a pipe has nothing for whoever reads it again."""

    name: str
    data: bytes
    problem: ImportProblem | None = None
    """Why it cannot be read."""

    @classmethod
    def of(cls, path: Path) -> Content:
        """The content of a file, as far as a file may be long."""
        try:
            with path.open("rb") as stream:
                return cls(path.name, stream.read(_MAX_FILE_BYTES + 1))
        except OSError as error:
            problem = ImportProblem(
                "file_unreadable",
                f"cannot read {path}",
                found=error.strerror,
                expected="a file that can be read",
            )
            return cls(path.name, b"", problem)

    @property
    def is_bank_file(self) -> bool:
        """Whether it may be a bank's statement, which is read beside the bank's book on the ledger."""
        return MARK in _beginning(self.data)

    def imported(self, kind: str, context: ImportContext | None) -> Imported:
        """What comes out of it; see `import_bytes`."""
        if self.problem is not None:
            return _nothing(self.name, self.problem)
        return import_bytes(self.data, self.name, kind, context)


def import_file(path: Path | str, kind: str = "auto", context: ImportContext | None = None) -> Imported:
    """Read a file and import it; see `import_bytes`."""
    return Content.of(Path(path)).imported(kind, context)


def import_bytes(
    data: bytes, file: str, kind: str = "auto", context: ImportContext | None = None
) -> Imported:
    """The operations, problems and counts of a file's content; `file` is its name in messages."""
    if kind not in (*KINDS, "auto"):
        return _nothing(
            file,
            ImportProblem(
                "unknown_kind", "no such kind of file", found=kind, expected="auto, " + ", ".join(KINDS)
            ),
        )
    context = context or ImportContext()
    problems = Problems(file)
    if kind in ("auto", "cii", "ubl") and _begins_with(data, (pdf.MARK,)):
        return _import_pdf(data, file, kind, context)
    beginning = _beginning(data)
    if kind == "camt" or (kind == "auto" and MARK in beginning):
        outcome = camt.read_bank_file(data, context, problems)
        return _imported(file, "camt", outcome, problems, rows=outcome.documents, ignored=())
    if kind == "response" or (kind == "auto" and invoice_response.MARK in beginning):
        outcome = invoice_response.read_response(data, context, problems)
        return _imported(file, "response", outcome, problems, rows=1, ignored=())
    if kind == "advice" or (kind == "auto" and any(mark in beginning for mark in ubl_goods.MARKS)):
        outcome = ubl_goods.read_advice(data, context, problems)
        return _imported(file, "advice", outcome, problems, rows=1, ignored=())
    if kind == "cii" or (kind == "auto" and cii.MARK in beginning):
        outcome = cii.read_cii(data, context, problems, data)
        return _imported(file, "cii", outcome, problems, rows=1, ignored=())
    if kind == "ubl" or (kind == "auto" and _begins_with(data, _XML_STARTS)):
        outcome = ubl.read_ubl(data, context, problems, data)
        return _imported(file, "ubl", outcome, problems, rows=1, ignored=())
    if kind == "epcis" or (kind == "auto" and _begins_with(data, (b"{",))):
        outcome = epcis.read_epcis(data, context, problems)
        return _imported(file, "epcis", outcome, problems, rows=outcome.documents, ignored=())
    table = read_table(data, file, decimal_comma=context.decimal_comma, problems=problems)
    if table is None:
        return _nothing(file, *problems.listed(), kind=kind)
    try:
        layout = _layout(table, kind)
    except ImportProblem as problem:
        problems.add(problem)
        return _nothing(file, *problems.listed(), kind=kind)
    outcome = layout.read(table, context, problems)
    if not table.is_whole:
        outcome = replace(outcome, entries=(), withheld=outcome.documents, skipped=0)
    ignored = tuple(column for column in table.columns if column not in layout.required + layout.optional)
    return _imported(file, layout.kind, outcome, problems, rows=len(table.lines), ignored=ignored)


def _import_pdf(data: bytes, file: str, kind: str, context: ImportContext) -> Imported:
    """The e-invoice inside a PDF; a Cross Industry Invoice unless it begins as UBL."""
    try:
        embedded = pdf.embedded_invoice(data)
    except ImportProblem as problem:
        return _nothing(file, problem, kind=kind)
    problems = Problems(file)
    if kind == "auto":
        kind = "ubl" if UBL.encode() in _beginning(embedded.data) else "cii"
    read = ubl.read_ubl if kind == "ubl" else cii.read_cii
    outcome = read(embedded.data, context, problems, data)
    note = f"read from {embedded.name} inside the PDF; the ledger keeps the hash of the PDF"
    outcome = replace(outcome, notes=(note, *outcome.notes))
    return _imported(file, kind, outcome, problems, rows=1, ignored=())


def _beginning(data: bytes) -> bytes:
    """What a file begins with, after the declarations and comments that XML may have before its root."""
    body = data.removeprefix(b"\xef\xbb\xbf")
    start = 0
    for _ in range(_MAX_PROLOGUES):
        passed = _PROLOGUE.match(body, start)
        if passed is None:
            break
        start = passed.end()
    return body[start : start + _LOOKED_AT_BYTES]


def _begins_with(data: bytes, starts: tuple[bytes, ...]) -> bool:
    return data[:256].removeprefix(b"\xef\xbb\xbf").lstrip().startswith(starts)


def _layout(table: Table, kind: str) -> Layout:
    """The layout asked for, or the one whose required columns the header has."""
    columns = set(table.columns)
    if kind == "auto":
        fitting = [layout for layout in LAYOUTS.values() if columns.issuperset(layout.required)]
        if len(fitting) == 1:
            return fitting[0]
        nearest = min(LAYOUTS.values(), key=lambda layout: len(set(layout.required) - columns))
    else:
        nearest, fitting = LAYOUTS[kind], []
    missing = [column for column in nearest.required if column not in columns]
    if not missing and not fitting:
        return nearest
    if len(fitting) > 1:
        raise ImportProblem(
            "ambiguous_kind",
            "the header fits several kinds of file",
            line=1,
            found=", ".join(layout.kind for layout in fitting),
            expected="one kind",
        )
    raise ImportProblem(
        "missing_column",
        f"not a file of {nearest.kind}: columns are missing"
        if kind in LAYOUTS
        else f"columns of no kind of file; {nearest.kind} are nearest",
        line=1,
        column=missing[0],
        found=", ".join(table.columns),
        expected=", ".join(nearest.required),
    )


def _imported(
    file: str, kind: str, outcome: Outcome, problems: Problems, *, rows: int, ignored: tuple[str, ...]
) -> Imported:
    """The outcome after every operation went through the contracts' own model."""
    entries: list[Entry] = []
    for entry in outcome.entries:
        try:
            registry.parse(entry.operation)
            entries.append(entry)
        except TallyError as error:
            column = (error.field or "").removeprefix("operations[0].")
            problems.add(from_error(error, file=file, line=entry.line, column=column))
    summary = Summary(
        rows=rows,
        documents=outcome.documents,
        withheld=outcome.withheld + len(outcome.entries) - len(entries),
        skipped=outcome.skipped,
        ignored_columns=ignored,
        notes=outcome.notes,
    )
    return Imported(file, kind, tuple(entries), problems.listed(), summary)


def _nothing(file: str, *problems: ImportProblem, kind: str = "auto") -> Imported:
    placed = tuple(problem.at(file) for problem in problems)
    return Imported(file, "unknown" if kind == "auto" else kind, (), placed, Summary())
