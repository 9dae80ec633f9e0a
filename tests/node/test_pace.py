"""Background work rests longer when somebody else wants the processor."""

from __future__ import annotations

import pytest

from node.pace import Pace


def test_work_that_had_to_wait_takes_the_smaller_share() -> None:
    pace = Pace(busy_share=0.1, idle_share=0.5)
    assert pace.rest_s(0.010, 0.010) == pytest.approx(0.010)
    assert pace.rest_s(0.010, 0.030) == pytest.approx(0.090)
    assert Pace(1.0, 1.0).rest_s(0.010, 5.0) == 0
