"""Shipments: what left for whom, and what the carrier says of it; the buyer: `contracts.trade.receipt`.

    ("shipment", supplier, shipment) -> Shipment
    ("unit", unit or event id)       -> (supplier, shipment)

A shipment unit (SSCC) or event id is used once on the whole ledger, whoever names it. Units of an order line
count as shipped from dispatch until they are rejected, refused, lost or sent back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from contracts.context import Context
from contracts.errors import refuse
from contracts.fields import (
    MAX_LINES,
    MAX_UNITS,
    Date,
    LineId,
    Operation,
    OrderNumber,
    OrganisationId,
    Part,
    PositiveQuantity,
    Reason,
    ShipmentNumber,
)
from contracts.lifecycle import LifeCycle, Transition
from contracts.parties.identity import CARRIER
from contracts.trade import order as orders
from contracts.trade.order import Order, OrderLine, line_key, read_line
from contracts.trade.units import ShipmentUnit
from ledger.money import PPM
from ledger.state.overlay import Reader, state_key

CREATED, DISPATCHED, DELIVERED, RECEIVED, REFUSED, LOST, RETURNED = range(7)
LIFE = LifeCycle(
    "shipment",
    "progress",
    ("Created", "Dispatched", "Delivered", "Received", "Refused", "Lost", "Returned"),
    (
        Transition("shipment.dispatch", "Created", "Dispatched", "created and dispatched by one advice"),
        Transition("shipment.depart", "Created", "Dispatched"),
        Transition("shipment.deliver", "Dispatched", "Delivered"),
        Transition(
            "goods.receive", "Dispatched", "Received", "the carrier has said nothing, or there is none"
        ),
        Transition("goods.receive", "Delivered", "Received"),
        Transition("goods.refuse", "Dispatched", "Refused", "the carrier has said nothing, or there is none"),
        Transition("goods.refuse", "Delivered", "Refused"),
        Transition("shipment.lose", "Dispatched", "Lost"),
        Transition("shipment.lose", "Delivered", "Lost", "it was not there after all"),
        Transition("goods.return", "Received", "Received", "some of what was accepted"),
        Transition("goods.return", "Received", "Returned", "all of what was accepted"),
    ),
)


class Shipment(NamedTuple):
    """State value of a shipment."""

    buyer: str
    order: str
    currency: str
    """That of the order."""
    day: int
    """Day of dispatch, or 0."""
    scheduled: int
    """Day of delivery agreed, or 0."""
    status: int
    """Place in the states of `LIFE`."""
    received: int
    """Day of receipt, refusal or loss, or 0."""
    lines: tuple[tuple[str, int, int, int, int], ...]
    """(line, shipped, accepted, rejected, returned) in units; what was returned had been accepted."""
    approver: str
    carrier: str
    """Organisation that carries it, or empty."""
    delivered: int
    """Day on which the carrier delivered it, or 0."""
    units: tuple[str, ...]
    """SSCC and EPCIS event ids."""
    recorded: int = 0
    """Business day on which the dispatch came to the ledger, or 0: `day` is what the sender says."""


class ShippedLine(Part):
    """How much of an order line is in the shipment."""

    line: LineId = Field(description="line of the order")
    quantity: PositiveQuantity


ShippedLines = Annotated[tuple[ShippedLine, ...], Field(min_length=1, max_length=MAX_LINES)]
Units = Annotated[tuple[ShipmentUnit, ...], Field(max_length=MAX_UNITS)]


class ShipmentCreate(Operation):
    """A supplier packs goods of one issued order; they have not left yet."""

    op: Literal["shipment.create"]
    shipment: ShipmentNumber
    order: OrderNumber
    buyer: OrganisationId
    lines: ShippedLines
    units: Units = Field((), description="SSCC or EPCIS event ids, each used once on the whole ledger")
    carrier: OrganisationId | None = Field(None, description="organisation that carries the goods")
    scheduled: Date | None = Field(None, description="day of delivery agreed; ISO text YYYY-MM-DD")


class ShipmentDispatch(Operation):
    """A supplier ships goods of one issued order: created and gone by one despatch advice."""

    op: Literal["shipment.dispatch"]
    shipment: ShipmentNumber
    order: OrderNumber
    buyer: OrganisationId
    date: Date = Field(description="day of dispatch; ISO text YYYY-MM-DD")
    lines: ShippedLines
    units: Units = Field((), description="SSCC or EPCIS event ids, each used once on the whole ledger")
    carrier: OrganisationId | None = Field(None, description="organisation that carries the goods")
    scheduled: Date | None = Field(None, description="day of delivery agreed; ISO text YYYY-MM-DD")


class ShipmentDepart(Operation):
    """The supplier, or the carrier that took it over, says that a created shipment has left."""

    op: Literal["shipment.depart"]
    shipment: ShipmentNumber
    supplier: OrganisationId
    date: Date = Field(description="day of dispatch; ISO text YYYY-MM-DD")


class ShipmentDeliver(Operation):
    """The carrier says that it has handed a shipment over; what is in it only the buyer says."""

    op: Literal["shipment.deliver"]
    shipment: ShipmentNumber
    supplier: OrganisationId
    date: Date = Field(description="day of delivery; ISO text YYYY-MM-DD")


class ShipmentLose(Operation):
    """The supplier or the carrier says that a shipment is lost: its units can be shipped anew."""

    op: Literal["shipment.lose"]
    shipment: ShipmentNumber
    supplier: OrganisationId
    date: Date = Field(description="day on which it was found to be lost; ISO text YYYY-MM-DD")
    reason: Reason


def shipment_key(supplier: str, shipment: str) -> bytes:
    """State key of a shipment."""
    return state_key("shipment", supplier, shipment)


def unit_key(unit: str) -> bytes:
    """State key of a shipment unit or event id, in its canonical form (`contracts.trade.units`)."""
    return state_key("unit", unit)


def read_shipment(state: Reader, supplier: str, shipment: str) -> Shipment | None:
    """The shipment, if there is one."""
    value = state.get(shipment_key(supplier, shipment))
    return None if value is None else Shipment._make(value)


def known_shipment(context: Context, supplier: str, shipment: str) -> Shipment:
    """The shipment; refused if there is none."""
    found = read_shipment(context.state, supplier, shipment)
    if found is None:
        raise refuse("unknown_shipment", "no such shipment", field="shipment", found=shipment)
    return found


def check_not_before(date: int, shipment: Shipment) -> None:
    """Refuse a day before the newest that the shipment has."""
    if date < max(shipment.day, shipment.delivered, shipment.received):
        raise refuse("date_order", "before what happened to the shipment", field="date")


def create(context: Context, operation: ShipmentCreate) -> None:
    """Created by the supplier: units are used up, the order's lines have not moved yet."""
    _create(context, operation)


def dispatch(context: Context, operation: ShipmentDispatch) -> None:
    """Created and dispatched by the supplier in one operation."""
    context.require_past(operation.date, "date")
    shipment, order = _create(context, operation)
    _leave(context, context.actor, operation.shipment, shipment, order, operation)


def depart(context: Context, operation: ShipmentDepart) -> None:
    """Dispatched by the supplier or by the carrier."""
    supplier = operation.supplier
    context.require_past(operation.date, "date")
    shipment = _carried(context, supplier, operation.shipment)
    order = orders.issued_order(context, supplier, shipment.buyer, shipment.order)
    _leave(context, supplier, operation.shipment, shipment, order, operation)


def deliver(context: Context, operation: ShipmentDeliver) -> None:
    """Delivered by the carrier; its key hangs on another approver than the supplier's."""
    supplier = operation.supplier
    shipment = known_shipment(context, supplier, operation.shipment)
    if context.actor != shipment.carrier:
        raise refuse("not_party", "not the carrier of the shipment", field="signer", found=context.actor)
    context.require_independent(supplier, shipment.approver)
    context.require_past(operation.date, "date")
    status = LIFE.after(shipment.status, operation.op)
    check_not_before(operation.date, shipment)
    delivered = shipment._replace(status=status, delivered=operation.date)
    context.put(shipment_key(supplier, operation.shipment), tuple(delivered))
    late = operation.date - shipment.scheduled if shipment.scheduled else 0
    record = ("deliver", operation.shipment, shipment.currency, shipment.order, operation.date, late)
    context.record(supplier, shipment.buyer, record)


def lose(context: Context, operation: ShipmentLose) -> None:
    """Lost, by the word of the supplier or the carrier: nothing of it is shipped any more."""
    supplier = operation.supplier
    shipment = _carried(context, supplier, operation.shipment)
    context.require_past(operation.date, "date")
    status = LIFE.after(shipment.status, operation.op)
    check_not_before(operation.date, shipment)
    quantity = take_off(
        context,
        supplier,
        shipment,
        lambda line, count: line._replace(shipped=line.shipped - count, lost=line.lost + count),
    )
    lost = shipment._replace(status=status, received=operation.date)
    context.put(shipment_key(supplier, operation.shipment), tuple(lost))
    record = ("lose", operation.shipment, shipment.currency, shipment.order, quantity, operation.date)
    context.record(supplier, shipment.buyer, record)


def take_off(
    context: Context, supplier: str, shipment: Shipment, change: Callable[[OrderLine, int], OrderLine]
) -> int:
    """Apply a change to the order lines of a whole shipment; units of it. Nothing of it was accepted."""
    order = orders.known_order(context, supplier, shipment.buyer, shipment.order)
    tolerance_ppm = context.parameter("quantity_tolerance_ppm")
    for name, quantity, *_ in shipment.lines:
        key = line_key(supplier, shipment.buyer, shipment.order, name)
        line = read_line(context, key, name)
        orders.put_line(context, key, order, line, change(line, quantity), tolerance_ppm)
    return sum(quantity for _, quantity, *_ in shipment.lines)


def _carried(context: Context, supplier: str, number: str) -> Shipment:
    """The shipment, if the signer sends or carries it."""
    shipment = known_shipment(context, supplier, number)
    if context.actor not in (supplier, shipment.carrier):
        raise refuse("not_party", "neither sends nor carries it", field="signer", found=context.actor)
    return shipment


def _create(context: Context, operation: ShipmentCreate | ShipmentDispatch) -> tuple[Shipment, Order]:
    """Write a created shipment and use up its units."""
    supplier, buyer, number = context.actor, operation.buyer, operation.shipment
    order = orders.issued_order(context, supplier, buyer, operation.order)
    context.require_independent(buyer, order.buyer_approver)
    if operation.carrier is not None:
        context.require_organisation(operation.carrier, CARRIER, "carrier")
        if operation.carrier == buyer:
            raise refuse("same_party", "the buyer receives it", field="carrier", found=buyer)
    if read_shipment(context.state, supplier, number) is not None:
        raise refuse("duplicate_number", "shipment number used", field="shipment", found=number)
    orders.check_lines_once(tuple([line.line for line in operation.lines]))
    for line in operation.lines:
        read_line(context, line_key(supplier, buyer, operation.order, line.line), line.line)
    for unit in operation.units:
        _use_unit(context, unit, supplier, number)
    shipment = Shipment(
        buyer,
        operation.order,
        order.currency,
        0,
        operation.scheduled or 0,
        CREATED,
        0,
        tuple([(line.line, line.quantity, 0, 0, 0) for line in operation.lines]),
        context.stored_approver,
        operation.carrier or "",
        0,
        operation.units,
    )
    context.put(shipment_key(supplier, number), tuple(shipment))
    return shipment, order


def _use_unit(context: Context, unit: str, supplier: str, shipment: str) -> None:
    key = unit_key(unit)
    if context.get(key) is not None:
        raise refuse("unit_used", "shipment unit used before", field="units", found=unit)
    context.put(key, (supplier, shipment))


def _leave(
    context: Context,
    supplier: str,
    number: str,
    shipment: Shipment,
    order: Order,
    operation: ShipmentDispatch | ShipmentDepart,
) -> None:
    """Dispatch a created shipment: its lines move to shipped, and an order not acknowledged is now."""
    status = LIFE.after(shipment.status, operation.op)
    moved = orders.moved(order, orders.SHIPPED)
    tolerance_ppm = context.parameter("quantity_tolerance_ppm")
    for name, quantity, *_ in shipment.lines:
        _ship(context, supplier, shipment, order, (name, quantity), tolerance_ppm)
    if moved != order:
        context.put(orders.order_key(supplier, shipment.buyer, shipment.order), tuple(moved))
    left = shipment._replace(status=status, day=operation.date, recorded=context.day)
    context.put(shipment_key(supplier, number), tuple(left))
    quantity = sum(quantity for _, quantity, *_ in shipment.lines)
    record = (
        "dispatch",
        number,
        shipment.currency,
        shipment.order,
        quantity,
        operation.date,
        shipment.scheduled,
    )
    context.record(supplier, shipment.buyer, record)


def _ship(
    context: Context,
    supplier: str,
    shipment: Shipment,
    order: Order,
    shipped: tuple[str, int],
    tolerance_ppm: int,
) -> None:
    name, quantity = shipped
    key = line_key(supplier, shipment.buyer, shipment.order, name)
    line = read_line(context, key, name)
    most = line.quantity * (PPM + tolerance_ppm) // PPM
    if line.shipped + quantity > most:
        raise refuse(
            "exceeds_ordered",
            "more shipped than ordered",
            field="lines.quantity",
            found=f"{line.shipped} + {quantity}",
            expected=f"at most {most}",
        )
    after = line._replace(shipped=line.shipped + quantity)
    orders.put_line(context, key, order, line, after, tolerance_ppm)
