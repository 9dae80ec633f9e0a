"""Honest trade, as noisy as trade is: late payers, price lists that move, credits, corrections.

| kind | what goes on |
|---|---|
| deals | an order each, delivered at once, billed, often financed, paid a few days late |
| call-offs | an order delivered in four equal weekly parts, each billed by itself |
| fees | the same amount each month, without an order |
| usage | an amount each week or so, without an order, never the same |
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from random import Random
from typing import Any

from _fraud_world import Process, World

DAYS_A_YEAR = 365


@dataclass(frozen=True, slots=True)
class Habits:
    """How two parties trade."""

    supplier: str
    buyer: str
    rhythm_days: int
    items: tuple[tuple[str, int], ...]
    """(item, price in minor units on the first day)."""
    late_days: float
    """Mean days after the due date."""
    rise: float
    """Of the price list, a year."""
    finance_share: float = 0.6

    @classmethod
    def draw(cls, chance: Random, supplier: str, buyer: str, **changes: Any) -> Habits:
        """Habits as chance has them."""
        items = tuple((f"item-{place}", chance.randrange(500, 60_000)) for place in range(3))
        drawn = {
            "rhythm_days": chance.randrange(12, 28),
            "items": items,
            "late_days": chance.uniform(-1, 9),
            "rise": chance.uniform(0.0, 0.04),
            **changes,
        }
        return cls(supplier, buyer, **drawn)


def deals(world: World, chance: Random, habits: Habits) -> Process:
    """An order every few days, for ever."""
    while True:
        world.start(deal(world, chance, habits))
        yield max(1, round(habits.rhythm_days * chance.uniform(0.7, 1.3)))


def basket(
    world: World, chance: Random, habits: Habits, factor: float = 1.0
) -> tuple[tuple[str, int, int], ...]:
    """What is ordered today: (item, quantity, price); prices follow the list, with a little bargaining."""
    list_factor = (1 + habits.rise) ** (world.elapsed_days // 180 / 2)
    return tuple(
        (item, chance.randrange(5, 80), round(price * list_factor * factor * chance.uniform(0.99, 1.01)))
        for item, price in habits.items[: chance.randrange(1, 4)]
    )


def delivered(
    world: World, chance: Random, habits: Habits, lines: tuple[tuple[str, int, int], ...]
) -> Generator[int, None, str]:
    """Ordered, shipped and accepted in full; the order's number."""
    supplier, buyer = habits.supplier, habits.buyer
    order = world.order(supplier, buyer, lines)
    yield chance.randrange(3, 10)
    quantities = tuple(quantity for _, quantity, _ in lines)
    shipment = world.ship(supplier, buyer, order, quantities)
    yield chance.randrange(1, 5)
    world.receive(supplier, buyer, shipment, quantities)
    yield chance.randrange(3)
    return order


def billed(lines: tuple[tuple[str, int, int], ...]) -> tuple[tuple[int, int], ...]:
    """(quantity, amount) of each line at its price."""
    return tuple((quantity, quantity * price) for _, quantity, price in lines)


def deal(world: World, chance: Random, habits: Habits, factor: float = 1.0) -> Process:
    """One order from its issue to the payment."""
    lines = basket(world, chance, habits, factor)
    order = yield from delivered(world, chance, habits, lines)
    fields = world.invoice(habits.buyer, billed(lines), order=order)
    yield from owed(world, chance, habits, fields)


def owed(world: World, chance: Random, habits: Habits, fields: dict[str, Any]) -> Process:
    """An invoice from its submission to its payment, with what happens now and then."""
    supplier = habits.supplier
    world.bill(supplier, fields)
    yield chance.randrange(1, 5)
    if chance.random() < 0.02:
        # The due date was wrong: withdrawn, and billed again as agreed.
        world.do(supplier, "invoice.cancel", invoice=fields["invoice"])
        due = world.date(world.days_to(fields["due_date"]) + chance.randrange(8))
        fields = {**fields, "invoice": world.number("INV"), "issue_date": world.today, "due_date": due}
        world.bill(supplier, fields)
        yield 1
    world.confirm(supplier, fields)
    yield chance.randrange(3)
    if chance.random() < habits.finance_share:
        world.finance(supplier, fields["invoice"])
    if chance.random() < 0.04:
        yield chance.randrange(2, 20)
        world.credit(supplier, fields, max(1, round(fields["gross"] * chance.uniform(0.005, 0.04))))
    late = chance.gauss(habits.late_days, 5)
    if chance.random() < 0.01:
        late += chance.uniform(30, 60)
    yield from until_due(world, fields, round(max(-5, late)))
    world.pay(supplier, fields)


def until_due(world: World, fields: dict[str, Any], late: int) -> Process:
    """Wait for so many days after the due date, at least until tomorrow."""
    yield max(1, world.days_to(fields["due_date"]) + late)


def call_offs(world: World, chance: Random, habits: Habits) -> Process:
    """An order each month or two, delivered and billed in equal weekly parts."""
    while True:
        item, price = habits.items[0]
        part = chance.randrange(10, 60)
        order = world.order(habits.supplier, habits.buyer, ((item, 4 * part, price),))
        for _ in range(4):
            yield chance.choice((6, 7, 7, 7, 8))
            shipment = world.ship(habits.supplier, habits.buyer, order, (part,))
            yield 1
            world.receive(habits.supplier, habits.buyer, shipment, (part,))
            fields = world.invoice(habits.buyer, ((part, part * price),), order=order)
            world.start(owed(world, chance, habits, fields))
        yield chance.randrange(10, 30)


def fees(world: World, chance: Random, habits: Habits) -> Process:
    """The same fee each month."""
    amount = chance.randrange(200_000, 2_000_000)
    while True:
        fields = world.invoice(habits.buyer, ((1, amount),), term=30)
        world.start(owed(world, chance, habits, fields))
        yield 30


def usage(world: World, chance: Random, habits: Habits) -> Process:
    """What was used in about a week."""
    usual = chance.randrange(200_000, 2_000_000)
    while True:
        amount = max(1_000, round(usual * chance.lognormvariate(0, 0.35)))
        world.start(owed(world, chance, habits, world.invoice(habits.buyer, ((1, amount),), term=30)))
        yield chance.randrange(5, 10)
