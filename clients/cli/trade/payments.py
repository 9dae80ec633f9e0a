"""`tally payment`: what buyers pay, attested or out of their deposits, and what goes back to them."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from clients.cli.amounts import read_amount, read_day
from clients.cli.exits import UsageProblem
from clients.cli.options import (
    BankEntry,
    BookingDay,
    CommonBank,
    DepositBank,
    Json,
    ProfileFile,
    ReceiptFile,
    SupplierOption,
)
from clients.cli.recording import record
from clients.cli.screen import examples
from clients.cli.standing import of_invoice
from clients.sdk import Session

app = typer.Typer(
    name="payment", help="Pay invoices, attest payments, pay back what was too much.", no_args_is_help=True
)


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
    entry: BankEntry,
    date: BookingDay,
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

    record(
        profile,
        make,
        f"Payment on {number}",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_invoice(session, supplier, number),
    )


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
        str | None, typer.Option(help="How much; all that you owe if not given, written off or not.")
    ] = None,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Pay an invoice out of your deposit (buyer), to whoever holds the claim."""

    def operation(session: Session) -> dict[str, Any]:
        known = session.invoice(supplier, number)
        currency = known["currency"]
        owed = known["outstanding"] + known["written_off"]
        paid = owed if amount is None else read_amount(amount, "--amount", currency).amount
        if not paid:
            raise UsageProblem(
                "nothing is owed on the invoice", code="nothing_outstanding", field="INVOICE", found=number
            )
        return {
            "op": "payment.make",
            "invoice": number,
            "supplier": supplier,
            "bank": bank,
            "currency": currency,
            "amount": paid,
        }

    record(
        profile,
        operation,
        f"Payment of {number}",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_invoice(session, supplier, number),
    )


Unapplied = Annotated[
    str | None, typer.Option(help="How much goes back; all that was paid too much if not given.")
]


def _unapplied(known: dict[str, Any], amount: str | None) -> int:
    """Minor units of what goes back to the buyer of an invoice."""
    if amount is not None:
        return read_amount(amount, "--amount", known["currency"]).amount
    if not known["unapplied"]:
        raise UsageProblem(
            "nothing was paid beyond what was owed",
            code="exceeds_unapplied",
            field="INVOICE",
            found=known["invoice"],
            remedy="tally invoice show says what is outstanding and what was paid too much.",
        )
    return int(known["unapplied"])


@app.command(epilog=examples("tally payment refund INV-7 --bank bank --profile net/profiles/acme.json"))
def refund(
    number: Annotated[str, typer.Argument(metavar="INVOICE", help="Invoice that was paid too much.")],
    bank: CommonBank,
    amount: Unapplied = None,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Pay back out of your deposit what the buyer paid beyond what it owed (supplier)."""

    def operation(session: Session) -> dict[str, Any]:
        known = session.invoice(session.profile.organisation, number)
        back = _unapplied(known, amount)
        return {"op": "refund.pay", "invoice": number, "bank": bank, "amount": back}

    record(
        profile,
        operation,
        f"Refund on {number}",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_invoice(session, session.profile.organisation, number),
    )


@app.command(
    epilog=examples(
        "tally payment refunded INV-7 --supplier acme --account DE75… --entry 4713 \\",
        "    --date 2026-03-12 --profile net/profiles/bank.json",
    )
)
def refunded(
    number: Annotated[str, typer.Argument(metavar="INVOICE", help="Invoice that was paid too much.")],
    supplier: SupplierOption,
    account: Annotated[str, typer.Option(help="Account from which it left.")],
    entry: BankEntry,
    date: BookingDay,
    amount: Unapplied = None,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Attest that what a buyer paid beyond what it owed has gone back to it (settlement bank)."""
    day = read_day(date, "--date")

    def operation(session: Session) -> dict[str, Any]:
        return {
            "op": "refund.attest",
            "account": account,
            "entry": entry,
            "date": day,
            "supplier": supplier,
            "invoice": number,
            "amount": _unapplied(session.invoice(supplier, number), amount),
        }

    record(
        profile,
        operation,
        f"Refund on {number}",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_invoice(session, supplier, number),
    )
