"""The laws of lenders' books over a whole state: each is what its lender's claims add up to.

`state_check` runs them with those of trade, finance and cash. Each function names its number.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from contracts.errors import InvariantBroken
from contracts.finance.claim import Lien, agent, shares_of
from contracts.holdings.book import Totals, book_adds_up
from contracts.trade.invoice import HELD
from contracts.trade.trade_check import Kinds


def books_follow_claims(kinds: Kinds) -> None:
    """13: open claims, principal and reserve of a book are those of the claims its lender holds."""
    expected: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0, 0])
    for value in kinds["lien"].values():
        lien = Lien._make(value)
        if lien.title not in HELD:
            continue
        for share in shares_of(lien):
            sums = expected[share.lender, lien.currency]
            sums[0] += 1
            sums[1] += 0 if lien.written_off else share.left
            sums[2] += lien.reserve_left if share.lender == agent(lien) else 0
    for lender, currency, totals in _totals(kinds):
        found = [totals.open, totals.principal, totals.reserve]
        if found != expected.pop((lender, currency), [0, 0, 0]):
            raise InvariantBroken(13, f"the book of {lender} in {currency} is not its claims: {found}")
    if expected:
        raise InvariantBroken(13, f"claims in no book: {min(expected)}")


def books_follow_deals(kinds: Kinds) -> None:
    """19: what a book says that suppliers owe is what claims that are over have left."""
    expected: dict[tuple[str, str], int] = defaultdict(int)
    for value in kinds["deal"].values():
        lien = Lien._make(value)
        if lien.replaced_by or lien.written_off:
            continue
        for share in shares_of(lien):
            expected[share.lender, lien.currency] += share.left
    for lender, currency, totals in _totals(kinds):
        if totals.owed != expected.pop((lender, currency), 0):
            raise InvariantBroken(19, f"{totals.owed} {currency} owed by suppliers to {lender}")
    if any(expected.values()):
        raise InvariantBroken(19, "a shortfall in no book")


def advances_are_accounted_for(kinds: Kinds) -> None:
    """19: what a lender has advanced is somewhere, and once: `holdings.book.book_adds_up`."""
    for _, _, totals in _totals(kinds):
        book_adds_up(totals)


def _totals(kinds: Kinds) -> list[tuple[str, str, Totals]]:
    return [
        (lender, currency, Totals._make(sums))
        for (lender,), (_, _, totals) in kinds["book"].items()
        for currency, sums in totals.items()
    ]


CHECKS: tuple[Callable[[Kinds], None], ...] = (
    books_follow_claims,
    books_follow_deals,
    advances_are_accounted_for,
)
