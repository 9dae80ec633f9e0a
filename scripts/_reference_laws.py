"""The page of laws: each numbered invariant, its named check, and the tests that hold it."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from contracts import invariants

TESTS = Path(__file__).resolve().parent.parent / "tests"
FOLDERS = ("contracts", "clients", "api", "ledger")
"""Below `tests`: where tests of the laws are."""

_ROW = re.compile(r"^\| (\d+) \| (.*) \| (.*) \|$", re.MULTILINE)
_NUMBERS = r"\d+(?:(?:,|,? and| to|) \d+)*"
_MENTION = re.compile(rf"\binvariants?(?:[^.;\d]|\.(?! )){{0,120}}?\b({_NUMBERS})(?!\d)", re.IGNORECASE)
BEGIN = """# Laws

The numbered invariants. A check runs where something changes, before it is written, in production too; one
that fails is a bug: the node stops rather than write it. `contracts.state_check` runs them over a whole
state, in tests after every step. Beside each stands what tests it: property tests, machines that play random
operations, and states that are broken on purpose.
"""


def laws() -> list[tuple[int, str, str]]:
    """(number, law, checks) in the order of the table in `contracts.invariants`."""
    return [(int(number), law, check) for number, law, check in _ROW.findall(invariants.__doc__ or "")]


def by_tests() -> dict[int, list[str]]:
    """Law → tests whose name or words name it, as path::name."""
    found: dict[int, list[str]] = defaultdict(list)
    for folder in FOLDERS:
        for path in sorted((TESTS / folder).rglob("test_*.py")):
            for name, words in _named(path):
                for number in sorted(mentioned(words)):
                    found[number].append(name)
    return found


def mentioned(words: str) -> set[int]:
    """The numbers that a text names as invariants: "invariants 9, 12 and 19 to 21"."""
    numbers: set[int] = set()
    for match in _MENTION.finditer(re.sub(r"[\s_`]+", " ", words)):
        text = match.group(1)
        for first, last in re.findall(r"(\d+) to (\d+)", text):
            numbers |= set(range(int(first), int(last) + 1))
        numbers |= {int(number) for number in re.findall(r"\d+", text)}
    return numbers


def _named(path: Path) -> Iterator[tuple[str, str]]:
    source = path.read_text(encoding="utf-8")
    if "nvariant" not in source:
        return
    tree = ast.parse(source)
    place = f"tests/{path.relative_to(TESTS).as_posix()}"
    yield place, ast.get_docstring(tree) or ""
    for part in ast.walk(tree):
        is_test = isinstance(part, ast.FunctionDef) and part.name.startswith("test_")
        if is_test or isinstance(part, ast.ClassDef):
            said = [node.value for node in ast.walk(part) if isinstance(node, ast.Constant)]
            words = [part.name, *[text for text in said if isinstance(text, str)]]
            yield f"{place}::{part.name}", ". ".join(words)


def laws_page() -> str:
    """All of it."""
    by_number: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for number, law, check in laws():
        by_number[number].append((law, check))
    tests = by_tests()
    sections = [BEGIN]
    for number in sorted(by_number.keys() | tests.keys()):
        rows = [f"- {law}: {_checks(check)}" for law, check in by_number.get(number, [])]
        rows = rows or [f"- {OF_THE_WHOLE.get(number, 'A law of the whole, held by tests.')}"]
        held = "\n".join(f"  - `{name}`" for name in tests.get(number, []))
        sections.append(f"## {number}\n\n" + "\n".join(rows) + f"\n- Tests:\n{held}\n")
    return "\n".join(sections)


OF_THE_WHOLE = {
    22: "Equal height, model and inputs give byte-identical quotes on every node and offline.",
    23: "Replay from genesis gives the same state root; a transaction that is sent again changes nothing.",
    27: "What an unauthorised party can obtain holds no counterparty, price or rate of others.",
}
"""Laws that no check at one place can hold."""


def _checks(cell: str) -> str:
    return ", ".join(f"`{name}`" for name in re.findall(r"`([^`]+)`", cell))
