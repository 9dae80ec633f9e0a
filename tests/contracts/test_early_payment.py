"""Early payment: a sliding discount, accepted for a step, settles the invoice as credit and payment."""

from __future__ import annotations

from typing import Any

import pytest
from cash_ledger import balance, with_deposits
from hypothesis import given, settings
from hypothesis import strategies as st
from trade_ledger import TradeLedger, confirm, payment, publish

from contracts.market.early_payment import LIFE, EarlyPayment, discount_of, step_on
from contracts.market.early_views import early_payments, early_sentence
from contracts.pricing import formulae
from contracts.trade.invoice import Invoice

NET = 1_000_000_00
STEPS = (("2012-03-03", 20_000), ("2012-03-10", 10_000))


def offer(*steps: tuple[str, int]) -> dict[str, Any]:
    return {
        "op": "early.offer",
        "supplier": "acme",
        "invoice": "INV1",
        "steps": [{"until": until, "discount_ppm": ppm} for until, ppm in steps or STEPS],
    }


def accept(paid: int = 980_000_00) -> dict[str, Any]:
    return {"op": "early.accept", "invoice": "INV1", "paid": paid}


PAY = {"op": "early.pay", "supplier": "acme", "invoice": "INV1", "bank": "bank"}
WITHDRAW = {"op": "early.withdraw", "supplier": "acme", "invoice": "INV1"}


def ready() -> TradeLedger:
    trade = with_deposits(TradeLedger(), 2 * NET, "mega", "acme", "loan")
    trade.confirmed_invoice()
    return trade


def status(trade: TradeLedger) -> str:
    return LIFE.states[EarlyPayment._make(trade.entry("early", "acme", "INV1") or ()).status]


def to_day(trade: TradeLedger, date: str) -> None:
    trade.done("root", {"op": "date.advance", "date": date})


def test_the_invoice_is_settled_by_a_credit_of_the_discount_and_a_payment_of_the_rest() -> None:
    """Invariants 1, 10 and 12."""
    trade = ready()
    trade.done("mega", offer())
    trade.check()
    trade.done("acme", accept())
    trade.done("mega", PAY)
    invoice = Invoice._make(trade.entry("invoice", "acme", "INV1") or ())
    assert (invoice.credited, invoice.paid, invoice.outstanding) == (20_000_00, 980_000_00, 0)
    assert invoice.cash == "Settled"
    assert balance(trade, "acme").available == 2 * NET + 980_000_00
    assert balance(trade, "mega").available == 2 * NET - 980_000_00
    assert status(trade) == "Paid"
    assert trade.refused("mega", PAY) == "wrong_state"
    assert trade.refused("mega", offer()) == "nothing_outstanding"
    trade.check()


def test_what_the_supplier_gives_up_is_2_10_net_30() -> None:
    assert formulae.forgone_discount_yield(20_000, 20) == 372_449


def test_the_discount_slides_with_the_day_and_stands_for_its_step() -> None:
    trade = ready()
    trade.done("mega", offer())
    to_day(trade, "2012-03-04")
    assert trade.refused("acme", accept()) == "quote_stale"
    trade.done("acme", accept(990_000_00))
    to_day(trade, "2012-03-10")
    trade.done("mega", PAY)
    assert balance(trade, "acme").available == 2 * NET + 990_000_00
    trade.check()


def test_who_does_not_pay_in_time_owes_the_whole_when_it_is_due() -> None:
    """Invariant 14."""
    trade = ready()
    trade.done("mega", offer())
    trade.done("acme", accept())
    assert trade.refused("mega", WITHDRAW) == "wrong_state"
    to_day(trade, "2012-03-04")
    assert status(trade) == "Expired"
    assert trade.refused("mega", PAY) == "wrong_state"
    assert Invoice._make(trade.entry("invoice", "acme", "INV1") or ()).outstanding == NET
    trade.done("mega", offer(("2012-03-10", 10_000)))
    trade.check()


def test_an_offer_is_withdrawn_or_declined_until_it_is_accepted() -> None:
    trade = ready()
    for by in ("mega", "acme"):
        trade.done("mega", offer())
        assert trade.refused("loan", WITHDRAW) == "wrong_role"
        trade.done(by, WITHDRAW)
        (view,), _ = early_payments(trade.state)
        assert early_sentence(view) == "Withdrawn, INV1 of acme, by mega: 1,000,000.00 USD"
    assert trade.refused("acme", accept()) == "wrong_state"
    trade.check()


def test_an_invoice_that_changed_or_was_sold_is_not_paid_early() -> None:
    """Invariant 5: an early payment never takes what a lender has bought."""
    trade = ready()
    trade.done("mega", offer())
    trade.done("acme", accept())
    trade.done("loan", publish())
    trade.done("loan", trade.offer())
    assert trade.refused("mega", PAY) == "already_financed"
    trade.done("bank", payment("INV1", 1, "IN 1"))
    assert status(trade) == "Void"
    assert trade.refused("mega", PAY) == "wrong_state"
    to_day(trade, "2012-03-04")
    trade.check()


@pytest.mark.parametrize("due", ["2012-03-10", "2012-03-05"])
def test_an_offer_on_an_invoice_that_has_come_to_be_due_by_then_is_shown(due: str) -> None:
    trade = ready()
    trade.done("mega", offer())
    dispute = {"op": "invoice.dispute", "invoice": "INV1", "supplier": "acme", "amount": 1, "reason": "x"}
    trade.done("mega", dispute)
    trade.done("mega", confirm("INV1", NET, due))
    (shown,), _ = early_payments(trade.state)
    assert (shown["status"], shown["due_date"]) == ("Void", due)
    first, last = (step["rate_a_year_ppm"] for step in shown["steps"])
    assert first > 0
    assert last is None


def test_a_buyer_without_the_money_settles_nothing() -> None:
    trade = with_deposits(TradeLedger(), 5, "mega", "acme")
    trade.confirmed_invoice()
    trade.done("mega", offer())
    trade.done("acme", accept())
    before = dict(trade.state.data)
    assert trade.refused("mega", PAY) == "insufficient_funds"
    assert trade.state.data == before


REFUSED: list[tuple[tuple[tuple[str, int], ...], str]] = [
    ((("2012-02-28", 5),), "date_order"),
    ((("2012-04-26", 5),), "past_due"),
    ((("2012-08-26", 5),), "date_too_far"),
    ((("2012-03-03", 5), ("2012-03-03", 4)), "steps_order"),
    ((("2012-03-03", 5), ("2012-03-04", 5)), "steps_order"),
]


@pytest.mark.parametrize(("steps", "code"), REFUSED)
def test_steps_that_do_not_fit_are_refused(steps: tuple[tuple[str, int], ...], code: str) -> None:
    trade = ready()
    assert trade.refused("acme", accept()) == "no_early_offer"
    assert trade.refused("mega", offer(*steps)) == code
    assert trade.refused("nova", offer()) == "not_party"
    trade.done("mega", offer())
    assert trade.refused("mega", offer()) == "early_running"


@settings(max_examples=100)
@given(
    net=st.integers(1, 10**12),
    ppm=st.lists(st.integers(1, 999_999), min_size=1, max_size=8, unique=True),
    day=st.integers(0, 20),
)
def test_who_waits_is_never_given_a_larger_discount(net: int, ppm: list[int], day: int) -> None:
    steps = tuple(enumerate(sorted(ppm, reverse=True)))
    today, tomorrow = step_on(steps, day), step_on(steps, day + 1)
    assert today is None or 0 < discount_of(net, today[1]) <= net
    if tomorrow is not None:
        assert today is not None
        assert discount_of(net, tomorrow[1]) <= discount_of(net, today[1])
