"""A leader's blocks: sealed on the head of its chain, and proposed to the core.

`sealing` says when, and of how much; the driver says whether this node leads.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

import structlog

from consensus.errors import ProposalRefused
from consensus.raft import Raft
from ledger.blocks import vote
from ledger.blocks.block import Block
from ledger.blocks.executor import Prepared
from ledger.chain.chain import Chain
from ledger.errors import BlockInvalid, TooLarge
from ledger.keys import SigningKey
from ledger.members.membership import Membership
from node.intake import mempool
from node.intake.mempool import Pool
from node.loop.clocks import Clocks
from node.loop.sealing import Sealing
from node.raft_storage import entry_of
from node.statistics import Statistics

log = structlog.get_logger(component="driver")


class Proposer:
    """Makes one node's blocks while it leads."""

    def __init__(
        self,
        *,
        node: str,
        key: SigningKey,
        chain: Chain,
        raft: Raft,
        pool: Pool,
        clocks: Clocks,
        sealing: Sealing,
        statistics: Statistics,
        clock_s: Callable[[], float],
    ) -> None:
        self._node = node
        self._key = key
        self._chain = chain
        self._raft = raft
        self._pool = pool
        self._clocks = clocks
        self._sealing = sealing
        self._statistics = statistics
        self._clock_s = clock_s

    def seal(self) -> bool:
        """Seal what waits; whether a block was proposed."""
        entries = self._sealing.take()
        began_s = perf_counter()
        try:
            block = self.propose([entry.prepared for entry in entries], self._raft.term)
        except BlockInvalid:
            self._pool.put_back(self._fitting(entries))
            return self._pool.waiting > 0
        if block is None:
            self._pool.put_back(entries)
            return False
        sealed = len(block.transactions)
        self._sealing.sealed(entries[:sealed], perf_counter() - began_s)
        for entry in entries[:sealed]:
            entry.state = mempool.SEALED
            entry.offered += 1
        self._pool.put_back(entries[sealed:])
        return True

    def _fitting(self, entries: list[mempool.Entry]) -> list[mempool.Entry]:
        """Those that a block may hold now; the others wait until they expire, or their time has come."""
        now_ms, _ = self._chain.next_time(self._clocks.readings_after(self._chain.head.time_ms))
        fitting = []
        for entry in entries:
            objection = self._chain.objection(entry.prepared.transaction, now_ms)
            if objection is None:
                fitting.append(entry)
            elif objection.code == "duplicate_transaction":
                entry.state = mempool.SEALED
            else:
                entry.state = mempool.FORWARDED
                entry.forwarded_s = self._clock_s()
        return fitting

    def propose(
        self,
        prepared: list[Prepared],
        term: int,
        *,
        election: vote.ElectionCertificate | None = None,
        membership: Membership | None = None,
    ) -> Block | None:
        """Seal and propose a block of as many of these as fit; None if the core does not take it."""
        while True:
            try:
                block = self._chain.seal(
                    prepared,
                    term=term,
                    proposer=self._node,
                    key=self._key,
                    clocks=self._clocks.readings_after(self._chain.head.time_ms),
                    election=election,
                    membership=membership,
                )
                break
            except TooLarge:
                assert len(prepared) > 1, "one transaction and its result always fit a block"
                prepared = prepared[: len(prepared) // 2]
        try:
            self._raft.propose((entry_of(block),))
        except ProposalRefused as refusal:
            self._chain.drop_from(block.height)
            log.info("proposal_refused", height=block.height, reason=str(refusal))
            return None
        self._statistics.sealed_blocks += 1
        return block
