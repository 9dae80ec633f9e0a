"""An invoice that comes again with another number or amount (altered duplicate).

Two invoices to one buyer on the same order, or both without one, amounts within 1 % and days of issue
within 7, the first still owed or paid when the second came.

What comes in a steady rhythm explains itself after a while: a fee each week is an alarm until it has come
`RHYTHM` times at equal intervals, and what falls out of the rhythm is one again.

An order explains what looks alike too: deliveries of equal size are billed alike, and the three-way match has
counted each accepted unit once. So two invoices on one order are an alarm only while that order has seen
fewer receipts of goods than invoices.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise

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
    alike: dict[tuple[str, str, str, str], list[Bill]] = defaultdict(list)
    for bill in trade.bills:
        alike[bill.supplier, bill.buyer, bill.currency, bill.order].append(bill)
    for bills in alike.values():
        for place, bill in enumerate(bills):
            earlier = _earlier(bills[:place], bill)
            if earlier is not None and not _is_explained(trade, bills[: place + 1], bill):
                yield _finding(earlier, bill)


def _earlier(bills: list[Bill], bill: Bill) -> Bill | None:
    """The newest earlier invoice that it is like."""
    for earlier in reversed(bills):
        if earlier.gone and earlier.gone <= bill.came:
            continue
        if abs(earlier.issued - bill.issued) <= ISSUE_DAYS and _is_near(earlier, bill):
            return earlier
    return None


def _is_explained(trade: Trade, bills: list[Bill], bill: Bill) -> bool:
    """Whether each invoice on the order so far has a receipt of goods of its own, or a series goes on."""
    if not bill.order:
        return _is_regular(bills)
    receipts = trade.receipts.get((bill.supplier, bill.buyer, bill.order), ())
    invoices = sum(not each.gone for each in bills)
    return sum(day <= bill.came for day in receipts) >= invoices


def _is_regular(bills: list[Bill]) -> bool:
    """Whether the newest invoice goes on with a series of about its amount at equal intervals."""
    newest = bills[-1]
    series = [bill.issued for bill in bills if _is_near(bill, newest) and not bill.gone][-RHYTHM - 1 :]
    gaps = [later - earlier for earlier, later in pairwise(series)]
    return len(gaps) == RHYTHM and min(gaps) > 1 and max(gaps) - min(gaps) <= 1


def _is_near(first: Bill, second: Bill) -> bool:
    return abs(first.gross - second.gross) * PPM <= AMOUNT_PPM * max(first.gross, second.gross)


def _finding(earlier: Bill, bill: Bill) -> Finding:
    about = f"on order {bill.order}" if bill.order else "without an order"
    return Finding(
        CHECK,
        ALARM,
        f"{bill.supplier} bills {bill.buyer} {Money(bill.gross, bill.currency)} {about} by {bill.number} of "
        f"{iso_from_day(bill.issued)}, after {Money(earlier.gross, bill.currency)} by {earlier.number} of "
        f"{iso_from_day(earlier.issued)}: is it the same?",
        (bill.supplier, bill.buyer),
        (earlier.number, bill.number),
        Money(bill.gross, bill.currency),
        (earlier.place, bill.place),
    )
