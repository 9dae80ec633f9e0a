"""What a node states in a vote never denies what it acknowledged, whatever a leader sends (CR-70)."""

from __future__ import annotations

import pytest
from harness import append, election, entry, lone


@pytest.mark.parametrize("held", [(1, 1, 2, 2), (2, 2, 2)])
def test_leader_cannot_cut_entries_of_its_own_term_after_a_restart(held: tuple[int, ...]):
    """CR-31, CR-70: what was acknowledged in a term stays until a later leader replaces it."""
    node = lone(held, term=2)
    kept = held.count(1)
    node.raft.step(append(2, (1 if kept else 0, kept), entry(kept + 1, 1, b"older"), sender="n2"))
    node.drain()
    assert [node.raft.log.term(index) for index in range(1, node.raft.last_index + 1)] == list(held)
    assert [found.kind for found in node.raft.evidence] == ["leader_overwrites"]


def test_later_leader_may_cut_and_the_vote_says_that_it_did():
    """CR-70: the accepted term moves with the log, in one write."""
    node = lone((1, 1, 2, 2), term=2)
    shown = election(3, "n2", n2=(1, 3), n3=(1, 3))
    node.raft.step(append(3, (1, 2), entry(3, 1, b"older"), sender="n2", shown=shown))
    ready = node.raft.ready()
    assert ready is not None
    assert ready.truncate_from == 3
    assert ready.hard is not None
    assert ready.hard.accepted == 3
