"""A settlement bank's files: payments that it is to make, statements that are compared with the ledger."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from clients.cli.amounts import money, read_day
from clients.cli.cash import settlements
from clients.cli.cash.payouts import SentFiles, write_payments
from clients.cli.exits import DONE, REFUSED
from clients.cli.options import Json, ProfileFile, load_profile, open_session, read_bytes
from clients.cli.screen import BAD, FAINT, GOOD, Screen, examples
from clients.importers import BankBook, Conditional
from clients.importers.camt_reading import ClosingBalance, read_camt
from clients.importers.errors import Problems
from clients.importers.limits import MAX_XML_BYTES
from clients.importers.xml_document import parse_xml
from clients.pain001 import CreditTransfer, reference, settlement_reference
from clients.sdk import Session
from clients.wording import counted
from ledger.money import Money


def register(app: typer.Typer) -> None:
    """Add the commands to their group."""
    app.command(
        name="payout-file",
        epilog=examples(
            "tally cash payout-file payouts.xml --date 2026-01-06 --profile net/profiles/bank.json",
            "tally cash payout-file more.xml --date 2026-01-06 --sent payouts.xml -p net/profiles/bank.json",
        ),
    )(payout_file)
    app.command(epilog=examples("tally cash reconcile statement.xml --profile net/profiles/bank.json"))(
        reconcile
    )


def payout_file(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where the pain.001 goes.")],
    date: Annotated[str, typer.Option(help="Day of execution, YYYY-MM-DD.")],
    sent: SentFiles = None,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """Write the redemptions that wait as a pain.001.001.09 file (settlement bank).

    They wait until the bank's camt.054 shows them booked. Name the files that the bank has got and not booked
    yet with --sent: what stands in them is not asked for again. The same file has the same message id.
    """
    screen = Screen(json)
    bank = load_profile(profile).organisation
    execution = read_day(date, "--date")
    with open_session(profile) as session:
        waiting = list(session.pages("/redemptions", "redemptions", bank=bank, status="Requested"))
        kept = {
            (entry["client"], entry["currency"]): entry
            for entry in session.pages("/deposits", "deposits", bank=bank)
        }
        names = {entry["id"]: entry["name"] for entry in session.organisations()}
    transfers = [
        CreditTransfer(
            reference(entry["client"], entry["redemption"]),
            Money(entry["amount"], entry["currency"]),
            names[entry["client"]],
            kept[entry["client"], entry["currency"]]["account"],
            names[entry["client"]],
            entry["payout"],
            f"redemption {entry['redemption']}",
        )
        for entry in waiting
    ]
    written = write_payments(
        transfers,
        file,
        initiator=names[bank],
        execution=execution,
        nothing="no redemption waits",
        sent=sent or (),
    )
    document = {"file": str(file), **written._asdict(), "redemptions": waiting}
    if screen.answer(document):
        return
    screen.line(f"{counted(written.transfers, 'payment')} in {file}", GOOD)
    if written.sent:
        screen.note(f"{len(written.sent)} are in files that were sent, and left out.")
    screen.line("Import the bank's camt.054 when they are booked: tally import FILE", FAINT)


def reconcile(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="camt.053 statement of custody accounts.")],
    profile: ProfileFile = None,
    json: Json = False,
) -> int:
    """Compare a bank statement's closing balances with the deposits on the ledger (settlement bank)."""
    screen = Screen(json)
    bank = load_profile(profile).organisation
    problems = Problems(file.name)
    closing = read_camt(parse_xml(read_bytes(file, "statement", MAX_XML_BYTES)), problems).closing
    with open_session(profile) as session:
        kept = list(session.pages("/deposits", "deposits", bank=bank))
    rows = _reconciled(kept, closing)
    differs = [row for row in rows if row["difference"]]
    if not screen.answer({"bank": bank, "accounts": rows, "reconciled": not differs}):
        screen.table(
            ("client", "account", "date", "in the bank", "on the ledger", "difference"),
            [
                (
                    row["client"],
                    row["account"],
                    row["date"],
                    *(money(row[name], row["currency"]) for name in ("statement", "ledger", "difference")),
                )
                for row in rows
            ],
            right=("in the bank", "on the ledger", "difference"),
            styles=[BAD if row["difference"] else "" for row in rows],
        )
    return REFUSED if differs else DONE


def _reconciled(kept: list[dict[str, Any]], closing: tuple[ClosingBalance, ...]) -> list[dict[str, Any]]:
    """Each custody account of the statement: what the bank says, what the ledger says, minor units."""
    accounts = {(entry["account"], entry["currency"]): entry for entry in kept}
    rows = []
    for found in closing:
        entry = accounts.get((found.account, found.balance.currency))
        if entry is not None:
            ledger = entry["available"] + entry["held"]
            rows.append(
                {
                    "client": entry["client"],
                    "account": found.account,
                    "currency": found.balance.currency,
                    "date": found.date,
                    "statement": found.balance.amount,
                    "ledger": ledger,
                    "difference": found.balance.amount - ledger,
                }
            )
    return rows


def bank_book(session: Session, bank: str) -> BankBook:
    """What the importer of bank files must know of a bank's accounts; empty for who is no bank."""
    waiting = session.pages("/redemptions", "redemptions", bank=bank, status="Requested")
    return BankBook(
        {
            entry["account"]: (entry["client"], entry["currency"])
            for entry in session.pages("/deposits", "deposits", bank=bank)
        },
        {
            (entry["client"], reference(entry["client"], entry["redemption"])): entry["redemption"]
            for entry in waiting
        },
        {
            settlement_reference(entry["lender"], entry["settlement"]): Conditional(
                entry["lender"],
                entry["settlement"],
                entry["status"],
                entry["supplier"],
                entry["invoice"],
                entry["currency"],
                entry["payee"] or "",
            )
            for entry in session.pages("/settlements", "settlements", bank=bank)
            if entry["status"] in settlements.WAITING
        },
    )
