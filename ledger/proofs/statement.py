"""Statements: what stands under some state keys, or that nothing does, as a file that proves it.

    file = ["state", 1, state proof, certified]

| part | meaning |
|---|---|
| state proof | the entries, present or absent, with the way to a state root (`ledger.state.proof`) |
| certified | the header of the block after which this was the state, with the proof of its commit |
"""

from __future__ import annotations

from dataclasses import dataclass

from ledger import codec, proof_file
from ledger.blocks.certificate import CertifiedHeader
from ledger.blocks.genesis import GenesisBlock
from ledger.state.proof import StateProof


@dataclass(frozen=True, slots=True)
class ProvedState:
    """What is proved to stand under some keys at a height; None where nothing does."""

    height: int
    time_ms: int
    block_hash: bytes
    entries: dict[bytes, codec.Value | None]


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement file; `verify` says whether it proves its entries."""

    state: StateProof
    certified: CertifiedHeader

    def encode(self) -> bytes:
        """The bytes of the file."""
        return codec.encode(
            (proof_file.STATE, proof_file.VERSION, self.state.to_value(), self.certified.to_value())
        )

    @classmethod
    def decode(cls, data: bytes) -> Statement:
        """Read a statement file; nothing is proved by its form.

        Raises:
            Malformed, NonCanonical, TooLarge: with the field that is wrong.
        """
        return cls.from_value(proof_file.read(data))

    @classmethod
    def from_value(cls, value: codec.Value) -> Statement:
        """Read the array of a statement file.

        Raises:
            Malformed, NonCanonical, TooLarge: with the field that is wrong.
        """
        state, certified = proof_file.parts(value, proof_file.STATE, 2)
        return cls(StateProof.from_value(state), CertifiedHeader.from_value(certified))

    def verify(self, genesis: GenesisBlock) -> ProvedState:
        """What the file proves.

        The numbers are those of docs/protocol.md, section "Verifying a statement".

        Raises:
            VerificationError: with the step that failed.
        """
        # 1. The block is committed.
        header = self.certified.verify(genesis)
        # 2. The state after it holds these entries, and nothing under the keys without a value.
        entries = self.state.verify(header.state_root)
        return ProvedState(header.height, header.time_ms, header.hash, entries)
