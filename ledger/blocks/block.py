"""Blocks: what the nodes agree on, one after the other.

    header = [1, channel, height, term, previous, time_ms, proposer, preamble, transaction_count,
              transactions_root, results_root, state_root, history_root, membership, contract_version]
    block  = [header bytes, signature, preamble bytes, [[body, signature], …], [result, …]]

| header field | type | meaning |
|---|---|---|
| channel | 32 bytes | hash of the genesis block's header; 32 zero bytes in the genesis block itself |
| height | int | 0 is the genesis block |
| term | int | the term in which the block was proposed; never decreases |
| previous | 32 bytes | hash of the header before; zeros in the genesis block |
| time_ms | int | the proposer's clock, milliseconds since 1970; never decreases |
| proposer | text | node id of the leader that sealed it; empty in the genesis block |
| preamble | 32 bytes | digest(0x09, preamble bytes), or zeros when there is none |
| transaction_count | int | leaves of the two trees below |
| transactions_root | 32 bytes | RFC 6962 tree, leaf data = transaction id || signature |
| results_root | 32 bytes | RFC 6962 tree, leaf data = encode(result) |
| state_root | 32 bytes | root of the contract state *after* this block |
| history_root | 32 bytes | RFC 6962 tree over the headers 0 … height - 1, leaf data = header hash |
| membership | 32 bytes | hash of the membership that governs this block |
| contract_version | int | the rules that were applied |

The hash of a block is digest(0x03, header bytes). Its proposer signs the header bytes
under the domain `tallystick/header/1`. The result of a transaction is an empty array when
every operation was applied, otherwise one [operation index, code, detail] for each
operation that was refused, ascending.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from ledger import codec, keys, merkle, shape
from ledger.blocks.transaction import Transaction
from ledger.errors import BlockInvalid, TooLarge
from ledger.hashing import HEADER, PREAMBLE, ZERO, digest
from ledger.limits import (
    DIGEST_BYTES,
    MAX_BLOCK_BYTES,
    MAX_BLOCK_ELEMENTS,
    MAX_BLOCK_OPERATIONS,
    MAX_BLOCK_TRANSACTIONS,
    MAX_HEADER_BYTES,
    MAX_NAME_BYTES,
    MAX_OPERATIONS,
    MAX_PREAMBLE_BYTES,
    MAX_STRING_BYTES,
    SIGNATURE_BYTES,
)
from ledger.members.membership import Member, Membership

VERSION = 1
APPLIED: tuple[codec.Value, ...] = ()
"""The result of a transaction whose operations were all applied."""

NO_SIGNATURE = bytes(SIGNATURE_BYTES)
"""Stands where the genesis block would have its proposer's signature."""

_APPLIED_LEAF = merkle.leaf_hash(codec.encode(APPLIED))


@dataclass(frozen=True, slots=True)
class Header:
    """What a block says about itself; `data` is its canonical bytes and `hash` the block's hash."""

    channel: bytes
    height: int
    term: int
    previous: bytes
    time_ms: int
    proposer: str
    preamble: bytes
    transaction_count: int
    transactions_root: bytes
    results_root: bytes
    state_root: bytes
    history_root: bytes
    membership: bytes
    contract_version: int
    data: bytes = field(init=False, repr=False, compare=False)
    hash: bytes = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        data = codec.encode(
            (
                VERSION,
                self.channel,
                self.height,
                self.term,
                self.previous,
                self.time_ms,
                self.proposer,
                self.preamble,
                self.transaction_count,
                self.transactions_root,
                self.results_root,
                self.state_root,
                self.history_root,
                self.membership,
                self.contract_version,
            )
        )
        object.__setattr__(self, "data", data)
        object.__setattr__(self, "hash", digest(HEADER, data))

    @property
    def leaf(self) -> bytes:
        """The leaf hash of this block in the history trees of the blocks after it."""
        return merkle.leaf_hash(self.hash)

    @classmethod
    def decode(cls, data: bytes) -> Header:
        """Read a header's canonical bytes.

        Raises:
            Malformed, NonCanonical, TooLarge: with the field that is wrong.
        """
        fields = shape.array(codec.decode(data, MAX_HEADER_BYTES), 15, "header")
        version, channel, height, term, previous, time_ms, proposer, preamble, count, *rest = fields
        transactions_root, results_root, state_root, history_root, membership, contract_version = rest
        shape.integer(version, "header.version", least=VERSION, most=VERSION)
        return cls(
            shape.octets(channel, DIGEST_BYTES, "header.channel"),
            shape.integer(height, "header.height"),
            shape.integer(term, "header.term"),
            shape.octets(previous, DIGEST_BYTES, "header.previous"),
            shape.integer(time_ms, "header.time_ms"),
            shape.text(proposer, MAX_NAME_BYTES, "header.proposer"),
            shape.octets(preamble, DIGEST_BYTES, "header.preamble"),
            shape.integer(count, "header.transaction_count", most=MAX_BLOCK_TRANSACTIONS),
            shape.octets(transactions_root, DIGEST_BYTES, "header.transactions_root"),
            shape.octets(results_root, DIGEST_BYTES, "header.results_root"),
            shape.octets(state_root, DIGEST_BYTES, "header.state_root"),
            shape.octets(history_root, DIGEST_BYTES, "header.history_root"),
            shape.octets(membership, DIGEST_BYTES, "header.membership"),
            shape.integer(contract_version, "header.contract_version", least=1),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """A block whose body fits its header; whether it may follow another block is the chain's question."""

    header: Header
    signature: bytes
    preamble: bytes
    transactions: tuple[Transaction, ...]
    results: tuple[codec.Value, ...]
    data: bytes = field(repr=False)
    _transaction_levels: merkle.Levels = field(repr=False)
    _result_levels: merkle.Levels = field(repr=False)

    @property
    def height(self) -> int:
        """Height of the block."""
        return self.header.height

    @property
    def hash(self) -> bytes:
        """Hash of the block: that of its header."""
        return self.header.hash

    def transaction_levels(self) -> merkle.Levels:
        """The tree under `transactions_root`, for proofs."""
        return self._transaction_levels

    def result_levels(self) -> merkle.Levels:
        """The tree under `results_root`, for proofs."""
        return self._result_levels

    @classmethod
    def assemble(
        cls,
        *,
        key: keys.SigningKey | None,
        channel: bytes,
        height: int,
        term: int,
        previous: bytes,
        time_ms: int,
        proposer: str,
        transactions: Sequence[Transaction],
        results: Sequence[codec.Value],
        state_root: bytes,
        history_root: bytes,
        membership: bytes,
        contract_version: int,
        preamble: bytes = b"",
    ) -> Block:
        """Compute roots and header, and sign it; without a key (genesis) the signature is zeros.

        Raises:
            TooLarge: the block would pass a bound of `limits`.
        """
        assert len(transactions) == len(results), "one result for each transaction"
        _check_counts(transactions)
        transaction_levels = merkle.levels([transaction_leaf(transaction) for transaction in transactions])
        result_levels = merkle.levels([result_leaf(result) for result in results])
        header = Header(
            channel,
            height,
            term,
            previous,
            time_ms,
            proposer,
            preamble_hash(preamble),
            len(transactions),
            merkle.root_of(transaction_levels),
            merkle.root_of(result_levels),
            state_root,
            history_root,
            membership,
            contract_version,
        )
        signature = NO_SIGNATURE if key is None else key.sign(keys.HEADER_DOMAIN, header.data)
        bodies = tuple([(transaction.body, transaction.signature) for transaction in transactions])
        data = codec.encode((header.data, signature, preamble, bodies, tuple(results)))
        if len(data) > MAX_BLOCK_BYTES:
            raise TooLarge(
                "block too large", found=f"{len(data)} bytes", expected=f"at most {MAX_BLOCK_BYTES}"
            )
        return cls(
            header,
            signature,
            preamble,
            tuple(transactions),
            tuple(results),
            data,
            transaction_levels,
            result_levels,
        )

    @classmethod
    def decode(cls, data: bytes) -> Block:
        """Read a block's bytes and check that its body is the one that its header describes.

        Raises:
            Malformed, NonCanonical, TooLarge: with the field that is wrong.
            BlockInvalid: the body does not fit the header.
        """
        parts = shape.array(codec.decode(data, MAX_BLOCK_BYTES, elements=MAX_BLOCK_ELEMENTS), 5, "block")
        header_data, signature, preamble, envelopes, results = parts
        header = Header.decode(shape.octets_within(header_data, MAX_HEADER_BYTES, "header"))
        shape.octets(signature, SIGNATURE_BYTES, "block.signature")
        shape.octets_within(preamble, MAX_PREAMBLE_BYTES, "block.preamble")
        shape.sequence(envelopes, MAX_BLOCK_TRANSACTIONS, "block.transactions")
        shape.sequence(results, MAX_BLOCK_TRANSACTIONS, "block.results")
        from_parts = Transaction.from_parts
        transactions = tuple([from_parts(envelope) for envelope in envelopes])
        _check_counts(transactions)
        for index, result in enumerate(results):
            if result != APPLIED:
                _check_result(result, f"block.results[{index}]")
        if preamble_hash(preamble) != header.preamble:
            raise BlockInvalid("the preamble is not the one that the header names", field="header.preamble")
        for name, count in (("transactions", len(transactions)), ("results", len(results))):
            if count != header.transaction_count:
                raise BlockInvalid(
                    f"number of {name} differs from the header",
                    field="header.transaction_count",
                    found=count,
                    expected=header.transaction_count,
                )
        transaction_levels = merkle.levels([transaction_leaf(transaction) for transaction in transactions])
        if merkle.root_of(transaction_levels) != header.transactions_root:
            raise BlockInvalid(
                "the transactions do not have the header's root", field="header.transactions_root"
            )
        result_levels = merkle.levels([result_leaf(result) for result in results])
        if merkle.root_of(result_levels) != header.results_root:
            raise BlockInvalid("the results do not have the header's root", field="header.results_root")
        return cls(
            header, signature, preamble, transactions, results, data, transaction_levels, result_levels
        )


def transaction_leaf(transaction: Transaction) -> bytes:
    """Leaf hash of a transaction: it covers the signature too, which the id does not."""
    return sha256(b"\x00" + transaction.id + transaction.signature).digest()


def result_leaf(result: codec.Value) -> bytes:
    """Leaf hash of a transaction's result."""
    return merkle.leaf_hash(codec.encode(result)) if result else _APPLIED_LEAF


def preamble_hash(preamble: bytes) -> bytes:
    """What the header holds for a preamble: 32 zero bytes for none."""
    return digest(PREAMBLE, preamble) if preamble else ZERO


def verify_signed_by(header: Header, signature: bytes, proposer: Member) -> None:
    """Check that the proposer signed the header; whether it may propose is another question.

    Raises:
        BlockInvalid: not its signature.
    """
    if header.proposer != proposer.node or not keys.verify(
        proposer.key, keys.HEADER_DOMAIN, header.data, signature
    ):
        raise BlockInvalid(
            "the header is not signed by its proposer", field="signature", found=header.proposer
        )


def verify_header_signature(header: Header, signature: bytes, membership: Membership) -> None:
    """Check that the header's proposer is a voter and signed it; `membership` governs its parent.

    The parent's: a leader that the block removes is the one that seals it (CR-60).

    Raises:
        BlockInvalid: a stranger, a learner, or not its signature.
    """
    proposer = membership.member(header.proposer)
    if proposer is None or not membership.is_voter(header.proposer):
        raise BlockInvalid("the proposer is not a voter", field="header.proposer", found=header.proposer)
    verify_signed_by(header, signature, proposer)


def check_result(result: codec.Value, place: str = "result") -> None:
    """Check the form of a transaction's result.

    Raises:
        Malformed: with the field that is wrong.
    """
    if result != APPLIED or type(result) is not tuple:
        _check_result(result, place)


def _check_result(result: codec.Value, place: str) -> None:
    before = -1
    for refusal in shape.sequence(result, MAX_OPERATIONS, place):
        operation, code, detail = shape.array(refusal, 3, place)
        before = shape.integer(operation, f"{place}.operation", least=before + 1, most=MAX_OPERATIONS - 1)
        shape.text(code, MAX_NAME_BYTES, f"{place}.code", least_bytes=1)
        shape.text(detail, MAX_STRING_BYTES, f"{place}.detail")


def _check_counts(transactions: Sequence[Transaction]) -> None:
    if len(transactions) > MAX_BLOCK_TRANSACTIONS:
        raise TooLarge(
            "too many transactions in a block",
            found=len(transactions),
            expected=f"at most {MAX_BLOCK_TRANSACTIONS}",
        )
    operations = sum([len(transaction.operations) for transaction in transactions])
    if operations > MAX_BLOCK_OPERATIONS:
        raise TooLarge(
            "too many operations in a block", found=operations, expected=f"at most {MAX_BLOCK_OPERATIONS}"
        )
