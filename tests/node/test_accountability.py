"""Lies between real nodes: seen, proved, kept by all, and shown; and snapshots that bring a node on."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest
from node_network import Cluster, run, until

from consensus.messages import Append, Entry, VoteReply
from consensus.state import Role
from consensus.wire import to_value
from ledger.blocks import vote
from ledger.blocks.block import Header
from ledger.blocks.certificate import Certificate, CertifiedHeader, sign_ack
from ledger.blocks.clock import Reading
from ledger.chain.chain import Chain
from ledger.faults.detector import Detector
from ledger.faults.evidence import Evidence
from ledger.faults.fault import SignedAck
from ledger.proofs.handover import Followed
from ledger.storage.store import Store
from node.accountability import large_proofs, watch
from node.node import Node


def honest(cluster: Cluster, liar: str) -> list[Node]:
    return [node for name, node in cluster.nodes.items() if name != liar]


def proofs(node: Node) -> list[tuple[str, tuple[str, ...]]]:
    return [(kept.proved.kind, kept.proved.nodes) for kept in node.service.evidence.kept()]


def later(cluster: Cluster, header: Header) -> list[Reading]:
    """All clocks a moment after this block."""
    return [Reading.sign(each.key, cluster.channel, each.node, header.time_ms + 1) for each in cluster.files]


@pytest.mark.parametrize("fits_a_frame", [True, False])
def test_cr70_a_leader_of_two_minds_is_named_to_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fits_a_frame: bool
) -> None:
    """CR-70: two signed blocks of one term and height; one node sees them, every node keeps the proof."""
    if not fits_a_frame:
        monkeypatch.setattr(watch, "MAX_GOSSIPED_EVIDENCE_BYTES", 100)
        monkeypatch.setattr(large_proofs, "PROOF_PART_BYTES", 100)
    cluster = Cluster.make(tmp_path)

    async def scenario() -> None:
        leader = await cluster.up()
        name = leader.settings.node
        await leader.service.submit([cluster.transaction("k", 1).envelope])
        await cluster.level()
        victim = honest(cluster, name)[0]
        header = victim.chain.applied
        key = next(each.key for each in cluster.files if each.node == name)
        store = Store.open(tmp_path / "forger")
        chain = Chain.open(store, cluster.executors[name], cluster.genesis_file.read_bytes())
        for height in range(1, header.height):
            block = victim.chain.block(height)
            assert block is not None
            chain.accept(chain.check(block))
        if header.height > 1 and chain.head.term == header.term:
            other = chain.seal([], term=header.term, proposer=name, key=key, clocks=later(cluster, header))
            entry = Entry(other.height, other.header.term, other.hash, other.data)
            lie = Append(name, victim.settings.node, header.term, 2**61, header.term, 1, (entry,), 0, None)
            victim.driver.on_message(name, ("raft", to_value(lie)))
        store.close()
        await until(lambda: all(proofs(node) for node in cluster.nodes.values()), "the proof is everywhere")
        assert {proofs(node)[0] for node in cluster.nodes.values()} == {("two_headers", (name,))}
        kept = victim.service.evidence.kept()[0]
        data = victim.service.evidence.read(kept.id)
        assert data is not None
        Evidence.decode(data).verify(Followed.of(victim.chain.genesis), cluster.executors[name])
        (outcome,) = await victim.service.submit([cluster.transaction("k", 2).envelope])
        assert outcome.status == "committed", "and the network goes on"
        await cluster.stop()

    run(scenario)


def test_cr36_a_proof_that_cannot_be_kept_is_a_failed_disk_and_no_fault_of_its_sender(tmp_path: Path) -> None:
    """CR-36: what a peer tells must not end a node as if it had a bug, nor close the peer's link."""
    cluster = Cluster.make(tmp_path)

    async def scenario() -> None:
        leader = await cluster.up()
        told, teller = honest(cluster, leader.settings.node)
        key = next(each.key for each in cluster.files if each.node == teller.settings.node)
        acks = []
        for block in (1, 2):
            block_hash = bytes([block]) * 32
            signature = sign_ack(key, cluster.channel, 1, 1, block_hash)
            acks.append(SignedAck(1, 1, block_hash, signature))
        detector = Detector(leader.chain.genesis)
        (proof,) = [each for ack in acks for each in detector.saw_ack(teller.settings.node, ack)]
        (tmp_path / told.settings.node / "evidence" / "proofs").rmdir()
        told.driver.on_message(leader.settings.node, ("evidence", proof.encode()))
        assert told.driver.problem is not None
        assert told.driver.problem.code == "storage_failed"
        await cluster.stop()

    run(scenario)


def test_cr70_a_voter_that_votes_twice_is_named(tmp_path: Path) -> None:
    cluster = Cluster.make(tmp_path)

    async def scenario() -> None:
        await cluster.start()
        await cluster.ready()
        liar, victim = "n1", cluster.nodes["n2"]
        key = next(each.key for each in cluster.files if each.node == liar)
        genesis = victim.chain.genesis.block.hash
        for candidate in ("n2", "n3"):
            ballot = vote.Ballot(99, candidate, 0, 0, 0, genesis)
            signature = vote.sign_vote(key, cluster.channel, ballot)
            reply = VoteReply(liar, candidate, 99, 2**61, 1, True, 0, 0, 0, genesis, signature)
            cluster.nodes[candidate].driver.on_message(liar, ("raft", to_value(reply)))
            victim._watch.saw_message(reply, victim.driver.raft.log.recent)
        await until(lambda: all(proofs(node) for node in honest(cluster, liar)), "the proof is everywhere")
        assert ("two_votes", (liar,)) in proofs(victim)
        assert {nodes for _, nodes in proofs(victim)} == {(liar,)}, "nobody else, whatever it acknowledged"
        await cluster.stop()

    run(scenario)


def test_cr74_a_fork_with_certificates_stops_the_channel(tmp_path: Path) -> None:
    """CR-74: two certified blocks at one height: both are kept, writing ends, and nothing is chosen."""
    cluster = Cluster.make(tmp_path)

    async def scenario() -> None:
        leader = await cluster.up()
        await leader.service.submit([cluster.transaction("k", 1).envelope])
        await cluster.level()
        victim = honest(cluster, leader.settings.node)[0]
        header = victim.chain.applied
        store = Store.open(tmp_path / "forger")
        chain = Chain.open(store, cluster.executors["n1"], cluster.genesis_file.read_bytes())
        for height in range(1, header.height):
            block = victim.chain.block(height)
            assert block is not None
            chain.accept(chain.check(block))
        key = next(each.key for each in cluster.files if each.node == header.proposer)
        other = chain.seal(
            [], term=header.term, proposer=header.proposer, key=key, clocks=later(cluster, header)
        )
        acks = [
            (each.node, sign_ack(each.key, cluster.channel, header.term, other.height, other.hash))
            for each in cluster.files[:2]
        ]
        forged = CertifiedHeader(
            other.header, None, Certificate.of(header.term, other.height, other.hash, acks)
        )
        store.close()
        victim.driver.on_message(leader.settings.node, ("header", forged.to_value()))
        assert victim.driver.problem is not None
        assert victim.driver.problem.code == "forked"
        assert victim.driver.raft.role is Role.FOLLOWER
        (outcome,) = await victim.service.submit([cluster.transaction("k", 2).envelope])
        assert outcome.error is not None
        assert outcome.error.code == "forked"
        assert any(kind == "two_certificates" for kind, _ in proofs(victim))
        await until(
            lambda: all(node.driver.problem is not None for node in cluster.nodes.values()),
            "whoever gets the proof stops as well",
        )
        name = victim.settings.node
        await cluster.stop(name)
        await cluster.start(name)
        problem = cluster.nodes[name].driver.problem
        assert problem is not None
        assert problem.code == "forked", "a restart forgets nothing"
        away = next(each for each in cluster.nodes if each not in (name, leader.settings.node))
        await cluster.stop(away)
        kept = list((tmp_path / away).rglob("*.evidence"))
        assert kept
        for proof in kept:
            proof.unlink()
        await cluster.start(away)
        await until(
            lambda: cluster.nodes[away].driver.problem is not None, "who was away is told when it links"
        )
        await cluster.stop()

    run(scenario)


@pytest.mark.parametrize("kills", [0, 1])
def test_cr48_cr67_a_node_far_behind_goes_on_from_a_snapshot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kills: int
) -> None:
    """CR-48, CR-64 to CR-67: offered, fetched from several, checked, installed; then the log goes on."""
    monkeypatch.setattr("ledger.chain.chain.SNAPSHOT_INTERVAL_BLOCKS", 10)
    monkeypatch.setattr("node.node.SNAPSHOT_LAG_BLOCKS", 8)
    cluster = Cluster.make(tmp_path)

    async def scenario() -> None:
        leader = await cluster.up()
        name = next(name for name in cluster.nodes if name != leader.settings.node)
        await cluster.stop(name)
        for number in range(35):
            await leader.service.submit([cluster.transaction(f"k{number}", number).envelope])
        for _ in range(kills):
            await cluster.start(name)
            await asyncio.sleep(0)
            await cluster.stop(name)
        await cluster.start(name)
        node = cluster.nodes[name]
        await until(node.renewed.is_set, "the snapshot is there")
        await cluster.stop(name)
        await cluster.start(name)
        node = cluster.nodes[name]
        await cluster.level()
        assert node.chain.first_height >= 30
        assert node.chain.applied.state_root == leader.chain.applied.state_root
        (outcome,) = await node.service.submit([cluster.transaction("after", 1).envelope])
        assert outcome.status == "committed"
        await cluster.level()
        before = node.chain.applied
        await cluster.stop(name)
        await cluster.start(name)
        assert cluster.nodes[name].chain.applied.height >= before.height
        await cluster.stop()
        assert not (tmp_path / name / "ledger.staging").exists()
        shutil.rmtree(tmp_path / name)

    run(scenario)
