"""A seller's dilution that grows: credit notes after finance take away what was sold.

Diluted over billed, of what buyers confirmed or credited, in the newest 90 days against the 360 days before,
for each supplier and currency over all its buyers. The ledger bears each single credit note (reserve,
shortfall, recourse: `contracts.finance.collection`); this is the trend that a lender should see coming.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from clients.screening.finding import ALARM, Finding
from clients.screening.trade import Bill, Change, Trade
from ledger.dates import iso_from_day
from ledger.money import PPM, Money, Rate

CHECK = "dilution_trend"

RECENT_DAYS, BEFORE_DAYS = 90, 360

LEAST_PPM = 30_000
"""Dilution that is worth an alarm however little there was before."""

GROWTH = 2
"""The recent ratio over the earlier one."""

LEAST_INVOICES, LEAST_NOTES = 5, 3
"""Recent invoices and notes from which a ratio says something."""


def find(trade: Trade) -> Iterator[Finding]:
    """At most one finding for each supplier and currency, for the newest days."""
    grouped: dict[tuple[str, str], list[Bill]] = defaultdict(list)
    for bill in trade.bills:
        if bill.confirmed is not None and bill.ended is None:
            grouped[bill.supplier, bill.currency].append(bill)
    for (supplier, currency), bills in sorted(grouped.items()):
        found = _trend(trade.day, supplier, currency, bills)
        if found is not None:
            yield found


def _trend(day: int, supplier: str, currency: str, bills: list[Bill]) -> Finding | None:
    turn, start = day - RECENT_DAYS, day - RECENT_DAYS - BEFORE_DAYS
    recent = [bill for bill in bills if turn < bill.came]
    before = [bill for bill in bills if start < bill.came <= turn]
    notes = [change for bill in bills for change in _notes(bill) if turn < change.day]
    if len(recent) < LEAST_INVOICES or len(notes) < LEAST_NOTES:
        return None
    lost = sum(change.amount for change in notes)
    ratio_ppm = lost * PPM // max(1, sum(bill.gross for bill in recent))
    lost_before = sum(
        change.amount for bill in bills for change in _notes(bill) if start < change.day <= turn
    )
    before_ppm = lost_before * PPM // max(1, sum(bill.gross for bill in before))
    if ratio_ppm < max(LEAST_PPM, GROWTH * before_ppm):
        return None
    financed = {change.place for bill in bills if bill.financed is not None for change in bill.reductions}
    after_finance = sum(change.amount for change in notes if change.place in financed)
    return Finding(
        CHECK,
        ALARM,
        f"{supplier} credited {Rate(ratio_ppm)} of what it billed since {iso_from_day(turn + 1)}, after "
        f"{Rate(before_ppm)} in the {BEFORE_DAYS} days before; {Money(after_finance, currency)} of it on "
        "invoices that were financed",
        (supplier,),
        tuple(sorted({bill.number for bill in bills if _is_among(bill, turn)})),
        Money(lost, currency),
        tuple(change.place for change in notes),
    )


def _notes(bill: Bill) -> list[Change]:
    """The credit notes of an invoice: what its buyer never confirmed is none."""
    return [change for change in bill.reductions if change.place != bill.confirmed]


def _is_among(bill: Bill, turn: int) -> bool:
    return any(turn < change.day for change in _notes(bill))
