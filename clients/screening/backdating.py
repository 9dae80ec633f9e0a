"""Backdated invoices: those that came to the ledger long after the day of issue that they state.

The ledger flags them too (`backdated`, invariant 16) and a programme may refuse them; nothing that is due
before the block's day is financed at all (`past_due`).
"""

from __future__ import annotations

from collections.abc import Iterator

from clients.screening.finding import ALARM, Finding
from clients.screening.trade import Trade
from ledger.dates import iso_from_day
from ledger.money import Money

CHECK = "backdated"


def find(trade: Trade, backdating_days: int) -> Iterator[Finding]:
    """Each backdated invoice that was not ended by its buyer or its supplier."""
    for bill in trade.bills:
        if bill.came - bill.issued > backdating_days and bill.ended is None:
            yield Finding(
                CHECK,
                ALARM,
                f"{bill.number} of {bill.supplier} says that it was issued on {iso_from_day(bill.issued)}, "
                f"and came on {iso_from_day(bill.came)}",
                (bill.supplier, bill.buyer),
                (bill.number,),
                Money(bill.gross, bill.currency),
                (bill.place,),
            )
