"""The running example, to the unit; this test reads like its table."""

from __future__ import annotations

import pytest

from contracts.pricing import formulae as f

NET = 950_000_00
ADVANCE, RESERVE = 807_500_00, 142_500_00
DISCOUNT, FEE, PAID_OUT = 10_013_00, 2_375_00, 795_112_00

PAYMENTS = ((40_000_00, 3), (10_000_00, -2), (50_000_00, 18), (20_000_00, 0))
LATE = sum(amount * max(0, days) for amount, days in PAYMENTS)
SIGNED = sum(amount * days for amount, days in PAYMENTS)
PAID = sum(amount for amount, _ in PAYMENTS)

TABLE = [
    ("days beyond terms, weighted", f.weighted_dbt(LATE, PAID), 850),
    ("days beyond terms, signed", f.weighted_dbt(SIGNED, PAID), 833),
    ("shrunk days beyond terms", f.shrunk_dbt(900, 12, 400, 20), 588),
    ("tenor", f.tenor(56, 588), 62),
    ("dilution reserve", f.dilution_reserve(32_167, 52_000, 1_200_000), 115_675),
    ("yield reserve", f.yield_reserve(72_000, 62, 360), 12_400),
    ("advance rate", f.advance_rate(850_000, 115_675, 20_000, 12_400), 850_000),
    ("advance, reserve", f.advance_and_reserve(NET, 850_000), (ADVANCE, RESERVE)),
    ("discount", f.simple_discount(ADVANCE, 72_000, 62, 360), DISCOUNT),
    ("fee", f.fee(NET, 2_500), FEE),
    ("paid out", ADVANCE - DISCOUNT - FEE, PAID_OUT),
    ("yield, simple", f.simple_yield(DISCOUNT + FEE, PAID_OUT, 62), 91_722),
    ("yield, compounded, as 9.53 %", round(f.compounded_yield(DISCOUNT + FEE, PAID_OUT, 62), -2), 95_300),
    ("full purchase, bank discount", f.simple_discount(NET, 72_000, 62, 360), 11_780_00),
    ("full purchase, true discount", f.true_discount(NET, 72_000, 62, 360), 11_635_72),
    ("2/10 net 30, as 37.24 %", round(f.forgone_discount_yield(20_000, 20), -2), 372_400),
    ("shrunk PD, 0 of 40", f.shrunk_pd(0, 40, 3, 247), 10_345),
    ("shrunk PD, 2 of 60", f.shrunk_pd(2, 60, 3, 247), 16_129),
    ("PD for the tenor", f.pd_for_tenor(12_000, 62), 2_038),
    ("expected loss", f.expected_loss(ADVANCE, 2_038, 450_000), 740_56),
    ("floor rate", f.floor_rate(45_000, 12_000, 450_000, 4_000, 80_000, 120_000), 64_000),
    (
        "concentration 25 %, excess",
        f.concentration_excess((400_000_00, 250_000_00, 200_000_00, 150_000_00), 250_000),
        (150_000_00, 0, 0, 0),
    ),
    ("late credit note, absorbed", f.shortfall_absorbed(RESERVE, 200_000_00), 57_500_00),
    ("late credit note, restored", f.shortfall_restored(ADVANCE, NET, 200_000_00, 850_000), 170_000_00),
    ("indemnity", f.indemnity(950_000_00, 800_000_00, 5_000_00, 900_000), 715_500_00),
    ("premium", f.premium(800_000_00, 12_000, 62, 900_000, 600_000, 350_000), 1_354_73),
    (
        "IFRS 9 matrix",
        f.provision(
            (
                (7_000_000_00, 3_000),
                (1_200_000_00, 16_000),
                (400_000_00, 36_000),
                (150_000_00, 66_000),
                (60_000_00, 250_000),
            )
        ),
        79_500_00,
    ),
    ("rate of an allocation", f.average_rate(((35, 60_000), (35, 55_000), (30, 50_000))), 55_250),
]


@pytest.mark.parametrize(("item", "computed", "expected"), TABLE, ids=[row[0] for row in TABLE])
def test_running_example(item: str, computed: object, expected: object) -> None:
    assert computed == expected
