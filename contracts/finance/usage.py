"""What is drawn under a lender's programme: in all, for each obligor and for each supplier.

    ("use", programme, currency, scope, name) -> Use; absent if both are 0

| scope | name | counts against |
|---|---|---|
| all | empty | the programme's limit |
| obligor | the buyer | the obligor's share of what is drawn in all |
| supplier | the supplier | the supplier's limit, and its share of what is drawn in all |

A lender's exposure to a buyer (`contracts.finance.claim`) is over all its programmes; this is what one
programme has out. Both move in the same operation, by what is left of a claim's principal.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from contracts import invariants
from contracts.context import Context
from ledger.state.overlay import Reader, state_key

ALL, OBLIGOR, SUPPLIER = "all", "obligor", "supplier"


class Use(NamedTuple):
    """State value of what is drawn in one scope, minor units."""

    reserved: int
    """Advances that are offered and not paid yet."""
    funded: int
    """Principal that is paid out and not back yet."""

    @property
    def total(self) -> int:
        """What counts against a limit."""
        return self.reserved + self.funded


NOTHING = Use(0, 0)


@lru_cache(maxsize=4_096)
def use_key(programme: str, currency: str, scope: str, name: str = "") -> bytes:
    """State key of what a programme has out in one scope."""
    return state_key("use", programme, currency, scope, name)


def scopes(supplier: str, obligor: str) -> tuple[tuple[str, str], ...]:
    """(scope, name) of all that a claim of this supplier on this obligor counts in."""
    return ((ALL, ""), (OBLIGOR, obligor), (SUPPLIER, supplier))


def read_use(state: Reader, programme: str, currency: str, scope: str, name: str = "") -> Use:
    """What a programme has out in one scope."""
    value = state.get(use_key(programme, currency, scope, name))
    return NOTHING if value is None else Use._make(value)


def change_use(context: Context, programme: str, owed: tuple[str, str, str], change: tuple[int, int]) -> None:
    """Change what a programme has out by (reserved, funded); `owed` is (supplier, obligor, currency)."""
    supplier, obligor, currency = owed
    for scope, name in scopes(supplier, obligor):
        before = read_use(context.state, programme, currency, scope, name)
        after = Use(before.reserved + change[0], before.funded + change[1])
        invariants.within_limit(*after, max(after.total, 0))
        key = use_key(programme, currency, scope, name)
        if after == NOTHING:
            context.state.delete(key)
        else:
            context.put(key, tuple(after))
