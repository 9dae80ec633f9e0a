"""Writes docs/reference/: operations, states, codes, laws and commands, from the tables in the code.

Nothing in it is written by hand: names, roles and handlers come from the operation table, fields from the
models, states and diagrams from the tables of transitions, codes and remedies from `contracts.errors`, laws
from `contracts.invariants` and the tests that hold them, commands from the command line itself.

    scripts/make-reference          write what has changed
    scripts/make-reference --check  say whether anything would change; 1 if so
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from _reference_calls import Calls
from _reference_commands import commands_page
from _reference_laws import laws_page
from _reference_operations import codes_page, index_page, operations_pages
from _reference_states import states_page

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "reference"


def pages() -> dict[str, str]:
    """File name → text of every page."""
    calls = Calls()
    made = {
        **operations_pages(calls),
        "states.md": states_page(),
        "codes.md": codes_page(calls),
        "laws.md": laws_page(),
        "cli.md": commands_page(),
    }
    return {"README.md": index_page(made), **made}


def changed(made: dict[str, str]) -> list[str]:
    """Names of files that are not as they would be written, or are there and would not be."""
    there = {path.name: path.read_text(encoding="utf-8") for path in FOLDER.glob("*.md")}
    return sorted(name for name in made.keys() | there.keys() if made.get(name) != there.get(name))


def main() -> int:
    """0 unless something is stale and was only to be checked."""
    parser = argparse.ArgumentParser(
        prog="scripts/make-reference",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit with 1 if something is stale"
    )
    arguments = parser.parse_args()
    made = pages()
    stale = changed(made)
    if not arguments.check:
        FOLDER.mkdir(parents=True, exist_ok=True)
        for name in stale:
            if name in made:
                (FOLDER / name).write_text(made[name], encoding="utf-8")
            else:
                (FOLDER / name).unlink()
    print(f"{len(made)} pages, {'stale' if arguments.check else 'changed'}: {', '.join(stale) or 'none'}")
    return 1 if arguments.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
