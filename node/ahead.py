"""What the leader is about to seal, sent ahead of the block and checked by the others while it is sealed.

    ["ahead", [[body, signature], …]]               leader to the others

While a leader executes a small block the others would wait for it, and then it for them. So they read the
transactions and check their signatures in that time, which is about half of what they have to do for the
block. The message promises nothing: a block is judged by its own bytes, and one that nobody sent ahead, or
that was lost, is checked when it comes. A large block is not sent ahead: where there is one, nobody waits.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ledger import codec
from ledger.errors import Malformed
from ledger.transaction import Transaction
from node.limits import AHEAD_BYTES, AHEAD_LEAST, AHEAD_MOST, MAX_AHEAD_KEPT
from node.mempool import Pool

if TYPE_CHECKING:
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
        self._checked: dict[tuple[bytes, bytes], Prepared] = {}
        """By body and signature; the oldest first."""

    def take_in(self, envelopes: codec.Value) -> None:
        """The leader says what it is about to seal.

        Raises:
            Malformed: something that an honest leader has not taken in.
        """
        if type(envelopes) is not tuple or len(envelopes) > AHEAD_MOST:
            raise Malformed(AHEAD, field=AHEAD, expected=f"at most {AHEAD_MOST} envelopes")
        for parts in envelopes:
            transaction = Transaction.from_parts(parts)
            held = self._pool.prepared(transaction.id)
            if held is None or held.transaction.signature != transaction.signature:
                if not transaction.signature_ok():
                    raise Malformed(AHEAD, field="signature", expected="the signer's")
                held = self._executor.prepare(transaction)
            self._checked[parts] = held
        while len(self._checked) > MAX_AHEAD_KEPT:
            del self._checked[next(iter(self._checked))]

    def read(self, parts: codec.Value) -> Transaction:
        """The transaction of an envelope in a block, which need not be decoded if it was sent ahead.

        Raises:
            Malformed, NonCanonical, TooLarge: with the field that is wrong.
        """
        is_envelope = type(parts) is tuple and [type(part) for part in parts] == [bytes, bytes]
        checked = self._checked.get(parts) if is_envelope else None
        return Transaction.from_parts(parts) if checked is None else checked.transaction

    def checked(self, transaction: Transaction) -> Prepared | None:
        """The checked form of a transaction in a block, if there is one; it is not kept any longer."""
        checked = self._checked.pop(transaction.parts, None)
        if checked is None:
            checked = self._pool.prepared(transaction.id)
        is_same = checked is not None and checked.transaction.signature == transaction.signature
        return checked if is_same else None
