"""How long background work rests: it takes little while others want the processor, more while nobody does.

A piece of work knows how much processor time it took and how long that lasted. When it had to
wait meanwhile, for the processor or for the interpreter, somebody else had something to do.
"""

from __future__ import annotations

from dataclasses import dataclass

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
