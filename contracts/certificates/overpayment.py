"""What a certificate was paid beyond its face: the obligor's, until a bank attests that it has gone back.

    ("overpaid", obligor, certificate) -> minor units of the certificate's currency; absent if nothing is

Out of a deposit no more is paid than is owed (`certificate.redeem`), so there is too much only where a bank
has attested what arrived. The money never was part of the promise: a refund changes no leaf (invariants 2,
25).
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from contracts.cash import bank
from contracts.certificates.leaf import found_promise
from contracts.context import Context
from contracts.errors import refuse
from contracts.fields import (
    Account,
    BookingDay,
    CertificateNumber,
    EntryNumber,
    Operation,
    OrganisationId,
    PositiveAmount,
)
from ledger.money import Money, checked_total
from ledger.state.overlay import Reader, state_key


class CertificateRefund(Operation):
    """A settlement bank attests that what an obligor paid beyond a certificate's face has gone back to it."""

    op: Literal["certificate.refund"]
    obligor: OrganisationId
    certificate: CertificateNumber
    account: Account = Field(description="account from which the money left")
    entry: EntryNumber
    date: BookingDay
    amount: PositiveAmount = Field(description="amount paid back, at most what is overpaid; minor units")


def overpaid_key(obligor: str, certificate: str) -> bytes:
    """State key of what a certificate was paid beyond its face."""
    return state_key("overpaid", obligor, certificate)


def read_overpaid(state: Reader, obligor: str, certificate: str) -> int:
    """What a certificate was paid beyond its face and has not gone back; minor units."""
    return int(state.get(overpaid_key(obligor, certificate)) or 0)


def keep(context: Context, obligor: str, certificate: str, amount: int) -> None:
    """Keep what a payment brought beyond what was owed; the caller posts it to "overpaid"."""
    if amount:
        kept = checked_total(read_overpaid(context.state, obligor, certificate) + amount)
        context.put(overpaid_key(obligor, certificate), kept)


def refund(context: Context, operation: CertificateRefund) -> None:
    """Attested by the bank: the entry is consumed, and so much less is overpaid."""
    obligor, number, amount = operation.obligor, operation.certificate, operation.amount
    bank.check_unused(context, operation.account, operation.entry, bank.CERTIFICATE_REFUND)
    context.require_past(operation.date, "date")
    promise = found_promise(context, obligor, number)
    left = read_overpaid(context.state, obligor, number) - amount
    if left < 0:
        raise refuse(
            "exceeds_overpaid",
            "more than was paid beyond the face",
            field="amount",
            found=Money(amount, promise.currency),
            expected=f"at most {Money(left + amount, promise.currency)}",
        )
    if operation.date < promise.issued:
        raise refuse("date_order", "paid back before it was issued", field="date")
    entry = bank.BankEntry(
        context.actor, bank.CERTIFICATE_REFUND, obligor, number, promise.currency, amount, operation.date
    )
    bank.consume(context, operation.account, operation.entry, entry)
    if left:
        context.put(overpaid_key(obligor, number), left)
    else:
        context.state.delete(overpaid_key(obligor, number))
    context.post(
        (
            (obligor, "overpaid", promise.currency, -amount),
            (obligor, "overpayments returned", promise.currency, amount),
        )
    )
