"""Signed votes, and the election certificate that they make.

    ballot      = [channel, term, candidate, accepted_term, last_term, last_height, last_hash]
    vote        = Ed25519("tallystick/vote/1\\0" || encode(ballot))
    certificate = [term, candidate, [[node, accepted_term, last_term, last_height, last_hash, vote], …]]
                  ascending by node

| part of a ballot | meaning |
|---|---|
| term, candidate | whom the voter helps into office, and when |
| accepted_term | the term of the last leader whose append the voter took into its log, itself included |
| last_term, last_height, last_hash | the last block of the voter's log: its position |

A voter states where it stands, because that is what binds it: whoever acknowledged a block
of height h in term T still holds it for as long as it has followed no later leader. So a
ballot of a later term whose (accepted_term, last_height) lies before (T, h) denies the
acknowledgement (`ledger.faults.evidence`). Positions alone would not do: a leader of a later term
may lawfully have cut off what was acknowledged (CR-70).

What every honest ballot fulfils: `last_term <= accepted_term < term`. A block of a term
comes from that term's leader or a later one, and nobody votes in a term in which it has
already followed a leader. Whoever counts votes refuses a ballot that does not.

A majority of votes, each from a voter that stands no further than the candidate, is Raft's
rule of election; the first block of every term carries it, so that office is proved and not
only claimed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from ledger import codec, keys, shape
from ledger.errors import Malformed, VerificationError
from ledger.limits import DIGEST_BYTES, MAX_MEMBERS, SIGNATURE_BYTES
from ledger.members.membership import Membership


@dataclass(frozen=True, slots=True)
class Ballot:
    """What a voter signs; the same for a candidate's vote for itself."""

    term: int
    candidate: str
    accepted_term: int
    last_term: int
    last_height: int
    last_hash: bytes

    @property
    def position(self) -> tuple[int, int]:
        """How far the voter's log reaches, as Raft compares it: term of the last block, then height."""
        return (self.last_term, self.last_height)

    @property
    def standing(self) -> tuple[int, int]:
        """What a voter's earlier acknowledgements are held against: last leader's term, then height."""
        return (self.accepted_term, self.last_height)

    @property
    def is_sound(self) -> bool:
        """Whether an honest node can have made it at all."""
        return self.last_term <= self.accepted_term < self.term

    def to_value(self) -> codec.Value:
        """The canonical array of a ballot outside of a certificate."""
        return (
            self.term,
            self.candidate,
            self.accepted_term,
            self.last_term,
            self.last_height,
            self.last_hash,
        )

    @classmethod
    def from_value(cls, value: codec.Value, place: str = "ballot") -> Ballot:
        """Read a ballot.

        Raises:
            Malformed: with the field that is wrong.
        """
        term, candidate, accepted_term, last_term, last_height, last_hash = shape.array(value, 6, place)
        return cls(
            shape.integer(term, f"{place}.term", least=1),
            shape.name(candidate, f"{place}.candidate"),
            shape.integer(accepted_term, f"{place}.accepted_term"),
            shape.integer(last_term, f"{place}.last_term"),
            shape.integer(last_height, f"{place}.last_height"),
            shape.octets(last_hash, DIGEST_BYTES, f"{place}.last_hash"),
        )


def ballot_bytes(channel: bytes, ballot: Ballot) -> bytes:
    """What a vote signs: worth nothing for another channel, term, candidate or position."""
    return codec.encode((channel, *ballot.to_value()))


def sign_vote(key: keys.SigningKey, channel: bytes, ballot: Ballot) -> bytes:
    """A node's vote, 64 bytes."""
    return key.sign(keys.VOTE_DOMAIN, ballot_bytes(channel, ballot))


def verify_vote(public: bytes, channel: bytes, ballot: Ballot, signature: bytes) -> bool:
    """Whether `signature` is `public`'s vote by exactly this ballot."""
    return keys.verify(public, keys.VOTE_DOMAIN, ballot_bytes(channel, ballot), signature)


@dataclass(frozen=True, slots=True)
class Vote:
    """One voter's ballot in a certificate."""

    node: str
    ballot: Ballot
    signature: bytes


@dataclass(frozen=True, slots=True)
class ElectionCertificate:
    """A majority of votes for one candidate in one term, ascending by node."""

    term: int
    candidate: str
    votes: tuple[Vote, ...]

    @classmethod
    def of(cls, term: int, candidate: str, votes: Iterable[Vote]) -> ElectionCertificate:
        """A certificate with its votes in canonical order."""
        return cls(term, candidate, tuple(sorted(votes, key=lambda vote: vote.node)))

    def vote_of(self, node: str) -> Vote | None:
        """The vote of a node."""
        return next((vote for vote in self.votes if vote.node == node), None)

    def to_value(self) -> codec.Value:
        """The canonical array."""
        return (
            self.term,
            self.candidate,
            tuple([(vote.node, *vote.ballot.to_value()[2:], vote.signature) for vote in self.votes]),
        )

    @classmethod
    def from_value(cls, value: codec.Value) -> ElectionCertificate:
        """Read a certificate; `verify` says whether it proves anything.

        Raises:
            Malformed: with the field that is wrong, or votes out of order.
        """
        term, candidate, votes = shape.array(value, 3, "election")
        read = []
        for entry in shape.sequence(votes, MAX_MEMBERS, "election.votes", least=1):
            node, accepted_term, last_term, last_height, last_hash, signature = shape.array(
                entry, 6, "election.votes"
            )
            ballot = Ballot.from_value(
                (term, candidate, accepted_term, last_term, last_height, last_hash), "election"
            )
            read.append(
                Vote(
                    shape.name(node, "election.votes.node"),
                    ballot,
                    shape.octets(signature, SIGNATURE_BYTES, "election.votes.signature"),
                )
            )
        for before, after in pairwise(read):
            if before.node >= after.node:
                raise Malformed(
                    "votes out of order", field="election.votes", expected="ascending, no node twice"
                )
        return cls(read[0].ballot.term, read[0].ballot.candidate, tuple(read))

    def verify(self, channel: bytes, membership: Membership) -> Ballot:
        """Check that a majority of voters elected the candidate; the candidate's own ballot.

        The numbers are those of docs/protocol.md, section "Verifying an election certificate".

        Raises:
            VerificationError: nobody is elected by it.
        """
        # 1. The votes are by distinct nodes, for this candidate in this term.
        nodes = {vote.node for vote in self.votes}
        if len(nodes) != len(self.votes):
            raise _void("a node votes twice in one certificate")
        for vote in self.votes:
            if (vote.ballot.term, vote.ballot.candidate) != (self.term, self.candidate):
                raise _void("a vote of another term or for another candidate", found=vote.node)
        # 2. Each is by a voter of the membership, which signed it.
        for vote in self.votes:
            member = membership.member(vote.node)
            if member is None or not membership.is_voter(vote.node):
                raise _void("a vote by a node that has none", found=vote.node)
            if not verify_vote(member.key, channel, vote.ballot, vote.signature):
                raise _void("a vote that its node did not sign", found=vote.node)
        # 3. They are a majority (of each half of a membership in transition).
        if not membership.has_majority(nodes):
            raise _void("too few votes", found=len(nodes), expected="a majority of the voters")
        # 4. Each ballot is one that an honest node can make.
        for vote in self.votes:
            if not vote.ballot.is_sound:
                raise _void(
                    "a ballot that contradicts itself",
                    found=vote.node,
                    expected="last term <= accepted term < term of the vote",
                )
        # 5. The candidate voted for itself, and stands at least as far as each of its voters.
        own = self.vote_of(self.candidate)
        if own is None:
            raise _void("the candidate did not vote for itself", found=self.candidate)
        for vote in self.votes:
            if vote.ballot.position > own.ballot.position:
                raise _void(
                    "a voter stands further than the candidate",
                    found=f"{vote.node} at {vote.ballot.position}",
                    expected=f"at most {own.ballot.position}",
                )
        return own.ballot


def _void(message: str, *, found: object = None, expected: object = None) -> VerificationError:
    return VerificationError(message, code="not_elected", field="election", found=found, expected=expected)
