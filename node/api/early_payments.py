"""Offers of early payment: a buyer pays a confirmed invoice before it is due, less a discount."""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from contracts.market import early_views as made
from node.api import answers, early_forms
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
    "/early-payments",
    summary="Offers of early payment",
    responses=answers.shown_as(early_forms.EarlyPaymentsView),
)
async def list_early_payments(
    request: Request,
    supplier: NameQuery = None,
    buyer: NameQuery = None,
    status: StatusWord = None,
    limit: Limit = DEFAULT_PAGE,
    after: After = None,
) -> Response:
    """Offers to one supplier, of one buyer or in one state if asked for."""
    chain = chain_of(request)
    found = made.early_payments(
        chain, supplier=supplier, buyer=buyer, status=status, limit=limit, after=answers.key_after(after)
    )
    return answers.page(chain, "early_payments", found)


@router.get(
    "/early-payments/{supplier}/{number:path}",
    summary="The offer of early payment on an invoice",
    responses=answers.shown_as(early_forms.EarlyPaymentView),
)
async def get_early_payment(request: Request, supplier: NamePath, number: NumberPath) -> Response:
    """The newest offer on an invoice, with the discount of the business date."""
    chain = chain_of(request)
    found = made.early_view(chain, supplier, number)
    return answers.view(chain, found, "no_early_offer", supplier=supplier, number=number)
