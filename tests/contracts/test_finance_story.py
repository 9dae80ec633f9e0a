"""After funding: pledge and release, costs, default, write-off and recovery, and every end of a recourse."""

from __future__ import annotations

from typing import Any

import pytest
from cash_ledger import mint, open_account
from hypothesis import given, settings
from hypothesis import strategies as st
from trade_ledger import TradeLedger, fund, payment, publish

from contracts import invariants
from contracts.errors import InvariantBroken
from contracts.finance.claim import (
    Lien,
    accrued,
    claim_adds_up,
    last_deal,
    paid_back_at_most_once,
    payoff,
    read_lien,
)
from contracts.finance.recourse import STATUS, read_recourse
from contracts.holdings import portfolio
from contracts.holdings.book import book_key
from contracts.state_check import by_kind, demands_follow_claims
from contracts.trade import trade_views
from contracts.trade.invoice import Invoice, release_restores
from contracts.trade.relationship_sums import of_currency
from ledger import codec
from ledger.dates import day_from_iso, iso_from_day
from ledger.money import Money

NET = 950_000_00
ADVANCE, RESERVE = 807_500_00, 142_500_00
LATER = "2012-08-01"
"""97 days past the due date of the tests' invoices."""


def financed(number: str = "INV1", gross: int = NET, **terms: Any) -> TradeLedger:
    """An invoice that loan has financed under changed terms."""
    trade = TradeLedger()
    trade.done("loan", publish(**terms))
    buy(trade, number, gross)
    return trade


def buy(trade: TradeLedger, number: str, gross: int = NET, due: str = "2012-04-26") -> None:
    trade.confirmed_invoice(number, gross, due)
    offer = trade.offer(number)
    trade.done("loan", offer)
    trade.done("acme", {"op": "finance.accept", "invoice": number})
    trade.done("bank", fund(number, offer["terms"]["paid_out"]))
    trade.check()


def lien(trade: TradeLedger, number: str = "INV1") -> Lien:
    found = read_lien(trade.state, "acme", number)
    assert found is not None
    return found


def deal(trade: TradeLedger, number: str = "INV1") -> Lien:
    found = last_deal(trade.state, "acme", number)
    assert found is not None
    return found


def stored(trade: TradeLedger, number: str = "INV1") -> Invoice:
    return Invoice._make(trade.entry("invoice", "acme", number))


def credit(trade: TradeLedger, amount: int, number: str = "INV1") -> None:
    """A late credit note that mega accepts."""
    name = f"C {number} {len(trade.transactions)}"
    issue = {"op": "credit.issue", "credit": name, "invoice": number, "amount": amount, "date": "2012-03-01"}
    trade.done("acme", issue)
    trade.done("mega", {"op": "credit.accept", "credit": name, "supplier": "acme"})
    trade.check()


def advance_to(trade: TradeLedger, day: str = LATER) -> None:
    trade.done("root", {"op": "date.advance", "date": day})


def demand(cause: str, recourse: str = "R1", number: str = "INV1") -> dict[str, Any]:
    return {
        "op": "recourse.demand",
        "recourse": recourse,
        "supplier": "acme",
        "invoice": number,
        "cause": cause,
        "reason": "see the letter",
    }


def attested(op: str, amount: int, entry: str = "BACK-1", **changes: Any) -> dict[str, Any]:
    """bank attests money of acme that has reached loan."""
    booked = {"account": "DE02 1203 0000 0000 2020 51", "entry": entry, "date": "2012-03-01"}
    return {"op": op, **booked, "amount": amount, **changes}


def status(trade: TradeLedger, recourse: str = "R1") -> str:
    found = read_recourse(trade.state, "loan", recourse)
    assert found is not None
    return STATUS.states[found.status]


HOLDER = {"supplier": "acme", "invoice": "INV1"}


# the pledge and its release


def test_a_pledge_is_released_when_the_advance_is_repaid_and_can_then_be_financed_again() -> None:
    """Invariants 5 and 26: one claim at a time; owner and amount after the release are those before."""
    trade = financed(security="pledge")
    before = stored(trade)
    assert trade_views.invoice_view(trade.state, "acme", "INV1")["title"] == "Pledged"  # type: ignore[index]
    due = lien(trade).principal
    release = attested("release.attest", due, **HOLDER)
    assert trade.refused("bank", {**release, "amount": due - 1}) == "amount_mismatch"
    assert trade.refused("bank", {**release, "date": "2012-02-29"}) == "date_order"
    trade.done("bank", release)
    release_restores(before, stored(trade))
    assert trade.entry("lien", "acme", "INV1") is None
    assert trade.entry("exposure", "loan", "mega", "USD") is None
    trade.check()
    assert trade.refused("bank", {**release, "entry": "BACK-2"}) == "not_financed"
    offer = trade.offer()
    trade.done("loan", offer)
    trade.done("acme", {"op": "finance.accept", "invoice": "INV1"})
    trade.done("bank", fund("INV1", offer["terms"]["paid_out"], "OUT-2"))
    trade.check()
    trade.done("bank", payment("INV1", NET, "IN 1"))
    trade.check()


def test_a_pledge_is_released_out_of_a_deposit_in_one_operation() -> None:
    trade = financed(security="pledge")
    for client in ("acme", "loan"):
        trade.done("bank", open_account(client))
    trade.done("bank", mint("acme", ADVANCE, "MINT"))
    pay = {"op": "release.pay", "invoice": "INV1", "bank": "bank", "amount": ADVANCE}
    assert trade.refused("acme", {**pay, "amount": 1}) == "amount_mismatch"
    trade.done("acme", pay)
    assert (deal(trade).principal, deal(trade).repaid) == (0, ADVANCE)
    assert trade_views.invoice_view(trade.state, "acme", "INV1")["title"] == "Free"  # type: ignore[index]
    trade.check()


def test_what_was_sold_is_not_released_by_paying() -> None:
    trade = financed()
    assert trade.refused("bank", attested("release.attest", ADVANCE, **HOLDER)) == "not_pledged"


def test_nothing_is_paid_for_from_its_due_date_on() -> None:
    """The price is that of a tenor; an offer that stood longer would have an overdue invoice financed."""
    trade = TradeLedger()
    trade.confirmed_invoice(due="2012-03-20")
    trade.done("loan", publish())
    assert trade.refused("loan", trade.offer(expires="2012-03-20")) == "past_due"
    offered = trade.offer(expires="2012-03-19")
    trade.done("loan", offered)
    trade.done("acme", {"op": "finance.accept", "invoice": "INV1"})
    trade.check()
    trade.done("root", {"op": "date.advance", "date": "2012-03-20"})
    late = fund("INV1", offered["terms"]["paid_out"], date="2012-03-20")
    assert trade.refused("bank", late) == "no_offer"
    trade.check()


def test_an_invoice_is_financed_a_bounded_number_of_times() -> None:
    trade = financed(security="pledge", gross=1_000_00)
    for turn in range(16):
        trade.done("bank", attested("release.attest", lien(trade).principal, f"B{turn}", **HOLDER))
        offer = trade.offer()
        if turn == 15:
            assert trade.refused("loan", offer) == "financed_often"
            break
        trade.done("loan", offer)
        trade.done("acme", {"op": "finance.accept", "invoice": "INV1"})
        trade.done("bank", fund("INV1", offer["terms"]["paid_out"], f"OUT {turn}"))
    trade.check()


@settings(max_examples=20)
@given(gross=st.integers(10_000, 10**9), paid=st.integers(0, 100), days=st.integers(0, 200))
def test_invariant_26_a_release_restores_owner_and_amount_whatever_was_paid(
    gross: int, paid: int, days: int
) -> None:
    trade = financed(gross=gross, security="pledge")
    if part := gross * paid // 101:
        trade.done("bank", payment("INV1", part, "IN 1"))
    day = 15_401 + days
    advance_to(trade, iso_from_day(day))
    before, due = stored(trade), payoff(lien(trade), day)
    if due:
        release = attested("release.attest", due, date=iso_from_day(day), **HOLDER)
        trade.done("bank", release)
        release_restores(before, stored(trade))
    trade.check()


# the waterfall


def test_costs_come_first_then_interest_principal_and_reserve() -> None:
    trade = financed(costs_ppm=10_000)
    charge = {"op": "finance.charge", **HOLDER, "amount": 5_000_00, "reason": "letters"}
    assert trade.refused("fund", charge) == "not_party"
    assert trade.refused("loan", {**charge, "amount": 9_500_01}) == "costs_too_high"
    trade.done("loan", charge)
    advance_to(trade, "2012-07-01")
    claim = lien(trade)
    interest = payoff(claim, 15_522) - claim.principal - 5_000_00
    assert interest > 0
    trade.done("bank", payment("INV1", NET + 7, "IN 1", date="2012-07-01"))
    cash = {account: trade.entry("journal", "loan", account, "USD") for account in ("costs", "interest")}
    assert cash == {"costs": 5_000_00, "interest": interest}
    assert trade.entry("journal", "acme", "reserve", "USD") == RESERVE - 5_000_00 - interest
    assert trade.entry("journal", "acme", "unapplied", "USD") == 7
    trade.check()


# default, write-off, recovery


def test_a_default_is_declared_by_the_holder_written_off_and_recovered() -> None:
    """Invariants 15 and 18: a write-off absorbs but for recoveries, and those go to the holder of record."""
    trade = financed()
    declare = {"op": "default.declare", **HOLDER}
    assert trade.refused("loan", declare) == "not_in_default"
    advance_to(trade)
    assert trade.refused("acme", declare) == "not_party"
    assert trade.refused("loan", {"op": "default.write_off", **HOLDER}) == "wrong_state"
    trade.done("loan", declare)
    assert trade.refused("loan", declare) == "wrong_state"
    assert stored(trade).cash == "Defaulted"
    trade.done("bank", payment("INV1", 100_000_00, "IN 1", date=LATER))
    assert stored(trade).cash == "Defaulted"
    trade.done("loan", {"op": "default.write_off", **HOLDER})
    assert (stored(trade).cash, stored(trade).outstanding) == ("WrittenOff", 0)
    assert trade.entry("exposure", "loan", "mega", "USD") is None
    trade.check()
    left = lien(trade).principal
    trade.done("bank", payment("INV1", 50_000_00, "IN 2", date=LATER))
    assert (stored(trade).cash, lien(trade).principal) == ("WrittenOff", left - 50_000_00)
    trade.done("bank", payment("INV1", NET - 150_000_00, "IN 3", date=LATER))
    assert (stored(trade).cash, stored(trade).paid) == ("SettledLate", NET)
    assert trade.refused("bank", payment("INV1", 1, "IN 4", date=LATER)) == "nothing_outstanding"
    trade.check()
    entry: Any = trade.entry("relationship", "acme", "mega")
    sums = of_currency(entry[2], "USD")
    written_off = NET - 100_000_00
    assert (sums.defaulted, sums.written_off, sums.recovered) == (NET, written_off, written_off)


def test_a_supplier_declares_and_writes_off_what_it_holds_itself() -> None:
    trade = TradeLedger()
    trade.confirmed_invoice("INV1", 1_000_00)
    advance_to(trade)
    trade.done("acme", {"op": "default.declare", **HOLDER})
    assert trade.refused("acme", {"op": "invoice.cancel", "invoice": "INV1"}) == "wrong_state"
    trade.done("acme", {"op": "default.write_off", **HOLDER})
    trade.done("bank", payment("INV1", 1_000_00, "IN 1", date=LATER))
    assert trade.entry("journal", "acme", "collections", "USD") == 1_000_00
    trade.check()


def test_what_was_written_off_is_not_credited_to_the_buyer() -> None:
    """Invariant 1: it has not paid it, and would set it off against what else it owes."""
    trade = TradeLedger()
    trade.confirmed_invoice("INV1", 1_000_00)
    advance_to(trade)
    place = {"supplier": "acme", "invoice": "INV1"}
    trade.done("acme", {"op": "default.declare", **place}, {"op": "default.write_off", **place})
    note = {"op": "credit.issue", "credit": "C", "invoice": "INV1", "amount": 400_00, "date": "2012-03-01"}
    assert trade.refused("acme", note) == "exceeds_gross"
    trade.done("bank", payment("INV1", 300_00, "IN 1", date=LATER))
    assert trade.refused("acme", note) == "exceeds_gross", "300.00 were paid, and can be credited"
    trade.done("acme", {**note, "amount": 300_00})
    trade.done("mega", {"op": "credit.accept", "credit": "C", "supplier": "acme"})
    assert (stored(trade).written_off, stored(trade).credited) == (700_00, 0)
    trade.check()


def test_a_disputed_invoice_is_not_in_default() -> None:
    trade = financed()
    dispute = {"op": "invoice.dispute", **HOLDER, "amount": 1_00, "reason": "damaged"}
    trade.done("mega", dispute)
    advance_to(trade)
    assert trade.refused("loan", {"op": "default.declare", **HOLDER}) == "disputed"


# recourse


@pytest.mark.parametrize(("rule", "expected"), [("absorb", 57_500_00), ("restore", 170_000_00)])
def test_a_late_credit_note_is_demanded_to_the_unit(rule: str, expected: int) -> None:
    trade = financed(credit_note_rule=rule)
    assert (lien(trade).principal, lien(trade).reserve_left) == (ADVANCE, RESERVE)
    assert trade.refused("loan", demand("dilution")) == "no_shortfall"
    credit(trade, 200_000_00)
    assert trade.refused("fund", demand("dilution")) == "not_financed"
    trade.done("loan", demand("dilution"))
    assert trade.refused("loan", demand("warranty", "R2")) == "recourse_open"
    found = read_recourse(trade.state, "loan", "R1")
    assert found is not None
    assert found.amount == expected
    pay = attested("recourse.attest", expected, lender="loan", recourse="R1")
    assert trade.refused("bank", {**pay, "amount": expected + 1}) == "amount_mismatch"
    trade.done("bank", pay)
    assert status(trade) == "Repurchased"
    assert lien(trade).principal == ADVANCE - expected
    trade.check()
    trade.done("bank", payment("INV1", 750_000_00, "IN 1"))
    assert (deal(trade).principal, deal(trade).shortfall) == (0, 0)
    trade.check()


def test_overdue_interest_of_a_shortfall_is_not_lost_when_it_is_paid_late() -> None:
    """It ran on the whole principal until the day on which the supplier paid."""
    trade = financed()
    credit(trade, 200_000_00)
    trade.done("loan", demand("dilution"))
    trade.done("root", {"op": "date.advance", "date": "2012-06-25"})
    before = accrued(lien(trade), day_from_iso("2012-06-25"))
    paid = {"date": "2012-06-25", "lender": "loan", "recourse": "R1"}
    trade.done("bank", attested("recourse.attest", 57_500_00, **paid))
    assert lien(trade).interest_due == before > 0
    assert accrued(lien(trade), day_from_iso("2012-06-25")) == before
    trade.check()


def test_a_shortfall_is_owed_by_the_supplier_after_the_buyer_has_paid_all_it_owes() -> None:
    """No silent loss: the demand outlives the claim."""
    trade = financed()
    credit(trade, 200_000_00)
    trade.done("bank", payment("INV1", 750_000_00, "IN 1"))
    assert deal(trade).shortfall == 57_500_00
    trade.done("loan", demand("dilution"))
    trade.check()
    for client in ("acme", "loan"):
        trade.done("bank", open_account(client))
    trade.done("bank", mint("acme", 57_500_00, "MINT"))
    pay = {"op": "recourse.pay", "lender": "loan", "recourse": "R1", "bank": "bank", "amount": 57_500_00}
    assert trade.refused("bolt", {**pay}) == "not_party"
    trade.done("acme", pay)
    assert deal(trade).repaid == 57_500_00
    assert trade.refused("loan", demand("dilution", "R2")) == "no_shortfall"
    trade.check()


def test_a_shortfall_is_set_off_against_the_reserve_that_is_left() -> None:
    trade = financed(credit_note_rule="restore")
    credit(trade, 100_000_00)
    short, reserve = lien(trade).shortfall, lien(trade).reserve_left
    assert 0 < short <= reserve
    trade.done("loan", demand("dilution"))
    trade.done("loan", {"op": "recourse.offset", "recourse": "R1"})
    assert (lien(trade).shortfall, lien(trade).reserve_left) == (0, reserve - short)
    assert status(trade) == "Offset"
    trade.check()
    credit(trade, 400_000_00)
    trade.done("loan", demand("dilution", "R2"))
    credit(trade, 100_000_00)
    ((_, code, detail),) = trade.submit("loan", {"op": "recourse.offset", "recourse": "R2"})
    assert code == "reserve_too_small"
    assert f"at least {Money(lien(trade).shortfall, 'USD')}" in str(detail), "what is short now"


def test_only_what_is_short_is_set_off() -> None:
    trade = financed()
    trade.done("loan", demand("warranty"))
    assert trade.refused("loan", {"op": "recourse.offset", "recourse": "R1"}) == "no_shortfall"


def test_what_is_short_and_the_buyer_has_paid_nonetheless_the_supplier_owes_no_more() -> None:
    """Invariants 6 and 19: principal is paid before reserve, so that little may be left to demand."""
    trade = financed(credit_note_rule="restore")
    credit(trade, 100_000_00)
    short, reserve = lien(trade).shortfall, lien(trade).reserve_left
    assert (short, reserve) == (85_000_00, 127_500_00)
    trade.done("loan", demand("dilution"))
    trade.done("bank", payment("INV1", ADVANCE - 10_000_00, "IN 1"))
    claim = lien(trade)
    assert (claim.principal, claim.shortfall) == (10_000_00, 10_000_00)
    assert claim.reserve_left == reserve - (short - 10_000_00) == stored(trade).outstanding
    trade.check()
    trade.done("bank", attested("recourse.attest", 10_000_00, lender="loan", recourse="R1"))
    assert (lien(trade).principal, lien(trade).shortfall) == (0, 0)
    trade.check()
    trade.done("bank", payment("INV1", stored(trade).outstanding, "IN 2"))
    assert (deal(trade).principal, deal(trade).repaid) == (0, 10_000_00)
    trade.check()


@pytest.mark.parametrize("contests", [False, True])
def test_a_demand_for_dilution_ends_when_the_buyer_has_paid_what_was_short(contests: bool) -> None:
    trade = financed(credit_note_rule="restore")
    credit(trade, 100_000_00)
    trade.done("loan", demand("dilution"))
    if contests:
        trade.done("acme", {"op": "recourse.contest", "lender": "loan", "recourse": "R1", "reason": "no"})
    trade.done("bank", payment("INV1", ADVANCE, "IN 1"))
    assert status(trade) == "Closed"
    assert (lien(trade).shortfall, lien(trade).recourse) == (0, "")
    trade.check()
    positions = portfolio.positions(codec.decode(record) for record in trade.records[book_key("loan")])
    assert [(one.shortfall, one.sums.reserve) for one in positions] == [(0, lien(trade).reserve_left)]


def test_without_recourse_the_lender_bears_the_buyers_credit_and_nothing_else() -> None:
    trade = financed()
    advance_to(trade)
    assert trade.refused("loan", demand("overdue")) == "without_recourse"
    trade.done("loan", demand("warranty"))
    contest = {"op": "recourse.contest", "lender": "loan", "recourse": "R1", "reason": "we did deliver"}
    assert trade.refused("bolt", contest) == "not_party"
    trade.done("acme", contest)
    assert status(trade) == "Contested"
    close = {"op": "recourse.close", "recourse": "R1", "reason": "settled"}
    assert trade.refused("fund", close) == "unknown_recourse"
    trade.done("loan", close)
    assert status(trade) == "Closed"
    assert lien(trade).recourse == ""
    assert trade.refused("loan", demand("warranty")) == "duplicate_number"
    trade.check()


def test_with_recourse_an_overdue_receivable_is_repurchased_with_its_interest() -> None:
    trade = financed(recourse_days=60)
    advance_to(trade, "2012-06-20")
    assert trade.refused("loan", demand("overdue")) == "not_in_default"
    advance_to(trade)
    before = stored(trade)
    trade.done("loan", demand("overdue"))
    due = payoff(lien(trade), 15_553)
    assert due > ADVANCE
    trade.done("bank", attested("recourse.attest", due, date=LATER, lender="loan", recourse="R1"))
    release_restores(before, stored(trade))
    assert status(trade) == "Repurchased"
    trade.check()


def test_a_demand_ends_when_the_buyer_pays_after_all() -> None:
    trade = financed(recourse_days=60)
    advance_to(trade)
    trade.done("loan", demand("overdue"))
    trade.done("bank", payment("INV1", NET, "IN 1", date=LATER))
    assert status(trade) == "Closed"
    trade.check()


def test_another_receivable_takes_the_place_of_a_bad_one() -> None:
    """Invariants 5, 12, 26: the claim moves as it is; the first receivable is the supplier's again."""
    trade = financed()
    trade.confirmed_invoice("SMALL", 1_000_00)
    trade.confirmed_invoice("GOOD", 900_000_00)
    trade.done("loan", demand("warranty"))
    propose = {"op": "recourse.propose", "lender": "loan", "recourse": "R1", "invoice": "SMALL"}
    assert trade.refused("acme", propose) == "not_substitutable"
    take = {"op": "recourse.substitute", "recourse": "R1", "invoice": "GOOD"}
    assert trade.refused("loan", take) == "not_substitutable"
    trade.done("acme", {**propose, "invoice": "GOOD"})
    before = stored(trade)
    trade.done("loan", take)
    trade.check()
    release_restores(before, stored(trade))
    moved = lien(trade, "GOOD")
    assert (moved.principal, moved.reserve_left) == (ADVANCE, 900_000_00 - ADVANCE)
    assert trade.refused("acme", {**propose, "invoice": "SMALL"}) == "wrong_state"
    trade.done("bank", payment("GOOD", 900_000_00, "IN 1"))
    assert trade.entry("exposure", "loan", "mega", "USD") is None
    trade.check()


def test_what_was_short_of_a_receivable_is_not_demanded_once_another_has_taken_its_place() -> None:
    """Invariant 19: the other receivable covers the whole principal."""
    trade = financed()
    credit(trade, 200_000_00)
    trade.confirmed_invoice("GOOD", 900_000_00)
    trade.done("loan", demand("dilution"))
    trade.done("acme", {"op": "recourse.propose", "lender": "loan", "recourse": "R1", "invoice": "GOOD"})
    trade.done("loan", {"op": "recourse.substitute", "recourse": "R1", "invoice": "GOOD"})
    trade.check()
    assert trade.refused("loan", demand("dilution", "R2")) == "no_shortfall"
    assert trade.refused("loan", demand("warranty", "R2")) == "not_financed"


# the checks themselves


def test_invariant_18_21_and_26_refuse_what_breaks_them() -> None:
    with pytest.raises(InvariantBroken, match="invariant 18"):
        invariants.proceeds_to_holders(["loan"], "acme", [("fund", "principal")])
    with pytest.raises(InvariantBroken, match="invariant 21"):
        invariants.allocation_is_complete(100, (33, 33, 33))
    trade = financed(security="pledge")
    held = stored(trade)
    with pytest.raises(InvariantBroken, match="invariant 26"):
        release_restores(held, held._replace(title=0, outstanding=held.outstanding - 1))


def test_invariant_6_no_more_is_short_than_the_lender_has_out() -> None:
    claim = lien(financed())
    with pytest.raises(InvariantBroken, match="invariant 6"):
        claim_adds_up(claim._replace(shortfall=ADVANCE + 1, reserve_left=RESERVE + ADVANCE + 1), NET)


@pytest.mark.parametrize("place", ["principal", "collected", "repaid", "costs_paid"])
def test_invariant_19_an_advance_is_paid_back_at_most_once(place: str) -> None:
    trade = financed()
    claim = lien(trade)
    with pytest.raises(InvariantBroken, match="invariant 19"):
        paid_back_at_most_once(claim._replace(**{place: getattr(claim, place) + 1}))


def test_invariant_19_a_demand_without_its_claim_shows() -> None:
    trade = financed()
    trade.done("loan", demand("warranty"))
    entries = {key: codec.decode(data) for key, data in trade.state.data.items()}
    kinds = by_kind(entries.items())
    kinds["recourse"].clear()
    with pytest.raises(InvariantBroken, match="invariant 19"):
        demands_follow_claims(kinds)
