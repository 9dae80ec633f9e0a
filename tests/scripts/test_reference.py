"""docs/reference is what the code says today, and the code says it truly."""

from __future__ import annotations

import re
import sys
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path += [str(ROOT / "scripts"), str(ROOT / "tests" / "contracts")]

from _reference import changed, pages  # noqa: E402
from _reference_calls import Calls  # noqa: E402
from _reference_laws import by_tests, laws, mentioned  # noqa: E402
from _reference_operations import codes_of, kinds_of  # noqa: E402
from _reference_states import life_cycles  # noqa: E402
from campaign.episodes import Coverage, run_campaign  # noqa: E402

import contracts.market.early_payment as early  # noqa: E402
from contracts.errors import REMEDIES  # noqa: E402
from contracts.registry import OPERATIONS  # noqa: E402

OPERATIONS_HERE = 400


@pytest.fixture(scope="module")
def calls() -> Calls:
    return Calls()


def test_the_reference_is_what_the_code_says_today() -> None:
    """When this fails, run `scripts/make-reference` and look at what it changed."""
    assert changed(pages()) == []


def test_every_code_is_given_somewhere_and_has_a_remedy(calls: Calls) -> None:
    assert calls.given == REMEDIES.keys()


def test_codes_stand_in_the_reference_and_nothing_else_does(calls: Calls) -> None:
    text = (ROOT / "docs" / "reference" / "codes.md").read_text()
    refusals = text.split("## Codes of form")[0]
    assert set(re.findall(r"^### (\w+)$", refusals, flags=re.MULTILINE)) == REMEDIES.keys()


@pytest.fixture(scope="module")
def coverage() -> Coverage:
    return run_campaign(11, OPERATIONS_HERE)


def test_random_operations_meet_no_code_that_the_reference_lacks(calls: Calls, coverage: Coverage) -> None:
    for op, code in coverage.refused:
        assert code in codes_of(calls, OPERATIONS[op]), f"{op} gave {code}"


def test_random_operations_write_no_entry_that_the_reference_lacks(calls: Calls, coverage: Coverage) -> None:
    for op, kinds in coverage.written.items():
        assert kinds <= kinds_of(calls, OPERATIONS[op]), f"{op} wrote {kinds}"


def test_random_operations_move_nothing_but_along_arrows_that_name_them(coverage: Coverage) -> None:
    """Or that name an event; an operation may go along several, as a sale from Free over Reserved."""
    cycles = {(cycle.subject, cycle.axis): cycle for _, cycle in life_cycles()}
    for op, moved in coverage.moved.items():
        for subject, axis, source, target in moved:
            arrows = [
                (arrow.source, arrow.target)
                for arrow in cycles[subject, axis].transitions
                if arrow.by == op or arrow.by not in OPERATIONS
            ]
            reached = {source}
            for _ in arrows:
                reached |= {to for start, to in arrows if start in reached}
            assert target in reached, f"{op} moved {subject}, {axis} from {source} to {target}"


def test_every_law_has_its_check_where_the_table_says() -> None:
    checks = [name for _, _, cell in laws() for name in re.findall(r"`([^`]+)`", cell)]
    assert len(checks) > 40
    for name in checks:
        module, _, check = name.rpartition(".")
        assert callable(getattr(import_module(f"contracts.{module or 'invariants'}"), check)), name


def test_a_handler_that_refuses_through_others_has_their_codes(calls: Calls) -> None:
    accept = calls.codes(f"{early.accept.__module__}.accept")
    assert {"no_early_offer", "wrong_state", "already_financed", "quote_stale"} <= accept
    assert "insufficient_funds" not in accept


def test_a_method_of_a_module_that_does_not_come_there_gives_no_code(calls: Calls) -> None:
    """`get` of a dictionary is not that of a regulator's reader, which knows all of the business."""
    codes = calls.codes("contracts.cash.exchange.quote")
    assert "rate_mismatch" in codes
    assert not codes & {"policy_not_active", "notified_too_late", "not_confirmed", "unknown_shipment"}


def test_every_axis_is_on_the_page_of_states_once() -> None:
    names = [(cycle.subject, cycle.axis) for _, cycle in life_cycles()]
    assert len(set(names)) == len(names) >= 18
    moved_by = {transition.by for _, cycle in life_cycles() for transition in cycle.transitions}
    assert len(moved_by & OPERATIONS.keys()) > 60


def test_every_law_names_checks_that_exist_and_has_a_test() -> None:
    for number, _, check in laws():
        for name in re.findall(r"`([^`]+)`", check):
            module, _, function = name.rpartition(".")
            at = import_module(f"contracts.{module or 'invariants'}")
            assert hasattr(at, function), f"law {number} names {name}"
    assert {number for number, _, _ in laws()} <= by_tests().keys()


def test_mentions_of_laws_are_read_as_people_write_them() -> None:
    assert mentioned("Invariants 9, 12, 17 and 19 to 21 of insurance") == {9, 12, 17, 19, 20, 21}
    assert mentioned("test_invariant_16_a_declared_date") == {16}
    assert mentioned("all invariants of `contracts.state_check` hold: 1, 5") == {1, 5}
    assert mentioned("no number. 5 of them") == set()
