"""docs/finance.md and docs/payables.md name every state and every operation that they explain."""

from __future__ import annotations

from pathlib import Path

import pytest

from contracts.finance import recourse, request
from contracts.lifecycle import LifeCycle
from contracts.registry import OPERATIONS
from contracts.trade import invoice

DOCS = Path(__file__).parents[2] / "docs"
TEXT = "".join((DOCS / name).read_text() for name in ("finance.md", "payables.md"))
EXPLAINED = {"payables", "programme", "request", "finance", "refund", "release", "default", "recourse"}


@pytest.mark.parametrize(
    "cycle", [invoice.TITLE, recourse.STATUS, request.LIFE, request.ANSWER], ids=lambda cycle: cycle.subject
)
def test_every_state_is_named(cycle: LifeCycle) -> None:
    assert [state for state in cycle.states if state not in TEXT] == []


def test_every_operation_of_finance_is_named() -> None:
    wanted = {name for name in OPERATIONS if name.split(".")[0] in EXPLAINED}
    assert {name for name in wanted if f"`{name}`" not in TEXT} == set()


def test_invariant_15_what_ends_a_demand_ends_it_for_good() -> None:
    assert recourse.STATUS.terminal == ("Repurchased", "Substituted", "Offset", "Closed")
