"""docs/certificates.md names every operation of certificates, and draws the table of states."""

from __future__ import annotations

from pathlib import Path

from contracts.certificates.leaf import STATUS
from contracts.registry import OPERATIONS

TEXT = (Path(__file__).parents[2] / "docs" / "certificates.md").read_text()


def test_every_operation_of_certificates_is_named() -> None:
    wanted = {name for name in OPERATIONS if name.startswith("certificate.")}
    assert {name for name in wanted if f"`{name}`" not in TEXT} == set()


def test_the_diagram_is_that_of_the_table() -> None:
    assert f"```mermaid\n{diagram()}\n```" in TEXT, f"the diagram is to be:\n{diagram()}"


def diagram() -> str:
    """The state diagram of a leaf, with the operations of each arrow joined."""
    arrows: dict[tuple[str, str], list[str]] = {}
    for transition in STATUS.transitions:
        arrows.setdefault((transition.source, transition.target), []).append(
            transition.by.removeprefix("certificate.")
        )
    lines = [f"    {source} --> {target}: {', '.join(by)}" for (source, target), by in arrows.items()]
    return "\n".join(["stateDiagram-v2", f"    [*] --> {STATUS.states[0]}", *lines])
