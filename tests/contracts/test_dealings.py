"""What buyers and suppliers have been through with everybody: the sums are those of the records, no more."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any, NamedTuple

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from test_habit import Nothing, faded
from test_habit import settled as paid
from trade_ledger import TradeLedger, confirm, dispatch, order_submit, payment, receive
from trade_ledger import invoice as bill

from contracts.pricing.known import MISSING, MOST_TENURE_DAYS, Asked
from contracts.pricing.lateness import DEFAULT_SHARE_PPM, FEATURES, describe_in
from contracts.pricing.training import replay
from contracts.trade import habit, relationship, relationship_sums
from contracts.trade.habit_entry import (
    BUYER,
    HALVING_DAYS,
    SUPPLIER,
    WIDE_SHIFT,
    Dealings,
    Levels,
    habit_key,
    turnover_of,
)
from ledger import codec
from ledger.dates import day_from_iso, iso_from_day
from ledger.money import MAX_TOTAL, PPM
from ledger.state.overlay import Overlay, Reader

FIRST = day_from_iso("2012-03-01")
PAIRS = (("acme", "mega"), ("acme", "nova"), ("bolt", "mega"), ("bolt", "nova"))


class Deal(NamedTuple):
    """Goods, an invoice and its payment; the next one begins when it is over."""

    pair: int
    amount: int
    currency: str = "USD"
    gap: int = 1
    """Days to its invoice."""
    late: int = 0
    """Days from the due date to the payment."""
    reduced: int = 0
    """Percent of the gross that the buyer leaves out."""
    disputed: bool = False
    goods: str = ""
    """How they arrive: whole, late, short or lost; empty for none."""


DEALS = st.lists(
    st.builds(
        Deal,
        pair=st.integers(0, 3),
        amount=st.integers(100, 10**9),
        currency=st.sampled_from(["USD", "EUR", "JPY"]),
        gap=st.integers(1, 120),
        late=st.integers(-9, 40),
        reduced=st.sampled_from([0, 0, 5, 40]),
        disputed=st.booleans(),
        goods=st.sampled_from(["", "whole", "late", "short", "lost"]),
    ),
    min_size=1,
    max_size=9,
)


class Trade:
    """A ledger on which deals are done one after the other, no two things on the same day."""

    def __init__(self, deals: Iterable[Deal]) -> None:
        self.ledger, self.day = TradeLedger(), FIRST
        self.described: dict[str, tuple[int, ...]] = {}
        """Each invoice as the ledger knew it on the day before it came."""
        self.after: dict[str, tuple[int, ...]] = {}
        """The same right after the buyer confirmed it, read as a quote reads it."""
        for number, deal in enumerate(deals):
            self.deal(number, deal)

    def wait(self, days: int) -> str:
        self.day += days
        self.ledger.submit("root", {"op": "date.advance", "date": iso_from_day(self.day)})
        return iso_from_day(self.day)

    def deal(self, number: int, deal: Deal) -> None:
        supplier, buyer = PAIRS[deal.pair]
        if deal.goods:
            self.deliver(f"S{number}", supplier, buyer, deal)
        today, name, due = self.wait(deal.gap), f"D{number}", self.day + 20
        asked = Asked(self.day, self.day, due, deal.amount, deal.currency)
        self.described[name] = describe_in(self.ledger.state, supplier, buyer, asked)
        dates = {"due": iso_from_day(due), "issue_date": today, "currency": deal.currency, "buyer": buyer}
        net = deal.amount - deal.amount * deal.reduced // 100
        self.ledger.done(supplier, bill(name, deal.amount, **dates))
        self.ledger.done(buyer, {**confirm(name, net, iso_from_day(due)), "supplier": supplier})
        self.after[name] = describe_in(self.ledger.state, supplier, buyer, asked, due)
        if deal.disputed:
            contested = {"invoice": name, "supplier": supplier}
            self.ledger.done(buyer, {"op": "invoice.dispute", **contested, "amount": 1, "reason": "damaged"})
            self.ledger.done(buyer, {"op": "dispute.withdraw", **contested, "reason": "found"})
        on = self.wait(20 + deal.late)
        parties = {"payer": buyer, "supplier": supplier, "currency": deal.currency}
        self.ledger.done("bank", payment(name, net, f"IN {number}", date=on, **parties))
        self.wait(1)

    def deliver(self, name: str, supplier: str, buyer: str, deal: Deal) -> None:
        order = {"order": f"PO {name}", "buyer": buyer}
        drafted = order_submit(order["order"], (("1", 100, 1_000_000),), deal.currency)
        self.ledger.done(supplier, {**drafted, **order})
        self.ledger.done(buyer, {"op": "order.issue", "order": order["order"], "supplier": supplier})
        today = self.wait(1)
        scheduled = iso_from_day(self.day + 1)
        sent = {**dispatch(name, quantity=100), **order, "date": today, "scheduled": scheduled}
        self.ledger.done(supplier, sent)
        today = self.wait(2 if deal.goods == "late" else 1)
        if deal.goods == "lost":
            lost = {"op": "shipment.lose", "shipment": name, "supplier": supplier}
            self.ledger.done(supplier, {**lost, "date": today, "reason": "sunk"})
        else:
            found = receive(name, accepted=80 if deal.goods == "short" else 97, rejected=3)
            self.ledger.done(buyer, {**found, "supplier": supplier, "date": today})

    def records(self) -> list[tuple[str, str, codec.Value]]:
        """(supplier, buyer, record) of everything, in order."""
        found = [
            (*pair, codec.decode(record))
            for pair in PAIRS
            for record in self.ledger.records.get(relationship.relationship_key(*pair), [])
        ]
        return sorted(found, key=lambda entry: entry[2][0])

    def histories(self) -> dict[tuple[str, str], list[codec.Value]]:
        found = defaultdict(list)
        for supplier, buyer, record in self.records():
            found[supplier, buyer].append(record)
        return found


class Plain(NamedTuple):
    """Records of one party, or of one pair, counted by going through all of them."""

    records: list[codec.Value]

    @classmethod
    def of(cls, trade: Trade, supplier: str = "", buyer: str = "") -> Plain:
        return cls(
            [
                record
                for by, to, record in trade.records()
                if supplier in (by, "") and buyer in (to, "")
            ]
        )  # fmt: skip

    def of_kind(self, kind: str) -> list[codec.Value]:
        return [record for record in self.records if record[1] == kind]

    def dealings(self) -> Dealings:
        payments, receipts = self.of_kind("payment"), self.of_kind("receive")
        lost = len(self.of_kind("lose"))
        return Dealings(
            first_day=payments[0][5] if payments else 0,
            settled=len(payments),
            diluted_ppm=sum(record[11] * PPM // record[10] for record in payments),
            disputed=len(self.of_kind("dispute")),
            deliveries=len(receipts) + lost,
            deliveries_late=sum(record[8] > 0 for record in receipts),
            deliveries_short=sum(record[5] + record[6] < 100 for record in receipts) + lost,
        )

    def turnover(self, currency: str, day: int) -> int:
        total, half_year = 0, FIRST // HALVING_DAYS
        for record in self.of_kind("payment"):
            if record[3] == currency:
                while half_year < record[5] // HALVING_DAYS:
                    total, half_year = total // 2, half_year + 1
                total += record[10]
        while half_year < day // HALVING_DAYS:
            total, half_year = total // 2, half_year + 1
        return total

    def cell(self) -> tuple[int, ...]:
        cell: tuple[int, ...] = (0, 0, 0, 0)
        for record in self.of_kind("payment"):
            cell = faded(cell, WIDE_SHIFT, record[5] - record[6])
        return cell


@settings(max_examples=15, deadline=None)
@given(DEALS)
def test_dealings_are_what_the_records_of_a_party_say(deals: list[Deal]) -> None:
    trade = Trade(deals)
    state, day = trade.ledger.state, trade.day
    for supplier in ("acme", "bolt"):
        entry, plain = state.get(habit_key(supplier, "")), Plain.of(trade, supplier=supplier)
        assert Dealings.of(entry, SUPPLIER) == plain.dealings()
        assert Levels.of(None, entry, None, 0, 0).supplier == plain.cell()
        for currency in ("USD", "EUR", "JPY"):
            assert turnover_of(entry, currency, day) == plain.turnover(currency, day)
    for buyer in ("mega", "nova"):
        entry = state.get(habit_key("", buyer))
        assert Dealings.of(entry, BUYER) == Plain.of(trade, buyer=buyer).dealings()
    trade.ledger.check()


@settings(max_examples=15, deadline=None)
@given(DEALS, st.integers(0, 3), st.sampled_from(["USD", "EUR"]), st.integers(0, 200))
def test_features_of_the_parties_are_what_their_records_say(
    deals: list[Deal], pair: int, currency: str, later: int
) -> None:
    trade = Trade(deals)
    supplier, buyer = PAIRS[pair]
    day = trade.day + later
    described = describe_in(trade.ledger.state, supplier, buyer, Asked(day, day, day + 30, 5_000, currency))
    found = dict(zip(FEATURES, described, strict=True))
    own = Plain.of(trade, supplier, buyer)
    sold, bought = Plain.of(trade, supplier=supplier), Plain.of(trade, buyer=buyer)
    for name, plain in (("supplier", sold), ("buyer", bought)):
        sums = plain.dealings()
        assert found[f"{name}_disputed"] == share(sums.disputed, sums.disputed + sums.settled)
        assert found[f"{name}_diluted"] == (sums.diluted_ppm // sums.settled if sums.settled else 0)
        assert found[f"{name}_delivered_late"] == share(sums.deliveries_late, sums.deliveries)
        assert found[f"{name}_delivered_short"] == share(sums.deliveries_short, sums.deliveries)
    in_currency = Plain([record for record in own.records if record[3] == currency]).dealings()
    assert found["delivered_short"] == share(in_currency.deliveries_short, in_currency.deliveries)
    assert found["share_of_supplier"] == share(own.turnover(currency, day), sold.turnover(currency, day))
    paid_here, paid_all = own.dealings().settled, bought.dealings().settled
    assert found["share_elsewhere"] == share(paid_all - paid_here, paid_all)
    first, first_anywhere = own.dealings().first_day, bought.dealings().first_day
    assert found["tenure"] == (min(MOST_TENURE_DAYS, day - first) if first else MISSING)
    elsewhere = (first or day) - first_anywhere if first_anywhere else 0
    assert found["tenure_elsewhere"] == min(MOST_TENURE_DAYS, elsewhere)


def share(part: int, whole: int) -> int:
    return part * PPM // whole if whole else 0


@settings(max_examples=15, deadline=None)
@example([Deal(0, 500), Deal(2, 500, reduced=40, disputed=True, goods="lost"), Deal(0, 500)])
@given(DEALS)
def test_rows_describe_what_the_ledger_described_and_the_future_changes_none(deals: list[Deal]) -> None:
    trade = Trade(deals)
    rows = {row.invoice: row.description for row in replay(trade.histories())}
    assert rows == trade.described, "whoever holds the records has the rows"
    for number, goods in enumerate(("late", "short", "lost"), len(deals)):
        trade.deal(number, Deal(number % 4, 10**9, "USD", 200, 30, 40, disputed=True, goods=goods))
    later = {row.invoice: row.description for row in replay(trade.histories())}
    assert {name: later[name] for name in rows} == rows


@settings(max_examples=15, deadline=None)
@given(DEALS)
def test_an_invoice_confirmed_in_part_or_in_full_says_nothing_of_itself(deals: list[Deal]) -> None:
    trade = Trade(deals)
    assert trade.after == trade.described


@settings(max_examples=10, deadline=None)
@given(DEALS)
def test_with_one_supplier_it_is_the_network_and_nothing_sets_it_against_others(deals: list[Deal]) -> None:
    """So that a model of such a ledger learns nothing from it, and shrinkage is as without the supplier."""
    trade = Trade([deal._replace(pair=deal.pair % 2) for deal in deals])
    state, day = trade.ledger.state, trade.day
    for buyer in ("mega", "nova"):
        asked = Asked(day, day, day + 30, 5_000, "USD")
        found = dict(zip(FEATURES, describe_in(state, "acme", buyer, asked), strict=True))
        for name in ("supplier_late", "supplier_days", "share_elsewhere", "tenure_elsewhere"):
            assert found[name] == 0


def observed(state: Overlay, supplier: str, buyer: str, late: int, times: int = 1, **changes: Any) -> None:
    for _ in range(times):
        habit.observe(state, supplier, buyer, paid(late=late)._replace(**changes))


def asked_of(state: Reader, supplier: str, buyer: str) -> dict[str, int]:
    asked = Asked(FIRST + 40, FIRST + 40, FIRST + 70, 5_000, "USD")
    return dict(zip(FEATURES, describe_in(state, supplier, buyer, asked), strict=True))


def test_a_new_customer_is_expected_to_pay_as_the_suppliers_others_do_and_a_known_one_as_elsewhere() -> None:
    state = Overlay(Nothing())
    observed(state, "slow", "one", 9, 60)
    observed(state, "quick", "two", -2, 60)
    slow, quick = asked_of(state, "slow", "new"), asked_of(state, "quick", "new")
    assert slow["late_long"] > 700_000
    assert quick["late_long"] < 250_000
    assert slow["supplier_late"] > 0 > quick["supplier_late"]
    assert slow["beyond_long"] > quick["beyond_long"]
    assert slow["days_long"] - quick["days_long"] == slow["supplier_days"] - quick["supplier_days"]
    known = asked_of(state, "slow", "two")
    assert known["late_long"] < 100_000, (
        "it pays in time, and that its seller is paid late by others is no news"
    )
    assert (known["share_elsewhere"], known["tenure"]) == (PPM, MISSING)


def test_a_new_supplier_starts_from_the_others() -> None:
    state = Overlay(Nothing())
    assert asked_of(state, "new", "nobody")["late_long"] == DEFAULT_SHARE_PPM
    observed(state, "old", "one", 9, 100)
    found = asked_of(state, "new", "nobody")
    assert found["late_long"] == found["supplier_late"] + asked_of(state, "old", "nobody")["network_weekday"]
    assert found["late_long"] > 850_000


def test_turnover_halves_with_each_half_year_and_a_late_entry_counts_as_of_its_day() -> None:
    state = Overlay(Nothing())
    day = 100 * HALVING_DAYS
    observed(state, "acme", "mega", 0, paid_day=day, amount=1_000)
    observed(state, "acme", "mega", 0, paid_day=day + 3 * HALVING_DAYS, amount=40)
    observed(state, "acme", "mega", 0, paid_day=day + HALVING_DAYS, amount=400, currency="EUR")
    observed(state, "acme", "mega", 0, paid_day=day + HALVING_DAYS - 1, amount=80)
    entry = state.get(habit_key("acme", ""))
    assert turnover_of(entry, "USD", day + 3 * HALVING_DAYS) == 1_000 // 8 + 40 + 80 // 8
    assert turnover_of(entry, "USD", day + 5 * HALVING_DAYS) == (1_000 // 8 + 40 + 80 // 8) // 4
    assert turnover_of(entry, "EUR", day + 3 * HALVING_DAYS) == 100
    assert turnover_of(entry, "JPY", day) == turnover_of(None, "USD", day) == 0


def test_turnover_stays_within_64_bits_and_stops_no_payment() -> None:
    assert habit.turned_over(7, MAX_TOTAL - 1, 7, 2) == (7, MAX_TOTAL)


@pytest.mark.parametrize(
    ("goods", "late", "short"), [("whole", 0, 0), ("late", 1, 0), ("short", 0, 1), ("lost", 0, 1)]
)
def test_a_delivery_is_late_or_short_or_neither(goods: str, late: int, short: int) -> None:
    trade = Trade([Deal(0, 500, goods=goods)])
    entry = trade.ledger.entry("relationship", "acme", "mega")
    sums = relationship_sums.of_currency(entry[2], "USD")
    assert (sums.deliveries, sums.deliveries_late, sums.deliveries_short) == (1, late, short)


OTHERS = st.lists(
    st.tuples(st.sampled_from(PAIRS), st.integers(-100, 400), st.integers(0, 120), st.booleans()),
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(OTHERS, st.integers(0, 60), st.integers(-30, 700))
def test_an_open_invoice_among_others_says_nothing_of_itself(
    others: list[tuple[tuple[str, str], int, int, bool]], later: int, term: int
) -> None:
    """Not even by the week that it lies in, or by what its confirmation moves in the entries."""
    state = Overlay(Nothing())
    for (supplier, buyer), due, day, is_paid in sorted(others, key=lambda other: other[2]):
        habit.note_open(state, supplier, buyer, FIRST + day, ((FIRST + due, 1),))
        if is_paid:
            one = paid(late=day - due)._replace(due_day=FIRST + due, paid_day=FIRST + day)
            habit.observe(state, supplier, buyer, one)
    day = FIRST + 120 + later
    asked = Asked(day, day, day + term, 5_000, "USD")
    before = describe_in(state, "acme", "mega", asked)
    habit.note_open(state, "acme", "mega", day, ((asked.due_day, 1),))
    basis = relationship_sums.Aggregates(
        open=((0, 0, 0, 0), (asked.due_day // 7, 1, 5_000, 5_000 * asked.due_day))
    )
    state.put(relationship.relationship_key("acme", "mega"), (1, b"", {"USD": tuple(basis)}))
    assert describe_in(state, "acme", "mega", asked, asked.due_day) == before


def test_what_is_open_and_overdue_with_everybody_is_told_at_its_age_now() -> None:
    state = Overlay(Nothing())
    monday = FIRST - FIRST % 7  # of the weeks in which due dates are counted
    for pair, due in ((0, -70), (0, -14), (1, -7), (1, 30), (2, -7), (2, 40), (2, 50), (3, -21)):
        habit.note_open(state, *PAIRS[pair], monday, ((monday + due, 1),))
    asked = Asked(monday, monday, monday + 30, 5_000, "USD")
    found = dict(zip(FEATURES, describe_in(state, "acme", "mega", asked), strict=True))
    assert (found["buyer_open"], found["buyer_overdue"]) == (5, 3 * PPM // 5)
    assert found["buyer_overdue_days"] == 100 * 7 * (8 + 2 + 1) // 3, "ten weeks count as eight"
    assert (found["supplier_open"], found["supplier_overdue"]) == (4, 3 * PPM // 4)
    assert found["supplier_overdue_days"] == 100 * 7 * (8 + 2 + 1) // 3
    assert found["network_overdue"] == 5 * PPM // 8
    assert found["network_overdue_days"] == 100 * 7 * (8 + 2 + 1 + 1 + 3) // 5
    nobody = Overlay(Nothing())
    for party in ("buyer", "supplier"):
        # two of the last three weeks count as late ones
        prior = asked_of(nobody, "acme", "mega")[f"{party}_late_with_overdue"]
        weight = 3 if party == "buyer" else 20
        assert found[f"{party}_late_with_overdue"] == (2 * PPM + weight * prior) // (2 + weight)


def test_quantiles_of_the_parties_are_those_of_their_payments_by_classes() -> None:
    state = Overlay(Nothing())
    for late in (-12, -3, 0, 0, 1, 2, 3, 7, 40, 90):
        observed(state, "acme", "mega", late, due_day=FIRST - 200, paid_day=FIRST - 200 + late)
    observed(state, "bolt", "nova", 15, times=10, due_day=FIRST - 200, paid_day=FIRST - 185)
    found = asked_of(state, "acme", "mega")
    names = ("quantile_20", "median", "quantile_80")
    assert [found[f"buyer_{name}"] for name in names] == [0, 200, 4_000]
    assert [found[f"supplier_{name}"] for name in names] == [0, 200, 4_000]
    assert [found[f"network_{name}"] for name in names] == [100, 1_500, 1_500]
    stranger = asked_of(state, "new", "unknown")
    assert [stranger[f"{party}_{name}"] for party in ("buyer", "supplier") for name in names] == [MISSING] * 6
    assert [stranger[f"network_{name}"] for name in names] == [100, 1_500, 1_500]
