"""What follows from histories must agree with what is in the state: for machines, at the end of a run."""

from __future__ import annotations

from collections import Counter, defaultdict

from trade_ledger import TradeLedger

from contracts.certificates.leaf import read_promise, read_totals
from contracts.context import BUSINESS_DATE
from contracts.holdings import book, portfolio
from contracts.holdings.book import Totals
from contracts.trade import receivables, relationship_sums
from contracts.trade.habit_entry import BUYER, NETWORK, SUPPLIER, OpenWeeks, habit_key
from contracts.trade.invoice import CONFIRMED, Invoice
from ledger import codec
from ledger.state.overlay import state_key


def check_derived(trade: TradeLedger) -> None:
    """Open receivables of every relationship and party, and positions and earnings of every book."""
    day = trade.get(BUSINESS_DATE)
    check_open_of_parties(trade)
    for key, data in trade.records.items():
        kind, *parties = codec.decode(key)
        records = [codec.decode(record) for record in data]
        entry = trade.get(key)
        assert entry is not None
        if kind == "relationship":
            _open_receivables(trade, parties[0], parties[1], records, entry[2])
        elif kind == "book":
            _positions(records, entry[2], int(day))


def _open_receivables(
    trade: TradeLedger, supplier: str, buyer: str, records: list[codec.Value], aggregates: codec.Value
) -> None:
    """They are the open basis of the aggregates, and each is what its invoice says."""
    found = receivables.open_basis(supplier, buyer, records)
    known = {}
    for currency in aggregates:
        sums = relationship_sums.of_currency(aggregates, currency)
        if sums.open_invoices or sums.open_amount:
            known[currency] = (sums.open_invoices, sums.open_amount)
    assert receivables.totals((*found.invoices, *found.promises)) == known
    for one in found.promises:
        promise = read_promise(trade.state, buyer, one.number)
        assert promise is not None
        assert (promise.payee, promise.maturity) == (supplier, one.due_day)
        assert read_totals(trade.state, buyer, one.number).live == one.outstanding
    for one in found.invoices:
        invoice = Invoice._make(trade.get(state_key("invoice", supplier, one.number)) or ())
        assert (invoice.validity, invoice.outstanding, invoice.due_day) == (
            CONFIRMED,
            one.outstanding,
            one.due_day,
        )


def check_open_of_parties(trade: TradeLedger) -> None:
    """What is open with a party, and in all, is what its relationships have open, week by week."""
    weeks: defaultdict[tuple[str, str], Counter[int]] = defaultdict(Counter)
    for key in trade.records:
        kind, *parties = codec.decode(key)
        if kind != "relationship":
            continue
        supplier, buyer = parties
        for sums in trade.get(key)[2].values():
            for week, invoices, _, _ in relationship_sums.Aggregates._make(sums).open:
                for party in ((supplier, ""), ("", buyer), ("", "")):
                    weeks[party][week] += invoices
    for (supplier, buyer), by_week in weeks.items():
        layout = SUPPLIER if supplier else BUYER if buyer else NETWORK
        kept = OpenWeeks.of(trade.get(habit_key(supplier, buyer)), layout)
        assert kept.by_week() == {week: n for week, n in by_week.items() if n and week >= kept.base}
        assert kept.old == sum([n for week, n in by_week.items() if week < kept.base])


def _positions(records: list[codec.Value], totals: codec.Value, day: int) -> None:
    """They add up to the totals, and what they earned is within what they cost."""
    folded: codec.Value = book.EMPTY
    for record in records:
        folded = book.fold(folded, record)
    assert folded == totals
    held = portfolio.positions(records)
    for currency, sums in totals.items():
        mine = [one.sums for one in held if one.currency == currency]
        assert Totals(*(sum(places) for places in zip(*mine, strict=True))) == Totals._make(sums)
        moved = portfolio.flows(records, currency)
        whole = portfolio.performance(moved, held, currency, records[0][0], day)
        assert whole.interest == Totals._make(sums).interest
        assert whole.earned <= sum(one.charges for one in held if one.currency == currency)
        parts = [
            portfolio.performance(moved, held, currency, first, last)
            for first, last in portfolio.months(day, (day - records[0][0]) // 28 + 2)
        ]
        assert sum(month.principal_days for month in parts) == whole.principal_days
        assert sum(month.net_income for month in parts) == whole.net_income
    for by in portfolio.BY:
        found = portfolio.groups(held, by, day)
        assert sum(group.principal for group in found) == sum(one.principal for one in held)
