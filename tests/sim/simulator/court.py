"""The court: sees every signed statement that leaves a node, and knows which lies were told.

One detector (`ledger.faults.detector`), the one that nodes run, is shown everything that anybody sent. So
whatever it would say of an honest node from a part of that, it says here as well:

    framed_by_proof   no evidence names an honest node, whatever it lost, overwrote or restarted
    unproved_lie      each provable lie that was told has its evidence
    unverified_proof  each piece of evidence verifies from its bytes and the genesis block alone
    doubted           no honest vote stays in doubt: its accepted term had a leader, unless somebody
                      led without having been elected, which is a proof against it where it is seen
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from consensus import Ballot, Certificate, ElectionCertificate, Entry, Message
from consensus.messages import Append, AppendReply, Heartbeat, VoteReply
from ledger.blocks.block import Block
from ledger.errors import VerificationError
from ledger.faults.detector import Detector
from ledger.faults.evidence import Evidence
from ledger.faults.fault import SignedAck, SignedBallot, SignedHeader, WrongBlock
from ledger.keys import HEADER_DOMAIN, verify
from node.raft_storage import certificate_of, election_of
from simulator.ledger_blocks import Accounts, LedgerApplication, LedgerBlocks, ballot_of, seed_key

if TYPE_CHECKING:
    from simulator.process import Process


class Court:
    """Statements, lies, and what the detector made of them."""

    def __init__(
        self, blocks: LedgerBlocks, liars: Collection[str], fail: Callable[[str, str], None]
    ) -> None:
        self._blocks = blocks
        self._liars = frozenset(liars)
        self._fail = fail
        self._executor = Accounts()
        self._detector = Detector(blocks.read, self._executor)
        self._headers: set[bytes] = set()
        self._signed: dict[tuple[str, int, int], bytes] = {}
        """Of each acknowledgement that an honest core made its block's hash."""
        self.lies: Counter[tuple[str, str]] = Counter()
        """(kind, node) of the provable lies that were told."""
        self.proved: Counter[tuple[str, str]] = Counter()
        self._followed = 0
        self.wrong: set[bytes] = set()
        """Blocks that no honest node may acknowledge."""
        self._sealed: dict[tuple[str, int, int], list[Block]] = {}
        """By proposer, term and height, also what was made in a proposer's name without its key."""
        self._voted: dict[tuple[str, int], set[str]] = {}
        self._shown: dict[str, tuple[int, int]] = {}
        """The furthest (term, index) that each node showed to have acknowledged."""

    def signs(self, node: str, term: int, index: int, entry_hash: bytes) -> None:
        """A core makes an acknowledgement."""
        self._signed[node, term, index] = entry_hash
        if entry_hash in self.wrong and node not in self._liars:
            self._fail("acknowledged_wrong", f"{node} acknowledges {index} in term {term}, which is wrong")

    def sent(self, message: Message) -> None:
        """A message leaves a node, lies included."""
        match message:
            case Append():
                for entry in message.entries:
                    self._saw_block(entry)
                self._saw_certificate(message.certificate)
            case Heartbeat():
                self._saw_certificate(message.certificate)
            case AppendReply():
                for index, signature in message.acks:
                    entry_hash = self._signed.get((message.sender, message.term, index))
                    if entry_hash is not None:
                        self.saw_ack(message.sender, message.term, index, entry_hash, signature)
            case VoteReply() if message.granted:
                self._saw_ballot(message.sender, message.ballot, message.signature)

    def saw_ack(self, node: str, term: int, index: int, entry_hash: bytes, signature: bytes) -> None:
        """An acknowledgement is shown to somebody."""
        self._shown[node] = max((term, index), self._shown.get(node, (0, 0)))
        self._take(self._detector.saw_ack(node, SignedAck(term, index, entry_hash, signature)))

    def took_office(self, election: ElectionCertificate) -> None:
        """A node shows the votes by which it leads."""
        shown = election_of(election)
        for vote in shown.votes:
            self._voted.setdefault((vote.node, election.term), set()).add(election.candidate)
            self._note_votes(vote.node, election.term)
        self._take(self._detector.saw_election(shown))

    def refused(self, node: Process, entry: Entry) -> None:
        """An honest node refuses a block: can it show why?"""
        chain = getattr(node.app, "chain", None)
        if chain is None or node.name in self._liars:
            return
        wrong: WrongBlock | None = chain.refute(self._blocks.block(entry.data))
        if wrong is not None:
            if _is_signed(wrong.block):
                self.lies["wrong_block", wrong.block.header.proposer] += 1
            self._take(self._detector.saw_wrong_block(wrong))

    def follow(self, app: LedgerApplication) -> None:
        """The members have changed: a wider trust."""
        if app.applied > self._followed:
            self._followed = app.applied
            self._detector.trust = app.trust()

    def at_the_end(self, broken: Collection[str], *, had_usurper: bool = False) -> None:
        """Judge: everything was said; `broken` are promises of the ledger that were not kept."""
        if broken and not any(node in self._liars for _, node in self.proved):
            self._fail("unattributed", f"{', '.join(sorted(broken))}, and nobody is named")
        for (kind, node), count in sorted(self.lies.items()):
            if not self.proved[kind, node]:
                self._fail("unproved_lie", f"{node} told {count} lies of the kind {kind}, none is proved")
        for doubt in self._detector.doubts:
            if doubt.node not in self._liars and not had_usurper:
                self._fail("doubted", f"{doubt.node}: {doubt.vote.ballot}")

    def _saw_block(self, entry: Entry) -> None:
        if entry.hash in self._headers:
            return
        self._headers.add(entry.hash)
        block = self._blocks.block(entry.data)
        header = block.header
        place = (header.proposer, header.term, header.height)
        sealed = self._sealed.setdefault(place, [])
        sealed.append(block)
        if len(sealed) > 1 and len([each for each in sealed if _is_signed(each)]) > 1:
            self.lies["two_headers", header.proposer] += 1
        self._take(self._detector.saw_header(SignedHeader(header, block.signature)))

    def _saw_certificate(self, certificate: Certificate | None) -> None:
        if certificate is not None:
            self._take(self._detector.saw_certificate(certificate_of(certificate)))

    def _saw_ballot(self, node: str, ballot: Ballot, signature: bytes) -> None:
        self._voted.setdefault((node, ballot.term), set()).add(ballot.candidate)
        self._note_votes(node, ballot.term)
        shown = self._shown.get(node, (0, 0))
        if shown[0] < ballot.term and (ballot.accepted_term, ballot.last_index) < shown:
            self.lies["denied_ack", node] += 1
        self._take(self._detector.saw_ballot(node, SignedBallot(ballot_of(ballot), signature)))

    def _note_votes(self, node: str, term: int) -> None:
        if len(self._voted[node, term]) > 1:
            self.lies["two_votes", node] += 1

    def _take(self, found: list[Evidence]) -> None:
        for evidence in found:
            self.proved[evidence.fault.kind, evidence.node] += 1
            try:
                proved = Evidence.decode(evidence.encode()).verify(self._detector.trust, self._executor)
            except VerificationError as error:
                self._fail("unverified_proof", f"{evidence.fault.kind} against {evidence.node}: {error}")
                continue
            for node in proved.nodes:
                if node not in self._liars:
                    self._fail("framed_by_proof", f"{node}: {proved.says}")


def _is_signed(block: Block) -> bool:
    """Whether its proposer made it."""
    header = block.header
    return verify(seed_key(header.proposer).public, HEADER_DOMAIN, header.data, block.signature)
