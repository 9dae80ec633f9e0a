"""The pool by itself: shares, bounds of what is taken, states."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from key_value import KeyValue, set_pair

from ledger.keys import SigningKey
from node.errors import NotAdmitted
from node.intake.mempool import FORWARDED, SEALED, WAITING, Entry, LoneSubmission, Pool
from node.intake.outcome import Outcome

CHANNEL = bytes(32)
KEY = SigningKey.from_seed(bytes(range(32)))


def entry(
    number: int, organisation: str = "a", *, own: bool = True, valid_for_ms: int | None = None
) -> Entry:
    transaction = set_pair(CHANNEL, KEY, f"k{number}", number, valid_for_ms=valid_for_ms)
    return Entry(KeyValue().prepare(transaction), organisation, 0.0, own)


def filled(pool: Pool, count: int, organisation: str = "a") -> list[Entry]:
    entries = [entry(number, organisation) for number in range(count)]
    for each in entries:
        pool.add(each)
    return entries


def nothing_known(_: bytes) -> bool:
    return False


def knows(*entries: Entry) -> Callable[[bytes], bool]:
    ids = {each.id for each in entries}
    return lambda identity: identity in ids


def test_one_organisation_alone_gets_half_and_a_newcomer_still_finds_room() -> None:
    pool = Pool(max_transactions=12)
    filled(pool, 6)
    with pytest.raises(NotAdmitted) as refusal:
        pool.check_room("a", 1, 100)
    assert (refusal.value.code, refusal.value.http_status) == ("too_many_in_flight", 429)
    assert refusal.value.retry_after_ms
    pool.check_room("b", 3, 300)


def test_a_full_pool_is_busy_for_everybody() -> None:
    pool = Pool(max_transactions=4)
    filled(pool, 4)
    with pytest.raises(NotAdmitted) as refusal:
        pool.check_room("b", 1, 100)
    assert (refusal.value.code, refusal.value.http_status) == ("busy", 503)


def test_bytes_are_bounded_like_counts() -> None:
    size = entry(0).prepared.transaction.size
    pool = Pool(max_bytes=10 * size)
    with pytest.raises(NotAdmitted, match="full"):
        pool.check_room("a", 1, 10 * size + 1)
    filled(pool, 4)
    assert pool.size_bytes == 4 * size
    pool.check_room("b", 1, 5 * size)
    with pytest.raises(NotAdmitted) as refusal:
        pool.check_room("a", 1, 3 * size)
    assert refusal.value.code == "too_many_in_flight"


def test_what_is_taken_keeps_count_bytes_and_order() -> None:
    pool = Pool()
    entries = filled(pool, 10)
    size = entries[0].prepared.transaction.size
    assert pool.take(3, 10**6) == entries[:3]
    assert pool.take(10, 2 * size + 10) == entries[3:5]
    assert pool.take(10, 10**6, most_operations=2) == entries[5:7]
    assert pool.take(10, 1) == entries[7:8], "a large one goes alone rather than never"
    assert pool.waiting == 2
    pool.put_back(entries[5:8])
    assert pool.take(10, 10**6) == entries[5:]
    assert pool.waiting == 0
    assert len(pool) == 10


def test_a_removed_entry_is_not_taken_and_frees_its_share() -> None:
    pool = Pool(max_transactions=6)
    entries = filled(pool, 3)
    assert pool.remove(entries[0].id) is entries[0]
    assert pool.remove(entries[0].id) is None
    assert pool.waiting == 2
    assert pool.take(10, 10**6) == entries[1:]
    for each in entries[1:]:
        pool.remove(each.id)
    assert (len(pool), pool.size_bytes, pool.own, pool.waiting) == (0, 0, 0, 0)
    pool.check_room("a", 6, 100)


def test_after_a_change_of_leader_exactly_what_the_chain_lacks_waits_again_in_order() -> None:
    pool = Pool()
    entries = filled(pool, 5)
    foreign = entry(9, own=False)
    pool.add(foreign)
    pool.take(10, 10**6)
    for each in entries:
        each.state = FORWARDED
    pool.requeue(knows(entries[1]), keep=lambda each: each.own)
    assert entries[1].state is SEALED
    assert foreign.id not in pool
    assert pool.take(10, 10**6) == [entries[0], *entries[2:]]


def test_a_forwarded_entry_without_outcome_waits_again_after_a_while() -> None:
    pool = Pool()
    entries = filled(pool, 3)
    pool.take(10, 10**6)
    for at, each in enumerate(entries):
        each.state, each.forwarded_s = FORWARDED, float(at)
    pool.requeue_overdue(1.5, knows(entries[1]))
    assert [each.state for each in entries] == [WAITING, FORWARDED, FORWARDED]
    assert pool.take(10, 10**6) == entries[:1]


def test_what_no_block_can_hold_any_more_ends() -> None:
    pool = Pool()
    short, long = entry(1, valid_for_ms=1_000), entry(2, valid_for_ms=60_000)
    pool.add(short)
    pool.add(long)
    after_short = short.prepared.transaction.valid_until_ms + 1
    assert list(pool.expire(after_short - 1)) == []
    assert list(pool.expire(after_short)) == [short]
    assert pool.take(10, 10**6) == [long]


def test_a_sealed_entry_does_not_expire_under_its_block() -> None:
    pool = Pool()
    held = entry(1, valid_for_ms=1_000)
    pool.add(held, queue=False)
    assert list(pool.expire(held.prepared.transaction.valid_until_ms + 1)) == []
    pool.requeue(nothing_known, keep=lambda _: True)
    assert held.state is WAITING


def test_a_lone_submission_is_told_once_and_leaves_nothing_behind() -> None:
    async def scenario() -> None:
        waited_for, told = entry(1), []
        committed = Outcome(waited_for.id, "committed", 7, 0, ())
        LoneSubmission(waited_for, told.append, lambda identity: Outcome(identity, "unknown"), 0.01)
        await asyncio.sleep(0.05)
        assert told == [Outcome(waited_for.id, "unknown")]
        assert not waited_for.waiters, "whoever comes again and again fills no memory"
        LoneSubmission(waited_for, told.append, lambda identity: Outcome(identity, "unknown"), 0.01)
        waited_for.settle(committed)
        assert len(told) == 1, "not in the middle of a commit"
        await asyncio.sleep(0.05)
        assert told[1:] == [committed]

    asyncio.run(scenario())
