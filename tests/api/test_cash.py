"""Cash views have exactly the documented fields, and a statement file proves a balance."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from api_client import ApiClient
from envelopes import signed
from local_node import LocalNetwork
from pydantic import BaseModel

from clients.sdk import read_statement
from ledger.blocks.genesis import read_genesis
from node.api import cash_forms


def open_account(client: str, currency: str) -> dict[str, Any]:
    return {
        "op": "custody.open",
        "client": client,
        "currency": currency,
        "account": f"C {client} {currency}",
        "payout": f"P {client}",
    }


def steps() -> list[tuple[str, dict[str, Any]]]:
    """(who, operation): deposits, a redemption, an exchange that is asked for."""
    mint = {
        "op": "deposit.mint",
        "account": "C acme EUR",
        "entry": "B-1",
        "date": "2024-03-05",
        "client": "acme",
        "currency": "EUR",
        "amount": 500,
    }
    return [
        ("bank", open_account("acme", "EUR")),
        ("bank", open_account("acme", "USD")),
        ("bank", open_account("bank", "EUR")),
        ("bank", mint),
        (
            "acme",
            {
                "op": "redemption.request",
                "redemption": "R 1",
                "bank": "bank",
                "currency": "EUR",
                "amount": 200,
            },
        ),
        (
            "acme",
            {
                "op": "exchange.request",
                "exchange": "X/1",
                "maker": "fund",
                "sold_bank": "bank",
                "sold_currency": "USD",
                "sold": 100,
                "bought_bank": "bank",
                "bought_currency": "EUR",
            },
        ),
    ]


@pytest.fixture(scope="module", autouse=True)
def _cash(network: LocalNetwork) -> None:
    node = next(iter(network.nodes.values()))
    for who, operation in steps():
        (outcome,) = asyncio.run(node.submit([signed(network.channel, operation, by=who).envelope]))
        assert outcome.result == (), (operation["op"], outcome.result)


@pytest.mark.parametrize(
    ("path", "model", "expected"),
    [
        ("/deposits/bank/acme/EUR", cash_forms.DepositView, {"available": 300, "held": 200, "lines": 2}),
        ("/deposits/bank/bank/EUR", cash_forms.DepositView, {"own": True, "lines": 0}),
        ("/redemptions/acme/R 1", cash_forms.RedemptionView, {"status": "Requested", "amount": 200}),
        ("/exchanges/acme/X/1", cash_forms.ExchangeView, {"status": "Requested", "rate": None}),
    ],
)
def test_cash_view_has_exactly_the_documented_fields(
    client: ApiClient, channel: str, path: str, model: type[BaseModel], expected: dict[str, Any]
) -> None:
    answer = client.get(channel + path)
    assert answer.status_code == 200
    shown = answer.json()
    model.model_validate(shown)
    assert {name: shown[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("path", "model", "name", "count"),
    [
        ("/deposits?bank=bank", cash_forms.DepositsView, "deposits", 3),
        ("/deposits?bank=bank&client=acme", cash_forms.DepositsView, "deposits", 2),
        ("/deposits?bank=fund", cash_forms.DepositsView, "deposits", 0),
        ("/issued/bank", cash_forms.IssuedPageView, "issued", 1),
        ("/redemptions", cash_forms.RedemptionsView, "redemptions", 1),
        ("/redemptions?bank=bank&status=Requested", cash_forms.RedemptionsView, "redemptions", 1),
        ("/redemptions?bank=bank&status=Paid", cash_forms.RedemptionsView, "redemptions", 0),
        ("/redemptions?client=fund", cash_forms.RedemptionsView, "redemptions", 0),
        ("/settlements?bank=bank", cash_forms.SettlementsView, "settlements", 0),
        ("/exchanges?taker=acme", cash_forms.ExchangesView, "exchanges", 1),
        ("/exchanges?taker=fund", cash_forms.ExchangesView, "exchanges", 0),
        ("/exchanges?maker=acme", cash_forms.ExchangesView, "exchanges", 0),
        ("/exchanges?status=requested", cash_forms.ExchangesView, "exchanges", 1),
        ("/redemptions?bank=bank&status=requested", cash_forms.RedemptionsView, "redemptions", 1),
    ],
)
def test_cash_list_has_exactly_the_documented_fields(
    client: ApiClient, channel: str, path: str, model: type[BaseModel], name: str, count: int
) -> None:
    shown = client.get(channel + path).json()
    model.model_validate(shown)
    assert len(shown[name]) == count


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/deposits/bank/fund/EUR", "no_deposit"),
        ("/redemptions/acme/R2", "unknown_redemption"),
        ("/settlements/fund/S1", "unknown_settlement"),
        ("/exchanges/acme/X2", "unknown_exchange"),
    ],
)
def test_what_is_not_there_is_404(client: ApiClient, channel: str, path: str, code: str) -> None:
    answer = client.get(channel + path)
    assert (answer.status_code, answer.json()["code"]) == (404, code)


def test_a_statement_file_proves_the_balance_and_an_unused_account_is_proved_empty(
    client: ApiClient, network: LocalNetwork, channel: str
) -> None:
    genesis = read_genesis(network.genesis_path.read_bytes())
    found = read_statement(client.get(channel + "/deposits/bank/acme/EUR/statement").content, genesis)
    assert (found.balance, len(found.lines), found.proved.is_complete) == ((300, 200), 2, True)
    newest = client.get(channel + "/deposits/bank/acme/EUR/statement?last=1").content
    assert not read_statement(newest, genesis).proved.is_complete
    empty = read_statement(client.get(channel + "/deposits/bank/bank/EUR/statement").content, genesis)
    assert (empty.balance, empty.lines) == ((0, 0), ())
