"""When a leader seals: at once if nobody else comes, and full blocks if many do."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from contracts import Contracts
from ledger.blocks.transaction import Transaction
from ledger.keys import SigningKey
from node.intake.mempool import Entry, Pool
from node.limits import (
    GATHER_LEAST_MS,
    GATHER_MOST_MS,
    PIPELINED_SEAL_OPERATIONS,
    SEAL_S,
    SEAL_TRANSACTIONS,
    SEAL_WINDOW_BLOCKS,
)
from node.loop.sealing import Sealing
from node.statistics import Statistics

KEY = SigningKey.from_seed(bytes(32))


class _Ring:
    def __init__(self, timer: _Timer, what: tuple[float, Callable[[], None]]) -> None:
        self._timer = timer
        self._what = what

    def cancel(self) -> None:
        self._timer.set.remove(self._what)


class _Timer:
    def __init__(self) -> None:
        self.now_s = 100.0
        self.set: list[tuple[float, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now_s

    def call_at(self, when: float, callback: Callable[[], None]) -> _Ring:
        self.set.append((when, callback))
        return _Ring(self, (when, callback))

    def ring(self) -> None:
        when, callback = self.set.pop(0)
        self.now_s = when
        callback()


class _Leader:
    """A pool, its sealing, and how often it was told to look."""

    def __init__(self) -> None:
        self.pool = Pool()
        self.timer = _Timer()
        self.statistics = Statistics()
        self.looks = 0
        self.sealing = Sealing(self.pool, self.timer, self.statistics, self._look)
        self._sent = 0

    def _look(self) -> None:
        self.looks += 1

    def come(self, count: int, operations: int = 1, *, own: bool = True) -> None:
        for _ in range(count):
            self._sent += 1
            date = {"op": "date.advance", "date": "2024-01-01"}
            transaction = Transaction.sign(
                KEY,
                channel=bytes(32),
                nonce=self._sent.to_bytes(8, "big"),
                valid_until_ms=10**12,
                operations=(date,) * operations,
            )
            prepared = Contracts().prepare(transaction)
            self.pool.add(Entry(prepared, "anchor", 0.0, own=own))

    def seal(self, commit: int, in_flight: int = 0, *, each_s: float = 0.0) -> int:
        """How many transactions are sealed now; 0 if it is not time."""
        if not self.sealing.is_time(commit, in_flight):
            return 0
        entries = self.sealing.take()
        self.sealing.sealed(entries, each_s * len(entries))
        return len(entries)


@pytest.fixture
def leader() -> _Leader:
    return _Leader()


def test_a_lone_client_never_waits(leader: _Leader) -> None:
    for height in range(1, 20):
        assert leader.seal(height) == 0, "it has just been answered"
        leader.come(1)
        assert leader.seal(height) == 1
    assert not leader.timer.set


def test_nothing_waits_and_nothing_is_sealed(leader: _Leader) -> None:
    assert leader.seal(1) == 0


def test_after_a_commit_as_many_are_awaited_as_were_answered(leader: _Leader) -> None:
    leader.come(16)
    assert leader.seal(0) == 16
    assert leader.seal(1) == 0
    leader.come(5)
    assert leader.seal(1) == 0, "eleven more are likely to come"
    leader.come(11)
    assert leader.seal(1) == 16
    assert leader.statistics.gathering_waits == 1


@pytest.mark.parametrize(("block_ms", "waits_ms"), [(0, GATHER_LEAST_MS), (25, 25), (10_000, GATHER_MOST_MS)])
def test_who_does_not_come_is_awaited_for_about_as_long_as_a_block_takes(
    leader: _Leader, block_ms: int, waits_ms: int
) -> None:
    leader.come(16)
    leader.seal(0)
    leader.timer.now_s += block_ms / 1_000
    assert leader.seal(1) == 0
    leader.come(5)
    assert leader.seal(1) == 0
    assert leader.timer.set[0][0] == pytest.approx(leader.timer.now_s + waits_ms / 1_000)
    leader.timer.ring()
    assert leader.looks == 1
    assert leader.seal(1) == 5


def test_a_new_term_awaits_nobody_who_was_answered_in_an_earlier_one(leader: _Leader) -> None:
    leader.come(16)
    assert leader.seal(0) == 16
    leader.sealing.begin()
    leader.come(2)
    assert leader.seal(5) == 2


def test_behind_a_block_in_flight_only_a_large_one_is_sealed(leader: _Leader) -> None:
    leader.come(PIPELINED_SEAL_OPERATIONS - 1)
    assert leader.seal(0, in_flight=1) == 0
    leader.come(1)
    assert leader.seal(0, in_flight=1) == SEAL_TRANSACTIONS
    leader.come(600)
    assert leader.seal(0, in_flight=SEAL_WINDOW_BLOCKS) == 0


def test_a_slow_machine_seals_small_blocks_and_a_fast_one_full_ones(leader: _Leader) -> None:
    leader.come(2_500)
    for height in range(1, 5):
        assert leader.seal(height, each_s=0.0002) == SEAL_TRANSACTIONS
    counts = []
    for height in range(5, 40):
        leader.come(100)
        counts.append(leader.seal(height, in_flight=1, each_s=0.002))
    assert counts[-1] == pytest.approx(SEAL_S / 0.002, rel=0.1)


def test_whoever_was_answered_is_expected_to_send_more_for_a_moment(leader: _Leader) -> None:
    """So that the others are told of the commit with the next block (CR-44)."""
    assert not leader.sealing.expects_more(0), "nobody was answered"
    leader.come(2)
    leader.seal(0)
    assert leader.sealing.expects_more(1)
    leader.come(2)
    assert leader.sealing.expects_more(1), "that block is sealed in this turn"
    assert leader.seal(1) == 2
    assert not leader.timer.set, "nobody has to be told without a block"
    assert leader.sealing.expects_more(2)
    leader.timer.ring()
    assert leader.looks == 1, "to tell it now"
    assert not leader.sealing.expects_more(2)
    assert leader.statistics.gathering_waits == 0, "no transaction has waited"


def test_clients_of_other_nodes_do_not_wait_for_the_next_block(leader: _Leader) -> None:
    leader.come(1)
    leader.come(1, own=False)
    leader.seal(0)
    leader.come(PIPELINED_SEAL_OPERATIONS)
    assert leader.seal(0, in_flight=1) == PIPELINED_SEAL_OPERATIONS
    assert not leader.sealing.expects_more(2), "they have something in one of the two blocks"
    leader.come(1)
    leader.timer.now_s += 1
    leader.seal(2)
    assert leader.sealing.expects_more(3)
