"""Orders, shipments, invoices and credit notes, as the API shows them."""

from __future__ import annotations

from pydantic import Field

from node.api.forms import View


class BilledLineView(View):
    """A line of an invoice."""

    line: str
    quantity: int
    amount: int


class TaxView(View):
    """Value added tax of one category and rate."""

    category: str
    rate_ppm: int
    taxable: int
    amount: int


class ShareView(View):
    """One lender's part of a claim."""

    lender: str
    part: int
    left: int


class FinanceView(View):
    """The claim on an invoice, or the deal that it was part of."""

    stage: str = Field(description="Offered, Accepted, Funded or Closed")
    lender: str = Field(description="empty if several lenders share the claim")
    shares: list[ShareView]
    programme: str
    offered: str
    expires: str
    funded: str | None
    security: str = Field(description="assignment or pledge")
    arrangement: bool = Field(description="under a supplier finance arrangement of the buyer (IAS 7 §44H)")
    quote: str | None = Field(description="digest of the quote that was offered; none for an auction's price")
    recourse: str | None = Field(description="number of the lender's demand that stands open")
    resale: str | None = Field(description="number of its offer to another lender that stands open")
    bought_from: str | None = Field(description="lender that sold it to this one; null if the supplier did")
    net: int
    tenor_days: int
    advance: int
    reserve: int
    discount: int
    fee: int
    paid_out: int
    principal: int
    reserve_left: int
    interest_due: int
    interest_paid: int
    shortfall: int
    recourse_days: int
    default_days: int
    costs_limit: int
    costs_charged: int
    costs_paid: int
    collected: int
    repaid: int
    indemnified: int = Field(description="principal that the supplier's insurer has paid")
    subrogated: int = Field(description="what the buyer owes to that insurer; the supplier has it in trust")


class InvoiceView(View):
    """An invoice on all its axes."""

    supplier: str
    invoice: str
    buyer: str
    currency: str
    issue_date: str
    due_date: str
    order: str | None
    lines: list[BilledLineView]
    credited_units: dict[str, int] = Field(description="units of each line that credit notes took off")
    tax: int
    taxes: list[TaxView]
    prepaid: int
    gross: int
    net: int | None
    credited: int
    paid: int
    offset: int
    written_off: int
    outstanding: int
    unapplied: int = Field(description="paid beyond what was owed, and not gone back to the buyer yet")
    contested: int
    validity: str = Field(description="Submitted, Confirmed, Disputed, Rejected or Cancelled")
    title: str = Field(description="Free, Reserved or Assigned")
    cash: str = Field(description="Open, PartPaid, Settled or Void")
    maturity: str | None = Field(description="NotDue, Matured or Overdue, by the ledger's business date")
    days_past_due: int
    matched: bool
    credit_due: bool = Field(description="goods of its order went back and are still billed: no new finance")
    recorded: str | None = Field(description="day on which it came to the ledger")
    backdated: bool
    document: str | None = Field(description="SHA-256 of the document, hex")
    finance: FinanceView | None


class InvoicesView(View):
    """A page of invoices; it may hold fewer than its limit, or none, and still have a next one."""

    invoices: list[InvoiceView]
    next: str | None


class OrderLineView(View):
    """A line of an order and how far it has come."""

    line: str
    item: str
    quantity: int
    price_micros: int
    shipped: int
    accepted: int
    rejected: int
    invoiced: int
    returned: int
    lost: int
    amount: int
    units_to_credit: int = Field(description="units billed beyond what the buyer keeps")
    to_credit: int = Field(description="those at the price of the order")


class AmendedLineView(View):
    """A line of an order as an amendment has it."""

    line: str
    item: str
    quantity: int
    price_micros: int


class AmendmentView(View):
    """The newest amendment of an order."""

    number: int
    status: str = Field(description="Proposed, Agreed or Declined")
    proposer: str
    lines: list[AmendedLineView]


class OrderView(View):
    """An order."""

    supplier: str
    buyer: str
    order: str
    currency: str
    date: str
    status: str = Field(
        description="Draft, Issued, Acknowledged, PartReceived, Received, Closed or Cancelled"
    )
    amount: int
    to_credit: int = Field(description="billed beyond what the buyer keeps: a credit note is due")
    lines: list[OrderLineView]
    amendment: AmendmentView | None


class OrdersView(View):
    """A page of orders."""

    orders: list[OrderView]
    next: str | None


class ShippedLineView(View):
    """A line of a shipment."""

    line: str
    shipped: int
    accepted: int
    rejected: int
    returned: int


class ShipmentView(View):
    """A shipment and what the buyer found in it."""

    supplier: str
    shipment: str
    buyer: str
    order: str
    status: str = Field(description="Created, Dispatched, Delivered, Received, Refused, Lost or Returned")
    carrier: str | None
    dispatched: str | None
    recorded: str | None = Field(description="day on which the dispatch came to the ledger")
    scheduled: str | None
    delivered: str | None
    received: str | None = Field(description="day of receipt, refusal or loss")
    units: list[str] = Field(description="SSCC and EPCIS event ids")
    lines: list[ShippedLineView]


class ShipmentsView(View):
    """A page of shipments; it may hold fewer than its limit, and still have a next one."""

    shipments: list[ShipmentView]
    next: str | None


class CreditedLineView(View):
    """Units of an invoice's line that a credit note takes off."""

    line: str
    quantity: int


class CreditView(View):
    """A credit note."""

    supplier: str
    credit: str
    buyer: str
    invoice: str
    currency: str
    amount: int
    applied: int = Field(description="what of it has reduced invoices so far")
    lines: list[CreditedLineView]
    date: str
    status: str = Field(description="Issued, Accepted, Applied or Rejected")


class CreditsView(View):
    """A page of credit notes; it may hold fewer than its limit, and still have a next one."""

    credits: list[CreditView]
    next: str | None
