"""What the simulator is worth: each deliberate bug of `simulator/mutants.py` is found.

TABLE

The last columns judge only by what a user would suffer from (`END_TO_END`): a rule that looks
inside a node finds earlier, and says where. The bound of the test is above what was measured,
because a change of the core shifts what a seed does.

One bug of the kind is not in the list, because in this design nothing comes of it: a follower
that answers with its log's end instead of what the request proved (CR-26). Its answer moves
commit only by a signature, it signs only entries of the current term, and those it has from
this very leader. `tests/consensus` holds that rule by itself.
"""

from __future__ import annotations

import pytest
from simulator.campaign import run_campaign
from simulator.mutants import MUTANTS
from simulator.world import Outcome

from consensus import Raft

STEPS = 1_500
MOST_SEEDS = 400


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.__name__)
def test_a_deliberate_bug_is_found(mutant: type[Raft]) -> None:
    def is_sound(outcome: Outcome) -> bool:
        return outcome.violation is None

    campaign = run_campaign(range(1, MOST_SEEDS + 1), steps=STEPS, core=mutant, seen=is_sound)
    assert campaign.failures, f"not found in {MOST_SEEDS} seeds: {MUTANTS[mutant]}"
