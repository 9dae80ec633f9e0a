"""Groups of commands: those that are read only when they are asked for, and those of which one may be
called without its name (`tally quote …` is `tally quote ask …`).

Putting all commands together takes longer than most of them run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from functools import cache
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperGroup

_HELP = ("--help", "-h")


def falling_back_to(command: str) -> type[TyperGroup]:
    """A group that takes what names none of its commands for arguments of this one."""

    class Group(TyperGroup):
        def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
            if args and args[0] not in self.commands and args[0] not in _HELP:
                args = [command, *args]
            return super().parse_args(ctx, args)

    return Group


class Areas(MutableMapping[str, Any]):
    """The commands of `tally` by name, each made when it is first looked at; `areas` says in which module."""

    def __init__(self, areas: Mapping[str, str]) -> None:
        self._areas = areas

    def __getitem__(self, name: str) -> Any:
        return commands_of(self._areas[name])[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._areas)

    def __len__(self) -> int:
        return len(self._areas)

    def __contains__(self, name: object) -> bool:
        return name in self._areas

    def __setitem__(self, name: str, command: Any) -> None:
        raise TypeError("a command stands in the table of its area")

    def __delitem__(self, name: str) -> None:
        raise TypeError("a command stands in the table of its area")


@cache
def commands_of(area: str) -> Mapping[str, Any]:
    """What the module of an area has: its groups, or the commands that it registers."""
    module = import_module(f"clients.cli.{area}")
    made = typer.Typer(rich_markup_mode=None)
    made.callback()(_nothing)
    groups = [value for value in vars(module).values() if isinstance(value, typer.Typer)]
    for group in groups:
        made.add_typer(group)
    if not groups:
        module.register(made)
    return typer.main.get_group(made).commands


def _nothing() -> None:
    """No options before the name of a command."""
