"""`tally pledge`: the registry by which lenders of several ledgers do not finance one receivable twice."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from clients.cli.amounts import read_amount, read_day
from clients.cli.options import Json, ProfileFile, ReceiptFile, open_session
from clients.cli.recording import record
from clients.cli.screen import BAD, FAINT, GOOD, Screen, examples
from clients.lending.pledge_tags import Receivable, new_key, read_key, tags
from clients.sdk.questions import answers
from contracts.context import business_day
from contracts.finance.pledge import MAX_REGISTERED_DAYS, STATUS, holders, read_pledge
from ledger.dates import day_from_iso, iso_from_day
from ledger.state.overlay import Reader

Pledge = Annotated[str, typer.Argument(metavar="PLEDGE", help="Your own reference; nothing of the invoice.")]
MembersKey = Annotated[
    Path, typer.Option("--key", "-k", help="File of the key that the registry's members share.")
]
Supplier = Annotated[str, typer.Option(help="Supplier as all members write it: LEI, or SCHEME:VALUE.")]
Buyer = Annotated[str, typer.Option(help="Buyer as all members write it: LEI, or SCHEME:VALUE.")]
InvoiceNumber = Annotated[str, typer.Option("--invoice", help="Invoice number.")]
Amount = Annotated[str, typer.Option(help="Gross amount, such as '1,000.00 EUR'.")]
Issued = Annotated[str, typer.Option(help="Day of issue, YYYY-MM-DD.")]

app = typer.Typer(
    name="pledge",
    help="Register receivables blinded, so that no member of the registry finances one twice.",
    no_args_is_help=True,
)


@app.command(epilog=examples("tally pledge key registry.key"))
def key(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="New file; never overwritten.")],
    json: Json = False,
) -> None:
    """Make the key that members share; hand it to them by another way, never over the ledger."""
    new_key(file)
    screen = Screen(json)
    if not screen.answer({"file": str(file)}):
        screen.line(f"key in {file}, readable by you only; every member of the registry needs it", GOOD)


def _receivable(supplier: str, buyer: str, invoice: str, amount: str, issued: str) -> Receivable:
    gross = read_amount(amount, "--amount")
    day = day_from_iso(read_day(issued, "--issued"))
    return Receivable(supplier, buyer, invoice, gross.currency, gross.amount, day)


@app.command(
    epilog=examples(
        "tally pledge register P-17 --key registry.key --supplier 5493001KJTIIGC8Y1R12 \\",
        "    --buyer VAT:DE123456789 --invoice INV-7 --amount '1,000.00 EUR' --issued 2026-01-05",
    )
)
def register(
    pledge: Pledge,
    key_file: MembersKey,
    supplier: Supplier,
    buyer: Buyer,
    invoice: InvoiceNumber,
    amount: Amount,
    issued: Issued,
    days: Annotated[
        int, typer.Option(min=1, max=MAX_REGISTERED_DAYS, help="Days until it is financed, or void.")
    ] = 7,
    compared: Annotated[
        bool, typer.Option("--compared", help="You compared the documents with the one that is alike.")
    ] = False,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Register a receivable before you finance it (lender); refused if anybody has a claim on it.

    Only two blinded fingerprints go to the ledger.
    """
    number_tag, content_tag = tags(read_key(key_file), _receivable(supplier, buyer, invoice, amount, issued))
    operation = {
        "op": "pledge.register",
        "pledge": pledge,
        "number_tag": number_tag,
        "content_tag": content_tag,
        "days": days,
        "compared": compared,
    }
    record(profile, lambda _: operation, f"Pledge {pledge} registered", receipt=receipt, as_json=json)


@app.command(epilog=examples("tally pledge finance P-17 --profile net/profiles/lender.json"))
def finance(
    pledge: Pledge, profile: ProfileFile = None, receipt: ReceiptFile = None, json: Json = False
) -> None:
    """Say that you have paid for a receivable that you registered (lender)."""
    operation = {"op": "pledge.finance", "pledge": pledge}
    record(profile, lambda _: operation, f"Pledge {pledge} financed", receipt=receipt, as_json=json)


@app.command(epilog=examples("tally pledge release P-17 --profile net/profiles/lender.json"))
def release(
    pledge: Pledge, profile: ProfileFile = None, receipt: ReceiptFile = None, json: Json = False
) -> None:
    """Release a receivable (lender): others may finance it."""
    operation = {"op": "pledge.release", "pledge": pledge}
    record(profile, lambda _: operation, f"Pledge {pledge} released", receipt=receipt, as_json=json)


@app.command(
    epilog=examples(
        "tally pledge check --key registry.key --supplier 5493001KJTIIGC8Y1R12 \\",
        "    --buyer VAT:DE123456789 --invoice INV-7 --amount '1,000.00 EUR' --issued 2026-01-05",
    )
)
def check(
    key_file: MembersKey,
    supplier: Supplier,
    buyer: Buyer,
    invoice: InvoiceNumber,
    amount: Amount,
    issued: Issued,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """Whether anybody has a claim on a receivable; proved, also where nobody has."""
    found_tags = tags(read_key(key_file), _receivable(supplier, buyer, invoice, amount, issued))

    def read(state: Reader) -> dict[str, Any]:
        day = business_day(state)
        return {
            name: [_claim(state, *place) for place in holders(state, tag, day)]
            for name, tag in zip(("same_number", "same_content"), found_tags, strict=True)
        }

    with open_session(profile) as session:
        (found,) = answers(session, [read])
    screen = Screen(json)
    if screen.answer({**found.value, "height": found.height}):
        return
    claims = {name.replace("_", " "): listed for name, listed in found.value.items()}
    if not any(claims.values()):
        screen.line(f"Nobody has a claim on it, proved at height {found.height}.", GOOD)
        return
    screen.line(f"Claimed, proved at height {found.height}:", BAD)
    for name, listed in claims.items():
        for claim in listed:
            screen.line(f"  {name}: {claim['status']} by {claim['lender']}, {claim['pledge']}", FAINT)


def _claim(state: Reader, lender: str, pledge: str) -> dict[str, Any]:
    found = read_pledge(state, lender, pledge)
    assert found is not None, "a holder of a tag is a pledge"
    return {
        "lender": lender,
        "pledge": pledge,
        "status": STATUS.states[found.status],
        "last_day": iso_from_day(found.last_day),
        "compared": bool(found.compared),
    }
