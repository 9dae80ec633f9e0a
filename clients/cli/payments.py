"""`tally payment`: the settlement bank attests what the buyer paid, or the buyer pays out of its deposit."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from clients.cli.amounts import read_amount, read_day
from clients.cli.options import DepositBank, Json, ProfileFile, ReceiptFile, SupplierOption
from clients.cli.recording import record
from clients.cli.screen import examples
from clients.sdk import Session

app = typer.Typer(name="payment", help="Pay invoices, attest payments.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Pay invoices, attest payments."""


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


@app.command(
    epilog=examples(
        "tally payment make INV-7 --supplier acme --amount '11,305.00 EUR' --bank bank \\",
        "    --profile net/profiles/anchor.json",
    )
)
def make(
    number: Annotated[str, typer.Argument(metavar="INVOICE", help="Invoice to pay.")],
    supplier: SupplierOption,
    bank: DepositBank,
    amount: Annotated[
        str | None, typer.Option(help="How much; all that is outstanding if not given.")
    ] = None,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Pay an invoice out of your deposit (buyer), to whoever holds the claim."""

    def operation(session: Session) -> dict[str, Any]:
        known = session.invoice(supplier, number)
        currency = known["currency"]
        paid = known["outstanding"] if amount is None else read_amount(amount, "--amount", currency).amount
        return {
            "op": "payment.make",
            "invoice": number,
            "supplier": supplier,
            "bank": bank,
            "currency": currency,
            "amount": paid,
        }

    record(profile, operation, f"Payment of {number}", receipt=receipt, as_json=json)
