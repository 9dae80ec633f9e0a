"""A small ledger for tests: key-value rules, three nodes, one client, real store and signatures."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clock_readings import clocks_at
from elections import elected_if_needed

from ledger.blocks.block import Block
from ledger.blocks.certificate import Certificate, sign_ack
from ledger.blocks.executor import make_genesis_block
from ledger.blocks.genesis import Genesis, read_genesis
from ledger.blocks.transaction import Transaction
from ledger.chain.chain import Chain
from ledger.errors import Malformed
from ledger.keys import SigningKey
from ledger.state import history
from ledger.state.overlay import Overlay, state_key
from ledger.storage.store import Store

START_MS = 1_700_000_000_000
NODES = {
    name: SigningKey.from_seed(bytes([number]) * 32) for number, name in enumerate(("n1", "n2", "n3"), 1)
}
CLIENT = SigningKey.from_seed(b"\x77" * 32)


@dataclass(frozen=True)
class PreparedTransaction:
    transaction: Transaction


class KeyValueRules:
    """`put`, `delete`, `record` and `fail`; an atomic transaction with a failure writes nothing."""

    version = 1

    def prepare(self, transaction: Transaction) -> PreparedTransaction:
        for operation in transaction.operations:
            if operation["op"] not in ("put", "delete", "record", "fail", "bug"):
                raise Malformed("unknown operation", field="op", found=operation["op"])
        return PreparedTransaction(transaction)

    def execute(self, state: Overlay, prepared: PreparedTransaction, time_ms: int) -> Any:
        start = state.savepoint()
        for index, operation in enumerate(prepared.transaction.operations):
            match operation["op"]:
                case "put":
                    state.put(state_key("kv", operation["key"]), (operation["value"], time_ms))
                case "delete":
                    state.delete(state_key("kv", operation["key"]))
                case "record":
                    key = state_key("log", operation["key"])
                    entry = state.get(key)
                    total = (entry[2] if entry else 0) + operation["value"]
                    history.append(state, key, (operation["value"],), total)
                case "fail":
                    state.rollback(start)
                    return ((index, "failed", "as asked"),)
                case "bug":
                    raise ZeroDivisionError("a bug of the rules")
        return ()

    def genesis(self, state: Overlay, genesis: Genesis) -> None:
        for name, value in genesis.parameters.items():
            state.put(state_key("param", name), value)


def make_genesis(name: str = "test", rules: Any = None) -> bytes:
    document = {
        "version": 1,
        "name": name,
        "time_ms": START_MS,
        "contract_version": 1,
        "quorum": 2,
        "nodes": [
            {"id": node, "organisation": "org", "key": key.public, "certificate": b""}
            for node, key in NODES.items()
        ],
        "organisations": [
            {"id": "org", "name": "Org", "lei": "", "roles": ["operator"], "identifiers": [], "keys": []}
        ],
        "parameters": {"colour": "green", "limit": 7},
    }
    return make_genesis_block(rules or KeyValueRules(), Genesis.from_document(document)).data


GENESIS = make_genesis()
CHANNEL = read_genesis(GENESIS).channel


def transaction(
    *operations: dict[str, Any], nonce: int = 0, valid_until_ms: int = START_MS + 60_000
) -> Transaction:
    return Transaction.sign(
        CLIENT,
        channel=CHANNEL,
        operations=operations,
        valid_until_ms=valid_until_ms,
        nonce=nonce.to_bytes(8, "big"),
    )


def put(key: str, value: Any, nonce: int = 0) -> Transaction:
    return transaction({"op": "put", "key": key, "value": value}, nonce=nonce)


def record(key: str, value: int, nonce: int = 0) -> Transaction:
    return transaction({"op": "record", "key": key, "value": value}, nonce=nonce)


def certify(block: Block, signers: tuple[str, ...] = ("n1", "n2")) -> Certificate:
    header = block.header
    return Certificate.of(
        header.term,
        header.height,
        header.hash,
        [(n, sign_ack(NODES[n], CHANNEL, header.term, header.height, header.hash)) for n in signers],
    )


@dataclass
class Node:
    """A chain with its store, as one node has them."""

    path: Path
    rules: Any = field(default_factory=KeyValueRules)
    genesis: bytes = GENESIS

    def __post_init__(self) -> None:
        self.store = Store.open(self.path)
        self.chain = Chain.open(self.store, self.rules, self.genesis)

    def seal(
        self, *transactions: Transaction, term: int = 1, time_ms: int = START_MS + 5, node: str = "n1"
    ) -> Block:
        return self.chain.seal(
            [self.rules.prepare(each) for each in transactions],
            term=term,
            proposer=node,
            key=NODES[node],
            clocks=clocks_at(NODES, self.chain.channel, time_ms, NODES),
            election=elected_if_needed(NODES, self.chain.channel, self.chain.head, term, node, NODES),
        )

    def accept(self, block: Block) -> None:
        self.chain.accept(self.chain.check(Block.decode(block.data)))

    def append(self, *blocks: Block, truncate_from: int | None = None) -> None:
        self.store.append([(block.height, block.data) for block in blocks], truncate_from)

    def commit(self, block: Block) -> list[Block]:
        return self.chain.commit(certify(block))

    def seal_and_commit(self, *transactions: Transaction, **how: Any) -> Block:
        block = self.seal(*transactions, **how)
        self.append(block)
        self.commit(block)
        return block

    def value(self, key: str) -> Any:
        return self.chain.get(state_key("kv", key))

    def close(self) -> None:
        self.store.close()

    def reopen(self) -> None:
        self.close()
        self.__post_init__()
