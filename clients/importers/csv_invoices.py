"""Invoices: one row an invoice line.

| column | required | meaning |
|---|---|---|
| invoice | yes | the supplier's invoice number |
| supplier, buyer | unless given when importing | organisation ids |
| currency | unless given | ISO 4217 |
| issue_date, due_date | yes | days; due is not before issue |
| order | no | the order that it bills; empty for none |
| line | yes | the order's line, or the invoice's own |
| quantity | yes | whole units |
| amount | yes | net amount of the line |
| tax | no | of the whole invoice, on each row; 0 where empty |
| gross | yes | of the whole invoice, on each row: exactly the amounts and the tax |

The supplier signs `invoice.submit`.
"""

from __future__ import annotations

from dataclasses import dataclass

from clients.importers.columns import line_number, parties
from clients.importers.documents import Document, gather
from clients.importers.errors import ImportProblem, Problems
from clients.importers.imported import Entry, ImportContext, Outcome
from clients.importers.table import Line, Table
from clients.wording import counted
from ledger.money import Money

REQUIRED = ("invoice", "issue_date", "due_date", "line", "quantity", "amount", "gross")
OPTIONAL = ("supplier", "buyer", "currency", "order", "tax")


@dataclass(frozen=True, slots=True)
class _Head:
    invoice: str
    supplier: str
    buyer: str
    currency: str
    issue_date: str
    due_date: str
    order: str
    tax: int
    gross: int


@dataclass(frozen=True, slots=True)
class _Item:
    line: str
    quantity: int
    amount: int


def read_invoices(table: Table, context: ImportContext, problems: Problems) -> Outcome:
    """The operations that submit the table's invoices."""
    gathered = gather(
        table.lines,
        problems,
        key=("supplier", "invoice"),
        head=lambda line: _head(line, context),
        item=_item,
        line_id="line",
    )
    entries: list[Entry] = []
    withheld, skipped = gathered.withheld, 0
    for document in gathered.documents:
        try:
            _check_sum(document)
        except ImportProblem as problem:
            problems.add(problem)
            withheld += 1
            continue
        if context.organisation in ("", document.head.supplier):
            entries.append(_entry(document))
        else:
            skipped += 1
    return Outcome(tuple(entries), gathered.total, withheld, skipped)


def _head(line: Line, context: ImportContext) -> _Head:
    supplier, buyer = parties(line, context)
    currency = line.currency(default=context.currency)
    issue_date, due_date = line.date("issue_date"), line.date("due_date")
    if due_date < issue_date:
        raise line.problem(
            "due_before_issue", "due before it was issued", "due_date", expected=f"from {issue_date} on"
        )
    return _Head(
        line.identifier("invoice"),
        supplier,
        buyer,
        currency,
        issue_date,
        due_date,
        line.identifier("order", is_optional=True),
        line.amount("tax", currency, default="0"),
        line.amount("gross", currency),
    )


def _item(line: Line, head: _Head) -> _Item:
    return _Item(line_number(line), line.quantity("quantity"), line.amount("amount", head.currency))


def _check_sum(document: Document[_Head, _Item]) -> None:
    head = document.head
    total = sum(item.amount for _, item in document.items) + head.tax
    if total != head.gross:
        parts = f"{counted(len(document.items), 'line')} and tax"
        raise document.first.problem(
            "sum_mismatch",
            "gross is not the sum of the lines and the tax",
            "gross",
            expected=f"{Money(total, head.currency).decimal} ({parts})",
        )


def _entry(document: Document[_Head, _Item]) -> Entry:
    head = document.head
    operation = {
        "op": "invoice.submit",
        "invoice": head.invoice,
        "buyer": head.buyer,
        "currency": head.currency,
        "issue_date": head.issue_date,
        "due_date": head.due_date,
        "order": head.order,
        "lines": tuple(
            {"line": item.line, "quantity": item.quantity, "amount": item.amount}
            for _, item in document.items
        ),
        "tax": head.tax,
        "gross": head.gross,
        "document": b"",
    }
    return Entry(head.supplier, head.issue_date, operation, document.first.number)
