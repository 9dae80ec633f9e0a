"""Requests for finance, as the API shows them."""

from __future__ import annotations

from pydantic import Field

from node.api.forms import View


class AnswerView(View):
    """What one programme has answered to a request for finance."""

    programme: str
    lender: str
    status: str = Field(description="Asked, Quoted or Declined")
    answered: str | None
    advance: int | None
    discount: int | None
    fee: int | None
    paid_out: int | None = Field(description="as quoted; binds nobody")
    reason: str | None
    offers: bool = Field(description="its binding offer stands on the invoice")


class RequestView(View):
    """A supplier's request for finance."""

    supplier: str
    request: str
    status: str = Field(description="Open, Accepted, Refused, Expired, Withdrawn or Void")
    invoice: str
    buyer: str
    currency: str
    outstanding: int
    due_date: str
    requested: str
    expires: str
    answers: list[AnswerView]


class RequestsView(View):
    """A page of requests; it may hold fewer than its limit, or none, and still have a next one."""

    requests: list[RequestView]
    next: str | None
