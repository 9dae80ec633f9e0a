"""What ends by itself when an invoice, or what is short of a claim on it, is not what it was."""

from __future__ import annotations

from campaign.plain import auctions, certificates, lending, resales
from campaign.plain.world import CONFIRMED, LIVE, Bill, World


def after_each(world: World) -> None:
    """What was made on another invoice than there is now is void, with the operation that has changed it."""
    for place, auction in world.auctions.items():
        bill = world.bills[place[0], auction.invoice]
        is_same = _stands(bill, auction.net) and bill.due == auction.due
        if auction.is_running and not is_same:
            auctions.end(world, place, auction, "Void")
    for bill in world.bills.values():
        early = bill.early
        if early is not None and early.state in ("Offered", "Accepted") and not _stands(bill, early.net):
            early.state = "Void"
    for (supplier, _), request in world.requests.items():
        if request.state == "Open" and not _is_unsold(world.bills[supplier, request.invoice]):
            request.state = "Void"
    certificates.end_promises(world)
    resales.end_what_changed(world)
    for (_, number), demand in world.demands.items():
        claim = world.bills[demand.supplier, demand.invoice].held
        is_met = claim is not None and claim.demand == number and not claim.short
        if claim is not None and is_met and demand.cause == "dilution":
            lending.end_demand(world, claim, "Closed")
    for settlement in world.settlements.values():
        claim = world.bills[settlement.supplier, settlement.invoice].claim
        if settlement.state in ("Created", "AssetHeld", "CashHeld") and claim is not settlement.claim:
            settlement.state = "Expired"


def _is_unsold(bill: Bill) -> bool:
    return bill.state in LIVE and bill.title in ("Free", "Reserved") and bill.owed > 0


def _stands(bill: Bill, net: int) -> bool:
    """Whether a bill is what somebody has named a price for, reserved by a lender or not."""
    return _is_unsold(bill) and bill.state == CONFIRMED and not bill.contested and bill.owed == net
