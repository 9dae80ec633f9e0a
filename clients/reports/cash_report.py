"""How fast and how dear exchanges of currencies were, beside what a correspondent bank would have taken.

Everything that is measured comes from proved state: block times of the request and of the settlement,
amounts, fee, and the middle of the market as the maker stated it and signed. What is compared with is an
assumption of the reader, and stands in the answer.

| figure | is |
|---|---|
| clearing time | block time of the settlement - block time of the request: from order to finality |
| cost | fee + (bought - sold at the stated middle), in the currency paid; rounded half away from zero |
| cost in ppm | cost / sold at the stated middle |

| faster | least and most days assumed for correspondent banks / clearing time, rounded down |
| cheaper | (assumed cost - cost) / assumed cost, in ppm |
| meets | whether an exchange reaches the aims that the reader sets: minutes, and a share of the cost saved |

Not counted: what a node costs to run, what a client pays for bringing money onto the ledger and taking it
off, and whether the stated middle was right: compare it with a source of your own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from contracts.cash.exchange import SETTLED, STATUS, Exchange
from ledger.money import PPM, currency_digits, divide_half_away

MS_PER_DAY = 86_400_000
MS_PER_MINUTE = 60_000

SOURCES = (
    "Days of correspondent banks: an assumption. 2 to 3 is the figure that is usually named; CPMI and BIS, "
    "SWIFT gpi data indicate drivers of fast cross-border payments (February 2022), measured a median below "
    "2 hours over all routes, below 5 minutes on the fastest and above 2 days on several of the slowest.",
    "Cost of correspondent banks: an assumption, by corridor and amount. FSB, Targets for addressing the "
    "four challenges of cross-border payments (October 2021), asks of retail payments an average of at most "
    "1 % (10,000 ppm), at most 3 % in any corridor, and 75 % of payments within an hour, by the end of 2027.",
)
"""What stands behind the assumptions, for whoever reads the report."""


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What an exchange is compared with."""

    correspondent_days: int
    """Days from the order to the money's arrival through correspondent banks, at least."""
    correspondent_most_days: int
    """The same, at most."""
    correspondent_cost_ppm: int | None
    """Cost through correspondent banks, parts per million of the amount; None: nothing to compare with."""
    aim_minutes: int
    """Within which an exchange should clear."""
    aim_cheaper_ppm: int
    """What share of the assumed cost it should save."""


@dataclass(frozen=True, slots=True)
class Measured:
    """One settled exchange."""

    taker: str
    number: str
    found: Exchange

    @property
    def clearing_ms(self) -> int:
        """From order to finality."""
        return self.found.settled_ms - self.found.requested_ms

    @property
    def at_mid(self) -> int:
        """What was sold, at the stated middle of the market; minor units of the currency paid."""
        numerator, denominator = self.found.mid
        return divide_half_away(
            self.found.sold * numerator * 10 ** currency_digits(self.found.bought_currency),
            denominator * 10 ** currency_digits(self.found.sold_currency),
        )

    @property
    def cost(self) -> int:
        """Fee and distance from the middle, minor units of the currency paid; below zero if it was a gain."""
        return self.found.fee + self.found.bought - self.at_mid

    @property
    def cost_ppm(self) -> int:
        """The cost as a share of the amount; 0 if the amount is less than a minor unit."""
        return divide_half_away(self.cost * PPM, self.at_mid) if self.at_mid else 0


def measured(exchanges: Sequence[tuple[str, str, Exchange]]) -> list[Measured]:
    """The settled ones of these exchanges."""
    return [Measured(*entry) for entry in exchanges if entry[2].status == SETTLED]


def report(exchanges: Sequence[tuple[str, str, Exchange]], assumed: Assumptions) -> dict[str, Any]:
    """Every settled exchange, their medians, and the comparison; times in ms, costs in ppm."""
    settled = measured(exchanges)
    times = sorted(entry.clearing_ms for entry in settled)
    costs = sorted(entry.cost_ppm for entry in settled)
    counts = dict.fromkeys(STATUS.states, 0)
    for _, _, found in exchanges:
        counts[STATUS.states[found.status]] += 1
    return {
        "exchanges": [_row(entry, assumed) for entry in settled],
        "counts": counts,
        "median_clearing_ms": _median(times),
        "longest_clearing_ms": times[-1] if times else None,
        "median_cost_ppm": _median(costs),
        "assumed": {
            "correspondent_days": assumed.correspondent_days,
            "correspondent_most_days": assumed.correspondent_most_days,
            "correspondent_cost_ppm": assumed.correspondent_cost_ppm,
        },
        "aims": {"minutes": assumed.aim_minutes, "cheaper_ppm": assumed.aim_cheaper_ppm},
        "sources": list(SOURCES),
        "faster_times": _faster(_median(times), assumed.correspondent_days),
        "faster_times_most": _faster(_median(times), assumed.correspondent_most_days),
        "cheaper_ppm": _cheaper(_median(costs), assumed),
        "meet_time": sum(_meets_time(entry, assumed) for entry in settled),
        "meet_cost": None
        if not assumed.correspondent_cost_ppm
        else sum(bool(_meets_cost(entry, assumed)) for entry in settled),
    }


def _meets_time(entry: Measured, assumed: Assumptions) -> bool:
    return entry.clearing_ms <= assumed.aim_minutes * MS_PER_MINUTE


def _meets_cost(entry: Measured, assumed: Assumptions) -> bool | None:
    """None where there is nothing to compare with."""
    cheaper = _cheaper(entry.cost_ppm, assumed)
    return None if cheaper is None else cheaper >= assumed.aim_cheaper_ppm


def _row(entry: Measured, assumed: Assumptions) -> dict[str, Any]:
    found = entry.found
    return {
        "taker": entry.taker,
        "exchange": entry.number,
        "maker": found.maker,
        "sold": found.sold,
        "sold_currency": found.sold_currency,
        "bought": found.bought,
        "fee": found.fee,
        "bought_currency": found.bought_currency,
        "sold_bank": found.sold_bank,
        "bought_bank": found.bought_bank,
        "clearing_ms": entry.clearing_ms,
        "cost": entry.cost,
        "cost_ppm": entry.cost_ppm,
        "faster_times": _faster(entry.clearing_ms, assumed.correspondent_days),
        "cheaper_ppm": _cheaper(entry.cost_ppm, assumed),
        "meets_time": _meets_time(entry, assumed),
        "meets_cost": _meets_cost(entry, assumed),
    }


def _median(ordered: Sequence[int]) -> int | None:
    """The lower of the two in the middle, so that it is one of the measured values."""
    return ordered[(len(ordered) - 1) // 2] if ordered else None


def _faster(clearing_ms: int | None, days: int) -> int | None:
    """How many times faster than so many days, rounded down; None without an exchange or without a time."""
    return days * MS_PER_DAY // clearing_ms if clearing_ms else None


def _cheaper(cost_ppm: int | None, assumed: Assumptions) -> int | None:
    """What share of the assumed cost is saved, ppm; below zero if it was dearer."""
    if cost_ppm is None or not assumed.correspondent_cost_ppm:
        return None
    saved = assumed.correspondent_cost_ppm - cost_ppm
    return divide_half_away(saved * PPM, assumed.correspondent_cost_ppm)
