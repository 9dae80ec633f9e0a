"""OpenAPI forms of the certificate views in `contracts.certificates.certificate_views`."""

from __future__ import annotations

from pydantic import Field

from node.api.forms import View


class CertificateTotalsView(View):
    """The sums of a certificate: issued = live + redeemed + written_off."""

    issued: int = Field(description="face; 0 once it is void")
    live: int
    redeemed: int
    written_off: int
    leaves: int = Field(description="leaves numbered so far, split ones included")


class PromiseView(View):
    """What an obligor has promised, with the sums of its leaves."""

    obligor: str
    certificate: str
    payee: str
    currency: str
    face: int
    maturity: str
    cut_off: str = Field(description="from this day on nothing moves any more")
    smallest: int = Field(description="no split makes a smaller leaf")
    highest_tier: int
    invoice: str | None = Field(description="invoice of the payee that it replaces")
    issued: str
    business_date: str
    totals: CertificateTotalsView
    overpaid: int = Field(description="paid beyond the face, and not gone back to the obligor yet")


class LeafView(View):
    """A leaf."""

    leaf: int
    parent: int | None
    status: str = Field(description="Issued, Held, Split, Sold, Pledged, Redeemed, …")
    holder: str
    tier: int
    amount: int
    live: int = Field(description="what the obligor owes or will owe on it")
    redeemed: int
    written_off: int
    offered_to: str | None
    lender: str | None = Field(description="who has the pledge")
    frozen: bool
    expires: str | None = Field(description="last day of the offer")
    price: int | None
    repay: int | None = Field(description="what frees a pledge")


class CertificateView(PromiseView):
    """A certificate with all its leaves."""

    leaves: list[LeafView]


class CertificatesView(View):
    """A page of certificates; it may hold fewer than its limit, or none, and still have a next one."""

    certificates: list[PromiseView]
    next: str | None
