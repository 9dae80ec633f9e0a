"""An invoice that comes again with another number or amount, or without its order (altered duplicate).

Two invoices to one buyer on the same order, or of which one has none, amounts within 1 % and days of issue
within 7, the first still owed or paid when the second came.

What comes in a steady rhythm explains itself after a while: a fee each week is an alarm until it has come
`RHYTHM` times at equal intervals, and what falls out of the rhythm is one again.

An order explains what looks alike too: deliveries of equal size are billed alike, and the three-way match has
counted each accepted unit once. So two invoices on one order are an alarm only while that order has seen
fewer receipts of goods than invoices. What the order has counted once may be billed again without naming it,
before or after: only a rhythm of the invoices without an order explains that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import islice, pairwise

from clients.screening.finding import ALARM, Finding
from clients.screening.trade import Bill, Trade
from ledger.dates import iso_from_day
from ledger.money import PPM, Money

CHECK = "near_match"

AMOUNT_PPM = 10_000
"""How far the amounts may lie apart, of the larger."""

ISSUE_DAYS = 7
"""How far the days of issue may lie apart."""

RHYTHM = 3
"""Equal intervals, to a day, that make a series."""


def find(trade: Trade) -> Iterator[Finding]:
    """Each invoice that is like an earlier one, once."""
    alike: dict[tuple[str, str, str], _Known] = defaultdict(_Known)
    for bill in trade.bills:
        known = alike[bill.supplier, bill.buyer, bill.currency]
        earlier = _same_order(trade, known, bill) or _off_order(known, bill)
        known.add(bill)
        if earlier is not None:
            yield _finding(earlier, bill)


class _Known:
    """The invoices of a supplier to a buyer in one currency that came before, by order and day of issue."""

    def __init__(self) -> None:
        self.by_order: dict[str, list[Bill]] = defaultdict(list)
        """Of no order under "", in the order in which they came."""
        self._issued: dict[int, list[tuple[int, Bill]]] = defaultdict(list)
        self._count = 0

    def add(self, bill: Bill) -> None:
        """One more that came."""
        self.by_order[bill.order].append(bill)
        self._issued[bill.issued].append((self._count, bill))
        self._count += 1

    def like(self, bill: Bill, fits: Callable[[Bill], bool]) -> Bill | None:
        """The newest that fits, is near in amount and days, and was still owed or paid when the bill came."""
        days = range(bill.issued - ISSUE_DAYS, bill.issued + ISSUE_DAYS + 1)
        found = (
            (place, earlier)
            for day in days
            for place, earlier in self._issued.get(day, ())
            if fits(earlier) and _is_near(earlier, bill) and not 0 < earlier.gone <= bill.came
        )
        return max(found, key=lambda one: one[0], default=(0, None))[1]


def _same_order(trade: Trade, known: _Known, bill: Bill) -> Bill | None:
    """What it is like of those on its order, or without one, unless receipts or a series explain it."""
    earlier = known.like(bill, lambda other: other.order == bill.order)
    if earlier is None:
        return None
    bills = [*known.by_order[bill.order], bill]
    if not bill.order:
        return None if _is_regular(bills) else earlier
    receipts = trade.receipts.get((bill.supplier, bill.buyer, bill.order), ())
    invoices = sum(not each.gone for each in bills)
    return None if sum(day <= bill.came for day in receipts) >= invoices else earlier


def _off_order(known: _Known, bill: Bill) -> Bill | None:
    """What it is like where one of the two has an order and the other none, which no series explains."""
    earlier = known.like(bill, lambda other: bool(other.order) != bool(bill.order))
    if earlier is None:
        return None
    without = known.by_order[""]
    series = without[: without.index(earlier) + 1] if bill.order else [*without, bill]
    return None if _is_regular(series) else earlier


def _is_regular(bills: list[Bill]) -> bool:
    """Whether the newest invoice goes on with a series of about its amount at equal intervals."""
    newest = bills[-1]
    same = (bill.issued for bill in reversed(bills) if _is_near(bill, newest) and not bill.gone)
    series = list(islice(same, RHYTHM + 1))
    gaps = [later - earlier for later, earlier in pairwise(series)]
    return len(gaps) == RHYTHM and min(gaps) > 1 and max(gaps) - min(gaps) <= 1


def _is_near(first: Bill, second: Bill) -> bool:
    return abs(first.gross - second.gross) * PPM <= AMOUNT_PPM * max(first.gross, second.gross)


def _finding(earlier: Bill, bill: Bill) -> Finding:
    return Finding(
        CHECK,
        ALARM,
        f"{bill.supplier} bills {bill.buyer} {Money(bill.gross, bill.currency)} {_about(bill)} by "
        f"{bill.number} of {iso_from_day(bill.issued)}, after {Money(earlier.gross, bill.currency)} "
        f"{'' if earlier.order == bill.order else f'{_about(earlier)} '}by {earlier.number} of "
        f"{iso_from_day(earlier.issued)}: is it the same?",
        (bill.supplier, bill.buyer),
        (earlier.number, bill.number),
        Money(bill.gross, bill.currency),
        (earlier.place, bill.place),
    )


def _about(bill: Bill) -> str:
    return f"on order {bill.order}" if bill.order else "without an order"
