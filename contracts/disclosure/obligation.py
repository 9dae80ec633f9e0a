"""Obligations: what each obligor owed by each day, and how it paid, from complete histories.

One obligation is one confirmed invoice with one due day, or one accepted certificate. The records of
`contracts.trade.relationship` are run through once:

| record | the obligation |
|---|---|
| confirm, extend | falls due on its day; a later one moves what was open to the new day |
| credit, cancel, certificate | owes less: nothing was paid, nothing was lost |
| payment, redeem | paid, so many days late |
| default, dishonour | declared in default |
| write_off, recovery | lost; got back of it |

For a confirmed invoice, what is open here is what its state says is outstanding: `reconciled` checks it.
What was paid before the buyer confirmed is in no obligation, because no due day was agreed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from contracts.certificates import leaf
from contracts.disclosure.source import Source
from contracts.errors import InvariantBroken
from contracts.trade.invoice import CONFIRMED, Invoice
from contracts.trade.relationship_sums import DEFAULT_DAYS
from ledger import codec

LATE_DAYS = (1, 31, DEFAULT_DAYS)
"""First day late of each class of late payments."""


@dataclass(slots=True)
class Obligation:
    """What one obligor owed by one day on one document. Amounts in minor units, days since 1970."""

    obligor: str
    supplier: str
    document: str
    currency: str
    due_day: int
    is_certificate: bool = False
    due: int = 0
    on_time: int = 0
    late_1_30: int = 0
    late_31_89: int = 0
    late_90: int = 0
    written_off: int = 0
    recovered: int = 0
    is_defaulted: bool = False

    @property
    def paid(self) -> int:
        """Paid in all, recoveries left out."""
        return self.on_time + self.late_1_30 + self.late_31_89 + self.late_90

    @property
    def open(self) -> int:
        """Neither paid nor written off."""
        return self.due - self.paid - self.written_off

    def pay(self, amount: int, late: int) -> None:
        """An amount paid so many days late, early ones below 1."""
        if late < LATE_DAYS[0]:
            self.on_time += amount
        elif late < LATE_DAYS[1]:
            self.late_1_30 += amount
        elif late < LATE_DAYS[2]:
            self.late_31_89 += amount
        else:
            self.late_90 += amount


_Key = tuple[str, str, str, str, int, bool]
"""(obligor, supplier, document, currency, due day, is a certificate)"""


class _Book:
    """The obligations of a ledger while its records are run through."""

    def __init__(self) -> None:
        self.found: dict[_Key, Obligation] = {}

    def at(self, key: _Key) -> Obligation:
        known = self.found.get(key)
        if known is None:
            known = self.found[key] = Obligation(*key)
        return known


def obligations(source: Source) -> list[Obligation]:
    """Every obligation on the ledger, in the order of obligor, supplier, document."""
    book = _Book()
    for (supplier, buyer), records in source.histories.items():
        for record in records:
            _take(book, supplier, buyer, record)
    _take_certificates(book, source)
    return [book.found[key] for key in sorted(book.found)]


def _take(book: _Book, supplier: str, buyer: str, record: codec.Value) -> None:
    kind, number, currency, *rest = record[1:]
    change = _CHANGES.get(kind)
    if change is not None:

        def at(due_day: int, document: str) -> Obligation:
            return book.at((buyer, supplier, document, currency, due_day, False))

        change(at, number, rest)
    elif kind == "redeem":
        amount, day, maturity = rest[:3]
        book.at((buyer, supplier, number, currency, maturity, True)).pay(amount, day - maturity)


_At = Callable[[int, str], Obligation]
"""The obligation of a due day and an invoice, in the relationship and currency of the record."""


def _confirm(at: _At, number: str, rest: list[codec.Value]) -> None:
    _, due_day, _, opened, was_due, was_open, *_ = rest
    if was_due:
        at(was_due, number).due -= was_open
    at(due_day, number).due += opened


def _extend(at: _At, number: str, rest: list[codec.Value]) -> None:
    amount, due_day, was_due = rest
    at(was_due, number).due -= amount
    at(due_day, number).due += amount


def _credit(at: _At, _: str, rest: list[codec.Value]) -> None:
    due_day, closed, invoice = rest[1:4]
    if closed:
        at(due_day, invoice).due -= closed


def _cancel(at: _At, number: str, rest: list[codec.Value]) -> None:
    _, due_day, closed = rest
    if closed:
        at(due_day, number).due -= closed


def _certificate(at: _At, number: str, rest: list[codec.Value]) -> None:
    at(rest[1], number).due -= rest[0]


def _payment(at: _At, number: str, rest: list[codec.Value]) -> None:
    _, day, due_day, closed = rest[:4]
    if closed:
        at(due_day, number).pay(closed, day - due_day)


def _default(at: _At, number: str, rest: list[codec.Value]) -> None:
    at(rest[1], number).is_defaulted = True


def _write_off(at: _At, number: str, rest: list[codec.Value]) -> None:
    at(rest[2], number).written_off += rest[0]


def _recovery(at: _At, number: str, rest: list[codec.Value]) -> None:
    at(rest[2], number).recovered += rest[0]


_CHANGES: dict[str, Callable[[_At, str, list[codec.Value]], None]] = {
    "confirm": _confirm,
    "extend": _extend,
    "credit": _credit,
    "cancel": _cancel,
    "certificate": _certificate,
    "payment": _payment,
    "default": _default,
    "write_off": _write_off,
    "recovery": _recovery,
}


def _take_certificates(book: _Book, source: Source) -> None:
    """What accepted certificates promise, and what their holders gave up, is in their leaves."""
    redeemed: dict[_Key, int] = defaultdict(int)
    for (obligor, certificate, _), value in source.kinds["leaf"].items():
        found = leaf.Leaf._make(value)
        if found.status in (leaf.ISSUED, leaf.VOID, leaf.SPLIT):
            continue
        promise = leaf.Promise._make(source.kinds["promise"][obligor, certificate])
        if source.scope and (promise.payee, obligor) not in source.histories:
            continue  # of a certificate that was passed on, the payments are in its payee's history
        key = (obligor, promise.payee, certificate, promise.currency, promise.maturity, True)
        owed = book.at(key)
        owed.due += found.amount
        owed.written_off += found.written_off
        owed.is_defaulted = owed.is_defaulted or found.status == leaf.DISHONOURED
        redeemed[key] += found.redeemed
    for key, amount in redeemed.items():
        _take_recovered(book, key, amount - book.found[key].paid)


def _take_recovered(book: _Book, key: _Key, amount: int) -> None:
    """What a certificate's leaves have got and no record of kind `redeem` says came in after a write-off.

    What a leaf has written off falls by it. Its record does not tell it from the recovery of an invoice that
    has the same number, and from which it is taken off again.
    """
    if not amount:
        return
    owed = book.found[key]
    owed.written_off += amount
    owed.recovered += amount
    as_invoice = (*key[:-1], False)
    other = book.found[as_invoice]
    other.recovered -= amount
    if not other.due and not other.recovered:
        del book.found[as_invoice]


def reconciled(source: Source, found: list[Obligation]) -> None:
    """Check that what histories leave open is what the state says is outstanding.

    Raises:
        InvariantBroken: 1, with the invoice for which it is not so.
    """
    left: dict[tuple[str, str], int] = {}
    for owed in found:
        if not owed.is_certificate:
            place = (owed.supplier, owed.document)
            left[place] = left.get(place, 0) + owed.open
    for place, amount in _outstanding(source):
        if left.pop(place, 0) != amount:
            raise InvariantBroken(1, f"{place}: {amount} outstanding is not what its records leave open")
    if any(left.values()):
        raise InvariantBroken(1, f"records leave open what no invoice owes: {min(left)}")


def _outstanding(source: Source) -> Iterator[tuple[tuple[str, str], int]]:
    for place, value in source.kinds["invoice"].items():
        found = Invoice._make(value)
        is_known = not source.scope or (place[0], found.buyer) in source.histories
        if found.validity == CONFIRMED and is_known:
            yield (place[0], place[1]), found.outstanding
