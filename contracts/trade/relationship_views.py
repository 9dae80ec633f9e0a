"""A trade relationship as people are shown it: its aggregates, what follows from them, its records."""

from __future__ import annotations

from collections.abc import Iterable

from contracts.context import business_day
from contracts.pricing import Features
from contracts.trade import relationship, relationship_records, relationship_sums
from contracts.views import View, shown_day
from ledger import codec
from ledger.dates import iso_from_day
from ledger.state.overlay import Reader


def relationship_view(state: Reader, supplier: str, buyer: str) -> View | None:
    """How many records a relationship has, and its aggregates per currency with what is derived from them."""
    entry = state.get(relationship.relationship_key(supplier, buyer))
    if entry is None:
        return None
    count, head, aggregates = entry
    day = business_day(state)
    return {
        "supplier": supplier,
        "buyer": buyer,
        "records": count,
        "head": head.hex(),
        "business_date": iso_from_day(day),
        "currencies": {code: aggregates_view(aggregates, code, day) for code in sorted(aggregates)},
    }


def aggregates_view(aggregates: codec.Value, currency: str, day: int) -> View:
    """The sums of one currency by name, and what follows from them on a day."""
    sums = relationship_sums.of_currency(aggregates, currency)
    features = Features.of(sums, day)
    overdue_invoices, overdue, overdue_days = sums.overdue(day)
    shown = {name: value for name, value in sums._asdict().items() if name != "open"}
    return {
        **shown,
        "open_invoices": sums.open_invoices,
        "open_amount": sums.open_amount,
        "overdue_invoices": overdue_invoices,
        "overdue_amount": overdue,
        "overdue_amount_days": overdue_days,
        "dbt_centidays": features.dbt_centidays,
        "mean_dilution_ppm": sums.mean_dilution_ppm,
        "peak_dilution_ppm": sums.peak_dilution_ppm,
    }


def record_view(record: codec.Value) -> View:
    """One record of a history by name; `RECORD_FIELDS` has the names."""
    day, kind, *rest = record
    shown: View = {"business_date": iso_from_day(day), "kind": kind}
    for name, value in zip(relationship_records.RECORD_FIELDS[kind], rest, strict=True):
        if name.endswith("_date"):
            shown[name] = shown_day(value)
        else:
            shown[name] = value.hex() if isinstance(value, bytes) else value
    return shown


def relationships_of(party_records: Iterable[codec.Value]) -> list[View]:
    """The relationships of an organisation, from the records of its party history, oldest first."""
    return [
        {"since": iso_from_day(day), "supplier": supplier, "buyer": buyer}
        for day, _, supplier, buyer in party_records
    ]
