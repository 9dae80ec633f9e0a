"""Members, a ledger whose rules take a target, and its blocks under changing memberships."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from elections import elected_if_needed
from small_ledger import CLIENT, START_MS, KeyValueRules, PreparedTransaction, make_genesis

from ledger.blocks.block import Block
from ledger.blocks.certificate import Certificate, sign_ack
from ledger.blocks.genesis import read_genesis
from ledger.blocks.transaction import Transaction
from ledger.chain.chain import Chain
from ledger.keys import SigningKey
from ledger.members.membership import TARGET_KEY, Member, Membership
from ledger.state.overlay import Overlay
from ledger.storage.store import Store

KEYS = {f"n{number}": SigningKey.from_seed(bytes([number]) * 32) for number in range(1, 9)}


def member(node: str) -> Member:
    """As in the genesis of `small_ledger`, where the first three are voters."""
    return Member(node, "org", KEYS[node].public, b"")


def members(*nodes: str) -> list[Member]:
    return [member(node) for node in nodes]


def settled(*voters: str, quorum: int | None = None, learners: tuple[str, ...] = ()) -> Membership:
    enough = len(voters) // 2 + 1 if quorum is None else quorum
    return Membership.of(enough, members(*voters), learners=members(*learners))


class TargetRules(KeyValueRules):
    """`KeyValueRules`, and `target`: what governance would adopt."""

    def prepare(self, transaction: Transaction) -> PreparedTransaction:
        if all(operation["op"] == "target" for operation in transaction.operations):
            return PreparedTransaction(transaction)
        return super().prepare(transaction)

    def execute(self, state: Overlay, prepared: PreparedTransaction, time_ms: int) -> Any:
        operation = prepared.transaction.operations[0]
        if operation["op"] != "target":
            return super().execute(state, prepared, time_ms)
        target = Membership.of(
            operation["quorum"], members(*operation["voters"]), learners=members(*operation["learners"])
        )
        state.put(TARGET_KEY, target.to_value())
        return ()


RULES = TargetRules()
GENESIS = make_genesis(rules=RULES)
TRUSTED = read_genesis(GENESIS)
CHANNEL = TRUSTED.channel


class Ledger:
    """One node's chain and store; blocks are sealed by whoever is named."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.open()

    def open(self) -> None:
        self.store = Store.open(self.path)
        self.chain = Chain.open(self.store, RULES, GENESIS)

    def reopen(self) -> None:
        self.store.close()
        self.open()

    def seal(
        self, *transactions: Transaction, node: str = "n1", term: int = 1, change: bool = False
    ) -> Block:
        head = self.chain.head
        block = self.chain.seal(
            [RULES.prepare(each) for each in transactions],
            term=term,
            proposer=node,
            key=KEYS[node],
            election=elected_if_needed(KEYS, CHANNEL, head, term, node, voters_of(self.chain.membership)),
            membership=self.chain.due_membership() if change else None,
        )
        self.append(block)
        return block

    def append(self, block: Block) -> None:
        self.store.append([(block.height, block.data)])

    def accept(self, block: Block) -> None:
        self.chain.accept(self.chain.check(Block.decode(block.data)))
        self.append(block)

    def commit(self, block: Block, *signers: str) -> None:
        """With a certificate that verifies: by these nodes, or by everybody who has a vote."""
        self.chain.commit(certify(block, *(signers or voters_of(self.membership_of(block)))))

    def membership_of(self, block: Block) -> Membership:
        for pending in self.chain.pending:
            if pending.block.height == block.height:
                return pending.membership
        return self.chain.membership_at(block.height)

    def reach(self, target: Membership, node: str = "n1", nonce: int = 0) -> list[Block]:
        """Adopt a target, seal and commit every step to it; the blocks of the steps."""
        self.commit(self.seal(adopt(target, nonce), node=node))
        blocks = []
        while self.chain.due_membership() is not None:
            if not self.chain.membership.is_voter(node):
                node = self.chain.membership.voters[0].node
            blocks.append(self.seal(node=node, change=True))
            self.commit(blocks[-1])
        return blocks


def voters_of(membership: Membership) -> list[str]:
    return [each.node for each in membership.members if membership.is_voter(each.node)]


def adopt(target: Membership, nonce: int = 0) -> Transaction:
    operation = {
        "op": "target",
        "quorum": target.quorum,
        "voters": [each.node for each in target.voters],
        "learners": [each.node for each in target.learners],
    }
    return Transaction.sign(
        CLIENT,
        channel=CHANNEL,
        operations=[operation],
        valid_until_ms=START_MS + 60_000,
        nonce=nonce.to_bytes(8, "big"),
    )


def certify(block: Block, *signers: str) -> Certificate:
    header = block.header
    return Certificate.of(
        header.term,
        header.height,
        header.hash,
        [(n, sign_ack(KEYS[n], header.channel, header.term, header.height, header.hash)) for n in signers],
    )
