"""`tally evidence` and `tally verify`: guilt is proved offline, and nothing else ends with code 0."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from clients.cli import main
from clients.cli.exits import DONE, REFUSED, UNAVAILABLE, USAGE
from clients.verification.evidence import statements
from ledger.blocks.certificate import sign_ack
from ledger.blocks.genesis import read_genesis
from ledger.blocks.vote import Ballot, sign_vote
from ledger.faults.evidence import KINDS, Evidence
from ledger.faults.fault import DeniedAck, SignedAck, SignedBallot, TwoAcks, TwoVotes
from ledger.keys import SigningKey

PROTOCOL = Path(__file__).parent.parent / "data" / "protocol"
GENESIS = PROTOCOL / "genesis.block"
TRUST = read_genesis(GENESIS.read_bytes())
KEY = SigningKey.from_seed(b"node-b".ljust(32, b"."))
"""As docs/protocol.md says, section "An example to test against"."""


def ack(block: int) -> SignedAck:
    block_hash = bytes([block]) * 32
    return SignedAck(3, 7, block_hash, sign_ack(KEY, TRUST.channel, 3, 7, block_hash))


def vote(candidate: str) -> SignedBallot:
    ballot = Ballot(5, candidate, 2, 2, 4, bytes(32))
    return SignedBallot(ballot, sign_vote(KEY, TRUST.channel, ballot))


CASES = {
    "two_acks": TwoAcks.of(ack(1), ack(2)),
    "denied_ack": DeniedAck(ack(1), vote("node-c")),
    "two_votes": TwoVotes.of(vote("node-a"), vote("node-c")),
}


@pytest.fixture(autouse=True)
def _no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TALLY_PROFILE", "TALLY_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TALLY_TIMEOUT_S", "5")


@pytest.fixture
def tally(capsys: pytest.CaptureFixture[str]) -> Any:
    def run(*arguments: object) -> tuple[int, str]:
        code = main([str(argument) for argument in arguments])
        return code, capsys.readouterr().out

    return run


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """A network's folder in which two nodes keep evidence."""
    (tmp_path / "genesis.block").write_bytes(GENESIS.read_bytes())
    for node, kind in zip(("n1", "n2", "n2"), CASES, strict=True):
        evidence = Evidence("node-b", CASES[kind])
        folder = tmp_path / "nodes" / node / "data" / "evidence" / "proofs"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{evidence.id.hex()}.evidence").write_bytes(evidence.encode())
    return tmp_path


@pytest.mark.parametrize("kind", CASES)
def test_verify_names_the_guilty_offline(tally: Any, tmp_path: Path, kind: str) -> None:
    file = tmp_path / "lie.evidence"
    file.write_bytes(Evidence("node-b", CASES[kind]).encode())
    for command in (("evidence", "verify"), ("evidence", "show"), ("verify",)):
        code, out = tally(*command, file, "--genesis", GENESIS, "--json")
        document = json.loads(out)
        assert code == DONE
        assert (document["proved"], document["kind"], document["fault"]) == (True, "evidence", kind)
        assert document["nodes"] == ["node-b"]
        assert len(document["statements"]) == 2
        code, out = tally(*command, file, "--genesis", GENESIS)
        assert code == DONE
        assert "node-b" in out
    code, out = tally("evidence", "show", file, "--genesis", GENESIS)
    assert out.count("signed ") >= 2
    assert "what is no guilt" in out


def test_nothing_but_proved_evidence_ends_with_code_0(tally: Any, tmp_path: Path) -> None:
    file = tmp_path / "lie.evidence"
    data = Evidence("node-b", CASES["two_acks"]).encode()
    for changed, code in (
        (Evidence("node-a", CASES["two_acks"]).encode(), REFUSED),
        (data[:-1] + bytes([data[-1] ^ 1]), REFUSED),
        ((PROTOCOL / "receipt.tally").read_bytes(), REFUSED),
        (b"noise", USAGE),
        (data[:-1], USAGE),
    ):
        file.write_bytes(changed)
        for command in ("verify", "show"):
            ended, out = tally("evidence", command, file, "--genesis", GENESIS, "--json")
            assert ended == code
            assert json.loads(out)["error"]["message"]
    assert tally("evidence", "verify", tmp_path / "none", "--genesis", GENESIS)[0] == USAGE
    assert tally("evidence", "verify", file)[0] == USAGE


def test_list_of_a_network_folder_checks_every_file(tally: Any, network: Path) -> None:
    (network / "a-folder.evidence").mkdir()
    code, out = tally("evidence", "list", "--dir", network, "--json")
    listed = json.loads(out)["evidence"]
    assert code == DONE
    assert {entry["fault"] for entry in listed} == set(CASES)
    assert all(entry["nodes"] == ["node-b"] for entry in listed)
    code, out = tally("evidence", "list", "--dir", network)
    assert out.count("node-b") == 3
    assert out.count("proved") == 3
    (network / "nodes" / "framed.evidence").write_bytes(Evidence("node-a", CASES["two_acks"]).encode())
    code, out = tally("evidence", "list", "--dir", network)
    assert code == REFUSED
    assert "NOT PROVED" in out


def test_list_without_evidence_says_so(tally: Any, tmp_path: Path) -> None:
    code, out = tally("evidence", "list", "--dir", tmp_path, "--genesis", GENESIS)
    assert code == DONE
    assert "No evidence" in out
    assert tally("evidence", "list", "--genesis", GENESIS)[0] == USAGE
    assert tally("evidence", "list", "--dir", tmp_path / "none", "--genesis", GENESIS)[0] == USAGE
    assert tally("evidence", "list", "--api", "nowhere", "--genesis", GENESIS)[0] == USAGE


@contextmanager
def served(pages: dict[str, bytes]) -> Iterator[str]:
    """A node that answers these paths."""

    class Node(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = pages.get(self.path)
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Length", str(len(body or b"{}")))
            self.end_headers()
            self.wfile.write(body or b"{}")

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Node)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_list_asks_a_node_and_believes_nothing_of_it(tally: Any) -> None:
    good, framed = Evidence("node-b", CASES["two_acks"]), Evidence("node-c", CASES["two_acks"])
    prefix = f"/v1/channels/{TRUST.channel.hex()}/evidence"
    for kept, code in (((good,), DONE), ((good, framed), REFUSED)):
        pages = {f"{prefix}/{each.id.hex()}": each.encode() for each in kept}
        pages[prefix] = json.dumps({"evidence": [{"id": each.id.hex()} for each in kept]}).encode()
        with served(pages) as url:
            ended, out = tally("evidence", "list", "--api", url, "--genesis", GENESIS, "--json")
        assert ended == code
        assert [entry["proved"] for entry in json.loads(out)["evidence"]] == [True, False][: len(kept)]
    for answer in (b"[]", b'{"evidence":[{"id":"../x"}]}', b'{"evidence":7}'):
        with served({prefix: answer}) as url:
            assert tally("evidence", "list", "--api", url, "--genesis", GENESIS)[0] == REFUSED
    with served({}) as url:
        assert tally("evidence", "list", "--api", url, "--genesis", GENESIS)[0] == REFUSED
    monkeypatched = "http://127.0.0.1:1"
    assert tally("evidence", "list", "--api", monkeypatched, "--genesis", GENESIS)[0] == UNAVAILABLE


def test_statements_of_each_kind_are_shown() -> None:
    for fault in CASES.values():
        assert [each["statement"] for each in statements(fault)]
    assert set(CASES) < set(KINDS)
