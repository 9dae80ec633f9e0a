"""The running sums of a relationship: what its history comes to, in each currency.

`contracts.trade.relationship_records` folds the records into them. Aggregates are a map: currency -> tuple in
the order of `Aggregates`. Every figure is an integer; amounts are minor units, days are since 1970.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from contracts.fields import MAX_TERM_DAYS
from ledger import codec
from ledger.limits import MAX_STATE_VALUE_BYTES
from ledger.money import MAX_TOTAL, PPM, AmountOverflow, divide_half_away

PERIOD_DAYS = 30
"""Length of a dilution period."""

DEFAULT_DAYS = 90
"""Days past due from which a payment counts as a default that was cured."""

MAX_OPEN_WEEKS = MAX_TERM_DAYS // 7 + 3
"""Due weeks kept apart in the open basis. Older ones are joined, and those lie in the past, since what is
confirmed is due at most `MAX_TERM_DAYS` after the business date: a week ahead joined with them would hide
what is overdue."""

MAX_CURRENCIES = 12
"""Currencies of one relationship, so that its entry stays within the bound of a state value."""

EMPTY: dict[str, tuple[codec.Value, ...]] = {}


class OpenWeek(NamedTuple):
    """What is confirmed and unpaid with a due date in one week."""

    week: int
    """Due date // 7. The first entry of a tuple is the floor: it holds this week and all before."""
    invoices: int
    amount: int
    amount_days: int
    """Σ amount · due date, so that Σ amount · age on day D is D · amount − amount_days."""


OpenBasis = tuple[tuple[int, int, int, int], ...]
"""`OpenWeek`s, ascending; the first is the floor."""

_FLOOR: OpenBasis = ((0, 0, 0, 0),)


class Aggregates(NamedTuple):
    """Running sums of one relationship in one currency; all integers, amounts in minor units."""

    orders: int = 0
    ordered: int = 0
    """Σ amount of issued orders as they were amended, less cancelled ones."""
    deliveries: int = 0
    """Receipts of goods, and shipments lost."""
    deliveries_late: int = 0
    deliveries_short: int = 0
    """Those of which less arrived than was shipped."""
    delivery_days_late: int = 0
    """Σ max(0, days after the scheduled date)."""
    invoices: int = 0
    invoiced: int = 0
    """Σ gross."""
    confirmed_invoices: int = 0
    confirmed: int = 0
    """Σ net of first confirmations."""
    disputed_invoices: int = 0
    disputed: int = 0
    """Σ amount in dispute, whatever became of it."""
    rejected_invoices: int = 0
    rejected: int = 0
    cancelled_invoices: int = 0
    cancelled: int = 0
    credits: int = 0
    """Credit notes accepted and confirmations below the gross."""
    credited: int = 0
    payments: int = 0
    paid: int = 0
    """Σ a: amount paid on confirmed invoices, whose due date the buyer agreed to."""
    paid_unconfirmed: int = 0
    """Amount paid on others: it says nothing of lateness, as their due date is the supplier's word."""
    late_amount_days: int = 0
    """Σ a · max(0, days late) over payments."""
    signed_amount_days: int = 0
    """Σ a · days late over payments, early ones negative."""
    settled_invoices: int = 0
    """Invoices paid in full: the n of the mean below."""
    settled_days_late: int = 0
    """Σ max(0, days late) of the payments that settled them."""
    turnover_half_year: int = 0
    turnover: int = 0
    """Σ gross of invoices that `settlement` knows: the buyer's part of the supplier's, see `habit`."""
    payment_weeks: int = 0
    """Weeks of the business date with at least one payment: the independent trials."""
    default_weeks: int = 0
    """Those of them with a payment `DEFAULT_DAYS` or more past due."""
    last_payment_week: int = 0
    last_default_week: int = 0
    defaulted_invoices: int = 0
    defaulted: int = 0
    """Σ amount outstanding when a default was declared."""
    written_off: int = 0
    """Σ amount written off, or given up of certificates, whatever came back later: it counts as paid on that
    day for lateness, or buyers that never pay would look better than those that pay late."""
    recovered: int = 0
    """Σ amount paid on what was written off."""
    recourses: int = 0
    """Demands of lenders on the supplier."""
    financed_invoices: int = 0
    financed: int = 0
    """Σ net of funded purchases."""
    period: int = 0
    """Current dilution period: business date // `PERIOD_DAYS`; 0 before the first."""
    period_billed: int = 0
    """Billed, of what the buyer confirmed or credited in the current period. What only the supplier stands
    behind does not count: it could thin out its dilution by invoices that it cancels."""
    period_diluted: int = 0
    """Credited in the current period."""
    periods: int = 0
    """Closed periods with something billed."""
    periods_dilution_ppm: int = 0
    """Σ diluted / billed over closed periods; ppm."""
    periods_peak_ppm: int = 0
    """Highest of them; ppm."""
    open: OpenBasis = _FLOOR
    """Confirmed or promised, and unpaid, by due week."""

    @property
    def open_amount(self) -> int:
        """Confirmed and unpaid in all."""
        return sum(entry[2] for entry in self.open)

    @property
    def open_invoices(self) -> int:
        """Invoices confirmed and not paid in full."""
        return sum(entry[1] for entry in self.open)

    def overdue(self, day: int) -> tuple[int, int, int]:
        """(invoices, Σ amount, Σ amount · age in days) of what is overdue on a day.

        An invoice counts from the first day of the week after its due date's, at its exact age.
        """
        invoices = amount = amount_days = 0
        for week, count, due, due_days in self.open:
            if week < day // 7:
                invoices += count
                amount += due
                amount_days += due_days
        return invoices, amount, day * amount - amount_days

    @property
    def mean_dilution_ppm(self) -> int:
        """Mean of diluted / billed over closed periods, or over everything while none is closed."""
        if self.periods:
            return divide_half_away(self.periods_dilution_ppm, self.periods)
        return _ratio_ppm(self.period_diluted, self.period_billed)

    def closed_dilution_ppm(self, day: int) -> int:
        """Mean of diluted / billed over the periods that are over on a day, down; 0 while none is.

        One is over when its days are, not only when the next record comes: that may be the very invoice that
        is asked about.
        """
        periods, total = self.periods, self.periods_dilution_ppm
        if self.period_billed and day // PERIOD_DAYS > self.period:
            periods, total = periods + 1, total + _ratio_ppm(self.period_diluted, self.period_billed)
        return total // periods if periods else 0

    @property
    def peak_dilution_ppm(self) -> int:
        """Highest of diluted / billed over the periods, the current one included."""
        return max(self.periods_peak_ppm, _ratio_ppm(self.period_diluted, self.period_billed))


_MOST_WEEK_BYTES = 1 + 3 + 3 * 9
assert (
    MAX_CURRENCIES * ((len(Aggregates._fields) + 1) * 9 + MAX_OPEN_WEEKS * _MOST_WEEK_BYTES) + 100
    < MAX_STATE_VALUE_BYTES
), "a place is an integer of at most 9 bytes, the number of a week up to the year 2999 one of 3"

AGGREGATES_FIELDS = Aggregates._fields
"""Names of the tuple's places, for documents and for views."""


_PLACES = {name: place for place, name in enumerate(Aggregates._fields)}


_INVOICES, INVOICED, PERIOD = _PLACES["invoices"], _PLACES["invoiced"], _PLACES["period"]
assert INVOICED == _INVOICES + 1, "an invoice changes two places beside each other"


def aggregates_of(places: Iterable[Any]) -> Aggregates:
    """What `_make` gives, in half the time: its length is that of the value that it was made from."""
    return tuple.__new__(Aggregates, places)


def replaced(sums: Aggregates, changes: Mapping[str, Any]) -> Aggregates:
    """The sums with places changed by name; `_replace` takes three times as long on so long a tuple."""
    places = list(sums)
    for name, value in changes.items():
        places[_PLACES[name]] = value
    return aggregates_of(places)


def _ratio_ppm(part: int, whole: int) -> int:
    return min(PPM, divide_half_away(part * PPM, whole)) if whole else 0


def billed(sums: tuple[Any, ...], invoices: int, gross: int) -> tuple[Any, ...]:
    """The sums after more invoices in their period: what happens most, and touches two places only.

    Raises:
        AmountOverflow: a sum beyond 64 bits.
    """
    invoiced = sums[INVOICED] + gross
    if invoiced > MAX_TOTAL:
        raise AmountOverflow(invoiced, "aggregates", MAX_TOTAL)
    return (*sums[:_INVOICES], sums[_INVOICES] + invoices, invoiced, *sums[INVOICED + 1 :])


def largest(sums: Aggregates) -> int:
    """Greatest magnitude of any of the sums: what the codec must be able to write."""
    flat = sums[:-1]
    least, largest = min(flat), max(flat)
    largest = max(largest, -least)
    for _, _, amount, amount_days in sums.open:
        if amount > largest or not -largest <= amount_days <= largest:
            largest = max(amount, abs(amount_days), largest)
    return largest


def of_currency(aggregates: codec.Value, currency: str) -> Aggregates:
    """The sums of one currency; all zero if nothing happened in it."""
    sums = aggregates.get(currency)
    return Aggregates() if sums is None else Aggregates._make(sums)


def in_period(sums: Aggregates, period: int) -> Aggregates:
    """The sums with the current dilution period closed, in the later one that a record falls in.

    A period with nothing billed has no ratio: what was diluted in it is carried on.
    """
    if not sums.period_billed:
        return replaced(sums, {"period": period})
    ratio_ppm = _ratio_ppm(sums.period_diluted, sums.period_billed)
    changes = {
        "period": period,
        "period_billed": 0,
        "period_diluted": 0,
        "periods": sums.periods + 1,
        "periods_dilution_ppm": sums.periods_dilution_ppm + ratio_ppm,
        "periods_peak_ppm": max(sums.periods_peak_ppm, ratio_ppm),
    }
    return replaced(sums, changes)


def moved(basis: OpenBasis, due: int, invoices: int, amount: int) -> OpenBasis:
    """The open basis with amounts entering it (or, negative, leaving it) at a due date."""
    if not invoices and not amount:
        return basis
    weeks, place = list(basis), due // 7
    at = 0 if place <= weeks[0][0] else bisect_left(weeks, (place,), 1)
    is_known = at == 0 or (at < len(weeks) and weeks[at][0] == place)
    week, count, total, days = weeks[at] if is_known else (place, 0, 0, 0)
    changed = (week, count + invoices, total + amount, days + amount * due)
    weeks[at : at + is_known] = [changed] if at == 0 or changed[1] or changed[2] else []
    if len(weeks) > MAX_OPEN_WEEKS:
        floor, oldest = weeks[:2]
        weeks[:2] = [(oldest[0], floor[1] + oldest[1], floor[2] + oldest[2], floor[3] + oldest[3])]
    return tuple(weeks)
