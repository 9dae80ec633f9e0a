"""`tally portfolio`: what a lender holds, what it should buy, and what is too much of one name."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from clients.cli.amounts import money, percent
from clients.cli.exits import UsageProblem
from clients.cli.options import (
    GenesisFile,
    Json,
    OutFile,
    ProfileFile,
    check_of,
    save,
)
from clients.cli.portfolio import allocations, portfolio_report, rebalances
from clients.cli.portfolio.books import AsOf, BookFile, Holdings, Lender, open_holdings
from clients.cli.screen import GOOD, Screen, examples
from clients.sdk import VerifiedBook
from clients.wording import counted
from contracts.holdings import portfolio, portfolio_views
from contracts.holdings.portfolio import BY
from ledger.dates import iso_from_day

SHOWN_CLAIMS = 15

app = typer.Typer(
    name="portfolio", help="A lender's holdings, report, allocation and caps.", no_args_is_help=True
)
allocations.register(app)
rebalances.register(app)
portfolio_report.register(app)


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
    held = open_holdings(lender, book, date, genesis, profile)
    found = held.book
    if out is not None:
        save(found.data, out, "book")
    document = holdings_document(held)
    if screen.answer(document | {"file": None if out is None else str(out)}):
        return
    _show_book(screen, found, document, by)
    if out is not None:
        screen.note(f"saved in {out}; check it anywhere: {check_of(out, genesis, profile)}")


def holdings_document(holdings: Holdings) -> dict[str, Any]:
    """A portfolio for JSON: amounts in minor units, rates in ppm a year."""
    found, day = holdings.book, holdings.day
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
        "performance": {currency: _performance(found, currency, day) for currency in found.totals},
        "certificates": [
            {"obligor": obligor, "certificate": certificate, "currency": currency, "amount": amount}
            for (obligor, certificate, currency), amount in sorted(holdings.leaves.items())
        ],
        "claims": [portfolio_views.position_view(position, day) for position in held],
    }


def _performance(found: VerifiedBook, currency: str, day: int) -> dict[str, Any]:
    """What each of the last twelve months earned and lost, oldest first, and all of them together."""
    moved = portfolio.flows(found.records, currency)
    spans = portfolio.months(day)

    def shown(first: int, last: int) -> dict[str, Any]:
        found_in = portfolio.performance(moved, found.positions, currency, first, last)
        return portfolio_views.performance_view(found_in)

    return {
        "months": [shown(first, last) for first, last in spans],
        "rolling": shown(spans[0][0], spans[-1][1]),
    }


def _show_book(screen: Screen, found: VerifiedBook, document: dict[str, Any], by: str) -> None:
    _show_certificates(screen, document["certificates"])
    if not found.proved.count:
        screen.line(f"{found.lender} has paid for no claim, proved at height {found.height}", GOOD)
        return
    screen.line(
        f"Book of {found.lender}: {counted(found.proved.count, 'record')}, complete, proved at height "
        f"{found.height}; as of {document['business_date']}",
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
                (
                    "sold to lenders",
                    f"{money(sums.sold, currency)} for {money(sums.sold_for, currency)}",
                ),
                ("realised yield, 12 months", _rate(performance["yield_ppm"])),
                ("realised loss, 12 months", _rate(performance["loss_ppm"])),
            ],
            title=f"In {currency}",
        )
        _show_months(screen, document["performance"][currency]["months"], currency)
    _show_groups(screen, document["groups"][by], by)
    _show_claims(screen, document["claims"])


def _show_certificates(screen: Screen, certificates: list[dict[str, Any]]) -> None:
    if certificates:
        screen.table(
            ("obligor", "certificate", "amount"),
            [
                (one["obligor"], one["certificate"], money(one["amount"], one["currency"]))
                for one in certificates
            ],
            title="Certificates, by complete histories",
            right=("amount",),
        )


def _show_months(screen: Screen, months: list[dict[str, Any]], currency: str) -> None:
    columns = ("month", "average principal", "earned", "interest", "sales", "lost", "yield", "loss")
    screen.table(
        columns,
        [
            (
                month["from"][:7],
                money(month["average_principal"], currency),
                money(month["earned"], currency),
                money(month["interest"], currency),
                money(month["sales"], currency),
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


def open_claims(claims: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those that are neither over nor another lender's by now."""
    return [claim for claim in claims if claim["status"] not in ("Closed", "Sold")]


def _show_claims(screen: Screen, claims: list[dict[str, Any]]) -> None:
    standing = open_claims(claims)
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
