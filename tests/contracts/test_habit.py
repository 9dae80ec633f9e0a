"""Habits: fixed size, a fold of the payments alone, and what each part of it remembers."""

from __future__ import annotations

from collections import Counter
from struct import Struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trade_ledger import TradeLedger, confirm, invoice, payment

from contracts.pricing.known import FRESH_WEEKS, Outstanding
from contracts.trade import habit
from contracts.trade.habit import Settled
from contracts.trade.habit_entry import (
    AMOUNT,
    BUYER,
    CELL,
    FAR,
    FEWEST_AMOUNTS,
    HABIT_BYTES,
    LEAST_DAYS,
    MOST_AMOUNTS,
    MOST_BEYOND_DAYS,
    MOST_DAYS,
    MOST_SEEN,
    NETWORK,
    NETWORK_KEY,
    OCTAVES,
    PARTY_SPREAD,
    PAST_WEEKS,
    PAYMENTS,
    RING_WEEKS,
    SHIFT,
    SPREAD,
    SPREAD_DAYS,
    SUPPLIER,
    TOTAL,
    TURNOVER,
    UNIT,
    WIDE_SHIFT,
    WIDE_SPREAD,
    WIDE_TOTAL,
    Habit,
    Layout,
    OpenWeeks,
    habit_key,
    octave,
    of_last,
    spread_class,
    spread_of,
)
from contracts.trade.holidays import days_to_banking, due_class, month_part, weekday
from contracts.trade.lanes import OPEN_INVOICES, PAID_INVOICES, SUM, Lane, lanes
from contracts.trade.relationship_records import settlement
from ledger import codec
from ledger.dates import day_from_iso
from ledger.money import MAX_TOTAL
from ledger.state.overlay import Overlay

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


def paid(entry: bytes | None, one: Settled) -> bytes:
    """A relationship's entry after one more payment, from the entry and the payment alone."""
    state = Overlay(Nothing())
    key = habit_key("acme", "mega")
    if entry is not None:
        state.put(key, entry)
    habit.observe(state, "acme", "mega", one)
    return bytes(state.get(key) or b"")


def opened_and_paid(state: Overlay, supplier: str, buyer: str, one: Settled) -> None:
    """An invoice that is confirmed on the day of its issue, and paid."""
    habit.note_open(state, supplier, buyer, one.issue_day, ((one.due_day, 1),))
    habit.observe(state, supplier, buyer, one)


@settings(max_examples=200)
@given(st.lists(payments, max_size=80))
def test_the_size_of_an_entry_depends_on_how_many_came_and_not_on_what_came(history: list[Settled]) -> None:
    state = Overlay(Nothing())
    entry = None
    for one in sorted(history, key=lambda settled: settled.issue_day):
        opened_and_paid(state, "acme", "mega", one)
        entry = paid(entry, one)
    assert state.get(habit_key("acme", "mega")) == entry
    further = max(0, len({one.currency for one in history}) - 1)
    sizes = {key: len(value) for key, value in state.writes.items()}
    assert not history or sizes == {
        habit_key("acme", "mega"): HABIT_BYTES + AMOUNT.size * (rows_after(len(history)) - FEWEST_AMOUNTS),
        habit_key("", "mega"): BUYER.size,
        habit_key("acme", ""): SUPPLIER.size + TURNOVER.size * further,
        NETWORK_KEY: NETWORK.size,
    }
    read = Habit(entry)
    assert read.count == len(history)
    assert len(read.payments()) == min(PAYMENTS, len(history))


def rows_after(invoices: int) -> int:
    """Rows of exact amounts: more than twice the invoices before the last, from fewest to most."""
    rows = FEWEST_AMOUNTS
    while rows <= 2 * (invoices - 1) and rows < MOST_AMOUNTS:
        rows *= 2
    return rows


def faded(cell: tuple[int, ...], shift: int, days: int) -> tuple[int, ...]:
    """A cell after one more invoice paid so many days late, part by part as the table has it."""
    counted = max(LEAST_DAYS, min(MOST_DAYS, days))
    beyond = max(0, min(MOST_BEYOND_DAYS, days))
    added = (UNIT, UNIT * (days > 0), UNIT * counted, UNIT * beyond)[: len(cell)]
    return tuple([part - (part >> shift) + more for part, more in zip(cell, added, strict=True)])


def spread_after(classes: tuple[int, ...], most: int, days: int) -> tuple[int, ...]:
    """A spread after one more invoice."""
    counted = list(classes)
    counted[spread_class(max(LEAST_DAYS, min(MOST_BEYOND_DAYS, days)))] += 1
    return tuple([part // 2 for part in counted] if max(counted) >= most else counted)


KINDS = st.sampled_from(
    [
        *[Lane(CELL, shift) for shift in (2, 5, SHIFT)],
        Lane(TOTAL, SHIFT),
        *[Lane(WIDE_TOTAL, shift) for shift in (3, WIDE_SHIFT)],
        Lane(SPREAD, most=4),
        Lane(SPREAD, most=PARTY_SPREAD),
        Lane(WIDE_SPREAD, most=1 << 3),
        PAID_INVOICES,
        OPEN_INVOICES,
    ]
)


@given(
    st.lists(KINDS, max_size=9),
    st.integers(0, 9),
    st.lists(st.tuples(st.integers(-200, 400), st.integers(1, 10**15)), max_size=60),
)
def test_lanes_side_by_side_change_as_each_alone(
    kinds: list[Lane], place: int, history: list[tuple[int, int]]
) -> None:
    kinds.insert(min(place, len(kinds)), SUM)
    after = lanes(kinds)
    together = bytes(sum([kind.form.size for kind in kinds]))
    alone: list[tuple[int, ...]] = [(0,) * len(kind.bits()) for kind in kinds]
    for days, amount in history:
        together = after(together, days, amount)
        for at, kind in enumerate(kinds):
            if kind is SUM:
                alone[at] = (alone[at][0] + amount,)
            elif kind.shift:
                alone[at] = faded(alone[at], kind.shift, days)
            elif kind.most:
                alone[at] = spread_after(alone[at], kind.most, days)
            else:
                alone[at] = (alone[at][0] + kind.adds,)
        assert unpacked(kinds, together) == alone


def unpacked(kinds: list[Lane], data: bytes) -> list[tuple[Any, ...]]:
    found, at = [], 0
    for kind in kinds:
        found.append(kind.form.unpack_from(data, at))
        at += kind.form.size
    return found


def test_a_sum_of_amounts_ends_at_64_bits_and_spills_into_nothing() -> None:
    after = lanes((SUM, PAID_INVOICES))
    form = Struct("<QI")
    assert form.unpack(after(form.pack(MAX_TOTAL - 5, 7), 0, 10)) == (MAX_TOTAL, 8)
    assert form.unpack(after(form.pack(MAX_TOTAL - 5, 7), 0, 5)) == (MAX_TOTAL, 8)


def test_what_was_never_open_is_short_by_one_and_spills_into_nothing() -> None:
    after = lanes((OPEN_INVOICES, SUM, PAID_INVOICES))
    assert Struct("<iQI").unpack(after(bytes(16), 0, 3)) == (-1, 3, 1)


@pytest.mark.parametrize("days", [-400, 0, 1, 400])
@pytest.mark.parametrize(("form", "shift"), [(CELL, 2), (TOTAL, SHIFT), (WIDE_TOTAL, WIDE_SHIFT)])
def test_cells_stay_within_their_bytes_for_ever(form: Struct, shift: int, days: int) -> None:
    kinds = (Lane(form, shift), Lane(form, shift), SUM)
    cells, alone = bytes(2 * form.size + 8), (0,) * len(kinds[0].bits())
    after = lanes(kinds)
    for _ in range(40 << shift):
        cells = after(cells, days, 0)
        alone = faded(alone, shift, days)
    assert unpacked(list(kinds), cells)[:2] == [alone, alone]
    assert alone[0] <= UNIT << shift
    assert LEAST_DAYS * UNIT << shift <= alone[2] <= MOST_DAYS * UNIT << shift


@settings(max_examples=60)
@given(st.lists(payments, min_size=1, max_size=40))
def test_an_invoice_changes_its_own_cells_and_no_other(history: list[Settled]) -> None:
    before, entry = None, None
    for one in history:
        before, entry = entry, paid(entry, one)
    last = history[-1]
    days = last.paid_day - last.due_day
    old, new = Habit(before), Habit(entry)
    due = due_class(last.due_day, last.currency)
    assert new.total() == faded(old.total(), SHIFT, days)
    for place in range(7):
        cell = old.due_on(place)
        assert new.due_on(place)[:3] == (faded(cell[:3], SHIFT, days) if place == due else cell[:3])
    for place in range(OCTAVES):
        cell, is_its = old.of_octave(place), place == octave(last.amount)
        assert new.of_octave(place)[:3] == (faded(cell[:3], SHIFT, days) if is_its else cell[:3])
    assert (new.count, new.last_day) == (old.count + 1, last.paid_day)
    newest = new.payments()[0]
    assert (newest.due_class, newest.month_part, newest.issue_weekday) == (
        due,
        month_part(last.due_day),
        weekday(last.issue_day),
    )
    assert new.payments()[1:] == old.payments()[: PAYMENTS - 1]


@given(st.lists(st.integers(-60, 120), max_size=PAYMENTS), st.sampled_from([2, 3, 5]))
def test_what_is_read_off_the_last_payments_is_a_cell_of_them(newest_first: list[int], shift: int) -> None:
    cell: tuple[int, ...] = (0, 0, 0)
    for days in reversed(newest_first):
        cell = faded(cell, shift, days)
    found = of_last(newest_first, shift)
    most = min(len(newest_first), 1 << shift)
    rounding = most * (len(newest_first) + 1)  # less than one each time that a weight, or the cell, fades
    assert abs(found.weight - cell[0]) <= rounding
    assert abs(found.late - cell[1]) <= rounding
    assert abs(found.days - cell[2]) <= rounding * max(MOST_DAYS, -LEAST_DAYS)


@given(st.integers(-400, 400))
def test_a_spread_counts_an_invoice_where_it_is_nearest(days: int) -> None:
    off = [abs(days - each) for each in SPREAD_DAYS]
    assert off[spread_class(days)] == min(off)


DAY = 20_000
PAIRS = (("acme", "mega"), ("acme", "nova"), ("bolt", "mega"))
STEPS = st.lists(
    st.tuples(
        st.integers(0, 60),  # days that go by
        st.integers(0, 2),  # which pair
        st.sampled_from(["open", "open", "pay", "end", "extend"]),
        st.integers(-100, 1_080),  # days to the due date
    ),
    max_size=40,
)


@settings(max_examples=150)
@given(STEPS)
def test_open_invoices_are_where_their_due_dates_are_whatever_the_time(
    steps: list[tuple[int, int, str, int]],
) -> None:
    state, day = Overlay(Nothing()), DAY
    due_days: dict[tuple[str, str], Counter[int]] = {pair: Counter() for pair in PAIRS}
    for gap, pair, what, term in steps:
        day += gap
        parties = PAIRS[pair]
        mine = due_days[parties]
        if what == "open":
            habit.note_open(state, *parties, day, ((day + term, 1),))
            mine[day + term] += 1
        elif mine:
            due = min(mine)
            mine[due] -= 1
            if what == "pay":
                habit.observe(state, *parties, Settled(due, due - 30, day, 500, "EUR", 0))
            elif what == "end":
                habit.note_open(state, *parties, day, ((due, -1),))
            else:
                habit.note_open(state, *parties, day, ((due, -1), (day + abs(term), 1)))
                mine[day + abs(term)] += 1
            due_days[parties] = +mine
        for supplier, buyer, layout in (
            ("acme", "", SUPPLIER),
            ("bolt", "", SUPPLIER),
            ("", "mega", BUYER),
            ("", "nova", BUYER),
            ("", "", NETWORK),
        ):
            entry = state.get(habit_key(supplier, buyer))
            kept: Counter[int] = Counter()
            for pair_of in PAIRS:
                if supplier in (pair_of[0], "") and buyer in (pair_of[1], ""):
                    kept += due_days[pair_of]
            _check_open(entry, layout, kept, day)


def _check_open(entry: bytes | None, layout: Layout, due_days: Counter[int], day: int) -> None:
    weeks = OpenWeeks.of(entry, layout)
    by_week: Counter[int] = Counter()
    for due, invoices in due_days.items():
        by_week[due // 7] += invoices
    assert weeks.by_week() == {week: invoices for week, invoices in by_week.items() if week >= weeks.base}
    assert weeks.old == sum([invoices for week, invoices in by_week.items() if week < weeks.base])
    overdue = {week: invoices for week, invoices in by_week.items() if week < day // 7}
    found = Outstanding.of(weeks.counts(), day)
    assert found.invoices == due_days.total()
    assert found.overdue == sum(overdue.values())
    ages = {week: min(PAST_WEEKS, day // 7 - week) for week in overdue}
    assert found.overdue_weeks == sum([ages[week] * invoices for week, invoices in overdue.items()])
    assert found.overdue_fresh == sum(
        [invoices for week, invoices in overdue.items() if ages[week] <= FRESH_WEEKS]
    )
    for due in due_days:
        without = Counter(due_days)
        without[due] -= 1
        assert Outstanding.of(weeks.counts(), day, due).invoices == without.total()
        if due // 7 < day // 7:
            assert Outstanding.of(weeks.counts(), day, due).overdue == found.overdue - 1


def test_weeks_far_ahead_take_bytes_of_their_own_only_while_they_are_open() -> None:
    state = Overlay(Nothing())
    far = DAY + 7 * (RING_WEEKS + 4)
    habit.note_open(state, "acme", "mega", DAY, ((DAY + 30, 1), (far, 2)))
    key = habit_key("acme", "")
    assert len(state.get(key) or b"") == SUPPLIER.size + FAR.size
    habit.observe(state, "acme", "mega", Settled(far, DAY, DAY + 5, 700, "JPY", 0))
    habit.observe(state, "acme", "mega", Settled(DAY + 30, DAY, DAY + 5, 700, "EUR", 0))
    assert len(state.get(key) or b"") == SUPPLIER.size + TURNOVER.size + FAR.size
    habit.note_open(state, "acme", "mega", DAY + 120, ((DAY + 140, 1),))
    assert len(state.get(key) or b"") == SUPPLIER.size + TURNOVER.size, "the ring has reached it"
    assert OpenWeeks.of(state.get(key), SUPPLIER).by_week() == {far // 7: 1, (DAY + 140) // 7: 1}


def test_quantiles_follow_the_newest_payments_of_a_party() -> None:
    state = Overlay(Nothing())
    for number in range(3 * PARTY_SPREAD):
        opened_and_paid(state, "acme", "mega", settled(late=10 if number < PARTY_SPREAD else 0))
    spread = spread_of(state.get(habit_key("", "mega")), BUYER)
    assert spread == spread_of(state.get(habit_key("acme", "")), SUPPLIER)
    assert max(spread) < PARTY_SPREAD
    assert spread[SPREAD_DAYS.index(0)] > 3 * spread[SPREAD_DAYS.index(10)] > 0


def test_lateness_is_kept_by_weekday_amount_and_month() -> None:
    entry = None
    for week in range(20):
        entry = paid(entry, settled(late=3, due=MONDAY + 7 * week))
        entry = paid(entry, settled(late=-1, due=MONDAY + 1 + 7 * week, amount=90_000_00))
    read = Habit(entry)
    monday, tuesday = read.due_on(0), read.due_on(1)
    assert (monday.late, tuesday.late) == (monday.weight, 0)
    assert read.of_octave(octave(100_00)).late > 0
    assert read.of_octave(octave(90_000_00)).late == 0
    seen, late = read.of_amount(100_00)
    assert seen == late > 5
    seen, late = read.of_amount(90_000_00)
    assert (seen > 5, late) == (True, 0)
    assert read.of_amount(1) == (0, 0)
    assert read.payments()[0].days_late == -1
    assert read.payments()[1].days_late == 3


def test_an_amount_that_comes_again_outlives_those_that_came_once() -> None:
    entry = None
    for number in range(3_000):
        entry = paid(entry, settled(late=1, amount=1_000_000 + number))
        if number % 60 == 0:
            entry = paid(entry, settled(late=-1, amount=47_156))
    assert len(entry or b"") == HABIT_BYTES + AMOUNT.size * (MOST_AMOUNTS - FEWEST_AMOUNTS)
    seen, late = Habit(entry).of_amount(47_156)
    assert seen > 5
    assert late == 0


def test_amounts_that_came_before_are_told_from_new_ones_in_a_history_of_any_length() -> None:
    """One payment, or a thousand later: known amounts are known, and of a thousand new ones few seem so."""
    entry = None
    for number in range(1_000):
        entry = paid(entry, settled(late=number % 2, amount=7_919 * number + 10_000))
        if number in (0, 15, 16, 100, 999):
            known = [Habit(entry).of_amount(7_919 * one + 10_000)[0] for one in range(number + 1)]
            assert sum([seen > 0 for seen in known]) > 0.7 * len(known)
            fresh = [Habit(entry).of_amount(7_919 * one + 10_001)[0] for one in range(1_000)]
            assert sum([seen > 0 for seen in fresh]) < 10


@given(
    st.lists(st.tuples(st.integers(1, 60), st.booleans()), max_size=300),
)
def test_a_row_of_an_amount_counts_late_ones_among_its_invoices(history: list[tuple[int, bool]]) -> None:
    entry = None
    for amount, is_late in history:
        entry = paid(entry, settled(late=int(is_late), amount=amount))
        seen, late = Habit(entry).of_amount(amount)
        assert 0 <= late <= seen <= MOST_SEEN
    for amount in {amount for amount, _ in history}:
        seen, late = Habit(entry).of_amount(amount)
        came = [is_late for one, is_late in history if one == amount]
        assert (seen, late) == (0, 0) or 0 <= late <= seen <= len(came)


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
        again = again if one is None else paid(again, one)
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
