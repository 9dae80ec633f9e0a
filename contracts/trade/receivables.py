"""What is open in a relationship, from its complete records alone: invoices that are unpaid, and promises."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from ledger import codec


class Open(NamedTuple):
    """What the buyer owes by its own word and has not paid, as the history of the relationship has it."""

    supplier: str
    buyer: str
    number: str
    """Of the invoice; of the certificate for a promise."""
    currency: str
    outstanding: int
    due_day: int
    """Due date; maturity of a promise."""


class OpenBasis(NamedTuple):
    """What together is the open basis of the relationship's aggregates; each by due date."""

    invoices: tuple[Open, ...]
    """Some may be financed, certificated or in dispute: their price says so."""
    promises: tuple[Open, ...]
    """Certificates whose payee the supplier was, whoever holds their leaves."""


_INVOICE, _PROMISE = "invoice", "promise"
_Document = tuple[str, str]
"""(what it is, its number)."""


def open_basis(supplier: str, buyer: str, records: Sequence[codec.Value]) -> OpenBasis:
    """Every confirmed, unpaid invoice of a relationship, and every promise, from its complete records."""
    found: dict[_Document, Open] = {}
    for record in records:
        _, kind, number, currency, *places = record
        if kind == "confirm":
            found.pop((_INVOICE, number), None)
            if places[3]:
                found[_INVOICE, number] = Open(supplier, buyer, number, currency, places[3], places[1])
        elif kind == "promise":
            found[_PROMISE, number] = Open(supplier, buyer, number, currency, places[0], places[1])
        elif kind in _CLOSING:
            document, closed, settled = _CLOSING[kind](number, places)
            known = found.get(document)
            if known is None or not closed:
                continue
            left = known.outstanding - closed
            if settled or not left:
                del found[document]
            else:
                found[document] = known._replace(outstanding=left)
    return OpenBasis(*(_by_due_date(found, what) for what in (_INVOICE, _PROMISE)))


def _by_due_date(found: Mapping[_Document, Open], what: str) -> tuple[Open, ...]:
    known = [one for document, one in found.items() if document[0] == what]
    return tuple(sorted(known, key=lambda one: (one.due_day, one.number)))


_CLOSING: dict[str, Callable[[str, Sequence[codec.Value]], tuple[_Document, int, int]]] = {
    "payment": lambda number, places: ((_INVOICE, number), places[3], places[4]),
    "credit": lambda _, places: ((_INVOICE, places[3]), places[2], places[4]),
    "cancel": lambda number, places: ((_INVOICE, number), places[2], 1),
    "certificate": lambda number, places: ((_INVOICE, number), places[0], places[2]),
    "write_off": lambda number, places: ((_INVOICE, number), places[0], 1),
    "redeem": lambda number, places: ((_PROMISE, number), places[0], places[3]),
    "forgo": lambda number, places: ((_PROMISE, number), places[0], places[3]),
}
"""(document, amount that leaves the open basis, whether it is closed) of a record by its kind."""


def totals(found: Iterable[Open]) -> Mapping[str, tuple[int, int]]:
    """(how many, amount outstanding) by currency: of all of it, what the aggregates call the open basis."""
    sums: dict[str, tuple[int, int]] = {}
    for one in found:
        count, amount = sums.get(one.currency, (0, 0))
        sums[one.currency] = (count + 1, amount + one.outstanding)
    return sums
