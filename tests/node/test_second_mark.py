"""CR-76: what a node promised is noted beside its key, so that an older copy of its folder is found out."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from node_network import Cluster, run

from ledger.storage.slot_file import SLOT_BYTES
from node.disk import LOST
from node.node import Node
from node.second_mark import SecondMark

OWNER, OTHER = b"\1" * 32, b"\2" * 32


def read(path: Path, owner: bytes = OWNER) -> tuple[int, int]:
    second = SecondMark(path, owner)
    second.close()
    return second.starts, second.marks


def noted(path: Path, starts: int, *marks: int) -> None:
    second = SecondMark(path, OWNER)
    second.begin(starts, marks[0])
    for count in marks[1:]:
        second.note(count)
    second.close()


def test_the_newest_note_counts_and_is_of_one_key(tmp_path: Path) -> None:
    path = tmp_path / "n1.mark"
    assert read(path) == (0, 0)
    noted(path, 3, 10, 11, 12)
    assert read(path) == (3, 12)
    assert read(path, OTHER) == (0, 0)
    noted(path, 4, 5)
    assert read(path) == (4, 12), "fewer marks than were seen are no news"


@pytest.mark.parametrize("slot", [0, 1])
def test_a_torn_note_leaves_the_one_before_it(tmp_path: Path, slot: int) -> None:
    path = tmp_path / "n1.mark"
    noted(path, 3, 10, 11, 12)
    data = bytearray(path.read_bytes())
    data[slot * SLOT_BYTES + 40] ^= 1
    path.write_bytes(data)
    starts, marks = read(path)
    assert starts == 3, "a start is noted in both slots"
    assert marks in (11, 12)


@pytest.mark.parametrize("content", [b"", b"x", bytes(2 * SLOT_BYTES), os.urandom(2 * SLOT_BYTES)])
def test_a_note_that_cannot_be_read_says_nothing_and_is_made_anew(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "n1.mark"
    path.write_bytes(content)
    assert read(path) == (0, 0)
    noted(path, 1, 2)
    assert read(path) == (1, 2)


def test_where_it_cannot_be_written_the_node_goes_on_without_it(tmp_path: Path) -> None:
    noted(tmp_path / "no folder" / "n1.mark", 1, 2, 3)
    (tmp_path / "n1.mark").mkdir()
    noted(tmp_path / "n1.mark", 1, 2, 3)


class Site:
    """Three nodes of which n3's data folder is copied and set back."""

    def __init__(self, folder: Path) -> None:
        self.cluster = Cluster.make(folder)
        self.data = folder / "n3"
        self.written = 0

    @property
    def n3(self) -> Node:
        return self.cluster.nodes["n3"]

    async def write(self) -> None:
        leader = await self.cluster.leader()
        self.written += 1
        transaction = self.cluster.transaction(f"k{self.written}", self.written)
        (outcome,) = await leader.service.submit([transaction.envelope])
        assert outcome.status == "committed"
        await self.cluster.level()

    async def away(self) -> None:
        await self.cluster.stop("n3")

    async def back(self) -> None:
        await self.cluster.start("n3")
        await self.cluster.leader()

    def copy(self, name: str) -> Path:
        copied = self.data.with_name(name)
        shutil.copytree(self.data, copied)
        return copied

    def set_back(self, copied: Path) -> None:
        shutil.rmtree(self.data)
        shutil.copytree(copied, self.data)

    @property
    def boot(self) -> int:
        return self.n3.driver.raft.config.boot

    @property
    def stands(self) -> tuple[bool, str | None]:
        status = self.n3.service.status()
        problem = self.n3.driver.problem
        return status["promises"], problem and problem.code


@pytest.mark.parametrize("starts_between", [0, 2])
def test_cr76_a_folder_that_was_set_back_is_found_out_before_it_promises_anything(
    tmp_path: Path, starts_between: int
) -> None:
    """CR-76: also if it counts the same starts. No message id comes again; the right folder is welcome."""
    site = Site(tmp_path)

    async def scenario() -> None:
        await site.cluster.start()
        await site.cluster.ready()
        await site.write()
        await site.away()
        older = site.copy("older")
        await site.back()
        await site.write()
        for _ in range(starts_between):
            await site.away()
            await site.back()
        boot = site.boot
        await site.away()
        newest = site.copy("newest")

        site.set_back(older)
        await site.back()
        assert site.stands == (False, "lost_data")
        assert (site.data / LOST).exists()
        assert site.boot == boot + 1
        await site.write()
        assert site.n3.chain.applied.height == site.cluster.nodes["n1"].chain.applied.height, "it reads on"

        for copied, promises in ((older, False), (newest, True)):
            await site.away()
            site.set_back(copied)
            await site.back()
            boot += 1
            assert site.stands[0] == promises
            assert site.boot == boot + 1
        await site.write()
        await site.cluster.stop()

    run(scenario)


def test_cr76_a_copy_from_before_the_first_start_is_an_older_one(tmp_path: Path) -> None:
    """CR-76: such a folder says that its node has never run."""
    site = Site(tmp_path)

    async def scenario() -> None:
        await site.cluster.start()
        await site.cluster.ready()
        await site.write()
        await site.away()
        shutil.rmtree(site.data)
        site.data.mkdir()
        (site.data / "fresh").touch()
        await site.back()
        assert site.stands == (False, "lost_data")
        await site.cluster.stop()

    run(scenario)


def test_cr76_the_newest_folder_goes_on_promising_wherever_it_was_meanwhile(tmp_path: Path) -> None:
    """CR-76: a copy of what was there last, or a note that was lost, accuses nobody."""
    site = Site(tmp_path)

    async def scenario() -> None:
        await site.cluster.start()
        await site.cluster.ready()
        for is_noted in (True, False):
            await site.write()
            await site.away()
            site.set_back(site.copy(f"same-{is_noted}"))
            if not is_noted:
                (tmp_path / "keys" / "n3.mark").unlink()
            await site.back()
            assert site.stands == (True, None)
        await site.cluster.stop()

    run(scenario)
