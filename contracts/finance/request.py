"""Requests for finance: a supplier asks several programmes at once, and each lender answers.

    ("request", supplier, request)           -> Request
    ("requested", supplier, invoice)         -> number of the request that is open on an invoice
    ("answer", supplier, request, programme) -> Answer, one for each programme that was asked

| answer | binds | by |
|---|---|---|
| Asked | - | `finance.request` |
| Quoted | nobody: amounts as the lender sees them today | `request.quote` |
| Declined | for good, with a reason | `request.decline` |
| an offer | the lender, at the ledger's price, until it expires | `finance.offer` |

An offer reserves the invoice, so one stands at a time: the supplier chooses among the answers whose offer it
wants. The request is over when the supplier has accepted an offer, when everybody has declined, on its last
day, or when it is withdrawn; and it is void once nothing is left to finance: the invoice is settled,
cancelled, or in other hands (`contracts.market.standing`).
"""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from contracts import expiry
from contracts.context import Context
from contracts.errors import refuse
from contracts.fields import (
    Amount,
    Date,
    InvoiceNumber,
    Operation,
    OrganisationId,
    PositiveAmount,
    ProgrammeId,
    Reason,
    RequestNumber,
)
from contracts.finance.programme import found_programme, own_programme
from contracts.lifecycle import LifeCycle, Transition
from contracts.trade.invoice import CHANGED, FREE, TITLE, Invoice, live_invoice
from ledger.money import Money
from ledger.state.overlay import Reader, state_key

REQUEST = "request"
"""What a request is called among the things that expire."""

MAX_PROGRAMMES = 16
"""Programmes that one request asks."""

LIFE = LifeCycle(
    "request",
    "status",
    ("Open", "Accepted", "Refused", "Expired", "Withdrawn", "Void"),
    (
        Transition("request.decline", "Open", "Open", "others have not declined"),
        Transition("request.decline", "Open", "Refused", "the last one has declined"),
        Transition("finance.accept", "Open", "Accepted", "an offer on the invoice"),
        Transition("auction.accept", "Open", "Accepted", "the invoice is sold by auction"),
        Transition("payables.approve", "Open", "Accepted", "it is financed under the buyer's programme"),
        Transition("payables.finance", "Open", "Accepted", "it is financed under the buyer's programme"),
        Transition("date.advance", "Open", "Expired"),
        Transition("request.withdraw", "Open", "Withdrawn"),
        Transition(CHANGED, "Open", "Void", "nothing of it is left to finance"),
    ),
)
OPEN, ACCEPTED, REFUSED, EXPIRED, WITHDRAWN, VOID = range(6)

ANSWER = LifeCycle(
    "answer",
    "status",
    ("Asked", "Quoted", "Declined"),
    (
        Transition("request.quote", "Asked", "Quoted"),
        Transition("request.quote", "Quoted", "Quoted", "another price"),
        Transition("request.decline", "Asked", "Declined"),
        Transition("request.decline", "Quoted", "Declined"),
    ),
)
ASKED, QUOTED, DECLINED = range(3)


class Request(NamedTuple):
    """State value of a request for finance. Days since 1970."""

    status: int
    """Place in `LIFE.states`."""
    invoice: str
    programmes: tuple[str, ...]
    """In the order in which the supplier named them, which decides nothing."""
    declined: int
    """How many of them have declined."""
    day: int
    """Business day of the request."""
    expires: int
    """Last day on which it is open."""


class Answer(NamedTuple):
    """State value of one programme's answer. Amounts in minor units of the invoice's currency."""

    status: int
    """Place in `ANSWER.states`."""
    day: int
    """Business day of the newest answer, 0 for none."""
    advance: int = 0
    discount: int = 0
    fee: int = 0
    reason: str = ""
    """Why it was declined."""

    @property
    def paid_out(self) -> int:
        """What the supplier would get at once."""
        return self.advance - self.discount - self.fee


NOT_ANSWERED = Answer(ASKED, 0)


class FinanceRequest(Operation):
    """A supplier asks lenders' programmes for finance of an invoice of its own."""

    op: Literal["finance.request"]
    request: RequestNumber
    invoice: InvoiceNumber
    programmes: Annotated[tuple[ProgrammeId, ...], Field(min_length=1, max_length=MAX_PROGRAMMES)] = Field(
        description="programmes that are asked, none twice"
    )
    expires: Date = Field(description="last business date on which it is open; ISO text YYYY-MM-DD")


class RequestQuote(Operation):
    """A lender says what it would pay as things stand; that binds nobody."""

    op: Literal["request.quote"]
    supplier: OrganisationId
    request: RequestNumber
    programme: ProgrammeId
    advance: PositiveAmount = Field(description="at most what is outstanding; minor units")
    discount: Amount = Field(description="minor units")
    fee: Amount = Field(description="minor units")


class RequestDecline(Operation):
    """A lender declines a request, with its reason."""

    op: Literal["request.decline"]
    supplier: OrganisationId
    request: RequestNumber
    programme: ProgrammeId
    reason: Reason


class RequestWithdraw(Operation):
    """A supplier takes its request back."""

    op: Literal["request.withdraw"]
    request: RequestNumber


def request_key(supplier: str, number: str) -> bytes:
    """State key of a request."""
    return state_key("request", supplier, number)


def requested_key(supplier: str, invoice: str) -> bytes:
    """State key of the number of the request that is open on an invoice."""
    return state_key("requested", supplier, invoice)


def answer_key(supplier: str, number: str, programme: str) -> bytes:
    """State key of a programme's answer to a request."""
    return state_key("answer", supplier, number, programme)


def read_request(state: Reader, supplier: str, number: str) -> Request | None:
    """The request, if there is one."""
    value = state.get(request_key(supplier, number))
    return None if value is None else Request._make(value)


def read_answer(state: Reader, supplier: str, number: str, programme: str) -> Answer | None:
    """A programme's answer, if it was asked."""
    value = state.get(answer_key(supplier, number, programme))
    return None if value is None else Answer._make(value)


def ask(context: Context, operation: FinanceRequest) -> None:
    """Asked by the supplier, of programmes of receivables; one request is open on an invoice at a time."""
    supplier, number = context.actor, operation.request
    if read_request(context.state, supplier, number) is not None:
        raise refuse("duplicate_number", "number of a request used", field="request", found=number)
    _check_asked(context, supplier, operation)
    for programme in operation.programmes:
        if found_programme(context.state, programme).payables:
            raise refuse(
                "payables_programme", "a buyer's payables programme", field="programmes", found=programme
            )
        context.put(answer_key(supplier, number, programme), tuple(NOT_ANSWERED))
    expiry.check_last_day(context, operation.expires)
    expiry.schedule(context, (REQUEST, supplier, number), operation.expires)
    context.put(requested_key(supplier, operation.invoice), number)
    asked = Request(OPEN, operation.invoice, operation.programmes, 0, context.day, operation.expires)
    context.put(request_key(supplier, number), tuple(asked))


def _check_asked(context: Context, supplier: str, operation: FinanceRequest) -> None:
    if len(set(operation.programmes)) != len(operation.programmes):
        raise refuse("asked_twice", "a programme is named twice", field="programmes")
    invoice = live_invoice(context, supplier, operation.invoice)
    if invoice.title != FREE:
        raise refuse(
            "title_not_free", "somebody has a claim on it", field="invoice", found=TITLE.states[invoice.title]
        )
    if not invoice.outstanding:
        raise refuse(
            "nothing_outstanding", "nothing is left to pay", field="invoice", found=operation.invoice
        )
    running = context.get(requested_key(supplier, operation.invoice))
    if running is not None:
        raise refuse("request_open", "a request is open on it", field="invoice", found=running)


def quote(context: Context, operation: RequestQuote) -> None:
    """Quoted by the lender that was asked; a later quote replaces it."""
    supplier, number = operation.supplier, operation.request
    found, answer = _asked(context, operation)
    status = ANSWER.after(answer.status, operation.op)
    invoice: Invoice = live_invoice(context, supplier, found.invoice)
    if operation.advance > invoice.outstanding:
        raise refuse(
            "exceeds_outstanding",
            "more than is outstanding",
            field="advance",
            found=Money(operation.advance, invoice.currency),
            expected=f"at most {Money(invoice.outstanding, invoice.currency)}",
        )
    quoted = Answer(status, context.day, operation.advance, operation.discount, operation.fee)
    if quoted.paid_out <= 0:
        raise refuse(
            "nothing_paid_out",
            "discount and fee leave nothing to pay out",
            field="discount",
            found=Money(quoted.paid_out, invoice.currency),
            expected="above zero",
        )
    context.put(answer_key(supplier, number, operation.programme), tuple(quoted))


def decline(context: Context, operation: RequestDecline) -> None:
    """Declined by the lender that was asked; with the last one the request is over."""
    supplier, number = operation.supplier, operation.request
    found, answer = _asked(context, operation)
    declined = Answer(ANSWER.after(answer.status, operation.op), context.day, reason=operation.reason)
    context.put(answer_key(supplier, number, operation.programme), tuple(declined))
    count = found.declined + 1
    target = REFUSED if count == len(found.programmes) else OPEN
    status = LIFE.after(found.status, operation.op, target)
    _put(context, supplier, number, found._replace(status=status, declined=count))


def _asked(context: Context, operation: RequestQuote | RequestDecline) -> tuple[Request, Answer]:
    """The open request, and what the signer's programme has answered to it so far."""
    own_programme(context, operation.programme)
    supplier, number = operation.supplier, operation.request
    found = _found(context, supplier, number)
    answer = read_answer(context.state, supplier, number, operation.programme)
    if answer is None:
        raise refuse("not_asked", "the programme was not asked", field="programme", found=operation.programme)
    if found.status != OPEN:
        raise refuse(
            "wrong_state",
            "the request is over",
            field="request",
            found=LIFE.states[found.status],
            expected="Open",
        )
    return found, answer


def _found(context: Context, supplier: str, number: str) -> Request:
    found = read_request(context.state, supplier, number)
    if found is None:
        raise refuse("unknown_request", "no such request", field="request", found=number)
    return found


def withdraw(context: Context, operation: RequestWithdraw) -> None:
    """Withdrawn by the supplier; an offer that stands is declined by itself (`finance.withdraw`)."""
    found = _found(context, context.actor, operation.request)
    status = LIFE.after(found.status, operation.op)
    _put(context, context.actor, operation.request, found._replace(status=status))


def close(context: Context, supplier: str, invoice: str, by: str) -> None:
    """The invoice is financed, or never will be: the request that is open on it, if there is one, is over."""
    number = context.get(requested_key(supplier, invoice))
    if number is not None:
        found = _found(context, supplier, number)
        _put(context, supplier, number, found._replace(status=LIFE.after(found.status, by)))


def expire(context: Context, supplier: str, number: str) -> None:
    """Its last day is over."""
    found = _found(context, supplier, number)
    _put(context, supplier, number, found._replace(status=LIFE.after(found.status, "date.advance")))


def _put(context: Context, supplier: str, number: str, request: Request) -> None:
    """Write a request; one that is over expires no more, and another may be opened on its invoice."""
    if request.status != OPEN:
        expiry.cancel(context, (REQUEST, supplier, number))
        context.state.delete(requested_key(supplier, request.invoice))
    context.put(request_key(supplier, number), tuple(request))
