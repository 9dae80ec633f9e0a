"""What the documents name is there: links, files, commands with their options, settings, metrics, log lines.

So are the commands that remedies and docstrings name, and the sections that the code refers to.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from typer.core import TyperGroup

from clients.cli.main import command
from contracts.parameters import PARAMETERS
from node.api import create_app
from node.settings import Settings
from node.statistics import Statistics
from node.telemetry import GAUGES, Telemetry

ROOT = Path(__file__).parents[1]
PACKAGES = ("ledger", "consensus", "contracts", "node", "clients")
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))
SCRIPTS = sorted(path for path in (ROOT / "scripts").iterdir() if path.is_file())
SOURCE = "\n".join(path.read_text() for path in [*MODULES, *TESTS, *SCRIPTS])

each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)


def prose(document: Path) -> str:
    """A document without its fenced blocks."""
    return re.sub(r"^```.*?^```", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)


def anchors(document: Path) -> set[str]:
    """The anchors that its headings have, as repositories show them."""
    headings = re.findall(r"^#+ (.+)$", prose(document), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@each_document
def test_links_lead_somewhere(document: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", re.sub(r"`[^`\n]*`", "", prose(document))):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = document.parent / path if path else document
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@each_document
def test_files_and_tests_that_are_named_are_there(document: Path) -> None:
    for name in re.findall(r"`([\w./-]+)`", document.read_text()):
        if name.split("/")[0] in {*PACKAGES, "scripts", "tests", "docs"} and "/" in name:
            assert (ROOT / name).exists(), name
        if re.fullmatch(r"test_\w+(\.py)?", name):
            assert any(path.stem == name.removesuffix(".py") for path in TESTS) or f"def {name}(" in SOURCE, (
                name
            )


@each_document
def test_modules_that_are_named_are_there_and_have_what_is_named(document: Path) -> None:
    for name, known in named_modules(document):
        parts = name.split(".")
        if known == 1:  # a file or an operation of a node, say
            assert name in SOURCE, name
            continue
        place = ROOT.joinpath(*parts[:known])
        text = (place / "__init__.py" if place.is_dir() else place.with_suffix(".py")).read_text()
        for part in parts[known:]:
            assert re.search(rf"\b{part}\b", text), name


@pytest.mark.parametrize("package", PACKAGES)
def test_modules_that_the_code_names_are_there(package: str) -> None:
    """Whoever moves a module finds here what still names its old place."""
    for path in (module for module in MODULES if module.is_relative_to(ROOT / package)):
        for name, known in named_modules(path):
            exported = hasattr(import_module(name.split(".")[0]), name.split(".")[1])
            assert known > 1 or exported or name.startswith("node."), f"{path.relative_to(ROOT)}: {name}"


def named_modules(path: Path) -> Iterator[tuple[str, int]]:
    """Names in backticks that begin with a package, and how many of their parts are packages or modules.

    `node.toml` and `node.locate` are no modules: a file, and an operation.
    """
    for name in re.findall(rf"`((?:{'|'.join(PACKAGES)})(?:\.\w+)+)`", path.read_text()):
        parts = name.split(".")
        yield (
            name,
            max(place for place in range(1, len(parts) + 1) if _is_module(ROOT.joinpath(*parts[:place]))),
        )


def _is_module(path: Path) -> bool:
    return path.is_dir() or path.with_suffix(".py").is_file()


def shown_commands(text: str) -> Iterator[str]:
    """What a text tells people to type: lines of `tally`, and `tally` in quotes."""
    for line in re.findall(r"^ *(tally .+)$", text, flags=re.MULTILINE):
        yield re.split(r" {2,}| # ", line)[0]
    for quoted in re.findall(r"`(tally [^`]+)`", text):
        yield from (quoted.split(" | ")[:1])


def refusal(shown: str) -> str | None:
    """Why `tally` would not understand such a line; None if it does."""
    words = re.sub(r"\s+", " ", shown).split(" ")[1:]
    found: Any = command()
    while words and isinstance(found, TyperGroup) and words[0] in found.commands:
        found = found.commands[words.pop(0)]
    meant = [found]
    if isinstance(found, TyperGroup) and words and not words[0].startswith("-") and words[0] != "…":
        if type(found).parse_args is TyperGroup.parse_args:
            return f"no command {words[0]}"
        meant = list(found.commands.values())  # one of them is called without its name
    elif isinstance(found, TyperGroup) and type(found).parse_args is not TyperGroup.parse_args:
        meant = list(found.commands.values())
    asked = {word.split("=")[0] for word in words if re.match(r"--?[a-z]", word)} - {"--help"}
    known = [{name for each in one.params for name in (*each.opts, *each.secondary_opts)} for one in meant]
    if not any(asked <= names for names in known):
        return f"no option {' '.join(sorted(asked - set().union(*known))) or 'that goes with the others'}"
    return None


def test_a_command_or_an_option_that_is_not_there_would_be_seen() -> None:
    assert refusal("tally invoice list acme --status assigned") is None
    assert refusal("tally evidence list | verify") is None
    assert refusal("tally invoices list acme") == "no command invoices"
    assert refusal("tally invoice lists acme") == "no command lists"
    assert refusal("tally invoice list acme --state assigned") == "no option --state"
    assert refusal("tally quote pool acme INV-1 --models x") == "no option --models"


@each_document
def test_commands_of_the_documents_exist_with_their_options(document: Path) -> None:
    wrong = {shown: refusal(shown) for shown in shown_commands(document.read_text())}
    assert {shown: why for shown, why in wrong.items() if why} == {}


@pytest.mark.parametrize("package", PACKAGES)
def test_commands_that_remedies_and_docstrings_name_exist(package: str) -> None:
    wrong = {}
    for path in MODULES:
        if path.relative_to(ROOT).parts[0] == package:
            for text in texts(path):
                for shown in re.findall(r"`(tally [a-z][^`]*)`", text):
                    why = refusal(shown)
                    if why:
                        wrong[path.name, shown] = why
    assert wrong == {}


def texts(path: Path) -> Iterator[str]:
    """The texts that a module has, with an X for what is filled in."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@each_document
def test_scripts_have_the_options_that_are_named(document: Path) -> None:
    for name, given in re.findall(r"scripts/([\w-]+)((?: +[^\s`|]+)+)", document.read_text()):
        for option in re.findall(r" (--[a-z][\w-]*)", given):
            assert option in source_of(ROOT / "scripts" / name), f"{name} {option}"


def source_of(script: Path) -> str:
    """A script with the module that it runs, and what that takes from beside it."""
    text = script.read_text()
    runs = [script.with_name(f"{name}.py") for name in re.findall(r"scripts/(_\w+)\.py", text)]
    for package in re.findall(r"python -m ([\w.]+)", text):
        runs += ROOT.joinpath(*package.split(".")).glob("*.py")
    text += "".join(path.read_text() for path in runs)
    beside = re.findall(r"^(?:from|import) (_[a-z]\w*)", text, flags=re.MULTILINE)
    return text + "".join(script.with_name(f"{name}.py").read_text() for name in beside)


def test_the_settings_of_a_node_are_those_of_the_document() -> None:
    text = (ROOT / "docs" / "operations.md").read_text().split("## Settings")[1].split("\n## ")[0]
    listed: dict[str, str] = {}
    for names, defaults in re.findall(r"^\| (`[^|]+) \|([^|]*)\|", text, flags=re.MULTILINE):
        settings = re.findall(r"`(\w+)`", names)
        values = [value.strip() for value in re.split(r", (?!\d{3}\b)", defaults)] if defaults.strip() else []
        listed |= dict(zip(settings, values or [""] * len(settings), strict=True))
    words = {"": "", None: "none", False: "false"}
    expected = {}
    for name, field in Settings.model_fields.items():
        default = "" if field.is_required() else field.get_default(call_default_factory=True)
        if isinstance(default, int) and not isinstance(default, bool):
            expected[name] = f"{default:,}"
        else:
            expected[name] = "none" if default == {} else words.get(default, str(default))
    expected["log_file"] = "standard error"
    assert listed == expected


def test_the_parameters_of_a_ledger_are_those_of_the_document() -> None:
    text = (ROOT / "docs" / "operations.md").read_text()
    section = text.split("## Parameters of a ledger\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \| (.+) \|$", section, re.MULTILINE)
    assert rows == [(name, str(known.default), known.says) for name, known in PARAMETERS.items()]


def test_metrics_that_are_named_are_shown() -> None:
    status = dict.fromkeys(GAUGES, 1) | {"ready": True, "clocks_ahead_ms": {"n2": 1}}
    telemetry = Telemetry(lambda: status, Statistics())
    shown = set(re.findall(r"^# TYPE (\w+) ", telemetry.exposition().decode(), flags=re.MULTILINE))
    for document in DOCUMENTS:
        for name in re.findall(r"\btally_\w+", document.read_text()):
            assert name in shown, f"{document.name}: {name}"


@each_document
def test_log_lines_that_are_named_are_written(document: Path) -> None:
    for name in re.findall(r"\blog(?:s|ged once as)? `(\w+)`", document.read_text()):
        assert any(f'"{name}"' in path.read_text() for path in (ROOT / "node").rglob("*.py")), name


def test_routes_that_are_named_are_there() -> None:
    """`GET /v1/status`, or the path alone; CHANNEL stands for the id."""
    nothing = SimpleNamespace(chain=SimpleNamespace(channel=bytes(32)), status=None, statistics=None)
    known = {*create_app(cast(Any, nothing)).openapi()["paths"], "/v1/openapi.json", "/v1/channels/{channel}"}
    for document in DOCUMENTS:
        named = re.findall(r"(?:\b(?:GET|POST) |`|:\d+)(/[\w{}/.-]+)", document.read_text())
        for route in named:
            is_route = route.startswith("/v1") or f"GET {route}" in document.read_text()
            assert not is_route or route.replace("CHANNEL", "{channel}") in known, f"{document.name}: {route}"


def test_sections_that_the_code_refers_to_are_there() -> None:
    for path in [*MODULES, *TESTS, *SCRIPTS]:
        text = re.sub(r"\s*\n\s*", " ", path.read_text())
        for name, title, number in re.findall(r'([a-z-]+\.md)\)?, section (?:"([^"]+)"|(\d+))', text):
            document = (ROOT / "docs" / name).read_text()
            pattern = rf"^#+ (\d+\. )?{re.escape(title)}$" if title else rf"^#+ {number}\. "
            assert re.search(pattern, document, flags=re.MULTILINE), f"{path.name}: {name}, {title or number}"


@pytest.mark.parametrize("package", ["node", "clients"])
def test_the_floors_of_a_package_are_those_of_the_linter(package: str) -> None:
    rules = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = [
        rule["layers"] for rule in rules if rule["name"] == f"Arrows between the packages of {package}"
    ]
    named = re.sub(rf"{package}\.(\w+)", r"`\1`", " / ".join(layers))
    shown = named.replace(" | ", ", ").replace(" : ", " + ")
    assert f"| `{package}` | {shown} |" in (ROOT / "docs" / "architecture.md").read_text()
