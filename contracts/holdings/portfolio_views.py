"""What people are shown of a lender's book: records, positions, groups and rates, by name.

The same rules as in `contracts.views`: plain maps, amounts in minor units beside their currency, days ISO
text.
"""

from __future__ import annotations

from contracts.holdings import book, portfolio
from contracts.holdings.portfolio import Group, Performance, Position
from contracts.views import View
from ledger import codec
from ledger.dates import iso_from_day


def record_view(record: codec.Value) -> View:
    """One record of a book by name."""
    day, kind, currency, supplier, invoice = record[:5]
    shown: View = {
        "business_date": iso_from_day(day),
        "kind": kind,
        "currency": currency,
        "supplier": supplier,
        "invoice": invoice,
    }
    for name, value in book.details(record).items():
        shown[name] = iso_from_day(value) if name.endswith("_date") else value
    return shown


def position_view(position: Position, day: int) -> View:
    """One claim as it stands on a business day."""
    return {
        "supplier": position.supplier,
        "invoice": position.invoice,
        "buyer": position.buyer,
        "programme": position.programme or None,
        "currency": position.currency,
        "security": "pledge" if position.is_pledge else "assignment",
        "bought": iso_from_day(position.bought),
        "due_date": iso_from_day(position.due_day),
        "expected": iso_from_day(position.expected_day),
        "days_past_due": position.days_past_due(day),
        "status": status(position, day),
        "net": position.net,
        "advance": position.sums.advanced,
        "paid_out": position.paid_out,
        "principal": position.principal,
        "reserve": position.sums.reserve,
        "shortfall": position.shortfall,
        "earned": position.earned(day),
        "interest": position.sums.interest,
        "written_off": position.sums.written_off,
        "recovered": position.sums.recovered,
        "owed_by_supplier": position.sums.owed,
        "sold_for": position.sums.sold_for,
        "late_ppm": position.late_ppm,
        "expected_yield_ppm": portfolio.expected_yield((position,)),
    }


def status(position: Position, day: int) -> str:
    """Where a claim stands on a business day."""
    if position.sums.sold:
        return "Sold"
    if position.ended:
        return "Closed"
    if position.lost:
        return "WrittenOff"
    if position.defaulted:
        return "Defaulted"
    return "Overdue" if position.days_past_due(day) else "Current"


def group_view(group: Group) -> View:
    """One group of open claims."""
    return group._asdict()


def performance_view(performance: Performance) -> View:
    """What was earned and lost in one span of days."""
    return {
        "from": iso_from_day(performance.first),
        "to": iso_from_day(performance.last),
        "earned": performance.earned,
        "interest": performance.interest,
        "written_off": performance.written_off,
        "recovered": performance.recovered,
        "sales": performance.sales,
        "net_income": performance.net_income,
        "average_principal": performance.average_principal,
        "yield_ppm": performance.yield_ppm,
        "loss_ppm": performance.loss_ppm,
    }
