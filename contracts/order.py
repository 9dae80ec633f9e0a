"""Purchase orders: Draft (supplier) -> Issued (buyer).

    ("order", supplier, buyer, order)            -> Order
    ("order_line", supplier, buyer, order, line) -> OrderLine

A line's entry carries its progress (shipped, accepted, rejected, invoiced), so that an invoice writes the
lines that it bills and not the whole order. PartReceived and Received are derived from it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from contracts.context import Context
from contracts.errors import refuse
from contracts.fields import (
    MAX_LINES,
    Currency,
    Date,
    LineId,
    Number,
    Operation,
    OrganisationId,
    Part,
    PositiveQuantity,
    PriceMicros,
)
from contracts.identity import BUYER, SUPPLIER
from ledger.money import MAX_AMOUNT, PPM, AmountOverflow, divide_half_away
from ledger.state import Reader, state_key

DRAFT, ISSUED = 0, 1
STATUSES = ("Draft", "Issued")


class Order(NamedTuple):
    """State value of an order."""

    status: int
    """Place in `STATUSES`."""
    currency: str
    day: int
    lines: tuple[str, ...]
    supplier_approver: str
    buyer_approver: str


class OrderLine(NamedTuple):
    """State value of an order line: what was ordered, and how far it has come. Quantities in units."""

    item: str
    quantity: int
    price_micros: int
    shipped: int = 0
    accepted: int = 0
    rejected: int = 0
    invoiced: int = 0


class OrderedLine(Part):
    """One line of an order."""

    line: LineId
    item: Number = Field(description="what is ordered: article number or short name")
    quantity: PositiveQuantity
    price_micros: PriceMicros


OrderedLines = Annotated[tuple[OrderedLine, ...], Field(min_length=1, max_length=MAX_LINES)]


class OrderSubmit(Operation):
    """A supplier proposes an order that it received; nothing binds until the buyer issues it."""

    op: Literal["order.submit"]
    order: Number = Field(description="order number, as the buyer writes it")
    buyer: OrganisationId
    currency: Currency
    date: Date = Field(description="order date; ISO text YYYY-MM-DD")
    lines: OrderedLines


class OrderIssue(Operation):
    """A buyer issues an order: the supplier's draft as it stands, or (currency, date, lines) of its own."""

    op: Literal["order.issue"]
    order: Number = Field(description="order number, as the buyer writes it")
    supplier: OrganisationId
    currency: Currency | None = Field(None, description="ISO 4217 code; only without a draft")
    date: Date | None = Field(None, description="order date; ISO text YYYY-MM-DD; only without a draft")
    lines: OrderedLines | None = Field(None, description="what is ordered; only without a draft")


@lru_cache(maxsize=4_096)
def order_key(supplier: str, buyer: str, order: str) -> bytes:
    """State key of an order."""
    return state_key("order", supplier, buyer, order)


@lru_cache(maxsize=4_096)
def line_key(supplier: str, buyer: str, order: str, line: str) -> bytes:
    """State key of an order line."""
    return state_key("order_line", supplier, buyer, order, line)


def read_order(state: Reader, supplier: str, buyer: str, order: str) -> Order | None:
    """The order, if there is one."""
    value = state.get(order_key(supplier, buyer, order))
    return None if value is None else Order._make(value)


def issued_order(context: Context, supplier: str, buyer: str, order: str) -> Order:
    """The order, if the buyer has issued it; refused otherwise."""
    found = read_order(context.state, supplier, buyer, order)
    if found is None:
        raise refuse("unknown_order", "no such order", field="order", found=order)
    if found.status != ISSUED:
        raise refuse(
            "order_not_issued",
            "order not issued",
            field="order",
            found=STATUSES[found.status],
            expected="Issued",
        )
    return found


def read_line(context: Context, key: bytes, line: str) -> OrderLine:
    """The order line at a key; refused if there is none."""
    value = context.get(key)
    if value is None:
        raise refuse("unknown_line", "no such line in the order", field="lines.line", found=line)
    return OrderLine._make(value)


def line_amount(quantity: int, price_micros: int, tolerance_ppm: int = 0) -> int:
    """Minor units of a quantity at a price, half away from zero; at most, with a tolerance."""
    return divide_half_away(quantity * price_micros * (PPM + tolerance_ppm), PPM * PPM)


def submit(context: Context, operation: OrderSubmit) -> None:
    """Draft by the supplier."""
    supplier, buyer = context.actor, operation.buyer
    context.require_organisation(buyer, BUYER, "buyer")
    context.require_past(operation.date, "date")
    _check_absent(read_order(context.state, supplier, buyer, operation.order), operation.order)
    lines = tuple(line.line for line in operation.lines)
    order = Order(DRAFT, operation.currency, operation.date, lines, context.stored_approver, "")
    _write(context, supplier, buyer, operation.order, order, operation.lines)


def issue(context: Context, operation: OrderIssue) -> None:
    """Issued by the buyer: the draft, or an order of its own."""
    supplier, buyer = operation.supplier, context.actor
    context.require_organisation(supplier, SUPPLIER, "supplier")
    draft = read_order(context.state, supplier, buyer, operation.order)
    own = (operation.currency, operation.date, operation.lines)
    if draft is None:
        _issue_own(context, operation)
        return
    if draft.status != DRAFT:
        _check_absent(draft, operation.order)
    if own != (None, None, None):
        raise refuse("order_differs", "a draft exists", field="lines", expected="no currency, date or lines")
    context.require_independent(supplier, draft.supplier_approver)
    amount = sum(
        line_amount(line.quantity, line.price_micros)
        for line in (
            read_line(context, line_key(supplier, buyer, operation.order, line), line) for line in draft.lines
        )
    )
    issued = draft._replace(status=ISSUED, buyer_approver=context.stored_approver)
    context.put(order_key(supplier, buyer, operation.order), tuple(issued))
    context.record(supplier, buyer, ("order", operation.order, issued.currency, amount, issued.day))


def _issue_own(context: Context, operation: OrderIssue) -> None:
    supplier, buyer = operation.supplier, context.actor
    currency, day, lines = operation.currency, operation.date, operation.lines
    if currency is None or day is None or lines is None:
        raise refuse(
            "order_incomplete", "no draft exists", field="lines", expected="currency, date and lines"
        )
    context.require_past(day, "date")
    order = Order(ISSUED, currency, day, tuple(line.line for line in lines), "", context.stored_approver)
    amount = _write(context, supplier, buyer, operation.order, order, lines)
    context.record(supplier, buyer, ("order", operation.order, currency, amount, day))


def _check_absent(order: Order | None, number: str) -> None:
    if order is not None:
        raise refuse(
            "duplicate_number",
            "order number used",
            field="order",
            found=f"{number} is {STATUSES[order.status]}",
        )


def _write(
    context: Context, supplier: str, buyer: str, number: str, order: Order, lines: tuple[OrderedLine, ...]
) -> int:
    """Write an order and its lines; the amount of the whole in minor units."""
    if len(set(order.lines)) != len(order.lines):
        raise refuse("line_twice", "a line is named twice", field="lines.line")
    amount = sum(line_amount(line.quantity, line.price_micros) for line in lines)
    if amount > MAX_AMOUNT:
        raise AmountOverflow(amount, "lines")
    context.put(order_key(supplier, buyer, number), tuple(order))
    for line in lines:
        context.put(
            line_key(supplier, buyer, number, line.line),
            tuple(OrderLine(line.item, line.quantity, line.price_micros)),
        )
    return amount
