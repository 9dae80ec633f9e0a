"""Every byte of the four entries of habits against a plain model: the tables of `habit_entry`, in lists."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta
from struct import pack
from zlib import crc32

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.trade import habit
from contracts.trade.habit import Settled
from contracts.trade.habit_entry import habit_key
from contracts.trade.holidays import is_holiday
from ledger import codec
from ledger.state.overlay import Overlay

CLASSES = (-12, -8, -5, -3, -2, -1, 0, 1, 2, 3, 5, 7, 10, 15, 25, 40)
Four = list[int]


def cells(number: int) -> list[Four]:
    return [[0] * 4 for _ in range(number)]


def calendar_day(day: int) -> date:
    return date(1970, 1, 1) + timedelta(days=day)


def due_on(one: Settled) -> int:
    return 6 if is_holiday(one.due_day, one.currency) else calendar_day(one.due_day).weekday()


def add(cell: Four, fading: int, late: int) -> None:
    more = (512, 512 * (late > 0), 512 * max(-20, min(30, late)), 512 * max(0, min(90, late)))
    cell[:] = [part - part // 2**fading + added for part, added in zip(cell, more, strict=True)]


def octave(amount: int) -> int:
    return sum(amount >= 2**bits for bits in range(8, 23))


@dataclass
class Party:
    """A buyer, a supplier or all, with everybody."""

    fading: int
    most: int
    base: int = 0
    open: Counter[int] = field(default_factory=Counter)
    first: int = 0
    diluted: int = 0
    paid: int = 0
    weekdays: list[Four] = field(default_factory=lambda: cells(7))
    octaves: list[Four] = field(default_factory=lambda: cells(16))
    total: Four = field(default_factory=lambda: [0] * 4)
    spread: list[int] = field(default_factory=lambda: [0] * 16)
    turnover: dict[str, tuple[int, int]] = field(default_factory=dict)

    def opened(self, day: int, due_day: int) -> None:
        self.base = max(self.base, day // 7 - 8)
        self.open[due_day // 7] += 1

    def settle(self, one: Settled) -> None:
        late = one.paid_day - one.due_day
        self.open[one.due_day // 7] -= 1
        self.first = self.first or one.paid_day
        self.diluted += one.credited * 1_000_000 // one.amount
        self.paid += 1
        for cell in (self.weekdays[due_on(one)], self.octaves[octave(one.amount)], self.total):
            add(cell, self.fading, late)
        self.spread[min(range(16), key=lambda place: abs(CLASSES[place] - late))] += 1
        if max(self.spread) >= self.most:
            self.spread = [invoices // 2 for invoices in self.spread]
        now = one.paid_day // 182
        half_year, known = self.turnover.get(one.currency, (now, 0))
        newest = max(half_year, now)
        known = known // 2 ** (newest - half_year) + one.amount // 2 ** (newest - now)
        self.turnover[one.currency] = newest, known

    def head(self) -> bytes:
        old = sum([invoices for week, invoices in self.open.items() if week < self.base])
        return pack("<IHi", self.base, len(self.far()) // 6, old)

    def dealings(self) -> bytes:
        return pack("<IQIIII", self.first, self.diluted, 0, 0, 0, 0)

    def ring(self) -> bytes:
        near = {week % 32: self.open[week] for week in range(self.base, self.base + 32)}
        return pack("<32i", *[near[place] for place in range(32)])

    def far(self) -> bytes:
        weeks = sorted(self.open.items())
        return b"".join([pack("<Hi", *one) for one in weeks if one[0] >= self.base + 32 and one[1]])

    def as_buyer(self) -> bytes:
        of_weekdays = b"".join([pack("<HHi", *cell[:3]) for cell in self.weekdays])
        end = pack("<I", self.paid) + pack("<HHiI", *self.total) + bytes(self.spread)
        return self.head() + self.dealings() + of_weekdays + self.ring() + end + self.far()

    def as_supplier(self) -> bytes:
        (code, (half_year, total)), *more = [*self.turnover.items()] or [("\0\0\0", (0, 0))]
        sold_in = code.encode() + pack("<I", half_year)
        end = pack("<QI", total, self.paid) + pack("<IIiI", *self.total) + bytes(self.spread)
        further = b"".join([code.encode() + pack("<IQ", *known) for code, known in more])
        return self.head() + self.dealings() + sold_in + self.ring() + end + further + self.far()

    def as_network(self) -> bytes:
        all_cells = b"".join([pack("<IIi", *cell[:3]) for cell in self.weekdays + self.octaves])
        end = pack("<IIiI", *self.total) + pack("<16H", *self.spread)
        return self.head() + all_cells + self.ring() + end + self.far()


@dataclass
class Pair:
    """A relationship."""

    history: list[Settled] = field(default_factory=list)
    weekdays: list[Four] = field(default_factory=lambda: cells(7))
    octaves: list[Four] = field(default_factory=lambda: cells(16))
    total: Four = field(default_factory=lambda: [0] * 4)
    rows: list[tuple[int, int, int]] = field(default_factory=lambda: [(0, 0, 0)] * 32)

    def settle(self, one: Settled) -> None:
        late = one.paid_day - one.due_day
        self.history.insert(0, one)
        for cell in (self.weekdays[due_on(one)], self.octaves[octave(one.amount)], self.total):
            add(cell, 6, late)
        if 2 * len(self.history) > len(self.rows) and len(self.rows) < 2_048:
            self.rows = self.rows * 2
        mixed = crc32(one.amount.to_bytes(8, "little"))
        tag, invoices, late_ones = self.rows[mixed % len(self.rows)]
        if invoices and tag == mixed >> 24:
            if invoices == 15:
                invoices, late_ones = 7, late_ones // 2
            row = tag, invoices + 1, late_ones + (late > 0)
        elif invoices > 1:
            row = tag, invoices - 1, min(late_ones, invoices - 1)
        else:
            row = mixed >> 24, 1, int(late > 0)
        self.rows[mixed % len(self.rows)] = row

    def entry(self) -> bytes:
        last = b"".join([self.payment(one) for one in self.history[:32]])
        of_cells = b"".join([pack("<HHi", *cell[:3]) for cell in self.weekdays + self.octaves])
        amounts = b"".join([pack("<H", tag * 256 + seen * 16 + late) for tag, seen, late in self.rows])
        days = pack("<II", self.history[0].paid_day, self.history[-1].paid_day)
        end = pack("<I", len(self.history)) + pack("<HHiI", *self.total) + amounts
        return days + last.ljust(32 * 7, b"\0") + of_cells + end

    def payment(self, one: Settled) -> bytes:
        bits = one.amount.bit_length()
        days = [one.paid_day - one.due_day, one.paid_day - one.issue_day]
        sixth = min(5, (calendar_day(one.due_day).day - 1) // 5)
        return pack(
            "<hhBBB",
            *[max(-(2**15), min(2**15 - 1, number)) for number in days],
            due_on(one) + 8 * sixth,
            calendar_day(one.issue_day).weekday(),
            4 * bits + one.amount * 8 // 2**bits % 4,
        )


class Nothing:
    def get(self, key: bytes) -> codec.Value | None:
        return None


AMOUNTS = st.one_of(st.sampled_from([255, 256, 10**14]), st.integers(1, 9), st.integers(1, 10**14))
INVOICES = st.tuples(
    st.sampled_from(["acme", "acme", "bolt"]),
    st.sampled_from(["mega", "mega", "nova"]),
    st.sampled_from([0, 0, 1, 7, 7, 40, 400]),
    st.sampled_from([0, 1, 30, 60, 300, 1_080]),
    st.sampled_from([-1_000, -21, -20, -1, 0, 0, 1, 4, 30, 31, 90, 91, 400, 40_000]),
    AMOUNTS,
    st.sampled_from(["USD", "USD", "EUR", "JPY"]),
    st.sampled_from([0, 0, 0, 1, 2]),
    st.integers(0, 20),
)
"""Supplier, buyer, days since the last one, term, days late, gross, currency, part credited, still unpaid."""


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 20_000), st.lists(INVOICES, min_size=10, max_size=60), st.integers(1, 5))
def test_every_byte_is_what_the_tables_say(
    day: int, invoices: list[tuple[str, str, int, int, int, int, str, int, int]], times: int
) -> None:
    state = Overlay(Nothing())
    pairs: dict[tuple[str, str], Pair] = {}
    buyers: dict[str, Party] = {}
    suppliers: dict[str, Party] = {}
    network = Party(10, 2**13)
    waiting: list[tuple[str, str, Settled]] = []
    for supplier, buyer, later, term, late, amount, currency, part, soon in invoices * times:
        day += later
        due = day + term
        one = Settled(due, day, max(1, due + late), amount, currency, amount * part // 2)
        parties = (
            buyers.setdefault(buyer, Party(6, 128)),
            suppliers.setdefault(supplier, Party(10, 128)),
            network,
        )
        habit.note_open(state, supplier, buyer, day, ((due, 1),))
        for party in parties:
            party.opened(day, due)
        waiting.append((supplier, buyer, one))
        while len(waiting) > soon:
            seller, payer, paid = waiting.pop(0)
            habit.observe(state, seller, payer, paid)
            pairs.setdefault((seller, payer), Pair()).settle(paid)
            for party in (buyers[payer], suppliers[seller], network):
                party.settle(paid)
        assert state.get(habit_key("", "")) == network.as_network()
    expected = {habit_key(*names): pair.entry() for names, pair in pairs.items()}
    expected |= {habit_key("", name): party.as_buyer() for name, party in buyers.items()}
    expected |= {habit_key(name, ""): party.as_supplier() for name, party in suppliers.items()}
    assert state.writes == {**expected, habit_key("", ""): network.as_network()}
