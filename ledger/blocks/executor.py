"""What the ledger asks of the business rules, and the genesis block that they make.

The ledger orders, executes and proves transactions without knowing what an invoice is. An
`Executor` does: `contracts.Contracts` is the one of the product. It must be deterministic:
the same state, transaction and block time give the same writes and result on every node.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from ledger import codec
from ledger.blocks.block import APPLIED, Block, check_result
from ledger.blocks.genesis import Genesis, genesis_block
from ledger.blocks.transaction import Transaction
from ledger.errors import StoreError
from ledger.limits import MAX_STATE_VALUE_BYTES
from ledger.members.membership import IN_FORCE_KEY, TARGET_KEY, Membership
from ledger.state.overlay import Overlay, Reader, state_key
from ledger.state.tree import StateTree


class Prepared(Protocol):
    """A transaction whose operations have been read into what the executor works on."""

    @property
    def transaction(self) -> Transaction:
        """The transaction as it was signed."""
        ...


class Executor(Protocol):
    """Deterministic business rules."""

    @property
    def version(self) -> int:
        """Version of the rules, as headers name it."""
        ...

    def prepare(self, transaction: Transaction, /) -> Prepared:
        """Read the operations; pure, and may run in any thread.

        Raises:
            Malformed: operations that have no place on the ledger, not even as a refusal.
        """
        ...

    def execute(self, state: Overlay, prepared: Any, time_ms: int, /) -> codec.Value:
        """Apply a transaction and return its result; a refusal is a result, any exception is a bug."""
        ...

    def genesis(self, state: Overlay, genesis: Genesis, /) -> None:
        """Write the state that a genesis document describes, over the one that it goes on from if it does.

        Raises:
            Malformed: a document that these rules cannot begin with.
            VerificationError: a recovery that not enough have approved.
        """
        ...


class ExecutorBug(RuntimeError):
    """The rules raised instead of returning a result: the node must stop, nothing has changed."""


class Nothing:
    """The state below the genesis block."""

    def get(self, _key: bytes, /) -> None:
        """There is no entry."""
        return


def settled_writes(overlay: Overlay) -> tuple[dict[bytes, bytes | None], dict[bytes, codec.Value | None]]:
    """What an overlay wrote, as bytes and as the values that readers of those bytes have.

    Raises:
        ValueError: a value beyond its bound: the contract should have refused it.
    """
    data: dict[bytes, bytes | None] = {}
    values: dict[bytes, codec.Value | None] = {}
    settle = codec.settle
    for key, value in overlay.writes.items():
        if value is None:
            data[key] = values[key] = None
            continue
        encoded, values[key] = settle(value)
        if len(encoded) > MAX_STATE_VALUE_BYTES:
            raise ValueError(f"state value of {len(encoded)} bytes, at most {MAX_STATE_VALUE_BYTES}")
        data[key] = encoded
    return data, values


def execute(
    executor: Executor, overlay: Overlay, prepared: Iterable[Prepared], time_ms: int
) -> tuple[codec.Value, ...]:
    """The results of a block's transactions, which are applied to the overlay in order.

    Raises:
        StoreError: the state below cannot be read.
        ExecutorBug: the rules raised, or returned a result of no form.
    """
    results = []
    for each in prepared:
        try:
            result = executor.execute(overlay, each, time_ms)
            if result != APPLIED:
                result = codec.settle(result)[1]
                check_result(result)
            else:
                result = APPLIED
        except StoreError:
            raise
        except Exception as bug:
            raise ExecutorBug(f"transaction {each.transaction.id.hex()}: {bug!r}") from bug
        results.append(result)
        overlay.keep()
    return tuple(results)


def genesis_overlay(executor: Executor, genesis: Genesis, below: Reader | None = None) -> Overlay:
    """The state that the rules make of a genesis document, and the membership in force.

    `below` is what a ledger begins with that goes on from another one.
    """
    overlay = Overlay(Nothing() if below is None else below)
    executor.genesis(overlay, genesis)
    _begin_membership(overlay, genesis.membership)
    return overlay


def _begin_membership(overlay: Overlay, membership: Membership) -> None:
    """Write the first membership; of those of a ledger before this one nothing is left."""
    before: codec.Value = overlay.get(IN_FORCE_KEY)
    if before is not None:
        for number in range(1, before[0] + 1):
            overlay.delete(change_key(number))
        if overlay.get(TARGET_KEY) is not None:
            overlay.delete(TARGET_KEY)
    overlay.put(IN_FORCE_KEY, (0, 0, membership.to_value()))


def change_key(number: int) -> bytes:
    """State key of the height at which the membership changed for the `number`-th time, from 1."""
    return state_key("membership_change", number)


def enter_membership(overlay: Overlay, membership: Membership, height: int) -> None:
    """Write what governs from this block on; the first thing in a block that changes the membership."""
    in_force = overlay.get(IN_FORCE_KEY)
    assert in_force is not None, "the genesis state has it"
    number = in_force[0] + 1
    overlay.put(IN_FORCE_KEY, (number, height, membership.to_value()))
    overlay.put(change_key(number), height)


def make_genesis_block(executor: Executor, genesis: Genesis) -> Block:
    """The genesis block of a document under these rules; its `data` is the file `genesis.block`."""
    tree = StateTree(lambda _bucket: b"")
    tree.update(settled_writes(genesis_overlay(executor, genesis))[0])
    return genesis_block(genesis, tree.root)
