"""The ledger's business date: a calendar day without a clock.

On the ledger and in every calculation a day is an integer, days since 1970-01-01, so that
a tenor is a subtraction; operations and people write it as ISO 8601 text, "2024-02-29".
A committed transaction advances the business date; no node's clock does.
"""

from __future__ import annotations

import re
from datetime import date

from ledger.errors import Malformed

DATE_PATTERN = r"^[12][0-9]{3}-[01][0-9]-[0-3][0-9]$"
"""The form of a date in an operation; whether the day exists is checked on reading."""

_EPOCH = date(1970, 1, 1).toordinal()
FIRST_DAY = date(1000, 1, 1).toordinal() - _EPOCH
LAST_DAY = date(2999, 12, 31).toordinal() - _EPOCH
_FORM = re.compile(r"[12][0-9]{3}-[01][0-9]-[0-3][0-9]")


def day_from_iso(text: str, field: str = "date") -> int:
    """Days since 1970-01-01 of "YYYY-MM-DD".

    Raises:
        Malformed: another form, or a day that no calendar has; code `date`.
    """
    if _FORM.fullmatch(text):
        try:
            return date(int(text[:4]), int(text[5:7]), int(text[8:])).toordinal() - _EPOCH
        except ValueError:
            pass
    raise Malformed("not a date", code="date", field=field, found=text[:40], expected="a day as YYYY-MM-DD")


def iso_from_day(day: int) -> str:
    """ "YYYY-MM-DD" of days since 1970-01-01.

    Raises:
        Malformed: beyond the years 1000 to 2999 that operations can write.
    """
    if not FIRST_DAY <= day <= LAST_DAY:
        raise Malformed("not a date", code="date", found=day, expected="a day of the years 1000 to 2999")
    return date.fromordinal(day + _EPOCH).isoformat()
