"""The best allocation that a solver finds, with a bound that no plan can pass; both checked in integers.

    best = optimum(opportunities, rules)
    best.plan           keeps every rule: `contracts.holdings.allocation.breaches` has said so
    best.bound          no plan brings more: `contracts.holdings.allocation.bound`, from the solver's prices

HiGHS (through SciPy) solves a mixed-integer programme in floating point: for each opportunity the share y
that is bought, and whether it is bought at all where only the whole or a smallest part can be had.

    maximise Σ income · y   subject to   Σ weight · y ≤ room   for each rule,   least / most · z ≤ y ≤ z

Nothing of it is believed. What only its tolerances let through is cut off by a cover inequality, and it
solves again. The shares are rounded to minor units, what that breaks is repaired, what is left
is filled up greedily, and if the plain greedy plan brings more, that is taken: so the result is never worse
than greedy. The prices are the multipliers of the relaxation without z; as integers they prove the bound.

SciPy comes with the extra `portfolio`. Without it there is the greedy plan and the bound of one price.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from contracts.holdings import allocation
from contracts.holdings.allocation import BUDGET, PRICE_SCALE, Constraint, Opportunity, Plan
from ledger.money import PPM, divide_half_away

SOLVER_SECONDS = 30.0
"""How long the solver may look for a better plan; the bound says what it left."""

MAX_CUT_ROUNDS = 16
"""How often it solves again because its tolerances let something through."""


SOLVED, GREEDY = "milp", "greedy"


@dataclass(frozen=True, slots=True)
class Optimum:
    """A plan that keeps all rules, and how far from the best one it can be; minor units x PPM a year."""

    plan: Plan
    method: str
    """`SOLVED`, or `GREEDY` if the greedy plan is as good, or there is no solver."""
    income: int
    greedy: int
    """Income of the greedy plan."""
    bound: int
    """No plan brings more."""

    @property
    def gap_ppm(self) -> int:
        """By how much of the bound the plan falls short of it at most; half away."""
        return divide_half_away((self.bound - self.income) * PPM, self.bound) if self.bound > 0 else 0


def has_solver() -> bool:
    """Whether SciPy is installed."""
    return find_spec("scipy") is not None


def optimum(
    opportunities: Sequence[Opportunity], rules: Sequence[Constraint], *, seconds: float = SOLVER_SECONDS
) -> Optimum:
    """The best plan that can be found in so many seconds, never worse than greedy.

    Raises:
        AssertionError: our own bug: a plan that breaks a rule.
    """
    plain = allocation.greedy(opportunities, rules)
    plan, prices = plain, _price_of_cash(opportunities, rules)
    if opportunities and has_solver():
        amounts, prices = _solve(opportunities, rules, seconds)
        kept = allocation.repaired(opportunities, rules, amounts)
        plan = allocation.greedy(opportunities, rules, kept)
    found, least = allocation.income(opportunities, plan), allocation.income(opportunities, plain)
    method = SOLVED if found > least else GREEDY
    plan = plan if found > least else plain
    assert not allocation.breaches(opportunities, rules, plan), "the plan keeps its rules"
    most = min(
        allocation.bound(opportunities, rules, prices),
        allocation.bound(opportunities, rules, _price_of_cash(opportunities, rules)),
    )
    return Optimum(plan, method, max(found, least), least, most)


def _amount(opportunity: Opportunity, share: float) -> int:
    """A share in minor units: down, but for what only misses the next unit by the solver's tolerance."""
    if opportunity.is_whole:
        return opportunity.most if share > 0.5 else 0
    return min(opportunity.most, int(share * opportunity.most + 1e-3))


def _price_of_cash(opportunities: Sequence[Opportunity], rules: Sequence[Constraint]) -> list[int]:
    """Prices under which only the budget costs: the yield at which greedy alone runs out of it."""
    budget = next(rule for rule in rules if rule.kind == BUDGET)
    left, price = budget.room, 0
    for opportunity in sorted(opportunities, key=lambda one: -one.net_yield_ppm):
        left -= opportunity.cash
        if left <= 0:
            price = max(0, opportunity.net_yield_ppm)
            break
    return [price * PRICE_SCALE if rule is budget else 0 for rule in rules]


def _solve(
    opportunities: Sequence[Opportunity], rules: Sequence[Constraint], seconds: float
) -> tuple[list[int], list[int]]:
    """(amount of each opportunity, price of each rule) as the solver has them.

    What its tolerances let through and integers do not is cut off, and it solves again. Rows are scaled to a
    room of 1 and incomes to at most 1, so that its tolerances mean the same for all.
    """
    gains = [one.cash * one.net_yield_ppm for one in opportunities]
    scale = max(1, *(abs(gain) for gain in gains))
    rooms = [max(1, rule.room) for rule in rules]
    rows = _Rows(
        [
            (index, place, allocation.weight(rule.kind, opportunities[place]) / rooms[index])
            for index, rule in enumerate(rules)
            for place in rule.members
        ],
        [0.0] * len(rules),
        [min(1.0, rule.room / rooms[index]) for index, rule in enumerate(rules)],
    )
    costs = [-gain / scale for gain in gains]
    multipliers = _multipliers(costs, rows)
    prices = [
        round(multiplier * scale / room * PRICE_SCALE)
        for multiplier, room in zip(multipliers, rooms, strict=True)
    ]
    amounts: list[int] = []
    _add_parts(opportunities, rows)
    for _ in range(MAX_CUT_ROUNDS):
        shares = _shares(opportunities, costs, rows, seconds)
        amounts = [_amount(one, share) for one, share in zip(opportunities, shares, strict=True)]
        cuts = allocation.covers(opportunities, rules, amounts)
        if not cuts:
            break
        bought = _bought_columns(opportunities)
        for cover in cuts:
            rows.add([(bought[place], 1.0) for place in cover], 0.0, len(cover) - 1.0)
    return amounts, prices


@dataclass(slots=True)
class _Rows:
    """Rows of a linear programme: (row, column, coefficient), and between what each lies."""

    entries: list[tuple[int, int, float]]
    lower: list[float]
    upper: list[float]

    def add(self, coefficients: Sequence[tuple[int, float]], lower: float, upper: float) -> None:
        """One more row."""
        self.entries += [(len(self.upper), column, coefficient) for column, coefficient in coefficients]
        self.lower.append(lower)
        self.upper.append(upper)

    def matrix(self, columns: int) -> Any:
        """The coefficients as SciPy takes them."""
        from scipy.sparse import coo_array  # noqa: PLC0415 (an extra)

        places, across, values = zip(*self.entries, strict=True)
        return coo_array((values, (places, across)), shape=(len(self.upper), columns)).tocsr()


def _multipliers(costs: Sequence[float], rows: _Rows) -> list[float]:
    """The price of each row in the relaxation, where any share of anything can be had; zeros without one."""
    from scipy.optimize import linprog  # noqa: PLC0415 (an extra)

    relaxed = linprog(costs, A_ub=rows.matrix(len(costs)), b_ub=rows.upper, bounds=(0, 1), method="highs")
    if relaxed.status:
        return [0.0] * len(rows.upper)
    return [max(0.0, -float(marginal)) for marginal in relaxed.ineqlin.marginals]


def _bought_columns(opportunities: Sequence[Opportunity]) -> list[int]:
    """The column that is 1 if something of an opportunity is bought: its own, or one beside for parts."""
    column, found = len(opportunities), []
    for place, one in enumerate(opportunities):
        found.append(place if one.is_whole else column)
        column += not one.is_whole
    return found


def _add_parts(opportunities: Sequence[Opportunity], rows: _Rows) -> None:
    """Rows for what can be had in parts: nothing, or from the smallest part on."""
    for place, column in enumerate(_bought_columns(opportunities)):
        if column != place:
            least = opportunities[place].least / opportunities[place].most
            rows.add([(place, 1.0), (column, -1.0)], -1.0, 0.0)
            rows.add([(place, 1.0), (column, -least)], 0.0, 1.0)


def _shares(
    opportunities: Sequence[Opportunity], costs: Sequence[float], rows: _Rows, seconds: float
) -> list[float]:
    """The share of each opportunity in the best plan that was found in time; none if there was none."""
    from scipy.optimize import Bounds, LinearConstraint, milp  # noqa: PLC0415 (an extra)

    count = len(opportunities)
    parts = sum(not one.is_whole for one in opportunities)
    solved = milp(
        [*costs, *([0.0] * parts)],
        integrality=[int(one.is_whole) for one in opportunities] + [1] * parts,
        bounds=Bounds(0, 1),
        constraints=LinearConstraint(rows.matrix(count + parts), rows.lower, rows.upper),
        options={"time_limit": seconds, "mip_rel_gap": 1e-9},
    )
    return [0.0] * count if solved.x is None else [float(share) for share in solved.x[:count]]
