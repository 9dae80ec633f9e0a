"""A certificate and a policy, each from beginning to end, by their parties' commands to three real nodes.

The commands are called here, without a process for each; nodes, links and files are real.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tally_process import Tally

from clients import network
from clients.cli import main

ORGANISATIONS = [
    {"id": "anchor", "name": "Anchor buyer", "roles": ["buyer"]},
    {"id": "acme", "name": "First tier", "roles": ["supplier"]},
    {"id": "bolt", "name": "Second tier", "roles": ["supplier"]},
    {"id": "wire", "name": "Second tier too", "roles": ["supplier"]},
    {"id": "fund", "name": "Lender", "roles": ["lender"]},
    {"id": "bank", "name": "Settlement bank", "roles": ["settlement_bank"]},
    {"id": "cover", "name": "Insurer", "roles": ["insurer"]},
    {"id": "root", "name": "Operator", "roles": ["operator"]},
]
DAY = "2026-01-05"
DUE = "2026-01-30"
EXPIRES = "2026-01-10"


class Parties:
    """Who says what on the network in a folder."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self._capsys = folder, capsys

    def says(self, who: str, *words: object) -> Any:
        profile = self.folder / "net" / "profiles" / f"{who}.json"
        code = main([*map(str, words), "--profile", str(profile), "--json"])
        out, err = self._capsys.readouterr()
        assert code == 0, (words, out, err)
        return json.loads(out)

    def keeps(self, name: str) -> list[str]:
        return ["--out", str(self.folder / name)]

    def verifies(self, *files: str) -> None:
        """In a process of its own, without a node."""
        Tally(self.folder).run("verify", *files, "--genesis", "net/genesis.block")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A network for each test: both move the business date, which never goes back."""
    started = network.up(
        tmp_path / "net", nodes=3, organisations=ORGANISATIONS, parameters={"business_date": DAY}
    )
    yield tmp_path
    network.down(started)


@pytest.fixture
def parties(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Parties:
    monkeypatch.setenv("TALLY_TIMEOUT_S", "60")
    return Parties(folder, capsys)


def test_a_promise_reaches_the_second_tier_and_a_lender_and_is_paid_to_all(parties: Parties) -> None:
    """Invariants 12, 18 and 21, from outside."""
    says = parties.says
    bill = ["--buyer", "anchor", "--issued", DAY, "--due", DUE, "--line", "1:1:100,000.00 EUR"]
    says("acme", "invoice", "submit", "INV-1", *bill)
    says("anchor", "invoice", "confirm", "INV-1", "--supplier", "acme")
    whole, place = ["C-1"], ["--obligor", "anchor"]
    issue = ["--payee", "acme", "--maturity", DUE, "--invoice", "INV-1"]
    says("anchor", "certificate", "issue", "C-1", "100,000.00 EUR", *issue)
    says("acme", "certificate", "accept", *whole, *place)
    says("acme", "certificate", "split", *whole, "50,000.00", "30,000.00", "20,000.00", *place)
    for leaf, to in ((1, "bolt"), (2, "wire")):
        says("acme", "certificate", "transfer", *whole, *place, "-l", leaf, "--to", to, "--expires", EXPIRES)
        says(to, "certificate", "accept", *whole, *place, "-l", leaf)
    sale = ["--lender", "fund", "--price", "29,700.00", "--expires", EXPIRES]
    says("wire", "certificate", "sell", *whole, *place, "-l", 2, *sale)
    booked = ["--account", "DE75", "--entry", "OUT-1", "--date", DAY]
    says("bank", "certificate", "fund", *whole, *place, "-l", 2, *booked)
    held = says("fund", "certificate", "holdings")
    assert [(leaf["certificate"], leaf["leaf"], leaf["live"]) for leaf in held["leaves"]] == [
        ("C-1", 2, 30_000_00)
    ]
    says("root", "date", "advance", DUE)
    paid = ["--amount", "100,000.00 EUR", "--account", "DE75", "--entry", "IN-1", "--date", DUE]
    says("bank", "certificate", "collect", *whole, *place, *paid)
    tree = says("bolt", "certificate", "tree", *whole, *place, *parties.keeps("C-1.certificate"))
    assert [(leaf["status"], leaf["holder"], leaf["redeemed"]) for leaf in tree["leaves"]] == [
        ("Split", "acme", 0),
        ("Redeemed", "bolt", 50_000_00),
        ("Redeemed", "fund", 30_000_00),
        ("Redeemed", "acme", 20_000_00),
    ]
    says("fund", "certificate", "show", *whole, *place, "-l", 2, *parties.keeps("leaf.proof"))
    parties.verifies("C-1.certificate", "leaf.proof")


def test_an_insured_loss_is_paid_and_what_comes_in_later_is_shared(parties: Parties) -> None:
    """Invariants 19 and 20, from outside."""
    says = parties.says
    limit = ["--buyer", "anchor=80,000.00:acme", "--maximum", "500,000.00", "--annual-pd", "1.2"]
    days = ["--starts", DAY, "--ends", "2026-12-31", "--bind-by", DAY]
    says("cover", "insurance", "quote", "POL-1", "--assured", "acme", "-c", "EUR", *limit, *days)
    under = ["--insurer", "cover"]
    premium = says("acme", "insurance", "show", "POL-1", *under)["premium"]
    agreed = ["--premium", f"{premium // 100}.{premium % 100:02}"]
    says("acme", "insurance", "bind", "POL-1", *under, *agreed)
    booked = ["--account", "DE75", "--date", DAY, "--entry"]
    says("bank", "insurance", "premium-paid", "POL-1", *under, *booked, "P-1")
    given = ["--buyer", "anchor", "--issued", DAY, "--due", "2026-03-01", "--line", "1:1:95,000.00 EUR"]
    says("acme", "invoice", "submit", "INV-2", *given)
    says("anchor", "invoice", "confirm", "INV-2", "--supplier", "acme")
    about = ["INV-2", "--supplier", "acme", "--policy", "POL-1", *under]
    says("root", "date", "advance", "2026-03-02")
    asked = says("acme", "insurance", "cover", *about, *parties.keeps("INV-2.cover"))
    assert (asked["covered"], asked["next"]) == (True, "notify by 2026-03-31, or cover is void")
    parties.verifies("INV-2.cover")
    says("acme", "insurance", "notify", "L-1", *about)
    says("root", "date", "advance", "2026-04-30")
    says("acme", "insurance", "file", "L-1")
    says("cover", "insurance", "accept", "L-1", "--assured", "acme", "--indemnity", "72,000.00")
    of = ["L-1", "--assured", "acme"]
    says("bank", "insurance", "indemnified", *of, *booked, "I-1")
    says("acme", "insurance", "subrogate", "L-1")
    late = ["--amount", "19,000.00", *booked, "LATE"]
    says("bank", "payment", "attest", "INV-2", "--supplier", "acme", *late)
    says("bank", "insurance", "recovered", *of, *booked, "R-1")
    claim = says("cover", "insurance", "claim", *of, *parties.keeps("L-1.claim"))
    assert (claim["paid"], claim["ceded"]) == (72_000_00, 14_400_00), "72 : 95 of what came in"
    parties.verifies("L-1.claim")
