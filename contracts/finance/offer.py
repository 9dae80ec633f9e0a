"""Offers of finance: a lender offers to buy a receivable, the supplier accepts, or the reservation ends.

The claim itself is in `contracts.finance.claim`; it is paid for in `contracts.finance.funding`.

| title | from | by |
|---|---|---|
| Reserved | Free | the lender's offer, at the price that the ledger computes |
| Free | Reserved | withdrawal, expiry, or any change of the invoice before funding |

Offer and acceptance name the quote by the digest of what it binds (`pricing.price.BOUND`): parties, business
date, revision of the programme, model in force and every figure. The ledger prices the invoice again from its
newest state, so an offer that names a quote of another day, revision or model, or of an invoice on which
somebody has a claim by now, is refused; and a lender cannot withdraw an offer and put a worse one in the way
of an acceptance.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from contracts import expiry, invariants
from contracts.cash import settlement
from contracts.cash.settlement import Settlement, SettlementCreate
from contracts.context import Context
from contracts.errors import refuse
from contracts.fields import (
    Amount,
    Date,
    InvoiceNumber,
    Operation,
    OrganisationId,
    Part,
    PositiveAmount,
    ProgrammeId,
    QuoteDigest,
)
from contracts.finance import eligibility, request
from contracts.finance.claim import Lien, check_rounds, expose, expose_lender, lien_key, read_lien
from contracts.finance.pricer import priced, read_basis
from contracts.finance.programme import own_programme
from contracts.parties.identity import BANK
from contracts.pricing import QuoteTerms
from contracts.trade.invoice import FREE, RESERVED, TITLE, Invoice, live_invoice, write_invoice
from ledger.dates import iso_from_day
from ledger.money import PPM, Money, divide_down

OFFER = "offer"
"""What a reservation is called among the things that expire."""


class OfferTerms(Part):
    """The price as quoted; an offer is refused unless the ledger computes exactly this."""

    net: PositiveAmount = Field(description="net bought; minor units")
    tenor_days: int = Field(ge=0, le=3_660, description="days until payment is expected")
    advance: Amount = Field(description="minor units")
    reserve: Amount = Field(description="net - advance, the supplier's when the buyer has paid; minor units")
    discount: Amount = Field(description="minor units")
    fee: Amount = Field(description="minor units")
    paid_out: PositiveAmount = Field(description="advance - discount - fee; minor units")


class FinanceOffer(Operation):
    """A lender offers to buy a confirmed invoice; title is reserved for it until the offer expires."""

    op: Literal["finance.offer"]
    programme: ProgrammeId
    supplier: OrganisationId
    invoice: InvoiceNumber
    expires: Date = Field(description="last business date on which the offer stands; ISO text YYYY-MM-DD")
    terms: OfferTerms
    quote: QuoteDigest = b""


class FinanceAccept(Operation):
    """A supplier accepts the offer that stands on its invoice."""

    op: Literal["finance.accept"]
    invoice: InvoiceNumber
    quote: QuoteDigest = b""


class FinanceWithdraw(Operation):
    """A lender takes back an offer that the supplier has not accepted."""

    op: Literal["finance.withdraw"]
    supplier: OrganisationId
    invoice: InvoiceNumber


def offer(context: Context, operation: FinanceOffer) -> None:
    """Offered by the lender: title and limit are reserved in the same operation."""
    supplier, number = operation.supplier, operation.invoice
    programme, lender = own_programme(context, operation.programme), context.actor
    expiry.check_last_day(context, operation.expires)
    basis = read_basis(context.state, supplier, number, operation.programme)
    terms, quote = basis.terms, priced(basis)
    _check_quote(operation.terms, quote)
    _check_digest(operation.quote, quote.quote)
    invoice = live_invoice(context, supplier, number)
    _check_before_due(operation.expires, invoice)
    check_rounds(context.state, supplier, number)
    lien = Lien(
        RESERVED,
        lender,
        operation.programme,
        programme.revision,
        invoice.buyer,
        invoice.currency,
        context.day,
        operation.expires,
        0,
        quote.net,
        quote.tenor_days,
        quote.advance,
        quote.reserve,
        quote.discount,
        quote.fee,
        quote.paid_out,
        quote.advance_rate_ppm,
        terms.discount_rate_ppm,
        terms.day_count,
        int(terms.credit_note_rule == "restore"),
        pledges=int(terms.security == "pledge"),
        recourse_days=terms.recourse_days,
        default_days=terms.default_days,
        costs_limit=divide_down(quote.net * terms.costs_ppm, PPM),
        quote=quote.quote,
        late_ppm=quote.late_ppm,
    )
    invariants.purchase_adds_up(lien.net, lien.advance, lien.reserve)
    invariants.one_claim(invoice.title == FREE, read_lien(context.state, supplier, number))
    owed = (supplier, lien.buyer, lien.currency)
    exposed = expose_lender(context, (lender, lien.programme), owed, (lien.advance, 0))
    invariants.within_limit(*exposed, terms.limit_of(invoice.buyer) or 0)
    eligibility.within_limits(context.state, lien.programme, basis.rules, (supplier, lien.currency))
    expiry.schedule(context, (OFFER, supplier, number), operation.expires)
    context.put(lien_key(supplier, number), tuple(lien))
    title = TITLE.after(invoice.title, operation.op)
    write_invoice(context, supplier, number, invoice._replace(title=title))


def _check_before_due(last_day: int, invoice: Invoice) -> None:
    """What is due is not financed: an offer that stood longer could be paid for when it is."""
    if last_day >= invoice.due_day:
        raise refuse(
            "past_due",
            "it would stand when the invoice is due",
            field="expires",
            found=iso_from_day(last_day),
            expected=f"before {iso_from_day(invoice.due_day)}",
        )


def _check_quote(offered: OfferTerms, quote: QuoteTerms) -> None:
    for name in OfferTerms.model_fields:
        if getattr(offered, name) != getattr(quote, name):
            raise refuse(
                "quote_stale",
                "not the price of today",
                field=f"terms.{name}",
                found=_written(offered, name, quote.currency),
                expected=_written(quote, name, quote.currency),
            )


def _written(terms: OfferTerms | QuoteTerms, name: str, currency: str) -> object:
    value = getattr(terms, name)
    return value if name == "tenor_days" else Money(value, currency)


def _check_digest(named: bytes, standing: bytes) -> None:
    if named and named != standing:
        raise refuse(
            "quote_stale",
            "another quote than the one that stands",
            field="quote",
            found=named.hex(),
            expected=standing.hex(),
        )


def expire(context: Context, supplier: str, number: str) -> None:
    """The last day of an offer is over: limit and title are free again."""
    lien = reservation(context, supplier, number)
    invoice = live_invoice(context, supplier, number)
    released = end_reservation(context, supplier, number, invoice, lien, "date.advance")
    write_invoice(context, supplier, number, released)


def end_reservation(
    context: Context, supplier: str, number: str, invoice: Invoice, lien: Lien, by: str
) -> Invoice:
    """End a reservation: limit and title are free again; the caller writes the invoice."""
    expiry.cancel(context, (OFFER, supplier, number))
    settlement.step(context, lien.lender, lien.settlement, settlement.ENDS)
    expose(context, supplier, lien, -lien.advance, 0)
    context.state.delete(lien_key(supplier, number))
    return invoice._replace(title=TITLE.after(invoice.title, by))


def reservation(context: Context, supplier: str, number: str) -> Lien:
    """The claim of an open offer; refused if none stands on the invoice."""
    lien = read_lien(context.state, supplier, number)
    if lien is None or lien.title != RESERVED:
        raise refuse("no_offer", "no open offer on the invoice", field="invoice", found=number)
    return lien


def accept(context: Context, operation: FinanceAccept) -> None:
    """Accepted by the supplier: from now on only the payout, expiry or a change of the invoice ends it."""
    lien = reservation(context, context.actor, operation.invoice)
    if lien.accepted:
        raise refuse("already_accepted", "the offer was accepted", field="invoice", found=operation.invoice)
    _check_digest(operation.quote, lien.quote)
    settlement.step(context, lien.lender, lien.settlement, operation.op)
    request.close(context, context.actor, operation.invoice, operation.op)
    context.put(lien_key(context.actor, operation.invoice), tuple(lien._replace(accepted=1)))


def withdraw(context: Context, operation: FinanceWithdraw) -> None:
    """Withdrawn by the lender, or declined by the supplier, before it was accepted."""
    supplier, number = operation.supplier, operation.invoice
    lien = reservation(context, supplier, number)
    if context.actor not in (lien.lender, supplier):
        raise refuse("not_party", "not a party to the offer", field="signer", found=context.actor)
    if lien.accepted:
        raise refuse("already_accepted", "the offer was accepted", field="invoice", found=number)
    invoice = live_invoice(context, supplier, number)
    invoice = end_reservation(context, supplier, number, invoice, lien, operation.op)
    write_invoice(context, supplier, number, invoice)


def create_settlement(context: Context, operation: SettlementCreate) -> None:
    """Opened by the lender on its own offer; the supplier's acceptance holds the title for it."""
    supplier, number = operation.supplier, operation.invoice
    lien = reservation(context, supplier, number)
    if lien.lender != context.actor:
        raise refuse("not_party", "another lender's offer", field="signer", found=context.actor)
    if lien.settlement:
        raise refuse("in_settlement", "the offer has one", field="invoice", found=lien.settlement)
    context.require_organisation(operation.bank, BANK, "bank")
    terms = Settlement(
        settlement.CREATED, operation.bank, supplier, number, lien.currency, lien.paid_out, "", "", "", ""
    )
    settlement.open_settlement(context, operation.settlement, terms, is_accepted=bool(lien.accepted))
    context.put(lien_key(supplier, number), tuple(lien._replace(settlement=operation.settlement)))
