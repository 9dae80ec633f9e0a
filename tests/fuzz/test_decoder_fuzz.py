"""Whatever bytes come: read and written back the same, or refused by a typed error.

The corpus holds small inputs that were interesting once; hypothesis and `mutation` add to
them. The longer campaign is scripts/fuzz.
"""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
from decoders import TARGETS
from hypothesis import HealthCheck, example, given, seed, settings
from hypothesis import strategies as st

CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.bin"))
CASES = 400


@pytest.mark.parametrize("name", TARGETS)
def test_honest_bytes_are_read(name: str) -> None:
    for data in TARGETS[name].seeds():
        assert TARGETS[name].is_read(data)


@pytest.mark.parametrize("name", TARGETS)
def test_mutated_bytes_are_read_or_refused(name: str) -> None:
    chance = Random(f"decoders {name}")
    refused = sum(not TARGETS[name].is_read(TARGETS[name].case(chance)) for _ in range(CASES))
    assert refused > CASES // 4


@pytest.mark.parametrize("name", TARGETS)
def test_the_corpus_is_read_or_refused(name: str) -> None:
    assert CORPUS
    for path in CORPUS:
        TARGETS[name].is_read(path.read_bytes())


@seed(20_261_124)
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], database=None)
@given(st.binary(max_size=200), st.sampled_from(sorted(TARGETS)))
@example(b"\0\0\0\1\xc0" * 3, "stream")
def test_any_bytes_are_read_or_refused(data: bytes, name: str) -> None:
    TARGETS[name].is_read(data)
