"""Cores with one deliberate bug each: the simulator is worth what it finds in them.

Every class is the real core with as little changed as the bug needs. Most are bugs that real
systems shipped (`consensus-requirements.md` names them).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from consensus import (
    Authority,
    Ballot,
    Certificate,
    Config,
    Configuration,
    Entry,
    HardState,
    LogReader,
    Message,
    Raft,
    Role,
    SnapshotPoint,
)
from consensus.certificates import AckBook
from consensus.log import Log, Write
from consensus.messages import (
    Append,
    AppendReply,
    HeartbeatReply,
    PreVote,
    ReadIndexReply,
    Snapshot,
    TimeoutNow,
    Vote,
)
from consensus.progress import Progress


class CountsOlderTerms(Raft):
    """Signs and counts acknowledgements of entries of earlier terms (CR-37, Raft figure 8)."""

    def _acknowledge(self, first: int, match: int) -> tuple[tuple[int, bytes], ...]:
        acks = []
        for index in range(max(first, self.commit + 1), match + 1):
            entry = self.log.entry(index)
            assert entry is not None
            acks.append((index, self._sign(entry)))
        return tuple(acks[-200:])

    def _count(self, message: AppendReply) -> bool:
        assert self._book is not None
        for index, signature in message.acks:
            entry = self.log.entry(index)
            if index > self.commit and entry is not None:
                self._book.add(message.sender, index, entry.hash, signature)
        return True

    def _certify(self) -> None:
        book = self._book
        assert book is not None
        for index in range(self.log.persisted, self.commit, -1):
            entry = self.log.entry(index)
            slot = book._slots.get(index)
            if entry is None or slot is None:
                continue
            acks = {node: ack for node, ack in slot.signatures.items() if self._verifies(node, entry, ack)}
            acks[self.node] = self.authority.sign(entry.term, index, entry.hash)
            if self.configuration.has_quorum(acks):
                found = Certificate(entry.term, index, entry.hash, tuple(sorted(acks.items())))
                self._commit_by(found, "quorum")
                return

    def _verifies(self, node: str, entry: Entry, signature: bytes) -> bool:
        return self.authority.verify(node, entry.term, entry.index, entry.hash, signature)


class ForgetsVote(Raft):
    """Comes back from a restart without its vote (CR-05)."""

    def __init__(
        self,
        config: Config,
        hard: HardState,
        log: LogReader,
        commit: int,
        authority: Authority,
        draw: Callable[[int], int],
        tracer: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        super().__init__(
            config, HardState(hard.term, None, hard.accepted), log, commit, authority, draw, tracer
        )


class SendsBeforeHard(Raft):
    """Lets votes leave before they are durable (CR-05)."""

    def emit(self, message: Message) -> None:
        if self.halted is None:
            self._send_now.append(message)


class _MarksAtHandOut(Log):
    __slots__ = ()

    def hand_out(self) -> Write:
        write = super().hand_out()
        self.persisted = self.last_index
        return write


class _ForgetsWhatTruncated(Log):
    """Looks at the index that was reported, and at nothing else."""

    __slots__ = ()

    def completed(self, index: int, entry_hash: bytes) -> bool:
        while self._writes and not self._writes[0].entries:
            self._writes.popleft()
        if self._writes:
            self._writes.popleft()
        mark = min(index, self.last_index)
        if mark <= self.persisted:
            return False
        self.persisted = mark
        return True


class _WithLog(Raft):
    log_class: type[Log] = Log

    def __init__(
        self,
        config: Config,
        hard: HardState,
        log: LogReader,
        commit: int,
        authority: Authority,
        draw: Callable[[int], int],
        tracer: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        super().__init__(config, hard, log, commit, authority, draw, tracer)
        self.log = self.log_class(log)


class AcknowledgesBeforeSync(_WithLog):
    """Takes for durable what was only handed to the storage (CR-29)."""

    log_class = _MarksAtHandOut

    def ready(self, *, expects_more: bool = False) -> Any:
        ready = super().ready(expects_more=expects_more)
        if ready is not None and ready.entries and self.role is not Role.LEADER:
            self._settle()
        return ready


class BelievesLateReports(_WithLog):
    """A completion is taken by its index, not by what it wrote (CR-30, ABA)."""

    log_class = _ForgetsWhatTruncated


class TruncatesOnStaleAppend(Raft):
    """Cuts the log to what an append brings, though it conflicts with nothing (CR-24, CCF 5991)."""

    def _take_entries(self, message: Append) -> bool:
        end = max(message.prev_index + len(message.entries), self.commit)
        if message.entries and end < self.last_index:
            self._truncate(end + 1)
        return super()._take_entries(message)


class VotesForBehind(Raft):
    """Votes for whoever asks first (CR-04)."""

    def _is_up_to_date(self, message: PreVote | Vote) -> bool:
        return True


class CommitsUnconfirmed(Raft):
    """Commits what the leader calls committed, as far as its own log reaches (CR-39)."""

    def _advance(self) -> None:
        if self.halted is not None or self.role is not Role.FOLLOWER:
            return
        for certificate in list(self._certificates):
            self._certificates.remove(certificate)
            if self.commit < certificate.index <= self.log.persisted:
                self._commit_by(certificate, "leader")


class MovesMatchOnRefusal(Raft):
    """A refusal's hint is taken for a match (CR-27, CCF)."""

    def _on_append_reply(self, message: AppendReply) -> None:
        super()._on_append_reply(message)
        peer = self._peers.get(message.sender)
        if peer is not None and not message.ok:
            peer.match = max(peer.match, message.prev_index)


class _DoublesASigner(AckBook):
    __slots__ = ()

    def _certify_at(
        self, index: int, node: str, persisted: int, configuration: Configuration
    ) -> Certificate | None:
        found = super()._certify_at(index, node, persisted, configuration)
        signatures = self._slots[index].signatures
        if found is not None or len(signatures) + (index <= persisted) + 1 < configuration.quorum:
            return found
        acks = [(name, signature) for name, signature in sorted(signatures.items())]
        if not acks or configuration.is_joint:
            return None
        return Certificate(self._term, index, self._slots[index].hash, (*acks, acks[-1]))


class CountsASignerTwice(Raft):
    """Fills a certificate by one signer's second signature (CR-71)."""

    def _take_office(self) -> None:
        super()._take_office()
        self._book = _DoublesASigner(self.term, self.authority)


class _CountsOwnEarly(AckBook):
    __slots__ = ()

    def certify(
        self, node: str, persisted: int, configuration: Configuration, least: int
    ) -> Certificate | None:
        return super().certify(node, max(self._slots, default=persisted), configuration, least)


class CountsItselfEarly(Raft):
    """The leader's own share counts before its disk has the entry (CR-29)."""

    def _take_office(self) -> None:
        super()._take_office()
        self._book = _CountsOwnEarly(self.term, self.authority)


class SkipsPreviousCheck(Raft):
    """Appends after whatever entry it holds at the previous index (CR-23)."""

    def _on_append(self, message: Append) -> None:
        held = self.log.term(message.prev_index)
        if held is not None and held != message.prev_term and message.prev_index > self.commit:
            message = Append(
                message.sender,
                message.target,
                message.term,
                message.id,
                held,
                message.prev_index,
                message.entries,
                message.commit,
                message.certificate,
            )
        super()._on_append(message)


class KeepsLeaderState(Raft):
    """What the last leader proved still counts under the next one (CR-33)."""

    def _forget_leader_state(self) -> None:
        self._signed.clear()


class StoresRefused(Raft):
    """Goes on as if the application had reproduced the block (CR-77)."""

    def refuse(self, index: int, entry_hash: bytes, reason: str) -> None:
        self.log.completed(index, entry_hash)


class NeverAsksAgain(Raft):
    """A lost append or answer is not noticed (CR-46)."""

    def _on_heartbeat_reply(self, message: HeartbeatReply) -> None:
        peer = self._peers.get(message.sender)
        if peer is not None:
            peer.heard = self.now


class LeadsWithoutFollowers(Raft):
    """Wins by the votes it asked for, not by those that it got (CR-07)."""

    def _campaign(self, *, transfer: bool = False) -> None:
        super()._campaign(transfer=transfer)
        if self.elapsed == 0 and self.role is Role.CANDIDATE:
            self._take_office()


class _Wrong(Configuration):
    """Equal to the configuration that it stands for."""

    def __eq__(self, other: object) -> bool:
        fields = ("voters", "quorum", "outgoing", "outgoing_quorum", "learners")
        return all(getattr(self, name) == getattr(other, name, None) for name in fields)

    __hash__ = None  # type: ignore[assignment]


class _Union(_Wrong):
    def has_majority(self, nodes: Any) -> bool:
        return 2 * len(set(nodes) & set(self.electorate)) > len(self.electorate)

    def has_quorum(self, nodes: Any) -> bool:
        return len(set(nodes) & set(self.electorate)) >= max(self.quorum, len(self.electorate) // 2 + 1)


class _NewHalf(_Wrong):
    def has_majority(self, nodes: Any) -> bool:
        return 2 * len(set(nodes) & set(self.voters)) > len(self.voters)

    def has_quorum(self, nodes: Any) -> bool:
        return len(set(nodes) & set(self.voters)) >= self.quorum


class _WithLearners(_Wrong):
    def is_voter(self, node: str) -> bool:
        return self.is_member(node)

    def has_quorum(self, nodes: Any) -> bool:
        return len({node for node in nodes if self.is_member(node)}) >= self.quorum


class _Reads(Raft):
    counts: type[_Wrong]

    @property
    def configuration(self) -> Configuration:
        now = super().configuration
        return self.counts(now.voters, now.quorum, now.outgoing, now.outgoing_quorum, now.learners)

    def configuration_at(self, index: int) -> Configuration:
        now = super().configuration_at(index)
        return self.counts(now.voters, now.quorum, now.outgoing, now.outgoing_quorum, now.learners)


class CountsTheUnion(_Reads):
    """A joint configuration is enough with a majority of all of its voters (CR-57, CCF)."""

    counts = _Union


class ChangesInOneStep(_Reads):
    """The new voters alone decide from the first moment of a change (CR-56)."""

    counts = _NewHalf


class CountsLearners(_Reads):
    """A learner's acknowledgement counts (CR-59)."""

    counts = _WithLearners


class ChangesBeforeOwnCommit(Raft):
    """Changes the members before a commit in its own term, and before the last change is (CR-55)."""

    def may_reconfigure(self) -> bool:
        return self.role is Role.LEADER and self.transferee is None and self._office > 0

    def objection_to(self, following: Configuration) -> str | None:
        return self.configuration.objection_to(following)


class KeepsTruncatedMembers(Raft):
    """Members whose entry was truncated go on governing (CR-53)."""

    def _ungovern_from(self, start: int) -> None:
        return


class CountsItselfWhenRemoved(Raft):
    """A leader that is removed counts itself for its own removal (CR-60)."""

    removes_itself = True
    """Its callers let it: they do not hand over to one that stays."""

    def _certify(self) -> None:
        book = self._book
        if book is not None and not self.configuration.is_voter(self.node):
            for index in sorted(book._slots, reverse=True):
                signers = [node for node in book._slots[index].signatures if book.confirms(node, index)]
                enough = len(signers) + 1 >= self.configuration.quorum
                if enough and index <= self.log.persisted and index >= self.configuration_index:
                    acks = {node: book._slots[index].signatures[node] for node in signers}
                    acks[self.node] = self.authority.sign(self.term, index, book._slots[index].hash)
                    proof = Certificate(
                        self.term, index, book._slots[index].hash, tuple(sorted(acks.items()))
                    )
                    self._commit_by(proof, "quorum")
                    book.forget(index)
                    break
        super()._certify()


class ServesReadsAtOnce(Raft):
    """A leader answers reads without asking whether it still leads (CR-79)."""

    def _confirm_reads(self) -> None:
        while self._reads:
            read = self._reads.popleft()
            if read.origin == self.node:
                self._confirmed_reads.append((read.rid, read.index))
            else:
                self._answer_read(read.origin, read.request, read.rid, read.index)


class ReadsBeforeOwnCommit(Raft):
    """A new leader reads at the commit index that it inherited (CR-78, etcd 7331)."""

    def _begin_read(self, rid: int, origin: str, request: int) -> None:
        office, self._office = self._office, self.commit or 1
        try:
            if self.commit:
                super()._begin_read(rid, origin, request)
            else:
                self._early_reads.append((rid, origin, request))
        finally:
            self._office = office


class BelievesEarlierAnswers(Raft):
    """Answers to heartbeats that were under way before a read confirm it (CR-79)."""

    def _confirm_reads(self) -> None:
        for peer in self._peers.values():
            peer.answered += peer.answered and 1_000
        super()._confirm_reads()
        for peer in self._peers.values():
            peer.answered -= peer.answered and 1_000


class ServesReadsEarly(Raft):
    """A read is served before its index is applied (CR-79)."""

    def _on_read_index_reply(self, message: ReadIndexReply) -> None:
        super()._on_read_index_reply(message)
        applied = self._applied
        self._confirmed_reads = type(self._confirmed_reads)(
            (rid, min(index, applied)) for rid, index in self._confirmed_reads
        )


class SnapshotsOverwriteNewer(Raft):
    """A snapshot takes the place of a log that holds more (CR-64, etcd 1763)."""

    def _on_snapshot(self, message: Snapshot) -> None:
        if self._hear(message.sender) and message.index > self.commit and self._offered is None:
            self._offered = message
            self._offer_unseen = True

    def lacks(self, point: SnapshotPoint) -> bool:
        return point.index > self.commit


class HandsOverEarly(Raft):
    """Tells the new leader to campaign before it holds all of the log (CR-82)."""

    def _hand_over(self, node: str, peer: Progress) -> None:
        if node == self.transferee and not self._transfer_told:
            self._transfer_told = True
            self.emit(TimeoutNow(self.node, node, self.term, self.new_id()))


class NeverGivesUpATransfer(Raft):
    """A transfer that does not succeed blocks proposals for ever (CR-83, hashicorp 493)."""

    def _tick_leader(self) -> None:
        self._transfer_ends = self.now + 1
        super()._tick_leader()


class VotesThoughMute(Raft):
    """A node that lost its data goes on as if it had not (CR-76)."""

    is_mute = False


class StatesOnlyItsLog(Raft):
    """A vote says nothing of the leader whose append it took last (CR-70)."""

    def _ballot(self, candidate: str) -> Ballot:
        position = (self.last_term, self.last_index, self.log.last_hash)
        return Ballot(self.term, candidate, self.last_term, *position)


class RemembersEarlierBoots(Raft):
    """What a node proved before it lost its disk still counts for the pace of sending (CR-76)."""

    def _heard(self, message: Any) -> Progress | None:
        peer = self._peers.get(message.sender)
        if peer is not None:
            peer.boot = message.id >> 40
            peer.matched_by = max(peer.matched_by, message.re)
        return super()._heard(message)


class CutsUnproved(Raft):
    """Cuts what it acknowledged at the word of whoever says that it leads (CR-24, CR-70)."""

    def _make_way(self, message: Append, start: int) -> bool:
        self._truncate(start)
        return True


class DeafToYoungLeaders(Raft):
    """Hears only leaders that it knows as members (CR-61)."""

    def _reason_to_drop(self, message: Message) -> str | None:
        return super()._reason_to_drop(message) if self.is_known(message.sender) else "stranger"


MUTANTS: dict[type[Raft], str] = {
    mutant: (mutant.__doc__ or "").splitlines()[0]
    for mutant in (
        CountsOlderTerms,
        ForgetsVote,
        SendsBeforeHard,
        AcknowledgesBeforeSync,
        BelievesLateReports,
        TruncatesOnStaleAppend,
        VotesForBehind,
        CommitsUnconfirmed,
        MovesMatchOnRefusal,
        CountsASignerTwice,
        CountsItselfEarly,
        SkipsPreviousCheck,
        KeepsLeaderState,
        StoresRefused,
        NeverAsksAgain,
        LeadsWithoutFollowers,
        CountsTheUnion,
        ChangesInOneStep,
        CountsLearners,
        ChangesBeforeOwnCommit,
        KeepsTruncatedMembers,
        CountsItselfWhenRemoved,
        ServesReadsAtOnce,
        ReadsBeforeOwnCommit,
        BelievesEarlierAnswers,
        ServesReadsEarly,
        SnapshotsOverwriteNewer,
        HandsOverEarly,
        NeverGivesUpATransfer,
        VotesThoughMute,
        StatesOnlyItsLog,
        RemembersEarlierBoots,
        DeafToYoungLeaders,
        CutsUnproved,
    )
}

AMONG_LIARS = frozenset({CutsUnproved})
"""Those that do no harm where everybody is honest."""

SLOW = frozenset(
    {
        CutsUnproved,
        ForgetsVote,
        BelievesLateReports,
        SkipsPreviousCheck,
        KeepsLeaderState,
        StoresRefused,
        StatesOnlyItsLog,
        VotesThoughMute,
        ChangesBeforeOwnCommit,
        KeepsTruncatedMembers,
        ServesReadsAtOnce,
        ReadsBeforeOwnCommit,
        BelievesEarlierAnswers,
        SnapshotsOverwriteNewer,
        NeverGivesUpATransfer,
        RemembersEarlierBoots,
        DeafToYoungLeaders,
    }
)
"""Those that take more seeds than a test may."""
