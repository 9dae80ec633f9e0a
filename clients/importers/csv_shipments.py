"""Shipments sent by the supplier: one row a shipped order line.

| column | required | meaning |
|---|---|---|
| shipment | yes | the supplier's shipment number, used once |
| order | yes | the order that it fulfils |
| supplier, buyer | unless given when importing | organisation ids |
| dispatch_date | yes | the day it left |
| scheduled_date | no | the day it was promised for |
| line | yes | the order's line |
| quantity | yes | whole units |
| units | no | SSCC or EPCIS event ids, separated by spaces |

The supplier signs `shipment.dispatch`.
"""

from __future__ import annotations

from dataclasses import dataclass

from clients.importers.columns import line_number, parties
from clients.importers.documents import Document, gather
from clients.importers.errors import Problems
from clients.importers.imported import Entry, ImportContext, Outcome
from clients.importers.table import Line, Table
from ledger.blocks.transaction import Operation
from ledger.errors import TallyError
from ledger.identifiers import checked_identifier

REQUIRED = ("shipment", "order", "dispatch_date", "line", "quantity")
OPTIONAL = ("supplier", "buyer", "scheduled_date", "units")


@dataclass(frozen=True, slots=True)
class _Head:
    shipment: str
    order: str
    supplier: str
    buyer: str
    dispatch_date: str
    scheduled_date: str


@dataclass(frozen=True, slots=True)
class _Item:
    line: str
    quantity: int
    units: tuple[str, ...]


def read_shipments(table: Table, context: ImportContext, problems: Problems) -> Outcome:
    """The operations that record the table's shipments."""

    def head(line: Line) -> _Head:
        supplier, buyer = parties(line, context)
        return _Head(
            line.identifier("shipment"),
            line.identifier("order"),
            supplier,
            buyer,
            line.date("dispatch_date"),
            line.date("scheduled_date", is_optional=True),
        )

    gathered = gather(
        table.lines, problems, key=("supplier", "shipment"), head=head, item=_item, line_id="line"
    )
    own = [
        document for document in gathered.documents if context.organisation in ("", document.head.supplier)
    ]
    return Outcome(
        tuple(_entry(document) for document in own),
        gathered.total,
        gathered.withheld,
        len(gathered.documents) - len(own),
    )


def _item(line: Line, _head: _Head) -> _Item:
    units = tuple(line.text("units", is_optional=True).split())
    for unit in units:
        try:
            checked_identifier(unit, "units")
        except TallyError:
            raise line.problem(
                "identifier",
                "not a shipment unit",
                "units",
                expected="SSCC or event ids of at most 64 bytes",
                remedy="Separate the units by spaces.",
            ) from None
    return _Item(line_number(line), line.quantity("quantity"), units)


def _entry(document: Document[_Head, _Item]) -> Entry:
    head = document.head
    operation: Operation = {
        "op": "shipment.dispatch",
        "shipment": head.shipment,
        "order": head.order,
        "buyer": head.buyer,
        "date": head.dispatch_date,
        "lines": tuple({"line": item.line, "quantity": item.quantity} for _, item in document.items),
        "units": tuple(dict.fromkeys(unit for _, item in document.items for unit in item.units)),
    }
    if head.scheduled_date:
        operation["scheduled"] = head.scheduled_date
    return Entry(head.supplier, head.dispatch_date, operation, document.first.number)
