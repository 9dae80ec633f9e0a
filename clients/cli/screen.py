"""All that prints: tables and colour on a terminal, plain columns in a pipe, JSON if asked.

Standard output carries the answer and nothing else: with `--json` exactly one document.
Progress, notes and errors go to the standard error output.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, JustifyMethod
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from clients.sdk import Refused
from clients.wording import counted
from ledger.errors import TallyError

Advance = Callable[[int], None]

GOOD, BAD, FAINT, STRONG = "green", "red", "dim", "bold"


class _Console(Console):
    """A console whose reader may go away: `tally history … | head`."""

    def on_broken_pipe(self) -> None:
        """Whoever read the answer has seen enough: the rest goes nowhere."""
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


_CONTROL = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u061c\\u200b-\\u200f\\u2028-\\u202e\\u2060-\\u206f\\ufeff]")
"""What would steer a terminal, begin another line, turn the text around or hide in it: nodes and files may
say it, and are shown to have."""


def _visible(text: str) -> str:
    return _CONTROL.sub(lambda found: ascii(found[0])[1:-1], text)


def _text(text: str, style: str = "") -> Text:
    return Text(_visible(text), style=style)


_DAY = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}|-?")

LEAST_TEXT, GAP = 8, 2
"""Letters of a text that a narrow table breaks at the earliest; spaces between two columns."""


def _widths(columns: Sequence[str], cells: Sequence[Sequence[str]]) -> list[int]:
    """Letters of the longest of each column, its name included."""
    return [max([len(column), *(len(row[place]) for row in cells)]) for place, column in enumerate(columns)]


class Screen:
    """Where one command's answer goes."""

    def __init__(self, as_json: bool = False, *, quiet: bool = False) -> None:
        self.as_json = as_json
        self.quiet = quiet or as_json
        self.out = _Console(highlight=False, markup=False, soft_wrap=True)
        self.notes = _Console(highlight=False, markup=False, soft_wrap=True, stderr=True)

    @property
    def is_terminal(self) -> bool:
        """Whether a person reads the answer."""
        return self.out.is_terminal

    def answer(self, document: Any) -> bool:
        """Print the document if JSON was asked for, and say whether it was."""
        if self.as_json:
            try:
                written = json.dumps(document, ensure_ascii=False)
                print(_CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", written), flush=True)  # noqa: T201
            except BrokenPipeError:
                self.out.on_broken_pipe()
        return self.as_json

    def line(self, text: str = "", style: str = "") -> None:
        """One line of the answer."""
        self.out.print(_text(text, style=style))

    def text(self, text: str) -> None:
        """An answer that is a file, byte for byte."""
        try:
            sys.stdout.write(text)
            sys.stdout.flush()
        except BrokenPipeError:
            self.out.on_broken_pipe()

    def note(self, text: str, style: str = FAINT) -> None:
        """One line beside the answer."""
        if not self.quiet:
            self.notes.print(_text(text, style=style))

    def count(self, found: int, one: str, limit: int) -> None:
        """How many of a thing a list shows, and that it may have been cut at its limit."""
        self.note(counted(found, one) + (", there may be more: --limit" if found == limit else ""))

    def table(
        self,
        columns: Sequence[str],
        rows: Sequence[Sequence[object]],
        *,
        title: str = "",
        right: Sequence[str] = (),
        styles: Sequence[str] = (),
    ) -> None:
        """Rows under their columns; columns named in `right` are aligned to the right.

        A terminal without room for the figures of a row shows each row as facts.
        """
        cells = [["" if cell is None else _visible(str(cell)) for cell in row] for row in rows]
        if title:
            self.line(title, STRONG)
        if not self.is_terminal:
            self._plain_table(columns, cells, right)
            return
        solid = self._kept_whole(columns, cells, right)
        if solid is None:
            for index, row in enumerate(cells):
                self.out.print()
                shown = [(column, cell) for column, cell in zip(columns, row, strict=True) if cell]
                self.facts(shown, style=styles[index] if styles else "")
            return
        table = Table(box=SIMPLE_HEAD, header_style=STRONG, pad_edge=False, padding=(0, 1, 0, 0))
        for column in columns:
            justify: JustifyMethod = "right" if column in right else "left"
            heading = column.replace(" ", "\n") if column in solid else column
            table.add_column(heading, justify=justify, overflow="fold", no_wrap=column in solid)
        for index, row in enumerate(cells):
            table.add_row(*(_text(cell) for cell in row), style=styles[index] if styles else "")
        self.out.print(table, soft_wrap=False)

    def _kept_whole(
        self, columns: Sequence[str], cells: Sequence[Sequence[str]], right: Sequence[str]
    ) -> set[str] | None:
        """Columns of figures and of days in a table that is too wide: names are broken for them.

        None if there is no room for them either.
        """
        if sum(_widths(columns, cells)) + GAP * len(columns) <= self.out.width:
            return set()
        days = {
            column for place, column in enumerate(columns) if all(_DAY.fullmatch(row[place]) for row in cells)
        }
        solid, needed = {*right, *days}, GAP * len(columns)
        for column, width in zip(columns, _widths([""] * len(columns), cells), strict=True):
            heading = max(len(word) for word in column.split(" "))
            needed += max(width, heading) if column in solid else min(max(width, len(column)), LEAST_TEXT)
        return solid if needed <= self.out.width else None

    def _plain_table(
        self, columns: Sequence[str], cells: Sequence[Sequence[str]], right: Sequence[str]
    ) -> None:
        widths = _widths(columns, cells)
        for row in (columns, *cells):
            shown = [
                cell.rjust(width) if column in right else cell.ljust(width)
                for cell, width, column in zip(row, widths, columns, strict=True)
            ]
            self.line("  ".join(shown).rstrip())

    def facts(self, facts: Sequence[tuple[str, object]], *, title: str = "", style: str = "") -> None:
        """Names and values, one pair a line."""
        if title:
            self.line(title, STRONG)
        width = max((len(name) for name, _ in facts), default=0)
        for name, value in facts:
            text = _text(f"  {name.ljust(width)}  ", style=FAINT)
            text.append(_visible(str(value)), style=f"not dim {style}".rstrip())
            self.out.print(text)

    @contextmanager
    def progress(self, label: str, total: int | None) -> Iterator[Advance]:
        """A bar while something goes on; calls of what it yields move it on."""
        if self.quiet or not self.notes.is_terminal:
            yield lambda _: None
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self.notes, transient=True) as bar:
            task = bar.add_task(label, total=total)
            yield lambda count: bar.advance(task, count)

    def error(self, error: TallyError, **more: Any) -> None:
        """What went wrong: message, where, and what to do; as JSON on standard output if asked."""
        if self.as_json:
            document = error.as_dict()
            if isinstance(error, Refused):
                document["recorded"] = {
                    "id": error.recorded.id.hex(),
                    "height": error.recorded.height,
                    "index": error.recorded.index,
                }
            self.answer({"error": document, **more})
            return
        heading = _text("Refused" if isinstance(error, Refused) else "Error", style=f"{STRONG} {BAD}")
        heading.append(_visible(f" [{error.code}] "), style=BAD)
        heading.append(_visible(error.message), style="default not bold")
        self.notes.print(heading)
        field = (error.field or "").removeprefix("operations[0].") or None
        for name, value in (("field", field), ("found", error.found), ("expected", error.expected)):
            if value is not None:
                self.notes.print(_text(f"  {name:<9}{value}"))
        if isinstance(error, Refused):
            recorded = error.recorded
            self.notes.print(
                _text(f"  recorded at height {recorded.height}, transaction {recorded.id.hex()}", style=FAINT)
            )
        if error.remedy:
            self.notes.print(_text(f"  → {error.remedy}"))


def examples(*lines: str) -> str:
    """The examples below a command's help."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


def asks_for_json(arguments: Sequence[str] | None) -> bool:
    """Whether `--json` is among the arguments, for errors that come before they are read."""
    return "--json" in (sys.argv[1:] if arguments is None else arguments)
