"""Money, rates, rounding, splits and days."""

from __future__ import annotations

from fractions import Fraction
from math import ceil, floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.dates import FIRST_DAY, LAST_DAY, day_from_iso, iso_from_day
from ledger.errors import Malformed, Refusal
from ledger.money import (
    CURRENCIES,
    MAX_AMOUNT,
    MAX_TOTAL,
    AmountOverflow,
    Money,
    Rate,
    checked_amount,
    checked_total,
    currency_digits,
    divide_down,
    divide_half_away,
    divide_up,
    split_by_weights,
)

AMOUNTS = st.integers(-MAX_AMOUNT, MAX_AMOUNT)
CODES = st.sampled_from(sorted(CURRENCIES))


@given(st.integers(), st.integers(min_value=1))
def test_each_division_rounds_as_it_is_named(numerator: int, denominator: int) -> None:
    exact = Fraction(numerator, denominator)
    assert divide_up(numerator, denominator) == ceil(exact)
    assert divide_down(numerator, denominator) == floor(exact)
    nearest = divide_half_away(numerator, denominator)
    assert abs(nearest - exact) <= Fraction(1, 2)
    if abs(nearest - exact) == Fraction(1, 2):
        assert abs(nearest) > abs(exact)


@given(st.integers(0, MAX_AMOUNT), st.lists(st.integers(0, 10**9), min_size=1, max_size=20).filter(any))
def test_invariant_21_split_adds_up_and_is_fair_to_the_unit(total: int, weights: list[int]) -> None:
    parts = split_by_weights(total, weights)
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - Fraction(total * weight, sum(weights))) < 1
        assert part == 0 or weight > 0


def test_split_gives_the_residue_to_the_largest_remainder_and_then_to_the_earlier_part() -> None:
    assert split_by_weights(100_00, (1, 1, 1)) == (33_34, 33_33, 33_33)
    assert split_by_weights(10, (1, 2, 4)) == (1, 3, 6)


@pytest.mark.parametrize(("total", "weights"), [(-1, (1,)), (1, ()), (1, (0, 0)), (1, (2, -1))])
def test_split_refuses_what_cannot_add_up(total: int, weights: tuple[int, ...]) -> None:
    with pytest.raises(Refusal) as refused:
        split_by_weights(total, weights)
    assert refused.value.code == "cannot_split"


@given(AMOUNTS, CODES)
def test_decimal_text_reads_back_to_the_same_amount(amount: int, code: str) -> None:
    money = Money(amount, code)
    assert Money.parse(money.decimal, code) == money


def test_text_of_money() -> None:
    assert str(Money(950_000_00, "EUR")) == "950,000.00 EUR"
    assert str(Money(-5, "EUR")) == "-0.05 EUR"
    assert str(Money(1234, "JPY")) == "1,234 JPY"
    assert str(Money(1234, "KWD")) == "1.234 KWD"
    assert Money.parse("1.500", "EUR") == Money(150, "EUR")
    assert -Money(5, "EUR") == Money(-5, "EUR")


@pytest.mark.parametrize(
    "text", ["", "1,00", "1.", ".5", "1.005", "1e3", " 1", "1 ", "+1", "١", "1.00.0", "NaN", "--1", "1" * 41]
)
def test_parse_refuses_what_is_not_exactly_an_amount(text: str) -> None:
    with pytest.raises(Malformed):
        Money.parse(text, "EUR")


def test_parse_refuses_too_much() -> None:
    with pytest.raises(AmountOverflow):
        Money.parse("9999999999999999", "EUR")


@pytest.mark.parametrize("code", ["", "eur", "EURO", "XXX", "XAU", "DEM"])
def test_unknown_currency_is_refused(code: str) -> None:
    with pytest.raises(Malformed) as refused:
        currency_digits(code)
    assert refused.value.code == "unknown_currency"


def test_amounts_and_totals_are_bounded() -> None:
    assert checked_amount(MAX_AMOUNT) == MAX_AMOUNT
    assert checked_total(-MAX_TOTAL) == -MAX_TOTAL
    for check, value, code in (
        (checked_amount, -1, "negative_amount"),
        (checked_amount, MAX_AMOUNT + 1, "amount_overflow"),
        (checked_total, MAX_TOTAL + 1, "amount_overflow"),
        (checked_total, -MAX_TOTAL - 1, "amount_overflow"),
    ):
        with pytest.raises(Refusal) as refused:
            check(value)
        assert refused.value.code == code


def test_text_of_a_rate() -> None:
    shown = [str(Rate(ppm)) for ppm in (72_000, 2_500, 1, 1_000_000, 0, -15_000)]
    assert shown == ["7.2 %", "0.25 %", "0.0001 %", "100 %", "0 %", "-1.5 %"]


@given(st.integers(FIRST_DAY, LAST_DAY))
def test_a_day_reads_back_from_its_text(day: int) -> None:
    assert day_from_iso(iso_from_day(day)) == day


def test_days_count_from_1970_and_know_leap_years() -> None:
    assert day_from_iso("1970-01-01") == 0
    assert day_from_iso("2024-03-01") - day_from_iso("2024-02-28") == 2
    assert day_from_iso("2023-03-01") - day_from_iso("2023-02-28") == 1


@pytest.mark.parametrize(
    "text",
    [
        "2023-02-29",
        "2024-13-01",
        "2024-1-1",
        "20240101",
        "2024-01-01T00:00",
        "0000-00-00",
        "",
        "2024-01-01\n",
    ],
)
def test_a_text_that_is_no_day_is_refused(text: str) -> None:
    with pytest.raises(Malformed) as refused:
        day_from_iso(text, "due_date")
    assert (refused.value.code, refused.value.field) == ("date", "due_date")


@pytest.mark.parametrize("day", [FIRST_DAY - 1, LAST_DAY + 1, 10**12])
def test_a_day_beyond_the_calendar_is_refused(day: int) -> None:
    with pytest.raises(Malformed):
        iso_from_day(day)
