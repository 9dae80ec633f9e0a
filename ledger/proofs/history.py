"""Histories as files: the records of a relationship or a party, all or the newest, proved complete.

    file = ["history", 1, key, first, head before, [record bytes, …], state proof, certified]

| part | meaning |
|---|---|
| key | state key of the entry (`ledger.state.history`) |
| first | number of the first record in the file: 0 in a complete history |
| head before | the chain's head before that record |
| state proof | proves the entry (or that there is none) under the certified header's state root |

The newest records alone are proved with the head before them.
"""

from __future__ import annotations

from dataclasses import dataclass

from ledger import codec, proof_file, shape
from ledger.blocks.certificate import CertifiedHeader
from ledger.blocks.genesis import GenesisBlock
from ledger.errors import Malformed, VerificationError
from ledger.limits import DIGEST_BYTES, MAX_HISTORY_RECORDS, MAX_RECORD_BYTES, MAX_STATE_KEY_BYTES
from ledger.state.history import NO_RECORDS, HistoryEntry, chain
from ledger.state.proof import StateProof


@dataclass(frozen=True, slots=True)
class ProvedHistory:
    """Records that are proved to be the last ones of a history at a height.

    `entry` is None when it is proved that there is no record at all.
    """

    key: bytes
    height: int
    time_ms: int
    block_hash: bytes
    entry: HistoryEntry | None
    first: int
    records: tuple[codec.Value, ...]

    @property
    def count(self) -> int:
        """Records that the history has in all."""
        return 0 if self.entry is None else self.entry.count

    @property
    def is_complete(self) -> bool:
        """Whether these are all records, not only the newest."""
        return self.first == 0


@dataclass(frozen=True, slots=True)
class History:
    """Records of a history with their proof; `verify` says whether it proves them."""

    key: bytes
    first: int
    head_before: bytes
    records: tuple[bytes, ...]
    state: StateProof
    certified: CertifiedHeader

    def to_value(self) -> codec.Value:
        """The canonical array of the file."""
        return (
            proof_file.HISTORY,
            proof_file.VERSION,
            self.key,
            self.first,
            self.head_before,
            self.records,
            self.state.to_value(),
            self.certified.to_value(),
        )

    def encode(self) -> bytes:
        """The bytes of the file."""
        return codec.encode(self.to_value())

    @classmethod
    def decode(cls, data: bytes) -> History:
        """Read a history file; nothing is proved by its form.

        Raises:
            Malformed, NonCanonical, TooLarge: with the field that is wrong.
        """
        return cls.from_value(proof_file.read(data))

    @classmethod
    def from_value(cls, value: codec.Value) -> History:
        """Read the array of a history file.

        Raises:
            Malformed, NonCanonical, TooLarge: with the field that is wrong.
        """
        key, first, head_before, records, state, certified = proof_file.parts(value, proof_file.HISTORY, 6)
        for record in shape.sequence(records, MAX_HISTORY_RECORDS, "history.records"):
            shape.octets_within(record, MAX_RECORD_BYTES, "history.records", least=1)
        return cls(
            shape.octets_within(key, MAX_STATE_KEY_BYTES, "history.key", least=1),
            shape.integer(first, "history.first"),
            shape.octets(head_before, DIGEST_BYTES, "history.head_before"),
            records,
            StateProof.from_value(state),
            CertifiedHeader.from_value(certified),
        )

    def verify(self, genesis: GenesisBlock) -> ProvedHistory:
        """What the file proves.

        The numbers are those of docs/protocol.md, section "Verifying a history". Whether the
        aggregates follow from the records is the contracts' to recompute.

        Raises:
            VerificationError: with the step that failed.
        """
        # 1. The block is committed.
        header = self.certified.verify(genesis)
        # 2. The state after it holds this entry under this key, or provably none.
        proved = self.state.verify(header.state_root)
        if set(proved) != {self.key}:
            raise VerificationError("the state proof is for another key", field="state")
        try:
            entry = None if proved[self.key] is None else HistoryEntry.from_value(proved[self.key])
        except Malformed as error:
            raise VerificationError(
                "the key is not that of a history", field="key", found=str(error)
            ) from None
        count, head = (0, NO_RECORDS) if entry is None else (entry.count, entry.head)
        # 3. The records reach from `first` to the newest one.
        if self.first + len(self.records) != count:
            raise VerificationError(
                "records are missing or left over",
                field="records",
                found=f"{len(self.records)} from number {self.first} on",
                expected=f"all up to the count of {count}",
            )
        # 4. Nothing comes before the first record.
        if self.first == 0 and self.head_before != NO_RECORDS:
            raise VerificationError("a head before the first record", field="head_before", expected="zeros")
        # 5. The chain over the records leads to the head.
        if chain(self.head_before, self.records) != head:
            raise VerificationError("the records do not lead to the head of the history", field="records")
        # 6. Each record can be read.
        try:
            records = tuple([codec.decode(record, MAX_RECORD_BYTES) for record in self.records])
        except Malformed as error:
            raise VerificationError("a record cannot be read", field="records", found=str(error)) from None
        return ProvedHistory(self.key, header.height, header.time_ms, header.hash, entry, self.first, records)
