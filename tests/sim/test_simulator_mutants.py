"""What the simulator is worth: deliberate bugs of `simulator/mutants.py` are found.

`scripts/simulate --mutants` looks for all of them and writes the table `tests/sim/MUTANTS.md`:
which rule finds each, and how many seeds it takes. The quick ones are looked for here as well.
The bound is well above what was measured: the numbers shift when the core changes.

One bug of the kind is not in the list, because no rule broke in 200 seeds of it: a follower that
answers with its log's end instead of what the request proved (CR-26). In this design the answer
moves commit only by a signature, a node signs only entries of the current term, and those it has
from this very leader. A transcript in `tests/consensus` holds that rule.
"""

from __future__ import annotations

import pytest
from simulator.campaign import run_campaign
from simulator.mutants import MUTANTS, SLOW
from simulator.world import Outcome

from consensus import Raft

STEPS = 1_500
MOST_SEEDS = 120
QUICK = [mutant for mutant in MUTANTS if mutant not in SLOW]


@pytest.mark.parametrize("mutant", QUICK, ids=lambda mutant: mutant.__name__)
def test_a_deliberate_bug_is_found(mutant: type[Raft]) -> None:
    def is_sound(outcome: Outcome) -> bool:
        return outcome.violation is None

    campaign = run_campaign(range(1, MOST_SEEDS + 1), steps=STEPS, core=mutant, seen=is_sound)
    assert campaign.failures, f"not found in {MOST_SEEDS} seeds: {MUTANTS[mutant]}"
