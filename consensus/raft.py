"""Raft: the public interface of the core. Read `ready.py` for the contract with its caller.

Inputs are ticks, messages, proposals and reports of the storage; the output is `ready()`.
Nothing else goes in or out: no clock, no socket, no disk, no randomness but `draw`, so
equal inputs give equal outputs byte for byte (CR-86).

A message passes these gates in `step`, and is dropped and counted at the first that it
does not pass; the state is then as it was (CR-34, CR-88):

1. the node is not halted;
2. it is addressed to this node, by another node that is or was a member. Who has long been away,
   or just joined, does not know the members of today. So what a leader says is heard from any node
   that the links let in, and certificates judge it; and so is a candidate whose log goes on beyond
   the one here: it may be a voter of members that this node has not heard of (CR-13);
3. nothing in it is absurd (`wire.check`);
4. a request for a vote of a higher term finds no leader alive (CR-14).

Then a higher term is adopted before anything else (CR-01), but for a pre-vote and its
grant, which speak of a term that nobody has entered. A lower term changes nothing: requests
are answered with ours, answers are ignored (CR-02).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from consensus.core import Draw, require
from consensus.election import Election
from consensus.follower import Follower
from consensus.leader import Leader
from consensus.limits import MAX_TERM_STEP
from consensus.messages import (
    Append,
    AppendReply,
    Entry,
    Heartbeat,
    HeartbeatReply,
    Message,
    PreVote,
    PreVoteReply,
    ReadIndex,
    ReadIndexReply,
    Snapshot,
    SnapshotReply,
    TimeoutNow,
    Vote,
    VoteReply,
)
from consensus.ready import Ready
from consensus.state import Config, HardState, Role, SnapshotPoint, Status
from consensus.storage import Authority, LogReader
from consensus.trace import Tracer, message_event
from consensus.wire import check

Handler = Callable[[Any], None]


OF_A_LEADER = (Append, Heartbeat, Snapshot)


class Raft(Election, Follower, Leader):
    """One node of a cluster."""

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
        """A node as it starts: `hard` and `log` as found on disk, `commit` as applied.

        Raises:
            DiskDisagrees: term, log and commit contradict each other.
        """
        self._start_electing()
        self._start_following()
        self._start_reading()
        self._start_leading()
        self._handlers = self._handler_table()
        super().__init__(config, hard, log, commit, authority, draw, tracer)

    def tick(self, ticks: int = 1) -> None:
        """A tick has passed; or so many at once, of which only the last one can matter (`quiet_ticks`)."""
        if self.halted is not None:
            return
        self.now += ticks
        if self.role is Role.LEADER:
            self._tick_leader()
        else:
            self._tick_election(ticks)
        self._tick_reads()

    @property
    def quiet_ticks(self) -> int:
        """After how many ticks, at least 1, this node may do something of its own accord.

        The ticks before change nothing that anybody sees, so the caller may count them later, all
        together, but before its next input.
        """
        due = self._ticks_to_beat() if self.role is Role.LEADER else self.timeout - self.elapsed
        return max(1, min(due, self._ticks_to_failed_read(due)))

    def step(self, message: Message) -> None:
        """A message has arrived. Never raises for what a peer sent."""
        reason = self._reason_to_drop(message)
        if reason is not None:
            self.drop(reason)
            return
        if message.term > self.hard.term and not self._keeps_term(message):
            self._adopt(message.term)
        if self._tracer is not None:
            self.trace("recv", msg=message_event(message))
        self._handle(message)

    def is_presumed(self, message: Message) -> bool:
        """Whether it speaks of a term that its sender, a member that has left, has no part in (CR-61).

        To be asked, and such a message to be dropped, where whoever has left never returns under the same
        name (CR-62); where somebody may, it could lead by a change that is not known here. What it asks is
        answered, so that it learns that it has left: its pre-votes. A leader that sealed its own removal is
        heard until others lead.
        """
        if not self.has_left(message.sender):
            return False
        if message.term > self.term:
            return not isinstance(message, PreVote)
        return isinstance(message, OF_A_LEADER) and message.sender != self.leader

    def propose(self, entries: Sequence[Entry]) -> None:
        """Append entries that continue the log in the current term.

        Raises:
            NotLeader: this node does not lead.
            Busy: too much is uncommitted.
            Moving: leadership is being handed over.
            ChangeRefused: a change of the members that may not be made, or not yet.
            ContractBroken: the entries do not continue the log, or are not of this term.
        """
        self._propose(entries)

    def hard_persisted(self, hard: HardState) -> None:
        """The storage made this Ready's `hard` durable, and all before it."""
        if self.halted is not None:
            return
        require(hard.term >= self.durable_hard.term, "hard states are made durable in order")
        self.durable_hard = hard
        if self._tracer is not None:
            self._trace_persisted()
        if self.hard == hard:
            self._send_now += self._send_after
            self._send_after.clear()
            if self.role is Role.CANDIDATE and self.tally.is_won:
                self._take_office()

    def persisted(self, index: int, entry_hash: bytes) -> None:
        """Everything up to this entry is durable and was reproduced by the application."""
        if self.halted is not None or not self.log.completed(index, entry_hash):
            return
        if self._tracer is not None:
            self._trace_persisted()
        if self.role is Role.LEADER:
            self._certify()
        else:
            self._settle()

    def refuse(self, index: int, entry_hash: bytes, reason: str) -> None:
        """The application could not reproduce this entry; it and what follows is not stored."""
        if self.halted is not None:
            return
        self.log.forget_write(index, entry_hash)
        entry = self.log.entry(index)
        if entry is None or entry.hash != entry_hash:
            return
        require(index > self.log.persisted, "an entry reported durable cannot be refused")
        if self.role is Role.LEADER:
            self.halt(f"the leader cannot reproduce its own entry {index}: {reason}")
            return
        self._desert(entry, reason)

    def storage_failed(self, reason: str) -> None:
        """A write or sync failed: nothing is acknowledged or voted from here on (CR-36)."""
        self.halt(f"storage failed: {reason}")

    @property
    def is_quiet(self) -> bool:
        """Whether the last input left nothing for `ready` to hand out: most answers to heartbeats do."""
        shown = self._shown
        return not (
            self._send_now
            or self.hard is not self._handed_hard
            or shown.role is not self.role
            or shown.leader != self.leader
            or self.log.has_write
            or self._unapplied
            or self._commit_untold
            or self._lost_office_unseen
            or self._took_office_unseen is not None
            or self._offer_unseen
            or self._reads
            or self._confirmed_reads
            or self._failed_reads
            or self._refused_reads
        )

    def ready(self, *, expects_more: bool = False) -> Ready | None:
        """What is to be done now, or None. Each piece of output is handed out once.

        A leader's caller that `expects_more` proposes something soon, or asks again without: news of a
        commit then goes with the next append rather than by a heartbeat of its own (CR-44).
        """
        if self.is_quiet:
            return None
        halted = self.halted is not None
        if self._commit_untold and not expects_more:
            self._tell_commit()
        if self._refused_reads:
            self._tell_refused_reads()
        if self._reads and self._read_round_is_due:
            self._beat_round()
        hard = self.hard
        is_same = hard is self._handed_hard or hard == self._handed_hard
        write = self.log.hand_out() if self.log.has_write and not halted else None
        certificate = self._take_certificate() if self._unapplied and not halted else None
        shown = self._shown
        changed = shown.role is not self.role or shown.leader != self.leader or shown.term != self.hard.term
        if not (
            not (is_same or halted)
            or write is not None
            or certificate is not None
            or changed
            or self._send_now
            or self._lost_office_unseen
            or self._took_office_unseen is not None
            or self._offer_unseen
            or self._failed_reads
            or (self._confirmed_reads and self._confirmed_reads[0][1] <= self._applied)
        ):
            return None
        now = tuple(self._send_now)
        self._send_now.clear()
        if not halted:
            self._handed_hard = hard
        if changed:
            self._shown = self.soft
        if self._tracer is not None:
            self._trace_sends(now)
        if self._leaving:
            self._left_office()
        took = self._took_office_unseen
        lost = self._lost_office_unseen
        self._took_office_unseen, self._lost_office_unseen = None, False
        offered = self._take_offer() if self._offer_unseen else None
        return Ready(
            None if is_same or halted else hard,
            write.truncate_from if write is not None else None,
            write.entries if write is not None else (),
            now,
            certificate,
            took,
            lost,
            self._shown if changed else None,
            self._take_reads() if self._confirmed_reads else (),
            self._take_failed_reads() if self._failed_reads else (),
            offered,
        )

    def _take_offer(self) -> SnapshotPoint:
        offer = self._offered
        assert offer is not None, "an offer that the caller was not told of"
        self._offer_unseen = False
        return SnapshotPoint(offer.index, offer.block_term, offer.hash, offer.configuration)

    def status(self) -> Status:
        """Everything worth showing."""
        return Status(
            self.node,
            self.role,
            self.term,
            self.vote,
            self.leader,
            self.last_term,
            self.last_index,
            self.log.persisted,
            self.commit,
            self.configuration,
            self.configuration_index,
            self.transferee,
            self.is_mute,
            self.silent_voters,
            self.uncommitted_bytes,
            self.halted,
            self.refusal,
            tuple(self.evidence),
            tuple(sorted(self.dropped.items())),
            self._peer_statuses(),
        )

    def _reason_to_drop(self, message: Message) -> str | None:
        if self.halted is not None:
            return "halted"
        if message.target != self.node:
            return "addressed to another node"
        if message.sender == self.node:
            return "sender is no other member"
        if not self.is_known(message.sender) and not self._may_know_more(message):
            return "sender is no other member"
        absurd = check(message)
        if absurd is not None:
            return f"absurd: {absurd}"
        if message.term > self.hard.term + MAX_TERM_STEP:
            return "absurd: term too far ahead"
        return None

    def _may_know_more(self, message: Message) -> bool:
        """Whether a node that is no member as far as this log goes may be one all the same."""
        if isinstance(message, PreVote | Vote):
            return (message.last_term, message.last_index) > (self.last_term, self.last_index)
        return isinstance(message, OF_A_LEADER)

    def _keeps_term(self, message: Message) -> bool:
        """Whether a higher term is not to be adopted: it is only spoken of, or not listened to."""
        kind = type(message)
        if kind is PreVote:
            return True
        if isinstance(message, PreVoteReply):
            return message.granted
        if not isinstance(message, Vote):
            return False
        return self._is_loyal() and not (message.transfer and self.is_known(message.sender))

    def _handle(self, message: Message) -> None:
        """To its handler: of a lower term only what is answered with ours is looked at (CR-02)."""
        now, lower = self._handlers[type(message)]
        handler = lower if message.term < self.hard.term else now
        if handler is not None:
            handler(message)

    def _handler_table(self) -> dict[type[Any], tuple[Handler, Handler | None]]:
        """For each kind of message: what is done in its term, and what when it is of a lower one."""
        return {
            PreVote: (self._on_pre_vote, self._on_pre_vote),
            PreVoteReply: (self._on_pre_vote_reply, self._on_pre_vote_reply),
            Vote: (self._on_vote, self._on_vote),
            VoteReply: (self._on_vote_reply, None),
            Append: (self._on_append, self._reply_stale),
            AppendReply: (self._on_append_reply, None),
            Heartbeat: (self._on_heartbeat, self._answer_heartbeat),
            HeartbeatReply: (self._on_heartbeat_reply, None),
            TimeoutNow: (self._on_timeout_now, None),
            ReadIndex: (self._on_read_index, self._on_read_index),
            ReadIndexReply: (self._on_read_index_reply, None),
            Snapshot: (self._on_snapshot, None),
            SnapshotReply: (self._on_snapshot_reply, None),
        }

    def _trace_persisted(self) -> None:
        hard = self.durable_hard
        self.trace("persist", upto=self.log.persisted, hard=[hard.term, hard.vote])
