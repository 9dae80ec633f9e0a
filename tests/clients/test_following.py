"""Clients under a membership that changes: they follow it, keep it, and hand it on with their proofs."""

from __future__ import annotations

import dataclasses
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from envelopes import order, signed
from local_node import key_of
from local_sessions import Channel, rewriting

from clients import network, recovery
from clients.cli import main
from clients.network import membership
from clients.network.membership import new_home, next_id, replacement
from clients.sdk import Session
from clients.trust import changes_file, load_trust
from clients.verification.export_file import cut
from clients.verification.verifier import verify_data, verify_path
from contracts.finance.quote import verify_quote
from contracts.parties.recovery import verify
from ledger import codec
from ledger.blocks.genesis import read_genesis
from ledger.errors import VerificationError
from ledger.keys import SigningKey
from ledger.members import node_certificate
from ledger.members.membership import Member
from ledger.members.possession import sign_possession, verify_possession
from ledger.proofs.carried import carry, opened
from ledger.proofs.handover import MembershipChain
from ledger.proofs.receipt import Receipt


@pytest.fixture
def channel(tmp_path: Path) -> Iterator[Channel]:
    made = Channel(tmp_path, members=("n1",))
    yield made
    made.close()


@pytest.fixture
def session(channel: Channel) -> Iterator[Session]:
    with channel.blocking_session("anchor") as made:
        yield made


def replace(channel: Channel, old: str = "n2", fresh: str = "n2-2", by: str = "fund") -> None:
    """A node takes the place of another."""
    key = key_of(fresh)
    member = Member(fresh, by, key.public, node_certificate.issue(key, fresh))
    new = {
        "node": fresh,
        "organisation": by,
        "key": member.key,
        "certificate": member.certificate,
        "proof": sign_possession(key, channel.network.channel, member),
    }
    change = {"kind": "replace", "node": old, "new": new}
    proposal = {"op": "membership.propose", "proposal": f"P-{fresh}", "change": change, "days": 3}
    approval = {"op": "membership.approve", "proposal": f"P-{fresh}"}
    for who, operation in ((by, proposal), ("anchor", approval)):
        block = channel.network.commit([signed(channel.network.channel, operation, by=who)])
        assert block.results == ((),)
    assert channel.network.settle_membership() == 3


def test_a_session_follows_changes_that_happen_while_it_is_open(channel: Channel, session: Session) -> None:
    before = session.submit(order("PO-1"))
    replace(channel)
    after = session.submit(order("PO-2"))
    assert after.is_applied
    assert session.genesis.heights[-1] == after.height - 1
    assert [each.node for each in session.genesis.newest.voters] == ["n1", "n2-2", "n3"]
    assert session.receipt(before.id).height == before.height


def test_what_was_followed_is_kept_and_used_by_the_next_session(channel: Channel, session: Session) -> None:
    replace(channel)
    session.submit(order("PO-1"))
    kept = changes_file(channel.network.genesis_path)
    assert MembershipChain.decode(kept.read_bytes()) == session.genesis.chain
    with channel.blocking_session("anchor") as later:
        assert later.genesis.heights == session.genesis.heights
        channel.nodes["n1"].requests.clear()
        later.submit(order("PO-2"))
        assert not [path for _, path, _ in channel.nodes["n1"].requests if path.endswith("/memberships")]
    replace(channel, "n3", "n3-2", by="registrar")
    with channel.blocking_session("anchor") as latest:
        latest.submit(order("PO-3"))
        assert len(latest.genesis.heights) == 7
    assert load_trust(channel.network.genesis_path).heights == latest.genesis.heights


@pytest.mark.parametrize("fit", [True, False], ids=["carried", "too many"])
def test_a_recovery_is_proved_by_the_changes_that_it_carries_or_by_those_that_one_has(
    channel: Channel, session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fit: bool
) -> None:
    """A network that has changed its nodes for years can still be recovered."""
    replace(channel)
    session.submit(order("PO-1"))
    export = tmp_path / "last.export"
    session.export(export)
    old = read_genesis(channel.network.genesis_path.read_bytes())
    keys = [key_of(name) for name in ("m4", "m5")]
    nodes = [Member(f"m{at}", "anchor", key.public, b"") for at, key in enumerate(keys)]
    if not fit:
        monkeypatch.setattr(recovery, "MAX_AUTHORITY_BYTES", 1)
    data = recovery.draft(export, old, nodes)
    checked = recovery.check(data, export, old)
    for who in ("anchor", "fund"):
        data = recovery.approve(data, key_of(who), checked.old)
    assert verify(read_genesis(data), session.genesis).approved_by == ("anchor", "fund")
    if fit:
        assert verify(read_genesis(data), old).approved_by == ("anchor", "fund")
        return
    with pytest.raises(VerificationError) as refused:
        verify(read_genesis(data), old)
    assert refused.value.code == "unknown_membership"


def test_a_saved_proof_needs_the_genesis_block_and_nothing_else(
    channel: Channel, session: Session, tmp_path: Path
) -> None:
    replace(channel)
    session.submit(order("PO-1")).save(tmp_path / "a.receipt")
    session.history("acme", "anchor").save(tmp_path / "a.history")
    alone = tmp_path / "elsewhere"
    alone.mkdir()
    (alone / "genesis.block").write_bytes(channel.network.genesis_path.read_bytes())
    for name in ("a.receipt", "a.history"):
        report = verify_path(tmp_path / name, load_trust(alone / "genesis.block"))
        assert any("by 3 proved changes" in step for step in report.steps)
    assert not changes_file(alone / "genesis.block").exists()


def test_export_and_extract_bring_the_changes_along(
    channel: Channel, session: Session, tmp_path: Path
) -> None:
    replace(channel)
    session.submit(order("PO-1"))
    whole, part = tmp_path / "ledger.export", tmp_path / "acme.extract"
    session.export(whole)
    genesis = read_genesis(channel.network.genesis_path.read_bytes())
    assert cut(whole, genesis, "acme", part).scope == "acme"
    for file in (whole, part):
        assert any("by 3 proved changes" in step for step in verify_path(file, genesis).steps)


def test_a_saved_proof_without_its_changes_says_what_is_missing(channel: Channel, session: Session) -> None:
    replace(channel)
    saved = session.submit(order("PO-1")).receipt
    genesis = read_genesis(channel.network.genesis_block.data)
    bare, followed = opened(saved, genesis)
    assert Receipt.decode(bare).verify(followed)[0].is_applied
    with pytest.raises(VerificationError) as caught:
        verify_data(bare, genesis)
    assert caught.value.code == "unknown_membership"
    assert verify_data(carry(bare, session.genesis.chain), genesis).kind == "receipt"


def test_the_file_of_changes_is_checked_like_every_proof(channel: Channel, session: Session) -> None:
    replace(channel)
    session.follow()
    genesis = read_genesis(channel.network.genesis_block.data)
    data = session.genesis.chain.encode()
    report = verify_data(data, genesis)
    assert report.facts["voters"] == ["n1", "n2-2", "n3"]
    assert len(report.steps) == 3
    assert "enter" in report.steps[1]
    json.dumps(report.as_dict())


def test_a_node_that_tells_of_changes_that_never_were_is_not_believed(
    channel: Channel, session: Session
) -> None:
    replace(channel)

    def without_signatures(data: bytes) -> bytes:
        chain = codec.decode(data, 1 << 20)
        handovers = [list(handover) for handover in chain[2]]
        header, link, (term, height, block, acks) = handovers[0][0]
        handovers[0][0] = (header, link, (term, height, block, acks[:1]))
        return codec.encode((*chain[:2], tuple(map(tuple, handovers))))

    channel.nodes["n1"].misbehave = rewriting(without_signatures, "/memberships")
    with pytest.raises(VerificationError, match="membership changes from http://n1: too few"):
        session.follow()
    assert session.genesis.heights == (0,)


def test_a_damaged_file_of_changes_is_named_and_not_used(channel: Channel, session: Session) -> None:
    replace(channel)
    session.follow()
    kept = changes_file(channel.network.genesis_path)
    kept.write_bytes(kept.read_bytes()[:-1] + b"x")
    with pytest.raises(Exception, match="does not prove how the membership changed") as caught:
        load_trust(channel.network.genesis_path)
    assert getattr(caught.value, "code", "") == "memberships_file"


def test_quotes_that_come_with_changes_are_read_like_others(channel: Channel, session: Session) -> None:
    replace(channel)
    chain = session.follow().chain
    with pytest.raises(Exception, match=r"another kind of proof|wrong form"):
        verify_quote(carry(session.submit(order("PO-1")).receipt, chain), session.genesis)


@pytest.mark.parametrize(
    ("node", "used", "fresh"),
    [
        ("n2", [], "n2-2"),
        ("n2", ["n2-2"], "n2-3"),
        ("n2-2", ["n2"], "n2-3"),
        ("berlin-a", [], "berlin-a-2"),
        ("n-9", ["n-10"], "n-11"),
    ],
)
def test_a_node_returns_under_the_next_id_that_was_never_used(node: str, used: list[str], fresh: str) -> None:
    """CR-62."""
    assert next_id({"members": [{"node": node}], "former": used}, node) == fresh


def test_a_new_home_has_a_key_of_its_own_and_the_settings_of_its_model(tmp_path: Path) -> None:
    model = tmp_path / "nodes" / "n1" / "node.toml"
    model.parent.mkdir(parents=True)
    model.write_text(
        'node = "n1"\ndata_dir = "data"\ngenesis_file = "../../genesis.block"\nkey_file = "node.key"\n'
        'certificate_file = "node.pem"\napi_port = 7100\npeer_port = 7101\n\n[peers]\nn2 = "127.0.0.1:7103"\n'
    )
    home = new_home(model, "n4", "fund", ports=(7106, 7107), peers={"n1": "127.0.0.1:7101"})
    written = home.config.read_text()
    assert 'node = "n4"' in written
    assert 'genesis_file = "../../genesis.block"' in written
    assert '"n1" = "127.0.0.1:7101"' in written
    assert '"n2" = "127.0.0.1:7103"' in written
    assert (home.api, home.address) == ("http://127.0.0.1:7106", "127.0.0.1:7107")
    key = SigningKey.load(home.folder / "node.key")
    again = new_home(model, "n4", "fund", ports=(7106, 7107))
    assert SigningKey.load(again.folder / "node.key").public == key.public
    new = replacement("n2", home, b"c" * 32)["new"]
    member = Member("n4", "fund", key.public, new["certificate"])
    assert verify_possession(b"c" * 32, member, new["proof"])
    assert node_certificate.public_key(new["certificate"]) == key.public


def known_key(path: Path) -> SigningKey:
    """The key with which the local channel acknowledges for this node."""
    key = key_of(path.parent.name)
    if not path.exists():
        key.save(path)
    return key


class Tally:
    """`tally network …` by organisations of a local channel."""

    def __init__(self, channel: Channel, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
        self._capsys = capsys
        self.config = folder / "nodes" / "n2" / "node.toml"
        self.config.parent.mkdir(parents=True)
        self.config.write_text('node = "n2"\npeer_port = 7002\ngenesis_file = "../../genesis.block"\n')
        (folder / "genesis.block").write_bytes(channel.network.genesis_path.read_bytes())
        monkeypatch.setattr(
            "clients.cli.network.membership.open_session", lambda path: channel.blocking_session(path.stem)
        )
        monkeypatch.setattr("clients.network.membership.kept_key", known_key)

    def run(self, *arguments: str, by: str, code: int = 0) -> Any:
        given = ["network", *arguments, "--profile", f"{by}.json", "--json"]
        assert main(given) == code
        return json.loads(self._capsys.readouterr().out)


@pytest.fixture
def tally(channel: Channel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> Tally:
    return Tally(channel, tmp_path / "home", monkeypatch, capsys)


def test_readmission_is_one_command_and_the_approvals_of_others(channel: Channel, tally: Tally) -> None:
    """CR-62."""
    shown = tally.run("readmit", "n2", "--config", str(tally.config), by="fund")
    assert (shown["node"], shown["status"], shown["approvals_missing"]) == ("n2-2", "Open", 1)
    assert shown["approve_with"][0].startswith("tally network approve readmit-n2-2 --profile anchor")
    assert shown["change"]["new"]["address"] == "127.0.0.1:7002"
    assert tally.run("readmit", "n2", "--config", str(tally.config), by="fund")["status"] == "Open"
    listed = tally.run("members", by="bank")
    assert [each["proposal"] for each in listed["proposals"]] == ["readmit-n2-2"]
    assert tally.run("approve", "readmit-n2-2", by="registrar")["adopted"]
    left = tally.run("readmit", "n2", "--config", str(tally.config), by="fund", code=2)
    assert left["error"]["code"] == "change_in_progress"
    assert channel.network.settle_membership() == 3
    listed = tally.run("members", by="bank")
    assert listed["proved"]
    assert [each["node"] for each in listed["members"]] == ["n1", "n2-2", "n3"]
    assert listed["former"] == ["n2"]


def test_nodes_come_get_a_vote_and_go_by_commands(channel: Channel, tally: Tally) -> None:
    def carried(*arguments: str, by: str = "anchor", also: str = "fund") -> None:
        name = tally.run(*arguments, by=by)["proposal"]
        assert tally.run("approve", name, by=also)["adopted"]
        channel.network.settle_membership()

    carried("add-node", "n4", "--config", str(tally.config), by="fund", also="anchor")
    roles = {each["node"]: each["role"] for each in tally.run("members", by="bank")["members"]}
    assert roles == {"n1": "voter", "n2": "voter", "n3": "voter", "n4": "learner"}
    carried("promote", "n4", "--quorum", "4")
    assert tally.run("members", by="bank")["quorum"] == 4
    carried("quorum", "3")
    carried("demote", "n3")
    carried("remove", "n3")
    shown = tally.run("members", by="bank")
    assert [(each["node"], each["role"]) for each in shown["members"]] == [
        ("n1", "voter"),
        ("n2", "voter"),
        ("n4", "voter"),
    ]
    refused = tally.run("add-node", "n3", "--config", str(tally.config), by="fund", code=2)
    assert refused["error"]["code"] == "node_id_used"


def test_a_name_that_another_proposal_has_is_refused_whatever_it_proposes(
    channel: Channel, tally: Tally
) -> None:
    """Any organisation may have taken the name that a command makes up."""
    tally.run("quorum", "3", "--name", "add-n4", by="anchor")
    tally.run("remove", "n3", "--name", "readmit-n2-2", by="anchor")
    for command, node in (("add-node", "n4"), ("readmit", "n2")):
        arguments = (command, node, "--config", str(tally.config))
        refused = tally.run(*arguments, by="fund", code=2)
        assert refused["error"]["code"] == "duplicate_number"
        assert "--name" in refused["error"]["remedy"]
        assert tally.run(*arguments, "--name", f"ours-{node}", by="fund")["status"] == "Open"


def test_a_node_id_that_is_taken_is_refused_before_anything_is_written(
    channel: Channel, tally: Tally
) -> None:
    """Its home lies where the new one would: the settings of a node that runs must not be rewritten."""
    members = [each["node"] for each in tally.run("members", by="bank")["members"]]
    homes = tally.config.parent.parent

    def files() -> dict[Path, bytes]:
        return {path: path.read_bytes() for path in homes.rglob("*") if path.is_file()}

    before = files()
    for node in members:
        refused = tally.run("add-node", node, "--config", str(tally.config), by="fund", code=2)
        assert refused["error"]["code"] == "node_id_used"
        assert files() == before
    (homes / "n9").mkdir()
    (homes / "n9" / "node.toml").write_text('node = "n9"\n')
    before = files()
    refused = tally.run("add-node", "n9", "--config", str(tally.config), by="fund", code=2)
    assert refused["error"]["code"] == "node_home_taken"
    assert files() == before
    assert not tally.run("members", by="bank")["proposals"]
    first = tally.run("add-node", "n8", "--config", str(tally.config), by="fund")
    again = tally.run("add-node", "n8", "--config", str(tally.config), by="fund")
    assert again["change"] == first["change"], "what was interrupted is taken up, with the same key"


@pytest.mark.parametrize("command", ["add-node", "readmit"])
def test_a_node_that_cannot_run_is_not_proposed(channel: Channel, tally: Tally, command: str) -> None:
    """Its approval would put a member there that never comes."""
    node = "n8" if command == "add-node" else "n2"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        settings = tally.config.read_text(encoding="utf-8")
        tally.config.write_text(settings.replace("7002", str(port)), encoding="utf-8")
        refused = tally.run(command, node, "--config", str(tally.config), by="fund", code=2)
    assert refused["error"]["code"] == "node_cannot_run"
    assert f"cannot listen on 127.0.0.1:{port}" in refused["error"]["message"]
    assert not tally.run("members", by="bank")["proposals"]
    assert tally.run(command, node, "--config", str(tally.config), by="fund")["status"] == "Open"


@pytest.mark.parametrize("is_traced", [False, True])
def test_a_node_that_joins_a_traced_network_is_traced_as_well(tmp_path: Path, is_traced: bool) -> None:
    made = network.create(
        tmp_path / "net",
        nodes=1,
        base_port=None,
        organisations=network.DEFAULT_ORGANISATIONS,
        parameters=None,
        name="traced",
    )
    if is_traced:
        made.nodes[0].trace.touch()
    home = membership.new_home(made.nodes[0].config, "n2", "anchor", ports=network.free_ports())
    entry = dataclasses.replace(made.nodes[0], id="n2", config=home.config)
    joined = network.join(made, entry)
    assert joined.node("n2").trace.exists() == is_traced


def test_a_proposal_is_withdrawn_and_a_change_abandoned_by_commands(channel: Channel, tally: Tally) -> None:
    name = tally.run("quorum", "3", "--name", "Q", by="anchor")["proposal"]
    assert tally.run("withdraw", name, by="anchor")["status"] == "Withdrawn"
    tally.run("remove", "n3", "--name", "R", by="anchor")
    tally.run("approve", "R", by="fund")
    tally.run("abandon", "--name", "A", by="anchor")
    assert tally.run("approve", "A", by="fund")["adopted"]
    assert channel.network.settle_membership() == 0


def test_the_answers_for_people_name_the_next_command(channel: Channel, tally: Tally, capsys: Any) -> None:
    assert main(["network", "remove", "n3", "--name", "R", "--profile", "anchor.json"]) == 0
    shown = capsys.readouterr().out
    assert "1 more approval is needed" in shown
    assert "tally network approve R --profile fund.json" in shown
    tally.run("approve", "R", by="fund")
    assert main(["network", "members", "--profile", "bank.json"]) == 0
    shown = capsys.readouterr().out
    assert "Under way (enter, leave) to voters n1, n2" in shown
    assert membership.member_of({"members": [{"node": "n1"}]}, "n1") == {"node": "n1"}
