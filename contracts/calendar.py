"""The ledger's business date: ("param", "business_date") -> day, advanced by a transaction.

Everything that depends on the passing of days (overdue, matured, an offer's expiry) reads this date and
never a clock. Advancing it releases the reservations that expired (invariant 14).
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from contracts.fields import Date, Operation


class DateAdvance(Operation):
    """Move the business date forward."""

    op: Literal["date.advance"]
    date: Date = Field(description="new business date, after the present one; ISO text YYYY-MM-DD")
