"""docs/insurance.md names every state, operation and check of the tables that it explains."""

from __future__ import annotations

from pathlib import Path

import pytest

from contracts.insurance import insurance_check
from contracts.insurance.insurance_claim import CLAIM
from contracts.insurance.policy import LIFE
from contracts.lifecycle import LifeCycle
from contracts.registry import OPERATIONS

TEXT = (Path(__file__).parents[2] / "docs" / "insurance.md").read_text()
EXPLAINED = {"policy", "premium", "claim", "indemnity"}


@pytest.mark.parametrize("cycle", [LIFE, CLAIM], ids=lambda cycle: str(cycle.subject))
def test_every_state_is_named(cycle: LifeCycle) -> None:
    assert [state for state in cycle.states if state not in TEXT] == []


def test_every_operation_of_insurance_is_named() -> None:
    wanted = {name for name in OPERATIONS if name.split(".")[0] in EXPLAINED}
    assert {name for name in wanted if f"`{name}`" not in TEXT} == set()


def test_every_check_is_named() -> None:
    assert [check.__name__ for check in insurance_check.CHECKS if check.__name__ not in TEXT] == []
