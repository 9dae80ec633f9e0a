"""The audit of a ledger that began with a snapshot: what can be proved of it without the blocks before.

| checked | how |
|---|---|
| the membership changes up to the beginning | each handover on the disk, from the genesis block on |
| the history before the beginning | the stored peaks lead to the history root of its header |
| blocks since: links, signatures, roots over transactions and results, certificates | as in a whole audit |
| the state | all stored values hashed again, up to the state root of the newest block |
| histories | each record chain hashed again, up to the head in its state entry |
| places of transactions in the blocks held, and history nodes | computed again |

The newest block must be covered by a certificate; its hash chain covers all others, and its state
root all that is in the state. What cannot be said here: that the results follow from executing the
transactions. A quorum's acknowledgements say that; an audit of a whole ledger proves it.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Any

from ledger import codec
from ledger.blocks.block import Block
from ledger.blocks.certificate import Certificate
from ledger.blocks.genesis import GenesisBlock
from ledger.errors import Malformed, VerificationError
from ledger.limits import HISTORY_HEAD_INTERVAL, MAX_PROOF_BYTES
from ledger.merkle import Accumulator, peak_positions
from ledger.proofs.audit import ChainAudit
from ledger.proofs.handover import Followed, Handover
from ledger.state.history import NO_RECORDS, chain, count_and_head
from ledger.state.root import bucket_of, value_hash
from ledger.state.tree import StateTree
from ledger.storage.store import Store

PAGE_ROWS = 1_000
"""Stored rows read at once."""


def audit_from_base(
    store: Store, genesis: GenesisBlock, progress: Callable[[int, int], None]
) -> dict[str, Any]:
    """The figures of the report; only if everything was right.

    Raises:
        StoreError: the disk does not hold what it held.
        VerificationError: something is not as it must be, with the place.
    """
    base, last = store.base_height, store.applied_height
    first = _block(store, base)
    peaks = [store.node(level, index) for level, index in peak_positions(base)]
    audit = ChainAudit.going_on(_followed(store, genesis, base), first.header, peaks)
    figures = {"transactions": 0, "operations": 0, "refused": 0, "signatures": 0, "certificates": 0}
    history = Accumulator(base, peaks)
    _check_places(store, first, history)
    _check_acknowledged(store, audit, first, figures)
    for height in range(base + 1, last + 1):
        block = _block(store, height)
        certificate = _certificate(store, height)
        audit.take(block, certificate)
        _check_places(store, block, history)
        figures["transactions"] += len(block.transactions)
        figures["operations"] += sum(len(transaction.operations) for transaction in block.transactions)
        figures["refused"] += sum(result != () for result in block.results)
        figures["signatures"] += 1 + len(block.transactions)
        if certificate is not None:
            figures["certificates"] += 1
            figures["signatures"] += len(certificate.acks)
        progress(height, last)
    head = audit.head
    if audit.certified != head.height:
        raise VerificationError(
            "no certificate covers the newest blocks",
            field="certificate",
            found=f"certified up to height {audit.certified}",
            expected=f"up to {head.height}",
        )
    entries, records = _check_state(store, head.state_root)
    return {
        "channel": genesis.channel.hex(),
        "height": head.height,
        "head": head.hash.hex(),
        "state_root": head.state_root.hex(),
        "state_entries": entries,
        "records": records,
        "first_height": base,
        **figures,
    }


def _followed(store: Store, genesis: GenesisBlock, base: int) -> Followed:
    """The memberships that the stored handovers prove, up to the beginning."""
    handovers = []
    for height, data in store.handovers():
        if height <= base:
            try:
                handovers.append(Handover.from_value(codec.decode(data, MAX_PROOF_BYTES)))
            except Malformed as error:
                raise VerificationError(
                    "a membership change that cannot be read", field="handover", found=f"{height}: {error}"
                ) from None
    return Followed.of(genesis).extended(handovers)


def _check_acknowledged(store: Store, audit: ChainAudit, block: Block, figures: dict[str, int]) -> None:
    """The block that the ledger begins with, by its own certificate; later ones cover it too."""
    certificate = _certificate(store, block.height)
    if certificate is not None:
        audit.certify_head(certificate)
        figures["certificates"] += 1
        figures["signatures"] += len(certificate.acks)


def _check_places(store: Store, block: Block, history: Accumulator) -> None:
    """The index leads to each transaction, and the history tree has the nodes that the header adds."""
    for index, transaction in enumerate(block.transactions):
        if store.locate(transaction.id) != (block.height, index):
            raise VerificationError(
                "the index does not lead to a transaction", field="index", found=transaction.id.hex()
            )
    for level, place, node in history.append(block.header.leaf):
        if store.node(level, place) != node:
            raise VerificationError(
                "a stored node of the history tree is not the computed one",
                field="history",
                found=f"level {level}, index {place}",
            )


def _check_state(store: Store, root: bytes) -> tuple[int, int]:
    """Entries and records, after hashing all of them."""
    records_by_bucket: dict[int, list[bytes]] = {}
    after: bytes | None = None
    entries = records = 0
    while True:
        rows = store.state_from(b"", after, PAGE_ROWS)
        for key, value in rows:
            key_hash = sha256(key).digest()
            records_by_bucket.setdefault(bucket_of(key_hash), []).append(key_hash + value_hash(value))
            history = count_and_head(value)
            if history is not None:
                _check_records(store, key, *history)
                records += history[0]
        entries += len(rows)
        if len(rows) < PAGE_ROWS:
            break
        after = rows[-1][0]
    buckets = {bucket: b"".join(sorted(held)) for bucket, held in records_by_bucket.items()}
    tree = StateTree(lambda _bucket: b"")
    tree.load(buckets.items())
    if tree.root != root:
        raise VerificationError(
            "the stored values are not those of the state root",
            field="state",
            found=tree.root.hex(),
            expected=root.hex(),
        )
    if dict(store.buckets()) != buckets:
        raise VerificationError(
            "stored buckets of the state tree are not the computed ones", field="state tree"
        )
    return entries, records


def _check_records(store: Store, key: bytes, count: int, expected: bytes) -> None:
    head = NO_RECORDS
    for first in range(0, count, HISTORY_HEAD_INTERVAL):
        if first and store.head(key, first) != head:
            break
        head = chain(head, store.records(key, first, min(HISTORY_HEAD_INTERVAL, count - first)))
    if head != expected:
        raise VerificationError(
            "stored records do not lead to the head of their history",
            field="records",
            found=ascii(codec.decode(key)),
        )


def _block(store: Store, height: int) -> Block:
    data = store.block(height)
    if data is None:
        raise VerificationError("a block is missing", field="height", found=height)
    try:
        return Block.decode(data)
    except Malformed as error:
        raise VerificationError(
            "a block that cannot be read", field="block", found=f"height {height}: {error}"
        ) from None


def _certificate(store: Store, height: int) -> Certificate | None:
    data = store.certificate(height)
    try:
        return None if data is None else Certificate.from_value(codec.decode(data))
    except Malformed as error:
        raise VerificationError(
            "a certificate that cannot be read", field="certificate", found=f"height {height}: {error}"
        ) from None
