"""The filter of known transaction ids: it may doubt, but never denies an id that was added."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from small_ledger import Node, put

from ledger.chain.id_filter import IdFilter


@given(st.lists(st.binary(min_size=16, max_size=32), max_size=40))
def test_an_added_id_is_never_denied(identities: list[bytes]) -> None:
    known = IdFilter()
    for identity in identities:
        known.add(identity)
    assert not any(known.lacks(identity) for identity in identities)
    assert not any(known.lacks(identity[:16]) for identity in identities)


def test_other_ids_are_denied_but_for_a_few() -> None:
    known = IdFilter()
    for number in range(2_000):
        known.add(sha256(b"in %d" % number).digest())
    strangers = [sha256(b"out %d" % number).digest() for number in range(2_000)]
    assert sum(known.lacks(stranger) for stranger in strangers) > 1_990


def test_bits_of_neighbours_are_apart() -> None:
    known = IdFilter()
    known.add(bytes.fromhex("00000020") + bytes(12))
    assert not known.lacks(bytes.fromhex("0000003f") + bytes(12))  # the same first 27 bits
    assert known.lacks(bytes.fromhex("00000000") + bytes(12))
    assert known.lacks(bytes.fromhex("00000040") + bytes(12))


def test_a_committed_transaction_is_known_before_and_after_a_restart(tmp_path: Path) -> None:
    node = Node(tmp_path)
    transactions = [put(f"key {number}", number, nonce=number) for number in range(20)]
    node.seal_and_commit(*transactions[:10])
    node.seal_and_commit(*transactions[10:])
    for _ in range(2):
        assert all(node.chain.knows(each.id) for each in transactions)
        assert not node.chain.knows(put("key 0", 0, nonce=99).id)
        node.reopen()
    node.close()
