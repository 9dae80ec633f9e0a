"""What a review of the node's wiring found: starts that fail or break off, snapshots that come too late."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from pathlib import Path

import pytest
from key_value import KeyValue
from node_network import Cluster, prepare, run, until

from consensus.messages import Certificate
from consensus.ready import Ready
from ledger.errors import StoreError, TallyError
from node import disk
from node.node import Node
from node.raft_storage import next_boot
from node.settings import Settings

sys.path.append(str(Path(__file__).parents[1] / "ledger"))
import small_ledger
from test_state_transfer import OWNER, Site, grow
from test_state_transfer import run as run_site


def settings_of(cluster: Cluster, place: int, **changed: object) -> Settings:
    each = cluster.files[place]
    given = {
        "node": each.node,
        "data_dir": cluster.folder / each.node,
        "genesis_file": cluster.genesis_file,
        "key_file": each.key_file,
        "certificate_file": each.certificate_file,
        "peers": {},
    }
    return Settings(**(given | changed))  # type: ignore[arg-type]


def test_cr76_a_first_start_that_fails_is_no_lost_disk(tmp_path: Path) -> None:
    """CR-76: a node that never ran has promised nothing, however often its settings were wrong."""
    cluster = Cluster.make(tmp_path)
    other = Cluster.make(tmp_path / "other")
    prepare(tmp_path / "n1")

    async def scenario() -> None:
        wrong = {"key_file": other.files[0].key_file, "certificate_file": other.files[0].certificate_file}
        with pytest.raises(TallyError):
            Node(settings_of(cluster, 0, **wrong), KeyValue(), cluster.identify)
        assert not disk.has_lost_data(tmp_path / "n1")
        await Node(settings_of(cluster, 0), KeyValue(), cluster.identify).close()

    run(scenario)


def test_cr76_an_old_ledger_in_a_fresh_folder_is_a_lost_disk(tmp_path: Path) -> None:
    """CR-76: what its node signed since is not in it."""
    cluster = Cluster.make(tmp_path, 1)

    async def scenario() -> None:
        await cluster.start()
        await cluster.ready()
        await cluster.stop()
        prepare(tmp_path / "again")
        assert not disk.has_lost_data(tmp_path / "n1")
        (tmp_path / "n1" / "ledger").rename(tmp_path / "again" / "ledger")
        assert disk.has_lost_data(tmp_path / "again")

    run(scenario)


def test_cr66_cr76_a_crash_between_the_two_ledgers_is_no_lost_disk(tmp_path: Path) -> None:
    """CR-66, CR-76: the old ledger is out of the way and the new one not yet in its place."""
    cluster = Cluster.make(tmp_path, 1)

    async def scenario() -> None:
        await cluster.start()
        await cluster.ready()
        await cluster.stop()
        folder = tmp_path / "n1"
        shutil.copytree(folder / "ledger", folder / "ledger.ready")
        (folder / "ledger").rename(folder / "ledger.replaced")
        await cluster.start()
        assert cluster.nodes["n1"].driver.problem is None
        await cluster.ready()
        await cluster.stop()

    run(scenario)


def test_cr05_that_a_node_runs_is_durable_before_it_takes_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CR-05, CR-76: neither may a fresh folder come back after a power cut, nor a count of starts."""
    prepare(tmp_path / "n1")
    synced: list[tuple[bool, bool]] = []
    really = os.fsync

    def fsync(handle: int) -> None:
        really(handle)
        if os.path.samestat(os.fstat(handle), (tmp_path / "n1").stat()):
            held = {path.name for path in (tmp_path / "n1").iterdir()}
            synced.append(("boot" in held, "fresh" in held))

    monkeypatch.setattr(os, "fsync", fsync)
    next_boot(tmp_path / "n1")
    disk.begin(tmp_path / "n1")
    assert synced == [(True, True), (True, False)]


def test_cr06_a_snapshot_of_a_later_term_brings_the_term_along(tmp_path: Path) -> None:
    """CR-06, CR-67: its block is of a term that this node has not heard of; the ledger opens all the same."""
    source = small_ledger.Node(tmp_path / "source")
    source.chain.snapshot_interval = 5

    async def test(site: Site) -> None:
        site.start("n0", source, [])
        grow([source], 7)
        new = site.start("new", small_ledger.Node(tmp_path / "new"), ["n0"])
        new.fetch(5)
        assert await site.end() == 5
        node = site.nodes.pop("new")
        del site.transfers["new"]
        new.close()
        node.store.close()
        new.install(OWNER, (0, "n9", 0))
        opened = small_ledger.Node(node.path)
        assert opened.chain.applied.term == 1
        assert opened.store.hard_state == (1, None, 0), "a vote of an earlier term binds no more"
        opened.close()

    run_site(test, tmp_path)


def test_cr64_a_log_that_passed_the_snapshot_while_the_node_closes_is_kept(tmp_path: Path) -> None:
    """CR-64, CR-70: blocks were acknowledged after the snapshot was complete and before its installation."""
    cluster = Cluster.make(tmp_path)

    async def write(name: str, number: int) -> None:
        await cluster.nodes[name].service.submit([cluster.transaction(f"k{number}", number).envelope])

    async def scenario() -> None:
        leader = await cluster.up()
        for node in cluster.nodes.values():
            node.chain.snapshot_interval = 5
        behind = next(node for node in cluster.nodes.values() if node is not leader)
        name, hears = behind.settings.node, behind.driver.raft.step
        behind.driver.raft.step = lambda message: None  # type: ignore[method-assign]
        for number in range(12):
            await write(leader.settings.node, number)
        behind._transfer.fetch(5)
        await until(behind.renewed.is_set, "a complete snapshot")
        behind.driver.raft.step = hears  # type: ignore[method-assign]
        await until(lambda: behind.chain.applied.height >= 12, "the log came over")
        acknowledged = behind._store.last_height
        await cluster.stop(name)
        await cluster.start(name)
        assert cluster.nodes[name]._store.last_height >= acknowledged
        await cluster.stop()

    run(scenario)


def test_cr36_cr79_a_read_is_not_served_from_what_could_not_be_applied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CR-36, CR-79: the disk fails at the very commit that the read waits for."""
    cluster = Cluster.make(tmp_path, 1)

    async def scenario() -> None:
        await cluster.start()
        await cluster.ready()
        driver = cluster.nodes["n1"].driver

        def fails(_: object) -> None:
            raise StoreError("the disk is full")

        monkeypatch.setattr(driver._chain, "commit", fails)
        waiting = asyncio.get_running_loop().create_future()
        driver.leadership._reads[7] = [waiting]
        proof = Certificate(1, 99, b"h", ())
        driver._carry_out(
            Ready(
                hard=None,
                truncate_from=None,
                entries=(),
                send_now=(),
                certificate=proof,
                took_office=None,
                lost_office=False,
                soft=None,
                reads=((7, 99),),
            )
        )
        assert waiting.result() is False
        await cluster.stop()

    run(scenario)
