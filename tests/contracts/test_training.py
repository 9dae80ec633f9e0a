"""Training rows: what the ledger knew when an invoice was confirmed, whatever came later."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_habit import paid
from trade_ledger import TradeLedger, confirm, payment
from trade_ledger import invoice as bill

from contracts.pricing.known import Asked
from contracts.pricing.lateness import FEATURES, describe_in
from contracts.pricing.training import GONE, OPEN, PAID, Example, replay
from contracts.trade import relationship, relationship_records
from ledger import codec
from ledger.dates import day_from_iso, iso_from_day

FIRST = day_from_iso("2012-03-01")
PARTIES = (("acme", "mega"), ("acme", "nova"), ("bolt", "mega"))
DEALS = st.lists(
    st.tuples(
        st.integers(0, 2),  # which parties
        st.integers(1, 10**6),  # amount
        st.integers(1, 40),  # days to the due date
        st.integers(-3, 20),  # days late
    ),
    min_size=1,
    max_size=8,
)


class Trade:
    """A ledger on which each deal is billed and confirmed on its own day, and paid when its day comes."""

    def __init__(self, deals: list[tuple[int, int, int, int]]) -> None:
        self.ledger = TradeLedger()
        self.described: dict[str, tuple[int, ...]] = {}
        due_payments: list[tuple[int, str, int, int]] = []
        for number, (which, amount, term, late) in enumerate(deals):
            day = FIRST + 3 * number
            self.pay(due_payments, day)
            self.go_to(day)
            self.confirmed(f"D{number}", PARTIES[which], amount, day, day + term)
            due_payments.append((max(day + 1, day + term + late), f"D{number}", which, amount))
        self.due_payments = due_payments

    def go_to(self, day: int) -> None:
        if day > FIRST:
            self.ledger.submit("root", {"op": "date.advance", "date": iso_from_day(day)})

    def confirmed(self, number: str, parties: tuple[str, str], amount: int, day: int, due: int) -> None:
        supplier, buyer = parties
        asked = Asked(day, day, due, amount, "USD")
        self.described[number] = describe_in(self.ledger.state, supplier, buyer, asked)
        dates = {"due": iso_from_day(due), "issue_date": iso_from_day(day)}
        self.ledger.done(supplier, {**bill(number, amount, **dates), "buyer": buyer})
        self.ledger.done(buyer, {**confirm(number, amount, iso_from_day(due)), "supplier": supplier})

    def pay(self, payments: list[tuple[int, str, int, int]], until: int) -> None:
        """Attest what is paid before a day, each payment on its own day; within a day as rows are replayed.

        Sums fade with rounding, so their last digits depend on the order.
        """
        for entry in sorted(payments, key=lambda entry: (entry[0], PARTIES[entry[2]], entry[1])):
            day, number, which, amount = entry
            if day < until:
                payments.remove(entry)
                self.go_to(day)
                supplier, buyer = PARTIES[which]
                changes: dict[str, Any] = {"payer": buyer, "supplier": supplier}
                self.ledger.done(
                    "bank", payment(number, amount, f"IN {number}", date=iso_from_day(day), **changes)
                )

    def histories(self) -> dict[tuple[str, str], list[codec.Value]]:
        found = {}
        for parties in PARTIES:
            records = self.ledger.records.get(relationship.relationship_key(*parties))
            if records:
                found[parties] = [codec.decode(record) for record in records]
        return found


def by_number(examples: tuple[Example, ...]) -> dict[str, Example]:
    return {example.invoice: example for example in examples}


@settings(max_examples=15)
@example([(1, 1, 1, 3), (0, 1, 1, 0), (0, 1, 1, 0)])
@given(DEALS)
def test_rows_describe_what_the_ledger_described_on_the_day(deals: list[tuple[int, int, int, int]]) -> None:
    trade = Trade(deals)
    rows = by_number(replay(trade.histories()))
    assert {number: row.description for number, row in rows.items()} == trade.described


@settings(max_examples=15)
@given(DEALS)
def test_the_future_changes_no_row(deals: list[tuple[int, int, int, int]]) -> None:
    """Everything still open is paid, and one more deal made: only outcomes and later rows differ."""
    trade = Trade(deals)
    before = by_number(replay(trade.histories()))
    last = FIRST + 3 * len(deals) + 100
    trade.pay(trade.due_payments, last)
    trade.go_to(last)
    trade.confirmed("LATER", PARTIES[0], 77_00, last, last + 30)
    after = by_number(replay(trade.histories()))
    assert {number: after[number].description for number in before} == {
        number: row.description for number, row in before.items()
    }
    assert [row.outcome for number, row in after.items() if number != "LATER"] == [PAID] * len(deals)
    for number, (_, _, term, late) in enumerate(deals):
        assert after[f"D{number}"].days_late == max(1 - term, late)
    assert after["LATER"].outcome == OPEN
    count = FEATURES.index("count")
    mine = sum(PARTIES[which] == PARTIES[0] for which, *_ in deals)
    assert after["LATER"].description[count] == mine, "what was paid meanwhile is known now"


def test_what_ends_without_a_payment_says_nothing_of_lateness() -> None:
    trade = TradeLedger()
    for number in ("CANCELLED", "CREDITED", "HALF"):
        trade.done("acme", bill(number, 100_00 + len(number)))
        trade.done("mega", confirm(number, 100_00 + len(number)))
    trade.done("acme", {"op": "invoice.cancel", "invoice": "CANCELLED"})
    whole = 100_00 + len("CREDITED")
    credit = {
        "op": "credit.issue",
        "credit": "CN1",
        "invoice": "CREDITED",
        "amount": whole,
        "date": "2012-03-01",
    }
    trade.done("acme", credit)
    trade.done("mega", {"op": "credit.accept", "credit": "CN1", "supplier": "acme"})
    trade.done("bank", payment("HALF", 50_00, "IN 1"))
    records = [codec.decode(entry) for entry in trade.records[relationship.relationship_key("acme", "mega")]]
    rows = by_number(replay({("acme", "mega"): records}))
    assert {number: row.outcome for number, row in rows.items()} == {
        "CANCELLED": GONE,
        "CREDITED": GONE,
        "HALF": OPEN,
    }
    assert not any(row.is_known for row in rows.values())


@pytest.mark.parametrize("kind", ["extend", "confirm"])
def test_lateness_is_counted_from_the_due_date_that_stands_when_it_ends(kind: str) -> None:
    """The buyer put the payment off, or confirmed anew after a dispute: what is paid by then is not late."""
    trade = Trade([(0, 100_00, 5, 3)])
    due, later = FIRST + 5, FIRST + 35
    trade.go_to(FIRST + 2)
    records = trade.histories()["acme", "mega"]
    moved = {
        "extend": (100_00, later, due),
        "confirm": (100_00, later, 0, 100_00, due, 100_00, 0, FIRST, 100_00, 0),
    }[kind]
    records.append((FIRST + 3, kind, "D0", "USD", *moved))
    (still_open,) = replay({("acme", "mega"): records})
    assert (still_open.due_day, still_open.outcome) == (later, OPEN)
    assert still_open.description == trade.described["D0"], "it is described as it was confirmed first"
    records.append((later, "payment", "D0", "USD", 100_00, later, later, 100_00, 1, FIRST, 100_00, 0))
    (paid,) = replay({("acme", "mega"): records})
    assert (paid.outcome, paid.days_late, paid.ended_day - paid.due_day) == (PAID, 0, 0)


def test_replay_folds_the_same_habits_as_the_ledger() -> None:
    trade = Trade([(0, 100_00, 5, 3), (0, 200_00, 5, 1), (1, 300_00, 7, 2)])
    trade.pay(trade.due_payments, FIRST + 60)
    entry = None
    for record in trade.histories()["acme", "mega"]:
        settled = relationship_records.settlement(record)
        entry = entry if settled is None else paid(entry, settled)
    assert trade.ledger.entry("habit", "acme", "mega") == entry
