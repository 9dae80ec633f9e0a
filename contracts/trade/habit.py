"""How a buyer pays and a supplier delivers: decayed sums of payments, the last ones, and counts.

    ("habit", supplier, buyer) -> bytes     how the buyer pays this supplier: cells, payments, amounts
    ("habit", "", buyer)       -> bytes     the buyer with everybody: cells, counts
    ("habit", supplier, "")    -> bytes     the supplier with everybody: a cell, counts, turnover
    ("habit", "", "")          -> bytes     how everybody pays: cells

Written when a payment settles a confirmed invoice, by `observe`; counts also when the buyer disputes an
invoice or goods arrive, by `note_dispute` and `note_delivery`. Each takes its figures from the record alone:
whoever holds the records of a relationship recomputes its entry with `fold`, and with those of all others
every entry. The size is bounded and the work is fixed, whatever the length of the history.

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
network's one total, seven weekdays and 16 amounts, with shift 10; the supplier's one total with shift 10, so
that it is the network's while nobody else sells. After the cells of a relationship come:

| part | bytes | holds |
|---|---|---|
| last | 4 | day of the last payment, days since 1970 |
| count | 4 | invoices paid in full |
| first | 4 | day of the first payment |
| payments | 32 · 6 | the last, newest first: days late (2), days from issue (2), due class (1), size (1) |
| amounts | 64 · 8 | by hash of the exact amount: tag (2), strength (2), invoices (2), late ones (2) |

A row of `amounts` belongs to one amount for as long as its strength lasts: each time that it comes adds
`STRENGTH_OF_HIT`, each other amount of the same hash takes one away, and the one that finds none left takes
the row over. So amounts that come again and again stay, and those that came once give way.

After the cells of a buyer, and of a supplier:

| part | bytes | holds |
|---|---|---|
| first | 4 | day of the first payment |
| settled | 4 | invoices paid in full |
| diluted | 8 | Σ credited / gross of these; ppm |
| disputed | 4 | disputes of an invoice, whatever became of them |
| deliveries | 4 | receipts of goods, and shipments lost |
| late, short | 4, 4 | those after their scheduled date; those of which less came than was shipped |
| turnover, of a supplier | 15 each | currency (3), half-year (4), amount (8); by their first payments |

Turnover is the gross of what was paid in full: an amount counts whole in the half-year of its payment, and
half as much after each further one. A buyer's part of it (`contracts.trade.relationship`) fades at the same
moments, so part and whole are of like with like on any day. What a *buyer* pays in all is not kept: a quote
would show it to each of its suppliers.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from operator import itemgetter
from struct import Struct
from typing import Any, NamedTuple, Protocol

from contracts.trade.holidays import WEEKDAYS, due_class, month_part, weekday
from ledger.codec import Value
from ledger.limits import MAX_STATE_VALUE_BYTES
from ledger.money import CURRENCIES, MAX_TOTAL, PPM
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

HALVING_DAYS = 182
"""Length of the half-years, counted from 1970, after each of which turnover counts half."""

_CELL = Struct("<IIiI")
_PARTS, _BITS, _DAYS = 4, 32, 2
"""Parts of a cell, bits of a part, and the place of the signed one."""
_PAYMENT = Struct("<hhBB")
_AMOUNT = Struct("<HHHH")
_ROW, _row, _row_at = _AMOUNT.size, _AMOUNT.pack, _AMOUNT.unpack_from
_TAIL = Struct("<III")
_PAID, _EVENTS = Struct("<IIQ"), Struct("<IIII")
_DEALINGS = Struct(_PAID.format + _EVENTS.format[1:])
_TURNOVER = Struct("<3sIQ")
_TURNOVER_BYTES = _TURNOVER.size
_paid, _turnover, _turnover_at = _PAID.pack, _TURNOVER.pack, _TURNOVER.unpack_from
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
_BUYER_COUNTS, _SUPPLIER_COUNTS = _NETWORK_AMOUNTS, _SIZE
BUYER_BYTES = _BUYER_COUNTS + _DEALINGS.size
SUPPLIER_BYTES = _SUPPLIER_COUNTS + _DEALINGS.size
"""Without its turnover."""
_SUPPLIER_EVENTS = _SUPPLIER_COUNTS + _PAID.size
NETWORK_BYTES = _NETWORK_AMOUNTS + _SIZE * OCTAVES

assert MOST_BEYOND_DAYS * UNIT << NETWORK_SHIFT < 1 << 32, "a cell's greatest sum fits its four bytes"
assert max(MOST_DAYS, -LEAST_DAYS) * UNIT << NETWORK_SHIFT < 1 << 31, "and so does the signed one"

NO_HABIT, NO_BUYER, NO_NETWORK = bytes(HABIT_BYTES), bytes(BUYER_BYTES), bytes(NETWORK_BYTES)
NO_SUPPLIER = bytes(SUPPLIER_BYTES)
NETWORK_KEY = state_key("habit", "", "")

assert all(len(code.encode()) == 3 for code in CURRENCIES), "a row of turnover has three bytes for a currency"
assert SUPPLIER_BYTES + len(CURRENCIES) * _TURNOVER_BYTES < MAX_STATE_VALUE_BYTES


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
    credited: int
    """What was credited of it, or left out when it was confirmed."""


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


class Dealings(NamedTuple):
    """What a buyer, or a supplier, has been through with everybody."""

    first_day: int
    """Day of its first payment, days since 1970; 0 for none."""
    settled: int
    """Invoices paid in full."""
    diluted_ppm: int
    """Σ credited / gross of these; ppm."""
    disputed: int
    """Disputes of an invoice, whatever became of them."""
    deliveries: int
    """Receipts of goods, and shipments lost."""
    deliveries_late: int
    deliveries_short: int
    """Those of which less came than was shipped."""

    @classmethod
    def of_buyer(cls, entry: bytes | None) -> Dealings:
        """Of the buyer's entry."""
        return _dealings(_DEALINGS.unpack_from(entry or NO_BUYER, _BUYER_COUNTS))

    @classmethod
    def of_supplier(cls, entry: bytes | None) -> Dealings:
        """Of the supplier's entry."""
        return _dealings(_DEALINGS.unpack_from(entry or NO_SUPPLIER, _SUPPLIER_COUNTS))


_cell, _payment, _dealings = reading(Cell), reading(Payment), reading(Dealings)


@lru_cache(maxsize=4_096)
def habit_key(supplier: str, buyer: str) -> bytes:
    """State key of how a buyer pays a supplier; one of them "" for the other with everybody."""
    return state_key("habit", supplier, buyer)


def octave(amount: int) -> int:
    """The octave of an amount in minor units: 0 to `OCTAVES` - 1."""
    return _octave_of(amount.bit_length())


def _octave_of(bits: int) -> int:
    return min(OCTAVES - 1, max(0, bits - FIRST_OCTAVE_BITS))


def amount_size(amount: int) -> int:
    """Four for each octave and its quarters in between, of an amount above zero: at most 255."""
    bits = amount.bit_length()
    return 4 * bits + ((amount >> (bits - 3) if bits > 2 else amount << 2 >> (bits - 1)) & 3)


Fade = Callable[[bytes, int], bytes]
"""Cells after one more paid invoice, so many days late."""


def _lanes(shifts: tuple[int, ...]) -> Fade:
    """Cells side by side in one integer of 32 bits a part, so that all of them fade and add at once.

    A signed part is kept as its distance from the least number that its four bytes can hold: then every
    part is at least zero, a shift of the whole, cut to each part, fades each by itself, and no part ever
    borrows from its neighbour. The integers are as long as their highest cell: equal shifts stand together.
    """
    size = _SIZE * len(shifts)
    masks = dict.fromkeys(shifts, 0)
    signs = bias = 0
    for cell, shift in enumerate(shifts):
        least = 8 * _SIZE * cell
        for part in range(_PARTS):
            masks[shift] |= ((1 << (_BITS - shift)) - 1) << (least + _BITS * part + shift)
        sign = 1 << (least + _BITS * _DAYS + _BITS - 1)
        signs |= sign
        bias += sign >> shift
    fades = tuple(sorted(masks.items(), key=itemgetter(1)))
    each = sum([1 << (8 * _SIZE * cell) for cell in range(len(shifts))])
    added = tuple([bias + each * _addend(days) for days in range(LEAST_DAYS, MOST_BEYOND_DAYS + 1)])
    from_bytes = int.from_bytes

    def after(cells: bytes, days: int) -> bytes:
        if not LEAST_DAYS <= days <= MOST_BEYOND_DAYS:
            days = LEAST_DAYS if days < LEAST_DAYS else MOST_BEYOND_DAYS
        parts = from_bytes(cells, "little") ^ signs
        faded = 0
        for shift, mask in fades:
            faded |= (parts & mask) >> shift
        return (parts + added[days - LEAST_DAYS] - faded ^ signs).to_bytes(size, "little")

    return after


def _addend(days: int) -> int:
    """What an invoice paid so many days late adds to a cell, as its four parts in one integer."""
    late, beyond = int(days > 0), max(0, days)
    parts = (1, late, min(MOST_DAYS, days), beyond)
    return sum([UNIT * part << (_BITS * place) for place, part in enumerate(parts)])


_fade = _lanes(
    (
        *TOTAL_SHIFTS,
        RECENT_SHIFT,
        TOTAL_SHIFTS[-1],
        MONTH_SHIFT,
        *(LONG_SHIFT, AMOUNT_SHIFT, ISSUE_SHIFT, LONG_SHIFT),
        *(NETWORK_SHIFT,) * 4,
    )
)
"""Of a relationship, of its buyer, its supplier and the network."""
_cells = Struct(f"{_RECENT}s" + f"{_SIZE}s" * 11).unpack
_COUNTS = f"{_PAID.format[1:]}{_EVENTS.size}s"
_of_supplier = Struct(f"<{_SIZE}x{_COUNTS}").unpack_from
_of_supplier_in_one = Struct(f"<{_SIZE}x{_COUNTS}{_TURNOVER.format[1:]}").unpack
"""Of an entry with turnover in one currency."""
_supplier_in_one = Struct(f"<{_SIZE}s{_COUNTS}{_TURNOVER.format[1:]}").pack

Split = Callable[[bytes], tuple[Any, ...]]
"""Takes an entry apart into the cells of an invoice and what lies between them, in turns."""


class _Places(NamedTuple):
    """Where an invoice belongs in the entries."""

    due: int
    """Class of its due day."""
    own: Split
    """Its last parts are the count, the first day, the payments that stay, and the amounts."""
    buyer: Split
    """Its last parts are its dealings: of the payments, and of the events."""
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
            _RECENT, own, _LAST, f"4xII{_RING_END - _RING - _PAYMENT.size}s{_PAYMENT.size}x{_AMOUNTS_SIZE}s"
        ),
        _split(_SIZE, (above,), _BUYER_COUNTS, _COUNTS),
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


@lru_cache(maxsize=4_096)
def _keys(supplier: str, buyer: str) -> tuple[bytes, bytes, bytes]:
    return habit_key(supplier, buyer), habit_key("", buyer), habit_key(supplier, "")


def observe(state: Writer, supplier: str, buyer: str, settled: Settled) -> None:
    """Take one paid invoice into the habits of the relationship, the buyer, the supplier and the network."""
    own_key, buyer_key, supplier_key = _keys(supplier, buyer)
    due_day, issue_day, paid_day, amount, currency, credited = settled
    late, age = paid_day - due_day, paid_day - issue_day
    due, of_own, of_buyer, of_network = _places(due_day, issue_day, currency, amount.bit_length())
    # fmt: off
    (
        total, gap, recent, gap_2, long, gap_3, octave, gap_4, issue, gap_5, month, gap_6,
        count, first, payments, amounts,
    ) = of_own(state.get(own_key) or NO_HABIT)
    # fmt: on
    buys, before_due, buys_due, after_due, buys_from, bought, buys_diluted, buyer_events = of_buyer(
        state.get(buyer_key) or NO_BUYER
    )
    supplier_entry = state.get(supplier_key) or NO_SUPPLIER
    sells = supplier_entry[:_SIZE]
    pays, gap_7, pays_due, gap_8, pays_octave, gap_9 = of_network(state.get(NETWORK_KEY) or NO_NETWORK)
    # fmt: off
    total, recent, buys, month, long, octave, issue, buys_due, sells, pays, pays_due, pays_octave = _cells(
        _fade(b"".join((
            total, recent, buys, month, long, octave, issue, buys_due, sells, pays, pays_due, pays_octave,
        )), late)
    )
    at, row = _counted(amounts, amount, late > 0)
    diluted = credited * PPM // amount if credited else 0
    if not (-32_768 <= late <= 32_767 and -32_768 <= age <= 32_767):
        late, age = max(-32_768, min(32_767, late)), max(-32_768, min(32_767, age))
    state.put(own_key, b"".join((
        total, gap, recent, gap_2, long, gap_3, octave, gap_4, issue, gap_5, month, gap_6,
        _newest(paid_day, count + 1, first or paid_day, late, age, due, amount_size(amount)), payments,
        amounts[:at], row, amounts[at + _ROW :],
    )))
    state.put(buyer_key, b"".join((
        buys, before_due, buys_due, after_due,
        _paid(buys_from or paid_day, bought + 1, buys_diluted + diluted), buyer_events,
    )))
    state.put(supplier_key, _sold_more(supplier_entry, sells, paid_day, currency.encode(), amount, diluted))
    state.put(NETWORK_KEY, b"".join((pays, gap_7, pays_due, gap_8, pays_octave, gap_9)))
    # fmt: on


def _sold_more(entry: bytes, cell: bytes, paid_day: int, code: bytes, amount: int, diluted_ppm: int) -> bytes:
    """A supplier's entry with its cell after one more paid invoice, and that in its counts and turnover."""
    paid_in = paid_day // HALVING_DAYS
    if len(entry) == SUPPLIER_BYTES + _TURNOVER_BYTES:  # most suppliers, at once
        first, settled, diluted, events, known, half_year, total = _of_supplier_in_one(entry)
        if known == code and half_year == paid_in and total + amount <= MAX_TOTAL:
            return _supplier_in_one(
                cell, first, settled + 1, diluted + diluted_ppm, events, code, half_year, total + amount
            )
    first, settled, diluted, events = _of_supplier(entry)
    paid = _paid(first or paid_day, settled + 1, diluted + diluted_ppm)
    turnover = _turned_over(entry[SUPPLIER_BYTES:], code, paid_in, amount)
    return b"".join((cell, paid, events, turnover))


def _turned_over(rows: bytes, code: bytes, paid_in: int, amount: int) -> bytes:
    """A supplier's turnover with one more amount in a currency, paid in a half-year."""
    for at in range(0, len(rows), _TURNOVER_BYTES):
        known, half_year, total = _turnover_at(rows, at)
        if known == code:
            row = _turnover(code, *turned_over(half_year, total, paid_in, amount))
            return rows[:at] + row + rows[at + _TURNOVER_BYTES :]
    return rows + _turnover(code, paid_in, amount)


def turned_over(half_year: int, total: int, paid_in: int, amount: int) -> tuple[int, int]:
    """(half-year, turnover as it counts then) with one more amount, whose half-year may be an earlier one."""
    if paid_in > half_year:
        half_year, total = paid_in, total >> (paid_in - half_year)
    elif paid_in < half_year:
        amount >>= half_year - paid_in
    total += amount
    return half_year, total if total < MAX_TOTAL else MAX_TOTAL


def turnover_on(half_year: int, total: int, day: int) -> int:
    """As much as a turnover counts on a day, which is not before that of its newest payment."""
    return total >> (day // HALVING_DAYS - half_year)


def turnover_of(entry: bytes | None, currency: str, day: int) -> int:
    """What a supplier was paid in a currency as it counts on a day, of its entry; minor units."""
    code = currency.encode()
    for known, half_year, total in _TURNOVER.iter_unpack((entry or NO_SUPPLIER)[SUPPLIER_BYTES:]):
        if known == code:
            return turnover_on(half_year, total, day)
    return 0


def note_dispute(state: Writer, supplier: str, buyer: str) -> None:
    """Count a dispute of an invoice, with both parties."""
    _note(state, supplier, buyer, (1, 0, 0, 0))


def note_delivery(state: Writer, supplier: str, buyer: str, is_late: bool, is_short: bool) -> None:
    """Count a receipt of goods, or a shipment lost, with both parties."""
    _note(state, supplier, buyer, (0, 1, int(is_late), int(is_short)))


def _note(state: Writer, supplier: str, buyer: str, events: tuple[int, ...]) -> None:
    """Add to the counts of events of both parties."""
    _, buyer_key, supplier_key = _keys(supplier, buyer)
    for key, none, at in (
        (buyer_key, NO_BUYER, _BUYER_COUNTS + _PAID.size),
        (supplier_key, NO_SUPPLIER, _SUPPLIER_EVENTS),
    ):
        entry = state.get(key) or none
        counts = [before + more for before, more in zip(_EVENTS.unpack_from(entry, at), events, strict=True)]
        state.put(key, entry[:at] + _EVENTS.pack(*counts) + entry[at + _EVENTS.size :])


class _Alone(dict[bytes, Any]):
    """A state that holds one relationship."""

    def put(self, key: bytes, value: Value) -> None:
        self[key] = value


def fold(habit: bytes | None, settled: Settled) -> bytes:
    """The relationship's entry after one more paid invoice; a pure function of both."""
    key = habit_key("supplier", "buyer")
    alone = _Alone({key: habit})
    observe(alone, "supplier", "buyer", settled)
    return bytes(alone[key])


def _slot(amount: int) -> tuple[int, int]:
    """Offset and tag of an exact amount's row: Fibonacci hashing."""
    mixed = amount * 0x9E3779B97F4A7C15
    return (mixed >> 58 & 63) * _ROW, mixed >> 42 & 0xFFFF


def _counted(amounts: bytes, amount: int, is_late: bool) -> tuple[int, bytes]:
    """Offset of an exact amount's row, and the row after one more invoice."""
    at, tag = _slot(amount)
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

    @property
    def first_day(self) -> int:
        """Day of the first payment, 0 for none."""
        return int(_TAIL.unpack_from(self._data, _LAST)[2])

    def payments(self) -> list[Payment]:
        """The last payments, newest first."""
        end = _RING + _PAYMENT.size * min(PAYMENTS, self.count)
        return [_payment(row) for row in _PAYMENT.iter_unpack(self._data[_RING:end])]

    def of_amount(self, amount: int) -> tuple[int, int]:
        """(invoices, late ones) of exactly this amount, as far as its row tells."""
        at, tag = _slot(amount)
        known, _, seen, late_ones = _row_at(self._data, _TABLE + at)
        return (seen, late_ones) if known == tag else (0, 0)


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
        at_due = _SIZE * (1 + due)
        return cls(
            _cell(_CELL.unpack_from(buyer, 0)),
            _cell(_CELL.unpack_from(buyer, at_due)),
            _cell(_CELL.unpack_from(supplier or NO_SUPPLIER, 0)),
            _cell(_CELL.unpack_from(network, 0)),
            _cell(_CELL.unpack_from(network, at_due)),
            _cell(_CELL.unpack_from(network, _NETWORK_AMOUNTS + _SIZE * place)),
        )
