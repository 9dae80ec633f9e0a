"""How commands come by what a lender holds: from a saved book or from the nodes, verified in both cases."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from clients.cli.amounts import read_day
from clients.cli.exits import UsageProblem
from clients.cli.options import open_session, read_bytes, reading, trusted_genesis
from clients.sdk import Session, VerifiedBook, read_book
from clients.sdk.questions import answers
from contracts.certificates.certificate_views import holdings_of
from contracts.context import business_day
from contracts.holdings.portfolio import Position
from ledger.dates import day_from_iso, iso_from_day
from ledger.limits import MAX_PROOF_BYTES

Lender = Annotated[str | None, typer.Option("--lender", "-l", help="Whose; your own if not given.")]
BookFile = Annotated[Path | None, typer.Option("--book", help="A book that `--out` saved: no node is asked.")]
AsOf = Annotated[
    str | None, typer.Option("--date", help="Business date, YYYY-MM-DD; the ledger's if not given.")
]


@dataclass(frozen=True, slots=True)
class Holdings:
    """What a lender holds, proved."""

    book: VerifiedBook
    day: int
    """Business day that it is read on, days since 1970."""
    leaves: dict[tuple[str, str, str], int]
    """(obligor, certificate, currency) -> minor units of certificates; none of them stands in the book."""

    def claims_in(self, currency: str) -> list[Position]:
        """Claims in one currency, oldest first."""
        return [position for position in self.book.positions if position.currency == currency]

    def leaves_in(self, currency: str) -> dict[str, int]:
        """What is held of each obligor's certificates in one currency, minor units."""
        sums: dict[str, int] = {}
        for (obligor, _, code), amount in self.leaves.items():
            if code == currency:
                sums[obligor] = sums.get(obligor, 0) + amount
        return sums


def open_holdings(
    lender: str | None, book: Path | None, date: str | None, genesis: Path | None, profile: Path | None
) -> Holdings:
    """What a lender holds, of a file or of the nodes; a file by itself has no certificates in it."""
    day = None if date is None else day_from_iso(read_day(date, "--date"))
    if book is not None:
        if day is None:
            raise UsageProblem(
                "a book by itself does not say what day it is",
                code="no_date",
                field="--date",
                expected="the business date to compute it for",
            )
        data, trusted = read_bytes(book, "book", MAX_PROOF_BYTES), trusted_genesis(genesis, profile)
        with reading(book, "book"):
            held = read_book(data, trusted)
        return _checked(Holdings(held, day, {}))
    with open_session(profile) as session:
        return holdings(session, lender or session.profile.organisation, day)


def _checked(found: Holdings) -> Holdings:
    """Refuse a day before the newest record: what was held then is not what is held now.

    Raises:
        UsageProblem: `date_order`.
    """
    newest = found.book.records[-1][0] if found.book.records else found.day
    if found.day < newest:
        raise UsageProblem(
            "before the newest record of the book",
            code="date_order",
            field="--date",
            found=iso_from_day(found.day),
            expected=f"{iso_from_day(newest)} or later",
        )
    return found


def holdings(session: Session, lender: str, day: int | None = None) -> Holdings:
    """What a lender holds: its book, and its certificates by its complete history with each obligor."""
    book = session.book(lender)
    leaves = {
        (obligor, certificate, currency): amount
        for holder, obligor in session.partners(lender)
        if holder == lender
        for (certificate, currency), amount in holdings_of(session.history(lender, obligor).records).items()
    }
    if day is None:
        (answer,) = answers(session, [business_day])
        day = answer.value
    return _checked(Holdings(book, day, leaves))
