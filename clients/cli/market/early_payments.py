"""`tally early-pay`: a buyer pays a confirmed invoice before it is due, less a discount."""

from __future__ import annotations

from shlex import quote as quoted
from typing import Annotated, Any

import typer

from clients.cli.amounts import money, percent, read_day, read_percent
from clients.cli.exits import UsageProblem
from clients.cli.options import (
    DepositBank,
    InvoiceArgument,
    Json,
    ProfileFile,
    ReceiptFile,
    SupplierOption,
    load_profile,
    open_session,
)
from clients.cli.recording import record
from clients.cli.screen import Screen, examples
from clients.cli.standing import Standing, of_invoice
from clients.sdk import Session
from contracts.context import BUSINESS_DATE
from contracts.market.early_payment import LIFE, RUNNING, EarlyPayment, discount_of, early_key, step_on
from contracts.pricing import formulae
from contracts.trade.invoice import Invoice, invoice_key
from ledger.dates import iso_from_day

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


def _found(session: Session, supplier: str, number: str) -> tuple[EarlyPayment, Invoice, int]:
    """The offer, its invoice and the business date, proved."""
    key, billed = early_key(supplier, number), invoice_key(supplier, number)
    entries = session.state([key, billed, BUSINESS_DATE]).entries
    value, invoice = entries[key], entries[billed]
    if value is None or invoice is None:
        raise UsageProblem("no offer of early payment", code="no_early_offer", field="INVOICE", found=number)
    return EarlyPayment._make(value), Invoice._make(invoice), int(entries[BUSINESS_DATE] or 0)


@app.command(epilog=examples("tally early-pay accept INV-7"))
def accept(
    number: InvoiceArgument, profile: ProfileFile = None, receipt: ReceiptFile = None, json: Json = False
) -> None:
    """Accept early payment at today's discount (supplier)."""
    supplier = load_profile(profile).organisation

    def make(session: Session) -> dict[str, Any]:
        found, _, day = _found(session, supplier, number)
        step = step_on(found.steps, day)
        if step is None:
            raise UsageProblem("the offer is over", code="wrong_state", field="INVOICE", found=number)
        paid = found.net - discount_of(found.net, step[1])
        return {"op": "early.accept", "invoice": number, "paid": paid}

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


@app.command(epilog=examples("tally early-pay show INV-7 --supplier acme"))
def show(
    number: InvoiceArgument, supplier: SupplierOption, profile: ProfileFile = None, json: Json = False
) -> None:
    """Show an offer from proved state, with what each step costs the supplier a year."""
    screen = Screen(json)
    with open_session(profile) as session:
        found, invoice, day = _found(session, supplier, number)
    steps: list[dict[str, Any]] = [
        {
            "until": iso_from_day(until),
            "discount_ppm": ppm,
            "discount": discount_of(found.net, ppm),
            "rate_a_year_ppm": formulae.forgone_discount_yield(ppm, invoice.due_day - until),
        }
        for until, ppm in found.steps
    ]
    document = {
        "supplier": supplier,
        "invoice": number,
        "buyer": found.buyer,
        "status": LIFE.states[found.status],
        "currency": invoice.currency,
        "net": found.net,
        "until": iso_from_day(found.until),
        "agreed_discount": found.discount or None,
        "steps": steps,
        "proved": True,
    }
    if screen.answer(document):
        return
    today = step_on(found.steps, day) if found.status in RUNNING else None
    screen.facts(
        [
            ("status", LIFE.states[found.status]),
            ("outstanding", money(found.net, invoice.currency)),
            ("today", percent(today[1]) if today else "no discount"),
            ("agreed", money(found.discount, invoice.currency) if found.discount else "nothing yet"),
        ]
    )
    screen.table(
        ("until", "discount", "share", "a year"),
        [
            (
                step["until"],
                money(step["discount"], invoice.currency),
                percent(step["discount_ppm"]),
                percent(step["rate_a_year_ppm"]),
            )
            for step in steps
        ],
        right=("discount", "share", "a year"),
    )
