"""Training of a lateness model off the ledger, and its quantisation to integers.

Gradient-boosted trees by scikit-learn on descriptions that the ledger's own code made. Everything is fixed:
seeds, order of rows, one thread. What comes out is a `contracts.pricing.model.Model`: integer thresholds and
leaves, and calibration curves, so that from here on no float takes part in a figure.

Censoring: an invoice that is still open when the history ends and whose due date has passed is late, by as
much as others that were unpaid at that age (`_pricing_unpaid`). One that is not yet due by then is left out,
even if it was paid: of those due late only the quick ones are known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp, floor

import numpy as np
from _pricing_ledger import Description
from _pricing_rows import Row
from _pricing_unpaid import completed
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from contracts.pricing.forest import LEAF, Node, Tree
from contracts.pricing.lateness import FEATURES
from contracts.pricing.model import MAX_POINTS, Ensemble, Model
from contracts.trade.habit_entry import MOST_BEYOND_DAYS

MICRO = 1_000_000
LEAST_DAYS, MOST_DAYS = -30, 60
HALF_LIFE_DAYS = 365
"""Age at which a row of the history counts half. The descriptions themselves follow a buyer that changes;
a shorter half-life leaves fewer rows to learn from, and customers that no row is of feel that first."""
LEAST_ROWS = 500
"""Fewer teach a model nothing that the default does not know."""
OLDER_SHARE = 0.7
"""Share of the rows that trees are grown on whose probabilities are calibrated by the rest."""
STEPS = 40
"""Points of an isotonic calibration, at most."""
LEAST_STEP_ROWS = 50
"""Rows that a point of it stands for, at least: fewer say little of a share."""
assert STEPS <= MAX_POINTS, "a model holds it"
SEED = 20120331

LEFT_OUT = (
    *("open_invoices", "overdue_fresh", "late_with_overdue"),
    *("buyer_open", "buyer_overdue", "buyer_overdue_days", "buyer_late_with_overdue"),
    *("supplier_open", "supplier_overdue", "supplier_overdue_days", "supplier_late_with_overdue"),
    *("network_overdue", "network_overdue_days", "day_of_month"),
)
"""Not trained on: how many invoices are open, and overdue, depends on how completely a history says what
became of them, and the day of the month is known from too few months."""

TRAINED_ON = tuple(name for name in FEATURES if name not in LEFT_OUT)
RISING = frozenset(
    {
        "late_long",
        "weekday_late",
        "weekday_late_recent",
        "late_recent",
        "amount_late",
        "month_late",
        "issue_late",
        "same_amount_late",
        "network_weekday",
        "beyond_long",
    }
)
"""Features that may only raise the probability of late payment."""

LATE = {
    "max_bins": 63,
    "learning_rate": 0.04,
    "max_iter": 180,
    "max_leaf_nodes": 15,
    "max_features": 0.3,
    "min_samples_leaf": 40,
    "l2_regularization": 5.0,
}
"""Fewer bins than there are values: coarse thresholds carry over better to customers that no row is of."""
DAYS = {
    "learning_rate": 0.1,
    "max_iter": 120,
    "max_leaf_nodes": 15,
    "max_features": 0.4,
    "min_samples_leaf": 160,
}
BEYOND = {
    "learning_rate": 0.06,
    "max_iter": 80,
    "max_leaf_nodes": 8,
    "max_features": 0.3,
    "min_samples_leaf": 80,
    "l2_regularization": 5.0,
}
TREES, SCORECARD = "trees", "scorecard"
LEAVES = {TREES: {}, SCORECARD: {"max_leaf_nodes": 2}}
"""What each kind of model changes. A scorecard's trees have one split each: it is a sum of points of single
features, which a person can check by hand."""


@dataclass(frozen=True)
class TrainingSet:
    """Descriptions with what became of the invoices."""

    features: tuple[str, ...]
    """Those of `TRAINED_ON` that tell rows of one day apart: the others teach nothing but what day it was."""
    values: np.ndarray
    late: np.ndarray
    days: np.ndarray
    """Days late; of an unpaid row the median of what is expected."""
    beyond: np.ndarray
    """Days beyond terms, at most `MOST_BEYOND_DAYS`; of an unpaid row the mean of what is expected."""
    weight: np.ndarray
    due: np.ndarray

    @classmethod
    def of(cls, rows: Sequence[Row], descriptions: Sequence[Description]) -> TrainingSet:
        """The rows of a history whose outcome is known without bias when it ends."""
        end = max((row.cleared for row in rows if row.cleared is not None), default=0)
        chosen = [place for place, row in enumerate(rows) if row.due < end and row.issued <= end]
        places = [FEATURES.index(name) for name in TRAINED_ON]
        values = np.array(
            [[descriptions[place][at] for at in places] for place in chosen], dtype=np.float64
        ).reshape(-1, len(places))
        telling = _telling(values, np.array([rows[place].issued for place in chosen]))
        due = np.array([rows[place].due for place in chosen], dtype=np.int64)
        is_unpaid = np.array([rows[place].cleared is None for place in chosen], dtype=bool)
        until = [end if cleared is None else cleared for cleared in (rows[place].cleared for place in chosen)]
        known = np.array(until, dtype=np.int64) - due
        median, mean = completed(known, is_unpaid)
        return cls(
            tuple([name for name, tells in zip(TRAINED_ON, telling, strict=True) if tells]),
            values[:, telling],
            late=(known > 0).astype(np.int64),
            days=median,
            beyond=mean.clip(0, MOST_BEYOND_DAYS),
            weight=0.5 ** ((end - due) / HALF_LIFE_DAYS),
            due=due,
        )

    def __len__(self) -> int:
        return len(self.days)

    @property
    def is_enough(self) -> bool:
        """Whether a model can be trained on it."""
        return len(self) >= LEAST_ROWS and bool(self.features) and 0 < int(self.late.sum()) < len(self)


def _telling(values: np.ndarray, days: np.ndarray) -> np.ndarray:
    """Which features tell rows of the same day apart; of rows that mostly have a day of their own, any rows.

    What is the same for everybody on a day, as the network's quantiles are, and in a network of one supplier
    the supplier's too, tells a model the date, and it would learn by heart what happened then.
    """
    _, first, day_of, rows_of = np.unique(days, return_index=True, return_inverse=True, return_counts=True)
    if 2 * (rows_of[day_of] > 1).sum() < len(days):
        return (values != values[:1]).any(axis=0)
    return (values != values[first[day_of]]).any(axis=0)


Curve = tuple[tuple[int, int], ...]
"""A polyline from millionths of a score's unit to an output, as `contracts.pricing.model` has it."""


def train(known: TrainingSet, calibration: str = "", kind: str = TREES) -> Model:
    """The quantised model, of a kind of `LEAVES`.

    Its probabilities are calibrated on the newest rows by a way of `CALIBRATIONS`, if one is named and helps.
    """
    with threadpool_limits(1):
        late = _fit_late(known, np.arange(len(known)), kind)
        curve = _calibrated(known, calibration, kind) if calibration else None
        days = HistGradientBoostingRegressor(
            **{**DAYS, **LEAVES[kind]}, loss="absolute_error", early_stopping=False, random_state=SEED
        ).fit(known.values, known.days.clip(LEAST_DAYS, MOST_DAYS), sample_weight=known.weight)
        beyond = HistGradientBoostingRegressor(
            **{**BEYOND, **LEAVES[kind]}, loss="poisson", early_stopping=False, random_state=SEED
        ).fit(known.values, known.beyond, sample_weight=known.weight)
    return Model(
        known.features,
        Ensemble(*_quantised(late), curve or UNCALIBRATED),
        Ensemble(*_quantised(days), ((-400 * MICRO, -40_000), (400 * MICRO, 40_000))),
        Ensemble(*_quantised(beyond), _curve(lambda score: 100 * exp(score), -6, 5)),
    )


def _fit_late(known: TrainingSet, chosen: np.ndarray, kind: str) -> HistGradientBoostingClassifier:
    rising = [int(name in RISING) for name in known.features]
    model = HistGradientBoostingClassifier(
        **{**LATE, **LEAVES[kind]}, monotonic_cst=rising, early_stopping=False, random_state=SEED
    )
    return model.fit(known.values[chosen], known.late[chosen], sample_weight=known.weight[chosen])


def _calibrated(known: TrainingSet, calibration: str, kind: str) -> Curve | None:
    """The curve of the probability, from the newest rows as trees score them that had not seen them."""
    in_time = np.argsort(known.due, kind="stable")
    older, newer = np.split(in_time, [int(len(in_time) * OLDER_SHARE)])
    if not 0 < known.late[older].sum() < len(older):
        return None
    scores = _fit_late(known, older, kind).decision_function(known.values[newer])
    return helpful(CALIBRATIONS[calibration], scores, known.late[newer])


def helpful(
    fit: Callable[[np.ndarray, np.ndarray], Curve | None], scores: np.ndarray, late: np.ndarray
) -> Curve | None:
    """What a way of calibrating makes of log odds, if it helps; rows in the order of their due dates.

    It is fitted on the earlier half and kept only if it lowers the Brier score of the later half, which it
    has not seen. Where the share of late ones moves, the newest rows may mislead all the same.
    """
    half = len(scores) // 2
    if not 0 < late[:half].sum() < half:
        return None
    curve = fit(scores[:half], late[:half])
    if curve is None:
        return None
    after, before = (
        ((_through(found, scores[half:]) - late[half:]) ** 2).mean() for found in (curve, UNCALIBRATED)
    )
    return curve if after < before else None


def calibration_left_out(model: Model) -> str:
    """What to say of a model that was to be calibrated; empty if it was."""
    if model.late.curve != UNCALIBRATED:
        return ""
    return "The calibration did not help on rows that it had not seen: it was left out."


def platt(scores: np.ndarray, late: np.ndarray) -> Curve | None:
    """A logistic curve of the log odds; None if it would fall.

    J. Platt, Probabilistic outputs for support vector machines, 1999.
    """
    scaled = LogisticRegression(C=1e6).fit(scores.reshape(-1, 1), late)
    slope, shift = float(scaled.coef_[0][0]), float(scaled.intercept_[0])
    return _curve(lambda score: 1e6 * _share(slope * score + shift), -6, 6) if slope > 0 else None


def isotonic(scores: np.ndarray, late: np.ndarray) -> Curve | None:
    """The share late as a rising polyline of at most `STEPS` points; None if the rows give no two points.

    Rows are joined in groups of neighbouring scores, a group's share is that of half a late and half a
    punctual row more, so that nothing is ever certain, and neighbours that fall are pooled.
    B. Zadrozny and C. Elkan, Transforming classifier scores into accurate multiclass probability
    estimates, 2002.
    """
    parts = max(1, min(STEPS, len(scores) // LEAST_STEP_ROWS))
    groups = np.array_split(np.argsort(scores, kind="stable"), parts)
    rows = np.array([len(group) for group in groups], dtype=float)
    at = np.array([scores[group].mean() for group in groups])
    shares = (np.array([late[group].sum() for group in groups]) + 0.5) / (rows + 1)
    rising = IsotonicRegression().fit(at, shares, sample_weight=rows).predict(at)
    points: list[tuple[int, int]] = []
    for share in np.unique(rising):
        pooled = rising == share
        place = round(float(np.average(at[pooled], weights=rows[pooled])) * MICRO)
        if not points or place > points[-1][0]:
            points.append((place, round(float(share) * MICRO)))
    return tuple(points) if len(points) > 1 else None


CALIBRATIONS = {"platt": platt, "isotonic": isotonic}


def _through(curve: Curve, scores: np.ndarray) -> np.ndarray:
    """Shares on a curve, as `contracts.pricing.model.on_curve` has them but for the rounding."""
    places, shares = zip(*curve, strict=True)
    return np.interp(scores * MICRO, places, shares) / MICRO


def _share(log_odds):
    return 1 / (1 + np.exp(-log_odds))


def _curve(link: Callable[[float], float], least: int, most: int) -> Curve:
    """The inverse of a link function as a polyline, in steps of a sixteenth."""
    points = [(place * MICRO // 16, round(link(place / 16))) for place in range(least * 16, most * 16 + 1)]
    return tuple(points)


UNCALIBRATED = _curve(lambda score: 1e6 * _share(score), -6, 6)
"""The probability as the trees' loss leaves it."""


def _quantised(model) -> tuple[int, tuple[Tree, ...]]:
    """(base, trees) of a fitted model in millionths of its score's unit."""
    base = round(float(np.ravel(model._baseline_prediction)[0]) * MICRO)
    return base, tuple([_tree(stage[0].nodes) for stage in model._predictors])


def _tree(nodes: np.ndarray) -> Tree:
    """One tree; the value of an inner node is the mean of its children's, by the rows that reached them."""
    values = [round(float(node["value"]) * MICRO) for node in nodes]
    for place in range(len(nodes) - 1, -1, -1):
        node = nodes[place]
        if not node["is_leaf"]:
            left, right = int(node["left"]), int(node["right"])
            of_left, of_right = int(nodes[left]["count"]), int(nodes[right]["count"])
            values[place] = (values[left] * of_left + values[right] * of_right) // max(1, of_left + of_right)
    return tuple([_node(node, value) for node, value in zip(nodes, values, strict=True)])


def _node(node: np.void, value: int) -> Node:
    if node["is_leaf"]:
        return (LEAF, 0, 0, 0, value)
    threshold = floor(float(node["num_threshold"]))
    return (int(node["feature_idx"]), threshold, int(node["left"]), int(node["right"]), value)
