"""The committed ledger: what readers may see, and the proofs of it.

Everything here is read at the applied height. Blocks in flight are out of reach by
construction: values come from the store, which only ever receives committed blocks, and
state proofs from the settled state tree. Each proof ends in a certified header: the
block's own certificate, or that of the next block that has one, whose history root covers
the block.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

from ledger import codec, merkle
from ledger.blocks.block import Block, Header
from ledger.blocks.certificate import Certificate, CertifiedHeader, HistoryLink
from ledger.blocks.executor import change_key
from ledger.blocks.genesis import GenesisBlock
from ledger.blocks.preamble import Preamble
from ledger.chain.value_cache import ValueCache, bound
from ledger.errors import StoreError, TallyError, TooLarge
from ledger.limits import (
    BLOCK_CACHE_BYTES,
    BLOCK_CACHE_ENTRIES,
    HEADER_CACHE_ENTRIES,
    HISTORY_HEAD_INTERVAL,
    MAX_BUNDLE_TRANSACTIONS,
    MAX_HISTORY_RECORDS,
    MAX_PROOF_BYTES,
    MAX_PROOF_ENTRIES,
    MAX_SCAN_ENTRIES,
)
from ledger.members.membership import IN_FORCE_KEY, Membership
from ledger.proofs.handover import Handover, MembershipChain
from ledger.proofs.history import History
from ledger.proofs.receipt import Receipt
from ledger.state.history import NO_RECORDS, HistoryEntry, chain
from ledger.state.overlay import state_key
from ledger.state.proof import StateProof
from ledger.state.tree import StateTree
from ledger.storage.store import Store

_MAX_KEY_PARTS = 15
"""Elements of an array whose length is part of its first byte (`0x90 | length`)."""


class NotCertified(TallyError):
    """Nothing is certified yet, so nothing can be proved."""

    code = "not_certified"
    remedy = "Wait for the first block to be committed, then ask again."


class NotHeld(TallyError):
    """A block before the height that this node's ledger begins at."""

    code = "not_held_here"
    remedy = "This node started from a snapshot. Ask a node that holds earlier blocks."


class Committed:
    """Reads and proofs at the applied height."""

    def __init__(self, store: Store, genesis: GenesisBlock) -> None:
        self.genesis = genesis
        self.applied: Header = genesis.block.header
        self.applied_membership: Membership = genesis.membership
        """The membership that governs the applied block."""
        self._store = store
        self._tree = StateTree(store.bucket)
        self._values = ValueCache()
        self._blocks: dict[int, Block] = {}
        self._blocks_bytes = 0
        self._headers: dict[int, Header] = {}
        self._certified: dict[int, CertifiedHeader] = {}
        self._memberships: dict[int, Membership] = {}

    @property
    def channel(self) -> bytes:
        """The channel's id: hash of the genesis block."""
        return self.genesis.channel

    @property
    def first_height(self) -> int:
        """Height of the oldest block held besides the genesis block: 0, or that of a snapshot.

        Of blocks before it this node knows only that the transactions in them which could still
        be sent again are on the ledger (`locate`).
        """
        return self._store.base_height

    def get(self, key: bytes) -> codec.Value | None:
        """The committed value of a state key, or None when there is no entry."""
        value = self._values.get(key)
        if value is None:
            data = self._store.state(key)
            if data is None:
                return None
            value = codec.decode(data)
            self._values.keep_read(key, value)
        return value

    def scan(
        self, kind: str, *parts: str | int | bytes, limit: int = MAX_SCAN_ENTRIES, after: bytes | None = None
    ) -> list[tuple[bytes, codec.Value]]:
        """Committed entries whose key begins with these parts, by ascending key; `after` is the last one had.

        Keys are ordered by their bytes: fewer parts first, then shorter texts first.
        """
        wanted = min(limit, MAX_SCAN_ENTRIES)
        beginning = state_key(kind, *parts)
        found: list[tuple[bytes, codec.Value]] = []
        for count in range(beginning[0], (0x90 | _MAX_KEY_PARTS) + 1):
            if after is not None and count < after[0]:
                continue
            prefix = bytes((count,)) + beginning[1:]
            rows = self._store.state_from(prefix, after, wanted - len(found))
            found.extend([(key, codec.decode(data)) for key, data in rows])
            if len(found) >= wanted:
                break
        return found

    def state_proof(self, keys: Sequence[bytes], most: int = MAX_PROOF_ENTRIES) -> StateProof:
        """Proof of the presence or absence of these keys, at most so many, under `applied.state_root`.

        Raises:
            TooLarge: more keys than one proof may have.
        """
        if not 1 <= len(keys) <= most:
            raise TooLarge("keys in one state proof", found=len(keys), expected=f"1 to {most}")
        return self._tree.prove([(key, self._store.state(key)) for key in keys])

    def block(self, height: int) -> Block | None:
        """The committed block at a height; None above the applied height.

        Raises:
            NotHeld: it is before `first_height`.
            StoreError: it is missing, or is not the block that was committed.
        """
        if not 0 <= height <= self.applied.height:
            return None
        self._check_held(height)
        block = self._blocks.get(height)
        if block is None:
            data = self._store.block(height)
            try:
                block = Block.decode(data or b"")
            except TallyError as error:
                raise StoreError("a block in the log is damaged", found=f"height {height}: {error}") from None
            self._check_committed(block.header, height)
            self._keep_block(block)
        return block

    def header(self, height: int) -> Header | None:
        """The committed header at a height; None above the applied height.

        Raises:
            NotHeld: it is before `first_height`.
            StoreError: it is missing, or is not the header that was committed.
        """
        header = self._headers.get(height)
        if header is None and 0 <= height <= self.applied.height:
            self._check_held(height)
            header = self._headers[height] = self._read_header(height)
            bound(self._headers, HEADER_CACHE_ENTRIES)
        return header

    def certified(self, height: int | None = None) -> CertifiedHeader:
        """The header at a committed height (the applied one by default) with the proof of its commit.

        Raises:
            NotCertified: no block at that height or above is certified yet.
        """
        wanted = self.applied.height if height is None else height
        known = self._certified.get(wanted)
        if known is None:
            known = self._certified[wanted] = self._certify(wanted)
            bound(self._certified, BLOCK_CACHE_ENTRIES)
        return known

    def locate(self, identity: bytes) -> tuple[int, int] | None:
        """(height, index) of a committed transaction."""
        return self._store.locate(identity)

    def outcome(self, identity: bytes) -> tuple[int, int, codec.Value] | None:
        """(height, index, result) of a committed transaction."""
        found = self._transaction_at(identity)
        if found is None:
            return None
        block, index = found
        return block.height, index, block.results[index]

    def receipt(self, identity: bytes, count: int = 1) -> Receipt | None:
        """The receipt of a committed transaction, or of a run of `count` that begins with it.

        None when the transaction is not committed, or the block has no such run.

        Raises:
            NotCertified: a transaction of the applied ledger that no certificate covers yet.
        """
        found = self._transaction_at(identity)
        return None if found is None else self.receipt_at(found[0].height, found[1], count)

    def receipt_at(self, height: int, index: int, count: int = 1) -> Receipt | None:
        """The receipt of `count` transactions from a place on; None if the applied ledger has no such run.

        Raises:
            NotHeld: the block is before `first_height`.
            NotCertified: no certificate covers that height yet.
        """
        block = self.block(height)
        if block is None:
            return None
        if not 1 <= count <= min(MAX_BUNDLE_TRANSACTIONS, len(block.transactions) - index):
            return None
        return Receipt.of_block(block, index, count, self.certified(block.height))

    def history(self, key: bytes, last: int | None = None) -> History:
        """The history whose entry stands at `key`, complete or its `last` records, with the proof.

        A key without an entry gives a history of no records: the proof that there is none.

        Raises:
            TooLarge: more records than one proof may have.
            NotCertified: nothing is committed yet.
        """
        entry = self.get(key)
        total = 0 if entry is None else HistoryEntry.from_value(entry).count
        count = total if last is None else min(last, total)
        if not 0 <= count <= MAX_HISTORY_RECORDS:
            raise TooLarge(
                "records in one history proof",
                found=count,
                expected=f"0 to {MAX_HISTORY_RECORDS}",
                remedy="Ask for the last records only.",
            )
        first = total - count
        kept = first - first % HISTORY_HEAD_INTERVAL
        head = self._store.head(key, kept) if kept else NO_RECORDS
        if head is None:
            raise StoreError("a head of a history is missing", field=key.hex(), found=kept)
        records = self._store.records(key, kept, total - kept)
        split = first - kept
        return History(
            key,
            first,
            chain(head, records[:split]),
            tuple(records[split:]),
            self.state_proof([key]),
            self.certified(),
        )

    def _certify(self, wanted: int) -> CertifiedHeader:
        header = self.header(wanted)
        found = None if header is None else self._store.next_certificate(wanted)
        if header is None or found is None:
            raise NotCertified("no certificate covers this height yet", found=wanted)
        certified_height, data = found
        certificate = Certificate.from_value(codec.decode(data))
        if certified_height == wanted:
            return CertifiedHeader(header, None, certificate)
        path = merkle.path_from_nodes(self._store.node, wanted, certified_height)
        top = self.header(certified_height)
        assert top is not None, "a certificate is stored together with its block's commit"
        return CertifiedHeader(header, HistoryLink(tuple(path), top), certificate)

    def changes(self) -> list[int]:
        """The heights of the applied blocks that changed the membership, ascending."""
        in_force = self.get(IN_FORCE_KEY)
        assert in_force is not None, "the genesis state has it"
        heights = [self.get(change_key(number)) for number in range(1, in_force[0] + 1)]
        return [height for height in heights if height is not None]

    def handover(self, height: int) -> Handover:
        """The change of the membership at a height of `changes`, with the proof that it is committed.

        Raises:
            NotCertified: the last change, which no certificate covers yet.
        """
        kept = self._store.handover(height)
        if kept is not None:
            return Handover.from_value(codec.decode(kept, MAX_PROOF_BYTES))
        block = self.block(height)
        if block is None:
            raise StoreError("a membership change is missing from the log", found=f"height {height}")
        return Handover(self.certified(height), block.preamble)

    def membership_chain(self, after: int = 0) -> MembershipChain:
        """The changes of the membership above a height, by which others follow it from there.

        Raises:
            NotCertified: no certificate covers the last change yet.
        """
        return MembershipChain(tuple([self.handover(height) for height in self.changes() if height > after]))

    def proved_changes(self) -> tuple[Handover, ...]:
        """The changes of the membership that this ledger can prove: all, or all but the last.

        A commit of many blocks is several batches, of which the last one alone brings the certificate.
        After a crash between them the last change may stand without its proof.
        """
        proved: list[Handover] = []
        for height in self.changes():
            try:
                proved.append(self.handover(height))
            except NotCertified:
                break
        return tuple(proved)

    def membership_at(self, height: int) -> Membership:
        """The membership that governs an applied height.

        Raises:
            ValueError: nothing is applied at that height yet.
        """
        if not 0 <= height <= self.applied.height:
            raise ValueError(f"height {height} is not applied")
        in_force = self.get(IN_FORCE_KEY)
        if in_force is not None and height >= in_force[1]:
            return self.applied_membership
        changes = self.changes()
        place = bisect_right(changes, height)
        if place == len(changes):
            return self.applied_membership
        if place == 0:
            return self.genesis.membership
        known = self._memberships.get(changes[place - 1])
        if known is None:
            membership = Preamble.decode(self.handover(changes[place - 1]).preamble).membership
            assert membership is not None, "a block that changes the membership carries it"
            known = self._memberships[changes[place - 1]] = membership
            bound(self._memberships, BLOCK_CACHE_ENTRIES)
        return known

    def change_header(self, height: int) -> Header:
        """Header of the applied block that changed the membership at this height, or of the genesis block."""
        kept = self._store.handover(height)
        if kept is not None:
            return Handover.from_value(codec.decode(kept, MAX_PROOF_BYTES)).certified.header
        header = self.header(height)
        assert header is not None, "the state names applied changes"
        return header

    def _stored_membership(self) -> Membership:
        """What the applied state says is in force; it must be what the applied block is governed by."""
        in_force = self.get(IN_FORCE_KEY)
        membership = None if in_force is None else Membership.from_value(in_force[2])
        if membership is None or membership.hash != self.applied.membership:
            raise StoreError(
                "the stored membership is not the one that governs the applied block",
                found=None if membership is None else membership.hash.hex(),
                expected=self.applied.membership.hex(),
            )
        return membership

    def certificate(self, height: int) -> Certificate | None:
        """A committed block's own certificate, if it has one; `certified` finds a proof for every block."""
        data = self._store.certificate(height) if height <= self.applied.height else None
        return None if data is None else Certificate.from_value(codec.decode(data))

    def _transaction_at(self, identity: bytes) -> tuple[Block, int] | None:
        located = self._store.locate(identity)
        if located is None:
            return None
        height, index = located
        block = self.block(height)
        assert block is not None, "a location is stored together with its block's commit"
        return (block, index) if block.transactions[index].id == identity else None

    def _read_header(self, height: int) -> Header:
        """The header of an applied block, without reading the block's body."""
        data = self._store.block(height) or b""
        start, width = (3, 1) if data[1:2] == b"\xc4" else (4, 2)
        length = int.from_bytes(data[2 : 2 + width], "big")
        try:
            header = Header.decode(data[start : start + length])
        except TallyError as error:
            raise StoreError("a block in the log is damaged", found=f"height {height}: {error}") from None
        self._check_committed(header, height)
        return header

    def _check_held(self, height: int) -> None:
        if 0 < height < self._store.base_height:
            raise NotHeld(
                "the block is not held here",
                field="height",
                found=height,
                expected=f"at least {self._store.base_height}",
            )

    def _check_committed(self, header: Header, height: int) -> None:
        if height == 0 and self._store.base_height:
            leaf = self.genesis.block.header.leaf
        else:
            leaf = self._store.node(0, height)
        if header.height != height or leaf != header.leaf:
            raise StoreError("the log holds another block than the one committed", found=f"height {height}")

    def _keep_block(self, block: Block) -> None:
        blocks = self._blocks
        self._blocks_bytes += len(block.data)
        blocks[block.height] = block
        while len(blocks) > 1 and (
            len(blocks) > BLOCK_CACHE_ENTRIES or self._blocks_bytes > BLOCK_CACHE_BYTES
        ):
            self._blocks_bytes -= len(blocks.pop(next(iter(blocks))).data)
        self._headers[block.height] = block.header
        bound(self._headers, HEADER_CACHE_ENTRIES)
