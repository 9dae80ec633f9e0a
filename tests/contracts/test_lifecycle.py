"""Life cycles: a table of transitions decides, and a table that makes no sense is not made."""

from __future__ import annotations

import pytest

from contracts.lifecycle import LifeCycle, Transition
from ledger.errors import Refusal

DOOR = LifeCycle(
    "door",
    "lock",
    ("Open", "Closed", "Locked", "Bricked"),
    (
        Transition("door.close", "Open", "Closed"),
        Transition("door.open", "Closed", "Open"),
        Transition("door.turn", "Closed", "Locked"),
        Transition("door.turn", "Locked", "Closed"),
        Transition("door.end", "Closed", "Bricked", "for ever"),
        Transition("door.end", "Closed", "Locked", "for the night"),
    ),
)


def test_an_operation_leads_where_the_table_says() -> None:
    assert DOOR.after(0, "door.close") == 1
    assert DOOR.after(2, "door.turn") == 1
    assert DOOR.after(1, "door.end", 3) == 3


def test_an_operation_that_the_state_does_not_allow_is_refused_by_name() -> None:
    with pytest.raises(Refusal) as caught:
        DOOR.after(0, "door.turn")
    assert caught.value.code == "wrong_state"
    assert "Open" in str(caught.value)
    assert "Closed or Locked" in str(caught.value)


def test_a_state_that_nothing_leaves_is_terminal_and_absorbs() -> None:
    assert DOOR.terminal == ("Bricked",)
    for by in ("door.close", "door.open", "door.turn", "door.end"):
        with pytest.raises(Refusal):
            DOOR.after(3, by)


def test_a_target_that_the_table_does_not_have_stops_the_node() -> None:
    with pytest.raises(AssertionError):
        DOOR.after(1, "door.turn", 0)


@pytest.mark.parametrize(
    ("states", "transitions"),
    [
        (("A", "B"), (Transition("x", "A", "A"),)),
        (("A",), (Transition("x", "A", "B"),)),
        (("A", "B"), (Transition("x", "C", "B"),)),
    ],
)
def test_states_that_are_never_reached_or_never_declared_are_an_error(
    states: tuple[str, ...], transitions: tuple[Transition, ...]
) -> None:
    with pytest.raises(ValueError, match="disagree"):
        LifeCycle("thing", "axis", states, transitions)
