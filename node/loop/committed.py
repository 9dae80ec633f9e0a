"""What a commit means for those who wait for it, and for the node's figures."""

from __future__ import annotations

from collections.abc import Iterable

from ledger.blocks.block import Block
from node.intake.mempool import Pool
from node.intake.outcome import Outcome
from node.statistics import Statistics


def tell_committed(blocks: Iterable[Block], pool: Pool, statistics: Statistics, now_s: float) -> None:
    """Count what these blocks brought; whoever waits for a transaction in them hears of it.

    What was committed waits no more. `now_s` is the loop's clock.
    """
    for block in blocks:
        height = block.height
        statistics.committed_blocks += 1
        statistics.committed_transactions += len(block.transactions)
        statistics.block_transactions.add(len(block.transactions))
        for index, transaction in enumerate(block.transactions):
            result = block.results[index]
            statistics.committed_operations += len(transaction.operations)
            if result:
                statistics.refused_transactions += 1
            entry = pool.remove(transaction.id)
            if entry is None:
                continue
            if entry.own:
                statistics.commit_latency.add((now_s - entry.admitted_s) * 1_000)
            if entry.waiters:
                entry.settle(Outcome(transaction.id, "committed", height, index, result))
