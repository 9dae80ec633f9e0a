"""Keys and organisations: who may sign, and who decides that."""

from __future__ import annotations

import pytest
from trade_ledger import KEYS, TradeLedger, confirm, document, invoice

from contracts import Contracts
from contracts.context import business_day
from contracts.parties import party_views
from ledger.blocks.executor import genesis_overlay
from ledger.blocks.genesis import Genesis
from ledger.errors import Malformed

ADD = {"op": "key.add", "key": KEYS["spare"].public, "name": "spare"}


def revoke(name: str) -> dict[str, object]:
    return {"op": "key.revoke", "key": KEYS[name].public}


def test_a_key_signs_from_its_enrolment_until_its_revocation() -> None:
    trade = TradeLedger()
    assert trade.refused("spare", invoice("A", 1)) == "unknown_key"
    trade.done("acme", ADD)
    trade.done("spare", invoice("A", 1))
    trade.done("acme", revoke("spare"))
    assert trade.refused("spare", invoice("B", 2)) == "revoked_key"
    assert trade.refused("acme", ADD) == "key_exists", "a revoked key never comes back"
    assert trade.refused("bolt", {**ADD, "key": KEYS["mega"].public}) == "key_exists"


def test_a_key_that_revokes_itself_signs_nothing_after_it_in_the_same_transaction() -> None:
    trade = TradeLedger()
    trade.done("acme", ADD)
    operations = (invoice("A", 1), revoke("acme"), invoice("B", 2))
    result = trade.submit("acme", *operations, atomic=False)
    assert [(index, code) for index, code, _ in result] == [(2, "revoked_key")]
    assert trade.entry("invoice", "acme", "A") is not None


def test_an_organisation_keeps_a_key_unless_the_operator_takes_the_last_one() -> None:
    trade = TradeLedger()
    assert trade.refused("acme", revoke("acme")) == "last_key"
    assert trade.refused("bolt", revoke("acme")) == "not_party"
    assert trade.refused("root", revoke("root")) == "last_key"
    trade.done("root", revoke("acme"))
    assert trade.refused("acme", invoice("A", 1)) == "revoked_key"
    assert trade.refused("root", revoke("acme")) == "revoked_key"
    assert party_views.organisation_view(trade.state, "acme")["active_keys"] == 0  # type: ignore[index]


def test_every_operation_of_an_unknown_signer_is_refused_one_by_one_unless_atomic() -> None:
    trade = TradeLedger()
    operations = (invoice("A", 1), confirm("A", 1))
    assert [code for _, code, _ in trade.submit("stranger", *operations, atomic=False)] == ["unknown_key"] * 2
    assert [code for _, code, _ in trade.submit("stranger", *operations)] == ["unknown_key"]


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"business_date": "2012-13-01"}, "parameters.business_date"),
        ({"price_tolerance_ppm": -1}, "parameters.price_tolerance_ppm"),
        ({"quantity_tolerance_ppm": "5"}, "parameters.quantity_tolerance_ppm"),
        ({"backdating_days": 10**9}, "parameters.backdating_days"),
        ({"return_day": 45}, "parameters.return_day"),
    ],
)
def test_genesis_parameters_out_of_range_are_refused(parameters: dict[str, int | str], field: str) -> None:
    with pytest.raises(Malformed) as caught:
        genesis_overlay(Contracts(), Genesis.from_document(document(parameters)))
    assert caught.value.field == field


def test_a_genesis_with_an_unknown_role_or_version_is_refused() -> None:
    unknown = document()
    unknown["organisations"][0]["roles"] = ["wizard"]
    with pytest.raises(Malformed, match="unknown role"):
        genesis_overlay(Contracts(), Genesis.from_document(unknown))
    with pytest.raises(Malformed, match="contract version"):
        genesis_overlay(
            Contracts(), Genesis.from_document({**document(), "contract_version": Contracts.version + 1})
        )


def test_without_a_business_date_the_day_of_genesis_is_taken() -> None:
    plain = document()
    del plain["parameters"]["business_date"]
    overlay = genesis_overlay(Contracts(), Genesis.from_document(plain))
    assert business_day(overlay) == plain["time_ms"] // 86_400_000


@pytest.mark.parametrize("time_ms", [1, 2**63 - 1])
def test_a_genesis_whose_time_is_no_day_of_trade_is_refused(time_ms: int) -> None:
    """Otherwise the first `date.advance` would stop every node: such a day cannot be written."""
    content = {**document(), "time_ms": time_ms, "parameters": {}}
    with pytest.raises(Malformed) as caught:
        genesis_overlay(Contracts(), Genesis.from_document(content))
    assert caught.value.field == "time_ms"
