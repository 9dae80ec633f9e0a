"""The buyer's decisions on invoices, in bulk: one row an invoice.

| column | required | meaning |
|---|---|---|
| invoice | yes | the supplier's invoice number |
| supplier, buyer | unless given when importing | organisation ids |
| decision | yes | confirm, dispute or reject |
| currency | unless given | ISO 4217, for reading the amount |
| net | to confirm or dispute | what will be paid; or the amount in dispute |
| due_date | to confirm | the day on which it will be paid |
| reason | to dispute or reject | text for people |
| decision_date | no | the day of the decision; orders entries, is not on the ledger |

The buyer signs `invoice.confirm`, `invoice.dispute` or `invoice.reject`.
"""

from __future__ import annotations

from dataclasses import dataclass

from clients.importers.columns import parties
from clients.importers.documents import gather
from clients.importers.errors import Problems
from clients.importers.imported import Entry, ImportContext, Outcome
from clients.importers.table import Line, Table
from contracts.fields import MAX_REASON_LENGTH
from ledger.blocks.transaction import Operation

REQUIRED = ("invoice", "decision")
OPTIONAL = ("supplier", "buyer", "currency", "net", "due_date", "reason", "decision_date")

_DECISIONS = ("confirm", "dispute", "reject")


@dataclass(frozen=True, slots=True)
class _Head:
    invoice: str
    supplier: str
    buyer: str
    decision_date: str


def read_confirmations(table: Table, context: ImportContext, problems: Problems) -> Outcome:
    """The operations that confirm, dispute or reject invoices."""

    def head(line: Line) -> _Head:
        date = line.date("decision_date", is_optional=True)
        return _Head(line.identifier("invoice"), *parties(line, context), date)

    def item(line: Line, head: _Head) -> Operation:
        return _operation(line, head, context)

    gathered = gather(table.lines, problems, key=("supplier", "invoice"), head=head, item=item)
    entries = [
        Entry(document.head.buyer, document.head.decision_date, operation, line.number)
        for document in gathered.documents
        for line, operation in document.items
        if context.organisation in ("", document.head.buyer)
    ]
    skipped = len(gathered.documents) - len(entries)
    return Outcome(tuple(entries), gathered.total, gathered.withheld, skipped)


def _operation(line: Line, head: _Head, context: ImportContext) -> Operation:
    decision = line.one_of("decision", _DECISIONS)
    subject = {"op": f"invoice.{decision}", "invoice": head.invoice, "supplier": head.supplier}
    if decision == "reject":
        return {**subject, "reason": _reason(line)}
    net = line.amount("net", line.currency(default=context.currency))
    if decision == "dispute":
        return {**subject, "amount": net, "reason": _reason(line)}
    return {**subject, "net": net, "due_date": line.date("due_date")}


def _reason(line: Line) -> str:
    reason = line.text("reason")
    if len(reason) > MAX_REASON_LENGTH:
        raise line.problem(
            "reason_too_long", "reason too long", "reason", expected=f"at most {MAX_REASON_LENGTH} characters"
        )
    return reason
