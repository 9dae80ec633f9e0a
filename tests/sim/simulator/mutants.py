"""Cores with one deliberate bug each: the simulator is worth what it finds in them.

Every class is the real core with as little changed as the bug needs. Most are bugs that real
systems shipped (`consensus-requirements.md` names them).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from consensus import Authority, Certificate, Config, Entry, HardState, LogReader, Message, Raft, Role
from consensus.certificates import AckBook
from consensus.log import Log, Write
from consensus.messages import Append, AppendReply, HeartbeatReply, PreVote, Vote


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
        super().__init__(config, HardState(hard.term, None), log, commit, authority, draw, tracer)


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

    def ready(self) -> Any:
        ready = super().ready()
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
        peer = self._peers.get(message.sender)
        if peer is not None and not message.ok:
            peer.match = max(peer.match, message.prev_index)
        super()._on_append_reply(message)


class _DoublesASigner(AckBook):
    __slots__ = ()

    def _enough(self, slot: Any, node: str, own: bool) -> bool:
        names = [*slot.signatures, node] if own else list(slot.signatures)
        return len(names) + 1 >= self._configuration.quorum

    def _certify_at(self, index: int, node: str, persisted: int) -> Certificate | None:
        found = super()._certify_at(index, node, persisted)
        if found is None or self._configuration.has_quorum([name for name, _ in found.acks]):
            return found
        return Certificate(found.term, found.index, found.hash, (*found.acks, found.acks[-1]))


class CountsASignerTwice(Raft):
    """Fills a certificate by one signer's second signature (CR-71)."""

    def _take_office(self) -> None:
        super()._take_office()
        self._book = _DoublesASigner(self.term, self.configuration, self.authority)


class _CountsOwnEarly(AckBook):
    __slots__ = ()

    def certify(self, node: str, persisted: int) -> Certificate | None:
        return super().certify(node, max(self._slots, default=persisted))


class CountsItselfEarly(Raft):
    """The leader's own share counts before its disk has the entry (CR-29)."""

    def _take_office(self) -> None:
        super()._take_office()
        self._book = _CountsOwnEarly(self.term, self.configuration, self.authority)


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

    def _campaign(self) -> None:
        super()._campaign()
        if self.elapsed == 0 and self.role is Role.CANDIDATE:
            self._take_office()


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
    )
}
