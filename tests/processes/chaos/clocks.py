"""Wrong clocks: a node's wall clock is set hours ahead or behind while it runs, or while it is down.

The ledger's time is what a quorum of the voters' clocks have reached (`ledger.blocks.clock`), so one wrong
clock must neither move it ahead nor hold it up, nor may it hurt a client whose own clock is right.
`chaos.checks` compares the time of each block with ours.
"""

from __future__ import annotations

import time

from chaos.cluster import Broken
from chaos.faults import Fault
from chaos.stage import Stage

OFF_S = (90, 3_600, 86_400, 400 * 86_400)
"""How far clocks are off."""
TOLD_S = 2.5
"""Longer than a clock that is wrong needs to be told to all (`node.loop.clocks`)."""
FELT_WITHIN_S = 15
"""How far what the others see may be from what was set: they heard of it some time ago."""
FELT_IN_S = 30
"""How long a busy machine may take to tell them."""


async def clock_ahead(stage: Stage) -> None:
    """CR-81: one clock runs ahead, and is set right."""
    await stage.begin()
    await _set_wrong(stage, 1)


async def clock_behind(stage: Stage) -> None:
    """CR-81: one clock falls back, and is set right."""
    await stage.begin()
    await _set_wrong(stage, -1)


async def _set_wrong(stage: Stage, direction: int) -> None:
    node = stage.dice.choice(stage.cluster.names)
    off_s = direction * stage.dice.choice(OFF_S)
    stage.note(f"{node} {off_s:+} s")
    stage.cluster.set_clock(node, off_s)
    await stage.hold(max(stage.seconds, TOLD_S))
    await _check_felt(stage, node, off_s)
    stage.cluster.set_clock(node, 0)
    stage.healed()


async def clocks_in_turn(stage: Stage) -> None:
    """Each clock runs ahead and is set right, one after the other: no two of them make up a quorum."""
    await stage.begin()
    for node in stage.shuffled(stage.cluster.names):
        stage.cluster.set_clock(node, 3_600)
        await stage.hold(TOLD_S)
        await _check_felt(stage, node, 3_600)
        stage.cluster.set_clock(node, 0)
        await stage.hold(TOLD_S)
    stage.healed()


async def restart_with_wrong_clock(stage: Stage) -> None:
    """CR-05, CR-81: the leader is killed and comes back on a machine whose clock is wrong."""
    await stage.begin()
    off_s = stage.dice.choice((-1, 1)) * stage.dice.choice(OFF_S)
    stage.note(f"{stage.leader} {off_s:+} s")
    stage.cluster.kill(stage.leader)
    stage.cluster.set_clock(stage.leader, off_s)
    await stage.cluster.start(stage.leader)
    await stage.cluster.wait_ready(stage.leader)
    await stage.hold(TOLD_S)
    await _check_felt(stage, stage.leader, off_s)
    stage.cluster.set_clock(stage.leader, 0)
    stage.healed()


async def _check_felt(stage: Stage, node: str, off_s: int) -> None:
    """Another node has heard of the clock that is wrong, or soon does: or nothing was tried."""
    seen_s = None
    until_s = time.monotonic() + FELT_IN_S
    while seen_s is None or abs(seen_s - off_s) > FELT_WITHIN_S:
        if time.monotonic() > until_s:
            raise Broken(f"{node}'s clock was set {off_s:+} s off, and the others see {seen_s} s")
        await stage.hold(0.1)
        said = await stage.cluster.status(stage.cluster.others(node)[0])
        seen_s = said and said["clocks_ahead_ms"].get(node, 0) // 1_000


CLOCKS = (
    Fault("clock ahead", clock_ahead),
    Fault("clock behind", clock_behind),
    Fault("clocks in turn", clocks_in_turn),
    Fault("restart with wrong clock", restart_with_wrong_clock),
)
