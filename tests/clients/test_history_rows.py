"""How a record of a history is shown to people: one amount, in its currency, and what else it says."""

from __future__ import annotations

from typing import Any

import pytest

from clients.cli.trade.histories import record_row
from contracts.trade.relationship_views import record_view
from ledger.dates import day_from_iso

DAY, DUE = day_from_iso("2012-03-01"), day_from_iso("2012-02-20")
PAID_AS = (DAY, day_from_iso("2012-01-02"), 1000_00, 50_00)
"""Last payment, issue day, gross, credited."""


@pytest.mark.parametrize(
    ("record", "shown"),
    [
        (
            (DAY, "invoice", "I", "EUR", 1000_00, PAID_AS[1], DUE, "", b""),
            ("1,000.00 EUR", "issue date 2012-01-02, due date 2012-02-20"),
        ),
        (
            (DAY, "confirm", "I", "EUR", 950_00, DUE, 50_00, 950_00, 0, 0, 0, *PAID_AS[1:]),
            ("950.00 EUR", "due date 2012-02-20, reduction 50.00 EUR"),
        ),
        (
            (DAY, "amend", "P", "EUR", 1200_00, 1300_00),
            ("1,300.00 EUR", "was amount 1,200.00 EUR"),
        ),
        (
            (DAY, "credit", "C", "EUR", 1, DUE, 1, "I", 1, *PAID_AS),
            ("0.01 EUR", "due date 2012-02-20, invoice I, settled, last paid date 2012-03-01"),
        ),
        (
            (DAY, "payment", "I", "EUR", 950_00, DAY, DUE, 950_00, 1, *PAID_AS[1:]),
            ("950.00 EUR", "payment date 2012-03-01, due date 2012-02-20, settled"),
        ),
        (
            (DAY, "write_off", "I", "EUR", 20_00, DAY, DUE, *PAID_AS[1:]),
            ("20.00 EUR", "write off date 2012-03-01, due date 2012-02-20"),
        ),
    ],
    ids=lambda value: value[1] if len(value) > 2 else "",
)
def test_a_record_shows_its_own_amount_and_nothing_that_its_invoice_has_said(
    record: tuple[Any, ...], shown: tuple[str, str]
) -> None:
    assert record_row(record_view(record)) == ("2012-03-01", record[1], record[2], *shown)
