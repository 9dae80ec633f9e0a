"""Blocks in flight: executed here, not committed yet, and possibly never to be.

They stand in a row on top of the applied ledger. `get` reads the newest state, which the
next block executes on: one flat map over all blocks in flight, so that a read costs the
same however many there are. Blocks leave at the bottom when they are committed and at the
top when a new leader overwrites them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ledger import codec, merkle
from ledger.blocks.block import Block
from ledger.chain.execution import Executed
from ledger.members.membership import Membership
from ledger.state.overlay import Reader


@dataclass(frozen=True, slots=True)
class PendingBlock:
    """A block in flight; `history` is the tree over all headers up to its own, `nodes` what it added.

    `membership` governs the block itself, and is that of the next one unless that changes it.
    """

    block: Block
    executed: Executed
    history: merkle.Accumulator
    nodes: list[tuple[int, int, bytes]]
    membership: Membership


_NOT_WRITTEN = object()


class InFlight:
    """The pending blocks, ascending, with the state and the transaction ids that they hold."""

    __slots__ = ("_applied", "_ids", "_is_absent", "_recent", "_values", "blocks")

    def __init__(
        self,
        applied: Reader,
        recent: Callable[[bytes], codec.Value | None],
        is_absent: Callable[[bytes], bool],
    ) -> None:
        """`recent` has many applied values at hand; `is_absent` knows what the newest state lacks."""
        self._applied = applied
        self._recent = recent
        self._is_absent = is_absent
        self._values: dict[bytes, codec.Value | None] = {}
        self._ids: set[bytes] = set()
        self.blocks: list[PendingBlock] = []

    def get(self, key: bytes) -> codec.Value | None:
        """The newest value of a key, or None when there is no entry."""
        value = self._values.get(key, _NOT_WRITTEN)
        if value is not _NOT_WRITTEN:
            return value
        value = self._recent(key)
        if value is not None:
            return value
        return None if self._is_absent(key) else self._applied.get(key)

    def holds(self, identity: bytes) -> bool:
        """Whether a transaction is in one of the blocks."""
        return identity in self._ids

    def push(self, pending: PendingBlock) -> None:
        """Add a block on top."""
        assert not self.blocks or pending.block.height == self.blocks[-1].block.height + 1, "blocks in a row"
        self.blocks.append(pending)
        self._lay(pending)

    def pop_oldest(self, count: int) -> list[PendingBlock]:
        """Take the `count` oldest blocks away; the applied state has their writes now."""
        popped = self.blocks[:count]
        self._keep(self.blocks[count:])
        return popped

    def pop_newest(self, count: int) -> None:
        """Take the `count` newest blocks away; the state is again what it was before them."""
        self._keep(self.blocks[: len(self.blocks) - count])

    def _keep(self, blocks: list[PendingBlock]) -> None:
        """These blocks alone are in flight now: one or two at most times."""
        self.blocks[:] = blocks
        self._values.clear()
        self._ids.clear()
        for pending in blocks:
            self._lay(pending)

    def _lay(self, pending: PendingBlock) -> None:
        self._values.update(pending.executed.values)
        self._ids.update([transaction.id for transaction in pending.block.transactions])
