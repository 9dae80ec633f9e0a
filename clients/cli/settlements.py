"""`tally cash settlement`: conditional delivery, where a bank holds the cash until the title moves."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from clients.cli.amounts import money, read_day
from clients.cli.options import Json, ProfileFile, ReceiptFile, SupplierOption, open_session
from clients.cli.recording import record
from clients.cli.screen import Screen, examples
from clients.sdk import Session
from clients.sdk.conversation import segment

Number = Annotated[str, typer.Argument(metavar="NUMBER", help="Number of the settlement.")]
Lender = Annotated[str, typer.Option(help="Organisation id of the lender.")]
Account = Annotated[str, typer.Option(help="Account on which it was booked.")]
BankEntry = Annotated[str, typer.Option(help="The bank's reference of the booking; consumed once.")]
BookingDay = Annotated[str, typer.Option(help="Booking day, YYYY-MM-DD.")]

app = typer.Typer(name="settlement", help="Have a bank hold the cash for a title.", no_args_is_help=True)


@app.command(epilog=examples("tally cash settlement create S-1 INV-7 --supplier acme --bank bank"))
def create(
    number: Number,
    invoice: Annotated[str, typer.Argument(metavar="INVOICE", help="Invoice that your offer is on.")],
    supplier: SupplierOption,
    bank: Annotated[str, typer.Option("--bank", "-b", help="Settlement bank that holds the cash.")],
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Have the payment of your offer held by a bank until the title moves (lender)."""
    operation = {
        "op": "settlement.create",
        "settlement": number,
        "supplier": supplier,
        "invoice": invoice,
        "bank": bank,
    }
    record(profile, lambda _: operation, f"Settlement {number}", receipt=receipt, as_json=json)


def _attested(
    op: str, number: str, lender: str, account: str, entry: str, date: str, session: Session
) -> Any:
    known = session.view(f"/settlements/{segment(lender)}/{segment(number)}")
    return {
        "op": op,
        "settlement": number,
        "lender": lender,
        "account": account,
        "entry": entry,
        "date": read_day(date, "--date"),
        "amount": known["amount"],
    }


@app.command(
    epilog=examples("tally cash settlement held S-1 --lender loan --account DE1… --entry 1 --date 2026-01-05")
)
def held(
    number: Number,
    lender: Lender,
    account: Account,
    entry: BankEntry,
    date: BookingDay,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Attest that the lender's money is held (settlement bank); `tally finance fund` then moves the title."""

    def make(session: Session) -> Any:
        return _attested("settlement.attest", number, lender, account, entry, date, session)

    record(profile, make, f"Cash of settlement {number} held", receipt=receipt, as_json=json)


@app.command(
    epilog=examples(
        "tally cash settlement returned S-1 --lender loan --account DE1… --entry 2 --date 2026-01-09"
    )
)
def returned(
    number: Number,
    lender: Lender,
    account: Account,
    entry: BankEntry,
    date: BookingDay,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Attest that the money of an expired settlement went back to the lender (settlement bank)."""

    def make(session: Session) -> Any:
        return _attested("settlement.return", number, lender, account, entry, date, session)

    record(profile, make, f"Cash of settlement {number} returned", receipt=receipt, as_json=json)


@app.command(epilog=examples("tally cash settlement show S-1 --lender loan"))
def show(number: Number, lender: Lender, profile: ProfileFile = None, json: Json = False) -> None:
    """Show where a settlement stands."""
    screen = Screen(json)
    with open_session(profile) as session:
        found = session.view(f"/settlements/{segment(lender)}/{segment(number)}")
    if screen.answer(found):
        return
    screen.facts(
        [
            ("status", found["status"]),
            ("bank", found["bank"]),
            ("invoice", f"{found['invoice']} of {found['supplier']}"),
            ("amount", money(found["amount"], found["currency"])),
            ("held as", f"{found['entry']} on {found['account']}" if found["entry"] else "not held"),
        ]
    )
