"""Demands of lenders on suppliers: what is demanded of whom, and what meets it today."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from contracts.finance import recourse_views as made
from node.api import answers, demand_forms
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

router = channel_router("finance")


@router.get("/demands", summary="Demands on suppliers", responses=answers.shown_as(demand_forms.DemandsView))
async def list_demands(
    request: Request,
    lender: NameQuery = None,
    supplier: NameQuery = None,
    status: StatusWord = None,
    limit: Limit = DEFAULT_PAGE,
    after: After = None,
) -> Response:
    """Demands of one lender, on one supplier or in one state if asked for."""
    chain = chain_of(request)
    found = made.demands(
        chain, lender=lender, supplier=supplier, status=status, limit=limit, after=answers.key_after(after)
    )
    return answers.page(chain, "demands", found)


@router.get(
    "/demands/{lender}/{number:path}",
    summary="A demand on a supplier",
    responses=answers.shown_as(demand_forms.DemandView),
)
async def get_demand(request: Request, lender: NamePath, number: NumberPath) -> Response:
    """One demand, with what meets it on the business date."""
    chain = chain_of(request)
    found = made.demand_view(chain, lender, number)
    return answers.view(chain, found, "unknown_recourse", lender=lender, number=number)
