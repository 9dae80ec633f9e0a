"""Clients: they submit numbered transactions, ask again until they hear, and remember what they heard."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.world import World

MAX_WAITING = 40


class Clients:
    """All clients of the cluster."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._draw = world.stream("clients")
        self._draw_reads = world.stream("readers")
        self._next = 1
        self.waiting: dict[int, set[str]] = {}
        """Transactions without an answer, and the nodes that were asked."""
        self.reads: dict[str, int] = {}
        """Of each node the reads that it served."""
        self.acknowledged: dict[int, str] = {}
        """Transactions that a node said are committed, and the node."""

    def act(self, *, more: bool = True) -> None:
        """Submit something new, or again what has no answer yet, to any node that is up."""
        up = self._world.up
        if not up:
            return
        if self._draw.random() * 1_000_000 < self._world.plan.leader_ppm:
            up = self._world.leaders or up
        name = up[self._draw.randrange(len(up))]
        if more and (len(self.waiting) < MAX_WAITING and (not self.waiting or self._draw.random() < 0.7)):
            number = self._next
            self._next += 1
            self.waiting[number] = set()
        elif self.waiting:
            number = list(self.waiting)[self._draw.randrange(len(self.waiting))]
        else:
            return
        self.waiting[number].add(name)
        self._world.submit(name, number)

    def adopt(self, number: int) -> None:
        """Somebody wants other members: a transaction like any other."""
        self.waiting[number] = set(self._world.up)
        for name in self._world.up:
            self._world.submit(name, number)

    def ask(self) -> None:
        """Begin a linearizable read at any node that is up."""
        up = self._world.up
        if up:
            self._world.ask(up[self._draw_reads.randrange(len(up))])

    def read(self, node: str) -> None:
        """A node has served a read."""
        self.reads[node] = self.reads.get(node, 0) + 1
        self._world.counted["reads served"] += 1

    def applied(self, node: str, transactions: Sequence[int]) -> None:
        """A node has committed these; whoever asked this node hears of it."""
        for number in transactions:
            asked = self.waiting.get(number)
            if asked is not None and node in asked:
                del self.waiting[number]
                self.acknowledged[number] = node
                self._world.checks.acknowledged(number, node)
