"""`tally certificate` against the real API: a promise from issue to redemption, drawn, listed and proved."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import story
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from local_node import ROLES
from local_sessions import Channel
from local_tally import DAY, Tally

from clients.cli import main
from clients.cli.exits import REFUSED, USAGE
from clients.verification.verifier import verify_data
from contracts.answer import Answer, answered
from ledger.blocks.genesis import read_genesis
from ledger.errors import Malformed, VerificationError
from ledger.proofs.statement import Statement

MATURITY = "2024-05-03"
EXPIRES = "2024-03-10"
WHOLE = ["C/1", "--obligor", "anchor"]


@pytest.fixture
def channel(tmp_path: Path) -> Iterator[Channel]:
    made = Channel(tmp_path, ("n1",), {**ROLES, "bolt": ["supplier"]})
    story.play(made.network)
    yield made
    made.close()


@pytest.fixture
def tally(tally: Tally) -> Tally:
    """anchor has promised acme 1,000.00 on its invoice, in two pieces that acme holds."""
    issued = ["C/1", "1,000.00 EUR", "--payee", "acme", "--maturity", MATURITY, "--invoice", story.INVOICE]
    tally.run("anchor", "certificate", "issue", *issued)
    tally.run("acme", "certificate", "accept", *WHOLE)
    tally.run("acme", "certificate", "split", "C/1", "600.00", "400.00", "--obligor", "anchor")
    return tally


def deposits(tally: Tally) -> None:
    for client in ("acme", "bolt", "fund", "anchor"):
        tally.open(client)
    for client in ("fund", "anchor", "acme"):
        tally.mint(client, "2,000.00 EUR", f"IN-{client}", f"C-{client}")


def leaf(number: int) -> list[str]:
    return [*WHOLE, "--leaf", str(number)]


def test_a_promise_is_split_passed_on_sold_and_redeemed(tally: Tally) -> None:
    deposits(tally)
    tally.run("acme", "certificate", "transfer", *leaf(1), "--to", "bolt", "--expires", EXPIRES)
    tally.run("bolt", "certificate", "accept", *leaf(1))
    sale = ["--lender", "fund", "--price", "390.00", "--expires", EXPIRES]
    tally.run("acme", "certificate", "sell", *leaf(2), *sale)
    shown = tally.run("fund", "certificate", "show", *leaf(2))
    assert (shown["status"], shown["price"], shown["proved"]) == ("Reserved", 390_00, True)
    settle = ["--bank", "bank", "--programme", story.PROGRAMME]
    wrong = tally.run("fund", "certificate", "buy", *leaf(2), "--price", "389.99", *settle, code=REFUSED)
    assert wrong["error"]["code"] == "amount_mismatch"
    tally.run("fund", "certificate", "buy", *leaf(2), "--price", "390.00", *settle)
    (programme,) = tally.run("fund", "programme", "list")["programmes"]
    assert programme["exposures"]["anchor"]["funded"] == 400_00, "the leaf uses the lender's limit"
    tally.run("registrar", "date", "advance", MATURITY)
    tally.run("anchor", "certificate", "redeem", "C/1", "--bank", "bank")
    tree = tally.run("bolt", "certificate", "tree", *WHOLE)
    assert [(entry["status"], entry["holder"]) for entry in tree["leaves"]] == [
        ("Split", "acme"),
        ("Redeemed", "bolt"),
        ("Redeemed", "fund"),
    ]
    assert tree["totals"]["redeemed"] == 1_000_00
    nothing = tally.run("anchor", "certificate", "redeem", "C/1", "--bank", "bank", code=USAGE)
    assert nothing["error"]["code"] == "nothing_outstanding"


def test_a_pledge_is_taken_let_go_repaid_or_attested_by_a_bank(tally: Tally) -> None:
    deposits(tally)
    offer = ["--lender", "fund", "--advance", "300.00", "--repay", "310.00", "--expires", EXPIRES]
    tally.run("acme", "certificate", "pledge", *leaf(2), *offer)
    agreed = ["--advance", "300.00", "--repay", "310.00", "--bank", "bank"]
    tally.run("fund", "certificate", "lend", *leaf(2), *agreed)
    assert tally.run("fund", "certificate", "show", *leaf(2))["lender"] == "fund"
    (pledged,) = tally.run("fund", "certificate", "holdings")["pledges"]
    assert (pledged["leaf"], pledged["holder"], pledged["secured"]) == (2, "acme", 310_00)
    assert "310.00 EUR" in tally.text("fund", "certificate", "holdings")
    tally.run("acme", "certificate", "repay", *leaf(2), "--bank", "bank")
    tally.run("acme", "certificate", "pledge", *leaf(2), *offer)
    booked = ["--account", "DE75", "--entry", "4711", "--date", DAY]
    tally.run("bank", "certificate", "fund", *leaf(2), *booked)
    assert "pledged to fund" in tally.text("acme", "certificate", "tree", *WHOLE)
    tally.run("fund", "certificate", "release", *leaf(2))
    unoffered = tally.run("bank", "certificate", "fund", *leaf(2), *booked, code=USAGE)
    assert unoffered["error"]["code"] == "no_offer"
    assert tally.run("acme", "certificate", "show", *leaf(2))["status"] == "Held"
    assert tally.run("fund", "certificate", "holdings")["pledges"] == []


def test_what_is_not_paid_is_dishonoured_paid_late_or_given_up(tally: Tally) -> None:
    for authority, reason in (("freeze", "court order"), ("unfreeze", "order lifted")):
        tally.run("registrar", "certificate", authority, *leaf(1), "--reason", reason)
    tally.run("acme", "certificate", "transfer", *leaf(1), "--to", "bolt", "--expires", EXPIRES)
    tally.run("bolt", "certificate", "decline", *leaf(1))
    tally.run("registrar", "date", "advance", "2024-05-04")
    for number in (1, 2):
        tally.run("acme", "certificate", "dishonour", *leaf(number))
    tally.run("acme", "certificate", "write-off", *leaf(2))
    late = ["--amount", "600.00 EUR", "--account", "DE75", "--entry", "1", "--date", "2024-05-04"]
    tally.run("bank", "certificate", "collect", *WHOLE, *late)
    drawn = tally.text("acme", "certificate", "tree", *WHOLE)
    assert "├─ 1" in drawn
    assert "└─ 2" in drawn
    assert "240.00 EUR live, 600.00 EUR redeemed, 160.00 EUR written off" in drawn, (
        "all that are owed share it"
    )
    rest = ["--amount", "400.00 EUR", "--account", "DE75", "--entry", "2", "--date", "2024-05-04"]
    tally.run("bank", "certificate", "collect", *WHOLE, *rest)
    assert tally.text("acme", "certificate", "tree", *WHOLE).count("RedeemedLate") == 2


def test_what_was_paid_too_much_goes_back_to_the_obligor(tally: Tally) -> None:
    tally.run("registrar", "date", "advance", MATURITY)
    booked = ["--account", "DE75", "--date", MATURITY]
    none = tally.run("bank", "certificate", "refunded", *WHOLE, *booked, "--entry", "R-1", code=USAGE)
    assert none["error"]["code"] == "exceeds_overpaid"
    too_much = ["--amount", "1,002.50 EUR", "--entry", "1"]
    tally.run("bank", "certificate", "collect", *WHOLE, *booked, *too_much)
    part = ["--amount", "1.00", "--entry", "R-1"]
    tally.run("bank", "certificate", "refunded", *WHOLE, *booked, *part)
    (left,) = tally.run("acme", "certificate", "list", "anchor")["certificates"]
    assert left["overpaid"] == 1_50
    tally.run("bank", "certificate", "refunded", *WHOLE, *booked, "--entry", "R-2")
    (left,) = tally.run("acme", "certificate", "list", "anchor")["certificates"]
    assert left["overpaid"] == 0


def test_holdings_are_complete_and_of_every_obligor(tally: Tally) -> None:
    second = ["C2", "50.00 EUR", "--payee", "acme", "--maturity", MATURITY]
    tally.run("anchor", "certificate", "issue", *second)
    tally.run("acme", "certificate", "accept", "C2", "--obligor", "anchor")
    tally.run("acme", "certificate", "transfer", *leaf(1), "--to", "bolt", "--expires", EXPIRES)
    tally.run("bolt", "certificate", "accept", *leaf(1))
    held = tally.run("acme", "certificate", "holdings")
    assert [(entry["certificate"], entry["leaf"], entry["live"]) for entry in held["leaves"]] == [
        ("C/1", 2, 400_00),
        ("C2", 0, 50_00),
    ]
    assert held["totals"] == {"EUR": 450_00}
    assert tally.run("acme", "certificate", "holdings", "--of", "bolt")["totals"] == {"EUR": 600_00}
    assert "450.00 EUR in all" in tally.text("acme", "certificate", "holdings", "--obligor", "anchor")
    listed = tally.run("acme", "certificate", "list", "anchor")["certificates"]
    assert {entry["certificate"]: entry["totals"]["live"] for entry in listed} == {
        "C/1": 1_000_00,
        "C2": 50_00,
    }


def test_tree_and_leaf_are_kept_and_checked_without_a_node(tally: Tally, tmp_path: Path) -> None:
    tree, one = tmp_path / "C1.certificate", tmp_path / "leaf.proof"
    tally.run("acme", "certificate", "tree", *WHOLE, "--out", str(tree))
    tally.run("acme", "certificate", "show", *leaf(1), "--out", str(one))
    assert "tier              1 of 5" in tally.text("acme", "certificate", "show", *leaf(1))
    missing = tally.run("acme", "certificate", "show", *leaf(9), code=REFUSED)
    assert missing["error"]["code"] == "unknown_leaf", "proved to be absent"
    genesis = str(tally.channel.network.genesis_path)
    assert main(["verify", str(tree), str(one), "--genesis", genesis]) == 0
    reports = [
        verify_data(path.read_bytes(), read_genesis(Path(genesis).read_bytes())) for path in (tree, one)
    ]
    assert "3 leaves, all of them; 1,000.00 EUR live" in reports[0].summary
    assert "Held, 600.00 EUR of acme, due 2024-05-03" in reports[1].summary
    assert [entry["holder"] for entry in reports[0].facts["leaves"]] == ["acme"] * 3


def test_a_changed_or_unanswered_file_is_refused(tally: Tally, tmp_path: Path) -> None:
    files = {"tree": tmp_path / "tree", "show": tmp_path / "show"}
    tally.run("acme", "certificate", "tree", *WHOLE, "--out", str(files["tree"]))
    tally.run("acme", "certificate", "show", *leaf(1), "--out", str(files["show"]))
    genesis = read_genesis(tally.channel.network.genesis_path.read_bytes())

    @settings(max_examples=60, suppress_health_check=list(HealthCheck))
    @given(name=st.sampled_from(sorted(files)), draw=st.data())
    def refuse(name: str, draw: st.DataObject) -> None:
        data = bytearray(files[name].read_bytes())
        data[draw.draw(st.integers(0, len(data) - 1))] ^= draw.draw(st.integers(1, 255))
        with pytest.raises((Malformed, VerificationError)):
            verify_data(bytes(data), genesis)

    refuse()
    answer = Answer.decode(files["show"].read_bytes())
    chain = tally.channel.network.nodes["n1"].chain
    keys = [key for key, _ in answer.state.entries]
    for asked in (keys[1:], sorted([*keys, b"\x91\xa1x"])):
        proof = Statement(chain.state_proof(asked), chain.certified())
        forged = Answer(answer.question, answer.arguments, proof.state, proof.certified)
        with pytest.raises(VerificationError, match=r"leaves out|no answer needs"):
            verify_data(forged.encode(), genesis)
    for question, arguments in (("none", ()), ("leaf", ("anchor",)), ("leaf", ("anchor", "C/1", "1"))):
        with pytest.raises(Malformed):
            answered(chain, question, arguments)
