"""Prospects: a plan over what a lender's programmes would buy is taken by the ledger, offer by offer."""

from __future__ import annotations

from itertools import product
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from trade_ledger import TERMS, TradeLedger, confirm, invoice, suited

from contracts.finance.offer import OfferTerms
from contracts.finance.pricer import requote
from contracts.holdings import allocation
from contracts.holdings.allocation import Held, Mandate, Opportunity
from contracts.market import prospect
from contracts.market.prospect import Suited
from ledger.money import PPM

SUPPLIERS, BUYERS = ("acme", "bolt"), ("mega", "nova")

amounts = st.integers(1, 40).map(lambda part: part * 10_000_00)
shares = st.sampled_from([PPM, PPM, 700_000, 500_000, 300_000])


@st.composite
def programmes(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Two programmes of loan with limits and rules of their own."""
    made = []
    for name in ("prime", "second"):
        terms = {
            **TERMS,
            "limits": [{"obligor": buyer, "limit": draw(amounts)} for buyer in BUYERS],
            "discount_rate_ppm": draw(st.integers(60_000, 120_000)),
        }
        rules: dict[str, Any] = {
            "obligor_share_ppm": draw(shares),
            "supplier_share_ppm": draw(shares),
            "share_base": draw(st.none() | amounts),
            "programme_limit": draw(st.none() | amounts),
            "supplier_limit": draw(st.none() | amounts),
        }
        kept = {key: value for key, value in rules.items() if value is not None}
        made.append({"op": "programme.publish", "programme": name, "terms": terms, "rules": kept})
    return made


def bill(trade: TradeLedger, number: str, supplier: str, buyer: str, gross: int) -> None:
    trade.done(supplier, invoice(number, gross, buyer=buyer))
    trade.done(buyer, {**confirm(number, gross), "supplier": supplier})


def offer(trade: TradeLedger, one: Opportunity) -> dict[str, Any]:
    """An offer at today's price."""
    quote = requote(trade.state, one.supplier, one.invoice, one.programme)
    return {
        "op": "finance.offer",
        "programme": one.programme,
        "supplier": one.supplier,
        "invoice": one.invoice,
        "expires": "2012-03-11",
        "terms": {name: getattr(quote, name) for name in OfferTerms.model_fields},
    }


@settings(max_examples=12)
@given(programmes(), st.lists(amounts, min_size=8, max_size=8), amounts, shares)
def test_every_offer_of_a_plan_is_taken_by_the_ledger_in_the_order_given(
    published: list[dict[str, Any]], gross: list[int], budget: int, cap_ppm: int
) -> None:
    """Limits, shares and budget hold not only in the plan but in each state on the way."""
    trade = TradeLedger()
    trade.done("loan", *published)
    places = [(supplier, buyer) for supplier, buyer in product(SUPPLIERS, BUYERS) for _ in range(2)]
    for place, ((supplier, buyer), amount) in enumerate(zip(places, gross, strict=True)):
        bill(trade, f"INV{place}", supplier, buyer, amount + place)
    answers = [
        suited(trade.state, operation["programme"], supplier, f"INV{place}")
        for operation in published
        for place, (supplier, _) in enumerate(places)
    ]
    found = prospect.ranked(answer for answer in answers if isinstance(answer, Suited))
    offered = [one.opportunity for one in found]
    mandate = Mandate(budget * 3, budget * 3, obligor_cap_ppm=cap_ppm)
    rules = (
        *allocation.constraints(offered, mandate, Held(), prospect.rooms(found)),
        *prospect.programme_rules(found),
    )
    plan = allocation.greedy(offered, rules)
    paid_out = 0
    for one in prospect.in_order(found, plan):
        made = offer(trade, one)
        trade.done("loan", made)
        paid_out += made["terms"]["paid_out"]
    trade.check()
    assert paid_out == allocation.cash(offered, plan) <= mandate.budget


def test_of_one_obligor_the_smaller_limit_is_used_first() -> None:
    """What a programme with a larger limit has advanced counts against the smaller one's too."""
    trade = TradeLedger()
    for name, limit, gross in (("large", 2_000_00, 900_01), ("small", 1_000_00, 900_00)):
        terms = {**TERMS, "limits": [{"obligor": "mega", "limit": limit}]}
        trade.done("loan", {"op": "programme.publish", "programme": name, "terms": terms})
        bill(trade, name, "acme", "mega", gross)
    found = [
        one
        for name in ("large", "small")
        if isinstance(one := suited(trade.state, name, "acme", name), Suited)
    ]
    large, small = (one.opportunity for one in found)
    assert prospect.in_order(found, [large.most, small.most]) == (small, large)
    last = offer(trade, small)
    trade.done("loan", offer(trade, large))
    assert trade.refused("loan", last) == "limit_exceeded", "this way round it is not taken"


def test_a_programme_s_limits_are_constraints_of_the_plan() -> None:
    trade = TradeLedger()
    rules = {"programme_limit": 2_500_00, "supplier_limit": 1_700_00}
    trade.done("loan", {"op": "programme.publish", "programme": "prime", "terms": TERMS, "rules": rules})
    for place, supplier in enumerate(("acme", "acme", "bolt")):
        bill(trade, f"INV{place}", supplier, "mega", 1_000_00 + place)
    answers = [
        suited(trade.state, "prime", supplier, f"INV{place}")
        for place, supplier in enumerate(("acme", "acme", "bolt"))
    ]
    found = [answer for answer in answers if isinstance(answer, Suited)]
    made = prospect.programme_rules(found)
    assert [(rule.kind, rule.subject, rule.room, rule.members) for rule in made] == [
        ("programme_limit", "prime", 2_500_00, (0, 1, 2)),
        ("supplier_limit", "acme in prime", 1_700_00, (0, 1)),
        ("supplier_limit", "bolt in prime", 1_700_00, (2,)),
    ]
