"""The consensus clock of a node: it ticks while there is work, and sleeps while there is none.

A tick in which nothing happens moves two numbers, and is no reason to wake a process twenty
times a second. An idle node therefore counts its ticks later, all together: before anything
else is said to the core, and when the core has something to do of its own accord, which is
what the one timer is then set for. A follower of an idle leader is woken by its heartbeats
and by nothing else.

| node | the timer rings | each ring counts | what comes in between |
|---|---|---|---|
| busy | a tick after it was set | one tick | counts none |
| idle | when something is due | the ticks since | counts the ticks since |

A busy node whose turns last long so ticks slowly, like the rest of it. An idle one that did
not get the processor counts no more ticks than it had meant to sleep for. In both cases what
the others said meanwhile is heard before anybody is missed: the longest sleep is half of what
lies between the last expected heartbeat and the first doubt.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from consensus.raft import Raft
from node.limits import SWEEP_MS
from node.statistics import Histogram


class TickClock:
    """Counts the ticks of one core; belongs to the running loop. `due` is called when the timer rings, and
    counts first; how late it rang goes into `delay_ms`."""

    def __init__(self, raft: Raft, tick_ms: int, due: Callable[[], None], delay_ms: Histogram) -> None:
        self._raft = raft
        self._due = due
        self._delay_ms = delay_ms
        self._tick_s = tick_ms / 1_000
        config = raft.config
        spare_ticks = (config.election_ticks - config.heartbeat_ticks) // 2
        self._most_ticks = max(1, min(spare_ticks, SWEEP_MS // tick_ms))
        self._loop = asyncio.get_running_loop()
        self._counted_s = self._loop.time()
        self._sleeps_ticks = 0
        """How many ticks the sleep lasts, those that were counted since not among them; 0 for a busy node."""
        self._rung_ticks = 0
        """Ticks that the timer has rung for and the core was not told of."""
        self._timer: asyncio.TimerHandle | None = None
        self._timer_s = 0.0

    @property
    def sleeps(self) -> bool:
        """Whether the node is idle, and the timer is set for ticks that were not counted yet."""
        return self._sleeps_ticks > 0

    def count(self) -> None:
        """Tell the core of the ticks that have passed; before anything else is said to it."""
        ticks, self._rung_ticks = self._rung_ticks, 0
        if self._sleeps_ticks:
            now_s = self._loop.time()
            passed = int((now_s - self._counted_s) / self._tick_s)
            if passed > self._sleeps_ticks:
                passed, self._counted_s = self._sleeps_ticks, now_s
            else:
                self._counted_s += passed * self._tick_s
            self._sleeps_ticks -= passed
            ticks += passed
        if ticks:
            self._raft.tick(ticks)

    def set(self, *, is_idle: bool) -> None:
        """Ring in a tick, or when something is due; after everything that may have changed what that is."""
        ticks = min(self._raft.quiet_ticks, self._most_ticks) if is_idle else 1
        due_s = self._counted_s + ticks * self._tick_s
        self._sleeps_ticks = ticks if is_idle else 0
        if self._timer is not None:
            if due_s == self._timer_s:
                return
            self._timer.cancel()
        self._timer_s = due_s
        self._timer = self._loop.call_at(due_s, self._ring)

    def stop(self) -> None:
        """Nothing is due any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _ring(self) -> None:
        self._timer = None
        self._rung_ticks += self._sleeps_ticks or 1
        self._sleeps_ticks = 0
        self._counted_s = self._loop.time()
        self._delay_ms.add((self._counted_s - self._timer_s) * 1_000)
        self._due()
