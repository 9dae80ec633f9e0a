"""Custody accounts and tokenised deposits: opened, minted, moved, held, redeemed, blocked, closed."""

from __future__ import annotations

from typing import Any

import pytest
from cash_ledger import (
    account_number,
    balance,
    mint,
    open_account,
    redeem,
    redemption_paid,
    transfer,
    with_deposits,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from trade_ledger import TradeLedger, payment

from contracts.cash import deposit
from contracts.cash.custody import read_custody
from contracts.cash.redemption import read_redemption
from contracts.errors import InvariantBroken
from contracts.state_check import check_state
from ledger import codec
from ledger.state import history
from ledger.state.overlay import state_key


def broken(trade: TradeLedger, change: dict[bytes, codec.Value | None]) -> int:
    """The number of the invariant that a state breaks with these values in place of its own."""
    entries = {known: codec.decode(data) for known, data in trade.state.data.items()}
    for key, value in change.items():
        if value is None:
            del entries[key]
        else:
            entries[key] = value
    with pytest.raises(InvariantBroken) as caught:
        check_state(entries.items())
    return caught.value.number


def test_money_comes_in_moves_and_goes_out_and_every_step_is_in_the_statement() -> None:
    trade = with_deposits(TradeLedger(), 0, "loan", "acme")
    trade.done("bank", mint("loan", 1_000, "IN 1"))
    trade.done("loan", transfer("acme", 300, reference="advance"))
    trade.done("acme", redeem("R1", 200))
    assert balance(trade, "acme") == (100, 200)
    trade.done("bank", redemption_paid("acme", "R1", 200, "OUT 1"))
    assert balance(trade, "loan") == (700, 0)
    assert balance(trade, "acme") == (100, 0)
    assert trade.entry("issued", "bank", "USD") == (1_000, 200)
    assert trade.entry("journal", "bank", "deposits", "USD") == -800
    key = deposit.deposit_key("bank", "acme", "USD")
    lines = [codec.decode(line) for line in trade.records[key]]
    assert [(line[1], *line[3:]) for line in lines] == [
        ("transfer", 300, 0, "loan", "advance"),
        ("hold", -200, 200, "acme", "R1"),
        ("redemption", 0, -200, "acme", "R1"),
    ]
    trade.check()


def test_a_statement_is_complete_and_its_lines_add_up_to_the_balance() -> None:
    trade = with_deposits(TradeLedger(), 500, "loan", "acme")
    for number in range(5):
        trade.done("loan", transfer("acme", 10 + number))
    key = deposit.deposit_key("bank", "loan", "USD")
    lines, head, kept = trade.get(key)  # type: ignore[misc]
    assert history.chain(history.NO_RECORDS, trade.records[key]) == head
    folded: codec.Value = (0, 0)
    for line in trade.records[key]:
        folded = deposit.fold(folded, codec.decode(line))
    assert (lines, folded) == (6, kept)
    assert len(codec.decode(trade.records[key][0])) == 1 + len(deposit.LINE_FIELDS)


def test_client_money_is_not_pooled() -> None:
    trade = with_deposits(TradeLedger(), 0, "acme")
    shared = open_account("loan", account=account_number("acme"))
    assert trade.refused("bank", shared) == "account_used"
    assert trade.refused("giro", shared) == "account_used"
    assert (
        trade.refused("bank", open_account("acme", "EUR", account=account_number("acme"))) == "account_used"
    )
    assert trade.refused("bank", open_account("acme", account="other")) == "duplicate_custody"
    assert trade.refused("bank", open_account("nobody")) == "unknown_organisation"
    trade.done("bank", open_account("loan"))
    assert (
        trade.refused("bank", mint("loan", 5, "IN 1", account=account_number("acme")))
        == "not_custody_account"
    )
    assert trade.refused("bank", mint("mega", 5, "IN 1")) == "no_deposit"
    assert trade.refused("giro", mint("acme", 5, "IN 1")) == "account_of_other_bank"
    trade.check()
    key = state_key("custody", "bank", "loan", "USD")
    pooled = trade.get(key)
    assert pooled is not None
    assert broken(trade, {key: (pooled[0], account_number("acme"), *pooled[2:])}) == 10


def test_a_banks_own_money_is_kept_apart_on_an_account_of_its_own() -> None:
    trade = with_deposits(TradeLedger(), 100, "acme", "bank")
    assert (balance(trade, "bank"), balance(trade, "acme")) == ((100, 0), (100, 0))
    trade.done("bank", transfer("acme", 40))
    assert trade.refused("bank", transfer("acme", 61)) == "insufficient_funds"
    trade.check()


def test_invariant_11_a_bank_entry_is_minted_or_attested_once_and_never_both() -> None:
    trade = with_deposits(TradeLedger(), 0, "acme", "mega")
    trade.confirmed_invoice("INV1", 1_000)
    trade.done("bank", mint("acme", 100, "IN 1"))
    assert trade.refused("bank", mint("acme", 100, "IN 1")) == "bank_entry_used"
    attested = payment("INV1", 100, "IN 2", account=account_number("acme"))
    assert trade.refused("bank", attested) == "custody_account"
    trade.done("acme", redeem("R1", 60))
    assert trade.refused("bank", redemption_paid("acme", "R1", 60, "IN 1")) == "bank_entry_used"
    trade.done("bank", redemption_paid("acme", "R1", 60, "OUT 1"))
    assert trade.refused("bank", mint("acme", 60, "OUT 1")) == "bank_entry_used"
    trade.check()
    key = state_key("bank_entry", account_number("acme"), "IN 1")
    assert broken(trade, {key: None}) == 11


def test_only_the_owner_spends_and_only_what_it_has() -> None:
    trade = with_deposits(TradeLedger(), 100, "acme", "mega")
    assert trade.refused("acme", transfer("mega", 101)) == "insufficient_funds"
    assert trade.refused("acme", transfer("loan", 1)) == "no_deposit"
    assert trade.refused("acme", transfer("acme", 1)) == "same_party"
    assert trade.refused("acme", transfer("mega", 1, bank="giro")) == "no_deposit"
    assert trade.refused("acme", transfer("mega", 1, currency="EUR")) == "no_deposit"
    assert trade.refused("loan", transfer("acme", 1)) == "no_deposit"
    trade.done("acme", redeem("R1", 70))
    assert trade.refused("acme", transfer("mega", 31)) == "insufficient_funds", "held money is not available"
    trade.done("acme", transfer("mega", 30))
    assert trade.refused("acme", redeem("R1", 1)) == "duplicate_number"
    trade.check()


def test_a_redemption_is_paid_exactly_or_declined_and_ends_there() -> None:
    trade = with_deposits(TradeLedger(), 100, "acme")
    trade.done("acme", redeem("R1", 40))
    trade.done("acme", redeem("R2", 30))
    decline = {"op": "redemption.decline", "redemption": "R2", "client": "acme", "reason": "closed account"}
    assert trade.refused("bank", redemption_paid("acme", "R1", 39, "OUT 1")) == "amount_mismatch"
    assert trade.refused("bank", redemption_paid("acme", "R9", 40, "OUT 1")) == "unknown_redemption"
    assert trade.refused("giro", redemption_paid("acme", "R1", 40, "OUT 1")) == "not_party"
    assert trade.refused("giro", decline) == "not_party"
    early = redemption_paid("acme", "R1", 40, "OUT 1", date="2012-02-29")
    assert trade.refused("bank", early) == "date_order"
    late = redemption_paid("acme", "R1", 40, "OUT 1", date="2012-03-02")
    assert trade.refused("bank", late) == "date_in_future"
    other = redemption_paid("acme", "R1", 40, "OUT 1", account="another")
    assert trade.refused("bank", other) == "not_custody_account"
    trade.done("bank", redemption_paid("acme", "R1", 40, "OUT 1"))
    trade.done("bank", decline)
    assert balance(trade, "acme") == (60, 0)
    assert trade.refused("bank", redemption_paid("acme", "R1", 40, "OUT 2")) == "wrong_state"
    assert trade.refused("bank", redemption_paid("acme", "R2", 30, "OUT 2")) == "wrong_state"
    assert trade.refused("bank", decline) == "wrong_state"
    declined = read_redemption(trade.state, "acme", "R2")
    assert declined is not None
    assert declined.reason == "closed account"
    trade.check()


def test_a_blocked_account_takes_money_in_and_lets_none_out_and_a_closed_one_neither() -> None:
    trade = with_deposits(TradeLedger(), 100, "acme", "mega")
    account = {"client": "acme", "currency": "USD"}
    block, close = (
        {"op": "custody.block", **account, "reason": "court order"},
        {"op": "custody.close", **account},
    )
    trade.done("acme", redeem("R1", 10))
    trade.done("bank", block)
    assert trade.refused("bank", block) == "wrong_state"
    assert trade.refused("acme", transfer("mega", 1)) == "custody_not_open"
    assert trade.refused("acme", redeem("R2", 1)) == "custody_not_open"
    assert trade.refused("bank", redemption_paid("acme", "R1", 10, "OUT 1")) == "custody_not_open"
    trade.done("mega", transfer("acme", 1))
    trade.done("bank", {"op": "custody.unblock", **account})
    assert trade.refused("bank", close) == "deposit_not_empty"
    trade.done("bank", redemption_paid("acme", "R1", 10, "OUT 1"))
    trade.done("acme", transfer("mega", 91))
    trade.done("bank", close)
    assert trade.refused("mega", transfer("acme", 1)) == "custody_not_open"
    assert trade.refused("bank", mint("acme", 1, "IN 9")) == "custody_not_open"
    assert trade.refused("bank", {"op": "custody.unblock", **account}) == "wrong_state"
    assert trade.refused("giro", close) == "no_deposit"
    trade.check()


def test_another_payout_account_needs_client_and_bank_and_a_wait() -> None:
    trade = with_deposits(TradeLedger(), 100, "acme")
    nominate = {"op": "custody.nominate", "bank": "bank", "currency": "USD", "payout": "new one"}
    approve = {"op": "custody.approve", "client": "acme", "currency": "USD", "payout": "newone"}
    assert trade.refused("bank", approve) == "no_nomination"
    assert trade.refused("loan", nominate) == "no_deposit"
    trade.done("acme", nominate)
    assert trade.refused("bank", {**approve, "payout": "evil"}) == "no_nomination"
    trade.done("bank", approve)
    assert trade.refused("bank", approve) == "no_nomination"
    paid_to = []
    for number, day in enumerate(("2012-03-02", "2012-03-03")):
        trade.done("root", {"op": "date.advance", "date": day})
        trade.done("acme", redeem(f"R{number}", 5))
        asked = read_redemption(trade.state, "acme", f"R{number}")
        assert asked is not None
        paid_to.append(asked.payout)
    assert paid_to == ["elsewhereacmeUSD", "newone"], "the old account until the wait is over"
    trade.done("acme", {**nominate, "payout": "third"})
    found = read_custody(trade.state, "bank", "acme", "USD")
    assert found is not None
    assert (found.payout, found.nominated, found.from_day) == ("newone", "third", 0)


@pytest.mark.parametrize(
    "change",
    [
        {state_key("journal", "acme", "deposit at bank", "USD"): 61},
        {state_key("issued", "bank", "USD"): (101, 0)},
        {state_key("hold", "redemption", "acme", "R1"): None},
        {state_key("hold", "redemption", "acme", "R1"): ("bank", "acme", "USD", 41)},
        {state_key("hold", "redemption", "acme", "R2"): ("bank", "acme", "EUR", 1)},
        {state_key("deposit", "bank", "acme", "USD"): (2, bytes(32), (61, 39))},
        {state_key("deposit", "bank", "acme", "EUR"): (2, bytes(32), (1, 0))},
        {state_key("deposit", "giro", "mega", "USD"): (1, bytes(32), (0, 0))},
        {state_key("account", account_number("acme")): ("bank", "")},
    ],
    ids=range(9),
)
def test_invariant_10_one_unit_more_or_less_anywhere_shows_in_the_whole_state(
    change: dict[bytes, Any],
) -> None:
    trade = with_deposits(TradeLedger(), 100, "acme")
    trade.done("acme", redeem("R1", 40))
    trade.check()
    assert broken(trade, change) in (10, 11)


@settings(max_examples=50)
@given(amounts=st.lists(st.integers(1, 10**14), min_size=1, max_size=6), data=st.data())
def test_invariant_10_what_is_minted_is_owed_until_it_is_redeemed(
    amounts: list[int], data: st.DataObject
) -> None:
    trade = with_deposits(TradeLedger(), 0, "acme", "mega")
    for number, amount in enumerate(amounts):
        trade.done("bank", mint("acme", amount, f"IN {number}"))
    total = sum(amounts)
    moved = data.draw(st.integers(1, min(total, 10**14)))
    trade.done("acme", transfer("mega", moved))
    out = data.draw(st.integers(1, moved))
    trade.done("mega", redeem("R", out))
    trade.done("bank", redemption_paid("mega", "R", out, "OUT"))
    assert (sum(balance(trade, "acme")), sum(balance(trade, "mega"))) == (total - moved, moved - out)
    trade.check()
