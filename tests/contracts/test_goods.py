"""Orders, shipments and goods: each way through their tables, each refusal, what follows for invoices."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
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
from ways_ledger import ways_of

from contracts.finance.pricer import requote
from contracts.trade import relationship_views, trade_views
from contracts.trade.order import Order
from contracts.trade.units import canonical_unit, sscc_with_check_digit
from ledger.errors import Malformed, Refusal
from ledger.identifiers import is_gs1

PARTIES = {"supplier": "acme", "buyer": "mega"}
CANCEL = {"op": "order.cancel", "order": "PO1", **PARTIES, "reason": "not needed"}
CLOSE = {"op": "order.close", "order": "PO1", "supplier": "acme"}
DELIVER = {"op": "shipment.deliver", "shipment": "S1", "supplier": "acme", "date": "2012-01-24"}
LOSE = {"op": "shipment.lose", "shipment": "S1", "supplier": "acme", "date": "2012-01-24", "reason": "sunk"}
REFUSE = {"op": "goods.refuse", "shipment": "S1", "supplier": "acme", "date": "2012-01-24", "reason": "wet"}


def status(trade: TradeLedger) -> str:
    shown = trade_views.order_view(trade.state, "acme", "mega", "PO1")
    assert shown is not None
    return str(shown["status"])


def line(trade: TradeLedger) -> dict[str, Any]:
    shown = trade_views.order_view(trade.state, "acme", "mega", "PO1")
    assert shown is not None
    return dict(shown["lines"][0])


def shipment_status(trade: TradeLedger) -> str:
    shown = trade_views.shipment_view(trade.state, "acme", "S1")
    assert shown is not None
    return str(shown["status"])


def amend(quantity: int, price: int = 10_000_000_000, name: str = "1", **changes: Any) -> dict[str, Any]:
    lines = [{"line": name, "item": "item 1", "quantity": quantity, "price_micros": price}]
    return {"op": "amendment.propose", "order": "PO1", **PARTIES, "lines": lines, **changes}


def agree(number: int = 1) -> dict[str, Any]:
    return {"op": "amendment.agree", "order": "PO1", **PARTIES, "amendment": number}


def send_back(quantity: int, date: str = "2012-02-01") -> dict[str, Any]:
    return {
        "op": "goods.return",
        "shipment": "S1",
        "supplier": "acme",
        "date": date,
        "lines": [{"line": "1", "quantity": quantity}],
        "reason": "defective",
    }


def credit(number: str, invoice_number: str, amount: int, units: int = 0) -> dict[str, Any]:
    lines = [{"line": "1", "quantity": units}] if units else []
    return {
        "op": "credit.issue",
        "credit": number,
        "invoice": invoice_number,
        "amount": amount,
        "date": "2012-03-01",
        "lines": lines,
    }


# orders


def test_an_order_goes_from_draft_to_closed() -> None:
    trade = TradeLedger()
    trade.done("acme", order_submit("PO1", (("1", 100, 10_000_000_000),)))
    seen = [status(trade)]
    steps: list[tuple[str, dict[str, Any]]] = [
        ("mega", {"op": "order.issue", "order": "PO1", "supplier": "acme"}),
        ("acme", {"op": "order.acknowledge", "order": "PO1", "buyer": "mega"}),
        ("acme", dispatch("S1", quantity=40)),
        ("mega", receive("S1", accepted=40)),
        ("acme", dispatch("S2", quantity=60)),
        ("mega", receive("S2", accepted=60)),
        ("mega", CLOSE),
    ]
    for signer, operation in steps:
        before = dict(trade.state.data)
        trade.done(signer, operation)
        trade.check()
        trade.check_step(before)
        seen.append(status(trade))
    assert list(dict.fromkeys(seen)) == [
        "Draft",
        "Issued",
        "Acknowledged",
        "PartReceived",
        "Received",
        "Closed",
    ]
    assert trade.refused("acme", dispatch("S3", quantity=1)) == "wrong_state"
    trade.done("acme", invoice("I", 1_000_000, order="PO1", quantity=100))
    trade.check()


def test_shipping_an_order_acknowledges_it_and_a_closed_one_is_not_shipped() -> None:
    trade = TradeLedger()
    trade.order()
    trade.done("acme", dispatch("S1", quantity=10))
    assert status(trade) == "Acknowledged"
    assert trade.refused("mega", CLOSE) == "wrong_state"
    trade.done("mega", receive("S1", accepted=10))
    trade.done("acme", dispatch("S2", quantity=10))
    assert trade.refused("mega", CLOSE) == "goods_under_way"
    trade.done("mega", receive("S2", accepted=10))
    trade.done("mega", CLOSE)
    assert trade.refused("acme", dispatch("S3", quantity=10)) == "wrong_state"
    assert trade.refused("mega", CLOSE) == "wrong_state", "invariant 15: Closed absorbs"
    assert trade.refused("acme", amend(200)) == "wrong_state"
    trade.check()


def test_an_order_is_cancelled_only_while_nothing_is_under_way_received_or_billed() -> None:
    trade = TradeLedger()
    trade.order()
    assert trade.refused("nova", CANCEL) == "not_party"
    trade.done("acme", dispatch("S1"))
    assert trade.refused("mega", CANCEL) == "goods_under_way"
    trade.done("mega", REFUSE)
    assert trade.refused("acme", CANCEL) == "not_party", "the supplier has taken it on"
    trade.done("mega", CANCEL)
    assert status(trade) == "Cancelled"
    for signer, operation in [
        ("mega", CANCEL),
        ("acme", amend(5)),
        ("acme", {"op": "order.acknowledge", "order": "PO1", "buyer": "mega"}),
        ("mega", CLOSE),
    ]:
        assert trade.refused(signer, operation) == "wrong_state", "invariant 15: Cancelled absorbs"
    assert trade.refused("acme", dispatch("S2")) == "order_not_issued"
    assert trade.refused("acme", invoice("I", 5, order="PO1")) == "order_not_issued"
    shown = relationship_views.relationship_view(trade.state, "acme", "mega")
    assert shown is not None
    assert (shown["currencies"]["USD"]["orders"], shown["currencies"]["USD"]["ordered"]) == (1, 0)
    trade.check()


def test_a_supplier_declines_an_order_that_it_has_not_taken_on() -> None:
    trade = TradeLedger()
    trade.order()
    trade.done("acme", CANCEL)
    assert status(trade) == "Cancelled"
    received = TradeLedger()
    received.order()
    received.deliver("S1", quantity=1)
    assert received.refused("mega", CANCEL) == "wrong_state"


# amendments


def test_an_amendment_needs_both_signatures_and_the_number_of_what_stands() -> None:
    trade = TradeLedger()
    trade.order()
    assert trade.refused("mega", agree()) == "unknown_amendment"
    trade.done("acme", amend(120))
    assert trade.refused("acme", agree()) == "not_party"
    assert trade.refused("nova", agree()) == "not_party"
    trade.done("acme", amend(90))
    assert trade.refused("mega", agree(1)) == "amendment_replaced"
    assert line(trade)["quantity"] == 100
    trade.done("mega", agree(2))
    assert (line(trade)["quantity"], status(trade)) == (90, "Acknowledged")
    assert trade.refused("mega", agree(2)) == "wrong_state"
    trade.done("mega", amend(95))
    decline = {**agree(3), "op": "amendment.decline", "reason": "no"}
    trade.done("acme", decline)
    assert trade.refused("acme", decline) == "wrong_state"
    assert line(trade)["quantity"] == 90
    trade.check()


@settings(max_examples=30)
@given(
    accepted=st.integers(0, 60),
    more=st.integers(0, 30),
    billed=st.integers(0, 60),
    quantity=st.integers(0, 130),
)
def test_invariant_7_an_amendment_never_goes_below_what_was_shipped_received_or_billed(
    accepted: int, more: int, billed: int, quantity: int
) -> None:
    trade = TradeLedger()
    trade.order("PO1", (("1", 100, 100_000_000),))
    if accepted:
        trade.deliver("S1", quantity=accepted)
    if more:
        trade.done("acme", dispatch("S2", quantity=more))
    if 0 < billed <= accepted:
        trade.done("acme", invoice("I", billed * 100, order="PO1", quantity=billed))
    before = dict(trade.state.data)
    fits = quantity >= accepted + more
    result = trade.submit("mega", amend(quantity, 100_000_000))
    assert (result == ()) is fits, result
    if fits:
        trade.done("acme", agree())
        assert line(trade)["quantity"] == quantity
    trade.check()
    trade.check_step(before)


def test_an_amendment_adds_and_strikes_lines_and_keeps_billed_prices() -> None:
    trade = TradeLedger()
    trade.order("PO1", (("1", 100, 10_000_000_000), ("2", 5, 10_000_000_000)))
    trade.deliver("S1", quantity=100)
    trade.done("acme", invoice("I", 10_000, order="PO1"))
    assert trade.refused("mega", amend(100, 9_000_000_000)) == "price_billed"
    assert status(trade) == "PartReceived"
    trade.done("mega", amend(0, name="2"))
    trade.done("acme", agree())
    assert status(trade) == "Received", "the line that was missing is struck"
    trade.done("acme", amend(7, name="3"))
    trade.done("mega", agree(2))
    assert status(trade) == "PartReceived"
    twice = amend(7)
    assert trade.refused("acme", {**twice, "lines": twice["lines"] * 2}) == "line_twice"
    assert trade.refused("acme", amend(10**12, 10**18, name="4")) == "amount_overflow"
    trade.check()


# shipments


def test_a_carrier_takes_over_delivers_and_says_nothing_of_what_is_inside() -> None:
    trade = TradeLedger()
    trade.order()
    create = {
        "op": "shipment.create",
        "shipment": "S1",
        "order": "PO1",
        "buyer": "mega",
        "lines": [{"line": "1", "quantity": 100}],
        "units": [sscc(1)],
        "carrier": "ship",
        "scheduled": "2012-01-22",
    }
    depart = {"op": "shipment.depart", "shipment": "S1", "supplier": "acme", "date": "2012-01-20"}
    assert trade.refused("acme", {**create, "carrier": "bolt"}) == "unknown_organisation"
    trade.done("acme", create)
    assert shipment_status(trade) == "Created"
    assert line(trade)["shipped"] == 0
    assert trade.refused("mega", receive("S1")) == "wrong_state"
    assert trade.refused("ship", DELIVER) == "wrong_state"
    trade.done("ship", depart)
    assert line(trade)["shipped"] == 100
    assert trade.refused("acme", depart) == "wrong_state"
    assert trade.refused("ship", {**DELIVER, "date": "2012-01-19"}) == "date_order"
    trade.done("ship", DELIVER)
    assert shipment_status(trade) == "Delivered"
    assert trade.refused("mega", {**receive("S1"), "date": "2012-01-23"}) == "date_order"
    trade.done("mega", receive("S1", accepted=90, rejected=4))
    assert (line(trade)["accepted"], line(trade)["rejected"], line(trade)["lost"]) == (90, 4, 6)
    trade.done("acme", dispatch("S2", quantity=10))
    trade.check()


def test_invariant_17_only_the_carrier_of_a_shipment_delivers_it() -> None:
    trade = TradeLedger(enrolled_by={"acme": "root", "ship": "root"})
    trade.order()
    trade.done("acme", {**dispatch("S1"), "carrier": "ship"})
    assert trade.refused("ship", DELIVER) == "same_approver"
    other = TradeLedger()
    other.order()
    other.done("acme", dispatch("S1"))
    assert other.refused("ship", DELIVER) == "not_party"
    assert other.refused("ship", LOSE) == "not_party"


@pytest.mark.parametrize(
    ("signer", "operation", "word"), [("acme", LOSE, "Lost"), ("mega", REFUSE, "Refused")]
)
def test_what_is_lost_or_refused_is_shipped_anew(signer: str, operation: dict[str, Any], word: str) -> None:
    trade = TradeLedger()
    trade.order()
    trade.done("acme", dispatch("S1", units=(sscc(1),)))
    trade.done(signer, operation)
    assert (shipment_status(trade), line(trade)["shipped"]) == (word, 0)
    for again in (LOSE, REFUSE, receive("S1")):
        owner = "acme" if again is LOSE else "mega"
        assert trade.refused(owner, again) == "wrong_state", "invariant 15: terminal states absorb"
    assert trade.refused("acme", dispatch("S2", units=(sscc(1),))) == "unit_used"
    trade.deliver("S2")
    assert status(trade) == "Received"
    trade.check()


@given(st.text("0123456789", min_size=17, max_size=17))
def test_an_sscc_has_one_form_however_it_is_written(digits: str) -> None:
    code = sscc_with_check_digit(digits)
    assert is_gs1(code, 18)
    extension, company, serial = digits[0], digits[1:8], digits[8:]
    for written in (
        code,
        f"00{code}",
        f"(00) {code[:9]} {code[9:]}",
        f"urn:epc:id:sscc:{company}.{extension}{serial}",
        f"https://id.gs1.org/00/{code}",
    ):
        assert canonical_unit(written) == code
    assert canonical_unit(code[:-1] + str((int(code[-1]) + 1) % 10)) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ni:///sha-256;" + "0a" * 32 + "?ver=CBV2.0", "ni:///sha-256;" + "0a" * 32 + "?ver=CBV2.0"),
        ("urn:uuid:5F2A0B1C-0000-4000-8000-00000000000A", "urn:uuid:5f2a0b1c-0000-4000-8000-00000000000a"),
        ("ni:///sha-256;" + "0A" * 32 + "?ver=CBV2.0", None),
        ("ni:///sha-256;" + "0a" * 31 + "?ver=CBV2.0", None),
        ("ni:///sha-256;" + "0a" * 32, None),
        ("u1", None),
        ("urn:epc:id:sscc:123.4567", None),
    ],
)
def test_event_ids_are_taken_in_their_form_only(text: str, expected: str | None) -> None:
    assert canonical_unit(text) == expected


# returns and credit


def test_a_return_after_billing_makes_a_credit_note_due_and_stops_new_finance() -> None:
    trade = TradeLedger({"return_days": 60})
    trade.order()
    trade.deliver("S1")
    trade.done("acme", invoice("I", 1_000_000, order="PO1", quantity=100))
    trade.done("mega", confirm("I", 1_000_000))
    trade.done("loan", publish(accept_backdated=True))
    offer = trade.offer("I")
    trade.done("loan", offer)
    trade.done("acme", {"op": "finance.accept", "invoice": "I"})
    trade.done("mega", send_back(30))
    shown = line(trade)
    assert (shown["accepted"], shown["returned"], shown["units_to_credit"], shown["to_credit"]) == (
        70,
        30,
        30,
        300_000,
    )
    assert status(trade) == "PartReceived"
    paid_out = offer["terms"]["paid_out"]
    fund = {
        "op": "finance.fund",
        "account": "A",
        "entry": "E",
        "date": "2012-03-01",
        "invoice": "I",
        "supplier": "acme",
        "lender": "loan",
        "amount": paid_out,
    }
    assert trade.refused("bank", fund) == "credit_due"
    trade.done("root", {"op": "date.advance", "date": "2012-03-12"})
    with pytest.raises(Refusal, match="went back"):
        requote(trade.state, "acme", "I", "prime")
    ways = ways_of(trade.state, "acme", "I", ["prime"])
    assert {way.kind: way.code for way in ways if way.kind in ("programme", "auction")} == {
        "programme": "credit_due",
        "auction": "credit_due",
    }
    assert trade_views.invoice_view(trade.state, "acme", "I")["credit_due"] is True  # type: ignore[index]
    trade.done("acme", credit("C", "I", 300_000, 30))
    trade.done("mega", {"op": "credit.accept", "credit": "C", "supplier": "acme"})
    assert trade_views.invoice_view(trade.state, "acme", "I")["credit_due"] is False  # type: ignore[index]
    assert requote(trade.state, "acme", "I", "prime").net == 700_000
    trade.check()


def test_what_is_sent_back_can_be_replaced_and_billed() -> None:
    trade = TradeLedger({"return_days": 60})
    trade.order()
    trade.deliver("S1")
    trade.done("acme", invoice("I", 1_000_000, order="PO1", quantity=100))
    trade.done("mega", send_back(100))
    assert shipment_status(trade) == "Returned"
    assert trade.refused("mega", send_back(1)) == "wrong_state", "invariant 15: Returned absorbs"
    trade.done("acme", {"op": "invoice.cancel", "invoice": "I"})
    assert line(trade)["units_to_credit"] == 0
    trade.deliver("S2")
    trade.done("acme", invoice("J", 1_000_000, order="PO1", quantity=100))
    trade.check()


def test_returns_stay_within_what_was_accepted_and_within_their_window() -> None:
    trade = TradeLedger({"return_days": 40})
    trade.order()
    trade.done("acme", dispatch("S1"))
    trade.done("mega", receive("S1", accepted=50, rejected=50))
    assert trade.refused("mega", send_back(51)) == "exceeds_accepted"
    assert trade.refused("mega", send_back(1, "2012-01-27")) == "date_order"
    assert trade.refused("nova", send_back(1)) == "not_party"
    trade.done("mega", send_back(1))
    assert trade.refused("mega", send_back(50)) == "exceeds_accepted"
    assert shipment_status(trade) == "Received"
    trade.done("root", {"op": "date.advance", "date": "2012-03-09"})
    assert trade.refused("mega", send_back(1)) == "return_too_late", (
        "a declared date does not open the window"
    )
    trade.check()


def test_a_credit_note_on_a_paid_invoice_waits_and_pays_another_one() -> None:
    trade = TradeLedger({"return_days": 60})
    trade.order()
    trade.deliver("S1")
    trade.done("acme", invoice("I", 1_000_000, order="PO1", quantity=100))
    trade.done("mega", confirm("I", 1_000_000))
    trade.done("bank", payment("I", 1_000_000, "IN 1"))
    trade.done("mega", send_back(30))
    assert trade.refused("acme", credit("C", "I", 300_000, 101)) == "exceeds_billed"
    trade.done("acme", credit("C", "I", 300_000, 30))
    apply = {"op": "credit.apply", "credit": "C", "supplier": "acme", "invoice": "J", "amount": 200_000}
    trade.confirmed_invoice("J", 250_000)
    assert trade.refused("mega", apply) == "wrong_state"
    trade.done("mega", {"op": "credit.accept", "credit": "C", "supplier": "acme"})
    assert line(trade)["units_to_credit"] == 0
    note = trade_views.credit_view(trade.state, "acme", "C")
    assert note is not None
    assert (note["status"], note["applied"]) == ("Accepted", 0)
    assert trade.refused("mega", {**apply, "amount": 250_001}) == "exceeds_outstanding"
    trade.done("mega", apply)
    trade.done("mega", {**apply, "amount": 50_000})
    shown = trade_views.invoice_view(trade.state, "acme", "J")
    assert shown is not None
    assert (shown["offset"], shown["outstanding"], shown["cash"]) == (250_000, 0, "Settled")
    assert trade.refused("acme", {"op": "invoice.cancel", "invoice": "J"}) == "wrong_state"
    trade.confirmed_invoice("K", 60_000)
    trade.done("mega", {**apply, "amount": 50_000, "invoice": "K"})
    assert trade_views.credit_view(trade.state, "acme", "C")["status"] == "Applied"  # type: ignore[index]
    assert trade.refused("mega", {**apply, "amount": 1, "invoice": "K"}) == "wrong_state"
    trade.check()


def test_a_credit_is_not_set_off_against_what_a_lender_has_bought_or_another_currency_bills() -> None:
    trade = TradeLedger()
    trade.confirmed_invoice("I", 1_000)
    trade.done("bank", payment("I", 1_000, "IN 1"))
    trade.done("acme", credit("C", "I", 100))
    trade.done("mega", {"op": "credit.accept", "credit": "C", "supplier": "acme"})
    apply = {"op": "credit.apply", "credit": "C", "supplier": "acme", "invoice": "J", "amount": 100}
    trade.financed_invoice("J")
    assert trade.refused("mega", apply) == "title_not_free"
    trade.done("acme", invoice("E", 500, currency="EUR"))
    assert trade.refused("mega", {**apply, "invoice": "E"}) == "currency_mismatch"
    trade.done("acme", invoice("N", 500, buyer="nova"))
    assert trade.refused("mega", {**apply, "invoice": "N"}) == "not_party"
    trade.check()


def test_goods_that_went_back_after_their_price_was_credited_are_credited_as_units() -> None:
    """An order of which more is billed than kept gets no new finance: there is a way out of that."""
    trade = TradeLedger({"return_days": 400})
    trade.order()
    trade.deliver("S1")
    trade.done("acme", invoice("I", 10_000_00, order="PO1", quantity=100))
    trade.done("mega", confirm("I", 10_000_00))
    trade.done("bank", payment("I", 10_000_00, "E1"))
    note = {"op": "credit.issue", "credit": "C1", "invoice": "I", "amount": 10_000_00, "date": "2012-03-01"}
    back = [{"line": "1", "quantity": 100}]
    units = {**note, "credit": "C2", "lines": back}
    assert trade.refused("acme", {**units, "amount": 0}) == "amount_mismatch"
    trade.done("acme", note)
    trade.done("mega", {"op": "credit.accept", "credit": "C1", "supplier": "acme"})
    place = {"shipment": "S1", "supplier": "acme", "date": "2012-02-28"}
    trade.done("mega", {"op": "goods.return", **place, "lines": back, "reason": "spoilt"})
    assert trade.refused("acme", {**units, "amount": 1}) == "exceeds_gross"
    with pytest.raises(Malformed, match="above zero, or units"):
        trade.submit("acme", {**units, "amount": 0, "lines": []})
    trade.done("acme", {**units, "amount": 0})
    trade.check()
    before = dict(trade.state.data)
    trade.done("mega", {"op": "credit.accept", "credit": "C2", "supplier": "acme"})
    assert Order._make(trade.entry("order", "acme", "mega", "PO1") or ()).overbilled == 0
    trade.check_step(before)
    trade.check()
