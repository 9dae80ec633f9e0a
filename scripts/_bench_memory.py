"""Measurement of `scripts/bench`: whether a node's memory stays flat over a long run.

| part | load | memory |
|---|---|---|
| growing | new invoices: the state grows with each | may grow by a few bytes for each: said per invoice |
| rewriting | the same 512 programmes are published again and again: the state stays as it is | must be flat |

Anonymous memory is sampled, without mapped files, whose pages the system takes back when it likes.
LevelDB's write buffers fill and empty (twice 64 MiB), so peaks of whole thirds of a part are compared,
not single samples: a third should last longer than a buffer takes to fill, two minutes or so.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import uvloop
from _bench_load import (
    BUNDLE,
    Invoices,
    Shape,
    anonymous_bytes,
    drive,
    enter_trade,
    leader_of,
    resident_bytes,
    running,
    shapes,
)

from clients.network import Network
from ledger import codec
from ledger.blocks.transaction import Transaction
from ledger.keys import SigningKey

Note = Callable[[str], None]

SAMPLES = 24
"""In each part."""
CONNECTIONS = 4
PROGRAMMES = 512
FLAT_MIB = 4.0
"""What one third's peak may lie above that of the third before: a page here and there is no leak."""
MIB = 2**20


class Programmes:
    """Signed transactions that publish a fixed set of a lender's programmes again and again."""

    def __init__(self, channel: bytes, lender: SigningKey) -> None:
        self._channel = channel
        self._lender = lender
        self._next = 0

    def sign(self) -> Transaction:
        """The next programme, with other terms than last time."""
        number = self._next
        self._next += 1
        terms = {
            "currency": "USD",
            "limits": [{"obligor": "anchor", "limit": 10**9}],
            "discount_rate_ppm": 10_000 + number % 50_000,
            "fee_ppm": 2_500,
        }
        publish = {"op": "programme.publish", "programme": f"p{number % PROGRAMMES}", "terms": terms}
        return Transaction.sign(
            self._lender,
            channel=self._channel,
            operations=[publish],
            valid_until_ms=int(time.time() * 1000) + 600_000,
            nonce=(number + 1).to_bytes(8, "big"),
        )

    def shape(self) -> Shape:
        """Bundles of them."""
        return Shape(
            "r",
            f"bundles of {BUNDLE} transactions that rewrite {PROGRAMMES} programmes",
            f"/v1/channels/{self._channel.hex()}/bundles?wait=committed",
            BUNDLE,
            BUNDLE,
            lambda _client: codec.encode(tuple(self.sign().parts for _ in range(BUNDLE))),
        )


def memory(folder: Path, *, minutes: float, note: Note) -> dict[str, Any]:
    """Both parts on one network of three nodes, each for half of the time."""
    with running(folder, 3) as net:
        invoices = Invoices(net.channel, enter_trade(net), "anchor", "M")
        new = next(shape for shape in shapes(invoices, net.channel.hex()) if shape.name == "b")
        again = Programmes(net.channel, net.profile("lender").signing_key()).shape()
        growing = _watch(net, new, minutes / 2, note)
        rewriting = _watch(net, again, minutes / 2, note)
    return {
        "minutes": minutes,
        "growing": growing,
        "rewriting": rewriting,
        "bytes_per_invoice": growing["bytes_per_transaction"],
        "bar_growth_mib": FLAT_MIB,
        "is_flat": max(rewriting["growth_mib"].values()) <= FLAT_MIB,
    }


def _watch(net: Network, shape: Shape, minutes: float, note: Note) -> dict[str, Any]:
    pids = {node.id: node.pid for node in net.nodes}
    samples: list[dict[str, float]] = []
    files: list[float] = []
    transactions: list[int] = []
    for number in range(SAMPLES):
        cell = uvloop.run(drive(shape, CONNECTIONS, 60 * minutes / SAMPLES, leader_of(net), pids))
        transactions.append(cell.transactions + (transactions[-1] if transactions else 0))
        samples.append({name: anonymous_bytes(pid) / MIB for name, pid in pids.items()})
        files.append(max((resident_bytes(pid) - anonymous_bytes(pid)) / MIB for pid in pids.values()))
        shown = ", ".join(f"{name} {size:.0f}" for name, size in samples[-1].items())
        place = f"{number + 1} of {SAMPLES}, {transactions[-1]:,} transactions"
        note(f"memory, {shape.title}: {place}; MiB {shown}")
    third = SAMPLES // 3
    last, before = samples[-third:], samples[-2 * third : -third]
    return {
        "transactions": transactions[-1],
        "transactions_at_samples": transactions,
        "mib": {name: [round(sample[name], 1) for sample in samples] for name in pids},
        "mapped_files_mib": [round(size, 1) for size in files],
        "most_mib": round(max(max(sample.values()) for sample in samples), 1),
        "growth_mib": {
            name: round(max(sample[name] for sample in last) - max(sample[name] for sample in before), 1)
            for name in pids
        },
        "bytes_per_transaction": {
            name: round(MIB * _slope(transactions[third:], [sample[name] for sample in samples[third:]]), 1)
            for name in pids
        },
    }


def _slope(places: Sequence[float], values: Sequence[float]) -> float:
    """Of the line that lies nearest to the points, by least squares."""
    middle_place, middle_value = sum(places) / len(places), sum(values) / len(values)
    spread = sum((place - middle_place) ** 2 for place in places)
    both = sum((p - middle_place) * (v - middle_value) for p, v in zip(places, values, strict=True))
    return both / spread if spread else 0.0


def memory_line(found: Mapping[str, Any]) -> str:
    """The result in a sentence."""
    growing, rewriting = found["growing"], found["rewriting"]
    by_growth = max(found["bytes_per_invoice"].values())
    by_rewriting = max(rewriting["bytes_per_transaction"].values())
    peak = max(rewriting["growth_mib"].values())
    return (
        f"{found['minutes']:g} minutes; {growing['transactions']:,} new invoices: at most "
        f"{growing['most_mib']:.0f} MiB a node, {by_growth:+.0f} bytes an invoice after the first third; "
        f"then {rewriting['transactions']:,} transactions that rewrite {PROGRAMMES} entries: at most "
        f"{rewriting['most_mib']:.0f} MiB, last third's peak {peak:+.1f} MiB over the one before "
        f"(bar: {found['bar_growth_mib']:+.0f} MiB), {by_rewriting:+.0f} bytes a transaction"
    )
