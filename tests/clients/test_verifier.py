"""`verify_path` and the audits: a report only if all is proved, else the precise reason."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import story
from envelopes import order
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from local_node import LocalNetwork
from local_sessions import Channel

from clients.errors import ProfileError
from clients.sdk.transport import SyncTransport
from clients.trust import load_trust
from clients.verification import auditor
from clients.verification.auditor import audit_folder, audit_nodes
from clients.verification.export_file import cut, read_source
from clients.verification.verifier import verify_data, verify_path
from contracts import CONTRACT_VERSION
from contracts.cash.deposit import deposit_key
from contracts.certificates.leaf import certificate_key
from contracts.finance.claim import lien_key
from contracts.holdings.book import book_key
from contracts.trade import relationship
from contracts.trade.invoice import invoice_key
from ledger import codec
from ledger.blocks.genesis import GenesisBlock, read_genesis
from ledger.errors import Malformed, StoreError, TallyError, VerificationError
from ledger.proofs.export import frames
from ledger.proofs.statement import Statement
from ledger.storage.database import plyvel
from ledger.storage.store import Store


@dataclass(frozen=True)
class Files:
    """A played story and the proof files that came of it."""

    channel: Channel
    genesis: GenesisBlock
    receipt: bytes
    history: bytes
    suffix: bytes
    quote: bytes
    party: bytes
    state: bytes
    entry: bytes
    """A statement of one present entry: an absent key changed to another may be true of that one as well."""

    def data(self, kind: str) -> bytes:
        found: bytes = getattr(self, kind)
        return found


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Files]:
    channel = Channel(tmp_path_factory.mktemp("channel"), ("n1",))
    story.play(channel.network)

    async def fetch() -> tuple[bytes, bytes, bytes, bytes]:
        async with channel.session("anchor") as session:
            quote = await session.quote(story.PROGRAMME, "acme", story.INVOICE)
            receipt = (await session.bundle([[order("PO-V")], [order("PO-V")], [order("PO-W")]]))[0].receipt
            history = await session.history("acme", "anchor")
            suffix = await session.history("acme", "anchor", last=3)
        return receipt, history.data, suffix.data, quote.data

    found = asyncio.run(fetch())
    chain = channel.network.nodes["n1"].chain
    party = chain.history(relationship.party_key("acme")).encode()
    keys = sorted([invoice_key("acme", story.INVOICE), lien_key("acme", story.INVOICE)])
    state = Statement(chain.state_proof(keys), chain.certified()).encode()
    entry = Statement(chain.state_proof([invoice_key("acme", story.INVOICE)]), chain.certified()).encode()
    yield Files(channel, read_genesis(channel.network.genesis_block.data), *found, party, state, entry)
    channel.close()


def test_receipt_report_says_what_was_proved(files: Files) -> None:
    report = verify_data(files.receipt, files.genesis)
    assert report.kind == "receipt"
    assert "3 transactions are on the ledger" in report.summary
    assert "1 of 3 refused" in report.summary
    assert [entry["applied"] for entry in report.facts["transactions"]] == [True, False, True]
    assert report.facts["transactions"][1]["refusals"][0]["code"] == "duplicate_number"
    assert report.facts["transactions"][0]["organisation"] == "anchor"
    assert report.says == (
        "anchor: order.issue PO-V, applied",
        "anchor: order.issue PO-V, duplicate_number",
        "anchor: order.issue PO-W, applied",
    )
    assert [step.split(".")[0] for step in report.steps] == [str(n) for n in range(1, len(report.steps) + 1)]
    assert "2 of 3 nodes acknowledged" in " ".join(report.steps)


def test_history_report_has_records_and_sums(files: Files) -> None:
    report = verify_data(files.history, files.genesis)
    assert (report.kind, report.facts["complete"], report.facts["count"]) == ("history", True, 7)
    assert report.facts["aggregates"]["EUR"]["orders"] == 3
    assert "aggregates" in report.steps[-1]


def test_suffix_report_does_not_claim_completeness(files: Files) -> None:
    report = verify_data(files.suffix, files.genesis)
    assert report.facts["complete"] is False
    assert "the newest 3 of 7" in report.summary
    assert not any("aggregates" in step for step in report.steps)


def test_quote_report_has_the_terms(files: Files) -> None:
    report = verify_data(files.quote, files.genesis)
    assert (report.kind, report.facts["programme"], report.facts["lender"]) == (
        "quote",
        story.PROGRAMME,
        "fund",
    )
    terms = report.facts["terms"]
    assert terms["advance"] + terms["reserve"] == 1_000_00


def test_party_report_has_the_relationships(files: Files) -> None:
    report = verify_data(files.party, files.genesis)
    assert (report.kind, report.facts["party"], report.facts["complete"]) == ("history", "acme", True)
    assert [entry["buyer"] for entry in report.facts["relationships"]] == ["anchor"]
    assert "relationships of acme" in report.summary


def test_state_report_says_what_is_present_and_what_absent(files: Files) -> None:
    report = verify_data(files.state, files.genesis)
    assert (report.kind, "1 entry present, 1 absent" in report.summary) == ("state", True)
    found = {entry["parts"][0]: entry for entry in report.facts["entries"]}
    assert found["invoice"]["present"] is True
    assert found["invoice"]["value"][0] == "anchor"
    assert (found["lien"]["present"], found["lien"]["value"]) == (False, None)


def test_absence_claimed_for_what_is_there_is_refused(files: Files) -> None:
    kind, version, (entries, buckets, siblings), certified = codec.decode(files.state)
    for place, (key, value) in enumerate(entries):
        forged = None if value is not None else codec.encode((1,))
        changed = (*entries[:place], (key, forged), *entries[place + 1 :])
        with pytest.raises(VerificationError):
            verify_data(codec.encode((kind, version, (changed, buckets, siblings), certified)), files.genesis)


ALL_KINDS = ["receipt", "history", "suffix", "quote", "party", "entry"]


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_report_is_ready_for_json(files: Files, kind: str) -> None:
    shown = json.loads(json.dumps(verify_data(files.data(kind), files.genesis).as_dict()))
    assert shown["proved"] is True


@pytest.mark.parametrize("kind", ALL_KINDS)
@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(draw=st.data())
def test_one_changed_byte_is_refused_with_a_reason(files: Files, kind: str, draw: st.DataObject) -> None:
    data = files.data(kind)
    place = draw.draw(st.integers(0, len(data) - 1))
    flip = draw.draw(st.integers(1, 255))
    damaged = data[:place] + bytes([data[place] ^ flip]) + data[place + 1 :]
    with pytest.raises((Malformed, VerificationError)) as caught:
        verify_data(damaged, files.genesis)
    assert caught.value.message
    assert caught.value.remedy


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=200))
def test_any_bytes_are_refused_not_crashed_on(files: Files, data: bytes) -> None:
    with pytest.raises(TallyError):
        verify_data(data, files.genesis)


HISTORIES = {
    "history": relationship.relationship_key("acme", "anchor"),
    "party": relationship.party_key("acme"),
    "book": book_key("fund"),
    "statement": deposit_key("bank", "acme", "EUR"),
    "certificate": certificate_key("anchor", "C-1"),
}


@pytest.mark.parametrize("kind", HISTORIES)
@pytest.mark.parametrize(
    ("known", "remedy"),
    [(CONTRACT_VERSION - 1, "Update"), (CONTRACT_VERSION + 1, "the release")],
)
def test_records_of_other_contracts_are_refused_and_say_which_release_knows_them(
    files: Files, monkeypatch: pytest.MonkeyPatch, kind: str, known: int, remedy: str
) -> None:
    """Folded by rules that are not theirs, records would prove sums that they do not have."""
    chain = files.channel.network.nodes["n1"].chain
    data = chain.history(HISTORIES[kind]).encode()
    monkeypatch.setattr("clients.sdk.histories.RECORDED_UNDER", (known,))
    with pytest.raises(VerificationError, match="rules that this verifier does not know") as refused:
        verify_data(data, files.genesis)
    assert (refused.value.found, refused.value.expected) == (CONTRACT_VERSION, str(known))
    assert remedy in refused.value.remedy


def test_an_extract_of_other_contracts_is_refused(
    files: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain, whole = files.channel.network.nodes["n1"].chain, tmp_path / "ledger.export"
    with closing(chain.pin()) as state:
        whole.write_bytes(b"".join(frames(state, chain.certified(state.height), chain.membership_chain())))
    cut(whole, files.genesis, "acme", tmp_path / "acme.extract")
    monkeypatch.setattr("clients.verification.export_file.RECORDED_UNDER", (CONTRACT_VERSION + 1,))
    for file in ("ledger.export", "acme.extract"):
        with pytest.raises(VerificationError, match="rules that this verifier does not know"):
            read_source(tmp_path / file, files.genesis)


def test_files_of_another_channel_are_refused(files: Files, tmp_path: Path) -> None:
    other = LocalNetwork(tmp_path, ("n1",))
    other.close()
    (tmp_path / "x.receipt").write_bytes(files.receipt)
    with pytest.raises(VerificationError, match="another channel"):
        verify_path(tmp_path / "x.receipt", load_trust(other.genesis_path))


def test_files_are_read_from_paths(files: Files, tmp_path: Path) -> None:
    path = tmp_path / "x.quote"
    path.write_bytes(files.quote)
    assert verify_path(path, load_trust(files.channel.network.genesis_path)).kind == "quote"
    with pytest.raises(ProfileError, match="cannot read"):
        verify_path(tmp_path / "none", load_trust(files.channel.network.genesis_path))
    with pytest.raises(ProfileError, match="genesis"):
        verify_path(path, load_trust(path))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The data folder of a node that was stopped after a story."""
    network = LocalNetwork(tmp_path, ("n1",))
    story.play(network)
    network.close()
    return network.nodes["n1"].folder


def _genesis(folder: Path) -> GenesisBlock:
    return read_genesis((folder.parent / "genesis.block").read_bytes())


def test_audit_of_a_disk_executes_everything_again(folder: Path) -> None:
    seen: list[tuple[int, int]] = []
    report = audit_folder(folder, _genesis(folder), lambda height, newest: seen.append((height, newest)))
    store = Store.open(folder)
    assert report.height == store.applied_height
    store.close()
    assert report.transactions == report.operations == len(story.steps())
    assert report.records == 5 + 2
    assert report.refused == 0
    assert seen == [(height, report.height) for height in range(1, report.height + 1)]
    assert report.as_dict()["proved"] is True


def _rewrite(folder: Path, prefix: bytes, change: Any) -> None:
    """Change the first row whose key begins with `prefix`, as somebody with the disk in hand could."""
    database = plyvel.DB(str(folder / "db"), create_if_missing=False, bloom_filter_bits=10)
    try:
        with database.iterator(prefix=prefix) as rows:
            key, value = next(iter(rows))
        database.put(key, change(value), sync=True)
    finally:
        database.close()


def _last_byte(value: bytes) -> bytes:
    return value[:-1] + bytes([value[-1] ^ 1])


@pytest.mark.parametrize("prefix", [b"b", b"c", b"s", b"r", b"x", b"t", b"n"])
def test_audit_finds_what_was_changed_on_the_disk(folder: Path, prefix: bytes) -> None:
    """Blocks, certificates, state values, history records, index, state tree, history tree."""
    _rewrite(folder, prefix, _last_byte)
    with pytest.raises((VerificationError, StoreError)) as caught:
        audit_folder(folder, _genesis(folder))
    assert caught.value.message


def test_audit_calls_a_ledger_that_lost_its_mark_damaged_and_not_absent(folder: Path) -> None:
    (folder / "mark").unlink()
    with pytest.raises(StoreError, match="mark is missing"):
        audit_folder(folder, _genesis(folder))


def test_audit_finds_a_value_that_no_transaction_wrote(folder: Path) -> None:
    database = plyvel.DB(str(folder / "db"), create_if_missing=False, bloom_filter_bits=10)
    database.put(b"s" + codec.encode(("lien", "acme", "FORGED")), codec.encode((1,)), sync=True)
    database.close()
    with pytest.raises(VerificationError, match="no transaction wrote"):
        audit_folder(folder, _genesis(folder))


def test_audit_of_an_empty_folder_says_so_and_makes_nothing(tmp_path: Path, folder: Path) -> None:
    empty = tmp_path / "empty"
    with pytest.raises(ProfileError) as caught:
        audit_folder(empty, _genesis(folder))
    assert caught.value.code == "no_ledger"
    assert not empty.exists()


def test_audit_under_another_genesis_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = LocalNetwork(tmp_path / "other", ("n1",))
    other.close()
    with pytest.raises(VerificationError, match="another genesis"):
        audit_folder(folder, read_genesis(other.genesis_block.data))


def _through(channel: Channel, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setattr(auditor, "SyncTransport", lambda: SyncTransport(channel.client()))
    return [f"http://{name}" for name in channel.nodes]


def test_audit_of_a_network_needs_only_its_api(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    report = audit_nodes(_through(files.channel, monkeypatch), files.genesis)
    applied = files.channel.network.nodes["n1"].chain.applied
    assert (report.height, report.head) == (applied.height, applied.hash.hex())
    assert report.refused == 1


def test_audit_of_a_network_names_the_nodes_that_served_it(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that does not run has shown nothing, and nothing of it is proved."""
    first, *others = _through(files.channel, monkeypatch)
    report = audit_nodes(["http://gone", first, *others], files.genesis)
    assert report.source == first


def test_audit_of_a_network_finds_a_block_that_lies(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    urls = _through(files.channel, monkeypatch)
    service = files.channel.network.nodes["n1"]
    whole = service.block
    monkeypatch.setattr(service, "block", lambda height: whole(height - 1 if height == 4 else height))
    with pytest.raises(VerificationError, match="out of order"):
        audit_nodes(urls, files.genesis)
