"""Refusals that a story of good trade never meets, each with its code, and the list of codes itself."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from trade_ledger import (
    TradeLedger,
    confirm,
    dispatch,
    invoice,
    order_submit,
    payment,
    publish,
    receive,
    sscc,
)

import contracts
from contracts.errors import REMEDIES
from contracts.finance import programme_views
from contracts.trade import trade_views
from ledger import codec
from ledger.money import MAX_AMOUNT

SOURCES = sorted(Path(contracts.__file__).parent.rglob("*.py"))


def test_every_code_in_the_sources_has_a_remedy_and_every_remedy_a_code() -> None:
    text = "".join(path.read_text() for path in SOURCES if path.name != "errors.py")
    used = set(re.findall(r'refuse\(\s*"([a-z_]+)"', text))
    assert used <= REMEDIES.keys()
    values = {"currency_mismatch", "amount_overflow", "negative_amount", "cannot_split"}
    assert REMEDIES.keys() - used <= values, "a remedy without a code"
    assert all(remedy.endswith(".") for remedy in REMEDIES.values())


SUMS: list[tuple[dict[str, Any], str]] = [
    ({"gross": 101}, "sum_mismatch"),
    ({"tax": 1}, "sum_mismatch"),
    ({"tax": 101, "gross": 201}, "tax_too_high"),
    ({"allowances": 10}, "sum_mismatch"),
    ({"prepaid": 10}, "sum_mismatch"),
    ({"rounding": 101, "gross": 201}, "rounding_too_large"),
    ({"issue_date": "2012-03-02", "due_date": "2012-03-30"}, "date_in_future"),
    ({"due_date": "2012-02-19"}, "date_order"),
    ({"due_date": "2019-01-01"}, "date_too_far"),
    ({"buyer": "bolt"}, "unknown_organisation"),
    ({"buyer": "nobody"}, "unknown_organisation"),
    ({"order": "PO9"}, "unknown_order"),
    ({"charges": 5, "gross": 105, "order": "PO1"}, "charge_not_ordered"),
]


@pytest.mark.parametrize(("change", "code"), SUMS)
def test_an_invoice_that_does_not_fit_is_refused(change: dict[str, Any], code: str) -> None:
    assert TradeLedger().refused("acme", {**invoice("I", 100), **change}) == code


@pytest.mark.parametrize(
    "change",
    [
        {"tax": 100, "gross": 200},
        {"allowances": 10, "gross": 90},
        {"charges": 10, "gross": 110},
        {"prepaid": 10, "rounding": -1, "gross": 89},
    ],
)
def test_tax_allowances_charges_prepayment_and_rounding_that_add_up_are_taken(change: dict[str, Any]) -> None:
    TradeLedger().done("acme", {**invoice("I", 100), **change})


def test_orders_are_issued_as_drafted_or_by_the_buyer_alone() -> None:
    trade = TradeLedger()
    issue = {"op": "order.issue", "order": "PO1", "supplier": "acme"}
    draft = order_submit("PO1", (("1", 10, 1),))
    own = {key: draft[key] for key in ("currency", "date", "lines")}
    assert trade.refused("mega", issue) == "order_incomplete"
    trade.done("acme", draft)
    assert trade.refused("acme", draft) == "duplicate_number"
    assert trade.refused("acme", dispatch("S1", quantity=1)) == "order_not_issued"
    assert trade.refused("mega", {**issue, **own}) == "order_differs"
    trade.done("mega", issue)
    assert trade.refused("mega", issue) == "duplicate_number"
    trade.done("mega", {**issue, **own, "order": "PO2"})
    twice = order_submit("PO3", (("1", 10, 1), ("1", 5, 1)))
    assert trade.refused("acme", twice) == "line_twice"
    huge = order_submit("PO3", (("1", 10**12, 10**18),))
    assert trade.refused("acme", huge) == "amount_overflow"
    assert trade_views.order_view(trade.state, "acme", "mega", "PO2")["status"] == "Issued"  # type: ignore[index]


def test_shipments_are_received_once_and_units_are_used_once() -> None:
    trade = TradeLedger()
    trade.order()
    one, two, three = (sscc(number) for number in range(3))
    trade.done("acme", dispatch("S1", quantity=10, units=(one, two)))
    assert trade.refused("acme", dispatch("S1", quantity=10)) == "duplicate_number"
    assert trade.refused("acme", dispatch("S2", quantity=10, units=(two,))) == "unit_used"
    assert trade.refused("acme", dispatch("S2", quantity=10, units=(f"(00) {two}",))) == "unit_used"
    assert trade.refused("acme", dispatch("S2", quantity=10, units=(three, three))) == "unit_used"
    assert trade.refused("acme", dispatch("S2", line="7")) == "unknown_line"
    assert trade.refused("acme", dispatch("S2", quantity=91)) == "exceeds_ordered"
    assert trade.refused("mega", receive("S9")) == "unknown_shipment"
    assert trade.refused("mega", receive("S1", accepted=11)) == "exceeds_shipped"
    assert trade.refused("mega", receive("S1", line="2", accepted=1)) == "unknown_line"
    assert trade.refused("mega", {**receive("S1", accepted=1), "date": "2012-01-19"}) == "date_order"
    trade.done("mega", receive("S1", accepted=8, rejected=1))
    assert trade.refused("mega", receive("S1", accepted=1)) == "wrong_state"
    shown = trade_views.shipment_view(trade.state, "acme", "S1")
    assert shown is not None
    assert shown["lines"] == [{"line": "1", "shipped": 10, "accepted": 8, "rejected": 1, "returned": 0}]
    assert shown["units"] == [one, two]
    trade.check()


def test_a_buyer_confirms_once_at_most_the_gross_and_no_later_than_due() -> None:
    trade = TradeLedger()
    trade.done("acme", invoice("I", 1_000))
    assert trade.refused("mega", confirm("I", 1_001)) == "exceeds_gross"
    assert trade.refused("mega", confirm("I", 1_000, "2012-04-27")) == "due_date_later"
    assert trade.refused("mega", confirm("I", 1_000, "2012-02-19")) == "date_order"
    assert trade.refused("mega", confirm("X", 1_000)) == "unknown_invoice"
    trade.done("bank", payment("I", 300, "IN 1"))
    assert trade.refused("mega", confirm("I", 299)) == "below_paid"
    trade.done("mega", confirm("I", 900))
    assert trade.refused("mega", confirm("I", 900)) == "wrong_state"
    reject = {"op": "invoice.reject", "invoice": "I", "supplier": "acme", "reason": "late"}
    assert trade.refused("mega", reject) == "wrong_state"
    dispute = {"op": "invoice.dispute", "invoice": "I", "supplier": "acme", "amount": 601, "reason": "late"}
    assert trade.refused("mega", dispute) == "exceeds_outstanding"
    trade.done("mega", {**dispute, "amount": 100})
    assert trade.refused("mega", {**dispute, "amount": 50}) == "already_disputed"
    assert trade.refused("acme", {"op": "invoice.cancel", "invoice": "I"}) == "wrong_state"
    trade.done("mega", confirm("I", 800))
    shown = trade_views.invoice_view(trade.state, "acme", "I")
    assert shown is not None
    assert (shown["net"], shown["credited"], shown["paid"], shown["outstanding"]) == (800, 200, 300, 500)
    trade.check()


def test_credit_notes_on_a_paid_invoice_together_grant_no_more_than_it_billed() -> None:
    trade = TradeLedger()
    trade.confirmed_invoice("I", 1_000)
    issue = {"op": "credit.issue", "credit": "C", "invoice": "I", "amount": 600, "date": "2012-03-01"}
    accept = {"op": "credit.accept", "credit": "C", "supplier": "acme"}
    trade.done("bank", payment("I", 900, "IN 1"))
    trade.done("acme", issue, {**issue, "credit": "D"})
    trade.done("mega", accept)
    assert trade.refused("mega", {**accept, "credit": "D"}) == "exceeds_gross"
    assert trade.refused("acme", {**issue, "credit": "E", "amount": 401}) == "exceeds_gross"
    trade.done("acme", {**issue, "credit": "E", "amount": 400})
    trade.done("mega", {**accept, "credit": "E"})
    trade.check()
    assert trade.refused("acme", {**issue, "credit": "F", "amount": 1}) == "exceeds_gross"


def test_credit_notes_are_decided_once_and_never_exceed_what_is_left_of_the_gross() -> None:
    trade = TradeLedger()
    trade.confirmed_invoice("I", 1_000)
    issue = {"op": "credit.issue", "credit": "C", "invoice": "I", "amount": 1_001, "date": "2012-03-01"}
    accept = {"op": "credit.accept", "credit": "C", "supplier": "acme"}
    assert trade.refused("acme", issue) == "exceeds_gross"
    assert trade.refused("acme", {**issue, "date": "2012-02-01"}) == "date_order"
    assert trade.refused("mega", accept) == "unknown_credit"
    trade.done("acme", {**issue, "amount": 400})
    assert trade.refused("acme", {**issue, "amount": 400}) == "duplicate_number"
    trade.done("acme", {**issue, "amount": 700, "credit": "D"})
    trade.done("mega", accept)
    assert trade.refused("mega", accept) == "wrong_state"
    assert trade.refused("mega", {**accept, "credit": "D"}) == "exceeds_gross"
    trade.done("mega", {"op": "credit.reject", "credit": "D", "supplier": "acme", "reason": "twice"})
    assert trade_views.credit_view(trade.state, "acme", "D")["status"] == "Rejected"  # type: ignore[index]
    trade.check()


def test_offers_are_exact_current_and_the_lenders_own() -> None:
    trade = TradeLedger()
    trade.confirmed_invoice()
    trade.done("loan", publish())
    assert trade.refused("fund", publish()) == "programme_of_other_lender"
    offer = trade.offer()
    assert trade.refused("fund", offer) == "programme_of_other_lender"
    assert trade.refused("loan", {**offer, "programme": "none"}) == "unknown_programme"
    assert trade.refused("loan", {**offer, "invoice": "none"}) == "unknown_invoice"
    assert trade.refused("loan", {**offer, "expires": "2012-02-28"}) == "date_order"
    assert trade.refused("loan", {**offer, "expires": "2012-06-30"}) == "date_too_far"
    for name in offer["terms"]:
        terms = {**offer["terms"], name: offer["terms"][name] + 1}
        assert trade.refused("loan", {**offer, "terms": terms}) == "quote_stale"
    trade.done("root", {"op": "date.advance", "date": "2012-03-02"})
    assert trade.refused("loan", offer) == "quote_stale", "the price of yesterday"
    assert trade.refused("root", {"op": "date.advance", "date": "2012-03-02"}) == "date_order"
    assert trade.refused("root", {"op": "date.advance", "date": "2112-03-02"}) == "date_too_far"
    offer = trade.offer()
    withdraw = {"op": "finance.withdraw", "supplier": "acme", "invoice": "INV1"}
    accept = {"op": "finance.accept", "invoice": "INV1"}
    assert trade.refused("loan", withdraw) == "no_offer"
    trade.done("loan", offer)
    assert trade.refused("fund", withdraw) == "not_party"
    assert trade.refused("acme", {"op": "invoice.cancel", "invoice": "INV1"}) == "title_not_free"
    trade.done("loan", withdraw)
    trade.done("loan", offer)
    trade.done("acme", accept)
    assert trade.refused("acme", accept) == "already_accepted"
    assert trade.refused("loan", withdraw) == "already_accepted"
    trade.check()


def test_a_limit_is_not_passed_by_offers_together() -> None:
    """Invariant 13: exposure and reservations of a lender for one obligor fit the limit."""
    trade = TradeLedger()
    trade.done("loan", publish(limits=[{"obligor": "mega", "limit": 1_000_00}]))
    for number in ("A", "B"):
        trade.confirmed_invoice(number, 1_000_00 + ord(number))
    trade.done("loan", trade.offer("A"))
    basis = programme_views.programme_view(trade.state, "prime")
    assert basis is not None
    assert 0 < basis["exposures"]["mega"]["reserved"] <= 1_000_00
    terms = {"net": 1, "tenor_days": 1, "advance": 1, "reserve": 0, "discount": 0, "fee": 0, "paid_out": 1}
    second = {
        "op": "finance.offer",
        "programme": "prime",
        "supplier": "acme",
        "invoice": "B",
        "expires": "2012-03-05",
        "terms": terms,
    }
    assert trade.refused("loan", second) == "limit_exceeded"


def test_payments_fit_the_invoice() -> None:
    trade = TradeLedger()
    trade.confirmed_invoice("I", 1_000)
    assert trade.refused("bank", payment("I", 10, "E", payer="nova")) == "payer_mismatch"
    assert trade.refused("bank", payment("I", 10, "E", date="2012-03-02")) == "date_in_future"
    assert trade.refused("bank", payment("I", 10, "E", date="1999-03-02")) == "date_order"
    trade.done("bank", payment("I", 1_000, "E"))
    assert trade.refused("bank", payment("I", 10, "E2")) == "nothing_outstanding"
    big = invoice("BIG", MAX_AMOUNT)
    trade.done("acme", big)
    reject = {"op": "invoice.reject", "invoice": "BIG", "supplier": "acme", "reason": "absurd"}
    trade.done("mega", reject)
    assert trade.refused("bank", payment("BIG", 10, "E2")) == "wrong_state"
    trade.check()


def test_details_on_the_ledger_are_bounded_and_encodable() -> None:
    trade = TradeLedger()
    number = "発注書番号" * 4
    trade.done("acme", invoice(number, 100))
    result = trade.submit("acme", invoice(number, 100))
    assert len(result[0][2]) <= 240
    assert codec.decode(codec.encode(result)) == result
