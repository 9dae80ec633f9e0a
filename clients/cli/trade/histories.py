"""`tally history`: the verified history of a trade relationship."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from clients.cli.amounts import days, money
from clients.cli.options import (
    Json,
    OutFile,
    ProfileFile,
    SupplierArgument,
    check_of,
    open_session,
    save,
    say_strangers,
)
from clients.cli.screen import GOOD, Screen, examples
from clients.sdk import VerifiedHistory
from clients.wording import counted
from contracts.trade import relationship_views

SHOWN_RECORDS = 15
_NOT_DETAIL = ("business_date", "kind", "number", "currency")
_AMOUNTS = ("amount", "net", "gross")
"""A record's own amount is the first of these that it has."""
_MONEY = ("reduction", "was_amount")
_HIDDEN = ("opened", "was_open", "was_open_due_date", "closed")
_OF_INVOICE = ("issue_date", "credited")
"""What other records repeat of the invoice and of what was taken off it."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=examples(
            "tally history acme anchor --profile net/profiles/lender.json --out trade.history",
            "tally history acme anchor --last 100 --json",
        )
    )(history)


def history(
    supplier: SupplierArgument,
    buyer: Annotated[str, typer.Argument(metavar="BUYER", help="Organisation id of the buyer.")],
    last: Annotated[
        int | None, typer.Option(min=0, help="Only the newest so many; all if not given.")
    ] = None,
    out: OutFile = None,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """Fetch the history of a trade relationship and prove it complete, here, before it is shown.

    A hidden, altered or reordered record, or sums that do not follow from the records, end with
    exit code 1. The file can be checked by anyone, without a node: `tally verify`.
    """
    screen = Screen(json)
    with open_session(profile) as session:
        found = session.history(supplier, buyer, last)
        channel = session.genesis.genesis
    if out is not None:
        save(found.data, out, "history")
    if screen.answer(history_document(found) | {"file": None if out is None else str(out)}):
        return
    show_history(screen, found)
    say_strangers(screen, channel, supplier, buyer)
    if out is not None:
        screen.note(f"saved in {out}; check it anywhere: {check_of(out, None, profile)}")


def history_document(found: VerifiedHistory) -> dict[str, Any]:
    """The history for JSON: records and sums by name, amounts in minor units."""
    day = found.records[-1][0] if found.records else 0
    return {
        "supplier": found.supplier,
        "buyer": found.buyer,
        "proved": True,
        "complete": found.is_complete,
        "count": found.count,
        "height": found.height,
        "block": found.proved.block_hash.hex(),
        "aggregates": {
            currency: relationship_views.aggregates_view(found.aggregates, currency, day)
            for currency in sorted(found.aggregates)
        },
        "records": [relationship_views.record_view(record) for record in found.records],
    }


def show_history(screen: Screen, found: VerifiedHistory, shown: int = SHOWN_RECORDS) -> None:
    """What the history proves, its sums, and its newest records."""
    document = history_document(found)
    if not found.count:
        screen.line(f"{found.supplier} → {found.buyer}: no trade, proved at height {found.height}", GOOD)
        return
    extent = "complete" if found.is_complete else f"the newest {len(found.records)} of {found.count}"
    screen.line(
        f"{found.supplier} → {found.buyer}: {counted(len(found.records), 'record')}, {extent}, "
        f"proved at height {found.height}",
        GOOD,
    )
    for currency, sums in document["aggregates"].items():
        screen.facts(aggregate_facts(sums, currency), title=f"In {currency}")
    newest = document["records"][-shown:] if screen.is_terminal else document["records"]
    if len(newest) < len(document["records"]):
        screen.note(f"The newest {counted(len(newest), 'record')} (all with --json or in a pipe):")
    first = found.count - len(newest)
    screen.table(
        ("record", "date", "kind", "number", "amount", "details"),
        [(place, *record_row(record)) for place, record in enumerate(newest, first)],
        right=("record", "amount"),
    )


def aggregate_facts(sums: dict[str, Any], currency: str) -> list[tuple[str, object]]:
    """The sums that a lender looks at first."""
    return [
        ("invoiced", f"{money(sums['invoiced'], currency)} in {counted(sums['invoices'], 'invoice')}"),
        ("paid", f"{money(sums['paid'], currency)}, {counted(sums['settled_invoices'], 'invoice')} settled"),
        ("days beyond terms", f"{days(sums['dbt_centidays'])}, weighted by amount"),
        ("open", f"{money(sums['open_amount'], currency)} in {counted(sums['open_invoices'], 'invoice')}"),
        (
            "overdue",
            f"{money(sums['overdue_amount'], currency)} in {counted(sums['overdue_invoices'], 'invoice')}",
        ),
    ]


def record_row(record: dict[str, Any]) -> tuple[object, ...]:
    """One record as a row: its amount in its currency, and what else it says."""
    currency = record["currency"]
    amount = next((record[name] for name in _AMOUNTS if name in record), None)
    hidden = (*_NOT_DETAIL, *_HIDDEN, *_AMOUNTS, *(() if record["kind"] == "invoice" else _OF_INVOICE))
    details = ", ".join(
        _detail(name, value, currency)
        for name, value in record.items()
        if name not in hidden and value not in (None, "", 0)
    )
    return (
        record["business_date"],
        record["kind"],
        record["number"],
        "" if amount is None else money(amount, currency),
        details,
    )


def _detail(name: str, value: object, currency: str) -> str:
    """ "due date 2012-05-18", "settled"."""
    words = name.replace("_", " ")
    if name == "settled":
        return words
    return f"{words} {money(int(str(value)), currency) if name in _MONEY else value}"
