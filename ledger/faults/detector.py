"""The detector: is shown every signed statement that a node comes across, and finds the lies.

    evidence = detector.saw_ack(node, ack)         also saw_header, saw_ballot, saw_election,
                                                   saw_certificate, saw_certified, saw_wrong_block

It remembers a bounded number of statements of each kind and node, the newest ones, and compares each
new one with them. What it gives out is verified: a forged statement never accuses anybody. Signatures
are only looked at once two statements contradict each other, so that being watched costs honest nodes
next to nothing; a forged statement that was remembered gives way to a good one then.

Each lie is given out once. The detector reads no clock and no disk: it serves the node, the simulator
and whoever reads gossip, all in the same way.

A `doubt` is what may not be called proof: a ballot that would deny an acknowledgement but for the term
of the leader that it says it followed in between, of which no election certificate has been seen.
The certificate settles it (CR-70).
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import TypeVar

from ledger.blocks.certificate import Certificate, CertifiedHeader, verify_ack
from ledger.blocks.executor import Executor
from ledger.blocks.genesis import GenesisBlock
from ledger.blocks.vote import ElectionCertificate, verify_vote
from ledger.errors import VerificationError
from ledger.faults.evidence import Evidence
from ledger.faults.fault import (
    DeniedAck,
    Fault,
    SignedAck,
    SignedBallot,
    SignedHeader,
    TwoAcks,
    TwoCertificates,
    TwoHeaders,
    TwoVotes,
    WrongBlock,
    denies,
)
from ledger.keys import HEADER_DOMAIN, verify
from ledger.limits import (
    MAX_BALLOTS_SEEN,
    MAX_DOUBTS,
    MAX_LIES_REMEMBERED,
    MAX_STATEMENTS_SEEN,
    MAX_WRONG_BLOCKS_SEEN,
)

_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class Doubt:
    """A ballot that only the leader of its accepted term can explain; not evidence."""

    node: str
    accepted_term: int
    ack: SignedAck
    vote: SignedBallot


class Detector:
    """Statements seen, and what they contradict.

    `trust` may be replaced by one that follows more memberships; `executor` has the rules by which
    wrong blocks are shown to be wrong.
    """

    def __init__(self, trust: GenesisBlock, executor: Executor | None = None) -> None:
        self.trust = trust
        self._executor = executor
        self._headers: dict[tuple[str, int, int], SignedHeader] = {}
        self._acks: dict[str, dict[tuple[int, int], SignedAck]] = {}
        self._ballots: dict[str, dict[int, SignedBallot]] = {}
        self._certified: dict[int, CertifiedHeader] = {}
        self._wrong: dict[bytes, WrongBlock] = {}
        self._elected: dict[int, None] = {}
        self._doubts: dict[tuple[str, int], Doubt] = {}
        self._told: dict[tuple[str, str, int, int], None] = {}

    @property
    def doubts(self) -> tuple[Doubt, ...]:
        """What is not explained yet, oldest first."""
        return tuple(self._doubts.values())

    def saw_header(self, header: SignedHeader) -> list[Evidence]:
        """A header with its proposer's signature: of an append, a stored block, gossip."""
        proposer = header.header.proposer
        place = (proposer, header.header.term, header.header.height)
        known = self._headers.get(place)
        if known is None:
            if self.trust.member(proposer) is not None:
                _keep(self._headers, place, header, MAX_STATEMENTS_SEEN)
            return []
        if known == header:
            return []
        found: list[Evidence] = []
        if known.header.hash != header.header.hash:
            found = self._prove(proposer, TwoHeaders.of(known, header))
        if not found and not self._is_good_header(known):
            self._headers[place] = header
        return found

    def saw_ack(self, node: str, ack: SignedAck) -> list[Evidence]:
        """An acknowledgement."""
        seen = self._acks.get(node)
        if seen is None:
            if self.trust.member(node) is None:
                return []
            seen = self._acks[node] = {}
        place = (ack.term, ack.height)
        known = seen.get(place)
        if known == ack:
            return []
        found: list[Evidence] = []
        if known is None:
            _keep(seen, place, ack, MAX_STATEMENTS_SEEN)
        else:
            if known.block_hash != ack.block_hash:
                found += self._prove(node, TwoAcks.of(known, ack))
            if not found and not self._is_good_ack(node, known):
                seen[place] = ack
        wrong = self._wrong.get(ack.block_hash)
        if wrong is not None:
            found += self._prove(node, replace(wrong, ack=ack.signature))
        for vote in self._ballots.get(node, {}).values():
            found += self._compare(node, ack, vote)
        return found

    def saw_ballot(self, node: str, vote: SignedBallot) -> list[Evidence]:
        """A vote: of a reply to a candidate, or of an election certificate."""
        seen = self._ballots.get(node)
        if seen is None:
            if self.trust.member(node) is None:
                return []
            seen = self._ballots[node] = {}
        found: list[Evidence] = []
        known = seen.get(vote.ballot.term)
        if known == vote:
            return []
        if known is None:
            _keep(seen, vote.ballot.term, vote, MAX_BALLOTS_SEEN)
        else:
            if known.ballot.candidate != vote.ballot.candidate:
                found += self._prove(node, TwoVotes.of(known, vote))
            if not found and not self._is_good_vote(node, known):
                seen[vote.ballot.term] = vote
        for ack in self._acks.get(node, {}).values():
            found += self._compare(node, ack, vote)
        return found

    def saw_election(self, election: ElectionCertificate) -> list[Evidence]:
        """An election certificate that the caller has verified."""
        _keep(self._elected, election.term, None, MAX_STATEMENTS_SEEN)
        for place in [place for place in self._doubts if place[1] == election.term]:
            del self._doubts[place]
        found: list[Evidence] = []
        for vote in election.votes:
            found += self.saw_ballot(vote.node, SignedBallot(vote.ballot, vote.signature))
        return found

    def saw_certificate(self, certificate: Certificate) -> list[Evidence]:
        """The acknowledgements of a certificate."""
        found: list[Evidence] = []
        for node, signature in certificate.acks:
            ack = SignedAck(certificate.term, certificate.height, certificate.block_hash, signature)
            found += self.saw_ack(node, ack)
        return found

    def saw_certified(self, certified: CertifiedHeader) -> list[Evidence]:
        """A header with the proof of its commit: our own ones, and what others gossip (CR-74)."""
        found = self.saw_certificate(certified.certificate)
        height = certified.header.height
        known = self._certified.get(height)
        if known is None:
            _keep(self._certified, height, certified, MAX_STATEMENTS_SEEN)
        elif known.header.hash != certified.header.hash:
            proved = self._prove("", TwoCertificates.of(known, certified))
            if not proved and not self._is_good_certified(known):
                self._certified[height] = certified
            found += proved
        return found

    def saw_wrong_block(self, wrong: WrongBlock) -> list[Evidence]:
        """A block that this node refused, with what shows that it is wrong (`Chain.refute`)."""
        header = wrong.block.header
        unsigned = replace(wrong, ack=None)
        _keep(self._wrong, header.hash, unsigned, MAX_WRONG_BLOCKS_SEEN)
        found = self._prove(header.proposer, unsigned)
        for node, seen in self._acks.items():
            ack = seen.get((header.term, header.height))
            if ack is not None and ack.block_hash == header.hash:
                found += self._prove(node, replace(wrong, ack=ack.signature))
        return found

    def _compare(self, node: str, ack: SignedAck, vote: SignedBallot) -> list[Evidence]:
        """Whether a vote denies an acknowledgement, or would but for a leader that nobody knows."""
        ballot = vote.ballot
        if denies(ballot, ack):
            return self._prove(node, DeniedAck(ack, vote))
        claimed = ballot.accepted_term
        is_unexplained = ack.term < claimed < ballot.term and claimed not in self._elected
        if is_unexplained and denies(replace(ballot, accepted_term=ack.term), ack):
            _keep(self._doubts, (node, claimed), Doubt(node, claimed, ack, vote), MAX_DOUBTS)
        return []

    def _prove(self, node: str, fault: Fault) -> list[Evidence]:
        evidence = Evidence(node, fault)
        if evidence.place in self._told:
            return []
        try:
            evidence.verify(self.trust, self._executor)
        except VerificationError:
            return []
        _keep(self._told, evidence.place, None, MAX_LIES_REMEMBERED)
        return [evidence]

    def _is_good_header(self, signed: SignedHeader) -> bool:
        member = self.trust.member(signed.header.proposer)
        return member is not None and verify(member.key, HEADER_DOMAIN, signed.header.data, signed.signature)

    def _is_good_ack(self, node: str, ack: SignedAck) -> bool:
        member, channel = self.trust.member(node), self.trust.channel
        return member is not None and verify_ack(
            member.key, channel, ack.term, ack.height, ack.block_hash, ack.signature
        )

    def _is_good_vote(self, node: str, vote: SignedBallot) -> bool:
        member = self.trust.member(node)
        return member is not None and verify_vote(member.key, self.trust.channel, vote.ballot, vote.signature)

    def _is_good_certified(self, certified: CertifiedHeader) -> bool:
        try:
            certified.verify(self.trust)
        except VerificationError:
            return False
        return True


def _keep(kept: dict[_Key, _Value], key: _Key, value: _Value, most: int) -> None:
    """Remember one more, and forget the one that was remembered first if there are too many."""
    if key not in kept and len(kept) >= most:
        del kept[next(iter(kept))]
    kept[key] = value
