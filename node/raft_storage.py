"""The log and the signatures, as the consensus core asks for them.

The core calls a place of the log an entry and does not look into it; here an entry is a
block, its index the height, its hash the header's.
"""

from __future__ import annotations

import time
from pathlib import Path

from consensus import messages
from consensus.limits import BOOT_SHIFT, MAX_MESSAGE_ID
from consensus.messages import Certificate, Entry
from consensus.quorum import Configuration
from ledger import codec
from ledger.blocks import certificate as acks
from ledger.blocks import vote
from ledger.blocks.block import Block, Header
from ledger.blocks.preamble import NOTHING, Preamble
from ledger.chain.chain import Chain
from ledger.errors import Malformed, TallyError
from ledger.hashing import ZERO
from ledger.keys import SigningKey
from ledger.limits import SIGNATURE_BYTES
from ledger.members.membership import Member, Membership
from ledger.storage.durable import replace_file
from ledger.storage.store import Store
from node.errors import SettingsError

_BIN8 = 0xC4
"""MessagePack: a byte string of less than 256 bytes follows."""

MOST_BOOT = (MAX_MESSAGE_ID >> BOOT_SHIFT) - 1
"""The highest count of starts: all ids of that start are still message ids."""
LOST_BOOT, LOST_SINCE_S, LOST_STEP_S = 1_000_000, 1_700_000_000, 600
"""Where the count of starts is lost, it goes on at a million, and one more for every ten minutes of the
clock since the end of 2023, of which there are enough until 2064."""
MOST_LOST_BOOT = MOST_BOOT - 2**20
"""However late it is, or a wrong clock says that it is: a million starts more can be counted from there."""

assert 0 < LOST_BOOT < MOST_LOST_BOOT < MOST_BOOT

BOOT_FILE = "boot"
"""Of the data folder: how often its node has started."""


def entry_of(block: Block) -> Entry:
    """The log entry that a block is."""
    preamble = Preamble.decode(block.preamble) if block.height else NOTHING
    membership, election = preamble.membership, preamble.election
    configuration = None if membership is None else configuration_of(membership)
    elected = None if election is None else _election_in(election)
    return Entry(block.height, block.header.term, block.hash, block.data, configuration, elected)


def _election_in(election: vote.ElectionCertificate) -> messages.ElectionCertificate:
    """The core's form of an election certificate."""
    votes = []
    for each in election.votes:
        ballot = each.ballot
        stated = (ballot.accepted_term, ballot.last_term, ballot.last_height, ballot.last_hash)
        votes.append(messages.SignedVote(each.node, *stated, each.signature))
    return messages.ElectionCertificate(election.term, election.candidate, tuple(votes))


def configuration_of(membership: Membership) -> Configuration:
    """Who counts, as the core sees a membership."""
    return Configuration(
        _names(membership.voters),
        membership.quorum,
        _names(membership.outgoing),
        membership.outgoing_quorum,
        _names(membership.learners),
    )


def certificate_of(certificate: Certificate) -> acks.Certificate:
    """The ledger's form of a certificate."""
    return acks.Certificate.of(certificate.term, certificate.index, certificate.hash, certificate.acks)


def election_of(certificate: messages.ElectionCertificate) -> vote.ElectionCertificate:
    """The ledger's form of an election certificate."""
    term, candidate = certificate.term, certificate.candidate
    votes = [
        vote.Vote(
            each.node,
            vote.Ballot(term, candidate, each.accepted_term, each.last_term, each.last_index, each.last_hash),
            each.signature,
        )
        for each in certificate.votes
    ]
    return vote.ElectionCertificate.of(term, candidate, votes)


class LedgerLog:
    """The durable log of a store (`consensus.storage.LogReader`)."""

    def __init__(self, store: Store, chain: Chain) -> None:
        self._store = store
        self._chain = chain

    @property
    def first_index(self) -> int:
        """The genesis block, or the block of the snapshot that this ledger began with."""
        return self._chain.first_height

    @property
    def last_index(self) -> int:
        """Height of the newest durable block."""
        return self._store.last_height

    def term(self, index: int) -> int | None:
        """The term of the block at a height."""
        data = self._block(index)
        return None if data is None else _header(data).term

    def entry(self, index: int) -> Entry | None:
        """The block at a height as an entry."""
        data = self._block(index)
        if data is None:
            return None
        header = _header(data)
        if header.preamble != ZERO and index:
            return entry_of(Block.decode(data))
        return Entry(index, header.term, header.hash, data)

    def _block(self, index: int) -> bytes | None:
        return None if index < self.first_index else self._store.block(index)

    def configurations(self) -> list[tuple[int, Configuration]]:
        """(height, members) of every block above the first that changes them."""
        chain = self._chain
        found = [
            (height, chain.membership_at(height)) for height in chain.changes() if height > self.first_index
        ]
        before = chain.applied_membership
        for pending in chain.pending:
            if pending.membership != before:
                found.append((pending.block.height, pending.membership))
            before = pending.membership
        return [(height, configuration_of(membership)) for height, membership in found]

    def certificate(self, index: int) -> Certificate | None:
        """The certificate kept for exactly this height."""
        data = self._store.certificate(index)
        if data is None:
            return None
        kept = acks.Certificate.from_value(codec.decode(data))
        return Certificate(kept.term, kept.height, kept.block_hash, kept.acks)


class KeyAuthority:
    """Ed25519 acknowledgements and votes with the members' keys (`consensus.storage.Authority`)."""

    def __init__(self, key: SigningKey, chain: Chain) -> None:
        self._key = key
        self._chain = chain
        self._channel = chain.channel

    def sign(self, term: int, index: int, hash: bytes) -> bytes:  # noqa: A002 (the core's name for it)
        """This node's acknowledgement."""
        return acks.sign_ack(self._key, self._channel, term, index, hash)

    def verify(self, node: str, term: int, index: int, hash: bytes, signature: bytes) -> bool:  # noqa: A002
        """Whether the signature is that member's acknowledgement of exactly this block."""
        member = self._governing(index).member(node)
        return member is not None and acks.verify_ack(member.key, self._channel, term, index, hash, signature)

    def sign_vote(self, ballot: messages.Ballot) -> bytes:
        """This node's vote."""
        return vote.sign_vote(self._key, self._channel, ballot_of(ballot))

    def verify_vote(self, node: str, ballot: messages.Ballot, signature: bytes) -> bool:
        """Whether the signature is that voter's; the newest membership counts (CR-53)."""
        member = self._chain.membership.member(node)
        return member is not None and vote.verify_vote(
            member.key, self._channel, ballot_of(ballot), signature
        )

    def _governing(self, height: int) -> Membership:
        """The membership whose keys count for a block."""
        chain = self._chain
        if height <= chain.applied.height:
            return chain.membership_at(height)
        place = height - chain.applied.height - 1
        return chain.pending[place].membership if place < len(chain.pending) else chain.membership


def has_booted(data_dir: Path) -> bool:
    """Whether a node has started on this folder before."""
    return (data_dir / BOOT_FILE).exists()


def _lost_boot(now_s: int) -> int:
    """The count of starts to go on from where it is lost, whatever the clock says."""
    return min(LOST_BOOT + max(0, now_s - LOST_SINCE_S) // LOST_STEP_S, MOST_LOST_BOOT)


def next_boot(data_dir: Path, *, has_lost_data: bool = False, after: int = 0) -> int:
    """Count this start of the process, durably: message ids must not repeat over restarts.

    `after` is how many starts are noted elsewhere: a folder that was set back counts on from there.
    A node that lost its count goes on far above it, from the clock: so its leader knows at once that
    it is a later start. Where the clock says nothing, the leader finds it out by the silence between.

    Raises:
        SettingsError: the folder cannot be written, or the counter is damaged.
    """
    path = data_dir / BOOT_FILE
    try:
        first = _lost_boot(int(time.time())) if has_lost_data else 1
        counted = int(path.read_text(encoding="ascii")) + 1 if path.exists() else first
        boot = max(counted, after + 1)
        if counted <= 0 or boot > MOST_BOOT:
            raise ValueError("no count of starts")
        replace_file(path, str(boot).encode())
    except OSError as error:
        raise SettingsError(f"cannot write {path}", field="data_dir", found=error.strerror) from None
    except ValueError:
        raise SettingsError("the counter of starts is damaged", field="data_dir", found=str(path)) from None
    return boot


def signed_header(data: bytes) -> tuple[Header, bytes] | None:
    """Header and signature of a block's bytes, without reading the rest; None if they are not there."""
    try:
        header = _header(data)
    except TallyError:
        return None
    start = (3 if data[1] == _BIN8 else 4) + len(header.data)
    if data[start : start + 2] != bytes((_BIN8, SIGNATURE_BYTES)):
        return None
    return header, data[start + 2 : start + 2 + SIGNATURE_BYTES]


def _header(data: bytes) -> Header:
    """The header of a block's bytes, without reading the rest: [header bytes, …]."""
    if data[:2] == bytes((0x95, _BIN8)):
        return Header.decode(data[3 : 3 + data[2]])
    if data[:2] == b"\x95\xc5":
        return Header.decode(data[4 : 4 + int.from_bytes(data[2:4], "big")])
    raise Malformed("not a block", field="block")


def ballot_of(ballot: messages.Ballot) -> vote.Ballot:
    """The ledger's form of what a vote signs."""
    position = (ballot.last_term, ballot.last_index, ballot.last_hash)
    return vote.Ballot(ballot.term, ballot.candidate, ballot.accepted_term, *position)


def _names(members: tuple[Member, ...]) -> tuple[str, ...]:
    return tuple([member.node for member in members])
