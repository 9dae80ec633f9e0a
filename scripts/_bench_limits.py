"""Limits of the machine, taken in the same run as what is measured beside them."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

from ledger.keys import SigningKey, verify
from ledger.storage.database import plyvel


def signature_checks_per_second() -> float:
    """Ed25519 checks of a 250-byte message on one core, best of three rounds."""
    return _best_rate(_check(), 3_000)


def signature_check_cpu_us() -> float:
    """Processor time of one, best of many short rounds: other work on the machine hardly counts."""
    check, best = _check(), float("inf")
    for _ in range(60):
        begun = time.process_time()
        for _ in range(20):
            check()
        best = min(best, (time.process_time() - begun) / 20)
    return 1e6 * best


def _check() -> Callable[[], object]:
    key = SigningKey.from_seed(bytes(32))
    message = bytes(250)
    domain = b"bench\0"
    signature = key.sign(domain, message)
    return lambda: verify(key.public, domain, message, signature)


def synced_writes_per_second(folder: Path) -> float:
    """LevelDB puts of 250 bytes, each synced, best of three rounds."""
    path = folder / "limit"
    database = plyvel.DB(str(path), create_if_missing=True)
    counter = iter(range(10**9))
    value = bytes(250)
    rate = _best_rate(lambda: database.put(b"%d" % next(counter), value, sync=True), 400)
    database.close()
    shutil.rmtree(path)
    return rate


def _best_rate(action: Callable[[], object], times: int) -> float:
    best = 0.0
    for _ in range(3):
        begun = time.perf_counter()
        for _ in range(times):
            action()
        best = max(best, times / (time.perf_counter() - begun))
    return best
