"""Matching: the order follows from the figures alone, and what does not suit says why as the ledger would."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from auction_ledger import market, open_auction
from hypothesis import given, settings
from hypothesis import strategies as st
from test_payables import DISCOUNT, PAID_OUT, approve, programme
from trade_ledger import TERMS, TradeLedger, publish, suited
from ways_ledger import ways_of

from contracts.finance.pricer import requote
from contracts.market import matching, prospect
from contracts.market.matching import Way
from contracts.market.prospect import Suited, Unsuited


def programmes(trade: TradeLedger, **named: dict[str, object]) -> list[str]:
    for name, changes in named.items():
        operation = {**publish(**changes), "programme": name}
        trade.done("fund" if name.startswith("fund") else "loan", operation)
    return sorted(named)


def test_ways_are_ranked_by_the_cash_in_hand_and_the_rest_has_its_refusal() -> None:
    trade = TradeLedger()
    names = programmes(
        trade, cheap={}, dear={"discount_rate_ppm": 200_000}, other={"limits": TERMS["limits"][1:]}
    )
    trade.confirmed_invoice("INV1", 1_000_00)
    found = ways_of(trade.state, "acme", "INV1", names)
    assert [(way.name or way.kind, way.code) for way in found] == [
        ("cheap", ""),
        ("dear", ""),
        ("auction", ""),
        ("certificate", ""),
        ("early_payment", "no_offer"),
        ("other", "obligor_not_eligible"),
    ]
    for way in found[:2]:
        terms = requote(trade.state, "acme", "INV1", way.name)
        assert (way.cash, way.later, way.cost) == (terms.paid_out, terms.reserve, terms.discount + terms.fee)
        assert way.cash + way.later + way.cost == terms.net
    assert "cheap" in found[2].reason, "an auction is compared with the best programme"
    short = replace(requote(trade.state, "acme", "INV1", "cheap"), tenor_days=1)
    assert matching.priced_way("cheap", "loan", short).reason.endswith("payment expected in 1 day")


def test_an_early_payment_that_the_buyer_offers_competes_with_the_programmes() -> None:
    trade = market()
    steps = [{"until": "2012-03-05", "discount_ppm": 1_000}]
    trade.done("mega", {"op": "early.offer", "supplier": "acme", "invoice": "INV1", "steps": steps})
    best = ways_of(trade.state, "acme", "INV1", ["of-loan", "of-fund"])[0]
    assert (best.kind, best.party, best.cash, best.cost) == ("early_payment", "mega", 99_900_00, 100_00)


def test_what_the_buyer_has_approved_is_bought_under_its_payables_programme_by_who_takes_part() -> None:
    trade = programme(standing=False)
    (way,) = [way for way in ways_of(trade.state, "acme", "INV1", ["of-mega"]) if way.name]
    assert (way.kind, way.code) == ("payables", "not_approved")
    trade.done("mega", approve("INV1"))
    best = ways_of(trade.state, "acme", "INV1", ["of-mega"])[0]
    assert (best.kind, best.code, best.cash, best.cost) == ("payables", "", PAID_OUT, DISCOUNT)
    trade.done("acme", {"op": "programme.leave", "programme": "of-mega"})
    (way,) = [way for way in ways_of(trade.state, "acme", "INV1", ["of-mega"]) if way.name]
    assert way.code == "not_enrolled"


def test_what_is_sold_or_disputed_suits_nobody() -> None:
    trade = TradeLedger()
    programmes(trade, prime={})
    trade.financed_invoice()
    found = ways_of(trade.state, "acme", "INV1", ["prime"])
    assert {(way.kind, way.code) for way in found} == {
        (kind, "already_financed") for kind in ("programme", "auction", "early_payment", "certificate")
    }
    running = market()
    running.done("acme", open_auction())
    (auctioned,) = [way for way in ways_of(running.state, "acme", "INV1", []) if way.kind == "auction"]
    assert (auctioned.name, auctioned.code) == ("A1", "")


def test_an_auction_suits_an_invoice_that_it_has_the_days_for() -> None:
    """The ledger opens an auction three days before the due date, and none later."""
    trade = TradeLedger()
    trade.confirmed_invoice("INV1", 1_000_00, "2012-03-04")
    trade.confirmed_invoice("INV2", 1_000_01, "2012-03-03")
    shortest = {"accept_until": "2012-03-03", "fund_until": "2012-03-03"}
    codes = {}
    for number in ("INV1", "INV2"):
        (way,) = [way for way in ways_of(trade.state, "acme", number, []) if way.kind == "auction"]
        codes[number] = way.code
    assert codes == {"INV1": "", "INV2": "past_due"}
    assert trade.refused("acme", open_auction("A2", "INV2", **shortest)) == "past_due"
    trade.done("acme", open_auction("A1", "INV1", **shortest))


def test_receivables_are_ranked_by_their_yield_after_expected_loss() -> None:
    trade = TradeLedger()
    programmes(trade, prime={}, risky={"pd_annual_ppm": 200_000, "discount_rate_ppm": 150_000})
    due = ("2012-04-26", "2012-05-26", "2012-03-02")
    for place, day in enumerate(due, 1):
        trade.confirmed_invoice(f"INV{place}", 1_000_00 + place, day)
    answers = [
        suited(trade.state, programme, "acme", number)
        for programme in ("prime", "risky")
        for number in ("INV1", "INV2", "INV3")
    ]
    fitting = [answer for answer in answers if isinstance(answer, Suited)]
    others = [answer for answer in answers if isinstance(answer, Unsuited)]
    assert {(one.invoice, one.code) for one in others} == {("INV3", "tenor_too_short")}
    ranked = prospect.ranked(fitting)
    for seed in range(5):
        shuffled = list(fitting)
        Random(seed).shuffle(shuffled)
        assert prospect.ranked(shuffled) == ranked
    yields = [prospect.net_yield(one.terms) for one in ranked]
    assert yields == sorted(yields, reverse=True)
    for one in ranked:
        assert one.opportunity.net_yield_ppm < one.terms.yield_ppm


ways = st.builds(
    Way,
    st.sampled_from(["programme", "auction"]),
    st.text("ab", max_size=2),
    st.just(""),
    st.sampled_from(["", "", "past_due"]),
    st.just(""),
    st.integers(0, 3),
    st.just(0),
    st.integers(0, 3),
)


@settings(max_examples=50)
@given(st.lists(ways, max_size=8), st.randoms(use_true_random=False))
def test_the_order_does_not_depend_on_the_order_of_arrival(found: list[Way], random: Random) -> None:
    ranked = matching.ranked_ways(found)
    shuffled = list(found)
    random.shuffle(shuffled)
    assert matching.ranked_ways(shuffled) == ranked
    suits = [way.suits for way in ranked]
    assert suits == sorted(suits, reverse=True)
    cash = [way.cash for way in ranked if way.suits]
    assert cash == sorted(cash, reverse=True)
