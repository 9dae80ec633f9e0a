"""The few sums that everything else is made of, in exact integers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

MILLION = 1_000_000
EPOCH = date(1970, 1, 1).toordinal()


def day_of(text: str) -> int:
    """Days since 1970 of an ISO date."""
    return date.fromisoformat(text).toordinal() - EPOCH


def up(numerator: int, denominator: int) -> int:
    """The quotient, rounded up."""
    return -(-numerator // denominator)


def portions(total: int, weights: Sequence[int]) -> list[int]:
    """A total by weights: each rounded down, then one unit each to the largest remainders, earlier first."""
    whole = sum(weights)
    found = [divmod(total * weight, whole) for weight in weights]
    left = total - sum(quotient for quotient, _ in found)
    lucky = sorted(range(len(found)), key=lambda place: (-found[place][1], place))[:left]
    return [quotient + (place in lucky) for place, (quotient, _) in enumerate(found)]


def interest(amount: int, rate_ppm: int, days: int, year_days: int) -> int:
    """Simple interest, or bank discount, in favour of whoever lends: rounded up."""
    return up(amount * rate_ppm * days, MILLION * year_days)
