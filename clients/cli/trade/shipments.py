"""`tally shipment`: goods on their way, as supplier, carrier and buyer each say it.

Many shipments and receipts come in with `import`; these commands say one thing at a time.
"""

from __future__ import annotations

from itertools import islice
from typing import Annotated, Any

import typer

from clients.cli.amounts import read_count, read_day
from clients.cli.exits import UsageProblem
from clients.cli.options import (
    HowMany,
    Json,
    ProfileFile,
    Reason,
    ReceiptFile,
    SupplierArgument,
    SupplierOption,
    checked_word,
    open_session,
    say_strangers,
)
from clients.cli.recording import record
from clients.cli.screen import Screen, examples
from clients.cli.standing import of_shipment
from contracts.trade.shipment import LIFE

Number = Annotated[
    str, typer.Argument(metavar="SHIPMENT", help="Shipment number, as the supplier writes it.")
]
Day = Annotated[str, typer.Option("--date", help="The day it happened, YYYY-MM-DD.")]

app = typer.Typer(name="shipment", help="Ship, carry, receive and return goods.", no_args_is_help=True)


def read_quantities(texts: list[str], names: tuple[str, ...], option: str) -> tuple[dict[str, Any], ...]:
    """Lines written LINE:NUMBER[:NUMBER], each number under its name; a number left out is 0.

    Raises:
        UsageProblem: another form.
    """
    lines = []
    for text in texts:
        line, *numbers = [part.strip() for part in text.split(":")]
        counted = [count for count in map(read_count, numbers) if count is not None]
        if not line or len(counted) != len(numbers) or not 1 <= len(counted) <= len(names):
            raise UsageProblem(
                "not a line with its quantity",
                code="line",
                field=option,
                found=text[:60],
                expected=":".join(["LINE", *(name.upper() for name in names)]) + ", such as '1:100'",
            )
        counted += [0] * (len(names) - len(numbers))
        lines.append({"line": line, **dict(zip(names, counted, strict=True))})
    return tuple(lines)


@app.command(
    epilog=examples(
        "tally shipment create S-7 --order PO-1 --buyer anchor --line 1:100 --carrier fast",
        "tally shipment create S-7 --order PO-1 --buyer anchor --line 1:40 --unit 340123450000000017 "
        "--date 2026-01-20",
    )
)
def create(
    number: Number,
    order: Annotated[str, typer.Option(help="Order that it fulfils.")],
    buyer: Annotated[str, typer.Option(help="Organisation id of the buyer.")],
    line: Annotated[list[str], typer.Option(help="LINE:QUANTITY of the order, once for each line.")],
    unit: Annotated[list[str] | None, typer.Option(help="SSCC or EPCIS event id, once for each.")] = None,
    carrier: Annotated[str | None, typer.Option(help="Organisation that carries it.")] = None,
    scheduled: Annotated[str | None, typer.Option(help="Day of delivery agreed.")] = None,
    date: Annotated[str | None, typer.Option(help="Day on which it left, if it has left already.")] = None,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Enter a shipment (supplier); with --date it has left, without it departs later."""
    operation: dict[str, Any] = {
        "op": "shipment.create",
        "shipment": number,
        "order": order,
        "buyer": buyer,
        "lines": read_quantities(line, ("quantity",), "--line"),
        "units": tuple(unit or ()),
    }
    if carrier:
        operation["carrier"] = carrier
    if scheduled:
        operation["scheduled"] = read_day(scheduled, "--scheduled")
    if date:
        operation |= {"op": "shipment.dispatch", "date": read_day(date, "--date")}
    sentence = f"Shipment {number} {'dispatched' if date else 'created'}"
    record(
        profile,
        lambda _: operation,
        sentence,
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_shipment(session, session.profile.organisation, number),
    )


@app.command(epilog=examples("tally shipment depart S-7 --supplier acme --date 2026-01-20 -p carrier.json"))
def depart(
    number: Number,
    supplier: SupplierOption,
    date: Day,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Say that a created shipment has left (supplier or carrier)."""
    _say(
        "shipment.depart", number, supplier, "departed", profile, receipt, json, date=read_day(date, "--date")
    )


@app.command(epilog=examples("tally shipment deliver S-7 --supplier acme --date 2026-01-22 -p carrier.json"))
def deliver(
    number: Number,
    supplier: SupplierOption,
    date: Day,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Say that a shipment was handed over (its carrier)."""
    _say(
        "shipment.deliver",
        number,
        supplier,
        "delivered",
        profile,
        receipt,
        json,
        date=read_day(date, "--date"),
    )


@app.command(epilog=examples("tally shipment lose S-7 -s acme --date 2026-01-30 --reason 'the ship sank'"))
def lose(
    number: Number,
    supplier: SupplierOption,
    date: Day,
    reason: Reason,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Say that a shipment is lost (supplier or carrier); its goods can be shipped anew."""
    more = {"date": read_day(date, "--date"), "reason": reason}
    _say("shipment.lose", number, supplier, "lost", profile, receipt, json, **more)


@app.command(
    epilog=examples(
        "tally shipment receive S-7 --supplier acme --date 2026-01-22 --line 1:90:10 --line 2:5",
    )
)
def receive(
    number: Number,
    supplier: SupplierOption,
    date: Day,
    line: Annotated[
        list[str], typer.Option(help="LINE:ACCEPTED[:REJECTED]; a line left out did not arrive.")
    ],
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Take in a shipment line by line (buyer)."""
    lines = read_quantities(line, ("accepted", "rejected"), "--line")
    more = {"date": read_day(date, "--date"), "lines": lines}
    _say("goods.receive", number, supplier, "received", profile, receipt, json, **more)


@app.command(epilog=examples("tally shipment refuse S-7 -s acme --date 2026-01-22 --reason 'not ordered'"))
def refuse(
    number: Number,
    supplier: SupplierOption,
    date: Day,
    reason: Reason,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Refuse a whole shipment at the door (buyer)."""
    more = {"date": read_day(date, "--date"), "reason": reason}
    _say("goods.refuse", number, supplier, "refused", profile, receipt, json, **more)


@app.command(
    name="return",
    epilog=examples("tally shipment return S-7 -s acme --date 2026-02-01 --line 1:30 --reason defective"),
)
def send_back(
    number: Number,
    supplier: SupplierOption,
    date: Day,
    line: Annotated[list[str], typer.Option(help="LINE:QUANTITY that goes back.")],
    reason: Reason,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Send accepted goods back within the window (buyer); what was billed is to be credited."""
    lines = read_quantities(line, ("quantity",), "--line")
    more = {"date": read_day(date, "--date"), "lines": lines, "reason": reason}
    _say("goods.return", number, supplier, "returned", profile, receipt, json, **more)


def _say(
    name: str,
    number: str,
    supplier: str,
    word: str,
    profile: ProfileFile,
    receipt: ReceiptFile,
    as_json: bool,
    **more: Any,
) -> None:
    operation = {"op": name, "shipment": number, "supplier": supplier, **more}
    record(
        profile,
        lambda _: operation,
        f"Shipment {number} {word}",
        receipt=receipt,
        as_json=as_json,
        stands=lambda session: of_shipment(session, supplier, number),
    )


@app.command(epilog=examples("tally shipment show acme S-7"))
def show(supplier: SupplierArgument, number: Number, profile: ProfileFile = None, json: Json = False) -> None:
    """One shipment as it stands, as a node tells it (not proved)."""
    screen = Screen(json)
    with open_session(profile) as session:
        found = session.shipment(supplier, number)
    if screen.answer(found):
        return
    screen.facts(
        [
            ("status", found["status"]),
            ("order", f"{found['order']} of {found['buyer']}"),
            ("carrier", found["carrier"] or "none on the ledger"),
            (
                "dispatched, scheduled",
                f"{found['dispatched'] or 'no'}, {found['scheduled'] or 'no day agreed'}",
            ),
            ("dispatch recorded", found["recorded"] or "no"),
            ("delivered, received", f"{found['delivered'] or 'no'}, {found['received'] or 'no'}"),
            ("units", ", ".join(found["units"]) or "none named"),
        ],
        title=f"Shipment {number} of {supplier}",
    )
    columns = ("line", "shipped", "accepted", "rejected", "returned")
    screen.table(
        columns, [tuple(line[name] for name in columns) for line in found["lines"]], right=columns[1:]
    )


@app.command(
    name="list",
    epilog=examples(
        "tally shipment list acme", "tally shipment list acme --buyer anchor --status dispatched"
    ),
)
def list_shipments(
    supplier: SupplierArgument,
    buyer: Annotated[str | None, typer.Option(help="Only to this buyer.")] = None,
    status: Annotated[str | None, typer.Option(help="Only in this state: dispatched, received, …")] = None,
    limit: HowMany = 100,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """A supplier's shipments, as a node tells them (not proved)."""
    screen = Screen(json)
    wanted = checked_word(status, LIFE.states)
    with open_session(profile) as session:
        found = list(islice(session.shipments(supplier, buyer=buyer, status=wanted), limit))
        channel = session.genesis.genesis
    if screen.answer({"shipments": found}):
        return
    screen.table(
        ("shipment", "buyer", "order", "carrier", "dispatched", "scheduled", "received", "status"),
        [
            (
                *(entry[name] for name in ("shipment", "buyer", "order")),
                *(entry[name] or "" for name in ("carrier", "dispatched", "scheduled", "received")),
                entry["status"],
            )
            for entry in found
        ],
    )
    screen.count(len(found), "shipment", limit)
    say_strangers(screen, channel, supplier, buyer)
