"""What a data folder says of itself, and repairs (CR-35, CR-76)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from node_network import prepare

from consensus.limits import BOOT_SHIFT, MAX_MESSAGE_ID
from ledger.errors import StoreError, TallyError
from ledger.snapshots.staging import READY
from ledger.storage.database import open_database
from ledger.storage.rows import FORMAT_KEY
from ledger.storage.store import LEDGER_FOLDER, Store
from node import disk
from node.errors import SettingsError
from node.raft_storage import MOST_BOOT, next_boot


def damaged_ledger(data: Path, blocks: int, hard: tuple[int, str | None, int]) -> None:
    """A ledger of so many blocks whose database has lost its manifest."""
    store = Store.open(data / LEDGER_FOLDER)
    store.append([(height, b"block %d" % height) for height in range(blocks)], hard=hard)
    store.close()
    (data / LEDGER_FOLDER / "db" / "CURRENT").write_bytes(b"nothing\n")


def test_a_folder_is_fresh_once(tmp_path: Path) -> None:
    data = tmp_path / "data"
    prepare(data)
    assert not disk.has_lost_data(data)
    Store.open(data / LEDGER_FOLDER).close()
    next_boot(data)
    disk.begin(data)
    assert not disk.has_lost_data(data)


def test_cr76_a_ledger_folder_that_was_emptied_is_lost(tmp_path: Path) -> None:
    """CR-76: a new ledger in it would not know what its node has signed."""
    data = tmp_path / "data"
    prepare(data)
    next_boot(data)
    disk.begin(data)
    (data / LEDGER_FOLDER).mkdir()
    assert disk.has_lost_data(data)


NOTHING_HERE = {
    "no data folder": ("settings", "no such folder", "data_dir"),
    "never run": ("no_ledger", "has never run", "Start the node"),
    "repaired": ("no_ledger", "has been set aside", "Start the node"),
    "amid a switch": ("no_ledger", "a snapshot is taking", "Start the node"),
    "emptied": ("no_ledger", "what its node signed is not in it", "readmit"),
    "not prepared": ("no_ledger", "what its node signed is not in it", "readmit"),
    "taken away": ("no_ledger", "what its node signed is not in it", "readmit"),
}


@pytest.mark.parametrize("situation", NOTHING_HERE)
def test_cr76_a_repair_where_there_is_no_ledger_says_so_and_makes_none(
    tmp_path: Path, situation: str
) -> None:
    """CR-76: a fresh ledger in the place of a lost one would vote as if nothing had been promised."""
    data = tmp_path / "data"
    if situation == "not prepared":
        data.mkdir()
    elif situation != "no data folder":
        prepare(data)
    if situation == "amid a switch":
        (data / f"{LEDGER_FOLDER}{READY}").mkdir()
    if situation in ("emptied", "taken away", "repaired", "amid a switch"):
        next_boot(data)
        disk.begin(data)
    if situation == "emptied":
        (data / LEDGER_FOLDER).mkdir()
    if situation == "repaired":
        damaged_ledger(data, 10, (7, "n2", 6))
        disk.set_aside(data, lambda _: None)
    held = sorted(data.rglob("*"))
    with pytest.raises(TallyError) as refused:
        disk.set_aside(data, lambda _: None)
    code, said, remedy = NOTHING_HERE[situation]
    assert refused.value.code == code
    assert said in str(refused.value)
    assert remedy in f"{refused.value} {refused.value.remedy}"
    assert sorted(data.rglob("*")) == held
    assert disk.promised(data) is None or situation == "repaired"


@pytest.mark.parametrize("holds", ["nothing", "no folder"])
def test_cr76_a_folder_that_nobody_prepared_is_lost_for_good(tmp_path: Path, holds: str) -> None:
    data = tmp_path / "data"
    if holds == "nothing":
        data.mkdir()
    assert disk.has_lost_data(data)
    next_boot(data)
    (data / LEDGER_FOLDER).mkdir()
    assert disk.has_lost_data(data), "after a start as well"


def test_cr76_a_second_repair_keeps_what_the_first_one_promised(tmp_path: Path) -> None:
    """CR-35, CR-76: the new ledger broke before it was as far as the old one."""
    data = tmp_path / "data"
    prepare(data)
    damaged_ledger(data, 10, (7, "n2", 6))
    first = disk.set_aside(data, lambda _: None)
    kept = disk.promised(data)
    assert kept is not None
    assert (kept.height, kept.term, kept.vote, kept.accepted) == (9, 7, "n2", 6)
    damaged_ledger(data, 3, (7, "n2", 6))
    second = disk.set_aside(data, lambda _: None)
    assert disk.promised(data) == kept
    assert first != second
    damaged_ledger(data, 12, (9, None, 8))
    disk.set_aside(data, lambda _: None)
    further = disk.promised(data)
    assert further is not None
    assert (further.height, further.term, further.vote, further.accepted) == (11, 9, None, 8)
    disk.kept(data)
    assert disk.promised(data) is None


def test_a_sound_ledger_is_not_set_aside(tmp_path: Path) -> None:
    data = tmp_path / "data"
    prepare(data)
    Store.open(data / LEDGER_FOLDER).close()
    with pytest.raises(StoreError, match="not damaged"):
        disk.set_aside(data, lambda _: None)


def test_cr35_a_ledger_that_opens_with_a_damaged_row_is_set_aside(tmp_path: Path) -> None:
    """Else a node that does not start for that row would be told to be repaired, and `repair` to start it."""
    data = tmp_path / "data"
    prepare(data)
    store = Store.open(data / LEDGER_FOLDER)
    store.append([(height, bytes([height]) * 4_096) for height in range(50)], hard=(7, "n2", 6))
    store.close()
    Store.open(data / LEDGER_FOLDER).close()  # LevelDB puts what was in its log into a table
    (table,) = (data / LEDGER_FOLDER / "db").glob("*.ldb")
    held = bytearray(table.read_bytes())
    held[len(held) // 2] ^= 1
    table.write_bytes(held)
    Store.open(data / LEDGER_FOLDER).close()
    disk.set_aside(data, lambda _: None)
    kept = disk.promised(data)
    assert kept is not None
    assert kept.height == 49


def test_a_ledger_of_other_software_is_not_set_aside(tmp_path: Path) -> None:
    """Nodes are upgraded together: repaired together, they would have nobody to fetch it from."""
    data = tmp_path / "data"
    prepare(data)
    store = Store.open(data / LEDGER_FOLDER)
    store.append([(0, b"block 0")], hard=(7, "n1", 7))
    store.close()
    database = open_database(data / LEDGER_FOLDER, create=False)
    database.put(FORMAT_KEY, b"\1")
    database.close()
    with pytest.raises(StoreError) as refused:
        disk.set_aside(data, lambda _: None)
    assert refused.value.code == "other_format"
    assert disk.promised(data) is None
    assert (data / LEDGER_FOLDER).exists()


@pytest.mark.parametrize(
    ("year", "is_later"),
    [(1970, False), (2024, True), (2036, True), (2064, True), (9999, False)],
)
def test_a_lost_count_of_starts_goes_on_within_the_bounds_whatever_the_clock_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, year: int, is_later: bool
) -> None:
    """Ids of messages hold the count: beyond its bound every message of the node would be refused."""
    now_s = (year - 1970) * 31_556_952
    monkeypatch.setattr("node.raft_storage.time.time", lambda: now_s)
    boot = next_boot(tmp_path, has_lost_data=True)
    assert 1_000_000 <= boot < MOST_BOOT
    assert (boot << BOOT_SHIFT) + 2**BOOT_SHIFT - 1 < MAX_MESSAGE_ID
    assert next_boot(tmp_path, has_lost_data=True) == boot + 1
    (tmp_path / "boot").unlink()
    monkeypatch.setattr("node.raft_storage.time.time", lambda: now_s + 86_400)
    assert (next_boot(tmp_path, has_lost_data=True) > boot + 1) == is_later


@pytest.mark.parametrize("count", ["-2", "x", str(MOST_BOOT), "9" * 30])
def test_a_damaged_count_of_starts_is_refused_and_stays(tmp_path: Path, count: str) -> None:
    (tmp_path / "boot").write_text(count)
    with pytest.raises(SettingsError, match="damaged"):
        next_boot(tmp_path)
    assert (tmp_path / "boot").read_text() == count


def test_cr36_a_full_disk_is_not_a_damaged_one(tmp_path: Path) -> None:
    """CR-36: opening needs room; whoever finds none is told so, and a repair leaves the ledger alone."""
    data = tmp_path / "data"
    prepare(data)
    store = Store.open(data / LEDGER_FOLDER)
    store.append([(height, bytes(20_000)) for height in range(5)], hard=(1, None, 0))
    store.close()
    program = (
        "import resource, signal, sys; from pathlib import Path; from node import disk;"
        "from ledger.errors import StoreError; from ledger.storage.store import Store;"
        "data = Path(sys.argv[1]);"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (8_192, resource.RLIM_INFINITY))\n"
        "for attempt in (lambda: Store.open(data / 'ledger'), lambda: disk.set_aside(data, bool)):\n"
        "    try: attempt()\n"
        "    except StoreError as error: print(error.code)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program, str(data)], capture_output=True, text=True, check=False
    )
    assert ended.stdout.split() == ["disk_refuses", "disk_refuses"], ended.stderr
    assert sorted(path.name for path in data.iterdir()) == ["fresh", LEDGER_FOLDER]
    store = Store.open(data / LEDGER_FOLDER)
    assert store.last_height == 4
    store.close()
