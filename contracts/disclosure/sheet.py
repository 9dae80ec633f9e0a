"""Sheets: the figures of a disclosure as rows under typed columns.

A row is a NamedTuple whose annotations say what each place is: `Minor` is an amount of minor units of the
row's `currency`, `Ppm` a share, `Days` and `Count` numbers, `Day` a day since 1970; text is text. Whoever
shows a sheet needs nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, NamedTuple, get_type_hints

Minor = Annotated[int, "minor"]
"""Minor units of the currency in the row's column `currency`."""
Ppm = Annotated[int, "ppm"]
Days = Annotated[int, "days"]
Day = Annotated[int, "day"]
"""Days since 1970; 0 for none."""
Count = Annotated[int, "count"]

TEXT = "text"


class Column(NamedTuple):
    """What one place of a sheet's rows is."""

    name: str
    unit: str
    """`text`, `minor`, `ppm`, `days`, `day` or `count`."""


@dataclass(frozen=True, slots=True)
class Sheet:
    """Rows of one kind."""

    name: str
    title: str
    """What the rows are, in a sentence for people."""
    columns: tuple[Column, ...]
    rows: tuple[tuple[Any, ...], ...]

    @classmethod
    def of(cls, name: str, title: str, kind: type[tuple[Any, ...]], rows: Iterable[tuple[Any, ...]]) -> Sheet:
        """A sheet of NamedTuples of one kind."""
        return cls(name, title, columns_of(kind), tuple(rows))


@dataclass(frozen=True, slots=True)
class Disclosure:
    """Everything that one disclosure says."""

    name: str
    title: str
    day: int
    """The business date that it is as of; days since 1970."""
    assumptions: dict[str, int | str]
    """What the reader assumed, and what the figures would change with."""
    notes: tuple[str, ...]
    """How the figures are defined; sentences."""
    sheets: tuple[Sheet, ...]

    def sheet(self, name: str) -> Sheet:
        """One of its sheets."""
        return next(sheet for sheet in self.sheets if sheet.name == name)


@cache
def columns_of(kind: type[tuple[Any, ...]]) -> tuple[Column, ...]:
    """The columns that a NamedTuple's annotations describe."""
    hints = get_type_hints(kind, include_extras=True)
    names: tuple[str, ...] = kind._fields  # type: ignore[attr-defined]
    return tuple([Column(name, getattr(hints[name], "__metadata__", (TEXT,))[0]) for name in names])
