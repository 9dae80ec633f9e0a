"""What must hold after every fault, seen from outside.

1. All nodes stand at the same block: height, head, state root.
2. They hold the same blocks, byte for byte, at every height, and no node has changed a block
   that it showed before. A node that fell far behind and took a snapshot holds those from there on.
3. Every acknowledged transaction is on the chain, exactly once, at the place that its receipt proved.
4. No transaction is on the chain twice, and no invoice was applied twice.
5. The complete, proved histories of the suppliers hold exactly the applied invoices.
6. The ledger's time never runs backwards nor ahead of ours.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import Any

from chaos.cluster import BUYER, Broken, Cluster
from chaos.load import Acknowledged
from clients.sdk import Session
from ledger import codec
from ledger.blocks.block import Block


@dataclass(slots=True)
class _Seen:
    """What a node has shown of its chain."""

    digests: dict[int, bytes] = field(default_factory=dict)
    """SHA-256 of each block's bytes, by height."""


class Chains:
    """Reads every node's chain as it grows, and compares."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._seen = {node: _Seen() for node in cluster.names}
        self._head = b""
        self._reference: list[bytes] = []
        """SHA-256 of every block of the chain, by height."""
        self._time_ms = 0
        self._places: dict[bytes, tuple[int, int]] = {}
        self._applied: Counter[tuple[str, str]] = Counter()
        self._keys = {cluster.net.profile(name).signing_key().public: name for name in cluster.suppliers}

    @property
    def blocks(self) -> int:
        """Blocks compared so far."""
        return len(self._reference)

    @property
    def transactions(self) -> int:
        """Transactions on the chain."""
        return len(self._places)

    async def check(self, acknowledged: list[Acknowledged]) -> None:
        """Everything, once the network is healed and no client submits.

        Raises:
            Broken: with what does not hold.
        """
        stands = await self._cluster.same_head()
        await asyncio.to_thread(self._read_all, stands)
        self._check_places(acknowledged)
        await asyncio.to_thread(self._check_histories)

    def _read_all(self, stands: dict[str, Any]) -> None:
        """All up to where all stand: another leader's first block may come on top while this reads."""
        newest = stands["applied_height"]
        for node in self._cluster.names:
            self._read(node, newest)
        for node in self._cluster.names:
            for height, digest in self._seen[node].digests.items():
                if height >= len(self._reference) or self._reference[height] != digest:
                    raise Broken(f"{node} holds another block at height {height} than others do")
            if newest not in self._seen[node].digests:
                raise Broken(f"{node} does not hold the block at height {newest}")
        if self._head.hex() != stands["head"]:
            raise Broken(f"the head of the chain is {self._head.hex()}, status says {stands['head']}")

    def _read(self, node: str, newest: int) -> None:
        """Read on from where we were to `newest`.

        The last known block is read again, so that no rewrite is missed. What no node has shown before makes
        the chain longer that all are compared with.
        """
        digests = self._seen[node].digests
        profile = self._cluster.net.profile(self._cluster.suppliers[0])
        with Session(replace(profile, nodes=(self._cluster.net.node(node).api,))) as session:
            least = session.status()["first_height"]
            first = max(least, max(digests, default=0))
            for expected, (height, data, _) in enumerate(session.blocks(first), first):
                digest = sha256(data).digest()
                if height != expected:
                    raise Broken(f"{node} shows height {height} after {expected - 1}")
                if digests.setdefault(height, digest) != digest:
                    raise Broken(f"{node} has changed its block at height {height}")
                if height == len(self._reference):
                    self._reference.append(digest)
                    self._take(Block.decode(data))
                if height == newest:
                    return

    def _take(self, block: Block) -> None:
        header = block.header
        if block.height and header.previous != self._head:
            raise Broken(f"block {block.height} does not follow the one before it")
        self._head = header.hash
        ahead_ms = header.time_ms - time.time_ns() // 1_000_000
        if header.time_ms < self._time_ms or ahead_ms > 0:
            before_ms = self._time_ms - header.time_ms
            raise Broken(
                f"block {block.height}'s time is {ahead_ms} ms ahead, {before_ms} ms before its parent's"
            )
        self._time_ms = header.time_ms
        for index, transaction in enumerate(block.transactions):
            if transaction.id in self._places:
                places = self._places[transaction.id], (block.height, index)
                raise Broken(f"transaction {transaction.id.hex()} is there twice: {places}")
            self._places[transaction.id] = (block.height, index)
            if not block.results[index]:
                for operation in transaction.operations:
                    self._applied[self._keys[transaction.signer], str(operation["invoice"])] += 1

    def _check_places(self, acknowledged: list[Acknowledged]) -> None:
        lost = [ack for ack in acknowledged if self._places.get(ack.id) != (ack.height, ack.index)]
        if lost:
            ack = lost[0]
            raise Broken(
                f"{len(lost)} acknowledged transactions are lost or moved; {ack.invoice}: "
                f"acknowledged at {(ack.height, ack.index)}, now at {self._places.get(ack.id)}"
            )
        doubled = [invoice for invoice, times in self._applied.items() if times > 1]
        if doubled:
            raise Broken(f"invoices applied twice: {doubled[:5]}")
        missing = {(ack.supplier, ack.invoice) for ack in acknowledged} - self._applied.keys()
        if missing:
            raise Broken(f"acknowledged invoices were not applied: {sorted(missing)[:5]}")

    def _check_histories(self) -> None:
        for supplier in self._cluster.suppliers:
            applied = sorted(invoice for name, invoice in self._applied if name == supplier)
            if not applied:
                continue
            with Session(self._cluster.net.profile(supplier)) as session:
                history = session.history(supplier, BUYER)
            numbers = sorted(_number_of(record) for record in history.records)
            if numbers != applied:
                raise Broken(
                    f"the proved history of {supplier} has {len(numbers)} records, the chain {len(applied)}"
                )


def _number_of(record: codec.Value) -> str:
    """The invoice number of a history's record: (business date, kind, number, currency, …)."""
    assert isinstance(record, tuple)
    return str(record[2])
