"""What a ledger in memory gives to disclosures: as an export would, entry by entry."""

from __future__ import annotations

from typing import Any

from trade_ledger import TradeLedger

from contracts.disclosure import Disclosure, Source, scope
from contracts.disclosure.sheet import Sheet
from contracts.disclosure.source import Collector
from contracts.trade.invoice import CONFIRMED, FREE, Invoice
from ledger.dates import day_from_iso


def source_of(trade: TradeLedger) -> Source:
    """Everything on a ledger."""
    collector = Collector()
    for key, data in sorted(trade.state.data.items()):
        collector.entry(key, data)
    for key, records in sorted(trade.records.items()):
        for record in records:
            collector.record(key, record)
    return collector.source(1, trade.time_ms)


def scoped(trade: TradeLedger, party: str) -> tuple[dict[bytes, bytes | None], dict[bytes, list[bytes]]]:
    """Entries and histories of the trade of one organisation."""
    walked = scope.Walked(trade.state.data, trade.records)
    scope.walk(party, walked)
    entries = {key: trade.state.data.get(key) for key in walked.keys}
    return entries, {key: trade.records[key] for key in walked.whole}


def scoped_source(trade: TradeLedger, party: str) -> Source:
    """What an extract of the trade of one organisation gives."""
    entries, histories = scoped(trade, party)
    scope.check(party, entries, histories)
    collector = Collector()
    for key, data in sorted(entries.items()):
        if data is not None:
            collector.entry(key, data)
    for key, records in sorted(histories.items()):
        for record in records:
            collector.record(key, record)
    return collector.source(1, trade.time_ms, party)


def row(found: Disclosure, sheet: str, **where: Any) -> dict[str, Any]:
    """The one row of a sheet with these values."""
    (only,) = rows(found, sheet, **where)
    return only


def rows(found: Disclosure, sheet: str, **where: Any) -> list[dict[str, Any]]:
    """The rows of a sheet with these values."""
    return [
        entry
        for entry in as_dicts(found.sheet(sheet))
        if all(entry[name] == value for name, value in where.items())
    ]


def as_dicts(sheet: Sheet) -> list[dict[str, Any]]:
    """The rows by name."""
    names = [column.name for column in sheet.columns]
    return [dict(zip(names, row, strict=True)) for row in sheet.rows]


def owed(buyer: str, amount: int, due: str = "2012-04-26", validity: int = CONFIRMED) -> Invoice:
    """An invoice as it stands in the state, of which nothing was paid."""
    day = day_from_iso(due)
    return Invoice(
        buyer=buyer,
        currency="USD",
        issue_day=day - 60,
        due_day=day,
        order="",
        lines=(),
        gross=amount,
        validity=validity,
        title=FREE,
        net=amount,
        contested=0,
        credited=0,
        paid=0,
        offset=0,
        written_off=0,
        outstanding=amount,
        document=b"",
        backdated=0,
        supplier_approver="",
        buyer_approver="",
        tax=0,
        prepaid=0,
        taxes=(),
    )


def book_of(invoices: dict[tuple[str, str], Invoice], day: str = "2012-03-01") -> Source:
    """A ledger that holds these invoices and nothing else, by (supplier, number)."""
    collector = Collector()
    kinds = collector.source(1, 0).kinds
    kinds["param"]["business_date",] = day_from_iso(day)
    for place, found in invoices.items():
        kinds["invoice"][place] = tuple(found)
    return Source(1, 0, kinds, {})
