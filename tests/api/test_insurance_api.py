"""Insurance views have exactly the documented fields."""

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
from pydantic import BaseModel

from contracts.answer import answered
from contracts.context import business_day
from contracts.insurance.coverage import MAX_SHIPMENTS
from contracts.insurance.underwriting import PolicyQuote, premium_lines
from contracts.registry import parse
from ledger import codec
from ledger.errors import Malformed, Refusal
from node.api import Front, create_app, insurance_forms


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalNetwork]:
    """cover insures acme's invoice to anchor; it is notified."""
    folder = Path(tmp_path_factory.mktemp("insured"))
    made = LocalNetwork(folder, ("n1",), {**ROLES, "cover": ["insurer"]})
    node = made.nodes["n1"]

    def record(who: str, operation: dict[str, Any]) -> None:
        (outcome,) = asyncio.run(node.submit([signed(made.channel, operation, by=who).envelope]))
        assert outcome.result == (), (operation["op"], outcome.result)

    quote: dict[str, Any] = {
        "op": "policy.quote",
        "policy": "POL 1",
        "assured": "acme",
        "currency": "EUR",
        "starts": "2024-03-05",
        "ends": "2024-12-31",
        "bind_by": "2024-03-05",
        "buyers": [{"buyer": "anchor", "limit": 900_00, "suppliers": ["acme"]}],
        "maximum": 5_000_00,
        "insured_ppm": 900_000,
        "deductible": 0,
        "terms": {"pd_basis": "annual"},
        "premium": 1,
    }
    model = parse(dict(codec.decode(codec.encode(quote))))
    assert isinstance(model, PolicyQuote)
    lines = premium_lines(node.chain, model, business_day(node.chain))
    quote["premium"] = sum(line.premium for line in lines)
    policy = {"policy": "POL 1", "insurer": "cover"}
    record("cover", quote)
    record("acme", {"op": "policy.bind", **policy, "premium": quote["premium"]})
    booked = {"account": "DE75", "entry": "P1", "date": "2024-03-05", "amount": quote["premium"]}
    record("bank", {"op": "premium.attest", **policy, **booked})
    for who, operation in story.steps():
        given = {
            name: "2024-03-05" if name in ("date", "issue_date", "scheduled") else value
            for name, value in operation.items()
        }
        record(who, given)
    record("cover", {"op": "policy.limit", "policy": "POL 1", "buyer": "anchor", "limit": 800_00})
    record("registrar", {"op": "date.advance", "date": "2024-05-04"})
    about = {"supplier": "acme", "invoice": story.INVOICE, "shipments": ["S 1"]}
    record("acme", {"op": "claim.notify", "claim": "L/1", **policy, **about})
    yield made
    made.close()


@pytest.fixture(scope="module")
def client(network: LocalNetwork) -> Iterator[ApiClient]:
    made = ApiClient(Front(create_app(network.nodes["n1"])))
    yield made
    made.close()


@pytest.mark.parametrize(
    ("path", "model", "expected"),
    [
        ("/policies/cover/POL 1", insurance_forms.PolicyView, {"status": "Active", "maximum": 5_000_00}),
        (
            "/insurance-claims/acme/L/1",
            insurance_forms.ClaimView,
            {"status": "Notified", "limit": 900_00, "indemnity_today": 810_00},
        ),
    ],
)
def test_a_view_has_exactly_the_documented_fields(
    client: ApiClient, channel: str, path: str, model: type[BaseModel], expected: dict[str, Any]
) -> None:
    shown = client.get(channel + path).json()
    model.model_validate(shown)
    assert {name: shown[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("path", "model", "name", "count"),
    [
        ("/policies", insurance_forms.PoliciesView, "policies", 1),
        ("/policies?insurer=cover&assured=acme", insurance_forms.PoliciesView, "policies", 1),
        ("/policies?assured=fund", insurance_forms.PoliciesView, "policies", 0),
        ("/insurance-claims?assured=acme&status=Notified", insurance_forms.ClaimsView, "claims", 1),
        ("/insurance-claims?insurer=cover", insurance_forms.ClaimsView, "claims", 1),
        ("/insurance-claims?status=Paid", insurance_forms.ClaimsView, "claims", 0),
    ],
)
def test_a_list_has_exactly_the_documented_fields(
    client: ApiClient, channel: str, path: str, model: type[BaseModel], name: str, count: int
) -> None:
    shown = client.get(channel + path).json()
    model.model_validate(shown)
    assert len(shown[name]) == count


@pytest.mark.parametrize(
    ("path", "code"),
    [("/policies/cover/none", "unknown_policy"), ("/insurance-claims/acme/none", "unknown_claim")],
)
def test_what_is_not_there_is_404(client: ApiClient, channel: str, path: str, code: str) -> None:
    answer = client.get(channel + path)
    assert (answer.status_code, answer.json()["code"]) == (404, code)


def test_cover_of_an_invoice_with_an_order_needs_its_shipments(network: LocalNetwork) -> None:
    chain = network.nodes["n1"].chain
    asked = ("acme", "cover", "POL 1", "acme", story.INVOICE)
    shown = answered(chain, "cover", (*asked, "S 1"))
    assert (shown["covered"], shown["limit_when_shipped"]) == (True, 900_00)
    assert shown["claim"] == {"claim": "L/1", "status": "Notified"}
    with pytest.raises(Refusal) as refused:
        answered(chain, "cover", asked)
    assert refused.value.code == "shipments_missing"
    with pytest.raises(Malformed):
        answered(chain, "cover", (*asked, *["S 1"] * (MAX_SHIPMENTS + 1)))
