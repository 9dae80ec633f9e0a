"""Early payment: a buyer pays a confirmed invoice before it is due, less a discount that slides with the day.

    ("early", supplier, invoice) -> EarlyPayment; an offer that has ended is replaced by the next one

The buyer offers steps, such as 2 % up to the 10th and 1 % up to the 20th. The supplier accepts on the day of
a step and is promised that step's discount if the buyer pays up to its last day. The buyer pays out of its
deposit: the discount becomes a credit on the invoice, the rest a payment, and the invoice is settled, in one
operation. No lender takes part and no title moves; what somebody has a claim on is not paid this way. When
the invoice changes, or is sold, the offer is void at once, accepted or not (`contracts.market.standing`).

What the supplier gives up, as a rate a year: `formulae.forgone_discount_yield` (2/10 net 30 is 37.24 %).
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from contracts import expiry
from contracts.cash import payment
from contracts.context import Context
from contracts.errors import refuse
from contracts.fields import Date, InvoiceNumber, Operation, OrganisationId, Part, PositiveAmount
from contracts.lifecycle import LifeCycle, Transition
from contracts.market.auction import check_sellable
from contracts.trade.invoice import CHANGED, Invoice, credit_said, live_invoice, write_invoice
from ledger.dates import iso_from_day
from ledger.money import PPM, Money, divide_up
from ledger.state.overlay import Reader, state_key

EARLY = "early"
"""What an offer of early payment is called among the things that expire."""

MAX_STEPS = 31
"""Steps of one offer: one a day for a month."""

LIFE = LifeCycle(
    "early payment",
    "status",
    ("Offered", "Accepted", "Paid", "Expired", "Withdrawn", "Void"),
    (
        Transition("early.accept", "Offered", "Accepted"),
        Transition("early.pay", "Accepted", "Paid", "the invoice is settled with it"),
        Transition("early.withdraw", "Offered", "Withdrawn"),
        Transition("date.advance", "Offered", "Expired"),
        Transition("date.advance", "Accepted", "Expired", "the buyer did not pay in time"),
        Transition(CHANGED, "Offered", "Void", "or it is sold"),
        Transition(CHANGED, "Accepted", "Void", "or it is sold"),
    ),
)
OFFERED, ACCEPTED, PAID, EXPIRED, WITHDRAWN, VOID = range(6)
RUNNING = (OFFERED, ACCEPTED)


class EarlyPayment(NamedTuple):
    """State value of an offer of early payment. Amounts in minor units, days since 1970."""

    status: int
    """Place in `LIFE.states`."""
    number: int
    """1 for the first offer on the invoice."""
    buyer: str
    net: int
    """What was outstanding when it was offered."""
    offered: int
    steps: tuple[tuple[int, int], ...]
    """(last day, discount in ppm of the net): days ascending, discounts descending."""
    until: int
    """Last day of the offer; once accepted, last day to pay on."""
    discount: int
    """What was agreed, 0 before."""


class DiscountStep(Part):
    """A discount and how long it can be had."""

    until: Date = Field(description="last business date of this discount; ISO text YYYY-MM-DD")
    discount_ppm: int = Field(ge=1, lt=PPM, description="share of the outstanding amount; ppm")


class EarlyOffer(Operation):
    """A buyer offers to pay an invoice early, less a discount that falls from step to step."""

    op: Literal["early.offer"]
    supplier: OrganisationId
    invoice: InvoiceNumber
    steps: Annotated[tuple[DiscountStep, ...], Field(min_length=1, max_length=MAX_STEPS)] = Field(
        description="discounts: days ascending, discounts descending"
    )


class EarlyAccept(Operation):
    """A supplier accepts early payment at the discount of the day."""

    op: Literal["early.accept"]
    invoice: InvoiceNumber
    paid: PositiveAmount = Field(description="what the buyer is to pay: outstanding - discount; minor units")


class EarlyPay(Operation):
    """A buyer pays an invoice early out of its deposit, as accepted: the invoice is settled."""

    op: Literal["early.pay"]
    supplier: OrganisationId
    invoice: InvoiceNumber
    bank: OrganisationId = Field(description="settlement bank at which buyer and supplier have deposits")


class EarlyWithdraw(Operation):
    """A buyer takes its offer of early payment back, or a supplier declines it, before it is accepted."""

    op: Literal["early.withdraw"]
    supplier: OrganisationId
    invoice: InvoiceNumber


def early_key(supplier: str, invoice: str) -> bytes:
    """State key of an offer of early payment."""
    return state_key("early", supplier, invoice)


def read_early(state: Reader, supplier: str, invoice: str) -> EarlyPayment | None:
    """The newest offer of early payment on an invoice, if there ever was one."""
    value = state.get(early_key(supplier, invoice))
    return None if value is None else EarlyPayment._make(value)


def step_on(steps: tuple[tuple[int, int], ...], day: int) -> tuple[int, int] | None:
    """(last day, discount ppm) of the step that a day falls in; None after the last."""
    return next((step for step in steps if day <= step[0]), None)


def discount_of(net: int, discount_ppm: int) -> int:
    """A discount in minor units, up: a charge to the supplier."""
    return divide_up(net * discount_ppm, PPM)


def offer(context: Context, operation: EarlyOffer) -> None:
    """Offered by the buyer of a confirmed invoice on which nobody else has a claim."""
    supplier, number = operation.supplier, operation.invoice
    invoice = live_invoice(context, supplier, number)
    if invoice.buyer != context.actor:
        raise refuse("not_party", "not the buyer of the invoice", field="signer", found=context.actor)
    context.require_independent(supplier, invoice.supplier_approver)
    check_sellable(number, invoice)
    before = read_early(context.state, supplier, number)
    if before is not None and before.status in RUNNING:
        raise refuse("early_running", "an offer stands", field="invoice", found=LIFE.states[before.status])
    steps = tuple([(step.until, step.discount_ppm) for step in operation.steps])
    _check_steps(context, steps, invoice)
    found = EarlyPayment(
        OFFERED,
        1 if before is None else before.number + 1,
        invoice.buyer,
        invoice.outstanding,
        context.day,
        steps,
        steps[-1][0],
        0,
    )
    expiry.schedule(context, (EARLY, supplier, number), found.until)
    context.put(early_key(supplier, number), tuple(found))


def _check_steps(context: Context, steps: tuple[tuple[int, int], ...], invoice: Invoice) -> None:
    for last, _ in (steps[0], steps[-1]):
        expiry.check_last_day(context, last, "steps")
    for (day, discount), (later, lower) in pairwise(steps):
        if later <= day or lower >= discount:
            raise refuse(
                "steps_order",
                "a later step gives less",
                field="steps",
                found=f"{iso_from_day(later)}: {lower} ppm",
                expected=f"after {iso_from_day(day)}, below {discount} ppm",
            )
    if steps[-1][0] >= invoice.due_day:
        raise refuse(
            "past_due",
            "not before it is due",
            field="steps",
            found=iso_from_day(steps[-1][0]),
            expected=f"before {iso_from_day(invoice.due_day)}",
        )
    if discount_of(invoice.outstanding, steps[0][1]) >= invoice.outstanding:
        raise refuse("nothing_paid_out", "the discount would eat the amount", field="steps")


def _running(context: Context, supplier: str, number: str) -> EarlyPayment:
    found = read_early(context.state, supplier, number)
    if found is None:
        raise refuse("no_early_offer", "no offer of early payment", field="invoice", found=number)
    return found


def _unclaimed(context: Context, supplier: str, number: str, found: EarlyPayment) -> Invoice:
    """The invoice that a running offer was made on; refused while a lender has reserved it."""
    invoice = live_invoice(context, supplier, number)
    check_sellable(number, invoice)
    assert invoice.outstanding == found.net, "an offer on another amount is void"
    return invoice


def accept(context: Context, operation: EarlyAccept) -> None:
    """Accepted by the supplier: the discount of today's step stands until that step's last day."""
    supplier, number = context.actor, operation.invoice
    found = _running(context, supplier, number)
    status = LIFE.after(found.status, operation.op)
    currency = _unclaimed(context, supplier, number, found).currency
    step = step_on(found.steps, context.day)
    assert step is not None, "an offer ends with its last step"
    until, discount_ppm = step
    discount = discount_of(found.net, discount_ppm)
    if operation.paid != found.net - discount:
        raise refuse(
            "quote_stale",
            "not the amount of today",
            field="paid",
            found=Money(operation.paid, currency),
            expected=Money(found.net - discount, currency),
        )
    expiry.cancel(context, (EARLY, supplier, number))
    expiry.schedule(context, (EARLY, supplier, number), until)
    accepted = found._replace(status=status, until=until, discount=discount)
    context.put(early_key(supplier, number), tuple(accepted))


def pay(context: Context, operation: EarlyPay) -> None:
    """Paid by the buyer: a credit of the discount and a payment of the rest settle the invoice together."""
    supplier, number = operation.supplier, operation.invoice
    found = _running(context, supplier, number)
    if found.buyer != context.actor:
        raise refuse("not_party", "not the buyer of the invoice", field="signer", found=context.actor)
    status = LIFE.after(found.status, operation.op)
    invoice = _unclaimed(context, supplier, number, found)
    outstanding = invoice.outstanding - found.discount
    credited = invoice._replace(
        credited=invoice.credited + found.discount,
        net=max(0, invoice.net - found.discount),
        outstanding=outstanding,
    )
    write_invoice(context, supplier, number, credited)
    given = credit_said(number, credited, found.discount, found.discount)
    context.record(supplier, invoice.buyer, ("credit", number, invoice.currency, *given))
    rest = payment.PaymentMake(
        op="payment.make",
        invoice=number,
        supplier=supplier,
        bank=operation.bank,
        currency=invoice.currency,
        amount=outstanding,
    )
    payment.make(context, rest)
    expiry.cancel(context, (EARLY, supplier, number))
    context.put(early_key(supplier, number), tuple(found._replace(status=status)))


def withdraw(context: Context, operation: EarlyWithdraw) -> None:
    """Taken back by the buyer, or declined by the supplier."""
    supplier, number = operation.supplier, operation.invoice
    found = _running(context, supplier, number)
    if context.actor not in (found.buyer, supplier):
        raise refuse("not_party", "not a party to the offer", field="signer", found=context.actor)
    _end(context, supplier, number, found, LIFE.after(found.status, operation.op))


def expire(context: Context, supplier: str, number: str) -> None:
    """Its last day is over: the invoice is due as before."""
    found = _running(context, supplier, number)
    _end(context, supplier, number, found, LIFE.after(found.status, "date.advance"))


def end_what_changed(context: Context, supplier: str, number: str) -> None:
    """Its invoice is not what was offered on: the offer is void."""
    found = _running(context, supplier, number)
    _end(context, supplier, number, found, LIFE.after(found.status, CHANGED))


def _end(context: Context, supplier: str, number: str, found: EarlyPayment, status: int) -> None:
    expiry.cancel(context, (EARLY, supplier, number))
    context.put(early_key(supplier, number), tuple(found._replace(status=status)))
