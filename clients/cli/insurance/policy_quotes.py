"""`tally insurance quote`: a policy at the premium that the ledger computes from the buyers' histories."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from clients.cli.amounts import (
    money,
    percent,
    read_amount,
    read_count,
    read_currency,
    read_day,
    read_percent,
)
from clients.cli.exits import UsageProblem
from clients.cli.insurance.covers import PolicyNumber
from clients.cli.options import Json, ProfileFile, ReceiptFile, open_session
from clients.cli.recording import record
from clients.cli.screen import GOOD, Screen, examples
from clients.cli.standing import of_policy
from clients.sdk import Session
from clients.sdk.questions import answers
from contracts import registry
from contracts.context import business_day
from contracts.insurance.premium import PremiumTerms, Priced
from contracts.insurance.underwriting import PolicyQuote, premium_lines
from ledger import codec

app = typer.Typer()


def read_buyers(texts: list[str], currency: str) -> tuple[dict[str, Any], ...]:
    """Limits written BUYER=LIMIT:SUPPLIER[,SUPPLIER…].

    Raises:
        UsageProblem: another form.
    """
    limits = []
    for text in texts:
        buyer, _, rest = text.partition("=")
        amount, _, suppliers = rest.partition(":")
        names = tuple([name.strip() for name in suppliers.split(",") if name.strip()])
        if not buyer.strip() or not amount.strip() or not names:
            raise UsageProblem(
                "not a buyer with its limit",
                code="buyer_limit",
                field="--buyer",
                found=text[:80],
                expected="BUYER=LIMIT:SUPPLIER, such as 'anchor=800,000.00:acme'",
            )
        limit = read_amount(amount, "--buyer", currency).amount
        limits.append({"buyer": buyer.strip(), "limit": limit, "suppliers": names})
    return tuple(limits)


def read_prior(text: str) -> dict[str, int]:
    """The prior of a history, written DEFAULTS/TRIALS.

    Raises:
        UsageProblem: another form.
    """
    defaults, trials = [read_count(part) for part in f"{text}/".split("/")][:2]
    if text.count("/") != 1 or defaults is None or trials is None or defaults >= trials:
        raise UsageProblem(
            "not a prior", code="prior", field="--prior", found=text[:40], expected="such as 3/250"
        )
    return {"pd_prior_defaults": defaults, "pd_prior_survivals": trials - defaults}


@app.command(
    epilog=examples(
        "tally insurance quote POL-1 --assured acme --currency EUR --buyer 'anchor=800,000.00:acme' \\",
        "    --starts 2026-01-05 --ends 2026-12-31 --bind-by 2026-01-20 --maximum 5,000,000.00 \\",
        "    --insured 90 --deductible 5,000.00",
        "tally insurance quote POL-1 … --annual-pd 1.2 --tenor-days 62 --lgd 60 --loading 35 --dry-run",
    )
)
def quote(
    number: PolicyNumber,
    assured: Annotated[str, typer.Option(help="Supplier or lender that is insured.")],
    currency: Annotated[str, typer.Option("--currency", "-c", help="ISO 4217 code.")],
    buyer: Annotated[
        list[str],
        typer.Option(help="BUYER=LIMIT:SUPPLIER[,SUPPLIER…]: whose invoices are insured; for each buyer."),
    ],
    starts: Annotated[str, typer.Option(help="First day on which shipped goods are covered, YYYY-MM-DD.")],
    ends: Annotated[str, typer.Option(help="Last day on which shipped goods are covered.")],
    bind_by: Annotated[str, typer.Option(help="Last day of the quote.")],
    maximum: Annotated[str, typer.Option(help="All indemnities together, at most.")],
    insured: Annotated[str, typer.Option(help="Insured share of a loss in percent.")] = "90",
    deductible: Annotated[str, typer.Option(help="Borne by the assured in each loss.")] = "0.00",
    waiting_days: Annotated[int, typer.Option(help="Days from due date to the filing of a loss.")] = 60,
    notify_days: Annotated[int, typer.Option(help="Days from due date in which to notify.")] = 30,
    loss_payee: Annotated[str | None, typer.Option(help="Lender that is paid first.")] = None,
    annual_pd: Annotated[
        str | None,
        typer.Option(help="Assumed default a year in percent; from the ledger's history if not given."),
    ] = None,
    prior: Annotated[
        str, typer.Option(help="Prior of that history: defaults of buyer-weeks, such as 3/250.")
    ] = "3/250",
    tenor_days: Annotated[int, typer.Option(help="Days for which a limit is in use, with --annual-pd.")] = 62,
    lgd: Annotated[str, typer.Option(help="Loss given default in percent.")] = "60",
    loading: Annotated[str, typer.Option(help="Costs and margin in the premium, in percent.")] = "35",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the premium, record nothing.")] = False,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Quote a policy (insurer) at the premium that the ledger computes from the buyers' histories."""
    code = read_currency(currency, "--currency")
    terms: dict[str, Any] = {
        "tenor_days": tenor_days,
        "lgd_ppm": read_percent(lgd, "--lgd"),
        "loading_ppm": read_percent(loading, "--loading"),
    }
    if annual_pd is None:
        terms |= read_prior(prior)
    else:
        terms |= {"pd_basis": "annual", "pd_annual_ppm": read_percent(annual_pd, "--annual-pd")}
    operation: dict[str, Any] = {
        "op": "policy.quote",
        "policy": number,
        "assured": assured,
        "currency": code,
        "starts": read_day(starts, "--starts"),
        "ends": read_day(ends, "--ends"),
        "bind_by": read_day(bind_by, "--bind-by"),
        "buyers": read_buyers(buyer, code),
        "maximum": read_amount(maximum, "--maximum", code).amount,
        "insured_ppm": read_percent(insured, "--insured"),
        "deductible": read_amount(deductible, "--deductible", code, least=0).amount,
        "waiting_days": waiting_days,
        "notify_days": notify_days,
        "terms": terms,
        "premium": 1,
        **({} if loss_payee is None else {"loss_payee": loss_payee}),
    }
    if dry_run:
        with open_session(profile) as session:
            _show_premium(Screen(json), operation, _priced(session, operation))
        return

    def make(session: Session) -> dict[str, Any]:
        return {**operation, "premium": sum(line.premium for line in _priced(session, operation))}

    record(
        profile,
        make,
        f"Policy {number} quoted",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_policy(session, session.profile.organisation, number),
    )


def _priced(session: Session, operation: dict[str, Any]) -> tuple[Priced, ...]:
    """The premium of each buyer, from proved histories.

    Raises:
        Malformed: a policy that is not well formed.
    """
    model = registry.parse(dict(codec.decode(codec.encode(operation))))
    assert isinstance(model, PolicyQuote), "the operation is a quote"
    (found,) = answers(session, [lambda state: premium_lines(state, model, business_day(state))])
    return found.value


def _show_premium(screen: Screen, operation: dict[str, Any], lines: tuple[Priced, ...]) -> None:
    terms = PremiumTerms.model_validate(operation["terms"])
    currency, total = operation["currency"], sum(line.premium for line in lines)
    document = {
        "policy": operation["policy"],
        "currency": currency,
        "premium": total,
        "proved": True,
        "buyers": [
            {
                "buyer": line.buyer,
                "limit": line.limit,
                "pd_ppm": line.pd_ppm,
                "premium": line.premium,
                "reason": line.reason(terms),
            }
            for line in lines
        ],
    }
    if screen.answer(document):
        return
    screen.table(
        ("buyer", "limit", "default", "premium", "because"),
        [
            (
                line.buyer,
                money(line.limit, currency),
                percent(line.pd_ppm),
                money(line.premium, currency),
                line.reason(terms),
            )
            for line in lines
        ],
        right=("limit", "default", "premium"),
    )
    screen.line(f"{money(total, currency)} premium, computed from proved histories; nothing recorded", GOOD)
