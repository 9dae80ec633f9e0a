"""Simulated clusters of the real core are judged by their traces alone.

Sound cores break no rule, and every rule has something to judge. Cores with a deliberate bug
(`tests/sim/simulator/mutants.py`) break the rule that forbids it, also those that the simulator's
own checks do not see. A trace that somebody touched is found out.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from random import Random
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "sim"))

from simulator import mutants
from simulator.campaign import Unjudged
from simulator.plan import plan_of
from simulator.world import World

from consensus import Raft
from consensus.conformance import RULES, Checker, Event, Judge, Report

STEPS = 1_000
LEAST_SEEDS, MOST_SEEDS = 6, 40
RARELY = {"S2", "S3", "S4"}
"""The ledger keeps its log, and in a short run a node is seldom so far behind that it needs a snapshot."""


def simulate(seed: int, core: type[Raft] = Raft) -> Report:
    """One run, judged as it goes. A bug may also break an assertion of the core: the trace ends there."""
    judge = Judge()
    World(plan_of(seed, steps=STEPS), core=core, judge=Unjudged, tracer=judge.feed).run()
    return judge.finish()


def test_simulated_clusters_break_no_rule_and_exercise_all() -> None:
    exercised: Counter[str] = Counter()
    for seed in range(1, MOST_SEEDS + 1):
        report = simulate(seed)
        assert report.ok, (seed, [str(each) for each in report.violations[:5]])
        assert report.unobserved == []
        exercised.update(report.exercised)
        missing = {rule for rule in RULES if not exercised[rule]}
        if seed >= LEAST_SEEDS and missing <= RARELY:
            return
    pytest.fail(f"never exercised in {MOST_SEEDS} seeds: {missing - RARELY}")


class AnswersWithLogsEnd(Raft):
    """A success names the log's end, not what the request proved (CR-26, CCF 6001)."""

    def _answer(self, *arguments: Any, match: int | None = None, **named: Any) -> None:
        if match is not None:
            match = max(match, self.log.persisted)
        super()._answer(*arguments, match=match, **named)


BUGS = {
    "CountsOlderTerms": "Q6",
    "ForgetsVote": "T2",
    "SendsBeforeHard": "T4",
    "AcknowledgesBeforeSync": "Q2",
    "TruncatesOnStaleAppend": "L6",
    "VotesForBehind": "T3",
    "CountsASignerTwice": "Q4",
    "CountsItselfEarly": "C3",
    "LeadsWithoutFollowers": "T6",
    "CountsTheUnion": "C3",
    "ChangesInOneStep": "C3",
    "ChangesBeforeOwnCommit": "M2",
    "ServesReadsAtOnce": "R4",
    "BelievesEarlierAnswers": "R4",
    "AnswersWithLogsEnd": "G3",
}
"""Which rule names which bug."""


@pytest.mark.parametrize("bug", BUGS)
def test_a_core_with_a_bug_breaks_the_rule_that_forbids_it(bug: str) -> None:
    core = AnswersWithLogsEnd if bug == "AnswersWithLogsEnd" else getattr(mutants, bug)
    broken: set[str] = set()
    for seed in range(1, MOST_SEEDS + 1):
        broken |= set(simulate(seed, core).broken)
        if BUGS[bug] in broken:
            return
    pytest.fail(f"{BUGS[bug]} not broken in {MOST_SEEDS} seeds; {broken} was")


@pytest.fixture(scope="module")
def trace() -> list[Event]:
    events: list[Event] = []
    World(plan_of(7, steps=STEPS, driven=False), judge=Unjudged, tracer=events.append).run()
    assert judged(events) == set()
    return events


def judged(events: list[Event]) -> set[str]:
    judge = Judge()
    for event in events:
        judge.feed(event)
    return set(judge.finish().broken)


def test_events_one_node_after_the_other_are_judged_like_those_in_order(trace: list[Event]) -> None:
    checker, judge = Checker(), Judge()
    for event in trace:
        judge.feed(event)
    for node in sorted({event["node"] for event in trace}, reverse=True):
        for event in trace:
            if event["node"] == node:
                checker.feed(event)
    assert checker.finish().as_dict() == judge.finish().as_dict()


CHANGES: dict[str, tuple[str, Callable[[Event], None]]] = {
    "an entry of another hash": ("append", lambda event: _put(event["entries"][0], 2, "00")),
    "an acknowledgement of another block": ("ack", lambda event: _put(event, "hash", "00")),
    "a certificate of fewer": ("cert", lambda event: _put(event, "signers", event["signers"][:1])),
    "a commit too far": ("commit", lambda event: _put(event, "to", event["to"] + 1)),
    "an applied block of another hash": ("apply", lambda event: _put(event, "hash", "00")),
    "a vote for another": ("vote", lambda event: _put(event, "to", "n9")),
    "a term that rose by itself": ("persist", lambda event: _put(event, "term", event["term"] + 1)),
    "a message that changed on the way": ("recv", lambda event: _put(event["msg"], "term", 10**6)),
    "a message that was never sent": ("send", lambda event: _put(event["msg"], "id", "n1.9.9")),
    "a durable mark beyond the log": ("persist", lambda event: _put(event, "upto", event["upto"] + 999)),
    "a role that nobody took": ("commit", lambda event: _put(event, "role", "candidate")),
    "other voters": ("config", lambda event: _put(event, "voters", ["n9"])),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_event_is_found_out(trace: list[Event], change: str) -> None:
    kind, spoil = CHANGES[change]
    places = [place for place, event in enumerate(trace) if event["ev"] == kind]
    for place in Random(change).sample(places, min(3, len(places))):
        changed = list(trace)
        changed[place] = deepcopy(trace[place])
        spoil(changed[place])
        assert judged(changed), (change, place)


def test_a_missing_event_is_found_out(trace: list[Event]) -> None:
    last = {event["node"]: place for place, event in enumerate(trace)}
    places = [place for place in range(len(trace)) if place not in last.values()]
    for place in Random("missing").sample(places, 10):
        assert "E1" in judged(trace[:place] + trace[place + 1 :])


def _put(holder: Any, key: Any, value: Any) -> None:
    holder[key] = value
