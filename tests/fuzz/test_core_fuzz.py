"""CR-88: the core among liars. The laws stand in `core_victim`; the longer campaign is scripts/fuzz."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from core_victim import Recording, Victim, follow, play, recording
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from consensus import Message, Raft
from consensus.messages import Append, Certificate, Heartbeat

KINDS = ("stepped", "no message", "dropped at the door", "led")
"""What has to come up."""
MOST_PARTS = 5
"""A victim leads once in some thousand messages."""
RECORDINGS: dict[int, Recording] = {}


def recorded(number: int) -> Recording:
    if number not in RECORDINGS:
        RECORDINGS[number] = recording(number, steps=700, nodes=3 + 2 * (number % 2))
    return RECORDINGS[number]


@pytest.mark.parametrize("number", range(3))
def test_a_core_among_liars_keeps_its_laws(number: int) -> None:
    """CR-01, CR-03, CR-25, CR-40, CR-69, CR-71, CR-88: never raises, never moves back, never signs two."""
    counted = Counter[str]()
    for part in range(MOST_PARTS):
        counted += play(recorded(number), Random(f"{number} {part}"), 3_000)
        if all(counted[kind] for kind in KINDS):
            break
    assert all(counted[kind] for kind in KINDS), counted


@seed(20_261_124)
@settings(max_examples=60, suppress_health_check=list(HealthCheck), database=None)
@given(
    st.sampled_from(range(3)),
    st.lists(
        st.tuples(st.integers(0, 4), st.integers(0, 2_000), st.integers(0, 2**32)), min_size=5, max_size=60
    ),
)
def test_whatever_is_said_in_whatever_order(number: int, script: list[tuple[int, int, int]]) -> None:
    """CR-34, CR-75, CR-88: short scripts, which hypothesis makes shorter when one fails."""
    follow(recorded(number), script)


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


class ReadsAbsurd(Raft):
    """Looks at messages that no honest node sends."""

    def _reason_to_drop(self, message: Message) -> str | None:
        reason = super()._reason_to_drop(message)
        return None if reason is not None and reason.startswith("absurd") else reason


class TakesDroppedForSign(Raft):
    """What is dropped counts as a sign of life."""

    def drop(self, reason: str) -> None:
        super().drop(reason)
        self.elapsed = 0


class BelievesAnyCertificate(Raft):
    """Commits by what calls itself a certificate."""

    def _holds(self, certificate: Certificate) -> bool:
        entry = self.log.entry(certificate.index)
        return entry is not None and entry.hash == certificate.hash


class BelievesBareCommit(Raft):
    """Commits what a leader says is committed."""

    def _handle(self, message: Message) -> None:
        super()._handle(message)
        if isinstance(message, Append | Heartbeat) and self.leader == message.sender:
            self.commit = max(self.commit, min(message.commit, self.log.persisted))


@pytest.mark.parametrize(
    "careless", [ReadsAbsurd, TakesDroppedForSign, BelievesAnyCertificate, BelievesBareCommit]
)
def test_a_careless_core_is_found(careless: type[Raft]) -> None:
    def found(number: int) -> bool:
        try:
            play(recorded(number % 3), Random(number), 1_500, careless)
        except Exception:
            return True
        return False

    assert any(found(number) for number in range(20))
