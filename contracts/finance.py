"""Finance of one invoice: offered -> accepted -> funded -> settled.

The claim itself is in `contracts.claim`. Title, exposure and the record of the cash move in one operation.

| title | from | by |
|---|---|---|
| Reserved | Free | the lender's offer, at the price that the ledger computes |
| Free | Reserved | withdrawal, expiry, or any change of the invoice before funding |
| Assigned | Reserved | the lender's deposit pays (delivery versus payment), or the bank attests the payout |
| Free | Assigned | the invoice is settled: nothing is owed any more |
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from pydantic import Field

from contracts import bank, deposit, expiry, invariants, settlement
from contracts.claim import (
    Lien,
    deal_key,
    exposure_key,
    lien_key,
    read_lien,
    reduced,
    waterfall,
)
from contracts.context import Context, Posting
from contracts.errors import refuse
from contracts.fields import (
    Account,
    Amount,
    Date,
    Number,
    Operation,
    OrganisationId,
    Part,
    PositiveAmount,
    ProgrammeId,
)
from contracts.identity import BANK
from contracts.invoice import (
    ASSIGNED,
    CHANGED,
    FREE,
    FUNDED,
    RESERVED,
    SETTLED,
    TITLE,
    Invoice,
    live_invoice,
    write_invoice,
)
from contracts.order import require_no_credit_due
from contracts.pricing import QuoteTerms, price
from contracts.programme import read_programme
from contracts.quote import read_basis
from contracts.settlement import Settlement, SettlementCreate

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
    invoice: Number = Field(description="invoice number, as the supplier writes it")
    expires: Date = Field(description="last business date on which the offer stands; ISO text YYYY-MM-DD")
    terms: OfferTerms


class FinanceAccept(Operation):
    """A supplier accepts the offer that stands on its invoice."""

    op: Literal["finance.accept"]
    invoice: Number = Field(description="invoice number, as the supplier writes it")


class FinanceFund(Operation):
    """A settlement bank attests the payout to the supplier: cash and title move together."""

    op: Literal["finance.fund"]
    account: Account = Field(description="account from which the money left")
    entry: Number = Field(description="the bank's reference of the entry; consumed once per account")
    date: Date = Field(description="booking day; ISO text YYYY-MM-DD")
    invoice: Number = Field(description="invoice number, as the supplier writes it")
    supplier: OrganisationId
    lender: OrganisationId
    amount: PositiveAmount = Field(description="amount paid out; minor units of the invoice's currency")


class FinanceSettle(Operation):
    """A lender pays for an accepted offer out of its deposit: cash and title move together."""

    op: Literal["finance.settle"]
    supplier: OrganisationId
    invoice: Number = Field(description="invoice number, as the supplier writes it")
    bank: OrganisationId = Field(description="settlement bank at which lender and supplier have deposits")


class FinanceWithdraw(Operation):
    """A lender takes back an offer that the supplier has not accepted."""

    op: Literal["finance.withdraw"]
    supplier: OrganisationId
    invoice: Number = Field(description="invoice number, as the supplier writes it")


def offer(context: Context, operation: FinanceOffer) -> None:
    """Offered by the lender: title and limit are reserved in the same operation."""
    supplier, number = operation.supplier, operation.invoice
    programme = read_programme(context.state, operation.programme)
    if programme is None:
        raise refuse("unknown_programme", "no such programme", field="programme", found=operation.programme)
    lender = context.actor
    if programme.lender != lender:
        raise refuse(
            "programme_of_other_lender",
            "another lender's programme",
            field="programme",
            found=programme.lender,
        )
    expiry.check_last_day(context, operation.expires)
    basis = read_basis(context.state, supplier, number, operation.programme)
    terms, quote = basis.terms, price(basis.inputs, basis.terms)
    _check_quote(operation.terms, quote)
    invoice = live_invoice(context, supplier, number)
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
    )
    invariants.purchase_adds_up(lien.net, lien.advance, lien.reserve)
    invariants.one_claim(invoice.title == FREE, read_lien(context.state, supplier, number))
    reserved, funded = _expose(context, lien, lien.advance, 0)
    invariants.within_limit(reserved, funded, terms.limit_of(invoice.buyer) or 0)
    expiry.schedule(context, (OFFER, supplier, number), operation.expires)
    context.put(lien_key(supplier, number), tuple(lien))
    title = TITLE.after(invoice.title, operation.op)
    write_invoice(context, supplier, number, invoice._replace(title=title))


def _check_quote(offered: OfferTerms, quote: QuoteTerms) -> None:
    for name in OfferTerms.model_fields:
        if getattr(offered, name) != getattr(quote, name):
            raise refuse(
                "quote_stale",
                "not the price of today",
                field=f"terms.{name}",
                found=getattr(offered, name),
                expected=getattr(quote, name),
            )


def _expose(context: Context, lien: Lien, reserved: int, funded: int) -> tuple[int, int]:
    """Change a lender's exposure to a buyer; the exposure after it, in minor units."""
    key = exposure_key(lien.lender, lien.buyer, lien.currency)
    before = context.get(key) or (0, 0)
    after = (before[0] + reserved, before[1] + funded)
    invariants.within_limit(*after, max(after[0] + after[1], 0))
    if after == (0, 0):
        context.state.delete(key)
    else:
        context.put(key, after)
    return after


def expire(context: Context, supplier: str, number: str) -> None:
    """The last day of an offer is over: limit and title are free again."""
    lien = _reservation(context, supplier, number)
    invoice = live_invoice(context, supplier, number)
    released = _release(context, supplier, number, invoice, lien, "date.advance")
    write_invoice(context, supplier, number, released)


def _release(context: Context, supplier: str, number: str, invoice: Invoice, lien: Lien, by: str) -> Invoice:
    """End a reservation: limit and title are free again; the caller writes the invoice."""
    expiry.cancel(context, (OFFER, supplier, number))
    settlement.step(context, lien.lender, lien.settlement, settlement.ENDS)
    _expose(context, lien, -lien.advance, 0)
    context.state.delete(lien_key(supplier, number))
    return invoice._replace(title=TITLE.after(invoice.title, by))


def _reservation(context: Context, supplier: str, number: str) -> Lien:
    lien = read_lien(context.state, supplier, number)
    if lien is None or lien.title != RESERVED:
        raise refuse("no_offer", "no open offer on the invoice", field="invoice", found=number)
    return lien


def accept(context: Context, operation: FinanceAccept) -> None:
    """Accepted by the supplier: from now on only the payout, expiry or a change of the invoice ends it."""
    lien = _reservation(context, context.actor, operation.invoice)
    if lien.accepted:
        raise refuse("already_accepted", "the offer was accepted", field="invoice", found=operation.invoice)
    settlement.step(context, lien.lender, lien.settlement, operation.op)
    context.put(lien_key(context.actor, operation.invoice), tuple(lien._replace(accepted=1)))


def withdraw(context: Context, operation: FinanceWithdraw) -> None:
    """Withdrawn by the lender, or declined by the supplier, before it was accepted."""
    supplier, number = operation.supplier, operation.invoice
    lien = _reservation(context, supplier, number)
    if context.actor not in (lien.lender, supplier):
        raise refuse("not_party", "not a party to the offer", field="signer", found=context.actor)
    if lien.accepted:
        raise refuse("already_accepted", "the offer was accepted", field="invoice", found=number)
    invoice = live_invoice(context, supplier, number)
    invoice = _release(context, supplier, number, invoice, lien, operation.op)
    write_invoice(context, supplier, number, invoice)


def create_settlement(context: Context, operation: SettlementCreate) -> None:
    """Opened by the lender on its own offer; the supplier's acceptance holds the title for it."""
    supplier, number = operation.supplier, operation.invoice
    lien = _reservation(context, supplier, number)
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


def fund(context: Context, operation: FinanceFund) -> None:
    """Attested by the bank: the bank entry, the title, the exposure and the cash move together."""
    supplier, number = operation.supplier, operation.invoice
    bank.check_unused(context, operation.account, operation.entry, bank.PAYOUT)
    context.require_past(operation.date, "date")
    lien = _reservation(context, supplier, number)
    _check_payout(lien, operation)
    settlement.step(context, lien.lender, lien.settlement, operation.op)
    bank.consume(
        context,
        operation.account,
        operation.entry,
        bank.BankEntry(
            context.actor, bank.PAYOUT, supplier, number, lien.currency, operation.amount, operation.date
        ),
    )
    leg = CashLeg(operation.account, operation.entry, operation.amount, operation.date)
    _deliver(context, supplier, number, lien, leg)


def settle(context: Context, operation: FinanceSettle) -> None:
    """Signed by the lender: its deposit pays the supplier and the title is the lender's, or neither."""
    supplier, number = operation.supplier, operation.invoice
    lien = _reservation(context, supplier, number)
    _check_accepted(lien, context.actor, number)
    if lien.settlement:
        raise refuse("in_settlement", "a bank holds the cash for it", field="invoice", found=lien.settlement)
    evidence = deposit.pay(
        context,
        bank_id=operation.bank,
        payer=lien.lender,
        currency=lien.currency,
        payees=((supplier, lien.paid_out),),
        purpose=deposit.Purpose(bank.PAYOUT, supplier, number),
    )
    _deliver(context, supplier, number, lien, CashLeg(*evidence, lien.paid_out, context.day))


class CashLeg(NamedTuple):
    """The cash that moves against a title: which bank entry shows it, how much, and when."""

    account: str
    entry: str | int
    amount: int
    day: int


def _deliver(context: Context, supplier: str, number: str, lien: Lien, leg: CashLeg) -> None:
    """Move the title against its cash leg: claim, exposure, postings and history in one operation."""
    invoice = live_invoice(context, supplier, number)
    if invoice.order:
        require_no_credit_due(context.state, supplier, invoice.buyer, invoice.order)
    invariants.title_moved_with_cash(lien, leg.amount)
    expiry.cancel(context, (OFFER, supplier, number))
    _expose(context, lien, -lien.advance, lien.advance)
    assigned = lien._replace(
        title=ASSIGNED,
        funded=leg.day,
        account=leg.account,
        entry=leg.entry,
        principal=lien.advance,
        reserve_left=lien.reserve,
        interest_from=leg.day + lien.tenor_days,
    )
    invariants.claim_adds_up(assigned, invoice.outstanding)
    context.put(lien_key(supplier, number), tuple(assigned))
    title = TITLE.after(invoice.title, FUNDED)
    write_invoice(context, supplier, number, invoice._replace(title=title))
    context.post(
        (
            (lien.lender, "principal", lien.currency, -lien.advance),
            (lien.lender, "discount", lien.currency, lien.discount),
            (lien.lender, "fee", lien.currency, lien.fee),
            (supplier, "proceeds", lien.currency, leg.amount),
        )
    )
    context.record(supplier, invoice.buyer, ("finance", number, invoice.currency, lien.net, invoice.due_day))


def _check_accepted(lien: Lien, lender: str, number: str) -> None:
    if lender != lien.lender:
        raise refuse(
            "no_offer",
            "the offer is another lender's",
            field="lender",
            found=lender,
            expected=lien.lender,
        )
    if not lien.accepted:
        raise refuse("not_accepted", "the supplier has not accepted", field="invoice", found=number)


def _check_payout(lien: Lien, operation: FinanceFund) -> None:
    _check_accepted(lien, operation.lender, operation.invoice)
    if operation.amount != lien.paid_out:
        raise refuse(
            "amount_mismatch",
            "not the amount of the offer",
            field="amount",
            found=operation.amount,
            expected=lien.paid_out,
        )
    if operation.date < lien.offered:
        raise refuse("date_order", "paid before it was offered", field="date")


def before_change(context: Context, supplier: str, number: str, invoice: Invoice, reduction: int) -> Invoice:
    """What a change of an invoice means for a claim on it; the invoice with the title that it then has.

    A reservation is void: its price was that of another receivable. On an assigned invoice a reduction by
    the buyer (credit note, lower confirmation) is borne by the supplier's reserve first, or restores the
    advance rate, as the programme said; what that does not cover is a shortfall.
    """
    if invoice.title == FREE:
        return invoice
    lien = read_lien(context.state, supplier, number)
    assert lien is not None, "title that is not Free has a claim"
    if lien.title == RESERVED:
        return _release(context, supplier, number, invoice, lien, CHANGED)
    if reduction:
        context.put(
            lien_key(supplier, number), tuple(reduced(lien, reduction, invoice.outstanding - reduction))
        )
    return invoice


def collect(context: Context, supplier: str, number: str, amount: int, day: int) -> tuple[Posting, ...]:
    """Run a buyer's payment on an assigned invoice through the waterfall; who gets what of it."""
    lien = read_lien(context.state, supplier, number)
    assert lien is not None, "an assigned invoice has a claim"
    after, interest, principal, reserve = waterfall(lien, amount, day)
    context.put(lien_key(supplier, number), tuple(after))
    _expose(context, lien, 0, -principal)
    return (
        (lien.lender, "interest", lien.currency, interest),
        (lien.lender, "principal", lien.currency, principal),
        (supplier, "reserve", lien.currency, reserve),
    )


def after_change(context: Context, supplier: str, number: str, invoice: Invoice) -> Invoice:
    """Close the deal on an assigned invoice that is settled; the invoice with the title that it then has."""
    if invoice.title != ASSIGNED:
        return invoice
    lien = read_lien(context.state, supplier, number)
    assert lien is not None, "an assigned invoice has a claim"
    invariants.claim_adds_up(lien, invoice.outstanding)
    if invoice.outstanding:
        return invoice
    _expose(context, lien, 0, -lien.principal)
    context.state.delete(lien_key(supplier, number))
    context.put(deal_key(supplier, number), tuple(lien))
    return invoice._replace(title=TITLE.after(invoice.title, SETTLED))
