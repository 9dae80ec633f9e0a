"""Harm to disks: full ones, torn logs, lost and foreign folders.

A full disk is a small file system in memory under one node's data (where mounts are permitted),
or else a limit on the size of its files. What a node does with a damaged log is its choice of
two: recover without losing anything, or refuse to start with a sentence that says why. A node that
lost what it signed may also run and be mute. Unless it recovers, it gets its undamaged data back.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import resource
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path

from chaos.cluster import Broken, Start
from chaos.faults import Fault
from chaos.stage import Stage

SPARE_BYTES = 6 * 1_048_576
"""What a small disk has room for, until it is filled, beyond what it holds and what opening a store makes of
its logs."""
FAILED_S = 30.0
HAND_OVERS = 20
WIPED_S = 4.0
"""Long enough for several elections."""
LEDGER, BOOT = "ledger", "boot"
REFUSALS = ("store_damaged", "log_truncated", "ledger_lost")
"""Codes with which a node may refuse its folder."""


@cache
def can_mount() -> bool:
    """Whether this process may mount a file system."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        return False
    with tempfile.TemporaryDirectory() as folder:
        if _mount(Path(folder), 1_048_576) != 0:
            return False
        _unmount(Path(folder))
    return True


def _mount(folder: Path, size_bytes: int) -> int:
    command = ["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", str(folder)]
    return subprocess.run(command, check=False, capture_output=True).returncode


def _unmount(folder: Path) -> None:
    subprocess.run(["umount", "--lazy", str(folder)], check=False, capture_output=True)


@asynccontextmanager
async def _on_small_disk(stage: Stage, node: str) -> AsyncIterator[Path]:
    """Run a node with its data on a small disk; at the end it has its own disk again, with the same data."""
    cluster = stage.cluster
    data = cluster.net.node(node).data
    aside = data.with_name("data-aside")
    cluster.kill(node)
    shutil.copytree(data, aside)
    held = {path: path.stat().st_size for path in aside.rglob("*") if path.is_file()}
    anew = sum([size for path, size in held.items() if path.suffix == ".log"])
    if _mount(data, sum(held.values()) + anew + SPARE_BYTES) != 0:
        raise Broken("a small disk cannot be mounted")
    try:
        shutil.copytree(aside, data, dirs_exist_ok=True)
        shutil.rmtree(aside)
        await cluster.start(node)
        await cluster.wait_ready(node)
        yield data
    finally:
        cluster.kill(node)
        (data / "ballast").unlink(missing_ok=True)
        shutil.copytree(data, aside, dirs_exist_ok=True)
        _unmount(data)
        shutil.rmtree(data)
        aside.rename(data)


async def fill_disk_of_follower(stage: Stage) -> None:
    """CR-36: a follower's disk is full; it acknowledges nothing more, and recovers once there is room."""
    node = stage.dice.choice(stage.cluster.others(await stage.cluster.leader()))
    await _fill_disk(stage, node)


async def fill_disk_of_leader(stage: Stage) -> None:
    """CR-36: the leader's disk is full; another leads, and it recovers once there is room."""
    await _fill_disk(stage, await stage.cluster.leader())


async def _fill_disk(stage: Stage, node: str) -> None:
    leads = node == await stage.cluster.leader()
    async with _on_small_disk(stage, node) as data:
        if leads:
            await _make_leader(stage, node)
        await stage.begin()
        stage.note(f"{node}{', leads' if stage.leader == node else ''}")
        _fill(data / "ballast")
        await _until_storage_failed(stage, node)
        await stage.load.wait_for(10, timeout_s=FAILED_S)
        await stage.hold(1.0)
    await stage.cluster.start(node)
    stage.healed()


async def _make_leader(stage: Stage, node: str) -> None:
    """Hand leadership over to this node, as often as it takes."""
    for _ in range(HAND_OVERS):
        leader = await stage.cluster.leader()
        if leader == node:
            return
        await stage.cluster.hand_over(leader, node)


def _fill(ballast: Path) -> None:
    """Take all the room that is left, to the last byte."""
    with ballast.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        for chunk in (bytes(1_048_576), bytes(4_096), b"\0"):
            with contextlib.suppress(OSError):
                while True:
                    file.write(chunk)


async def limit_files_of_leader(stage: Stage) -> None:
    """CR-36: the leader's files cannot grow any more."""
    await stage.begin()
    await _limit_files(stage, stage.leader)


async def limit_files_of_follower(stage: Stage) -> None:
    """CR-36: a follower's files cannot grow any more."""
    await stage.begin()
    await _limit_files(stage, stage.follower())


async def _limit_files(stage: Stage, node: str) -> None:
    """The limit falls in the middle of a write, so that it tears a record as a full disk does."""
    process = stage.cluster.net.node(node)
    stage.note(node)
    longest = max((path.stat().st_size for path in (process.data / LEDGER / "db").glob("*.log")), default=0)
    limit = longest + stage.dice.randrange(0, 4_096)
    _, most = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (limit, most))
    await _until_storage_failed(stage, node)
    await stage.load.wait_for(10, timeout_s=FAILED_S)
    stage.cluster.kill(node)
    await stage.cluster.start(node)
    stage.healed()


async def _until_storage_failed(stage: Stage, node: str) -> None:
    """Until a node says that its disk failed, or ended because of it.

    Raises:
        Broken: it does neither in time.
    """
    deadline = time.monotonic() + FAILED_S
    while stage.cluster.is_running(node):
        said = await stage.cluster.status(node)
        problem = (said or {}).get("problem") or {}
        if problem.get("code") in ("storage_failed", "halted"):
            return
        if time.monotonic() > deadline:
            raise Broken(f"{node} has no room to write and does not say so: {said}")
        await asyncio.sleep(0.02)
    stage.note("ended")


async def tear_log_of_follower(stage: Stage) -> None:
    """CR-35, CR-76: kill -9 of a follower, and bytes are missing at the end of its LevelDB log."""
    await stage.begin()
    await _harm(stage, stage.follower(), _chop)


async def tear_log_of_leader(stage: Stage) -> None:
    """CR-35, CR-76: the same of the leader."""
    await stage.begin()
    await _harm(stage, stage.leader, _chop)


async def soil_log(stage: Stage) -> None:
    """CR-35: zeros or noise stand at the end of a killed node's log, or a byte in it has changed."""
    await stage.begin()
    await _harm(stage, stage.follower(), _soil)


async def lose_ledger(stage: Stage) -> None:
    """CR-76: a killed node's ledger is gone; it must not begin again with nothing under its old id."""
    await stage.begin()
    await _harm(stage, stage.follower(), _lose)


async def lose_mark(stage: Stage) -> None:
    """CR-76: the file that says what a node has signed is gone."""
    await stage.begin()
    await _harm(stage, stage.follower(), _lose_mark)


async def old_copy(stage: Stage) -> None:
    """CR-76: an older copy of the log is restored: it ends before what the node has signed."""
    node = stage.dice.choice(stage.cluster.others(await stage.cluster.leader()))
    ledger = stage.cluster.net.node(node).data / LEDGER
    older = ledger.with_name("older")
    stage.cluster.kill(node)
    shutil.copytree(ledger, older)
    await stage.cluster.start(node)
    await stage.cluster.wait_ready(node)
    await stage.load.wait_for(30, timeout_s=30)

    def restore(_: Stage, now: Path) -> str:
        shutil.rmtree(now / "db")
        shutil.copytree(older / "db", now / "db")
        return "older log"

    await stage.begin()
    try:
        await _harm(stage, node, restore)
    finally:
        shutil.rmtree(older, ignore_errors=True)


async def old_folder(stage: Stage) -> None:
    """CR-76: an older copy of the whole data folder is restored: it agrees with itself, and must be mute."""
    node = stage.dice.choice(stage.cluster.others(await stage.cluster.leader()))
    data = stage.cluster.net.node(node).data
    older = data.with_name("older")
    stage.cluster.kill(node)
    shutil.copytree(data, older)
    await stage.cluster.start(node)
    await stage.cluster.wait_ready(node)
    await stage.load.wait_for(30, timeout_s=30)

    def restore(_: Stage, ledger: Path) -> str:
        shutil.rmtree(ledger.parent)
        shutil.copytree(older, ledger.parent)
        return "older folder"

    await stage.begin()
    try:
        if await _harm(stage, node, restore) is not Start.MUTE:
            raise Broken(f"{node} promises on although its folder was set back")
    finally:
        shutil.rmtree(older, ignore_errors=True)


async def wipe(stage: Stage) -> None:
    """CR-76: a disk is replaced by an empty one while those that know what it signed are down.

    What the leader and one follower have acknowledged, a third node never saw. The leader goes
    down, the follower comes back with nothing: together with the third it must not make a quorum.
    """
    cluster = stage.cluster
    leader = await cluster.leader()
    node, *ignorant = stage.shuffled(cluster.others(leader))
    cluster.kill(*ignorant[: cluster.most_down])
    await stage.load.wait_for(30, timeout_s=30)
    data = cluster.net.node(node).data
    sound = data.with_name("sound")
    await stage.begin()
    cluster.kill(leader, *cluster.others(leader))
    data.rename(sound)
    data.mkdir()
    try:
        started = (node, *ignorant[: cluster.most_down])
        await cluster.start(*started)
        for name in started:
            await cluster.wait_answers(name)
        await stage.hold(WIPED_S)
        stage.note(f"{node} {await cluster.came_out(node)}")
    finally:
        cluster.kill(node)
        shutil.rmtree(data)
        sound.rename(data)
    await cluster.start()
    stage.healed()


async def _harm(stage: Stage, node: str, harm: Callable[[Stage, Path], str]) -> Start:
    """Kill, harm the ledger, start: the node recovers, refuses, or is mute; then it gets its data back."""
    cluster = stage.cluster
    process = cluster.net.node(node)
    sound = process.data.with_name("sound")
    cluster.kill(node)
    shutil.copytree(process.data, sound)
    try:
        done = harm(stage, process.data / LEDGER)
        await stage.load.wait_for(10, timeout_s=30)
        written = process.log.stat().st_size
        await cluster.start(node)
        outcome = await cluster.came_out(node)
        stage.note(f"{node}: {done}, {outcome}")
        if outcome is Start.REFUSED:
            _check_refusal(node, process.log.read_text(encoding="utf-8", errors="replace")[written:])
        if outcome is not Start.READY:
            await stage.load.wait_for(10, timeout_s=30)
            cluster.kill(node)
            if (process.data / BOOT).exists():
                shutil.copy2(process.data / BOOT, sound / BOOT)
            shutil.rmtree(process.data)
            sound.rename(process.data)
            await cluster.start(node)
    finally:
        shutil.rmtree(sound, ignore_errors=True)
    stage.healed()
    return outcome


def _check_refusal(node: str, said: str) -> None:
    """A refusal names its reason; it is neither a crash nor silence."""
    if "Traceback" in said or not any(f'"code": "{code}"' in said for code in REFUSALS):
        raise Broken(f"{node} has ended without a reason: {said[-1_000:]}")


def _chop(stage: Stage, ledger: Path) -> str:
    """Cut the newest log; a little, or into what was acknowledged."""
    log = _newest_log(ledger)
    size_bytes = log.stat().st_size
    chopped = min(size_bytes, stage.dice.choice((1, 7, 100, 1_500, 10_000, 60_000)))
    os.truncate(log, size_bytes - chopped)
    return f"-{chopped} bytes"


def _soil(stage: Stage, ledger: Path) -> str:
    log = _newest_log(ledger)
    size_bytes = log.stat().st_size
    kind = stage.dice.choice(("zeros after", "noise after", "zeros at the end", "one byte"))
    with log.open("r+b") as file:
        if kind == "zeros after":
            file.seek(size_bytes)
            file.write(bytes(4_096))
        elif kind == "noise after":
            file.seek(size_bytes)
            file.write(stage.dice.randbytes(1_000))
        elif kind == "zeros at the end":
            file.seek(max(0, size_bytes - 512))
            file.write(bytes(min(512, size_bytes)))
        elif size_bytes:
            at = stage.dice.randrange(size_bytes)
            file.seek(at)
            byte = file.read(1)
            file.seek(at)
            file.write(bytes((byte[0] ^ 0x10,)))
    return kind


def _lose(stage: Stage, ledger: Path) -> str:
    shutil.rmtree(ledger)
    return "lost"


def _lose_mark(stage: Stage, ledger: Path) -> str:
    (ledger / "mark").unlink()
    return "no mark"


def _newest_log(ledger: Path) -> Path:
    return max((ledger / "db").glob("*.log"), key=lambda path: path.name)


DISKS = (
    Fault("full disk, follower", fill_disk_of_follower, is_possible=can_mount),
    Fault("full disk, leader", fill_disk_of_leader, is_possible=can_mount),
    Fault("file limit, follower", limit_files_of_follower),
    Fault("file limit, leader", limit_files_of_leader),
    Fault("torn log, follower", tear_log_of_follower),
    Fault("torn log, leader", tear_log_of_leader),
    Fault("soiled log", soil_log),
    Fault("lost ledger", lose_ledger, forgets=True),
    Fault("lost mark", lose_mark),
    Fault("older copy", old_copy),
    Fault("older folder", old_folder),
    Fault("wiped disk", wipe, is_tolerated=False, forgets=True),
)
