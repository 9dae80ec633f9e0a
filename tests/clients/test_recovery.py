"""A recovery's genesis block: computed again by everybody who approves it, and proved to everybody else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import story
from local_node import key_of
from local_sessions import Channel

from clients.errors import NetworkError
from clients.recovery import MAX_AHEAD_MS, approve, check, draft
from clients.verification.auditor import Replay
from contracts import Contracts
from contracts.parties.recovery import verify
from ledger.blocks.genesis import GenesisBlock, genesis_block, read_genesis
from ledger.blocks.recovery import Recovery
from ledger.errors import Malformed, VerificationError
from ledger.keys import SigningKey
from ledger.members.membership import Member
from ledger.proofs.export import frames

NODES = [
    Member(node, organisation, SigningKey.from_seed(node.encode() * 16).public, b"certificate")
    for node, organisation in (("m4", "anchor"), ("m5", "fund"), ("m6", "registrar"))
]


@pytest.fixture(scope="module")
def channel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Channel]:
    made = Channel(Path(tmp_path_factory.mktemp("channel")), ("n1", "n2"))
    story.play(made.network)
    yield made
    made.close()


@pytest.fixture(scope="module")
def old(channel: Channel) -> GenesisBlock:
    return read_genesis(channel.network.genesis_path.read_bytes())


@pytest.fixture(scope="module")
def export(channel: Channel) -> Path:
    return exported(channel, "last.export")


@pytest.fixture(scope="module")
def drafted(export: Path, old: GenesisBlock) -> bytes:
    return draft(export, old, NODES)


def exported(channel: Channel, name: str) -> Path:
    chain = channel.network.nodes["n1"].chain
    path, state = channel.folder / name, chain.pin()
    try:
        path.write_bytes(b"".join(frames(state, chain.certified(state.height), chain.membership_chain())))
    finally:
        state.close()
    return path


def later_export(channel: Channel, order: str) -> Path:
    """The export after one more order."""
    with channel.blocking_session("anchor") as anchor:
        line = {"line": "1", "item": "unit", "quantity": 1, "price_micros": 10**6}
        issue = {"op": "order.issue", "supplier": "acme", "order": order, "currency": "EUR"}
        anchor.submit({**issue, "date": "2024-03-01", "lines": [line]})
    return exported(channel, f"{order}.export")


def recovers(data: bytes) -> Recovery:
    found = read_genesis(data).genesis.recovers
    assert found is not None
    return found


def altered(data: bytes, **changes: object) -> bytes:
    """The block with another recovery, or another document, or another state root."""
    block = read_genesis(data)
    root = changes.pop("state_root", block.block.header.state_root)
    inner = {name: changes.pop(name) for name in ("authority", "height", "block") if name in changes}
    genesis = replace(block.genesis, **changes, recovers=replace(recovers(data), **inner))  # type: ignore[arg-type]
    return genesis_block(genesis, root).data  # type: ignore[arg-type]


def test_two_of_three_organisations_that_ran_voters_approve_and_anyone_can_check_it(
    drafted: bytes, export: Path, old: GenesisBlock
) -> None:
    assert check(drafted, export, old).block.membership.quorum == 2
    one = approve(drafted, key_of("anchor"), old)
    with pytest.raises(VerificationError) as refused:
        verify(read_genesis(one), old)
    assert refused.value.code == "recovery_not_approved"
    both = approve(approve(one, key_of("fund"), old), key_of("fund"), old)
    assert check(both, export, old).block.genesis == read_genesis(both).genesis
    recovered = verify(read_genesis(both), old)
    assert (recovered.approved_by, recovered.needed) == (("anchor", "fund"), 2)
    assert len({read_genesis(data).channel for data in (drafted, one, both)} | {old.channel}) == 4


def test_the_block_names_the_keys_that_the_organisations_have_now(
    channel: Channel, old: GenesisBlock
) -> None:
    """Whoever checks a proof of the new ledger learns whose key it was, as on a ledger that begins anew."""
    added = SigningKey.from_seed(b"k" * 32).public
    with channel.blocking_session("acme") as acme:
        acme.submit({"op": "key.add", "key": added, "name": "the new clerk"})
    block = read_genesis(draft(exported(channel, "keys.export"), old, NODES))
    before = {key.key: each.id for each in old.genesis.organisations for key in each.keys}
    now = {key.key: each.id for each in block.genesis.organisations for key in each.keys}
    assert now == {**before, added: "acme"}


@pytest.mark.parametrize("who", ["acme", "stranger"])
def test_whose_approval_would_not_count_gives_none(drafted: bytes, old: GenesisBlock, who: str) -> None:
    with pytest.raises(NetworkError) as refused:
        approve(drafted, key_of(who), old)
    assert refused.value.code == "runs_no_voter"


def test_an_approval_of_a_stranger_takes_nothing_from_those_that_count(
    drafted: bytes, old: GenesisBlock
) -> None:
    enough = approve(approve(drafted, key_of("anchor"), old), key_of("fund"), old)
    block = read_genesis(enough)
    added = recovers(enough).approved_by(
        key_of("acme"), block.genesis.document(), block.block.header.state_root
    )
    data = genesis_block(replace(block.genesis, recovers=added), block.block.header.state_root).data
    assert verify(read_genesis(data), old).approved_by == ("anchor", "fund")


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"state_root": b"r" * 32}, "state_root"),
        ({"height": 1}, "recovers"),
        ({"block": b"b" * 32}, "certified"),
    ],
    ids=["another state", "another height", "another block"],
)
def test_who_approves_computes_everything_again(
    drafted: bytes, export: Path, old: GenesisBlock, changes: dict[str, object], field: str
) -> None:
    with pytest.raises(VerificationError) as refused:
        check(altered(drafted, **changes), export, old)
    assert refused.value.field == field


def test_a_ledger_of_a_time_to_come_is_not_approved(export: Path, old: GenesisBlock, drafted: bytes) -> None:
    """No transaction of those whose clocks are right would be taken until then."""
    begins = read_genesis(drafted).genesis.time_ms
    check(drafted, export, old, now_ms=begins - MAX_AHEAD_MS)
    later = draft(export, old, NODES, time_ms=begins + 100 * 365 * 86_400_000)
    with pytest.raises(VerificationError) as refused:
        check(later, export, old)
    assert refused.value.code == "begins_later"


def test_a_draft_from_an_earlier_height_is_not_approved_by_who_has_a_later_export(
    channel: Channel, drafted: bytes, old: GenesisBlock
) -> None:
    with pytest.raises(VerificationError) as refused:
        check(drafted, later_export(channel, "PO-LATE"), old)
    assert refused.value.code == "other_export"


def test_it_proves_nothing_to_whoever_knows_another_ledger(
    channel: Channel, drafted: bytes, old: GenesisBlock
) -> None:
    enough = approve(approve(drafted, key_of("anchor"), old), key_of("fund"), old)
    other = genesis_block(replace(old.genesis, name="another"), old.block.header.state_root).data
    with pytest.raises(VerificationError) as refused:
        verify(read_genesis(enough), read_genesis(other))
    assert refused.value.code == "other_ledger"
    with pytest.raises(VerificationError) as nothing:
        verify(old, old)
    assert nothing.value.code == "no_recovery"


@pytest.mark.parametrize(
    ("changes", "field"), [({"height": 1}, "recovers.height"), ({"time_ms": 1}, "time_ms")]
)
def test_an_auditor_refuses_what_a_node_of_it_would(
    drafted: bytes, export: Path, old: GenesisBlock, changes: dict[str, object], field: str
) -> None:
    block = altered(drafted, **changes)
    enough = approve(approve(block, key_of("anchor"), old), key_of("fund"), old)
    with pytest.raises(VerificationError) as refused:
        Replay(read_genesis(enough), Contracts(), export)
    assert refused.value.field == field


def test_an_authority_of_another_block_proves_nothing(
    channel: Channel, drafted: bytes, old: GenesisBlock
) -> None:
    """Else a majority of long ago could approve what today's would not."""
    later = draft(later_export(channel, "PO-LATER"), old, NODES)
    mixed = altered(drafted, authority=recovers(later).authority)
    with pytest.raises(VerificationError, match="authority is of another block"):
        verify(read_genesis(mixed), old)


def test_a_node_of_before_is_not_drafted(export: Path, old: GenesisBlock) -> None:
    with pytest.raises(Malformed) as refused:
        draft(export, old, [replace(NODES[0], node="n1"), *NODES[1:]])
    assert refused.value.code == "node_id_used"
