"""Who changes what comes out of an operation raises the version of the contracts: recorded ledgers show it.

`test_contract_version` does the same for what the contracts declare. Under rules that differ without a name
of their own a node that is brought up to date would stop at the first block that it cannot reproduce.
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from pathlib import Path

import pytest
import recorded

from contracts import CONTRACT_VERSION, errors
from contracts.finance import claim, secondary
from contracts.pricing import formulae
from contracts.registry import OPERATIONS

COMES_OUT = {3: "1d91a1aff2841e3d0c33c525c7d76842d7d2948dd42a3320ca6fbac6bc9926c0"}
"""Digest of what comes out of the recorded ledgers under a version; one that was in force keeps its own."""

LEAST_CODES = 150
"""Codes of refusals that the recorded ledgers give at least."""


@lru_cache(maxsize=1)
def known() -> tuple[int, tuple[recorded.Recorded, ...]]:
    return recorded.read()


def test_what_comes_out_of_recorded_ledgers_belongs_to_the_version() -> None:
    """Invariant 23, over the time between two releases."""
    version, ledgers = known()
    found = next(recorded.differences(ledgers), None)
    assert found is None, (
        f"{found} comes out otherwise than under version {version}. If a rule was meant to change: raise "
        "CONTRACT_VERSION, run scripts/replay-ledgers --record, put its digest here under the new version. "
        "scripts/replay-ledgers lists every ledger that comes out otherwise."
    )
    assert version == CONTRACT_VERSION, "run scripts/replay-ledgers --record under the new version"
    assert recorded.digest_of(ledgers) == COMES_OUT[CONTRACT_VERSION]


def test_recorded_ledgers_take_every_operation_and_give_most_codes() -> None:
    _, ledgers = known()
    taken: Counter[str] = Counter()
    codes: set[str] = set()
    for ledger in ledgers:
        for step, outcome in zip(ledger.steps, recorded.outcomes(ledger), strict=True):
            refused = (
                {} if outcome.result == recorded.MALFORMED else {row[0]: row[1] for row in outcome.result}
            )
            codes |= set(refused.values())
            if step is None or outcome.result == recorded.MALFORMED or (step[2] and refused):
                continue
            taken.update(operation["op"] for at, operation in enumerate(step[3]) if at not in refused)
    assert OPERATIONS.keys() == taken.keys(), "scripts/replay-ledgers --add draws ledgers with what is new"
    assert len(codes) >= LEAST_CODES, sorted(errors.REMEDIES.keys() - codes)


@pytest.mark.parametrize(
    ("place", "name", "other"),
    [
        (claim, "divide_up", lambda part, whole: part // whole),
        (formulae, "divide_up", lambda part, whole: part // whole + 1),
        (secondary, "is_as_offered", lambda *_: True),
        (claim, "MAX_ROUNDS", 1),
    ],
    ids=["overdue interest rounded down", "a price a unit higher", "an offer that stands", "a bound"],
)
def test_a_rule_that_only_code_says_is_noticed(
    monkeypatch: pytest.MonkeyPatch, place: object, name: str, other: object
) -> None:
    monkeypatch.setattr(place, name, other)
    assert next(recorded.differences(known()[1]), None) is not None


def test_a_step_that_comes_out_otherwise_is_named(tmp_path: Path) -> None:
    version, ledgers = known()
    spoilt = bytearray(ledgers[1].marks)
    spoilt[recorded.MARK_BYTES * 2] ^= 1
    (found,) = recorded.differences((ledgers[0], ledgers[1]._replace(marks=bytes(spoilt))))
    assert (found.ledger, found.step) == (1, 2)
    recorded.write(ledgers[:2], tmp_path / "again.bin")
    assert recorded.read(tmp_path / "again.bin") == (version, ledgers[:2])
