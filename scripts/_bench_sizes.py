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
from ledger.blocks.certificate import Certificate, sign_ack
from ledger.blocks.clock import Reading
from ledger.blocks.executor import make_genesis_block
from ledger.blocks.genesis import Genesis
from ledger.blocks.transaction import Transaction
from ledger.blocks.vote import Ballot, ElectionCertificate, Vote, sign_vote
from ledger.chain.chain import Chain
from ledger.keys import SigningKey
from ledger.storage.store import Store

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

    def __init__(self, folder: Path, genesis: bytes, key: SigningKey, contracts: Contracts) -> None:
        """Open the ledger of node `NODE` in a folder, a new one or one on which the node has run."""
        self._store = Store.open(folder)
        self._contracts = contracts
        self.chain = Chain.open(self._store, contracts, genesis)
        self.channel = self.chain.channel
        self._key = key
        self._term = max(1, self.chain.head.term)
        self.commit([])

    def submit(self, signer: SigningKey, operation: dict[str, Any]) -> None:
        """One operation in a block of its own."""
        transaction = Transaction.sign(
            signer,
            channel=self.channel,
            operations=[operation],
            valid_until_ms=time.time_ns() // 1_000_000 + 600_000,
            nonce=self.chain.head.height.to_bytes(8, "big"),
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
            term=self._term,
            proposer=NODE,
            key=self._key,
            clocks=[Reading.sign(self._key, self.channel, NODE, now_ms)],
            election=self._election() if head.height == 0 else None,
        )
        hard = max(self._store.hard_state, (self._term, None, 0), key=lambda known: known[0])
        self._store.append([(block.height, block.data)], None, hard)
        ack = (NODE, sign_ack(self._key, self.channel, self._term, block.height, block.hash))
        self.chain.commit(Certificate.of(self._term, block.height, block.hash, [ack]))
        if any(block.results):
            raise SystemExit(f"not applied: {next(result for result in block.results if result)}")

    def _election(self) -> ElectionCertificate:
        ballot = Ballot(self._term, NODE, 0, 0, 0, self.channel)
        vote = Vote(NODE, ballot, sign_vote(self._key, self.channel, ballot))
        return ElectionCertificate.of(self._term, NODE, [vote])

    def close(self) -> None:
        """Close the store."""
        self._store.close()


def _enter_trade(voter: OneVoter) -> None:
    """Orders and goods for as many invoices as any run makes."""
    for number in range(SUPPLIERS):
        name = f"supplier{number}"
        order = {"order": "PO-1", "currency": "USD", "date": "2024-01-01"}
        lines = [{"line": "1", "item": "unit", "quantity": QUANTITY, "price_micros": 10**14}]
        voter.submit(key_of("anchor"), {"op": "order.issue", "supplier": name, "lines": lines, **order})
        sent = {"shipment": "S-1", "order": "PO-1", "buyer": "anchor", "date": "2024-01-02"}
        moved = {"lines": [{"line": "1", "quantity": QUANTITY}], "units": []}
        voter.submit(key_of(name), {"op": "shipment.dispatch", **sent, **moved})
        accepted = [{"line": "1", "accepted": QUANTITY, "rejected": 0}]
        found = {"shipment": "S-1", "supplier": name, "date": "2024-01-10", "lines": accepted}
        voter.submit(key_of("anchor"), {"op": "goods.receive", **found})


def _merging_s() -> float:
    """Processor time of all other threads so far: those in which LevelDB writes and merges its files."""
    return time.process_time() - time.thread_time()


def state_sizes(
    folder: Path, sizes: Sequence[int], *, seen: Callable[[int], None] = lambda _: None
) -> dict[str, Any]:
    """Figures at each size, ascending; `seen` is told how many invoices there are.

    Merging comes in bursts, and is told as what an invoice cost since the size before.
    """
    gc.set_threshold(*NODE_GC_THRESHOLDS)
    document = _document(time.time_ns() // 1_000_000 - 1_000)
    genesis = make_genesis_block(Contracts(), Genesis.from_document(document))
    voter = OneVoter(folder / "sizes", genesis.data, key_of(NODE), Contracts())
    _enter_trade(voter)
    suppliers = [(f"supplier{number}", key_of(f"supplier{number}")) for number in range(SUPPLIERS)]
    invoices = Invoices(voter.channel, suppliers, "anchor", "Z")
    there, rows = 0, []

    def grow(count: int) -> tuple[float, float]:
        """Seconds by the clock, and of this thread's processor time."""
        nonlocal there
        wall = cpu = 0.0
        for first in range(0, count, INVOICES_A_BLOCK):
            size = min(INVOICES_A_BLOCK, count - first)
            made = [invoices.sign(there + number, 1) for number in range(size)]
            begun, used = time.perf_counter(), time.thread_time()
            voter.commit(made)
            wall += time.perf_counter() - begun
            cpu += time.thread_time() - used
            there += size
            seen(there)
        return wall, cpu

    for size in sorted(sizes):
        before, merged_s = there, _merging_s()
        grow(max(0, size - there))
        wall, cpu = grow(MEASURED)
        rows.append(
            {
                "invoices": size,
                "invoices_per_second": round(MEASURED / wall),
                "us_per_invoice": round(1e6 * wall / MEASURED, 1),
                "cpu_us_per_invoice": round(1e6 * cpu / MEASURED, 1),
                "merging_us_per_invoice": round(1e6 * (_merging_s() - merged_s) / (there - before), 1),
                "disk_bytes_per_invoice": round(disk_bytes(folder / "sizes") / there),
                "resident_mib": round(resident_bytes(os.getpid()) / 2**20),
            }
        )
    voter.close()
    return {"measured": MEASURED, "invoices_a_block": INVOICES_A_BLOCK, "sizes": rows}
