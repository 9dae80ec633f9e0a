"""`tally recourse`: what a lender demands of a supplier, and how the demand ends."""

from __future__ import annotations

from itertools import islice
from typing import Annotated, Any

import typer

from clients.cli.amounts import money, read_amount, read_day
from clients.cli.exits import UsageProblem
from clients.cli.options import (
    BankEntry,
    BookedAccount,
    BookingDay,
    CommonBank,
    HowMany,
    InvoiceArgument,
    Json,
    OutFile,
    ProfileFile,
    ReceiptFile,
    SupplierOption,
    checked_word,
    load_profile,
    open_session,
    save,
)
from clients.cli.recording import record
from clients.cli.screen import GOOD, Screen, examples
from clients.cli.standing import of_demand
from clients.sdk import Session
from clients.sdk.questions import ask
from contracts.finance.recourse import STATUS
from contracts.finance.recourse_views import demand_sentence

Number = Annotated[
    str, typer.Argument(metavar="NUMBER", help="Number of the demand, as the lender writes it.")
]
Lender = Annotated[str, typer.Option("--lender", "-l", help="Organisation id of the lender.")]
Amount = Annotated[str, typer.Option(help="What is due, in the demand's currency, such as '57,500.00 EUR'.")]
Why = Annotated[str, typer.Option("--reason", help="Why, for people.")]

app = typer.Typer(name="recourse", help="Demands of a lender on a supplier.", no_args_is_help=True)


def _demand(session: Session, lender: str, number: str) -> dict[str, Any]:
    """The demand, proved.

    Raises:
        Refusal: `unknown_recourse`, as the proved state shows.
    """
    return ask(session, "demand", lender, number).view


def _record(
    operation: dict[str, Any], title: str, lender: str, profile: ProfileFile, receipt: ReceiptFile, json: bool
) -> None:
    """Record a step of a demand of a lender; yours if none is named."""
    number = operation["recourse"]
    record(
        profile,
        lambda _: operation,
        title,
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_demand(session, lender or session.profile.organisation, number),
    )


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
    _record(operation, f"Demand {number}", "", profile, receipt, json)


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
    _record(operation, f"Demand {number} contested", lender, profile, receipt, json)


@app.command(
    epilog=examples(
        "tally recourse pay R-1 --lender fund --bank bank",
        "tally recourse pay R-1 --lender fund --bank bank --amount '57,500.00 EUR'",
    )
)
def pay(
    number: Number,
    lender: Lender,
    bank: CommonBank,
    amount: Annotated[
        str | None,
        typer.Option(help="What you expect to be due; if not given, what meets the demand today, proved."),
    ] = None,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Meet a demand out of your deposit (supplier)."""

    def make(session: Session) -> dict[str, Any]:
        found = _demand(session, lender, number)
        due = found["due_today"]
        if amount is not None:
            due = read_amount(amount, "--amount", found["currency"]).amount
        if due is None:
            raise UsageProblem(
                "nothing meets this demand today",
                code="nothing_due",
                field="NUMBER",
                found=found["status"],
                expected="Demanded or Contested, and no insurer makes the loss good",
            )
        return {"op": "recourse.pay", "lender": lender, "recourse": number, "bank": bank, "amount": due}

    record(
        profile,
        make,
        f"Demand {number} met",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_demand(session, lender, number),
    )


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
        paid = read_amount(amount, "--amount", _demand(session, lender, number)["currency"]).amount
        return {"op": "recourse.attest", "lender": lender, "recourse": number, "amount": paid, **booked}

    record(
        profile,
        make,
        f"Payment of demand {number}",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_demand(session, lender, number),
    )


@app.command(epilog=examples("tally recourse offset R-1 --profile net/profiles/lender.json"))
def offset(
    number: Number, profile: ProfileFile = None, receipt: ReceiptFile = None, json: Json = False
) -> None:
    """Set a demand for dilution off against the supplier's reserve (lender)."""
    operation = {"op": "recourse.offset", "recourse": number}
    _record(operation, f"Demand {number} set off", "", profile, receipt, json)


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
    _record(operation, f"{invoice} proposed", lender, profile, receipt, json)


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
    _record(operation, f"{invoice} taken", "", profile, receipt, json)


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
    _record(operation, f"Demand {number} closed", "", profile, receipt, json)


@app.command(
    epilog=examples(
        "tally recourse show R-1 --lender fund",
        "tally recourse show R-1 --lender fund --out R-1.demand",
        "tally verify R-1.demand --genesis net/genesis.block",
    )
)
def show(
    number: Number,
    lender: Annotated[str, typer.Option("--lender", "-l", help="Whose demand; yours if not given.")] = "",
    out: OutFile = None,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """Show a demand from proved state, with what meets it today."""
    screen = Screen(json)
    whose = lender or load_profile(profile).organisation
    with open_session(profile) as session:
        found = ask(session, "demand", whose, number)
    if out is not None:
        save(found.data, out, "proof of the demand")
    view, currency = found.view, found.view["currency"]
    document = {**view, "proved": True, "height": found.height, "file": None if out is None else str(out)}
    if screen.answer(document):
        return
    due = view["due_today"]
    screen.line(f"{number} of {whose}: {demand_sentence(view)}", GOOD)
    screen.facts(
        [
            ("demanded", f"{money(view['amount'], currency)} on {view['date']}"),
            ("due today", "nothing" if due is None else money(due, currency)),
            ("reason", view["reason"]),
            *([("answer", view["answer"])] if view["answer"] else []),
            *([("proposed in its place", view["proposed"])] if view["proposed"] else []),
            ("proved at height", found.height),
        ]
    )


@app.command(
    name="list",
    epilog=examples(
        "tally recourse list --supplier acme --status demanded", "tally recourse list --lender fund --json"
    ),
)
def list_demands(
    lender: Annotated[str | None, typer.Option("--lender", "-l", help="Only of this lender.")] = None,
    supplier: Annotated[str | None, typer.Option("--supplier", "-s", help="Only on this supplier.")] = None,
    status: Annotated[str | None, typer.Option(help="Only in this state: demanded, contested, …")] = None,
    limit: HowMany = 100,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """Demands on suppliers, as a node tells them (not proved)."""
    screen = Screen(json)
    wanted = checked_word(status, STATUS.states)
    with open_session(profile) as session:
        found = list(islice(session.demands(lender=lender, supplier=supplier, status=wanted), limit))
    if screen.answer({"demands": found}):
        return
    screen.table(
        ("demand", "lender", "supplier", "invoice", "cause", "date", "demanded", "due today", "status"),
        [
            (
                *(entry[name] for name in ("recourse", "lender", "supplier", "invoice", "cause", "date")),
                *(
                    "" if entry[name] is None else money(entry[name], entry["currency"])
                    for name in ("amount", "due_today")
                ),
                entry["status"],
            )
            for entry in found
        ],
        right=("demanded", "due today"),
    )
    screen.count(len(found), "demand", limit)
