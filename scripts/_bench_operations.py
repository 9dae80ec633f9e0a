"""Measurement of `scripts/bench --operations`: what executing each operation of the table costs.

In one process: the real contracts over state rows in a real LevelDB, on random business of the campaign
(`tests/contracts/campaign`), which reaches every operation. Each operation that is taken is executed several
times on a fresh overlay before it is committed, and the middle of the times counts. Before anything else
the database gets rows of a larger ledger, so that reads have files to look through.

| figure | of one execution |
|---|---|
| µs | the contracts alone: roles, rules, reads, writes; no signature, no state tree, no block |
| read, written | state entries that are asked for once, and that are changed or deleted |
| bytes | of the changed entries, keys and values, and of new lines of histories |
| tx bytes | of the signed transaction with this one operation |
"""

from __future__ import annotations

import math
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "tests" / "contracts"))

from campaign.episodes import play_episode  # noqa: E402
from campaign.ledger import BLOCK_MS, CampaignLedger  # noqa: E402

from contracts.executor import Prepared  # noqa: E402
from contracts.registry import OPERATIONS  # noqa: E402
from ledger import codec  # noqa: E402
from ledger.blocks.transaction import Transaction  # noqa: E402
from ledger.state.overlay import Overlay, state_key  # noqa: E402
from ledger.storage.database import Rows, open_database  # noqa: E402
from ledger.storage.rows import STATE  # noqa: E402

REPEATS = 5
"""Executions of each operation, of which the middle time counts."""
ROWS = 100_000
"""State entries that the database holds of others before the first operation."""
OPERATIONS_A_LEDGER = 400
ENOUGH = 3
"""Samples of each operation that are wanted; the bench ends when the rarest has so many."""
MOST_LEDGERS = 80


class Sample(NamedTuple):
    """One operation as it was executed."""

    us: float
    read: int
    written: int
    size_bytes: int
    transaction_bytes: int


class StateRows:
    """State entries in LevelDB, read as a node reads them, and counted."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._rows = Rows(open_database(folder, create=True))
        self.reads = 0

    def get(self, key: bytes) -> codec.Value | None:
        """The value of a state key."""
        self.reads += 1
        data = self._rows.get(STATE + key)
        return None if data is None else codec.decode(data)

    def put(self, changed: Mapping[bytes, bytes | None]) -> None:
        """Write entries; None deletes."""
        batch = self._rows.batch()
        for key, data in changed.items():
            if data is None:
                batch.delete(STATE + key)
            else:
                batch.put(STATE + key, data)
        self._rows.write(batch)

    def fill(self, count: int) -> None:
        """Rows as invoices of others are: found by nobody, and in the way of whoever looks."""
        value = bytes(300)
        for first in range(0, count, 1_000):
            place = range(first, min(count, first + 1_000))
            self.put({state_key("invoice", f"other{number % 97}", f"I{number}"): value for number in place})

    def close(self) -> None:
        """Close the database."""
        self._rows.close()


class MeasuredLedger(CampaignLedger):
    """A campaign's ledger that measures each operation instead of checking every law."""

    def __init__(
        self, parameters: dict[str, int | str], rows: StateRows, samples: dict[str, list[Sample]]
    ) -> None:
        self._stored = rows
        self._samples = samples
        super().__init__(parameters)

    def execute(self, transaction: Transaction) -> codec.Value:
        """Measure, then execute as the campaign does."""
        prepared = self.contracts.prepare(transaction)
        if len(prepared.operations) == 1:
            self._measure(prepared)
        return super().execute(transaction)

    def _measure(self, prepared: Prepared) -> None:
        times = []
        for _ in range(REPEATS):
            self._stored.reads = 0
            overlay = Overlay(self._stored)
            begun = time.perf_counter_ns()
            refused = self.contracts.execute(overlay, prepared, self.time_ms + BLOCK_MS)
            times.append((time.perf_counter_ns() - begun) / 1_000)
            if refused:
                return
        size = sum(
            len(key) + (0 if value is None else len(codec.encode(value)))
            for key, value in overlay.writes.items()
        )
        size += sum(len(record) for _, _, record in overlay.records)
        self._samples[prepared.operations[0].op].append(
            Sample(
                statistics.median(times),
                self._stored.reads,
                len(overlay.writes),
                size,
                len(prepared.transaction.envelope),
            )
        )

    def _apply(self, overlay: Overlay) -> dict[bytes, bytes | None]:
        changed = super()._apply(overlay)
        self._stored.put({key: self.state.data.get(key) for key in changed})
        return changed

    def _check(self, changed: dict[bytes, bytes | None], *, is_one_step: bool) -> None:
        """The campaign does this; here it would only take time."""


def operations(folder: Path, *, seen: Callable[[int, int], None], seed: int = 1) -> dict[str, Any]:
    """Figures of every operation; `seen` is told how many have enough samples, of how many."""
    samples: dict[str, list[Sample]] = defaultdict(list)
    ledgers = 0
    while ledgers < MOST_LEDGERS and any(len(samples[name]) < ENOUGH for name in OPERATIONS):
        rows = StateRows(folder / f"state{ledgers}")
        rows.fill(ROWS if ledgers == 0 else ROWS // 10)
        play_episode(
            seed + ledgers,
            OPERATIONS_A_LEDGER,
            lambda parameters, rows=rows: MeasuredLedger(parameters, rows, samples),  # type: ignore[misc]
        )
        rows.close()
        ledgers += 1
        seen(sum(len(samples[name]) >= ENOUGH for name in OPERATIONS), len(OPERATIONS))
    return {
        "rows_before": ROWS,
        "ledgers": ledgers,
        "operations": {name: _figures(samples[name]) for name in OPERATIONS if samples[name]},
        "never_taken": [name for name in OPERATIONS if not samples[name]],
    }


def _figures(found: list[Sample]) -> dict[str, float]:
    return {
        "samples": len(found),
        "us_p50": round(statistics.median(sample.us for sample in found), 1),
        "us_p90": round(sorted(sample.us for sample in found)[math.ceil(0.9 * len(found)) - 1], 1),
        "read_p50": statistics.median_high(sample.read for sample in found),
        "written_p50": statistics.median_high(sample.written for sample in found),
        "bytes_p50": statistics.median_high(sample.size_bytes for sample in found),
        "transaction_bytes_p50": statistics.median_high(sample.transaction_bytes for sample in found),
    }
