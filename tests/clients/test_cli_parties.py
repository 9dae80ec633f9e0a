"""What a newcomer asks first: who takes part, with which keys, on which day; and a first order, typed in."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest
from local_sessions import Channel
from local_tally import Tally

from clients.cli import main
from clients.cli.exits import REFUSED, USAGE
from contracts.context import business_day
from ledger.dates import day_from_iso


@pytest.fixture(scope="module")
def channel(played_channel: Channel) -> Channel:
    return played_channel


def test_who_takes_part_is_listed_with_roles_from_the_genesis_block_alone(
    tally: Tally, channel: Channel, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = tally.run("acme", "organisation", "list")["organisations"]
    assert [each["id"] for each in listed] == sorted(each["id"] for each in listed)
    assert {"acme", "anchor", "fund"} <= {each["id"] for each in listed}
    buyers = ["organisation", "list", "--role", "buyer", "--genesis", str(channel.network.genesis_path)]
    assert main([*buyers]) == 0
    shown = capsys.readouterr().out
    assert "anchor" in shown
    assert "acme" not in shown
    assert main([*buyers[:3], "buyers", *buyers[4:]]) == 0
    assert "No organisation has the role buyers" in capsys.readouterr().err


def test_keys_are_listed_for_whoever_wants_to_revoke_one(tally: Tally) -> None:
    (own,) = tally.run("acme", "keys", "list")["keys"]
    assert (own["organisation"], own["status"], own["enrolled"]) == ("acme", "Active", None)
    (other,) = tally.run("acme", "keys", "list", "--organisation", "anchor")["keys"]
    assert other["organisation"] == "anchor"
    assert own["key"] in tally.text("acme", "keys", "list")


def test_the_business_date_is_shown_with_the_height_at_which_it_is_proved(
    tally: Tally, channel: Channel
) -> None:
    shown = tally.run("acme", "date", "show")
    chain = channel.network.nodes["n1"].chain
    assert day_from_iso(shown["business_date"]) == business_day(chain)
    assert shown["height"] == chain.certified().header.height
    assert (
        tally.text("acme", "date", "show")
        == f"{shown['business_date']}, proved at height {shown['height']}\n"
    )


def test_an_order_is_typed_in_by_either_party(tally: Tally, channel: Channel) -> None:
    day = tally.run("acme", "date", "show")["business_date"]
    lines = ["--line", "1 : 100 : 9.50 EUR : bolts M8", "--line", "2 : 20 : 1.25 : nuts"]
    tally.run("acme", "order", "submit", "PO-TYPED", "-b", "anchor", "--date", day, *lines)
    tally.run("anchor", "order", "issue", "PO-TYPED", "-s", "acme")
    tally.run("anchor", "order", "issue", "PO-OWN", "-s", "acme", "--date", day, "--currency", "eur", *lines)
    with channel.blocking_session("acme") as acme:
        typed, own = (acme.order("acme", "anchor", number) for number in ("PO-TYPED", "PO-OWN"))
    assert (typed["status"], typed["currency"], typed["amount"]) == ("Issued", "EUR", 975_00)
    assert [(line["item"], line["quantity"]) for line in own["lines"]] == [("bolts M8", 100), ("nuts", 20)]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (["--date", "2024-03-01"], "line"),
        (["--line", "1 : 100 : 9.50 EUR : bolts"], "date"),
        (["--date", "2024-03-01", "--line", "1 : 100"], "line"),
        (["--date", "2024-03-01", "--line", "1 : 100 : bolts"], "amount"),
        (["--date", "2024-03-01", "--line", "1 : 100 : 9.50 : bolts"], "amount"),
        (["--date", "2024-03-01", "--line", "1:1:9 EUR:a", "--line", "2:1:9 USD:b"], "currency_mismatch"),
    ],
)
def test_an_order_that_is_not_whole_is_not_sent(tally: Tally, given: list[str], code: str) -> None:
    error = tally.run("anchor", "order", "issue", "PO-BAD", "-s", "acme", *given, code=USAGE)["error"]
    assert error["code"] == code


def test_a_trade_with_nobody_is_told_from_one_that_has_not_begun(
    tally: Tally, capsys: pytest.CaptureFixture[str]
) -> None:
    tally.run("fund", "history", "acme", "anchor")
    profile = str(tally.folder / "fund.json")
    for buyer, said in (("anchro", True), ("bank", False)):
        assert main(["history", "acme", buyer, "--profile", profile]) == 0
        assert ("no organisation of this channel" in capsys.readouterr().err) is said
        for things in ("invoice", "order"):
            assert main([things, "list", "acme", "--buyer", buyer, "--profile", profile]) == 0
            assert ("no organisation of this channel" in capsys.readouterr().err) is said


def test_the_command_that_checks_a_saved_file_is_named_as_it_is_typed_here(
    tally: Tally, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    tally.run("fund", "history", "acme", "anchor")
    assert (
        main(["history", "acme", "anchor", "--out", "a b.history", "-p", str(tally.folder / "fund.json")])
        == 0
    )
    (said,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("saved in")]
    command = shlex.split(said.rpartition(": tally ")[2])
    assert command[:2] == ["verify", "a b.history"]
    assert main(command) == 0


def test_a_proof_of_another_kind_is_no_evidence_and_its_holder_is_told_what_checks_it(
    tally: Tally, tmp_path: Path
) -> None:
    history, text = tmp_path / "a.history", tmp_path / "text"
    text.write_text("an invoice, please")
    tally.run("fund", "history", "acme", "anchor", "--out", str(history))
    for path, remedy, code in ((history, "tally verify", REFUSED), (text, "get it again", USAGE)):
        error = tally.run("fund", "evidence", "verify", str(path), code=code)["error"]
        assert remedy in error["remedy"]


def test_a_file_that_proves_nothing_is_described_to_whoever_holds_it(tally: Tally, tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("an invoice, please")
    error = tally.run("fund", "verify", str(text), code=REFUSED)["error"]
    assert "get it again" in error["remedy"]
    assert "SDK" not in error["remedy"]


def test_an_import_of_which_nothing_is_recorded_says_so(
    tally: Tally, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, receipts = tmp_path / "invoices.csv", tmp_path / "receipts"
    file.write_text(
        "invoice,supplier,buyer,currency,issue_date,due_date,order,line,quantity,amount,tax,gross\n"
        "F-1,acme,anchor,EUR,2030-01-01,2030-03-01,,1,1,10.00,0.00,10.00\n"
    )
    tally.run("acme", "date", "show")
    profile = str(tally.folder / "acme.json")
    assert main(["import", str(file), "--receipts", str(receipts), "--profile", profile]) == REFUSED
    said = capsys.readouterr().out
    assert f"No document is recorded; the proofs of the refusals are kept in {receipts}" in said
    assert "tally date show" in said
    assert "documents recorded" not in said
