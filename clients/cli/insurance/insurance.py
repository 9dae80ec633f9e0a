"""`tally insurance`: policies; `policy_quotes`, `covers` and `insurance_claims` have its other commands."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from clients.cli.amounts import money, percent, read_amount, read_day
from clients.cli.insurance import covers, insurance_claims, policy_quotes
from clients.cli.insurance.covers import InsurerOption, PolicyNumber
from clients.cli.options import (
    BankEntry,
    BookedAccount,
    BookingDay,
    CommonBank,
    Json,
    OutFile,
    ProfileFile,
    Reason,
    ReceiptFile,
    open_session,
    save,
)
from clients.cli.recording import record
from clients.cli.screen import GOOD, Screen, examples
from clients.cli.standing import of_policy
from clients.sdk import Session
from clients.sdk.questions import ask
from clients.wording import counted
from contracts.insurance.insurance_views import policy_sentence

app = typer.Typer(
    name="insurance", help="Credit insurance: policies, cover of an invoice, claims.", no_args_is_help=True
)
app.add_typer(policy_quotes.app)
app.add_typer(covers.app)
app.add_typer(insurance_claims.app)


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

    record(
        profile,
        make,
        f"Policy {number} bound",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_policy(session, insurer, number),
    )


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
    record(
        profile,
        lambda _: operation,
        f"Premium of {number} paid",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_policy(session, insurer, number),
    )


@app.command(
    epilog=examples(
        "tally insurance premium-paid POL-1 --insurer cover --account DE75… --entry 4711 \\",
        "    --date 2026-01-09 --profile net/profiles/bank.json",
    )
)
def premium_paid(
    number: PolicyNumber,
    insurer: InsurerOption,
    account: BookedAccount,
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

    record(
        profile,
        make,
        f"Premium of {number}",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_policy(session, insurer, number),
    )


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
    record(
        profile,
        lambda _: operation,
        f"Policy {number} suspended",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_policy(session, session.profile.organisation, number),
    )


@app.command(epilog=examples("tally insurance resume POL-1 --profile net/profiles/cover.json"))
def resume(
    number: PolicyNumber, profile: ProfileFile = None, receipt: ReceiptFile = None, json: Json = False
) -> None:
    """Resume cover for what is shipped from tomorrow on (insurer)."""
    operation = {"op": "policy.resume", "policy": number}
    record(
        profile,
        lambda _: operation,
        f"Policy {number} resumed",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_policy(session, session.profile.organisation, number),
    )


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

    record(
        profile,
        make,
        f"Limit of {buyer} under {number}",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_policy(session, session.profile.organisation, number),
    )


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
            ("notify within", f"{counted(view['notify_days'], 'day')} of the due date"),
            ("file after", f"{counted(view['waiting_days'], 'day')} from the due date"),
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
