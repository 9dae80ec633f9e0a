"""Operations of shipments and goods: units on the way, and units that the buyer keeps."""

from __future__ import annotations

from campaign.plain.arithmetic import day_of
from campaign.plain.world import Operation, Parcel, World


def _sent(world: World, signer: str, operation: Operation) -> Parcel:
    lines: dict[str, int] = {}
    for line in operation["lines"]:
        lines[line["line"]] = lines.get(line["line"], 0) + line["quantity"]
    parcel = world.parcels[signer, operation["shipment"]] = Parcel(operation["buyer"], lines)
    return parcel


def shipment_create(world: World, signer: str, operation: Operation) -> None:
    _sent(world, signer, operation)


def shipment_dispatch(world: World, signer: str, operation: Operation) -> None:
    _leave(world, _sent(world, signer, operation), operation)


def shipment_depart(world: World, signer: str, operation: Operation) -> None:
    _leave(world, _named(world, operation, "Created"), operation)


def _leave(world: World, parcel: Parcel, operation: Operation) -> None:
    parcel.state, parcel.left, parcel.told = "Dispatched", day_of(operation["date"]), world.day


def _named(world: World, operation: Operation, *states: str) -> Parcel:
    parcel = world.parcels[operation["supplier"], operation["shipment"]]
    assert parcel.state in states, f"the shipment is {parcel.state}"
    return parcel


def shipment_deliver(world: World, signer: str, operation: Operation) -> None:
    _named(world, operation, "Dispatched").state = "Delivered"


def shipment_lose(world: World, signer: str, operation: Operation) -> None:
    _named(world, operation, "Dispatched", "Delivered").state = "Lost"


def _of_buyer(world: World, signer: str, operation: Operation, *states: str) -> Parcel:
    parcel = _named(world, operation, *states)
    assert parcel.buyer == signer, "no shipment to this buyer"
    return parcel


def goods_refuse(world: World, signer: str, operation: Operation) -> None:
    _of_buyer(world, signer, operation, "Dispatched", "Delivered").state = "Refused"


def goods_receive(world: World, signer: str, operation: Operation) -> None:
    parcel = _of_buyer(world, signer, operation, "Dispatched", "Delivered")
    for line in operation["lines"]:
        came = line["accepted"] + line["rejected"]
        assert came <= parcel.sent.get(line["line"], 0), "more came than was sent"
        parcel.kept[line["line"]] = line["accepted"]
    parcel.state = "Received"


def goods_return(world: World, signer: str, operation: Operation) -> None:
    parcel = _of_buyer(world, signer, operation, "Received")
    for line in operation["lines"]:
        assert line["quantity"] <= parcel.kept.get(line["line"], 0), "more goes back than was kept"
        parcel.kept[line["line"]] -= line["quantity"]
    if not any(parcel.kept.values()):
        parcel.state = "Returned"
