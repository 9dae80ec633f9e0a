"""Groups of commands of which one may be called without its name: `tally quote …` is `tally quote ask …`."""

from __future__ import annotations

from typing import Any

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
