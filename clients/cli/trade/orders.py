"""`tally order`: proposed, issued, acknowledged, amended by both, closed or cancelled.

Orders in files come in with `import`.
"""

from __future__ import annotations

from itertools import islice
from typing import Annotated, Any

import typer

from clients.cli.amounts import money, read_amount, read_count, read_currency, read_day
from clients.cli.exits import UsageProblem
from clients.cli.options import (
    HowMany,
    Json,
    ProfileFile,
    Reason,
    ReceiptFile,
    SupplierArgument,
    SupplierOption,
    open_session,
    say_strangers,
)
from clients.cli.recording import record
from clients.cli.screen import Screen, examples
from clients.cli.standing import of_order
from clients.importers.limits import PRICE_SCALE
from clients.sdk import Session
from contracts.trade.order import line_amount

Number = Annotated[str, typer.Argument(metavar="ORDER", help="Order number, as the buyer writes it.")]
Buyer = Annotated[str, typer.Argument(metavar="BUYER", help="Organisation id of the buyer.")]

BuyerOption = Annotated[str, typer.Option("--buyer", "-b", help="Organisation id of the buyer.")]
AmendmentNumber = Annotated[int, typer.Option(min=1, help="Number of the amendment, as `order show` has it.")]

OrderDay = Annotated[str, typer.Option("--date", help="Day of the order, YYYY-MM-DD.")]
OrderCurrency = Annotated[str, typer.Option(help="ISO 4217 code, where the prices do not say it.")]
LINE_HELP = "LINE : QUANTITY : PRICE : ITEM, once for each line."

app = typer.Typer(name="order", help="Propose, issue, amend, close and show orders.", no_args_is_help=True)


@app.command(
    epilog=examples(
        "tally order submit PO-1 --buyer anchor --date 2026-01-05 \\",
        "    --line '1 : 100 : 95.00 EUR : steel bolts M8' --profile net/profiles/acme.json",
    )
)
def submit(
    number: Number,
    buyer: BuyerOption,
    date: OrderDay,
    line: Annotated[list[str], typer.Option(help=LINE_HELP)],
    currency: OrderCurrency = "",
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Propose an order as it came on paper (supplier); it binds nobody until the buyer issues it."""
    operation = {"op": "order.submit", "order": number, "buyer": buyer, **_content(date, line, currency)}
    record(
        profile,
        lambda _: operation,
        f"Order {number} proposed",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_order(session, session.profile.organisation, buyer, number),
    )


@app.command(
    epilog=examples(
        "tally order issue PO-1 --supplier acme --profile net/profiles/anchor.json",
        "tally order issue PO-2 -s acme --date 2026-01-05 --line '1 : 100 : 95.00 EUR : steel bolts M8'",
    )
)
def issue(
    number: Number,
    supplier: SupplierOption,
    date: OrderDay = "",
    line: Annotated[list[str] | None, typer.Option(help=LINE_HELP)] = None,
    currency: OrderCurrency = "",
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Issue an order (buyer): the supplier's proposal as it stands, or with --date and --line one's own."""
    operation: dict[str, Any] = {"op": "order.issue", "order": number, "supplier": supplier}
    if line or date:
        operation |= _content(date, line or [], currency)
    record(
        profile,
        lambda _: operation,
        f"Order {number} issued",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_order(session, supplier, session.profile.organisation, number),
    )


@app.command(epilog=examples("tally order acknowledge PO-1 --buyer anchor --profile net/profiles/acme.json"))
def acknowledge(
    number: Number,
    buyer: BuyerOption,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Take on an order that the buyer has issued (supplier); shipping it does the same."""
    operation = {"op": "order.acknowledge", "order": number, "buyer": buyer}
    record(
        profile,
        lambda _: operation,
        f"Order {number} acknowledged",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_order(session, session.profile.organisation, buyer, number),
    )


@app.command(
    epilog=examples(
        "tally order amend PO-1 -s acme -b anchor --line '1 : 120 : 95.00 EUR' --profile anchor.json",
        "tally order amend PO-1 -s acme -b anchor --line '3 : 10 : 7.50 EUR : screws' --line '2:0'",
    )
)
def amend(
    number: Number,
    supplier: SupplierOption,
    buyer: BuyerOption,
    line: Annotated[
        list[str],
        typer.Option(help="LINE : QUANTITY [: PRICE [: ITEM]]; what is left out stays, quantity 0 strikes."),
    ],
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Propose to change lines of an order (either party); the other one agrees."""

    def make(session: Session) -> dict[str, Any]:
        found = session.order(supplier, buyer, number)
        known = {entry["line"]: entry for entry in found["lines"]}
        lines = [_read_line(text, known, found["currency"]) for text in line]
        parties = {"order": number, "supplier": supplier, "buyer": buyer}
        return {"op": "amendment.propose", **parties, "lines": tuple(lines)}

    record(
        profile,
        make,
        f"Amendment of order {number} proposed",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_order(session, supplier, buyer, number),
    )


def _content(date: str, lines: list[str], currency: str) -> dict[str, Any]:
    """What an order says: its currency is that of the first price, unless it is given."""
    code = read_currency(currency) if currency else ""
    read = []
    for text in lines:
        price = ([part.strip() for part in text.split(":")] + ["", "", ""])[2]
        if not code and price:
            code = read_amount(price, "--line", code, least=0).currency
        read.append(_read_line(text, {}, code))
    if not read:
        raise UsageProblem("an order without lines", code="line", field="--line", expected=LINE_HELP)
    return {"date": read_day(date, "--date"), "currency": code, "lines": tuple(read)}


def _read_line(text: str, known: dict[str, Any], currency: str) -> dict[str, Any]:
    """One amended line as a person wrote it; price and item are the order's where they are left out."""
    name, *rest = [part.strip() for part in text.split(":")]
    before = known.get(name, {})
    written, price, item = (*rest, "", "", "")[:3]
    quantity = read_count(written)
    is_complete = bool(before) or (bool(price) and bool(item))
    if len(rest) > 3 or quantity is None or not is_complete:
        raise UsageProblem(
            "not an order line",
            code="line",
            field="--line",
            found=text[:60],
            expected="LINE : QUANTITY : PRICE : ITEM, such as '3 : 10 : 7.50 EUR : screws'",
        )
    if price:
        price_micros = read_amount(price, "--line", currency, least=0).amount * PRICE_SCALE
    else:
        price_micros = before["price_micros"]
    return {
        "line": name,
        "item": item or before["item"],
        "quantity": quantity,
        "price_micros": price_micros,
    }


@app.command(epilog=examples("tally order agree PO-1 -s acme -b anchor --amendment 1 --profile acme.json"))
def agree(
    number: Number,
    supplier: SupplierOption,
    buyer: BuyerOption,
    amendment: AmendmentNumber,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Agree to an amendment that the other party proposed: the order is changed."""
    parties = {"order": number, "supplier": supplier, "buyer": buyer}
    operation = {"op": "amendment.agree", **parties, "amendment": amendment}
    record(
        profile,
        lambda _: operation,
        f"Order {number} amended",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_order(session, supplier, buyer, number),
    )


@app.command(epilog=examples("tally order decline PO-1 -s acme -b anchor --amendment 1 --reason 'too late'"))
def decline(
    number: Number,
    supplier: SupplierOption,
    buyer: BuyerOption,
    amendment: AmendmentNumber,
    reason: Reason,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Decline the other party's amendment, or take back one's own."""
    parties = {"order": number, "supplier": supplier, "buyer": buyer}
    operation = {"op": "amendment.decline", **parties, "amendment": amendment, "reason": reason}
    record(
        profile,
        lambda _: operation,
        f"Amendment {amendment} declined",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_order(session, supplier, buyer, number),
    )


@app.command(epilog=examples("tally order close PO-1 --supplier acme --profile net/profiles/anchor.json"))
def close(
    number: Number,
    supplier: SupplierOption,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Close an order (buyer): nothing more is shipped, what was accepted may still be billed."""
    operation = {"op": "order.close", "order": number, "supplier": supplier}
    record(
        profile,
        lambda _: operation,
        f"Order {number} closed",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_order(session, supplier, session.profile.organisation, number),
    )


@app.command(epilog=examples("tally order cancel PO-1 -s acme -b anchor --reason 'not needed any more'"))
def cancel(
    number: Number,
    supplier: SupplierOption,
    buyer: BuyerOption,
    reason: Reason,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Cancel an order of which nothing was received (buyer), or decline it (supplier)."""
    operation = {
        "op": "order.cancel",
        "order": number,
        "supplier": supplier,
        "buyer": buyer,
        "reason": reason,
    }
    record(
        profile,
        lambda _: operation,
        f"Order {number} cancelled",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_order(session, supplier, buyer, number),
    )


@app.command(epilog=examples("tally order show acme anchor PO-1"))
def show(
    supplier: SupplierArgument, buyer: Buyer, number: Number, profile: ProfileFile = None, json: Json = False
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
        ("line", "item", "ordered", "shipped", "accepted", "rejected", "returned", "invoiced", "amount"),
        [
            (
                line["line"],
                line["item"],
                line["quantity"],
                line["shipped"],
                line["accepted"],
                line["rejected"],
                line["returned"],
                line["invoiced"],
                money(line["amount"], found["currency"]),
            )
            for line in found["lines"]
        ],
        right=("ordered", "shipped", "accepted", "rejected", "returned", "invoiced", "amount"),
    )
    if found["to_credit"]:
        screen.note(f"To credit, for goods that went back: {money(found['to_credit'], found['currency'])}")
    amendment = found["amendment"]
    if amendment and amendment["status"] == "Proposed":
        screen.note(f"Amendment {amendment['number']} proposed by {amendment['proposer']}:")
        for line in amendment["lines"]:
            amount = money(line_amount(line["quantity"], line["price_micros"]), found["currency"])
            screen.note(f"  line {line['line']}: {line['quantity']} {line['item']}, {amount}")


@app.command(name="list", epilog=examples("tally order list acme --buyer anchor --limit 20"))
def list_orders(
    supplier: SupplierArgument,
    buyer: Annotated[str | None, typer.Option(help="Only of this buyer.")] = None,
    limit: HowMany = 100,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """A supplier's orders, as a node tells them (not proved)."""
    screen = Screen(json)
    with open_session(profile) as session:
        found = list(islice(session.orders(supplier, buyer), limit))
        channel = session.genesis.genesis
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
    say_strangers(screen, channel, supplier, buyer)
