"""A leader: proposes, sends, gathers acknowledgements, commits by certificate.

It only appends, only entries of its own term (CR-32), and commits only by a certificate
of its own term (CR-37, CR-72). An append leaves before the leader's own disk has it; the
leader's own share of a quorum counts once it has (CR-29).

What is sent with what. `commit` goes with every append and heartbeat, and the certificate
that proves it goes along until it is sent once; a follower's answers say what it has
committed, so a lost one is sent again. A follower far behind gets with each append the
newest certificate *within* it, so that it commits as it catches up instead of keeping
everything open until the end. When the caller takes the output and nothing is left
uncommitted, the certificate goes out by a heartbeat: an idle cluster does not wait for the
next tick to finish (CR-44), and a busy one tells it with the next append. A caller that expects to
propose again in a moment says so, and saves that heartbeat and its answer.

A follower that is probed gets an election with the entries, since it may have to cut others for
them (`exclusion.py`): this leader's own at first; if the follower still keeps entries, up to a
certain term, then the first one of a later term that this log holds.

An answer to a heartbeat that left after the last append, while that append or the commit
is still open, means that something was lost: an append to one that is probed, an empty one
to one that is not. The empty one is refused if an append was lost, and is answered with all
signatures if an answer was (CR-44 to CR-47).

What is uncommitted is bounded, in bytes and entries, or the proposal is refused as busy.
The first entry of the term and configurations pass (CR-49).

Members. A change is one entry with a configuration, proposed alone, only after the leader
committed in its own term and the change before is committed (CR-54, CR-55), and only a step
that `Configuration.objection_to` allows. It governs at once. Certificates are made only from
that entry's index on, so that each is counted by one configuration. Who is removed still
gets the log until it has heard that it is (CR-61). A leader that is removed does not count
itself, goes on until its removal is committed, and then leaves (CR-60).

Handing over (`transfer`): proposals are refused, the target gets the rest of the log, and is
then told to campaign. After an election timeout without success all is as before (CR-82 to
CR-84).

A follower that is far below the newest snapshot, or below the start of the log, is offered
the snapshot; no appends go to it until it answers or its heartbeats say that it is past it
(CR-48, CR-65).
"""

from __future__ import annotations

from collections.abc import Sequence

from consensus.certificates import AckBook
from consensus.core import require
from consensus.errors import Busy, ChangeRefused, Moving, NotLeader, TransferRefused
from consensus.limits import BOOT_SHIFT, MAX_ENTRY_BYTES
from consensus.messages import (
    Append,
    AppendReply,
    Certificate,
    ElectionCertificate,
    Entry,
    Heartbeat,
    HeartbeatReply,
    Snapshot,
    SnapshotReply,
    TimeoutNow,
)
from consensus.progress import Pacing, Progress
from consensus.quorum import Configuration
from consensus.reads import Reads
from consensus.state import PeerStatus, Role, SnapshotPoint
from consensus.trace import entry_event


class Leader(Reads):
    """What only a leader does."""

    _peers: dict[str, Progress]
    _book: AckBook | None
    _elected: ElectionCertificate | None
    """The votes by which this node leads."""
    _office: int
    """Index of the first entry of this leader's term; 0 until it is proposed."""
    uncommitted_bytes: int
    _beat: int
    """The tick of the last round of heartbeats."""
    _commit_untold: bool
    """Whether a follower may have to be told of a commit before the output is taken."""
    transferee: str | None
    """To whom leadership is being handed over."""
    _transfer_told: bool
    """Whether the transferee was told to campaign."""
    _transfer_ends: int
    """The tick at which a transfer is given up."""
    _leaving: bool
    """This leader was removed, and leaves once its last messages are handed out."""
    _snapshot: SnapshotPoint | None
    """The newest snapshot that the application can serve."""

    def _start_leading(self) -> None:
        self.transferee = None
        self._transfer_told = False
        self._transfer_ends = 0
        self._leaving = False
        self._snapshot = None
        self._peers = {}
        self._book = None
        self._elected = None
        self._office = 0
        self.uncommitted_bytes = 0
        self._beat = 0
        self._commit_untold = False

    def _take_office(self) -> None:
        assert self.log.persisted == self.log.last_index, "only a node with a durable log campaigns"
        self._become(Role.LEADER)
        self.leader = self.node
        self.asked_at.clear()
        self._peers = {}
        self._meet_members()
        self._book = AckBook(self.term, self.authority)
        self._office = 0
        self.uncommitted_bytes = 0
        self._elected = self._took_office_unseen = self._election_certificate()
        if self._tracer is not None:
            self.trace("become_leader")
        self._beat_round()

    def _retire(self) -> None:
        self._end_transfer(done=self._transfer_told)
        self._fail_taken_reads()
        self._peers = {}
        self._book = None
        self._elected = None
        self._office = 0
        self.uncommitted_bytes = 0

    def _meet_members(self) -> None:
        """Somebody to follow for each member."""
        for member in self.configuration.members:
            if member != self.node and member not in self._peers:
                self._peers[member] = Progress(self.last_index + 1, self.now, self.config)

    def _members_changed(self) -> None:
        if self.role is not Role.LEADER:
            return
        self._meet_members()
        if self.transferee is not None and not self.configuration.is_voter(self.transferee):
            self._end_transfer(done=False)

    def _meet_former_member(self, node: str) -> None:
        """It gets the log, and so learns that it was removed (CR-61)."""
        if self.role is Role.LEADER and node not in self._peers and self.is_known(node):
            peer = self._peers[node] = Progress(self.last_index + 1, self.now, self.config)
            self._send_heartbeat(node, peer)

    def _part_with_former_members(self) -> None:
        """Who was removed and knows it, or is silent for long, is followed no more."""
        silent = self.now - 4 * self.config.election_ticks
        for node in [node for node in self._peers if not self.configuration.is_member(node)]:
            peer = self._peers[node]
            if peer.commit >= self.configuration_index or peer.heard < silent:
                del self._peers[node]

    def _tick_leader(self) -> None:
        if self.transferee is not None and self.now >= self._transfer_ends:
            self._end_transfer(done=False)
        if not self.configuration.has_majority(self._recently_heard()):
            self.drop("resigned: no answer from a majority")
            self._follow(None)
            return
        self._part_with_former_members()
        if self.now - self._beat >= self.config.heartbeat_ticks:
            self._beat_round()

    def _ticks_to_beat(self) -> int:
        """Until the next round of heartbeats, or the end of a transfer; whoever looks for silent
        followers looks at least as often."""
        due = self._beat + self.config.heartbeat_ticks
        if self.transferee is not None:
            due = min(due, self._transfer_ends)
        return due - self.now

    def _recently_heard(self) -> list[str]:
        """Who answered within the shortest election timeout, this node included (CR-20)."""
        oldest = self.now - self.config.election_ticks
        return [self.node, *[voter for voter, peer in self._peers.items() if peer.heard > oldest]]

    def _beat_round(self) -> None:
        self._beat = self.now
        self._note_read_round()
        for voter, peer in self._peers.items():
            self._send_heartbeat(voter, peer)

    def may_reconfigure(self) -> bool:
        """Whether a change of the members may be proposed now (CR-54, CR-55)."""
        return (
            self.role is Role.LEADER
            and self.transferee is None
            and 0 < self._office <= self.commit
            and self.configuration_index <= self.commit
        )

    def _check_change(self, entries: Sequence[Entry], following: Configuration) -> None:
        if len(entries) > 1:
            raise ChangeRefused("a change of the members is proposed alone")
        objection = self.objection_to(following)
        if objection is not None:
            raise ChangeRefused(objection)

    def objection_to(self, following: Configuration) -> str | None:
        """Why this change of the members may not be proposed now, or None (CR-54 to CR-59)."""
        if self._office == 0 or self._office > self.commit:
            return "the leader has not yet committed in its own term"
        if self.configuration_index > self.commit:
            return "the change before is not yet committed"
        objection = self.configuration.objection_to(following)
        if objection is not None:
            return objection
        for voter in following.voters:
            if not self.configuration.is_voter(voter) and not self._keeps_up(voter):
                return f"{voter} lacks more than {self.config.promotion_lag} entries"
        return None

    def _keeps_up(self, node: str) -> bool:
        """Whether a member was heard lately, and lacks only a bounded part of the log (CR-59)."""
        peer = self._peers.get(node)
        if peer is None or not peer.answered or self.now - peer.heard > self.config.election_ticks:
            return False
        return self.last_index - peer.match <= self.config.promotion_lag

    def successor(self) -> str | None:
        """The most advanced voter beside this leader, among those heard lately (CR-85)."""
        oldest = self.now - self.config.election_ticks
        able = [
            (peer.match, node)
            for node, peer in self._peers.items()
            if node in self.configuration.voters and peer.heard > oldest and not peer.is_mute
        ]
        return max(able)[1] if able else None

    def transfer(self, target: str) -> None:
        """Hand the leadership over to `target` (CR-82).

        To the same target as before nothing changes; another one takes its place (CR-84).

        Raises:
            NotLeader: this node does not lead.
            TransferRefused: the target is this node, or no voter.
        """
        if self.role is not Role.LEADER or self.halted is not None:
            raise NotLeader(self.leader)
        if target == self.transferee:
            return
        if target == self.node:
            raise TransferRefused(f"{target} leads already")
        if target not in self.configuration.voters:
            raise TransferRefused(f"{target} is no voter, and cannot lead")
        if self.transferee is not None:
            self._end_transfer(done=False)
        self.transferee = target
        self._transfer_ends = self.now + self.config.election_ticks
        if self._tracer is not None:
            self.trace("transfer_start", to=target)
        peer = self._peers[target]
        self._flush(target, peer)
        self._hand_over(target, peer)

    def _hand_over(self, node: str, peer: Progress) -> None:
        """Tell the transferee to campaign once it holds all of the log."""
        if node == self.transferee and not self._transfer_told and peer.match == self.last_index:
            self._transfer_told = True
            self.emit(TimeoutNow(self.node, node, self.term, self.new_id()))

    def _end_transfer(self, *, done: bool) -> None:
        if self.transferee is None:
            return
        if self._tracer is not None:
            self.trace("transfer_end", to=self.transferee, done=done)
        self.transferee = None
        self._transfer_told = False

    def snapshot_available(self, point: SnapshotPoint) -> None:
        """The application can serve this snapshot from now on, and none below it."""
        require(point.index <= self.commit, "a snapshot is made of what is committed")
        self._snapshot = point
        if self._tracer is not None:
            self.trace("snapshot_create", index=point.index, block_term=point.term, hash=point.hash.hex())

    def _offer_snapshot(self, node: str, peer: Progress) -> bool:
        """Offer the newest snapshot; False if there is none that helps."""
        point = self._snapshot
        if point is None or point.index <= peer.match:
            return False
        peer.offered(point.index, self.now)
        self.emit(
            Snapshot(
                self.node,
                node,
                self.term,
                self.new_id(),
                point.index,
                point.term,
                point.hash,
                point.configuration,
            )
        )
        return True

    def _is_far_behind(self, peer: Progress) -> bool:
        """Whether a snapshot brings a follower on faster than the log does."""
        point = self._snapshot
        if point is None or peer.prefers_log:
            return False
        return peer.next + self.config.snapshot_lag <= point.index

    def _on_snapshot_reply(self, message: SnapshotReply) -> None:
        peer = self._heard(message)
        if peer is None:
            return
        if message.match > self.last_index:
            self.drop("acknowledgement beyond the log")
            return
        if message.ok:
            peer.snapshot_over(message.match)
            self._send_append(message.sender, peer, with_entries=True)
        else:
            peer.snapshot_failed()

    def _send_heartbeat(self, voter: str, peer: Progress) -> None:
        certificate = self.certificate
        if certificate is not None and certificate.index <= max(peer.commit, peer.certified):
            certificate = None
        if certificate is not None and peer.match < certificate.index and peer.next <= certificate.index:
            certificate = None
        number = self.new_id()
        if certificate is not None:
            peer.certified = certificate.index
            peer.certified_by = number
        self.emit(Heartbeat(self.node, voter, self.term, number, self.commit, certificate))

    def _propose(self, entries: Sequence[Entry]) -> None:
        if self.role is not Role.LEADER or self._leaving or self.halted is not None:
            raise NotLeader(self.leader)
        require(bool(entries), "a proposal has entries")
        index = self.last_index
        size = 0
        for entry in entries:
            index += 1
            require(entry.index == index, f"entry {entry.index} proposed where {index} is next")
            require(entry.term == self.term, f"entry of term {entry.term} proposed in term {self.term}")
            require(len(entry.data) <= MAX_ENTRY_BYTES, "entry too large")
            size += len(entry.data)
        if self._office == 0:
            require(len(entries) == 1, "a term begins with one entry of its own")
            self._office = entries[0].index
            require(entries[0].configuration is None, "a term does not begin with a change of the members")
        else:
            if self.transferee is not None:
                raise Moving(f"leadership goes to {self.transferee}")
            following = next((e.configuration for e in entries if e.configuration is not None), None)
            if following is not None:
                self._check_change(entries, following)
            elif size:
                self._check_room(len(entries), size)
        for entry in entries:
            self.log.append(entry)
        self.uncommitted_bytes += size
        if self._tracer is not None:
            self.trace("append", entries=[entry_event(entry) for entry in entries])
        if entries[-1].configuration is not None:
            self._govern_from(entries[-1])
        for voter, peer in self._peers.items():
            self._flush(voter, peer)

    def _check_room(self, count: int, size: int) -> None:
        """One proposal always fits when nothing else is open (CR-49)."""
        open_entries = self.last_index - self.commit
        if open_entries and open_entries + count > self.config.max_uncommitted_entries:
            raise Busy(f"{open_entries} entries are uncommitted")
        if self.uncommitted_bytes and self.uncommitted_bytes + size > self.config.max_uncommitted_bytes:
            raise Busy(f"{self.uncommitted_bytes} bytes are uncommitted")

    def _flush(self, voter: str, peer: Progress) -> None:
        """Send all that there is and the follower's window admits."""
        if peer.pacing is Pacing.SNAPSHOT:
            return
        while peer.next <= self._end_for(voter) and peer.is_open:
            if not self._send_append(voter, peer, with_entries=True):
                return

    def _end_for(self, node: str) -> int:
        """Up to where the log is for this node.

        Who is to leave gets the entry that says so once it is committed. It could not campaign with
        it, and would refuse its vote, which the others may still need, to everybody without it.
        """
        if self.configuration_index > self.commit and not self.configuration.is_member(node):
            return self.configuration_index - 1
        return self.last_index

    def _send_append(self, voter: str, peer: Progress, *, with_entries: bool) -> bool:
        """One append; False if the follower is offered a snapshot, or cannot be helped (CR-48)."""
        if self._is_far_behind(peer) and self._offer_snapshot(voter, peer):
            return False
        prev_index = peer.next - 1
        prev_term = self.log.term(prev_index)
        entries: tuple[Entry, ...] | None = ()
        if with_entries and peer.next <= self._end_for(voter):
            config = self.config
            most = min(config.max_append_entries, self._end_for(voter) - prev_index)
            entries = self.log.run(peer.next, most, config.max_append_bytes)
        peer.needs_snapshot = prev_term is None or entries is None
        if prev_term is None or entries is None:
            self._offer_snapshot(voter, peer)
            return False
        last = prev_index + len(entries)
        number = self.new_id()
        peer.last_append = number
        certificate = self._certificate_for(voter, peer, last)
        if certificate is not None:
            peer.certified = certificate.index
            peer.certified_by = number
        message = Append(
            self.node,
            voter,
            self.term,
            number,
            prev_term,
            prev_index,
            entries,
            self.commit,
            certificate,
            self._election_for(peer) if entries and peer.pacing is Pacing.PROBE else None,
        )
        if entries:
            peer.sent(last, sum([len(entry.data) for entry in entries]))
        elif peer.pacing is Pacing.PROBE:
            peer.probe_sent = True
        self.emit(message)
        return True

    def _election_for(self, peer: Progress) -> ElectionCertificate | None:
        """The first one after the term of what the follower keeps, or this leader's own."""
        if peer.keeps:
            first = self.log.entry(self.log.last_agreeing(self.last_index, peer.keeps) + 1)
            if first is not None and first.election is not None:
                return first.election
        return self._elected

    def _certificate_for(self, voter: str, peer: Progress, last: int) -> Certificate | None:
        """The newest certificate that the follower can use once it holds `last`.

        Of those for what it comes to fetch rather one of its own, if there is one (CR-76).
        """
        newest = self.certificate
        done = max(peer.certified, peer.commit)
        if newest is None or newest.index <= done:
            return None
        if newest.index <= last and peer.pacing is not Pacing.PROBE:
            return newest
        fetched = self.log.certificate_within(max(peer.next, done + 1), last, voter)
        return fetched or (newest if newest.index <= last else None)

    def _heard(self, message: AppendReply | HeartbeatReply | SnapshotReply) -> Progress | None:
        """The follower that answers, its news taken down; None for a stranger or another term."""
        peer = self._peers.get(message.sender)
        if peer is None or message.term != self.hard.term:
            return None
        is_silent = self.now - peer.heard > self.config.election_ticks
        if not peer.hears(message.id >> BOOT_SHIFT, is_silent=is_silent):
            self.drop("message of an earlier boot")
            return None
        peer.heard = self.now
        peer.is_mute = message.mute
        if not message.mute:
            peer.answered = max(peer.answered, message.re)
        if not isinstance(message, SnapshotReply) and message.commit <= self.commit:
            peer.commit = message.commit
        if self._reads:
            self._confirm_reads()
        return peer

    def _on_append_reply(self, message: AppendReply) -> None:
        peer = self._heard(message)
        if peer is None:
            return
        if message.keeps:
            if peer.kept(message.prev_index, message.keeps):
                self._send_append(message.sender, peer, with_entries=True)
            return
        if not message.ok:
            guess = self.log.last_agreeing(message.hint_index, message.hint_term)
            if peer.lacks(message.prev_index, message.re):
                self.drop("refusal of what was acknowledged")
            if peer.pacing is not Pacing.SNAPSHOT and peer.refused(message.prev_index, guess):
                peer.certified = peer.commit
                self._send_append(message.sender, peer, with_entries=True)
            return
        if message.match > self.last_index:
            self.drop("acknowledgement beyond the log")
            return
        if not self._count(message):
            return
        peer.matched(message.match)
        self._hand_over(message.sender, peer)
        self._certify()
        if self.role is not Role.LEADER:
            return
        self._flush(message.sender, peer)
        self._commit_untold = True

    def _count(self, message: AppendReply) -> bool:
        """Take the acknowledgements down; False if `match` is not proved by one (CR-72)."""
        book = self._book
        assert book is not None
        for index, signature in message.acks:
            if index > self.commit:
                entry = self.log.entry(index)
                if entry is not None and entry.term == self.term:
                    book.add(message.sender, index, entry.hash, signature)
        if message.match <= self.commit or self.log.term(message.match) != self.term:
            return True
        confirmed = book.confirms(message.sender, message.match)
        self._count_bad(book)
        return confirmed

    def _count_bad(self, book: AckBook) -> None:
        for _ in range(book.bad):
            self.drop("acknowledgement that does not verify")
        book.bad = 0

    def _certify(self) -> None:
        """Commit as high as acknowledgements reach (CR-38)."""
        book = self._book
        if book is None:
            return
        own = self.log.persisted
        if own > self.commit and 0 < self._office <= own and self.configuration.has_quorum([self.node]):
            entry = self.log.entry(own)
            assert entry is not None
            book.open(own, entry.hash)
        certificate = book.certify(self.node, own, self.configuration, self.configuration_index)
        self._count_bad(book)
        if certificate is None:
            return
        assert certificate.term == self.term, "only entries of its own term"
        if self._tracer is not None:
            self._trace_certificate(certificate)
        before = self.commit
        self._commit_by(certificate, "quorum")
        book.forget(self.commit)
        for index in range(max(before + 1, self._office), self.commit + 1):
            entry = self.log.entry(index)
            assert entry is not None
            self.uncommitted_bytes -= len(entry.data)
        self._commit_untold = True
        self._release_reads()
        if before < self.configuration_index <= self.commit and not self.configuration.is_voter(self.node):
            self._leave_office()

    def _leave_office(self) -> None:
        """This leader's removal is committed: say so, hand over if that is possible, and leave (CR-60)."""
        self._beat_round()
        heir = self.successor()
        if heir is not None and self._peers[heir].match == self.last_index:
            self.emit(TimeoutNow(self.node, heir, self.term, self.new_id()))
        self._leaving = True

    def _left_office(self) -> None:
        """What was still to be said has been handed out."""
        self._leaving = False
        if self.role is Role.LEADER:
            self.drop("resigned: no longer a voter")
            self._follow(None)

    def _tell_commit(self) -> None:
        """Where nothing more is on the way, the followers that hold all of it are told now."""
        self._commit_untold = False
        for voter, peer in self._peers.items():
            if peer.match == self.last_index == self.commit > max(peer.commit, peer.certified):
                self._send_heartbeat(voter, peer)

    def _on_heartbeat_reply(self, message: HeartbeatReply) -> None:
        peer = self._heard(message)
        if peer is None:
            return
        if message.re > peer.certified_by:
            peer.certified = peer.commit
        if peer.pacing is Pacing.SNAPSHOT:
            self._pursue_snapshot(message.sender, peer)
            return
        if message.re < peer.last_append:
            return
        if peer.pacing is Pacing.PROBE:
            self._send_append(message.sender, peer, with_entries=True)
        elif peer.match < self.last_index or peer.commit < self.commit:
            self._send_append(message.sender, peer, with_entries=False)

    def _pursue_snapshot(self, node: str, peer: Progress) -> None:
        """A heartbeat's answer from one that was offered a snapshot: is it past it, or was the offer lost?"""
        if max(peer.commit, peer.match) >= peer.snapshot:
            peer.snapshot_over(peer.commit)
            self._send_append(node, peer, with_entries=True)
        elif self.now - peer.snapshot_asked >= self.config.election_ticks:
            self._offer_snapshot(node, peer)

    def _trace_certificate(self, certificate: Certificate) -> None:
        signers = [node for node, _ in certificate.acks]
        if self.node in signers:
            self.trace(
                "ack", index=certificate.index, hash=certificate.hash.hex(), block_term=certificate.term
            )
        self.trace(
            "cert",
            index=certificate.index,
            hash=certificate.hash.hex(),
            cert_term=certificate.term,
            signers=signers,
        )

    def _peer_statuses(self) -> tuple[PeerStatus, ...]:
        return tuple(
            PeerStatus(
                voter,
                peer.match,
                peer.next,
                peer.commit,
                str(peer.pacing),
                peer.inflight,
                peer.needs_snapshot,
                self.now - peer.heard,
            )
            for voter, peer in self._peers.items()
        )
