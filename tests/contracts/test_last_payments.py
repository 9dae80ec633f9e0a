"""What a description says of the last payments, computed by hand."""

from __future__ import annotations

from test_lateness_model import _State

from contracts.pricing.known import Asked
from contracts.pricing.lateness import FEATURES, MISSING, describe_in
from contracts.trade import habit
from ledger.dates import day_from_iso

MONDAY = day_from_iso("2012-03-05")
PAID = (  # days from the first Monday to the due date, days late, amount; oldest first
    (0, 4, 100_00),
    (7, 4, 100_00),
    (8, 3, 100_00),
    (14, -3, 100_00),
    (21, 11, 400_00),
)
"""Due on four Mondays and a Tuesday; paid on a Friday, but for one that is paid on the Friday before."""
TERM = 20
SIZE = {100_00: habit.amount_size(100_00, 14), 400_00: habit.amount_size(400_00, 16)}


def described(due: int, amount: int = 100_00) -> dict[str, int]:
    """An invoice of the fifth Monday, due so many days after the first one."""
    state = _State()
    for at, late, paid in PAID:
        due_day = MONDAY + at
        settled = habit.Settled(due_day, due_day - TERM, due_day + late, paid, "EUR", 0)
        habit.observe(state, "acme", "mega", settled)
    day = MONDAY + 42
    asked = Asked(day, day, MONDAY + due, amount, "EUR")
    return dict(zip(FEATURES, describe_in(state, "acme", "mega", asked), strict=True))


def test_what_is_due_on_a_monday_is_held_against_the_mondays() -> None:
    found = described(70)
    assert [found[name] for name in ("last", "last_but_one", "weekday_last")] == [1_100, -300, 1_100]
    # 11, -3, 3, 4, 4 in order: -3, 3, 4, 4, 11; on Mondays -3, 4, 4, 11
    assert [found[name] for name in ("median_8", "median_32", "weekday_median")] == [400, 400, 400]
    assert [found[name] for name in ("quantile_20", "quantile_80")] == [300, 1_100]
    # ages are 20 days and the lateness: 24 in the middle; this one has 28 days
    assert found["age_median"] == 2_400 - 2_800
    # all were paid on a Friday
    assert (found["pays_on_weekday"], found["pays_most_often"]) == (0, 1_000_000)
    assert found["days_to_pay_weekday"] == 4
    assert found["days_since_payment"] == 42 - 32


def test_what_is_due_on_a_friday_meets_the_weekday_of_payment() -> None:
    found = described(74)
    assert (found["pays_on_weekday"], found["days_to_pay_weekday"]) == (1_000_000, 0)
    assert (found["weekday_median"], found["weekday_last"]) == (MISSING, MISSING)


def test_an_amount_is_held_against_the_mean_of_the_last() -> None:
    usual = (4 * SIZE[100_00] + SIZE[400_00]) // 5
    assert described(70)["amount_to_usual"] == SIZE[100_00] - usual
    assert described(70, 400_00)["amount_to_usual"] == SIZE[400_00] - usual


def test_of_no_payment_nothing_is_said() -> None:
    found = dict(
        zip(
            FEATURES,
            describe_in(_State(), "acme", "mega", Asked(MONDAY, MONDAY, MONDAY + 30, 100_00, "EUR")),
            strict=True,
        )
    )
    names = FEATURES[FEATURES.index("last") : FEATURES.index("days_since_payment") + 1]
    assert {found[name] for name in (*names, "amount_to_usual", "tenure")} == {MISSING}


def test_a_payment_on_the_day_after_a_holiday_has_the_weekday_of_that_day() -> None:
    """The class of a bank holiday is that of a Sunday, but nobody pays three days later because of that."""
    state = _State()
    holiday = day_from_iso("2019-07-04")  # a Thursday
    settled = habit.Settled(holiday, holiday - TERM, holiday + 1, 100_00, "USD", 0)
    habit.observe(state, "acme", "mega", settled)
    friday = holiday + 22
    asked = Asked(holiday + 7, holiday + 7, friday, 100_00, "USD")
    found = dict(zip(FEATURES, describe_in(state, "acme", "mega", asked), strict=True))
    assert (found["pays_on_weekday"], found["days_to_pay_weekday"]) == (1_000_000, 0)
