"""After the sale of an invoice to several lenders: default, write-off, recovery and every end of a recourse.

Whatever is paid or given up goes to each share by what is left of it, and no share goes below zero.
"""

from __future__ import annotations

from typing import Any

import pytest
from auction_ledger import NET, market, sold
from cash_ledger import balance
from test_finance_story import HOLDER, advance_to, attested, credit, deal, demand, lien, status, stored
from trade_ledger import TradeLedger, payment

from contracts.finance.claim import Lien, accrued, agent, divided, shares_of
from contracts.trade import trade_views

PARTS = {"fund": 33_333_33, "loan": 66_666_67}
LATER = "2012-08-01"
"""97 days past the due date of the tests' invoices."""


def shared() -> TradeLedger:
    """INV1, sold at 5 % to fund and, with twice its part, to loan: the agent."""
    trade = market()
    sold(trade, {lender: (50_000, part) for lender, part in PARTS.items()})
    assert agent(lien(trade)) == "loan"
    trade.check()
    return trade


def left(claim: Lien) -> dict[str, int]:
    """What is left to each lender; together the principal."""
    found = {share.lender: share.left for share in shares_of(claim)}
    assert sum(found.values()) == claim.principal
    assert min(found.values()) >= 0
    return found


def exposed(trade: TradeLedger) -> dict[str, int]:
    """Funded exposure of each lender to the buyer."""
    entries: dict[str, Any] = {name: trade.entry("exposure", name, "mega", "USD") for name in PARTS}
    return {name: 0 if entry is None else entry[1] for name, entry in entries.items()}


def journal(trade: TradeLedger, account: str) -> dict[str, int]:
    found: dict[str, Any] = {name: trade.entry("journal", name, account, "USD") for name in PARTS}
    return {name: amount or 0 for name, amount in found.items()}


def test_the_agent_declares_and_writes_off_and_what_is_recovered_is_shared() -> None:
    """Invariants 6, 13, 18 and 21: odd payments are divided, and all of them are all parts."""
    trade = shared()
    advance_to(trade, LATER)
    assert trade.refused("fund", {"op": "default.declare", **HOLDER}) == "not_party"
    trade.done("loan", {"op": "default.declare", **HOLDER})
    trade.check()
    trade.done("bank", payment("INV1", 10_000_01, "IN 1", date=LATER))
    assert left(lien(trade)) == exposed(trade) == {"fund": 29_999_99, "loan": 60_000_00}
    assert trade.refused("fund", {"op": "default.write_off", **HOLDER}) == "not_party"
    trade.done("loan", {"op": "default.write_off", **HOLDER})
    assert exposed(trade) == {"fund": 0, "loan": 0}
    assert left(lien(trade)) == {"fund": 29_999_99, "loan": 60_000_00}, "still theirs to recover"
    trade.check()
    shown = trade_views.invoice_view(trade.state, "acme", "INV1")
    assert shown is not None
    assert shown["finance"]["shares"] == [
        {"lender": "fund", "part": 33_333_33, "left": 29_999_99},
        {"lender": "loan", "part": 66_666_67, "left": 60_000_00},
    ]
    for entry, amount in (("IN 2", 1), ("IN 3", 12_345_67)):
        before = lien(trade)
        parts = dict(divided(before, amount))
        trade.done("bank", payment("INV1", amount, entry, date=LATER))
        assert left(lien(trade)) == {name: part - parts[name] for name, part in left(before).items()}
        trade.check()
    trade.done("bank", payment("INV1", stored(trade).written_off, "IN 4", date=LATER))
    assert left(deal(trade)) == {"fund": 0, "loan": 0}
    assert journal(trade, "principal") == {"fund": 0, "loan": 0}, "paid out, and back to the unit"
    trade.check()


@pytest.mark.parametrize("is_written_off", [False, True])
def test_a_shared_shortfall_is_paid_to_each_lender_and_then_owed_no_more(is_written_off: bool) -> None:
    """Invariants 6, 13 and 19: a late credit note is demanded of the supplier, out of its deposit."""
    trade = shared()
    credit(trade, 10_000_00)
    assert lien(trade).shortfall == 10_000_00, "a share is bought without a reserve"
    if is_written_off:
        advance_to(trade, LATER)
        trade.done("loan", {"op": "default.declare", **HOLDER})
        trade.done("loan", {"op": "default.write_off", **HOLDER})
    assert trade.refused("fund", demand("dilution")) == "not_financed"
    trade.done("loan", demand("dilution"))
    assert trade.refused("loan", {"op": "recourse.offset", "recourse": "R1"}) == "reserve_too_small"
    had = {name: balance(trade, name).available for name in PARTS}
    pay = {"op": "recourse.pay", "lender": "loan", "recourse": "R1", "bank": "bank", "amount": 10_000_00}
    trade.done("acme", pay)
    trade.check()
    got = {name: balance(trade, name).available - had[name] for name in PARTS}
    assert got == {"fund": 3_333_33, "loan": 6_666_67}
    rest = {name: part - got[name] for name, part in PARTS.items()}
    assert left(lien(trade)) == rest
    assert exposed(trade) == ({"fund": 0, "loan": 0} if is_written_off else rest)
    assert (lien(trade).repaid, lien(trade).shortfall, status(trade)) == (10_000_00, 0, "Repurchased")


def test_a_shared_shortfall_outlives_the_claim() -> None:
    """No silent loss: the ended claim keeps the shares of what the supplier still owes."""
    trade = shared()
    credit(trade, 10_000_01)
    trade.done("bank", payment("INV1", NET - 10_000_01, "IN 1"))
    short = left(deal(trade))
    assert (sum(short.values()), exposed(trade)) == (10_000_01, {"fund": 0, "loan": 0})
    trade.done("loan", demand("dilution"))
    trade.check()
    trade.done(
        "bank", attested("recourse.attest", 10_000_01, lender="loan", recourse="R1", date="2012-03-02")
    )
    assert left(deal(trade)) == {"fund": 0, "loan": 0}
    assert journal(trade, "principal") == {"fund": 0, "loan": 0}
    trade.check()


def test_a_shared_receivable_is_repurchased_with_the_interest_of_every_lender() -> None:
    """Invariants 19, 21 and 26."""
    trade = shared()
    trade.done("bank", payment("INV1", 10_00, "IN 1", date="2012-03-02"))
    advance_to(trade, LATER)
    trade.done("loan", demand("warranty"))
    before = lien(trade)
    interest = accrued(before, trade.entry("param", "business_date"))
    assert interest > 0
    amount = before.principal + interest
    had = {name: balance(trade, name).available for name in PARTS}
    pay = {"op": "recourse.pay", "lender": "loan", "recourse": "R1", "bank": "bank", "amount": amount}
    trade.done("acme", pay)
    trade.check()
    parts = dict(divided(before, interest))
    got = {name: balance(trade, name).available - had[name] for name in PARTS}
    assert got == {name: part + parts[name] for name, part in left(before).items()}
    assert (left(deal(trade)), exposed(trade)) == ({"fund": 0, "loan": 0}, {"fund": 0, "loan": 0})
    assert stored(trade).title == 0


def test_a_shared_claim_moves_with_its_shares() -> None:
    """Invariants 5, 6, 12 and 26: the other receivable bears a reserve, and the shares are as they were."""
    trade = shared()
    trade.done("bank", payment("INV1", 10_000_01, "IN 1", date="2012-03-02"))
    was = left(lien(trade))
    trade.confirmed_invoice("GOOD", 95_000_00)
    trade.done("loan", demand("warranty"))
    propose = {"op": "recourse.propose", "lender": "loan", "recourse": "R1", "invoice": "GOOD"}
    trade.done("acme", propose)
    trade.done("loan", {"op": "recourse.substitute", "recourse": "R1", "invoice": "GOOD"})
    trade.check()
    assert (left(lien(trade, "GOOD")), exposed(trade)) == (was, was)
    assert left(deal(trade)) == {"fund": 0, "loan": 0}
    credit(trade, 20_000_00, "GOOD")
    assert left(lien(trade, "GOOD")) == was, "the credit note is the supplier's until it does not pay"
    short = 20_000_00 - (95_000_00 - sum(was.values()))
    assert lien(trade, "GOOD").shortfall == short
    trade.done("bank", payment("GOOD", 75_000_00, "IN 2", date="2012-03-02"))
    assert sum(left(deal(trade, "GOOD")).values()) == short
    trade.check()
