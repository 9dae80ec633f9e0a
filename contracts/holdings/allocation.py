"""Allocation of a budget: which receivables a lender should buy under its limits and caps, checked in
integers.

    plan = a minor-unit amount for each opportunity, 0 for none

The best plan is found elsewhere, by a solver in floating point (`clients.lending.optimum`). What decides is
here, pure and exact: `breaches` says whether a plan keeps every constraint, `income` what it brings, `bound`
that no plan can bring more. So nobody needs to trust a solver: a wrong plan is refused, a poor one is seen to
be poor.

| constraint | Σ over its members of | is at most |
|---|---|---|
| budget | cash paid out | the budget |
| expected_loss | expected loss, up | the mandate's |
| obligor_cap, supplier_cap | amount | the share of the fund, less what is held |
| limit | amount under limits of at most this one | the lender's limit for the obligor, less its exposure |
| receivable | 1 for each | 1: one programme buys it |

A lender's exposure to an obligor counts in all its programmes, whose limits for it may differ. What is bought
under the smaller limits first may fill each of them: so a limit's constraint has as members what is bought
under it and under smaller ones.

The income of a plan is a year's: Σ cash · net yield, each part down. By weak duality prices λ ≥ 0 on the
constraints bound it: no plan brings more than Σ λ · room + Σ max(0, income - Σ λ · weight) (Dantzig, the
Lagrangian bound of a knapsack). Any prices give a true bound; a solver's give a close one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from contracts.holdings.portfolio import Position
from ledger.money import PPM, divide_down, divide_half_away, divide_up

BUDGET, LOSS, OBLIGOR_CAP, SUPPLIER_CAP = "budget", "expected_loss", "obligor_cap", "supplier_cap"
LIMIT, RECEIVABLE = "limit", "receivable"

PRICE_SCALE = 10**9
"""Prices of constraints are integers of so many parts of one ppm."""


class Opportunity(NamedTuple):
    """Something that money can be put into; minor units of one currency."""

    programme: str
    supplier: str
    invoice: str
    obligor: str
    most: int
    """Amount of the whole: what counts as exposure. Above zero."""
    least: int
    """Smallest part that can be had; `most` if it is all or nothing. From 1 to `most`."""
    cash: int
    """Paid out for the whole, from 1 to `most`."""
    net_yield_ppm: int
    """A year, on the cash, after expected loss; below zero if it is expected to lose."""
    expected_loss: int
    """Of the whole."""
    tenor_days: int

    @property
    def receivable(self) -> tuple[str, str]:
        """What is bought: (supplier, invoice)."""
        return self.supplier, self.invoice

    @property
    def is_whole(self) -> bool:
        """Whether it is all or nothing."""
        return self.least == self.most

    def cash_for(self, amount: int) -> int:
        """Paid out for a part; up."""
        return divide_up(self.cash * amount, self.most)

    def loss_of(self, amount: int) -> int:
        """Expected loss of a part; up."""
        return divide_up(self.expected_loss * amount, self.most)

    def income_of(self, amount: int) -> int:
        """A year's net income of a part, minor units x PPM; down."""
        return divide_down(self.cash * self.net_yield_ppm * amount, self.most)


class Mandate(NamedTuple):
    """What a lender may do with a budget; minor units, shares in ppm of the fund."""

    budget: int
    """Cash to place."""
    fund: int
    """What caps are shares of: the budget, or the budget and all that is held."""
    obligor_cap_ppm: int | None = None
    """None for no cap; one of 100 % is one, as a fund may be less than what is held and bought."""
    supplier_cap_ppm: int | None = None
    max_loss: int | None = None
    """Expected loss of what is bought, at most."""
    max_tenor_days: int | None = None
    smallest_ticket: int = 1
    """Amount of one purchase, at least."""
    least_yield_ppm: int = 0
    """Net yield, at least."""


class Held(NamedTuple):
    """What a lender holds already, minor units."""

    obligors: Mapping[str, int] = {}
    """Principal by obligor, certificates among it."""
    suppliers: Mapping[str, int] = {}

    @classmethod
    def of(cls, held: Iterable[Position], leaves: Mapping[str, int]) -> Held:
        """What positions in one currency and certificates, by obligor, add up to."""
        obligors, suppliers = dict(leaves), dict[str, int]()
        for position in held:
            obligors[position.buyer] = obligors.get(position.buyer, 0) + position.principal
            suppliers[position.supplier] = suppliers.get(position.supplier, 0) + position.principal
        return cls(obligors, suppliers)


class Room(NamedTuple):
    """A programme's limit for an obligor, and how much of it is used; minor units."""

    limit: int
    exposure: int


class Constraint(NamedTuple):
    """Σ of the members' weights, each in proportion to its amount, is at most `room`."""

    kind: str
    subject: str
    room: int
    members: tuple[int, ...]
    """Places of opportunities."""


Plan = tuple[int, ...]
"""An amount for each opportunity."""


class Breach(NamedTuple):
    """A constraint that a plan breaks, or an amount that cannot be had."""

    kind: str
    subject: str
    found: int
    most: int


def unsuitable(opportunity: Opportunity, mandate: Mandate) -> str | None:
    """Why a mandate does not take an opportunity at all; None if it does."""
    if mandate.max_tenor_days is not None and opportunity.tenor_days > mandate.max_tenor_days:
        return "tenor_too_long"
    if opportunity.most < mandate.smallest_ticket:
        return "ticket_too_small"
    if opportunity.net_yield_ppm < mandate.least_yield_ppm:
        return "yield_too_low"
    return None


def constraints(
    opportunities: Sequence[Opportunity],
    mandate: Mandate,
    held: Held,
    limits: Mapping[tuple[str, str], Room],
) -> tuple[Constraint, ...]:
    """All constraints of an allocation; `limits` by (programme, obligor): what is missing does not bind."""
    everything = tuple(range(len(opportunities)))
    found = [Constraint(BUDGET, "", mandate.budget, everything)]
    if mandate.max_loss is not None:
        found.append(Constraint(LOSS, "", mandate.max_loss, everything))
    obligors = _members(opportunities, lambda one: one.obligor)
    suppliers = _members(opportunities, lambda one: one.supplier)
    for kind, cap_ppm, members, holds in (
        (OBLIGOR_CAP, mandate.obligor_cap_ppm, obligors, held.obligors),
        (SUPPLIER_CAP, mandate.supplier_cap_ppm, suppliers, held.suppliers),
    ):
        if cap_ppm is not None:
            most = divide_down(mandate.fund * cap_ppm, PPM)
            found += [
                Constraint(kind, name, max(0, most - holds.get(name, 0)), places)
                for name, places in members.items()
            ]
    for obligor, places in obligors.items():
        found += _limits(obligor, places, opportunities, limits)
    receivables = _members(opportunities, lambda one: " ".join(one.receivable))
    found += [Constraint(RECEIVABLE, name, 1, places) for name, places in receivables.items() if places[1:]]
    return tuple(found)


def _members(
    opportunities: Sequence[Opportunity], name: Callable[[Opportunity], str]
) -> dict[str, tuple[int, ...]]:
    found: dict[str, list[int]] = defaultdict(list)
    for place, opportunity in enumerate(opportunities):
        found[name(opportunity)].append(place)
    return {key: tuple(found[key]) for key in sorted(found)}


def _limits(
    obligor: str,
    places: Sequence[int],
    opportunities: Sequence[Opportunity],
    limits: Mapping[tuple[str, str], Room],
) -> list[Constraint]:
    """A constraint for each different limit of an obligor: what is bought under it and under smaller ones."""
    rooms = {place: limits.get((opportunities[place].programme, obligor)) for place in places}
    found = []
    for limit in sorted({room.limit for room in rooms.values() if room is not None}):
        under = {place: room for place, room in rooms.items() if room is not None and room.limit <= limit}
        exposure = max(room.exposure for room in under.values())
        found.append(Constraint(LIMIT, obligor, max(0, limit - exposure), tuple(under)))
    return found


def weight(kind: str, opportunity: Opportunity) -> int:
    """What the whole of an opportunity uses of a constraint."""
    if kind == BUDGET:
        return opportunity.cash
    if kind == LOSS:
        return opportunity.expected_loss
    return 1 if kind == RECEIVABLE else opportunity.most


def used(constraint: Constraint, opportunities: Sequence[Opportunity], plan: Sequence[int]) -> int:
    """What a plan uses of a constraint, each part up."""
    return sum(
        _use(constraint.kind, opportunities[place], plan[place])
        for place in constraint.members
        if plan[place]
    )


def _use(kind: str, opportunity: Opportunity, amount: int) -> int:
    if kind == BUDGET:
        return opportunity.cash_for(amount)
    if kind == LOSS:
        return opportunity.loss_of(amount)
    return 1 if kind == RECEIVABLE else amount


def breaches(
    opportunities: Sequence[Opportunity], rules: Sequence[Constraint], plan: Sequence[int]
) -> tuple[Breach, ...]:
    """Everything that is wrong with a plan; empty for a good one."""
    if len(plan) != len(opportunities):
        return (Breach("plan", "", len(plan), len(opportunities)),)
    found = [
        Breach("amount", " ".join(opportunity.receivable), amount, opportunity.most)
        for opportunity, amount in zip(opportunities, plan, strict=True)
        if amount and not opportunity.least <= amount <= opportunity.most
    ]
    for rule in rules:
        taken = used(rule, opportunities, plan)
        if taken > rule.room:
            found.append(Breach(rule.kind, rule.subject, taken, rule.room))
    return tuple(found)


def income(opportunities: Sequence[Opportunity], plan: Sequence[int]) -> int:
    """A year's net income of a plan, minor units x PPM; each part down."""
    return sum(
        opportunity.income_of(amount)
        for opportunity, amount in zip(opportunities, plan, strict=True)
        if amount
    )


def cash(opportunities: Sequence[Opportunity], plan: Sequence[int]) -> int:
    """What a plan pays out, minor units."""
    return sum(
        opportunity.cash_for(amount)
        for opportunity, amount in zip(opportunities, plan, strict=True)
        if amount
    )


def net_yield(opportunities: Sequence[Opportunity], plan: Sequence[int]) -> int:
    """Net yield of a plan in ppm a year on what it pays out; half away, 0 for an empty one."""
    paid_out = cash(opportunities, plan)
    return divide_half_away(income(opportunities, plan), paid_out) if paid_out else 0


def greedy(
    opportunities: Sequence[Opportunity], rules: Sequence[Constraint], start: Sequence[int] = ()
) -> Plan:
    """As much as fits of one opportunity after the other, from the highest net yield down.

    `start` is a plan that keeps the rules; it is added to. Among equal yields the order is that of the
    names, so that the order of arrival decides nothing.
    """
    plan = list(start) or [0] * len(opportunities)
    rooms = [rule.room - used(rule, opportunities, plan) for rule in rules]
    about = _rules_of(opportunities, rules)
    order = sorted(
        range(len(opportunities)),
        key=lambda place: (-opportunities[place].net_yield_ppm, opportunities[place][:3]),
    )
    for place in order:
        opportunity, had = opportunities[place], plan[place]
        if opportunity.net_yield_ppm <= 0 or had == opportunity.most:
            continue
        amount = min(
            [opportunity.most]
            + [_fits(rules[index].kind, opportunity, had, rooms[index]) for index in about[place]]
        )
        if amount > had and amount >= opportunity.least:
            for index in about[place]:
                kind = rules[index].kind
                rooms[index] -= _use(kind, opportunity, amount) - (_use(kind, opportunity, had) if had else 0)
            plan[place] = amount
    return tuple(plan)


def _rules_of(opportunities: Sequence[Opportunity], rules: Sequence[Constraint]) -> list[list[int]]:
    found: list[list[int]] = [[] for _ in opportunities]
    for index, rule in enumerate(rules):
        for place in rule.members:
            found[place].append(index)
    return found


def _fits(kind: str, opportunity: Opportunity, had: int, room: int) -> int:
    """The greatest amount of an opportunity that a constraint leaves room for beside what was had."""
    whole = weight(kind, opportunity)
    if not whole:
        return opportunity.most
    room += _use(kind, opportunity, had) if had else 0
    if kind == RECEIVABLE:
        return opportunity.most if room >= 1 else 0
    return min(opportunity.most, divide_down(room * opportunity.most, whole))


def covers(
    opportunities: Sequence[Opportunity], rules: Sequence[Constraint], plan: Sequence[int]
) -> tuple[tuple[int, ...], ...]:
    """Places of what a plan buys that breaks a rule even at its smallest parts: not all of it can be had.

    A solver that took them for possible within its tolerance is told so by a cut (cover inequality).
    """
    found = []
    for rule in rules:
        bought = tuple(place for place in rule.members if plan[place])
        least = sum(_use(rule.kind, opportunities[place], opportunities[place].least) for place in bought)
        if least > rule.room:
            found.append(bought)
    return tuple(found)


def repaired(opportunities: Sequence[Opportunity], rules: Sequence[Constraint], plan: Sequence[int]) -> Plan:
    """A plan that keeps the rules, from one that may not: what yields least in a broken one is given up."""
    kept = [
        amount if opportunity.least <= amount <= opportunity.most else 0
        for opportunity, amount in zip(opportunities, plan, strict=True)
    ]
    for rule in rules:
        members = sorted(rule.members, key=lambda place: opportunities[place].net_yield_ppm)
        taken = used(rule, opportunities, kept)
        for place in members:
            if taken <= rule.room:
                break
            if kept[place]:
                opportunity, had = opportunities[place], kept[place]
                room = rule.room - taken
                amount = min(had, max(0, _fits(rule.kind, opportunity, had, room)))
                kept[place] = amount if amount >= opportunity.least else 0
                taken += (_use(rule.kind, opportunity, kept[place]) if kept[place] else 0) - _use(
                    rule.kind, opportunity, had
                )
    return tuple(kept)


def bound(opportunities: Sequence[Opportunity], rules: Sequence[Constraint], prices: Sequence[int]) -> int:
    """What no plan can pass, minor units x PPM a year, from prices of the rules in parts of `PRICE_SCALE`.

    Prices below zero count as zero: whatever they are, the bound is true.
    """
    costs = [0] * len(opportunities)
    total = 0
    for rule, price in zip(rules, prices, strict=True):
        if price > 0:
            total += price * rule.room
            for place in rule.members:
                costs[place] += price * weight(rule.kind, opportunities[place])
    for opportunity, cost in zip(opportunities, costs, strict=True):
        total += max(0, PRICE_SCALE * opportunity.cash * opportunity.net_yield_ppm - cost)
    return divide_up(total, PRICE_SCALE)
