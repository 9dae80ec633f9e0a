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
next tick to finish (CR-44), and a busy one tells it with the next append.

An answer to a heartbeat that left after the last append, while that append or the commit
is still open, means that something was lost: an append to one that is probed, an empty one
to one that is not. The empty one is refused if an append was lost, and is answered with all
signatures if an answer was (CR-44 to CR-47).

What is uncommitted is bounded, in bytes and entries, or the proposal is refused as busy.
The first entry of the term and configurations pass (CR-49).
"""

from __future__ import annotations

from collections.abc import Sequence

from consensus.certificates import AckBook
from consensus.core import Core, require
from consensus.errors import Busy, NotLeader
from consensus.limits import MAX_ENTRY_BYTES
from consensus.messages import CONFIG, Append, AppendReply, Certificate, Entry, Heartbeat, HeartbeatReply
from consensus.progress import Pacing, Progress
from consensus.state import PeerStatus, Role
from consensus.trace import entry_event


class Leader(Core):
    """What only a leader does."""

    _peers: dict[str, Progress]
    _book: AckBook | None
    _office: int
    """Index of the first entry of this leader's term; 0 until it is proposed."""
    uncommitted_bytes: int
    _beat: int
    """The tick of the last round of heartbeats."""
    _commit_untold: bool
    """Whether a follower may have to be told of a commit before the output is taken."""

    def _start_leading(self) -> None:
        self._peers = {}
        self._book = None
        self._office = 0
        self.uncommitted_bytes = 0
        self._beat = 0
        self._commit_untold = False

    def _take_office(self) -> None:
        assert self.log.persisted == self.log.last_index, "only a node with a durable log campaigns"
        self._become(Role.LEADER)
        self.leader = self.node
        self._peers = {
            voter: Progress(self.last_index + 1, self.now, self.config)
            for voter in self.configuration.voters
            if voter != self.node
        }
        self._book = AckBook(self.term, self.configuration, self.authority)
        self._office = 0
        self.uncommitted_bytes = 0
        self._took_office_unseen = True
        if self._tracer is not None:
            self.trace("become_leader")
        self._beat_round()

    def _retire(self) -> None:
        self._peers = {}
        self._book = None
        self._office = 0
        self.uncommitted_bytes = 0

    def _tick_leader(self) -> None:
        if not self.configuration.has_majority(self._recently_heard()):
            self.drop("resigned: no answer from a majority")
            self._follow(None)
            return
        if self.now - self._beat >= self.config.heartbeat_ticks:
            self._beat_round()

    def _recently_heard(self) -> list[str]:
        """Who answered within the shortest election timeout, this node included (CR-20)."""
        oldest = self.now - self.config.election_ticks
        return [self.node, *[voter for voter, peer in self._peers.items() if peer.heard > oldest]]

    def _beat_round(self) -> None:
        self._beat = self.now
        for voter, peer in self._peers.items():
            self._send_heartbeat(voter, peer)

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
        if self.role is not Role.LEADER or self.halted is not None:
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
        elif size and any(entry.kind != CONFIG for entry in entries):
            self._check_room(len(entries), size)
        for entry in entries:
            self.log.append(entry)
        self.uncommitted_bytes += size
        if self._tracer is not None:
            self.trace("append", entries=[entry_event(entry) for entry in entries])
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
        while peer.next <= self.last_index and peer.is_open:
            if not self._send_append(voter, peer, with_entries=True):
                return

    def _send_append(self, voter: str, peer: Progress, *, with_entries: bool) -> bool:
        """One append; False if the log does not reach back that far (CR-48)."""
        prev_index = peer.next - 1
        prev_term = self.log.term(prev_index)
        entries: tuple[Entry, ...] | None = ()
        if with_entries:
            config = self.config
            entries = self.log.run(peer.next, config.max_append_entries, config.max_append_bytes)
        peer.needs_snapshot = prev_term is None or entries is None
        if prev_term is None or entries is None:
            return False
        last = prev_index + len(entries)
        number = self.new_id()
        peer.last_append = number
        certificate = self._certificate_for(peer, last)
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
        )
        if entries:
            peer.sent(last, sum([len(entry.data) for entry in entries]))
        elif peer.pacing is Pacing.PROBE:
            peer.probe_sent = True
        self.emit(message)
        return True

    def _certificate_for(self, peer: Progress, last: int) -> Certificate | None:
        """The newest certificate that the follower can use once it holds `last`."""
        newest = self.certificate
        done = max(peer.certified, peer.commit)
        if newest is None or newest.index <= done:
            return None
        if newest.index > last:
            newest = self.log.certificate_within(max(peer.next, done + 1), last)
        return newest

    def _heard(self, message: AppendReply | HeartbeatReply) -> Progress | None:
        """The follower that answers, its news taken down; None for a stranger or another term."""
        peer = self._peers.get(message.sender)
        if peer is None or message.term != self.term:
            return None
        peer.heard = self.now
        if message.commit <= self.commit:
            peer.commit = message.commit
        return peer

    def _on_append_reply(self, message: AppendReply) -> None:
        peer = self._heard(message)
        if peer is None:
            return
        if not message.ok:
            guess = self.log.last_agreeing(message.hint_index, message.hint_term)
            if peer.refused(message.prev_index, guess):
                peer.certified = peer.commit
                self._send_append(message.sender, peer, with_entries=True)
            return
        if message.match > self.last_index:
            self.drop("acknowledgement beyond the log")
            return
        if not self._count(message):
            return
        peer.matched(message.match)
        self._certify()
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
        if own > self.commit and self._office and own >= self._office and not self._peers:
            entry = self.log.entry(own)
            assert entry is not None
            book.open(own, entry.hash)
        certificate = book.certify(self.node, own)
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
        if message.re < peer.last_append:
            return
        if peer.pacing is Pacing.PROBE:
            self._send_append(message.sender, peer, with_entries=True)
        elif peer.match < self.last_index or peer.commit < self.commit:
            self._send_append(message.sender, peer, with_entries=False)

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
