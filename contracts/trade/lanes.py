"""Lanes: places of entries side by side in one integer, changed at once by shifts, masks and additions.

    lanes(kinds) -> what makes of (bytes, days late, amount) the bytes after one more paid invoice

A lane is a cell that fades and adds, a spread that is halved when a class is full, a count, or a sum of
amounts: `contracts.trade.habit_entry` says what each holds, `contracts.trade.habit` which of them a payment
changes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import itemgetter
from struct import Struct
from typing import NamedTuple

from contracts.trade.habit_entry import (
    AMOUNTS_SUM,
    COUNT,
    LEAST_DAYS,
    MOST_BEYOND_DAYS,
    MOST_DAYS,
    SLOT,
    UNIT,
    spread_class,
)
from ledger.money import MAX_TOTAL


class Lane(NamedTuple):
    """Bytes of an entry as a payment changes them, side by side with others in one integer."""

    form: Struct
    """Integers: of a cell weight, late ones, days (signed), and what is beyond terms if it is kept."""
    shift: int = 0
    """Of a cell: what fades of each part."""
    most: int = 0
    """Of a spread: invoices in a class from which on all of its classes are halved."""
    adds: int = 0
    """To a count of invoices."""

    def bits(self) -> list[int]:
        """Bits of each of its integers."""
        codes = self.form.format[1:]
        number = int("".join([code for code in codes if code.isdigit()]) or 0)
        return [_BITS[codes[-1]]] * number if number else [_BITS[code] for code in codes]


_BITS = {"B": 8, "H": 16, "I": 32, "i": 32, "Q": 64}
_DAYS = 2
"""Place of the signed part of a cell."""
SUM = Lane(AMOUNTS_SUM)
"""A sum of amounts, at most `MAX_TOTAL`; one of the lanes at most."""
PAID_INVOICES, OPEN_INVOICES = Lane(COUNT, adds=1), Lane(SLOT, adds=-1)
"""A count of what is paid, a week's count of what is open: signed."""

Change = Callable[[bytes, int, int], bytes]
"""Lanes after one more paid invoice, so many days late, of an amount."""


def lanes(kinds: Sequence[Lane]) -> Change:
    """Lanes side by side in one integer, so that all of them fade and add at once.

    A signed part is kept as its distance from the least number that its bytes can hold: then every
    part is at least zero, a shift of the whole, cut to each part, fades each by itself, and no part ever
    borrows from its neighbour. The lanes that fade by one shift are taken together, in integers as long as
    the highest of them.
    """
    masks: dict[int, int] = {}
    spreads: list[tuple[int, int, int]] = []
    """Of each spread the bits of a class that is full, all bits, and those that a halved class can have."""
    signs = bias = at = 0
    sum_at = too_much = 0
    for kind in kinds:
        each = 0
        for place, bits in enumerate(kind.bits()):
            each |= 1 << at
            if kind.shift:
                masks[kind.shift] = masks.get(kind.shift, 0) | ((1 << bits) - (1 << kind.shift)) << at
            if (kind.shift and place == _DAYS) or kind.adds < 0:
                signs |= 1 << (at + bits - 1)
                bias += 1 << (at + bits - 1 - kind.shift) if kind.shift else 0
            at += bits
        if kind is SUM:
            sum_at, too_much = at - bits, MAX_TOTAL + 1 << at - bits
        if kind.most:
            spreads.append((each * kind.most, each * ((1 << bits) - 1), each * (kind.most - 1)))
    size = at // 8
    (shift, mask), *fades = sorted(masks.items(), key=itemgetter(1)) or [(0, 0)]
    full = too_much + sum([bits for bits, _, _ in spreads])
    added = tuple([bias + _addend(kinds, days) for days in range(LEAST_DAYS, MOST_BEYOND_DAYS + 1)])
    from_bytes = int.from_bytes

    def after(data: bytes, days: int, amount: int) -> bytes:
        if not LEAST_DAYS <= days <= MOST_BEYOND_DAYS:
            days = LEAST_DAYS if days < LEAST_DAYS else MOST_BEYOND_DAYS
        parts = from_bytes(data, "little") ^ signs
        faded = (parts & mask) >> shift
        for other_shift, other in fades:
            faded |= (parts & other) >> other_shift
        parts += added[days - LEAST_DAYS] + (amount << sum_at) - faded
        if parts & full:
            if parts & too_much:
                parts -= (parts >> sum_at & 2 * MAX_TOTAL + 1) - MAX_TOTAL << sum_at
            for bits, every, halves in spreads:
                if parts & bits:
                    parts += (parts >> 1 & halves) - (parts & every)
        return (parts ^ signs).to_bytes(size, "little")

    return after


def _addend(kinds: Sequence[Lane], days: int) -> int:
    """What an invoice paid so many days late adds to the lanes, as one integer."""
    parts = (UNIT, UNIT * (days > 0), UNIT * min(MOST_DAYS, days), UNIT * max(0, days))
    counted = spread_class(days)
    added = at = 0
    for kind in kinds:
        for place, bits in enumerate(kind.bits()):
            added += (parts[place] if kind.shift else place == counted if kind.most else kind.adds) << at
            at += bits
    return added
