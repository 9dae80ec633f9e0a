"""What goes wrong on the clients' side says what to do."""

from __future__ import annotations

import ast
from pathlib import Path

import clients
from clients.errors import NetworkError

FOLDER = Path(clients.__file__).parent


def test_every_error_about_a_network_has_a_remedy() -> None:
    """The class has none of its own: what to do depends on what is wrong."""
    assert NetworkError.remedy == ""
    made = [
        (f"{path.relative_to(FOLDER)}:{call.lineno}", {keyword.arg for keyword in call.keywords})
        for path in FOLDER.rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "NetworkError"
    ]
    assert len(made) > 20
    assert [place for place, given in made if "remedy" not in given] == []
