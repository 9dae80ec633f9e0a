"""What the leader is about to seal, sent ahead of the block and checked by the others while it is sealed.

    ["ahead", [[body, signature], …]]               leader to as many others as a quorum needs

While a leader executes a small block the others would wait for it, and then it for them. So they read the
transactions and check their signatures in that time, which is about half of what they have to do for the
block. Whom the leader does not wait for is not told, since every message costs both sides.

The message promises nothing: a block is judged by its own bytes, and one that nobody sent ahead, or that was
lost, is checked when it comes. A large block is not sent ahead: where there is one, nobody waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ledger import codec
from ledger.errors import Malformed, TallyError
from ledger.transaction import Transaction
from node.errors import PeerRefused
from node.limits import AHEAD_BYTES, AHEAD_LEAST, AHEAD_MOST, MAX_AHEAD_KEPT, SEAL_WINDOW_BLOCKS
from node.mempool import Pool

if TYPE_CHECKING:
    from ledger.block import Block
    from ledger.executor import Executor, Prepared

AHEAD = "ahead"
"""The message's kind."""


def message(transactions: Sequence[Transaction]) -> codec.Value | None:
    """What to send ahead of a block of these; None if nothing would be gained."""
    if not AHEAD_LEAST <= len(transactions) <= AHEAD_MOST:
        return None
    if sum([transaction.size for transaction in transactions]) > AHEAD_BYTES:
        return None
    return (AHEAD, tuple([transaction.parts for transaction in transactions]))


class Ahead:
    """Transactions that were checked before the block that holds them has come."""

    def __init__(self, executor: Executor, pool: Pool) -> None:
        self._executor = executor
        self._pool = pool
        self._loop = asyncio.get_running_loop()
        self._since_block = 0
        """Messages since a block came: whoever sends more than it has blocks in flight is not heard."""
        self._checked: dict[tuple[bytes, bytes], Prepared] = {}
        """By body and signature; the oldest first."""

    def take_in(self, envelopes: codec.Value, refused: Callable[[TallyError], None]) -> None:
        """The leader says what it is about to seal; `refused` is told what it cannot have taken in.

        It is checked in a turn of its own, not in the link's: a link that takes long has to rest, and the
        block comes by the same.

        Raises:
            Malformed: not a list of transactions.
        """
        if type(envelopes) is not tuple or len(envelopes) > AHEAD_MOST:
            raise Malformed(AHEAD, field=AHEAD, expected=f"at most {AHEAD_MOST} envelopes")
        self._since_block += 1
        if self._since_block <= SEAL_WINDOW_BLOCKS:
            self._loop.call_soon(self._check_all, envelopes, refused)

    def _check_all(self, envelopes: tuple[codec.Value, ...], refused: Callable[[TallyError], None]) -> None:
        try:
            for parts in envelopes:
                self._checked[parts] = self._check(Transaction.from_parts(parts))
        except TallyError as error:
            refused(error)
        while len(self._checked) > MAX_AHEAD_KEPT:
            del self._checked[next(iter(self._checked))]

    def _check(self, transaction: Transaction) -> Prepared:
        held = self._pool.prepared(transaction.id)
        if held is not None and held.transaction.signature == transaction.signature:
            return held
        if not transaction.signature_ok():
            raise PeerRefused("sent ahead what it had to refuse", code="bad_forward")
        return self._executor.prepare(transaction)

    def read(self, parts: codec.Value) -> Transaction:
        """The transaction of an envelope in a block, which need not be decoded if it was sent ahead.

        Raises:
            Malformed, NonCanonical, TooLarge: with the field that is wrong.
        """
        if not self._checked:  # before large blocks nothing was sent
            return Transaction.from_parts(parts)
        is_envelope = type(parts) is tuple and [type(part) for part in parts] == [bytes, bytes]
        checked = self._checked.get(parts) if is_envelope else None
        return Transaction.from_parts(parts) if checked is None else checked.transaction

    def sort(self, block: Block) -> tuple[dict[bytes, Prepared], list[Transaction]]:
        """The transactions of a block that has come: by id those that were checked before, and the others."""
        self._since_block = 0
        checked: dict[bytes, Prepared] = {}
        unknown: list[Transaction] = []
        for transaction in block.transactions:
            found = self._checked.pop(transaction.parts, None) if self._checked else None
            found = found or self._pool.prepared(transaction.id)
            if found is not None and found.transaction.signature == transaction.signature:
                checked[transaction.id] = found
            else:
                unknown.append(transaction)
        return checked, unknown
