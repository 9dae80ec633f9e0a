"""Cash on the ledger: custody accounts with their statements, redemptions, settlements, exchanges."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query, Request
from starlette.responses import Response

from contracts.cash import cash_views as made
from contracts.cash.deposit import deposit_key
from node.api import answers, cash_forms
from node.api.channel import channel_router
from node.api.parameters import (
    DEFAULT_PAGE,
    After,
    Last,
    Limit,
    NamePath,
    NameQuery,
    NumberPath,
    RequiredName,
    chain_of,
)
from node.api.relationships import proved_history

CurrencyPath = Annotated[str, Path(pattern="^[A-Z]{3}$", description="ISO 4217 code")]
Status = Annotated[str | None, Query(pattern="^[A-Za-z]+$", max_length=32, description="such as Requested")]

router = channel_router("cash")


@router.get(
    "/deposits", summary="A bank's custody accounts", responses={200: {"model": cash_forms.DepositsView}}
)
async def list_deposits(
    request: Request,
    bank: RequiredName,
    client: NameQuery = None,
    limit: Limit = DEFAULT_PAGE,
    after: After = None,
) -> Response:
    """Accounts with their balances, of one client if asked for."""
    chain = chain_of(request)
    found = made.deposits(chain, bank, client, limit=limit, after=answers.key_after(after))
    return answers.page(chain, "deposits", found)


@router.get(
    "/deposits/{bank}/{client}/{currency}",
    summary="A custody account",
    responses=answers.shown_as(cash_forms.DepositView),
)
async def get_deposit(request: Request, bank: NamePath, client: NamePath, currency: CurrencyPath) -> Response:
    """One account and what is on it, without proof: its statement proves it."""
    chain = chain_of(request)
    found = made.deposit_view(chain, bank, client, currency)
    return answers.view(chain, found, "no_deposit", bank=bank, client=client, currency=currency)


@router.get(
    "/deposits/{bank}/{client}/{currency}/statement",
    summary="The complete, provable statement of a custody account, as a file",
    responses=answers.PROOF_FILE,
    response_class=Response,
)
async def get_statement(
    request: Request, bank: NamePath, client: NamePath, currency: CurrencyPath, last: Last = None
) -> Response:
    """All lines with the proof that none is missing, and the balance; `last` proves the newest of them."""
    chain = chain_of(request)
    history = proved_history(chain, deposit_key(bank, client, currency), last)
    return answers.file(chain, history.encode(), f"{bank}-{client}-{currency}.statement")


@router.get(
    "/issued/{bank}",
    summary="What a bank has minted and redeemed",
    responses=answers.shown_as(cash_forms.IssuedPageView),
)
async def list_issued(
    request: Request, bank: NamePath, limit: Limit = DEFAULT_PAGE, after: After = None
) -> Response:
    """By currency; what is owed is the sum of all deposits at the bank, its own included."""
    chain = chain_of(request)
    found = made.issued(chain, bank, limit=limit, after=answers.key_after(after))
    return answers.page(chain, "issued", found)


@router.get("/redemptions", summary="Redemptions", responses=answers.shown_as(cash_forms.RedemptionsView))
async def list_redemptions(
    request: Request,
    client: NameQuery = None,
    bank: NameQuery = None,
    status: Status = None,
    limit: Limit = DEFAULT_PAGE,
    after: After = None,
) -> Response:
    """Of one client, at one bank or in one state if asked for."""
    chain = chain_of(request)
    found = made.redemptions(
        chain, client, bank=bank, status=status, limit=limit, after=answers.key_after(after)
    )
    return answers.page(chain, "redemptions", found)


@router.get(
    "/redemptions/{client}/{number:path}",
    summary="A redemption",
    responses=answers.shown_as(cash_forms.RedemptionView),
)
async def get_redemption(request: Request, client: NamePath, number: NumberPath) -> Response:
    """One redemption."""
    chain = chain_of(request)
    found = made.redemption_view(chain, client, number)
    return answers.view(chain, found, "unknown_redemption", client=client, number=number)


@router.get(
    "/settlements",
    summary="Settlements whose cash a bank holds",
    responses=answers.shown_as(cash_forms.SettlementsView),
)
async def list_settlements(
    request: Request,
    bank: RequiredName,
    status: Status = None,
    limit: Limit = DEFAULT_PAGE,
    after: After = None,
) -> Response:
    """Those of one bank, in one state if asked for."""
    chain = chain_of(request)
    found = made.settlements(chain, bank, status=status, limit=limit, after=answers.key_after(after))
    return answers.page(chain, "settlements", found)


@router.get(
    "/settlements/{lender}/{number:path}",
    summary="A settlement whose cash a bank holds",
    responses=answers.shown_as(cash_forms.SettlementView),
)
async def get_settlement(request: Request, lender: NamePath, number: NumberPath) -> Response:
    """One conditional delivery."""
    chain = chain_of(request)
    found = made.settlement_view(chain, lender, number)
    return answers.view(chain, found, "unknown_settlement", lender=lender, number=number)


@router.get(
    "/exchanges",
    summary="Exchanges of two currencies",
    responses=answers.shown_as(cash_forms.ExchangesView),
)
async def list_exchanges(
    request: Request,
    taker: NameQuery = None,
    maker: NameQuery = None,
    status: Status = None,
    limit: Limit = DEFAULT_PAGE,
    after: After = None,
) -> Response:
    """Those that one organisation has asked for, of one maker or in one state if asked for."""
    chain = chain_of(request)
    found = made.exchanges(
        chain, taker, maker=maker, status=status, limit=limit, after=answers.key_after(after)
    )
    return answers.page(chain, "exchanges", found)


@router.get(
    "/exchanges/{taker}/{number:path}",
    summary="An exchange of two currencies",
    responses=answers.shown_as(cash_forms.ExchangeView),
)
async def get_exchange(request: Request, taker: NamePath, number: NumberPath) -> Response:
    """One exchange, with the times of its steps."""
    chain = chain_of(request)
    found = made.exchange_view(chain, taker, number)
    return answers.view(chain, found, "unknown_exchange", taker=taker, number=number)
