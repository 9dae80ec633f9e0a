"""Execution: what the transactions of one block do, on top of the state before it.

The rules are asked (`ledger.blocks.executor`), and what they wrote is held against the form that state has: a
value or a history that is none is a bug of ours, an `ExecutorBug`. Nothing in here changes what lies below.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ledger import codec
from ledger.blocks.executor import Executor, ExecutorBug, Prepared, execute, settled_writes
from ledger.errors import Malformed
from ledger.limits import HISTORY_HEAD_INTERVAL
from ledger.state.history import NO_RECORDS, count_and_head
from ledger.state.overlay import Overlay, Reader, Record
from ledger.state.root import Changes


@dataclass(frozen=True, slots=True)
class Executed:
    """What the transactions of one block did.

    `changes` and `values` are the same writes, as stored bytes and as decoded values;
    `heads` are (key, sequence number, head before it) of history chains.
    """

    results: tuple[codec.Value, ...]
    changes: Changes
    values: dict[bytes, codec.Value | None]
    records: list[Record]
    heads: list[tuple[bytes, int, bytes]]


def executed_on(
    overlay: Overlay, below: Reader, executor: Executor, prepared: Sequence[Prepared], time_ms: int
) -> Executed:
    """What a block's transactions do, on an overlay over the state below.

    Raises:
        StoreError: the state below cannot be read.
        ExecutorBug: the rules raised, returned a result of no form, or wrote what is no state.
    """
    results = execute(executor, overlay, prepared, time_ms)
    try:
        changes, values = settled_writes(overlay)
    except (Malformed, ValueError) as bug:
        raise ExecutorBug(f"a state value of no form: {bug}") from bug
    _check_histories(changes, overlay, below)
    return Executed(results, changes, values, overlay.records, heads_of(overlay, below))


def heads_of(overlay: Overlay, below: Reader) -> list[tuple[bytes, int, bytes]]:
    """Heads of history chains before each record whose number divides by the interval."""
    heads = []
    current: dict[bytes, bytes] = {}
    for (key, sequence, _), (before, after) in zip(overlay.records, overlay.chained, strict=True):
        head = current.get(key)
        if head is None:
            entry = below.get(key)
            head = entry[1] if entry is not None else NO_RECORDS
        assert head == before, "a record follows the one before it"
        if sequence % HISTORY_HEAD_INTERVAL == 0:
            heads.append((key, sequence, head))
        current[key] = after
    for key, head in current.items():
        entry = overlay.get(key)
        assert entry is not None, "a history with records has an entry"
        assert entry[1] == head, "a history's entry follows from its records"
    return heads


def _check_histories(changes: Changes, overlay: Overlay, below: Reader) -> None:
    """Whatever looks like a history's entry is one: who takes the state over asks for its records."""
    counts = {key: sequence + 1 for key, sequence, _ in overlay.records}
    for key, value in changes.items():
        if value is None or value[:1] != b"\x93":
            continue
        found = count_and_head(value)
        if found is not None and counts.get(key) != found[0]:
            before = below.get(key)
            if type(before) is not tuple or before[:2] != found:
                raise ExecutorBug(f"a state value like that of a history, without its records: {key.hex()}")
