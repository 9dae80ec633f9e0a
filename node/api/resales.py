"""Sales of held claims between lenders: who offers which claim to whom, at which price."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from contracts.finance import resale_views as made
from node.api import answers, resale_forms
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
    "/resales", summary="Offers between lenders", responses=answers.shown_as(resale_forms.ResalesView)
)
async def list_resales(
    request: Request,
    seller: NameQuery = None,
    lender: NameQuery = None,
    status: StatusWord = None,
    limit: Limit = DEFAULT_PAGE,
    after: After = None,
) -> Response:
    """Offers of one lender, to one lender or in one state if asked for."""
    chain = chain_of(request)
    found = made.resales(
        chain, seller=seller, lender=lender, status=status, limit=limit, after=answers.key_after(after)
    )
    return answers.page(chain, "resales", found)


@router.get(
    "/resales/{seller}/{number:path}",
    summary="An offer between lenders",
    responses=answers.shown_as(resale_forms.ResaleView),
)
async def get_resale(request: Request, seller: NamePath, number: NumberPath) -> Response:
    """One offer of a lender to sell a claim that it holds to another."""
    chain = chain_of(request)
    found = made.resale_view(chain, seller, number)
    return answers.view(chain, found, "unknown_resale", seller=seller, number=number)
