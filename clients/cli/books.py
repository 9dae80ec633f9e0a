"""How commands come by a lender's book: from a saved file or from the nodes, verified in both cases."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clients.cli.amounts import read_day
from clients.cli.exits import UsageProblem
from clients.cli.options import open_session, read_bytes, trusted_genesis
from clients.sdk import Session, VerifiedBook, read_book
from clients.sdk.questions import answers
from contracts.context import business_day
from ledger.dates import day_from_iso
from ledger.limits import MAX_PROOF_BYTES

Lender = Annotated[str | None, typer.Option("--lender", "-l", help="Whose; your own if not given.")]
BookFile = Annotated[Path | None, typer.Option("--book", help="A book that `--out` saved: no node is asked.")]
AsOf = Annotated[
    str | None, typer.Option("--date", help="Business date, YYYY-MM-DD; the ledger's if not given.")
]


def open_book(
    lender: str | None, book: Path | None, date: str | None, genesis: Path | None, profile: Path | None
) -> tuple[VerifiedBook, int]:
    """The verified book, of a file or of the nodes, and the business day that it is read on."""
    day = None if date is None else day_from_iso(read_day(date, "--date"))
    if book is not None:
        if day is None:
            raise UsageProblem(
                "a book by itself does not say what day it is",
                code="no_date",
                field="--date",
                expected="the business date to compute it for",
            )
        data = read_bytes(book, "book", MAX_PROOF_BYTES)
        return read_book(data, trusted_genesis(genesis, profile)), day
    with open_session(profile) as session:
        found = session.book(lender or session.profile.organisation)
        return found, today(session) if day is None else day


def today(session: Session) -> int:
    """The ledger's business day, proved."""
    (answer,) = answers(session, [business_day])
    return answer.value
