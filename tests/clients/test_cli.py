"""`tally` without a network: help, usage, exit codes, offline checks, files, ports."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
import time
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clients import network
from clients.cli import main
from clients.cli.exits import REFUSED, UNAVAILABLE, USAGE, exit_code_of
from clients.cli.groups import commands_of
from clients.cli.main import AREAS
from clients.cli.main import command as whole_command
from clients.cli.options import MAX_LISTED
from clients.errors import BrokenAnswer, NetworkError, NodeProblem, ProfileError, Unavailable
from clients.sdk import OutcomeUnknown
from ledger.blocks.transaction import Transaction
from ledger.errors import Malformed, Refusal, StoreError, TallyError, VerificationError
from ledger.keys import KeyFileError, SigningKey
from ledger.storage.database import StoreLocked

PROTOCOL = Path(__file__).parent.parent / "data" / "protocol"
GENESIS = str(PROTOCOL / "genesis.block")
RECEIPT = str(PROTOCOL / "receipt.tally")
HISTORY = str(PROTOCOL / "history.tally")

INVOICES = """invoice,supplier,buyer,currency,issue_date,due_date,line,quantity,amount,gross
R-1,supplier,anchor,EUR,2023-12-20,2024-02-01,1,1,100.00,100.00
R-2,supplier,anchor,EUR,2023-12-21,2024-02-01,1,1,200.00,200.00
"""
BAD_INVOICES = INVOICES.replace("200.00,200.00", "2OO,200.00").replace("R-1", "R-1\t")


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TALLY_PROFILE", "TALLY_DIR", "TALLY_PASSPHRASE_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TALLY_TIMEOUT_S", "0.2")


@pytest.fixture(scope="module")
def dead_network(tmp_path_factory: pytest.TempPathFactory) -> network.Network:
    """A network that was made and never started."""
    return network.create(
        tmp_path_factory.mktemp("dead"),
        nodes=1,
        base_port=None,
        organisations=network.DEFAULT_ORGANISATIONS,
        parameters=None,
        name="dead",
    )


@pytest.fixture
def supplier(dead_network: network.Network) -> str:
    return str(dead_network.profiles["supplier"])


class Ran:
    """A command that has ended."""

    def __init__(self, code: int, out: str, notes: str) -> None:
        self.code, self.out, self.notes = code, out, notes
        assert "Traceback" not in out + notes

    @property
    def document(self) -> Any:
        """The one JSON document that standard output consists of."""
        (line,) = self.out.splitlines()
        return json.loads(line)


@pytest.fixture
def tally(capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*arguments: object) -> Ran:
        code = main([str(argument) for argument in arguments])
        return Ran(code, *capsys.readouterr())

    return run


def _commands(group: Any, words: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    found = []
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            found += _commands(command, (*words, name))
        else:
            found.append(((*words, name), command))
    return found


COMMANDS = _commands(whole_command())


@pytest.mark.parametrize(("words", "command"), COMMANDS, ids=[" ".join(words) for words, _ in COMMANDS])
def test_every_command_has_examples_and_speaks_json(words: tuple[str, ...], command: Any, tally: Any) -> None:
    shown = tally(*words, "--help")
    assert shown.code == 0
    assert "Examples:" in shown.out
    assert f"tally {' '.join(words)}" in shown.out
    becomes_a_node = words in (("node", "run"), ("node", "repair"))
    assert becomes_a_node or "--json" in shown.out
    assert "\x1b[" not in shown.out


def test_every_command_of_an_area_is_found_by_its_name() -> None:
    for area in set(AREAS.values()):
        assert set(commands_of(area)) == {name for name, place in AREAS.items() if place == area}


def test_an_export_takes_the_place_of_no_pipe_and_no_folder(
    tally: Any, tmp_path: Path, supplier: str
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for place in (pipe, tmp_path):
        ran = tally("export", "--out", place, "--profile", supplier, "--json")
        assert (ran.code, ran.document["error"]["code"]) == (USAGE, "file_unwritable")
    assert pipe.is_fifo()


def test_commands_of_the_brief_exist() -> None:
    names = {" ".join(words) for words, _ in COMMANDS}
    assert names >= {
        "network up",
        "network status",
        "network down",
        "node run",
        "keys new",
        "import",
        "invoice submit",
        "invoice confirm",
        "invoice show",
        "history",
        "quote ask",
        "quote verify",
        "quote explain",
        "finance offer",
        "verify",
        "audit",
    }


# exit codes


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Refusal("limit_exceeded"), REFUSED),
        (VerificationError("no"), REFUSED),
        (StoreError("no"), REFUSED),
        (BrokenAnswer("no"), REFUSED),
        (NodeProblem("no", status=404, node="n"), REFUSED),
        (NodeProblem("no", status=503, node="n"), UNAVAILABLE),
        (NodeProblem("no", status=429, node="n"), UNAVAILABLE),
        (Unavailable("no"), UNAVAILABLE),
        (OutcomeUnknown("no", ()), UNAVAILABLE),
        (StoreLocked("no"), UNAVAILABLE),
        (NetworkError("no", code="port_in_use"), UNAVAILABLE),
        (NetworkError("no", code="no_network"), USAGE),
        (ProfileError("no"), USAGE),
        (KeyFileError("no"), USAGE),
        (Malformed("no"), USAGE),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_kind_of_error_has_its_exit_code(error: TallyError, code: int) -> None:
    assert exit_code_of(error) == code


@pytest.mark.parametrize(
    "arguments", [("hist",), ("history", "acme"), ("quote", "--nope"), ("network", "up", "--nodes", "three")]
)
def test_wrong_usage_ends_with_2_and_says_what_is_wrong(arguments: tuple[str, ...], tally: Any) -> None:
    plain = tally(*arguments)
    assert plain.code == USAGE
    assert plain.notes
    assert not plain.out
    asked = tally(*arguments, "--json")
    assert asked.code == USAGE
    assert asked.document["error"]["code"] == "usage"


LISTS = [(words, each) for words, each in COMMANDS if any(one.name == "limit" for one in each.params)]


@pytest.mark.parametrize(("words", "command"), LISTS, ids=[" ".join(words) for words, _ in LISTS])
def test_the_length_of_every_list_is_bounded(words: tuple[str, ...], command: Any, tally: Any) -> None:
    """Python counts no further than 2^63: a longer list ended with a stack trace."""
    needed: list[str] = []
    for each in command.params:
        if each.required:
            needed += ["x"] if each.param_type_name == "argument" else [each.opts[0], "x"]
    ran = tally(*words, *needed, "--limit", MAX_LISTED + 1)
    assert ran.code == USAGE
    assert "--limit" in ran.notes


def test_without_a_profile_the_remedy_is_named(tally: Any) -> None:
    ran = tally("history", "acme", "bigco", "--json")
    assert ran.code == USAGE
    assert ran.document["error"]["code"] == "no_profile"
    assert "TALLY_PROFILE" in ran.document["error"]["remedy"]


def test_a_state_that_no_invoice_has_is_refused_and_not_answered_with_an_empty_list(
    tally: Any, supplier: str
) -> None:
    for word, code in (("nonsense", USAGE), ("over due", USAGE), ("OVERDUE", UNAVAILABLE)):
        ran = tally("invoice", "list", "acme", "--status", word, "--profile", supplier, "--json")
        assert ran.code == code
        assert code == UNAVAILABLE or "Confirmed" in ran.document["error"]["expected"]


def test_dead_nodes_end_with_3(tally: Any, supplier: str) -> None:
    for arguments in (("history", "supplier", "anchor"), ("invoice", "show", "supplier", "R-1")):
        ran = tally(*arguments, "--profile", supplier, "--json")
        assert ran.code == UNAVAILABLE
        assert ran.document["error"]["code"] == "unavailable"


@pytest.mark.parametrize(
    "url", ["http://\1x:1", "http://xn--a:1", f"http://{'a' * 70}.com", "http://x\ud800"]
)
def test_a_node_whose_address_cannot_be_looked_up_is_named(
    url: str, tally: Any, tmp_path: Path, supplier: str
) -> None:
    path = tmp_path / "profile.json"
    known = json.loads(Path(supplier).read_text())
    files = {name: str(Path(supplier).parent / known[name]) for name in ("key", "genesis")}
    path.write_text(json.dumps({**known, **files, "nodes": [url]}))
    ran = tally("history", "acme", "anchor", "--profile", path, "--json")
    assert ran.code == UNAVAILABLE
    assert "is no address that can be looked up" in ran.document["error"]["found"]


def test_a_timeout_that_is_no_number_is_refused(
    tally: Any, supplier: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TALLY_TIMEOUT_S", "soon")
    ran = tally("programme", "list", "--profile", supplier, "--json")
    assert (ran.code, ran.document["error"]["field"]) == (USAGE, "TALLY_TIMEOUT_S")


# verify and audit


def test_verify_proves_the_protocol_examples(tally: Any) -> None:
    ran = tally("verify", RECEIPT, "--genesis", GENESIS, "--json")
    assert ran.code == 0
    assert ran.document["proved"] is True
    assert ran.document["kind"] == "receipt"
    plain = tally("verify", RECEIPT, "--genesis", GENESIS)
    assert plain.code == 0
    assert "proved" in plain.out
    assert "\x1b[" not in plain.out


@settings(max_examples=60)
@given(place=st.integers(0, 2**16), change=st.integers(1, 255))
def test_verify_refuses_any_changed_byte_and_says_why(
    tmp_path_factory: pytest.TempPathFactory, place: int, change: int
) -> None:
    changed = bytearray(Path(RECEIPT).read_bytes())
    changed[place % len(changed)] ^= change
    file = tmp_path_factory.getbasetemp() / "changed.receipt"
    file.write_bytes(changed)
    with redirect_stdout(StringIO()) as printed:
        assert main(["verify", str(file), "--genesis", GENESIS, "--json"]) == REFUSED
    document = json.loads(printed.getvalue())
    assert document["proved"] is False
    assert document["error"]["message"]


def test_verify_of_several_files_is_as_good_as_the_worst(tally: Any, tmp_path: Path) -> None:
    changed = bytearray(Path(RECEIPT).read_bytes())
    changed[len(changed) // 2] ^= 1
    bad = tmp_path / "bad.receipt"
    bad.write_bytes(changed)
    ran = tally("verify", RECEIPT, bad, "--genesis", GENESIS, "--json")
    assert ran.code == REFUSED
    assert ran.document["proved"] is False
    assert [entry["proved"] for entry in ran.document["files"]] == [True, False]
    plain = tally("verify", RECEIPT, bad, "--genesis", GENESIS)
    assert plain.code == REFUSED
    assert "NOT PROVED" in plain.out


NOT_UTF8 = b"\xff".decode("utf-8", "surrogateescape")
"""As an argument of a command comes that is no text, such as a file's name."""


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_text_that_is_not_utf8_is_refused_and_shown_with_escapes(
    more: tuple[str, ...], tally: Any, tmp_path: Path, supplier: str
) -> None:
    changed = tmp_path / NOT_UTF8
    changed.write_bytes(Path(RECEIPT).read_bytes()[:-1])
    ran = tally("verify", changed, "--genesis", GENESIS, *more)
    assert (ran.code, "\\udcff" in ran.out) == (REFUSED, True)
    ran = tally("invoice", "show", "acme", NOT_UTF8, "--profile", supplier, *more)
    assert (ran.code, "not_utf8" in ran.out + ran.notes) == (USAGE, True)


@pytest.mark.parametrize("field", ["name", "organisation", "key", "genesis"])
@pytest.mark.parametrize("text", ["a\0b", "\ud800", "a\nb"])
def test_a_profile_with_text_that_no_path_takes_is_refused(
    field: str, text: str, tally: Any, tmp_path: Path, supplier: str
) -> None:
    path = tmp_path / "profile.json"
    path.write_text(json.dumps({**json.loads(Path(supplier).read_text()), field: text}))
    ran = tally("history", "acme", "anchor", "--profile", path, "--json")
    assert (ran.code, ran.document["error"]["field"]) == (USAGE, field)


def test_what_is_shown_steers_no_terminal(tally: Any, tmp_path: Path) -> None:
    ran = tally("verify", tmp_path / "\x1b[31mred\u202e\r", "--genesis", GENESIS)
    assert "\\x1b[31mred\\u202e\\r: NOT PROVED" in ran.out
    ran = tally("keys", "show", tmp_path / "\x1b[31mred")
    assert "\\x1b[31mred" in ran.notes
    assert "\x1b" not in ran.out + ran.notes


def test_verify_names_what_is_missing(tally: Any, tmp_path: Path, supplier: str) -> None:
    assert tally("verify", tmp_path / "none", "--genesis", GENESIS).code == USAGE
    assert tally("verify", RECEIPT, "--genesis", tmp_path / "none").code == USAGE
    assert tally("verify", RECEIPT).code == USAGE
    assert tally("verify", RECEIPT, "--genesis", RECEIPT).code == USAGE
    # Against another channel's genesis block nothing is proved.
    assert tally("verify", RECEIPT, "--profile", supplier).code == REFUSED


def test_audit_wants_one_source(tally: Any, tmp_path: Path) -> None:
    for arguments in (
        ("--genesis", GENESIS),
        ("--genesis", GENESIS, "--data", tmp_path, "--node", "http://127.0.0.1:9"),
    ):
        ran = tally("audit", *arguments, "--json")
        assert (ran.code, ran.document["error"]["code"]) == (USAGE, "no_source")
    ran = tally("audit", "--data", tmp_path, "--genesis", GENESIS, "--json")
    assert (ran.code, ran.document["error"]["code"]) == (USAGE, "no_ledger")


@pytest.mark.parametrize("identity", ["", "12", "zz" * 32])
def test_a_transaction_id_has_64_hex_digits(identity: str, tally: Any, supplier: str) -> None:
    ran = tally("receipt", identity, "--profile", supplier, "--json")
    assert (ran.code, ran.document["error"]["code"]) == (USAGE, "transaction_id")


@pytest.mark.parametrize("url", ["ftp://127.0.0.1:1", "127.0.0.1:7100", "http://", "http://x:port"])
def test_audit_wants_the_url_of_a_node(url: str, tally: Any) -> None:
    ran = tally("audit", "--node", url, "--genesis", GENESIS, "--json")
    assert (ran.code, ran.document["error"]["code"]) == (USAGE, "node_url")


def test_audit_of_a_dead_node_ends_in_the_time_that_is_set(tally: Any) -> None:
    began = time.monotonic()
    ran = tally("audit", "--node", "http://127.0.0.1:9", "--genesis", GENESIS, "--json")
    assert (ran.code, ran.document["error"]["code"]) == (UNAVAILABLE, "unavailable")
    assert time.monotonic() - began < 10


# what the system refuses


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_full_disk_behind_standard_output_is_a_sentence(
    form: tuple[str, ...], dead_network: network.Network
) -> None:
    command = [sys.executable, "-m", "clients.cli", "network", "status", "--dir", str(dead_network.folder)]
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run([*command, *form], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert ended.returncode == USAGE
    assert "Traceback" not in ended.stderr
    assert "No space left" in ended.stderr


def test_status_is_not_deceived_by_another_network_at_its_ports(
    dead_network: network.Network, tally: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = {"node": "n1", "channel": "ab" * 32, "ready": True}
    monkeypatch.setattr(httpx.Client, "get", lambda *_: httpx.Response(200, json=stranger))
    ran = tally("network", "status", "--dir", dead_network.folder, "--json")
    assert ran.code == UNAVAILABLE
    assert ran.document["ready"] is False
    (node,) = ran.document["nodes"]
    assert node["status"] is None
    assert "not this node" in node["error"]


def test_an_existing_network_is_not_another_one(dead_network: network.Network, tally: Any) -> None:
    for option in (("--nodes", 5), ("--base-port", 1)):
        ran = tally("network", "up", "--dir", dead_network.folder, "--detach", "--json", *option)
        assert (ran.code, ran.document["error"]["code"]) == (USAGE, "other_network")
        assert ran.document["error"]["field"] == option[0]
    assert not dead_network.nodes[0].log.exists()


@pytest.mark.parametrize("option", [("--nodes", 0), ("--nodes", 999), ("--base-port", 99_999)])
def test_a_network_that_cannot_be_is_refused_with_its_field(
    option: tuple[str, int], tally: Any, tmp_path: Path
) -> None:
    ran = tally("network", "up", "--dir", tmp_path / "x", "--json", *option)
    assert ran.code == USAGE
    assert ran.document["error"]["field"] == option[0]
    assert {"found", "expected", "remedy"} <= ran.document["error"].keys()
    assert not (tmp_path / "x").exists()


# keys


def test_keys_are_made_once_and_for_their_owner_only(tally: Any, tmp_path: Path) -> None:
    path = tmp_path / "acme.pem"
    made = tally("keys", "new", path, "--json")
    assert made.code == 0
    assert made.document["public_key"] == SigningKey.load(path).public.hex()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    again = tally("keys", "new", path, "--json")
    assert again.code == USAGE
    assert "never overwritten" in again.document["error"]["remedy"]
    assert path.read_bytes() == before
    assert tally("keys", "show", path, "--json").document["public_key"] == made.document["public_key"]


def test_a_key_with_a_passphrase_opens_with_it_only(tally: Any, tmp_path: Path) -> None:
    secret, wrong, path = tmp_path / "secret", tmp_path / "wrong", tmp_path / "acme.pem"
    secret.write_text("correct horse\n")
    wrong.write_text("battery staple\n")
    assert tally("keys", "new", path, "--passphrase-file", secret).code == 0
    assert tally("keys", "show", path).code == USAGE
    assert tally("keys", "show", path, "--passphrase-file", wrong).code == USAGE
    assert tally("keys", "show", path, "--passphrase-file", secret).code == 0
    assert tally("keys", "show", path, "--passphrase-file", tmp_path / "none").code == USAGE


# import


def test_a_dry_run_reads_and_sends_nothing(tally: Any, tmp_path: Path, supplier: str) -> None:
    file = tmp_path / "invoices.csv"
    file.write_text(INVOICES)
    ran = tally("import", file, "--dry-run", "--profile", supplier, "--json")
    assert ran.code == 0
    assert ran.document["dry_run"] is True
    assert ran.document["sent"] == 0
    assert ran.document["files"][0]["operations"] == 2


def test_a_pipe_is_read_once_and_whole(tally: Any, supplier: str) -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as pipe:
        pipe.write(INVOICES)
    ran = tally("import", f"/dev/fd/{reading}", "--dry-run", "--profile", supplier, "--json")
    os.close(reading)
    assert ran.document["files"][0]["operations"] == 2


def test_problems_are_shown_one_a_line_and_nothing_is_sent(tally: Any, tmp_path: Path, supplier: str) -> None:
    file = tmp_path / "invoices.csv"
    file.write_text(BAD_INVOICES)
    receipts = tmp_path / "receipts"
    ran = tally("import", file, "--profile", supplier, "--receipts", receipts)
    assert ran.code == REFUSED
    (problem,) = [line for line in ran.out.splitlines() if "invoices.csv, line " in line]
    assert "line 3, amount" in problem
    assert '"2OO"' in problem
    assert "Nothing was sent" in ran.out
    assert not receipts.exists()


def test_files_that_are_not_there_and_kinds_that_do_not_exist(
    tally: Any, tmp_path: Path, supplier: str
) -> None:
    assert tally("import", tmp_path / "none.csv", "--profile", supplier, "--json").code == USAGE
    ran = tally("import", tmp_path / "none.csv", "--kind", "waybills", "--profile", supplier, "--json")
    assert ran.document["error"]["field"] == "--kind"


# operations


@pytest.mark.parametrize(
    ("options", "field"),
    [
        (("--line", "1:1:9.500,00 EUR"), "--line 1"),
        (("--line", "1:1:100.00"), "--line 1"),
        (("--line", "1:1:100.005 EUR"), "--line 1"),
        (("--line", "1:1:100.00 EUX"), "--line 1"),
        (("--line", "1:1:-100.00 EUR"), "--line 1"),
        (("--line", "1:x:100.00 EUR"), "--line 1"),
        (("--line", f"1:{'9' * 5_000}:100.00 EUR"), "--line 1"),
        (("--line", "1:1:1.00 EUR", "--line", "2:1:1.00 USD"), "--line 2"),
        (("--line", "1:1:1.00 EUR", "--tax", "1 USD"), "--tax"),
        (("--line", "1:1:1.00 EUR", "--due", "2024-02-30"), "--due"),
        (("--line", "1:1:1", "--currency", "eux"), "currency"),
        (("--line", "1:1:1.00 EUR", "--document", "/nonexistent"), None),
    ],
)
def test_a_wrong_invoice_is_refused_before_anything_is_sent(
    options: tuple[str, ...], field: str | None, tally: Any, supplier: str
) -> None:
    given_due = () if "--due" in options else ("--due", "2024-02-01")
    ran = tally(
        *("invoice", "submit", "R-1", "--buyer", "anchor", "--issued", "2024-01-01"),
        *(*given_due, *options, "--profile", supplier, "--json"),
    )
    assert ran.code == USAGE
    assert ran.document["error"].get("field") == field


def test_form_errors_of_the_contracts_name_the_field(tally: Any, supplier: str) -> None:
    ran = tally(
        *("invoice", "submit", "R-1", "--buyer", "no such id", "--issued", "2024-01-01"),
        *("--due", "2024-02-01", "--line", "1:1:1 EUR", "--profile", supplier, "--json"),
    )
    assert ran.code == USAGE
    assert ran.document["error"]["field"] == "operations[0].buyer"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        ("nonsense", "programme_file"),
        ("[]", "programme_file"),
        ('{"programme": "p", "terms": {}}', "programme_file"),
        (
            '{"programme": "p", "terms": {"currency": "EUR", "fee_ppm": 1, "discount_rate_ppm": 1,'
            ' "limits": [{"obligor": "anchor", "limit": "5 USD"}]}}',
            "currency_mismatch",
        ),
        (
            '{"programme": "p", "terms": {"currency": "EUR", "fee_ppm": 1.5, "discount_rate_ppm": 1,'
            ' "limits": [{"obligor": "anchor", "limit": "5 EUR"}]}}',
            "programme_terms",
        ),
    ],
)
def test_a_programme_file_is_checked_before_anything_is_sent(
    content: str, code: str, tally: Any, tmp_path: Path, supplier: str
) -> None:
    file = tmp_path / "programme.json"
    file.write_text(content)
    ran = tally("programme", "publish", file, "--profile", supplier, "--json")
    assert (ran.code, ran.document["error"]["code"]) == (USAGE, code)


def test_an_offer_needs_a_quote_that_proves(tally: Any, tmp_path: Path, supplier: str) -> None:
    arguments = ("--expires", "2024-02-01", "--profile", supplier, "--json")
    assert tally("finance", "offer", tmp_path / "none", *arguments).code == USAGE
    assert tally("finance", "offer", HISTORY, *arguments).code in (REFUSED, USAGE)


# network


def test_networks_that_cannot_be(tally: Any, tmp_path: Path) -> None:
    for number, arguments in enumerate(
        (
            ("--nodes", "0"),
            ("--base-port", "70000"),
            ("--organisations", tmp_path / "none.json"),
            ("--business-date", "soon"),
        )
    ):
        folder = tmp_path / str(number)
        ran = tally("network", "up", "--dir", folder, *arguments, "--detach", "--json")
        assert ran.code == USAGE
        assert not (folder / "network.json").exists()
    for command in ("status", "down"):
        ran = tally("network", command, "--dir", tmp_path / "no net", "--json")
        error = ran.document["error"]
        assert (ran.code, error["code"]) == (USAGE, "no_network")
        assert error["remedy"].endswith(f"tally network up --dir '{tmp_path / 'no net'}'")


@pytest.mark.parametrize(
    "entry",
    [
        {"id": "../../elsewhere"},
        {"id": ""},
        {"id": "a/b"},
        {"id": "a\0b"},
        {"id": "acme", "name": 5},
        {"id": "acme", "identifiers": [5]},
        {"id": "acme", "identifiers": [[{}, 1]]},
        {"id": "acme", "roles": [{}]},
        {"id": "acme", "roles": ["bank"]},
    ],
)
def test_organisations_that_no_genesis_block_takes_are_refused(
    entry: dict[str, Any], tally: Any, tmp_path: Path
) -> None:
    listed = tmp_path / "organisations.json"
    listed.write_text(json.dumps([{"roles": ["supplier"], **entry}]))
    folder = tmp_path / "one" / "net"
    ran = tally("network", "up", "--dir", folder, "-n", "1", "--organisations", listed, "--json")
    assert ran.code == USAGE
    assert ran.document["error"]["field"]
    assert "--organisations" in ran.document["error"]["remedy"]
    assert {path.name for path in tmp_path.rglob("*.pem")} <= {"acme.pem", "node.pem"}
    assert not (folder / "network.json").exists()


@pytest.mark.parametrize(
    "content",
    ["null", "[" * 100_000, '{"nodes": [], "profiles": {}, "channel": ""}', '{"nodes": [], "profiles": []}'],
)
def test_a_damaged_description_of_a_network_is_named(content: str, tally: Any, tmp_path: Path) -> None:
    (tmp_path / "network.json").write_text(content)
    for command in ("status", "down"):
        ran = tally("network", command, "--dir", tmp_path, "--json")
        assert (ran.code, ran.document["error"]["code"]) == (USAGE, "no_network")


def test_an_occupied_port_is_named_and_nothing_is_started(tally: Any, tmp_path: Path) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        ran = tally("network", "up", "-d", tmp_path, "-n", "1", "--base-port", port, "--detach", "--json")
        assert (ran.code, ran.document["error"]["code"]) == (UNAVAILABLE, "port_in_use")
        assert str(port) in ran.document["error"]["message"]
    assert not any(node.is_running for node in network.Network.load(tmp_path).nodes)


def test_status_of_nodes_that_do_not_run(tally: Any, dead_network: network.Network) -> None:
    ran = tally("network", "status", "--dir", dead_network.folder, "--json")
    assert ran.code == UNAVAILABLE
    assert ran.document["ready"] is False
    assert ran.document["nodes"][0]["running"] is False
    plain = tally("network", "status", "--dir", dead_network.folder)
    assert plain.code == UNAVAILABLE
    assert "not running" in plain.out
    assert tally("network", "down", "--dir", dead_network.folder, "--json").document == {"stopped": []}
    ran = tally("node", "stop", "n9", "--dir", dead_network.folder, "--json")
    assert (ran.code, ran.document["error"]["code"]) == (USAGE, "unknown_node")
    assert tally("node", "run", "--config", dead_network.folder / "none.toml").code == USAGE


def test_making_a_network_again_after_an_interruption_keeps_the_keys(tmp_path: Path) -> None:
    def make() -> network.Network:
        return network.create(
            tmp_path,
            nodes=1,
            base_port=None,
            organisations=network.DEFAULT_ORGANISATIONS,
            parameters=None,
            name="twice",
        )

    key = make().profile("supplier").signing_key()
    (tmp_path / "network.json").unlink()
    assert make().profile("supplier").signing_key().public == key.public


def test_a_command_without_an_outcome_says_until_when_it_may_be_recorded_and_how_to_look(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same command again signs other bytes: a payment would be made twice."""
    sent = Transaction.sign(
        SigningKey.from_seed(bytes(32)),
        channel=bytes(32),
        operations=[{"op": "x"}],
        valid_until_ms=1_767_225_600_000,
        nonce=bytes(8),
    )

    def fail(**_options: object) -> int:
        raise OutcomeUnknown("no node answered before the deadline", (sent,))

    monkeypatch.setattr(sys.modules["clients.cli.main"], "command", lambda: fail)
    assert main(["cash", "transfer", "--json"]) == UNAVAILABLE
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == "outcome_unknown"
    assert "2026-01-01 00:00:00 UTC" in error["remedy"]
    assert f"`tally receipt {sent.id.hex()}`" in error["remedy"]
    assert "session.record" not in error["remedy"]
