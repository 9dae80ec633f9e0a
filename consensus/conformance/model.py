"""What the events of a node imply about it, and what the events of all nodes imply together.

A `Node` is rebuilt from its events alone: each kind of event changes exactly what the schema
says, and nothing is taken over from the state that an event claims (rule E2 compares the two).
A `Run` holds what no single node knows: messages sent, entries written, blocks committed.

Nothing here judges. The rule families look at a node *before* an event changes it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from consensus.conformance.events import Event
from consensus.conformance.report import MAX_VIOLATIONS, Report, Violation


class Entry(NamedTuple):
    """What the log holds at one index."""

    term: int
    hash: str
    kind: str


class Log:
    """A snapshot's position, and the entries after it."""

    __slots__ = ("base", "entries", "start")

    def __init__(self, index: int, term: int, entry_hash: str, entries: Iterable[Entry] = ()) -> None:
        self.start = index
        """The index of the snapshot, or 0 for the genesis."""
        self.base = Entry(term, entry_hash, "block")
        self.entries = list(entries)

    @property
    def last_index(self) -> int:
        """The end of the log."""
        return self.start + len(self.entries)

    @property
    def last(self) -> tuple[int, int]:
        """The position of the last entry; (0, 0) for an empty log."""
        return (self.entries[-1].term if self.entries else self.base.term, self.last_index)

    def at(self, index: int) -> Entry | None:
        """The entry at an index; None where nothing is held."""
        place = index - self.start - 1
        if place >= 0:
            return self.entries[place] if place < len(self.entries) else None
        return self.base if place == -1 else None

    def truncate(self, index: int) -> None:
        """Drop everything from an index on."""
        del self.entries[max(index - self.start - 1, 0) :]

    def compact(self, index: int) -> None:
        """Forget what came before an index."""
        held = self.at(index)
        if held is not None and index > self.start:
            del self.entries[: index - self.start]
            self.start, self.base = index, held

    def install(self, index: int, term: int, entry_hash: str) -> bool:
        """Begin after a snapshot; whether the entries after it were kept, because it matches."""
        held = self.at(index)
        if held is not None and (held.term, held.hash) == (term, entry_hash):
            self.compact(index)
            return True
        self.entries = []
        self.start, self.base = index, Entry(term, entry_hash, "block")
        return False


@dataclass(frozen=True, slots=True)
class Configuration:
    """Who counts from an index on."""

    index: int
    voters: frozenset[str]
    outgoing: frozenset[str]
    learners: frozenset[str]
    quorum: int = 0
    """Acknowledgements that a certificate needs, where the trace says so; else a majority."""
    outgoing_quorum: int = 0

    @classmethod
    def of(cls, event: Event, index: int) -> Configuration:
        """From the fields of an event."""
        voters, outgoing, learners = (frozenset(event[part]) for part in ("voters", "outgoing", "learners"))
        quorum, outgoing_quorum = event.get("quorums", (0, 0))
        return cls(index, voters, outgoing, learners, quorum, outgoing_quorum)

    def same_members(self, other: Configuration) -> bool:
        """Whether it counts the same nodes."""
        mine = (self.voters, self.outgoing, self.learners)
        return mine == (other.voters, other.outgoing, other.learners)

    def is_voter(self, node: str) -> bool:
        """Whether this node counts in one of the halves."""
        return node in self.voters or node in self.outgoing

    def has_majority(self, nodes: Collection[str]) -> bool:
        """Enough for an election, a commit, a read: a majority of each half."""
        return all(2 * len(half.intersection(nodes)) > len(half) for half in self._halves)

    def has_quorum(self, nodes: Collection[str]) -> bool:
        """Enough for a certificate."""
        needs = (self.quorum, self.outgoing_quorum)
        return self.has_majority(nodes) and all(
            len(half.intersection(nodes)) >= need for half, need in zip(self._halves, needs, strict=False)
        )

    @property
    def _halves(self) -> tuple[frozenset[str], ...]:
        return (self.voters, self.outgoing) if self.outgoing else (self.voters,)

    def __str__(self) -> str:
        parts = [f"voters {' '.join(sorted(self.voters)) or 'none'}"]
        if self.outgoing:
            parts.append(f"outgoing {' '.join(sorted(self.outgoing))}")
        if self.learners:
            parts.append(f"learners {' '.join(sorted(self.learners))}")
        return ", ".join(parts)


class Received(NamedTuple):
    """What a request that came in proves, once it is answered with success."""

    type: str
    proved: int
    """The last index of it."""
    proved_term: int
    rid: str


class Sent(NamedTuple):
    """A message that left."""

    digest: bytes
    type: str
    sender: str
    to: str
    term: int
    boot: int
    seq: int


Hard = tuple[int, str | None]


class Kept(NamedTuple):
    """What a disk held, of which its node may rely on everything."""

    log: Log
    durable: int
    hard: Hard


@dataclass(slots=True)
class Node:
    """One node, as its events imply it."""

    name: str
    boot: int = 0
    seq: int = 0
    started: bool = False
    """A boot event was seen; nothing is judged before."""
    observed_from: int = 0
    """The first boot in the trace."""
    has_gap: bool = False
    """Whether the trace of a boot ended before the boot did."""

    term: int = 0
    vote: str | None = None
    role: str = "follower"
    commit: int = 0
    last: tuple[int, int] = (0, 0)
    """As events imply it; taken over from an event that claims otherwise, so that it is told once."""
    log: Log = field(default_factory=lambda: Log(0, 0, ""))
    durable: int = 0
    """Everything up to here was reported durable and not truncated since."""
    durable_hard: Hard = (0, None)
    promised: Hard = (0, None)
    """The highest hard state that ever was durable: a node that lost its disk has made that promise too."""
    aside: Kept | None = None
    """What the disk held that was set back or lost, as long as its node promised nothing since: whoever
    puts that disk in again goes on from there."""
    hard_since: list[Hard] = field(default_factory=list)
    """Hard states after the durable one, in order."""
    applied: int = 0
    snapshot: int = 0
    """The newest snapshot."""
    configurations: list[Configuration] = field(default_factory=list)
    """The one of the snapshot or genesis, then those of entries; the last one governs."""

    request: Event | None = None
    """The message that came in last."""
    received: dict[str, Received] = field(default_factory=dict)
    """Requests of this boot and term by message id."""
    heard_commit: int = 0
    """What the leader of this term called committed."""
    confirmed: int = 0
    """Up to here the log was proved equal to that of this term's leader."""

    grants: set[str] = field(default_factory=set)
    """Who granted the vote of this campaign."""
    match: dict[str, int] = field(default_factory=dict)
    """As leader: what each node has acknowledged as durable in this term."""
    answered: dict[str, int] = field(default_factory=dict)
    """As leader: for each node the seq of the newest own request that it answered in this term."""

    @property
    def configuration(self) -> Configuration:
        """Who counts now."""
        return self.configurations[-1]

    @property
    def may_campaign(self) -> bool:
        """Whether it is a voter; one that a change removes still is until that is committed.

        The others may need the log of just this node (Ongaro's thesis, section 4.2.2).
        """
        committed = [each for each in self.configurations if each.index <= self.commit]
        settled = committed[-1] if committed else self.configurations[0]
        return self.configuration.is_voter(self.name) or settled.is_voter(self.name)

    @property
    def kept(self) -> list[Kept]:
        """What a start may find: what the last one left, or the disk that had been taken out."""
        left = Kept(self.log, self.durable, self.durable_hard)
        return [left] if self.aside is None else [left, self.aside]

    @property
    def hard(self) -> Hard:
        """Term and vote."""
        return (self.term, self.vote)

    @property
    def voters_storing(self) -> dict[str, int]:
        """As leader: what each node is known to hold durably, itself included."""
        return {**self.match, self.name: self.durable}

    def set_hard(self, term: int, vote: str | None) -> None:
        """Term or vote changed in memory."""
        if term != self.term:
            self.received.clear()
            self.heard_commit = self.confirmed = 0
            self.grants.clear()
            self.match.clear()
            self.answered.clear()
        if (term, vote) != self.hard:
            self.term, self.vote = term, vote
            self.hard_since.append((term, vote))

    def confirm(self) -> None:
        """Take down how far the append that came in last proved the log equal, once it was handled."""
        request = self.request
        if request is None or request["type"] != "append" or request["term"] != self.term:
            return
        term, index = request["prev"]
        held = self.log.at(index)
        if held is None or held.term != term:
            return
        for entry in request["entries"]:
            held = self.log.at(entry[0])
            if held is None or (held.term, held.hash) != (entry[1], entry[2]):
                break
            index = entry[0]
        self.confirmed = max(self.confirmed, index)


@dataclass(slots=True)
class Written:
    """One (index, term), wherever it was written."""

    hash: str
    before: tuple[int, str] | None
    """Term and hash of the entry before it; None where only a snapshot tells of it."""


@dataclass(slots=True)
class Committed:
    """One index that some node has committed."""

    hash: str
    term: int
    """The lowest term in which a node committed it."""


class Accused(NamedTuple):
    """A rule, the node that broke it, and the how manyth start of it that was in."""

    rule: str
    node: str
    life: int


class Run:
    """All nodes together, and the report."""

    def __init__(self) -> None:
        self.report = Report()
        self.nodes: dict[str, Node] = {}
        self.sent: dict[str, Sent] = {}
        self.written: dict[tuple[int, int], Written] = {}
        self.committed: dict[int, Committed] = {}
        self.highest_committed = 0
        self.members: set[str] = set()
        """Everybody who was in a configuration."""
        self.lives: Counter[str] = Counter()
        """By node, how often it was seen to start."""
        self.accused: Counter[Accused] = Counter()
        """How often who broke what."""
        self.by: list[Accused] = []
        """Of each violation in the report."""
        self.excused: set[str] = set()
        """Fields of this event that a rule of its own has found wrong: E2 does not repeat it."""

    def node(self, name: str) -> Node:
        """The node with this name."""
        known = self.nodes.get(name)
        if known is None:
            known = self.nodes[name] = Node(name)
        return known

    def unobserved(self) -> list[str]:
        """Members whose doings are not in the trace from their first boot on."""
        seen = {name for name, node in self.nodes.items() if node.observed_from == 1 and not node.has_gap}
        return sorted(self.members - seen)

    def holds(self, rule: str, condition: bool) -> bool:
        """Count that a rule had something to judge."""
        self.report.exercised[rule] += 1
        return condition

    def broken(
        self,
        rule: str,
        event: Event,
        found: object,
        expected: object,
        excuse: str = "",
        *,
        by: str | None = None,
    ) -> None:
        """A rule is broken by this event; `by` another node than its own, where that did it."""
        if excuse:
            self.excused.update(excuse.split())
        report = self.report
        node = by or str(event.get("node", "?"))
        accused = Accused(rule, node, self.lives[node])
        self.accused[accused] += 1
        if len(report.violations) < MAX_VIOLATIONS:
            self.by.append(accused)
            report.violations.append(
                Violation(
                    rule,
                    str(event.get("node", "?")),
                    _count(event.get("boot")),
                    _count(event.get("seq")),
                    str(event.get("ev", "?")),
                    str(found),
                    str(expected),
                )
            )


def _count(value: object) -> int:
    return value if type(value) is int else 0


def entry_of(written: list[object]) -> Entry:
    """An entry from its written form."""
    _, term, entry_hash, kind = written[:4]
    assert isinstance(term, int), "judged by E3"
    return Entry(term, str(entry_hash), str(kind))
