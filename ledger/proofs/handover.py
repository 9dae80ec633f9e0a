"""Handovers: how a stranger follows the membership from the genesis block to today, offline.

    handover = [certified, preamble bytes]
    file     = ["memberships", 1, [handover, …]]          ascending by height, from the first change on

`certified` is the header of a block that changed the membership with the proof of its commit,
`preamble` the preamble of that block, which holds the new membership. Whoever trusts the membership
before it checks that the step is legal and that a quorum acknowledged the block: entering a joint
membership needs a quorum of the old voters too, so nobody takes a channel over whom the old voters
did not let in (`ledger.members.membership`).

What is followed governs heights, not names: a certificate of an old membership is worth nothing for
a block at or after the next change, whoever still has its keys.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from ledger import codec, proof_file, shape
from ledger.blocks.block import Header, preamble_hash
from ledger.blocks.certificate import CertifiedHeader
from ledger.blocks.genesis import GenesisBlock
from ledger.blocks.preamble import Preamble
from ledger.errors import BlockInvalid, Malformed, VerificationError
from ledger.limits import MAX_HANDOVERS, MAX_PREAMBLE_BYTES, MAX_PROOF_BYTES
from ledger.members.membership import Member, Membership, step


@dataclass(frozen=True, slots=True)
class Handover:
    """One change of the membership, with the proof that it is committed."""

    certified: CertifiedHeader
    preamble: bytes

    @property
    def height(self) -> int:
        """Height of the block that changed the membership."""
        return self.certified.header.height

    @property
    def follows(self) -> Header | None:
        """Header of the change before, which the preamble proves committed; None for the first one."""
        settled = Preamble.decode(self.preamble).settled
        return None if settled is None else settled.header

    def to_value(self) -> codec.Value:
        """The canonical array."""
        return (self.certified.to_value(), self.preamble)

    @classmethod
    def from_value(cls, value: codec.Value) -> Handover:
        """Read a handover; nothing is proved by its form.

        Raises:
            Malformed, NonCanonical, TooLarge: with the field that is wrong.
        """
        certified, preamble = shape.array(value, 2, "handover")
        return cls(
            CertifiedHeader.from_value(certified),
            shape.octets_within(preamble, MAX_PREAMBLE_BYTES, "handover.preamble"),
        )

    def verify(self, channel: bytes, before: Membership) -> Membership:
        """The membership that governs from this block on, if `before` governed until then.

        The numbers are those of docs/protocol.md, section "Following membership changes offline".

        Raises:
            VerificationError: with the step that failed.
        """
        header = self.certified.header
        # 1. The block is of this channel; the preamble is its own, and holds the membership that it names.
        if header.channel != channel:
            raise _refused("the membership change is of another channel", header, "wrong_channel")
        if preamble_hash(self.preamble) != header.preamble:
            raise _refused("the preamble is not the one that the header names", header)
        try:
            after = Preamble.decode(self.preamble).membership
        except Malformed as error:
            raise _refused(f"the preamble cannot be read: {error}", header) from None
        if after is None or after.hash != header.membership:
            raise _refused("the preamble does not hold the membership that the header names", header)
        # 2. The step from the membership before is legal.
        try:
            step(before, after)
        except BlockInvalid as error:
            raise _refused(str(error), header, error.code) from None
        # 3. The new membership's quorums, for a joint one both, acknowledged it.
        self.certified.verify_under(channel, after)
        return after


def check_settled(proof: CertifiedHeader | None, last: Header | None, membership: Membership) -> None:
    """Check that a block that changes the membership proves the change before it committed (CR-54).

    `last` is the header of that change, None if there was none; `membership` is what it made.

    Raises:
        BlockInvalid: no proof, one of another block, or one that proves nothing: `change_in_flight`.
    """
    if last is None:
        if proof is not None:
            raise _in_flight("a proof of a membership change that was none")
        return
    if proof is None:
        raise _in_flight("a membership change without the proof that the one before is committed")
    if proof.header != last:
        raise _in_flight("the proof is of another block than the last membership change")
    try:
        proof.verify_under(last.channel, membership)
    except VerificationError as error:
        raise _in_flight(f"the last membership change is not proved to be committed: {error}") from None


def _in_flight(message: str) -> BlockInvalid:
    return BlockInvalid(message, code="change_in_flight", field="preamble.settled")


@dataclass(frozen=True, slots=True)
class MembershipChain:
    """All changes of the membership up to some height; `verify` says whether they prove it."""

    handovers: tuple[Handover, ...] = ()

    def to_value(self) -> codec.Value:
        """The canonical array of the file."""
        return (
            proof_file.MEMBERSHIPS,
            proof_file.VERSION,
            tuple([handover.to_value() for handover in self.handovers]),
        )

    def encode(self) -> bytes:
        """The bytes of the file."""
        return codec.encode(self.to_value())

    @classmethod
    def decode(cls, data: bytes) -> MembershipChain:
        """Read a file of membership changes; nothing is proved by its form.

        Raises:
            Malformed, NonCanonical, TooLarge: with the field that is wrong.
        """
        return cls.from_value(codec.decode(data, MAX_PROOF_BYTES))

    @classmethod
    def from_value(cls, value: codec.Value) -> MembershipChain:
        """Read the array of such a file.

        Raises:
            Malformed, NonCanonical, TooLarge: with the field that is wrong.
        """
        (handovers,) = proof_file.parts(value, proof_file.MEMBERSHIPS, 1)
        shape.sequence(handovers, MAX_HANDOVERS, "memberships")
        return cls(tuple([Handover.from_value(handover) for handover in handovers]))

    def verify(self, genesis: GenesisBlock) -> Followed:
        """The genesis block together with every membership that these changes prove.

        Raises:
            VerificationError: with the change and the step that failed.
        """
        return Followed.of(genesis).extended(self.handovers)


@dataclass(frozen=True, slots=True)
class Followed(GenesisBlock):
    """A genesis block, and the membership changes since that were followed: a wider trust.

    `heights[i]` is where `memberships[i]` began to govern. It stands wherever a genesis block does.
    """

    heights: tuple[int, ...]
    memberships: tuple[Membership, ...]
    chain: MembershipChain
    """The proof of it, for others who hold the genesis block."""

    @classmethod
    def of(cls, genesis: GenesisBlock) -> Followed:
        """What is followed when nothing has changed yet."""
        if isinstance(genesis, Followed):
            return genesis
        return cls(
            genesis.block,
            genesis.genesis,
            genesis.channel,
            genesis.membership,
            (0,),
            (genesis.membership,),
            MembershipChain(),
        )

    @property
    def newest(self) -> Membership:
        """The membership after the last change that was followed."""
        return self.memberships[-1]

    def member(self, node: str) -> Member | None:
        """The node with this id, under the newest membership that has it."""
        found = [membership.member(node) for membership in reversed(self.memberships)]
        return next((member for member in found if member is not None), None)

    def governing(self, header: Header) -> Membership:
        """The membership that governs a block: the one of its height, under the hash in its header.

        Raises:
            VerificationError: another one does, or one that was not followed yet: `unknown_membership`.
        """
        place = bisect_right(self.heights, header.height) - 1
        membership = self.memberships[place]
        if header.membership == membership.hash:
            return membership
        is_newest = place == len(self.heights) - 1  # later changes may have brought an earlier one back
        if header.membership in {known.hash for known in self.memberships} and not is_newest:
            raise VerificationError(
                "the block is governed by a membership of other heights",
                code="membership_of_other_height",
                field="header.membership",
                found=f"{header.membership.hex()} at height {header.height}",
                expected=membership.hash.hex(),
            )
        raise VerificationError(
            "the block is governed by a membership that we do not know",
            code="unknown_membership",
            field="header.membership",
            found=f"{header.membership.hex()} at height {header.height}",
            expected=f"that of height {self.heights[place]}, {membership.hash.hex()}",
            remedy="The nodes of this channel have changed: fetch the membership changes since the "
            "genesis block from any node, and verify again with them.",
        )

    def proposing(self, header: Header) -> Membership:
        """The membership whose voters may propose a block: the one that governs its parent (CR-60)."""
        return self.memberships[bisect_right(self.heights, header.height - 1) - 1]

    def extended(self, handovers: Iterable[Handover]) -> Followed:
        """What is followed after more changes; those up to the last one known are skipped.

        Raises:
            VerificationError: with the change and the step that failed, or more changes than are followed.
        """
        heights, memberships = list(self.heights), list(self.memberships)
        followed = list(self.chain.handovers)
        for handover in handovers:
            if handover.height <= heights[-1]:
                self._check_known(handover)
                continue
            # Changes come one after the other: the one before was committed before this one was made.
            if followed and handover.height <= followed[-1].certified.top.height:
                raise _refused("a change before the one before it is committed", handover.certified.header)
            memberships.append(handover.verify(self.channel, memberships[-1]))
            if handover.follows != (followed[-1].certified.header if followed else None):
                raise _refused("a change is left out before this one", handover.certified.header)
            heights.append(handover.height)
            followed.append(handover)
        if len(followed) > MAX_HANDOVERS:
            raise VerificationError(
                "too many membership changes", found=len(followed), expected=f"at most {MAX_HANDOVERS}"
            )
        return Followed(
            self.block,
            self.genesis,
            self.channel,
            self.membership,
            tuple(heights),
            tuple(memberships),
            MembershipChain(tuple(followed)),
        )

    def _check_known(self, handover: Handover) -> None:
        """A change that is known may come again, from another node too; a different one may not."""
        header = handover.certified.header
        if header not in [known.certified.header for known in self.chain.handovers]:
            raise _refused("another change than the one followed at this height or after it", header)


def _refused(message: str, header: Header, code: str = "handover_refused") -> VerificationError:
    return VerificationError(
        message, code=code, field="handover", found=f"the membership change at height {header.height}"
    )
