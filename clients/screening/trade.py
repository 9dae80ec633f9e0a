"""Verified histories read as invoices with what became of them, and as payments.

    trade = Trade.of([(supplier, buyer, first, records), …], day)

`first` is the number of the first record given, 0 for a complete history. Records have been proved before
(`clients.sdk.histories`); `contracts.trade.relationship` draws them. Nothing is judged here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from clients.screening.finding import Place
from ledger import codec

Told = tuple[str, str, int, Sequence[codec.Value]]
"""(supplier, buyer, number of the first record, records) of one relationship."""


class Change(NamedTuple):
    """Something that reduced or ended an invoice."""

    place: Place
    day: int
    """Business date."""
    amount: int
    """Minor units."""


class Payment(NamedTuple):
    """Money that arrived for an invoice."""

    place: Place
    invoice: str
    currency: str
    day: int
    """Booking day."""
    amount: int


class Astray(NamedTuple):
    """A payment that arrived on another account than the one expected."""

    place: Place
    invoice: str
    currency: str
    day: int
    amount: int
    account: str
    expected: str


@dataclass(slots=True)
class Bill:
    """One invoice of the history, as it came and what became of it. Days since 1970, minor units."""

    place: Place
    number: str
    currency: str
    gross: int
    issued: int
    due: int
    """The supplier's; the buyer's once confirmed, and as it was put off."""
    order: str
    digest: bytes
    """Of its lines: equal if the same is billed."""
    came: int
    """Business day on which it came to the ledger."""
    confirmed: Place | None = None
    financed: Change | None = None
    ended: Change | None = None
    """Cancelled or rejected."""
    reductions: list[Change] = field(default_factory=list)
    """Credit notes, and confirmations below the gross."""
    payments: list[Payment] = field(default_factory=list)
    settled: int = 0
    """Booking day of the payment that settled it, 0 if none did."""
    elsewhere: int = 0
    """Owed under certificates in its place, or written off: nobody waits for it here any more."""
    disputed: bool = False

    @property
    def supplier(self) -> str:
        """Who bills."""
        return self.place.supplier

    @property
    def buyer(self) -> str:
        """Who is billed."""
        return self.place.buyer

    @property
    def reduced(self) -> int:
        """Credited in all."""
        return sum(change.amount for change in self.reductions)

    @property
    def left(self) -> int:
        """What its buyer is still to pay on it; minor units, never below zero."""
        paid = sum(payment.amount for payment in self.payments)
        return max(0, self.gross - self.reduced - self.elsewhere - paid)

    @property
    def is_open(self) -> bool:
        """Whether a payment of it is waited for."""
        return not self.settled and not self.gone and self.left > 0

    @property
    def gone(self) -> int:
        """Business day on which nothing was left to pay without anybody having paid; 0 if that never came."""
        if self.ended is not None:
            return self.ended.day
        left = self.gross
        for change in self.reductions:
            left -= change.amount
            if left <= 0:
                return change.day
        return 0


@dataclass(frozen=True)
class Trade:
    """All that the histories tell, in the order of the business date."""

    bills: tuple[Bill, ...]
    payments: tuple[Payment, ...]
    astray: tuple[Astray, ...]
    receipts: dict[tuple[str, str, str], tuple[int, ...]]
    """(supplier, buyer, order) → business days on which goods of it were received."""
    parties: tuple[str, ...]
    day: int
    """Business day up to which it tells."""

    @classmethod
    def of(cls, histories: Iterable[Told], day: int = 0) -> Trade:
        """Read histories; `day` is the business day of the proof, 0 to take that of the last record."""
        reader = _Reader()
        for supplier, buyer, first, records in histories:
            for number, record in enumerate(records, first):
                reader.read(Place(supplier, buyer, number), record)
            reader.parties |= {supplier, buyer}
        return reader.trade(day)

    @cached_property
    def relationships(self) -> dict[tuple[str, str], list[Bill]]:
        """The invoices of each (supplier, buyer), as they came."""
        grouped: dict[tuple[str, str], list[Bill]] = defaultdict(list)
        for bill in self.bills:
            grouped[bill.supplier, bill.buyer].append(bill)
        return grouped


class _Reader:
    """Follows each invoice through the records of its relationship."""

    def __init__(self) -> None:
        self.bills: dict[tuple[str, str], Bill] = {}
        self.payments: list[Payment] = []
        self.astray: list[Astray] = []
        self.receipts: dict[tuple[str, str, str], list[int]] = defaultdict(list)
        self.parties: set[str] = set()
        self.day = 0

    def trade(self, day: int) -> Trade:
        """What was read."""
        bills = sorted(self.bills.values(), key=lambda bill: (bill.came, bill.place))
        return Trade(
            tuple(bills),
            tuple(sorted(self.payments, key=lambda payment: (payment.day, payment.place))),
            tuple(self.astray),
            {key: tuple(days) for key, days in self.receipts.items()},
            tuple(sorted(self.parties)),
            max(day, self.day),
        )

    def read(self, place: Place, record: codec.Value) -> None:
        """Take one record; the history may begin after an invoice did."""
        day, kind, number, currency, *rest = record
        self.day = max(self.day, day)
        if kind == "invoice":
            gross, issued, due, order, digest = rest
            self.bills[place.supplier, number] = Bill(
                place, number, currency, gross, issued, due, order, digest, day
            )
        elif kind == "receive":
            self.receipts[place.supplier, place.buyer, rest[0]].append(day)
        elif kind == "payment":
            self._pay(place, Payment(place, number, currency, rest[1], rest[0]), bool(rest[4]))
        elif kind == "astray":
            amount, booked, account, expected = rest
            self.astray.append(Astray(place, number, currency, booked, amount, account, expected))
        else:
            # A credit note's number is its own: the invoice that it reduces stands in its record.
            bill = self.bills.get((place.supplier, rest[3] if kind == "credit" else number))
            if bill is not None:
                _change(bill, place, record)

    def _pay(self, place: Place, payment: Payment, settles: bool) -> None:
        self.payments.append(payment)
        bill = self.bills.get((place.supplier, payment.invoice))
        if bill is not None:
            bill.payments.append(payment)
            if settles:
                bill.settled = payment.day


def _change(bill: Bill, place: Place, record: codec.Value) -> None:
    day, kind, _, _, *rest = record
    if kind == "confirm":
        bill.confirmed, bill.due, bill.disputed = place, rest[1], False
        if rest[2]:
            bill.reductions.append(Change(place, day, rest[2]))
    elif kind == "credit":
        bill.reductions.append(Change(place, day, rest[0]))
    elif kind in ("cancel", "reject"):
        bill.ended, bill.disputed = Change(place, day, bill.gross), False
    elif kind == "extend":
        bill.due = rest[1]
    elif kind == "finance":
        bill.financed = Change(place, day, rest[0])
    elif kind in ("dispute", "undispute"):
        bill.disputed = kind == "dispute"
    elif kind in ("certificate", "write_off"):
        bill.elsewhere += rest[0]
