"""Snapshots: the ledger at one height, in chunks that each can be checked alone as they arrive.

A node that joins, or was away for long, takes the *state* at a height instead of executing
everything again. Nothing of it is believed: the header of that height is certified, and it
commits to all that a node needs to go on.

| part of the manifest | is what it claims to be, because |
|---|---|
| certified header | a quorum acknowledged it |
| nodes: level 2 of the state tree, 4,096 hashes | they lead to the header's state root |
| peaks of the tree over the earlier headers | they lead to the header's history root |

| chunk | holds | is checked against |
|---|---|---|
| block | the block of the height itself | the header's hash |
| state | all entries of a run of subtrees | the nodes of the manifest |
| records | records of histories | count and head in the history's state entry |
| recent | headers downwards, with the transactions' ids and signatures | the previous hash above; the root |

So a chunk that is wrong is known to be wrong when it comes, and so is who sent it; and chunks
may come from many nodes in any order, except that records follow the state and that recent
blocks are taken from the top down. What is proved against the same header is the same bytes,
whoever sends it.

Records of a long history come from the end: a run [first, end) with the chain's head before it
is right if the chain leads to the head at `end`, and then the head before it is known for the
run below.

Transaction ids must be remembered while the transactions could still enter a block, so recent
blocks are taken until MAX_VALIDITY_MS before the time of the height. Bodies of earlier blocks
are not part of a snapshot: whoever starts from one holds the ledger from its height on.

    manifest = ["snapshot", 1, certified, nodes, [peak, …]]
    block    = block bytes
    state    = encode([first, [[run, …], …]])       runs of each subtree from `first` on
    run      = encode([key, value bytes, key, value bytes, …])
    records  = encode([[key, first, head before, [record, …]], …])
    recent   = encode([[header bytes, id || signature || …], …])     descending
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from ledger import codec, merkle, shape
from ledger.blocks.block import Block, Header
from ledger.blocks.certificate import CertifiedHeader
from ledger.blocks.genesis import GenesisBlock
from ledger.errors import TallyError, VerificationError
from ledger.hashing import STATE_VALUE, ZERO
from ledger.limits import (
    DIGEST_BYTES,
    HISTORY_HEAD_INTERVAL,
    MAX_BLOCK_TRANSACTIONS,
    MAX_HEADER_BYTES,
    MAX_RECORD_BYTES,
    MAX_SNAPSHOT_CHUNK_BYTES,
    MAX_SNAPSHOT_MANIFEST_BYTES,
    MAX_STATE_KEY_BYTES,
    MAX_STATE_VALUE_BYTES,
    MAX_TREE_DEPTH,
    SIGNATURE_BYTES,
    SNAPSHOT_TREE_LEVEL,
)
from ledger.state.history import NO_RECORDS, count_and_head, next_head
from ledger.state.root import SUBTREE_SHIFT, SUBTREES, bucket_of, root_above, subtree_root

_KIND = "snapshot"
_VERSION = 1
_LEAF_BYTES = DIGEST_BYTES + SIGNATURE_BYTES
_MAX_PIECES = 1 << 20
"""Elements of one array in a chunk: more than its bytes can hold anyway."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a snapshot consists of; `verify` says whether it is that of a committed block."""

    certified: CertifiedHeader
    nodes: bytes
    peaks: tuple[bytes, ...]

    @property
    def header(self) -> Header:
        """The header of the snapshot's height."""
        return self.certified.header

    @property
    def height(self) -> int:
        """The height whose state it is."""
        return self.header.height

    def node(self, subtree: int) -> bytes:
        """The hash of a subtree: zeros for one without entries."""
        return self.nodes[subtree * DIGEST_BYTES : (subtree + 1) * DIGEST_BYTES]

    def encode(self) -> bytes:
        """The canonical bytes."""
        return codec.encode((_KIND, _VERSION, self.certified.to_value(), self.nodes, self.peaks))

    @classmethod
    def decode(cls, data: bytes) -> Manifest:
        """Read a manifest; nothing is proved by its form.

        Raises:
            Malformed, NonCanonical, TooLarge: with the field that is wrong.
        """
        fields = shape.array(codec.decode(data, MAX_SNAPSHOT_MANIFEST_BYTES), 5, "manifest")
        kind, version, certified, nodes, peaks = fields
        if kind != _KIND or version != _VERSION or type(version) is not int:
            raise VerificationError("not a manifest of this version", field="manifest", expected=_VERSION)
        shape.octets(nodes, SUBTREES * DIGEST_BYTES, "manifest.nodes")
        for peak in shape.sequence(peaks, MAX_TREE_DEPTH, "manifest.peaks"):
            shape.octets(peak, DIGEST_BYTES, "manifest.peaks")
        return cls(CertifiedHeader.from_value(certified), nodes, peaks)

    def verify(self, genesis: GenesisBlock) -> Header:
        """The header, now known to be committed; nodes and peaks are known to belong to it.

        The numbers are those of docs/protocol.md, section "Snapshots".

        Raises:
            VerificationError: with what is wrong.
        """
        # 1. The block is committed, and it is not the genesis block.
        header = self.certified.verify(genesis)
        if header.height < 1:
            raise VerificationError("a snapshot of the genesis block", field="certified")
        # 2. The nodes lead to its state root.
        if root_above(SNAPSHOT_TREE_LEVEL, self.nodes) != header.state_root:
            raise VerificationError("the nodes do not lead to the state root", field="nodes")
        # 3. The peaks lead to its history root.
        if len(self.peaks) != header.height.bit_count():
            raise VerificationError("not one peak for each bit of the height", field="peaks")
        if merkle.Accumulator(header.height, self.peaks).root() != header.history_root:
            raise VerificationError("the peaks do not lead to the history root", field="peaks")
        return header


@dataclass(frozen=True, slots=True)
class StateChunk:
    """Entries of the subtrees [first, end)."""

    first: int
    end: int
    entries: tuple[tuple[bytes, bytes], ...]
    hashes: tuple[bytes, ...]
    """Key hash and value hash of each entry, joined; in no order."""

    @property
    def histories(self) -> list[tuple[bytes, int, bytes]]:
        """(key, count, head) of the entries that are those of histories."""
        found = []
        for key, value in self.entries:
            if value[:1] == b"\x93":
                history = count_and_head(value)
                if history is not None:
                    found.append((key, *history))
        return found


def encode_state(first: int, subtrees: Sequence[Sequence[bytes]]) -> bytes:
    """A chunk of the runs of each subtree from `first` on."""
    return codec.encode((first, tuple([tuple(runs) for runs in subtrees])))


def check_state(manifest: Manifest, first: int, end: int, data: bytes) -> StateChunk:
    """The entries of a chunk that was asked for as [first, end) and may end earlier.

    Raises:
        Malformed, NonCanonical, TooLarge, VerificationError: they are not those of the state.
    """
    start, subtrees = shape.array(codec.decode(data, MAX_SNAPSHOT_CHUNK_BYTES), 2, "state")
    shape.integer(start, "state.first", least=first, most=first)
    entries: list[tuple[bytes, bytes]] = []
    hashes: list[bytes] = []
    for index, runs in enumerate(shape.sequence(subtrees, end - first, "state.subtrees", least=1), first):
        records = _read_subtree(index, runs, entries)
        contents = {bucket: b"".join(sorted(held)) for bucket, held in records.items()}
        if subtree_root(SNAPSHOT_TREE_LEVEL, index, contents) != manifest.node(index):
            raise VerificationError("the entries of a subtree are not those of the state", found=index)
        for held in records.values():
            hashes += held
    return StateChunk(first, first + len(subtrees), tuple(entries), tuple(hashes))


def _read_subtree(
    index: int, runs: codec.Value, entries: list[tuple[bytes, bytes]]
) -> dict[int, list[bytes]]:
    """Records of the subtree's buckets, in no order; adds its entries."""
    records: dict[int, list[bytes]] = {}
    for run in shape.sequence(runs, _MAX_PIECES, "state.runs"):
        shape.octets_within(run, MAX_SNAPSHOT_CHUNK_BYTES, "state.run", least=1)
        parts = shape.sequence(codec.decode(run, MAX_SNAPSHOT_CHUNK_BYTES), _MAX_PIECES, "state.run", least=2)
        if len(parts) % 2:
            raise VerificationError("a key without a value", field="state.run")
        for key, value in zip(parts[::2], parts[1::2], strict=True):
            if type(key) is not bytes or not 0 < len(key) <= MAX_STATE_KEY_BYTES:
                raise VerificationError("not a state key", field="state.key")
            if type(value) is not bytes or not 0 < len(value) <= MAX_STATE_VALUE_BYTES:
                raise VerificationError("not a state value", field="state.value", found=key.hex())
            key_hash = sha256(key).digest()
            bucket = bucket_of(key_hash)
            if bucket >> SUBTREE_SHIFT != index:
                raise VerificationError("an entry of another subtree", field="state.key", found=key.hex())
            record = key_hash + sha256(STATE_VALUE + value).digest()
            held = records.get(bucket)
            if held is None:
                records[bucket] = [record]
            else:
                held.append(record)
            entries.append((key, value))
    return records


@dataclass(frozen=True, slots=True)
class RecordRun:
    """Records [first, first + len(records)) of a history, and the chain's head before them."""

    key: bytes
    first: int
    head_before: bytes
    records: tuple[bytes, ...]

    @property
    def end(self) -> int:
        """One more than the number of the last record."""
        return self.first + len(self.records)

    def to_value(self) -> codec.Value:
        """The canonical array."""
        return (self.key, self.first, self.head_before, self.records)

    def check(self, key: bytes, end: int, head: bytes) -> list[tuple[int, bytes]]:
        """Check that these are the records of that history before `end`, where its chain has that head.

        Returns (number, head before it) of each record whose number divides by the interval.

        Raises:
            VerificationError: they are not.
        """
        if (self.key, self.end) != (key, end):
            raise VerificationError("records of another place", field="records", found=self.key.hex())
        if self.first == 0 and self.head_before != NO_RECORDS:
            raise VerificationError("a head before the first record", field="records.head_before")
        if self.first % HISTORY_HEAD_INTERVAL:
            raise VerificationError("a run that begins between kept heads", field="records.first")
        heads = []
        current = self.head_before
        for number, record in enumerate(self.records, self.first):
            if number % HISTORY_HEAD_INTERVAL == 0:
                heads.append((number, current))
            current = next_head(current, record)
        if current != head:
            raise VerificationError(
                "records that do not lead to their head", field="records", found=key.hex()
            )
        return heads


def encode_records(runs: Sequence[RecordRun]) -> bytes:
    """A chunk of runs."""
    return codec.encode(tuple([run.to_value() for run in runs]))


def decode_records(data: bytes) -> list[RecordRun]:
    """Read a chunk of runs, each to be checked against the history that it belongs to.

    Raises:
        Malformed, NonCanonical, TooLarge: with the field that is wrong.
    """
    runs = []
    value = codec.decode(data, MAX_SNAPSHOT_CHUNK_BYTES)
    for part in shape.sequence(value, _MAX_PIECES, "records", least=1):
        key, first, head, records = shape.array(part, 4, "records")
        for record in shape.sequence(records, _MAX_PIECES, "records.records", least=1):
            shape.octets_within(record, MAX_RECORD_BYTES, "records.record", least=1)
        runs.append(
            RecordRun(
                shape.octets_within(key, MAX_STATE_KEY_BYTES, "records.key", least=1),
                shape.integer(first, "records.first"),
                shape.octets(head, DIGEST_BYTES, "records.head_before"),
                records,
            )
        )
    return runs


@dataclass(frozen=True, slots=True)
class RecentBlock:
    """The header of an earlier block, and ids and signatures of its transactions, in its order."""

    header: Header
    leaves: bytes

    @property
    def ids(self) -> list[bytes]:
        """The ids of its transactions, in its order."""
        starts = range(0, len(self.leaves), _LEAF_BYTES)
        return [self.leaves[start : start + DIGEST_BYTES] for start in starts]


def encode_recent(blocks: Sequence[tuple[bytes, bytes]]) -> bytes:
    """A chunk of (header bytes, ids and signatures joined), descending."""
    return codec.encode(tuple(blocks))


def check_recent(height: int, block_hash: bytes, data: bytes) -> list[RecentBlock]:
    """The blocks of a chunk, the first of which has that height and hash; descending.

    Raises:
        Malformed, NonCanonical, TooLarge, VerificationError: they are not those of the chain.
    """
    blocks: list[RecentBlock] = []
    value = codec.decode(data, MAX_SNAPSHOT_CHUNK_BYTES)
    for part in shape.sequence(value, height + 1, "recent", least=1):
        header_data, leaves = shape.array(part, 2, "recent")
        header = Header.decode(shape.octets_within(header_data, MAX_HEADER_BYTES, "recent.header"))
        shape.octets_within(leaves, MAX_BLOCK_TRANSACTIONS * _LEAF_BYTES, "recent.leaves")
        if (header.height, header.hash) != (height, block_hash):
            raise VerificationError("a header that does not lie below the one before", field="recent.header")
        pieces = [leaves[start : start + _LEAF_BYTES] for start in range(0, len(leaves), _LEAF_BYTES)]
        if len(leaves) != header.transaction_count * _LEAF_BYTES:
            raise VerificationError("not all transactions of a block", field="recent.leaves")
        if merkle.root([merkle.leaf_hash(piece) for piece in pieces]) != header.transactions_root:
            raise VerificationError("ids that are not those of their block", field="recent.leaves")
        blocks.append(RecentBlock(header, leaves))
        height, block_hash = height - 1, header.previous
    return blocks


def check_block(manifest: Manifest, data: bytes) -> Block:
    """The block of the snapshot's height.

    Raises:
        Malformed, NonCanonical, TooLarge, VerificationError: it is not that block.
    """
    try:
        block = Block.decode(data)
    except TallyError as error:
        raise VerificationError("not the block of the snapshot", found=str(error)) from None
    if block.hash != manifest.header.hash:
        raise VerificationError("another block than that of the snapshot", found=block.hash.hex())
    return block


assert bytes(DIGEST_BYTES) == ZERO, "a subtree without entries has a node of zeros"
