"""Concentration: how much of what a holder has hangs on one obligor, or on one supplier.

| figure | is |
|---|---|
| share | amount / everything that the holder has in that currency |
| excess | amount above the cap; cap: a share of the whole, rounded down (`formulae.concentration_excess`) |
| index | Herfindahl-Hirschman: the sum of the squared shares, in ppm of 1 |

All assets of `position` count that an obligor has confirmed: whoever holds them bears its obligors' risk,
lender or supplier. What a holder has pledged counts for it in full.
"""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

from contracts.disclosure.ageing import share
from contracts.disclosure.position import Position, positions
from contracts.disclosure.sheet import Count, Disclosure, Minor, Ppm, Sheet
from contracts.disclosure.source import Source
from contracts.pricing.formulae import concentration_excess
from ledger.money import PPM, divide_half_away

CAP_PPM = 250_000
"""Cap that is measured against unless the reader names another."""


class ShareRow(NamedTuple):
    """What one holder has on one obligor, or from one supplier."""

    holder: str
    on: str
    """Obligor or supplier."""
    currency: str
    positions: Count
    amount: Minor
    share_ppm: Ppm
    excess: Minor
    eligible: Minor


class BookRow(NamedTuple):
    """One holder's whole book in one currency."""

    holder: str
    currency: str
    obligors: Count
    amount: Minor
    largest_ppm: Ppm
    index_ppm: Ppm
    excess: Minor
    eligible: Minor


def concentration(source: Source, holder: str = "", cap_ppm: int = CAP_PPM) -> Disclosure:
    """The concentrations of every holder, or of one."""
    books: dict[tuple[str, str], list[Position]] = defaultdict(list)
    for position in positions(source):
        if holder in ("", position.holder) and position.is_confirmed:
            books[position.holder, position.currency].append(position)
    kept = {key: books[key] for key in sorted(books)}
    obligors = [row for key, book in kept.items() for row in _shares(key, book, "obligor", cap_ppm)]
    suppliers = [row for key, book in kept.items() for row in _shares(key, book, "supplier", cap_ppm)]
    return Disclosure(
        "concentration",
        "Concentration of exposures",
        source.day,
        {"cap_ppm": cap_ppm},
        (
            "Shares are of all confirmed amounts that a holder has in one currency, reserves and what it "
            "has pledged included.",
        ),
        (
            Sheet.of("holders", "by holder and currency", BookRow, _books(obligors)),
            Sheet.of("obligors", "by holder, obligor and currency", ShareRow, obligors),
            Sheet.of("suppliers", "by holder, supplier and currency", ShareRow, suppliers),
        ),
    )


def _shares(key: tuple[str, str], book: list[Position], unit: str, cap_ppm: int) -> list[ShareRow]:
    groups: dict[str, list[Position]] = defaultdict(list)
    for position in book:
        groups[getattr(position, unit)].append(position)
    sums = {name: sum(position.amount for position in group) for name, group in groups.items()}
    names = sorted(sums, key=lambda name: (-sums[name], name))
    excesses = concentration_excess([sums[name] for name in names], cap_ppm)
    whole = sum(sums.values())
    return [
        ShareRow(
            key[0],
            name,
            key[1],
            len(groups[name]),
            sums[name],
            share(sums[name], whole),
            excess,
            sums[name] - excess,
        )
        for name, excess in zip(names, excesses, strict=True)
    ]


def _books(rows: list[ShareRow]) -> list[BookRow]:
    groups: dict[tuple[str, str], list[ShareRow]] = defaultdict(list)
    for row in rows:
        groups[row.holder, row.currency].append(row)
    books = []
    for (holder, currency), group in sorted(groups.items()):
        amount = sum(row.amount for row in group)
        squares = sum(row.amount * row.amount for row in group)
        excess = sum(row.excess for row in group)
        index = divide_half_away(squares * PPM, amount * amount)
        largest = max(row.share_ppm for row in group)
        books.append(BookRow(holder, currency, len(group), amount, largest, index, excess, amount - excess))
    return books
