"""What the buyer says to goods: received line by line, refused at the door, or sent back.

| operation | shipped of the order line | accepted | rejected | lost | returned |
|---|---|---|---|---|---|
| goods.receive | less what was not accepted | plus accepted | plus rejected | plus what was missing | |
| goods.refuse | less all | | plus all | | |
| goods.return | less returned | less returned | | | plus returned |

Rejected, missing and returned units can be shipped again. A return that leaves more billed than accepted
makes a credit note due: until it is accepted, invoices of that order get no new finance.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from contracts.context import Context
from contracts.errors import refuse
from contracts.fields import (
    MAX_LINES,
    Date,
    LineId,
    Operation,
    OrganisationId,
    Part,
    PositiveQuantity,
    Quantity,
    Reason,
    ShipmentNumber,
)
from contracts.trade import order as orders
from contracts.trade.order import Order, line_key, read_line
from contracts.trade.shipment import (
    LIFE,
    RECEIVED,
    RETURNED,
    Shipment,
    check_not_before,
    known_shipment,
    shipment_key,
    take_off,
)


class ReceivedLine(Part):
    """What the buyer found of one shipped line."""

    line: LineId = Field(description="line of the order")
    accepted: Quantity
    rejected: Quantity


class ReturnedLine(Part):
    """How much of an accepted line goes back."""

    line: LineId = Field(description="line of the order")
    quantity: PositiveQuantity


class GoodsReceive(Operation):
    """A buyer takes in a shipment and says per line what it accepts; a line left out did not arrive."""

    op: Literal["goods.receive"]
    shipment: ShipmentNumber
    supplier: OrganisationId
    date: Date = Field(description="day of receipt; ISO text YYYY-MM-DD")
    lines: Annotated[tuple[ReceivedLine, ...], Field(min_length=1, max_length=MAX_LINES)]


class GoodsRefuse(Operation):
    """A buyer refuses a whole shipment at the door."""

    op: Literal["goods.refuse"]
    shipment: ShipmentNumber
    supplier: OrganisationId
    date: Date = Field(description="day of refusal; ISO text YYYY-MM-DD")
    reason: Reason


class GoodsReturn(Operation):
    """A buyer sends accepted goods back, within the ledger's window after their receipt."""

    op: Literal["goods.return"]
    shipment: ShipmentNumber
    supplier: OrganisationId
    date: Date = Field(description="day on which they were sent back; ISO text YYYY-MM-DD")
    lines: Annotated[tuple[ReturnedLine, ...], Field(min_length=1, max_length=MAX_LINES)]
    reason: Reason


def receive(context: Context, operation: GoodsReceive) -> None:
    """Received by the buyer: lines move to accepted or rejected, and the order with them."""
    supplier, number = operation.supplier, operation.shipment
    shipment = _buyers_shipment(context, supplier, number)
    context.require_past(operation.date, "date")
    status = LIFE.after(shipment.status, operation.op)
    check_not_before(operation.date, shipment)
    found = {line.line: (line.accepted, line.rejected) for line in operation.lines}
    _check_lines(operation.lines, shipment)
    lines = tuple([(line, shipped, *found.get(line, (0, 0)), 0) for line, shipped, *_ in shipment.lines])
    order = orders.issued_order(context, supplier, shipment.buyer, shipment.order)
    tolerance_ppm = context.parameter("quantity_tolerance_ppm")
    for line in lines:
        order = _take_in(context, supplier, shipment, order, line, tolerance_ppm)
    accepted, rejected = sum(line[2] for line in lines), sum(line[3] for line in lines)
    order = orders.moved(order, orders.TAKEN_IN, brings_goods=accepted > 0)
    context.put(orders.order_key(supplier, shipment.buyer, shipment.order), tuple(order))
    received = shipment._replace(status=status, received=operation.date, lines=lines)
    context.put(shipment_key(supplier, number), tuple(received))
    late = operation.date - shipment.scheduled if shipment.scheduled else 0
    record = (
        "receive",
        number,
        shipment.currency,
        shipment.order,
        accepted,
        rejected,
        operation.date,
        late,
        sum([shipped for _, shipped, *_ in lines]) - accepted - rejected,
    )
    context.record(supplier, shipment.buyer, record)


def _buyers_shipment(context: Context, supplier: str, number: str) -> Shipment:
    """The shipment that goes to the signer, under an approver of its own (invariant 17)."""
    shipment = known_shipment(context, supplier, number)
    if shipment.buyer != context.actor:
        raise refuse("not_party", "not the receiver of the shipment", field="signer", found=context.actor)
    context.require_independent(supplier, shipment.approver)
    return shipment


def _check_lines(lines: tuple[ReceivedLine, ...] | tuple[ReturnedLine, ...], shipment: Shipment) -> None:
    names = tuple([line.line for line in lines])
    orders.check_lines_once(names)
    unknown = set(names) - {line[0] for line in shipment.lines}
    if unknown:
        raise refuse("unknown_line", "not in the shipment", field="lines.line", found=min(unknown))


def _take_in(
    context: Context,
    supplier: str,
    shipment: Shipment,
    order: Order,
    received: tuple[str, int, int, int, int],
    tolerance_ppm: int,
) -> Order:
    name, shipped, accepted, rejected, _ = received
    missing = shipped - accepted - rejected
    if missing < 0:
        raise refuse(
            "exceeds_shipped",
            "more received than shipped",
            field="lines.accepted",
            found=f"{accepted} + {rejected}",
            expected=f"at most {shipped}",
        )
    key = line_key(supplier, shipment.buyer, shipment.order, name)
    before = read_line(context, key, name)
    after = before._replace(
        shipped=before.shipped - rejected - missing,
        accepted=before.accepted + accepted,
        rejected=before.rejected + rejected,
        lost=before.lost + missing,
    )
    return orders.put_line(context, key, order, before, after, tolerance_ppm)


def refuse_goods(context: Context, operation: GoodsRefuse) -> None:
    """Refused by the buyer: nothing of it is shipped any more."""
    supplier, number = operation.supplier, operation.shipment
    shipment = _buyers_shipment(context, supplier, number)
    context.require_past(operation.date, "date")
    status = LIFE.after(shipment.status, operation.op)
    check_not_before(operation.date, shipment)
    quantity = take_off(
        context,
        supplier,
        shipment,
        lambda line, count: line._replace(shipped=line.shipped - count, rejected=line.rejected + count),
    )
    refused = shipment._replace(status=status, received=operation.date)
    context.put(shipment_key(supplier, number), tuple(refused))
    record = ("refuse", number, shipment.currency, shipment.order, quantity, operation.date)
    context.record(supplier, shipment.buyer, record)


def send_back(context: Context, operation: GoodsReturn) -> None:
    """Returned by the buyer: what was accepted falls, and a credit note may be due."""
    supplier, number = operation.supplier, operation.shipment
    shipment = _buyers_shipment(context, supplier, number)
    context.require_past(operation.date, "date")
    LIFE.after(shipment.status, operation.op, RETURNED)
    check_not_before(operation.date, shipment)
    _check_window(context, shipment)
    _check_lines(operation.lines, shipment)
    back = {line.line: line.quantity for line in operation.lines}
    lines = tuple([(*line[:4], line[4] + back.get(line[0], 0)) for line in shipment.lines])
    order = orders.issued_order(context, supplier, shipment.buyer, shipment.order)
    tolerance_ppm = context.parameter("quantity_tolerance_ppm")
    for name, _, accepted, _, returned in lines:
        if returned > accepted:
            raise refuse(
                "exceeds_accepted",
                "more sent back than accepted",
                field="lines.quantity",
                found=f"line {name}: {returned}",
                expected=f"at most {accepted}",
            )
        if name in back:
            order = _give_back(context, supplier, shipment, order, (name, back[name]), tolerance_ppm)
    order = orders.moved(order, orders.SENT_BACK)
    context.put(orders.order_key(supplier, shipment.buyer, shipment.order), tuple(order))
    is_all = all(accepted == returned for _, _, accepted, _, returned in lines)
    status = LIFE.after(shipment.status, operation.op, RETURNED if is_all else RECEIVED)
    context.put(shipment_key(supplier, number), tuple(shipment._replace(status=status, lines=lines)))
    quantity = sum(back.values())
    record = ("return", number, shipment.currency, shipment.order, quantity, operation.date)
    context.record(supplier, shipment.buyer, record)


def _check_window(context: Context, shipment: Shipment) -> None:
    """The window counts the ledger's days: a declared date could be set back into it."""
    most = context.parameter("return_days")
    if context.day - shipment.received > most:
        raise refuse(
            "return_too_late",
            "the window for returns is over",
            field="date",
            found=f"{context.day - shipment.received} days after receipt",
            expected=f"at most {most}",
        )


def _give_back(
    context: Context,
    supplier: str,
    shipment: Shipment,
    order: Order,
    returned: tuple[str, int],
    tolerance_ppm: int,
) -> Order:
    name, quantity = returned
    key = line_key(supplier, shipment.buyer, shipment.order, name)
    before = read_line(context, key, name)
    after = before._replace(
        shipped=before.shipped - quantity,
        accepted=before.accepted - quantity,
        returned=before.returned + quantity,
    )
    return orders.put_line(context, key, order, before, after, tolerance_ppm)
