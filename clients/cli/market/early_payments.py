"""`tally early-pay`: a buyer pays a confirmed invoice before it is due, less a discount."""

from __future__ import annotations

from itertools import islice
from shlex import quote as quoted
from typing import Annotated, Any

import typer

from clients.cli.amounts import money, percent, read_day, read_percent
from clients.cli.exits import UsageProblem
from clients.cli.options import (
    DepositBank,
    HowMany,
    InvoiceArgument,
    Json,
    OutFile,
    ProfileFile,
    ReceiptFile,
    SupplierOption,
    checked_word,
    load_profile,
    open_session,
    save,
)
from clients.cli.recording import record
from clients.cli.screen import GOOD, Screen, examples
from clients.cli.standing import Standing, of_invoice
from clients.sdk import Session
from clients.sdk.questions import ask
from contracts.market.early_payment import LIFE
from contracts.market.early_views import early_sentence

app = typer.Typer(name="early-pay", help="Pay invoices early at a discount.", no_args_is_help=True)


@app.command(
    epilog=examples("tally early-pay offer INV-7 --supplier acme --step 2026-03-10=2 --step 2026-03-20=1")
)
def offer(
    number: InvoiceArgument,
    supplier: SupplierOption,
    step: Annotated[list[str], typer.Option("--step", help="Last day and discount in percent: DAY=PERCENT.")],
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Offer to pay an invoice early (buyer), less a discount that falls from step to step."""
    operation = {
        "op": "early.offer",
        "supplier": supplier,
        "invoice": number,
        "steps": [_step(text) for text in step],
    }
    record(
        profile,
        lambda _: operation,
        f"Early payment of {number} offered",
        receipt=receipt,
        as_json=json,
        stands=lambda _: Standing(next=f"{supplier} accepts it: tally early-pay accept {quoted(number)}"),
    )


def _step(text: str) -> dict[str, Any]:
    day, _, percents = text.partition("=")
    return {"until": read_day(day, "--step"), "discount_ppm": read_percent(percents, "--step")}


@app.command(epilog=examples("tally early-pay accept INV-7"))
def accept(
    number: InvoiceArgument, profile: ProfileFile = None, receipt: ReceiptFile = None, json: Json = False
) -> None:
    """Accept early payment at today's discount (supplier)."""
    supplier = load_profile(profile).organisation

    def make(session: Session) -> dict[str, Any]:
        found = ask(session, "early_payment", supplier, number).view
        if found["discount_today"] is None:
            raise UsageProblem("the offer is over", code="wrong_state", field="INVOICE", found=number)
        return {"op": "early.accept", "invoice": number, "paid": found["net"] - found["discount_today"]}

    record(
        profile,
        make,
        f"Early payment of {number} accepted",
        receipt=receipt,
        as_json=json,
        stands=lambda session: _to_be_paid(session, number),
    )


def _to_be_paid(session: Session, number: str) -> Standing:
    supplier = session.profile.organisation
    buyer = quoted(session.invoice(supplier, number)["buyer"])
    return Standing(next=f"{buyer} pays it: tally early-pay pay {quoted(number)} -s {supplier} --bank BANK")


@app.command(epilog=examples("tally early-pay pay INV-7 --supplier acme --bank bank"))
def pay(
    number: InvoiceArgument,
    supplier: SupplierOption,
    bank: DepositBank,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Pay as accepted, out of your deposit (buyer): the invoice is settled."""
    operation = {"op": "early.pay", "supplier": supplier, "invoice": number, "bank": bank}
    record(
        profile,
        lambda _: operation,
        f"{number} paid early",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_invoice(session, supplier, number),
    )


@app.command(epilog=examples("tally early-pay withdraw INV-7 --supplier acme"))
def withdraw(
    number: InvoiceArgument,
    supplier: SupplierOption,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Take an offer back (buyer) or decline it (supplier), before it is accepted."""
    operation = {"op": "early.withdraw", "supplier": supplier, "invoice": number}
    record(
        profile,
        lambda _: operation,
        f"Early payment of {number} ended",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_invoice(session, supplier, number),
    )


@app.command(
    epilog=examples(
        "tally early-pay show INV-7 --supplier acme", "tally early-pay show INV-7 -s acme --out INV-7.early"
    )
)
def show(
    number: InvoiceArgument,
    supplier: SupplierOption,
    out: OutFile = None,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """Show an offer from proved state, with what each step costs the supplier a year."""
    screen = Screen(json)
    with open_session(profile) as session:
        found = ask(session, "early_payment", supplier, number)
    if out is not None:
        save(found.data, out, "proof of the offer")
    view, currency = found.view, found.view["currency"]
    document = {**view, "proved": True, "height": found.height, "file": None if out is None else str(out)}
    if screen.answer(document):
        return
    today, agreed = view["discount_today"], view["agreed_discount"]
    screen.line(early_sentence(view), GOOD)
    screen.facts(
        [
            ("outstanding", f"{money(view['net'], currency)}, due {view['due_date']}"),
            ("discount today", "none" if today is None else money(today, currency)),
            ("agreed", "nothing yet" if agreed is None else money(agreed, currency)),
            ("proved at height", found.height),
        ]
    )
    screen.table(
        ("until", "discount", "share", "a year"),
        [
            (
                step["until"],
                money(step["discount"], currency),
                percent(step["discount_ppm"]),
                "-" if step["rate_a_year_ppm"] is None else percent(step["rate_a_year_ppm"]),
            )
            for step in view["steps"]
        ],
        right=("discount", "share", "a year"),
    )


@app.command(
    name="list",
    epilog=examples(
        "tally early-pay list --supplier acme --status offered", "tally early-pay list --buyer anchor --json"
    ),
)
def list_offers(
    supplier: Annotated[
        str | None, typer.Option("--supplier", "-s", help="Only offers to this supplier.")
    ] = None,
    buyer: Annotated[str | None, typer.Option(help="Only offers of this buyer.")] = None,
    status: Annotated[str | None, typer.Option(help="Only in this state: offered, accepted, …")] = None,
    limit: HowMany = 100,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """Offers of early payment, as a node tells them (not proved)."""
    screen = Screen(json)
    wanted = checked_word(status, LIFE.states)
    with open_session(profile) as session:
        asked = session.early_payments(supplier=supplier, buyer=buyer, status=wanted)
        found = list(islice(asked, limit))
    if screen.answer({"early_payments": found}):
        return
    screen.table(
        ("invoice", "supplier", "buyer", "due", "outstanding", "discount today", "agreed", "until", "status"),
        [
            (
                *(entry[name] for name in ("invoice", "supplier", "buyer", "due_date")),
                money(entry["net"], entry["currency"]),
                *(
                    "" if entry[name] is None else money(entry[name], entry["currency"])
                    for name in ("discount_today", "agreed_discount")
                ),
                entry["until"],
                entry["status"],
            )
            for entry in found
        ],
        right=("outstanding", "discount today", "agreed"),
    )
    screen.count(len(found), "offer", limit)
