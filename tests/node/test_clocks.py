"""The voters' clocks: told, kept, compared, and what a network with wrong clocks does."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from node_network import Cluster, run
from structlog.testing import capture_logs

sys.path.append(str(Path(__file__).parents[1] / "ledger"))
import small_ledger
from small_ledger import CHANNEL, NODES, START_MS

from ledger.blocks.clock import Reading
from ledger.errors import Malformed
from node.loop.clocks import Clocks


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[small_ledger.Node]:
    made = small_ledger.Node(tmp_path / "data")
    yield made
    made.close()


def clocks_of(ledger: small_ledger.Node, node: str = "n1") -> Clocks:
    return Clocks(node=node, key=NODES["n1"], chain=ledger.chain, clock_ms=lambda: START_MS)


def reading(node: str, time_ms: int) -> Reading:
    return Reading.sign(NODES[node], CHANNEL, node, time_ms)


def test_the_newest_reading_of_each_voter_is_kept(ledger: small_ledger.Node) -> None:
    clocks = clocks_of(ledger)
    assert clocks.now_ms() == START_MS, "nobody was heard: the own clock is all there is"
    for time_ms in (START_MS - 9, START_MS - 5):
        clocks.take("n2", reading("n2", time_ms).to_value())
    clocks.take("n3", reading("n3", START_MS - 70).to_value())
    assert sorted((each.node, each.time_ms - START_MS) for each in clocks.readings()) == [
        ("n1", 0),
        ("n2", -5),
        ("n3", -70),
    ]
    assert clocks.now_ms() == START_MS - 5
    assert clocks.ahead_ms == {"n2": -5, "n3": -70}


def test_a_clock_that_is_set_right_makes_no_quorum_with_the_next_one_that_is_wrong(
    ledger: small_ledger.Node,
) -> None:
    """Of three voters one clock at a time may be wrong, one after the other as well."""
    clocks = clocks_of(ledger)
    for node, other, wrong_ms in (("n2", "n3", 400 * 86_400_000), ("n3", "n2", 7_200_000)):
        clocks.take(other, reading(other, START_MS).to_value())
        clocks.take(node, reading(node, START_MS + wrong_ms).to_value())
        assert clocks.now_ms() == START_MS
        assert clocks.readings_after(START_MS) == []
        clocks.take(node, reading(node, START_MS).to_value())


def test_a_block_gets_readings_only_if_they_show_a_later_time(ledger: small_ledger.Node) -> None:
    """Nothing is signed for the others, nor for a look at the time."""
    signed = []
    key = SimpleNamespace(sign=lambda *what: signed.append(what) or bytes(64))
    clocks = Clocks(node="n1", key=cast(Any, key), chain=ledger.chain, clock_ms=lambda: START_MS)
    assert clocks.readings_after(0) == [], "one clock is no quorum"
    clocks.take("n2", reading("n2", START_MS - 5).to_value())
    assert clocks.now_ms() == START_MS - 5
    assert clocks.readings_after(START_MS - 5) == []
    assert not signed
    assert sorted(each.node for each in clocks.readings_after(START_MS - 6)) == ["n1", "n2"]
    assert len(signed) == 1


def test_a_reading_in_anothers_name_or_of_anothers_key_closes_the_link(ledger: small_ledger.Node) -> None:
    clocks = clocks_of(ledger)
    with pytest.raises(Malformed, match="name"):
        clocks.take("n3", reading("n2", START_MS).to_value())
    forged = dataclasses.replace(reading("n2", START_MS), time_ms=START_MS + 1)
    with pytest.raises(Malformed, match="did not sign"):
        clocks.take("n2", forged.to_value())
    assert clocks.now_ms() == START_MS


def test_who_has_no_vote_says_nothing(ledger: small_ledger.Node) -> None:
    clocks = clocks_of(ledger, node="n9")
    assert clocks.own() is None
    clocks.take("n9", Reading.sign(NODES["n1"], CHANNEL, "n9", START_MS).to_value())
    assert clocks.readings() == []


def test_a_clock_that_differs_is_logged_once_until_it_is_right_again(ledger: small_ledger.Node) -> None:
    clocks = clocks_of(ledger)
    with capture_logs() as logged:
        for ahead_ms in (60_000, 61_000, 0, 62_000):
            clocks.take("n2", reading("n2", START_MS + ahead_ms).to_value())
    assert [(entry["event"], entry["peer"], entry["ahead_ms"]) for entry in logged] == [
        ("clocks_differ", "n2", 60_000),
        ("clocks_differ", "n2", 62_000),
    ]


def test_a_clock_that_is_wrong_and_right_by_turns_fills_no_log(ledger: small_ledger.Node) -> None:
    clocks = clocks_of(ledger)
    with capture_logs() as logged:
        for _ in range(200):
            for ahead_ms in (60_000, 0):
                clocks.take("n2", reading("n2", START_MS + ahead_ms).to_value())
        clocks.take("n3", reading("n3", START_MS + 60_000).to_value())
    assert [(entry["peer"], entry["times"]) for entry in logged] == [
        *[("n2", 2**power) for power in range(8)],
        ("n3", 1),
    ]


@pytest.mark.parametrize("off_ms", [200_000, -200_000, 10**12, -(10**12)])
def test_a_leader_whose_clock_is_far_off_goes_on_with_the_others(tmp_path: Path, off_ms: int) -> None:
    """Its blocks are acknowledged, and dated by the others' clocks."""
    cluster = Cluster.make(tmp_path)

    async def scenario() -> None:
        leader = await cluster.up()
        right = leader.driver.clocks._clock_ms
        leader.driver.clocks._clock_ms = lambda: right() + off_ms
        for number in range(3):
            (outcome,) = await leader.service.submit([cluster.transaction(f"k{number}", number).envelope])
            assert outcome.status == "committed"
        await cluster.level()
        assert abs(leader.chain.applied.time_ms - right()) < 100_000
        await cluster.stop()

    run(scenario)
