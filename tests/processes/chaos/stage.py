"""What a fault is played on: the network, the clients, the dice, and the two moments that count."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from chaos.cluster import Cluster
from chaos.load import Load


@dataclass(slots=True)
class Stage:
    """One playing of one fault."""

    cluster: Cluster
    load: Load
    dice: random.Random
    seconds: float
    """How long a fault lasts if it does not say otherwise."""
    began_s: float = 0.0
    healed_s: float = 0.0
    leader: str = ""
    """Who led when the fault began."""
    details: list[str] = field(default_factory=list)

    async def begin(self) -> None:
        """Find out who leads; the fault comes with the next statement."""
        self.leader = await self.cluster.leader()
        self.began_s = time.monotonic()

    def healed(self) -> None:
        """From here on nothing stands in the nodes' way."""
        self.healed_s = time.monotonic()

    async def hold(self, seconds: float | None = None) -> None:
        """Let the fault last."""
        await asyncio.sleep(self.seconds if seconds is None else seconds)
        self.load.check()

    def note(self, detail: str) -> None:
        """Something about this playing that its report should say."""
        self.details.append(detail)

    def follower(self) -> str:
        """Some node that did not lead when the fault began."""
        return self.dice.choice(self.cluster.others(self.leader))

    def shuffled(self, nodes: Sequence[str]) -> list[str]:
        """These nodes in some order."""
        return self.dice.sample(list(nodes), len(nodes))

    def some_with_leader(self, count: int) -> list[str]:
        """The leader and others, so many in all."""
        return [self.leader, *self.shuffled(self.cluster.others(self.leader))[: count - 1]]
