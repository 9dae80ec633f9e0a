"""The state tree: its root, undo, the settled view, and proofs."""

from __future__ import annotations

from hashlib import sha256

import pytest
from bucket_rows import BucketRows
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ledger import codec
from ledger.errors import Malformed, StoreError, VerificationError
from ledger.hashing import STATE_BUCKET, STATE_NODE, ZERO, digest
from ledger.limits import MAX_PROOF_ENTRIES
from ledger.state.proof import StateProof
from ledger.state.root import BUCKETS, DEPTH, FANOUT, value_hash
from ledger.state.tree import StateTree

Changes = dict[bytes, bytes | None]


def empty_tree() -> StateTree:
    return StateTree(lambda _bucket: b"")


def bucket_of(key: bytes) -> int:
    return int.from_bytes(sha256(key).digest()[:3], "big") >> 4


def colliding_keys(count: int) -> list[bytes]:
    """Keys that fall into one bucket, found by trying."""
    found: dict[int, list[bytes]] = {}
    number = 0
    while True:
        key = number.to_bytes(4, "big")
        keys = found.setdefault(bucket_of(key), [])
        keys.append(key)
        if len(keys) == count:
            return keys
        number += 1


TOGETHER = colliding_keys(3)
APART = [b"k%d" % number for number in range(5)]
KEYS = TOGETHER + APART


def root_by_definition(entries: dict[bytes, bytes]) -> bytes:
    """The root computed the slow way, from the module's rules alone."""
    buckets: dict[int, list[bytes]] = {}
    for key, value in entries.items():
        buckets.setdefault(bucket_of(key), []).append(sha256(key).digest() + value_hash(value))
    level = {number: digest(STATE_BUCKET, *sorted(records)) for number, records in buckets.items()}
    for _ in range(DEPTH):
        parents = {index // FANOUT for index in level}
        level = {
            p: digest(STATE_NODE, *[level.get(p * FANOUT + place, ZERO) for place in range(FANOUT)])
            for p in parents
        }
    return level.get(0, ZERO)


entries = st.dictionaries(st.binary(min_size=1, max_size=6), st.binary(min_size=1, max_size=6), max_size=30)


def test_the_empty_state_has_the_zero_root() -> None:
    tree = empty_tree()
    assert tree.root == ZERO
    tree.update({b"absent": None})
    assert tree.root == ZERO


@settings(max_examples=40)
@given(entries, st.randoms(use_true_random=False), st.integers(1, 5))
def test_root_depends_on_the_entries_and_not_on_order_or_batches(state, random, batches) -> None:
    expected = root_by_definition(state)
    items = list(state.items())
    random.shuffle(items)
    tree = empty_tree()
    for start in range(batches):
        tree.update(dict(items[start::batches]))
    assert tree.root == expected


@settings(max_examples=25)
@given(entries, entries)
def test_deleting_what_was_added_gives_the_root_back(state, more) -> None:
    tree = empty_tree()
    tree.update(dict(state))
    before = tree.root
    added = {key: value for key, value in more.items() if key not in state}
    tree.update(dict(added))
    tree.update(dict.fromkeys(added))
    assert tree.root == before


class TreeMachine(RuleBasedStateMachine):
    """A tree with blocks in flight, over a store that receives what is settled."""

    @initialize()
    def begin(self) -> None:
        self.rows = BucketRows()
        self.tree = StateTree(self.rows.bucket)
        self.states: list[dict[bytes, bytes]] = [{}]

    @rule(
        changes=st.dictionaries(
            st.sampled_from(KEYS), st.none() | st.binary(min_size=1, max_size=3), max_size=6
        )
    )
    @precondition(lambda self: len(self.states) < 7)
    def push(self, changes: Changes) -> None:
        state = dict(self.states[-1])
        for key, value in changes.items():
            if value is None:
                state.pop(key, None)
            else:
                state[key] = value
        self.tree.update(changes)
        self.states.append(state)

    @precondition(lambda self: len(self.states) > 1)
    @rule()
    def undo(self) -> None:
        self.tree.undo()
        self.states.pop()

    @precondition(lambda self: len(self.states) > 1)
    @rule(data=st.data())
    def settle(self, data: st.DataObject) -> None:
        count = data.draw(st.integers(1, len(self.states) - 1))
        self.rows.put(self.tree.hashes(count))
        self.tree.settle(count)
        del self.states[:count]

    @rule()
    def forget_the_cache(self) -> None:
        self.tree._cache.clear()

    @rule()
    def load_afresh(self) -> None:
        fresh = StateTree(self.rows.bucket)
        fresh.load(self.rows.buckets().items())
        assert fresh.root == self.tree.settled_root

    @invariant()
    def roots_and_proofs_are_those_of_the_states(self) -> None:
        settled = self.states[0]
        assert self.tree.root == root_by_definition(self.states[-1])
        assert self.tree.settled_root == root_by_definition(settled)
        proof = self.tree.prove([(key, settled.get(key)) for key in KEYS])
        # the values are not canonical here, so only the steps before reading them are of interest
        assert proof._root(
            dict(zip(sorted({bucket_of(key) for key in KEYS}), proof.buckets, strict=True))
        ) == (self.tree.settled_root)

    @invariant()
    def it_lacks_exactly_what_is_not_in_the_newest_state(self) -> None:
        newest = self.states[-1]
        for key in KEYS:
            assert self.tree.lacks(key) == (key not in newest)


def test_a_tree_that_was_loaded_reads_no_bucket_again() -> None:
    filled = empty_tree()
    rows = filled.update({b"key%d" % number: b"\x01" for number in range(500)}).after
    asked: list[int] = []

    def read(bucket: int) -> bytes:
        asked.append(bucket)
        return rows[bucket]

    loaded = StateTree(read)
    loaded.load(sorted(rows.items()))
    assert not loaded.lacks(b"key7")
    loaded.update({b"key%d" % number: b"\x02" for number in range(500)})
    assert asked == []


TreeMachine.TestCase.settings = settings(max_examples=30, stateful_step_count=25)
TestTree = TreeMachine.TestCase

STATE = {key: codec.encode((number, key)) for number, key in enumerate([*TOGETHER[:2], *APART[:3]])}


def filled_tree() -> StateTree:
    tree = empty_tree()
    tree.update(dict(STATE))
    tree.update({b"other%d" % number: b"\x01" for number in range(2_000)})
    tree.settle(2)
    return tree


def prove(tree: StateTree, *keys: bytes) -> StateProof:
    return tree.prove([(key, STATE.get(key)) for key in keys])


def test_a_proof_shows_what_is_there_and_what_is_not() -> None:
    tree = filled_tree()
    proof = StateProof.from_value(codec.decode(codec.encode(prove(tree, *KEYS).to_value())))
    proved = proof.verify(tree.root)
    assert proved == {key: codec.decode(STATE[key]) if key in STATE else None for key in KEYS}
    assert proved[TOGETHER[2]] is None
    assert proved[APART[4]] is None


def test_absence_is_proved_in_the_empty_state_too() -> None:
    tree = empty_tree()
    assert tree.prove([(b"k", None)]).verify(ZERO) == {b"k": None}


def test_every_damaged_byte_of_a_proof_is_refused() -> None:
    tree = filled_tree()
    proof = prove(tree, TOGETHER[0], TOGETHER[2], APART[0], APART[4])
    root = tree.root
    good = codec.encode(proof.to_value())
    for position in range(len(good)):
        for flip in (0x01, 0x80):
            damaged = bytearray(good)
            damaged[position] ^= flip
            try:
                read = StateProof.from_value(codec.decode(bytes(damaged)))
            except Malformed:
                continue
            with pytest.raises(VerificationError):
                read.verify(root)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: StateProof(((TOGETHER[0], None),), p.buckets, p.siblings), "absent is present"),
        (lambda p: StateProof(((TOGETHER[2], b"\x01"),), p.buckets, p.siblings), "present is absent"),
        (lambda p: StateProof(((TOGETHER[0], b"\x01"),), p.buckets, p.siblings), "value is not"),
        (lambda p: StateProof((p.entries[0], p.entries[0]), p.buckets, p.siblings), "ascending"),
        (lambda p: StateProof((), p.buckets, p.siblings), "ascending"),
        (lambda p: StateProof(p.entries, (*p.buckets, b""), p.siblings), "buckets"),
        (lambda p: StateProof(p.entries, (), p.siblings), "buckets"),
        (lambda p: StateProof(p.entries, (p.buckets[0][:-1],), p.siblings), "canonical form"),
        (
            lambda p: StateProof(p.entries, (p.buckets[0][64:] + p.buckets[0][:64],), p.siblings),
            "canonical form",
        ),
        (lambda p: StateProof(((TOGETHER[2], None),), (b"",), p.siblings), "does not lead"),
        (lambda p: StateProof(p.entries, p.buckets, p.siblings[:-1]), "too few siblings"),
        (lambda p: StateProof(p.entries, p.buckets, (*p.siblings, b"\0\0")), "too many siblings"),
        (lambda p: StateProof(p.entries, p.buckets, (p.siblings[0] + b"\0", *p.siblings[1:])), "mask"),
    ],
)
def test_a_forged_proof_is_refused_with_its_reason(change, message) -> None:
    tree = filled_tree()
    proof = prove(tree, TOGETHER[0])
    proof.verify(tree.root)
    with pytest.raises(VerificationError, match=message):
        change(proof).verify(tree.root)


def test_siblings_have_one_spelling() -> None:
    tree = filled_tree()
    proof = prove(tree, TOGETHER[0])
    top = proof.siblings[-1]
    place = bucket_of(TOGETHER[0]) >> 16
    claimed = (int.from_bytes(top[:2], "big") | 1 << place).to_bytes(2, "big")
    offset = 2 + 32 * sum(int.from_bytes(top[:2], "big") >> p & 1 for p in range(place))
    given_twice = claimed + top[2:offset] + bytes(32) + top[offset:]
    with pytest.raises(VerificationError, match="is computed"):
        StateProof(proof.entries, proof.buckets, (*proof.siblings[:-1], given_twice)).verify(tree.root)
    lone = empty_tree()
    lone.update({b"k": b"\x01"})
    lone.settle(1)
    proof = lone.prove([(b"k", b"\x01")])
    other = bucket_of(b"k") % FANOUT ^ 1
    zeros = (1 << other).to_bytes(2, "big") + ZERO
    with pytest.raises(VerificationError, match="zeros"):
        StateProof(proof.entries, proof.buckets, (zeros, *proof.siblings[1:])).verify(lone.root)


def test_a_proof_file_beyond_its_bounds_is_malformed() -> None:
    proof = prove(filled_tree(), TOGETHER[0]).to_value()
    many = tuple((number.to_bytes(2, "big"), None) for number in range(MAX_PROOF_ENTRIES + 1))
    for value in (
        None,
        (),
        (many, *proof[1:]),
        (proof[0], (), proof[2]),
        (proof[0], proof[1], ()),
        (proof[0], 1, 2),
    ):
        with pytest.raises(Malformed):
            StateProof.from_value(value)


def test_damaged_rows_are_refused_when_a_tree_is_loaded() -> None:
    record = sha256(b"k").digest() + value_hash(b"\x01")
    number = bucket_of(b"k")
    for bucket, content in (
        (number, record[:-1]),
        (number ^ 1, record),
        (number, record + record),
        (number, b""),
        (BUCKETS, record),
    ):
        with pytest.raises(StoreError, match="bucket"):
            empty_tree().load([(bucket, content)])
    tree = empty_tree()
    tree.load([(number, record)])
    assert tree.root == root_by_definition({b"k": b"\x01"})


def test_an_update_that_cannot_read_a_bucket_changes_nothing() -> None:
    def fails(_bucket: int) -> bytes:
        raise StoreError("the disk is gone")

    tree = StateTree(fails)
    tree.load([(bucket_of(b"k"), sha256(b"k").digest() + value_hash(b"\x01"))])
    tree._cache.clear()
    before = tree.root
    with pytest.raises(StoreError):
        tree.update({b"k": b"\x02"})
    assert tree.root == before
    assert tree.pending == []
