"""Prometheus metrics of one node, in a registry of its own.

Only HTTP requests are counted here, as plain numbers. Everything is read at the moment of a scrape:
counters and histograms from the node's `Statistics`, heights and term from its status. So
nothing is counted twice, no gauge is stale, and the hot path pays an addition for a metric.
"""

from __future__ import annotations

import time
from collections import Counter as Tally
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from prometheus_client import CollectorRegistry, PlatformCollector, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from node.statistics import Histogram, Statistics

METRICS_MEDIA_TYPE = CONTENT_TYPE_LATEST

REQUEST_BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)

GAUGES: dict[str, str] = {
    "term": "Raft term that this node is in",
    "last_height": "newest block in the log",
    "committed_height": "newest block with a proof of commit",
    "applied_height": "newest block that readers are served from",
    "pool_transactions": "transactions taken in and not yet seen on the ledger",
    "pool_bytes": "bytes of the transactions taken in and not yet seen on the ledger",
    "in_flight_blocks": "sealed blocks that are not committed yet",
    "certificate_days_left": "days until this node's TLS certificate expires (links do not care)",
}
"""Fields of the node's status that are shown as `tally_<field>` while they are numbers."""

COUNTERS: dict[str, str] = {
    "submitted": "transactions submitted here",
    "admitted": "transactions taken in here",
    "committed_transactions": "transactions seen on the ledger",
    "committed_operations": "operations seen on the ledger",
    "refused_transactions": "transactions on the ledger with an operation that a rule refused",
    "committed_blocks": "blocks committed",
    "sealed_blocks": "blocks sealed as leader",
    "gathering_waits": "times that a block waited for the clients answered a moment before",
    "forwarded": "transactions forwarded to the leader",
    "unreproducible_blocks": "blocks of a leader that this node could not reproduce",
    "elections_won": "terms that this node led",
    "leader_changes": "changes of the known leader",
    "dropped_messages": "peer messages dropped because a queue was full",
    "dropped_bytes": "bytes of dropped peer messages",
    "peer_bytes_sent": "bytes sent to peers",
    "peer_bytes_received": "bytes received from peers",
    "peer_messages_sent": "messages sent to peers",
    "peer_messages_received": "messages received from peers",
    "synced_writes": "synced writes of the log",
}
"""Fields of `Statistics` that are shown as `tally_<field>_total`."""

HISTOGRAMS: dict[str, tuple[str, str, float]] = {
    "commit_latency": ("commit_seconds", "from admission to the block being applied here", 0.001),
    "sync_latency": ("sync_seconds", "duration of a synced write", 0.001),
    "turn_delay": ("turn_delay_seconds", "how late the consensus clock rang", 0.001),
    "block_transactions": ("block_transactions", "transactions in a committed block", 1.0),
}
"""Fields of `Statistics` that are histograms: metric, meaning, and the unit's factor."""

LABELLED: dict[str, tuple[str, str]] = {
    "not_admitted": ("code", "transactions refused at the door"),
    "peer_refused": ("reason", "connections, frames and messages of other nodes or strangers refused"),
}
"""Fields of `Statistics` that count by a label: the label and the meaning."""

assert {**COUNTERS, **HISTOGRAMS, **LABELLED}.keys() == Statistics.__dataclass_fields__.keys(), (
    "every number that a node counts is shown"
)


class Telemetry:
    """The metrics of one node."""

    def __init__(self, status: Callable[[], Mapping[str, Any]], counted: Statistics) -> None:
        self.registry = CollectorRegistry()
        self.subscribers = 0
        self.exports = 0
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self.requests: Tally[tuple[str, int]] = Tally()
        """Answered requests by operation and status."""
        self.request_s: defaultdict[str, Histogram] = defaultdict(partial(Histogram, REQUEST_BOUNDS_S))
        """From request to answer, by operation."""
        self.registry.register(_NodeCollector(status, counted, self))

    def answered(self, operation: str, status: int, seconds: float) -> None:
        """Count one answered request by the `operationId` that the OpenAPI document gives it."""
        self.requests[operation, status] += 1
        self.request_s[operation].add(seconds)

    def exposition(self) -> bytes:
        """All metrics in the Prometheus text format."""
        return generate_latest(self.registry)


class _NodeCollector(Collector):
    """Reads status and statistics when somebody scrapes."""

    def __init__(
        self, status: Callable[[], Mapping[str, Any]], counted: Statistics, telemetry: Telemetry
    ) -> None:
        self._status = status
        self._counted = counted
        self._telemetry = telemetry

    def describe(self) -> Iterator[Any]:
        """Nothing ahead of time: registering must not ask a node that is still starting."""
        return iter(())

    def collect(self) -> Iterator[Any]:
        status = self._status()
        for name, meaning in GAUGES.items():
            value = status.get(name)
            if isinstance(value, int):
                yield GaugeMetricFamily(f"tally_{name}", meaning, value=value)
        yield GaugeMetricFamily(
            "tally_ready",
            "1 while a leader is known and this node has caught up",
            value=int(bool(status.get("ready"))),
        )
        yield GaugeMetricFamily(
            "tally_event_subscribers", "open event streams", value=self._telemetry.subscribers
        )
        yield GaugeMetricFamily(
            "tally_exports_given", "whole exports under way", value=self._telemetry.exports
        )
        labels = ("node", "organisation", "channel", "role", "leader")
        yield InfoMetricFamily(
            "tally_node",
            "who this node is and whom it follows",
            value={name: str(status.get(name) or "") for name in labels},
        )
        clocks = GaugeMetricFamily(
            "tally_peer_clock_ahead_seconds",
            "how far a peer's clock lay ahead of this node's when it was heard last",
            labels=("peer",),
        )
        for peer, ahead_ms in status.get("clocks_ahead_ms", {}).items():
            clocks.add_metric((peer,), ahead_ms / 1_000)
        yield clocks
        yield from self._http()
        yield from self._statistics()

    def _http(self) -> Iterator[Any]:
        answered = CounterMetricFamily(
            "tally_http_requests", "requests answered", labels=("operation", "status")
        )
        for (operation, status), count in sorted(self._telemetry.requests.items()):
            answered.add_metric((operation, str(status)), count)
        yield answered
        seconds = HistogramMetricFamily(
            "tally_http_request_seconds", "from request to answer", labels=("operation",)
        )
        for operation, histogram in sorted(self._telemetry.request_s.items()):
            seconds.add_metric((operation,), _cumulative(histogram, 1.0), histogram.total)
        yield seconds

    def _statistics(self) -> Iterator[Any]:
        for name, meaning in COUNTERS.items():
            yield CounterMetricFamily(f"tally_{name}", meaning, value=getattr(self._counted, name))
        for name, (label, meaning) in LABELLED.items():
            family = CounterMetricFamily(f"tally_{name}", meaning, labels=(label,))
            counts: Tally[str] = getattr(self._counted, name)
            for value, count in sorted(counts.items()):
                family.add_metric((value,), count)
            yield family
        for name, (metric, meaning, factor) in HISTOGRAMS.items():
            histogram: Histogram = getattr(self._counted, name)
            yield HistogramMetricFamily(
                f"tally_{metric}",
                meaning,
                buckets=_cumulative(histogram, factor),
                sum_value=histogram.total * factor,
            )


def _cumulative(histogram: Histogram, factor: float) -> list[tuple[str, float]]:
    """The buckets as Prometheus counts them: each with all that lie below."""
    buckets: list[tuple[str, float]] = []
    below = 0
    for bound, count in zip((*histogram.bounds, float("inf")), histogram.counts, strict=True):
        below += count
        shown = "+Inf" if bound == float("inf") else repr(round(bound * factor, 9))
        buckets.append((shown, below))
    return buckets


class Observed:
    """ASGI middleware: counts and times every request under its operation, never under its path."""

    def __init__(self, app: ASGIApp, telemetry: Telemetry) -> None:
        self._app = app
        self._telemetry = telemetry

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 0

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, watched)
        finally:
            operation = getattr(scope.get("endpoint"), "__name__", "(none)")
            self._telemetry.answered(operation, status or 500, time.perf_counter() - started)
