"""`tally date`: the ledger's business date, which only the operator moves, and only forward."""

from __future__ import annotations

from typing import Annotated

import typer

from clients.cli.amounts import read_day
from clients.cli.options import Json, ProfileFile, ReceiptFile
from clients.cli.recording import record
from clients.cli.screen import examples

app = typer.Typer(name="date", help="Move the ledger's business date.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Move the ledger's business date."""


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
