"""What buyers say: many confirmations at once, disputes that end, and nothing after the end."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trade_ledger import TradeLedger, confirm, invoice, publish

from contracts import views
from contracts.errors import InvariantBroken
from contracts.invariants import declared_in_time, stays_if_terminal
from contracts.trade import trade_views
from contracts.trade.confirmation import MAX_CONFIRMED_AT_ONCE
from contracts.trade.invoice import CANCELLED, CONFIRMED, REJECTED, SUBMITTED, VALIDITY
from ledger.limits import MAX_TRANSACTION_BYTES

DUE = "2012-04-26"
DISPUTE = {"op": "invoice.dispute", "invoice": "I", "supplier": "acme", "amount": 100, "reason": "wet"}
WITHDRAW = {"op": "dispute.withdraw", "invoice": "I", "supplier": "acme", "reason": "dry after all"}


def said(numbers: list[str], net: int = 100) -> dict[str, Any]:
    invoices = [{"invoice": number, "net": net, "due_date": DUE} for number in numbers]
    return {"op": "invoice.confirm_many", "supplier": "acme", "invoices": invoices}


def state(trade: TradeLedger, number: str = "I") -> tuple[str, int]:
    shown = trade_views.invoice_view(trade.state, "acme", number)
    assert shown is not None
    return shown["validity"], shown["contested"]


def test_many_confirmations_are_the_same_as_one_after_the_other() -> None:
    together, apart = TradeLedger(), TradeLedger()
    numbers = [f"I{number}" for number in range(20)]
    for trade in (together, apart):
        for place, number in enumerate(numbers):
            trade.done("acme", invoice(number, 100, quantity=place + 1))
    together.done("mega", said(numbers))
    for number in numbers:
        apart.done("mega", confirm(number, 100))
    assert together.state.data == apart.state.data
    assert together.records == apart.records
    together.check()


@pytest.mark.parametrize(
    ("place", "code"), [(0, "exceeds_gross"), (2, "exceeds_gross"), (3, "unknown_invoice")]
)
def test_a_refusal_of_one_names_it_and_confirms_none(place: int, code: str) -> None:
    trade = TradeLedger()
    for number in range(3):
        trade.done("acme", invoice(f"I{number}", 100, quantity=number + 1))
    operation = said(["I0", "I1", "I2", "I3"][: max(3, place + 1)])
    if code == "exceeds_gross":
        operation["invoices"][place]["net"] = 101
    before = dict(trade.state.data)
    ((_, found, detail),) = trade.submit("mega", operation)
    assert found == code
    assert f"invoice I{place}:" in detail
    assert f"invoices[{place}]" in detail
    assert trade.state.data == before


def test_an_invoice_named_twice_is_confirmed_never() -> None:
    trade = TradeLedger()
    trade.done("acme", invoice("I", 100))
    assert trade.refused("mega", said(["I", "I"])) == "wrong_state"
    assert trade.refused("nova", said(["I"])) == "not_party"
    assert state(trade) == ("Submitted", 0)
    assert MAX_CONFIRMED_AT_ONCE >= 100


def test_a_withdrawn_dispute_leaves_the_invoice_as_it_was() -> None:
    trade = TradeLedger()
    trade.done("acme", invoice("I", 1_000))
    assert trade.refused("mega", WITHDRAW) == "wrong_state"
    trade.done("mega", DISPUTE)
    assert state(trade) == ("Disputed", 100)
    assert trade.refused("acme", WITHDRAW) == "wrong_role"
    trade.done("mega", WITHDRAW)
    assert state(trade) == ("Submitted", 0)
    trade.done("mega", confirm("I", 1_000))
    assert trade.refused("mega", WITHDRAW) == "wrong_state"
    trade.check()


def test_a_dispute_after_confirmation_stops_finance_until_it_is_withdrawn() -> None:
    trade = TradeLedger()
    trade.confirmed_invoice("I", 1_000_000)
    trade.done("loan", publish())
    offer = trade.offer("I")
    trade.done("mega", DISPUTE)
    assert state(trade) == ("Confirmed", 100)
    assert trade.refused("loan", offer) == "disputed"
    trade.done("mega", WITHDRAW)
    trade.done("loan", offer)
    trade.check()


@pytest.mark.parametrize("end", ["cancel", "reject"])
def test_invariant_15_nothing_is_said_of_an_invoice_that_is_over(end: str) -> None:
    trade = TradeLedger()
    trade.done("acme", invoice("I", 1_000))
    reject = {"op": "invoice.reject", "invoice": "I", "supplier": "acme", "reason": "no"}
    cancel = {"op": "invoice.cancel", "invoice": "I"}
    credit = {"op": "credit.issue", "credit": "C", "invoice": "I", "amount": 1, "date": "2012-03-01"}
    trade.done(*(("acme", cancel) if end == "cancel" else ("mega", reject)))
    for signer, operation in [
        ("mega", confirm("I", 1_000)),
        ("mega", DISPUTE),
        ("mega", WITHDRAW),
        ("mega", reject),
        ("acme", cancel),
        ("acme", credit),
    ]:
        assert trade.refused(signer, operation) == "wrong_state"
    trade.check()


@pytest.mark.parametrize(
    ("before", "after"), [(REJECTED, SUBMITTED), (CANCELLED, CONFIRMED), (CONFIRMED, SUBMITTED)]
)
def test_invariant_15_check_knows_no_way_back(before: int, after: int) -> None:
    stays_if_terminal(VALIDITY, before, before)
    with pytest.raises(InvariantBroken, match="invariant 15"):
        stays_if_terminal(VALIDITY, before, after)


@settings(max_examples=40)
@given(lag=st.integers(-3, 70), most=st.sampled_from([0, 30, 60]))
def test_invariant_16_a_declared_date_is_past_and_a_late_one_is_flagged(lag: int, most: int) -> None:
    from_iso = {-3: "2012-03-04", -2: "2012-03-03", -1: "2012-03-02"}
    trade = TradeLedger({"backdating_days": most})
    day = trade.entry("param", "business_date")
    assert isinstance(day, int)
    issued = from_iso.get(lag) or views.iso_from_day(day - lag)
    result = trade.submit("acme", invoice("I", 100, issue_date=issued))
    assert (result == ()) is (lag >= 0)
    if lag >= 0:
        shown = trade_views.invoice_view(trade.state, "acme", "I")
        assert shown is not None
        assert shown["backdated"] is (lag > most)
        declared_in_time(day - lag, day, int(lag > most), most)
        with pytest.raises(InvariantBroken, match="invariant 16"):
            declared_in_time(day - lag, day, int(lag <= most), most)
    trade.check()


def test_the_most_confirmations_with_the_longest_numbers_fit_a_transaction() -> None:
    trade = TradeLedger()
    numbers = [f"{number:064}" for number in range(MAX_CONFIRMED_AT_ONCE)]
    transaction = trade.transaction("mega", said(numbers, 10**15))
    assert len(transaction.envelope) < MAX_TRANSACTION_BYTES


def test_a_buyer_takes_no_more_off_what_it_confirmed_than_it_contests() -> None:
    """A lender has bought it on the buyer's word: a cent in dispute is not all of it."""
    trade = TradeLedger()
    trade.financed_invoice()
    net = 1_000_000_00
    dispute = {**DISPUTE, "invoice": "INV1", "amount": 1}
    trade.done("mega", dispute)
    assert trade.refused("mega", confirm("INV1", 1)) == "exceeds_contested"
    assert trade.refused("mega", confirm("INV1", net - 2)) == "exceeds_contested"
    trade.done("mega", confirm("INV1", net - 1))
    trade.done("mega", {**dispute, "amount": 200_000_00})
    trade.done("mega", confirm("INV1", net - 1 - 200_000_00))
    assert state(trade, "INV1") == ("Confirmed", 0)
    trade.check()


def test_before_it_confirmed_a_buyer_owes_what_it_says() -> None:
    trade = TradeLedger()
    trade.done("acme", invoice("I", 1_000))
    trade.done("mega", {**DISPUTE, "amount": 1})
    trade.done("mega", confirm("I", 1))
    trade.check()
