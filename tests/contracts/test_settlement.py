"""Conditional delivery: a bank holds the cash, the ledger the title, and a bank's word connects them."""

from __future__ import annotations

from typing import Any

import pytest
from cash_ledger import account_number, open_account
from trade_ledger import DAY, TradeLedger, fund, payment, publish

from contracts.cash.settlement import STATUS, read_settlement
from contracts.errors import InvariantBroken
from contracts.state_check import check_state
from contracts.trade.invoice import ASSIGNED, FREE, Invoice
from ledger import codec
from ledger.state.overlay import state_key

CREATE = {
    "op": "settlement.create",
    "settlement": "S1",
    "supplier": "acme",
    "invoice": "INV1",
    "bank": "bank",
}
ACCEPT = {"op": "finance.accept", "invoice": "INV1"}


def offered() -> tuple[TradeLedger, int]:
    """An offer of loan's on acme's invoice; what is to be paid out."""
    trade = TradeLedger()
    trade.confirmed_invoice()
    trade.done("loan", publish())
    offer = trade.offer()
    trade.done("loan", offer)
    return trade, int(offer["terms"]["paid_out"])


def attested(op: str, amount: int, entry: str, **changes: Any) -> dict[str, Any]:
    return {
        "op": f"settlement.{op}",
        "settlement": "S1",
        "lender": "loan",
        "account": "held here",
        "entry": entry,
        "date": DAY,
        "amount": amount,
        **changes,
    }


def status(trade: TradeLedger) -> str:
    found = read_settlement(trade.state, "loan", "S1")
    assert found is not None
    return STATUS.states[found.status]


def title(trade: TradeLedger) -> int:
    return Invoice._make(trade.entry("invoice", "acme", "INV1") or ()).title


def test_title_and_cash_are_held_and_then_the_booked_payout_moves_the_title() -> None:
    trade, paid_out = offered()
    seen = []
    for signer, operation in (
        ("loan", CREATE),
        ("acme", ACCEPT),
        ("bank", attested("attest", paid_out, "IN 1")),
        ("bank", fund("INV1", paid_out)),
    ):
        trade.done(signer, operation)
        trade.check()
        seen.append(status(trade))
    assert seen == ["Created", "AssetHeld", "CashHeld", "Settled"]
    assert title(trade) == ASSIGNED
    assert trade.refused("bank", attested("return", paid_out, "OUT 9")) == "wrong_state"


def test_a_settlement_of_an_accepted_offer_begins_with_the_title_held() -> None:
    trade, _ = offered()
    trade.done("acme", ACCEPT)
    trade.done("loan", CREATE)
    assert status(trade) == "AssetHeld"
    trade.check()


def test_nothing_moves_before_the_bank_holds_the_cash() -> None:
    trade, paid_out = offered()
    assert trade.refused("fund", CREATE) == "not_party"
    assert trade.refused("loan", {**CREATE, "bank": "mega"}) == "unknown_organisation"
    trade.done("loan", CREATE)
    assert trade.refused("loan", CREATE) == "in_settlement"
    assert trade.refused("bank", attested("attest", paid_out, "IN 1")) == "wrong_state"
    trade.done("acme", ACCEPT)
    assert trade.refused("bank", fund("INV1", paid_out)) == "wrong_state"
    settle = {"op": "finance.settle", "supplier": "acme", "invoice": "INV1", "bank": "bank"}
    assert trade.refused("loan", settle) == "in_settlement"
    assert trade.refused("giro", attested("attest", paid_out, "IN 1")) == "not_party"
    assert trade.refused("bank", attested("attest", paid_out - 1, "IN 1")) == "amount_mismatch"
    ahead = attested("attest", paid_out, "IN 1", date="2012-03-02")
    assert trade.refused("bank", ahead) == "date_in_future"
    assert (
        trade.refused("bank", attested("attest", paid_out, "IN 1", settlement="S9")) == "unknown_settlement"
    )
    trade.done("bank", open_account("mega"))
    custody = attested("attest", paid_out, "IN 1", account=account_number("mega"))
    assert trade.refused("bank", custody) == "custody_account"
    trade.done("bank", attested("attest", paid_out, "IN 1"))
    elsewhere = fund("INV1", paid_out, account="giro's own")
    assert trade.refused("giro", elsewhere) == "not_party", "the bank that holds the cash pays it out"
    again = fund("INV1", paid_out, account="held here")
    assert trade.refused("bank", {**again, "entry": "IN 1"}) == "bank_entry_used"
    trade.done("bank", fund("INV1", paid_out))
    trade.check()


@pytest.mark.parametrize("ends", ["expiry", "payment", "withdrawal"])
@pytest.mark.parametrize("is_held", [False, True])
def test_invariant_14_when_the_reservation_ends_title_and_cash_are_both_released(
    ends: str, is_held: bool
) -> None:
    trade, paid_out = offered()
    trade.done("loan", CREATE)
    if is_held:
        trade.done("acme", ACCEPT)
        trade.done("bank", attested("attest", paid_out, "IN 1"))
    if ends == "expiry":
        trade.done("root", {"op": "date.advance", "date": "2012-03-12"})
    elif ends == "payment" or is_held:
        trade.done("bank", payment("INV1", 1, "PAID"))
    else:
        trade.done("loan", {"op": "finance.withdraw", "supplier": "acme", "invoice": "INV1"})
    assert (title(trade), status(trade)) == (FREE, "Expired")
    trade.check()
    assert trade.refused("bank", attested("attest", paid_out, "IN 2")) == "wrong_state"
    back = attested("return", paid_out, "BACK")
    if not is_held:
        assert trade.refused("bank", back) == "nothing_held"
        return
    assert trade.refused("bank", {**back, "entry": "IN 1"}) == "bank_entry_used"
    trade.done("bank", back)
    assert status(trade) == "Returned"
    assert trade.refused("bank", attested("return", paid_out, "BACK 2")) == "wrong_state"
    trade.check()


def test_a_new_offer_after_an_expired_settlement_needs_another_number() -> None:
    trade, _ = offered()
    trade.done("loan", CREATE)
    trade.done("loan", {"op": "finance.withdraw", "supplier": "acme", "invoice": "INV1"})
    trade.done("loan", trade.offer())
    assert trade.refused("loan", CREATE) == "duplicate_number"
    trade.done("loan", {**CREATE, "settlement": "S2"})
    trade.check()


def test_invariant_12_a_settlement_without_its_evidence_is_seen() -> None:
    trade, paid_out = offered()
    trade.done("loan", CREATE)
    trade.done("acme", ACCEPT)
    trade.done("bank", attested("attest", paid_out, "IN 1"))
    entries = {known: codec.decode(data) for known, data in trade.state.data.items()}
    key = state_key("settlement", "loan", "S1")
    value = entries[key]
    for changed in (
        (3, *value[1:]),
        (4, *value[1:]),
        (*value[:7], "other", *value[8:]),
        (*value[:6], "", "", *value[8:]),
    ):
        with pytest.raises(InvariantBroken) as caught:
            check_state({**entries, key: changed}.items())
        assert caught.value.number == 12
