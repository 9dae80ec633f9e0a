"""How a buyer pays and a supplier delivers: decayed sums of payments, the last ones, and counts.

`contracts.trade.habit_entry` has the entries; this is how they change. When a payment settles a confirmed
invoice, `observe` takes it into the entries of the relationship, the buyer, the supplier and the network.
`note_dispute` and `note_delivery` count what else buyer and supplier go through; `note_open` counts, with
both and in the network, the invoices that come to be open, or are open no longer for another reason. Each
takes its figures from the record alone: whoever holds the records of a relationship recomputes its entry, and
with those of all others every entry. The work is fixed, whatever the length of the history.

A payment changes some twenty places of four entries. They are cut out, put side by side into one integer,
changed there at once by shifts, masks and additions (`lanes`), and put back. What that cannot do is rare and
mended behind it (`_corrected`).

A row of `amounts` belongs to one amount. Each other amount of that row takes an invoice away from it,
and the one that finds a single one left takes the row over: so amounts that come again and again stay, and
those that came once give way.

Open invoices are kept by the week of their due date: what is overdue follows from the day on which one looks.
The ring begins `PAST_WEEKS` before the week of the business date on which `note_open` last changed it, and a
payment leaves it where it is; what it leaves behind is added up in `old`, and what lies ahead of it waits in
`far` until it comes near.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from struct import Struct
from typing import Any, NamedTuple, Protocol

from contracts.trade.habit_entry import (
    AMOUNT,
    AMOUNTS_AT,
    AMOUNTS_SUM,
    BUYER,
    CELL,
    COUNT,
    COUNT_AT,
    DAYS,
    DEALINGS_AT,
    EVENTS,
    EVENTS_AT,
    FAR,
    HALVING_DAYS,
    MONTH_PLACE,
    MOST_AMOUNTS,
    MOST_SEEN,
    NETWORK,
    NETWORK_KEY,
    NETWORK_SPREAD,
    NO_BUYER,
    NO_HABIT,
    NO_NETWORK,
    NO_SUPPLIER,
    OCTAVE_AT,
    OPEN,
    PAID,
    PARTY_SPREAD,
    PAST_WEEKS,
    PAYMENT,
    PAYMENTS,
    RING,
    RING_WEEKS,
    SEEN_PLACE,
    SHIFT,
    SIZE,
    SLOT,
    SLOT_BYTES,
    SOLD_IN,
    SOLD_IN_AT,
    SPREAD,
    SUPPLIER,
    TAG_OF_HASH,
    TAG_PLACE,
    TOTAL,
    TURNOVER,
    WEEK_DAYS,
    WEEKDAY_AT,
    WIDE_CELL,
    WIDE_SHIFT,
    WIDE_SPREAD,
    WIDE_TOTAL,
    Layout,
    OpenWeeks,
    amount_hash,
    amount_size,
    habit_key,
    octave_of,
)
from contracts.trade.holidays import WEEKDAYS, due_class, month_part, weekday
from contracts.trade.lanes import OPEN_INVOICES, PAID_INVOICES, SUM, Lane, lanes
from ledger.codec import Value
from ledger.money import MAX_TOTAL, PPM
from ledger.state.overlay import Reader

_ROW, _row, _row_at, _count_at = AMOUNT.size, AMOUNT.pack, AMOUNT.unpack_from, COUNT.unpack_from
_MOST_BYTES = AMOUNT.size * MOST_AMOUNTS
_turnover, _turnover_at = TURNOVER.pack, TURNOVER.unpack_from
_NO_CODE = bytes(3)
_near = Struct("<IH")
_open_at = OPEN.unpack_from
_slot_at, _put_slot = SLOT.unpack_from, SLOT.pack_into


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


_LANES = (
    *(*(Lane(CELL, SHIFT),) * 2, PAID_INVOICES, Lane(TOTAL, SHIFT)),
    *(Lane(CELL, SHIFT), OPEN_INVOICES, PAID_INVOICES, Lane(TOTAL, SHIFT), Lane(SPREAD, most=PARTY_SPREAD)),
    *(OPEN_INVOICES, SUM, PAID_INVOICES, Lane(WIDE_TOTAL, WIDE_SHIFT), Lane(SPREAD, most=PARTY_SPREAD)),
    *(Lane(WIDE_CELL, WIDE_SHIFT), Lane(WIDE_CELL, WIDE_SHIFT), OPEN_INVOICES),
    *(Lane(WIDE_TOTAL, WIDE_SHIFT), Lane(WIDE_SPREAD, most=NETWORK_SPREAD)),
)
"""What a payment changes: of a relationship, of its buyer, of its supplier, of the network."""
_changed = lanes(_LANES)

_OWN, _BUYER, _SUPPLIER, _NETWORK = (
    (SIZE, SIZE, AMOUNTS_AT - COUNT_AT),
    (SIZE, SLOT_BYTES, BUYER.size - BUYER.sums_at),
    (SLOT_BYTES, SUPPLIER.size - SUPPLIER.sums_at),
    (WIDE_CELL.size, WIDE_CELL.size, SLOT_BYTES, NETWORK.size - NETWORK.sums_at),
)
"""Bytes of the lanes of each entry as they lie together in it."""
_pieces = Struct(
    "".join([f"{size}s" for entry in (_OWN, _BUYER, _SUPPLIER, _NETWORK) for size in entry])
).unpack
assert sum([lane.form.size for lane in _LANES]) == sum([*_OWN, *_BUYER, *_SUPPLIER, *_NETWORK])
_TO_BUYER = 2 * len(_OWN)
_TO_SUPPLIER = _TO_BUYER + 2 * len(_BUYER)
_TO_NETWORK = _TO_SUPPLIER + 2 * len(_SUPPLIER)
"""Where in a list of pieces the entries begin."""

_KEPT_PAYMENTS = PAYMENT.size * (PAYMENTS - 1)
_own_head = Struct(DAYS.format + PAYMENT.format[1:]).pack
_NEAR = slice(0, _near.size)
"""The ring's base, and how many weeks lie after the ring."""
_PAID_BEFORE = DEALINGS_AT + 1
"""A byte of the day of the first payment: nought before there is one, and on few days besides."""
_SOLD_IN = slice(SOLD_IN_AT, SOLD_IN_AT + SOLD_IN.size)
"""Currency and half-year of a supplier's turnover."""

Split = Callable[[bytes], tuple[Any, ...]]
"""Takes an entry apart into pieces: what lies before a lane, the lane, and so on; it ends with one."""


class _Places(NamedTuple):
    """Where an invoice belongs in the entries."""

    due_on: int
    issued_on: int
    near: frozenset[bytes]
    """What begins an entry with its week in the ring, and none after it."""
    sold_in: bytes
    """Its currency and the half-year of its payment, as a supplier's entry has them."""
    own: Split
    """The first pieces are the first day and the payments that stay."""
    buyer: Split
    supplier: Split
    network: Split


@lru_cache(maxsize=8_192)
def _places(due_day: int, issue_day: int, paid_in: int, currency: str, amount_bits: int) -> _Places:
    due, week = due_class(due_day, currency), due_day // WEEK_DAYS
    slot = SLOT_BYTES * (week % RING_WEEKS)
    own = (
        WEEKDAY_AT + SIZE * due,
        OCTAVE_AT + SIZE * octave_of(amount_bits),
        COUNT_AT,
    )
    network = (
        NETWORK.cells_at + WIDE_CELL.size * due,
        NETWORK.cells_at + WIDE_CELL.size * (WEEKDAYS + octave_of(amount_bits)),
        NETWORK.ring_at + slot,
        NETWORK.sums_at,
    )
    return _Places(
        due + MONTH_PLACE * month_part(due_day),
        weekday(issue_day),
        _near_of(week),
        SOLD_IN.pack(currency.encode(), paid_in),
        _split(f"<4xI{_KEPT_PAYMENTS}s{PAYMENT.size}x", WEEKDAY_AT, own, _OWN),
        _split("<", 0, (BUYER.cells_at + SIZE * due, BUYER.ring_at + slot, BUYER.sums_at), _BUYER),
        _split("<", 0, (SUPPLIER.ring_at + slot, SUPPLIER.sums_at), _SUPPLIER),
        _split("<", 0, network, _NETWORK),
    )


@lru_cache(maxsize=512)
def _near_of(week: int) -> frozenset[bytes]:
    return frozenset([_near.pack(base, 0) for base in range(max(0, week - RING_WEEKS + 1), week + 1)])


@lru_cache(maxsize=8_192)
def _split(head: str, at: int, lanes_at: tuple[int, ...], sizes: tuple[int, ...]) -> Split:
    """Split an entry into its head, and the lanes, each with the bytes before it from an offset on."""
    form = head
    for lane, size in zip(lanes_at, sizes, strict=True):
        form += f"{lane - at}s{size}s"
        at = lane + size
    return Struct(form).unpack_from


@lru_cache(maxsize=4_096)
def _keys(supplier: str, buyer: str) -> tuple[bytes, bytes, bytes]:
    return habit_key(supplier, buyer), habit_key("", buyer), habit_key(supplier, "")


def observe(state: Writer, supplier: str, buyer: str, settled: Settled) -> None:
    """Take one paid invoice into the habits of the relationship, the buyer, the supplier and the network.

    It was open with the two parties, and is not any more.
    """
    own_key, buyer_key, supplier_key = _keys(supplier, buyer)
    due_day, issue_day, paid_day, amount, currency, credited = settled
    late, age = paid_day - due_day, paid_day - issue_day
    bits, half_year = amount.bit_length(), paid_day // HALVING_DAYS
    due_on, issued_on, near, sold_in, of_own, of_buyer, of_supplier, of_network = _places(
        due_day, issue_day, half_year, currency, bits
    )
    buying, selling = state.get(buyer_key) or NO_BUYER, state.get(supplier_key) or NO_SUPPLIER
    paying = state.get(NETWORK_KEY) or NO_NETWORK
    own = state.get(own_key) or NO_HABIT
    first, payments, *pieces = of_own(own)
    pieces += of_buyer(buying)
    pieces += of_supplier(selling)
    pieces += of_network(paying)
    pieces[1::2] = _pieces(_changed(b"".join(pieces[1::2]), late, amount))
    own, at, row = _counted(own, amount, late > 0)
    if not (-32_768 <= late <= 32_767 and -32_768 <= age <= 32_767):
        late, age = max(-32_768, min(32_767, late)), max(-32_768, min(32_767, age))
    # fmt: off
    state.put(own_key, b"".join([
        _own_head(paid_day, first or paid_day, late, age, due_on, issued_on, amount_size(amount, bits)),
        payments, *pieces[:_TO_BUYER], own[AMOUNTS_AT:at], row, own[at + _ROW :],
    ]))
    # fmt: on
    bought = b"".join(pieces[_TO_BUYER:_TO_SUPPLIER])
    sold = b"".join(pieces[_TO_SUPPLIER:_TO_NETWORK])
    paid = b"".join(pieces[_TO_NETWORK:])
    if (
        credited
        or len(selling) != SUPPLIER.size
        or buying[_NEAR] not in near
        or selling[_NEAR] not in near
        or paying[_NEAR] not in near
        or not buying[_PAID_BEFORE]
        or selling[_SOLD_IN] != sold_in
    ):
        bought, sold, paid = _corrected(settled, buying, bought, selling, sold, paying, paid)
    state.put(buyer_key, bought)
    state.put(supplier_key, sold)
    state.put(NETWORK_KEY, paid)


def _corrected(
    settled: Settled, buying: bytes, bought: bytes, selling: bytes, sold: bytes, paying: bytes, paid: bytes
) -> tuple[bytes, bytes, bytes]:
    """The entries of buyer, supplier and network, of what they were and the lanes made of it.

    What a lane cannot do: a party's first payment, what was credited, turnover of another currency or
    half-year, invoices open elsewhere than in the ring.
    """
    due_day, _, paid_day, amount, currency, credited = settled
    after = []
    for before, changed, layout in (
        (buying, bought, BUYER),
        (selling, sold, SUPPLIER),
        (paying, paid, NETWORK),
    ):
        entry = bytearray(changed + before[layout.size :])
        if layout is not NETWORK:
            first, diluted = PAID.unpack_from(entry, DEALINGS_AT)
            PAID.pack_into(entry, DEALINGS_AT, first or paid_day, diluted + credited * PPM // amount)
        whole = bytes(entry)
        if layout is SUPPLIER:
            whole = _sold(before, whole, currency.encode(), paid_day // HALVING_DAYS, amount)
        base = _open_at(before)[0]
        week = due_day // WEEK_DAYS
        if not base <= week < base + RING_WEEKS:
            whole = _opened_anywhere(_with_slot(whole, layout, week, 1), layout, base, ((week, -1),))
        after.append(whole)
    return after[0], after[1], after[2]


def _with_slot(entry: bytes, layout: Layout, week: int, invoices: int) -> bytes:
    """The entry with more open invoices where the ring has a week."""
    changed = bytearray(entry)
    at = layout.ring_at + SLOT_BYTES * (week % RING_WEEKS)
    _put_slot(changed, at, _slot_at(changed, at)[0] + invoices)
    return bytes(changed)


def _sold(before: bytes, after: bytes, code: bytes, paid_in: int, amount: int) -> bytes:
    """A supplier's entry with one more amount of turnover, of what it was and what it is but for that."""
    known, half_year = SOLD_IN.unpack_from(before, SOLD_IN_AT)
    total = AMOUNTS_SUM.unpack_from(before, SUPPLIER.sums_at)[0]
    further = after[SUPPLIER.size :]
    if known in (code, _NO_CODE):
        known, (half_year, total) = code, turned_over(half_year, total, paid_in, amount)
    else:
        further = _turned_over(before, code, paid_in, amount)
    entry = bytearray(after[: SUPPLIER.size] + further)
    SOLD_IN.pack_into(entry, SOLD_IN_AT, known, half_year)
    AMOUNTS_SUM.pack_into(entry, SUPPLIER.sums_at, total)
    return bytes(entry)


def _turned_over(entry: bytes, code: bytes, paid_in: int, amount: int) -> bytes:
    """What a supplier's entry has after its ring, with one more amount in a further currency."""
    far = len(entry) - FAR.size * _open_at(entry)[1]
    rows, rest = entry[SUPPLIER.size : far], entry[far:]
    for at in range(0, len(rows), TURNOVER.size):
        known, half_year, total = _turnover_at(rows, at)
        if known == code:
            row = _turnover(code, *turned_over(half_year, total, paid_in, amount))
            return rows[:at] + row + rows[at + TURNOVER.size :] + rest
    return rows + _turnover(code, paid_in, amount) + rest


def turned_over(half_year: int, total: int, paid_in: int, amount: int) -> tuple[int, int]:
    """(half-year, turnover as it counts then) with one more amount, whose half-year may be an earlier one."""
    if paid_in > half_year:
        half_year, total = paid_in, total >> (paid_in - half_year)
    elif paid_in < half_year:
        amount >>= half_year - paid_in
    total += amount
    return half_year, total if total < MAX_TOTAL else MAX_TOTAL


def _counted(own: bytes, amount: int, is_late: bool) -> tuple[bytes, int, bytes]:
    """The relationship's entry with rows enough, where an exact amount's is, and that row after one more."""
    size = len(own) - AMOUNTS_AT
    if size < _MOST_BYTES and 2 * _ROW * _count_at(own, COUNT_AT)[0] >= size:
        own += own[AMOUNTS_AT:]
        size *= 2
    mixed = amount_hash(amount)
    at = AMOUNTS_AT + (_ROW * mixed & size - 1)
    row = _row_at(own, at)[0]
    seen = row >> SEEN_PLACE & MOST_SEEN
    if row >> TAG_PLACE == mixed >> TAG_OF_HASH and seen:
        if seen == MOST_SEEN:
            row += (seen // 2 - seen << SEEN_PLACE) + (row & MOST_SEEN) // 2 - (row & MOST_SEEN)
        row += _ONE_MORE + is_late
    elif seen > 1:
        row -= _ONE_MORE + ((row & MOST_SEEN) == seen)
    else:
        row = (mixed >> TAG_OF_HASH << TAG_PLACE) + _ONE_MORE + is_late
    return own, at, _row(row)


_ONE_MORE = 1 << SEEN_PLACE


def note_dispute(state: Writer, supplier: str, buyer: str) -> None:
    """Count a dispute of an invoice, with both parties."""
    _note(state, supplier, buyer, (1, 0, 0, 0))


def note_delivery(state: Writer, supplier: str, buyer: str, is_late: bool, is_short: bool) -> None:
    """Count a receipt of goods, or a shipment lost, with both parties."""
    _note(state, supplier, buyer, (0, 1, int(is_late), int(is_short)))


def _note(state: Writer, supplier: str, buyer: str, events: tuple[int, ...]) -> None:
    """Add to the counts of events of both parties."""
    _, buyer_key, supplier_key = _keys(supplier, buyer)
    for key, none in ((buyer_key, NO_BUYER), (supplier_key, NO_SUPPLIER)):
        entry = bytearray(state.get(key) or none)
        counts = [
            before + more for before, more in zip(EVENTS.unpack_from(entry, EVENTS_AT), events, strict=True)
        ]
        EVENTS.pack_into(entry, EVENTS_AT, *counts)
        state.put(key, bytes(entry))


Moves = Iterable[tuple[int, int]]
"""(Due day, invoices that come to be open, negative for such as are open no longer)."""


def note_open(state: Writer, supplier: str, buyer: str, day: int, moves: Moves) -> None:
    """On a business date, count invoices as open or no longer so, with both parties and in the network."""
    _, buyer_key, supplier_key = _keys(supplier, buyer)
    weeks = [(due_day // WEEK_DAYS, invoices) for due_day, invoices in moves]
    for key, none, layout in (
        (buyer_key, NO_BUYER, BUYER),
        (supplier_key, NO_SUPPLIER, SUPPLIER),
        (NETWORK_KEY, NO_NETWORK, NETWORK),
    ):
        state.put(key, _opened(state.get(key) or none, layout, day // WEEK_DAYS - PAST_WEEKS, weeks))


def _opened(entry: bytes, layout: Layout, least_base: int, weeks: Sequence[tuple[int, int]]) -> bytes:
    base = _open_at(entry)[0]
    changed = bytearray(entry)
    for week, invoices in weeks:
        if not least_base <= base <= week < base + RING_WEEKS:
            return _opened_anywhere(entry, layout, max(base, least_base), weeks)
        at = layout.ring_at + SLOT_BYTES * (week % RING_WEEKS)
        _put_slot(changed, at, _slot_at(changed, at)[0] + invoices)
    return bytes(changed)


def _opened_anywhere(entry: bytes, layout: Layout, base: int, weeks: Iterable[tuple[int, int]]) -> bytes:
    """The entry with a ring that begins at `base`, and the changes of weeks in it, before or after it."""
    kept = OpenWeeks.of(entry, layout)
    old, by_week = kept.old, kept.by_week()
    for week, invoices in weeks:
        by_week[week] = by_week.get(week, 0) + invoices
    ring = [0] * RING_WEEKS
    far = []
    for week, invoices in sorted(by_week.items()):
        if week < base:
            old += invoices
        elif week < base + RING_WEEKS:
            ring[week % RING_WEEKS] = invoices
        elif invoices:
            far.append(FAR.pack(week, invoices))
    before_far = len(entry) - FAR.size * len(kept.far)
    # fmt: off
    return b"".join([
        OPEN.pack(base, len(far), old), entry[OPEN.size : layout.ring_at], RING.pack(*ring),
        entry[layout.sums_at : before_far], *far,
    ])
    # fmt: on
