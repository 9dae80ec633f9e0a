"""Payments that a settlement bank attests: money from a buyer, towards one invoice.

    ("bank_entry", account, entry) -> (bank, kind, supplier, invoice, currency, amount)
    ("account", account)           -> bank

A bank's entry is consumed once. On a Free invoice the money is the supplier's; on an Assigned one it
runs through the waterfall of `contracts.finance`: that is the settlement.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from contracts.fields import Currency, Date, Number, Operation, OrganisationId, PositiveAmount


class PaymentAttest(Operation):
    """A settlement bank attests that the buyer paid towards an invoice."""

    op: Literal["payment.attest"]
    account: Number = Field(description="account on which the money arrived, IBAN or the bank's own form")
    entry: Number = Field(description="the bank's reference of the entry; consumed once per account")
    date: Date = Field(description="booking day; ISO text YYYY-MM-DD")
    currency: Currency
    payer: OrganisationId = Field(description="organisation id of the buyer that paid")
    amount: PositiveAmount = Field(description="amount that arrived; minor units")
    invoice: Number = Field(description="invoice number, as the supplier writes it")
    supplier: OrganisationId
