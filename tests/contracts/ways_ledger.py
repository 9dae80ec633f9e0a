"""The ways of an invoice from one state, as `tally match` puts them together from what nodes prove."""

from __future__ import annotations

from collections.abc import Iterable

from contracts.finance.pricer import requote
from contracts.finance.programme import read_programme
from contracts.market import matching
from contracts.market.matching import Way
from ledger.errors import Refusal
from ledger.state.overlay import Reader


def ways_of(state: Reader, supplier: str, number: str, programmes: Iterable[str]) -> tuple[Way, ...]:
    """Those that suit, best first, then the others."""
    found = tuple(programme_way(state, supplier, number, programme) for programme in programmes)
    return matching.ranked_ways((*found, *matching.other_ways(state, supplier, number, found)))


def programme_way(state: Reader, supplier: str, number: str, programme: str) -> Way:
    published = read_programme(state, programme)
    lender = "" if published is None else published.lender
    if published is not None and published.payables:
        return matching.payables_way(state, supplier, number, programme)
    try:
        return matching.priced_way(programme, lender, requote(state, supplier, number, programme))
    except Refusal as refusal:
        return matching.refused_way(programme, lender, refusal)
