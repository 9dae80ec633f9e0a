"""A node's clock that counts ticks late, as `node/loop/tick_clock.py` does while a node is idle.

| node | rings | each ring counts | whatever comes in between |
|---|---|---|---|
| busy | a tick after it last counted | one tick, however late it is | counts none |
| idle | when its core may have something to do | the ticks that it slept for | counts those that passed |

Nobody takes an event back out of the world's queue: one that comes before its time is put off.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.process import Process


class LateClock:
    """Of one life of a node; `tick_us` is as long as its ticks last at the moment."""

    def __init__(self, node: Process) -> None:
        self._node = node
        config = node.raft.config
        self._most_ticks = max(1, (config.election_ticks - config.heartbeat_ticks) // 2)
        self._counted_us = node.world.now
        self._sleeps_ticks = 0
        """How many ticks the sleep lasts yet; 0 for a busy node."""
        self._rung_ticks = 0
        """Ticks that it rang for and the core was not told of."""
        self._due_us = 0
        """When to ring; 0 until that is set."""
        self._asked_us = 0
        """The earliest event that is in the world's queue."""

    def count(self, tick_us: int) -> int:
        """Tell the core of the ticks that have passed; how many there were."""
        ticks, self._rung_ticks = self._rung_ticks, 0
        if self._sleeps_ticks:
            now = self._node.world.now
            passed = (now - self._counted_us) // tick_us
            if passed > self._sleeps_ticks:
                passed, self._counted_us = self._sleeps_ticks, now
            else:
                self._counted_us += passed * tick_us
            self._sleeps_ticks -= passed
            ticks += passed
        if ticks:
            self._node.raft.tick(ticks)
        if ticks > 1:
            self._node.world.counted["ticks counted together"] += 1
        return ticks

    def set(self, tick_us: int) -> None:
        """Ring in a tick, or when something is due; after everything that may have changed what that is."""
        is_idle = self._is_idle
        ticks = min(self._node.raft.quiet_ticks, self._most_ticks) if is_idle else 1
        self._due_us = self._counted_us + ticks * tick_us
        self._sleeps_ticks = ticks if is_idle else 0
        if self._asked_us <= self._node.world.now or self._due_us < self._asked_us:
            self._ask()

    def rings(self) -> bool:
        """An event of this clock has come: whether it is time."""
        now = self._node.world.now
        if now < self._due_us:
            if now >= self._asked_us:
                self._ask()
            return False
        self._rung_ticks += self._sleeps_ticks or 1
        self._sleeps_ticks = 0
        self._counted_us = now
        return True

    def _ask(self) -> None:
        world = self._node.world
        self._asked_us = max(self._due_us, world.now + 1)
        world.after(self._asked_us - world.now, "tick", self._node)

    @property
    def _is_idle(self) -> bool:
        """Whether there is a leader, everything in the log is committed, and nothing waits."""
        raft = self._node.raft
        return raft.leader is not None and raft.last_index == raft.commit and not self._node.pool
