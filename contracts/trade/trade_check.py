"""The numbered invariants of trade over a whole state: goods, orders, shipments and credit notes agree.

`state_check` runs them with those of finance and cash. Each function names its number.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from contracts import invariants
from contracts.errors import InvariantBroken
from contracts.finance import pledge, recourse
from contracts.lifecycle import LifeCycle
from contracts.market import auction, early_payment
from contracts.market.auction import Auction
from contracts.market.early_payment import EarlyPayment
from contracts.trade import amendment, credit, order, redirection, shipment
from contracts.trade.amendment import Amendment
from contracts.trade.credit import CreditNote
from contracts.trade.invoice import CASH, TITLE, VALIDITY, Invoice
from contracts.trade.order import Order, OrderLine, line_in_order
from contracts.trade.redirection import Redirection
from contracts.trade.shipment import Shipment
from ledger import codec

Kinds = dict[str, dict[tuple[Any, ...], codec.Value]]
"""Kind → the rest of the key → value."""


def lines_in_order(kinds: Kinds) -> None:
    """7: quantities of each line are in order, and are what its shipments and live invoices say."""
    tolerance_ppm = kinds["param"].get(("quantity_tolerance_ppm",), 0)
    billed, moved = _billed(kinds), _moved(kinds)
    for key, value in kinds["order_line"].items():
        line = OrderLine._make(value)
        line_in_order(line, tolerance_ppm)
        if line.invoiced != billed.pop(key, 0):
            raise InvariantBroken(7, f"{key}: invoiced is not what live invoices bill")
        found = [line.shipped, line.accepted, line.rejected, line.returned, line.lost]
        if found != moved.pop(key, [0] * 5):
            raise InvariantBroken(7, f"{key}: {found} is not what its shipments say")
    if any(billed.values()) or moved:
        raise InvariantBroken(7, f"billed or shipped without an order line: {min({**billed, **moved})}")


def _billed(kinds: Kinds) -> dict[tuple[str, ...], int]:
    """Units that live invoices bill of each order line."""
    billed: dict[tuple[str, ...], int] = defaultdict(int)
    for (supplier, _), value in kinds["invoice"].items():
        invoice = Invoice._make(value)
        if invoice.order and invoice.is_live:
            for name, quantity in invoice.billed_units.items():
                billed[supplier, invoice.buyer, invoice.order, name] += quantity
    return billed


def _moved(kinds: Kinds) -> dict[tuple[str, ...], list[int]]:
    """(shipped, accepted, rejected, returned, lost) of each order line by its shipments that left."""
    moved: dict[tuple[str, ...], list[int]] = defaultdict(lambda: [0] * 5)
    for (supplier, _), value in kinds["shipment"].items():
        found = Shipment._make(value)
        if found.status == shipment.CREATED:
            continue
        for name, shipped, accepted, rejected, returned in found.lines:
            kept = accepted - returned
            parts = {
                shipment.DISPATCHED: (shipped, 0, 0, 0, 0),
                shipment.DELIVERED: (shipped, 0, 0, 0, 0),
                shipment.REFUSED: (0, 0, shipped, 0, 0),
                shipment.LOST: (0, 0, 0, 0, shipped),
            }.get(found.status, (kept, kept, rejected, returned, shipped - accepted - rejected))
            sums = moved[supplier, found.buyer, found.order, name]
            sums[:] = [before + part for before, part in zip(sums, parts, strict=True)]
    return moved


def orders_count_their_lines(kinds: Kinds) -> None:
    """7: an order's counts and state follow from its lines."""
    for key, value in kinds["order"].items():
        found = Order._make(value)
        lines = [OrderLine._make(kinds["order_line"][*key, name]) for name in found.lines]
        counts = (sum(line.is_open for line in lines), sum(line.to_credit > 0 for line in lines))
        if counts != (found.open_lines, found.overbilled):
            raise InvariantBroken(7, f"{key}: open and overbilled lines are {counts}")
        if found.status == order.RECEIVED and found.open_lines:
            raise InvariantBroken(7, f"{key} is Received and has open lines")
        if found.status == order.PART_RECEIVED and not found.open_lines:
            raise InvariantBroken(7, f"{key} is PartReceived and complete")
        is_before_receipt = found.status in (order.DRAFT, order.ISSUED, order.ACKNOWLEDGED, order.CANCELLED)
        if is_before_receipt and any(line.accepted or line.invoiced for line in lines):
            raise InvariantBroken(7, f"{key} is {order.LIFE.states[found.status]} and has receipts")
        is_ended = found.status in (order.CLOSED, order.CANCELLED)
        if is_ended and any(line.shipped != line.accepted for line in lines):
            raise InvariantBroken(7, f"{key} is over and has goods under way")


def units_are_used_once(kinds: Kinds) -> None:
    """8, for goods: each shipment unit belongs to the one shipment that names it."""
    named = [(unit, key) for key, value in kinds["shipment"].items() for unit in Shipment._make(value).units]
    used = {parts[0]: tuple(value) for parts, value in kinds["unit"].items()}
    if used != dict(named) or len(used) != len(named):
        raise InvariantBroken(8, "units used are not those that shipments name")


def documents_keep_their_currency(kinds: Kinds) -> None:
    """9: credit notes are in their invoice's currency, invoices and shipments in their order's."""
    for (supplier, _), value in kinds["credit"].items():
        note = CreditNote._make(value)
        invariants.same_currency(
            note.currency, Invoice._make(kinds["invoice"][supplier, note.invoice]).currency
        )
    for (supplier, _), value in kinds["shipment"].items():
        found = Shipment._make(value)
        ordered = Order._make(kinds["order"][supplier, found.buyer, found.order])
        invariants.same_currency(found.currency, ordered.currency)
    for (supplier, _), value in kinds["invoice"].items():
        invoice = Invoice._make(value)
        if invoice.order:
            ordered = Order._make(kinds["order"][supplier, invoice.buyer, invoice.order])
            invariants.same_currency(invoice.currency, ordered.currency)


def credits_are_applied_once(kinds: Kinds) -> None:
    """1: a credit note is applied up to its amount, and is Applied exactly when all of it is; all that were
    accepted on an invoice grant no more than it billed, and none stands for others once nobody owes it.
    """
    reduced: dict[tuple[str, str, str], int] = defaultdict(int)
    granted: dict[tuple[str, str], int] = defaultdict(int)
    for (supplier, number), value in kinds["credit"].items():
        note = CreditNote._make(value)
        is_decided = note.status in (credit.ACCEPTED, credit.APPLIED)
        if not 0 <= note.applied <= note.amount or (note.applied and not is_decided):
            raise InvariantBroken(1, f"{supplier} {number}: {note.applied} applied of {note.amount}")
        if note.amount and (note.status == credit.APPLIED) != (note.applied == note.amount):
            raise InvariantBroken(1, f"{supplier} {number}: {credit.LIFE.states[note.status]}")
        reduced[supplier, note.buyer, note.currency] += note.applied
        granted[supplier, note.invoice] += note.amount if is_decided else 0
    for (supplier, number), value in kinds["invoice"].items():
        invoice = Invoice._make(value)
        reduced[supplier, invoice.buyer, invoice.currency] -= invoice.credited + invoice.offset
        over: int = kinds["credited_over"].get((supplier, number), 0)
        if not over <= granted[supplier, number] <= invoice.gross:
            raise InvariantBroken(1, f"{supplier} {number}: {granted[supplier, number]} and {over} credited")
        if over and not invoice.is_live:
            raise InvariantBroken(1, f"{supplier} {number}: {over} credited of what nobody owes")
    if any(left > 0 for left in reduced.values()):
        raise InvariantBroken(1, "credit notes are applied to nothing")


def dates_are_past(kinds: Kinds) -> None:
    """16: no declared date lies after the business date."""
    day = kinds["param"]["business_date",]
    declared = [Invoice._make(value).issue_day for value in kinds["invoice"].values()]
    declared += [Order._make(value).day for value in kinds["order"].values()]
    declared += [CreditNote._make(value).day for value in kinds["credit"].values()]
    for value in kinds["shipment"].values():
        found = Shipment._make(value)
        declared += (found.day, found.delivered, found.received)
    if declared and max(declared) > day:
        raise InvariantBroken(16, f"declared {max(declared)}, and it is {day}")


def shippers_are_independent(kinds: Kinds) -> None:
    """17: goods are shipped under another approver than that under which they were ordered."""
    for (supplier, _), value in kinds["shipment"].items():
        found = Shipment._make(value)
        ordered = Order._make(kinds["order"][supplier, found.buyer, found.order])
        invariants.approvers_differ(found.approver or supplier, ordered.buyer_approver or found.buyer)


def _statuses(kind: str, value: codec.Value) -> tuple[tuple[LifeCycle, int], ...]:
    """Where a document stands on each stored axis."""
    if kind == "invoice":
        invoice = Invoice._make(value)
        cash = CASH.states.index(invoice.cash)
        return ((VALIDITY, invoice.validity), (TITLE, invoice.title), (CASH, cash))
    if kind == "pledge":
        return ((pledge.STATUS, pledge.Pledge._make(value).status),)
    if kind == "recourse":
        return ((recourse.STATUS, recourse.Recourse._make(value).status),)
    if kind == "order":
        return ((order.LIFE, Order._make(value).status),)
    if kind == "auction":
        return ((auction.LIFE, Auction._make(value).status),)
    if kind == "shipment":
        return ((shipment.LIFE, Shipment._make(value).status),)
    return ((credit.LIFE, CreditNote._make(value).status),)


def follows_life_cycles(before: Kinds, after: Kinds) -> None:
    """15: between two states one operation apart every document stays, or moves along its table."""
    for kind in ("invoice", "order", "shipment", "credit", "auction", "recourse", "pledge"):
        for key, value in before[kind].items():
            if key not in after[kind]:
                raise InvariantBroken(15, f"{kind} {key} is gone")
            now = _statuses(kind, after[kind][key])
            for (cycle, was), (_, becomes) in zip(_statuses(kind, value), now, strict=True):
                invariants.stays_if_terminal(cycle, was, becomes)
    for key, value in before["amendment"].items():
        proposed, decided = Amendment._make(value), Amendment._make(after["amendment"][key])
        if proposed.number == decided.number:
            invariants.stays_if_terminal(amendment.LIFE, proposed.status, decided.status)
    for key, value in before["early"].items():
        offered, later = EarlyPayment._make(value), EarlyPayment._make(after["early"][key])
        if offered.number == later.number:
            invariants.stays_if_terminal(early_payment.LIFE, offered.status, later.status)
    for key, value in before["redirection"].items():
        stood, stands = Redirection._make(value), Redirection._make(after["redirection"][key])
        if stood.number == stands.number:
            invariants.stays_if_terminal(redirection.STATUS, stood.status, stands.status)
        elif stood.status in redirection.STANDING:
            raise InvariantBroken(15, f"redirection {key} was replaced while it stood")
