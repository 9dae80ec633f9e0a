"""Every problem that an importer can report says where it is, what was found and expected, and what to do."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from pathlib import Path

import pytest

from clients import importers
from clients.importers import ImportProblem
from clients.importers.remedies import OF_EN16931, REMEDIES, remedy_of
from contracts.errors import FORM_REMEDIES

FOLDER = Path(importers.__file__).parent
MODULES = {path.stem: ast.parse(path.read_text()) for path in FOLDER.glob("*.py")}
REPORTING = {"ImportProblem", "problem", "_problem", "add", "missing"}
"""What makes a problem, whose code is one of its texts."""
OF_RULES = {"required_text", "identifier", "date", "number", "_amount", "_units_of", "_named_party"}
"""What reports a missing term under a rule of EN 16931, which is one of its texts."""
OF_THE_LEDGER = {"identifier", "name", "unknown_currency"}
"""Codes with which the ledger refuses a value that an importer reads."""


def calls() -> Iterator[tuple[str, ast.Call]]:
    for module, tree in MODULES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                yield f"{module}:{node.lineno}", node


def name_of(call: ast.Call) -> str:
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def code_of(call: ast.Call) -> str | None:
    """The code that a reporting call gives as it stands; None where it hands on another's."""
    texts = [
        each.value for each in call.args if isinstance(each, ast.Constant) and isinstance(each.value, str)
    ]
    if name_of(call) == "missing":
        return texts[-1] if texts else None
    codes = [text for text in texts if text.isidentifier() and text == text.lower()]
    first = call.args[1 if name_of(call) == "_problem" else 0]
    return codes[0] if codes and isinstance(first, ast.Constant) else None


REPORTS = {
    place: (call, code)
    for place, call in calls()
    if name_of(call) in REPORTING and call.args and (code := code_of(call)) is not None
}
RULES = {
    constant.value
    for _, call in calls()
    if name_of(call) in OF_RULES | {"missing"}
    for constant in ast.walk(call)
    if isinstance(constant, ast.Constant) and str(constant.value).startswith(OF_EN16931)
}


def test_there_are_as_many_reports_as_a_reader_of_the_importers_counts() -> None:
    assert len(REPORTS) > 100
    assert len(RULES) > 15


@pytest.mark.parametrize("place", REPORTS)
def test_a_reported_code_has_a_remedy(place: str) -> None:
    call, code = REPORTS[place]
    own = {keyword.arg for keyword in call.keywords}
    assert "remedy" in own or remedy_of(code), code


def test_a_missing_term_of_the_standard_has_a_remedy() -> None:
    assert all(remedy_of(rule) for rule in RULES)


def test_found_and_expected_cannot_be_left_out() -> None:
    """The type checker then holds every report to it."""
    parameters = inspect.signature(ImportProblem).parameters
    required = [name for name, one in parameters.items() if one.default is one.empty]
    assert required == ["code", "message", "found", "expected"]


def test_no_remedy_is_for_a_code_that_nobody_reports() -> None:
    reported = {code for _, code in REPORTS.values()} | OF_THE_LEDGER | {"missing_term"}
    assert sorted(REMEDIES.keys() - reported) == []


def test_what_the_contracts_refuse_of_an_imported_operation_has_a_remedy() -> None:
    assert all(FORM_REMEDIES.values())


@pytest.mark.parametrize("remedy", REMEDIES.values())
def test_a_remedy_is_one_sentence_that_says_what_to_do(remedy: str) -> None:
    assert remedy[0].isupper()
    assert remedy.endswith(".")
    assert "\n" not in remedy
