"""Sealed-bid auctions: nobody peeks, ties are shared, and title, limits and cash move together."""

from __future__ import annotations

from typing import Any

import pytest
from auction_ledger import (
    NET,
    accept,
    auction,
    market,
    open_auction,
    pay,
    rank,
    ranked,
    reveal,
    salt,
    seal,
    sold,
    to_day,
    withdraw,
)
from cash_ledger import balance
from hypothesis import given, settings
from hypothesis import strategies as st
from trade_ledger import TERMS, TradeLedger, payment

from contracts.finance.claim import Lien, divided, repaid, shares_of
from contracts.invariants import bid_as_committed, parts_add_up
from contracts.market import auction as rules
from contracts.market.allotment import Opened, allot
from contracts.state_check import CHECKS, by_kind
from ledger import codec
from ledger.hashing import digest

MAXIMUM = 120_000


def lien_of(trade: TradeLedger, kind: str = "lien") -> Lien:
    turn = () if kind == "lien" else (0,)
    return Lien._make(trade.entry(kind, "acme", "INV1", *turn) or ())


def status(trade: TradeLedger) -> str:
    return rules.LIFE.states[auction(trade).status]


def exposure(trade: TradeLedger, lender: str) -> Any:
    return trade.entry("exposure", lender, "mega", "USD")


def test_two_lenders_share_one_claim_at_one_rate_and_the_supplier_has_the_cash_with_it() -> None:
    """Invariants 12, 13 and 21: the last winner's payment moves every leg."""
    trade = market()
    before = balance(trade, "acme").available
    found = ranked(trade, {"loan": (60_000, 70_000_00), "fund": (72_000, 90_000_00)})
    assert (found.rate_ppm, found.parts) == (72_000, (("fund", 30_000_00), ("loan", 70_000_00)))
    trade.done("acme", accept(trade))
    assert (exposure(trade, "loan"), exposure(trade, "fund")) == ((70_000_00, 0), (30_000_00, 0))
    trade.done("loan", pay())
    assert balance(trade, "acme").available == before, "no cash without title"
    assert status(trade) == "Agreed"
    trade.check()
    trade.done("fund", pay())
    # 100,000.00 at 7.20 % for 55 days, ACT/360, up: a discount of 1,100.00
    assert lien_of(trade).discount == 1_100_00
    assert balance(trade, "acme").available == before + 98_900_00
    assert balance(trade, "loan") == (10 * NET - 69_230_00, 0)
    assert balance(trade, "fund") == (10 * NET - 29_670_00, 0)
    assert (exposure(trade, "loan"), exposure(trade, "fund")) == ((0, 70_000_00), (0, 30_000_00))
    assert status(trade) == "Funded"
    trade.check()


def test_what_the_buyer_pays_is_shared_until_nothing_is_left() -> None:
    """Invariant 21: each payment goes to the shares in full, and none gets more than it is owed."""
    trade = market()
    sold(trade, {"loan": (50_000, 33_333_33), "fund": (50_000, 66_666_67)})
    for amount in (1, 10_00, 33_333_33):
        trade.done("bank", payment("INV1", amount, f"IN {amount}", date="2012-03-02"))
        trade.check()
    left = lien_of(trade)
    assert sum(share.left for share in shares_of(left)) == left.principal == NET - 33_343_34
    owed = NET - 33_343_34
    make = {"op": "payment.make", "invoice": "INV1", "supplier": "acme", "bank": "bank", "currency": "USD"}
    trade.done("mega", {**make, "amount": owed})
    assert exposure(trade, "loan") is exposure(trade, "fund") is None
    assert [share.left for share in shares_of(lien_of(trade, "deal"))] == [0, 0]
    trade.check()


def test_a_claim_with_shares_cannot_be_funded_or_taken_back_as_one_lenders_offer() -> None:
    trade = market()
    found = ranked(trade, {"loan": (60_000, NET)})
    trade.done("acme", accept(trade))
    settle = {"op": "finance.settle", "supplier": "acme", "invoice": "INV1", "bank": "bank"}
    fund = {
        "op": "finance.fund",
        "account": "X",
        "entry": "1",
        "date": "2012-03-02",
        "invoice": "INV1",
        "supplier": "acme",
        "lender": "loan",
        "amount": NET - 1,
    }
    back = {"op": "finance.withdraw", "supplier": "acme", "invoice": "INV1"}
    assert found.parts == (("loan", NET),)
    assert trade.refused("loan", settle) == "no_offer"
    assert trade.refused("bank", fund) == "no_offer"
    assert trade.refused("loan", back) == "not_party"
    assert trade.refused("acme", back) == "already_accepted"


# the seal


def test_nothing_of_a_bid_is_on_the_ledger_before_its_phase() -> None:
    """Invariant 24: two bids that differ only in what they say leave the same states but for the hash."""
    states = []
    for rate in (10_000, 110_000):
        trade = market()
        trade.done("acme", open_auction())
        sealed = seal("loan", rate, NET)
        trade.done("loan", sealed)
        data = b"".join(trade.state.data.values())
        assert data.count(sealed["commitment"]) == 1
        states.append(data.replace(sealed["commitment"], b""))
        assert trade.refused("loan", reveal("loan", rate, NET)) == "wrong_phase"
        trade.check()
    assert states[0] == states[1]


@pytest.mark.parametrize(
    "change",
    [
        {"rate_ppm": 60_001},
        {"amount": NET - 1},
        {"salt": salt("fund")},
        {"programme": "of-fund"},
    ],
)
def test_a_bid_is_opened_as_it_was_committed_or_not_at_all(change: dict[str, Any]) -> None:
    """Invariant 24."""
    trade = market()
    trade.done("acme", open_auction())
    trade.done("loan", seal("loan", 60_000, NET))
    to_day(trade, "2012-03-02")
    assert trade.refused("loan", {**reveal("loan", 60_000, NET), **change}) == "bid_mismatch"
    trade.done("loan", reveal("loan", 60_000, NET))
    assert trade.refused("loan", reveal("loan", 60_000, NET)) == "already_revealed"


@pytest.mark.parametrize(
    "place",
    [
        {"place": ("acme", "A1", "loan")},
        {"place": ("acme", "A2", "fund")},
        {"place": ("bolt", "A1", "fund")},
        {"channel": digest(b"\x00")},
    ],
)
def test_a_commitment_of_another_lender_auction_or_channel_cannot_be_opened(place: dict[str, Any]) -> None:
    """Invariant 24: who copies a commitment, even with its content, has a bid that takes no part."""
    trade = market()
    trade.done("acme", open_auction())
    trade.done("fund", seal("fund", 60_000, NET, **place))
    to_day(trade, "2012-03-02")
    assert trade.refused("fund", reveal("fund", 60_000, NET)) == "bid_mismatch"


def test_a_bid_that_nobody_opens_takes_no_part() -> None:
    trade = market()
    trade.done("acme", open_auction())
    trade.done("loan", seal("loan", 10_000, NET))
    trade.done("fund", seal("fund", 90_000, NET))
    to_day(trade, "2012-03-02")
    trade.done("fund", reveal("fund", 90_000, NET))
    assert trade.refused("mega", rank()) == "wrong_phase", "loan may still open its bid"
    to_day(trade, "2012-03-03")
    assert trade.refused("loan", reveal("loan", 10_000, NET)) == "wrong_phase"
    trade.done("mega", rank())
    assert auction(trade).parts == (("fund", NET),)
    trade.check()


# the ranking


def test_equal_rates_are_shared_in_proportion() -> None:
    """100.00 over three equal bids: 33.34, 33.33, 33.33, whoever came first."""
    bids = [Opened(name, 50_000, 100_00, digest(name.encode())) for name in ("a", "b", "c")]
    rate, parts = allot(100_00, bids)
    assert (rate, sorted(part for _, part in parts)) == (50_000, [33_33, 33_33, 33_34])


bid_lists = st.lists(
    st.tuples(st.sampled_from([10_000, 20_000, 30_000]), st.integers(1, 500)), min_size=1, max_size=12
).map(lambda bids: [Opened(f"l{i}", *bid, digest(bytes([i]))) for i, bid in enumerate(bids)])


@settings(max_examples=200)
@given(net=st.integers(1, 2_000), bids=bid_lists, data=st.data())
def test_parts_add_up_whatever_the_order_of_arrival(
    net: int, bids: list[Opened], data: st.DataObject
) -> None:
    """Invariant 21; the same bids in another order give the same parts."""
    rate, parts = allot(net, bids)
    assert (rate, parts) == allot(net, data.draw(st.permutations(bids)))
    if sum(bid.amount for bid in bids) < net:
        assert (rate, parts) == (0, ())
        return
    given_parts = dict(parts)
    parts_add_up(net, list(given_parts.values()))
    for bid in bids:
        part = given_parts.get(bid.lender, 0)
        assert part <= bid.amount
        assert bid.rate_ppm <= rate or not part
        assert part == bid.amount or bid.rate_ppm >= rate, "cheaper bids are taken whole"
    level = [bid for bid in bids if bid.rate_ppm == rate]
    taken = sum(given_parts.get(bid.lender, 0) for bid in level)
    for bid in level:
        exact = taken * bid.amount / sum(other.amount for other in level)
        assert abs(given_parts.get(bid.lender, 0) - exact) < 1


@settings(max_examples=200)
@given(
    parts=st.lists(st.integers(1, 10**6), min_size=1, max_size=8),
    paid=st.lists(st.integers(1, 10**6), max_size=6),
)
def test_shares_fall_by_payments_and_never_below_zero(parts: list[int], paid: list[int]) -> None:
    """Invariant 21: every payment is divided in full, and all of them together are the parts."""
    total = sum(parts)
    lien = Lien(2, "", "", 0, "mega", "USD", 1, 1, 1, total, 1, total, 0, 0, 0, total, 1, 1, 360, 0)
    shares = tuple([(f"l{i}", part, part, "", "", "of") for i, part in enumerate(parts)])
    lien = lien._replace(shares=shares, principal=total)
    got = dict.fromkeys([share.lender for share in shares_of(lien)], 0)
    for wanted in (*paid, total):
        amount = min(wanted, lien.principal)
        for lender, part in divided(lien, amount):
            assert part >= 0
            got[lender] += part
        lien = repaid(lien, amount)
        assert sum(share.left for share in shares_of(lien)) == lien.principal
        assert min(share.left for share in shares_of(lien)) >= 0
    assert list(got.values()) == parts


def test_bids_that_do_not_cover_the_invoice_sell_nothing() -> None:
    trade = market()
    found = ranked(trade, {"loan": (60_000, NET // 2), "fund": (60_000, NET // 2 - 1)})
    assert (rules.LIFE.states[found.status], found.parts) == ("NoBid", ())
    trade.done("acme", open_auction("A2", commit_until="2012-03-02", reveal_until="2012-03-03"))
    trade.check()


# limits, and what changes in between


def test_a_limit_that_was_used_meanwhile_refuses_the_acceptance_until_it_is_ranked_again() -> None:
    """Invariant 13: no acceptance passes a lender's limit, and a bid counts for the room that is left."""
    trade = market(limit=NET)
    ranked(trade, {"loan": (60_000, NET), "fund": (90_000, NET)})
    trade.confirmed_invoice("INV2", 50_000_00)
    second = {
        "op": "finance.offer",
        "programme": "of-loan",
        "supplier": "acme",
        "invoice": "INV2",
        "expires": "2012-03-04",
        "terms": trade.quote_terms("INV2", "of-loan"),
    }
    trade.done("loan", second)
    assert trade.refused("acme", accept(trade)) == "limit_exceeded"
    trade.done("acme", rank())
    taken = second["terms"]["advance"]
    assert dict(auction(trade).parts) == {"loan": NET - taken, "fund": taken}
    assert auction(trade).rate_ppm == 90_000
    trade.done("acme", accept(trade))
    trade.check()


def test_a_winner_cannot_have_its_bid_taken_away_by_ranking_again() -> None:
    """It lowers its own limit: the supplier alone decides whether to wait for it or to have others rank."""
    trade = market(limit=NET)
    ranked(trade, {"loan": (60_000, NET)})
    terms = {**TERMS, "limits": [{"obligor": "mega", "limit": 1}]}
    trade.done("loan", {"op": "programme.publish", "programme": "of-loan", "terms": terms})
    for other in ("loan", "fund"):
        assert trade.refused(other, rank()) == "not_party"
    assert auction(trade).status == rules.RANKED
    assert trade.refused("acme", accept(trade)) == "limit_exceeded"
    trade.done("acme", rank())
    assert auction(trade).status == rules.NO_BID
    trade.check()


@pytest.mark.parametrize("change", ["dispute", "payment"])
def test_a_changed_invoice_voids_the_acceptance_and_gives_the_winners_their_cash_back(change: str) -> None:
    """Invariants 12 and 14: title, limits and cash are free in the operation that changes the invoice."""
    trade = market()
    ranked(trade, {"loan": (60_000, 60_000_00), "fund": (60_000, 90_000_00)})
    trade.done("acme", accept(trade))
    trade.done("loan", pay())
    if change == "dispute":
        what = {"invoice": "INV1", "supplier": "acme", "amount": 5, "reason": "short"}
        trade.done("mega", {"op": "invoice.dispute", **what})
    else:
        trade.done("bank", payment("INV1", 5, "IN 1", date="2012-03-02"))
    assert exposure(trade, "loan") is None
    assert balance(trade, "loan") == (10 * NET, 0)
    assert status(trade) == "Void"
    assert trade.entry("auctioned", "acme", "INV1") is None
    assert trade.refused("fund", pay()) == "wrong_state"
    assert trade.refused("mega", withdraw()) == "wrong_role"
    assert trade.refused("acme", withdraw()) == "wrong_state"
    trade.check()
    to_day(trade, "2012-03-06")
    assert status(trade) == "Void"
    trade.check()


def test_what_is_not_paid_for_by_its_last_day_expires() -> None:
    """Invariant 14: no reservation and no cash set aside survives Expired."""
    trade = market()
    ranked(trade, {"loan": (60_000, 60_000_00), "fund": (60_000, 90_000_00)})
    trade.done("acme", accept(trade))
    trade.done("loan", pay())
    assert trade.refused("loan", pay()) == "already_paid"
    assert trade.refused("loan", withdraw()) == "wrong_role"
    assert trade.refused("acme", withdraw()) == "wrong_state"
    to_day(trade, "2012-03-06")
    assert status(trade) == "Expired"
    assert exposure(trade, "loan") is exposure(trade, "fund") is trade.entry("lien", "acme", "INV1") is None
    assert balance(trade, "loan") == (10 * NET, 0)
    assert trade.refused("fund", pay()) == "wrong_state"
    trade.check()


@pytest.mark.parametrize(("bids", "end"), [([], "NoBid"), (["loan"], "NoBid")])
def test_an_auction_without_open_bids_ends_by_itself(bids: list[str], end: str) -> None:
    trade = market()
    trade.done("acme", open_auction())
    for lender in bids:
        trade.done(lender, seal(lender, 60_000, NET))
    to_day(trade, "2012-03-05")
    assert status(trade) == end
    assert trade.entry("auctioned", "acme", "INV1") is None
    trade.check()


def test_a_supplier_withdraws_while_all_bids_are_sealed() -> None:
    trade = market()
    trade.done("acme", open_auction())
    trade.done("loan", seal("loan", 60_000, NET))
    assert trade.refused("loan", withdraw()) == "wrong_role"
    assert trade.refused("bolt", withdraw()) == "not_party"
    trade.done("acme", withdraw())
    trade.done("acme", open_auction("A2"))
    trade.done("loan", seal("loan", 60_000, NET, "A2"))
    to_day(trade, "2012-03-02")
    assert trade.refused("acme", withdraw("A2")) == "already_sealed"
    trade.check()


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"commit_until": "2012-02-28"}, "date_order"),
    ({"reveal_until": "2012-03-01"}, "date_order"),
    ({"accept_until": "2012-03-02"}, "date_order"),
    ({"fund_until": "2012-03-03"}, "date_order"),
    ({"fund_until": "2012-04-26"}, "past_due"),
    ({"fund_until": "2012-06-26"}, "date_too_far"),
    ({"invoice": "none"}, "unknown_invoice"),
]


@pytest.mark.parametrize(("change", "code"), REFUSED)
def test_an_auction_whose_days_or_invoice_do_not_fit_is_refused(change: dict[str, Any], code: str) -> None:
    assert market().refused("acme", open_auction(**change)) == code


def test_refusals_of_bids_and_openings_each_have_a_code() -> None:
    trade = market()
    assert trade.refused("loan", seal("loan", 60_000, NET)) == "unknown_auction"
    trade.done("acme", open_auction(min_amount=1_000))
    assert trade.refused("acme", open_auction()) == "duplicate_number"
    assert trade.refused("acme", open_auction("A2")) == "in_auction"
    assert trade.refused("acme", seal("acme", 60_000, NET)) == "wrong_role"
    trade.done("loan", seal("loan", MAXIMUM + 1, NET))
    assert trade.refused("loan", seal("loan", 60_000, NET)) == "already_bid"
    trade.done("fund", seal("fund", 60_000, 999))
    to_day(trade, "2012-03-02")
    assert trade.refused("loan", reveal("loan", MAXIMUM + 1, NET)) == "rate_too_high"
    assert trade.refused("fund", reveal("fund", 60_000, 999)) == "bid_too_small"
    assert trade.refused("acme", accept(trade)) == "wrong_state"
    trade.check()


def test_the_price_that_the_supplier_accepts_is_that_of_the_day() -> None:
    trade = market()
    ranked(trade, {"loan": (60_000, NET)})
    yesterday = accept(trade)
    to_day(trade, "2012-03-03")
    assert trade.refused("acme", yesterday) == "quote_stale"
    trade.done("acme", accept(trade))
    trade.check()


# the checks find what they are for


def broken(trade: TradeLedger, kind: str, change: Any) -> set[int]:
    """Numbers of the invariants that complain after a change of every entry of a kind."""
    kinds = by_kind((key, codec.decode(data)) for key, data in trade.state.data.items())
    kinds[kind] = {key: change(value) for key, value in kinds[kind].items()}
    found = set()
    for check in CHECKS:
        try:
            check(kinds)
        except Exception as error:
            found.add(getattr(error, "number", 0))
    return found


def test_the_checks_of_a_state_see_a_bid_or_a_part_that_is_not_right() -> None:
    trade = market()
    trade.done("acme", open_auction())
    trade.done("loan", seal("loan", 60_000, NET))
    assert 24 in broken(trade, "bid", lambda bid: (bid[0], "of-loan", 1, 1, 0))
    assert 24 in broken(trade, "bid", lambda bid: (*bid[:4], 15_400))
    to_day(trade, "2012-03-02")
    trade.done("loan", reveal("loan", 60_000, NET))
    trade.done("mega", rank())
    assert 21 in broken(trade, "auction", lambda a: (*a[:16], (("loan", NET - 1),), a[17]))
    assert 21 in broken(trade, "bid", lambda bid: (*bid[:2], 130_000, *bid[3:]))
    trade.done("acme", accept(trade))
    assert 13 in broken(trade, "exposure", lambda _: (NET - 1, 0))
    assert 5 in broken(trade, "auctioned", lambda _: "A9")
    trade.done("loan", pay())
    assert 12 in broken(trade, "bank_entry", lambda entry: (*entry[:3], "INV9", *entry[4:]))
    assert broken(trade, "auction", lambda a: a) == set()


@pytest.mark.parametrize(("opened", "day"), [(b"other", 3), (b"same", 2)])
def test_an_opening_that_is_not_right_stops_the_node(opened: bytes, day: int) -> None:
    with pytest.raises(AssertionError, match="invariant 24"):
        bid_as_committed(b"same", opened, day, 2)
