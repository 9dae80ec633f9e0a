"""What people are shown of demands on suppliers: who demands what, why, and what meets it today.

The same rules as in `contracts.views`: plain maps, amounts in minor units beside their currency. Where a
demand stands and what it comes to follows from a few state entries: whoever has those proved has the view
proved.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from contracts.context import business_day
from contracts.finance.recourse import CONTESTED, DEMANDED, STATUS, Recourse, due, read_recourse
from contracts.views import Page, Scanner, View, page
from ledger import codec
from ledger.dates import iso_from_day
from ledger.errors import Refusal
from ledger.money import Money
from ledger.state.overlay import Reader


def demand_view(state: Reader, lender: str, number: str) -> View | None:
    """One demand of a lender on a supplier."""
    found = read_recourse(state, lender, number)
    return None if found is None else _demand(state, lender, number, found)


def demands(
    scanner: Scanner,
    *,
    lender: str | None = None,
    supplier: str | None = None,
    status: str | None = None,
    limit: int = 100,
    after: bytes | None = None,
) -> Page:
    """Demands of one lender, on one supplier, or in one state, if asked for."""

    def view(parts: tuple[Any, ...], value: codec.Value) -> View | None:
        found = Recourse._make(value)
        is_asked = supplier in (None, found.supplier)
        return _demand(scanner, parts[0], parts[1], found) if is_asked else None

    return page(scanner, "recourse", (lender,), limit, after, view, status=status)


def demand_sentence(view: View) -> str:
    """Where a demand stands, from its view."""
    on = f"on {view['supplier']} for {view['cause']} of {view['invoice']}"
    amount = view["amount"] if view["due_today"] is None else view["due_today"]
    return f"{view['status']}, {on}: {Money(amount, view['currency'])}"


def _demand(state: Reader, lender: str, number: str, found: Recourse) -> View:
    day = business_day(state)
    today = None
    if found.status in (DEMANDED, CONTESTED):
        with suppress(Refusal):  # an insurer makes it good
            today = sum(due(state, found, day))
    return {
        "lender": lender,
        "recourse": number,
        "status": STATUS.states[found.status],
        "supplier": found.supplier,
        "invoice": found.invoice,
        "cause": found.cause,
        "currency": found.currency,
        "amount": found.amount,
        "date": iso_from_day(found.day),
        "reason": found.reason,
        "answer": found.answer or None,
        "proposed": found.proposed or None,
        "business_date": iso_from_day(day),
        "due_today": today,
    }
