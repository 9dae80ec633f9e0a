"""Open receivables: every confirmed, unpaid invoice of a relationship, from its complete records alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from ledger import codec


class Open(NamedTuple):
    """A confirmed invoice that is not paid, as the history of its relationship has it."""

    supplier: str
    buyer: str
    invoice: str
    currency: str
    outstanding: int
    due_day: int


def open_receivables(supplier: str, buyer: str, records: Sequence[codec.Value]) -> tuple[Open, ...]:
    """Every confirmed, unpaid invoice of a relationship, from its complete records, by due date.

    Some of them may be financed, certificated or in dispute: their price says so. What they add up to is the
    open basis of the relationship's aggregates.
    """
    found: dict[str, Open] = {}
    for record in records:
        _, kind, number, currency, *places = record
        if kind == "confirm":
            found.pop(number, None)
            if places[3]:
                found[number] = Open(supplier, buyer, number, currency, places[3], places[1])
        elif kind in _CLOSING:
            invoice, closed, settled = _CLOSING[kind](number, places)
            known = found.get(invoice)
            if known is None or not closed:
                continue
            left = known.outstanding - closed
            if settled or not left:
                del found[invoice]
            else:
                found[invoice] = known._replace(outstanding=left)
    return tuple(sorted(found.values(), key=lambda one: (one.due_day, one.invoice)))


_CLOSING: dict[str, Callable[[str, Sequence[codec.Value]], tuple[str, int, int]]] = {
    "payment": lambda number, places: (number, places[3], places[4]),
    "credit": lambda _, places: (places[3], places[2], places[4]),
    "cancel": lambda number, places: (number, places[2], 1),
    "certificate": lambda number, places: (number, places[0], places[2]),
    "write_off": lambda number, places: (number, places[0], 1),
}
"""(invoice, amount that leaves the open basis, whether it is closed) of a record by its kind."""


def totals(found: Iterable[Open]) -> Mapping[str, tuple[int, int]]:
    """(invoices, amount outstanding) by currency: what the aggregates call the open basis."""
    sums: dict[str, tuple[int, int]] = {}
    for one in found:
        count, amount = sums.get(one.currency, (0, 0))
        sums[one.currency] = (count + 1, amount + one.outstanding)
    return sums
