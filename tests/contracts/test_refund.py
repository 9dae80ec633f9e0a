"""Refund: what a buyer paid beyond what it owed goes back to it, once, and nothing else changes."""

from __future__ import annotations

from typing import Any

import pytest
from cash_ledger import balance, with_deposits
from hypothesis import given, settings
from hypothesis import strategies as st
from trade_ledger import DAY, TradeLedger, payment

from contracts.cash.refund import read_unapplied, unapplied_key
from contracts.errors import InvariantBroken
from contracts.state_check import check_state
from contracts.trade import trade_views
from ledger import codec

NET = 900_000


def overpaid(by: int = 7_000) -> TradeLedger:
    """mega has paid more on acme's invoice INV1 than it owed; acme and mega have deposits."""
    trade = with_deposits(TradeLedger(), 20_000, "acme", "mega")
    trade.confirmed_invoice("INV1", NET)
    trade.done("bank", payment("INV1", NET + by, "IN 1"))
    trade.check()
    return trade


def attested(amount: int, entry: str = "BACK 1", **changes: Any) -> dict[str, Any]:
    return {
        "op": "refund.attest",
        "account": "DE02 1203 0000 0000 2020 51",
        "entry": entry,
        "date": DAY,
        "supplier": "acme",
        "invoice": "INV1",
        "amount": amount,
        **changes,
    }


def paid_back(amount: int, **changes: Any) -> dict[str, Any]:
    return {"op": "refund.pay", "invoice": "INV1", "bank": "bank", "amount": amount, **changes}


def test_a_bank_attests_that_it_went_back_and_consumes_its_entry() -> None:
    """Invariants 1, 10, 11 and 21."""
    trade = overpaid()
    before = trade.entry("invoice", "acme", "INV1")
    assert trade_views.invoice_view(trade.state, "acme", "INV1")["unapplied"] == 7_000  # type: ignore[index]
    assert trade.refused("bank", attested(7_001)) == "exceeds_unapplied"
    assert trade.refused("bank", attested(7_000, "IN 1")) == "bank_entry_used"
    assert trade.refused("bank", attested(7_000, date="2012-03-02")) == "date_in_future"
    assert trade.refused("giro", attested(7_000)) == "account_of_other_bank"
    assert trade.refused("bank", attested(7_000, invoice="INV2")) == "unknown_invoice"
    assert trade.refused("mega", attested(7_000)) == "wrong_role"
    trade.done("bank", attested(5_000))
    trade.check()
    trade.done("bank", attested(2_000, "BACK 2"))
    trade.check()
    assert trade.refused("bank", attested(1, "BACK 3")) == "exceeds_unapplied"
    assert trade.state.get(unapplied_key("acme", "INV1")) is None
    assert trade.entry("journal", "mega", "refunds", "USD") == 7_000
    assert trade.entry("invoice", "acme", "INV1") == before, "what is owed and paid is as it was"


def test_a_supplier_pays_it_back_out_of_its_deposit() -> None:
    trade = overpaid()
    assert trade.refused("acme", paid_back(7_001)) == "exceeds_unapplied"
    assert trade.refused("bolt", paid_back(7_000)) == "unknown_invoice"
    assert trade.refused("acme", paid_back(7_000, bank="giro")) == "no_deposit"
    trade.done("acme", paid_back(7_000))
    assert (balance(trade, "acme").available, balance(trade, "mega").available) == (13_000, 27_000)
    assert trade.refused("acme", paid_back(1)) == "exceeds_unapplied"
    trade.check()


def test_an_empty_deposit_pays_nothing_back_and_nothing_is_lost() -> None:
    trade = overpaid(by=20_001)
    assert trade.refused("acme", paid_back(20_001)) == "insufficient_funds"
    assert read_unapplied(trade.state, "acme", "INV1") == 20_001
    trade.check()


@settings(max_examples=20)
@given(
    over=st.integers(0, 20_000),
    steps=st.lists(st.tuples(st.booleans(), st.integers(1, 12_000)), max_size=6),
)
def test_invariant_21_what_came_too_much_is_kept_or_has_gone_back(
    over: int, steps: list[tuple[bool, int]]
) -> None:
    trade = overpaid(by=over)
    back = 0
    for index, (by_bank, amount) in enumerate(steps):
        operation = attested(amount, f"B{index}") if by_bank else paid_back(amount)
        fits = back + amount <= over
        assert (trade.submit("bank" if by_bank else "acme", operation) == ()) == fits
        back += amount if fits else 0
        assert read_unapplied(trade.state, "acme", "INV1") == over - back
        trade.check()


@pytest.mark.parametrize("amount", [6_999, 7_001, 0])
def test_invariant_21_a_sum_that_is_not_on_the_account_shows(amount: int) -> None:
    trade = overpaid()
    entries = {key: codec.decode(data) for key, data in trade.state.data.items()}
    entries[unapplied_key("acme", "INV1")] = amount
    with pytest.raises(InvariantBroken, match="invariant 21"):
        check_state(entries.items())
