"""The ledger's time: what a quorum of clocks show, and nothing that one clock says."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from clock_readings import clocks_at
from hypothesis import given
from hypothesis import strategies as st
from membership_steps import KEYS, members, settled
from small_ledger import CHANNEL, GENESIS, NODES, START_MS, Node

from ledger.blocks.block import Block, Header
from ledger.blocks.clock import Reading, check_time, readings_of, shown_by, time_of
from ledger.blocks.genesis import read_genesis
from ledger.errors import BlockInvalid, Malformed
from ledger.members.membership import Membership

OF_THREE = read_genesis(GENESIS).membership


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    made = Node(tmp_path / "data")
    yield made
    made.close()


def reading(node: str, time_ms: int) -> Reading:
    return Reading.sign(NODES[node], CHANNEL, node, time_ms)


def sealed(node: Node, *clocks: Reading) -> Block:
    """A block of n1 by these clocks, within term 1."""
    if node.chain.head.height == 0:
        node.seal(time_ms=START_MS)
    return node.chain.seal([], term=1, proposer="n1", key=NODES["n1"], clocks=clocks)


def test_a_block_has_the_latest_time_that_a_quorum_has_reached(node: Node) -> None:
    block = sealed(
        node, reading("n1", START_MS + 900), reading("n2", START_MS + 20), reading("n3", START_MS + 50)
    )
    assert block.header.time_ms == START_MS + 50


def test_a_clock_far_ahead_or_behind_moves_nothing(node: Node) -> None:
    year_ms = 365 * 86_400_000
    for number, lone_ms in enumerate((START_MS + year_ms, 1), 1):
        others = [reading(name, START_MS + number) for name in ("n2", "n3")]
        assert sealed(node, reading("n1", lone_ms), *others).header.time_ms == START_MS + number


def test_with_too_few_clocks_blocks_go_on_at_their_parents_time(node: Node) -> None:
    for clocks in ([], [reading("n1", START_MS + 9)]):
        block = sealed(node, *clocks)
        assert block.header.time_ms == START_MS
        assert block.preamble == b""


def test_whoever_has_the_block_needs_no_clock_to_take_it(tmp_path: Path) -> None:
    """A quorum of clocks was a year ahead: the block is taken by all, and the next ones have its time."""
    leader, follower = Node(tmp_path / "a"), Node(tmp_path / "b")
    far_ms = START_MS + 365 * 86_400_000
    first = leader.seal(time_ms=far_ms)
    follower.accept(first)
    second = leader.seal(time_ms=START_MS + 10)
    follower.accept(second)
    assert (first.header.time_ms, second.header.time_ms) == (far_ms, far_ms)
    leader.close()
    follower.close()


def headers(node: Node) -> tuple[Header, Header]:
    """A parent and a block a millisecond later."""
    parent = node.seal(time_ms=START_MS).header
    block = node.seal(time_ms=START_MS + 1).header
    return parent, block


@pytest.mark.parametrize(
    ("shown", "sentence"),
    [
        ((), "no clock shows"),
        ((reading("n1", START_MS + 1),), "too few"),
        ((reading("n1", START_MS), reading("n2", START_MS + 1)), "not reached"),
        ((dataclasses.replace(reading("n2", START_MS), time_ms=START_MS + 1),) * 2, "did not sign"),
        (
            (reading("n1", START_MS + 1), dataclasses.replace(reading("n2", START_MS + 1), node="n9")),
            "no voter",
        ),
        ((Reading.sign(NODES["n1"], bytes(32), "n1", START_MS + 1),), "did not sign"),
    ],
)
def test_a_time_that_is_not_shown_is_refused(node: Node, shown: tuple[Reading, ...], sentence: str) -> None:
    parent, block = headers(node)
    with pytest.raises(BlockInvalid, match=sentence) as refused:
        check_time(block, parent, shown, node.chain.membership)
    assert refused.value.code == "time_not_shown"


def test_readings_without_need_and_time_that_runs_backwards_are_refused(node: Node) -> None:
    parent, block = headers(node)
    clocks = clocks_at(NODES, CHANNEL, START_MS + 1, NODES)
    membership = node.chain.membership
    check_time(block, parent, clocks, membership)
    with pytest.raises(BlockInvalid, match="of its parent's time"):
        check_time(block, block, clocks, membership)
    with pytest.raises(BlockInvalid, match="backwards"):
        check_time(parent, block, clocks, membership)


def test_a_joint_membership_needs_the_clocks_of_both_halves() -> None:
    joint = Membership.of(2, members("n4", "n5"), outgoing_quorum=2, outgoing=members("n1", "n2", "n3"))
    late = clocks_at(KEYS, CHANNEL, START_MS + 9, ("n1", "n2", "n3"))
    assert shown_by(late, joint) == ()
    early = clocks_at(KEYS, CHANNEL, START_MS + 1, ("n4", "n5"))
    assert time_of(shown_by([*late, *early], joint)) == START_MS + 1
    assert time_of(shown_by([*late, *early], settled("n1", "n2", "n3"))) == START_MS + 9


@given(st.dictionaries(st.sampled_from(("n1", "n2", "n3")), st.integers(1, 9)))
def test_what_is_shown_is_the_latest_time_that_a_quorum_has_reached(times: dict[str, int]) -> None:
    """No later time has as many clocks behind it, and none less than shown was left out."""
    readings = [Reading(node, time_ms, b"") for node, time_ms in times.items()]
    shown = shown_by(readings, OF_THREE)
    reached = [
        time_ms
        for time_ms in range(1, 10)
        if OF_THREE.has_quorum([node for node, clock_ms in times.items() if clock_ms >= time_ms])
    ]
    assert ([time_of(shown)] if shown else []) == reached[-1:]


def test_readings_out_of_order_or_twice_have_no_form() -> None:
    one, two = reading("n1", 5), reading("n2", 5)
    assert readings_of((one.to_value(), two.to_value()), "clocks") == (one, two)
    for listed in ((two, one), (one, one), ()):
        with pytest.raises(Malformed):
            readings_of(tuple([each.to_value() for each in listed]), "clocks")
