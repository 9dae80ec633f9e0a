"""Receipts: proof that transactions are on the ledger, and of what became of them.

    file = ["receipt", 1, first, [[body, signature], …], [result, …],
            [hash, …], [hash, …], certified]

| part | meaning |
|---|---|
| first | position of the first transaction in its block |
| transactions, results | a run of 1 to 500 neighbours of one block |
| two arrays of hashes | the proofs of that run in the trees of transactions and of results |
| certified | the block's header with the proof that it is committed |

A refused transaction has a receipt too: the refusal is the result that it proves.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass

from ledger import codec, merkle, proof_file, shape
from ledger.blocks.block import APPLIED, Block, check_result, result_leaf, transaction_leaf
from ledger.blocks.certificate import CertifiedHeader
from ledger.blocks.genesis import GenesisBlock
from ledger.blocks.transaction import Transaction
from ledger.errors import VerificationError
from ledger.limits import (
    DIGEST_BYTES,
    MAX_BLOCK_TRANSACTIONS,
    MAX_BUNDLE_TRANSACTIONS,
    MAX_TREE_DEPTH,
)


@dataclass(frozen=True, slots=True)
class ProvedOutcome:
    """A transaction that is proved to be on the ledger, with its place and its result."""

    transaction: Transaction
    height: int
    index: int
    time_ms: int
    block_hash: bytes
    result: codec.Value

    @property
    def is_applied(self) -> bool:
        """Whether every operation was applied; otherwise `result` says which were refused and why."""
        return bool(self.result == APPLIED)


@dataclass(frozen=True, slots=True, eq=False)
class Receipt:
    """A run of transactions of one block with their proofs; `verify` says whether they prove it."""

    first: int
    transactions: tuple[Transaction, ...]
    results: tuple[codec.Value, ...]
    transactions_proof: tuple[bytes, ...]
    results_proof: tuple[bytes, ...]
    certified: CertifiedHeader

    @classmethod
    def of_block(cls, block: Block, first: int, count: int, certified: CertifiedHeader) -> Receipt:
        """The receipt of `count` transactions of a block, from position `first` on."""
        assert certified.header.hash == block.hash, "the proof of commit is for this block"
        return cls(
            first,
            block.transactions[first : first + count],
            block.results[first : first + count],
            tuple(merkle.run_proof(block.transaction_levels(), first, count)),
            tuple(merkle.run_proof(block.result_levels(), first, count)),
            certified,
        )

    def to_value(self) -> codec.Value:
        """The canonical array of the file."""
        return (
            proof_file.RECEIPT,
            proof_file.VERSION,
            self.first,
            tuple([transaction.parts for transaction in self.transactions]),
            self.results,
            self.transactions_proof,
            self.results_proof,
            self.certified.to_value(),
        )

    def encode(self) -> bytes:
        """The bytes of the file."""
        return codec.pack(self.to_value())

    @classmethod
    def decode(cls, data: bytes) -> Receipt:
        """Read a receipt file; nothing is proved by its form.

        Raises:
            Malformed, NonCanonical, TooLarge: with the field that is wrong.
        """
        return cls.from_value(proof_file.read(data))

    @classmethod
    def from_value(cls, value: codec.Value) -> Receipt:
        """Read the array of a receipt file.

        Raises:
            Malformed, NonCanonical, TooLarge: with the field that is wrong.
        """
        first, envelopes, results, transactions_proof, results_proof, certified = proof_file.parts(
            value, proof_file.RECEIPT, 6
        )
        shape.sequence(envelopes, MAX_BUNDLE_TRANSACTIONS, "receipt.transactions", least=1)
        for result in shape.sequence(results, MAX_BUNDLE_TRANSACTIONS, "receipt.results", least=1):
            check_result(result, "receipt.results")
        return cls(
            shape.integer(first, "receipt.first", most=MAX_BLOCK_TRANSACTIONS - 1),
            tuple([Transaction.from_parts(envelope) for envelope in envelopes]),
            results,
            _siblings(transactions_proof, "receipt.transactions_proof"),
            _siblings(results_proof, "receipt.results_proof"),
            CertifiedHeader.from_value(certified),
        )

    def verify(
        self,
        genesis: GenesisBlock,
        *,
        proved: Container[bytes] = (),
        signed: Container[tuple[bytes, bytes]] = (),
    ) -> list[ProvedOutcome]:
        """What the receipt proves, one outcome for each of its transactions.

        The numbers are those of docs/protocol.md, section "Verifying a receipt". A client
        that checks many receipts passes what it has found before: `proved` holds the hashes
        of headers that it has seen proved under this genesis, `signed` the (body, signature)
        pairs that it knows to be good, such as those it made itself.

        Raises:
            VerificationError: with the step that failed.
        """
        # 1. The block is committed.
        header = self.certified.header
        if header.hash not in proved:
            header = self.certified.verify(genesis)
        # 2. There is one result for each transaction.
        if len(self.results) != len(self.transactions):
            raise VerificationError(
                "not one result for each transaction",
                field="results",
                found=len(self.results),
                expected=len(self.transactions),
            )
        # 3. Each transaction was made for this channel and signed by its signer.
        for transaction in self.transactions:
            if transaction.channel != genesis.channel:
                raise VerificationError("a transaction of another channel", field="transactions.channel")
            if transaction.parts not in signed and not transaction.signature_ok():
                raise VerificationError(
                    "a transaction that its signer did not sign",
                    field="transactions",
                    found=transaction.id.hex(),
                )
        # 4. The transactions stand in the block at these positions.
        leaves = [transaction_leaf(transaction) for transaction in self.transactions]
        count = header.transaction_count
        if merkle.run_root(leaves, self.first, count, self.transactions_proof) != header.transactions_root:
            raise VerificationError(
                "the transactions are not in the block at this position", field="transactions_proof"
            )
        # 5. The results stand in the block at the same positions.
        leaves = [result_leaf(result) for result in self.results]
        if merkle.run_root(leaves, self.first, count, self.results_proof) != header.results_root:
            raise VerificationError(
                "the results are not in the block at this position", field="results_proof"
            )
        return [
            ProvedOutcome(transaction, header.height, index, header.time_ms, header.hash, result)
            for index, (transaction, result) in enumerate(
                zip(self.transactions, self.results, strict=True), self.first
            )
        ]


def _siblings(value: codec.Value, place: str) -> tuple[bytes, ...]:
    siblings = shape.sequence(value, 2 * MAX_TREE_DEPTH, place)
    return tuple([shape.octets(sibling, DIGEST_BYTES, place) for sibling in siblings])
