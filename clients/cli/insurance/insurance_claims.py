"""`tally insurance` on a claim, from the notice of an overdue invoice to shared recoveries."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from clients.cli.amounts import money, read_amount, read_day
from clients.cli.exits import UsageProblem
from clients.cli.insurance.covers import InsurerOption, InvoiceNumber, PolicyOption, Shipments
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
    SupplierOption,
    load_profile,
    open_session,
    save,
)
from clients.cli.recording import record
from clients.cli.screen import GOOD, Screen, examples
from clients.cli.standing import of_claim
from clients.sdk import Session
from clients.sdk.questions import ask
from contracts.insurance.insurance_views import claim_sentence

ClaimNumber = Annotated[str, typer.Argument(metavar="CLAIM", help="Claim number, as the assured writes it.")]
AssuredOption = Annotated[str, typer.Option("--assured", "-a", help="Organisation id of the assured.")]

app = typer.Typer()


@app.command(
    epilog=examples(
        "tally insurance notify L-1 INV-7 --supplier acme --policy POL-1 --insurer cover --shipment S-7"
    )
)
def notify(
    number: ClaimNumber,
    invoice: InvoiceNumber,
    supplier: SupplierOption,
    policy: PolicyOption,
    insurer: InsurerOption,
    shipment: Shipments = None,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Notify an overdue invoice (assured), within the policy's clock, or cover is void."""
    operation = {
        "op": "claim.notify",
        "claim": number,
        "insurer": insurer,
        "policy": policy,
        "supplier": supplier,
        "invoice": invoice,
        "shipments": tuple(shipment or ()),
    }
    record(
        profile,
        lambda _: operation,
        f"Claim {number} notified",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_claim(session, session.profile.organisation, number),
    )


def _say(
    step: str, number: str, says: str, profile: Path | None, receipt: Path | None, json: bool, **more: str
) -> None:
    operation = {"op": f"claim.{step}", "claim": number, **more}
    record(
        profile,
        lambda _: operation,
        f"Claim {number} {says}",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_claim(session, more.get("assured", session.profile.organisation), number),
    )


@app.command(epilog=examples("tally insurance acknowledge L-1 --assured acme -p net/profiles/cover.json"))
def acknowledge(
    number: ClaimNumber,
    assured: AssuredOption,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Acknowledge a notification (insurer): the waiting period runs."""
    _say("acknowledge", number, "acknowledged", profile, receipt, json, assured=assured)


@app.command(epilog=examples("tally insurance file L-1 --profile net/profiles/acme.json"))
def file(
    number: ClaimNumber, profile: ProfileFile = None, receipt: ReceiptFile = None, json: Json = False
) -> None:
    """File the loss (assured), once the waiting period is over."""
    _say("file", number, "filed", profile, receipt, json)


@app.command(
    epilog=examples(
        "tally insurance accept L-1 --assured acme --profile net/profiles/cover.json",
        "tally insurance accept L-1 --assured acme --indemnity 715,500.00 -p net/profiles/cover.json",
    )
)
def accept(
    number: ClaimNumber,
    assured: AssuredOption,
    indemnity: Annotated[
        str | None, typer.Option(help="The indemnity that you expect; the ledger's of today if not given.")
    ] = None,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Accept a claim (insurer) at the indemnity that the ledger computes: the loss is fixed."""

    def make(session: Session) -> dict[str, Any]:
        known = _claim(session, assured, number)
        promised = known["indemnity_today"]
        if indemnity is not None:
            promised = read_amount(indemnity, "--indemnity", known["currency"]).amount
        if not promised:
            raise UsageProblem(
                "no indemnity to promise",
                code="nothing_to_indemnify",
                field="CLAIM",
                found=known["status"],
                expected="a filed claim with a loss within limit and deductible",
                remedy="Look at loss and limit: tally insurance cover.",
            )
        return {"op": "claim.accept", "claim": number, "assured": assured, "indemnity": promised}

    record(
        profile,
        make,
        f"Claim {number} accepted",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_claim(session, assured, number),
    )


@app.command(epilog=examples("tally insurance reject L-1 --assured acme --reason 'no proof of delivery'"))
def reject(
    number: ClaimNumber,
    assured: AssuredOption,
    reason: Reason,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Reject a claim with a reason (insurer)."""
    _say("reject", number, "rejected", profile, receipt, json, assured=assured, reason=reason)


@app.command(epilog=examples("tally insurance dispute L-1 --reason 'the receipt is on the ledger'"))
def dispute(
    number: ClaimNumber,
    reason: Reason,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Dispute a rejection (assured): the insurer decides again."""
    _say("dispute", number, "disputed", profile, receipt, json, reason=reason)


@app.command(epilog=examples("tally insurance withdraw L-1 --profile net/profiles/acme.json"))
def withdraw(
    number: ClaimNumber, profile: ProfileFile = None, receipt: ReceiptFile = None, json: Json = False
) -> None:
    """Withdraw a claim that is not paid (assured): the buyer has paid, say."""
    _say("withdraw", number, "withdrawn", profile, receipt, json)


@app.command(
    epilog=examples("tally insurance indemnify L-1 --assured acme --bank bank -p net/profiles/cover.json")
)
def indemnify(
    number: ClaimNumber,
    assured: AssuredOption,
    bank: CommonBank,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Pay an accepted claim out of your deposit (insurer); what came in before is set off."""
    operation = {"op": "indemnity.pay", "claim": number, "assured": assured, "bank": bank}
    record(
        profile,
        lambda _: operation,
        f"Claim {number} paid",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_claim(session, assured, number),
    )


@app.command(
    epilog=examples(
        "tally insurance indemnified L-1 --assured acme --account DE75… --entry 4713 --date 2026-06-25 \\",
        "    --profile net/profiles/bank.json",
    )
)
def indemnified(
    number: ClaimNumber,
    assured: AssuredOption,
    account: BookedAccount,
    entry: BankEntry,
    date: BookingDay,
    amount: Annotated[str | None, typer.Option(help="What was booked; what is due if not given.")] = None,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Attest that the insurer paid an accepted claim (settlement bank)."""
    booked = {"account": account, "entry": entry, "date": read_day(date, "--date")}

    def make(session: Session) -> dict[str, Any]:
        known = _claim(session, assured, number)
        paid = _booked(amount, known["indemnity"] - known["to_cede"], known["currency"])
        return {"op": "indemnity.attest", "claim": number, "assured": assured, **booked, "amount": paid}

    record(
        profile,
        make,
        f"Payment of claim {number}",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_claim(session, assured, number),
    )


@app.command(epilog=examples("tally insurance subrogate L-1 --profile net/profiles/acme.json"))
def subrogate(
    number: ClaimNumber, profile: ProfileFile = None, receipt: ReceiptFile = None, json: Json = False
) -> None:
    """Hand your rights against the buyer over, up to the indemnity (assured)."""
    _say("subrogate", number, "subrogated", profile, receipt, json)


@app.command(epilog=examples("tally insurance recover L-1 --bank bank --profile net/profiles/acme.json"))
def recover(
    number: ClaimNumber,
    bank: CommonBank,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Cede the insurer its part of what came in, out of your deposit (assured)."""
    own = load_profile(profile).organisation
    operation = {"op": "recovery.cede", "claim": number, "assured": own, "bank": bank}
    record(
        profile,
        lambda _: operation,
        f"Recovery on {number} shared",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_claim(session, own, number),
    )


@app.command(
    epilog=examples(
        "tally insurance recovered L-1 --assured acme --account DE75… --entry 4714 --date 2026-07-01 \\",
        "    --profile net/profiles/bank.json",
    )
)
def recovered(
    number: ClaimNumber,
    assured: AssuredOption,
    account: BookedAccount,
    entry: BankEntry,
    date: BookingDay,
    amount: Annotated[str | None, typer.Option(help="What was booked; what is due if not given.")] = None,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Attest that the insurer's part of recoveries was paid (settlement bank)."""
    booked = {"account": account, "entry": entry, "date": read_day(date, "--date")}

    def make(session: Session) -> dict[str, Any]:
        known = _claim(session, assured, number)
        paid = _booked(amount, known["to_cede"], known["currency"])
        return {"op": "recovery.attest", "claim": number, "assured": assured, **booked, "amount": paid}

    record(
        profile,
        make,
        f"Recovery on claim {number}",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_claim(session, assured, number),
    )


def _booked(amount: str | None, due: int, currency: str) -> int:
    """Minor units that a bank attests: what it says, or what is due.

    Raises:
        UsageProblem: nothing is due, and no amount was given.
    """
    if amount is not None:
        return read_amount(amount, "--amount", currency).amount
    if due <= 0:
        raise UsageProblem("nothing is due on the claim", code="nothing_due", field="CLAIM", found=due)
    return due


def _claim(session: Session, assured: str, number: str) -> dict[str, Any]:
    return ask(session, "claim", assured, number).view


@app.command(
    epilog=examples(
        "tally insurance claim L-1 --profile net/profiles/acme.json",
        "tally insurance claim L-1 --assured acme --out L-1.claim --profile net/profiles/cover.json",
    )
)
def claim(
    number: ClaimNumber,
    assured: Annotated[str, typer.Option("--assured", "-a", help="Whose claim; yours if not given.")] = "",
    out: OutFile = None,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """Show a claim from proved state: loss, indemnity, what came in, and what of it is the insurer's."""
    screen = Screen(json)
    whose = assured or load_profile(profile).organisation
    with open_session(profile) as session:
        found = ask(session, "claim", whose, number)
    if out is not None:
        save(found.data, out, "proof of the claim")
    view = found.view
    document = {**view, "proved": True, "height": found.height, "file": None if out is None else str(out)}
    if screen.answer(document):
        return
    currency, today = view["currency"], view["indemnity_today"]
    screen.line(f"{number} of {whose}: {claim_sentence(view)}", GOOD)
    sums = ("limit", "loss", "indemnity", "paid", "recovered", "ceded", "to_cede")
    screen.facts(
        [
            ("policy", f"{view['policy']} of {view['insurer']}"),
            ("notified", view["notified"]),
            ("filed", view["filed"] or "not yet"),
            *([("may be filed from", view["file_from"])] if view["file_from"] else []),
            *((name.replace("_", " "), money(view[name], currency)) for name in sums),
            *([] if today is None else [("if decided today", money(today, currency))]),
            ("reason", view["reason"] or "none"),
            ("proved at height", found.height),
        ]
    )


@app.command(
    epilog=examples(
        "tally insurance claims --insurer cover --status Filed",
        "tally insurance claims --assured acme --json",
    )
)
def claims(
    assured: Annotated[str | None, typer.Option("--assured", "-a", help="Only of this assured.")] = None,
    insurer: Annotated[str | None, typer.Option("--insurer", "-i", help="Only against this insurer.")] = None,
    status: Annotated[str | None, typer.Option(help="Only in this state, such as Filed.")] = None,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """List claims, as a node tells them (not proved)."""
    screen = Screen(json)
    query = {"assured": assured, "insurer": insurer, "status": status}
    with open_session(profile) as session:
        found = list(session.pages("/insurance-claims", "claims", **query))
    if screen.answer({"claims": found}):
        return
    screen.table(
        ("assured", "claim", "insurer", "policy", "invoice", "status", "loss", "indemnity", "to cede"),
        [
            (
                *(entry[name] for name in ("assured", "claim", "insurer", "policy")),
                f"{entry['invoice']} of {entry['supplier']}",
                entry["status"],
                *(money(entry[name], entry["currency"]) for name in ("loss", "indemnity", "to_cede")),
            )
            for entry in found
        ],
        right=("loss", "indemnity", "to cede"),
    )
