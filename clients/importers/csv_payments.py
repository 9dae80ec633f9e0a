"""Payments that a settlement bank attests: one row a booked entry.

| column | required | meaning |
|---|---|---|
| account, entry | yes | the account and the bank's reference of the booking; together used once |
| bank, payer, supplier | unless given when importing | organisation ids; the payer is the buyer |
| date | yes | booking date |
| currency | unless given | ISO 4217 |
| amount | yes | what arrived |
| invoice | yes | what it pays |
| source | no | where the row comes from; "simulated …" is shown in the summary |

The bank signs `payment.attest`.
"""

from __future__ import annotations

from dataclasses import dataclass

from clients.importers.columns import party
from clients.importers.documents import gather
from clients.importers.errors import Problems
from clients.importers.imported import Entry, ImportContext, Outcome
from clients.importers.table import Line, Table
from clients.wording import counted_are
from ledger.blocks.transaction import Operation

REQUIRED = ("account", "entry", "date", "amount", "invoice")
OPTIONAL = ("bank", "payer", "supplier", "currency", "source")

_SIMULATED = "simulated"


@dataclass(frozen=True, slots=True)
class _Head:
    account: str
    entry: str
    bank: str
    payer: str
    supplier: str


def read_payments(table: Table, context: ImportContext, problems: Problems) -> Outcome:
    """The operations that attest payments."""

    def head(line: Line) -> _Head:
        payer = line.name("payer", default=context.buyer)
        return _Head(
            line.identifier("account"),
            line.identifier("entry"),
            party(line, "bank", context),
            line.checked("payer", lambda: context.directory.checked_id(payer, "payer")),
            party(line, "supplier", context),
        )

    def item(line: Line, head: _Head) -> Operation:
        return _operation(line, head, context)

    gathered = gather(table.lines, problems, key=("account", "entry"), head=head, item=item)
    entries = [
        Entry(document.head.bank, str(operation["date"]), operation, line.number)
        for document in gathered.documents
        for line, operation in document.items
        if context.organisation in ("", document.head.bank)
    ]
    skipped = len(gathered.documents) - len(entries)
    return Outcome(tuple(entries), gathered.total, gathered.withheld, skipped, _sources(table))


def _operation(line: Line, head: _Head, context: ImportContext) -> Operation:
    currency = line.currency(default=context.currency)
    amount = line.amount("amount", currency)
    if amount == 0:
        raise line.problem(
            "amount", "nothing was paid", "amount", expected="above zero", remedy="Leave the row out."
        )
    return {
        "op": "payment.attest",
        "account": head.account,
        "entry": head.entry,
        "date": line.date("date"),
        "currency": currency,
        "payer": head.payer,
        "amount": amount,
        "invoice": line.identifier("invoice"),
        "supplier": head.supplier,
    }


def _sources(table: Table) -> tuple[str, ...]:
    """Each kind of simulated source that the table names, with its number of rows."""
    counts: dict[str, int] = {}
    for line in table.lines:
        source = line.raw("source")
        if source.lower().startswith(_SIMULATED):
            counts[source] = counts.get(source, 0) + 1
    return tuple(
        f"{counted_are(count, 'payment')} not real: {source}" for source, count in sorted(counts.items())[:3]
    )
