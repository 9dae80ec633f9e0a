"""Who gets which part of an auctioned invoice, and the supplier's acceptance of it.

Bids are taken from the lowest rate up until the net is covered. At the last rate that is needed what is left
is divided among the bids of that rate in proportion to their amounts, by largest remainder. The order of
arrival decides nothing; minor units that equal remainders leave open fall by the commitments, which were
fixed before anybody knew another's bid.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from pydantic import Field

from contracts import expiry, invariants
from contracts.context import Context
from contracts.errors import refuse
from contracts.fields import AuctionNumber, Operation, OrganisationId, PositiveAmount
from contracts.finance import eligibility, request
from contracts.finance.claim import Lien, Share, check_rounds, expose_lender, lien_key
from contracts.finance.offer import OFFER
from contracts.finance.programme import read_programme
from contracts.market.auction import (
    AUCTION,
    LIFE,
    NO_BID,
    RANKED,
    Auction,
    check_sellable,
    found_auction,
    put_auction,
    wrong_phase,
)
from contracts.market.bid import Bid, limit_for, read_bid, room_of
from contracts.pricing import formulae
from contracts.trade.invoice import RESERVED, TITLE, live_invoice, write_invoice
from contracts.trade.order import require_no_credit_due
from ledger.dates import iso_from_day
from ledger.money import PPM, Money, split_by_weights

DAY_COUNT = 360
"""Days of a year for the discount of an auction: ACT/360."""


class AuctionRank(Operation):
    """Anybody has the opened bids ranked, the supplier again: the ledger computes the rate and the parts."""

    op: Literal["auction.rank"]
    supplier: OrganisationId
    auction: AuctionNumber


class AuctionAccept(Operation):
    """A supplier accepts the ranking: the title and the winners' limits are reserved."""

    op: Literal["auction.accept"]
    auction: AuctionNumber
    rate_ppm: int = Field(ge=0, le=PPM, description="rate of the ranking a year; ppm")
    paid_out: PositiveAmount = Field(description="net less discount; minor units")


class Opened(NamedTuple):
    """A bid as the ranking sees it."""

    lender: str
    rate_ppm: int
    amount: int
    """Minor units, at least 1."""
    commitment: bytes


def allot(net: int, bids: Sequence[Opened]) -> tuple[int, tuple[tuple[str, int], ...]]:
    """(rate, (lender, part) by lender) of a net that the bids cover; (0, ()) if they do not."""
    left, parts = net, []
    for rate in sorted({bid.rate_ppm for bid in bids}):
        level = sorted([bid for bid in bids if bid.rate_ppm == rate], key=lambda bid: bid.commitment)
        wanted = [bid.amount for bid in level]
        given = split_by_weights(left, wanted) if sum(wanted) > left else tuple(wanted)
        parts += [(bid.lender, part) for bid, part in zip(level, given, strict=True) if part]
        left -= sum(given)
        if not left:
            return rate, tuple(sorted(parts))
    return 0, ()


def rank(context: Context, operation: AuctionRank) -> None:
    """Ranked when no bid can be opened any more; a bid counts for at most the room of its limit today.

    Whoever may act has them ranked once. Again only the supplier does: a winner could else lower its own
    limit and have its bid, and with it the auction, taken away.
    """
    supplier, number = operation.supplier, operation.auction
    found = found_auction(context, supplier, number)
    LIFE.after(found.status, operation.op, RANKED)
    if found.status == RANKED and context.actor != supplier:
        raise refuse(
            "not_party", "the bids are ranked", field="signer", found=context.actor, expected=supplier
        )
    if context.day <= found.reveal_until and found.revealed < len(found.bidders):
        raise wrong_phase(context, f"after {iso_from_day(found.reveal_until)}, or every bid open")
    opened = []
    for lender in found.bidders:
        sealed = read_bid(context.state, supplier, number, lender)
        assert sealed is not None, "a bidder has a bid"
        amount = min(sealed.amount, _room(context, supplier, found, lender, sealed))
        if amount:
            opened.append(Opened(lender, sealed.rate_ppm, amount, sealed.commitment))
    rate, parts = allot(found.net, opened)
    if parts:
        invariants.parts_add_up(found.net, [part for _, part in parts])
    status = LIFE.after(found.status, operation.op, RANKED if parts else NO_BID)
    put_auction(context, supplier, number, found._replace(status=status, rate_ppm=rate, parts=parts))


def _room(context: Context, supplier: str, auction: Auction, lender: str, sealed: Bid) -> int:
    """What a lender's limits and rules leave, minor units; 0 for a bid that was not opened."""
    if not sealed.day:
        return 0
    return room_of(context.state, (lender, sealed.programme), supplier, auction)


def price(auction: Auction, day: int) -> tuple[int, int, int]:
    """(tenor in days, discount, paid out) of a ranked auction that is accepted on a day; minor units."""
    tenor = auction.due_day - day
    discount = formulae.simple_discount(auction.net, auction.rate_ppm, tenor, DAY_COUNT)
    return tenor, discount, auction.net - discount


def accept(context: Context, operation: AuctionAccept) -> None:
    """Accepted by the supplier: title and limits are reserved in the same operation (invariant 13)."""
    supplier, number = context.actor, operation.auction
    found = found_auction(context, supplier, number)
    status = LIFE.after(found.status, operation.op)
    invoice = live_invoice(context, supplier, found.invoice)
    check_sellable(found.invoice, invoice)
    assert (invoice.outstanding, invoice.due_day) == (found.net, found.due_day), "another invoice's is void"
    if invoice.order:
        require_no_credit_due(context.state, supplier, invoice.buyer, invoice.order)
    bids = {lender: _opened_bid(context, supplier, number, lender) for lender, _ in found.parts}
    lien = _claim(context, found, bids)
    if (operation.rate_ppm, operation.paid_out) != (found.rate_ppm, lien.paid_out):
        raise refuse(
            "quote_stale",
            "not the price of today",
            field="paid_out",
            found=f"{Money(operation.paid_out, lien.currency)} at {operation.rate_ppm} ppm",
            expected=f"{Money(lien.paid_out, lien.currency)} at {found.rate_ppm} ppm",
        )
    for lender, part in found.parts:
        _reserve_limit(context, supplier, number, found, (lender, part))
    expiry.schedule(context, (OFFER, supplier, found.invoice), found.fund_until)
    expiry.cancel(context, (AUCTION, supplier, number))
    expiry.schedule(context, (AUCTION, supplier, number), found.fund_until)
    check_rounds(context.state, supplier, found.invoice)
    context.put(lien_key(supplier, found.invoice), tuple(lien))
    request.close(context, supplier, found.invoice, operation.op)
    title = TITLE.after(invoice.title, operation.op)
    write_invoice(context, supplier, found.invoice, invoice._replace(title=title))
    put_auction(context, supplier, number, found._replace(status=status))


def _opened_bid(context: Context, supplier: str, number: str, lender: str) -> Bid:
    sealed = read_bid(context.state, supplier, number, lender)
    assert sealed is not None, "a winner has a bid"
    return sealed


def _claim(context: Context, auction: Auction, bids: dict[str, Bid]) -> Lien:
    """The one claim of all winners, reserved; each has its part under the programme of its bid."""
    tenor, discount, paid_out = price(auction, context.day)
    payable = split_by_weights(discount, [part for _, part in auction.parts])
    if any(part <= less for (_, part), less in zip(auction.parts, payable, strict=True)):
        raise refuse(
            "nothing_paid_out", "the discount would eat a part", field="auction", found=auction.rate_ppm
        )
    return Lien(
        title=RESERVED,
        lender="",
        programme="",
        revision=0,
        buyer=auction.buyer,
        currency=auction.currency,
        offered=context.day,
        expires=auction.fund_until,
        accepted=1,
        net=auction.net,
        tenor_days=tenor,
        advance=auction.net,
        reserve=0,
        discount=discount,
        fee=0,
        paid_out=paid_out,
        advance_rate_ppm=PPM,
        discount_rate_ppm=auction.rate_ppm,
        day_count=DAY_COUNT,
        restores=0,
        shares=tuple(
            [tuple(Share(lender, part, programme=bids[lender].programme)) for lender, part in auction.parts]
        ),
    )


def _reserve_limit(
    context: Context, supplier: str, number: str, auction: Auction, won: tuple[str, int]
) -> None:
    lender, part = won
    sealed = _opened_bid(context, supplier, number, lender)
    if _room(context, supplier, auction, lender, sealed) < part:
        raise refuse(
            "limit_exceeded", "a winner's limit has no room left; rank again", field="auction", found=lender
        )
    owed = (supplier, auction.buyer, auction.currency)
    after = expose_lender(context, (lender, sealed.programme), owed, (part, 0))
    limit = limit_for(context.state, sealed.programme, auction.buyer, auction.currency)
    invariants.within_limit(*after, limit)
    published = read_programme(context.state, sealed.programme)
    assert published is not None, "a bid that was opened names a programme"
    rules = eligibility.Rules.from_value(published.rules)
    eligibility.within_limits(context.state, sealed.programme, rules, (supplier, auction.currency))
