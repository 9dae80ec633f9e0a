"""One trade from order to settlement, step by step, with every invariant checked after each step."""

from __future__ import annotations

import pytest
from trade_ledger import (
    TradeLedger,
    confirm,
    dispatch,
    fund,
    invoice,
    order_submit,
    payment,
    publish,
    receive,
    sscc,
)

from contracts.trade import (
    relationship,
    relationship_records,
    relationship_sums,
    relationship_views,
    trade_views,
)
from contracts.trade.invoice import Invoice
from ledger import codec


def test_from_order_to_settlement() -> None:
    trade = TradeLedger()
    steps = [
        ("acme", order_submit("PO1", (("1", 100, 10_000_000_000),))),
        ("mega", {"op": "order.issue", "order": "PO1", "supplier": "acme"}),
        ("acme", dispatch("S1", units=("00 12345678 9012345675",))),
        ("mega", receive("S1", accepted=90, rejected=10)),
        ("acme", invoice("INV 1/12", 900_000, order="PO1", quantity=90)),
        ("mega", confirm("INV 1/12", 900_000)),
        ("loan", publish()),
    ]
    for signer, operation in steps:
        trade.done(signer, operation)
        trade.check()
    offer = trade.offer("INV 1/12")
    for signer, operation in [
        ("loan", offer),
        ("acme", {"op": "finance.accept", "invoice": "INV 1/12"}),
        ("bank", fund("INV 1/12", offer["terms"]["paid_out"])),
        ("bank", payment("INV 1/12", 500_000, "IN 1")),
        ("bank", payment("INV 1/12", 400_000, "IN 2")),
    ]:
        trade.done(signer, operation)
        trade.check()
    shown = trade_views.invoice_view(trade.state, "acme", "INV 1/12")
    assert shown is not None
    assert (shown["validity"], shown["title"], shown["cash"]) == ("Confirmed", "Free", "Settled")
    assert shown["finance"]["stage"] == "Closed"
    assert shown["finance"]["shortfall"] == 0
    terms = offer["terms"]
    assert trade.entry("journal", "loan", "principal", "USD") == 0, "what was advanced came back"
    assert trade.entry("journal", "acme", "reserve", "USD") == terms["reserve"]
    assert trade.entry("journal", "mega", "payments", "USD") == -900_000
    assert trade.entry("lien", "acme", "INV 1/12") is None
    assert trade.entry("exposure", "loan", "mega", "USD") is None


def test_the_aggregates_are_the_fold_over_the_records() -> None:
    trade = TradeLedger()
    trade.order()
    trade.deliver("S1")
    trade.financed_invoice("INV1")
    trade.done("bank", payment("INV1", 1_000_000_00, "IN 1"))
    key = relationship.relationship_key("acme", "mega")
    aggregates = relationship_sums.EMPTY
    for data in trade.records[key]:
        aggregates = relationship_records.fold(aggregates, codec.decode(data))
    count, _, kept = trade.get(key) or (0, b"", {})
    assert count == len(trade.records[key]) == 7
    assert aggregates == kept
    sums = relationship_sums.of_currency(kept, "USD")
    assert (sums.orders, sums.deliveries, sums.deliveries_late, sums.delivery_days_late) == (1, 1, 1, 3)
    assert (sums.invoices, sums.confirmed_invoices, sums.settled_invoices, sums.financed_invoices) == (
        1,
        1,
        1,
        1,
    )
    assert sums.open_amount == 0


def test_the_set_of_a_partys_relationships_is_complete() -> None:
    trade = TradeLedger()
    trade.done("acme", invoice("A", 100))
    trade.done("acme", invoice("B", 200))
    trade.done("acme", invoice("C", 300, buyer="nova"))
    trade.done("bolt", invoice("A", 400))
    pairs = {
        party: [
            (view["supplier"], view["buyer"])
            for view in relationship_views.relationships_of(
                codec.decode(data) for data in trade.records[relationship.party_key(party)]
            )
        ]
        for party in ("acme", "mega", "nova", "bolt")
    }
    assert pairs["acme"] == [("acme", "mega"), ("acme", "nova")]
    assert pairs["mega"] == [("acme", "mega"), ("bolt", "mega")]
    assert pairs["nova"] == [("acme", "nova")]
    assert trade.entry("party", "mega")[0::2] == (2, (0, 2))
    assert trade.entry("party", "acme")[0::2] == (2, (2, 0))


def test_one_transaction_can_carry_a_batch_and_record_its_refusals() -> None:
    trade = TradeLedger()
    operations = [invoice(f"I{number}", 100 + number) for number in range(5)]
    operations[3] = invoice("I1", 777)
    result = trade.submit("acme", *operations, atomic=False)
    assert [(index, code) for index, code, _ in result] == [(3, "duplicate_number")]
    assert trade.entry("invoice", "acme", "I4") is not None
    trade.check()


def test_a_refused_operation_of_a_batch_takes_back_what_it_had_written() -> None:
    trade = TradeLedger()
    trade.order()
    trade.done("acme", dispatch("S1", quantity=1, units=(sscc(1),)))
    before = dict(trade.state.data)
    assert trade.submit("acme", dispatch("S2", quantity=1, units=(sscc(2), sscc(1))), atomic=False) != ()
    assert trade.state.data == before


def test_an_atomic_transaction_applies_nothing_if_one_operation_is_refused() -> None:
    trade = TradeLedger()
    before = dict(trade.state.data)
    result = trade.submit("acme", invoice("I1", 100), invoice("I2", 200), invoice("I1", 300))
    assert [(index, code) for index, code, _ in result] == [(2, "duplicate_number")]
    assert trade.state.data == before
    assert not trade.records


def test_a_credit_note_after_finance_is_borne_by_the_reserve_and_then_demanded() -> None:
    """The running example: late credit note of 200,000 on a net of 950,000, advance 85 %, rule absorb."""
    trade = TradeLedger()
    trade.done("loan", publish())
    trade.confirmed_invoice("INV1", 950_000_00)
    offer = trade.offer("INV1")
    assert (offer["terms"]["advance"], offer["terms"]["reserve"]) == (807_500_00, 142_500_00)
    trade.done("loan", offer)
    trade.done("acme", {"op": "finance.accept", "invoice": "INV1"})
    trade.done("bank", fund("INV1", offer["terms"]["paid_out"]))
    _credit(trade, "CN1", "INV1", 200_000_00)
    finance = trade_views.invoice_view(trade.state, "acme", "INV1")["finance"]  # type: ignore[index]
    assert (finance["reserve_left"], finance["shortfall"], finance["principal"]) == (0, 57_500_00, 807_500_00)
    trade.done("bank", payment("INV1", 750_000_00, "IN 1"))
    finance = trade_views.invoice_view(trade.state, "acme", "INV1")["finance"]  # type: ignore[index]
    assert (finance["stage"], finance["principal"], finance["shortfall"]) == ("Closed", 57_500_00, 57_500_00)
    trade.check()


def test_a_credit_note_may_restore_the_advance_rate_instead() -> None:
    """The running example's rule (b): the demand is 170,000."""
    trade = TradeLedger()
    trade.done("loan", publish(credit_note_rule="restore"))
    trade.confirmed_invoice("INV1", 950_000_00)
    offer = trade.offer("INV1")
    trade.done("loan", offer)
    trade.done("acme", {"op": "finance.accept", "invoice": "INV1"})
    trade.done("bank", fund("INV1", offer["terms"]["paid_out"]))
    _credit(trade, "CN1", "INV1", 200_000_00)
    finance = trade_views.invoice_view(trade.state, "acme", "INV1")["finance"]  # type: ignore[index]
    assert (finance["shortfall"], finance["reserve_left"]) == (170_000_00, 112_500_00)
    trade.check()


def test_overdue_interest_comes_before_principal_and_out_of_the_reserve() -> None:
    trade = TradeLedger()
    terms = trade.financed_invoice("INV1")
    trade.done("root", {"op": "date.advance", "date": "2012-07-01"})
    expected = 15_400 + terms["tenor_days"]
    trade.done("bank", payment("INV1", 1_000_000_00, "IN 1", date="2012-06-30"))
    days = 15_521 - expected
    interest = -(-terms["advance"] * 72_000 * days // (1_000_000 * 360))
    assert days > 0
    assert trade.entry("journal", "loan", "interest", "USD") == interest
    assert trade.entry("journal", "acme", "reserve", "USD") == terms["reserve"] - interest
    trade.check()


@pytest.mark.parametrize("amount", [1, 900_000, 900_001, 2_000_000])
def test_an_overpayment_is_unapplied_and_never_lost(amount: int) -> None:
    trade = TradeLedger()
    trade.confirmed_invoice("INV1", 900_000)
    trade.done("bank", payment("INV1", amount, "IN 1"))
    stored = Invoice._make(trade.entry("invoice", "acme", "INV1"))
    assert stored.paid == min(amount, 900_000)
    assert (trade.entry("journal", "acme", "unapplied", "USD") or 0) == max(0, amount - 900_000)
    trade.check()


def _credit(trade: TradeLedger, credit: str, number: str, amount: int) -> None:
    trade.done(
        "acme",
        {"op": "credit.issue", "credit": credit, "invoice": number, "amount": amount, "date": "2012-03-01"},
    )
    trade.done("mega", {"op": "credit.accept", "credit": credit, "supplier": "acme"})
