"""Models: read with every bound checked, evaluated in integers, with reasons that add up."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.pricing.forest import LEAF
from contracts.pricing.known import MISSING, Asked, Outstanding, Trade, read_known
from contracts.pricing.lateness import FEATURES, describe, describe_in, expected
from contracts.pricing.model import Ensemble, Model, on_curve, shrinkage
from contracts.trade import habit
from contracts.trade.habit_entry import PAST_WEEKS
from contracts.trade.relationship_sums import Aggregates
from ledger import codec
from ledger.errors import Malformed

NAMES = ("weekday_late", "amount")
STUMP = (
    (0, 400_000, 1, 2, -5),
    (LEAF, 0, 0, 0, -900_000),
    (1, 60, 3, 4, 10),
    (LEAF, 0, 0, 0, 7),
    (LEAF, 0, 0, 0, 55),
)
LATE = Ensemble(3, (STUMP, STUMP), ((-2_000_000, 0), (0, 500_000), (2_000_000, 1_000_000)))
MODEL = Model(NAMES, LATE, Ensemble(150, (), ()), Ensemble(-20, (STUMP,), ()))
DESCRIPTIONS = st.lists(st.integers(-(10**9), 10**9), min_size=len(FEATURES), max_size=len(FEATURES))


def test_a_model_is_its_bytes() -> None:
    assert Model.decode(MODEL.encode()) == MODEL


@given(DESCRIPTIONS)
def test_reasons_add_up_to_the_score(description: list[int]) -> None:
    values = MODEL.values(description)
    start, reasons = LATE.reasons(values, NAMES)
    assert start + sum(reason.points for reason in reasons) == LATE.score(values)


class _State(dict[bytes, codec.Value]):
    def put(self, key: bytes, value: codec.Value) -> None:
        self[key] = value


PAID = st.tuples(
    st.sampled_from(["acme", "bolt"]),
    st.sampled_from(["mega", "nova"]),
    st.integers(0, 9),
    st.integers(-9, 60),
)


@given(st.lists(PAID, max_size=40), st.integers(0, 9))
def test_without_a_model_the_figures_are_those_of_the_whole_description(
    paid: list[tuple[str, str, int, int]], due: int
) -> None:
    state = _State()
    for supplier, buyer, day, late in paid:
        settled = habit.Settled(15_000 + day, 14_970, 15_000 + day + late, 1_000 + day, "EUR", 0)
        habit.observe(state, supplier, buyer, settled)
    asked = Asked(15_100, 15_090, 15_100 + due, 1_003, "EUR")
    known = read_known(state, "acme", "mega", asked)
    assert expected(asked, known) == shrinkage(describe(asked, known))[:2]


@given(DESCRIPTIONS)
def test_outputs_stay_in_their_range(description: list[int]) -> None:
    found = MODEL.predict(description)
    assert 0 <= found.late_ppm <= 1_000_000
    assert found.beyond_centidays >= 0
    assert all(type(figure) is int for figure in found)


@pytest.mark.parametrize(("score", "late", "beyond"), [(2_000_000, 1_000_000, 2_000_000), (-7, 0, 0)])
def test_a_score_that_no_curve_bends_is_cut_to_what_can_be(score: int, late: int, beyond: int) -> None:
    straight = Ensemble(score, (), ())
    found = Model(NAMES, straight, straight, straight).predict([0] * len(FEATURES))
    assert found == (late, score, beyond)


@given(DESCRIPTIONS, st.integers(0, 10**9))
def test_more_of_a_feature_with_which_an_output_rises_never_lowers_it(
    description: list[int], more: int
) -> None:
    assert LATE.falling({0, 1}) is None
    before = MODEL.values(description)
    for place in range(len(NAMES)):
        after = tuple([value + more * (at == place) for at, value in enumerate(before)])
        assert LATE.output(after) >= LATE.output(before)


@given(st.integers(-(10**7), 10**7), st.integers(-(10**7), 10**7))
def test_a_curve_never_falls(one: int, other: int) -> None:
    low, high = sorted((one, other))
    assert on_curve(LATE.curve, low) <= on_curve(LATE.curve, high)


STEPS = ((-500_000, 20_000), (-10, 20_000), (0, 450_000), (7, 450_001), (900_000, 980_000))


@given(st.integers(-(10**7), 10**7), st.integers(-(10**7), 10**7))
def test_steps_of_an_isotonic_calibration_never_fall_and_stay_within_the_first_and_the_last(
    one: int, other: int
) -> None:
    low, high = sorted((on_curve(STEPS, one), on_curve(STEPS, other)))
    assert (low, high) == tuple(on_curve(STEPS, score) for score in sorted((one, other)))
    assert 20_000 <= low <= high <= 980_000


def test_steps_are_hit_exactly_and_rounded_down_between() -> None:
    assert [on_curve(STEPS, score) for score, _ in STEPS] == [share for _, share in STEPS]
    assert [on_curve(STEPS, score) for score in (-(10**9), -5, 3, 10**9)] == [
        20_000,
        235_000,
        450_000,
        980_000,
    ]
    stepped = Model(NAMES, Ensemble(3, (STUMP,), STEPS), MODEL.days, MODEL.beyond)
    assert Model.decode(stepped.encode()) == stepped


def _changed(place: int, change: object) -> bytes:
    value = list(MODEL.to_value())
    value[place] = change
    return codec.encode(tuple(value))


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (_changed(0, "other"), "model"),
        (_changed(1, 2), "model"),
        (_changed(2, ()), "model.features"),
        (_changed(2, ("no such",)), "model.features"),
        (_changed(2, ("amount", "amount")), "model.features"),
        (_changed(3, (1 << 60, (), ())), "model.late.base"),
        (_changed(3, (0, ((),), ())), "model.late.trees"),
        (_changed(3, (0, (((2, 0, 1, 1, 0), (LEAF, 0, 0, 0, 0)),), ())), "model.late.trees"),
        (_changed(3, (0, (((0, 0, 0, 1, 0), (LEAF, 0, 0, 0, 0)),), ())), "model.late.trees"),
        (_changed(3, (0, (((0, 0, 1, 9, 0), (LEAF, 0, 0, 0, 0)),), ())), "model.late.trees"),
        (_changed(3, (0, (((-2, 0, 0, 0, 0),),), ())), "model.late.trees"),
        (_changed(3, (0, (((LEAF, 0, 0, 0, 2**40 + 1),),), ())), "model.late.trees"),
        (_changed(3, (0, (((0, 0, 1, 1, 0), (LEAF, 0, 0, 0, 0)),), ())), "model.late.trees"),
        (_changed(3, (0, (((LEAF, 0, 0, 0, 0), (LEAF, 0, 0, 0, 0)),), ())), "model.late.trees"),
        (_changed(4, (0, (), ((1, 2), (1, 3)))), "model.days.curve"),
        (_changed(5, (0, (), ((1, 2), (2, 1)))), "model.beyond.curve"),
    ],
)
def test_a_model_out_of_bounds_is_refused(data: bytes, field: str) -> None:
    with pytest.raises(Malformed) as caught:
        Model.decode(data)
    assert caught.value.field == field


EMPTY_STATE: dict[bytes, codec.Value] = {}
ASKED = Asked(18_000, 18_000, 18_030, 100_00, "USD")


def test_a_new_customer_gets_the_prior() -> None:
    described = describe_in(EMPTY_STATE, "acme", "mega", ASKED)
    assert len(described) == len(FEATURES)
    assert all(type(value) is int for value in described)
    assert dict(zip(FEATURES, described, strict=True))["last"] == MISSING
    assert shrinkage(described).late_ppm == 350_000


def test_disputes_credit_notes_and_deliveries_are_described_as_shares() -> None:
    assert Trade.of(Aggregates(), 18_000) == (0, 0, 0, 0)
    sums = Aggregates(
        disputed_invoices=1, settled_invoices=3, period=600, periods=2, periods_dilution_ppm=30_000,
        period_billed=900, period_diluted=90, deliveries=8, deliveries_late=2, deliveries_short=1
    )  # fmt: skip
    assert Trade.of(sums, 18_029) == (250_000, 15_000, 250_000, 125_000)
    assert Trade.of(sums, 18_030).diluted == (30_000 + 100_000) // 3, "the period is over, record or none"


def test_the_documentation_has_the_number_of_features_and_those_of_the_parties() -> None:
    text = (Path(__file__).parents[2] / "docs" / "pricing.md").read_text()
    assert f"describes an invoice to a model in {len(FEATURES)} integers" in text
    parties = [
        name for name in FEATURES if name.startswith(("buyer_", "supplier_", "tenure", "share_", "network_"))
    ]
    assert len(parties) == 35
    assert [name for name in parties if f"`{name}`" not in text] == []


def test_an_invoice_says_nothing_of_itself() -> None:
    week = 18_000 // 7
    weeks = ((0, 0), (week - 9, 4), (week - 1, 2), (week + 1, 3))
    assert Outstanding.of(weeks, 18_000) == (9, 6, 2, 4 * PAST_WEEKS + 2)
    assert Outstanding.of(weeks, 18_000, (week + 1) * 7) == (8, 6, 2, 4 * PAST_WEEKS + 2)
    assert Outstanding.of(weeks, 18_000, (week - 1) * 7) == (8, 5, 1, 4 * PAST_WEEKS + 1)
    assert Outstanding.of(weeks, 18_000, (week - 9) * 7) == (8, 5, 2, 3 * PAST_WEEKS + 2)
