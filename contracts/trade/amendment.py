"""Amendments of a purchase order: proposed by one of its parties, agreed to by the other.

    ("amendment", supplier, buyer, order) -> Amendment, the newest one of the order

Whoever agrees names the amendment's number, so that nobody agrees to what was put in its place a moment
before. An amendment changes quantity and price of lines, adds lines, or strikes them (quantity 0). No line
goes below what was shipped, received or billed, and no price changes under what was billed at it.
"""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from contracts.context import Context
from contracts.errors import refuse
from contracts.fields import (
    MAX_LINES,
    LineId,
    Number,
    Operation,
    OrderNumber,
    OrganisationId,
    Part,
    PriceMicros,
    Quantity,
    Reason,
)
from contracts.lifecycle import LifeCycle, Transition
from contracts.trade import order as orders
from contracts.trade.order import Order, OrderLine, line_amount, line_key
from ledger.money import PPM
from ledger.state.overlay import Reader, state_key

PROPOSED, AGREED, DECLINED = range(3)
LIFE = LifeCycle(
    "amendment",
    "decision",
    ("Proposed", "Agreed", "Declined"),
    (
        Transition("amendment.agree", "Proposed", "Agreed"),
        Transition("amendment.decline", "Proposed", "Declined", "declined, or taken back"),
    ),
)
MAX_AMENDMENTS = 1_000_000
"""Number of an amendment at most."""


class Amendment(NamedTuple):
    """State value of the newest amendment of an order."""

    number: int
    """Counts the amendments of the order from 1."""
    status: int
    """Place in the states of `LIFE`."""
    proposer: str
    approver: str
    """Approver of the proposer's key, as documents store it."""
    lines: tuple[tuple[str, str, int, int], ...]
    """(line, item, quantity, price in micros) as they shall be."""


class AmendedLine(Part):
    """An order line as it shall be."""

    line: LineId
    item: Number = Field(description="what is ordered: article number or short name")
    quantity: Quantity = Field(description="units ordered in all; 0 strikes the line")
    price_micros: PriceMicros


class AmendmentPropose(Operation):
    """A party to an order proposes to change its lines; an earlier proposal that is open is replaced."""

    op: Literal["amendment.propose"]
    order: OrderNumber
    supplier: OrganisationId
    buyer: OrganisationId
    lines: Annotated[tuple[AmendedLine, ...], Field(min_length=1, max_length=MAX_LINES)] = Field(
        description="lines that change, are struck, or are new"
    )


class AmendmentAgree(Operation):
    """The other party agrees: the order's lines are those of the amendment."""

    op: Literal["amendment.agree"]
    order: OrderNumber
    supplier: OrganisationId
    buyer: OrganisationId
    amendment: int = Field(ge=1, le=MAX_AMENDMENTS, description="number of the amendment that is agreed to")


class AmendmentDecline(Operation):
    """A party declines the other's amendment, or takes back its own."""

    op: Literal["amendment.decline"]
    order: OrderNumber
    supplier: OrganisationId
    buyer: OrganisationId
    amendment: int = Field(ge=1, le=MAX_AMENDMENTS, description="number of the amendment that is over")
    reason: Reason


_NO_LINE = OrderLine("", 0, 0)
"""What a new line was before: nothing was ordered, so nothing was open."""


def amendment_key(supplier: str, buyer: str, order: str) -> bytes:
    """State key of an order's newest amendment."""
    return state_key("amendment", supplier, buyer, order)


def read_amendment(state: Reader, supplier: str, buyer: str, order: str) -> Amendment | None:
    """The newest amendment of an order, if there was one."""
    value = state.get(amendment_key(supplier, buyer, order))
    return None if value is None else Amendment._make(value)


def propose(context: Context, operation: AmendmentPropose) -> None:
    """Proposed by a party; it must be possible already, so that a mistake shows at once."""
    supplier, buyer, number = operation.supplier, operation.buyer, operation.order
    order = _partys_order(context, supplier, buyer, number)
    lines = tuple([(line.line, line.item, line.quantity, line.price_micros) for line in operation.lines])
    orders.check_lines_once(tuple([line[0] for line in lines]))
    _amended(context, supplier, buyer, number, order, lines)
    before = read_amendment(context.state, supplier, buyer, number)
    count = 1 if before is None else before.number + 1
    if count > MAX_AMENDMENTS:
        raise refuse("too_many_amendments", "no more amendments", field="order", found=number)
    amendment = Amendment(count, PROPOSED, context.actor, context.stored_approver, lines)
    context.put(amendment_key(supplier, buyer, number), tuple(amendment))


def agree(context: Context, operation: AmendmentAgree) -> None:
    """Agreed by the other party: lines, counts and the order's state change together."""
    supplier, buyer, number = operation.supplier, operation.buyer, operation.order
    order = _partys_order(context, supplier, buyer, number)
    amendment = _open_amendment(context, operation)
    if amendment.proposer == context.actor:
        raise refuse(
            "not_party",
            "an amendment needs both signatures",
            field="signer",
            found=context.actor,
            expected="the other party",
        )
    context.require_independent(amendment.proposer, amendment.approver)
    was = orders.order_amount(context, supplier, buyer, number, order)
    tolerance_ppm = context.parameter("quantity_tolerance_ppm")
    for name, before, after in _amended(context, supplier, buyer, number, order, amendment.lines):
        key = line_key(supplier, buyer, number, name)
        if before is None:
            order = order._replace(lines=(*order.lines, name))
        order = orders.put_line(context, key, order, before or _NO_LINE, after, tolerance_ppm)
    amount = orders.order_amount(context, supplier, buyer, number, order)
    orders.check_amount(amount)
    context.put(orders.order_key(supplier, buyer, number), tuple(orders.moved(order, orders.AMENDED)))
    _decide(context, operation, amendment)
    context.record(supplier, buyer, ("amend", number, order.currency, was, amount))


def decline(context: Context, operation: AmendmentDecline) -> None:
    """Declined by the other party, or taken back by its own."""
    _partys_order(context, operation.supplier, operation.buyer, operation.order)
    _decide(context, operation, _open_amendment(context, operation))


def _partys_order(context: Context, supplier: str, buyer: str, number: str) -> Order:
    if context.actor not in (supplier, buyer):
        raise refuse("not_party", "not a party to the order", field="signer", found=context.actor)
    return orders.known_order(context, supplier, buyer, number)


def _open_amendment(context: Context, operation: AmendmentAgree | AmendmentDecline) -> Amendment:
    found = read_amendment(context.state, operation.supplier, operation.buyer, operation.order)
    if found is None:
        raise refuse("unknown_amendment", "no amendment proposed", field="order", found=operation.order)
    if found.number != operation.amendment:
        raise refuse(
            "amendment_replaced",
            "another amendment stands in its place",
            field="amendment",
            found=operation.amendment,
            expected=found.number,
        )
    return found


def _decide(context: Context, operation: AmendmentAgree | AmendmentDecline, amendment: Amendment) -> None:
    decided = amendment._replace(status=LIFE.after(amendment.status, operation.op))
    context.put(amendment_key(operation.supplier, operation.buyer, operation.order), tuple(decided))


def _amended(
    context: Context,
    supplier: str,
    buyer: str,
    number: str,
    order: Order,
    lines: tuple[tuple[str, str, int, int], ...],
) -> list[tuple[str, OrderLine | None, OrderLine]]:
    """(line, as it is or None, as it shall be) of each amended line; refused if one cannot be so."""
    orders.moved(order, orders.AMENDED)
    tolerance_ppm = context.parameter("quantity_tolerance_ppm")
    found: list[tuple[str, OrderLine | None, OrderLine]] = []
    for name, item, quantity, price_micros in lines:
        value = context.get(line_key(supplier, buyer, number, name))
        if value is None:
            found.append((name, None, OrderLine(item, quantity, price_micros)))
            continue
        before = OrderLine._make(value)
        _check_progress(name, before, quantity, tolerance_ppm)
        if before.invoiced and price_micros != before.price_micros:
            raise refuse(
                "price_billed",
                "units of the line are billed at its price",
                field="lines.price_micros",
                found=f"line {name}: {price_micros}",
                expected=before.price_micros,
            )
        after = before._replace(item=item, quantity=quantity, price_micros=price_micros)
        found.append((name, before, after))
    count = len(order.lines) + sum(before is None for _, before, _ in found)
    if count > MAX_LINES:
        raise refuse(
            "too_many_lines", "order too long", field="lines", found=count, expected=f"at most {MAX_LINES}"
        )
    amount = sum(line_amount(after.quantity, after.price_micros) for _, _, after in found)
    orders.check_amount(amount)
    return found


def _check_progress(name: str, line: OrderLine, quantity: int, tolerance_ppm: int) -> None:
    least = max(line.accepted, line.invoiced)
    if quantity < least or quantity * (PPM + tolerance_ppm) // PPM < line.shipped:
        raise refuse(
            "below_progress",
            "less than what was shipped, received or billed",
            field="lines.quantity",
            found=f"line {name}: {quantity}",
            expected=f"at least {least} received or billed, and {line.shipped} shipped within the tolerance",
        )
