"""`scripts/fraud-drill`: what a rule prevents it prevents always, what the screening is to find it finds.

One small drill: a year of trade, each fraud and each near-miss once. The larger figures are in docs/fraud.md.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
sys.path.append(str(ROOT / "scripts"))

from _fraud_cases import NOTHING, RULE, SCREENING  # noqa: E402
from _fraud_drill import Drill, Result, play  # noqa: E402
from _fraud_near import NEAR_MISSES  # noqa: E402
from _fraud_schemes import FRAUDS  # noqa: E402

from clients.screening import CHECKS  # noqa: E402
from clients.screening.finding import Place  # noqa: E402
from contracts.errors import REMEDIES  # noqa: E402
from contracts.state_check import check_state  # noqa: E402

DOCUMENT = (ROOT / "docs" / "fraud.md").read_text()


@pytest.fixture(scope="module")
def drill() -> Drill:
    return Drill(seed=1, years=1, cases=1, pairs=1)


@pytest.fixture(scope="module")
def result(drill: Drill) -> Result:
    return play(drill)


def test_what_a_rule_prevents_is_refused_each_time_with_a_code_that_has_a_remedy(result: Result) -> None:
    scores = [score for score in result.frauds if score.scheme.meets == RULE]
    assert [score for score in scores if score.prevented != score.attempts] == []
    assert {code for score in scores for code in score.codes} <= REMEDIES.keys()


def test_what_the_screening_is_to_find_is_found_each_time(result: Result) -> None:
    scores = [score for score in result.frauds if score.scheme.meets == SCREENING]
    assert [score for score in scores if score.detected != score.attempts or score.untried] == []
    assert {check for score in scores for check in score.checks} == set(CHECKS), "each check has its fraud"


def test_no_honest_near_miss_is_refused_and_only_those_that_the_document_names_raise_an_alarm(
    result: Result,
) -> None:
    assert [score for score in result.near_misses if score.refused] == []
    named = set(re.findall(r"^\| \*([^|*]+)\* \|", DOCUMENT, re.MULTILINE))
    assert named <= {scheme.way for scheme in NEAR_MISSES}
    assert {score.scheme.way for score in result.near_misses if score.alarms} <= named


def test_a_finding_points_at_records_that_the_histories_have(result: Result) -> None:
    assert result.examples.keys() == set(CHECKS)
    for finding in result.examples.values():
        assert finding.evidence
        places = [place for place in finding.evidence if isinstance(place, Place)]
        assert all(place.number >= 0 and place.supplier != place.buyer for place in places)


def test_the_document_has_each_fraud_each_way_and_each_check() -> None:
    for scheme in (*FRAUDS, *NEAR_MISSES):
        assert scheme.fraud in DOCUMENT
        assert scheme.way in DOCUMENT, scheme.way
    assert [check for check in CHECKS if f"`{check}`" not in DOCUMENT] == []
    evading = {scheme.way for scheme in FRAUDS if scheme.meets == NOTHING}
    limits = DOCUMENT.split("## What gets through")[1].split("\n## ")[0]
    assert {way for way in evading if f"*{way}*" not in limits} == set(), "what evades is said to evade"


def test_all_laws_hold_over_the_state_that_cheats_have_worked_on(drill: Drill, result: Result) -> None:
    assert result.operations == drill.world.operations > 5_000
    check_state(drill.world.state.items())


def test_the_same_seed_gives_the_same_world() -> None:
    states = []
    for _ in range(2):
        drill = Drill(seed=2, years=1, cases=1, pairs=0)
        drill.world.run_until(drill.world.day + 100)
        states.append(drill.world.state)
    assert states[0] == states[1]
