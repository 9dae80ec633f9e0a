"""`tally recourse`: what a lender demands of a supplier, and how the demand ends."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from clients.cli.amounts import read_amount, read_day
from clients.cli.exits import UsageProblem
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
from clients.sdk import Session
from contracts.finance.recourse import Recourse, recourse_key

Number = Annotated[
    str, typer.Argument(metavar="NUMBER", help="Number of the demand, as the lender writes it.")
]
Lender = Annotated[str, typer.Option("--lender", "-l", help="Organisation id of the lender.")]
Amount = Annotated[str, typer.Option(help="What is due, in the demand's currency, such as '57,500.00 EUR'.")]
Why = Annotated[str, typer.Option("--reason", help="Why, for people.")]

app = typer.Typer(name="recourse", help="Demands of a lender on a supplier.", no_args_is_help=True)


def _due(session: Session, lender: str, number: str, amount: str) -> int:
    """Minor units of an amount as a person writes it, in the currency of the demand.

    Raises:
        UsageProblem: `unknown_recourse`, or no amount in that currency.
    """
    key = recourse_key(lender, number)
    value = session.state([key]).entries[key]
    if value is None:
        raise UsageProblem(
            "no such demand",
            code="unknown_recourse",
            field="NUMBER",
            found=number,
            expected=f"a demand of {lender}",
        )
    return read_amount(amount, "--amount", Recourse._make(value).currency).amount


def _record(
    operation: dict[str, Any], title: str, profile: ProfileFile, receipt: ReceiptFile, json: bool
) -> None:
    record(profile, lambda _: operation, title, receipt=receipt, as_json=json)


@app.command(
    epilog=examples(
        'tally recourse demand R-1 INV-7 --supplier acme --cause dilution --reason "credit note C-9"'
    )
)
def demand(
    number: Number,
    invoice: InvoiceArgument,
    supplier: SupplierOption,
    cause: Annotated[str, typer.Option(help="dilution, warranty or overdue.")],
    reason: Why,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Demand a shortfall, or the whole claim back (lender)."""
    where = {"supplier": supplier, "invoice": invoice, "cause": cause, "reason": reason}
    operation = {"op": "recourse.demand", "recourse": number, **where}
    _record(operation, f"Demand {number}", profile, receipt, json)


@app.command(epilog=examples('tally recourse contest R-1 --lender fund --reason "delivered as ordered"'))
def contest(
    number: Number,
    lender: Lender,
    reason: Why,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Contest a demand (supplier)."""
    operation = {"op": "recourse.contest", "lender": lender, "recourse": number, "reason": reason}
    _record(operation, f"Demand {number} contested", profile, receipt, json)


@app.command(epilog=examples("tally recourse pay R-1 --lender fund --bank bank --amount '57,500.00 EUR'"))
def pay(
    number: Number,
    lender: Lender,
    bank: CommonBank,
    amount: Amount,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Meet a demand out of your deposit (supplier)."""

    def make(session: Session) -> dict[str, Any]:
        due = _due(session, lender, number, amount)
        return {"op": "recourse.pay", "lender": lender, "recourse": number, "bank": bank, "amount": due}

    record(profile, make, f"Demand {number} met", receipt=receipt, as_json=json)


@app.command(
    epilog=examples(
        "tally recourse attest R-1 --lender fund --amount '57,500.00 EUR' --account DE75… --entry 4713 \\",
        "    --date 2026-01-20 --profile net/profiles/bank.json",
    )
)
def attest(
    number: Number,
    lender: Lender,
    amount: Amount,
    account: BookedAccount,
    entry: BankEntry,
    date: BookingDay,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Attest that a supplier has met a demand (settlement bank)."""
    booked = {"account": account, "entry": entry, "date": read_day(date, "--date")}

    def make(session: Session) -> dict[str, Any]:
        due = _due(session, lender, number, amount)
        return {"op": "recourse.attest", "lender": lender, "recourse": number, "amount": due, **booked}

    record(profile, make, f"Payment of demand {number}", receipt=receipt, as_json=json)


@app.command(epilog=examples("tally recourse offset R-1 --profile net/profiles/lender.json"))
def offset(
    number: Number, profile: ProfileFile = None, receipt: ReceiptFile = None, json: Json = False
) -> None:
    """Set a demand for dilution off against the supplier's reserve (lender)."""
    _record({"op": "recourse.offset", "recourse": number}, f"Demand {number} set off", profile, receipt, json)


@app.command(epilog=examples("tally recourse propose R-1 INV-9 --lender fund"))
def propose(
    number: Number,
    invoice: InvoiceArgument,
    lender: Lender,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Propose another invoice in place of the one that a demand is about (supplier)."""
    operation = {"op": "recourse.propose", "lender": lender, "recourse": number, "invoice": invoice}
    _record(operation, f"{invoice} proposed", profile, receipt, json)


@app.command(epilog=examples("tally recourse substitute R-1 INV-9 --profile net/profiles/lender.json"))
def substitute(
    number: Number,
    invoice: InvoiceArgument,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Take the invoice that the supplier has proposed; the other one is free again (lender)."""
    operation = {"op": "recourse.substitute", "recourse": number, "invoice": invoice}
    _record(operation, f"{invoice} taken", profile, receipt, json)


@app.command(epilog=examples('tally recourse close R-1 --reason "settled out of court"'))
def close(
    number: Number,
    reason: Why,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Close a demand of yours, unmet (lender)."""
    operation = {"op": "recourse.close", "recourse": number, "reason": reason}
    _record(operation, f"Demand {number} closed", profile, receipt, json)
