"""What a terminal of a given width shows of a table: figures in one piece as long as they have room."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from clients.cli.screen import Screen
from ledger.errors import TallyError

ROWS = [("harbour-2012", "a lender of a long name", "2026-03-31", "900,000,000.00 USD", "7.2 %")]
COLUMNS = ("programme", "lender", "due", "limit", "advance up to")


def shown(width: int, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> str:
    for name, value in (("TTY_COMPATIBLE", "1"), ("COLUMNS", str(width)), ("NO_COLOR", "1")):
        monkeypatch.setenv(name, value)
    Screen().table(COLUMNS, ROWS, right=COLUMNS[3:])
    return re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)


@pytest.mark.parametrize("width", [120, 72, 62])
def test_figures_are_not_broken_and_names_are(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    told = shown(width, monkeypatch, capsys)
    assert all(figure in told for figure in ROWS[0][2:])
    assert max(len(line.rstrip()) for line in told.splitlines()) <= width


def test_where_figures_have_no_room_each_row_is_told_as_facts(
    monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    told = shown(40, monkeypatch, capsys)
    assert [line.split(maxsplit=1)[0] for line in told.split("\n")[1:6]] == [
        name.split()[0] for name in COLUMNS
    ]
    assert all(cell in told for cell in ROWS[0])
    assert max(len(line.rstrip()) for line in told.splitlines()) <= 40


FORGED = "acme\nfile.quote: proved\t\r\x9b31m\u202e\u200f\u2028\ufeff"
"""What a node or a file may say in the place of a name."""


def test_what_others_wrote_neither_leaves_its_line_nor_steers_the_terminal(capsys: Any) -> None:
    screen = Screen()
    screen.line(FORGED)
    screen.note(FORGED)
    screen.facts([("name", FORGED)])
    screen.table(("name", "amount"), [(FORGED, "1"), ("b", "22")], right=("amount",))
    screen.error(TallyError(FORGED, found=FORGED, remedy=FORGED))
    out, err = capsys.readouterr()
    assert (out.count("\n"), err.count("\n")) == (5, 4)
    assert all(letter.isprintable() for letter in (out + err).replace("\n", ""))
    rows = out.splitlines()[2:]
    assert len({len(row) for row in rows}) == 1, "columns stay under each other"


def test_json_says_the_same_and_steers_nothing_either(capsys: Any) -> None:
    Screen(as_json=True).answer({FORGED: [FORGED, "naïve"]})
    told = capsys.readouterr().out
    assert json.loads(told) == {FORGED: [FORGED, "naïve"]}
    assert all(letter.isprintable() for letter in told.removesuffix("\n"))
    assert "naïve" in told
