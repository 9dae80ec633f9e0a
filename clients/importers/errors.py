"""What is wrong in a file, and where.

    TallyError
    └── ImportProblem      file, line, column (or path), what was found, what was expected, what to do

Importers return problems, they do not raise them: a file with ten bad lines has ten.
"""

from __future__ import annotations

from typing import Any

from clients.importers.limits import MAX_PROBLEMS
from clients.importers.remedies import remedy_of
from ledger.errors import TallyError

_SHOWN_CHARACTERS = 120


class ImportProblem(TallyError):
    """One thing that keeps a line, a document or a whole file from being imported.

    Its remedy is that of its code in `remedies.py`, unless the place knows a better one.
    """

    code = "import"

    def __init__(
        self,
        code: str,
        message: str,
        *,
        found: object,
        expected: object,
        file: str = "",
        line: int = 0,
        column: str = "",
        remedy: str = "",
    ) -> None:
        super().__init__(
            message,
            code=code,
            field=column or None,
            found=printable(found) if isinstance(found, str) else found,
            expected=expected,
            remedy=remedy or remedy_of(code),
        )
        self.file = file
        self.line = line
        """From 1, of the text in an editor; 0 where the whole file is meant."""
        self.column = column
        """The CSV column, or the path of the XML element such as `/Invoice/cbc:IssueDate`."""

    def at(self, file: str, line: int = 0, column: str = "") -> ImportProblem:
        """The same problem with its place filled in where it was not known yet."""
        self.file = self.file or file
        self.line = self.line or line
        self.column = self.column or column
        self.field = self.column or None
        return self

    @property
    def place(self) -> str:
        """ "invoices.csv, line 7, amount"."""
        parts = [self.file, f"line {self.line}" if self.line else "", self.column]
        return ", ".join(part for part in parts if part)

    def __str__(self) -> str:
        parts = [self.message]
        if self.found is not None:
            parts.append(f"found {self.found}")
        if self.expected is not None:
            parts.append(f"expected {self.expected}")
        return f"{self.place}: " + "; ".join(parts) + f" [{self.code}]"

    def as_dict(self) -> dict[str, Any]:
        """The problem as the CLI and the logs show it."""
        return {**super().as_dict(), "file": self.file, "line": self.line, "column": self.column}


def from_error(error: TallyError, *, file: str, line: int = 0, column: str = "") -> ImportProblem:
    """A refusal of a value by the ledger's own types, with the place in the file where it stands.

    A remedy that any such error has is for whoever writes programs.
    """
    if isinstance(error, ImportProblem):
        return error.at(file, line, column)
    is_own = error.remedy != type(error).remedy or not remedy_of(error.code)
    return ImportProblem(
        error.code,
        error.message,
        file=file,
        line=line,
        column=column,
        found=error.found,
        expected=error.expected,
        remedy=error.remedy if is_own else "",
    )


def printable(text: str) -> str:
    """The text, safe to print: cut, without control characters."""
    cut = text if len(text) <= _SHOWN_CHARACTERS else text[:_SHOWN_CHARACTERS] + "…"
    return "".join(character if character.isprintable() else "�" for character in cut)


def quoted(text: str) -> str:
    """A piece of a file as it is shown in a problem."""
    return f'"{text[:_SHOWN_CHARACTERS]}"'


class Problems:
    """A bounded list of problems of one file."""

    def __init__(self, file: str) -> None:
        self.file = file
        self._listed: list[ImportProblem] = []
        self._left_out = 0

    def add(self, problem: ImportProblem) -> None:
        """Keep a problem, or only count it once the list is full."""
        if len(self._listed) < MAX_PROBLEMS:
            self._listed.append(problem.at(self.file))
        else:
            self._left_out += 1

    def __len__(self) -> int:
        return len(self._listed) + self._left_out

    def listed(self) -> tuple[ImportProblem, ...]:
        """In the order of the lines; the last one says how many were left out."""
        ordered = sorted(self._listed, key=lambda problem: problem.line)
        if self._left_out:
            ordered.append(
                ImportProblem(
                    "too_many_problems",
                    "more problems than are listed",
                    file=self.file,
                    found=f"{self._left_out} more",
                    expected=f"at most {MAX_PROBLEMS}",
                )
            )
        return tuple(ordered)
