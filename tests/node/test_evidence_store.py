"""The store of proofs: verified, bounded, found again after a restart, served as files."""

from __future__ import annotations

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from key_value import KeyValue
from structlog.testing import capture_logs

from contracts import Contracts
from ledger.blocks.certificate import sign_ack
from ledger.blocks.executor import make_genesis_block
from ledger.blocks.genesis import Genesis, read_genesis
from ledger.errors import Malformed, StoreError, VerificationError
from ledger.faults.evidence import Evidence
from ledger.faults.fault import SignedAck
from ledger.keys import SigningKey
from node.accountability import evidence as module
from node.accountability.evidence import EvidenceStore
from node.api.channel import CHANNEL_PREFIX
from node.api.evidence import router
from node.api.problems import Problem

KEYS = {f"n{number}": SigningKey.from_seed(bytes([number]) * 32) for number in (1, 2, 3)}
GENESIS = read_genesis(
    make_genesis_block(
        KeyValue(),
        Genesis.from_document(
            {
                "version": 1,
                "name": "test",
                "time_ms": 1,
                "contract_version": Contracts.version,
                "quorum": 2,
                "nodes": [
                    {"id": node, "organisation": "org", "key": key.public, "certificate": b""}
                    for node, key in KEYS.items()
                ],
                "organisations": [
                    {"id": "org", "name": "Org", "lei": "", "roles": [], "identifiers": [], "keys": []}
                ],
                "parameters": {},
            }
        ),
    ).data
)


def ack(node: str, height: int, block: int, term: int = 1) -> SignedAck:
    block_hash = bytes([block]) * 32
    signature = sign_ack(KEYS[node], GENESIS.channel, term, height, block_hash)
    return SignedAck(term, height, block_hash, signature)


def lie(store: EvidenceStore, node: str, height: int) -> list[Evidence]:
    """Two acknowledgements of one height, shown to the store's detector."""
    found = store.detector.saw_ack(node, ack(node, height, 1))
    return [*found, *store.detector.saw_ack(node, ack(node, height, 2))]


@pytest.fixture
def store(tmp_path: Path) -> EvidenceStore:
    return EvidenceStore.open(tmp_path / "proofs", GENESIS, KeyValue())


def test_what_the_detector_finds_is_kept_and_told_once(store: EvidenceStore, tmp_path: Path) -> None:
    """CR-70: a proof is made, kept and passed on, and the node goes on."""
    found = lie(store, "n2", 5)
    (new,) = store.keep(found)
    assert store.keep(found) == []
    (kept,) = store.kept()
    assert (kept.proved.nodes, kept.proved.height, kept.id) == (("n2",), 5, new.id.hex())
    assert store.read(kept.id) == new.encode()
    assert store.read("0" * 64) is None
    again = EvidenceStore.open(tmp_path / "proofs", GENESIS, KeyValue())
    assert again.kept() == store.kept()
    assert again.take(new.encode()) is None


def test_gossip_is_verified_before_it_is_kept_and_passed_on(store: EvidenceStore, tmp_path: Path) -> None:
    other = EvidenceStore.open(tmp_path / "other", GENESIS, KeyValue())
    (made,) = lie(other, "n3", 7)
    assert store.take(made.encode()) == made
    assert store.take(made.encode()) is None, "the second time it goes no further"
    framed = Evidence("n1", made.fault)
    with pytest.raises(VerificationError):
        store.take(framed.encode())
    with pytest.raises(Malformed):
        store.take(b"noise")
    assert [kept.proved.nodes for kept in store.kept()] == [("n3",)]


def test_files_that_prove_nothing_are_left_alone(store: EvidenceStore, tmp_path: Path) -> None:
    store.keep(lie(store, "n2", 5))
    (path,) = (tmp_path / "proofs").glob("*.evidence")
    (tmp_path / "proofs" / "other.evidence").write_bytes(b"noise")
    (tmp_path / "proofs" / "folder.evidence").mkdir()
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    with capture_logs() as logged:
        assert EvidenceStore.open(tmp_path / "proofs", GENESIS, KeyValue()).kept() == []
    names = ("folder.evidence", "other.evidence")
    assert [line["file"] for line in logged] == sorted(
        [str(path), *(str(path.with_name(name)) for name in names)]
    )


def test_a_proof_that_an_operator_puts_there_is_served_whatever_its_file_is_called(
    store: EvidenceStore, tmp_path: Path
) -> None:
    (made,) = store.keep(lie(store, "n2", 5))
    (path,) = (tmp_path / "proofs").glob("*.evidence")
    for name in ("from-the-bank.evidence", "again.evidence"):
        path.with_name(name).write_bytes(path.read_bytes())
    path.unlink()
    again = EvidenceStore.open(tmp_path / "proofs", GENESIS, KeyValue())
    (kept,) = again.kept()
    assert again.read(kept.id) == made.encode()


def test_one_liar_does_not_fill_the_store(store: EvidenceStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_PROOFS_PER_NODE", 2)
    monkeypatch.setattr(module, "MAX_PROOFS", 3)
    for height in range(1, 9):
        store.keep(lie(store, "n2", height))
    assert len(store.kept()) == 2
    assert len(store.keep(lie(store, "n3", 1))) == 1
    assert store.keep(lie(store, "n3", 2)) == []
    monkeypatch.setattr(module, "MAX_PROOFS", 9)
    monkeypatch.setattr(module, "MAX_PROOF_STORE_BYTES", 0)
    assert store.keep(lie(store, "n3", 3)) == []


def test_one_liar_with_large_proofs_does_not_fill_the_store(
    store: EvidenceStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (first,) = store.keep(lie(store, "n2", 1))
    size_bytes = len(first.encode()) + 8
    monkeypatch.setattr(module, "MAX_PROOF_BYTES_PER_NODE", 2 * size_bytes)
    monkeypatch.setattr(module, "MAX_PROOF_STORE_BYTES", 4 * size_bytes)
    again = EvidenceStore.open(tmp_path / "proofs", GENESIS, KeyValue())
    for height in range(2, 9):
        again.keep(lie(again, "n2", height))
    assert len(again.kept()) == 2
    assert len(again.keep(lie(again, "n3", 1))) == 1


def test_api_lists_proofs_and_serves_them_as_files(store: EvidenceStore) -> None:
    (made,) = store.keep(lie(store, "n2", 5))
    app = FastAPI()
    app.include_router(router)
    chain: Any = SimpleNamespace(applied=SimpleNamespace(height=3))
    app.state.service = SimpleNamespace(evidence=store, chain=chain)
    app.state.channel = GENESIS.channel
    channel = CHANNEL_PREFIX.format(channel=GENESIS.channel.hex())

    def get(path: str) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://node") as client:
                return await client.get(f"{channel}/evidence{path}")

        return asyncio.run(ask())

    (listed,) = get("").json()["evidence"]
    assert (listed["id"], listed["kind"], listed["nodes"]) == (made.id.hex(), "two_acks", ["n2"])
    assert listed["says"].startswith("n2 acknowledged two blocks")
    file = get(f"/{listed['id']}")
    assert file.content == made.encode()
    assert Evidence.decode(file.content).verify(GENESIS).nodes == ("n2",)
    with pytest.raises(Problem):
        get(f"/{'0' * 64}")
    assert get("/x").status_code == 422


def test_cr36_a_proof_that_the_disk_refuses_is_a_failed_disk_and_not_a_bug(
    store: EvidenceStore, tmp_path: Path
) -> None:
    """CR-36: a lie told to a node whose disk is full must not look like a bug of its own."""
    found = lie(store, "n2", 5)
    (tmp_path / "proofs").rmdir()
    with pytest.raises(StoreError, match="cannot be kept"):
        store.keep(found)
    with pytest.raises(StoreError, match="cannot be kept"):
        store.take(found[0].encode())


def test_a_proof_that_the_operator_has_taken_away_is_no_longer_there(
    store: EvidenceStore, tmp_path: Path
) -> None:
    """A fork is decided by people: they take its proof out of the folder of a running node."""
    (new,) = store.keep(lie(store, "n2", 5))
    (tmp_path / "proofs" / f"{new.id.hex()}.evidence").unlink()
    assert store.read(new.id.hex()) is None
