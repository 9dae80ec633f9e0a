"""Payables finance (reverse factoring): a buyer approves, and the funder of its programme pays the supplier.

| step | signed by | what it does |
|---|---|---|
| `programme.publish` with `payables` | funder | names buyer, rate, limits, and how far a payment is put off |
| `programme.enrol` | supplier | takes part, with a standing request or without |
| `payables.reserve`, `payables.release` | funder | sets money aside for the programme (`pool`) |
| `payables.approve` | buyer | undertakes to pay many invoices of a supplier (`approval`) |
| `payables.finance` | supplier | has an approved invoice financed, without a standing request |
| `payables.extend` | buyer | puts the payment of a financed invoice off (`extension`) |

The whole of what is outstanding is bought: advance = net, nothing is reserved, and the price is the
programme's rate for the days to the due date, since the buyer's undertaking is what is bought. Where money is
set aside at the supplier's bank the title moves with it in the same operation; else the claim is reserved and
accepted, and the funder pays as for any offer, within `DAYS_TO_PAY`.

An approval never fails for a limit of the funder: the invoice is approved then, and not financed yet.

Every claim of a programme carries `Lien.arrangement`: for the buyer it is a supplier finance arrangement, of
which IAS 7 §44H asks the carrying amount, what suppliers have been paid already, and the due dates.
"""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from contracts import expiry, invariants
from contracts.context import Context, business_day
from contracts.errors import refuse
from contracts.fields import InvoiceNumber, Operation, OrganisationId, PositiveAmount, ProgrammeId
from contracts.finance import eligibility, request
from contracts.finance.claim import Lien, check_rounds, expose_lender, exposure_key, lien_key
from contracts.finance.offer import OFFER
from contracts.finance.programme import Payables, found_programme
from contracts.pricing import ProgrammeTerms
from contracts.reverse_factoring import pool
from contracts.reverse_factoring.approval import Approval, approval_key, read_approval
from contracts.reverse_factoring.enrolment import Charges, Enrolment, charges_of, found_enrolment
from contracts.trade import confirmation
from contracts.trade.confirmation import ConfirmedInvoice, buyers_invoice, confirm_one
from contracts.trade.invoice import (
    CONFIRMED,
    FREE,
    RESERVED,
    TITLE,
    Invoice,
    live_invoice,
    read_invoice,
    write_invoice,
)
from ledger.dates import iso_from_day
from ledger.errors import Refusal
from ledger.money import PPM, CurrencyMismatch, Money
from ledger.state.overlay import Reader

MAX_APPROVED_AT_ONCE = 100
"""Invoices of one `payables.approve`, which may also pay for each of them: about 1 ms of every node's time
an invoice, and an operation is executed in one piece."""

DAYS_TO_PAY = 5
"""Business days for which a claim that is not paid out of money set aside waits for the funder's payment, at
most to the day before it is due."""


class PayablesApprove(Operation):
    """A buyer undertakes for good to pay invoices of one supplier in full when due: all of them or none."""

    op: Literal["payables.approve"]
    programme: ProgrammeId
    supplier: OrganisationId
    invoices: Annotated[
        tuple[ConfirmedInvoice, ...], Field(min_length=1, max_length=MAX_APPROVED_AT_ONCE)
    ] = Field(description="what is approved")


class PayablesFinance(Operation):
    """A supplier has an approved invoice financed at the programme's rate of today."""

    op: Literal["payables.finance"]
    programme: ProgrammeId
    invoice: InvoiceNumber
    paid_out: PositiveAmount = Field(description="what is outstanding less discount and fee; minor units")


class Price(NamedTuple):
    """What an approved invoice is bought at; minor units."""

    days: int
    discount: int
    fee: int
    paid_out: int


def price(terms: ProgrammeTerms, net: int, days: int) -> Price:
    """The price of a net that is due in so many days: bank or true discount, up; a fee on the net, up.

    Raises:
        Refusal: `past_due`, `tenor_too_short`, `tenor_too_long`, `nothing_paid_out`.
    """
    if days <= 0:
        raise refuse("past_due", "the due date has come", field="due_date", found=f"{days} days")
    if days < terms.min_tenor_days:
        raise refuse(
            "tenor_too_short",
            "the due date is too near",
            field="due_date",
            found=f"{days} days",
            expected=f"at least {terms.min_tenor_days}",
        )
    if days > terms.max_tenor_days:
        raise refuse(
            "tenor_too_long",
            "the due date is too far",
            field="due_date",
            found=f"{days} days",
            expected=f"at most {terms.max_tenor_days}",
        )
    discount, fee = charges_of(terms).on(net, days)
    if discount + fee >= net:
        raise refuse(
            "nothing_paid_out",
            "discount and fee leave nothing to pay out",
            field="outstanding",
            found=f"net {Money(net, terms.currency)}, discount {Money(discount, terms.currency)}, "
            f"fee {Money(fee, terms.currency)}",
        )
    return Price(days, discount, fee, net - discount - fee)


# the buyer approves


def approve(context: Context, operation: PayablesApprove) -> None:
    """Approved by the buyer, one after the other; a refusal of one names it, and refuses all."""
    published = found_programme(context.state, operation.programme)
    payables = published.require_payables()
    if payables.buyer != context.actor:
        raise refuse("not_party", "another buyer's programme", field="signer", found=context.actor)
    enrolled = found_enrolment(context, operation.programme, operation.supplier)
    for place, said in enumerate(operation.invoices):
        try:
            _approve(context, operation, payables, said)
        except Refusal as refusal:
            raise confirmation.refusal_of(place, said, refusal) from None
        if enrolled.standing:
            _finance_if_possible(context, operation, enrolled, said.invoice)


def _approve(
    context: Context, operation: PayablesApprove, payables: Payables, said: ConfirmedInvoice
) -> None:
    supplier, number = operation.supplier, said.invoice
    invoice = buyers_invoice(context, supplier, number)
    if read_approval(context.state, supplier, number) is not None:
        raise refuse("already_approved", "approved before", field="invoice", found=number)
    if invoice.title != FREE:
        raise refuse(
            "title_not_free", "somebody has a claim on it", field="invoice", found=TITLE.states[invoice.title]
        )
    if invoice.validity == CONFIRMED and not invoice.contested:
        _check_as_confirmed(invoice, said)
    else:
        confirm_one(context, supplier, said)
    approved = Approval(
        operation.programme,
        context.actor,
        invoice.currency,
        said.net,
        invoice.offset,
        said.due_date,
        said.due_date + payables.extension_days,
        payables.extension_rate_ppm,
        context.day,
    )
    context.put(approval_key(supplier, number), tuple(approved))
    content = (number, invoice.currency, said.net, said.due_date, operation.programme)
    context.record(supplier, context.actor, ("approve", *content))


def _check_as_confirmed(invoice: Invoice, said: ConfirmedInvoice) -> None:
    """What was confirmed before is approved as it was confirmed."""
    for field, found, expected in (
        ("net", str(Money(said.net, invoice.currency)), str(Money(invoice.net, invoice.currency))),
        ("due_date", iso_from_day(said.due_date), iso_from_day(invoice.due_day)),
    ):
        if found != expected:
            raise refuse(
                "approval_differs",
                "not what the buyer has confirmed",
                field=field,
                found=found,
                expected=expected,
            )


# it is financed


def _finance_if_possible(
    context: Context, operation: PayablesApprove, enrolled: Enrolment, number: str
) -> None:
    """What a standing request asks for. An invoice stays approved that the programme cannot take now, or only
    for more than it charged when the supplier signed: for that the supplier asks, or enrols again.
    """
    before = context.state.savepoint()
    try:
        lien = _reserve(context, operation.programme, (operation.supplier, number), operation.op)
    except Refusal:
        context.state.rollback(before)
        return
    signed_for = Charges._make(enrolled.charges).on(lien.net, lien.tenor_days)
    if lien.discount + lien.fee > sum(signed_for):
        context.state.rollback(before)
        return
    pool.pay_out(context, operation.supplier, number, lien, enrolled.bank)


def finance(context: Context, operation: PayablesFinance) -> None:
    """Asked for by the supplier, at exactly the price of today."""
    supplier, number = context.actor, operation.invoice
    enrolled = found_enrolment(context, operation.programme, supplier)
    lien = _reserve(context, operation.programme, (supplier, number), operation.op)
    if operation.paid_out != lien.paid_out:
        raise refuse(
            "quote_stale",
            "not the price of today",
            field="paid_out",
            found=Money(operation.paid_out, lien.currency),
            expected=Money(lien.paid_out, lien.currency),
        )
    pool.pay_out(context, supplier, number, lien, enrolled.bank)


def _reserve(context: Context, programme: str, receivable: tuple[str, str], by: str) -> Lien:
    """Reserve an approved invoice, accepted by its supplier's request."""
    supplier, number = receivable
    lien = claim_of(context.state, programme, receivable)
    invoice = live_invoice(context, supplier, number)
    title = TITLE.after(invoice.title, by)
    published = found_programme(context.state, programme)
    limit = ProgrammeTerms.from_value(published.terms).limit_of(lien.buyer) or 0
    rules = eligibility.Rules.from_value(published.rules)
    owed = (supplier, lien.buyer, lien.currency)
    after = expose_lender(context, (lien.lender, programme), owed, (lien.advance, 0))
    invariants.within_limit(*after, limit)
    eligibility.within_limits(context.state, programme, rules, (supplier, lien.currency))
    request.close(context, supplier, number, by)
    expiry.schedule(context, (OFFER, supplier, number), lien.expires)
    context.put(lien_key(supplier, number), tuple(lien))
    write_invoice(context, supplier, number, invoice._replace(title=title))
    return lien


def claim_of(state: Reader, programme: str, receivable: tuple[str, str]) -> Lien:
    """The claim that the programme would have on an approved invoice today, at its price; nothing is written.

    Raises:
        Refusal: it is not approved under the programme, not free, not priced (`price`), not eligible, or the
            funder's limit for the buyer would be passed.
    """
    supplier, number = receivable
    published = found_programme(state, programme)
    published.require_payables()
    approved, invoice = read_approval(state, supplier, number), read_invoice(state, supplier, number)
    if approved is None or invoice is None or approved.programme != programme:
        raise refuse("not_approved", "not approved under this programme", field="invoice", found=number)
    if not invoice.outstanding:
        raise refuse("nothing_outstanding", "nothing is left to pay", field="invoice", found=number)
    if invoice.title != FREE:
        raise refuse("already_financed", "somebody has a claim on it", field="invoice", found=number)
    check_rounds(state, supplier, number)
    terms = ProgrammeTerms.from_value(published.terms)
    if terms.currency != invoice.currency:
        raise CurrencyMismatch(invoice.currency, terms.currency, "invoice")
    day, net = business_day(state), invoice.outstanding
    cost = price(terms, net, invoice.due_day - day)
    rules = eligibility.Rules.from_value(published.rules)
    place = (published.lender, programme)
    facts = eligibility.read_facts(state, place, rules, supplier, invoice)
    eligibility.check(rules, facts, net)
    _check_limit(state, published.lender, invoice, terms.limit_of(invoice.buyer) or 0)
    return Lien(
        title=RESERVED,
        lender=published.lender,
        programme=programme,
        revision=published.revision,
        buyer=invoice.buyer,
        currency=invoice.currency,
        offered=day,
        expires=min(day + DAYS_TO_PAY, invoice.due_day - 1),
        accepted=1,
        net=net,
        tenor_days=cost.days,
        advance=net,
        reserve=0,
        discount=cost.discount,
        fee=cost.fee,
        paid_out=cost.paid_out,
        advance_rate_ppm=PPM,
        discount_rate_ppm=terms.discount_rate_ppm,
        day_count=terms.day_count,
        restores=0,
        default_days=terms.default_days,
        arrangement=1,
    )


def _check_limit(state: Reader, lender: str, invoice: Invoice, limit: int) -> None:
    exposed = sum(state.get(exposure_key(lender, invoice.buyer, invoice.currency)) or ())
    if exposed + invoice.outstanding > limit:
        raise refuse(
            "limit_exceeded",
            "the funder's limit for this buyer would be passed",
            field="limit",
            found=f"exposure {Money(exposed, invoice.currency)} and advance "
            f"{Money(invoice.outstanding, invoice.currency)}",
            expected=f"at most {Money(limit, invoice.currency)}",
        )
