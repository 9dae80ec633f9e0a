"""Programmes, who takes part in one, and what a buyer approved, as the API shows them."""

from __future__ import annotations

from pydantic import Field

from contracts.finance.eligibility import Rules
from contracts.pricing import ProgrammeTerms
from node.api.forms import View


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


class SetAsideView(View):
    """Money of a funder that is held for its payables programme."""

    bank: str
    amount: int


class BuyerProgrammeView(View):
    """What makes a programme the payables finance of one buyer."""

    buyer: str
    extension_days: int
    extension_rate_ppm: int
    set_aside: SetAsideView | None


class ProgrammeView(View):
    """A lender's programme."""

    programme: str
    lender: str
    revision: int
    terms: ProgrammeTerms
    payables: BuyerProgrammeView | None = Field(
        description="whose payables it finances, and the money set aside"
    )
    rules: Rules = Field(description="what the programme takes besides what the price asks")
    drawn: DrawnView
    eligible: int = Field(description="out on the obligors that it takes, less what lies over their cap")
    over_concentration: int = Field(description="what of it lies over the cap on one obligor's share")
    exposures: dict[str, ExposureView] = Field(description="by obligor, over all programmes of the lender")
    suppliers: dict[str, DrawnView] = Field(description="of the suppliers that the rules name")


class ProgrammesView(View):
    """A page of programmes."""

    programmes: list[ProgrammeView]
    next: str | None


class ChargesView(View):
    """What a payables programme charged on the day of an enrolment."""

    discount_basis: str
    discount_rate_ppm: int
    day_count: int
    fee_ppm: int


class EnrolmentView(View):
    """A supplier that takes part in a payables programme."""

    programme: str
    supplier: str
    bank: str
    standing: bool = Field(description="every approved invoice is financed at once, for `charges` or less")
    since: str
    charges: ChargesView


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


class ApprovalsView(View):
    """A page of approvals; it may hold fewer than its limit, or none, and still have a next one."""

    approvals: list[ApprovalView]
    next: str | None
