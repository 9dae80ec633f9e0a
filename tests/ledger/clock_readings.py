"""Clock readings for tests."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ledger.blocks.clock import Reading
from ledger.keys import SigningKey


def clocks_at(
    keys: Mapping[str, SigningKey], channel: bytes, time_ms: int, nodes: Iterable[str]
) -> tuple[Reading, ...]:
    """Readings of clocks that all show the same time, ascending by node."""
    return tuple([Reading.sign(keys[node], channel, node, time_ms) for node in sorted(nodes)])
