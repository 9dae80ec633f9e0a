"""Demands on suppliers, as the API shows them."""

from __future__ import annotations

from pydantic import Field

from node.api.forms import View


class DemandView(View):
    """What a lender demands of a supplier."""

    lender: str
    recourse: str = Field(description="number of the demand, as the lender writes it")
    status: str = Field(
        description="Demanded, Contested, Repurchased, Substituted, Offset or Closed",
    )
    supplier: str
    invoice: str
    cause: str = Field(description="dilution, warranty or overdue")
    currency: str
    amount: int = Field(description="what was due on the day of the demand; minor units")
    date: str = Field(description="day of the demand")
    reason: str
    answer: str | None = Field(description="why the supplier contests it, or why the lender has closed it")
    proposed: str | None = Field(description="invoice that the supplier proposes in place of this one")
    business_date: str
    due_today: int | None = Field(
        description="what meets it on the business date; null once it is over, or if an insurer makes it good"
    )


class DemandsView(View):
    """A page of demands; it may hold fewer than its limit, and still have a next one."""

    demands: list[DemandView]
    next: str | None
