"""Life cycles: the states of a business object on one axis, and which operation leads from which to which.

Each object's file declares its axes as tables of `Transition`; handlers ask the table where an operation
leads (`LifeCycle.after`) instead of comparing states themselves, so a transition that the table does not
have cannot happen. The diagrams and the reference of operations are made from the same tables.

A state is stored as its place in `states`. A state that no transition leaves is terminal and absorbs
(invariant 15); what may still come in after a write-off is a transition like any other.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from contracts.errors import refuse


@dataclass(frozen=True, slots=True)
class Transition:
    """One arrow: an operation takes the object from a state to a state."""

    by: str
    """Name of the operation, or of the event of another object that causes it."""
    source: str
    target: str
    when: str = ""
    """The condition, for people, where one operation can lead from one state to several."""


@dataclass(frozen=True)
class LifeCycle:
    """One axis of one business object; the first state is the one that it is created in."""

    subject: str
    """What the object is called, for example "invoice"."""
    axis: str
    """What the axis says, for example "validity"."""
    states: tuple[str, ...]
    transitions: tuple[Transition, ...]

    def __post_init__(self) -> None:
        reached = {self.states[0], *(transition.target for transition in self.transitions)}
        left = {transition.source for transition in self.transitions}
        if reached != set(self.states) or not left <= set(self.states):
            raise ValueError(f"{self.subject}, {self.axis}: states and transitions disagree")

    @cached_property
    def terminal(self) -> tuple[str, ...]:
        """The states that nothing leaves for another, in the table's order."""
        left = {
            transition.source for transition in self.transitions if transition.source != transition.target
        }
        return tuple([state for state in self.states if state not in left])

    def allows(self, before: int, after: int) -> bool:
        """Whether an object may be found in `after` where it was in `before` one operation ago."""
        return before == after or any(
            (before, after) == (self.states.index(transition.source), self.states.index(transition.target))
            for transition in self.transitions
        )

    @cached_property
    def _targets(self) -> dict[tuple[str, int], tuple[int, ...]]:
        targets: dict[tuple[str, int], tuple[int, ...]] = {}
        for transition in self.transitions:
            start = (transition.by, self.states.index(transition.source))
            targets[start] = (*targets.get(start, ()), self.states.index(transition.target))
        return targets

    def after(self, state: int, by: str, target: int | None = None) -> int:
        """Where an operation leads from a state; `target` chooses where it can lead to several.

        Raises:
            Refusal: `wrong_state`, the table has no such transition from here.
        """
        targets = self._targets.get((by, state), ())
        if not targets:
            sources = [transition.source for transition in self.transitions if transition.by == by]
            raise refuse(
                "wrong_state",
                f"the state of the {self.subject} does not allow it",
                field=self.subject,
                found=self.states[state],
                expected=" or ".join(dict.fromkeys(sources)),
            )
        if target is None:
            (target,) = targets
        assert target in targets, (
            f"{self.subject}: no transition {self.states[state]} -> {self.states[target]}"
        )
        return target
