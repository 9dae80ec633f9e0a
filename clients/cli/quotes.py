"""`tally quote`: a provable price."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from clients.cli.amounts import days, money, percent
from clients.cli.options import Json, OutFile, ProfileFile, open_session, save
from clients.cli.screen import GOOD, Screen, examples
from clients.sdk import VerifiedQuote
from clients.verifier import shown
from ledger.dates import iso_from_day

_REASONS = {
    "advance_cap": "held back: advance rate at most",
    "dilution_reserve": "held back for dilution",
    "loss_reserve": "held back for credit losses",
    "yield_reserve": "held back for yield",
    "discount_to_due": "discount to the due date",
    "discount_for_lateness": "discount for expected lateness",
    "discount_floor": "discount up to the lender's floor",
    "fee": "fee",
}


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        epilog=examples(
            "tally quote early-pay acme INV-7 --profile net/profiles/lender.json --out INV-7.quote",
            "tally finance offer INV-7.quote --expires 2026-02-01",
        )
    )(quote)


def quote(
    programme: Annotated[str, typer.Argument(metavar="PROGRAMME", help="The lender's programme.")],
    supplier: Annotated[str, typer.Argument(metavar="SUPPLIER", help="Organisation id of the supplier.")],
    invoice: Annotated[str, typer.Argument(metavar="INVOICE", help="Invoice number.")],
    out: OutFile = None,
    profile: ProfileFile = None,
    json: Json = False,
) -> None:
    """Ask for the price of an invoice and compute it again, here, from proved inputs.

    The file carries the proof of every input, that nobody has a claim on the invoice included;
    anyone can check it without a node: `tally verify`.
    """
    screen = Screen(json)
    with open_session(profile) as session:
        found = session.quote(programme, supplier, invoice)
    if out is not None:
        save(found.data, out, "quote")
    if screen.answer(quote_document(found) | {"file": None if out is None else str(out)}):
        return
    show_quote(screen, found)
    if out is not None:
        screen.note(f"saved in {out}; offer exactly this: tally finance offer {out} --expires YYYY-MM-DD")


def quote_document(found: VerifiedQuote) -> dict[str, Any]:
    """The quote for JSON; amounts in minor units, rates in ppm."""
    return {
        "proved": True,
        "programme": found.programme,
        "lender": found.lender,
        "supplier": found.supplier,
        "buyer": found.proved.inputs.buyer,
        "invoice": found.invoice,
        "height": found.height,
        "expires_height": found.proved.expires_height,
        "terms": shown(found.terms.to_value()),
    }


def show_quote(screen: Screen, found: VerifiedQuote) -> None:
    """The price with its reasons."""
    screen.line(
        f"Invoice {found.invoice} of {found.supplier} under {found.programme} of {found.lender}: "
        f"price recomputed from proved inputs at height {found.height}",
        GOOD,
    )
    terms, currency = found.terms, found.terms.currency
    rows: list[tuple[object, object]] = [("net of the invoice", money(terms.net, currency))]
    rows += [
        (_REASONS.get(name, name), f"-{money(amount, currency)}") for name, amount in terms.reasons if amount
    ]
    rows.append(("paid out now", money(terms.paid_out, currency)))
    rows.append(("reserve, paid when the buyer has paid", money(terms.reserve, currency)))
    screen.table(("", "amount"), rows, right=("amount",))
    screen.facts(quote_facts(found))


def quote_facts(found: VerifiedQuote) -> list[tuple[str, object]]:
    """What the price rests on."""
    terms, currency = found.terms, found.terms.currency
    return [
        ("due", f"{iso_from_day(terms.due_day)}; payment expected after {terms.tenor_days} days"),
        (
            "days beyond terms",
            f"{days(terms.dbt_centidays)} paid, {days(terms.expected_late_centidays)} expected",
        ),
        ("advance rate", percent(terms.advance_rate_ppm)),
        ("yield a year", percent(terms.yield_ppm)),
        ("expected loss", f"{money(terms.expected_loss, currency)}, default {percent(terms.pd_ppm)}"),
    ]
