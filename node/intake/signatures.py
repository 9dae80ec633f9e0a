"""Checks of transaction signatures, arranged so that the loop stays responsive.

A check takes about 40 µs in C and releases the interpreter's lock, but every return to
Python waits for that lock again: on a busy node a thread that checks one signature at a
time spends more time waiting than checking. So few signatures are checked where they
stand, and many are spread over threads in chunks only where there are processors to spare;
elsewhere they are checked in short chunks between which the loop does its other work.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from ledger import keys
from ledger.blocks.transaction import Transaction
from node.limits import INLINE_SIGNATURE_CHECKS, SIGNATURE_CHUNK, SIGNATURE_THREADS

_PROCESSORS_FOR_THREADS = 4
"""With fewer, other threads only take turns with the loop."""


class SignatureChecker:
    """Checks signatures for one node."""

    def __init__(self, threads: int | None = None) -> None:
        if threads is None:
            threads = SIGNATURE_THREADS if (os.cpu_count() or 1) >= _PROCESSORS_FOR_THREADS else 0
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="signatures") if threads else None
        self.at_once = max(threads, 1)
        """How many callers can be served at the same time."""

    def is_immediate(self, count: int) -> bool:
        """Whether so many are checked without letting the loop do anything else in between."""
        return count <= INLINE_SIGNATURE_CHECKS

    async def check(self, transactions: Sequence[Transaction]) -> list[bool]:
        """The verdict on each transaction's own signature, in order."""
        if self.is_immediate(len(transactions)):
            return _verdicts(transactions)
        chunks = [
            transactions[start : start + SIGNATURE_CHUNK]
            for start in range(0, len(transactions), SIGNATURE_CHUNK)
        ]
        verdicts: list[bool] = []
        if self._threads is None:
            for chunk in chunks[:-1]:
                verdicts += _verdicts(chunk)
                await asyncio.sleep(0)
            return verdicts + _verdicts(chunks[-1])
        loop = asyncio.get_running_loop()
        for part in await asyncio.gather(
            *[loop.run_in_executor(self._threads, _verdicts, chunk) for chunk in chunks]
        ):
            verdicts += part
        return verdicts

    def close(self) -> None:
        """Let the threads end."""
        if self._threads is not None:
            self._threads.shutdown(wait=False, cancel_futures=True)


def _verdicts(transactions: Sequence[Transaction]) -> list[bool]:
    return keys.verify_many(
        keys.TRANSACTION_DOMAIN,
        [(transaction.signer, transaction.body, transaction.signature) for transaction in transactions],
    )
