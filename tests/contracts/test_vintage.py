"""Vintages by hand: what the price expected, what came of it, and what was paid back at which age."""

from __future__ import annotations

from test_portfolio import MARCH, bought, record

from contracts.holdings import vintage
from contracts.holdings.book import HEAD_FIELDS, RECORD_FIELDS
from contracts.holdings.portfolio import positions
from contracts.holdings.vintage import AGES, Fared
from contracts.pricing import Features, ProgrammeTerms
from contracts.trade.relationship_sums import Aggregates
from ledger.dates import day_from_iso, iso_from_day

APRIL = day_from_iso("2012-04-02")
DAY = APRIL + 60 + 40
"""C is 40 days past due then, D has been written off, E is not due."""

RECORDS = (
    bought(MARCH, "A", 10_000, tenor_days=62),
    bought(MARCH + 10, "B", 30_000),
    bought(APRIL, "C", 5_000, tenor_days=65),
    bought(APRIL + 8, "D", 8_000),
    record(MARCH + 63, "collect", "A", principal=10_000),
    record(MARCH + 63, "end", "A"),
    record(MARCH + 69, "collect", "B", principal=20_000),
    record(APRIL + 80, "bear", "C", reserve=0, shortfall=500),
    record(APRIL + 81, "due", "C", due_date=APRIL + 200),
    record(MARCH + 90, "repay", "B", principal=10_000),
    record(MARCH + 90, "end", "B"),
    record(APRIL + 88, "write_off", "D", principal=8_000),
    record(APRIL + 95, "recover", "D", principal=1_000),
    bought(APRIL + 99, "E", 50_000),
)


def no_loss(_: object) -> None:
    return None


def test_what_was_foretold_at_purchase_is_held_against_what_came_of_judged_claims() -> None:
    foretold = [bought(MARCH, "P", 100, late_ppm=900_000), *RECORDS[1:4], bought(APRIL + 99, "E", 1)]
    places = list(foretold[1])
    places[len(HEAD_FIELDS) + RECORD_FIELDS["buy"].index("late_ppm")] = None
    held = positions([foretold[0], tuple(places), *foretold[2:]])
    assert vintage.foretold(held, DAY) == [(900_000, True), (0, True), (0, True)], "B none, E not due"


def test_what_a_price_expected_is_held_against_the_due_date_of_the_purchase() -> None:
    a, b, c, d, e = positions(RECORDS)
    assert [vintage.expected_late(one) for one in (a, b, c, d, e)] == [2, 0, 5, 0, 0]
    assert [vintage.days_late(one, DAY) for one in (a, b, c, d)] == [3, 20, 40, 20], (
        "what was put off later is late, and what is open counts at its age"
    )
    assert [vintage.is_judged(one, DAY) for one in (a, b, c, d, e)] == [True, True, True, True, False]
    assert not vintage.is_judged(a, a.due_day), "the due day itself is not past it"


def test_what_was_sold_to_another_lender_is_judged_in_its_book_alone() -> None:
    sale = record(APRIL + 4, "sell", "E", to_lender="fund", price=49_000, principal=50_000, reserve=0)
    sold_on = (bought(APRIL - 60, "E", 50_000), sale)
    (position,) = positions(sold_on)
    assert (position.is_open, position.sums.sold, position.principal) == (False, 50_000, 0)
    assert not vintage.is_judged(position, DAY)
    (month,) = vintage.vintages(vintage.claims(sold_on), DAY, no_loss)
    assert (month.claims, month.kept) == (1, 0)
    assert (month.claims, month.fared.claims, [aged.claims for aged in month.aged]) == (1, 0, [0] * len(AGES))


def test_expected_and_realised_days_are_weighted_by_the_advance() -> None:
    """(10·2 + 30·0 + 5·5 + 8·0) / 53 = 0.85 and (10·3 + 30·20 + 5·40 + 8·20) / 53 = 18.68 days."""
    found = vintage.fared(positions(RECORDS), DAY, no_loss)
    assert found == Fared(4, 4, 1, 53_000, 85, 1_868, None, 7_000)
    assert (found.late_ppm, found.ratio_ppm) == (1_000_000, 45_503)
    in_time = positions([bought(MARCH, "A", 100), record(MARCH + 9, "collect", "A", principal=100)])
    early = vintage.fared(in_time, MARCH + 90, no_loss)
    assert (early.late, early.realised_centidays, early.ratio_ppm) == (0, 0, None)
    assert vintage.fared((), DAY, no_loss).expected_loss == 0


def test_a_vintage_is_paid_back_by_those_that_have_reached_an_age() -> None:
    march, april, july = vintage.vintages(vintage.claims(RECORDS), DAY, no_loss)
    assert (march.month, march.claims, march.advanced) == ("2012-03", 2, 40_000)
    assert AGES == (0, 7, 15, 30, 60, 90)
    assert iso_from_day(DAY) == "2012-07-11"
    """A is due on 30 April, B on 10 May: on 11 July 72 and 62 days ago."""
    assert [(aged.claims, aged.advanced, aged.paid) for aged in march.aged] == [
        (2, 40_000, 20_000),
        (2, 40_000, 30_000),
        (2, 40_000, 30_000),
        (2, 40_000, 40_000),
        (2, 40_000, 40_000),
        (0, 0, 0),
    ]
    assert [aged.paid_ppm for aged in march.aged][:2] == [500_000, 750_000]
    assert march.aged[-1].paid_ppm is None
    """C is due on 1 June, D on 9 June: 40 and 32 days ago; of D 1,000 came back 27 days late."""
    assert [(aged.claims, aged.paid) for aged in april.aged] == [
        (2, 0),
        (2, 0),
        (2, 0),
        (2, 1_000),
        (0, 0),
        (0, 0),
    ]
    assert april.fared.realised_loss == 7_000
    assert (july.claims, july.fared.claims, july.aged[0].paid_ppm) == (1, 0, None)


def test_the_expected_loss_is_that_of_the_tenor_and_the_ledger_s_formula() -> None:
    """The running example: 807,500.00 · 12,000 ppm · 62/365 · 45 % = 740.56."""
    terms = ProgrammeTerms.model_validate(
        {
            "currency": "EUR",
            "limits": ({"obligor": "mega", "limit": 1},),
            "discount_rate_ppm": 1,
            "fee_ppm": 0,
        }
    )
    nothing = Features.of(Aggregates(), DAY)
    (position,) = positions([bought(MARCH, "A", 807_500_00, tenor_days=62)])
    assert vintage.expected_loss(position, terms, nothing) == 740_56
    by_history = terms.model_copy(update={"pd_basis": "history"})
    (position,) = positions([bought(MARCH, "A", 1_000_000)])
    prior = terms.pd_prior_defaults * 1_000_000 // (terms.pd_prior_defaults + terms.pd_prior_survivals)
    assert vintage.expected_loss(position, by_history, nothing) == prior * 450_000 // 1_000_000


def test_a_claim_that_moves_keeps_its_records_together() -> None:
    moved = record(MARCH + 5, "move", "A", to_invoice="B", was_reserve=0, reserve=0, due_date=MARCH + 90)
    paid = record(MARCH + 88, "collect", "B", principal=70)
    (claim,) = vintage.claims([bought(MARCH, "A", 70), moved, paid])
    assert (claim.position.invoice, claim.position.cleared) == ("B", MARCH + 88)
    assert claim.paid_back == ((MARCH + 88, 70),)
    assert vintage.days_late(claim.position, MARCH + 99) == 28
