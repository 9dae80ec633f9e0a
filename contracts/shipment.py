"""Shipments and receipts of goods: Dispatched (supplier) -> Received (buyer).

    ("shipment", supplier, shipment) -> Shipment
    ("unit", unit id)                -> (supplier, shipment)

A shipment unit (SSCC) or event id is used once on the whole ledger, whoever names it.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

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
