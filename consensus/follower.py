"""A follower: takes entries from the leader of its term, acknowledges, commits.

An append states the position before its entries.

    that position here                 what happens
    not held, or of another term       refused with a hint; the log stays as it is (CR-23)
    held, all entries held too         nothing to append, never anything to truncate (CR-24)
    held, an entry of another term     truncated from exactly there, the rest appended, if an
                                       election excludes what is cut (`exclusion.py`), else
                                       refused, and an election asked for;
                                       at or below commit: not followed (CR-25)
    held, and entries of this term     a leader only appends: evidence, nothing changes, also
    after it                           when a restart forgot what it has proved (CR-70)
    held, same term, another hash      two blocks of one leader at one height: evidence,
                                       nothing changes (CR-31)

`confirmed` is the index up to which this leader, in this term, has proved the logs equal.
Nothing beyond it is acknowledged or committed (CR-26, CR-39).

An answer waits until what it acknowledges is durable, and carries a signature for each
entry of the current term in the range that the request covered. A request without
entries, which the leader sends when it may have lost an answer, is answered with all
signatures above commit.

Commit moves only by a certificate that verifies, for an entry held, confirmed and durable
here. Certificates that come early wait; of those that apply only the newest is verified.

A snapshot is offered by a leader whose log does not reach back to where this one ends, or
too far back. If what it stands for is held already, the answer says so; else the caller
fetches it, and once it is installed the log goes on from there (CR-64).

A node that lost data takes the log like any other, but signs nothing, and its answers confirm no
read (CR-76).

A block that cannot be reproduced (CR-77) is cut from the log, and the leader's term is not
followed any more: its messages are dropped, so it cannot count on this node.
"""

from __future__ import annotations

from bisect import insort
from collections import deque

from consensus.certificates import void_because
from consensus.core import Core, require
from consensus.exclusion import ballot_of, excludes, genuine
from consensus.limits import (
    MAX_CUT_REMEMBERED,
    MAX_REPLY_ACKS,
    MAX_WAITING_CERTIFICATES,
    MAX_WAITING_REQUESTS,
)
from consensus.log import Log
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
)
from consensus.state import HardState, Refusal, Role, SnapshotPoint
from consensus.trace import entry_event


class Follower(Core):
    """What is done with the leader's messages."""

    confirmed: int
    """Up to here the log equals that of this term's leader."""
    _waiting: deque[tuple[int, int, int, int]]
    """Requests whose answer waits for storage: (match, first, prev_index, id), in order of arrival."""
    _certificates: list[Certificate]
    """Certificates not yet applicable, ascending by index."""
    _signed: dict[int, tuple[bytes, bytes]]
    """Own acknowledgements of this term above commit: index to (hash, signature)."""
    _cut: dict[int, bytes]
    """Hashes of the entries that were durable and cut off since the start, the newest ones, by index."""
    _excluded_from: int
    """From here on to its end the log is excluded by elections that were shown; 0 for nothing."""
    _deserted: tuple[int, str]
    """The term, 0 for none, and the node that is not followed as its leader; empty for any node."""
    _offered: Snapshot | None
    """The snapshot that is being fetched."""
    _offer_unseen: bool
    """Whether the caller has yet to be told of it."""

    def _start_following(self) -> None:
        self.confirmed = 0
        self._waiting = deque(maxlen=MAX_WAITING_REQUESTS)
        self._certificates = []
        self._signed = {}
        self._cut = {}
        self._excluded_from = 0
        self._deserted = (0, "")
        self._offered = None
        self._offer_unseen = False

    def _forget_leader_state(self) -> None:
        """A new term: nothing that the last leader proved holds under the next (CR-33)."""
        self.confirmed = 0
        self._waiting.clear()
        self._certificates.clear()
        self._signed.clear()
        self._excluded_from = 0
        self._fail_asked_reads()

    def _hear(self, sender: str) -> bool:
        """Take `sender` for this term's leader; False if its messages are not to be followed."""
        term, deserted = self._deserted
        if term == self.term and deserted in ("", sender):
            self.drop("message of a leader that is not followed")
            return False
        if self.role is Role.LEADER or (self.leader is not None and self.leader != sender):
            self.accuse(
                "two_leaders",
                sender,
                f"{sender} and {self.leader} lead term {self.term}",
                self.leader,
                sender,
            )
            return False
        self._follow(sender)
        self.elapsed = 0
        return True

    def _on_append(self, message: Append) -> None:
        if not self._hear(message.sender):
            return
        for election in (message.election, *[entry.election for entry in message.entries]):
            if election is not None:
                self._look_for_own_vote(election)
        log = self.log
        held = log.term(message.prev_index)
        if message.prev_index < log.start:
            held = message.prev_term  # within the snapshot: committed, and so the same
        if held != message.prev_term:
            if held is not None and message.prev_index <= self.commit:
                self._contradiction(message, message.prev_index)
                return
            self._refuse_append(message)
            return
        if message.entries and not log.has_room:
            self.drop("more than the disk keeps up with")
            return
        if not self._take_entries(message):
            return
        match = message.prev_index + len(message.entries)
        self.confirmed = max(self.confirmed, match)
        self._learn(message.certificate)
        self._waiting.append((match, message.prev_index + 1, message.prev_index, message.id))
        self._settle()

    def _take_entries(self, message: Append) -> bool:
        """Append what is new, after removing what conflicts; False if nothing may be done."""
        log: Log = self.log
        new: tuple[Entry, ...] = message.entries
        is_cut = False
        for place, entry in enumerate(message.entries):
            if entry.index < log.start:
                continue
            held = log.term(entry.index)
            if held == entry.term:
                known = log.entry(entry.index)
                if known is not None and known.hash != entry.hash:
                    detail = f"two entries at term {entry.term}, index {entry.index}"
                    self.accuse("two_blocks", message.sender, detail, known, entry)
                    return False
                continue
            if entry.index <= self.commit:
                self._contradiction(message, entry.index)
                return False
            cuts_own_term = held is not None and log.last_term == self.term
            if entry.index <= self.confirmed or cuts_own_term:
                detail = f"index {entry.index} is not what this leader sent before"
                self.accuse("leader_overwrites", message.sender, detail, log.entry(entry.index), entry)
                return False
            if held is None and entry.index <= log.last_index:
                self.drop("own log is not readable")
                return False
            if held is not None and not self._make_way(message, entry.index):
                return False
            is_cut = held is not None
            new = message.entries[place:]
            break
        else:
            return True
        self._excluded_from = 0
        for entry in new:
            log.append(entry)
        if is_cut or log.last_term < self.term:
            self._accept_leader()
        if self._tracer is not None:
            self.trace("append", entries=[entry_event(entry) for entry in new])
        for entry in new:
            if entry.configuration is not None:
                self._govern_from(entry)
        return True

    def _make_way(self, message: Append, start: int) -> bool:
        """Cut from `start` on; refused if not all of it is excluded, by this election or those before."""
        election = message.election
        first = self._excluded_from or self.log.last_index + 1
        if election is not None and first > start and self._is_excluded(first - 1, election):
            election = genuine(election, self.authority)
            while first > start and self._is_excluded(first - 1, election):
                first -= 1
            self._excluded_from = first
        if first <= start:
            self._truncate(start)
            return True
        self.drop("cut without a proof")
        place = (message.prev_term, message.prev_index)
        kept = self.log.term(first - 1) or 0
        self._answer(message.sender, message.id, place[1], hint=place, keeps=kept)
        return False

    def _is_excluded(self, index: int, election: ElectionCertificate) -> bool:
        """Whether it excludes the entry there, if all of its votes are genuine."""
        term = self.log.term(index)
        return term is not None and excludes(election, (term, index), self.configuration_at(index))

    def _accept_leader(self) -> None:
        """Its append is taken, which the log's last term alone does not show (CR-70).

        After a cut not even a last entry of this term shows it: the application may refuse that
        entry, and what was cut, though acknowledged, is gone for this leader's sake all the same.
        """
        self.hard = HardState(self.term, self.vote, self.term)

    def _truncate(self, start: int, refused: bytes | None = None) -> None:
        """Drop from `start` on: for a leader's entry there, or since what stands there was refused."""
        assert start > self.commit, "what is committed is never truncated"
        for index in range(start, min(self.log.persisted, start + MAX_CUT_REMEMBERED - 1) + 1):
            entry = self.log.entry(index)
            if entry is not None:
                self._cut[index] = entry.hash
        while len(self._cut) > MAX_CUT_REMEMBERED:
            del self._cut[next(iter(self._cut))]
        self.log.truncate(start)
        self._excluded_from = 0
        self.confirmed = min(self.confirmed, start - 1)
        for index in [index for index in self._signed if index >= start]:
            del self._signed[index]
        if self._tracer is not None:
            self.trace("truncate", **{"from": start}, **({"refused": refused.hex()} if refused else {}))
        self._ungovern_from(start)

    def _contradiction(self, message: Append, index: int) -> None:
        """A leader's log denies what is committed here: keep both, and follow it no more (CR-25).

        It is one peer's word against a certificate: it must not stop this node. Only a certificate for
        another entry does, here or in the hands of the application.
        """
        detail = f"the leader of term {message.term} denies index {index}, which is committed here"
        denying = next((entry for entry in message.entries if entry.index == index), None)
        self.accuse("committed_conflict", message.sender, detail, self.log.entry(index), denying)
        if message.certificate is not None and message.certificate.index <= self.commit:
            self._compare(message.certificate, self.log.entry(message.certificate.index))
        # Who has proved nothing yet may only pose as this term's leader: another one may still be it.
        is_new = self.confirmed == 0 and self.log.last_term < self.term
        self._deserted = (self.term, message.sender if is_new else "")
        self._follow(None)

    def _refuse_append(self, message: Append) -> None:
        """Say up to where the logs may agree: at least up to commit."""
        guess = self.log.last_agreeing(message.prev_index, message.prev_term)
        guess = max(guess, min(self.commit, message.prev_index))
        hint = self.log.term(guess) or 0
        self._answer(message.sender, message.id, message.prev_index, hint=(hint, guess))

    def _reply_stale(self, message: Append) -> None:
        """The leader of an earlier term learns of ours, and steps down (CR-02, CR-19)."""
        self._answer(message.sender, message.id, message.prev_index)

    def _answer(
        self,
        leader: str,
        request: int,
        prev_index: int,
        *,
        match: int | None = None,
        hint: tuple[int, int] = (0, 0),
        acks: tuple[tuple[int, bytes], ...] = (),
        keeps: int = 0,
    ) -> None:
        """Answer an append: with `match` it succeeded, without it was refused."""
        self.emit(
            AppendReply(
                self.node,
                leader,
                self.term,
                self.new_id(),
                request,
                match is not None,
                prev_index,
                match or 0,
                *hint,
                acks,
                self.commit,
                self.is_mute,
                keeps,
            )
        )

    def _settle(self) -> None:
        """Commit what can be committed, then answer what has become durable."""
        self._advance()
        waiting = self._waiting
        answer = None
        first = self.log.last_index + 1
        while waiting and waiting[0][0] <= self.log.persisted:
            request = waiting.popleft()
            asked = request[1] if request[1] <= request[0] else self.commit + 1
            first = min(first, asked)
            if answer is None or request[0] >= answer[0]:
                answer = request
        if answer is None or self.leader is None:
            return
        match, _, prev_index, number = answer
        self._answer(self.leader, number, prev_index, match=match, acks=self._acknowledge(first, match))

    def _acknowledge(self, first: int, match: int) -> tuple[tuple[int, bytes], ...]:
        """Signatures for entries of the current term from `first` to `match` (CR-68, CR-69)."""
        assert match <= self.log.persisted, "durable first"
        assert match <= self.confirmed, "proved by this term's leader first"
        if self.is_mute:
            return ()
        acks: list[tuple[int, bytes]] = []
        index = match
        while index >= first and index > self.commit and len(acks) < MAX_REPLY_ACKS:
            entry = self.log.entry(index)
            if entry is None or entry.term != self.term:
                break
            acks.append((index, self._sign(entry)))
            index -= 1
        acks.reverse()
        return tuple(acks)

    def _sign(self, entry: Entry) -> bytes:
        known = self._signed.get(entry.index)
        if known is not None and known[0] == entry.hash:
            return known[1]
        signature = self.authority.sign(entry.term, entry.index, entry.hash)
        self._signed[entry.index] = (entry.hash, signature)
        if self._tracer is not None:
            self.trace("ack", index=entry.index, hash=entry.hash.hex(), block_term=entry.term)
        return signature

    def _learn(self, certificate: Certificate | None) -> None:
        """Keep a certificate until it applies."""
        if certificate is None:
            return
        if certificate.index <= self.commit:
            self._compare(certificate)
            return
        if certificate.index > self.log.persisted and not self.is_mute:
            self._look_for_own(certificate)
        certificates = self._certificates
        if not certificates:
            certificates.append(certificate)
            return
        if certificate in certificates:
            return
        insort(certificates, certificate, key=lambda held: held.index)
        if len(certificates) > MAX_WAITING_CERTIFICATES:
            del certificates[0]

    def _look_for_own(self, certificate: Certificate) -> None:
        """What this node signed was on its disk; if it is not there now, the disk was set back (CR-76).

        Unless it was cut off for the sake of a leader of a later term: of what is certified that
        happens only where liars voted (`exclusion.py`). The start of this boot or its cuts tell of it.
        """
        if self.accepted_at_start > certificate.term or self._cut.get(certificate.index) == certificate.hash:
            return
        for node, signature in certificate.acks:
            if node == self.node and self.authority.verify(
                node, certificate.term, certificate.index, certificate.hash, signature
            ):
                self._found_set_back(f"index {certificate.index}")

    def _look_for_own_vote(self, election: ElectionCertificate) -> None:
        """A vote was durable before it left; one that neither the disk nor this boot knows tells the same."""
        term = election.term
        if self.is_mute or term < next(iter(self._cast)) or self._cast.get(term) == election.candidate:
            return
        for vote in election.votes:
            if vote.node == self.node and self.authority.verify_vote(
                vote.node, ballot_of(election, vote), vote.signature
            ):
                self._found_set_back(f"the vote of term {term}")

    def _compare(self, certificate: Certificate, held: Entry | None = None) -> None:
        """A certificate for something else than what is committed here (CR-74)."""
        held = held or self.log.recent(certificate.index)
        if held is None or held.hash == certificate.hash:
            return
        if void_because(certificate, self.configuration_at(certificate.index), self.authority) is not None:
            self.drop("void certificate")
            return
        detail = f"two certified entries at index {certificate.index}"
        self.accuse("two_certificates", self.leader or "", detail, held, certificate)
        self.halt(detail)

    def _advance(self) -> None:
        """Commit by the newest certificate that is held, confirmed and durable (CR-39)."""
        certificates = self._certificates
        if not certificates or self.halted is not None or self.role is not Role.FOLLOWER:
            return
        limit = min(self.confirmed, self.log.persisted)
        while certificates:
            place = len(certificates) - 1
            while place >= 0 and certificates[place].index > limit:
                place -= 1
            if place < 0:
                return
            certificate = certificates[place]
            if self._holds(certificate):
                del certificates[: place + 1]
                self._commit_by(certificate, "leader")
                for index in [index for index in self._signed if index <= self.commit]:
                    del self._signed[index]
                return
            del certificates[place]

    def _holds(self, certificate: Certificate) -> bool:
        entry = self.log.entry(certificate.index)
        known = None
        if entry is not None and entry.hash == certificate.hash and certificate.index in self._signed:
            known = (self.node, self._signed[certificate.index][1])
        reason = void_because(certificate, self.configuration_at(certificate.index), self.authority, known)
        if reason is not None:
            self.drop("void certificate")
            return False
        if entry is None or entry.hash != certificate.hash or entry.term != certificate.term:
            detail = f"a certificate denies what the leader proved at index {certificate.index}"
            self.accuse("two_certificates", self.leader or "", detail, entry, certificate)
            self.halt(detail)
            return False
        return True

    def _on_snapshot(self, message: Snapshot) -> None:
        if not self._hear(message.sender):
            return
        held = self.log.term(message.index)
        if message.index <= self.commit or message.index < self.log.start:
            self._answer_snapshot(message, self.commit)
        elif held == message.block_term:
            self.confirmed = max(self.confirmed, message.index)
            self._answer_snapshot(message, min(message.index, self.log.persisted))
            self._advance()
        elif self._offered is None or self._offered.index < message.index:
            self._offered = message
            self._offer_unseen = True
            self._accept_leader()

    def _answer_snapshot(self, message: Snapshot, match: int | None) -> None:
        """With `match` the log goes on from there; without, the snapshot could not be had."""
        answer = (message.id, match is not None, match or 0, self.is_mute)
        self.emit(SnapshotReply(self.node, message.sender, self.term, self.new_id(), *answer))

    def snapshot_installed(self, point: SnapshotPoint) -> None:
        """A verified snapshot took the place of the log, durably; the LogReader begins with it.

        Raises:
            ContractBroken: this much is committed here already. Whether the log `lacks` it the caller
                asked before it replaced the log.
        """
        if self.halted is not None:
            return
        require(point.index > self.commit, "a snapshot brings the log on")
        self._become_follower_for_snapshot()
        if point.term > self.term:
            self._adopt(point.term)
        self.log.restart(point.index, point.term)
        self._excluded_from = 0
        self.commit = self._applied = point.index
        self.certificate = None
        self._unapplied.clear()
        self._waiting.clear()
        self._signed.clear()
        self._certificates = [held for held in self._certificates if held.index > point.index]
        self.confirmed = point.index
        self._configurations = [(point.index, point.configuration)]
        if self._tracer is not None:
            self._trace_install(point)
        self._members_changed()
        offered, self._offered = self._offered, None
        if offered is not None and offered.term == self.term and offered.sender == self.leader:
            self._answer_snapshot(offered, point.index)

    def lacks(self, point: SnapshotPoint) -> bool:
        """Whether the log here does not reach this block; else a snapshot of it must not be installed.

        What the log has above the block may have been acknowledged, committed or not (CR-64).
        """
        return point.index > self.commit and self.log.term(point.index) != point.term

    def snapshot_failed(self) -> None:
        """The snapshot could not be fetched; the leader may try otherwise."""
        offered, self._offered = self._offered, None
        if offered is not None and offered.term == self.term and offered.sender == self.leader:
            self._answer_snapshot(offered, None)

    def _become_follower_for_snapshot(self) -> None:
        """Whoever campaigned did so for a log that is no more."""
        if self.role is not Role.FOLLOWER:
            self._follow(None)

    def _on_heartbeat(self, message: Heartbeat) -> None:
        if not self._hear(message.sender):
            return
        self._learn(message.certificate)
        self._advance()
        self._answer_heartbeat(message)

    def _answer_heartbeat(self, message: Heartbeat) -> None:
        """Also the leader of an earlier term learns of ours, and steps down (CR-02, CR-19)."""
        answer = (message.id, self.commit, self.is_mute)
        self.emit(HeartbeatReply(self.node, message.sender, self.term, self.new_id(), *answer))

    def _desert(self, entry: Entry, reason: str) -> None:
        """The application could not reproduce this entry (CR-77)."""
        index = entry.index
        assert index > self.commit, "what is committed was reproduced before"
        self.refusal = Refusal(self.term, index, entry.hash, self.leader, reason)
        is_of_this_leader = index <= self.confirmed
        if self._tracer is not None:
            self.trace("drop", reason=f"block refused: {reason}", index=index, hash=entry.hash.hex())
        self._truncate(index, entry.hash)
        kept = [request for request in self._waiting if request[0] < index]
        self._waiting.clear()
        self._waiting.extend(kept)
        if is_of_this_leader:
            self._deserted = (self.term, "")
            self._follow(None)
