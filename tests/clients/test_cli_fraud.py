"""What a person types against fraud: accounts by two keys, the registry, affiliations, and the screening."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from local_node import ROLES, LocalNetwork, key_of
from local_sessions import Channel, NodeTransport

from clients.cli import main, recording
from clients.cli.checks import screening
from clients.cli.finance import finance, pledges
from clients.cli.network import affiliations
from clients.cli.trade import payees
from clients.profile import Profile
from ledger.keys import SigningKey
from node.api import create_app

NEW, OTHERS = "NL91ABNA0417164300", "DE89370400440532013000"
PARENT = "5493001KJTIIGC8Y1R12"


class TradersChannel(Channel):
    """A channel on which acme buys too, and bolt sells and buys."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        roles = {**ROLES, "acme": ["buyer", "supplier"], "bolt": ["buyer", "supplier"], "loan": ["lender"]}
        self.network = LocalNetwork(folder, roles=roles)
        self.nodes = {name: NodeTransport(create_app(node)) for name, node in self.network.nodes.items()}

    def profile(self, organisation: str) -> Profile:
        """Of an organisation, or of its second key: "acme/second"."""
        owner, _, second = organisation.partition("/")
        found = super().profile(owner)
        if not second:
            return found
        path = self.folder / f"{owner}-{second}.pem"
        if not path.exists():
            second_key(organisation).save(path)
        return Profile(owner, owner, path, found.genesis, found.channel, found.nodes)


def second_key(name: str) -> SigningKey:
    return key_of(name.replace("/", "-"))


@pytest.fixture
def channel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TradersChannel]:
    channel = TradersChannel(tmp_path_factory.mktemp("channel"))
    yield channel
    channel.close()


@pytest.fixture
def tally(channel: TradersChannel, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Any:
    """Runs a command as an organisation: its exit code and its JSON."""
    for module in (recording, affiliations, finance, payees, pledges, screening):
        monkeypatch.setattr(
            module, "open_session", lambda profile: channel.blocking_session(str(profile)), raising=False
        )

    def run(who: str, command: str, *more: str) -> tuple[int, Any]:
        capsys.readouterr()
        code = main([*command.split(), *more, "--profile", who, "--json"])
        text = capsys.readouterr().out
        return code, json.loads(text) if text else None

    return run


def to_day(channel: TradersChannel, date: str) -> None:
    with channel.blocking_session("registrar") as session:
        session.submit({"op": "date.advance", "date": date})


def bill(number: str, buyer: str, amount: int, **changes: Any) -> dict[str, Any]:
    return {
        "op": "invoice.submit",
        "invoice": number,
        "buyer": buyer,
        "currency": "EUR",
        "issue_date": "2024-03-05",
        "due_date": "2024-05-05",
        "order": "",
        "lines": ({"line": "1", "quantity": 1, "amount": amount},),
        "tax": 0,
        "gross": amount,
        "document": b"",
        **changes,
    }


def trade(channel: TradersChannel) -> None:
    """Two like invoices to anchor, and as much back and forth between acme and bolt."""
    with channel.blocking_session("acme") as acme, channel.blocking_session("bolt") as bolt:
        acme.submit(bill("R-1", "anchor", 100_000))
        acme.submit(bill("R-2", "anchor", 99_500))
        acme.submit(bill("A-1", "bolt", 70_000))
        bolt.submit(bill("B-1", "acme", 69_000))


def test_an_account_is_changed_by_two_keys_and_redirected_for_a_lender(
    channel: TradersChannel, tally: Any
) -> None:
    public = second_key("acme/second").public.hex()
    assert tally("acme", f"keys add {public} --name treasurer")[0] == 0
    assert tally("acme", "keys add 12 --name short")[0] == 2
    assert tally("acme", f"payee nominate {NEW} -c EUR")[0] == 0
    code, document = tally("acme", f"payee approve {NEW} -c EUR")
    assert (code, document["error"]["code"]) == (1, "same_key")
    code, document = tally("acme/second", f"payee approve {NEW} -c EUR")
    assert (code, document["error"]["code"]) == (1, "key_too_new")
    to_day(channel, "2024-03-07")
    assert tally("acme/second", f"payee approve {NEW} -c EUR")[0] == 0
    _, document = tally("fund", "payee show acme -c EUR")
    assert (document["account"], document["nominated"], document["nominated_from"]) == (
        None,
        NEW,
        "2024-03-09",
    )
    to_day(channel, "2024-03-09")
    place = "-c EUR --buyer anchor"
    assert tally("acme", f"redirection propose {OTHERS} {place} --lender fund")[0] == 0
    assert tally("fund", f"redirection decline -s acme {place} --reason typo")[0] == 0
    assert tally("acme", f"redirection propose {OTHERS} {place} --lender fund")[0] == 0
    assert tally("fund", f"redirection agree {OTHERS} -s acme {place}")[0] == 0
    assert tally("anchor", f"redirection acknowledge {OTHERS} -s acme -c EUR")[0] == 0
    _, document = tally("anchor", f"payee show acme {place}")
    assert (document["account"], document["expected"]) == (NEW, OTHERS)
    assert document["redirection"]["status"] == "Seen"
    assert tally("fund", f"redirection end -s acme {place} --reason closed")[0] == 0
    assert tally("anchor", f"payee show acme {place}")[1]["expected"] == NEW
    assert tally("acme", f"keys revoke {public}")[0] == 0


def test_a_receivable_is_registered_blinded_and_nobody_else_registers_it(tally: Any, tmp_path: Path) -> None:
    key = tmp_path / "registry.key"
    assert main(["pledge", "key", str(key)]) == 0
    of = f"--key {key} --supplier {PARENT} --buyer VAT:DE123456789 --issued 2024-03-05"
    same, renumbered = f"{of} --invoice INV-7", f"{of} --invoice INV-8"
    amount = ("--amount", "1,000.00 EUR")
    _, document = tally("loan", f"pledge check {same}", *amount)
    assert document["same_number"] == document["same_content"] == []
    assert tally("fund", f"pledge register P-1 {same}", *amount)[0] == 0
    code, document = tally("loan", f"pledge register L-1 {same}", "--amount", "999.00 EUR")
    assert (code, document["error"]["code"]) == (1, "pledged_elsewhere")
    code, document = tally("loan", f"pledge register L-1 {renumbered}", *amount)
    assert (code, document["error"]["code"]) == (1, "pledge_alike")
    assert tally("fund", "pledge finance P-1")[0] == 0
    _, document = tally("loan", f"pledge check {renumbered}", *amount)
    assert document["same_number"] == []
    assert [claim["status"] for claim in document["same_content"]] == ["Financed"]
    assert tally("fund", "pledge release P-1")[0] == 0
    assert tally("loan", f"pledge register L-1 {same}", *amount)[0] == 0
    code, document = tally("loan", f"pledge register L-2 {same} --key {key}x", *amount)
    assert (code, document["error"]["code"]) == (2, "registry_key")


def test_the_screening_proves_first_and_says_where_each_finding_is_seen(
    channel: TradersChannel, tally: Any, tmp_path: Path, capsys: Any
) -> None:
    trade(channel)
    for name in ("acme", "bolt"):
        assert tally("registrar", f"affiliation record {name} --ultimate {PARENT}")[0] == 0
    assert tally("bolt", f"affiliation declare --ultimate {PARENT}")[0] == 0
    _, document = tally("fund", "affiliation show bolt")
    assert document["own"]["ultimate_parent"] == document["register"]["ultimate_parent"] == PARENT
    code, document = tally("fund", "screen acme")
    assert code == 0
    assert (document["histories"], document["invoices"], document["partial"]) == (3, 4, 0)
    by_check = {finding["check"]: finding for finding in document["findings"]}
    assert by_check.keys() == {"near_match", "round_trip", "related_party"}
    assert by_check["round_trip"]["evidence"] == [
        {"supplier": "acme", "buyer": "bolt", "record": 0},
        {"supplier": "bolt", "buyer": "acme", "record": 0},
    ]
    with channel.blocking_session("fund") as fund:
        history = fund.history("acme", "anchor")
    seen = by_check["near_match"]["evidence"][1]["record"]
    assert history.records[seen][1:3] == ("invoice", "R-2")
    path = tmp_path / "acme-anchor.history"
    history.save(path)
    of_file = ["screen", "--history", str(path), "--genesis", str(channel.network.genesis_path)]
    capsys.readouterr()
    assert main(of_file) == 0
    text = capsys.readouterr().out
    assert "alarm: near_match  995.00 EUR" in text
    assert f"record {seen} of acme → anchor" in text
    path.write_bytes(path.read_bytes().replace(b"R-2", b"R-3"))
    assert main(of_file) == 1, "an altered history is not screened"
    assert tally("fund", "screen acme --check near_match")[1]["findings"] == [by_check["near_match"]]
    assert tally("fund", "screen acme --check none")[0] == 2
    assert tally("fund", "screen")[0] == 2


def test_an_export_is_screened_as_its_ledger_is(channel: TradersChannel, tally: Any, tmp_path: Path) -> None:
    trade(channel)
    path = tmp_path / "ledger.export"
    with channel.blocking_session("fund") as fund:
        fund.export(path)
    genesis = str(channel.network.genesis_path)
    code, offline = tally("fund", f"screen --from {path} --genesis {genesis}")
    assert code == 0
    online = tally("fund", "screen acme bolt --hops 2")[1]
    assert offline["findings"] == online["findings"] != []
