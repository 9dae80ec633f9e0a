"""What the ledger knows that bears on an invoice, as its state has it: `lateness` makes integers of it.

    read_known(state, supplier, buyer, asked) -> Known

As if the invoice itself were not there: if it is open already, its due day is said, and it is taken out.
Every part is O(1): fixed cells and counts of `contracts.trade.habit_entry`, the sums of the relationship.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from contracts.pricing.formulae import CENTIDAYS
from contracts.trade.habit_entry import (
    BUYER,
    NETWORK,
    NETWORK_KEY,
    PAST_WEEKS,
    SPREAD_DAYS,
    SUPPLIER,
    WEEK_DAYS,
    Dealings,
    Habit,
    Layout,
    Levels,
    OpenWeeks,
    habit_key,
    octave,
    spread_of,
    turnover_of,
    turnover_on,
)
from contracts.trade.holidays import due_class
from contracts.trade.relationship import read_sums
from contracts.trade.relationship_sums import Aggregates
from ledger.money import PPM
from ledger.state.overlay import Reader

MISSING = -1_000_000_000
"""No such figure. Below every figure that there is, so that a tree can tell it from all."""

FRESH_WEEKS = 3
MOST_TENURE_DAYS = 90
"""Who has paid for longer counts as established: a longer tenure would tell a model what date it is, since
most began before the ledger did, and a model that has learnt dates says nothing of the next ones."""


class Asked(NamedTuple):
    """An invoice to be priced; days since 1970, minor units."""

    day: int
    issue_day: int
    due_day: int
    amount: int
    currency: str


class Trade(NamedTuple):
    """How what was traded went so far: shares in ppm, none of nothing; `count` tells how much there was."""

    disputed: int
    """Disputed invoices, of those and the ones paid in full."""
    diluted: int
    """Credited of what was billed, mean over closed periods: the present one may hold the invoice itself."""
    delivered_late: int
    """Receipts of goods after their scheduled date."""
    delivered_short: int
    """Receipts of less than was shipped, shipments lost among them."""

    @classmethod
    def of(cls, sums: Aggregates, day: int) -> Trade:
        """Of a relationship in one currency, on a day."""
        return cls(
            _part(sums.disputed_invoices * PPM, sums.disputed_invoices + sums.settled_invoices),
            sums.closed_dilution_ppm(day),
            _part(sums.deliveries_late * PPM, sums.deliveries),
            _part(sums.deliveries_short * PPM, sums.deliveries),
        )

    @classmethod
    def with_everybody(cls, dealings: Dealings) -> Trade:
        """Of a party in all currencies; diluted is the mean over the invoices that were paid in full."""
        return cls(
            _part(dealings.disputed * PPM, dealings.disputed + dealings.settled),
            _part(dealings.diluted_ppm, dealings.settled),
            _part(dealings.deliveries_late * PPM, dealings.deliveries),
            _part(dealings.deliveries_short * PPM, dealings.deliveries),
        )


class Outstanding(NamedTuple):
    """Confirmed and unpaid invoices of a relationship, a party or all, besides the one that is priced."""

    invoices: int
    overdue: int
    """Those that fell due in an earlier week than this one."""
    overdue_fresh: int
    """Those of them overdue for at most `FRESH_WEEKS` weeks."""
    overdue_weeks: int
    """Σ of how long they have been overdue, each at most `PAST_WEEKS`: by then they may not be kept apart."""

    @classmethod
    def of(cls, weeks: Iterable[tuple[int, int]], day: int, due_day: int | None = None) -> Outstanding:
        """Of (week of the due date, invoices) on a day, without one that is due on `due_day`, if given."""
        now = day // WEEK_DAYS
        invoices = overdue = fresh = overdue_weeks = 0
        for week, count in weeks if due_day is None else (*weeks, (due_day // WEEK_DAYS, -1)):
            invoices += count
            if week < now:
                age = min(PAST_WEEKS, now - week)
                overdue += count
                overdue_weeks += age * count
                if age <= FRESH_WEEKS:
                    fresh += count
        return cls(invoices, overdue, fresh, overdue_weeks)

    @property
    def overdue_share(self) -> int:
        """Of the open ones those that are overdue, ppm."""
        return _part(self.overdue * PPM, self.invoices)

    @property
    def overdue_days(self) -> int:
        """Mean time for which these have been overdue, centidays; 0 of none."""
        return _part(self.overdue_weeks * WEEK_DAYS * CENTIDAYS, self.overdue)


class Party(NamedTuple):
    """A buyer, a supplier, or all, with everybody."""

    trade: Trade
    outstanding: Outstanding
    spread: tuple[int, ...]
    """Invoices paid, by the classes of `SPREAD_DAYS`."""

    def quantiles(self) -> tuple[int, int, int]:
        """Days late at a fifth, the middle and four fifths, centidays; `MISSING` of nothing."""
        paid = sum(self.spread)
        if not paid:
            return MISSING, MISSING, MISSING
        return self._ranked(paid // 5), self._ranked(paid // 2), self._ranked(paid * 4 // 5)

    def _ranked(self, rank: int) -> int:
        """Days late of the class in which lies the invoice of a rank from 0, the earliest."""
        for days, invoices in zip(SPREAD_DAYS, self.spread, strict=True):
            rank -= invoices
            if rank < 0:
                return CENTIDAYS * days
        raise AssertionError("a rank beyond what was paid")


class Standing(NamedTuple):
    """What buyer and supplier are to each other; shares in ppm, none of nothing."""

    share_of_supplier: int
    """The buyer's part of the supplier's turnover in the currency (`contracts.trade.habit_entry`)."""
    share_elsewhere: int
    """Other suppliers' part of the invoices that the buyer paid."""
    tenure: int
    """Days since the buyer's first payment to the supplier, at most `MOST_TENURE_DAYS`; `MISSING` before."""
    tenure_elsewhere: int
    """Days for which it had paid others before that, or has till now; at most `MOST_TENURE_DAYS`."""

    @classmethod
    def of(cls, asked: Asked, habit: Habit, sums: Aggregates, bought: Dealings, turnover: int) -> Standing:
        """On the day of an invoice, of the buyer's dealings and the supplier's turnover in its currency."""
        own = turnover_on(sums.turnover_half_year, sums.turnover, asked.day)
        first = habit.first_day
        return cls(
            _part(own * PPM, turnover),
            _part((bought.settled - habit.count) * PPM, bought.settled),
            min(MOST_TENURE_DAYS, asked.day - first) if first else MISSING,
            max(0, min(MOST_TENURE_DAYS, (first or asked.day) - bought.first_day)) if bought.first_day else 0,
        )


def _part(part: int, whole: int) -> int:
    return part // whole if whole else 0


class Known(NamedTuple):
    """What the ledger knows that bears on an invoice, but for the invoice itself."""

    habit: Habit
    levels: Levels
    opened: Outstanding
    """Of the relationship."""
    trade: Trade
    buyer: Party
    supplier: Party
    network: Party
    standing: Standing


def read_known(
    state: Reader, supplier: str, buyer: str, asked: Asked, open_due_day: int | None = None
) -> Known:
    """What a description is made from, out of the state.

    `open_due_day` is the due day of the invoice itself if the open basis holds it: it says nothing of itself.
    """
    sums = read_sums(state, supplier, buyer, asked.currency)
    habit = Habit(state.get(habit_key(supplier, buyer)))
    buyer_entry, supplier_entry = state.get(habit_key("", buyer)), state.get(habit_key(supplier, ""))
    network_entry = state.get(NETWORK_KEY)
    bought, sold = Dealings.of(buyer_entry, BUYER), Dealings.of(supplier_entry, SUPPLIER)
    levels = Levels.of(
        buyer_entry,
        supplier_entry,
        network_entry,
        due_class(asked.due_day, asked.currency),
        octave(asked.amount),
    )

    def party(entry: bytes | None, layout: Layout, trade: Trade) -> Party:
        outstanding = Outstanding.of(OpenWeeks.of(entry, layout).counts(), asked.day, open_due_day)
        return Party(trade, outstanding, spread_of(entry, layout))

    return Known(
        habit,
        levels,
        Outstanding.of([week[:2] for week in sums.open], asked.day, open_due_day),
        Trade.of(sums, asked.day),
        party(buyer_entry, BUYER, Trade.with_everybody(bought)),
        party(supplier_entry, SUPPLIER, Trade.with_everybody(sold)),
        party(network_entry, NETWORK, Trade(0, 0, 0, 0)),
        Standing.of(asked, habit, sums, bought, turnover_of(supplier_entry, asked.currency, asked.day)),
    )
