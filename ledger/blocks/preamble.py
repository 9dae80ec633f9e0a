"""The preamble of a block above the genesis: its proposer's election, the time, and who votes.

    preamble = nothing | encode({"clocks": readings, "election": election certificate,
                                 "membership": membership, "settled": certified header})

Each key is there or not; with none the preamble has no bytes at all. The preamble of the
genesis block is another thing: the genesis document.

| a block | carries |
|---|---|
| whose time is later than its parent's | the clock readings that show it (`ledger.blocks.clock`) |
| that begins a term (its parent is of an earlier one) | the election certificate of that term |
| whose membership differs from its parent's | that membership, and unless it is the first change the proof |
| | that the change before it is committed: the certified header of its block |
| any other | nothing |

`check_office` holds the first rule: the certificate is valid under the parent's membership,
its term is the block's, its candidate is the proposer, and the candidate stood at exactly the
parent when it was elected: a leader's first act is its first block (CR-11). Within a term the
proposer stays the same. So every header is traced to an election that anybody can check.
"""

from __future__ import annotations

from dataclasses import dataclass

from ledger import codec
from ledger.blocks.block import Header
from ledger.blocks.certificate import CertifiedHeader
from ledger.blocks.clock import Reading, readings_of
from ledger.blocks.vote import ElectionCertificate
from ledger.errors import BlockInvalid, Malformed, VerificationError
from ledger.limits import MAX_PREAMBLE_BYTES
from ledger.members.membership import Membership

CLOCKS = "clocks"
ELECTION = "election"
MEMBERSHIP = "membership"
SETTLED = "settled"


@dataclass(frozen=True, slots=True)
class Preamble:
    """What a block carries besides transactions."""

    election: ElectionCertificate | None = None
    membership: Membership | None = None
    settled: CertifiedHeader | None = None
    clocks: tuple[Reading, ...] = ()

    def encode(self) -> bytes:
        """The bytes in the block; none where there is nothing to carry."""
        fields: dict[str, codec.Value] = {}
        if self.clocks:
            fields[CLOCKS] = tuple([reading.to_value() for reading in self.clocks])
        if self.election is not None:
            fields[ELECTION] = self.election.to_value()
        if self.membership is not None:
            fields[MEMBERSHIP] = self.membership.to_value()
        if self.settled is not None:
            fields[SETTLED] = self.settled.to_value()
        return codec.encode(fields) if fields else b""

    @classmethod
    def decode(cls, data: bytes) -> Preamble:
        """Read the preamble of a block above the genesis; nothing is proved by its form.

        Raises:
            Malformed, NonCanonical, TooLarge: with the field that is wrong.
        """
        if not data:
            return NOTHING
        fields = codec.decode(data, MAX_PREAMBLE_BYTES)
        if type(fields) is not dict or not fields:
            raise Malformed("not a preamble", field="preamble", expected="a map of at least one field")
        for name in fields:
            if name not in (CLOCKS, ELECTION, MEMBERSHIP, SETTLED):
                raise Malformed("unknown field", field=f"preamble.{name[:64]}")
        return cls(
            ElectionCertificate.from_value(fields[ELECTION]) if ELECTION in fields else None,
            Membership.from_value(fields[MEMBERSHIP]) if MEMBERSHIP in fields else None,
            CertifiedHeader.from_value(fields[SETTLED]) if SETTLED in fields else None,
            readings_of(fields[CLOCKS], "preamble.clocks") if CLOCKS in fields else (),
        )


NOTHING = Preamble()


def begins_term(header: Header, parent: Header) -> bool:
    """Whether the block is the first of its term on this chain."""
    return header.term != parent.term


def check_office(
    header: Header, parent: Header, election: ElectionCertificate | None, membership: Membership
) -> None:
    """Check that the proposer was in office; `membership` is the one that governs the parent.

    Raises:
        BlockInvalid: no election, or that of another term, candidate or place in the chain.
    """
    if not begins_term(header, parent):
        if election is not None:
            raise _no_office("an election certificate in a block that does not begin a term")
        if header.proposer != parent.proposer:
            raise _no_office("another proposer within a term", header.proposer, parent.proposer)
        return
    if election is None:
        raise _no_office("a block that begins a term without an election certificate")
    if election.term != header.term:
        raise _no_office("the election of another term", election.term, header.term)
    if election.candidate != header.proposer:
        raise _no_office("somebody else was elected", election.candidate, header.proposer)
    try:
        ballot = election.verify(header.channel, membership)
    except VerificationError as error:
        raise _no_office(f"not elected: {error}") from None
    if (*ballot.position, ballot.last_hash) != (parent.term, parent.height, parent.hash):
        raise _no_office(
            "the proposer was elected at another place of the chain",
            f"term {ballot.last_term}, height {ballot.last_height}, {ballot.last_hash.hex()}",
            f"term {parent.term}, height {parent.height}, {parent.hash.hex()}",
        )


def _no_office(message: str, found: object = None, expected: object = None) -> BlockInvalid:
    return BlockInvalid(message, code="no_office", field="preamble.election", found=found, expected=expected)
