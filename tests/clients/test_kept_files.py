"""What a client keeps beside its genesis file: whole files, and nothing else."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from clients.kept_files import keep
from clients.trust import changes_file, keep_changes
from ledger.proofs.handover import MembershipChain


def test_sessions_of_one_process_that_keep_a_file_at_once_leave_a_whole_one(tmp_path: Path) -> None:
    file = tmp_path / "genesis.memberships"
    file.write_bytes(bytes(1_000_000))
    stop = threading.Event()

    def write(byte: int) -> None:
        while not stop.is_set():
            keep(file, bytes([byte]) * 1_000_000)

    threads = [threading.Thread(target=write, args=(byte,)) for byte in range(1, 5)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(200):
            data = file.read_bytes()
            assert len(data) == 1_000_000
            assert len(set(data[::50_000])) == 1
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert list(tmp_path.iterdir()) == [file]


def test_what_cannot_be_put_in_its_place_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Trust:
        chain = MembershipChain()

    genesis = tmp_path / "genesis.block"

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", refuse)
    keep_changes(genesis, Trust())  # type: ignore[arg-type]
    assert not changes_file(genesis).exists()
    assert list(tmp_path.iterdir()) == []
