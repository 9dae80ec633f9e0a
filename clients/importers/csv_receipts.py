"""Goods received by the buyer: one row a received line of a shipment.

| column | required | meaning |
|---|---|---|
| shipment | yes | the supplier's shipment number |
| supplier, buyer | unless given when importing | organisation ids |
| receipt_date | yes | the day the goods arrived |
| line | yes | the order's line |
| accepted | yes | whole units taken in |
| rejected | no | whole units refused; 0 where empty |

The buyer signs `goods.receive`.
"""

from __future__ import annotations

from dataclasses import dataclass

from clients.importers.columns import line_number, parties
from clients.importers.documents import Document, gather
from clients.importers.errors import Problems
from clients.importers.imported import Entry, ImportContext, Outcome
from clients.importers.table import Line, Table

REQUIRED = ("shipment", "receipt_date", "line", "accepted")
OPTIONAL = ("supplier", "buyer", "rejected")


@dataclass(frozen=True, slots=True)
class _Head:
    shipment: str
    supplier: str
    buyer: str
    receipt_date: str


@dataclass(frozen=True, slots=True)
class _Item:
    line: str
    accepted: int
    rejected: int


def read_receipts(table: Table, context: ImportContext, problems: Problems) -> Outcome:
    """The operations that record the goods taken in."""

    def head(line: Line) -> _Head:
        return _Head(line.identifier("shipment"), *parties(line, context), line.date("receipt_date"))

    gathered = gather(
        table.lines, problems, key=("supplier", "shipment"), head=head, item=_item, line_id="line"
    )
    own = [document for document in gathered.documents if context.organisation in ("", document.head.buyer)]
    return Outcome(
        tuple(_entry(document) for document in own),
        gathered.total,
        gathered.withheld,
        len(gathered.documents) - len(own),
    )


def _item(line: Line, _head: _Head) -> _Item:
    return _Item(
        line_number(line),
        line.quantity("accepted", least=0),
        line.quantity("rejected", least=0, default="0"),
    )


def _entry(document: Document[_Head, _Item]) -> Entry:
    head = document.head
    operation = {
        "op": "goods.receive",
        "shipment": head.shipment,
        "supplier": head.supplier,
        "date": head.receipt_date,
        "lines": tuple(
            {"line": item.line, "accepted": item.accepted, "rejected": item.rejected}
            for _, item in document.items
        ),
    }
    return Entry(head.buyer, head.receipt_date, operation, document.first.number)
