"""Release of a pledge: the supplier repays the advance before the buyer pays, and has its receivable back.

What is due is computed by the ledger: costs charged, overdue interest, principal. The discount is not paid
back: it was the price of the whole tenor.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from contracts.context import Context
from contracts.errors import refuse
from contracts.fields import (
    Account,
    BookingDay,
    EntryNumber,
    InvoiceNumber,
    Operation,
    OrganisationId,
    PositiveAmount,
)
from contracts.finance import recourse, repayment
from contracts.finance.claim import Lien, held_lien
from contracts.insurance.insurance_claim import check_not_indemnified
from contracts.trade.invoice import PLEDGED, RELEASED, TITLE


class ReleasePay(Operation):
    """A supplier repays an advance out of its deposit: its receivable is free again in the same operation."""

    op: Literal["release.pay"]
    invoice: InvoiceNumber
    bank: OrganisationId = Field(description="settlement bank at which lender and supplier have deposits")
    amount: PositiveAmount = Field(description="what is due today: costs, interest, principal; minor units")


class ReleaseAttest(Operation):
    """A settlement bank attests that a supplier has repaid an advance: its receivable is free again."""

    op: Literal["release.attest"]
    account: Account = Field(description="account on which the money was booked")
    entry: EntryNumber
    date: BookingDay
    supplier: OrganisationId
    invoice: InvoiceNumber
    amount: PositiveAmount = Field(description="what was due on that day; minor units")


def pay(context: Context, operation: ReleasePay) -> None:
    """Signed by the supplier: the lender has its money and the supplier its receivable, or neither."""
    supplier, number = context.actor, operation.invoice
    lien = _pledge(context, supplier, number)
    parts = repayment.whole(lien, context.day)
    repayment.from_deposit(context, supplier, number, lien, parts, operation.bank, operation.amount)
    ended = recourse.when_over(context, lien, RELEASED)
    repayment.give_back(context, supplier, number, ended, context.day)


def attest(context: Context, operation: ReleaseAttest) -> None:
    """Attested by the bank: the entry is consumed and the receivable is free in one operation."""
    supplier, number = operation.supplier, operation.invoice
    lien = _pledge(context, supplier, number)
    parts = repayment.whole(lien, operation.date)
    booking = repayment.Booking(operation.account, operation.entry, operation.date, operation.amount)
    repayment.from_bank(context, supplier, number, lien, parts, booking)
    ended = recourse.when_over(context, lien, RELEASED)
    repayment.give_back(context, supplier, number, ended, operation.date)


def _pledge(context: Context, supplier: str, number: str) -> Lien:
    lien = held_lien(context, supplier, number)
    if lien.title != PLEDGED:
        raise refuse(
            "not_pledged",
            "it was sold, not pledged",
            field="invoice",
            found=TITLE.states[lien.title],
            expected=TITLE.states[PLEDGED],
        )
    check_not_indemnified(context.state, supplier, number, lien)
    return lien
