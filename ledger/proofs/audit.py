"""Auditing a chain: every block in turn, from the genesis block on, without any node's word.

This part needs no contracts: it re-hashes all bytes and checks every link, signature and
certificate. An auditor who also executes the transactions compares state roots and
results on top of it.
"""

from __future__ import annotations

from collections.abc import Sequence

from ledger.blocks.block import Block, Header, verify_header_signature
from ledger.blocks.certificate import Certificate
from ledger.blocks.clock import check_time
from ledger.blocks.genesis import GenesisBlock
from ledger.blocks.preamble import Preamble, check_office
from ledger.errors import BlockInvalid, Malformed, VerificationError
from ledger.limits import MAX_VALIDITY_MS
from ledger.members.membership import Membership, step
from ledger.merkle import Accumulator
from ledger.proofs.handover import Followed, check_settled


class ChainAudit:
    """Takes the blocks of a channel in order; `head` is the last one taken."""

    __slots__ = (
        "_changed",
        "_channel",
        "_history",
        "_membership",
        "_seen",
        "certified",
        "head",
        "transactions",
    )

    def __init__(self, genesis: GenesisBlock) -> None:
        self._channel = genesis.channel
        self._membership = genesis.membership
        self._changed: Header | None = None
        self._history = Accumulator()
        self._history.append(genesis.block.header.leaf)
        self._seen: dict[bytes, int] = {}
        self.head: Header = genesis.block.header
        self.certified = 0
        """Everything up to this height is proved to be committed."""
        self.transactions = 0
        """Transactions in the blocks taken so far."""

    @classmethod
    def going_on(cls, trust: Followed, header: Header, peaks: Sequence[bytes]) -> ChainAudit:
        """An audit of what follows a header; whether that is of the channel is for certificates to say.

        `trust` knows the memberships up to it, `peaks` are those of the tree over the headers before
        it. Transactions before it are not known, so that one which comes again after it is not noticed.

        Raises:
            VerificationError: the header is governed by another membership, or has other peaks.
        """
        audit = cls(trust)
        audit._membership = trust.governing(header)
        changes = [each.certified.header for each in trust.chain.handovers if each.height <= header.height]
        audit._changed = changes[-1] if changes else None
        if len(peaks) != header.height.bit_count():
            raise _failed("not one peak for each bit of the height", header, "history_root")
        audit._history = Accumulator(header.height, peaks)
        if audit._history.root() != header.history_root:
            raise _failed("the history root is not that of the blocks before", header, "history_root")
        audit._history.append(header.leaf)
        audit.head = header
        return audit

    def take(self, block: Block, certificate: Certificate | None = None) -> None:
        """Check the next block, and its certificate if there is one.

        The numbers are those of docs/protocol.md, section "Verifying a chain". After an
        error the audit stands where it stood before the block.

        Raises:
            VerificationError: with the step that failed.
        """
        header = block.header
        # 1. It is the next block of this channel.
        self._check_link(header)
        # 2. It lists, in its history root, exactly the blocks before it.
        if header.history_root != self._history.root():
            raise _failed("the history root is not that of the blocks before", header, "history_root")
        # 3. Its proposer is a voter of the membership that governs the block before, signed it, and was
        #    elected by that membership if it begins a term.
        preamble = _preamble(block)
        try:
            verify_header_signature(header, block.signature, self._membership)
        except BlockInvalid as error:
            raise _failed(error.message, header, "signature") from None
        try:
            check_office(header, self.head, preamble.election, self._membership)
        except BlockInvalid as error:
            raise _failed(error.message, header, "preamble.election") from None
        # 4. Its time is that of the block before, or shown by the clocks of a quorum of those voters.
        try:
            check_time(header, self.head, preamble.clocks, self._membership)
        except BlockInvalid as error:
            raise _failed(error.message, header, "time_ms") from None
        # 5. It is governed by the same membership, or changes it by a legal step.
        membership = self._governing(header, preamble)
        # 6. Each transaction could enter this block, and never did before.
        ids = self._check_transactions(block)
        # 7. If a certificate is given, it proves that this block is committed.
        if certificate is not None:
            self._check_certificate(certificate, header, membership)
        if membership != self._membership:
            self._membership, self._changed = membership, header
        self._seen = {known: until for known, until in self._seen.items() if until >= header.time_ms}
        self._seen.update(ids)
        self._history.append(header.leaf)
        self.transactions += len(block.transactions)
        self.head = header

    def certify_head(self, certificate: Certificate) -> None:
        """Check a certificate of the header that the audit goes on from.

        Raises:
            VerificationError: it proves nothing about it.
        """
        self._check_certificate(certificate, self.head, self._membership)

    def _check_certificate(self, certificate: Certificate, header: Header, membership: Membership) -> None:
        named = (certificate.term, certificate.height, certificate.block_hash)
        if named != (header.term, header.height, header.hash):
            raise _failed("the certificate is for another block", header, "certificate")
        certificate.verify(self._channel, membership)
        self.certified = header.height

    def _check_link(self, header: Header) -> None:
        head = self.head
        if header.height != head.height + 1:
            raise VerificationError(
                "a block is missing or out of order",
                field="height",
                found=header.height,
                expected=head.height + 1,
            )
        if header.previous != head.hash:
            raise _failed("the block does not follow the one before", header, "previous")
        if header.channel != self._channel:
            raise _failed("the block belongs to another channel", header, "channel")
        if header.term < max(head.term, 1):
            raise _failed("the term runs backwards", header, "term")

    def _governing(self, header: Header, preamble: Preamble) -> Membership:
        """Whether governance asked for the step is for whoever executes the transactions to say."""
        membership = preamble.membership or self._membership
        if header.membership != membership.hash:
            raise _failed("the block is governed by a membership that we do not know", header, "membership")
        if preamble.membership is not None:
            try:
                step(self._membership, preamble.membership)
                check_settled(preamble.settled, self._changed, self._membership)
            except BlockInvalid as error:
                raise _failed(error.message, header, "preamble") from None
        return membership

    def _check_transactions(self, block: Block) -> dict[bytes, int]:
        header = block.header
        ids: dict[bytes, int] = {}
        for transaction in block.transactions:
            found = transaction.id.hex()
            if transaction.channel != self._channel:
                raise _failed("a transaction of another channel", header, "transactions", found)
            if not header.time_ms <= transaction.valid_until_ms <= header.time_ms + MAX_VALIDITY_MS:
                raise _failed("a transaction outside its validity window", header, "transactions", found)
            if transaction.id in ids or transaction.id in self._seen:
                raise _failed("a transaction that is on the ledger twice", header, "transactions", found)
            if not transaction.signature_ok():
                raise _failed("a transaction that its signer did not sign", header, "transactions", found)
            ids[transaction.id] = transaction.valid_until_ms
        return ids


def _preamble(block: Block) -> Preamble:
    try:
        return Preamble.decode(block.preamble)
    except Malformed as error:
        raise _failed(f"a preamble of no form: {error}", block.header, "preamble") from None


def _failed(message: str, header: Header, field: str, found: object = None) -> VerificationError:
    shown = f"block {header.height}" if found is None else f"{found} in block {header.height}"
    return VerificationError(message, field=field, found=shown)
