"""Offers between lenders, as the API shows them."""

from __future__ import annotations

from pydantic import Field

from node.api.forms import View


class ResaleView(View):
    """A lender's offer to sell a claim that it holds to another lender."""

    seller: str
    resale: str
    status: str = Field(description="Offered, Sold, Withdrawn, Expired or Void")
    lender: str = Field(description="to whom it is offered")
    supplier: str
    invoice: str
    currency: str
    price: int
    principal: int = Field(description="what was left to the seller when it was offered")
    outstanding: int = Field(description="what the invoice owed then")
    due_date: str
    offered: str
    expires: str = Field(description="last business date on which it can be paid")


class ResalesView(View):
    """A page of offers between lenders; it may hold fewer than its limit, and still have a next one."""

    resales: list[ResaleView]
    next: str | None
