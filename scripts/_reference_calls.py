"""What a handler can come to: the codes that it can refuse with and the kinds of state entries that it names.

Read from the sources, without running them: a graph whose nodes are the functions, methods and constants of
the contracts (and of the few modules of the ledger that they refuse through), with an edge to everything that
a node's text names. A method is every method of that name in the modules that the first node's module
imports, at whatever remove: values of other modules' classes do not come there. A function that is passed on
counts as called. So what is found is a bound from above: a handler refuses with none but these codes.
`tests/scripts/test_reference.py` holds it against what random operations meet.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("contracts",)
MODULES = ("ledger.money", "ledger.members.membership", "ledger.state.history")
REFUSING = ("refuse", "Refusal")
"""Names of the calls whose first argument is a code and whose second says what is wrong."""


@dataclass
class Node:
    """A function, a method, a class or a constant."""

    said: list[tuple[str, str]] = field(default_factory=list)
    """(code, words) of each refusal in its text."""
    kinds: set[str] = field(default_factory=set)
    """Kinds of the state keys that it makes, or full names of the constants that say them."""
    names: set[str] = field(default_factory=set)
    """What it names: full names of nodes, or ".method"."""


class Calls:
    """The graph of all modules."""

    def __init__(self) -> None:
        self.nodes: dict[str, Node] = {}
        self.texts: dict[str, str] = {}
        """Full name of a constant → its text, of those that are texts."""
        self.imports: dict[str, set[str]] = defaultdict(set)
        """Module → the modules that it imports while it runs."""
        self._methods: dict[str, list[tuple[str, str]]] = defaultdict(list)
        """Method → (module, full name) of each that is called so."""
        for module, path in _sources():
            _Reader(self, module).visit_module(ast.parse(path.read_text(encoding="utf-8")))

    def add(self, name: str) -> Node:
        """A fresh node."""
        return self.nodes.setdefault(name, Node())

    def add_method(self, module: str, name: str) -> Node:
        """A fresh node that is found by its last name as well."""
        self._methods[name.rpartition(".")[2]].append((module, name))
        return self.add(name)

    def reached(self, name: str) -> list[Node]:
        """Every node that a node can come to, itself included."""
        seen: dict[str, Node] = {}
        modules = self._imported_by(name.rpartition(".")[0])
        waiting = [name]
        while waiting:
            current = waiting.pop()
            if current in seen:
                continue
            if current.startswith("."):
                waiting += [method for module, method in self._methods[current[1:]] if module in modules]
            elif current in self.nodes:
                seen[current] = self.nodes[current]
                waiting += sorted(self.nodes[current].names)
        return list(seen.values())

    def _imported_by(self, module: str) -> set[str]:
        """A module, and all that it imports at whatever remove."""
        found: set[str] = set()
        waiting = [module]
        while waiting:
            current = waiting.pop()
            if current not in found:
                found.add(current)
                waiting += self.imports[current]
        return found

    def codes(self, name: str) -> set[str]:
        """Codes that a function can refuse with."""
        return {code for node in self.reached(name) for code, _ in node.said}

    def kinds(self, name: str) -> set[str]:
        """Kinds of state entries that a function can read or write."""
        return {self.texts.get(kind, kind) for node in self.reached(name) for kind in node.kinds}

    @cached_property
    def given(self) -> set[str]:
        """Every code that any function refuses with."""
        return {code for node in self.nodes.values() for code, _ in node.said}

    @cached_property
    def words(self) -> dict[str, list[str]]:
        """Code → what refusals with it say, each once, as the sources have it."""
        found: dict[str, list[str]] = defaultdict(list)
        for _, node in sorted(self.nodes.items()):
            for code, words in node.said:
                if words and words not in found[code]:
                    found[code].append(words)
        return found


def _sources() -> Iterator[tuple[str, Path]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path
    for module in MODULES:
        path = ROOT / Path(*module.split(".")).with_suffix(".py")
        if path.exists():
            yield module, path


class _Reader:
    """Reads one module into the graph."""

    def __init__(self, calls: Calls, module: str) -> None:
        self._calls = calls
        self._module = module
        self._imported: dict[str, str] = {}
        self._own: set[str] = set()

    def visit_module(self, tree: ast.Module) -> None:
        """Take in the imports, then each definition of the module."""
        for statement in ast.walk(tree):
            if isinstance(statement, ast.ImportFrom) and statement.module:
                for alias in statement.names:
                    self._imported[alias.asname or alias.name] = f"{statement.module}.{alias.name}"
        for statement in tree.body:  # what stands below `if TYPE_CHECKING` is not imported
            if isinstance(statement, ast.ImportFrom) and statement.module:
                named = {f"{statement.module}.{alias.name}" for alias in statement.names}
                self._calls.imports[self._module] |= {statement.module, *named}
        for name, target in self._imported.items():
            self._calls.add(f"{self._module}.{name}").names.add(target)
        self._own = {name for statement in tree.body for name in _defined(statement)}
        for statement in tree.body:
            if isinstance(statement, ast.ClassDef):
                self._visit_class(statement)
            else:
                for name in _defined(statement):
                    value = getattr(statement, "value", None)
                    if isinstance(value, ast.Constant) and isinstance(value.value, str):
                        self._calls.texts[f"{self._module}.{name}"] = value.value
                    self._fill(self._calls.add(f"{self._module}.{name}"), statement)

    def _visit_class(self, definition: ast.ClassDef) -> None:
        place = f"{self._module}.{definition.name}"
        whole = self._calls.add(place)
        for statement in definition.body:
            if isinstance(statement, ast.FunctionDef):
                self._fill(self._calls.add_method(self._module, f"{place}.{statement.name}"), statement)
                if statement.name == "__init__":
                    whole.names.add(f"{place}.__init__")

    def _fill(self, node: Node, tree: ast.AST) -> None:
        for part in ast.walk(tree):
            if isinstance(part, ast.Call):
                self._call(node, part)
            elif isinstance(part, ast.Name):
                node.names.add(self._full(part.id))
            elif isinstance(part, ast.Attribute):
                base = part.value
                target = self._imported.get(base.id) if isinstance(base, ast.Name) else None
                node.names.add(f".{part.attr}" if target is None else f"{target}.{part.attr}")
                if target is not None:
                    node.names.add(f".{part.attr}")

    def _full(self, name: str) -> str:
        return f"{self._module}.{name}" if name in self._own else self._imported.get(name, name)

    def _call(self, node: Node, call: ast.Call) -> None:
        name = call.func.id if isinstance(call.func, ast.Name) else ""
        first = call.args[0] if call.args else None
        if name == "state_key" and isinstance(first, ast.Name):
            node.kinds.add(self._full(first.id))
        if not isinstance(first, ast.Constant) or not isinstance(first.value, str):
            return
        is_parent = isinstance(call.func, ast.Attribute) and call.func.attr == "__init__"
        if name in REFUSING or (is_parent and len(call.args) > 1):
            node.said.append((first.value, _words(call.args[1]) if len(call.args) > 1 else ""))
        elif name == "state_key":
            node.kinds.add(first.value)


def _defined(statement: ast.stmt) -> list[str]:
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return [statement.name]
    if isinstance(statement, ast.Assign):
        return [
            part.id for target in statement.targets for part in ast.walk(target) if isinstance(part, ast.Name)
        ]
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        return [statement.target.id]
    return []


def _words(tree: ast.expr) -> str:
    """The words of a refusal; what only the case can say is an ellipsis."""
    if isinstance(tree, ast.Constant):
        return str(tree.value)
    if isinstance(tree, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in tree.values)
    return ""
