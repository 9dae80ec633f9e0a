"""Payment versus payment: two currencies at two banks change hands together, or not at all."""

from __future__ import annotations

from typing import Any

import pytest
from cash_ledger import (
    balance,
    exchange_accept,
    exchange_quote,
    exchange_request,
    mint,
    open_account,
    transfer,
    two_currencies,
)
from hypothesis import given
from hypothesis import strategies as st
from trade_ledger import TradeLedger, invoice, publish

from contracts import expiry
from contracts.cash.exchange import STATUS, Exchange, price, read_exchange
from contracts.errors import InvariantBroken
from contracts.state_check import check_state
from ledger import codec
from ledger.money import CURRENCIES
from ledger.state.overlay import state_key

DECLINE = {"op": "exchange.decline", "exchange": "X1", "taker": "mega"}


def quoted() -> TradeLedger:
    trade = two_currencies(TradeLedger())
    trade.done("mega", exchange_request())
    trade.done("fund", exchange_quote(trade))
    return trade


def status(trade: TradeLedger, number: str = "X1") -> str:
    found = read_exchange(trade.state, "mega", number)
    assert found is not None
    return STATUS.states[found.status]


def test_both_legs_move_in_one_operation_and_the_times_are_kept() -> None:
    trade = two_currencies(TradeLedger())
    trade.done("mega", exchange_request())
    trade.time_ms += 2_000
    trade.done("fund", exchange_quote(trade))
    assert balance(trade, "fund", "EUR", "giro") == (4_000_00, 1_000_00)
    trade.time_ms += 3_000
    trade.done("mega", exchange_accept())
    assert balance(trade, "mega", "EUR", "giro") == (1_000_00, 0)
    assert balance(trade, "mega") == (5_000_00 - 1_084_70 - 1_00, 0)
    assert balance(trade, "fund") == (1_084_70 + 1_00, 0)
    assert balance(trade, "fund", "EUR", "giro") == (4_000_00, 0)
    found = read_exchange(trade.state, "mega", "X1")
    assert found is not None
    assert (found.settled_ms - found.requested_ms, found.settled_ms - found.quoted_ms) == (5_000, 3_000)
    assert trade.refused("mega", exchange_accept()) == "wrong_state"
    assert trade.refused("mega", DECLINE) == "wrong_state"
    trade.check()


def test_invariant_12_without_one_leg_there_is_no_other() -> None:
    trade = quoted()
    trade.done("mega", transfer("fund", 4_000_00))
    before = dict(trade.state.data)
    assert trade.refused("mega", exchange_accept()) == "insufficient_funds"
    assert trade.state.data == before
    block = {"op": "custody.block", "client": "fund", "currency": "EUR", "reason": "order"}
    trade.done("giro", block)
    trade.done("fund", transfer("mega", 4_000_00))
    before = dict(trade.state.data)
    assert trade.refused("mega", exchange_accept()) == "custody_not_open"
    assert trade.state.data == before
    trade.check()


def test_a_quote_is_exact_and_the_makers_own_and_backed_by_its_cash() -> None:
    trade = two_currencies(TradeLedger())
    trade.done("mega", exchange_request())
    for change, code in (
        ({"bought": 1_084_69}, "rate_mismatch"),
        ({"bought": 1_084_71}, "rate_mismatch"),
        ({"expires_ms": trade.time_ms}, "quote_time"),
        ({"expires_ms": trade.time_ms + 86_400_001}, "quote_time"),
        ({"exchange": "X9"}, "unknown_exchange"),
    ):
        assert trade.refused("fund", {**exchange_quote(trade), **change}) == code
    assert trade.refused("loan", exchange_quote(trade)) == "not_party"
    assert trade.refused("mega", exchange_accept()) == "wrong_state"
    trade.done("mega", exchange_request("X2", 5_000_01))
    too_much = exchange_quote(trade, "X2", price(5_000_01, "EUR", "USD", (10_847, 10_000)))
    assert trade.refused("fund", too_much) == "insufficient_funds"
    trade.done("fund", exchange_quote(trade))
    assert trade.refused("fund", exchange_quote(trade)) == "wrong_state"
    assert trade.refused("mega", exchange_accept(bought=1_084_69)) == "amount_mismatch"
    assert trade.refused("mega", exchange_accept(fee=99)) == "amount_mismatch"
    assert trade.refused("fund", exchange_accept()) == "unknown_exchange"
    trade.check()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"bought_currency": "EUR"}, "same_currency"),
        ({"maker": "mega"}, "same_party"),
        ({"maker": "nobody"}, "unknown_organisation"),
        ({"sold_bank": "bank"}, "no_deposit"),
        ({"bought_currency": "CHF"}, "no_deposit"),
    ],
)
def test_a_request_that_could_never_settle_is_refused(change: dict[str, Any], code: str) -> None:
    trade = two_currencies(TradeLedger())
    assert trade.refused("mega", exchange_request(**change)) == code
    trade.done("mega", exchange_request())
    assert trade.refused("mega", exchange_request()) == "duplicate_number"


def test_a_quote_binds_its_maker_until_it_runs_out_and_its_taker_never() -> None:
    trade = quoted()
    assert trade.refused("fund", DECLINE) == "quote_stands"
    assert trade.refused("loan", DECLINE) == "not_party"
    trade.time_ms += 60_000
    assert trade.refused("fund", DECLINE) == "quote_stands", "the last millisecond"
    trade.time_ms += 1
    assert trade.refused("mega", exchange_accept()) == "quote_expired"
    trade.done("fund", DECLINE)
    assert balance(trade, "fund", "EUR", "giro") == (5_000_00, 0)
    trade.done("mega", exchange_request("X2"))
    trade.done("fund", exchange_quote(trade, "X2"))
    trade.done("mega", {**DECLINE, "exchange": "X2"})
    assert (status(trade), status(trade, "X2")) == ("Declined", "Declined")
    assert balance(trade, "fund", "EUR", "giro") == (5_000_00, 0)
    trade.check()


def test_invariant_14_no_quote_outlives_its_business_day() -> None:
    trade = quoted()
    trade.done("mega", exchange_request("X2"))
    trade.done("mega", exchange_request("X3"))
    trade.done("mega", {**DECLINE, "exchange": "X2"})
    trade.done("root", {"op": "date.advance", "date": "2012-03-02"})
    assert [status(trade, number) for number in ("X1", "X2", "X3")] == ["Expired", "Declined", "Expired"]
    assert balance(trade, "fund", "EUR", "giro") == (5_000_00, 0)
    assert trade.refused("mega", exchange_accept()) == "wrong_state"
    assert trade.refused("fund", exchange_quote(trade, "X3")) == "wrong_state"
    trade.check()


def test_many_requests_of_one_day_keep_no_offer_from_being_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expiry, "MAX_EXPIRING", 4)
    trade = two_currencies(TradeLedger())
    for number in ("X1", "X2"):
        trade.done("mega", exchange_request(number))
    assert trade.refused("mega", exchange_request("X3")) == "too_many_expiring"
    trade.confirmed_invoice()
    trade.done("loan", publish())
    trade.done("loan", trade.offer(expires="2012-03-01"))
    trade.done("root", {"op": "date.advance", "date": "2012-03-02"})
    assert trade.entry("lien", "acme", "INV1") is None
    assert status(trade, "X2") == "Expired"
    trade.check()


def test_a_foreign_invoice_is_paid_in_one_transaction_with_the_exchange() -> None:
    """Euros are bought, and pay the euro invoice in the same atomic transaction."""
    trade = quoted()
    trade.done("giro", open_account("acme", "EUR", "giro"))
    trade.done(
        "acme",
        {
            **invoice("INV1", 1_000_00),
            "currency": "EUR",
        },
    )
    pay = {
        "op": "payment.make",
        "invoice": "INV1",
        "supplier": "acme",
        "bank": "giro",
        "currency": "EUR",
        "amount": 1_000_00,
    }
    before = dict(trade.state.data)
    assert trade.submit("mega", exchange_accept(), {**pay, "amount": 1_000_01}) != ()
    assert trade.state.data == before
    trade.done("mega", exchange_accept(), pay)
    assert balance(trade, "acme", "EUR", "giro") == (1_000_00, 0)
    assert balance(trade, "mega", "EUR", "giro") == (0, 0)
    trade.check()


@given(
    sold=st.integers(1, 10**14),
    pair=st.tuples(st.sampled_from(sorted(CURRENCIES)), st.sampled_from(sorted(CURRENCIES))),
    rate=st.tuples(st.integers(1, 10**12), st.integers(1, 10**12)),
)
def test_invariant_21_the_price_is_rounded_up_by_less_than_one_minor_unit(
    sold: int, pair: tuple[str, str], rate: tuple[int, int]
) -> None:
    bought = price(sold, pair[0], pair[1], rate)
    exact = sold * rate[0] * 10 ** CURRENCIES[pair[1]]
    unit = rate[1] * 10 ** CURRENCIES[pair[0]]
    assert 0 <= bought * unit - exact < unit


@pytest.mark.parametrize(
    ("sold", "currencies", "rate", "bought"),
    [
        (1_000_00, ("EUR", "USD"), (10_847, 10_000), 1_084_70),
        (1_00, ("EUR", "JPY"), (16_012_3, 1_000), 161),
        (1_000, ("JPY", "KWD"), (1, 487), 2_054),
        (1, ("KWD", "EUR"), (3, 1), 1),
    ],
)
def test_a_rate_is_of_whole_units_whatever_digits_the_currencies_have(
    sold: int, currencies: tuple[str, str], rate: tuple[int, int], bought: int
) -> None:
    assert price(sold, *currencies, rate) == bought


def test_invariant_12_a_state_with_one_leg_is_seen() -> None:
    trade = quoted()
    trade.done("mega", exchange_accept())
    trade.done("giro", mint("fund", 1_00, "IN 2", "EUR", "giro"))
    entries = {known: codec.decode(data) for known, data in trade.state.data.items()}
    key = state_key("exchange", "mega", "X1")
    settled = Exchange._make(entries[key])
    for change in ({"sold": settled.sold + 1}, {"status": 1}, {"bought": settled.bought - 1}):
        with pytest.raises(InvariantBroken) as caught:
            check_state({**entries, key: tuple(settled._replace(**change))}.items())
        assert caught.value.number in (12, 14)
