"""`tally claim`: after funding: costs, repayment of a pledge, default and write-off."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from clients.cli.amounts import read_amount, read_day
from clients.cli.options import (
    BankEntry,
    BookedAccount,
    BookingDay,
    CommonBank,
    InvoiceArgument,
    Json,
    ProfileFile,
    ReceiptFile,
    SupplierOption,
)
from clients.cli.recording import record
from clients.cli.screen import examples
from clients.cli.standing import of_invoice
from clients.sdk import Session

Amount = Annotated[str, typer.Option(help="Amount in the invoice's currency, such as 1,250.00.")]

app = typer.Typer(
    name="claim", help="Costs, repayment, default and write-off of a financed invoice.", no_args_is_help=True
)


def _in_currency(session: Session, supplier: str, number: str, amount: str) -> int:
    """Minor units of an amount as a person writes it, in the invoice's currency."""
    return read_amount(amount, "--amount", session.invoice(supplier, number)["currency"]).amount


@app.command(
    epilog=examples('tally claim charge INV-7 --supplier acme --amount 120.00 --reason "reminder letters"')
)
def charge(
    number: InvoiceArgument,
    supplier: SupplierOption,
    amount: Amount,
    reason: Annotated[str, typer.Option(help="Why, for people.")],
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Charge costs of collection to a claim, within the programme's limit (lender)."""

    def make(session: Session) -> dict[str, Any]:
        costs = _in_currency(session, supplier, number, amount)
        where = {"supplier": supplier, "invoice": number}
        return {"op": "finance.charge", **where, "amount": costs, "reason": reason}

    record(
        profile,
        make,
        f"Costs on {number}",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_invoice(session, supplier, number),
    )


@app.command(epilog=examples("tally claim repay INV-7 --supplier acme --bank bank --amount 807,500.00"))
def repay(
    number: InvoiceArgument,
    supplier: SupplierOption,
    bank: CommonBank,
    amount: Amount,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Repay an advance out of your deposit; the pledged invoice is free again (supplier)."""

    def make(session: Session) -> dict[str, Any]:
        due = _in_currency(session, supplier, number, amount)
        return {"op": "release.pay", "invoice": number, "bank": bank, "amount": due}

    record(
        profile,
        make,
        f"Advance on {number} repaid",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_invoice(session, supplier, number),
    )


@app.command(
    epilog=examples(
        "tally claim repaid INV-7 --supplier acme --amount 807,500.00 --account DE75… --entry 4712 \\",
        "    --date 2026-01-20 --profile net/profiles/bank.json",
    )
)
def repaid(
    number: InvoiceArgument,
    supplier: SupplierOption,
    amount: Amount,
    account: BookedAccount,
    entry: BankEntry,
    date: BookingDay,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Attest that a supplier has repaid an advance (settlement bank)."""
    day = read_day(date, "--date")

    def make(session: Session) -> dict[str, Any]:
        return {
            "op": "release.attest",
            "supplier": supplier,
            "invoice": number,
            "amount": _in_currency(session, supplier, number, amount),
            "account": account,
            "entry": entry,
            "date": day,
        }

    record(
        profile,
        make,
        f"Repayment on {number}",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_invoice(session, supplier, number),
    )


@app.command(epilog=examples("tally claim default INV-7 --supplier acme --profile net/profiles/lender.json"))
def default(
    number: InvoiceArgument,
    supplier: SupplierOption,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Declare the buyer in default on an invoice that you hold (lender or supplier)."""
    operation = {"op": "default.declare", "supplier": supplier, "invoice": number}
    record(
        profile,
        lambda _: operation,
        f"Default on {number}",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_invoice(session, supplier, number),
    )


@app.command(
    "write-off",
    epilog=examples("tally claim write-off INV-7 --supplier acme --profile net/profiles/lender.json"),
)
def write_off(
    number: InvoiceArgument,
    supplier: SupplierOption,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Write off what is outstanding on an invoice in default; it can still be recovered (holder)."""
    operation = {"op": "default.write_off", "supplier": supplier, "invoice": number}
    record(
        profile,
        lambda _: operation,
        f"Write-off of {number}",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_invoice(session, supplier, number),
    )
