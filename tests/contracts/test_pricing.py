"""The price as a whole: the running example through `price()`, and the laws it keeps."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.finance.programme import Programme
from contracts.pricing import (
    REASONS,
    Features,
    ObligorLimit,
    Prediction,
    ProgrammeTerms,
    QuoteInputs,
    QuoteTerms,
    formulae,
    price,
)
from contracts.pricing.model import Lateness
from contracts.pricing.price import CHARGES
from contracts.trade import relationship_records, relationship_sums
from contracts.trade.invoice import Invoice
from contracts.trade.relationship_sums import Aggregates
from ledger import codec
from ledger.dates import day_from_iso
from ledger.errors import Malformed, Refusal
from ledger.money import MAX_AMOUNT

TODAY = day_from_iso("2024-03-05")


def programme(**changes: Any) -> ProgrammeTerms:
    fields: dict[str, Any] = {
        "currency": "EUR",
        "limits": (ObligorLimit(obligor="buyer", limit=MAX_AMOUNT),),
        "discount_rate_ppm": 72_000,
        "fee_ppm": 2_500,
        "lateness_basis": "history",
    }
    return ProgrammeTerms(**{**fields, **changes})


def history_features(**changes: Any) -> Features:
    fields: dict[str, Any] = {
        "dbt_centidays": 900,
        "settled_invoices": 12,
        "overdue": (),
        "trials": 12,
        "defaults": 0,
        "mean_dilution_ppm": 32_167,
        "peak_dilution_ppm": 52_000,
    }
    return Features(**{**fields, **changes})


PREDICTION = Prediction(
    b"", Lateness(300_000, 150, 700), (("base", 400), ("buyer", 250), ("relationship", 50))
)


def invoice(**changes: Any) -> QuoteInputs:
    fields: dict[str, Any] = {
        "programme": "prime",
        "revision": 1,
        "lender": "bank",
        "supplier": "supplier",
        "buyer": "buyer",
        "invoice": "RE/2024 17",
        "currency": "EUR",
        "outstanding": 950_000_00,
        "due_day": TODAY + 56,
        "day": TODAY,
        "confirmed": True,
        "disputed": False,
        "backdated": False,
        "claimed": False,
        "exposure": 0,
        "drawn": 0,
        "drawn_on_obligor": 0,
        "share_base": 0,
        "features": history_features(),
        "prediction": PREDICTION,
    }
    return QuoteInputs(**{**fields, **changes})


def test_price_reproduces_the_running_example() -> None:
    quote = price(invoice(), programme())
    assert (quote.dbt_centidays, quote.expected_late_centidays, quote.tenor_days) == (900, 588, 62)
    assert (quote.dilution_reserve_ppm, quote.advance_rate_ppm) == (115_675, 850_000)
    assert (quote.advance, quote.reserve) == (807_500_00, 142_500_00)
    assert (quote.discount, quote.fee, quote.paid_out) == (10_013_00, 2_375_00, 795_112_00)
    assert (quote.pd_ppm, quote.expected_loss) == (2_038, 740_56)
    assert (quote.floor_rate_ppm, quote.yield_ppm) == (64_000, 91_722)
    assert dict(quote.reasons) == {
        "advance_cap": 142_500_00,
        "dilution_reserve": 0,
        "loss_reserve": 0,
        "yield_reserve": 0,
        "discount_to_due": 9_044_00,
        "discount_for_lateness": 969_00,
        "discount_floor": 0,
        "fee": 2_375_00,
    }


@pytest.mark.parametrize(
    ("basis", "discount"), [("bank", 11_780_00), ("true", 11_635_72)], ids=["bank discount", "true discount"]
)
def test_full_purchase_names_its_discount(basis: str, discount: int) -> None:
    quote = price(invoice(), programme(discount_basis=basis))
    assert (quote.advance, quote.reserve, quote.discount) == (950_000_00, 0, discount)


def test_history_basis_takes_the_shrunk_frequency_unscaled() -> None:
    quote = price(invoice(features=history_features(trials=60, defaults=2)), programme(pd_basis="history"))
    assert quote.pd_ppm == 16_129
    short = price(
        invoice(features=history_features(trials=60, defaults=2), due_day=TODAY + 10),
        programme(pd_basis="history"),
    )
    assert short.pd_ppm == quote.pd_ppm


def test_discount_never_falls_below_cost_and_expected_loss() -> None:
    cheap = price(invoice(), programme(discount_rate_ppm=10_000))
    # 807,500.00 · (5.86 % · 62/360 + 2,038 ppm · 45 %), up
    assert cheap.discount == 8_890_03
    assert dict(cheap.reasons)["discount_floor"] == 8_890_03 - 1_390_70


REFUSALS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("not_confirmed", {"confirmed": False}, {}),
    ("disputed", {"disputed": True, "confirmed": False}, {}),
    ("backdated", {"backdated": True}, {}),
    ("already_financed", {"claimed": True}, {}),
    ("currency_mismatch", {"currency": "USD"}, {}),
    ("obligor_not_eligible", {"buyer": "stranger"}, {}),
    ("nothing_outstanding", {"outstanding": 0}, {}),
    ("past_due", {"due_day": TODAY}, {}),
    ("tenor_too_short", {"due_day": TODAY + 4}, {}),
    ("tenor_too_long", {"due_day": TODAY + 175}, {}),
    ("nothing_paid_out", {"outstanding": 1}, {}),
    ("limit_exceeded", {"exposure": 1}, {"limits": (ObligorLimit(obligor="buyer", limit=807_500_00),)}),
]


@pytest.mark.parametrize(("code", "changes", "terms"), REFUSALS, ids=[row[0] for row in REFUSALS])
def test_refusal_has_its_code(code: str, changes: dict[str, Any], terms: dict[str, Any]) -> None:
    with pytest.raises(Refusal) as refused:
        price(invoice(**changes), programme(**terms))
    assert refused.value.code == code
    assert refused.value.remedy


def test_a_programme_may_take_backdated_invoices() -> None:
    terms = programme(accept_backdated=True)
    assert price(invoice(backdated=True), terms) == price(invoice(), terms)


def test_limit_is_met_exactly() -> None:
    terms = programme(limits=(ObligorLimit(obligor="buyer", limit=807_500_00),))
    assert price(invoice(), terms).advance == 807_500_00


PPM_SHARES = st.integers(0, 1_000_000)
PROGRAMMES = st.builds(
    programme,
    max_advance_rate_ppm=PPM_SHARES,
    loss_reserve_ppm=st.integers(0, 100_000),
    discount_rate_ppm=st.integers(0, 1_000_000),
    day_count=st.sampled_from((360, 365)),
    discount_basis=st.sampled_from(("advance", "bank", "true")),
    fee_ppm=st.integers(0, 50_000),
    shrink_count=st.integers(0, 50),
    prior_dbt_centidays=st.integers(0, 6_000),
    min_tenor_days=st.just(0),
    max_tenor_days=st.just(1_080),
    mean_dilution_ppm=st.integers(1, 10_000),
    peak_dilution_ppm=st.integers(10_000, 200_000),
    pd_basis=st.sampled_from(("annual", "history")),
    pd_annual_ppm=st.integers(0, 200_000),
    lgd_ppm=PPM_SHARES,
    concentration_cap_ppm=PPM_SHARES,
    concentration_rate_ppm=PPM_SHARES,
)
ON_ANY_BASIS = st.builds(
    lambda terms, basis: terms.model_copy(update={"lateness_basis": basis}),
    PROGRAMMES,
    st.sampled_from(("model", "history")),
)
EVENTS = st.lists(
    st.tuples(
        st.integers(1, 500_000_00),  # amount
        st.integers(-30, 200),  # days late when paid
        st.integers(0, 300),  # days before today on which it was paid
    ),
    max_size=8,
)
OPEN = st.lists(st.tuples(st.integers(1, 500_000_00), st.integers(-60, 400)), max_size=5)


def history(
    payments: list[tuple[int, int, int]], unpaid: list[tuple[int, int]]
) -> dict[str, tuple[codec.Value, ...]]:
    """Aggregates in which each payment was late by its days, and each unpaid invoice is overdue by its."""
    aggregates = relationship_sums.EMPTY
    for number, (amount, late, ago) in enumerate(sorted(payments, key=lambda payment: -payment[2])):
        paid = TODAY - ago
        aggregates = settled(aggregates, f"paid-{number}", amount, paid, paid - late)
    for number, (amount, age) in enumerate(unpaid):
        record = (TODAY, "confirm", f"open-{number}", "EUR", amount, TODAY - age, 0, amount, 0, 0)
        aggregates = relationship_records.fold(aggregates, record)
    return aggregates


def settled(aggregates: codec.Value, number: str, amount: int, paid: int, due: int) -> codec.Value:
    """The aggregates after one invoice was confirmed, and paid in full on a day."""
    opened = (paid, "confirm", number, "EUR", amount, due, 0, amount, 0, 0)
    payment = (paid, "payment", number, "EUR", amount, paid, due, amount, 1, due - 30, amount, 0)
    return relationship_records.fold(relationship_records.fold(aggregates, opened), payment)


def features_of(payments: list[tuple[int, int, int]], unpaid: list[tuple[int, int]]) -> Features:
    return Features.of(relationship_sums.of_currency(history(payments, unpaid), "EUR"), TODAY)


def priced(inputs: QuoteInputs, terms: ProgrammeTerms) -> QuoteTerms | None:
    try:
        return price(inputs, terms)
    except Refusal as refusal:
        if refusal.code in {"nothing_paid_out", "tenor_too_long"}:
            return None
        raise


@given(ON_ANY_BASIS, EVENTS, OPEN, st.integers(1, MAX_AMOUNT), st.integers(1, 300))
def test_invariants_6_and_21_hold_for_every_price(
    terms: ProgrammeTerms,
    payments: list[tuple[int, int, int]],
    unpaid: list[tuple[int, int]],
    net: int,
    days: int,
) -> None:
    quote = priced(
        invoice(outstanding=net, due_day=TODAY + days, features=features_of(payments, unpaid)), terms
    )
    if quote is None:
        return
    assert quote.advance + quote.reserve == quote.net == net
    assert 0 < quote.paid_out == quote.advance - quote.discount - quote.fee
    assert sum(amount for _, amount in quote.reasons) == net - quote.paid_out
    assert tuple(name for name, _ in quote.reasons) == REASONS
    assert all(amount >= 0 for _, amount in quote.reasons)
    assert tuple(name for name, _ in quote.charges) == CHARGES
    assert all(amount >= 0 for _, amount in quote.charges)
    assert sum(amount for _, amount in quote.charges) <= quote.discount
    assert sum(part for _, part in quote.lateness_reasons) == quote.expected_late_centidays
    assert quote.discount >= quote.expected_loss
    assert codec.decode(quote.data) == quote.to_value(), "no float, nothing beyond 64 bits"


@given(PROGRAMMES, EVENTS, OPEN, st.integers(1, MAX_AMOUNT), st.integers(1, 300))
def test_invariant_22_same_inputs_give_the_same_bytes(
    terms: ProgrammeTerms,
    payments: list[tuple[int, int, int]],
    unpaid: list[tuple[int, int]],
    net: int,
    days: int,
) -> None:
    first = priced(
        invoice(outstanding=net, due_day=TODAY + days, features=features_of(payments, unpaid)), terms
    )
    reread = ProgrammeTerms.from_value(codec.decode(codec.encode(terms.to_value())))
    stored = codec.decode(codec.encode(history(payments, unpaid)))
    again = priced(
        invoice(
            outstanding=net,
            due_day=TODAY + days,
            features=Features.of(relationship_sums.of_currency(stored, "EUR"), TODAY),
        ),
        reread,
    )
    assert (first and first.data) == (again and again.data)


@given(PROGRAMMES, EVENTS, OPEN, st.integers(0, 7), st.integers(1, 120), st.integers(1, 300), st.data())
def test_more_lateness_never_raises_what_is_paid_out(
    terms: ProgrammeTerms,
    payments: list[tuple[int, int, int]],
    unpaid: list[tuple[int, int]],
    which: int,
    later: int,
    days: int,
    data: st.DataObject,
) -> None:
    net = data.draw(st.integers(1, MAX_AMOUNT))
    worse = list(payments)
    if worse:
        amount, late, ago = worse[which % len(worse)]
        worse[which % len(worse)] = (amount, late + later, ago)
    before = priced(
        invoice(outstanding=net, due_day=TODAY + days, features=features_of(payments, unpaid)), terms
    )
    after = priced(invoice(outstanding=net, due_day=TODAY + days, features=features_of(worse, unpaid)), terms)
    assert after is None or (before is not None and after.paid_out <= before.paid_out)


@given(PROGRAMMES, EVENTS, OPEN, st.integers(1, 120), st.integers(1, MAX_AMOUNT))
def test_days_that_pass_without_a_payment_never_raise_what_is_paid_out(
    terms: ProgrammeTerms,
    payments: list[tuple[int, int, int]],
    unpaid: list[tuple[int, int]],
    passed: int,
    net: int,
) -> None:
    aggregates = relationship_sums.of_currency(history(payments, unpaid), "EUR")
    fixed = {"outstanding": net, "due_day": TODAY + 60}
    before = priced(invoice(**fixed, features=Features.of(aggregates, TODAY)), terms)
    after = priced(invoice(**fixed, features=Features.of(aggregates, TODAY + passed)), terms)
    assert after is None or (before is not None and after.paid_out <= before.paid_out)


@given(PROGRAMMES, EVENTS, st.integers(0, 7), st.integers(1, 120), st.integers(1, MAX_AMOUNT))
def test_the_same_payment_on_a_later_day_never_raises_what_is_paid_out(
    terms: ProgrammeTerms, payments: list[tuple[int, int, int]], which: int, later: int, net: int
) -> None:
    """On the annual basis: the other one counts clusters, and two bad weeks may become one."""
    terms = terms.model_copy(update={"pd_basis": "annual"})
    worse = list(payments)
    if worse:
        amount, late, ago = worse[which % len(worse)]
        moved = min(later, ago)
        worse[which % len(worse)] = (amount, late + moved, ago - moved)
    before = priced(invoice(outstanding=net, features=features_of(payments, [])), terms)
    after = priced(invoice(outstanding=net, features=features_of(worse, [])), terms)
    assert after is None or (before is not None and after.paid_out <= before.paid_out)


@given(PROGRAMMES, EVENTS, st.integers(1, 10**12), st.integers(1, 300), st.integers(0, 10**9))
def test_a_larger_invoice_never_pays_out_less(
    terms: ProgrammeTerms, payments: list[tuple[int, int, int]], net: int, days: int, more: int
) -> None:
    features = features_of(payments, [])
    small = priced(invoice(outstanding=net, due_day=TODAY + days, features=features), terms)
    large = priced(invoice(outstanding=net + more, due_day=TODAY + days, features=features), terms)
    if small is not None:
        assert large is not None
        # each of discount, fee and reserve is rounded against the supplier by less than one unit
        assert large.paid_out >= small.paid_out - 2


@given(PROGRAMMES, PPM_SHARES, PPM_SHARES, PPM_SHARES)
def test_dilution_holds_back_at_least_what_is_assumed_and_a_higher_peak_never_less(
    terms: ProgrammeTerms, mean: int, peak: int, more: int
) -> None:
    mean = min(mean, peak)
    assumed = Features.of(Aggregates(), TODAY).dilution_reserve(terms)
    reserve = history_features(mean_dilution_ppm=mean, peak_dilution_ppm=peak).dilution_reserve(terms)
    higher = history_features(mean_dilution_ppm=mean, peak_dilution_ppm=peak + more).dilution_reserve(terms)
    assert assumed <= reserve <= higher


@given(PROGRAMMES, st.sampled_from(("USD", "JPY", "KWD")))
def test_invariant_9_no_price_across_currencies(terms: ProgrammeTerms, currency: str) -> None:
    with pytest.raises(Refusal) as refused:
        price(invoice(currency=currency), terms)
    assert refused.value.code == "currency_mismatch"


@given(EVENTS, EVENTS)
def test_history_of_another_currency_does_not_move_a_price(
    payments: list[tuple[int, int, int]], others: list[tuple[int, int, int]]
) -> None:
    mixed = history(payments, [])
    for record in [
        (TODAY, "payment", "x", "USD", amount, TODAY, TODAY - late, 0, 1, TODAY - 90, amount, 0)
        for amount, late, _ in others
    ]:
        mixed = relationship_records.fold(mixed, record)
    features = Features.of(relationship_sums.of_currency(mixed, "EUR"), TODAY)
    assert features == features_of(payments, [])


@given(EVENTS, st.lists(st.tuples(st.integers(1, 10**9), st.integers(0, 200)), max_size=4))
def test_invoices_that_are_not_due_do_not_move_the_lateness(
    payments: list[tuple[int, int, int]], future: list[tuple[int, int]]
) -> None:
    assert features_of(payments, [(amount, -days) for amount, days in future]) == features_of(payments, [])


def test_an_overdue_invoice_counts_at_its_current_age() -> None:
    assert features_of([(100_00, 0, 30)], []).overdue == ()
    honest = features_of([(100_00, 0, 30)], [(100_00, 40)])
    assert (honest.dbt_centidays, honest.overdue, honest.defaults) == (0, ((2, 2_000),), 0)
    assert honest.expected_lateness(programme()) == (20 * 400 + 2 * 2_000) // 22
    defaulted = features_of([(100_00, 0, 30)], [(100_00, 95)])
    assert (defaulted.trials, defaulted.defaults) == (2, 1), "a week in default now is a trial of its own"


def test_lateness_by_the_model_is_its_prediction_and_what_is_overdue_adds_to_it() -> None:
    terms = programme(lateness_basis="model")
    calm = price(invoice(), terms)
    assert (calm.expected_late_centidays, calm.lateness_reasons) == (700, PREDICTION.reasons)
    assert calm.tenor_days == 56 + 7
    assert (calm.late_ppm, calm.median_late_centidays) == (300_000, 150)
    worried = price(invoice(features=history_features(overdue=((13, 2_100),))), terms)
    # (20 · 4.00 + 13 · 21.00) / 33 = 10.70 instead of 5.88 days
    assert worried.lateness_reasons == (*PREDICTION.reasons, ("overdue", 1_070 - 588))
    assert price(invoice(), programme()).lateness_reasons == (("base", 400), ("relationship", 188))


def test_the_least_discount_is_the_sum_of_its_charges() -> None:
    cheap = price(invoice(), programme(discount_rate_ppm=10_000))
    assert sum(amount for _, amount in cheap.charges) == cheap.discount == 8_890_03
    charges = dict(cheap.charges)
    # 807,500.00 · 62/360 · 4.50 %, 0.40 %, 8 % · 12 %; 807,500.00 · 2,038 ppm · 45 %: running totals up
    assert charges == {
        "funding": 6_258_13,
        "operations": 556_28,
        "capital": 1_335_06,
        "expected_loss": 740_56,
        "premium": 0,
        "concentration": 0,
    }


def test_what_is_insured_costs_its_premium_instead_of_the_loss() -> None:
    bare = price(invoice(), programme())
    insured = price(invoice(), programme(insured_ppm=900_000))
    charges = dict(insured.charges)
    premium = formulae.premium(807_500_00, 12_000, 62, 900_000, 600_000, 350_000)
    assert abs(charges["premium"] - premium) <= 1, "the rounding of running totals"
    assert abs(charges["expected_loss"] - 74_06) <= 1
    assert insured.expected_loss == bare.expected_loss == 740_56, "the loss itself does not change"
    by_history = price(invoice(), programme(insured_ppm=900_000, pd_basis="history"))
    unscaled = formulae.premium(807_500_00, by_history.pd_ppm, 365, 900_000, 600_000, 350_000)
    assert abs(dict(by_history.charges)["premium"] - unscaled) <= 1


def test_an_obligor_beyond_its_share_of_the_book_pays_an_add_on() -> None:
    """The domain's book of 400, 250, 200 and 150 thousand at 25 %: 150 thousand of the first are too much."""
    assert formulae.concentration_excess((400, 250, 200, 150), 250_000) == (150, 0, 0, 0)
    assert formulae.excess_of_advance(0, 400, 1_000, 250_000) == 150
    assert formulae.excess_of_advance(300, 100, 1_000, 250_000) == 100, "no more than the advance itself"
    assert formulae.excess_of_advance(0, 250, 1_000, 250_000) == 0
    terms = programme(concentration_cap_ppm=250_000, concentration_rate_ppm=10_000, discount_rate_ppm=0)
    lonely = price(invoice(), terms)
    assert lonely.concentration_excess == 807_500_00 - 201_875_00, "the book is this advance alone"
    part = formulae.simple_discount(lonely.concentration_excess, 10_000, 62, 360)
    assert abs(dict(lonely.charges)["concentration"] - part) <= 1
    spread = price(invoice(drawn=10_000_000_00), terms)
    assert (spread.concentration_excess, dict(spread.charges)["concentration"]) == (0, 0)
    assert price(invoice(share_base=10_000_000_00), terms).concentration_excess == 0
    crowded = price(invoice(drawn=10_000_000_00, drawn_on_obligor=5_000_000_00), terms)
    assert crowded.concentration_excess == crowded.advance


@given(st.lists(st.tuples(st.integers(0, 10**30), st.integers(1, 10**12)), max_size=6))
def test_charges_add_up_to_the_whole_rounded_up_once(parts: list[tuple[int, int]]) -> None:
    found = formulae.charges(parts)
    whole = sum((Fraction(upper, lower) for upper, lower in parts), Fraction(0))
    assert sum(found) == ceil(whole)
    assert all(charge >= 0 for charge in found)


def test_an_invoice_overdue_since_yesterday_does_not_flatter_an_older_one() -> None:
    old = features_of([], [(100_00, 100)]).expected_lateness(programme())
    assert features_of([], [(100_00, 100), (100_00, 8)]).expected_lateness(programme()) == old


def test_no_history_prices_at_the_prior() -> None:
    features = Features.of(Aggregates(), TODAY)
    assert features.expected_lateness(programme()) == 400
    assert features.dilution_reserve(programme()) == 24_000
    assert price(invoice(features=features), programme()).tenor_days == 60


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("discount_rate_ppm", 0.072),
        ("discount_rate_ppm", "72000"),
        ("fee_ppm", True),
        ("fee_ppm", 1_000_001),
        ("currency", "XXX"),
        ("currency", "eur"),
        ("limits", ()),
        ("limits", ({"obligor": "a", "limit": 1}, {"obligor": "a", "limit": 1})),
        ("limits", ({"obligor": "b", "limit": 1}, {"obligor": "a", "limit": 1})),
        ("limits", ({"obligor": "a", "limit": -1},)),
        ("limits", ({"obligor": "A", "limit": 1},)),
        ("min_tenor_days", 181),
        ("peak_dilution_ppm", 4_999),
        ("mean_dilution_ppm", 0),
        ("day_count", 364),
        ("unknown", 1),
    ],
)
def test_terms_refuse_a_wrong_field(field: str, value: Any) -> None:
    with pytest.raises(Malformed) as refused:
        ProgrammeTerms.from_value({**programme().to_value(), field: value})
    assert refused.value.code == "programme_terms"


def test_terms_in_the_state_leave_nothing_to_a_default() -> None:
    value = programme().to_value()
    assert set(value) == set(ProgrammeTerms.model_fields)
    assert ProgrammeTerms.from_value(codec.decode(codec.encode(value))) == programme()
    assert all(field.description for field in ProgrammeTerms.model_fields.values())


def test_the_yield_on_next_to_nothing_can_still_be_written() -> None:
    assert codec.encode(formulae.simple_yield(MAX_AMOUNT, 1, 1))
    assert formulae.simple_yield(MAX_AMOUNT, 1, 1) == formulae.MAX_YIELD_PPM


def test_price_depends_on_every_input_that_it_names() -> None:
    base = price(invoice(), programme())
    assert replace(base) == base
    assert price(invoice(due_day=TODAY + 57), programme()) != base
    assert price(invoice(outstanding=950_000_01), programme()) != base
    assert price(invoice(features=history_features(dbt_centidays=2_000)), programme()) != base


DOCUMENT = (Path(__file__).parents[2] / "docs" / "pricing.md").read_text()


BEFORE = ["unknown_programme", "payables_programme", "unknown_invoice", "credit_due"]
"""Refusals of what a price is made from, in their order."""


def test_each_refusal_of_a_price_is_documented_in_the_order_in_which_it_is_given() -> None:
    table = DOCUMENT[DOCUMENT.index("## Refusals") : DOCUMENT.index("The first that applies, in this order")]
    documented = re.findall(r"`(\w+)`", table)
    assert documented[: len(BEFORE)] == BEFORE
    assert set(documented[len(BEFORE) :]) == {row[0] for row in REFUSALS}
    said = sys.modules[QuoteInputs.__module__].__doc__ or ""
    in_module = re.findall(r"`(\w+)`", said[said.index("| refused because") : said.index("The first that")])
    assert documented[len(BEFORE) :] == in_module


@pytest.mark.parametrize(
    "name", ["discount_basis", "day_count", "credit_note_rule", "lateness_basis", "pd_basis"]
)
def test_each_convention_of_a_programme_is_documented_with_its_choices(name: str) -> None:
    row = next(line for line in DOCUMENT.splitlines() if line.startswith(f"| `{name}`"))
    for choice in get_args(ProgrammeTerms.model_fields[name].annotation):
        assert str(choice) in row


def test_the_entries_that_a_price_reads_are_documented_with_all_their_parts() -> None:
    row = next(line for line in DOCUMENT.splitlines() if line.startswith('| `["programme", id]`'))
    parts = re.search(r"\[(lender, [^\]]*)\]", row)
    assert parts is not None
    assert tuple(parts[1].split(", ")) == Programme._fields
    for entry in (Programme, ProgrammeTerms, Invoice, Aggregates):
        assert f"`{entry.__module__.replace('.', '/')}.py` (`{entry.__name__}`)" in DOCUMENT
