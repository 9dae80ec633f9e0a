"""`scripts/bench --core`: both ways come to one ledger, and every stage is counted."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "scripts"))

from _bench_core import FOLLOWER, LEADER, STAGES, Follower, Leader, Load, measure, table  # noqa: E402


@pytest.mark.parametrize("shape", ["a", "b", "c"])
def test_a_follower_comes_to_the_state_of_the_leader(shape: str, tmp_path: Path) -> None:
    load = Load()
    leader, follower = Leader(tmp_path / LEADER, load.genesis), Follower(tmp_path / FOLLOWER, load.genesis)
    for requests in [*load.trade(), load.requests(shape)]:
        follower.run(leader.run(requests))
    assert follower.chain.applied == leader.chain.applied
    assert follower.chain.block(follower.chain.applied.height).transactions  # type: ignore[union-attr]
    leader.store.close()
    follower.store.close()


def test_every_stage_is_counted_and_they_add_up(tmp_path: Path) -> None:
    result = measure(tmp_path, "a", 2)["a"]
    for way in (LEADER, FOLLOWER):
        parts = sum(result[way][name]["mean_us"] for name in STAGES)
        assert parts == pytest.approx(result[way]["all"]["mean_us"], rel=0.05)
        assert result[way]["bytecodes"] > 1_000
        assert all(result[way][name]["best_us"] > 0 for name in STAGES if name != "encode block")
    assert table({"a": result}).row_count > len(STAGES)
