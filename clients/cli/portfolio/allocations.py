"""`tally portfolio allocate`: which receivables a budget should buy, and the offers that buy them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer

from clients.cli.amounts import money, percent, read_amount, read_day, read_percent
from clients.cli.exits import REFUSED, UsageProblem
from clients.cli.finance.finance import offer_of
from clients.cli.options import Json, ProfileFile, ProofFolder, open_session, save_proofs
from clients.cli.portfolio.books import holdings
from clients.cli.screen import BAD, GOOD, Screen, examples
from clients.errors import PORTFOLIO_EXTRA, NodeProblem
from clients.lending.allocating import Allocation, allocate_budget
from clients.lending.optimum import SOLVER_SECONDS, has_solver
from clients.lending.prospects import prospects
from clients.sdk import Refused, Session
from contracts.holdings.allocation import Held, Mandate, Opportunity
from contracts.market import prospect
from contracts.pricing import QuoteTerms
from ledger.money import Money

ObligorCap = Annotated[str | None, typer.Option(help="Share of the fund of one obligor, at most; percent.")]
SupplierCap = Annotated[str | None, typer.Option(help="Share of the fund of one supplier, at most; percent.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=examples(
            "tally portfolio allocate --budget '100,000,000.00 EUR' --obligor-cap 35 --profile lender.json",
            "tally portfolio allocate --budget '5,000,000.00 EUR' --fund held --obligor-cap 25 \\",
            "    --max-tenor 90 --max-loss '20,000.00 EUR' --least-yield 4 --json",
            "tally portfolio allocate --budget '5,000,000.00 EUR' --commit --expires 2026-02-01",
        )
    )(allocate)


def allocate(
    budget: Annotated[str, typer.Option(help="Cash to place, such as '5,000,000.00 EUR'.")],
    fund: Annotated[
        str,
        typer.Option(help="What caps are shares of: 'budget', 'held' (with the budget), or an amount."),
    ] = "budget",
    obligor_cap: ObligorCap = None,
    supplier_cap: SupplierCap = None,
    max_loss: Annotated[
        str | None, typer.Option(help="Expected loss of what is bought, at most; an amount.")
    ] = None,
    max_tenor: Annotated[int | None, typer.Option(min=1, help="Days until payment, at most.")] = None,
    smallest_ticket: Annotated[str | None, typer.Option(help="Advance of one purchase, at least.")] = None,
    least_yield: Annotated[
        str, typer.Option(help="Net yield a year after expected loss, at least; percent.")
    ] = "0",
    seconds: Annotated[
        float, typer.Option(min=1, max=3_600, help="How long the solver may search.")
    ] = SOLVER_SECONDS,
    commit: Annotated[bool, typer.Option("--commit", help="Make the offers that the plan suggests.")] = False,
    expires: Annotated[
        str | None, typer.Option(help="Last business date of the offers, YYYY-MM-DD; with --commit.")
    ] = None,
    out: ProofFolder = None,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """The receivables that bring most for a budget, under your limits and caps; checked in integers here.

    Receivables come from complete, proved histories and are priced here on proved state. The bound says
    what no plan could pass. With `--commit` each suggested offer is quoted again, verified and recorded.
    """
    cash = read_amount(budget, "--budget")
    if commit and expires is None:
        raise UsageProblem(
            "offers need a last day", code="no_date", field="--expires", expected="--expires YYYY-MM-DD"
        )
    until = read_day(expires, "--expires") if expires is not None else ""
    screen = Screen(json)
    if not has_solver():
        screen.note(f"No solver is installed: the plan is greedy, and may not be the best. {PORTFOLIO_EXTRA}")
    with open_session(profile) as session:
        lender = session.profile.organisation
        holds = holdings(session, lender)
        held = Held.of(holds.claims_in(cash.currency), holds.leaves_in(cash.currency))
        mandate = Mandate(
            budget=cash.amount,
            fund=_fund(fund, cash, held),
            obligor_cap_ppm=_cap(obligor_cap, "--obligor-cap"),
            supplier_cap_ppm=_cap(supplier_cap, "--supplier-cap"),
            max_loss=_amount(max_loss, "--max-loss", cash.currency),
            max_tenor_days=max_tenor,
            smallest_ticket=_amount(smallest_ticket, "--smallest-ticket", cash.currency) or 1,
            least_yield_ppm=read_percent(least_yield, "--least-yield"),
        )
        found = prospects(session, lender, cash.currency, progress=screen.progress)
        save_proofs({f"{lender}.book": holds.book.data, **found.files}, out)
        counted = Held() if fund == "budget" else held
        plan = allocate_budget(found, cash.currency, mandate, counted, seconds=seconds)
        recorded = []
        if commit:
            with screen.progress("offers", len(plan.chosen)) as advance:
                recorded = commit_plan(session, plan, until, advance)
    if not screen.answer(plan.as_dict() | {"offers": recorded if commit else None}):
        _show_plan(screen, plan)
        if commit:
            _show_offers(screen, recorded)
    if any(offer["code"] for offer in recorded):
        raise typer.Exit(REFUSED)


def _fund(text: str, budget: Money, held: Held) -> int:
    """What caps are shares of, minor units."""
    if text == "budget":
        return budget.amount
    if text == "held":
        return budget.amount + sum(held.obligors.values())
    return read_amount(text, "--fund", budget.currency).amount


def _cap(text: str | None, field: str) -> int | None:
    return None if text is None else read_percent(text, field)


def _amount(text: str | None, field: str, currency: str) -> int | None:
    return None if text is None else read_amount(text, field, currency, least=0).amount


def _show_plan(screen: Screen, plan: Allocation) -> None:
    currency = plan.currency
    document = plan.as_dict()
    screen.line(
        f"{len(plan.chosen)} of {document['considered']} receivables, "
        f"{money(document['cash'], currency)} of {money(plan.mandate.budget, currency)} placed; "
        "limits, caps and budget checked",
        GOOD,
    )
    screen.facts(
        [
            ("net yield", f"{percent(document['net_yield_ppm'])} a year after expected loss"),
            ("income", f"{money(document['income'], currency)} a year"),
            (
                "no plan brings more than",
                f"{money(document['bound'], currency)}: the gap is at most {percent(document['gap_ppm'])}",
            ),
            ("greedy plan", f"{money(document['greedy'], currency)} a year"),
            ("expected loss", money(document["expected_loss"], currency)),
        ]
    )
    left_out = document["left_out"]
    if left_out:
        screen.note(f"{len(left_out)} left out; --json names each with its reason.")
    if not document["considered"]:
        screen.note("No open receivable of your obligors is priced: see tally match lender.")
    columns = ("programme", "supplier", "invoice", "obligor", "advance", "paid out", "net yield", "days")
    if not plan.chosen:
        return
    screen.table(
        columns,
        [
            (
                one["programme"],
                one["supplier"],
                one["invoice"],
                one["obligor"],
                money(one["amount"], currency),
                money(one["cash"], currency),
                percent(one["net_yield_ppm"]),
                one["tenor_days"],
            )
            for one in document["chosen"]
        ],
        right=columns[4:],
    )


def _show_offers(screen: Screen, recorded: list[dict[str, Any]]) -> None:
    screen.table(
        ("supplier", "invoice", "outcome", "height"),
        [
            (offer["supplier"], offer["invoice"], offer["code"] or "offered", offer["height"] or "")
            for offer in recorded
        ],
        styles=[BAD if offer["code"] else GOOD for offer in recorded],
    )


def commit_plan(
    session: Session, plan: Allocation, expires: str, advance: Callable[[int], None]
) -> list[dict[str, Any]]:
    """Offer what a plan suggests, one after the other; what became of each.

    A refusal of one does not end the others: its code stands in the answer.
    """
    done = []
    for one in prospect.in_order(plan.suited, plan.best.plan):
        outcome: dict[str, Any] = {
            "programme": one.programme,
            "supplier": one.supplier,
            "invoice": one.invoice,
            "code": None,
            "height": None,
            "id": None,
        }
        try:
            quote = session.quote(one.programme, one.supplier, one.invoice).proved
            _check_as_planned(one, quote.terms, plan.mandate)
            recorded = session.submit(offer_of(quote, expires))
        except (NodeProblem, Refused, UsageProblem) as refusal:
            outcome["code"] = refusal.code
        else:
            outcome |= {"height": recorded.height, "id": recorded.id.hex()}
        done.append(outcome)
        advance(1)
    return done


def _check_as_planned(one: Opportunity, terms: QuoteTerms, mandate: Mandate) -> None:
    """Refuse a fresh price that takes more than was planned, or brings less than the mandate asks.

    Raises:
        UsageProblem: `price_moved`.
    """
    rate_ppm = prospect.net_yield(terms)
    if terms.advance > one.most or terms.paid_out > one.cash or rate_ppm < mandate.least_yield_ppm:
        raise UsageProblem(
            "the price has moved since it was planned",
            code="price_moved",
            field=one.invoice,
            found=f"advance {terms.advance}, paid out {terms.paid_out}, net {percent(rate_ppm)}",
            expected=f"at most {one.most} and {one.cash}, at least {percent(mandate.least_yield_ppm)}",
            remedy="Allocate again.",
        )
