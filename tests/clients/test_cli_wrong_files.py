"""What a lender hands in by mistake or cannot write: a sentence about the file, and nothing lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import story
from local_node import ROLES
from local_sessions import Channel
from local_tally import Tally
from test_cli_quotes import HASH, MODEL, record_file

from clients.cli.exits import REFUSED, USAGE, UsageProblem
from clients.cli.options import save
from contracts.finance.quote import MAX_QUOTE_BYTES


@pytest.fixture(scope="module")
def channel(played_channel: Channel) -> Channel:
    return played_channel


@pytest.fixture
def files(tally: Tally, tmp_path: Path) -> dict[str, Path]:
    found = {
        name: tmp_path / name
        for name in ("a.quote", "cut.quote", "a.history", "a.export", "cut.export", "text")
    }
    tally.run("fund", "quote", story.PROGRAMME, "acme", story.INVOICE, "--out", str(found["a.quote"]))
    tally.run("fund", "history", "acme", "anchor", "--out", str(found["a.history"]))
    tally.run("fund", "export", "--out", str(found["a.export"]))
    for whole, cut in (("a.quote", "cut.quote"), ("a.export", "cut.export")):
        found[cut].write_bytes(found[whole].read_bytes()[:-40])
    found["text"].write_text("an invoice, please")
    return found


@pytest.mark.parametrize("wrong", ["cut.quote", "text", "a.history"])
@pytest.mark.parametrize(
    "command",
    [
        "quote verify {}",
        "quote explain {}",
        "finance offer {} --expires 2024-04-01",
        "finance accept X --quote {}",
    ],
)
def test_what_is_no_whole_quote_is_named_with_what_to_do(
    tally: Tally, files: dict[str, Path], command: str, wrong: str
) -> None:
    path = str(files[wrong])
    error = tally.run("fund", *[path if part == "{}" else part for part in command.split()], code=USAGE)[
        "error"
    ]
    assert path in error["message"]
    assert "SDK" not in error["remedy"]
    if wrong == "a.history":
        assert (error["code"], error["found"]) == ("other_kind", "history")
    else:
        assert "again" in error["remedy"]


def test_a_book_of_quotes_that_is_taken_for_a_quote_is_named_whatever_its_size(
    tally: Tally, tmp_path: Path
) -> None:
    tally.run("fund", "quote", "book", story.PROGRAMME, "--out", str(tmp_path))
    small, large = tmp_path / "0001.quotes", tmp_path / "large.quotes"
    large.write_bytes(small.read_bytes() + bytes(MAX_QUOTE_BYTES))
    for file, code in ((small, "other_kind"), (large, "file_too_large")):
        error = tally.run("fund", "quote", "verify", str(file), code=USAGE)["error"]
        assert (error["code"], "tally verify" in error["remedy"]) == (code, True)


@pytest.mark.parametrize("wrong", ["a.quote", "text"])
def test_what_is_no_book_is_named_with_what_to_do(tally: Tally, files: dict[str, Path], wrong: str) -> None:
    path = str(files[wrong])
    for command in (["portfolio", "show"], ["portfolio", "report"]):
        error = tally.run("fund", *command, "--book", path, "--date", "2024-04-01", code=USAGE)["error"]
        assert path in error["message"]
        assert "SDK" not in error["remedy"]


@pytest.mark.parametrize("wrong", ["cut.export", "text", "a.history"])
def test_what_is_no_whole_export_is_named_with_what_to_do(
    tally: Tally, files: dict[str, Path], tmp_path: Path, wrong: str
) -> None:
    path = str(files[wrong])
    for command in (
        ["model", "report"],
        ["model", "check", HASH],
        ["export", "training", "--out", str(tmp_path / "o")],
    ):
        error = tally.run("fund", *command, "--from", path, code=USAGE)["error"]
        assert path in error["message"]
        assert "SDK" not in error["remedy"]


def test_another_channels_proof_names_both_channels(
    tally: Tally, files: dict[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    other = Channel(tmp_path / "other", ("n1",), {**ROLES, "stranger": ["buyer"]})
    try:
        genesis = str(other.network.genesis_path)
        error = tally.run(
            "fund", "quote", "verify", str(files["a.quote"]), "--genesis", genesis, code=REFUSED
        )["error"]
    finally:
        other.close()
    assert error["expected"] == other.network.channel.hex() != error["found"]
    assert "genesis block" in error["remedy"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"rows": -1}, "rows"),
        ({"rows": 1.5}, "rows"),
        ({"auc_ppm": 10**7}, "auc_ppm"),
        ({"trained_until": "yesterday"}, "trained_until"),
        ({"training_root": "zz"}, "training_root"),
        ({"training_root": 5}, "training_root"),
        ({"rising": 5}, "rising"),
        ({"rising": [5]}, "rising.0"),
        ({"surprise": 1}, "surprise"),
        (None, "training_root"),
    ],
)
def test_a_record_that_is_none_says_which_field(
    tally: Tally, tmp_path: Path, change: dict[str, Any] | None, field: str
) -> None:
    model, path = tmp_path / "a.model", record_file(tmp_path / "a.json", "00" * 32)
    model.write_bytes(MODEL)
    path.write_text(json.dumps({} if change is None else json.loads(path.read_text()) | change))
    error = tally.run("fund", "model", "publish", str(model), "--record", str(path), code=USAGE)["error"]
    assert (error["code"], error["field"]) == ("record_file", field)
    assert "validation error" not in json.dumps(error)
    assert "train-model" in error["remedy"]


@pytest.mark.parametrize("text", ["[]", "5", "null", "{", '"text"', "\xff"])
def test_what_is_no_record_at_all_is_refused(tally: Tally, tmp_path: Path, text: str) -> None:
    model, path = tmp_path / "a.model", tmp_path / "a.json"
    model.write_bytes(MODEL)
    path.write_bytes(text.encode("latin-1"))
    error = tally.run("fund", "model", "publish", str(model), "--record", str(path), code=USAGE)["error"]
    assert error["code"] == "record_file"
    assert str(path) in error["message"]


def test_a_file_that_is_no_model_is_named(tally: Tally, tmp_path: Path) -> None:
    model, path = tmp_path / "a.model", record_file(tmp_path / "a.json", "00" * 32)
    model.write_bytes(MODEL[:-1])
    error = tally.run("fund", "model", "publish", str(model), "--record", str(path), code=USAGE)["error"]
    assert str(model) in error["message"]
    assert "SDK" not in error["remedy"]


@pytest.mark.parametrize(("place", "name"), [(0, "programme"), (1, "supplier"), (2, "invoice")])
def test_a_question_with_a_name_that_nothing_has_is_refused_by_its_field(
    tally: Tally, place: int, name: str
) -> None:
    asked = [story.PROGRAMME, "acme", story.INVOICE]
    asked[place] = "Not a/name\n"
    error = tally.run("fund", "quote", *asked, code=USAGE)["error"]
    assert error["field"] == name
    assert "pattern" not in json.dumps(error)
    assert "SDK" not in error["remedy"]


def test_a_file_is_replaced_whole_or_stays_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    there, linked = tmp_path / "a.quote", tmp_path / "link"
    there.write_bytes(b"a quote of yesterday")
    linked.symlink_to(there)
    write = Path.write_bytes

    def full(path: Path, data: bytes) -> int:
        write(path, data[:3])
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(UsageProblem, match="cannot write") as refused:
        save(b"a quote of today", there, "quote")
    assert "space" in refused.value.remedy
    assert there.read_bytes() == b"a quote of yesterday"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.quote", "link"], "no draft is left"
    monkeypatch.undo()
    save(b"a quote of today", linked, "quote")
    assert there.read_bytes() == b"a quote of today"
    assert linked.is_symlink()
    save(b"", Path("/dev/null"), "quote")
    assert not Path("/dev/null").is_file()


def test_a_full_disk_is_named_with_the_export_that_it_could_not_take(
    tally: Tally, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("clients.sdk.session.fetch", full)
    error = tally.run("fund", "export", "--out", str(tmp_path / "a.export"), code=USAGE)["error"]
    assert error["code"] == "file_unwritable"
    assert str(tmp_path / "a.export") in error["message"]


def test_what_is_recorded_is_said_even_if_its_receipt_cannot_be_written(tally: Tally, tmp_path: Path) -> None:
    receipt = str(tmp_path / "none" / "a.receipt")
    line = ["--line", "1:1:5.00 EUR", "--receipt", receipt]
    bill = [
        "invoice",
        "submit",
        "UNWRITTEN",
        "--buyer",
        "anchor",
        "--issued",
        "2024-03-01",
        "--due",
        "2024-05-01",
    ]
    error = tally.run("acme", *bill, *line, code=USAGE)["error"]
    assert error["code"] == "receipt_unwritten"
    assert "recorded" in error["message"]
    assert "tally receipt" in error["remedy"]
    error = tally.run("acme", *bill, *line, code=REFUSED)["error"]
    assert error["code"] == "duplicate_number", "the refusal is told, whatever became of its proof"


def test_what_is_recorded_of_an_import_is_said_even_if_its_receipts_cannot_be_written(
    tally: Tally, tmp_path: Path
) -> None:
    file, receipts = tmp_path / "invoices.csv", tmp_path / "receipts"
    file.write_text(
        "invoice,supplier,buyer,currency,issue_date,due_date,line,quantity,amount,gross\n"
        "UNWRITTEN-2,acme,anchor,EUR,2024-03-01,2024-05-01,1,1,5.00,5.00\n"
    )
    for height in range(1_000):
        (receipts / f"{height}-0.receipt").mkdir(parents=True)
    given = ["import", str(file), "--receipts", str(receipts)]
    error = tally.run("acme", *given, code=USAGE)["error"]
    assert error["code"] == "receipt_unwritten"
    assert "1 document is recorded" in error["message"]
    identity = error["remedy"].split()[-1]
    assert tally.run("acme", "receipt", identity), "it is proved"


def test_an_interrupt_while_the_command_starts_is_no_stack_trace() -> None:
    """Modules take most of a short command's time: that is when a hasty Ctrl-C meets it."""
    program = (
        "import os, signal, sys\n"
        "class Hasty:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'clients.cli.main':\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Hasty())\n"
        "from clients.start import main\n"
        "sys.exit(main())\n"
    )
    root = Path(__file__).parents[2]
    ended = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        cwd=root,
        timeout=60,
        env={**os.environ},
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "", "Interrupted.\n")
