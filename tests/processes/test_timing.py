"""`tally network up --timing`: how soon the nodes of a new network miss their leader."""

from __future__ import annotations

from pathlib import Path

import pytest

from clients import network
from clients.errors import NetworkError
from node.settings import Settings


def _create(folder: Path, timing: str) -> network.Network:
    return network.create(
        folder,
        nodes=3,
        base_port=None,
        organisations=network.DEFAULT_ORGANISATIONS,
        parameters=None,
        name="timed",
        timing=timing,
    )


def _most_ms(settings: Settings) -> int:
    """The longest election timeout that can be drawn."""
    return 2 * settings.election_ticks * settings.tick_ms


@pytest.mark.parametrize(("timing", "bar_ms"), [("default", 1_500), ("lan", 600)])
def test_every_timing_is_permitted_and_leaves_room_below_its_bar(
    tmp_path: Path, timing: str, bar_ms: int
) -> None:
    made = _create(tmp_path / timing, timing)
    settings = [Settings.load(node.config) for node in made.nodes]
    assert len({(each.tick_ms, each.election_ticks, each.heartbeat_ticks) for each in settings}) == 1
    assert _most_ms(settings[0]) <= bar_ms - 200
    assert settings[0].election_ticks >= 4 * settings[0].heartbeat_ticks


def test_an_unknown_timing_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match="timing") as refused:
        _create(tmp_path / "net", "warp")
    assert (refused.value.field, refused.value.found) == ("--timing", "warp")
    assert not (tmp_path / "net").exists()
