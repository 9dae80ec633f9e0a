"""The state that all parts of the core share, and the only places where it changes.

Raft here is one object in layers: `Core` (this file: terms, roles, outbox), `Election`,
`Follower` and `Leader` on top of it, and `Raft` with the public interface. A layer calls
down into this file, never into another layer, but through the abstract methods at its end.

What must be durable first. `hard` is (term, vote, accepted). A message carries the sender's term and
so depends on it; it is handed out at once only if that very `hard` is known to be durable, and
otherwise waits here until it is (CR-05). Acknowledgements are made only when the entries are
durable, so the same rule covers them.

What waits in the outbox when the term changes is never handed out: nothing leaves in the name
of a term that this node has left, nor a request in that of a role (`_withdraw`). To the others it
is a lost message.

A node that is halted does nothing any more: it neither answers, nor votes, nor
acknowledges, and serves again only from a fresh open (CR-36, CR-25).
"""

from __future__ import annotations

from collections.abc import Callable

from consensus.errors import ContractBroken, DiskDisagrees
from consensus.limits import BOOT_SHIFT, MAX_CAST_REMEMBERED, MAX_EVIDENCE
from consensus.log import Log
from consensus.messages import ROLELESS, Certificate, ElectionCertificate, Entry, Message
from consensus.quorum import Configuration, Tally
from consensus.state import (
    TRANSITIONS,
    Config,
    Evidence,
    HardState,
    Refusal,
    Role,
    SnapshotPoint,
    Soft,
)
from consensus.storage import Authority, LogReader
from consensus.trace import Event, Tracer, configuration_event, entry_event, message_event

Draw = Callable[[int], int]
"""draw(n) gives an integer from 0 to n - 1, evenly."""


class Core:
    """Term, vote, role, log, commit, outbox; and how each of them changes."""

    def __init__(
        self,
        config: Config,
        hard: HardState,
        log: LogReader,
        commit: int,
        authority: Authority,
        draw: Draw,
        tracer: Tracer | None = None,
    ) -> None:
        self.config = config
        self.node = config.node
        self.authority = authority
        self._draw = draw
        self._tracer = tracer

        self.log = Log(log)
        self._configurations = [(self.log.start, config.start), *log.configurations()]
        """(index, configuration), ascending: that of the start, and those of entries above it."""
        if hard.term < self.log.last_term:
            raise DiskDisagrees(f"term {hard.term} is behind the log's last term {self.log.last_term}")
        if not 0 <= commit <= self.log.last_index:
            raise DiskDisagrees(f"commit {commit} lies outside the log, which ends at {self.log.last_index}")
        if [index for index, _ in self._configurations] != sorted({i for i, _ in self._configurations}):
            raise DiskDisagrees("configurations out of order")
        self.hard = hard
        self.durable_hard = hard
        self._handed_hard = hard
        self.commit = commit
        self.certificate: Certificate | None = log.certificate(commit) if commit else None
        """The newest certificate known; it never falls behind `commit` but right after a start."""
        self._unapplied: list[Certificate] = []
        self._applied = commit

        self.role = Role.FOLLOWER
        self.leader: str | None = None
        self.tally = Tally(self.configuration)
        self.asked_at: dict[str, int] = {}
        """Voters that were asked for a vote and have not answered since, with the tick of the first time."""
        self.now = 0
        self.elapsed = 0
        self.timeout = 0
        self.halted: str | None = None
        self.refusal: Refusal | None = None
        self.was_set_back = False
        """A certificate holds this node's signature for what its disk does not hold, or for a vote that it
        does not know: an older copy of the disk took its place. It is mute from then on, and so must be
        whoever starts on it again."""
        self.accepted_at_start = self.accepted
        self._cast: dict[int, str | None] = {hard.term: hard.vote}
        """For whom this node voted, by term, ascending: the vote that its disk held at the start, and those
        since. What it lacks from the first one on this node has not voted."""
        self.evidence: list[Evidence] = []
        self.dropped: dict[str, int] = {}

        self._next_id = config.boot << BOOT_SHIFT
        self._send_now: list[Message] = []
        self._send_after: list[Message] = []
        self._took_office_unseen: ElectionCertificate | None = None
        self._lost_office_unseen = False
        self._shown = self.soft
        self._event_number = 0
        self._draw_timeout()
        if tracer is not None:
            self._trace_boot(log)

    @property
    def term(self) -> int:
        """The current term."""
        return self.hard.term

    @property
    def vote(self) -> str | None:
        """Whom this node voted for in the current term."""
        return self.hard.vote

    @property
    def last_index(self) -> int:
        """The end of the log, durable or not."""
        return self.log.last_index

    @property
    def last_term(self) -> int:
        """The term of the last entry."""
        return self.log.last_term

    @property
    def configuration(self) -> Configuration:
        """The members that govern now: those of the newest entry that names them (CR-53)."""
        return self._configurations[-1][1]

    @property
    def configuration_index(self) -> int:
        """Where the configuration that governs now comes from."""
        return self._configurations[-1][0]

    def configuration_at(self, index: int) -> Configuration:
        """The members that govern the entry at `index`, itself included."""
        for start, configuration in reversed(self._configurations):
            if start <= index:
                return configuration
        return self._configurations[0][1]

    def is_known(self, node: str) -> bool:
        """Whether it is a member, or was one under a configuration of this log."""
        return self.configuration.is_member(node) or any(
            configuration.is_member(node) for _, configuration in self._configurations
        )

    def has_left(self, node: str) -> bool:
        """Whether it was a member, and a change that is committed here has ended that."""
        return (
            not self.configuration.is_member(node)
            and self.configuration_index <= self.commit
            and self.is_known(node)
        )

    @property
    def is_mute(self) -> bool:
        """Whether this node may have promised what it does not hold (CR-76)."""
        until = self.config.mute_until
        return self.was_set_back or (until is not None and self.commit < until)

    @property
    def silent_voters(self) -> tuple[tuple[str, int], ...]:
        """While there is no leader: (voter, ticks) of those that have let requests for a vote of more than
        an election timeout go unanswered; ascending. They are down, cut off, have lost data (CR-76), or hear
        a leader that this node does not (CR-14)."""
        least = self.config.election_ticks
        waited = [(node, self.now - asked) for node, asked in self.asked_at.items()]
        return tuple(
            sorted(
                (node, ticks)
                for node, ticks in waited
                if ticks >= least and self.configuration.is_voter(node)
            )
        )

    @property
    def accepted(self) -> int:
        """The term of the last leader whose append this node took."""
        return max(self.hard.accepted, self.log.last_term)

    @property
    def soft(self) -> Soft:
        """Role, leader and term."""
        return Soft(self.role, self.leader, self.hard.term)

    def _adopt(self, term: int) -> None:
        """A higher term was seen: take it, forget the vote, follow (CR-01)."""
        assert term > self.hard.term, "terms only grow"
        self._leave_role()
        self.hard = HardState(term, None, self.hard.accepted)
        self._withdraw(everything=True)
        self.leader = None
        self._forget_leader_state()

    def _follow(self, leader: str | None) -> None:
        """Follow in the current term; `leader` is None until one is heard."""
        if self.role is Role.FOLLOWER and self.leader == leader:
            return
        self._leave_role()
        if leader is not None:
            self.asked_at.clear()
        if leader != self.leader:
            self.leader = leader
            self._draw_timeout()
        if self._tracer is not None:
            self.trace("become_follower", leader=leader)

    def _leave_role(self) -> None:
        if self.role is Role.LEADER:
            if self._took_office_unseen is not None:
                self._took_office_unseen = None
            else:
                self._lost_office_unseen = True
            self._retire()
        if self.role is not Role.FOLLOWER:
            self._become(Role.FOLLOWER)
            self.elapsed = 0
            self._draw_timeout()

    def _become(self, role: Role) -> None:
        assert role in TRANSITIONS[self.role], f"no way from {self.role} to {role}"
        self.role = role
        self._withdraw()

    def _withdraw(self, *, everything: bool = False) -> None:
        """Role or term changed: what speaks for the former one and is not handed out stays here."""
        for outbox in (self._send_now, self._send_after):
            outbox[:] = [] if everything else [each for each in outbox if isinstance(each, ROLELESS)]

    def _draw_timeout(self) -> None:
        """A fresh timeout, from the configured one to twice that (CR-10)."""
        self.timeout = self.config.election_ticks + self._draw(self.config.election_ticks + 1)

    def new_id(self) -> int:
        """An id that no other message of this node has, in any boot."""
        self._next_id += 1
        return self._next_id

    def emit(self, message: Message) -> None:
        """Put a message in the outbox; it waits there while term and vote are not known to be durable."""
        assert message.target != self.node, "messages to itself never leave the core"
        if self.halted is not None:
            return
        if self.hard is self.durable_hard or self.hard == self.durable_hard:
            self._send_now.append(message)
        else:
            self._send_after.append(message)

    def _govern_from(self, entry: Entry) -> None:
        """A configuration governs from the moment that its entry is in the log (CR-53)."""
        assert entry.configuration is not None, "an entry that changes the members"
        self._configurations.append((entry.index, entry.configuration))
        self._configuration_changed()

    def _ungovern_from(self, start: int) -> None:
        """Entries from `start` on were truncated: what governed before does so again."""
        if self._configurations[-1][0] < start:
            return
        while self._configurations[-1][0] >= start:
            self._configurations.pop()
        assert self._configurations, "the start of the log is never truncated"
        self._configuration_changed()

    def _configuration_changed(self) -> None:
        if self._tracer is not None:
            self._trace_configuration()
        self._members_changed()

    def _trace_configuration(self) -> None:
        index, configuration = self._configurations[-1]
        self.trace("config", index=index, **configuration_event(configuration))

    def _commit_by(self, certificate: Certificate, by: str) -> None:
        """Everything up to a certificate that holds is committed (CR-40)."""
        assert certificate.index > self.commit, "commit never moves back"
        assert certificate.index <= self.log.last_index, "commit stays within the log"
        self.commit = certificate.index
        self.certificate = certificate
        self._unapplied.append(certificate)
        if self._tracer is not None:
            self.trace("commit", to=certificate.index, by=by)

    def _take_certificate(self) -> Certificate | None:
        """The newest certificate whose entries are durable here (CR-42)."""
        chosen = None
        while self._unapplied and self._unapplied[0].index <= self.log.persisted:
            chosen = self._unapplied.pop(0)
        if chosen is not None:
            assert chosen.index > self._applied, "each height is applied once"
            if self._tracer is not None:
                for index in range(self._applied + 1, chosen.index + 1):
                    entry = self.log.entry(index)
                    self.trace("apply", index=index, hash=entry.hash.hex() if entry else "")
            self._applied = chosen.index
        return chosen

    def drop(self, reason: str) -> None:
        """Something was refused on purpose: count it."""
        self.dropped[reason] = self.dropped.get(reason, 0) + 1
        if self._tracer is not None:
            self.trace("drop", reason=reason)

    def _note_vote(self, candidate: str) -> None:
        """This node votes in its term."""
        self._cast[self.term] = candidate
        if len(self._cast) > MAX_CAST_REMEMBERED:
            del self._cast[next(iter(self._cast))]

    def _found_set_back(self, what: str) -> None:
        """The disk does not hold `what` this node signed: from now on it promises nothing (CR-76)."""
        self.was_set_back = True
        reason = f"own signature found for {what}, which the disk does not hold"
        self.dropped[reason] = self.dropped.get(reason, 0) + 1
        if self._tracer is not None:
            self.trace("drop", reason=reason, set_back=True)

    def accuse(self, kind: str, against: str, detail: str, first: object, second: object) -> None:
        """Keep two statements that cannot both be honest, and go on."""
        self.dropped[kind] = self.dropped.get(kind, 0) + 1
        if self._tracer is not None:
            self.trace("evidence", kind=kind, against=against, detail=detail)
        if len(self.evidence) < MAX_EVIDENCE:
            self.evidence.append(Evidence(kind, against, detail, first, second))

    def halt(self, reason: str) -> None:
        """Stop for good: what is in the outbox depends on what failed, and stays here."""
        if self.halted is not None:
            return
        self.halted = reason
        self._follow(None)
        self._send_now.clear()
        self._send_after.clear()
        if self._tracer is not None:
            self.trace("drop", reason=f"halted: {reason}")

    def trace(self, kind: str, /, **own: object) -> None:
        """Emit one event with the state after it; only called when there is a tracer."""
        assert self._tracer is not None
        self._event_number += 1
        event: Event = {
            "v": 1,
            "ev": kind,
            "node": self.node,
            "boot": self.config.boot,
            "seq": self._event_number,
            "term": self.hard.term,
            "vote": self.hard.vote,
            "role": str(self.role),
            "commit": self.commit,
            "last": [self.log.last_term, self.log.last_index],
        }
        event.update(own)
        self._tracer(event)

    def _trace_boot(self, reader: LogReader) -> None:
        start = self.log.start
        begin = reader.entry(start)
        tail = [self.log.entry(index) for index in range(start + 1, self.log.last_index + 1)]
        own: Event = {"wiped": True} if self.is_mute else {}
        self.trace(
            "boot",
            snap=[start, begin.term if begin else 0, begin.hash.hex() if begin else ""],
            tail=[entry_event(entry) for entry in tail if entry is not None],
            applied=self.commit,
            **configuration_event(self._configurations[0][1]),
            **own,
        )
        for index, configuration in self._configurations[1:]:
            self.trace("config", index=index, **configuration_event(configuration))

    def _trace_install(self, point: SnapshotPoint) -> None:
        self.trace(
            "snapshot_install",
            index=point.index,
            block_term=point.term,
            hash=point.hash.hex(),
            **configuration_event(point.configuration),
        )

    def _trace_sends(self, messages: tuple[Message, ...]) -> None:
        for message in messages:
            self.trace("send", msg=message_event(message))

    def _retire(self) -> None:
        """Drop what only a leader has."""
        raise NotImplementedError

    def _forget_leader_state(self) -> None:
        """Drop what only holds under one leader of one term."""
        raise NotImplementedError

    def _take_office(self) -> None:
        """Become leader of the current term."""
        raise NotImplementedError

    def _election_certificate(self) -> ElectionCertificate:
        """The votes that brought this node into office."""
        raise NotImplementedError

    def _members_changed(self) -> None:
        """Another configuration governs from now on."""
        raise NotImplementedError

    def _meet_former_member(self, node: str) -> None:
        """A node that was removed, and may not know it, asks for a vote."""
        raise NotImplementedError

    def _fail_asked_reads(self) -> None:
        """The leader that was asked for reads leads no more."""
        raise NotImplementedError


def require(holds: bool, what: str) -> None:
    """Check the caller's side of the contract of `ready.py`."""
    if not holds:
        raise ContractBroken(what)
