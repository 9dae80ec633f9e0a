"""Auctions of invoices: their phases, the bids that are open, and the parts."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from contracts.market import auction_views as made
from node.api import answers, auction_forms
from node.api.channel import channel_router
from node.api.parameters import (
    DEFAULT_PAGE,
    After,
    Limit,
    NamePath,
    NameQuery,
    NumberPath,
    StatusWord,
    chain_of,
)

router = channel_router("market")


@router.get(
    "/auctions",
    summary="Auctions of invoices",
    responses=answers.shown_as(auction_forms.AuctionsView),
)
async def list_auctions(
    request: Request,
    supplier: NameQuery = None,
    lender: NameQuery = None,
    status: StatusWord = None,
    limit: Limit = DEFAULT_PAGE,
    after: After = None,
) -> Response:
    """Auctions of one supplier, with a bid of one lender or in one state if asked for."""
    chain = chain_of(request)
    found = made.auctions(
        chain, supplier=supplier, lender=lender, status=status, limit=limit, after=answers.key_after(after)
    )
    return answers.page(chain, "auctions", found)


@router.get(
    "/auctions/{supplier}/{number:path}",
    summary="An auction with its open bids",
    responses=answers.shown_as(auction_forms.AuctionView),
)
async def get_auction(request: Request, supplier: NamePath, number: NumberPath) -> Response:
    """One auction; of a bid that is still sealed only whose it is."""
    chain = chain_of(request)
    found = made.auction_view(chain, supplier, number)
    return answers.view(chain, found, "unknown_auction", supplier=supplier, number=number)
