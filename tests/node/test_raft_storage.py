"""The log that the core reads, in a ledger from the genesis block and in one that began with a snapshot."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "ledger"))
from small_ledger import Node, put

from ledger.blocks.preamble import Preamble
from ledger.proofs.handover import Followed
from ledger.snapshots.staging import Staging, settle
from ledger.state.root import SUBTREES
from node.raft_storage import LedgerLog, configuration_of, election_of, entry_of


def begun_from(source: Node, target: Path) -> Node:
    state = source.chain.pin()
    for _ in state.sort(target.parent):
        pass
    manifest = state.manifest(source.chain.certified())
    taken = Staging.begin(target, manifest, Followed.of(source.chain.genesis))
    taken.take_block(state.block())
    taken.take_state(0, SUBTREES, state.state(0, SUBTREES))
    while (left := taken.recent_left()) is not None:
        taken.take_recent(state.recent(left[0]))
    taken.finish(b"\1" * 32, (1, None, 1), keep_old=False)
    settle(target)
    state.close()
    return Node(target)


@pytest.mark.parametrize("base", [1, 2, 5])
def test_the_log_of_a_snapshot_begins_with_its_block(tmp_path: Path, base: int) -> None:
    """CR-63: nothing is held at i − 1; term, hash and entry of i are; i + 1 can be appended."""
    source = Node(tmp_path / "source")
    for number in range(base):
        source.seal_and_commit(put("x", number, number))
    node = begun_from(source, tmp_path / "target")
    log, whole = LedgerLog(node.store, node.chain), LedgerLog(source.store, source.chain)
    try:
        assert (log.first_index, log.last_index) == (base, base)
        assert log.configurations() == []
        assert (log.term(base - 1), log.entry(base - 1)) == (None, None)
        assert (log.term(base), log.entry(base)) == (whole.term(base), whole.entry(base))
        assert log.entry(base).hash == source.chain.applied.hash
        assert (log.term(base + 1), log.entry(base + 1)) == (None, None)
        certificate = log.certificate(base)
        assert certificate is not None
        assert certificate.hash == source.chain.applied.hash
        block = source.seal_and_commit(put("y", 1, 100))
        node.accept(block)
        node.append(block)
        assert (log.first_index, log.last_index) == (base, base + 1)
        assert log.entry(base + 1) == whole.entry(base + 1)
        assert log.term(base + 2) is None
    finally:
        node.close()
        source.close()


def test_the_log_of_a_fresh_ledger_begins_with_the_genesis_block(tmp_path: Path) -> None:
    """CR-63: first boot."""
    node = Node(tmp_path / "node")
    log = LedgerLog(node.store, node.chain)
    assert (log.first_index, log.last_index) == (0, 0)
    assert log.term(0) == 0
    assert (log.term(1), log.entry(1), log.term(-1)) == (None, None, None)
    assert configuration_of(node.chain.membership).voters == ("n1", "n2", "n3")
    node.close()


def test_an_entry_shows_the_election_that_its_block_carries(tmp_path: Path) -> None:
    """CR-70: of the first block of each term, also as read from the disk."""
    node = Node(tmp_path / "node")
    blocks = [
        node.seal_and_commit(put("x", number, number), term=term) for number, term in enumerate((1, 1, 3))
    ]
    log = LedgerLog(node.store, node.chain)
    elections = []
    for block in blocks:
        entry = entry_of(block)
        assert log.entry(block.height) == entry
        elections.append(entry.election)
    assert [shown.term if shown else None for shown in elections] == [1, None, 3]
    assert elections[2] is not None
    assert election_of(elections[2]) == Preamble.decode(blocks[2].preamble).election
    node.close()
