"""Extracts: some entries of the state at one height, with whole histories among them, cut out of an export.

    file = magic || frame …                        frames as in `ledger.proofs.export`

| frame | holds |
|---|---|
| ["extract", 1, memberships file, certified, state proof] | entries, present or absent, with their proof |
| ["records", key, [record bytes, …]] | records of a history, in the order of the keys, then of the numbers |
| ["end"] | nothing follows |

An extract proves what stands under its keys, that nothing does, and that the histories whose records it has
are complete. That its keys are all that somebody asked about is a question of what the keys mean: whoever
defines a scope derives its keys from entries and records that are themselves in the extract, and checks that
they are the same (`contracts.disclosure.scope`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from typing import BinaryIO

from ledger import codec, shape
from ledger.blocks.certificate import CertifiedHeader
from ledger.blocks.genesis import GenesisBlock
from ledger.errors import Malformed, VerificationError
from ledger.limits import MAX_EXTRACT_ENTRIES, MAX_PROOF_BYTES
from ledger.proofs.export import (
    END,
    RECORDS,
    ProvedExport,
    Records,
    framed,
    next_frame,
    read_frame,
    record_frames,
)
from ledger.proofs.handover import Followed, MembershipChain
from ledger.state.history import count_and_head
from ledger.state.proof import StateProof
from ledger.state.root import bucket_of, value_hash
from ledger.state.tree import StateTree

MAGIC = b"tally extract 1\n"
"""What every extract begins with, and no other file does."""

EXTRACT = "extract"
_VERSION = 1


@dataclass(slots=True)
class Everything:
    """A sink that keeps a whole export, to be cut."""

    entries: dict[bytes, bytes] = field(default_factory=dict)
    histories: dict[bytes, list[bytes]] = field(default_factory=dict)

    def entry(self, key: bytes, value: bytes) -> None:
        """Kept."""
        self.entries[key] = value

    def record(self, key: bytes, record: bytes) -> None:
        """Kept."""
        self.histories.setdefault(key, []).append(record)


@dataclass(frozen=True, slots=True)
class ProvedExtract:
    """What an extract is proved to be: what stood under some keys at a height, and some whole histories."""

    certified: CertifiedHeader
    trust: GenesisBlock
    """The genesis block with the membership changes that came along."""
    entries: dict[bytes, bytes | None]
    """Canonical bytes of each value; None where nothing stands."""
    histories: dict[bytes, list[bytes]]
    """All records of the histories that are in the extract."""


def cut(
    proved: ProvedExport, whole: Everything, keys: Iterable[bytes], histories: Iterable[bytes]
) -> Iterator[bytes]:
    """The bytes of the extract of these keys, and of these histories among them, piece by piece."""
    contents: dict[int, list[bytes]] = {}
    for key, value in whole.entries.items():
        key_hash = sha256(key).digest()
        contents.setdefault(bucket_of(key_hash), []).append(key_hash + value_hash(value))
    buckets = {bucket: b"".join(sorted(records)) for bucket, records in contents.items()}
    tree = StateTree(lambda bucket: buckets.get(bucket, b""))
    tree.load(buckets.items())
    assert tree.root == proved.header.state_root, "it was proved"
    state = tree.prove((key, whole.entries.get(key)) for key in keys)
    changes = proved.trust.chain if isinstance(proved.trust, Followed) else MembershipChain()
    head = (EXTRACT, _VERSION, changes.encode(), proved.certified.to_value(), state.to_value())
    yield MAGIC + framed(head)
    rows = ((key, record) for key in sorted(histories) for record in whole.histories.get(key, ()))
    yield from record_frames(rows)
    yield framed((END,))


def verify(file: BinaryIO, genesis: GenesisBlock) -> ProvedExtract:
    """What an extract proves.

    The numbers are those of docs/protocol.md, section "Verifying an extract".

    Raises:
        Malformed, NonCanonical, TooLarge: not an extract.
        VerificationError: with the step that failed.
    """
    # 1. The block is committed.
    if file.read(len(MAGIC)) != MAGIC:
        raise Malformed("not an extract", field="magic", expected=MAGIC.decode().strip())
    certified, trust, state = _head(file, genesis)
    header = certified.verify(trust)
    # 2. The state after it holds these entries, and nothing under the keys without a value.
    state.verify(header.state_root)
    entries = dict(state.entries)
    # 3. The histories that have records here have all of them.
    known = {}
    for key, value in entries.items():
        history = None if value is None else count_and_head(value)
        if history is not None:
            known[key] = history
    kept = Everything()
    records = Records(known, kept)
    kind, parts = next_frame(file)
    while kind == RECORDS:
        records.take(parts)
        kind, parts = next_frame(file)
    records.close()
    # 4. Nothing follows.
    if kind != END or parts or file.read(1):
        raise Malformed("something else than the end of an extract", field="end", found=kind)
    return ProvedExtract(certified, trust, entries, kept.histories)


def _head(file: BinaryIO, genesis: GenesisBlock) -> tuple[CertifiedHeader, GenesisBlock, StateProof]:
    fields = shape.array(codec.decode(read_frame(file, MAX_PROOF_BYTES), MAX_PROOF_BYTES), 5, "extract")
    kind, version, changes, certified, state = fields
    if kind != EXTRACT:
        raise Malformed("not an extract", field="extract", found=str(kind)[:40], expected=EXTRACT)
    shape.integer(version, "extract.version", least=_VERSION, most=_VERSION)
    chain = MembershipChain.decode(shape.octets_within(changes, MAX_PROOF_BYTES, "extract.memberships"))
    trust = Followed.of(genesis).extended(chain.handovers) if chain.handovers else genesis
    proof = StateProof.from_value(state, MAX_EXTRACT_ENTRIES)
    if len({key for key, _ in proof.entries}) != len(proof.entries):
        raise VerificationError("a key twice", field="state_proof")
    return CertifiedHeader.from_value(certified), trust, proof
