"""A node that is far behind yields to others, but only while it comes nearer."""

from __future__ import annotations

from node.limits import CATCH_UP_LOOK_S, MAX_LAG_BLOCKS
from node.loop.catch_up import CatchUp


class _Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_a_node_that_is_nearly_level_yields_to_nobody() -> None:
    catch_up = CatchUp(_Clock())
    catch_up.committed = 1_000
    assert not catch_up.may_yield(1_000 - MAX_LAG_BLOCKS)
    assert catch_up.lag(1_000 - MAX_LAG_BLOCKS) == 0
    assert catch_up.may_yield(999 - MAX_LAG_BLOCKS)
    assert catch_up.lag(999 - MAX_LAG_BLOCKS) == MAX_LAG_BLOCKS + 1


def test_a_node_that_does_not_come_nearer_yields_no_more_until_it_does() -> None:
    clock = _Clock()
    catch_up = CatchUp(clock)
    catch_up.committed = 10_000
    assert catch_up.may_yield(5_000)
    clock.now_s += CATCH_UP_LOOK_S
    catch_up.committed = 10_500
    assert not catch_up.may_yield(5_500), "as far behind as before"
    clock.now_s += CATCH_UP_LOOK_S / 2
    assert not catch_up.may_yield(6_000), "until the next look"
    clock.now_s += CATCH_UP_LOOK_S / 2
    catch_up.committed = 11_000
    assert not catch_up.may_yield(7_000), "nearer, and yet more than half as far behind"
    clock.now_s += CATCH_UP_LOOK_S
    catch_up.committed = 11_500
    assert catch_up.may_yield(9_000)


def test_what_a_node_lacked_long_ago_is_forgotten() -> None:
    clock = _Clock()
    catch_up = CatchUp(clock)
    catch_up.committed = 1_000
    assert catch_up.may_yield(900)
    clock.now_s += 100 * CATCH_UP_LOOK_S
    catch_up.committed = 50_000
    assert catch_up.may_yield(40_000)


def test_who_lacks_less_than_it_holds_asks_each_leader_for_the_log_once() -> None:
    catch_up = CatchUp(_Clock())
    assert not catch_up.prefers_log(3_000, 1_000, term=4), "it lacks more than it holds"
    assert catch_up.prefers_log(3_000, 2_250, term=4)
    assert not catch_up.prefers_log(3_000, 2_250, term=4), "that leader has no such log"
    assert catch_up.prefers_log(3_250, 2_250, term=5), "the next leader may have it"
    assert not catch_up.prefers_log(0, 0, term=6)


def test_a_node_that_only_gains_while_it_yields_to_nobody_gets_level() -> None:
    clock = _Clock()
    catch_up = CatchUp(clock)
    catch_up.committed, height = 10_000, 8_000
    yields, looks = True, 0
    while catch_up.lag(height):
        yields = catch_up.may_yield(height)
        clock.now_s += CATCH_UP_LOOK_S
        catch_up.committed += 300
        height += 250 if yields else 400
        looks += 1
        assert looks < 40, f"still {catch_up.committed - height} behind"
    assert not catch_up.may_yield(height)
