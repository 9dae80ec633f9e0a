"""The trade relationship of one supplier and one buyer: its records and its aggregates.

The state entry at ("relationship", supplier, buyer) is a history entry (count, head,
aggregates). Everything that happens between the two appends one record, and the aggregates
are `fold` over all records, from `EMPTY`: the executor folds as it goes, and whoever holds
the records recomputes the same value offline. Nothing but the record may enter the fold.

Records are tuples of plain values, all days being days since 1970, all amounts minor units
of the record's currency. The first four are always business date, kind, number, currency:

| kind | then | written when |
|---|---|---|
| order | amount, order date | the buyer issues an order |
| amend | amount before, amount after | both parties have agreed to change an order |
| order_cancel | amount | an issued order is cancelled |
| dispatch | order, quantity, date, scheduled date or 0 | the supplier ships |
| receive | order, accepted, rejected, date, days after schedule or 0, missing | the buyer takes in goods |
| deliver | order, date, days after schedule or 0 | the carrier delivers |
| refuse | order, quantity, date | the buyer refuses a shipment |
| lose | order, quantity, date | a shipment is lost |
| return | order, quantity, date | the buyer sends accepted goods back |
| invoice | gross, issue date, due date, order, digest of its lines | the supplier bills |
| confirm | net, due date, reduction, opened, was due, was open, last paid, issued, gross, credited | agreed |
| dispute | amount | the buyer disputes |
| undispute | amount | the buyer takes its dispute back |
| reject | gross | the buyer rejects |
| cancel | gross, due date, closed | the supplier cancels |
| credit | amount, due date, closed, invoice, settled, last paid, issued, gross, credited | a credit on it |
| payment | amount, date, due date, closed, settled, issue date, gross, credited | a payment is attested |
| approve | net, due date, programme | the buyer undertakes to pay it in full, whatever comes |
| extend | was open, due date, was open due date | the buyer puts off its payment |
| finance | net, due date | a lender's purchase is funded |
| default | amount, due date | the holder declares the buyer in default |
| write_off | amount, date, due date, issued, gross, credited | the holder writes off what is outstanding |
| recovery | amount, date, due date | the buyer pays on what was written off, of an invoice or a certificate |
| recourse | amount, cause | the lender demands an amount of the supplier |
| certificate | face, due date, settled, certificate | an invoice is replaced by a certificate of the buyer |
| promise | face, maturity | the supplier accepts such a certificate as its payee, with or without invoice |
| hold | amount, maturity, leaf | a leaf of the buyer's certificate comes to this holder |
| let_go | amount, maturity, leaf | it has passed it on, sold it or written it off |
| proceeds | amount, date, maturity, leaf | it was paid on a leaf at maturity |
| pledge | amount, maturity, leaf | what a lender's pledge on a leaf secures from now on, 0 for none |
| redeem | amount, date, maturity, settled | the buyer pays a certificate whose payee the supplier was |
| forgo | amount, date, maturity, settled | a holder gives up what is left to it of such a certificate |
| dishonour | amount, maturity, leaf | such a certificate was not paid at maturity |
| redirect | lender, status | the buyer is to pay to this account, or no longer; the number is the account |
| astray | amount, date, account, expected | a payment arrived elsewhere than where it was expected |

`number` is the invoice's (or the order's, shipment's, credit note's) own number. `opened`
and `closed` are amounts that enter and leave the open basis, which holds what the buyer has
confirmed, or promised by a certificate, and not yet paid; `settled` is 1 if nothing is left to pay after it;
`reduction` is what a confirmation leaves out of the gross: a dilution like a credit note, and `credited` what
such have taken off the invoice in all; `last paid` is the newest day of a payment on it, 0 for none, and
`was due`, `was open` are of what it replaces in the open basis. `missing` are units that were shipped and
did not arrive.

A certificate closes what it replaces of the open basis and opens its face at its maturity, in the
relationship with its payee, whoever holds its leaves later. How the obligor then pays it counts as the
payment of an invoice, what is not paid as overdue at its age, what is given up as written off.

`hold`, `let_go` and `proceeds` stand in the relationship of each holder with the obligor, whose complete
history so shows what it holds: Σ hold - Σ let_go - Σ proceeds. `pledge` stands in that of a lender with the
obligor: the newest one of a leaf says what the pledge secures.

Aggregates are a map: currency -> tuple in the order of `Aggregates` below.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, NamedTuple

from contracts.errors import refuse
from contracts.fields import MAX_TERM_DAYS
from contracts.trade import habit
from contracts.trade.habit_entry import HALVING_DAYS
from ledger import codec, history
from ledger.limits import MAX_STATE_VALUE_BYTES
from ledger.money import MAX_TOTAL, PPM, AmountOverflow, divide_half_away
from ledger.state import Overlay, state_key

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


_FLOOR: tuple[tuple[int, int, int, int], ...] = ((0, 0, 0, 0),)


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
    open: tuple[tuple[int, int, int, int], ...] = _FLOOR
    """Confirmed or promised, and unpaid, by due week, as `OpenWeek`, ascending; the first is the floor."""

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


_INVOICES, INVOICED, _PERIOD = _PLACES["invoices"], _PLACES["invoiced"], _PLACES["period"]
assert INVOICED == _INVOICES + 1, "an invoice changes two places beside each other"


def _aggregates(places: Iterable[Any]) -> Aggregates:
    """What `_make` gives, in half the time: its length is that of the value that it was made from."""
    return tuple.__new__(Aggregates, places)


def _with(sums: Aggregates, **changes: Any) -> Aggregates:
    """The sums with some places changed; `_replace` takes three times as long on a tuple of this length."""
    places = list(sums)
    for name, value in changes.items():
        places[_PLACES[name]] = value
    return _aggregates(places)


def _ratio_ppm(part: int, whole: int) -> int:
    return min(PPM, divide_half_away(part * PPM, whole)) if whole else 0


def fold(aggregates: codec.Value, record: codec.Value) -> codec.Value:
    """The aggregates after one more record; a pure function of both.

    Raises:
        AmountOverflow: a sum beyond 64 bits.
        Refusal: `too_many_currencies`.
    """
    currency = record[3]
    before = aggregates.get(currency)
    if before is not None and record[1] == "invoice" and record[0] // PERIOD_DAYS <= before[_PERIOD]:
        return {**aggregates, currency: billed(before, 1, record[4])}
    if before is None and len(aggregates) >= MAX_CURRENCIES:
        raise refuse(
            "too_many_currencies",
            "too many currencies between two parties",
            field="currency",
            found=currency,
            expected=f"one of {' '.join(sorted(aggregates))}",
        )
    sums = Aggregates() if before is None else _aggregates(before)
    period = record[0] // PERIOD_DAYS
    if period > sums.period:
        sums = _in_period(sums, period)
    after = _FOLDS[record[1]](sums, record)
    moves = _MOVES.get(record[1])
    if moves is not None:
        for due, invoices, amount in moves(record):
            after = _opened(after, due, invoices, amount)
    largest = _largest(after)
    if largest > MAX_TOTAL:
        raise AmountOverflow(largest, "aggregates", MAX_TOTAL)
    folded = {**aggregates, currency: tuple(after)}
    return folded if before is not None else {code: folded[code] for code in sorted(folded)}


def billed(sums: tuple[Any, ...], invoices: int, gross: int) -> tuple[Any, ...]:
    """The sums after more invoices in their period: what happens most, and touches two places only.

    Raises:
        AmountOverflow: a sum beyond 64 bits.
    """
    invoiced = sums[INVOICED] + gross
    if invoiced > MAX_TOTAL:
        raise AmountOverflow(invoiced, "aggregates", MAX_TOTAL)
    return (*sums[:_INVOICES], sums[_INVOICES] + invoices, invoiced, *sums[INVOICED + 1 :])


def _largest(sums: Aggregates) -> int:
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


def _in_period(sums: Aggregates, period: int) -> Aggregates:
    """The sums with the current dilution period closed, in the later one that a record falls in.

    A period with nothing billed has no ratio: what was diluted in it is carried on.
    """
    if not sums.period_billed:
        return _with(sums, period=period)
    ratio_ppm = _ratio_ppm(sums.period_diluted, sums.period_billed)
    return _with(
        sums,
        period=period,
        period_billed=0,
        period_diluted=0,
        periods=sums.periods + 1,
        periods_dilution_ppm=sums.periods_dilution_ppm + ratio_ppm,
        periods_peak_ppm=max(sums.periods_peak_ppm, ratio_ppm),
    )


def _opened(sums: Aggregates, due: int, invoices: int, amount: int) -> Aggregates:
    """The sums with amounts entering (or, negative, leaving) the open basis at a due date."""
    if not invoices and not amount:
        return sums
    weeks, place = list(sums.open), due // 7
    at = 0 if place <= weeks[0][0] else bisect_left(weeks, (place,), 1)
    is_known = at == 0 or (at < len(weeks) and weeks[at][0] == place)
    week, count, total, days = weeks[at] if is_known else (place, 0, 0, 0)
    changed = (week, count + invoices, total + amount, days + amount * due)
    weeks[at : at + is_known] = [changed] if at == 0 or changed[1] or changed[2] else []
    if len(weeks) > MAX_OPEN_WEEKS:
        floor, oldest = weeks[:2]
        weeks[:2] = [(oldest[0], floor[1] + oldest[1], floor[2] + oldest[2], floor[3] + oldest[3])]
    return _with(sums, open=tuple(weeks))


def _order(sums: Aggregates, record: codec.Value) -> Aggregates:
    return _with(sums, orders=sums.orders + 1, ordered=sums.ordered + record[4])


def _amend(sums: Aggregates, record: codec.Value) -> Aggregates:
    return _with(sums, ordered=sums.ordered - record[4] + record[5])


def _order_cancel(sums: Aggregates, record: codec.Value) -> Aggregates:
    return _with(sums, ordered=sums.ordered - record[4])


def _nothing(sums: Aggregates, _: codec.Value) -> Aggregates:
    """Kept in the history and in no sum."""
    return sums


def _receive(sums: Aggregates, record: codec.Value) -> Aggregates:
    late = max(0, record[8])
    return _with(
        sums,
        deliveries=sums.deliveries + 1,
        deliveries_late=sums.deliveries_late + (late > 0),
        deliveries_short=sums.deliveries_short + (record[9] > 0),
        delivery_days_late=sums.delivery_days_late + late,
    )


def _lose(sums: Aggregates, _: codec.Value) -> Aggregates:
    return _with(sums, deliveries=sums.deliveries + 1, deliveries_short=sums.deliveries_short + 1)


def _invoice(sums: Aggregates, record: codec.Value) -> Aggregates:
    return _aggregates(billed(sums, 1, record[4]))


def _confirm(sums: Aggregates, record: codec.Value) -> Aggregates:
    net, _, reduction, _, was_due, _ = record[4:10]
    if not was_due:
        sums = _with(
            sums,
            confirmed_invoices=sums.confirmed_invoices + 1,
            confirmed=sums.confirmed + net,
            period_billed=sums.period_billed + net + reduction,
        )
    return _diluted(_paid_off(sums, record), reduction)


def _dispute(sums: Aggregates, record: codec.Value) -> Aggregates:
    return _with(sums, disputed_invoices=sums.disputed_invoices + 1, disputed=sums.disputed + record[4])


def _reject(sums: Aggregates, record: codec.Value) -> Aggregates:
    return _with(sums, rejected_invoices=sums.rejected_invoices + 1, rejected=sums.rejected + record[4])


def _cancel(sums: Aggregates, record: codec.Value) -> Aggregates:
    return _with(sums, cancelled_invoices=sums.cancelled_invoices + 1, cancelled=sums.cancelled + record[4])


def _credit(sums: Aggregates, record: codec.Value) -> Aggregates:
    amount, _, closed = record[4:7]
    if not closed:
        sums = _with(sums, period_billed=sums.period_billed + amount)
    return _diluted(_paid_off(sums, record), amount)


def _paid_off(sums: Aggregates, record: codec.Value) -> Aggregates:
    """The sums with an invoice paid in full, if the record takes off what payments had left of it."""
    settled = settlement(record)
    if settled is None:
        return sums
    return _with(
        _turned_over(sums, settled.paid_day, settled.amount),
        settled_invoices=sums.settled_invoices + 1,
        settled_days_late=sums.settled_days_late + max(0, settled.paid_day - settled.due_day),
    )


def _turned_over(sums: Aggregates, day: int, gross: int) -> Aggregates:
    """The sums with an invoice that ended on a day in their turnover."""
    half_year, turnover = habit.turned_over(
        sums.turnover_half_year, sums.turnover, day // HALVING_DAYS, gross
    )
    return _with(sums, turnover_half_year=half_year, turnover=turnover)


def _payment(sums: Aggregates, record: codec.Value) -> Aggregates:
    amount, day, due, closed, settled = record[4:9]
    if not closed:  # unconfirmed: the due date is the supplier's word alone
        return _with(sums, payments=sums.payments + 1, paid_unconfirmed=sums.paid_unconfirmed + amount)
    turnover = sums.turnover_half_year, sums.turnover
    if settled:
        turnover = habit.turned_over(*turnover, day // HALVING_DAYS, record[10])
    return _paid(sums, record[0] // 7, amount, day - due, settled, turnover)


def _paid(
    sums: Aggregates, week: int, amount: int, late: int, settled: int, turnover: tuple[int, int]
) -> Aggregates:
    """The sums with an amount paid so many days late in a week of the business date, and a turnover."""
    is_first = week != sums.last_payment_week
    is_default = late >= DEFAULT_DAYS and week != sums.last_default_week
    return _with(
        sums,
        payments=sums.payments + 1,
        paid=sums.paid + amount,
        late_amount_days=sums.late_amount_days + amount * max(0, late),
        signed_amount_days=sums.signed_amount_days + amount * late,
        settled_invoices=sums.settled_invoices + settled,
        settled_days_late=sums.settled_days_late + settled * max(0, late),
        turnover_half_year=turnover[0],
        turnover=turnover[1],
        payment_weeks=sums.payment_weeks + is_first,
        default_weeks=sums.default_weeks + is_default,
        last_payment_week=week,
        last_default_week=week if is_default else sums.last_default_week,
    )


def _finance(sums: Aggregates, record: codec.Value) -> Aggregates:
    return _with(sums, financed_invoices=sums.financed_invoices + 1, financed=sums.financed + record[4])


def _default(sums: Aggregates, record: codec.Value) -> Aggregates:
    return _with(sums, defaulted_invoices=sums.defaulted_invoices + 1, defaulted=sums.defaulted + record[4])


def _write_off(sums: Aggregates, record: codec.Value) -> Aggregates:
    amount, day, due, _, gross = record[4:9]
    lost = _lost(sums, record[0] // 7, amount, day - due, settled=1, defaults=1)
    return _turned_over(lost, day, gross)


def _forgo(sums: Aggregates, record: codec.Value) -> Aggregates:
    """A leaf can be given up from the day after its maturity: a default it is as late as a payment is one."""
    amount, day, maturity, settled = record[4:8]
    late = day - maturity
    defaults = int(late >= DEFAULT_DAYS)
    return _lost(sums, record[0] // 7, amount, late, settled=settled, defaults=defaults)


def _lost(sums: Aggregates, week: int, amount: int, late: int, *, settled: int, defaults: int) -> Aggregates:
    """The sums with an amount given up so many days late in a week of the business date."""
    is_default = defaults and week != sums.last_default_week
    return _with(
        sums,
        written_off=sums.written_off + amount,
        late_amount_days=sums.late_amount_days + amount * late,
        signed_amount_days=sums.signed_amount_days + amount * late,
        settled_invoices=sums.settled_invoices + settled,
        settled_days_late=sums.settled_days_late + settled * late,
        payment_weeks=sums.payment_weeks + (week != sums.last_payment_week),
        default_weeks=sums.default_weeks + is_default,
        last_payment_week=week,
        last_default_week=week if is_default else sums.last_default_week,
    )


def _recovery(sums: Aggregates, record: codec.Value) -> Aggregates:
    return _with(sums, payments=sums.payments + 1, recovered=sums.recovered + record[4])


def _recourse(sums: Aggregates, _: codec.Value) -> Aggregates:
    return _with(sums, recourses=sums.recourses + 1)


def _redeem(sums: Aggregates, record: codec.Value) -> Aggregates:
    amount, day, maturity, settled = record[4:8]
    turnover = sums.turnover_half_year, sums.turnover
    return _paid(sums, record[0] // 7, amount, day - maturity, settled, turnover)


def _diluted(sums: Aggregates, amount: int) -> Aggregates:
    if not amount:
        return sums
    return _with(
        sums,
        credits=sums.credits + 1,
        credited=sums.credited + amount,
        period_diluted=sums.period_diluted + amount,
    )


Moves = tuple[tuple[int, int, int], ...]
"""(Due day, invoices, amount) that enter the open basis, or leave it if negative."""


def _confirm_moves(record: codec.Value) -> Moves:
    _, due, _, opened, was_due, was_open = record[4:10]
    left = ((was_due, -1, -was_open),) if was_due else ()
    return (*left, (due, 1, opened)) if opened else left


def _cancel_moves(record: codec.Value) -> Moves:
    _, due, closed = record[4:7]
    return ((due, -1, -closed),) if closed else ()


def _credit_moves(record: codec.Value) -> Moves:
    _, due, closed, _, settled = record[4:9]
    return ((due, -settled, -closed),) if closed else ()


def _payment_moves(record: codec.Value) -> Moves:
    _, _, due, closed, settled = record[4:9]
    return ((due, -settled, -closed),) if closed else ()


def _extend_moves(record: codec.Value) -> Moves:
    amount, due, was_due = record[4:7]
    return (was_due, -1, -amount), (due, 1, amount)


def _write_off_moves(record: codec.Value) -> Moves:
    amount, _, due = record[4:7]
    return ((due, -1, -amount),)


def _certificate_moves(record: codec.Value) -> Moves:
    amount, due, settled = record[4:7]
    return ((due, -settled, -amount),)


def _promise_moves(record: codec.Value) -> Moves:
    face, maturity = record[4:6]
    return ((maturity, 1, face),)


def _leaf_moves(record: codec.Value) -> Moves:
    amount, _, maturity, settled = record[4:8]
    return ((maturity, -settled, -amount),)


_MOVES: dict[str, Callable[[codec.Value], Moves]] = {
    "confirm": _confirm_moves,
    "cancel": _cancel_moves,
    "credit": _credit_moves,
    "payment": _payment_moves,
    "extend": _extend_moves,
    "write_off": _write_off_moves,
    "certificate": _certificate_moves,
    "promise": _promise_moves,
    "redeem": _leaf_moves,
    "forgo": _leaf_moves,
}
"""What a record of a kind moves into the open basis, and out of it; the others move nothing."""

_FOLDS = {
    "order": _order,
    "amend": _amend,
    "order_cancel": _order_cancel,
    "dispatch": _nothing,
    "deliver": _nothing,
    "receive": _receive,
    "refuse": _nothing,
    "lose": _lose,
    "return": _nothing,
    "invoice": _invoice,
    "confirm": _confirm,
    "dispute": _dispute,
    "undispute": _nothing,
    "reject": _reject,
    "cancel": _cancel,
    "credit": _credit,
    "payment": _payment,
    "approve": _nothing,
    "extend": _nothing,
    "finance": _finance,
    "default": _default,
    "write_off": _write_off,
    "recovery": _recovery,
    "recourse": _recourse,
    "certificate": _nothing,
    "promise": _nothing,
    "hold": _nothing,
    "let_go": _nothing,
    "proceeds": _nothing,
    "pledge": _nothing,
    "redeem": _redeem,
    "forgo": _forgo,
    "dishonour": _nothing,
    "redirect": _nothing,
    "astray": _nothing,
}

RECORD_FIELDS: dict[str, tuple[str, ...]] = {
    "order": ("number", "currency", "amount", "order_date"),
    "amend": ("number", "currency", "was_amount", "amount"),
    "order_cancel": ("number", "currency", "amount"),
    "dispatch": ("number", "currency", "order", "quantity", "dispatch_date", "scheduled_date"),
    "deliver": ("number", "currency", "order", "delivery_date", "days_after_schedule"),
    "receive": (
        "number",
        "currency",
        "order",
        "accepted",
        "rejected",
        "receipt_date",
        "days_after_schedule",
        "missing",
    ),
    "refuse": ("number", "currency", "order", "quantity", "refusal_date"),
    "lose": ("number", "currency", "order", "quantity", "loss_date"),
    "return": ("number", "currency", "order", "quantity", "return_date"),
    "invoice": ("number", "currency", "gross", "issue_date", "due_date", "order", "lines_digest"),
    "confirm": (
        "number",
        "currency",
        "net",
        "due_date",
        "reduction",
        "opened",
        "was_open_due_date",
        "was_open",
        "last_paid_date",
        "issue_date",
        "gross",
        "credited",
    ),
    "dispute": ("number", "currency", "amount"),
    "undispute": ("number", "currency", "amount"),
    "reject": ("number", "currency", "gross"),
    "cancel": ("number", "currency", "gross", "due_date", "closed"),
    "credit": (
        "number",
        "currency",
        "amount",
        "due_date",
        "closed",
        "invoice",
        "settled",
        "last_paid_date",
        "issue_date",
        "gross",
        "credited",
    ),
    "payment": (
        "number",
        "currency",
        "amount",
        "payment_date",
        "due_date",
        "closed",
        "settled",
        "issue_date",
        "gross",
        "credited",
    ),
    "approve": ("number", "currency", "net", "due_date", "programme"),
    "extend": ("number", "currency", "amount", "due_date", "was_open_due_date"),
    "finance": ("number", "currency", "net", "due_date"),
    "default": ("number", "currency", "amount", "due_date"),
    "write_off": (
        "number",
        "currency",
        "amount",
        "write_off_date",
        "due_date",
        "issue_date",
        "gross",
        "credited",
    ),
    "recovery": ("number", "currency", "amount", "payment_date", "due_date"),
    "recourse": ("number", "currency", "amount", "cause"),
    "certificate": ("number", "currency", "amount", "due_date", "settled", "certificate"),
    "promise": ("number", "currency", "amount", "maturity_date"),
    "hold": ("number", "currency", "amount", "maturity_date", "leaf"),
    "let_go": ("number", "currency", "amount", "maturity_date", "leaf"),
    "proceeds": ("number", "currency", "amount", "payment_date", "maturity_date", "leaf"),
    "pledge": ("number", "currency", "amount", "maturity_date", "leaf"),
    "redeem": ("number", "currency", "amount", "payment_date", "maturity_date", "settled"),
    "forgo": ("number", "currency", "amount", "write_off_date", "maturity_date", "settled"),
    "dishonour": ("number", "currency", "amount", "maturity_date", "leaf"),
    "redirect": ("number", "currency", "lender", "status"),
    "astray": ("number", "currency", "amount", "payment_date", "account", "expected"),
}
"""Names of a record's places after business date and kind; those that end in `_date` are days, 0 for none."""

assert RECORD_FIELDS.keys() == _FOLDS.keys(), "every kind has names and a fold"


@lru_cache(maxsize=4_096)
def relationship_key(supplier: str, buyer: str) -> bytes:
    """State key of the history entry of a relationship."""
    return state_key("relationship", supplier, buyer)


def party_key(party: str) -> bytes:
    """State key of the history entry over the relationships that an organisation has."""
    return state_key("party", party)


def append(state: Overlay, supplier: str, buyer: str, record: tuple[codec.Value, ...]) -> None:
    """Append one record to a relationship's history; the first one also registers it with both parties.

    The entry at ("party", organisation) is a history with one record (business date, "relationship",
    supplier, buyer) for each relationship, so the set of a party's relationships is provably complete.
    Its aggregates are (as supplier, as buyer): how many in each part.

    Raises:
        AmountOverflow: a sum beyond 64 bits.
    """
    key = relationship_key(supplier, buyer)
    entry = state.get(key)
    if entry is None:
        register(state, record[0], supplier, buyer)
    aggregates = EMPTY if entry is None else entry[2]
    history.append_to(state, key, entry, record, fold(aggregates, record))
    observe(state, supplier, buyer, record)


def observe(state: habit.Writer, supplier: str, buyer: str, record: codec.Value) -> None:
    """Take what a record says of the habits of both parties into them."""
    kind = record[1]
    if kind in _MOVES:
        settled = settlement(record)
        if settled is None:
            _note_open(state, supplier, buyer, record, ())
        else:
            if kind == "confirm":  # what it closes may have had another due date
                _note_open(state, supplier, buyer, record, ((settled.due_day, 1),))
            habit.observe(state, supplier, buyer, settled)
    elif kind == "receive":
        habit.note_delivery(state, supplier, buyer, is_late=record[8] > 0, is_short=record[9] > 0)
    elif kind == "lose":
        habit.note_delivery(state, supplier, buyer, is_late=False, is_short=True)
    elif kind == "dispute":
        habit.note_dispute(state, supplier, buyer)


def _note_open(
    state: habit.Writer, supplier: str, buyer: str, record: codec.Value, more: tuple[tuple[int, int], ...]
) -> None:
    """Count the invoices that a record moves into the open basis and out of it, and more."""
    moves = [(due, invoices) for due, invoices, _ in _MOVES[record[1]](record) if invoices]
    if moves:
        habit.note_open(state, supplier, buyer, record[0], (*moves, *more))


def settlement(record: codec.Value) -> habit.Settled | None:
    """What a record says of how the buyer pays: a payment that settles an invoice which it had confirmed.

    Any other due date is the supplier's word alone. Where a credit note, or another confirmation for less,
    takes off what payments had left, the last of them counts: else a cent would make a late payment unseen.
    What is written off counts as paid that day: it is as late at least, and whoever wrote off what is overdue
    would else make its buyer look punctual.
    """
    kind = record[1]
    if kind == "payment" and record[7] and record[8]:
        return _settled(record[3], record[5], record[6], record[9:12])
    if kind == "credit" and record[6] and record[8] and record[9]:
        return _settled(record[3], record[9], record[5], record[10:13])
    if kind == "write_off":
        return _settled(record[3], record[5], record[6], record[7:10])
    if kind == "confirm" and record[8] and not record[7] and record[10]:
        return _settled(record[3], record[10], record[5], record[11:14])
    return None


def _settled(currency: str, paid_day: int, due_day: int, billed_as: tuple[int, int, int]) -> habit.Settled:
    """An invoice, (issue day, gross, credited), that was paid in full."""
    issue_day, gross, credited = billed_as
    return habit.Settled(due_day, issue_day, paid_day, gross, currency, credited)


NO_PARTY = (0, 0)
"""Aggregates of a party without a relationship: (as supplier, as buyer)."""


def register(state: Overlay, day: int, supplier: str, buyer: str) -> None:
    """Enter a new relationship in the histories of both parties."""
    for party in (supplier, buyer):
        key = party_key(party)
        entry = state.get(key)
        record = (day, "relationship", supplier, buyer)
        history.append(state, key, record, fold_party(NO_PARTY if entry is None else entry[2], record, party))


def fold_party(aggregates: codec.Value, record: codec.Value, party: str) -> codec.Value:
    """The aggregates of a party entry after one more relationship: (as supplier, as buyer)."""
    return (aggregates[0] + (record[2] == party), aggregates[1] + (record[3] == party))


def checked(total: int) -> int:
    """A running sum that the codec can write.

    Raises:
        AmountOverflow: beyond 64 bits.
    """
    if not -MAX_TOTAL <= total <= MAX_TOTAL:
        raise AmountOverflow(total, "total", MAX_TOTAL)
    return total
