"""Handing over and linearizable reads, on real nodes in one loop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from node_network import Cluster, run, until

from ledger.members.leadership import HandOverOrder
from ledger.state.overlay import state_key
from node.errors import LeadershipStays, NotAdmitted
from node.limits import HAND_OVER_TIMEOUT_MS
from node.node import Node


def order(cluster: Cluster, node: Node, target: str, term: int | None = None) -> HandOverOrder:
    """An order of the organisation that runs all nodes here."""
    cluster_term = node.driver.raft.term if term is None else term
    return HandOverOrder.sign(cluster.client, cluster.channel, node.settings.node, cluster_term, target)


def operated(folder: Path) -> Cluster:
    """A cluster whose client's key is its operator's."""
    cluster = Cluster.make(folder)
    cluster.identify = lambda _: lambda _: "operator"
    return cluster


def test_cr82_leadership_moves_without_a_failed_submission(tmp_path: Path) -> None:
    """CR-82: clients notice a transfer as a pause; each transaction is recorded once."""
    cluster = operated(tmp_path)

    async def scenario() -> None:
        leader = await cluster.up()
        target = next(name for name in cluster.nodes if name != leader.settings.node)
        nodes = list(cluster.nodes.values())

        async def submit(number: int) -> str:
            transaction = cluster.transaction(f"k{number}", number)
            (outcome,) = await nodes[number % 3].service.submit([transaction.envelope])
            return str(outcome.status)

        submissions = [asyncio.create_task(submit(number)) for number in range(300)]
        await until(lambda: any(each.done() for each in submissions))
        term = leader.driver.raft.term
        assert await leader.service.hand_over(order(cluster, leader, target)) == target
        assert set(await asyncio.gather(*submissions)) == {"committed"}
        moved = await cluster.leader()
        assert (moved.settings.node, moved.driver.raft.term) == (target, term + 1)
        await cluster.level()
        assert {node.statistics.committed_transactions for node in nodes} == {300}
        await cluster.stop()

    run(scenario)


def test_cr84_leadership_goes_only_to_another_voter_and_only_from_the_leader(tmp_path: Path) -> None:
    cluster = operated(tmp_path)

    async def scenario() -> None:
        leader = await cluster.up()
        for target in (leader.settings.node, "stranger"):
            with pytest.raises(LeadershipStays):
                await leader.service.hand_over(order(cluster, leader, target))
        follower = next(node for node in cluster.nodes.values() if node is not leader)
        with pytest.raises(NotAdmitted, match="not the leader"):
            await follower.service.hand_over(order(cluster, follower, ""))
        with pytest.raises(NotAdmitted) as refused:
            await leader.service.hand_over(order(cluster, leader, "", term=leader.driver.raft.term - 1))
        assert refused.value.code == "stale_order"
        assert await cluster.leader() is leader
        await cluster.stop()

    run(scenario)


def test_cr83_who_hands_over_is_told_at_once_how_it_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CR-83: also that the target did not take over, once the core has given up."""
    cluster = operated(tmp_path)

    async def scenario() -> None:
        leader = await cluster.up()
        target = next(node for node in cluster.nodes.values() if node is not leader)
        name = target.settings.node
        monkeypatch.setattr(target.driver.raft, "_may_campaign", lambda: False)
        began_s = time.monotonic()
        with pytest.raises(LeadershipStays, match="in time"):
            await leader.service.hand_over(order(cluster, leader, name))
        assert time.monotonic() - began_s < HAND_OVER_TIMEOUT_MS / 1_000
        assert leader.driver.raft.transferee is None
        monkeypatch.undo()
        assert await leader.service.hand_over(order(cluster, leader, name)) == name
        await cluster.stop()

    run(scenario)


def test_cr85_a_leader_that_is_stopped_in_order_hands_over_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CR-85: the others need no election timeout, and what came in the meantime is committed."""
    cluster = Cluster.make(tmp_path)

    async def scenario() -> None:
        leader = await cluster.up()
        others = [node for node in cluster.nodes.values() if node is not leader]
        transaction = cluster.transaction("k", 1)
        timed_out = []
        for node in others:
            monkeypatch.setattr(node.driver.raft, "_pre_campaign", lambda: timed_out.append(1))
        submission = asyncio.create_task(others[0].service.submit([transaction.envelope]))
        await leader.drain()
        assert leader.driver.leader in {node.settings.node for node in others}
        assert not timed_out
        monkeypatch.undo()
        await cluster.stop(leader.settings.node)
        (outcome,) = await submission
        assert outcome.status == "committed"
        await cluster.stop()

    run(scenario)


def test_cr79_a_linearizable_read_sees_what_any_node_acknowledged_before(tmp_path: Path) -> None:
    """CR-79, CR-80: on each node, right after another one answered a client."""
    cluster = Cluster.make(tmp_path)

    async def scenario() -> None:
        await cluster.start()
        await cluster.ready()
        nodes = list(cluster.nodes.values())
        for number in range(30):
            writer, reader = nodes[number % 3], nodes[(number + 1) % 3]
            (outcome,) = await writer.service.submit([cluster.transaction("k", number).envelope])
            assert outcome.status == "committed"
            await asyncio.gather(*[reader.service.reach(linearizable=True, at_least=0) for _ in range(5)])
            assert reader.chain.get(state_key("pair", "k")) == (number,)
        await cluster.stop()

    run(scenario)


def test_cr80_reads_that_come_together_are_one_question_to_the_core(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CR-80: whether on the leader or on a follower, which asks the leader."""
    cluster = Cluster.make(tmp_path)

    async def scenario() -> None:
        await cluster.start()
        await cluster.ready()
        await cluster.level()
        for node in cluster.nodes.values():
            raft, asked = node.driver.raft, []

            def read(own: Callable[[], int] = raft.read, asked: list[int] = asked) -> int:
                asked.append(own())
                return asked[-1]

            monkeypatch.setattr(raft, "read", read)
            await asyncio.gather(*[node.service.reach(linearizable=True, at_least=0) for _ in range(50)])
            assert 1 <= len(asked) < 5
        await cluster.stop()

    run(scenario)


def test_cr78_without_a_quorum_no_linearizable_read_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("node.service.READ_TIMEOUT_MS", 300)
    cluster = Cluster.make(tmp_path)

    async def scenario() -> None:
        leader = await cluster.up()
        await cluster.stop(*[name for name in cluster.nodes if name != leader.settings.node])
        with pytest.raises(NotAdmitted, match="no leader confirmed"):
            await leader.service.reach(linearizable=True, at_least=0)
        with pytest.raises(NotAdmitted, match="not applied"):
            await leader.service.reach(linearizable=False, at_least=leader.chain.applied.height + 1)
        await leader.service.reach(linearizable=False, at_least=leader.chain.applied.height)
        await cluster.stop()

    run(scenario)


def test_reads_wait_for_a_height_without_looking_for_it(tmp_path: Path) -> None:
    """Each is let go by the block that it waits for; until then it costs the node nothing."""
    cluster = Cluster.make(tmp_path)

    async def scenario() -> None:
        leader = await cluster.up()
        height = leader.chain.applied.height
        near, far = [
            asyncio.create_task(leader.service.reach(linearizable=False, at_least=height + more))
            for more in (1, 1_000)
        ]
        await asyncio.sleep(0)
        (outcome,) = await leader.service.submit([cluster.transaction("k", 1).envelope])
        assert outcome.status == "committed"
        await near
        assert not far.done()
        far.cancel()
        await asyncio.gather(far, return_exceptions=True)
        await cluster.stop()

    run(scenario)


@pytest.mark.parametrize("days", [10, -10])
def test_cr81_jumps_of_the_wall_clock_move_no_timeout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    """CR-81: elections and reads count ticks; the same leader goes on in its term."""
    cluster = Cluster.make(tmp_path)

    async def scenario() -> None:
        leader = await cluster.up()
        raft = leader.driver.raft
        term, now = raft.term, raft.now
        jump_ns = days * 86_400 * 1_000_000_000
        for module in ("node.loop.driver", "node.snapshots.state_transfer"):
            monkeypatch.setattr(f"{module}.time_ns", lambda: time.time_ns() + jump_ns)
        monkeypatch.setattr("time.time", lambda: time.time_ns() / 1e9 + days * 86_400)
        await until(lambda: raft.now > now + 2 * raft.config.election_ticks, "an election timeout")
        for node in cluster.nodes.values():
            await node.service.reach(linearizable=True, at_least=0)
            assert (node.driver.raft.term, node.driver.leader) == (term, leader.settings.node)
        await cluster.stop()

    run(scenario)


def test_reads_that_wait_when_a_node_is_stopped_are_told(tmp_path: Path) -> None:
    """They get an answer with a code, not the end of their connection."""
    cluster = Cluster.make(tmp_path)

    async def scenario() -> None:
        leader = await cluster.up()
        await cluster.stop(*[name for name in cluster.nodes if name != leader.settings.node])
        waiting = [
            asyncio.create_task(leader.service.reach(linearizable=True, at_least=0)),
            asyncio.create_task(leader.service.reach(linearizable=False, at_least=1_000)),
        ]
        await asyncio.sleep(0)
        leader.service.end()
        for read in waiting:
            with pytest.raises(NotAdmitted, match="being stopped"):
                await read
        await cluster.stop()

    run(scenario)
