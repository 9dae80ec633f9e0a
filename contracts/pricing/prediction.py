"""What the model in force says of one invoice, with its reasons: an input of the price.

    predict(model, asked, known, terms) -> Prediction

| in force | days beyond terms | reasons, in centidays |
|---|---|---|
| a published model | its output `beyond` | `base`, the output at the score of no feature; each feature |
| none | shrunk (`lateness.beyond_levels`) | `base`, `supplier`, `buyer`, `relationship` |

The reasons add up to the figure exactly. A model's reasons are exact in units of its score
(`model.Ensemble.reasons`); they are carried over to days in proportion, since the curve that calibrates the
score is not a straight line: each feature gets the same part of the difference of the outputs as it has of
the difference of the scores, by largest remainder, equal remainders in the order of the reasons. Where points
so nearly cancel that a part would be larger than any score, parts explain nothing: the greatest has all.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from contracts.pricing.known import Asked, Known
from contracts.pricing.lateness import beyond_levels, describe, expected
from contracts.pricing.model import MAX_SCORE, Lateness, Model, Reason
from contracts.pricing.terms import ProgrammeTerms

Reasons = tuple[tuple[str, int], ...]
"""(what, centidays of days beyond terms); the first is `base`."""

BASE, SUPPLIER, BUYER, RELATIONSHIP = "base", "supplier", "buyer", "relationship"


class Prediction(NamedTuple):
    """What is expected of an invoice before the programme has its say."""

    model: bytes
    """SHA-256 of the model's bytes; empty where shrinkage holds."""
    lateness: Lateness
    reasons: Reasons
    """They add up to `lateness.beyond_centidays`."""


def predict(
    model: tuple[bytes, Model] | None, asked: Asked, known: Known, terms: ProgrammeTerms
) -> Prediction:
    """The prediction for an invoice by the model in force, (hash, model), or by shrinkage without one."""
    if model is None:
        return _shrunk(asked, known, terms)
    name, rules = model
    found, base, reasons = rules.explain(describe(asked, known))
    return Prediction(name, found, ((BASE, base), *_in_days(reasons, found.beyond_centidays - base)))


def _shrunk(asked: Asked, known: Known, terms: ProgrammeTerms) -> Prediction:
    levels = beyond_levels(known, terms.prior_dbt_centidays, terms.shrink_count)
    others, supplier, buyer, relationship = levels
    found = Lateness(*expected(asked, known), relationship)
    reasons = (
        (BASE, others),
        (SUPPLIER, supplier - others),
        (BUYER, buyer - supplier),
        (RELATIONSHIP, relationship - buyer),
    )
    return Prediction(b"", found, reasons)


def _in_days(reasons: Sequence[Reason], total: int) -> Reasons:
    """The reasons carried over from the score to centidays of a total."""
    parts = in_proportion(total, [reason.points for reason in reasons])
    if any(abs(part) > MAX_SCORE for part in parts):
        parts = (total, *(0 for _ in parts[1:]))
    return tuple([(reason.feature, part) for reason, part in zip(reasons, parts, strict=True) if part])


def in_proportion(total: int, points: Sequence[int]) -> tuple[int, ...]:
    """Parts of a total in proportion to points of either sign, which add up to it exactly (invariant 21).

    Largest remainder, the earlier part first among equals. Without a sum of points there is no difference to
    part, since then the score is that of no feature: the total must be zero, and so are the parts.
    """
    whole = sum(points)
    if not whole:
        assert not total, "the same score has the same output"
        return (0,) * len(points)
    sign = -1 if whole < 0 else 1
    divided = [divmod(total * sign * point, whole * sign) for point in points]
    parts = [part for part, _ in divided]
    left = total - sum(parts)
    for place in sorted(range(len(points)), key=lambda place: -divided[place][1])[:left]:
        parts[place] += 1
    assert sum(parts) == total, "every centiday has its reason"
    return tuple(parts)
