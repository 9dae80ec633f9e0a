"""The forms of the contract views, for the OpenAPI document; `contracts` makes the values.

Amounts are integers of minor units of the `currency` beside them, days ISO text. The models
forbid fields that they do not name, and a test reads every view through its model: what is
written here is what is sent.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class View(BaseModel):
    """Base of all views: exactly the named fields."""

    model_config = ConfigDict(extra="forbid", defer_build=True)


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


class RelationshipView(View):
    """How much two parties have traded; the history file proves it."""

    supplier: str
    buyer: str
    records: int
    head: str
    business_date: str
    currencies: dict[str, dict[str, Any]] = Field(description="running sums by currency")


class PartnershipView(View):
    """A relationship that a party has."""

    since: str
    supplier: str
    buyer: str


class RelationshipsView(View):
    """The relationships of a party, oldest first; its history file proves the list complete."""

    party: str
    relationships: list[PartnershipView]


class IdentifierView(View):
    """An identifier of an organisation outside of the ledger."""

    scheme: str
    value: str


class OrganisationView(View):
    """An organisation."""

    id: str
    name: str
    lei: str | None
    roles: list[str]
    identifiers: list[IdentifierView]
    active_keys: int


class OrganisationsView(View):
    """A page of organisations."""

    organisations: list[OrganisationView]
    next: str | None


class KeyView(View):
    """An enrolled key."""

    key: str
    organisation: str
    name: str
    enrolled_by: str
    enrolled: str | None = Field(description="business date of its enrolment; null for keys from the start")
    status: str = Field(description="Active or Revoked")


class KeysView(View):
    """A page of keys; it may hold fewer than its limit, or none, and still have a next one."""

    keys: list[KeyView]
    next: str | None


class MemberView(View):
    """A node of the membership in force."""

    node: str
    organisation: str
    role: str = Field(description="voter, incoming, outgoing or learner")
    key: str
    address: str | None = Field(description="where other nodes reach it, if its organisation said so")


class TargetView(View):
    """The membership that was adopted and is not in force yet."""

    quorum: int
    voters: list[str]
    learners: list[str]


class MembershipView(View):
    """The membership in force, and what it is becoming."""

    hash: str
    since_height: int = Field(description="height of the block that changed it last; 0 for the genesis block")
    changes: int = Field(description="how often it has changed")
    quorum: int = Field(description="acknowledgements of voters that commit a block")
    outgoing_quorum: int | None = Field(description="and of outgoing voters, while it is joint")
    joint: bool = Field(description="whether it is on its way from outgoing voters to others")
    members: list[MemberView]
    former: list[str] = Field(description="node ids that were used and are never used again")
    approving: list[str] = Field(description="organisations that decide: those that run voters")
    approvals_needed: int
    target: TargetView | None
    steps_left: list[str] = Field(description="learners, enter, leave: the blocks that lead to the target")


class ProposalView(View):
    """A proposal about the membership."""

    proposal: str
    proposer: str
    change: dict[str, Any]
    last_day: str = Field(description="last business date on which it can be adopted")
    approvals: list[str]
    status: str = Field(description="Open, Adopted, Withdrawn or Expired")


class ProposalsView(View):
    """A page of proposals about the membership."""

    proposals: list[ProposalView]
    next: str | None


class ExposureView(View):
    """What counts against a lender's limit on one obligor."""

    limit: int
    reserved: int
    funded: int


class DrawnView(View):
    """What a programme has out, against a limit of its own."""

    limit: int | None
    reserved: int
    funded: int


class ProgrammeView(View):
    """A lender's programme."""

    programme: str
    lender: str
    revision: int
    terms: dict[str, Any]
    payables: dict[str, Any] | None = Field(description="whose payables it finances, and the money set aside")
    rules: dict[str, Any] = Field(description="what the programme takes besides what the price asks")
    drawn: DrawnView
    eligible: int = Field(description="out on the obligors that it takes, less what lies over their cap")
    over_concentration: int = Field(description="what of it lies over the cap on one obligor's share")
    exposures: dict[str, ExposureView] = Field(description="by obligor, over all programmes of the lender")
    suppliers: dict[str, DrawnView] = Field(description="of the suppliers that the rules name")


class EnrolmentView(View):
    """A supplier that takes part in a payables programme."""

    programme: str
    supplier: str
    bank: str
    standing: bool = Field(description="every approved invoice is financed at once")
    since: str


class EnrolmentsView(View):
    """A page of enrolments."""

    enrolments: list[EnrolmentView]
    next: str | None


class PayablesPriceView(View):
    """What an approved invoice is financed at today."""

    tenor_days: int
    discount: int
    fee: int
    paid_out: int


class ApprovalView(View):
    """An invoice that its buyer has undertaken to pay in full."""

    programme: str
    supplier: str
    invoice: str
    buyer: str
    currency: str
    net: int
    outstanding: int
    approved: str
    due_date: str
    approved_due_date: str
    extend_until: str = Field(description="last day to which the buyer may put the payment off")
    extension_rate_ppm: int
    principal: int = Field(description="what the funder has paid and the buyer owes it; 0 before")
    day_count: int = Field(description="days of a year for the cost of an extension")
    title: str
    financed: bool = Field(description="the supplier has its money")
    price: PayablesPriceView | None
    refused: str | None = Field(description="the code for which it is not financed today")


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


class ApprovalsView(View):
    """A page of approvals; it may hold fewer than its limit, or none, and still have a next one."""

    approvals: list[ApprovalView]
    next: str | None


class ProgrammesView(View):
    """A page of programmes."""

    programmes: list[ProgrammeView]
    next: str | None


class AccountView(View):
    """A cash account: what the banks' attestations add up to."""

    organisation: str
    account: str
    currency: str
    balance: int


class AccountsView(View):
    """A page of cash accounts."""

    accounts: list[AccountView]
    next: str | None
