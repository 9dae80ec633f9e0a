"""How far a node is behind what the network has committed, by which way it comes level, and how fast.

For what was committed long ago without this node nobody waits, and others may want the
processor. So it yields to them between blocks (`pace`). But it has to get level: when
it has hardly come nearer since it looked last, it does not yield until it lacks but half. To
yield again as soon as it gains would let it lose what it has gained, for ever.
"""

from __future__ import annotations

from collections.abc import Callable

from node.limits import CATCH_UP_LEAST_GAIN_PERCENT, CATCH_UP_LOOK_S, MAX_LAG_BLOCKS


class CatchUp:
    """One node's lag."""

    def __init__(self, clock_s: Callable[[], float]) -> None:
        self.committed = 0
        """Height up to which the leader has committed, as it said last."""
        self._clock_s = clock_s
        self._looked_s = clock_s() - 2 * CATCH_UP_LOOK_S
        self._seen_lag = 0
        self._hurries_to = 0
        """The lag down to which it does not yield; 0 while it does."""
        self._declined_term = -1

    def prefers_log(self, offered: int, height: int, term: int) -> bool:
        """Whether a node of this height, offered a snapshot by this term's leader, asks it for the log.

        Giving and taking a state costs by its whole size, executing by what is missing, and for each
        transaction nearly twice as much: who lacks less than it holds takes the log. Each leader is
        asked once. One that offers the snapshot again has no such log.
        """
        if self._declined_term >= term or offered - height >= height:
            return False
        self._declined_term = term
        return True

    def lag(self, height: int) -> int:
        """Blocks that a node lacks whose newest one has this height; 0 if they are but a few."""
        lag = self.committed - height
        return lag if lag > MAX_LAG_BLOCKS else 0

    def may_yield(self, height: int) -> bool:
        """Whether whoever has just executed the block of this height can let others have the processor."""
        lag = self.lag(height)
        if lag == 0:
            self._hurries_to = 0
            return False
        now_s = self._clock_s()
        since_s = now_s - self._looked_s
        if since_s >= CATCH_UP_LOOK_S:
            is_first = since_s >= 2 * CATCH_UP_LOOK_S
            left_percent = 100 - CATCH_UP_LEAST_GAIN_PERCENT
            if is_first or lag <= self._hurries_to:
                self._hurries_to = 0
            elif not self._hurries_to and 100 * lag > left_percent * self._seen_lag:
                self._hurries_to = lag // 2
            self._looked_s, self._seen_lag = now_s, lag
        return not self._hurries_to
