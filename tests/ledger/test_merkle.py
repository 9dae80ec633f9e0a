"""Merkle trees: the RFC 6962 vectors, and laws that tie tree, run proof, accumulator and paths together."""

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger import merkle
from ledger.errors import VerificationError

DATA = Path(__file__).parent.parent / "data" / "crypto" / "merkle"


def vectors(name):
    rows = [json.loads(line) for line in (DATA / name).read_text().splitlines()]
    return [pytest.param(row, id=row["path"]) for row in rows]


def unpacked(row):
    return [base64.b64decode(sibling) for sibling in row["proof"] or []]


@pytest.mark.parametrize("row", vectors("inclusion.jsonl"))
def test_published_inclusion_vector(row):
    arguments = (
        base64.b64decode(row["leafHash"]),
        row["leafIdx"],
        row["treeSize"],
        unpacked(row),
        base64.b64decode(row["root"]),
    )
    if row["wantErr"]:
        with pytest.raises(VerificationError):
            merkle.verify_inclusion(*arguments)
    else:
        merkle.verify_inclusion(*arguments)


def test_reference_tree_of_rfc_6962():
    reference = json.loads((DATA / "rfc6962_reference_tree.json").read_text())
    leaves = [merkle.leaf_hash(bytes.fromhex(data)) for data in reference["leaf_inputs_hex"]]
    accumulator = merkle.Accumulator()
    for size, expected in enumerate(reference["root_hash_hex_by_size"]):
        assert merkle.root(leaves[:size]).hex() == expected
        assert accumulator.root().hex() == expected
        if size < len(leaves):
            accumulator.append(leaves[size])


def tree(size):
    return [merkle.leaf_hash(number.to_bytes(4, "big")) for number in range(size)]


def recursive_root(leaves):
    """RFC 6962 section 2.1, word by word."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return merkle.node_hash(recursive_root(leaves[:split]), recursive_root(leaves[split:]))


@given(st.integers(1, 70))
def test_levels_give_the_root_of_the_recursive_definition(size):
    leaves = tree(size)
    assert merkle.root(leaves) == recursive_root(leaves) == merkle.root_of(merkle.levels(leaves))


@given(st.data())
@settings(max_examples=200)
def test_run_proof_leads_to_the_root_from_its_own_place_only(data):
    size = data.draw(st.integers(1, 80))
    first = data.draw(st.integers(0, size - 1))
    count = data.draw(st.integers(1, size - first))
    leaves = tree(size)
    built = merkle.levels(leaves)
    proof = merkle.run_proof(built, first, count)
    run = leaves[first : first + count]
    assert merkle.run_root(run, first, size, proof) == merkle.root(leaves)
    other = data.draw(st.integers(0, size - count))
    if other != first:
        assert not leads_to(run, other, size, proof, merkle.root(leaves))
    place = data.draw(st.integers(0, count - 1))
    changed = [*run[:place], merkle.leaf_hash(b"another"), *run[place + 1 :]]
    assert not leads_to(changed, first, size, proof, merkle.root(leaves))
    if proof:
        assert not leads_to(run, first, size, proof[:-1], merkle.root(leaves))
        assert not leads_to(run, first, size, [*proof[:-1], bytes(32)], merkle.root(leaves))
    assert not leads_to(run, first, size, [*proof, bytes(32)], merkle.root(leaves))
    if count > 1:
        assert not leads_to(run[:-1], first, size, proof, merkle.root(leaves))


def leads_to(run, first, size, proof, root):
    try:
        return merkle.run_root(run, first, size, proof) == root
    except VerificationError:
        return False


@given(st.integers(0, 70), st.integers(0, 30))
def test_accumulator_is_the_tree_and_its_nodes_give_every_path(size, more):
    nodes = {}
    accumulator = merkle.Accumulator()
    leaves = tree(size + more)
    for leaf in leaves[:size]:
        nodes.update({(level, index): made for level, index, made in accumulator.append(leaf)})
    assert (accumulator.size, accumulator.root()) == (size, merkle.root(leaves[:size]))
    copy = accumulator.copy()
    for leaf in leaves[size:]:
        nodes.update({(level, index): made for level, index, made in copy.append(leaf)})
    assert accumulator.root() == merkle.root(leaves[:size])
    assert copy.root() == merkle.root(leaves)
    for index in range(0, size, 7):
        path = merkle.path_from_nodes(lambda *place: nodes[place], index, size)
        assert path == merkle.run_proof(merkle.levels(leaves[:size]), index, 1)
    peaks = [nodes[place] for place in merkle.peak_positions(size)]
    assert merkle.Accumulator(size, peaks).root() == accumulator.root()


@pytest.mark.parametrize(("size", "first", "count"), [(4, 0, 0), (4, -1, 1), (4, 3, 2), (0, 0, 1)])
def test_asking_for_a_run_outside_the_tree_is_the_callers_bug(size, first, count):
    with pytest.raises(ValueError, match="outside"):
        merkle.run_proof(merkle.levels(tree(size)), first, count)


def test_absurd_sizes_are_refused_without_work():
    leaf = merkle.leaf_hash(b"")
    for index, size in ((0, 2**63), (2**63, 2**63 + 1), (-1, 5), (5, 5)):
        with pytest.raises(VerificationError):
            merkle.verify_inclusion(leaf, index, size, [leaf], leaf)


def test_hashes_of_another_length_are_refused_as_such():
    leaves = tree(4)
    proof = merkle.run_proof(merkle.levels(leaves), 1, 1)
    with pytest.raises(VerificationError, match="not 32 bytes"):
        merkle.run_root([leaves[1]], 1, 4, [proof[0][:31], proof[1]])


@pytest.mark.parametrize(("index", "size"), [(-1, 4), (4, 4), (0, 0)])
def test_asking_for_a_path_outside_the_tree_is_the_callers_bug(index, size):
    with pytest.raises(ValueError, match="outside"):
        merkle.path_from_nodes(lambda level, place: bytes(32), index, size)
