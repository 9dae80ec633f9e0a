"""A model of one node that follows the rules of Raft, whatever the others send it; and of some that do not.

The world around it may be as bad as it likes: leaders that send anything, two leaders in one term,
snapshots of nowhere, crashes between any two writes. The node signs what an honest node signs.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, field
from random import Random
from typing import Any

from ledger.blocks.certificate import sign_ack
from ledger.blocks.vote import Ballot, sign_vote
from ledger.faults.fault import SignedAck, SignedBallot, SignedHeader
from ledger.keys import HEADER_DOMAIN, SigningKey

OTHERS = ("node-b", "node-c")
DEVIATIONS = (
    "forgets its vote in a crash",
    "acknowledges before it syncs",
    "lets a leader cut blocks of its own term",
    "keeps the accepted term in memory only",
    "does not move the accepted term when its log is cut",
    "acknowledges blocks of older terms",
    "seals twice",
)


@dataclass
class Log:
    """What one write makes durable, all or nothing."""

    term: int = 0
    vote: str | None = None
    accepted: int = 0
    entries: list[tuple[int, bytes]] = field(default_factory=list)

    def last(self) -> tuple[int, int, bytes]:
        return (*self.entries[-1], len(self.entries)) if self.entries else (0, bytes(32), 0)  # type: ignore[return-value]


class Node:
    """`steps` carries out random events; `statements` is everything that left the node."""

    def __init__(self, name: str, key: SigningKey, template: Any, draw: Random, deviation: str = "") -> None:
        self.name = name
        self.key = key
        self.template = template
        self.draw = draw
        self.deviation = deviation
        self.durable = Log()
        self.now = Log()
        self.leader: str | None = None
        self.commit = 0
        self.statements: list[SignedAck | SignedBallot | SignedHeader] = []

    @property
    def channel(self) -> bytes:
        return self.template.channel

    def steps(self, count: int) -> None:
        events = (self.asked, self.campaigns, self.appended, self.snapshot, self.syncs, self.crashes)
        weights = (3, 2, 8, 1, 6, 2)
        for event in self.draw.choices(events, weights, k=count):
            event()

    def _enter(self, term: int) -> None:
        if term > self.now.term:
            self.now.term, self.now.vote, self.leader = term, None, None

    def _later(self) -> int:
        return self.now.term + self.draw.choice((0, 0, 0, 1, 1, 2))

    def asked(self) -> None:
        """A candidate asks; its position is whatever it takes."""
        candidate = self.draw.choice(OTHERS)
        term = max(1, self._later())
        self._enter(term)
        if self.now.vote == candidate or (self.now.vote is None and self.leader is None):
            self._vote(candidate)

    def campaigns(self) -> None:
        """It stands itself, and sometimes wins."""
        if self.leader == self.name:
            return
        self._enter(self.now.term + 1)
        self._vote(self.name)
        if self.draw.random() < 0.6:
            self.leader = self.name
            for _ in range(self.draw.randint(1, 3)):
                self._lead()

    def _vote(self, candidate: str) -> None:
        self.now.vote = candidate
        self._sync()
        last_term, last_hash, height = self.now.last()
        ballot = Ballot(self.now.term, candidate, self.now.accepted, last_term, height, last_hash)
        self.statements.append(SignedBallot(ballot, sign_vote(self.key, self.channel, ballot)))

    def _lead(self) -> None:
        header = self._header(len(self.now.entries) + 1, self.now.term)
        self.now.entries.append((self.now.term, header.hash))
        self.now.accepted = self.now.term
        self._show(header)
        if self.deviation == "seals twice":
            self._show(self._header(header.height, header.term))

    def _header(self, height: int, term: int) -> Any:
        state = self.draw.randbytes(32)
        return self.template(height=height, term=term, proposer=self.name, state_root=state)

    def _show(self, header: Any) -> None:
        """A header may leave before its block is durable."""
        self.statements.append(SignedHeader(header, self.key.sign(HEADER_DOMAIN, header.data)))

    def _hears(self) -> int | None:
        """The term of a leader that it follows from now on, if it does."""
        term = max(1, self._later())
        sender = self.draw.choice(OTHERS)
        if term == self.now.term and self.leader not in (None, sender):
            return None
        self._enter(term)
        self.leader = sender
        return term

    def appended(self) -> None:
        """A leader sends entries: its own, older ones, or nonsense."""
        term = self._hears()
        if term is None:
            return
        entries = self.now.entries
        start = self.draw.randint(0, len(entries)) if self.draw.random() < 0.5 else len(entries)
        sent = self._sent(term, start)
        new = len(sent)
        for place, entry in enumerate(sent):
            index = start + place
            if index >= len(entries):
                new = place
                break
            if entries[index][0] == entry[0]:
                if entries[index] != entry:
                    return
                continue
            if index < self.commit:
                return
            may_cut = self.deviation == "lets a leader cut blocks of its own term"
            if any(held == term for held, _ in entries[index:]) and not may_cut:
                return
            new = place
            break
        if new == len(sent):
            return
        cut = start + new < len(entries)
        self.now.entries = entries[: start + new] + sent[new:]
        if not (cut and self.deviation == "does not move the accepted term when its log is cut"):
            self.now.accepted = term

    def _sent(self, term: int, start: int) -> list[tuple[int, bytes]]:
        sent = []
        least = self.now.entries[start - 1][0] if start else 1
        for place in range(self.draw.randint(0, 3)):
            index = start + place
            if index < len(self.now.entries) and self.draw.random() < 0.5:
                sent.append(self.now.entries[index])
            else:
                own = self.draw.random() < 0.6
                sent.append((term if own else self.draw.randint(least, term), self.draw.randbytes(32)))
            least = max(least, sent[-1][0])
            sent[-1] = (least, sent[-1][1])
        return sent

    def snapshot(self) -> None:
        """A leader's snapshot replaces the log, unless that would take away a block of its own term."""
        term = self._hears()
        if term is None:
            return
        may_cut = self.deviation == "lets a leader cut blocks of its own term"
        if any(held == term for held, _ in self.now.entries) and not may_cut:
            return
        length = self.commit + self.draw.randint(0, 4)
        terms = sorted(self.draw.randint(1, term) for _ in range(length))
        self.now.entries = [(each, self.draw.randbytes(32)) for each in terms]
        self.now.accepted = term

    def syncs(self) -> None:
        """The disk has it; acknowledgements of the term that is followed may leave."""
        if self.deviation != "acknowledges before it syncs":
            self._sync()
        for index, (term, block_hash) in enumerate(self.now.entries, 1):
            is_current = term == self.now.term == self.now.accepted
            if self.deviation == "acknowledges blocks of older terms":
                is_current = True
            if is_current and self.leader is not None and self.draw.random() < 0.7:
                signature = sign_ack(self.key, self.channel, term, index, block_hash)
                self.statements.append(SignedAck(term, index, block_hash, signature))

    def _sync(self) -> None:
        if self.deviation == "keeps the accepted term in memory only":
            before = self.durable.accepted
            self.durable = deepcopy(self.now)
            self.durable.accepted = before
            return
        self.durable = deepcopy(self.now)

    def crashes(self) -> None:
        """Whatever was not synced is gone; whole writes only."""
        self.now = deepcopy(self.durable)
        self.leader = None
        if self.deviation == "forgets its vote in a crash":
            self.now.vote = self.durable.vote = None
