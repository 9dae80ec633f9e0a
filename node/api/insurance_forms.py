"""OpenAPI forms of the insurance views in `contracts.insurance.insurance_views`."""

from __future__ import annotations

from pydantic import Field

from node.api.forms import View


class LimitView(View):
    """A limit, and the first day of shipment that it holds for."""

    from_: str = Field(alias="from")
    limit: int


class InsuredBuyerView(View):
    """A buyer's limit under a policy."""

    buyer: str
    suppliers: list[str] = Field(description="whose invoices are insured")
    limit: int = Field(description="for goods shipped on the business date")
    used: int = Field(description="insured losses of accepted claims")
    premium: int
    pd_ppm: int = Field(description="probability of default behind the premium; ppm")
    limits: list[LimitView]


class SuspensionView(View):
    """Days on which what is shipped is not covered."""

    from_: str = Field(alias="from")
    until: str | None = Field(description="first day with cover again")


class PolicyView(View):
    """A policy on the business date."""

    insurer: str
    policy: str
    status: str = Field(description="Quoted, Bound, Active, Suspended, Exhausted or Expired")
    business_date: str
    assured: str
    currency: str
    insured_ppm: int
    deductible: int
    waiting_days: int = Field(description="days from the due date until a loss may be filed")
    notify_days: int = Field(description="days from the due date in which to notify")
    maximum: int
    promised: int = Field(description="indemnities of accepted claims")
    premium: int
    loss_payee: str | None
    starts: str
    ends: str
    bind_by: str
    covers_from: str | None = Field(description="first day with cover; not before the premium is paid")
    suspended: list[SuspensionView]
    buyers: list[InsuredBuyerView]


class PoliciesView(View):
    """A page of policies; it may hold fewer than its limit, or none, and still have a next one."""

    policies: list[PolicyView]
    next: str | None


class ClaimView(View):
    """An insurance claim."""

    assured: str
    claim: str
    status: str = Field(description="Notified, Waiting, Filed, Accepted, Rejected, Disputed, Paid, …")
    insurer: str
    policy: str
    supplier: str
    invoice: str
    currency: str
    limit: int = Field(description="least limit of the days of shipment")
    loss: int
    indemnity: int
    paid: int
    ceded: int = Field(description="the insurer's part of recoveries that it has")
    notified: str
    filed: str | None
    file_from: str | None = Field(description="first day on which it may be filed; null once it is")
    reason: str | None
    indemnity_today: int | None = Field(description="what an acceptance would promise; null once decided")
    recovered: int
    to_cede: int = Field(description="the insurer's part of recoveries that it has not yet")


class ClaimsView(View):
    """A page of claims; it may hold fewer than its limit, or none, and still have a next one."""

    claims: list[ClaimView]
    next: str | None
