"""Three nodes in one process: real LevelDB, real TLS, one loop."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from node_network import Cluster, run, until

from consensus.messages import HeartbeatReply
from consensus.state import Role
from consensus.wire import to_value
from ledger.blocks.block import Block
from ledger.errors import StoreError
from ledger.state.overlay import state_key
from node.limits import CALM_CLOCK_TOLD_MS, CALM_SWEEP_MS, CLOCK_TOLD_MS, NO_LEADER_GRACE_MS, SWEEP_MS
from node.loop.driver import clock_ms
from node.service import BlockSummary


def test_each_node_takes_submissions_and_all_end_with_one_head(tmp_path: Path) -> None:
    cluster = Cluster.make(tmp_path)

    async def scenario() -> None:
        await cluster.start()
        await cluster.ready()
        for name, node in cluster.nodes.items():
            transaction = cluster.transaction(name, 1)
            (outcome,) = await node.service.submit([transaction.envelope])
            assert (outcome.status, outcome.id, outcome.result) == ("committed", transaction.id, ())
            assert node.chain.outcome(transaction.id) == (outcome.height, outcome.index, ())
            assert node.chain.get(state_key("pair", name)) == (1,)
        await cluster.level()
        await cluster.stop()

    run(scenario)


def test_an_idle_leader_has_no_turn_for_an_answer_that_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = Cluster.make(tmp_path)

    async def scenario() -> None:
        leader = await cluster.up()
        await cluster.level()
        driver, raft = leader.driver, leader.driver.raft
        peer, follower = next(each for each in cluster.nodes.items() if each[1] is not leader)
        turns: list[int] = []
        begin_reads = driver.leadership.begin_reads
        monkeypatch.setattr(driver.leadership, "begin_reads", lambda: (turns.append(1), begin_reads()))
        await until(lambda: driver._is_idle and driver._clock._sleeps_ticks > 2, "asleep")

        def answer(term: int) -> int:
            number, asked = follower.driver.raft.new_id(), raft._peers[peer].answered
            reply = HeartbeatReply(peer, driver.node, term, number, asked, raft.commit)
            turns.clear()
            driver.on_message(peer, ("raft", to_value(reply)))
            return len(turns)

        assert answer(raft.term) == 0
        assert answer(raft.term + 1) == 1, "a higher term changes something"
        await cluster.stop()

    run(scenario)


def test_where_nothing_happens_a_node_looks_about_more_rarely(tmp_path: Path) -> None:
    cluster = Cluster.make(tmp_path)

    async def scenario() -> None:
        await cluster.start()
        await cluster.ready()
        await cluster.level()
        driver = (await cluster.leader()).driver
        await until(lambda: driver._is_idle and driver._swept_height == driver._chain.applied.height)
        rarely_s, often_s = CALM_SWEEP_MS / 1_000, SWEEP_MS / 1_000
        assert not driver._sweep_is_due(driver._swept_s + often_s)
        assert driver._sweep_is_due(driver._swept_s + rarely_s)
        driver._swept_height -= 1
        assert driver._sweep_is_due(driver._swept_s + often_s), "a block was applied"
        await cluster.stop()

    run(scenario)


def test_where_nothing_happens_a_clock_is_told_more_rarely(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = Cluster.make(tmp_path)

    async def scenario() -> None:
        await cluster.start()
        await cluster.ready()
        await cluster.level()
        driver = (await cluster.leader()).driver
        await until(lambda: driver._is_calm)
        told: list[int] = []
        monkeypatch.setattr(driver, "_tell_clock", lambda: told.append(1))

        def tells_after(ms: int) -> bool:
            told.clear()
            driver._sweep(driver._clock_told_s + ms / 1_000)
            return bool(told)

        assert not tells_after(CALM_CLOCK_TOLD_MS - 1)
        assert tells_after(CALM_CLOCK_TOLD_MS)
        driver._swept_height -= 1
        assert tells_after(CLOCK_TOLD_MS), "a block was applied"
        await cluster.stop()

    run(scenario)


def test_a_leader_that_was_lost_just_now_turns_no_client_away(tmp_path: Path) -> None:
    """A hand-over begins with a moment without a leader, and may fall together with a look about."""
    cluster = Cluster.make(tmp_path)

    async def scenario() -> None:
        await cluster.start()
        await cluster.ready()
        node = next(each for each in cluster.nodes.values() if each.driver.raft.role is Role.FOLLOWER)
        driver, long_s = node.driver, 2 * NO_LEADER_GRACE_MS / 1_000
        known, driver.raft.leader = driver.raft.leader, None
        driver._sweep(driver._leaderless_since_s + long_s)
        assert driver._admission.closed is None
        driver._note_leader()
        driver._sweep(driver._leaderless_since_s + long_s)
        assert driver._admission.closed is not None
        assert driver._admission.closed.code == "no_leader"
        driver.raft.leader = known
        driver._note_leader()
        driver._sweep(driver._leaderless_since_s)
        assert driver._admission.closed is None
        await cluster.stop()

    run(scenario)


def test_bundles_on_all_nodes_at_once_are_each_recorded_once(tmp_path: Path) -> None:
    cluster = Cluster.make(tmp_path)

    async def scenario() -> None:
        await cluster.start()
        await cluster.ready()
        nodes = list(cluster.nodes.values())
        shared = [cluster.transaction(f"shared{number}", number).envelope for number in range(200)]
        answers = await asyncio.gather(*[node.service.submit(shared) for node in nodes])
        assert answers[0] == answers[1] == answers[2]
        assert {outcome.status for outcome in answers[0]} == {"committed"}
        await cluster.level()
        for node in nodes:
            assert node.statistics.committed_transactions == 200
            assert len(node.pool) == 0
        await cluster.stop()

    run(scenario)


def test_a_client_that_sends_one_after_the_other_is_never_made_to_wait_for_others(tmp_path: Path) -> None:
    """The leader gathers only as many as it just answered: a lone client is that many."""
    cluster = Cluster.make(tmp_path)

    async def scenario() -> None:
        leader = await cluster.up()
        before = leader.statistics.sealed_blocks
        waits = leader.statistics.gathering_waits
        for number in range(8):
            await leader.service.submit([cluster.transaction(f"k{number}", number).envelope])
        assert leader.statistics.sealed_blocks == before + 8
        assert leader.statistics.gathering_waits == waits
        await cluster.stop()

    run(scenario)


def test_submissions_outlive_the_leader(tmp_path: Path) -> None:
    """The leader goes away with transactions on their way to it: their nodes forward them again."""
    cluster = Cluster.make(tmp_path)

    async def scenario() -> None:
        leader = await cluster.up()
        others = [node for node in cluster.nodes.values() if node is not leader]
        transactions = [cluster.transaction(f"k{number}", number) for number in range(400)]
        submissions = [
            asyncio.create_task(others[number % 2].service.submit([transaction.envelope]))
            for number, transaction in enumerate(transactions)
        ]
        await until(lambda: any(submission.done() for submission in submissions))
        await cluster.stop(leader.settings.node)
        outcomes = [outcome for (outcome,) in await asyncio.gather(*submissions)]
        assert {outcome.status for outcome in outcomes} == {"committed"}
        assert [outcome.id for outcome in outcomes] == [transaction.id for transaction in transactions]
        await cluster.start(leader.settings.node)
        await cluster.level()
        again = cluster.nodes[leader.settings.node]
        for outcome in outcomes:
            assert again.chain.outcome(outcome.id) == (outcome.height, outcome.index, ())
        assert again.chain.applied.hash == others[0].chain.applied.hash
        await cluster.stop()

    run(scenario)


def test_without_a_majority_the_outcome_is_unknown_and_known_later(tmp_path: Path) -> None:
    """CR-22: what may yet commit is never called failed."""
    cluster = Cluster.make(tmp_path)

    async def scenario() -> None:
        leader = await cluster.up()
        others = [name for name in cluster.nodes if name != leader.settings.node]
        await cluster.stop(*others)
        transaction = cluster.transaction("k", 1)
        (outcome,) = await leader.service.submit([transaction.envelope], timeout_ms=50)
        assert outcome.status == "unknown"
        assert outcome.error is not None
        assert (outcome.error.code, outcome.id) == ("outcome_unknown", transaction.id)
        waiting = asyncio.create_task(leader.service.submit([transaction.envelope]))
        await until(lambda: leader.driver.raft.role is not Role.LEADER)
        assert not leader.service.ready
        await cluster.start(*others)
        (outcome,) = await waiting
        assert outcome.status == "committed"
        await cluster.level()
        await cluster.stop()

    run(scenario)


def test_a_block_that_cannot_be_reproduced_is_kept_shown_and_not_acknowledged(tmp_path: Path) -> None:
    """CR-77: one node computes something else; the others go on without it."""
    cluster = Cluster.make(tmp_path)

    async def scenario() -> None:
        leader = await cluster.up()
        name = next(name for name in cluster.nodes if name != leader.settings.node)
        odd = cluster.nodes[name]
        cluster.executors[name].twist = True
        height = odd.chain.applied.height
        (outcome,) = await leader.service.submit([cluster.transaction("k", 1).envelope])
        assert outcome.status == "committed"
        await until(lambda: odd.service.status()["problem"])
        problem = odd.service.status()["problem"]
        assert problem["code"] == "unreproducible_block"
        assert "state_root" in problem["sentence"]
        assert not odd.service.ready
        assert odd.chain.applied.height == height, "still readable at its last good height"
        assert odd.statistics.unreproducible_blocks == 1
        (kept,) = (tmp_path / name / "refused").iterdir()
        assert Block.decode(kept.read_bytes()).height == height + 1
        (outcome,) = await leader.service.submit([cluster.transaction("k2", 1).envelope])
        assert outcome.status == "committed"
        cluster.executors[name].twist = False
        await cluster.stop(name)
        await cluster.start(name)
        await cluster.level()
        await cluster.stop()

    run(scenario)


def test_a_node_whose_disk_fails_acknowledges_nothing_any_more(tmp_path: Path) -> None:
    """CR-36: it leaves leadership, refuses submissions, and serves again after a fresh start."""
    cluster = Cluster.make(tmp_path)

    async def scenario() -> None:
        leader = await cluster.up()
        name = leader.settings.node

        def fail(*_: object) -> None:
            raise StoreError("the database cannot be written", found="No space left on device")

        leader._store.append = fail  # type: ignore[method-assign,assignment]
        transaction = cluster.transaction("k", 1)
        submission = asyncio.create_task(leader.service.submit([transaction.envelope], timeout_ms=1_000))
        await until(lambda: leader.service.status()["problem"])
        assert leader.service.status()["problem"]["code"] == "storage_failed"
        assert leader.driver.raft.role is not Role.LEADER
        (late,) = await leader.service.submit([cluster.transaction("late", 1).envelope])
        assert late.error is not None
        assert late.error.code == "storage_failed"
        others = [node for node in cluster.nodes.values() if node is not leader]
        (outcome,) = await others[0].service.submit([transaction.envelope])
        assert outcome.status == "committed"
        (unknown,) = await submission
        assert unknown.status == "unknown"
        await cluster.stop(name)
        await cluster.start(name)
        await cluster.level()
        assert cluster.nodes[name].chain.outcome(transaction.id) is not None
        await cluster.stop()

    run(scenario)


def test_a_fresh_or_late_node_catches_up_block_by_block(tmp_path: Path) -> None:
    cluster = Cluster.make(tmp_path)

    async def scenario() -> None:
        await cluster.start("n1", "n2")
        await cluster.ready()
        node = cluster.nodes["n1"]
        for number in range(150):
            (outcome,) = await node.service.submit([cluster.transaction(f"k{number}", number).envelope])
            assert outcome.status == "committed"
        await cluster.start("n3")
        await until(lambda: cluster.nodes["n3"].chain.applied.hash == node.chain.applied.hash)
        assert cluster.nodes["n3"].chain.certified().verify(node.chain.genesis)
        await cluster.stop()
        await cluster.start()
        await cluster.level()
        await cluster.stop()

    run(scenario)


def test_subscribers_see_every_block_once_in_order(tmp_path: Path) -> None:
    cluster = Cluster.make(tmp_path)

    async def scenario() -> None:
        await cluster.start()
        await cluster.ready()
        node = cluster.nodes["n1"]
        seen: list[BlockSummary] = []

        async def follow(after: int) -> None:
            async for summary in node.service.subscribe(after):
                seen.append(summary)

        follower = asyncio.create_task(follow(0))
        for number in range(5):
            await node.service.submit([cluster.transaction(f"k{number}", number).envelope])
        await until(lambda: seen and seen[-1].height == node.chain.applied.height)
        assert [summary.height for summary in seen] == list(range(1, node.chain.applied.height + 1))
        assert sum(len(summary.transactions) for summary in seen) == 5
        await cluster.stop()
        await follower

    run(scenario)


def test_an_idle_node_has_no_task_but_its_links(tmp_path: Path) -> None:
    cluster = Cluster.make(tmp_path)

    async def scenario() -> None:
        await cluster.start()
        await cluster.ready()
        await cluster.level()
        names = {task.get_name().split()[0] for task in asyncio.all_tasks()}
        assert names & {"dial", "reproduce", "admit"} == {"dial"}
        await cluster.stop()

    run(scenario)


def test_statuses_agree_on_what_matters(tmp_path: Path) -> None:
    cluster = Cluster.make(tmp_path)

    async def scenario() -> None:
        await cluster.start()
        await cluster.ready()
        await cluster.level()
        statuses = [node.service.status() for node in cluster.nodes.values()]
        for field in ("term", "leader", "applied_height", "head", "state_root", "channel"):
            assert len({status[field] for status in statuses}) == 1, field
        assert sorted(status["role"] for status in statuses) == ["follower", "follower", "leader"]
        assert all(status["applied_height"] <= status["committed_height"] for status in statuses)
        await cluster.stop()

    run(scenario)


def test_a_bug_in_the_rules_stops_the_node_before_anything_is_recorded(tmp_path: Path) -> None:
    cluster = Cluster.make(tmp_path)

    async def scenario() -> None:
        leader = await cluster.up()

        def explode(*_: object) -> None:
            raise ZeroDivisionError("a bug")

        cluster.executors[leader.settings.node].execute = explode  # type: ignore[method-assign,assignment]
        transaction = cluster.transaction("k", 1)
        submission = asyncio.create_task(leader.service.submit([transaction.envelope], timeout_ms=500))
        await leader.stopped.wait()
        assert leader.service.status()["problem"]["code"] == "bug"
        (unknown,) = await submission
        assert unknown.status == "unknown"
        await cluster.stop(leader.settings.node)
        (outcome,) = await next(iter(cluster.nodes.values())).service.submit([transaction.envelope])
        assert outcome.status == "committed"
        await cluster.stop()

    run(scenario)


def test_what_expired_while_there_was_no_leader_is_refused_once_block_time_has_passed_it(
    tmp_path: Path,
) -> None:
    cluster = Cluster.make(tmp_path)

    async def scenario() -> None:
        await cluster.start("n1")
        node = cluster.nodes["n1"]
        short, long = cluster.transaction("short", 1, valid_for_ms=150), cluster.transaction("long", 2)
        submission = asyncio.create_task(node.service.submit([short.envelope, long.envelope]))
        await until(lambda: clock_ms() > short.valid_until_ms)
        assert not submission.done()
        await cluster.start("n2", "n3")
        expired, committed = await submission
        assert (expired.status, committed.status) == ("refused", "committed")
        assert expired.error is not None
        assert expired.error.code == "expired"
        await cluster.level()
        assert all(each.chain.outcome(short.id) is None for each in cluster.nodes.values())
        await cluster.stop()

    run(scenario)
