"""The door of a node: what is taken in, what is refused with which code. One node, its own quorum."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

from node_network import Cluster, run, until

from ledger import codec, keys
from ledger.chain.chain import Chain
from ledger.keys import SigningKey
from ledger.limits import MAX_VALIDITY_MS
from node.errors import KINDS, NotAdmitted
from node.intake.admission import Identify
from node.intake.outcome import Outcome
from node.intake.signatures import SignatureChecker
from node.node import Node


def on_one_node(
    folder: Path,
    scenario: Callable[[Cluster, Node], Awaitable[None]],
    identify: Callable[[Chain], Identify] | None = None,
) -> None:
    cluster = Cluster.make(folder, 1)
    if identify is not None:
        cluster.identify = identify

    async def whole() -> None:
        await cluster.start()
        await cluster.ready()
        await scenario(cluster, cluster.nodes["n1"])
        await cluster.stop()

    run(whole)


async def submitted(node: Node, envelope: bytes) -> Outcome:
    """The outcome, by the way of many; by that of one it is the same."""
    told: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
    counted = node.statistics.submitted, node.statistics.not_admitted.copy()
    node.service.submit_one(envelope, told.set_result)
    assert not told.done(), "in a later turn"
    outcome = await told
    node.statistics.submitted, node.statistics.not_admitted = counted
    (other,) = await node.service.submit([envelope])
    assert (outcome.id, outcome.status, outcome.height, outcome.index) == (
        other.id,
        other.status,
        other.height,
        other.index,
    )
    assert (outcome.error is None) == (other.error is None)
    if outcome.error is not None and other.error is not None:
        assert outcome.error.code == other.error.code
    return other


async def code_of(node: Node, envelope: bytes) -> str:
    outcome = await submitted(node, envelope)
    assert outcome.status == "refused"
    assert outcome.error is not None
    return outcome.error.code


def test_a_bundle_of_new_transactions_is_not_searched_for_in_the_ledger(tmp_path: Path) -> None:
    """Its signatures take so long to check that others have their turn, and may bring the same meanwhile."""

    async def scenario(cluster: Cluster, node: Node) -> None:
        found = node.chain.outcome
        asked: list[bytes] = []
        node.chain.outcome = lambda identity: asked.append(identity) or found(identity)  # type: ignore[method-assign, func-returns-value]
        bundle = [cluster.transaction(f"k{number}", number).envelope for number in range(20)]
        outcomes = await node.service.submit(bundle)
        assert [outcome.status for outcome in outcomes] == ["committed"] * 20
        assert not asked
        again = await node.service.submit(bundle)
        assert [(each.height, each.index) for each in again] == [
            (each.height, each.index) for each in outcomes
        ]
        assert len(asked) == 20

    on_one_node(tmp_path, scenario)


def test_each_bad_transaction_is_refused_with_its_own_code(tmp_path: Path) -> None:
    async def scenario(cluster: Cluster, node: Node) -> None:
        good = cluster.transaction("k", 1)
        stranger = SigningKey.generate().sign(keys.TRANSACTION_DOMAIN, good.body)
        cases = {
            "malformed": b"\x92\xc0\xc0",
            "non_canonical": b"\xdc\x00\x02" + good.envelope[1:],
            "bad_signature": codec.encode((good.body, stranger)),
            "expired": cluster.transaction("k", 1, valid_for_ms=-1_000).envelope,
            "validity_too_far": cluster.transaction("k", 1, valid_for_ms=MAX_VALIDITY_MS + 60_000).envelope,
            "unknown_operation": cluster.transaction("k", 1, op="launch").envelope,
        }
        for code, envelope in cases.items():
            assert await code_of(node, envelope) == code
            if code != "unknown_operation":  # which the contracts say, here the test's own
                (outcome,) = await node.service.submit([envelope])
                assert outcome.error is not None
                assert {"field", "found", "expected", "remedy"} <= outcome.error.as_dict().keys()
                node.statistics.not_admitted[code] -= 1
        assert node.statistics.not_admitted == dict.fromkeys(cases, 1)
        assert len(node.pool) == 0
        assert node.chain.applied.height == 1

    on_one_node(tmp_path, scenario)


def test_wrong_channel_is_refused(tmp_path: Path) -> None:
    other = Cluster.make(tmp_path / "other", 1)

    async def scenario(cluster: Cluster, node: Node) -> None:
        assert await code_of(node, other.transaction("k", 1).envelope) == "wrong_channel"

    on_one_node(tmp_path / "this", scenario)


def test_unknown_and_revoked_keys_are_refused_before_their_signature_is_checked(tmp_path: Path) -> None:
    def identify(_: Chain) -> Identify:
        def refuse(key: bytes) -> str:
            raise NotAdmitted("revoked_key", "revoked", found=key.hex())

        return refuse

    async def scenario(cluster: Cluster, node: Node) -> None:
        unsigned = codec.encode((cluster.transaction("k", 1).body, bytes(64)))
        assert await code_of(node, unsigned) == "revoked_key"

    on_one_node(tmp_path, scenario, identify)


def test_resubmission_gives_the_same_place_at_any_time(tmp_path: Path) -> None:
    async def scenario(cluster: Cluster, node: Node) -> None:
        envelope = cluster.transaction("k", 1).envelope
        first, second = await asyncio.gather(node.service.submit([envelope]), node.service.submit([envelope]))
        again = await node.service.submit([envelope])
        assert first == second == again
        assert first[0].status == "committed"
        assert node.statistics.committed_transactions == 1

    on_one_node(tmp_path, scenario)


def test_a_bundle_has_an_outcome_for_each_in_order(tmp_path: Path) -> None:
    async def scenario(cluster: Cluster, node: Node) -> None:
        good = [cluster.transaction(f"k{number}", number) for number in range(300)]
        refused = cluster.transaction("no", 0, op="refuse")
        envelopes = [each.envelope for each in good]
        outcomes = await node.service.submit(
            [*envelopes[:150], b"\x00", refused.envelope, *envelopes[150:], envelopes[0]]
        )
        assert [outcome.status for outcome in outcomes[:150]] == ["committed"] * 150
        assert (outcomes[150].status, outcomes[150].id) == ("refused", b"")
        assert outcomes[151].status == "committed"
        assert outcomes[151].result == ((0, "refused_here", "asked for it"),)
        assert outcomes[-1].error is not None
        assert outcomes[-1].error.code == "doubled_in_bundle"
        places = [(outcome.height, outcome.index) for outcome in outcomes if outcome.status == "committed"]
        assert len(set(places)) == 301
        assert places == sorted(places)

    on_one_node(tmp_path, scenario)


def test_the_loop_hears_others_between_two_bundles(tmp_path: Path) -> None:
    async def scenario(cluster: Cluster, node: Node) -> None:
        turns = 0
        checked_in: list[int] = []

        async def count_turns() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        def identify(key: bytes) -> str:
            checked_in.append(turns)
            return key.hex()

        node.service._admission.identify = identify
        counting = asyncio.create_task(count_turns())
        bundles = [
            [cluster.transaction(f"k{bundle}-{number}", number).envelope for number in range(20)]
            for bundle in range(8)
        ]
        answers = await asyncio.gather(*[node.service.submit(bundle) for bundle in bundles])
        counting.cancel()
        assert all(outcome.status == "committed" for answer in answers for outcome in answer)
        each_turn = Counter(checked_in)
        assert sum(each_turn.values()) == 160
        assert max(each_turn.values()) <= 20 * max(SignatureChecker().at_once, 1)
        assert len(each_turn) >= 8 // SignatureChecker().at_once

    on_one_node(tmp_path, scenario)


def test_without_waiting_a_transaction_is_accepted_and_committed_later(tmp_path: Path) -> None:
    async def scenario(cluster: Cluster, node: Node) -> None:
        transaction = cluster.transaction("k", 1)
        assert await node.service.submit([transaction.envelope], wait=False) == [
            Outcome(transaction.id, "accepted")
        ]
        assert node.service.outcome(transaction.id) == Outcome(transaction.id, "accepted")
        await until(lambda: node.chain.outcome(transaction.id))
        found = node.service.outcome(transaction.id)
        assert found is not None
        assert found.status == "committed"
        assert node.service.outcome(bytes(32)) is None

    on_one_node(tmp_path, scenario)


def test_a_node_being_stopped_takes_nothing_new_and_finishes_the_rest(tmp_path: Path) -> None:
    async def scenario(cluster: Cluster, node: Node) -> None:
        known = cluster.transaction("known", 1)
        (before,) = await node.service.submit([known.envelope])
        transactions = [cluster.transaction(f"k{number}", number) for number in range(50)]
        waiting = asyncio.create_task(node.service.submit([each.envelope for each in transactions]))
        await until(lambda: len(node.pool) == 50 or waiting.done())
        await node.drain()
        assert {outcome.status for outcome in await waiting} == {"committed"}
        assert await code_of(node, cluster.transaction("late", 1).envelope) == "shutting_down"
        assert await node.service.submit([known.envelope]) == [before], "what is on the ledger is still told"
        assert not node.service.ready

    on_one_node(tmp_path, scenario)


def test_every_refusal_that_passes_says_when_to_come_again() -> None:
    for code, kind in KINDS.items():
        error = NotAdmitted(code, "sentence")
        assert (error.retry_after_ms is not None) == kind.passes == (kind.http_status in (429, 503))
        assert error.remedy
