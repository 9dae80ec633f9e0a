"""Eligibility: each rule refuses by its own code, at the unit; programmes stay within their own limits."""

from __future__ import annotations

from typing import Any

import pytest
from auction_ledger import auction, market, open_auction, rank, reveal, seal, sold, to_day
from cash_ledger import with_deposits
from hypothesis import given, settings
from hypothesis import strategies as st
from insurance_ledger import active, advance
from trade_ledger import DAY, TERMS, TradeLedger, confirm, fund, invoice, payment

from contracts.context import organisation_key
from contracts.errors import InvariantBroken
from contracts.finance import eligibility, programme_views
from contracts.finance.eligibility import MAX_SUPPLIERS, Facts, Rules
from contracts.finance.programme import programme_key
from contracts.finance.usage import ALL, OBLIGOR, SUPPLIER, Use, read_use, use_key
from contracts.parties import identity
from contracts.state_check import check_state
from ledger import codec
from ledger.errors import Malformed, Refusal
from ledger.limits import MAX_NAME_BYTES, MAX_STATE_VALUE_BYTES
from ledger.money import MAX_AMOUNT, PPM, Money

ROW = (400_000_00, 250_000_00, 200_000_00, 150_000_00)
"""The row "concentration 25 %" of the table of formulae: excess 150,000.00, eligible 850,000.00."""


def publish(**rules: Any) -> dict[str, Any]:
    """loan's programme prime under these rules."""
    return {"op": "programme.publish", "programme": "prime", "terms": TERMS, "rules": rules}


def published(**rules: Any) -> TradeLedger:
    trade = TradeLedger()
    trade.done("loan", publish(**rules))
    return trade


def code_of(trade: TradeLedger, number: str = "INV1", programme: str = "prime") -> str:
    """The code that a quote, and so an offer, is refused with; empty for a price."""
    try:
        trade.quote_terms(number, programme)
    except Refusal as refusal:
        return refusal.code if refusal.found is not None and refusal.expected is not None else "says less"
    return ""


def drawn(trade: TradeLedger, scope: str = ALL, name: str = "") -> Use:
    return read_use(trade.state, "prime", "USD", scope, name)


def finance(trade: TradeLedger, number: str, day: str = DAY) -> int:
    """loan buys an invoice that is confirmed; the advance."""
    offer = trade.offer(number)
    trade.done("loan", offer)
    trade.done("acme", {"op": "finance.accept", "invoice": number})
    trade.done("bank", fund(number, offer["terms"]["paid_out"], date=day))
    trade.check()
    return int(offer["terms"]["advance"])


NET = 100_000_00
ADVANCE = 85_000_00


@pytest.mark.parametrize(
    ("rules", "code"),
    [
        ({}, ""),
        ({"suppliers": ["acme"]}, ""),
        ({"suppliers": ["bolt"]}, "supplier_not_accepted"),
        ({"smallest": NET}, ""),
        ({"smallest": NET + 1}, "invoice_too_small"),
        ({"largest": NET}, ""),
        ({"largest": NET - 1}, "invoice_too_large"),
        ({"goods_receipt": True}, "goods_receipt_missing"),
        ({"programme_limit": ADVANCE}, ""),
        ({"programme_limit": ADVANCE - 1}, "programme_limit"),
        ({"supplier_limit": ADVANCE}, ""),
        ({"supplier_limit": ADVANCE - 1}, "supplier_limit"),
        ({"obligor_share_ppm": 250_000, "share_base": 4 * ADVANCE}, ""),
        ({"obligor_share_ppm": 250_000, "share_base": 4 * ADVANCE - 1}, "obligor_concentration"),
        ({"supplier_share_ppm": 250_000, "share_base": 4 * ADVANCE}, ""),
        ({"supplier_share_ppm": 250_000, "share_base": 4 * ADVANCE - 1}, "supplier_concentration"),
        ({"supplier_share_ppm": 999_999}, "supplier_concentration"),
    ],
)
def test_each_rule_refuses_by_its_own_code_and_to_the_unit(rules: dict[str, Any], code: str) -> None:
    trade = published(**rules)
    trade.confirmed_invoice("INV1", NET)
    assert code_of(trade) == code
    terms = {"net": 1, "tenor_days": 1, "advance": 1, "reserve": 0, "discount": 0, "fee": 0, "paid_out": 1}
    if code:
        offer = {"op": "finance.offer", "programme": "prime", "supplier": "acme", "invoice": "INV1"}
        assert trade.refused("loan", {**offer, "expires": "2012-03-05", "terms": terms}) == code
    else:
        assert finance(trade, "INV1") == ADVANCE


def test_goods_that_were_received_are_evidence() -> None:
    trade = published(goods_receipt=True)
    trade.order()
    trade.deliver("S1")
    trade.done("acme", invoice("INV1", 1_000_000, order="PO1", quantity=100))
    trade.done("mega", confirm("INV1", 1_000_000))
    assert code_of(trade) == ""


@pytest.mark.parametrize(
    ("rules", "field"),
    [
        ({"suppliers": ["bolt", "acme"]}, "rules"),
        ({"suppliers": ["acme", "acme"]}, "rules"),
        ({"smallest": 2, "largest": 1}, "rules"),
        ({"supplier_limit": 0}, "rules.supplier_limit"),
        ({"obligor_share_ppm": PPM + 1}, "rules.obligor_share_ppm"),
        ({"obligor_share_ppm": -1}, "rules.obligor_share_ppm"),
        ({"goods_receipt": 1}, "rules.goods_receipt"),
        ({"surprise": 1}, "rules.surprise"),
    ],
)
def test_rules_that_make_no_sense_are_not_published(rules: dict[str, Any], field: str) -> None:
    trade = TradeLedger()
    with pytest.raises(Malformed) as caught:
        trade.submit("loan", publish(**rules))
    assert caught.value.field is not None
    assert field in caught.value.field


def enrol(trade: TradeLedger, name: str, *roles: str) -> None:
    """One more organisation, as if the genesis document had it."""
    trade.state.data[organisation_key(name)] = codec.encode((name, "", roles, (), 1))


@pytest.mark.parametrize(
    ("changes", "field", "found"),
    [
        ({"limits": [{"obligor": "mgea", "limit": 1}]}, "terms.limits[0].obligor", "mgea"),
        ({"limits": [{"obligor": "bolt", "limit": 1}]}, "terms.limits[0].obligor", "bolt"),
        ({"suppliers": ("acme", "nova")}, "rules.suppliers[1]", "nova"),
    ],
)
def test_a_programme_names_buyers_and_suppliers_that_there_are(
    changes: dict[str, Any], field: str, found: str
) -> None:
    """A misspelt name would stand there for ever and take nothing."""
    trade = TradeLedger()
    terms = {**TERMS, "limits": changes.get("limits", TERMS["limits"])}
    programme = {"op": "programme.publish", "programme": "prime", "terms": terms}
    named = {**programme, "rules": {"suppliers": changes.get("suppliers", ())}}
    ((_, code, detail),) = trade.submit("loan", named)
    assert code == "unknown_organisation"
    assert field in detail
    assert found in detail
    assert trade.entry("programme", "prime") is None


def test_a_lender_names_not_itself_in_a_programme() -> None:
    """It would take nothing either: nobody finances itself."""
    trade = TradeLedger()
    enrol(trade, "loan", identity.BUYER, identity.SUPPLIER, identity.LENDER)
    programme = {"op": "programme.publish", "programme": "prime", "terms": TERMS}
    limits = [{"obligor": "loan", "limit": 1}]
    assert trade.refused("loan", {**programme, "terms": {**TERMS, "limits": limits}}) == "same_party"
    assert trade.refused("loan", {**programme, "rules": {"suppliers": ("loan",)}}) == "same_party"


def test_the_largest_programme_is_one_state_value() -> None:
    """A programme that is admitted must fit the state, or it would stop every node."""
    names = [f"{place:03}".ljust(MAX_NAME_BYTES, "x") for place in range(MAX_SUPPLIERS)]
    trade = TradeLedger()
    for name in names:
        enrol(trade, name, identity.BUYER, identity.SUPPLIER)
    limits = [{"obligor": name, "limit": MAX_AMOUNT} for name in names]
    rules = {"suppliers": names, "programme_limit": MAX_AMOUNT, "supplier_limit": MAX_AMOUNT}
    programme = {"op": "programme.publish", "programme": "prime", "terms": {**TERMS, "limits": limits}}
    trade.done("loan", {**programme, "rules": rules})
    assert len(trade.state.data[programme_key("prime")]) < MAX_STATE_VALUE_BYTES
    with pytest.raises(Malformed):
        trade.submit("loan", {**programme, "rules": {"suppliers": [*names, "y" * MAX_NAME_BYTES]}})


def test_a_policy_must_exist_and_cover_the_buyer_from_issue_to_today() -> None:
    trade = TradeLedger()
    asked = {"policy": {"insurer": "cover", "policy": "POL"}}
    assert trade.refused("loan", publish(**asked)) == "unknown_policy"
    insured_until_march_2013(trade, assured="loan")
    trade.done("loan", publish(**asked))
    trade.confirmed_invoice("OLD", NET)  # issued on 20 February, before cover began
    assert code_of(trade, "OLD") == "not_insured"
    bill_today(trade, "INV1", NET)
    assert code_of(trade) == ""
    trade.done("cover", {"op": "policy.limit", "policy": "POL", "buyer": "mega", "limit": ADVANCE})
    advance(trade, "2012-03-02")
    assert code_of(trade) == ""
    finance(trade, "INV1", "2012-03-02")
    bill_today(trade, "INV2", 10_000_00, "2012-03-02")
    assert code_of(trade, "INV2") == "insured_limit"
    trade.done("cover", {"op": "policy.suspend", "policy": "POL", "reason": "late news"})
    advance(trade, "2012-03-03")
    assert code_of(trade, "INV2") == "not_insured"


@pytest.mark.parametrize(("told", "code"), [(DAY, ""), ("2012-03-03", "not_insured")])
def test_an_invoice_told_while_cover_was_suspended_is_not_insured_whatever_its_day_of_issue(
    told: str, code: str
) -> None:
    """What a claim would be refused for, a programme does not lend on either."""
    trade = TradeLedger()
    insured_until_march_2013(trade, assured="loan")
    trade.done("loan", publish(policy={"insurer": "cover", "policy": "POL"}))
    if told == DAY:
        bill_today(trade, "INV1", NET)
    trade.done("cover", {"op": "policy.suspend", "policy": "POL", "reason": "late news"})
    advance(trade, "2012-03-03")
    if told != DAY:
        bill_today(trade, "INV1", NET)
    trade.done("cover", {"op": "policy.resume", "policy": "POL"})
    advance(trade, "2012-03-04")
    assert code_of(trade) == code


@pytest.mark.parametrize(
    ("paid_first", "code"),
    [({"loss_payee": "loan"}, ""), ({}, "not_insured"), ({"loss_payee": "fund"}, "not_insured")],
)
def test_a_suppliers_policy_counts_if_it_pays_the_lender_first(paid_first: dict[str, str], code: str) -> None:
    trade = TradeLedger()
    insured_until_march_2013(trade, assured="acme", **paid_first)
    trade.done("loan", publish(policy={"insurer": "cover", "policy": "POL"}))
    bill_today(trade, "INV1", NET)
    assert code_of(trade) == code


def insured_until_march_2013(trade: TradeLedger, **changes: Any) -> None:
    with_deposits(trade, 10_000_000_00, "cover", "acme", "loan", "mega")
    active(trade, **changes)


def bill_today(trade: TradeLedger, number: str, gross: int, day: str = "2012-03-01") -> None:
    trade.done("acme", invoice(number, gross, issue_date=day, quantity=len(trade.transactions)))
    trade.done("mega", confirm(number, gross))


def test_what_is_drawn_follows_the_claim_to_its_end() -> None:
    trade = published(suppliers=["acme"], programme_limit=10 * NET)
    trade.confirmed_invoice("INV1", NET)
    trade.done("loan", trade.offer("INV1"))
    assert (drawn(trade), drawn(trade, OBLIGOR, "mega")) == (Use(ADVANCE, 0), Use(ADVANCE, 0))
    trade.done("loan", {"op": "finance.withdraw", "supplier": "acme", "invoice": "INV1"})
    assert drawn(trade) == Use(0, 0)
    finance(trade, "INV1")
    assert drawn(trade, SUPPLIER, "acme") == Use(0, ADVANCE)
    shown = programme_views.programme_view(trade.state, "prime")
    assert shown is not None
    assert shown["drawn"] == {"limit": 10 * NET, "reserved": 0, "funded": ADVANCE}
    assert shown["suppliers"]["acme"]["funded"] == ADVANCE
    trade.done("bank", payment("INV1", 50_000_00, "IN 1"))
    assert drawn(trade) == Use(0, 35_000_00)
    trade.done("bank", payment("INV1", 50_000_00, "IN 2"))
    assert trade.state.get(use_key("prime", "USD", ALL)) is None
    trade.check()


def test_concentration_is_the_row_of_the_table_to_the_unit() -> None:
    """Over 25 % of 1,000,000.00 lie 150,000.00, and the next advance of that obligor is refused."""
    rules = Rules(obligor_share_ppm=250_000)
    total = sum(ROW)
    facts = [Facts("acme", "mega", 1, "EUR", True, Use(0, total), Use(0, part), Use(0, 0), 0) for part in ROW]
    assert [eligibility.room(rules, each, total) for each in facts] == [0, 0, 66_666_66, 133_333_33]
    with pytest.raises(Refusal) as caught:
        eligibility.check(rules, facts[1], 1)
    assert caught.value.code == "obligor_concentration"
    assert caught.value.found == f"250,000.01 EUR of {Money(total + 1, 'EUR')}, 25 %"
    eligibility.check(rules, facts[2], 66_666_66)


def test_a_programme_shows_what_lies_over_its_cap_to_the_unit() -> None:
    names = ["a", "b", "c", "d"]
    limits = [{"obligor": name, "limit": 1_000_000_00} for name in names]
    trade = TradeLedger()
    for name in names:
        enrol(trade, name, identity.BUYER)
    programme = {"op": "programme.publish", "programme": "prime", "terms": {**TERMS, "limits": limits}}
    trade.done("loan", {**programme, "rules": {"obligor_share_ppm": 250_000}})
    for name, amount in zip(names, ROW, strict=True):
        trade.state.data[use_key("prime", "USD", OBLIGOR, name)] = codec.encode((0, amount))
    shown = programme_views.programme_view(trade.state, "prime")
    assert shown is not None
    assert (shown["over_concentration"], shown["eligible"]) == (150_000_00, 850_000_00)


AMOUNTS = st.integers(0, 10**9)


@settings(max_examples=200)
@given(
    part=AMOUNTS,
    others=AMOUNTS,
    base=st.none() | st.integers(1, 10**9),
    cap=st.integers(0, PPM),
    limit=st.none() | st.integers(1, 10**9),
    wanted=AMOUNTS,
)
def test_room_is_the_largest_advance_that_every_rule_lets_through(
    part: int, others: int, base: int | None, cap: int, limit: int | None, wanted: int
) -> None:
    rules = Rules(obligor_share_ppm=cap, share_base=base, programme_limit=limit)
    facts = Facts("acme", "mega", 1, "EUR", True, Use(0, part + others), Use(part, 0), Use(0, 0), 0)
    most = eligibility.room(rules, facts, wanted)
    assert 0 <= most <= wanted
    if most:
        eligibility.check(rules, facts, most)
    if most < wanted:
        with pytest.raises(Refusal):
            eligibility.check(rules, facts, most + 1)


def test_invariant_13_limits_of_programme_and_supplier_hold_over_offers_together() -> None:
    trade = published(supplier_limit=2 * ADVANCE, programme_limit=3 * ADVANCE)
    for number in ("A", "B", "C"):
        trade.confirmed_invoice(number, NET + ord(number))
    trade.done("loan", publish(supplier_limit=200_000_00, programme_limit=300_000_00))
    finance(trade, "A")
    finance(trade, "B")
    assert code_of(trade, "C") == "supplier_limit"
    trade.done("loan", publish(supplier_limit=100, programme_limit=100))
    trade.check()  # lowered below what is out: no law is broken, and nothing new is let through
    assert code_of(trade, "C") == "programme_limit"


def broken(trade: TradeLedger, key: bytes, value: codec.Value) -> None:
    entries = {known: codec.decode(data) for known, data in trade.state.data.items()}
    entries[key] = value
    check_state(entries.items())


def test_invariant_13_shows_a_sum_that_is_no_sum_and_a_limit_that_is_passed() -> None:
    trade = published(programme_limit=3 * ADVANCE)
    trade.confirmed_invoice("INV1", NET)
    finance(trade, "INV1")
    for key in (use_key("prime", "USD", ALL), use_key("prime", "USD", SUPPLIER, "acme")):
        with pytest.raises(InvariantBroken, match="invariant 13"):
            broken(trade, key, (0, ADVANCE - 1))
    with pytest.raises(InvariantBroken, match="invariant 13"):
        broken(trade, use_key("other", "USD", ALL), (0, 1))
    programme: Any = trade.entry("programme", "prime")
    lower = Rules(programme_limit=ADVANCE - 1).to_value()
    with pytest.raises(InvariantBroken, match="invariant 13"):
        broken(trade, programme_key("prime"), (*programme[:3], lower, *programme[4:]))


def auctioned(**rules: Any) -> TradeLedger:
    """Lenders loan, under these rules, and fund; acme's invoice is up for auction, both have bid."""
    trade = market(limit=10 * NET)
    terms = {**TERMS, "limits": [{"obligor": "mega", "limit": 10 * NET}]}
    trade.done("loan", {"op": "programme.publish", "programme": "of-loan", "terms": terms, "rules": rules})
    trade.done("acme", open_auction())
    for lender in ("loan", "fund"):
        trade.done(lender, seal(lender, 70_000 if lender == "loan" else 80_000, NET))
    to_day(trade, "2012-03-02")
    return trade


def test_a_bid_is_under_the_rules_of_its_programme() -> None:
    trade = auctioned(suppliers=["bolt"])
    assert trade.refused("loan", reveal("loan", 70_000, NET)) == "supplier_not_accepted"
    limited = auctioned(programme_limit=30_000_00, supplier_limit=40_000_00)
    for lender in ("loan", "fund"):
        limited.done(lender, reveal(lender, 70_000 if lender == "loan" else 80_000, NET))
    limited.done("mega", rank())
    assert dict(auction(limited).parts) == {"loan": 30_000_00, "fund": NET - 30_000_00}
    limited.check()


def test_parts_of_an_auction_are_drawn_under_each_winners_programme() -> None:
    trade = market(limit=10 * NET)
    sold(trade, {"loan": (70_000, NET // 2), "fund": (70_000, NET // 2)})
    assert read_use(trade.state, "of-loan", "USD", SUPPLIER, "acme") == Use(0, NET // 2)
    assert read_use(trade.state, "of-fund", "USD", ALL) == Use(0, NET // 2)
    trade.check()
