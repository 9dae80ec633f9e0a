"""Sale of a held claim between lenders: cash and claim together, both books, limits, and all that ends it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from auction_ledger import market, sold
from cash_ledger import balance, with_deposits
from insurance_ledger import active, bill
from test_book import kinds, positions, totals
from trade_ledger import DAY, TERMS, TradeLedger, fund, invoice, payment, publish

from contracts.errors import InvariantBroken
from contracts.finance import resale_check
from contracts.finance.claim import Lien, read_lien
from contracts.finance.resale import STATUS, Resale, read_resale
from contracts.finance.resale_views import resale_sentence, resale_view, resales
from contracts.holdings import portfolio
from contracts.holdings.book import book_key
from contracts.holdings.portfolio_views import position_view
from contracts.holdings.vintage import expected_late
from contracts.insurance.coverage import Question
from contracts.insurance.insurance_views import answer
from contracts.state_check import by_kind
from contracts.trade import trade_views
from contracts.trade.trade_check import Kinds
from ledger import codec
from ledger.dates import day_from_iso

MONEY = 2_000_000_00
LAST_DAY = "2012-03-11"
HOLDER = {"supplier": "acme", "invoice": "INV1"}


def lien(trade: TradeLedger, number: str = "INV1") -> Lien:
    found = read_lien(trade.state, "acme", number)
    assert found is not None
    return found


def held(**terms: Any) -> TradeLedger:
    """loan has bought acme's invoice INV1 of 1,000,000.00; fund has a programme, and both have money."""
    trade = with_deposits(TradeLedger(), MONEY, "loan", "fund", "acme", "mega")
    trade.done("loan", publish(**terms))
    trade.financed_invoice()
    take(trade)
    return trade


def take(trade: TradeLedger, limit: int = 10_000_000_00, lender: str = "fund", **rules: Any) -> None:
    """A programme under which a lender takes claims on mega."""
    terms = {**TERMS, "limits": [{"obligor": "mega", "limit": limit}]}
    published = {"op": "programme.publish", "programme": f"of-{lender}", "terms": terms, "rules": rules}
    trade.done(lender, published)


def offer(trade: TradeLedger, below: int = 5_000_00, number: str = "S1", **changes: Any) -> dict[str, Any]:
    """The holder offers INV1 to fund, for so much less than its principal."""
    place = {"op": "resale.offer", "resale": number, **HOLDER, "lender": "fund"}
    return {**place, "price": lien(trade).principal - below, "expires": LAST_DAY, **changes}


def settle(price: int, number: str = "S1", seller: str = "loan", **changes: Any) -> dict[str, Any]:
    """The other lender pays out of its deposit."""
    place = {"op": "resale.settle", "seller": seller, "resale": number, "price": price}
    return {**place, "bank": "bank", "programme": "of-fund", **changes}


def funded(amount: int, number: str = "S1", **changes: Any) -> dict[str, Any]:
    """The bank attests that fund has paid loan."""
    booked = {"account": "DE02 1203 0000 0000 2020 51", "entry": f"SALE {number}", "date": DAY}
    place = {"op": "resale.fund", "seller": "loan", "resale": number, "lender": "fund"}
    return {**place, **booked, "amount": amount, "programme": "of-fund", **changes}


def withdraw(number: str = "S1") -> dict[str, Any]:
    return {"op": "resale.withdraw", "seller": "loan", "resale": number}


def sell(trade: TradeLedger, below: int = 5_000_00) -> int:
    """loan sells INV1 to fund; the price."""
    offered = offer(trade, below)
    trade.done("loan", offered)
    trade.done("fund", settle(offered["price"]))
    return int(offered["price"])


def advance(trade: TradeLedger, day: str) -> None:
    trade.done("root", {"op": "date.advance", "date": day})


def standing(trade: TradeLedger, number: str = "S1", seller: str = "loan") -> str:
    found = read_resale(trade.state, seller, number)
    assert found is not None
    return STATUS.states[found.status]


# the sale


def test_cash_and_claim_move_together_and_both_books_follow() -> None:
    """Invariants 5, 12, 13 and 19."""
    trade = held()
    before = lien(trade)
    cash = (balance(trade, "loan").available, balance(trade, "fund").available)
    price = sell(trade)
    trade.check()
    after = lien(trade)
    kept = ("principal", "reserve_left", "recourse_days", "costs_limit", "interest_from", "account", "entry")
    assert [getattr(after, name) for name in kept] == [getattr(before, name) for name in kept]
    assert (after.lender, after.programme, after.bought) == ("fund", "of-fund", ("loan", "S1"))
    assert (balance(trade, "loan").available, balance(trade, "fund").available) == (
        cash[0] + price,
        cash[1] - price,
    )
    assert trade.entry("exposure", "loan", "mega", "USD") is None
    assert trade.entry("exposure", "fund", "mega", "USD") == (0, before.principal)
    assert (kinds(trade, "loan"), kinds(trade, "fund")) == (["buy", "sell"], ["buy"])
    foretold = [positions(trade, lender)[0].late_ppm for lender in ("loan", "fund")]
    assert foretold == [before.late_ppm, None], "the other lender's price was no quote"
    assert before.late_ppm is not None
    was, now = totals(trade, "loan"), totals(trade, "fund")
    assert (was.open, was.principal, was.reserve, was.sold, was.sold_for) == (
        0,
        0,
        0,
        before.principal,
        price,
    )
    assert (now.open, now.principal, now.reserve) == (1, before.principal, before.reserve_left)
    assert (now.advanced, now.discount) == (before.principal, before.principal - price)
    assert standing(trade) == "Sold"
    finance = trade_views.invoice_view(trade.state, "acme", "INV1")["finance"]  # type: ignore[index]
    assert (finance["lender"], finance["bought_from"], finance["resale"]) == ("fund", "loan", None)


def test_days_late_that_the_price_expected_are_those_of_the_seller_for_who_buys_the_claim() -> None:
    """The wait of the first offer for its payout is none of the buyer's lateness, whoever holds the claim."""
    trade = with_deposits(TradeLedger(), MONEY, "loan", "fund")
    trade.done("loan", publish())
    trade.confirmed_invoice()
    trade.done("loan", trade.offer())
    trade.done("acme", {"op": "finance.accept", "invoice": "INV1"})
    advance(trade, "2012-03-09")
    trade.done("bank", fund("INV1", lien(trade).paid_out, date="2012-03-09"))
    take(trade)
    sell(trade)
    trade.check()
    was, now = (positions(trade, lender)[0] for lender in ("loan", "fund"))
    assert now.expected_day == was.expected_day == lien(trade).offered + lien(trade).tenor_days
    assert expected_late(now) == expected_late(was) == 4
    assert now.bought + now.tenor_days == lien(trade).interest_from == was.expected_day + 8


def test_a_substitute_that_is_sold_is_expected_on_its_own_due_date() -> None:
    trade = held(recourse_days=30)
    trade.confirmed_invoice("INV2", 2_000_000_00, "2012-06-20")
    advance(trade, "2012-06-01")
    demand = {"op": "recourse.demand", "recourse": "R1", **HOLDER, "cause": "overdue", "reason": "unpaid"}
    trade.done("loan", demand)
    trade.done("acme", {"op": "recourse.propose", "lender": "loan", "recourse": "R1", "invoice": "INV2"})
    trade.done("loan", {"op": "recourse.substitute", "recourse": "R1", "invoice": "INV2"})
    price = lien(trade, "INV2").principal - 1
    place = {"op": "resale.offer", "resale": "S1", "supplier": "acme", "invoice": "INV2", "lender": "fund"}
    trade.done("loan", {**place, "price": price, "expires": "2012-06-11"})
    trade.done("fund", settle(price))
    trade.check()
    (position,) = positions(trade, "fund")
    assert position.expected_day == position.first_due_day == day_from_iso("2012-06-20")


def test_invariant_18_what_the_buyer_pays_afterwards_goes_to_the_new_holder() -> None:
    trade = held()
    sell(trade)
    principal, reserve = lien(trade).principal, lien(trade).reserve_left
    before = (balance(trade, "loan").available, balance(trade, "fund").available)
    pay = {"op": "payment.make", **HOLDER, "bank": "bank", "currency": "USD", "amount": 1_000_000_00}
    trade.done("mega", pay)
    trade.check()
    assert (balance(trade, "loan").available, balance(trade, "fund").available) == (
        before[0],
        before[1] + principal,
    )
    assert trade.entry("journal", "acme", "reserve", "USD") == reserve
    (position,) = positions(trade, "fund")
    assert (position.is_open, position.sums.collected) == (False, principal)
    (sold_on,) = positions(trade, "loan")
    assert position_view(sold_on, trade.entry("param", "business_date"))["status"] == "Sold"


def test_a_bank_attests_the_price_and_its_entry_is_consumed_once() -> None:
    """Invariant 11."""
    trade = held()
    offered = offer(trade)
    trade.done("loan", offered)
    price = offered["price"]
    assert trade.refused("bank", funded(price - 1)) == "amount_mismatch"
    assert trade.refused("bank", funded(price, lender="loan")) == "not_party"
    assert trade.refused("bank", funded(price, date="2012-02-29")) == "date_order"
    assert trade.refused("bank", funded(price, date="2012-03-02")) == "date_in_future"
    assert trade.refused("bank", funded(price, entry="OUT-1 INV1")) == "bank_entry_used"
    assert trade.refused("giro", funded(price)) == "account_of_other_bank"
    assert trade.refused("fund", funded(price)) == "wrong_role"
    trade.done("bank", funded(price))
    assert lien(trade).lender == "fund"
    assert trade.refused("bank", funded(price)) == "bank_entry_used"
    assert trade.refused("bank", funded(price, entry="again")) == "wrong_state"
    trade.check()


def test_a_claim_goes_from_lender_to_lender_and_back() -> None:
    """Invariant 12: each holder but the first has paid the one before it."""
    trade = held()
    first = sell(trade)
    back = offer(trade, 1_00, lender="loan")
    trade.done("fund", back)
    trade.done("loan", settle(back["price"], seller="fund", programme="prime"))
    trade.check()
    assert (lien(trade).lender, lien(trade).bought) == ("loan", ("fund", "S1"))
    assert kinds(trade, "loan") == ["buy", "sell", "buy"]
    assert totals(trade, "fund").sold_for == back["price"] > first
    trade.done("bank", payment("INV1", 1_000_000_00, "IN 1"))
    trade.check()
    assert [position.is_open for position in positions(trade, "loan")] == [False, False]


def test_recourse_stays_against_the_supplier_and_is_the_new_holders() -> None:
    """Invariant 19: a credit note beyond the reserve is demanded by who holds the claim."""
    trade = held()
    sell(trade)
    issue = {"op": "credit.issue", "credit": "C", "invoice": "INV1", "amount": 200_000_00, "date": DAY}
    trade.done("acme", issue)
    trade.done("mega", {"op": "credit.accept", "credit": "C", "supplier": "acme"})
    demand = {"op": "recourse.demand", "recourse": "R1", **HOLDER, "cause": "dilution", "reason": "credit"}
    assert trade.refused("loan", demand) == "not_financed"
    trade.done("fund", demand)
    short = lien(trade).shortfall
    assert short > 0
    trade.done(
        "acme",
        {"op": "recourse.pay", "lender": "fund", "recourse": "R1", "bank": "bank", "amount": short},
    )
    trade.check()
    assert totals(trade, "fund").repaid == short
    assert totals(trade, "loan").repaid == 0


def test_a_claim_with_a_shortfall_is_sold_with_it() -> None:
    trade = held()
    issue = {"op": "credit.issue", "credit": "C", "invoice": "INV1", "amount": 200_000_00, "date": DAY}
    trade.done("acme", issue)
    trade.done("mega", {"op": "credit.accept", "credit": "C", "supplier": "acme"})
    sell(trade, 60_000_00)
    trade.check()
    assert kinds(trade, "fund") == ["buy", "bear"]
    (position,) = positions(trade, "fund")
    assert position.shortfall == lien(trade).shortfall > 0
    assert position.net == 800_000_00, "what the buyer owes, however much of it is the lender's"


def test_default_and_substitution_are_the_new_holders_to_decide() -> None:
    trade = held(default_days=1)
    sell(trade)
    trade.confirmed_invoice("INV2", 1_000_000_01)
    trade.done(
        "fund",
        {"op": "recourse.demand", "recourse": "R1", **HOLDER, "cause": "warranty", "reason": "broken"},
    )
    trade.done("acme", {"op": "recourse.propose", "lender": "fund", "recourse": "R1", "invoice": "INV2"})
    trade.done("fund", {"op": "recourse.substitute", "recourse": "R1", "invoice": "INV2"})
    trade.check()
    assert lien(trade, "INV2").bought == ("loan", "S1")
    advance(trade, "2012-05-01")
    declare = {"op": "default.declare", "supplier": "acme", "invoice": "INV2"}
    assert trade.refused("loan", declare) == "not_party"
    trade.done("fund", declare, {**declare, "op": "default.write_off"})
    trade.check()


# offers


def test_an_offer_stands_alone_and_either_side_ends_it() -> None:
    trade = held()
    trade.done("loan", offer(trade))
    assert trade.refused("loan", offer(trade, number="S2")) == "resale_open"
    assert trade.refused("acme", withdraw()) == "wrong_role"
    assert trade.refused("fund", {**withdraw(), "resale": "S9"}) == "unknown_resale"
    trade.check()
    trade.done("fund", withdraw())
    assert (standing(trade), lien(trade).resale) == ("Withdrawn", "")
    assert trade.refused("fund", settle(1)) == "wrong_state"
    assert trade.refused("loan", offer(trade)) == "duplicate_number"
    trade.done("loan", offer(trade, number="S2"))
    trade.done("loan", withdraw("S2"))
    trade.check()


def test_invariant_14_an_offer_ends_with_its_last_day() -> None:
    trade = held()
    trade.done("loan", offer(trade))
    advance(trade, LAST_DAY)
    assert standing(trade) == "Offered"
    advance(trade, "2012-03-12")
    assert (standing(trade), lien(trade).resale) == ("Expired", "")
    trade.check()


@pytest.mark.parametrize("pays", ["buyer", "supplier"])
def test_invariant_14_an_offer_ends_with_its_claim(pays: str) -> None:
    trade = held(recourse_days=1)
    trade.done("loan", offer(trade, number="S1"))
    if pays == "buyer":
        trade.done("bank", payment("INV1", 1_000_000_00, "IN 1"))
    else:
        demand = {"op": "recourse.demand", "recourse": "R1", **HOLDER, "cause": "warranty", "reason": "x"}
        trade.done("loan", demand)
        due = lien(trade).principal
        place = {"op": "recourse.pay", "lender": "loan", "recourse": "R1", "bank": "bank"}
        trade.done("acme", {**place, "amount": due})
    assert standing(trade) == "Void"
    assert trade.refused("fund", settle(1)) == "wrong_state"
    trade.check()


def test_an_offer_ends_when_another_receivable_takes_the_place() -> None:
    trade = held()
    trade.confirmed_invoice("INV2", 1_000_000_01)
    trade.done("loan", offer(trade))
    trade.done(
        "loan",
        {"op": "recourse.demand", "recourse": "R1", **HOLDER, "cause": "warranty", "reason": "broken"},
    )
    trade.done("acme", {"op": "recourse.propose", "lender": "loan", "recourse": "R1", "invoice": "INV2"})
    trade.done("loan", {"op": "recourse.substitute", "recourse": "R1", "invoice": "INV2"})
    assert (standing(trade), lien(trade, "INV2").resale) == ("Void", "")
    trade.check()


def paid(trade: TradeLedger) -> None:
    trade.done("bank", payment("INV1", 1_00, "IN 1"))


def credited(trade: TradeLedger) -> None:
    note = {"op": "credit.issue", "credit": "C", "invoice": "INV1", "amount": 1_00, "date": DAY}
    trade.done("acme", note)
    trade.done("mega", {"op": "credit.accept", "credit": "C", "supplier": "acme"})


def disputed(trade: TradeLedger) -> None:
    trade.done("mega", {"op": "invoice.dispute", **HOLDER, "amount": 1_00, "reason": "late"})


def demanded(trade: TradeLedger) -> None:
    cause = {"cause": "warranty", "reason": "broken"}
    trade.done("loan", {"op": "recourse.demand", "recourse": "R1", **HOLDER, **cause})


def agreed(trade: TradeLedger) -> None:
    """The buyer contests a part and then confirms less."""
    disputed(trade)
    less = {"op": "invoice.confirm", **HOLDER, "net": 999_999_00, "due_date": "2012-04-26"}
    trade.done("mega", less)


@pytest.mark.parametrize("happens", [paid, credited, disputed, demanded, agreed])
def test_invariant_14_an_offer_of_what_has_changed_is_void_at_once_and_another_may_follow(
    happens: Callable[[TradeLedger], None],
) -> None:
    trade = held()
    offered = offer(trade)
    trade.done("loan", offered)
    happens(trade)
    assert (standing(trade), lien(trade).resale) == ("Void", "")
    assert trade.entry("expires", "resale", "loan", "S1") is None, "nothing waits for its last day"
    assert trade.refused("fund", settle(offered["price"])) == "wrong_state"
    trade.check()
    if lien(trade).recourse:
        trade.done("loan", {"op": "recourse.close", "recourse": "R1", "reason": "mended"})
    if trade.entry("invoice", "acme", "INV1")[10]:  # type: ignore[index]
        trade.done("mega", {"op": "dispute.withdraw", **HOLDER, "reason": "found"})
    assert standing(trade) == "Void", "what is taken back revives nothing"
    again = offer(trade, number="S2")
    trade.done("loan", again)
    trade.done("fund", settle(again["price"], "S2"))
    trade.check()


def test_an_offer_stands_while_nothing_of_the_claim_changes() -> None:
    """What another invoice does, and what the seller charges at its own cost, ends nothing."""
    trade = held(costs_ppm=20_000)
    offered = offer(trade)
    trade.done("loan", offered)
    trade.confirmed_invoice("INV2", 1_000_000_01)
    trade.done("bank", payment("INV2", 1_00, "IN 1"))
    trade.done("loan", {"op": "finance.charge", **HOLDER, "amount": 1_00, "reason": "post"})
    assert standing(trade) == "Offered"
    trade.check()
    trade.done("fund", settle(offered["price"]))
    trade.check()


def test_only_the_lender_it_is_offered_to_pays_exactly_its_price() -> None:
    trade = held()
    offered = offer(trade)
    price = offered["price"]
    assert trade.refused("loan", {**offered, "lender": "loan"}) == "same_party"
    assert trade.refused("loan", {**offered, "lender": "acme"}) == "unknown_organisation"
    assert trade.refused("loan", {**offered, "price": lien(trade).principal + 1}) == "price_above_face"
    assert trade.refused("loan", {**offered, "expires": "2012-02-29"}) == "date_order"
    assert trade.refused("loan", {**offered, "expires": "2012-04-26"}) == "past_due"
    assert trade.refused("loan", {**offered, "invoice": "INV9"}) == "not_financed"
    assert trade.refused("fund", {**offered, "lender": "loan"}) == "not_party"
    trade.done("loan", offered)
    assert trade.refused("loan", settle(price)) == "not_party"
    assert trade.refused("fund", settle(price - 1)) == "amount_mismatch"
    assert trade.refused("fund", settle(price, bank="giro")) == "no_deposit"
    trade.done("fund", settle(price))
    trade.check()


# what cannot be sold


def due(trade: TradeLedger) -> None:
    advance(trade, "2012-04-26")


def defaulted(trade: TradeLedger) -> None:
    advance(trade, "2012-04-28")
    trade.done("loan", {"op": "default.declare", **HOLDER})


@pytest.mark.parametrize(
    ("happens", "code"),
    [(disputed, "disputed"), (demanded, "recourse_open"), (due, "past_due"), (defaulted, "wrong_state")],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_disputed_demanded_due_or_in_default_does_not_change_hands(
    happens: Callable[[TradeLedger], None], code: str
) -> None:
    trade = held(default_days=1)
    offered = offer(trade, expires="2012-04-25")
    trade.done("loan", offered)
    happens(trade)
    assert standing(trade) in ("Void", "Expired")
    assert trade.refused("fund", settle(offered["price"])) == "wrong_state"
    assert trade.refused("loan", {**offered, "resale": "S2"}) == code
    trade.check()


def test_a_pledge_stays_with_the_lender_that_advanced_on_it() -> None:
    trade = held(security="pledge")
    assert trade.refused("loan", offer(trade)) == "not_assigned"


def test_the_shares_of_a_claim_stay_together() -> None:
    trade = market()
    sold(trade, {"loan": (60_000, 60_000_00), "fund": (72_000, 60_000_00)})
    assert trade.refused("loan", offer(trade)) == "claim_shared"


# limits and cover


def test_invariant_13_the_new_holders_limit_and_rules_hold() -> None:
    trade = held()
    offered = offer(trade)
    price, principal = offered["price"], lien(trade).principal
    trade.done("loan", offered)
    assert trade.refused("fund", settle(price, programme="none")) == "unknown_programme"
    assert trade.refused("fund", settle(price, programme="prime")) == "programme_of_other_lender"
    euro = {**TERMS, "currency": "EUR"}
    trade.done("fund", {"op": "programme.publish", "programme": "euro", "terms": euro})
    assert trade.refused("fund", settle(price, programme="euro")) == "currency_mismatch"
    other = {**TERMS, "limits": [{"obligor": "nova", "limit": 1}]}
    trade.done("fund", {"op": "programme.publish", "programme": "nova", "terms": other})
    assert trade.refused("fund", settle(price, programme="nova")) == "obligor_not_eligible"
    take(trade, principal - 1)
    assert trade.refused("fund", settle(price)) == "limit_exceeded"
    take(trade, suppliers=["bolt"])
    assert trade.refused("fund", settle(price)) == "supplier_not_accepted"
    take(trade, programme_limit=principal - 1)
    assert trade.refused("fund", settle(price)) == "programme_limit"
    take(trade, principal, programme_limit=principal)
    trade.done("fund", settle(price))
    trade.check()


def test_the_sellers_cover_ends_with_the_sale_and_the_buyers_is_its_own() -> None:
    """A policy insures the loss of its assured: seller and buyer each by a policy of its own."""
    trade = with_deposits(TradeLedger(), 10 * MONEY, "cover", "loan", "fund", "acme", "mega")
    for number, assured in (("POL", "loan"), ("POL2", "fund")):
        active(trade, number, assured=assured)
    bill(trade)
    trade.done("loan", publish())
    terms = trade.offer()
    trade.done("loan", terms)
    trade.done("acme", {"op": "finance.accept", "invoice": "INV1"})
    settled = {"op": "finance.settle", **HOLDER, "bank": "bank"}
    trade.done("loan", settled)
    take(trade)

    def covered(assured: str, number: str) -> set[str]:
        found = answer(trade.state, Question(assured, "cover", number, "acme", "INV1", ()))
        return {reason["code"] for reason in found["conditions"] if not reason["holds"]}

    assert (covered("loan", "POL"), covered("fund", "POL2")) == (set(), {"no_interest"})
    sell(trade)
    assert (covered("loan", "POL"), covered("fund", "POL2")) == ({"no_interest"}, set())
    trade.check()


# what it earns


def test_a_sale_is_what_was_earned_less_what_the_other_lender_earns() -> None:
    trade = held()
    paid_out = lien(trade).paid_out
    price = sell(trade, below=lien(trade).discount // 2)
    day = trade.entry("param", "business_date")
    records = [codec.decode(record) for record in trade.records[book_key("loan")]]
    held_by = portfolio.positions(records)
    found = portfolio.performance(portfolio.flows(records, "USD"), held_by, "USD", day, day)
    assert found.sales == price - lien(trade).principal < 0
    assert found.net_income == price - paid_out > 0


# views


def test_offers_are_shown_by_seller_lender_and_state() -> None:
    trade = held()
    sell(trade)
    trade.done("acme", invoice("INV3", 5_00))
    view = resale_view(trade.state, "loan", "S1")
    assert view is not None
    assert (view["status"], view["lender"], view["due_date"]) == ("Sold", "fund", "2012-04-26")
    assert resale_sentence(view).startswith("Sold, INV1 of acme to fund: ")
    assert resale_view(trade.state, "fund", "S1") is None
    for asked, count in (
        ({}, 1),
        ({"seller": "loan"}, 1),
        ({"seller": "fund"}, 0),
        ({"lender": "fund", "status": "sold"}, 1),
        ({"lender": "loan"}, 0),
        ({"status": "Offered"}, 0),
    ):
        found, _ = resales(trade.state, **asked)  # type: ignore[arg-type]
        assert len(found) == count, asked


# the laws over a whole state


def state_of(trade: TradeLedger) -> Kinds:
    return by_kind((key, codec.decode(data)) for key, data in trade.state.data.items())


def change(kinds_: Kinds, kind: str, key: tuple[Any, ...], **changes: Any) -> None:
    make = Lien if kind == "lien" else Resale
    kinds_[kind][key] = tuple(make._make(kinds_[kind][key])._replace(**changes))


def laws(kinds_: Kinds) -> None:
    """Both laws, the chain of holders first."""
    for check in resale_check.CHECKS:
        check(kinds_)


SALE, CLAIM = ("loan", "S1"), ("acme", "INV1")
SPOILT: tuple[tuple[str, int, Callable[[Kinds], object]], ...] = (
    ("held by another", 12, lambda k: change(k, "lien", CLAIM, lender="loan")),
    ("never bought", 12, lambda k: change(k, "lien", CLAIM, bought=())),
    ("bought by a sale that was not", 12, lambda k: change(k, "lien", CLAIM, bought=("loan", "S9"))),
    ("not sold", 12, lambda k: change(k, "resale", SALE, status=0)),
    ("at another price", 12, lambda k: change(k, "resale", SALE, price=1)),
    ("without its entry", 12, lambda k: change(k, "resale", SALE, account="", entry="")),
    ("in a circle", 12, lambda k: change(k, "resale", SALE, bought=SALE)),
    ("another supplier's", 12, lambda k: change(k, "resale", SALE, supplier="bolt")),
    ("offered by nobody", 5, lambda k: change(k, "lien", CLAIM, resale="S1")),
)


@pytest.mark.parametrize(("number", "spoil"), [row[1:] for row in SPOILT], ids=[row[0] for row in SPOILT])
def test_invariants_5_and_12_a_state_with_a_broken_chain_of_holders_is_refused(
    number: int, spoil: Callable[[Kinds], object]
) -> None:
    trade = held()
    sell(trade)
    found = state_of(trade)
    laws(found)
    spoil(found)
    with pytest.raises(InvariantBroken) as broken:
        laws(found)
    assert broken.value.number == number


def test_invariant_14_a_claim_that_is_over_and_still_offered_is_refused() -> None:
    trade = held()
    trade.done("bank", payment("INV1", 1_000_000_00, "IN 1"))
    found = state_of(trade)
    (key,) = found["deal"]
    found["deal"][key] = tuple(Lien._make(found["deal"][key])._replace(resale="S1"))
    with pytest.raises(InvariantBroken, match="invariant 14"):
        resale_check.offers_stand_on_claims(found)


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("resale", {"principal": 1}),
        ("resale", {"outstanding": 1}),
        ("resale", {"due_day": 1}),
        ("lien", {"recourse": "R1"}),
        ("lien", {"title": 3}),
    ],
)
def test_invariant_14_an_offer_of_what_the_claim_is_not_is_refused(
    kind: str, changes: dict[str, Any]
) -> None:
    trade = held()
    trade.done("loan", offer(trade))
    found = state_of(trade)
    resale_check.offers_are_current(found)
    change(found, kind, SALE if kind == "resale" else CLAIM, **changes)
    with pytest.raises(InvariantBroken, match="invariant 14"):
        resale_check.offers_are_current(found)


@pytest.mark.parametrize("changes", [{"status": 0}, {"price": 1}, {"to": "loan"}])
def test_invariant_15_an_offer_that_was_paid_never_changes(changes: dict[str, Any]) -> None:
    trade = held()
    sell(trade)
    before, after = state_of(trade), state_of(trade)
    resale_check.offers_follow_their_table(before, after)
    change(after, "resale", SALE, **changes)
    with pytest.raises(InvariantBroken, match="invariant 15"):
        resale_check.offers_follow_their_table(before, after)
    with pytest.raises(InvariantBroken, match="invariant 15"):
        resale_check.offers_follow_their_table(before, by_kind(()))
