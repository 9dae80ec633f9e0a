"""What a node offers to its API: submission, reads at the applied height, status, events.

The API never touches consensus or the pool; it sees this class, the chain's reads and the
statistics.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ledger import codec
from ledger.errors import TallyError
from node.statistics import Statistics

if TYPE_CHECKING:
    from ledger.chain import Chain

Status = Literal["committed", "accepted", "refused", "unknown"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one submitted transaction.

    | status | meaning | set |
    |---|---|---|
    | committed | on the ledger, at this place | height, index, result |
    | accepted | taken in, nobody waited for more | |
    | refused | not taken in; nothing is recorded | error |
    | unknown | taken in, may yet be recorded: submit the same bytes again | error |
    """

    id: bytes
    """32 bytes; empty if the bytes are no transaction."""
    status: Status
    height: int | None = None
    index: int | None = None
    result: codec.Value = None
    """() if every operation was applied, else ((operation, code, detail), …)."""
    error: TallyError | None = None


@dataclass(frozen=True, slots=True)
class BlockSummary:
    """An applied block, as subscribers get it."""

    height: int
    hash: bytes
    term: int
    time_ms: int
    proposer: str
    transactions: tuple[bytes, ...]
    """Ids in the order of the block."""
    results: tuple[codec.Value, ...]
    state_root: bytes


Envelope = bytes | tuple[bytes, bytes]
"""A transaction as it is submitted: its canonical bytes, or the array [body, signature] already decoded."""


class Service:
    """One channel's ledger as this node serves it."""

    chain: Chain
    statistics: Statistics

    @property
    def ready(self) -> bool:
        """Whether a client that comes now can expect its transaction to be committed."""
        raise NotImplementedError

    @property
    def not_ready_reason(self) -> str:
        """Why not, in a sentence; empty if ready."""
        raise NotImplementedError

    async def submit(
        self, envelopes: Sequence[Envelope], *, wait: bool = True, timeout_ms: int | None = None
    ) -> list[Outcome]:
        """Take transactions in and, with `wait`, see them on the ledger; outcomes in the order given.

        The same bytes again give the same place on the ledger. Never raises for a bad
        transaction: its outcome says "refused" with the error.
        """
        raise NotImplementedError

    def outcome(self, transaction_id: bytes) -> Outcome | None:
        """Where a transaction stands on the ledger, "accepted" if it is on its way, None if unknown here."""
        raise NotImplementedError

    def block(self, height: int) -> bytes | None:
        """The bytes of an applied block."""
        raise NotImplementedError

    def status(self) -> dict[str, Any]:
        """Node, role, term, leader, heights, head hash, state root, peers, and what is wrong."""
        raise NotImplementedError

    def subscribe(self, after_height: int) -> AsyncIterator[BlockSummary]:
        """Applied blocks above a height, in order, without gaps, until the node stops."""
        raise NotImplementedError
