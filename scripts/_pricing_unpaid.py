"""How late invoices are expected to be paid that are unpaid when a history ends.

Of an unpaid invoice it is known that it is paid later than its age past due. How much later follows from
S(t), the share of invoices that are paid more than t days late, by the product-limit estimate, which takes
each unpaid one for what it says and no more:

    median of age a    the least t with S(t) <= S(a) / 2
    mean of age a      a + the sum of S(t) / S(a) over t from a to MOST_BEYOND_DAYS - 1

To count it at its age instead makes the newest rows of a history look punctual: of those paid late only the
quick ones are known. Whatever is unpaid at the greatest number of days of all counts as paid then.

Source: E. Kaplan and P. Meier, Nonparametric estimation from incomplete observations, 1958; for the end
B. Efron, The two sample problem with censored data, 1967.
"""

from __future__ import annotations

import numpy as np

from contracts.trade.habit_entry import MOST_BEYOND_DAYS


def completed(days: np.ndarray, is_unpaid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(median, mean) of the days late of each row: its own if it is paid, those expected if it is not.

    Args:
        days: whole days late of a paid row; of an unpaid one how long it has been overdue, above zero.
        is_unpaid: which rows are unpaid.
    """
    median, mean = days.astype(np.float64), days.astype(np.float64)
    if is_unpaid.any():
        later = _paid_later(days, is_unpaid)
        for age in np.unique(days[is_unpaid]):
            rows = is_unpaid & (days == age)
            median[rows], mean[rows] = _expected(later, int(age))
    return median, mean


def _paid_later(days: np.ndarray, is_unpaid: np.ndarray) -> np.ndarray:
    """S(t) for t from 0 to the greatest number of days."""
    counted = np.maximum(days, 0).astype(np.int64)
    places = int(counted.max()) + 1
    leave = np.bincount(counted, minlength=places)
    paid = np.bincount(counted[~is_unpaid], minlength=places)
    at_risk = leave[::-1].cumsum()[::-1]
    later = np.cumprod(1 - paid / at_risk)
    later[-1] = 0
    return later


def _expected(later: np.ndarray, age: int) -> tuple[float, float]:
    """(median, mean) of what is paid later than at this age."""
    if not later[age]:
        return age, age
    shares = later[age:] / later[age]
    return age + int(np.argmax(shares <= 0.5)), age + shares[: max(0, MOST_BEYOND_DAYS - age)].sum()
