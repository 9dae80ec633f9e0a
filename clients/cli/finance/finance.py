"""`tally finance`: an invoice is offered for, accepted, paid for; or the offer is withdrawn."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from clients.cli.amounts import read_amount, read_day
from clients.cli.exits import UsageProblem
from clients.cli.options import (
    BankEntry,
    BookedAccount,
    BookingDay,
    CommonBank,
    InvoiceArgument,
    Json,
    ProfileFile,
    ReceiptFile,
    SupplierOption,
    read_bytes,
    reading,
)
from clients.cli.recording import record
from clients.cli.screen import examples
from clients.sdk import Session
from contracts.finance.offer import OfferTerms
from contracts.finance.quote import MAX_QUOTE_BYTES, ProvedQuote, verify_quote
from contracts.pricing import QuoteTerms

app = typer.Typer(name="finance", help="Offer, accept, fund and withdraw finance.", no_args_is_help=True)


@app.command(
    epilog=examples("tally finance offer INV-7.quote --expires 2026-02-01 --profile net/profiles/lender.json")
)
def offer(
    quote: Annotated[Path, typer.Argument(metavar="QUOTEFILE", help="What `tally quote --out` saved.")],
    expires: Annotated[str, typer.Option(help="Last business date of the offer, YYYY-MM-DD.")],
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Offer exactly a quote's price (lender): verified here first, computed again by the ledger."""
    data = read_bytes(quote, "quote", MAX_QUOTE_BYTES)
    expires = read_day(expires, "--expires")

    def make(session: Session) -> dict[str, Any]:
        with reading(quote, "quote"):
            return offer_of(verify_quote(data, session.genesis), expires)

    record(profile, make, "Offer", receipt=receipt, as_json=json)


def offer_of(quote: ProvedQuote, expires: str) -> dict[str, Any]:
    """The offer that binds exactly this quote."""
    return {
        "op": "finance.offer",
        "programme": quote.programme,
        "supplier": quote.inputs.supplier,
        "invoice": quote.inputs.invoice,
        "expires": expires,
        "terms": offer_terms(quote.terms),
        "quote": quote.terms.quote,
    }


def _standing(session: Session, number: str) -> bytes:
    """Digest of the price that is offered for the supplier's invoice; empty if none is that has one."""
    deal = session.invoice(session.profile.organisation, number)["finance"]
    return bytes.fromhex(deal["quote"] or "") if deal is not None and deal["stage"] == "Offered" else b""


def offer_terms(terms: QuoteTerms) -> dict[str, int]:
    """The part of a quote's terms that an offer states."""
    return {name: getattr(terms, name) for name in OfferTerms.model_fields}


@app.command(
    epilog=examples(
        "tally finance accept INV-7 --profile net/profiles/acme.json",
        "tally finance accept INV-7 --quote INV-7.quote --profile net/profiles/acme.json",
    )
)
def accept(
    number: InvoiceArgument,
    quote: Annotated[
        Path | None, typer.Option("--quote", help="Accept exactly this quote's price, and no other offer.")
    ] = None,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Accept the offer that stands on an invoice (supplier).

    What is accepted is the price that stands when the command is given: one that another took the place
    of meanwhile is not. With a quote file it is that quote's price alone, whatever stands by then.
    """
    data = None if quote is None else read_bytes(quote, "quote", MAX_QUOTE_BYTES)

    def make(session: Session) -> dict[str, Any]:
        if quote is None or data is None:
            named = _standing(session, number)
        else:
            with reading(quote, "quote"):
                named = verify_quote(data, session.genesis).terms.quote
        return {"op": "finance.accept", "invoice": number, "quote": named}

    record(profile, make, f"Offer on {number} accepted", receipt=receipt, as_json=json)


@app.command(
    epilog=examples(
        "tally finance fund INV-7 --supplier acme --account DE75… --entry 4711 --date 2026-01-09 \\",
        "    --profile net/profiles/bank.json",
    )
)
def fund(
    number: InvoiceArgument,
    supplier: SupplierOption,
    account: BookedAccount,
    entry: BankEntry,
    date: BookingDay,
    amount: Annotated[str | None, typer.Option(help="What was paid out; the offer's if not given.")] = None,
    payee: Annotated[
        str | None,
        typer.Option(help="Account it was paid to; needed if the supplier has a payee account."),
    ] = None,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Attest the payout (settlement bank): cash and title move together."""

    def make(session: Session) -> dict[str, Any]:
        known = session.invoice(supplier, number)
        deal = known["finance"]
        if deal is None:
            raise UsageProblem(
                "no offer stands on the invoice",
                code="no_offer",
                field="INVOICE",
                found=number,
                remedy="The lender offers first: tally finance offer.",
            )
        paid = (
            deal["paid_out"] if amount is None else read_amount(amount, "--amount", known["currency"]).amount
        )
        operation = fund_of(known, account=account, entry=entry, date=read_day(date, "--date"), amount=paid)
        return operation if payee is None else {**operation, "payee": payee}

    record(profile, make, f"Payout on {number}", receipt=receipt, as_json=json)


def fund_of(invoice: dict[str, Any], *, account: str, entry: str, date: str, amount: int) -> dict[str, Any]:
    """The operation that funds the offer on an invoice, from its view."""
    return {
        "op": "finance.fund",
        "account": account,
        "entry": entry,
        "date": date,
        "invoice": invoice["invoice"],
        "supplier": invoice["supplier"],
        "lender": invoice["finance"]["lender"],
        "amount": amount,
    }


@app.command(
    epilog=examples(
        "tally finance settle INV-7 --supplier acme --bank bank --profile net/profiles/lender.json"
    )
)
def settle(
    number: InvoiceArgument,
    supplier: SupplierOption,
    bank: CommonBank,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Pay for an accepted offer out of your deposit (lender): cash and title move together."""
    operation = {"op": "finance.settle", "supplier": supplier, "invoice": number, "bank": bank}
    record(profile, lambda _: operation, f"{number} paid and bought", receipt=receipt, as_json=json)


@app.command(
    epilog=examples("tally finance withdraw INV-7 --supplier acme --profile net/profiles/lender.json")
)
def withdraw(
    number: InvoiceArgument,
    supplier: SupplierOption,
    profile: ProfileFile = None,
    receipt: ReceiptFile = None,
    json: Json = False,
) -> None:
    """Take back an offer (lender), or decline it (supplier), before it is accepted."""
    operation = {"op": "finance.withdraw", "supplier": supplier, "invoice": number}
    record(profile, lambda _: operation, f"Offer on {number} withdrawn", receipt=receipt, as_json=json)
