"""The statements that nodes sign, and the pairs of them that no honest node makes.

One class for each kind of evidence (`ledger.faults.evidence` has their table): what its body holds, and a
`check` that either names the guilty or raises. The steps are those of docs/protocol.md, section
"Verifying evidence"; no check reads anything but the file and the trusted genesis block.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, Self

from ledger import codec, keys, shape
from ledger.blocks.block import Block, Header
from ledger.blocks.certificate import CertifiedHeader, verify_ack
from ledger.blocks.executor import Executor
from ledger.blocks.genesis import GenesisBlock
from ledger.blocks.vote import Ballot, verify_vote
from ledger.errors import BlockInvalid, VerificationError
from ledger.faults.witness import Witness, wrong_because
from ledger.hashing import short
from ledger.limits import DIGEST_BYTES, MAX_BLOCK_BYTES, MAX_HEADER_BYTES, SIGNATURE_BYTES

Guilt = tuple[tuple[str, ...], str]
"""The guilty nodes, and one sentence about what they did."""


@dataclass(frozen=True, slots=True)
class SignedHeader:
    """A header with its proposer's signature."""

    header: Header
    signature: bytes

    def to_value(self) -> codec.Value:
        """The canonical array."""
        return (self.header.data, self.signature)

    @classmethod
    def from_value(cls, value: codec.Value) -> SignedHeader:
        """Read a signed header.

        Raises:
            Malformed, NonCanonical, TooLarge: with the field that is wrong.
        """
        header, signature = shape.array(value, 2, "evidence.header")
        return cls(
            Header.decode(shape.octets_within(header, MAX_HEADER_BYTES, "evidence.header")),
            shape.octets(signature, SIGNATURE_BYTES, "evidence.signature"),
        )


@dataclass(frozen=True, slots=True)
class SignedAck:
    """An acknowledgement with what it acknowledges."""

    term: int
    height: int
    block_hash: bytes
    signature: bytes

    def to_value(self) -> codec.Value:
        """The canonical array."""
        return (self.term, self.height, self.block_hash, self.signature)

    @classmethod
    def from_value(cls, value: codec.Value) -> SignedAck:
        """Read an acknowledgement.

        Raises:
            Malformed: with the field that is wrong.
        """
        term, height, block_hash, signature = shape.array(value, 4, "evidence.ack")
        return cls(
            shape.integer(term, "evidence.ack.term"),
            shape.integer(height, "evidence.ack.height", least=1),
            shape.octets(block_hash, DIGEST_BYTES, "evidence.ack.block_hash"),
            shape.octets(signature, SIGNATURE_BYTES, "evidence.ack.signature"),
        )


@dataclass(frozen=True, slots=True)
class SignedBallot:
    """A ballot with its voter's signature."""

    ballot: Ballot
    signature: bytes

    def to_value(self) -> codec.Value:
        """The canonical array."""
        return (self.ballot.to_value(), self.signature)

    @classmethod
    def from_value(cls, value: codec.Value) -> SignedBallot:
        """Read a signed ballot.

        Raises:
            Malformed: with the field that is wrong.
        """
        ballot, signature = shape.array(value, 2, "evidence.vote")
        return cls(
            Ballot.from_value(ballot, "evidence.ballot"),
            shape.octets(signature, SIGNATURE_BYTES, "evidence.vote.signature"),
        )


def denies(ballot: Ballot, ack: SignedAck) -> bool:
    """Whether the ballot of a later term denies the acknowledgement, by the cases of `evidence`."""
    if ballot.term <= ack.term:
        return False
    if ballot.standing < (ack.term, ack.height):
        return True
    if ballot.accepted_term != ack.term:
        return False
    if ballot.last_term != ack.term:
        return True
    return ballot.last_height == ack.height and ballot.last_hash != ack.block_hash


class Fault(Protocol):
    """One kind of evidence: what its body holds, and whether it proves anything."""

    @property
    def kind(self) -> str:
        """The name of the kind in the file."""
        ...

    @property
    def place(self) -> tuple[int, int]:
        """(term, height) that the fault is about."""
        ...

    def to_value(self) -> codec.Value:
        """The canonical array of the body."""
        ...

    def check(self, node: str, genesis: GenesisBlock, executor: Executor | None) -> Guilt:
        """The guilty nodes, and a sentence.

        Raises:
            VerificationError: nothing is proved.
        """
        ...


@dataclass(frozen=True, slots=True)
class TwoHeaders:
    """An equivocating leader."""

    first: SignedHeader
    second: SignedHeader
    kind = "two_headers"

    @classmethod
    def of(cls, one: SignedHeader, other: SignedHeader) -> Self:
        """Both in canonical order."""
        first, second = sorted((one, other), key=lambda signed: signed.header.hash)
        return cls(first, second)

    @property
    def place(self) -> tuple[int, int]:
        """(term, height) of both blocks."""
        return (self.first.header.term, self.first.header.height)

    def to_value(self) -> codec.Value:
        """The canonical array of the body."""
        return (self.first.to_value(), self.second.to_value())

    @classmethod
    def from_value(cls, value: codec.Value) -> Self:
        """Read the body."""
        first, second = shape.array(value, 2, "evidence.body")
        return cls(SignedHeader.from_value(first), SignedHeader.from_value(second))

    def check(self, node: str, genesis: GenesisBlock, _executor: Executor | None) -> Guilt:
        """See `Fault.check`."""
        key = _key_of(genesis, node)
        for signed in (self.first, self.second):
            header = signed.header
            if header.channel != genesis.channel:
                raise _unproved("a header of another channel")
            if header.proposer != node:
                raise _unproved("a header of another proposer", header.proposer, node)
            if not keys.verify(key, keys.HEADER_DOMAIN, header.data, signed.signature):
                raise _unproved("a header that the accused did not sign", node)
        first, second = self.first.header, self.second.header
        if (first.term, first.height) != (second.term, second.height):
            raise _unproved("headers of two terms or heights contradict nothing")
        _check_order(first.hash, second.hash)
        return (node,), (
            f"{node} led term {first.term} with two blocks at height {first.height}: "
            f"{short(first.hash)} and {short(second.hash)}"
        )


@dataclass(frozen=True, slots=True)
class TwoAcks:
    """An equivocating acknowledger."""

    first: SignedAck
    second: SignedAck
    kind = "two_acks"

    @classmethod
    def of(cls, one: SignedAck, other: SignedAck) -> Self:
        """Both in canonical order."""
        first, second = sorted((one, other), key=lambda signed: signed.block_hash)
        return cls(first, second)

    @property
    def place(self) -> tuple[int, int]:
        """(term, height) of both acknowledgements."""
        return (self.first.term, self.first.height)

    def to_value(self) -> codec.Value:
        """The canonical array of the body."""
        return (self.first.to_value(), self.second.to_value())

    @classmethod
    def from_value(cls, value: codec.Value) -> Self:
        """Read the body."""
        first, second = shape.array(value, 2, "evidence.body")
        return cls(SignedAck.from_value(first), SignedAck.from_value(second))

    def check(self, node: str, genesis: GenesisBlock, _executor: Executor | None) -> Guilt:
        """See `Fault.check`."""
        first, second = self.first, self.second
        for ack in (first, second):
            _check_ack(ack, node, genesis)
        if (first.term, first.height) != (second.term, second.height):
            raise _unproved("acknowledgements in two terms or of two heights contradict nothing")
        _check_order(first.block_hash, second.block_hash)
        return (node,), (
            f"{node} acknowledged two blocks at term {first.term}, height {first.height}: "
            f"{short(first.block_hash)} and {short(second.block_hash)}"
        )


@dataclass(frozen=True, slots=True)
class DeniedAck:
    """A vote that denies an acknowledgement."""

    ack: SignedAck
    vote: SignedBallot
    kind = "denied_ack"

    @property
    def place(self) -> tuple[int, int]:
        """(term, height) of the acknowledgement."""
        return (self.ack.term, self.ack.height)

    def to_value(self) -> codec.Value:
        """The canonical array of the body."""
        return (self.ack.to_value(), self.vote.to_value())

    @classmethod
    def from_value(cls, value: codec.Value) -> Self:
        """Read the body."""
        ack, vote = shape.array(value, 2, "evidence.body")
        return cls(SignedAck.from_value(ack), SignedBallot.from_value(vote))

    def check(self, node: str, genesis: GenesisBlock, _executor: Executor | None) -> Guilt:
        """See `Fault.check`."""
        ack, ballot = self.ack, self.vote.ballot
        _check_ack(ack, node, genesis)
        _check_vote(self.vote, node, genesis)
        if not denies(ballot, ack):
            raise _unproved(
                "the vote does not deny the acknowledgement",
                f"accepted term {ballot.accepted_term}, last block {ballot.last_height} of term "
                f"{ballot.last_term}, vote of term {ballot.term}",
                f"less than term {ack.term}, height {ack.height}",
            )
        return (node,), (
            f"{node} acknowledged height {ack.height} in term {ack.term}, and voted in term {ballot.term} "
            f"for {ballot.candidate} as if it had last followed term {ballot.accepted_term} and its log "
            f"ended with height {ballot.last_height} of term {ballot.last_term} ({short(ballot.last_hash)})"
        )


@dataclass(frozen=True, slots=True)
class TwoVotes:
    """A double vote."""

    first: SignedBallot
    second: SignedBallot
    kind = "two_votes"

    @classmethod
    def of(cls, one: SignedBallot, other: SignedBallot) -> Self:
        """Both in canonical order."""
        first, second = sorted((one, other), key=lambda signed: signed.ballot.candidate)
        return cls(first, second)

    @property
    def place(self) -> tuple[int, int]:
        """(term of the election, the accused's height in the first ballot)."""
        return (self.first.ballot.term, self.first.ballot.last_height)

    def to_value(self) -> codec.Value:
        """The canonical array of the body."""
        return (self.first.to_value(), self.second.to_value())

    @classmethod
    def from_value(cls, value: codec.Value) -> Self:
        """Read the body."""
        first, second = shape.array(value, 2, "evidence.body")
        return cls(SignedBallot.from_value(first), SignedBallot.from_value(second))

    def check(self, node: str, genesis: GenesisBlock, _executor: Executor | None) -> Guilt:
        """See `Fault.check`."""
        first, second = self.first.ballot, self.second.ballot
        for vote in (self.first, self.second):
            _check_vote(vote, node, genesis)
        if first.term != second.term:
            raise _unproved("votes in two terms contradict nothing", second.term, first.term)
        if first.candidate >= second.candidate:
            raise _unproved("not two candidates, ascending", f"{first.candidate}, {second.candidate}")
        return (
            node,
        ), f"{node} voted twice in term {first.term}: for {first.candidate} and {second.candidate}"


@dataclass(frozen=True, slots=True)
class WrongBlock:
    """A block that breaks the rules, proposed (`ack` is None) or acknowledged by the accused."""

    parent: Header
    block: Block
    ack: bytes | None
    witness: Witness | None
    kind = "wrong_block"

    @property
    def place(self) -> tuple[int, int]:
        """(term, height) of the block."""
        return (self.block.header.term, self.block.header.height)

    def to_value(self) -> codec.Value:
        """The canonical array of the body."""
        witness = None if self.witness is None else self.witness.to_value()
        return (self.parent.data, self.block.data, self.ack, witness)

    @classmethod
    def from_value(cls, value: codec.Value) -> Self:
        """Read the body."""
        parent, block, ack, witness = shape.array(value, 4, "evidence.body")
        if ack is not None:
            shape.octets(ack, SIGNATURE_BYTES, "evidence.ack")
        try:
            read = Block.decode(shape.octets_within(block, MAX_BLOCK_BYTES, "evidence.block"))
        except BlockInvalid as error:
            raise _unproved(f"the block's body is not that of its header: {error.message}") from None
        return cls(
            Header.decode(shape.octets_within(parent, MAX_HEADER_BYTES, "evidence.parent")),
            read,
            ack,
            None if witness is None else Witness.from_value(witness),
        )

    def check(self, node: str, genesis: GenesisBlock, executor: Executor | None) -> Guilt:
        """See `Fault.check`."""
        header = self.block.header
        if self.ack is None:
            if header.proposer != node:
                raise _unproved("a block of another proposer", header.proposer, node)
            if not keys.verify(_key_of(genesis, node), keys.HEADER_DOMAIN, header.data, self.block.signature):
                raise _unproved("a header that the accused did not sign", node)
        else:
            _check_ack(SignedAck(header.term, header.height, header.hash, self.ack), node, genesis)
        reason = wrong_because(
            self.parent, self.block, self.witness, genesis.channel, genesis.governing, executor
        )
        if reason is None:
            raise _unproved("the block breaks no rule that the file can show")
        did = "proposed" if self.ack is None else "acknowledged"
        return (node,), (
            f"{node} {did} the wrong block {short(header.hash)} at term {header.term}, "
            f"height {header.height}: {reason}"
        )


@dataclass(frozen=True, slots=True)
class TwoCertificates:
    """Two blocks of one height, both proved to be committed: the quorum rule is broken (CR-74)."""

    first: CertifiedHeader
    second: CertifiedHeader
    kind = "two_certificates"

    @classmethod
    def of(cls, one: CertifiedHeader, other: CertifiedHeader) -> Self:
        """Both in canonical order."""
        first, second = sorted((one, other), key=lambda certified: certified.header.hash)
        return cls(first, second)

    @property
    def place(self) -> tuple[int, int]:
        """(later term, height) of the two blocks."""
        headers = (self.first.header, self.second.header)
        return (max(header.term for header in headers), self.first.header.height)

    def to_value(self) -> codec.Value:
        """The canonical array of the body."""
        return (self.first.to_value(), self.second.to_value())

    @classmethod
    def from_value(cls, value: codec.Value) -> Self:
        """Read the body."""
        first, second = shape.array(value, 2, "evidence.body")
        return cls(CertifiedHeader.from_value(first), CertifiedHeader.from_value(second))

    def check(self, node: str, genesis: GenesisBlock, _executor: Executor | None) -> Guilt:
        """See `Fault.check`."""
        if node:
            raise _unproved("two certificates accuse no single node", node, "an empty name")
        first, second = self.first.verify(genesis), self.second.verify(genesis)
        if first.height != second.height:
            raise _unproved("blocks of two heights contradict nothing", second.height, first.height)
        _check_order(first.hash, second.hash)
        guilty = self.signers_of_both()
        by = f"; {', '.join(guilty)} signed both in one term" if guilty else "; their votes tell who lied"
        return guilty, (
            f"two blocks are committed at height {first.height}: {short(first.hash)} of term {first.term} "
            f"and {short(second.hash)} of term {second.term}{by}"
        )

    def signers_of_both(self) -> tuple[str, ...]:
        """Who acknowledged both of two blocks of one term and height."""
        one, other = self.first.certificate, self.second.certificate
        if (one.term, one.height) != (other.term, other.height) or one.block_hash == other.block_hash:
            return ()
        return tuple(sorted({node for node, _ in one.acks} & {node for node, _ in other.acks}))


def _key_of(genesis: GenesisBlock, node: str) -> bytes:
    member = genesis.member(node)
    if member is None:
        raise VerificationError(
            "the accused is no node of this channel", code="unknown_node", field="evidence.node", found=node
        )
    return member.key


def _check_ack(ack: SignedAck, node: str, genesis: GenesisBlock) -> None:
    key = _key_of(genesis, node)
    if not verify_ack(key, genesis.channel, ack.term, ack.height, ack.block_hash, ack.signature):
        raise _unproved("an acknowledgement that the accused did not sign", node)


def _check_vote(vote: SignedBallot, node: str, genesis: GenesisBlock) -> None:
    if not verify_vote(_key_of(genesis, node), genesis.channel, vote.ballot, vote.signature):
        raise _unproved("a vote that the accused did not sign", node)


def _check_order(first: bytes, second: bytes) -> None:
    if first >= second:
        raise _unproved("not two blocks, ascending by hash", short(second), f"above {short(first)}")


def _unproved(message: str, found: object = None, expected: object = None) -> VerificationError:
    return VerificationError(
        message,
        code="not_guilty",
        field="evidence",
        found=found,
        expected=expected,
        remedy="Hold nobody guilty by this file.",
    )


BODIES: dict[str, Callable[[codec.Value], Fault]] = {
    TwoHeaders.kind: TwoHeaders.from_value,
    TwoAcks.kind: TwoAcks.from_value,
    DeniedAck.kind: DeniedAck.from_value,
    TwoVotes.kind: TwoVotes.from_value,
    WrongBlock.kind: WrongBlock.from_value,
    TwoCertificates.kind: TwoCertificates.from_value,
}
"""How the body of each kind is read."""
