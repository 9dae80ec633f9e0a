"""Habits: fixed size, a fold of the payments alone, and what each part of it remembers."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trade_ledger import TradeLedger, confirm, invoice, payment

from contracts.trade import habit
from contracts.trade.habit import HABIT_BYTES, PAYMENTS, UNIT, Habit, Settled, fold
from contracts.trade.holidays import days_to_banking, due_class, weekday
from contracts.trade.relationship import settlement
from ledger import codec
from ledger.dates import day_from_iso
from ledger.state import Overlay

MONDAY = day_from_iso("2012-03-05")


def settled(late: int = 0, due: int = MONDAY, amount: int = 100_00, currency: str = "USD") -> Settled:
    return Settled(due, due - 30, due + late, amount, currency)


class Nothing:
    def get(self, key: bytes) -> codec.Value | None:
        return None


payments = st.builds(
    settled,
    late=st.integers(-400, 4_000),
    due=st.integers(800, 300_000),
    amount=st.integers(1, 10**15),
    currency=st.sampled_from(["USD", "EUR", "JPY"]),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(payments, max_size=80))
def test_the_entry_has_one_size_whatever_came(history: list[Settled]) -> None:
    state = Overlay(Nothing())
    entry = None
    for one in history:
        habit.observe(state, "acme", "mega", one)
        entry = fold(entry, one)
    assert state.get(habit.habit_key("acme", "mega")) == entry
    sizes = {len(value) for value in state.writes.values()}
    assert sizes <= {HABIT_BYTES, habit.BUYER_BYTES, habit.NETWORK_BYTES}
    read = Habit(entry)
    assert read.count == len(history)
    assert len(read.payments()) == min(PAYMENTS, len(history))


@pytest.mark.parametrize("shift", [2, 6, 10])
def test_cells_stay_within_their_bytes_for_ever(shift: int) -> None:
    cells = bytearray(16)
    for _ in range(40 << shift):
        habit._add(cells, 0, shift, UNIT, UNIT * habit.MOST_DAYS, UNIT * habit.MOST_BEYOND_DAYS)
    weight, late, days, _ = habit._CELL.unpack_from(cells)
    assert weight == late
    assert weight <= UNIT << shift
    assert days <= habit.MOST_DAYS * UNIT << shift


def test_lateness_is_kept_by_weekday_amount_and_month() -> None:
    entry = None
    for week in range(20):
        entry = fold(entry, settled(late=3, due=MONDAY + 7 * week))
        entry = fold(entry, settled(late=-1, due=MONDAY + 1 + 7 * week, amount=90_000_00))
    read = Habit(entry)
    monday, tuesday = read.due_on(0, recent=False), read.due_on(1, recent=False)
    assert (monday.late, tuesday.late) == (monday.weight, 0)
    assert read.of_octave(habit.octave(100_00)).late > 0
    assert read.of_octave(habit.octave(90_000_00)).late == 0
    assert read.of_amount(100_00) == (20, 20)
    assert read.of_amount(90_000_00) == (20, 0)
    assert read.of_amount(1) == (0, 0)
    assert read.payments()[0].days_late == -1
    assert read.payments()[1].days_late == 3


def test_an_amount_that_comes_again_outlives_those_that_came_once() -> None:
    entry = None
    for number in range(3_000):
        entry = fold(entry, settled(late=1, amount=1_000_000 + number))
        if number % 60 == 0:
            entry = fold(entry, settled(late=-1, amount=47_156))
    seen, late = Habit(entry).of_amount(47_156)
    assert seen > 10
    assert late == 0


def test_only_payments_that_settle_confirmed_invoices_make_a_habit() -> None:
    ledger = TradeLedger()
    ledger.done("acme", invoice("A", 100_00), invoice("B", 200_00))
    ledger.done("mega", confirm("A", 100_00))
    ledger.done("bank", payment("A", 40_00, "E1"))
    assert ledger.entry("habit", "acme", "mega") is None
    ledger.done("bank", payment("B", 200_00, "E2"))
    assert ledger.entry("habit", "acme", "mega") is None
    ledger.done("bank", payment("A", 60_00, "E3"))
    entry = ledger.entry("habit", "acme", "mega")
    assert Habit(entry).count == 1
    (records,) = [found for key, found in ledger.records.items() if codec.decode(key)[0] == "relationship"]
    known = [settlement(codec.decode(record)) for record in records]
    again = None
    for one in known:
        again = again if one is None else fold(again, one)
    assert again == entry, "whoever holds the records recomputes the entry"
    assert Habit(entry).of_amount(100_00) == (1, 0)


@pytest.mark.parametrize(
    ("day", "currency", "kind", "wait"),
    [
        ("2019-07-04", "USD", 6, 1),  # Independence Day, a Thursday
        ("2019-07-04", "EUR", 3, 0),
        ("2019-11-28", "USD", 6, 1),  # Thanksgiving
        ("2020-05-25", "USD", 6, 1),  # Memorial Day
        ("2022-12-26", "USD", 6, 1),  # Christmas on a Sunday
        ("2021-06-18", "USD", 4, 0),
        ("2022-01-01", "USD", 6, 2),  # a Saturday
        ("2019-04-19", "EUR", 6, 4),  # Good Friday, with Easter Monday behind it
        ("2024-03-29", "EUR", 6, 4),
        ("2012-03-03", "JPY", 5, 2),
    ],
)
def test_days_without_banking(day: str, currency: str, kind: int, wait: int) -> None:
    assert due_class(day_from_iso(day), currency) == kind
    assert days_to_banking(day_from_iso(day), currency) == wait


def test_monday_is_the_first_weekday() -> None:
    assert weekday(MONDAY) == 0
