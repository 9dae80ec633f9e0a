"""Requests for finance: several lenders are asked at once, each answers, and one acceptance ends it."""

from __future__ import annotations

from typing import Any

import pytest
from auction_ledger import accept as accept_ranking
from auction_ledger import market, ranked, to_day
from hypothesis import given, settings
from hypothesis import strategies as st
from trade_ledger import TERMS, TradeLedger, payment

from contracts.errors import InvariantBroken
from contracts.finance import request_views
from contracts.finance.request import (
    ANSWER,
    LIFE,
    answer_key,
    read_answer,
    read_request,
    request_key,
    requested_key,
)
from contracts.state_check import check_state
from ledger import codec
from node.api import request_forms

NET = 1_000_000_00


def asked(*programmes: str, number: str = "R1", **changes: Any) -> dict[str, Any]:
    return {
        "op": "finance.request",
        "request": number,
        "invoice": "INV1",
        "programmes": list(programmes or ("prime", "extra")),
        "expires": "2012-03-10",
        **changes,
    }


def quoted(programme: str = "prime", advance: int = 850_000_00, **changes: Any) -> dict[str, Any]:
    place = {"supplier": "acme", "request": "R1", "programme": programme}
    return {
        "op": "request.quote",
        **place,
        "advance": advance,
        "discount": 9_000_00,
        "fee": 100_00,
        **changes,
    }


def declined(programme: str = "prime", **changes: Any) -> dict[str, Any]:
    place = {"supplier": "acme", "request": "R1", "programme": programme}
    return {"op": "request.decline", **place, "reason": "too little is known", **changes}


def requested(**changes: Any) -> TradeLedger:
    """Lenders loan (prime) and fund (extra) were asked for finance of acme's confirmed invoice INV1."""
    trade = TradeLedger()
    for lender, programme in (("loan", "prime"), ("fund", "extra")):
        trade.done(lender, {"op": "programme.publish", "programme": programme, "terms": TERMS})
    trade.confirmed_invoice("INV1", NET)
    trade.done("acme", asked(**changes))
    trade.check()
    return trade


def status(trade: TradeLedger, number: str = "R1") -> str:
    found = read_request(trade.state, "acme", number)
    assert found is not None
    return LIFE.states[found.status]


def answer(trade: TradeLedger, programme: str) -> str:
    found = read_answer(trade.state, "acme", "R1", programme)
    assert found is not None
    return ANSWER.states[found.status]


def test_lenders_quote_decline_or_offer_and_an_acceptance_ends_the_request() -> None:
    trade = requested()
    trade.done("loan", quoted())
    trade.done("loan", quoted(advance=860_000_00))
    trade.done("fund", declined("extra"))
    assert (answer(trade, "prime"), answer(trade, "extra"), status(trade)) == ("Quoted", "Declined", "Open")
    shown = request_views.request_view(trade.state, "acme", "R1")
    assert shown is not None
    assert [entry["paid_out"] for entry in shown["answers"]] == [850_900_00, None]
    assert [entry["offers"] for entry in shown["answers"]] == [False, False]
    trade.check()
    trade.done("loan", trade.offer())
    shown = request_views.request_view(trade.state, "acme", "R1")
    assert shown is not None
    assert [entry["offers"] for entry in shown["answers"]] == [True, False]
    assert status(trade) == "Open"
    trade.done("acme", {"op": "finance.accept", "invoice": "INV1"})
    assert status(trade) == "Accepted"
    assert trade.refused("loan", quoted()) == "wrong_state"
    assert trade.refused("acme", {"op": "request.withdraw", "request": "R1"}) == "wrong_state"
    trade.check()


def test_what_people_are_shown_has_the_documented_form() -> None:
    trade = requested()
    trade.done("loan", quoted())
    ((shown,), _) = request_views.requests(trade.state, lender="loan", status="open")
    request_forms.RequestView.model_validate(shown)
    assert [entry["status"] for entry in shown["answers"]] == ["Quoted", "Asked"]
    assert request_views.requests(trade.state, lender="giro") == ([], None)
    assert request_views.requests(trade.state, supplier="bolt") == ([], None)
    assert request_views.request_view(trade.state, "acme", "R9") is None


def test_a_quote_binds_nobody_and_an_offer_at_the_ledgers_price_does() -> None:
    trade = requested()
    trade.done("loan", quoted(advance=NET, discount=0, fee=0))
    offer = trade.offer()
    assert offer["terms"]["advance"] < NET
    trade.done("loan", offer)
    trade.done("loan", {"op": "finance.withdraw", "supplier": "acme", "invoice": "INV1"})
    assert (status(trade), answer(trade, "prime")) == ("Open", "Quoted")
    trade.done("fund", {**trade.offer(), "programme": "extra"})
    trade.done("acme", {"op": "finance.accept", "invoice": "INV1"})
    assert status(trade) == "Accepted"
    trade.check()


def test_everybodys_no_ends_it_and_another_request_may_follow() -> None:
    trade = requested()
    trade.done("loan", declined())
    assert trade.refused("loan", declined()) == "wrong_state"
    assert trade.refused("loan", quoted()) == "wrong_state"
    assert trade.refused("acme", asked(number="R2")) == "request_open"
    trade.done("fund", declined("extra"))
    assert status(trade) == "Refused"
    trade.check()
    trade.done("acme", asked(number="R2"))
    trade.done("acme", {"op": "request.withdraw", "request": "R2"})
    assert status(trade, "R2") == "Withdrawn"
    trade.check()


def test_invariant_14_a_request_ends_on_its_last_day() -> None:
    trade = requested()
    trade.done("root", {"op": "date.advance", "date": "2012-03-10"})
    assert status(trade) == "Open"
    trade.done("root", {"op": "date.advance", "date": "2012-03-11"})
    assert status(trade) == "Expired"
    assert trade.entry("requested", "acme", "INV1") is None
    assert trade.refused("loan", quoted()) == "wrong_state"
    trade.check()


def test_a_sale_by_auction_ends_it_too() -> None:
    trade = market()
    trade.done("acme", asked("of-loan"))
    ranked(trade, {"loan": (70_000, 100_000_00)})
    trade.done("acme", accept_ranking(trade))
    assert status(trade) == "Accepted"
    trade.check()
    to_day(trade, "2012-03-06")
    trade.check()


@pytest.mark.parametrize(
    ("signer", "operation", "code"),
    [
        ("acme", asked(), "duplicate_number"),
        ("acme", asked(number="R2"), "request_open"),
        ("acme", asked("prime", "prime", number="R2"), "asked_twice"),
        ("acme", asked("none", number="R2", invoice="INV2"), "unknown_programme"),
        ("acme", asked(number="R2", invoice="INV2", expires="2012-02-28"), "date_order"),
        ("acme", asked(number="R2", invoice="INV2", expires="2012-09-28"), "date_too_far"),
        ("acme", asked(number="R2", invoice="INV3"), "nothing_outstanding"),
        ("acme", asked(number="R2", invoice="INV4"), "title_not_free"),
        ("bolt", asked(number="R2"), "unknown_invoice"),
        ("loan", quoted("extra"), "programme_of_other_lender"),
        ("loan", quoted("third"), "not_asked"),
        ("loan", quoted(request="R9"), "unknown_request"),
        ("loan", quoted(advance=NET + 1), "exceeds_outstanding"),
        ("loan", quoted(advance=9_100_00), "nothing_paid_out"),
        ("acme", quoted(), "wrong_role"),
        ("bolt", {"op": "request.withdraw", "request": "R1"}, "unknown_request"),
    ],
)
def test_refusals(signer: str, operation: dict[str, Any], code: str) -> None:
    trade = requested()
    trade.done("loan", {"op": "programme.publish", "programme": "third", "terms": TERMS})
    trade.confirmed_invoice("INV2", NET + 1)
    trade.confirmed_invoice("INV3", NET + 2)
    trade.done("bank", payment("INV3", NET + 2, "IN 1"))
    trade.confirmed_invoice("INV4", NET + 3)
    trade.done("loan", trade.offer("INV4"))
    assert trade.refused(signer, operation) == code
    trade.check()


@settings(max_examples=20)
@given(steps=st.lists(st.sampled_from("qQdDwoxat"), max_size=12))
def test_a_request_is_open_or_over_whatever_comes(steps: list[str]) -> None:
    """Invariants 14 and 15."""
    trade = requested()
    for index, step in enumerate(steps):
        offer = {"op": "finance.withdraw", "supplier": "acme", "invoice": "INV1"}
        if step == "o" and trade.entry("lien", "acme", "INV1") is None:
            offer = trade.offer()
        moves: dict[str, tuple[str, dict[str, Any]]] = {
            "q": ("loan", quoted()),
            "Q": ("fund", quoted("extra")),
            "d": ("loan", declined()),
            "D": ("fund", declined("extra")),
            "w": ("acme", {"op": "request.withdraw", "request": "R1"}),
            "o": ("loan", offer),
            "x": ("acme", asked(number=f"R{index + 2}")),
            "a": ("acme", {"op": "finance.accept", "invoice": "INV1"}),
            "t": ("root", {"op": "date.advance", "date": f"2012-03-{index + 2:02}"}),
        }
        before = dict(trade.state.data)
        trade.submit(*moves[step])
        trade.check_step(before)
        trade.check()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (requested_key("acme", "INV1"), "R2"),
        (requested_key("acme", "INV9"), "R1"),
        (answer_key("acme", "R1", "third"), (0, 0, 0, 0, 0, "")),
        (answer_key("acme", "R1", "prime"), (2, 1, 0, 0, 0, "no")),
        (request_key("acme", "R1"), (2, "INV1", ("prime", "extra"), 0, 15_400, 15_409)),
    ],
)
def test_a_state_broken_on_purpose_shows(key: bytes, value: codec.Value) -> None:
    trade = requested()
    entries = {known: codec.decode(data) for known, data in trade.state.data.items()}
    entries[key] = value
    with pytest.raises(InvariantBroken):
        check_state(entries.items())
