"""Views say what the models in the OpenAPI document say; proofs prove; what is not there is 404."""

from __future__ import annotations

from typing import Any

import pytest
import story
from api_client import ApiClient
from local_node import LocalNetwork
from pydantic import BaseModel

from contracts.finance.claim import lien_key
from contracts.trade import relationship
from contracts.trade.invoice import invoice_key
from ledger import codec
from ledger.blocks.certificate import CertifiedHeader
from ledger.blocks.genesis import read_genesis
from ledger.proofs.history import History
from ledger.state.proof import StateProof
from node.api import (
    cash_forms,
    demand_forms,
    early_forms,
    party_forms,
    programme_forms,
    relationship_forms,
    request_forms,
    trade_forms,
)


@pytest.fixture(scope="module", autouse=True)
def _trade(network: LocalNetwork) -> None:
    story.play(network)


@pytest.mark.parametrize(
    ("path", "model", "expected"),
    [
        (
            "/invoices/acme/RE/2024 17",
            trade_forms.InvoiceView,
            {"invoice": "RE/2024 17", "validity": "Confirmed"},
        ),
        (
            "/invoices/acme/RE%2F2024%2017",
            trade_forms.InvoiceView,
            {"invoice": "RE/2024 17", "net": 1_000_00},
        ),
        ("/orders/acme/anchor/PO-1", trade_forms.OrderView, {"status": "Received", "amount": 1_000_00}),
        (
            "/shipments/acme/S%201",
            trade_forms.ShipmentView,
            {"status": "Received", "scheduled": "2024-03-03"},
        ),
        ("/credits/acme/CN-1", trade_forms.CreditView, {"status": "Issued", "amount": 10_00}),
        ("/relationships/acme/anchor", relationship_forms.RelationshipView, {"business_date": "2024-03-05"}),
        ("/organisations/acme", party_forms.OrganisationView, {"roles": ["supplier"]}),
        ("/programmes/early", programme_forms.ProgrammeView, {"lender": "fund"}),
    ],
)
def test_view_has_exactly_the_documented_fields(
    client: ApiClient,
    network: LocalNetwork,
    channel: str,
    path: str,
    model: type[BaseModel],
    expected: dict[str, Any],
) -> None:
    answer = client.get(channel + path)
    assert answer.status_code == 200
    shown = answer.json()
    model.model_validate_json(answer.content)
    assert {name: shown[name] for name in expected} == expected
    assert int(answer.headers["tally-height"]) == network.nodes["n1"].chain.applied.height


@pytest.mark.parametrize(
    ("path", "model", "name", "count"),
    [
        ("/invoices?supplier=acme", trade_forms.InvoicesView, "invoices", 1),
        ("/invoices?supplier=acme&status=Confirmed", trade_forms.InvoicesView, "invoices", 1),
        ("/invoices?supplier=acme&status=Rejected", trade_forms.InvoicesView, "invoices", 0),
        ("/invoices?supplier=acme&buyer=fund", trade_forms.InvoicesView, "invoices", 0),
        ("/invoices?supplier=nobody", trade_forms.InvoicesView, "invoices", 0),
        ("/orders?supplier=acme", trade_forms.OrdersView, "orders", 1),
        ("/orders?supplier=acme&buyer=anchor", trade_forms.OrdersView, "orders", 1),
        ("/shipments?supplier=acme", trade_forms.ShipmentsView, "shipments", 1),
        ("/shipments?supplier=acme&status=received", trade_forms.ShipmentsView, "shipments", 1),
        ("/shipments?supplier=acme&status=Lost", trade_forms.ShipmentsView, "shipments", 0),
        ("/shipments?supplier=acme&buyer=fund", trade_forms.ShipmentsView, "shipments", 0),
        ("/credits?supplier=acme&buyer=anchor", trade_forms.CreditsView, "credits", 1),
        ("/credits?supplier=acme&status=Issued", trade_forms.CreditsView, "credits", 1),
        ("/credits?supplier=acme&status=Applied", trade_forms.CreditsView, "credits", 0),
        ("/credits?supplier=fund", trade_forms.CreditsView, "credits", 0),
        ("/demands?supplier=acme", demand_forms.DemandsView, "demands", 0),
        ("/early-payments?buyer=anchor", early_forms.EarlyPaymentsView, "early_payments", 0),
        ("/relationships?party=acme", relationship_forms.RelationshipsView, "relationships", 1),
        ("/relationships?party=fund", relationship_forms.RelationshipsView, "relationships", 0),
        ("/organisations", party_forms.OrganisationsView, "organisations", 5),
        ("/keys", party_forms.KeysView, "keys", 5),
        ("/keys?organisation=acme", party_forms.KeysView, "keys", 1),
        ("/programmes", programme_forms.ProgrammesView, "programmes", 1),
        ("/programmes/early/enrolments", programme_forms.EnrolmentsView, "enrolments", 0),
        ("/programmes/early/approvals?supplier=acme", programme_forms.ApprovalsView, "approvals", 0),
        ("/requests?lender=fund&status=Open", request_forms.RequestsView, "requests", 0),
        ("/organisations/acme/accounts", cash_forms.AccountsView, "accounts", 0),
    ],
)
def test_list_has_exactly_the_documented_fields(
    client: ApiClient, channel: str, path: str, model: type[BaseModel], name: str, count: int
) -> None:
    answer = client.get(channel + path)
    shown = answer.json()
    model.model_validate_json(answer.content)
    assert len(shown[name]) == count


def test_pages_lead_through_the_whole_list(client: ApiClient, channel: str) -> None:
    found: list[str] = []
    after = ""
    while True:
        page = client.get(f"{channel}/organisations?limit=2{after}").json()
        found += [organisation["id"] for organisation in page["organisations"]]
        if page["next"] is None:
            break
        after = f"&after={page['next']}"
    assert sorted(found) == ["acme", "anchor", "bank", "fund", "registrar"]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/invoices/acme/none", "unknown_invoice"),
        ("/orders/acme/anchor/none", "unknown_order"),
        ("/shipments/acme/none", "unknown_shipment"),
        ("/credits/acme/none", "unknown_credit"),
        ("/demands/fund/none", "unknown_recourse"),
        ("/early-payments/acme/none", "no_early_offer"),
        ("/relationships/acme/fund", "unknown_relationship"),
        ("/relationships?party=nobody", "unknown_organisation"),
        ("/organisations/nobody", "unknown_organisation"),
        ("/programmes/none", "unknown_programme"),
        ("/programmes/none/enrolments", "unknown_programme"),
        ("/programmes/none/approvals", "unknown_programme"),
    ],
)
def test_what_is_not_there_is_404_with_its_own_code(
    client: ApiClient, channel: str, path: str, code: str
) -> None:
    answer = client.get(channel + path)
    assert (answer.status_code, answer.json()["code"]) == (404, code)


def test_history_file_proves_the_whole_relationship(
    client: ApiClient, network: LocalNetwork, channel: str
) -> None:
    answer = client.get(f"{channel}/relationships/acme/anchor/history")
    proved = History.decode(answer.content).verify(read_genesis(network.genesis_block.data))
    assert proved.is_complete
    assert [record[1] for record in proved.records] == ["order", "dispatch", "receive", "invoice", "confirm"]


def test_history_of_the_newest_records_proves_a_suffix(
    client: ApiClient, network: LocalNetwork, channel: str
) -> None:
    answer = client.get(f"{channel}/relationships/acme/anchor/history?last=2")
    proved = History.decode(answer.content).verify(read_genesis(network.genesis_block.data))
    assert [record[1] for record in proved.records] == ["invoice", "confirm"]
    assert not proved.is_complete


def test_strangers_have_a_proved_empty_history(
    client: ApiClient, network: LocalNetwork, channel: str
) -> None:
    answer = client.get(f"{channel}/relationships/fund/bank/history")
    proved = History.decode(answer.content).verify(read_genesis(network.genesis_block.data))
    assert (proved.entry, proved.records) == (None, ())


def test_party_history_proves_the_list_of_relationships(
    client: ApiClient, network: LocalNetwork, channel: str
) -> None:
    answer = client.get(f"{channel}/parties/acme/history")
    proved = History.decode(answer.content).verify(read_genesis(network.genesis_block.data))
    assert proved.key == relationship.party_key("acme")
    assert [record[2:4] for record in proved.records] == [("acme", "anchor")]


def test_state_proof_proves_presence_and_absence(
    client: ApiClient, network: LocalNetwork, channel: str
) -> None:
    keys = [invoice_key("acme", story.INVOICE), lien_key("acme", story.INVOICE)]
    query = "&".join(f"key={key.hex()}" for key in keys)
    kind, version, proof, certified = codec.decode(client.get(f"{channel}/state-proofs?{query}").content)
    header = CertifiedHeader.from_value(certified).verify(read_genesis(network.genesis_block.data))
    proved = StateProof.from_value(proof).verify(header.state_root)
    assert (kind, version) == ("state", 1)
    assert proved[keys[0]] is not None
    assert proved[keys[1]] is None
