"""Delivery versus payment: title and claims move with the cash of a deposit in one operation, or none."""

from __future__ import annotations

from typing import Any

import pytest
from cash_ledger import account_number, balance, mint, open_account, transfer, with_deposits
from hypothesis import given, settings
from hypothesis import strategies as st
from trade_ledger import TradeLedger, fund, payment, publish

from contracts.errors import InvariantBroken
from contracts.finance.claim import Lien
from contracts.state_check import check_state
from contracts.trade.invoice import ASSIGNED, FREE, RESERVED, Invoice
from ledger import codec
from ledger.dates import iso_from_day
from ledger.state.overlay import state_key

MILLION = 1_000_000_00


def accepted(trade: TradeLedger, number: str = "INV1") -> int:
    """A confirmed invoice with an accepted offer of loan's; what is to be paid out."""
    trade.confirmed_invoice(number)
    if trade.entry("programme", "prime") is None:
        trade.done("loan", publish())
    offer = trade.offer(number)
    trade.done("loan", offer)
    trade.done("acme", {"op": "finance.accept", "invoice": number})
    return int(offer["terms"]["paid_out"])


def settle(number: str = "INV1", bank: str = "bank") -> dict[str, Any]:
    return {"op": "finance.settle", "supplier": "acme", "invoice": number, "bank": bank}


def pay(amount: int, number: str = "INV1", **changes: Any) -> dict[str, Any]:
    return {
        "op": "payment.make",
        "invoice": number,
        "supplier": "acme",
        "bank": "bank",
        "currency": "USD",
        "amount": amount,
        **changes,
    }


def title(trade: TradeLedger, number: str = "INV1") -> int:
    return Invoice._make(trade.entry("invoice", "acme", number) or ()).title


def test_the_lenders_signature_moves_cash_to_the_supplier_and_title_to_the_lender() -> None:
    trade = with_deposits(TradeLedger(), MILLION, "loan")
    trade.done("bank", open_account("acme"))
    paid_out = accepted(trade)
    trade.done("loan", settle())
    assert title(trade) == ASSIGNED
    assert balance(trade, "acme") == (paid_out, 0)
    assert balance(trade, "loan") == (MILLION - paid_out, 0)
    lien = Lien._make(trade.entry("lien", "acme", "INV1") or ())
    assert (lien.account, lien.entry) == (account_number("loan"), 1), "line 1 of the lender's statement"
    assert trade.refused("loan", settle()) == "no_offer"
    assert trade.refused("bank", fund("INV1", paid_out)) == "no_offer"
    trade.check()


def test_invariant_12_a_cash_leg_that_fails_leaves_title_and_cash_where_they_were() -> None:
    trade = with_deposits(TradeLedger(), 0, "loan")
    trade.confirmed_invoice()
    trade.done("loan", publish())
    trade.done("loan", trade.offer())
    assert trade.refused("loan", settle()) == "not_accepted"
    trade.done("acme", {"op": "finance.accept", "invoice": "INV1"})
    before = dict(trade.state.data)
    assert trade.refused("fund", settle()) == "no_offer"
    assert trade.refused("loan", settle(bank="giro")) == "no_deposit"
    assert trade.refused("loan", settle()) == "insufficient_funds"
    assert trade.state.data == before
    trade.done("bank", mint("loan", MILLION, "IN 1"))
    assert trade.refused("loan", settle()) == "no_deposit", "the supplier has none"
    assert (title(trade), balance(trade, "loan").available) == (RESERVED, MILLION)
    trade.done("bank", open_account("acme"))
    trade.done("loan", settle())
    trade.check()
    entries = {known: codec.decode(data) for known, data in trade.state.data.items()}
    del entries[state_key("bank_entry", account_number("loan"), 1)]
    with pytest.raises(InvariantBroken, match="invariant 11"):
        check_state(entries.items())


def test_an_invoice_paid_out_of_a_deposit_goes_to_the_supplier_while_title_is_free() -> None:
    trade = with_deposits(TradeLedger(), MILLION, "mega", "acme")
    trade.confirmed_invoice("INV1", 1_000)
    assert trade.refused("mega", pay(1_001)) == "exceeds_outstanding"
    assert trade.refused("nova", pay(1)) == "not_party"
    assert trade.refused("mega", pay(1, currency="EUR")) == "currency_mismatch"
    trade.done("mega", pay(400))
    trade.done("mega", pay(600))
    assert trade.refused("mega", pay(1)) == "exceeds_outstanding"
    assert balance(trade, "acme").available == MILLION + 1_000
    assert balance(trade, "mega").available == MILLION - 1_000
    trade.check()


def test_payment_out_of_a_deposit_runs_the_waterfall_and_closes_the_deal() -> None:
    trade = with_deposits(TradeLedger(), MILLION, "mega", "acme", "loan")
    paid_out = accepted(trade)
    trade.done("loan", settle())
    lien = Lien._make(trade.entry("lien", "acme", "INV1") or ())
    trade.done("mega", pay(lien.principal + 1))
    assert balance(trade, "loan").available == MILLION - paid_out + lien.principal
    assert balance(trade, "acme").available == MILLION + paid_out + 1
    trade.done("mega", pay(lien.reserve_left - 1))
    assert title(trade) == FREE
    assert balance(trade, "acme").available == MILLION + paid_out + lien.reserve
    assert balance(trade, "mega").available == 0
    trade.check()


def test_a_payment_whose_payee_has_no_deposit_moves_nothing() -> None:
    trade = with_deposits(TradeLedger(), MILLION, "mega")
    trade.financed_invoice()
    before = dict(trade.state.data)
    assert trade.refused("mega", pay(5)) == "no_deposit"
    assert trade.state.data == before


@settings(max_examples=40)
@given(
    parts=st.lists(st.tuples(st.booleans(), st.integers(1, MILLION)), max_size=5), days=st.integers(0, 200)
)
def test_a_deposit_and_a_bank_collect_the_same(parts: list[tuple[bool, int]], days: int) -> None:
    """Whichever way each payment takes, the invoice, the claim and the shares end the same."""
    ends = []
    for is_mixed in (False, True):
        trade = with_deposits(TradeLedger(), 2 * MILLION, "mega", "acme", "loan")
        accepted(trade)
        trade.done("loan", settle())
        if days:
            trade.done("root", {"op": "date.advance", "date": f"2012-{3 + days // 28:02}-{1 + days % 28:02}"})
        date = trade.entry("param", "business_date")
        for number, (by_deposit, amount) in enumerate(parts):
            outstanding = Invoice._make(trade.entry("invoice", "acme", "INV1") or ()).outstanding
            amount = min(amount, outstanding)
            if not amount:
                break
            if is_mixed and by_deposit:
                trade.done("mega", pay(amount))
            else:
                trade.done("bank", {**payment("INV1", amount, f"IN {number}"), "date": iso_from_day(date)})
        trade.check()
        kept = ("lien", "deal", "invoice", "exposure", "relationship")
        nominal = ("principal", "interest", "reserve", "payments", "collections", "proceeds")
        ends.append(
            {
                key: data
                for key, data in trade.state.data.items()
                if codec.decode(key)[0] in kept
                or (codec.decode(key)[0] == "journal" and codec.decode(key)[2] in nominal)
            }
        )
    assert ends[0] == ends[1]


def test_cash_between_clients_and_a_title_in_one_transaction_are_one_decision() -> None:
    """An atomic transaction takes both legs of any bargain back if either is refused."""
    trade = with_deposits(TradeLedger(), MILLION, "loan", "acme")
    accepted(trade)
    before = dict(trade.state.data)
    result = trade.submit("loan", settle(), transfer("acme", MILLION))
    assert result[0][1] == "insufficient_funds"  # type: ignore[index]
    assert trade.state.data == before
