"""Habits: fixed size, a fold of the payments alone, and what each part of it remembers."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trade_ledger import TradeLedger, confirm, invoice, payment

from contracts.trade import habit
from contracts.trade.habit import HABIT_BYTES, PAYMENTS, UNIT, Habit, Settled, fold
from contracts.trade.holidays import days_to_banking, due_class, month_part, weekday
from contracts.trade.relationship import settlement
from ledger import codec
from ledger.dates import day_from_iso
from ledger.state import Overlay

MONDAY = day_from_iso("2012-03-05")


def settled(late: int = 0, due: int = MONDAY, amount: int = 100_00, currency: str = "USD") -> Settled:
    return Settled(due, due - 30, due + late, amount, currency, 0)


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


@settings(max_examples=200)
@given(st.lists(payments, max_size=80))
def test_the_entry_has_one_size_whatever_came(history: list[Settled]) -> None:
    state = Overlay(Nothing())
    entry = None
    for one in history:
        habit.observe(state, "acme", "mega", one)
        entry = fold(entry, one)
    assert state.get(habit.habit_key("acme", "mega")) == entry
    currencies = len({one.currency for one in history})
    sizes = {key: len(value) for key, value in state.writes.items()}
    assert not history or sizes == {
        habit.habit_key("acme", "mega"): HABIT_BYTES,
        habit.habit_key("", "mega"): habit.BUYER_BYTES,
        habit.habit_key("acme", ""): habit.SUPPLIER_BYTES + 15 * currencies,
        habit.NETWORK_KEY: habit.NETWORK_BYTES,
    }
    read = Habit(entry)
    assert read.count == len(history)
    assert len(read.payments()) == min(PAYMENTS, len(history))


def faded(cell: tuple[int, ...], shift: int, days: int) -> tuple[int, ...]:
    """A cell after one more invoice paid so many days late, part by part as the table has it."""
    counted = max(habit.LEAST_DAYS, min(habit.MOST_DAYS, days))
    beyond = max(0, min(habit.MOST_BEYOND_DAYS, days))
    added = (UNIT, UNIT * (days > 0), UNIT * counted, UNIT * beyond)
    return tuple([part - (part >> shift) + more for part, more in zip(cell, added, strict=True)])


@given(
    st.lists(st.integers(1, 10), min_size=1, max_size=12),
    st.lists(st.integers(-200, 400), max_size=60),
)
def test_cells_side_by_side_fade_and_add_as_each_alone(shifts: list[int], lateness: list[int]) -> None:
    after = habit._lanes(tuple(shifts))
    together, alone = bytes(16 * len(shifts)), [(0, 0, 0, 0)] * len(shifts)
    for days in lateness:
        together = after(together, days)
        alone = [faded(cell, shift, days) for cell, shift in zip(alone, shifts, strict=True)]
        assert list(habit._CELL.iter_unpack(together)) == alone


@pytest.mark.parametrize("days", [-400, 0, 1, 400])
@pytest.mark.parametrize("shift", [2, 6, 10])
def test_cells_stay_within_their_bytes_for_ever(shift: int, days: int) -> None:
    cells, alone = bytes(32), (0, 0, 0, 0)
    after = habit._lanes((shift, shift))
    for _ in range(40 << shift):
        cells = after(cells, days)
        alone = faded(alone, shift, days)
    assert list(habit._CELL.iter_unpack(cells)) == [alone, alone]
    assert alone[0] <= UNIT << shift
    assert habit.LEAST_DAYS * UNIT << shift <= alone[2] <= habit.MOST_DAYS * UNIT << shift


@settings(max_examples=60)
@given(st.lists(payments, min_size=1, max_size=40))
def test_an_invoice_changes_its_own_cells_and_no_other(history: list[Settled]) -> None:
    before, entries = None, None
    for one in history:
        before, entries = entries, fold(entries, one)
    last = history[-1]
    days = last.paid_day - last.due_day
    old, new = Habit(before), Habit(entries)
    due = due_class(last.due_day, last.currency)
    for place, shift in enumerate(habit.TOTAL_SHIFTS):
        assert new.total(place) == faded(old.total(place), shift, days)
    for kind, shift in ((True, habit.RECENT_SHIFT), (False, habit.LONG_SHIFT)):
        for weekday_ in range(7):
            cell = old.due_on(weekday_, recent=kind)
            assert new.due_on(weekday_, recent=kind) == (
                faded(cell, shift, days) if weekday_ == due else cell
            )
    for place in range(habit.OCTAVES):
        cell, is_its = old.of_octave(place), place == habit.octave(last.amount)
        assert new.of_octave(place) == (faded(cell, habit.AMOUNT_SHIFT, days) if is_its else cell)
    for place in range(7):
        cell, is_its = old.issued_on(place), place == weekday(last.issue_day)
        assert new.issued_on(place) == (faded(cell, habit.ISSUE_SHIFT, days) if is_its else cell)
    for place in range(habit.MONTH_PARTS):
        cell, is_its = old.in_month_part(place), place == month_part(last.due_day)
        assert new.in_month_part(place) == (faded(cell, habit.MONTH_SHIFT, days) if is_its else cell)
    assert (new.count, new.last_day) == (old.count + 1, last.paid_day)
    assert new.payments()[1:] == old.payments()[: PAYMENTS - 1]


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
