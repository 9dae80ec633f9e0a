"""What a node counts about itself: plain numbers, read by telemetry when somebody asks.

Counting costs an addition; the text form of metrics is made only at a scrape.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field

LATENCY_BOUNDS_MS = (1.0, 2.0, 3.0, 5.0, 7.5, 10.0, 15.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1_000.0, 5_000.0)
SIZE_BOUNDS = (0.0, 1.0, 2.0, 5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1_000.0)


@dataclass(slots=True)
class Histogram:
    """Counts by upper bound; the last count is of what lies above every bound."""

    bounds: tuple[float, ...]
    counts: list[int] = field(default_factory=list)
    total: float = 0.0

    def __post_init__(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)

    def add(self, value: float) -> None:
        """Count one observation."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


@dataclass(slots=True)
class Statistics:
    """Counters since the process started; all durations in milliseconds."""

    submitted: int = 0
    admitted: int = 0
    not_admitted: Counter[str] = field(default_factory=Counter)
    """Refused at the door, by code."""
    committed_transactions: int = 0
    committed_operations: int = 0
    refused_transactions: int = 0
    """On the ledger, but with at least one operation refused by a rule."""
    committed_blocks: int = 0
    sealed_blocks: int = 0
    gathering_waits: int = 0
    """Times that a block waited for the clients answered a moment before."""
    forwarded: int = 0
    unreproducible_blocks: int = 0
    elections_won: int = 0
    leader_changes: int = 0
    dropped_messages: int = 0
    dropped_bytes: int = 0
    peer_refused: Counter[str] = field(default_factory=Counter)
    """Of other nodes and strangers, by reason; the reasons stand in `refusals`."""
    peer_bytes_sent: int = 0
    peer_bytes_received: int = 0
    peer_messages_sent: int = 0
    peer_messages_received: int = 0
    synced_writes: int = 0
    commit_latency: Histogram = field(default_factory=lambda: Histogram(LATENCY_BOUNDS_MS))
    """From admission at this node to the block being applied here."""
    sync_latency: Histogram = field(default_factory=lambda: Histogram(LATENCY_BOUNDS_MS))
    turn_delay: Histogram = field(default_factory=lambda: Histogram(LATENCY_BOUNDS_MS))
    """How late the consensus clock rang: what else the node did, or that it had no processor, meanwhile."""
    block_transactions: Histogram = field(default_factory=lambda: Histogram(SIZE_BOUNDS))
