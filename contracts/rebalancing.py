"""Rebalancing: what of a portfolio exceeds its caps, and how it comes back under them.

Pure functions of positions (`contracts.portfolio`) and a business day; minor units of one currency.

A cap is a share of the fund, down. What exceeds it can run off: payments that are expected bring the
principal down, if nothing more is bought meanwhile. What is overdue or in default is not counted on. Who will
not wait sells what yields least; a claim on an invoice does not change hands on the ledger, a certificate's
leaf does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from contracts.matching import percent
from contracts.portfolio import BY, Position, expected_yield
from ledger.dates import iso_from_day
from ledger.money import PPM, Money, divide_down, divide_half_away

RUN_OFF, SELL, CURE = "run_off", "sell", "cure"


class Cap(NamedTuple):
    """A share of the fund that nobody may pass."""

    by: str
    """A name of `contracts.portfolio.BY`."""
    cap_ppm: int


class Excess(NamedTuple):
    """One name above its cap."""

    by: str
    name: str
    principal: int
    most: int

    @property
    def amount(self) -> int:
        """What is above it."""
        return self.principal - self.most


class Advice(NamedTuple):
    """One thing to do about an excess, and why."""

    action: str
    by: str
    name: str
    amount: int
    """Principal that it is about."""
    day: int
    """When it is done, 0 if that is open."""
    claims: tuple[tuple[str, str], ...]
    """(supplier, invoice) of the claims that it is about."""
    reason: str


def excesses(held: Iterable[Position], caps: Sequence[Cap], fund: int) -> tuple[Excess, ...]:
    """Every name whose principal passes its cap, the greatest excess first."""
    found = []
    positions = [position for position in held if position.principal]
    for cap in caps:
        most = divide_down(fund * cap.cap_ppm, PPM)
        sums: dict[str, int] = {}
        for position in positions:
            name = BY[cap.by](position)
            sums[name] = sums.get(name, 0) + position.principal
        found += [Excess(cap.by, name, total, most) for name, total in sums.items() if total > most]
    return tuple(sorted(found, key=lambda excess: (-excess.amount, excess.by, excess.name)))


def eligible(held: Iterable[Position], cap: Cap, fund: int) -> int:
    """Principal that counts under a cap: of each name at most its share of the fund."""
    most = divide_down(fund * cap.cap_ppm, PPM)
    sums: dict[str, int] = {}
    for position in held:
        name = BY[cap.by](position)
        sums[name] = sums.get(name, 0) + position.principal
    return sum(min(total, most) for total in sums.values())


def advice(held: Sequence[Position], caps: Sequence[Cap], fund: int, day: int) -> tuple[Advice, ...]:
    """What to do about every excess: let it run off, sell what yields least, look after what is overdue."""
    found: list[Advice] = []
    for excess in excesses(held, caps, fund):
        members = [
            position for position in held if position.principal and BY[excess.by](position) == excess.name
        ]
        share = divide_half_away(excess.principal * PPM, fund) if fund else PPM
        above, cap = (Money(amount, members[0].currency) for amount in (excess.amount, excess.most))
        over = f"{percent(share)} of the fund, {above} above the cap of {cap}"
        found.append(_run_off(excess, members, over, day))
        found.append(_sale(excess, members, over))
        late = [position for position in members if position.days_past_due(day)]
        if late:
            found.append(_cure(excess, late, day))
    return tuple(found)


def _run_off(excess: Excess, members: Sequence[Position], over: str, day: int) -> Advice:
    """When what is expected to be paid has brought the principal under the cap."""
    coming = sorted(
        (max(position.expected_day, position.due_day, day), position.supplier, position.invoice, position)
        for position in members
        if not position.days_past_due(day) and not position.defaulted
    )
    paid, claims = 0, []
    for expected, supplier, invoice, position in coming:
        paid += position.principal
        claims.append((supplier, invoice))
        if paid >= excess.amount:
            until = f"with nothing more bought it is back under it on {iso_from_day(expected)}"
            return Advice(RUN_OFF, excess.by, excess.name, paid, expected, tuple(claims), f"{over}; {until}")
    expected_in_all = Money(paid, members[0].currency)
    short = f"what is expected to be paid brings {expected_in_all}, the rest is overdue or in default"
    return Advice(RUN_OFF, excess.by, excess.name, paid, 0, tuple(claims), f"{over}; {short}")


def _sale(excess: Excess, members: Sequence[Position], over: str) -> Advice:
    """The claims that yield least and are enough."""
    cheapest = sorted(
        members, key=lambda one: (expected_yield((one,)), -one.principal, one.supplier, one.invoice)
    )
    amount, claims = 0, []
    for position in cheapest:
        if amount >= excess.amount:
            break
        amount += position.principal
        claims.append(position)
    places = tuple((position.supplier, position.invoice) for position in claims)
    rate = percent(expected_yield(claims))
    return Advice(
        SELL, excess.by, excess.name, amount, 0, places, f"{over}; these yield least, {rate} a year"
    )


def _cure(excess: Excess, late: Sequence[Position], day: int) -> Advice:
    """What is overdue does not run off by itself."""
    oldest = max(position.days_past_due(day) for position in late)
    return Advice(
        CURE,
        excess.by,
        excess.name,
        sum(position.principal for position in late),
        0,
        tuple((position.supplier, position.invoice) for position in late),
        f"{len(late)} overdue, the oldest for {oldest} days: demand, declare a default or write off",
    )


def rooms(held: Iterable[Position], cap: Cap, fund: int, names: Iterable[str]) -> Mapping[str, int]:
    """What may still be bought of each of these names under a cap, minor units."""
    most = divide_down(fund * cap.cap_ppm, PPM)
    sums = dict.fromkeys(sorted(set(names)), 0)
    for position in held:
        name = BY[cap.by](position)
        if name in sums:
            sums[name] += position.principal
    return {name: max(0, most - total) for name, total in sums.items()}
