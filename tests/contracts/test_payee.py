"""Payee accounts and redirections: money goes where its owner has said, by two keys, in time, and in view."""

from __future__ import annotations

from typing import Any

from certificate_ledger import attested, held, reserve
from trade_ledger import KEYS, TradeLedger, fund, payment, publish

from contracts.parties.payee import account_of
from contracts.trade import redirection
from ledger import codec

OLD, NEW, THIEF = "DE02120300000000202051", "NL91ABNA0417164300", "GB29NWBK60161331926819"
LENDERS = "DE89370400440532013000"
SPARE = {"op": "key.add", "key": KEYS["spare"].public, "name": "treasurer"}
PLACE = {"supplier": "acme", "buyer": "mega", "currency": "USD"}


def nominate(account: str) -> dict[str, Any]:
    return {"op": "payee.nominate", "currency": "USD", "account": account}


def approve(account: str) -> dict[str, Any]:
    return {"op": "payee.approve", "currency": "USD", "account": account}


def to_day(trade: TradeLedger, date: str) -> None:
    trade.done("root", {"op": "date.advance", "date": date})


def with_account() -> TradeLedger:
    """acme is paid to `OLD` since 2012-03-05, by the keys acme and spare."""
    trade = TradeLedger()
    trade.done("acme", SPARE)
    to_day(trade, "2012-03-03")
    trade.done("acme", nominate(OLD))
    trade.done("spare", approve(OLD))
    to_day(trade, "2012-03-05")
    return trade


def in_force(trade: TradeLedger) -> str:
    day = trade.entry("param", "business_date")
    assert day is not None
    return account_of(trade.state, "acme", "USD", day)


def test_an_account_is_in_force_after_two_keys_and_the_wait() -> None:
    trade = with_account()
    assert in_force(trade) == OLD
    trade.done("spare", nominate(NEW))
    assert trade.refused("acme", approve(THIEF)) == "no_nomination"
    trade.done("acme", approve(NEW))
    assert trade.refused("acme", approve(NEW)) == "no_nomination", "approved before"
    for day in ("2012-03-06", "2012-03-07"):
        assert in_force(trade) == OLD, "the old account stands until the wait is over"
        to_day(trade, day)
    assert in_force(trade) == NEW
    trade.check()


def test_one_key_changes_no_account_nor_does_one_that_it_has_enrolled() -> None:
    trade = TradeLedger()
    trade.done("acme", nominate(THIEF))
    assert trade.refused("acme", approve(THIEF)) == "same_key"
    trade.done("acme", SPARE)
    assert trade.refused("spare", approve(THIEF)) == "key_too_new"
    assert trade.refused("spare", nominate(THIEF)) == "key_too_new"
    assert trade.refused("bolt", approve(THIEF)) == "no_nomination", "another organisation has its own"
    to_day(trade, "2012-03-02")
    assert trade.refused("spare", approve(THIEF)) == "key_too_new"
    assert in_force(trade) == ""


def test_a_change_that_is_not_in_force_yet_is_ended_by_nominating_anew() -> None:
    trade = with_account()
    trade.done("acme", nominate(THIEF))
    trade.done("spare", approve(THIEF))
    trade.done("acme", nominate(OLD))
    to_day(trade, "2012-03-31")
    assert in_force(trade) == OLD


def test_a_payout_names_the_account_in_force() -> None:
    trade = with_account()
    trade.confirmed_invoice()
    trade.done("loan", publish())
    offer = trade.offer()
    trade.done("loan", offer)
    trade.done("acme", {"op": "finance.accept", "invoice": "INV1"})
    paid = fund("INV1", offer["terms"]["paid_out"], date="2012-03-05")
    assert trade.refused("bank", paid) == "wrong_payee"
    assert trade.refused("bank", {**paid, "payee": THIEF}) == "wrong_payee"
    trade.done("spare", nominate(THIEF))
    trade.done("acme", approve(THIEF))
    assert trade.refused("bank", {**paid, "payee": THIEF}) == "wrong_payee", "not in force yet"
    trade.done("bank", {**paid, "payee": "DE02 1203 0000 0000 2020 51"})
    trade.check()


def changed_since(trade: TradeLedger) -> None:
    """acme is paid to `LENDERS` from 2012-03-07 on, and to `OLD` on the day before."""
    trade.done("acme", nominate(LENDERS))
    trade.done("spare", approve(LENDERS))
    to_day(trade, "2012-03-07")
    assert in_force(trade) == LENDERS


def test_a_payout_that_was_booked_before_a_change_names_the_account_of_its_day() -> None:
    """A bank attests in the morning what it booked the day before."""
    trade = with_account()
    trade.confirmed_invoice()
    trade.done("loan", publish())
    offer = trade.offer()
    trade.done("loan", offer)
    trade.done("acme", {"op": "finance.accept", "invoice": "INV1"})
    changed_since(trade)
    paid = fund("INV1", offer["terms"]["paid_out"], date="2012-03-06")
    assert trade.refused("bank", {**paid, "payee": LENDERS}) == "wrong_payee"
    assert trade.refused("bank", {**paid, "date": "2012-03-07", "payee": OLD}) == "wrong_payee"
    trade.done("bank", {**paid, "payee": OLD})
    trade.check()


def test_a_payout_for_a_leaf_names_the_account_of_its_holder() -> None:
    trade = with_account()
    held(trade, maturity="2012-04-26")
    trade.done("acme", reserve(price=500_000_00))
    paid = attested("fund", 500_000_00, "E1", leaf=0, lender="loan", date="2012-03-05")
    assert trade.refused("bank", paid) == "wrong_payee"
    assert trade.refused("bank", {**paid, "payee": THIEF}) == "wrong_payee"
    trade.done("bank", {**paid, "payee": OLD})
    trade.check()


def test_a_redirection_needs_supplier_and_lender_and_only_the_lender_ends_it() -> None:
    trade = TradeLedger()
    account = {"account": LENDERS}
    propose = {"op": "redirection.propose", "buyer": "mega", "currency": "USD", "lender": "loan", **account}
    agree = {"op": "redirection.agree", **PLACE, **account}
    see = {"op": "redirection.acknowledge", "supplier": "acme", "currency": "USD", **account}
    end = {"op": "redirection.end", **PLACE, "reason": "paid off"}
    decline = {"op": "redirection.decline", **PLACE, "reason": "not ours"}
    assert trade.refused("loan", agree) == "unknown_redirection"
    assert trade.refused("acme", {**propose, "lender": "bank"}) == "unknown_organisation"
    trade.done("acme", propose)
    assert trade.refused("fund", agree) == "not_party"
    assert trade.refused("loan", {**agree, "account": THIEF}) == "account_differs"
    assert trade.refused("mega", see) == "wrong_state", "the lender signs before the buyer"
    trade.done("loan", decline)
    trade.done("acme", propose)
    trade.done("loan", agree)
    assert trade.refused("acme", {**propose, "account": THIEF}) == "redirection_stands"
    assert trade.refused("mega", {**see, "account": THIEF}) == "account_differs"
    trade.done("mega", see)
    found = redirection.read_redirection(trade.state, "acme", "mega", "USD")
    assert found is not None
    assert redirection.STATUS.states[found.status] == "Seen"
    assert trade.refused("acme", {**propose, "account": THIEF}) == "redirection_stands"
    trade.done("loan", end)
    assert trade.refused("loan", end) == "wrong_state"
    before = dict(trade.state.data)
    trade.done("acme", propose)
    trade.check_step(before)
    trade.check()


def astray(trade: TradeLedger) -> list[Any]:

    records = [codec.decode(data) for known in trade.records.values() for data in known]
    return [record for record in records if record[1] == "astray"]


def test_a_payment_that_arrives_elsewhere_is_taken_and_recorded_as_astray() -> None:
    trade = with_account()
    for number, gross in (("A", 1_000), ("B", 2_000), ("C", 3_000)):
        trade.confirmed_invoice(number, gross)
    date = "2012-03-05"
    trade.done("bank", payment("A", 1_000, "E1", date=date))
    assert astray(trade) == [], "paid to the supplier's account"
    place = {"currency": "USD", "account": LENDERS}
    trade.done("acme", {"op": "redirection.propose", "buyer": "mega", "lender": "loan", **place})
    trade.done("bank", payment("B", 1_000, "E2", date=date))
    assert astray(trade) == [], "proposed is not agreed"
    trade.done("loan", {"op": "redirection.agree", "supplier": "acme", "buyer": "mega", **place})
    trade.done("bank", payment("B", 1_000, "E3", date=date))
    ((_, _, number, _, amount, _, account, expected),) = astray(trade)
    assert (number, amount, account, expected) == ("B", 1_000, OLD, LENDERS)
    trade.done("bank", payment("C", 3_000, "E4", date=date, account=LENDERS))
    assert len(astray(trade)) == 1
    trade.check()


def test_a_payment_that_was_booked_before_a_change_is_not_astray() -> None:
    """What the supplier, or its lender, said later says nothing of where the buyer was to pay before."""
    trade = with_account()
    for number, gross in (("A", 1_000), ("B", 2_000)):
        trade.confirmed_invoice(number, gross)
    changed_since(trade)
    trade.done("bank", payment("A", 500, "E1", date="2012-03-06"))
    assert astray(trade) == []
    trade.done("bank", payment("A", 500, "E2", date="2012-03-07"))
    assert len(astray(trade)) == 1
    place = {"currency": "USD", "account": THIEF}
    trade.done("acme", {"op": "redirection.propose", "buyer": "mega", "lender": "loan", **place})
    trade.done("loan", {"op": "redirection.agree", "supplier": "acme", "buyer": "mega", **place})
    trade.done("bank", payment("B", 500, "E3", date="2012-03-06"))
    assert len(astray(trade)) == 1
    trade.done("bank", payment("B", 500, "E4", date="2012-03-07", account=LENDERS))
    assert len(astray(trade)) == 2
    trade.check()


def test_a_payment_that_was_booked_before_a_redirection_ended_is_not_astray() -> None:
    trade = with_account()
    trade.confirmed_invoice("A", 2_000)
    place = {"currency": "USD", "account": LENDERS}
    trade.done("acme", {"op": "redirection.propose", "buyer": "mega", "lender": "loan", **place})
    trade.done("loan", {"op": "redirection.agree", "supplier": "acme", "buyer": "mega", **place})
    to_day(trade, "2012-03-07")
    trade.done("loan", {"op": "redirection.end", **PLACE, "reason": "paid off"})
    trade.done("bank", payment("A", 500, "E1", date="2012-03-06", account=LENDERS))
    trade.done("bank", payment("A", 500, "E2", date="2012-03-07", account=OLD))
    assert astray(trade) == []
    trade.done("bank", payment("A", 500, "E3", date="2012-03-06", account=OLD))
    trade.done("bank", payment("A", 500, "E4", date="2012-03-07", account=LENDERS))
    assert [(record[7], record[6]) for record in astray(trade)] == [(LENDERS, OLD), (OLD, LENDERS)]
    trade.check()
