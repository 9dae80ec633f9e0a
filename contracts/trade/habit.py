"""How a buyer pays: decayed sums by weekday, amount and time of the month, and its last payments.

    ("habit", supplier, buyer) -> bytes     how the buyer pays this supplier: cells, payments, amounts
    ("habit", "", buyer)       -> bytes     how it pays anybody: cells
    ("habit", "", "")          -> bytes     how everybody pays: cells

Written when a payment settles a confirmed invoice, by `observe`, from the payment's record alone, so
whoever holds the records of a relationship recomputes its entry with `fold`. The size is fixed and so
is the work, whatever the length of the history.

The bytes are little-endian. A *cell* is four integers of 4 bytes:

| part | adds for each invoice paid in full |
|---|---|
| weight | `UNIT` |
| late | `UNIT` if it was paid after its due date |
| days | `UNIT` · days late, within `LEAST_DAYS` and `MOST_DAYS` |
| beyond | `UNIT` · days beyond terms, at most `MOST_BEYOND_DAYS` |

Before it adds, a cell loses the 2^-shift part of each (rounded down), so the past fades with the
number of payments, not with time: a buyer that pays once a month is remembered for longer.

| cells, in order | number | shift | of |
|---|---|---|---|
| total | 3 | 2, 3, 6 | all |
| weekday, recent and long | 7, 7 | 2, 5 | those due on that class of day, see `contracts.trade.holidays` |
| amount | 16 | 5 | those of that octave of minor units |
| issue weekday | 7 | 5 | those issued on that weekday |
| month part | 6 | 4 | those due in that sixth of a month |

The buyer's entry has one total and seven weekdays with the shifts of the relationship's long ones; the
network's one total, seven weekdays and 16 amounts, with shift 10. After the cells of a relationship come:

| part | bytes | holds |
|---|---|---|
| last | 4 | day of the last payment, days since 1970 |
| count | 4 | invoices paid in full |
| payments | 32 · 6 | the last, newest first: days late (2), days from issue (2), due class (1), size (1) |
| amounts | 64 · 8 | by hash of the exact amount: tag (2), strength (2), invoices (2), late ones (2) |

A row of `amounts` belongs to one amount for as long as its strength lasts: each time that it comes adds
`STRENGTH_OF_HIT`, each other amount of the same hash takes one away, and the one that finds none left takes
the row over. So amounts that come again and again stay, and those that came once give way.
"""

from __future__ import annotations

from functools import lru_cache
from struct import Struct
from typing import NamedTuple, Protocol

from contracts.trade.holidays import WEEKDAYS, due_class, month_part, weekday
from ledger.codec import Value
from ledger.state import Reader, state_key

UNIT = 1 << 14
"""Weight of one invoice: fixed point with 14 binary places."""

LEAST_DAYS, MOST_DAYS = -20, 30
"""Bounds of the days late that a cell adds up: one stray invoice must not hide a habit."""
MOST_BEYOND_DAYS = 90

OCTAVES = 16
FIRST_OCTAVE_BITS = 8
"""Amounts below 2^8 minor units are the first octave, from 2^22 on the last."""
MONTH_PARTS = 6
PAYMENTS = 32
AMOUNTS = 64
MOST_SEEN = 0xFFFF
"""Invoices that a row counts before both of its numbers are halved."""
FIRST_STRENGTH, STRENGTH_OF_HIT, MOST_STRENGTH = 4, 8, 64

_CELL = Struct("<IIiI")
_PAYMENT = Struct("<hhBB")
_AMOUNT = Struct("<HHHH")
_TAIL = Struct("<II")

TOTAL_SHIFTS = (2, 3, 6)
RECENT_SHIFT, LONG_SHIFT, AMOUNT_SHIFT, ISSUE_SHIFT, MONTH_SHIFT, NETWORK_SHIFT = 2, 5, 5, 5, 4, 10

_SIZE = _CELL.size
_RECENT = _SIZE * len(TOTAL_SHIFTS)
_LONG = _RECENT + _SIZE * WEEKDAYS
_AMOUNT_CELLS = _LONG + _SIZE * WEEKDAYS
_ISSUE = _AMOUNT_CELLS + _SIZE * OCTAVES
_MONTH = _ISSUE + _SIZE * 7
_LAST = _MONTH + _SIZE * MONTH_PARTS
_RING = _LAST + _TAIL.size
_RING_END = _RING + _PAYMENT.size * PAYMENTS
_TABLE = _RING_END
HABIT_BYTES = _TABLE + _AMOUNT.size * AMOUNTS
_NETWORK_AMOUNTS = _SIZE * (1 + WEEKDAYS)
BUYER_BYTES = _NETWORK_AMOUNTS
NETWORK_BYTES = _NETWORK_AMOUNTS + _SIZE * OCTAVES

assert MOST_BEYOND_DAYS * UNIT << NETWORK_SHIFT < 1 << 32, "a cell's greatest sum fits its four bytes"
assert max(MOST_DAYS, -LEAST_DAYS) * UNIT << NETWORK_SHIFT < 1 << 31, "and so does the signed one"

NO_HABIT, NO_BUYER, NO_NETWORK = bytes(HABIT_BYTES), bytes(BUYER_BYTES), bytes(NETWORK_BYTES)
NETWORK_KEY = state_key("habit", "", "")


class Writer(Reader, Protocol):
    """A state that can be written: an overlay, or what somebody folds for himself."""

    def put(self, key: bytes, value: Value) -> None:
        """Set the value of a key."""
        ...


class Settled(NamedTuple):
    """One invoice paid in full; days since 1970, minor units."""

    due_day: int
    issue_day: int
    paid_day: int
    amount: int
    """The invoice's gross."""
    currency: str


class Cell(NamedTuple):
    """A cell's parts in units of `UNIT`."""

    weight: int
    late: int
    days: int
    beyond: int


class Payment(NamedTuple):
    """One of the last payments."""

    days_late: int
    age_days: int
    """From issue to payment."""
    due_class: int
    size: int
    """Amount on the scale of `amount_size`."""


@lru_cache(maxsize=4_096)
def habit_key(supplier: str, buyer: str) -> bytes:
    """State key of how a buyer pays a supplier; with supplier "" of how it pays anybody."""
    return state_key("habit", supplier, buyer)


def octave(amount: int) -> int:
    """The octave of an amount in minor units: 0 to `OCTAVES` - 1."""
    return min(OCTAVES - 1, max(0, amount.bit_length() - FIRST_OCTAVE_BITS))


def amount_size(amount: int) -> int:
    """Four for each octave and its quarters in between, of an amount above zero: at most 255."""
    bits = amount.bit_length()
    top = amount << 2 >> (bits - 1) if bits < 3 else amount >> (bits - 3)
    return 4 * bits + (top & 3)


def _slot(amount: int) -> tuple[int, int]:
    """Row and tag of an exact amount: Fibonacci hashing."""
    mixed = amount * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF
    return mixed >> 58, mixed >> 42 & 0xFFFF


def observe(state: Writer, supplier: str, buyer: str, settled: Settled) -> None:
    """Take one paid invoice into the habits of the relationship, the buyer and the network."""
    late, days, beyond = _lateness(settled)
    due = due_class(settled.due_day, settled.currency)
    key = habit_key(supplier, buyer)
    state.put(key, fold(state.get(key), settled))
    key = habit_key("", buyer)
    cells = bytearray(state.get(key) or NO_BUYER)
    _add(cells, 0, TOTAL_SHIFTS[-1], late, days, beyond)
    _add(cells, _SIZE * (1 + due), LONG_SHIFT, late, days, beyond)
    state.put(key, bytes(cells))
    cells = bytearray(state.get(NETWORK_KEY) or NO_NETWORK)
    _add(cells, 0, NETWORK_SHIFT, late, days, beyond)
    _add(cells, _SIZE * (1 + due), NETWORK_SHIFT, late, days, beyond)
    _add(cells, _NETWORK_AMOUNTS + _SIZE * octave(settled.amount), NETWORK_SHIFT, late, days, beyond)
    state.put(NETWORK_KEY, bytes(cells))


def fold(habit: bytes | None, settled: Settled) -> bytes:
    """The relationship's entry after one more paid invoice; a pure function of both."""
    due_day, issue_day, paid_day, amount, currency = settled
    cells = bytearray(habit or NO_HABIT)
    late, days, beyond = _lateness(settled)
    due = due_class(due_day, currency)
    _add(cells, 0, TOTAL_SHIFTS[0], late, days, beyond)
    _add(cells, _SIZE, TOTAL_SHIFTS[1], late, days, beyond)
    _add(cells, 2 * _SIZE, TOTAL_SHIFTS[2], late, days, beyond)
    _add(cells, _RECENT + _SIZE * due, RECENT_SHIFT, late, days, beyond)
    _add(cells, _LONG + _SIZE * due, LONG_SHIFT, late, days, beyond)
    _add(cells, _AMOUNT_CELLS + _SIZE * octave(amount), AMOUNT_SHIFT, late, days, beyond)
    _add(cells, _ISSUE + _SIZE * weekday(issue_day), ISSUE_SHIFT, late, days, beyond)
    _add(cells, _MONTH + _SIZE * month_part(due_day), MONTH_SHIFT, late, days, beyond)
    _, count = _TAIL.unpack_from(cells, _LAST)
    _TAIL.pack_into(cells, _LAST, paid_day, count + 1)
    cells[_RING + _PAYMENT.size : _RING_END] = cells[_RING : _RING_END - _PAYMENT.size]
    _PAYMENT.pack_into(
        cells,
        _RING,
        max(-32_768, min(32_767, paid_day - due_day)),
        max(-32_768, min(32_767, paid_day - issue_day)),
        due,
        amount_size(amount),
    )
    _count_amount(cells, amount, late)
    return bytes(cells)


def _lateness(settled: Settled) -> tuple[int, int, int]:
    days = settled.paid_day - settled.due_day
    return (
        UNIT if days > 0 else 0,
        UNIT * max(LEAST_DAYS, min(MOST_DAYS, days)),
        UNIT * max(0, min(MOST_BEYOND_DAYS, days)),
    )


_read_cell, _write_cell = _CELL.unpack_from, _CELL.pack_into


def _add(cells: bytearray, at: int, shift: int, late: int, days: int, beyond: int) -> None:
    w, n, d, b = _read_cell(cells, at)
    _write_cell(
        cells,
        at,
        w - (w >> shift) + UNIT,
        n - (n >> shift) + late,
        d - (d >> shift) + days,
        b - (b >> shift) + beyond,
    )


def _count_amount(cells: bytearray, amount: int, late: int) -> None:
    row, tag = _slot(amount)
    at = _TABLE + _AMOUNT.size * row
    known, strength, seen, late_ones = _AMOUNT.unpack_from(cells, at)
    if known == tag and seen:
        if seen == MOST_SEEN:
            seen, late_ones = seen // 2, late_ones // 2
        strength = min(MOST_STRENGTH, strength + STRENGTH_OF_HIT)
        _AMOUNT.pack_into(cells, at, tag, strength, seen + 1, late_ones + (late > 0))
    elif strength > 1:
        _AMOUNT.pack_into(cells, at, known, strength - 1, seen, late_ones)
    else:
        _AMOUNT.pack_into(cells, at, tag, FIRST_STRENGTH, 1, int(late > 0))


class Habit:
    """A reading of a relationship's entry; every part is read when it is asked for."""

    __slots__ = ("_data",)

    def __init__(self, data: bytes | None) -> None:
        self._data = data or NO_HABIT

    def total(self, place: int) -> Cell:
        """All payments: 0 the newest few, 1 recent ones, 2 long."""
        return Cell._make(_CELL.unpack_from(self._data, _SIZE * place))

    def due_on(self, due: int, recent: bool) -> Cell:
        """Those due on a class of day."""
        return Cell._make(_CELL.unpack_from(self._data, (_RECENT if recent else _LONG) + _SIZE * due))

    def of_octave(self, place: int) -> Cell:
        """Those of an octave of amounts."""
        return Cell._make(_CELL.unpack_from(self._data, _AMOUNT_CELLS + _SIZE * place))

    def issued_on(self, day: int) -> Cell:
        """Those issued on a weekday, Monday 0."""
        return Cell._make(_CELL.unpack_from(self._data, _ISSUE + _SIZE * day))

    def in_month_part(self, part: int) -> Cell:
        """Those due in a sixth of a month."""
        return Cell._make(_CELL.unpack_from(self._data, _MONTH + _SIZE * part))

    @property
    def last_day(self) -> int:
        """Day of the last payment, 0 for none."""
        return int(_TAIL.unpack_from(self._data, _LAST)[0])

    @property
    def count(self) -> int:
        """Invoices paid in full."""
        return int(_TAIL.unpack_from(self._data, _LAST)[1])

    def payments(self) -> list[Payment]:
        """The last payments, newest first."""
        end = _RING + _PAYMENT.size * min(PAYMENTS, self.count)
        return [Payment._make(row) for row in _PAYMENT.iter_unpack(self._data[_RING:end])]

    def of_amount(self, amount: int) -> tuple[int, int]:
        """(invoices, late ones) of exactly this amount, as far as its row tells."""
        row, tag = _slot(amount)
        known, _, seen, late_ones = _AMOUNT.unpack_from(self._data, _TABLE + _AMOUNT.size * row)
        return (seen, late_ones) if known == tag else (0, 0)


class Levels(NamedTuple):
    """The cells above a relationship that a price looks at."""

    buyer: Cell
    buyer_due: Cell
    network: Cell
    network_due: Cell
    network_amount: Cell

    @classmethod
    def of(cls, buyer: bytes | None, network: bytes | None, due: int, place: int) -> Levels:
        """Read for a class of due day and an octave of amounts."""
        buyer, network = buyer or NO_BUYER, network or NO_NETWORK
        at_due = _SIZE * (1 + due)
        return cls(
            Cell._make(_CELL.unpack_from(buyer, 0)),
            Cell._make(_CELL.unpack_from(buyer, at_due)),
            Cell._make(_CELL.unpack_from(network, 0)),
            Cell._make(_CELL.unpack_from(network, at_due)),
            Cell._make(_CELL.unpack_from(network, _NETWORK_AMOUNTS + _SIZE * place)),
        )
