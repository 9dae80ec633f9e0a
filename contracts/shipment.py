"""Shipments and receipts of goods: Dispatched (supplier) -> Received (buyer).

    ("shipment", supplier, shipment) -> Shipment
    ("unit", unit id)                -> (supplier, shipment)

A shipment unit (SSCC) or event id is used once on the whole ledger, whoever names it.
"""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from contracts import invariants
from contracts.context import Context
from contracts.errors import refuse
from contracts.fields import (
    MAX_LINES,
    MAX_UNITS,
    Date,
    LineId,
    Number,
    Operation,
    OrganisationId,
    Part,
    PositiveQuantity,
    Quantity,
)
from contracts.order import issued_order, line_key, read_line
from ledger.money import PPM
from ledger.state import Reader, state_key

DISPATCHED, RECEIVED = 0, 1
STATUSES = ("Dispatched", "Received")


class Shipment(NamedTuple):
    """State value of a shipment."""

    buyer: str
    order: str
    currency: str
    """That of the order."""
    day: int
    """Day of dispatch."""
    scheduled: int
    """Day of delivery agreed, or 0."""
    status: int
    """Place in `STATUSES`."""
    received: int
    """Day of receipt, or 0."""
    lines: tuple[tuple[str, int, int, int], ...]
    """(line, shipped, accepted, rejected) in units."""
    approver: str


class ShippedLine(Part):
    """How much of an order line is in the shipment."""

    line: LineId = Field(description="line of the order")
    quantity: PositiveQuantity


class ReceivedLine(Part):
    """What the buyer found of one shipped line."""

    line: LineId = Field(description="line of the order")
    accepted: Quantity
    rejected: Quantity


class ShipmentDispatch(Operation):
    """A supplier ships goods of one issued order."""

    op: Literal["shipment.dispatch"]
    shipment: Number = Field(description="despatch advice number, as the supplier writes it")
    order: Number = Field(description="order number, as the buyer writes it")
    buyer: OrganisationId
    date: Date = Field(description="day of dispatch; ISO text YYYY-MM-DD")
    lines: Annotated[tuple[ShippedLine, ...], Field(min_length=1, max_length=MAX_LINES)]
    units: Annotated[tuple[Number, ...], Field(max_length=MAX_UNITS)] = Field(
        (), description="SSCC or EPCIS event ids, each used once"
    )
    scheduled: Date | None = Field(None, description="day of delivery agreed; ISO text YYYY-MM-DD")


class GoodsReceive(Operation):
    """A buyer takes in a shipment and says per line what it accepts; a line left out did not arrive."""

    op: Literal["goods.receive"]
    shipment: Number = Field(description="despatch advice number, as the supplier writes it")
    supplier: OrganisationId
    date: Date = Field(description="day of receipt; ISO text YYYY-MM-DD")
    lines: Annotated[tuple[ReceivedLine, ...], Field(min_length=1, max_length=MAX_LINES)]


def shipment_key(supplier: str, shipment: str) -> bytes:
    """State key of a shipment."""
    return state_key("shipment", supplier, shipment)


def unit_key(unit: str) -> bytes:
    """State key of a shipment unit."""
    return state_key("unit", unit)


def read_shipment(state: Reader, supplier: str, shipment: str) -> Shipment | None:
    """The shipment, if there is one."""
    value = state.get(shipment_key(supplier, shipment))
    return None if value is None else Shipment._make(value)


def dispatch(context: Context, operation: ShipmentDispatch) -> None:
    """Dispatched by the supplier: units are used up, and lines move to shipped."""
    supplier, buyer = context.actor, operation.buyer
    context.require_past(operation.date, "date")
    order = issued_order(context, supplier, buyer, operation.order)
    context.require_independent(buyer, order.buyer_approver)
    if read_shipment(context.state, supplier, operation.shipment) is not None:
        raise refuse("duplicate_number", "shipment number used", field="shipment", found=operation.shipment)
    _check_lines_once(tuple(line.line for line in operation.lines))
    tolerance_ppm = context.parameter("quantity_tolerance_ppm")
    for shipped in operation.lines:
        _ship(context, supplier, buyer, operation.order, shipped, tolerance_ppm)
    for unit in operation.units:
        _use_unit(context, unit, supplier, operation.shipment)
    scheduled = operation.scheduled or 0
    lines = tuple((line.line, line.quantity, 0, 0) for line in operation.lines)
    shipment = Shipment(
        buyer,
        operation.order,
        order.currency,
        operation.date,
        scheduled,
        DISPATCHED,
        0,
        lines,
        context.stored_approver,
    )
    context.put(shipment_key(supplier, operation.shipment), tuple(shipment))
    quantity = sum(line.quantity for line in operation.lines)
    context.record(
        supplier,
        buyer,
        (
            "dispatch",
            operation.shipment,
            order.currency,
            operation.order,
            quantity,
            operation.date,
            scheduled,
        ),
    )


def _check_lines_once(lines: tuple[str, ...]) -> None:
    if len(set(lines)) != len(lines):
        raise refuse("line_twice", "a line is named twice", field="lines.line")


def _ship(
    context: Context, supplier: str, buyer: str, order: str, shipped: ShippedLine, tolerance_ppm: int
) -> None:
    key = line_key(supplier, buyer, order, shipped.line)
    line = read_line(context, key, shipped.line)
    most = line.quantity * (PPM + tolerance_ppm) // PPM
    if line.shipped + shipped.quantity > most:
        raise refuse(
            "exceeds_ordered",
            "more shipped than ordered",
            field="lines.quantity",
            found=f"{line.shipped} + {shipped.quantity}",
            expected=f"at most {most}",
        )
    line = line._replace(shipped=line.shipped + shipped.quantity)
    invariants.line_in_order(line, tolerance_ppm)
    context.put(key, tuple(line))


def _use_unit(context: Context, unit: str, supplier: str, shipment: str) -> None:
    key = unit_key(unit)
    if context.get(key) is not None:
        raise refuse("unit_used", "shipment unit used before", field="units", found=unit)
    context.put(key, (supplier, shipment))


def receive(context: Context, operation: GoodsReceive) -> None:
    """Received by the buyer: lines move to accepted or rejected."""
    supplier, buyer = operation.supplier, context.actor
    shipment = read_shipment(context.state, supplier, operation.shipment)
    if shipment is None:
        raise refuse("unknown_shipment", "no such shipment", field="shipment", found=operation.shipment)
    if shipment.buyer != buyer:
        raise refuse("not_party", "not the receiver of the shipment", field="signer", found=buyer)
    context.require_independent(supplier, shipment.approver)
    context.require_past(operation.date, "date")
    if shipment.status != DISPATCHED:
        raise refuse("already_received", "shipment received before", field="shipment")
    if operation.date < shipment.day:
        raise refuse("date_order", "received before it was dispatched", field="date")
    _check_lines_once(tuple(line.line for line in operation.lines))
    found = {line.line: line for line in operation.lines}
    lines = tuple(
        (line, shipped, found[line].accepted, found[line].rejected)
        if line in found
        else (line, shipped, 0, 0)
        for line, shipped, _, _ in shipment.lines
    )
    unknown = found.keys() - {line[0] for line in lines}
    if unknown:
        raise refuse("unknown_line", "not in the shipment", field="lines.line", found=min(unknown))
    tolerance_ppm = context.parameter("quantity_tolerance_ppm")
    for line in lines:
        _take_in(context, supplier, shipment, line, tolerance_ppm)
    received = shipment._replace(status=RECEIVED, received=operation.date, lines=lines)
    context.put(shipment_key(supplier, operation.shipment), tuple(received))
    accepted, rejected = sum(line[2] for line in lines), sum(line[3] for line in lines)
    late = operation.date - shipment.scheduled if shipment.scheduled else 0
    context.record(
        supplier,
        buyer,
        (
            "receive",
            operation.shipment,
            shipment.currency,
            shipment.order,
            accepted,
            rejected,
            operation.date,
            late,
        ),
    )


def _take_in(
    context: Context,
    supplier: str,
    shipment: Shipment,
    received: tuple[str, int, int, int],
    tolerance_ppm: int,
) -> None:
    name, shipped, accepted, rejected = received
    if accepted + rejected > shipped:
        raise refuse(
            "exceeds_shipped",
            "more received than shipped",
            field="lines.accepted",
            found=f"{accepted} + {rejected}",
            expected=f"at most {shipped}",
        )
    key = line_key(supplier, shipment.buyer, shipment.order, name)
    line = read_line(context, key, name)
    line = line._replace(accepted=line.accepted + accepted, rejected=line.rejected + rejected)
    invariants.line_in_order(line, tolerance_ppm)
    context.put(key, tuple(line))
