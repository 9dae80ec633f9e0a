"""Credit notes: Issued (supplier) -> Accepted and applied (buyer) | Rejected (buyer).

("credit", supplier, credit) -> CreditNote
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from contracts.fields import Date, Number, Operation, OrganisationId, PositiveAmount, Reason


class CreditIssue(Operation):
    """A supplier grants a credit on one invoice."""

    op: Literal["credit.issue"]
    credit: Number = Field(description="credit note number, as the supplier writes it")
    invoice: Number = Field(description="invoice number, as the supplier writes it")
    amount: PositiveAmount = Field(description="minor units of the invoice's currency")
    date: Date = Field(description="day of issue; ISO text YYYY-MM-DD")


class CreditAccept(Operation):
    """A buyer accepts a credit note: what it owes on the invoice falls by the amount."""

    op: Literal["credit.accept"]
    credit: Number = Field(description="credit note number, as the supplier writes it")
    supplier: OrganisationId


class CreditReject(Operation):
    """A buyer refuses a credit note: nothing changes on the invoice."""

    op: Literal["credit.reject"]
    credit: Number = Field(description="credit note number, as the supplier writes it")
    supplier: OrganisationId
    reason: Reason
