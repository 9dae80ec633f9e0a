"""The audit of a ledger that began with a snapshot: what it proves, and what it finds."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "ledger"))
from small_ledger import GENESIS, START_MS, Node, put, record

from clients.verification.auditor import audit_folder
from ledger.blocks.genesis import read_genesis
from ledger.blocks.recovery import Recovery
from ledger.errors import StoreError, VerificationError
from ledger.proofs.handover import Followed
from ledger.snapshots.staging import Staging, settle
from ledger.state.root import SUBTREES
from ledger.storage.store import Store

GENESIS_BLOCK = read_genesis(GENESIS)
BASE, LAST = 6, 9


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A ledger taken over at height 6 that went on to 9."""
    source = Node(tmp_path / "source")

    def grow(blocks: int) -> None:
        for _ in range(blocks):
            number = source.chain.applied.height
            operations = [put(f"k{number} {n}", n, 200 * number + n) for n in range(5)]
            operations += [record("long", n, 200 * number + 50 + n) for n in range(30)]
            source.seal_and_commit(*operations, time_ms=START_MS + number)

    grow(BASE)
    state = source.chain.pin()
    for _ in state.sort(tmp_path):
        pass
    target = tmp_path / "target"
    taken = Staging.begin(target, state.manifest(source.chain.certified()), Followed.of(GENESIS_BLOCK))
    taken.take_block(state.block())
    taken.take_state(0, SUBTREES, state.state(0, SUBTREES))
    taken.take_recent(state.recent(BASE - 1))
    for part in taken.records_left(10_000):
        assert taken.take_records(part, state.records(part.first, part.end, part.stop)) is None
    taken.finish(b"\1" * 32, (1, None, 1), keep_old=False)
    settle(target)
    state.close()
    grow(LAST - BASE)
    node = Node(target)
    for height in range(BASE + 1, LAST + 1):
        block = source.chain.block(height)
        assert block is not None
        node.accept(block)
        node.append(block)
        node.commit(block)
    node.close()
    source.close()
    return target


def test_the_report_says_where_the_ledger_began_and_what_was_proved(folder: Path) -> None:
    """CR-63: from its base on, everything that can be proved is."""
    seen: list[tuple[int, int]] = []
    report = audit_folder(folder, GENESIS_BLOCK, lambda height, newest: seen.append((height, newest)))
    assert (report.first_height, report.height) == (BASE, LAST)
    assert report.transactions == 35 * (LAST - BASE)
    assert report.records == 30 * LAST
    assert report.certificates == 1 + LAST - BASE
    assert seen == [(height, LAST) for height in range(BASE + 1, LAST + 1)]
    assert report.as_dict()["first_height"] == BASE
    assert report.goes_on_from == ""


def test_the_report_says_which_ledger_a_recovered_one_goes_on_from(folder: Path) -> None:
    recovered = replace(GENESIS_BLOCK.genesis, recovers=Recovery(b"c" * 32, 7, b"b" * 32, b""))
    report = audit_folder(folder, replace(GENESIS_BLOCK, genesis=recovered))
    assert report.goes_on_from == f"height 7 of {'63' * 32}"


def changed(value: bytes) -> bytes:
    return value[:-1] + bytes((value[-1] ^ 1,))


@pytest.mark.parametrize(
    "prefix", [b"b" + bytes(4) + b"\6", b"b" + bytes(4) + b"\7", b"s", b"t", b"r", b"k", b"n"]
)
@pytest.mark.parametrize("change", [changed, lambda _value: None])
def test_what_was_changed_or_taken_away_on_the_disk_is_found(
    folder: Path, prefix: bytes, change: Callable[[bytes], bytes | None]
) -> None:
    store = Store.open(folder)
    row, value = list(store.rows(prefix, prefix + b"\xff"))[-1]
    store.close()
    _rewrite(folder, row, change(value))
    with pytest.raises((VerificationError, StoreError)) as caught:
        audit_folder(folder, GENESIS_BLOCK)
    assert caught.value.message


def _rewrite(folder: Path, row: bytes, value: bytes | None) -> None:
    store = Store.open(folder)
    batch = store.batch(sync=True)
    if value is None:
        batch.delete(row)
    else:
        batch.put(row, value)
    store.write(batch)
    store.close()


def test_a_certificate_of_the_newest_block_is_needed(folder: Path) -> None:
    _rewrite(folder, b"c" + LAST.to_bytes(5, "big"), None)
    with pytest.raises(VerificationError, match="no certificate covers"):
        audit_folder(folder, GENESIS_BLOCK)
