"""The solver's plan: never worse than greedy, within its bound, the best one where that can be counted."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clients.lending import optimum as solver
from clients.lending.optimum import GREEDY, SOLVED, optimum
from contracts.holdings import allocation
from contracts.holdings.allocation import Constraint, Held, Mandate, Opportunity, Room
from ledger.money import PPM

pytestmark = pytest.mark.skipif(not solver.has_solver(), reason="SciPy is not installed")


@st.composite
def markets(draw: st.DrawFn) -> tuple[list[Opportunity], tuple[Constraint, ...]]:
    """Up to seven receivables that are bought whole or not, in minor units as large as they come."""
    scale = draw(st.sampled_from([1, 1_000_000, 10**10]))
    offered = []
    for place in range(draw(st.integers(1, 7))):
        most = draw(st.integers(1, 60)) * scale + draw(st.integers(0, scale - 1))
        obligor = draw(st.sampled_from(["o1", "o2", "o3"]))
        cash = most - most // draw(st.integers(20, 60))
        offered.append(
            Opportunity("P", "s", f"I{place}", obligor, most, most, cash, draw(st.integers(1, 90_000)), 0, 60)
        )
    mandate = Mandate(
        draw(st.integers(0, 200)) * scale, 200 * scale, obligor_cap_ppm=draw(st.integers(0, PPM))
    )
    rules = allocation.constraints(offered, mandate, Held(), {("P", "o1"): Room(50 * scale, 0)})
    return offered, rules


def best_of_all(offered: list[Opportunity], rules: tuple[Constraint, ...]) -> int:
    """The income of the best plan, by trying every one."""
    plans = product(*((0, one.most) for one in offered))
    return max(
        allocation.income(offered, plan) for plan in plans if not allocation.breaches(offered, rules, plan)
    )


@settings(max_examples=40)
@given(markets())
def test_the_plan_is_the_best_there_is_and_the_bound_is_above_it(
    market: tuple[list[Opportunity], tuple[Constraint, ...]],
) -> None:
    offered, rules = market
    found = optimum(offered, rules)
    assert allocation.breaches(offered, rules, found.plan) == ()
    assert found.income == allocation.income(offered, found.plan)
    best = best_of_all(offered, rules)
    assert found.greedy <= found.income <= best <= found.bound
    assert best - found.income <= best // 1_000_000, "but for what the solver's tolerance hides"


def test_where_greedy_is_misled_the_solver_is_not_and_the_gap_is_told() -> None:
    """One small one at the highest yield keeps two larger ones out that would fill the budget."""
    offered = [
        Opportunity("P", "s", name, name, amount, amount, amount, rate, 0, 60)
        for name, amount, rate in (("A", 60, 70_000), ("B", 50, 65_000), ("C", 50, 65_000))
    ]
    rules = allocation.constraints(offered, Mandate(100, 100), Held(), {})
    found = optimum(offered, rules)
    assert (found.method, found.plan) == (SOLVED, (0, 50, 50))
    assert (found.greedy, found.income) == (60 * 70_000, 100 * 65_000)
    assert found.bound == 60 * 70_000 + 40 * 65_000, "the relaxation takes a part of B"
    assert 0 < found.gap_ppm < 100_000


def test_what_misses_a_room_by_one_unit_is_not_taken_and_the_next_best_plan_is_found() -> None:
    """A solver's tolerance is a millionth of a room; one unit of 10^12 lies far within it."""
    big = 10**12
    offered = [
        Opportunity("P", "s", name, "o", amount, amount, amount, rate, 0, 60)
        for name, amount, rate in (
            ("A", 500 * big + 1, 60_000),
            ("B", 500 * big, 59_000),
            ("C", 499 * big, 58_000),
            ("D", 400 * big, 61_000),
        )
    ]
    rules = allocation.constraints(offered, Mandate(1_000 * big, 1_000 * big), Held(), {})
    found = optimum(offered, rules)
    assert found.plan == (500 * big + 1, 0, 499 * big, 0)
    assert found.income == best_of_all(offered, rules)


def test_the_domain_s_row_is_solved_to_the_unit_with_a_tight_bound() -> None:
    """A 40m at 6.0, B 50m at 5.5, C 60m at 5.0; cap 35 % of 100m: 35/35/30."""
    million = 1_000_000_00
    offered = [
        Opportunity("P", name, "INV", name, most * million, 1, most * million, rate, 0, 60)
        for name, most, rate in (("A", 40, 60_000), ("B", 50, 55_000), ("C", 60, 50_000))
    ]
    mandate = Mandate(100 * million, 100 * million, obligor_cap_ppm=350_000)
    found = optimum(offered, allocation.constraints(offered, mandate, Held(), {}))
    assert found.plan == (35 * million, 35 * million, 30 * million)
    assert allocation.net_yield(offered, found.plan) == 55_250
    assert found.gap_ppm == 0


def test_without_a_solver_the_plan_is_greedy_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(solver, "has_solver", lambda: False)
    offered = [Opportunity("P", "s", "I", "o", 100, 100, 90, 50_000, 0, 60)]
    rules = allocation.constraints(offered, Mandate(90, 90), Held(), {})
    found = optimum(offered, rules)
    assert (found.method, found.plan) == (GREEDY, (100,))
    assert found.income <= found.bound <= found.income + 90 * 50_000


def test_nothing_to_buy_is_an_empty_plan() -> None:
    rules = allocation.constraints([], Mandate(100, 100), Held(), {})
    assert optimum([], rules).plan == ()
