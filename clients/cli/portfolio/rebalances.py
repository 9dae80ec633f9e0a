"""`tally portfolio rebalance`: what is too much of one name, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from clients.cli.amounts import money, percent, read_amount, read_currency, read_percent
from clients.cli.exits import UsageProblem
from clients.cli.options import GenesisFile, Json, ProfileFile, open_session
from clients.cli.portfolio.allocations import ObligorCap, SupplierCap
from clients.cli.portfolio.books import AsOf, BookFile, Holdings, Lender, open_holdings
from clients.cli.screen import GOOD, Screen, examples
from clients.lending.allocating import Allocation, allocate_budget
from clients.lending.optimum import SOLVER_SECONDS
from clients.lending.prospects import prospects
from contracts.holdings import rebalancing
from contracts.holdings.allocation import Held, Mandate
from contracts.holdings.rebalancing import Advice, Cap
from ledger.dates import iso_from_day


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=examples(
            "tally portfolio rebalance --currency EUR --obligor-cap 25 --profile net/profiles/lender.json",
            "tally portfolio rebalance -c EUR --obligor-cap 25 --supplier-cap 10 --fund '10,000,000.00 EUR'",
            "tally portfolio rebalance -c EUR --obligor-cap 25 --budget '500,000.00 EUR'",
            "tally portfolio rebalance -c EUR --obligor-cap 25 --book lender.book --genesis genesis.block \\",
            "    --date 2026-03-31 --json",
        )
    )(rebalance)


def rebalance(
    currency: Annotated[str, typer.Option("--currency", "-c", help="ISO 4217 code.")],
    obligor_cap: ObligorCap = None,
    supplier_cap: SupplierCap = None,
    fund: Annotated[
        str | None, typer.Option(help="What caps are shares of; all principal held if not given.")
    ] = None,
    budget: Annotated[str | None, typer.Option(help="Cash to buy with, where there is room.")] = None,
    lender: Lender = None,
    book: BookFile = None,
    date: AsOf = None,
    genesis: GenesisFile = None,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """What exceeds its cap, when it runs off, what to sell instead; where there is room, what to buy.

    Holdings come from the complete, proved book; what to buy is the plan of `tally portfolio allocate` for
    the budget under the same caps.
    """
    code = read_currency(currency, "--currency")
    caps = _caps(obligor_cap, supplier_cap)
    if budget is not None and book is not None:
        raise UsageProblem(
            "what could be bought is asked of nodes",
            code="budget_offline",
            field="--budget",
            expected="--budget without --book",
        )
    cash = 0 if budget is None else read_amount(budget, "--budget", code).amount
    screen = Screen(json)
    holds = open_holdings(lender, book, date, genesis, profile)
    found, held, leaves = holds.book, holds.claims_in(code), holds.leaves_in(code)
    whole = sum(position.principal for position in held) + sum(leaves.values())
    base = whole + cash if fund is None else read_amount(fund, "--fund", code).amount
    plan = None
    if budget is not None:
        mandate = Mandate(cash, base)._replace(**{f"{cap.by}_cap_ppm": cap.cap_ppm for cap in caps})
        with open_session(profile) as session:
            could = prospects(session, found.lender, code, progress=screen.progress)
        plan = allocate_budget(could, code, mandate, Held.of(held, leaves), seconds=SOLVER_SECONDS)
    if screen.answer(_document(holds, code, caps, base, plan)):
        return
    screen.line(
        f"Book of {found.lender} proved at height {found.height}: {money(whole, code)} principal, "
        f"caps of {money(base, code)}",
        GOOD,
    )
    for cap in caps:
        screen.line(f"eligible by {cap.by}: {money(rebalancing.eligible(held, cap, base, leaves), code)}")
    advice = rebalancing.advice(held, caps, base, holds.day, code, leaves)
    if not advice:
        screen.line("Nothing is above its cap.", GOOD)
    _show_advice(screen, advice, plan, code)
    _show_rooms(screen, {cap.by: rebalancing.rooms(held, cap, base, leaves) for cap in caps}, code)


def _caps(obligor_cap: str | None, supplier_cap: str | None) -> list[Cap]:
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
    return caps


def _document(
    holds: Holdings, code: str, caps: Sequence[Cap], base: int, plan: Allocation | None
) -> dict[str, Any]:
    """The advice for JSON: amounts in minor units."""
    found, held, leaves = holds.book, holds.claims_in(code), holds.leaves_in(code)
    return {
        "lender": found.lender,
        "proved": True,
        "height": found.height,
        "business_date": iso_from_day(holds.day),
        "currency": code,
        "fund": base,
        "principal": sum(position.principal for position in held),
        "certificates": leaves,
        "excess": [
            excess._asdict() | {"excess": excess.amount}
            for excess in rebalancing.excesses(held, caps, base, leaves)
        ],
        "eligible": {cap.by: rebalancing.eligible(held, cap, base, leaves) for cap in caps},
        "advice": [
            one._asdict() | {"day": iso_from_day(one.day) if one.day else None}
            for one in rebalancing.advice(held, caps, base, holds.day, code, leaves)
        ],
        "room": {cap.by: rebalancing.rooms(held, cap, base, leaves) for cap in caps},
        "buy": None if plan is None else plan.as_dict(),
    }


def _show_advice(screen: Screen, advice: Sequence[Advice], plan: Allocation | None, code: str) -> None:
    rows: list[tuple[object, ...]] = [
        (
            one.action,
            one.name,
            money(one.amount, code),
            iso_from_day(one.day) if one.day else "",
            len(one.claims),
            one.reason,
        )
        for one in advice
    ]
    if plan is not None:
        rows += [
            (
                "buy",
                one.obligor,
                money(amount, code),
                "",
                1,
                f"{one.invoice} of {one.supplier} under {one.programme}: "
                f"net {percent(one.net_yield_ppm)} a year",
            )
            for one, amount in plan.chosen
        ]
    if rows:
        screen.table(
            ("action", "name", "principal", "by", "claims", "reason"), rows, right=("principal", "claims")
        )


def _show_rooms(screen: Screen, rooms: Mapping[str, Mapping[str, int]], code: str) -> None:
    left = [
        (f"{by} {name}", money(room, code))
        for by, names in rooms.items()
        for name, room in names.items()
        if room
    ]
    if left:
        screen.table(("room under the cap for", "amount"), left, right=("amount",))
