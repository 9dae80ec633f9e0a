"""Invariant 17, the half that the operation table says: an operation is signed by the role that owns it.

Every row of the table is tried with the least that is well formed, under the key of every organisation that
lacks the role.
"""

from __future__ import annotations

import pytest
from campaign.forms import least
from trade_ledger import DAY, ROLES, TradeLedger

from contracts.registry import OPERATIONS, parse
from ledger import codec


@pytest.fixture(scope="module")
def trade() -> TradeLedger:
    return TradeLedger()


@pytest.mark.parametrize("name", OPERATIONS)
def test_invariant_17_every_other_role_is_refused(trade: TradeLedger, name: str) -> None:
    spec = OPERATIONS[name]
    operation = least(spec.model, DAY)
    before = dict(trade.state.data)
    assert trade.refused("stranger", operation) == "unknown_key"
    for signer, roles in ROLES.items():
        if spec.roles and not set(roles) & set(spec.roles):
            assert trade.refused(signer, operation) == "wrong_role"
    assert trade.state.data == before


def test_every_operation_has_a_least_form() -> None:
    for spec in OPERATIONS.values():
        assert parse(codec.decode(codec.encode(least(spec.model, DAY)))).op == spec.name
