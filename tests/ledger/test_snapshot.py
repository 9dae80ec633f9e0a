"""Snapshots: given away and taken in whole; what is wrong is refused; a kill leaves one ledger whole."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from canonical_values import VALUES
from hypothesis import given
from hypothesis import strategies as st
from small_ledger import (
    GENESIS,
    START_MS,
    Node,
    certify,
    put,
    record,
    transaction,
)

from ledger import codec
from ledger.blocks.block import Block
from ledger.blocks.certificate import Certificate, CertifiedHeader
from ledger.blocks.executor import ExecutorBug
from ledger.blocks.genesis import read_genesis
from ledger.chain.committed import NotHeld
from ledger.errors import Malformed, StoreError, TallyError, VerificationError
from ledger.limits import MAX_VALIDITY_MS
from ledger.proofs.handover import Followed
from ledger.snapshots import snapshot, staging
from ledger.snapshots.snapshot import Manifest
from ledger.snapshots.source import NotKept, NotReady, PinnedState, Shelf
from ledger.snapshots.staging import Staging
from ledger.state.overlay import state_key
from ledger.state.root import SUBTREES
from ledger.storage.database import open_database
from ledger.storage.rows import FORMAT_KEY
from ledger.storage.store import Store

GENESIS_BLOCK = read_genesis(GENESIS)
TRUST = Followed.of(GENESIS_BLOCK)
OWNER = b"\x05" * 32
HARD = (7, "n2", 6)


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Node]:
    node = Node(tmp_path / "source")
    yield node
    node.close()


def fill(node: Node, blocks: int = 12) -> None:
    """Entries overwritten and deleted, one long history and some short ones."""
    start = node.chain.applied.height
    for height in range(start, start + blocks):
        operations = [put(f"k{height}", height, 1000 * height), put("same", height, 1000 * height + 1)]
        operations += [record("long", n, 1000 * height + 10 + n) for n in range(40)]
        operations += [record(f"short {height}", 1, 1000 * height + 100)]
        if height % 3 == 2:
            operations.append(transaction({"op": "delete", "key": f"k{height - 1}"}, nonce=1000 * height + 2))
        node.seal_and_commit(*operations, time_ms=START_MS + height)


def pinned(node: Node, folder: Path) -> PinnedState:
    state = node.chain.pin()
    for _ in state.sort(folder):
        pass
    return state


def take_all(taken: Staging, state: PinnedState, part: int = 300) -> None:
    if taken.block_left():
        taken.take_block(state.block())
    while taken.state_left():
        first, end = taken.state_left()[0]
        taken.take_state(first, min(first + part, end), state.state(first, min(first + part, end)))
    while (recent := taken.recent_left()) is not None:
        taken.take_recent(state.recent(recent[0]))
    for each in taken.records_left(100):
        while each is not None:
            each = taken.take_records(each, state.records(each.first, each.end, each.stop))


def rows(store: Store, kinds: bytes = b"strkx") -> dict[bytes, bytes]:
    return {key: value for kind in kinds for key, value in store.rows(bytes((kind,)), bytes((kind + 1,)))}


def follow(node: Node, block: Block) -> None:
    node.accept(block)
    node.append(block)
    node.commit(block)


def transferred(node: Node, state: PinnedState, target: Path) -> Path:
    taken = Staging.begin(target, state.manifest(node.chain.certified(state.height)), TRUST)
    take_all(taken, state)
    taken.finish(OWNER, HARD, keep_old=False)
    assert staging.settle(target)
    return target


@pytest.mark.parametrize("spool_bytes", [1 << 24, 2_000])
def test_a_node_goes_on_from_a_snapshot_as_the_source_does(
    source: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spool_bytes: int
) -> None:
    """CR-48, CR-63: state, histories, transaction ids and proofs are those of the source."""
    monkeypatch.setattr("ledger.snapshots.source.SPOOL_BUFFER_BYTES", spool_bytes)
    fill(source)
    state = pinned(source, tmp_path)
    at, expected = source.chain.applied, rows(source.store)
    fill(source, 3)  # the pinned state does not move
    transferred(source, state, tmp_path / "target")
    state.close()
    target = Node(tmp_path / "target")
    try:
        assert target.chain.applied == at == target.chain.head
        assert rows(target.store) == expected
        assert (target.store.base_height, target.store.last_height) == (at.height, at.height)
        assert target.store.hard_state == HARD
        for height in range(at.height + 1, source.chain.applied.height + 1):
            block = source.chain.block(height)
            target.accept(block)
            target.append(block)
            target.commit(block)
        assert rows(target.store) == rows(source.store)
        for key in (state_key("log", "long"), state_key("log", "short 3")):
            proved = target.chain.history(key).verify(GENESIS_BLOCK)
            assert proved == source.chain.history(key).verify(GENESIS_BLOCK)
        for height in range(at.height, source.chain.applied.height + 1):
            assert target.chain.certified(height).verify(GENESIS_BLOCK) == source.chain.header(height)
        target.reopen()
        assert target.chain.applied == source.chain.applied
    finally:
        target.close()


def test_a_transaction_of_before_the_snapshot_is_not_taken_twice(source: Node, tmp_path: Path) -> None:
    fill(source)
    transferred(source, pinned(source, tmp_path), tmp_path / "target")
    target = Node(tmp_path / "target")
    try:
        old = put("k3", 3, 3000)
        assert target.chain.locate(old.id) == source.chain.locate(old.id)
        objection = target.chain.objection(old, START_MS)
        assert objection is not None
        assert objection.code == "duplicate_transaction"
        with pytest.raises(NotHeld) as refused:
            target.chain.receipt(old.id)
        assert refused.value.code == "not_held_here"
    finally:
        target.close()


def test_ids_are_fetched_as_far_back_as_they_could_still_come_again(
    source: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for height in range(8):
        source.seal_and_commit(put("x", height, height), time_ms=START_MS + 1_000 * height)
    monkeypatch.setattr(staging, "MAX_VALIDITY_MS", 2_500)
    transferred(source, pinned(source, tmp_path), tmp_path / "target")
    target = Node(tmp_path / "target")
    try:
        known = [target.chain.locate(put("x", height, height).id) is not None for height in range(8)]
        assert known == [False] * 4 + [True] * 4, "one block more than necessary tells where to stop"
    finally:
        target.close()


@pytest.mark.parametrize("blocks", [1, 2, 3, 7, 8])
def test_heights_around_the_base_are_held_or_said_not_to_be(
    source: Node, tmp_path: Path, blocks: int
) -> None:
    """CR-63: i − 1 is not held; i is, whole and with term and hash; i + 1 follows it."""
    for number in range(blocks):
        source.seal_and_commit(put("x", number, number))
    base = source.chain.applied.height
    transferred(source, pinned(source, tmp_path), tmp_path / "target")
    target = Node(tmp_path / "target")
    try:
        store, chain = target.store, target.chain
        assert store.block(0) == GENESIS
        assert store.block(base) == source.store.block(base)
        assert chain.block(base).hash == chain.header(base).hash == source.chain.applied.hash
        assert chain.header(0) == GENESIS_BLOCK.block.header
        assert store.block(base + 1) is None
        assert chain.block(base + 1) is None
        assert chain.first_height == base
        for below in range(1, base):
            assert store.block(below) is None
            for read in (chain.block, chain.header, chain.certified):
                with pytest.raises(NotHeld):
                    read(below)
        with pytest.raises(StoreError, match="refused to cut"):
            store.append(truncate_from=base)
        block = source.seal_and_commit(put("y", 1, 100))
        target.accept(block)
        target.append(block)
        target.commit(block)
        target.reopen()
        assert target.store.last_height == target.chain.applied.height == base + 1
    finally:
        target.close()


def test_a_snapshot_of_a_ledger_that_itself_began_with_one(source: Node, tmp_path: Path) -> None:
    """CR-63: it gives away at once what it was given, the ids of the last hour included."""
    fill(source, 3)
    transferred(source, pinned(source, tmp_path), tmp_path / "second")
    second = Node(tmp_path / "second")
    follow(second, source.seal_and_commit(put("y", 1, 9_999), time_ms=START_MS + 100))
    state = pinned(second, tmp_path)
    manifest = state.manifest(second.chain.certified())
    assert manifest.verify(TRUST) == source.chain.applied
    assert manifest == pinned(source, tmp_path).manifest(source.chain.certified())
    assert state.recent(state.height - 1) == pinned(source, tmp_path).recent(state.height - 1)
    transferred(second, state, tmp_path / "third")
    state.close()
    second.close()
    third = Node(tmp_path / "third")
    try:
        assert rows(third.store) == rows(source.store)
        objection = third.chain.objection(put("k1", 1, 1000), START_MS)
        assert objection is not None
        assert objection.code == "duplicate_transaction"
    finally:
        third.close()


def test_what_a_snapshot_told_of_the_hour_before_it_goes_once_the_log_covers_one(
    source: Node, tmp_path: Path
) -> None:
    for height in range(3):
        source.seal_and_commit(put("x", height, height), time_ms=START_MS + height)
    transferred(source, pinned(source, tmp_path), tmp_path / "second")
    second = Node(tmp_path / "second")
    try:
        base_ms = second.chain.applied.time_ms
        for later_ms, told in ((MAX_VALIDITY_MS, [1, 2]), (MAX_VALIDITY_MS + 1, [])):
            follow(second, source.seal_and_commit(time_ms=base_ms + later_ms))
            second.reopen()
            assert [int.from_bytes(key[1:], "big") for key in rows(second.store, b"e")] == told
            state = pinned(second, tmp_path)
            transferred(second, state, tmp_path / f"after {later_ms}")
            state.close()
        with pytest.raises(NotKept, match="before the beginning"):
            pinned(second, tmp_path).recent(second.chain.first_height - 1)
    finally:
        second.close()


def test_commits_end_at_each_multiple_of_the_interval_on_every_node(source: Node, tmp_path: Path) -> None:
    """All nodes have the same snapshots, however many blocks they commit at once (CR-42)."""
    other = Node(tmp_path / "other")
    seen: dict[str, list[tuple[int, bytes]]] = {"source": [], "other": []}
    for name, node in (("source", source), ("other", other)):
        node.chain.snapshot_interval = 4

        def take(state: PinnedState, name: str = name) -> None:
            seen[name].append((state.height, codec.encode((state.header.data, state.nodes, state.peaks))))
            state.close()

        node.chain.at_boundary = take
    blocks = []
    for number in range(13):
        blocks.append(source.seal_and_commit(put("x", number, number)))
    for block in blocks:
        other.accept(block)
    other.append(*blocks)
    assert [block.height for block in other.commit(blocks[-1])] == list(range(1, 14))
    assert [height for height, _ in seen["source"]] == [4, 8, 12]
    assert seen["source"] == seen["other"]
    assert rows(other.store) == rows(source.store)
    certified = other.chain.certified(8)
    assert certified.via is not None
    assert certified.verify(GENESIS_BLOCK) == blocks[7].header
    other.close()


def test_a_manifest_that_is_not_of_the_certified_header_is_refused(source: Node) -> None:
    """CR-67: everything is verified before it replaces anything."""
    fill(source, 5)
    state = source.chain.pin()
    good = state.manifest(source.chain.certified())
    assert Manifest.decode(good.encode()) == good
    assert good.verify(TRUST) == source.chain.applied
    flipped = bytearray(good.nodes)
    flipped[77] ^= 1
    old = source.chain.certified(4)
    few = type(good.certified)(good.header, None, certify(source.chain.block(5), ("n1",)))
    for bad in (
        Manifest(good.certified, bytes(flipped), good.peaks),
        Manifest(good.certified, good.nodes, good.peaks[:-1]),
        Manifest(good.certified, good.nodes, (b"\1" * 32, *good.peaks[1:])),
        Manifest(old, good.nodes, good.peaks),
        Manifest(few, good.nodes, good.peaks),
    ):
        with pytest.raises(VerificationError):
            Manifest.decode(bad.encode()).verify(TRUST)
    for data in (b"", good.encode()[:-1], codec.encode(("snapshot", 2, None, b"", ())), b"\xff" * 50):
        with pytest.raises(TallyError):
            Manifest.decode(data)
    state.close()


def test_each_bad_chunk_is_refused_alone_and_leaves_no_trace(source: Node, tmp_path: Path) -> None:
    """CR-67; a chunk that is wrong in any byte is known when it comes."""
    fill(source, 4)
    state = pinned(source, tmp_path)
    taken = Staging.begin(tmp_path / "target", state.manifest(source.chain.certified()), TRUST)
    part = None
    for step in ("block", "state", "recent", "records"):
        if step == "block":
            good, take = state.block(), taken.take_block
        elif step == "state":
            good, take = state.state(0, SUBTREES), lambda data: taken.take_state(0, SUBTREES, data)
        elif step == "recent":
            good, take = state.recent(taken.height - 1), taken.take_recent
        else:
            (part,) = taken.records_left(10_000)
            good, take = (
                state.records(part.first, part.end, part.stop),
                partial(taken.take_records, part),
            )
        before = dict(taken.rows(b"", b"\xff"))
        for place in range(0, len(good), max(len(good) // 60, 1)):
            bad = good[:place] + bytes((good[place] ^ 0x41,)) + good[place + 1 :]
            with pytest.raises((Malformed, TallyError)):
                take(bad)
        for bad in (b"", good[:-1], good + b"\0", codec.encode(()), codec.encode((0, ())), b"\x00" * 9):
            with pytest.raises(TallyError):
                take(bad)
        assert dict(taken.rows(b"", b"\xff")) == before
        take(good)
    with pytest.raises(TallyError):
        taken.take_records(part, good)
    taken.finish(OWNER, HARD, keep_old=False)
    state.close()


@given(VALUES, st.binary(max_size=30))
def test_no_chunk_is_of_a_form_that_is_not_refused(value: codec.Value, data: bytes) -> None:
    """Whatever a peer sends is a chunk or an error that names what is wrong, and never anything else."""
    header = GENESIS_BLOCK.block.header
    certified = CertifiedHeader(header, None, Certificate(1, 1, header.hash, (("n1", b"s" * 64),)))
    manifest = Manifest(certified, b"\1" * (32 * SUBTREES), ())
    for chunk in (data, codec.encode(value), codec.encode((0, (value,))), codec.encode((value,))):
        for check in (
            Manifest.decode,
            partial(snapshot.check_state, manifest, 0, 1),
            partial(snapshot.check_recent, 1, header.hash),
            partial(snapshot.check_block, manifest),
        ):
            with pytest.raises(TallyError):
                check(chunk)
        with suppress(TallyError):
            for run in snapshot.decode_records(chunk):
                run.check(b"other", 1, b"")


def test_an_entry_left_out_added_twice_or_in_another_subtree_is_refused(source: Node, tmp_path: Path) -> None:
    fill(source, 4)
    state = pinned(source, tmp_path)
    manifest = state.manifest(source.chain.certified())
    first, subtrees = codec.decode(state.state(0, SUBTREES))
    place = next(index for index, runs in enumerate(subtrees) if runs)
    entries = codec.decode(subtrees[place][0])
    empty = next(index for index, runs in enumerate(subtrees) if not runs)
    for index, changed in (
        (place, ()),
        (place, (codec.encode(entries), codec.encode(entries[:2]))),
        (place, (codec.encode((*entries, b"more", b"\1")),)),
        (place, (codec.encode(entries[:-1]),)),
        (empty, (codec.encode(entries[:2]),)),
    ):
        bad = [*subtrees[:index], changed, *subtrees[index + 1 :]]
        with pytest.raises(TallyError):
            snapshot.check_state(manifest, 0, SUBTREES, codec.encode((first, tuple(bad))))
    split = [codec.encode(entries[at : at + 2]) for at in range(0, len(entries), 2)]
    as_good = [*subtrees[:place], tuple(reversed(split)), *subtrees[place + 1 :]]
    assert snapshot.check_state(manifest, 0, SUBTREES, codec.encode((first, tuple(as_good)))).end == SUBTREES
    state.close()


def test_a_long_history_comes_in_runs_from_its_end(
    source: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.snapshots.source.SNAPSHOT_CHUNK_BYTES", 300)
    fill(source, 10)
    state = pinned(source, tmp_path)
    taken = Staging.begin(tmp_path / "target", state.manifest(source.chain.certified()), TRUST)
    taken.take_block(state.block())
    while taken.state_left():
        first, end = taken.state_left()[0]
        taken.take_state(first, end, state.state(first, end))
    while (recent := taken.recent_left()) is not None:
        taken.take_recent(state.recent(recent[0]))
    asked = []
    part = taken.records_left(10_000)[0]
    while part is not None:
        asked.append((part.first, part.end))
        part = taken.take_records(part, state.records(part.first, part.end, part.stop))
        if len(asked) % 3 == 0:  # a restart goes on where it was
            taken.close()
            again = Staging.resume(tmp_path / "target", GENESIS_BLOCK)
            assert again is not None
            taken = again
            left = taken.records_left(10_000)
            assert left[:1] == ([] if part is None else [left[0]])
            if part is not None:
                assert (left[0].first, left[0].end) == (part.first, part.end)
    ends = [end for key, end in asked if key == state_key("log", "long") and end]
    assert len(ends) >= 3
    assert all(end % 64 == 0 for end in ends)
    assert ends == sorted(ends, reverse=True)
    taken.finish(OWNER, HARD, keep_old=False)
    assert staging.settle(tmp_path / "target")
    target = Node(tmp_path / "target")
    assert rows(target.store) == rows(source.store)
    target.close()


def test_state_chunks_wait_for_the_sorting(source: Node, tmp_path: Path) -> None:
    fill(source, 2)
    state = source.chain.pin()
    with pytest.raises(NotReady):
        state.state(0, 5)
    steps = state.sort(tmp_path)
    next(steps, None)
    for _ in steps:
        pass
    state.state(0, 5)
    assert not [path for path in tmp_path.iterdir() if path.is_file()], "the spool leaves no file behind"
    state.close()


def test_the_shelf_keeps_the_newest_two_and_those_in_use(source: Node) -> None:
    shelf = Shelf()
    gone: list[int] = []
    for height in range(1, 8):
        source.seal_and_commit(put("x", height, height))
        for state in shelf.put(source.chain.pin(), frozenset({2})):
            gone.append(state.height)
            state.close()
    assert [state.height for state in shelf.states] == [2, 6, 7]
    assert gone == [1, 3, 4, 5]
    gone += [state.height for state in shelf.sweep()]
    assert gone[-1] == 2
    with pytest.raises(TallyError) as refused:
        shelf.at(2)
    assert refused.value.code == "snapshot_not_kept"
    assert shelf.at(6).height == 6


class Killed(BaseException):
    """The process ends here."""


def effects(monkeypatch: pytest.MonkeyPatch, die_at: int) -> Callable[[], int]:
    """Count what finish and settle do to the disk, and die before the `die_at`-th of it."""
    count = 0

    def counted(function: Any) -> Any:
        def call(*arguments: Any, **named: Any) -> Any:
            nonlocal count
            if count == die_at:
                raise Killed
            count += 1
            return function(*arguments, **named)

        return call

    monkeypatch.setattr(Path, "rename", counted(Path.rename))
    monkeypatch.setattr(Path, "unlink", counted(Path.unlink))
    monkeypatch.setattr(staging.MarkFile, "create", counted(staging.MarkFile.create))
    monkeypatch.setattr(staging.MarkFile, "write", counted(staging.MarkFile.write))
    monkeypatch.setattr(Staging, "write", counted(Staging.write))
    monkeypatch.setattr(staging, "_write", counted(staging._write))
    monkeypatch.setattr(staging.shutil, "rmtree", counted(staging.shutil.rmtree))
    return lambda: count


def test_a_kill_at_any_step_of_the_switch_leaves_the_old_or_the_new_ledger_whole(
    source: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """CR-66: no gap, no double application, and no promise forgotten."""
    first = source.seal_and_commit(put("x", 0, 5_000))
    fill(source, 4)
    state = pinned(source, tmp_path)
    base = state.height
    outcomes = []
    for die_at in range(40):
        folder = tmp_path / f"target {die_at}"
        old = Node(folder)
        old.accept(first)
        old.store.append([(1, first.data)], hard=HARD)
        old.store.claim(OWNER)
        hard = old.store.hard_state
        old.close()
        taken = Staging.begin(folder, state.manifest(source.chain.certified()), TRUST)
        take_all(taken, state)
        with monkeypatch.context() as patch:
            effects(patch, die_at)
            try:
                taken.finish(OWNER, hard, keep_old=die_at % 2 == 0)
                staging.settle(folder)
                finished = True
            except Killed:
                finished = False
        taken.close()
        # The process starts again, and is killed again at each step of making up for it.
        for second in range(40):
            with monkeypatch.context() as patch:
                effects(patch, second)
                try:
                    staging.settle(folder)
                    break
                except Killed:
                    continue
        node = Node(folder)
        node.store.claim(OWNER)
        assert node.store.hard_state == HARD
        assert node.store.last_height in (1, base)
        outcomes.append(node.store.last_height)
        if node.store.last_height == 1:
            assert node.chain.head == first.header
        else:
            assert node.chain.applied == source.chain.applied
            assert rows(node.store) == rows(source.store)
        node.close()
        kept = folder.with_name(f"{folder.name}.before-{base}")
        assert kept.exists() == (outcomes[-1] == base and die_at % 2 == 0)
        if kept.exists():
            old = Node(kept)
            assert old.store.last_height == 1
            old.close()
        assert not folder.with_name(folder.name + ".replaced").exists()
        again = Staging.resume(folder, GENESIS_BLOCK)
        if again is not None:
            again.close()
        if finished:
            break
    else:
        pytest.fail("the switch never ends")
    assert outcomes == sorted(outcomes)
    assert outcomes[0] == 1
    assert outcomes[-1] == base
    state.close()


def test_what_was_taken_in_is_there_after_a_restart(source: Node, tmp_path: Path) -> None:
    fill(source, 6)
    state = pinned(source, tmp_path)
    manifest = state.manifest(source.chain.certified())
    target = tmp_path / "target"
    taken = Staging.begin(target, manifest, TRUST)
    assert taken.state_left() == [(0, SUBTREES)]
    end = taken.take_state(1000, 1500, state.state(1000, 1500))
    assert end == 1500
    taken.take_state(2000, 2001, state.state(2000, 2001))
    taken.close()
    resumed = Staging.begin(target, manifest, TRUST)
    assert resumed.state_left() == [(0, 1000), (1500, 2000), (2001, SUBTREES)]
    assert resumed.block_left()
    with pytest.raises(StoreError, match="not complete"):
        resumed.finish(OWNER, HARD, keep_old=False)
    take_all(resumed, state)
    resumed.close()
    fill(source, 1)
    newer = source.chain.pin()
    other = Staging.begin(target, newer.manifest(source.chain.certified()), TRUST)
    assert other.state_left() == [(0, SUBTREES)], "what belongs to another height is thrown away"
    other.close()
    incoming = target.with_name("target.incoming")
    older = open_database(incoming, create=False)
    older.put(FORMAT_KEY, b"\1")
    older.close()
    assert Staging.resume(target, GENESIS_BLOCK) is None, "rows of other software are not mixed with ours"
    Staging.begin(target, newer.manifest(source.chain.certified()), TRUST).close()
    damaged = next((incoming / "db").glob("MANIFEST-*"))
    damaged.write_bytes(b"nonsense")
    assert Staging.resume(target, GENESIS_BLOCK) is None
    newer.close()
    state.close()


def test_a_value_like_that_of_a_history_needs_its_records(source: Node) -> None:
    """Whoever takes the state over asks for the records of whatever looks like a history."""

    class Rules(type(source.rules)):  # type: ignore[misc]
        def execute(self, state: Any, prepared: Any, time_ms: int) -> Any:
            state.put(state_key("kv", "x"), (3, b"\7" * 32, None))
            return ()

    source.chain._executor = Rules()
    with pytest.raises(ExecutorBug, match="like that of a history"):
        source.seal(put("x", 1, 1))


def test_first_boot_and_empty_log(tmp_path: Path) -> None:
    """CR-63: a fresh folder has no base; there is nothing to settle and nothing to resume."""
    assert not staging.settle(tmp_path / "ledger")
    assert Staging.resume(tmp_path / "ledger", GENESIS_BLOCK) is None
    store = Store.open(tmp_path / "ledger")
    assert (store.base_height, store.last_height, store.block(0)) == (0, -1, None)
    store.close()
    node = Node(tmp_path / "ledger")
    assert (node.store.base_height, node.store.last_height) == (0, 0)
    assert node.store.block(0) == GENESIS
    node.close()
