"""State keys and overlays."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ledger import codec
from ledger.errors import NonCanonical
from ledger.limits import MAX_RECORD_BYTES, MAX_STATE_KEY_BYTES
from ledger.state.overlay import Overlay, state_key


class Below:
    def __init__(self, entries: dict[bytes, Any]) -> None:
        self.entries = entries

    def get(self, key: bytes) -> Any:
        return self.entries.get(key)


KEYS = [state_key("k", number) for number in range(6)]


class OverlayMachine(RuleBasedStateMachine):
    """An overlay behaves like a dictionary that is copied at each savepoint."""

    def __init__(self) -> None:
        super().__init__()
        self.below = {KEYS[0]: "zero", KEYS[1]: "one"}
        self.overlay = Overlay(Below(self.below))
        self.model: dict[bytes, Any] = dict(self.below)
        self.written: set[bytes] = set()
        self.records: list[Any] = []
        self.savepoints: list[Any] = []

    @rule(key=st.sampled_from(KEYS), value=st.integers())
    def put(self, key: bytes, value: int) -> None:
        self.overlay.put(key, value)
        self.model[key] = value
        self.written.add(key)

    @rule(key=st.sampled_from(KEYS))
    def delete(self, key: bytes) -> None:
        self.overlay.delete(key)
        self.model.pop(key, None)
        self.written.add(key)

    @rule(key=st.sampled_from(KEYS), data=st.binary(max_size=4))
    def record(self, key: bytes, data: bytes) -> None:
        number = len(self.records)
        self.overlay.record(key, number, data, bytes([number]), bytes([number + 1]))
        self.records.append((key, number, data))

    @rule()
    def save(self) -> None:
        saved = (self.overlay.savepoint(), dict(self.model), set(self.written), list(self.records))
        self.savepoints.append(saved)

    @precondition(lambda self: self.savepoints)
    @rule(data=st.data())
    def rollback(self, data: st.DataObject) -> None:
        place = data.draw(st.integers(0, len(self.savepoints) - 1))
        savepoint, self.model, self.written, self.records = self.savepoints[place]
        del self.savepoints[place:]
        self.overlay.rollback(savepoint)

    @rule()
    def keep(self) -> None:
        self.overlay.keep()
        self.savepoints.clear()

    @invariant()
    def reads_its_own_writes(self) -> None:
        for key in KEYS:
            assert self.overlay.get(key) == self.model.get(key)
        assert set(self.overlay.writes) == self.written
        assert self.overlay.records == self.records
        heads = [(bytes([number]), bytes([number + 1])) for _, number, _ in self.records]
        assert self.overlay.chained == heads


OverlayMachine.TestCase.settings = settings(max_examples=60, stateful_step_count=25)
TestOverlay = OverlayMachine.TestCase


def test_nothing_reaches_the_state_below() -> None:
    below = {KEYS[0]: 1}
    overlay = Overlay(Below(below))
    overlay.put(KEYS[0], 2)
    overlay.delete(KEYS[1])
    assert below == {KEYS[0]: 1}


def test_a_deleted_entry_reads_as_absent_although_it_stands_below() -> None:
    overlay = Overlay(Below({KEYS[0]: 1}))
    overlay.delete(KEYS[0])
    assert overlay.get(KEYS[0]) is None
    assert overlay.writes == {KEYS[0]: None}


def test_what_is_kept_is_never_taken_back() -> None:
    overlay = Overlay(Below({}))
    overlay.put(KEYS[0], 1)
    before = overlay.savepoint()
    overlay.keep()
    with pytest.raises(AssertionError, match="not kept"):
        overlay.rollback(before)
    assert overlay.get(KEYS[0]) == 1


def test_values_and_keys_beyond_their_bounds_are_a_bug_of_the_contract() -> None:
    overlay = Overlay(Below({}))
    with pytest.raises(ValueError, match="delete"):
        overlay.put(b"k", None)
    with pytest.raises(ValueError, match="state key"):
        overlay.put(bytes(MAX_STATE_KEY_BYTES + 1), 1)
    with pytest.raises(ValueError, match="state key"):
        overlay.put(b"", 1)
    with pytest.raises(ValueError, match="record"):
        overlay.record(b"k", 0, bytes(MAX_RECORD_BYTES + 1), b"", b"")
    assert overlay.writes == {}
    assert overlay.records == []


def test_no_state_key_begins_another() -> None:
    keys = [
        state_key("invoice", "a", "b"),
        state_key("invoice", "ab", ""),
        state_key("invoice", "a"),
        state_key("invoice", b"a", "b"),
        state_key("invoicea", "b"),
        state_key("invoice", "a", "b", "c"),
        state_key("invoice", "a", 1),
    ]
    for one in keys:
        assert [other for other in keys if other.startswith(one)] == [one]


@given(st.lists(st.text() | st.binary() | st.integers(), max_size=5))
def test_a_state_key_is_the_canonical_array_of_its_parts(parts: list[str | bytes | int]) -> None:
    try:
        expected = codec.encode(("kind", *parts))
    except NonCanonical:
        with pytest.raises(NonCanonical):
            state_key("kind", *parts)
    else:
        assert state_key("kind", *parts) == expected


def test_a_state_key_has_no_other_kinds_of_parts() -> None:
    for part in (None, True, 1.5, ("a",), {"a": 1}):
        with pytest.raises(NonCanonical):
            state_key("kind", part)  # type: ignore[arg-type]


def test_state_below_is_read_once_and_an_own_write_still_wins() -> None:
    reads = []

    class Counted:
        def get(self, key: bytes) -> int | None:
            reads.append(key)
            return {KEYS[0]: 1}.get(key)

    overlay = Overlay(Counted())
    before = overlay.savepoint()
    assert [overlay.get(KEYS[0]), overlay.get(KEYS[0]), overlay.get(KEYS[1]), overlay.get(KEYS[1])] == [
        1,
        1,
        None,
        None,
    ]
    overlay.put(KEYS[0], 2)
    assert overlay.get(KEYS[0]) == 2
    overlay.rollback(before)
    assert overlay.get(KEYS[0]) == 1
    assert reads == [KEYS[0], KEYS[1]]
