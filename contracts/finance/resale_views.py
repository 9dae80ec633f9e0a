"""What people are shown of sales between lenders: what is offered to whom, at which price, until when.

The same rules as in `contracts.views`: plain maps, amounts in minor units beside their currency.
`resale_view` is a pure function of one state entry: whoever has that proved has the view proved.
"""

from __future__ import annotations

from typing import Any

from contracts.finance.resale import RESALE, STATUS, Resale, read_resale
from contracts.views import Page, Scanner, View, page
from ledger import codec
from ledger.dates import iso_from_day
from ledger.money import Money
from ledger.state.overlay import Reader


def resale_view(state: Reader, seller: str, number: str) -> View | None:
    """One offer of a lender to another."""
    found = read_resale(state, seller, number)
    return None if found is None else _resale(seller, number, found)


def resales(
    scanner: Scanner,
    *,
    seller: str | None = None,
    lender: str | None = None,
    status: str | None = None,
    limit: int = 100,
    after: bytes | None = None,
) -> Page:
    """Offers of one lender, to one lender, or in one state, if asked for."""

    def view(parts: tuple[Any, ...], value: codec.Value) -> View | None:
        shown = _resale(parts[0], parts[1], Resale._make(value))
        return shown if lender in (None, shown["lender"]) else None

    return page(scanner, RESALE, (seller,), limit, after, view, status=status)


def resale_sentence(view: View) -> str:
    """Where an offer stands, from its view."""
    price, principal = (Money(view[name], view["currency"]) for name in ("price", "principal"))
    about = f"{view['invoice']} of {view['supplier']}"
    return f"{view['status']}, {about} to {view['lender']}: {price} for a principal of {principal}"


def _resale(seller: str, number: str, found: Resale) -> View:
    return {
        "seller": seller,
        "resale": number,
        "status": STATUS.states[found.status],
        "lender": found.to,
        "supplier": found.supplier,
        "invoice": found.invoice,
        "currency": found.currency,
        "price": found.price,
        "principal": found.principal,
        "outstanding": found.outstanding,
        "due_date": iso_from_day(found.due_day),
        "offered": iso_from_day(found.offered),
        "expires": iso_from_day(found.expires),
    }
