"""One real core among liars: what a simulated cluster said is said to it again, changed.

`recording` plays a simulated cluster and keeps every message and every block of it. A
`Victim` is a core with an obedient caller, started on what one of the nodes had on its disk
at some moment. `Others` answer it now and then with good signatures, so that it is elected
and commits. It is told honest messages in any order, and mutated ones, many of them lifted
into its own term, and after each the laws are checked that hold whatever is said:

1. it never raises;
2. what is dropped at the door leaves the state as it was, compared in depth (CR-88);
3. terms and commit never move back, commit stays within the log (CR-01, CR-40);
4. nothing at or below commit is truncated or replaced (CR-25);
5. nothing is committed but by a certificate with good signatures of a quorum (CR-71);
6. it signs one hash for a (term, index), and one candidate in a term (CR-03, CR-69);
7. what it keeps is bounded, however long it goes on.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, fields, is_dataclass, replace
from enum import Enum
from random import Random
from typing import Any

from mutation import mutated_value
from simulator.disk import GENESIS
from simulator.plan import plan_of
from simulator.signing import MacAuthority, mac, vote_mac
from simulator.world import World

from consensus import (
    Ballot,
    Certificate,
    Config,
    Configuration,
    Entry,
    HardState,
    Message,
    ProposalRefused,
    Raft,
    Ready,
    Role,
    TransferRefused,
)
from consensus.errors import ProtocolError
from consensus.limits import MAX_EVIDENCE, MAX_WAITING_CERTIFICATES, MAX_WAITING_REQUESTS
from consensus.messages import (
    Append,
    AppendReply,
    Heartbeat,
    HeartbeatReply,
    PreVote,
    PreVoteReply,
    Vote,
    VoteReply,
)
from consensus.wire import from_value, to_value

MAX_KEPT_PARTS = 60_000
"""Values in the whole state of a core beside its log, however it is shouted at."""


@dataclass(frozen=True)
class Recording:
    """What a simulated cluster said and did."""

    names: tuple[str, ...]
    start: Configuration
    messages: tuple[Message, ...]
    values: tuple[Any, ...]
    """The messages in plain form."""
    blocks: Mapping[bytes, Entry]
    """Every block that was ever sent, by hash: these can be reproduced."""
    logs: Mapping[str, tuple[Entry, ...]]
    hards: Mapping[str, HardState]
    certificates: Mapping[int, Certificate]
    committed: Mapping[int, bytes]
    settings: Mapping[str, int]


class _Listener(Raft):
    """A core that remembers what it is told."""

    heard: list[Message]

    def step(self, message: Message) -> None:
        """Remember, and go on."""
        self.heard.append(message)
        super().step(message)


def recording(seed: int, *, steps: int = 1_500, nodes: int = 3) -> Recording:
    """Play a cluster with faults, and keep what was said."""
    plan = plan_of(seed, steps=steps, nodes=(nodes, nodes))
    heard: list[Message] = []
    core = type("Listener", (_Listener,), {"heard": heard})
    world = World(plan, core=core)
    outcome = world.run()
    assert outcome.violation is None, f"seed {seed}: {outcome.violation}"
    blocks = {entry.hash: entry for each in heard if isinstance(each, Append) for entry in each.entries}
    certificates: dict[int, Certificate] = {}
    logs: dict[str, tuple[Entry, ...]] = {}
    for name in plan.names:
        disk = world.disks[name]
        logs[name] = tuple(disk.entries)
        certificates.update(disk.certificates)
        blocks.update({entry.hash: entry for entry in disk.entries})
    longest = max(logs.values(), key=len)
    top = max(certificates, default=0)
    committed = {entry.index: entry.hash for entry in longest if entry.index <= top}
    return Recording(
        tuple(plan.names),
        Configuration(tuple(plan.names), plan.quorum),
        tuple(heard),
        tuple([to_value(message) for message in heard]),
        blocks,
        logs,
        {name: world.disks[name].hard for name in plan.names},
        certificates,
        committed,
        {
            "election_ticks": plan.election_ticks,
            "heartbeat_ticks": plan.heartbeat_ticks,
            "max_append_entries": plan.max_append_entries,
            "max_inflight": plan.max_inflight,
        },
    )


class Disk:
    """The durable log of a victim; also the core's `LogReader`."""

    first_index = 0

    def __init__(
        self, entries: Sequence[Entry], hard: HardState, certificates: Mapping[int, Certificate]
    ) -> None:
        self.entries = list(entries)
        self.hard = hard
        self.certificates = dict(certificates)
        self.applied = 0

    @property
    def last_index(self) -> int:
        return len(self.entries) - 1

    def term(self, index: int) -> int | None:
        held = self.entry(index)
        return None if held is None else held.term

    def entry(self, index: int) -> Entry | None:
        return self.entries[index] if 0 <= index < len(self.entries) else None

    def certificate(self, index: int) -> Certificate | None:
        return self.certificates.get(index)

    def configurations(self) -> list[tuple[int, Configuration]]:
        return [
            (each.index, each.configuration) for each in self.entries[1:] if each.configuration is not None
        ]


@dataclass
class Signed:
    """Everything that a victim signed, over all its lives."""

    acks: dict[tuple[int, int], bytes] = field(default_factory=dict)
    votes: dict[int, str] = field(default_factory=dict)

    def acknowledges(self, term: int, index: int, entry_hash: bytes) -> None:
        """One hash for a (term, index)."""
        assert self.acks.setdefault((term, index), entry_hash) == entry_hash, "signed two blocks"

    def votes_for(self, ballot: Ballot) -> None:
        """One candidate in a term."""
        assert self.votes.setdefault(ballot.term, ballot.candidate) == ballot.candidate, "voted twice"


class Others:
    """The other members as they answer a victim: they vote once a term and acknowledge what they are sent."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = names
        self._votes: dict[tuple[str, int], str] = {}
        self._ids = 0

    def answer(self, message: Message) -> Message | None:
        """What the node that a message of the victim is for says to it, if anything."""
        self._ids += 1
        head = (message.target, message.sender, message.term, self._ids, message.id)
        if isinstance(message, PreVote):
            return PreVoteReply(*head, True)
        if isinstance(message, Vote):
            if self._votes.setdefault((message.target, message.term), message.sender) != message.sender:
                return None
            ballot = Ballot(message.term, message.sender, 0, 0, 0, GENESIS.hash)
            return VoteReply(*head, True, 0, 0, 0, GENESIS.hash, vote_mac(message.target, ballot))
        if isinstance(message, Append):
            acks = []
            for entry in message.entries:
                if entry.term == message.term:
                    acks.append((entry.index, mac(message.target, entry.term, entry.index, entry.hash)))
            match = message.prev_index + len(message.entries)
            return AppendReply(*head, True, message.prev_index, match, 0, 0, tuple(acks), message.commit)
        if isinstance(message, Heartbeat):
            return HeartbeatReply(*head, message.commit)
        return None


class _Witness:
    def __init__(self, signed: Signed) -> None:
        self.acknowledges = signed.acknowledges
        self.votes = signed.votes_for


class Victim:
    """A core, its disk, and a caller that does as `consensus/ready.py` says."""

    def __init__(self, recorded: Recording, chance: Random, core: type[Raft] = Raft) -> None:
        self._core = core
        self.recorded = recorded
        self.chance = chance
        self.name = chance.choice(recorded.names)
        log = recorded.logs[self.name]
        kept = log[: 1 + chance.choice((0, len(log) // 2, len(log)))]
        hard = recorded.hards[self.name] if len(kept) == len(log) else HardState(max(kept[-1].term, 1), None)
        self.disk = Disk(kept, hard, recorded.certificates)
        proved = [index for index in recorded.certificates if index < len(kept)]
        self.disk.applied = max(proved, default=0) if chance.random() < 0.5 else 0
        self.signed = Signed()
        self.others = Others(recorded.names)
        self.answers: deque[Message] = deque(maxlen=64)
        self.said: deque[Any] = deque(maxlen=64)
        """Plain forms of what others answered: as good to mutate as what was recorded."""
        self.own: dict[bytes, Entry] = {}
        """Blocks that this victim proposed."""
        self.boot = 10
        self.forged_ids = 1 << 61
        self.lives = 0
        self.counted = {"dropped at the door": 0, "no message": 0, "stepped": 0, "halted": 0, "led": 0}
        self.committed: dict[int, bytes] = {}
        self.writes: deque[Ready] = deque()
        self.start()

    def start(self) -> None:
        """A new life on the same disk."""
        self.boot += 1
        self.lives += 1
        self.writes.clear()
        self.raft = self._core(
            Config(
                node=self.name,
                start=self.recorded.start,
                boot=self.boot,
                **self.recorded.settings,
            ),
            self.disk.hard,
            self.disk,
            self.disk.applied,
            MacAuthority(self.name, _Witness(self.signed)),
            self.chance.randrange,
        )
        self.term, self.commit = self.raft.term, self.raft.commit

    def say(self, value: Any) -> None:
        """Plain values arrive that stand for a message, or for none."""
        try:
            message = from_value(value)
        except ProtocolError:
            self.counted["no message"] += 1
            return
        if message.target != self.name and self.chance.random() < 0.9:
            message = replace(message, target=self.name)
        if message.sender == self.name and self.chance.random() < 0.9:
            message = replace(message, sender=self.chance.choice(self.recorded.names))
        if message.term != self.raft.term and self.chance.random() < 0.6:
            lifted = self.raft.term + isinstance(message, PreVote | PreVoteReply)
            message = replace(message, term=max(lifted, 1))
        self.step(message)

    def forge(self) -> None:
        """A liar shows a certificate of something that this node holds, with signatures of nobody."""
        raft, chance = self.raft, self.chance
        entry = raft.log.entry(chance.randint(raft.commit, raft.last_index))
        leader = raft.leader or chance.choice(self.recorded.names)
        if entry is None or entry.index == 0 or leader == self.name:
            return
        signers = sorted(chance.sample(self.recorded.names, chance.randint(1, len(self.recorded.names))))
        own = self.signed.acks.get((entry.term, entry.index)) == entry.hash
        acks = [
            (name, mac(name, entry.term, entry.index, entry.hash) if name == self.name and own else bytes(16))
            for name in signers
        ]
        proof = Certificate(entry.term, entry.index, entry.hash, tuple(acks))
        self.forged_ids += 1
        self.step(Heartbeat(leader, self.name, max(raft.term, 1), self.forged_ids, entry.index, proof))

    def step(self, message: Message) -> None:
        """One message, and the laws."""
        raft = self.raft
        is_dropped = Raft._reason_to_drop(raft, message) is not None
        before = picture(raft) if is_dropped else None
        raft.step(message)
        self.counted["dropped at the door" if is_dropped else "stepped"] += 1
        if is_dropped:
            assert picture(raft) == before, f"dropped, and something changed: {message}"
        self.check()

    def live(self) -> None:
        """Something else happens: a tick, a turn, the disk, a proposal."""
        kind = self.chance.randrange(12)
        if kind < 3:
            self.raft.tick()
        elif kind < 6:
            self.turn()
        elif kind < 9:
            self.sync()
        elif kind < 11:
            if self.answers:
                self.step(self.answers.popleft())
        else:
            self.ask()
        if self.raft.halted is not None:
            self.counted["halted"] += 1
            self.start()
        self.check()

    def turn(self) -> None:
        while (ready := self.raft.ready()) is not None:
            self.writes.append(ready)
            for message in ready.send_now:
                if (answer := self.others.answer(message)) is not None:
                    self.answers.append(answer)
                    self.said.append(to_value(answer))
            if ready.certificate is not None:
                self.disk.applied = ready.certificate.index
            if ready.took_office is not None:
                self.counted["led"] += 1
                self.sync(len(self.writes))
                self.propose()
            if ready.snapshot is not None:
                self.raft.snapshot_failed()

    def sync(self, count: int = 1) -> None:
        """The oldest writes become durable; what cannot be reproduced is refused."""
        for _ in range(min(count, len(self.writes))):
            ready = self.writes.popleft()
            stored: Entry | None = None
            refused: Entry | None = None
            if ready.truncate_from is not None:
                del self.disk.entries[ready.truncate_from :]
            for entry in ready.entries:
                known = self.recorded.blocks.get(entry.hash) or self.own.get(entry.hash)
                if known != entry or entry.index != self.disk.last_index + 1:
                    refused = entry
                    break
                self.disk.entries.append(entry)
                stored = entry
            if ready.hard is not None:
                self.disk.hard = ready.hard
                self.raft.hard_persisted(ready.hard)
            if stored is not None:
                self.raft.persisted(stored.index, stored.hash)
            if refused is not None:
                self.raft.refuse(refused.index, refused.hash, "not reproduced")

    def ask(self) -> None:
        """What the application asks of the core."""
        if self.chance.random() < 0.7:
            self.propose()
            return
        with suppress(ProposalRefused):
            self.raft.read()
        if self.raft.role is Role.LEADER and self.chance.random() < 0.2:
            with suppress(TransferRefused, ProposalRefused):
                self.raft.transfer(self.chance.choice(self.recorded.names))

    def propose(self) -> None:
        """As a leader that has little to say."""
        raft = self.raft
        if raft.role is not Role.LEADER:
            return
        index, term = raft.last_index + 1, raft.term
        entry = Entry(index, term, b"own %d %d" % (term, index), b"own")
        self.own[entry.hash] = entry
        try:
            raft.propose((entry,))
        except ProposalRefused:
            del self.own[entry.hash]

    def check(self) -> None:
        """The laws of the module that a single moment shows."""
        raft = self.raft
        assert raft.term >= self.term, "a term fell"
        assert self.commit <= raft.commit <= raft.last_index, "commit moved back, or beyond the log"
        assert raft.log.persisted <= raft.last_index
        for index in range(self.commit + 1, raft.commit + 1):
            entry = raft.log.entry(index)
            assert entry is not None, "committed and not held"
            self.committed[index] = entry.hash
        if raft.commit > self.commit:
            proof = raft.certificate
            assert proof is not None
            signers = dict(proof.acks)
            assert raft.configuration_at(proof.index).has_quorum(list(signers)), "committed without a quorum"
            for node, signature in signers.items():
                good = mac(node, proof.term, proof.index, proof.hash)
                assert signature == good, "committed by a signature that is none"
            assert self.committed[proof.index] == proof.hash
        self.term, self.commit = raft.term, raft.commit
        if self.commit:
            for index in {self.commit, self.chance.randrange(1, self.commit + 1)} & self.committed.keys():
                entry = raft.log.entry(index)
                assert entry is not None
                assert entry.hash == self.committed[index], f"what is committed at {index} was replaced"

    def check_size(self) -> None:
        """Law 7."""
        raft = self.raft
        assert len(raft.evidence) <= MAX_EVIDENCE
        assert len(raft._certificates) <= MAX_WAITING_CERTIFICATES
        assert len(raft._waiting) <= MAX_WAITING_REQUESTS
        assert len(raft.dropped) < 100, "reasons are a fixed set"
        parts = count_parts(picture(raft))
        assert parts < MAX_KEPT_PARTS, f"{parts} values are kept"


def follow(recorded: Recording, script: Sequence[tuple[int, int, int]]) -> None:
    """One victim and a script: (what happens, which message, how it is changed)."""
    chance = Random(len(script))
    victim = Victim(recorded, chance)
    for kind, place, change in script:
        chance.seed(change)
        if kind == 0:
            victim.live()
        elif kind == 1:
            victim.forge()
        else:
            value = recorded.values[place % len(recorded.values)]
            victim.say(value if kind == 2 else mutated_value(chance, value, recorded.values))
    victim.check_size()


def play(recorded: Recording, chance: Random, messages: int, core: type[Raft] = Raft) -> Counter[str]:
    """Victims, told so many messages: honest and mutated ones, in order, out of order and again."""
    victim = Victim(recorded, chance, core)
    counted = Counter[str]()
    values = recorded.values
    place = chance.randrange(len(values))
    hostility = chance.choice((0.2, 0.6, 0.95))
    for number in range(messages):
        is_next = chance.random() < 0.7
        place = (place + 1) % len(values) if is_next else chance.randrange(len(values))
        value = values[place]
        if victim.said and chance.random() < 0.3:
            value = chance.choice(victim.said)
        if chance.random() < hostility:
            for _ in range(chance.choice((1, 1, 1, 2, 4))):
                value = mutated_value(chance, value, values)
        victim.say(value)
        if chance.random() < hostility / 8:
            victim.forge()
        while chance.random() < 0.7:
            victim.live()
        if number % 150 == 149:
            victim.check_size()
            counted += Counter(victim.counted)
            victim = Victim(recorded, chance, core)
    victim.check_size()
    return counted + Counter(victim.counted)


_LEFT_OUT = frozenset(
    {"_reader", "_draw", "_tracer", "authority", "_authority", "config", "dropped", "_handlers"}
)
"""What is no state, and what a drop is counted in."""


def picture(thing: Any) -> Any:
    """The whole state under a value, comparable by `==`; entries and messages stand for themselves."""
    if thing is None or isinstance(thing, int | str | bytes | Enum | Entry | Certificate):
        return thing
    if isinstance(thing, dict):
        return {key: picture(value) for key, value in thing.items()}
    if isinstance(thing, list | tuple | deque):
        return [picture(each) for each in thing]
    if isinstance(thing, set | frozenset):
        return thing
    if is_dataclass(thing):
        return [picture(getattr(thing, each.name)) for each in fields(thing)]
    names = list(getattr(thing, "__dict__", ()))
    for kind in type(thing).__mro__:
        names += getattr(kind, "__slots__", ())
    assert names, f"no state known in {type(thing)}"
    return {
        name: picture(getattr(thing, name))
        for name in names
        if name not in _LEFT_OUT and hasattr(thing, name)
    }


def count_parts(pictured: Any) -> int:
    """Values in a picture."""
    if isinstance(pictured, dict):
        return sum([count_parts(each) for each in pictured.values()])
    if isinstance(pictured, list):
        return sum([count_parts(each) for each in pictured])
    return 1
