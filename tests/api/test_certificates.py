"""Certificate views have exactly the documented fields; the history file proves the tree."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from api_client import ApiClient
from envelopes import signed
from local_node import LocalNetwork
from pydantic import BaseModel

from clients.sdk import read_certificate
from ledger.blocks.genesis import read_genesis
from ledger.errors import VerificationError
from node.api import certificate_forms

NUMBER = "C/2024 1"


def steps() -> list[tuple[str, dict[str, Any]]]:
    """(who, operation): a certificate that is split, and a piece of it offered; another one not taken."""
    issue = {
        "op": "certificate.issue",
        "certificate": NUMBER,
        "payee": "acme",
        "currency": "EUR",
        "amount": 1_000_00,
        "maturity": "2024-05-03",
        "cut_off_days": 3,
        "smallest": 1_00,
        "highest_tier": 3,
        "invoice": "",
    }
    place = {"obligor": "anchor", "certificate": NUMBER}
    offer = {"lender": "fund", "price": 590_00, "repay": 0, "expires": "2024-03-08"}
    return [
        ("anchor", issue),
        ("anchor", {**issue, "certificate": "C2"}),
        ("acme", {"op": "certificate.accept", **place, "leaf": 0}),
        ("acme", {"op": "certificate.split", **place, "leaf": 0, "amounts": [600_00, 400_00]}),
        ("acme", {"op": "certificate.reserve", **place, "leaf": 1, **offer}),
    ]


@pytest.fixture(scope="module", autouse=True)
def _certificates(network: LocalNetwork) -> None:
    node = next(iter(network.nodes.values()))
    for who, operation in steps():
        (outcome,) = asyncio.run(node.submit([signed(network.channel, operation, by=who).envelope]))
        assert outcome.result == (), (operation["op"], outcome.result)


def test_a_certificate_is_shown_with_its_leaves(client: ApiClient, channel: str) -> None:
    shown = client.get(f"{channel}/certificates/anchor/{NUMBER}").json()
    certificate_forms.CertificateView.model_validate(shown)
    assert [leaf["status"] for leaf in shown["leaves"]] == ["Split", "Reserved", "Held"]
    assert (shown["leaves"][1]["price"], shown["leaves"][1]["offered_to"]) == (590_00, "fund")
    assert shown["totals"] == {
        "issued": 1_000_00,
        "live": 1_000_00,
        "redeemed": 0,
        "written_off": 0,
        "leaves": 3,
    }


@pytest.mark.parametrize(("query", "count"), [("", 2), ("&payee=acme", 2), ("&payee=fund", 0)])
def test_certificates_of_an_obligor_are_listed(
    client: ApiClient, channel: str, query: str, count: int
) -> None:
    model: type[BaseModel] = certificate_forms.CertificatesView
    shown = client.get(f"{channel}/certificates?obligor=anchor{query}").json()
    model.model_validate(shown)
    assert len(shown["certificates"]) == count


@pytest.mark.parametrize("resource", ["certificates", "certificate-histories"])
def test_what_is_not_there_is_404(client: ApiClient, channel: str, resource: str) -> None:
    answer = client.get(f"{channel}/{resource}/anchor/none")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_certificate")


def test_the_history_file_proves_the_whole_tree(
    client: ApiClient, network: LocalNetwork, channel: str
) -> None:
    genesis = read_genesis(network.genesis_path.read_bytes())
    data = client.get(f"{channel}/certificate-histories/anchor/{NUMBER}").content
    found = read_certificate(data, genesis)
    assert (found.obligor, found.number) == ("anchor", NUMBER)
    shown = client.get(f"{channel}/certificates/anchor/{NUMBER}").json()
    unsaid = ("expires", "price", "repay")
    assert found.view["leaves"] == [
        {name: value for name, value in leaf.items() if name not in unsaid} for leaf in shown["leaves"]
    ]
    other = client.get(f"{channel}/relationships/acme/anchor/history").content
    with pytest.raises(VerificationError, match="not the history of a certificate"):
        read_certificate(other, genesis)
