"""The page of states: a diagram and a table for each axis of each business object.

Diagrams are Mermaid: GitHub and most viewers draw them, and where nobody does, their source reads as a list
of arrows.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections import defaultdict
from functools import cache

import contracts
from contracts.lifecycle import LifeCycle
from contracts.registry import OPERATIONS

BEGIN = """# States

Where a business object stands is a place in a table of states, one for each axis on which it moves. An
operation, or an event that another object causes, leads from one state to the next; where the table has no
arrow the operation is refused with `wrong_state`. A state that no arrow leaves is terminal (law 15).
"""


@cache
def life_cycles() -> list[tuple[str, LifeCycle]]:
    """(module and name, table) of every life cycle that the contracts declare, by subject."""
    found = []
    for module in pkgutil.walk_packages(contracts.__path__, "contracts."):
        loaded = importlib.import_module(module.name)
        source = inspect.getsource(loaded)
        found += [
            (f"{module.name}.{name}", value)
            for name, value in vars(loaded).items()
            if isinstance(value, LifeCycle) and f"\n{name} = LifeCycle(" in source
        ]
    return sorted(found, key=lambda entry: (entry[1].subject, entry[1].axis))


def title(cycle: LifeCycle) -> str:
    """What an axis is called in headings."""
    return f"{cycle.subject[0].upper()}{cycle.subject[1:]}: {cycle.axis}"


def anchor(cycle: LifeCycle) -> str:
    """The fragment of a heading, as GitHub makes it."""
    return re.sub(r"[^a-z0-9 -]", "", title(cycle).lower()).replace(" ", "-")


def states_page() -> str:
    """All of it."""
    sections = [BEGIN]
    for place, cycle in life_cycles():
        terminal = ", ".join(cycle.terminal) or "none"
        sections.append(
            f"## {title(cycle)}\n\n"
            f"Declared in `{place}`. First state: {cycle.states[0]}. Terminal: {terminal}.\n\n"
            f"{_diagram(cycle)}\n\n{_table(cycle)}\n"
        )
    return "\n".join(sections)


def _diagram(cycle: LifeCycle) -> str:
    arrows: dict[tuple[str, str], list[str]] = defaultdict(list)
    for transition in cycle.transitions:
        labels = arrows[transition.source, transition.target]
        if transition.by not in labels:
            labels.append(transition.by)
    lines = ["```mermaid", "stateDiagram-v2", f"    [*] --> {cycle.states[0]}"]
    lines += [f"    {source} --> {target}: {', '.join(by)}" for (source, target), by in arrows.items()]
    lines += [f"    {state} --> [*]" for state in cycle.terminal]
    return "\n".join([*lines, "```"])


def _table(cycle: LifeCycle) -> str:
    rows = ["| from | by | to | when |", "|---|---|---|---|"]
    for transition in cycle.transitions:
        by = f"`{transition.by}`" if transition.by in OPERATIONS else transition.by
        rows.append(f"| {transition.source} | {by} | {transition.target} | {transition.when} |")
    return "\n".join(rows)
