"""The package's docstring is a tour: it names every module, and none that is gone."""

import re
from pathlib import Path

import ledger


def test_tour_names_every_module_and_no_other():
    modules = {path.stem for path in Path(ledger.__file__).parent.glob("*.py")} - {"__init__"}
    rows = [line.split("|")[1] for line in ledger.__doc__.splitlines() if line.startswith("| `")]
    named = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert sorted(named) == sorted(modules)
