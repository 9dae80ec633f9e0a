"""The store on a real LevelDB: its two batches, what survives a crash, what is refused afterwards."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ledger.errors import StoreError
from ledger.storage.database import StoreLocked, open_database
from ledger.storage.mark import Mark, MarkFile
from ledger.storage.rows import FORMAT_KEY, FORMAT_VALUE
from ledger.storage.store import CommitBatch, HardState, Store


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "node"


@pytest.fixture
def store(folder: Path) -> Iterator[Store]:
    store = Store.open(folder)
    yield store
    store.close()


def block(height: int, fork: str = "a") -> tuple[int, bytes]:
    return height, f"block {height} {fork} ".encode() * 9


def copy(folder: Path, name: str) -> Path:
    """The folder as a kill at this moment would leave it."""
    target = folder.parent / name
    shutil.copytree(folder, target)
    (target / "db" / "LOCK").unlink(missing_ok=True)
    return target


LAST_BUCKET = (1 << 20) - 1


def key_hash(bucket: int, rest: int) -> bytes:
    """A hash of 32 bytes that begins with the 20 bits of the bucket's number."""
    return (bucket << 236 | rest).to_bytes(32, "big")


def log_file(folder: Path) -> Path:
    return max((folder / "db").glob("*.log"))


def marked(folder: Path) -> Mark:
    file = MarkFile.open(folder / "mark")
    file.close()
    return file.mark


def contents(store: Store) -> dict[int, bytes | None]:
    return {height: store.block(height) for height in range(store.last_height + 1)}


def test_a_new_store_is_empty(store: Store) -> None:
    assert (store.last_height, store.applied_height, store.hard_state) == (-1, -1, (0, None, 0))
    assert store.block(0) is None
    assert store.state(b"k") is None
    assert store.bucket(7) == b""
    assert store.next_certificate(0) is None


def test_what_was_appended_is_there_after_reopening(folder: Path) -> None:
    store = Store.open(folder)
    store.append([block(0)])
    store.append([block(1), block(2)], hard=(3, "n2", 0))
    store.append(hard=(4, None, 0))
    store.close()
    store = Store.open(folder)
    assert (store.last_height, store.hard_state) == (2, (4, None, 0))
    assert contents(store) == dict([block(0), block(1), block(2)])
    store.close()


def test_a_commit_is_read_back_whole(folder: Path) -> None:
    store = Store.open(folder)
    store.append([block(height) for height in range(4)])
    store.commit(
        CommitBatch(
            height=2,
            state={b"a": b"1", b"b": b"2"},
            hashes={key_hash(5, 1): b"x" * 32, key_hash(LAST_BUCKET, 2): b"y" * 32},
            records=[(b"log", 0, b"r0"), (b"log", 1, b"r1"), (b"log", 2, b"r2")],
            heads=[(b"log", 0, bytes(32))],
            transactions=[(b"i" * 32, 2, 999)],
            nodes=[(0, 0, b"n" * 32), (1, 0, b"m" * 32)],
            certificate=b"certificate 2",
        )
    )
    store.commit(
        CommitBatch(
            height=3,
            state={b"a": None, b"c": b"3"},
            hashes={key_hash(5, 1): b""},
            certificate=b"certificate 3",
        )
    )
    store.close()
    store = Store.open(folder)
    assert store.applied_height == 3
    assert [store.state(key) for key in (b"a", b"b", b"c")] == [None, b"2", b"3"]
    assert list(store.buckets()) == [(LAST_BUCKET, key_hash(LAST_BUCKET, 2) + b"y" * 32)]
    assert store.records(b"log", 1, 2) == [b"r1", b"r2"]
    assert store.head(b"log", 0) == bytes(32)
    assert store.head(b"log", 64) is None
    assert store.locate(b"i" * 32) == (2, 999)
    assert store.locate(b"j" * 32) is None
    assert (store.node(0, 0), store.node(1, 0)) == (b"n" * 32, b"m" * 32)
    assert (store.certificate(2), store.certificate(1)) == (b"certificate 2", None)
    assert [store.next_certificate(height) for height in (0, 3, 4)] == [
        (2, b"certificate 2"),
        (3, b"certificate 3"),
        None,
    ]
    store.close()


def test_a_bucket_is_the_run_of_its_key_hashes(store: Store) -> None:
    store.append([block(height) for height in range(3)])
    ends = [0, (1 << 236) - 1]
    held = {
        key_hash(bucket, rest): bytes([place]) * 32
        for place, (bucket, rest) in enumerate(
            (bucket, rest) for bucket in (0, 6, 7, 8, LAST_BUCKET - 1, LAST_BUCKET) for rest in ends
        )
    }
    store.commit(CommitBatch(1, {}, held))
    expected = {
        bucket: b"".join(key_hash(bucket, rest) + held[key_hash(bucket, rest)] for rest in ends)
        for bucket in (0, 6, 7, 8, LAST_BUCKET - 1, LAST_BUCKET)
    }
    assert list(store.buckets()) == list(expected.items())
    for bucket in (0, 5, 6, 7, 8, 9, LAST_BUCKET - 1, LAST_BUCKET):
        assert store.bucket(bucket) == expected.get(bucket, b"")
    store.commit(
        CommitBatch(2, {}, {key_hash(7, 3): b"n" * 32, key_hash(7, ends[1]): b"", key_hash(8, 0): b"m" * 32})
    )
    assert store.bucket(7) == key_hash(7, 0) + held[key_hash(7, 0)] + key_hash(7, 3) + b"n" * 32
    assert store.bucket(8) == key_hash(8, 0) + b"m" * 32 + expected[8][64:]


def test_missing_records_and_nodes_are_an_error_and_not_an_answer(store: Store) -> None:
    store.append([block(0)])
    store.commit(CommitBatch(0, {}, {}, records=[(b"log", 0, b"r0"), (b"log", 2, b"r2")]))
    assert store.records(b"log", 0, 1) == [b"r0"]
    with pytest.raises(StoreError, match="records"):
        store.records(b"log", 0, 3)
    with pytest.raises(StoreError, match="node"):
        store.node(0, 0)


def test_state_is_scanned_by_prefix_in_pages(store: Store) -> None:
    store.append([block(0)])
    keys = [b"\x92a1", b"\x92a2", b"\x92a3", b"\x92b1", b"\x92\xff\xff", b"\x92\xff\xff\x01"]
    store.commit(CommitBatch(0, {key: b"v" + key for key in keys}, {}))
    assert [key for key, _ in store.state_from(b"\x92a", None, 2)] == keys[:2]
    assert store.state_from(b"\x92a", b"\x92a2", 2) == [(keys[2], b"v" + keys[2])]
    assert [key for key, _ in store.state_from(b"\x92\xff\xff", None, 9)] == keys[4:]


@pytest.mark.parametrize("heights", [[1], [0, 0], [0, 2], [1, 0]])
def test_blocks_that_leave_a_hole_are_refused(store: Store, heights: list[int]) -> None:
    with pytest.raises(StoreError, match="continue"):
        store.append([block(height) for height in heights])
    assert store.last_height == -1


def test_a_block_is_not_overwritten_without_a_cut(store: Store) -> None:
    store.append([block(0), block(1)])
    with pytest.raises(StoreError, match="continue"):
        store.append([block(1, "b")])
    store.append([block(1, "b")], truncate_from=1)
    assert store.block(1) == block(1, "b")[1]


def test_an_applied_block_is_never_cut_off(store: Store) -> None:
    store.append([block(0), block(1), block(2)])
    store.commit(CommitBatch(1, {}, {}))
    with pytest.raises(StoreError, match="applied"):
        store.append([block(1, "b")], truncate_from=1)
    assert contents(store) == dict([block(0), block(1), block(2)])


@pytest.mark.parametrize("height", [0, 1, 3])
def test_a_commit_out_of_order_is_refused(store: Store, height: int) -> None:
    store.append([block(0), block(1), block(2)])
    store.commit(CommitBatch(1, {}, {}))
    with pytest.raises(StoreError, match="out of order"):
        store.commit(CommitBatch(height, {b"k": b"v"}, {}))
    assert store.state(b"k") is None


def test_a_cut_log_may_end_earlier_than_it_did(folder: Path) -> None:
    store = Store.open(folder)
    store.append([block(height) for height in range(6)], hard=(1, "n1", 0))
    store.append([block(2, "b")], truncate_from=2, hard=(2, None, 0))
    store.close()
    store = Store.open(folder)
    assert contents(store) == dict([block(0), block(1), block(2, "b")])
    store.append(truncate_from=1)
    store.close()
    store = Store.open(folder)
    assert (contents(store), store.hard_state) == (dict([block(0)]), (2, None, 0))
    store.close()


def test_only_the_very_block_counts_as_durable(store: Store) -> None:
    store.append([block(0), block(1)])
    assert store.holds(*block(1))
    assert not store.holds(*block(1, "b"))
    store.append([block(1, "b")], truncate_from=1)
    assert store.holds(*block(1, "b"))
    assert not store.holds(*block(1))
    assert not store.holds(*block(2))


def test_a_second_process_is_told_that_the_folder_is_in_use(folder: Path, store: Store) -> None:
    with pytest.raises(StoreLocked) as refused:
        Store.open(folder)
    assert refused.value.code == "store_locked"


def test_a_kill_between_the_two_batches_loses_only_the_commit(folder: Path, store: Store) -> None:
    store.append([block(0)])
    store.commit(CommitBatch(0, {b"k": b"0"}, {}))
    store.append([block(1)])
    killed = copy(folder, "killed")
    store.commit(CommitBatch(1, {b"k": b"1"}, {}))
    with_commit = copy(folder, "with commit")
    reopened = Store.open(killed)
    assert (reopened.last_height, reopened.applied_height, reopened.state(b"k")) == (1, 0, b"0")
    reopened.close()
    reopened = Store.open(with_commit)
    assert (reopened.last_height, reopened.applied_height, reopened.state(b"k")) == (1, 1, b"1")
    reopened.close()


def test_no_chop_of_the_log_goes_unnoticed(folder: Path, store: Store) -> None:
    """CR-35: LevelDB alone opens every one of these shorter logs without a word."""
    store.append([block(0)], hard=(1, "n1", 0))
    store.commit(CommitBatch(0, {b"k": b"0"}, {}))
    for height in range(1, 4):
        store.append([block(height)], hard=(height, "n1", 0))
    durable = log_file(folder).stat().st_size
    store.commit(CommitBatch(3, {b"k": b"3" * 50}, {}))
    size = log_file(folder).stat().st_size
    for kept in range(0, size, 23):
        chopped = copy(folder, f"chopped {kept}")
        os.truncate(log_file(chopped), kept)
        if kept < durable:
            with pytest.raises(StoreError):
                Store.open(chopped)
        else:
            reopened = Store.open(chopped)
            assert contents(reopened) == contents(store)
            assert (reopened.applied_height, reopened.state(b"k")) == (0, b"0")
            reopened.close()
        shutil.rmtree(chopped)


def torn(data: bytes, durable: int, way: str) -> bytes:
    """A log whose last sync ended at `durable`, as a power cut may leave what came after."""
    middle = (durable + len(data)) // 2
    match way:
        case "zeros":
            return data[:middle] + bytes(40_000)
        case "all zeros":
            return data[:durable] + bytes(40_000)
        case "hole":
            return data[:middle] + bytes(4_096) + data[middle + 4_096 :]
        case "garbage":
            return data[:middle] + os.urandom(9_000)
        case _:
            return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


@pytest.mark.parametrize("way", ["zeros", "all zeros", "hole", "garbage", "flip"])
def test_a_power_cut_that_tears_only_what_was_not_synced_loses_only_the_commit(
    folder: Path, store: Store, way: str
) -> None:
    """CR-35: the incomplete record is dropped, and nothing before it."""
    store.append([block(0)])
    store.commit(CommitBatch(0, {b"k": b"0"}, {}, nodes=[(0, 0, b"n")]))
    store.append([block(1), block(2)], hard=(1, "n1", 0))
    durable = log_file(folder).stat().st_size
    big = {b"k%d" % number: os.urandom(200) for number in range(300)}
    store.commit(CommitBatch(1, big | {b"k": b"1"}, {}, nodes=[(0, 1, b"n"), (1, 0, b"n")]))
    cut = copy(folder, "cut")
    log = log_file(cut)
    log.write_bytes(torn(log.read_bytes(), durable, way))
    for _ in range(2):
        reopened = Store.open(cut)
        assert contents(reopened) == contents(store)
        assert (reopened.applied_height, reopened.state(b"k"), reopened.hard_state) == (0, b"0", (1, "n1", 0))
        assert reopened.state(b"k7") is None
        reopened.close()
    assert not (cut / "log-set-aside").exists()


@pytest.mark.parametrize("lost", ["append", "commit"])
def test_a_batch_lost_in_the_middle_of_the_log_is_noticed_and_the_damage_kept(
    folder: Path, lost: str
) -> None:
    """CR-35: LevelDB, opened leniently, skips the damaged batch and goes on with the ones after it."""
    store = Store.open(folder)
    store.append([block(0)])
    store.commit(CommitBatch(0, {}, {}, nodes=[(0, 0, b"n")]))
    starts = log_file(folder).stat().st_size
    if lost == "append":
        store.append([(1, os.urandom(40_000))])
        middle = (starts + log_file(folder).stat().st_size) // 2
    else:
        store.append([block(1)])
        starts = log_file(folder).stat().st_size
        store.commit(CommitBatch(1, {b"k": os.urandom(40_000)}, {}, nodes=[(0, 1, b"n"), (1, 0, b"n")]))
        middle = (starts + log_file(folder).stat().st_size) // 2
    for height in range(2, 6):  # enough for the reader to find its place again
        store.append([(height, os.urandom(40_000))])
        store.commit(CommitBatch(height, {}, {}, nodes=[(0, height, b"n")]))
    damaged = copy(folder, "damaged")
    store.close()
    data = bytearray(log_file(damaged).read_bytes())
    data[middle] ^= 0x01
    log_file(damaged).write_bytes(data)
    for _ in range(2):
        with pytest.raises(StoreError, match=f"lost a batch in its middle: .*{lost}"):
            Store.open(damaged)
        (aside,) = (damaged / "log-set-aside").glob("*.log")
        assert aside.read_bytes() == data


def with_an_older_log(folder: Path, before: HardState, after: HardState) -> Path:
    """A folder whose log knows no more than `before`, and whose mark was written with `after`."""
    store = Store.open(folder)
    store.append([block(0)], hard=before)
    store.close()
    older = copy(folder, "older")
    store = Store.open(folder)
    store.append(hard=after)
    store.close()
    shutil.rmtree(folder / "db")
    shutil.copytree(older / "db", folder / "db")
    return folder


@pytest.mark.parametrize("after", [(4, "n2", 0), (5, None, 0), (5, "n1", 0)])
def test_a_term_and_a_vote_that_the_log_does_not_have_are_remembered(folder: Path, after: HardState) -> None:
    """CR-06: the mark alone is enough; then they are what the store goes on from."""
    with_an_older_log(folder, (4, None, 0), after)
    for _ in range(2):
        store = Store.open(folder)
        assert store.hard_state == after
        store.close()
    store = Store.open(folder)
    store.append([block(1)])
    store.close()
    store = Store.open(folder)
    assert (store.last_height, store.hard_state) == (1, after)
    store.close()


@pytest.mark.parametrize("log_has", [(4, "n3", 0), (5, None, 0), (5, "n1", 0)])
def test_a_term_and_a_vote_that_the_mark_does_not_have_yet_are_kept(folder: Path, log_has: HardState) -> None:
    """CR-06: the process ended between the batch and the mark."""
    store = Store.open(folder)
    store.append([block(0)], hard=(4, None, 0))
    mark = (folder / "mark").read_bytes()
    store.append([block(1)], hard=log_has)
    store.close()
    (folder / "mark").write_bytes(mark)
    store = Store.open(folder)
    assert store.hard_state == log_has
    store.append(hard=(6, None, 0))
    store.close()
    assert marked(folder).height == 1, "a block that may be acknowledged is marked"


@pytest.mark.parametrize(
    ("before", "after"),
    [((4, "n1", 0), (4, "n2", 0)), ((4, None, 0), (4, None, 3)), ((4, None, 2), (7, "n1", 3))],
)
def test_a_log_that_forgot_whom_it_followed_or_votes_otherwise_is_noticed(
    folder: Path, before: HardState, after: HardState
) -> None:
    """CR-06, CR-35: whom a node followed says what it cut (CR-70), so that goes into the log too."""
    with_an_older_log(folder, before, after)
    with pytest.raises(StoreError, match="forgotten") as refused:
        Store.open(folder)
    assert refused.value.code == "log_truncated"


def test_a_vote_waits_for_one_sync(folder: Path, store: Store) -> None:
    """CR-05: the mark is synced, and the log is left alone."""
    store.append([block(0)], hard=(1, None, 0))
    size = log_file(folder).stat().st_size
    store.append(hard=(2, "n2", 0))
    assert log_file(folder).stat().st_size == size
    mark = marked(folder)
    assert (mark.height, mark.term, mark.vote, mark.accepted) == (0, 2, "n2", 0)


def test_another_block_in_the_place_of_a_durable_one_is_noticed(folder: Path) -> None:
    """CR-35."""
    store = Store.open(folder)
    store.append([block(0), block(1)])
    store._db.put(b"b" + (1).to_bytes(5, "big"), b"something else")
    store.close()
    with pytest.raises(StoreError, match="another block"):
        Store.open(folder)


def test_a_missing_block_is_an_error_and_not_an_end(store: Store) -> None:
    store.append([block(0), block(1), block(2)])
    store._db.delete(b"b" + (1).to_bytes(5, "big"))
    with pytest.raises(StoreError, match="missing"):
        store.block(1)
    assert store.block(3) is None


def test_a_folder_that_lost_a_part_is_refused(folder: Path) -> None:
    store = Store.open(folder)
    store.append([block(0)])
    store.close()
    without_db = copy(folder, "without db")
    shutil.rmtree(without_db / "db")
    with pytest.raises(StoreError):
        Store.open(without_db)
    without_mark = copy(folder, "without mark")
    (without_mark / "mark").unlink()
    with pytest.raises(StoreError, match="mark is missing") as missing:
        Store.open(without_mark)
    bad_mark = copy(folder, "bad mark")
    (bad_mark / "mark").write_bytes(b"\xff" * 8192)
    with pytest.raises(StoreError, match="mark is damaged") as damaged:
        Store.open(bad_mark)
    for refused in (missing, damaged):
        assert "repair" in StoreError.remedy
        assert "no repair helps" in refused.value.remedy


def test_a_folder_belongs_to_one_key(folder: Path) -> None:
    for owner, is_first in ((b"a" * 32, True), (b"a" * 32, False), (b"b" * 32, False)):
        store = Store.open(folder)
        if owner == b"a" * 32:
            store.claim(owner)
            if is_first:
                store.append([block(0)])
        else:
            with pytest.raises(StoreError, match="another node") as refused:
                store.claim(owner)
            assert refused.value.code == "wrong_owner"
            assert (b"a" * 32).hex() in str(refused.value)
        store.close()


def test_a_ledger_in_the_format_of_other_software_is_not_called_damaged(folder: Path) -> None:
    store = Store.open(folder)
    store.append([block(0)])
    for found, code in ((b"\1", "other_format"), (None, "store_damaged")):
        batch = store.batch()
        if found is None:
            batch.delete(FORMAT_KEY)
        else:
            batch.put(FORMAT_KEY, found)
        store.write(batch)
        store.close()
        with pytest.raises(StoreError) as refused:
            Store.open(folder)
        assert refused.value.code == code
        assert ("repair nothing" in refused.value.remedy) == (code == "other_format")
        database = open_database(folder, create=False)
        database.put(FORMAT_KEY, FORMAT_VALUE)
        database.close()
        store = Store.open(folder)
    assert store.block(0) is not None
    store.close()


def test_what_leveldb_says_is_shown_as_text(folder: Path) -> None:
    Store.open(folder).close()
    (folder / "db" / "CURRENT").write_text("MANIFEST-nowhere\n")
    with pytest.raises(StoreError, match="cannot be opened") as refused:
        Store.open(folder)
    assert not str(refused.value.found).startswith("b'")


def test_a_crash_before_the_first_append_leaves_a_store_that_opens(folder: Path) -> None:
    Store.open(folder).close()
    shutil.rmtree(folder / "db")
    store = Store.open(folder)
    store.append([block(0)])
    store.close()


class Killed(BaseException):
    """The process dies here."""


@pytest.mark.parametrize("writes_until_death", [0, 1])
def test_a_kill_inside_an_overwriting_append_leaves_the_old_or_the_new_log(
    folder: Path, monkeypatch: pytest.MonkeyPatch, writes_until_death: int
) -> None:
    store = Store.open(folder)
    store.append([block(height) for height in range(5)], hard=(1, "n1", 0))
    store.close()
    store = Store.open(folder)
    written = 0
    write = type(store._mark).write

    def dying(self: object, mark: object) -> None:
        nonlocal written
        if written == writes_until_death:
            raise Killed
        written += 1
        write(self, mark)  # type: ignore[arg-type]

    monkeypatch.setattr(type(store._mark), "write", dying)
    with pytest.raises(Killed):
        store.append([block(2, "b")], truncate_from=2, hard=(2, None, 0))
    monkeypatch.undo()
    store.close()
    store = Store.open(folder)
    if writes_until_death == 0:  # before the mark was lowered: nothing has happened
        assert (contents(store), store.hard_state) == (dict(map(block, range(5))), (1, "n1", 0))
    else:  # after the log was overwritten
        assert (contents(store), store.hard_state) == (
            dict([block(0), block(1), block(2, "b")]),
            (2, None, 0),
        )
    store.append([block(store.last_height + 1)])
    store.close()


def test_a_kill_between_lowering_the_mark_and_the_cut_leaves_the_old_log(folder: Path) -> None:
    store = Store.open(folder)
    store.append([block(height) for height in range(5)])

    def dying(_batch: object) -> None:
        raise Killed

    store.write = dying  # type: ignore[method-assign]
    with pytest.raises(Killed):
        store.append([block(2, "b")], truncate_from=2)
    store.close()
    store = Store.open(folder)
    assert contents(store) == dict(map(block, range(5)))
    store.close()


def test_nothing_is_written_after_a_failed_write(folder: Path) -> None:
    """CR-36."""
    store = Store.open(folder)
    store.append([block(0)])
    os.close(store._mark._file._handle)
    with pytest.raises(StoreError, match="cannot write"):
        store.append([block(1)])
    for attempt in (lambda: store.append([block(2)]), lambda: store.commit(CommitBatch(0, {}, {}))):
        with pytest.raises(StoreError, match="stopped"):
            attempt()
    store._db.close()
    store = Store.open(folder)
    assert store.applied_height == -1
    assert contents(store) == dict([block(0), block(1)])
    store.close()


def test_damaged_database_files_are_refused_or_read_right(folder: Path) -> None:
    store = Store.open(folder)
    expected = {height: os.urandom(3_000) for height in range(40)}
    store.append(list(expected.items()))
    store.close()
    Store.open(folder).close()  # moves the log into a table
    (table,) = (folder / "db").glob("*.ldb")
    size = table.stat().st_size
    refused = 0
    for number, position in enumerate(range(0, size, size // 25)):
        damaged = copy(folder, f"damaged {number}")
        data = bytearray(table.read_bytes())
        data[position] ^= 0x10
        (damaged / "db" / table.name).write_bytes(data)
        try:
            store = Store.open(damaged)
        except StoreError:
            refused += 1
            continue
        for height, data_expected in expected.items():
            try:
                assert store.block(height) == data_expected
            except StoreError:
                refused += 1
        store.close()
    assert refused >= 20


def test_one_thread_appends_while_another_reads_and_commits(folder: Path) -> None:
    store = Store.open(folder)
    store.append([block(0)])
    total = 60

    def storage() -> None:
        for height in range(1, total):
            store.append([block(height, "old"), block(height + 1, "old")], hard=(height, None, 0))
            store.append([block(height)], truncate_from=height, hard=(height, "n1", 0))

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(storage)
        wanted = 1
        while wanted < total:
            if store.holds(*block(wanted)):
                store.commit(CommitBatch(wanted, {b"k": b"%d" % wanted}, {}))
                assert store.state(b"k") == b"%d" % wanted
                assert store.block(wanted) == block(wanted)[1]
                wanted += 1
            assert done.running() or done.exception() is None
        done.result()
    store.close()
    store = Store.open(folder)
    assert contents(store) == dict(map(block, range(total)))
    assert (store.applied_height, store.hard_state) == (total - 1, (total - 1, "n1", 0))
    store.close()
