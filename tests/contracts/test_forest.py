"""Trees evaluated all at once give what a walk from the root gives, to the unit, and so do the reasons."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.pricing.forest import LEAF, MAX_NODES, MAX_TREES, MAX_VALUE, Forest, Node, Tree

FEATURES = 5
THRESHOLDS = st.one_of(st.integers(-3, 3), st.integers(-(2**53), 2**53))
VALUES = st.one_of(st.integers(-4, 4), st.integers(-(2**53) - 1, 2**53 + 1))
POINTS = st.one_of(st.integers(-5, 5), st.integers(-MAX_VALUE, MAX_VALUE))


def walked(trees: Sequence[Tree], values: Sequence[int]) -> tuple[int, int, Counter[int]]:
    """(score, sum of the roots, what each feature adds), node by node from each root."""
    score, roots, added = 0, 0, Counter[int]()
    for tree in trees:
        feature, threshold, left, right, value = tree[0]
        roots += value
        while feature != LEAF:
            asked, before = feature, value
            feature, threshold, left, right, value = tree[left if values[feature] <= threshold else right]
            added[asked] += value - before
        score += value
    return score, roots, added


def grown(splits: Sequence[tuple[int, int, int]], points: Sequence[int]) -> Tree:
    """A tree: split after split, (which leaf, feature, threshold), children behind their parent."""
    nodes: list[Node] = [(LEAF, 0, 0, 0, points[0])]
    leaves = [0]
    for number, (leaf, feature, threshold) in enumerate(splits):
        place = leaves.pop(leaf % len(leaves))
        left = len(nodes)
        nodes[place] = (feature, threshold, left, left + 1, nodes[place][4])
        nodes += [(LEAF, 0, 0, 0, points[2 * number + side]) for side in (1, 2)]
        leaves += [left, left + 1]
    return tuple(nodes)


@st.composite
def trees(draw: st.DrawFn) -> Tree:
    splits = draw(
        st.lists(st.tuples(st.integers(0, 40), st.integers(0, FEATURES - 1), THRESHOLDS), max_size=20)
    )
    size = 2 * len(splits) + 1
    return grown(splits, draw(st.lists(POINTS, min_size=size, max_size=size)))


@settings(max_examples=150)
@given(st.lists(trees(), max_size=6), st.lists(VALUES, min_size=FEATURES, max_size=FEATURES))
def test_all_trees_at_once_are_each_tree_walked(forest: list[Tree], values: list[int]) -> None:
    ready = Forest.of(forest)
    score, roots, added = walked(forest, values)
    assert ready.score(values) == score
    start, parts = ready.parts(values)
    assert start == roots
    assert dict(parts) == {feature: added[feature] for feature in ready.features}
    assert start + sum([points for _, points in parts]) == score


def largest(seed: int) -> Tree:
    """A tree of as many nodes as there may be, with the largest values that there may be."""
    chance = random.Random(seed)
    size = MAX_NODES // 2
    splits = [
        (chance.randrange(99), chance.randrange(FEATURES), chance.randrange(-9, 9)) for _ in range(size)
    ]
    return grown(splits, [chance.choice((-MAX_VALUE, MAX_VALUE)) for _ in range(2 * size + 1)])


def test_the_largest_forest_fits_its_lanes_and_its_blocks() -> None:
    forest = [largest(seed % 40) for seed in range(MAX_TREES)]
    ready = Forest.of(forest)
    assert len(ready.blocks) > 1
    chance = random.Random(7)
    for _ in range(40):
        values = [chance.randrange(-10, 10) for _ in range(FEATURES)]
        score, roots, added = walked(forest, values)
        assert ready.score(values) == score
        assert ready.parts(values) == (roots, [(feature, added[feature]) for feature in ready.features])


def chain() -> Tree:
    """The deepest tree: one way down, on which one feature adds all that a tree can add."""
    nodes: list[Node] = []
    for place in range(MAX_NODES // 2):
        value = MAX_VALUE if place % 2 else -MAX_VALUE
        nodes += [(place % 2, 0, 2 * place + 1, 2 * place + 2, value), (LEAF, 0, 0, 0, 0)]
    return (*nodes, (LEAF, 0, 0, 0, 0))


def test_the_most_that_features_can_add_fits_their_lanes() -> None:
    forest = [chain()] * MAX_TREES
    score, roots, added = walked(forest, (1, 1))
    assert Forest.of(forest).parts((1, 1)) == (roots, [(0, added[0]), (1, added[1])])
    assert max(added.values()) > MAX_TREES * (MAX_NODES // 4) * MAX_VALUE
    assert Forest.of(forest).score((1, 1)) == score
