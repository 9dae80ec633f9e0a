"""Sums of an invoice by EN 16931: exact everywhere, but for one minor unit of VAT in each category."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trade_ledger import TradeLedger, invoice

from contracts.trade import trade_views


def taxed(**changes: Any) -> dict[str, Any]:
    """Two lines at 19 %, one exempt, an allowance of 10.00 at 19 %, a prepayment and a rounding."""
    operation = {
        **invoice("I", 1),
        "lines": [
            {"line": "1", "quantity": 1, "amount": 10_000, "category": "S", "rate_ppm": 190_000},
            {"line": "2", "quantity": 3, "amount": 3_333, "category": "S", "rate_ppm": 190_000},
            {"line": "3", "quantity": 1, "amount": 5_000, "category": "E", "rate_ppm": 0},
        ],
        "taxes": [
            {"category": "S", "rate_ppm": 190_000, "adjustment": -1_000, "amount": 2_343},
            {"category": "E", "rate_ppm": 0, "adjustment": 0, "amount": 0},
        ],
        "tax": 2_343,
        "allowances": 1_000,
        "prepaid": 600,
        "rounding": 4,
        "gross": 18_333 - 1_000 + 2_343 - 600 + 4,
    }
    return operation | changes


def test_a_breakdown_that_adds_up_is_kept_with_its_taxable_amounts() -> None:
    trade = TradeLedger()
    trade.done("acme", taxed())
    shown = trade_views.invoice_view(trade.state, "acme", "I")
    assert shown is not None
    assert (shown["tax"], shown["prepaid"], shown["gross"]) == (2_343, 600, 19_080)
    assert shown["taxes"] == [
        {"category": "S", "rate_ppm": 190_000, "taxable": 12_333, "amount": 2_343},
        {"category": "E", "rate_ppm": 0, "taxable": 5_000, "amount": 0},
    ]
    trade.check()


def part(category: str = "S", rate_ppm: int = 190_000, amount: int = 2_343, adjustment: int = -1_000) -> Any:
    return {"category": category, "rate_ppm": rate_ppm, "adjustment": adjustment, "amount": amount}


EXEMPT = part("E", 0, 0, 0)


@pytest.mark.parametrize(
    ("taxes", "code"),
    [
        ([part()], "tax_category"),
        ([part(), EXEMPT, EXEMPT], "tax_category"),
        ([part(), part("E", 0, 0, 0), part("Z", 10_000, 0, 0)], "tax_category"),
        ([part(), part("S", 0, 0, 0), EXEMPT], "tax_category"),
        ([part("", 0, 0, 0), part(), EXEMPT], "tax_category"),
        ([part(adjustment=-999), EXEMPT], "sum_mismatch"),
        ([], "tax_category"),
    ],
)
def test_a_breakdown_that_does_not_fit_is_refused(taxes: list[Any], code: str) -> None:
    assert TradeLedger().refused("acme", taxed(taxes=taxes)) == code


@settings(max_examples=40)
@given(
    amount=st.integers(1, 10**9),
    rate_ppm=st.sampled_from([1, 55_000, 190_000, 1_000_000]),
    off=st.integers(-3, 3),
)
def test_vat_of_a_category_has_a_tolerance_of_one_minor_unit(amount: int, rate_ppm: int, off: int) -> None:
    exact, remainder = divmod(amount * rate_ppm, 1_000_000)
    tax = exact + off
    if not 0 <= tax <= amount:
        return
    operation = {
        **invoice("I", 1),
        "lines": [{"line": "1", "quantity": 1, "amount": amount, "category": "S", "rate_ppm": rate_ppm}],
        "taxes": [{"category": "S", "rate_ppm": rate_ppm, "amount": tax}],
        "tax": tax,
        "gross": amount + tax,
    }
    fits = abs(off * 1_000_000 - remainder) <= 1_000_000
    trade = TradeLedger()
    if fits:
        trade.done("acme", operation)
    else:
        assert trade.refused("acme", operation) == "tax_mismatch"


@given(error=st.sampled_from([-1, 1]), field=st.sampled_from(["gross", "allowances", "prepaid", "rounding"]))
def test_everything_else_is_exact_to_the_minor_unit(error: int, field: str) -> None:
    operation = taxed()
    operation[field] += error
    assert TradeLedger().refused("acme", operation) == "sum_mismatch"
