"""Proof files that bring the membership changes along: for readers who hold the genesis block only.

    file = ["carried", 1, memberships file, proof file]

A proof made after the nodes of a channel have changed verifies under the later membership, which
follows from the genesis block by the changes in the memberships file (`ledger.proofs.handover`). A client
saves its proofs in this form, so that they still need nothing but the genesis block; before the first
change a proof file is kept as it is.
"""

from __future__ import annotations

from ledger import codec, proof_file, shape
from ledger.blocks.genesis import GenesisBlock
from ledger.limits import MAX_PROOF_BYTES
from ledger.proofs.handover import Followed, MembershipChain

_BEGINNING = codec.encode((proof_file.CARRIED, proof_file.VERSION, b"", b""))[:9]
"""Array of four, text of seven bytes, `carried`: other files need not be read twice."""


def carry(data: bytes, changes: MembershipChain) -> bytes:
    """A proof file together with the changes that it needs; the file itself if there are none."""
    if not changes.handovers:
        return data
    return codec.encode((proof_file.CARRIED, proof_file.VERSION, changes.encode(), data))


def opened(data: bytes, genesis: GenesisBlock) -> tuple[bytes, GenesisBlock]:
    """The proof file in `data`, and what to verify it under: the genesis block, and what came along.

    A file of another kind is returned as it is.

    Raises:
        Malformed, NonCanonical, TooLarge: not such a file.
        VerificationError: the changes that came along are not proved.
    """
    if not data.startswith(_BEGINNING):
        return data, genesis
    changes, inner = proof_file.parts(proof_file.read(data), proof_file.CARRIED, 2)
    chain = MembershipChain.decode(shape.octets_within(changes, MAX_PROOF_BYTES, "carried.memberships"))
    followed = Followed.of(genesis).extended(chain.handovers)
    return shape.octets_within(inner, MAX_PROOF_BYTES, "carried.proof"), followed
