"""The ledger's business date: ("param", "business_date") -> day, advanced by a transaction.

Everything that depends on the passing of days (overdue, matured, an offer's expiry) reads this date and
never a clock. Advancing it releases the reservations that expired (invariant 14).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from pydantic import Field

from contracts import expiry
from contracts.cash import exchange
from contracts.certificates import certificate
from contracts.context import BUSINESS_DATE, Context
from contracts.errors import refuse
from contracts.fields import Date, Operation
from contracts.finance import offer, request, resale, secondary
from contracts.market import auction, early_payment, share
from ledger.dates import iso_from_day

MAX_ADVANCE_DAYS = 3_660
"""Days that one operation may advance: there is no way back, and a year is easily mistyped."""


class DateAdvance(Operation):
    """Move the business date forward."""

    op: Literal["date.advance"]
    date: Date = Field(description="new business date, after the present one; ISO text YYYY-MM-DD")


def advance(context: Context, operation: DateAdvance) -> None:
    """Advanced by the operator; the offers whose last day has passed are released."""
    before = context.day
    if operation.date <= before:
        raise refuse(
            "date_order",
            "the business date only moves forward",
            field="date",
            found=iso_from_day(operation.date),
            expected=f"after {iso_from_day(before)}",
        )
    if operation.date > before + MAX_ADVANCE_DAYS:
        raise refuse(
            "date_too_far",
            "too far at once",
            field="date",
            found=f"{operation.date - before} days",
            expected=f"at most {MAX_ADVANCE_DAYS}",
        )
    released = sum(expiry.count_overdue(context, kind, before, operation.date) for kind, _ in _EXPIRE)
    if released > MAX_RELEASED:
        raise refuse(
            "date_too_far",
            "more expires until then than can at once",
            field="date",
            found=f"{released} documents",
            expected=f"at most {MAX_RELEASED}, as on any one day",
        )
    context.put(BUSINESS_DATE, operation.date)
    context.day = operation.date
    for kind, expire in _EXPIRE:
        for party, document in expiry.overdue(context, kind, before, operation.date):
            expire(context, party, document)


_EXPIRE: tuple[tuple[str, Callable[[Context, str, str], None]], ...] = (
    (offer.OFFER, offer.expire),
    (exchange.EXCHANGE, exchange.expire),
    (auction.AUCTION, share.expire),
    (early_payment.EARLY, early_payment.expire),
    (certificate.CERTIFICATE, certificate.expire),
    (request.REQUEST, request.expire),
    (resale.RESALE, secondary.expire),
)
"""How each kind of document that expires by itself ends, in this order."""

MAX_RELEASED = expiry.MAX_EXPIRING * len(_EXPIRE)
"""Documents that one operation releases: as many as one day can have, so that a day can always be ended."""
