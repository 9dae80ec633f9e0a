"""Offers of early payment, as the API shows them."""

from __future__ import annotations

from pydantic import Field

from node.api.forms import View


class DiscountStepView(View):
    """A discount and the last day on which it can be had."""

    until: str
    discount_ppm: int
    discount: int = Field(description="of what was outstanding when it was offered; minor units")
    rate_a_year_ppm: int | None = Field(
        description="what paying on that day earns the buyer a year; null once the invoice is due by then"
    )


class EarlyPaymentView(View):
    """A buyer's offer to pay an invoice early."""

    supplier: str
    invoice: str
    buyer: str
    status: str = Field(description="Offered, Accepted, Paid, Expired, Withdrawn or Void")
    currency: str
    net: int = Field(description="what was outstanding when it was offered; minor units")
    due_date: str
    until: str = Field(description="last day of the offer; once accepted, last day to pay on")
    business_date: str
    discount_today: int | None = Field(description="null when there is none to be had")
    agreed_discount: int | None = Field(description="null before the supplier accepts")
    steps: list[DiscountStepView]


class EarlyPaymentsView(View):
    """A page of offers; it may hold fewer than its limit, and still have a next one."""

    early_payments: list[EarlyPaymentView]
    next: str | None
