"""Offers between lenders are shown with exactly the documented fields, and the invoice says who holds it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import story
from api_client import ApiClient
from envelopes import signed
from local_node import ROLES, LocalNetwork

from node.api import demand_forms, early_forms, resale_forms, trade_forms

PLACE = {"supplier": "acme", "invoice": story.INVOICE}


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalNetwork]:
    """With a second lender."""
    roles = {**ROLES, "loan": ["lender"]}
    made = LocalNetwork(Path(tmp_path_factory.mktemp("channel")), ("n1",), roles)
    yield made
    made.close()


def submit(network: LocalNetwork, who: str, operation: dict[str, Any]) -> None:
    node = next(iter(network.nodes.values()))
    (outcome,) = asyncio.run(node.submit([signed(network.channel, operation, by=who).envelope]))
    assert outcome.result == (), (operation["op"], outcome.result)


@pytest.fixture(scope="module", autouse=True)
def _offered(network: LocalNetwork, client: ApiClient) -> None:
    """fund has bought acme's invoice and offers it to loan."""
    story.play(network)
    channel = f"/v1/channels/{network.channel.hex()}"
    quoted = client.post(f"{channel}/quotes", json={"programme": story.PROGRAMME, **PLACE}).json()
    names = ("net", "tenor_days", "advance", "reserve", "discount", "fee", "paid_out")
    terms = {name: quoted["terms"][name] for name in names}
    offer = {"op": "finance.offer", "programme": story.PROGRAMME, **PLACE, "expires": "2024-03-10"}
    submit(network, "fund", {**offer, "terms": terms})
    submit(network, "acme", {"op": "finance.accept", "invoice": story.INVOICE})
    booked = {"account": "DE75", "entry": "1", "date": "2024-03-05", "amount": terms["paid_out"]}
    submit(network, "bank", {"op": "finance.fund", **PLACE, "lender": "fund", **booked})
    sale = {"op": "resale.offer", "resale": "S/1", **PLACE, "lender": "loan", "price": 1_00}
    submit(network, "fund", {**sale, "expires": "2024-03-20"})


def test_an_offer_is_shown_with_exactly_the_documented_fields(client: ApiClient, channel: str) -> None:
    shown = client.get(f"{channel}/resales/fund/S%2F1").json()
    resale_forms.ResaleView.model_validate(shown)
    assert (shown["status"], shown["lender"], shown["price"]) == ("Offered", "loan", 1_00)
    bought = client.get(f"{channel}/invoices/acme/{story.INVOICE}").json()
    trade_forms.InvoiceView.model_validate(bought)
    assert (bought["finance"]["resale"], bought["finance"]["bought_from"]) == ("S/1", None)


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 1),
        ("?seller=fund", 1),
        ("?seller=loan", 0),
        ("?lender=loan&status=offered", 1),
        ("?status=Sold", 0),
    ],
)
def test_offers_are_listed_by_seller_lender_and_state(
    client: ApiClient, channel: str, query: str, count: int
) -> None:
    page = client.get(f"{channel}/resales{query}").json()
    resale_forms.ResalesView.model_validate(page)
    assert len(page["resales"]) == count


def test_a_demand_and_an_offer_of_early_payment_are_shown_with_exactly_the_documented_fields(
    network: LocalNetwork, client: ApiClient, channel: str
) -> None:
    """The lender demands the claim back; the buyer offers to pay another invoice early."""
    submit(network, "fund", {"op": "resale.withdraw", "seller": "fund", "resale": "S/1"})
    why = {"cause": "warranty", "reason": "broken"}
    submit(network, "fund", {"op": "recourse.demand", "recourse": "R/1", **PLACE, **why})
    shown = client.get(f"{channel}/demands/fund/R%2F1").json()
    demand_forms.DemandView.model_validate(shown)
    bought = client.get(f"{channel}/invoices/acme/{story.INVOICE}").json()["finance"]
    assert (shown["status"], shown["due_today"]) == ("Demanded", bought["principal"])
    for query, count in (("lender=fund&supplier=acme", 1), ("supplier=fund", 0), ("status=closed", 0)):
        page = client.get(f"{channel}/demands?{query}").json()
        demand_forms.DemandsView.model_validate(page)
        assert len(page["demands"]) == count
    bill = next(step for _, step in story.steps() if step["op"] == "invoice.submit")
    other = bill | {"invoice": "E/1", "order": ""}
    other |= {"lines": [{"line": "1", "quantity": 1, "amount": 900_00}], "gross": 900_00}
    submit(network, "acme", other)
    agreed = {"supplier": "acme", "invoice": "E/1"}
    submit(network, "anchor", {"op": "invoice.confirm", **agreed, "net": 900_00, "due_date": "2024-05-03"})
    step = {"until": "2024-03-20", "discount_ppm": 10_000}
    submit(network, "anchor", {"op": "early.offer", **agreed, "steps": [step]})
    offered = client.get(f"{channel}/early-payments/acme/E%2F1").json()
    early_forms.EarlyPaymentView.model_validate(offered)
    assert (offered["status"], offered["discount_today"]) == ("Offered", 9_00)
    page = client.get(f"{channel}/early-payments?supplier=acme&status=offered").json()
    early_forms.EarlyPaymentsView.model_validate(page)
    assert page["early_payments"] == [offered]


def test_what_is_not_there_is_404(client: ApiClient, channel: str) -> None:
    answer = client.get(f"{channel}/resales/fund/none")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_resale")
