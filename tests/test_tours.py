"""Each package's docstring is a tour: it names every module of the package."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path
from types import ModuleType

import pytest

import clients
import consensus
import contracts
import ledger
import node

PACKAGES = (ledger, consensus, contracts, node, clients)
PARTS = [
    importlib.import_module(found.name)
    for package in PACKAGES
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    if found.ispkg
]


@pytest.mark.parametrize("package", [*PACKAGES, *PARTS], ids=lambda package: package.__name__)
def test_the_tour_of_a_package_names_every_module(package: ModuleType) -> None:
    assert package.__file__ is not None
    modules = {path.stem for path in Path(package.__file__).parent.glob("*.py")} - {"__init__", "__main__"}
    tour = package.__doc__ or ""
    named = set(re.findall(r"`(\w+)(?:\.py)?`", tour))
    for line in tour.splitlines():
        if line.startswith("    "):
            named |= set(re.split(r" {2,}", line.strip())[0].split())
    assert modules - named == set()
