"""The judge: events of all nodes in, a report out.

`Judge` takes events in the order in which things happened, and needs memory for what it
must remember for ever: about 300 bytes a message and a block, not the trace itself.

`Checker` takes them in any order of nodes, each node's own in order, keeps them, and puts
them in order at the end. `merge` does the same for streams that are each in order.

Order. `t` is a clock that all nodes share, so it orders what happens on different nodes,
and the order of one node's events is given. Where two nodes' events have the same `t`, a
message is sent before it is received.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import heapify, heappop, heappush

from consensus.conformance.applications import Applications
from consensus.conformance.commits import Commits
from consensus.conformance.cuts import Cuts
from consensus.conformance.disks import Disks
from consensus.conformance.effects import apply
from consensus.conformance.envelope import Envelope
from consensus.conformance.events import Event
from consensus.conformance.family import Family
from consensus.conformance.logs import Logs
from consensus.conformance.memberships import Memberships
from consensus.conformance.model import Run
from consensus.conformance.reads import Reads
from consensus.conformance.report import Report
from consensus.conformance.signatures import Signatures
from consensus.conformance.snapshots import Snapshots
from consensus.conformance.terms import Terms
from consensus.conformance.traffic import Traffic


class Judge:
    """Every rule, over events in the order in which they happened."""

    def __init__(self) -> None:
        self._run = Run()
        run = self._run
        self._envelope = Envelope(run)
        self._disks = Disks(run)
        self._families: tuple[Family, ...] = (
            self._envelope,
            self._disks,
            Traffic(run),
            Terms(run),
            Logs(run),
            Cuts(run),
            Memberships(run),
            Snapshots(run),
            Signatures(run),
            Commits(run),
            Applications(run),
            Reads(run),
        )

    def feed(self, event: Event) -> None:
        """Judge one event."""
        run = self._run
        run.report.events += 1
        run.excused.clear()
        if not self._envelope.shape(event):
            return
        node = run.node(event["node"])
        if event["ev"] == "boot":
            run.lives[node.name] += 1
        if not self._envelope.order(node, event):
            return
        for family in self._families:
            family.before(node, event)
        apply(node, event, run.sent)
        self._envelope.claims(node, event)

    def finish(self) -> Report:
        """Judge what only the whole run can tell."""
        run = self._run
        for family in self._families:
            family.at_the_end()
        self._disks.settle()
        run.report.nodes = sorted(run.nodes)
        run.report.unobserved = run.unobserved()
        return run.report


class Checker:
    """The judge for events that come one node after the other."""

    def __init__(self) -> None:
        self._events: dict[str, list[Event]] = {}

    def feed(self, event: Event) -> None:
        """Take one event; a node's own events come in their order."""
        node = event.get("node") if type(event) is dict else None
        self._events.setdefault(str(node), []).append(event)

    def finish(self) -> Report:
        """Put the events in order, and judge them."""
        judge = Judge()
        for event in merge(self._events.values()):
            judge.feed(event)
        return judge.finish()


def merge(streams: Iterable[Iterable[Event]]) -> Iterator[Event]:
    """Streams that are each in order, as one."""
    sources = [iter(stream) for stream in streams]
    heap: list[tuple[int, int, Event]] = []
    for number, source in enumerate(sources):
        _push_next(heap, number, source, 0)
    heapify(heap)
    sent: set[str] = set()
    while heap:
        held: list[tuple[int, int, Event]] = []
        t, number, event = heappop(heap)
        while _came_early(event, sent) and heap and heap[0][0] == t:
            held.append((t, number, event))
            t, number, event = heappop(heap)
        if _came_early(event, sent) and held:
            held.append((t, number, event))
            t, number, event = held.pop(0)
        for each in held:
            heappush(heap, each)
        if _message_of(event, "send"):
            sent.add(event["msg"]["id"])
        yield event
        _push_next(heap, number, sources[number], t)


def _push_next(heap: list[tuple[int, int, Event]], number: int, source: Iterator[Event], least: int) -> None:
    event = next(source, None)
    if event is not None:
        t = event.get("t") if type(event) is dict else None
        heappush(heap, (max(t, least) if type(t) is int else least, number, event))


def _came_early(event: Event, sent: set[str]) -> bool:
    """Whether this is a message that was not sent yet: of events of one instant, sending comes first."""
    return _message_of(event, "recv") and event["msg"]["id"] not in sent


def _message_of(event: Event, kind: str) -> bool:
    if type(event) is not dict or event.get("ev") != kind:
        return False
    message = event.get("msg")
    return type(message) is dict and type(message.get("id")) is str
