"""Rebalancing: what of a portfolio exceeds its caps, and how it comes back under them.

Pure functions of positions (`contracts.holdings.portfolio`) and a business day; minor units of one currency.

A cap is a share of the fund, down. What exceeds it can run off: payments that are expected bring the
principal down, if nothing more is bought meanwhile. What is overdue or in default is not counted on. Who will
not wait sells what yields least: a certificate's leaf, or a claim, of those that the ledger lets another
lender take over (`contracts.finance.secondary`) as far as a book shows it. A dispute or a demand stops a sale
as well, and is not in a book.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from contracts.holdings.portfolio import BY, Position, expected_yield
from contracts.market.matching import in_days, percent
from ledger.dates import iso_from_day
from ledger.money import PPM, Money, divide_down, divide_half_away

RUN_OFF, SELL, SELL_LEAVES, CURE = "run_off", "sell", "sell_leaves", "cure"

NO_LEAVES: Mapping[str, int] = {}


class Cap(NamedTuple):
    """A share of the fund that nobody may pass."""

    by: str
    """A name of `contracts.holdings.portfolio.BY`."""
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


def excesses(
    held: Iterable[Position], caps: Sequence[Cap], fund: int, leaves: Mapping[str, int] = NO_LEAVES
) -> tuple[Excess, ...]:
    """Every name whose principal passes its cap, the greatest excess first.

    `leaves` is what is held of certificates, by obligor: it counts under the obligor's cap.
    """
    found = []
    positions = list(held)
    for cap in caps:
        most = divide_down(fund * cap.cap_ppm, PPM)
        sums = _sums(positions, cap.by, leaves)
        found += [Excess(cap.by, name, total, most) for name, total in sums.items() if total > most]
    return tuple(sorted(found, key=lambda excess: (-excess.amount, excess.by, excess.name)))


def _sums(held: Iterable[Position], by: str, leaves: Mapping[str, int]) -> dict[str, int]:
    """Principal by name."""
    sums = dict(leaves) if by == "obligor" else {}
    for position in held:
        name = BY[by](position)
        sums[name] = sums.get(name, 0) + position.principal
    return sums


def eligible(held: Iterable[Position], cap: Cap, fund: int, leaves: Mapping[str, int] = NO_LEAVES) -> int:
    """Principal that counts under a cap: of each name at most its share of the fund."""
    most = divide_down(fund * cap.cap_ppm, PPM)
    return sum(min(total, most) for total in _sums(held, cap.by, leaves).values())


def rooms(
    held: Iterable[Position], cap: Cap, fund: int, leaves: Mapping[str, int] = NO_LEAVES
) -> dict[str, int]:
    """What may still be bought of each name that is held, minor units."""
    most = divide_down(fund * cap.cap_ppm, PPM)
    return {name: max(0, most - total) for name, total in sorted(_sums(held, cap.by, leaves).items())}


def advice(
    held: Sequence[Position],
    caps: Sequence[Cap],
    fund: int,
    day: int,
    currency: str,
    leaves: Mapping[str, int] = NO_LEAVES,
) -> tuple[Advice, ...]:
    """What to do about every excess: let it run off, sell what yields least, look after what is overdue."""
    found: list[Advice] = []
    for excess in excesses(held, caps, fund, leaves):
        members = [
            position for position in held if position.principal and BY[excess.by](position) == excess.name
        ]
        share = divide_half_away(excess.principal * PPM, fund) if fund else PPM
        over = f"{percent(share)} of the fund, above the cap of {Money(excess.most, currency)}"
        run_off = _run_off(excess, members, over, day, currency)
        if run_off.claims:
            found.append(run_off)
        kept = leaves.get(excess.name, 0) if excess.by == "obligor" else 0
        if kept:
            sold = min(kept, excess.amount)
            places: tuple[tuple[str, str], ...] = ()
            reason = f"{over}; {Money(kept, currency)} of certificates can be sold on the ledger"
            found.append(Advice(SELL_LEAVES, excess.by, excess.name, sold, 0, places, reason))
        for_sale = [position for position in members if _can_be_sold(position, day)]
        if for_sale:
            found.append(_sale(excess, for_sale, over))
        late = [position for position in members if position.days_past_due(day)]
        if late:
            found.append(_cure(excess, late, day))
    return tuple(found)


def _run_off(excess: Excess, members: Sequence[Position], over: str, day: int, currency: str) -> Advice:
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
    short = f"claims that are not overdue bring {Money(paid, currency)} when they are paid"
    return Advice(RUN_OFF, excess.by, excess.name, paid, 0, tuple(claims), f"{over}; {short}")


def _can_be_sold(position: Position, day: int) -> bool:
    """Whether another lender may take the claim over: bought by one lender, sound, and not due yet."""
    is_shared = not position.programme
    return not (position.is_pledge or is_shared or position.defaulted) and day < position.due_day


def _sale(excess: Excess, for_sale: Sequence[Position], over: str) -> Advice:
    """The claims that yield least and are enough, or all that can be sold."""
    cheapest = sorted(
        for_sale, key=lambda one: (expected_yield((one,)), -one.principal, one.supplier, one.invoice)
    )
    amount, claims = 0, []
    for position in cheapest:
        if amount >= excess.amount:
            break
        amount += position.principal
        claims.append(position)
    places = tuple((position.supplier, position.invoice) for position in claims)
    rate = percent(expected_yield(claims))
    which = "these yield least," if amount >= excess.amount else "no more than these can be sold; they yield"
    return Advice(SELL, excess.by, excess.name, amount, 0, places, f"{over}; {which} {rate} a year")


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
        f"{len(late)} overdue, the oldest for {in_days(oldest)}: demand, declare a default or write off",
    )
