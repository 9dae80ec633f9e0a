"""Operations of sealed-bid auctions: one invoice, several lenders, one rate for all."""

from __future__ import annotations

from campaign.plain import asking
from campaign.plain.arithmetic import day_of, interest, portions
from campaign.plain.claims import Claim, Part
from campaign.plain.world import Auction, Bid, Operation, World

YEAR_DAYS = 360


def auction_open(world: World, signer: str, operation: Operation) -> None:
    bill = world.bill(operation, signer)
    assert bill.is_sellable(), f"{bill.title} {bill.state} is auctioned"
    ends = [day_of(operation[f"{phase}_until"]) for phase in ("commit", "reveal", "accept", "fund")]
    is_running = [
        each.is_running and each.invoice == operation["invoice"]
        for (supplier, _), each in world.auctions.items()
        if supplier == signer
    ]
    assert not any(is_running), "in two auctions at a time"
    assert world.day <= ends[0] < ends[1] < ends[2] <= ends[3] < bill.due, "phases out of order"
    opened = Auction(
        operation["invoice"], bill.owed, bill.due, *ends, operation["max_rate_ppm"], operation["min_amount"]
    )
    world.auctions[signer, operation["auction"]] = opened


def _named(world: World, operation: Operation, *states: str) -> Auction:
    found = world.auctions[operation["supplier"], operation["auction"]]
    assert found.state in states, f"the auction is {found.state}"
    return found


def auction_bid(world: World, signer: str, operation: Operation) -> None:
    found = _named(world, operation, "Open", "Commit")
    assert world.day <= found.commit_until, "a bid after the last day"
    assert signer not in found.bids, "a second bid"
    found.bids[signer], found.state = Bid(operation["commitment"]), "Commit"


def auction_reveal(world: World, signer: str, operation: Operation) -> None:
    found = _named(world, operation, "Commit", "Reveal")
    assert found.commit_until < world.day <= found.reveal_until, "invariant 24: opened in another phase"
    bid = found.bids[signer]
    assert not bid.programme, "opened twice"
    assert operation["rate_ppm"] <= found.max_rate_ppm, "dearer than the supplier takes"
    assert operation["amount"] >= found.min_amount, "smaller than the supplier takes"
    bid.programme, bid.rate_ppm, bid.amount = (
        operation[name] for name in ("programme", "rate_ppm", "amount")
    )
    found.state = "Reveal"


def _room(world: World, operation: Operation, found: Auction, lender: str) -> int:
    """What a lender's limit leaves it today."""
    bill = world.bills[operation["supplier"], found.invoice]
    limit = world.programmes[found.bids[lender].programme].limit(bill.buyer, bill.currency)
    return max(0, limit - world.exposure(lender, bill.buyer, bill.currency))


def auction_rank(world: World, signer: str, operation: Operation) -> None:
    """The cheapest first; at the last rate that is needed by amounts, never by who came first."""
    found = _named(world, operation, "Reveal", "Ranked")
    open_bids = {lender: bid for lender, bid in found.bids.items() if bid.programme}
    assert world.day > found.reveal_until or len(open_bids) == len(found.bids), "ranked before all are open"
    wanted = {
        lender: min(bid.amount, _room(world, operation, found, lender)) for lender, bid in open_bids.items()
    }
    left, parts, found.rate_ppm = found.net, {}, 0
    for rate in sorted({bid.rate_ppm for lender, bid in open_bids.items() if wanted[lender]}):
        level = [lender for lender, bid in open_bids.items() if bid.rate_ppm == rate and wanted[lender]]
        level.sort(key=lambda lender: open_bids[lender].commitment)
        amounts = [wanted[lender] for lender in level]
        given = portions(left, amounts) if sum(amounts) > left else amounts
        parts |= dict(zip(level, given, strict=True))
        left -= sum(given)
        if not left:
            found.rate_ppm = rate
            break
    found.parts = sorted((lender, part) for lender, part in parts.items() if part) if not left else []
    found.state = "NoBid" if left else "Ranked"


def auction_accept(world: World, signer: str, operation: Operation) -> None:
    found = _named(world, {**operation, "supplier": signer}, "Ranked")
    bill = world.bills[signer, found.invoice]
    assert bill.is_sellable(), "a lender has reserved it"
    discount = interest(found.net, found.rate_ppm, found.due - world.day, YEAR_DAYS)
    price = (found.rate_ppm, found.net - discount)
    assert (operation["rate_ppm"], operation["paid_out"]) == price, f"the price is {price}"
    for lender, part in found.parts:
        assert part <= _room(world, {"supplier": signer}, found, lender), "invariant 13: beyond the limit"
    bill.claim = found.claim = Claim(
        [Part(lender, found.bids[lender].programme, part) for lender, part in found.parts],
        bill.currency,
        0,
        found.net - discount,
        found.rate_ppm,
        YEAR_DAYS,
        found.due - world.day,
        found.fund_until,
        is_accepted=True,
    )
    found.state = "Accepted"
    asking.financed(world, (signer, found.invoice))


def auction_pay(world: World, signer: str, operation: Operation) -> None:
    """Each winner's cash waits for the others'; with the last one all of it moves against the title."""
    supplier, number = operation["supplier"], operation["auction"]
    found = _named(world, operation, "Accepted", "Agreed")
    bill, claim = world.bills[supplier, found.invoice], found.claim
    assert claim is not None, "paid for before it was accepted"
    assert bill.claim is claim, "another claim stands"
    names, sizes = [lender for lender, _ in found.parts], [part for _, part in found.parts]
    assert signer in names, "no winner, or paid before"
    assert signer not in found.paid, "no winner, or paid before"
    discounts = portions(claim.advance - claim.paid_out, sizes)
    due = {lender: part - less for lender, part, less in zip(names, sizes, discounts, strict=True)}
    place = (operation["bank"], signer, claim.currency)
    world.cash.set_aside(("auction", supplier, number, signer), place, due[signer])
    found.paid.append(signer)
    found.state = "Agreed"
    if len(found.paid) == len(names):
        for lender in names:
            world.cash.pay_aside(("auction", supplier, number, lender), supplier)
        claim.pay_out(world.day)
        found.state = "Funded"


def auction_withdraw(world: World, signer: str, operation: Operation) -> None:
    supplier = operation["supplier"]
    found = _named(world, operation, "Open", "Commit")
    assert signer == supplier, "another supplier's auction"
    assert found.state == "Open" or world.day <= found.commit_until, "bids are being opened"
    end(world, (supplier, operation["auction"]), found, "Withdrawn")


def end(world: World, place: tuple[str, str], found: Auction, state: str) -> None:
    """It is over, and what winners have set aside is theirs again."""
    for lender in found.paid:
        world.cash.give_back(("auction", *place, lender))
    found.state = state


def expire(world: World) -> None:
    """An auction ends with its last phase."""
    for place, found in world.auctions.items():
        if not found.is_running:
            continue
        last = found.fund_until if found.state in ("Accepted", "Agreed") else found.accept_until
        if last < world.day:
            end(world, place, found, "NoBid" if found.state in ("Open", "Commit") else "Expired")
