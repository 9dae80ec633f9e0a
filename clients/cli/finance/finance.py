"""`tally finance`: an invoice is offered for, accepted, paid for; or the offer is withdrawn."""

from __future__ import annotations

from pathlib import Path
from shlex import quote as quoted
from typing import Annotated, Any

import typer

from clients.cli.amounts import money, percent, read_amount, read_day
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
    open_session,
    read_bytes,
    reading,
)
from clients.cli.recording import record, show_recorded, submitted
from clients.cli.screen import Screen, examples
from clients.cli.standing import of_invoice
from clients.sdk import Session
from clients.sdk.questions import answers
from clients.wording import counted
from contracts.finance.claim import Lien, read_lien
from contracts.finance.offer import OfferTerms
from contracts.finance.quote import MAX_QUOTE_BYTES, ProvedQuote, verify_quote
from contracts.pricing import QuoteTerms
from contracts.trade.invoice import RESERVED
from ledger.dates import iso_from_day

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
    screen = Screen(json)
    data = read_bytes(quote, "quote", MAX_QUOTE_BYTES)
    expires = read_day(expires, "--expires")
    with open_session(profile) as session:
        with reading(quote, "quote"):
            proved = verify_quote(data, session.genesis)
        recorded = submitted(session, offer_of(proved, expires), screen, receipt)
    offered = proved.terms
    show_recorded(
        screen,
        recorded,
        f"Offer on {offered.invoice} of {offered.supplier}",
        receipt,
        facts=[
            ("quote", f"{quote}, {offered.quote.hex()}"),
            ("price", f"of {iso_from_day(offered.day)}, revision {offered.revision} of {offered.programme}"),
            ("due", f"{iso_from_day(offered.due_day)}, by {offered.buyer}"),
            *_price_facts(offered),
            ("yield a year", f"{percent(offered.yield_ppm)} for {counted(offered.tenor_days, 'day')}"),
            ("stands until", expires),
        ],
        more={
            "offer": {
                **_price_document(offered),
                "supplier": offered.supplier,
                "invoice": offered.invoice,
                "business_date": iso_from_day(offered.day),
                "due_date": iso_from_day(offered.due_day),
                "expires": expires,
                "yield_ppm": offered.yield_ppm,
                "quote_file": str(quote),
            }
        },
    )
    screen.note(f"Next {offered.supplier} accepts it: tally finance accept {quoted(offered.invoice)}")


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


def _price_facts(price: QuoteTerms | Lien) -> list[tuple[str, object]]:
    """What is paid for an invoice, and when, for people."""
    currency = price.currency
    reserve = [("reserve", f"{money(price.reserve, currency)}, paid when the buyer has paid")]
    return [
        ("net", money(price.net, currency)),
        ("advance", money(price.advance, currency)),
        ("discount, fee", f"{money(price.discount, currency)}, {money(price.fee, currency)}"),
        ("paid out", money(price.paid_out, currency)),
        *(reserve if price.reserve else []),
    ]


def _price_document(price: QuoteTerms | Lien) -> dict[str, Any]:
    """The same for JSON; amounts in minor units."""
    return {
        "lender": price.lender,
        "programme": price.programme,
        "revision": price.revision,
        "buyer": price.buyer,
        "currency": price.currency,
        **offer_terms(price),
        "quote": price.quote.hex(),
    }


def _standing(session: Session, number: str) -> Lien:
    """The offer that stands on the supplier's invoice, proved.

    Raises:
        UsageProblem: `no_offer`, which is proved too.
    """
    supplier = session.profile.organisation
    (answer,) = answers(session, [lambda state: read_lien(state, supplier, number)])
    if answer.value is None or answer.value.title != RESERVED:
        raise _no_offer(number)
    return answer.value


def _no_offer(number: str) -> UsageProblem:
    return UsageProblem(
        "no offer stands on the invoice",
        code="no_offer",
        field="INVOICE",
        found=number,
        remedy="The lender offers first: tally finance offer.",
    )


def offer_terms(terms: QuoteTerms | Lien) -> dict[str, int]:
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

    What is accepted is the price that stands, proved, when the command is given: one that another took the
    place of meanwhile is not. With a quote file it is that quote's price alone, whatever stands by then.
    """
    screen = Screen(json)
    named = None
    with open_session(profile) as session:
        if quote is not None:
            data = read_bytes(quote, "quote", MAX_QUOTE_BYTES)
            with reading(quote, "quote"):
                named = verify_quote(data, session.genesis).terms.quote
        standing = _standing(session, number)
        supplier = session.profile.organisation
        operation = {"op": "finance.accept", "invoice": number, "quote": named or standing.quote}
        recorded = submitted(session, operation, screen, receipt)
    expires, then = iso_from_day(standing.expires), _paid_out(standing, supplier, number)
    lender = f"{standing.lender}, revision {standing.revision} of {standing.programme}"
    show_recorded(
        screen,
        recorded,
        f"Offer on {number} accepted",
        receipt,
        facts=[("lender", lender), *_price_facts(standing), ("to be paid by", expires)],
        more={"offer": {**_price_document(standing), "expires": expires}, "next": then},
    )
    screen.note(f"Next {then}")


def _paid_out(accepted: Lien, supplier: str, number: str) -> str:
    """How the lender of an accepted offer pays for it: by a bank that holds the cash, if it has said so."""
    lender = accepted.lender
    if accepted.settlement:
        reference = f"tally cash settlement show {quoted(accepted.settlement)} --lender {lender}"
        return f"{lender} pays the bank that holds its cash, under the reference of: {reference}"
    attested = f"or a bank attests it: tally finance fund {quoted(number)} -s {supplier} …"
    return f"{lender} pays: tally finance settle {quoted(number)} -s {supplier} --bank BANK, {attested}"


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
            raise _no_offer(number)
        paid = (
            deal["paid_out"] if amount is None else read_amount(amount, "--amount", known["currency"]).amount
        )
        operation = fund_of(known, account=account, entry=entry, date=read_day(date, "--date"), amount=paid)
        return operation if payee is None else {**operation, "payee": payee}

    record(
        profile,
        make,
        f"Payout on {number}",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_invoice(session, supplier, number),
    )


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
    record(
        profile,
        lambda _: operation,
        f"{number} paid and bought",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_invoice(session, supplier, number),
    )


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
    record(
        profile,
        lambda _: operation,
        f"Offer on {number} withdrawn",
        receipt=receipt,
        as_json=json,
        stands=lambda session: of_invoice(session, supplier, number),
    )
