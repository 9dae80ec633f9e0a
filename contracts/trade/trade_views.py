"""Invoices, orders, shipments and credit notes as people are shown them, by the rules of `contracts.views`.

The places of the state's tuples have the names of `Invoice`, `Order`, …
"""

from __future__ import annotations

from typing import Any

from contracts.cash import refund
from contracts.context import business_day
from contracts.finance import claim
from contracts.trade import amendment, credit, invoice, order, shipment
from contracts.views import Page, Scanner, View, page, shown_day
from ledger import codec
from ledger.dates import iso_from_day
from ledger.state.overlay import Reader


def invoice_view(state: Reader, supplier: str, number: str) -> View | None:
    """One invoice on all its axes, with its claim or closed deal."""
    found = invoice.read_invoice(state, supplier, number)
    return None if found is None else _invoice(state, supplier, number, found)


def invoices(
    scanner: Scanner,
    supplier: str,
    *,
    status: str | None = None,
    buyer: str | None = None,
    limit: int = 100,
    after: bytes | None = None,
) -> Page:
    """A supplier's invoices; `status` is a word of any axis: Confirmed, Reserved, Settled, Overdue, …"""
    wanted = status.lower() if status else None

    def view(parts: tuple[Any, ...], value: codec.Value) -> View | None:
        found = invoice.Invoice._make(value)
        if buyer is not None and found.buyer != buyer:
            return None
        shown = _invoice(scanner, supplier, parts[1], found)
        axes = (shown["validity"], shown["title"], shown["cash"], shown["maturity"])
        return shown if wanted is None or wanted in {axis.lower() for axis in axes if axis} else None

    return page(scanner, "invoice", (supplier,), limit, after, view)


def _invoice(state: Reader, supplier: str, number: str, found: invoice.Invoice) -> View:
    day = business_day(state)
    is_owed = found.is_live and found.outstanding > 0
    return {
        "supplier": supplier,
        "invoice": number,
        "buyer": found.buyer,
        "currency": found.currency,
        "issue_date": iso_from_day(found.issue_day),
        "due_date": iso_from_day(found.due_day),
        "order": found.order or None,
        "lines": [
            {"line": line, "quantity": quantity, "amount": amount} for line, quantity, amount in found.lines
        ],
        "credited_units": dict(found.credited_units),
        "tax": found.tax,
        "taxes": [
            {"category": category, "rate_ppm": rate_ppm, "taxable": taxable, "amount": amount}
            for category, rate_ppm, taxable, amount in found.taxes
        ],
        "prepaid": found.prepaid,
        "gross": found.gross,
        "net": found.net if found.validity == invoice.CONFIRMED else None,
        "credited": found.credited,
        "paid": found.paid,
        "offset": found.offset,
        "written_off": found.written_off,
        "outstanding": found.outstanding,
        "unapplied": refund.read_unapplied(state, supplier, number),
        "contested": found.contested,
        "validity": invoice.VALIDITY.states[found.validity],
        "title": invoice.TITLE.states[found.title],
        "cash": found.cash,
        "maturity": _maturity(day - found.due_day) if is_owed else None,
        "days_past_due": max(0, day - found.due_day) if is_owed else 0,
        "matched": bool(found.order),
        "credit_due": _is_credit_due(state, supplier, found),
        "recorded": shown_day(found.recorded),
        "backdated": bool(found.backdated),
        "document": found.document.hex() or None,
        "finance": _finance(state, supplier, number),
    }


def _is_credit_due(state: Reader, supplier: str, found: invoice.Invoice) -> bool:
    """Whether goods of its order went back and are still billed: it gets no new finance."""
    billed = order.read_order(state, supplier, found.buyer, found.order) if found.order else None
    return billed is not None and billed.overbilled > 0


def _maturity(days_past_due: int) -> str:
    if days_past_due < 0:
        return "NotDue"
    return "Overdue" if days_past_due else "Matured"


def _finance(state: Reader, supplier: str, number: str) -> View | None:
    """The claim on an invoice, or the deal that it was part of."""
    standing = claim.read_lien(state, supplier, number)
    is_closed = standing is None
    lien = standing or claim.last_deal(state, supplier, number)
    if lien is None:
        return None
    stage = "Funded" if lien.funded else "Accepted" if lien.accepted else "Offered"
    return {
        "stage": "Closed" if is_closed else stage,
        "lender": lien.lender,
        "shares": [
            {"lender": share.lender, "part": share.part, "left": share.left}
            for share in claim.shares_of(lien)
        ],
        "programme": lien.programme,
        "offered": iso_from_day(lien.offered),
        "expires": iso_from_day(lien.expires),
        "funded": shown_day(lien.funded),
        "security": "pledge" if lien.pledges else "assignment",
        "arrangement": bool(lien.arrangement),
        "quote": lien.quote.hex() or None,
        "recourse": lien.recourse or None,
        "resale": lien.resale or None,
        "bought_from": lien.bought[0] if lien.bought else None,
        **{
            name: getattr(lien, name)
            for name in (
                "net",
                "tenor_days",
                "advance",
                "reserve",
                "discount",
                "fee",
                "paid_out",
                "principal",
                "reserve_left",
                "interest_due",
                "interest_paid",
                "shortfall",
                "recourse_days",
                "default_days",
                "costs_limit",
                "costs_charged",
                "costs_paid",
                "collected",
                "repaid",
                "indemnified",
                "subrogated",
            )
        },
    }


def order_view(state: Reader, supplier: str, buyer: str, number: str) -> View | None:
    """One order with the progress of its lines."""
    found = order.read_order(state, supplier, buyer, number)
    return None if found is None else _order(state, supplier, buyer, number, found)


def orders(
    scanner: Scanner,
    supplier: str,
    buyer: str | None = None,
    *,
    limit: int = 100,
    after: bytes | None = None,
) -> Page:
    """Orders of a supplier, of one buyer if named."""

    def view(parts: tuple[Any, ...], value: codec.Value) -> View:
        return _order(scanner, supplier, parts[1], parts[2], order.Order._make(value))

    return page(scanner, "order", (supplier, buyer), limit, after, view)


def _order(state: Reader, supplier: str, buyer: str, number: str, found: order.Order) -> View:
    lines = []
    for name in found.lines:
        line = order.OrderLine._make(state.get(order.line_key(supplier, buyer, number, name)) or ())
        lines.append(
            {
                "line": name,
                **line._asdict(),
                "amount": order.line_amount(line.quantity, line.price_micros),
                "units_to_credit": line.to_credit,
                "to_credit": order.line_amount(line.to_credit, line.price_micros),
            }
        )
    proposed = amendment.read_amendment(state, supplier, buyer, number)
    return {
        "supplier": supplier,
        "buyer": buyer,
        "order": number,
        "currency": found.currency,
        "date": iso_from_day(found.day),
        "status": order.LIFE.states[found.status],
        "amount": sum(line["amount"] for line in lines),
        "to_credit": sum(line["to_credit"] for line in lines),
        "lines": lines,
        "amendment": None if proposed is None else _amendment(proposed),
    }


def _amendment(found: amendment.Amendment) -> View:
    """The newest amendment of an order."""
    return {
        "number": found.number,
        "status": amendment.LIFE.states[found.status],
        "proposer": found.proposer,
        "lines": [
            {"line": line, "item": item, "quantity": quantity, "price_micros": price_micros}
            for line, item, quantity, price_micros in found.lines
        ],
    }


def shipment_view(state: Reader, supplier: str, number: str) -> View | None:
    """One shipment and what the buyer found in it."""
    found = shipment.read_shipment(state, supplier, number)
    return None if found is None else _shipment(supplier, number, found)


def shipments(
    scanner: Scanner,
    supplier: str,
    *,
    buyer: str | None = None,
    status: str | None = None,
    limit: int = 100,
    after: bytes | None = None,
) -> Page:
    """A supplier's shipments, to one buyer or in one state if asked for."""

    def view(parts: tuple[Any, ...], value: codec.Value) -> View | None:
        found = shipment.Shipment._make(value)
        return _shipment(supplier, parts[1], found) if buyer in (None, found.buyer) else None

    return page(scanner, "shipment", (supplier,), limit, after, view, status=status)


def _shipment(supplier: str, number: str, found: shipment.Shipment) -> View:
    return {
        "supplier": supplier,
        "shipment": number,
        "buyer": found.buyer,
        "order": found.order,
        "status": shipment.LIFE.states[found.status],
        "carrier": found.carrier or None,
        "dispatched": shown_day(found.day),
        "recorded": shown_day(found.recorded),
        "scheduled": shown_day(found.scheduled),
        "delivered": shown_day(found.delivered),
        "received": shown_day(found.received),
        "units": list(found.units),
        "lines": [
            {
                "line": line,
                "shipped": shipped,
                "accepted": accepted,
                "rejected": rejected,
                "returned": returned,
            }
            for line, shipped, accepted, rejected, returned in found.lines
        ],
    }


def credit_view(state: Reader, supplier: str, number: str) -> View | None:
    """One credit note."""
    found = credit.read_credit(state, supplier, number)
    return None if found is None else _credit(supplier, number, found)


def credit_notes(
    scanner: Scanner,
    supplier: str,
    *,
    buyer: str | None = None,
    status: str | None = None,
    limit: int = 100,
    after: bytes | None = None,
) -> Page:
    """A supplier's credit notes, to one buyer or in one state if asked for."""

    def view(parts: tuple[Any, ...], value: codec.Value) -> View | None:
        found = credit.CreditNote._make(value)
        return _credit(supplier, parts[1], found) if buyer in (None, found.buyer) else None

    return page(scanner, "credit", (supplier,), limit, after, view, status=status)


def _credit(supplier: str, number: str, found: credit.CreditNote) -> View:
    return {
        "supplier": supplier,
        "credit": number,
        "buyer": found.buyer,
        "invoice": found.invoice,
        "currency": found.currency,
        "amount": found.amount,
        "applied": found.applied,
        "lines": [{"line": line, "quantity": quantity} for line, quantity in found.lines],
        "date": iso_from_day(found.day),
        "status": credit.LIFE.states[found.status],
    }
