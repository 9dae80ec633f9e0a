"""`tally payment`: the settlement bank attests what the buyer paid."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from clients.cli.amounts import read_amount, read_day
from clients.cli.options import Json, ProfileFile, ReceiptFile, SupplierOption
from clients.cli.recording import record
from clients.cli.screen import examples
from clients.sdk import Session

app = typer.Typer(name="payment", help="Attest payments.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Attest payments."""


@app.command(
    epilog=examples(
        "tally payment attest INV-7 --supplier acme --amount '11,305.00 EUR' \\",
        "    --account DE75… --entry 4712 --date 2026-03-09 --profile net/profiles/bank.json",
    )
)
def attest(
    number: Annotated[str, typer.Argument(metavar="INVOICE", help="Invoice that was paid.")],
    supplier: SupplierOption,
    amount: Annotated[str, typer.Option(help="What arrived.")],
    account: Annotated[str, typer.Option(help="Account on which it arrived.")],
    entry: Annotated[str, typer.Option(help="The bank's reference of the booking; consumed once.")],
    date: Annotated[str, typer.Option(help="Booking day, YYYY-MM-DD.")],
    payer: Annotated[str, typer.Option(help="Organisation that paid; the buyer if not given.")] = "",
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Attest a payment towards an invoice (settlement bank); on a financed one this is the settlement."""

    def make(session: Session) -> dict[str, Any]:
        known = session.invoice(supplier, number)
        return {
            "op": "payment.attest",
            "account": account,
            "entry": entry,
            "date": read_day(date, "--date"),
            "currency": known["currency"],
            "payer": payer or known["buyer"],
            "amount": read_amount(amount, "--amount", known["currency"]).amount,
            "invoice": number,
            "supplier": supplier,
        }

    record(profile, make, f"Payment on {number}", receipt=receipt, as_json=json)
