"""OpenAPI forms of the auction views in `contracts.market.auction_views`."""

from __future__ import annotations

from pydantic import Field

from node.api.forms import View


class OpenedBidView(View):
    """A bid that its lender has opened."""

    lender: str
    programme: str
    rate_ppm: int = Field(description="discount rate a year; ppm")
    amount: int = Field(description="most of the net that the lender takes; minor units")
    opened: str


class AuctionPartView(View):
    """A winner's part of the net."""

    lender: str
    part: int = Field(description="minor units")
    paid: bool = Field(description="its cash is set aside, or has moved")


class AuctionView(View):
    """An auction; a sealed bid shows nothing but who has sent it."""

    auction: str
    supplier: str
    status: str = Field(
        description="Open, Commit, Reveal, Ranked, Accepted, Agreed, NoBid, Expired, Withdrawn "
        "or Void; "
        "once it is paid Active, and Closed when its claim is over"
    )
    invoice: str
    buyer: str
    currency: str
    net: int = Field(description="for sale as a whole; minor units")
    due_date: str
    opened: str
    commit_until: str = Field(description="last business date for sealed bids")
    reveal_until: str = Field(description="last business date for opening them")
    accept_until: str
    fund_until: str
    max_rate_ppm: int = Field(description="highest rate a year that is taken; ppm")
    min_amount: int = Field(description="smallest bid; minor units")
    bidders: list[str] = Field(description="lenders with a bid, sealed or open")
    revealed: int = Field(description="how many of the bids are open")
    rate_ppm: int | None = Field(description="the one rate of every winner; null before the ranking")
    paid_out_today: int | None = Field(description="net less discount, if accepted today; null unless Ranked")
    parts: list[AuctionPartView]
    bids: list[OpenedBidView] = Field(description="those that are open")


class AuctionsView(View):
    """A page of auctions; it may hold fewer than its limit, or none, and still have a next one."""

    auctions: list[AuctionView]
    next: str | None
