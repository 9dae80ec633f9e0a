"""Background work rests longer when somebody else wants the processor."""

from __future__ import annotations

import pytest

from node.limits import MAX_REST_S
from node.pace import Pace, Yielding


def test_work_that_had_to_wait_takes_the_smaller_share() -> None:
    pace = Pace(busy_share=0.1, idle_share=0.5)
    assert pace.rest_s(0.010, 0.010) == pytest.approx(0.010)
    assert pace.rest_s(0.010, 0.030) == pytest.approx(0.090)
    assert Pace(1.0, 1.0).rest_s(0.010, 5.0) == 0


class _Process:
    """A clock, and the processor time that a process has used."""

    def __init__(self) -> None:
        self.now_s = 50.0
        self.used_s = 7.0

    def work(self, used_s: float, lasted_s: float) -> None:
        self.now_s += lasted_s
        self.used_s += used_s

    def yielding(self, share: float) -> Yielding:
        return Yielding(share, lambda: self.now_s, lambda: self.used_s)


def test_a_process_that_yields_keeps_to_its_share_of_a_core_while_others_wait() -> None:
    process = _Process()
    pace = process.yielding(0.25)
    began_s, used_s = process.now_s, process.used_s
    for _ in range(200):
        pace.begin()
        process.work(0.007, 0.014)
        process.now_s += pace.end()
        process.work(0.001, 0.001)
    assert (process.used_s - used_s) / (process.now_s - began_s) == pytest.approx(0.25, rel=0.05)


def test_a_process_that_yields_does_not_rest_while_nobody_waits() -> None:
    process = _Process()
    pace = process.yielding(0.25)
    for _ in range(20):
        pace.begin()
        process.work(0.030, 0.031)
        assert pace.end() == 0
        process.work(0, 2.0)


def test_a_rest_has_a_bound() -> None:
    process = _Process()
    pace = process.yielding(0.01)
    pace.begin()
    process.work(10, 20)
    assert pace.end() == MAX_REST_S
