"""Models of lateness: three figures for an invoice, from its description, in integers.

    model = ["lateness", 1, features, late, days, beyond]

| output | unit | of |
|---|---|---|
| late | ppm | probability that the invoice is paid after its due date |
| days | centidays | days late that are passed as often as not: the median, early ones negative |
| beyond | centidays | expected days beyond terms, early ones as zero: what a price is made from |

`features` are the names of `lateness.FEATURES` that the model reads, in its own order. Each output is
`[base, trees, curve]`: the score is `base` plus one leaf of each tree, and `curve` is a polyline through
points (score, output), flat beyond its ends, which calibrates the score: ascending scores, outputs that
never fall. It holds a logistic curve, Platt-scaled or not, in small steps as well as the few steps of an
isotonic regression: whoever evaluates it does not need to know. An empty curve leaves the score as it is.

A tree is an array of nodes, the first the root: `[feature, threshold, left, right, value]`; left is taken
where the feature is at most the threshold; feature −1 marks a leaf. Every node but the root is the child of
one other, which stands before it.
`value` is what the score is expected to be there, less the base's share: the differences along a path are
the reasons, one for each feature, and add up to the score exactly, since every value is an integer.

A scorecard is a model whose trees have one split each: bands of single features, and their points.

How trees are evaluated is said in `contracts.pricing.forest`.

`SHRINKAGE` needs no training: the weekday's shrunk share, the medians, and the shrunk days beyond terms.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

from contracts.pricing.forest import LEAF, MAX_NODES, MAX_TREES, MAX_VALUE, Forest, Tree
from contracts.pricing.known import MISSING
from contracts.pricing.lateness import FEATURES
from ledger import codec, shape
from ledger.errors import Malformed
from ledger.money import PPM

KIND, VERSION = "lateness", 1
OUTPUTS = ("late", "days", "beyond")
MAX_POINTS = 256
"""Of one curve."""
MAX_SCORE = 2**53
MAX_MODEL_BYTES = 1_048_576


class Lateness(NamedTuple):
    """What a model says of an invoice."""

    late_ppm: int
    days_centidays: int
    beyond_centidays: int


class Reason(NamedTuple):
    """What one feature adds to a score; the reasons and the score of no feature add up to the score."""

    feature: str
    points: int


@dataclass(frozen=True)
class Ensemble:
    """One output of a model."""

    base: int
    trees: tuple[Tree, ...]
    curve: tuple[tuple[int, int], ...]

    @cached_property
    def forest(self) -> Forest:
        """The trees made ready, when they are first asked."""
        return Forest.of(self.trees)

    def score(self, values: Sequence[int]) -> int:
        """Base plus one leaf of each tree."""
        return self.base + self.forest.score(values)

    def output(self, values: Sequence[int]) -> int:
        """The calibrated score."""
        return on_curve(self.curve, self.score(values))

    def reasons(self, values: Sequence[int], names: Sequence[str]) -> tuple[int, tuple[Reason, ...]]:
        """(score of no feature, what each adds), greatest first; they add up to the score."""
        roots, parts = self.forest.parts(values)
        found = [Reason(names[place], points) for place, points in parts if points]
        return self.base + roots, tuple(
            sorted(found, key=lambda reason: (-abs(reason.points), reason.feature))
        )

    @cached_property
    def falls(self) -> frozenset[int]:
        """The features of which more may mean less of the output.

        An output rises with a feature if each tree does, and a tree does if at each of its splits on the
        feature no leaf on the left exceeds one on the right: so trees are grown that must rise.
        """
        return frozenset([feature for tree in self.trees for feature in _falls(tree)])

    def falling(self, rising: Collection[int]) -> int | None:
        """One of these features of which more may mean less of the output; None if there is none."""
        return min(self.falls.intersection(rising), default=None)

    def to_value(self) -> codec.Value:
        """The canonical array."""
        return (self.base, self.trees, self.curve)


def _falls(tree: Tree) -> set[int]:
    """The features of splits with a leaf on the left that exceeds one on the right."""
    falls = set()
    bounds = [(node[4], node[4]) for node in tree]
    for place in range(len(tree) - 1, -1, -1):
        feature, _, left, right, _ = tree[place]
        if feature == LEAF:
            continue
        if bounds[left][1] > bounds[right][0]:
            falls.add(feature)
        bounds[place] = min(bounds[left][0], bounds[right][0]), max(bounds[left][1], bounds[right][1])
    return falls


def on_curve(curve: Sequence[tuple[int, int]], score: int) -> int:
    """The output at a score: between two points on the line, rounded down; beyond the ends flat."""
    if not curve:
        return score
    place = bisect_right(curve, score, key=lambda point: point[0])
    if place == 0:
        return curve[0][1]
    if place == len(curve):
        return curve[-1][1]
    (x0, y0), (x1, y1) = curve[place - 1], curve[place]
    return y0 + (y1 - y0) * (score - x0) // (x1 - x0)


@dataclass(frozen=True, slots=True)
class Model:
    """A published model."""

    features: tuple[str, ...]
    late: Ensemble
    days: Ensemble
    beyond: Ensemble

    def values(self, description: Sequence[int]) -> tuple[int, ...]:
        """The features that the model reads, of a description."""
        return tuple([description[place] for place in _places(self.features)])

    def predict(self, description: Sequence[int]) -> Lateness:
        """The three figures; `description` is that of `lateness.describe`."""
        values = self.values(description)
        return self._lateness(values, self.beyond.output(values))

    def explain(self, description: Sequence[int]) -> tuple[Lateness, int, tuple[Reason, ...]]:
        """(the three figures, days beyond terms of no feature, reasons of what is beyond that)."""
        values = self.values(description)
        start, reasons = self.beyond.reasons(values, self.features)
        score = start + sum([reason.points for reason in reasons])
        curve = self.beyond.curve
        return self._lateness(values, on_curve(curve, score)), max(0, on_curve(curve, start)), reasons

    def _lateness(self, values: Sequence[int], beyond: int) -> Lateness:
        late, days = self.late.output(values), self.days.output(values)
        return Lateness(min(PPM, max(0, late)), days, max(0, beyond))

    def to_value(self) -> codec.Value:
        """The canonical array."""
        return (
            KIND,
            VERSION,
            self.features,
            self.late.to_value(),
            self.days.to_value(),
            self.beyond.to_value(),
        )

    def encode(self) -> bytes:
        """The bytes whose hash names the model."""
        return codec.encode(self.to_value())

    @classmethod
    def decode(cls, data: bytes) -> Model:
        """Read a model; every bound is checked here, so that evaluation needs no check.

        Raises:
            Malformed, NonCanonical, TooLarge: with the field that is wrong.
        """
        value = codec.decode(data, MAX_MODEL_BYTES)
        kind, version, features, *outputs = shape.array(value, 6, "model")
        if kind != KIND or version != VERSION:
            raise Malformed("not a model", field="model", found=str(kind)[:32], expected=f"{KIND} {VERSION}")
        if type(features) is not tuple or not 0 < len(features) <= len(FEATURES):
            raise Malformed("wrong form", field="model.features", expected="a list of names")
        for name in features:
            if name not in FEATURES:
                raise Malformed("unknown feature", field="model.features", found=str(name)[:64])
        if len(set(features)) != len(features):
            raise Malformed("a feature stands twice", field="model.features")
        late, days, beyond = (
            _ensemble(output, len(features), f"model.{name}")
            for name, output in zip(OUTPUTS, outputs, strict=True)
        )
        return cls(features, late, days, beyond)


@lru_cache(maxsize=64)
def _places(features: tuple[str, ...]) -> tuple[int, ...]:
    return tuple([FEATURES.index(name) for name in features])


def _integer(value: codec.Value, field: str, most: int = MAX_SCORE) -> int:
    if type(value) is not int or not -most <= value <= most:
        raise Malformed("wrong form", field=field, expected=f"an integer of at most {most}")
    return value


def _ensemble(value: codec.Value, features: int, field: str) -> Ensemble:
    base, trees, curve = shape.array(value, 3, field)
    _integer(base, f"{field}.base")
    for tree in shape.sequence(trees, MAX_TREES, f"{field}.trees"):
        _check_tree(tree, features, f"{field}.trees")
    last: tuple[int, int] | None = None
    for point in shape.sequence(curve, MAX_POINTS, f"{field}.curve"):
        x, y = shape.array(point, 2, f"{field}.curve")
        _integer(x, f"{field}.curve")
        _integer(y, f"{field}.curve")
        if last is not None and (x <= last[0] or y < last[1]):
            raise Malformed(
                "wrong form", field=f"{field}.curve", expected="ascending scores, no falling output"
            )
        last = x, y
    return Ensemble(base, trees, curve)


def _check_tree(tree: codec.Value, features: int, field: str) -> None:
    nodes = shape.sequence(tree, MAX_NODES, field)
    if not nodes:
        raise Malformed("wrong form", field=field, expected="at least one node")
    is_child = bytearray(len(nodes))
    for place, node in enumerate(nodes):
        for part in shape.array(node, 5, field):
            _integer(part, field)
        feature, _, left, right, value = node
        _integer(value, field, MAX_VALUE)
        if feature == LEAF:
            continue
        if not 0 <= feature < features:
            raise Malformed("wrong form", field=field, found=feature, expected=f"a feature below {features}")
        if not (place < left < len(nodes) and place < right < len(nodes)):
            raise Malformed("wrong form", field=field, expected="children behind their parent")
        for child in (left, right):
            if is_child[child]:
                raise Malformed("wrong form", field=field, found=child, expected="one parent of each node")
            is_child[child] = True
    if sum(is_child) != len(nodes) - 1:
        raise Malformed("wrong form", field=field, expected="one parent of each node but the first")


def shrinkage(description: Sequence[int]) -> Lateness:
    """The three figures of the model that needs no training."""
    known = dict(zip(FEATURES, description, strict=True))
    median = known["weekday_median"] if known["weekday_median"] != MISSING else known["median_32"]
    return Lateness(
        known["weekday_late"],
        known["weekday_days"] if median == MISSING else median,
        known["beyond_long"],
    )
