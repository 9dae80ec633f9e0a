"""Money as people write it: read exactly, or refused with the reason."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.cli.amounts import (
    days,
    money,
    percent,
    read_amount,
    read_count,
    read_day,
    read_percent,
)
from clients.cli.exits import UsageProblem
from clients.wording import short_percent
from contracts.fields import MAX_QUANTITY
from ledger.money import CURRENCIES, MAX_AMOUNT

amounts = st.integers(1, MAX_AMOUNT)
currencies = st.sampled_from(sorted(CURRENCIES))


@given(amounts, currencies)
def test_what_is_shown_is_read_back_to_the_unit(amount: int, currency: str) -> None:
    shown = money(amount, currency)
    read = read_amount(shown, "amount")
    assert (read.amount, read.currency) == (amount, currency)
    number = shown.removesuffix(f" {currency}")
    for text in (f"{currency} {number}", number.replace(",", "") + currency.lower(), f"  {shown} "):
        assert read_amount(text, "amount") == read
    assert read_amount(number, "amount", currency) == read


def test_an_amount_beyond_the_ledger_is_called_too_large() -> None:
    for text in ("1,000,000,000,000.01 EUR", "9" * 30 + " EUR"):
        with pytest.raises(UsageProblem, match="too large") as refused:
            read_amount(text, "--amount")
        assert refused.value.code == "amount_overflow"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "EUR",
        "12",
        "1.234,56 EUR",
        "12,34 EUR",
        "1,2345 EUR",
        ",123 EUR",
        "1,234,56 EUR",
        "1.005 EUR",
        "1e3 EUR",
        "١٢ EUR",
        "-5 EUR",
        "0 EUR",
        "5 EUR USD",
        "EUR 5 EUR",
        "5 XXX",
        "NaN EUR",
        "1_000 EUR",
        "9" * 30 + " EUR",
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(text: str) -> None:
    with pytest.raises(UsageProblem) as refused:
        read_amount(text, "--amount")
    assert refused.value.field == "--amount"
    assert refused.value.expected


def test_another_currency_than_the_documents_is_refused() -> None:
    with pytest.raises(UsageProblem) as refused:
        read_amount("5 USD", "--net", "EUR")
    assert (refused.value.code, refused.value.found, refused.value.expected) == (
        "currency_mismatch",
        "USD",
        "EUR",
    )


@pytest.mark.parametrize(
    "text", ["9e999999", "-9e999999", "1e-999999", "NaN", "sNaN", "Infinity", "", "100.00001"]
)
def test_what_is_no_percentage_is_refused(text: str) -> None:
    with pytest.raises(UsageProblem):
        read_percent(text, "--share")


@pytest.mark.parametrize(
    ("text", "count"),
    [("0", 0), (str(MAX_QUANTITY), MAX_QUANTITY), (str(MAX_QUANTITY + 1), None), ("9" * 5_000, None)],
)
def test_a_count_has_digits_and_a_bound(text: str, count: int | None) -> None:
    assert read_count(text) == count
    assert read_count(f"{text}\u00b2") is None


@given(st.text(max_size=30))
def test_no_text_breaks_the_reader(text: str) -> None:
    with suppress(UsageProblem):
        assert read_amount(text, "amount").amount > 0


def test_rates_and_days_are_shown_without_floats() -> None:
    assert percent(72_000) == "7.2 %"
    assert days(425) == "4.25 days"
    assert days(-5) == "-0.05 days"
    assert [short_percent(ppm) for ppm in (72_000, 90_089, 90_050, -90_050, 0)] == [
        "7.20 %", "9.01 %", "9.01 %", "-9.01 %", "0.00 %"
    ]  # fmt: skip
    assert short_percent(696_384, 1) == "69.6 %"
    assert [short_percent(ppm, 1) for ppm in (500, 2_500, -400, -500)] == [
        "0.1 %",
        "0.3 %",
        "0.0 %",
        "-0.1 %",
    ]


@pytest.mark.parametrize("text", ["2024-02-30", "30.1.2024", "", "2024-1-1"])
def test_a_day_is_one_that_a_calendar_has(text: str) -> None:
    with pytest.raises(UsageProblem):
        read_day(text, "--date")


def test_no_tax_may_be_written_as_zero() -> None:
    assert read_amount("0.00 EUR", "--tax", "EUR", least=0).amount == 0
    with pytest.raises(UsageProblem):
        read_amount("-0.01 EUR", "--tax", "EUR", least=0)
