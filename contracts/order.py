"""Purchase orders: Draft (supplier) -> Issued (buyer).

    ("order", supplier, buyer, order)            -> Order
    ("order_line", supplier, buyer, order, line) -> OrderLine

A line's entry carries its progress (shipped, accepted, rejected, invoiced), so that an invoice writes the
lines that it bills and not the whole order. PartReceived and Received are derived from it.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from contracts.fields import (
    MAX_LINES,
    Currency,
    Date,
    LineId,
    Number,
    Operation,
    OrganisationId,
    Part,
    PositiveQuantity,
    PriceMicros,
)


class OrderedLine(Part):
    """One line of an order."""

    line: LineId
    item: Number = Field(description="what is ordered: article number or short name")
    quantity: PositiveQuantity
    price_micros: PriceMicros


OrderedLines = Annotated[tuple[OrderedLine, ...], Field(min_length=1, max_length=MAX_LINES)]


class OrderSubmit(Operation):
    """A supplier proposes an order that it received; nothing binds until the buyer issues it."""

    op: Literal["order.submit"]
    order: Number = Field(description="order number, as the buyer writes it")
    buyer: OrganisationId
    currency: Currency
    date: Date = Field(description="order date; ISO text YYYY-MM-DD")
    lines: OrderedLines


class OrderIssue(Operation):
    """A buyer issues an order: the supplier's draft as it stands, or (currency, date, lines) of its own."""

    op: Literal["order.issue"]
    order: Number = Field(description="order number, as the buyer writes it")
    supplier: OrganisationId
    currency: Currency | None = Field(None, description="ISO 4217 code; only without a draft")
    date: Date | None = Field(None, description="order date; ISO text YYYY-MM-DD; only without a draft")
    lines: OrderedLines | None = Field(None, description="what is ordered; only without a draft")
