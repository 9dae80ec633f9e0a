"""`tally insurance`: policies, from quote to expiry; `insurance_claims` has cover and claims."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from clients.cli import insurance_claims
from clients.cli.amounts import money, percent, read_amount, read_currency, read_day, read_percent
from clients.cli.exits import UsageProblem
from clients.cli.insurance_claims import (
    Account,
    BankEntry,
    BookingDay,
    InsurerOption,
    PolicyNumber,
    Reason,
)
from clients.cli.options import CommonBank, Json, OutFile, ProfileFile, ReceiptFile, open_session, save
from clients.cli.recording import record
from clients.cli.screen import GOOD, Screen, examples
from clients.sdk import Session
from clients.sdk.questions import answers, ask
from contracts import registry
from contracts.context import business_day
from contracts.insurance_views import policy_sentence
from contracts.premium import PremiumTerms, Priced
from contracts.underwriting import PolicyQuote, premium_lines
from ledger import codec

app = typer.Typer(
    name="insurance", help="Credit insurance: policies, cover of an invoice, claims.", no_args_is_help=True
)
app.add_typer(insurance_claims.app)


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
    parts = text.split("/")
    if len(parts) != 2 or not all(part.isascii() and part.isdigit() for part in parts):
        parts = ["1", "0"]
    defaults, trials = (int(part[:9]) for part in parts)
    if defaults >= trials:
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

    record(profile, make, f"Policy {number} quoted", receipt=receipt, as_json=json)


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


def _policy(session: Session, insurer: str, number: str) -> dict[str, Any]:
    return ask(session, "policy", insurer, number).view


@app.command(
    epilog=examples("tally insurance bind POL-1 --insurer cover --premium 1,354.73 -p net/profiles/acme.json")
)
def bind(
    number: PolicyNumber,
    insurer: InsurerOption,
    premium: Annotated[str, typer.Option(help="The premium that you agree to; `show` has it.")],
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Take a quote (assured); cover begins once the premium is paid."""

    def make(session: Session) -> dict[str, Any]:
        currency = _policy(session, insurer, number)["currency"]
        agreed = read_amount(premium, "--premium", currency).amount
        return {"op": "policy.bind", "policy": number, "insurer": insurer, "premium": agreed}

    record(profile, make, f"Policy {number} bound", receipt=receipt, as_json=json)


@app.command(epilog=examples("tally insurance pay-premium POL-1 --insurer cover --bank bank"))
def pay_premium(
    number: PolicyNumber,
    insurer: InsurerOption,
    bank: CommonBank,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Pay the premium out of your deposit (assured): cover begins."""
    operation = {"op": "premium.pay", "policy": number, "insurer": insurer, "bank": bank}
    record(profile, lambda _: operation, f"Premium of {number} paid", receipt=receipt, as_json=json)


@app.command(
    epilog=examples(
        "tally insurance premium-paid POL-1 --insurer cover --account DE75… --entry 4711 \\",
        "    --date 2026-01-09 --profile net/profiles/bank.json",
    )
)
def premium_paid(
    number: PolicyNumber,
    insurer: InsurerOption,
    account: Account,
    entry: BankEntry,
    date: BookingDay,
    amount: Annotated[str | None, typer.Option(help="What was booked; the premium if not given.")] = None,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Attest that the premium was paid (settlement bank): cover begins."""

    def make(session: Session) -> dict[str, Any]:
        known = _policy(session, insurer, number)
        paid = known["premium"]
        if amount is not None:
            paid = read_amount(amount, "--amount", known["currency"]).amount
        return {
            "op": "premium.attest",
            "policy": number,
            "insurer": insurer,
            "account": account,
            "entry": entry,
            "date": read_day(date, "--date"),
            "amount": paid,
        }

    record(profile, make, f"Premium of {number}", receipt=receipt, as_json=json)


@app.command(epilog=examples("tally insurance suspend POL-1 --reason 'declarations are missing'"))
def suspend(
    number: PolicyNumber,
    reason: Reason,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Suspend cover for what is shipped from tomorrow on (insurer)."""
    operation = {"op": "policy.suspend", "policy": number, "reason": reason}
    record(profile, lambda _: operation, f"Policy {number} suspended", receipt=receipt, as_json=json)


@app.command(epilog=examples("tally insurance resume POL-1 --profile net/profiles/cover.json"))
def resume(
    number: PolicyNumber, profile: ProfileFile = None, receipt: ReceiptFile = None, json: Json = False
) -> None:
    """Resume cover for what is shipped from tomorrow on (insurer)."""
    operation = {"op": "policy.resume", "policy": number}
    record(profile, lambda _: operation, f"Policy {number} resumed", receipt=receipt, as_json=json)


@app.command(
    epilog=examples(
        "tally insurance limit POL-1 anchor 500,000.00 --profile net/profiles/cover.json",
        "tally insurance limit POL-1 anchor 0.00 --profile net/profiles/cover.json   (withdrawn)",
    )
)
def limit(
    number: PolicyNumber,
    buyer: Annotated[str, typer.Argument(metavar="BUYER", help="Organisation id of the buyer.")],
    amount: Annotated[str, typer.Argument(metavar="LIMIT", help="New limit, below the present one.")],
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Lower a buyer's limit for what is shipped from tomorrow on (insurer); what has left keeps its own."""

    def make(session: Session) -> dict[str, Any]:
        currency = _policy(session, session.profile.organisation, number)["currency"]
        lowered = read_amount(amount, "LIMIT", currency, least=0).amount
        return {"op": "policy.limit", "policy": number, "buyer": buyer, "limit": lowered}

    record(profile, make, f"Limit of {buyer} under {number}", receipt=receipt, as_json=json)


@app.command(
    epilog=examples(
        "tally insurance show POL-1 --insurer cover",
        "tally insurance show POL-1 --insurer cover --out POL-1.policy",
        "tally verify POL-1.policy --genesis net/genesis.block",
    )
)
def show(
    number: PolicyNumber,
    insurer: InsurerOption,
    out: OutFile = None,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """Show a policy from proved state: conditions, limits with their days, what is left."""
    screen = Screen(json)
    with open_session(profile) as session:
        found = ask(session, "policy", insurer, number)
    if out is not None:
        save(found.data, out, "proof of the policy")
    view = found.view
    document = {**view, "proved": True, "height": found.height, "file": None if out is None else str(out)}
    if screen.answer(document):
        return
    currency = view["currency"]
    screen.line(f"{number} of {insurer}: {policy_sentence(view)}", GOOD)
    screen.facts(
        [
            ("premium", money(view["premium"], currency)),
            ("bind by", view["bind_by"]),
            ("goods shipped", f"{view['covers_from'] or view['starts']} to {view['ends']}"),
            ("covers from", view["covers_from"] or "the premium's payment"),
            *(
                ("suspended", f"{pause['from']} until {pause['until'] or 'further notice'}")
                for pause in view["suspended"]
            ),
            ("insured share", percent(view["insured_ppm"])),
            ("deductible", money(view["deductible"], currency)),
            ("maximum", money(view["maximum"], currency)),
            ("promised", money(view["promised"], currency)),
            ("notify within", f"{view['notify_days']} days of the due date"),
            ("file after", f"{view['waiting_days']} days from the due date"),
            ("loss payee", view["loss_payee"] or "none"),
            ("proved at height", found.height),
        ]
    )
    screen.table(
        ("buyer", "suppliers", "limit", "used", "premium", "limits by day of shipment"),
        [
            (
                entry["buyer"],
                ", ".join(entry["suppliers"]),
                money(entry["limit"], currency),
                money(entry["used"], currency),
                money(entry["premium"], currency),
                "; ".join(f"{step['from']}: {money(step['limit'], currency)}" for step in entry["limits"]),
            )
            for entry in view["buyers"]
        ],
        right=("limit", "used", "premium"),
    )


@app.command(
    name="list",
    epilog=examples("tally insurance list", "tally insurance list --insurer cover --assured acme --json"),
)
def list_policies(
    insurer: Annotated[str | None, typer.Option(help="Only policies of this insurer.")] = None,
    assured: Annotated[str | None, typer.Option(help="Only policies that insure this organisation.")] = None,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """List policies, as a node tells them (not proved)."""
    screen = Screen(json)
    with open_session(profile) as session:
        found = list(session.pages("/policies", "policies", insurer=insurer, assured=assured))
    if screen.answer({"policies": found}):
        return
    screen.table(
        ("insurer", "policy", "assured", "status", "maximum", "promised", "premium", "ends"),
        [
            (
                entry["insurer"],
                entry["policy"],
                entry["assured"],
                entry["status"],
                *(money(entry[name], entry["currency"]) for name in ("maximum", "promised", "premium")),
                entry["ends"],
            )
            for entry in found
        ],
        right=("maximum", "promised", "premium"),
    )
