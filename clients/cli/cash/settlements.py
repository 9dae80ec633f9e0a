"""`tally cash settlement`: conditional delivery, where a bank holds the cash until the title moves."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from clients.cli.amounts import money, read_day
from clients.cli.cash.payouts import SentFiles, write_payments
from clients.cli.exits import UsageProblem
from clients.cli.options import (
    BankEntry,
    BookedAccount,
    BookingDay,
    HowMany,
    Json,
    LenderOption,
    ProfileFile,
    ReceiptFile,
    SupplierOption,
    checked_word,
    load_profile,
    open_session,
)
from clients.cli.recording import record
from clients.cli.screen import FAINT, GOOD, Screen, examples
from clients.cli.standing import of_settlement
from clients.pain001 import CreditTransfer, settlement_reference
from clients.sdk import Session
from clients.sdk.conversation import segment, segments
from clients.wording import counted
from contracts.cash.settlement import STATUS
from ledger.money import Money

Number = Annotated[str, typer.Argument(metavar="NUMBER", help="Number of the settlement.")]

WAITING = ("AssetHeld", "CashHeld", "Expired")
"""States in which a settlement may wait for an entry of the bank."""

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
    record(
        profile,
        lambda _: operation,
        f"Settlement {number}",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_settlement(session, session.profile.organisation, number),
    )


def _attested(
    op: str, number: str, lender: str, account: str, entry: str, date: str, session: Session
) -> Any:
    known = session.view(f"/settlements/{segments(lender=lender)}/{segment(number)}")
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
    lender: LenderOption,
    account: BookedAccount,
    entry: BankEntry,
    date: BookingDay,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Attest that the lender's money is held (settlement bank); `tally finance fund` then moves the title."""

    def make(session: Session) -> Any:
        return _attested("settlement.attest", number, lender, account, entry, date, session)

    record(
        profile,
        make,
        f"Cash of settlement {number} held",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_settlement(session, lender, number),
    )


@app.command(
    epilog=examples(
        "tally cash settlement returned S-1 --lender loan --account DE1… --entry 2 --date 2026-01-09"
    )
)
def returned(
    number: Number,
    lender: LenderOption,
    account: BookedAccount,
    entry: BankEntry,
    date: BookingDay,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Attest that the money of an expired settlement went back to the lender (settlement bank)."""

    def make(session: Session) -> Any:
        return _attested("settlement.return", number, lender, account, entry, date, session)

    record(
        profile,
        make,
        f"Cash of settlement {number} returned",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_settlement(session, lender, number),
    )


@app.command(
    name="payout-file",
    epilog=examples(
        "tally cash settlement payout-file pay.xml --date 2026-01-06 --profile net/profiles/bank.json",
        "tally cash settlement payout-file pay.xml --date 2026-01-06 --to acme=DE75512108001245126162",
    ),
)
def payout_file(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where the pain.001 goes.")],
    date: Annotated[str, typer.Option(help="Day of execution, YYYY-MM-DD.")],
    to: Annotated[
        list[str] | None,
        typer.Option(help="ORGANISATION=ACCOUNT of a payee that has none on the ledger; may be repeated."),
    ] = None,
    sent: SentFiles = None,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """Write what conditional deliveries pay out, or back, as a pain.001.001.09 file (settlement bank).

    Whoever's cash is held for a title is paid: the supplier, or the lender if the reservation has ended. The
    bank's camt.054 then moves the title, or ends the settlement: tally import. What stands in a file that the
    bank has got (--sent) is not asked for again, also if it would go back by now: look where that money is.
    A supplier is not paid on a day on which the title is not reserved any more.
    """
    screen = Screen(json)
    bank = load_profile(profile).organisation
    execution = read_day(date, "--date")
    given = dict(read_payee(text) for text in to or ())
    with open_session(profile) as session:
        found = list(session.pages("/settlements", "settlements", bank=bank))
        names = {entry["id"]: entry["name"] for entry in session.organisations()}
    held = [entry for entry in found if is_to_be_paid(entry)]
    late = [entry for entry in held if is_too_late(entry, execution)]
    waiting = [entry for entry in held if entry not in late]
    if late and not waiting:
        raise UsageProblem(
            "the titles are free before that day",
            code="reserved_too_short",
            field="--date",
            found=execution,
            expected=f"{max(entry['reserved_until'] for entry in late)} or before",
            remedy="Let it be paid sooner. Once a reservation has ended, the money goes back to the lender.",
        )
    transfers = [transfer_of(entry, names, given) for entry in waiting]
    written = write_payments(
        transfers,
        file,
        initiator=names[bank],
        execution=execution,
        nothing="no settlement holds cash",
        sent=sent or (),
    )
    document = {"file": str(file), **written._asdict(), "settlements": waiting, "too_late": late}
    if screen.answer(document):
        return
    screen.line(f"{counted(written.transfers, 'payment')} in {file}", GOOD)
    if written.sent:
        screen.note(f"{len(written.sent)} are in files that were sent, and left out.")
    for entry in late:
        screen.note(
            f"{entry['settlement']} of {entry['lender']} is left out: reserved to {entry['reserved_until']}, "
            "and free when the money would leave."
        )
    screen.line("Import the bank's camt.054 when they are booked: tally import FILE", FAINT)


def read_payee(text: str) -> tuple[str, str]:
    """An organisation and its account, as a person writes them.

    Raises:
        UsageProblem: not of that form.
    """
    organisation, separator, account = text.partition("=")
    account = account.replace(" ", "")
    if not organisation or not separator or not account:
        raise UsageProblem(
            "not a payee",
            code="payee",
            field="--to",
            found=text[:60],
            expected="ORGANISATION=ACCOUNT, such as acme=DE75512108001245126162",
        )
    return organisation, account


def is_to_be_paid(entry: dict[str, Any]) -> bool:
    """Whether the bank holds cash of a settlement that is to leave now."""
    return bool(entry["status"] == "CashHeld" or (entry["status"] == "Expired" and entry["entry"]))


def is_too_late(entry: dict[str, Any], execution: str) -> bool:
    """Whether the title would be free again before the supplier is paid: cash and title would part."""
    return bool(entry["status"] == "CashHeld" and execution > (entry["reserved_until"] or ""))


def transfer_of(entry: dict[str, Any], names: dict[str, str], given: dict[str, str]) -> CreditTransfer:
    """The payment that a settlement waits for.

    Raises:
        UsageProblem: `no_payee_account`.
    """
    is_return = entry["status"] == "Expired"
    payee = entry["lender"] if is_return else entry["supplier"]
    account = entry["lender_payee" if is_return else "payee"] or given.get(payee)
    if not account:
        raise UsageProblem(
            f"nobody has said to which account {payee} is paid",
            code="no_payee_account",
            field="--to",
            found=f"settlement {entry['settlement']} of {entry['lender']}",
            expected=f"a payee account of {payee} on the ledger, or --to {payee}=ACCOUNT",
            remedy="Let it nominate one, or ask it by a way that you trust.",
        )
    return CreditTransfer(
        settlement_reference(entry["lender"], entry["settlement"]),
        Money(entry["amount"], entry["currency"]),
        names[entry["lender"]],
        entry["account"],
        names[payee],
        account,
        f"return {entry['settlement']}" if is_return else f"invoice {entry['invoice']}",
    )


@app.command(epilog=examples("tally cash settlement show S-1 --lender loan"))
def show(number: Number, lender: LenderOption, profile: ProfileFile = None, json: Json = False) -> None:
    """Show where a settlement stands."""
    screen = Screen(json)
    with open_session(profile) as session:
        found = session.view(f"/settlements/{segments(lender=lender)}/{segment(number)}")
    found["reference"] = settlement_reference(lender, number)
    if screen.answer(found):
        return
    screen.facts(
        [
            ("status", found["status"]),
            ("bank", found["bank"]),
            ("invoice", f"{found['invoice']} of {found['supplier']}"),
            ("amount", money(found["amount"], found["currency"])),
            ("title reserved to", found["reserved_until"] or "not reserved"),
            ("end-to-end reference", found["reference"]),
            ("held as", f"{found['entry']} on {found['account']}" if found["entry"] else "not held"),
        ]
    )


@app.command(
    name="list",
    epilog=examples(
        "tally cash settlement list --bank bank --status cashheld",
        "tally cash settlement list --bank bank --json",
    ),
)
def list_settlements(
    bank: Annotated[str, typer.Option("--bank", "-b", help="Settlement bank that holds the cash.")],
    status: Annotated[
        str | None, typer.Option(help="created, assetheld, cashheld, settled, expired, returned.")
    ] = None,
    limit: HowMany = 100,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """List the settlements of a bank, as a node tells them (not proved)."""
    screen = Screen(json)
    wanted = checked_word(status, STATUS.states)
    with open_session(profile) as session:
        told = session.pages("/settlements", "settlements", bank=bank, status=wanted)
        found = list(islice(told, limit))
    if screen.answer({"settlements": found}):
        return
    screen.table(
        ("settlement", "lender", "invoice", "supplier", "amount", "reserved to", "status"),
        [
            (
                *(entry[name] for name in ("settlement", "lender", "invoice", "supplier")),
                money(entry["amount"], entry["currency"]),
                entry["reserved_until"] or "",
                entry["status"],
            )
            for entry in found
        ],
        right=("amount",),
    )
    screen.count(len(found), "settlement", limit)
