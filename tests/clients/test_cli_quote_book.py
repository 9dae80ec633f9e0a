"""`tally quote book` as a lender reads it: a price for each invoice, refusals with codes, totals, a bar."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import story
from local_sessions import Channel
from local_tally import Tally
from test_cli_portfolio import bill, play

from clients.cli.exits import UNAVAILABLE, USAGE
from clients.cli.pricing import quote_book
from clients.cli.screen import Screen
from clients.errors import Unavailable
from clients.sdk import Session

COLUMNS = 100
LONGEST = "B-2024-001"
BILLED = {LONGEST: (9_999_999_99, "2024-06-20"), "SMALL": (50_00, "2024-05-20"), "DUE": (70_00, "2024-03-06")}


@pytest.fixture(scope="module")
def channel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Channel]:
    found = Channel(tmp_path_factory.mktemp("book"), ("n1",))
    story.play(found.network)
    limit = {"obligor": "anchor", "limit": 100_000_000_00}
    terms = {"currency": "EUR", "limits": [limit], "discount_rate_ppm": 72_000, "fee_ppm": 2_500}
    play(found, [("fund", {"op": "programme.publish", "programme": "wide", "terms": terms})])
    for number, (gross, due) in BILLED.items():
        play(found, bill(number, gross, due))
    yield found
    found.close()


@pytest.fixture
def tally(tally: Tally) -> Tally:
    tally.run("fund", "programme", "list")
    return tally


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard output and standard error are a terminal of `COLUMNS` columns."""
    for name, value in (("TTY_COMPATIBLE", "1"), ("COLUMNS", str(COLUMNS)), ("NO_COLOR", "1")):
        monkeypatch.setenv(name, value)


def test_every_price_stands_in_the_table_with_what_a_lender_decides_by(tally: Tally) -> None:
    told = tally.run("fund", "quote", "book", "wide")
    shown = tally.text("fund", "quote", "book", "wide")
    table = shown.split("acme to anchor, EUR\n")[1].split("\n\n")[0]
    head, *rows = [line.split() for line in table.splitlines()]
    assert head == ["invoice", "due", "net", "advance", "charges", "paid", "out", "yield", "late", "P(late)"]
    (row,) = [row for row in rows if row[0] == LONGEST]
    (priced,) = [entry for entry in told["rows"] if entry["invoice"] == LONGEST]
    charges, paid_out = priced["discount"] + priced["fee"], priced["paid_out"]
    assert row[1:4] == ["2024-06-20", "9,999,999.99", f"{priced['advance_rate_ppm'] / 10_000:.2f}"]
    assert row[5:7] == [f"{charges / 100:,.2f}", f"{paid_out / 100:,.2f}"]
    assert row[9] == f"{priced['expected_late_centidays'] / 100:.2f}"
    assert row[11] == f"{priced['late_ppm'] / 10_000:.1f}"
    assert priced["paid_out"] == priced["advance"] - priced["discount"] - priced["fee"]
    assert priced["net"] == priced["advance"] + priced["reserve"]
    (refused,) = [entry for entry in told["rows"] if entry["invoice"] == "DUE"]
    assert f"No price: 1 {refused['code']}" in shown
    assert (refused["found"], refused["expected"]) == ("1 days", "at least 5")
    because = f"{refused['message']}: 1 days, expected at least 5"
    assert f"acme      DUE      {refused['code']}  {because}" in shown
    for name in ("net", "advance", "discount", "fee", "paid_out", "expected_loss"):
        assert told[name] == sum(entry[name] for entry in told["rows"] if "quote" in entry)
        assert f"{told[name] / 100:,.2f} EUR" in shown
    assert max(len(line) for line in shown.splitlines()) <= COLUMNS


def test_a_book_that_breaks_off_leaves_the_older_one_as_it_was(
    tally: Tally, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a book of today among the files of yesterday would be taken for one book."""
    older = ("0001.quotes", "0002.quotes", "0003.quotes")
    for name in older:
        (tmp_path / name).write_bytes(b"older")
    (invoice, *_) = tally.run("fund", "quote", "book", "wide")["rows"]

    def one_page(session: Session, programme: str, _: Any) -> Iterator[Any]:
        yield session.quote_page(programme, [(invoice["supplier"], invoice["invoice"])])
        raise Unavailable("no node answers")

    monkeypatch.setattr(quote_book, "FILE_PAGES", 1)
    monkeypatch.setattr(Session, "quote_book", one_page)
    tally.run("fund", "quote", "book", "wide", "--out", str(tmp_path), code=UNAVAILABLE)
    left = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert left == dict.fromkeys(older, b"older")
    tally.run("fund", "quote", "book", "wide", "--out", str(tmp_path / "new"), code=UNAVAILABLE)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["0001.quotes", "0007.quotes"])
def test_what_cannot_be_replaced_is_said(tally: Tally, tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    refused = tally.run("fund", "quote", "book", "wide", "--out", str(tmp_path), code=USAGE)
    assert refused["error"]["code"] == "file_unwritable"
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_book_says_of_which_day_and_height_its_prices_are(tally: Tally) -> None:
    rows = [row for row in tally.run("fund", "quote", "book", "wide")["rows"] if "quote" in row]
    (day,), (height,) = ({row[name] for row in rows} for name in ("business_date", "height"))
    assert f"from proved inputs of {day} at height {height}\n" in tally.text("fund", "quote", "book", "wide")


def test_a_book_that_cannot_be_made_leaves_no_folder(tally: Tally, tmp_path: Path) -> None:
    refused = tally.run("fund", "quote", "book", "none", "--out", str(tmp_path / "book"), code=USAGE)
    assert refused["error"]["code"] == "unknown_programme"
    assert not (tmp_path / "book").exists()


@pytest.mark.usefixtures("terminal")
def test_a_table_of_prices_fits_a_terminal_of_100_columns(tally: Tally) -> None:
    shown = tally.text("fund", "quote", "book", "wide")
    (line,) = [line for line in shown.splitlines() if LONGEST in line]
    assert line.split()[1:3] == ["2024-06-20", "9,999,999.99"], "no cell is broken"


def test_a_long_book_is_cut_on_a_terminal_and_whole_in_a_pipe(
    tally: Tally, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(quote_book, "SHOWN", 1)
    monkeypatch.setattr(quote_book, "SHOWN_REFUSALS", 0)
    whole = tally.text("fund", "quote", "book", "wide")
    assert all(number in whole for number in BILLED)
    monkeypatch.setattr(Screen, "is_terminal", property(lambda _: True))
    cut = tally.text("fund", "quote", "book", "wide")
    assert len([number for number in BILLED if f" {number} " in cut]) <= 1
    assert "… and 2 more prices" in cut
    assert "… and 1 more refusals" in cut


def test_the_bar_stands_before_the_first_question_is_asked(
    tally: Tally, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Finding the invoices of a large book takes a while, in which nothing was shown."""
    bars: list[tuple[str, int | None, int]] = []

    @contextmanager
    def progress(_: Screen, label: str, total: int | None) -> Iterator[Callable[[int], None]]:
        bars.append((label, total, 0))

        def advance(count: int) -> None:
            bars[-1] = (*bars[-1][:2], bars[-1][2] + count)

        yield advance

    def invoices(*given: Any, **named: Any) -> Any:
        assert bars, "no bar yet"
        return listed(*given, **named)

    listed = Session.programmes
    monkeypatch.setattr(Screen, "progress", progress)
    monkeypatch.setattr(Session, "programmes", invoices)
    tally.run("fund", "quote", "book", "wide")
    assert bars == [("finding invoices", None, 4), ("pricing", 4, 4)]


@pytest.mark.usefixtures("terminal")
def test_the_bar_goes_to_standard_error_of_a_terminal_only(tally: Tally, capsys: Any, tmp_path: Path) -> None:
    profile = tally.folder / "fund.json"
    for as_json in (False, True):
        quote_book.book("wide", [], tmp_path / "book", profile, as_json)
        told = capsys.readouterr()
        assert ("finding invoices" in told.err) is not as_json, "no bar beside a program's answer"
        assert "finding invoices" not in told.out
