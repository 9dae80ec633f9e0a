"""What an operator is told of the losses that a membership bears, and of a node whose disk is full."""

from __future__ import annotations

from collections import namedtuple
from pathlib import Path

import pytest

from clients.network import processes
from clients.network.membership import commits

Usage = namedtuple("Usage", "total used free")


@pytest.mark.parametrize(
    ("voters", "quorum", "said"),
    [
        (5, 3, "3 of 5 voters commit a block: the loss of 2 is borne"),
        (3, 2, "2 of 3 voters commit a block: the loss of 1 is borne"),
        (4, 4, "4 of 4 voters commit a block: the loss of one stops the network"),
        (1, 1, "1 of 1 voters commit a block: the loss of one stops the network"),
    ],
)
def test_a_membership_that_bears_no_loss_is_called_so(voters: int, quorum: int, said: str) -> None:
    """Demoting a voter keeps a raised quorum: 4 of 5 becomes 4 of 4."""
    assert commits(voters, quorum) == said


def test_old_words_are_not_taken_for_the_last_ones_where_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "node.log"
    log.write_text("cannot listen: in use\n")
    assert processes._last_words(log) == "cannot listen: in use"
    monkeypatch.setattr("clients.network.processes.shutil.disk_usage", lambda _: Usage(10, 10, 0))
    assert "is full" in processes._last_words(log)
