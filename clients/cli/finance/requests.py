"""`tally request`: a supplier asks several lenders for finance of an invoice, and they answer."""

from __future__ import annotations

from itertools import islice
from typing import Annotated, Any

import typer

from clients.cli.amounts import money, read_amount, read_day
from clients.cli.options import (
    HowMany,
    Json,
    OfSupplier,
    ProfileFile,
    Reason,
    ReceiptFile,
    SupplierArgument,
    SupplierOption,
    checked_word,
    open_session,
)
from clients.cli.recording import record
from clients.cli.screen import Screen, examples
from clients.cli.standing import of_request
from clients.sdk import Session

Number = Annotated[
    str, typer.Argument(metavar="REQUEST", help="Number of the request, as the supplier writes it.")
]
Programme = Annotated[str, typer.Option("--programme", help="Your programme that was asked.")]

app = typer.Typer(
    name="request", help="Ask lenders for finance, quote, decline, withdraw.", no_args_is_help=True
)


@app.command(
    "open",
    epilog=examples(
        "tally request open R-1 --invoice INV-7 --programme early-pay --programme prime \\",
        "    --until 2026-01-20 --profile net/profiles/acme.json",
    ),
)
def open_request(
    number: Number,
    invoice: Annotated[str, typer.Option(help="Your invoice.")],
    programme: Annotated[list[str], typer.Option(help="A lender's programme, once for each that you ask.")],
    until: Annotated[str, typer.Option(help="Last business date on which it is open, YYYY-MM-DD.")],
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Ask several lenders at once for finance of an invoice (supplier)."""
    operation = {
        "op": "finance.request",
        "request": number,
        "invoice": invoice,
        "programmes": tuple(programme),
        "expires": read_day(until, "--until"),
    }
    record(
        profile,
        lambda _: operation,
        f"Request {number}",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_request(session, session.profile.organisation, number),
    )


@app.command(
    epilog=examples(
        "tally request quote R-1 --supplier acme --programme early-pay --profile net/profiles/lender.json",
        "tally request quote R-1 -s acme --programme early-pay --advance 8,000.00 --discount 90.00",
    )
)
def quote(
    number: Number,
    supplier: SupplierOption,
    programme: Programme,
    advance: Annotated[
        str | None, typer.Option(help="Paid in advance; the verified price of today if not given.")
    ] = None,
    discount: Annotated[str, typer.Option(help="Taken off the advance.")] = "0",
    fee: Annotated[str, typer.Option(help="Taken off the advance, once.")] = "0",
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Say what you would pay as things stand (lender); it binds nobody: an offer does."""

    def make(session: Session) -> dict[str, Any]:
        found = session.request(supplier, number)
        where = {"supplier": supplier, "request": number, "programme": programme}
        if advance is None:
            priced = session.quote(programme, supplier, found["invoice"]).terms
            amounts = {name: getattr(priced, name) for name in ("advance", "discount", "fee")}
        else:
            written = {"advance": advance, "discount": discount, "fee": fee}
            amounts = {
                name: read_amount(text, f"--{name}", found["currency"], least=int(name == "advance")).amount
                for name, text in written.items()
            }
        return {"op": "request.quote", **where, **amounts}

    record(
        profile,
        make,
        f"Quote on {number}",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_request(session, supplier, number),
    )


@app.command(
    epilog=examples(
        "tally request decline R-1 -s acme --programme early-pay --reason 'we know the buyer too little'"
    )
)
def decline(
    number: Number,
    supplier: SupplierOption,
    programme: Programme,
    reason: Reason,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Decline a request, with a reason (lender)."""
    where = {"supplier": supplier, "request": number, "programme": programme}
    operation = {"op": "request.decline", **where, "reason": reason}
    record(
        profile,
        lambda _: operation,
        f"Request {number} declined",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_request(session, supplier, number),
    )


@app.command(epilog=examples("tally request withdraw R-1 --profile net/profiles/acme.json"))
def withdraw(
    number: Number, profile: ProfileFile = None, receipt: ReceiptFile = None, json: Json = False
) -> None:
    """Take your request back (supplier)."""
    operation = {"op": "request.withdraw", "request": number}
    record(
        profile,
        lambda _: operation,
        f"Request {number} withdrawn",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_request(session, session.profile.organisation, number),
    )


@app.command(epilog=examples("tally request show acme R-1"))
def show(
    supplier: SupplierArgument,
    number: Number,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """A request with what each lender has answered, as a node tells it (not proved)."""
    screen = Screen(json)
    with open_session(profile) as session:
        found = session.request(supplier, number)
    if screen.answer(found):
        return
    currency = found["currency"]
    screen.facts(
        [
            ("status", f"{found['status']}, open to {found['expires']}"),
            ("invoice", f"{found['invoice']} to {found['buyer']}, due {found['due_date']}"),
            ("outstanding", money(found["outstanding"], currency)),
        ],
        title=f"Request {number} of {supplier}",
    )
    screen.table(
        ("programme", "lender", "answer", "paid out now", "discount and fee", "on", "reason"),
        [
            (
                answer["programme"],
                answer["lender"],
                "offers, binding" if answer["offers"] else answer["status"],
                "" if answer["paid_out"] is None else money(answer["paid_out"], currency),
                "" if answer["fee"] is None else money(answer["discount"] + answer["fee"], currency),
                answer["answered"],
                answer["reason"],
            )
            for answer in found["answers"]
        ],
        right=("paid out now", "discount and fee"),
    )


@app.command(
    name="list",
    epilog=examples(
        "tally request list --lender lender --status open", "tally request list --supplier acme --json"
    ),
)
def list_requests(
    supplier: OfSupplier = None,
    lender: Annotated[str | None, typer.Option(help="Only to programmes of this lender.")] = None,
    status: Annotated[str | None, typer.Option(help="open, accepted, refused, expired, withdrawn.")] = None,
    limit: HowMany = 100,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """Requests for finance, as a node tells them (not proved)."""
    screen = Screen(json)
    with open_session(profile) as session:
        asked = session.requests(supplier=supplier, lender=lender, status=checked_word(status))
        found = list(islice(asked, limit))
    if screen.answer({"requests": found}):
        return
    screen.table(
        ("request", "supplier", "invoice", "buyer", "outstanding", "due", "status", "open to", "quoted"),
        [
            (
                entry["request"],
                entry["supplier"],
                entry["invoice"],
                entry["buyer"],
                money(entry["outstanding"], entry["currency"]),
                entry["due_date"],
                entry["status"],
                entry["expires"],
                sum(answer["status"] == "Quoted" for answer in entry["answers"]),
            )
            for entry in found
        ],
        right=("outstanding", "quoted"),
    )
    screen.count(len(found), "request", limit)
