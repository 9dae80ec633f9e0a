"""Inflated prices: a unit price that lies far from what the same item cost the same buyer before.

The modified z-score of Iglewicz and Hoaglin (How to Detect and Handle Outliers, 1993): 0.6745 times the
distance to the median over the median absolute deviation, an outlier from 3.5 on, against the prices billed
before. A price list that never moves would make every cent an outlier, so the deviation counts as at
least `LEAST_DEVIATION` of the median. Once a new price has been billed a few times it is the history.

Items and prices stand in the invoices and the order lines of the state, proved with the history.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator
from statistics import median
from typing import NamedTuple

from clients.screening.facts import Facts
from clients.screening.finding import ALARM, Entry, Finding
from clients.screening.trade import Bill, Trade
from ledger.money import Money

CHECK = "price_outlier"

Z_LIMIT = 3.5
SCALE = 0.6745
"""Makes a median absolute deviation comparable with a standard deviation."""

LEAST_DEVIATION = 0.02
LEAST_PRICES = 6
"""Earlier prices from which a median says something."""

MOST_PRICES = 24
"""Earlier prices that are compared with: the newest."""


class _Price(NamedTuple):
    line: str
    item: str
    quantity: int
    amount: int

    @property
    def unit(self) -> float:
        return self.amount / self.quantity


def find(trade: Trade, facts: Facts) -> Iterator[Finding]:
    """Each invoice with an order that bills an item far above or below its history, once."""
    history: dict[tuple[str, str, str, str], deque[float]] = defaultdict(lambda: deque(maxlen=MOST_PRICES))
    for bill in trade.bills:
        if not bill.order or (bill.ended is not None and bill.confirmed is None):
            continue
        worst: Finding | None = None
        for price in _prices(bill, facts):
            before = history[bill.supplier, bill.buyer, price.item, bill.currency]
            if len(before) >= LEAST_PRICES:
                usual = median(before)
                deviation = max(median(abs(each - usual) for each in before), LEAST_DEVIATION * usual)
                z = SCALE * (price.unit - usual) / deviation if deviation else 0.0
                if abs(z) >= Z_LIMIT and worst is None:
                    worst = _finding(bill, price, usual, z, len(before))
            before.append(price.unit)
        if worst is not None:
            yield worst


def _prices(bill: Bill, facts: Facts) -> Iterator[_Price]:
    invoice = facts.invoice(bill.supplier, bill.number)
    for line, quantity, amount in () if invoice is None else invoice.lines:
        ordered = facts.order_line(bill.supplier, bill.buyer, bill.order, line)
        if ordered is not None:
            yield _Price(line, ordered.item, quantity, amount)


def _finding(bill: Bill, price: _Price, usual: float, z: float, count: int) -> Finding:
    surplus = Money(abs(price.amount - round(usual * price.quantity)), bill.currency)
    return Finding(
        CHECK,
        ALARM,
        f"{bill.number} of {bill.supplier} bills {bill.buyer} {price.quantity} × {price.item} for "
        f"{Money(price.amount, bill.currency)}; at the median of the {count} prices before it would be "
        f"{Money(round(usual * price.quantity), bill.currency)} (z {z:+.1f})",
        (bill.supplier, bill.buyer),
        (bill.number,),
        surplus,
        (
            bill.place,
            Entry(("invoice", bill.supplier, bill.number)),
            Entry(("order_line", bill.supplier, bill.buyer, bill.order, price.line)),
        ),
    )
