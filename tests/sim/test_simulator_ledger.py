"""Whole clusters with real blocks: chains, executors, signatures, and stores that lose and damage things.

The model of the disk is judged here too: it must lose exactly what LevelDB may lose.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random

import pytest
from simulator import World, plan_of
from simulator.campaign import describe, run_campaign
from simulator.device import Device, Level, MarkSlots, PowerCut, open_store
from simulator.plan import (
    BIT_FLIP,
    CHANGE,
    CLOCK_JUMP,
    CRASH,
    CRASH_AT,
    LARGE_JUMP_US,
    LEVELDB,
    REAL,
    Fault,
    Plan,
)

from ledger.errors import StoreError
from ledger.storage.mark import NOTHING

STEPS = 1_500


@pytest.mark.parametrize("first", [1, 31])
def test_no_seed_breaks_a_rule_with_real_blocks(first: int) -> None:
    """CR-35, CR-36, CR-42, CR-66, CR-69, CR-77: crashes amid writes, torn batches, flipped bits."""
    campaign = run_campaign(range(first, first + 10), steps=STEPS, blocks=lambda _: REAL)
    assert not campaign.failures, "\n".join(describe(outcome) for outcome in campaign.failures)
    assert campaign.committed > 150
    expected = ("crash amid an append", "lost batches", "clock jump", "changes proposed")
    assert [name for name in expected if campaign.counted[name] == 0] == []


def test_no_seed_breaks_a_rule_on_leveldb() -> None:
    """CR-35: the real store on the real database, whose log is cut where a power cut may cut it."""
    campaign = run_campaign(range(101, 106), steps=STEPS, blocks=lambda _: LEVELDB)
    assert not campaign.failures, "\n".join(describe(outcome) for outcome in campaign.failures)
    assert campaign.committed > 20
    assert campaign.counted["log file cut"] > 0


def test_cr35_a_damaged_disk_keeps_its_node_from_starting_or_from_serving() -> None:
    """CR-35: flipped bits are found when they are read, never served; the others go on."""
    found: Counter[str] = Counter()
    for seed in range(200, 212):
        plan = plan_of(seed, steps=STEPS, blocks=REAL)
        if not any(fault.kind == BIT_FLIP for fault in plan.faults):
            continue
        outcome = World(plan).run()
        assert outcome.violation is None, describe(outcome)
        found.update(outcome.counted)
    assert found["damage found at start"] > 0


@pytest.mark.parametrize("seed", [70_124, 81_252])
def test_clusters_with_a_clock_far_ahead_go_on(seed: int) -> None:
    """CR-81: a lone voter whose clock had jumped sealed what those who joined it refused."""
    outcome = World(plan_of(seed, steps=4_000, blocks=REAL, driven=False)).run()
    assert outcome.violation is None, describe(outcome)


def test_a_power_cut_that_was_to_come_before_a_snapshot_was_whole_comes_no_more() -> None:
    """CR-66: the disk that a node had taken a snapshot in on failed it later, in a write like any other."""
    outcome = World(plan_of(910_122, steps=4_000, blocks=REAL, driven=False)).run()
    assert outcome.violation is None, describe(outcome)
    assert outcome.counted["real snapshots installed"] > 0


def test_a_cluster_that_only_those_remain_of_who_began_with_a_snapshot_brings_others_on() -> None:
    """CR-63: who held the log from its beginning had left, and two learners needed a snapshot."""
    outcome = World(plan_of(910_039, steps=4_000, blocks=REAL)).run()
    assert outcome.violation is None, describe(outcome)
    assert outcome.counted["real snapshots installed"] > 0


@pytest.mark.parametrize("jump_us", [LARGE_JUMP_US, -LARGE_JUMP_US])
def test_a_quorum_of_clocks_may_be_wrong_and_set_right_again(jump_us: int) -> None:
    """CR-81: time stands still until it is reached again; blocks go on, and those that join take them."""
    wrong = tuple(Fault(100_000, CLOCK_JUMP, (name,), count=jump_us) for name in ("n1", "n2"))
    right = tuple(Fault(500_000, CLOCK_JUMP, (name,)) for name in ("n1", "n2"))
    away = Fault(50_000, CRASH, ("n3",), 350_000)
    again = Fault(520_000, CRASH, ("n1", "n2", "n3"), 10_000)
    joins = Fault(700_000, CHANGE, ("n1", "n4"), count=2)
    plan = Plan(11, spares=1, steps=4_000, blocks=REAL, faults=(away, *wrong, *right, again, joins))
    outcome = World(plan).run()
    assert outcome.violation is None, describe(outcome)
    assert outcome.counted["changes proposed"] >= 3
    assert outcome.acknowledged > 100


def joins_by_snapshot(seed: int, *faults: Fault, fails_ppm: int = 0) -> Plan:
    """A fourth node is let in when there are snapshots, and the log is the longer way."""
    joins = Fault(300_000, CHANGE, ("n1", "n2", "n3", "n4"), count=3)
    return Plan(
        seed,
        spares=1,
        steps=4_000,
        blocks=REAL,
        snapshot_every=12,
        snapshot_lag=1,
        snapshot_fails_ppm=fails_ppm,
        faults=(joins, *faults),
    )


def test_cr64_a_node_joins_by_a_real_snapshot() -> None:
    """CR-64, CR-65: state and receipts are those of the others, and no part of it is taken on trust."""
    outcome = World(joins_by_snapshot(1)).run()
    assert outcome.violation is None, describe(outcome)
    assert outcome.counted["real snapshots installed"] > 0
    spoilt = World(joins_by_snapshot(2, fails_ppm=20_000)).run()
    assert spoilt.violation is None, describe(spoilt)
    assert spoilt.counted["snapshot chunks spoilt"] == spoilt.counted["snapshot chunks refused"] > 0


@pytest.mark.parametrize("point", ["snapshot fetched", "snapshot stored"])
def test_cr66_a_crash_anywhere_in_a_real_snapshot_leaves_the_old_ledger_or_the_new_one(point: str) -> None:
    """CR-66: amid the chunks, between the writes that end it, and before the node opens on it."""
    counted: Counter[str] = Counter()
    for seed in range(1, 4):
        kills = [
            Fault(
                at_us,
                CRASH_AT,
                ("n4",),
                point=point,
                count=1 + (seed + number) % 3 * (20 if point == "snapshot fetched" else 1),
            )
            for number, at_us in enumerate((310_000, 400_000, 500_000))
        ]
        outcome = World(joins_by_snapshot(seed, *kills)).run()
        assert outcome.violation is None, describe(outcome)
        counted.update(outcome.counted)
    assert counted["killed at a point"] >= 2
    assert counted["real snapshots installed"] >= 4
    if point == "snapshot fetched":
        assert counted["incoming snapshot cut"] > 0
    else:
        assert counted["crash amid the end of a snapshot"] > 0
        assert counted["point: snapshot stored"] > 0


def test_cr86_real_blocks_replay_step_for_step() -> None:
    """CR-86: signatures, hashes and disks included."""
    digests = [World(plan_of(300, steps=STEPS, blocks=REAL)).run().digest for _ in range(2)]
    assert digests[0] == digests[1]


def test_a_quiet_cluster_with_real_blocks_answers_every_client_with_a_receipt() -> None:
    outcome = World(Plan(7, nodes=5, quorum=3, steps=3_000, blocks=REAL)).run()
    assert outcome.violation is None, describe(outcome)
    assert outcome.counted["elections"] == 1
    assert outcome.acknowledged > 50


def write(device: Device, key: bytes, value: bytes, *, sync: bool) -> None:
    batch = Level(device).write_batch(sync=sync)
    batch.put(key, value)
    batch.write()


def test_what_was_synced_survives_and_what_follows_is_kept_up_to_some_batch() -> None:
    """CR-35: never a hole, never a part of a batch."""
    lengths = set()
    for seed in range(60):
        device = Device()
        write(device, b"b1", b"one", sync=True)
        for number in range(2, 5):
            write(device, b"b%d" % number, b"later", sync=False)
        device.lose_power(Random(seed))
        device.recover()
        held = sorted(device.rows)
        assert held == [b"b%d" % number for number in range(1, len(held) + 1)]
        lengths.add(len(held))
    assert lengths == {1, 2, 3, 4}


def test_a_flipped_bit_is_an_error_where_checksums_are_looked_at() -> None:
    device = Device()
    write(device, b"b1", b"one", sync=True)
    device.recover()
    device.flip_bit(Random(4))
    assert device.bad
    assert Level(device).get(b"b1") != b"one"
    with pytest.raises(Exception, match="checksum"):
        Level(device).get(b"b1", verify_checksums=True)
    write(device, b"b1", b"two", sync=True)
    device.recover()
    assert Level(device).get(b"b1", verify_checksums=True) == b"two"


def test_cr35_a_durable_batch_that_is_lost_is_found_by_the_mark() -> None:
    """CR-35: an end of the log before the durable mark is damage."""
    device = Device()
    store = open_store(device)
    store.append([(0, b"genesis"), (1, b"one")])
    device.log[-1].damage = 1
    with pytest.raises(StoreError, match="ends before"):
        open_store(device)


@pytest.mark.parametrize("effects", range(6))
def test_the_power_may_go_between_any_two_effects_of_an_append(effects: int) -> None:
    """CR-05, CR-35: whatever was reached, the store opens, with the old end or the new one."""
    device = Device()
    store = open_store(device)
    store.append([(0, b"genesis"), (1, b"one"), (2, b"two")], hard=(1, "n1", 0))
    device.cut_after = effects
    is_done = False
    try:
        store.append([(2, b"other")], truncate_from=2, hard=(2, None, 0))
        is_done = True
    except PowerCut:
        pass
    device.lose_power(Random(effects))
    opened = open_store(device)
    assert (opened.block(2), opened.hard_state) in [(b"two", (1, "n1", 0)), (b"other", (2, None, 0))]
    if is_done:
        assert opened.block(2) == b"other"


def test_a_failed_sync_is_a_store_error_and_nothing_is_written_after_it() -> None:
    """CR-36: no second try on a disk whose content is not known."""
    device = Device()
    store = open_store(device)
    store.append([(0, b"genesis")])
    device.fails = True
    with pytest.raises(StoreError, match="written"):
        store.append([(1, b"one")])
    device.fails = False
    with pytest.raises(StoreError, match="stopped"):
        store.append([(1, b"one")])


def test_a_torn_mark_tells_what_it_told_before() -> None:
    device = Device()
    slots = MarkSlots(device)
    first = replace(NOTHING, height=1)
    slots.write(first)
    device.cut_after = 0
    with pytest.raises(PowerCut):
        slots.write(replace(NOTHING, height=2))
    assert MarkSlots(device).mark == first
