"""What people are shown of auctions: the days of each phase, who bids, what was opened, and the parts.

The same rules as in `contracts.views`. A bid shows its rate and amount once its lender has opened it; before
that the ledger has nothing but its hash (invariant 24). The views are pure functions of the state entries
that they read: whoever has those proved has the view proved. `standing_view` reads so few of them that one
proof holds them all, however many have bid.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from contracts.context import business_day
from contracts.finance.claim import read_lien, shares_of
from contracts.market.allotment import price
from contracts.market.auction import FUNDED, LIFE, RANKED, Auction, read_auction
from contracts.market.bid import Bid, read_bid
from contracts.views import Page, Scanner, View, page
from ledger import codec
from ledger.dates import iso_from_day
from ledger.money import Money
from ledger.state.overlay import Reader


def auction_view(state: Reader, supplier: str, number: str) -> View | None:
    """One auction with its opened bids and, once it is ranked, its parts."""
    found = read_auction(state, supplier, number)
    return None if found is None else _auction(state, supplier, number, found)


def standing_view(state: Reader, supplier: str, number: str) -> View | None:
    """One auction without its bids: who has sent one, and how many are open."""
    found = read_auction(state, supplier, number)
    return None if found is None else _standing(state, supplier, number, found)


def auctions(
    scanner: Scanner,
    *,
    supplier: str | None = None,
    lender: str | None = None,
    status: str | None = None,
    limit: int = 100,
    after: bytes | None = None,
) -> Page:
    """Auctions of a supplier, with a bid of a lender, or in one state, if asked for."""

    def view(parts: tuple[Any, ...], value: codec.Value) -> View | None:
        found = Auction._make(value)
        if lender is not None and lender not in found.bidders:
            return None
        return _auction(scanner, parts[0], parts[1], found)

    return page(scanner, "auction", (supplier,), limit, after, view, status=status)


def auction_sentence(view: View) -> str:
    """Where an auction stands, from either view."""
    sold = f"{Money(view['net'], view['currency'])} on {view['buyer']}"
    count = len(view["bidders"])
    bids = "no bid" if not count else "1 bid" if count == 1 else f"{count} bids"
    opened = f", {view['revealed']} of them open" if count > 1 else ", open" if view["revealed"] else ""
    return f"{view['status']}, {sold}, {bids}{opened}"


def opened_bids(state: Reader, supplier: str, number: str, bidders: Iterable[str]) -> list[View]:
    """The bids that their lenders have opened, in the order of the bidders."""
    bids = ((lender, read_bid(state, supplier, number, lender)) for lender in bidders)
    return [_bid(lender, bid) for lender, bid in bids if bid is not None and bid.day]


def _auction(state: Reader, supplier: str, number: str, found: Auction) -> View:
    return {
        **_standing(state, supplier, number, found),
        "bids": opened_bids(state, supplier, number, found.bidders),
    }


def _standing(state: Reader, supplier: str, number: str, found: Auction) -> View:
    is_ranked = bool(found.parts)
    return {
        "auction": number,
        "supplier": supplier,
        "status": _status(state, supplier, found),
        "invoice": found.invoice,
        "buyer": found.buyer,
        "currency": found.currency,
        "net": found.net,
        "due_date": iso_from_day(found.due_day),
        "opened": iso_from_day(found.opened),
        "commit_until": iso_from_day(found.commit_until),
        "reveal_until": iso_from_day(found.reveal_until),
        "accept_until": iso_from_day(found.accept_until),
        "fund_until": iso_from_day(found.fund_until),
        "max_rate_ppm": found.max_rate_ppm,
        "min_amount": found.min_amount,
        "bidders": list(found.bidders),
        "revealed": found.revealed,
        "rate_ppm": found.rate_ppm if is_ranked else None,
        "paid_out_today": price(found, business_day(state))[2] if found.status == RANKED else None,
        "parts": [
            {"lender": lender, "part": part, "paid": lender in found.paid} for lender, part in found.parts
        ],
    }


def _bid(lender: str, bid: Bid) -> View:
    return {
        "lender": lender,
        "programme": bid.programme,
        "rate_ppm": bid.rate_ppm,
        "amount": bid.amount,
        "opened": iso_from_day(bid.day),
    }


def _status(state: Reader, supplier: str, found: Auction) -> str:
    """The state of its table; of one that is paid whether its claim still stands."""
    if found.status != FUNDED:
        return LIFE.states[found.status]
    lien = read_lien(state, supplier, found.invoice)
    if lien is None:
        return "Closed"
    shares = tuple([(share.lender, share.part) for share in shares_of(lien)])
    is_its_own = (shares, lien.expires) == (found.parts, found.fund_until)
    return "Active" if is_its_own else "Closed"
