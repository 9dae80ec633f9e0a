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

from collections.abc import Callable, Sequence
from functools import lru_cache
from struct import Struct
from typing import Any, NamedTuple, Protocol

from contracts.trade.holidays import WEEKDAYS, due_class, month_part, weekday
from ledger.codec import Value
from ledger.state import Reader, reading, state_key

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
_PARTS, _BITS, _DAYS = 4, 32, 2
"""Parts of a cell, bits of a part, and the place of the signed one."""
_PAYMENT = Struct("<hhBB")
_AMOUNT = Struct("<HHHH")
_ROW, _row, _row_at = _AMOUNT.size, _AMOUNT.pack, _AMOUNT.unpack_from
_TAIL = Struct("<II")
_newest = Struct(_TAIL.format + _PAYMENT.format[1:]).pack

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
_AMOUNTS_SIZE = _ROW * AMOUNTS
HABIT_BYTES = _TABLE + _AMOUNTS_SIZE
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


_cell, _payment = reading(Cell), reading(Payment)


@lru_cache(maxsize=4_096)
def habit_key(supplier: str, buyer: str) -> bytes:
    """State key of how a buyer pays a supplier; with supplier "" of how it pays anybody."""
    return state_key("habit", supplier, buyer)


def octave(amount: int) -> int:
    """The octave of an amount in minor units: 0 to `OCTAVES` - 1."""
    return _octave_of(amount.bit_length())


def _octave_of(bits: int) -> int:
    return min(OCTAVES - 1, max(0, bits - FIRST_OCTAVE_BITS))


def amount_size(amount: int) -> int:
    """Four for each octave and its quarters in between, of an amount above zero: at most 255."""
    bits = amount.bit_length()
    top = amount << 2 >> (bits - 1) if bits < 3 else amount >> (bits - 3)
    return 4 * bits + (top & 3)


def _slot(amount: int) -> tuple[int, int]:
    """Row and tag of an exact amount: Fibonacci hashing."""
    mixed = amount * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF
    return mixed >> 58, mixed >> 42 & 0xFFFF


Fade = Callable[[bytes, int], bytes]
"""Cells after one more paid invoice, so many days late."""


def _lanes(shifts: tuple[int, ...]) -> Fade:
    """Cells side by side in one integer of 32 bits a part, so that all of them fade and add at once.

    A signed part is kept as its distance from the least number that its four bytes can hold: then every
    part is at least zero, a shift of the whole, cut to each part, fades each by itself, and no part ever
    borrows from its neighbour.
    """
    size = _SIZE * len(shifts)
    masks = dict.fromkeys(sorted(set(shifts)), 0)
    signs = bias = 0
    for cell, shift in enumerate(shifts):
        least = 8 * _SIZE * cell
        for part in range(_PARTS):
            masks[shift] |= ((1 << (_BITS - shift)) - 1) << (least + _BITS * part)
        sign = 1 << (least + _BITS * _DAYS + _BITS - 1)
        signs |= sign
        bias += sign >> shift
    fades = tuple(masks.items())
    each = sum([1 << (8 * _SIZE * cell) for cell in range(len(shifts))])
    added = tuple([bias + each * _addend(days) for days in range(LEAST_DAYS, MOST_BEYOND_DAYS + 1)])
    from_bytes = int.from_bytes

    def after(cells: bytes, days: int) -> bytes:
        if not LEAST_DAYS <= days <= MOST_BEYOND_DAYS:
            days = LEAST_DAYS if days < LEAST_DAYS else MOST_BEYOND_DAYS
        parts = from_bytes(cells, "little") ^ signs
        faded = 0
        for shift, mask in fades:
            faded |= parts >> shift & mask
        return (parts + added[days - LEAST_DAYS] - faded ^ signs).to_bytes(size, "little")

    return after


def _addend(days: int) -> int:
    """What an invoice paid so many days late adds to a cell, as its four parts in one integer."""
    late, beyond = int(days > 0), max(0, days)
    parts = (1, late, min(MOST_DAYS, days), beyond)
    return sum([UNIT * part << (_BITS * place) for place, part in enumerate(parts)])


_OWN_SHIFTS = (*TOTAL_SHIFTS, RECENT_SHIFT, LONG_SHIFT, AMOUNT_SHIFT, ISSUE_SHIFT, MONTH_SHIFT)
_ABOVE_SHIFTS = (TOTAL_SHIFTS[-1], LONG_SHIFT, NETWORK_SHIFT, NETWORK_SHIFT, NETWORK_SHIFT)
_fade_own, _fade_all = _lanes(_OWN_SHIFTS), _lanes((*_OWN_SHIFTS, *_ABOVE_SHIFTS))
_own_cells = Struct(f"{_RECENT}s" + f"{_SIZE}s" * 5).unpack
_all_cells = Struct(f"{_RECENT}s" + f"{_SIZE}s" * 10).unpack

Split = Callable[[bytes], tuple[Any, ...]]
"""Takes an entry apart into the cells of an invoice and what lies between them, in turns."""


class _Places(NamedTuple):
    """Where an invoice belongs in the entries."""

    due: int
    """Class of its due day."""
    own: Split
    """Its last parts are the count, the payments that stay, and the amounts."""
    buyer: Split
    network: Split


@lru_cache(maxsize=8_192)
def _places(due_day: int, issue_day: int, currency: str, amount_bits: int) -> _Places:
    due, amount = due_class(due_day, currency), _SIZE * _octave_of(amount_bits)
    above = _SIZE * (1 + due)
    own = (
        _RECENT + _SIZE * due,
        _LONG + _SIZE * due,
        _AMOUNT_CELLS + amount,
        _ISSUE + _SIZE * weekday(issue_day),
        _MONTH + _SIZE * month_part(due_day),
    )
    return _Places(
        due,
        _split(
            _RECENT, own, _LAST, f"4xI{_RING_END - _RING - _PAYMENT.size}s{_PAYMENT.size}x{_AMOUNTS_SIZE}s"
        ),
        _split(_SIZE, (above,), BUYER_BYTES),
        _split(_SIZE, (above, _NETWORK_AMOUNTS + amount), NETWORK_BYTES),
    )


@lru_cache(maxsize=WEEKDAYS * OCTAVES * 7 * MONTH_PARTS + WEEKDAYS * OCTAVES + WEEKDAYS)
def _split(first: int, cells: tuple[int, ...], end: int, rest: str = "") -> Split:
    """Split off the first bytes, then the cell at each of these offsets, up to an end, and the rest."""
    form, at = f"<{first}s", first
    for cell in cells:
        form += f"{cell - at}s{_SIZE}s"
        at = cell + _SIZE
    return Struct(f"{form}{end - at}s{rest}").unpack


def observe(state: Writer, supplier: str, buyer: str, settled: Settled) -> None:
    """Take one paid invoice into the habits of the relationship, the buyer and the network."""
    own_key, buyer_key = habit_key(supplier, buyer), habit_key("", buyer)
    due_day, issue_day, paid_day, amount, currency = settled
    places = _places(due_day, issue_day, currency, amount.bit_length())
    own = places.own(state.get(own_key) or NO_HABIT)
    all_buyer, before_due, on_due, after_due = places.buyer(state.get(buyer_key) or NO_BUYER)
    everybody, gap, all_due, gap_2, of_amount, gap_3 = places.network(state.get(NETWORK_KEY) or NO_NETWORK)
    cells = b"".join((*own[:11:2], all_buyer, on_due, everybody, all_due, of_amount))
    after = _all_cells(_fade_all(cells, paid_day - due_day))
    state.put(own_key, _entry(own, after[:6], places.due, settled))
    state.put(buyer_key, b"".join((after[6], before_due, after[7], after_due)))
    state.put(NETWORK_KEY, b"".join((after[8], gap, after[9], gap_2, after[10], gap_3)))


def fold(habit: bytes | None, settled: Settled) -> bytes:
    """The relationship's entry after one more paid invoice; a pure function of both."""
    due_day, issue_day, paid_day, amount, currency = settled
    places = _places(due_day, issue_day, currency, amount.bit_length())
    own = places.own(habit or NO_HABIT)
    cells = _fade_own(b"".join(own[:11:2]), paid_day - due_day)
    return _entry(own, _own_cells(cells), places.due, settled)


def _entry(own: tuple[Any, ...], cells: Sequence[bytes], due: int, settled: Settled) -> bytes:
    """The relationship's entry with these cells, the payment and its amount."""
    _, gap, _, gap_2, _, gap_3, _, gap_4, _, gap_5, _, gap_6, count, payments, amounts = own
    total, recent, long, of_amount, issue, month = cells
    due_day, issue_day, paid_day, amount, _ = settled
    late, age = paid_day - due_day, paid_day - issue_day
    if not (-32_768 <= late <= 32_767 and -32_768 <= age <= 32_767):
        late, age = max(-32_768, min(32_767, late)), max(-32_768, min(32_767, age))
    newest = _newest(paid_day, count + 1, late, age, due, amount_size(amount))
    at, row = _counted(amounts, amount, late > 0)
    # fmt: off
    return b"".join((
        total, gap, recent, gap_2, long, gap_3, of_amount, gap_4, issue, gap_5, month, gap_6,
        newest, payments, amounts[:at], row, amounts[at + _ROW :],
    ))
    # fmt: on


def _counted(amounts: bytes, amount: int, is_late: bool) -> tuple[int, bytes]:
    """Offset of an exact amount's row, and the row after one more invoice."""
    row, tag = _slot(amount)
    at = _ROW * row
    known, strength, seen, late_ones = _row_at(amounts, at)
    if known == tag and seen:
        if seen == MOST_SEEN:
            seen, late_ones = seen // 2, late_ones // 2
        strength = min(MOST_STRENGTH, strength + STRENGTH_OF_HIT)
        return at, _row(tag, strength, seen + 1, late_ones + is_late)
    if strength > 1:
        return at, _row(known, strength - 1, seen, late_ones)
    return at, _row(tag, FIRST_STRENGTH, 1, is_late)


class Habit:
    """A reading of a relationship's entry; every part is read when it is asked for."""

    __slots__ = ("_data",)

    def __init__(self, data: bytes | None) -> None:
        self._data = data or NO_HABIT

    def total(self, place: int) -> Cell:
        """All payments: 0 the newest few, 1 recent ones, 2 long."""
        return _cell(_CELL.unpack_from(self._data, _SIZE * place))

    def due_on(self, due: int, recent: bool) -> Cell:
        """Those due on a class of day."""
        return _cell(_CELL.unpack_from(self._data, (_RECENT if recent else _LONG) + _SIZE * due))

    def of_octave(self, place: int) -> Cell:
        """Those of an octave of amounts."""
        return _cell(_CELL.unpack_from(self._data, _AMOUNT_CELLS + _SIZE * place))

    def issued_on(self, day: int) -> Cell:
        """Those issued on a weekday, Monday 0."""
        return _cell(_CELL.unpack_from(self._data, _ISSUE + _SIZE * day))

    def in_month_part(self, part: int) -> Cell:
        """Those due in a sixth of a month."""
        return _cell(_CELL.unpack_from(self._data, _MONTH + _SIZE * part))

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
        return [_payment(row) for row in _PAYMENT.iter_unpack(self._data[_RING:end])]

    def of_amount(self, amount: int) -> tuple[int, int]:
        """(invoices, late ones) of exactly this amount, as far as its row tells."""
        row, tag = _slot(amount)
        known, _, seen, late_ones = _row_at(self._data, _TABLE + _ROW * row)
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
            _cell(_CELL.unpack_from(buyer, 0)),
            _cell(_CELL.unpack_from(buyer, at_due)),
            _cell(_CELL.unpack_from(network, 0)),
            _cell(_CELL.unpack_from(network, at_due)),
            _cell(_CELL.unpack_from(network, _NETWORK_AMOUNTS + _SIZE * place)),
        )
