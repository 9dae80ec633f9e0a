"""The pool: transactions that this node took in and has not yet seen on its ledger.

An entry is made when a transaction is admitted and ends when the block that holds it is
applied here, or when block time has passed its `valid_until_ms`, so that it never can be.
In between it is in one of three states (besides `taken`, while it passes from the first to
another):

| state | meaning | next |
|---|---|---|
| waiting | in the queue, to be sealed here or forwarded to the leader | sealed, forwarded |
| forwarded | sent to a leader | waiting again when the leader changes, or after a while |
| sealed | in a block of this node's chain that is not committed | waiting again if the block is dropped |

Whether a transaction is on the way is asked of the chain, never remembered here: after any
change of leader everything that the chain does not hold waits again, in the order of
admission. Sending twice is harmless, because a chain takes an id once.

Fair share. An organisation may have as many transactions in flight as there is free room
for others (the dynamic threshold of Choudhury and Hahne, 1998): one alone gets half of the
pool, two get a third each, and a newcomer always finds room.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

from ledger.blocks.executor import Prepared
from ledger.limits import MAX_BLOCK_OPERATIONS
from node.errors import NotAdmitted
from node.intake.outcome import Outcome
from node.limits import MAX_POOL_BYTES, MAX_POOL_TRANSACTIONS

WAITING, TAKEN, FORWARDED, SEALED, ENDED = "waiting", "taken", "forwarded", "sealed", "ended"


class Waiter(Protocol):
    """Who waits for the outcomes of transactions."""

    def settle(self, place: int, outcome: Outcome, /) -> None:
        """One transaction's outcome is known; called in the middle of a commit, and so must not raise."""


class Submission:
    """The wait of one request for the outcomes of its transactions: one future for all of them."""

    __slots__ = ("done", "outcomes", "remaining")

    def __init__(self, outcomes: list[Outcome | None], remaining: int) -> None:
        self.outcomes = outcomes
        self.remaining = remaining
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def settle(self, place: int, outcome: Outcome) -> None:
        """One transaction's outcome is known."""
        if self.outcomes[place] is None:
            self.remaining -= 1
        self.outcomes[place] = outcome
        if self.remaining == 0:
            self.give_up()

    def give_up(self) -> None:
        """Wait no longer, whatever is still missing."""
        if not self.done.done():
            self.done.set_result(None)


@dataclass(slots=True, eq=False)
class Entry:
    """One transaction on its way; its signature has been checked."""

    prepared: Prepared
    organisation: str
    admitted_s: float
    """Loop time."""
    own: bool
    """Handed in by a client of this node, not forwarded by another node."""
    state: str = WAITING
    offered: int = 0
    """How often it was given to a leader, this node included."""
    forwarded_s: float = 0.0
    waiters: list[tuple[Waiter, int]] = field(default_factory=list)

    @property
    def id(self) -> bytes:
        """The transaction's id."""
        return self.prepared.transaction.id

    @property
    def operations(self) -> int:
        """Operations in the transaction."""
        return len(self.prepared.transaction.operations)

    def settle(self, outcome: Outcome) -> None:
        """Tell everybody who waits."""
        for waiter, place in self.waiters:
            waiter.settle(place, outcome)
        self.waiters.clear()


class LoneSubmission:
    """The wait of one request for the outcome of its one transaction: without a task, and without a future.

    `told` is called once, in a loop turn of its own.
    """

    __slots__ = ("_entry", "_loop", "_timer", "_told")

    def __init__(
        self,
        entry: Entry,
        told: Callable[[Outcome], None],
        unknown: Callable[[bytes], Outcome],
        timeout_s: float,
    ) -> None:
        """`unknown` makes the outcome for when the time is up, from the id."""
        self._entry = entry
        self._told = told
        self._loop = asyncio.get_running_loop()
        self._timer = self._loop.call_later(timeout_s, self._give_up, unknown)
        entry.waiters.append((self, 0))

    def settle(self, _place: int, outcome: Outcome, /) -> None:
        """Its outcome is known."""
        self._timer.cancel()
        self._loop.call_soon(self._told, outcome)

    def _give_up(self, unknown: Callable[[bytes], Outcome]) -> None:
        entry = self._entry
        entry.waiters = [waiter for waiter in entry.waiters if waiter[0] is not self]
        self._told(unknown(entry.id))


@dataclass(slots=True)
class _Share:
    transactions: int = 0
    size_bytes: int = 0


class Pool:
    """The entries of one node, in the order of admission."""

    def __init__(
        self, max_transactions: int = MAX_POOL_TRANSACTIONS, max_bytes: int = MAX_POOL_BYTES
    ) -> None:
        self._max_transactions = max_transactions
        self._max_bytes = max_bytes
        self._entries: dict[bytes, Entry] = {}
        self._queue: deque[Entry] = deque()
        self._shares: dict[str, _Share] = {}
        self._waiting = 0
        self._waiting_operations = 0
        self._size_bytes = 0
        self._own = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, transaction_id: bytes) -> bool:
        return transaction_id in self._entries

    @property
    def waiting(self) -> int:
        """Transactions in the queue."""
        return self._waiting

    @property
    def waiting_operations(self) -> int:
        """Operations of the transactions in the queue."""
        return self._waiting_operations

    @property
    def size_bytes(self) -> int:
        """Bytes of all entries' transactions."""
        return self._size_bytes

    @property
    def own(self) -> int:
        """Entries of this node's own clients."""
        return self._own

    def entry(self, transaction_id: bytes) -> Entry | None:
        """The entry with this id."""
        return self._entries.get(transaction_id)

    def prepared(self, transaction_id: bytes) -> Prepared | None:
        """The checked form of a transaction that is in the pool."""
        entry = self._entries.get(transaction_id)
        return None if entry is None else entry.prepared

    def check_room(self, organisation: str, transactions: int, size_bytes: int) -> None:
        """Check that so much more of an organisation fits, before the work of checking signatures.

        Raises:
            NotAdmitted: busy or too_many_in_flight.
        """
        free = self._max_transactions - len(self._entries)
        free_bytes = self._max_bytes - self._size_bytes
        if transactions > free or size_bytes > free_bytes:
            raise NotAdmitted(
                "busy", "this node's queue is full", found=len(self._entries), expected=self._max_transactions
            )
        share = self._shares.get(organisation)
        held, held_bytes = (share.transactions, share.size_bytes) if share else (0, 0)
        if held + transactions > free or held_bytes + size_bytes > free_bytes:
            raise NotAdmitted(
                "too_many_in_flight",
                f"{organisation} has used up its share of this node's queue",
                found=held + transactions,
                expected=f"at most {free} transactions in flight now",
            )

    def add(self, entry: Entry, *, queue: bool = True) -> None:
        """Take in a transaction that passed every check; `queue` unless the chain holds it already."""
        assert entry.id not in self._entries, "one entry for each id"
        size = entry.prepared.transaction.size
        self._entries[entry.id] = entry
        self._size_bytes += size
        self._own += entry.own
        share = self._shares.get(entry.organisation)
        if share is None:
            share = self._shares[entry.organisation] = _Share()
        share.transactions += 1
        share.size_bytes += size
        if queue:
            self._append(entry)
        else:
            entry.state = SEALED

    def adopt(self, entry: Entry) -> None:
        """A client of this node waits for an entry that another node forwarded."""
        if not entry.own:
            entry.own = True
            self._own += 1

    def take(self, most: int, most_bytes: int, most_operations: int = MAX_BLOCK_OPERATIONS) -> list[Entry]:
        """Entries from the head of the queue that together keep the three bounds; they leave the queue."""
        taken: list[Entry] = []
        size = operations = 0
        queue = self._queue
        while queue and len(taken) < most:
            if queue[0].state is not WAITING:
                queue.popleft()
                continue
            transaction = queue[0].prepared.transaction
            size += transaction.size
            operations += len(transaction.operations)
            if taken and (size > most_bytes or operations > most_operations):
                break
            entry = queue.popleft()
            entry.state = TAKEN
            taken.append(entry)
        self._waiting -= len(taken)
        self._waiting_operations -= sum([entry.operations for entry in taken])
        return taken

    def put_back(self, entries: Iterable[Entry]) -> None:
        """Return entries to the head of the queue, in their order."""
        for entry in reversed(list(entries)):
            assert entry.state is not WAITING, "what waits is in the queue once"
            entry.state = WAITING
            self._queue.appendleft(entry)
            self._waiting += 1
            self._waiting_operations += entry.operations

    def remove(self, transaction_id: bytes) -> Entry | None:
        """End an entry; None if there is none with this id."""
        entry = self._entries.pop(transaction_id, None)
        if entry is None:
            return None
        self._forget(entry)
        return entry

    def requeue(self, is_known: Callable[[bytes], bool], keep: Callable[[Entry], bool]) -> None:
        """After a change of leader: everything that the chain does not hold waits again.

        Entries that `keep` refuses are forgotten: the node that forwarded them does so again.
        """
        self._queue.clear()
        self._waiting = self._waiting_operations = 0
        for entry in list(self._entries.values()):
            if is_known(entry.id):
                entry.state = SEALED
            elif keep(entry):
                self._append(entry)
            else:
                entry.state = SEALED
                del self._entries[entry.id]
                self._forget(entry)

    def requeue_overdue(self, before_s: float, is_known: Callable[[bytes], bool]) -> None:
        """Forwarded entries without an outcome since a loop time wait again."""
        for entry in self._entries.values():
            if entry.state is FORWARDED and entry.forwarded_s < before_s and not is_known(entry.id):
                self._append(entry)

    def expire(self, block_time_ms: int) -> Iterator[Entry]:
        """End, and hand out, the entries that no block can hold any more."""
        expired = [
            entry
            for entry in self._entries.values()
            if entry.prepared.transaction.valid_until_ms < block_time_ms and entry.state is not SEALED
        ]
        for entry in expired:
            del self._entries[entry.id]
            self._forget(entry)
            yield entry

    def __iter__(self) -> Iterator[Entry]:
        return iter(list(self._entries.values()))

    def _append(self, entry: Entry) -> None:
        entry.state = WAITING
        self._queue.append(entry)
        self._waiting += 1
        self._waiting_operations += entry.operations

    def _forget(self, entry: Entry) -> None:
        """Take an entry off the books; what is left of it in the queue is skipped later."""
        if entry.state is WAITING:
            self._waiting -= 1
            self._waiting_operations -= entry.operations
        entry.state = ENDED
        size = entry.prepared.transaction.size
        self._size_bytes -= size
        self._own -= entry.own
        share = self._shares[entry.organisation]
        share.transactions -= 1
        share.size_bytes -= size
        if share.transactions == 0:
            del self._shares[entry.organisation]
