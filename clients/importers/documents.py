"""Lines of a table gathered to documents: the rows of one order, shipment or invoice.

Every row repeats the head of its document (its date, its parties); the rows must agree.
A row's own part is one line of the document. Each importer gives three functions: the key of a
row's document, its head and its item.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields
from typing import Any, Generic, TypeVar

from clients.importers.errors import ImportProblem, Problems
from clients.importers.limits import MAX_DOCUMENT_LINES
from clients.importers.table import Line

Head = TypeVar("Head")
Item = TypeVar("Item")


@dataclass(slots=True)
class Document(Generic[Head, Item]):
    """One document: its head, its items in the order of the file, and where it starts."""

    head: Head
    first: Line
    items: list[tuple[Line, Item]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Gathered(Generic[Head, Item]):
    """The whole documents of a table, and how many are withheld because of a bad line."""

    documents: tuple[Document[Head, Item], ...]
    withheld: int

    @property
    def total(self) -> int:
        """All documents of the table."""
        return len(self.documents) + self.withheld


def gather(
    lines: Iterable[Line],
    problems: Problems,
    *,
    key: tuple[str, ...],
    head: Callable[[Line], Head],
    item: Callable[[Line, Head], Item],
    line_id: str = "",
) -> Gathered[Head, Item]:
    """Documents by the text of their `key` columns; no two rows of one share the text of `line_id`.

    A row whose `key` has an empty cell may be a line of any document, so all are withheld.
    """
    documents: dict[tuple[str, ...], Document[Head, Item]] = {}
    bad: set[tuple[str, ...]] = set()
    is_whole = True
    seen: dict[tuple[str, ...], int] = {}
    for line in lines:
        identity = tuple(line.raw(column) for column in key)
        try:
            its_head = head(line)
            document = documents.setdefault(identity, Document(its_head, line))
            _check_agrees(line, its_head, document)
            if line_id:
                _check_new(line, line_id, seen.setdefault((*identity, line.raw(line_id)), line.number))
            elif document.items:
                raise line.problem(
                    "duplicate_document",
                    "the document was there before",
                    key[-1],
                    expected=f"one row; see line {document.first.number}",
                )
            if len(document.items) == MAX_DOCUMENT_LINES:
                raise line.problem(
                    "too_many_lines",
                    "document too long",
                    key[-1],
                    expected=f"at most {MAX_DOCUMENT_LINES} lines",
                )
            document.items.append((line, item(line, its_head)))
        except ImportProblem as problem:
            problems.add(problem)
            bad.add(identity)
            is_whole = is_whole and not (problem.code == "missing_value" and problem.column in key)
    if not is_whole:
        bad |= documents.keys()
    whole = tuple(document for identity, document in documents.items() if identity not in bad)
    return Gathered(whole, len(bad))


def _check_agrees(line: Line, head: Any, document: Document[Any, Any]) -> None:
    """The head of this row is that of the document's first row, field by field."""
    if head == document.head:
        return
    for known in fields(head):
        here, before = getattr(head, known.name), getattr(document.head, known.name)
        if here != before:
            raise line.problem(
                "contradiction",
                f"not the {known.name} that line {document.first.number} of the same document has",
                known.metadata.get("column", known.name),
                expected=document.first.raw(known.metadata.get("column", known.name)) or before,
            )


def _check_new(line: Line, column: str, first: int) -> None:
    if first != line.number:
        raise line.problem(
            "duplicate_line",
            "line of the document was there before",
            column,
            expected=f"another number than in line {first}",
        )
