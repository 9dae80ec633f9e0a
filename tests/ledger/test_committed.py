"""Reads and proofs at the applied height."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from small_ledger import GENESIS, Node, put, record, transaction

from ledger.blocks.certificate import CertifiedHeader
from ledger.blocks.genesis import read_genesis
from ledger.chain import committed, value_cache
from ledger.codec import decode, encode
from ledger.errors import StoreError, TooLarge
from ledger.limits import CACHED_BUCKET_BYTES, HISTORY_HEAD_INTERVAL, MAX_PROOF_ENTRIES
from ledger.proofs.history import History
from ledger.proofs.receipt import Receipt
from ledger.state.overlay import state_key

TRUST = read_genesis(GENESIS)


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    node = Node(tmp_path / "node")
    yield node
    node.close()


def commit_run(node: Node, count: int, start: int = 0) -> None:
    """`count` blocks of one transaction, of which only the last one gets a certificate."""
    blocks = [node.seal(put(f"k{number}", number, start + number)) for number in range(count)]
    node.append(*blocks)
    node.commit(blocks[-1])


def test_nothing_is_proved_before_the_first_commit(node: Node) -> None:
    for ask in (
        lambda: node.chain.certified(),
        lambda: node.chain.certified(1),
        lambda: node.chain.history(state_key("log", "x")),
    ):
        with pytest.raises(committed.NotCertified):
            ask()


def test_every_height_is_proved_by_its_own_or_a_later_certificate(node: Node) -> None:
    for count in (1, 3, 1, 6, 2):
        commit_run(node, count, 100 * node.chain.applied.height)
    own = {1, 4, 5, 11, 13}
    for reopened in (False, True):
        for height in range(14):
            proof = CertifiedHeader.from_value(decode(encode(node.chain.certified(height).to_value())))
            assert proof.verify(TRUST) == node.chain.block(height).header
            assert (proof.via is None) == (height in own)
        with pytest.raises(committed.NotCertified):
            node.chain.certified(14)
        if not reopened:
            node.reopen()


def test_receipts_prove_one_transaction_or_a_run(node: Node) -> None:
    run = [put("x", number, number) for number in range(7)]
    failing = transaction({"op": "fail"}, nonce=99)
    first = node.seal(*run, failing)
    last = node.seal(put("y", 1, 100))
    node.append(first, last)
    node.commit(last)
    for each in (*run, failing):
        receipt = Receipt.decode(node.chain.receipt(each.id).encode())
        (outcome,) = receipt.verify(TRUST)
        assert (outcome.transaction.id, outcome.height) == (each.id, 1)
        assert outcome.is_applied == (each is not failing)
    outcomes = Receipt.decode(node.chain.receipt(run[2].id, 5).encode()).verify(TRUST)
    assert [outcome.transaction.id for outcome in outcomes] == [each.id for each in run[2:]]
    assert node.chain.receipt(run[2].id, 7) is None
    assert node.chain.receipt(run[2].id, 0) is None
    assert node.chain.receipt(bytes(32)) is None


def test_an_id_that_only_begins_like_a_committed_one_is_another_transaction(node: Node) -> None:
    known = put("x", 1)
    node.seal_and_commit(known)
    lookalike = known.id[:16] + bytes(16)
    assert node.chain.outcome(lookalike) is None
    assert node.chain.receipt(lookalike) is None


@pytest.mark.parametrize("last", [None, 0, 1, 5, 63, 64, 65, 149, 150, 1_000])
def test_a_history_is_proved_complete_or_from_any_record_on(node: Node, last: int | None) -> None:
    """Heads are kept inside a block, at its edges, and over blocks alike."""
    total, number = 150, 0
    for size in (1, 62, 1, 1, 70, 15):
        block = node.seal(*[record("x", number + each, number + each) for each in range(size)])
        number += size
        node.append(block)
        node.commit(block)
    assert number == total > 2 * HISTORY_HEAD_INTERVAL
    node.reopen()
    proved = History.decode(node.chain.history(state_key("log", "x"), last).encode()).verify(TRUST)
    count = total if last is None else min(last, total)
    assert proved.entry is not None
    assert (proved.entry.count, proved.first) == (total, total - count)
    assert proved.records == tuple((each,) for each in range(total - count, total))
    assert proved.entry.aggregates == sum(range(total))


def test_the_absence_of_a_history_is_proved(node: Node) -> None:
    node.seal_and_commit(record("x", 1))
    proved = History.decode(node.chain.history(state_key("log", "y")).encode()).verify(TRUST)
    assert (proved.entry, proved.records) == (None, ())


def test_a_missing_head_is_an_error_and_not_an_answer(node: Node) -> None:
    node.seal_and_commit(*[record("x", each, each) for each in range(70)])
    key = state_key("log", "x")
    node.store._db.delete(b"k" + key + (64).to_bytes(5, "big"))
    assert node.chain.history(key, 10).first == 60
    with pytest.raises(StoreError, match="head"):
        node.chain.history(key, 3)


def test_scans_go_through_all_entries_in_pages(node: Node) -> None:
    names = ["a", "b", "ab", "c" * 40]
    node.seal_and_commit(*[put(name, 1, number) for number, name in enumerate(names)], record("a", 1, 9))
    every = [state_key("kv", name) for name in names]
    assert [key for key, _ in node.chain.scan("kv")] == every
    assert [key for key, _ in node.chain.scan("kv", "ab")] == [state_key("kv", "ab")]
    assert node.chain.scan("k") == []
    for limit in range(1, 6):
        found, after = [], None
        while page := node.chain.scan("kv", limit=limit, after=after):
            assert len(page) <= limit
            found.extend([key for key, _ in page])
            after = found[-1]
        assert found == every


def test_a_state_proof_has_a_bounded_number_of_keys(node: Node) -> None:
    keys = [state_key("kv", number) for number in range(MAX_PROOF_ENTRIES + 1)]
    assert len(node.chain.state_proof(keys[1:]).verify(node.chain.applied.state_root)) == MAX_PROOF_ENTRIES
    for wrong in ([], keys):
        with pytest.raises(TooLarge):
            node.chain.state_proof(wrong)


def test_answers_do_not_depend_on_what_is_cached(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BLOCK_CACHE_ENTRIES", "HEADER_CACHE_ENTRIES"):
        monkeypatch.setattr(committed, name, 3)
    for name in ("READ_VALUES_KEPT", "WRITTEN_VALUES_KEPT"):
        monkeypatch.setattr(value_cache, name, 3)
    monkeypatch.setattr("ledger.state.bucket_cache.BUCKET_CACHE_BYTES", 3 * (CACHED_BUCKET_BYTES + 64))
    for height in range(12):
        node.seal_and_commit(put(f"k{height}", height, height), put(f"k{height // 2}", -height, 100 + height))
    chain = node.chain
    for cache in (
        chain._values._read,
        chain._values._written,
        chain._blocks,
        chain._headers,
        chain._tree._cache,
    ):
        assert len(cache) <= 3
    heights = list(range(13))
    random.Random(1).shuffle(heights)
    for height in heights:
        assert chain.block(height).header == chain.header(height) == chain.certified(height).header
    expected = {f"k{each}": -2 * each - 1 if each < 6 else each for each in range(12)}
    assert {name: node.value(name)[0] for name in expected} == expected
    proved = chain.state_proof([state_key("kv", name) for name in expected]).verify(chain.applied.state_root)
    assert {value[0] for value in proved.values()} == set(expected.values())


def test_a_damaged_or_exchanged_block_is_an_error_and_not_an_answer(node: Node) -> None:
    commit_run(node, 3)
    rows, original = node.store._db, node.store.block(2)
    assert original is not None
    node.reopen()
    rows = node.store._db
    for data in (b"", b"\x95", original[:200], original[:9] + b"\x00" + original[10:], node.store.block(1)):
        rows.put(b"b" + (2).to_bytes(5, "big"), data)
        for read in (node.chain.block, node.chain.header, node.chain.certified):
            with pytest.raises(StoreError):
                read(2)
    rows.put(b"b" + (2).to_bytes(5, "big"), original)
    assert node.chain.block(2).data == original
