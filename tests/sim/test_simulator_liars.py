"""One node that lies, among honest ones with real blocks: who is named, and who is not.

What is claimed is attribution, not Byzantine fault tolerance: a liar may stop the others, and where
elections are rigged it may even break the ledger's promise. But honest nodes acknowledge nothing wrong,
every provable lie that is told has its proof, and no proof names an honest node (CR-70).
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from simulator import World
from simulator.campaign import describe
from simulator.plan import (
    DOUBLE_ACK,
    DOUBLE_VOTE,
    FORGETS,
    FORKS,
    LIES,
    USURPS,
    WRONG_ROOT,
    lying_plan_of,
)

STEPS = 1_200
PROVED = {
    FORKS: "two_headers",
    WRONG_ROOT: "wrong_block",
    DOUBLE_VOTE: "two_votes",
    DOUBLE_ACK: "two_acks",
    USURPS: "wrong_block",
    FORGETS: "denied_ack",
}


@pytest.mark.parametrize("first", [1, 13])
def test_no_liar_gets_an_honest_node_named(first: int) -> None:
    """CR-69, CR-70, CR-77: crashes, overwritten blocks, restarts and lost disks of the honest included."""
    for seed in range(first, first + 12):
        outcome = World(lying_plan_of(seed, steps=STEPS)).run()
        assert outcome.violation is None, f"{outcome.plan.lies}: {describe(outcome)}"


@pytest.mark.parametrize("lie", PROVED)
def test_each_provable_lie_is_told_and_proved(lie: str) -> None:
    """CR-07, CR-31, CR-69, CR-70, CR-77: by evidence that verifies from its bytes and the genesis block."""
    counted: Counter[str] = Counter()
    for seed in range(100, 160):
        outcome = World(replace(lying_plan_of(seed, steps=STEPS), lies=(lie,))).run()
        assert outcome.violation is None, describe(outcome)
        counted.update(outcome.counted)
        if counted[f"proved: {PROVED[lie]}"]:
            break
    assert counted[f"lie: {PROVED[lie]}"] > 0
    assert counted[f"proved: {PROVED[lie]}"] > 0


def test_cr70_a_wrong_block_in_place_of_an_acknowledged_one_frames_nobody() -> None:
    """CR-70: the seeds that once did."""
    for seed in (34, 138):
        outcome = World(lying_plan_of(seed, steps=1_500)).run()
        assert outcome.violation is None, describe(outcome)


def test_cr70_what_a_liar_makes_in_the_name_of_another_is_no_lie_of_that_one() -> None:
    """CR-70: a usurper's block in the name of a leader that made its own at that term and height later."""
    outcome = World(lying_plan_of(920_038, steps=4_000)).run()
    assert outcome.violation is None, describe(outcome)
    assert outcome.counted.get("lie: two_headers", 0) == 1


def test_every_lie_is_in_the_table() -> None:
    assert set(PROVED) | {"withholds"} == set(LIES), "withholding leaves no proof"


def test_cr70_who_poses_as_a_leader_makes_nobody_cut_what_a_certificate_may_need() -> None:
    """CR-24, CR-70: the lie is told where it did harm before, and no promise is broken by it."""
    refused = 0
    for seed in range(1, 31):
        outcome = World(replace(lying_plan_of(seed, steps=STEPS), lies=(USURPS,))).run()
        assert outcome.violation is None, describe(outcome)
        assert not outcome.counted.get("runs that broke a promise"), "one liar alone is no majority"
        refused += outcome.counted.get("dropped: cut without a proof", 0)
    assert refused > 0
