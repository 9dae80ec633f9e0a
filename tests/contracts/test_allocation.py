"""Plans keep every limit, cap and budget; bounds are above every plan; a broken one is refused."""

from __future__ import annotations

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.holdings import allocation
from contracts.holdings.allocation import (
    BUDGET,
    LIMIT,
    OBLIGOR_CAP,
    PRICE_SCALE,
    RECEIVABLE,
    Breach,
    Constraint,
    Held,
    Mandate,
    Opportunity,
    Room,
)
from ledger.money import PPM

MILLION = 1_000_000_00


def opportunity(name: str, most: int, net_yield_ppm: int, **changes: int | str) -> Opportunity:
    """One of its own obligor and supplier, of which any part can be had."""
    made = Opportunity("prime", name, "INV", name, most, 1, most, net_yield_ppm, 0, 60)
    return made._replace(**changes)  # type: ignore[arg-type]


@st.composite
def markets(draw: st.DrawFn) -> tuple[list[Opportunity], tuple[Constraint, ...]]:
    """Up to six opportunities of two obligors in two programmes, and the constraints of a mandate."""
    offered = []
    for place in range(draw(st.integers(1, 6))):
        most = draw(st.integers(1, 1_000))
        least = draw(st.sampled_from([most, max(1, most // 3), 1]))
        offered.append(
            Opportunity(
                draw(st.sampled_from(["P", "Q"])),
                draw(st.sampled_from(["s1", "s2"])),
                f"INV{draw(st.integers(0, place))}",
                draw(st.sampled_from(["o1", "o2"])),
                most,
                least,
                draw(st.integers(max(1, most - most // 5), most)),
                draw(st.integers(-20_000, 200_000)),
                draw(st.integers(0, most // 10)),
                60,
            )
        )
    unique = {(*one[:3],): one for one in offered}
    budget = draw(st.integers(0, 2_000))
    mandate = Mandate(
        budget,
        draw(st.integers(0, 4_000)),
        draw(st.integers(0, PPM)),
        draw(st.integers(0, PPM)),
        draw(st.none() | st.integers(0, 100)),
    )
    held = Held({"o1": draw(st.integers(0, 500))}, {"s2": draw(st.integers(0, 500))})
    limits = {
        (programme, obligor): Room(draw(st.integers(0, 1_500)), draw(st.integers(0, 100)))
        for programme, obligor in product("PQ", ("o1", "o2"))
    }
    chosen = list(unique.values())
    return chosen, allocation.constraints(chosen, mandate, held, limits)


@settings(max_examples=60)
@given(markets(), st.lists(st.integers(0, 10**15), min_size=12, max_size=12))
def test_greedy_keeps_every_rule_and_no_prices_give_a_bound_below_it(
    market: tuple[list[Opportunity], tuple[Constraint, ...]], prices: list[int]
) -> None:
    offered, rules = market
    plan = allocation.greedy(offered, rules)
    assert allocation.breaches(offered, rules, plan) == ()
    priced = (prices * len(rules))[: len(rules)]
    assert allocation.bound(offered, rules, priced) >= allocation.income(offered, plan)
    assert allocation.greedy(offered, rules, plan) == plan, "nothing more fits"


@settings(max_examples=60)
@given(markets(), st.data())
def test_any_plan_is_repaired_into_one_that_keeps_every_rule(
    market: tuple[list[Opportunity], tuple[Constraint, ...]], data: st.DataObject
) -> None:
    offered, rules = market
    wild = [data.draw(st.integers(0, one.most)) for one in offered]
    kept = allocation.repaired(offered, rules, wild)
    assert allocation.breaches(offered, rules, kept) == ()
    if not allocation.breaches(offered, rules, wild):
        assert kept == tuple(wild)


@settings(max_examples=60)
@given(markets(), st.data())
def test_a_plan_broken_on_purpose_is_refused_with_the_rule_that_it_breaks(
    market: tuple[list[Opportunity], tuple[Constraint, ...]], data: st.DataObject
) -> None:
    offered, rules = market
    plan = allocation.greedy(offered, rules)
    rule = data.draw(st.sampled_from(rules))
    taken = allocation.used(rule, offered, plan)
    tight = rule._replace(room=taken - 1)
    found = allocation.breaches(offered, (tight,), plan)
    assert found == (Breach(rule.kind, rule.subject, taken, taken - 1),)
    too_much = [one.most + 1 if place == 0 else 0 for place, one in enumerate(offered)]
    assert "amount" in {breach.kind for breach in allocation.breaches(offered, rules, too_much)}
    assert allocation.breaches(offered, rules, plan[1:]), "a plan of another length"


def test_the_domain_s_allocation_of_100m_is_to_the_unit() -> None:
    """A 40 at 6.0, B 50 at 5.5, C 60 at 5.0; cap 35 %: 35/35/30, 5.525 %."""
    offered = [
        opportunity("A", 40 * MILLION, 60_000),
        opportunity("B", 50 * MILLION, 55_000),
        opportunity("C", 60 * MILLION, 50_000),
    ]
    mandate = Mandate(100 * MILLION, 100 * MILLION, obligor_cap_ppm=350_000)
    rules = allocation.constraints(offered, mandate, Held(), {})
    plan = allocation.greedy(offered, rules)
    assert plan == (35 * MILLION, 35 * MILLION, 30 * MILLION)
    assert allocation.net_yield(offered, plan) == 55_250
    # These prices prove that no plan brings more: 5 % on the budget, 1 % and 0.5 % on the caps.
    prices = [50_000 * PRICE_SCALE, 10_000 * PRICE_SCALE, 5_000 * PRICE_SCALE, 0]
    assert [rule.kind for rule in rules] == [BUDGET, OBLIGOR_CAP, OBLIGOR_CAP, OBLIGOR_CAP]
    assert allocation.bound(offered, rules, prices) == allocation.income(offered, plan)


def test_the_smaller_of_two_limits_counts_what_is_bought_under_it_and_the_larger_one_everything() -> None:
    offered = [
        opportunity("s1", 300, 60_000, obligor="mega", programme="small"),
        opportunity("s2", 300, 70_000, obligor="mega", programme="large"),
    ]
    limits = {("small", "mega"): Room(250, 50), ("large", "mega"): Room(500, 50)}
    rules = allocation.constraints(offered, Mandate(10_000, 10_000), Held(), limits)
    assert [(rule.kind, rule.room, rule.members) for rule in rules[1:]] == [
        (LIMIT, 200, (0,)),
        (LIMIT, 450, (0, 1)),
    ]
    assert allocation.greedy(offered, rules) == (150, 300)


def test_one_receivable_is_bought_under_one_programme() -> None:
    offered = [
        opportunity("acme", 300, 60_000, programme="first"),
        opportunity("acme", 300, 61_000, programme="second"),
    ]
    rules = allocation.constraints(offered, Mandate(10_000, 10_000), Held(), {})
    assert rules[-1].kind == RECEIVABLE
    assert allocation.greedy(offered, rules) == (0, 300)
    assert [breach.kind for breach in allocation.breaches(offered, rules, (1, 1))] == [RECEIVABLE]


def test_what_is_held_counts_under_the_caps_of_the_whole_fund() -> None:
    offered = [opportunity("mega", 1_000, 60_000)]
    mandate = Mandate(1_000, 4_000, obligor_cap_ppm=250_000)
    rules = allocation.constraints(offered, mandate, Held({"mega": 700}), {})
    assert allocation.greedy(offered, rules) == (300,)
    whole = allocation.constraints(offered, mandate._replace(obligor_cap_ppm=PPM), Held({"mega": 3_600}), {})
    assert allocation.greedy(offered, whole) == (400,), "a cap of the whole fund is a cap"
    free = allocation.constraints(offered, mandate._replace(obligor_cap_ppm=None), Held({"mega": 3_600}), {})
    assert allocation.greedy(offered, free) == (1_000,)


def test_what_a_mandate_does_not_take_at_all_says_why() -> None:
    mandate = Mandate(1_000, 1_000, max_tenor_days=90, smallest_ticket=100, least_yield_ppm=40_000)
    fits = opportunity("mega", 100, 40_000, tenor_days=90)
    assert allocation.unsuitable(fits, mandate) is None
    assert allocation.unsuitable(fits._replace(tenor_days=91), mandate) == "tenor_too_long"
    assert allocation.unsuitable(fits._replace(most=99), mandate) == "ticket_too_small"
    assert allocation.unsuitable(fits._replace(net_yield_ppm=39_999), mandate) == "yield_too_low"
