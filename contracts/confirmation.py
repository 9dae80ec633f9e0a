"""What the buyer says to an invoice: confirmed, disputed or rejected, by its own key.

Submitted | Disputed -> Confirmed | Disputed | Rejected
Confirmed -> contested (no new finance) -> Confirmed
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from contracts.fields import Date, Number, Operation, OrganisationId, PositiveAmount, Reason


class InvoiceConfirm(Operation):
    """A buyer confirms that it owes the net by the due date; below the gross, the rest is credited."""

    op: Literal["invoice.confirm"]
    invoice: Number = Field(description="invoice number, as the supplier writes it")
    supplier: OrganisationId
    net: PositiveAmount = Field(description="amount that the buyer will pay in all; minor units")
    due_date: Date = Field(description="day on which payment is due; ISO text YYYY-MM-DD")


class InvoiceDispute(Operation):
    """A buyer contests an amount of an invoice; a later confirmation resolves it."""

    op: Literal["invoice.dispute"]
    invoice: Number = Field(description="invoice number, as the supplier writes it")
    supplier: OrganisationId
    amount: PositiveAmount = Field(description="amount in dispute; minor units")
    reason: Reason


class InvoiceReject(Operation):
    """A buyer rejects an invoice that it has not confirmed: it owes nothing."""

    op: Literal["invoice.reject"]
    invoice: Number = Field(description="invoice number, as the supplier writes it")
    supplier: OrganisationId
    reason: Reason
