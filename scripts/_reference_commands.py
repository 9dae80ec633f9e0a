"""The page of commands: what each of them says with `--help`, made from the command line itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import typer

from clients.cli.main import command as tally

WIDTH = 100
BEGIN = """# Commands

What `tally` and each of its commands say with `--help`. Every command takes `--json` where it shows
something, and ends with the exit codes that stand under `tally`.
"""


def commands() -> Iterator[tuple[str, Any, Any]]:
    """(whole name, command, its context) of every command, groups before what is in them."""
    yield from _below("tally", tally(), None)


def _below(name: str, command: Any, parent: Any) -> Iterator[tuple[str, Any, Any]]:
    settings = {**command.context_settings, "terminal_width": WIDTH}  # the names of `--help` are among them
    context = typer.Context(command, info_name=name.rpartition(" ")[2], parent=parent, **settings)
    yield name, command, context
    for word, inner in sorted(getattr(command, "commands", {}).items()):
        if not inner.hidden:
            yield from _below(f"{name} {word}", inner, context)


def commands_page() -> str:
    """All of it."""
    found = list(commands())
    sections = [BEGIN]
    sections += [f"- [`{name}`](#{name.replace(' ', '-')}): {_about(command)}" for name, command, _ in found]
    sections.append("")
    for name, command, context in found:
        help_text = re.sub(r"[ \t]+$", "", command.get_help(context), flags=re.MULTILINE).strip("\n")
        sections.append(f"## {name}\n\n```\n{help_text}\n```\n")
    return "\n".join(sections)


def _about(command: Any) -> str:
    return " ".join((command.help or command.short_help or "").split("\n\n")[0].split())
