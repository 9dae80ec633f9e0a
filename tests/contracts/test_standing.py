"""What stands on an invoice ends in the operation that makes another invoice of it (invariant 14)."""

from __future__ import annotations

from typing import Any

import pytest
from auction_ledger import NET, accept, auction, market, open_auction, pay, ranked
from cash_ledger import balance
from certificate_ledger import issue, on_leaf, status
from trade_ledger import TradeLedger, invoice, payment

from contracts.certificates.leaf import read_totals
from contracts.errors import InvariantBroken
from contracts.finance import request
from contracts.market import auction as auctions
from contracts.market import early_payment as early
from contracts.market.early_payment import read_early
from contracts.market.market_check import offers_are_current
from contracts.state_check import by_kind
from contracts.trade.invoice import Invoice
from ledger import codec

EARLY = {
    "op": "early.offer",
    "supplier": "acme",
    "invoice": "INV1",
    "steps": [{"until": "2012-03-10", "discount_ppm": 10_000}],
}
ASKED = {
    "op": "finance.request",
    "request": "R1",
    "invoice": "INV1",
    "programmes": ["of-loan"],
    "expires": "2012-03-10",
}
DISPUTE = {"op": "invoice.dispute", "supplier": "acme", "invoice": "INV1", "amount": 1, "reason": "short"}
WITHDRAWN = {"op": "dispute.withdraw", "supplier": "acme", "invoice": "INV1", "reason": "found"}
SETTLE = {"op": "finance.settle", "supplier": "acme", "invoice": "INV1", "bank": "bank"}

Step = tuple[str, dict[str, Any]]


def credited(amount: int) -> list[Step]:
    issued = {"op": "credit.issue", "credit": "K1", "invoice": "INV1", "date": "2012-03-01"}
    return [
        ("acme", {**issued, "amount": amount}),
        ("mega", {"op": "credit.accept", "credit": "K1", "supplier": "acme"}),
    ]


CHANGES: dict[str, tuple[list[Step], bool]] = {
    "a part is paid": ([("bank", payment("INV1", 1, "IN 1"))], False),
    "all is paid": ([("bank", payment("INV1", NET, "IN 1"))], True),
    "a part is credited": (credited(1), False),
    "all is credited": (credited(NET), True),
    "a part is disputed": ([("mega", DISPUTE)], False),
    "it is cancelled": ([("acme", {"op": "invoice.cancel", "invoice": "INV1"})], True),
    "a certificate takes its place": (
        [("mega", issue("C1", NET, invoice="INV1")), ("acme", on_leaf("accept", 0))],
        True,
    ),
}
"""What happens, and whether nothing of the invoice is left to finance then."""


def standing() -> TradeLedger:
    """INV1 is in an auction, is offered early payment, and finance is asked for it."""
    trade = market()
    trade.done("acme", open_auction())
    trade.done("mega", EARLY)
    trade.done("acme", ASKED)
    trade.check()
    return trade


def promised(trade: TradeLedger, amount: int = NET) -> str:
    """Where mega's certificate C2 on INV1 stands, which acme has not answered."""
    trade.done("mega", issue("C2", amount, invoice="INV1", maturity="2012-12-01"))
    return status(trade, 0, "C2")


def states(trade: TradeLedger) -> tuple[str, str, str]:
    """Of auction, early payment and request."""
    offered = read_early(trade.state, "acme", "INV1")
    asked = request.read_request(trade.state, "acme", "R1")
    assert offered is not None
    assert asked is not None
    return (
        auctions.LIFE.states[auction(trade).status],
        early.LIFE.states[offered.status],
        request.LIFE.states[asked.status],
    )


@pytest.mark.parametrize("change", CHANGES)
def test_what_stands_on_an_invoice_is_void_as_soon_as_it_changes(change: str) -> None:
    trade = standing()
    steps, is_over = CHANGES[change]
    for signer, operation in steps:
        trade.done(signer, operation)
        trade.check()
    assert states(trade) == ("Void", "Void", "Void" if is_over else "Open")
    left = [key for key in trade.state.data if codec.decode(key)[0] in ("expires", "auctioned")]
    assert len(left) == (0 if is_over else 1), "nothing waits for its last day but an open request"
    trade.done("root", {"op": "date.advance", "date": "2012-03-12"})
    assert states(trade) == ("Void", "Void", "Void" if is_over else "Expired")
    trade.check()


def test_a_sale_to_a_lender_ends_the_auction_and_the_early_payment_and_its_reservation_does_not() -> None:
    """A reservation may lapse; the title that has moved does not come back in time."""
    trade = standing()
    terms = trade.quote_terms("INV1", "of-loan")
    place = {"programme": "of-loan", "supplier": "acme", "invoice": "INV1", "expires": "2012-03-04"}
    trade.done("loan", {"op": "finance.offer", **place, "terms": terms})
    assert states(trade) == ("Open", "Offered", "Open")
    trade.done("acme", {"op": "finance.accept", "invoice": "INV1"})
    assert states(trade) == ("Open", "Offered", "Accepted")
    trade.done("loan", SETTLE)
    assert states(trade) == ("Void", "Void", "Accepted")
    trade.check()


def test_a_sale_by_auction_ends_the_early_payment_and_an_early_payment_ends_the_auction() -> None:
    trade = market()
    ranked(trade, {"loan": (60_000, NET)})
    trade.done("mega", EARLY)
    trade.done("acme", ASKED)
    trade.done("acme", accept(trade))
    trade.done("loan", pay())
    assert states(trade) == ("Funded", "Void", "Accepted")
    trade.check()
    trade = standing()
    trade.done("acme", {"op": "early.accept", "invoice": "INV1", "paid": NET - NET // 100})
    trade.done("mega", {"op": "early.pay", "supplier": "acme", "invoice": "INV1", "bank": "bank"})
    assert states(trade) == ("Void", "Paid", "Void")
    trade.check()


def test_a_dispute_that_is_taken_back_revives_nothing_and_another_offer_may_follow() -> None:
    trade = standing()
    trade.done("mega", DISPUTE)
    trade.done("mega", WITHDRAWN)
    assert states(trade) == ("Void", "Void", "Open")
    trade.done("mega", EARLY)
    trade.done("acme", open_auction("A2"))
    assert states(trade)[1:] == ("Offered", "Open")
    trade.check()


def test_a_request_for_an_invoice_that_nobody_confirmed_ends_when_its_buyer_rejects_it() -> None:
    trade = market()
    trade.done("acme", invoice("INV2", NET, quantity=2))
    trade.done("acme", {**ASKED, "invoice": "INV2"})
    trade.done("mega", {"op": "invoice.reject", "supplier": "acme", "invoice": "INV2", "reason": "unknown"})
    asked = request.read_request(trade.state, "acme", "R1")
    assert asked is not None
    assert request.LIFE.states[asked.status] == "Void"
    trade.check()


OTHER_DATE = {"op": "invoice.confirm", "supplier": "acme", "invoice": "INV1", "net": NET}
LOWER = {**OTHER_DATE, "net": NET - 1, "due_date": "2012-04-26"}
ENDS: dict[str, list[Step]] = {
    **{name: steps for name, (steps, _) in CHANGES.items() if "certificate" not in name},
    "less is confirmed": [("mega", DISPUTE), ("mega", LOWER)],
    "its last day has passed": [("root", {"op": "date.advance", "date": "2012-04-27"})],
}
"""What ends a promise on the whole of INV1 that the payee has not accepted."""


@pytest.mark.parametrize("change", ENDS)
def test_a_certificate_that_nobody_accepted_is_void_as_soon_as_its_invoice_is_not_what_it_was_drawn_on(
    change: str,
) -> None:
    """Invariants 5 and 14: a promise in place of what is settled otherwise is none."""
    trade = market()
    assert promised(trade) == "Issued"
    trade.check()
    for signer, operation in ENDS[change]:
        trade.done(signer, operation)
        trade.check()
    assert status(trade, 0, "C2") == "Void"
    assert trade.refused("acme", on_leaf("accept", 0, "C2")) == "wrong_state"
    kinds = by_kind((key, codec.decode(data)) for key, data in trade.state.data.items())
    assert not kinds["promised"], "another one may be drawn on the invoice"
    assert not kinds["expires"], "nothing waits for its last day"
    totals = read_totals(trade.state, "mega", "C2")
    assert (totals.issued, totals.live) == (0, 0), "its history says so"


def test_a_certificate_of_a_part_stands_as_long_as_its_face_is_owed() -> None:
    trade = market()
    promised(trade, NET // 2)
    trade.done("bank", payment("INV1", NET // 2, "IN 1"))
    assert status(trade, 0, "C2") == "Issued"
    trade.check()
    trade.done("bank", payment("INV1", 1, "IN 2"))
    assert status(trade, 0, "C2") == "Void"
    trade.check()


def test_a_lenders_offer_keeps_a_certificate_waiting_and_its_payment_ends_it() -> None:
    trade = market()
    promised(trade)
    terms = trade.quote_terms("INV1", "of-loan")
    place = {"programme": "of-loan", "supplier": "acme", "invoice": "INV1", "expires": "2012-03-04"}
    trade.done("loan", {"op": "finance.offer", **place, "terms": terms})
    assert status(trade, 0, "C2") == "Issued"
    assert trade.refused("acme", on_leaf("accept", 0, "C2")) == "wrong_state", "a lender has its price on it"
    trade.done("acme", {"op": "finance.accept", "invoice": "INV1"})
    trade.done("loan", SETTLE)
    assert status(trade, 0, "C2") == "Void"
    trade.check()


def test_one_certificate_stands_on_an_invoice_at_a_time() -> None:
    """Invariant 5."""
    trade = market()
    promised(trade)
    assert trade.refused("mega", issue("C3", NET, invoice="INV1")) == "certificate_open"
    trade.done("mega", on_leaf("decline", 0, "C2"))
    trade.done("mega", issue("C3", NET, invoice="INV1"))
    trade.done("acme", on_leaf("accept", 0, "C3"))
    assert status(trade, 0, "C3") == "Held"
    trade.check()


def test_what_a_refused_operation_would_have_ended_stands() -> None:
    """In one transaction: the payment is taken back with the operation that is refused after it."""
    trade = standing()
    before = dict(trade.state.data)
    refused: Any = trade.submit("bank", payment("INV1", 1, "IN 1"), payment("INV1", 1, "IN 1"))
    assert [code for _, code, _ in refused] == ["bank_entry_used"]
    assert trade.state.data == before


def test_winners_who_have_paid_have_their_cash_back_at_once() -> None:
    """Invariant 12: no cash is bound for a title that will not move."""
    trade = market()
    ranked(trade, {"loan": (60_000, NET // 2), "fund": (60_000, NET // 2)})
    trade.done("acme", accept(trade))
    trade.done("loan", pay())
    assert balance(trade, "loan").held
    trade.done("bank", payment("INV1", NET, "IN 1", date="2012-03-02"))
    assert (balance(trade, "loan").held, auctions.LIFE.states[auction(trade).status]) == (0, "Void")
    assert trade.entry("exposure", "fund", "mega", "USD") is None
    trade.check()


@pytest.mark.parametrize("kind", ["auction", "early", "request"])
def test_the_check_of_a_state_sees_what_stands_on_an_invoice_that_is_settled(kind: str) -> None:
    trade = standing()
    kinds = by_kind((key, codec.decode(data)) for key, data in trade.state.data.items())
    offers_are_current(kinds)
    found = Invoice._make(kinds["invoice"]["acme", "INV1"])
    kinds["invoice"]["acme", "INV1"] = tuple(found._replace(paid=NET, outstanding=0))
    for other in {"auction", "early", "request"} - {kind}:
        kinds[other].clear()
    with pytest.raises(InvariantBroken, match="14"):
        offers_are_current(kinds)
