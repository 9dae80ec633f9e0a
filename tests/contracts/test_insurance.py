"""Credit insurance from quote to shared recoveries, each refusal with its code; invariants 15 to 21."""

from __future__ import annotations

from typing import Any

import pytest
from cash_ledger import balance, with_deposits
from insurance_ledger import (
    INDEMNITY,
    accepted,
    active,
    advance,
    ask,
    bill,
    bind,
    booked,
    by_assured,
    claim_state,
    filed_by_both,
    financed,
    insured,
    notify,
    of_assured,
    pay_premium,
    policy,
    quote,
    the_claim,
)
from trade_ledger import DAY, TradeLedger, dispatch, fund, invoice, payment, publish, receive

from contracts.finance.claim import Lien, last_deal, read_lien
from contracts.insurance.coverage import Question
from contracts.insurance.insurance_views import answer, claim_view, cover_sentence, policy_view
from contracts.insurance.policy import ACTIVE, EXHAUSTED, EXPIRED, SUSPENDED


def test_the_premium_of_the_running_example_is_quoted_bound_and_paid() -> None:
    trade = with_deposits(TradeLedger(), 10_000_00, "cover", "acme")
    offer = quote(trade)
    assert offer["premium"] == 1_354_73
    assert trade.refused("cover", {**offer, "premium": 1_354_72}) == "premium_stale"
    assert trade.refused("loan", offer) == "wrong_role"
    trade.done("cover", offer)
    assert trade.refused("cover", offer) == "duplicate_number"
    assert trade.refused("loan", bind(1_354_73)) == "not_party"
    assert trade.refused("acme", bind(1_354_74)) == "amount_mismatch"
    assert trade.refused("acme", pay_premium()) == "wrong_state"
    trade.done("acme", bind(1_354_73))
    assert not policy(trade).covers_shipment_on(policy(trade).starts), "not before the premium is paid"
    trade.done("acme", pay_premium())
    assert policy(trade).status == ACTIVE
    assert policy(trade).covers_shipment_on(policy(trade).starts)
    assert balance(trade, "cover") == (10_000_00 + 1_354_73, 0)
    trade.check()


def test_cover_begins_with_the_attested_premium_and_never_before_it() -> None:
    trade = TradeLedger()
    offer = quote(trade)
    trade.done("cover", offer)
    trade.done("acme", bind(offer["premium"]))
    advance(trade, "2012-03-15")
    attest = {"op": "premium.attest", "policy": "POL", "insurer": "cover", **booked(offer["premium"], "P")}
    assert trade.refused("bank", {**attest, "amount": 1}) == "amount_mismatch"
    trade.done("bank", attest)
    assert trade.refused("bank", attest) == "wrong_state"
    day = policy(trade).starts
    assert [policy(trade).covers_shipment_on(day + shift) for shift in (0, 13, 14)] == [False, False, True]
    trade.check()


QUOTES: list[tuple[dict[str, Any], str | None]] = [
    ({"starts": "2012-02-29"}, "date_order"),
    ({"ends": "2012-03-10"}, "date_order"),
    ({"ends": "2016-03-10"}, "date_too_far"),
    ({"deductible": 5_000_000_00}, "nothing_insured"),
    ({"assured": "loan"}, None),
    ({"assured": "mega"}, "same_party"),
    ({"loss_payee": "acme"}, "unknown_organisation"),
    ({"buyers": [{"buyer": "loan", "limit": 1, "suppliers": ["acme"]}]}, "unknown_organisation"),
    ({"buyers": [{"buyer": "mega", "limit": 1, "suppliers": ["nova"]}]}, "unknown_organisation"),
    ({"buyers": [{"buyer": "mega", "limit": 5, "suppliers": ["acme"]}] * 2}, "line_twice"),
]


@pytest.mark.parametrize(("change", "code"), QUOTES)
def test_a_quote_that_does_not_fit_is_refused(change: dict[str, Any], code: str | None) -> None:
    trade = TradeLedger()
    if code is None:
        trade.done("cover", quote(trade, **change))
    else:
        assert trade.refused("cover", quote(trade, **change)) == code


def test_invariant_17_insurer_and_assured_hang_on_different_approvers() -> None:
    trade = TradeLedger(enrolled_by={"acme": "root", "cover": "root"})
    offer = quote(trade)
    trade.done("cover", offer)
    assert trade.refused("acme", bind(offer["premium"])) == "same_approver"


def test_a_premium_of_the_ledgers_own_losses_rises_with_them_and_names_the_worst_relationship() -> None:
    """Two suppliers of one buyer: the worse history prices the limit; it is not scaled by the tenor."""
    trade = TradeLedger()
    asked = [{"buyer": "mega", "limit": 800_000_00, "suppliers": ["acme", "bolt"]}]
    terms = {"pd_basis": "history"}
    before = quote(trade, assured="loan", buyers=asked, terms=terms)["premium"]
    assert before == 7_975_39, "800,000 x 12,000 ppm x 90 % x 60 % / 65 %: 3 in 250, nothing is known"
    trade.confirmed_invoice("INV1", 1_000_00, "2012-03-01")
    advance(trade, "2012-07-01")
    after = quote(
        trade,
        assured="loan",
        buyers=asked,
        terms=terms,
        starts="2012-07-01",
        bind_by="2012-07-01",
    )["premium"]
    assert after == 10_591_32, "1 of 1 buyer-weeks: (3 + 1) / (250 + 1), 15,936 ppm"


def test_a_loss_is_notified_waited_for_filed_accepted_paid_and_its_recovery_shared() -> None:
    trade = insured()
    assert trade.refused("acme", notify()) == "not_overdue"
    advance(trade, "2012-05-26")
    trade.done("acme", notify())
    assert trade.refused("acme", notify("C2")) == "already_notified"
    assert trade.refused("acme", notify()) == "duplicate_number"
    trade.done("cover", of_assured("claim.acknowledge"))
    assert trade.refused("acme", by_assured("claim.file")) == "waiting_period"
    advance(trade, "2012-06-25")
    assert trade.refused("cover", of_assured("claim.accept", indemnity=INDEMNITY)) == "wrong_state"
    trade.done("acme", by_assured("claim.file"))
    assert trade.refused("cover", of_assured("claim.accept", indemnity=INDEMNITY + 1)) == "amount_mismatch"
    trade.done("cover", of_assured("claim.accept", indemnity=INDEMNITY))
    trade.check()
    pay = of_assured("indemnity.pay", bank="bank")
    before = balance(trade, "acme").available
    trade.done("cover", pay)
    assert balance(trade, "acme").available == before + INDEMNITY
    assert trade.refused("cover", pay) == "wrong_state"
    cede = of_assured("recovery.cede", bank="bank")
    assert trade.refused("acme", cede) == "wrong_state"
    trade.done("acme", by_assured("claim.subrogate"))
    assert trade.refused("acme", cede) == "nothing_recovered"
    trade.done("bank", payment("INV1", 100_000_00, "LATE 1"))
    assert trade.refused("mega", cede) == "wrong_role"
    assert trade.refused("loan", cede) == "not_party"
    trade.done("acme", cede)
    assert the_claim(trade).ceded == 75_315_79, "up(100,000 x 715,500 / 950,000)"
    trade.check()
    trade.done("bank", payment("INV1", 850_000_00, "LATE 2"))
    trade.done("acme", cede)
    assert the_claim(trade).ceded == INDEMNITY, "all of it came in: the insurer has all of it back"
    assert claim_state(trade) == "RecoveriesShared"
    trade.check()


def test_recoveries_are_shared_once_the_insurer_has_all_of_its_indemnity_back() -> None:
    """Its part is rounded up, so it has all of it before the last unit of the loss comes in."""
    trade = insured(insured_ppm=500_000, deductible=0)
    accepted(trade, 400_000_00)
    trade.done("cover", of_assured("indemnity.pay", bank="bank"))
    trade.done("acme", by_assured("claim.subrogate"))
    trade.done("bank", payment("INV1", 950_000_00 - 1, "LATE 1"))
    trade.done("acme", of_assured("recovery.cede", bank="bank"))
    assert the_claim(trade).ceded == 400_000_00
    assert claim_state(trade) == "RecoveriesShared"
    trade.done("bank", payment("INV1", 1, "LATE 2"))
    trade.check()


def test_a_quote_stays_as_it_was_made_whoever_binds_it_signs_its_limits() -> None:
    trade = with_deposits(TradeLedger(), 10_000_000_00, "cover", "acme")
    offer = quote(trade, starts="2012-03-05")
    trade.done("cover", offer)
    lower = {"op": "policy.limit", "policy": "POL", "buyer": "mega", "limit": 0}
    assert trade.refused("cover", lower) == "wrong_state"
    trade.done("acme", bind(offer["premium"]))
    trade.done("cover", lower)
    trade.check()


def test_cover_is_void_when_the_notification_clock_has_run_out() -> None:
    trade = insured()
    assert ask(trade)["next"] == "nothing before it is overdue on 2012-04-27; then notify by 2012-05-26"
    advance(trade, "2012-05-01")
    assert ask(trade)["covered"]
    assert ask(trade)["indemnity_today"] == INDEMNITY
    assert ask(trade)["next"] == "notify by 2012-05-26, or cover is void"
    advance(trade, "2012-05-27")
    assert trade.refused("acme", notify()) == "notified_too_late"
    late = ask(trade)
    assert not late["covered"]
    assert [reason["code"] for reason in late["conditions"] if not reason["holds"]] == ["notified_too_late"]
    assert late["next"] == "nothing: it is not covered"


def test_a_buyers_dispute_blocks_a_claim_until_it_is_resolved() -> None:
    trade = insured()
    advance(trade, "2012-05-01")
    trade.done("acme", notify())
    quarrel = {"op": "invoice.dispute", "invoice": "INV1", "supplier": "acme", "amount": 10, "reason": "rust"}
    trade.done("mega", quarrel)
    advance(trade, "2012-07-01")
    assert trade.refused("acme", by_assured("claim.file")) == "disputed"
    assert ask(trade)["next"] == "have the buyer's dispute resolved: it blocks the claim"
    trade.done("mega", {"op": "dispute.withdraw", "invoice": "INV1", "supplier": "acme", "reason": "clean"})
    trade.done("acme", by_assured("claim.file"))
    trade.done("mega", quarrel)
    assert trade.refused("cover", of_assured("claim.accept", indemnity=INDEMNITY)) == "disputed"
    trade.check()


def test_what_was_insured_when_the_goods_left_stays_insured() -> None:
    """Limit at ship date: a lower limit and a suspension hold from the next day on."""
    trade = insured()
    lower = {"op": "policy.limit", "policy": "POL", "buyer": "mega", "limit": 0}
    assert trade.refused("cover", {**lower, "limit": 800_000_00}) == "limit_not_lower"
    assert trade.refused("cover", {**lower, "buyer": "nova"}) == "buyer_not_covered"
    before = dict(trade.state.data)
    trade.done("cover", lower, {"op": "policy.suspend", "policy": "POL", "reason": "premium review"})
    trade.check_step(before)
    assert policy(trade).status == SUSPENDED
    assert ask(trade)["limit_when_shipped"] == 800_000_00
    assert ask(trade)["covered"]
    advance(trade, "2012-03-05")
    bill(trade, "INV2", 1_000_00, issue="2012-03-05")
    codes = {reason["code"] for reason in ask(trade, "INV2")["conditions"] if not reason["holds"]}
    assert codes == {"shipped_uncovered", "limit_withdrawn"}
    trade.done("cover", {"op": "policy.resume", "policy": "POL"})
    assert trade.refused("cover", {"op": "policy.resume", "policy": "POL"}) == "wrong_state"
    assert not policy(trade).covers_shipment_on(policy(trade).starts + 4)
    assert policy(trade).covers_shipment_on(policy(trade).starts + 5)
    trade.check()


LOWER = {"op": "policy.limit", "policy": "POL", "buyer": "mega", "limit": 300_00}
SUSPEND = {"op": "policy.suspend", "policy": "POL", "reason": "premium review"}


def shipped_and_billed(trade: TradeLedger, number: str, recorded: str) -> None:
    """100 units that acme says left on the first day, told to the ledger on another; and their invoice."""
    trade.done("acme", {**dispatch(number, quantity=100), "date": DAY, "scheduled": DAY})
    trade.done("mega", {**receive(number, accepted=100), "date": recorded})
    billed = invoice(f"I {number}", 1_000_000, order="PO1", quantity=100)
    trade.done("acme", {**billed, "issue_date": recorded})
    confirmed = {"op": "invoice.confirm", "invoice": f"I {number}", "supplier": "acme", "net": 1_000_000}
    trade.done("mega", {**confirmed, "due_date": "2012-04-26"})


def test_cover_is_by_day_what_is_told_on_the_day_of_a_change_falls_under_what_was() -> None:
    """A change holds from the next business day on: the rest of its own day is as the day began."""
    trade = with_deposits(TradeLedger(), 10_000_000_00, "cover", "acme")
    active(trade)
    trade.order(lines=(("1", 200, 10_000_000_000),))
    trade.done("cover", LOWER, SUSPEND)
    shipped_and_billed(trade, "S1", DAY)
    assert ask(trade, "I S1", "acme", "S1")["limit_when_shipped"] == 800_000_00
    assert ask(trade, "I S1", "acme", "S1")["covered"]
    advance(trade, "2012-03-02")
    shipped_and_billed(trade, "S2", "2012-03-02")
    late = ask(trade, "I S2", "acme", "S2")
    assert (late["shipped"], late["limit_when_shipped"], late["covered"]) == ([DAY], 300_00, False)


@pytest.mark.parametrize(("recorded", "limit"), [(DAY, 800_000_00), ("2012-03-02", 300_00)])
def test_a_dispatch_told_after_a_limit_was_lowered_falls_under_it_whatever_its_date(
    recorded: str, limit: int
) -> None:
    trade = with_deposits(TradeLedger(), 10_000_000_00, "cover", "acme")
    active(trade)
    trade.order()
    if recorded == DAY:
        shipped_and_billed(trade, "S1", DAY)
    trade.done("cover", LOWER)
    if recorded != DAY:
        advance(trade, recorded)
        shipped_and_billed(trade, "S1", recorded)
    advance(trade, "2012-03-10")
    asked = ask(trade, "I S1", "acme", "S1")
    assert (asked["shipped"], asked["limit_when_shipped"]) == ([DAY], limit)
    advance(trade, "2012-05-01")
    trade.done("acme", notify(invoice="I S1", shipments=["S1"]))
    assert the_claim(trade).limit == limit
    trade.check()


@pytest.mark.parametrize("change", [LOWER, SUSPEND])
def test_an_invoice_without_an_order_told_after_a_change_falls_under_it(change: dict[str, Any]) -> None:
    trade = with_deposits(TradeLedger(), 10_000_000_00, "cover", "acme")
    active(trade)
    trade.done("cover", change)
    bill(trade, "EARLY", 1_000_00)
    advance(trade, "2012-03-02")
    bill(trade, "LATE", 2_000_00, issue=DAY)
    early, late = ask(trade, "EARLY"), ask(trade, "LATE")
    assert (early["covered"], early["limit_when_shipped"]) == (True, 800_000_00), "told in time"
    if change is LOWER:
        assert late["limit_when_shipped"] == 300_00
    else:
        assert [each["code"] for each in late["conditions"] if not each["holds"]] == ["shipped_uncovered"]
    trade.check()


def test_the_named_shipments_carry_all_that_is_billed_and_the_least_limit_counts() -> None:
    trade = with_deposits(TradeLedger(), 10_000_000_00, "cover", "acme")
    active(trade)
    trade.order()
    for number, day in (("S1", "2012-03-02"), ("S2", "2012-03-04")):
        advance(trade, day)
        shipped = {**dispatch(number, quantity=50), "date": day, "scheduled": day}
        trade.done("acme", shipped)
        trade.done("mega", {**receive(number, accepted=50), "date": day})
        if number == "S1":
            lower = {"op": "policy.limit", "policy": "POL", "buyer": "mega", "limit": 300_00}
            trade.done("cover", lower)
    billed = invoice("INV1", 1_000_000, order="PO1", quantity=100)
    trade.done("acme", {**billed, "issue_date": "2012-03-04"})
    confirmed = {"op": "invoice.confirm", "invoice": "INV1", "supplier": "acme", "net": 1_000_000}
    trade.done("mega", {**confirmed, "due_date": "2012-04-26"})
    advance(trade, "2012-05-01")
    assert trade.refused("acme", notify()) == "shipments_missing"
    assert trade.refused("acme", notify(shipments=["S1"])) == "shipments_missing"
    assert trade.refused("acme", notify(shipments=["S1", "S9"])) == "unknown_shipment"
    trade.done("acme", notify(shipments=["S1", "S2"]))
    assert the_claim(trade).limit == 300_00


def test_only_who_loses_something_is_insured() -> None:
    trade = insured()
    active(trade, "OTHER", assured="loan")
    advance(trade, "2012-05-01")
    assert trade.refused("loan", notify()) == "not_party"
    assert trade.refused("loan", notify(policy="OTHER")) == "no_interest"
    assert trade.refused("acme", notify(policy="NONE")) == "unknown_policy"
    assert trade.refused("acme", notify(invoice="NONE")) == "unknown_invoice"
    assert trade.refused("acme", notify(shipments=["S1"])) == "shipments_missing"
    trade.done("cover", quote(trade, "NEW", starts="2012-05-01", bind_by="2012-05-01"))
    assert trade.refused("acme", notify(policy="NEW")) == "policy_not_active"
    assert trade.refused("acme", by_assured("claim.file", "C9")) == "unknown_claim"


def test_a_lender_is_insured_for_its_principal_and_the_supplier_for_the_rest() -> None:
    trade = financed()
    active(trade, "LOAN", assured="loan", starts="2012-03-01")
    assert ask(trade)["loss_today"] == 142_500_00
    filed_by_both(trade)
    trade.done("cover", of_assured("claim.accept", "L1", "loan", indemnity=715_500_00))
    trade.done("cover", of_assured("claim.accept", indemnity=123_750_00))
    trade.done("bank", of_assured("indemnity.attest", "L1", "loan", **booked(715_500_00, "I1")))
    trade.check()
    trade.done("bank", payment("INV1", 807_500_00, "LATE"))
    trade.check()
    trade.done("loan", by_assured("claim.subrogate", "L1"))
    back = of_assured("recovery.attest", "L1", "loan", **booked(715_500_00, "R1"))
    assert trade.refused("bank", {**back, "amount": 1}) == "amount_mismatch"
    trade.done("bank", back)
    assert claim_state(trade, "L1", "loan") == "RecoveriesShared"
    trade.check()


def test_the_loss_payee_is_paid_first_up_to_its_principal() -> None:
    trade = financed(
        loss_payee="loan", buyers=[{"buyer": "mega", "limit": 9_000_000_00, "suppliers": ["acme"]}]
    )
    accepted(trade, 850_500_00)
    had = balance(trade, "loan").available, balance(trade, "acme").available
    trade.done("cover", of_assured("indemnity.pay", bank="bank"))
    assert balance(trade, "loan").available - had[0] == 807_500_00
    assert balance(trade, "acme").available - had[1] == 850_500_00 - 807_500_00
    trade.done("acme", by_assured("claim.subrogate"))
    trade.done("bank", payment("INV1", 95_000_00, "LATE"))
    assert trade.refused("loan", of_assured("recovery.cede", bank="bank")) == "not_party"
    trade.done("acme", of_assured("recovery.cede", bank="bank"))
    assert the_claim(trade).ceded == 85_050_00
    trade.check()


def lien(trade: TradeLedger) -> Lien:
    """The claim on INV1."""
    found = read_lien(trade.state, "acme", "INV1")
    assert found is not None
    return found


def test_a_loss_payee_is_paid_once_and_recoveries_are_shared_beside_the_waterfall() -> None:
    """Invariants 6, 19 and 21: half of a loss is insured; the buyer then pays half of what it owes.

    The insurer bears half of what is lost at last, the supplier's reserve the rest as far as it goes.
    """
    buyers = [{"buyer": "mega", "limit": 9_000_000_00, "suppliers": ["acme"]}]
    trade = financed(loss_payee="loan", buyers=buyers, insured_ppm=500_000, deductible=0)
    accepted(trade, 475_000_00)
    trade.done("cover", of_assured("indemnity.pay", bank="bank"))
    had = {name: balance(trade, name).available for name in ("cover", "acme", "loan")}
    found = lien(trade)
    assert (found.principal, found.reserve_left, found.subrogated) == (332_500_00, 142_500_00, 475_000_00)
    assert (found.indemnified, found.collected) == (475_000_00, 0)
    assert trade.entry("exposure", "loan", "mega", "USD") == (0, 332_500_00)
    trade.check()
    trade.done("acme", by_assured("claim.subrogate"))
    make = {"op": "payment.make", "invoice": "INV1", "supplier": "acme", "bank": "bank", "currency": "USD"}
    trade.done("mega", {**make, "amount": 475_000_00})
    trade.done("acme", of_assured("recovery.cede", bank="bank"))
    gained = {name: balance(trade, name).available - had[name] for name in had}
    assert gained == {"cover": 237_500_00, "acme": 0, "loan": 237_500_00}
    trade.check()
    trade.done("mega", {**make, "amount": 475_000_00})
    trade.done("acme", of_assured("recovery.cede", bank="bank"))
    gained = {name: balance(trade, name).available - had[name] for name in had}
    over = last_deal(trade.state, "acme", "INV1")
    assert over is not None
    late = over.interest_paid
    assert late > 0, "overdue interest is borne by the reserve, and runs on what the insurer has not paid"
    assert gained == {"cover": 475_000_00, "acme": 142_500_00 - late, "loan": 332_500_00 + late}
    assert claim_state(trade) == "RecoveriesShared"
    assert read_lien(trade.state, "acme", "INV1") is None
    trade.check()


def test_a_principal_is_insured_once_by_the_policy_whose_claim_was_accepted_first() -> None:
    """Invariant 19: the lender's own policy, or the supplier's that pays it first; not both."""
    buyers = [{"buyer": "mega", "limit": 9_000_000_00, "suppliers": ["acme"]}]
    for first in ("acme", "loan"):
        trade = financed(loss_payee="loan", buyers=buyers)
        active(trade, "LOAN", assured="loan", starts="2012-03-01", buyers=buyers)
        filed_by_both(trade)
        own = of_assured("claim.accept", "L1", "loan", indemnity=722_250_00)
        if first == "acme":
            trade.done("cover", of_assured("claim.accept", indemnity=850_500_00))
            assert trade.refused("cover", own) == "nothing_to_indemnify"
        else:
            trade.done("cover", own)
            trade.done("cover", of_assured("claim.accept", indemnity=123_750_00))
            had = balance(trade, "loan").available
            trade.done("cover", of_assured("indemnity.pay", bank="bank"))
            assert balance(trade, "loan").available == had, "the rest is the supplier's own loss"
        trade.check()


def test_the_answer_about_cover_is_what_a_claim_would_be_accepted_at() -> None:
    """Nobody is shown a loss that another policy has made good, nor more than is left of the invoice."""
    buyers = [{"buyer": "mega", "limit": 9_000_000_00, "suppliers": ["acme"]}]

    def shown(trade: TradeLedger, assured: str) -> tuple[int, int, Any]:
        number = {"acme": "POL", "loan": "LOAN"}[assured]
        view = answer(trade.state, Question(assured, "cover", number, "acme", "INV1", ()))
        return view["loss_today"], view["indemnity_today"], view["made_good_by"]

    for first, other in (("acme", "loan"), ("loan", "acme")):
        trade = financed(loss_payee="loan", buyers=buyers)
        active(trade, "LOAN", assured="loan", starts="2012-03-01", buyers=buyers)
        before = {"acme": (950_000_00, 850_500_00, None), "loan": (807_500_00, 722_250_00, None)}
        assert {who: shown(trade, who) for who in before} == before
        filed_by_both(trade)
        numbers = {"acme": "C1", "loan": "L1"}
        accept = of_assured("claim.accept", numbers[first], first, indemnity=before[first][1])
        trade.done("cover", accept)
        left = {"acme": (142_500_00, 123_750_00), "loan": (0, 0)}[other]
        made_good = {"assured": first, "claim": numbers[first]}
        assert shown(trade, other) == (*left, made_good)
        view = answer(trade.state, Question("loan", "cover", "LOAN", "acme", "INV1", ()))
        if other == "loan":
            assert cover_sentence(view).startswith("covered, and claim C1 of acme makes its loss good; ")
        trade.done(first, by_assured("claim.withdraw", numbers[first]))
        assert shown(trade, other) == before[other], "a claim that is withdrawn makes nothing good"


@pytest.mark.parametrize("is_payee", [False, True])
def test_what_an_insurer_makes_good_to_a_lender_the_supplier_does_not_make_good_as_well(
    is_payee: bool,
) -> None:
    """Invariant 19: recourse and indemnity together are no more than is owed."""
    trade = financed(loss_payee="loan" if is_payee else None)
    assured = "acme"
    if not is_payee:
        active(trade, "LOAN", assured="loan", starts="2012-03-01")
        assured = "loan"
    demand = {"op": "recourse.demand", "supplier": "acme", "invoice": "INV1", "reason": "see the letter"}
    warranty = {**demand, "recourse": "R1", "cause": "warranty"}
    trade.done("loan", warranty)
    advance(trade, "2012-05-01")
    trade.done(assured, notify(policy="POL" if is_payee else "LOAN"))
    advance(trade, "2012-06-25")
    trade.done(assured, by_assured("claim.file"))
    indemnity = ask(trade, "INV1", "acme")["indemnity_today"] if is_payee else 715_500_00
    trade.done("cover", of_assured("claim.accept", "C1", assured, indemnity=indemnity))
    pay = {"op": "recourse.pay", "lender": "loan", "recourse": "R1", "bank": "bank", "amount": 1}
    assert trade.refused("acme", pay) == "indemnified"
    trade.done("cover", of_assured("indemnity.pay", "C1", assured, bank="bank"))
    assert trade.refused("acme", pay) == "indemnified"
    trade.confirmed_invoice("GOOD", 950_000_00, "2012-12-01")
    propose = {"op": "recourse.propose", "lender": "loan", "recourse": "R1", "invoice": "GOOD"}
    assert trade.refused("acme", propose) == "indemnified"
    trade.done("loan", {"op": "recourse.close", "recourse": "R1", "reason": "see the policy"})
    assert trade.refused("loan", {**warranty, "recourse": "R2"}) == "indemnified"
    note = {"credit": "N1", "invoice": "INV1", "amount": 200_000_00, "date": "2012-06-25"}
    trade.done("acme", {"op": "credit.issue", **note})
    trade.done("mega", {"op": "credit.accept", "credit": "N1", "supplier": "acme"})
    short = {**demand, "recourse": "R3", "cause": "dilution"}
    if is_payee:  # the insurer has its part of what fell away; the reserve bears the rest
        assert trade.refused("loan", short) == "no_shortfall"
        assert (lien(trade).principal, lien(trade).subrogated) == (92_000_00, 715_500_00 - 150_631_58)
    else:
        trade.done("loan", short)
    trade.check()


def test_a_pledge_is_not_repaid_while_its_lender_is_indemnified() -> None:
    """Invariant 19; a claim that is withdrawn makes nothing good."""
    trade = insured()
    active(trade, "LOAN", assured="loan", starts="2012-03-01")
    trade.done("loan", publish(security="pledge"))
    offer = trade.offer()
    trade.done("loan", offer)
    trade.done("acme", {"op": "finance.accept", "invoice": "INV1"})
    trade.done("bank", fund("INV1", offer["terms"]["paid_out"]))
    advance(trade, "2012-05-01")
    trade.done("loan", notify(policy="LOAN"))
    advance(trade, "2012-06-25")
    trade.done("loan", by_assured("claim.file"))
    trade.done("cover", of_assured("claim.accept", "C1", "loan", indemnity=715_500_00))
    release = {"op": "release.pay", "invoice": "INV1", "bank": "bank", "amount": 1}
    assert trade.refused("acme", release) == "indemnified"
    trade.done("loan", by_assured("claim.withdraw"))
    assert trade.refused("acme", release) == "amount_mismatch"


def test_what_came_in_before_the_indemnity_is_set_off_and_a_settled_loss_is_not_paid() -> None:
    trade = insured()
    accepted(trade, INDEMNITY)
    trade.done("bank", payment("INV1", 95_000_00, "LATE"))
    pay = of_assured("indemnity.attest", **booked(INDEMNITY, "I1"))
    assert trade.refused("bank", pay) == "amount_mismatch"
    trade.done("bank", {**pay, "amount": INDEMNITY - 71_550_00})
    assert the_claim(trade).ceded == 71_550_00
    trade.check()
    other = insured()
    accepted(other, INDEMNITY)
    other.done("bank", payment("INV1", 950_000_00, "LATE"))
    assert other.refused("cover", of_assured("indemnity.pay", bank="bank")) == "nothing_to_indemnify"
    other.done("acme", by_assured("claim.withdraw"))
    assert policy(other).promised == 0
    other.check()


def test_a_rejection_is_disputed_and_decided_again() -> None:
    trade = insured()
    advance(trade, "2012-05-01")
    trade.done("acme", notify())
    assert trade.refused("bank", of_assured("claim.acknowledge")) == "wrong_role"
    advance(trade, "2012-06-25")
    trade.done("acme", by_assured("claim.file"))
    no = of_assured("claim.reject", reason="no proof of delivery")
    trade.done("cover", no)
    assert trade.refused("cover", of_assured("claim.accept", indemnity=INDEMNITY)) == "wrong_state"
    trade.done("acme", by_assured("claim.dispute", reason="it is on the ledger"))
    trade.done("cover", of_assured("claim.accept", indemnity=INDEMNITY))
    shown = claim_view(trade.state, "acme", "C1")
    assert shown is not None
    assert (shown["status"], shown["indemnity"], shown["to_cede"]) == ("Accepted", INDEMNITY, 0)
    trade.check()


def test_invariant_20_a_maximum_exhausts_the_policy_and_a_limit_is_used_once() -> None:
    trade = insured(maximum=715_000_00)
    bill(trade, "INV2", 100_000_00)
    advance(trade, "2012-05-01")
    trade.done("acme", notify(), notify("C2", "INV2"))
    advance(trade, "2012-06-25")
    trade.done("acme", by_assured("claim.file"), by_assured("claim.file", "C2"))
    trade.done("cover", of_assured("claim.accept", indemnity=715_000_00))
    assert policy(trade).status == EXHAUSTED
    assert trade.refused("cover", of_assured("claim.accept", "C2", indemnity=1)) == "nothing_to_indemnify"
    trade.check()
    trade.done("acme", by_assured("claim.withdraw"))
    assert policy(trade).status == ACTIVE
    trade.done("cover", of_assured("claim.accept", "C2", indemnity=85_500_00))
    shown = policy_view(trade.state, "cover", "POL")
    assert shown is not None
    assert [(line["limit"], line["used"]) for line in shown["buyers"]] == [(800_000_00, 100_000_00)]
    trade.check()


def test_invariant_15_a_policy_expires_by_the_date_and_losses_of_its_time_are_still_paid() -> None:
    trade = insured(ends="2012-04-01")
    advance(trade, "2012-05-01")
    assert policy(trade).status_on(15_461) == EXPIRED
    assert trade.refused("cover", {"op": "policy.suspend", "policy": "POL", "reason": "x"}) == "wrong_state"
    trade.done("acme", notify())
    late = quote(trade, "LATE", starts="2012-05-01", bind_by="2012-05-02")
    trade.done("cover", late)
    advance(trade, "2012-05-03")
    assert trade.refused("acme", bind(late["premium"], "LATE")) == "wrong_state"
