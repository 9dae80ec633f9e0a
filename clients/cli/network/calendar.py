"""`tally date`: the ledger's business date, shown, and moved by the operator alone, forward alone."""

from __future__ import annotations

from typing import Annotated

import typer

from clients.cli.amounts import read_day
from clients.cli.options import Json, ProfileFile, ReceiptFile, open_session
from clients.cli.recording import record
from clients.cli.screen import Screen, examples
from clients.sdk.questions import answers
from contracts.context import business_day
from ledger.dates import iso_from_day

app = typer.Typer(name="date", help="Show and move the ledger's business date.", no_args_is_help=True)


@app.command(epilog=examples("tally date show --profile net/profiles/acme.json"))
def show(profile: ProfileFile = None, json: Json = False) -> None:
    """The ledger's business date, proved: what is dated later is refused, what is due by then matures."""
    screen = Screen(json)
    with open_session(profile) as session:
        (found,) = answers(session, [business_day])
    day = iso_from_day(found.value)
    if not screen.answer({"business_date": day, "height": found.height}):
        screen.line(f"{day}, proved at height {found.height}")


@app.command(epilog=examples("tally date advance 2026-02-01 --profile net/profiles/operator.json"))
def advance(
    date: Annotated[str, typer.Argument(metavar="DATE", help="The new business date, YYYY-MM-DD.")],
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Advance the business date; offers whose last day has passed are released."""
    operation = {"op": "date.advance", "date": read_day(date, "DATE")}
    record(profile, lambda _: operation, f"Business date {date}", receipt=receipt, as_json=json)
