"""Supplier finance arrangements of a buyer, as IAS 7 asks for them (44F-44H).

| paragraph | figure | here |
|---|---|---|
| 44H(b)(i) | carrying amount of what is part of an arrangement | `carrying` |
| 44H(b)(ii) | of it, what suppliers were paid for by the finance provider | `paid_to_suppliers` |
| 44H(b)(iii) | range of due dates, and that of comparable trade payables | `term_from`, `term_to` |
| 44H(c) | non-cash changes of the carrying amount | sheet `changes` |

What a liability is part of:

| basis | liabilities |
|---|---|
| arrangement | an invoice that the buyer has approved for good under its payables programme |
| purchased | another confirmed invoice that a lender has bought: the buyer owes the lender |
| pledged | a confirmed invoice on which a lender has advanced money: the supplier got a loan, not a payment |
| certificate | what the buyer has promised by a certificate that its payee accepted |
| outside | confirmed trade payables that nobody finances: the comparable ones |

Whether a basis is an arrangement in the sense of 44G is the buyer's judgement, so each stands in rows of its
own: an approved invoice and a certificate are one by their making, a purchase if buyer and lender have agreed
on it. `basis_of` is the one place where an invoice's basis is decided.

Terms are days from the invoice's issue date, or the certificate's day of issue where it has no invoice, to
the due day. A part that the lender keeps back until maturity (the reserve) is not paid to the supplier.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from contracts.certificates import leaf
from contracts.disclosure.sheet import Count, Days, Disclosure, Minor, Sheet
from contracts.disclosure.source import Source
from contracts.finance.claim import Lien
from contracts.trade import invoice
from contracts.trade.invoice import CONFIRMED, Invoice
from ledger import codec
from ledger.dates import iso_from_day

ARRANGEMENT, CERTIFICATE = "arrangement", "certificate"
PURCHASED, PLEDGED, OUTSIDE = "purchased", "pledged", "outside"

TRANSFERRED, CREDITED = "transferred from trade payables", "credit notes"
PROMISED, CANCELLED = "transferred to certificates", "cancelled by the supplier"


_Change = tuple[str, str, str, str]
"""(buyer, basis, currency, change)"""


class Liability(NamedTuple):
    """What one buyer owes on one document. Amounts in minor units."""

    buyer: str
    basis: str
    currency: str
    carrying: int
    paid_to_suppliers: int
    term_days: int


class ArrangementRow(NamedTuple):
    """The liabilities of one buyer on one basis."""

    buyer: str
    basis: str
    currency: str
    liabilities: Count
    carrying: Minor
    paid_to_suppliers: Minor
    term_from: Days
    term_to: Days


class ChangeRow(NamedTuple):
    """Non-cash changes of one buyer's carrying amount on one basis."""

    buyer: str
    basis: str
    currency: str
    change: str
    documents: Count
    amount: Minor


def ias7(source: Source, buyer: str = "", since: int = 0, until: int | None = None) -> Disclosure:
    """The liabilities of every buyer, or of one, and their non-cash changes from `since` to `until`."""
    last = source.day if until is None else until
    groups: dict[tuple[str, str, str], list[Liability]] = defaultdict(list)
    for liability in liabilities(source):
        if buyer in ("", liability.buyer):
            groups[liability.buyer, liability.currency, liability.basis].append(liability)
    changes = [
        ChangeRow(*key, count, amount)
        for key, (count, amount) in sorted(_changes(source, since, last).items())
        if buyer in ("", key[0])
    ]
    return Disclosure(
        "ias7",
        "Supplier finance arrangements (IAS 7 44H)",
        source.day,
        {"since": iso_from_day(since) if since else "the beginning", "until": iso_from_day(last)},
        (
            "Whether a basis is an arrangement in the sense of 44G is the buyer's judgement: each basis "
            "stands in rows of its own; `outside` are the comparable trade payables.",
            "Paid to suppliers is what the finance provider has paid and not got back: at most the carrying "
            "amount, without a reserve that is kept back; on a pledge the supplier has a loan: nothing.",
            "Credit notes count where the claim lasted until the invoice was paid, or stands; discounts for "
            "early payment are credit notes.",
        ),
        (
            Sheet.of(
                "liabilities",
                "by buyer, basis and currency",
                ArrangementRow,
                [_row(groups[key]) for key in sorted(groups)],
            ),
            Sheet.of("changes", "non-cash changes (44H(c))", ChangeRow, changes),
        ),
    )


def _row(group: list[Liability]) -> ArrangementRow:
    first = group[0]
    terms = [liability.term_days for liability in group]
    return ArrangementRow(
        first.buyer,
        first.basis,
        first.currency,
        len(group),
        sum(liability.carrying for liability in group),
        sum(liability.paid_to_suppliers for liability in group),
        min(terms),
        max(terms),
    )


def liabilities(source: Source) -> list[Liability]:
    """Every confirmed liability of every buyer."""
    return [*_of_invoices(source), *_of_certificates(source)]


def basis_of(source: Source, place: tuple[str, str], found: Invoice) -> str:
    """What a confirmed invoice of (supplier, number) is part of."""
    if place in source.kinds["approved"]:
        return ARRANGEMENT
    if found.title == invoice.ASSIGNED:
        return PURCHASED
    return PLEDGED if found.title == invoice.PLEDGED else OUTSIDE


def _of_invoices(source: Source) -> Iterator[Liability]:
    for place, value in source.kinds["invoice"].items():
        found = Invoice._make(value)
        if found.validity != CONFIRMED or not found.outstanding:
            continue
        basis = basis_of(source, (place[0], place[1]), found)
        paid = 0
        if found.title == invoice.ASSIGNED:
            paid = min(found.outstanding, Lien._make(source.kinds["lien"][place]).principal)
        yield Liability(
            found.buyer, basis, found.currency, found.outstanding, paid, found.due_day - found.issue_day
        )


def _of_certificates(source: Source) -> Iterator[Liability]:
    for (obligor, certificate, _), value in source.kinds["leaf"].items():
        found = leaf.Leaf._make(value)
        if found.status == leaf.ISSUED or not found.live:
            continue
        promise = leaf.Promise._make(source.kinds["promise"][obligor, certificate])
        replaced = source.kinds["invoice"].get((promise.payee, promise.invoice))
        from_day = promise.issued if replaced is None else Invoice._make(replaced).issue_day
        paid = found.left if _is_sold(found) else 0
        term = promise.maturity - from_day
        yield Liability(obligor, CERTIFICATE, promise.currency, found.left, paid, term)


def _is_sold(found: leaf.Leaf) -> bool:
    """Whether a lender has bought the leaf and paid for it."""
    if found.status == leaf.DISHONOURED:
        return found.price > 0 and not found.lender
    return found.status == leaf.SOLD


def _changes(source: Source, since: int, until: int) -> dict[_Change, tuple[int, int]]:
    """(documents, minor units) of each change, of the records between two business days."""
    claims = _claims(source)
    approved: dict[str, set[str]] = defaultdict(set)
    for supplier, number in source.kinds["approved"]:
        approved[supplier].add(number)
    sums: dict[_Change, tuple[int, int]] = {}

    def add(key: _Change, amount: int) -> None:
        count, total = sums.get(key, (0, 0))
        sums[key] = (count + 1, total + amount)

    for (supplier, buyer), records in source.histories.items():
        walk = _Walk(approved[supplier], claims[supplier], records)
        for day, kind, number, currency, *rest in records:
            for basis, change, amount in walk.take(kind, number, rest):
                if since <= day <= until:
                    add((buyer, basis, currency, change), amount)
    return sums


class _Walk:
    """The invoices of one relationship while its records are run through."""

    def __init__(
        self, approved: set[str], claims: dict[str, list[_Claim]], records: tuple[codec.Value, ...]
    ) -> None:
        """`approved`: invoices that are approved at the end; `claims`: the financings of each invoice."""
        self._approved_ever = approved
        self._claims = claims
        self._approved: set[str] = set()
        """Invoices approved so far."""
        self._open: dict[str, int] = defaultdict(int)
        """What is outstanding on each invoice since its confirmation."""
        self._taken = _taken(records)
        self._turns: dict[str, int] = {}
        """How often each invoice has been financed so far."""

    def take(self, kind: str, number: str, rest: list[codec.Value]) -> Iterator[tuple[str, str, int]]:
        """(basis, change, minor units) of what a record says."""
        if kind == "confirm":
            self._open[number] = rest[3]
        elif kind == "payment":
            self._open[number] -= rest[3]
        elif kind == "approve":
            self._approved.add(number)
            yield ARRANGEMENT, TRANSFERRED, self._open[number]
        elif kind == "finance":
            self._turns[number] = turn = self._turns.get(number, 0) + 1
            if number not in self._approved_ever:
                yield self._claims[number][turn - 1].basis, TRANSFERRED, rest[0]
        elif kind == "certificate":
            self._open[number] -= rest[0]
            if number in self._approved:
                yield ARRANGEMENT, PROMISED, -rest[0]
            yield CERTIFICATE, TRANSFERRED, rest[0]
        elif kind == "cancel" and number in self._approved:
            yield ARRANGEMENT, CANCELLED, -rest[2]
        elif kind == "credit":
            yield from self._credited(rest[3], rest[2])

    def _credited(self, number: str, amount: int) -> Iterator[tuple[str, str, int]]:
        self._open[number] -= amount
        if number in self._approved:
            yield ARRANGEMENT, CREDITED, -amount
        elif number in self._turns and number not in self._approved_ever:
            turn = self._turns[number]
            claim = self._claims[number][turn - 1]
            if claim.lasts(self._taken[number, turn]):
                yield claim.basis, CREDITED, -amount


class _Claim(NamedTuple):
    """One financing of an invoice."""

    lien: Lien
    stands: bool

    @property
    def basis(self) -> str:
        """What its invoice is part of while it lasts."""
        return PLEDGED if self.lien.pledges else PURCHASED

    def lasts(self, taken: int) -> bool:
        """Whether it stands, or stood until the buyer owed nothing more: the supplier did not give it back.

        `taken` is what credit notes and lower confirmations took off its invoice, minor units. What the
        supplier repays of a claim that lasts is a shortfall, which is a part of that.
        """
        if self.stands:
            return True
        lien = self.lien
        return not lien.replaced_by and (not lien.repaid or (not lien.reserve_left and lien.repaid <= taken))


def _claims(source: Source) -> dict[str, dict[str, list[_Claim]]]:
    """The financings that have a record, of each invoice of each supplier, in their order."""
    found: dict[str, dict[str, list[_Claim]]] = defaultdict(lambda: defaultdict(list))
    for kind in ("deal", "lien"):
        for (supplier, number, *_), value in sorted(source.kinds[kind].items()):
            lien = Lien._make(value)
            if lien.funded and not lien.paid_for:  # what took another's place was paid for there
                found[supplier][number].append(_Claim(lien, kind == "lien"))
    return found


def _taken(records: tuple[codec.Value, ...]) -> dict[tuple[str, int], int]:
    """What credit notes and lower confirmations took off each invoice after its so-many-th financing."""
    turns: dict[str, int] = defaultdict(int)
    taken: dict[tuple[str, int], int] = defaultdict(int)
    for _, kind, number, _, *rest in records:
        if kind == "finance":
            turns[number] += 1
        elif kind == "credit":
            taken[rest[3], turns[rest[3]]] += rest[0]
        elif kind == "confirm":
            taken[number, turns[number]] += rest[2]
    return taken
