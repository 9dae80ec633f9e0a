"""Elections: PreVote, votes, timeouts, and when a request is not even heard.

A campaign has two rounds. The pre-vote asks "would you vote for me in term + 1?" and
changes nothing anywhere; only a majority of grants lets the node enter that term and ask
for votes. So a node that was cut off returns without pushing the others' term up.

A request for a vote of a higher term, of either kind, is granted if

1. this node has not heard from a leader within the shortest election timeout, nor leads
   itself; otherwise the request is ignored, its term included (CR-14). Only an election
   that the standing leader asked for passes;
2. for a vote: none was cast in this term for somebody else, and no leader of it is known;
3. the candidate's last position is at least this node's (CR-04).

An ignored request is not answered, a refused one is. A refusal carries the refuser's own
term, and an asker that is behind adopts it: of two nodes of which one has the longer log
and the other the higher term, the first one gets the term by being refused, and then wins
(CR-17).

A granted vote is signed together with the voter's position and the term of the last leader
whose append it took; grants that do not verify do not count. A majority's signed votes are
the election certificate, which the first entry of the term shows to everybody.

A standing leader hands over by TimeoutNow: its target campaigns at once, without pre-vote,
and is listened to in spite of rule 1.

A node campaigns only when its whole log is durable and reproduced. What it claims as its
position it then really holds, and when it takes office the application has stored all
that its first entry builds on. Nodes whose storage lags leave the election to others.
"""

from __future__ import annotations

from consensus.core import Core
from consensus.messages import (
    Ballot,
    ElectionCertificate,
    PreVote,
    PreVoteReply,
    SignedVote,
    TimeoutNow,
    Vote,
    VoteReply,
)
from consensus.quorum import Tally
from consensus.state import HardState, Role


class Election(Core):
    """From follower to leader."""

    _votes: dict[str, SignedVote]
    """Votes of this campaign that verified, by voter."""

    def _start_electing(self) -> None:
        self._votes = {}

    def _tick_election(self, ticks: int) -> None:
        self.elapsed += ticks
        if self.elapsed >= self.timeout and self._may_campaign():
            self._pre_campaign()

    def _may_campaign(self) -> bool:
        """Voters only (CR-13), with a log that is wholly durable, that forgot nothing (CR-76).

        Who is no voter by an uncommitted change does not campaign either: nobody would take its
        blocks. If just its log is needed, the others wait for one more node to come back.
        """
        return (
            self.configuration.is_voter(self.node)
            and self.log.persisted == self.log.last_index
            and not self.is_mute
        )

    def _pre_campaign(self) -> None:
        """Ask who would vote for us; neither term nor vote changes (CR-15, CR-18)."""
        self._become(Role.PRECANDIDATE)
        self.leader = None
        self._start_round()
        if self._tracer is not None:
            self.trace("become_precandidate")
        if self.tally.is_won:
            self._campaign()
            return
        for voter in self.configuration.electorate:
            if voter != self.node:
                self.asked_at.setdefault(voter, self.now)
                ask = PreVote(self.node, voter, self.term + 1, self.new_id(), self.last_term, self.last_index)
                self.emit(ask)

    def _campaign(self, *, transfer: bool = False) -> None:
        """Enter the next term with our own vote, and ask for the others'."""
        self._become(Role.CANDIDATE)
        self.leader = None
        self.hard = HardState(self.term + 1, self.node, self.hard.accepted)
        self._note_vote(self.node)
        self._withdraw(everything=True)
        self._forget_leader_state()
        self._start_round()
        ballot = self._ballot(self.node)
        self._votes = {self.node: _signed(self.node, ballot, self.authority.sign_vote(ballot))}
        if self._tracer is not None:
            self.trace("become_candidate")
        position = (self.last_term, self.last_index)
        for voter in self.configuration.electorate:
            if voter != self.node:
                self.asked_at.setdefault(voter, self.now)
                self.emit(Vote(self.node, voter, self.term, self.new_id(), *position, transfer))

    def _ballot(self, candidate: str) -> Ballot:
        """What this node states when it votes in its term (CR-70)."""
        position = (self.last_term, self.last_index, self.log.last_hash)
        return Ballot(self.term, candidate, self.accepted, *position)

    def _election_certificate(self) -> ElectionCertificate:
        return ElectionCertificate(
            self.term, self.node, tuple(vote for _, vote in sorted(self._votes.items()))
        )

    def _on_timeout_now(self, message: TimeoutNow) -> None:
        """The leader hands over to this node (CR-82)."""
        if self.role is Role.FOLLOWER and message.sender == self.leader and self._may_campaign():
            self._campaign(transfer=True)
        else:
            self.drop("told to campaign, but may not")

    def _start_round(self) -> None:
        self.elapsed = 0
        self._draw_timeout()
        self.tally = Tally(self.configuration)
        self.tally.record(self.node, True)

    def _is_loyal(self) -> bool:
        """Whether there is a leader that this node has reason to believe alive (CR-14)."""
        if self.role is Role.LEADER:
            return True
        return self.leader is not None and self.elapsed < self.config.election_ticks

    def _on_pre_vote(self, message: PreVote) -> None:
        if self.is_mute:
            self.drop("asked to vote, but has lost data")
            return
        if message.term > self.term and self._is_loyal():
            self.drop("pre-vote while a leader is heard")
            self._meet_former_member(message.sender)
            return
        granted = message.term > self.term and self._is_up_to_date(message)
        self._trace_vote(message, granted)
        term = message.term if granted else self.term
        self.emit(PreVoteReply(self.node, message.sender, term, self.new_id(), message.id, granted))

    def _on_vote(self, message: Vote) -> None:
        """A request of this node's term; a lower one is refused in the same way."""
        if message.term > self.term:
            self.drop("vote asked while a leader is heard")
            self._meet_former_member(message.sender)
            return
        if self.is_mute:
            self.drop("asked to vote, but has lost data")
            return
        granted = (
            message.term == self.term
            and (self.vote == message.sender or (self.vote is None and self.leader is None))
            and self._is_up_to_date(message)
        )
        statement: tuple[int, int, int, bytes, bytes] = (0, 0, 0, b"", b"")
        if granted:
            self.hard = HardState(self.term, message.sender, self.hard.accepted)
            self._note_vote(message.sender)
            self.elapsed = 0
            self._draw_timeout()
            ballot = self._ballot(message.sender)
            signature = self.authority.sign_vote(ballot)
            statement = (self.accepted, self.last_term, self.last_index, ballot.last_hash, signature)
        self._trace_vote(message, granted)
        self.emit(
            VoteReply(self.node, message.sender, self.term, self.new_id(), message.id, granted, *statement)
        )

    def _is_up_to_date(self, message: PreVote | Vote) -> bool:
        """Term first, length only between equal terms (CR-04)."""
        return (message.last_term, message.last_index) >= (self.last_term, self.last_index)

    def _on_pre_vote_reply(self, message: PreVoteReply) -> None:
        self.asked_at.pop(message.sender, None)
        if self.role is not Role.PRECANDIDATE or not self.configuration.is_voter(message.sender):
            return
        if message.term != (self.term + 1 if message.granted else self.term):
            return
        self.tally.record(message.sender, message.granted)
        if self.tally.is_won:
            self._campaign()
        elif self.tally.is_lost:
            self._follow(None)

    def _on_vote_reply(self, message: VoteReply) -> None:
        self.asked_at.pop(message.sender, None)
        if self.role is not Role.CANDIDATE or message.term != self.term:
            return
        if not self.configuration.is_voter(message.sender):
            return
        if message.granted and not self.tally.granted(message.sender):
            ballot = message.ballot
            if not self.authority.verify_vote(message.sender, ballot, message.signature):
                self.drop("vote that does not verify")
                return
            if not self._is_possible(ballot):
                self.drop("vote that no honest voter gives")
                return
            self._votes[message.sender] = _signed(message.sender, ballot, message.signature)
        self.tally.record(message.sender, message.granted)
        if self.tally.is_won:
            self._take_office()
        elif self.tally.is_lost:
            self._follow(None)

    def _is_possible(self, ballot: Ballot) -> bool:
        """Whether the ballot may stand in the certificate: one bad ballot makes it void for everybody."""
        position = (ballot.last_term, ballot.last_index)
        is_behind = position <= (self.last_term, self.last_index)
        return is_behind and ballot.last_term <= ballot.accepted_term < ballot.term

    def _trace_vote(self, message: PreVote | Vote, granted: bool) -> None:
        if self._tracer is not None:
            self.trace(
                "vote",
                to=message.sender,
                pre=isinstance(message, PreVote),
                granted=granted,
                cand_last=[message.last_term, message.last_index],
            )


def _signed(node: str, ballot: Ballot, signature: bytes) -> SignedVote:
    statement = (ballot.accepted_term, ballot.last_term, ballot.last_index, ballot.last_hash)
    return SignedVote(node, *statement, signature)
