"""What people are shown of offers of early payment: the steps, what each costs, and what is agreed.

The same rules as in `contracts.views`: plain maps, amounts in minor units beside their currency. A view
follows from three state entries: whoever has those proved has the view proved.
"""

from __future__ import annotations

from typing import Any

from contracts.context import business_day
from contracts.market.early_payment import LIFE, RUNNING, EarlyPayment, discount_of, read_early, step_on
from contracts.pricing import formulae
from contracts.trade.invoice import read_invoice
from contracts.views import Page, Scanner, View, page
from ledger import codec
from ledger.dates import iso_from_day
from ledger.money import Money
from ledger.state.overlay import Reader


def early_view(state: Reader, supplier: str, number: str) -> View | None:
    """A buyer's offer to pay an invoice early."""
    found = read_early(state, supplier, number)
    return None if found is None else _early(state, supplier, number, found)


def early_payments(
    scanner: Scanner,
    *,
    supplier: str | None = None,
    buyer: str | None = None,
    status: str | None = None,
    limit: int = 100,
    after: bytes | None = None,
) -> Page:
    """Offers to one supplier, of one buyer, or in one state, if asked for."""

    def view(parts: tuple[Any, ...], value: codec.Value) -> View | None:
        found = EarlyPayment._make(value)
        return _early(scanner, parts[0], parts[1], found) if buyer in (None, found.buyer) else None

    return page(scanner, "early", (supplier,), limit, after, view, status=status)


def early_sentence(view: View) -> str:
    """Where an offer stands, from its view."""
    about = f"{view['status']}, {view['invoice']} of {view['supplier']}, by {view['buyer']}"
    net, discount = Money(view["net"], view["currency"]), view["agreed_discount"] or view["discount_today"]
    return (
        f"{about}: {net}"
        if discount is None
        else f"{about}: {Money(net.amount - discount, net.currency)} for {net}"
    )


def _early(state: Reader, supplier: str, number: str, found: EarlyPayment) -> View:
    invoice = read_invoice(state, supplier, number)
    assert invoice is not None, "an offer of early payment is about an invoice"
    day = business_day(state)
    step = step_on(found.steps, day) if found.status in RUNNING else None
    return {
        "supplier": supplier,
        "invoice": number,
        "buyer": found.buyer,
        "status": LIFE.states[found.status],
        "currency": invoice.currency,
        "net": found.net,
        "due_date": iso_from_day(invoice.due_day),
        "until": iso_from_day(found.until),
        "business_date": iso_from_day(day),
        "discount_today": None if step is None else discount_of(found.net, step[1]),
        "agreed_discount": found.discount or None,
        "steps": [
            {
                "until": iso_from_day(until),
                "discount_ppm": ppm,
                "discount": discount_of(found.net, ppm),
                "rate_a_year_ppm": _rate_a_year(ppm, invoice.due_day - until),
            }
            for until, ppm in found.steps
        ],
    }


def _rate_a_year(discount_ppm: int, days_early: int) -> int | None:
    """What a discount earns a year; None where the invoice has come to be due by the day of the step."""
    return formulae.forgone_discount_yield(discount_ppm, days_early) if days_early > 0 else None
