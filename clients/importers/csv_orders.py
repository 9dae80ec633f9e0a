"""Purchase orders: one row an order line.

| column | required | meaning |
|---|---|---|
| order | yes | the buyer's order number |
| supplier, buyer | unless given when importing | organisation ids |
| currency | unless given | ISO 4217 |
| order_date | yes | the day the order was placed |
| line | yes | number of the line within the order |
| item | yes | what is ordered; the ledger keeps its first 64 bytes |
| quantity | yes | whole units |
| unit_price | yes | for one unit, up to 6 decimals more than the currency |
| line_value | no | checked against quantity × unit_price, to one minor unit |

The supplier's import proposes orders (`order.submit`); the buyer's issues them (`order.issue`) with
their content, or, where the supplier's drafts are on the ledger, the drafts as they stand. An
import for all parties proposes and issues.
"""

from __future__ import annotations

from dataclasses import dataclass

from clients.importers.columns import item_name, line_number, parties
from clients.importers.documents import Document, gather
from clients.importers.errors import Problems
from clients.importers.imported import Entry, ImportContext, Outcome
from clients.importers.limits import PRICE_SCALE
from clients.importers.table import Line, Table
from ledger.blocks.transaction import Operation

REQUIRED = ("order", "order_date", "line", "item", "quantity", "unit_price")
OPTIONAL = ("supplier", "buyer", "currency", "line_value")


@dataclass(frozen=True, slots=True)
class _Head:
    order: str
    supplier: str
    buyer: str
    currency: str
    order_date: str


@dataclass(frozen=True, slots=True)
class _Item:
    line: str
    item: str
    quantity: int
    price_micros: int


def read_orders(table: Table, context: ImportContext, problems: Problems) -> Outcome:
    """The operations that propose and issue the table's orders."""

    def head(line: Line) -> _Head:
        supplier, buyer = parties(line, context)
        return _Head(
            line.identifier("order"),
            supplier,
            buyer,
            line.currency(default=context.currency),
            line.date("order_date"),
        )

    gathered = gather(
        table.lines, problems, key=("supplier", "buyer", "order"), head=head, item=_item, line_id="line"
    )
    entries: list[Entry] = []
    skipped = 0
    for document in gathered.documents:
        made = _entries(document, context)
        entries += made
        skipped += not made
    return Outcome(tuple(entries), gathered.total, gathered.withheld, skipped)


def _item(line: Line, head: _Head) -> _Item:
    item = _Item(
        line_number(line),
        item_name(line),
        line.quantity("quantity"),
        line.price_micros("unit_price", head.currency),
    )
    if line.raw("line_value"):
        value = line.amount("line_value", head.currency)
        if abs(value * PRICE_SCALE - item.quantity * item.price_micros) > PRICE_SCALE:
            raise line.problem(
                "line_value",
                "value is not quantity × price",
                "line_value",
                expected=f"{line.raw('quantity')} × {line.raw('unit_price')}, to one minor unit",
            )
    return item


def _entries(document: Document[_Head, _Item], context: ImportContext) -> list[Entry]:
    head = document.head
    lines = tuple(
        {"line": item.line, "item": item.item, "quantity": item.quantity, "price_micros": item.price_micros}
        for _, item in document.items
    )
    content: Operation = {"currency": head.currency, "date": head.order_date, "lines": lines}
    made: list[Entry] = []
    if context.organisation in ("", head.supplier):
        submit = {"op": "order.submit", "order": head.order, "buyer": head.buyer, **content}
        made.append(Entry(head.supplier, head.order_date, submit, document.first.number))
    if context.organisation in ("", head.buyer):
        issue: Operation = {"op": "order.issue", "order": head.order, "supplier": head.supplier}
        if context.organisation and not context.issue_drafts:
            issue |= content
        made.append(Entry(head.buyer, head.order_date, issue, document.first.number))
    return made
