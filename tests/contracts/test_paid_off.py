"""A late payment stays known, whatever takes off the rest of the invoice: else a cent would hide it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from derived_laws import check_open_of_parties
from test_habit import paid as observed
from trade_ledger import TradeLedger, confirm, invoice, payment, publish, requote

from contracts.pricing.training import GONE, OPEN, PAID, WRITTEN_OFF, replay
from contracts.trade import relationship, relationship_records, relationship_sums
from contracts.trade.habit_entry import Habit, turnover_of
from ledger import codec
from ledger.dates import day_from_iso

DUE, LATE, LATER = "2012-03-11", "2012-04-10", "2012-04-20"
DAYS_LATE = 30
Ways = Callable[[TradeLedger], None]


def credited(ledger: TradeLedger) -> None:
    credit = {"op": "credit.issue", "credit": "C", "invoice": "A", "amount": 1, "date": LATER}
    ledger.done("acme", credit)
    ledger.done("mega", {"op": "credit.accept", "credit": "C", "supplier": "acme"})


def set_off(ledger: TradeLedger) -> None:
    """By what is left of a credit note on another invoice, which was paid before."""
    ledger.done("acme", invoice("B", 5_00))
    ledger.done("bank", payment("B", 5_00, "E2", date=LATER))
    ledger.done("acme", {"op": "credit.issue", "credit": "C", "invoice": "B", "amount": 1, "date": LATER})
    ledger.done("mega", {"op": "credit.accept", "credit": "C", "supplier": "acme"})
    apply = {"op": "credit.apply", "credit": "C", "supplier": "acme", "invoice": "A", "amount": 1}
    ledger.done("mega", apply)


def confirmed_anew(ledger: TradeLedger) -> None:
    dispute = {"op": "invoice.dispute", "invoice": "A", "supplier": "acme", "amount": 1, "reason": "price"}
    ledger.done("mega", dispute)
    ledger.done("mega", confirm("A", 99_99, DUE))


def paid(ledger: TradeLedger) -> None:
    ledger.done("bank", payment("A", 1, "E3", date=LATE))


def paid_late(rest: Ways) -> TradeLedger:
    ledger = TradeLedger()
    ledger.done("acme", invoice("A", 100_00, due=DUE))
    ledger.done("mega", confirm("A", 100_00, DUE))
    ledger.submit("root", {"op": "date.advance", "date": LATE})
    ledger.done("bank", payment("A", 99_99, "E1", date=LATE))
    ledger.submit("root", {"op": "date.advance", "date": LATER})
    rest(ledger)
    return ledger


def sums(ledger: TradeLedger) -> relationship_sums.Aggregates:
    entry: Any = ledger.entry("relationship", "acme", "mega")
    return relationship_sums.of_currency(entry[2], "USD")


def records(ledger: TradeLedger) -> list[Any]:
    return [codec.decode(entry) for entry in ledger.records[relationship.relationship_key("acme", "mega")]]


@pytest.mark.parametrize("rest", [credited, set_off, confirmed_anew])
def test_the_last_payment_tells_how_late_an_invoice_was(rest: Ways) -> None:
    usual, ledger = paid_late(paid), paid_late(rest)
    found = Habit(ledger.entry("habit", "acme", "mega"))
    assert found.count == 1
    assert found.payments() == Habit(usual.entry("habit", "acme", "mega")).payments()
    assert found.payments()[0].days_late == DAYS_LATE
    assert turnover_of(ledger.entry("habit", "acme", ""), "USD", day_from_iso(LATER)) == 100_00
    check_open_of_parties(ledger)
    told, known = sums(ledger), sums(usual)
    assert told.open_invoices == known.open_invoices == 0
    for name in ("settled_invoices", "settled_days_late", "turnover_half_year", "turnover"):
        assert getattr(told, name) == getattr(known, name), name


@pytest.mark.parametrize("rest", [credited, set_off, confirmed_anew])
def test_whoever_holds_the_records_learns_it_too(rest: Ways) -> None:
    ledger = paid_late(rest)
    settled = [
        found for record in records(ledger) if (found := relationship_records.settlement(record)) is not None
    ]
    assert [observed(None, each) for each in settled] == [ledger.entry("habit", "acme", "mega")]
    (row,) = [row for row in replay({("acme", "mega"): records(ledger)}) if row.invoice == "A"]
    assert (row.outcome, row.days_late, row.ended_day) == (PAID, DAYS_LATE, day_from_iso(LATE))


def test_what_nobody_paid_on_says_nothing_of_lateness() -> None:
    ledger = TradeLedger()
    ledger.done("acme", invoice("A", 100_00, due=DUE))
    ledger.done("mega", confirm("A", 100_00, DUE))
    credit = {"op": "credit.issue", "credit": "C", "invoice": "A", "amount": 100_00, "date": "2012-03-01"}
    ledger.done("acme", credit)
    ledger.done("mega", {"op": "credit.accept", "credit": "C", "supplier": "acme"})
    assert ledger.entry("habit", "acme", "mega") is None
    assert sums(ledger).settled_invoices == 0
    assert [row.outcome for row in replay({("acme", "mega"): records(ledger)})] == [GONE]


def written_off(ledger: TradeLedger) -> None:
    ledger.submit("root", {"op": "date.advance", "date": "2012-06-09"})
    ledger.done("acme", {"op": "default.declare", "supplier": "acme", "invoice": "A"})
    ledger.done("acme", {"op": "default.write_off", "supplier": "acme", "invoice": "A"})


def test_what_is_given_up_is_as_late_as_it_is_old() -> None:
    """Else a supplier that writes off what is overdue would make its buyer look punctual."""
    ledger = TradeLedger()
    ledger.done("loan", publish(max_tenor_days=360))
    ledger.confirmed_invoice("NEW", 500_00, "2012-09-01")
    for number, amount in (("A", 100_00), ("B", 100_01), ("C", 100_02)):
        ledger.done("acme", invoice(number, amount, due=DUE))
        ledger.done("mega", confirm(number, amount, DUE))
    ledger.submit("root", {"op": "date.advance", "date": DUE})
    ledger.done("bank", payment("B", 100_01, "E1", date=DUE), payment("C", 100_02, "E2", date=DUE))
    punctual = requote(ledger.state, "acme", "NEW", "prime")
    written_off(ledger)
    late = requote(ledger.state, "acme", "NEW", "prime")
    assert late.late_ppm > punctual.late_ppm
    assert late.expected_late_centidays > 3 * punctual.expected_late_centidays
    found = Habit(ledger.entry("habit", "acme", "mega"))
    assert found.payments()[0].days_late == 90
    settled = [
        each for record in records(ledger) if (each := relationship_records.settlement(record)) is not None
    ]
    check_open_of_parties(ledger)
    entry = None
    for each in settled:
        entry = observed(entry, each)
    assert entry == ledger.entry("habit", "acme", "mega"), "whoever holds the records recomputes it"
    whole = turnover_of(ledger.entry("habit", "acme", ""), "USD", day_from_iso("2012-06-09"))
    assert whole == sums(ledger).turnover, "of like with like"
    outcomes = {row.invoice: row.outcome for row in replay({("acme", "mega"): records(ledger)})}
    assert outcomes == {"NEW": OPEN, "A": WRITTEN_OFF, "B": PAID, "C": PAID}
