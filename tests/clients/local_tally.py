"""`tally …` as the organisations of a local channel type it; the fixtures of `conftest.py` make it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from local_sessions import Channel

from clients.cli import main

DAY = "2024-03-05"
"""Day of what the bank books."""

Typed = Callable[..., tuple[str, str]]
"""Runs a command as an organisation; what it shows, and the step that it names next."""


class Tally:
    """`tally …` by organisations of a local channel."""

    def __init__(self, channel: Channel, folder: Path, capsys: Any) -> None:
        self.channel, self.folder, self._capsys = channel, folder, capsys

    def run(self, by: str, *arguments: str, code: int = 0) -> Any:
        profile = self.folder / f"{by}.json"
        if not profile.exists():
            self.channel.profile(by).save(profile)
        assert main([*arguments, "--profile", str(profile), "--json"]) == code
        return json.loads(self._capsys.readouterr().out)

    def text(self, by: str, *arguments: str) -> str:
        assert main([*arguments, "--profile", str(self.folder / f"{by}.json")]) == 0
        return str(self._capsys.readouterr().out)

    def shown(self) -> str:
        """What the last command wrote for people."""
        return str(self._capsys.readouterr().out)

    def open(self, client: str, currency: str = "EUR") -> None:
        given = ["--currency", currency, "--account", f"C-{client}", "--payout", f"P-{client}"]
        given[3] += "" if currency == "EUR" else f"-{currency}"
        self.run("bank", "cash", "open", client, *given)

    def mint(self, client: str, amount: str, entry: str, account: str) -> None:
        given = ["--client", client, "--account", account, "--entry", entry, "--date", DAY]
        self.run("bank", "cash", "mint", amount, *given)


def command_of(step: str, **filled: str) -> tuple[str, str]:
    """Who moves, and what it types: the command of the step with its places filled in."""
    said, _, command = step.removeprefix("Next ").rpartition(": tally ")
    for place, value in filled.items():
        assert place in command
        command = command.replace(place, value)
    return said.split()[0], command
