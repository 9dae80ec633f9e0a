"""A ledger that goes on from the state of another one: what it takes over, and what it refuses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from clock_readings import clocks_at
from elections import elected_if_needed
from small_ledger import GENESIS, START_MS, KeyValueRules, Node, put, record, transaction

from ledger.blocks.block import Block
from ledger.blocks.certificate import Certificate, sign_ack
from ledger.blocks.genesis import Genesis, genesis_block, read_genesis
from ledger.blocks.recovery import Approval, Recovery
from ledger.blocks.transaction import Transaction
from ledger.chain.chain import Chain
from ledger.errors import BlockInvalid, Malformed, StoreError, TallyError, VerificationError
from ledger.keys import SigningKey
from ledger.members.membership import IN_FORCE_KEY
from ledger.proofs.export import MAGIC, frames
from ledger.snapshots import inheritance
from ledger.snapshots.inheritance import Estate
from ledger.state import history
from ledger.state.overlay import Overlay, state_key
from ledger.storage.store import Store

NEXT = {
    name: SigningKey.from_seed(bytes([number]) * 32) for number, name in enumerate(("m1", "m2", "m3"), 11)
}
APPROVERS = [SigningKey.from_seed(bytes([number]) * 32) for number in (21, 22)]
RECORDS = 150


class Rules(KeyValueRules):
    """Tells what it was given to go on from."""

    def genesis(self, state: Overlay, genesis: Genesis) -> None:
        super().genesis(state, genesis)
        if genesis.recovers is not None:
            assert state.get(state_key("kv", "kept")) is not None, "the state lies below"
            state.put(state_key("recovered"), genesis.recovers.height)


@pytest.fixture
def old(tmp_path: Path) -> Node:
    node = Node(tmp_path / "old")
    node.seal_and_commit(put("kept", 1, 1), put("gone", 2, 2))
    node.seal_and_commit(*[record("sales", number, 10 + number) for number in range(RECORDS)])
    node.seal_and_commit(transaction({"op": "delete", "key": "gone"}, nonce=500))
    return node


@pytest.fixture
def export(old: Node, tmp_path: Path) -> Path:
    return exported(old, tmp_path / "genesis.export")


def exported(node: Node, path: Path) -> Path:
    state = node.chain.pin()
    try:
        certified = node.chain.certified(state.height)
        path.write_bytes(b"".join(frames(state, certified, node.chain.membership_chain())))
    finally:
        state.close()
    return path


def document(node: Node, **changes: Any) -> Genesis:
    head = node.chain.applied
    recovers = Recovery(node.chain.channel, head.height, head.hash, b"who could approve")
    fields = {
        **read_genesis(GENESIS).genesis.document(),
        "version": 2,
        "time_ms": START_MS + 1_000,
        "nodes": [
            {"id": name, "organisation": "org", "key": key.public, "certificate": b""}
            for name, key in NEXT.items()
        ],
        "parameters": {},
        "recovers": recovers.to_value(),
        **changes,
    }
    return Genesis.from_document(fields)


def approved(genesis: Genesis, root: bytes) -> bytes:
    recovers = genesis.recovers
    assert recovers is not None
    for key in APPROVERS:
        recovers = recovers.approved_by(key, genesis.document(), root)
    return genesis_block(replace(genesis, recovers=recovers), root).data


def made(node: Node, export: Path, scratch: Path, **changes: Any) -> bytes:
    """The genesis block of a ledger that goes on from a node's."""
    genesis = document(node, **changes)
    estate = Estate(genesis, export, scratch)
    try:
        return approved(genesis, estate.root(Rules(), genesis))
    finally:
        estate.close()


def begun(path: Path, genesis: bytes, export: Path | None) -> tuple[Store, Chain]:
    store = Store.open(path)
    try:
        return store, Chain.open(store, Rules(), genesis, export)
    except BaseException:
        store.close()
        raise


def rows(store: Store, kinds: bytes = b"srkt") -> dict[bytes, bytes]:
    return {row: value for kind in kinds for row, value in store.rows(bytes((kind,)), bytes((kind + 1,)))}


def test_it_has_every_entry_and_record_of_the_old_one_and_a_membership_of_its_own(
    old: Node, export: Path, tmp_path: Path
) -> None:
    genesis = made(old, export, tmp_path / "scratch")
    store, chain = begun(tmp_path / "new", genesis, export)
    assert chain.channel != old.chain.channel
    assert chain.applied.height == 0
    assert [member.node for member in chain.membership.voters] == ["m1", "m2", "m3"]
    assert chain.get(IN_FORCE_KEY) == (0, 0, chain.membership.to_value())
    before, after = rows(old.store, b"rk"), rows(store, b"rk")
    assert after == before
    assert len([row for row in after if row[:1] == b"r"]) == RECORDS
    states = [dict(each.state_from(b"", None, 1_000)) for each in (old.store, store)]
    changed = {key for key in states[0].keys() | states[1].keys() if states[0].get(key) != states[1].get(key)}
    assert changed == {IN_FORCE_KEY, state_key("recovered")}
    store.close()


def test_it_goes_on_with_histories_where_the_old_one_ended_and_comes_out_the_same_after_a_restart(
    old: Node, export: Path, tmp_path: Path
) -> None:
    genesis = made(old, export, tmp_path / "scratch")
    store, chain = begun(tmp_path / "new", genesis, export)
    block = sealed(chain, {"op": "record", "key": "sales", "value": 7})
    store.append([(block.height, block.data)])
    acks = [(name, sign_ack(NEXT[name], chain.channel, 1, 1, block.hash)) for name in ("m1", "m2")]
    chain.commit(Certificate.of(1, 1, block.hash, acks))
    entry = chain.get(state_key("log", "sales"))
    assert entry is not None
    records = store.records(state_key("log", "sales"), 0, RECORDS + 1)
    assert (entry[0], entry[1]) == (RECORDS + 1, history.chain(history.NO_RECORDS, records))
    assert chain.state_proof([state_key("kv", "kept")]).verify(chain.applied.state_root)
    store.close()
    store, again = begun(tmp_path / "new", genesis, None)
    assert again.applied == chain.applied
    store.close()
    assert recovered_again(tmp_path, genesis) == (1, entry)


def recovered_again(tmp_path: Path, genesis: bytes) -> tuple[Any, Any]:
    """Of what goes on from a ledger that went on from another one: the height, and an entry."""
    store, chain = begun(tmp_path / "new", genesis, None)
    node: Any = SimpleNamespace(chain=chain)
    export = exported(node, tmp_path / "third.export")
    store.close()
    nodes = [{"id": "o1", "organisation": "org", "key": bytes(32), "certificate": b""}]
    data = made(node, export, tmp_path / "scratch-2", nodes=nodes, quorum=1, time_ms=START_MS + 9_000)
    store, third = begun(tmp_path / "third", data, export)
    found = third.get(state_key("recovered")), third.get(state_key("log", "sales"))
    store.close()
    return found


def sealed(chain: Chain, operation: dict[str, Any]) -> Block:
    signer, rules = SigningKey.from_seed(b"\x77" * 32), Rules()
    made = Transaction.sign(
        signer,
        channel=chain.channel,
        operations=[operation],
        valid_until_ms=START_MS + 60_000,
        nonce=bytes(8),
    )
    return chain.seal(
        [rules.prepare(made)],
        term=1,
        proposer="m1",
        key=NEXT["m1"],
        clocks=clocks_at(NEXT, chain.channel, START_MS + 2_000, NEXT),
        election=elected_if_needed(NEXT, chain.channel, chain.head, 1, "m1", NEXT),
    )


def test_nothing_that_was_signed_for_the_old_ledger_counts_in_the_new_one(
    old: Node, export: Path, tmp_path: Path
) -> None:
    store, chain = begun(tmp_path / "new", made(old, export, tmp_path / "scratch"), export)
    objection = chain.objection(put("kept", 9, 900), START_MS + 2_000)
    assert objection is not None
    assert objection.code == "wrong_channel"
    store.close()


def test_an_interrupted_beginning_leaves_nothing_behind(old: Node, export: Path, tmp_path: Path) -> None:
    """Rows of an export that breaks off, or of another one, are gone once the right one is there."""
    genesis = made(old, export, tmp_path / "scratch")
    whole = export.read_bytes()
    store, chain = begun(tmp_path / "straight", genesis, export)
    expected = rows(store)
    store.close()
    old.seal_and_commit(put("later", 1, 700))
    later = exported(old, tmp_path / "later.export")
    export.write_bytes(whole[: len(whole) * 2 // 3])
    for wrong, code in ((export, "malformed"), (later, "other_export")):
        with pytest.raises(TallyError) as refused:
            begun(tmp_path / "new", genesis, wrong)
        assert refused.value.code == code
    export.write_bytes(whole)
    store, again = begun(tmp_path / "new", genesis, export)
    assert again.applied == chain.applied
    assert rows(store) == expected
    store.close()


@pytest.mark.parametrize("part", [0.01, 0.2, 0.5, 0.7, 0.99])
def test_an_altered_export_is_not_begun_with(old: Node, export: Path, tmp_path: Path, part: float) -> None:
    """After its head: of that only the header counts, which the genesis block names by its hash."""
    genesis = made(old, export, tmp_path / "scratch")
    data = bytearray(export.read_bytes())
    start = len(MAGIC) + 4 + int.from_bytes(data[len(MAGIC) : len(MAGIC) + 4], "big")
    data[start + int((len(data) - start) * part)] ^= 1
    export.write_bytes(bytes(data))
    with pytest.raises(TallyError):
        begun(tmp_path / "new", genesis, export)


def test_what_is_taken_in_is_on_the_disk_before_the_genesis_block_says_so(
    old: Node, export: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LevelDB syncs its newest log alone: rows in one before it could be lost, and what says so be kept."""
    genesis = made(old, export, tmp_path / "scratch")
    done: list[str] = []
    batch, append = Store.batch, Store.append
    monkeypatch.setattr(inheritance, "ROWS_A_BATCH", 20)

    def batched(self: Store, *, sync: bool = False) -> Any:
        done.append("synced" if sync else "not synced")
        return batch(self, sync=sync)

    def appended(self: Store, *args: Any) -> None:
        done.append("genesis block")
        append(self, *args)

    monkeypatch.setattr(Store, "batch", batched)
    monkeypatch.setattr(Store, "append", appended)
    begun(tmp_path / "new", genesis, export)[0].close()
    before = done[: done.index("genesis block")]
    assert set(before) == {"synced"}
    assert len(before) > RECORDS // 20


def test_without_the_export_the_node_says_which_one_is_missing(
    old: Node, export: Path, tmp_path: Path
) -> None:
    genesis = made(old, export, tmp_path / "scratch")
    for missing in (None, tmp_path / "nowhere.export"):
        with pytest.raises(StoreError, match="goes on from another one") as refused:
            begun(tmp_path / "new", genesis, missing)
        assert refused.value.code == "inheritance_missing"
        assert old.chain.channel.hex() in str(refused.value)


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"time_ms": START_MS - 1}, "time_ms"), ({"contract_version": 2}, "contract_version")],
)
def test_it_begins_no_earlier_and_under_no_other_rules_than_the_old_one_ended(
    old: Node, export: Path, tmp_path: Path, changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(VerificationError) as refused:
        made(old, export, tmp_path / "scratch", **changes)
    assert refused.value.field == field
    assert ("release" in refused.value.remedy) == (field == "contract_version")


def test_an_approval_is_for_one_document_and_one_state(old: Node, export: Path, tmp_path: Path) -> None:
    genesis = document(old)
    data = approved(genesis, b"r" * 32)
    assert [approval.key for approval in _recovers(data).approvals] == sorted(key.public for key in APPROVERS)
    block = Block.decode(data)
    signed = Genesis.from_document({**genesis.document(), "recovers": _recovers(data).to_value()})
    for other, root in (
        (signed, b"s" * 32),
        (replace(signed, time_ms=signed.time_ms + 1), block.header.state_root),
        (replace(signed, recovers=replace(_recovers(data), height=2)), block.header.state_root),
    ):
        with pytest.raises(BlockInvalid) as refused:
            read_genesis(genesis_block(other, root).data)
        assert refused.value.code == "approval_not_signed"


def _recovers(data: bytes) -> Recovery:
    recovers = read_genesis(data).genesis.recovers
    assert recovers is not None
    return recovers


@pytest.mark.parametrize(
    "changes",
    [
        {"channel": b"short"},
        {"height": 0},
        {"block": b""},
        {"authority": "text"},
        {"approvals": [{"key": b"k" * 32, "signature": b"s"}]},
        {"approvals": [{"key": b"k" * 32, "signature": b"s" * 64}] * 2},
        {"more": 1},
    ],
    ids=str,
)
def test_a_recovery_of_no_form_is_malformed(old: Node, changes: dict[str, Any]) -> None:
    recovers = Recovery(b"c" * 32, 3, b"b" * 32, b"", (Approval(b"a" * 32, b"s" * 64),)).to_value()
    with pytest.raises(Malformed):
        document(old, recovers={**recovers, **changes})


def test_a_document_says_by_its_version_whether_it_recovers(old: Node) -> None:
    with pytest.raises(Malformed):
        document(old, version=1)
    assert "recovers" not in read_genesis(GENESIS).genesis.document()
