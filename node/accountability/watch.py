"""Looking out for lies: what peers sign is compared, proofs and certified headers are passed on.

    message of a peer -> statements in it -> detector -> proof -> kept, told to all peers
    every now and then: our newest certified header -> all peers; theirs against our chain

Whoever sees two statements that no honest node can both make holds a proof that convinces
anybody (`ledger.faults.evidence`); it is kept and passed on, and the network goes on (CR-70). Two
certified blocks at one height are another matter: the channel's promise is broken, and
this node takes part no more until people have looked at it (CR-74).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import structlog

from consensus import messages
from consensus.messages import Append, AppendReply, Entry, Heartbeat, HeartbeatReply, Message, VoteReply
from ledger import codec, shape
from ledger.blocks.block import Block, Header
from ledger.blocks.certificate import CertifiedHeader
from ledger.blocks.preamble import Preamble
from ledger.chain.chain import Chain
from ledger.chain.committed import NotCertified, NotHeld
from ledger.errors import TallyError
from ledger.faults.evidence import Evidence
from ledger.faults.fault import SignedAck, SignedBallot, SignedHeader, TwoCertificates
from ledger.limits import MAX_EVIDENCE_BYTES
from ledger.proofs.handover import Followed
from node.accountability.evidence import EvidenceStore
from node.accountability.large_proofs import LargeProofs, Send, told_of
from node.limits import MAX_EARLY_HEADERS, MAX_GOSSIPED_EVIDENCE_BYTES
from node.raft_storage import ballot_of, certificate_of, signed_header

log = structlog.get_logger(component="watch")

Held = Callable[[int], Entry | None]
"""The log entry at an index, if it is at hand."""


class Watch:
    """One node's eye on the others."""

    def __init__(
        self,
        *,
        chain: Chain,
        evidence: EvidenceStore,
        tell_all: Callable[[codec.Value], None],
        send: Send,
        clock_s: Callable[[], float],
        alarm: Callable[[str], None],
    ) -> None:
        """`tell_all` sends to every peer, `send` to one; `alarm` is told, in a sentence, of a fork."""
        self.evidence = evidence
        self._chain = chain
        self._tell_all = tell_all
        self._large = LargeProofs(evidence, send, clock_s)
        self._alarm = alarm
        self._told_height = 0
        self._changes: list[int] = []
        self._early: dict[int, CertifiedHeader] = {}
        """Certified headers of others above our applied height."""

    def saw_message(self, message: Message, held: Held) -> None:
        """Show the detector the statements in a message of the consensus; none of them is checked yet."""
        if type(message) is HeartbeatReply:  # most of what an idle leader hears, and it states nothing
            return
        detector = self.evidence.detector
        match message:
            case Append():
                for entry in message.entries:
                    signed = signed_header(entry.data)
                    if signed is not None:
                        self._keep(detector.saw_header(SignedHeader(*signed)))
                self._saw_certificate(message.certificate)
            case Heartbeat():
                self._saw_certificate(message.certificate)
            case AppendReply():
                for index, signature in message.acks:
                    own = held(index)
                    if own is not None and own.term == message.term:
                        ack = SignedAck(own.term, index, own.hash, signature)
                        self._keep(detector.saw_ack(message.sender, ack))
            case VoteReply() if message.granted:
                ballot = SignedBallot(ballot_of(message.ballot), message.signature)
                self._keep(detector.saw_ballot(message.sender, ballot))
            case _:
                pass

    def saw_block(self, block: Block) -> None:
        """A block that this node reproduced: the votes in it are those of a verified election."""
        if block.preamble:
            election = Preamble.decode(block.preamble).election
            if election is not None:
                self._keep(self.evidence.detector.saw_election(election))

    def saw_refused(self, data: bytes) -> None:
        """A block that this node could not reproduce: with its witness it convicts who signed it (CR-77)."""
        try:
            wrong = self._chain.refute(Block.decode(data))
        except TallyError:
            return
        if wrong is not None:
            self._keep(self.evidence.detector.saw_wrong_block(wrong))

    def take_evidence(self, content: codec.Value) -> None:
        """A proof from a peer.

        Raises:
            Malformed, VerificationError: it proves nothing; its link is closed.
            StoreError: the disk refuses.
        """
        shape.octets_within(content, MAX_EVIDENCE_BYTES, "evidence")
        new = self.evidence.take(content)
        if new is not None:
            self._tell([new])

    def take_proof_message(self, peer: str, kind: str, content: codec.Value) -> None:
        """A message about a proof that does not fit a frame: `proof`, `proof?` or `proof!`.

        Raises:
            Malformed, VerificationError: it proves nothing, or no honest node says it; its link is closed.
        """
        if kind == "proof":
            self._large.hear(peer, content)
        elif kind == "proof?":
            self._large.give(peer, content)
        else:
            whole = self._large.take(peer, content)
            if whole is not None:
                self.take_evidence(whole)

    def tell_forks(self, tell: Callable[[codec.Value], object]) -> None:
        """What proves two histories, for a peer that may have been away when that was found (CR-74)."""
        for kept in self.evidence.kept():
            if kept.proved.kind != TwoCertificates.kind:
                continue
            proof = self.evidence.read(kept.id)
            if proof is not None:
                tell(("evidence", proof))

    def take_header(self, content: codec.Value) -> None:
        """A peer's newest certified header.

        Raises:
            Malformed, VerificationError: it is certified by nobody whom we know.
            StoreError: the disk refuses.
        """
        certified = CertifiedHeader.from_value(content)
        header = certified.header
        known = self._own(header.height)
        if known is not None and known.hash == header.hash:
            return
        try:
            certified.verify(self.evidence.detector.trust)
        except TallyError as error:
            if error.code == "unknown_membership":
                return
            raise
        self._keep(self.evidence.detector.saw_certified(certified))
        if known is not None:
            self._forked(known, certified)
        elif header.height > self._chain.applied.height and len(self._early) < MAX_EARLY_HEADERS:
            self._early[header.height] = certified

    def tell_header(self) -> None:
        """Tell all peers our newest certified header, if it is another one than last time."""
        self._large.sweep()
        self._follow_members()
        applied = self._chain.applied.height
        for height in sorted(height for height in self._early if height <= applied):
            certified, known = self._early.pop(height), self._own(height)
            if known is not None and known.hash != certified.header.hash:
                self._forked(known, certified)
        if applied == self._told_height:
            return
        try:
            own = self._chain.certified()
        except NotCertified:
            return
        self._told_height = applied
        self._tell_all(("header", own.to_value()))

    def _own(self, height: int) -> Header | None:
        try:
            return self._chain.header(height) if height <= self._chain.applied.height else None
        except NotHeld:
            return None

    def _forked(self, known: Header, certified: CertifiedHeader) -> None:
        """Two certified blocks at one height (CR-74): keep both, and take part no more."""
        try:
            self._keep(self.evidence.detector.saw_certified(self._chain.certified(known.height)))
        finally:
            self._keep(self.evidence.detector.saw_certified(certified))
            self._alarm(
                f"two certified blocks at height {known.height}: {known.hash.hex()} here, "
                f"{certified.header.hash.hex()} elsewhere"
            )

    def _follow_members(self) -> None:
        """Statements of members that came later are looked at as well."""
        changes = self._chain.changes()
        if changes == self._changes:
            return
        try:
            handovers = self._chain.membership_chain().handovers
        except NotCertified:
            return
        self.evidence.detector.trust = Followed.of(self._chain.genesis).extended(handovers)
        self._changes = changes

    def _saw_certificate(self, certificate: messages.Certificate | None) -> None:
        if certificate is not None:
            self._keep(self.evidence.detector.saw_certificate(certificate_of(certificate)))

    def _keep(self, found: Iterable[Evidence]) -> None:
        if found:
            self._tell(self.evidence.keep(found))

    def recall(self) -> None:
        """At the start: a fork that was proved before this start still stands (CR-74)."""
        for kept in self.evidence.kept():
            if kept.proved.kind == TwoCertificates.kind:
                self._alarm(kept.proved.says)

    def _tell(self, new: Iterable[Evidence]) -> None:
        for evidence in new:
            log.error("evidence", kind=evidence.fault.kind, against=evidence.node, id=evidence.id.hex())
            data = evidence.encode()
            fits = len(data) <= MAX_GOSSIPED_EVIDENCE_BYTES
            self._tell_all(("evidence", data) if fits else told_of(evidence, data))
            if evidence.fault.kind == TwoCertificates.kind:
                self.recall()
