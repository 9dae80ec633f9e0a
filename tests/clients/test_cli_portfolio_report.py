"""`tally portfolio report` against the real API, a saved book and an export: the same figures from each."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import story
from local_sessions import Channel
from local_tally import Tally
from test_cli_portfolio import bill, play

from clients.cli.exits import REFUSED, USAGE
from clients.cli.finance.finance import offer_of
from clients.errors import PORTFOLIO_EXTRA
from clients.reports import raster
from contracts.holdings.book import RECORD_FIELDS
from ledger.proofs.export import frames

BILLED = {"INV-A": (4_000_00, "2024-05-20"), "INV-B": (2_500_00, "2024-04-10")}


def attested(number: str, amount: int, day: str) -> tuple[str, dict[str, Any]]:
    """bank attests anchor's payment."""
    paid = {"currency": "EUR", "payer": "anchor", "amount": amount, "invoice": number, "supplier": "acme"}
    return "bank", {"op": "payment.attest", "account": "C-acme", "entry": f"IN {number}", "date": day, **paid}


@pytest.fixture(scope="module")
def channel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Channel]:
    found = Channel(tmp_path_factory.mktemp("report"), ("n1", "n2"))
    story.play(found.network)
    for number, (gross, due) in BILLED.items():
        play(found, bill(number, gross, due))
    yield found
    found.close()


@pytest.fixture(scope="module")
def export(channel: Channel) -> Path:
    """Both invoices bought by fund, INV-B paid ten days late."""
    for number in BILLED:
        with channel.blocking_session("fund") as session:
            proved = session.quote(story.PROGRAMME, "acme", number).proved
            session.submit(offer_of(proved, "2024-03-20"))
        booked = {"account": "C-fund", "entry": f"OUT {number}", "date": "2024-03-05"}
        paid_out = {"op": "finance.fund", "invoice": number, "supplier": "acme", "lender": "fund", **booked}
        play(channel, [("acme", {"op": "finance.accept", "invoice": number})])
        play(channel, [("bank", {**paid_out, "amount": proved.terms.paid_out})])
    play(channel, [("registrar", {"op": "date.advance", "date": "2024-04-20"})])
    play(channel, [attested("INV-B", 2_500_00, "2024-04-20")])
    chain, file = channel.network.nodes["n1"].chain, channel.folder / "ledger.export"
    with closing(chain.pin()) as state:
        pieces = frames(state, chain.certified(state.height), chain.membership_chain())
        file.write_bytes(b"".join(pieces))
    return file


def genesis(tally: Tally) -> list[str]:
    return ["--genesis", str(tally.channel.network.genesis_path)]


def test_a_node_a_saved_book_and_an_export_give_the_same_figures(
    tally: Tally, export: Path, tmp_path: Path
) -> None:
    book = tmp_path / "fund.book"
    tally.run("fund", "portfolio", "show", "--out", str(book))
    asked = tally.run("fund", "portfolio", "report")
    alone = tally.run(
        "fund", "portfolio", "report", "--book", str(book), "--date", "2024-04-20", *genesis(tally)
    )
    whole = tally.run("fund", "portfolio", "report", "--from", str(export))
    named = tally.run("acme", "portfolio", "report", "--from", str(export), "--lender", "fund")
    assert named == whole
    assert (whole["source"]["kind"], asked["source"]["kind"]) == ("export", "book")
    assert whole["source"]["records"] == asked["source"]["records"] == alone["source"]["records"] == 4
    assert asked["currencies"] == whole["currencies"]
    (euro,) = whole["currencies"].values()
    assert (euro["totals"]["claims"], euro["totals"]["open"]) == (2, 1)
    fared = euro["fared"]
    assert (fared["claims"], fared["late"], fared["realised_centidays"]) == (1, 1, 1_000)
    assert fared["expected_loss"] > 0
    blind = alone["currencies"]["EUR"]
    assert blind["fared"] == {**fared, "expected_loss": None}
    assert blind["ageing"] == euro["ageing"]
    assert (alone["source"]["losses_at"], asked["calibration"], alone["calibration"]) == (None, None, None)


def test_an_export_whose_book_the_contracts_do_not_know_is_refused(
    tally: Tally, export: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a book that comes from a node or from a file is: with a sentence, and no figures."""
    monkeypatch.setitem(RECORD_FIELDS, "buy", (*RECORD_FIELDS["buy"], "more"))
    error = tally.run("fund", "portfolio", "report", "--from", str(export), code=REFUSED)["error"]
    assert (error["code"], error["field"]) == ("not_proved", "records")


def test_the_calibration_is_of_the_invoices_that_were_bought(tally: Tally, export: Path) -> None:
    found = tally.run("fund", "portfolio", "report", "--from", str(export))["calibration"]
    assert (found["model"], found["invoices"], found["open"]) == ("", 2, 1)
    assert (found["figures"]["invoices"], found["figures"]["late"]) == (1, 1)
    (band,) = found["figures"]["bands"]
    assert band["late_ppm"] == 1_000_000
    assert band["low_ppm"] < 1_000_000


def test_pages_and_drawings_are_files(tally: Tally, export: Path, tmp_path: Path) -> None:
    report = ["portfolio", "report", "--from", str(export)]
    written = tmp_path / "fund.html"
    assert tally.run("fund", *report, "--out", str(written))["file"] == str(written)
    assert written.read_text().startswith("<!DOCTYPE html>")
    for name in ("ageing", "calibration", "lateness"):
        drawing = tmp_path / f"{name}.svg"
        tally.run("fund", *report, "--chart", name, "--out", str(drawing))
        assert drawing.read_text().startswith("<svg ")
    picture = tmp_path / "ageing.png"
    if raster.can_raster():
        tally.run("fund", *report, "--chart", "ageing", "--currency", "EUR", "--out", str(picture))
        assert picture.read_bytes().startswith(b"\x89PNG")
    assert "realised" in tally.text("fund", *report)


def test_png_without_pillow_says_how_to_get_it(
    tally: Tally, export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clients.reports.raster.find_spec", lambda _: None)
    given = ["--from", str(export), "--chart", "ageing", "--out", str(tmp_path / "a.png")]
    refused = tally.run("fund", "portfolio", "report", *given, code=USAGE)["error"]
    assert (refused["code"], refused["remedy"]) == ("no_pillow", PORTFOLIO_EXTRA)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--chart", "pie", "--out", "a.svg"], "chart"),
        (["--chart", "ageing"], "chart"),
        (["--chart", "ageing", "--out", "a.html"], "chart"),
        (["--out", "a.svg"], "chart"),
        (["--out", "a.pdf"], "file_kind"),
        (["--date", "2024-04-20"], "two_sources"),
        (["--chart", "ageing", "--currency", "USD", "--out", "a.svg"], "currency"),
    ],
)
def test_what_does_not_go_together_is_refused(
    tally: Tally, export: Path, arguments: list[str], code: str
) -> None:
    given = ["portfolio", "report", "--from", str(export), *arguments]
    assert tally.run("fund", *given, code=USAGE)["error"]["code"] == code
    assert not Path("a.svg").exists()


def test_nothing_to_draw_and_nobody_of_that_name_are_refused(
    tally: Tally, export: Path, tmp_path: Path
) -> None:
    drawing = ["--chart", "calibration", "--out", str(tmp_path / "a.svg")]
    assert tally.run("fund", "portfolio", "report", *drawing, code=USAGE)["error"]["code"] == "empty_chart"
    nobody = ["portfolio", "report", "--from", str(export), "--lender", "nobody"]
    assert tally.run("fund", *nobody, code=REFUSED)["error"]["code"] == "unknown_organisation"
