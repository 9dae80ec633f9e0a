"""How long background work rests: it takes little while others want the processor, more while nobody does.

A piece of work knows how much processor time it took and how long that lasted. When it had to
wait meanwhile, for the processor or for the interpreter, somebody else had something to do.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter, process_time

from node.limits import MAX_REST_S, PACED_PIECE_S

LEAST_TIMED = 16
"""Pieces done at once that tell what each of them costs."""
TIMED_WEIGHT = 0.25
"""Of the newest time in the mean."""
CONTENDED_RATIO = 1.3
"""A piece that lasted longer than this, times its processor time, had to wait."""


@dataclass(frozen=True, slots=True)
class Pace:
    """Shares of one core, while others wait for the processor and while they do not."""

    busy_share: float
    idle_share: float

    def rest_s(self, used_s: float, lasted_s: float) -> float:
        """The rest after a piece that used so much processor time and lasted so long, seconds."""
        share = self.busy_share if lasted_s > CONTENDED_RATIO * used_s else self.idle_share
        return used_s * (1 / share - 1)


class Span:
    """How much may be done at once: what lasts about as long as is wanted, by how long it lasted lately."""

    def __init__(self, wanted_s: float, most: int) -> None:
        self._wanted_s = wanted_s
        self._most = most
        self._each_s = 0.0

    @property
    def fits(self) -> int:
        """How many: at most `most`, and never so few that their time says nothing."""
        if self._each_s * self._most <= self._wanted_s:
            return self._most
        return max(LEAST_TIMED, int(self._wanted_s / self._each_s))

    def took(self, count: int, seconds: float) -> None:
        """So many took so long. Few say little, as each time has a cost of its own."""
        if count >= LEAST_TIMED:
            self._each_s += (seconds / count - self._each_s) * TIMED_WEIGHT


class Yielding:
    """Keeps a whole process to a share of one core while others want the processor; without limit else.

    Its work comes in pieces, each between `begin` and `end`. Whether somebody waits for the processor
    is seen in the pieces alone, because in between the process may just have nothing to do; what it
    has used counts in full, whichever thread used it.
    """

    def __init__(
        self,
        busy_share: float,
        clock_s: Callable[[], float] = perf_counter,
        used_s: Callable[[], float] = process_time,
    ) -> None:
        self._busy_share = busy_share
        self._clock_s = clock_s
        self._used_s = used_s
        self._began = self._since = (clock_s(), used_s())
        self._pieces_lasted_s = self._pieces_used_s = 0.0

    def begin(self) -> None:
        """A piece of work begins."""
        self._began = (self._clock_s(), self._used_s())

    def end(self) -> float:
        """A piece of work is done: how long to rest now, seconds."""
        now_s, used_s = self._clock_s(), self._used_s()
        self._pieces_lasted_s += now_s - self._began[0]
        self._pieces_used_s += used_s - self._began[1]
        if self._pieces_used_s < PACED_PIECE_S:
            return 0.0
        is_contended = self._pieces_lasted_s > CONTENDED_RATIO * self._pieces_used_s
        rest_s = (used_s - self._since[1]) / self._busy_share - (now_s - self._since[0])
        rest_s = min(max(rest_s, 0.0), MAX_REST_S) if is_contended else 0.0
        self._since = (now_s + rest_s, used_s)
        self._pieces_lasted_s = self._pieces_used_s = 0.0
        return rest_s
