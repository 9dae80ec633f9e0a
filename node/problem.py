"""Why a node does not do its work, as its status page says it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a node does not do its work; shown on the status page until it is over."""

    code: str
    sentence: str
    height: int | None = None
    """Over when a block of this height is applied; if None, only by a restart."""


def lost_data(node: str) -> Problem:
    """The problem of a node whose disk does not hold what it may have signed (CR-76)."""
    return Problem(
        "lost_data",
        f"the data folder of {node} does not hold what {node} may have signed: it neither votes nor "
        f"acknowledges any more. Readmit it under a new id: tally network readmit {node}",
    )
