"""The SDK and the commands are tested against the real API: the local channel of the API's tests."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "api"))

import story
from local_sessions import Channel
from local_tally import Tally, Typed

from clients.cli import main
from clients.sdk import Session


@pytest.fixture
def channel(tmp_path: Path) -> Iterator[Channel]:
    """Of each test its own; a module that needs other members, or one channel for all, names its own."""
    made = Channel(tmp_path)
    yield made
    made.close()


@pytest.fixture(scope="module")
def played_channel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Channel]:
    """One node that has recorded the story of the API's tests."""
    made = Channel(tmp_path_factory.mktemp("played"), ("n1",))
    story.play(made.network)
    yield made
    made.close()


@pytest.fixture
def sessions(channel: Channel, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sessions of commands speak to the nodes of `channel`."""

    def session(*given: Any, **named: Any) -> Session:
        return Session(*given, client=channel.client(), **named)

    monkeypatch.setattr("clients.cli.options.Session", session)


@pytest.fixture
def tally(channel: Channel, sessions: None, capsys: Any) -> Tally:
    return Tally(channel, channel.folder, capsys)


@pytest.fixture
def typed(tally: Tally, channel: Channel, capsys: pytest.CaptureFixture[str]) -> Typed:
    """Runs a command as an organisation; what it shows, and the step that it names next."""

    def run(by: str, command: str) -> tuple[str, str]:
        profile = tally.folder / f"{by}.json"
        channel.profile(by).save(profile)
        assert main([*shlex.split(command), "--profile", str(profile)]) == 0
        shown = capsys.readouterr()
        step = next((line for line in shown.err.splitlines() if line.startswith("Next ")), "")
        return shown.out, step

    return run
