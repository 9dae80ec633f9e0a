"""What one lying member could use up in a core, and cannot: memory, and the supply of terms."""

from __future__ import annotations

from harness import entry, lone

from consensus.limits import (
    MAX_APPEND_BYTES,
    MAX_ENTRY_BYTES,
    MAX_TERM,
    MAX_TERM_STEP,
    MAX_UNDURABLE_BYTES,
    MAX_UNDURABLE_ENTRIES,
)
from consensus.messages import Append, Entry, HeartbeatReply

BOOT = 5 << 40


def test_a_leader_without_regard_to_its_window_does_not_fill_the_memory() -> None:
    """CR-51: what the disk does not keep up with is dropped, and taken when it has caught up."""
    node = lone()
    node.disk_is_held = True
    raft = node.raft
    data = bytes(MAX_ENTRY_BYTES)
    index = 0
    for number in range(1, 40):
        sent = Entry(index + 1, 1, b"%032d" % index, data)
        raft.step(Append("n2", "n1", 1, BOOT + number, min(index, 1), index, (sent,), 0, None))
        node.drain()
        index = raft.last_index
    assert MAX_UNDURABLE_BYTES <= index * MAX_ENTRY_BYTES <= MAX_UNDURABLE_BYTES + MAX_APPEND_BYTES
    assert raft.dropped == {"more than the disk keeps up with": 39 - index}
    node.settle()
    raft.step(Append("n2", "n1", 1, BOOT + 99, 1, index, (entry(index + 1, 1),), 0, None))
    assert raft.last_index == index + 1


def test_small_entries_are_bounded_in_number() -> None:
    """CR-51."""
    node = lone()
    node.disk_is_held = True
    for index in range(2 * MAX_UNDURABLE_ENTRIES):
        sent = (entry(index + 1, 1),)
        node.raft.step(Append("n2", "n1", 1, BOOT + index + 1, min(index, 1), index, sent, 0, None))
    assert node.raft.last_index == MAX_UNDURABLE_ENTRIES


def test_terms_are_not_used_up_by_a_member_that_counts_fast() -> None:
    """CR-01, CR-88: each message takes one step at most, and there are 2^38 of them."""
    raft = lone().raft
    for number in range(1, 11):
        before = raft.term
        raft.step(HeartbeatReply("n2", "n1", before + MAX_TERM_STEP + 1, BOOT + number, 0, 0))
        assert raft.term == before
        raft.step(HeartbeatReply("n2", "n1", before + MAX_TERM_STEP, BOOT + number, 0, 0))
        assert raft.term == before + MAX_TERM_STEP
    assert MAX_TERM // MAX_TERM_STEP >= 2**38
