"""The consensus clock of a node that sleeps as long as nothing is due.

A tick in which nothing happens moves two numbers, and is no reason to wake a process twenty
times a second. So ticks are counted later, all together: before anything else is said to
the core, and when the core has something to do of its own accord, which is what the one
timer is set for. A follower of an idle leader is woken by its heartbeats and by nothing else.

A node that was stopped, or did not get the processor, counts no more ticks than it had meant
to sleep for: what the others said meanwhile lies in its sockets, and is heard before
anybody is missed. The longest sleep is therefore less than half of what lies between the
last expected heartbeat and the first doubt.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from consensus.raft import Raft
from node.limits import SWEEP_MS


class TickClock:
    """Counts the ticks of one core; belongs to the running loop. `due` is called when something is due."""

    def __init__(self, raft: Raft, tick_ms: int, due: Callable[[], None]) -> None:
        self._raft = raft
        self._due = due
        self._tick_s = tick_ms / 1_000
        config = raft.config
        spare_ticks = (config.election_ticks - config.heartbeat_ticks) // 2
        self._most_ticks = max(1, min(spare_ticks, SWEEP_MS // tick_ms))
        self._loop = asyncio.get_running_loop()
        self._counted_s = self._loop.time()
        self._planned_ticks = 1
        self._timer: asyncio.TimerHandle | None = None
        self._timer_s = 0.0

    def count(self) -> None:
        """Tell the core of the ticks that have passed; before anything else is said to it."""
        now_s = self._loop.time()
        passed = int((now_s - self._counted_s) / self._tick_s)
        if passed == 0:
            return
        if passed > self._planned_ticks:
            passed = self._planned_ticks
            self._counted_s = now_s
        else:
            self._counted_s += passed * self._tick_s
        self._planned_ticks = max(1, self._planned_ticks - passed)
        for _ in range(passed):
            self._raft.tick()

    def set(self) -> None:
        """Sleep until something is due; after everything that may have changed what that is."""
        ticks = min(self._raft.quiet_ticks, self._most_ticks)
        due_s = self._counted_s + ticks * self._tick_s
        if self._timer is not None:
            if due_s == self._timer_s:
                return
            self._timer.cancel()
        self._planned_ticks = ticks
        self._timer_s = due_s
        self._timer = self._loop.call_at(due_s, self._ring)

    def stop(self) -> None:
        """Nothing is due any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self) -> None:
        self._timer = None
        self._due()
