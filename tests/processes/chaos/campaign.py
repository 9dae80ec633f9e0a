"""A campaign: one network, clients throughout, one fault after the other, everything checked after each."""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from chaos.checks import Chains
from chaos.cluster import Broken, Cluster
from chaos.faults import Fault
from chaos.load import Load
from chaos.stage import Stage

CLIENTS = 6
SUPPLIERS = ("supplier0", "supplier1", "supplier2")
STEADY_ACKNOWLEDGEMENTS = 30
"""Before each fault, and after it: the network works."""
RECOVERED_S = 30.0
"""How long after healing, or under a tolerated fault, commits may stay away; far more than is expected."""
DEFAULT_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Played:
    """What one fault did."""

    fault: str
    detail: str
    seconds: float
    acknowledged: int
    pause_ms: float
    """Tolerated: longest time without an acknowledgement while it lasted. Else: from healing to the first."""
    is_tolerated: bool
    terms: int
    """Elections that it caused."""
    whole_ms: float
    """From healing until every node held the same chain and every transaction had its outcome."""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@asynccontextmanager
async def running(
    folder: Path,
    *,
    nodes: int,
    clients: int = CLIENTS,
    settings: Mapping[str, int] | None = None,
    through_links: bool = True,
    trace: bool = False,
) -> AsyncIterator[tuple[Cluster, Load, Chains]]:
    """A fresh network that runs, its clients, and its checks."""
    cluster = Cluster(
        folder,
        nodes=nodes,
        suppliers=SUPPLIERS,
        settings=settings,
        through_links=through_links,
        trace=trace,
    )
    try:
        await cluster.start()
        await cluster.wait_ready()
        load = Load(cluster, clients=clients)
        try:
            yield cluster, load, Chains(cluster)
        finally:
            await load.close()
    finally:
        await cluster.close()


async def play(
    fault: Fault, cluster: Cluster, load: Load, chains: Chains, dice: random.Random, seconds: float
) -> Played:
    """Let the network work, do the fault, heal, and check everything.

    Raises:
        Broken: a promise did not hold; names the fault.
    """
    stage = Stage(cluster, load, dice, seconds)
    try:
        load.resume()
        await load.wait_for(STEADY_ACKNOWLEDGEMENTS, RECOVERED_S)
        before, term = len(load.told.acknowledged), await cluster.term()
        await fault.play(stage)
        await load.wait_for(STEADY_ACKNOWLEDGEMENTS, RECOVERED_S)
        pause_ms = _pause_ms(fault, stage)
        await cluster.wait_ready()
        await load.settle()
        await cluster.same_head()
        whole_s = time.monotonic() - stage.healed_s
        await chains.check(load.told.acknowledged)
    except Exception as error:
        said = str(error) if isinstance(error, Broken) else f"{type(error).__name__}: {error}"
        raise Broken(
            f"{fault.name} (leader was {stage.leader}; {', '.join(stage.details)}): {said}"
        ) from error
    finally:
        await cluster.heal()
    return Played(
        fault.name,
        ", ".join(stage.details),
        round(stage.healed_s - stage.began_s, 2),
        len(load.told.acknowledged) - before,
        round(pause_ms, 1),
        fault.is_tolerated,
        await cluster.term() - term,
        round(1_000 * whole_s),
    )


def _pause_ms(fault: Fault, stage: Stage) -> float:
    told = stage.load.told
    if fault.is_tolerated:
        pause_ms = told.pause_ms(stage.began_s, stage.healed_s)
        if pause_ms > 1_000 * RECOVERED_S:
            raise Broken(f"no commits for {pause_ms:.0f} ms, though a quorum of nodes ran and heard itself")
        return pause_ms
    early = [ack for ack in told.acknowledged if ack.sent_s > stage.began_s and ack.told_s < stage.healed_s]
    early = [ack for ack in early if ack.sent_s > stage.began_s + 0.05]
    if early:
        raise Broken(f"{early[0].invoice} was acknowledged while no quorum could be had")
    first_s = told.first_after(stage.healed_s)
    assert first_s is not None, "acknowledgements were waited for"
    return 1_000 * (first_s - stage.healed_s)


def possible(faults: Iterable[Fault], nodes: int) -> list[Fault]:
    """Those that a network of this size and this machine can be given."""
    return [fault for fault in faults if fault.least_nodes <= nodes and fault.is_possible()]


def in_rounds(faults: Sequence[Fault], dice: random.Random) -> Iterator[Fault]:
    """Every fault once in some order, then again in another, without end."""
    while True:
        yield from dice.sample(list(faults), len(faults))
