"""One episode's chance: what players draw from, remember, and know of who there is."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any

from trade_ledger import ROLES

from campaign.ledger import MORE_ROLES, CampaignLedger
from ledger.dates import iso_from_day

SIGNER = "_signer"
"""Name under which a move says who signs."""
Facts = dict[str, Any]
EVERYBODY: dict[str, tuple[str, ...]] = {**ROLES, **MORE_ROLES}
DAYS = (1, 1, 1, 1, 1, 1, 2, 2, 3, 7, 30)
"""How far the business date moves, if not to an awaited day."""
AWAITED = 0.6
"""Share of moves to the next day on which something can be done that could not be done before."""
AMOUNTS = (1, 99, *(10_000, 25_000, 60_000, 100_000) * 4)


@dataclass
class Draw:
    """One episode's chance, and what its players remember."""

    rng: Random
    ledger: CampaignLedger
    taken: Counter[str]
    """How often each operation was taken so far."""
    favourites: frozenset[str] = frozenset()
    """The operations of the episode's theme."""
    numbers: int = 0
    weights: list[float] = field(default_factory=list)
    """Of the operations of the table, summed up; and how many had been taken when they were weighed."""
    weighed: int = -1
    bids: dict[tuple[str, str, str], tuple[str, int, int, bytes]] = field(default_factory=dict)
    """What each lender has sealed, by (supplier, auction, lender): (programme, rate ppm, amount, salt)."""
    keys: dict[str, list[str]] = field(default_factory=dict)
    """Names of the keys that each organisation has added."""

    @property
    def day(self) -> int:
        """The business date."""
        return int(self.ledger.kinds["param"]["business_date",])

    def date(self, ahead: int = 0) -> str:
        """A day from the business date on, as text."""
        return iso_from_day(max(1, self.day + ahead))

    def number(self) -> str:
        """A number that was never used."""
        self.numbers += 1
        return str(self.numbers)

    def one(self, *roles: str) -> str:
        """An organisation with one of the roles, or any if there is none."""
        named = [name for name, has in EVERYBODY.items() if not roles or set(has) & set(roles)]
        return self.rng.choice(named)

    def pick(self, kind: str) -> tuple[tuple[Any, ...], Any] | None:
        """One of the newest entries of a kind."""
        known = list(self.ledger.kinds[kind].items())[-10:]
        return self.rng.choice(known) if known else None

    def parties(self) -> tuple[str, str]:
        """A supplier and a buyer, mostly the same few."""
        return self.rng.choice(
            [("acme", "mega")] * 5 + [("bolt", "mega"), ("acme", "nova"), ("bolt", "nova"), ("trio", "nova")]
        )
