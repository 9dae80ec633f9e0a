"""Trees evaluated all at once: which leaf an invoice comes to, by comparison and AND of long integers.

    forest = Forest.of(trees)
    forest.score(values)      -> sum of one leaf of each tree
    forest.parts(values)      -> (sum of the roots, what each feature adds): they add up to the score

Every leaf has a bit. A node rules out the leaves of one of its sides: of the right one where the feature is
at most the threshold, of the left one elsewhere. What all nodes of a tree together leave is exactly the leaf
that a walk from the root would end at: at each node of the way the other side is ruled out, and no node off
the way rules out a leaf of another one's side. So the nodes need not be visited in order, nor one by one: the
thresholds of a feature are sorted, and what all of its nodes rule out is known for each gap between two of
them. An evaluation is a search and an AND for each feature, whatever the number of trees.

Leaf values are then added by their binary digits: a digit's plane holds the leaves whose value has it, and
the bits left in it are counted. What the features add on the way to a leaf is kept as one integer with 64
bits for each feature, so that one addition adds all of them.

All of it is exact: integers of any length, no order of addition that matters. Trees stand in blocks, so
that the memory grows with the number of leaves and not with its square.

Source: C. Lucchese et al., QuickScorer: a fast algorithm to rank documents with additive ensembles of
regression trees, SIGIR 2015.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from operator import getitem
from struct import Struct
from typing import NamedTuple

LEAF = -1
MAX_TREES = 400
"""Of one output."""
MAX_NODES = 127
"""Of one tree."""
MAX_VALUE = 2**40
"""Magnitude of a node's value, in units of the score."""

Node = tuple[int, int, int, int, int]
"""(feature's place in the model's list or `LEAF`, threshold, left, right, value)"""
Tree = tuple[Node, ...]

_BLOCK_BITS = 4_096
_BYTE = 8
_LANE_BITS = 64
_MOST_LEAVES = MAX_NODES // 2 + 1
assert _MOST_LEAVES <= _BLOCK_BITS, "a tree fits a block"
assert MAX_TREES * (MAX_NODES // 2) * 2 * MAX_VALUE < 1 << (_LANE_BITS - 1), (
    "what a feature adds, on the way to a leaf of each tree, fits its lane with a sign"
)


class _Leaf(NamedTuple):
    value: int
    added: Mapping[int, int]
    """Feature to what it adds on the way from the root."""


@dataclass(frozen=True, slots=True)
class _Test:
    """All nodes of a block that ask for one feature."""

    feature: int
    thresholds: tuple[int, ...]
    """Ascending, each once."""
    kept: tuple[int, ...]
    """Leaves that are not ruled out, by the number of thresholds below the feature."""


@dataclass(frozen=True, slots=True)
class _Block:
    """Some trees; the leaves of each begin at a whole byte."""

    size: int
    """Bytes of its leaves."""
    leaves: int
    """Bits of all leaves."""
    tests: tuple[_Test, ...]
    least: int
    """Sum of each tree's share of the values that the planes leave out: the least leaf of the block."""
    planes: tuple[int, ...]
    """Leaves whose value, less the least, has the digit 2^place."""
    added: tuple[dict[int, int], ...]
    """For each byte: what is added in all lanes, by the bit that is left in it; 0 for none."""

    def exits(self, values: Sequence[int]) -> int:
        """The bits of the leaves that the values come to: one of each tree."""
        left = self.leaves
        for test in self.tests:
            left &= test.kept[bisect_left(test.thresholds, values[test.feature])]
        return left


@dataclass(frozen=True, slots=True)
class Forest:
    """Trees made ready for evaluation."""

    roots: int
    """Sum of the roots' values."""
    features: tuple[int, ...]
    """Those that any node asks for, ascending."""
    lanes: Struct
    """One signed integer of 64 bits for each of them."""
    signs: int
    """The sign's bit of each lane."""
    blocks: tuple[_Block, ...]

    @classmethod
    def of(cls, trees: Sequence[Tree]) -> Forest:
        """Make trees ready, which must be within the bounds above, each node but the first one's child."""
        features = tuple(sorted({node[0] for tree in trees for node in tree if node[0] != LEAF}))
        lanes = {feature: _LANE_BITS * place for place, feature in enumerate(features)}
        blocks = tuple([_block(group, lanes) for group in _groups(trees)])
        signs = sum([1 << (lane + _LANE_BITS - 1) for lane in lanes.values()])
        return cls(sum([tree[0][4] for tree in trees]), features, Struct(f"<{len(lanes)}q"), signs, blocks)

    def score(self, values: Sequence[int]) -> int:
        """Sum of the leaves that the values come to."""
        score = 0
        for block in self.blocks:
            left = block.exits(values)
            score += block.least
            for place, plane in enumerate(block.planes):
                score += (left & plane).bit_count() << place
        return score

    def parts(self, values: Sequence[int]) -> tuple[int, list[tuple[int, int]]]:
        """(sum of the roots, (feature, what it adds) of each feature that some node asks for)."""
        lanes = 0
        for block in self.blocks:
            left = block.exits(values).to_bytes(block.size, "little")
            lanes += sum(map(getitem, block.added, left))
        added = self.lanes.unpack(((lanes + self.signs) ^ self.signs).to_bytes(self.lanes.size, "little"))
        return self.roots, list(zip(self.features, added, strict=True))


def _groups(trees: Sequence[Tree]) -> Iterator[list[Tree]]:
    """The trees in groups whose leaves fit a block."""
    group: list[Tree] = []
    bits = 0
    for tree in trees:
        more = _BYTE * _bytes_of(tree)
        if group and bits + more > _BLOCK_BITS:
            yield group
            group, bits = [], 0
        group.append(tree)
        bits += more
    if group:
        yield group


def _bytes_of(tree: Tree) -> int:
    return -(-(len(tree) // 2 + 1) // _BYTE)


def _block(trees: Sequence[Tree], lanes: Mapping[int, int]) -> _Block:
    """The block of these trees."""
    leaves: dict[int, _Leaf] = {}
    """By the place of their bits."""
    ruled_out: dict[int, dict[int, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
    """Feature to threshold to the bits of (left sides, right sides) of the nodes that ask for it."""
    size = 0
    for tree in trees:
        _enter(tree, _BYTE * size, leaves, ruled_out)
        size += _bytes_of(tree)
    everything = sum([1 << place for place in leaves])
    least = min([leaf.value for leaf in leaves.values()])
    digits = max([leaf.value - least for leaf in leaves.values()]).bit_length()
    planes = [0] * digits
    added: list[dict[int, int]] = [{0: 0} for _ in range(size)]
    for place, leaf in leaves.items():
        for digit in range(digits):
            planes[digit] |= (leaf.value - least >> digit & 1) << place
        whole = sum([points << lanes[feature] for feature, points in leaf.added.items()])
        added[place // _BYTE][1 << place % _BYTE] = whole
    tests = tuple([_test(feature, found, everything) for feature, found in sorted(ruled_out.items())])
    return _Block(size, everything, tests, least * len(trees), tuple(planes), tuple(added))


def _enter(
    tree: Tree, start: int, leaves: dict[int, _Leaf], ruled_out: dict[int, dict[int, list[int]]]
) -> None:
    """Give the leaves of a tree the bits from `start` on, and note what its nodes rule out."""
    added: list[dict[int, int]] = [{} for _ in tree]
    for node, (feature, _, left, right, value) in enumerate(tree):
        if feature != LEAF:
            for child in (left, right):
                so_far = added[node].get(feature, 0) + tree[child][4] - value
                added[child] = {**added[node], feature: so_far}
    bits = [0] * len(tree)
    at = start
    for node in range(len(tree) - 1, -1, -1):
        feature, threshold, left, right, value = tree[node]
        if feature == LEAF:
            leaves[at] = _Leaf(value, added[node])
            bits[node] = 1 << at
            at += 1
        else:
            bits[node] = bits[left] | bits[right]
            sides = ruled_out[feature][threshold]
            sides[0] |= bits[left]
            sides[1] |= bits[right]


def _test(feature: int, found: Mapping[int, Sequence[int]], everything: int) -> _Test:
    thresholds = sorted(found)
    above = [everything]
    """Without the left sides of the thresholds below."""
    for threshold in thresholds:
        above.append(above[-1] & ~found[threshold][0])
    kept = [0] * len(above)
    below = everything
    for place in range(len(thresholds), -1, -1):
        kept[place] = above[place] & below
        if place:
            below &= ~found[thresholds[place - 1]][1]
    return _Test(feature, tuple(thresholds), tuple(kept))
