"""Ticks are counted when they are asked for, and the timer is set for what is due."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

import pytest

from consensus.raft import Raft
from consensus.state import Config
from node.loop.tick_clock import TickClock
from node.statistics import LATENCY_BOUNDS_MS, Histogram

TICK_MS = 50


class _Timer:
    def __init__(self, due_s: float, ring: Callable[[], None]) -> None:
        self.due_s = due_s
        self.ring = ring
        self.is_cancelled = False

    def cancel(self) -> None:
        self.is_cancelled = True


class _Loop:
    """Time that passes when the test says so."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.timers: list[_Timer] = []

    def time(self) -> float:
        return self.now_s

    def call_at(self, due_s: float, ring: Callable[[], None]) -> _Timer:
        timer = _Timer(due_s, ring)
        self.timers.append(timer)
        return timer

    @property
    def waiting(self) -> list[_Timer]:
        return [timer for timer in self.timers if not timer.is_cancelled]


class _Core:
    """Counts ticks, and has something to do when it says so."""

    def __init__(self, quiet_ticks: int) -> None:
        self.config = cast(Config, _Config())
        self.quiet_ticks = quiet_ticks
        self.ticks = 0

    def tick(self, ticks: int) -> None:
        self.ticks += ticks


class _Config:
    election_ticks = 12
    heartbeat_ticks = 3


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> _Loop:
    fake = _Loop()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: fake)
    return fake


def _clock(core: _Core, due: Callable[[], None] = lambda: None) -> TickClock:
    return TickClock(cast(Raft, core), TICK_MS, due, Histogram(LATENCY_BOUNDS_MS))


def test_an_idle_node_is_woken_when_something_is_due_and_counts_what_it_slept(loop: _Loop) -> None:
    core, rings = _Core(quiet_ticks=3), []
    clock = _clock(core, lambda: rings.append(core.ticks))
    clock.set(is_idle=True)
    clock.set(is_idle=True)
    (timer,) = loop.waiting
    assert timer.due_s == pytest.approx(100.15)
    loop.now_s = timer.due_s + 0.001
    timer.ring()
    assert rings == [0]
    clock.count()
    clock.count()
    assert core.ticks == 3


def test_what_comes_in_between_counts_what_has_passed_and_moves_the_timer(loop: _Loop) -> None:
    core = _Core(quiet_ticks=2)
    clock = _clock(core)
    clock.set(is_idle=True)
    loop.now_s += 0.06
    clock.count()
    clock.count()
    assert core.ticks == 1
    core.quiet_ticks = 3
    clock.set(is_idle=True)
    assert [timer.due_s for timer in loop.waiting] == [pytest.approx(100.2)]


def test_nobody_sleeps_so_long_that_a_doubt_could_come_from_the_sleep(loop: _Loop) -> None:
    """CR-20: half of the ticks between the last expected heartbeat and the first doubt."""
    clock = _clock(_Core(quiet_ticks=24))
    clock.set(is_idle=True)
    assert loop.waiting[0].due_s == pytest.approx(100 + 4 * TICK_MS / 1_000)


def test_an_idle_node_that_did_not_get_the_processor_counts_what_it_meant_to_sleep(loop: _Loop) -> None:
    """CR-20: what came meanwhile is heard before anybody is missed."""
    core = _Core(quiet_ticks=24)
    clock = _clock(core)
    clock.set(is_idle=True)
    loop.now_s += 30
    clock.count()
    assert core.ticks == 4
    clock.set(is_idle=True)
    loop.now_s += 0.01
    clock.count()
    assert core.ticks == 4


def test_a_busy_node_whose_turns_last_long_ticks_slowly(loop: _Loop) -> None:
    """CR-20: one tick a ring, whatever the clock says, and none in between."""
    core = _Core(quiet_ticks=24)
    clock = _clock(core)
    for ring in range(1, 4):
        clock.set(is_idle=False)
        loop.now_s += 1
        clock.count()
        assert core.ticks == ring - 1
        loop.timers[-1].ring()
        clock.count()
        assert core.ticks == ring


def test_a_node_that_gets_something_to_do_rings_in_a_tick(loop: _Loop) -> None:
    clock = _clock(_Core(quiet_ticks=24))
    clock.set(is_idle=True)
    loop.now_s += 0.06
    clock.count()
    clock.set(is_idle=False)
    assert [timer.due_s for timer in loop.waiting] == [pytest.approx(100.1)]


def test_a_stopped_clock_rings_no_more(loop: _Loop) -> None:
    clock = _clock(_Core(quiet_ticks=3))
    clock.set(is_idle=True)
    clock.stop()
    assert not loop.waiting
