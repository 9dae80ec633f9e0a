"""A tiny cluster in memory: the real core, disks that sync when told, a network one can cut.

Everything runs in a fixed order, so a test reads as a transcript: `cluster.said` is what was
delivered or lost, one line a message.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from random import Random

from consensus.limits import BOOT_SHIFT
from consensus.messages import (
    Append,
    AppendReply,
    Ballot,
    Certificate,
    ElectionCertificate,
    Entry,
    Heartbeat,
    HeartbeatReply,
    Message,
    PreVote,
    PreVoteReply,
    SignedVote,
    Vote,
    VoteReply,
)
from consensus.quorum import Configuration
from consensus.raft import Raft
from consensus.ready import Ready
from consensus.state import Config, HardState, Role
from consensus.trace import Event
from consensus.wire import from_value, to_value

GENESIS = Entry(0, 0, sha256(b"genesis").digest(), b"")


def entry(index: int, term: int, data: bytes = b"x", previous: bytes = b"") -> Entry:
    """An entry whose hash follows from all that it is."""
    material = b"%d|%d|" % (index, term) + previous + b"|" + data
    return Entry(index, term, sha256(material).digest(), data)


def log_of_terms(*terms: int) -> list[Entry]:
    """Entries 1, 2, … with these terms."""
    return [entry(index, term) for index, term in enumerate(terms, 1)]


def elected_log(*terms: int, voters: str = "n1 n3") -> list[Entry]:
    """Entries with these terms, of which the first of each shows its election by these voters."""
    held = log_of_terms(*terms)
    for place in range(1, len(held)):
        before, first = held[place - 1], held[place]
        if before.term < first.term:
            positions = dict.fromkeys(voters.split(), (before.term, before.index))
            shown = election(first.term, voters.split(maxsplit=1)[0], **positions)
            held[place] = replace(first, election=shown)
    return held


class Mac:
    """Signatures that cost nothing: whoever knows the node's name could make them."""

    def __init__(self, node: str, channel: bytes = b"channel") -> None:
        self.node = node
        self.channel = channel
        self.signed: list[tuple[int, int, bytes]] = []
        self.verified = 0

    def mac(self, node: str, term: int, index: int, entry_hash: bytes) -> bytes:
        text = b"ack|%s|%s|%d|%d|" % (self.channel, node.encode(), term, index)
        return sha256(text + entry_hash).digest()

    def sign(self, term: int, index: int, entry_hash: bytes, /) -> bytes:
        self.signed.append((term, index, entry_hash))
        return self.mac(self.node, term, index, entry_hash)

    def verify(self, node: str, term: int, index: int, entry_hash: bytes, signature: bytes, /) -> bool:
        self.verified += 1
        return signature == self.mac(node, term, index, entry_hash)

    def vote_mac(self, node: str, ballot: Ballot) -> bytes:
        return sha256(f"vote|{self.channel!r}|{node}|{ballot}".encode()).digest()

    def sign_vote(self, ballot: Ballot, /) -> bytes:
        return self.vote_mac(self.node, ballot)

    def verify_vote(self, node: str, ballot: Ballot, signature: bytes, /) -> bool:
        return signature == self.vote_mac(node, ballot)


def certificate(signers: str, held: Entry, channel: bytes = b"channel") -> Certificate:
    """A good certificate of these signers, for example "n1 n2"."""
    mac = Mac("", channel)
    acks = tuple((node, mac.mac(node, held.term, held.index, held.hash)) for node in signers.split())
    return Certificate(held.term, held.index, held.hash, acks)


class Disk:
    """What survives a crash; also the core's LogReader."""

    def __init__(self, entries: list[Entry] | None = None, hard: HardState | None = None) -> None:
        self.entries = [GENESIS, *(entries or [])]
        self.hard = hard or HardState(self.entries[-1].term, None)
        self.certificates: dict[int, Certificate] = {}
        self.applied = 0
        self.boot = 0
        self.compacted = 0
        """Entries below this index cannot be read."""

    @property
    def first_index(self) -> int:
        return self.compacted

    @property
    def last_index(self) -> int:
        return len(self.entries) - 1

    def term(self, index: int) -> int | None:
        held = self.entry(index)
        return None if held is None else held.term

    def entry(self, index: int) -> Entry | None:
        return self.entries[index] if self.compacted <= index < len(self.entries) else None

    def certificate(self, index: int) -> Certificate | None:
        return self.certificates.get(index)

    def configurations(self) -> list[tuple[int, Configuration]]:
        held = self.entries[self.compacted + 1 :]
        return [(each.index, each.configuration) for each in held if each.configuration is not None]

    def write(self, ready: Ready, stored: tuple[Entry, ...]) -> None:
        if ready.truncate_from is not None:
            del self.entries[ready.truncate_from :]
        for new in stored:
            assert new.index == len(self.entries), "the storage is handed a log without gaps"
            self.entries.append(new)
        if ready.hard is not None:
            self.hard = ready.hard


class Node:
    """One core with its disk and the obedient caller that `ready.py` describes."""

    def __init__(
        self,
        config: Config,
        disk: Disk | None = None,
        *,
        seed: int = 0,
        tracer: Callable[[Event], None] | None = None,
    ) -> None:
        self.disk = disk or Disk()
        self.disk.boot += 1
        self.authority = Mac(config.node)
        random = Random(f"{seed} {config.node} {self.disk.boot}")
        settings = {name: getattr(config, name) for name in config.__slots__} | {"boot": self.disk.boot}
        self.raft = Raft(
            Config(**settings),
            self.disk.hard,
            self.disk,
            self.disk.applied,
            self.authority,
            random.randrange,
            tracer,
        )
        self.writes: deque[Ready] = deque()
        self.disk_is_held = False
        self.expects_more = False
        self.refuses: set[bytes] = set()
        self.proposes_in_office = True
        self.readies: list[Ready] = []
        self.applied: list[tuple[int, bytes]] = []
        self.offices: list[int] = []
        self.losses = 0

    def drain(self) -> list[Message]:
        """Carry out all that is ready; what may leave is returned."""
        out: list[Message] = []
        while (ready := self.raft.ready(expects_more=self.expects_more)) is not None:
            self.readies.append(ready)
            out += ready.send_now
            self.writes.append(ready)
            if ready.certificate is not None:
                self._apply(ready.certificate)
            self.losses += ready.lost_office
            if not self.disk_is_held:
                out += self.sync()
            if ready.took_office is not None:
                self.offices.append(ready.took_office.term)
                if self.proposes_in_office:
                    self.propose(b"office", election=ready.took_office)
        return out

    def sync(self, count: int | None = None) -> list[Message]:
        """Make waiting writes durable, in order, and report each."""
        out: list[Message] = []
        for _ in range(len(self.writes) if count is None else count):
            ready = self.writes.popleft()
            stored: list[Entry] = []
            refused = None
            for new in ready.entries:
                if new.data in self.refuses:
                    refused = new
                    break
                if new.index == self.disk.last_index + 1 + len(stored) or ready.truncate_from is not None:
                    stored.append(new)
            self.disk.write(ready, tuple(stored))
            if ready.hard is not None:
                self.raft.hard_persisted(ready.hard)
            if stored:
                self.raft.persisted(stored[-1].index, stored[-1].hash)
            if refused is not None:
                self.raft.refuse(refused.index, refused.hash, "state root differs")
        return out

    def settle(self, count: int | None = None) -> list[Message]:
        """Sync, and what may leave because of it."""
        return self.sync(count) + self.drain()

    def propose(
        self,
        data: bytes = b"x",
        members: Configuration | None = None,
        election: ElectionCertificate | None = None,
    ) -> Entry:
        raft = self.raft
        new = entry(raft.last_index + 1, raft.term, data, raft.log.last_hash)
        new = replace(new, configuration=members, election=election)
        raft.propose((new,))
        return new

    def _apply(self, proof: Certificate) -> None:
        assert proof.index <= self.disk.last_index, "durable before it is applied"
        assert self.disk.entries[proof.index].hash == proof.hash
        for index in range(self.disk.applied + 1, proof.index + 1):
            self.applied.append((index, self.disk.entries[index].hash))
        self.disk.certificates[proof.index] = proof
        self.disk.applied = proof.index


def configuration(node: str, voters: str, **settings: object) -> Config:
    """Settings for one of these voters; the quorum is a majority unless told."""
    names = tuple(voters.split())
    given = dict(settings)
    start = Configuration.of(names, given.pop("quorum", len(names) // 2 + 1))  # type: ignore[arg-type]
    return Config(node=node, start=start, **given)  # type: ignore[arg-type]


class Cluster:
    """Nodes and the network between them."""

    def __init__(self, voters: str = "n1 n2 n3", *, seed: int = 0, traced: bool = False, **settings: object):
        self.names = voters.split()
        self.voters = voters
        self.seed = seed
        self.settings = settings
        self.events: list[Event] = []
        self.tracer: Callable[[Event], None] | None = self.events.append if traced else None
        self.network: deque[Message] = deque()
        self.cuts: set[tuple[str, str]] = set()
        self.loses: Callable[[Message], bool] = lambda message: False
        self.said: list[str] = []
        self.down: dict[str, Disk] = {}
        self.nodes: dict[str, Node] = {}
        for name in self.names:
            self.start(name)

    def __getitem__(self, name: str) -> Node:
        return self.nodes[name]

    def start(self, name: str, disk: Disk | None = None) -> Node:
        """Start a node, or start it again with what its disk holds."""
        config = configuration(name, self.voters, **self.settings)
        node = Node(config, disk or self.down.pop(name, None), seed=self.seed, tracer=self.tracer)
        self.nodes[name] = node
        return node

    def crash(self, name: str) -> None:
        """Kill a node: what was not synced is lost, and so is what was on the way to it."""
        self.down[name] = self.nodes.pop(name).disk
        self.network = deque(message for message in self.network if message.target != name)

    def run(self) -> None:
        """Deliver until nothing is on the way."""
        self.collect()
        steps = 0
        while self.network:
            self.deliver(self.network.popleft())
            steps += 1
            assert steps < 100_000, "the network comes to rest"

    def collect(self) -> None:
        for node in self.nodes.values():
            self.network.extend(node.drain())

    def deliver(self, message: Message) -> None:
        """Deliver one message, as the wire would: through its plain form."""
        lost = message.target not in self.nodes or (message.sender, message.target) in self.cuts
        if lost or self.loses(message):
            self.said.append(show(message) + " LOST")
            return
        self.said.append(show(message))
        node = self.nodes[message.target]
        node.raft.step(from_value(to_value(message)))
        self.network.extend(node.drain())

    def tick(self, count: int = 1, *names: str) -> None:
        """Ticks for these nodes (all if none is named), with delivery after each."""
        for _ in range(count):
            for name in names or self.names:
                if name in self.nodes:
                    self.nodes[name].raft.tick()
            self.run()

    def elect(self, name: str) -> Node:
        """Let this node's timeout pass; it must win."""
        node = self.nodes[name]
        for _ in range(4 * node.raft.config.election_ticks):
            if node.raft.role is Role.LEADER:
                break
            self.tick(1, name)
        assert node.raft.role is Role.LEADER, self.said[-20:]
        return node

    def propose(self, name: str, data: bytes = b"x") -> Entry:
        """Propose and run until all is quiet."""
        new = self.nodes[name].propose(data)
        self.run()
        return new

    def isolate(self, name: str) -> None:
        for other in self.names:
            self.cut(name, other)

    def cut(self, one: str, other: str) -> None:
        self.cuts |= {(one, other), (other, one)}

    def cut_way(self, sender: str, target: str) -> None:
        self.cuts.add((sender, target))

    def heal(self) -> None:
        self.cuts.clear()

    @property
    def leaders(self) -> list[str]:
        return [name for name, node in self.nodes.items() if node.raft.role is Role.LEADER]

    def logs(self) -> dict[str, list[tuple[int, int]]]:
        """(index, term) of every entry each node holds, durable or not."""
        found = {}
        for name, node in self.nodes.items():
            held = [node.raft.log.entry(index) for index in range(1, node.raft.last_index + 1)]
            found[name] = [(each.index, each.term) for each in held if each is not None]
        return found

    def commits(self) -> dict[str, int]:
        return {name: node.raft.commit for name, node in self.nodes.items()}

    def heard(self, kind: str) -> list[str]:
        """The lines of one kind of message."""
        return [line for line in self.said if f" {kind} " in line]


def show(message: Message) -> str:
    """A message as one line of a transcript."""
    line = f"{message.sender}>{message.target} {type(message).__name__} t{message.term}"
    match message:
        case PreVote() | Vote():
            return f"{line} last {message.last_term}/{message.last_index}"
        case PreVoteReply() | VoteReply():
            return f"{line} {'granted' if message.granted else 'refused'}"
        case Append():
            span = f"{message.prev_index + 1}..{message.prev_index + len(message.entries)}"
            entries = span if message.entries else "empty"
            proof = f" cert {message.certificate.index}" if message.certificate else ""
            at = f"{message.prev_term}/{message.prev_index}"
            shown = f" elected {message.election.term}" if message.election else ""
            return f"{line} after {at} {entries} commit {message.commit}{proof}{shown}"
        case AppendReply():
            if message.ok:
                return f"{line} ok {message.match} acks {[index for index, _ in message.acks]}"
            kept = f" keeps {message.keeps}" if message.keeps else ""
            return f"{line} refused {message.prev_index} hint {message.hint_term}/{message.hint_index}{kept}"
        case Heartbeat():
            proof = f" cert {message.certificate.index}" if message.certificate else ""
            return f"{line} commit {message.commit}{proof}"
        case HeartbeatReply():
            return f"{line} commit {message.commit}"
        case _:
            return line


_number = [0]


def fresh_id() -> int:
    """An id for a hand-made message."""
    _number[0] += 1
    return (99 << BOOT_SHIFT) + _number[0]


def append(
    term: int,
    after: tuple[int, int],
    *entries: Entry,
    sender: str = "n2",
    target: str = "n1",
    commit: int = 0,
    proof: Certificate | None = None,
    shown: ElectionCertificate | None = None,
) -> Append:
    """A leader's append; `after` is (term, index)."""
    return Append(sender, target, term, fresh_id(), after[0], after[1], entries, commit, proof, shown)


def election(term: int, candidate: str, **positions: tuple[int, int]) -> ElectionCertificate:
    """An election by these voters, each from its (term, index)."""
    votes = []
    for node, position in sorted(positions.items()):
        last_hash = sha256(repr(position).encode()).digest()
        ballot = Ballot(term, candidate, position[0], *position, last_hash)
        votes.append(SignedVote(node, position[0], *position, last_hash, Mac("").vote_mac(node, ballot)))
    return ElectionCertificate(term, candidate, tuple(votes))


def heartbeat(
    term: int,
    *,
    sender: str = "n2",
    target: str = "n1",
    commit: int = 0,
    proof: Certificate | None = None,
) -> Heartbeat:
    return Heartbeat(sender, target, term, fresh_id(), commit, proof)


def ask_vote(
    term: int, last: tuple[int, int], *, sender: str = "n2", target: str = "n1", transfer: bool = False
) -> Vote:
    return Vote(sender, target, term, fresh_id(), last[0], last[1], transfer)


def answer_vote(
    term: int,
    *,
    granted: bool = True,
    sender: str = "n2",
    target: str = "n1",
    request: int = 1,
    position: tuple[int, int] = (0, 0),
    accepted: int | None = None,
    signature: bytes | None = None,
) -> VoteReply:
    """A voter's answer; a grant is signed unless a signature is given."""
    if not granted:
        return VoteReply(sender, target, term, fresh_id(), request, False, 0, 0, 0, b"", b"")
    last_hash = GENESIS.hash if position[1] == 0 else sha256(repr(position).encode()).digest()
    ballot = Ballot(term, target, position[0] if accepted is None else accepted, *position, last_hash)
    if signature is None:
        signature = Mac("").vote_mac(sender, ballot)
    statement = (ballot.accepted_term, *position, last_hash, signature)
    return VoteReply(sender, target, term, fresh_id(), request, True, *statement)


def ask_pre_vote(term: int, last: tuple[int, int], *, sender: str = "n2", target: str = "n1") -> PreVote:
    return PreVote(sender, target, term, fresh_id(), last[0], last[1])


def lone(
    terms: tuple[int, ...] = (),
    *,
    voters: str = "n1 n2 n3",
    term: int | None = None,
    vote: str | None = None,
    applied: int = 0,
    **settings: object,
) -> Node:
    """Node n1 with a log of these terms, whose peers are played by the test."""
    entries = log_of_terms(*terms)
    disk = Disk(entries, HardState(term if term is not None else (terms[-1] if terms else 0), vote))
    disk.applied = applied
    return Node(configuration("n1", voters, **settings), disk)
