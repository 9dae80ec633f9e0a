"""Each package's docstring is a tour: it names every module of the package."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path
from types import ModuleType

import pytest

import clients
import clients.importers
import clients.lending
import clients.models
import clients.network
import clients.reports
import clients.screening
import clients.sdk
import clients.verification
import consensus
import consensus.conformance
import contracts
import ledger
import node

PARTS = [
    importlib.import_module(found.name)
    for found in pkgutil.iter_modules(contracts.__path__, "contracts.")
    if found.ispkg
]


@pytest.mark.parametrize(
    "package",
    [
        ledger,
        consensus,
        consensus.conformance,
        contracts,
        *PARTS,
        node,
        clients,
        clients.importers,
        clients.lending,
        clients.models,
        clients.network,
        clients.reports,
        clients.screening,
        clients.sdk,
        clients.verification,
    ],
    ids=lambda package: package.__name__,
)
def test_the_tour_of_a_package_names_every_module(package: ModuleType) -> None:
    assert package.__file__ is not None
    modules = {path.stem for path in Path(package.__file__).parent.glob("*.py")} - {"__init__"}
    tour = package.__doc__ or ""
    named = set(re.findall(r"`(\w+)(?:\.py)?`", tour))
    for line in tour.splitlines():
        if line.startswith("    "):
            named |= set(re.split(r" {2,}", line.strip())[0].split())
    assert modules - named == set()
