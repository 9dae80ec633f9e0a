"""The smallest business rules: set a key to a value; `refuse` is refused, `explode` is a bug."""

from __future__ import annotations

import os
from dataclasses import dataclass

from contracts import Contracts
from ledger.blocks.genesis import Genesis
from ledger.blocks.transaction import Transaction
from ledger.codec import Value
from ledger.errors import Malformed
from ledger.keys import SigningKey
from ledger.limits import MAX_VALIDITY_MS
from ledger.state.overlay import Overlay, state_key
from node.loop.driver import clock_ms


@dataclass(frozen=True)
class Set:
    transaction: Transaction
    pairs: tuple[tuple[str, Value], ...]


class KeyValue:
    """An executor for tests. `twist` makes this node compute something else than the others."""

    version = Contracts.version  # it stands where a node has those

    def __init__(self) -> None:
        self.twist = False

    def prepare(self, transaction: Transaction) -> Set:
        for operation in transaction.operations:
            if operation["op"] not in ("set", "refuse"):
                raise Malformed("unknown operation", code="unknown_operation", found=operation["op"])
        return Set(
            transaction, tuple((str(each.get("key")), each.get("value")) for each in transaction.operations)
        )

    def execute(self, state: Overlay, prepared: Set, time_ms: int) -> Value:
        refused = []
        for index, (key, value) in enumerate(prepared.pairs):
            if prepared.transaction.operations[index]["op"] == "refuse":
                refused.append((index, "refused_here", "asked for it"))
            else:
                state.put(state_key("pair", key), (value, "twisted") if self.twist else (value,))
        return tuple(refused)

    def genesis(self, state: Overlay, genesis: Genesis) -> None:
        state.put(state_key("pair", "genesis"), (genesis.name,))


def set_pair(
    channel: bytes,
    key: SigningKey,
    name: str,
    value: Value,
    *,
    op: str = "set",
    valid_for_ms: int | None = None,
) -> Transaction:
    """A signed transaction that sets one key."""
    ahead = MAX_VALIDITY_MS // 2 if valid_for_ms is None else valid_for_ms
    return Transaction.sign(
        key,
        channel=channel,
        operations=[{"op": op, "key": name, "value": value}],
        valid_until_ms=clock_ms() + ahead,
        nonce=os.urandom(8),
    )
