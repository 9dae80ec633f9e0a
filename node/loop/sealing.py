"""When a leader seals a block, and how much goes into it.

In an idle network whatever comes is sealed at once, be it one transaction. While a block is in
flight the next one is sealed only once there is enough for it (as Nagle's algorithm does with
small packets), up to a window. Right after a commit the leader gives the clients that it just
answered a moment to send their next transaction, and seals as soon as as many are there; so a
busy network fills blocks. That moment is about as long as the block before took from its sealing to its
commit, for so long would those wait who come too late for the next one. How many operations fill a
block depends on how long they take here: a node that executes a block hears nobody.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from ledger.limits import MAX_BLOCK_OPERATIONS
from node.intake.mempool import Entry, Pool
from node.limits import (
    GATHER_LEAST_MS,
    GATHER_MOST_MS,
    PIPELINED_SEAL_OPERATIONS,
    SEAL_BYTES,
    SEAL_S,
    SEAL_TRANSACTIONS,
    SEAL_WINDOW_BLOCKS,
)
from node.pace import Span
from node.statistics import Statistics


class Ring(Protocol):
    """A call back that may be given up."""

    def cancel(self) -> object:
        """Do not call."""


class Timer(Protocol):
    """The clock of the loop, in seconds."""

    def time(self) -> float:
        """Now."""

    def call_at(self, when: float, callback: Callable[[], None]) -> Ring:
        """Call back then."""


class Sealing:
    """What waits at one leader, and whether its time has come. Knows nothing of chain and core."""

    def __init__(self, pool: Pool, timer: Timer, statistics: Statistics, look: Callable[[], None]) -> None:
        """`look` is called when what waited for more has waited long enough."""
        self._pool = pool
        self._timer = timer
        self._statistics = statistics
        self._look = look
        self._span = Span(SEAL_S, MAX_BLOCK_OPERATIONS)
        self._commit = 0
        self._last_transactions = 0
        """In the newest block that was sealed: as many clients are answered when it is committed."""
        self._sealed_s = 0.0
        """When the sealing of the newest block began."""
        self._gathered = 0
        """So many transactions there were, or are to come, when the newest commit was seen."""
        self._until_s = 0.0
        self._has_waited = False
        """Whether this was counted since the newest commit."""
        self._in_flight = 0
        self._owes_others = False
        """Whether clients of other nodes have something in the newest blocks."""
        self._ring: Ring | None = None

    def begin(self) -> None:
        """A term of this leader begins: nobody was answered for its last block."""
        self._last_transactions = 0

    def is_time(self, commit: int, in_flight: int) -> bool:
        """Whether to seal now: with this height committed, and so many blocks in flight."""
        self._note(commit)
        self._in_flight = in_flight
        if not self._pool.waiting or in_flight >= SEAL_WINDOW_BLOCKS:
            return False
        if self._pool.waiting_operations >= PIPELINED_SEAL_OPERATIONS:
            return True
        return not in_flight and not self._gathers()

    def expects_more(self, commit: int) -> bool:
        """Whether a block is about to follow, with which the others can be told that this one is committed.

        Clients of other nodes get their answers there, and do not wait for it.
        """
        self._note(commit)
        if self._owes_others or not self._last_transactions or self._timer.time() >= self._until_s:
            return False
        self._set_timer()
        return True

    def take(self) -> list[Entry]:
        """What the next block is to hold; it leaves the queue."""
        return self._pool.take(SEAL_TRANSACTIONS, SEAL_BYTES, self._span.fits)

    def sealed(self, entries: list[Entry], seconds: float) -> None:
        """A block of these was sealed, which took so long."""
        self._last_transactions = len(entries)
        has_others = not all(entry.own for entry in entries)
        self._owes_others = has_others or (self._owes_others and self._in_flight > 0)
        if self._ring is not None:
            self._ring.cancel()
            self._ring = None
        self._sealed_s = self._timer.time() - seconds
        self._span.took(sum([entry.operations for entry in entries]), seconds)

    def _note(self, commit: int) -> None:
        """Something may have been committed since: whom to wait for now, and until when."""
        if commit != self._commit:
            self._commit = commit
            self._until_s = self._timer.time() + self._moment_s()
            self._gathered = self._pool.waiting + self._last_transactions
            self._has_waited = False

    def _moment_s(self) -> float:
        """How long clients that were just answered are waited for."""
        took_s = self._timer.time() - self._sealed_s
        return min(max(took_s, GATHER_LEAST_MS / 1_000), GATHER_MOST_MS / 1_000)

    def _gathers(self) -> bool:
        """Whether to wait for clients that were answered a moment ago: most of them have more to send.

        Without it, clients fall into two halves that take turns, each with a block of its own.
        """
        if self._pool.waiting >= self._gathered or self._timer.time() >= self._until_s:
            return False
        if not self._has_waited:
            self._has_waited = True
            self._statistics.gathering_waits += 1
        self._set_timer()
        return True

    def _set_timer(self) -> None:
        if self._ring is None:
            self._ring = self._timer.call_at(self._until_s, self._rang)

    def _rang(self) -> None:
        self._ring = None
        self._look()
