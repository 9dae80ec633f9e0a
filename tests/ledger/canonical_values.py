"""Hypothesis strategies for canonical values."""

from hypothesis import strategies as st

from ledger.limits import INT_MAX, INT_MIN

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
SCALARS = st.none() | st.booleans() | st.integers(INT_MIN, INT_MAX) | TEXTS | st.binary(max_size=40)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=5).map(tuple) | st.dictionaries(TEXTS, inner, max_size=5),
    max_leaves=20,
)
"""Any canonical value, arrays as tuples."""
