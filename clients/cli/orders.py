"""`tally order`: the buyer issues what the supplier proposed; anyone looks. Orders come in with `import`."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer

from clients.cli.amounts import money
from clients.cli.options import Json, ProfileFile, ReceiptFile, SupplierOption, open_session
from clients.cli.recording import record
from clients.cli.screen import Screen, examples

Number = Annotated[str, typer.Argument(metavar="ORDER", help="Order number, as the buyer writes it.")]
Supplier = Annotated[str, typer.Argument(metavar="SUPPLIER", help="Organisation id of the supplier.")]
Buyer = Annotated[str, typer.Argument(metavar="BUYER", help="Organisation id of the buyer.")]

app = typer.Typer(name="order", help="Issue and show orders.", no_args_is_help=True)


@app.command(epilog=examples("tally order issue PO-1 --supplier acme --profile net/profiles/anchor.json"))
def issue(
    number: Number,
    supplier: SupplierOption,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Issue an order that the supplier proposed, as it stands (buyer)."""
    operation = {"op": "order.issue", "order": number, "supplier": supplier}
    record(profile, lambda _: operation, f"Order {number} issued", receipt=receipt, as_json=json)


@app.command(epilog=examples("tally order show acme anchor PO-1"))
def show(
    supplier: Supplier, buyer: Buyer, number: Number, profile: ProfileFile = None, json: Json = False
) -> None:
    """One order with the progress of its lines, as a node tells it (not proved)."""
    screen = Screen(json)
    with open_session(profile) as session:
        found = session.order(supplier, buyer, number)
    if screen.answer(found):
        return
    screen.line(
        f"Order {number} of {found['date']}, {found['status']}, {money(found['amount'], found['currency'])}"
    )
    screen.table(
        ("line", "item", "ordered", "shipped", "accepted", "rejected", "invoiced", "amount"),
        [
            (
                line["line"],
                line["item"],
                line["quantity"],
                line["shipped"],
                line["accepted"],
                line["rejected"],
                line["invoiced"],
                money(line["amount"], found["currency"]),
            )
            for line in found["lines"]
        ],
        right=("ordered", "shipped", "accepted", "rejected", "invoiced", "amount"),
    )


@app.command(name="list", epilog=examples("tally order list acme --buyer anchor --limit 20"))
def list_orders(
    supplier: Supplier,
    buyer: Annotated[str | None, typer.Option(help="Only of this buyer.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """A supplier's orders, as a node tells them (not proved)."""
    screen = Screen(json)
    with open_session(profile) as session:
        found = list(islice(session.orders(supplier, buyer), limit))
    if screen.answer({"orders": found}):
        return
    screen.table(
        ("order", "buyer", "date", "status", "lines", "amount"),
        [
            (
                entry["order"],
                entry["buyer"],
                entry["date"],
                entry["status"],
                len(entry["lines"]),
                money(entry["amount"], entry["currency"]),
            )
            for entry in found
        ],
        right=("lines", "amount"),
    )
