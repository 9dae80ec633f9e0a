"""Round-tripping: invoices, or payments, that run in a circle and come back at the same value.

Two to five parties each bill the next one, amounts within 5 % of each other and days of issue within 30:
goods or services that nobody needs, billed so that there is something to finance. The same circle is looked
for in the cash that was paid.

Parties that trade in both directions meet the same value by chance now and then. So a circle is an alarm
where it is a habit: half or more of all that one of them bills the next runs in such circles. Else it is a
note.

The circles of the graph of who bills whom are those of Johnson (Finding all the elementary circuits of a
directed graph, 1975), by networkx. On each, every invoice is tried as its largest; one that is part of a
finding is not part of another.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from clients.screening.finding import ALARM, NOTE, Finding, Place
from clients.screening.trade import Trade
from ledger.dates import iso_from_day
from ledger.money import PPM, Money, Rate

CHECK = "round_trip"

VALUE_PPM = 50_000
"""How far the smallest amount may lie below the largest."""

WINDOW_DAYS = 30
"""Days from the first to the last."""

MAX_PARTIES = 5
"""Parties of one circle: longer ones are found too often by chance."""

HABIT_PPM = 500_000
"""Share of what a party bills the next one that runs in circles, from which they are an alarm."""

MAX_CIRCLES = 20_000
"""Circles of parties that are looked at: of denser trade the shortest."""

MAX_TRIES = 200_000
"""Amounts compared on one circle of parties."""


class Edge(NamedTuple):
    """A value that went from one party to another, in the direction of the goods."""

    day: int
    source: str
    target: str
    amount: int
    document: str
    place: Place


def find(trade: Trade) -> Iterator[Finding]:
    """Each circle of invoices, then each circle of payments on other invoices than those."""
    currencies = sorted({bill.currency for bill in trade.bills})
    for currency in currencies:
        billed = [
            Edge(bill.issued, bill.supplier, bill.buyer, bill.gross, bill.number, bill.place)
            for bill in trade.bills
            if bill.currency == currency and not bill.gone
        ]
        known: set[tuple[str, str]] = set()
        for circle, share_ppm in _circles(billed):
            known |= {(edge.source, edge.document) for edge in circle}
            yield _finding(circle, share_ppm, currency, "bill each other")
        paid = [
            Edge(
                payment.day,
                payment.place.supplier,
                payment.place.buyer,
                payment.amount,
                payment.invoice,
                payment.place,
            )
            for payment in trade.payments
            if payment.currency == currency and (payment.place.supplier, payment.invoice) not in known
        ]
        for circle, share_ppm in _circles(paid):
            yield _finding(circle, share_ppm, currency, "pay each other")


def _circles(edges: list[Edge]) -> Iterator[tuple[tuple[Edge, ...], int]]:
    """Disjoint circles of edges, each with the largest share of a side that circles take; ppm."""
    import networkx  # noqa: PLC0415 (half a second that no other command should wait for)

    between: dict[tuple[str, str], list[Edge]] = defaultdict(list)
    for edge in sorted(edges):
        between[edge.source, edge.target].append(edge)
    graph = networkx.DiGraph(sorted(between))
    # A party that trades one way only is on no circle; most are, and the search is over what is left.
    rings = [part for part in networkx.strongly_connected_components(graph) if len(part) > 1]
    found = islice(
        (
            parties
            for ring in sorted(sorted(ring) for ring in rings)
            for parties in networkx.simple_cycles(graph.subgraph(ring), length_bound=MAX_PARTIES)
        ),
        MAX_CIRCLES,
    )
    used: set[Place] = set()
    for parties in sorted((_turned(parties) for parties in found), key=lambda ring: (len(ring), ring)):
        sides = [between[pair] for pair in zip(parties, (*parties[1:], parties[0]), strict=True)]
        circles = list(_matches(sides, used))
        share_ppm = max((_share_ppm(side, circles) for side in sides), default=0)
        for circle in circles:
            yield circle, share_ppm


def _share_ppm(side: list[Edge], circles: list[tuple[Edge, ...]]) -> int:
    """How much of all that one party bills the next runs in these circles."""
    places = {edge.place for circle in circles for edge in circle}
    circling = sum(edge.amount for edge in side if edge.place in places)
    return circling * PPM // max(1, sum(edge.amount for edge in side))


def _turned(parties: list[str]) -> tuple[str, ...]:
    """A circle from its first party in the alphabet on, so that an order of discovery does not show."""
    start = parties.index(min(parties))
    return (*parties[start:], *parties[:start])


def _matches(sides: list[list[Edge]], used: set[Place]) -> Iterator[tuple[Edge, ...]]:
    days = [[edge.day for edge in side] for side in sides]
    budget = [MAX_TRIES]
    for largest in sorted((edge for side in sides for edge in side), key=lambda edge: -edge.amount):
        if largest.place in used:
            continue
        circle = _completed(sides, days, largest, used, budget)
        if circle is not None:
            used |= {edge.place for edge in circle}
            yield circle


def _completed(
    sides: list[list[Edge]], days: list[list[int]], largest: Edge, used: set[Place], budget: list[int]
) -> tuple[Edge, ...] | None:
    """One edge of each side, the given one the largest, within value and window; None if there are none."""
    least = largest.amount - largest.amount * VALUE_PPM // PPM

    def extend(place: int, chosen: tuple[Edge, ...], first: int, last: int) -> tuple[Edge, ...] | None:
        if place == len(sides):
            return chosen
        side = sides[place]
        if side[0].source == largest.source:
            return extend(place + 1, (*chosen, largest), first, last)
        for at in range(
            bisect_left(days[place], last - WINDOW_DAYS), bisect_right(days[place], first + WINDOW_DAYS)
        ):
            edge = side[at]
            budget[0] -= 1
            if budget[0] <= 0:
                return None
            if not least <= edge.amount <= largest.amount or edge.place in used:
                continue
            found = extend(place + 1, (*chosen, edge), min(first, edge.day), max(last, edge.day))
            if found is not None:
                return found
        return None

    return extend(0, (), largest.day, largest.day)


def _finding(circle: tuple[Edge, ...], share_ppm: int, currency: str, says: str) -> Finding:
    parties = tuple(edge.source for edge in circle)
    amounts = [edge.amount for edge in circle]
    days = [edge.day for edge in circle]
    return Finding(
        CHECK,
        ALARM if share_ppm >= HABIT_PPM else NOTE,
        f"{' → '.join((*parties, parties[0]))} {says} {Money(min(amounts), currency)} to "
        f"{Money(max(amounts), currency)} between {iso_from_day(min(days))} and {iso_from_day(max(days))}: "
        f"{', '.join(edge.document for edge in circle)}; {Rate(share_ppm)} of one side is in circles",
        parties,
        tuple(edge.document for edge in circle),
        Money(max(amounts), currency),
        tuple(edge.place for edge in circle),
    )
