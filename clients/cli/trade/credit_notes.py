"""`tally credit`: credit notes, from the supplier's issue to what they pay."""

from __future__ import annotations

from itertools import islice
from typing import Annotated, Any

import typer

from clients.cli.amounts import money, read_amount, read_day
from clients.cli.options import (
    HowMany,
    Json,
    ProfileFile,
    Reason,
    ReceiptFile,
    SupplierArgument,
    SupplierOption,
    checked_word,
    open_session,
    say_strangers,
)
from clients.cli.recording import record
from clients.cli.screen import Screen, examples
from clients.cli.standing import of_credit
from clients.cli.trade.shipments import read_quantities
from clients.sdk import Session
from contracts.trade.credit import LIFE

Number = Annotated[
    str, typer.Argument(metavar="CREDIT", help="Credit note number, as the supplier writes it.")
]
Invoice = Annotated[str, typer.Option(help="Invoice number, as the supplier writes it.")]

app = typer.Typer(name="credit", help="Issue, accept and apply credit notes.", no_args_is_help=True)


@app.command(
    epilog=examples(
        "tally credit issue CN-1 --invoice INV-7 --amount '950.00 EUR' --date 2026-02-01",
        "tally credit issue CN-2 --invoice INV-7 --amount '300.00 EUR' --date 2026-02-01 --line 1:30",
    )
)
def issue(
    number: Number,
    invoice: Invoice,
    amount: Annotated[str, typer.Option(help="Amount with its currency.")],
    date: Annotated[str, typer.Option(help="Day of issue.")],
    line: Annotated[
        list[str] | None, typer.Option(help="LINE:QUANTITY that is no longer billed, such as what came back.")
    ] = None,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Grant a credit on an invoice (supplier)."""
    least = 0 if line else 1
    credited = read_amount(amount, "--amount", least=least)

    def make(session: Session) -> dict[str, Any]:
        billed = session.invoice(session.profile.organisation, invoice)
        return {
            "op": "credit.issue",
            "credit": number,
            "invoice": invoice,
            "amount": read_amount(amount, "--amount", billed["currency"], least=least).amount,
            "date": read_day(date, "--date"),
            "lines": read_quantities(line or [], ("quantity",), "--line"),
        }

    sentence = f"Credit note {number} over {money(credited.amount, credited.currency)}"
    record(
        profile,
        make,
        sentence,
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_credit(session, session.profile.organisation, number),
    )


@app.command(epilog=examples("tally credit accept CN-1 --supplier acme --profile net/profiles/anchor.json"))
def accept(
    number: Number,
    supplier: SupplierOption,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Accept a credit note (buyer): its invoice falls; what that does not owe any more waits."""
    operation = {"op": "credit.accept", "credit": number, "supplier": supplier}
    record(
        profile,
        lambda _: operation,
        f"Credit note {number} accepted",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_credit(session, supplier, number),
    )


@app.command(epilog=examples("tally credit apply CN-1 -s acme --invoice INV-9 --amount '200.00 EUR'"))
def apply(
    number: Number,
    supplier: SupplierOption,
    invoice: Invoice,
    amount: Annotated[str, typer.Option(help="How much of what is left.")],
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Set what is left of an accepted credit note off against another invoice (buyer)."""

    def make(session: Session) -> dict[str, Any]:
        currency = session.credit(supplier, number)["currency"]
        return {
            "op": "credit.apply",
            "credit": number,
            "supplier": supplier,
            "invoice": invoice,
            "amount": read_amount(amount, "--amount", currency).amount,
        }

    record(
        profile,
        make,
        f"Credit note {number} applied to {invoice}",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_credit(session, supplier, number),
    )


@app.command(epilog=examples("tally credit reject CN-1 --supplier acme --reason 'wrong invoice'"))
def reject(
    number: Number,
    supplier: SupplierOption,
    reason: Reason,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Reject a credit note (buyer)."""
    operation = {"op": "credit.reject", "credit": number, "supplier": supplier, "reason": reason}
    record(
        profile,
        lambda _: operation,
        f"Credit note {number} rejected",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_credit(session, supplier, number),
    )


@app.command(epilog=examples("tally credit show acme CN-1"))
def show(supplier: SupplierArgument, number: Number, profile: ProfileFile = None, json: Json = False) -> None:
    """One credit note as it stands, as a node tells it (not proved)."""
    screen = Screen(json)
    with open_session(profile) as session:
        found = session.credit(supplier, number)
    if screen.answer(found):
        return
    units = ", ".join(f"{line['quantity']} of line {line['line']}" for line in found["lines"])
    screen.facts(
        [
            ("status", found["status"]),
            ("invoice", f"{found['invoice']} to {found['buyer']}"),
            ("date", found["date"]),
            ("amount", money(found["amount"], found["currency"])),
            ("applied", money(found["applied"], found["currency"])),
            ("units no longer billed", units or "none"),
        ],
        title=f"Credit note {number} of {supplier}",
    )


@app.command(
    name="list",
    epilog=examples("tally credit list acme", "tally credit list acme --buyer anchor --status issued"),
)
def list_credits(
    supplier: SupplierArgument,
    buyer: Annotated[str | None, typer.Option(help="Only to this buyer.")] = None,
    status: Annotated[str | None, typer.Option(help="Only in this state: issued, accepted, …")] = None,
    limit: HowMany = 100,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """A supplier's credit notes, as a node tells them (not proved)."""
    screen = Screen(json)
    wanted = checked_word(status, LIFE.states)
    with open_session(profile) as session:
        found = list(islice(session.credits(supplier, buyer=buyer, status=wanted), limit))
        channel = session.genesis.genesis
    if screen.answer({"credits": found}):
        return
    screen.table(
        ("credit", "buyer", "invoice", "date", "amount", "applied", "status"),
        [
            (
                *(entry[name] for name in ("credit", "buyer", "invoice", "date")),
                *(money(entry[name], entry["currency"]) for name in ("amount", "applied")),
                entry["status"],
            )
            for entry in found
        ],
        right=("amount", "applied"),
    )
    screen.count(len(found), "credit note", limit)
    say_strangers(screen, channel, supplier, buyer)
