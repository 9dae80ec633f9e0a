"""Finance of one invoice: offered -> accepted -> funded -> settled.

    ("lien", supplier, invoice)              -> Lien, present if and only if title is not Free
    ("exposure", lender, obligor, currency)  -> (reserved, funded)

| title | from | by |
|---|---|---|
| Reserved | Free | the lender's offer, at the price that the ledger computes |
| Free | Reserved | withdrawal, expiry, or any change of the invoice before funding |
| Assigned | Reserved | the bank's attestation of the payout: title, cash and exposure move in one operation |
| Free | Assigned | the invoice is settled: nothing is owed any more |
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from contracts.fields import (
    Amount,
    Date,
    Number,
    Operation,
    OrganisationId,
    Part,
    PositiveAmount,
    ProgrammeId,
)


class OfferTerms(Part):
    """The price as quoted; an offer is refused unless the ledger computes exactly this."""

    net: PositiveAmount = Field(description="net bought; minor units")
    tenor_days: int = Field(ge=0, le=3_660, description="days until payment is expected")
    advance: Amount = Field(description="minor units")
    reserve: Amount = Field(description="net - advance, the supplier's when the buyer has paid; minor units")
    discount: Amount = Field(description="minor units")
    fee: Amount = Field(description="minor units")
    paid_out: PositiveAmount = Field(description="advance - discount - fee; minor units")


class FinanceOffer(Operation):
    """A lender offers to buy a confirmed invoice; title is reserved for it until the offer expires."""

    op: Literal["finance.offer"]
    programme: ProgrammeId
    supplier: OrganisationId
    invoice: Number = Field(description="invoice number, as the supplier writes it")
    expires: Date = Field(description="last business date on which the offer stands; ISO text YYYY-MM-DD")
    terms: OfferTerms


class FinanceAccept(Operation):
    """A supplier accepts the offer that stands on its invoice."""

    op: Literal["finance.accept"]
    invoice: Number = Field(description="invoice number, as the supplier writes it")


class FinanceFund(Operation):
    """A settlement bank attests the payout to the supplier: cash and title move together."""

    op: Literal["finance.fund"]
    account: Number = Field(description="account from which the money left")
    entry: Number = Field(description="the bank's reference of the entry; consumed once per account")
    date: Date = Field(description="booking day; ISO text YYYY-MM-DD")
    invoice: Number = Field(description="invoice number, as the supplier writes it")
    supplier: OrganisationId
    lender: OrganisationId
    amount: PositiveAmount = Field(description="amount paid out; minor units of the invoice's currency")


class FinanceWithdraw(Operation):
    """A lender takes back an offer that the supplier has not accepted."""

    op: Literal["finance.withdraw"]
    supplier: OrganisationId
    invoice: Number = Field(description="invoice number, as the supplier writes it")
