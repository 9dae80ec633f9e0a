"""Aggregates of a relationship against a slow model that keeps everything apart."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trade_ledger import DAY, TradeLedger, confirm, invoice

from contracts.fields import MAX_TERM_DAYS
from contracts.trade import relationship_records, relationship_sums
from contracts.trade.relationship_records import RECORD_FIELDS, fold
from contracts.trade.relationship_sums import AGGREGATES_FIELDS, MAX_OPEN_WEEKS, of_currency
from ledger import codec
from ledger.errors import Refusal
from ledger.limits import MAX_STATE_VALUE_BYTES
from ledger.money import CURRENCIES

Bill = tuple[int, int, int]
"""(amount, days to due date, share paid in percent)"""


@settings(max_examples=80)
@given(
    bills=st.lists(
        st.tuples(st.integers(1, 10**9), st.integers(1, 900), st.integers(0, 100)), min_size=1, max_size=90
    ),
    order=st.randoms(use_true_random=False),
    day=st.integers(15_000, 16_500),
)
def test_the_open_basis_is_what_is_confirmed_and_unpaid(bills: list[Bill], order: Any, day: int) -> None:
    aggregates = relationship_sums.EMPTY
    start = 15_000
    for amount, days, _ in bills:
        due = start + days
        aggregates = fold(aggregates, (start, "invoice", "n", "USD", amount, start, due, ""))
        aggregates = fold(aggregates, (start, "confirm", "n", "USD", amount, due, 0, amount, 0, 0))
    shuffled = list(bills)
    order.shuffle(shuffled)
    left: list[tuple[int, int]] = []
    for amount, days, share in shuffled:
        due, paid = start + days, amount * share // 100
        if paid:
            settled = int(paid == amount)
            record = (start + 1, "payment", "n", "USD", paid, start + 1, due, paid, settled, start, paid, 0)
            aggregates = fold(aggregates, record)
        if paid < amount:
            left.append((amount - paid, due))
    sums = of_currency(aggregates, "USD")
    assert (sums.open_invoices, sums.open_amount) == (len(left), sum(amount for amount, _ in left))
    assert len(sums.open) <= MAX_OPEN_WEEKS
    overdue = [(amount, due) for amount, due in left if due // 7 < day // 7]
    assert sums.overdue(day) == (
        len(overdue),
        sum(amount for amount, _ in overdue),
        sum(amount * (day - due) for amount, due in overdue),
    )


@settings(max_examples=40)
@given(
    overdue=st.lists(st.integers(1, 2_000), max_size=40),
    ahead=st.lists(st.integers(0, MAX_TERM_DAYS), max_size=60),
    every_week=st.booleans(),
)
def test_invoices_due_far_ahead_never_hide_what_is_overdue(
    overdue: list[int], ahead: list[int], every_week: bool
) -> None:
    day = 15_000
    aggregates = relationship_sums.EMPTY
    for age in overdue:
        record = (day - age, "confirm", "n", "USD", 100, day - age, 0, 100, 0, 0)
        aggregates = fold(aggregates, record)
    for days in (*ahead, *(range(0, MAX_TERM_DAYS + 1, 7) if every_week else ())):
        record = (day, "confirm", "n", "USD", 1, day + days, 0, 1, 0, 0)
        aggregates = fold(aggregates, record)
    sums = of_currency(aggregates, "USD")
    seen = [age for age in overdue if (day - age) // 7 < day // 7]
    assert sums.overdue(day) == (len(seen), 100 * len(seen), 100 * sum(seen))
    assert sums.open_invoices == len(overdue) + len(ahead) + every_week * (MAX_TERM_DAYS // 7 + 1)


def test_a_full_entry_fits_a_state_value() -> None:
    most = 2**63 - 1
    week = (376_199 // 7, most, most, most)
    sums = (*[most] * (len(AGGREGATES_FIELDS) - 1), (week,) * MAX_OPEN_WEEKS)
    currencies = sorted(CURRENCIES)[: relationship_sums.MAX_CURRENCIES]
    entry = (most, bytes(32), dict.fromkeys(currencies, sums))
    assert len(codec.encode(entry)) < MAX_STATE_VALUE_BYTES


def test_days_beyond_terms_of_the_running_example() -> None:
    """Σ a·max(0, late) / Σ a over (40k, 3) (10k, -2) (50k, 18) (20k, 0) is 8.50 days, signed 8.33."""
    aggregates = relationship_sums.EMPTY
    for amount, late in ((40_000, 3), (10_000, -2), (50_000, 18), (20_000, 0)):
        record = (15_000, "payment", "n", "USD", amount, 15_000 + late, 15_000, amount, 1, 14_970, amount, 0)
        aggregates = fold(aggregates, record)
    sums = of_currency(aggregates, "USD")
    assert sums.late_amount_days * 100 // sums.paid == 850
    assert sums.signed_amount_days * 100 // sums.paid == 833
    assert (sums.settled_invoices, sums.settled_days_late, sums.payment_weeks) == (4, 21, 1)


def test_payments_of_what_the_buyer_never_confirmed_say_nothing_of_lateness() -> None:
    """A supplier that writes a far due date on its invoice cannot make its buyer look punctual."""
    late = (15_000, "payment", "n", "USD", 1_000, 15_010, 15_000, 1_000, 1, 14_970, 1_000, 0)
    before = of_currency(fold(relationship_sums.EMPTY, late), "USD")
    flattering = (15_000, "payment", "m", "USD", 900_000, 15_000, 16_000, 0, 1, 14_970, 900_000, 0)
    after = of_currency(fold(fold(relationship_sums.EMPTY, late), flattering), "USD")
    assert after == before._replace(payments=2, paid_unconfirmed=900_000)


def test_dilution_is_kept_by_period() -> None:
    aggregates = relationship_sums.EMPTY
    for day, invoiced, credited in (
        (15_000, 1_000_000, 52_000),
        (15_030, 1_000_000, 0),
        (15_060, 500_000, 10_000),
    ):
        aggregates = fold(aggregates, (day, "confirm", "n", "USD", invoiced, day + 30, 0, invoiced, 0, 0))
        if credited:
            aggregates = fold(aggregates, (day, "credit", "c", "USD", credited, day + 30, credited, "n", 0))
    aggregates = fold(aggregates, (15_090, "dispute", "n", "USD", 5))
    sums = of_currency(aggregates, "USD")
    assert sums.periods == 3
    assert sums.peak_dilution_ppm == 52_000
    assert sums.mean_dilution_ppm == 24_000


def test_a_supplier_alone_cannot_thin_out_its_dilution() -> None:
    """Invoices that the buyer never confirmed, cancelled ones above all, do not count as billed."""
    trade = TradeLedger()
    trade.confirmed_invoice("REAL", 1_000)
    trade.done("acme", invoice("MORE", 500))
    for number, of, amount in (("C1", "REAL", 200), ("C2", "MORE", 100)):
        credit = {"op": "credit.issue", "credit": number, "invoice": of, "amount": amount, "date": DAY}
        trade.done("acme", credit)
        trade.done("mega", {"op": "credit.accept", "credit": number, "supplier": "acme"})
    trade.done("mega", confirm("MORE", 400))
    honest = of_currency(trade.entry("relationship", "acme", "mega")[2], "USD")
    assert honest.peak_dilution_ppm == 200_000, "300 of 1,500"
    trade.done("acme", invoice("FAKE", 1_000_000))
    trade.done("acme", {"op": "invoice.cancel", "invoice": "FAKE"})
    sums = of_currency(trade.entry("relationship", "acme", "mega")[2], "USD")
    assert (sums.peak_dilution_ppm, sums.mean_dilution_ppm) == (200_000, 200_000)


def test_weeks_are_the_trials_and_late_ones_the_defaults() -> None:
    aggregates = relationship_sums.EMPTY
    for day, late in ((15_001, 0), (15_002, 95), (15_003, 100), (15_010, 10), (15_020, 90)):
        record = (day, "payment", "n", "USD", 100, day, day - late, 100, 1, day - 60, 100, 0)
        aggregates = fold(aggregates, record)
    sums = of_currency(aggregates, "USD")
    assert (sums.payments, sums.payment_weeks, sums.default_weeks) == (5, 3, 2)


def test_a_relationship_has_a_bounded_number_of_currencies() -> None:
    trade = TradeLedger()
    codes = sorted(CURRENCIES)[: relationship_sums.MAX_CURRENCIES]
    for code in codes:
        trade.done("acme", invoice(code, 100, currency=code))
    assert list(trade.entry("relationship", "acme", "mega")[2]) == codes
    assert trade.refused("acme", invoice("OVER", 100)) == "too_many_currencies"
    trade.check()


@pytest.mark.parametrize("kind", RECORD_FIELDS)
def test_every_kind_of_record_is_described(kind: str) -> None:
    text = (relationship_records.__doc__ or "").splitlines()
    row = next(line for line in text if line.startswith(f"| {kind} |"))
    assert len(row.split("|")[2].split(",")) == len(RECORD_FIELDS[kind]) - 2


def test_fold_is_pure() -> None:
    record = (15_000, "invoice", "n", "USD", 5, 15_000, 15_030, "")
    first = fold(relationship_sums.EMPTY, record)
    kept = {code: tuple(sums) for code, sums in first.items()}
    assert fold(first, record) != first
    assert first == kept
    assert relationship_sums.EMPTY == {}
    with pytest.raises(Refusal):
        fold(first, (15_000, "invoice", "n", "USD", 2**63, 15_000, 15_030, ""))
