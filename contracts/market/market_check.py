"""The numbered invariants of auctions and of the pledge registry over a whole state: bids, parts and what is
set aside agree, and no receivable is claimed twice.

`state_check` runs them with those of trade, finance and cash. Each function names its number.
"""

from __future__ import annotations

from contracts import invariants
from contracts.errors import InvariantBroken
from contracts.finance.claim import Lien, shares_of
from contracts.finance.pledge import Pledge, claims
from contracts.finance.request import OPEN, Request
from contracts.market import auction
from contracts.market.auction import Auction
from contracts.market.bid import Bid
from contracts.market.early_payment import RUNNING, EarlyPayment
from contracts.market.share import hold_purpose
from contracts.market.standing import can_be_financed
from contracts.trade.invoice import CONFIRMED, RESERVED, Invoice
from contracts.trade.trade_check import Kinds


def bids_are_sealed(kinds: Kinds) -> None:
    """24: while lenders may bid nothing of a bid is in the state but its hash, and each has one bid."""
    day = kinds["param"]["business_date",]
    bids = {key: Bid._make(value) for key, value in kinds["bid"].items()}
    for (supplier, number), value in kinds["auction"].items():
        found = Auction._make(value)
        own = [bids.pop((supplier, number, lender)) for lender in found.bidders]
        if sum(bid.day > 0 for bid in own) != found.revealed:
            raise InvariantBroken(24, f"{supplier} {number}: open bids are not {found.revealed}")
        for bid in own:
            if not bid.day and (bid.programme or bid.rate_ppm or bid.amount):
                raise InvariantBroken(24, f"{supplier} {number}: a sealed bid can be read")
            if bid.day and not found.commit_until < bid.day <= min(day, found.reveal_until):
                raise InvariantBroken(24, f"{supplier} {number}: a bid was opened out of its phase")
    if bids:
        raise InvariantBroken(24, f"bids in no auction: {min(bids)}")


def parts_are_whole(kinds: Kinds) -> None:
    """21: the winners' parts are what is sold, at most what each bid, at a rate of at least its own."""
    for (supplier, number), value in kinds["auction"].items():
        found = Auction._make(value)
        if found.parts:
            invariants.parts_add_up(found.net, [part for _, part in found.parts])
        for lender, part in found.parts:
            bid = Bid._make(kinds["bid"][supplier, number, lender])
            if part > bid.amount or not bid.day or bid.rate_ppm > found.rate_ppm:
                raise InvariantBroken(21, f"{supplier} {number}: {lender} did not bid for its part")
        if not set(found.paid) <= dict(found.parts).keys():
            raise InvariantBroken(21, f"{supplier} {number}: somebody paid for nothing")


def winners_cash_is_held(kinds: Kinds) -> None:
    """12: what a winner has set aside is there until the title moves, and never longer than the auction."""
    held = {tuple(key) for key in kinds["hold"] if str(key[0]).startswith("share of ")}
    running = {}
    for (supplier, number), value in kinds["auction"].items():
        found = Auction._make(value)
        if found.status in auction.ENDED:
            continue
        running[supplier, found.invoice] = number
        expected = {tuple(hold_purpose(lender, supplier, number)) for lender in found.paid}
        if not expected <= held:
            raise InvariantBroken(12, f"{supplier} {number}: a winner's cash is gone")
        held -= expected
        lien = kinds["lien"].get((supplier, found.invoice))
        claim = None if lien is None else Lien._make(lien)
        is_accepted = found.status in (auction.ACCEPTED, auction.AGREED)
        if is_accepted != (claim is not None and bool(claim.shares)):
            raise InvariantBroken(12, f"{supplier} {number}: a claim before the acceptance, or none after it")
        if claim is None or not claim.shares:
            continue
        if claim.title != RESERVED:
            raise InvariantBroken(12, f"{supplier} {number}: a title before the last winner's payment")
        if tuple([(share.lender, share.part) for share in shares_of(claim)]) != tuple(found.parts):
            raise InvariantBroken(12, f"{supplier} {number}: the claim has other shares")
    if held:
        raise InvariantBroken(14, f"cash set aside for no auction: {min(held)}")
    if running != kinds["auctioned"]:
        raise InvariantBroken(5, "an invoice is in two auctions, or in none")


def offers_are_current(kinds: Kinds) -> None:
    """14: what stands on an invoice for somebody to accept is about the invoice as it is now."""
    made_on: list[tuple[tuple[str, str], int, int | None]] = []
    for (supplier, _), value in kinds["auction"].items():
        found = Auction._make(value)
        if found.status not in auction.ENDED:
            made_on.append(((supplier, found.invoice), found.net, found.due_day))
    for place, value in kinds["early"].items():
        early = EarlyPayment._make(value)
        if early.status in RUNNING:
            made_on.append((place, early.net, None))
    for place, net, due_day in made_on:
        invoice = Invoice._make(kinds["invoice"][place])
        if invoice.validity != CONFIRMED or invoice.contested or not can_be_financed(invoice):
            raise InvariantBroken(14, f"{place} cannot be sold, and is offered or auctioned")
        if invoice.outstanding != net or invoice.due_day != (due_day or invoice.due_day):
            raise InvariantBroken(14, f"{place} has changed since it was offered or auctioned")
    for (supplier, number), value in kinds["request"].items():
        asked = Request._make(value)
        billed = Invoice._make(kinds["invoice"][supplier, asked.invoice])
        if asked.status == OPEN and not can_be_financed(billed):
            raise InvariantBroken(14, f"request {supplier} {number}: nothing is left to finance")


def pledges_exclude_each_other(kinds: Kinds) -> None:
    """5, beyond one ledger: a receivable is claimed once by its number, by its content unless compared."""
    day = kinds["param"]["business_date",]
    numbers: set[bytes] = set()
    contents: set[bytes] = set()
    standing = [
        (place, Pledge._make(value))
        for place, value in kinds["pledge"].items()
        if claims(Pledge._make(value), day)
    ]
    for place, found in sorted(standing, key=lambda pledge: pledge[1].compared):
        if found.number_tag in numbers or (found.content_tag in contents and not found.compared):
            raise InvariantBroken(5, f"pledge {place}: another one claims the receivable")
        numbers.add(found.number_tag)
        contents.add(found.content_tag)
        for tag in (found.number_tag, found.content_tag):
            if place not in kinds["pledge_tag"][tag,]:
                raise InvariantBroken(5, f"pledge {place}: its tag does not lead to it")
