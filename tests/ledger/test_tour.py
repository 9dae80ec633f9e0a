"""The docstrings are a tour: each names every module of its package, and none that is gone."""

import importlib
import re
from pathlib import Path

import pytest

import ledger

FOLDER = Path(ledger.__file__).parent
PACKAGES = sorted(found.parent.name for found in FOLDER.glob("*/__init__.py"))


@pytest.mark.parametrize("package", ["", *PACKAGES])
def test_tour_names_every_module_and_no_other(package):
    tour = importlib.import_module(f"ledger.{package}".rstrip(".")).__doc__
    modules = {path.stem for path in (FOLDER / package).glob("*.py")} - {"__init__"}
    rows = [line.split("|")[1] for line in tour.splitlines() if line.startswith("| `")]
    named = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert sorted(named) == sorted(modules | set(() if package else PACKAGES))
