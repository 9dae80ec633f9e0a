"""CR-88: the core among liars. The laws stand in `core_victim`; the longer campaign is scripts/fuzz."""

from __future__ import annotations

from random import Random

import pytest
from core_victim import Recording, Victim, play, recording
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

RECORDINGS: dict[int, Recording] = {}


def recorded(number: int) -> Recording:
    if number not in RECORDINGS:
        RECORDINGS[number] = recording(number, steps=700, nodes=3 + 2 * (number % 2))
    return RECORDINGS[number]


@pytest.mark.parametrize("number", range(6))
def test_a_core_among_liars_keeps_its_laws(number: int) -> None:
    """CR-01, CR-03, CR-25, CR-40, CR-69, CR-88: never raises, never moves back, never signs two."""
    victim = play(recorded(number % 3), Random(number), 700)
    counted = victim.counted
    assert min(counted["stepped"], counted["no message"], counted["dropped at the door"]) > 10, counted


@seed(20_261_124)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)
@given(st.randoms(use_true_random=False), st.sampled_from(range(3)))
def test_what_is_dropped_changes_nothing(chance: Random, number: int) -> None:
    """CR-34, CR-75, CR-88, with sequences that hypothesis makes smaller when one fails."""
    play(recorded(number), chance, 40)


def test_honest_messages_again_and_in_any_order_do_no_harm() -> None:
    """CR-50, CR-75: replayed, doubled and reordered messages of the members themselves."""
    chance = Random(7)
    for number in range(3):
        victim = Victim(recorded(number), chance)
        said = list(recorded(number).messages) * 2
        chance.shuffle(said)
        for message in said[:1_500]:
            if message.target == victim.name:
                victim.step(message)
                victim.live()
        victim.check_size()
        assert victim.counted["halted"] == 0
        assert not victim.raft.evidence, "honest nodes are not accused"
