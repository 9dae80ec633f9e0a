"""Acknowledgements and certificates: the portable proof that a block is committed.

    acknowledgement = Ed25519("tallystick/ack/1\\0" || encode([channel, term, height, block hash]))
    certificate     = [term, height, block hash, [[node, acknowledgement], …]]     ascending by node

A node signs an acknowledgement only when the block and everything before it is on its
disk and it computed the same roots. A quorum of acknowledgements for a block *of the
acknowledging term* is Raft's commit rule, so the certificate alone proves the commit.

A block without a certificate of its own (of an older term, or committed together with a
later one) is proved by a later, certified block whose history root covers it. Both cases
are one form, the certified header:

    certified = [header bytes, link, certificate]
    link      = nil | [[path hash, …], later header bytes]

The certificate is for the later header if there is one, else for the header itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from ledger import codec, keys, merkle, shape
from ledger.blocks.block import Header
from ledger.blocks.genesis import GenesisBlock
from ledger.errors import Malformed, VerificationError
from ledger.limits import DIGEST_BYTES, MAX_HEADER_BYTES, MAX_MEMBERS, MAX_TREE_DEPTH, SIGNATURE_BYTES
from ledger.members.membership import Membership


def ack_bytes(channel: bytes, term: int, height: int, block_hash: bytes) -> bytes:
    """What an acknowledgement signs: worth nothing for another channel, term, height or block."""
    return codec.encode((channel, term, height, block_hash))


def sign_ack(key: keys.SigningKey, channel: bytes, term: int, height: int, block_hash: bytes) -> bytes:
    """A node's acknowledgement, 64 bytes."""
    return key.sign(keys.ACK_DOMAIN, ack_bytes(channel, term, height, block_hash))


def verify_ack(
    public: bytes, channel: bytes, term: int, height: int, block_hash: bytes, signature: bytes
) -> bool:
    """Whether `signature` is `public`'s acknowledgement of exactly this block."""
    return keys.verify(public, keys.ACK_DOMAIN, ack_bytes(channel, term, height, block_hash), signature)


@dataclass(frozen=True, slots=True)
class Certificate:
    """A quorum of acknowledgements of one block."""

    term: int
    height: int
    block_hash: bytes
    acks: tuple[tuple[str, bytes], ...]

    @classmethod
    def of(cls, term: int, height: int, block_hash: bytes, acks: Iterable[tuple[str, bytes]]) -> Certificate:
        """A certificate with its acknowledgements in canonical order."""
        return cls(term, height, block_hash, tuple(sorted(acks)))

    def to_value(self) -> codec.Value:
        """The canonical array."""
        return (self.term, self.height, self.block_hash, self.acks)

    @classmethod
    def from_value(cls, value: codec.Value) -> Certificate:
        """Read a certificate; `verify` says whether it proves anything.

        Raises:
            Malformed: with the field that is wrong, or acknowledgements out of order.
        """
        term, height, block_hash, acks = shape.array(value, 4, "certificate")
        read = []
        for entry in shape.sequence(acks, MAX_MEMBERS, "certificate.acks", least=1):
            node, signature = shape.array(entry, 2, "certificate.acks")
            read.append(
                (
                    shape.name(node, "certificate.acks.node"),
                    shape.octets(signature, SIGNATURE_BYTES, "certificate.acks.signature"),
                )
            )
        for before, after in pairwise(read):
            if before[0] >= after[0]:
                raise Malformed(
                    "acknowledgements out of order",
                    field="certificate.acks",
                    expected="ascending, no node twice",
                )
        return cls(
            shape.integer(term, "certificate.term"),
            shape.integer(height, "certificate.height", least=1),
            shape.octets(block_hash, DIGEST_BYTES, "certificate.block_hash"),
            tuple(read),
        )

    def verify(self, channel: bytes, membership: Membership) -> None:
        """Check that distinct voters, at least a quorum of each half, acknowledged this block (CR-71).

        `membership` is the one that governs the block. One acknowledgement that does not verify makes
        the whole certificate void, also if enough others are good: an honest node never passes such a
        certificate on.

        Raises:
            VerificationError: it proves nothing.
        """
        signers = {node for node, _ in self.acks}
        if len(signers) != len(self.acks):
            raise VerificationError("a node acknowledges twice in one certificate", field="certificate.acks")
        for node in signers:
            if not membership.is_voter(node):
                raise VerificationError(
                    "an acknowledgement by a node that is no voter", field="certificate.acks", found=node
                )
        if not membership.has_quorum(signers):
            raise VerificationError(
                "too few acknowledgements",
                field="certificate.acks",
                found=len(signers),
                expected=_enough(membership),
            )
        message = ack_bytes(channel, self.term, self.height, self.block_hash)
        for node, signature in self.acks:
            member = membership.member(node)
            if member is None or not keys.verify(member.key, keys.ACK_DOMAIN, message, signature):
                raise VerificationError(
                    "an acknowledgement that its node did not sign", field="certificate.acks", found=node
                )


def _enough(membership: Membership) -> str:
    enough = f"at least {membership.quorum} of {len(membership.voters)} nodes"
    if not membership.is_joint:
        return enough
    return f"{enough}, and {membership.outgoing_quorum} of the {len(membership.outgoing)} outgoing ones"


@dataclass(frozen=True, slots=True)
class HistoryLink:
    """How a later header covers an earlier one: the path of its leaf in the later history tree."""

    path: tuple[bytes, ...]
    header: Header


@dataclass(frozen=True, slots=True)
class CertifiedHeader:
    """A header with the proof that its block is committed."""

    header: Header
    via: HistoryLink | None
    certificate: Certificate

    def to_value(self) -> codec.Value:
        """The canonical array."""
        link = None if self.via is None else (self.via.path, self.via.header.data)
        return (self.header.data, link, self.certificate.to_value())

    @classmethod
    def from_value(cls, value: codec.Value) -> CertifiedHeader:
        """Read a certified header; `verify` says whether it proves anything.

        Raises:
            Malformed, NonCanonical, TooLarge: with the field that is wrong.
        """
        header, link, certificate = shape.array(value, 3, "certified")
        return cls(
            _header(header, "certified.header"),
            None if link is None else _link(link),
            Certificate.from_value(certificate),
        )

    @property
    def top(self) -> Header:
        """The header that the certificate is for: this one, or the later one that covers it."""
        return self.header if self.via is None else self.via.header

    def verify(self, genesis: GenesisBlock) -> Header:
        """The header, now known to be that of a committed block of the channel.

        The numbers are those of docs/protocol.md, section "Verifying a certified header".

        Raises:
            VerificationError: with the step that failed.
        """
        top = self.top
        # 1. The certified block is one of this channel.
        if top.channel != genesis.channel:
            raise _other_channel(top, genesis.channel)
        # 2. It is governed by the membership that we know to govern its height.
        membership = genesis.governing(top)
        # 3. The certificate is for this block, and was given in the block's own term.
        self._check_certified()
        # 4. A quorum of the voters acknowledged it, of each half if the membership is joint.
        self.certificate.verify(genesis.channel, membership)
        # 5. The block in question is this one, or earlier and covered by its history root.
        self._check_link()
        return self.header

    def verify_under(self, channel: bytes, membership: Membership) -> Header:
        """Like `verify`, for a membership that is known to govern the certified block.

        Raises:
            VerificationError: with the step that failed.
        """
        top = self.top
        if top.channel != channel:
            raise _other_channel(top, channel)
        if top.membership != membership.hash:
            raise VerificationError("the block is governed by another membership", field="header.membership")
        self._check_certified()
        self.certificate.verify(channel, membership)
        self._check_link()
        return self.header

    def _check_certified(self) -> None:
        certificate, top = self.certificate, self.top
        if certificate.block_hash != top.hash:
            raise VerificationError("the certificate is for another block", field="certificate.block_hash")
        if (certificate.term, certificate.height) != (top.term, top.height):
            raise VerificationError(
                "the certificate names another term or height",
                field="certificate",
                found=f"term {certificate.term}, height {certificate.height}",
                expected=f"term {top.term}, height {top.height}",
            )

    def _check_link(self) -> None:
        if self.via is None:
            return
        top = self.via.header
        if self.header.height >= top.height:
            raise VerificationError(
                "the certified block is not a later one",
                field="link.header.height",
                found=top.height,
                expected=f"above {self.header.height}",
            )
        merkle.verify_inclusion(
            self.header.leaf, self.header.height, top.height, self.via.path, top.history_root
        )


def _header(value: codec.Value, place: str) -> Header:
    return Header.decode(shape.octets_within(value, MAX_HEADER_BYTES, place))


def _link(value: codec.Value) -> HistoryLink:
    path, header = shape.array(value, 2, "certified.link")
    siblings = shape.sequence(path, MAX_TREE_DEPTH, "certified.link.path")
    return HistoryLink(
        tuple([shape.octets(sibling, DIGEST_BYTES, "certified.link.path") for sibling in siblings]),
        _header(header, "certified.link.header"),
    )


def _other_channel(header: Header, expected: bytes) -> VerificationError:
    return VerificationError(
        "the block belongs to another channel",
        field="header.channel",
        found=header.channel.hex(),
        expected=expected.hex(),
        remedy="Check it against the genesis block of its own channel, or fetch it again from this one.",
    )
