"""Invoices: submission with the three-way match, and cancellation.

    ("invoice", supplier, invoice) -> Invoice
    ("fingerprint", 32 bytes)      -> (supplier, invoice), while the invoice is neither Cancelled nor Rejected

Four independent axes: validity (what buyer and supplier say), title (who owns it), cash (what was paid), and
what is derived from the business date (due, overdue), which is never stored.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from contracts.fields import (
    MAX_LINES,
    Amount,
    Currency,
    Date,
    DocumentHash,
    LineId,
    Number,
    Operation,
    OptionalNumber,
    OrganisationId,
    Part,
    PositiveAmount,
    PositiveQuantity,
    SignedAmount,
)


class BilledLine(Part):
    """One line of an invoice."""

    line: LineId = Field(description="line of the order; of the invoice where there is no order")
    quantity: PositiveQuantity
    amount: Amount = Field(description="line net, rounded to the minor unit; minor units")


class InvoiceSubmit(Operation):
    """A supplier bills a buyer. gross = Σ lines + tax + adjustment."""

    op: Literal["invoice.submit"]
    invoice: Number = Field(description="invoice number, as the supplier writes it")
    buyer: OrganisationId
    currency: Currency
    issue_date: Date = Field(description="day of issue, not after the business date; ISO text YYYY-MM-DD")
    due_date: Date = Field(description="day on which payment is due; ISO text YYYY-MM-DD")
    order: OptionalNumber = Field(description="order number for the three-way match; empty for none")
    lines: Annotated[tuple[BilledLine, ...], Field(max_length=MAX_LINES)] = Field(
        description="lines billed; at least one where there is an order"
    )
    tax: Amount = Field(description="value added tax in all; minor units")
    adjustment: SignedAmount = Field(
        0, description="allowances, charges, prepayment and rounding of the whole document; minor units"
    )
    gross: PositiveAmount = Field(description="amount due for payment; minor units")
    document: DocumentHash


class InvoiceCancel(Operation):
    """A supplier withdraws an invoice that nobody financed and nobody paid."""

    op: Literal["invoice.cancel"]
    invoice: Number = Field(description="invoice number, as the supplier writes it")
