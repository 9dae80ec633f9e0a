"""Days on which banks pay: weekdays, and the settlement holidays of the two currencies whose rules we have.

A buyer pays on certain weekdays, and an invoice due on a day without bank business is paid on the
next one. `due_class` is what the lateness sums are kept by: the weekday, with a bank holiday
counted as a Sunday.

Sources: Federal Reserve Banks' holiday schedule (USD); TARGET closing days (EUR). Other
currencies, and a holiday that is new, have weekends only: a price is then less sharp, not wrong.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache

WEEKDAYS = 7
SATURDAY, SUNDAY = 5, 6
_EPOCH_WEEKDAY = 3
"""1970-01-01 was a Thursday; Monday is 0."""
_EPOCH = date(1970, 1, 1)


def weekday(day: int) -> int:
    """Weekday of a day since 1970, Monday 0."""
    return (day + _EPOCH_WEEKDAY) % WEEKDAYS


@lru_cache(maxsize=8_192)
def month_part(day: int) -> int:
    """Sixth of the month, from 0: days 1 to 5, 6 to 10, …, 26 to the end."""
    return min(5, (day_of_month(day) - 1) // 5)


@lru_cache(maxsize=8_192)
def day_of_month(day: int) -> int:
    """Day of the month, from 1."""
    return (_EPOCH + timedelta(days=day)).day


@lru_cache(maxsize=8_192)
def due_class(day: int, currency: str) -> int:
    """The weekday of a due day, Monday 0; a bank holiday counts as a Sunday."""
    return SUNDAY if is_holiday(day, currency) else weekday(day)


@lru_cache(maxsize=8_192)
def days_to_banking(day: int, currency: str) -> int:
    """Days from a due day to the first on which banks pay: 0 on a banking day."""
    later = day
    while weekday(later) >= SATURDAY or is_holiday(later, currency):
        later += 1
    return later - day


def is_holiday(day: int, currency: str) -> bool:
    """Whether banks of a currency rest on a day for another reason than the weekend."""
    moment = _EPOCH + timedelta(days=day)
    rule = _RULES.get(currency)
    return rule is not None and moment in rule(moment.year)


def _nth(year: int, month: int, weekday_: int, number: int) -> date:
    first = date(year, month, 1)
    return first + timedelta(days=(weekday_ - first.weekday()) % WEEKDAYS + WEEKDAYS * (number - 1))


@lru_cache(maxsize=64)
def _federal_reserve(year: int) -> frozenset[date]:
    """A holiday on a Sunday is kept on the Monday after it, one on a Saturday not at all."""
    fixed = [(1, 1), (7, 4), (11, 11), (12, 25)] + ([(6, 19)] if year >= 2021 else [])
    days = {date(year, month, day) for month, day in fixed}
    days = {day + timedelta(days=1) if day.weekday() == SUNDAY else day for day in days}
    last_of_may = date(year, 5, 31)
    return frozenset(
        days
        | {
            _nth(year, 1, 0, 3),
            _nth(year, 2, 0, 3),
            last_of_may - timedelta(days=last_of_may.weekday()),
            _nth(year, 9, 0, 1),
            _nth(year, 10, 0, 2),
            _nth(year, 11, 3, 4),
        }
    )


@lru_cache(maxsize=64)
def _target(year: int) -> frozenset[date]:
    easter = _easter(year)
    return frozenset(
        {
            date(year, 1, 1),
            easter - timedelta(days=2),
            easter + timedelta(days=1),
            date(year, 5, 1),
            date(year, 12, 25),
            date(year, 12, 26),
        }
    )


def _easter(year: int) -> date:
    """Easter Sunday by the anonymous Gregorian computus (Meeus, 1991)."""
    a, (b, c) = year % 19, divmod(year, 100)
    d, e = divmod(b, 4)
    h = (19 * a + b - d - (b - (b + 8) // 25 + 1) // 3 + 15) % 30
    i, k = divmod(c, 4)
    shift = (32 + 2 * e + 2 * i - h - k) % 7
    months, day = divmod(h + shift - 7 * ((a + 11 * h + 22 * shift) // 451) + 114, 31)
    return date(year, months, day + 1)


_RULES = {"USD": _federal_reserve, "EUR": _target}
