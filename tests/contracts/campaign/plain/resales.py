"""Operations of sales between lenders: one that holds a receivable sells it to another, as it is."""

from __future__ import annotations

from campaign.plain.arithmetic import day_of
from campaign.plain.claims import Claim
from campaign.plain.world import CONFIRMED, Operation, Resale, World


def _sellable(world: World, seller: str, found: Resale) -> Claim:
    """The claim, if its holder can sell it today."""
    bill = world.bills[found.supplier, found.invoice]
    claim = bill.held
    assert claim is not None, "nobody holds it"
    assert [part.lender for part in claim.parts] == [seller], "another's claim, or one of several"
    assert not claim.is_pledge, "a pledge is sold"
    assert bill.state == CONFIRMED, "sold without the buyer's word"
    assert not bill.contested, "sold while it is disputed"
    assert not bill.is_defaulted, "sold in default"
    assert not claim.demand, "sold under a demand"
    assert world.day < bill.due, "invariant 18: sold after the cut-off"
    return claim


def _standing(world: World, found: Resale) -> tuple[int, int, int]:
    """What a price was named for: principal, what the buyer owes, and when."""
    bill = world.bills[found.supplier, found.invoice]
    assert bill.held is not None, "nobody holds it"
    return bill.held.principal, bill.owed, bill.due


def resale_offer(world: World, signer: str, operation: Operation) -> None:
    supplier, invoice = operation["supplier"], operation["invoice"]
    expires = day_of(operation["expires"])
    found = Resale(operation["lender"], supplier, invoice, operation["price"], (0, 0, 0), expires)
    claim = _sellable(world, signer, found)
    found.standing = _standing(world, found)
    assert not claim.resale, "offered twice"
    assert found.price <= claim.principal, "dearer than what is left of it"
    assert world.day <= expires < world.bills[supplier, invoice].due, "it would stand beyond the due date"
    assert found.to not in (supplier, world.bills[supplier, invoice].buyer), "a claim on oneself"
    claim.resale = operation["resale"]
    world.resales[signer, operation["resale"]] = found


def _deliver(world: World, operation: Operation, lender: str, price: int) -> Resale:
    """The claim goes over as it is, under a programme of the other lender that has room for it."""
    seller = operation["seller"]
    found = world.resales[seller, operation["resale"]]
    claim = _sellable(world, seller, found)
    assert (found.state, found.to, found.price) == ("Offered", lender, price), "not offered at that"
    assert _standing(world, found) == found.standing, "not what was offered"
    programme, bill = world.programmes[operation["programme"]], world.bills[found.supplier, found.invoice]
    assert programme.lender == lender, "another lender's programme"
    exposed = world.exposure(lender, bill.buyer, bill.currency) + claim.principal
    assert exposed <= programme.limit(bill.buyer, bill.currency), "invariant 13: beyond the limit"
    claim.parts[0].lender, claim.parts[0].programme = lender, operation["programme"]
    claim.resale, found.state = "", "Sold"
    return found


def resale_settle(world: World, signer: str, operation: Operation) -> None:
    found = _deliver(world, operation, signer, operation["price"])
    currency = world.bills[found.supplier, found.invoice].currency
    world.cash.pay(operation["bank"], signer, currency, [(operation["seller"], found.price)])


def resale_fund(world: World, signer: str, operation: Operation) -> None:
    _deliver(world, operation, operation["lender"], operation["amount"])


def resale_withdraw(world: World, signer: str, operation: Operation) -> None:
    place = (operation["seller"], operation["resale"])
    assert signer in (place[0], world.resales[place].to), "no party to it"
    _take_back(world, place, "Withdrawn")


def end_what_changed(world: World) -> None:
    """An offer is of the claim as it was: what has changed, is disputed or demanded is not offered."""
    for place, found in world.resales.items():
        bill = world.bills[found.supplier, found.invoice]
        if found.state != "Offered" or bill.held is None:
            continue
        is_sound = bill.state == CONFIRMED and not (bill.contested or bill.is_defaulted or bill.held.demand)
        if not is_sound or _standing(world, found) != found.standing:
            _take_back(world, place, "Void")


def _take_back(world: World, place: tuple[str, str], state: str) -> None:
    found = world.resales[place]
    assert found.state == "Offered", f"the offer is {found.state}"
    held = world.bills[found.supplier, found.invoice].held
    assert held is not None, "an offer without its claim"
    held.resale, found.state = "", state


def expire(world: World) -> None:
    """An offer ends with its last day."""
    for place, found in world.resales.items():
        if found.state == "Offered" and found.expires < world.day:
            _take_back(world, place, "Expired")
