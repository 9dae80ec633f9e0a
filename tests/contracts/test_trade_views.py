"""Views: what people see is what the state holds, in pages that lose nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from trade_ledger import ROLES, TradeLedger, confirm, invoice, payment, publish

from contracts import views
from contracts.cash import cash_views
from contracts.finance import programme_views
from contracts.parties import party_views
from contracts.trade import relationship, relationship_views, trade_views
from ledger import codec


@pytest.fixture
def trade() -> TradeLedger:
    """Five invoices on different ways of life, one order and one financed invoice."""
    trade = TradeLedger()
    trade.order()
    trade.deliver("S1", quantity=40)
    trade.financed_invoice("FINANCED")
    for number in range(5):
        trade.done("acme", invoice(f"I{number}", 100 + number, due="2012-03-05"))
    trade.done("mega", confirm("I1", 101, "2012-03-05"))
    trade.done("mega", confirm("I2", 102, "2012-03-05"))
    trade.done("bank", payment("I2", 102, "IN 2"))
    trade.done("acme", {"op": "invoice.cancel", "invoice": "I4"})
    trade.done("root", {"op": "date.advance", "date": "2012-03-10"})
    return trade


def numbers(page: views.Page) -> list[str]:
    return [view["invoice"] for view in page[0]]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (None, ["I0", "I1", "I2", "I3", "I4", "FINANCED"]),
        ("confirmed", ["I1", "I2", "FINANCED"]),
        ("Submitted", ["I0", "I3"]),
        ("assigned", ["FINANCED"]),
        ("settled", ["I2"]),
        ("overdue", ["I0", "I1", "I3"]),
        ("void", ["I4"]),
        ("nonsense", []),
    ],
)
def test_invoices_are_listed_by_a_word_of_any_axis(
    trade: TradeLedger, status: str | None, expected: list[str]
) -> None:
    page = trade_views.invoices(trade.state, "acme", status=status)
    assert sorted(numbers(page)) == sorted(expected)
    assert page[1] is None
    assert trade_views.invoices(trade.state, "acme", buyer="nova") == ([], None)
    assert trade_views.invoices(trade.state, "bolt") == ([], None)


def test_pages_lose_nothing_and_repeat_nothing(trade: TradeLedger) -> None:
    seen: list[str] = []
    after = None
    while True:
        page, after = trade_views.invoices(trade.state, "acme", limit=2, after=after)
        seen += [view["invoice"] for view in page]
        if after is None:
            break
    assert len(seen) == len(set(seen)) == 6


def test_an_invoice_shows_its_axes_and_its_finance(trade: TradeLedger) -> None:
    shown = trade_views.invoice_view(trade.state, "acme", "I1")
    assert shown is not None
    assert (shown["maturity"], shown["days_past_due"], shown["issue_date"]) == ("Overdue", 5, "2012-02-20")
    assert shown["finance"] is None
    financed = trade_views.invoice_view(trade.state, "acme", "FINANCED")
    assert financed is not None
    assert financed["finance"]["stage"] == "Funded"
    assert financed["finance"]["lender"] == "loan"
    advance = financed["finance"]["advance"]
    assert financed["finance"]["shares"] == [{"lender": "loan", "part": advance, "left": advance}]
    assert trade_views.invoice_view(trade.state, "acme", "nothing") is None


def test_orders_show_how_far_they_have_come(trade: TradeLedger) -> None:
    (shown,), after = trade_views.orders(trade.state, "acme", "mega")
    assert after is None
    assert (shown["status"], shown["amount"]) == ("PartReceived", 1_000_000)
    assert shown["lines"][0]["accepted"] == 40
    trade.deliver("S2", quantity=60)
    assert trade_views.order_view(trade.state, "acme", "mega", "PO1")["status"] == "Received"  # type: ignore[index]


def test_a_relationship_shows_its_sums_and_what_follows_from_them(trade: TradeLedger) -> None:
    shown = relationship_views.relationship_view(trade.state, "acme", "mega")
    assert shown is not None
    assert shown["records"] == len(trade.records[relationship.relationship_key("acme", "mega")])
    dollars = shown["currencies"]["USD"]
    assert (dollars["invoices"], dollars["cancelled_invoices"], dollars["settled_invoices"]) == (6, 1, 1)
    assert (dollars["open_invoices"], dollars["open_amount"]) == (2, 101 + 1_000_000_00)
    assert relationship_views.relationship_view(trade.state, "acme", "nova") is None


def test_organisations_keys_programmes_and_cash_are_listed(trade: TradeLedger) -> None:
    organisations, _ = party_views.organisations(trade.state)
    assert {view["id"]: tuple(view["roles"]) for view in organisations} == ROLES
    (key,), _ = party_views.keys(trade.state, "mega")
    assert (key["status"], key["enrolled_by"]) == ("Active", "mega")
    (programme,), _ = programme_views.programmes(trade.state)
    assert programme["exposures"]["mega"]["funded"] > 0
    assert programme["terms"]["discount_rate_ppm"] == publish()["terms"]["discount_rate_ppm"]
    cash, _ = cash_views.journal(trade.state, "mega")
    assert [(view["account"], view["balance"]) for view in cash] == [("payments", -102)]


def test_every_view_is_plain_json(trade: TradeLedger) -> None:
    shown: list[Any] = [
        trade_views.invoices(trade.state, "acme")[0],
        trade_views.orders(trade.state, "acme")[0],
        trade_views.shipment_view(trade.state, "acme", "S1"),
        relationship_views.relationship_view(trade.state, "acme", "mega"),
        party_views.organisations(trade.state)[0],
        programme_views.programmes(trade.state)[0],
        [
            relationship_views.record_view(codec.decode(record))
            for record in trade.records[relationship.relationship_key("acme", "mega")]
        ],
    ]
    assert json.loads(json.dumps(shown)) == shown
