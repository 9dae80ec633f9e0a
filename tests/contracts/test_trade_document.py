"""docs/trade.md names every state and every operation of the tables that it explains."""

from __future__ import annotations

from pathlib import Path

import pytest

from contracts.lifecycle import LifeCycle
from contracts.registry import OPERATIONS
from contracts.trade import amendment, credit, invoice, order, shipment

TEXT = (Path(__file__).parents[2] / "docs" / "trade.md").read_text()
CYCLES = [
    order.LIFE,
    amendment.LIFE,
    shipment.LIFE,
    invoice.VALIDITY,
    invoice.TITLE,
    invoice.CASH,
    credit.LIFE,
]
EXPLAINED = {"order", "amendment", "shipment", "goods", "invoice", "dispute", "credit"}


@pytest.mark.parametrize("cycle", CYCLES, ids=lambda cycle: f"{cycle.subject} {cycle.axis}")
def test_every_state_is_named(cycle: LifeCycle) -> None:
    assert [state for state in cycle.states if state not in TEXT] == []


def test_every_operation_of_trade_is_named() -> None:
    wanted = {name for name in OPERATIONS if name.split(".")[0] in EXPLAINED}
    assert {name for name in wanted if f"`{name}`" not in TEXT} == set()


@pytest.mark.parametrize("cycle", CYCLES, ids=lambda cycle: f"{cycle.subject} {cycle.axis}")
def test_invariant_15_terminal_states_are_those_of_the_document(cycle: LifeCycle) -> None:
    """What the business calls final, nothing leaves."""
    final = {
        "order": ("Closed", "Cancelled"),
        "amendment": ("Agreed", "Declined"),
        "shipment": ("Refused", "Lost", "Returned"),
        "credit": ("Applied", "Rejected"),
    }
    of_invoice = {
        "validity": ("Rejected", "Cancelled"),
        "title": ("Certificated",),
        "cash": ("Void", "SettledLate"),
    }
    expected = of_invoice[cycle.axis] if cycle.subject == "invoice" else final[cycle.subject]
    assert cycle.terminal == expected
