"""`tally portfolio`: what a lender holds, what it should buy, and what is too much of one name."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from clients.cli import allocations
from clients.cli.allocations import ObligorCap, SupplierCap
from clients.cli.amounts import money, percent, read_amount, read_currency, read_day, read_percent
from clients.cli.exits import UsageProblem
from clients.cli.options import (
    GenesisFile,
    Json,
    OutFile,
    ProfileFile,
    open_session,
    read_bytes,
    save,
    trusted_genesis,
)
from clients.cli.screen import GOOD, Screen, examples
from clients.sdk import Session, VerifiedBook, read_book
from clients.sdk.questions import answers
from contracts import portfolio, portfolio_views, rebalancing
from contracts.context import business_day
from contracts.portfolio import BY, Performance
from contracts.rebalancing import Cap
from ledger.dates import day_from_iso, iso_from_day
from ledger.limits import MAX_PROOF_BYTES

SHOWN_CLAIMS = 15

app = typer.Typer(name="portfolio", help="A lender's holdings, allocation and caps.", no_args_is_help=True)
allocations.register(app)

Lender = Annotated[str | None, typer.Option("--lender", "-l", help="Whose; your own if not given.")]
BookFile = Annotated[Path | None, typer.Option("--book", help="A book that `--out` saved: no node is asked.")]
AsOf = Annotated[
    str | None, typer.Option("--date", help="Business date, YYYY-MM-DD; the ledger's if not given.")
]


@app.command(
    epilog=examples(
        "tally portfolio show --profile net/profiles/lender.json",
        "tally portfolio show --by supplier --out lender.book",
        "tally portfolio show --book lender.book --genesis genesis.block --date 2026-03-31 --json",
    )
)
def show(
    by: Annotated[str, typer.Option(help=f"Group by {', '.join(BY)}.")] = "obligor",
    lender: Lender = None,
    book: BookFile = None,
    date: AsOf = None,
    out: OutFile = None,
    genesis: GenesisFile = None,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """What a lender holds and what it earned, from its complete, proved book.

    Every figure is computed here from the book's records; a hidden, altered or added record ends with
    exit code 1. With `--book` and `--date` the same is computed again without a node.
    """
    if by not in BY:
        raise UsageProblem(
            "no such grouping", code="grouping", field="--by", found=by, expected=", ".join(BY)
        )
    screen = Screen(json)
    found, day = _book(lender, book, date, genesis, profile)
    if out is not None:
        save(found.data, out, "book")
    document = book_document(found, day)
    if screen.answer(document | {"file": None if out is None else str(out)}):
        return
    _show_book(screen, found, document, by)
    if out is not None:
        screen.note(f"saved in {out}; check it anywhere: tally verify {out} --genesis genesis.block")


def _book(
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


def book_document(found: VerifiedBook, day: int) -> dict[str, Any]:
    """A portfolio for JSON: amounts in minor units, rates in ppm a year."""
    held = found.positions
    return {
        "lender": found.lender,
        "proved": True,
        "height": found.height,
        "block": found.proved.block_hash.hex(),
        "records": found.proved.count,
        "business_date": iso_from_day(day),
        "totals": {currency: sums._asdict() for currency, sums in found.totals.items()},
        "groups": {
            by: [portfolio_views.group_view(group) for group in portfolio.groups(held, by, day)] for by in BY
        },
        "performance": {
            currency: {
                "months": [
                    portfolio_views.performance_view(month) for month in monthly(found, currency, day)
                ],
                "rolling": portfolio_views.performance_view(rolling(found, currency, day)),
            }
            for currency in found.totals
        },
        "claims": [portfolio_views.position_view(position, day) for position in held],
    }


def monthly(found: VerifiedBook, currency: str, day: int) -> list[Performance]:
    """What each of the last months earned and lost, oldest first."""
    return [
        portfolio.performance(found.records, found.positions, currency, first, last)
        for first, last in portfolio.months(day)
    ]


def rolling(found: VerifiedBook, currency: str, day: int) -> Performance:
    """What the last twelve months earned and lost together."""
    first, last = portfolio.months(day)[0][0], day
    return portfolio.performance(found.records, found.positions, currency, first, last)


def _show_book(screen: Screen, found: VerifiedBook, document: dict[str, Any], by: str) -> None:
    if not found.proved.count:
        screen.line(f"{found.lender} has paid for nothing, proved at height {found.height}", GOOD)
        return
    screen.line(
        f"Book of {found.lender}: {found.proved.count} records, complete, proved at height {found.height}; "
        f"as of {document['business_date']}",
        GOOD,
    )
    for currency, sums in found.totals.items():
        performance = document["performance"][currency]["rolling"]
        screen.facts(
            [
                ("claims", f"{sums.open} open of {sums.claims}"),
                ("principal", money(sums.principal, currency)),
                ("suppliers' reserve", money(sums.reserve, currency)),
                ("owed by suppliers", money(sums.owed, currency)),
                (
                    "written off",
                    f"{money(sums.written_off, currency)}, recovered {money(sums.recovered, currency)}",
                ),
                ("realised yield, 12 months", _rate(performance["yield_ppm"])),
                ("realised loss, 12 months", _rate(performance["loss_ppm"])),
            ],
            title=f"In {currency}",
        )
        _show_months(screen, document["performance"][currency]["months"], currency)
    _show_groups(screen, document["groups"][by], by)
    _show_claims(screen, document["claims"])


def _show_months(screen: Screen, months: list[dict[str, Any]], currency: str) -> None:
    columns = ("month", "average principal", "earned", "interest", "lost", "yield", "loss")
    screen.table(
        columns,
        [
            (
                month["from"][:7],
                money(month["average_principal"], currency),
                money(month["earned"], currency),
                money(month["interest"], currency),
                money(month["written_off"] - month["recovered"], currency),
                _rate(month["yield_ppm"]),
                _rate(month["loss_ppm"]),
            )
            for month in months
            if month["average_principal"] or month["net_income"]
        ],
        right=columns[1:],
    )


def _show_groups(screen: Screen, groups: list[dict[str, Any]], by: str) -> None:
    columns = (by, "claims", "principal", "share", "reserve", "overdue", "defaulted", "expected yield")
    screen.table(
        columns,
        [
            (
                group["name"] or "auction",
                group["claims"],
                money(group["principal"], group["currency"]),
                percent(group["share_ppm"]),
                money(group["reserve"], group["currency"]),
                money(group["overdue"], group["currency"]),
                money(group["defaulted"], group["currency"]),
                percent(group["expected_yield_ppm"]),
            )
            for group in groups
        ],
        right=columns[1:],
    )


def _show_claims(screen: Screen, claims: list[dict[str, Any]]) -> None:
    standing = [claim for claim in claims if claim["status"] != "Closed"]
    shown = standing[-SHOWN_CLAIMS:] if screen.is_terminal else standing
    if len(shown) < len(standing):
        screen.note(f"The newest {len(shown)} of {len(standing)} open claims (all with --json or in a pipe):")
    screen.table(
        ("supplier", "invoice", "obligor", "due", "status", "principal", "reserve", "expected yield"),
        [
            (
                claim["supplier"],
                claim["invoice"],
                claim["buyer"],
                claim["due_date"],
                claim["status"],
                money(claim["principal"], claim["currency"]),
                money(claim["reserve"], claim["currency"]),
                percent(claim["expected_yield_ppm"]),
            )
            for claim in shown
        ],
        right=("principal", "reserve", "expected yield"),
    )


def _rate(ppm: int | None) -> str:
    return "-" if ppm is None else percent(ppm)


@app.command(
    epilog=examples(
        "tally portfolio rebalance --currency EUR --obligor-cap 25 --profile net/profiles/lender.json",
        "tally portfolio rebalance --currency EUR --obligor-cap 25 --supplier-cap 10 "
        "--fund '10,000,000.00 EUR'",
    )
)
def rebalance(
    currency: Annotated[str, typer.Option("--currency", "-c", help="ISO 4217 code.")],
    obligor_cap: ObligorCap = None,
    supplier_cap: SupplierCap = None,
    fund: Annotated[
        str | None, typer.Option(help="What caps are shares of; all principal held if not given.")
    ] = None,
    lender: Lender = None,
    book: BookFile = None,
    date: AsOf = None,
    genesis: GenesisFile = None,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """What exceeds its cap, when it runs off, what to sell instead, and where there is room to buy."""
    code = read_currency(currency, "--currency")
    caps = [
        Cap(by, read_percent(text, f"--{by}-cap"))
        for by, text in (("obligor", obligor_cap), ("supplier", supplier_cap))
        if text is not None
    ]
    if not caps:
        raise UsageProblem(
            "no cap to compare with",
            code="no_cap",
            field="--obligor-cap",
            expected="--obligor-cap or --supplier-cap in percent",
        )
    screen = Screen(json)
    found, day = _book(lender, book, date, genesis, profile)
    held = [position for position in found.positions if position.currency == code]
    whole = sum(position.principal for position in held)
    base = whole if fund is None else read_amount(fund, "--fund", code).amount
    advice = rebalancing.advice(held, caps, base, day)
    rooms = {
        cap.by: rebalancing.rooms(held, cap, base, (BY[cap.by](position) for position in held))
        for cap in caps
    }
    document = {
        "lender": found.lender,
        "proved": True,
        "height": found.height,
        "business_date": iso_from_day(day),
        "currency": code,
        "fund": base,
        "principal": whole,
        "excess": [
            excess._asdict() | {"excess": excess.amount} for excess in rebalancing.excesses(held, caps, base)
        ],
        "eligible": {cap.by: rebalancing.eligible(held, cap, base) for cap in caps},
        "advice": [one._asdict() | {"day": iso_from_day(one.day) if one.day else None} for one in advice],
        "room": rooms,
    }
    if screen.answer(document):
        return
    screen.line(
        f"Book of {found.lender} proved at height {found.height}: {money(whole, code)} principal, "
        f"caps of {money(base, code)}",
        GOOD,
    )
    for cap in caps:
        screen.line(f"eligible by {cap.by}: {money(document['eligible'][cap.by], code)}")  # type: ignore[index]
    screen.table(
        ("action", "name", "principal", "by", "claims", "reason"),
        [
            (
                one.action,
                one.name,
                money(one.amount, code),
                iso_from_day(one.day) if one.day else "",
                len(one.claims),
                one.reason,
            )
            for one in advice
        ],
        right=("principal", "claims"),
    )
    screen.table(
        ("room under the cap for", "amount"),
        [
            (f"{by} {name}", money(room, code))
            for by, names in rooms.items()
            for name, room in names.items()
            if room
        ],
        right=("amount",),
    )
