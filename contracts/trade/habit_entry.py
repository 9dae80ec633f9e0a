"""What the entries of habits hold, and how they are read: `contracts.trade.habit` says how they change.

    ("habit", supplier, buyer) -> bytes     how the buyer pays this supplier
    ("habit", "", buyer)       -> bytes     the buyer with everybody
    ("habit", supplier, "")    -> bytes     the supplier with everybody
    ("habit", "", "")          -> bytes     how everybody pays

The bytes are little-endian. A *cell* is three or four integers:

| part | bytes | adds for each invoice paid in full |
|---|---|---|
| weight | 2; 4 of supplier and network | `UNIT` |
| late | 2 or 4 | `UNIT` if it was paid after its due date |
| days | 4, signed | `UNIT` · days late, within `LEAST_DAYS` and `MOST_DAYS` |
| beyond | 4, of a total with + | `UNIT` · days beyond terms, at most `MOST_BEYOND_DAYS` |

Before it adds, a cell loses the 2^-shift part of each (rounded down), so the past fades with the
number of payments, not with time: a buyer that pays once a month is remembered for longer. The shift is
`SHIFT` in the entries of a relationship and a buyer, `WIDE_SHIFT` in those of a supplier and the network:
alike, so that a lone supplier's total is the network's. What fades faster is read off the last payments.

The relationship's entry:

| part | bytes | holds |
|---|---|---|
| last | 4 | day of the last payment, days since 1970 |
| first | 4 | day of the first payment |
| payments | 32 · 7 | the last, newest first: days late (2), days from issue (2), due on, issued on, size |
| weekday | 7 cells | those due on that class of day, from Monday, see `contracts.trade.holidays` |
| amount | 16 cells | those of that octave of minor units, see `octave` |
| count | 4 | invoices paid in full |
| total | 1 cell + | all |
| amounts | rows · 2 | by hash of the exact amount: tag, invoices, late ones |

*Due on* is the class of the due day and eight times the sixth of its month; *issued on* the weekday of issue,
Monday 0; *size* is `amount_size` of the gross. Both numbers of days are signed, and end at what two bytes
hold. While fewer than 32 invoices are paid, the rest is nought.

A row of *amounts* is `tag · 256 + invoices · 16 + late ones`. The hash is the CRC-32 of the gross as eight
little-endian bytes: modulo the number of rows it is the row, its highest eight bits are the tag. There
are `FEWEST_AMOUNTS` rows, twice as many whenever the invoices paid come to more than half of them,
`MOST_AMOUNTS` in the end: what comes again is told apart from what is new for as long as thousands of
invoices go back, and a short history stays a short entry.

The entries of a buyer, a supplier and the network have those of these parts that are marked:

| part | bytes | of | holds |
|---|---|---|---|
| base | 4 | b s n | the first week (day // 7) that the ring below keeps apart |
| far | 2 | b s n | weeks after the ring that have open invoices |
| old | 4 | b s n | open invoices due before the ring; signed |
| first | 4 | b s | day of the first payment |
| diluted | 8 | b s | Σ credited / gross of the invoices paid in full; ppm |
| disputed | 4 | b s | disputes of an invoice, whatever became of them |
| deliveries | 4 | b s | receipts of goods, and shipments lost |
| late, short | 4, 4 | b s | those after their scheduled date; those of which less came than was shipped |
| currency, half-year | 3, 4 | s | of the turnover below: of the first payment; day // `HALVING_DAYS` |
| weekday | 7 cells | b n | those due on that class of day |
| amount | 16 cells | n | those of that octave of minor units |
| ring | 32 · 4 | b s n | open invoices by the week of their due date, at week mod 32; signed |
| turnover | 8 | s | in the currency above |
| settled | 4 | b s | invoices paid in full |
| total | 1 cell + | b s n | all |
| spread | 16, of the network 16 · 2 | b s n | invoices by days late, in the classes of `SPREAD_DAYS` |
| turnovers | 15 each | s | of further currencies: currency (3), half-year (4), amount (8) |
| far weeks | 6 each | b s n | week (2; day // 7), open invoices due then (4; signed), ascending |

*Spread*: when a class has come to `PARTY_SPREAD` invoices (the network's to `NETWORK_SPREAD`), all of its
classes are halved.

*Turnover* is the gross of what was paid in full: an amount counts whole in the half-year of its payment, and
half as much, rounded down, after each further one; it ends at `MAX_TOTAL`. A buyer's part of it
(`contracts.trade.relationship`) fades at the same moments, so part and whole are of like with like on any
day. What a *buyer* pays in all is not kept: a quote would show it to each of its suppliers. So open invoices
are counted, and their amounts are not added up.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from operator import mul
from struct import Struct
from typing import NamedTuple
from zlib import crc32

from contracts.trade.holidays import WEEKDAYS
from ledger.limits import MAX_STATE_VALUE_BYTES
from ledger.money import CURRENCIES
from ledger.state.overlay import reading, state_key

UNIT = 1 << 9
"""Weight of one invoice: fixed point with 9 binary places."""

LEAST_DAYS, MOST_DAYS = -20, 30
"""Bounds of the days late that a cell adds up: one stray invoice must not hide a habit."""
MOST_BEYOND_DAYS = 90

OCTAVES = 16
FIRST_OCTAVE_BITS = 8
"""Amounts below 2^8 minor units are the first octave, from 2^22 on the last."""
PAYMENTS = 32
FEWEST_AMOUNTS, MOST_AMOUNTS = 32, 2_048
"""Rows of exact amounts, at first and in the end: powers of two."""
MOST_SEEN = 15
"""Invoices that a row of them counts before both of its numbers are halved."""
TAG_PLACE, SEEN_PLACE, TAG_OF_HASH = 8, 4, 24
"""Bits below tag and invoices in a row, and below the tag in the hash of an amount."""
HALVING_DAYS = 182
"""Length of the half-years, counted from 1970, after each of which turnover counts half."""

SHIFT, WIDE_SHIFT = 6, 10
NEWEST_SHIFT, RECENT_SHIFT, LAST_SHIFT = 2, 3, 5
"""Of what is read off the last payments."""

SPREAD_DAYS = (-12, -8, -5, -3, -2, -1, 0, 1, 2, 3, 5, 7, 10, 15, 25, 40)
"""What the classes of a spread stand for: each holds the days late that are nearest to it."""
PARTY_SPREAD, NETWORK_SPREAD = 1 << 7, 1 << 13
"""Invoices in a class from which on all classes are halved."""

WEEK_DAYS = 7
RING_WEEKS = 32
"""Weeks of due dates kept at a fixed place each: trade is due within half a year."""
PAST_WEEKS = 8
"""Of them those that lie before the week of the last change, or more if nothing is opened for some weeks."""

CELL, TOTAL = Struct("<HHi"), Struct("<HHiI")
WIDE_CELL, WIDE_TOTAL = Struct("<IIi"), Struct("<IIiI")
PAYMENT = Struct("<hhBBB")
MONTH_PLACE = 8
"""What the sixth of the month stands for beside the class of a due day."""
AMOUNT = Struct("<H")
DAYS = Struct("<II")
"""Of the last and of the first payment."""
OPEN = Struct("<IHi")
PAID, EVENTS = Struct("<IQ"), Struct("<IIII")
COUNT, AMOUNTS_SUM = Struct("<I"), Struct("<Q")
SOLD_IN, TURNOVER = Struct("<3sI"), Struct("<3sIQ")
FAR = Struct("<Hi")
SPREAD, WIDE_SPREAD = Struct(f"<{len(SPREAD_DAYS)}B"), Struct(f"<{len(SPREAD_DAYS)}H")
RING, SLOT = Struct(f"<{RING_WEEKS}i"), Struct("<i")
SLOT_BYTES = SLOT.size
_DEALINGS = Struct(PAID.format + EVENTS.format[1:])

SIZE = CELL.size
PAYMENTS_AT = DAYS.size
WEEKDAY_AT = PAYMENTS_AT + PAYMENT.size * PAYMENTS
OCTAVE_AT = WEEKDAY_AT + SIZE * WEEKDAYS
COUNT_AT = OCTAVE_AT + SIZE * OCTAVES
TOTAL_AT = COUNT_AT + COUNT.size
AMOUNTS_AT = TOTAL_AT + TOTAL.size
HABIT_BYTES = AMOUNTS_AT + AMOUNT.size * FEWEST_AMOUNTS
"""Of a relationship that begins."""

DEALINGS_AT = OPEN.size
EVENTS_AT = DEALINGS_AT + PAID.size
SOLD_IN_AT = DEALINGS_AT + _DEALINGS.size


class Cell(NamedTuple):
    """A cell's parts in units of `UNIT`."""

    weight: int
    late: int
    days: int
    beyond: int
    """0 where it is not kept."""


_cell = reading(Cell)


def _narrow(entry: bytes, at: int) -> Cell:
    return _cell((*CELL.unpack_from(entry, at), 0))


class Layout(NamedTuple):
    """The entry of a party, or of the network: its forms, and offsets in bytes."""

    cell: Struct
    total: Struct
    spread: Struct
    cells_at: int
    """By weekday, then by octave."""
    ring_at: int
    sums_at: int
    """Turnover and count of what was paid, as far as it has them; then total and spread."""
    total_at: int
    spread_at: int
    size: int
    """Without turnovers and far weeks."""

    @classmethod
    def of(cls, head: int, cell: Struct, cells: int, sums: int, total: Struct, spread: Struct) -> Layout:
        """Of an entry with so many bytes before its cells, so many cells, and bytes of sums."""
        ring_at = head + cell.size * cells
        sums_at = ring_at + RING.size
        total_at = sums_at + sums
        spread_at = total_at + total.size
        return cls(cell, total, spread, head, ring_at, sums_at, total_at, spread_at, spread_at + spread.size)

    def total_of(self, entry: bytes) -> Cell:
        """All invoices, of an entry."""
        return _cell(self.total.unpack_from(entry, self.total_at))

    def cell_of(self, entry: bytes, place: int) -> Cell:
        """One of the other cells, of an entry."""
        return _cell((*self.cell.unpack_from(entry, self.cells_at + self.cell.size * place), 0))


BUYER = Layout.of(SOLD_IN_AT, CELL, WEEKDAYS, COUNT.size, TOTAL, SPREAD)
SUPPLIER = Layout.of(
    SOLD_IN_AT + SOLD_IN.size, WIDE_CELL, 0, AMOUNTS_SUM.size + COUNT.size, WIDE_TOTAL, SPREAD
)
NETWORK = Layout.of(OPEN.size, WIDE_CELL, WEEKDAYS + OCTAVES, 0, WIDE_TOTAL, WIDE_SPREAD)

assert HABIT_BYTES + AMOUNT.size * MOST_AMOUNTS < MAX_STATE_VALUE_BYTES
assert UNIT << SHIFT < 1 << 16, "the greatest weight of a cell fits its two bytes"
assert MOST_BEYOND_DAYS * UNIT << WIDE_SHIFT < 1 << 32, "a cell's greatest sum fits its four bytes"
assert max(MOST_DAYS, -LEAST_DAYS) * UNIT << WIDE_SHIFT < 1 << 31, "and so does the signed one"
assert list(SPREAD_DAYS) == sorted(SPREAD_DAYS)

NO_HABIT = bytes(HABIT_BYTES)
NO_BUYER, NO_SUPPLIER, NO_NETWORK = bytes(BUYER.size), bytes(SUPPLIER.size), bytes(NETWORK.size)
NETWORK_KEY = state_key("habit", "", "")

assert SUPPLIER.size + len(CURRENCIES) * TURNOVER.size + 200 * FAR.size < MAX_STATE_VALUE_BYTES, (
    "the bound of terms leaves fewer weeks than that after the ring"
)
assert all(len(code.encode()) == 3 for code in CURRENCIES), "a row of turnover has three bytes for a currency"


@lru_cache(maxsize=4_096)
def habit_key(supplier: str, buyer: str) -> bytes:
    """State key of how a buyer pays a supplier; one of them "" for the other with everybody."""
    return state_key("habit", supplier, buyer)


def octave(amount: int) -> int:
    """The octave of an amount in minor units: 0 to `OCTAVES` - 1."""
    return octave_of(amount.bit_length())


def octave_of(bits: int) -> int:
    """The octave of an amount of so many bits."""
    return min(OCTAVES - 1, max(0, bits - FIRST_OCTAVE_BITS))


def amount_size(amount: int, bits: int) -> int:
    """Four for each octave and its quarters in between, of an amount above zero of so many bits."""
    return 4 * bits + (amount << 3 >> bits & 3)


def amount_hash(amount: int) -> int:
    """Of an exact amount: 32 bits, of which the lowest say in which row it is, and the highest are its tag.

    Where it is in a table of half the length follows from where it is: so a table grows by standing twice.
    """
    return crc32(amount.to_bytes(8, "little"))


def spread_class(days_late: int) -> int:
    """The class of a spread that an invoice paid so many days late belongs to; between two, the earlier."""
    return min(range(len(SPREAD_DAYS)), key=lambda place: (abs(SPREAD_DAYS[place] - days_late), place))


class Payment(NamedTuple):
    """One of the last payments."""

    days_late: int
    age_days: int
    """From issue to payment."""
    due_class: int
    month_part: int
    issue_weekday: int
    size: int
    """Amount on the scale of `amount_size`."""


class Dealings(NamedTuple):
    """What a buyer, or a supplier, has been through with everybody."""

    first_day: int
    """Day of its first payment, days since 1970; 0 for none."""
    diluted_ppm: int
    """Σ credited / gross of the invoices paid in full; ppm."""
    disputed: int
    """Disputes of an invoice, whatever became of them."""
    deliveries: int
    """Receipts of goods, and shipments lost."""
    deliveries_late: int
    deliveries_short: int
    """Those of which less came than was shipped."""
    settled: int
    """Invoices paid in full."""

    @classmethod
    def of(cls, entry: bytes | None, layout: Layout) -> Dealings:
        """Of a buyer's or a supplier's entry."""
        if not entry:
            return NO_DEALINGS
        settled = COUNT.unpack_from(entry, layout.total_at - COUNT.size)
        return _dealings((*_DEALINGS.unpack_from(entry, DEALINGS_AT), *settled))


NO_DEALINGS = Dealings(0, 0, 0, 0, 0, 0, 0)
_payment, _dealings = reading(Payment), reading(Dealings)


class OpenWeeks(NamedTuple):
    """Confirmed and unpaid invoices of a party, or of all, by the weeks (day // 7) of their due dates."""

    base: int
    """The first week of the ring."""
    old: int
    """Those due before it."""
    ring: tuple[int, ...]
    """Those due in week base + i, at (base + i) mod `RING_WEEKS`."""
    far: dict[int, int]
    """Those due after the ring: week to invoices, ascending."""

    @classmethod
    def of(cls, entry: bytes | None, layout: Layout) -> OpenWeeks:
        """Of an entry."""
        if not entry:
            return cls(0, 0, (0,) * RING_WEEKS, {})
        base, far, old = OPEN.unpack_from(entry)
        rows = FAR.iter_unpack(entry[len(entry) - far * FAR.size :]) if far else ()
        return cls(base, old, RING.unpack_from(entry, layout.ring_at), dict(rows))

    def by_week(self) -> dict[int, int]:
        """Week to invoices, ascending, of the weeks that are kept apart."""
        weeks = range(self.base, self.base + RING_WEEKS)
        near = {week: self.ring[week % RING_WEEKS] for week in weeks if self.ring[week % RING_WEEKS]}
        return near | self.far

    def counts(self) -> list[tuple[int, int]]:
        """(week, invoices) of all; what was due before the ring counts as due in the week before it."""
        return [(self.base - 1, self.old), *self.by_week().items()]


def spread_of(entry: bytes | None, layout: Layout) -> tuple[int, ...]:
    """How many of the last invoices were paid how late, in the classes of `SPREAD_DAYS`."""
    return layout.spread.unpack_from(entry, layout.spread_at) if entry else (0,) * len(SPREAD_DAYS)


class Habit:
    """A reading of a relationship's entry; every part is read when it is asked for."""

    __slots__ = ("_data",)

    def __init__(self, data: bytes | None) -> None:
        self._data = data or NO_HABIT

    def total(self) -> Cell:
        """All payments."""
        return _cell(TOTAL.unpack_from(self._data, TOTAL_AT))

    def due_on(self, due: int) -> Cell:
        """Those due on a class of day."""
        return _narrow(self._data, WEEKDAY_AT + SIZE * due)

    def of_octave(self, place: int) -> Cell:
        """Those of an octave of amounts."""
        return _narrow(self._data, OCTAVE_AT + SIZE * place)

    @property
    def last_day(self) -> int:
        """Day of the last payment, 0 for none."""
        return int(DAYS.unpack_from(self._data)[0])

    @property
    def count(self) -> int:
        """Invoices paid in full."""
        return int(COUNT.unpack_from(self._data, COUNT_AT)[0])

    @property
    def first_day(self) -> int:
        """Day of the first payment, 0 for none."""
        return int(DAYS.unpack_from(self._data)[1])

    def payments(self) -> list[Payment]:
        """The last payments, newest first."""
        end = PAYMENTS_AT + PAYMENT.size * min(PAYMENTS, self.count)
        return [
            _payment((late, age, due % MONTH_PLACE, due // MONTH_PLACE, issued, size))
            for late, age, due, issued, size in PAYMENT.iter_unpack(self._data[PAYMENTS_AT:end])
        ]

    def of_amount(self, amount: int) -> tuple[int, int]:
        """(invoices, late ones) of exactly this amount, as far as its row tells."""
        mixed, rows = amount_hash(amount), (len(self._data) - AMOUNTS_AT) // AMOUNT.size
        (row,) = AMOUNT.unpack_from(self._data, AMOUNTS_AT + AMOUNT.size * (mixed % rows))
        return (
            (row >> SEEN_PLACE & MOST_SEEN, row & MOST_SEEN)
            if row >> TAG_PLACE == mixed >> TAG_OF_HASH
            else (0, 0)
        )


def of_last(days_late: Sequence[int], shift: int) -> Cell:
    """What a cell with a shift would hold of some of the last payments, newest first, but for `beyond`."""
    weights = _FADED[shift]
    late = sum([weight for weight, days in zip(weights, days_late, strict=False) if days > 0])
    counted = [min(MOST_DAYS, max(LEAST_DAYS, days)) for days in days_late]
    return Cell(sum(weights[: len(days_late)]), late, sum(map(mul, weights, counted)), 0)


def _weights(shift: int) -> tuple[int, ...]:
    """Of an invoice in a cell with that shift, by how many came after it."""
    weights = [UNIT]
    while len(weights) < PAYMENTS:
        weights.append(weights[-1] - (weights[-1] >> shift))
    return tuple(weights)


_FADED = {shift: _weights(shift) for shift in (NEWEST_SHIFT, RECENT_SHIFT, LAST_SHIFT)}


class Levels(NamedTuple):
    """The cells above a relationship that a price looks at."""

    buyer: Cell
    buyer_due: Cell
    supplier: Cell
    network: Cell
    network_due: Cell
    network_amount: Cell

    @classmethod
    def of(
        cls, buyer: bytes | None, supplier: bytes | None, network: bytes | None, due: int, place: int
    ) -> Levels:
        """Read from the entries for a class of due day and an octave of amounts."""
        buyer, network = buyer or NO_BUYER, network or NO_NETWORK
        return cls(
            BUYER.total_of(buyer),
            BUYER.cell_of(buyer, due),
            SUPPLIER.total_of(supplier or NO_SUPPLIER),
            NETWORK.total_of(network),
            NETWORK.cell_of(network, due),
            NETWORK.cell_of(network, WEEKDAYS + place),
        )


def turnovers(entry: bytes) -> list[tuple[bytes, int, int]]:
    """(currency, half-year, amount) of a supplier's entry, in the order in which the currencies came."""
    far = OPEN.unpack_from(entry)[1]
    more = TURNOVER.iter_unpack(entry[SUPPLIER.size : len(entry) - far * FAR.size])
    first = (*SOLD_IN.unpack_from(entry, SOLD_IN_AT), *AMOUNTS_SUM.unpack_from(entry, SUPPLIER.sums_at))
    return [first, *more]


def turnover_on(half_year: int, total: int, day: int) -> int:
    """As much as a turnover counts on a day, which is not before that of its newest payment."""
    return total >> (day // HALVING_DAYS - half_year)


def turnover_of(entry: bytes | None, currency: str, day: int) -> int:
    """What a supplier was paid in a currency as it counts on a day, of its entry; minor units."""
    code = currency.encode()
    for known, half_year, total in turnovers(entry or NO_SUPPLIER):
        if known == code:
            return turnover_on(half_year, total, day)
    return 0
