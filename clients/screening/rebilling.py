"""Ageing by re-invoicing: what has grown old is credited or cancelled and billed anew with a later due date.

The same lines are billed again on the same order soon after nothing was left of the first invoice, and the
due date has moved by more than a correction takes. Goods of the order that arrived in between explain it:
then the second invoice is of another delivery.
"""

from __future__ import annotations

from collections.abc import Iterator

from clients.screening.finding import ALARM, Finding
from clients.screening.trade import Bill, Trade
from ledger.dates import iso_from_day
from ledger.money import Money

CHECK = "rebilled"

AGAIN_DAYS = 21
"""Days from the credit to the second invoice."""

MOVED_DAYS = 14
"""Days by which a corrected invoice may fall due later."""


def find(trade: Trade) -> Iterator[Finding]:
    """Each invoice that bills again what was credited or cancelled."""
    for bills in trade.relationships.values():
        gone = sorted((bill for bill in bills if bill.gone), key=lambda bill: bill.gone)
        by_lines: dict[tuple[bytes, str, str], list[Bill]] = {}
        for bill in gone:
            by_lines.setdefault((bill.digest, bill.order, bill.currency), []).append(bill)
        for bill in bills:
            for earlier in by_lines.get((bill.digest, bill.order, bill.currency), ()):
                is_soon = earlier.gone <= bill.came <= earlier.gone + AGAIN_DAYS
                is_later = earlier is not bill and bill.due - earlier.due > MOVED_DAYS
                if is_soon and is_later and not _has_arrived(trade, earlier, bill):
                    yield _finding(earlier, bill)


def _has_arrived(trade: Trade, earlier: Bill, bill: Bill) -> bool:
    """Whether goods of the order were received between the two invoices."""
    receipts = trade.receipts.get((bill.supplier, bill.buyer, bill.order), ()) if bill.order else ()
    return any(earlier.came < day <= bill.came for day in receipts)


def _finding(earlier: Bill, bill: Bill) -> Finding:
    ends = [change.place for change in earlier.reductions]
    if earlier.ended is not None:
        ends.append(earlier.ended.place)
    return Finding(
        CHECK,
        ALARM,
        f"{bill.supplier} bills {bill.buyer} by {bill.number} the lines of {earlier.number}, of which "
        f"nothing was left on {iso_from_day(earlier.gone)}: due {iso_from_day(bill.due)} instead of "
        f"{iso_from_day(earlier.due)}",
        (bill.supplier, bill.buyer),
        (earlier.number, bill.number),
        Money(bill.gross, bill.currency),
        (earlier.place, *ends, bill.place),
    )
