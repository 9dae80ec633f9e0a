"""`tally payables`: a buyer approves invoices for good, its funder pays suppliers at once."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from clients.cli.amounts import money, percent, read_amount, read_day
from clients.cli.exits import DONE, REFUSED, UsageProblem
from clients.cli.options import (
    CommonBank,
    DepositBank,
    HowMany,
    InvoiceArgument,
    Json,
    OfSupplier,
    ProfileFile,
    ReceiptFile,
    SupplierOption,
    load_profile,
    open_session,
)
from clients.cli.recording import record, recorded_document
from clients.cli.screen import BAD, GOOD, Screen, examples
from clients.cli.standing import Standing, of_deposit, of_invoice
from clients.cli.trade.importing import directory_of, send, show_files
from clients.importers import ImportContext, import_file, timeline, together
from clients.sdk import Session
from clients.trust import load_genesis
from clients.wording import counted
from contracts.pricing import formulae
from ledger.dates import day_from_iso

Programme = Annotated[str, typer.Option("--programme", help="The buyer's payables programme.")]

app = typer.Typer(
    name="payables", help="Approve invoices for good and have them financed at once.", no_args_is_help=True
)


@app.command(
    epilog=examples(
        "tally payables approve approvals.csv --programme of-anchor --profile net/profiles/anchor.json"
    )
    + "\n\n\b\napprovals.csv, as for tally import:\n"
    "  invoice,supplier,decision,currency,net,due_date\n"
    "  INV-7,acme,confirm,EUR,11305.00,2026-03-06"
)
def approve(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV of confirmations.")],
    programme: Programme,
    supplier: Annotated[str, typer.Option(help="For a file without a supplier column.")] = "",
    currency: Annotated[str, typer.Option(help="For a file without a currency column.")] = "",
    decimal_comma: Annotated[bool, typer.Option("--decimal-comma", help="Amounts are 1234,50.")] = False,
    receipts: Annotated[Path, typer.Option(help="Folder for the receipts.")] = Path("receipts"),
    profile: ProfileFile = None,
    json: Json = False,
) -> int:
    """Undertake for good to pay a file's invoices when due (buyer): no dispute and no set-off afterwards.

    A supplier's invoices are one operation, a hundred at most: all of them or none. With anything wrong in
    the file nothing is sent.
    """
    screen = Screen(json)
    known = load_profile(profile)
    context = ImportContext(
        organisation=known.organisation,
        supplier=supplier,
        buyer=known.organisation,
        currency=currency.upper(),
        decimal_comma=decimal_comma,
        directory=directory_of(load_genesis(known.genesis, known.channel)),
    )
    imported = import_file(file, "confirmations", context)
    entries = together(timeline([imported]), programme)
    others = [entry.operation for entry in entries if entry.operation["op"] != "payables.approve"]
    if others:
        raise UsageProblem(
            "only a confirmation approves",
            code="approval_file",
            field="decision",
            found=f"{others[0]['op']} of {others[0]['invoice']}",
            expected="confirm in every row",
            remedy="Send disputes and rejections with tally import.",
        )
    if not imported.is_clean:
        if not screen.answer({"files": [imported.as_dict()], "approved": []}):
            show_files(screen, [imported])
            screen.line("Nothing was sent.")
        return REFUSED
    with open_session(profile) as session:
        sent = send(screen, session, entries, receipts)
        applied = [
            entry.operation
            for entry, recorded in zip(sent.entries, sent.recorded, strict=True)
            if recorded.is_applied
        ]
        approved = [
            session.approval(operation["supplier"], said["invoice"])
            for operation in applied
            for said in operation["invoices"]
        ]
    refused = [recorded_document(recorded) for recorded in sent.recorded if not recorded.is_applied]
    if not screen.answer({"approved": approved, "refused": refused, "receipts": str(receipts)}):
        _show_approvals(screen, approved)
        paid = sum(entry["financed"] for entry in approved)
        screen.line(
            f"{counted(len(approved), 'invoice')} approved, {paid} paid to their suppliers at once", GOOD
        )
        for document in refused:
            screen.line(f"refused: {document['refusals'][0]['detail']}", BAD)
    return REFUSED if refused else DONE


@app.command(
    epilog=examples("tally payables finance INV-7 --programme of-anchor --profile net/profiles/acme.json")
)
def finance(
    number: InvoiceArgument,
    programme: Programme,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Have an approved invoice financed at the programme's rate of today (supplier)."""

    def make(session: Session) -> dict[str, Any]:
        found = session.approval(session.profile.organisation, number)
        if found["price"] is None:
            raise UsageProblem(
                "it is not financed today",
                code=found["refused"],
                field="INVOICE",
                found=number,
                remedy="tally payables list shows what is; tally programme show the limits.",
            )
        paid_out = found["price"]["paid_out"]
        return {"op": "payables.finance", "programme": programme, "invoice": number, "paid_out": paid_out}

    record(
        profile,
        make,
        f"{number} financed",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_invoice(session, session.profile.organisation, number),
    )


def _currency_of(session: Session, programme: str) -> str:
    return str(session.programme(programme)["terms"]["currency"])


def _of_pool(session: Session, programme: str) -> Standing:
    """What is set aside for a programme, with the deposit that it is a part of."""
    found = session.programme(programme)
    currency, aside = found["terms"]["currency"], found["payables"]["set_aside"]
    if aside is None:
        return Standing((("set aside", "nothing"),), view=found)
    kept = of_deposit(session, aside["bank"], session.profile.organisation, currency)
    return Standing((("set aside", money(aside["amount"], currency)), *kept.facts), view=found)


Amount = Annotated[str, typer.Option(help="Amount in the programme's currency, such as 250,000.00.")]


@app.command(
    epilog=examples(
        "tally payables reserve --programme of-anchor --bank bank --amount 250,000.00 \\",
        "    --profile net/profiles/lender.json",
    )
)
def reserve(
    programme: Programme,
    bank: DepositBank,
    amount: Amount,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Set money of your deposit aside, out of which suppliers are paid at once (funder)."""

    def make(session: Session) -> dict[str, Any]:
        aside = read_amount(amount, "--amount", _currency_of(session, programme)).amount
        return {"op": "payables.reserve", "programme": programme, "bank": bank, "amount": aside}

    record(
        profile,
        make,
        f"Money for {programme} set aside",
        receipt=receipt,
        as_json=json,
        stands=lambda session: _of_pool(session, programme),
    )


@app.command(
    epilog=examples(
        "tally payables release --programme of-anchor --amount 50,000.00 --profile net/profiles/lender.json"
    )
)
def release(
    programme: Programme,
    amount: Amount,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Take back money that you have set aside and that has paid for nothing (funder)."""

    def make(session: Session) -> dict[str, Any]:
        back = read_amount(amount, "--amount", _currency_of(session, programme)).amount
        return {"op": "payables.release", "programme": programme, "amount": back}

    record(
        profile,
        make,
        f"Money of {programme} taken back",
        receipt=receipt,
        as_json=json,
        stands=lambda session: _of_pool(session, programme),
    )


@app.command(
    epilog=examples(
        "tally payables extend INV-7 --supplier acme --due 2026-05-05 --bank bank \\",
        "    --profile net/profiles/anchor.json",
    )
)
def extend(
    number: InvoiceArgument,
    supplier: SupplierOption,
    due: Annotated[str, typer.Option(help="New due date, YYYY-MM-DD.")],
    bank: CommonBank,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Put off the payment of a financed invoice, and pay for the days at the programme's rate (buyer)."""
    day = read_day(due, "--due")

    def make(session: Session) -> dict[str, Any]:
        found = session.approval(supplier, number)
        days = max(0, day_from_iso(day) - day_from_iso(found["due_date"]))
        cost = formulae.simple_discount(
            found["principal"], found["extension_rate_ppm"], days, found["day_count"]
        )
        where = {"supplier": supplier, "invoice": number, "bank": bank}
        return {"op": "payables.extend", **where, "due_date": day, "charge": cost}

    record(
        profile,
        make,
        f"{number} put off to {day}",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_invoice(session, supplier, number),
    )


@app.command(
    name="list",
    epilog=examples(
        "tally payables list --programme of-anchor",
        "tally payables list --programme of-anchor --supplier acme --json",
    ),
)
def list_approvals(
    programme: Programme,
    supplier: OfSupplier = None,
    limit: HowMany = 100,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """What the buyer has approved, and what it is financed at today, as a node tells it (not proved)."""
    screen = Screen(json)
    with open_session(profile) as session:
        found = list(islice(session.approvals(programme, supplier), limit))
    if screen.answer({"approvals": found}):
        return
    _show_approvals(screen, found)
    screen.count(len(found), "invoice", limit)


def _show_approvals(screen: Screen, found: list[dict[str, Any]]) -> None:
    screen.table(
        ("invoice", "supplier", "outstanding", "due", "title", "today", "extension"),
        [
            (
                entry["invoice"],
                entry["supplier"],
                money(entry["outstanding"], entry["currency"]),
                entry["due_date"],
                entry["title"],
                _today(entry),
                f"to {entry['extend_until']} at {percent(entry['extension_rate_ppm'])}",
            )
            for entry in found
        ],
        right=("outstanding",),
    )


def _today(entry: dict[str, Any]) -> str:
    """What a supplier would get for it today, or why nothing."""
    if entry["financed"]:
        return "paid to the supplier"
    if entry["title"] == "Reserved":
        return "waits for a lender's payment"
    if entry["price"] is None:
        return str(entry["refused"])
    return f"{money(entry['price']['paid_out'], entry['currency'])} paid out"
