"""Invoices under one signature: the same ledger as if each had been signed alone."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from trade_ledger import TradeLedger

from contracts.trade import relationship, relationship_sums
from ledger import codec
from ledger.money import MAX_TOTAL
from ledger.state.history import chain

ISSUE, DUE = "2012-02-20", "2012-05-01"


def trade() -> TradeLedger:
    """Orders of two buyers, in two currencies, of which part is accepted."""
    ledger = TradeLedger()
    for buyer, order, currency in (("mega", "PO1", "USD"), ("mega", "PO2", "EUR"), ("nova", "PO1", "USD")):
        lines = [{"line": line, "item": "unit", "quantity": 9, "price_micros": 10**9} for line in ("1", "2")]
        moved = [{"line": line, "quantity": 9} for line in ("1", "2")]
        goods = [{"line": line, "accepted": 6, "rejected": 0} for line in ("1", "2")]
        shipment = f"S-{buyer}-{order}"
        for signer, operation in (
            (buyer, {"op": "order.issue", "supplier": "acme", "currency": currency, "lines": lines}),
            ("acme", {"op": "shipment.dispatch", "buyer": buyer, "units": [], "lines": moved}),
            (buyer, {"op": "goods.receive", "supplier": "acme", "lines": goods}),
        ):
            operation |= {"date": "2012-02-01"}
            operation |= {"order": order} if operation["op"] != "goods.receive" else {}
            operation |= {"shipment": shipment} if operation["op"] != "order.issue" else {}
            operation |= {"scheduled": "2012-02-01"} if operation["op"] == "shipment.dispatch" else {}
            assert ledger.submit(signer, operation) == ()
    return ledger


@st.composite
def invoices(draw: st.DrawFn) -> dict[str, Any]:
    """One that fits, or that breaks one of the rules by its number, content, order, line or price."""
    buyer, order, currency = draw(
        st.sampled_from(
            [
                ("mega", "PO1", "USD"),
                ("mega", "PO2", "EUR"),
                ("nova", "PO1", "USD"),
                ("mega", "", "CHF"),
                ("nova", "PO9", "USD"),
                ("mega", "PO1", "EUR"),
                ("bank", "", "USD"),
            ]
        )
    )
    names = draw(st.sampled_from([["1"], ["2"], ["1", "2"], ["1", "1"], ["3"]]))
    lines = [
        {
            "line": name,
            "quantity": draw(st.integers(1, 3)),
            "amount": draw(st.sampled_from([900, 1000, 4000])),
        }
        for name in names
    ]
    gross = sum(line["amount"] for line in lines) + draw(st.sampled_from([0, 0, 0, 1]))
    return {
        "op": "invoice.submit",
        "invoice": f"I{draw(st.integers(1, 6))}",
        "buyer": buyer,
        "currency": currency,
        "issue_date": ISSUE,
        "due_date": DUE,
        "order": order,
        "lines": lines,
        "tax": 0,
        "gross": gross,
        "document": b"",
    }


@settings(max_examples=60)
@given(st.lists(invoices(), min_size=2, max_size=7))
def test_a_run_of_invoices_leaves_the_ledger_that_lone_ones_leave(run: list[dict[str, Any]]) -> None:
    alone, together = trade(), trade()
    fitting = [invoice for invoice in run if alone.submit("acme", invoice) == ()]
    if fitting:
        assert together.submit("acme", *fitting) == ()
    assert together.state.data == alone.state.data
    assert together.records == alone.records


@settings(max_examples=60)
@given(st.lists(invoices(), min_size=2, max_size=7))
def test_a_run_is_refused_by_the_first_that_is_refused_one_by_one_and_leaves_nothing(
    run: list[dict[str, Any]],
) -> None:
    apart, together = trade(), trade()
    before = dict(together.state.data)
    refused = apart.submit("acme", *run, atomic=False)
    result = together.submit("acme", *run)
    assert result == refused[:1]
    if refused:
        assert together.state.data == before
    else:
        assert together.state.data == apart.state.data
    assert all(chain(bytes(32), records) == together.get(key)[1] for key, records in together.records.items())


def test_what_comes_between_invoices_sees_what_they_wrote() -> None:
    ledger = trade()
    first = invoice("I1", 1000)
    assert ledger.submit("acme", first, {"op": "invoice.cancel", "invoice": "I1"}, invoice("I2", 1000)) == ()
    entry = ledger.entry("relationship", "acme", "mega")
    sums = relationship_sums.of_currency(entry[2], "USD")
    assert (sums.invoices, sums.invoiced, sums.cancelled_invoices) == (2, 2000, 1)


def test_a_sum_beyond_its_bound_is_refused_at_the_invoice_that_passes_it() -> None:
    ledger = trade()
    assert ledger.submit("acme", invoice("I1", 1_000, order="")) == ()
    key = relationship.relationship_key("acme", "mega")
    count, head, aggregates = ledger.get(key)
    room = MAX_TOTAL - aggregates["USD"][relationship_sums.INVOICED]
    full = relationship_sums.billed(aggregates["USD"], 0, room - 4_500)
    ledger.state.data[key] = codec.encode((count, head, {**aggregates, "USD": full}))
    rows = [invoice(f"J{number}", 2_000 + number, order="") for number in range(4)]
    ((place, code, _),) = ledger.submit("acme", *rows)
    assert (place, code) == (2, "amount_overflow")


def invoice(number: str, gross: int, order: str = "PO1") -> dict[str, Any]:
    """An invoice of one unit to mega."""
    return {
        "op": "invoice.submit",
        "invoice": number,
        "buyer": "mega",
        "currency": "USD",
        "issue_date": ISSUE,
        "due_date": DUE,
        "order": order,
        "lines": [{"line": "1", "quantity": 1, "amount": gross}],
        "tax": 0,
        "gross": gross,
        "document": b"",
    }
