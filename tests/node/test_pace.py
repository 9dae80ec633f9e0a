"""Background work rests longer when somebody else wants the processor."""

from __future__ import annotations

import pytest

from node.limits import MAX_REST_S
from node.pace import Pace, Span, Yielding


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


def test_what_is_done_at_once_is_cut_to_what_lasts_as_long_as_is_wanted() -> None:
    span = Span(wanted_s=0.1, most=2_000)
    assert span.fits == 2_000, "nothing is known yet"
    for _ in range(40):
        span.took(span.fits, span.fits * 0.000_02)
    assert span.fits == 2_000, "a fast machine fills its blocks"
    for _ in range(40):
        span.took(span.fits, span.fits * 0.000_5)
    assert span.fits == pytest.approx(200, rel=0.05)
    for _ in range(40):
        span.took(span.fits, span.fits * 10.0)
    assert span.fits == 16, "whatever it costs, some go"
    for _ in range(80):
        span.took(span.fits, span.fits * 0.000_02)
    assert span.fits == 2_000, "and a machine that is fast again fills its blocks"


def test_a_few_say_nothing_of_what_each_costs() -> None:
    span = Span(wanted_s=0.1, most=500)
    for _ in range(40):
        span.took(1, 0.05)
    assert span.fits == 500
