"""Measurement of `scripts/bench --state-sizes`: whether an invoice costs the same on a large ledger.

One process, one voter, the real chain on the real store: each invoice is checked against its order and its
goods, sealed into a block, synced, certified and committed, as a leader does it. The ledger grows from size
to size; at each, some thousand invoices are measured, without signing them. Nothing is ever settled, so all
of them stay live.
"""

from __future__ import annotations

import gc
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from _bench_load import QUANTITY, SUPPLIERS, Invoices, disk_bytes, resident_bytes

from contracts import Contracts
from ledger.certificate import Certificate, sign_ack
from ledger.chain import Chain
from ledger.clock import Reading
from ledger.executor import make_genesis_block
from ledger.genesis import Genesis
from ledger.keys import SigningKey
from ledger.store import Store
from ledger.transaction import Transaction
from ledger.vote import Ballot, ElectionCertificate, Vote, sign_vote

NODE = "n1"
INVOICES_A_BLOCK = 500
MEASURED = 5_000
"""Invoices that are measured at each size."""
NODE_GC_THRESHOLDS = (200_000, 50, 1_000)
"""As nodes have them (`node.limits.GC_THRESHOLDS`): values form no cycles."""


def key_of(name: str) -> SigningKey:
    """The key of an organisation or node, the same in every run."""
    return SigningKey.from_seed(name.encode().ljust(32, b"."))


def _document(time_ms: int) -> dict[str, Any]:
    roles = {"anchor": ["buyer"], "operator": ["operator"]}
    roles |= {f"supplier{number}": ["supplier"] for number in range(SUPPLIERS)}
    return {
        "version": 1,
        "name": "bench",
        "time_ms": time_ms,
        "contract_version": Contracts.version,
        "quorum": 1,
        "nodes": [
            {"id": NODE, "organisation": "operator", "key": key_of(NODE).public, "certificate": b"bench"}
        ],
        "organisations": [
            {
                "id": name,
                "name": name.title(),
                "lei": "",
                "roles": has,
                "identifiers": [],
                "keys": [{"key": key_of(name).public, "name": "first", "enrolled_by": name}],
            }
            for name, has in roles.items()
        ],
        "parameters": {"business_date": "2024-03-01"},
    }


class OneVoter:
    """A chain that a lone voter drives: what it seals is committed at once."""

    def __init__(self, folder: Path) -> None:
        genesis = make_genesis_block(
            Contracts(), Genesis.from_document(_document(time.time_ns() // 1_000_000 - 1_000))
        )
        self._store = Store.open(folder)
        self._contracts = Contracts()
        self.chain = Chain.open(self._store, self._contracts, genesis.data)
        self.channel = genesis.hash
        self._key = key_of(NODE)
        self._numbers = 0
        self.commit([])

    def submit(self, signer: str, operation: dict[str, Any]) -> None:
        """One operation in a block of its own."""
        self._numbers += 1
        transaction = Transaction.sign(
            key_of(signer),
            channel=self.channel,
            operations=[operation],
            valid_until_ms=time.time_ns() // 1_000_000 + 600_000,
            nonce=self._numbers.to_bytes(8, "big"),
        )
        self.commit([transaction])

    def commit(self, transactions: Sequence[Transaction]) -> None:
        """One block: seal, sync, acknowledge, certify, commit.

        Raises:
            SystemExit: an operation was refused, so that nothing would be measured.
        """
        head = self.chain.head
        now_ms = time.time_ns() // 1_000_000
        block = self.chain.seal(
            [self._contracts.prepare(transaction) for transaction in transactions],
            term=1,
            proposer=NODE,
            key=self._key,
            clocks=[Reading.sign(self._key, self.channel, NODE, now_ms)],
            election=self._election() if head.height == 0 else None,
        )
        self._store.append([(block.height, block.data)], None, (1, None, 0))
        ack = (NODE, sign_ack(self._key, self.channel, 1, block.height, block.hash))
        self.chain.commit(Certificate.of(1, block.height, block.hash, [ack]))
        if any(block.results):
            raise SystemExit(f"not applied: {next(result for result in block.results if result)}")

    def _election(self) -> ElectionCertificate:
        ballot = Ballot(1, NODE, 0, 0, 0, self.channel)
        vote = Vote(NODE, ballot, sign_vote(self._key, self.channel, ballot))
        return ElectionCertificate.of(1, NODE, [vote])

    def close(self) -> None:
        """Close the store."""
        self._store.close()


def _enter_trade(voter: OneVoter) -> None:
    """Orders and goods for as many invoices as any run makes."""
    for number in range(SUPPLIERS):
        name = f"supplier{number}"
        order = {"order": "PO-1", "currency": "USD", "date": "2024-01-01"}
        lines = [{"line": "1", "item": "unit", "quantity": QUANTITY, "price_micros": 10**14}]
        voter.submit("anchor", {"op": "order.issue", "supplier": name, "lines": lines, **order})
        sent = {"shipment": "S-1", "order": "PO-1", "buyer": "anchor", "date": "2024-01-02"}
        moved = {"lines": [{"line": "1", "quantity": QUANTITY}], "units": []}
        voter.submit(name, {"op": "shipment.dispatch", **sent, **moved})
        accepted = [{"line": "1", "accepted": QUANTITY, "rejected": 0}]
        found = {"shipment": "S-1", "supplier": name, "date": "2024-01-10", "lines": accepted}
        voter.submit("anchor", {"op": "goods.receive", **found})


def state_sizes(
    folder: Path, sizes: Sequence[int], *, seen: Callable[[int], None] = lambda _: None
) -> dict[str, Any]:
    """Figures at each size, ascending; `seen` is told how many invoices there are."""
    gc.set_threshold(*NODE_GC_THRESHOLDS)
    voter = OneVoter(folder / "sizes")
    _enter_trade(voter)
    suppliers = [(f"supplier{number}", key_of(f"supplier{number}")) for number in range(SUPPLIERS)]
    invoices = Invoices(voter.channel, suppliers, "anchor", "Z")
    there, rows = 0, []

    def grow(count: int) -> tuple[float, float]:
        nonlocal there
        wall = cpu = 0.0
        for first in range(0, count, INVOICES_A_BLOCK):
            size = min(INVOICES_A_BLOCK, count - first)
            made = [invoices.sign(there + number, 1) for number in range(size)]
            begun, used = time.perf_counter(), time.process_time()
            voter.commit(made)
            wall += time.perf_counter() - begun
            cpu += time.process_time() - used
            there += size
            seen(there)
        return wall, cpu

    for size in sorted(sizes):
        grow(max(0, size - there))
        wall, cpu = grow(MEASURED)
        rows.append(
            {
                "invoices": size,
                "invoices_per_second": round(MEASURED / wall),
                "us_per_invoice": round(1e6 * wall / MEASURED, 1),
                "cpu_us_per_invoice": round(1e6 * cpu / MEASURED, 1),
                "disk_bytes_per_invoice": round(disk_bytes(folder / "sizes") / there),
                "resident_mib": round(resident_bytes(os.getpid()) / 2**20),
            }
        )
    voter.close()
    return {"measured": MEASURED, "invoices_a_block": INVOICES_A_BLOCK, "sizes": rows}
