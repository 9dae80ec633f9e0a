"""Trade documents as they stand: invoices, orders, shipments, credit notes.

These are views for people and programs that trust this node; money should move on nothing
less than a proof (a history, a quote, a state proof).
"""

from __future__ import annotations

from fastapi import Request
from starlette.responses import Response

from contracts.finance import request_views as of_requests
from contracts.trade import trade_views
from node.api import answers, request_forms, trade_forms
from node.api.channel import channel_router
from node.api.parameters import (
    DEFAULT_PAGE,
    After,
    Limit,
    NamePath,
    NameQuery,
    NumberPath,
    RequiredName,
    StatusWord,
    chain_of,
)

router = channel_router("trade")


@router.get(
    "/invoices", summary="A supplier's invoices", responses=answers.shown_as(trade_forms.InvoicesView)
)
async def list_invoices(
    request: Request,
    supplier: RequiredName,
    buyer: NameQuery = None,
    status: StatusWord = None,
    limit: Limit = DEFAULT_PAGE,
    after: After = None,
) -> Response:
    """Invoices in the order of their state keys, of one buyer or in one state if asked for."""
    chain = chain_of(request)
    found = trade_views.invoices(
        chain, supplier, status=status, buyer=buyer, limit=limit, after=answers.key_after(after)
    )
    return answers.page(chain, "invoices", found)


@router.get(
    "/invoices/{supplier}/{number:path}",
    summary="An invoice",
    responses=answers.shown_as(trade_forms.InvoiceView),
)
async def get_invoice(request: Request, supplier: NamePath, number: NumberPath) -> Response:
    """One invoice on all its axes: validity, title, cash, maturity."""
    chain = chain_of(request)
    found = trade_views.invoice_view(chain, supplier, number)
    return answers.view(chain, found, "unknown_invoice", supplier=supplier, number=number)


@router.get(
    "/requests", summary="Requests for finance", responses=answers.shown_as(request_forms.RequestsView)
)
async def list_requests(
    request: Request,
    supplier: NameQuery = None,
    lender: NameQuery = None,
    status: StatusWord = None,
    limit: Limit = DEFAULT_PAGE,
    after: After = None,
) -> Response:
    """Requests with their answers, of one supplier, to one lender or in one state if asked for."""
    chain = chain_of(request)
    found = of_requests.requests(
        chain, supplier=supplier, lender=lender, status=status, limit=limit, after=answers.key_after(after)
    )
    return answers.page(chain, "requests", found)


@router.get(
    "/requests/{supplier}/{number:path}",
    summary="A request for finance",
    responses=answers.shown_as(request_forms.RequestView),
)
async def get_request(request: Request, supplier: NamePath, number: NumberPath) -> Response:
    """One request, with what each programme has answered."""
    chain = chain_of(request)
    found = of_requests.request_view(chain, supplier, number)
    return answers.view(chain, found, "unknown_request", supplier=supplier, number=number)


@router.get("/orders", summary="A supplier's orders", responses=answers.shown_as(trade_forms.OrdersView))
async def list_orders(
    request: Request,
    supplier: RequiredName,
    buyer: NameQuery = None,
    limit: Limit = DEFAULT_PAGE,
    after: After = None,
) -> Response:
    """Orders with the progress of their lines, of one buyer if asked for."""
    chain = chain_of(request)
    found = trade_views.orders(chain, supplier, buyer, limit=limit, after=answers.key_after(after))
    return answers.page(chain, "orders", found)


@router.get(
    "/orders/{supplier}/{buyer}/{number:path}",
    summary="An order",
    responses=answers.shown_as(trade_forms.OrderView),
)
async def get_order(request: Request, supplier: NamePath, buyer: NamePath, number: NumberPath) -> Response:
    """One order with the progress of its lines."""
    chain = chain_of(request)
    found = trade_views.order_view(chain, supplier, buyer, number)
    return answers.view(chain, found, "unknown_order", supplier=supplier, buyer=buyer, number=number)


@router.get(
    "/shipments", summary="A supplier's shipments", responses=answers.shown_as(trade_forms.ShipmentsView)
)
async def list_shipments(
    request: Request,
    supplier: RequiredName,
    buyer: NameQuery = None,
    status: StatusWord = None,
    limit: Limit = DEFAULT_PAGE,
    after: After = None,
) -> Response:
    """Shipments with what the buyer found in them, to one buyer or in one state if asked for."""
    chain = chain_of(request)
    found = trade_views.shipments(
        chain, supplier, buyer=buyer, status=status, limit=limit, after=answers.key_after(after)
    )
    return answers.page(chain, "shipments", found)


@router.get(
    "/shipments/{supplier}/{number:path}",
    summary="A shipment",
    responses=answers.shown_as(trade_forms.ShipmentView),
)
async def get_shipment(request: Request, supplier: NamePath, number: NumberPath) -> Response:
    """One shipment and what the buyer found in it."""
    chain = chain_of(request)
    found = trade_views.shipment_view(chain, supplier, number)
    return answers.view(chain, found, "unknown_shipment", supplier=supplier, number=number)


@router.get(
    "/credits", summary="A supplier's credit notes", responses=answers.shown_as(trade_forms.CreditsView)
)
async def list_credits(
    request: Request,
    supplier: RequiredName,
    buyer: NameQuery = None,
    status: StatusWord = None,
    limit: Limit = DEFAULT_PAGE,
    after: After = None,
) -> Response:
    """Credit notes, to one buyer or in one state if asked for."""
    chain = chain_of(request)
    found = trade_views.credit_notes(
        chain, supplier, buyer=buyer, status=status, limit=limit, after=answers.key_after(after)
    )
    return answers.page(chain, "credits", found)


@router.get(
    "/credits/{supplier}/{number:path}",
    summary="A credit note",
    responses=answers.shown_as(trade_forms.CreditView),
)
async def get_credit(request: Request, supplier: NamePath, number: NumberPath) -> Response:
    """One credit note."""
    chain = chain_of(request)
    found = trade_views.credit_view(chain, supplier, number)
    return answers.view(chain, found, "unknown_credit", supplier=supplier, number=number)
