"""A portfolio's figures: what was expected, earned and lost, to the unit, and what comes back under a cap."""

from __future__ import annotations

from test_finance_story import HOLDER, advance_to, financed
from trade_ledger import payment

from contracts.holdings import book, portfolio, portfolio_views, rebalancing
from contracts.holdings.allocation import Held
from contracts.holdings.book import Totals, book_key
from contracts.holdings.portfolio import Position
from contracts.holdings.rebalancing import Cap
from ledger import codec
from ledger.dates import day_from_iso, iso_from_day

MARCH = day_from_iso("2012-03-01")


def record(
    day: int, kind: str, invoice: str = "INV", currency: str = "EUR", **places: int | str
) -> codec.Value:
    names = book.RECORD_FIELDS[kind]
    return (day, kind, currency, "acme", invoice, *(places.get(name, 0) for name in names))


def bought(day: int, invoice: str, advance: int, **changes: int | str) -> codec.Value:
    """A purchase from mega's supplier for 60 days, discount 600 and fee 60."""
    terms = {"buyer": "mega", "programme": "prime", "net": advance, "tenor_days": 60, "due_date": day + 60}
    places = {"advance": advance, "discount": 600, "fee": 60, **terms, **changes}
    return record(day, "buy", invoice, **{"expected_date": day + places["tenor_days"], **places})


def test_discount_and_fee_are_earned_evenly_and_the_rest_when_the_claim_ends() -> None:
    (position,) = portfolio.positions([bought(MARCH, "A", 10_000)])
    assert [position.earned(MARCH + days) for days in (-1, 0, 29, 59, 400)] == [0, 11, 330, 660, 660]
    early = portfolio.positions([bought(MARCH, "A", 10_000), record(MARCH + 29, "end", "A")])[0]
    assert [early.earned(MARCH + days) for days in (28, 29)] == [319, 660]


def test_a_month_s_rates_are_income_and_loss_on_the_average_principal() -> None:
    """31 days of March: 10,000 for all of it, 5,000 more from the 17th on; half of that is written off."""
    records = [
        bought(MARCH, "A", 10_000),
        bought(MARCH + 16, "B", 5_000, discount=0, fee=0),
        record(MARCH + 30, "write_off", "B", principal=2_500),
        record(MARCH + 30, "recover", "B", principal=1_000, interest=70),
    ]
    held = portfolio.positions(records)
    last = MARCH + 30
    found = portfolio.performance(portfolio.flows(records, "EUR"), held, "EUR", MARCH, last)
    assert found.principal_days == 31 * 10_000 + 14 * 5_000 + 2_500
    assert found.average_principal == 12_339
    assert (found.earned, found.interest, found.written_off, found.recovered) == (341, 70, 2_500, 1_000)
    assert found.net_income == 341 + 70 - 1_500
    assert found.loss_ppm == round(1_500 * 365 * 1_000_000 / found.principal_days)
    assert found.yield_ppm == round(found.net_income * 365 * 1_000_000 / found.principal_days)
    assert portfolio.performance((), held, "USD", MARCH, last).yield_ppm is None


def test_months_are_calendar_months_up_to_the_day() -> None:
    spans = portfolio.months(day_from_iso("2012-03-10"), 3)
    assert [(iso_from_day(first), iso_from_day(last)) for first, last in spans] == [
        ("2012-01-01", "2012-01-31"),
        ("2012-02-01", "2012-02-29"),
        ("2012-03-01", "2012-03-10"),
    ]


def test_the_expected_yield_of_the_running_example_is_its_quote_s() -> None:
    trade = financed()
    (position,) = portfolio.positions([codec.decode(data) for data in trade.records[book_key("loan")]])
    charges = position.charges
    assert portfolio.expected_yield((position,)) == round(
        charges * 365 * 1_000_000 / (position.paid_out * position.tenor_days)
    )
    shown = portfolio_views.position_view(position, MARCH)
    assert (shown["status"], shown["days_past_due"]) == ("Current", 0)
    advance_to(trade)
    day = day_from_iso("2012-08-01")
    assert portfolio_views.position_view(position, day)["status"] == "Overdue"
    trade.done("loan", {"op": "default.declare", **HOLDER})
    trade.done("loan", {"op": "default.write_off", **HOLDER})
    trade.done("bank", payment("INV1", 1_000_00, "IN", date="2012-08-01"))
    records = [codec.decode(data) for data in trade.records[book_key("loan")]]
    (position,) = portfolio.positions(records)
    assert portfolio_views.position_view(position, day)["status"] == "WrittenOff"
    found = portfolio.performance(portfolio.flows(records, "USD"), (position,), "USD", MARCH, day)
    assert found.written_off == position.sums.advanced
    assert found.earned == charges, "a loss realises the rest of the discount"


def held(name: str, principal: int, **changes: int | str) -> Position:
    """A claim on one obligor, bought on 1 March for 60 days."""
    made = Position("acme", name, name, "prime", "EUR", MARCH, MARCH + 60, 60, principal, 0, Totals())
    sums = Totals(open=1, claims=1, principal=principal, advanced=principal, discount=principal // 100)
    return made._replace(sums=sums, **changes)  # type: ignore[arg-type]


def test_the_domain_s_concentration_has_an_excess_of_150k_and_850k_eligible() -> None:
    """25 % of 400/250/200/150 thousand."""
    claims = [held(name, part * 1_000_00) for name, part in zip("abcd", (400, 250, 200, 150), strict=True)]
    cap = Cap("obligor", 250_000)
    (excess,) = rebalancing.excesses(claims, [cap], 1_000_000_00)
    assert (excess.name, excess.amount) == ("a", 150_000_00)
    assert rebalancing.eligible(claims, cap, 1_000_000_00) == 850_000_00
    assert rebalancing.rooms(claims, cap, 1_000_000_00) == {
        "a": 0,
        "b": 0,
        "c": 50_000_00,
        "d": 100_000_00,
    }


def test_an_excess_runs_off_with_what_is_paid_first_or_is_sold_by_what_yields_least() -> None:
    claims = [
        held("A", 100, buyer="mega", tenor_days=30, due_day=MARCH + 30),
        held("B", 100, buyer="mega", tenor_days=50, due_day=MARCH + 50),
        held("C", 100, buyer="mega", tenor_days=90, due_day=MARCH + 90),
        held("D", 100, buyer="nova"),
    ]
    run_off, sell = rebalancing.advice(claims, [Cap("obligor", 500_000)], 400, MARCH, "EUR")
    assert (run_off.action, run_off.day, run_off.claims) == ("run_off", MARCH + 30, (("acme", "A"),))
    assert (sell.action, sell.claims) == ("sell", (("acme", "C"),))
    late = MARCH + 95
    (cure,) = rebalancing.advice(claims[:3], [Cap("obligor", 500_000)], 400, late, "EUR")
    assert (cure.action, cure.amount) == ("cure", 300), "the ledger sells nothing that is due"
    run_off, *_ = rebalancing.advice(claims, [Cap("obligor", 250_000)], 400, MARCH + 60, "EUR")
    assert (run_off.amount, run_off.day) == (100, 0), "what is overdue is not counted on"
    assert rebalancing.advice(claims, [Cap("obligor", 750_000)], 400, MARCH, "EUR") == ()


def test_only_what_the_ledger_lets_change_hands_is_advised_to_be_sold() -> None:
    claims = [
        held("A", 100, buyer="mega", is_pledge=1),
        held("B", 100, buyer="mega", programme=""),
        held("C", 100, buyer="mega", defaulted=MARCH),
        held("D", 100, buyer="mega", due_day=MARCH),
        held("E", 100, buyer="mega"),
    ]
    cap = [Cap("obligor", 500_000)]
    found = {one.action: one for one in rebalancing.advice(claims, cap, 400, MARCH, "EUR")}
    assert found["sell"].claims == (("acme", "E"),)
    assert found["sell"].amount == 100, "less than the excess of 300"
    assert "no more than these can be sold" in found["sell"].reason
    others = rebalancing.advice(claims[:4], cap, 400, MARCH, "EUR")
    assert "sell" not in {one.action for one in others}


def test_certificates_count_under_their_obligor_s_cap_and_can_be_sold_on_the_ledger() -> None:
    claims, cap = [held("A", 100, buyer="mega"), held("B", 100, buyer="nova")], Cap("obligor", 500_000)
    leaves = {"nova": 150, "titan": 20}
    (excess,) = rebalancing.excesses(claims, [cap], 400, leaves)
    assert (excess.name, excess.principal, excess.amount) == ("nova", 250, 50)
    assert rebalancing.eligible(claims, cap, 400, leaves) == 100 + 200 + 20
    assert rebalancing.rooms(claims, cap, 400, leaves) == {"mega": 100, "nova": 0, "titan": 180}
    found = {one.action: one.amount for one in rebalancing.advice(claims, [cap], 400, MARCH, "EUR", leaves)}
    assert found == {"run_off": 100, "sell_leaves": 50, "sell": 100}
    assert Held.of(claims, leaves) == Held({"nova": 250, "titan": 20, "mega": 100}, {"acme": 200})


def test_advice_says_its_amounts_in_their_currency_even_where_only_certificates_are_held() -> None:
    cap = [Cap("obligor", 250_000)]
    (one,) = rebalancing.advice([], cap, 1_000_00, MARCH, "EUR", {"nova": 400_00})
    assert "the cap of 250.00 EUR; 400.00 EUR of certificates" in one.reason
    (one,) = rebalancing.advice([], cap, 1_000, MARCH, "JPY", {"nova": 400})
    assert "the cap of 250 JPY; 400 JPY of certificates" in one.reason
    (cure,) = rebalancing.advice([held("A", 100)], cap, 100, MARCH + 61, "EUR")
    assert "the oldest for 1 day:" in cure.reason
